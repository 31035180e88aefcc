/* Normalisation: BatchNormalization and LRN through oneDNN, the others by hand. */
#include "exec/k.h"

#include <math.h>

/* ---- BatchNormalization ---- */

struct batchnorm {
    struct prim prim;
    bool batch;  /* statistics of the batch, not the running ones */
    float *mean; /* C each: what the primitive made or reads */
    float *var;
};

void k_batchnorm_done(struct step *s)
{
    struct batchnorm *b = s->state;

    prim_done(&b->prim);
    if (!b->batch) {
        free(b->mean);
        free(b->var);
    }
    free(b);
}

/* The primitive wants N, C and at least one spatial axis; rank 1 is one channel. */
static dnnl_memory_desc_t norm_md(const struct value *x)
{
    int64_t dim[4] = {x->count, 1, 1, 1};

    if (x->type.rank >= 3)
        return x->md;
    for (int i = 0; i < x->type.rank; i++)
        dim[i] = x->type.dim[i];
    return exec_md_plain(4, dim);
}

enum status k_batchnorm_layout(struct exec *e, struct step *s, bool *takes, struct err *err)
{
    (void)e;
    (void)err;
    *takes = s->in[0]->type.rank >= 3;
    if (*takes)
        exec_set_md(s->out[0], &s->in[0]->md);
    return ST_OK;
}

static enum status bind(struct step *s, struct batchnorm *b, const dnnl_memory_desc_t *x,
                        struct err *err)
{
    int64_t c = x->dims[1];
    dnnl_memory_desc_t vec = exec_md_plain(1, &c);

    TRY(prim_bind(&b->prim, DNNL_ARG_SRC, x, s->in[0]->data, err));
    TRY(prim_bind(&b->prim, DNNL_ARG_DST, x, s->out[0]->data, err));
    TRY(prim_bind(&b->prim, DNNL_ARG_SCALE, &vec, s->in[1]->data, err));
    TRY(prim_bind(&b->prim, DNNL_ARG_SHIFT, &vec, s->in[2]->data, err));
    TRY(prim_bind(&b->prim, DNNL_ARG_MEAN, &vec, b->mean, err));
    return prim_bind(&b->prim, DNNL_ARG_VARIANCE, &vec, b->var, err);
}

enum status k_batchnorm_init(struct exec *e, struct step *s, struct err *err)
{
    struct batchnorm *b = x_calloc(1, sizeof *b);
    dnnl_memory_desc_t x = norm_md(s->in[0]);
    unsigned flags = dnnl_use_scale | dnnl_use_shift;
    dnnl_batch_normalization_desc_t d;

    s->state = b;
    b->batch = exec_training(e);
    if (!b->batch && node_int(s->node, "training_mode", 0) != 0)
        return exec_unsupported(s, err, "training_mode where nothing is trained");
    if (b->batch && (!s->in[3]->tensor || !s->in[4]->tensor))
        return exec_unsupported(s, err, "the model computes its statistics");
    if (!b->batch)
        flags |= dnnl_use_global_stats;
    b->mean = exec_alloc((size_t)x.dims[1]);
    b->var = exec_alloc((size_t)x.dims[1]);
    if (!b->mean || !b->var)
        return err_set(err, ST_INTERNAL, "out of memory for statistics");
    if (b->batch) {
        s->saved[0] = b->mean;
        s->saved[1] = b->var;
    }
    TRY(exec_dnnl(dnnl_batch_normalization_forward_desc_init(
                      &d, b->batch ? dnnl_forward_training : dnnl_forward_inference, &x,
                      node_float(s->node, "epsilon", 1e-5F), flags),
                  node_label(s->node), err));
    TRY(prim_init(&b->prim, &d, NULL, NULL, err));
    s->hint = b->prim.pd;
    return bind(s, b, &x, err);
}

/* The running variance is the population's as ONNX defines it, not the unbiased one. */
static void update_running(struct step *s, const struct batchnorm *b)
{
    float keep = node_float(s->node, "momentum", 0.9F);

    for (int64_t c = 0; c < s->in[3]->count; c++) {
        s->in[3]->data[c] = keep * s->in[3]->data[c] + (1 - keep) * b->mean[c];
        s->in[4]->data[c] = keep * s->in[4]->data[c] + (1 - keep) * b->var[c];
    }
}

enum status k_batchnorm(struct exec *e, struct step *s, struct err *err)
{
    struct batchnorm *b = s->state;

    if (!b->batch) {
        memcpy(b->mean, s->in[3]->data, (size_t)s->in[3]->count * sizeof(float));
        memcpy(b->var, s->in[4]->data, (size_t)s->in[4]->count * sizeof(float));
    }
    TRY(prim_run(&b->prim, e, err));
    if (b->batch)
        update_running(s, b);
    for (int i = 1; b->batch && i < s->n_out && i < 3; i++)
        memcpy(s->out[i]->data, s->in[2 + i]->data, (size_t)s->out[i]->count * sizeof(float));
    return ST_OK;
}

