/* The repair of the AutoGO tool (Salameh et al., NeurIPS 2023, "resolution propagation") as its
 * released code states it, for comparison in benches only; nothing in the program repairs by it.
 * One integer program over heights, widths and channels together: the size before and behind every
 * node is an integer from 2 to 10,000, every edge a flow, and a convolution or pool ("mutable")
 * chooses among three sizes per axis by binaries. Sizes come from a walk ahead of the program,
 * which floors what a stride divides, whereas `same` pads round up. Its faults are kept, as mend.h
 * lists them. Where the tool ends in an exception, the answer here is a refusal. */
#include "mend/mend_priv.h"

#include <math.h>
#include <stdlib.h>

enum { SIZE_LEAST = 2, SIZE_MOST = 10000, N_VALUES = 3 };

/* What the tool knows of a node. */
struct place {
    int64_t old[N_AXES];         /* behind it, as the fragment has it */
    int64_t ahead[N_AXES];       /* behind it, after the walk */
    int in[N_AXES], out[N_AXES]; /* columns */
    double weight;               /* nodes that depend on it */
};

struct ref {
    const struct model *m;
    const struct ttype *need_in, *need_out;
    struct place *at; /* by node id */
    struct lp lp;
    char *reason;
};

static bool is_pool(const struct node *n)
{
    return n->op == OP_MAXPOOL || n->op == OP_AVGPOOL;
}

static bool is_mutable(const struct node *n)
{
    return is_pool(n) || (n->op == OP_CONV && !node_is_depthwise(n));
}

/* C, H, W of a tensor; a vector is a map of one pixel. */
static bool sizes_of(const struct ttype *t, int64_t *size)
{
    bool ok = t && (t->rank == 2 || t->rank == 4);
    for (int k = 0; ok && k < N_AXES; k++) {
        size[k] = k + 1 < t->rank ? t->dim[k + 1] : 1;
        ok = size[k] >= 1;
    }
    return ok;
}

static bool refuse(struct ref *r, int32_t id, const char *what)
{
    char name[64];
    reason_set(r->reason, "%s %s", node_quoted(r->m->g, id, name, sizeof name), what);
    return false;
}

/* ---- the walk ahead ---- */

/* What arrives at a node: the same from all sides, the channels of a concat added up. */
static bool arriving(struct ref *r, int32_t id, int64_t *size)
{
    const struct node *n = graph_node(r->m->g, id);
    bool first = true;
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i].node < 0)
            continue;
        const int64_t *from = r->at[n->in[i].node].ahead;
        bool concat = n->op == OP_CONCAT && !first;
        for (int k = 0; k < N_AXES && !first; k++)
            if (size[k] != from[k] && !(concat && k == AXIS_C))
                return refuse(r, id, "is reached with two shapes");
        if (concat)
            size[AXIS_C] += from[AXIS_C];
        else
            memcpy(size, from, N_AXES * sizeof *size);
        first = false;
    }
    return !first || refuse(r, id, "has no input");
}

static bool is_same(const struct window *w, const int64_t *in, const int64_t *out)
{
    for (int a = 0; a < 2; a++)
        if (out[AXIS_H + a] != (in[AXIS_H + a] + w->stride[a] - 1) / w->stride[a])
            return false;
    return true;
}

static bool walk_window(struct ref *r, int32_t id, int64_t *size)
{
    const struct node *n = graph_node(r->m->g, id);
    struct window w;
    int64_t in[N_AXES];
    if (!node_window(n, &w) || !sizes_of(graph_input_type(r->m->g, n, 0), in))
        return refuse(r, id, "has no window");
    if (!is_same(&w, in, r->at[id].old))
        return refuse(r, id, "has no `same` padding");
    if (n->op == OP_CONV && !is_mutable(n) && (w.stride[0] > 1 || w.stride[1] > 1))
        return refuse(r, id, "is a depthwise convolution with a stride");
    for (int a = 0; a < 2; a++) {
        size[AXIS_H + a] /= w.stride[a];
        if (size[AXIS_H + a] < 1)
            return refuse(r, id, "leaves nothing of its input");
    }
    if (n->op == OP_CONV && is_mutable(n))
        size[AXIS_C] = r->at[id].old[AXIS_C];
    return true;
}

static bool walk_node(struct ref *r, int32_t id)
{
    const struct node *n = graph_node(r->m->g, id);
    struct place *p = &r->at[id];
    enum shape_rule rule = op_info(n->op)->shape;
    if (n->op == OP_INPUT)
        return true;
    for (int i = 0; i < n->n_out; i++)
        if (!sizes_of(&n->out[i].type, p->old))
            return refuse(r, id, "has no channels, height and width");
    if (!arriving(r, id, p->ahead))
        return false;
    if (n->op == OP_CONCAT)
        return refuse(r, id, "is a concat, for which the tool makes no model");
    if (n->op == OP_CONV || is_pool(n))
        return walk_window(r, id, p->ahead);
    if (rule == SHAPE_GLOBAL || rule == SHAPE_REDUCE)
        p->ahead[AXIS_H] = p->ahead[AXIS_W] = 1;
    return true;
}

