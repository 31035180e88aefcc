/* The model behind pred.h, and what training and estimates share; for src/pred only. */
#ifndef PRED_MODEL_PRIV_H
#define PRED_MODEL_PRIV_H

#include "pred/pred_priv.h"

/* The mean of what the rounds made of each group, and the number of groups. */
enum { PRED_EMBEDDING = NET_WIDTH + 1 };

/* What a model knows of a table it was trained on. */
struct pred_scale {
    char name[64];
    struct pred_curve curve;
    float error, shift; /* 90 % of errors of estimates, of differences of two, are below; sigma */
    float rank; /* Spearman correlation of labels and estimates by members that left them out */
    float edge; /* distance below which 97.5 % of its networks lie */
    float centre[PRED_EMBEDDING], precision[PRED_EMBEDDING * PRED_EMBEDDING];
};
struct pred_model {
    enum pred_variant variant;
    struct net_shape shape;
    int members, tables;
    struct pred_scale *scale;
    float *w; /* members x shape.n */
};
struct pred_model *pred_model_new(enum pred_variant v, bool one_way, bool ways, int members,
                                  int tables);

/* The cuts of a network that its estimate is the mean of, `most` at most; for PSC the first is
 * none: all is S. */
struct pred_cuts {
    enum pred_variant variant;
    int most;
};
int pred_n_cuts(struct pred_cuts c, const struct pred_net *net);
float pred_cut_weight(struct pred_cuts c, const struct pred_net *net, int i); /* in that mean */
void pred_cut(struct pred_cuts c, const struct pred_net *net, int i, uint8_t *part);

/* By each of the sets of weights, which lie one behind the other: for each network the mean over
 * its cuts of all outputs (sets x n x outputs); and by the first set the embedding of one of the
 * cuts (n x PRED_EMBEDDING; may be NULL). */
void pred_run(struct pred_cuts c, const struct net_shape *s, const float *w, int sets,
              const struct pred_net *const *nets, int n, float *out, float *embedding);

/* For one sample's row of net_run.read with its parts: a table's output, by one member; makes the
 * row whole. Then the embedding that it tells. */
double pred_head(const struct pred_model *m, int member, float *read, int table);
void pred_embedding(const float *read, float *to);

/* Pairs of items[0 .. n-1] whose texts are equal but for one word, as indices into `items`. */
struct pred_pair {
    int a, b;
};
struct pred_pairs {
    struct pred_pair *at;
    size_t n, cap;
};
void pred_find_pairs(const struct pred_table *t, const int *items, int n, struct pred_pairs *out);

/* Fills in what scales say but for name and curve. fold[t][i] of item i of table t is the member
 * that did not learn from it, -1 where all did not. */
void pred_calibrate(struct pred_model *m, const struct pred_table *tables, int *const *fold);
/* The table whose networks are nearest, each in terms of its edge. */
int pred_nearest(const struct pred_model *m, const float *embedding);
double pred_distance(const struct pred_scale *s, const float *embedding);

/* n > 0. */
void pred_curve_fit(struct pred_curve *c, const double *acc, size_t n);

#endif
