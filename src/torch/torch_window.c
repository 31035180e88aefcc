/* Operators with a sliding window: convolutions and pools, with any padding that ONNX allows. */
#include "torch/torch_priv.h"

enum { AXES = 3 };

/* One to three spatial axes; auto_pad and output_shape are resolved into pads. */
struct geom {
    int axes;
    int64_t kernel[AXES], stride[AXES], dilation[AXES], begin[AXES], end[AXES];
    int64_t in[AXES], out[AXES];
    int64_t group;
};

static int64_t extent(const struct geom *g, int a)
{
    return (g->kernel[a] - 1) * g->dilation[a] + 1;
}

static enum status read_geom(struct writer *w, struct geom *g)
{
    const struct ttype *x = torch_type(w, 0), *y = torch_out(w);
    const char *mode = node_string(w->n, "auto_pad", "NOTSET");
    bool weighted = w->n->op == OP_CONV || w->n->op == OP_CONVT;
    bool upper = !strcmp(mode, "SAME_UPPER"), same = upper || !strcmp(mode, "SAME_LOWER");
    bool derived = same || (w->n->op == OP_CONVT && node_attr(w->n, "output_shape"));

    *g = (struct geom){.axes = x->rank - 2, .group = node_int(w->n, "group", 1)};
    if (g->axes < 1 || g->axes > AXES)
        return torch_refuse(w, "%d spatial axes", g->axes);
    for (int a = 0; a < g->axes; a++) {
        size_t i = (size_t)a;
        int64_t total;

        g->kernel[a] =
            weighted ? torch_type(w, 1)->dim[2 + a] : node_ints_at(w->n, "kernel_shape", i, 1);
        g->stride[a] = node_ints_at(w->n, "strides", i, 1);
        g->dilation[a] = node_ints_at(w->n, "dilations", i, 1);
        g->in[a] = x->dim[2 + a];
        g->out[a] = y->dim[2 + a];
        if (g->kernel[a] < 1 || (derived && (g->in[a] < 1 || g->out[a] < 1)))
            return torch_refuse(w, "its padding hangs on sizes that are open");
        if (derived) {
            total = w->n->op == OP_CONVT
                        ? g->stride[a] * (g->in[a] - 1) +
                              node_ints_at(w->n, "output_padding", i, 0) + extent(g, a) - g->out[a]
                        : (g->out[a] - 1) * g->stride[a] + extent(g, a) - g->in[a];
            if (total < 0 && w->n->op != OP_CONVT)
                total = 0;
            g->begin[a] = total < 0 ? 0 : upper ? total / 2 : total - total / 2;
            g->end[a] = total - g->begin[a]; /* of ConvTranspose below 0: to be added */
        } else if (strcmp(mode, "VALID") != 0) {
            g->begin[a] = node_ints_at(w->n, "pads", i, 0);
            g->end[a] = node_ints_at(w->n, "pads", i + (size_t)g->axes, 0);
        }
    }
    return ST_OK;
}

static bool any(const int64_t *v, int n, int64_t normal)
{
    for (int i = 0; i < n; i++)
        if (v[i] != normal)
            return true;
    return false;
}

static bool symmetric(const struct geom *g)
{
    return memcmp(g->begin, g->end, sizeof g->begin) == 0;
}

/* F.pad counts from the last axis. */
static const char *padded(struct writer *w, const char *x, const struct geom *g, const char *value)
{
    int64_t pad[2 * AXES];

    for (int a = 0; a < g->axes; a++) {
        pad[2 * (g->axes - 1 - a)] = g->begin[a];
        pad[2 * (g->axes - 1 - a) + 1] = g->end[a];
    }
    return torch_text(w, "F.pad(%s, %s%s)", x, torch_tuple(w, pad, 2 * g->axes), value);
}

/* Keyword arguments; what is as usual is left out. */
static const char *keywords(struct writer *w, const struct geom *g, bool padding)
{
    struct str s = {0};
    const char *text;

    if (any(g->stride, g->axes, 1))
        str_addf(&s, ", stride=%s", torch_same(w, g->stride, g->axes));
    if (padding && any(g->begin, g->axes, 0))
        str_addf(&s, ", padding=%s", torch_same(w, g->begin, g->axes));
    if (any(g->dilation, g->axes, 1))
        str_addf(&s, ", dilation=%s", torch_same(w, g->dilation, g->axes));
    if (g->group > 1)
        str_addf(&s, ", groups=%lld", (long long)g->group);
    text = torch_text(w, "%s", str_text(&s));
    str_done(&s);
    return text;
}

