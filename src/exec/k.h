/* Forward kernels by name, for the table of k_table.c. */
#ifndef EXEC_K_H
#define EXEC_K_H

#include "exec/exec_priv.h"

exec_layout_fn k_conv_layout, k_pool_layout, k_eltwise_layout, k_binary_layout;
exec_layout_fn k_batchnorm_layout, k_concat_layout, k_dropout_layout;

exec_init_fn k_conv_init, k_matmul_init, k_pool_init;
exec_init_fn k_batchnorm_init, k_instancenorm_init, k_layernorm_init;
exec_init_fn k_eltwise_init, k_softmax_init, k_binary_init, k_reduce_init;
exec_init_fn k_concat_init, k_split_init, k_slice_init, k_transpose_init, k_depth_init;
exec_init_fn k_pad_init, k_flat_init, k_dropout_init, k_cast_init, k_resize_init;

exec_forward_fn k_conv, k_gemm, k_matmul, k_pool, k_prim;
exec_forward_fn k_batchnorm, k_instancenorm, k_layernorm, k_lrn;
exec_forward_fn k_eltwise, k_binary, k_prelu, k_reduce;
exec_forward_fn k_moves, k_pad, k_dropout, k_cast, k_resize;

void k_conv_done(struct step *s);
void k_prim_done(struct step *s);
void k_eltwise_done(struct step *s);
void k_binary_done(struct step *s);
void k_batchnorm_done(struct step *s);
void k_pool_done(struct step *s);
void k_free_done(struct step *s); /* s->state is one block */
void k_moves_done(struct step *s);
void k_pad_done(struct step *s);
void k_taps_done(struct step *s);

/* An empty list of moves as the step's state, and one more move in it, all zeros. */
struct moves *k_moves_begin(struct step *s);
struct move *k_moves_add(struct moves *m);
/* Whether the inputs of a Concat, as they lie, are the output cut into pieces. */
bool k_concat_in_row(const struct step *s);
/* Of such a Concat: from now on only those inputs are copied whose buffers are not these pieces. */
void k_concat_join(struct step *s);

/* What oneDNN calls the function that the step computes; false: it has no name there. */
bool k_function(const struct step *s, dnnl_alg_kind_t *alg, float *a, float *b);
/* Along an axis of `in` elements that becomes `out`: fills the taps of Pad (reflect, edge). */
enum status k_pad_taps(struct step *s, bool reflect, struct err *err);
/* A rank-0 or rank-1 constant of integers at input `port`: how many, at most `max`; -1 when the
 * input is left out; -2 when the model computes it. */
int k_const_ints(const struct step *s, int port, int64_t *v, int max);
/* Row-major strides of a type. */
void k_strides(const struct ttype *t, int64_t *stride);

#endif
