/* How good a model is on what it did not learn from. */
#include "base/stat.h"
#include "pred/model_priv.h"

#include <math.h>

static void score_pairs(const struct pred_table *t, const int *item, int n,
                        const struct pred_estimate *e, struct pred_score *s)
{
    struct pred_pairs p = {0};
    pred_find_pairs(t, item, n, &p);
    double *f = x_malloc((p.n + 1) * sizeof *f), *y = x_malloc((p.n + 1) * sizeof *y);
    int right = 0;
    for (size_t i = 0; i < p.n; i++) {
        f[i] = e[p.at[i].b].acc - e[p.at[i].a].acc;
        y[i] = t->item.at[item[p.at[i].b]].acc - t->item.at[item[p.at[i].a]].acc;
        if (fabs(y[i]) > t->noise * sqrt(2)) {
            s->clear_pairs++;
            right += f[i] * y[i] > 0;
        }
    }
    s->pairs = (int)p.n;
    s->delta_srcc = stat_spearman(f, y, p.n);
    s->delta_sign = s->clear_pairs ? (double)right / s->clear_pairs : NAN;
    free(f);
    free(y);
    vec_done(&p);
}

/* ---- all ---- */

void pred_evaluate(const struct pred_model *m, int table, const struct pred_table *t, int threads,
                   struct pred_score *out)
{
    size_t all = t->item.n;
    const struct pred_net **net = x_calloc(all + 1, sizeof *net);
    int *item = x_malloc((all + 1) * sizeof *item), n = 0, inside = 0, known = 0;
    for (size_t i = 0; i < all; i++)
        if (t->item.at[i].use == PRED_TEST) {
            item[n] = (int)i;
            net[n++] = t->item.at[i].net;
        }
    struct pred_estimate *e = x_calloc((size_t)n + 1, sizeof *e);
    double *f = x_malloc(((size_t)n + 1) * sizeof *f), *y = x_malloc(((size_t)n + 1) * sizeof *y);
    pred_networks(m, net, n, table, threads, PRED_CUTS, e);
    *out = (struct pred_score){.n = n};
    for (int i = 0; i < n; i++) {
        f[i] = e[i].acc;
        y[i] = t->item.at[item[i]].acc;
        inside += y[i] >= e[i].low && y[i] <= e[i].high;
        known += e[i].in_distribution;
        out->width += (e[i].high - e[i].low) / n;
        out->error += fabs(f[i] - y[i]) / n;
    }
    out->srcc = stat_spearman(f, y, (size_t)n);
    out->kendall = stat_kendall(f, y, (size_t)n);
    out->coverage = n ? (double)inside / n : NAN;
    out->in_distribution = n ? (double)known / n : NAN;
    score_pairs(t, item, n, e, out);
    free(net);
    free(item);
    free(e);
    free(f);
    free(y);
}
