#include "family/build.h"
#include "base/hash.h"
#include "base/mem.h"
#include "shape/shape.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind {
    KIND_CONV,
    KIND_DECONV,
    KIND_BN,
    KIND_RELU,
    KIND_IDENTITY,
    KIND_ZERO,
    KIND_ADD,
    KIND_CONCAT,
    KIND_MAXPOOL,
    KIND_AVGPOOL,
    KIND_MEAN,
    KIND_FLATTEN,
    KIND_FC,
    KIND_SHUFFLE,
    KIND_CUT,
    KIND_COUNT,
};
_Static_assert((int)KIND_COUNT <= (int)BUILD_N_KINDS, "counters for every kind");

static const char *const kind_name[KIND_COUNT] = {
    "conv",    "deconv",  "bn",   "relu",    "identity", "zero",    "add", "concat",
    "maxpool", "avgpool", "mean", "flatten", "fc",       "shuffle", "cut",
};

void build_init(struct builder *b, const char *graph_name, uint64_t seed, enum build_pads pads)
{
    memset(b, 0, sizeof *b);
    b->e = graph_edit_new(NULL);
    b->seed = seed;
    b->pads = pads;
    b->bn_epsilon = 1e-5F;
    b->bn_momentum = 0.9F;
    graph_edit_set_name(b->e, graph_name);
    graph_edit_set_opset(b->e, 13);
}

void build_abandon(struct builder *b)
{
    graph_edit_free(b->e);
    b->e = NULL;
}

void build_scope(struct builder *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(b->scope, sizeof b->scope, fmt, ap);
    va_end(ap);
    memset(b->count, 0, sizeof b->count);
}

const char *build_fmt(struct builder *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(b->scratch, sizeof b->scratch, fmt, ap);
    va_end(ap);
    return b->scratch;
}

/* ---- nodes and weights ---- */

static struct node *node_begin(struct builder *b, enum op op, enum kind kind, const char *name)
{
    const char *dot = b->scope[0] ? "." : "";
    char full[256];
    if (name)
        snprintf(full, sizeof full, "%s%s%s", b->scope, dot, name);
    else
        snprintf(full, sizeof full, "%s%s%s%d", b->scope, dot, kind_name[kind], ++b->count[kind]);
    return node_new(op, full);
}

static struct node *node_begin_on(struct builder *b, enum op op, enum kind kind, const char *name,
                                  struct tap x)
{
    struct node *n = node_begin(b, op, kind, name);
    node_add_input(n, x.node, 0);
    return n;
}

static struct tap node_end(struct builder *b, struct node *n, int64_t c, int64_t h, int64_t w)
{
    node_add_output(n, n->name);
    return (struct tap){graph_edit_add(b->e, n), c, h, w};
}

static struct tap node_end_as(struct builder *b, struct node *n, struct tap shape)
{
    return node_end(b, n, shape.c, shape.h, shape.w);
}

static void param_name(const struct node *n, const char *part, char *buf, size_t size)
{
    snprintf(buf, size, "%s.%s", n->name, part);
}

static void add_fill(struct node *n, const char *part, int64_t size, double value)
{
    char name[300];
    struct ttype type = ttype_make(DT_FLOAT, 1, &size);
    param_name(n, part, name, sizeof name);
    node_add_const(n, tensor_new_fill(name, &type, value));
}

/* The id the node is going to have seeds its weight, so equal layers differ and the same network
 * from the same seed is the same everywhere. */
static void add_weight(struct builder *b, struct node *n, int rank, const int64_t *dim,
                       int64_t fan_in)
{
    char name[300];
    struct ttype type = ttype_make(DT_FLOAT, rank, dim);
    uint64_t seed = hash_pair(b->seed, (uint64_t)graph_edit_n_slots(b->e));
    param_name(n, "weight", name, sizeof name);
    node_add_const(n, tensor_new_he(name, &type, fan_in, seed));
}

static void window_pad(const struct builder *b, struct tap x, struct window *w)
{
    for (int axis = 0; axis < 2; axis++) {
        if (b->pads == BUILD_TF_SAME)
            window_set_same(w, axis, axis ? x.w : x.h);
        else
            w->pad_begin[axis] = w->pad_end[axis] = w->kernel[axis] / 2;
    }
}

/* ---- operators ---- */

struct tap build_input(struct builder *b, int64_t c, int64_t h, int64_t w)
{
    struct node *n = node_new(OP_INPUT, "input");
    struct ttype type = ttype_nchw(DIM_SYM(graph_edit_symbol(b->e, "N")), c, h, w);
    node_add_output(n, "input");
    n->out[0].type = type;
    return (struct tap){graph_edit_add(b->e, n), c, h, w};
}

