/* The predictor: how accurate a network will be, and what a replacement does to that.
 *
 * A graph network reads a network cut into Predecessor, Segment and suCcessor (PSC; AutoGO, section
 * 4.2), each encoded by itself with shared weights, and estimates the accuracy that labelled tables
 * report. One model has an output for each table it was trained on, and several members that were
 * trained on different shares of the labels: their mean is the estimate. What the shares left out
 * calibrates the intervals (cross-conformal, Vovk 2015). A network that lies far from a table's
 * networks is out of its distribution: then the estimate is only an order, in units of the table's
 * spread ("sigma").
 *
 * A model is immutable once made and may be shared by threads, and so may a struct pred_net.
 * Failure: err.h. */
#ifndef PRED_PRED_H
#define PRED_PRED_H

#include "base/vec.h"
#include "bpe/bpe.h"

/* A network as the predictor sees it, cut as the segmentation says (NULL: one segment). The graph
 * need not outlive it. O((V + E) log E). */
struct pred_net;
struct pred_net *pred_net_new(const struct graph *g, const struct bpe_segmentation *s);
void pred_net_free(struct pred_net *net); /* NULL is fine */

/* ---- labels ---- */

/* Accuracies as normal scores: sigma 0 is the median of a table, 1 what 84 % are below. Knots lie
 * PRED_KNOT_STEP apart around 0, between them logits are linear, so that a table whose accuracies
 * crowd near its best has as much room for its order there as elsewhere. */
enum { PRED_KNOTS = 17 };
#define PRED_KNOT_STEP 0.25
struct pred_curve {
    float logit[PRED_KNOTS]; /* ascending */
};
double pred_sigma(const struct pred_curve *c, double acc);
double pred_acc(const struct pred_curve *c, double sigma);

enum pred_use { PRED_LEARN, PRED_TEST, PRED_LEFT };

/* Networks with measured accuracy, of one family, data set and recipe. */
struct pred_item {
    char *spec; /* the architecture's text, whole */
    struct pred_net *net;
    double acc;        /* 0 .. 1, the mean of its rows */
    uint64_t group;    /* equal for networks that compute the same function: never split */
    enum pred_use use; /* LEFT: neither learnt from nor tested on */
};
struct pred_table {
    char *name; /* "nb201@s" */
    VEC(struct pred_item) item;
    double noise;            /* deviation of an accuracy from one run to another; 0: not known */
    struct pred_curve curve; /* of what is learnt; set by pred_train */
};
/* Reads a table of labels (columns arch and acc, 0 .. 1; perhaps group; a network may have several
 * rows) and builds its networks, on `threads` threads; the name is that of the family. ST_USAGE: it
 * is no such table; ST_CANCELLED. */
enum status pred_table_read(struct pred_table *t, const char *path, const struct bpe_vocab *v,
                            int threads, const int *cancel, struct err *err);
void pred_table_done(struct pred_table *t);
/* Where a group falls for a seed, 0 .. 1; independent of all other groups. */
double pred_split(uint64_t group, uint64_t seed);

/* ---- training ---- */

enum pred_variant {
    PRED_PSC,      /* all cuts of each network */
    PRED_PSC_1TO1, /* one cut of each */
    PRED_GNN,      /* the whole network, uncut */
};
enum { PRED_VARIANTS = PRED_GNN + 1 };
const char *pred_variant_name(enum pred_variant v); /* "psc", "psc-1to1", "gnn" */
bool pred_variant_find(const char *name, enum pred_variant *out);

struct pred_opts {
    enum pred_variant variant;
    bool reference; /* as the paper trains: messages one way, squared error alone, constant rate */
    int members;    /* 2 .. PRED_MAX_MEMBERS; 0: 5 */
    int steps;      /* of 32 networks; 0: by the number of networks */
    uint64_t seed;
    int threads; /* members are trained side by side; the result does not depend on it */
    const int *cancel;
    /* Called on the caller's thread as all members advance, by steps; may be NULL. */
    void (*progress)(void *arg, int done, int total);
    void *progress_arg;
};
enum { PRED_MAX_MEMBERS = 16, PRED_MAX_TABLES = 64 };

struct pred_model; /* opaque */

