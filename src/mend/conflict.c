/* Why there is no repair: an irreducible infeasible subset of the constraints along one axis. The
 * sizes before satisfy whatever a node asks, so every conflict holds a port, a pin or a bound.
 *
 * Whether some parts can be met together is asked often and solved seldom. Parts that share no
 * tensor do not depend on each other, so each connected component is a question of its own; and a
 * solution found once (the sizes before are the first) answers every component it satisfies. */
#include "mend/mend_priv.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_WITNESS 64

struct cpart {
    struct mend_part id;
    VEC(int) con;
    VEC(int) val;      /* the tensors it speaks of */
    uint64_t met_by;   /* bit set of the witnesses that satisfy it */
    int distance;      /* from the part that made the prefix infeasible */
    bool keep, marked; /* scratch */
};

struct conflict {
    const struct model *m;
    int axis;
    struct limits lim;
    VEC(struct cpart) part;
    int *up;       /* of a value: union-find */
    int64_t *size; /* of the last solution */
    int n_witness;
    bool unsure; /* time ran out in some question */
};

/* A set of parts, by index. */
struct set {
    VEC(int) at;
};

/* ---- the parts ---- */

static struct cpart *find_part(struct conflict *c, struct mend_part id)
{
    for (size_t i = c->part.n; i-- > 0;)
        if (part_equal(&c->part.at[i].id, &id))
            return &c->part.at[i];
    struct cpart fresh = {.id = id};
    vec_push(&c->part, fresh);
    return &c->part.at[c->part.n - 1];
}

static void list_parts(struct conflict *c)
{
    const struct model *m = c->m;
    for (int i = 0; c->axis == AXIS_C && i < m->opts->n_bound; i++) {
        int32_t id = m->opts->bound[i].node;
        struct cpart *p = find_part(c, (struct mend_part){MEND_PART_BOUND, MEND_AXIS_C, id});
        const struct node *n = graph_node(m->g, id);
        if (n && n->n_out)
            vec_push(&p->val, m->base[id]);
    }
    for (size_t i = 0; i < m->con.n; i++) {
        const struct con *con = &m->con.at[i];
        if (con->axis != c->axis)
            continue;
        struct cpart *p = find_part(c, con_part(con));
        vec_push(&p->con, (int)i);
        for (int t = 0; t < con->n; t++)
            vec_push(&p->val, m->term.at[con->first + t].v);
    }
}

static bool is_node(const struct cpart *p)
{
    return p->id.kind == MEND_PART_NODE;
}

/* ---- witnesses ---- */

static bool con_met(const struct model *m, const struct con *c, const int64_t *size)
{
    const struct term *t = &m->term.at[c->first];
    int64_t a = size[t[0].v], b = c->n > 1 ? size[t[1].v] : 0, sum = 0;
    for (int i = 0; i < c->n; i++)
        sum += t[i].coef * size[t[i].v];
    switch (c->kind) {
    case CON_EQ:
        return a == b;
    case CON_FIX:
        return a == c->k;
    case CON_LIN:
        return sum == c->k;
    case CON_DIV:
        return a % c->k == 0;
    case CON_BCAST:
        return a == 1 || a == b;
    case CON_WINDOW:
        return win_stride(&m->win.at[c->win], c->axis, a, b) != 0;
    case CON_SCALE:
        return (int64_t)((double)a * c->scale) == b;
    }
    return false;
}

static bool part_met(const struct conflict *c, const struct cpart *p)
{
    const struct mend_opts *o = c->m->opts;
    for (size_t i = 0; i < p->con.n; i++)
        if (!con_met(c->m, &c->m->con.at[p->con.at[i]], c->size))
            return false;
    for (int i = 0; p->id.kind == MEND_PART_BOUND && i < o->n_bound; i++) {
        const struct mend_bound *b = &o->bound[i];
        if (b->node == p->id.node &&
            (!p->val.n || c->size[p->val.at[0]] < b->lo || c->size[p->val.at[0]] > b->hi))
            return false;
    }
    for (size_t i = 0; i < p->val.n && c->axis == AXIS_C; i++)
        if (c->size[p->val.at[i]] > MEND_MAX_CHANNELS)
            return false;
    return true;
}

/* Records c->size; the oldest makes room. */
static void add_witness(struct conflict *c)
{
    uint64_t bit = (uint64_t)1 << c->n_witness++ % MAX_WITNESS;
    for (size_t i = 0; i < c->part.n; i++) {
        struct cpart *p = &c->part.at[i];
        p->met_by = part_met(c, p) ? p->met_by | bit : p->met_by & ~bit;
    }
}

