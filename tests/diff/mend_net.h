/* Random small fragments for the repair test: a description (struct fragment), the graph it stands
 * for under a choice of widths, strides and pads, and random boundaries. */
#ifndef TESTS_DIFF_MEND_NET_H
#define TESTS_DIFF_MEND_NET_H

#include "base/rng.h"
#include "mend/mend.h"
#include "shape/shape.h"

#include <stdio.h>
#include <string.h>

enum { MAX_PART = 48, MAX_TENSOR = 96, MAX_IN = 3, MAX_OUT = 3, MAX_WISH = 4 };
enum { C, H, W };

/* ---- a fragment as a description ---- */

struct part {
    enum op op;
    int n_in, in[MAX_IN], n_out, out; /* tensors */
    int64_t kernel[2], stride[2], dilation, pad[4];
    enum auto_pad auto_pad;
    bool ceil_mode, bias, beside_const;
    int64_t group, mult; /* mult > 0: depthwise, that many outputs for each input channel */
    int64_t cout, block;
    bool sized; /* a split with sizes */
    int64_t piece[MAX_OUT];
};

/* How large random fragments become. */
struct measure {
    int parts, windows, free; /* at most; free: parts whose widths are a choice */
    int stride_changes;       /* percent, of the windows of a boundary that fits */
};
static const struct measure small = {12, 8, 4, 40}, large = {40, 30, 30, 6};

/* What is asked of the channels of a tensor. */
struct wish {
    int part; /* its first output */
    int64_t lo, hi;
};
struct wishes {
    int n_pin, n_bound, n_prefer;
    struct wish pin[MAX_WISH], bound[MAX_WISH], prefer[MAX_WISH];
    int64_t multiple;
};

struct fragment {
    struct measure m;
    bool sums; /* mostly convolutions, concats and splits */
    struct wishes ask;
    int n_part, n_tensor, n_in, n_out;
    struct part part[MAX_PART];
    int64_t was[MAX_TENSOR][3];
    int output[MAX_TENSOR];            /* tensor of each output */
    int64_t need_in[2][3];             /* the first n_in parts are the inputs */
    int64_t need_out[MAX_TENSOR][3];   /* by output */
    int order[MAX_PART], n_window;     /* place of a window among the windows */
    double want[MAX_TENSOR];           /* width wanted */
    bool fixed[MAX_TENSOR];            /* width fixed by the boundary */
    int64_t multiple[MAX_TENSOR];      /* the width is wanted to be one of it */
    int cls[MAX_TENSOR];               /* equal for equal widths */
    int64_t now[MAX_TENSOR][3];        /* after the repair */
    double max_params, max_flops;      /* INFINITY: no limit */
    int group_of[MAX_TENSOR], n_group; /* undecided widths that sums tie together; -1: decided */
};

struct choice {
    int64_t cout, stride[2], piece[MAX_OUT];
    bool same[2]; /* pads made anew */
};

static bool is_window(const struct part *p)
{
    return p->op == OP_CONV || p->op == OP_CONVT || p->op == OP_MAXPOOL || p->op == OP_AVGPOOL;
}

static bool is_free(const struct part *p)
{
    return (p->op == OP_CONV && !p->mult) || p->op == OP_CONVT;
}

static struct choice as_it_was(const struct part *p)
{
    struct choice c = {.cout = p->cout, .stride = {p->stride[0], p->stride[1]}};
    memcpy(c.piece, p->piece, sizeof c.piece);
    return c;
}

/* ---- nodes ---- */

static void set_spatial(struct node *n, const struct part *p, const struct choice *c,
                        const int64_t *in)
{
    int64_t pads[4], extra[2] = {0, 0};
    bool anew = false;
    memcpy(pads, p->pad, sizeof pads);
    for (int a = 0; a < 2; a++) {
        int64_t extent = (p->kernel[a] - 1) * p->dilation + 1, s = c->stride[a], total;
        if (!c->same[a] || p->auto_pad == PAD_SAME_UPPER)
            continue;
        total =
            p->op == OP_CONVT ? extent - s : ((in[H + a] + s - 1) / s - 1) * s + extent - in[H + a];
        extra[a] = total < 0 && p->op == OP_CONVT ? -total : 0;
        pads[a] = total > 0 ? total / 2 : 0;
        pads[a + 2] = total > 0 ? total - total / 2 : 0;
        anew = true;
    }
    node_set_ints(n, "kernel_shape", p->kernel, 2);
    node_set_ints(n, "strides", c->stride, 2);
    node_set_ints(n, "dilations", (int64_t[]){p->dilation, p->dilation}, 2);
    if (p->auto_pad == PAD_SAME_UPPER)
        node_set_string(n, "auto_pad", "SAME_UPPER", 10);
    else if (p->auto_pad == PAD_VALID && !anew)
        node_set_string(n, "auto_pad", "VALID", 5);
    else
        node_set_ints(n, "pads", pads, 4);
    if (p->op == OP_CONVT)
        node_set_ints(n, "output_padding", extra, 2);
    if (p->ceil_mode)
        node_set_int(n, "ceil_mode", 1);
}

