/* Worker threads and their jobs. The owner of the pool is one thread; it never blocks here.
 *
 * A job is self-contained: frozen graph references and copies of everything else. It is handed to
 * a worker through a bounded queue and comes back through another with a byte on a pipe. No more
 * jobs are in flight than the queues hold; the rest wait in the owner's own list, urgent ones
 * first. Cancelling sets the job's flag, which mending and layout poll; its result is dropped.
 * A GLPK problem, an SQLite connection and a Graphviz child live and die on one worker. */
#ifndef SESSION_JOB_H
#define SESSION_JOB_H

#include "dot/dot.h"
#include "mutate/mutate.h"
#include "segdb/segdb.h"

enum job_kind { JOB_QUERY, JOB_CANDIDATE, JOB_REPAIR, JOB_LAYOUT, JOB_WRITE };

struct job {
    enum job_kind kind;
    int tag; /* what pool_cancel names; the owner's word */
    bool urgent;
    int cancel;              /* atomic flag */
    const int *extra_cancel; /* when run on the owner's thread: its interrupt flag */
    struct graph *graph;     /* a reference */
    struct region region;    /* QUERY, CANDIDATE, REPAIR */
    int64_t record;          /* CANDIDATE, REPAIR: 0 = the region itself */
    struct graph *fragment;  /* a reference; NULL: fetched by record */
    struct mend_pin *pin;
    int n_pin;
    uint64_t seed;
    int limit;       /* QUERY */
    bool *keep;      /* LAYOUT: per slot, or NULL */
    int slot;        /* LAYOUT */
    uint64_t key;    /* LAYOUT */
    char *path;      /* WRITE */
    int *segment_of; /* WRITE, or NULL */

    enum status status; /* results; which ones depends on kind */
    struct err err;
    int64_t *ids;
    int n_ids;
    struct segdb_record rec; /* fragment moved to `fragment` */
    bool has_rec;
    struct candidate cand;
    uint64_t hash; /* of cand.graph */
    struct dot_layout layout;
    bool has_layout;
};

struct job *job_new(enum job_kind kind, const struct graph *g);
/* Copies the region. */
void job_set_region(struct job *j, const struct region *r);
void job_set_pins(struct job *j, const struct mend_pin *pin, int n);
void job_free(struct job *j);

/* Runs a job on this thread. `db` is this thread's connection, opened at `db_path` when needed. */
void job_run(struct job *j, struct segdb **db, const char *db_path);

struct pool; /* opaque */

/* Threads are started with the first job. */
struct pool *pool_new(int threads, const char *db_path);
void pool_free(struct pool *p); /* cancels everything and joins */
int pool_fd(const struct pool *p);
/* Takes the job over. */
void pool_submit(struct pool *p, struct job *j);
/* The next finished job (the caller's now), or NULL. */
struct job *pool_take(struct pool *p);
void pool_cancel(struct pool *p, int tag);
/* Jobs with this tag that have neither been taken nor cancelled; tag -1: all. */
int pool_count(const struct pool *p, int tag);

#endif
