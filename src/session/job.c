#include "session/job.h"

#include "base/clock.h"
#include "base/queue.h"
#include "base/vec.h"
#include "session/model.h"
#include "session/mutation.h"
#include "session/scoring.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- one job ---- */

const char *job_kind_name(enum job_kind k)
{
    static const char *const names[] = {[JOB_QUERY] = "query",     [JOB_CANDIDATE] = "candidate",
                                        [JOB_LIKE] = "like",       [JOB_REPAIR] = "repair",
                                        [JOB_LAYOUT] = "layout",   [JOB_WRITE] = "write",
                                        [JOB_KEEP] = "keep",       [JOB_FIT] = "fit",
                                        [JOB_WHY] = "why",         [JOB_TIME] = "time",
                                        [JOB_SEARCH] = "search",   [JOB_TAKE] = "take",
                                        [JOB_COMPARE] = "compare", [JOB_GLANCE] = "glance"};
    return names[k];
}

struct job *job_new(enum job_kind kind, const struct graph *g)
{
    struct job *j = x_calloc(1, sizeof *j);
    j->kind = kind;
    j->graph = g ? graph_ref(g) : NULL;
    return j;
}

void job_set_region(struct job *j, const struct region *r)
{
    j->region = *r;
    j->region.ids = x_memdup(r->ids, (size_t)r->n * sizeof *r->ids);
    j->region.in = x_memdup(r->in, (size_t)r->n_in * sizeof *r->in);
    j->region.out = x_memdup(r->out, (size_t)r->n_out * sizeof *r->out);
}

void job_free(struct job *j)
{
    if (!j)
        return;
    graph_unref(j->graph);
    graph_unref(j->fragment);
    region_done(&j->region);
    wants_done(&j->wants);
    graph_unref(j->after);
    free(j->weight[0]);
    free(j->weight[1]);
    free(j->ms);
    free(j->order);
    pred_source_unref(j->source);
    free(j->keep[0]);
    free(j->keep[1]);
    free(j->to_b);
    free(j->group_of);
    for (int i = 0; i < j->n_group; i++)
        free(j->group_label[i]);
    free(j->group_label);
    free(j->path);
    free(j->segment_of);
    free(j->origin);
    training_unref(j->training);
    evolution_unref(j->evolution);
    taking_free(j->taking);
    comparing_free(j->comparing);
    glance_free(j->glance);
    free(j->ids);
    if (j->has_rec) {
        segdb_record_done(&j->rec);
        segdb_seen_done(&j->seen);
    }
    candidate_done(&j->cand);
    if (j->has_conflict)
        mend_conflict_done(&j->conflict);
    for (int i = 0; i < 2; i++)
        dot_layout_done(&j->layout[i]);
    free(j);
}

enum status job_fetch(struct job *j, struct layers_db *db, struct err *err)
{
    TRY(segdb_get(db->db, j->record, &j->rec, err));
    enum status st = segdb_seen(db->db, j->record, &j->seen, err);
    if (st != ST_OK) {
        segdb_record_done(&j->rec);
        return st;
    }
    j->has_rec = true;
    j->fragment = graph_ref(j->rec.fragment);
    return ST_OK;
}

/* The records of the region's port counts; with adapters, those of the counts next to them come
 * after. */
static enum status query(struct job *j, struct segdb *db)
{
    const struct region *r = &j->region;
    TRY(segdb_query(db, j->graph, r, j->limit, &j->ids, &j->n_ids, &j->err));
    for (int i = 0; j->how.adapt && i < 9 && j->n_ids < j->limit; i++) {
        int n_in = r->n_in + i / 3 - 1, n_out = r->n_out + i % 3 - 1, n;
        int64_t *more;
        if (i == 4 || n_in < 1 || n_out < 1)
            continue;
        TRY(segdb_query_ports(db, j->graph, r, n_in, n_out, j->limit - j->n_ids, &more, &n,
                              &j->err));
        j->ids = x_reallocarray(j->ids, (size_t)(j->n_ids + n) + 1, sizeof *j->ids);
        memcpy(j->ids + j->n_ids, more, (size_t)n * sizeof *more);
        j->n_ids += n;
        free(more);
    }
    return ST_OK;
}

static enum status run_layout(struct job *j)
{
    const struct dot_groups groups = {j->n_group, j->group_of, j->group_label};
    const struct graph *const g[2] = {j->graph, j->after};
    enum status st =
        j->group_of ? dot_layout_groups(j->layout, j->graph, &groups, 0, &j->cancel, &j->err)
        : j->after  ? dot_layout_pair_init(j->layout, g, j->to_b, j->keep, 0, &j->cancel, &j->err)
                    : dot_layout_init(j->layout, j->graph, j->keep[0], 0, &j->cancel, &j->err);
    j->has_layout = st == ST_OK;
    return st;
}