static void add_vectors(struct node *n, int count, int64_t width)
{
    struct ttype t = ttype_make(DT_FLOAT, 1, &width);
    for (int i = 0; i < count; i++)
        node_add_const(n, tensor_new_fill("v", &t, 1));
}

/* The node without its data inputs' producers (`from`), sized for inputs of these sizes. */
static struct node *make_node(const struct part *p, const char *name, const int64_t (*in)[3],
                              const struct choice *c, const struct value_ref *from)
{
    struct node *n = node_new(p->op, name);
    for (int i = 0; i < p->n_in; i++)
        node_add_input(n, from[i].node, from[i].port);
    if (p->op == OP_CONV || p->op == OP_CONVT) {
        int64_t cin = in[0][C], group = p->mult ? cin : p->group;
        int64_t cout = p->mult ? cin * p->mult : c->cout;
        int64_t dim[4] = {cout, cin / group, p->kernel[0], p->kernel[1]};
        if (p->op == OP_CONVT) {
            dim[0] = cin;
            dim[1] = cout / group;
        }
        struct ttype w = ttype_make(DT_FLOAT, 4, dim);
        node_add_const(n, tensor_new_he("w", &w, 1, 1));
        if (p->bias)
            add_vectors(n, 1, cout);
        node_set_int(n, "group", group);
    } else if (p->op == OP_BATCHNORM) {
        add_vectors(n, 4, in[0][C]);
    } else if (p->op == OP_CONCAT) {
        node_set_int(n, "axis", 1);
    } else if (p->op == OP_SPLIT) {
        node_set_int(n, "axis", 1);
        if (p->sized)
            node_add_const(n, tensor_new_i64("split", c->piece, p->n_out));
    } else if (p->op == OP_DEPTHTOSPACE || p->op == OP_SPACETODEPTH) {
        node_set_int(n, "blocksize", p->block);
    } else if (p->beside_const) {
        struct ttype t = ttype_nchw(1, in[0][C], 1, 1);
        node_add_const(n, tensor_new_fill("k", &t, 0));
    }
    if (is_window(p))
        set_spatial(n, p, c, in[0]);
    for (int i = 0; i < p->n_out; i++) {
        char value[32];
        snprintf(value, sizeof value, "%s_%d", name, i);
        node_add_output(n, value);
    }
    return n;
}

static int32_t add_input(struct graph_edit *e, const char *name, const int64_t *size)
{
    struct node *n = node_new(OP_INPUT, name);
    struct ttype t = ttype_nchw(1, size[C], size[H], size[W]);
    node_add_output(n, name);
    int32_t id = graph_edit_add(e, n);
    graph_edit_set_type(e, (struct value_ref){id, 0}, &t);
    return id;
}

static struct graph *freeze(struct graph_edit *e)
{
    struct graph *g = NULL, *typed = NULL;
    struct err err = {0};
    if (graph_edit_freeze(e, &g, &err) != ST_OK)
        fail_msg("%s", err.msg);
    if (shape_infer(g, &typed, &err) != ST_OK)
        typed = NULL;
    graph_unref(g);
    return typed;
}

/* What shape_infer makes of one node; false when it is at fault. */
static bool infer_one(const struct part *p, const int64_t (*in)[3], const struct choice *c,
                      int64_t (*out)[3])
{
    struct graph_edit *e = graph_edit_new(NULL);
    struct value_ref from[MAX_IN] = {{0}};
    for (int i = 0; i < p->n_in; i++)
        from[i].node = add_input(e, i == 0 ? "x0" : i == 1 ? "x1" : "x2", in[i]);
    int32_t id = graph_edit_add(e, make_node(p, "n", in, c, from));
    struct graph *g = freeze(e);
    for (int i = 0; g && i < p->n_out; i++)
        for (int axis = C; axis <= W; axis++)
            out[i][axis] = graph_type(g, (struct value_ref){id, i})->dim[1 + axis];
    graph_unref(g);
    return g != NULL;
}

