/* A conflict in one line: who fixes which number, what lies between, and why that cannot change it.
 * One sentence for each form that conflicts take; whatever has none of these forms is listed. */
#include "mend/conflict_text.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- names and numbers ---- */

void words_node(struct words *w, int32_t id)
{
    char name[64];
    const struct node *n = graph_node(w->m->g, id);
    node_quoted(w->m->g, id, name, sizeof name);
    if (n->op == OP_INPUT || n->op == OP_OUTPUT)
        str_addf(&w->s, "%s %s", n->op == OP_INPUT ? "input" : "output", name);
    else if (*node_label(n))
        str_addf(&w->s, "%s (%.24s)", name, node_op_type(n));
    else
        str_add(&w->s, name);
}

void words_name(struct words *w, int32_t id)
{
    char name[64];
    str_add(&w->s, node_quoted(w->m->g, id, name, sizeof name));
}

const char *words_comma(int i, int n, const char *last)
{
    return i == 0 ? "" : i == n - 1 ? last : ", ";
}

void words_nodes(struct words *w, const int32_t *id, int n, bool typed)
{
    int shown = n > CONFLICT_SHOWN ? CONFLICT_SHOWN : n;
    for (int i = 0; i < shown; i++) {
        str_add(&w->s, words_comma(i, n, " and "));
        (typed ? words_node : words_name)(w, id[i]);
    }
    if (n > shown)
        str_addf(&w->s, " and %d more", n - shown);
}

void words_fixer(struct words *w, const struct fixer *f)
{
    if (f->kind == MEND_PART_PIN)
        str_add(&w->s, "the pin on ");
    if (f->kind == MEND_PART_BOUND)
        str_add(&w->s, "the bound on ");
    if (f->kind == MEND_PART_PIN || f->kind == MEND_PART_BOUND)
        words_name(w, f->node);
    else
        words_node(w, f->node);
}

/* "64 channels", "the height 14"; for a bound "8 to 16 channels" */
static void add_amount(struct words *w, const struct fixer *f, bool unit)
{
    if (unit && w->axis != MEND_AXIS_C)
        str_addf(&w->s, "the %s ", mend_axis_name(w->axis));
    if (f->lo == f->hi)
        str_addf(&w->s, "%lld", (long long)f->lo);
    else
        str_addf(&w->s, "%lld to %lld", (long long)f->lo, (long long)f->hi);
    if (unit && w->axis == MEND_AXIS_C)
        str_add(&w->s, f->lo == 1 && f->hi == 1 ? " channel" : " channels");
}

static const char *verb(const struct fixer *f)
{
    static const char *const word[] = {[MEND_PART_INPUT] = "has",
                                       [MEND_PART_OUTPUT] = "needs",
                                       [MEND_PART_PIN] = "asks for",
                                       [MEND_PART_BOUND] = "allows",
                                       [MEND_PART_NODE] = "keeps"};
    return f->one ? "gives" : word[f->kind];
}

void words_demand(struct words *w, const struct fixer *f, bool unit)
{
    words_fixer(w, f);
    str_addf(&w->s, " %s ", verb(f));
    add_amount(w, f, unit);
}

/* ---- the constraints ---- */

int words_end(const struct words *w, const struct con *c, int i)
{
    return w->m->term.at[c->first + i].v;
}

static int count_kind(const struct words *w, enum con_kind kind)
{
    int n = 0;
    for (size_t i = 0; i < w->m->con.n; i++)
        n += con_at(w, i)->kind == kind;
    return n;
}

/* All numbers that are demanded. */
static int list_fixers(const struct words *w, struct fixer *f, int max)
{
    int n = 0;
    for (size_t i = 0; i < w->m->con.n && n < max; i++) {
        const struct con *c = con_at(w, i);
        if (c->kind == CON_FIX)
            f[n++] = (struct fixer){.kind = con_part(c).kind,
                                    .one = c->why == WHY_ONE,
                                    .node = c->node,
                                    .v = words_end(w, c, 0),
                                    .lo = c->k,
                                    .hi = c->k};
    }
    for (int i = 0; w->axis == MEND_AXIS_C && i < w->m->opts->n_bound && n < max; i++) {
        const struct mend_bound *b = &w->m->opts->bound[i];
        f[n++] = (struct fixer){.kind = MEND_PART_BOUND,
                                .node = b->node,
                                .v = w->m->base[b->node],
                                .lo = b->lo,
                                .hi = b->hi};
    }
    return n;
}

