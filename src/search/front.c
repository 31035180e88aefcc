#include "search/front.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool front_dominates(const double *a, const double *b, int m)
{
    bool better = false;
    for (int k = 0; k < m; k++) {
        if (a[k] > b[k])
            return false;
        better |= a[k] < b[k];
    }
    return better;
}

void front_rank(const double *v, int n, int m, int *rank)
{
    int *above = x_calloc((size_t)n + 1, sizeof *above); /* how many of no rank dominate it */
    for (int i = 0; i < n; i++) {
        rank[i] = -1;
        for (int j = 0; j < n; j++)
            above[i] += front_dominates(v + j * m, v + i * m, m);
    }
    for (int r = 0, left = n; left > 0; r++) {
        for (int i = 0; i < n; i++)
            if (rank[i] < 0 && above[i] == 0)
                rank[i] = r;
        for (int i = 0; i < n; i++) {
            if (rank[i] != r)
                continue;
            left--;
            for (int j = 0; j < n; j++)
                above[j] -= front_dominates(v + i * m, v + j * m, m);
        }
    }
    free(above);
}

struct keyed {
    double key;
    int at;
};

static int by_key(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    if (x->key < y->key || x->key > y->key)
        return x->key < y->key ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

void front_crowding(const double *v, int m, const int *at, int n, double *distance)
{
    struct keyed *by = x_malloc(((size_t)n + 1) * sizeof *by);
    for (int i = 0; i < n; i++)
        distance[i] = 0;
    for (int k = 0; k < m && n > 0; k++) {
        for (int i = 0; i < n; i++)
            by[i] = (struct keyed){v[at[i] * m + k], i};
        qsort(by, (size_t)n, sizeof *by, by_key);
        double span = by[n - 1].key - by[0].key;
        distance[by[0].at] = distance[by[n - 1].at] = INFINITY;
        for (int i = 1; i + 1 < n && span > 0; i++)
            distance[by[i].at] += (by[i + 1].key - by[i - 1].key) / span;
    }
    free(by);
}

/* Of points[0 .. n-1], all below `ref` in the first m goals. */
static double volume(const double *const *point, int n, int m, const double *ref)
{
    double sum = 0;
    if (m == 1) {
        double best = ref[0];
        for (int i = 0; i < n; i++)
            best = fmin(best, point[i][0]);
        return ref[0] - best;
    }
    struct keyed *by = x_malloc(((size_t)n + 1) * sizeof *by);
    const double **slice = x_malloc(((size_t)n + 1) * sizeof *slice);
    for (int i = 0; i < n; i++)
        by[i] = (struct keyed){point[i][m - 1], i};
    qsort(by, (size_t)n, sizeof *by, by_key);
    /* between one point's last number and the next one's, those up to it count */
    for (int i = 0; i < n; i++) {
        slice[i] = point[by[i].at];
        double upper = i + 1 < n ? by[i + 1].key : ref[m - 1];
        if (upper > by[i].key)
            sum += (upper - by[i].key) * volume(slice, i + 1, m - 1, ref);
    }
    free(by);
    free(slice);
    return sum;
}

double front_volume(const double *v, int n, int m, const double *ref)
{
    const double **point = x_malloc(((size_t)n + 1) * sizeof *point);
    int inside = 0;
    for (int i = 0; i < n; i++) {
        bool below = true;
        for (int k = 0; k < m; k++)
            below &= v[i * m + k] < ref[k];
        if (below)
            point[inside++] = v + i * m;
    }
    double sum = inside ? volume(point, inside, m, ref) : 0;
    free(point);
    return sum;
}
