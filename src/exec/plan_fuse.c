/* Folding and fusing. What changes nothing is left out. In inference a convolution takes over the
 * normalisation, the sum and the activation that follow it, where nothing else reads what lies
 * between. */
#include "exec/plan.h"

static const struct exec_kernel nothing = {.op = OP_IDENTITY};

/* `done` is computed by `by` from now on. */
static void absorb(struct step *by, struct step *done)
{
    done->out[0]->first = by->out[0]->first;
    by->out[0] = done->out[0];
    for (int p = 0; p < done->n_in; p++)
        if (done->in[p])
            done->in[p]->n_uses--;
    done->kernel = &nothing;
    done->n_in = done->n_out = 0;
    done->into = by->id;
}

/* ---- what changes nothing ---- */

/* In training whether Dropout drops is decided at each run. */
static bool hands_on(const struct exec *e, const struct step *s)
{
    if (s->node->op == OP_DROPOUT)
        return !exec_training(e) && (s->n_out == 1 || s->out[1]->n_uses == 0) &&
               (s->n_in < 3 || !s->in[2]);
    return s->node->op == OP_IDENTITY;
}

static bool is_output(const struct exec *e, const struct value *v)
{
    for (size_t i = 0; i < e->outputs.n; i++)
        if (e->outputs.at[i] == v)
            return true;
    return false;
}

void plan_skip(struct exec *e)
{
    for (size_t i = 0; i < e->steps.n; i++) {
        struct step *s = &e->steps.at[i];
        struct value *x, *y;

        for (int p = 0; p < s->n_in; p++)
            if (s->in[p] && s->in[p]->same)
                s->in[p] = s->in[p]->same;
        if (!hands_on(e, s))
            continue;
        x = s->in[0];
        y = s->out[0];
        if (x->tensor || is_output(e, y) || !dnnl_memory_desc_equal(&x->md, &y->md))
            continue;
        y->same = x;
        x->n_uses += y->n_uses;
        for (int p = 0; p < s->n_in; p++)
            if (s->in[p])
                s->in[p]->n_uses--;
        s->kernel = &nothing;
        s->n_in = s->n_out = 0;
        s->into = x->node;
    }
}

/* ---- what convolutions take over ---- */

static bool constants(const struct step *s, int from)
{
    for (int p = from; p < s->n_in; p++)
        if (s->in[p] && !s->in[p]->tensor)
            return false;
    return true;
}

static bool take_norm(struct step *conv, struct step *next)
{
    struct fusion *f = conv->fusion;

    if (next->node->op != OP_BATCHNORM || f->norm[0] || f->n_post || next->n_out != 1 ||
        !constants(next, 1) || node_int(next->node, "training_mode", 0) != 0)
        return false;
    for (int i = 0; i < 4; i++)
        f->norm[i] = next->in[1 + i]->data;
    f->epsilon = node_float(next->node, "epsilon", 1e-5F);
    absorb(conv, next);
    return true;
}

static bool take_function(struct step *conv, struct step *next)
{
    struct fusion *f = conv->fusion;
    struct post *p = &f->post[f->n_post];

    if (f->n_post == FUSION_POSTS || !k_function(next, &p->alg, &p->a, &p->b))
        return false;
    f->n_post++;
    absorb(conv, next);
    return true;
}

/* conv(x) + other, where the other is there before the convolution starts. */
static bool take_sum(struct step *conv, struct step *next)
{
    struct fusion *f = conv->fusion;
    struct value *other, *mine = conv->out[0];
    struct value **in;

    if ((next->node->op != OP_ADD && next->node->op != OP_SUM) || next->n_in != 2 || f->sum ||
        f->n_post || conv->node->op != OP_CONV || next->in[0] == next->in[1])
        return false;
    other = next->in[0] == mine ? next->in[1] : next->in[0];
    if (other->tensor || !dnnl_memory_desc_equal(&other->md, &mine->md) ||
        other->first >= mine->first)
        return false;
    absorb(conv, next);
    in = x_calloc(5, sizeof(struct value *));
    memcpy(in, conv->in, (size_t)conv->n_in * sizeof(struct value *));
    in[3] = other;
    other->n_uses++;
    free(conv->in);
    conv->in = in;
    conv->n_in = 4;
    f->sum = other;
    return true;
}

/* Names the step that has a kernel where that was fused too. */
static void follow(struct exec *e)
{
    int32_t *into = x_calloc((size_t)graph_n_slots(e->g), sizeof *into); /* of each node, plus 1 */

    for (size_t i = 0; i < e->steps.n; i++) {
        struct step *s = &e->steps.at[i];

        if (s->into < 0)
            continue;
        if (into[s->into])
            s->into = into[s->into] - 1;
        into[s->id] = s->into + 1;
    }
    free(into);
}

void plan_fuse(struct exec *e)
{
    plan_lifetimes(e);
    for (size_t i = 0; i < e->steps.n; i++) {
        struct step *s = &e->steps.at[i];

        if ((s->node->op != OP_CONV && s->node->op != OP_CONVT) || !constants(s, 1) || s->n_in == 0)
            continue;
        s->fusion = x_calloc(1, sizeof *s->fusion);
        /* The last reader is the only one: none of what i makes has been absorbed before. */
        while (s->out[0]->n_uses == 1) {
            struct step *n = &e->steps.at[s->out[0]->last];

            if (n->in[0] != s->out[0] && n->node->op != OP_ADD && n->node->op != OP_SUM)
                break;
            if (!take_norm(s, n) && !take_sum(s, n) && !take_function(s, n))
                break;
        }
    }
    follow(e);
}
