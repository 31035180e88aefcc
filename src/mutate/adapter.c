/* Adapters: what makes one tensor fit where another is expected, and the nodes for it. */
#include "mutate/mutate_priv.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

const char *adapter_kind_name(enum adapter_kind k)
{
    static const char *const name[] = {[ADAPT_CONV1X1] = "conv1x1",
                                       [ADAPT_POOL] = "pool",
                                       [ADAPT_RESIZE] = "resize",
                                       [ADAPT_IDENTITY] = "identity",
                                       [ADAPT_ADD] = "add"};
    return name[k];
}

/* ---- sizes ---- */

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* A stride that makes `to` of `from` with `same` padding; 0: there is none. */
static int64_t stride_for(int64_t from, int64_t to)
{
    if (from < 1 || to < 1 || to > from)
        return 0;
    int64_t s = ceil_div(from, to);
    return ceil_div(from, s) == to ? s : 0;
}

/* A scale that makes `to` of `from` in the float arithmetic of Resize; 0: there is none. Half a
 * pixel more keeps clear of rounding where the quotient is no integer. */
static float scale_for(int64_t from, int64_t to)
{
    if (from < 1 || to < 1)
        return 0;
    float s = to % from ? ((float)to + 0.5F) / (float)from : (float)(to / from);
    return floorf((float)from * s) == (float)to ? s : 0;
}

/* The step that bridges two sizes; false when none is needed or none can. */
static bool size_step(const int64_t *from, const int64_t *to, struct adapt_step *step)
{
    if (from[0] == to[0] && from[1] == to[1])
        return false;
    *step = (struct adapt_step){.kind = ADAPT_POOL, .scale = {1, 1}};
    for (int a = 0; a < 2; a++)
        step->stride[a] = stride_for(from[a], to[a]);
    if (step->stride[0] && step->stride[1])
        return true;
    step->kind = ADAPT_RESIZE;
    for (int a = 0; a < 2; a++) {
        step->stride[a] = 1;
        step->scale[a] = scale_for(from[a], to[a]);
    }
    return step->scale[0] > 0 && step->scale[1] > 0;
}

static const struct adapt_step conv_step = {
    .kind = ADAPT_CONV1X1, .stride = {1, 1}, .scale = {1, 1}};
static const struct adapt_step identity_step = {
    .kind = ADAPT_IDENTITY, .stride = {1, 1}, .scale = {1, 1}};

/* Adds a convolution to a way that changes the size: a pool becomes its stride, and a resize has it
 * on the side where the map is smaller. */
static void add_conv(struct adapt_way *w)
{
    if (w->n == 1 && w->step[0].kind == ADAPT_POOL) {
        w->step[0].kind = ADAPT_CONV1X1;
        return;
    }
    bool grows = w->n == 1 && w->step[0].scale[0] * w->step[0].scale[1] >= 1;
    if (grows)
        w->step[1] = w->step[0];
    w->step[grows ? 0 : w->n] = conv_step;
    w->n++;
}

bool adapter_fits(const struct ttype *t)
{
    return t->rank == 4 && t->dtype == DT_FLOAT && t->dim[1] >= 1 && t->dim[2] >= 1 &&
           t->dim[3] >= 1;
}

bool adapter_way(const struct ttype *from, const struct ttype *to, struct adapt_way *way)
{
    *way = (struct adapt_way){0};
    if (ttype_compatible(from, to))
        return true;
    if (!adapter_fits(from) || !adapter_fits(to) ||
        (from->dim[0] >= 0 && to->dim[0] >= 0 && from->dim[0] != to->dim[0]))
        return false;
    if (memcmp(&from->dim[2], &to->dim[2], 2 * sizeof from->dim[2]) != 0) {
        if (!size_step(&from->dim[2], &to->dim[2], &way->step[0]))
            return false;
        way->n = 1;
    }
    if (from->dim[1] != to->dim[1])
        add_conv(way);
    return true;
}

/* ---- all that may help ---- */

static bool same_step(const struct adapt_step *a, const struct adapt_step *b)
{
    return a->kind == b->kind && a->stride[0] == b->stride[0] && a->stride[1] == b->stride[1] &&
           a->scale[0] == b->scale[0] && a->scale[1] == b->scale[1];
}

static void add_way(struct adapt_way *ways, int *n, int max, const struct adapt_way *w)
{
    for (int i = 0; i < *n; i++)
        if (ways[i].n == w->n && same_step(&ways[i].step[0], &w->step[0]) &&
            (w->n < 2 || same_step(&ways[i].step[1], &w->step[1])))
            return;
    if (*n < max)
        ways[(*n)++] = *w;
}

