/* The autopilot: evolves networks by replacing segments, towards a Pareto front.
 *
 * A child is its parent with one segment replaced by a record of the database (mutate.h), sometimes
 * a second one after it, or with what a mate's last edit did to the same segment. Parents come from
 * a population by binary tournament; the population is what NSGA-II (Deb et al. 2002) keeps of it
 * and its children, generation by generation. Records and segments whose children survived are
 * chosen more often. Children are judged on worker threads, the cheapest question first: is there a
 * repair, is it a new network, what does it cost, what is it estimated to reach, is it within the
 * limits. Every choice of a child depends on the seed, its number and the generations before it
 * only, so the result does not depend on threads.
 *
 * All children are in an archive on disk (archive.h), one transaction a generation: a search that
 * was killed goes on from the last whole generation, to the same end as one left alone. Limits that
 * are changed on the way are in it too, by the generation behind which they were (rules.c). In
 * memory are the population's networks, one line for each point of the front, and a hash of each
 * network seen. */
#ifndef SEARCH_SEARCH_H
#define SEARCH_SEARCH_H

#include "bpe/bpe.h"
#include "comm/comm.h"
#include "cost/npu.h"
#include "pred/pred.h"
#include "search/front.h"

enum search_goal {
    GOAL_ACC,
    GOAL_FLOPS,
    GOAL_PARAMS,
    GOAL_MEMORY,
    GOAL_CYCLES,
    GOAL_ENERGY,
    GOAL_LATENCY
};
enum { SEARCH_GOALS = GOAL_LATENCY + 1 };
const char *search_goal_name(enum search_goal g); /* "acc", "flops" ... */
bool search_goal_find(const char *name, enum search_goal *out);

enum search_scheme {
    SEARCH_NSGA2,
    SEARCH_RANDOM, /* for comparison: the next population is drawn blindly */
};
enum { SEARCH_SCHEMES = SEARCH_RANDOM + 1 };
const char *search_scheme_name(enum search_scheme s);
bool search_scheme_find(const char *name, enum search_scheme *out);

/* Which segments children replace: those with many FLOPs or cycles, those where it paid before, any
 * of them, or by a rule that each child draws. */
enum search_source { SOURCE_MIXED, SOURCE_FLOPS, SOURCE_CYCLES, SOURCE_PAID, SOURCE_RANDOM };
enum { SEARCH_SOURCES = SOURCE_RANDOM + 1 };
const char *search_source_name(enum search_source s);
bool search_source_find(const char *name, enum search_source *out);

/* A replacement: segment of the network as it is then cut, record of the database (segdb.h). */
struct search_step {
    int segment;
    int64_t record;
};
enum { SEARCH_STEPS = 2 };
/* Ids of rank k are those of its archive plus k << ISLAND_BITS. */
enum { ISLAND_BITS = 40 };
struct search_point {
    int64_t id, parent; /* 0 is the network begun with, of parent -1 */
    int64_t mate;       /* whose edit was taken over; -1: none */
    int generation;
    int edits; /* replacements between it and the network begun with */
    int n_step;
    struct search_step step[SEARCH_STEPS]; /* from the parent to it */
    uint64_t source;                       /* hash of what the first step replaced */
    uint64_t hash;
    /* By goal: estimated accuracy in sigma of the predictor's table, FLOPs (paper's rule),
     * parameters, bytes of activations, cycles, microjoule, milliseconds (the sum of its layers on
     * one thread, layer_time.h); NaN: not known. */
    double value[SEARCH_GOALS];
    double predicted;     /* accuracy as the predictor alone has it: before truths corrected it */
    bool in_distribution; /* of the estimate */
    double distance;      /* from what the predictor knows, 1 at the edge; 0: not asked */
};

/* What training a network came to. */
struct search_truth {
    int64_t id;       /* 0: the network begun with */
    int generation;   /* behind which it was trained */
    int n;            /* seeds that did not blow up */
    double value;     /* mean of the task's metric; NaN: all blew up */
    double deviation; /* NaN: of fewer than two */
};

/* No more than `value`, or than `value` times what the network begun with has; none unless set. */
struct search_limit {
    bool set, relative;
    double value;
};

/* What was changed on the way. */
struct search_change {
    int generation; /* behind which */
    char text[96];  /* "max-flops -10%" */
};

struct search;       /* opaque */
struct measure_opts; /* measure.h */
/* How a search stands. */
struct search_state {
    int64_t tried, accepted, duplicates, refused, beyond; /* tried is the sum of the others */
    int64_t last_id;                                      /* in this rank's archive */
    int generation;
    double volume;                           /* of the front, see search_share */
    double seconds;                          /* of this run */
    const struct search_point *base, *front; /* borrowed; the front in no order */
    const struct search_truth *truth;        /* borrowed; the network begun with, then in order */
    const struct search_change *change;      /* borrowed; in order */
    int n_front, n_truth, n_change;
    const struct search *search; /* for search_line_of */
};