/* Learns from PRED_LEARN items. Tables keep their items; their curves are set. Where no table has
 * more than 200 of them it also reads the ways through a network (ways.c). ST_USAGE: a table has
 * fewer than 20 networks to learn from. */
enum status pred_train(struct pred_model **out, struct pred_table *tables, int n,
                       const struct pred_opts *opts, struct err *err);
void pred_model_free(struct pred_model *m); /* NULL is fine */
enum status pred_model_save(const struct pred_model *m, const char *path, struct err *err);
/* ST_MODEL: the file is truncated, damaged, none of ours, or of a newer version. */
enum status pred_model_load(struct pred_model **out, const char *path, struct err *err);
int pred_model_n_tables(const struct pred_model *m);
const char *pred_model_table(const struct pred_model *m, int t);
int pred_model_find(const struct pred_model *m, const char *table); /* -1: none of this name */
/* Spearman correlation of a table's labels with the estimates of the members that did not learn
 * from them; NaN: all are equal. */
double pred_model_rank(const struct pred_model *m, int t);
enum pred_variant pred_model_variant(const struct pred_model *m);

/* ---- estimates ---- */

struct pred_estimate {
    int table;             /* whose scale this is in */
    bool in_distribution;  /* else only `sigma` means something */
    double sigma;          /* on the table's curve */
    double acc, low, high; /* 0 .. 1; the interval covers 90 % of such networks */
    double distance;       /* of the embedding, 1 at the edge of the distribution */
};
/* How many cuts of a network are looked at. PRED_QUICK is three eighths of the work; on the front
 * of a search from ResNet-50 (11 networks, -.14 to +.54 sigma) its changes differ from those of all
 * cuts by .023 sigma (root mean square), .037 at most. */
enum { PRED_CUTS = 8, PRED_QUICK = 3 };
/* Networks, each as the mean over its cuts. `table` -1: for each the nearest one. */
void pred_networks(const struct pred_model *m, const struct pred_net *const *nets, int n, int table,
                   int threads, int cuts, struct pred_estimate *out);

/* How good the estimates are on a table's PRED_TEST items. NaN: nothing to say it from. */
struct pred_score {
    int n;
    double srcc, kendall;   /* of estimates and labels */
    double error;           /* mean, of the accuracy */
    double coverage, width; /* of the 90 % intervals: share of labels inside, mean width */
    double in_distribution; /* share */
    int pairs, clear_pairs; /* of networks that differ by one operation; by more than chance */
    double delta_srcc;      /* of estimated and measured differences of the pairs */
    double delta_sign;      /* share of the clear pairs with the right sign */
};
void pred_evaluate(const struct pred_model *m, int table, const struct pred_table *t, int threads,
                   struct pred_score *out);

/* What a replacement does. The source network is encoded once; of the network after only those
 * parts are that differ. A source is immutable, refcounted, and may be shared by threads; the model
 * stays borrowed. */
struct pred_source;
/* `segment`: the nodes of `g` that are to be replaced; `order`, a segmentation's, of all nodes says
 * what lies before and behind them. `table` -1: the nearest one. */
struct pred_source *pred_source_new(const struct pred_model *m, const struct graph *g,
                                    const int32_t *order, const int32_t *segment, int n, int table);
struct pred_source *pred_source_ref(struct pred_source *s);
void pred_source_unref(struct pred_source *s);             /* NULL is fine */
const char *pred_source_name(const struct pred_source *s); /* of the table; the model's */
struct pred_delta {
    bool in_distribution;    /* before and after */
    double delta, low, high; /* of the accuracy, 0 .. 1; in sigma when out of distribution */
};
/* `after` is a later version of the source's graph: every node of it that the source does not have,
 * or has in its segment, is of the segment. */
void pred_replacement(const struct pred_source *s, const struct graph *after,
                      struct pred_delta *out);

/* How much each node of `after` moves the estimate of it: the estimate less that without what is
 * known of the node's group (occlusion: Zeiler and Fergus 2014), in sigma. `weight` has
 * graph_n_slots numbers; nodes that say nothing get 0. O(nodes x network). ST_CANCELLED. */
enum status pred_why(const struct pred_source *s, const struct graph *after, const int *cancel,
                     float *weight, struct err *err);

#endif
