/* Canonical hashes: what a node computes from above ("up") and what becomes of it ("down"), both
 * free of ids, names and the order of commutative inputs. Isomorphic graphs get equal hashes; the
 * converse holds up to Weisfeiler-Leman-like collisions, so whoever needs certainty compares. */
#include "graph/graph_priv.h"

#include "base/hash.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static uint64_t hash_type(const struct ttype *t)
{
    uint64_t h = hash_pair(t->dtype, (uint64_t)(int64_t)t->rank);
    for (int i = 0; i < t->rank; i++)
        h = hash_pair(h, (uint64_t)(DIM_IS_SYM(t->dim[i]) ? DIM_SYM(0) : t->dim[i]));
    return h;
}

/* Weights count by shape; integers and scalars are parameters and count by value. */
static uint64_t hash_const(const struct tensor *t)
{
    const struct ttype *type = tensor_type(t);
    uint64_t h = hash_type(type);
    int64_t count = tensor_count(t);
    bool by_value = type->dtype != DT_FLOAT || type->rank == 0;
    for (int64_t i = 0; by_value && i < count && i < 64; i++) {
        double v = tensor_num_at(t, i, 0);
        uint64_t bits;
        memcpy(&bits, &v, sizeof bits);
        h = hash_pair(h, bits);
    }
    return h;
}

static bool is_window_attr(const char *name)
{
    static const char *const list[] = {"kernel_shape", "strides", "dilations", "pads",
                                       "auto_pad",     "group",   "ceil_mode", "output_padding"};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (strcmp(list[i], name) == 0)
            return true;
    return false;
}

static uint64_t hash_window(const struct window *w)
{
    uint64_t h = hash_pair((uint64_t)w->group, (uint64_t)w->ceil_mode);
    for (int a = 0; a < 2; a++) {
        const int64_t v[] = {w->kernel[a],    w->stride[a],  w->dilation[a],
                             w->pad_begin[a], w->pad_end[a], w->out_pad[a]};
        for (size_t i = 0; i < sizeof v / sizeof *v; i++)
            h = hash_pair(h, (uint64_t)v[i]);
    }
    return hash_pair(h, w->auto_pad);
}

/* The node by itself: operator, attributes (in any order), constants, output types. */
static uint64_t hash_local(const struct node *n)
{
    uint64_t h = hash_str(node_op_type(n), n->domain ? hash_str(n->domain, 1) : 0);
    struct window w;
    bool windowed = node_window(n, &w);
    if (windowed)
        h = hash_pair(h, hash_window(&w));
    uint64_t attrs = 0;
    for (int i = 0; i < n->n_attr; i++) {
        const struct node_attr *a = &n->attr[i];
        if (windowed && is_window_attr(a->name))
            continue;
        uint64_t x = hash_str(a->name, a->kind);
        uint32_t f = 0;
        memcpy(&f, &a->f, sizeof f);
        x = hash_pair(x, a->kind == ATTR_INT ? (uint64_t)a->i : f);
        if (a->data)
            x = hash_bytes(a->data, attr_bytes(a), x);
        attrs += hash_mix(x);
    }
    h = hash_pair(h, attrs);
    for (int i = 0; i < n->n_out; i++)
        h = hash_pair(h, hash_type(&n->out[i].type));
    return h;
}

static uint64_t hash_up(const struct node *n, uint64_t local, const uint64_t *up)
{
    bool any_order = op_info(n->op)->commutative;
    uint64_t h = local, sum = 0;
    for (int i = 0; i < n->n_in; i++) {
        const struct node_input *in = &n->in[i];
        uint64_t x = in->node == IN_CONST ? hash_const(in->tensor)
                     : in->node < 0       ? 1
                                          : hash_pair(up[in->node], (uint64_t)in->port + 2);
        if (any_order)
            sum += hash_mix(x);
        else
            h = hash_pair(h, x);
    }
    return hash_pair(h, sum);
}

void graph_node_hashes(const struct graph *g, uint64_t *out)
{
    size_t slots = (size_t)g->n_slots;
    uint64_t *up = x_calloc(slots, sizeof *up), *down = x_calloc(slots, sizeof *down);
    for (int i = 0; i < g->n_nodes; i++) {
        int32_t id = g->topo[i];
        const struct node *n = graph_node(g, id);
        up[id] = hash_up(n, hash_local(n), up);
    }
    for (int i = g->n_nodes; i-- > 0;) {
        int32_t id = g->topo[i];
        int k;
        const struct use *use = graph_uses(g, id, &k);
        uint64_t sum = 0;
        for (int u = 0; u < k; u++) {
            const struct node *to = graph_node(g, use[u].node);
            uint64_t port = op_info(to->op)->commutative ? 0 : (uint64_t)use[u].port + 1;
            uint64_t from = (uint64_t)to->in[use[u].port].port;
            sum += hash_pair(hash_pair(up[use[u].node], down[use[u].node]), port << 16 ^ from);
        }
        down[id] = hash_mix(sum + 1);
    }
    for (size_t i = 0; i < slots; i++)
        out[i] = graph_node(g, (int32_t)i) ? hash_pair(up[i], down[i]) : 0;
    free(up);
    free(down);
}

uint64_t graph_hash(const struct graph *g)
{
    uint64_t *h = x_calloc((size_t)g->n_slots, sizeof *h);
    graph_node_hashes(g, h);
    uint64_t sum = hash_pair((uint64_t)g->n_nodes, (uint64_t)g->n_edges);
    for (int i = 0; i < g->n_slots; i++)
        if (h[i])
            sum += hash_mix(h[i]);
    free(h);
    return hash_mix(sum);
}