/* The whole fragment under a choice for each part; sizes of all tensors in `size`. */
static struct graph *make_graph(const struct fragment *f, const struct choice *pick,
                                const int64_t (*need_in)[3], int64_t (*size)[3])
{
    struct graph_edit *e = graph_edit_new(NULL);
    struct value_ref at[MAX_TENSOR];
    for (int i = 0; i < f->n_part; i++) {
        const struct part *p = &f->part[i];
        char name[16];
        snprintf(name, sizeof name, "p%d", i);
        int32_t id;
        if (p->op == OP_INPUT) {
            id = add_input(e, name, need_in[i]);
            memcpy(size[p->out], need_in[i], sizeof *size);
        } else {
            int64_t in[MAX_IN][3], out[MAX_OUT][3];
            struct value_ref from[MAX_IN];
            for (int k = 0; k < p->n_in; k++) {
                memcpy(in[k], size[p->in[k]], sizeof in[k]);
                from[k] = at[p->in[k]];
            }
            id = graph_edit_add(e, make_node(p, name, in, &pick[i], from));
            if (!infer_one(p, in, &pick[i], out)) {
                graph_edit_free(e);
                return NULL;
            }
            memcpy(size[p->out], out, (size_t)p->n_out * sizeof *size);
        }
        for (int k = 0; k < p->n_out; k++)
            at[p->out + k] = (struct value_ref){id, k};
    }
    for (int i = 0; i < f->n_out; i++) {
        char name[16];
        snprintf(name, sizeof name, "y%d", i);
        struct node *n = node_new(OP_OUTPUT, name);
        node_add_input(n, at[f->output[i]].node, at[f->output[i]].port);
        graph_edit_add(e, n);
    }
    return freeze(e);
}

/* ---- random fragments ---- */

static int64_t any(struct rng *r, int64_t lo, int64_t hi)
{
    return lo + (int64_t)rng_below(r, (uint64_t)(hi - lo + 1));
}

static bool chance(struct rng *r, int percent)
{
    return any(r, 1, 100) <= percent;
}

static int64_t any_width(struct rng *r)
{
    return chance(r, 30) ? 8 : chance(r, 5) ? 24 : chance(r, 50) ? 2 * any(r, 1, 6) : any(r, 1, 12);
}

static void random_pads(struct rng *r, struct part *p)
{
    int kind = (int)any(r, 0, 9);
    for (int a = 0; a < 2; a++) {
        int64_t extent = (p->kernel[a] - 1) * p->dilation + 1, total = extent - 1;
        if (p->op == OP_CONVT)
            total = extent > p->stride[a] ? extent - p->stride[a] : 0;
        if (kind <= 4) {
            p->pad[a] = total / 2;
            p->pad[a + 2] = total - total / 2;
        } else if (kind == 5) { /* anything a kernel of this size may have */
            p->pad[a] = any(r, 0, extent - 1);
            p->pad[a + 2] = any(r, 0, extent - 1);
        }
    }
    if (p->op != OP_CONVT && kind >= 8)
        p->auto_pad = kind == 8 ? PAD_SAME_UPPER : PAD_VALID;
}

static void random_window(struct rng *r, struct part *p, int64_t cin)
{
    int64_t k = any(r, 1, 3), s = chance(r, 50) ? 1 : chance(r, 85) ? 2 : any(r, 3, 5);
    if (p->op == OP_CONVT) {
        k = any(r, 2, 4);
        s = any(r, 1, 3);
    }
    bool odd = chance(r, 15);
    for (int a = 0; a < 2; a++) {
        p->kernel[a] = odd ? any(r, 1, 3) : k;
        p->stride[a] = odd ? any(r, 1, 2) : s;
    }
    p->dilation = p->op == OP_CONV && chance(r, 10) ? 2 : 1;
    p->group = 1;
    random_pads(r, p);
    p->ceil_mode = (p->op == OP_MAXPOOL || p->op == OP_AVGPOOL) && chance(r, 15);
    if (p->op == OP_MAXPOOL || p->op == OP_AVGPOOL)
        return;
    p->bias = chance(r, 40);
    p->cout = any_width(r);
    if (p->op == OP_CONV && cin > 1 && chance(r, 25)) {
        p->mult = chance(r, 75) ? 1 : 2;
    } else if (chance(r, 25)) {
        p->group = any(r, 2, 4);
        if (p->group == cin) /* that would be a depthwise one */
            p->group = 1;
        p->cout = p->group * (chance(r, 20) ? 24 / p->group : any(r, 1, 12 / p->group));
    }
}

