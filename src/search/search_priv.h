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
