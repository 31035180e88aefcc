/* Matrix products and normalisations. */
#include "torch/torch_priv.h"

#include <math.h>

/* ---- products ---- */

/* A constant that nn.Linear takes as its bias for n outputs. */
static bool is_bias(const struct writer *w, int i, int64_t n)
{
    const struct tensor *t = node_const(w->n, i);
    const struct ttype *c = t ? tensor_type(t) : NULL;

    return c && tensor_count(t) == n && c->rank > 0 && c->dim[c->rank - 1] == n;
}

static enum status linear(struct writer *w, bool out_first, int bias, const char *x)
{
    const struct ttype *b = torch_type(w, 1);
    int64_t in = b->dim[out_first ? 1 : 0], out = b->dim[out_first ? 0 : 1];

    torch_module(w, "nn.Linear(%lld, %lld%s)", (long long)in, (long long)out,
                 bias ? "" : ", bias=False");
    TRY(torch_weight(w, 1, "weight", NULL, !out_first, true));
    if (bias)
        TRY(torch_weight(w, bias, "bias", &(struct ttype){.rank = 1, .dim = {out}}, false, true));
    torch_expr(w, "self.%s(%s)", w->ident[w->id], x);
    return ST_OK;
}

enum status torch_gemm(struct writer *w)
{
    bool ta = node_int(w->n, "transA", 0) != 0, tb = node_int(w->n, "transB", 0) != 0;
    double alpha = (double)node_float(w->n, "alpha", 1), beta = (double)node_float(w->n, "beta", 1);
    bool c = torch_has(w, 2) && beta != 0;
    const char *a, *b, *bias;

    TRY(torch_in(w, 0, &a));
    if (ta)
        a = torch_text(w, "%s.t()", a);
    if (node_const(w->n, 1) && alpha == 1 &&
        (!c || (beta == 1 && is_bias(w, 2, torch_type(w, 1)->dim[tb ? 0 : 1]))))
        return linear(w, tb, c ? 2 : 0, a);
    TRY(torch_in(w, 1, &b));
    if (tb)
        b = torch_text(w, "%s.t()", b);
    if (!c) {
        torch_expr(w, "%s * (%s @ %s)", torch_number(w, alpha), a, b);
        return ST_OK;
    }
    TRY(torch_in(w, 2, &bias));
    torch_expr(w, "torch.addmm(%s, %s, %s, beta=%s, alpha=%s)", bias, a, b, torch_number(w, beta),
               torch_number(w, alpha));
    return ST_OK;
}

enum status torch_matmul(struct writer *w)
{
    const char *a, *b;

    TRY(torch_in(w, 0, &a));
    if (node_const(w->n, 1) && torch_type(w, 1)->rank == 2)
        return linear(w, false, 0, a);
    TRY(torch_in(w, 1, &b));
    torch_expr(w, "%s @ %s", a, b);
    return ST_OK;
}

/* ---- normalisations ---- */

enum status torch_batchnorm(struct writer *w)
{
    static const char *const names[] = {NULL, "weight", "bias", "running_mean", "running_var"};
    const char *eps = torch_number(w, (double)node_float(w->n, "epsilon", 1e-5F)), *in[5];
    double keep = (double)node_float(w->n, "momentum", 0.9F);
    int rank = torch_type(w, 0)->rank, constants = 0;

    if (rank < 2 || rank > 5)
        return torch_refuse(w, "PyTorch normalises no input of rank %d", rank);
    if (node_int(w->n, "training_mode", 0) != 0)
        return torch_refuse(w, "training_mode where nothing is trained");
    for (int i = 1; i < 5; i++)
        constants += node_const(w->n, i) != NULL;
    for (int i = 0; i < (constants < 4 ? 5 : 1); i++)
        TRY(torch_in(w, i, &in[i]));
    if (constants < 4) { /* the model computes its parameters */
        torch_expr(w, "F.batch_norm(%s, %s, %s, %s, %s, eps=%s)", in[0], in[3], in[4], in[1], in[2],
                   eps);
        return ST_OK;
    }
    torch_module(w, "nn.BatchNorm%dd(%lld, eps=%s, momentum=%s)", rank < 4 ? 1 : rank - 2,
                 (long long)torch_type(w, 1)->dim[0], eps,
                 torch_number(w, round((1 - keep) * 1e6) / 1e6)); /* 0.1, not 0.100000024 */
    for (int i = 1; i < 5; i++)
        TRY(torch_weight(w, i, names[i], NULL, false, i < 3));
    torch_expr(w, "self.%s(%s)", w->ident[w->id], in[0]);
    return ST_OK;
}

