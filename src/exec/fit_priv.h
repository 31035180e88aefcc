/* Inside of training: batches, loss, optimiser, adaptation. For src/exec and its tests only. */
#ifndef EXEC_FIT_PRIV_H
#define EXEC_FIT_PRIV_H

#include "base/rng.h"
#include "exec/train.h"

/* ---- batches ---- */

enum { IMAGE_CHANNELS = 3 };

/* How bytes become a network's input. */
struct image_view {
    int height, width, top, left; /* the image's place in the padded one */
    int shift;
    bool flip;
    float level[IMAGE_CHANNELS][256]; /* the normalised value of a byte */
};
/* `pad` as in fit_opts; mean and deviation of each channel are those of the n training images. */
void image_view_init(struct image_view *v, const struct images *d, int pad, const int *index,
                     int n);
/* n images, one after the other, into out. `augment` draws shifts and flips; NULL: as they are. */
void images_batch(const struct images *d, const struct image_view *v, bool test, const int *index,
                  int n, struct rng *augment, float *out);
int images_label(const struct images *d, bool test, int i);

/* ---- loss ---- */

/* What the network's last node makes of its class scores. */
enum loss_form { LOSS_SCORES, LOSS_PROBABILITIES, LOSS_LOG_PROBABILITIES };

/* The sum of the cross-entropies of n rows; *right receives how many rows have their label's score
 * as the largest. grad (may be NULL) receives the gradient of the mean. */
double loss_classify(enum loss_form form, const float *out, const int *label, int n, int classes,
                     float *grad, int *right);

/* ---- optimiser ---- */

struct sgd {
    double momentum, decay, clip; /* decay, clip: 0 is none */
    int n;
    float **speed; /* for each parameter; made by the first step */
};
/* One step of SGD with Nesterov momentum; returns the norm of the whole gradient before it is
 * clipped. The gradients are changed. */
double sgd_step(struct sgd *s, struct exec_param *const *p, int n, double lr);
void sgd_done(struct sgd *s);
/* Learning rate of step 0 .. steps-1: up from peak/25 in the first quarter, then down to zero,
 * both along a cosine. */
double one_cycle(double peak, int64_t step, int64_t steps);

/* The running mean of parameter values. */
struct average {
    int n;
    int64_t count;
    float **mean;
};
void average_add(struct average *a, struct exec_param *const *p, int n);
/* Puts the mean into the parameters; nothing when nothing was added. */
void average_apply(const struct average *a, struct exec_param *const *p);
void average_done(struct average *a);

/* ---- adaptation ---- */

struct fit_shape {
    int channels, height, width, classes;
};
/* A version of the network for these images, with a free batch; the text says what was changed. */
enum status fit_adapt(const struct graph *g, struct fit_shape s, uint64_t seed, struct graph **out,
                      char *text, size_t size, struct err *err);

/* ---- running statistics ---- */

struct bn_stats; /* of all normalisations of a graph */
/* A version whose normalisations keep nothing of the past, so that a run in EXEC_TRAIN leaves the
 * statistics of its batch. */
enum status bn_forget(const struct graph *g, struct graph **out, struct err *err);
struct bn_stats *bn_stats_new(const struct graph *g);
void bn_stats_free(struct bn_stats *s);
/* Counts in the statistics that a version of the graph has. */
void bn_stats_add(struct bn_stats *s, const struct graph *g);
/* A version of `trained` with the statistics of all that was added, and momenta as `like` has. */
enum status bn_stats_apply(const struct bn_stats *s, const struct graph *trained,
                           const struct graph *like, struct graph **out, struct err *err);

#endif
