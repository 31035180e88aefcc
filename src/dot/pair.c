/* The ranks of two versions that are drawn side by side. */
#include "dot/dot_priv.h"

#include "base/mem.h"

#include <limits.h>
#include <stdlib.h>

struct sides {
    const struct graph *const *g;
    const struct graph_pair *pair;
    int n;
    int *number[2]; /* of the pair, per slot */
    int *rank;      /* of every pair */
};

/* The pair that the i-th input of a side's node comes from; -1: from none. */
static int producer(const struct sides *s, int k, const struct node *node, int i)
{
    int32_t from = node->in[i].node;
    return from >= 0 ? s->number[k][from] : -1;
}

static int32_t id_of(const struct graph_pair *p, int k)
{
    return k ? p->b : p->a;
}

/* Every pair as far up as the producers of either side let it. */
static void sink(struct sides *s)
{
    for (int e = 0; e < s->n; e++)
        for (int k = 0; k < 2; k++) {
            int32_t id = id_of(&s->pair[e], k);
            const struct node *node = id >= 0 ? graph_node(s->g[k], id) : NULL;
            for (int i = 0; node && i < node->n_in; i++) {
                int from = producer(s, k, node, i);
                if (from >= 0 && s->rank[from] >= s->rank[e])
                    s->rank[e] = s->rank[from] + 1;
            }
        }
}

/* What has no producers stands right above its first consumer. */
static void lower_sources(struct sides *s)
{
    int *least = x_malloc(((size_t)s->n + 1) * sizeof *least);
    bool *source = x_malloc(((size_t)s->n + 1) * sizeof *source);
    for (int e = 0; e < s->n; e++) {
        least[e] = INT_MAX;
        source[e] = true;
    }
    for (int e = s->n; e-- > 0;)
        for (int k = 0; k < 2; k++) {
            int32_t id = id_of(&s->pair[e], k);
            const struct node *node = id >= 0 ? graph_node(s->g[k], id) : NULL;
            for (int i = 0; node && i < node->n_in; i++) {
                int from = producer(s, k, node, i);
                if (from < 0)
                    continue;
                source[e] = false;
                if (s->rank[e] - 1 < least[from])
                    least[from] = s->rank[e] - 1;
            }
        }
    for (int e = 0; e < s->n; e++)
        if (source[e] && least[e] < INT_MAX)
            s->rank[e] = least[e];
    free(least);
    free(source);
}

static bool is_kept(const struct sides *s, bool *const keep[2], int e)
{
    for (int k = 0; k < 2; k++) {
        int32_t id = id_of(&s->pair[e], k);
        if (id >= 0 && (!keep[k] || keep[k][id]))
            return true;
    }
    return false;
}

/* Ranks on which nothing is drawn are none; returns how many are left. */
static int close_up(struct sides *s, bool *const keep[2])
{
    int *to = x_calloc((size_t)s->n + 1, sizeof *to), n = 0;
    for (int e = 0; e < s->n; e++)
        if (is_kept(s, keep, e))
            to[s->rank[e]] = 1;
    for (int r = 0; r < s->n; r++) {
        bool used = to[r];
        to[r] = n;
        n += used;
    }
    for (int e = 0; e < s->n; e++)
        s->rank[e] = to[s->rank[e]];
    free(to);
    return n;
}

int dot_pair_ranks(const struct graph *const g[2], const int32_t *to_b, bool *const keep[2],
                   int *rank[2])
{
    struct sides s = {.g = g};
    struct graph_pair *pair = graph_merge(g[0], g[1], to_b, &s.n);
    s.pair = pair;
    s.rank = x_calloc((size_t)s.n + 1, sizeof *s.rank);
    for (int k = 0; k < 2; k++) {
        s.number[k] = x_calloc((size_t)graph_n_slots(g[k]) + 1, sizeof *s.number[k]);
        for (int e = 0; e < s.n; e++)
            if (id_of(&pair[e], k) >= 0)
                s.number[k][id_of(&pair[e], k)] = e;
    }
    sink(&s);
    lower_sources(&s);
    int n = close_up(&s, keep);
    for (int k = 0; k < 2; k++) {
        rank[k] = s.number[k];
        for (int id = 0; id < graph_n_slots(g[k]); id++)
            rank[k][id] = s.n ? s.rank[rank[k][id]] : 0;
    }
    free(s.rank);
    free(pair);
    return n;
}
