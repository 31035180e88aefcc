/* Which nodes to draw when not all of them: some nodes and what stands around them. */
#ifndef UI_AROUND_H
#define UI_AROUND_H

#include "graph/graph.h"

/* Marks in keep[slot] all nodes within `hops` edges, either way, of those marked already.
 * O(slots + edges of the nodes marked). */
void around_grow(const struct graph *g, bool *keep, int hops);

#endif
