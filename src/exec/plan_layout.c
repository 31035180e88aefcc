/* Chooses layouts: a kernel that can goes on in the layout that reaches it, the others get a plain
 * copy of what is blocked, and convolutions a blocked copy of what is plain. A copy is made once
 * for all its readers. */
#include "exec/exec_back.h"
#include "exec/plan.h"

static enum status copy_init(struct exec *e, struct step *s, struct err *err)
{
    struct prim *p = x_calloc(1, sizeof *p);

    (void)e;
    s->state = p;
    return prim_init_reorder(p, &s->in[0]->md, s->in[0]->data, &s->out[0]->md, s->out[0]->data,
                             err);
}

static const struct exec_kernel copy = {.op = OP_IDENTITY,
                                        .init = copy_init,
                                        .forward = k_prim,
                                        .done = k_prim_done,
                                        .gradient = &back_copy};

/* By a step of its own in front of the consumer, on whose account it goes. */
static struct value *copy_of(struct exec *e, struct step_list *to, const struct step *consumer,
                             struct value *v, const dnnl_memory_desc_t *md)
{
    struct step s = {.id = consumer->id, .node = consumer->node, .kernel = &copy, .into = -1};

    struct value *c = v;

    while (c && !dnnl_memory_desc_equal(&c->md, md))
        c = c->copy;
    if (c)
        return c;
    c = plan_value(e, &v->type);
    c->node = v->node;
    c->port = v->port;
    c->learns = v->learns;
    exec_set_md(c, md);
    c->copy = v->copy;
    v->copy = c;
    s.n_in = s.n_out = 1;
    s.in = x_calloc(1, sizeof(struct value *));
    s.out = x_calloc(1, sizeof(struct value *));
    s.in[0] = v;
    s.out[0] = c;
    vec_push(to, s);
    return c;
}

static dnnl_memory_desc_t wanted(const struct step *s)
{
    const struct prim *p = s->state;

    return exec_md_narrow(prim_md(p, dnnl_query_src_md), &s->in[0]->md);
}

/* Of several inputs of the same shape one is blocked, another not: all become as the first blocked
 * one, for an element-wise operator is to be computed in the layout of the convolutions. */
static void align_inputs(struct exec *e, struct step_list *to, struct step *s)
{
    const struct value *like = NULL;

    for (int p = 0; p < s->n_in; p++) {
        if (s->in[p]->count != s->out[0]->count || s->in[p]->type.rank != s->out[0]->type.rank)
            return;
        if (!like && !s->in[p]->plain)
            like = s->in[p];
    }
    for (int p = 0; like && p < s->n_in; p++)
        s->in[p] = copy_of(e, to, s, s->in[p], &like->md);
}

static enum status lay_step(struct exec *e, struct step_list *to, struct step *s, struct err *err)
{
    bool takes = false;

    if (s->kernel->aligns)
        align_inputs(e, to, s);
    if (s->kernel->layout)
        TRY(s->kernel->layout(e, s, &takes, err));
    if (takes && s->kernel->chooses_src) {
        dnnl_memory_desc_t md = wanted(s);

        s->in[0] = copy_of(e, to, s, s->in[0], &md);
    }
    for (int p = 0; p < s->n_in && !takes; p++)
        if (s->in[p] && !s->in[p]->plain) {
            dnnl_memory_desc_t plain = exec_md_plain(s->in[p]->type.rank, s->in[p]->type.dim);

            s->in[p] = copy_of(e, to, s, s->in[p], &plain);
        }
    return ST_OK;
}

enum status plan_layouts(struct exec *e, struct err *err)
{
    struct step_list to = {0};
    enum status st = ST_OK;

    for (size_t i = 0; i < e->steps.n; i++) {
        if (st == ST_OK)
            st = lay_step(e, &to, &e->steps.at[i], err);
        vec_push(&to, e->steps.at[i]);
    }
    free(e->steps.at);
    memcpy(&e->steps, &to, sizeof to);
    for (size_t i = 0; st == ST_OK && i < e->outputs.n; i++)
        while (!e->outputs.at[i]->plain)
            e->outputs.at[i] = e->outputs.at[i]->copy;
    return st;
}
