/* Gradients of the normalisations. With xhat = (x - mean) / deviation over a group of m elements
 * and g = dy * scale:  dx = (g - mean(g) - xhat * mean(g * xhat)) / deviation. */
#include "exec/exec_back.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- batch normalisation ---- */

struct bn {
    struct prim hint, back;
};

static void bn_done(struct step *s)
{
    struct bn *b = s->back;

    prim_done(&b->hint);
    prim_done(&b->back);
    free(b);
}

enum status back_bn_init(struct exec *e, struct step *s, struct err *err)
{
    static const int vectors[] = {DNNL_ARG_MEAN,  DNNL_ARG_VARIANCE,   DNNL_ARG_SCALE,
                                  DNNL_ARG_SHIFT, DNNL_ARG_DIFF_SCALE, DNNL_ARG_DIFF_SHIFT};
    const dnnl_memory_desc_t *x = &s->in[0]->md, *c = &s->in[1]->md;
    float eps = node_float(s->node, "epsilon", 1e-5F);
    unsigned flags = dnnl_use_scale | dnnl_use_shift;
    struct bn *b = s->back = x_calloc(1, sizeof *b);
    dnnl_batch_normalization_desc_t d;

    s->back_done = bn_done;
    TRY(back_same_init(e, s, err));
    TRY(exec_dnnl(
        dnnl_batch_normalization_forward_desc_init(&d, dnnl_forward_training, x, eps, flags),
        "a normalisation", err));
    TRY(prim_init(&b->hint, &d, NULL, NULL, err));
    TRY(exec_dnnl(dnnl_batch_normalization_backward_desc_init(&d, dnnl_backward, x, x, eps, flags),
                  "a normalisation's gradient", err));
    TRY(prim_init(&b->back, &d, NULL, b->hint.pd, err));
    TRY(prim_bind(&b->back, DNNL_ARG_SRC, x, s->in[0]->data, err));
    TRY(prim_bind(&b->back, DNNL_ARG_DIFF_DST, x, NULL, err));
    TRY(prim_bind(&b->back, DNNL_ARG_DIFF_SRC, x, NULL, err));
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        TRY(prim_bind(&b->back, vectors[i], c, NULL, err));
    return ST_OK;
}

enum status back_bn(struct exec *e, struct step *s, struct err *err)
{
    static const int arg[] = {DNNL_ARG_DIFF_SRC, DNNL_ARG_DIFF_SCALE, DNNL_ARG_DIFF_SHIFT};
    struct prim *p = &((struct bn *)s->back)->back;
    float *grad[3];

    for (int i = 0; i < 3; i++) {
        grad[i] = exec_grad_take(e, s, i);
        prim_set(p, arg[i],
                 grad[i] ? grad[i] : exec_scratch(e, EXEC_SCRATCH_A + i, s->in[i]->size));
    }
    prim_set(p, DNNL_ARG_MEAN, s->saved[0]);
    prim_set(p, DNNL_ARG_VARIANCE, s->saved[1]);
    prim_set(p, DNNL_ARG_SCALE, s->in[1]->data);
    /* Without the shift, which it does not need, oneDNN fails without a word. */
    prim_set(p, DNNL_ARG_SHIFT, s->in[2]->data);
    prim_set(p, DNNL_ARG_DIFF_DST, s->out[0]->grad);
    TRY(prim_run(p, e, err));
    for (int i = 0; i < 3; i++)
        if (grad[i])
            exec_grad_put(e, s, i);
    return ST_OK;
}

/* ---- over the elements of one image ---- */

/* One group of m elements; scale[k * step] belongs to element k. dx, dscale, dshift may be NULL;
 * the latter two are added to. */
struct group {
    int64_t m, step;
    const float *x, *dy, *scale;
    double mean, rdev;
    float *dx, *dscale, *dshift;
};

static void normalise_back(const struct group *g)
{
    double sum = 0, dot = 0;

    for (int64_t k = 0; k < g->m; k++) {
        double xhat = (g->x[k] - g->mean) * g->rdev, d = (double)g->dy[k] * g->scale[k * g->step];

        sum += d;
        dot += d * xhat;
    }
    for (int64_t k = 0; g->dx && k < g->m; k++) {
        double xhat = (g->x[k] - g->mean) * g->rdev, d = (double)g->dy[k] * g->scale[k * g->step];

        g->dx[k] = (float)((d - sum / (double)g->m - xhat * dot / (double)g->m) * g->rdev);
    }
    for (int64_t k = 0; g->dscale && k < g->m; k++)
        g->dscale[k * g->step] += (float)(g->dy[k] * (g->x[k] - g->mean) * g->rdev);
    for (int64_t k = 0; g->dshift && k < g->m; k++)
        g->dshift[k * g->step] += g->dy[k];
}