/* ---- convolutions ---- */

/* `kind` is "Conv" or "ConvTranspose", `call` what F calls it. A kernel that the model computes is
 * an operand, any other a module's. */
static enum status convolve(struct writer *w, const struct geom *g, const char *kind,
                            const char *call, int64_t cin, int64_t cout, const char *extra,
                            const char *x)
{
    const char *ident = w->ident[w->id], *kernel, *bias = "None";

    if (!node_const(w->n, 1) || (torch_has(w, 2) && !node_const(w->n, 2))) {
        TRY(torch_in(w, 1, &kernel));
        if (torch_has(w, 2))
            TRY(torch_in(w, 2, &bias));
        torch_expr(w, "F.%s%dd(%s, %s, %s%s)", call, g->axes, x, kernel, bias, extra);
        return ST_OK;
    }
    torch_module(w, "nn.%s%dd(%lld, %lld, %s%s%s)", kind, g->axes, (long long)cin, (long long)cout,
                 torch_same(w, g->kernel, g->axes), extra, torch_has(w, 2) ? "" : ", bias=False");
    TRY(torch_weight(w, 1, "weight", NULL, false, true));
    if (torch_has(w, 2))
        TRY(torch_weight(w, 2, "bias", NULL, false, true));
    torch_expr(w, "self.%s(%s)", ident, x);
    return ST_OK;
}

enum status torch_conv(struct writer *w)
{
    const struct ttype *kernel = torch_type(w, 1);
    struct geom g;
    const char *x;

    TRY(read_geom(w, &g));
    TRY(torch_in(w, 0, &x));
    if (!symmetric(&g))
        x = padded(w, x, &g, "");
    return convolve(w, &g, "Conv", "conv", kernel->dim[1] * g.group, kernel->dim[0],
                    keywords(w, &g, symmetric(&g)), x);
}

/* ONNX cuts `begin` and `end` off the full overlap and adds output_padding behind it; PyTorch cuts
 * the same on both sides and adds less than a stride. What is left to cut is `crop`. */
static bool cut(struct geom *g, int a, int64_t out_pad, int64_t *extra, struct geom *crop)
{
    int64_t most = g->stride[a] > g->dilation[a] ? g->stride[a] : g->dilation[a];
    int64_t behind = g->end[a] - out_pad; /* negative: more than the full overlap */

    *extra = 0;
    if (g->begin[a] >= behind && g->begin[a] - behind < most) {
        *extra = g->begin[a] - behind;
        return true;
    }
    if (g->begin[a] > behind) {
        crop->begin[a] = -g->begin[a];
        g->begin[a] = 0;
        *extra = behind < 0 ? -behind : 0;
    }
    crop->end[a] = behind > g->begin[a] ? g->begin[a] - behind : 0;
    return *extra < most;
}

enum status torch_convt(struct writer *w)
{
    const struct ttype *kernel = torch_type(w, 1);
    int64_t extra[AXES];
    struct geom g, crop;
    const char *x, *args;

    TRY(read_geom(w, &g));
    TRY(torch_in(w, 0, &x));
    crop = (struct geom){.axes = g.axes};
    for (int a = 0; a < g.axes; a++)
        if (!cut(&g, a, node_ints_at(w->n, "output_padding", (size_t)a, 0), &extra[a], &crop))
            return torch_refuse(w, "its output is larger than PyTorch can make it");
    args = keywords(w, &g, true);
    if (any(extra, g.axes, 0))
        args = torch_text(w, "%s, output_padding=%s", args, torch_same(w, extra, g.axes));
    TRY(convolve(w, &g, "ConvTranspose", "conv_transpose", kernel->dim[0], kernel->dim[1] * g.group,
                 args, x));
    if (any(crop.begin, g.axes, 0) || any(crop.end, g.axes, 0)) {
        const char *whole = padded(w, str_text(&w->expr), &crop, "");

        str_clear(&w->expr);
        torch_expr(w, "%s", whole);
    }
    return ST_OK;
}

/* ---- pools ---- */

/* How far the windows reach behind the input. */
static int64_t reach(const struct geom *g, int a)
{
    return (g->out[a] - 1) * g->stride[a] + extent(g, a) - g->in[a] - g->begin[a];
}

/* What PyTorch makes of the axis by itself, pads of `begin` on both sides or (`padded`) pads put
 * on before. */
