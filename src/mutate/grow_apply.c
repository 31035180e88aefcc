/* The repaired nodes outside, written into the child. */
#include "mutate/mutate_priv.h"

#include "base/hash.h"
#include "base/mem.h"

#include <stdlib.h>

bool grow_changed(const struct node *was, const struct node *is)
{
    if (!node_same_attrs(was, is) || was->n_in != is->n_in || was->n_out != is->n_out)
        return true;
    for (int i = 0; i < was->n_in; i++)
        if (was->in[i].tensor && was->in[i].tensor != is->in[i].tensor &&
            (!is->in[i].tensor || !tensor_equal(was->in[i].tensor, is->in[i].tensor)))
            return true;
    for (int i = 0; i < was->n_out; i++)
        if (!ttype_equal(&was->out[i].type, &is->out[i].type))
            return true;
    return false;
}

/* How many inputs of the graph each constant feeds. */
static void count_tensors(const struct graph *g, struct u64map *uses)
{
    for (int32_t id = 0; id < graph_n_slots(g); id++) {
        const struct node *n = graph_node(g, id);
        for (int i = 0; n && i < n->n_in; i++)
            if (n->in[i].tensor)
                ++*u64map_put(uses, (uint64_t)(uintptr_t)n->in[i].tensor, 0);
    }
}

/* Attributes and constants of the mended node; a constant that others use too gets its own name. */
static void apply_node(struct graph_edit *e, int32_t id, const struct node *mended,
                       const struct u64map *uses, uint64_t seed)
{
    for (int i = 0; i < mended->n_in; i++) {
        const struct tensor *t = mended->in[i].tensor;
        const struct tensor *was = graph_edit_node(e, id)->in[i].tensor;
        if (!t || t == was)
            continue;
        const int64_t *n = was ? u64map_get(uses, (uint64_t)(uintptr_t)was) : NULL;
        char *name = n && *n > 1 && tensor_name(t)[0] ? graph_edit_fresh_name(e, tensor_name(t))
                                                      : x_strdup(tensor_name(t));
        uint64_t own = hash_pair(hash_pair(seed, (uint64_t)id), (uint64_t)i);
        struct tensor *fresh = fresh_const(mended, i, name, own);
        node_set_input(graph_edit_mut(e, id), i, IN_CONST, 0, fresh);
        free(name);
    }
    struct node *n = graph_edit_mut(e, id), *copy = node_clone(mended);
    struct node_attr *attr = n->attr;
    int n_attr = n->n_attr;
    n->attr = copy->attr;
    n->n_attr = copy->n_attr;
    copy->attr = attr;
    copy->n_attr = n_attr;
    node_free(copy);
    for (int p = 0; p < mended->n_out; p++)
        graph_edit_set_type(e, (struct value_ref){id, p}, &mended->out[p].type);
}

enum status grow_apply(const struct graph *g, const struct repair *r, uint64_t seed,
                       struct graph **graph, struct err *err)
{
    struct u64map uses = {0};
    struct graph_edit *e = graph_edit_new(*graph);
    count_tensors(*graph, &uses);
    for (int i = 0; i < r->n_outside; i++) {
        const struct node *mended = graph_node(r->joint, r->outside[i].at);
        if (grow_changed(graph_node(g, r->outside[i].id), mended))
            apply_node(e, r->outside[i].id, mended, &uses, seed);
    }
    u64map_done(&uses);
    struct graph *next = NULL;
    TRY(graph_edit_freeze(e, &next, err));
    graph_unref(*graph);
    *graph = next;
    return ST_OK;
}
