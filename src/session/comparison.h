/* Two networks side by side: what differs node by node, and what both cost. Thread-safe. */
#ifndef SESSION_COMPARISON_H
#define SESSION_COMPARISON_H

#include "bpe/bpe.h"
#include "cost/cost.h"
#include "cost/npu.h"
#include "dot/dot.h"
#include "pred/pred.h"

/* ---- node by node ---- */

enum comparison_kind {
    COMPARISON_REMOVED,
    COMPARISON_ADDED,
    COMPARISON_RESIZED, /* an output has another type, or a weight another shape */
    COMPARISON_CHANGED, /* otherwise: attributes, weights, or what it reads */
    COMPARISON_KINDS
};
const char *comparison_kind_name(enum comparison_kind k);

struct comparison_row {
    enum comparison_kind kind;
    int32_t id[2]; /* before, after; -1: not there */
};
struct comparison {
    struct graph *g[2]; /* references: before, after */
    int32_t n_same;     /* graph_diff_init's */
    struct graph_diff diff;
    struct comparison_row *row; /* in the order of graph_merge */
    int n_row;
    int count[COMPARISON_KINDS];
    enum dot_mark *mark[2]; /* per slot */
    bool equal;             /* isomorphic, whatever nodes were exchanged */
};
/* O((V + E) log V). comparison_done it. */
void comparison_init(struct comparison *c, const struct graph *a, const struct graph *b,
                     int32_t n_same);
void comparison_done(struct comparison *c);

/* What a row tells of a node; "" where there is nothing to tell. */
struct comparison_cells {
    char op[48];     /* "Conv", "DWConv" */
    char kernel[64]; /* "3x3x64/2 d2 g4": with the channels it reads */
    char width[24];  /* channels of the output: "64" */
    char shape[128]; /* of the output: "Nx64x56x56" */
};
void comparison_cells(const struct graph *g, int32_t id, struct comparison_cells *out);

/* ---- what they cost ---- */

enum comparison_metric {
    METRIC_ACC,
    METRIC_PARAMS,
    METRIC_FLOPS,
    METRIC_FLOPS_PAPER,
    METRIC_MEMORY,
    METRIC_CYCLES,
    METRIC_ENERGY,
    METRIC_LATENCY, /* on one thread */
    METRIC_LATENCY_ALL,
    METRICS
};
struct comparison_costs {
    double value[METRICS][2]; /* NAN: not known. Accuracy: 0 .. 1; energy: uJ; latency: ms */
    int threads;              /* of METRIC_LATENCY_ALL */
    bool incomplete;          /* unknown shapes or operators: lower bounds */
    char npu[64];             /* the accelerator; "": none */
    char table[64];           /* whose scale the accuracy is on; "": there is no predictor */
    bool has_delta, has_interval;
    struct pred_delta delta; /* of the accuracy; low and high with has_interval */
};
/* Lent; NULL where there is none. */
struct comparison_tools {
    const struct pred_model *pred;
    const struct bpe_vocab *vocab; /* for estimates of whole networks */
    const struct npu_preset *npu;
    int threads;
};
/* Measured times are those that were kept (exec/timing.h): nothing is measured here. */
void comparison_measure(const struct comparison *c, const struct comparison_tools *tools,
                        struct comparison_costs *out);

/* "FLOPs (2 x MACs)", "latency, 2 threads"; into buf, returned. */
const char *comparison_metric_name(const struct comparison_costs *m, enum comparison_metric k,
                                   char *buf, size_t size);
const char *comparison_metric_key(enum comparison_metric k); /* "flops" */
/* A value with its unit, or "unknown", "not measured". */
const char *comparison_value(const struct comparison_costs *m, enum comparison_metric k, int side,
                             char *buf, size_t size);
/* "+1.2 M", of the accuracy with its interval; "" when one of the two is not known. */
const char *comparison_change(const struct comparison_costs *m, enum comparison_metric k, char *buf,
                              size_t size);
/* "+3.4 %"; "" where that says nothing. */
const char *comparison_percent(const struct comparison_costs *m, enum comparison_metric k,
                               char *buf, size_t size);
/* -1: after is better, 1: worse, 0: neither or not known. */
int comparison_verdict(const struct comparison_costs *m, enum comparison_metric k);
/* Times on all threads that nobody measured are no row. */
bool comparison_shown(const struct comparison_costs *m, enum comparison_metric k);

/* ---- in words ---- */

/* What the two are called on a page. */
struct comparison_said {
    const char *title, *name, *note; /* name and note: "" for none */
};
/* One self-contained page. `layout`: both whole (dot_layout_pair_init), or NULL, and `why_not`. */
void comparison_page(const struct comparison *c, const struct comparison_costs *m,
                     const struct dot_layout *layout, const char *why_not, const char *model,
                     const struct comparison_said said[2], struct str *out);

#endif
