/* Buffers. Where every value must be kept each has its own; in inference a buffer is used again
 * as soon as its last reader has run, and steps that may work in place do; what a Concat joins is
 * written into its output. */
#include "exec/plan.h"

static enum status own_buffer(struct exec *e, struct value *v, struct err *err)
{
    (void)e;
    v->data = exec_alloc(v->size);
    v->owned = true;
    return v->data ? ST_OK : err_set(err, ST_INTERNAL, "out of memory for activations");
}

/* ---- lifetimes ---- */

/* The value that has the buffer in which v lies, *offset floats behind its beginning. */
static struct value *root(struct value *v, size_t *offset)
{
    *offset = 0;
    for (; v->shares; v = v->shares)
        *offset += v->offset;
    return v;
}

static bool is_pinned(const struct exec *e, const struct value *v)
{
    if (v->tensor)
        return true;
    for (size_t i = 0; i < e->inputs.n; i++)
        if (e->inputs.at[i] == v)
            return true;
    for (size_t i = 0; i < e->outputs.n; i++)
        if (e->outputs.at[i] == v)
            return true;
    return false;
}

void plan_lifetimes(struct exec *e)
{
    for (size_t i = 0; i < e->steps.n; i++) {
        const struct step *s = &e->steps.at[i];

        for (int p = 0; p < s->n_out; p++)
            s->out[p]->first = s->out[p]->last = (int)i;
        for (int p = 0; p < s->n_in; p++)
            if (s->in[p])
                s->in[p]->last = (int)i;
    }
}

/* ---- sharing ---- */

/* The input whose buffer the step's output may be, NULL: none. `view`: it only reads it anew, so
 * others may go on reading. */
static struct value *in_place(const struct step *s, bool *view)
{
    struct value *x = s->n_in > 0 ? s->in[0] : NULL;

    *view = s->kernel->forward == k_moves && x && s->kernel->init == k_flat_init;
    if (s->fusion && s->fusion->sum)
        return s->fusion->sum == x ? NULL : s->fusion->sum;
    return *view || s->kernel->in_place ? x : NULL;
}

static void lie_in(struct value *v, struct value *of, size_t offset)
{
    v->shares = of;
    v->offset = offset;
    if (v->last > of->last)
        of->last = v->last;
}

static void share(struct step *s, int at)
{
    bool view;
    struct value *x = in_place(s, &view), *y, *r;
    size_t offset, other;

    if (!x || s->n_out != 1)
        return;
    y = s->out[0];
    r = root(x, &offset);
    if (y->pinned || r->pinned || x->size != y->size || (!view && r->last != at))
        return;
    if (view ? !x->plain : !dnnl_memory_desc_equal(&x->md, &y->md))
        return;
    for (int p = 0; p < s->n_in && !view; p++) /* read by another way too */
        if (s->in[p] && s->in[p] != x && root(s->in[p], &other) == r)
            return;
    lie_in(y, r, offset);
}

/* Inputs of a Concat that are made here are written where its output has them. */
static void join(struct step *s)
{
    bool some = false;
    size_t at = 0, offset;

    if (s->kernel->op != OP_CONCAT || s->out[0]->pinned || !k_concat_in_row(s))
        return;
    for (int p = 0; p < s->n_in; at += s->in[p++]->size) {
        struct value *r = root(s->in[p], &offset);

        if (r->pinned || r == s->out[0] || r->size != s->in[p]->size)
            continue;
        lie_in(r, s->out[0], at);
        some = true;
    }
    if (some)
        k_concat_join(s);
}

/* ---- the arena ---- */

struct slot {
    float *data;
    size_t size;
    int until; /* last step of its present value */
};
struct slots {
    VEC(struct slot) all;
};

/* The free buffer that fits best; else a new one. */
static float *take(struct exec *e, struct slots *s, size_t size, int at, int until)
{
    struct slot *best = NULL;

    for (size_t i = 0; i < s->all.n; i++) {
        struct slot *k = &s->all.at[i];

        if (k->until < at && k->size >= size && k->size <= 4 * size + 4096 &&
            (!best || k->size < best->size))
            best = k;
    }
    if (!best) {
        float *data = exec_alloc(size);

        if (!data)
            return NULL;
        vec_push(&e->arena, data);
        vec_push(&s->all, (struct slot){.data = data, .size = size});
        best = &s->all.at[s->all.n - 1];
    }
    best->until = until;
    return best->data;
}

static enum status place(struct exec *e, struct slots *slots, const struct step *s, int at,
                         struct err *err)
{
    for (int p = 0; p < s->n_out; p++) {
        size_t offset;
        struct value *v = root(s->out[p], &offset);

        if (v->data)
            continue;
        if (v->pinned) {
            TRY(own_buffer(e, v, err));
            continue;
        }
        v->data = take(e, slots, v->size, at, v->last);
        if (!v->data)
            return err_set(err, ST_INTERNAL, "out of memory for activations");
    }
    return ST_OK;
}

static enum status reuse_buffers(struct exec *e, struct err *err)
{
    struct slots slots = {0};
    enum status st = ST_OK;

    for (size_t i = 0; i < e->values.n; i++)
        e->values.at[i]->pinned = is_pinned(e, e->values.at[i]);
    plan_lifetimes(e);
    for (size_t i = 0; i < e->steps.n; i++) {
        share(&e->steps.at[i], (int)i);
        join(&e->steps.at[i]);
    }
    for (size_t i = 0; i < e->steps.n && st == ST_OK; i++)
        st = place(e, &slots, &e->steps.at[i], (int)i, err);
    vec_done(&slots.all);
    for (size_t i = 0; i < e->values.n && st == ST_OK; i++) {
        size_t offset;
        const struct value *r = root(e->values.at[i], &offset);

        if (e->values.at[i]->shares)
            e->values.at[i]->data = r->data + offset;
    }
    return st;
}

enum status plan_buffers(struct exec *e, struct err *err)
{
    if (plan_is_fast(e))
        return reuse_buffers(e, err);
    for (size_t i = 0; i < e->values.n; i++)
        if (!e->values.at[i]->data)
            TRY(own_buffer(e, e->values.at[i], err));
    return ST_OK;
}
