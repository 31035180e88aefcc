/* Rules of operators that read the same elements in another shape. Their sizes are products, and
 * a product with one open factor is still known where that factor stands alone (N x 512 x 1 x 1
 * flattens to N x 512): see struct product. */
#include "shape/shape_priv.h"

/* Elements behind some dimensions: known sizes times open ones. */
struct product {
    int64_t known;
    int n_open;
    int64_t open[TTYPE_MAX_RANK];
};

static enum status times(struct shaper *s, struct product *p, int64_t dim)
{
    if (dim < 0)
        p->open[p->n_open++] = dim;
    else if (__builtin_mul_overflow(p->known, dim, &p->known))
        return shape_fault(s, "has more elements than can be counted");
    return ST_OK;
}

/* The product as one dimension. */
static int64_t as_dim(const struct product *p)
{
    if (p->known == 0 || p->n_open == 0)
        return p->known;
    return p->known == 1 && p->n_open == 1 ? p->open[0] : DIM_UNKNOWN;
}

/* ---- reshape ---- */

static enum status fault_count(struct shaper *s, const struct ttype *x, const struct ttype *out)
{
    char a[96], b[96];

    return shape_fault(s, "%s does not reshape to %s", ttype_text(x, a, sizeof a),
                       ttype_text(out, b, sizeof b));
}

/* Fills out->dim[wild] (when wild >= 0) with what x's elements leave for it. Axes that the target
 * copies are in neither `left` (x's other sizes) nor `right` (the sizes that the target names). */
static enum status balance(struct shaper *s, const struct ttype *x, struct product left,
                           int64_t right, struct ttype *out, int wild)
{
    if (wild < 0) {
        if (left.n_open == 0 && left.known != right)
            return fault_count(s, x, out);
        /* an open batch has to make up for the difference */
        if (left.n_open > 0 && left.known > 1 && right % left.known)
            return fault_count(s, x, out);
        return ST_OK;
    }
    if (right == 0 || (left.n_open == 0 && left.known % right))
        return fault_count(s, x, out);
    if (left.known % right)
        return ST_OK; /* the open factors have to be divided: not known */
    left.known /= right;
    out->dim[wild] = as_dim(&left);
    return ST_OK;
}

static enum status reshape_to(struct shaper *s, const struct ttype *x, const int64_t *target, int n)
{
    struct product left = {.known = 1}, right = {.known = 1};
    bool keep_zero = node_int(s->n, "allowzero", 0) != 0, copied[TTYPE_MAX_RANK] = {false};
    struct ttype *out = &s->out[0];
    int wild = -1;

    out->rank = (int8_t)n;
    for (int i = 0; i < n; i++) {
        out->dim[i] = target[i];
        if (target[i] == 0 && !keep_zero) {
            if (x->rank >= 0 && i >= x->rank)
                return shape_fault(s, "copies axis %d of an input of rank %d", i, x->rank);
            out->dim[i] = x->rank >= 0 ? x->dim[i] : DIM_UNKNOWN;
            copied[i] = true;
        } else if (target[i] == -1 && wild < 0) {
            out->dim[i] = DIM_UNKNOWN;
            wild = i;
        } else if (target[i] < 0 || target[i] > SHAPE_DIM_MAX) {
            return shape_fault(s, "target size %lld%s", (long long)target[i],
                               target[i] == -1 ? " is given twice" : "");
        } else {
            TRY(times(s, &right, target[i]));
        }
    }
    for (int i = 0; i < x->rank; i++)
        if (!copied[i])
            TRY(times(s, &left, x->dim[i]));
    return x->rank >= 0 ? balance(s, x, left, right.known, out, wild) : ST_OK;
}

enum status rule_reshape(struct shaper *s)
{
    const struct ttype *x = shape_in(s, 0);
    int64_t target[TTYPE_MAX_RANK], have, want, len;
    int n = shape_const_ints(s, 1, target, TTYPE_MAX_RANK);

    s->out[0].dtype = x->dtype;
    if (n >= 0)
        return reshape_to(s, x, target, n);
    if (n == -2) {
        if (shape_vector_len(s, 1) <= TTYPE_MAX_RANK)
            return shape_fault(s, "target is no list of integers");
        return ST_OK; /* more axes than a type can hold */
    }
    /* A target that the model computes: what the file declares, unless x has other elements. */
    len = shape_vector_len(s, 1);
    s->out[0] = shape_declared(s, 0, len >= 0 && len <= TTYPE_MAX_RANK ? (int)len : -1);
    s->out[0].dtype = x->dtype;
    have = ttype_count(x, 1);
    want = ttype_count(&s->out[0], 1);
    for (int i = 0; i < x->rank; i++)
        have = x->dim[i] < 0 ? -1 : have;
    for (int i = 0; i < s->out[0].rank; i++)
        want = s->out[0].dim[i] < 0 ? -1 : want;
    if (have >= 0 && want >= 0 && have != want) {
        s->out[0] = ttype_unknown();
        s->out[0].dtype = x->dtype;
    }
    return ST_OK;
}

