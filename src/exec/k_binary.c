/* Arithmetic with multidirectional broadcasting, and PRelu, which broadcasts its slope. */
#include "exec/k.h"

#include <math.h>

/* Rows of n elements; sa and sb are 0 (broadcast) or the distance between elements. */
typedef void row_fn(int64_t n, const float *a, int64_t sa, const float *b, int64_t sb, float *y);

#define ROW(name, expr)                                                                           \
    static void name(int64_t n, const float *a, int64_t sa, const float *b, int64_t sb, float *y) \
    {                                                                                             \
        for (int64_t i = 0; i < n; i++) {                                                         \
            float u = a[i * sa], v = b[i * sb];                                                   \
            y[i] = (expr);                                                                        \
        }                                                                                         \
    }

ROW(row_add, u + v)
ROW(row_sub, u - v)
ROW(row_mul, u *v)
ROW(row_div, u / v)
ROW(row_pow, powf(u, v))
ROW(row_max, u > v ? u : v)
ROW(row_min, u < v ? u : v)
ROW(row_prelu, u < 0 ? u * v : u)

static const struct binary_op {
    row_fn *row;
    dnnl_alg_kind_t alg; /* 0: none */
} ops[OP_COUNT] = {
    [OP_ADD] = {row_add, dnnl_binary_add}, [OP_SUM] = {row_add, dnnl_binary_add},
    [OP_SUB] = {row_sub, dnnl_binary_sub}, [OP_MUL] = {row_mul, dnnl_binary_mul},
    [OP_DIV] = {row_div, dnnl_binary_div}, [OP_POW] = {row_pow, 0},
    [OP_MAX] = {row_max, dnnl_binary_max}, [OP_MIN] = {row_min, dnnl_binary_min},
    [OP_PRELU] = {row_prelu, 0},
};

struct binary {
    struct prim prim; /* empty: rows */
};

/* ---- broadcasting ---- */

static void aligned(const struct ttype *t, const struct ttype *y, int64_t *stride)
{
    int64_t own[TTYPE_MAX_RANK] = {0};
    int skip = y->rank - t->rank;

    k_strides(t, own);
    for (int i = 0; i < y->rank; i++)
        stride[i] = i < skip || t->dim[i - skip] == 1 ? 0 : own[i - skip];
}

/* Joins axes that both operands walk through alike. */
static int join(int rank, int64_t *dim, int64_t *sa, int64_t *sb)
{
    int n = 0;

    for (int i = 0; i < rank; i++) {
        if (dim[i] == 1)
            continue;
        if (n > 0 && sa[n - 1] == sa[i] * dim[i] && sb[n - 1] == sb[i] * dim[i])
            dim[n - 1] *= dim[i];
        else
            dim[n++] = dim[i];
        sa[n - 1] = sa[i];
        sb[n - 1] = sb[i];
    }
    return n;
}

static float *apply(row_fn *row, int rank, const int64_t *dim, const float *a, const int64_t *sa,
                    const float *b, const int64_t *sb, float *y)
{
    if (rank == 0) {
        row(1, a, 0, b, 0, y);
        return y + 1;
    }
    if (rank == 1) {
        row(dim[0], a, sa[0], b, sb[0], y);
        return y + dim[0];
    }
    for (int64_t i = 0; i < dim[0]; i++)
        y = apply(row, rank - 1, dim + 1, a + i * sa[0], sa + 1, b + i * sb[0], sb + 1, y);
    return y;
}

static void broadcast(row_fn *row, const struct ttype *at, const float *a, const struct ttype *bt,
                      const float *b, const struct value *y)
{
    int64_t dim[TTYPE_MAX_RANK], sa[TTYPE_MAX_RANK], sb[TTYPE_MAX_RANK];
    int rank;

    aligned(at, &y->type, sa);
    aligned(bt, &y->type, sb);
    memcpy(dim, y->type.dim, sizeof dim);
    rank = join(y->type.rank, dim, sa, sb);
    apply(row, rank, dim, a, sa, b, sb, y->data);
}

/* ---- kernels ---- */

