/* Exact optimisation over small sets of sizes by eliminating one class after the other (bucket
 * elimination, Dechter 1999), the one with the smallest table first. Networks are nearly
 * series-parallel, so tables stay small; where one would not, the problem is split on the values
 * of its best-connected class, which keeps the answer exact. */
#include "mend/mend_priv.h"

#define MAX_TABLE ((int64_t)1 << 21)
#define MAX_SCOPE 24
#define SMALL_TABLE 128

struct table {
    int n, var[MAX_SCOPE];
    int64_t step[MAX_SCOPE]; /* distance in `cost` of neighbouring values of var[i] */
    int64_t *cost;
    bool used; /* replaced by the table of an eliminated class */
};

struct index {
    VEC(int) at;
};

struct elim {
    const struct axis_problem *p;
    const struct limits *lim;
    struct dom *dom; /* private copy of the headers; sizes are borrowed */
    VEC(struct table) table;
    struct index *of; /* for each class the tables it is in, used ones too */
    VEC(int) order;   /* eliminated classes */
    VEC(int) bucket;  /* for each of them the tables it was in, -1 between classes */
    int64_t base;     /* cost of what has no choice */
    bool too_wide;
};

static int64_t plus(int64_t a, int64_t b)
{
    return a == COST_NEVER || b == COST_NEVER ? COST_NEVER : a + b;
}

static int scope_at(const struct table *t, int var)
{
    for (int i = 0; i < t->n; i++)
        if (t->var[i] == var)
            return i;
    return -1;
}

/* Steps for the scope; the number of entries, or 0 when the table would be too large. */
static int64_t lay_out(const struct elim *e, struct table *t)
{
    int64_t size = 1;
    for (int i = 0; i < t->n; i++) {
        t->step[i] = size;
        size *= e->dom[t->var[i]].n;
        if (size > MAX_TABLE)
            return 0;
    }
    return size;
}

/* Next assignment of the scope (an odometer); false after the last. */
static bool next(const struct elim *e, const struct table *t, int *digit)
{
    for (int i = 0; i < t->n; i++) {
        if (++digit[i] < e->dom[t->var[i]].n)
            return true;
        digit[i] = 0;
    }
    return false;
}

/* Takes t->cost. A table of no class is a cost that nothing changes. */
static void add_table(struct elim *e, const struct table *t)
{
    if (!t->n) {
        e->base = plus(e->base, t->cost[0]);
        free(t->cost);
        return;
    }
    for (int i = 0; i < t->n; i++)
        vec_push(&e->of[t->var[i]].at, (int)e->table.n);
    vec_push(&e->table, *t);
}

static void add_rel_table(struct elim *e, const struct rel *r)
{
    struct table t = {0};
    int64_t x[3] = {0};
    for (int i = 0; i < r->n; i++)
        if (e->dom[r->c[i]].n > 1 && scope_at(&t, r->c[i]) < 0)
            t.var[t.n++] = r->c[i];
    int64_t size = lay_out(e, &t), at = 0;
    if (!size) {
        e->too_wide = true;
        return;
    }
    t.cost = x_malloc((size_t)size * sizeof *t.cost);
    int digit[MAX_SCOPE] = {0};
    do {
        for (int i = 0; i < r->n; i++) {
            int k = scope_at(&t, r->c[i]);
            x[i] = e->dom[r->c[i]].at[k < 0 ? 0 : digit[k]];
        }
        t.cost[at++] = rel_cost(e->p, r, x);
    } while (next(e, &t, digit));
    add_table(e, &t);
}

/* The scope that remains when `var` is eliminated; its size, 0 when too large. */
static int64_t joint_scope(const struct elim *e, int var, struct table *joint)
{
    joint->n = 0;
    for (size_t i = 0; i < e->of[var].at.n; i++) {
        const struct table *t = &e->table.at[e->of[var].at.at[i]];
        if (t->used)
            continue;
        for (int k = 0; k < t->n; k++) {
            if (t->var[k] == var || scope_at(joint, t->var[k]) >= 0)
                continue;
            if (joint->n == MAX_SCOPE - 1)
                return 0;
            joint->var[joint->n++] = t->var[k];
        }
    }
    return lay_out(e, joint);
}

static int64_t entry(const struct elim *e, const struct table *t, const int *pick)
{
    int64_t at = 0;
    (void)e;
    for (int i = 0; i < t->n; i++)
        at += t->step[i] * pick[t->var[i]];
    return t->cost[at];
}

/* Smallest sum over the values of `var`, the others as in `pick`. */
static int64_t best_value(const struct elim *e, int var, const int *bucket, int n, int *pick,
                          int *value)
{
    int64_t best = COST_NEVER;
    *value = 0;
    /* From the largest size down: among equals, resolution is kept. */
    for (int v = e->dom[var].n - 1; v >= 0; v--) {
        int64_t sum = 0;
        pick[var] = v;
        for (int i = 0; i < n && sum != COST_NEVER; i++)
            sum = plus(sum, entry(e, &e->table.at[bucket[i]], pick));
        if (sum < best) {
            best = sum;
            *value = v;
        }
    }
    return best;
}