/* ---- flatten, transpose ---- */

enum status rule_flatten(struct shaper *s)
{
    const struct ttype *x = shape_in(s, 0);
    struct product outer = {.known = 1}, inner = {.known = 1};
    int64_t axis = node_int(s->n, "axis", 1);

    s->out[0] = ttype_make(x->dtype, 2, (int64_t[]){DIM_UNKNOWN, DIM_UNKNOWN});
    if (x->rank < 0)
        return ST_OK;
    if (axis < -x->rank || axis > x->rank)
        return shape_fault(s, "axis %lld of a tensor of rank %d", (long long)axis, x->rank);
    if (axis < 0)
        axis += x->rank;
    for (int i = 0; i < x->rank; i++)
        TRY(times(s, i < axis ? &outer : &inner, x->dim[i]));
    s->out[0].dim[0] = as_dim(&outer);
    s->out[0].dim[1] = as_dim(&inner);
    return ST_OK;
}

enum status rule_transpose(struct shaper *s)
{
    const struct ttype *x = shape_in(s, 0);
    const struct node_attr *a = node_attr(s->n, "perm");
    int64_t perm[TTYPE_MAX_RANK];
    unsigned seen;

    s->out[0].dtype = x->dtype;
    if (x->rank < 0)
        return ST_OK;
    TRY(shape_attr_ints(s, "perm", x->rank, 0, x->rank - 1, 0, perm));
    if (a)
        TRY(shape_axis_set(s, perm, x->rank, x->rank, &seen));
    s->out[0] = *x;
    for (int i = 0; i < x->rank; i++)
        s->out[0].dim[i] = x->dim[a ? perm[i] : x->rank - 1 - i];
    return ST_OK;
}

/* ---- squeeze, unsqueeze ---- */

enum status rule_squeeze(struct shaper *s)
{
    const struct ttype *x = shape_in(s, 0);
    int64_t axes[TTYPE_MAX_RANK];
    struct ttype out = {.dtype = x->dtype, .rank = 0};
    unsigned mask = 0;
    int n = shape_const_ints(s, 1, axes, TTYPE_MAX_RANK);

    s->out[0].dtype = x->dtype;
    if (n == -2)
        return shape_fault(s, "axes are no list of axes");
    if (x->rank < 0)
        return ST_OK;
    if (n >= 0)
        TRY(shape_axis_set(s, axes, n, x->rank, &mask));
    for (int i = 0; i < x->rank && n < 0; i++) {
        if (x->dim[i] < 0 || shape_in(s, 1)) { /* an open axis may be 1: the rank hangs on it */
            s->out[0] = shape_declared(s, 0, -1);
            s->out[0].dtype = x->dtype;
            return ST_OK;
        }
        if (x->dim[i] == 1)
            mask |= 1u << i;
    }
    for (int i = 0; i < x->rank; i++) {
        if (!(mask & 1u << i))
            out.dim[out.rank++] = x->dim[i];
        else if (x->dim[i] >= 0 && x->dim[i] != 1)
            return shape_fault(s, "axis %d has size %lld, not 1", i, (long long)x->dim[i]);
    }
    s->out[0] = out;
    return ST_OK;
}

enum status rule_unsqueeze(struct shaper *s)
{
    const struct ttype *x = shape_in(s, 0);
    int64_t axes[TTYPE_MAX_RANK], len = shape_vector_len(s, 1);
    int n = shape_const_ints(s, 1, axes, TTYPE_MAX_RANK), from = 0;
    struct ttype out = {.dtype = x->dtype};
    unsigned mask;

    s->out[0].dtype = x->dtype;
    if (n == -2 && len <= TTYPE_MAX_RANK)
        return shape_fault(s, "axes are no list of axes");
    if (x->rank < 0 || n == -2)
        return ST_OK;
    if (n == -1) {
        s->out[0] =
            shape_declared(s, 0, len >= 0 && len <= TTYPE_MAX_RANK ? x->rank + (int)len : -1);
        s->out[0].dtype = x->dtype;
        return ST_OK;
    }
    TRY(shape_axis_set(s, axes, n, x->rank + n, &mask));
    if (x->rank + n > TTYPE_MAX_RANK)
        return ST_OK; /* more axes than a type can hold */
    out.rank = (int8_t)(x->rank + n);
    for (int i = 0; i < out.rank; i++)
        out.dim[i] = mask & 1u << i ? 1 : x->dim[from++];
    s->out[0] = out;
    return ST_OK;
}
