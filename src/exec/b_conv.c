/* Gradients of Conv and ConvTranspose. A transposed convolution is the data gradient of a
 * convolution, so its own data gradient is that convolution forwards, and its weight gradient is
 * the convolution's with input and output exchanged. */
#include "exec/exec_back.h"
#include <stdlib.h>
#include <string.h>

struct back_state {
    struct prim data, weights;
    struct prim w_in, w_out; /* weights to the layout of `data`, gradient from that of `weights` */
    float *w, *dw;           /* in those layouts; NULL: plain serves */
    unsigned version;
    dnnl_dims_t stride, dilate, pad_l, pad_r;
};

static void state_done(struct step *s)
{
    struct back_state *b = s->back;

    prim_done(&b->data);
    prim_done(&b->weights);
    prim_done(&b->w_in);
    prim_done(&b->w_out);
    free(b->w);
    free(b->dw);
    free(b);
}

/* The window of a convolution that takes sizes `in` to `out`; the right pad is what that needs. */
static void set_window(struct back_state *b, const struct geom *g, const int64_t *in,
                       const int64_t *out)
{
    for (int i = 0; i < g->axes; i++) {
        int64_t reach = g->dilation[i] * (g->kernel[i] - 1) + 1;
        int64_t need = (out[i] - 1) * g->stride[i] + reach - in[i] - g->pad_begin[i];

        b->stride[i] = g->stride[i];
        b->dilate[i] = g->dilation[i] - 1;
        b->pad_l[i] = g->pad_begin[i];
        b->pad_r[i] = need < 0 && need + g->stride[i] > 0 ? 0 : need;
    }
}

/* Row-major O, I/group, window; with groups as a dimension of their own. */
static dnnl_memory_desc_t weight_md(const struct value *w, int64_t group)
{
    int64_t dim[TTYPE_MAX_RANK + 1] = {group, w->type.dim[0] / group};

    if (group == 1)
        return exec_md_plain(w->type.rank, w->type.dim);
    memcpy(dim + 2, w->type.dim + 1, (size_t)(w->type.rank - 1) * sizeof *dim);
    return exec_md_plain(w->type.rank + 1, dim);
}

static enum status need(struct step *s, enum status st, struct err *err)
{
    return st == ST_UNSUPPORTED ? exec_unsupported(s, err, "oneDNN has no gradient for it") : st;
}

/* Weights in the layout that `data` chose. */
static enum status bind_weights(struct step *s, struct back_state *b, const dnnl_memory_desc_t *wmd,
                                struct err *err)
{
    const dnnl_memory_desc_t *md = prim_md(&b->data, dnnl_query_weights_md);
    float *w = s->in[1]->data;

    if (!dnnl_memory_desc_equal(md, wmd)) {
        b->w = exec_alloc(dnnl_memory_desc_get_size(md) / sizeof(float));
        if (!b->w)
            return err_set(err, ST_INTERNAL, "out of memory for weights");
        TRY(prim_init_reorder(&b->w_in, wmd, w, md, b->w, err));
        w = b->w;
    }
    return prim_bind(&b->data, DNNL_ARG_WEIGHTS, md, w, err);
}

static enum status bind_gradient(struct back_state *b, const dnnl_memory_desc_t *wmd,
                                 struct err *err)
{
    const dnnl_memory_desc_t *md = prim_md(&b->weights, dnnl_query_diff_weights_md);

    if (!dnnl_memory_desc_equal(md, wmd)) {
        b->dw = exec_alloc(dnnl_memory_desc_get_size(md) / sizeof(float));
        if (!b->dw)
            return err_set(err, ST_INTERNAL, "out of memory for gradients");
        TRY(prim_init_reorder(&b->w_out, md, b->dw, wmd, NULL, err));
    }
    return prim_bind(&b->weights, DNNL_ARG_DIFF_WEIGHTS, md, b->dw, err);
}

/* The weight gradient of the convolution src -> dst; `bias` NULL: none. */
static enum status init_weights(struct step *s, struct back_state *b, const struct value *src,
                                const struct value *dst, const struct value *bias, int64_t group,
                                struct err *err)
{
    dnnl_memory_desc_t wmd = weight_md(s->in[1], group), any = exec_md_any(&wmd);
    dnnl_convolution_desc_t d;

    TRY(exec_dnnl(dnnl_dilated_convolution_backward_weights_desc_init(
                      &d, dnnl_convolution_direct, &src->md, &any, bias ? &bias->md : NULL,
                      &dst->md, b->stride, b->dilate, b->pad_l, b->pad_r),
                  "a weight gradient", err));
    TRY(need(s, prim_init(&b->weights, &d, NULL, s->node->op == OP_CONV ? s->hint : NULL, err),
             err));
    TRY(prim_bind(&b->weights, DNNL_ARG_SRC, &src->md, NULL, err));
    TRY(prim_bind(&b->weights, DNNL_ARG_DIFF_DST, &dst->md, NULL, err));
    if (bias)
        TRY(prim_bind(&b->weights, DNNL_ARG_DIFF_BIAS, &bias->md, NULL, err));
    return bind_gradient(b, &wmd, err);
}

static enum status begin(struct step *s, struct geom *g, struct back_state **out, struct err *err)
{
    if (!s->in[1]->plain)
        return exec_unsupported(s, err, "no gradient for blocked weights");
    TRY(exec_geom(s, g, err));
    *out = s->back = x_calloc(1, sizeof **out);
    s->back_done = state_done;
    return ST_OK;
}

