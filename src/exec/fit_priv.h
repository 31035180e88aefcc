/* Inside of training: batches, tasks, loss, optimiser, adaptation. For src/exec and its tests only.
 */
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
/* Bytes of an image, channels first; borrowed. */
const unsigned char *images_pixels(const struct images *d, bool test, int i);
int images_label(const struct images *d, bool test, int i);

/* ---- loss ---- */

/* What the network's last node makes of its class scores. */
enum loss_form { LOSS_SCORES, LOSS_PROBABILITIES, LOSS_LOG_PROBABILITIES };

/* The sum of the cross-entropies of n rows; *right receives how many rows have their label's score
 * as the largest. grad (may be NULL) receives the gradient of the mean. */
double loss_classify(enum loss_form form, const float *out, const int *label, int n, int classes,
                     float *grad, int *right);

/* ---- tasks ---- */

/* What one batch, or all of a test set, has given; see struct task. */
enum { SCORE_CLASSES = 257 }; /* 256 labels and the ground */
struct score {
    double loss; /* sum over n samples */
    int64_t n;
    double sum; /* of the metric's terms */
    int64_t terms;
    int64_t both[SCORE_CLASSES], said[SCORE_CLASSES], true_[SCORE_CLASSES]; /* pixels; segment */
};

enum { KEYPOINTS = 5, CANVAS_MOST = 4 };
/* An image's place on a canvas, and its points (x, y): top, bottom, left, right, centre. */
struct garment {
    int index; /* image of the set */
    int top, left;
    int size; /* the longer side of what is not ground */
    float x[KEYPOINTS], y[KEYPOINTS];
};
struct canvas {
    int n;
    struct garment at[CANVAS_MOST];
};

struct maps {
    int channels, height, width;
};

/* The samples of a task: how images become inputs and wanted outputs. Buffers hold one batch. */
struct task_data {
    const struct task *task;
    const struct images *d;
    struct images_info info;
    struct image_view view;
    uint64_t seed;      /* of noise and canvases */
    const int *pool[2]; /* images that canvases are made of: training, test */
    int n_pool[2];
    struct maps in, out; /* of the network; `out` of FIT_KEYPOINTS is known after adaptation */
    enum loss_form form; /* classify */
    int *label;          /* classify: one; segment: one for each pixel */
    float *target;       /* sr, denoise, keypoints: like the output */
    float *given;        /* sr, denoise: the last batch's inputs, borrowed; for the baseline */
    struct canvas *canvas;
};

/* A row of the table of tasks. */
struct task {
    struct fit_task_info info;
    bool adam;
    bool classes; /* answers are numbers of classes (task_data.label), else maps (target) */
    bool canvas;
    double decay; /* when the options say nothing */
    /* Sizes of input and output; ST_UNSUPPORTED: the images are of no use for the task. */
    enum status (*open)(struct task_data *t, struct err *err);
    enum status (*adapt)(const struct graph *g, const struct task_data *t, uint64_t seed,
                         struct graph **out, struct str *text, struct err *err);
    /* n samples into x and the buffers. `draw`: 0 always the same ones, else those of this draw. */
    void (*batch)(struct task_data *t, bool test, const int *index, int n, struct rng *augment,
                  uint64_t draw, float *x);
    /* Adds to the score; returns the sum of the losses. grad (may be NULL) receives the gradient of
     * the mean. */
    double (*loss)(const struct task_data *t, const float *out, int n, float *grad,
                   struct score *s);
    double (*value)(const struct score *s); /* the metric */
    /* Adds the trivial answer to the batch to a score, metric only; NULL: the largest class. */
    void (*trivial)(struct task_data *t, int n, struct score *s);
};
const struct task *task_of(enum fit_task task);

/* task_image.c: sr and denoise */
enum status task_sr_open(struct task_data *t, struct err *err);
enum status task_denoise_open(struct task_data *t, struct err *err);
void task_sr_batch(struct task_data *t, bool test, const int *index, int n, struct rng *augment,
                   uint64_t draw, float *x);
void task_denoise_batch(struct task_data *t, bool test, const int *index, int n,
                        struct rng *augment, uint64_t draw, float *x);
double task_image_loss(const struct task_data *t, const float *out, int n, float *grad,
                       struct score *s);
void task_sr_trivial(struct task_data *t, int n, struct score *s);
void task_denoise_trivial(struct task_data *t, int n, struct score *s);