enum { SEARCH_POPULATION = 64 };
struct search_opts {
    enum search_goal goal[FRONT_GOALS];
    int n_goal; /* 1 .. FRONT_GOALS */
    enum search_scheme scheme;
    enum search_source source;
    int population;      /* 0: SEARCH_POPULATION; also the children of a generation */
    int64_t evaluations; /* children to try, rounded up to generations */
    double seconds;      /* 0: no limit; ends behind a generation */
    struct search_limit limit[SEARCH_GOALS]; /* that of GOAL_ACC is not used */
    double max_loss;                         /* of estimated accuracy, in sigma; INFINITY: none */
    /* A child is refused that is farther from what the predictor knows than so many times the
     * network begun with, or the edge: its estimate would be a guess. INFINITY: any estimate will
     * do. */
    double trust;
    const int32_t *frozen; /* nodes of the network that stay as they are */
    int n_frozen;
    const bool *forbidden; /* by enum op: not to be put in; NULL: none */
    bool points_only;      /* the result has no networks, and none is executed */
    uint64_t seed;
    int threads;
    /* NULL: this process alone. Else each rank is an island with an archive of its own: `seconds`
     * are rank 0's and looked at every few generations, `evaluations` are those of all together,
     * and rank 0 alone gets a result, with the fronts of all in one. */
    struct comm *comm;
    const char *segdb[2]; /* as segdb_open; the second may be NULL */
    const struct bpe_vocab *vocab;
    const struct pred_model *pred; /* NULL: accuracy is not known */
    const struct npu_preset *npu;  /* NULL: cycles and energy are not */
    /* Instead of the predictor; called on several threads. False: not known, the child is refused.
     */
    bool (*accuracy)(void *arg, const struct graph *g, double *out);
    /* Where `accuracy` is dear: children made for each one that is evaluated, which is the one
     * that what was learnt until then expects most of (surrogate.h). 0: each child is evaluated. */
    int choice;
    /* After so many networks tried the most promising one is trained, before the first the network
     * begun with; estimates are corrected by what was learnt from that. 0: never. Not with `comm`.
     */
    int64_t measure_every;
    const struct measure_opts *measure; /* how (measure.h) */
    const int *cancel;
    /* An archive whose search has other limits, other nodes frozen or other operators forbidden
     * (but for latency, which was not measured before): they are changed behind its last
     * generation, as if that had been done on the way. False: ST_USAGE. */
    bool may_change;
    /* Asked behind each generation, on the caller's thread: options of which those, `evaluations`
     * and `seconds` hold from now on, borrowed until the next call; NULL: no change. May be NULL.
     */
    const struct search_opts *(*renew)(void *arg);
    /* Once the archive is this search's: before it nothing was changed that another one owns. May
     * be NULL. */
    enum status (*begun)(void *arg, struct err *err);
    /* Before the first generation and after each, on the caller's thread; may be NULL. */
    void (*progress)(void *arg, const struct search_state *s);
    void *arg; /* of them all */
};

/* The points from the first edit to one of the front. */
struct search_line {
    struct search_point *at;
    size_t n;
};
/* That of a point of the front, within `progress` only; out->at is the caller's. */
enum status search_line_of(const struct search_state *now, const struct search_point *p,
                           struct search_line *out, struct err *err);

struct search_result {
    struct search_point base;
    bool base_keeps;              /* the network begun with is within the limits */
    struct search_point *front;   /* by the first goal, then by id */
    struct graph **graph;         /* of each point of the front; NULL with points_only */
    struct search_line *line;     /* and how it came to be */
    char (*fault)[200];           /* why a point could not be executed; "": it ran */
    struct search_truth *truth;   /* see search_state */
    struct search_change *change; /* see there */
    int n_front, n_truth, n_change;
    const char *table;         /* whose scale the estimates are in, the model's; NULL */
    struct search_state state; /* its base, front and truths are those above */
    int resumed_at;            /* the generation; 0: begun anew */
};
/* Point of a goal as the front sees it, the network begun with being 1 in every goal: costs as a
 * share of its, accuracy as 1 - gain in sigma. The hypervolume is that below 1.5 in each. */
double search_share(const struct search_point *base, const struct search_point *p,
                    enum search_goal g);

/* Sorts points by a goal, the best first, and then by id. */
void search_sort(const struct search_point *base, enum search_goal g, struct search_point *p,
                 int n);

/* Searches from `base`, with the archive at `path`, which is made or gone on with. All members of
 * the front are made anew from their edits and executed, but with points_only. ST_USAGE: a goal's
 * numbers are not known, or the archive is of another search; ST_NO: nothing can be replaced, every
 * child was refused, or no network keeps within the limits; ST_CANCELLED: the same call goes on. */
enum status search_run(struct search_result *out, const struct graph *base, const char *path,
                       const struct search_opts *opts, struct err *err);
void search_result_done(struct search_result *r);

#endif
