/* Who writes each operator. */
#include "torch/torch_priv.h"

static const struct op_writer {
    torch_fn *write;
    const char *call; /* what the functions that serve several operators write */
} writers[OP_COUNT] = {
    [OP_CONV] = {torch_conv, NULL},
    [OP_CONVT] = {torch_convt, NULL},
    [OP_GEMM] = {torch_gemm, NULL},
    [OP_MATMUL] = {torch_matmul, NULL},
    [OP_BATCHNORM] = {torch_batchnorm, NULL},
    [OP_INSTANCENORM] = {torch_instancenorm, NULL},
    [OP_LAYERNORM] = {torch_layernorm, NULL},
    [OP_RELU] = {torch_unary, "F.relu(%s)"},
    [OP_CLIP] = {torch_clip, NULL},
    [OP_LEAKYRELU] = {torch_unary, "F.leaky_relu(%s, %s)"},
    [OP_PRELU] = {torch_prelu, NULL},
    [OP_ELU] = {torch_unary, "F.elu(%s, %s)"},
    [OP_SELU] = {torch_selu, NULL},
    [OP_SIGMOID] = {torch_unary, "torch.sigmoid(%s)"},
    [OP_TANH] = {torch_unary, "torch.tanh(%s)"},
    [OP_HARDSIGMOID] = {torch_hardsigmoid, NULL},
    [OP_HARDSWISH] = {torch_unary, "F.hardswish(%s)"},
    [OP_SOFTPLUS] = {torch_unary, "F.softplus(%s)"},
    [OP_ERF] = {torch_unary, "torch.erf(%s)"},
    [OP_EXP] = {torch_unary, "torch.exp(%s)"},
    [OP_LOG] = {torch_unary, "torch.log(%s)"},
    [OP_SQRT] = {torch_unary, "torch.sqrt(%s)"},
    [OP_ABS] = {torch_unary, "torch.abs(%s)"},
    [OP_NEG] = {torch_unary, "-%s"},
    [OP_SOFTMAX] = {torch_softmax, "F.softmax"},
    [OP_LOGSOFTMAX] = {torch_softmax, "F.log_softmax"},
    [OP_LRN] = {torch_lrn, NULL},
    [OP_DROPOUT] = {torch_dropout, NULL},
    [OP_IDENTITY] = {torch_identity, NULL},
    [OP_CAST] = {torch_cast, NULL},
    [OP_ADD] = {torch_binary, "+"},
    [OP_SUM] = {torch_many, NULL},
    [OP_SUB] = {torch_binary, "-"},
    [OP_MUL] = {torch_binary, "*"},
    [OP_DIV] = {torch_binary, "/"},
    [OP_POW] = {torch_binary, "**"},
    [OP_MAX] = {torch_many, "torch.maximum"},
    [OP_MIN] = {torch_many, "torch.minimum"},
    [OP_CONCAT] = {torch_concat, NULL},
    [OP_SPLIT] = {torch_split, NULL},
    [OP_SLICE] = {torch_slice, NULL},
    [OP_MAXPOOL] = {torch_pool, NULL},
    [OP_AVGPOOL] = {torch_pool, NULL},
    [OP_GLOBALAVG] = {torch_global, "F.adaptive_avg_pool"},
    [OP_GLOBALMAX] = {torch_global, "F.adaptive_max_pool"},
    [OP_REDUCEMEAN] = {torch_reduce, "mean"},
    [OP_REDUCESUM] = {torch_reduce, "sum"},
    [OP_REDUCEMAX] = {torch_reduce, "amax"},
    [OP_FLATTEN] = {torch_view, NULL},
    [OP_RESHAPE] = {torch_view, NULL},
    [OP_TRANSPOSE] = {torch_transpose, NULL},
    [OP_SQUEEZE] = {torch_squeeze, "squeeze"},
    [OP_UNSQUEEZE] = {torch_squeeze, "unsqueeze"},
    [OP_RESIZE] = {torch_resize, NULL},
    [OP_DEPTHTOSPACE] = {torch_depth, NULL},
    [OP_SPACETODEPTH] = {torch_depth, NULL},
    [OP_PAD] = {torch_pad, NULL},
};

torch_fn *torch_fn_of(enum op op)
{
    return writers[op].write;
}

const char *torch_call(const struct writer *w)
{
    return writers[w->n->op].call;
}
