/* Rules of operators that move elements without computing: joining, cutting, padding, resampling.
 * (Those that only re-read the same elements in another shape are in rules_view.c.) */
#include "shape/shape_priv.h"
#include "base/mem.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The shape that the file declares, but with the sizes that are certain; for parameters that the
 * model computes itself. Axes in `kept` keep x's size. */
static void fall_back(struct shaper *s, int port, const struct ttype *x, unsigned kept)
{
    struct ttype t = shape_declared(s, port, x->rank);

    if (t.rank < 0 && x->rank >= 0) {
        t.rank = x->rank;
        for (int i = 0; i < t.rank; i++)
            t.dim[i] = DIM_UNKNOWN;
    }
    for (int i = 0; i < x->rank; i++)
        if (kept & 1u << i)
            t.dim[i] = x->dim[i];
    t.dtype = x->dtype;
    s->out[port] = t;
}

/* ---- concat, split ---- */

enum status rule_concat(struct shaper *s)
{
    const struct node_attr *a = node_attr(s->n, "axis");
    struct ttype out = ttype_unknown();
    int axis = 0, first = -1;
    uint8_t dtype;

    if (!a || a->kind != ATTR_INT)
        return shape_fault(s, "attribute axis is missing");
    TRY(shape_join_dtype(s, 0, s->n->n_in - 1, &dtype));
    for (int i = 0; i < s->n->n_in; i++) {
        const struct ttype *t = shape_in(s, i);
        int64_t sum;

        if (!t || t->rank < 0)
            continue;
        if (first < 0) {
            first = i;
            out = *t;
            TRY(shape_axis(s, a->i, t->rank, &axis));
            continue;
        }
        if (t->rank != out.rank)
            return shape_fault(s, "input %d has rank %d, input %d has rank %d", i, t->rank, first,
                               out.rank);
        for (int k = 0; k < out.rank; k++)
            if (k != axis && !shape_merge_dim(out.dim[k], t->dim[k], &out.dim[k]))
                return shape_fault(s, "input %d has size %lld on axis %d, another has %lld", i,
                                   (long long)t->dim[k], k, (long long)out.dim[k]);
        if (out.dim[axis] < 0 || t->dim[axis] < 0)
            sum = DIM_UNKNOWN;
        else if (__builtin_add_overflow(out.dim[axis], t->dim[axis], &sum))
            return shape_fault(s, "sizes add up to too much");
        out.dim[axis] = sum;
    }
    for (int i = 0; i < s->n->n_in && out.rank >= 0 && s->n->n_in > 1; i++)
        if (shape_in(s, i)->rank < 0)
            out.dim[axis] = DIM_UNKNOWN;
    s->out[0] = out;
    s->out[0].dtype = dtype;
    return ST_OK;
}

/* The sizes of the pieces from the input `split`; *known false when the model computes them. */
static enum status split_sizes(struct shaper *s, int64_t total, int64_t *size, bool *known)
{
    const struct tensor *t = s->n->n_in > 1 ? node_const(s->n, 1) : NULL;
    int64_t sum = 0;
    int n = s->n->n_out;

    *known = true;
    if (!shape_in(s, 1)) { /* equal pieces */
        if (total >= 0 && total % n)
            return shape_fault(s, "size %lld does not split into %d equal parts", (long long)total,
                               n);
        for (int i = 0; i < n; i++)
            size[i] = total >= 0 ? total / n : DIM_UNKNOWN;
        return ST_OK;
    }
    *known = t != NULL;
    if (!t)
        return ST_OK;
    if (tensor_type(t)->dtype != DT_INT64 || tensor_type(t)->rank != 1)
        return shape_fault(s, "split is no list of integers");
    if (tensor_count(t) != n)
        return shape_fault(s, "split has %lld sizes for %d outputs", (long long)tensor_count(t), n);
    for (int i = 0; i < n; i++) {
        size[i] = tensor_int_at(t, i, -1);
        if (size[i] < 0 || size[i] > SHAPE_DIM_MAX)
            return shape_fault(s, "split has size %lld", (long long)size[i]);
        sum += size[i];
    }
    if (total >= 0 && sum != total)
        return shape_fault(s, "split sums up to %lld, the input has %lld", (long long)sum,
                           (long long)total);
    return ST_OK;
}

enum status rule_split(struct shaper *s)
{
    const struct ttype *x = shape_in(s, 0);
    int64_t *size;
    enum status st;
    bool known;
    int axis;

    if (x->rank < 0) {
        for (int i = 0; i < s->n->n_out; i++)
            s->out[i].dtype = x->dtype;
        return ST_OK;
    }
    TRY(shape_axis(s, node_int(s->n, "axis", 0), x->rank, &axis));
    size = x_calloc((size_t)s->n->n_out + 1, sizeof *size);
    st = split_sizes(s, x->dim[axis], size, &known);
    for (int i = 0; i < s->n->n_out && st == ST_OK; i++) {
        if (!known) {
            fall_back(s, i, x, ~(1u << axis));
            continue;
        }
        s->out[i] = *x;
        s->out[i].dim[axis] = size[i];
    }
    free(size);
    return st;
}