static enum status run_kind(struct job *j, struct layers_db *db, char *const path[SEGDB_LAYERS])
{
    switch (j->kind) {
    case JOB_QUERY:
        if (j->pred)
            j->source =
                pred_source_new(j->pred, j->graph, j->order, j->region.ids, j->region.n, -1);
        TRY(layers_open(db, path, j->generation, &j->err));
        j->trouble = db->trouble;
        return query(j, db->db);
    case JOB_LIKE:
        TRY(layers_open(db, path, j->generation, &j->err));
        return segdb_query_like(db->db, j->fragment, j->limit, &j->ids, &j->n_ids, &j->err);
    case JOB_CANDIDATE:
    case JOB_REPAIR:
        return mutation_run(j, db, path);
    case JOB_LAYOUT:
        return run_layout(j);
    case JOB_WRITE:
        return model_write(j->graph, j->segment_of, j->path, &j->err);
    case JOB_KEEP:
        return layers_keep(db, path, j->generation, j->graph, &j->region, j->origin, &j->kept,
                           &j->known, &j->err);
    case JOB_WHY:
        return scoring_why(j);
    case JOB_TIME:
        return timed_run(j);
    case JOB_FIT:
        return training_run(j->training, &j->cancel, j->wake, &j->err);
    case JOB_SEARCH:
        return evolution_run(j->evolution, &j->cancel, j->wake, &j->err);
    case JOB_TAKE:
        return taking_run(j, db, path);
    case JOB_COMPARE:
        return comparing_run(j->comparing, &j->cancel, &j->err);
    case JOB_GLANCE:
        return glance_run(j);
    }
    return ST_INTERNAL;
}

void job_run(struct job *j, struct layers_db *db, char *const path[SEGDB_LAYERS])
{
    double begin = clock_s();
    if (__atomic_load_n(&j->cancel, __ATOMIC_RELAXED))
        j->status = ST_CANCELLED;
    else
        j->status = run_kind(j, db, path);
    j->seconds = clock_s() - begin;
}

/* ---- the pool ---- */

/* Jobs of training, or searches, in the hands of their lane; stopped ones end soon. */
enum { SLOW_FLYING = 4 };
/* How much nicer workers are than a thread that draws. */
enum { YIELD = 5 };

struct pool;
struct lane {
    struct pool *pool;
    struct queue *todo;
    pthread_t *thread;
    int n_threads; /* to be started; those that were, once `started` */
    bool started;
    int flying, max_flying;
};

struct pool {
    char *path[SEGDB_LAYERS];
    struct lane quick, slow, search;
    struct queue *done;
    int pipe[2];
    bool yields;
    VEC(struct job *) waiting; /* in order, urgent ones first */
    VEC(struct job *) flying;
};

static void *worker(void *arg)
{
    struct lane *l = arg;
    struct pool *p = l->pool;
    struct layers_db db = {0};
    struct job *j;
    if (p->yields) /* on Linux: of this thread */
        setpriority(PRIO_PROCESS, 0, YIELD);
    while ((j = queue_pop(l->todo))) {
        job_run(j, &db, p->path);
        queue_push(p->done, j); /* has room for every job in flight */
        ssize_t n = write(p->pipe[1], "", 1);
        (void)n; /* a full pipe already wakes the reader */
    }
    layers_close(&db);
    return NULL;
}

static void lane_init(struct lane *l, struct pool *p, int threads, int max_flying)
{
    l->pool = p;
    l->n_threads = threads;
    l->max_flying = max_flying;
    l->thread = x_calloc((size_t)threads, sizeof *l->thread);
    l->todo = queue_new((size_t)max_flying);
}

static struct lane *lane_of(struct pool *p, const struct job *j)
{
    return j->kind == JOB_SEARCH                       ? &p->search
           : j->kind == JOB_FIT || j->kind == JOB_TIME ? &p->slow
                                                       : &p->quick;
}

struct pool *pool_new(int threads, bool yields, char *const path[SEGDB_LAYERS])
{
    struct pool *p = x_calloc(1, sizeof *p);
    p->yields = yields;
    for (int i = 0; i < SEGDB_LAYERS; i++)
        p->path[i] = x_strdup(path[i]);
    lane_init(&p->quick, p, threads, threads + 1);
    lane_init(&p->slow, p, 1, SLOW_FLYING);
    lane_init(&p->search, p, 1, SLOW_FLYING);
    p->done = queue_new((size_t)(p->quick.max_flying + p->slow.max_flying + p->search.max_flying));
    if (pipe2(p->pipe, O_CLOEXEC | O_NONBLOCK) < 0)
        p->pipe[0] = p->pipe[1] = -1;
    return p;
}

