/* The edit builder: copy-on-write over chunks, then over nodes. */
#include "graph/graph_priv.h"

#include "base/hash.h"
#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct graph_edit {
    struct graph *g; /* under construction: chunks, name, symbols; no order yet */
    int chunk_cap;
    bool touched, named;
    struct strmap names; /* value and node names in use, once `named`; value: next suffix */
};

struct graph_edit *graph_edit_new(const struct graph *base)
{
    struct graph_edit *e = x_calloc(1, sizeof *e);
    struct graph *g = e->g = x_calloc(1, sizeof *g);
    atomic_init(&g->refs, 1);
    if (!base) {
        g->name = x_strdup("");
        g->opset = 13;
        e->touched = true;
        return e;
    }
    g->name = x_strdup(base->name);
    g->opset = base->opset;
    g->untouched = base->untouched;
    g->n_slots = base->n_slots;
    g->n_chunks = e->chunk_cap = base->n_chunks;
    g->chunk = x_memdup(base->chunk, (size_t)base->n_chunks * sizeof *base->chunk);
    for (int i = 0; i < g->n_chunks; i++)
        atomic_fetch_add_explicit(&g->chunk[i]->refs, 1, memory_order_relaxed);
    g->n_symbol = base->n_symbol;
    g->symbol = x_calloc((size_t)base->n_symbol, sizeof *g->symbol);
    for (int i = 0; i < g->n_symbol; i++)
        g->symbol[i] = x_strdup(base->symbol[i]);
    g->origin = base->origin;
    if (g->origin)
        atomic_fetch_add_explicit(&g->origin->refs, 1, memory_order_relaxed);
    return e;
}

void graph_edit_free(struct graph_edit *e)
{
    if (!e)
        return;
    graph_unref(e->g);
    strmap_done(&e->names);
    free(e);
}

void graph_edit_set_name(struct graph_edit *e, const char *name)
{
    char *copy = x_strdup(name);
    free(e->g->name);
    e->g->name = copy;
}

void graph_edit_set_opset(struct graph_edit *e, int opset)
{
    e->g->opset = opset;
}

void graph_edit_set_origin(struct graph_edit *e, void *origin, void (*release)(void *))
{
    origin_unref(e->g->origin);
    e->g->origin = x_calloc(1, sizeof *e->g->origin);
    atomic_init(&e->g->origin->refs, 1);
    e->g->origin->object = origin;
    e->g->origin->release = release;
    e->g->untouched = true;
    e->touched = false;
}

int graph_edit_symbol(struct graph_edit *e, const char *name)
{
    struct graph *g = e->g;
    /* Linear: a model has one to a handful of named dimensions. */
    for (int i = 0; name[0] && i < g->n_symbol; i++)
        if (strcmp(g->symbol[i], name) == 0)
            return i;
    g->symbol = x_reallocarray(g->symbol, (size_t)g->n_symbol + 1, sizeof *g->symbol);
    g->symbol[g->n_symbol] = x_strdup(name);
    return g->n_symbol++;
}

/* The slot of an id in a chunk that only this edit has. */
static struct node **own_slot(struct graph_edit *e, int32_t id)
{
    struct chunk **c = &e->g->chunk[id / CHUNK];
    if (atomic_load_explicit(&(*c)->refs, memory_order_acquire) != 1) {
        struct chunk *copy = x_malloc(sizeof *copy);
        atomic_init(&copy->refs, 1);
        memcpy(copy->slot, (*c)->slot, sizeof copy->slot);
        for (int i = 0; i < CHUNK; i++)
            if (copy->slot[i])
                node_ref(copy->slot[i]);
        chunk_unref(*c);
        *c = copy;
    }
    return &(*c)->slot[id % CHUNK];
}

int32_t graph_edit_add(struct graph_edit *e, struct node *n)
{
    struct graph *g = e->g;
    if (g->n_slots == g->n_chunks * CHUNK) {
        if (g->n_chunks == e->chunk_cap) {
            e->chunk_cap = e->chunk_cap ? e->chunk_cap * 2 : 4;
            g->chunk = x_reallocarray(g->chunk, (size_t)e->chunk_cap, sizeof *g->chunk);
        }
        g->chunk[g->n_chunks] = x_calloc(1, sizeof **g->chunk);
        atomic_init(&g->chunk[g->n_chunks++]->refs, 1);
    }
    int32_t id = g->n_slots++;
    *own_slot(e, id) = n;
    e->touched = true;
    return id;
}

const struct node *graph_edit_node(const struct graph_edit *e, int32_t id)
{
    return graph_node(e->g, id);
}

int graph_edit_n_slots(const struct graph_edit *e)
{
    return e->g->n_slots;
}

static struct node *private_node(struct graph_edit *e, int32_t id)
{
    assert(graph_node(e->g, id));
    struct node **slot = own_slot(e, id);
    if (__atomic_load_n(&(*slot)->refs, __ATOMIC_ACQUIRE) != 1) {
        struct node *copy = node_clone(*slot);
        node_unref(*slot);
        *slot = copy;
    }
    return *slot;
}

struct node *graph_edit_mut(struct graph_edit *e, int32_t id)
{
    e->touched = true;
    return private_node(e, id);
}

void graph_edit_remove(struct graph_edit *e, int32_t id)
{
    if (!graph_node(e->g, id))
        return;
    struct node **slot = own_slot(e, id);
    node_unref(*slot);
    *slot = NULL;
    e->touched = true;
}

void graph_edit_set_type(struct graph_edit *e, struct value_ref v, const struct ttype *t)
{
    if (!ttype_equal(graph_type(e->g, v), t))
        private_node(e, v.node)->out[v.port].type = *t;
}

enum status graph_edit_freeze(struct graph_edit *e, struct graph **out, struct err *err)
{
    struct graph *g = e->g;
    if (e->touched)
        g->untouched = false;
    enum status st = graph_order(g, err);
    if (st == ST_OK) {
        *out = g;
        e->g = NULL;
    }
    graph_edit_free(e);
    return st;
}

static void note_names(struct graph_edit *e)
{
    for (int32_t id = 0; id < e->g->n_slots; id++) {
        const struct node *n = graph_node(e->g, id);
        if (!n)
            continue;
        strmap_put(&e->names, n->name, 1);
        for (int i = 0; i < n->n_out; i++)
            strmap_put(&e->names, n->out[i].name, 1);
        for (int i = 0; i < n->n_in; i++)
            if (n->in[i].tensor)
                strmap_put(&e->names, tensor_name(n->in[i].tensor), 1);
    }
    e->named = true;
}

char *graph_edit_fresh_name(struct graph_edit *e, const char *stem)
{
    if (!e->named)
        note_names(e);
    if (!strmap_get(&e->names, stem)) {
        strmap_put(&e->names, stem, 1);
        return x_strdup(stem);
    }
    for (;;) {
        int64_t k = (*strmap_get(&e->names, stem))++;
        char *name = x_asprintf("%s_%lld", stem, (long long)k);
        if (!strmap_get(&e->names, name)) {
            strmap_put(&e->names, name, 1);
            return name;
        }
        free(name);
    }
}
