/* Gradients of Conv and ConvTranspose. A transposed convolution is the data gradient of a
 * convolution, so its own data gradient is that convolution forwards, and its weight gradient is
 * the convolution's with input and output exchanged. */
#include "exec/exec_back.h"
#include <stdlib.h>
#include <string.h>

/* The three tensors of a convolution y = w * x. */
enum { X, Y, W, TENSORS };

struct conv_window {
    dnnl_dims_t stride, dilate, pad_l, pad_r;
};

/* A primitive that computes one of the tensors, or its gradient, from the other two. */
struct kind {
    dnnl_status_t (*describe)(void *desc, const dnnl_memory_desc_t *md,
                              const dnnl_memory_desc_t *bias, const struct conv_window *w);
    int arg[TENSORS];
    int out; /* which it computes */
};

struct part {
    const struct kind *kind;
    struct prim main;
    struct prim
        move[TENSORS]; /* between the value and what `main` wants; empty: that is the same */
    dnnl_memory_desc_t md[TENSORS]; /* of what `main` works on, without its added channels */
    float *w; /* weights, or their gradient, as `main` wants them; NULL: row-major serves */
};

struct back_state {
    struct part data, weights;
    float *db;        /* the bias gradient, added channels included; NULL: no bias */
    unsigned version; /* of the weights that data.w holds */
};

static void part_done(struct part *p)
{
    prim_done(&p->main);
    for (int i = 0; i < TENSORS; i++)
        prim_done(&p->move[i]);
    free(p->w);
}

static void state_done(struct step *s)
{
    struct back_state *b = s->back;

    part_done(&b->data);
    part_done(&b->weights);
    free(b->db);
    free(b);
}

/* ---- the three primitives ---- */

static dnnl_status_t describe_data(void *desc, const dnnl_memory_desc_t *md,
                                   const dnnl_memory_desc_t *bias, const struct conv_window *w)
{
    (void)bias;
    return dnnl_dilated_convolution_backward_data_desc_init(desc, dnnl_convolution_direct, &md[X],
                                                            &md[W], &md[Y], w->stride, w->dilate,
                                                            w->pad_l, w->pad_r);
}

static dnnl_status_t describe_weights(void *desc, const dnnl_memory_desc_t *md,
                                      const dnnl_memory_desc_t *bias, const struct conv_window *w)
{
    return dnnl_dilated_convolution_backward_weights_desc_init(
        desc, dnnl_convolution_direct, &md[X], &md[W], bias, &md[Y], w->stride, w->dilate, w->pad_l,
        w->pad_r);
}

static dnnl_status_t describe_forward(void *desc, const dnnl_memory_desc_t *md,
                                      const dnnl_memory_desc_t *bias, const struct conv_window *w)
{
    return dnnl_dilated_convolution_forward_desc_init(
        desc, dnnl_forward_training, dnnl_convolution_direct, &md[X], &md[W], bias, &md[Y],
        w->stride, w->dilate, w->pad_l, w->pad_r);
}

static const struct kind data_kind = {
    describe_data, {DNNL_ARG_DIFF_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_WEIGHTS}, X};
static const struct kind weights_kind = {
    describe_weights, {DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_WEIGHTS}, W};
static const struct kind forward_kind = {
    describe_forward, {DNNL_ARG_SRC, DNNL_ARG_DST, DNNL_ARG_WEIGHTS}, Y};

/* ---- in which layouts ---- */

/* oneDNN's fast gradients want whole blocks of channels. A blocked buffer has them, with zeros for
 * the channels that are none: so it may be described as one of so many channels. And some windows
 * (wider than the image) only its matrix product takes, for which values must lie row-major.
 * Elsewhere it falls back on loops that take hundreds of times as long. */
enum way { AS_LAID, WHOLE_BLOCKS, ROW_MAJOR, WAYS };

/* The three as this way has them, weights in any layout; false: not another than an earlier way. */
static bool see(enum way way, const dnnl_memory_desc_t *own, dnnl_memory_desc_t *md)
{
    bool grouped = own[W].ndims > own[X].ndims, new = way == AS_LAID;
    dnnl_memory_desc_t w = own[W];

    for (int i = X; i <= Y; i++) {
        md[i] = way == WHOLE_BLOCKS ? exec_md_blocked(&own[i])
                : way == ROW_MAJOR  ? exec_md_plain(own[i].ndims, own[i].dims)
                                    : own[i];
        new = new || !dnnl_memory_desc_equal(&md[i], &own[i]);
    }
    if (!grouped) {
        w.dims[0] = md[Y].dims[1];
        w.dims[1] = md[X].dims[1];
    }
    md[W] = exec_md_any(&w);
    return new && !(way == WHOLE_BLOCKS && grouped);
}