static int64_t torch_size(const struct geom *g, int a, bool before, bool ceil)
{
    int64_t whole = g->in[a] + g->begin[a] + (before ? g->end[a] : g->begin[a]);
    int64_t room = whole - extent(g, a), s = g->stride[a];
    int64_t out = room < 0 ? 0 : room / s + 1;

    if (ceil && room % s && out * s < g->in[a] + g->begin[a] + (before ? g->end[a] : 0))
        out++;
    return out;
}

static bool sizes_agree(const struct geom *g, bool before, bool ceil)
{
    for (int a = 0; a < g->axes; a++)
        if (g->out[a] > 0 && torch_size(g, a, before, ceil) != g->out[a])
            return false;
    return true;
}

/* nn.MaxPool takes equal pads of at most half the kernel. */
static bool plain_pads(const struct geom *g)
{
    for (int a = 0; a < g->axes; a++)
        if (g->begin[a] * 2 > g->kernel[a])
            return false;
    return symmetric(g);
}

static enum status max_pool(struct writer *w, struct geom *g, const char *x)
{
    bool ceil = node_int(w->n, "ceil_mode", 0) != 0, before = !plain_pads(g);

    if (!before && !sizes_agree(g, false, ceil))
        before = true;
    if (before && ceil) { /* pads that make the last windows whole */
        for (int a = 0; a < g->axes; a++) {
            if (g->in[a] < 1 || g->out[a] < 1)
                return torch_refuse(w, "its padding hangs on sizes that are open");
            if (reach(g, a) > g->end[a])
                g->end[a] = reach(g, a);
        }
        ceil = false;
    }
    if (!sizes_agree(g, before, ceil))
        return torch_refuse(w, "PyTorch makes another size of it");
    torch_module(w, "nn.MaxPool%dd(%s%s%s%s)", g->axes, torch_same(w, g->kernel, g->axes),
                 any(g->stride, g->axes, 1) ? "" : ", stride=1", keywords(w, g, !before),
                 ceil ? ", ceil_mode=True" : "");
    if (before)
        x = padded(w, x, g, ", value=-float('inf')");
    torch_expr(w, "self.%s(%s)", w->ident[w->id], x);
    return ST_OK;
}

/* Windows without any element of the input have no average. */
static bool meets_input(const struct geom *g)
{
    for (int a = 0; a < g->axes; a++)
        if (g->begin[a] >= extent(g, a) || (g->out[a] > 0 && reach(g, a) >= extent(g, a)))
            return false;
    return true;
}

static enum status avg_pool(struct writer *w, struct geom *g, const char *x)
{
    bool ceil = node_int(w->n, "ceil_mode", 0) != 0, before = !plain_pads(g);
    bool counts = node_int(w->n, "count_include_pad", 0) != 0;
    bool pads = any(g->begin, g->axes, 0) || any(g->end, g->axes, 0);
    const char *ident = w->ident[w->id], *whole;

    if (any(g->dilation, g->axes, 1))
        return torch_refuse(w, "PyTorch averages no dilated windows");
    if (!meets_input(g) || !sizes_agree(g, before, ceil))
        return torch_refuse(w, "a window meets padding only");
    torch_module(w, "nn.AvgPool%dd(%s%s%s%s%s)", g->axes, torch_same(w, g->kernel, g->axes),
                 any(g->stride, g->axes, 1) ? "" : ", stride=1", keywords(w, g, !before),
                 ceil ? ", ceil_mode=True" : "",
                 pads && !before && !counts ? ", count_include_pad=False" : "");
    if (!before) {
        torch_expr(w, "self.%s(%s)", ident, x);
        return ST_OK;
    }
    whole = padded(w, x, g, "");
    torch_expr(w, "self.%s(%s)", ident, whole);
    if (!counts) /* divided by the share of each window that is no padding */
        torch_expr(w, " / self.%s(%s)", ident,
                   padded(w, torch_text(w, "torch.ones_like(%s[:1, :1])", x), g, ""));
    return ST_OK;
}

enum status torch_pool(struct writer *w)
{
    struct geom g;
    const char *x;

    TRY(read_geom(w, &g));
    TRY(torch_in(w, 0, &x));
    return w->n->op == OP_MAXPOOL ? max_pool(w, &g, x) : avg_pool(w, &g, x);
}

enum status torch_global(struct writer *w)
{
    int axes = torch_type(w, 0)->rank - 2;
    const char *x;

    if (axes < 1 || axes > AXES)
        return torch_refuse(w, "%d spatial axes", axes);
    TRY(torch_in(w, 0, &x));
    torch_expr(w, "%s%dd(%s, 1)", torch_call(w), axes, x);
    return ST_OK;
}
