/* Graphs for the tests of running and training. Included behind cmocka.h. */
#ifndef TESTS_UNIT_EXEC_MAKE_H
#define TESTS_UNIT_EXEC_MAKE_H

#include "graph/graph.h"
#include "shape/shape.h"

/* x (of this type) -> n -> out; n's input 0 is node 0, which x will be. */
static inline struct graph *make_single(struct node *n, struct ttype t)
{
    struct graph_edit *e = graph_edit_new(NULL);
    struct node *in = node_new(OP_INPUT, "x"), *out = node_new(OP_OUTPUT, "out");
    struct graph *g, *typed;

    node_add_output(in, "x");
    in->out[0].type = t;
    graph_edit_add(e, in);
    node_add_input(out, graph_edit_add(e, n), 0);
    graph_edit_add(e, out);
    assert_int_equal(graph_edit_freeze(e, &g, NULL), ST_OK);
    assert_int_equal(shape_infer(g, &typed, NULL), ST_OK);
    graph_unref(g);
    return typed;
}

/* Of all constants of two graphs with the same nodes. */
static inline bool same_weights(const struct graph *a, const struct graph *b)
{
    for (int32_t id = 0; id < graph_n_slots(a); id++) {
        const struct node *x = graph_node(a, id), *y = graph_node(b, id);
        for (int i = 0; x && i < x->n_in; i++)
            if (node_const(x, i) && !tensor_equal(node_const(x, i), node_const(y, i)))
                return false;
    }
    return true;
}

#endif
