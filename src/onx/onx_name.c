/* Names for everything that is written: the names of the graph where they are free, since users
 * know inputs, outputs and weights by name; made-up ones elsewhere. */
#include "onx/onx_build.h"

#define ARENA_BLOCK ((size_t)64 << 10)

void *onx_alloc(struct onx_arena *a, size_t n, size_t size)
{
    size_t bytes = (n * size + 15) & ~(size_t)15; /* n and size are of things already in memory */
    if (!a->block.n || bytes > a->cap - a->used) {
        a->cap = bytes > ARENA_BLOCK ? bytes : ARENA_BLOCK;
        a->used = 0;
        vec_push(&a->block, x_calloc(1, a->cap));
    }
    void *p = (char *)a->block.at[a->block.n - 1] + a->used;
    a->used += bytes;
    return p;
}

char *onx_dup(struct onx_arena *a, const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(onx_alloc(a, n, 1), s, n);
}

void onx_arena_done(struct onx_arena *a)
{
    for (size_t i = 0; i < a->block.n; i++)
        free(a->block.at[i]);
    vec_done(&a->block);
}

char *onx_take_name(struct onx_builder *c, const char *stem)
{
    if (!stem[0])
        stem = "value";
    int64_t *n = strmap_get(&c->used, stem);
    if (!n) {
        strmap_put(&c->used, stem, 1);
        return onx_dup(c->a, stem);
    }
    for (;;) {
        char *name = x_asprintf("%s_%lld", stem, (long long)(*n)++);
        bool fresh = !strmap_get(&c->used, name);
        char *kept = fresh ? onx_dup(c->a, name) : NULL;
        if (fresh)
            strmap_put(&c->used, name, 1);
        free(name);
        if (kept)
            return kept;
    }
}

char *onx_take_name2(struct onx_builder *c, const char *stem, const char *suffix)
{
    char *both = x_asprintf("%s%s", stem, suffix);
    char *name = onx_take_name(c, both);
    free(both);
    return name;
}

static bool take_exactly(struct onx_builder *c, const char *name)
{
    if (!name[0] || strmap_get(&c->used, name))
        return false;
    strmap_put(&c->used, name, 1);
    return true;
}

char **onx_value_name(struct onx_builder *c, const struct node_input *in)
{
    return &c->value[in->node][in->port];
}

struct onx_named_tensor *onx_tensor_slot(struct onx_builder *c, const struct tensor *t)
{
    int64_t at = (int64_t)c->tensors.n;
    int64_t *k = u64map_put(&c->tensor_at, (uint64_t)(uintptr_t)t, at);
    if (*k == at)
        vec_push(&c->tensors, (struct onx_named_tensor){.tensor = t});
    return &c->tensors.at[*k];
}

static const char *tensor_stem(const struct tensor *t, const struct node *user)
{
    return tensor_name(t)[0] ? tensor_name(t) : node_label(user);
}

static enum status name_outputs(struct onx_builder *c)
{
    int n;
    const int32_t *ids = graph_outputs(c->g, &n);
    c->output = onx_alloc(c->a, (size_t)n + 1, sizeof *c->output);
    for (int i = 0; i < n; i++) {
        const struct node *o = graph_node(c->g, ids[i]);
        if (o->n_in != 1 || o->in[0].node == IN_NONE)
            return err_set(c->err, ST_MODEL, "output '%s' of the graph has no value", o->name);
        const struct node_input *in = &o->in[0];
        const char *want = o->name;
        if (in->tensor) {
            struct onx_named_tensor *t = onx_tensor_slot(c, in->tensor);
            c->output[i] = onx_take_name(c, want);
            if (!t->name)
                t->name = onx_take_name(c, tensor_stem(in->tensor, o));
            vec_push(&c->copies, (struct onx_copy){c->output[i], t->name});
            strmap_put(&c->out_names, c->output[i], i);
            continue;
        }
        char **name = onx_value_name(c, in);
        if (!want[0])
            want = graph_node(c->g, in->node)->out[in->port].name;
        /* One value under two names takes a copy. */
        bool copy = *name && (strcmp(*name, want) != 0 || strmap_get(&c->out_names, *name));
        c->output[i] = copy || !*name ? onx_take_name(c, want) : *name;
        if (copy)
            vec_push(&c->copies, (struct onx_copy){c->output[i], *name});
        else
            *name = c->output[i];
        strmap_put(&c->out_names, c->output[i], i);
    }
    return ST_OK;
}

