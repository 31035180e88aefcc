/* One replacement: cut a region, mend the fragment to the boundary, splice it in, infer, cost.
 * Everything outside the region keeps its nodes (pointer-equal), weights and names; inside,
 * weights are taken over from the replaced nodes where operator and shape agree, else they are
 * He-normal recipes from the seed. A node that is as the one it replaces takes its names too, so
 * a region replaced by itself gives the same network. New names are those of the fragment, made
 * unique; a graph output keeps its name. Thread-safe. */
#ifndef MUTATE_MUTATE_H
#define MUTATE_MUTATE_H

#include "cost/cost.h"
#include "graph/region.h"
#include "mend/mend.h"

/* A source for replacement must be convex and free of opaque, input, output nodes. On false,
 * `why` (may be NULL) receives one line. */
bool mutate_region_ok(const struct graph *g, const struct region *r, char *why, size_t size);

struct mutate_opts {
    uint64_t seed;
    struct mend_opts mend; /* pins name fragment ids */
};

struct candidate {
    enum mend_result status;
    char reason[256];      /* when infeasible, or which check refused the result */
    struct graph *graph;   /* the child, inferred and validated; NULL when refused */
    struct mend_plan plan; /* of the chosen port assignment */
    int n_added;
    int32_t *added;            /* ids in `graph` of the nodes put in */
    int32_t *from;             /* for each added node its id in the fragment */
    struct cost before, after; /* of the whole graphs */
    double ms;
};

/* Fragment inputs are assigned to region inputs (and outputs to outputs) in the order that needs
 * the smallest change; all assignments are tried up to 4 ports a side, else order and its
 * reversal. The time limit of opts->mend holds for all of them together. Refused (a value, not an
 * error): counts that differ, no repair, a child that shape_infer faults or in which a node outside
 * would be left without a use. ST_CANCELLED, ST_INTERNAL: `out` is untouched. Else it is the
 * caller's, candidate_done frees it. */
enum status mutate_replace(const struct graph *g, const struct region *r, const struct graph *frag,
                           const struct mutate_opts *opts, struct candidate *out, struct err *err);
void candidate_done(struct candidate *c);

#endif
