/* Evaluations spent on the children that promise most, where each is dear. */
#include "search/search_priv.h"

#include <math.h>
#include <stdio.h>

/* Deviations that a guess may turn out better by (upper confidence bound). On NAS-Bench-201's table
 * 1 does better than 2, and than expected improvement. */
#define HOPE 1

struct learning {
    struct search *s;
    struct child *child;
    struct surrogate_query *query;
    int n, asked; /* asked: those in front */
};

static void refuse(struct child *c, const char *why)
{
    c->fate = FATE_REFUSED;
    snprintf(c->reason, sizeof c->reason, "%s", why);
}

/* *known: it has a true value. */
static void evaluate(struct learning *l, int i, bool *known)
{
    struct search_point *p = &l->child[i].point;
    const struct search_opts *o = l->s->o;
    p->in_distribution = *known = o->accuracy(o->arg, l->child[i].graph, &p->value[GOAL_ACC]);
    if (*known)
        surrogate_add(l->s->learnt, &l->query[i], p->value[GOAL_ACC]);
    else
        refuse(&l->child[i], "its accuracy is not known");
}

/* -1: there is none that is not known. */
static int most_promising(struct learning *l)
{
    int best = -1;
    double most = -INFINITY;
    for (int i = l->asked; i < l->n; i++) {
        if (l->child[i].fate != FATE_ACCEPTED)
            continue;
        const struct surrogate_guess g = surrogate_ask(l->s->learnt, &l->query[i]);
        double promise = g.mean + HOPE * g.deviation;
        if (promise > most && !l->query[i].known) {
            most = promise;
            best = i;
        }
    }
    return best;
}

static void to_front(struct learning *l, int i)
{
    int k = l->asked++;
    struct child c = l->child[i];
    struct surrogate_query q = l->query[i];
    l->child[i] = l->child[k];
    l->query[i] = l->query[k];
    l->child[k] = c;
    l->query[k] = q;
}

static void look_at_all(struct learning *l)
{
    struct u64map now = {0};
    for (int i = 0; i < l->n; i++) {
        struct child *c = &l->child[i];
        if (c->fate != FATE_ACCEPTED)
            continue;
        if (*u64map_put(&now, c->point.hash, i) != i)
            c->fate = FATE_DUPLICATE;
        else
            surrogate_query_init(&l->query[i], l->s->learnt, c->graph);
    }
    u64map_done(&now);
}

enum status learn_spend(struct search *s, struct child *c, int n, int want, int *asked,
                        struct err *err)
{
    struct learning l = {.s = s, .child = c, .n = n};
    enum status st = ST_OK;
    l.query = x_calloc((size_t)n + 1, sizeof *l.query);
    look_at_all(&l);
    for (int i, done = 0; done < want && st == ST_OK && (i = most_promising(&l)) >= 0;) {
        bool known;
        to_front(&l, i);
        evaluate(&l, l.asked - 1, &known);
        done += known;
        if (s->o->cancel && __atomic_load_n(s->o->cancel, __ATOMIC_RELAXED))
            st = err_set(err, ST_CANCELLED, "interrupted");
    }
    if (l.asked == 0) { /* a generation has one at least */
        l.asked = 1;
        if (c->fate == FATE_ACCEPTED)
            refuse(c, "one that is like it is known");
    }
    for (int i = 0; i < n; i++)
        surrogate_query_done(&l.query[i]);
    free(l.query);
    *asked = l.asked;
    return st;
}

void learn_network(struct search *s, const struct graph *g, double truth)
{
    struct surrogate_query q;
    surrogate_query_init(&q, s->learnt, g);
    surrogate_add(s->learnt, &q, truth);
}