/* A constraint passed on the way from one tensor to another. */
struct pass {
    int32_t node;
    int from, to;
};

/* The shortest way over ties; -1: none. */
static int find_way(const struct words *w, int from, int to, struct pass *pass)
{
    const struct model *m = w->m;
    int *via = x_calloc((size_t)m->n_val + 1, sizeof *via); /* constraint + 1 */
    int *prev = x_calloc((size_t)m->n_val + 1, sizeof *prev), n = 0;
    VEC(int) todo = {0};
    vec_push(&todo, to);
    via[to] = -1;
    for (size_t at = 0; at < todo.n && !via[from]; at++)
        for (size_t i = 0; i < m->con.n; i++) {
            const struct con *c = con_at(w, i);
            if (c->kind != CON_EQ && c->kind != CON_BCAST)
                continue;
            bool here = false;
            for (int t = 0; t < c->n; t++)
                here |= words_end(w, c, t) == todo.at[at];
            for (int t = 0; t < c->n && here; t++) {
                int v = words_end(w, c, t);
                if (via[v])
                    continue;
                via[v] = (int)i + 1;
                prev[v] = todo.at[at];
                vec_push(&todo, v);
            }
        }
    for (int v = from; via[v] > 0 && n < CONFLICT_MAX; v = prev[v])
        pass[n++] = (struct pass){con_at(w, (size_t)via[v] - 1)->node, v, prev[v]};
    n = via[from] ? n : -1;
    vec_done(&todo);
    free(via);
    free(prev);
    return n;
}

/* The nodes of a way, each once, `except` not. */
static int nodes_between(const struct pass *pass, int n, int32_t except, int32_t *id)
{
    int count = 0;
    for (int i = 0; i < n; i++) {
        bool known = pass[i].node == except;
        for (int k = 0; k < count; k++)
            known |= id[k] == pass[i].node;
        if (!known)
            id[count++] = pass[i].node;
    }
    return count;
}

/* ---- two numbers for one width ---- */

/* The node that the way enters by one input and leaves by another; -1: none. */
static int32_t find_join(const struct words *w, const struct pass *pass, int n)
{
    for (int i = 0; i < n; i++) {
        int32_t id = pass[i].node, next = i + 1 < n ? pass[i + 1].node : -1;
        const struct node *node = graph_node(w->m->g, id);
        int to = next == id ? pass[i + 1].to : pass[i].to;
        bool from_in = false, to_in = false;
        for (int k = 0; k < node->n_in; k++) {
            from_in |= model_in(w->m, node, k) == pass[i].from;
            to_in |= model_in(w->m, node, k) == to;
        }
        if (from_in && to_in)
            return id;
    }
    return -1;
}

static void add_keepers(struct words *w, const int32_t *id, int n)
{
    bool depthwise = false;
    str_add(&w->s, w->axis == MEND_AXIS_C ? ", and no convolution lies between" : "");
    for (int i = 0; i < n; i++)
        depthwise |= graph_node(w->m->g, id[i])->op == OP_CONV;
    if (depthwise)
        str_add(&w->s, " but depthwise ones");
    if (!n)
        return;
    str_add(&w->s, w->axis == MEND_AXIS_C ? ": " : ", and ");
    words_nodes(w, id, n, true);
    str_addf(&w->s, n > 1 ? " keep it" : " keeps it");
}

static void say_tie(struct words *w, const struct fixer *a, const struct fixer *b,
                    const struct pass *pass, int n)
{
    int32_t between[CONFLICT_MAX], join = find_join(w, pass, n);
    int count = nodes_between(pass, n, join, between);
    if (join >= 0) {
        words_node(w, join);
        str_add(&w->s, " joins ");
        add_amount(w, a, true);
        str_add(&w->s, " (");
        words_fixer(w, a);
        str_add(&w->s, ") with ");
        add_amount(w, b, false);
        str_add(&w->s, " (");
        words_fixer(w, b);
        str_add(&w->s, ")");
    } else {
        words_demand(w, b, true);
        str_add(&w->s, ", but ");
        words_demand(w, a, false);
    }
    if (n)
        add_keepers(w, between, count);
    else
        str_add(&w->s, ", and nothing lies between");
}

