/* Channels: classes of equal width (union-find), divisibility by groups, bounds and wishes, and the
 * linear rows between classes (concat, split, depth-to-space, channel multipliers, flatten).
 * chan_rows.c propagates what is fixed through the rows, chan_solve.c decides the rest. */
#include "mend/mend_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- union-find with a fixed width for each root ---- */

struct merge {
    const struct model *m;
    int *up;
    const struct con **by; /* of a root: who fixes it */
    char *reason;
};

static int root(struct merge *u, int v)
{
    while (u->up[v] != v)
        v = u->up[v] = u->up[u->up[v]];
    return v;
}

/* Values and the constraints that tie them, walked breadth first from one to the other; the names
 * of the nodes on the way make the reason. */
static int tie_path(const struct model *m, int from, int to, int32_t *node, int max)
{
    int *via = x_calloc((size_t)m->n_val + 1, sizeof *via); /* constraint + 1 */
    int *prev = x_calloc((size_t)m->n_val + 1, sizeof *prev), n = 0;
    VEC(int) todo = {0};
    vec_push(&todo, from);
    via[from] = -1;
    for (size_t at = 0; at < todo.n && !via[to]; at++) {
        for (size_t i = 0; i < m->con.n; i++) {
            const struct con *c = &m->con.at[i];
            if (c->axis != AXIS_C || (c->kind != CON_EQ && c->kind != CON_BCAST))
                continue;
            int a = m->term.at[c->first].v, b = m->term.at[c->first + 1].v;
            int other = a == todo.at[at] ? b : b == todo.at[at] ? a : -1;
            if (other < 0 || via[other])
                continue;
            via[other] = (int)i + 1;
            prev[other] = todo.at[at];
            vec_push(&todo, other);
        }
    }
    for (int v = to; via[v] > 0 && n < max; v = prev[v])
        node[n++] = m->con.at[via[v] - 1].node;
    vec_done(&todo);
    free(via);
    free(prev);
    return n;
}

static void explain_tie(const struct model *m, const struct con *a, const struct con *b,
                        char *reason)
{
    char wa[96], wb[96], name[64], dw[64];
    int32_t path[256], join = -1, depthwise = -1;
    con_who(m, a, wa, sizeof wa);
    con_who(m, b, wb, sizeof wb);
    int n = tie_path(m, m->term.at[a->first].v, m->term.at[b->first].v, path, 256);
    for (int i = 0; i < n; i++) {
        const struct node *node = graph_node(m->g, path[i]);
        if (op_info(node->op)->arity == ARITY_JOIN && node->n_in > 1)
            join = path[i];
        if (node->op == OP_CONV)
            depthwise = path[i];
    }
    char between[128] = "no convolution lies between";
    if (depthwise >= 0)
        snprintf(between, sizeof between, "only the depthwise %s lies between",
                 node_quoted(m->g, depthwise, dw, sizeof dw));
    if (join >= 0)
        reason_set(reason, "%s joins %lld channels (%.60s) and %lld (%.60s), and %.70s",
                   node_quoted(m->g, join, name, sizeof name), (long long)a->k, wa, (long long)b->k,
                   wb, between);
    else
        reason_set(reason, "%.70s needs %lld channels, %.70s needs %lld, and %.80s", wa,
                   (long long)a->k, wb, (long long)b->k, between);
}

static bool fix(struct merge *u, int v, const struct con *c)
{
    int r = root(u, v);
    if (u->by[r] && u->by[r]->k != c->k) {
        explain_tie(u->m, u->by[r], c, u->reason);
        return false;
    }
    if (!u->by[r])
        u->by[r] = c;
    return true;
}

static bool join(struct merge *u, int a, int b)
{
    a = root(u, a);
    b = root(u, b);
    if (a == b)
        return true;
    const struct con *by = u->by[a];
    u->up[a] = b;
    return !by || fix(u, b, by);
}

/* Whether a bound forbids the class of root r a single channel. */
static bool bound_above_one(struct merge *u, int r)
{
    const struct mend_opts *o = u->m->opts;
    for (int i = 0; i < o->n_bound; i++)
        if (o->bound[i].lo > 1 && root(u, u->m->base[o->bound[i].node]) == r)
            return true;
    return false;
}

/* A tensor that broadcasts keeps its one channel, unless something fixes another width or a bound
 * forbids one: then it has to be the full width. Repeated, because one decision may fix another's
 * tensor. */
static bool settle_broadcasts(struct merge *u)
{
    const struct model *m = u->m;
    bool changed = true;
    while (changed) {
        changed = false;
        for (size_t i = 0; i < m->con.n; i++) {
            const struct con *c = &m->con.at[i];
            if (c->kind != CON_BCAST || c->axis != AXIS_C)
                continue;
            int p = root(u, m->term.at[c->first].v), o = root(u, m->term.at[c->first + 1].v);
            if (p == o || (u->by[p] ? u->by[p]->k == 1 : !bound_above_one(u, p)))
                continue;
            if (!join(u, p, o))
                return false;
            changed = true;
        }
    }
    return true;
}