/* ---- slice ---- */

static int64_t clamp(int64_t v, int64_t lo, int64_t hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

/* How many elements start:end:step takes of an axis of size `dim`, clamped as the
 * operator's specification says. */
static int64_t slice_count(int64_t dim, int64_t start, int64_t end, int64_t step)
{
    int64_t span, width;

    if (dim == 0)
        return 0;
    start = start < 0 && start >= -dim ? start + dim : start;
    end = end < 0 && end >= -dim ? end + dim : end;
    if (step > 0) {
        start = clamp(start, 0, dim);
        end = clamp(end, 0, dim);
        span = end - start;
        width = step;
    } else {
        start = clamp(start, 0, dim - 1);
        end = clamp(end, -1, dim - 1);
        span = start - end;
        width = step == INT64_MIN ? INT64_MAX : -step;
    }
    return span <= 0 ? 0 : (span - 1) / width + 1;
}

enum status rule_slice(struct shaper *s)
{
    const struct ttype *x = shape_in(s, 0);
    int64_t v[4][TTYPE_MAX_RANK];
    static const char *const names[] = {"starts", "ends", "axes", "steps"};
    unsigned mask;
    int n = -1;
    bool known = true;

    s->out[0].dtype = x->dtype;
    if (x->rank < 0)
        return ST_OK;
    for (int i = 0; i < 4; i++) {
        int k = shape_const_ints(s, 1 + i, v[i], TTYPE_MAX_RANK);

        if (k == -2)
            return shape_fault(s, "%s is no list of integers for rank %d", names[i], x->rank);
        if (k == -1 && shape_in(s, 1 + i))
            known = false;
        if (k >= 0 && n >= 0 && k != n)
            return shape_fault(s, "%s has %d values, starts has %d", names[i], k, n);
        if (k >= 0)
            n = k;
    }
    for (int i = 0; known && i < n; i++) {
        if (!shape_in(s, 3))
            v[2][i] = i;
        if (!shape_in(s, 4))
            v[3][i] = 1;
        if (v[3][i] == 0)
            return shape_fault(s, "step is 0");
    }
    if (!known || n < 0) {
        fall_back(s, 0, x, 0);
        return ST_OK;
    }
    TRY(shape_axis_set(s, v[2], n, x->rank, &mask));
    s->out[0] = *x;
    for (int i = 0; i < n; i++) {
        int64_t *dim;
        int axis;

        TRY(shape_axis(s, v[2][i], x->rank, &axis));
        dim = &s->out[0].dim[axis];
        if (*dim >= 0)
            *dim = slice_count(*dim, v[0][i], v[1][i], v[3][i]);
        else if (v[0][i] != 0 || v[3][i] != 1 || v[1][i] < SHAPE_DIM_MAX)
            *dim = DIM_UNKNOWN; /* else the whole of an open axis */
    }
    return ST_OK;
}

/* ---- pad ---- */

/* Reflection reads inside the input only. */
static bool pad_mode(const char *mode, bool *reflect)
{
    *reflect = strcmp(mode, "reflect") == 0;
    return *reflect || strcmp(mode, "constant") == 0 || strcmp(mode, "edge") == 0;
}

enum status rule_pad(struct shaper *s)
{
    const struct ttype *x = shape_in(s, 0);
    int64_t pads[2 * TTYPE_MAX_RANK];
    const char *mode = node_string(s->n, "mode", "constant");
    bool reflect;
    int n;

    if (!pad_mode(mode, &reflect))
        return shape_fault(s, "mode '%.40s' is unknown", mode);
    s->out[0].dtype = x->dtype;
    if (x->rank < 0)
        return ST_OK;
    n = shape_const_ints(s, 1, pads, 2 * TTYPE_MAX_RANK);
    if (n == -1) {
        fall_back(s, 0, x, 0);
        return ST_OK;
    }
    if (n != 2 * x->rank)
        return shape_fault(s, "pads need two values for each of %d axes", x->rank);
    s->out[0] = *x;
    for (int i = 0; i < x->rank; i++) {
        int64_t a = pads[i], b = pads[x->rank + i], *dim = &s->out[0].dim[i];

        if (a > SHAPE_DIM_MAX || b > SHAPE_DIM_MAX || a < -SHAPE_DIM_MAX || b < -SHAPE_DIM_MAX)
            return shape_fault(s, "pads %lld and %lld on axis %d are too large", (long long)a,
                               (long long)b, i);
        if (*dim < 0) {
            if (a || b)
                *dim = DIM_UNKNOWN;
            continue;
        }
        if (reflect && (a >= *dim || b >= *dim) && (a > 0 || b > 0))
            return shape_fault(s, "reflects %lld elements on axis %d of size %lld",
                               (long long)(a > b ? a : b), i, (long long)*dim);
        *dim += a + b;
        if (*dim < 0)
            return shape_fault(s, "pads cut axis %d below 0", i);
    }
    return ST_OK;
}

/* ---- depth and space ---- */

enum status rule_depth(struct shaper *s)
{
    const struct ttype *x = shape_in(s, 0);
    int64_t b = node_int(s->n, "blocksize", 0);
    bool to_space = s->n->op == OP_DEPTHTOSPACE;
    struct ttype out = *x;

    if (b < 1 || b > 32767)
        return shape_fault(s, "blocksize is %lld", (long long)b);
    s->out[0].dtype = x->dtype;
    if (x->rank < 0)
        return ST_OK;
    if (x->rank != 4)
        return shape_fault(s, "input of rank %d, needs 4", x->rank);
    if (to_space && x->dim[1] >= 0 && x->dim[1] % (b * b))
        return shape_fault(s, "blocksize %lld squared does not divide %lld channels", (long long)b,
                           (long long)x->dim[1]);
    for (int i = 1; i < 4; i++) {
        int64_t d = x->dim[i], f = i == 1 ? b * b : b;
        bool up = to_space == (i > 1);

        if (!up && i > 1 && d >= 0 && d % f)
            return shape_fault(s, "blocksize %lld does not divide size %lld", (long long)b,
                               (long long)d);
        out.dim[i] = d < 0 ? DIM_UNKNOWN : up ? d * f : d / f;
    }
    s->out[0] = out;
    return ST_OK;
}

/* ---- resize ---- */

/* One size from a scale, in float arithmetic as libonnx and the runtimes do. */
static enum status scaled(struct shaper *s, int64_t in, float scale, int64_t *out)
{
    float v;

    if (!(scale > 0) || !isfinite(scale))
        return shape_fault(s, "scale is %g", (double)scale);
    if (in < 0) {
        *out = scale == 1.0f ? in : DIM_UNKNOWN; /* a symbol is carried */
        return ST_OK;
    }
    v = floorf((float)in * scale);
    if (!(v >= 1.0f) || v > 1e9f)
        return shape_fault(s, "scales size %lld to %.0f", (long long)in, (double)v);
    *out = (int64_t)v;
    return ST_OK;
}

static enum status resize_by_scales(struct shaper *s, const struct ttype *x)
{
    const struct tensor *t = node_const(s->n, 2);

    if (tensor_type(t)->dtype != DT_FLOAT || tensor_count(t) != x->rank)
        return shape_fault(s, "scales has %lld values for rank %d", (long long)tensor_count(t),
                           x->rank);
    s->out[0] = *x;
    for (int i = 0; i < x->rank; i++)
        TRY(scaled(s, x->dim[i], (float)tensor_num_at(t, i, 0), &s->out[0].dim[i]));
    return ST_OK;
}

static enum status resize_by_sizes(struct shaper *s, const struct ttype *x)
{
    int64_t v[TTYPE_MAX_RANK];

    if (shape_const_ints(s, 3, v, TTYPE_MAX_RANK) != x->rank)
        return shape_fault(s, "sizes has %lld values for rank %d",
                           (long long)shape_vector_len(s, 3), x->rank);
    s->out[0] = *x;
    for (int i = 0; i < x->rank; i++) {
        if (v[i] < 1 || v[i] > SHAPE_DIM_MAX)
            return shape_fault(s, "size %lld is wanted on axis %d", (long long)v[i], i);
        s->out[0].dim[i] = v[i];
    }
    return ST_OK;
}

/* An input that is there, and not an empty list (op set 11's way to leave scales out). */
static bool is_given(const struct shaper *s, int port)
{
    return shape_in(s, port) && shape_vector_len(s, port) != 0;
}

enum status rule_resize(struct shaper *s)
{
    const struct ttype *x = shape_in(s, 0);
    bool scales = is_given(s, 2), sizes = is_given(s, 3);
    const char *mode = node_string(s->n, "coordinate_transformation_mode", "half_pixel");

    s->out[0].dtype = x->dtype;
    if (scales == sizes)
        return shape_fault(s, "needs scales or sizes%s", scales ? ", not both" : "");
    if (x->rank < 0)
        return ST_OK;
    if (sizes && node_const(s->n, 3))
        return resize_by_sizes(s, x);
    if (scales && node_const(s->n, 2) && strcmp(mode, "tf_crop_and_resize") != 0)
        return resize_by_scales(s, x);
    fall_back(s, 0, x, 0); /* computed sizes, or a region of interest */
    return ST_OK;
}
