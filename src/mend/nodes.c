/* What each operator says about the sizes of its tensors. One function for each shape rule of the
 * operator table; a rule without a function, or a form it does not cover, keeps its shapes. */
#include "mend/mend_priv.h"

#include <string.h>

/* ---- adding constraints ---- */

static struct con *add_con(struct model *m, enum con_kind kind, int axis, int32_t node)
{
    struct con c = {.kind = kind, .axis = axis, .node = node, .first = (int)m->term.n};
    vec_push(&m->con, c);
    return &m->con.at[m->con.n - 1];
}

static void add_term(struct model *m, int v, int64_t coef)
{
    vec_push(&m->term, (struct term){v, coef});
    m->con.at[m->con.n - 1].n++;
}

static void add_pair(struct model *m, enum con_kind kind, int axis, int32_t node, int a, int b)
{
    add_con(m, kind, axis, node);
    add_term(m, a, 1);
    add_term(m, b, 1);
}

static void add_eq(struct model *m, int axis, int32_t node, int a, int b)
{
    add_pair(m, CON_EQ, axis, node, a, b);
}

/* ca * a + cb * b = k */
static void add_lin2(struct model *m, int axis, int32_t node, int a, int64_t ca, int b, int64_t cb,
                     int64_t k)
{
    add_con(m, CON_LIN, axis, node)->k = k;
    add_term(m, a, ca);
    add_term(m, b, cb);
}

static void add_div(struct model *m, int32_t node, int v, int64_t k)
{
    add_con(m, CON_DIV, AXIS_C, node)->k = k;
    add_term(m, v, 1);
}

static int out_val(const struct model *m, int32_t id, int port)
{
    int v = m->base[id] + port;
    return m->val[v].rank ? v : -1;
}

static void keep_value(struct model *m, int32_t id, int v)
{
    for (int axis = 0; v >= 0 && axis < m->val[v].rank - 1; axis++)
        add_fix(m, axis, v, m->val[v].was[axis], id, WHY_KEEP);
}

static void keep_node(struct model *m, int32_t id)
{
    const struct node *n = graph_node(m->g, id);
    for (int i = 0; i < n->n_in; i++)
        keep_value(m, id, model_in(m, n, i));
    for (int p = 0; p < n->n_out; p++)
        keep_value(m, id, out_val(m, id, p));
}

/* Data input 0 and output 0, both live. */
static bool live_pair(const struct model *m, int32_t id, int *in, int *out)
{
    const struct node *n = graph_node(m->g, id);
    *in = model_in(m, n, 0);
    *out = n->n_out ? out_val(m, id, 0) : -1;
    return *in >= 0 && *out >= 0;
}

static int rank_of(const struct model *m, int v)
{
    return m->val[v].rank;
}

static void eq_all(struct model *m, int32_t id, int a, int b)
{
    for (int axis = 0; axis < rank_of(m, a) - 1; axis++)
        add_eq(m, axis, id, a, b);
}

/* ---- reading parameters ---- */

/* An integer constant of at most `max` elements; -1 when there is none that can be read. */
static int const_ints(const struct node *n, int port, int64_t *v, int max)
{
    const struct tensor *t = port < n->n_in ? node_const(n, port) : NULL;
    if (!t || tensor_type(t)->rank > 1)
        return -1;
    int dtype = tensor_type(t)->dtype;
    int64_t count = tensor_count(t);
    if ((dtype != DT_INT64 && dtype != DT_INT32) || count > max)
        return -1;
    for (int i = 0; i < (int)count; i++)
        v[i] = tensor_int_at(t, i, 0);
    return (int)count;
}