/* `scales` groups in turn have scale vectors that begin `apart` elements after each other. */
static void groups_back(struct exec *e, struct step *s, struct group g, int64_t groups,
                        int64_t scales, int64_t apart)
{
    float eps = node_float(s->node, "epsilon", 1e-5F), *grad[3];

    for (int i = 0; i < 3; i++)
        grad[i] = exec_grad_take(e, s, i);
    for (int i = 1; i < 3; i++)
        if (grad[i])
            memset(grad[i], 0, s->in[i]->size * sizeof(float));
    for (int64_t r = 0; r < groups; r++) {
        int64_t at = r * g.m, vec = r % scales * apart;

        g.x = s->in[0]->data + at;
        g.dy = s->out[0]->grad + at;
        g.scale = s->in[1]->data + vec;
        g.mean = s->saved[0][r];
        g.rdev = 1 / sqrt((double)s->saved[1][r] + eps);
        g.dx = grad[0] ? grad[0] + at : NULL;
        g.dscale = grad[1] ? grad[1] + vec : NULL;
        g.dshift = grad[2] ? grad[2] + vec : NULL;
        normalise_back(&g);
    }
    for (int i = 0; i < 3; i++)
        if (grad[i])
            exec_grad_put(e, s, i);
}

enum status back_instancenorm(struct exec *e, struct step *s, struct err *err)
{
    int64_t groups = s->in[0]->type.dim[0] * s->in[0]->type.dim[1];
    struct group g = {.m = s->in[0]->count / groups};

    (void)err;
    groups_back(e, s, g, groups, s->in[0]->type.dim[1], 1);
    return ST_OK;
}

enum status back_layernorm(struct exec *e, struct step *s, struct err *err)
{
    int64_t m = s->in[1]->count, rows = 1, axis = node_int(s->node, "axis", -1);
    const struct ttype *x = &s->in[0]->type;
    struct group g = {.step = 1};

    for (int i = 0; i < (axis < 0 ? axis + x->rank : axis); i++)
        rows *= x->dim[i];
    g.m = s->in[0]->count / rows;
    if (g.m != m)
        return exec_unsupported(s, err, "no gradient for a broadcast scale");
    groups_back(e, s, g, rows, 1, 0);
    return ST_OK;
}

/* ---- across channels ---- */

/* y = x * base^-beta, base = bias + alpha / size * sum of x^2 over the channels around. */
enum status back_lrn(struct exec *e, struct step *s, struct err *err)
{
    const struct ttype *t = &s->in[0]->type;
    int64_t size = node_int(s->node, "size", 1), c = t->dim[1];
    int64_t pixels = s->in[0]->count / (t->dim[0] * c);
    double alpha = node_float(s->node, "alpha", 1e-4F) / (double)size;
    double beta = node_float(s->node, "beta", 0.75F), bias = node_float(s->node, "bias", 1);
    int64_t before = (size - 1) / 2, after = size - 1 - before;
    float *dx = exec_grad_take(e, s, 0);
    double *base, *share;

    (void)err;
    if (!dx)
        return ST_OK;
    base = x_calloc((size_t)c * 2, sizeof *base);
    share = base + c;
    for (int64_t i = 0; i < t->dim[0] * pixels; i++) {
        int64_t at = i / pixels * c * pixels + i % pixels;
        const float *x = s->in[0]->data + at, *dy = s->out[0]->grad + at;

        for (int64_t k = 0; k < c; k++) {
            base[k] = bias;
            for (int64_t j = k - before < 0 ? 0 : k - before; j <= k + after && j < c; j++)
                base[k] += alpha * x[j * pixels] * x[j * pixels];
            share[k] = dy[k * pixels] * x[k * pixels] * pow(base[k], -beta - 1);
        }
        for (int64_t k = 0; k < c; k++) {
            double sum = 0;

            for (int64_t j = k - after < 0 ? 0 : k - after; j <= k + before && j < c; j++)
                sum += share[j];
            dx[at + k * pixels] = (float)(dy[k * pixels] * pow(base[k], -beta) -
                                          2 * alpha * beta * x[k * pixels] * sum);
        }
    }
    free(base);
    exec_grad_put(e, s, 0);
    return ST_OK;
}
