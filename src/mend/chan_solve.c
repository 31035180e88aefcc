/* The widths that propagation leaves open, one connected part at a time. */
#include "mend/mend_priv.h"

#include "base/str.h"

#include <math.h>
#include <stdlib.h>

/* Nearest multiple of the class's step to the wanted width, the wider of two; 0: none allowed. */
static int64_t nearest(const struct chan_class *k)
{
    int64_t step = k->used, first = (k->lo + step - 1) / step * step, last = k->hi / step * step;
    int64_t low = k->want / step * step, high = low == k->want ? low : low + step;
    int64_t size = k->want - low >= high - k->want ? high : low;
    return first > last ? 0 : size < first ? first : size > last ? last : size;
}

static int part_of(int *up, int i)
{
    while (up[i] != i)
        i = up[i] = up[up[i]];
    return i;
}

int *chan_parts(const struct chan *c)
{
    int *up = x_calloc((size_t)c->n_cls + 1, sizeof *up);
    for (int i = 0; i < c->n_cls; i++)
        up[i] = i;
    for (size_t i = 0; i < c->row.n; i++) {
        int first = -1;
        for (size_t t = 0; t < c->row.at[i].term.n; t++) {
            int k = c->row.at[i].term.at[t].v;
            if (c->at[k].known)
                continue;
            if (first < 0)
                first = k;
            up[part_of(up, k)] = part_of(up, first);
        }
    }
    for (int i = 0; i < c->n_cls; i++)
        up[i] = part_of(up, i);
    return up;
}

static bool row_in(const struct chan *c, const struct chan_row *r, const int *part, int id)
{
    for (size_t t = 0; t < r->term.n; t++)
        if (!c->at[r->term.at[t].v].known && part[r->term.at[t].v] == id)
            return true;
    return false;
}

static bool row_holds(const struct chan *c, const struct chan_row *r)
{
    int64_t sum = 0;
    for (size_t t = 0; t < r->term.n; t++)
        sum += r->term.at[t].coef * c->at[r->term.at[t].v].size;
    return sum == r->k;
}

/* All classes of the part at their nearest width: optimal when the rows hold. */
static bool try_nearest(struct chan *c, const int *part, int id)
{
    for (int i = 0; i < c->n_cls; i++)
        if (!c->at[i].known && part[i] == id) {
            c->at[i].size = nearest(&c->at[i]);
            if (!c->at[i].size)
                return false;
        }
    for (size_t i = 0; i < c->row.n; i++)
        if (row_in(c, &c->row.at[i], part, id) && !row_holds(c, &c->row.at[i]))
            return false;
    return true;
}

static enum solved program(struct chan *c, const int *part, int id, const struct limits *lim)
{
    struct lp lp = {0};
    int *col = x_calloc((size_t)c->n_cls + 1, sizeof *col);
    for (int i = 0; i < c->n_cls; i++) {
        struct chan_class *k = &c->at[i];
        if (k->known || part[i] != id)
            continue;
        col[i] = lp_width(&lp, k, i);
    }
    for (size_t i = 0; i < c->row.n; i++) {
        const struct chan_row *r = &c->row.at[i];
        if (!row_in(c, r, part, id))
            continue;
        int64_t rest = r->k;
        for (size_t t = 0; t < r->term.n; t++)
            if (c->at[r->term.at[t].v].known)
                rest -= r->term.at[t].coef * c->at[r->term.at[t].v].size;
        lp_row(&lp, rest, rest, "r%d", (int)i);
        for (size_t t = 0; t < r->term.n; t++) {
            const struct chan_class *k = &c->at[r->term.at[t].v];
            if (!k->known)
                lp_term(&lp, col[r->term.at[t].v], r->term.at[t].coef * k->used);
        }
    }
    double *x = x_calloc(lp.col.n + 1, sizeof *x);
    enum solved st = lp_solve(&lp, lim, x);
    for (int i = 0; st == SOLVED && i < c->n_cls; i++)
        if (!c->at[i].known && part[i] == id)
            c->at[i].size = llround(x[col[i]]) * c->at[i].used;
    for (size_t i = 0; st == SOLVED && i < c->row.n; i++)
        if (row_in(c, &c->row.at[i], part, id) && !row_holds(c, &c->row.at[i]))
            st = SOLVED_NONE; /* outside the solver's tolerance */
    free(x);
    free(col);
    lp_done(&lp);
    return st;
}

