/* Exact isomorphism of fragments, after their hashes agreed.
 *
 * Nodes of `a` are placed in topological order, so all producers of a node are placed before it
 * and its inputs decide which node of `b` may take its place: edges are verified as they are met,
 * no check is left for the end. Candidates must agree in their label (operator, attributes,
 * constants, types) and in the hash of their surroundings (graph_node_hashes), which looks at
 * everything above and below; nodes that still look alike are as good as always images of each
 * other under a symmetry, where any choice succeeds. So there is hardly ever a step back; the
 * budget bounds the rest, and giving up only stores a duplicate. */
#include "segdb/segdb_priv.h"
#include <stdlib.h>

enum { BUDGET = 100000 };

struct side {
    const struct graph *g;
    uint64_t *key; /* by slot: label and surroundings */
};

struct match {
    struct side a, b;
    int n, budget;
    int32_t *image; /* slot of a -> slot of b, -1 */
    bool *used;     /* slots of b */
};

static void side_init(struct side *s, const struct graph *g)
{
    s->g = g;
    s->key = x_calloc((size_t)graph_n_slots(g) + 1, sizeof *s->key);
    graph_node_hashes(g, s->key);
}

/* Labels as text, so that equal keys by a collision of hashes are told apart. */
static bool same_label(const struct match *m, int32_t x, int32_t y)
{
    struct str a = {0}, b = {0};
    bool same = segdb_text_label(m->a.g, x, &a, NULL) == ST_OK &&
                segdb_text_label(m->b.g, y, &b, NULL) == ST_OK &&
                !strcmp(str_text(&a), str_text(&b));
    str_done(&a);
    str_done(&b);
    return same;
}

static bool input_equal(const struct match *m, const struct node_input *x,
                        const struct node_input *y)
{
    if (x->node < 0 || y->node < 0)
        return x->node == y->node; /* constants are compared in the labels */
    return m->image[x->node] == y->node && x->port == y->port;
}

static bool inputs_match(const struct match *m, const struct node *x, const struct node *y)
{
    if (x->n_in != y->n_in)
        return false;
    if (!op_info(x->op)->commutative) {
        for (int i = 0; i < x->n_in; i++)
            if (!input_equal(m, &x->in[i], &y->in[i]))
                return false;
        return true;
    }
    /* As multisets: equality of inputs is transitive, so greedy pairing is exact. */
    bool *taken = x_calloc((size_t)y->n_in + 1, sizeof *taken), ok = true;
    for (int i = 0; i < x->n_in && ok; i++) {
        int k = 0;
        while (k < y->n_in && (taken[k] || !input_equal(m, &x->in[i], &y->in[k])))
            k++;
        ok = k < y->n_in;
        if (ok)
            taken[k] = true;
    }
    free(taken);
    return ok;
}

static bool place(struct match *m, int at)
{
    if (at == m->n)
        return true;
    int32_t x = graph_topo(m->a.g)[at];
    const struct node *nx = graph_node(m->a.g, x);
    const int32_t *topo = graph_topo(m->b.g);
    for (int k = 0; k < m->n; k++) {
        int32_t y = topo[k];
        if (m->used[y] || m->a.key[x] != m->b.key[y])
            continue;
        if (--m->budget < 0)
            return false;
        if (!inputs_match(m, nx, graph_node(m->b.g, y)) || !same_label(m, x, y))
            continue;
        m->image[x] = y;
        m->used[y] = true;
        if (place(m, at + 1))
            return true;
        m->used[y] = false;
    }
    return false;
}

bool segdb_same(const struct graph *a, const struct graph *b)
{
    struct match m = {.n = graph_n_nodes(a), .budget = BUDGET};
    /* The search recurses once a node; segments are far smaller. */
    if (m.n != graph_n_nodes(b) || graph_n_edges(a) != graph_n_edges(b) || m.n > 10000)
        return false;
    side_init(&m.a, a);
    side_init(&m.b, b);
    m.image = x_malloc((size_t)graph_n_slots(a) * sizeof *m.image);
    m.used = x_calloc((size_t)graph_n_slots(b) + 1, sizeof *m.used);
    bool same = place(&m, 0);
    free(m.a.key);
    free(m.b.key);
    free(m.image);
    free(m.used);
    return same;
}