static bool walk(struct ref *r)
{
    int n_in;
    const int32_t *in = graph_inputs(r->m->g, &n_in), *topo = graph_topo(r->m->g);
    for (int i = 0; i < n_in; i++)
        if (!sizes_of(&r->need_in[i], r->at[in[i]].ahead))
            return refuse(r, in[i], "has no channels, height and width");
    for (int i = 0; i < graph_n_nodes(r->m->g); i++)
        if (!walk_node(r, topo[i]))
            return false;
    return true;
}

/* ---- the program ---- */

/* Nodes that a path leads to from `id`, outputs of the graph not counted. */
static int count_after(const struct graph *g, int32_t id)
{
    bool *seen = x_calloc((size_t)graph_n_slots(g), sizeof *seen);
    VEC(int32_t) todo = {0};
    int count = 0;
    vec_push(&todo, id);
    while (todo.n) {
        int n;
        const struct use *use = graph_uses(g, todo.at[--todo.n], &n);
        for (int i = 0; i < n; i++) {
            if (seen[use[i].node])
                continue;
            seen[use[i].node] = true;
            count += graph_node(g, use[i].node)->op != OP_OUTPUT;
            vec_push(&todo, use[i].node);
        }
    }
    vec_done(&todo);
    free(seen);
    return count;
}

static void add_cost(struct ref *r, int col, double cost)
{
    r->lp.col.at[col].cost += cost;
}

/* a - b within lo .. hi */
static void add_difference(struct ref *r, int a, int b, int64_t lo, int64_t hi)
{
    lp_row(&r->lp, lo, hi, "d%d", (int)r->lp.row.n);
    lp_term(&r->lp, a, 1);
    lp_term(&r->lp, b, -1);
}

static void add_equal(struct ref *r, int a, int b)
{
    add_difference(r, a, b, 0, 0);
}

static void fix(struct ref *r, int col, int64_t size)
{
    lp_row(&r->lp, size, size, "f%d", col);
    lp_term(&r->lp, col, 1);
}

static void add_columns(struct ref *r, int32_t id)
{
    const struct node *n = graph_node(r->m->g, id);
    struct place *p = &r->at[id];
    p->weight = count_after(r->m->g, id);
    for (int k = 0; k < N_AXES; k++) {
        if (n->op != OP_INPUT)
            p->in[k] = lp_col(&r->lp, SIZE_LEAST, SIZE_MOST, true, 0, "in%d_%s", (int)id,
                              mend_axis_name((enum mend_axis)k));
        if (n->op != OP_OUTPUT)
            p->out[k] = lp_col(&r->lp, SIZE_LEAST, SIZE_MOST, true, 0, "out%d_%s", (int)id,
                               mend_axis_name((enum mend_axis)k));
    }
}

static void add_flows(struct ref *r, int32_t id)
{
    const struct node *n = graph_node(r->m->g, id);
    for (int i = 0; i < n->n_in; i++)
        for (int k = 0; k < N_AXES && n->in[i].node >= 0; k++) {
            int flow = lp_col(&r->lp, 0, -1, false, 0, "flow%d", (int)r->lp.col.n);
            add_equal(r, flow, r->at[n->in[i].node].out[k]);
            add_equal(r, flow, r->at[id].in[k]);
        }
}

/* One of three sizes behind a mutable node. */
static void add_choice(struct ref *r, const struct place *p, int k)
{
    int64_t size = p->ahead[k];
    int64_t value[N_VALUES] = {size, size / 2, size / 4};
    int b[N_VALUES];
    if (k == AXIS_C) {
        value[0] = 2 * size;
        value[1] = size;
        value[2] = size / 2;
    }
    for (int t = 0; t < N_VALUES; t++)
        b[t] = lp_col(&r->lp, 0, 1, true, 0, "b%d", (int)r->lp.col.n);
    lp_row(&r->lp, 1, 1, "one%d", b[0]);
    for (int t = 0; t < N_VALUES; t++)
        lp_term(&r->lp, b[t], 1);
    lp_row(&r->lp, 0, 0, "size%d", b[0]);
    lp_term(&r->lp, p->out[k], 1);
    for (int t = 0; t < N_VALUES; t++)
        if (value[t])
            lp_term(&r->lp, b[t], -value[t]);
}

