/* Tensor types and constant tensors (weights).
 *
 * A tensor is immutable, atomically refcounted and shared by all versions of a graph. Its values
 * are either bytes (owned, or borrowed from an owner object that is kept alive) or a recipe
 * (constant fill, He-normal from a seed), which costs nothing until it is read: a VGG-16 of the
 * zoo or a ConstantOfShape weight takes no memory.
 * Element layout is ONNX raw_data: little-endian, row-major. Thread-safe (immutable). */
#ifndef GRAPH_TENSOR_H
#define GRAPH_TENSOR_H

#include "base/err.h"
#include "base/str.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The numbers of onnx.TensorProto.DataType. */
enum dtype {
    DT_UNDEFINED = 0,
    DT_FLOAT = 1,
    DT_UINT8 = 2,
    DT_INT8 = 3,
    DT_UINT16 = 4,
    DT_INT16 = 5,
    DT_INT32 = 6,
    DT_INT64 = 7,
    DT_STRING = 8,
    DT_BOOL = 9,
    DT_FLOAT16 = 10,
    DT_DOUBLE = 11,
    DT_UINT32 = 12,
    DT_UINT64 = 13,
    DT_COMPLEX64 = 14,
    DT_COMPLEX128 = 15,
    DT_BFLOAT16 = 16,
};

const char *dtype_name(int dtype);
/* Bytes of one element; 0 for string and undefined. */
size_t dtype_size(int dtype);

#define TTYPE_MAX_RANK 8

/* A dimension is a size >= 0, DIM_UNKNOWN, or a symbol of the graph (a named batch size ...). */
#define DIM_UNKNOWN ((int64_t)-1)
#define DIM_SYM(k) ((int64_t)(-2 - (k)))
#define DIM_IS_SYM(d) ((d) <= -2)
#define DIM_SYM_INDEX(d) ((int)(-2 - (d)))

/* Type and shape of a value. rank -1: shape unknown. Zero-initialised with rank = -1 is "unknown":
 * use ttype_unknown(). */
struct ttype {
    uint8_t dtype;
    int8_t rank;
    int64_t dim[TTYPE_MAX_RANK];
};

/* An axis as operators write it, from -rank to rank-1, as 0 to rank-1. */
static inline int ttype_axis(int64_t axis, int rank)
{
    return (int)(axis < 0 ? axis + rank : axis);
}

struct ttype ttype_unknown(void);
struct ttype ttype_make(int dtype, int rank, const int64_t *dim);
/* Float N,C,H,W. */
struct ttype ttype_nchw(int64_t n, int64_t c, int64_t h, int64_t w);
bool ttype_equal(const struct ttype *a, const struct ttype *b);
/* Equal where both are known (symbols and unknowns match anything). */
bool ttype_compatible(const struct ttype *a, const struct ttype *b);
/* Number of elements; symbolic and unknown dimensions count as `batch`. -1: rank unknown or
 * overflow. */
int64_t ttype_count(const struct ttype *t, int64_t batch);
/* "N x 64 x 56 x 56" in the compact form 1x64x56x56 with ? for unknown; into buf, returned.
 * Symbols print as N. */
const char *ttype_text(const struct ttype *t, char *buf, size_t size);

enum tensor_kind { TENSOR_BYTES, TENSOR_FILL, TENSOR_HE };

struct tensor; /* opaque */

/* All constructors return one reference. `name` may be "" (export then makes one up).
 * tensor_new_bytes copies; tensor_new_borrowed keeps `data` as it is and calls release(owner)
 * when the last reference goes. The type must be fully known. */
struct tensor *tensor_new_bytes(const char *name, const struct ttype *type, const void *data,
                                size_t size);
struct tensor *tensor_new_borrowed(const char *name, const struct ttype *type, const void *data,
                                   size_t size, void *owner, void (*release)(void *owner));
/* Every element is `value` (converted to the element type; float, double and integer types). */
struct tensor *tensor_new_fill(const char *name, const struct ttype *type, double value);
/* Normal with variance 2 / fan_in (He et al. 2015), float only; the same values for the same
 * seed on every machine. */
struct tensor *tensor_new_he(const char *name, const struct ttype *type, int64_t fan_in,
                             uint64_t seed);
struct tensor *tensor_new_i64(const char *name, const int64_t *v, int n); /* rank 1 */
struct tensor *tensor_new_f32(const char *name, float v);                 /* rank 0 */
/* The same values under another name. */
struct tensor *tensor_renamed(const struct tensor *t, const char *name);
/* Marks a fill tensor that came from a ConstantOfShape node, which export writes back as one. */
void tensor_mark_node(struct tensor *t, const char *node_name);

struct tensor *tensor_ref(const struct tensor *t); /* a new reference to the same object */
void tensor_unref(struct tensor *t);               /* NULL is fine */

const char *tensor_name(const struct tensor *t);
const struct ttype *tensor_type(const struct tensor *t);
enum tensor_kind tensor_kind(const struct tensor *t);
size_t tensor_size(const struct tensor *t); /* bytes when read */
int64_t tensor_count(const struct tensor *t);
/* The bytes, or NULL for a recipe. Borrowed for the life of the tensor. */
const void *tensor_data(const struct tensor *t);
/* Fill value of a TENSOR_FILL; seed and fan-in of a TENSOR_HE. */
double tensor_fill_value(const struct tensor *t);
uint64_t tensor_seed(const struct tensor *t);
int64_t tensor_fan_in(const struct tensor *t);
const char *tensor_node(const struct tensor *t); /* of tensor_mark_node, or NULL */
/* Writes all tensor_size() bytes into dst, whatever the kind. */
void tensor_read(const struct tensor *t, void *dst);
/* Integer element i of a bytes or fill tensor of an integer type; `fallback` elsewhere. */
int64_t tensor_int_at(const struct tensor *t, int64_t i, int64_t fallback);
/* Element i of a float, double or integer bytes/fill tensor as double; `fallback` elsewhere. */
double tensor_num_at(const struct tensor *t, int64_t i, double fallback);
/* Same type and the same values (compares recipes as recipes first; reads bytes otherwise). */
bool tensor_equal(const struct tensor *a, const struct tensor *b);

#endif
