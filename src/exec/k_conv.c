/* Convolution and transposed convolution through oneDNN, in the layouts that it likes best. */
#include "exec/k.h"

#include <math.h>

struct conv {
    struct prim main, src, weights, dst, sum; /* src .. sum: reorders, empty when not needed */
    dnnl_memory_desc_t plain;                 /* of the weights as the file has them */
    float *folded, *bias;                     /* with the normalisation; NULL: none */
    float *packed;                            /* weights as `main` wants them */
    unsigned version;                         /* of the weights that `packed` holds; 0: none */
};

void k_conv_done(struct step *s)
{
    struct conv *c = s->state;

    prim_done(&c->main);
    prim_done(&c->src);
    prim_done(&c->weights);
    prim_done(&c->dst);
    prim_done(&c->sum);
    free(c->packed);
    free(c->folded);
    free(c->bias);
    free(c);
}

/* The file's weights as oneDNN counts them: group, out, in, kernel. ConvTranspose keeps its input
 * channels first. */
static dnnl_memory_desc_t weights_md(const struct step *s, const struct geom *g, bool transposed)
{
    const struct ttype *w = &s->in[1]->type;
    dnnl_dims_t dims, strides;
    dnnl_memory_desc_t md;
    int64_t rows = w->dim[0] / g->group, plane = 1;
    int k = g->group > 1;

    for (int a = g->axes - 1; a >= 0; a--) {
        dims[k + 2 + a] = w->dim[2 + a];
        strides[k + 2 + a] = plane;
        plane *= w->dim[2 + a];
    }
    if (k) {
        dims[0] = g->group;
        strides[0] = rows * w->dim[1] * plane;
    }
    dims[k + transposed] = rows;
    strides[k + transposed] = w->dim[1] * plane;
    dims[k + !transposed] = w->dim[1];
    strides[k + !transposed] = plane;
    dnnl_memory_desc_init_by_strides(&md, k + 2 + g->axes, dims, dnnl_f32, strides);
    return md;
}

static bool has_bias(const struct step *s)
{
    return (s->fusion && s->fusion->norm[0]) || (s->n_in > 2 && s->in[2]);
}

/* ---- what is fused ---- */

static enum status make_attr(const struct step *s, dnnl_primitive_attr_t *attr, struct err *err)
{
    const struct fusion *f = s->fusion;
    dnnl_post_ops_t ops;
    dnnl_status_t st;

    *attr = NULL;
    if (!f || (!f->sum && f->n_post == 0))
        return ST_OK;
    TRY(exec_dnnl(dnnl_primitive_attr_create(attr), "attributes", err));
    st = dnnl_post_ops_create(&ops);
    if (st == dnnl_success && f->sum)
        st = dnnl_post_ops_append_sum(ops, 1.0F);
    for (int i = 0; i < f->n_post && st == dnnl_success; i++)
        st = dnnl_post_ops_append_eltwise(ops, 1.0F, f->post[i].alg, f->post[i].a, f->post[i].b);
    if (st == dnnl_success)
        st = dnnl_primitive_attr_set_post_ops(*attr, ops);
    dnnl_post_ops_destroy(ops);
    return exec_dnnl(st, "post operations", err);
}

/* BatchNormalization becomes part of the weights: copies of weights and bias with it in them. */
static enum status fold(const struct step *s, const struct geom *g, struct conv *c, struct err *err)
{
    const struct fusion *f = s->fusion;
    const struct ttype *w = &s->in[1]->type;
    bool transposed = s->node->op == OP_CONVT;
    int64_t outs = s->out[0]->type.dim[1], rows = transposed ? w->dim[0] / g->group : 1;
    int64_t per_group = outs / g->group, run = s->in[1]->count / outs / rows;

    c->folded = exec_alloc((size_t)s->in[1]->count);
    c->bias = exec_alloc((size_t)outs);
    if (!c->folded || !c->bias)
        return err_set(err, ST_INTERNAL, "out of memory for weights");
    for (int64_t o = 0; o < outs; o++) {
        double scale = (double)f->norm[0][o] / sqrt((double)f->norm[3][o] + (double)f->epsilon);
        double bias = s->n_in > 2 && s->in[2] ? (double)s->in[2]->data[o] : 0;
        /* ConvTranspose: a group's rows are its inputs, each with all of its outputs */
        int64_t first = transposed ? o / per_group * rows * per_group + o % per_group : o;

        c->bias[o] = (float)((bias - (double)f->norm[2][o]) * scale + (double)f->norm[1][o]);
        for (int64_t r = 0; r < rows; r++)
            for (int64_t i = 0; i < run; i++) {
                int64_t at = (first + r * per_group) * run + i;

                c->folded[at] = (float)((double)s->in[1]->data[at] * scale);
            }
    }
    return ST_OK;
}

