/* Writes solved sizes back into a fragment: strides and pads, kernels and biases, normalisation
 * parameters, constants that run along the channels. Nodes whose sizes stay are not touched. */
#include "mend/mend_priv.h"

#include "base/hash.h"

struct rebuilder {
    const struct model *m;
    const int64_t *size;
    struct graph_edit *e;
    struct mend_plan *plan;
    bool changed;
};

static int64_t size_of(const struct rebuilder *r, int v, int axis)
{
    return r->size[N_AXES * v + axis];
}

static bool differs(const struct rebuilder *r, int v, int axis)
{
    return v >= 0 && size_of(r, v, axis) != r->m->val[v].was[axis];
}

static struct node *edit(struct rebuilder *r, int32_t id)
{
    r->changed = true;
    return graph_edit_mut(r->e, id);
}

static void note(struct rebuilder *r, int32_t id, enum mend_what what, int64_t before,
                 int64_t after)
{
    struct mend_plan *p = r->plan;
    p->change = x_reallocarray(p->change, (size_t)p->n_change + 1, sizeof *p->change);
    p->change[p->n_change++] = (struct mend_change){id, what, before, after};
}

/* ---- constants ---- */

/* A constant of the same kind with dimension `at` changed: a recipe, `value` or He-normal. */
static void resize_const(struct rebuilder *r, int32_t id, int port, int at, int64_t n, double value)
{
    const struct tensor *old = node_const(graph_node(r->m->g, id), port);
    struct ttype t = *tensor_type(old);
    t.dim[at] = n;
    node_set_input(edit(r, id), port, IN_CONST, 0, tensor_new_fill(tensor_name(old), &t, value));
}

/* Rank-1 parameters of a normalisation, the bias of a convolution. */
static void resize_vector(struct rebuilder *r, int32_t id, int port, int64_t n, double value)
{
    const struct node *old = graph_node(r->m->g, id);
    const struct tensor *t = port < old->n_in ? node_const(old, port) : NULL;
    if (!t || tensor_type(t)->rank < 1)
        return;
    int last = tensor_type(t)->rank - 1;
    if (tensor_type(t)->dim[last] != n && (last == 0 || tensor_type(t)->dim[last] != 1))
        resize_const(r, id, port, last, n, value);
}

static void new_weight(struct rebuilder *r, int32_t id, const struct ttype *t, int64_t fan_in)
{
    const struct tensor *old = node_const(graph_node(r->m->g, id), 1);
    if (ttype_equal(tensor_type(old), t))
        return;
    uint64_t seed = hash_pair(tensor_kind(old) == TENSOR_HE ? tensor_seed(old) : 0, (uint64_t)id);
    node_set_input(edit(r, id), 1, IN_CONST, 0, tensor_new_he(tensor_name(old), t, fan_in, seed));
}

/* ---- windows ---- */

static const struct mwin *window_of(const struct model *m, int32_t id)
{
    int lo = 0, hi = (int)m->win.n; /* few windows, in topological order: not sorted by id */
    while (lo < hi && m->win.at[lo].node != id)
        lo++;
    return lo < hi ? &m->win.at[lo] : NULL;
}

static void rebuild_window(struct rebuilder *r, int32_t id, struct window *w)
{
    const struct mwin *win = window_of(r->m, id);
    if (!win)
        return;
    const struct node *n = graph_node(r->m->g, id);
    int in = model_in(r->m, n, 0), out = r->m->base[id];
    bool touched = false;
    for (int axis = AXIS_H; axis <= AXIS_W; axis++) {
        int a = axis - AXIS_H;
        int64_t i = size_of(r, in, axis), o = size_of(r, out, axis);
        int64_t stride = win_stride(win, axis, i, o);
        if (stride && stride != w->stride[a]) {
            note(r, id, axis == AXIS_H ? MEND_STRIDE_H : MEND_STRIDE_W, w->stride[a], stride);
            w->stride[a] = stride;
            touched = true;
        }
        /* Pads stay when they still give the size that was solved for. */
        if (window_out(w, a, i, win->transposed) != o) {
            window_make_same(w, a, i, win->transposed);
            touched = true;
        }
    }
    if (touched)
        node_set_window(edit(r, id), w);
}

