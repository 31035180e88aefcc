/* Channels: classes of equal width (union-find), linear rows between classes (concat, split,
 * depth-to-space, channel multipliers, flatten), divisibility by groups. What is fixed propagates
 * through the rows; free classes take the width they want; what remains coupled is an integer
 * program of a few columns for each connected part. */
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

/* A tensor that broadcasts keeps its one channel, unless something fixes another width: then it
 * has to be the full width. Repeated, because one decision may fix another's tensor. */
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
            if (p == o || !u->by[p] || u->by[p]->k == 1)
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

static int64_t gcd64(int64_t a, int64_t b)
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

static int64_t wanted(double ratio, int64_t was)
{
    if (fabs(ratio - 1) < 1e-12)
        return was;
    int64_t step = was % 8 == 0 ? 8 : 1;
    /* A hair above one half, so that halves go up whatever the last bit of the ratio. */
    int64_t want = (int64_t)floor((double)was * ratio / (double)step + 0.5 + 1e-9) * step;
    return want < step ? step : want > MEND_MAX_CHANNELS ? MEND_MAX_CHANNELS : want;
}

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
    for (int i = 0; i < c->n_cls; i++) {
        struct chan_class *k = &c->at[i];
        k->want = wanted(m->ratio, k->was);
        k->soft = k->was % 8 == 0 ? lcm64(8, k->mult) : k->mult;
        k->used = k->known ? 1 : k->soft;
        if (!k->weight)
            k->weight = 1;
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

/* ---- propagation ---- */

/* What the unknown classes of a row have to add up to, and how many they are. */
static int64_t row_rest(const struct chan *c, const struct chan_row *r, int *n_open, size_t *open)
{
    int64_t rest = r->k;
    *n_open = 0;
    for (size_t t = 0; t < r->term.n; t++) {
        const struct chan_class *k = &c->at[r->term.at[t].v];
        if (k->known) {
            rest -= r->term.at[t].coef * k->size;
        } else {
            ++*n_open;
            *open = t;
        }
    }
    return rest;
}

static bool width_allowed(const struct chan_class *k, int64_t size)
{
    return size >= 1 && size <= MEND_MAX_CHANNELS && size % k->mult == 0;
}

static void explain_row(const struct chan *c, const struct chan_row *r, char *reason)
{
    char name[64];
    const struct node *n = graph_node(c->m->g, r->node);
    node_quoted(c->m->g, r->node, name, sizeof name);
    int64_t plus = 0, minus = 0;
    bool open = false;
    for (size_t t = 0; t < r->term.n; t++) {
        const struct chan_class *k = &c->at[r->term.at[t].v];
        int64_t part = r->term.at[t].coef * k->size;
        open |= !k->known;
        if (k->known)
            *(part > 0 ? &plus : &minus) += part > 0 ? part : -part;
    }
    if (n->op == OP_CONCAT || n->op == OP_SPLIT)
        reason_set(reason, "the parts of %s have %s%lld channels, but together they must have %lld",
                   name, open ? "at least " : "", (long long)plus, (long long)minus);
    else
        reason_set(reason,
                   "the channels before and after %s (%.24s) do not fit each other: "
                   "%lld against %lld%s",
                   name, node_op_type(n), (long long)plus, (long long)minus,
                   open ? ", and no multiple of its groups or blocks is between" : "");
}

static enum solved propagate(struct chan *c, char *reason)
{
    bool changed = true;
    while (changed) {
        changed = false;
        for (size_t i = 0; i < c->row.n; i++) {
            const struct chan_row *r = &c->row.at[i];
            int n_open;
            size_t open = 0;
            int64_t rest = row_rest(c, r, &n_open, &open), step = 0;
            for (size_t t = 0; t < r->term.n; t++)
                if (!c->at[r->term.at[t].v].known)
                    step = gcd64(step, r->term.at[t].coef * c->at[r->term.at[t].v].mult);
            if (step ? rest % step != 0 : rest != 0) {
                explain_row(c, r, reason);
                return SOLVED_NONE;
            }
            if (n_open != 1)
                continue;
            struct chan_class *k = &c->at[r->term.at[open].v];
            k->size = rest / r->term.at[open].coef;
            if (!width_allowed(k, k->size)) {
                explain_row(c, r, reason);
                return SOLVED_NONE;
            }
            k->known = changed = true;
            k->used = k->mult;
        }
    }
    return SOLVED;
}

/* A fixed width that the groups of a convolution do not divide. */
static enum solved check_groups(const struct chan *c, char *reason)
{
    const struct model *m = c->m;
    for (size_t i = 0; i < m->con.n; i++) {
        const struct con *con = &m->con.at[i];
        char name[64], who[96] = "it";
        if (con->kind != CON_DIV)
            continue;
        const struct chan_class *k = &c->at[c->cls[m->term.at[con->first].v]];
        if (!k->known || k->size % con->k == 0)
            continue;
        if (k->by)
            con_who(m, k->by, who, sizeof who);
        reason_set(reason,
                   "%s has %lld groups, which do not divide the %lld channels that %.80s "
                   "needs",
                   node_quoted(m->g, con->node, name, sizeof name), (long long)con->k,
                   (long long)k->size, who);
        return SOLVED_NONE;
    }
    for (int i = 0; i < c->n_cls; i++)
        if (c->at[i].fixed && c->at[i].size > MEND_MAX_CHANNELS) {
            reason_set(reason, "%lld channels are more than %d", (long long)c->at[i].size,
                       MEND_MAX_CHANNELS);
            return SOLVED_NONE;
        } else if (!c->at[i].known && c->at[i].mult > MEND_MAX_CHANNELS) {
            reason_set(reason, "no width is a multiple of all group counts that share it");
            return SOLVED_NONE;
        }
    return SOLVED;
}

enum solved chan_init(struct chan *c, const struct model *m, char *reason)
{
    memset(c, 0, sizeof *c);
    c->m = m;
    struct merge u = {.m = m, .reason = reason};
    u.up = x_calloc((size_t)m->n_val + 1, sizeof *u.up);
    u.by = x_calloc((size_t)m->n_val + 1, sizeof *u.by);
    enum solved st = merge_all(&u) ? SOLVED : SOLVED_NONE;
    if (st == SOLVED) {
        make_classes(c, &u);
        make_rows(c);
        st = check_groups(c, reason);
    }
    if (st == SOLVED)
        st = propagate(c, reason);
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