static bool merge_all(struct merge *u)
{
    const struct model *m = u->m;
    for (int v = 0; v < m->n_val; v++)
        u->up[v] = v;
    for (size_t i = 0; i < m->con.n; i++) {
        const struct con *c = &m->con.at[i];
        if (c->axis == AXIS_C && c->kind == CON_EQ)
            join(u, m->term.at[c->first].v, m->term.at[c->first + 1].v);
    }
    for (size_t i = 0; i < m->con.n; i++) {
        const struct con *c = &m->con.at[i];
        if (c->axis == AXIS_C && c->kind == CON_FIX && !fix(u, m->term.at[c->first].v, c))
            return false;
    }
    return settle_broadcasts(u);
}

/* ---- classes ---- */

int64_t gcd64(int64_t a, int64_t b)
{
    a = a < 0 ? -a : a;
    b = b < 0 ? -b : b;
    while (b) {
        int64_t t = a % b;
        a = b;
        b = t;
    }
    return a;
}

static int64_t lcm64(int64_t a, int64_t b)
{
    int64_t l = a / gcd64(a, b) * b;
    return l > MEND_MAX_CHANNELS + 1 ? MEND_MAX_CHANNELS + 1 : l; /* no width is a multiple */
}

/* The width before, scaled like the boundary, a multiple of `step`. */
static int64_t wanted(double ratio, int64_t was, int64_t step)
{
    if (fabs(ratio - 1) < 1e-12)
        return was;
    /* A hair above one half, so that halves go up whatever the last bit of the ratio. */
    int64_t want = (int64_t)floor((double)was * ratio / (double)step + 0.5 + 1e-9) * step;
    return want < step ? step : want > MEND_MAX_CHANNELS ? MEND_MAX_CHANNELS : want;
}

/* The first preference for the class; 0 when there is none. */
static int64_t preferred(const struct chan *c, int cls)
{
    const struct mend_opts *o = c->m->opts;
    for (int i = 0; i < o->n_prefer; i++) {
        const struct mend_pin *p = &o->prefer[i];
        const struct node *n = graph_node(c->m->g, p->node);
        if (n && n->n_out && c->cls[c->m->base[p->node]] == cls)
            return p->channels < 1                   ? 1
                   : p->channels > MEND_MAX_CHANNELS ? MEND_MAX_CHANNELS
                                                     : p->channels;
    }
    return 0;
}

static void set_wishes(struct chan *c)
{
    int64_t multiple = c->m->opts->multiple;
    for (int i = 0; i < c->n_cls; i++) {
        struct chan_class *k = &c->at[i];
        int64_t eight = k->was % 8 == 0 ? 8 : 1, liked = preferred(c, i);
        k->want = liked ? liked : wanted(c->m->ratio, k->was, multiple > 0 ? 1 : eight);
        if (liked % 8 != 0) /* who asks for 13 does not mean 16 */
            eight = 1;
        k->soft = lcm64(multiple > 0 ? multiple : eight, k->mult);
        if (k->hi / k->soft * k->soft < k->lo)
            k->soft = k->mult;
        k->used = k->known ? 1 : k->soft;
        if (!k->weight)
            k->weight = 1;
    }
}

/* ---- bounds ---- */

static bool bounds_usable(const struct model *m, char *reason)
{
    for (int i = 0; i < m->opts->n_bound; i++) {
        const struct mend_bound *b = &m->opts->bound[i];
        const struct node *n = graph_node(m->g, b->node);
        char name[64];
        node_quoted(m->g, b->node, name, sizeof name);
        if (!n || !n->n_out || !m->val[m->base[b->node]].rank) {
            reason_set(reason, "the bound on %s: it has no channels to bound", name);
            return false;
        }
        if (b->lo > b->hi || b->hi < 1 || b->lo > MEND_MAX_CHANNELS) {
            reason_set(reason, "the bound on %s: no width is between %lld and %lld", name,
                       (long long)b->lo, (long long)b->hi);
            return false;
        }
    }
    return true;
}

void bound_words(const struct chan *c, const struct chan_class *k, char *buf, size_t size)
{
    char name[64];
    const struct mend_bound *b = k->by_lo ? k->by_lo : k->by_hi;
    node_quoted(c->m->g, b->node, name, sizeof name);
    snprintf(buf, size, "the bound on %s allows %lld to %lld channels", name, (long long)b->lo,
             (long long)b->hi);
}

