/* One fragment with adapters at its ports. */
#include "mutate/adapt_priv.h"

struct build {
    const struct search *s;
    struct graph_edit *e;
    int32_t *input;       /* of each region input */
    struct ttype *type;   /* of each region input, as the fragment before the repair has it */
    struct value_ref *at; /* of each fragment output */
    VEC(struct adapter) adapter;
};

static struct value_ref put_way(struct build *b, const struct adapt_way *way, struct value_ref v,
                                const struct ttype *from, const struct ttype *to, bool at_input,
                                int port)
{
    int32_t ids[2];
    v = adapter_add(b->e, way, v, from, to, ids);
    for (int i = 0; i < way->n; i++)
        vec_push(&b->adapter, (struct adapter){ids[i], way->step[i].kind, at_input, port});
    return v;
}

static struct value_ref put_add(struct build *b, struct value_ref x, struct value_ref y,
                                const struct ttype *type, bool at_input, int port)
{
    struct node *n = node_new(OP_ADD, "adapter");
    node_add_input(n, x.node, x.port);
    node_add_input(n, y.node, y.port);
    node_add_output(n, "adapter");
    n->out[0].type = *type;
    int32_t id = graph_edit_add(b->e, n);
    vec_push(&b->adapter, (struct adapter){id, ADAPT_ADD, at_input, port});
    return (struct value_ref){id, 0};
}

/* The types from which the fragment, adapters included, is as it was: the repair begins there. */
static void type_inputs(struct build *b)
{
    const struct search *s = b->s;
    for (int i = 0; i < s->h->r->n_in; i++)
        b->type[i] = s->h->in[i];
    for (int j = s->n_in - 1; j >= 0; j--) {
        const struct slot *x = &s->slot[j];
        b->type[x->port] = adapter_before(way_of(x), &x->inner, x->outer.dim[1]);
    }
    for (size_t k = 0; k < s->in_join.n; k++) {
        const struct joined *j = &s->in_join.at[k];
        b->type[j->from] =
            adapter_before(&j->way, &b->type[s->feed[j->to]], s->h->in[j->from].dim[1]);
    }
}

static void put_inputs(struct build *b)
{
    const struct search *s = b->s;
    const struct hunt *h = s->h;
    for (int i = 0; i < h->r->n_in; i++) {
        const char *name = graph_node(h->g, h->r->in[i].node)->out[h->r->in[i].port].name;
        struct node *n = node_new(OP_INPUT, name);
        node_add_output(n, name);
        n->out[0].type = b->type[i];
        b->input[i] = graph_edit_add(b->e, n);
    }
    for (int j = 0; j < s->n_in; j++) {
        const struct slot *x = &s->slot[j];
        const struct ttype *type = &b->type[x->port];
        struct value_ref v = {b->input[x->port], 0};
        for (size_t k = 0; k < s->in_join.n; k++) {
            const struct joined *q = &s->in_join.at[k];
            if (q->to != j)
                continue;
            struct value_ref other = {b->input[q->from], 0};
            other = put_way(b, &q->way, other, &b->type[q->from], type, true, q->from);
            v = put_add(b, v, other, type, true, q->from);
        }
        struct ttype before = adapter_before(way_of(x), &x->inner, x->outer.dim[1]);
        v = put_way(b, way_of(x), v, &before, &x->inner, true, x->port);
        int n_uses;
        const struct use *use = graph_uses(h->frag, s->in[j], &n_uses);
        for (int u = 0; u < n_uses; u++)
            node_set_input(graph_edit_mut(b->e, use[u].node), use[u].port, v.node, v.port, NULL);
        graph_edit_remove(b->e, s->in[j]);
    }
}

/* The first output of the region that is taken from this one of the fragment. */
static int taker_of(const struct search *s, int end)
{
    int i = 0;
    while (s->take[i] != end)
        i++;
    return i;
}

static void put_outputs(struct build *b)
{
    const struct search *s = b->s;
    for (int k = 0; k < s->n_out; k++) {
        const struct node_input *in = &graph_edit_node(b->e, s->out[k])->in[0];
        b->at[k] = (struct value_ref){in->node, in->port};
        graph_edit_remove(b->e, s->out[k]);
    }
    for (size_t k = 0; k < s->out_join.n; k++) {
        const struct joined *q = &s->out_join.at[k];
        const struct ttype *type = &s->out_type[q->to];
        int port = taker_of(s, q->to);
        struct value_ref other =
            put_way(b, &q->way, b->at[q->from], &s->out_type[q->from], type, false, port);
        b->at[q->to] = put_add(b, b->at[q->to], other, type, false, port);
    }
    for (int i = s->n_in; i < s->n_slot; i++) {
        const struct slot *x = &s->slot[i];
        struct value_ref v =
            put_way(b, way_of(x), b->at[x->end], &x->inner, &x->outer, false, x->port);
        struct node *n = node_new(OP_OUTPUT, "");
        node_add_input(n, v.node, v.port);
        graph_edit_add(b->e, n);
    }
}

enum status build_adapted(const struct search *s, struct graph **out, struct adapter **adapter,
                          int *n_adapter, struct err *err)
{
    const struct region *r = s->h->r;
    struct build b = {.s = s, .e = graph_edit_new(s->h->frag)};
    b.input = x_calloc((size_t)r->n_in + 1, sizeof *b.input);
    b.type = x_calloc((size_t)r->n_in + 1, sizeof *b.type);
    b.at = x_calloc((size_t)s->n_out + 1, sizeof *b.at);
    type_inputs(&b);
    put_inputs(&b);
    put_outputs(&b);
    free(b.input);
    free(b.type);
    free(b.at);
    *adapter = b.adapter.at;
    *n_adapter = (int)b.adapter.n;
    return graph_edit_freeze(b.e, out, err);
}
