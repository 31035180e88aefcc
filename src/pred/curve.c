/* The curve between accuracies and normal scores. */
#include "pred/model_priv.h"

#include <math.h>

static const double end = (PRED_KNOTS - 1) / 2 * PRED_KNOT_STEP;

/* Accuracies crowd below 1: logits give their differences there as much weight as they have. */
static double logit(double acc)
{
    const double least = 1e-3;
    acc = fmin(fmax(acc, least), 1 - least);
    return log(acc / (1 - acc));
}

static int ascending(const void *x, const void *y)
{
    const double *a = x, *b = y;
    return (*a > *b) - (*a < *b);
}

void pred_curve_fit(struct pred_curve *c, const double *acc, size_t n)
{
    double *y = x_malloc((n + 1) * sizeof *y);
    for (size_t i = 0; i < n; i++)
        y[i] = logit(acc[i]);
    qsort(y, n, sizeof *y, ascending);
    double least = fmax((y[n - 1] - y[0]) * 1e-3, 1e-6);
    for (int k = 0; k < PRED_KNOTS; k++) {
        double z = k * PRED_KNOT_STEP - end, share = 0.5 * (1 + erf(z / sqrt(2)));
        double at = fmin(fmax(share * (double)n - 0.5, 0), (double)(n - 1));
        size_t i = (size_t)at, next = i + 1 < n ? i + 1 : i;
        double v = y[i] + (at - (double)i) * (y[next] - y[i]);
        if (k > 0) /* equal labels make no flat */
            v = fmax(v, (double)c->logit[k - 1] + least);
        c->logit[k] = (float)v;
    }
    free(y);
}

/* The piece between knots k and k + 1 goes on beyond the ends, not flatter than a fifth of the
 * whole.
 */
static double slope_of(const struct pred_curve *c, int k)
{
    double whole = (c->logit[PRED_KNOTS - 1] - c->logit[0]) / (2 * end);
    double here = (c->logit[k + 1] - c->logit[k]) / PRED_KNOT_STEP;
    return k == 0 || k == PRED_KNOTS - 2 ? fmax(here, whole / 5) : here;
}

double pred_sigma(const struct pred_curve *c, double acc)
{
    double y = logit(acc);
    if (y <= c->logit[0])
        return -end - (c->logit[0] - y) / slope_of(c, 0);
    if (y >= c->logit[PRED_KNOTS - 1])
        return end + (y - c->logit[PRED_KNOTS - 1]) / slope_of(c, PRED_KNOTS - 2);
    int k = 0;
    while (y > c->logit[k + 1])
        k++;
    return k * PRED_KNOT_STEP - end +
           PRED_KNOT_STEP * (y - c->logit[k]) / (c->logit[k + 1] - c->logit[k]);
}

double pred_acc(const struct pred_curve *c, double sigma)
{
    double at = (sigma + end) / PRED_KNOT_STEP, y;
    if (at <= 0)
        y = c->logit[0] + at * PRED_KNOT_STEP * slope_of(c, 0);
    else if (at >= PRED_KNOTS - 1)
        y = c->logit[PRED_KNOTS - 1] +
            (at - (PRED_KNOTS - 1)) * PRED_KNOT_STEP * slope_of(c, PRED_KNOTS - 2);
    else
        y = c->logit[(int)at] + (at - (int)at) * (c->logit[(int)at + 1] - c->logit[(int)at]);
    return 1 / (1 + exp(-y));
}
