/* The executor's public face: runs the steps that plan.c made. */
#include "exec/exec_priv.h"
#include "base/clock.h"

#include <omp.h>
#include <stdarg.h>
#include <stdio.h>

/* ---- memory ---- */

float *exec_alloc(size_t floats)
{
    size_t bytes;
    void *p;

    if (__builtin_mul_overflow(floats, sizeof(float), &bytes) || bytes > SIZE_MAX - 64)
        return NULL;
    bytes = (bytes + 63) / 64 * 64;
    if (bytes == 0)
        bytes = 64;
    p = aligned_alloc(64, bytes);
    if (p)
        memset(p, 0, bytes);
    return p;
}

float *exec_scratch(struct exec *e, int slot, size_t floats)
{
    if (!e->scratch[slot] || floats > e->scratch_size[slot]) {
        free(e->scratch[slot]);
        e->scratch[slot] = exec_alloc(floats);
        if (!e->scratch[slot])
            e->scratch[slot] = x_malloc(SIZE_MAX / 2); /* ends the program in the usual way */
        e->scratch_size[slot] = floats;
    }
    return e->scratch[slot];
}

bool exec_training(const struct exec *e)
{
    return e->opts.mode == EXEC_TRAIN;
}

enum status exec_unsupported(const struct step *s, struct err *err, const char *fmt, ...)
{
    char why[128];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    return err_set(err, ST_UNSUPPORTED, "node '%.80s' (%.40s): %s", node_label(s->node),
                   node_op_type(s->node), why);
}

/* ---- freeing ---- */

static void step_done(struct step *s)
{
    if (s->kernel && s->kernel->done && s->state)
        s->kernel->done(s);
    if (s->back_done && s->back)
        s->back_done(s);
    for (int i = 0; i < 2; i++)
        free(s->saved[i]);
    free(s->argmax);
    free(s->fusion);
    free(s->workspace);
    free(s->in);
    free(s->out);
}

void exec_free(struct exec *e)
{
    if (!e)
        return;
    for (size_t i = 0; i < e->steps.n; i++)
        step_done(&e->steps.at[i]);
    for (size_t i = 0; i < e->values.n; i++) {
        if (e->values.at[i]->owned)
            free(e->values.at[i]->data);
        if (e->values.at[i]->param >= 0)
            free(e->values.at[i]->grad_buf);
        free(e->values.at[i]);
    }
    for (size_t i = 0; i < e->arena.n; i++)
        free(e->arena.at[i]);
    for (int i = 0; i < EXEC_SCRATCHES; i++)
        free(e->scratch[i]);
    vec_done(&e->steps);
    vec_done(&e->values);
    vec_done(&e->inputs);
    vec_done(&e->outputs);
    vec_done(&e->params);
    vec_done(&e->param_value);
    vec_done(&e->arena);
    vec_done(&e->times);
    if (e->stream)
        dnnl_stream_destroy(e->stream);
    graph_unref(e->given);
    graph_unref(e->g);
    free(e);
}

/* ---- inputs and outputs ---- */

int exec_n_inputs(const struct exec *e)
{
    return (int)e->inputs.n;
}

int exec_n_outputs(const struct exec *e)
{
    return (int)e->outputs.n;
}

const struct ttype *exec_input_type(const struct exec *e, int i)
{
    return &e->inputs.at[i]->type;
}

const struct ttype *exec_output_type(const struct exec *e, int i)
{
    return &e->outputs.at[i]->type;
}

float *exec_input(struct exec *e, int i)
{
    return e->inputs.at[i]->data;
}

const float *exec_output(const struct exec *e, int i)
{
    return e->outputs.at[i]->data;
}

/* ---- running ---- */

static bool cancelled(const struct exec *e)
{
    return e->opts.cancel && __atomic_load_n(e->opts.cancel, __ATOMIC_RELAXED);
}

enum status exec_run(struct exec *e, struct err *err)
{
    omp_set_num_threads(e->opts.threads);
    for (size_t i = 0; i < e->steps.n; i++) {
        struct step *s = &e->steps.at[i];
        double start = e->opts.profile ? clock_ms() : 0;

        if (cancelled(e))
            return err_set(err, ST_CANCELLED, "cancelled");
        if (s->kernel->forward)
            TRY(s->kernel->forward(e, s, err));
        if (e->opts.profile)
            s->ms = clock_ms() - start;
    }
    return ST_OK;
}

const struct exec_step_time *exec_profile(const struct exec *e, int *n)
{
    /* The list is part of the exec's state, not of what it computes. */
    struct exec_step_time *t = e->times.at;
    double copying = 0;

    *n = 0;
    for (size_t i = 0; i < e->steps.n; i++) {
        const struct step *s = &e->steps.at[i];

        if (i + 1 < e->steps.n && s[1].id == s->id) { /* a copy made for the next step */
            copying += s->ms;
            continue;
        }
        t[(*n)++] = (struct exec_step_time){
            .node = s->id, .into = s->into, .ms = copying + s->ms, .copy_ms = copying};
        copying = 0;
    }
    return t;
}
