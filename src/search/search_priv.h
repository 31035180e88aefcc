/* Inside src/search: members of a population, and children being made. */
#ifndef SEARCH_SEARCH_PRIV_H
#define SEARCH_SEARCH_PRIV_H

#include "search/archive.h"
#include "search/search.h"

#include "base/hash.h"
#include "base/vec.h"
#include "segdb/segdb.h"

/* A place of a member where something can be replaced. */
struct place {
    int segment; /* of the member's segmentation */
    struct region region;
    int64_t *record; /* most promising first (segdb_query) */
    int n_record;
    double flops; /* share of the network's, paper's rule */
};
/* A network of the population with what its children need; immutable once prepared. */
struct member {
    struct search_point point;
    struct graph *graph;
    VEC(struct place) place;
    bool prepared;
};
void member_free(struct member *m); /* NULL is fine */

/* What one thread has for itself. */
struct hand {
    struct segdb *db;
    struct u64map at; /* record id -> fragment */
    VEC(struct graph *) fragment;
};
enum status hand_open(struct hand *h, const struct search_opts *o, struct err *err);
void hand_close(struct hand *h);

/* Cuts the member's network and asks the database about each segment. */
enum status member_prepare(struct member *m, struct hand *h, const struct search_opts *o,
                           struct err *err);

struct points {
    struct search_point *at;
    size_t n, cap;
};

/* A search under way. */
struct search {
    const struct search_opts *o;
    int population, table;
    struct archive *archive;
    struct search_point base;
    struct graph *base_graph;
    VEC(struct member *) member; /* graphs are there between generations of this run only */
    struct points front;
    struct u64map seen; /* hashes of all networks */
    int generation;
    int64_t next_id, fates[4];
    struct hand *hand; /* one for each worker */
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
const struct member *select_parent(const struct search *s, int64_t child);

/* ---- child.c ---- */

struct child {
    const struct member *parent;
    struct search_point point;
    struct graph *graph; /* NULL: refused */
    enum search_fate fate;
    char reason[200];
};
/* Replaces one segment; every choice is of the random stream of the child's id. fate REFUSED, or
 * ACCEPTED with the network. Parents without a place give a refused child. */
enum status child_make(struct child *c, struct hand *h, const struct search_opts *o,
                       struct err *err);
/* The numbers of the child's network; `table` of the predictor (-1: sought, and set). */
enum status child_judge(struct search_point *p, const struct graph *g, const struct search_opts *o,
                        int *table, struct err *err);
/* The network of an edit made anew. */
enum status child_remake(const struct graph *parent, uint64_t parent_hash, int segment,
                         int64_t record, struct hand *h, const struct search_opts *o,
                         struct graph **out, struct err *err);

#endif
