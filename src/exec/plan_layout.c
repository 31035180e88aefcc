/* Chooses layouts: a kernel that can goes on in the layout that reaches it, the others get a plain
 * copy of what is blocked, made once for all of them. */
#include "exec/plan.h"

static enum status copy_forward(struct exec *e, struct step *s, struct err *err)
{
    return prim_run(s->state, e, err);
}

static enum status copy_init(struct exec *e, struct step *s, struct err *err)
{
    struct prim *p = x_calloc(1, sizeof *p);

    (void)e;
    s->state = p;
    return prim_init_reorder(p, &s->in[0]->md, s->in[0]->data, &s->out[0]->md, s->out[0]->data,
                             err);
}

static void copy_done(struct step *s)
{
    prim_done(s->state);
    free(s->state);
}

static const struct exec_kernel copy = {
    .op = OP_IDENTITY, .init = copy_init, .forward = copy_forward, .done = copy_done};

/* A step of its own in front of the consumer, on whose account it goes. */
static struct value *plain_copy(struct exec *e, struct step_list *to, const struct step *consumer,
                                struct value *v)
{
    struct step s = {.id = consumer->id, .node = consumer->node, .kernel = &copy, .into = -1};

    if (v->plain_copy)
        return v->plain_copy;
    v->plain_copy = plan_value(e, &v->type);
    v->plain_copy->node = v->node;
    v->plain_copy->port = v->port;
    s.n_in = s.n_out = 1;
    s.in = x_calloc(1, sizeof(struct value *));
    s.out = x_calloc(1, sizeof(struct value *));
    s.in[0] = v;
    s.out[0] = v->plain_copy;
    vec_push(to, s);
    return v->plain_copy;
}

static enum status lay_step(struct exec *e, struct step_list *to, struct step *s, struct err *err)
{
    bool takes = false;

    if (s->kernel->layout)
        TRY(s->kernel->layout(e, s, &takes, err));
    for (int p = 0; p < s->n_in && !takes; p++)
        if (s->in[p] && !s->in[p]->plain)
            s->in[p] = plain_copy(e, to, s, s->in[p]);
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
    for (size_t i = 0; i < e->outputs.n; i++)
        if (e->outputs.at[i]->plain_copy)
            e->outputs.at[i] = e->outputs.at[i]->plain_copy;
    return st;
}
