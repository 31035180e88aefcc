/* What the benches share: a clock, percentiles, the end on an error. */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include "base/err.h"
#include "base/json.h"
#include "base/vec.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef VEC(double) times;

static inline double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static inline int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Sorts; NAN (null in JSON) when there is nothing. */
static inline double percentile(times *t, double p)
{
    if (!t->n)
        return NAN;
    qsort(t->at, t->n, sizeof *t->at, by_value);
    return t->at[(size_t)(p * (double)(t->n - 1) + 0.5)];
}

static inline void print_times(struct json *j, const char *key, times *t)
{
    json_key(j, key);
    json_object(j);
    json_kint(j, "n", (int64_t)t->n);
    json_knum(j, "p50", percentile(t, 0.5));
    json_knum(j, "p99", percentile(t, 0.99));
    json_object_end(j);
}

static inline void check(enum status st, const struct err *err)
{
    char text[512];
    if (st == ST_OK)
        return;
    fprintf(stderr, "bench: %s\n", err_text(err, text, sizeof text));
    exit(status_exit_code(st));
}

#endif
