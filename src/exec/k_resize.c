/* Resize, and Pad by reflection or edge: along each axis an output is a weighted sum of a few
 * inputs (struct taps), so axes are done one after the other. */
#include "exec/k.h"
#include "graph/resample.h"

#include <math.h>

void k_taps_done(struct step *s)
{
    struct taps *t = s->state;

    for (int a = 0; a < TTYPE_MAX_RANK; a++) {
        free(t->axis[a].index);
        free(t->axis[a].weight);
    }
    free(t);
}

static void open_axis(struct tap_axis *t, int n, int64_t out)
{
    t->n = n;
    t->index = x_calloc((size_t)(n * out), sizeof *t->index);
    t->weight = x_calloc((size_t)(n * out), sizeof *t->weight);
}

static int64_t clamp(int64_t v, int64_t lo, int64_t hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

/* ---- padding ---- */

enum status k_pad_taps(struct step *s, bool reflect, struct err *err)
{
    const struct ttype *x = &s->in[0]->type, *y = &s->out[0]->type;
    struct taps *t = x_calloc(1, sizeof *t);
    int64_t pads[2 * TTYPE_MAX_RANK];

    (void)err;
    s->state = t;
    k_const_ints(s, 1, pads, 2 * TTYPE_MAX_RANK);
    for (int a = 0; a < x->rank; a++) {
        if (pads[a] == 0 && pads[x->rank + a] == 0)
            continue;
        open_axis(&t->axis[a], 1, y->dim[a]);
        for (int64_t k = 0; k < y->dim[a]; k++) {
            int64_t at = k - pads[a], last = x->dim[a] - 1;

            if (reflect)
                at = at < 0 ? -at : at > last ? 2 * last - at : at;
            t->axis[a].index[k] = (int32_t)clamp(at, 0, last);
            t->axis[a].weight[k] = 1.0F;
        }
    }
    return ST_OK;
}

/* ---- resizing ---- */

struct resize {
    resample_where_fn *where;
    resample_round_fn *round; /* nearest only */
    int taps;                 /* 1 nearest, 2 linear, 4 cubic */
    double cubic;             /* coefficient */
    bool exclude;             /* taps outside do not count */
};

/* Keys' cubic convolution at distance d. */
static double cubic_weight(double d, double a)
{
    d = fabs(d);
    if (d <= 1)
        return ((a + 2) * d - (a + 3)) * d * d + 1;
    if (d < 2)
        return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
    return 0;
}

static double tap_weight(const struct resize *r, double distance)
{
    if (r->taps == 1)
        return 1;
    return r->taps == 2 ? fmax(0, 1 - fabs(distance)) : cubic_weight(distance, r->cubic);
}

static void fill_output(const struct resize *r, struct tap_axis *t, int64_t k, double x, int64_t in)
{
    int64_t first = (int64_t)(r->taps == 1 ? r->round(x) : floor(x) - (r->taps / 2 - 1));
    double weight[4], sum = 0;

    for (int i = 0; i < r->taps; i++) {
        int64_t at = first + i;

        weight[i] = tap_weight(r, x - (double)at);
        if (r->exclude && (at < 0 || at >= in))
            weight[i] = 0;
        sum += weight[i];
        t->index[k * r->taps + i] = (int32_t)clamp(at, 0, in - 1);
    }
    for (int i = 0; i < r->taps; i++)
        t->weight[k * r->taps + i] = (float)(weight[i] / (r->exclude ? sum : 1));
}

static double axis_scale(const struct step *s, int a)
{
    const struct value *scales = s->n_in > 2 && s->in[2] && s->in[2]->count ? s->in[2] : NULL;

    if (scales)
        return (double)scales->data[a];
    return (double)s->out[0]->type.dim[a] / (double)s->in[0]->type.dim[a];
}

static enum status read_modes(const struct step *s, struct resize *r, struct err *err)
{
    const char *mode = node_string(s->node, "mode", "nearest");
    const char *where = node_string(s->node, "coordinate_transformation_mode", "half_pixel");
    const char *nearest = node_string(s->node, "nearest_mode", "round_prefer_floor");

    r->taps = !strcmp(mode, "nearest") ? 1 : !strcmp(mode, "linear") ? 2 : 4;
    if (r->taps == 4 && strcmp(mode, "cubic") != 0)
        return exec_unsupported(s, err, "mode '%.40s'", mode);
    r->where = resample_where(where);
    r->round = resample_round(nearest);
    if (!r->where)
        return exec_unsupported(s, err, "coordinate_transformation_mode '%.40s'", where);
    if (!r->round)
        return exec_unsupported(s, err, "nearest_mode '%.40s'", nearest);
    r->cubic = (double)node_float(s->node, "cubic_coeff_a", -0.75F);
    r->exclude = node_int(s->node, "exclude_outside", 0) != 0;
    return ST_OK;
}

enum status k_resize_init(struct exec *e, struct step *s, struct err *err)
{
    const struct ttype *x = &s->in[0]->type, *y = &s->out[0]->type;
    struct taps *t = x_calloc(1, sizeof *t);
    struct resize r = {0};

    (void)e;
    s->state = t;
    for (int i = 2; i < s->n_in; i++)
        if (s->in[i] && !s->in[i]->tensor)
            return exec_unsupported(s, err, "the model computes its sizes");
    TRY(read_modes(s, &r, err));
    for (int a = 0; a < x->rank; a++) {
        double scale = axis_scale(s, a);

        if (x->dim[a] == y->dim[a] && scale == 1)
            continue;
        open_axis(&t->axis[a], r.taps, y->dim[a]);
        for (int64_t k = 0; k < y->dim[a]; k++)
            fill_output(&r, &t->axis[a], k,
                        r.where((double)k, scale, (double)x->dim[a], scale * (double)x->dim[a]),
                        x->dim[a]);
    }
    return ST_OK;
}

/* ---- running ---- */

static void apply_axis(const struct tap_axis *t, int64_t outer, int64_t in, int64_t out,
                       int64_t inner, const float *x, float *y)
{
    for (int64_t o = 0; o < outer; o++, x += in * inner)
        for (int64_t k = 0; k < out; k++, y += inner) {
            const int32_t *index = t->index + k * t->n;
            const float *weight = t->weight + k * t->n;

            for (int64_t i = 0; i < inner; i++)
                y[i] = weight[0] * x[index[0] * inner + i];
            for (int j = 1; j < t->n; j++)
                for (int64_t i = 0; i < inner; i++)
                    y[i] += weight[j] * x[index[j] * inner + i];
        }
}

/* The first axis reads the input, the last writes the output, scratch between them. */
enum status k_resize(struct exec *e, struct step *s, struct err *err)
{
    const struct taps *t = s->state;
    const struct value *x = s->in[0], *y = s->out[0];
    struct ttype now = x->type;
    const float *from = x->data;
    int left = 0, slot = EXEC_SCRATCH_A;

    (void)err;
    for (int a = 0; a < x->type.rank; a++)
        left += t->axis[a].n > 0;
    if (left == 0)
        memcpy(y->data, from, (size_t)y->count * sizeof(float));
    for (int a = 0; a < x->type.rank; a++) {
        int64_t outer = 1, inner = 1;
        float *to;

        if (t->axis[a].n == 0)
            continue;
        for (int i = 0; i < a; i++)
            outer *= now.dim[i];
        for (int i = a + 1; i < now.rank; i++)
            inner *= now.dim[i];
        to =
            --left == 0 ? y->data : exec_scratch(e, slot, (size_t)(outer * y->type.dim[a] * inner));
        apply_axis(&t->axis[a], outer, now.dim[a], y->type.dim[a], inner, from, to);
        now.dim[a] = y->type.dim[a];
        from = to;
        slot = slot == EXEC_SCRATCH_A ? EXEC_SCRATCH_B : EXEC_SCRATCH_A;
    }
    return ST_OK;
}
