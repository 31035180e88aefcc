/* The backward run: which values want a gradient, where it is put, and the steps in reverse. */
#include "exec/exec_back.h"
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* ---- places for gradients ---- */

struct place {
    float *at;
    size_t size;
    bool used;
};
struct plan {
    struct exec *e;
    VEC(struct place) places;
};

/* The smallest free place that is large enough, else a new one. */
static float *place_get(struct plan *p, size_t size)
{
    struct place *best = NULL, fresh = {NULL, size, true};

    for (size_t i = 0; i < p->places.n; i++) {
        struct place *q = &p->places.at[i];

        if (!q->used && q->size >= size && (!best || q->size < best->size))
            best = q;
    }
    if (best) {
        best->used = true;
        return best->at;
    }
    fresh.at = exec_alloc(size);
    if (!fresh.at)
        return NULL;
    vec_push(&p->e->arena, fresh.at);
    vec_push(&p->places, fresh);
    return fresh.at;
}

static void place_put(struct plan *p, const float *at)
{
    for (size_t i = 0; i < p->places.n; i++)
        if (p->places.at[i].at == at)
            p->places.at[i].used = false;
}

static enum status place_value(struct plan *p, struct value *v, struct err *err)
{
    if (v->grad_buf)
        return ST_OK;
    v->grad_buf = place_get(p, v->size);
    return v->grad_buf ? ST_OK : err_set(err, ST_INTERNAL, "out of memory for gradients");
}

/* Values that a gradient can be asked for have `grad` set, to anything, while this runs: what is
 * computed from an input or a parameter. */
static void mark_reached(struct exec *e)
{
    static float reached;

    for (size_t i = 0; i < e->param_value.n; i++)
        e->param_value.at[i]->grad = &reached;
    for (size_t i = 0; i < e->inputs.n; i++)
        e->inputs.at[i]->grad = &reached;
    for (size_t i = 0; i < e->steps.n; i++) {
        const struct step *s = &e->steps.at[i];
        bool any = false;

        for (int k = 0; k < s->n_in; k++)
            any |= s->in[k] && s->in[k]->grad;
        for (int k = 0; any && k < s->n_out; k++)
            s->out[k]->grad = &reached;
    }
}

/* A gradient lives from the last use of its value down to the step that made it. */
static enum status place_all(struct plan *p, struct err *err)
{
    struct exec *e = p->e;

    for (size_t i = 0; i < e->outputs.n; i++)
        if (e->outputs.at[i]->grad)
            TRY(place_value(p, e->outputs.at[i], err));
    for (size_t i = e->steps.n; i-- > 0;) {
        const struct step *s = &e->steps.at[i];

        for (int k = 0; k < s->n_out; k++)
            if (s->out[k]->grad)
                TRY(place_value(p, s->out[k], err));
        for (int k = 0; k < s->n_in; k++)
            if (s->in[k] && s->in[k]->grad)
                TRY(place_value(p, s->in[k], err));
        for (int k = 0; k < s->n_out; k++)
            if (s->kernel->op != OP_INPUT)
                place_put(p, s->out[k]->grad_buf);
    }
    return ST_OK;
}

static enum status init_kernels(struct exec *e, struct err *err)
{
    for (size_t i = 0; i < e->steps.n; i++) {
        struct step *s = &e->steps.at[i];
        const struct back_kernel *k = back_kernel_of(s);
        bool learns = false;

        for (int p = 0; p < s->n_in; p++)
            learns |= s->in[p] && s->in[p]->learns;
        if (!learns || s->kernel->op == OP_OUTPUT)
            continue;
        if (!k)
            return exec_unsupported(s, err, "has no gradient here");
        if (k->init)
            TRY(k->init(e, s, err));
    }
    return ST_OK;
}

enum status exec_grad_init(struct exec *e, struct err *err)
{
    struct plan p = {.e = e};
    enum status st;

    mark_reached(e);
    st = place_all(&p, err);
    for (size_t i = 0; i < e->values.n; i++)
        e->values.at[i]->grad = NULL;
    vec_done(&p.places);
    TRY(st);
    return init_kernels(e, err);
}

/* ---- for kernels ---- */

/* A value that several ports of a step read is written by the first of them. */
static bool writes_direct(const struct step *s, int i)
{
    for (int k = 0; k < i; k++)
        if (s->in[k] == s->in[i])
            return false;
    return !s->in[i]->grad_live;
}

static int slot_of(int i)
{
    return EXEC_SCRATCH_GRAD + (i < 3 ? i : 2);
}

