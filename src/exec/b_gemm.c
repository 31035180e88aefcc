/* Gradients of matrix products. All matrices are row-major. */
#include "exec/exec_back.h"
#include <string.h>

/* c = alpha * op(a) op(b) + beta * c, c of m x n; `la`, `lb`: columns of a, b as stored. */
static enum status product(bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha,
                           const float *a, int64_t la, const float *b, int64_t lb, float beta,
                           float *c, struct err *err)
{
    return exec_dnnl(
        dnnl_sgemm(ta ? 'T' : 'N', tb ? 'T' : 'N', m, n, k, alpha, a, la, b, lb, beta, c, n),
        "a matrix product", err);
}

static float share_self(float dy, float x, float other, float y)
{
    (void)x, (void)other, (void)y;
    return dy;
}

enum status back_gemm(struct exec *e, struct step *s, struct err *err)
{
    const struct value *a = s->in[0], *b = s->in[1], *y = s->out[0];
    bool ta = node_int(s->node, "transA", 0), tb = node_int(s->node, "transB", 0);
    float alpha = node_float(s->node, "alpha", 1), beta = node_float(s->node, "beta", 1);
    int64_t m = y->type.dim[0], n = y->type.dim[1], k = a->type.dim[ta ? 0 : 1];
    const float *dy = y->grad;
    float *da = exec_grad_take(e, s, 0), *db, *dc;

    if (da && ta)
        TRY(product(tb, true, k, m, n, alpha, b->data, tb ? k : n, dy, n, 0, da, err));
    else if (da)
        TRY(product(false, !tb, m, k, n, alpha, dy, n, b->data, tb ? k : n, 0, da, err));
    if (da)
        exec_grad_put(e, s, 0);
    db = exec_grad_take(e, s, 1);
    if (db && tb)
        TRY(product(true, ta, n, k, m, alpha, dy, n, a->data, ta ? m : k, 0, db, err));
    else if (db)
        TRY(product(!ta, false, k, n, m, alpha, a->data, ta ? m : k, dy, n, 0, db, err));
    if (db)
        exec_grad_put(e, s, 1);
    dc = exec_grad_take(e, s, 2);
    if (!dc)
        return ST_OK;
    back_fold(e, dc, s->in[2], NULL, y, share_self);
    for (size_t i = 0; beta != 1 && i < s->in[2]->size; i++)
        dc[i] *= beta;
    exec_grad_put(e, s, 2);
    return ST_OK;
}

/* ---- MatMul ---- */

struct batched {
    int64_t m, n, k;
    int rank; /* of the batch */
    int64_t dim[TTYPE_MAX_RANK], a[TTYPE_MAX_RANK], b[TTYPE_MAX_RANK];
    int64_t count;
};

/* Strides of the batch axes of an operand, in floats; 0 where it is broadcast. */
static void batch_strides(const struct batched *g, const struct ttype *t, int64_t matrix,
                          int64_t *stride)
{
    int own = t->rank > 2 ? t->rank - 2 : 0;

    for (int i = g->rank - 1; i >= 0; i--) {
        int axis = i - (g->rank - own);
        int64_t d = axis < 0 ? 1 : t->dim[axis];

        stride[i] = d == 1 ? 0 : matrix;
        matrix *= d;
    }
}

static struct batched batches(const struct step *s)
{
    const struct ttype *a = &s->in[0]->type, *b = &s->in[1]->type, *y = &s->out[0]->type;
    struct batched g = {.k = a->dim[a->rank - 1], .count = 1};
    int matrix = (a->rank > 1) + (b->rank > 1);

    g.m = a->rank > 1 ? a->dim[a->rank - 2] : 1;
    g.n = b->rank > 1 ? b->dim[b->rank - 1] : 1;
    if (b->rank <= 2 && a->rank > 2) { /* one tall matrix */
        g.m = s->in[0]->count / g.k;
        return g;
    }
    g.rank = y->rank - matrix;
    for (int i = 0; i < g.rank; i++) {
        g.dim[i] = y->dim[i];
        g.count *= y->dim[i];
    }
    batch_strides(&g, a, g.m * g.k, g.a);
    batch_strides(&g, b, g.k * g.n, g.b);
    return g;
}

static int64_t batch_offset(const struct batched *g, int64_t index, const int64_t *stride)
{
    int64_t off = 0;

    for (int i = g->rank - 1; i >= 0; i--) {
        off += index % g->dim[i] * stride[i];
        index /= g->dim[i];
    }
    return off;
}

enum status back_matmul(struct exec *e, struct step *s, struct err *err)
{
    const struct batched g = batches(s);
    const float *dy = s->out[0]->grad;

    for (int side = 0; side < 2; side++) {
        float *dx = exec_grad_take(e, s, side);

        if (!dx)
            continue;
        memset(dx, 0, s->in[side]->size * sizeof *dx);
        for (int64_t i = 0; i < g.count; i++) {
            int64_t oa = batch_offset(&g, i, g.a), ob = batch_offset(&g, i, g.b);
            const float *d = dy + i * g.m * g.n;

            if (side == 0)
                TRY(product(false, true, g.m, g.k, g.n, 1, d, g.n, s->in[1]->data + ob, g.n, 1,
                            dx + oa, err));
            else
                TRY(product(true, false, g.k, g.n, g.m, 1, s->in[0]->data + oa, g.k, d, g.n, 1,
                            dx + ob, err));
        }
        exec_grad_put(e, s, side);
    }
    return ST_OK;
}