static void explain_part(const struct chan *c, const int *part, int id, char *reason)
{
    struct str s = {0};
    int shown = 0;
    str_add(&s, "no widths fit the channel sums at");
    for (size_t i = 0; i < c->row.n && shown < 4; i++) {
        char name[64];
        if (row_in(c, &c->row.at[i], part, id))
            str_addf(&s, "%s %s", shown++ ? "," : "",
                     node_quoted(c->m->g, c->row.at[i].node, name, sizeof name));
    }
    reason_set(reason, "%s", str_text(&s));
    str_done(&s);
}

static enum solved place_part(struct chan *c, const int *part, int id, const struct limits *lim)
{
    if (try_nearest(c, part, id))
        return SOLVED;
    for (int i = 0; i < c->n_cls; i++) {
        const struct chan_class *k = &c->at[i];
        if (!k->known && part[i] == id && k->hi / k->used * k->used < k->lo)
            return SOLVED_NONE; /* the program could not say so */
    }
    return program(c, part, id, lim);
}

static enum solved solve_part(struct chan *c, const int *part, int id, const struct limits *lim,
                              char *reason)
{
    bool eased = false;
    for (int i = 0; i < c->n_cls; i++)
        if (!c->at[i].known && part[i] == id) {
            eased |= c->at[i].soft != c->at[i].mult;
            c->at[i].used = c->at[i].soft;
        }
    enum solved st = place_part(c, part, id, lim);
    for (int i = 0; i < c->n_cls && st == SOLVED_NONE; i++)
        if (!c->at[i].known && part[i] == id)
            c->at[i].used = c->at[i].mult;
    if (st == SOLVED_NONE && eased)
        st = place_part(c, part, id, lim);
    if (st == SOLVED_NONE)
        explain_part(c, part, id, reason);
    return st;
}

/* A width by itself, without the walks over all classes that a part of several needs. */
static bool place_single(struct chan_class *k)
{
    k->used = k->soft;
    k->size = nearest(k);
    if (!k->size) {
        k->used = k->mult;
        k->size = nearest(k);
    }
    return k->size != 0;
}

static bool *mark_in_rows(const struct chan *c)
{
    bool *mark = x_calloc((size_t)c->n_cls + 1, sizeof *mark);
    for (size_t i = 0; i < c->row.n; i++)
        for (size_t t = 0; t < c->row.at[i].term.n; t++)
            mark[c->row.at[i].term.at[t].v] = true;
    return mark;
}

enum solved chan_place(struct chan *c, const int *part, int id, const struct limits *lim)
{
    enum solved st = limits_check(lim);
    return st == SOLVED ? place_part(c, part, id, lim) : st;
}

double chan_cost(const struct chan *c)
{
    double cost = 0;
    for (int i = 0; i < c->n_cls; i++)
        if (!c->at[i].fixed)
            cost += c->at[i].weight * fabs((double)(c->at[i].size - c->at[i].want));
    return cost;
}

enum solved chan_solve(struct chan *c, const struct limits *lim, double *cost, char *reason)
{
    int *part = chan_parts(c);
    bool *in_rows = mark_in_rows(c);
    enum solved st = SOLVED;
    for (int i = 0; i < c->n_cls && st == SOLVED; i++) {
        if (c->at[i].known || part[i] != i)
            continue;
        st = limits_check(lim);
        if (st == SOLVED && (in_rows[i] || !place_single(&c->at[i])))
            st = solve_part(c, part, i, lim, reason);
    }
    *cost = st == SOLVED ? chan_cost(c) : 0;
    free(in_rows);
    free(part);
    return st;
}
