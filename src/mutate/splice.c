/* Takes the region out and puts the fragment in: ids, inputs, weights, names, outside uses. */
#include "mutate/mutate_priv.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/vec.h"

#include <stdlib.h>
#include <string.h>

struct splicer {
    const struct graph *g, *frag;
    const struct region *r;
    const struct ports *p;
    uint64_t seed;
    struct taken *taken;
    struct graph_edit *e;
    struct spliced *s;
    int32_t *new_id; /* fragment id -> id in the edit */
    int *input_at;   /* fragment id of an OP_INPUT -> its position among them */
    /* A tensor that two nodes of the fragment share stays shared. Both borrowed. */
    struct u64map renamed; /* struct tensor * of the fragment -> index in fresh */
    VEC(struct tensor *) fresh;
};

/* The value of the new graph behind a value of the fragment. */
static struct value_ref outside_of(const struct splicer *s, int32_t node, int32_t port)
{
    if (graph_node(s->frag, node)->op == OP_INPUT)
        return s->r->in[s->p->in[s->input_at[node]]];
    return (struct value_ref){s->new_id[node], port};
}

/* ---- nodes ---- */

/* The constant that a node of the fragment takes over at this input; NULL: none. */
static struct tensor *old_const(const struct splicer *s, int32_t from, int port)
{
    int32_t old = s->taken[from].old;
    if (old < 0 || !take_const(graph_node(s->frag, from), graph_node(s->g, old), port))
        return NULL;
    return graph_node(s->g, old)->in[port].tensor;
}

static char *copy_text(char *old, const char *text)
{
    char *copy = x_strdup(text);
    free(old);
    return copy;
}

/* Nodes that are as the replaced ones get their names at once, so that they count as used when
 * the others are named. */
static void add_nodes(struct splicer *s)
{
    const int32_t *topo = graph_topo(s->frag);
    int at = graph_edit_n_slots(s->e), n = graph_n_nodes(s->frag);
    s->s->added = x_calloc((size_t)n + 1, sizeof *s->s->added);
    s->s->from = x_calloc((size_t)n + 1, sizeof *s->s->from);
    for (int i = 0; i < n; i++) {
        enum op op = graph_node(s->frag, topo[i])->op;
        if (op == OP_INPUT || op == OP_OUTPUT)
            continue;
        s->new_id[topo[i]] = at++;
        s->s->from[s->s->n_added++] = topo[i];
    }
    for (int i = 0; i < s->s->n_added; i++) {
        int32_t from = s->s->from[i];
        const struct taken *t = &s->taken[from];
        struct node *c = node_clone(graph_node(s->frag, from));
        for (int k = 0; k < c->n_in; k++)
            if (c->in[k].node >= 0) {
                struct value_ref v = outside_of(s, c->in[k].node, c->in[k].port);
                node_set_input(c, k, v.node, v.port, NULL);
            }
        for (int k = 0; k < c->n_in; k++) {
            struct tensor *old = old_const(s, from, k);
            if (old)
                node_set_input(c, k, IN_CONST, 0, tensor_ref(old));
        }
        const struct node *named = t->same ? graph_node(s->g, t->old) : NULL;
        node_set_name(c, named ? named->name : "");
        for (int k = 0; k < c->n_out; k++) {
            c->out[k].name = copy_text(c->out[k].name, named ? named->out[k].name : "");
            /* A declared type would survive where inference falls back on it. */
            c->out[k].type = ttype_unknown();
        }
        s->s->added[i] = graph_edit_add(s->e, c);
    }
}

/* ---- the outside ---- */

/* Whether a user knows the value by its name: a subgraph that captures it, a graph output that goes
 * by the same name. (An output of another name is renamed or copied when it is written.) */
static bool by_name(const struct node *user, int port, const char *name)
{
    if (user->op == OP_OUTPUT)
        return !user->name[0] || strcmp(user->name, name) == 0;
    return port >= user->n_in - user->n_implicit;
}

/* The name goes to its new holder; a node that is otherwise as it was loses it. */
static void hand_name(struct splicer *s, struct value_ref v, const char *name)
{
    for (int i = 0; i < s->s->n_added; i++) {
        const struct node *n = graph_edit_node(s->e, s->s->added[i]);
        for (int k = 0; k < n->n_out; k++) {
            bool holder = s->s->added[i] == v.node && k == v.port;
            if (holder || strcmp(n->out[k].name, name) == 0) {
                struct node_output *o = &graph_edit_mut(s->e, s->s->added[i])->out[k];
                o->name = copy_text(o->name, holder ? name : "");
            }
        }
    }
}

static enum status rewire(struct splicer *s, struct value_ref was, struct value_ref now,
                          struct err *err)
{
    int n;
    const struct use *use = graph_uses(s->g, was.node, &n);
    const char *name = graph_node(s->g, was.node)->out[was.port].name;
    bool forwarded = now.node < graph_n_slots(s->g), wanted = false;
    for (int i = 0; i < n; i++) {
        const struct node *user = graph_node(s->g, use[i].node);
        if (region_has(s->r, use[i].node) || user->in[use[i].port].port != was.port)
            continue;
        if (by_name(user, use[i].port, name)) {
            wanted = true;
            if (forwarded && (user->op != OP_OUTPUT || !user->name[0]))
                return err_set(err, ST_MODEL,
                               "node '%s' (%s) knows the value '%s' by name, which the fragment "
                               "does not compute",
                               node_label(user), node_op_type(user), name);
        }
        struct node *m = graph_edit_mut(s->e, use[i].node);
        node_set_input(m, use[i].port, now.node, now.port, NULL);
    }
    if (wanted && !forwarded)
        hand_name(s, now, name);
    return ST_OK;
}