static bool same_sizes(const int64_t *a, const int64_t *b, int first)
{
    for (int axis = first; axis <= W; axis++)
        if (a[axis] != b[axis])
            return false;
    return true;
}

static bool is_used(const struct fragment *f, int t)
{
    for (int i = 0; i < f->n_part; i++)
        for (int k = 0; k < f->part[i].n_in; k++)
            if (f->part[i].in[k] == t)
                return true;
    return false;
}

/* One of n tensors, mostly one that nothing uses: the fewer outputs, the more widths are open. */
static int pick_tensor(struct rng *r, const struct fragment *f, const int *of, int n)
{
    int fresh[MAX_TENSOR], n_fresh = 0;
    for (int i = 0; i < n; i++)
        if (!is_used(f, of[i]))
            fresh[n_fresh++] = of[i];
    if (n_fresh && chance(r, 70))
        return fresh[any(r, 0, n_fresh - 1)];
    return n ? of[any(r, 0, n - 1)] : -1;
}

/* A tensor with the sizes of `like` from axis `first` on; -1 when none but `like` itself has. */
static int find_mate(struct rng *r, const struct fragment *f, int like, int first)
{
    int found[MAX_TENSOR], n = 0;
    for (int t = 0; t < f->n_tensor; t++)
        if (t != like && same_sizes(f->was[t], f->was[like], first))
            found[n++] = t;
    return pick_tensor(r, f, found, n);
}

static int count_parts(const struct fragment *f, bool (*is)(const struct part *))
{
    int n = 0;
    for (int i = 0; i < f->n_part; i++)
        n += is(&f->part[i]);
    return n;
}

static bool is_depth(const struct part *p)
{
    return p->op == OP_DEPTHTOSPACE || p->op == OP_SPACETODEPTH;
}

static bool is_sized(const struct part *p)
{
    return p->op == OP_SPLIT && p->sized;
}

/* Fills in a part of a random kind; false when it does not fit here. */
static bool random_part(struct rng *r, struct fragment *f, struct part *p)
{
    static const enum op op[] = {
        OP_CONV,  OP_CONV,  OP_CONV,      OP_CONV,         OP_MAXPOOL,      OP_AVGPOOL,  OP_CONVT,
        OP_RELU,  OP_RELU,  OP_BATCHNORM, OP_ADD,          OP_ADD,          OP_CONCAT,   OP_CONCAT,
        OP_SPLIT, OP_SPLIT, OP_MUL,       OP_DEPTHTOSPACE, OP_SPACETODEPTH, OP_GLOBALAVG};
    static const enum op op_of_sums[] = {OP_CONV, OP_CONV,   OP_CONV,   OP_CONV, OP_CONV,
                                         OP_RELU, OP_CONCAT, OP_CONCAT, OP_SPLIT};
    *p = (struct part){.op = f->sums ? op_of_sums[any(r, 0, 8)]
                                     : op[any(r, 0, (int64_t)(sizeof op / sizeof *op) - 1)],
                       .n_in = 1};
    p->n_out = 1;
    int all[MAX_TENSOR];
    for (int t = 0; t < f->n_tensor; t++)
        all[t] = t;
    p->in[0] = chance(r, 40) ? f->n_tensor - 1 : pick_tensor(r, f, all, f->n_tensor);
    const int64_t *x = f->was[p->in[0]];
    if (is_window(p)) {
        random_window(r, p, x[C]);
        if (f->sums && p->op == OP_CONV && chance(r, 90)) /* what fits together in the end */
            p->kernel[0] = p->kernel[1] = p->stride[0] = p->stride[1] = p->dilation = 1;
        if (f->sums && p->kernel[0] == 1)
            memset(p->pad, 0, sizeof p->pad);
    } else if (p->op == OP_ADD || p->op == OP_MUL || p->op == OP_CONCAT) {
        p->beside_const = p->op != OP_CONCAT && chance(r, 20);
        if (p->op == OP_CONCAT && chance(r, 10))
            p->in[p->n_in++] = p->in[0];
        int mate = p->beside_const ? -1 : find_mate(r, f, p->in[0], p->op == OP_CONCAT ? H : C);
        if (p->op == OP_MUL && !p->beside_const) { /* a gate of one pixel */
            mate = -1;
            for (int t = 0; t < f->n_tensor; t++)
                if (f->was[t][C] == x[C] && f->was[t][H] == 1 && f->was[t][W] == 1 && t != p->in[0])
                    mate = t;
        }
        if (mate >= 0)
            p->in[p->n_in++] = mate;
        if (p->n_in + p->beside_const < 2)
            return false;
    } else if (p->op == OP_SPLIT) {
        p->n_out = x[C] > 2 && chance(r, 30) ? 3 : 2;
        p->sized = x[C] % p->n_out || chance(r, 50);
        if (x[C] < p->n_out || (p->sized && count_parts(f, is_sized)))
            return false;
        int64_t rest = x[C];
        for (int i = 0; i < p->n_out; i++) {
            int64_t left = p->n_out - 1 - i;
            p->piece[i] = !left ? rest : p->sized ? any(r, 1, rest - left) : x[C] / p->n_out;
            rest -= p->piece[i];
        }
    } else if (is_depth(p)) {
        p->block = 2;
        if (count_parts(f, is_depth))
            return false;
    }
    return true;
}

