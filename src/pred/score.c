/* How good a model is on what it did not learn from. */
#include "base/hash.h"
#include "base/stat.h"
#include "pred/model_priv.h"

#include <math.h>

/* ---- pairs that differ by one operation ---- */

struct pair {
    int a, b;
};
typedef VEC(struct pair) pairs;

/* Where operations end in the text of an architecture. */
static const char ends[] = "|,/.&+@";

/* Pairs whose texts are equal but for one word. Each text is filed under itself without its word k,
 * for all k; the members of such a file are paired with the one before them, so that there are as
 * many pairs as texts and words, not as their square. */
static void find_pairs(const struct pred_table *t, const int *item, int n, pairs *out)
{
    struct u64map last = {0};
    for (int i = 0; i < n; i++) {
        const char *spec = t->item.at[item[i]].spec;
        size_t len = strlen(spec), from = 0;
        for (size_t to = 0; to <= len; to++) {
            if (to < len && !strchr(ends, spec[to]))
                continue;
            uint64_t key = hash_pair(hash_bytes(spec, from, 7), hash_str(spec + to, from));
            int64_t *before = u64map_put(&last, key, -1);
            if (*before >= 0 && to > from)
                vec_push(out, (struct pair){(int)*before, i});
            *before = i;
            from = to + 1;
        }
    }
    u64map_done(&last);
}

static void score_pairs(const struct pred_table *t, const int *item, int n,
                        const struct pred_estimate *e, struct pred_score *s)
{
    pairs p = {0};
    find_pairs(t, item, n, &p);
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
    pred_networks(m, net, n, table, threads, e);
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
