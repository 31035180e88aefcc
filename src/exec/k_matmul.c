/* Matrix products through oneDNN's sgemm. */
#include "exec/k.h"

/* ---- Gemm ---- */

/* Y starts as C, broadcast. */
static void spread_bias(const struct value *c, float *y, int64_t m, int64_t n)
{
    int64_t rows = c->type.rank == 2 ? c->type.dim[0] : 1;
    int64_t cols = c->type.rank ? c->type.dim[c->type.rank - 1] : 1;
    int64_t from[2] = {rows > 1 ? cols : 0, cols > 1}, to[2] = {n, 1}, dim[2] = {m, n};

    exec_copy(2, dim, y, to, c->data, from);
}

enum status k_gemm(struct exec *e, struct step *s, struct err *err)
{
    const struct ttype *a = &s->in[0]->type, *y = &s->out[0]->type;
    bool ta = node_int(s->node, "transA", 0) != 0, tb = node_int(s->node, "transB", 0) != 0;
    int64_t m = y->dim[0], n = y->dim[1], k = a->dim[ta ? 0 : 1];
    float beta = node_float(s->node, "beta", 1.0F);
    bool bias = s->n_in > 2 && s->in[2];

    (void)e;
    if (bias)
        spread_bias(s->in[2], s->out[0]->data, m, n);
    return exec_dnnl(dnnl_sgemm(ta ? 'T' : 'N', tb ? 'T' : 'N', m, n, k,
                                node_float(s->node, "alpha", 1.0F), s->in[0]->data, a->dim[1],
                                s->in[1]->data, s->in[1]->type.dim[1], bias ? beta : 0.0F,
                                s->out[0]->data, n),
                     "sgemm", err);
}

/* ---- MatMul ---- */

struct matmul {
    int64_t m, n, k;
    int rank; /* leading axes of the output */
    int64_t dim[TTYPE_MAX_RANK], sa[TTYPE_MAX_RANK], sb[TTYPE_MAX_RANK];
    int64_t batches;
};

/* Strides of an operand's leading axes, right-aligned under those of the output; 0 broadcasts. */
static void lead_strides(const struct ttype *t, int64_t matrix, int rank, int64_t *stride)
{
    int lead = t->rank > 2 ? t->rank - 2 : 0;
    int64_t s = matrix;

    for (int i = 0; i < rank; i++)
        stride[i] = 0;
    for (int i = lead - 1; i >= 0; i--) {
        stride[rank - lead + i] = t->dim[i] > 1 ? s : 0;
        s *= t->dim[i];
    }
}

enum status k_matmul_init(struct exec *e, struct step *s, struct err *err)
{
    const struct ttype *a = &s->in[0]->type, *b = &s->in[1]->type, *y = &s->out[0]->type;
    struct matmul *p = x_calloc(1, sizeof *p);

    (void)e;
    (void)err;
    s->state = p;
    p->k = a->dim[a->rank - 1];
    p->m = a->rank == 1 ? 1 : a->dim[a->rank - 2];
    p->n = b->rank == 1 ? 1 : b->dim[b->rank - 1];
    p->rank = y->rank - (a->rank > 1) - (b->rank > 1);
    p->batches = 1;
    for (int i = 0; i < p->rank; i++) {
        p->dim[i] = y->dim[i];
        p->batches *= y->dim[i];
    }
    lead_strides(a, p->m * p->k, p->rank, p->sa);
    lead_strides(b, p->k * p->n, p->rank, p->sb);
    if (p->rank > 0 && p->batches > 1 && b->rank == 2 && a->rank > 2) { /* one tall matrix */
        p->m *= p->batches;
        p->batches = 1;
        p->rank = 0;
    }
    return ST_OK;
}

enum status k_matmul(struct exec *e, struct step *s, struct err *err)
{
    const struct matmul *p = s->state;

    (void)e;
    for (int64_t i = 0; i < p->batches; i++) {
        int64_t rest = i, at_a = 0, at_b = 0;

        for (int d = p->rank - 1; d >= 0; d--) {
            at_a += rest % p->dim[d] * p->sa[d];
            at_b += rest % p->dim[d] * p->sb[d];
            rest /= p->dim[d];
        }
        TRY(exec_dnnl(dnnl_sgemm('N', 'N', p->m, p->n, p->k, 1.0F, s->in[0]->data + at_a, p->k,
                                 s->in[1]->data + at_b, p->n, 0.0F,
                                 s->out[0]->data + i * p->m * p->n, p->n),
                      "sgemm", err));
    }
    return ST_OK;
}
