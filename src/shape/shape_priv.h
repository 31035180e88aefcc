/* What the inference rules share. A rule reads the types that reach its node, reports the first
 * fault through shape_fault, and writes the types of the node's outputs, which start unknown.
 * The driver has checked before: numbers of inputs and outputs, every known dimension below
 * SHAPE_DIM_MAX (so a product of two dimensions cannot overflow). It checks after: sizes and
 * element counts of the outputs. */
#ifndef SHAPE_SHAPE_PRIV_H
#define SHAPE_SHAPE_PRIV_H

#include "shape/shape.h"

#define SHAPE_DIM_MAX ((int64_t)INT32_MAX)

struct shaper {
    const struct graph *g;
    struct ttype *types;  /* of every output so far; node n's are at base[n] */
    const int32_t *base;  /* by slot */
    const struct node *n; /* the node at hand */
    int32_t id;
    struct ttype *out; /* its outputs: types + base[id] */
    struct err *err;
};

typedef enum status shape_fn(struct shaper *s);

/* ST_MODEL "node 'conv1' (Conv): ..." */
enum status shape_fault(struct shaper *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Type of what arrives at input i; NULL when the input is left out. */
const struct ttype *shape_in(const struct shaper *s, int i);
/* The type that output `port` had before: what the file declares. Used only where the shape hangs
 * on values that are not constant. Unknown when its rank is not `rank` (any rank when -1). */
struct ttype shape_declared(const struct shaper *s, int port, int rank);

/* The element type that inputs first .. last agree on (DT_UNDEFINED inputs agree with all). */
enum status shape_join_dtype(struct shaper *s, int first, int last, uint8_t *dtype);
/* The one size that two dimensions that must be equal have; false when they differ. */
bool shape_merge_dim(int64_t a, int64_t b, int64_t *out);
/* Multidirectional broadcasting of b into *acc; false when the shapes do not fit. */
bool shape_broadcast(struct ttype *acc, const struct ttype *b);
/* Whether b can be broadcast to a without changing a. */
bool shape_broadcasts_to(const struct ttype *a, const struct ttype *b);

/* A rank-0 or rank-1 integer constant of at most `max` elements at input `port`; -1 when it is no
 * constant (or left out), -2 when it is one of another kind or longer. */
int shape_const_ints(const struct shaper *s, int port, int64_t *v, int max);
/* How many elements the rank-1 input `port` has; -1 when unknown or left out. */
int64_t shape_vector_len(const struct shaper *s, int port);
/* An ints attribute with exactly `count` values in lo .. hi; `fallback` for all when absent. */
enum status shape_attr_ints(struct shaper *s, const char *name, int count, int64_t lo, int64_t hi,
                            int64_t fallback, int64_t *v);
/* Brings an axis in -rank .. rank-1 to 0 .. rank-1. */
enum status shape_axis(struct shaper *s, int64_t axis, int rank, int *out);
/* A set of axes as a bit mask; a repeated axis is a fault. */
enum status shape_axis_set(struct shaper *s, const int64_t *axes, int n, int rank, unsigned *mask);
/* A parameter vector (bias, scale ...) at `port`: rank 1 and `size` long, where both are known. */
enum status shape_param_vector(struct shaper *s, int port, const char *what, int64_t size);

shape_fn rule_conv, rule_convt, rule_pool, rule_global, rule_norm, rule_gemm, rule_matmul;
shape_fn rule_same, rule_cast, rule_broadcast, rule_reduce;
shape_fn rule_concat, rule_split, rule_slice, rule_pad, rule_depth, rule_resize;
shape_fn rule_flatten, rule_reshape, rule_transpose, rule_squeeze, rule_unsqueeze;

#endif