bool node_axes(const struct node *n, int rank, unsigned *mask)
{
    int64_t v[TTYPE_MAX_RANK];
    int count = 0;
    const struct node_attr *a = node_attr(n, "axes");
    if (a && a->kind == ATTR_INTS && a->n <= TTYPE_MAX_RANK) {
        for (; count < (int)a->n; count++)
            v[count] = node_ints_at(n, "axes", (size_t)count, 0);
    } else if (n->n_in > 1 && n->in[1].node != IN_NONE) {
        count = const_ints(n, 1, v, TTYPE_MAX_RANK);
    }
    *mask = 0;
    for (int i = 0; i < count; i++) {
        int64_t axis = v[i] < 0 ? v[i] + rank : v[i];
        if (axis < 0 || axis >= rank)
            return false;
        *mask |= 1U << axis;
    }
    return count > 0;
}

bool const_neutral(const struct node *n, int port, double *value)
{
    const struct tensor *t = node_const(n, port);
    if (!t || (tensor_type(t)->dtype != DT_FLOAT && tensor_type(t)->dtype != DT_DOUBLE))
        return false;
    if (tensor_kind(t) == TENSOR_FILL) {
        *value = tensor_fill_value(t);
        return true;
    }
    switch (n->op) {
    case OP_ADD:
    case OP_SUM:
    case OP_SUB:
        *value = 0;
        return true;
    case OP_MUL:
    case OP_DIV:
    case OP_POW:
        *value = 1;
        return true;
    case OP_PRELU:
        *value = 0.25; /* the initial slope of He et al. 2015 */
        return true;
    default:
        return false;
    }
}

static bool float_weight(const struct node *n, int port, int rank)
{
    const struct tensor *t = port < n->n_in ? node_const(n, port) : NULL;
    return t && tensor_type(t)->dtype == DT_FLOAT && tensor_type(t)->rank == rank;
}

static bool const_or_none(const struct node *n, int port)
{
    return port >= n->n_in || n->in[port].node < 0;
}

/* ---- rules ---- */

/* A constant that runs along the axes of `out`: sizes it has other than 1 stay, except along the
 * channels when it can be made anew. */
static void const_port(struct model *m, int32_t id, int port, int out)
{
    const struct node *n = graph_node(m->g, id);
    const struct ttype *t = tensor_type(node_const(n, port));
    double unused;
    for (int axis = 0; axis < rank_of(m, out) - 1; axis++) {
        int at = t->rank - (rank_of(m, out) - 1 - axis);
        if (at < 0 || t->dim[at] == 1)
            continue;
        if (axis != AXIS_C || !const_neutral(n, port, &unused))
            add_fix(m, axis, out, m->val[out].was[axis], id, WHY_KEEP);
    }
}

static void rule_same(struct model *m, int32_t id)
{
    const struct node *n = graph_node(m->g, id);
    int in, out;
    if (!live_pair(m, id, &in, &out) || rank_of(m, in) != rank_of(m, out) ||
        n->op == OP_LAYERNORM || (n->op == OP_PRELU && !node_const(n, 1))) {
        keep_node(m, id);
        return;
    }
    for (int p = 0; p < n->n_out; p++)
        if (out_val(m, id, p) >= 0)
            eq_all(m, id, in, out_val(m, id, p));
    if (n->op == OP_PRELU)
        const_port(m, id, 1, out);
}

static void rule_norm(struct model *m, int32_t id)
{
    const struct node *n = graph_node(m->g, id);
    int in, out;
    bool plain = live_pair(m, id, &in, &out) && rank_of(m, in) == rank_of(m, out);
    for (int i = 1; i < n->n_in; i++)
        plain = plain && const_or_none(n, i);
    if (plain)
        eq_all(m, id, in, out);
    else
        keep_node(m, id);
}

static void add_window(struct model *m, int32_t id, const struct window *w, int in, int out)
{
    struct mwin win = {.node = id, .w = *w, .order = (int)m->win.n};
    win.transposed = graph_node(m->g, id)->op == OP_CONVT;
    for (int a = 0; a < 2; a++) {
        int64_t i = m->val[in].was[AXIS_H + a], o = m->val[out].was[AXIS_H + a], s = w->stride[a];
        win.same[a] = o == (win.transposed ? i * s : (i + s - 1) / s);
    }
    vec_push(&m->win, win);
    for (int axis = AXIS_H; axis <= AXIS_W; axis++) {
        add_pair(m, CON_WINDOW, axis, id, in, out);
        m->con.at[m->con.n - 1].win = win.order;
    }
}