/* ---- preparing ---- */

/* In blocks of channels where they fill them, else as oneDNN likes it. */
static dnnl_memory_desc_t in_blocks(const struct ttype *t)
{
    dnnl_memory_desc_t plain = exec_md_plain(t->rank, t->dim), md = exec_md_blocked(&plain);

    if (md.dims[1] == t->dim[1] && !dnnl_memory_desc_equal(&md, &plain))
        return md;
    return exec_md_any(&plain);
}

static enum status describe(const struct step *s, const struct geom *g, struct conv *c,
                            dnnl_prop_kind_t prop, dnnl_memory_desc_t src, dnnl_memory_desc_t dst,
                            struct err *err)
{
    dnnl_memory_desc_t w = exec_md_any(&c->plain), vec = exec_md_plain(1, &s->out[0]->type.dim[1]);
    const dnnl_memory_desc_t *bias = has_bias(s) ? &vec : NULL;
    dnnl_primitive_attr_t attr;
    dnnl_dims_t dilation = {0};
    union {
        dnnl_convolution_desc_t conv;
        dnnl_deconvolution_desc_t deconv;
    } d;
    enum status st;

    for (int a = 0; a < g->axes; a++)
        dilation[a] = g->dilation[a] - 1;
    if (s->node->op == OP_CONVT)
        TRY(exec_dnnl(dnnl_dilated_deconvolution_forward_desc_init(
                          &d.deconv, prop, dnnl_deconvolution_direct, &src, &w, bias, &dst,
                          g->stride, dilation, g->pad_begin, g->pad_end),
                      node_label(s->node), err));
    else
        TRY(exec_dnnl(dnnl_dilated_convolution_forward_desc_init(
                          &d.conv, prop, dnnl_convolution_direct, &src, &w, bias, &dst, g->stride,
                          dilation, g->pad_begin, g->pad_end),
                      node_label(s->node), err));
    TRY(make_attr(s, &attr, err));
    st = prim_init(&c->main, &d, attr, NULL, err);
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    return st;
}

/* Left to itself oneDNN puts the channels last here and there, which is no faster for convolutions
 * but slower for pools, and what a Concat joins would not lie in one piece. */
static enum status choose(const struct exec *e, const struct step *s, const struct geom *g,
                          struct conv *c, struct err *err)
{
    bool training = exec_training(e);
    dnnl_prop_kind_t prop = training ? dnnl_forward_training : dnnl_forward_inference;
    enum status st;

    if (s->node->op == OP_CONV && !training) {
        st = describe(s, g, c, prop, in_blocks(&s->in[0]->type), in_blocks(&s->out[0]->type), err);
        if (st == ST_OK && !prim_is_reference(&c->main))
            return ST_OK;
        prim_done(&c->main);
        if (st != ST_OK && st != ST_UNSUPPORTED)
            return st;
    }
    st = describe(s, g, c, prop, exec_md_any(&s->in[0]->md), exec_md_any(&s->out[0]->md), err);
    return st == ST_UNSUPPORTED ? exec_unsupported(s, err, "oneDNN has no such convolution") : st;
}

static enum status prepare(const struct exec *e, struct step *s, struct err *err)
{
    struct conv *c = x_calloc(1, sizeof *c);
    bool transposed = s->node->op == OP_CONVT;
    struct geom g;

    s->state = c;
    TRY(exec_geom(s, &g, err));
    for (int a = 0; a < g.axes; a++) {
        int64_t extent = (g.kernel[a] - 1) * g.dilation[a] + 1;
        int64_t used = transposed ? (g.in[a] - 1) * g.stride[a] + extent - g.out[a]
                                  : (g.out[a] - 1) * g.stride[a] + extent - g.in[a];

        /* A remainder that no window reaches is no padding; output_padding is less cut off. */
        g.pad_end[a] = used - g.pad_begin[a];
    }
    c->plain = weights_md(s, &g, transposed);
    if (s->fusion && s->fusion->norm[0])
        TRY(fold(s, &g, c, err));
    return choose(e, s, &g, c, err);
}

enum status k_conv_layout(struct exec *e, struct step *s, bool *takes, struct err *err)
{
    const struct conv *c;

    *takes = true;
    TRY(prepare(e, s, err));
    c = s->state;
    exec_set_md(s->out[0], prim_md(&c->main, dnnl_query_dst_md));
    return ST_OK;
}

static bool same_md(const dnnl_memory_desc_t *a, const dnnl_memory_desc_t *b)
{
    return dnnl_memory_desc_equal(a, b);
}

