/* Gradients of operators that move or interpolate elements: what forward did, transposed. */
#include "exec/exec_back.h"
#include <stdlib.h>
#include <string.h>

/* What one input sent to the outputs comes back; what no output has came to nothing. */
static void moves_back(const struct step *s, const struct moves *m, int port, float *dx)
{
    bool whole = m->covers;

    for (int i = 0; i < m->n; i++)
        whole &= s->out[m->at[i].out]->grad != NULL;
    if (!whole)
        memset(dx, 0, s->in[port]->size * sizeof *dx);
    for (int i = 0; i < m->n; i++) {
        const struct move *v = &m->at[i];
        const float *dy = s->out[v->out]->grad;

        if (v->in == port && dy)
            exec_copy(v->rank, v->dim, dx + v->src, v->ss, dy + v->dst, v->ds);
    }
}

enum status back_moves(struct exec *e, struct step *s, struct err *err)
{
    (void)err;
    for (int i = 0; i < s->n_in; i++) {
        float *dx = exec_grad_take(e, s, i);

        if (!dx)
            continue;
        moves_back(s, s->state, i, dx);
        exec_grad_put(e, s, i);
    }
    return ST_OK;
}

/* ---- changes of layout ---- */

/* One reorder for each input, from its part of the output's gradient. */
struct parts {
    int n;
    struct prim *part;
};

static void parts_done(struct step *s)
{
    struct parts *b = s->back;

    for (int i = 0; i < b->n; i++)
        prim_done(&b->part[i]);
    free(b->part);
    free(b);
}

static enum status parts_init(struct exec *e, struct step *s, struct err *err)
{
    struct parts *b = s->back = x_calloc(1, sizeof *b);
    const dnnl_memory_desc_t *y = &s->out[0]->md;
    dnnl_dims_t from = {0};

    (void)e;
    s->back_done = parts_done;
    b->part = x_calloc((size_t)s->n_in, sizeof *b->part);
    for (b->n = 0; b->n < s->n_in; b->n++) {
        const dnnl_memory_desc_t *x = &s->in[b->n]->md;
        dnnl_memory_desc_t part;

        TRY(exec_dnnl(dnnl_memory_desc_init_submemory(&part, y, x->dims, from), "a part", err));
        TRY(prim_init_reorder(&b->part[b->n], &part, NULL, x, NULL, err));
        if (y->ndims > 1)
            from[1] += x->dims[1];
    }
    return ST_OK;
}

static enum status parts_back(struct exec *e, struct step *s, struct err *err)
{
    struct parts *b = s->back;

    for (int i = 0; i < s->n_in; i++) {
        float *dx = exec_grad_take(e, s, i);

        if (!dx)
            continue;
        prim_set(&b->part[i], DNNL_ARG_FROM, s->out[0]->grad);
        prim_set(&b->part[i], DNNL_ARG_TO, dx);
        TRY(prim_run(&b->part[i], e, err));
        exec_grad_put(e, s, i);
    }
    return ST_OK;
}

const struct back_kernel back_copy = {OP_IDENTITY, parts_init, parts_back};
const struct back_kernel back_concat = {OP_CONCAT, parts_init, parts_back};

/* ---- taps ---- */

/* Of `n` blocks of `out` rows of `inner` elements to as many of `in` rows. */
static void tap_axis_back(const struct tap_axis *t, int64_t n, int64_t in, int64_t out,
                          int64_t inner, const float *dy, float *dx)
{
    memset(dx, 0, (size_t)(n * in * inner) * sizeof *dx);
    for (int64_t b = 0; b < n; b++, dx += in * inner, dy += out * inner)
        for (int64_t k = 0; k < out * t->n; k++) {
            const float *from = dy + k / t->n * inner;
            float *to = dx + t->index[k] * inner;

            for (int64_t i = 0; i < inner; i++)
                to[i] += t->weight[k] * from[i];
        }
}

/* Axis after axis, the first one last, between two scratch buffers. */
static void taps_back(struct exec *e, const struct step *s, const struct taps *t, float *dx)
{
    const struct ttype *x = &s->in[0]->type, *y = &s->out[0]->type;
    const float *from = s->out[0]->grad;
    int64_t inner = 1;
    int slot = 0;

    for (int a = x->rank - 1; a >= 0; a--) {
        int64_t outer = 1;
        float *to;

        for (int i = 0; i < a; i++)
            outer *= y->dim[i];
        if (t->axis[a].n > 0) {
            to = exec_scratch(e, EXEC_SCRATCH_A + slot, (size_t)(outer * x->dim[a] * inner));
            tap_axis_back(&t->axis[a], outer, x->dim[a], y->dim[a], inner, from, to);
            from = to;
            slot = !slot;
        }
        inner *= x->dim[a];
    }
    memcpy(dx, from, s->in[0]->size * sizeof *dx);
}

enum status back_resize(struct exec *e, struct step *s, struct err *err)
{
    float *dx = exec_grad_take(e, s, 0);

    (void)err;
    if (dx) {
        taps_back(e, s, s->state, dx);
        exec_grad_put(e, s, 0);
    }
    return ST_OK;
}

enum status back_pad(struct exec *e, struct step *s, struct err *err)
{
    if (strcmp(node_string(s->node, "mode", "constant"), "constant") != 0)
        return back_resize(e, s, err);
    return back_moves(e, s, err);
}