static bool add_part(struct fragment *f, const struct part *p)
{
    int64_t in[MAX_IN][3], out[MAX_OUT][3];
    struct choice c = as_it_was(p);
    for (int i = 0; i < p->n_in; i++)
        memcpy(in[i], f->was[p->in[i]], sizeof in[i]);
    if (!infer_one(p, in, &c, out))
        return false;
    for (int i = 0; i < p->n_out; i++)
        if (out[i][C] > 24 || out[i][H] > 24 || out[i][W] > 24)
            return false;
    f->part[f->n_part] = *p;
    f->part[f->n_part++].out = f->n_tensor;
    memcpy(f->was[f->n_tensor], out, (size_t)p->n_out * sizeof *out);
    f->n_tensor += p->n_out;
    return true;
}

static void random_fragment(struct rng *r, const struct measure *m, struct fragment *f)
{
    memset(f, 0, sizeof *f);
    f->m = *m;
    f->sums = chance(r, 40);
    int64_t h = any(r, 1, 20), w = chance(r, 70) ? h : any(r, 1, 20);
    f->n_in = chance(r, 75) ? 1 : 2;
    for (int i = 0; i < f->n_in; i++) {
        f->part[f->n_part++] = (struct part){.op = OP_INPUT, .n_out = 1, .out = f->n_tensor};
        memcpy(f->was[f->n_tensor++], (int64_t[]){any_width(r), h, w}, sizeof *f->was);
    }
    int goal = f->n_in + (int)any(r, m->parts > 12 ? m->parts / 2 : 1, m->parts);
    for (int tries = 0; tries < 6 * m->parts && f->n_part < goal; tries++) {
        struct part p;
        if (!random_part(r, f, &p) || f->n_tensor + p.n_out > MAX_TENSOR)
            continue;
        if ((is_free(&p) || is_sized(&p)) &&
            count_parts(f, is_free) + count_parts(f, is_sized) >= m->free)
            continue;
        if (!is_window(&p) || count_parts(f, is_window) < m->windows)
            add_part(f, &p);
    }
    for (int t = 0; t < f->n_tensor; t++) {
        if (!is_used(f, t) || chance(r, 3))
            f->output[f->n_out++] = t;
    }
}

/* A boundary that some choice makes true, or nearly. */
static void random_boundary(struct rng *r, struct fragment *f)
{
    for (int i = 0; i < f->n_out; i++)
        memcpy(f->need_out[i], f->was[f->output[i]], sizeof *f->need_out);
    for (int tries = 0; tries < 12; tries++) {
        int64_t h = chance(r, 50) ? f->was[0][H] : any(r, 1, 20);
        int64_t w = chance(r, 50) ? f->was[0][W] : chance(r, 50) ? h : any(r, 1, 20);
        for (int i = 0; i < f->n_in; i++) {
            int64_t c = f->was[i][C], kind = any(r, 0, 5);
            f->need_in[i][C] = kind < 3    ? c
                               : kind == 3 ? 2 * c
                               : kind == 4 ? (c + 1) / 2
                                           : any(r, 1, 12);
            f->need_in[i][H] = h;
            f->need_in[i][W] = w;
        }
        struct choice pick[MAX_PART];
        int64_t size[MAX_TENSOR][3];
        for (int i = 0; i < f->n_part; i++) {
            struct part *p = &f->part[i];
            pick[i] = as_it_was(p);
            if (is_free(p) && chance(r, 50))
                pick[i].cout = p->group * any(r, 1, 12 / p->group);
            for (int a = 0; a < 2 && is_window(p); a++)
                if (chance(r, f->m.stride_changes))
                    pick[i].stride[a] = (int64_t)1 << any(r, 0, 2);
            int64_t move = is_sized(p) ? any(r, -2, 2) : 0;
            if (move && p->piece[0] + move > 0 && p->piece[1] - move > 0) {
                pick[i].piece[0] += move;
                pick[i].piece[1] -= move;
            }
        }
        struct graph *g = make_graph(f, pick, (const int64_t(*)[3])f->need_in, size);
        graph_unref(g);
        if (!g)
            continue;
        for (int i = 0; i < f->n_out; i++)
            memcpy(f->need_out[i], size[f->output[i]], sizeof *f->need_out);
        break;
    }
    if (chance(r, 20)) {
        int64_t *need = &f->need_out[any(r, 0, f->n_out - 1)][any(r, C, W)];
        *need = chance(r, 50) ? any(r, 1, 12) : *need + (*need > 1 && chance(r, 50) ? -1 : 1);
    }
}

