/* Functions of one element, arithmetic, reductions. */
#include "torch/torch_priv.h"

#include <math.h>

/* ---- functions ---- */

/* The table's call takes the input and, for some, the attribute alpha. */
enum status torch_unary(struct writer *w)
{
    float fallback = w->n->op == OP_LEAKYRELU ? 0.01F : 1;
    const char *call = torch_call(w), *gap = strstr(call, "%s"), *next, *x;

    TRY(torch_in(w, 0, &x));
    next = strstr(gap + 2, "%s");
    torch_expr(w, "%.*s%s", (int)(gap - call), call, x);
    if (next)
        torch_expr(w, ", %s)", torch_number(w, (double)node_float(w->n, "alpha", fallback)));
    else
        torch_expr(w, "%s", gap + 2);
    return ST_OK;
}

/* Where the bounds cross, the upper one wins, as in torch.clamp. */
enum status torch_clip(struct writer *w)
{
    const char *x, *bound;

    TRY(torch_in(w, 0, &x));
    if (torch_is_number(w, 1) && torch_is_number(w, 2) &&
        tensor_num_at(node_const(w->n, 1), 0, 1) == 0 &&
        tensor_num_at(node_const(w->n, 2), 0, 0) == 6) {
        torch_expr(w, "F.relu6(%s)", x);
        return ST_OK;
    }
    if (!torch_has(w, 1) && !torch_has(w, 2)) {
        torch_expr(w, "%s", x);
        return ST_OK;
    }
    torch_expr(w, "%s.clamp(", x);
    for (int i = 1; i < 3; i++) {
        if (!torch_has(w, i))
            continue;
        TRY(torch_in_number(w, i, &bound));
        /* a number and a tensor do not mix */
        if (torch_is_number(w, i) && torch_has(w, 3 - i) && !torch_is_number(w, 3 - i))
            TRY(torch_in(w, i, &bound));
        torch_expr(w, "%s%s=%s", i == 2 && torch_has(w, 1) ? ", " : "", i == 1 ? "min" : "max",
                   bound);
    }
    torch_expr(w, ")");
    return ST_OK;
}

enum status torch_selu(struct writer *w)
{
    const float usual_alpha = 1.67326319217681884765625F, usual_gamma = 1.05070102214813232421875F;
    float alpha = node_float(w->n, "alpha", usual_alpha);
    float gamma = node_float(w->n, "gamma", usual_gamma);
    const char *x;

    TRY(torch_in(w, 0, &x));
    if (alpha == usual_alpha && gamma == usual_gamma)
        torch_expr(w, "F.selu(%s)", x);
    else
        torch_expr(w, "%s * F.elu(%s, %s)", torch_number(w, (double)gamma), x,
                   torch_number(w, (double)alpha));
    return ST_OK;
}

enum status torch_hardsigmoid(struct writer *w)
{
    float alpha = node_float(w->n, "alpha", 0.2F), beta = node_float(w->n, "beta", 0.5F);
    const char *x;

    TRY(torch_in(w, 0, &x));
    if (fabsf(alpha - 1 / 6.0F) < 1e-7F && beta == 0.5F)
        torch_expr(w, "F.hardsigmoid(%s)", x);
    else
        torch_expr(w, "(%s * %s + %s).clamp(0, 1)", torch_number(w, (double)alpha), x,
                   torch_number(w, (double)beta));
    return ST_OK;
}

/* nn.PReLU has one slope for each channel (axis 1) or one for all. */
enum status torch_prelu(struct writer *w)
{
    const struct ttype *x = torch_type(w, 0), *slope = torch_type(w, 1);
    int64_t count = ttype_count(slope, 1);
    int channels = 1 - x->rank + slope->rank; /* axis of the slope that meets axis 1 */
    const char *in, *factor;

    TRY(torch_in(w, 0, &in));
    if (node_const(w->n, 1) && slope->rank <= x->rank &&
        (count == 1 ||
         (channels >= 0 && channels < slope->rank && slope->dim[channels] == count))) {
        torch_module(w, "nn.PReLU(%lld)", (long long)count);
        TRY(torch_weight(w, 1, "weight", &(struct ttype){.rank = 1, .dim = {count}}, false, true));
        torch_expr(w, "self.%s(%s)", w->ident[w->id], in);
        return ST_OK;
    }
    TRY(torch_in(w, 1, &factor));
    torch_expr(w, "torch.where(%s < 0, %s * %s, %s)", in, in, factor, in);
    return ST_OK;
}