/* weight * (max(0, C lost) + |all that changed, added up| + H lost + W lost) */
static void add_change_cost(struct ref *r, const struct place *p)
{
    int64_t old = p->old[AXIS_C] + p->old[AXIS_H] + p->old[AXIS_W];
    int lost = lp_col(&r->lp, 0, -1, false, p->weight, "lost%d", (int)r->lp.col.n);
    int moved = lp_col(&r->lp, 0, -1, false, p->weight, "moved%d", (int)r->lp.col.n);
    lp_row(&r->lp, p->old[AXIS_C], INT64_MAX, "less%d", lost);
    lp_term(&r->lp, lost, 1);
    lp_term(&r->lp, p->out[AXIS_C], 1);
    for (int sign = -1; sign <= 1; sign += 2) {
        lp_row(&r->lp, sign * old, INT64_MAX, sign < 0 ? "over%d" : "under%d", moved);
        lp_term(&r->lp, moved, 1);
        for (int k = 0; k < N_AXES; k++)
            lp_term(&r->lp, p->out[k], sign);
    }
    for (int k = AXIS_H; k <= AXIS_W; k++) {
        add_cost(r, p->in[k], p->weight);
        add_cost(r, p->out[k], -p->weight);
    }
}

static void add_node(struct ref *r, int32_t id)
{
    const struct node *n = graph_node(r->m->g, id);
    const struct place *p = &r->at[id];
    if (!is_mutable(n)) {
        for (int k = 0; k < N_AXES; k++) {
            add_equal(r, p->in[k], p->out[k]);
            add_cost(r, p->in[k], p->weight);
        }
        return;
    }
    for (int k = 0; k < N_AXES; k++) {
        add_choice(r, p, k);
        if (k != AXIS_C)
            add_difference(r, p->in[k], p->out[k], 0, INT64_MAX);
    }
    if (is_pool(n))
        add_equal(r, p->in[AXIS_C], p->out[AXIS_C]);
    add_change_cost(r, p);
}

static bool make_program(struct ref *r)
{
    const struct graph *g = r->m->g;
    int n = graph_n_nodes(g), n_in, n_out;
    const int32_t *topo = graph_topo(g), *in = graph_inputs(g, &n_in),
                  *out = graph_outputs(g, &n_out);
    int64_t size[N_AXES];
    for (int i = 0; i < n; i++)
        add_columns(r, topo[i]);
    for (int i = 0; i < n; i++) {
        enum op op = graph_node(g, topo[i])->op;
        add_flows(r, topo[i]);
        if (op != OP_INPUT && op != OP_OUTPUT)
            add_node(r, topo[i]);
    }
    for (int i = 0; i < n_in; i++)
        for (int k = 0; k < N_AXES; k++)
            fix(r, r->at[in[i]].out[k], r->at[in[i]].ahead[k]);
    for (int i = 0; i < n_out; i++) {
        if (!sizes_of(&r->need_out[i], size))
            return refuse(r, out[i], "has no channels, height and width");
        for (int k = 0; k < N_AXES; k++)
            fix(r, r->at[out[i]].in[k], size[k]);
    }
    return true;
}

/* ---- the answer ---- */

static void note(struct mend_plan *plan, int32_t id, enum mend_what what, int64_t before,
                 int64_t after)
{
    if (before == after)
        return;
    plan->change = x_reallocarray(plan->change, (size_t)plan->n_change + 1, sizeof *plan->change);
    plan->change[plan->n_change++] = (struct mend_change){id, what, before, after};
}

/* The sizes that the program found, for the model; false when a stride is none. */
static bool read_answer(const struct ref *r, const double *x, int64_t *size, struct mend_plan *plan)
{
    const struct model *m = r->m;
    bool whole = true;
    for (int i = 0; i < graph_n_nodes(m->g); i++) {
        int32_t id = graph_topo(m->g)[i];
        const struct node *n = graph_node(m->g, id);
        const struct place *p = &r->at[id];
        struct window w;
        for (int o = 0; o < n->n_out; o++)
            for (int k = 0; k < N_AXES; k++)
                size[N_AXES * (m->base[id] + o) + k] = llround(x[p->out[k]]);
        if (!is_mutable(n) || !node_window(n, &w))
            continue;
        if (!is_pool(n))
            note(plan, id, MEND_CHANNELS, p->old[AXIS_C], llround(x[p->out[AXIS_C]]));
        for (int a = 0; a < 2; a++) {
            int64_t in = llround(x[p->in[AXIS_H + a]]), out = llround(x[p->out[AXIS_H + a]]);
            whole = whole && in % out == 0;
            note(plan, id, a ? MEND_STRIDE_W : MEND_STRIDE_H, w.stride[a],
                 in % out == 0 ? in / out : 0);
        }
    }
    return whole;
}