/* Binds the weights, through a packed copy where the layout differs. */
static enum status bind_weights(struct step *s, struct conv *c, struct err *err)
{
    const dnnl_memory_desc_t *want = prim_md(&c->main, dnnl_query_weights_md);
    float *weights = c->folded ? c->folded : s->in[1]->data;

    if (same_md(want, &c->plain))
        return prim_bind(&c->main, DNNL_ARG_WEIGHTS, want, weights, err);
    c->packed = exec_alloc((dnnl_memory_desc_get_size(want) + 3) / sizeof(float));
    if (!c->packed)
        return err_set(err, ST_INTERNAL, "out of memory for weights");
    TRY(prim_init_reorder(&c->weights, &c->plain, weights, want, c->packed, err));
    return prim_bind(&c->main, DNNL_ARG_WEIGHTS, want, c->packed, err);
}

/* Reorders for what does not lie as the primitive wants it. */
static enum status bind_data(struct step *s, struct conv *c, struct err *err)
{
    const dnnl_memory_desc_t *src = prim_md(&c->main, dnnl_query_src_md);
    const dnnl_memory_desc_t *dst = prim_md(&c->main, dnnl_query_dst_md);
    struct value *x = s->in[0], *y = s->out[0], *sum = s->fusion ? s->fusion->sum : NULL;

    if (!same_md(src, &x->md))
        TRY(prim_init_reorder(&c->src, &x->md, x->data, src, NULL, err));
    if (!same_md(dst, &y->md))
        TRY(prim_init_reorder(&c->dst, dst, NULL, &y->md, y->data, err));
    if (sum && sum->data != y->data)
        TRY(prim_init_reorder(&c->sum, &sum->md, sum->data, &y->md, y->data, err));
    TRY(prim_bind(&c->main, DNNL_ARG_SRC, src, x->data, err));
    return prim_bind(&c->main, DNNL_ARG_DST, dst, y->data, err);
}

/* In inference constant weights are packed now, and the plain ones go. */
static enum status pack_now(struct exec *e, struct step *s, struct conv *c, struct err *err)
{
    struct value *w = s->in[1];

    if (!c->packed || exec_training(e) || !w->tensor)
        return ST_OK;
    TRY(prim_run(&c->weights, e, err));
    c->version = e->param_version;
    free(c->folded);
    c->folded = NULL;
    if (w->n_uses == 1 && w->owned) {
        free(w->data);
        w->data = NULL;
    }
    return ST_OK;
}

enum status k_conv_init(struct exec *e, struct step *s, struct err *err)
{
    struct conv *c;

    if (!s->state)
        TRY(prepare(e, s, err));
    c = s->state;
    TRY(bind_weights(s, c, err));
    TRY(pack_now(e, s, c, err));
    TRY(bind_data(s, c, err));
    s->hint = c->main.pd;
    if (!has_bias(s))
        return ST_OK;
    return prim_bind(&c->main, DNNL_ARG_BIAS,
                     dnnl_primitive_desc_query_md(c->main.pd, dnnl_query_weights_md, 1),
                     c->bias ? c->bias : s->in[2]->data, err);
}

/* ---- running ---- */

/* Scratch buffers may have moved since the last run. */
static float *lend(struct exec *e, struct prim *p, int slot, dnnl_query_t what, struct prim *main)
{
    size_t bytes = dnnl_memory_desc_get_size(prim_md(main, what));
    float *buf = exec_scratch(e, slot, (bytes + 3) / sizeof(float));

    prim_set(p, what == dnnl_query_src_md ? DNNL_ARG_TO : DNNL_ARG_FROM, buf);
    prim_set(main, what == dnnl_query_src_md ? DNNL_ARG_SRC : DNNL_ARG_DST, buf);
    return buf;
}

enum status k_conv(struct exec *e, struct step *s, struct err *err)
{
    struct conv *c = s->state;
    bool constant = s->in[1]->tensor != NULL;

    if (c->packed && (!constant || c->version != e->param_version))
        TRY(prim_run(&c->weights, e, err));
    c->version = e->param_version;
    if (c->dst.p)
        lend(e, &c->dst, EXEC_SCRATCH_B, dnnl_query_dst_md, &c->main);
    if (c->src.p) {
        lend(e, &c->src, EXEC_SCRATCH_A, dnnl_query_src_md, &c->main);
        TRY(prim_run(&c->src, e, err));
    }
    if (c->sum.p)
        TRY(prim_run(&c->sum, e, err));
    TRY(prim_run(&c->main, e, err));
    return c->dst.p ? prim_run(&c->dst, e, err) : ST_OK;
}
