/* latency: how long one run of a network takes on this machine. */
#include "cli/cli_priv.h"

#include "base/rng.h"
#include "exec/exec.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Runs before the measured ones: until clocks and caches have settled. */
enum { WARM_RUNS = 3, WARM_MOST = 50 };
#define WARM_MS 300.0

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void fill_inputs(struct exec *e, uint64_t seed)
{
    for (int i = 0; i < exec_n_inputs(e); i++) {
        struct rng r = rng_for(seed, (uint64_t)i);
        float *x = exec_input(e, i);
        for (int64_t k = ttype_count(exec_input_type(e, i), 1); k > 0; k--)
            *x++ = (float)rng_normal(&r);
    }
}

static enum status timed_run(struct exec *e, double *ms, struct err *err)
{
    double begun = now_ms();
    if (cli_interrupted)
        return err_set(err, ST_CANCELLED, "interrupted");
    TRY(exec_run(e, err));
    *ms = now_ms() - begun;
    return ST_OK;
}

static enum status measure(struct cli *c, struct exec *e, double *ms, int runs, struct err *err)
{
    double spent = 0, one;
    for (int i = 0; i < WARM_MOST && (i < WARM_RUNS || spent < WARM_MS); i++) {
        TRY(timed_run(e, &one, err));
        spent += one;
    }
    for (int i = 0; i < runs; i++) {
        TRY(timed_run(e, &ms[i], err));
        cli_progress(c, i + 1, runs, c->arg[0]);
    }
    return ST_OK;
}

static int by_value(const void *x, const void *y)
{
    const double *a = x, *b = y;
    return (*a > *b) - (*a < *b);
}

/* Between the two nearest of the sorted values. */
static double percentile(const double *v, int n, double q)
{
    double at = q * (n - 1);
    int low = (int)at;
    return low + 1 < n ? v[low] + (v[low + 1] - v[low]) * (at - low) : v[low];
}

static void answer(struct cli *c, double *ms, int runs, int threads, int64_t batch)
{
    qsort(ms, (size_t)runs, sizeof *ms, by_value);
    double median = percentile(ms, runs, 0.5), p10 = percentile(ms, runs, 0.1);
    double p90 = percentile(ms, runs, 0.9);
    if (!c->json) {
        str_addf(
            &c->out, "%s: %.3f ms (10 %%: %.3f, 90 %%: %.3f) batch %lld, %d thread%s, %d runs\n",
            c->arg[0], median, p10, p90, (long long)batch, threads, threads == 1 ? "" : "s", runs);
        return;
    }
    struct json j;
    cli_json_begin(c, &j);
    json_kstr(&j, "model", c->arg[0]);
    json_knum(&j, "median_ms", median);
    json_knum(&j, "p10_ms", p10);
    json_knum(&j, "p90_ms", p90);
    json_kint(&j, "threads", threads);
    json_kint(&j, "batch", batch);
    json_kint(&j, "runs", runs);
    cli_json_end(c, &j);
}

static enum status check_batch(const struct cli *c, const struct exec *e, int64_t want,
                               int64_t *batch, struct err *err)
{
    const struct ttype *t = exec_n_inputs(e) ? exec_input_type(e, 0) : NULL;
    *batch = t && t->rank > 0 ? t->dim[0] : 1;
    if (cli_get(c, "--batch") && *batch != want) {
        err_set(err, ST_USAGE, "--batch: the network has a fixed batch of %lld", (long long)*batch);
        return err_in_file(err, c->arg[0]), ST_USAGE;
    }
    return ST_OK;
}

static enum status run(struct cli *c, struct err *err)
{
    int64_t batch, runs;
    struct graph *g;
    struct exec *e = NULL;
    TRY(cli_get_int(c, "--batch", 1, 4096, 1, &batch, err));
    TRY(cli_get_int(c, "--runs", 1, 1000000, 30, &runs, err));
    TRY(cli_model(c, c->arg[0], &g, err));
    struct exec_opts o = {.threads = c->threads ? c->threads : (int)sysconf(_SC_NPROCESSORS_ONLN),
                          .batch = batch,
                          .cancel = &cli_interrupted};
    double *ms = x_calloc((size_t)runs, sizeof *ms);
    enum status st = exec_new(&e, g, &o, err);
    if (st == ST_OK)
        st = check_batch(c, e, batch, &batch, err);
    if (st == ST_OK) {
        fill_inputs(e, c->seed);
        st = measure(c, e, ms, (int)runs, err);
    }
    if (st == ST_OK)
        answer(c, ms, (int)runs, o.threads, batch);
    else if (st != ST_CANCELLED)
        err_in_file(err, c->arg[0]);
    free(ms);
    exec_free(e);
    graph_unref(g);
    return st;
}

static const struct cli_option options[] = {
    {"--batch", NULL, "B", "inputs in a run, where the network leaves it open (1)"},
    {"--runs", NULL, "R", "measured runs, after some that are not counted (30)"},
    {NULL, NULL, NULL, NULL},
};
const struct cli_command cmd_latency = {
    .name = "latency",
    .args = "MODEL",
    .help = "measure how long a run takes on this machine",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .run = run,
};