/* ---- rows: InstanceNormalization, LayerNormalization ---- */

static void row_moments(const float *x, int64_t n, double *mean, double *var)
{
    double sum = 0, squares = 0;

    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i];
    *mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++)
        squares += ((double)x[i] - *mean) * ((double)x[i] - *mean);
    *var = squares / (double)n;
}

static void save_moments(struct step *s, int64_t rows)
{
    for (int i = 0; i < 2; i++)
        s->saved[i] = x_calloc((size_t)rows, sizeof(float));
}

enum status k_instancenorm_init(struct exec *e, struct step *s, struct err *err)
{
    (void)err;
    if (exec_training(e))
        save_moments(s, s->in[0]->type.dim[0] * s->in[0]->type.dim[1]);
    return ST_OK;
}

enum status k_instancenorm(struct exec *e, struct step *s, struct err *err)
{
    const struct ttype *t = &s->in[0]->type;
    int64_t rows = t->dim[0] * t->dim[1], n = s->in[0]->count / rows;
    double epsilon = (double)node_float(s->node, "epsilon", 1e-5F);

    (void)e;
    (void)err;
    for (int64_t r = 0; r < rows; r++) {
        const float *x = s->in[0]->data + r * n;
        float *y = s->out[0]->data + r * n, scale, shift;
        double mean, var;

        row_moments(x, n, &mean, &var);
        scale = (float)((double)s->in[1]->data[r % t->dim[1]] / sqrt(var + epsilon));
        shift = s->in[2]->data[r % t->dim[1]];
        for (int64_t i = 0; i < n; i++)
            y[i] = (x[i] - (float)mean) * scale + shift;
        if (s->saved[0]) {
            s->saved[0][r] = (float)mean;
            s->saved[1][r] = (float)var;
        }
    }
    return ST_OK;
}

/* Elements of one normalised row. */
static int64_t layer_row(const struct step *s)
{
    const struct ttype *t = &s->in[0]->type;
    int64_t n = 1;

    for (int i = ttype_axis(node_int(s->node, "axis", -1), t->rank); i < t->rank; i++)
        n *= t->dim[i];
    return n;
}

enum status k_layernorm_init(struct exec *e, struct step *s, struct err *err)
{
    int64_t n = layer_row(s);

    if (s->in[1]->count != n || (s->n_in > 2 && s->in[2] && s->in[2]->count != n))
        return exec_unsupported(s, err, "its scale is broadcast");
    if (exec_training(e))
        save_moments(s, s->in[0]->count / n);
    return ST_OK;
}

enum status k_layernorm(struct exec *e, struct step *s, struct err *err)
{
    int64_t n = layer_row(s), rows = s->in[0]->count / n;
    double epsilon = (double)node_float(s->node, "epsilon", 1e-5F);
    const float *scale = s->in[1]->data, *shift = s->n_in > 2 && s->in[2] ? s->in[2]->data : NULL;

    (void)e;
    (void)err;
    for (int64_t r = 0; r < rows; r++) {
        const float *x = s->in[0]->data + r * n;
        float *y = s->out[0]->data + r * n, inverse;
        double mean, var;

        row_moments(x, n, &mean, &var);
        inverse = (float)(1 / sqrt(var + epsilon));
        for (int64_t i = 0; i < n; i++)
            y[i] = (x[i] - (float)mean) * inverse * scale[i] + (shift ? shift[i] : 0);
        if (s->n_out > 1)
            s->out[1]->data[r] = (float)mean;
        if (s->n_out > 2)
            s->out[2]->data[r] = inverse;
        if (s->saved[0]) {
            s->saved[0][r] = (float)mean;
            s->saved[1][r] = (float)var;
        }
    }
    return ST_OK;
}

/* ---- LRN ---- */

/* By hand: an even size reaches one channel further behind than before, which oneDNN does not. */
enum status k_lrn(struct exec *e, struct step *s, struct err *err)
{
    const struct ttype *t = &s->in[0]->type;
    int64_t c = t->dim[1], size = node_int(s->node, "size", 1), plane = 1;
    double alpha = (double)node_float(s->node, "alpha", 1e-4F) / (double)size;
    double beta = (double)node_float(s->node, "beta", 0.75F);
    double bias = (double)node_float(s->node, "bias", 1.0F);

    (void)e;
    (void)err;
    for (int i = 2; i < t->rank; i++)
        plane *= t->dim[i];
    for (int64_t n = 0; n < t->dim[0]; n++)
        for (int64_t k = 0; k < c; k++)
            for (int64_t i = 0; i < plane; i++) {
                const float *x = s->in[0]->data + n * c * plane + i;
                int64_t from = k - (size - 1) / 2, to = k + size / 2;
                double sum = 0;

                for (int64_t j = from < 0 ? 0 : from; j <= to && j < c; j++)
                    sum += (double)x[j * plane] * (double)x[j * plane];
                s->out[0]->data[(n * c + k) * plane + i] =
                    (float)((double)x[k * plane] * pow(bias + alpha * sum, -beta));
            }
    return ST_OK;
}