enum status torch_instancenorm(struct writer *w)
{
    int rank = torch_type(w, 0)->rank;
    const char *x;

    if (rank < 3 || rank > 5)
        return torch_refuse(w, "PyTorch normalises no input of rank %d", rank);
    if (!node_const(w->n, 1))
        return torch_refuse(w, "the model computes its input 1");
    TRY(torch_in(w, 0, &x));
    torch_module(w, "nn.InstanceNorm%dd(%lld, eps=%s, affine=True)", rank - 2,
                 (long long)torch_type(w, 1)->dim[0],
                 torch_number(w, (double)node_float(w->n, "epsilon", 1e-5F)));
    TRY(torch_weight(w, 1, "weight", NULL, false, true));
    TRY(torch_weight(w, 2, "bias", NULL, false, true));
    torch_expr(w, "self.%s(%s)", w->ident[w->id], x);
    return ST_OK;
}

enum status torch_layernorm(struct writer *w)
{
    const struct ttype *x = torch_type(w, 0), *scale = torch_type(w, 1);
    int axis = ttype_axis(node_int(w->n, "axis", -1), x->rank);
    struct ttype row = ttype_make(DT_FLOAT, x->rank - axis, x->dim + axis);
    const char *in, *eps = torch_number(w, (double)node_float(w->n, "epsilon", 1e-5F)), *shape;
    const char *weight, *bias = "None";

    for (int i = 0; i < row.rank; i++)
        if (row.dim[i] < 1)
            return torch_refuse(w, "normalises an axis of open size");
    TRY(torch_in(w, 0, &in));
    shape = torch_tuple(w, row.dim, row.rank);
    if (torch_has(w, 2) && node_const(w->n, 1) && node_const(w->n, 2) &&
        ttype_count(scale, 1) == ttype_count(&row, 1) &&
        ttype_count(torch_type(w, 2), 1) == ttype_count(&row, 1)) {
        torch_module(w, "nn.LayerNorm(%s, eps=%s)", shape, eps);
        TRY(torch_weight(w, 1, "weight", &row, false, true));
        TRY(torch_weight(w, 2, "bias", &row, false, true));
        torch_expr(w, "self.%s(%s)", w->ident[w->id], in);
        return ST_OK;
    }
    if (scale->rank != row.rank || (torch_has(w, 2) && torch_type(w, 2)->rank != row.rank))
        return torch_refuse(w, "its scale is broadcast");
    TRY(torch_in(w, 1, &weight));
    if (torch_has(w, 2))
        TRY(torch_in(w, 2, &bias));
    torch_expr(w, "F.layer_norm(%s, %s, %s, %s, eps=%s)", in, shape, weight, bias, eps);
    return ST_OK;
}

/* ONNX lets an even window reach further behind, PyTorch further before: seen from the other end
 * they are the same. */
enum status torch_lrn(struct writer *w)
{
    int64_t size = node_int(w->n, "size", 1);
    const char *turn = size % 2 ? "" : ".flip(1)", *x;

    if (torch_type(w, 0)->rank < 3)
        return torch_refuse(w, "PyTorch normalises no input of rank %d", torch_type(w, 0)->rank);
    TRY(torch_in(w, 0, &x));
    torch_expr(w, "F.local_response_norm(%s%s, %lld, alpha=%s, beta=%s, k=%s)%s", x, turn,
               (long long)size, torch_number(w, (double)node_float(w->n, "alpha", 1e-4F)),
               torch_number(w, (double)node_float(w->n, "beta", 0.75F)),
               torch_number(w, (double)node_float(w->n, "bias", 1)), turn);
    return ST_OK;
}
