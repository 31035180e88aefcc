/* Training on real images: data sets, augmentation, losses and metrics, SGD, checkpoints.
 * The same network, options and seed give the same bytes on one machine and thread count. */
#ifndef EXEC_TRAIN_H
#define EXEC_TRAIN_H

#include "exec/exec.h"

/* ---- images ---- */

struct images; /* opaque: labelled images in memory, bytes 0..255, channels first */
/* A folder of IDX files (train-images-idx3-ubyte[.gz] ...) or of CIFAR-10's binary batches; NULL:
 * Fashion-MNIST where the system has it. ST_IO when there is none; ST_MODEL: a file is damaged. */
enum status images_open(struct images **out, const char *dir, struct err *err);
void images_free(struct images *d);
struct images_info {
    const char *name;
    int channels, height, width, classes;
    int n_train, n_test;
};
struct images_info images_info(const struct images *d);

/* ---- fitting ---- */

struct fit_epoch {
    int epoch;
    double loss, train_acc, test_acc, test_loss, seconds;
};
struct fit_opts {
    int epochs;
    int n_train;     /* images used of the training set, the first ones of a seeded order; 0: all */
    int n_test;      /* 0: all */
    int batch;       /* 0: 64 */
    double lr;       /* peak of a one-cycle schedule, to zero at the end; 0: 0.05 */
    double momentum; /* Nesterov; 0: 0.9 */
    double decay;    /* 0: 5e-4; negative: none */
    double clip;     /* norm of the gradient; 0: 5; negative: none */
    int pad;         /* black pixels on each side; 0: to the next power of two; -1: none */
    int shift;       /* augmentation: so many pixels at most, at random */
    bool flip;       /* augmentation: left and right at random */
    /* Before each evaluation the running statistics are computed anew over so many images, so that
     * short runs do not depend on the momentum of the normalisations; 0: no. */
    int bn_images;
    double average; /* the result has the mean weights of this share of the last steps; 0: none */
    uint64_t seed;  /* order of the images, augmentation, fresh weights of adapted nodes */
    uint64_t data_seed; /* which n_train images: equal for runs that are to be compared */
    int threads;
    const int *cancel;
    /* After each step, on the calling thread. */
    void (*step)(void *arg, int done, int total);
    /* After each epoch, on the calling thread. */
    void (*progress)(void *arg, const struct fit_epoch *e);
    void *arg;
};
struct fit_result {
    int n_epochs;
    struct fit_epoch *epoch; /* caller frees with fit_result_done */
    double acc, loss;        /* on the test images, after the last epoch (0..1; cross-entropy) */
    double seconds;
    struct graph *trained; /* with its weights and running statistics */
    char adapted[256];     /* what was changed so that the network fits the data; "" nothing */
};
/* Classification. The first convolution and the last matrix are adapted to the data's channels and
 * classes when they differ. ST_CANCELLED leaves nothing behind. A loss that is no number ends the
 * run: ST_NO. */
enum status fit_classify(const struct graph *g, const struct images *d, const struct fit_opts *opts,
                         struct fit_result *out, struct err *err);
void fit_result_done(struct fit_result *r);

#endif
