#include "graph/tensor.h"

#include "base/mem.h"
#include "base/rng.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tensor {
    atomic_int refs;
    enum tensor_kind kind;
    char *name, *node;
    struct ttype type;
    size_t size;
    const void *data; /* TENSOR_BYTES */
    void *owner;      /* released when set, else data is our own */
    void (*release)(void *);
    double fill;
    uint64_t seed;
    int64_t fan_in;
};

static const struct {
    const char *name;
    size_t size;
} dtypes[] = {
    [DT_UNDEFINED] = {"undefined", 0}, [DT_FLOAT] = {"float", 4},
    [DT_UINT8] = {"uint8", 1},         [DT_INT8] = {"int8", 1},
    [DT_UINT16] = {"uint16", 2},       [DT_INT16] = {"int16", 2},
    [DT_INT32] = {"int32", 4},         [DT_INT64] = {"int64", 8},
    [DT_STRING] = {"string", 0},       [DT_BOOL] = {"bool", 1},
    [DT_FLOAT16] = {"float16", 2},     [DT_DOUBLE] = {"double", 8},
    [DT_UINT32] = {"uint32", 4},       [DT_UINT64] = {"uint64", 8},
    [DT_COMPLEX64] = {"complex64", 8}, [DT_COMPLEX128] = {"complex128", 16},
    [DT_BFLOAT16] = {"bfloat16", 2},
};

const char *dtype_name(int dtype)
{
    return dtype >= 0 && dtype <= DT_BFLOAT16 ? dtypes[dtype].name : "undefined";
}

size_t dtype_size(int dtype)
{
    return dtype >= 0 && dtype <= DT_BFLOAT16 ? dtypes[dtype].size : 0;
}

struct ttype ttype_unknown(void)
{
    return (struct ttype){.dtype = DT_UNDEFINED, .rank = -1};
}

struct ttype ttype_make(int dtype, int rank, const int64_t *dim)
{
    struct ttype t = {.dtype = (uint8_t)dtype, .rank = (int8_t)rank};
    for (int i = 0; i < rank && i < TTYPE_MAX_RANK; i++)
        t.dim[i] = dim[i];
    return t;
}

struct ttype ttype_nchw(int64_t n, int64_t c, int64_t h, int64_t w)
{
    return ttype_make(DT_FLOAT, 4, (int64_t[]){n, c, h, w});
}

bool ttype_equal(const struct ttype *a, const struct ttype *b)
{
    if (a->dtype != b->dtype || a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i])
            return false;
    return true;
}

bool ttype_compatible(const struct ttype *a, const struct ttype *b)
{
    if (a->dtype != b->dtype && a->dtype != DT_UNDEFINED && b->dtype != DT_UNDEFINED)
        return false;
    if (a->rank < 0 || b->rank < 0)
        return true;
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] >= 0 && b->dim[i] >= 0 && a->dim[i] != b->dim[i])
            return false;
    return true;
}

int64_t ttype_count(const struct ttype *t, int64_t batch)
{
    if (t->rank < 0)
        return -1;
    int64_t n = 1;
    for (int i = 0; i < t->rank; i++)
        if (__builtin_mul_overflow(n, t->dim[i] < 0 ? batch : t->dim[i], &n))
            return -1;
    return n;
}

const char *ttype_text(const struct ttype *t, char *buf, size_t size)
{
    size_t n = 0;
    if (size == 0)
        return buf;
    snprintf(buf, size, "%s", t->rank < 0 ? "?" : t->rank == 0 ? "scalar" : "");
    for (int i = 0; i < t->rank && n < size; i++) {
        const char *x = i ? "x" : "";
        int k = t->dim[i] >= 0             ? snprintf(buf + n, size - n, "%s%" PRId64, x, t->dim[i])
                : t->dim[i] == DIM_UNKNOWN ? snprintf(buf + n, size - n, "%s?", x)
                                           : snprintf(buf + n, size - n, "%sN", x);
        n += (size_t)k;
    }
    return buf;
}

static struct tensor *tensor_alloc(enum tensor_kind kind, const char *name,
                                   const struct ttype *type)
{
    struct tensor *t = x_calloc(1, sizeof *t);
    atomic_init(&t->refs, 1);
    t->kind = kind;
    t->name = x_strdup(name);
    t->type = *type;
    int64_t count = ttype_count(type, 0);
    size_t bytes;
    if (count > 0 && !__builtin_mul_overflow((size_t)count, dtype_size(type->dtype), &bytes))
        t->size = bytes;
    return t;
}

