/* One replacement: cut a region, mend the fragment to the boundary, splice it in, infer, cost.
 * Everything outside the region keeps its nodes (pointer-equal), weights and names, except what
 * mutate_opts.grow lets change. Inside, weights are taken over from the replaced nodes where
 * operator and shape agree, else they are He-normal recipes from the seed. A node that is as the
 * one it replaces takes its names too, so a region replaced by itself gives the same network. New
 * names are those of the fragment, made unique; a graph output keeps its name. Thread-safe. */
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
    struct mend_opts mend; /* nodes are named by their ids in the fragment; without: not used */
    int grow;              /* the repair may also change up to so many nodes outside the region */
    bool adapt;            /* when nothing fits, put the smallest adapters at the ports */
};

/* A node put between the fragment and the boundary because nothing else fits. */
enum adapter_kind {
    ADAPT_CONV1X1,  /* other channels, perhaps by a stride also another size; no bias */
    ADAPT_POOL,     /* smaller: average, strided */
    ADAPT_RESIZE,   /* larger, or smaller by no whole stride: nearest */
    ADAPT_IDENTITY, /* a tensor taken a second time, by a port that would be empty */
    ADAPT_ADD       /* a tensor that would be left without a use joins another */
};
const char *adapter_kind_name(enum adapter_kind k);
struct adapter {
    int32_t node; /* id in `graph` of the candidate; one of `added` */
    enum adapter_kind kind;
    bool at_input; /* else at an output */
    int port;      /* of the region */
};

struct candidate {
    enum mend_result status;
    char reason[256];      /* when infeasible, or which check refused the result */
    struct graph *graph;   /* the child, inferred and validated; NULL when refused */
    struct mend_plan plan; /* of the chosen port assignment; adapters are nodes of its fragment */
    int n_added;
    int32_t *added; /* ids in `graph` of the nodes put in */
    int32_t *from;  /* for each added node its id in the fragment */
    int n_grown;
    int32_t *grown; /* ids, the same in both graphs, of nodes outside that the repair changed */
    int n_adapter;
    struct adapter *adapter;
    struct cost before, after; /* of the whole graphs */
    double ms;
};

/* Three attempts, each only when the ones before have no repair:
 *
 * 1. The boundary is fixed and the fragment is repaired.
 * 2. opts->grow: nodes outside that the widths reach across the boundary are repaired with it, up
 *    to 1, 2, 4 ... grow of them; of the first step that succeeds the repair that changes the
 *    fewest. They keep ids, places and names, and what need not change keeps its weights.
 * 3. opts->adapt: adapters at the ports, the fragment between them still being repaired. The fewest
 *    nodes win, then the fewest parameters, then the smallest change; at most 6 nodes, and after
 *    2,000 repairs or 100,000 choices of adapters the best so far counts. Port counts may differ:
 * an input that the fragment has no place for is dropped where its producer has other uses, else
 * adapted and added to another; an output that the region has no place for likewise; ports of the
 * fragment in excess take a tensor that another one takes, and missing outputs are taken from other
 * outputs.
 *
 * Fragment inputs are assigned to region inputs (and outputs to outputs) in the order that needs
 * the smallest change; all assignments are tried up to 4 ports a side, else order and its
 * reversal. The time limit of opts->mend holds for all of it; an attempt 2 or 3 that it ends has no
 * result (MEND_TIMEOUT). Refused (a value, not an error): counts that differ (without adapt), no
 * repair, a child that shape_infer faults or in which a node outside would be left without a use.
 * ST_CANCELLED, ST_INTERNAL: `out` is untouched. Else it is the caller's, candidate_done frees it.
 */
enum status mutate_replace(const struct graph *g, const struct region *r, const struct graph *frag,
                           const struct mutate_opts *opts, struct candidate *out, struct err *err);
void candidate_done(struct candidate *c);

#endif
