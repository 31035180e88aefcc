/* Solving one axis and, when that fails, saying where: the shortest prefix of the constraints
 * (they are in topological order) that has no solution ends at the node to name. */
#include "mend/mend_priv.h"

#include "base/str.h"

#include <stdio.h>

static const char *const axis_word[N_AXES] = {"channels", "height", "width"};

static void read_sizes(const struct axis_problem *p, const int *pick, int64_t *size)
{
    for (int v = 0; v < p->m->n_val; v++)
        if (p->cls[v] >= 0)
            size[v] = p->dom[p->cls[v]].at[pick ? pick[p->cls[v]] : 0];
}

/* The present strides and pads, if they do. */
static bool try_as_is(const struct model *m, int axis, int64_t *size)
{
    struct axis_problem p;
    axis_init(&p, m, axis, (int)m->con.n, true);
    bool ok = axis_prune(&p);
    for (int c = 0; c < p.n_cls && ok; c++)
        ok = p.dom[c].n == 1;
    for (size_t i = 0; i < p.rel.n && ok; i++) {
        const struct rel *r = &p.rel.at[i];
        int64_t x[3] = {0};
        for (int k = 0; k < r->n; k++)
            x[k] = p.dom[r->c[k]].at[0];
        ok = rel_cost(&p, r, x) == 0;
    }
    if (ok)
        read_sizes(&p, NULL, size);
    axis_done(&p);
    return ok;
}

static enum solved solve_prefix(const struct model *m, int axis, int n_con,
                                const struct limits *lim, int64_t *size, int64_t *cost)
{
    struct axis_problem p;
    axis_init(&p, m, axis, n_con, false);
    enum solved st = axis_prune(&p) ? SOLVED : SOLVED_NONE;
    if (st == SOLVED) {
        int *pick = x_calloc((size_t)p.n_cls + 1, sizeof *pick);
        st = elim_solve(&p, lim, pick, cost);
        if (st == SOLVED && size)
            read_sizes(&p, pick, size);
        free(pick);
    }
    axis_done(&p);
    return st;
}

/* "28, 14, 7": the sizes value v can take under the first n_con constraints, largest first. */
static void list_sizes(const struct model *m, int axis, int n_con, int v, struct str *out)
{
    struct axis_problem p;
    axis_init(&p, m, axis, n_con, false);
    axis_prune(&p);
    const struct dom *d = &p.dom[p.cls[v]];
    for (int i = d->n - 1, shown = 0; i >= 0; i--, shown++) {
        if (shown == 6) {
            str_add(out, " ...");
            break;
        }
        str_addf(out, "%s%lld", shown ? ", " : "", (long long)d->at[i]);
    }
    axis_done(&p);
}

static bool sizes_hold(const struct model *m, int axis, int n_con, int v, int64_t size)
{
    struct axis_problem p;
    axis_init(&p, m, axis, n_con, false);
    axis_prune(&p);
    const struct dom *d = &p.dom[p.cls[v]];
    bool found = false;
    for (int i = 0; i < d->n; i++)
        found |= d->at[i] == size;
    axis_done(&p);
    return found;
}

static void explain(const struct model *m, int axis, int n_con, char *reason)
{
    const struct con *c = &m->con.at[n_con - 1];
    int a = m->term.at[c->first].v, b = c->n > 1 ? m->term.at[c->first + 1].v : a;
    struct str one = {0}, two = {0};
    char who[96];
    con_who(m, c, who, sizeof who);
    list_sizes(m, axis, n_con - 1, a, &one);
    switch (c->kind) {
    case CON_FIX:
        if (c->why == WHY_KEEP)
            reason_set(reason, "%s keeps the %s %lld, but strides can only give %s", who,
                       axis_word[axis], (long long)c->k, str_text(&one));
        else if (sizes_hold(m, axis, n_con - 1, a, c->k))
            reason_set(reason,
                       "%s needs the %s %lld, which no choice of strides gives together "
                       "with what the nodes before it need",
                       who, axis_word[axis], (long long)c->k);
        else
            reason_set(reason, "%s needs the %s %lld, but strides can only give %s", who,
                       axis_word[axis], (long long)c->k, str_text(&one));
        break;
    case CON_EQ:
    case CON_BCAST:
        list_sizes(m, axis, n_con - 1, b, &two);
        reason_set(reason,
                   "%s joins tensors whose %ss cannot be made equal: one can be %s, the "
                   "other %s",
                   who, axis_word[axis], str_text(&one), str_text(&two));
        break;
    default:
        reason_set(reason, "%s has no stride that fits: its input's %s can be %s", who,
                   axis_word[axis], str_text(&one));
    }
    str_done(&one);
    str_done(&two);
}

/* Infeasibility of prefixes is monotone, so the first one is found by halving. */
static void find_reason(const struct model *m, int axis, const struct limits *lim, char *reason)
{
    int lo = 1, hi = (int)m->con.n;
    int64_t cost;
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        enum solved st = solve_prefix(m, axis, mid, lim, NULL, &cost);
        if (st == SOLVED_NONE)
            hi = mid;
        else
            lo = mid + 1;
    }
    explain(m, axis, lo, reason);
}

enum solved axis_possible(const struct model *m, int axis, const struct limits *lim)
{
    int64_t cost;
    return solve_prefix(m, axis, (int)m->con.n, lim, NULL, &cost);
}

enum solved axis_solve(const struct model *m, int axis, const struct limits *lim, int64_t *size,
                       double *cost, char *reason)
{
    *cost = 0;
    if (try_as_is(m, axis, size))
        return SOLVED;
    int64_t units = 0;
    enum solved st = solve_prefix(m, axis, (int)m->con.n, lim, size, &units);
    if (st == SOLVED)
        *cost = (double)units / win_cost_unit(m);
    if (st == SOLVED_NONE)
        find_reason(m, axis, lim, reason);
    return st;
}