/* The names a subgraph captures are fixed: they stand in its attributes. */
static enum status name_captured(struct onx_builder *c, const struct node *n)
{
    struct onx_names names = {0};
    enum status st = ST_OK;
    for (int i = 0; i < n->n_attr && st == ST_OK; i++) {
        Onnx__AttributeProto *a = NULL;
        if (n->attr[i].kind != ATTR_BLOB)
            continue;
        st = onx_blob_parse(&a, &n->attr[i], c->err);
        if (st == ST_OK) {
            vec_push(&c->b->parsed, a);
            onx_captured(&names, a);
        }
    }
    if (st == ST_OK && (int)names.list.n != n->n_implicit)
        st = err_set(c->err, ST_MODEL, "node '%s' (%s): %zu captured names, %d inputs for them",
                     node_label(n), node_op_type(n), names.list.n, n->n_implicit);
    for (size_t i = 0; i < names.list.n && st == ST_OK; i++) {
        const struct node_input *in = &n->in[n->n_in - n->n_implicit + (int)i];
        if (in->node == IN_NONE)
            continue;
        char **name = in->tensor ? &onx_tensor_slot(c, in->tensor)->name : onx_value_name(c, in);
        const char *want = names.list.at[i];
        if (*name && strcmp(*name, want) == 0)
            continue;
        if (*name || !take_exactly(c, want))
            st = err_set(c->err, ST_UNSUPPORTED,
                         "node '%s' (%s): its subgraph needs a value named '%s', now '%s'",
                         node_label(n), node_op_type(n), want, *name ? *name : "another one");
        else
            *name = onx_dup(c->a, want);
    }
    onx_names_done(&names);
    return st;
}

static bool is_used(const struct graph *g, int32_t id, int port)
{
    int n;
    const struct use *u = graph_uses(g, id, &n);
    for (int i = 0; i < n; i++)
        if (graph_node(g, u[i].node)->in[u[i].port].port == port)
            return true;
    return false;
}

static void name_values(struct onx_builder *c, int32_t id, const struct node *n)
{
    for (int k = 0; k < n->n_out; k++) {
        char **name = &c->value[id][k];
        if (*name)
            continue;
        if (n->out[k].name[0])
            *name = onx_take_name(c, n->out[k].name);
        else if (is_used(c->g, id, k))
            *name = onx_take_name(c, node_label(n));
        else
            *name = onx_dup(c->a, "");
    }
}

enum status onx_give_names(struct onx_builder *c)
{
    int n_slots = graph_n_slots(c->g), n_in;
    const int32_t *inputs = graph_inputs(c->g, &n_in);
    c->value = onx_alloc(c->a, (size_t)n_slots + 1, sizeof *c->value);
    for (int32_t id = 0; id < n_slots; id++) {
        const struct node *n = graph_node(c->g, id);
        if (n && n->n_out)
            c->value[id] = onx_alloc(c->a, (size_t)n->n_out, sizeof **c->value);
    }
    for (int i = 0; i < n_in; i++) {
        const struct node *n = graph_node(c->g, inputs[i]);
        c->value[inputs[i]][0] = onx_take_name(c, n->out[0].name[0] ? n->out[0].name : n->name);
    }
    TRY(name_outputs(c));
    for (int32_t id = 0; id < n_slots; id++) {
        const struct node *n = graph_node(c->g, id);
        if (n && n->n_implicit)
            TRY(name_captured(c, n));
    }
    for (int32_t id = 0; id < n_slots; id++) {
        const struct node *n = graph_node(c->g, id);
        for (int i = 0; n && i < n->n_in; i++)
            if (n->in[i].tensor) {
                struct onx_named_tensor *t = onx_tensor_slot(c, n->in[i].tensor);
                if (!t->name)
                    t->name = onx_take_name(c, tensor_stem(t->tensor, n));
            }
    }
    for (int32_t id = 0; id < n_slots; id++)
        if (graph_node(c->g, id))
            name_values(c, id, graph_node(c->g, id));
    return ST_OK;
}
