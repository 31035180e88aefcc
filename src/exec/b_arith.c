/* Gradients of element-wise operators with broadcasting. */
#include "exec/exec_back.h"
#include <math.h>
#include <string.h>

/* ---- sums over broadcast axes ---- */

struct walk {
    int rank;
    int64_t dim[TTYPE_MAX_RANK], x[TTYPE_MAX_RANK], other[TTYPE_MAX_RANK], y[TTYPE_MAX_RANK];
    back_share_fn *f;
};

/* Strides of `t` along the axes of `y`, 0 where it is broadcast. */
static void strides_in(const struct ttype *t, const struct ttype *y, int64_t *stride)
{
    int64_t n = 1;

    for (int i = y->rank - 1; i >= 0; i--) {
        int axis = i - (y->rank - t->rank);
        int64_t d = axis < 0 ? 1 : t->dim[axis];

        stride[i] = d == 1 ? 0 : n;
        n *= d;
    }
}

static void walk_axis(const struct walk *w, int axis, double *sum, const float *x,
                      const float *other, const float *dy, const float *y)
{
    int64_t sx = w->x[axis], so = w->other[axis], sy = w->y[axis];

    for (int64_t i = 0; i < w->dim[axis]; i++)
        if (axis + 1 < w->rank)
            walk_axis(w, axis + 1, sum + i * sx, x + i * sx, other + i * so, dy + i * sy,
                      y + i * sy);
        else
            sum[i * sx] += w->f(dy[i * sy], x[i * sx], other[i * so], y[i * sy]);
}

void back_fold(struct exec *e, float *dst, const struct value *x, const struct value *other,
               const struct value *y, back_share_fn *f)
{
    static const float zero;
    struct walk w = {.rank = y->type.rank, .f = f};
    double *sum;

    if (back_alike(x, y) && (!other || back_alike(other, y))) {
        for (size_t i = 0; i < x->size; i++)
            dst[i] = f(y->grad[i], x->data[i], other ? other->data[i] : 0, y->data[i]);
        return;
    }
    sum = (double *)(void *)exec_scratch(e, EXEC_SCRATCH_C, 2 * x->size);
    memset(sum, 0, x->size * sizeof *sum);
    memcpy(w.dim, y->type.dim, sizeof w.dim);
    strides_in(&x->type, &y->type, w.x);
    strides_in(&y->type, &y->type, w.y);
    if (other)
        strides_in(&other->type, &y->type, w.other);
    if (w.rank == 0)
        sum[0] = f(y->grad[0], x->data[0], other ? other->data[0] : 0, y->data[0]);
    else
        walk_axis(&w, 0, sum, x->data, other ? other->data : &zero, y->grad, y->data);
    for (size_t i = 0; i < x->size; i++)
        dst[i] = (float)sum[i];
}

/* ---- the operators ---- */

static float share_all(float dy, float x, float other, float y)
{
    (void)x, (void)other, (void)y;
    return dy;
}

static float share_minus(float dy, float x, float other, float y)
{
    (void)x, (void)other, (void)y;
    return -dy;
}

static float share_times(float dy, float x, float other, float y)
{
    (void)x, (void)y;
    return dy * other;
}

static float share_over(float dy, float x, float other, float y)
{
    (void)x, (void)y;
    return dy != 0 ? dy / other : 0;
}

static float share_divisor(float dy, float x, float other, float y)
{
    (void)other;
    return dy != 0 ? -dy * y / x : 0;
}

static float share_base(float dy, float x, float other, float y)
{
    (void)y;
    return dy != 0 && other != 0 ? dy * other * powf(x, other - 1) : 0;
}

static float share_exponent(float dy, float x, float other, float y)
{
    (void)x;
    return dy != 0 && other > 0 ? dy * y * logf(other) : 0;
}

/* Of equal elements the first takes all. */
static float share_first(float dy, float x, float other, float y)
{
    (void)other;
    return x == y ? dy : 0;
}

static float share_second(float dy, float x, float other, float y)
{
    return x == y && other != y ? dy : 0;
}

static float share_slope(float dy, float x, float other, float y)
{
    (void)y;
    return x > 0 ? dy : dy * other;
}

static float share_negative(float dy, float x, float other, float y)
{
    (void)x, (void)y;
    return other < 0 ? dy * other : 0;
}

static void fold_into(struct exec *e, struct step *s, int i, const struct value *other,
                      back_share_fn *f)
{
    float *dx = exec_grad_take(e, s, i);

    if (!dx)
        return;
    back_fold(e, dx, s->in[i], other, s->out[0], f);
    exec_grad_put(e, s, i);
}

static enum status fold_two(struct exec *e, struct step *s, back_share_fn *f, back_share_fn *g)
{
    fold_into(e, s, 0, s->in[1], f);
    fold_into(e, s, 1, s->in[0], g);
    return ST_OK;
}

enum status back_add(struct exec *e, struct step *s, struct err *err)
{
    const struct value *y = s->out[0];

    (void)err;
    for (int i = 0; i < s->n_in; i++) {
        struct value *x = s->in[i];

        if (!x->grad || !back_alike(x, y)) {
            fold_into(e, s, i, NULL, share_all);
        } else if (x->grad_live) {
            back_vec_add(x->grad, y->grad, (int64_t)x->size);
        } else {
            memcpy(x->grad, y->grad, x->size * sizeof(float));
            x->grad_live = true;
        }
    }
    return ST_OK;
}

enum status back_sub(struct exec *e, struct step *s, struct err *err)
{
    (void)err;
    return fold_two(e, s, share_all, share_minus);
}

enum status back_mul(struct exec *e, struct step *s, struct err *err)
{
    (void)err;
    return fold_two(e, s, share_times, share_times);
}

enum status back_div(struct exec *e, struct step *s, struct err *err)
{
    (void)err;
    return fold_two(e, s, share_over, share_divisor);
}

enum status back_pow(struct exec *e, struct step *s, struct err *err)
{
    (void)err;
    return fold_two(e, s, share_base, share_exponent);
}

enum status back_max(struct exec *e, struct step *s, struct err *err)
{
    (void)err;
    fold_into(e, s, 0, NULL, share_first);
    for (int i = 1; i < s->n_in; i++)
        fold_into(e, s, i, s->in[i - 1], share_second);
    return ST_OK;
}

enum status back_prelu(struct exec *e, struct step *s, struct err *err)
{
    (void)err;
    return fold_two(e, s, share_slope, share_negative);
}
