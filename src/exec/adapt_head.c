/* Backbones of classifiers carry over: what follows the last feature map is cut off, and a head is
 * put there. Pyramid pooling (Zhao et al. 2017) for the class of each pixel, transposed
 * convolutions (Xiao et al. 2018) for heat maps. */
#include "exec/fit_priv.h"

#include "base/hash.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

struct tap {
    int32_t node, port;
    int64_t c, h, w;
};

/* ---- building ---- */

static struct node *begin(struct adapt *a, enum op op, const char *name, struct tap x)
{
    char *fresh = graph_edit_fresh_name(a->e, name);
    struct node *n = node_new(op, fresh);
    node_add_input(n, x.node, x.port);
    node_add_output(n, fresh);
    free(fresh);
    return n;
}

static struct tap end(struct adapt *a, struct node *n, int64_t c, int64_t h, int64_t w)
{
    return (struct tap){graph_edit_add(a->e, n), 0, c, h, w};
}

static void add_fill(struct node *n, const char *part, int64_t size, double value)
{
    char *name = x_asprintf("%s.%s", n->name, part);
    struct ttype t = ttype_make(DT_FLOAT, 1, &size);
    node_add_const(n, tensor_new_fill(name, &t, value));
    free(name);
}

static void add_weight(struct adapt *a, struct node *n, const int64_t *dim, int64_t fan_in)
{
    char *name = x_asprintf("%s.weight", n->name);
    struct ttype t = ttype_make(DT_FLOAT, 4, dim);
    uint64_t seed = hash_pair(a->seed, (uint64_t)graph_edit_n_slots(a->e));
    node_add_const(n, tensor_new_he(name, &t, fan_in, seed));
    free(name);
}

static struct tap conv(struct adapt *a, const char *name, struct tap x, int64_t cout, int64_t k,
                       bool bias)
{
    /* The last layer (with a bias) begins with answers near zero. */
    int64_t calm = bias ? 100 : 1;
    struct node *n = begin(a, OP_CONV, name, x);
    struct window w = {.kernel = {k, k},
                       .stride = {1, 1},
                       .dilation = {1, 1},
                       .pad_begin = {k / 2, k / 2},
                       .pad_end = {k / 2, k / 2},
                       .group = 1,
                       .cin = x.c,
                       .cout = cout,
                       .bias = bias};
    add_weight(a, n, (int64_t[]){cout, x.c, k, k}, calm * x.c * k * k);
    if (bias)
        add_fill(n, "bias", cout, 0);
    node_set_window(n, &w);
    return end(a, n, cout, x.h, x.w);
}

/* Twice as large. */
static struct tap deconv(struct adapt *a, const char *name, struct tap x, int64_t cout)
{
    struct node *n = begin(a, OP_CONVT, name, x);
    struct window w = {.kernel = {4, 4},
                       .stride = {2, 2},
                       .dilation = {1, 1},
                       .pad_begin = {1, 1},
                       .pad_end = {1, 1},
                       .group = 1,
                       .cin = x.c,
                       .cout = cout};
    add_weight(a, n, (int64_t[]){x.c, cout, 4, 4}, x.c * 4);
    node_set_window(n, &w);
    return end(a, n, cout, 2 * x.h, 2 * x.w);
}

static struct tap norm_relu(struct adapt *a, const char *stem, struct tap x)
{
    char *bn = x_asprintf("%s.bn", stem), *relu = x_asprintf("%s.relu", stem);
    struct node *n = begin(a, OP_BATCHNORM, bn, x);
    add_fill(n, "weight", x.c, 1);
    add_fill(n, "bias", x.c, 0);
    add_fill(n, "running_mean", x.c, 0);
    add_fill(n, "running_var", x.c, 1);
    node_set_float(n, "epsilon", 1e-5F);
    node_set_float(n, "momentum", 0.9F);
    x = end(a, n, x.c, x.h, x.w);
    x = end(a, begin(a, OP_RELU, relu, x), x.c, x.h, x.w);
    free(bn);
    free(relu);
    return x;
}

/* `bins` windows along each axis, equal ones that may overlap. */
static struct tap pool(struct adapt *a, const char *name, struct tap x, int64_t bins)
{
    struct node *n = begin(a, OP_AVGPOOL, name, x);
    int64_t size[] = {x.h, x.w};
    struct window w = {.dilation = {1, 1}, .group = 1};
    for (int i = 0; i < 2; i++) {
        w.stride[i] = size[i] / bins;
        w.kernel[i] = size[i] - (bins - 1) * w.stride[i];
    }
    node_set_window(n, &w);
    return end(a, n, x.c, bins, bins);
}

/* The output is the scale times the size, rounded down: a scale that is a little too small would
 * lose a row. */
static float scale_to(int64_t from, int64_t to)
{
    float s = (float)((double)to / (double)from);
    while ((int64_t)floor((double)s * (double)from) < to)
        s = nextafterf(s, HUGE_VALF);
    return s;
}

