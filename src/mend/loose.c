/* Feasibility along one axis when constraints may be missing, so that sizes may be free. Heights
 * and widths: the supported sizes of every class, then search; where few sizes are left, the exact
 * elimination. Channels: the channel solver, under each way to settle the broadcasts; when it
 * repairs it settles them by a rule, which would make an answer depend on what is left out. */
#include "mend/mend_priv.h"

/* A relation of more pairs than this is searched, not tabulated. */
#define SMALL_REL 512
#define MAX_BCAST 10

/* ---- heights and widths ---- */

/* A class with the fewest sizes among those of large relations; -1 when none is large. */
static int class_to_try(const struct axis_problem *p)
{
    int var = -1;
    for (size_t i = 0; i < p->rel.n; i++) {
        const struct rel *r = &p->rel.at[i];
        int64_t pairs = 1;
        for (int k = 0; k < r->n; k++)
            pairs *= p->dom[r->c[k]].n;
        for (int k = 0; k < r->n && pairs > SMALL_REL; k++) {
            int n = p->dom[r->c[k]].n;
            if (n > 1 && (var < 0 || n < p->dom[var].n))
                var = r->c[k];
        }
    }
    return var;
}

static enum solved tabulate(struct axis_problem *p, const struct limits *lim, int64_t *of_class)
{
    int *pick = x_calloc((size_t)p->n_cls + 1, sizeof *pick);
    int64_t cost;
    enum solved st = elim_solve(p, lim, pick, &cost);
    for (int c = 0; c < p->n_cls && st == SOLVED; c++)
        if (p->dom[c].n > 0)
            of_class[c] = p->dom[c].at[pick[c]];
    free(pick);
    return st;
}

static struct dom *copy_doms(const struct axis_problem *p)
{
    struct dom *d = x_memdup(p->dom, ((size_t)p->n_cls + 1) * sizeof *d);
    for (int c = 0; c < p->n_cls; c++)
        d[c].at = d[c].n > 0 ? x_memdup(d[c].at, (size_t)d[c].n * sizeof *d[c].at) : NULL;
    return d;
}

static void free_doms(struct dom *d, int n)
{
    for (int c = 0; c < n; c++)
        free(d[c].at);
    free(d);
}

/* The i-th nearest place to `from` among n. */
static int nearest_place(int from, int n, int i)
{
    int side = from < n - 1 - from ? from : n - 1 - from;
    if (i <= 2 * side)
        return i % 2 ? from - (i + 1) / 2 : from + i / 2;
    return from < n - 1 - from ? i : n - 1 - i;
}

/* of_class holds the sizes to try first, then the answer. */
static enum solved search(struct axis_problem *p, const struct limits *lim, int64_t *of_class)
{
    enum solved st = limits_check(lim);
    if (st != SOLVED)
        return st;
    if (!axis_prune(p))
        return SOLVED_NONE;
    int var = class_to_try(p);
    if (var < 0)
        return tabulate(p, lim, of_class);
    struct dom *whole = p->dom;
    int n = whole[var].n, from = 0;
    while (from < n - 1 && whole[var].at[from] < of_class[var])
        from++;
    st = SOLVED_NONE;
    for (int i = 0; i < n && st == SOLVED_NONE; i++) {
        p->dom = copy_doms(p);
        p->dom[var].n = 1;
        p->dom[var].at[0] = whole[var].at[nearest_place(from, n, i)];
        st = search(p, lim, of_class);
        free_doms(p->dom, p->n_cls);
        p->dom = whole;
        p->empty = false;
    }
    return st;
}

static enum solved loose_axis(const struct model *m, int axis, const struct limits *lim,
                              int64_t *size)
{
    struct axis_problem p;
    axis_init(&p, m, axis, (int)m->con.n, false);
    int64_t *of_class = x_calloc((size_t)p.n_cls + 1, sizeof *of_class);
    for (int v = 0; v < m->n_val; v++)
        if (p.cls[v] >= 0)
            of_class[p.cls[v]] = m->val[v].was[axis];
    enum solved st = search(&p, lim, of_class);
    for (int v = 0; v < m->n_val && st == SOLVED; v++)
        if (p.cls[v] >= 0)
            size[v] = of_class[p.cls[v]];
    free(of_class);
    axis_done(&p);
    return st;
}

/* ---- channels ---- */

static enum solved loose_widths(const struct model *m, const struct limits *lim, int64_t *size)
{
    struct chan c;
    char reason[256];
    double cost;
    enum solved st = chan_init(&c, m, reason);
    if (st == SOLVED)
        st = chan_solve(&c, lim, &cost, reason);
    for (int v = 0; v < m->n_val && st == SOLVED; v++)
        if (c.cls[v] >= 0)
            size[v] = c.at[c.cls[v]].size;
    chan_done(&c);
    return st;
}

static enum solved loose_channels(const struct model *m, const struct limits *lim, int64_t *size)
{
    size_t at[MAX_BCAST];
    int n = 0;
    for (size_t i = 0; i < m->con.n && n < MAX_BCAST; i++)
        if (m->con.at[i].axis == AXIS_C && m->con.at[i].kind == CON_BCAST)
            at[n++] = i;
    if (!n)
        return loose_widths(m, lim, size);
    struct model settled = *m;
    settled.con.at = x_memdup(m->con.at, m->con.n * sizeof *m->con.at);
    enum solved st = SOLVED_NONE;
    for (unsigned way = 0; way < 1U << n && st == SOLVED_NONE; way++) {
        for (int i = 0; i < n; i++) {
            struct con *c = &settled.con.at[at[i]];
            bool one = way >> i & 1;
            c->kind = one ? CON_FIX : CON_EQ;
            c->n = one ? 1 : 2;
            c->k = 1;
        }
        st = loose_widths(&settled, lim, size);
    }
    free(settled.con.at);
    return st;
}

enum solved loose_solve(const struct model *m, int axis, const struct limits *lim, int64_t *size)
{
    return axis == AXIS_C ? loose_channels(m, lim, size) : loose_axis(m, axis, lim, size);
}
