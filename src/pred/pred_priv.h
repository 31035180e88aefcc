/* Inside of the predictor; for src/pred only.
 *
 * The way of a network: graph -> struct pred_net (view.c: what the predictor knows of each node)
 * -> with a cut, nodes in groups with features (batch.c) -> the graph network (net.c). */
#ifndef PRED_PRED_PRIV_H
#define PRED_PRED_PRIV_H

#include "base/rng.h"
#include "base/vec.h"
#include "pred/pred.h"

/* ---- view.c ---- */

/* What a node does, as far as the predictor tells. */
enum pred_kind {
    KIND_INPUT,
    KIND_OUTPUT,
    KIND_CONV,
    KIND_GROUPED,
    KIND_DEPTHWISE,
    KIND_CONVT,
    KIND_MATMUL,
    KIND_ADD,
    KIND_MUL,
    KIND_CONCAT,
    KIND_MAXPOOL,
    KIND_AVGPOOL,
    KIND_GLOBAL,
    KIND_VIEW,   /* flatten, reshape, transpose ... */
    KIND_RESIZE, /* also depth to space and back */
    KIND_PART,   /* split, slice */
    KIND_LIGHT,  /* nothing but what follows */
    KIND_OTHER,
    /* light ones: they join the node before or after them */
    KIND_NORM,
    KIND_RELU,
    KIND_ACT,
    KIND_SAME /* identity, dropout, cast */
};
enum { KINDS = KIND_NORM, LIGHTS = KIND_SAME - KIND_NORM + 1 };

struct pred_node {
    int32_t id;                            /* in the graph */
    uint8_t kind, kernel, stride, dilated; /* kernel: the larger side */
    float cin, cout, hin, hout;            /* log2 of channels and of the mean side */
    float params, flops;
};
/* The ways from an input to an output, as 3 ln(1 + x): x is the logarithm of their number (there
 * are none: -3), then the least, mean and largest number on them of nodes with weights, of those
 * whose kernel is larger than 1, and of pools. */
enum { PRED_WAYS = 10 };
struct pred_net {
    int n; /* live nodes in the order of the segmentation; dead ones (behind a multiplication by
              zero, or without a way to an output) say nothing */
    struct pred_node *node;
    int m; /* edges between them, ascending by `to` */
    int32_t *from, *to;
    float side; /* log2 of the input's mean side */
    float ways[PRED_WAYS];
    int n_segments;   /* with a live node */
    int32_t *segment; /* ascending along `node` */
};

bool pred_has_weights(const struct pred_node *v);

/* ---- ways.c ---- */

/* Fills in net->ways from its nodes and edges. O(V + E). */
void pred_find_ways(struct pred_net *net);

/* ---- batch.c ---- */

enum pred_part { PART_P, PART_S, PART_C, PARTS };
enum {
    PRED_FEATURES = KINDS + LIGHTS + 1 + 4 + 2 + 4 + 3 + 2 + 4 + 4,
    PRED_GLOBALS = 3, /* of a part: groups, parameters, FLOPs */
};

/* The figures of a part are logarithms of 1 + its groups, parameters, FLOPs, in these units. */
extern const float pred_global_unit[PRED_GLOBALS];

/* Samples side by side: groups of all of them, edges between groups of one part only. */
struct pred_batch {
    int n_samples;
    VEC(float) x;           /* groups x PRED_FEATURES */
    VEC(int32_t) owner;     /* of a group: sample * PARTS + part */
    VEC(int32_t) from, to;  /* groups */
    VEC(float) in_w, out_w; /* of an edge: 1 / edges that arrive at `to`, that leave `from` */
    VEC(float) globals;     /* samples x PARTS x PRED_GLOBALS */
    VEC(float) ways;        /* samples x PRED_WAYS */
    VEC(int32_t) group_of;  /* of the last sample added: group of each node, -1: not kept */
};
void pred_batch_clear(struct pred_batch *b);
void pred_batch_done(struct pred_batch *b);
/* Adds a network cut into parts (part[i]: of node i). Groups of the parts in `keep` (bits) only;
 * what they say does not depend on the others, but for whether an edge leads there. O(nodes +
 * edges). */
enum { KEEP_ALL = (1 << PARTS) - 1 };
void pred_batch_add(struct pred_batch *b, const struct pred_net *net, const uint8_t *part,
                    unsigned keep);
/* The parts of window `len` segments wide from segment k on: what lies before is P, behind C. */
void pred_cut_segments(const struct pred_net *net, int k, int len, uint8_t *part);

/* ---- net.c ---- */

enum { NET_WIDTH = 48, NET_LAYERS = 4, NET_HIDDEN = 64, NET_TOP = 32 };
/* What is read of a part: sums and means over its groups, and its figures; of a sample: its parts,
 * and all of it as if it were one part. */
enum {
    PART_READ = 2 * NET_WIDTH + PRED_GLOBALS,
    WHOLE = PARTS,
    WAYS = (PARTS + 1) * PART_READ,
    NET_READ = WAYS + PRED_WAYS /* at most */
};

/* The size of a network for so many outputs, and where its matrices lie. */
struct net_shape {
    int outputs;
    bool one_way;                                    /* messages along edges only */
    bool ways;                                       /* reads the ways through a network */
    int read;                                        /* numbers read of a sample */
    int embed, layer[NET_LAYERS], hidden, top, head; /* offsets; the bias follows the matrix */
    int n;                                           /* parameters */
};
struct net_shape net_shape(int outputs, bool one_way, bool ways);
void net_init(const struct net_shape *s, float *w, struct rng *r);
/* The values a forward run leaves for the backward run; zero-initialised is empty. */
struct net_run {
    VEC(float) values;
    float *layer[NET_LAYERS + 1]; /* [h | mean of those before | mean of those behind] */
    float *read, *hidden, *top, *out, *scratch;
    VEC(int32_t) count; /* groups of each part of each sample */
};
void net_run_done(struct net_run *r);
/* r->read: samples x s->read, but for what follows from the parts; then from the parts in r->read
 * all of it, and r->out: samples x outputs. */
void net_encode(const struct net_shape *s, const float *w, const struct pred_batch *b,
                struct net_run *r);
void net_head(const struct net_shape *s, const float *w, int samples, struct net_run *r);
/* How many groups a part had, by its share of a row of r->read. */
double net_groups(const float *part);
/* Both. */
void net_forward(const struct net_shape *s, const float *w, const struct pred_batch *b,
                 struct net_run *r);
/* Adds d loss / d w to grad, for d_out = d loss / d out. */
void net_backward(const struct net_shape *s, const float *w, const struct pred_batch *b,
                  struct net_run *r, const float *d_out, float *grad);

#endif
