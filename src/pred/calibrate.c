/* How far estimates are off, and what lies within a table's distribution, both told by networks
 * that a member did not learn from. */
#include "pred/model_priv.h"

#include <math.h>

static int ascending(const void *x, const void *y)
{
    const float *a = x, *b = y;
    return (*a > *b) - (*a < *b);
}

/* The conformal quantile: so many of n further values are expected below it. Sorts v. */
static float quantile(float *v, size_t n, double share)
{
    if (n == 0)
        return INFINITY;
    qsort(v, n, sizeof *v, ascending);
    size_t k = (size_t)ceil((double)(n + 1) * share);
    return v[k > n ? n - 1 : k - 1];
}

/* ---- errors ---- */

/* Errors of the members on what they left out; those of differences between neighbours in a fold's
 * random order. */
static void calibrate_errors(struct pred_scale *s, const float *error, const int *fold, size_t n)
{
    float *v = x_malloc((n + 1) * sizeof *v);
    size_t here = 0, last[PRED_MAX_MEMBERS], pairs = 0;
    bool any[PRED_MAX_MEMBERS] = {false};
    for (size_t i = 0; i < n; i++)
        if (fold[i] >= 0)
            v[here++] = fabsf(error[i]);
    s->error = quantile(v, here, 0.9);
    for (size_t i = 0; i < n; i++) {
        if (fold[i] < 0)
            continue;
        if (any[fold[i]])
            v[pairs++] = fabsf(error[i] - error[last[fold[i]]]);
        any[fold[i]] = true;
        last[fold[i]] = i;
    }
    s->shift = quantile(v, pairs, 0.9);
    free(v);
}

/* ---- distance ---- */

double pred_distance(const struct pred_scale *s, const float *embedding)
{
    enum { E = PRED_EMBEDDING };
    double sum = 0;
    for (int i = 0; i < E; i++) {
        double row = 0;
        for (int k = 0; k < E; k++)
            row += (double)s->precision[i * E + k] * (embedding[k] - s->centre[k]);
        sum += row * (embedding[i] - s->centre[i]);
    }
    return sqrt(fmax(sum, 0));
}

/* In place; a is symmetric and positive definite. */
static void invert(double *a, int n)
{
    for (int p = 0; p < n; p++) {
        double d = 1 / a[p * n + p];
        for (int k = 0; k < n; k++)
            a[p * n + k] *= k == p ? 0 : d;
        a[p * n + p] = d;
        for (int i = 0; i < n; i++) {
            if (i == p)
                continue;
            double f = a[i * n + p];
            a[i * n + p] = 0;
            for (int k = 0; k < n; k++)
                a[i * n + k] -= f * a[p * n + k];
        }
    }
}

/* Mahalanobis' distance, with a covariance that is drawn to its diagonal and never flat: a direction
 * in which no network of the table differs has still a scale. */
static void calibrate_distance(struct pred_scale *s, const float *embedding, const int *fold,
                               size_t n)
{
    enum { E = PRED_EMBEDDING };
    double mean[E] = {0}, *cov = x_calloc(E * E, sizeof *cov), total = 0;
    size_t learnt = 0, held = 0;
    for (size_t i = 0; i < n; i++)
        for (int k = 0; fold[i] > 0 && k < E; k++)
            mean[k] += embedding[i * E + (size_t)k];
    for (size_t i = 0; i < n; i++)
        learnt += fold[i] > 0;
    for (int k = 0; k < E; k++) {
        mean[k] /= (double)learnt;
        s->centre[k] = (float)mean[k];
    }
    for (size_t i = 0; i < n; i++)
        for (int k = 0; fold[i] > 0 && k < E * E; k++)
            cov[k] += (embedding[i * E + (size_t)(k / E)] - mean[k / E]) *
                      (embedding[i * E + (size_t)(k % E)] - mean[k % E]) / (double)learnt;
    for (int k = 0; k < E; k++)
        total += cov[k * E + k] / E;
    for (int k = 0; k < E * E; k++)
        cov[k] = k % (E + 1) == 0 ? cov[k] * 1.0 + 0.02 * total + 1e-9 : cov[k] * 0.9;
    invert(cov, E);
    for (int k = 0; k < E * E; k++)
        s->precision[k] = (float)cov[k];
    float *v = x_malloc((n + 1) * sizeof *v);
    for (size_t i = 0; i < n; i++)
        if (fold[i] == 0)
            v[held++] = (float)pred_distance(s, embedding + i * E);
    s->edge = quantile(v, held, 0.975);
    free(v);
    free(cov);
}

void pred_calibrate(struct pred_model *m, int t, const struct pred_table *table, const int *fold)
{
    size_t n = table->item.n, outputs = (size_t)m->shape.outputs;
    const struct pred_net **net = x_calloc(n + 1, sizeof *net);
    float *out = x_malloc((n + 1) * outputs * sizeof *out);
    float *embedding = x_malloc((n + 1) * PRED_EMBEDDING * sizeof *embedding);
    float *error = x_calloc(n + 1, sizeof *error);
    size_t *item = x_malloc((n + 1) * sizeof *item);
    for (int k = 0; k < m->members; k++) {
        size_t here = 0;
        for (size_t i = 0; i < n; i++)
            if (fold[i] == k) {
                item[here] = i;
                net[here++] = table->item.at[i].net;
            }
        pred_run(m->variant, &m->shape, m->w + (size_t)k * (size_t)m->shape.n, net, (int)here, out,
                 NULL);
        for (size_t i = 0; i < here; i++) {
            double z = pred_sigma(&table->curve, table->item.at[item[i]].acc);
            error[item[i]] = out[i * outputs + (size_t)t] - (float)z;
        }
    }
    for (size_t i = 0; i < n; i++)
        net[i] = table->item.at[i].net;
    pred_run(m->variant, &m->shape, m->w, net, (int)n, out, embedding);
    calibrate_errors(&m->scale[t], error, fold, n);
    calibrate_distance(&m->scale[t], embedding, fold, n);
    free(net);
    free(out);
    free(embedding);
    free(error);
    free(item);
}
