/* Resize: both libraries know several ways to say where an output lies in the input. What decides
 * is whether each of the positions agrees, not what a mode is called. */
#include "torch/torch_priv.h"
#include "graph/resample.h"

#include <math.h>

/* One axis, as the node has it. */
struct axis {
    int64_t in, out;
    double scale;
    double written; /* the same as Python reads it */
    bool scaled;    /* the node gives the scale, not the size */
};

/* ---- PyTorch ---- */

/* What interpolate() divides by: of the scale when that is given, else of the sizes. */
static float ratio(const struct axis *a, bool by_scale)
{
    return by_scale ? (float)(1 / a->written) : (float)a->in / (float)a->out;
}

static double torch_nearest(double k, const struct axis *a, bool by_scale)
{
    return (double)floorf((float)k * ratio(a, by_scale));
}

static double torch_nearest_exact(double k, const struct axis *a, bool by_scale)
{
    return (double)floorf(((float)k + 0.5F) * ratio(a, by_scale));
}

static double torch_linear(double k, const struct axis *a, bool by_scale)
{
    return (k + 0.5) * (double)ratio(a, by_scale) - 0.5;
}

static double torch_corners(double k, const struct axis *a, bool by_scale)
{
    (void)by_scale;
    return a->out > 1 ? k * (double)(a->in - 1) / (double)(a->out - 1) : 0;
}

enum { NEAREST = 1, LINEAR = 2, CUBIC = 4 }; /* elements read along an axis */

static const struct way {
    int taps;
    double (*f)(double k, const struct axis *a, bool by_scale);
    const char *name[3]; /* for one, two, three spatial axes */
    const char *more;
} ways[] = {
    {NEAREST, torch_nearest, {"nearest", "nearest", "nearest"}, ""},
    {NEAREST, torch_nearest_exact, {"nearest-exact", "nearest-exact", "nearest-exact"}, ""},
    {LINEAR, torch_linear, {"linear", "bilinear", "trilinear"}, ""},
    {LINEAR, torch_corners, {"linear", "bilinear", "trilinear"}, ", align_corners=True"},
    {CUBIC, torch_linear, {NULL, "bicubic", NULL}, ""},
    {CUBIC, torch_corners, {NULL, "bicubic", NULL}, ", align_corners=True"},
};

/* ---- comparing ---- */

struct resize {
    int taps, axes;
    resample_where_fn *where;
    resample_round_fn *round;
    struct axis axis[3];
};

static double inside(double x, const struct axis *a)
{
    return x < 0 ? 0 : x > (double)(a->in - 1) ? (double)(a->in - 1) : x;
}

static bool axis_agrees(const struct resize *r, const struct way *way, const struct axis *a,
                        bool by_scale)
{
    if (by_scale && floor((double)a->in * a->written) != (double)a->out)
        return false;
    for (int64_t k = 0; k < a->out; k++) {
        double in = (double)a->in, x = r->where((double)k, a->scale, in, a->scale * in);
        double y = way->f((double)k, a, by_scale);

        if (r->taps == NEAREST)
            x = r->round(x);
        if (r->taps != CUBIC) { /* what lies outside is the edge for both */
            x = inside(x, a);
            y = inside(y, a);
        }
        if (fabs(x - y) > 1e-6 * (double)(a->in + 1))
            return false;
    }
    return true;
}

static const struct way *find_way(const struct resize *r, bool by_scale)
{
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        bool agrees = ways[i].taps == r->taps && ways[i].name[r->axes - 1];

        for (int a = 0; agrees && a < r->axes; a++)
            agrees = axis_agrees(r, &ways[i], &r->axis[a], by_scale);
        if (agrees)
            return &ways[i];
    }
    return NULL;
}

/* ---- the node ---- */

static enum status read_axes(struct writer *w, struct resize *r)
{
    const struct ttype *x = torch_type(w, 0), *y = torch_out(w);
    const struct tensor *scales = node_const(w->n, 2);
    bool scaled = scales && tensor_count(scales) == x->rank;

    if (torch_has(w, 2) && !scales)
        return torch_refuse(w, "the model computes its sizes");
    r->axes = x->rank - 2;
    if (r->axes < 1 || r->axes > 3)
        return torch_refuse(w, "%d spatial axes", r->axes);
    for (int i = 0; i < x->rank; i++) {
        double scale = scaled ? tensor_num_at(scales, i, 1) : 1;

        if (i < 2) {
            if (x->dim[i] != y->dim[i] || scale != 1)
                return torch_refuse(w, "PyTorch resizes spatial axes only");
            continue;
        }
        if (x->dim[i] < 1 || y->dim[i] < 1)
            return torch_refuse(w, "its sizes are open");
        if (!scaled)
            scale = (double)y->dim[i] / (double)x->dim[i];
        r->axis[i - 2] = (struct axis){x->dim[i], y->dim[i], scale, scale, scaled};
        str_to_double(torch_number(w, scale), &r->axis[i - 2].written);
    }
    return ST_OK;
}

static enum status read_mode(struct writer *w, struct resize *r)
{
    const char *mode = node_string(w->n, "mode", "nearest");
    const char *where = node_string(w->n, "coordinate_transformation_mode", "half_pixel");

    r->taps = !strcmp(mode, "nearest") ? NEAREST : !strcmp(mode, "linear") ? LINEAR : CUBIC;
    const char *nearest = node_string(w->n, "nearest_mode", "round_prefer_floor");
    r->where = resample_where(where);
    r->round = resample_round(nearest);
    if (!r->where)
        return torch_refuse(w, "coordinate_transformation_mode '%.40s'", where);
    if (!r->round)
        return torch_refuse(w, "nearest_mode '%.40s'", nearest);
    if (r->taps == CUBIC && (strcmp(mode, "cubic") != 0 ||
                             fabsf(node_float(w->n, "cubic_coeff_a", -0.75F) + 0.75F) > 1e-6F ||
                             node_int(w->n, "exclude_outside", 0) != 0))
        return torch_refuse(w, "PyTorch has no interpolation like its '%.20s'", mode);
    return ST_OK;
}

static void write_amount(struct writer *w, const struct resize *r, bool by_scale)
{
    int64_t size[3];

    for (int a = 0; a < r->axes; a++)
        size[a] = r->axis[a].out;
    if (!by_scale) {
        torch_expr(w, "size=%s", torch_tuple(w, size, r->axes));
        return;
    }
    torch_expr(w, "scale_factor=(");
    for (int a = 0; a < r->axes; a++)
        torch_expr(w, "%s%s", torch_number(w, r->axis[a].scale),
                   r->axes == 1      ? ","
                   : a + 1 < r->axes ? ", "
                                     : "");
    torch_expr(w, ")");
}

enum status torch_resize(struct writer *w)
{
    const struct way *way = NULL;
    struct resize r = {0};
    bool by_scale;
    const char *x;

    TRY(read_axes(w, &r));
    TRY(read_mode(w, &r));
    TRY(torch_in(w, 0, &x));
    by_scale = r.axis[0].scaled;
    if (by_scale)
        way = find_way(&r, true);
    if (!way) {
        by_scale = false;
        way = find_way(&r, false);
    }
    if (!way)
        return torch_refuse(w, "PyTorch has no interpolation with its positions");
    torch_expr(w, "F.interpolate(%s, ", x);
    write_amount(w, &r, by_scale);
    torch_expr(w, ", mode='%s'%s)", way->name[r.axes - 1], way->more);
    return ST_OK;
}
