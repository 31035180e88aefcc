/* Reductions over any set of axes. */
#include "exec/k.h"

#include <math.h>

/* The input walked as kept axes around reduced ones. */
struct reduce {
    int kept, gone;
    int64_t kept_dim[TTYPE_MAX_RANK], kept_stride[TTYPE_MAX_RANK];
    int64_t gone_dim[TTYPE_MAX_RANK], gone_stride[TTYPE_MAX_RANK];
    int64_t n; /* elements that become one */
};

static enum status read_axes(const struct step *s, unsigned *mask, struct err *err)
{
    const struct node_attr *a = node_attr(s->node, "axes");
    int rank = s->in[0]->type.rank, n;
    int64_t axes[TTYPE_MAX_RANK];

    n = a ? (int)a->n : k_const_ints(s, 1, axes, TTYPE_MAX_RANK);
    if (n == -2)
        return exec_unsupported(s, err, "the model computes its axes");
    *mask = 0;
    for (int i = 0; i < n; i++)
        *mask |= 1u << ttype_axis(a ? node_ints_at(s->node, "axes", (size_t)i, 0) : axes[i], rank);
    if (n <= 0 && node_int(s->node, "noop_with_empty_axes", 0) == 0)
        *mask = (1u << rank) - 1;
    return ST_OK;
}

enum status k_reduce_init(struct exec *e, struct step *s, struct err *err)
{
    const struct ttype *x = &s->in[0]->type;
    struct reduce *r = x_calloc(1, sizeof *r);
    int64_t stride[TTYPE_MAX_RANK];
    unsigned mask = 0;

    (void)e;
    s->state = r;
    TRY(read_axes(s, &mask, err));
    k_strides(x, stride);
    r->n = 1;
    for (int i = 0; i < x->rank; i++) {
        if (mask & 1u << i) {
            r->gone_dim[r->gone] = x->dim[i];
            r->gone_stride[r->gone++] = stride[i];
            r->n *= x->dim[i];
        } else {
            r->kept_dim[r->kept] = x->dim[i];
            r->kept_stride[r->kept++] = stride[i];
        }
    }
    return ST_OK;
}

static double sum_of(const struct reduce *r, int axis, const float *x)
{
    double sum = 0;

    if (axis == r->gone)
        return (double)*x;
    for (int64_t i = 0; i < r->gone_dim[axis]; i++)
        sum += sum_of(r, axis + 1, x + i * r->gone_stride[axis]);
    return sum;
}

static double max_of(const struct reduce *r, int axis, const float *x)
{
    double max = -INFINITY;

    if (axis == r->gone)
        return (double)*x;
    for (int64_t i = 0; i < r->gone_dim[axis]; i++) {
        double v = max_of(r, axis + 1, x + i * r->gone_stride[axis]);

        max = v > max ? v : max;
    }
    return max;
}

static float *walk(const struct reduce *r, enum op op, int axis, const float *x, float *y)
{
    if (axis < r->kept) {
        for (int64_t i = 0; i < r->kept_dim[axis]; i++)
            y = walk(r, op, axis + 1, x + i * r->kept_stride[axis], y);
        return y;
    }
    if (op == OP_REDUCEMAX)
        *y = (float)max_of(r, 0, x);
    else
        *y = (float)(sum_of(r, 0, x) / (op == OP_REDUCEMEAN ? (double)r->n : 1.0));
    return y + 1;
}

enum status k_reduce(struct exec *e, struct step *s, struct err *err)
{
    (void)e;
    (void)err;
    walk(s->state, s->node->op, 0, s->in[0]->data, s->out[0]->data);
    return ST_OK;
}
