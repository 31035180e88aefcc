#include "graph/region.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/vec.h"

#include <stdlib.h>
#include <string.h>

static int by_id(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

bool region_has(const struct region *r, int32_t id)
{
    return r->n && bsearch(&id, r->ids, (size_t)r->n, sizeof id, by_id) != NULL;
}

struct placed {
    int pos;
    int32_t id;
};

static int by_pos(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    return (x->pos > y->pos) - (x->pos < y->pos);
}

/* The region's nodes in graph_topo order; caller frees. */
static struct placed *in_order(const struct graph *g, const int32_t *ids, int n)
{
    struct placed *p = x_calloc((size_t)n, sizeof *p);
    for (int i = 0; i < n; i++)
        p[i] = (struct placed){graph_topo_pos(g, ids[i]), ids[i]};
    qsort(p, (size_t)n, sizeof *p, by_pos);
    return p;
}

static uint64_t ref_key(int32_t node, int32_t port)
{
    return (uint64_t)(uint32_t)node << 32 | (uint32_t)port;
}

static void find_boundary(struct region *r, const struct graph *g)
{
    struct placed *order = in_order(g, r->ids, r->n);
    VEC(struct value_ref) in = {0}, out = {0};
    struct u64map seen = {0};
    for (int k = 0; k < r->n; k++) {
        const struct node *n = graph_node(g, order[k].id);
        for (int i = 0; i < n->n_in; i++) {
            int32_t from = n->in[i].node, port = n->in[i].port;
            if (from < 0 || region_has(r, from))
                continue;
            int64_t *mark = u64map_put(&seen, ref_key(from, port), 0);
            if (!*mark) {
                *mark = 1;
                vec_push(&in, (struct value_ref){from, port});
            }
        }
        int n_uses;
        const struct use *use = graph_uses(g, order[k].id, &n_uses);
        size_t first = out.n;
        for (int u = 0; u < n_uses; u++) {
            if (region_has(r, use[u].node))
                continue;
            int32_t port = graph_node(g, use[u].node)->in[use[u].port].port;
            int64_t *mark = u64map_put(&seen, ref_key(order[k].id, port), 0);
            if (!*mark) {
                *mark = 1;
                /* Ascending port within a node: insertion among the node's few outputs. */
                vec_push(&out, (struct value_ref){order[k].id, port});
                for (size_t i = out.n - 1; i > first && out.at[i - 1].port > port; i--) {
                    out.at[i] = out.at[i - 1];
                    out.at[i - 1] = (struct value_ref){order[k].id, port};
                }
            }
        }
    }
    u64map_done(&seen);
    free(order);
    r->in = in.at;
    r->n_in = (int)in.n;
    r->out = out.at;
    r->n_out = (int)out.n;
}

enum status region_init(struct region *r, const struct graph *g, const int32_t *ids, int n,
                        struct err *err)
{
    int32_t *sorted = x_memdup(ids, (size_t)n * sizeof *ids);
    qsort(sorted, (size_t)n, sizeof *sorted, by_id);
    for (int i = 0; i < n; i++) {
        bool twice = i && sorted[i] == sorted[i - 1];
        if (twice || !graph_node(g, sorted[i])) {
            int32_t bad = sorted[i];
            free(sorted);
            return err_set(err, ST_USAGE, "node %d %s", bad,
                           twice ? "is named twice" : "does not exist");
        }
    }
    *r = (struct region){.n = n, .ids = sorted};
    find_boundary(r, g);
    return ST_OK;
}

void region_done(struct region *r)
{
    free(r->ids);
    free(r->in);
    free(r->out);
    memset(r, 0, sizeof *r);
}

bool region_is_convex(const struct graph *g, const struct region *r)
{
    int lo = INT32_MAX, hi = -1;
    for (int i = 0; i < r->n; i++) {
        int pos = graph_topo_pos(g, r->ids[i]);
        lo = pos < lo ? pos : lo;
        hi = pos > hi ? pos : hi;
    }
    /* Everything on a path that comes back lies between the region's first and last position. */
    bool convex = true;
    bool *seen = x_calloc(hi >= lo ? (size_t)(hi - lo) + 1 : 1, sizeof *seen);
    VEC(int32_t) todo = {0};
    for (int i = 0; i < r->n; i++)
        vec_push(&todo, r->ids[i]);
    while (todo.n && convex) {
        int32_t id = todo.at[--todo.n];
        bool inside = region_has(r, id);
        int n_uses;
        const struct use *use = graph_uses(g, id, &n_uses);
        for (int u = 0; u < n_uses; u++) {
            int pos = graph_topo_pos(g, use[u].node);
            bool to_inside = region_has(r, use[u].node);
            if (!inside && to_inside) {
                convex = false;
                break;
            }
            if (to_inside || pos > hi || seen[pos - lo])
                continue;
            seen[pos - lo] = true;
            vec_push(&todo, use[u].node);
        }
    }
    vec_done(&todo);
    free(seen);
    return convex;
}

enum status region_close(const struct graph *g, const int32_t *ids, int n, int32_t **out,
                         int *n_out, struct err *err)
{
    int lo = INT32_MAX, hi = -1;
    for (int i = 0; i < n; i++) {
        if (ids[i] < 0 || ids[i] >= graph_n_slots(g) || !graph_node(g, ids[i]))
            return err_set(err, ST_USAGE, "there is no node #%d", (int)ids[i]);
        int pos = graph_topo_pos(g, ids[i]);
        lo = pos < lo ? pos : lo;
        hi = pos > hi ? pos : hi;
    }
    const int32_t *topo = graph_topo(g);
    size_t span = hi >= lo ? (size_t)(hi - lo) + 1 : 0;
    bool *after = x_calloc(span + 1, sizeof *after); /* reached from one of them, itself included */
    bool *inside = x_calloc(span + 1, sizeof *inside);
    VEC(int32_t) found = {0};
    for (int i = 0; i < n; i++)
        after[graph_topo_pos(g, ids[i]) - lo] = inside[graph_topo_pos(g, ids[i]) - lo] = true;
    for (int pos = lo; pos <= hi; pos++) {
        const struct node *node = graph_node(g, topo[pos]);
        for (int k = 0; k < node->n_in && !after[pos - lo]; k++) {
            int from = node->in[k].node >= 0 ? graph_topo_pos(g, node->in[k].node) : -1;
            after[pos - lo] = from >= lo && after[from - lo];
        }
    }
    for (int pos = hi; pos >= lo; pos--) {
        int n_uses;
        const struct use *use = graph_uses(g, topo[pos], &n_uses);
        for (int u = 0; u < n_uses && after[pos - lo] && !inside[pos - lo]; u++) {
            int to = graph_topo_pos(g, use[u].node);
            inside[pos - lo] = to <= hi && inside[to - lo];
        }
    }
    for (int32_t id = 0; id < graph_n_slots(g); id++) {
        int pos = graph_node(g, id) ? graph_topo_pos(g, id) : -1;
        if (pos >= lo && pos <= hi && inside[pos - lo])
            vec_push(&found, id);
    }
    free(after);
    free(inside);
    *out = found.at;
    *n_out = (int)found.n;
    return ST_OK;
}

static int find_root(int *parent, int i)
{
    while (parent[i] != i)
        i = parent[i] = parent[parent[i]];
    return i;
}

bool region_is_connected(const struct graph *g, const struct region *r)
{
    int *parent = x_calloc((size_t)r->n, sizeof *parent), parts = r->n;
    for (int i = 0; i < r->n; i++)
        parent[i] = i;
    for (int i = 0; i < r->n; i++) {
        const struct node *n = graph_node(g, r->ids[i]);
        for (int k = 0; k < n->n_in; k++) {
            const int32_t *at = n->in[k].node < 0 ? NULL
                                                  : bsearch(&n->in[k].node, r->ids, (size_t)r->n,
                                                            sizeof *r->ids, by_id);
            if (!at)
                continue;
            int a = find_root(parent, i), b = find_root(parent, (int)(at - r->ids));
            parts -= a != b;
            parent[a] = b;
        }
    }
    free(parent);
    return parts <= 1;
}

enum status region_extract(const struct graph *g, const struct region *r, struct graph **out,
                           struct err *err)
{
    struct graph_edit *e = graph_edit_new(NULL);
    graph_edit_set_opset(e, graph_opset(g));
    for (int i = 0; i < graph_n_symbols(g); i++)
        graph_edit_symbol(e, graph_symbol(g, i));
    struct u64map made = {0}; /* value in g -> id in the fragment (its port is the same) */
    for (int i = 0; i < r->n_in; i++) {
        const struct node_output *value = &graph_node(g, r->in[i].node)->out[r->in[i].port];
        struct node *n = node_new(OP_INPUT, value->name);
        node_add_output(n, value->name);
        n->out[0].type = value->type;
        *u64map_put(&made, ref_key(r->in[i].node, r->in[i].port), 0) = graph_edit_add(e, n);
    }
    struct placed *order = in_order(g, r->ids, r->n);
    for (int k = 0; k < r->n; k++) {
        struct node *n = node_clone(graph_node(g, order[k].id));
        for (int i = 0; i < n->n_in; i++) {
            struct node_input *in = &n->in[i];
            if (in->node < 0)
                continue;
            bool inside = region_has(r, in->node);
            uint64_t key = inside ? ref_key(in->node, -1) : ref_key(in->node, in->port);
            in->node = (int32_t)*u64map_get(&made, key);
            in->port = inside ? in->port : 0;
        }
        *u64map_put(&made, ref_key(order[k].id, -1), 0) = graph_edit_add(e, n);
    }
    free(order);
    for (int i = 0; i < r->n_out; i++) {
        struct node *n =
            node_new(OP_OUTPUT, graph_node(g, r->out[i].node)->out[r->out[i].port].name);
        node_add_input(n, (int32_t)*u64map_get(&made, ref_key(r->out[i].node, -1)), r->out[i].port);
        graph_edit_add(e, n);
    }
    u64map_done(&made);
    return graph_edit_freeze(e, out, err);
}
