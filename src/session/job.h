/* Worker threads and their jobs. The owner of the pool is one thread; it never blocks here.
 *
 * A job is self-contained: frozen graph references and copies of everything else. It is handed to
 * a worker through a bounded queue and comes back through another with a byte on a pipe. No more
 * jobs are in flight than the queues hold; the rest wait in the owner's own list, urgent ones
 * first. Cancelling sets the job's flag, which long work polls; its result is dropped.
 * Training takes minutes: it has a lane of its own, one thread after the workers, in which one job
 * runs after the other, so that nothing else waits for it. Measuring, which training would disturb,
 * is in that lane too. The autopilot takes hours and has a third lane.
 * A GLPK problem, an SQLite connection and a Graphviz child live and die on one worker. */
#ifndef SESSION_JOB_H
#define SESSION_JOB_H

#include "dot/dot.h"
#include "mutate/mutate.h"
#include "pred/pred.h"
#include "session/comparing.h"
#include "session/evolution.h"
#include "session/glance.h"
#include "session/layers.h"
#include "session/session.h"
#include "session/taking.h"
#include "session/training.h"
#include "session/wants.h"

enum job_kind {
    JOB_QUERY,
    JOB_CANDIDATE,
    JOB_LIKE,
    JOB_REPAIR,
    JOB_LAYOUT,
    JOB_WRITE,
    JOB_KEEP,
    JOB_FIT,
    JOB_WHY,
    JOB_TIME,
    JOB_SEARCH,
    JOB_TAKE,
    JOB_COMPARE,
    JOB_GLANCE
};

struct job {
    enum job_kind kind;
    int tag; /* what pool_cancel names; the owner's word */
    bool urgent;
    int cancel;              /* atomic flag */
    const int *extra_cancel; /* when run on the owner's thread: its interrupt flag */
    struct graph *graph;     /* a reference */
    unsigned generation;     /* of the databases (layers.h) */
    struct region region;    /* QUERY, CANDIDATE, REPAIR, KEEP */
    int64_t record;          /* CANDIDATE, REPAIR: 0 = the region itself */
    struct graph *fragment;  /* a reference; NULL: fetched by record; LIKE: what to look for */
    struct wants wants;      /* REPAIR */
    struct session_repair how;
    double patience; /* REPAIR: seconds that it may take; 0: as usual */
    uint64_t seed;
    int limit; /* QUERY, LIKE */
    int like;  /* CANDIDATE: of that asking for more (struct hunt); 0: of none */
    const struct pred_model *pred; /* QUERY: lent by the session; NULL: no estimates */
    int32_t *order;                /* QUERY: the segmentation's */
    const struct npu_preset *npu;  /* CANDIDATE, REPAIR: lent by the session, or NULL; */
    int64_t cycles;                /* and what `graph` takes on it */
    double energy_uj;
    struct pred_source *source; /* result of QUERY; CANDIDATE, REPAIR: a reference, or NULL */
    bool *keep[2];              /* LAYOUT: per slot, or NULL; [1] of `after` */
    int32_t *to_b;              /* LAYOUT with `after`: a diff's */
    int n_group, *group_of;     /* LAYOUT: dot_groups, or 0 and NULL */
    char **group_label;
    int slot;                      /* LAYOUT */
    uint64_t key;                  /* LAYOUT */
    char *path;                    /* WRITE, COMPARE, GLANCE */
    const char *input_shape;       /* GLANCE: lent by the session, or NULL */
    int *segment_of;               /* WRITE, or NULL */
    int segment;                   /* KEEP: what the user calls the region */
    char *origin;                  /* KEEP */
    struct graph *after;           /* WHY: a reference; `graph` is the source's. LAYOUT: or NULL */
    float *weight[2];              /* WHY, result: per slot of `graph`, of `after` */
    struct training *training;     /* FIT: a reference, with the results */
    double *ms;                    /* TIME, result: per slot */
    struct evolution *evolution;   /* SEARCH: a reference, with what it tells */
    struct taking *taking;         /* TAKE: with the results */
    struct comparing *comparing;   /* COMPARE: with the results */
    struct session_glance *glance; /* GLANCE, result */
    int wake;                      /* FIT, SEARCH: where a byte tells of progress */

    double seconds;     /* that it took */
    enum status status; /* results; which ones depends on kind */
    struct err err;
    int64_t *ids;
    int n_ids;
    struct err trouble;      /* QUERY: why the user's database was left out */
    struct segdb_record rec; /* CANDIDATE: fragment moved to `fragment` */
    struct segdb_seen seen;
    bool has_rec;
    int64_t kept; /* KEEP: the id */
    bool known;   /* KEEP: it was in a database already */
    struct candidate cand;
    uint64_t hash;           /* of cand.graph */
    struct pred_delta delta; /* with `source` and cand.graph */
    int64_t delta_cycles;    /* with `npu` and cand.graph */
    double delta_energy_uj;
    struct mend_conflict conflict; /* REPAIR that is infeasible */
    bool has_conflict;
    struct dot_layout layout[2]; /* [1]: with `after` */
    bool has_layout;
};

const char *job_kind_name(enum job_kind k);
/* g may be NULL. */
struct job *job_new(enum job_kind kind, const struct graph *g);
/* Copies the region. */
void job_set_region(struct job *j, const struct region *r);
void job_free(struct job *j);
/* Why a mutation that ran gave no network; "" when it did. Borrowed. */
const char *job_reason(const struct job *j);

/* glance.c: what a GLANCE job does; frees what it found. */
enum status glance_run(struct job *j);
void glance_free(struct session_glance *g);
/* timed.c: what a TIME job does. */
enum status timed_run(struct job *j);

/* Runs a job on this thread. `db` is this thread's handle, opened at `path` when needed. */
void job_run(struct job *j, struct layers_db *db, char *const path[SEGDB_LAYERS]);
/* Fetches a record with what was seen of it into a job. */
enum status job_fetch(struct job *j, struct layers_db *db, struct err *err);

struct pool; /* opaque */

/* Threads are started with the first job. The paths are copied. `yields`: the owner's thread comes
 * first where there are not processors enough. */
struct pool *pool_new(int threads, bool yields, char *const path[SEGDB_LAYERS]);
/* Cancels and joins. What the user asked to keep is kept all the same. */
void pool_free(struct pool *p);
int pool_fd(const struct pool *p);
/* Takes the job over. */
void pool_submit(struct pool *p, struct job *j);
/* The next finished job (the caller's now), or NULL. */
struct job *pool_take(struct pool *p);
/* Tag -1: all but KEEP. */
void pool_cancel(struct pool *p, int tag);
/* Jobs with this tag that have neither been taken nor cancelled; tag -1: all. */
int pool_count(const struct pool *p, int tag);

#endif
