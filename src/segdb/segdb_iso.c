/* What makes two fragments the same structure: labels free of scale, then exact isomorphism.
 *
 * Labels: all types of a fragment follow from the types of its inputs, its attributes, constants
 * and the widths that its kernels put out. So a fragment at another width and resolution has the
 * same labels when widths are written relative to the widest and areas are left out, provided that
 * areas follow from areas. Where constants or operators set sizes literally, or dimension 1 is not
 * the width, sizes count literally. Widths relative to the widest are rounded to the half octave:
 * thirds of 128 and of 256 channels are the same, a half and a quarter are not.
 *
 * Isomorphism, after the hashes agreed: nodes of `a` are placed in topological order, so all
 * producers of a node are placed before it and its inputs decide which node of `b` may take its
 * place: edges are verified as they are met, no check is left for the end. Candidates must agree
 * in their label and in the hash of their surroundings, which looks at everything above and below;
 * nodes that still look alike are as good as always images of each other under a symmetry, where
 * any choice succeeds. So there is hardly ever a step back; the budget bounds the rest, and giving
 * up only stores a duplicate. */
#include "segdb/segdb_priv.h"
#include <stdlib.h>

enum { BUDGET = 100000 };

/* ---- scale ---- */

static bool all_one(const struct tensor *t)
{
    for (int64_t i = 0; t && i < tensor_count(t); i++)
        if (tensor_int_at(t, i, 0) != 1)
            return false;
    return t != NULL;
}

/* Whether the areas of the outputs follow from those of the inputs, at any scale. */
static bool follows(const struct node *n)
{
    switch (op_info(n->op)->shape) {
    case SHAPE_RESHAPE:
    case SHAPE_DECLARED:
        return false;
    case SHAPE_SLICE: /* of channels only: where a slice begins and ends is literal */
        return all_one(node_const(n, 3));
    case SHAPE_RESIZE: /* by factors, not to a size */
        return n->n_in < 4 || n->in[3].node == IN_NONE;
    case SHAPE_CONCAT: /* of channels: parts of one area may differ in any ratio */
        return node_int(n, "axis", 0) == 1;
    case SHAPE_MATMUL:
        return n->n_out > 0 && n->out[0].type.rank == 2;
    default:
        return true;
    }
}

struct segdb_scale segdb_scale_of(const struct graph *g)
{
    struct segdb_scale s = {.free = true, .batch = segdb_text_batch(g)};
    for (int32_t id = 0; id < graph_n_slots(g); id++) {
        const struct node *n = graph_node(g, id);
        if (!n)
            continue;
        s.free = s.free && follows(n);
        for (int i = 0; i < n->n_out; i++) {
            const struct ttype *t = &n->out[i].type;
            if (!n->out[i].name[0])
                continue;
            s.free = s.free && (t->rank == 2 || t->rank == 4);
            if (t->rank >= 2 && t->dim[1] > s.widest)
                s.widest = t->dim[1];
        }
    }
    return s;
}

/* ---- labels and surroundings ---- */

struct side {
    const struct graph *g;
    char **label;  /* by slot; the texts, so that keys that collide are told apart */
    uint64_t *key; /* by slot: label and surroundings; 0: a hole */
};

static uint64_t key_above(const struct node *n, uint64_t label, const uint64_t *up)
{
    bool any_order = op_info(n->op)->commutative;
    uint64_t h = label, sum = 0;
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i].node < 0)
            continue; /* constants and gaps are in the label */
        uint64_t x = hash_pair(up[n->in[i].node], (uint64_t)n->in[i].port);
        if (any_order)
            sum += hash_mix(x);
        else
            h = hash_pair(hash_pair(h, (uint64_t)i), x);
    }
    return hash_pair(h, sum);
}

