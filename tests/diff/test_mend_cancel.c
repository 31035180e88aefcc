/* Repairs on eight threads that are stopped at random moments: each ends with its answer or as
 * cancelled, holds nothing, and the next repair on the same thread is as good as the first. What
 * could stay behind in memory is for the sanitizers to see.
 * Usage: test_mend_cancel [SECONDS [SEED]]; AUTOGO_HEAVY=1: ten minutes */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "mend/mend.h"
#include "tests/diff/mend_net.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { THREADS = 8, PROBLEMS = 6 };

static double seconds = 2;
static uint64_t seed = 1;

struct problem {
    struct graph *g;
    struct request q;
    enum mend_result result;
    double objective;
};

struct worker {
    pthread_t id;
    struct rng rng;
    struct problem p[PROBLEMS];
    int stop;                          /* what the repairs poll */
    int repairs, explained, cancelled; /* how many of them */
    char wrong[160];                   /* the first thing that was */
};

static bool over; /* the time */

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void make_problem(struct rng *r, struct problem *p)
{
    struct fragment f;
    struct choice pick[MAX_PART];
    int64_t size[MAX_TENSOR][3];
    random_fragment(r, chance(r, 50) ? &small : &large, &f);
    random_boundary(r, &f);
    random_wishes(r, &f);
    for (int i = 0; i < f.n_part; i++)
        pick[i] = as_it_was(&f.part[i]);
    p->g = make_graph(&f, pick, (const int64_t(*)[3])f.was, size);
    assert_non_null(p->g);
    make_request(&f, p->g, &p->q);
    if (chance(r, 40))
        p->q.opts.max_params = any(r, 1, 4000);
    if (chance(r, 40))
        p->q.opts.max_flops_paper = any(r, 1, 400000);
}

static enum status repair(const struct problem *p, const int *cancel, struct mend_plan *plan)
{
    struct mend_opts opts = p->q.opts;
    opts.cancel = cancel;
    return mend_fragment(p->g, p->q.in, p->q.out, &opts, plan, NULL);
}

/* Every problem once in peace: the answers to compare with. */
static void make_worker(struct worker *w, int number)
{
    memset(w, 0, sizeof *w);
    w->rng = rng_for(seed, (uint64_t)number);
    for (int i = 0; i < PROBLEMS; i++) {
        struct mend_plan plan;
        make_problem(&w->rng, &w->p[i]);
        assert_int_equal(repair(&w->p[i], NULL, &plan), ST_OK);
        w->p[i].result = plan.result;
        w->p[i].objective = plan.objective;
        mend_plan_done(&plan);
    }
}

static void note(struct worker *w, const char *what, int problem, int value)
{
    if (!w->wrong[0])
        snprintf(w->wrong, sizeof w->wrong, "problem %d: %s (%d)", problem, what, value);
}

static void repair_one(struct worker *w, int i)
{
    struct problem *p = &w->p[i];
    struct mend_plan plan;
    enum status st = repair(p, &w->stop, &plan);
    w->repairs++;
    w->cancelled += st == ST_CANCELLED;
    if (st == ST_CANCELLED && (plan.fragment || plan.change || plan.n_change))
        note(w, "a cancelled repair holds something", i, plan.n_change);
    if (st != ST_OK && st != ST_CANCELLED)
        note(w, "the repair failed", i, st);
    if (st == ST_OK && (plan.result != p->result || fabs(plan.objective - p->objective) > 1e-6))
        note(w, "another answer than before", i, plan.result);
    mend_plan_done(&plan);
}

static void explain_one(struct worker *w, int i)
{
    struct problem *p = &w->p[i];
    struct mend_opts opts = p->q.opts;
    struct mend_conflict c;
    opts.cancel = &w->stop;
    enum status st = mend_explain(p->g, p->q.in, p->q.out, &opts, &c, NULL);
    enum status want = p->result == MEND_INFEASIBLE ? ST_OK : ST_NO;
    w->explained++;
    w->cancelled += st == ST_CANCELLED;
    if (st == ST_CANCELLED && (c.part || c.n))
        note(w, "a cancelled explanation holds something", i, c.n);
    if (st != want && st != ST_CANCELLED)
        note(w, "another explanation than the repair", i, st);
    mend_conflict_done(&c);
}

static void *work(void *arg)
{
    struct worker *w = arg;
    while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
        int i = (int)any(&w->rng, 0, PROBLEMS - 1);
        __atomic_store_n(&w->stop, chance(&w->rng, 3), __ATOMIC_RELAXED);
        if (chance(&w->rng, 75))
            repair_one(w, i);
        else
            explain_one(w, i);
    }
    return NULL;
}

/* Threads come and go, because what a solver keeps is kept for each of them. */
static void run(struct worker *w, double until)
{
    struct rng r = rng_for(seed, 1000);
    __atomic_store_n(&over, false, __ATOMIC_RELAXED);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&w[i].id, NULL, work, &w[i]), 0);
    while (now_s() < until) {
        nanosleep(&(struct timespec){0, any(&r, 0, 200000)}, NULL);
        __atomic_store_n(&w[any(&r, 0, THREADS - 1)].stop, 1, __ATOMIC_RELAXED);
    }
    __atomic_store_n(&over, true, __ATOMIC_RELAXED);
    for (int i = 0; i < THREADS; i++)
        pthread_join(w[i].id, NULL);
}

static void test_cancel(void **state)
{
    static struct worker w[THREADS];
    int repairs = 0, explained = 0, cancelled = 0;
    double start = now_s();
    (void)state;
    for (int round = 0; round < 4; round++) {
        seed += (uint64_t)round;
        for (int i = 0; i < THREADS; i++)
            make_worker(&w[i], i);
        run(w, start + seconds * (round + 1) / 4);
        for (int i = 0; i < THREADS; i++) {
            for (int k = 0; k < PROBLEMS; k++)
                graph_unref(w[i].p[k].g);
            if (w[i].wrong[0])
                fail_msg("seed %llu, thread %d, %s", (unsigned long long)seed, i, w[i].wrong);
            repairs += w[i].repairs;
            explained += w[i].explained;
            cancelled += w[i].cancelled;
        }
    }
    print_message("%d repairs, %d explanations, %d of them cancelled\n", repairs, explained,
                  cancelled);
    assert_true(repairs > cancelled / 2 && cancelled > 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cancel)};
    if (getenv("AUTOGO_HEAVY"))
        seconds = 600;
    if (argc > 1)
        seconds = atof(argv[1]);
    if (argc > 2)
        seed = strtoull(argv[2], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
