/* What is fixed or bounded propagates through the channel sums: a sum with one open width decides
 * it, and intervals shrink to what the others leave. */
#include "mend/mend_priv.h"

#include <stdio.h>

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
    return size >= k->lo && size <= k->hi && size % k->mult == 0;
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

/* No width is left for class k of a sum. */
static void explain_width(const struct chan *c, const struct chan_row *r,
                          const struct chan_class *k, int64_t lo, int64_t hi, char *reason)
{
    char bound[128], name[64], range[64];
    if (!k->by_lo && !k->by_hi) {
        explain_row(c, r, reason);
        return;
    }
    bound_words(c, k, bound, sizeof bound);
    if (lo == hi)
        snprintf(range, sizeof range, "%lld", (long long)lo);
    else if (lo > hi)
        snprintf(range, sizeof range, "none");
    else
        snprintf(range, sizeof range, "%lld to %lld", (long long)lo, (long long)hi);
    reason_set(reason, "%.110s, but the channel sum at %s leaves it %s", bound,
               node_quoted(c->m->g, r->node, name, sizeof name), range);
}

static enum solved decide(struct chan *c, char *reason)
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
                explain_width(c, r, k, k->size, k->size, reason);
                return SOLVED_NONE;
            }
            k->known = changed = true;
            k->used = k->mult;
        }
    }
    return SOLVED;
}

/* ---- intervals ---- */

static int64_t floor_to(int64_t v, int64_t step)
{
    int64_t r = v % step;
    return v - (r < 0 ? r + step : r);
}

static int64_t div_floor(int64_t a, int64_t b)
{
    return floor_to(b < 0 ? -a : a, b < 0 ? -b : b) / (b < 0 ? -b : b);
}

static int64_t div_ceil(int64_t a, int64_t b)
{
    return -div_floor(-a, b);
}

static int64_t class_lo(const struct chan_class *k)
{
    return k->known ? k->size : k->lo;
}

static int64_t class_hi(const struct chan_class *k)
{
    return k->known ? k->size : k->hi;
}

/* Shrinks the open intervals of one sum to what the other terms leave. */
static enum solved shrink_row(struct chan *c, const struct chan_row *r, bool *changed, char *reason)
{
    int64_t least = 0, most = 0;
    for (size_t t = 0; t < r->term.n; t++) {
        const struct chan_class *k = &c->at[r->term.at[t].v];
        int64_t a = r->term.at[t].coef;
        least += a * (a > 0 ? class_lo(k) : class_hi(k));
        most += a * (a > 0 ? class_hi(k) : class_lo(k));
    }
    for (size_t t = 0; t < r->term.n; t++) {
        struct chan_class *k = &c->at[r->term.at[t].v];
        int64_t a = r->term.at[t].coef;
        if (k->known)
            continue;
        /* rest_lo <= a * width <= rest_hi */
        int64_t own_lo = a * (a > 0 ? k->lo : k->hi), own_hi = a * (a > 0 ? k->hi : k->lo);
        int64_t rest_lo = r->k - (most - own_hi), rest_hi = r->k - (least - own_lo);
        int64_t lo = a > 0 ? div_ceil(rest_lo, a) : div_ceil(rest_hi, a);
        int64_t hi = a > 0 ? div_floor(rest_hi, a) : div_floor(rest_lo, a);
        int64_t new_lo = lo > k->lo ? lo : k->lo, new_hi = hi < k->hi ? hi : k->hi;
        new_lo = -floor_to(-new_lo, k->mult);
        new_hi = floor_to(new_hi, k->mult);
        if (new_lo > new_hi) {
            explain_width(c, r, k, lo < 1 ? 1 : lo, hi, reason);
            return SOLVED_NONE;
        }
        if (new_lo == k->lo && new_hi == k->hi)
            continue;
        least += a > 0 ? a * (new_lo - k->lo) : a * (new_hi - k->hi);
        most += a > 0 ? a * (new_hi - k->hi) : a * (new_lo - k->lo);
        k->lo = new_lo;
        k->hi = new_hi;
        *changed = true;
    }
    return SOLVED;
}

/* Widths that shrink by one a round could take long: a few rounds do, the rest is search. */
static enum solved shrink(struct chan *c, char *reason)
{
    bool changed = true;
    enum solved st = SOLVED;
    for (int round = 0; round < 50 && changed && st == SOLVED; round++) {
        changed = false;
        for (size_t i = 0; i < c->row.n && st == SOLVED; i++)
            st = shrink_row(c, &c->row.at[i], &changed, reason);
    }
    return st;
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

enum solved chan_propagate(struct chan *c, char *reason)
{
    enum solved st = check_groups(c, reason);
    if (st == SOLVED)
        st = decide(c, reason);
    return st == SOLVED ? shrink(c, reason) : st;
}
