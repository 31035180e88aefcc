/* How far estimates are off, and what lies within a table's distribution, both told by networks
 * that a member did not learn from. */
#include "base/stat.h"
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

/* Errors of the members on what they left out. */
static float error_bound(const float *error, const int *fold, size_t n)
{
    float *v = x_malloc((n + 1) * sizeof *v);
    size_t here = 0;
    for (size_t i = 0; i < n; i++)
        if (fold[i] >= 0)
            v[here++] = fabsf(error[i]);
    float bound = quantile(v, here, 0.9);
    free(v);
    return bound;
}

/* Errors of differences: between networks that differ by one operation, as a replacement makes
 * them; where a table has few of those, between any two. Each of the two is judged by the member
 * that left it out. */
static float shift_bound(const struct pred_table *t, const float *error, const int *fold)
{
    enum { FEW = 40 };
    int *item = x_malloc((t->item.n + 1) * sizeof *item), n = 0;
    struct pred_pairs p = {0};
    for (size_t i = 0; i < t->item.n; i++)
        if (fold[i] >= 0)
            item[n++] = (int)i;
    pred_find_pairs(t, item, n, &p);
    bool few = p.n < FEW;
    p.n = few ? 0 : p.n;
    for (int i = 1; few && i < n; i++)
        vec_push(&p, (struct pred_pair){i - 1, i});
    float *v = x_malloc((p.n + 1) * sizeof *v);
    for (size_t i = 0; i < p.n; i++)
        v[i] = fabsf(error[item[p.at[i].a]] - error[item[p.at[i].b]]);
    float bound = quantile(v, p.n, 0.9);
    free(v);
    free(item);
    vec_done(&p);
    return bound;
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

/* Centre and covariance of what the first member learnt from. */
static void describe_spread(struct pred_scale *s, const float *embedding, const int *fold, size_t n,
                            double *cov)
{
    enum { E = PRED_EMBEDDING };
    double mean[E] = {0};
    size_t learnt = 0;
    for (size_t i = 0; i < n; i++) {
        for (int k = 0; fold[i] > 0 && k < E; k++)
            mean[k] += embedding[i * E + (size_t)k];
        learnt += fold[i] > 0;
    }
    for (int k = 0; k < E; k++) {
        mean[k] /= (double)learnt;
        s->centre[k] = (float)mean[k];
    }
    for (size_t i = 0; i < n; i++)
        for (int k = 0; fold[i] > 0 && k < E * E; k++)
            cov[k] += (embedding[i * E + (size_t)(k / E)] - mean[k / E]) *
                      (embedding[i * E + (size_t)(k % E)] - mean[k % E]) / (double)learnt;
}

/* Mahalanobis' distance. A table's covariance is drawn half way to the mean of all tables', so that
 * a network may differ from its family in what other families were seen to differ in (regularised
 * discriminant analysis, Friedman 1989), and a little to a sphere, so that no direction is flat. */
static void make_precision(struct pred_scale *s, const double *own, const double *shared)
{
    enum { E = PRED_EMBEDDING };
    double *cov = x_malloc(E * E * sizeof *cov), trace = 0;
    for (int k = 0; k < E * E; k++)
        cov[k] = 0.5 * own[k] + 0.5 * shared[k];
    for (int k = 0; k < E; k++)
        trace += cov[k * (E + 1)] / E;
    for (int k = 0; k < E; k++)
        cov[k * (E + 1)] += 0.02 * trace + 1e-9;
    invert(cov, E);
    for (int k = 0; k < E * E; k++)
        s->precision[k] = (float)cov[k];
    free(cov);
}

/* The edge is told by networks that the first member has not seen. */
static void find_edge(struct pred_scale *s, const float *embedding, const int *fold, size_t n)
{
    float *v = x_malloc((n + 1) * sizeof *v);
    size_t held = 0;
    for (size_t i = 0; i < n; i++)
        if (fold[i] == 0)
            v[held++] = (float)pred_distance(s, embedding + i * PRED_EMBEDDING);
    s->edge = quantile(v, held, 0.975);
    free(v);
}

/* ---- all ---- */

/* The networks of a fold (-1: all), and which items they are. */
static size_t gather(const struct pred_table *t, const int *fold, int k,
                     const struct pred_net **net, size_t *item)
{
    size_t n = 0;
    for (size_t i = 0; i < t->item.n; i++)
        if (k < 0 || fold[i] == k) {
            item[n] = i;
            net[n++] = t->item.at[i].net;
        }
    return n;
}

/* Runs each member on what it left out, and the first one's embedding on all. */
static void calibrate_table(struct pred_model *m, int t, const struct pred_table *table,
                            const int *fold, float *embedding)
{
    size_t n = table->item.n, outputs = (size_t)m->shape.outputs;
    const struct pred_net **net = x_calloc(n + 1, sizeof *net);
    float *out = x_malloc((n + 1) * outputs * sizeof *out);
    float *error = x_calloc(n + 1, sizeof *error);
    size_t *item = x_malloc((n + 1) * sizeof *item), judged = 0;
    double *f = x_malloc((n + 1) * sizeof *f), *y = x_malloc((n + 1) * sizeof *y);
    for (int k = 0; k < m->members; k++) {
        size_t here = gather(table, fold, k, net, item);
        pred_run((struct pred_cuts){m->variant, PRED_CUTS}, &m->shape,
                 m->w + (size_t)k * (size_t)m->shape.n, 1, net, (int)here, out, NULL);
        for (size_t i = 0; i < here; i++) {
            double z = pred_sigma(&table->curve, table->item.at[item[i]].acc);
            error[item[i]] = out[i * outputs + (size_t)t] - (float)z;
            f[judged] = out[i * outputs + (size_t)t];
            y[judged++] = z;
        }
    }
    m->scale[t].rank = (float)stat_spearman(f, y, judged);
    m->scale[t].error = error_bound(error, fold, n);
    m->scale[t].shift = shift_bound(table, error, fold);
    gather(table, fold, -1, net, item);
    pred_run((struct pred_cuts){m->variant, PRED_CUTS}, &m->shape, m->w, 1, net, (int)n, out,
             embedding);
    free(net);
    free(out);
    free(error);
    free(item);
    free(f);
    free(y);
}

void pred_calibrate(struct pred_model *m, const struct pred_table *tables, int *const *fold)
{
    enum { E2 = PRED_EMBEDDING * PRED_EMBEDDING };
    float **embedding = x_calloc((size_t)m->tables, sizeof *embedding);
    double *cov = x_calloc((size_t)m->tables * E2, sizeof *cov),
           *shared = x_calloc(E2, sizeof *cov);
    for (int t = 0; t < m->tables; t++) {
        embedding[t] = x_malloc((tables[t].item.n + 1) * PRED_EMBEDDING * sizeof **embedding);
        calibrate_table(m, t, &tables[t], fold[t], embedding[t]);
        describe_spread(&m->scale[t], embedding[t], fold[t], tables[t].item.n,
                        cov + (size_t)t * E2);
        for (int k = 0; k < E2; k++)
            shared[k] += cov[(size_t)t * E2 + (size_t)k] / m->tables;
    }
    for (int t = 0; t < m->tables; t++) {
        make_precision(&m->scale[t], cov + (size_t)t * E2, shared);
        find_edge(&m->scale[t], embedding[t], fold[t], tables[t].item.n);
        free(embedding[t]);
    }
    free(embedding);
    free(cov);
    free(shared);
}