static void rule_conv(struct model *m, int32_t id)
{
    const struct node *n = graph_node(m->g, id);
    struct window w;
    int in, out;
    if (!live_pair(m, id, &in, &out) || rank_of(m, in) != 4 || !float_weight(n, 1, 4) ||
        !const_or_none(n, 2) || !node_window(n, &w)) {
        keep_node(m, id);
        return;
    }
    if (node_attr(n, "output_shape")) { /* pads follow from the sizes */
        for (int axis = AXIS_H; axis <= AXIS_W; axis++) {
            add_fix(m, axis, in, m->val[in].was[axis], id, WHY_KEEP);
            add_fix(m, axis, out, m->val[out].was[axis], id, WHY_KEEP);
        }
    } else {
        add_window(m, id, &w, in, out);
    }
    if (w.group > 1 && w.group == w.cin) { /* depthwise: groups follow the channels */
        if (w.cout == w.cin)
            add_eq(m, AXIS_C, id, in, out);
        else
            add_lin2(m, AXIS_C, id, out, 1, in, -(w.cout / w.cin), 0);
    } else if (w.group > 1) {
        add_div(m, id, in, w.group);
        add_div(m, id, out, w.group);
    }
}

static void rule_pool(struct model *m, int32_t id)
{
    const struct node *n = graph_node(m->g, id);
    struct window w;
    int in, out;
    if (!live_pair(m, id, &in, &out) || rank_of(m, in) != 4 || !node_window(n, &w)) {
        keep_node(m, id);
        return;
    }
    add_window(m, id, &w, in, out);
    add_eq(m, AXIS_C, id, in, out);
    if (n->n_out > 1 && out_val(m, id, 1) >= 0)
        eq_all(m, id, out, out_val(m, id, 1));
}

static void rule_dense(struct model *m, int32_t id)
{
    const struct node *n = graph_node(m->g, id);
    int in, out;
    bool plain = live_pair(m, id, &in, &out) && rank_of(m, in) == 2 && rank_of(m, out) == 2 &&
                 float_weight(n, 1, 2) && const_or_none(n, 2) && !node_int(n, "transA", 0);
    if (!plain) /* else input and output widths are free */
        keep_node(m, id);
}

static void rule_broadcast(struct model *m, int32_t id)
{
    const struct node *n = graph_node(m->g, id);
    int out = out_val(m, id, 0);
    bool plain = out >= 0;
    for (int i = 0; plain && i < n->n_in; i++) {
        int v = model_in(m, n, i);
        plain = node_const(n, i) || (v >= 0 && rank_of(m, v) == rank_of(m, out));
    }
    if (!plain) {
        keep_node(m, id);
        return;
    }
    for (int i = 0; i < n->n_in; i++) {
        int v = model_in(m, n, i);
        if (v < 0) {
            const_port(m, id, i, out);
            continue;
        }
        for (int axis = 0; axis < rank_of(m, out) - 1; axis++)
            add_pair(m, m->val[v].was[axis] == m->val[out].was[axis] ? CON_EQ : CON_BCAST, axis, id,
                     v, out);
    }
}

static int join_axis(const struct node *n, int rank)
{
    int axis = ttype_axis(node_int(n, "axis", n->op == OP_SPLIT ? 0 : 1), rank);
    return axis >= 1 && axis < rank ? axis - 1 : -1;
}

