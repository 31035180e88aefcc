/* Inside src/search: members of a population, and children being made. */
#ifndef SEARCH_SEARCH_PRIV_H
#define SEARCH_SEARCH_PRIV_H

#include "search/archive.h"
#include "search/search.h"

#include "base/hash.h"
#include "base/rng.h"
#include "base/vec.h"
#include "exec/layer_time.h"
#include "search/surrogate.h"
#include "segdb/segdb.h"

/* ---- credit.c: what paid before ---- */

/* How often children with a key (a record, the hash of a replaced segment) came to stay in the
 * population. */
struct credit {
    struct u64map at;
    VEC(struct credit_count) count;
};
struct credit_count {
    int64_t tried, stayed;
};
void credit_add(struct credit *c, uint64_t key, bool stayed);
/* Share that stayed, as if one of two had before; so what is unknown is tried. */
double credit_of(const struct credit *c, uint64_t key);
void credit_done(struct credit *c);

/* ---- place.c: where a member can be changed ---- */

/* A segment of a network that can be replaced. */
struct place {
    int segment; /* of the segmentation */
    struct region region;
    uint64_t hash;        /* of what is there, as a graph */
    double flops, cycles; /* share of the network's; cycles 0 without an accelerator */
};

/* A network of the population with what its children need; immutable once prepared. */
struct member {
    struct search_point point;
    struct graph *graph;
    VEC(struct place) place;
    bool prepared;
};
void member_free(struct member *m);   /* NULL is fine */
void member_forget(struct member *m); /* its places: it is to be prepared anew */

/* What one thread has for itself. */
struct hand {
    struct segdb *db;
    struct u64map at; /* record id -> fragment */
    VEC(struct graph *) fragment;
};
enum status hand_open(struct hand *h, const struct search_opts *o, struct err *err);
void hand_close(struct hand *h);
/* Borrowed until the next call. */
enum status hand_fragment(struct hand *h, int64_t record, const struct graph **out,
                          struct err *err);

/* Cuts the member's network. */
enum status member_prepare(struct member *m, const struct search_opts *o, struct err *err);
/* Segment k of a segmented network as a region; the caller's. */
enum status place_region(const struct graph *g, const struct bpe_segmentation *s, int k,
                         struct region *r, struct err *err);
/* Segment k as a place; *ok: it may be replaced, out->region is the caller's. */
enum status place_init(struct place *out, const struct graph *g, const struct bpe_segmentation *s,
                       int k, const struct search_opts *o, bool *ok, struct err *err);

struct points {
    struct search_point *at;
    size_t n, cap;
};

/* A network that another rank sent. */
struct guest {
    size_t row; /* of the rows that its lineage adds to the archive, its own */
    struct graph *graph;
};
struct guests {
    struct guest *at;
    size_t n, cap;
};

/* A word that the archive has of a rule, see rules.c. */
struct rule_event {
    int64_t generation;
    int rule;
    char *word;
};
enum { RULES = 9 };

struct truths; /* opaque */

/* A search under way. */
struct search {
    const struct search_opts *given, *o; /* the caller's; &own */
    struct search_opts own;              /* the caller's, with the rules that are in force */
    char *rule[RULES];                   /* their words; NULL: none yet */
    VEC(struct rule_event) event;
    VEC(struct search_change) change;
    VEC(int32_t) frozen; /* what `own` points to */
    bool forbidden[OP_COUNT];
    int population, table;
    struct truths *truths;     /* NULL: nothing is trained on the way */
    struct surrogate *learnt;  /* of true values; NULL: each child is evaluated */
    double most[SEARCH_GOALS]; /* limits; INFINITY: none */
    double trust;              /* most distance */
    struct archive *archive;
    const char *path; /* its file */
    struct search_point base;
    struct graph *base_graph;
    VEC(struct member *) member; /* graphs are there between generations of this run only */
    struct points front;
    struct u64map seen;        /* hashes of all networks -> id */
    struct u64map way;         /* of those on the way to a guest */
    VEC(struct points) abroad; /* at the end: lines of the points of other ranks' fronts */
    uint64_t stream;           /* seed of this rank's choices */
    struct credit records, sources;
    int generation;
    int64_t next_id, fates[FATES];
    char refusal[200]; /* the last reason of one */
    double begun;
    struct layer_clock *clock; /* NULL: latency is neither a goal nor limited */
    struct hand *hand;         /* one for each worker */
    int n_hand;
};

/* ---- select.c ---- */

/* By how much a network is beyond the limits; 0: it keeps within. */
double select_excess(const struct search *s, const struct search_point *p);
/* Adds a point to the front unless one there is as good, and drops those that it dominates.
 * O(front): tens to hundreds of points. */
