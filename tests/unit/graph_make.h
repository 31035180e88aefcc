/* A node of a graph that is being built by hand, for tests. */
#ifndef TESTS_UNIT_GRAPH_MAKE_H
#define TESTS_UNIT_GRAPH_MAKE_H

#include "graph/graph.h"

/* With the first outputs of nodes a and b (-1: none) as inputs and, unless it is an output, one
 * output of its own name. */
static inline int32_t add(struct graph_edit *e, enum op op, const char *name, int32_t a, int32_t b)
{
    struct node *n = node_new(op, name);

    if (a >= 0)
        node_add_input(n, a, 0);
    if (b >= 0)
        node_add_input(n, b, 0);
    if (op != OP_OUTPUT)
        node_add_output(n, name);
    return graph_edit_add(e, n);
}

#endif