static void rule_concat(struct model *m, int32_t id)
{
    const struct node *n = graph_node(m->g, id);
    int out = out_val(m, id, 0), joined = out >= 0 ? join_axis(n, rank_of(m, out)) : -1;
    bool plain = joined >= 0;
    for (int i = 0; plain && i < n->n_in; i++) {
        int v = model_in(m, n, i);
        plain = v >= 0 && rank_of(m, v) == rank_of(m, out);
    }
    if (!plain) {
        keep_node(m, id);
        return;
    }
    for (int axis = 0; axis < rank_of(m, out) - 1; axis++) {
        if (axis != joined) {
            for (int i = 0; i < n->n_in; i++)
                add_eq(m, axis, id, model_in(m, n, i), out);
            continue;
        }
        add_con(m, CON_LIN, axis, id);
        for (int i = 0; i < n->n_in; i++)
            add_term(m, model_in(m, n, i), 1);
        add_term(m, out, -1);
    }
}

static void rule_split(struct model *m, int32_t id)
{
    const struct node *n = graph_node(m->g, id);
    int in = model_in(m, n, 0), cut = in >= 0 ? join_axis(n, rank_of(m, in)) : -1;
    int64_t part[64];
    bool sized = n->n_in > 1 && n->in[1].node != IN_NONE, plain = cut >= 0 && n->n_out > 0;
    if (sized)
        plain = plain && const_ints(n, 1, part, 64) == n->n_out;
    for (int p = 0; plain && p < n->n_out; p++) {
        int v = out_val(m, id, p);
        plain = v >= 0 && rank_of(m, v) == rank_of(m, in) &&
                (sized || m->val[v].was[cut] * n->n_out == m->val[in].was[cut]);
    }
    if (!plain) {
        keep_node(m, id);
        return;
    }
    for (int axis = 0; axis < rank_of(m, in) - 1; axis++) {
        if (axis != cut) {
            for (int p = 0; p < n->n_out; p++)
                add_eq(m, axis, id, in, out_val(m, id, p));
        } else if (axis != AXIS_C && sized) { /* rows are not redistributed */
            add_fix(m, axis, in, m->val[in].was[axis], id, WHY_KEEP);
            for (int p = 0; p < n->n_out; p++)
                add_fix(m, axis, out_val(m, id, p), m->val[out_val(m, id, p)].was[axis], id,
                        WHY_KEEP);
        } else if (sized) {
            add_con(m, CON_LIN, axis, id);
            for (int p = 0; p < n->n_out; p++)
                add_term(m, out_val(m, id, p), 1);
            add_term(m, in, -1);
        } else { /* without sizes the parts are equal */
            add_lin2(m, axis, id, in, 1, out_val(m, id, 0), -n->n_out, 0);
            for (int p = 1; p < n->n_out; p++)
                add_eq(m, axis, id, out_val(m, id, 0), out_val(m, id, p));
        }
    }
}

static void rule_global(struct model *m, int32_t id)
{
    int in, out;
    if (!live_pair(m, id, &in, &out) || rank_of(m, in) != 4) {
        keep_node(m, id);
        return;
    }
    add_eq(m, AXIS_C, id, in, out);
    add_fix(m, AXIS_H, out, 1, id, WHY_ONE);
    add_fix(m, AXIS_W, out, 1, id, WHY_ONE);
}

static void rule_reduce(struct model *m, int32_t id)
{
    const struct node *n = graph_node(m->g, id);
    unsigned mask;
    int in, out;
    bool known = live_pair(m, id, &in, &out) && node_axes(n, rank_of(m, in), &mask) && !(mask & 1);
    if (known && rank_of(m, in) == rank_of(m, out)) {
        for (int axis = 0; axis < rank_of(m, in) - 1; axis++)
            if (mask & 2U << axis)
                add_fix(m, axis, out, 1, id, WHY_ONE);
            else
                add_eq(m, axis, id, in, out);
    } else if (known && rank_of(m, in) == 4 && rank_of(m, out) == 2 && mask == 0xC) {
        add_eq(m, AXIS_C, id, in, out);
    } else {
        keep_node(m, id);
    }
}

