/* Which points are the front, which members stay, which become parents. */
#include "search/search_priv.h"

#include "base/rng.h"

#include <math.h>

#define WORST_SHARE 1.5
/* Streams of random numbers apart from those of the children, which are numbered from 1. */
enum { STREAM_PARENTS = 1, STREAM_MATES, STREAM_BLIND };

double search_share(const struct search_point *base, const struct search_point *p,
                    enum search_goal g)
{
    if (g == GOAL_ACC)
        return 1 - (p->value[g] - base->value[g]);
    return base->value[g] > 0 ? p->value[g] / base->value[g] : p->value[g];
}

/* ---- points and fronts ---- */

struct placed {
    double share;
    struct search_point point;
};

static int by_share(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    if (x->share < y->share || x->share > y->share)
        return x->share < y->share ? -1 : 1;
    return (x->point.id > y->point.id) - (x->point.id < y->point.id);
}

void search_sort(const struct search_point *base, enum search_goal g, struct search_point *p, int n)
{
    struct placed *by = x_malloc(((size_t)n + 1) * sizeof *by);
    for (int i = 0; i < n; i++)
        by[i] = (struct placed){search_share(base, &p[i], g), p[i]};
    qsort(by, (size_t)n, sizeof *by, by_share);
    for (int i = 0; i < n; i++)
        p[i] = by[i].point;
    free(by);
}

static void shares(const struct search *s, const struct search_point *p, double *out)
{
    for (int k = 0; k < s->o->n_goal; k++)
        out[k] = search_share(&s->base, p, s->o->goal[k]);
}

void select_front(struct search *s, const struct search_point *p)
{
    double a[FRONT_GOALS], b[FRONT_GOALS];
    size_t kept = 0;
    shares(s, p, a);
    for (size_t i = 0; i < s->front.n; i++) {
        shares(s, &s->front.at[i], b);
        if (front_dominates(b, a, s->o->n_goal) ||
            memcmp(a, b, (size_t)s->o->n_goal * sizeof *a) == 0)
            return;
    }
    for (size_t i = 0; i < s->front.n; i++) {
        shares(s, &s->front.at[i], b);
        if (!front_dominates(a, b, s->o->n_goal))
            s->front.at[kept++] = s->front.at[i];
    }
    s->front.n = kept;
    vec_push(&s->front, *p);
}

double select_volume(const struct search *s)
{
    const double ref[FRONT_GOALS] = {WORST_SHARE, WORST_SHARE, WORST_SHARE, WORST_SHARE};
    double *v = x_malloc((s->front.n + 1) * FRONT_GOALS * sizeof *v);
    for (size_t i = 0; i < s->front.n; i++)
        shares(s, &s->front.at[i], v + i * (size_t)s->o->n_goal);
    double sum = front_volume(v, (int)s->front.n, s->o->n_goal, ref);
    free(v);
    return sum;
}

/* ---- limits ---- */

/* A NaN is beyond any limit that there is. */
static double over(double value, double limit)
{
    return isinf(limit) || value <= limit ? 0 : value > limit && limit > 0 ? value / limit - 1 : 1;
}

double select_excess(const struct search *s, const struct search_point *p)
{
    double lost = s->base.value[GOAL_ACC] - p->value[GOAL_ACC];
    double sum = lost > s->o->max_loss ? lost - s->o->max_loss : 0;
    for (int g = GOAL_FLOPS; g < SEARCH_GOALS; g++)
        sum += over(p->value[g], s->most[g]);
    return sum;
}

/* ---- selection ---- */

struct standing {
    int at, rank;
    double crowding;
};