static struct tap resize(struct adapt *a, const char *name, struct tap x, int64_t h, int64_t w)
{
    struct node *n = begin(a, OP_RESIZE, name, x);
    float v[] = {1, 1, scale_to(x.h, h), scale_to(x.w, w)};
    struct ttype t = ttype_make(DT_FLOAT, 1, (int64_t[]){4});
    char *label = x_asprintf("%s.scales", n->name);
    node_add_input(n, IN_NONE, 0);
    node_add_const(n, tensor_new_bytes(label, &t, v, sizeof v));
    node_set_string(n, "mode", "linear", 6);
    node_set_string(n, "coordinate_transformation_mode", "half_pixel", 10);
    free(label);
    return end(a, n, x.c, h, w);
}

/* ---- heads ---- */

static struct tap pyramid(struct adapt *a, struct tap x, const struct maps *want)
{
    static const int64_t bins[] = {1, 2, 3, 6};
    int64_t least = x.h < x.w ? x.h : x.w, width = x.c / 4 > 8 ? x.c / 4 : 8, sum = x.c;
    struct tap part[4];
    int n = 0;
    for (; n < 4 && bins[n] <= least; n++) {
        char *stem = x_asprintf("head.bin%d", (int)bins[n]), *at = x_asprintf("%s.pool", stem);
        struct tap p = pool(a, at, x, bins[n]);
        free(at);
        at = x_asprintf("%s.conv", stem);
        p = norm_relu(a, stem, conv(a, at, p, width, 1, false));
        free(at);
        at = x_asprintf("%s.resize", stem);
        part[n] = resize(a, at, p, x.h, x.w);
        sum += width;
        free(at);
        free(stem);
    }
    struct node *joined = begin(a, OP_CONCAT, "head.concat", x);
    for (int i = 0; i < n; i++)
        node_add_input(joined, part[i].node, 0);
    node_set_int(joined, "axis", 1);
    x = end(a, joined, sum, x.h, x.w);
    x = norm_relu(a, "head", conv(a, "head.conv", x, 4 * width, 3, false));
    x = conv(a, "head.classes", x, want->channels, 1, true);
    return resize(a, "head.resize", x, want->height, want->width);
}

static struct tap peaks(struct adapt *a, struct tap x, const struct maps *want)
{
    int64_t width = x.c < 32 ? 32 : x.c > 256 ? 256 : x.c;
    for (int i = 0; i < 3; i++) {
        char *stem = x_asprintf("head.up%d", i + 1), *at = x_asprintf("%s.deconv", stem);
        x = norm_relu(a, stem, deconv(a, at, x, width));
        free(at);
        free(stem);
    }
    return conv(a, "head.points", x, want->channels, 1, true);
}

/* ---- cutting ---- */

static bool is_tail(enum op op)
{
    static const enum op tail[] = {OP_OUTPUT,     OP_IDENTITY,  OP_DROPOUT,   OP_SOFTMAX,
                                   OP_LOGSOFTMAX, OP_GEMM,      OP_MATMUL,    OP_FLATTEN,
                                   OP_RESHAPE,    OP_SQUEEZE,   OP_RELU,      OP_ADD,
                                   OP_GLOBALAVG,  OP_GLOBALMAX, OP_REDUCEMEAN};
    for (size_t i = 0; i < sizeof tail / sizeof *tail; i++)
        if (tail[i] == op)
            return true;
    return false;
}

/* Back from the output to the last map of more than one pixel that something flattens or pools. */
static enum status find_map(struct adapt *a, int32_t output, struct value_ref *map)
{
    int32_t id = output;
    for (;;) {
        const struct node *n = graph_node(a->g, id);
        int port = n->op == OP_ADD && n->in[0].node < 0 ? 1 : 0;
        struct value_ref from = {n->in[port].node, n->in[port].port};
        if (!is_tail(n->op) || from.node < 0)
            return adapt_refuse(a, id,
                                "no classifier behind a feature map, so no place for a head");
        const struct ttype *t = graph_type(a->g, from),
                           *to = n->n_out ? &n->out[0].type : graph_input_type(a->g, n, 0);
        bool is_map = t->rank == 4 && t->dim[2] * t->dim[3] > 1;
        bool ends = n->op != OP_OUTPUT && (to->rank < 4 || to->dim[2] * to->dim[3] == 1);
        if (is_map && ends) {
            *map = from;
            return ST_OK;
        }
        if (n->op == OP_ADD && n->in[0].node >= 0 && n->in[1].node >= 0)
            return adapt_refuse(a, id,
                                "no classifier behind a feature map, so no place for a head");
        id = from.node;
    }
}