static bool same_shape(const struct value *a, const struct value *b)
{
    return dnnl_memory_desc_equal(&a->md, &b->md);
}

static bool exact_as_float(int dtype)
{
    return dtype == DT_UNDEFINED || dtype == DT_FLOAT || dtype == DT_FLOAT16 ||
           dtype == DT_DOUBLE || dtype == DT_BFLOAT16;
}

enum status k_binary_layout(struct exec *e, struct step *s, bool *takes, struct err *err)
{
    (void)e;
    (void)err;
    *takes = ops[s->node->op].alg != 0 && s->n_in >= 2 && s->in[0]->count == s->out[0]->count;
    for (int i = 1; i < s->n_in; i++)
        *takes &= same_shape(s->in[0], s->in[i]);
    if (*takes)
        exec_set_md(s->out[0], &s->in[0]->md);
    return ST_OK;
}

enum status k_binary_init(struct exec *e, struct step *s, struct err *err)
{
    const struct binary_op *op = &ops[s->node->op];
    const struct value *y = s->out[0];
    struct binary *b = x_calloc(1, sizeof *b);
    bool alike = op->alg != 0 && s->n_in >= 2;
    dnnl_binary_desc_t d;

    (void)e;
    s->state = b;
    if (!exact_as_float(y->type.dtype) && s->node->op != OP_MAX && s->node->op != OP_MIN)
        return exec_unsupported(s, err, "arithmetic on %s", dtype_name(y->type.dtype));
    for (int i = 0; i < s->n_in; i++)
        alike &= same_shape(s->in[i], y);
    if (!alike)
        return ST_OK;
    TRY(exec_dnnl(dnnl_binary_desc_init(&d, op->alg, &y->md, &y->md, &y->md), node_label(s->node),
                  err));
    TRY(prim_init(&b->prim, &d, NULL, NULL, err));
    TRY(prim_bind(&b->prim, DNNL_ARG_SRC_0, &y->md, s->in[0]->data, err));
    TRY(prim_bind(&b->prim, DNNL_ARG_SRC_1, &y->md, s->in[1]->data, err));
    return prim_bind(&b->prim, DNNL_ARG_DST, &y->md, y->data, err);
}

/* The same primitive for each further input, then onto what is there. */
static enum status run_prims(struct exec *e, struct step *s, struct prim *p, struct err *err)
{
    if (s->n_in > 2)
        prim_set(p, DNNL_ARG_SRC_0, s->in[0]->data);
    for (int i = 1; i < s->n_in; i++) {
        if (i > 1)
            prim_set(p, DNNL_ARG_SRC_0, s->out[0]->data);
        if (s->n_in > 2)
            prim_set(p, DNNL_ARG_SRC_1, s->in[i]->data);
        TRY(prim_run(p, e, err));
    }
    return ST_OK;
}

enum status k_binary(struct exec *e, struct step *s, struct err *err)
{
    row_fn *row = ops[s->node->op].row;
    struct binary *b = s->state;
    struct value *y = s->out[0];
    const struct value *x = s->in[0];

    if (b->prim.p)
        return run_prims(e, s, &b->prim, err);
    if (s->n_in == 1)
        memcpy(y->data, x->data, (size_t)y->count * sizeof(float));
    else
        broadcast(row, &x->type, x->data, &s->in[1]->type, s->in[1]->data, y);
    for (int i = 2; i < s->n_in; i++)
        broadcast(row, &y->type, y->data, &s->in[i]->type, s->in[i]->data, y);
    return ST_OK;
}

void k_binary_done(struct step *s)
{
    struct binary *b = s->state;

    prim_done(&b->prim);
    free(b);
}

/* The slope is broadcast to the input as numpy does; one for each channel comes as C x 1 x 1. */
enum status k_prelu(struct exec *e, struct step *s, struct err *err)
{
    (void)e;
    (void)err;
    broadcast(row_prelu, &s->in[0]->type, s->in[0]->data, &s->in[1]->type, s->in[1]->data,
              s->out[0]);
    return ST_OK;
}
