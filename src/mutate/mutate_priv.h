/* Inside src/mutate: what the steps share. */
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
/* Which of `n_from` ports each of `n_to` others takes, as many different ones as there can be. The
 * types are of the region's ports, which are the ones taken from (inputs), or those that take. */
void orders_init_uneven(struct orders *o, const struct ttype *types, bool region_is_from,
                        int n_from, int n_to);
void orders_done(struct orders *o);

void ports_set(struct ports *p, const int *in, int n_in, const int *out, int n_out);
void ports_done(struct ports *p);

/* ---- repairs ---- */

/* One replacement under way. */
struct hunt {
    const struct graph *g;
    const struct region *r;
    const struct graph *frag;
    const struct mutate_opts *opts;
    struct ttype *in, *out; /* of the region's ports */
    double until_ms, limit_s;
    bool started;
};
/* mend_fragment in what is left of the time; a fragment that cannot be repaired at all is
 * infeasible. ST_CANCELLED and ST_INTERNAL only. */
enum status hunt_mend(struct hunt *h, const struct graph *frag, const struct ttype *need_in,
                      const struct ttype *need_out, const struct mend_opts *opts,
                      struct mend_plan *plan, struct err *err);
bool hunt_late(const struct hunt *h);

/* A node outside the region that may change, and its place in repair.joint. */
struct outside {
    int32_t id, at;
};

/* What is to be spliced. */
struct repair {
    struct mend_plan plan;
    struct ports ports;
    struct graph *joint; /* the repaired fragment and the nodes outside; NULL: none changed */
    int n_outside;
    struct outside *outside;
    int n_adapter;
    struct adapter *adapter; /* nodes by their ids in plan.fragment */
};
void repair_done(struct repair *r);

/* ---- grow.c, grow_apply.c ---- */

/* Repairs the fragment together with nodes outside; of the smallest step that has a repair the one
 * that changes the fewest nodes. found->plan.fragment stays NULL when there is none. */
enum status grow_search(struct hunt *h, const struct orders *in, const struct orders *out,
                        struct repair *found, struct err *err);
/* Whether the nodes differ in more than where their inputs come from. */
bool grow_changed(const struct node *was, const struct node *is);
/* Writes the changed nodes outside into a graph in which the fragment is in place; *graph is
 * replaced. */
enum status grow_apply(const struct graph *g, const struct repair *r, uint64_t seed,
                       struct graph **graph, struct err *err);

/* ---- adapt.c, adapter.c ---- */

/* Puts the smallest adapters at the ports; found->plan.fragment stays NULL when none help. */
enum status adapt_search(struct hunt *h, struct repair *found, struct err *err);

/* One or two adapters in a row. */
struct adapt_step {
    enum adapter_kind kind;
    int64_t stride[2]; /* POOL, CONV1X1 */
    float scale[2];    /* RESIZE */
};
struct adapt_way {
    int n;
    struct adapt_step step[2];
};

/* Whether adapters other than an Identity can stand at a tensor of this type. */
bool adapter_fits(const struct ttype *t);
/* The fewest adapters from one type to another; false when there are none. */
bool adapter_way(const struct ttype *from, const struct ttype *to, struct adapt_way *way);
/* Sizes (h, w) that a way may have to bridge. */
struct adapt_guess {
    int64_t from[2], to[2];
};
/* All ways that may help at a port, at most `max`, which are counted. The first is none at all; at
 * a surplus port, which has at least one node, it is an Identity. */
int adapter_ways(const struct adapt_guess *guess, int n, bool surplus, struct adapt_way *ways,
                 int max);
/* What the type before the way was when `to` is the one behind it. */
struct ttype adapter_before(const struct adapt_way *way, const struct ttype *to, int64_t channels);
/* Adds the nodes of a way behind `v`, which has the type `from`; the last one's channels are those
 * of `to`. Each new id goes into ids[]. Returns the value at the end. */
struct value_ref adapter_add(struct graph_edit *e, const struct adapt_way *way, struct value_ref v,
                             const struct ttype *from, const struct ttype *to, int32_t *ids);
int64_t adapter_params(const struct graph *g, const struct adapter *a, int n);

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
