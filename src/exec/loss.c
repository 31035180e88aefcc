#include "exec/fit_priv.h"

#include <math.h>

/* log(sum(exp(x))) without overflow. */
static double log_sum_exp(const float *x, int n)
{
    double most = x[0], sum = 0;
    for (int i = 1; i < n; i++)
        most = x[i] > most ? x[i] : most;
    for (int i = 0; i < n; i++)
        sum += exp(x[i] - most);
    return most + log(sum);
}

static bool is_largest(const float *x, int n, int label)
{
    for (int i = 0; i < n; i++)
        if (i != label && !(x[i] < x[label]))
            return false;
    return true;
}

double loss_classify(enum loss_form form, const float *out, const int *label, int n, int classes,
                     float *grad, int *right)
{
    /* The smallest normal float, so that a probability that vanished has a finite loss. */
    const double least = 0x1p-126;
    double loss = 0, share = 1.0 / n;
    *right = 0;
    for (int i = 0; i < n; i++) {
        const float *x = out + (size_t)i * (size_t)classes;
        float *d = grad ? grad + (size_t)i * (size_t)classes : NULL;
        double total = form == LOSS_SCORES ? log_sum_exp(x, classes) : 0, own = x[label[i]];
        for (int k = 0; d && k < classes; k++)
            d[k] = form == LOSS_SCORES ? (float)(exp(x[k] - total) * share) : 0;
        if (form == LOSS_PROBABILITIES) {
            own = own < least ? least : own; /* no number stays none */
            loss -= log(own);
        } else
            loss += total - own;
        if (d)
            d[label[i]] -= (float)(form == LOSS_PROBABILITIES ? share / own : share);
        *right += is_largest(x, classes, label[i]);
    }
    return loss;
}