int adapter_ways(const struct adapt_guess *guess, int n_guess, bool surplus, struct adapt_way *ways,
                 int max)
{
    /* The repair may change the stride of a pool or a convolution, so a guess need not be right;
     * the scale of a resize is fixed. */
    static const struct adapt_guess always[] = {
        {{2, 2}, {1, 1}}, {{1, 1}, {2, 2}}, {{1, 1}, {4, 4}}};
    enum { N_ALWAYS = sizeof always / sizeof *always };
    int n = 0;
    struct adapt_way w = {.n = surplus ? 1 : 0, .step = {identity_step}};
    add_way(ways, &n, max, &w);
    for (int conv = 0; conv < 2; conv++) {
        w = (struct adapt_way){.n = 1, .step = {conv_step}};
        if (conv)
            add_way(ways, &n, max, &w);
        for (int i = 0; i < n_guess + N_ALWAYS; i++) {
            const struct adapt_guess *g = i < n_guess ? &guess[i] : &always[i - n_guess];
            w = (struct adapt_way){.n = 1};
            if (!size_step(g->from, g->to, &w.step[0]))
                continue;
            if (conv)
                add_conv(&w);
            add_way(ways, &n, max, &w);
        }
    }
    return n;
}

/* ---- types along a way ---- */

struct ttype adapter_before(const struct adapt_way *way, const struct ttype *to, int64_t channels)
{
    struct ttype t = *to;
    for (int i = 0; i < way->n; i++) {
        const struct adapt_step *s = &way->step[i];
        if (s->kind == ADAPT_CONV1X1)
            t.dim[1] = channels;
        for (int a = 0; a < 2 && s->kind != ADAPT_IDENTITY; a++) {
            double size = (double)t.dim[2 + a] * (double)s->stride[a] / (double)s->scale[a];
            t.dim[2 + a] = size < 1 ? 1 : (int64_t)(size + 0.5);
        }
    }
    return t;
}

static struct ttype type_behind(const struct adapt_step *s, const struct ttype *t, int64_t channels)
{
    struct ttype out = *t;
    if (s->kind == ADAPT_CONV1X1)
        out.dim[1] = channels;
    for (int a = 0; a < 2 && s->kind != ADAPT_IDENTITY; a++)
        out.dim[2 + a] = s->kind == ADAPT_RESIZE
                             ? (int64_t)floorf((float)t->dim[2 + a] * s->scale[a])
                             : ceil_div(t->dim[2 + a], s->stride[a]);
    return out;
}

/* ---- nodes ---- */

static void set_window(struct node *n, const struct adapt_step *s, const struct ttype *in)
{
    bool pool = s->kind == ADAPT_POOL;
    struct window w = {.dilation = {1, 1}, .group = 1};
    for (int a = 0; a < 2; a++) {
        w.stride[a] = s->stride[a];
        w.kernel[a] = pool ? s->stride[a] : 1;
        window_set_same(&w, a, in->dim[2 + a]);
    }
    node_set_window(n, &w);
}

static struct tensor *scales(const struct adapt_step *s)
{
    const int64_t four = 4;
    const struct ttype t = ttype_make(DT_FLOAT, 1, &four);
    const float v[] = {1, 1, s->scale[0], s->scale[1]};
    return tensor_new_bytes("adapter.scales", &t, v, sizeof v);
}

static struct node *step_node(const struct adapt_step *s, struct value_ref v,
                              const struct ttype *in, const struct ttype *out)
{
    static const enum op op[] = {[ADAPT_CONV1X1] = OP_CONV,
                                 [ADAPT_POOL] = OP_AVGPOOL,
                                 [ADAPT_RESIZE] = OP_RESIZE,
                                 [ADAPT_IDENTITY] = OP_IDENTITY};
    struct node *n = node_new(op[s->kind], "adapter");
    node_add_input(n, v.node, v.port);
    node_add_output(n, "adapter");
    n->out[0].type = *out;
    if (s->kind == ADAPT_CONV1X1) {
        const struct ttype w = ttype_nchw(out->dim[1], in->dim[1], 1, 1);
        node_add_const(n, tensor_new_he("adapter.weight", &w, in->dim[1], 0));
    }
    if (s->kind == ADAPT_CONV1X1 || s->kind == ADAPT_POOL)
        set_window(n, s, in);
    if (s->kind == ADAPT_RESIZE) {
        node_add_input(n, IN_NONE, 0);
        node_add_const(n, scales(s));
        node_set_string(n, "mode", "nearest", strlen("nearest"));
        node_set_string(n, "coordinate_transformation_mode", "asymmetric", strlen("asymmetric"));
        node_set_string(n, "nearest_mode", "floor", strlen("floor"));
    }
    return n;
}

struct value_ref adapter_add(struct graph_edit *e, const struct adapt_way *way, struct value_ref v,
                             const struct ttype *from, const struct ttype *to, int32_t *ids)
{
    struct ttype in = *from;
    for (int i = 0; i < way->n; i++) {
        struct ttype out = type_behind(&way->step[i], &in, to->dim[1]);
        ids[i] = graph_edit_add(e, step_node(&way->step[i], v, &in, &out));
        v = (struct value_ref){ids[i], 0};
        in = out;
    }
    return v;
}

int64_t adapter_params(const struct graph *g, const struct adapter *a, int n)
{
    int64_t sum = 0;
    for (int i = 0; i < n; i++)
        if (a[i].kind == ADAPT_CONV1X1)
            sum += tensor_count(node_const(graph_node(g, a[i].node), 1));
    return sum;
}
