/* Functions of one element: oneDNN's where it has them, else a loop; softmax; PRelu; Dropout. */
#include "exec/k.h"
#include "base/rng.h"

#include <math.h>

/* ---- kernels that are one primitive ---- */

void k_prim_done(struct step *s)
{
    prim_done(s->state);
    free(s->state);
}

enum status k_prim(struct exec *e, struct step *s, struct err *err)
{
    return prim_run(s->state, e, err);
}

/* ---- functions ---- */

struct eltwise {
    struct prim prim; /* empty: `f` */
    float (*f)(float x, float a, float b);
    float a, b;
};

static float f_selu(float x, float a, float b)
{
    return b * (x > 0 ? x : a * expm1f(x));
}

static float f_hardsigmoid(float x, float a, float b)
{
    float y = a * x + b;

    return y < 0 ? 0 : y > 1 ? 1 : y;
}

static float f_erf(float x, float a, float b)
{
    (void)a;
    (void)b;
    return erff(x);
}

static float f_neg(float x, float a, float b)
{
    (void)a;
    (void)b;
    return -x;
}

static float f_clip(float x, float a, float b)
{
    x = x < a ? a : x;
    return x > b ? b : x;
}

/* What oneDNN calls each operator, or our own function; attributes a and b with defaults. */
static const struct function {
    dnnl_alg_kind_t alg;
    float (*f)(float x, float a, float b);
    const char *name_a, *name_b;
    float a, b;
} functions[OP_COUNT] = {
    [OP_RELU] = {dnnl_eltwise_relu, NULL, NULL, NULL, 0, 0},
    [OP_LEAKYRELU] = {dnnl_eltwise_relu, NULL, "alpha", NULL, 0.01F, 0},
    [OP_ELU] = {dnnl_eltwise_elu, NULL, "alpha", NULL, 1, 0},
    [OP_SELU] = {0, f_selu, "alpha", "gamma", 1.67326319217681884765625F, 1.05070102214813232F},
    [OP_SIGMOID] = {dnnl_eltwise_logistic, NULL, NULL, NULL, 0, 0},
    [OP_TANH] = {dnnl_eltwise_tanh, NULL, NULL, NULL, 0, 0},
    [OP_HARDSIGMOID] = {0, f_hardsigmoid, "alpha", "beta", 0.2F, 0.5F},
    [OP_HARDSWISH] = {dnnl_eltwise_hardswish, NULL, NULL, NULL, 0, 0},
    [OP_SOFTPLUS] = {dnnl_eltwise_soft_relu, NULL, NULL, NULL, 0, 0},
    [OP_ERF] = {0, f_erf, NULL, NULL, 0, 0},
    [OP_EXP] = {dnnl_eltwise_exp, NULL, NULL, NULL, 0, 0},
    [OP_LOG] = {dnnl_eltwise_log, NULL, NULL, NULL, 0, 0},
    [OP_SQRT] = {dnnl_eltwise_sqrt, NULL, NULL, NULL, 0, 0},
    [OP_ABS] = {dnnl_eltwise_abs, NULL, NULL, NULL, 0, 0},
    [OP_NEG] = {0, f_neg, NULL, NULL, 0, 0},
    [OP_CLIP] = {dnnl_eltwise_clip, f_clip, NULL, NULL, 0, 0},
};

/* The bounds of Clip; those that the model computes are read at each run. */
static void bounds(const struct step *s, float *a, float *b)
{
    *a = s->n_in > 1 && s->in[1] ? s->in[1]->data[0] : -INFINITY;
    *b = s->n_in > 2 && s->in[2] ? s->in[2]->data[0] : INFINITY;
}

static bool bounds_are_finite(const struct step *s)
{
    float a, b;

    bounds(s, &a, &b);
    return s->n_in > 2 && s->in[1] && s->in[2] && s->in[1]->tensor && s->in[2]->tensor && a <= b;
}

bool k_function(const struct step *s, dnnl_alg_kind_t *alg, float *a, float *b)
{
    const struct function *f = &functions[s->node->op];

    if (f->alg == 0 || (s->node->op == OP_CLIP && !bounds_are_finite(s)))
        return false;
    *alg = f->alg;
    *a = f->name_a ? node_float(s->node, f->name_a, f->a) : f->a;
    *b = f->b;
    if (s->node->op == OP_CLIP)
        bounds(s, a, b);
    return true;
}

/* Padding may come to hold what our own functions make of 0; nobody reads it but convolutions,
 * whose weights are 0 there, so it only must be finite. */
enum status k_eltwise_layout(struct exec *e, struct step *s, bool *takes, struct err *err)
{
    (void)e;
    (void)err;
    for (int i = 1; i < s->n_in; i++)
        if (s->in[i] && !s->in[i]->plain)
            return ST_OK;
    *takes = true;
    exec_set_md(s->out[0], &s->in[0]->md);
    return ST_OK;
}

static enum status make_prim(struct exec *e, struct step *s, dnnl_alg_kind_t alg, struct err *err)
{
    dnnl_prop_kind_t prop = exec_training(e) ? dnnl_forward_training : dnnl_forward_inference;
    struct eltwise *w = s->state;
    dnnl_eltwise_desc_t d;