static void rebuild_conv(struct rebuilder *r, int32_t id)
{
    const struct node *n = graph_node(r->m->g, id);
    struct window w;
    int in = model_in(r->m, n, 0), out = r->m->base[id];
    if (in < 0 || !r->m->val[out].rank || !node_window(n, &w))
        return;
    int64_t ci = size_of(r, in, AXIS_C), co = size_of(r, out, AXIS_C);
    if (ci != w.cin || co != w.cout) {
        if (w.group > 1 && w.group == w.cin) {
            w.group = ci;
            node_set_int(edit(r, id), "group", ci);
        }
        struct ttype t = *tensor_type(node_const(n, 1));
        t.dim[0] = n->op == OP_CONV ? co : ci;
        t.dim[1] = (n->op == OP_CONV ? ci : co) / w.group;
        new_weight(r, id, &t, ci / w.group * t.dim[2] * t.dim[3]);
        resize_vector(r, id, 2, co, 0);
    }
    if (co != w.cout)
        note(r, id, MEND_CHANNELS, w.cout, co);
    rebuild_window(r, id, &w);
}

static void rebuild_pool(struct rebuilder *r, int32_t id)
{
    struct window w;
    if (node_window(graph_node(r->m->g, id), &w))
        rebuild_window(r, id, &w);
}

/* ---- the rest ---- */

static void rebuild_dense(struct rebuilder *r, int32_t id)
{
    const struct node *n = graph_node(r->m->g, id);
    int in = model_in(r->m, n, 0), out = r->m->base[id];
    if (in < 0 || (!differs(r, in, AXIS_C) && !differs(r, out, AXIS_C)))
        return;
    bool out_first = n->op == OP_GEMM && node_int(n, "transB", 0);
    struct ttype t = *tensor_type(node_const(n, 1));
    t.dim[out_first ? 1 : 0] = size_of(r, in, AXIS_C);
    t.dim[out_first ? 0 : 1] = size_of(r, out, AXIS_C);
    new_weight(r, id, &t, size_of(r, in, AXIS_C));
    resize_vector(r, id, 2, size_of(r, out, AXIS_C), 0);
    if (differs(r, out, AXIS_C))
        note(r, id, MEND_CHANNELS, r->m->val[out].was[AXIS_C], size_of(r, out, AXIS_C));
}

static void rebuild_norm(struct rebuilder *r, int32_t id)
{
    static const double fresh[] = {0, 1, 0, 0, 1}; /* -, scale, bias, mean, variance */
    int out = r->m->base[id];
    const struct node *n = graph_node(r->m->g, id);
    if (!differs(r, out, AXIS_C))
        return;
    for (int i = 1; i < n->n_in && i < 5; i++)
        resize_vector(r, id, i, size_of(r, out, AXIS_C), fresh[i]);
}

/* Constants beside a join or the slopes of a PRelu that run along the channels. */
static void rebuild_consts(struct rebuilder *r, int32_t id)
{
    const struct node *n = graph_node(r->m->g, id);
    int out = r->m->base[id];
    if (!r->m->val[out].rank || !differs(r, out, AXIS_C))
        return;
    for (int i = 0; i < n->n_in; i++) {
        double value;
        const struct tensor *t = node_const(n, i);
        int at = t ? tensor_type(t)->rank - (r->m->val[out].rank - 1) : -1;
        if (at >= 0 && tensor_type(t)->dim[at] != 1 && const_neutral(n, i, &value))
            resize_const(r, id, i, at, size_of(r, out, AXIS_C), value);
    }
}

