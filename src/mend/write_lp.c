/* The whole repair as one integer program, for comparison with other solvers: the widths as the
 * channel solver sees them, and for each axis one binary for every size a class can have, with a
 * flow between the sizes of the two ends of every window whose arcs carry the stride costs. */
#include "mend/mend_priv.h"

#include <stdlib.h>

static void impossible(struct lp *lp, const char *name)
{
    int x = lp_col(lp, 0, 0, false, 0, "%s", name);
    lp_row(lp, 1, 1, "no_%s", name);
    lp_term(lp, x, 1);
}

static void write_channels(struct lp *lp, const struct model *m)
{
    struct chan c;
    char reason[256];
    if (chan_init(&c, m, reason) != SOLVED) {
        impossible(lp, "channels");
        chan_done(&c);
        return;
    }
    /* Solved first, because only that tells which multiples of 8 can be kept. */
    struct limits lim = {clock_ms() + 1e4, NULL};
    double cost;
    chan_solve(&c, &lim, &cost, reason);
    int *col = x_calloc((size_t)c.n_cls + 1, sizeof *col);
    for (int i = 0; i < c.n_cls; i++)
        col[i] = c.at[i].fixed ? lp_col(lp, c.at[i].size, c.at[i].size, true, 0, "c%d", i)
                               : lp_width(lp, &c.at[i], i);
    for (size_t i = 0; i < c.row.n; i++) {
        const struct chan_row *r = &c.row.at[i];
        lp_row(lp, r->k, r->k, "sum%d", (int)i);
        for (size_t t = 0; t < r->term.n; t++) {
            const struct chan_class *k = &c.at[r->term.at[t].v];
            lp_term(lp, col[r->term.at[t].v], r->term.at[t].coef * (k->fixed ? 1 : k->used));
        }
    }
    free(col);
    chan_done(&c);
}

/* Pairs of sizes that a relation of two classes allows, as a flow between their binaries. */
static void write_pairs(struct lp *lp, const struct axis_problem *p, const struct rel *r, int at,
                        const int *first)
{
    const struct dom *a = &p->dom[r->c[0]], *b = &p->dom[r->c[1]];
    int *arc = x_calloc((size_t)a->n * (size_t)b->n, sizeof *arc);
    for (int i = 0; i < a->n; i++)
        for (int j = 0; j < b->n; j++) {
            int64_t x[3] = {a->at[i], b->at[j], 0}, cost = rel_cost(p, r, x);
            arc[i * b->n + j] = cost == COST_NEVER
                                    ? -1
                                    : lp_col(lp, 0, 1, false, (double)cost / win_cost_unit(p->m),
                                             "a%d_%d_%d_%d", p->axis, at, i, j);
        }
    for (int side = 0; side < 2; side++) {
        const struct dom *d = side ? b : a, *o = side ? a : b;
        for (int i = 0; i < d->n; i++) {
            lp_row(lp, 0, 0, "f%d_%d_%d_%d", p->axis, at, side, i);
            lp_term(lp, first[r->c[side]] + i, -1);
            for (int j = 0; j < o->n; j++) {
                int k = side ? arc[j * b->n + i] : arc[i * b->n + j];
                if (k >= 0)
                    lp_term(lp, k, 1);
            }
        }
    }
    free(arc);
}

/* Both ends are one class: what a size costs is a cost of its binary. */
static void write_loop(struct lp *lp, const struct axis_problem *p, const struct rel *r,
                       const int *first)
{
    const struct dom *d = &p->dom[r->c[0]];
    for (int i = 0; i < d->n; i++) {
        int64_t x[3] = {d->at[i], d->at[i], 0}, cost = rel_cost(p, r, x);
        struct lp_col *z = &lp->col.at[first[r->c[0]] + i];
        if (cost == COST_NEVER)
            z->hi = 0;
        else
            z->cost += (double)cost / win_cost_unit(p->m);
    }
}

static void write_sum(struct lp *lp, const struct axis_problem *p, const struct rel *r, int at,
                      const int *first)
{
    lp_row(lp, r->k, r->k, "s%d_%d", p->axis, at);
    for (int t = 0; t < r->n; t++)
        for (int i = 0; i < p->dom[r->c[t]].n; i++)
            lp_term(lp, first[r->c[t]] + i, r->coef[t] * p->dom[r->c[t]].at[i]);
}

static void write_axis(struct lp *lp, const struct model *m, int axis)
{
    struct axis_problem p;
    axis_init(&p, m, axis, (int)m->con.n, false);
    if (!axis_prune(&p)) {
        impossible(lp, axis == AXIS_H ? "height" : "width");
        axis_done(&p);
        return;
    }
    int *first = x_calloc((size_t)p.n_cls + 1, sizeof *first);
    for (int c = 0; c < p.n_cls; c++) {
        for (int i = 0; i < p.dom[c].n; i++) {
            int z = lp_col(lp, 0, 1, true, 0, "z%d_%d_%lld", axis, c, (long long)p.dom[c].at[i]);
            first[c] = i ? first[c] : z;
        }
        lp_row(lp, 1, 1, "one%d_%d", axis, c);
        for (int i = 0; i < p.dom[c].n; i++)
            lp_term(lp, first[c] + i, 1);
    }
    for (size_t i = 0; i < p.rel.n; i++) {
        const struct rel *r = &p.rel.at[i];
        if (r->kind == CON_LIN)
            write_sum(lp, &p, r, (int)i, first);
        else if (r->n == 2 && r->c[0] == r->c[1])
            write_loop(lp, &p, r, first);
        else if (r->n == 2)
            write_pairs(lp, &p, r, (int)i, first);
    }
    free(first);
    axis_done(&p);
}

enum status mend_write_lp(const struct graph *frag, const struct ttype *need_in,
                          const struct ttype *need_out, const char *path, struct err *err)
{
    struct mend_opts none = {0};
    return mend_write_lp_with(frag, need_in, need_out, &none, path, err);
}

enum status mend_write_lp_with(const struct graph *frag, const struct ttype *need_in,
                               const struct ttype *need_out, const struct mend_opts *opts,
                               const char *path, struct err *err)
{
    struct model m;
    struct lp lp = {0};
    char reason[256] = "";
    enum status st;
    if (model_init(&m, frag, need_in, need_out, opts, reason)) {
        write_channels(&lp, &m);
        write_axis(&lp, &m, AXIS_H);
        write_axis(&lp, &m, AXIS_W);
        st = lp_write(&lp, path, err);
    } else {
        st = err_set(err, ST_NO, "no repair to write: %s", reason);
    }
    lp_done(&lp);
    model_done(&m);
    return st;
}
