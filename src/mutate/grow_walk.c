/* Which nodes outside the region a change of width at its ports reaches. */
#include "mutate/grow_priv.h"

#include "base/hash.h"
#include "base/vec.h"

#include <stdlib.h>

struct walk {
    const struct hunt *h;
    int max;
    struct u64map seen; /* values, and nodes with port -1 */
    VEC(struct value_ref) todo;
    VEC(int32_t) ids; /* nearest first */
};

static void walk_value(struct walk *w, struct value_ref v)
{
    int64_t *mark = u64map_put(&w->seen, grow_key(v.node, v.port), 0);
    if (!*mark) {
        *mark = 1;
        vec_push(&w->todo, v);
    }
}

/* Whether another width in front asks for one behind. */
bool grow_carries(const struct node *n)
{
    return !op_info(n->op)->weighted || node_is_depthwise(n);
}

static void walk_inputs(struct walk *w, const struct node *n)
{
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i].node >= 0)
            walk_value(w, (struct value_ref){n->in[i].node, n->in[i].port});
}

enum { MET_FROM_INPUT = 1, MET_FROM_OUTPUT = 2 };

/* A node whose input or output changes its width. */
static void walk_node(struct walk *w, int32_t id, int from)
{
    const struct node *n = graph_node(w->h->g, id);
    if (n->op == OP_INPUT || n->op == OP_OUTPUT || n->op == OP_OPAQUE || region_has(w->h->r, id))
        return;
    int64_t *met = u64map_put(&w->seen, grow_key(id, -1), 0);
    if (!*met && (int)w->ids.n < w->max)
        vec_push(&w->ids, id);
    if (*met & from)
        return;
    /* All inputs of a concat may be of different widths. */
    bool others = !*met ? n->op != OP_CONCAT || from == MET_FROM_OUTPUT
                        : n->op == OP_CONCAT && from == MET_FROM_OUTPUT;
    *met |= from;
    if (!grow_carries(n))
        return;
    if (others)
        walk_inputs(w, n);
    for (int p = 0; p < n->n_out; p++)
        walk_value(w, (struct value_ref){id, p});
}

static void walk_run(struct walk *w)
{
    for (size_t at = 0; at < w->todo.n && (int)w->ids.n < w->max; at++) {
        struct value_ref v = w->todo.at[at];
        int n_uses;
        walk_node(w, v.node, MET_FROM_OUTPUT);
        const struct use *use = graph_uses(w->h->g, v.node, &n_uses);
        for (int i = 0; i < n_uses && (int)w->ids.n < w->max; i++)
            if (graph_node(w->h->g, use[i].node)->in[use[i].port].port == v.port)
                walk_node(w, use[i].node, MET_FROM_INPUT);
    }
}

/* ---- where to walk from ---- */

static void add_walk(struct grow_lists *l, const struct hunt *h, int first_in, int n_in,
                     int first_out, int n_out)
{
    struct walk w = {.h = h, .max = h->opts->grow};
    for (int i = 0; i < n_out; i++)
        walk_value(&w, h->r->out[first_out + i]);
    for (int i = 0; i < n_in; i++)
        walk_value(&w, h->r->in[first_in + i]);
    walk_run(&w);
    l->at[l->n++] = (struct grow_list){(int)w.ids.n, w.ids.at};
    u64map_done(&w.seen);
    vec_done(&w.todo);
}

void grow_lists_init(struct grow_lists *l, const struct hunt *h)
{
    const struct region *r = h->r;
    l->n = 0;
    for (int i = 0; i < r->n_out && i < MAX_SINGLE; i++)
        add_walk(l, h, 0, 0, i, 1);
    for (int i = 0; i < r->n_in && i < MAX_SINGLE; i++)
        add_walk(l, h, i, 1, 0, 0);
    if (r->n_out > 1)
        add_walk(l, h, 0, 0, 0, r->n_out);
    if (r->n_in > 1)
        add_walk(l, h, 0, r->n_in, 0, 0);
    if (r->n_in && r->n_out)
        add_walk(l, h, 0, r->n_in, 0, r->n_out);
}

void grow_lists_done(struct grow_lists *l)
{
    for (int i = 0; i < l->n; i++)
        free(l->at[i].ids);
    l->n = 0;
}
