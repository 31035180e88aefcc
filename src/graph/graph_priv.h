/* The inside of graph versions; for src/graph only. */
#ifndef GRAPH_GRAPH_PRIV_H
#define GRAPH_GRAPH_PRIV_H

#include "graph/graph.h"

#include <stdatomic.h>

enum { CHUNK = 64 };

/* 64 node slots, shared between versions; a slot's node is referenced once per chunk. */
struct chunk {
    atomic_int refs;
    struct node *slot[CHUNK];
};

/* What all versions of one opened model have in common. */
struct origin {
    atomic_int refs;
    void *object;
    void (*release)(void *);
};

struct graph {
    atomic_int refs;
    char *name;
    int opset;
    bool untouched;
    struct origin *origin; /* may be NULL */
    char **symbol;
    int n_symbol;
    int n_slots, n_chunks, n_nodes, n_edges;
    struct chunk **chunk;
    int32_t *topo;     /* n_nodes */
    int32_t *topo_pos; /* n_slots, -1 for holes */
    int32_t *use_at;   /* n_slots + 1 offsets into use */
    struct use *use;   /* n_edges */
    int32_t *input, *output;
    int n_input, n_output;
};

void node_ref(struct node *n);
void node_unref(struct node *n);
size_t attr_bytes(const struct node_attr *a);
void chunk_unref(struct chunk *c);
void origin_unref(struct origin *o);
/* Fills topo, uses, inputs, outputs of a graph whose chunks are set. */
enum status graph_order(struct graph *g, struct err *err);

#endif
