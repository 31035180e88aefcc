/* Gradients of functions of one element. */
#include "exec/exec_back.h"
#include <math.h>

/* dy/dx from x, y and the node's two numbers. */
typedef float slope_fn(float x, float y, float a, float b);

static float slope_relu(float x, float y, float a, float b)
{
    (void)y, (void)b;
    return x > 0 ? 1 : a;
}

static float slope_elu(float x, float y, float a, float b)
{
    (void)b;
    return x > 0 ? 1 : y + a;
}

static float slope_selu(float x, float y, float a, float b)
{
    return x > 0 ? b : y + a * b;
}

static float slope_sigmoid(float x, float y, float a, float b)
{
    (void)x, (void)a, (void)b;
    return y * (1 - y);
}

static float slope_tanh(float x, float y, float a, float b)
{
    (void)x, (void)a, (void)b;
    return 1 - y * y;
}

static float slope_hardsigmoid(float x, float y, float a, float b)
{
    (void)x, (void)b;
    return y > 0 && y < 1 ? a : 0;
}

static float slope_hardswish(float x, float y, float a, float b)
{
    (void)y, (void)a, (void)b;
    return x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5F;
}

static float slope_softplus(float x, float y, float a, float b)
{
    (void)y, (void)a, (void)b;
    return 1 / (1 + expf(-x));
}

static float slope_erf(float x, float y, float a, float b)
{
    (void)y, (void)a, (void)b;
    return 1.12837917F * expf(-x * x);
}

static float slope_exp(float x, float y, float a, float b)
{
    (void)x, (void)a, (void)b;
    return y;
}

static float slope_log(float x, float y, float a, float b)
{
    (void)y, (void)a, (void)b;
    return 1 / x;
}

static float slope_sqrt(float x, float y, float a, float b)
{
    (void)x, (void)a, (void)b;
    return 0.5F / y;
}

static float slope_abs(float x, float y, float a, float b)
{
    (void)y, (void)a, (void)b;
    return x > 0 ? 1 : x < 0 ? -1 : 0;
}

static float slope_neg(float x, float y, float a, float b)
{
    (void)x, (void)y, (void)a, (void)b;
    return -1;
}

/* The names of the node's numbers and what they are when absent; NULL: none. */
static const struct slope {
    enum op op;
    slope_fn *f;
    const char *a;
    float a_default;
    const char *b;
    float b_default;
} slopes[] = {
    {OP_LEAKYRELU, slope_relu, "alpha", 0.01F, NULL, 0},
    {OP_ELU, slope_elu, "alpha", 1, NULL, 0},
    {OP_SELU, slope_selu, "alpha", 1.67326319F, "gamma", 1.05070102F},
    {OP_SIGMOID, slope_sigmoid, NULL, 0, NULL, 0},
    {OP_TANH, slope_tanh, NULL, 0, NULL, 0},
    {OP_HARDSIGMOID, slope_hardsigmoid, "alpha", 0.2F, NULL, 0},
    {OP_HARDSWISH, slope_hardswish, NULL, 0, NULL, 0},
    {OP_SOFTPLUS, slope_softplus, NULL, 0, NULL, 0},
    {OP_ERF, slope_erf, NULL, 0, NULL, 0},
    {OP_EXP, slope_exp, NULL, 0, NULL, 0},
    {OP_LOG, slope_log, NULL, 0, NULL, 0},
    {OP_SQRT, slope_sqrt, NULL, 0, NULL, 0},
    {OP_ABS, slope_abs, NULL, 0, NULL, 0},
    {OP_NEG, slope_neg, NULL, 0, NULL, 0},
};

static const struct slope *slope_of(enum op op)
{
    for (size_t i = 0; i < sizeof slopes / sizeof *slopes; i++)
        if (slopes[i].op == op)
            return &slopes[i];
    return NULL;
}

enum status back_relu(struct exec *e, struct step *s, struct err *err)
{
    float *dx = exec_grad_take(e, s, 0);

    (void)err;
    if (dx) {
        back_vec_relu(dx, s->out[0]->grad, s->out[0]->data, (int64_t)s->out[0]->size);
        exec_grad_put(e, s, 0);
    }
    return ST_OK;
}

enum status back_unary(struct exec *e, struct step *s, struct err *err)
{
    const struct slope *k = slope_of(s->node->op);
    float a = k->a ? node_float(s->node, k->a, k->a_default) : 0;
    float b = k->b ? node_float(s->node, k->b, k->b_default) : 0;
    const float *x = s->in[0]->data, *y = s->out[0]->data, *dy = s->out[0]->grad;
    float *dx = exec_grad_take(e, s, 0);

    (void)err;
    if (!dx)
        return ST_OK;
    /* In the padding of a layout dy is 0, but the slope may be infinite. */
    for (size_t i = 0; i < s->in[0]->size; i++)
        dx[i] = dy[i] != 0 ? dy[i] * k->f(x[i], y[i], a, b) : 0;
    exec_grad_put(e, s, 0);
    return ST_OK;
}

static float bound(const struct step *s, int port, float fallback)
{
    return port < s->n_in && s->in[port] ? s->in[port]->data[0] : fallback;
}

enum status back_clip(struct exec *e, struct step *s, struct err *err)
{
    float lo = bound(s, 1, -INFINITY), hi = bound(s, 2, INFINITY);
    const float *x = s->in[0]->data, *dy = s->out[0]->grad;
    float *dx = exec_grad_take(e, s, 0);

    if ((s->n_in > 1 && s->in[1] && s->in[1]->grad) || (s->n_in > 2 && s->in[2] && s->in[2]->grad))
        return exec_unsupported(s, err, "no gradient for a computed limit");
    if (!dx)
        return ST_OK;
    back_vec_clip(dx, dy, x, lo, hi, (int64_t)s->in[0]->size);
    exec_grad_put(e, s, 0);
    return ST_OK;
}

enum status back_dropout(struct exec *e, struct step *s, struct err *err)
{
    const float *dy = s->out[0]->grad, *factor = s->saved[0];
    float *dx = exec_grad_take(e, s, 0);

    (void)err;
    if (!dx)
        return ST_OK;
    for (size_t i = 0; i < s->in[0]->size; i++)
        dx[i] = factor ? dy[i] * factor[i] : dy[i];
    exec_grad_put(e, s, 0);
    return ST_OK;
}