/* The pair of numbers that one width cannot have both. */
static bool try_tie(struct words *w, const struct fixer *f, int n)
{
    struct pass pass[CONFLICT_MAX];
    bool broadcast = count_kind(w, CON_BCAST) > 0;
    for (int i = 0; i < n; i++)
        for (int k = i + 1; k < n; k++) {
            bool both = f[i].lo <= f[k].hi && f[k].lo <= f[i].hi;
            both |= broadcast && (f[i].hi == 1 || f[k].hi == 1);
            int steps = both ? -1 : find_way(w, f[i].v, f[k].v, pass);
            if (steps < 0)
                continue;
            /* What the outside needs comes first. */
            if (f[i].kind == MEND_PART_OUTPUT && f[k].kind != MEND_PART_OUTPUT) {
                steps = find_way(w, f[k].v, f[i].v, pass);
                say_tie(w, &f[k], &f[i], pass, steps);
            } else {
                say_tie(w, &f[i], &f[k], pass, steps);
            }
            return true;
        }
    return false;
}

/* ---- groups ---- */

static bool try_groups(struct words *w, const struct fixer *f, int n)
{
    struct pass pass[CONFLICT_MAX];
    int32_t between[CONFLICT_MAX];
    for (size_t i = 0; i < w->m->con.n; i++) {
        const struct con *c = con_at(w, i);
        for (int k = 0; c->kind == CON_DIV && k < n; k++) {
            if (f[k].hi / c->k * c->k >= f[k].lo)
                continue;
            int steps = find_way(w, f[k].v, words_end(w, c, 0), pass);
            if (steps < 0)
                continue;
            words_node(w, c->node);
            str_addf(&w->s, " has %lld groups, but ", (long long)c->k);
            words_demand(w, &f[k], true);
            str_addf(&w->s, ", no multiple of %lld", (long long)c->k);
            int count = nodes_between(pass, steps, c->node, between);
            if (count)
                add_keepers(w, between, count);
            return true;
        }
    }
    return false;
}

/* ---- sums ---- */

const struct fixer *words_decider(const struct words *w, int v, const struct fixer *f, int n)
{
    struct pass pass[CONFLICT_MAX];
    for (int i = 0; i < n; i++)
        if (find_way(w, f[i].v, v, pass) >= 0)
            return &f[i];
    return NULL;
}

static void add_share(struct words *w, int v, const struct fixer *f, int n)
{
    const struct fixer *by = words_decider(w, v, f, n);
    if (by)
        add_amount(w, by, false);
    else
        str_add(&w->s, "at least 1");
    str_add(&w->s, " (");
    if (by)
        words_fixer(w, by);
    else
        words_name(w, w->m->val[v].node);
    str_add(&w->s, ")");
}

/* concat: the last term is the whole; split: too. */
static bool say_parts(struct words *w, const struct con *c, const struct fixer *f, int n)
{
    const struct fixer *whole = words_decider(w, words_end(w, c, c->n - 1), f, n);
    bool cut = graph_node(w->m->g, c->node)->op == OP_SPLIT;
    if (!whole)
        return false;
    words_node(w, c->node);
    str_add(&w->s, cut ? " cannot cut the " : " cannot make the ");
    add_amount(w, whole, w->axis == MEND_AXIS_C);
    str_add(&w->s, " that ");
    words_fixer(w, whole);
    str_addf(&w->s, " %s %s ", verb(whole), cut ? "into" : "from");
    int shown = c->n - 1 > CONFLICT_SHOWN + 1 ? CONFLICT_SHOWN : c->n - 1;
    for (int i = 0; i < shown; i++) {
        str_add(&w->s, words_comma(i, c->n - 1, " and "));
        add_share(w, words_end(w, c, i), f, n);
    }
    if (shown < c->n - 1)
        str_addf(&w->s, " and %d more", c->n - 1 - shown);
    return true;
}

