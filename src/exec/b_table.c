/* The backward kernel of each operator, and what the kernels share. */
#include "exec/exec_back.h"
#include <string.h>

static const struct back_kernel kernels[] = {
    {OP_CONV, back_conv_init, back_conv},
    {OP_CONVT, back_convt_init, back_convt},
    {OP_GEMM, back_plain_init, back_gemm},
    {OP_MATMUL, back_plain_init, back_matmul},
    {OP_BATCHNORM, back_bn_init, back_bn},
    {OP_INSTANCENORM, back_plain_init, back_instancenorm},
    {OP_LAYERNORM, back_plain_init, back_layernorm},
    {OP_RELU, back_same_init, back_relu},
    {OP_CLIP, back_same_init, back_clip},
    {OP_LEAKYRELU, back_same_init, back_unary},
    {OP_PRELU, back_plain_init, back_prelu},
    {OP_ELU, back_same_init, back_unary},
    {OP_SELU, back_same_init, back_unary},
    {OP_SIGMOID, back_same_init, back_unary},
    {OP_TANH, back_same_init, back_unary},
    {OP_HARDSIGMOID, back_same_init, back_unary},
    {OP_HARDSWISH, back_same_init, back_unary},
    {OP_SOFTPLUS, back_same_init, back_unary},
    {OP_ERF, back_same_init, back_unary},
    {OP_EXP, back_same_init, back_unary},
    {OP_LOG, back_same_init, back_unary},
    {OP_SQRT, back_same_init, back_unary},
    {OP_ABS, back_same_init, back_unary},
    {OP_NEG, back_same_init, back_unary},
    {OP_SOFTMAX, back_plain_init, back_softmax},
    {OP_LOGSOFTMAX, back_plain_init, back_logsoftmax},
    {OP_LRN, back_plain_init, back_lrn},
    {OP_DROPOUT, back_same_init, back_dropout},
    {OP_IDENTITY, NULL, back_moves},
    {OP_CAST, NULL, back_moves},
    {OP_ADD, back_alike_init, back_add},
    {OP_SUM, back_alike_init, back_add},
    {OP_SUB, back_alike_init, back_sub},
    {OP_MUL, back_alike_init, back_mul},
    {OP_DIV, back_alike_init, back_div},
    {OP_POW, back_alike_init, back_pow},
    {OP_MAX, back_alike_init, back_max},
    {OP_MIN, back_alike_init, back_max},
    {OP_CONCAT, NULL, back_moves},
    {OP_SPLIT, NULL, back_moves},
    {OP_SLICE, NULL, back_moves},
    {OP_MAXPOOL, back_pool_init, back_pool},
    {OP_AVGPOOL, back_pool_init, back_pool},
    {OP_GLOBALAVG, back_chan_init, back_globalavg},
    {OP_GLOBALMAX, back_pool_init, back_pool},
    {OP_REDUCEMEAN, back_plain_init, back_reducemean},
    {OP_REDUCESUM, back_plain_init, back_reducesum},
    {OP_REDUCEMAX, back_plain_init, back_reducemax},
    {OP_FLATTEN, NULL, back_moves},
    {OP_RESHAPE, NULL, back_moves},
    {OP_TRANSPOSE, NULL, back_moves},
    {OP_SQUEEZE, NULL, back_moves},
    {OP_UNSQUEEZE, NULL, back_moves},
    {OP_RESIZE, back_plain_init, back_resize},
    {OP_DEPTHTOSPACE, NULL, back_moves},
    {OP_SPACETODEPTH, NULL, back_moves},
    {OP_PAD, back_plain_init, back_pad},
};

const struct back_kernel *back_kernel_of(const struct step *s)
{
    if (s->kernel->gradient)
        return s->kernel->gradient;
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
        if (kernels[i].op == s->node->op)
            return &kernels[i];
    return NULL;
}

/* ---- values ---- */

bool back_alike(const struct value *a, const struct value *b)
{
    return a->size == b->size && dnnl_memory_desc_equal(&a->md, &b->md);
}

bool back_chan(const struct value *v, struct chan *c)
{
    const dnnl_memory_desc_t *md = &v->md;
    const dnnl_blocking_desc_t *f = &md->format_desc.blocking;
    dnnl_dim_t stride;

    if (v->type.rank < 2)
        return false;
    *c = (struct chan){v->type.dim[0], v->type.dim[1], 1, v->type.dim[1], 1};
    for (int i = 2; i < v->type.rank; i++)
        c->pixels *= v->type.dim[i];
    if (v->plain)
        return true;
    if (md->format_kind != dnnl_blocked || f->inner_nblks > 1 || md->offset0 != 0)
        return false;
    if (f->inner_nblks == 1) {
        if (f->inner_idxs[0] != 1)
            return false;
        c->block = f->inner_blks[0];
        c->blocks = md->padded_dims[1] / c->block;
    } else { /* channels last */
        c->block = c->c;
        c->blocks = 1;
    }
    stride = c->block;
    for (int i = md->ndims - 1; i >= 2; i--) {
        if (md->dims[i] != 1 && f->strides[i] != stride)
            return false;
        stride *= md->dims[i];
    }
    return (c->blocks == 1 || f->strides[1] == stride) &&
           (c->n == 1 || f->strides[0] == stride * c->blocks);
}

int64_t back_offset(const struct value *v, int64_t index)
{
    const dnnl_blocking_desc_t *f = &v->md.format_desc.blocking;
    int64_t at[DNNL_MAX_NDIMS], off = v->md.offset0, inner = 1;

    for (int i = v->md.ndims - 1; i >= 0; i--) {
        at[i] = index % v->md.dims[i];
        index /= v->md.dims[i];
    }
    for (int b = f->inner_nblks - 1; b >= 0; b--) {
        int axis = (int)f->inner_idxs[b];

        off += at[axis] % f->inner_blks[b] * inner;
        at[axis] /= f->inner_blks[b];
        inner *= f->inner_blks[b];
    }
    for (int i = 0; i < v->md.ndims; i++)
        off += at[i] * f->strides[i];
    return off;
}

/* ---- what a kernel asks of its values ---- */

static const struct value *value_of(const struct step *s, int i)
{
    return i < s->n_in ? s->in[i] : s->out[i - s->n_in];
}

enum status back_plain_init(struct exec *e, struct step *s, struct err *err)
{
    (void)e;
    for (int i = 0; i < s->n_in + s->n_out; i++)
        if (value_of(s, i) && !value_of(s, i)->plain)
            return exec_unsupported(s, err, "no gradient in a blocked layout");
    return ST_OK;
}

enum status back_same_init(struct exec *e, struct step *s, struct err *err)
{
    (void)e;
    if (!back_alike(s->in[0], s->out[0]))
        return exec_unsupported(s, err, "no gradient across layouts");
    return ST_OK;
}

enum status back_alike_init(struct exec *e, struct step *s, struct err *err)
{
    bool alike = true;

    for (int i = 0; i < s->n_in; i++)
        alike &= back_alike(s->in[i], s->out[0]);
    return alike ? ST_OK : back_plain_init(e, s, err);
}

enum status back_chan_init(struct exec *e, struct step *s, struct err *err)
{
    struct chan c;

    (void)e;
    if (!back_chan(s->in[0], &c) || !back_chan(s->out[0], &c))
        return exec_unsupported(s, err, "no gradient in this layout");
    return ST_OK;
}