static void sizes_before(struct conflict *c)
{
    for (int v = 0; v < c->m->n_val; v++)
        c->size[v] = c->m->val[v].was[c->axis];
}

/* ---- questions ---- */

static int root(struct conflict *c, int v)
{
    while (c->up[v] != v)
        v = c->up[v] = c->up[c->up[v]];
    return v;
}

static void unite(struct conflict *c, const struct set *s)
{
    for (int v = 0; v < c->m->n_val; v++)
        c->up[v] = v;
    for (size_t i = 0; i < s->at.n; i++) {
        const struct cpart *p = &c->part.at[s->at.at[i]];
        for (size_t k = 1; k < p->val.n; k++)
            c->up[root(c, p->val.at[k])] = root(c, p->val.at[0]);
    }
}

static int component(struct conflict *c, const struct cpart *p)
{
    return p->val.n ? root(c, p->val.at[0]) : -1;
}

/* The model of the parts marked `keep`, to be freed with unrestrict. */
static struct model restrict_to_kept(const struct conflict *c)
{
    struct model k = *c->m;
    const struct mend_opts *o = c->m->opts;
    memset(&k.con, 0, sizeof k.con);
    k.bound = x_calloc((size_t)o->n_bound + 1, sizeof *k.bound);
    k.own = *o;
    k.own.bound = k.bound;
    k.own.n_bound = 0;
    for (size_t i = 0; i < c->part.n; i++) {
        const struct cpart *p = &c->part.at[i];
        for (size_t n = 0; p->keep && n < p->con.n; n++)
            vec_push(&k.con, c->m->con.at[p->con.at[n]]);
        for (int b = 0; p->keep && p->id.kind == MEND_PART_BOUND && b < o->n_bound; b++)
            if (o->bound[b].node == p->id.node)
                k.bound[k.own.n_bound++] = o->bound[b];
    }
    return k;
}

static void unrestrict(struct model *k)
{
    vec_done(&k->con);
    free(k->bound);
}

/* Solves the parts marked `keep`, which are one component. */
static enum solved solve_kept(struct conflict *c)
{
    struct model k = restrict_to_kept(c);
    k.opts = &k.own;
    int64_t *found = x_calloc((size_t)c->m->n_val + 1, sizeof *found);
    enum solved st = loose_solve(&k, c->axis, &c->lim, found);
    if (st == SOLVED) {
        sizes_before(c);
        for (size_t i = 0; i < c->part.n; i++) {
            const struct cpart *p = &c->part.at[i];
            for (size_t n = 0; p->keep && n < p->val.n; n++)
                c->size[p->val.at[n]] = found[p->val.at[n]];
        }
        add_witness(c);
    }
    free(found);
    unrestrict(&k);
    return st;
}

/* Whether the parts can be met together. SOLVED_NONE: no, and *s has become the component that
 * cannot. SOLVED_TIMEOUT: not known. */
static enum solved ask(struct conflict *c, struct set *s)
{
    enum solved answer = SOLVED;
    unite(c, s);
    for (size_t i = 0; i < s->at.n; i++)
        c->part.at[s->at.at[i]].marked = false;
    for (size_t i = 0; i < s->at.n; i++) {
        if (c->part.at[s->at.at[i]].marked)
            continue;
        int id = component(c, &c->part.at[s->at.at[i]]);
        uint64_t met = ~(uint64_t)0;
        for (size_t k = 0; k < c->part.n; k++)
            c->part.at[k].keep = false;
        for (size_t k = i; k < s->at.n; k++) {
            struct cpart *p = &c->part.at[s->at.at[k]];
            if (component(c, p) != id || (id < 0 && k != i))
                continue;
            p->keep = p->marked = true;
            met &= p->met_by;
        }
        if (met)
            continue;
        enum solved st = solve_kept(c);
        if (st == SOLVED_NONE) {
            size_t n = 0;
            for (size_t k = 0; k < s->at.n; k++)
                if (c->part.at[s->at.at[k]].keep)
                    s->at.at[n++] = s->at.at[k];
            s->at.n = n;
            return st;
        }
        if (st == SOLVED_CANCELLED)
            return st;
        c->unsure |= st == SOLVED_TIMEOUT;
        answer = st == SOLVED ? answer : st;
    }
    return answer;
}

/* ---- the search for a small set ---- */