/* The intervals of the classes: what all bounds of a class have in common. */
static bool apply_bounds(struct chan *c, char *reason)
{
    const struct mend_opts *o = c->m->opts;
    for (int i = 0; i < c->n_cls; i++) {
        c->at[i].lo = 1;
        c->at[i].hi = MEND_MAX_CHANNELS;
    }
    for (int i = 0; i < o->n_bound; i++) {
        const struct mend_bound *b = &o->bound[i];
        struct chan_class *k = &c->at[c->cls[c->m->base[b->node]]];
        if (b->lo > k->lo) {
            k->lo = b->lo;
            k->by_lo = b;
        }
        if (b->hi < k->hi) {
            k->hi = b->hi;
            k->by_hi = b;
        }
    }
    for (int i = 0; i < c->n_cls; i++) {
        struct chan_class *k = &c->at[i];
        char bound[128], name[64], other[64];
        if (!k->by_lo && !k->by_hi)
            continue;
        bound_words(c, k, bound, sizeof bound);
        if (k->lo > k->hi) {
            reason_set(reason,
                       "%s and %s have the same channels, but one bound asks for at least %lld "
                       "and the other for at most %lld",
                       node_quoted(c->m->g, k->by_lo->node, name, sizeof name),
                       node_quoted(c->m->g, k->by_hi->node, other, sizeof other), (long long)k->lo,
                       (long long)k->hi);
            return false;
        }
        if (k->fixed && (k->size < k->lo || k->size > k->hi)) {
            char who[96];
            reason_set(reason, "%.110s, but %.80s needs %lld", bound,
                       con_who(c->m, k->by, who, sizeof who), (long long)k->size);
            return false;
        }
        if (!k->fixed && k->mult <= MEND_MAX_CHANNELS && k->hi / k->mult * k->mult < k->lo) {
            reason_set(reason, "%.110s, none of them a multiple of %lld as groups ask for", bound,
                       (long long)k->mult);
            return false;
        }
    }
    return true;
}

/* ---- making the classes ---- */

static void make_classes(struct chan *c, struct merge *u)
{
    const struct model *m = c->m;
    c->cls = x_calloc((size_t)m->n_val + 1, sizeof *c->cls);
    c->at = x_calloc((size_t)m->n_val + 1, sizeof *c->at);
    for (int v = 0; v < m->n_val; v++)
        c->cls[v] = -1;
    for (int v = 0; v < m->n_val; v++) {
        if (!m->val[v].rank)
            continue;
        int r = root(u, v);
        if (c->cls[r] < 0) {
            struct chan_class *k = &c->at[c->n_cls];
            c->cls[r] = c->n_cls++;
            k->mult = 1;
            k->was = m->val[r].was[AXIS_C];
            k->by = u->by[r];
            k->fixed = k->known = k->by != NULL;
            k->size = k->by ? k->by->k : 0;
        }
        c->cls[v] = c->cls[r];
        if (graph_node(m->g, m->val[v].node)->op != OP_INPUT)
            c->at[c->cls[v]].weight++;
    }
    for (size_t i = 0; i < m->con.n; i++) {
        const struct con *con = &m->con.at[i];
        if (con->axis != AXIS_C || (con->kind != CON_DIV && con->kind != CON_BCAST))
            continue;
        struct chan_class *k = &c->at[c->cls[m->term.at[con->first].v]];
        if (con->kind == CON_DIV) {
            k->mult = lcm64(k->mult, con->k);
        } else if (!k->known && k->was == 1 && k != &c->at[c->cls[m->term.at[con->first + 1].v]]) {
            k->fixed = k->known = true;
            k->size = 1;
            k->by = con;
        }
    }
}

static void make_rows(struct chan *c)
{
    const struct model *m = c->m;
    for (size_t i = 0; i < m->con.n; i++) {
        const struct con *con = &m->con.at[i];
        if (con->axis != AXIS_C || con->kind != CON_LIN)
            continue;
        struct chan_row r = {.node = con->node, .k = con->k};
        for (int t = 0; t < con->n; t++) {
            struct term term = m->term.at[con->first + t];
            size_t at = 0;
            term.v = c->cls[term.v];
            while (at < r.term.n && r.term.at[at].v != term.v)
                at++;
            if (at < r.term.n)
                r.term.at[at].coef += term.coef;
            else
                vec_push(&r.term, term);
        }
        size_t n = 0;
        for (size_t t = 0; t < r.term.n; t++)
            if (r.term.at[t].coef)
                r.term.at[n++] = r.term.at[t];
        r.term.n = n;
        vec_push(&c->row, r);
    }
}

enum solved chan_init(struct chan *c, const struct model *m, char *reason)
{
    memset(c, 0, sizeof *c);
    c->m = m;
    struct merge u = {.m = m, .reason = reason};
    u.up = x_calloc((size_t)m->n_val + 1, sizeof *u.up);
    u.by = x_calloc((size_t)m->n_val + 1, sizeof *u.by);
    enum solved st = bounds_usable(m, reason) && merge_all(&u) ? SOLVED : SOLVED_NONE;
    if (st == SOLVED) {
        make_classes(c, &u);
        st = apply_bounds(c, reason) ? SOLVED : SOLVED_NONE;
    }
    if (st == SOLVED) {
        set_wishes(c);
        make_rows(c);
        st = chan_propagate(c, reason);
    }
    free(u.up);
    free(u.by);
    return st;
}

void chan_done(struct chan *c)
{
    for (size_t i = 0; i < c->row.n; i++)
        vec_done(&c->row.at[i].term);
    vec_done(&c->row);
    free(c->cls);
    free(c->at);
}
