/* Reading a version, and its life. */
#include "graph/graph_priv.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void node_ref(struct node *n)
{
    __atomic_fetch_add(&n->refs, 1, __ATOMIC_RELAXED);
}

void node_unref(struct node *n)
{
    if (n && __atomic_fetch_sub(&n->refs, 1, __ATOMIC_ACQ_REL) == 1)
        node_free(n);
}

void chunk_unref(struct chunk *c)
{
    if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (int i = 0; i < CHUNK; i++)
        node_unref(c->slot[i]);
    free(c);
}

void origin_unref(struct origin *o)
{
    if (!o || atomic_fetch_sub_explicit(&o->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (o->release)
        o->release(o->object);
    free(o);
}

struct graph *graph_ref(const struct graph *g)
{
    struct graph *m = (struct graph *)(uintptr_t)g; /* the count is not part of the value */
    atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
    return m;
}

void graph_unref(struct graph *g)
{
    if (!g || atomic_fetch_sub_explicit(&g->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (int i = 0; i < g->n_chunks; i++)
        chunk_unref(g->chunk[i]);
    for (int i = 0; i < g->n_symbol; i++)
        free(g->symbol[i]);
    origin_unref(g->origin);
    free(g->chunk);
    free(g->symbol);
    free(g->name);
    free(g->topo);
    free(g->topo_pos);
    free(g->use_at);
    free(g->use);
    free(g->input);
    free(g->output);
    free(g);
}

const char *graph_name(const struct graph *g)
{
    return g->name;
}

int graph_opset(const struct graph *g)
{
    return g->opset;
}

int graph_n_slots(const struct graph *g)
{
    return g->n_slots;
}

int graph_n_nodes(const struct graph *g)
{
    return g->n_nodes;
}

int graph_n_edges(const struct graph *g)
{
    return g->n_edges;
}

const struct node *graph_node(const struct graph *g, int32_t id)
{
    if (id < 0 || id >= g->n_slots)
        return NULL;
    return g->chunk[id / CHUNK]->slot[id % CHUNK];
}

const int32_t *graph_topo(const struct graph *g)
{
    return g->topo;
}

int graph_topo_pos(const struct graph *g, int32_t id)
{
    return g->topo_pos[id];
}

const struct use *graph_uses(const struct graph *g, int32_t id, int *n)
{
    *n = g->use_at[id + 1] - g->use_at[id];
    return g->use + g->use_at[id];
}

const int32_t *graph_inputs(const struct graph *g, int *n)
{
    *n = g->n_input;
    return g->input;
}

const int32_t *graph_outputs(const struct graph *g, int *n)
{
    *n = g->n_output;
    return g->output;
}

const struct ttype *graph_type(const struct graph *g, struct value_ref v)
{
    return &graph_node(g, v.node)->out[v.port].type;
}

const struct ttype *graph_input_type(const struct graph *g, const struct node *n, int i)
{
    if (i < 0 || i >= n->n_in)
        return NULL;
    const struct node_input *in = &n->in[i];
    if (in->node == IN_CONST)
        return tensor_type(in->tensor);
    return in->node < 0 ? NULL : graph_type(g, (struct value_ref){in->node, in->port});
}

const char *graph_symbol(const struct graph *g, int k)
{
    return k >= 0 && k < g->n_symbol ? g->symbol[k] : "";
}

int graph_n_symbols(const struct graph *g)
{
    return g->n_symbol;
}

int32_t graph_find(const struct graph *g, const char *name)
{
    for (int i = 0; i < g->n_nodes; i++) {
        const struct node *n = graph_node(g, g->topo[i]);
        if (strcmp(n->name, name) == 0)
            return g->topo[i];
        for (int k = 0; k < n->n_out; k++)
            if (n->out[k].name[0] && strcmp(n->out[k].name, name) == 0)
                return g->topo[i];
    }
    return -1;
}

const void *graph_origin(const struct graph *g)
{
    return g->origin ? g->origin->object : NULL;
}

bool graph_is_untouched(const struct graph *g)
{
    return g->untouched;
}