enum status back_conv_init(struct exec *e, struct step *s, struct err *err)
{
    const struct value *x = s->in[0], *y = s->out[0];
    dnnl_convolution_desc_t d;
    dnnl_memory_desc_t wmd, any;
    struct back_state *b;
    struct geom g;

    (void)e;
    TRY(begin(s, &g, &b, err));
    set_window(b, &g, g.in, g.out);
    wmd = weight_md(s->in[1], g.group);
    any = exec_md_any(&wmd);
    TRY(exec_dnnl(dnnl_dilated_convolution_backward_data_desc_init(&d, dnnl_convolution_direct,
                                                                   &x->md, &any, &y->md, b->stride,
                                                                   b->dilate, b->pad_l, b->pad_r),
                  "a data gradient", err));
    TRY(need(s, prim_init(&b->data, &d, NULL, s->hint, err), err));
    TRY(prim_bind(&b->data, DNNL_ARG_DIFF_SRC, &x->md, NULL, err));
    TRY(prim_bind(&b->data, DNNL_ARG_DIFF_DST, &y->md, NULL, err));
    TRY(bind_weights(s, b, &wmd, err));
    return init_weights(s, b, x, y, s->n_in > 2 ? s->in[2] : NULL, g.group, err);
}

enum status back_convt_init(struct exec *e, struct step *s, struct err *err)
{
    const struct value *x = s->in[0], *y = s->out[0];
    dnnl_convolution_desc_t d;
    dnnl_memory_desc_t wmd, any;
    struct back_state *b;
    struct geom g;

    TRY(back_chan_init(e, s, err));
    TRY(begin(s, &g, &b, err));
    set_window(b, &g, g.out, g.in);
    wmd = weight_md(s->in[1], g.group);
    any = exec_md_any(&wmd);
    TRY(exec_dnnl(dnnl_dilated_convolution_forward_desc_init(
                      &d, dnnl_forward_training, dnnl_convolution_direct, &y->md, &any, NULL,
                      &x->md, b->stride, b->dilate, b->pad_l, b->pad_r),
                  "a data gradient", err));
    TRY(need(s, prim_init(&b->data, &d, NULL, NULL, err), err));
    TRY(prim_bind(&b->data, DNNL_ARG_DST, &x->md, NULL, err));
    TRY(prim_bind(&b->data, DNNL_ARG_SRC, &y->md, NULL, err));
    TRY(bind_weights(s, b, &wmd, err));
    return init_weights(s, b, y, x, NULL, g.group, err);
}

/* ---- running ---- */

static enum status run_data(struct exec *e, struct step *s, int from, int to, struct err *err)
{
    struct back_state *b = s->back;
    float *dx = exec_grad_take(e, s, 0);

    if (!dx)
        return ST_OK;
    if (b->w && (b->version != e->param_version || !s->in[1]->tensor)) {
        TRY(prim_run(&b->w_in, e, err));
        b->version = e->param_version;
    }
    prim_set(&b->data, from, s->out[0]->grad);
    prim_set(&b->data, to, dx);
    TRY(prim_run(&b->data, e, err));
    exec_grad_put(e, s, 0);
    return ST_OK;
}

static enum status run_weights(struct exec *e, struct step *s, float *src, float *dst, float *db,
                               struct err *err)
{
    struct back_state *b = s->back;
    float *dw = exec_grad_take(e, s, 1);
    bool wanted = dw != NULL;

    if (!wanted && !db)
        return ST_OK;
    if (!wanted)
        dw = exec_scratch(e, EXEC_SCRATCH_A, s->in[1]->size);
    prim_set(&b->weights, DNNL_ARG_SRC, src);
    prim_set(&b->weights, DNNL_ARG_DIFF_DST, dst);
    prim_set(&b->weights, DNNL_ARG_DIFF_BIAS, db);
    if (!b->dw)
        prim_set(&b->weights, DNNL_ARG_DIFF_WEIGHTS, dw);
    TRY(prim_run(&b->weights, e, err));
    if (b->dw) {
        prim_set(&b->w_out, DNNL_ARG_TO, dw);
        TRY(prim_run(&b->w_out, e, err));
    }
    if (wanted)
        exec_grad_put(e, s, 1);
    return ST_OK;
}

enum status back_conv(struct exec *e, struct step *s, struct err *err)
{
    bool bias = s->n_in > 2 && s->in[2];
    float *db = exec_grad_take(e, s, 2);
    bool wanted = db != NULL;

    TRY(run_data(e, s, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_SRC, err));
    if (bias && !wanted && s->in[1]->grad)
        db = exec_scratch(e, EXEC_SCRATCH_B, s->in[2]->size);
    TRY(run_weights(e, s, s->in[0]->data, s->out[0]->grad, db, err));
    if (wanted)
        exec_grad_put(e, s, 2);
    return ST_OK;
}

enum status back_convt(struct exec *e, struct step *s, struct err *err)
{
    float *db = exec_grad_take(e, s, 2);
    struct chan c;

    TRY(run_data(e, s, DNNL_ARG_SRC, DNNL_ARG_DST, err));
    TRY(run_weights(e, s, s->out[0]->grad, s->in[0]->data, NULL, err));
    if (!db || !back_chan(s->out[0], &c))
        return ST_OK;
    for (int64_t k = 0; k < c.c; k++) {
        double sum = 0;

        for (int64_t n = 0; n < c.n; n++)
            for (int64_t p = 0; p < c.pixels; p++)
                sum += s->out[0]->grad[chan_at(&c, n, k, p)];
        db[k] = (float)sum;
    }
    exec_grad_put(e, s, 2);
    return ST_OK;
}
