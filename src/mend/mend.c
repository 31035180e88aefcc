/* The way of one repair: model, channels, heights, widths, rebuild, and the check that counts:
 * inference of the rebuilt fragment must give the boundary. */
#include "mend/mend_priv.h"

#include "shape/shape.h"

#include <stdlib.h>

const char *mend_result_name(enum mend_result r)
{
    static const char *const name[] = {[MEND_UNCHANGED] = "unchanged",
                                       [MEND_REPAIRED] = "repaired",
                                       [MEND_INFEASIBLE] = "infeasible",
                                       [MEND_TIMEOUT] = "timeout"};
    return name[r];
}

const char *mend_what_name(enum mend_what w)
{
    static const char *const name[] = {
        [MEND_CHANNELS] = "channels", [MEND_STRIDE_H] = "stride_h", [MEND_STRIDE_W] = "stride_w"};
    return name[w];
}

const char *mend_part_kind_name(enum mend_part_kind k)
{
    static const char *const name[] = {[MEND_PART_INPUT] = "input",
                                       [MEND_PART_OUTPUT] = "output",
                                       [MEND_PART_PIN] = "pin",
                                       [MEND_PART_BOUND] = "bound",
                                       [MEND_PART_NODE] = "node"};
    return name[k];
}

const char *mend_axis_name(enum mend_axis a)
{
    static const char *const name[] = {
        [MEND_AXIS_C] = "channels", [MEND_AXIS_H] = "height", [MEND_AXIS_W] = "width"};
    return name[a];
}

enum solved limits_check(const struct limits *lim)
{
    if (lim->cancel && __atomic_load_n(lim->cancel, __ATOMIC_RELAXED))
        return SOLVED_CANCELLED;
    return clock_ms() > lim->until_ms ? SOLVED_TIMEOUT : SOLVED;
}

static enum solved solve_channels(const struct model *m, const struct limits *lim, int64_t *size,
                                  double *cost, char *reason)
{
    struct chan c;
    enum solved st = chan_init(&c, m, reason);
    if (st == SOLVED)
        st = chan_solve(&c, lim, cost, reason);
    for (int v = 0; st == SOLVED && v < m->n_val; v++)
        if (c.cls[v] >= 0)
            size[N_AXES * v + AXIS_C] = c.at[c.cls[v]].size;
    chan_done(&c);
    return st;
}

static enum solved solve_all(const struct model *m, const struct limits *lim, int64_t *size,
                             double *objective, char *reason)
{
    enum solved st = solve_channels(m, lim, size, objective, reason);
    int64_t *along = x_calloc((size_t)m->n_val + 1, sizeof *along);
    for (int axis = AXIS_H; axis <= AXIS_W && st == SOLVED; axis++) {
        double cost = 0;
        st = axis_solve(m, axis, lim, along, &cost, reason);
        *objective += cost;
        for (int v = 0; st == SOLVED && v < m->n_val; v++)
            size[N_AXES * v + axis] = along[v];
    }
    free(along);
    return st;
}

/* Whether what is left of the constraints can be met, by any sizes. */
static enum solved solve_loose(const struct model *m, const struct limits *lim, char *reason)
{
    int64_t *along = x_calloc((size_t)m->n_val + 1, sizeof *along);
    enum solved st = SOLVED;
    for (int axis = AXIS_C; axis < N_AXES && st == SOLVED; axis++) {
        st = loose_solve(m, axis, lim, along);
        if (st == SOLVED_NONE)
            reason_set(reason, "the %s cannot meet the constraints that are left",
                       mend_axis_name((enum mend_axis)axis));
    }
    free(along);
    return st;
}

/* Empty when the outputs are what was asked for (the batch is the caller's matter). */
static void check_outputs(const struct graph *g, const struct ttype *need_out, char *reason)
{
    int n_out;
    const int32_t *out = graph_outputs(g, &n_out);
    for (int i = 0; i < n_out; i++) {
        const struct node *o = graph_node(g, out[i]);
        const struct ttype *has = graph_input_type(g, o, 0), *need = &need_out[i];
        bool same = has && has->rank == need->rank && has->dtype == need->dtype;
        for (int k = 0; same && k < need->rank; k++)
            same = has->dim[k] == need->dim[k] || (k == 0 && (has->dim[0] < 0 || need->dim[0] < 0));
        if (!same) {
            char a[96], b[96], name[64];
            reason_set(reason, "output %s has the shape %s, but %s is needed",
                       node_quoted(g, out[i], name, sizeof name),
                       has ? ttype_text(has, a, sizeof a) : "?", ttype_text(need, b, sizeof b));
            return;
        }
    }
}

enum status mend_finish(const struct model *m, const int64_t *size, const struct ttype *need_in,
                        const struct ttype *need_out, struct mend_plan *plan, struct err *err)
{
    struct graph *bare = NULL, *typed = NULL;
    bool changed = false;
    TRY(rebuild(m, size, need_in, plan, &bare, &changed, err));
    struct err why = {0};
    if (shape_infer(bare, &typed, &why) != ST_OK)
        reason_set(plan->reason, "%s", why.msg);
    else if (budget_holds(typed, m->opts, plan->reason))
        check_outputs(typed, need_out, plan->reason);
    graph_unref(bare);
    if (plan->reason[0]) {
        graph_unref(typed);
        return ST_OK;
    }
    plan->fragment = typed;
    plan->result = changed ? MEND_REPAIRED : MEND_UNCHANGED;
    return ST_OK;
}

enum status mend_fragment(const struct graph *frag, const struct ttype *need_in,
                          const struct ttype *need_out, const struct mend_opts *opts,
                          struct mend_plan *plan, struct err *err)
{
    double start = clock_ms(), limit = opts->time_limit_s > 0 ? opts->time_limit_s : 1;
    struct limits lim = {start + limit * 1e3, opts->cancel};
    struct model m;
    memset(plan, 0, sizeof *plan);
    plan->result = MEND_INFEASIBLE;
    enum status st = ST_OK;
    if (model_init(&m, frag, need_in, need_out, opts, plan->reason)) {
        int64_t *size = x_calloc((size_t)N_AXES * (size_t)m.n_val + 1, sizeof *size);
        enum solved solved = m.loose ? solve_loose(&m, &lim, plan->reason)
                                     : solve_all(&m, &lim, size, &plan->objective, plan->reason);
        if (solved == SOLVED && !m.loose)
            solved = budget_fit(&m, &lim, need_in, size, &plan->objective, plan->reason);
        if (solved == SOLVED && m.loose) {
            plan->result = MEND_REPAIRED;
        } else if (solved == SOLVED) {
            st = mend_finish(&m, size, need_in, need_out, plan, err);
        } else if (solved == SOLVED_CANCELLED) {
            st = err_set(err, ST_CANCELLED, "cancelled");
        } else if (solved == SOLVED_TIMEOUT) {
            plan->result = MEND_TIMEOUT;
            if (!plan->reason[0])
                reason_set(plan->reason, "no repair was found in %.3g s", limit);
        }
        free(size);
    }
    model_done(&m);
    plan->ms = clock_ms() - start;
    if (st != ST_OK || !plan->fragment) {
        free(plan->change);
        plan->change = NULL;
        plan->n_change = 0;
    }
    return st;
}

void mend_plan_done(struct mend_plan *plan)
{
    graph_unref(plan->fragment);
    free(plan->change);
    memset(plan, 0, sizeof *plan);
}
