#include "cli/label_retest.h"

#include "base/csv.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/stat.h"

#include <math.h>
#include <stdlib.h>

struct run {
    int64_t network;
    double seed, acc, loss;
};

struct runs {
    VEC(struct run) at;
    struct strmap networks;
};

static enum status read_runs(struct csv *c, struct runs *r, struct err *err)
{
    size_t arch, seed, acc, loss;
    TRY(csv_column(c, "arch", &arch, err));
    TRY(csv_column(c, "seed", &seed, err));
    TRY(csv_column(c, "acc", &acc, err));
    TRY(csv_column(c, "loss", &loss, err));
    for (;;) {
        struct run run;
        bool more;
        TRY(csv_next(c, &more, err));
        if (!more)
            return ST_OK;
        TRY(csv_number(c, seed, &run.seed, err));
        TRY(csv_number(c, acc, &run.acc, err));
        TRY(csv_number(c, loss, &run.loss, err));
        if (isnan(run.acc) || isnan(run.loss))
            continue; /* its training came to nothing */
        run.network = *strmap_put(&r->networks, c->field.at[arch], (int64_t)r->networks.n);
        vec_push(&r->at, run);
    }
}

static int by_network_and_seed(const void *x, const void *y)
{
    const struct run *a = x, *b = y;
    if (a->network != b->network)
        return a->network < b->network ? -1 : 1;
    return (a->seed > b->seed) - (a->seed < b->seed);
}

static size_t rows_of(const struct runs *r, size_t i)
{
    size_t n = 1;
    while (i + n < r->at.n && r->at.at[i + n].network == r->at.at[i].network)
        n++;
    return n;
}

/* Half h of the 2k rows from i on: the mean accuracy and cross-entropy. */
static void mean_of(const struct runs *r, size_t i, int k, double *acc, double *loss)
{
    *acc = *loss = 0;
    for (int s = 0; s < k; s++) {
        *acc += r->at.at[i + (size_t)s].acc / k;
        *loss += r->at.at[i + (size_t)s].loss / k;
    }
}

static void correlate(const struct runs *r, struct label_retest *out)
{
    size_t n = 0, most = r->networks.n;
    double *v = x_calloc(4 * most + 1, sizeof *v);
    double *acc[2] = {v, v + most}, *loss[2] = {v + 2 * most, v + 3 * most};
    for (size_t i = 0; i < r->at.n; i += rows_of(r, i)) {
        int k = (int)rows_of(r, i) / 2;
        out->seeds = k > out->seeds ? k : out->seeds;
    }
    for (size_t i = 0; out->seeds > 0 && i < r->at.n; i += rows_of(r, i)) {
        if ((int)rows_of(r, i) / 2 < out->seeds)
            continue;
        for (int h = 0; h < 2; h++)
            mean_of(r, i + (size_t)(h * out->seeds), out->seeds, &acc[h][n], &loss[h][n]);
        n++;
    }
    out->networks = (int)n;
    out->acc = stat_spearman(acc[0], acc[1], n);
    out->loss = stat_spearman(loss[0], loss[1], n);
    free(v);
}

enum status label_retest_read(const char *path, struct label_retest *out, struct err *err)
{
    struct csv c;
    struct runs r = {0};
    *out = (struct label_retest){0};
    TRY(csv_open(&c, path, err));
    enum status st = read_runs(&c, &r, err);
    if (st == ST_OK && r.at.n > 0) {
        qsort(r.at.at, r.at.n, sizeof *r.at.at, by_network_and_seed);
        correlate(&r, out);
    }
    vec_done(&r.at);
    strmap_done(&r.networks);
    csv_close(&c);
    return st;
}
