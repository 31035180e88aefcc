/* The ways through a network, from an input to an output: how many there are, and how many nodes of
 * a sort the shortest, the mean and the longest of them pass. They say what sums over nodes do not:
 * whether convolutions stand behind one another or side by side, and whether something leads past
 * them. From few labels a network of messages does not learn to count them. */
#include "pred/pred_priv.h"

#include <math.h>

enum { SORTS = (PRED_WAYS - 1) / 3 };

/* All ways that lead to a node. */
struct ways {
    double log_n; /* -INFINITY: there are none */
    double least[SORTS], mean[SORTS], most[SORTS];
};

static void join(struct ways *w, const struct ways *more)
{
    if (more->log_n == -INFINITY)
        return;
    if (w->log_n == -INFINITY) {
        *w = *more;
        return;
    }
    double top = fmax(w->log_n, more->log_n);
    double sum = top + log(exp(w->log_n - top) + exp(more->log_n - top));
    double share = exp(more->log_n - sum);
    for (int k = 0; k < SORTS; k++) {
        w->least[k] = fmin(w->least[k], more->least[k]);
        w->mean[k] += share * (more->mean[k] - w->mean[k]);
        w->most[k] = fmax(w->most[k], more->most[k]);
    }
    w->log_n = sum;
}

static void pass(struct ways *w, const struct pred_node *v)
{
    bool weights = pred_has_weights(v);
    bool sort[SORTS] = {weights, weights && v->kernel > 1,
                        v->kind == KIND_MAXPOOL || v->kind == KIND_AVGPOOL};
    for (int k = 0; k < SORTS; k++) {
        w->least[k] += sort[k];
        w->mean[k] += sort[k];
        w->most[k] += sort[k];
    }
}

/* In units so small that the networks of a family lie far enough apart to be told from few labels.
 */
static float figure(double v)
{
    return 3 * (float)log1p(v);
}

void pred_find_ways(struct pred_net *net)
{
    struct ways *w = x_calloc((size_t)net->n + 1, sizeof *w), all = {.log_n = -INFINITY};
    for (int i = 0, e = 0; i < net->n; i++) {
        w[i].log_n = net->node[i].kind == KIND_INPUT ? 0 : -INFINITY;
        for (; e < net->m && net->to[e] == i; e++)
            join(&w[i], &w[net->from[e]]);
        pass(&w[i], &net->node[i]);
        if (net->node[i].kind == KIND_OUTPUT)
            join(&all, &w[i]);
    }
    float *to = net->ways;
    bool none = all.log_n == -INFINITY;
    *to++ = none ? -3 : figure(all.log_n);
    for (int k = 0; k < SORTS; k++) {
        *to++ = figure(none ? 0 : all.least[k]);
        *to++ = figure(none ? 0 : all.mean[k]);
        *to++ = figure(none ? 0 : all.most[k]);
    }
    free(w);
}