/* task_canvas.c: segment and keypoints */
enum { GROUND_BELOW = 16 }; /* darker bytes are ground */
/* Canvas `id`: two to four images of the pool, one in each of four cells. */
void canvas_make(const struct task_data *t, bool test, int id, struct rng *augment,
                 struct canvas *c, bool *flip);
enum status task_segment_open(struct task_data *t, struct err *err);
enum status task_keypoints_open(struct task_data *t, struct err *err);
void task_segment_batch(struct task_data *t, bool test, const int *index, int n,
                        struct rng *augment, uint64_t draw, float *x);
void task_keypoints_batch(struct task_data *t, bool test, const int *index, int n,
                          struct rng *augment, uint64_t draw, float *x);
double task_segment_loss(const struct task_data *t, const float *out, int n, float *grad,
                         struct score *s);
double task_segment_value(const struct score *s);
void task_segment_trivial(struct task_data *t, int n, struct score *s);
double task_keypoints_loss(const struct task_data *t, const float *out, int n, float *grad,
                           struct score *s);
void task_keypoints_trivial(struct task_data *t, int n, struct score *s);

/* ---- optimiser ---- */

struct sgd {
    double momentum, decay, clip; /* decay, clip: 0 is none */
    bool adam;                    /* Adam instead of SGD */
    int n;
    int64_t steps;           /* Adam */
    float **speed, **square; /* for each parameter; made by the first step */
};
void sgd_open(struct sgd *s, struct exec_param *const *p, int n);
/* One step of SGD with Nesterov momentum, or of Adam; returns the norm of the whole gradient before
 * it is clipped. The gradients are changed. */
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
void average_open(struct average *a, struct exec_param *const *p, int n);
void average_add(struct average *a, struct exec_param *const *p, int n);
/* Puts the mean into the parameters; nothing when nothing was added. */
void average_apply(const struct average *a, struct exec_param *const *p);
void average_done(struct average *a);

/* ---- adaptation ---- */

struct fit_shape {
    int channels, height, width, classes;
};
struct adapt {
    const struct graph *g;
    struct graph_edit *e;
    struct fit_shape want;
    uint64_t seed;
    struct str text;
    struct err *err;
};
/* Shared by the adaptations: all convolutions that the images reach as they are, unless they fit;
 * `ends` (or NULL), for each slot: an Add that the images may reach besides. */
enum status adapt_channels(struct adapt *a, int32_t input, const bool *ends);
void adapt_say(struct adapt *a, const char *node, int64_t before, int64_t after, const char *what);
enum status adapt_refuse(struct adapt *a, int32_t node, const char *why);
/* Gives the input its shape with a free batch. */
enum status adapt_input(struct adapt *a, int32_t input);
/* Freezes and infers; the edit is used up. */
enum status adapt_finish(struct adapt *a, enum status st, struct graph **out);
/* One input, one output. */
enum status adapt_ends(struct adapt *a, const char *what, int32_t *input, int32_t *output);
/* A network from images to images of the wanted sizes. adapt_image.c */
enum status adapt_image(const struct graph *g, const struct task_data *t, uint64_t seed,
                        struct graph **out, struct str *text, struct err *err);
/* A backbone with a head. adapt_head.c */
enum status adapt_segment(const struct graph *g, const struct task_data *t, uint64_t seed,
                          struct graph **out, struct str *text, struct err *err);
enum status adapt_keypoints(const struct graph *g, const struct task_data *t, uint64_t seed,
                            struct graph **out, struct str *text, struct err *err);
/* What the network gives for each image; false: it is no map with known sizes. */
bool adapt_output(const struct graph *g, struct maps *out);
/* A version of the network for these images, with a free batch; the text says what was changed. */
enum status fit_adapt(const struct graph *g, struct fit_shape s, uint64_t seed, struct graph **out,
                      char *text, size_t size, struct err *err);

/* ---- checkpoints ---- */

/* What a checkpoint has, all of it changed in place by checkpoint_read. */
struct checkpoint {
    uint64_t recipe; /* of options, images and network: must be the same */
    int n_epochs, done;
    struct fit_epoch *epoch; /* n_epochs, the first `done` are filled */
    struct exec *e;
    struct exec_param *const *param;
    int n_param;
    struct sgd *sgd;
    struct average *average;
};
enum status checkpoint_write(const struct checkpoint *c, const char *path, struct err *err);
/* Nothing is changed when it fails. `done` stays 0 when there is no such file. */
enum status checkpoint_read(struct checkpoint *c, const char *path, struct err *err);

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
