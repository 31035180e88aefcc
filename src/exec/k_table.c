/* The forward kernel of each operator. */
#include "exec/k.h"

static const struct exec_kernel kernels[OP_COUNT] = {
#define K(id, ...) [OP_##id] = {.op = OP_##id, __VA_ARGS__}
#define ELTWISE(id)                                                             \
    K(id, .init = k_eltwise_init, .forward = k_eltwise, .done = k_eltwise_done, \
      .layout = k_eltwise_layout, .in_place = true)
#define BINARY(id, ...)                                                      \
    K(id, .init = k_binary_init, .forward = k_binary, .done = k_binary_done, \
      .layout = k_binary_layout, .in_place = true, .any_type = true, __VA_ARGS__)
#define MOVES(id, init_fn) \
    K(id, .init = init_fn, .forward = k_moves, .done = k_moves_done, .any_type = true)
#define POOL(id)                                                                                \
    K(id, .init = k_pool_init, .forward = k_pool, .done = k_pool_done, .layout = k_pool_layout, \
      .chooses_src = true)
#define REDUCE(id) K(id, .init = k_reduce_init, .forward = k_reduce, .done = k_free_done)
    K(INPUT, .any_type = true),
    K(OUTPUT, .any_type = true),
    K(CONV, .init = k_conv_init, .forward = k_conv, .done = k_conv_done, .layout = k_conv_layout,
      .chooses_src = true),
    K(CONVT, .init = k_conv_init, .forward = k_conv, .done = k_conv_done, .layout = k_conv_layout,
      .chooses_src = true),
    K(GEMM, .forward = k_gemm),
    K(MATMUL, .init = k_matmul_init, .forward = k_matmul, .done = k_free_done),
    K(BATCHNORM, .init = k_batchnorm_init, .forward = k_batchnorm, .done = k_batchnorm_done,
      .layout = k_batchnorm_layout, .in_place = true),
    K(INSTANCENORM, .init = k_instancenorm_init, .forward = k_instancenorm),
    K(LAYERNORM, .init = k_layernorm_init, .forward = k_layernorm),
    ELTWISE(RELU),
    ELTWISE(CLIP),
    ELTWISE(LEAKYRELU),
    K(PRELU, .forward = k_prelu),
    ELTWISE(ELU),
    ELTWISE(SELU),
    ELTWISE(SIGMOID),
    ELTWISE(TANH),
    ELTWISE(HARDSIGMOID),
    ELTWISE(HARDSWISH),
    ELTWISE(SOFTPLUS),
    ELTWISE(ERF),
    ELTWISE(EXP),
    ELTWISE(LOG),
    ELTWISE(SQRT),
    ELTWISE(ABS),
    ELTWISE(NEG),
    K(SOFTMAX, .init = k_softmax_init, .forward = k_prim, .done = k_prim_done),
    K(LOGSOFTMAX, .init = k_softmax_init, .forward = k_prim, .done = k_prim_done),
    K(LRN, .forward = k_lrn),
    K(DROPOUT, .init = k_dropout_init, .forward = k_dropout, .done = k_moves_done,
      .layout = k_dropout_layout),
    MOVES(IDENTITY, k_flat_init),
    K(CAST, .init = k_cast_init, .forward = k_cast, .done = k_moves_done, .any_type = true),
    BINARY(ADD, .aligns = true),
    BINARY(SUM, .aligns = true),
    BINARY(SUB, .aligns = true),
    BINARY(MUL, .aligns = true),
    BINARY(DIV, .aligns = true),
    BINARY(POW, .aligns = false),
    BINARY(MAX, .aligns = true),
    BINARY(MIN, .aligns = true),
    K(CONCAT, .init = k_concat_init, .forward = k_moves, .done = k_moves_done,
      .layout = k_concat_layout, .any_type = true),
    MOVES(SPLIT, k_split_init),
    MOVES(SLICE, k_slice_init),
    POOL(MAXPOOL),
    POOL(AVGPOOL),
    POOL(GLOBALAVG),
    POOL(GLOBALMAX),
    REDUCE(REDUCEMEAN),
    REDUCE(REDUCESUM),
    REDUCE(REDUCEMAX),
    MOVES(FLATTEN, k_flat_init),
    MOVES(RESHAPE, k_flat_init),
    MOVES(TRANSPOSE, k_transpose_init),
    MOVES(SQUEEZE, k_flat_init),
    MOVES(UNSQUEEZE, k_flat_init),
    K(RESIZE, .init = k_resize_init, .forward = k_resize, .done = k_taps_done),
    MOVES(DEPTHTOSPACE, k_depth_init),
    MOVES(SPACETODEPTH, k_depth_init),
    K(PAD, .init = k_pad_init, .forward = k_pad, .done = k_pad_done, .any_type = true),
#undef K
#undef ELTWISE
#undef BINARY
#undef MOVES
#undef POOL
#undef REDUCE
};

const struct exec_kernel *exec_kernel_of(enum op op)
{
    return kernels[op].op == op && op != OP_OPAQUE ? &kernels[op] : NULL;
}
