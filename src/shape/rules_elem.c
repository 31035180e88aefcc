/* Rules of element-wise operators and reductions. */
#include "shape/shape_priv.h"
#include <string.h>

/* ---- one input, same shape ---- */

static enum status check_scalar(struct shaper *s, int port, const char *what)
{
    const struct ttype *t = shape_in(s, port);

    if (t && t->rank >= 0 && ttype_count(t, 1) != 1)
        return shape_fault(s, "%s is not a scalar", what);
    return ST_OK;
}

static enum status check_clip(struct shaper *s)
{
    uint8_t dtype;

    TRY(shape_join_dtype(s, 0, 2, &dtype));
    TRY(check_scalar(s, 1, "min"));
    return check_scalar(s, 2, "max");
}

static enum status check_prelu(struct shaper *s)
{
    const struct ttype *x = shape_in(s, 0), *slope = shape_in(s, 1);
    uint8_t dtype;
    char a[96], b[96];

    TRY(shape_join_dtype(s, 0, 1, &dtype));
    if (!shape_broadcasts_to(x, slope))
        return shape_fault(s, "slope %s cannot be broadcast to %s", ttype_text(slope, a, sizeof a),
                           ttype_text(x, b, sizeof b));
    return ST_OK;
}

/* Scale and bias have the shape of the normalised axes; Mean and InvStdDev that of the others. */
static enum status check_layernorm(struct shaper *s)
{
    const struct ttype *x = shape_in(s, 0);
    struct ttype tail, stat = *x;
    int axis;

    stat.dtype = DT_FLOAT;
    if (x->rank >= 0) {
        TRY(shape_axis(s, node_int(s->n, "axis", -1), x->rank, &axis));
        tail = ttype_make(x->dtype, x->rank - axis, x->dim + axis);
        for (int i = 1; i <= 2; i++)
            if (shape_in(s, i) && !shape_broadcasts_to(&tail, shape_in(s, i)))
                return shape_fault(s, "%s does not fit the normalised axes",
                                   i == 1 ? "scale" : "bias");
        for (int i = axis; i < stat.rank; i++)
            stat.dim[i] = 1;
    }
    for (int i = 1; i < s->n->n_out; i++)
        s->out[i] = stat;
    return ST_OK;
}

static enum status check_axis(struct shaper *s)
{
    int rank = shape_in(s, 0)->rank, axis;

    return rank < 0 ? ST_OK : shape_axis(s, node_int(s->n, "axis", -1), rank, &axis);
}

static enum status check_lrn(struct shaper *s)
{
    const struct ttype *x = shape_in(s, 0);

    if (node_int(s->n, "size", 0) < 1)
        return shape_fault(s, "size is %lld", (long long)node_int(s->n, "size", 0));
    if (x->rank >= 0 && x->rank < 2)
        return shape_fault(s, "input of rank %d, needs 2 at least", x->rank);
    return ST_OK;
}

static enum status check_dropout(struct shaper *s)
{
    TRY(check_scalar(s, 1, "ratio"));
    TRY(check_scalar(s, 2, "training_mode"));
    if (s->n->n_out > 1) {
        s->out[1] = s->out[0];
        s->out[1].dtype = DT_BOOL;
    }
    return ST_OK;
}

enum status rule_same(struct shaper *s)
{
    s->out[0] = *shape_in(s, 0);
    switch (s->n->op) {
    case OP_CLIP:
        return check_clip(s);
    case OP_PRELU:
        return check_prelu(s);
    case OP_LAYERNORM:
        return check_layernorm(s);
    case OP_SOFTMAX:
    case OP_LOGSOFTMAX:
        return check_axis(s);
    case OP_LRN:
        return check_lrn(s);
    case OP_DROPOUT:
        return check_dropout(s);
    default:
        return ST_OK;
    }
}

enum status rule_cast(struct shaper *s)
{
    int64_t to = node_int(s->n, "to", 0);

    if (to <= DT_UNDEFINED || to > DT_BFLOAT16)
        return shape_fault(s, "casts to element type %lld", (long long)to);
    s->out[0] = *shape_in(s, 0);
    s->out[0].dtype = (uint8_t)to;
    return ST_OK;
}

/* ---- joins ---- */

enum status rule_broadcast(struct shaper *s)
{
    struct ttype acc = *shape_in(s, 0);
    uint8_t dtype = acc.dtype;

    if (s->n->op != OP_POW) /* Pow takes an exponent of another type */
        TRY(shape_join_dtype(s, 0, s->n->n_in - 1, &dtype));
    for (int i = 1; i < s->n->n_in; i++) {
        const struct ttype *t = shape_in(s, i);
        char a[96], b[96];

        if (t && !shape_broadcast(&acc, t))
            return shape_fault(s, "%s and %s cannot be broadcast", ttype_text(&acc, a, sizeof a),
                               ttype_text(t, b, sizeof b));
    }
    s->out[0] = acc;
    s->out[0].dtype = dtype;
    return ST_OK;
}

/* ---- reductions ---- */

/* The axes as a mask: an attribute up to op set 12 (17 for all but ReduceSum), then an input.
 * `known` is false where they are computed by the model. */
static enum status reduce_axes(struct shaper *s, int rank, unsigned *mask, bool *known)
{
    const struct node_attr *a = node_attr(s->n, "axes");
    int64_t axes[TTYPE_MAX_RANK];
    int n = 0;

    *known = true;
    *mask = 0;
    if (a) {
        if (a->kind != ATTR_INTS || a->n > TTYPE_MAX_RANK)
            return shape_fault(s, "attribute axes is no list of axes");
        n = (int)a->n;
        for (int i = 0; i < n; i++)
            axes[i] = node_ints_at(s->n, "axes", (size_t)i, 0);
    } else if (shape_in(s, 1)) {
        n = shape_const_ints(s, 1, axes, TTYPE_MAX_RANK);
        if (n == -2)
            return shape_fault(s, "axes are no list of axes");
        *known = n >= 0;
    }
    if (!*known)
        return ST_OK;
    if (n == 0) {
        if (node_int(s->n, "noop_with_empty_axes", 0) == 0)
            *mask = (1u << rank) - 1;
        return ST_OK;
    }
    return shape_axis_set(s, axes, n, rank, mask);
}

enum status rule_reduce(struct shaper *s)
{
    const struct ttype *x = shape_in(s, 0);
    bool keep = node_int(s->n, "keepdims", 1) != 0, known;
    struct ttype out = {.dtype = x->dtype, .rank = 0};
    unsigned mask;

    if (x->rank < 0) {
        s->out[0].dtype = x->dtype;
        return ST_OK;
    }
    TRY(reduce_axes(s, x->rank, &mask, &known));
    if (!known) {
        s->out[0] = shape_declared(s, 0, keep ? x->rank : -1);
        s->out[0].dtype = x->dtype;
        return ST_OK;
    }
    for (int i = 0; i < x->rank; i++) {
        if (!(mask & 1u << i))
            out.dim[out.rank++] = x->dim[i];
        else if (keep)
            out.dim[out.rank++] = 1;
    }
    s->out[0] = out;
    return ST_OK;
}