/* ci * in + co * out = k */
static bool say_factor(struct words *w, const struct con *c, const struct fixer *f, int n)
{
    const struct node *node = graph_node(w->m->g, c->node);
    const struct term *t = &w->m->term.at[c->first];
    int at = model_in(w->m, node, 0) == t[0].v ? 0 : 1;
    int64_t in = llabs(t[at].coef), out = llabs(t[1 - at].coef);
    const struct fixer *a = words_decider(w, t[at].v, f, n),
                       *b = words_decider(w, t[1 - at].v, f, n);
    const char *what = mend_axis_name(w->axis);
    if (!a && !b)
        return false;
    words_node(w, c->node);
    if (c->k)
        str_addf(&w->s, " adds %lld to the %s", (long long)(c->k / t[1 - at].coef), what);
    else if (in >= out)
        str_addf(&w->s, " multiplies the %s by %lld", what, (long long)(in / out));
    else
        str_addf(&w->s, " divides the %s by %lld", what, (long long)(out / in));
    if (a) {
        str_add(&w->s, ": ");
        words_demand(w, a, false);
    }
    if (b) {
        str_add(&w->s, ", but ");
        words_demand(w, b, false);
    }
    return true;
}

static bool try_sum(struct words *w, const struct fixer *f, int n)
{
    const struct con *sum = NULL;
    for (size_t i = 0; i < w->m->con.n; i++) {
        if (con_at(w, i)->kind != CON_LIN)
            continue;
        if (sum)
            return false;
        sum = con_at(w, i);
    }
    if (!sum)
        return false;
    const struct node *node = graph_node(w->m->g, sum->node);
    bool sized = node->op == OP_CONCAT || (node->op == OP_SPLIT && sum->n > 2);
    return sized ? say_parts(w, sum, f, n) : sum->n == 2 && say_factor(w, sum, f, n);
}

/* ---- anything else ---- */

static void say_all(struct words *w, const struct fixer *f, int n)
{
    int32_t id[CONFLICT_MAX];
    int count = 0;
    str_add(&w->s, w->axis == MEND_AXIS_C   ? "no numbers of channels fit together:"
                   : w->axis == MEND_AXIS_H ? "no heights fit together:"
                                            : "no widths fit together:");
    for (int i = 0; i < n && i < CONFLICT_SHOWN; i++) {
        str_add(&w->s, i ? ", " : " ");
        words_demand(w, &f[i], false);
    }
    if (n > CONFLICT_SHOWN)
        str_addf(&w->s, " and %d more", n - CONFLICT_SHOWN);
    /* What changes numbers says more than what keeps them. */
    for (int keeps = 0; keeps < 2; keeps++)
        for (size_t i = 0; i < w->m->con.n && count < CONFLICT_MAX; i++) {
            const struct con *c = con_at(w, i);
            bool known = con_part(c).kind != MEND_PART_NODE || c->kind == CON_FIX;
            for (int k = 0; k < count; k++)
                known |= id[k] == c->node;
            if (!known && (c->kind == CON_EQ) == keeps)
                id[count++] = c->node;
        }
    if (count) {
        str_add(&w->s, n ? "; through " : " ");
        words_nodes(w, id, count, true);
    }
}

static bool try_too_many(struct words *w, const struct fixer *f, int n)
{
    if (n != 1 || w->m->con.n != 1 || w->axis != MEND_AXIS_C || f->lo <= MEND_MAX_CHANNELS)
        return false;
    words_demand(w, f, true);
    str_addf(&w->s, ", which are more than %d", MEND_MAX_CHANNELS);
    return true;
}

void conflict_text(const struct model *m, int axis, char *text, size_t size)
{
    struct words w = {.m = m, .axis = (enum mend_axis)axis};
    struct fixer fixer[CONFLICT_MAX];
    int n_fixer = list_fixers(&w, fixer, CONFLICT_MAX);
    bool plain = !count_kind(&w, CON_WINDOW) && !count_kind(&w, CON_SCALE);
    bool even = plain && !count_kind(&w, CON_LIN), whole = !count_kind(&w, CON_DIV);
    bool said = try_too_many(&w, fixer, n_fixer);
    said = said || (even && whole && try_tie(&w, fixer, n_fixer));
    said = said || (even && n_fixer == 1 && try_groups(&w, fixer, n_fixer));
    said = said || (plain && whole && try_sum(&w, fixer, n_fixer));
    said = said || words_strides(&w, fixer, n_fixer);
    if (!said)
        say_all(&w, fixer, n_fixer);
    snprintf(text, size, "%s", str_text(&w.s));
    str_done(&w.s);
}