/* Takes away all that the map does not need, but the output. */
static void cut(struct adapt *a, int32_t map, int32_t output)
{
    int n = graph_n_nodes(a->g), removed = 0;
    bool *keep = x_calloc((size_t)graph_n_slots(a->g), sizeof *keep);
    const int32_t *topo = graph_topo(a->g);
    keep[map] = true;
    for (int i = n - 1; i >= 0; i--) {
        const struct node *x = graph_node(a->g, topo[i]);
        for (int k = 0; keep[topo[i]] && k < x->n_in; k++)
            if (x->in[k].node >= 0)
                keep[x->in[k].node] = true;
    }
    for (int i = 0; i < n; i++)
        if (!keep[topo[i]] && topo[i] != output && graph_node(a->g, topo[i])->op != OP_INPUT) {
            graph_edit_remove(a->e, topo[i]);
            removed++;
        }
    str_addf(&a->text, "%scut after '%s' (%d nodes removed)", a->text.n ? "; " : "",
             node_label(graph_node(a->g, map)), removed);
    free(keep);
}

/* ---- all of it ---- */

typedef struct tap head_fn(struct adapt *a, struct tap x, const struct maps *want);

/* The network at the canvas's size, its end as it is. */
static enum status resized(struct adapt *a, int32_t input, struct graph **out)
{
    a->e = graph_edit_new(a->g);
    enum status st = adapt_input(a, input);
    if (st == ST_OK)
        st = adapt_channels(a, input, NULL);
    return adapt_finish(a, st, out);
}

/* With the end cut off; a network whose matrices only fit its own image size is cut before its
 * shapes are asked. */
static enum status beheaded(struct adapt *a, int32_t input, int32_t output, struct value_ref *map,
                            struct graph **out)
{
    TRY(find_map(a, output, map));
    a->e = graph_edit_new(a->g);
    enum status st = adapt_input(a, input);
    if (st == ST_OK)
        st = adapt_channels(a, input, NULL);
    if (st == ST_OK) {
        cut(a, map->node, output);
        node_set_input(graph_edit_mut(a->e, output), 0, map->node, map->port, NULL);
    }
    return adapt_finish(a, st, out);
}

static enum status add_head(struct adapt *a, struct graph *body, struct value_ref map,
                            int32_t output, head_fn *head, const char *what,
                            const struct maps *want, struct graph **out)
{
    struct ttype t = *graph_type(body, map);
    char text[96];
    if (t.rank != 4 || t.dim[1] < 1 || t.dim[2] < 1 || t.dim[3] < 1)
        return err_set(a->err, ST_UNSUPPORTED, "the last feature map is %s, no place for a head",
                       ttype_text(&t, text, sizeof text));
    a->e = graph_edit_new(body);
    struct tap x = {map.node, map.port, t.dim[1], t.dim[2], t.dim[3]};
    x = head(a, x, want);
    node_set_input(graph_edit_mut(a->e, output), 0, x.node, 0, NULL);
    str_addf(&a->text, "; head on %dx%dx%d: %s", (int)t.dim[1], (int)t.dim[2], (int)t.dim[3], what);
    return adapt_finish(a, ST_OK, out);
}

/* `exact`: the maps must have the wanted size; else any size does. */
static enum status adapt_maps(const struct graph *g, const struct task_data *t, uint64_t seed,
                              head_fn *head, const char *what, bool exact, struct graph **out,
                              struct str *text, struct err *err)
{
    struct adapt a = {.g = g, .seed = seed, .err = err};
    struct graph *body = NULL, *made = NULL;
    int32_t input, output;
    struct maps m;
    struct value_ref map = {-1, 0};
    struct err quiet = {0};
    enum status st;
    a.want = (struct fit_shape){t->in.channels, t->in.height, t->in.width, 0};
    TRY(adapt_ends(&a, "a network for canvases", &input, &output));
    a.err = &quiet;
    bool fits = resized(&a, input, &body) == ST_OK && adapt_output(body, &m) &&
                m.channels == t->out.channels &&
                (exact ? m.height == t->out.height && m.width == t->out.width
                       : m.height > 1 && m.width > 1);
    a.err = err;
    if (fits) {
        made = body;
        st = ST_OK;
    } else {
        graph_unref(body);
        body = NULL;
        str_clear(&a.text);
        st = beheaded(&a, input, output, &map, &body);
        if (st == ST_OK)
            st = add_head(&a, body, map, output, head, what, &t->out, &made);
        graph_unref(body);
    }
    if (st == ST_OK) {
        str_add(text, str_text(&a.text));
        *out = made;
    }
    str_done(&a.text);
    return st;
}

enum status adapt_segment(const struct graph *g, const struct task_data *t, uint64_t seed,
                          struct graph **out, struct str *text, struct err *err)
{
    return adapt_maps(g, t, seed, pyramid, "pyramid pooling and resize", true, out, text, err);
}

enum status adapt_keypoints(const struct graph *g, const struct task_data *t, uint64_t seed,
                            struct graph **out, struct str *text, struct err *err)
{
    return adapt_maps(g, t, seed, peaks, "three transposed convolutions", false, out, text, err);
}