/* ---- random options ---- */

static int any_part(struct rng *r, const struct fragment *f)
{
    return (int)any(r, chance(r, 10) ? 0 : f->n_in, f->n_part - 1);
}

static void random_wishes(struct rng *r, struct fragment *f)
{
    struct wishes *w = &f->ask;
    memset(w, 0, sizeof *w);
    for (int n = chance(r, 30) ? (int)any(r, 1, 2) : 0; w->n_pin < n;) {
        int part = any_part(r, f);
        int64_t was = f->was[f->part[part].out][C], c = chance(r, 60) ? was : any(r, 1, 16);
        w->pin[w->n_pin++] = (struct wish){part, c, c};
    }
    for (int n = chance(r, 50) ? (int)any(r, 1, 3) : 0; w->n_bound < n;) {
        int part = any_part(r, f);
        int64_t was = f->was[f->part[part].out][C], lo = chance(r, 50) ? 1 : any(r, 1, was + 4);
        w->bound[w->n_bound++] = (struct wish){part, lo, lo + any(r, 0, chance(r, 50) ? 4 : 24)};
    }
    for (int n = chance(r, 40) ? (int)any(r, 1, 3) : 0; w->n_prefer < n;) {
        int64_t c = chance(r, 40) ? 8 * any(r, 1, 3) : any(r, 1, 24);
        w->prefer[w->n_prefer++] = (struct wish){any_part(r, f), c, c};
    }
    w->multiple = chance(r, 40) ? any(r, 1, 8) : chance(r, 10) ? 16 : 0;
}

/* The repair of f as a call of mend knows it. */
struct request {
    struct ttype in[2], out[MAX_TENSOR];
    struct mend_pin pin[MAX_WISH], prefer[MAX_WISH];
    struct mend_bound bound[MAX_WISH];
    struct mend_opts opts;
};

static void make_request(const struct fragment *f, const struct graph *g, struct request *q)
{
    int32_t id[MAX_PART];
    *q = (struct request){.opts = {.time_limit_s = 20}};
    for (int i = 0; i < f->n_part; i++) {
        char name[16];
        snprintf(name, sizeof name, "p%d", i);
        id[i] = graph_find(g, name);
    }
    for (int i = 0; i < f->n_in; i++)
        q->in[i] = ttype_nchw(1, f->need_in[i][C], f->need_in[i][H], f->need_in[i][W]);
    for (int i = 0; i < f->n_out; i++)
        q->out[i] = ttype_nchw(1, f->need_out[i][C], f->need_out[i][H], f->need_out[i][W]);
    const struct wishes *w = &f->ask;
    for (int i = 0; i < MAX_WISH; i++) {
        q->pin[i] = (struct mend_pin){id[w->pin[i].part], w->pin[i].lo};
        q->prefer[i] = (struct mend_pin){id[w->prefer[i].part], w->prefer[i].lo};
        q->bound[i] = (struct mend_bound){id[w->bound[i].part], w->bound[i].lo, w->bound[i].hi};
    }
    q->opts.pin = q->pin;
    q->opts.n_pin = w->n_pin;
    q->opts.bound = q->bound;
    q->opts.n_bound = w->n_bound;
    q->opts.prefer = q->prefer;
    q->opts.n_prefer = w->n_prefer;
    q->opts.multiple = (int)w->multiple;
}

#endif
