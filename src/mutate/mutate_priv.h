/* Inside src/mutate: what the three steps share. */
#ifndef MUTATE_MUTATE_PRIV_H
#define MUTATE_MUTATE_PRIV_H

#include "mutate/mutate.h"

/* in[i]: which of the region's inputs feeds input i of the fragment; out[i]: which of the region's
 * outputs is output i of the fragment. Both are permutations. */
struct ports {
    int n_in, n_out;
    int *in, *out;
};

/* ---- ports.c ---- */

/* Orders of one side's ports, flat, in the order they are to be tried; those that no fragment can
 * tell from an earlier one (ports of equal type swapped) are left out. */
struct orders {
    int n, n_ports;
    int *at; /* n x n_ports */
};
void orders_init(struct orders *o, const struct ttype *types, int n_ports);
void orders_done(struct orders *o);

/* ---- take.c ---- */

/* What a fragment node takes over from the node it replaces. */
struct taken {
    int32_t old; /* id in the graph, -1: nothing */
    bool same;   /* nothing but its place sets it apart from the old one */
};

/* One entry for each slot of the fragment; caller frees. */
enum status take_match(const struct graph *g, const struct region *r, const struct graph *frag,
                       const struct ports *p, struct taken **out, struct err *err);
/* Whether constant `port` of a node is the old one's: a weight of equal type, or an equal
 * parameter. */
bool take_const(const struct node *n, const struct node *old, int port);
/* The constant at `port` for use in another graph: weights that carry foreign values start anew. */
struct tensor *fresh_const(const struct node *n, int port, const char *name, uint64_t seed);

/* ---- splice.c ---- */

struct spliced {
    struct graph *graph; /* types of the new nodes unknown */
    int n_added;
    int32_t *added, *from;
    struct value_ref *out; /* what each output of the region became */
};
/* ST_MODEL with a reason when the result is no sound graph. */
enum status splice(const struct graph *g, const struct region *r, const struct graph *frag,
                   const struct ports *p, uint64_t seed, struct spliced *out, struct err *err);
void spliced_done(struct spliced *s);

#endif