/* N x C x H x W <-> N x (C H W): the maps keep their size, the channels are free. */
static void flat_pair(struct model *m, int32_t id, int wide, int flat)
{
    const struct mval *v = &m->val[wide];
    int64_t area = v->was[AXIS_H] * v->was[AXIS_W];
    add_fix(m, AXIS_H, wide, v->was[AXIS_H], id, WHY_KEEP);
    add_fix(m, AXIS_W, wide, v->was[AXIS_W], id, WHY_KEEP);
    if (area == 1)
        add_eq(m, AXIS_C, id, wide, flat);
    else
        add_lin2(m, AXIS_C, id, flat, 1, wide, -area, 0);
}

static bool flattens(const struct model *m, int wide, int flat)
{
    const struct mval *v = &m->val[wide];
    return v->rank == 4 && m->val[flat].rank == 2 &&
           m->val[flat].was[0] == v->was[0] * v->was[AXIS_H] * v->was[AXIS_W];
}

static void rule_flatten(struct model *m, int32_t id)
{
    int in, out;
    int64_t axis = node_int(graph_node(m->g, id), "axis", 1);
    if (!live_pair(m, id, &in, &out) || axis != 1 || (rank_of(m, in) == 4 && !flattens(m, in, out)))
        keep_node(m, id);
    else if (rank_of(m, in) == 4)
        flat_pair(m, id, in, out);
    else
        add_eq(m, AXIS_C, id, in, out);
}

static void rule_reshape(struct model *m, int32_t id)
{
    int64_t shape[4];
    int in, out, n = const_ints(graph_node(m->g, id), 1, shape, 4);
    /* Only to and from the flat form; rebuild.c writes the new second size into the constant. */
    if (live_pair(m, id, &in, &out) && n == 2 && flattens(m, in, out))
        flat_pair(m, id, in, out);
    else if (live_pair(m, id, &in, &out) && n == 4 && flattens(m, out, in))
        flat_pair(m, id, out, in);
    else
        keep_node(m, id);
}

static void rule_squeeze(struct model *m, int32_t id)
{
    const struct node *n = graph_node(m->g, id);
    unsigned mask;
    int in, out;
    if (!live_pair(m, id, &in, &out) || !node_axes(n, 4, &mask) || mask != 0xC)
        keep_node(m, id);
    else if (flattens(m, in, out))
        flat_pair(m, id, in, out);
    else if (flattens(m, out, in))
        flat_pair(m, id, out, in);
    else
        keep_node(m, id);
}

static void rule_resize(struct model *m, int32_t id)
{
    const struct node *n = graph_node(m->g, id);
    const struct tensor *scales = n->n_in > 2 ? node_const(n, 2) : NULL;
    int64_t sizes[4];
    int in, out;
    bool plain = live_pair(m, id, &in, &out) && rank_of(m, in) == 4 && rank_of(m, out) == 4 &&
                 !node_attr(n, "axes") && m->val[in].was[AXIS_C] == m->val[out].was[AXIS_C];
    bool scaled = scales && tensor_count(scales) == 4;
    bool sized = !scaled && const_ints(n, 3, sizes, 4) == 4;
    if (!plain || (!scaled && !sized)) {
        keep_node(m, id);
        return;
    }
    add_eq(m, AXIS_C, id, in, out);
    for (int axis = AXIS_H; axis <= AXIS_W; axis++) {
        add_pair(m, CON_SCALE, axis, id, in, out);
        /* Sizes stand for the scale they make here; the hair keeps it from rounding below them. */
        m->con.at[m->con.n - 1].scale =
            sized ? ((double)m->val[out].was[axis] + 1e-6) / (double)m->val[in].was[axis]
                  : tensor_num_at(scales, axis + 1, 1);
    }
}