static enum status solve(struct ref *r, const struct limits *lim, struct mend_plan *plan,
                         struct err *err)
{
    double *x = x_calloc(r->lp.col.n + 1, sizeof *x);
    int64_t *size = x_calloc((size_t)N_AXES * (size_t)r->m->n_val + 1, sizeof *size);
    enum status st = ST_OK;
    enum solved solved = lp_branch(&r->lp, lim, x);
    if (solved == SOLVED) {
        plan->result = MEND_REPAIRED;
        for (size_t i = 0; i < r->lp.col.n; i++)
            plan->objective += r->lp.col.at[i].cost * x[i];
        if (read_answer(r, x, size, plan)) {
            struct mend_plan built = {0};
            st = mend_finish(r->m, size, r->need_in, r->need_out, &built, err);
            plan->fragment = built.fragment;
            memcpy(plan->reason, built.reason, sizeof plan->reason);
            built.fragment = NULL;
            mend_plan_done(&built);
        } else {
            reason_set(plan->reason, "a stride is a fraction");
        }
    } else if (solved == SOLVED_TIMEOUT) {
        plan->result = MEND_TIMEOUT;
        reason_set(plan->reason, "no solution was found in time");
    } else if (solved == SOLVED_CANCELLED) {
        st = err_set(err, ST_CANCELLED, "cancelled");
    } else {
        reason_set(plan->reason, "the integer program has no solution");
    }
    free(size);
    free(x);
    return st;
}

static bool same_sizes(const struct ttype *has, const struct ttype *need)
{
    int64_t a[N_AXES], b[N_AXES];
    return sizes_of(has, a) && sizes_of(need, b) && memcmp(a, b, sizeof a) == 0;
}

/* Exactly what is needed is taken as it is. */
static bool fits_as_is(const struct ref *r)
{
    const struct graph *g = r->m->g;
    int n_in, n_out;
    const int32_t *in = graph_inputs(g, &n_in), *out = graph_outputs(g, &n_out);
    for (int i = 0; i < n_in; i++)
        if (!same_sizes(&graph_node(g, in[i])->out[0].type, &r->need_in[i]))
            return false;
    for (int i = 0; i < n_out; i++)
        if (!same_sizes(graph_input_type(g, graph_node(g, out[i]), 0), &r->need_out[i]))
            return false;
    return true;
}

static void ref_init(struct ref *r, const struct model *m, const struct ttype *need_in,
                     const struct ttype *need_out, char *reason)
{
    *r = (struct ref){.m = m, .need_in = need_in, .need_out = need_out, .reason = reason};
    r->at = x_calloc((size_t)graph_n_slots(m->g) + 1, sizeof *r->at);
}

static void ref_done(struct ref *r)
{
    free(r->at);
    lp_done(&r->lp);
}

enum status mend_reference(const struct graph *frag, const struct ttype *need_in,
                           const struct ttype *need_out, const struct mend_opts *opts,
                           struct mend_plan *plan, struct err *err)
{
    double start = clock_ms(), limit = opts->time_limit_s > 0 ? opts->time_limit_s : 1;
    struct limits lim = {start + limit * 1e3, opts->cancel};
    struct mend_opts none = {0};
    struct model m;
    struct ref r;
    enum status st = ST_OK;
    memset(plan, 0, sizeof *plan);
    plan->result = MEND_INFEASIBLE;
    if (model_init(&m, frag, need_in, need_out, &none, plan->reason)) {
        ref_init(&r, &m, need_in, need_out, plan->reason);
        if (fits_as_is(&r)) {
            plan->result = MEND_UNCHANGED;
            plan->fragment = graph_ref(frag);
        } else if (walk(&r) && make_program(&r)) {
            st = solve(&r, &lim, plan, err);
        }
        ref_done(&r);
    }
    model_done(&m);
    plan->ms = clock_ms() - start;
    if (st != ST_OK)
        mend_plan_done(plan);
    return st;
}

enum status mend_reference_write_lp(const struct graph *frag, const struct ttype *need_in,
                                    const struct ttype *need_out, const char *path, struct err *err)
{
    struct mend_opts none = {0};
    struct model m;
    struct ref r;
    char reason[256] = "";
    enum status st;
    bool made = model_init(&m, frag, need_in, need_out, &none, reason);
    if (made) {
        ref_init(&r, &m, need_in, need_out, reason);
        made = walk(&r) && make_program(&r);
        st = made ? lp_write(&r.lp, path, err) : ST_NO;
        ref_done(&r);
    }
    model_done(&m);
    return made ? st : err_set(err, ST_NO, "no program to write: %s", reason);
}