float *exec_grad_take(struct exec *e, struct step *s, int i)
{
    struct value *v = i < s->n_in ? s->in[i] : NULL;

    if (!v || !v->grad)
        return NULL;
    return writes_direct(s, i) ? v->grad : exec_scratch(e, slot_of(i), v->size);
}

void exec_grad_put(struct exec *e, struct step *s, int i)
{
    struct value *v = s->in[i];

    if (v->grad_live)
        back_vec_add(v->grad, e->scratch[slot_of(i)], (int64_t)v->size);
    else if (!writes_direct(s, i))
        memcpy(v->grad, e->scratch[slot_of(i)], v->size * sizeof(float));
    v->grad_live = true;
}

/* ---- the run ---- */

/* From the inputs asked for and the parameters down to the outputs. */
static enum status open_grads(struct exec *e, float *const *grad_in, struct err *err)
{
    for (size_t i = 0; i < e->values.n; i++) {
        e->values.at[i]->grad = NULL;
        e->values.at[i]->grad_live = false;
    }
    for (size_t i = 0; i < e->param_value.n; i++)
        e->param_value.at[i]->grad = e->param_value.at[i]->grad_buf;
    for (size_t i = 0; grad_in && i < e->inputs.n; i++)
        if (grad_in[i])
            e->inputs.at[i]->grad = e->inputs.at[i]->grad_buf;
    for (size_t i = 0; i < e->steps.n; i++) {
        struct step *s = &e->steps.at[i];
        const struct back_kernel *kernel = back_kernel_of(s);
        bool any = false;

        for (int k = 0; k < s->n_in; k++)
            any |= s->in[k] && s->in[k]->grad;
        if (!any || s->kernel->op == OP_OUTPUT)
            continue;
        if (!kernel)
            return exec_unsupported(s, err, "has no gradient here");
        if (kernel->init && !s->back)
            TRY(kernel->init(e, s, err));
        for (int k = 0; k < s->n_out; k++)
            s->out[k]->grad = s->out[k]->grad_buf;
    }
    return ST_OK;
}

/* From plain to the layout of `v`, set or added; padding becomes zero. */
static void seed_output(struct value *v, const float *from)
{
    if (!v->grad_live)
        memset(v->grad, 0, v->size * sizeof(float));
    v->grad_live = true;
    for (int64_t k = 0; k < v->count; k++)
        v->grad[v->plain ? k : back_offset(v, k)] += from[k];
}

/* Gives a kernel NULL for outputs that nothing came to, but for the first: zeros. False when
 * nothing came to any. */
static bool settle_outputs(struct step *s)
{
    bool any = false;

    for (int i = 0; i < s->n_out; i++)
        any |= s->out[i]->grad && s->out[i]->grad_live;
    for (int i = 0; any && i < s->n_out; i++) {
        struct value *v = s->out[i];

        if (v->grad_live)
            continue;
        if (i == 0)
            memset(v->grad, 0, v->size * sizeof(float));
        else
            v->grad = NULL;
    }
    return any;
}

static void close_grads(struct exec *e, float *const *grad_in)
{
    for (size_t i = 0; i < e->param_value.n; i++) { /* without influence on the loss */
        struct value *v = e->param_value.at[i];

        if (!v->grad_live)
            memset(v->grad_buf, 0, v->size * sizeof(float));
    }
    for (size_t i = 0; grad_in && i < e->inputs.n; i++) {
        const struct value *v = e->inputs.at[i];

        for (int64_t k = 0; grad_in[i] && k < v->count; k++)
            grad_in[i][k] = v->grad_live ? v->grad[v->plain ? k : back_offset(v, k)] : 0;
    }
}

enum status exec_backward(struct exec *e, const float *const *grad_out, float *const *grad_in,
                          struct err *err)
{
    omp_set_num_threads(e->opts.threads);
    TRY(open_grads(e, grad_in, err));
    for (size_t i = 0; i < e->outputs.n; i++)
        if (e->outputs.at[i]->grad && grad_out[i])
            seed_output(e->outputs.at[i], grad_out[i]);
    for (size_t i = e->steps.n; i-- > 0;) {
        struct step *s = &e->steps.at[i];

        if (e->opts.cancel && __atomic_load_n(e->opts.cancel, __ATOMIC_RELAXED))
            return err_set(err, ST_CANCELLED, "cancelled");
        if (s->kernel->op != OP_INPUT && settle_outputs(s))
            TRY(back_kernel_of(s)->run(e, s, err));
    }
    close_grads(e, grad_in);
    return ST_OK;
}