enum status torch_softmax(struct writer *w)
{
    int rank = torch_type(w, 0)->rank;
    const char *x;

    TRY(torch_in(w, 0, &x));
    torch_expr(w, "%s(%s, dim=%d)", torch_call(w), x,
               rank ? ttype_axis(node_int(w->n, "axis", -1), rank) : 0);
    return ST_OK;
}

enum status torch_dropout(struct writer *w)
{
    const struct tensor *ratio = node_const(w->n, 1), *training = node_const(w->n, 2);
    const char *x;

    if ((torch_has(w, 1) && !torch_is_number(w, 1)) || (torch_has(w, 2) && !training))
        return torch_refuse(w, "the model computes its ratio or mode");
    if (training && tensor_int_at(training, 0, 1) != 0)
        return torch_refuse(w, "drops at random even where nothing is trained");
    TRY(torch_in(w, 0, &x));
    torch_module(w, "nn.Dropout(%s)", torch_number(w, ratio ? tensor_num_at(ratio, 0, 0.5) : 0.5));
    torch_expr(w, "self.%s(%s)", w->ident[w->id], x);
    return ST_OK;
}

enum status torch_identity(struct writer *w)
{
    const char *x;

    TRY(torch_in(w, 0, &x));
    torch_module(w, "nn.Identity()");
    torch_expr(w, "self.%s(%s)", w->ident[w->id], x);
    return ST_OK;
}

enum status torch_cast(struct writer *w)
{
    int to = torch_out(w)->dtype;
    const char *dtype = torch_dtype(to), *x;

    if (!dtype)
        return torch_refuse(w, "PyTorch has no type %s", dtype_name(to));
    if (torch_is_float(to))
        dtype = "torch.float32";
    TRY(torch_in(w, 0, &x));
    torch_expr(w, "%s.to(%s)", x, dtype);
    return ST_OK;
}

/* ---- arithmetic ---- */

/* A literal has no rank: it may stand for a constant only where that adds no axes. */
static enum status operand(struct writer *w, int i, bool literal, const char **text)
{
    if (literal && torch_is_number(w, i) && torch_type(w, i)->rank <= torch_type(w, 1 - i)->rank)
        return torch_in_number(w, i, text);
    return torch_in(w, i, text);
}

enum status torch_binary(struct writer *w)
{
    const char *a, *b;

    if (w->n->op == OP_DIV && !torch_is_float(torch_out(w)->dtype))
        return torch_refuse(w, "division of integers");
    TRY(operand(w, 0, !node_const(w->n, 1), &a)); /* a tensor must take part */
    TRY(operand(w, 1, true, &b));
    torch_expr(w, "%s %s %s", a, torch_call(w), b);
    return ST_OK;
}

/* Any number of inputs, two at a time. */
enum status torch_many(struct writer *w)
{
    const char *sum, *x;

    TRY(torch_in(w, 0, &sum));
    for (int i = 1; i < w->n->n_in; i++) {
        TRY(torch_in(w, i, &x));
        sum = w->n->op == OP_SUM ? torch_text(w, "%s + %s", sum, x)
                                 : torch_text(w, "%s(%s, %s)", torch_call(w), sum, x);
    }
    torch_expr(w, "%s", sum);
    return ST_OK;
}

/* ---- reductions ---- */

enum status torch_reduce(struct writer *w)
{
    const struct node_attr *attr = node_attr(w->n, "axes");
    int rank = torch_type(w, 0)->rank, n;
    int64_t axes[TTYPE_MAX_RANK];
    const char *x;

    TRY(torch_in(w, 0, &x));
    TRY(torch_ints(w, 1, axes, TTYPE_MAX_RANK, &n));
    if (attr)
        n = (int)attr->n;
    for (int i = 0; i < n; i++)
        axes[i] = ttype_axis(attr ? node_ints_at(w->n, "axes", (size_t)i, 0) : axes[i], rank);
    if (n <= 0 && node_int(w->n, "noop_with_empty_axes", 0) == 0)
        for (n = 0; n < rank; n++)
            axes[n] = n;
    if (n <= 0)
        torch_expr(w, "%s", x);
    else
        torch_expr(w, "%s.%s(%s%s)", x, torch_call(w), torch_tuple(w, axes, n),
                   node_int(w->n, "keepdims", 1) ? ", keepdim=True" : "");
    return ST_OK;
}