static enum status rewire_all(struct splicer *s, struct err *err)
{
    int n;
    const int32_t *ids = graph_outputs(s->frag, &n);
    s->s->out = x_calloc((size_t)n + 1, sizeof *s->s->out);
    for (int i = 0; i < n; i++) {
        const struct node_input *in = &graph_node(s->frag, ids[i])->in[0];
        struct value_ref now = outside_of(s, in->node, in->port);
        s->s->out[s->p->out[i]] = now;
        TRY(rewire(s, s->r->out[s->p->out[i]], now, err));
    }
    return ST_OK;
}

/* ---- names and weights of what is new ---- */

static const char *stem_of(const struct node *n)
{
    const char *label = node_label(n);
    return label[0] ? label : node_op_type(n);
}

static void name_node(struct splicer *s, int i)
{
    int32_t id = s->s->added[i];
    const struct node *f = graph_node(s->frag, s->s->from[i]);
    bool same = s->taken[s->s->from[i]].same;
    char *name =
        same ? x_strdup(graph_edit_node(s->e, id)->name) : graph_edit_fresh_name(s->e, stem_of(f));
    if (!same)
        node_set_name(graph_edit_mut(s->e, id), name);
    for (int k = 0; k < f->n_out; k++) {
        if (graph_edit_node(s->e, id)->out[k].name[0] || !f->out[k].name[0])
            continue;
        /* Where node and value go by one name they still do. */
        bool one = !same && strcmp(f->out[k].name, f->name) == 0;
        char *value =
            one ? x_strdup(name) : graph_edit_fresh_name(s->e, same ? name : f->out[k].name);
        struct node_output *o = &graph_edit_mut(s->e, id)->out[k];
        o->name = copy_text(o->name, value);
        free(value);
    }
    free(name);
}

static void start_weights(struct splicer *s, int i)
{
    const struct node *f = graph_node(s->frag, s->s->from[i]);
    for (int k = 0; k < f->n_in; k++) {
        const struct tensor *t = f->in[k].tensor;
        if (!t || old_const(s, s->s->from[i], k))
            continue;
        int64_t *at = u64map_put(&s->renamed, (uint64_t)(uintptr_t)t, -1);
        if (*at < 0) {
            *at = (int64_t)s->fresh.n;
            char *name =
                tensor_name(t)[0] ? graph_edit_fresh_name(s->e, tensor_name(t)) : x_strdup("");
            uint64_t seed = hash_pair(hash_pair(s->seed, (uint64_t)i), (uint64_t)k);
            vec_push(&s->fresh, fresh_const(f, k, name, seed));
            free(name);
        }
        struct tensor *mine = tensor_ref(s->fresh.at[*at]);
        node_set_input(graph_edit_mut(s->e, s->s->added[i]), k, IN_CONST, 0, mine);
    }
}

/* ---- all of it ---- */

/* What fed the region must still feed something, or the child drags dead nodes along. */
static enum status check_fed(const struct splicer *s, struct err *err)
{
    for (int i = 0; i < s->r->n_in; i++) {
        int32_t id = s->r->in[i].node;
        int n;
        graph_uses(s->s->graph, id, &n);
        const struct node *node = graph_node(s->g, id);
        if (!n && node->op != OP_INPUT)
            return err_set(err, ST_MODEL, "node '%s' (%s) would be left without a use",
                           node_label(node), node_op_type(node));
    }
    return ST_OK;
}

static enum status run(struct splicer *s, struct err *err)
{
    for (int i = 0; i < s->r->n; i++)
        graph_edit_remove(s->e, s->r->ids[i]);
    add_nodes(s);
    TRY(rewire_all(s, err));
    for (int i = 0; i < s->s->n_added; i++)
        name_node(s, i);
    for (int i = 0; i < s->s->n_added; i++)
        start_weights(s, i);
    struct graph_edit *e = s->e;
    s->e = NULL;
    TRY(graph_edit_freeze(e, &s->s->graph, err));
    return check_fed(s, err);
}

enum status splice(const struct graph *g, const struct region *r, const struct graph *frag,
                   const struct ports *p, uint64_t seed, struct spliced *out, struct err *err)
{
    struct splicer s = {.g = g, .frag = frag, .r = r, .p = p, .seed = seed, .s = out};
    memset(out, 0, sizeof *out);
    enum status st = take_match(g, r, frag, p, &s.taken, err);
    if (st == ST_OK) {
        size_t slots = (size_t)graph_n_slots(frag) + 1;
        s.new_id = x_calloc(slots, sizeof *s.new_id);
        s.input_at = x_calloc(slots, sizeof *s.input_at);
        int n_in;
        const int32_t *in = graph_inputs(frag, &n_in);
        for (int i = 0; i < n_in; i++)
            s.input_at[in[i]] = i;
        s.e = graph_edit_new(g);
        st = run(&s, err);
    }
    graph_edit_free(s.e);
    for (size_t i = 0; i < s.fresh.n; i++)
        tensor_unref(s.fresh.at[i]);
    vec_done(&s.fresh);
    u64map_done(&s.renamed);
    free(s.new_id);
    free(s.input_at);
    free(s.taken);
    if (st != ST_OK)
        spliced_done(out);
    return st;
}

void spliced_done(struct spliced *s)
{
    graph_unref(s->graph);
    free(s->added);
    free(s->from);
    free(s->out);
    memset(s, 0, sizeof *s);
}