struct tensor *tensor_new_bytes(const char *name, const struct ttype *type, const void *data,
                                size_t size)
{
    struct tensor *t = tensor_alloc(TENSOR_BYTES, name, type);
    t->data = x_memdup(data, size);
    t->size = size;
    return t;
}

struct tensor *tensor_new_borrowed(const char *name, const struct ttype *type, const void *data,
                                   size_t size, void *owner, void (*release)(void *))
{
    struct tensor *t = tensor_alloc(TENSOR_BYTES, name, type);
    t->data = data;
    t->size = size;
    t->owner = owner;
    t->release = release;
    return t;
}

struct tensor *tensor_new_fill(const char *name, const struct ttype *type, double value)
{
    struct tensor *t = tensor_alloc(TENSOR_FILL, name, type);
    t->fill = value;
    return t;
}

struct tensor *tensor_new_he(const char *name, const struct ttype *type, int64_t fan_in,
                             uint64_t seed)
{
    struct tensor *t = tensor_alloc(TENSOR_HE, name, type);
    t->fan_in = fan_in > 0 ? fan_in : 1;
    t->seed = seed;
    return t;
}

struct tensor *tensor_new_i64(const char *name, const int64_t *v, int n)
{
    struct ttype type = ttype_make(DT_INT64, 1, (int64_t[]){n});
    return tensor_new_bytes(name, &type, v, (size_t)n * sizeof *v);
}

struct tensor *tensor_new_f32(const char *name, float v)
{
    struct ttype type = ttype_make(DT_FLOAT, 0, NULL);
    return tensor_new_bytes(name, &type, &v, sizeof v);
}

static void unref_void(void *t)
{
    tensor_unref(t);
}

struct tensor *tensor_renamed(const struct tensor *t, const char *name)
{
    struct tensor *r = tensor_alloc(t->kind, name, &t->type);
    r->size = t->size;
    r->fill = t->fill;
    r->seed = t->seed;
    r->fan_in = t->fan_in;
    if (t->kind == TENSOR_BYTES) {
        r->data = t->data;
        r->owner = tensor_ref(t);
        r->release = unref_void;
    }
    return r;
}

void tensor_mark_node(struct tensor *t, const char *node_name)
{
    free(t->node);
    t->node = x_strdup(node_name);
}

struct tensor *tensor_ref(const struct tensor *t)
{
    /* The count is not part of the value: const callers may keep a tensor alive. */
    struct tensor *m = (struct tensor *)(uintptr_t)t;
    atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
    return m;
}

void tensor_unref(struct tensor *t)
{
    if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (t->release)
        t->release(t->owner);
    else if (t->kind == TENSOR_BYTES)
        free((void *)(uintptr_t)t->data);
    free(t->name);
    free(t->node);
    free(t);
}

const char *tensor_name(const struct tensor *t)
{
    return t->name;
}

const struct ttype *tensor_type(const struct tensor *t)
{
    return &t->type;
}

enum tensor_kind tensor_kind(const struct tensor *t)
{
    return t->kind;
}

size_t tensor_size(const struct tensor *t)
{
    return t->size;
}

int64_t tensor_count(const struct tensor *t)
{
    return ttype_count(&t->type, 0);
}

const void *tensor_data(const struct tensor *t)
{
    return t->kind == TENSOR_BYTES ? t->data : NULL;
}

double tensor_fill_value(const struct tensor *t)
{
    return t->fill;
}

uint64_t tensor_seed(const struct tensor *t)
{
    return t->seed;
}

int64_t tensor_fan_in(const struct tensor *t)
{
    return t->fan_in;
}

const char *tensor_node(const struct tensor *t)
{
    return t->node;
}

/* One element of `value` in the layout of dtype; 0 bytes for types a fill cannot have. */
static size_t encode(int dtype, double value, unsigned char out[8])
{
    float f = (float)value;
    int64_t i = dtype_size(dtype) && dtype != DT_FLOAT && dtype != DT_DOUBLE ? (int64_t)value : 0;
    switch (dtype) {
    case DT_FLOAT:
        memcpy(out, &f, 4);
        return 4;
    case DT_DOUBLE:
        memcpy(out, &value, 8);
        return 8;
    case DT_UINT8:
    case DT_INT8:
    case DT_BOOL:
    case DT_UINT16:
    case DT_INT16:
    case DT_INT32:
    case DT_UINT32:
    case DT_INT64:
    case DT_UINT64:
        memcpy(out, &i, 8); /* little-endian: the low bytes come first */
        return dtype_size(dtype);
    default:
        return 0;
    }
}

