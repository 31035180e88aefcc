/* Reading types, constants and attributes, for the rules. */
#include "shape/shape_priv.h"
#include <stdio.h>

enum status shape_fault(struct shaper *s, const char *fmt, ...)
{
    char msg[192];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    return err_set(s->err, ST_MODEL, "node '%.80s' (%.40s): %s", node_label(s->n),
                   node_op_type(s->n), msg);
}

const struct ttype *shape_in(const struct shaper *s, int i)
{
    const struct node_input *in;

    if (i >= s->n->n_in)
        return NULL;
    in = &s->n->in[i];
    if (in->node == IN_NONE)
        return NULL;
    if (in->node == IN_CONST)
        return tensor_type(in->tensor);
    return &s->types[s->base[in->node] + in->port];
}

struct ttype shape_declared(const struct shaper *s, int port, int rank)
{
    struct ttype t = s->n->out[port].type;

    if (rank >= 0 && t.rank >= 0 && t.rank != rank) {
        t = ttype_unknown();
        t.dtype = s->n->out[port].type.dtype;
    }
    return t;
}

enum status shape_join_dtype(struct shaper *s, int first, int last, uint8_t *dtype)
{
    int from = first;

    *dtype = DT_UNDEFINED;
    for (int i = first; i <= last && i < s->n->n_in; i++) {
        const struct ttype *t = shape_in(s, i);

        if (!t || t->dtype == DT_UNDEFINED || t->dtype == *dtype)
            continue;
        if (*dtype != DT_UNDEFINED)
            return shape_fault(s, "input %d is %s, but input %d is %s", i, dtype_name(t->dtype),
                               from, dtype_name(*dtype));
        *dtype = t->dtype;
        from = i;
    }
    return ST_OK;
}

bool shape_merge_dim(int64_t a, int64_t b, int64_t *out)
{
    if (a >= 0 && b >= 0 && a != b)
        return false;
    if (a >= 0 || b >= 0)
        *out = a >= 0 ? a : b;
    else if (a == b)
        *out = a;
    else /* two symbols, or one: the symbol that is known to be right for either side */
        *out = a == DIM_UNKNOWN ? b : b == DIM_UNKNOWN ? a : DIM_UNKNOWN;
    return true;
}

static bool broadcast_dim(int64_t a, int64_t b, int64_t *out)
{
    if (a == b || b == 1)
        *out = a;
    else if (a == 1)
        *out = b;
    else if (a >= 0 && b >= 0)
        return false;
    else if (a >= 0 || b >= 0) /* the open side is 1 or the same */
        *out = a >= 0 ? a : b;
    else
        *out = DIM_UNKNOWN;
    return true;
}

bool shape_broadcast(struct ttype *acc, const struct ttype *b)
{
    struct ttype a = *acc;

    if (a.rank < 0 || b->rank < 0) {
        acc->rank = -1;
        return true;
    }
    acc->rank = a.rank > b->rank ? a.rank : b->rank;
    for (int i = 1; i <= acc->rank; i++) {
        int64_t x = i <= a.rank ? a.dim[a.rank - i] : 1;
        int64_t y = i <= b->rank ? b->dim[b->rank - i] : 1;

        if (!broadcast_dim(x, y, &acc->dim[acc->rank - i])) {
            *acc = a;
            return false;
        }
    }
    return true;
}

bool shape_broadcasts_to(const struct ttype *a, const struct ttype *b)
{
    if (a->rank < 0 || b->rank < 0)
        return true;
    if (b->rank > a->rank)
        return false;
    for (int i = 1; i <= b->rank; i++) {
        int64_t x = a->dim[a->rank - i], y = b->dim[b->rank - i];

        if (y >= 0 && y != 1 && x >= 0 && x != y)
            return false;
    }
    return true;
}

int shape_const_ints(const struct shaper *s, int port, int64_t *v, int max)
{
    const struct tensor *t = port < s->n->n_in ? node_const(s->n, port) : NULL;
    int64_t n;

    if (!t)
        return -1;
    n = tensor_count(t);
    if (tensor_type(t)->rank > 1 || n < 0 || n > max)
        return -2;
    switch (tensor_type(t)->dtype) {
    case DT_INT64:
    case DT_INT32:
        break;
    default:
        return -2;
    }
    for (int i = 0; i < (int)n; i++)
        v[i] = tensor_int_at(t, i, 0);
    return (int)n;
}

int64_t shape_vector_len(const struct shaper *s, int port)
{
    const struct ttype *t = shape_in(s, port);

    return t && t->rank == 1 && t->dim[0] >= 0 ? t->dim[0] : -1;
}

enum status shape_attr_ints(struct shaper *s, const char *name, int count, int64_t lo, int64_t hi,
                            int64_t fallback, int64_t *v)
{
    const struct node_attr *a = node_attr(s->n, name);

    if (!a) {
        for (int i = 0; i < count; i++)
            v[i] = fallback;
        return ST_OK;
    }
    if (a->kind != ATTR_INTS)
        return shape_fault(s, "attribute %s is not a list of integers", name);
    if (a->n != (size_t)count)
        return shape_fault(s, "attribute %s has %zu values, needs %d", name, a->n, count);
    for (int i = 0; i < count; i++) {
        v[i] = node_ints_at(s->n, name, (size_t)i, fallback);
        if (v[i] < lo || v[i] > hi)
            return shape_fault(s, "attribute %s: %lld is outside %lld to %lld", name,
                               (long long)v[i], (long long)lo, (long long)hi);
    }
    return ST_OK;
}

enum status shape_axis(struct shaper *s, int64_t axis, int rank, int *out)
{
    if (axis < -rank || axis >= rank)
        return shape_fault(s, "axis %lld of a tensor of rank %d", (long long)axis, rank);
    *out = ttype_axis(axis, rank);
    return ST_OK;
}

enum status shape_axis_set(struct shaper *s, const int64_t *axes, int n, int rank, unsigned *mask)
{
    *mask = 0;
    for (int i = 0; i < n; i++) {
        int axis = 0;

        TRY(shape_axis(s, axes[i], rank, &axis));
        if (*mask & 1u << axis)
            return shape_fault(s, "axis %d is named twice", axis);
        *mask |= 1u << axis;
    }
    return ST_OK;
}

enum status shape_param_vector(struct shaper *s, int port, const char *what, int64_t size)
{
    const struct ttype *t = shape_in(s, port);

    if (!t || t->rank < 0)
        return ST_OK;
    if (t->rank != 1)
        return shape_fault(s, "%s has rank %d, not 1", what, t->rank);
    if (size >= 0 && t->dim[0] >= 0 && t->dim[0] != size)
        return shape_fault(s, "%s has %lld values for %lld channels", what, (long long)t->dim[0],
                           (long long)size);
    return ST_OK;
}