    TRY(exec_dnnl(dnnl_eltwise_forward_desc_init(&d, prop, alg, &s->in[0]->md, w->a, w->b),
                  node_label(s->node), err));
    TRY(prim_init(&w->prim, &d, NULL, NULL, err));
    TRY(prim_bind(&w->prim, DNNL_ARG_SRC, &s->in[0]->md, s->in[0]->data, err));
    return prim_bind(&w->prim, DNNL_ARG_DST, &s->out[0]->md, s->out[0]->data, err);
}

enum status k_eltwise_init(struct exec *e, struct step *s, struct err *err)
{
    const struct function *f = &functions[s->node->op];
    struct eltwise *w = x_calloc(1, sizeof *w);
    dnnl_alg_kind_t alg;

    s->state = w;
    if (k_function(s, &alg, &w->a, &w->b))
        return make_prim(e, s, alg, err);
    w->f = f->f;
    w->a = f->name_a ? node_float(s->node, f->name_a, f->a) : f->a;
    w->b = f->name_b ? node_float(s->node, f->name_b, f->b) : f->b;
    return ST_OK;
}

enum status k_eltwise(struct exec *e, struct step *s, struct err *err)
{
    struct eltwise *w = s->state;
    const float *x = s->in[0]->data;
    float *y = s->out[0]->data;

    if (w->prim.p)
        return prim_run(&w->prim, e, err);
    if (s->node->op == OP_CLIP)
        bounds(s, &w->a, &w->b);
    for (size_t i = 0; i < s->out[0]->size; i++)
        y[i] = w->f(x[i], w->a, w->b);
    return ST_OK;
}

void k_eltwise_done(struct step *s)
{
    struct eltwise *w = s->state;

    prim_done(&w->prim);
    free(w);
}

/* ---- Softmax, LogSoftmax ---- */

enum status k_softmax_init(struct exec *e, struct step *s, struct err *err)
{
    dnnl_prop_kind_t prop = exec_training(e) ? dnnl_forward_training : dnnl_forward_inference;
    const struct value *x = s->in[0];
    int axis = x->type.rank ? ttype_axis(node_int(s->node, "axis", -1), x->type.rank) : 0;
    struct prim *p = x_calloc(1, sizeof *p);
    union {
        dnnl_softmax_desc_t soft;
        dnnl_logsoftmax_desc_t logsoft;
    } d;

    s->state = p;
    if (s->node->op == OP_SOFTMAX)
        TRY(exec_dnnl(dnnl_softmax_forward_desc_init(&d.soft, prop, &x->md, axis),
                      node_label(s->node), err));
    else
        TRY(exec_dnnl(dnnl_logsoftmax_forward_desc_init(&d.logsoft, prop, &x->md, axis),
                      node_label(s->node), err));
    TRY(prim_init(p, &d, NULL, NULL, err));
    TRY(prim_bind(p, DNNL_ARG_SRC, &x->md, x->data, err));
    return prim_bind(p, DNNL_ARG_DST, &s->out[0]->md, s->out[0]->data, err);
}

/* ---- Dropout ---- */

static float drop_ratio(const struct step *s)
{
    return s->n_in > 1 && s->in[1] ? s->in[1]->data[0] : 0.5F;
}

enum status k_dropout_layout(struct exec *e, struct step *s, bool *takes, struct err *err)
{
    (void)e;
    (void)err;
    *takes = s->n_out == 1;
    if (*takes)
        exec_set_md(s->out[0], &s->in[0]->md);
    return ST_OK;
}

enum status k_dropout_init(struct exec *e, struct step *s, struct err *err)
{
    if (s->n_in > 2 && s->in[2] && !exec_training(e) &&
        (!s->in[2]->tensor || s->in[2]->data[0] != 0))
        return exec_unsupported(s, err, "drops at random even where nothing is trained");
    return k_flat_init(e, s, err);
}

enum status k_dropout(struct exec *e, struct step *s, struct err *err)
{
    float ratio = drop_ratio(s), *y = s->out[0]->data;
    struct rng rng;

    TRY(k_moves(e, s, err));
    for (int64_t i = 0; s->n_out > 1 && i < s->out[1]->count; i++)
        s->out[1]->data[i] = 1.0F;
    free(s->saved[0]);
    s->saved[0] = NULL;
    if (!exec_training(e) || e->dropout_seed == 0 || !(ratio > 0 && ratio < 1))
        return ST_OK;
    s->saved[0] = x_malloc(s->out[0]->size * sizeof(float));
    rng = rng_for(e->dropout_seed, (uint64_t)s->id);
    for (size_t i = 0; i < s->out[0]->size; i++) {
        s->saved[0][i] = rng_double(&rng) < (double)ratio ? 0.0F : 1.0F / (1.0F - ratio);
        y[i] *= s->saved[0][i];
        if (s->n_out > 1)
            s->out[1]->data[i] = s->saved[0][i] != 0;
    }
    return ST_OK;
}