void build_output(struct builder *b, struct tap x)
{
    struct node *last = graph_edit_mut(b->e, x.node);
    struct node *n = node_new(OP_OUTPUT, "output");
    free(last->out[0].name);
    last->out[0].name = x_strdup("output");
    node_add_input(n, x.node, 0);
    graph_edit_add(b->e, n);
}

struct tap build_conv(struct builder *b, struct tap x, const char *name, struct conv_spec s)
{
    int64_t kw = s.kw ? s.kw : s.kh, sh = s.sh ? s.sh : 1, sw = s.sw ? s.sw : sh;
    int64_t group = s.group ? s.group : 1, cin = x.c / group;
    struct node *n = node_begin_on(b, OP_CONV, KIND_CONV, name, x);
    struct window w = {.kernel = {s.kh, kw},
                       .stride = {sh, sw},
                       .dilation = {1, 1},
                       .group = group,
                       .cin = x.c,
                       .cout = s.cout,
                       .bias = s.bias};
    window_pad(b, x, &w);
    add_weight(b, n, 4, (int64_t[]){s.cout, cin, s.kh, kw}, cin * s.kh * kw);
    if (s.bias)
        add_fill(n, "bias", s.cout, 0);
    node_set_window(n, &w);
    return node_end(b, n, s.cout, window_out(&w, 0, x.h, false), window_out(&w, 1, x.w, false));
}

struct tap build_deconv(struct builder *b, struct tap x, const char *name, int64_t cout, int k,
                        int s)
{
    struct node *n = node_begin_on(b, OP_CONVT, KIND_DECONV, name, x);
    /* (in - 1) * s + k - 2 * pad + out_pad = in * s */
    int64_t pad = (k - s + 1) / 2, out_pad = s - k + 2 * pad;
    struct window w = {.kernel = {k, k},
                       .stride = {s, s},
                       .dilation = {1, 1},
                       .pad_begin = {pad, pad},
                       .pad_end = {pad, pad},
                       .out_pad = {out_pad, out_pad},
                       .group = 1,
                       .cin = x.c,
                       .cout = cout,
                       .bias = true};
    add_weight(b, n, 4, (int64_t[]){x.c, cout, k, k}, x.c * k * k / (s * s));
    add_fill(n, "bias", cout, 0);
    node_set_window(n, &w);
    return node_end(b, n, cout, window_out(&w, 0, x.h, true), window_out(&w, 1, x.w, true));
}

struct tap build_bn(struct builder *b, struct tap x, const char *name)
{
    struct node *n = node_begin_on(b, OP_BATCHNORM, KIND_BN, name, x);
    add_fill(n, "weight", x.c, 1);
    add_fill(n, "bias", x.c, 0);
    add_fill(n, "running_mean", x.c, 0);
    add_fill(n, "running_var", x.c, 1);
    node_set_float(n, "epsilon", b->bn_epsilon);
    node_set_float(n, "momentum", b->bn_momentum);
    return node_end_as(b, n, x);
}

struct tap build_relu(struct builder *b, struct tap x, const char *name)
{
    return node_end_as(b, node_begin_on(b, OP_RELU, KIND_RELU, name, x), x);
}

struct tap build_relu6(struct builder *b, struct tap x, const char *name)
{
    char bound[300];
    struct node *n = node_begin_on(b, OP_CLIP, KIND_RELU, name, x);
    param_name(n, "min", bound, sizeof bound);
    node_add_const(n, tensor_new_f32(bound, 0.0F));
    param_name(n, "max", bound, sizeof bound);
    node_add_const(n, tensor_new_f32(bound, 6.0F));
    return node_end_as(b, n, x);
}

struct tap build_unit(struct builder *b, struct tap x, struct conv_spec s, enum build_act act)
{
    x = build_bn(b, build_conv(b, x, NULL, s), NULL);
    return act == ACT_NONE ? x : act == ACT_RELU ? build_relu(b, x, NULL) : build_relu6(b, x, NULL);
}

struct tap build_identity(struct builder *b, struct tap x, const char *name)
{
    return node_end_as(b, node_begin_on(b, OP_IDENTITY, KIND_IDENTITY, name, x), x);
}

struct tap build_zero(struct builder *b, struct tap x, const char *name)
{
    char factor[300];
    struct node *n = node_begin_on(b, OP_MUL, KIND_ZERO, name, x);
    param_name(n, "factor", factor, sizeof factor);
    node_add_const(n, tensor_new_f32(factor, 0.0F));
    return node_end_as(b, n, x);
}

struct tap build_add(struct builder *b, struct tap x, struct tap y, const char *name)
{
    struct node *n = node_begin_on(b, OP_ADD, KIND_ADD, name, x);
    node_add_input(n, y.node, 0);
    return node_end_as(b, n, x);
}