static int by_standing(const void *a, const void *b)
{
    const struct standing *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    if (x->crowding < y->crowding || x->crowding > y->crowding)
        return x->crowding > y->crowding ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

/* How the members stand. Those beyond the limits come last, the nearest to them first (Deb et al.
 * 2002, constrained domination), so that a search can begin beyond them. */
static void stand(const struct search *s, struct member **m, int n, struct standing *out)
{
    int goals = s->o->n_goal, *rank = x_malloc(((size_t)n + 1) * sizeof *rank);
    int *at = x_malloc(((size_t)n + 1) * sizeof *at);
    double *v = x_malloc(((size_t)n + 1) * FRONT_GOALS * sizeof *v);
    double *crowding = x_malloc(((size_t)n + 1) * sizeof *crowding);
    for (int i = 0; i < n; i++)
        shares(s, &m[i]->point, v + i * goals);
    front_rank(v, n, goals, rank);
    for (int r = 0, left = n; left > 0; r++) {
        int same = 0;
        for (int i = 0; i < n; i++)
            if (rank[i] == r)
                at[same++] = i;
        front_crowding(v, goals, at, same, crowding);
        for (int i = 0; i < same; i++)
            out[at[i]] = (struct standing){at[i], r, crowding[i]};
        left -= same;
    }
    for (int i = 0; i < n; i++)
        if (select_excess(s, &m[i]->point) > 0)
            out[i] = (struct standing){i, n, -select_excess(s, &m[i]->point)};
    free(rank);
    free(at);
    free(v);
    free(crowding);
}

/* What the newest children's records and sources are worth. */
static void give_credit(struct search *s, const struct member *m, bool stays)
{
    const struct search_point *p = &m->point;
    if (p->generation != s->generation || p->n_step == 0)
        return;
    for (int i = 0; i < p->n_step; i++)
        credit_add(&s->records, (uint64_t)p->step[i].record, stays);
    credit_add(&s->sources, p->source, stays);
}

void select_survivors(struct search *s)
{
    int n = (int)s->member.n, keep = n < s->population ? n : s->population;
    struct standing *st = x_malloc(((size_t)n + 1) * sizeof *st);
    struct member **was = x_memdup(s->member.at, (size_t)n * sizeof *was);
    stand(s, was, n, st);
    if (s->o->scheme == SEARCH_RANDOM) {
        struct rng r = rng_for(hash_pair(s->stream, STREAM_BLIND), (uint64_t)s->generation);
        for (int i = 0; i < n; i++)
            st[i] = (struct standing){.at = i, .crowding = rng_double(&r)};
    }
    qsort(st, (size_t)n, sizeof *st, by_standing);
    s->member.n = 0;
    for (int i = 0; i < n; i++) {
        give_credit(s, was[st[i].at], i < keep);
        if (i < keep)
            vec_push(&s->member, was[st[i].at]);
        else
            member_free(was[st[i].at]);
    }
    free(st);
    free(was);
}

void select_again(struct search *s)
{
    int n = (int)s->member.n;
    struct standing *st = x_malloc(((size_t)n + 1) * sizeof *st);
    struct member **was = x_memdup(s->member.at, (size_t)n * sizeof *was);
    struct points front = s->front;
    stand(s, was, n, st);
    if (s->o->scheme != SEARCH_RANDOM)
        qsort(st, (size_t)n, sizeof *st, by_standing);
    for (int i = 0; i < n; i++)
        s->member.at[i] = was[st[i].at];
    s->front = (struct points){0};
    for (size_t i = 0; i < front.n; i++)
        if (select_excess(s, &front.at[i]) == 0)
            select_front(s, &front.at[i]);
    for (int i = 0; i < n; i++)
        if (select_excess(s, &s->member.at[i]->point) == 0)
            select_front(s, &s->member.at[i]->point);
    vec_done(&front);
    free(st);
    free(was);
}

/* Of two members the one that stands better; the population is kept best first. */
const struct member *select_parent(const struct search *s, int64_t stream, int which)
{
    struct rng r =
        rng_for(hash_pair(s->stream, STREAM_PARENTS + (uint64_t)which), (uint64_t)stream);
    uint64_t a = rng_below(&r, s->member.n), b = rng_below(&r, s->member.n);
    return s->member.at[a < b || s->o->scheme == SEARCH_RANDOM ? a : b];
}