static void set_copy(struct set *to, const struct set *from, size_t n)
{
    to->at.n = 0;
    for (size_t i = 0; i < n; i++)
        vec_push(&to->at, from->at.at[i]);
}

/* Cuts *s, which is infeasible, to its shortest infeasible prefix; the part that ends it is put
 * first. Supersets of an infeasible set are infeasible, so halving finds it. */
static enum solved cut_prefix(struct conflict *c, struct set *s)
{
    struct set trial = {{0}};
    size_t lo = 1, hi = s->at.n;
    enum solved st = SOLVED;
    while (lo < hi && st != SOLVED_CANCELLED) {
        size_t mid = (lo + hi) / 2;
        set_copy(&trial, s, mid);
        st = ask(c, &trial);
        if (st == SOLVED_NONE)
            hi = mid;
        else
            lo = mid + 1;
    }
    if (st != SOLVED_CANCELLED) {
        int last = s->at.at[hi - 1];
        memmove(s->at.at + 1, s->at.at, (hi - 1) * sizeof *s->at.at);
        s->at.at[0] = last;
        s->at.n = hi;
        st = SOLVED;
    }
    vec_done(&trial.at);
    return st;
}

/* Orders the parts by their distance from the first one over shared tensors, so that a short way
 * between two numbers is found before a long one. */
static void order_by_distance(struct conflict *c, struct set *s)
{
    bool *near = x_calloc((size_t)c->m->n_val + 1, sizeof *near);
    size_t done = 1;
    struct cpart *first = &c->part.at[s->at.at[0]];
    first->distance = 0;
    for (size_t i = 0; i < first->val.n; i++)
        near[first->val.at[i]] = true;
    for (int d = 1; done < s->at.n; d++) {
        size_t level = done;
        for (size_t i = level; i < s->at.n; i++) {
            struct cpart *p = &c->part.at[s->at.at[i]];
            bool touches = false;
            for (size_t k = 0; k < p->val.n; k++)
                touches |= near[p->val.at[k]];
            if (!touches)
                continue;
            int at = s->at.at[i]; /* the order among equals stays */
            memmove(s->at.at + done + 1, s->at.at + done, (i - done) * sizeof *s->at.at);
            s->at.at[done++] = at;
            p->distance = d;
        }
        if (done == level)
            break; /* the rest hangs together with nothing here */
        for (size_t i = level; i < done; i++) {
            const struct cpart *p = &c->part.at[s->at.at[i]];
            for (size_t k = 0; k < p->val.n; k++)
                near[p->val.at[k]] = true;
        }
    }
    s->at.n = done;
    free(near);
}

/* Leaves out what can be left out, one part after the other, what is far away first; `nodes`: of
 * the nodes, else of the other parts. */
static enum solved drop_needless(struct conflict *c, struct set *s, bool nodes)
{
    struct set order = {{0}}, trial = {{0}};
    enum solved st = SOLVED;
    set_copy(&order, s, s->at.n);
    for (size_t i = order.at.n; i-- > 0 && st != SOLVED_CANCELLED;) {
        int drop = order.at.at[i];
        bool there = false;
        trial.at.n = 0;
        for (size_t k = 0; k < s->at.n; k++) {
            there |= s->at.at[k] == drop;
            if (s->at.at[k] != drop)
                vec_push(&trial.at, s->at.at[k]);
        }
        if (!there || is_node(&c->part.at[drop]) != nodes)
            continue;
        st = ask(c, &trial);
        if (st == SOLVED_NONE)
            set_copy(s, &trial, trial.at.n);
    }
    vec_done(&order.at);
    vec_done(&trial.at);
    return st == SOLVED_CANCELLED ? st : SOLVED;
}

/* Ports are tried before nodes: the solutions without them answer most questions about nodes. */
static enum solved minimize(struct conflict *c, struct set *s)
{
    c->unsure = false;
    enum solved st = cut_prefix(c, s);
    if (st == SOLVED) {
        order_by_distance(c, s);
        st = cut_prefix(c, s);
    }
    if (st == SOLVED) {
        order_by_distance(c, s);
        st = drop_needless(c, s, false);
    }
    return st == SOLVED ? drop_needless(c, s, true) : st;
}

/* ---- the report ---- */

