#include "graph/region.h"
#include "graph/graph_priv.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/vec.h"

#include <stdlib.h>
#include <string.h>

/* to_b[id in a] = id in b, from_b the reverse; -1 where nothing corresponds. */
struct matching {
    int32_t *to_b, *from_b;
};

static void match_pair(struct matching *m, int32_t a, int32_t b)
{
    m->to_b[a] = b;
    m->from_b[b] = a;
}

static void match_by_id(struct matching *m, const struct graph *a, const struct graph *b,
                        int32_t n_same)
{
    for (int32_t id = 0; id < n_same && id < graph_n_slots(a) && id < graph_n_slots(b); id++) {
        const struct node *x = graph_node(a, id), *y = graph_node(b, id);
        if (x && y && (x == y || node_same_op(x, y)))
            match_pair(m, id, id);
    }
}

static void match_by_name(struct matching *m, const struct graph *a, const struct graph *b)
{
    struct strmap names = {0};
    const int32_t *topo = graph_topo(a);
    for (int i = 0; i < graph_n_nodes(a); i++)
        if (m->to_b[topo[i]] < 0)
            strmap_put(&names, node_label(graph_node(a, topo[i])), topo[i]);
    topo = graph_topo(b);
    for (int i = 0; i < graph_n_nodes(b); i++) {
        const struct node *y = graph_node(b, topo[i]);
        const int64_t *at = strmap_get(&names, node_label(y));
        if (at && m->to_b[*at] < 0 && m->from_b[topo[i]] < 0 &&
            node_same_op(graph_node(a, (int32_t)*at), y))
            match_pair(m, (int32_t)*at, topo[i]);
    }
    strmap_done(&names);
}

/* Of what is left, nodes with equal surroundings correspond (renamed files). Equal hashes are
 * matched in topological order: `next` chains the unmatched nodes of one hash. */
static void match_by_hash(struct matching *m, const struct graph *a, const struct graph *b)
{
    uint64_t *ha = x_calloc((size_t)graph_n_slots(a), sizeof *ha);
    uint64_t *hb = x_calloc((size_t)graph_n_slots(b), sizeof *hb);
    int32_t *next = x_calloc((size_t)graph_n_slots(a), sizeof *next);
    graph_node_hashes(a, ha);
    graph_node_hashes(b, hb);
    struct u64map first = {0};
    const int32_t *topo = graph_topo(a);
    for (int i = graph_n_nodes(a); i-- > 0;) {
        if (m->to_b[topo[i]] >= 0)
            continue;
        int64_t *head = u64map_put(&first, ha[topo[i]], -1);
        next[topo[i]] = (int32_t)*head;
        *head = topo[i];
    }
    topo = graph_topo(b);
    for (int i = 0; i < graph_n_nodes(b); i++) {
        int64_t *head = m->from_b[topo[i]] < 0 ? u64map_get(&first, hb[topo[i]]) : NULL;
        if (head && *head >= 0) {
            int32_t id = (int32_t)*head;
            *head = next[id];
            match_pair(m, id, topo[i]);
        }
    }
    u64map_done(&first);
    free(next);
    free(hb);
    free(ha);
}

/* An edge differs when both its ends live on in the other graph and it does not. */
static bool same_input(const struct matching *m, const struct node_input *x,
                       const struct node_input *y)
{
    if (x->node == IN_CONST && y->node == IN_CONST)
        return tensor_equal(x->tensor, y->tensor);
    if (x->node < 0 || y->node < 0)
        return x->node == y->node;
    if (m->to_b[x->node] < 0 || m->from_b[y->node] < 0)
        return true;
    return m->to_b[x->node] == y->node && x->port == y->port;
}

/* In order, or in any order where the operator does not mind: the quadratic search is over the
 * inputs of one join. */
static bool same_inputs(const struct matching *m, const struct node *x, const struct node *y)
{
    bool any_order = op_info(x->op)->commutative;
    bool *taken = x_calloc((size_t)y->n_in, sizeof *taken);
    bool same = true;
    for (int i = 0; i < x->n_in && same; i++) {
        int k = any_order ? 0 : i, end = any_order ? y->n_in : i + 1;
        while (k < end && (taken[k] || !same_input(m, &x->in[i], &y->in[k])))
            k++;
        same = k < end;
        if (same)
            taken[k] = true;
    }
    free(taken);
    return same;
}

static bool same_node(const struct matching *m, const struct node *x, const struct node *y)
{
    if (x == y)
        return true;
    if (x->n_in != y->n_in || x->n_out != y->n_out || !node_same_attrs(x, y) ||
        !same_inputs(m, x, y))
        return false;
    for (int i = 0; i < x->n_out; i++) {
        struct ttype s = x->out[i].type, t = y->out[i].type;
        for (int k = 0; k < TTYPE_MAX_RANK; k++) { /* symbols are numbered per graph */
            s.dim[k] = s.dim[k] < 0 ? DIM_UNKNOWN : s.dim[k];
            t.dim[k] = t.dim[k] < 0 ? DIM_UNKNOWN : t.dim[k];
        }
        if (!ttype_equal(&s, &t))
            return false;
    }
    return true;
}

void graph_diff_init(struct graph_diff *d, const struct graph *a, const struct graph *b,
                     int32_t n_same)
{
    size_t na = (size_t)graph_n_slots(a), nb = (size_t)graph_n_slots(b);
    struct matching m = {x_malloc(na * sizeof *m.to_b), x_malloc(nb * sizeof *m.from_b)};
    memset(m.to_b, -1, na * sizeof *m.to_b);
    memset(m.from_b, -1, nb * sizeof *m.from_b);
    match_by_id(&m, a, b, n_same);
    if (n_same < GRAPH_SAME_IDS) {
        match_by_name(&m, a, b);
        match_by_hash(&m, a, b);
    }
    VEC(int32_t) added = {0}, removed = {0}, ca = {0}, cb = {0};
    const int32_t *topo = graph_topo(a);
    for (int i = 0; i < graph_n_nodes(a); i++) {
        int32_t id = topo[i], to = m.to_b[id];
        if (to < 0) {
            vec_push(&removed, id);
        } else if (!same_node(&m, graph_node(a, id), graph_node(b, to))) {
            vec_push(&ca, id);
            vec_push(&cb, to);
        }
    }
    topo = graph_topo(b);
    for (int i = 0; i < graph_n_nodes(b); i++)
        if (m.from_b[topo[i]] < 0)
            vec_push(&added, topo[i]);
    *d = (struct graph_diff){(int)added.n, (int)removed.n, (int)ca.n, added.at,
                             removed.at,   ca.at,          cb.at,     m.to_b};
    free(m.from_b);
}

void graph_diff_done(struct graph_diff *d)
{
    free(d->added);
    free(d->removed);
    free(d->changed_a);
    free(d->changed_b);
    free(d->to_b);
    memset(d, 0, sizeof *d);
}