static enum status try_way(struct prim *main, const struct kind *kind, const dnnl_memory_desc_t *md,
                           bool bias, const struct conv_window *w, struct err *err)
{
    dnnl_memory_desc_t vec = exec_md_plain(1, &md[Y].dims[1]);
    dnnl_convolution_desc_t d;

    TRY(exec_dnnl(kind->describe(&d, md, bias ? &vec : NULL, w), "a convolution's gradient", err));
    return prim_init(main, &d, NULL, NULL, err);
}

/* The first way that oneDNN has good code for, else the first that it takes at all. */
static enum status choose(struct step *s, struct part *p, const dnnl_memory_desc_t *own, bool bias,
                          const struct conv_window *w, struct err *err)
{
    struct prim slow = {0};
    enum status st = ST_UNSUPPORTED;

    for (int way = 0; way < WAYS; way++) {
        dnnl_memory_desc_t md[TENSORS];

        if (!see(way, own, md))
            continue;
        st = try_way(&p->main, p->kind, md, bias, w, err);
        if (st != ST_OK && st != ST_UNSUPPORTED)
            break;
        if (st == ST_OK && !prim_is_reference(&p->main))
            break;
        if (st == ST_OK && !slow.p)
            slow = p->main;
        else
            prim_done(&p->main);
        memset(&p->main, 0, sizeof p->main);
    }
    if (p->main.p || (st != ST_OK && st != ST_UNSUPPORTED)) {
        prim_done(&slow);
        return st;
    }
    p->main = slow;
    return slow.p ? ST_OK : exec_unsupported(s, err, "oneDNN has no gradient for it");
}

/* ---- preparing ---- */

static dnnl_memory_desc_t main_md(const struct part *p, int i)
{
    static const dnnl_query_t query[] = {dnnl_query_src_md,      dnnl_query_dst_md,
                                         dnnl_query_weights_md,  dnnl_query_diff_src_md,
                                         dnnl_query_diff_dst_md, dnnl_query_diff_weights_md};
    bool diff = p->kind->arg[i] >= DNNL_ARG_DIFF_SRC;

    return *prim_md(&p->main, query[diff ? TENSORS + i : i]);
}

/* `constant`: where the value always is; NULL: told at each run. */
static enum status attach(struct part *p, int i, const dnnl_memory_desc_t *own, float *constant,
                          struct err *err)
{
    dnnl_memory_desc_t want = main_md(p, i);
    bool out = p->kind->out == i;

    TRY(prim_bind(&p->main, p->kind->arg[i], &want, constant, err));
    want = exec_md_narrow(&want, own);
    p->md[i] = want;
    if (dnnl_memory_desc_equal(&want, own))
        return ST_OK;
    if (i == W) {
        p->w = exec_alloc(dnnl_memory_desc_get_size(&want) / sizeof(float));
        if (!p->w)
            return err_set(err, ST_INTERNAL, "out of memory for weights");
        prim_set(&p->main, p->kind->arg[i], p->w);
    }
    return out ? prim_init_reorder(&p->move[i], &want, p->w, own, NULL, err)
               : prim_init_reorder(&p->move[i], own, constant, &want, i == W ? p->w : NULL, err);
}

static enum status init_part(struct step *s, struct part *p, const struct kind *kind,
                             const dnnl_memory_desc_t *own, bool bias, const struct conv_window *w,
                             struct err *err)
{
    p->kind = kind;
    TRY(choose(s, p, own, bias, w, err));
    for (int i = 0; i < TENSORS; i++)
        TRY(attach(p, i, &own[i], i == W && kind->out != W ? s->in[1]->data : NULL, err));
    return ST_OK;
}

/* The window of a convolution that takes sizes `in` to `out`; the right pad is what that needs. */
static struct conv_window window_of(const struct geom *g, const int64_t *in, const int64_t *out)
{
    struct conv_window w = {0};

    for (int i = 0; i < g->axes; i++) {
        int64_t reach = g->dilation[i] * (g->kernel[i] - 1) + 1;
        int64_t need = (out[i] - 1) * g->stride[i] + reach - in[i] - g->pad_begin[i];

        w.stride[i] = g->stride[i];
        w.dilate[i] = g->dilation[i] - 1;
        w.pad_l[i] = g->pad_begin[i];
        w.pad_r[i] = need < 0 && need + g->stride[i] > 0 ? 0 : need;
    }
    return w;
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

static enum status begin(struct step *s, struct geom *g, struct back_state **out, struct err *err)
{
    if (!s->in[1]->plain)
        return exec_unsupported(s, err, "no gradient for blocked weights");
    TRY(exec_geom(s, g, err));
    *out = s->back = x_calloc(1, sizeof **out);
    s->back_done = state_done;
    return ST_OK;
}

static bool has_bias(const struct step *s)
{
    return s->n_in > 2 && s->in[2];
}

enum status back_conv_init(struct exec *e, struct step *s, struct err *err)
{
    struct back_state *b;
    struct geom g;

