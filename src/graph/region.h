/* Regions: a set of nodes of a graph with its boundary, cutting it out, and comparing graphs. */
#ifndef GRAPH_REGION_H
#define GRAPH_REGION_H

#include "graph/graph.h"

/* Boundary tensors are counted as tensors, not as nodes or edges: an output that is read three
 * times outside is one output. Order: inputs by first use, outputs by producer, both walking the
 * region in graph_topo order. */
struct region {
    int n, n_in, n_out;
    int32_t *ids;          /* ascending */
    struct value_ref *in;  /* produced outside, used inside */
    struct value_ref *out; /* produced inside, used outside */
};

/* `ids` need not be sorted; duplicates and holes are refused (ST_USAGE). O(region edges). */
enum status region_init(struct region *r, const struct graph *g, const int32_t *ids, int n,
                        struct err *err);
void region_done(struct region *r);
bool region_has(const struct region *r, int32_t id);
/* No path leaves the region and comes back. O(V + E) at worst, stops at the region's last level. */
bool region_is_convex(const struct graph *g, const struct region *r);
/* The smallest convex set that holds `ids`: with every node on a path from one of them to another.
 * Into *out (ascending, caller frees), *n_out of them. ST_USAGE: a hole. O(V + E) at worst, stays
 * between the first and the last of them. */
enum status region_close(const struct graph *g, const int32_t *ids, int n, int32_t **out,
                         int *n_out, struct err *err);
/* Connected when edge directions are ignored (edges inside the region only). */
bool region_is_connected(const struct graph *g, const struct region *r);

/* The region as a graph of its own ("fragment"): its inputs become OP_INPUT nodes and its outputs
 * OP_OUTPUT nodes, in the region's order, typed as they are in g. Tensors are shared. */
enum status region_extract(const struct graph *g, const struct region *r, struct graph **out,
                           struct err *err);

/* What became of a graph. Nodes are matched by id where both versions come from the same file
 * (same_ids), else by name and then by surroundings (graph_node_hashes). */
struct graph_diff {
    int n_added, n_removed, n_changed;
    int32_t *added;                 /* ids in b */
    int32_t *removed;               /* ids in a */
    int32_t *changed_a, *changed_b; /* the same node with other attributes, inputs or shapes */
};
/* Nodes whose only difference is the type of their output count as changed ("resized"). Edges to
 * a replaced producer of the same name do not make their consumer changed. O((V+E) log V). */
void graph_diff_init(struct graph_diff *d, const struct graph *a, const struct graph *b,
                     bool same_ids);
void graph_diff_done(struct graph_diff *d);

#endif