static int by_index(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static void report(struct conflict *c, struct set *s, struct mend_conflict *out)
{
    qsort(s->at.at, s->at.n, sizeof *s->at.at, by_index);
    out->part = x_calloc(s->at.n + 1, sizeof *out->part);
    for (size_t i = 0; i < c->part.n; i++)
        c->part.at[i].keep = false;
    for (size_t i = 0; i < s->at.n; i++) {
        c->part.at[s->at.at[i]].keep = true;
        out->part[out->n++] = c->part.at[s->at.at[i]].id;
    }
    out->minimal = !c->unsure;
    struct model k = restrict_to_kept(c);
    k.opts = &k.own;
    conflict_text(&k, c->axis, out->text, sizeof out->text);
    unrestrict(&k);
}

/* SOLVED: the constraints along the axis can be met; SOLVED_NONE: *out says why not. */
static enum solved explain_axis(const struct model *m, int axis, const struct limits *lim,
                                struct mend_conflict *out)
{
    struct conflict c = {.m = m, .axis = axis, .lim = *lim};
    struct set all = {{0}};
    c.up = x_calloc((size_t)m->n_val + 1, sizeof *c.up);
    c.size = x_calloc((size_t)m->n_val + 1, sizeof *c.size);
    list_parts(&c);
    sizes_before(&c);
    add_witness(&c);
    for (size_t i = 0; i < c.part.n; i++)
        vec_push(&all.at, (int)i);
    enum solved st = ask(&c, &all);
    if (st == SOLVED_NONE && minimize(&c, &all) == SOLVED_CANCELLED)
        st = SOLVED_CANCELLED;
    if (st == SOLVED_NONE)
        report(&c, &all, out);
    for (size_t i = 0; i < c.part.n; i++) {
        vec_done(&c.part.at[i].con);
        vec_done(&c.part.at[i].val);
    }
    vec_done(&c.part);
    vec_done(&all.at);
    free(c.up);
    free(c.size);
    return st;
}

/* Every axis can be met: what remains are limits on the whole, and time. */
static enum status explain_rest(const struct graph *frag, const struct ttype *need_in,
                                const struct ttype *need_out, const struct mend_opts *opts,
                                const struct limits *lim, struct mend_conflict *out,
                                struct err *err)
{
    struct mend_opts rest = *opts;
    struct mend_plan p;
    double left = (lim->until_ms - clock_ms()) / 1e3;
    rest.time_limit_s = left > 1e-3 ? left : 1e-3;
    TRY(mend_fragment(frag, need_in, need_out, &rest, &p, err));
    bool found = p.result == MEND_UNCHANGED || p.result == MEND_REPAIRED;
    if (!found)
        snprintf(out->text, sizeof out->text, "%s", p.reason);
    mend_plan_done(&p);
    return found ? err_set(err, ST_NO, "there is a repair") : ST_OK;
}

enum status mend_explain(const struct graph *frag, const struct ttype *need_in,
                         const struct ttype *need_out, const struct mend_opts *opts,
                         struct mend_conflict *out, struct err *err)
{
    double limit = opts->time_limit_s > 0 ? opts->time_limit_s : 1;
    struct limits lim = {clock_ms() + limit * 1e3, opts->cancel};
    struct mend_opts hard = *opts; /* without what is only wished, or speaks of all axes */
    struct model m;
    char reason[256] = "";
    enum solved st = SOLVED;
    memset(out, 0, sizeof *out);
    hard.n_prefer = hard.multiple = 0;
    hard.max_flops_paper = hard.max_params = 0;
    bool fits = model_init(&m, frag, need_in, need_out, &hard, reason);
    for (int axis = AXIS_C; fits && axis < N_AXES; axis++) {
        if (out->n || st == SOLVED_CANCELLED)
            break;
        /* Loose sizes have a limit that those of a repair have not. */
        m.loose = opts->n_without > 0;
        if (axis == AXIS_C || m.loose || axis_possible(&m, axis, &lim) != SOLVED) {
            m.loose = true;
            st = explain_axis(&m, axis, &lim, out);
        }
    }
    if (!fits) {
        out->part = x_memdup(&m.bad, sizeof m.bad);
        out->n = 1;
        out->minimal = true;
        snprintf(out->text, sizeof out->text, "%s", reason);
    }
    model_done(&m);
    if (st == SOLVED_CANCELLED)
        return err_set(err, ST_CANCELLED, "cancelled");
    return out->n ? ST_OK : explain_rest(frag, need_in, need_out, opts, &lim, out, err);
}

void mend_conflict_done(struct mend_conflict *c)
{
    free(c->part);
    memset(c, 0, sizeof *c);
}
