/* Gradients of operators that move or interpolate elements: what forward did, transposed. */
#include "exec/exec_back.h"
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
