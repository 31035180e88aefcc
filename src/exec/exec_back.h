/* The backward half: what the gradient kernels (b_*.c) share.
 *
 * exec_grad_init gives every value that a gradient may reach a place for it, by liveness, so that a
 * backward run allocates nothing and stays in cache; and prepares each step's backward kernel. */
#ifndef EXEC_EXEC_BACK_H
#define EXEC_EXEC_BACK_H

#include "exec/exec_priv.h"

/* At the end of exec_new when training: parameters, gradient buffers (on e->arena), backward
 * kernels. ST_UNSUPPORTED names a node between a parameter and an output without a gradient. */
enum status exec_grad_init(struct exec *e, struct err *err);

/* ---- kernels ---- */

struct back_kernel {
    enum op op;
    exec_init_fn *init; /* fills s->back, s->back_done; NULL: nothing to prepare */
    exec_backward_fn *run;
};
/* NULL: not differentiable here. */
const struct back_kernel *back_kernel_of(const struct step *s);
/* Of steps that plan_layouts made: a change of layout, a concatenation of blocked values. */
extern const struct back_kernel back_copy, back_concat;

exec_init_fn back_plain_init; /* all values are row-major */
exec_init_fn back_same_init;  /* out[0] has the layout of in[0] */
exec_init_fn back_alike_init; /* row-major, or all of one shape and layout */
exec_init_fn back_conv_init, back_convt_init, back_bn_init, back_pool_init, back_chan_init;
exec_backward_fn back_conv, back_convt, back_gemm, back_matmul;
exec_backward_fn back_bn, back_instancenorm, back_layernorm, back_lrn;
exec_backward_fn back_relu, back_unary, back_clip, back_prelu, back_dropout;
exec_backward_fn back_add, back_sub, back_mul, back_div, back_pow, back_max;
exec_backward_fn back_moves, back_pad, back_resize;
exec_backward_fn back_pool, back_globalavg, back_reducemean, back_reducesum, back_reducemax;
exec_backward_fn back_softmax, back_logsoftmax;

/* dst, of the shape of x, = the sum over the axes along which x is broadcast to y of f(dy, x,
 * other, y). `other`, broadcast to y too, may be NULL: then f is given 0. */
typedef float back_share_fn(float dy, float x, float other, float y);
void back_fold(struct exec *e, float *dst, const struct value *x, const struct value *other,
               const struct value *y, back_share_fn *f);

/* ---- values ---- */

/* A value seen as image x channel x pixel, whatever its layout: element (n, c, p) is at
 * ((n * blocks + c / block) * pixels + p) * block + c % block. */
struct chan {
    int64_t n, c, pixels, blocks, block;
};
/* false: rank below 2, or a layout of another kind. */
bool back_chan(const struct value *v, struct chan *c);

static inline int64_t chan_at(const struct chan *c, int64_t n, int64_t k, int64_t p)
{
    return ((n * c->blocks + k / c->block) * c->pixels + p) * c->block + k % c->block;
}

/* Where element `index` (row-major) of a value of any layout is. For rare and small things. */
int64_t back_offset(const struct value *v, int64_t index);
/* Same dimensions and the same layout. */
bool back_alike(const struct value *a, const struct value *b);

/* ---- vectors ---- */

void back_vec_add(float *restrict dst, const float *restrict src, int64_t n);
/* dst = dy where y > 0, else 0. */
void back_vec_relu(float *restrict dst, const float *restrict dy, const float *restrict y,
                   int64_t n);
/* dst = dy where lo < x < hi, else 0. */
void back_vec_clip(float *restrict dst, const float *restrict dy, const float *restrict x, float lo,
                   float hi, int64_t n);

#endif