void select_front(struct search *s, const struct search_point *p);
double select_volume(const struct search *s);
/* Keeps what stays of the population and the new children, best first, and frees the rest. */
void select_survivors(struct search *s);
/* Front and population anew, where estimates have changed. */
void select_again(struct search *s);
/* `which` 0: the parent of a child, 1: its mate. */
const struct member *select_parent(const struct search *s, int64_t stream, int which);

/* ---- child.c ---- */

struct child {
    const struct member *parent, *mate;
    struct search_point point;
    int64_t stream;      /* of its random numbers */
    struct graph *graph; /* NULL: refused */
    enum search_fate fate;
    char reason[200];
};
/* Replaces segments; every choice is of the random stream of the child. fate REFUSED, or
 * ACCEPTED with the network. Parents without a place give a refused child. */
enum status child_make(const struct search *s, struct child *c, struct hand *h, struct err *err);
/* The network of a point made anew from its parent's. */
enum status child_remake(const struct graph *parent, const struct search_point *p, struct hand *h,
                         const struct search_opts *o, struct graph **out, struct err *err);

/* ---- judge.c ---- */

/* The numbers of a network but its latency; `table` of the predictor (-1: sought, and set). */
enum status judge(struct search_point *p, const struct graph *g, const struct search_opts *o,
                  int *table, struct err *err);

/* ---- learn.c ---- */

/* Evaluates `want` of n children, one after the other, always the one of which most is to be
 * expected by then, and moves them to the front. Fewer when no more can be evaluated. */
enum status learn_spend(struct search *s, struct child *c, int n, int want, int *asked,
                        struct err *err);
void learn_network(struct search *s, const struct graph *g, double truth);

/* ---- truth.c ---- */

struct truths *truths_new(void);
void truths_free(struct truths *t);                                    /* NULL is fine */
const struct search_truth *truths_all(const struct truths *t, int *n); /* t may be NULL */
/* Sets the estimated accuracy from the predictor's and what was learnt; returns by how much it may
 * be off, 0: not known. */
double truths_correct(const struct search *s, struct search_point *p, const struct graph *g);
/* Trains what is due behind this generation and has not been, and corrects all estimates. */
enum status truths_meet(struct search *s, struct err *err);
/* Of the archive: the corrections behind this generation; what is known by now. */
enum status truths_replay(struct search *s, struct err *err);
enum status truths_recall(struct search *s, struct err *err);

/* ---- lineage.c ---- */

/* The points from the first edit to p itself, in that order; the caller's. */
enum status lineage_of(const struct search *s, const struct search_point *p, struct points *out,
                       struct err *err);
/* The network at the end of a line. ST_MODEL: another one than it was. */
enum status lineage_follow(struct search *s, const struct points *line, struct graph **out,
                           struct err *err);
/* The network of a point, made anew from the edits that the archive has. */
enum status lineage_remake(struct search *s, const struct search_point *p, struct graph **out,
                           struct err *err);

/* ---- result.c ---- */

/* Fills all but `state`; what there is of it is to be freed after a failure too. */
enum status result_make(struct search *s, struct search_result *r, struct err *err);

/* ---- rules.c: what may be changed on the way ---- */

/* Reads what the archive says. */
enum status rules_load(struct search *s, struct err *err);
/* ST_USAGE: the caller's options are others, and may not change it. */
enum status rules_check(const struct search *s, struct err *err);
/* Puts in force what it says behind this generation. */
enum status rules_replay(struct search *s, bool *changed, struct err *err);
/* That, and front and population are those that it leaves. */
enum status rules_meet_again(struct search *s, struct err *err);
/* What these options say holds from here on: it is written, and those beyond the limits leave. */
enum status rules_settle(struct search *s, const struct search_opts *o, struct err *err);
/* The front anew: of all networks until now that keep within the limits. */
enum status rules_front(struct search *s, struct err *err);
void rules_done(struct search *s);

/* ---- islands.c ---- */

/* Goes back to the last generation that all ranks have. */
enum status islands_align(struct search *s, struct err *err);
/* Whether it is time for an exchange. */
bool islands_meet(const struct search *s);
/* Sends some of the front to the next rank and takes some of that of the rank before: as rows for
 * the archive, and the networks that are new here (the caller's). `over`: rank 0 wants to end;
 * then *stop is set everywhere. */
enum status islands_exchange(struct search *s, bool over, struct points *rows, struct guests *out,
                             bool *stop, struct err *err);
/* The fronts and counts of all ranks to rank 0. */
enum status islands_gather(struct search *s, struct err *err);

#endif