/* Signals are the owner's: workers start with all of them blocked. */
static void lane_start(struct lane *l)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int n = 0;
    while (n < l->n_threads && pthread_create(&l->thread[n], NULL, worker, l) == 0)
        n++;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    l->n_threads = n;
    l->started = true;
}

/* With no thread to be had at all, jobs are done here, one for each call; but none of the long
 * ones.
 */
static void run_inline(struct pool *p, struct job *j)
{
    struct layers_db db = {0};
    if (j->kind == JOB_FIT || j->kind == JOB_SEARCH)
        j->status = err_set(&j->err, ST_IO, "the system has no thread left for it");
    else
        job_run(j, &db, p->path);
    layers_close(&db);
    queue_push(p->done, j);
    ssize_t n = write(p->pipe[1], "", 1);
    (void)n;
}

static void feed(struct pool *p)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->waiting.n; i++) {
        struct job *j = p->waiting.at[i];
        struct lane *l = lane_of(p, j);
        if (l->flying == l->max_flying) {
            p->waiting.at[kept++] = j;
            continue;
        }
        if (!l->started)
            lane_start(l);
        l->flying++;
        vec_push(&p->flying, j);
        if (l->n_threads)
            queue_push(l->todo, j);
        else
            run_inline(p, j);
    }
    p->waiting.n = kept;
}

void pool_submit(struct pool *p, struct job *j)
{
    size_t at = p->waiting.n;
    j->wake = p->pipe[1];
    vec_push(&p->waiting, j);
    if (j->urgent) {
        for (at = 0; at + 1 < p->waiting.n && p->waiting.at[at]->urgent;)
            at++;
        memmove(p->waiting.at + at + 1, p->waiting.at + at,
                (p->waiting.n - 1 - at) * sizeof *p->waiting.at);
        p->waiting.at[at] = j;
    }
    feed(p);
}

struct job *pool_take(struct pool *p)
{
    char buf[256];
    while (p->pipe[0] >= 0 && read(p->pipe[0], buf, sizeof buf) > 0)
        ;
    struct job *j;
    while ((j = queue_try_pop(p->done))) {
        for (size_t i = 0; i < p->flying.n; i++)
            if (p->flying.at[i] == j) {
                p->flying.at[i] = p->flying.at[--p->flying.n];
                break;
            }
        lane_of(p, j)->flying--;
        feed(p);
        if (!__atomic_load_n(&j->cancel, __ATOMIC_RELAXED))
            return j;
        job_free(j);
    }
    return NULL;
}

static bool is_meant(const struct job *j, int tag)
{
    return j->tag == tag || (tag == -1 && j->kind != JOB_KEEP);
}

void pool_cancel(struct pool *p, int tag)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->waiting.n; i++) {
        struct job *j = p->waiting.at[i];
        if (is_meant(j, tag))
            job_free(j);
        else
            p->waiting.at[kept++] = j;
    }
    p->waiting.n = kept;
    for (size_t i = 0; i < p->flying.n; i++)
        if (is_meant(p->flying.at[i], tag))
            __atomic_store_n(&p->flying.at[i]->cancel, 1, __ATOMIC_RELAXED);
}

int pool_count(const struct pool *p, int tag)
{
    int n = 0;
    for (size_t i = 0; i < p->waiting.n; i++)
        n += tag == -1 || p->waiting.at[i]->tag == tag;
    for (size_t i = 0; i < p->flying.n; i++)
        n += (tag == -1 || p->flying.at[i]->tag == tag) &&
             !__atomic_load_n(&p->flying.at[i]->cancel, __ATOMIC_RELAXED);
    return n;
}

int pool_fd(const struct pool *p)
{
    return p->pipe[0];
}

static void lane_join(struct lane *l)
{
    queue_close(l->todo);
    for (int i = 0; l->started && i < l->n_threads; i++)
        pthread_join(l->thread[i], NULL);
}

static void lane_done(struct lane *l)
{
    queue_free(l->todo);
    free(l->thread);
}

void pool_free(struct pool *p)
{
    if (!p)
        return;
    pool_cancel(p, -1);
    struct layers_db db = {0};
    for (size_t i = 0; i < p->waiting.n; i++) {
        job_run(p->waiting.at[i], &db, p->path);
        job_free(p->waiting.at[i]);
    }
    layers_close(&db);
    lane_join(&p->quick);
    lane_join(&p->slow);
    lane_join(&p->search);
    struct job *j;
    while ((j = queue_try_pop(p->done)))
        job_free(j);
    queue_close(p->done);
    lane_done(&p->quick);
    lane_done(&p->slow);
    lane_done(&p->search);
    queue_free(p->done);
    if (p->pipe[0] >= 0) {
        close(p->pipe[0]);
        close(p->pipe[1]);
    }
    vec_done(&p->waiting);
    vec_done(&p->flying);
    for (int i = 0; i < SEGDB_LAYERS; i++)
        free(p->path[i]);
    free(p);
}