static void rule_depth(struct model *m, int32_t id)
{
    const struct node *n = graph_node(m->g, id);
    int64_t b = node_int(n, "blocksize", 0);
    int in, out;
    if (!live_pair(m, id, &in, &out) || rank_of(m, in) != 4 || b < 1 || b > 4096) {
        keep_node(m, id);
        return;
    }
    int deep = n->op == OP_DEPTHTOSPACE ? in : out, wide = n->op == OP_DEPTHTOSPACE ? out : in;
    add_lin2(m, AXIS_C, id, deep, 1, wide, -b * b, 0);
    add_lin2(m, AXIS_H, id, wide, 1, deep, -b, 0);
    add_lin2(m, AXIS_W, id, wide, 1, deep, -b, 0);
}

static void rule_pad(struct model *m, int32_t id)
{
    const struct node *n = graph_node(m->g, id);
    int64_t pads[8];
    int in, out;
    if (!live_pair(m, id, &in, &out) || rank_of(m, in) != 4 || const_ints(n, 1, pads, 8) != 8 ||
        (n->n_in > 3 && n->in[3].node != IN_NONE)) {
        keep_node(m, id);
        return;
    }
    for (int axis = 0; axis < N_AXES; axis++)
        if (pads[axis + 1] + pads[axis + 5] == 0)
            add_eq(m, axis, id, in, out);
        else
            add_lin2(m, axis, id, out, 1, in, -1, pads[axis + 1] + pads[axis + 5]);
}

/* Axes that are cut keep their sizes. */
static void rule_slice(struct model *m, int32_t id)
{
    const struct node *n = graph_node(m->g, id);
    int64_t axes[4];
    int in, out, count = const_ints(n, 3, axes, 4);
    if (!live_pair(m, id, &in, &out) || rank_of(m, in) != rank_of(m, out) || count < 1) {
        keep_node(m, id);
        return;
    }
    unsigned mask = 0;
    for (int i = 0; i < count; i++)
        mask |= 1U << ((axes[i] < 0 ? axes[i] + rank_of(m, in) : axes[i]) & 7);
    for (int axis = 0; axis < rank_of(m, in) - 1; axis++) {
        if (!(mask & 2U << axis)) {
            add_eq(m, axis, id, in, out);
            continue;
        }
        add_fix(m, axis, in, m->val[in].was[axis], id, WHY_KEEP);
        add_fix(m, axis, out, m->val[out].was[axis], id, WHY_KEEP);
    }
}

static void rule_nothing(struct model *m, int32_t id)
{
    (void)m, (void)id; /* the boundary is added by model_init */
}

void model_node(struct model *m, int32_t id)
{
    static void (*const rule[])(struct model *, int32_t) = {
        [SHAPE_INPUT] = rule_nothing,
        [SHAPE_OUTPUT] = rule_nothing,
        [SHAPE_SAME] = rule_same,
        [SHAPE_CONV] = rule_conv,
        [SHAPE_CONVT] = rule_conv,
        [SHAPE_GEMM] = rule_dense,
        [SHAPE_MATMUL] = rule_dense,
        [SHAPE_NORM] = rule_norm,
        [SHAPE_BROADCAST] = rule_broadcast,
        [SHAPE_CONCAT] = rule_concat,
        [SHAPE_SPLIT] = rule_split,
        [SHAPE_SLICE] = rule_slice,
        [SHAPE_POOL] = rule_pool,
        [SHAPE_GLOBAL] = rule_global,
        [SHAPE_REDUCE] = rule_reduce,
        [SHAPE_FLATTEN] = rule_flatten,
        [SHAPE_RESHAPE] = rule_reshape,
        [SHAPE_TRANSPOSE] = keep_node,
        [SHAPE_SQUEEZE] = rule_squeeze,
        [SHAPE_UNSQUEEZE] = rule_squeeze,
        [SHAPE_RESIZE] = rule_resize,
        [SHAPE_DEPTH] = rule_depth,
        [SHAPE_PAD] = rule_pad,
        [SHAPE_CAST] = rule_same,
        [SHAPE_DECLARED] = keep_node,
    };
    rule[op_info(graph_node(m->g, id)->op)->shape](m, id);
}