static enum solved eliminate(struct elim *e, int var, struct table *joint, int64_t size, int *pick)
{
    size_t first = e->bucket.n;
    for (size_t i = 0; i < e->of[var].at.n; i++) {
        int at_table = e->of[var].at.at[i];
        if (e->table.at[at_table].used)
            continue;
        e->table.at[at_table].used = true;
        vec_push(&e->bucket, at_table);
    }
    int n = (int)(e->bucket.n - first), digit[MAX_SCOPE] = {0}, value;
    int64_t at = 0;
    joint->used = false;
    joint->cost = x_malloc((size_t)size * sizeof *joint->cost);
    do {
        for (int i = 0; i < joint->n; i++)
            pick[joint->var[i]] = digit[i];
        joint->cost[at] = best_value(e, var, &e->bucket.at[first], n, pick, &value);
        if (++at % 1024 == 0 && limits_check(e->lim) != SOLVED) {
            free(joint->cost);
            return limits_check(e->lim);
        }
    } while (next(e, joint, digit));
    vec_push(&e->bucket, -1);
    vec_push(&e->order, var);
    add_table(e, joint);
    return SOLVED;
}

/* Eliminates all classes that have a choice. */
static enum solved sweep(struct elim *e, int *pick)
{
    VEC(int) left = {0};
    enum solved st = SOLVED;
    for (int c = 0; c < e->p->n_cls; c++)
        if (e->dom[c].n > 1)
            vec_push(&left, c);
    while (left.n && st == SOLVED && e->base != COST_NEVER) {
        struct table joint, best = {0};
        int64_t best_size = 0;
        size_t at = 0;
        for (size_t i = 0; i < left.n; i++) {
            int64_t size = joint_scope(e, left.at[i], &joint);
            if (size && (!best_size || size < best_size)) {
                best = joint;
                best_size = size;
                at = i;
            }
            if (best_size && best_size <= SMALL_TABLE)
                break;
        }
        if (!best_size) {
            e->too_wide = true;
            break;
        }
        st = eliminate(e, left.at[at], &best, best_size, pick);
        for (; at + 1 < left.n; at++)
            left.at[at] = left.at[at + 1];
        left.n--;
    }
    vec_done(&left);
    return st;
}

/* The values behind the minimum, classes in reverse order of elimination. */
static void trace_back(const struct elim *e, int *pick)
{
    size_t end = e->bucket.n;
    for (size_t i = e->order.n; i-- > 0;) {
        size_t first = --end; /* the -1 that closes this bucket */
        int value;
        while (first > 0 && e->bucket.at[first - 1] >= 0)
            first--;
        best_value(e, e->order.at[i], &e->bucket.at[first], (int)(end - first), pick, &value);
        pick[e->order.at[i]] = value;
        end = first;
    }
}

static enum solved solve(const struct axis_problem *p, struct dom *dom, const struct limits *lim,
                         int *pick, int64_t *cost);

/* Too wide: every value of the class in most relations, one after the other. */
static enum solved split(const struct axis_problem *p, struct dom *dom, const struct limits *lim,
                         int *pick, int64_t *cost)
{
    int *seen = x_calloc((size_t)p->n_cls + 1, sizeof *seen);
    int *trial = x_calloc((size_t)p->n_cls + 1, sizeof *trial), var = -1;
    for (size_t i = 0; i < p->rel.n; i++)
        for (int k = 0; k < p->rel.at[i].n; k++) {
            int c = p->rel.at[i].c[k];
            seen[c]++;
            if (dom[c].n > 1 && (var < 0 || seen[c] > seen[var]))
                var = c;
        }
    struct dom whole = dom[var];
    enum solved st = SOLVED;
    *cost = COST_NEVER;
    for (int v = 0; v < whole.n && (st == SOLVED || st == SOLVED_NONE); v++) {
        int64_t found;
        dom[var] = (struct dom){1, whole.at + v, whole.most};
        st = solve(p, dom, lim, trial, &found);
        if (st == SOLVED && found < *cost) {
            *cost = found;
            memcpy(pick, trial, (size_t)p->n_cls * sizeof *pick);
            pick[var] = v;
        }
    }
    dom[var] = whole;
    free(seen);
    free(trial);
    if (st == SOLVED || st == SOLVED_NONE)
        st = *cost == COST_NEVER ? SOLVED_NONE : SOLVED;
    return st;
}

static enum solved solve(const struct axis_problem *p, struct dom *dom, const struct limits *lim,
                         int *pick, int64_t *cost)
{
    struct elim e = {.p = p, .lim = lim, .dom = dom};
    enum solved st = limits_check(lim);
    e.of = x_calloc((size_t)p->n_cls + 1, sizeof *e.of);
    memset(pick, 0, (size_t)p->n_cls * sizeof *pick);
    for (size_t i = 0; i < p->rel.n && !e.too_wide && e.base != COST_NEVER; i++)
        add_rel_table(&e, &p->rel.at[i]);
    if (st == SOLVED && !e.too_wide && e.base != COST_NEVER)
        st = sweep(&e, pick);
    *cost = e.base;
    if (st == SOLVED && !e.too_wide && e.base == COST_NEVER)
        st = SOLVED_NONE;
    if (st == SOLVED && !e.too_wide)
        trace_back(&e, pick);
    for (size_t i = 0; i < e.table.n; i++)
        free(e.table.at[i].cost);
    for (int c = 0; c < p->n_cls; c++)
        vec_done(&e.of[c].at);
    free(e.of);
    vec_done(&e.table);
    vec_done(&e.order);
    vec_done(&e.bucket);
    return st == SOLVED && e.too_wide ? split(p, dom, lim, pick, cost) : st;
}

enum solved elim_solve(const struct axis_problem *p, const struct limits *lim, int *pick,
                       int64_t *cost)
{
    struct dom *dom = x_memdup(p->dom, ((size_t)p->n_cls + 1) * sizeof *dom);
    enum solved st = solve(p, dom, lim, pick, cost);
    free(dom);
    return st;
}
