/* Random regions that can be replaced, for tests on mutation; included after cmocka.h. */
#ifndef TESTS_RANDOM_REGION_H
#define TESTS_RANDOM_REGION_H

#include "base/rng.h"
#include "base/vec.h"
#include "graph/region.h"

enum { MAX_REGION = 12 };

static bool inside_ops(const struct graph *g, int32_t id)
{
    enum op op = graph_node(g, id)->op;
    return op != OP_INPUT && op != OP_OUTPUT && op != OP_OPAQUE;
}

static bool holds(const int32_t *ids, int n, int32_t id)
{
    for (int i = 0; i < n; i++)
        if (ids[i] == id)
            return true;
    return false;
}

/* A neighbour of the set, at random; -1 when there is none. */
static int32_t neighbour(const struct graph *g, const int32_t *ids, int n, struct rng *rng)
{
    VEC(int32_t) all = {0};
    for (int i = 0; i < n; i++) {
        const struct node *nd = graph_node(g, ids[i]);
        for (int k = 0; k < nd->n_in; k++)
            if (nd->in[k].node >= 0)
                vec_push(&all, nd->in[k].node);
        int n_uses;
        const struct use *use = graph_uses(g, ids[i], &n_uses);
        for (int k = 0; k < n_uses; k++)
            vec_push(&all, use[k].node);
    }
    size_t kept = 0;
    for (size_t i = 0; i < all.n; i++)
        if (inside_ops(g, all.at[i]) && !holds(ids, n, all.at[i]))
            all.at[kept++] = all.at[i];
    int32_t id = kept ? all.at[rng_below(rng, kept)] : -1;
    vec_done(&all);
    return id;
}

/* Convex, connected, of 1 to MAX_REGION nodes. */
static void random_region(struct region *r, const struct graph *g, struct rng *rng)
{
    int32_t ids[MAX_REGION];
    int want = 1 + (int)rng_below(rng, MAX_REGION), n = 1;
    do
        ids[0] = graph_topo(g)[rng_below(rng, (uint64_t)graph_n_nodes(g))];
    while (!inside_ops(g, ids[0]));
    assert_int_equal(region_init(r, g, ids, 1, NULL), ST_OK);
    for (int tries = 0; n < want && tries < 4 * MAX_REGION; tries++) {
        struct region more;
        int32_t id = neighbour(g, ids, n, rng);
        if (id < 0)
            return;
        ids[n] = id;
        assert_int_equal(region_init(&more, g, ids, n + 1, NULL), ST_OK);
        if (region_is_convex(g, &more)) {
            region_done(r);
            *r = more;
            n++;
        } else {
            region_done(&more);
        }
    }
    assert_true(region_is_connected(g, r));
}

#endif