void tensor_read(const struct tensor *t, void *dst)
{
    if (t->kind == TENSOR_BYTES) {
        if (t->size)
            memcpy(dst, t->data, t->size);
        return;
    }
    if (t->kind == TENSOR_HE) {
        struct rng r = rng_for(t->seed, 0);
        double sd = __builtin_sqrt(2.0 / (double)t->fan_in);
        float *f = dst;
        for (size_t i = 0; i < t->size / sizeof *f; i++)
            f[i] = (float)(sd * rng_normal(&r));
        return;
    }
    unsigned char one[8], *p = dst;
    size_t k = encode(t->type.dtype, t->fill, one);
    if (k == 0)
        memset(dst, 0, t->size);
    else
        for (size_t i = 0; i + k <= t->size; i += k)
            memcpy(p + i, one, k);
}

double tensor_num_at(const struct tensor *t, int64_t i, double fallback)
{
    size_t k = dtype_size(t->type.dtype);
    if (i < 0 || k == 0 || t->kind == TENSOR_HE || (uint64_t)i >= t->size / k)
        return fallback;
    if (t->kind == TENSOR_FILL)
        return t->fill;
    const unsigned char *p = (const unsigned char *)t->data + (size_t)i * k;
    float f;
    double d;
    switch (t->type.dtype) {
    case DT_FLOAT:
        memcpy(&f, p, 4);
        return (double)f;
    case DT_DOUBLE:
        memcpy(&d, p, 8);
        return d;
    case DT_FLOAT16:
    case DT_BFLOAT16:
    case DT_COMPLEX64:
    case DT_COMPLEX128:
        return fallback;
    default:
        return (double)tensor_int_at(t, i, (int64_t)fallback);
    }
}

int64_t tensor_int_at(const struct tensor *t, int64_t i, int64_t fallback)
{
    int dtype = t->type.dtype;
    size_t k = dtype_size(dtype);
    if (i < 0 || k == 0 || t->kind == TENSOR_HE || (uint64_t)i >= t->size / k)
        return fallback;
    static const bool is_signed[DT_BFLOAT16 + 1] = {
        [DT_INT8] = true, [DT_INT16] = true, [DT_INT32] = true, [DT_INT64] = true};
    static const bool is_unsigned[DT_BFLOAT16 + 1] = {[DT_UINT8] = true,
                                                      [DT_UINT16] = true,
                                                      [DT_UINT32] = true,
                                                      [DT_UINT64] = true,
                                                      [DT_BOOL] = true};
    if (!is_signed[dtype] && !is_unsigned[dtype])
        return fallback;
    if (t->kind == TENSOR_FILL)
        return (int64_t)t->fill;
    const unsigned char *p = (const unsigned char *)t->data + (size_t)i * k;
    uint64_t v = 0;
    memcpy(&v, p, k);
    unsigned shift = 64 - 8 * (unsigned)k;
    return is_signed[dtype] ? (int64_t)(v << shift) >> shift : (int64_t)v;
}

bool tensor_equal(const struct tensor *a, const struct tensor *b)
{
    if (a == b)
        return true;
    if (!ttype_equal(&a->type, &b->type) || a->size != b->size)
        return false;
    if (a->kind == TENSOR_FILL && b->kind == TENSOR_FILL)
        return a->fill == b->fill;
    if (a->kind == TENSOR_HE && b->kind == TENSOR_HE)
        return a->seed == b->seed && a->fan_in == b->fan_in;
    if (a->kind == TENSOR_BYTES && b->kind == TENSOR_BYTES)
        return a->data == b->data || memcmp(a->data, b->data, a->size) == 0;
    void *x = x_try_calloc(1, a->size), *y = x_try_calloc(1, a->size);
    bool equal = false;
    if (x && y) {
        tensor_read(a, x);
        tensor_read(b, y);
        equal = memcmp(x, y, a->size) == 0;
    }
    free(x);
    free(y);
    return equal;
}
