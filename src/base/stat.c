#include "base/stat.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

struct ranked {
    double x;
    size_t at;
};

static int by_value(const void *p, const void *q)
{
    const struct ranked *a = p, *b = q;
    return (a->x > b->x) - (a->x < b->x);
}

void stat_rank(const double *x, size_t n, double *rank)
{
    struct ranked *r = x_calloc(n, sizeof *r);
    for (size_t i = 0; i < n; i++)
        r[i] = (struct ranked){x[i], i};
    qsort(r, n, sizeof *r, by_value);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && r[end].x == r[i].x; end++)
            continue;
        for (size_t k = i; k < end; k++)
            rank[r[k].at] = (double)(i + 1 + end) / 2;
    }
    free(r);
}

double stat_pearson(const double *x, const double *y, size_t n)
{
    double mx = 0, my = 0, xx = 0, yy = 0, xy = 0;
    for (size_t i = 0; i < n; i++) {
        mx += x[i] / (double)n;
        my += y[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        xx += (x[i] - mx) * (x[i] - mx);
        yy += (y[i] - my) * (y[i] - my);
        xy += (x[i] - mx) * (y[i] - my);
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : NAN;
}

double stat_spearman(const double *x, const double *y, size_t n)
{
    double *r = x_calloc(2 * n, sizeof *r), s;
    stat_rank(x, n, r);
    stat_rank(y, n, r + n);
    s = stat_pearson(r, r + n, n);
    free(r);
    return s;
}