    (void)e;
    TRY(begin(s, &g, &b, err));
    const dnnl_memory_desc_t own[] = {s->in[0]->md, s->out[0]->md, weight_md(s->in[1], g.group)};
    struct conv_window w = window_of(&g, g.in, g.out);
    TRY(init_part(s, &b->data, &data_kind, own, false, &w, err));
    TRY(init_part(s, &b->weights, &weights_kind, own, has_bias(s), &w, err));
    if (!has_bias(s))
        return ST_OK;
    const dnnl_memory_desc_t *vec =
        dnnl_primitive_desc_query_md(b->weights.main.pd, dnnl_query_diff_weights_md, 1);
    b->db = exec_alloc((size_t)vec->dims[0]);
    if (!b->db)
        return err_set(err, ST_INTERNAL, "out of memory for gradients");
    return prim_bind(&b->weights.main, DNNL_ARG_DIFF_BIAS, vec, b->db, err);
}

enum status back_convt_init(struct exec *e, struct step *s, struct err *err)
{
    struct back_state *b;
    struct geom g;

    TRY(back_chan_init(e, s, err));
    TRY(begin(s, &g, &b, err));
    const dnnl_memory_desc_t own[] = {s->out[0]->md, s->in[0]->md, weight_md(s->in[1], g.group)};
    struct conv_window w = window_of(&g, g.out, g.in);
    TRY(init_part(s, &b->data, &forward_kind, own, false, &w, err));
    return init_part(s, &b->weights, &weights_kind, own, false, &w, err);
}

/* ---- running ---- */

/* at[W]: where a gradient of the weights goes; weights themselves are where attach was told. */
static enum status run_part(struct exec *e, struct part *p, float *const *at, struct err *err)
{
    int out = p->kind->out;

    for (int i = X; i <= Y; i++) {
        float *buf = at[i];

        if (p->move[i].p) {
            buf = exec_scratch(e, EXEC_SCRATCH_A + i,
                               dnnl_memory_desc_get_size(&p->md[i]) / sizeof(float));
            prim_set(&p->move[i], i == out ? DNNL_ARG_FROM : DNNL_ARG_TO, buf);
            prim_set(&p->move[i], i == out ? DNNL_ARG_TO : DNNL_ARG_FROM, at[i]);
            if (i != out)
                TRY(prim_run(&p->move[i], e, err));
        }
        prim_set(&p->main, p->kind->arg[i], buf);
    }
    if (out == W)
        prim_set(p->w ? &p->move[W] : &p->main, p->w ? DNNL_ARG_TO : p->kind->arg[W], at[W]);
    TRY(prim_run(&p->main, e, err));
    return p->move[out].p ? prim_run(&p->move[out], e, err) : ST_OK;
}

/* The gradient of in[0]; x and y: those of the convolution. */
static enum status run_data(struct exec *e, struct step *s, bool transposed, struct err *err)
{
    struct back_state *b = s->back;
    float *dx = exec_grad_take(e, s, 0), *dy = s->out[0]->grad;

    if (!dx)
        return ST_OK;
    if (b->data.w && (b->version != e->param_version || !s->in[1]->tensor)) {
        TRY(prim_run(&b->data.move[W], e, err));
        b->version = e->param_version;
    }
    TRY(run_part(e, &b->data, (float *[]){transposed ? dy : dx, transposed ? dx : dy, NULL}, err));
    exec_grad_put(e, s, 0);
    return ST_OK;
}

static enum status run_weights(struct exec *e, struct step *s, float *x, float *y, struct err *err)
{
    struct back_state *b = s->back;
    float *dw = exec_grad_take(e, s, 1), *db = b->db ? exec_grad_take(e, s, 2) : NULL;

    if (!dw && !db)
        return ST_OK;
    TRY(run_part(e, &b->weights,
                 (float *[]){x, y, dw ? dw : exec_scratch(e, EXEC_SCRATCH_C, s->in[1]->size)},
                 err));
    if (dw)
        exec_grad_put(e, s, 1);
    if (db) {
        memcpy(db, b->db, (size_t)s->in[2]->count * sizeof *db);
        exec_grad_put(e, s, 2);
    }
    return ST_OK;
}

enum status back_conv(struct exec *e, struct step *s, struct err *err)
{
    TRY(run_data(e, s, false, err));
    return run_weights(e, s, s->in[0]->data, s->out[0]->grad, err);
}

enum status back_convt(struct exec *e, struct step *s, struct err *err)
{
    float *db = exec_grad_take(e, s, 2);
    struct chan c;

    TRY(run_data(e, s, true, err));
    TRY(run_weights(e, s, s->out[0]->grad, s->in[0]->data, err));
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
