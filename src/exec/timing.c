/* Measuring one network. */
#include "exec/timing.h"
#include "base/clock.h"
#include "base/mem.h"
#include "exec/timing_priv.h"
#include "exec/trial.h"

#include <pthread.h>
#include <stdlib.h>

/* Runs before the measured ones: until clocks and caches have settled. */
enum { WARM_RUNS = 3, WARM_MOST = 50, MEASURED_RUNS = 30 };
#define WARM_MS 300.0
#define WARM_INNER_MS 20.0 /* of a piece, which is one of many */

struct job {
    const struct graph *g;
    const struct timing_opts *opts;
    struct timing *out;
    struct exec *e;
    double *ms;    /* of each measured run */
    double *steps; /* [node * runs + run] with opts->layers */
    enum status st;
    struct err err;
};

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

/* ---- on the measuring thread ---- */

static bool is_end(const struct graph *g, int32_t node)
{
    enum op op = graph_node(g, node)->op;

    return op == OP_INPUT || op == OP_OUTPUT;
}

static enum status timed_run(struct job *j, double *ms)
{
    double begun = clock_ms();
    int n = 0;
    const struct exec_step_time *t;

    TRY(exec_run(j->e, &j->err));
    *ms = clock_ms() - begun;
    if (!j->opts->inner)
        return ST_OK;
    t = exec_profile(j->e, &n);
    *ms = 0;
    for (int i = 0; i < n; i++)
        if (!is_end(j->g, t[i].node))
            *ms += t[i].ms - t[i].copy_ms;
    return ST_OK;
}

static void tell(const struct job *j, int done)
{
    if (j->opts->progress)
        j->opts->progress(j->opts->arg, done, j->out->runs);
}

static void keep_steps(struct job *j, int run)
{
    int n;
    const struct exec_step_time *t = exec_profile(j->e, &n);

    if (!j->steps) {
        j->steps = x_calloc((size_t)n * (size_t)j->out->runs + 1, sizeof *j->steps);
        j->out->layer = x_calloc((size_t)n + 1, sizeof *j->out->layer);
    }
    j->out->n_layers = n;
    for (int i = 0; i < n; i++) {
        j->out->layer[i] = t[i];
        j->steps[(size_t)i * (size_t)j->out->runs + (size_t)run] = t[i].ms;
    }
}

static enum status run_all(struct job *j)
{
    double begun = clock_ms(), warm = j->opts->inner ? WARM_INNER_MS : WARM_MS, one;

    for (int i = 0; i < WARM_MOST && (i < WARM_RUNS || clock_ms() - begun < warm); i++) {
        TRY(timed_run(j, &one));
        tell(j, 0);
    }
    for (int i = 0; i < j->out->runs; i++) {
        TRY(timed_run(j, &j->ms[i]));
        if (j->opts->layers)
            keep_steps(j, i);
        tell(j, i + 1);
    }
    return ST_OK;
}

static void *measure(void *arg)
{
    struct job *j = arg;
    const struct exec_opts o = {.threads = j->out->threads,
                                .batch = j->out->batch,
                                .profile = j->opts->layers || j->opts->inner,
                                .cancel = j->opts->cancel};

    j->out->pinned = timing_pin(o.threads);
    j->st = exec_new(&j->e, j->g, &o, &j->err);
    if (j->st == ST_OK) {
        trial_fill(j->e, j->opts->seed, 0);
        j->st = run_all(j);
        exec_free(j->e);
    }
    return NULL;
}

/* ---- on the caller's ---- */

static void sum_up(struct job *j)
{
    struct timing *t = j->out;
    int kept = 0;

    qsort(j->ms, (size_t)t->runs, sizeof *j->ms, by_value);
    t->median_ms = percentile(j->ms, t->runs, 0.5);
    t->p10_ms = percentile(j->ms, t->runs, 0.1);
    t->p90_ms = percentile(j->ms, t->runs, 0.9);
    for (int i = 0; i < t->n_layers; i++) {
        double *v = j->steps + (size_t)i * (size_t)t->runs;
        if (is_end(j->g, t->layer[i].node))
            continue;
        qsort(v, (size_t)t->runs, sizeof *v, by_value);
        t->layer[kept] = t->layer[i];
        t->layer[kept++].ms = t->layer[i].into < 0 ? percentile(v, t->runs, 0.5) : 0;
    }
    t->n_layers = kept;
}

static enum status measure_apart(struct job *j, struct err *err)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, measure, j) != 0)
        return err_set(err, ST_INTERNAL, "no thread to measure on");
    pthread_join(thread, NULL);
    if (j->st != ST_OK && err)
        *err = j->err;
    return j->st;
}

static enum status find_batch(const struct graph *g, int64_t want, int64_t *batch, struct err *err)
{
    int n;
    const int32_t *in = graph_inputs(g, &n);
    const struct ttype *t = n ? graph_type(g, (struct value_ref){in[0], 0}) : NULL;
    int64_t fixed = t && t->rank > 0 && t->dim[0] >= 0 ? t->dim[0] : 0;

    if (fixed && want && want != fixed)
        return err_set(err, ST_USAGE, "a batch of %lld: the network has a fixed one of %lld",
                       (long long)want, (long long)fixed);
    *batch = fixed ? fixed : want ? want : 1;
    return ST_OK;
}

enum status timing_measure(struct timing *out, const struct graph *g,
                           const struct timing_opts *opts, struct err *err)
{
    struct timing t = {.threads = opts->threads > 0 ? opts->threads : 1,
                       .runs = opts->runs > 0 ? opts->runs : MEASURED_RUNS};
    struct job j = {.g = g, .opts = opts, .out = &t};
    enum status st;

    TRY(find_batch(g, opts->batch, &t.batch, err));
    if (!opts->fresh && !opts->layers && timing_load(&t, g, opts->inner)) {
        *out = t;
        return ST_OK;
    }
    j.ms = x_calloc((size_t)t.runs, sizeof *j.ms);
    st = measure_apart(&j, err);
    if (st == ST_OK) {
        sum_up(&j);
        if (!opts->unkept)
            timing_store(&t, g, opts->inner);
        *out = t;
    } else {
        timing_done(&t);
    }
    free(j.ms);
    free(j.steps);
    return st;
}

bool timing_known(struct timing *out, const struct graph *g, int threads)
{
    *out = (struct timing){.threads = threads, .runs = 1};
    return find_batch(g, 0, &out->batch, NULL) == ST_OK && timing_load(out, g, false);
}

void timing_done(struct timing *t)
{
    free(t->layer);
    *t = (struct timing){0};
}
