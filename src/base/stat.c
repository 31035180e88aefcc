#include "base/stat.h"

#include "base/mem.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

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

struct point {
    double x, y;
};

static int by_x_then_y(const void *p, const void *q)
{
    const struct point *a = p, *b = q;
    if (a->x != b->x)
        return a->x < b->x ? -1 : 1;
    return (a->y > b->y) - (a->y < b->y);
}

/* Sorts by y and returns how many pairs were the other way round. */
static double sort_by_y(struct point *p, struct point *room, size_t n)
{
    if (n < 2)
        return 0;
    size_t half = n / 2, i = 0, k = half;
    double swaps = sort_by_y(p, room, half) + sort_by_y(p + half, room, n - half);
    for (size_t at = 0; at < n; at++)
        if (k == n || (i < half && p[i].y <= p[k].y)) {
            room[at] = p[i++];
        } else {
            room[at] = p[k++];
            swaps += (double)(half - i);
        }
    memcpy(p, room, n * sizeof *p);
    return swaps;
}

static double pairs_of(double n)
{
    return n * (n - 1) / 2;
}

/* Pairs of sorted points that are equal in x (or y), or in both. */
static double count_ties(const struct point *p, size_t n, bool x, bool y)
{
    double ties = 0;
    for (size_t i = 0, same; i < n; i += same) {
        for (same = 1;
             i + same < n && (!x || p[i].x == p[i + same].x) && (!y || p[i].y == p[i + same].y);
             same++)
            continue;
        ties += pairs_of((double)same);
    }
    return ties;
}

double stat_kendall(const double *x, const double *y, size_t n)
{
    struct point *p = x_calloc(2 * n + 1, sizeof *p);
    for (size_t i = 0; i < n; i++)
        p[i] = (struct point){x[i], y[i]};
    qsort(p, n, sizeof *p, by_x_then_y);
    double all = pairs_of((double)n), tx = count_ties(p, n, true, false);
    double both = count_ties(p, n, true, true), swaps = sort_by_y(p, p + n, n);
    double ty = count_ties(p, n, false, true);
    free(p);
    return all > tx && all > ty ? (all - tx - ty + both - 2 * swaps) / sqrt((all - tx) * (all - ty))
                                : NAN;
}