struct tap build_sum(struct builder *b, const struct tap *x, int n, const char *name)
{
    if (n == 1)
        return x[0];
    if (n == 2)
        return build_add(b, x[0], x[1], name);
    struct node *sum = node_begin(b, OP_SUM, KIND_ADD, name);
    for (int i = 0; i < n; i++)
        node_add_input(sum, x[i].node, 0);
    return node_end_as(b, sum, x[0]);
}

struct tap build_concat(struct builder *b, const struct tap *x, int n, const char *name)
{
    int64_t c = 0;
    if (n == 1)
        return x[0];
    struct node *cat = node_begin(b, OP_CONCAT, KIND_CONCAT, name);
    for (int i = 0; i < n; i++) {
        node_add_input(cat, x[i].node, 0);
        c += x[i].c;
    }
    node_set_int(cat, "axis", 1);
    return node_end(b, cat, c, x[0].h, x[0].w);
}

static struct tap pool_add(struct builder *b, struct tap x, enum op op, const char *name,
                           const struct window *w)
{
    enum kind kind = op == OP_MAXPOOL ? KIND_MAXPOOL : KIND_AVGPOOL;
    struct node *n = node_begin_on(b, op, kind, name, x);
    node_set_window(n, w);
    return node_end(b, n, x.c, window_out(w, 0, x.h, false), window_out(w, 1, x.w, false));
}

struct tap build_pool(struct builder *b, struct tap x, enum op op, const char *name, int k, int s)
{
    struct window w = {.kernel = {k, k}, .stride = {s, s}, .dilation = {1, 1}, .group = 1};
    window_pad(b, x, &w);
    return pool_add(b, x, op, name, &w);
}

struct tap build_cut(struct builder *b, struct tap x, const char *name, int64_t c)
{
    static const char *const part[3] = {"starts", "ends", "axes"};
    const int64_t value[3] = {0, c, 1};
    if (x.c <= c)
        return x;
    struct node *n = node_begin_on(b, OP_SLICE, KIND_CUT, name, x);
    for (int i = 0; i < 3; i++) {
        char input[300];
        param_name(n, part[i], input, sizeof input);
        node_add_const(n, tensor_new_i64(input, &value[i], 1));
    }
    return node_end(b, n, c, x.h, x.w);
}

struct tap build_halve(struct builder *b, struct tap x, const char *name)
{
    struct window w = {.kernel = {2, 2}, .stride = {2, 2}, .dilation = {1, 1}, .group = 1};
    return pool_add(b, x, OP_MAXPOOL, name, &w);
}

struct tap build_mean(struct builder *b, struct tap x, const char *name)
{
    struct node *n = node_begin_on(b, OP_REDUCEMEAN, KIND_MEAN, name, x);
    node_set_ints(n, "axes", (int64_t[]){2, 3}, 2);
    node_set_int(n, "keepdims", 0);
    return node_end(b, n, x.c, 0, 0);
}

struct tap build_flatten(struct builder *b, struct tap x, const char *name)
{
    struct node *n = node_begin_on(b, OP_FLATTEN, KIND_FLATTEN, name, x);
    node_set_int(n, "axis", 1);
    return node_end(b, n, x.c * x.h * x.w, 0, 0);
}

struct tap build_fc(struct builder *b, struct tap x, const char *name, int64_t cout)
{
    struct node *n = node_begin_on(b, OP_GEMM, KIND_FC, name, x);
    add_weight(b, n, 2, (int64_t[]){cout, x.c}, x.c);
    add_fill(n, "bias", cout, 0);
    node_set_int(n, "transB", 1);
    return node_end(b, n, cout, 0, 0);
}

struct tap build_shuffle(struct builder *b, struct tap x, const char *name, int r)
{
    struct node *n = node_begin_on(b, OP_DEPTHTOSPACE, KIND_SHUFFLE, name, x);
    node_set_int(n, "blocksize", r);
    node_set_string(n, "mode", "CRD", 3);
    return node_end(b, n, x.c / ((int64_t)r * r), x.h * r, x.w * r);
}

void build_head(struct builder *b, struct tap x, bool dropout, int64_t classes)
{
    build_scope(b, "%s", "");
    x = build_mean(b, x, "mean");
    if (dropout)
        x = build_identity(b, x, "dropout");
    build_output(b, build_fc(b, x, "fc", classes));
}

enum status build_finish(struct builder *b, struct graph **out, struct err *err)
{
    struct graph *g;
    enum status st = graph_edit_freeze(b->e, &g, err);
    b->e = NULL;
    if (st != ST_OK)
        return st;
    st = shape_infer(g, out, err);
    graph_unref(g);
    return st;
}