static uint64_t key_below(const struct graph *g, int32_t id, const uint64_t *up,
                          const uint64_t *down)
{
    int n;
    const struct use *use = graph_uses(g, id, &n);
    uint64_t sum = 1;
    for (int u = 0; u < n; u++) {
        const struct node *to = graph_node(g, use[u].node);
        uint64_t port = op_info(to->op)->commutative ? 0 : (uint64_t)use[u].port + 1;
        uint64_t from = (uint64_t)to->in[use[u].port].port;
        sum += hash_pair(hash_pair(up[use[u].node], down[use[u].node]), port << 16 ^ from);
    }
    return hash_mix(sum);
}

static bool side_init(struct side *s, const struct graph *g)
{
    size_t slots = (size_t)graph_n_slots(g) + 1;
    const int32_t *topo = graph_topo(g);
    struct segdb_scale scale = segdb_scale_of(g);
    uint64_t *up = x_calloc(slots, sizeof *up), *down = x_calloc(slots, sizeof *down);
    bool ok = true;
    s->g = g;
    s->label = x_calloc(slots, sizeof *s->label);
    s->key = x_calloc(slots, sizeof *s->key);
    for (int i = 0; i < graph_n_nodes(g) && ok; i++) {
        struct str text = {0};
        ok = segdb_text_label(g, topo[i], &scale, &text, NULL) == ST_OK;
        s->label[topo[i]] = str_take(&text);
        if (ok)
            up[topo[i]] = key_above(graph_node(g, topo[i]), hash_str(s->label[topo[i]], 0), up);
    }
    for (int i = graph_n_nodes(g); i-- > 0;) {
        down[topo[i]] = key_below(g, topo[i], up, down);
        s->key[topo[i]] = hash_pair(up[topo[i]], down[topo[i]]);
    }
    free(up);
    free(down);
    return ok;
}

static void side_done(struct side *s)
{
    for (int32_t i = 0; i < graph_n_slots(s->g); i++)
        free(s->label[i]);
    free(s->label);
    free(s->key);
}

uint64_t segdb_structure_hash(const struct graph *g)
{
    struct side s;
    side_init(&s, g);
    uint64_t sum = hash_pair((uint64_t)graph_n_nodes(g), (uint64_t)graph_n_edges(g));
    for (int32_t i = 0; i < graph_n_slots(g); i++)
        if (s.key[i])
            sum += hash_mix(s.key[i]);
    side_done(&s);
    return hash_mix(sum);
}

/* ---- isomorphism ---- */

struct match {
    struct side a, b;
    int n, budget;
    int32_t *image; /* slot of a -> slot of b */
    bool *used;     /* slots of b */
};

static bool input_equal(const struct match *m, const struct node_input *x,
                        const struct node_input *y)
{
    if (x->node < 0 || y->node < 0)
        return x->node == y->node; /* constants are in the labels */
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
        if (!inputs_match(m, nx, graph_node(m->b.g, y)) || strcmp(m->a.label[x], m->b.label[y]))
            continue;
        m->image[x] = y;
        m->used[y] = true;
        if (place(m, at + 1))
            return true;
        m->used[y] = false;
    }
    return false;
}

bool segdb_same(const struct graph *a, const struct graph *b, int32_t *image)
{
    struct match m = {.n = graph_n_nodes(a), .budget = BUDGET};
    /* The search recurses once a node; segments are far smaller. */
    if (m.n != graph_n_nodes(b) || graph_n_edges(a) != graph_n_edges(b) || m.n > 10000)
        return false;
    size_t slots = (size_t)graph_n_slots(a);
    m.image = x_malloc((slots + 1) * sizeof *m.image);
    m.used = x_calloc((size_t)graph_n_slots(b) + 1, sizeof *m.used);
    bool whole = side_init(&m.a, a) & side_init(&m.b, b);
    bool same = whole && place(&m, 0);
    if (same && image)
        memcpy(image, m.image, slots * sizeof *image);
    side_done(&m.a);
    side_done(&m.b);
    free(m.image);
    free(m.used);
    return same;
}