static void rebuild_ints(struct rebuilder *r, int32_t id, int port, int at, int64_t v)
{
    const struct tensor *t = node_const(graph_edit_node(r->e, id), port);
    int64_t list[64];
    int n = t && tensor_count(t) <= 64 ? (int)tensor_count(t) : 0;
    if (at >= n || tensor_int_at(t, at, 0) == v || tensor_int_at(t, at, 0) < 1)
        return; /* 0 and -1 of a Reshape follow the input */
    for (int i = 0; i < n; i++)
        list[i] = tensor_int_at(t, i, 0);
    list[at] = v;
    struct tensor *fresh = tensor_new_i64(tensor_name(t), list, n);
    node_set_input(edit(r, id), port, IN_CONST, 0, fresh);
}

static void rebuild_split(struct rebuilder *r, int32_t id)
{
    const struct node *n = graph_node(r->m->g, id);
    if (n->n_in < 2 || n->in[1].node == IN_NONE)
        return;
    for (int p = 0; p < n->n_out; p++)
        if (differs(r, r->m->base[id] + p, AXIS_C))
            rebuild_ints(r, id, 1, p, size_of(r, r->m->base[id] + p, AXIS_C));
}

static void rebuild_reshape(struct rebuilder *r, int32_t id)
{
    if (differs(r, r->m->base[id], AXIS_C))
        rebuild_ints(r, id, 1, 1, size_of(r, r->m->base[id], AXIS_C));
}

static void rebuild_resize(struct rebuilder *r, int32_t id)
{
    int out = r->m->base[id];
    for (int axis = 0; axis < N_AXES && r->m->val[out].rank == 4; axis++)
        if (differs(r, out, axis)) /* where it has sizes and not scales */
            rebuild_ints(r, id, 3, 1 + axis, size_of(r, out, axis));
}

static void type_inputs(struct rebuilder *r, const struct ttype *need_in)
{
    int n_in;
    const int32_t *in = graph_inputs(r->m->g, &n_in);
    for (int32_t id = 0; id < graph_edit_n_slots(r->e); id++) {
        const struct node *n = graph_edit_node(r->e, id);
        struct ttype unknown = ttype_unknown();
        for (int p = 0; n && n->op != OP_INPUT && p < n->n_out; p++)
            graph_edit_set_type(r->e, (struct value_ref){id, p}, &unknown);
    }
    for (int i = 0; i < n_in; i++)
        graph_edit_set_type(r->e, (struct value_ref){in[i], 0}, &need_in[i]);
}

enum status rebuild(const struct model *m, const int64_t *size, const struct ttype *need_in,
                    struct mend_plan *plan, struct graph **out, bool *changed, struct err *err)
{
    static void (*const rule[])(struct rebuilder *, int32_t) = {
        [SHAPE_CONV] = rebuild_conv,        [SHAPE_CONVT] = rebuild_conv,
        [SHAPE_GEMM] = rebuild_dense,       [SHAPE_MATMUL] = rebuild_dense,
        [SHAPE_NORM] = rebuild_norm,        [SHAPE_POOL] = rebuild_pool,
        [SHAPE_BROADCAST] = rebuild_consts, [SHAPE_SAME] = rebuild_consts,
        [SHAPE_SPLIT] = rebuild_split,      [SHAPE_RESHAPE] = rebuild_reshape,
        [SHAPE_RESIZE] = rebuild_resize,    [SHAPE_DECLARED] = NULL,
    };
    struct rebuilder r = {.m = m, .size = size, .plan = plan, .e = graph_edit_new(m->g)};
    const int32_t *topo = graph_topo(m->g);
    for (int i = 0; i < graph_n_nodes(m->g); i++) {
        enum shape_rule s = op_info(graph_node(m->g, topo[i])->op)->shape;
        if (s < sizeof rule / sizeof *rule && rule[s] && graph_node(m->g, topo[i])->n_out)
            rule[s](&r, topo[i]);
    }
    type_inputs(&r, need_in);
    *changed = r.changed;
    return graph_edit_freeze(r.e, out, err);
}
