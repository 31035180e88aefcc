#include "search/surrogate.h"

#include <math.h>

#define SAME (1 - 1e-9) /* kernel of networks that it cannot tell apart */

struct surrogate {
    struct surrogate_opts o;
    VEC(struct wl) known;
    VEC(double *) row;         /* of Cholesky's factor L, the i-th of i + 1 numbers */
    VEC(double) value, one, z; /* one, z: L^-1 of ones, and of what values are beyond the mean */
    double mean, scale;
};

struct surrogate *surrogate_new(const struct surrogate_opts *o)
{
    struct surrogate *s = x_calloc(1, sizeof *s);
    s->o = *o;
    return s;
}

void surrogate_free(struct surrogate *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->known.n; i++) {
        wl_done(&s->known.at[i]);
        free(s->row.at[i]);
    }
    vec_done(&s->known);
    vec_done(&s->row);
    vec_done(&s->value);
    vec_done(&s->one);
    vec_done(&s->z);
    free(s);
}

int surrogate_n(const struct surrogate *s)
{
    return (int)s->known.n;
}

void surrogate_query_init(struct surrogate_query *q, const struct surrogate *s,
                          const struct graph *g)
{
    *q = (struct surrogate_query){0};
    wl_init(&q->wl, g, s->o.rounds);
}

void surrogate_query_done(struct surrogate_query *q)
{
    wl_done(&q->wl);
    vec_done(&q->at);
}

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Goes on with L v = k, k the kernel with what is known. */
static void advance(const struct surrogate *s, struct surrogate_query *q)
{
    vec_reserve(&q->at, s->known.n);
    for (; q->at.n < s->known.n; q->at.n++) {
        size_t i = q->at.n;
        const double *l = s->row.at[i];
        double k = wl_kernel(&s->known.at[i], &q->wl);
        q->known |= k > SAME;
        q->at.at[i] = (k - dot(l, q->at.at, i)) / l[i];
    }
}

/* ---- values ---- */

static int by_number(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* -log of the distance to a little above the best, in those of the median. */
static void bend(double *y, size_t n)
{
    double *sorted = x_memdup(y, n * sizeof *y);
    qsort(sorted, n, sizeof *sorted, by_number);
    double best = sorted[n - 1], spread = best - sorted[n / 2];
    for (size_t i = 0; i < n; i++)
        y[i] = spread > 0 ? -log((best - y[i]) / spread + .5) : 0;
    free(sorted);
}

static void fit(struct surrogate *s)
{
    size_t n = s->known.n;
    double *y = x_memdup(s->value.at, n * sizeof *y);
    if (!s->o.residual)
        bend(y, n);
    vec_reserve(&s->z, n);
    for (s->z.n = 0; s->z.n < n; s->z.n++) {
        const double *l = s->row.at[s->z.n];
        s->z.at[s->z.n] = (y[s->z.n] - dot(l, s->z.at, s->z.n)) / l[s->z.n];
    }
    free(y);
    s->mean = s->o.residual ? 0 : dot(s->one.at, s->z.at, n) / dot(s->one.at, s->one.at, n);
    for (size_t i = 0; i < n; i++)
        s->z.at[i] -= s->mean * s->one.at[i];
    s->scale = sqrt(dot(s->z.at, s->z.at, n) / (double)n);
    if (!(s->scale > 1e-9)) /* all values are the same: nothing is known of the scale */
        s->scale = 1;
}

void surrogate_add(struct surrogate *s, struct surrogate_query *q, double value)
{
    size_t n = s->known.n;
    advance(s, q);
    double *l = x_malloc((n + 1) * sizeof *l);
    for (size_t i = 0; i < n; i++)
        l[i] = q->at.at[i];
    l[n] = sqrt(fmax(1 + s->o.noise - dot(l, l, n), 1e-9));
    vec_push(&s->one, (1 - dot(l, s->one.at, n)) / l[n]);
    vec_push(&s->row, l);
    vec_push(&s->known, q->wl);
    vec_push(&s->value, value);
    q->wl = (struct wl){0};
    surrogate_query_done(q);
    fit(s);
}

void surrogate_set(struct surrogate *s, const double *value)
{
    memcpy(s->value.at, value, s->known.n * sizeof *value);
    fit(s);
}

struct surrogate_guess surrogate_ask(const struct surrogate *s, struct surrogate_query *q)
{
    advance(s, q);
    double left = 1 - dot(q->at.at, q->at.at, q->at.n);
    return (struct surrogate_guess){s->mean + dot(q->at.at, s->z.at, q->at.n),
                                    s->scale * sqrt(fmax(left, 0))};
}
