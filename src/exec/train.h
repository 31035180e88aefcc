/* Training on real images: data sets, tasks with their losses and metrics, SGD and Adam,
 * checkpoints.
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

/* ---- tasks ---- */

/* What a network is trained for. All are made of the same labelled images. */
enum fit_task {
    FIT_CLASSIFY,
    FIT_SR,       /* twice the resolution: the halved image in, the image out */
    FIT_DENOISE,  /* the image with Gaussian noise in, the image out */
    FIT_SEGMENT,  /* several images on one canvas in, the class of each of its pixels out */
    FIT_KEYPOINTS /* the same canvas in, a heat map of each kind of point out */
};
enum { FIT_TASKS = FIT_KEYPOINTS + 1 };
struct fit_task_info {
    const char *name;   /* "classify" */
    const char *metric; /* "accuracy", "psnr" ...; larger is better */
    const char *unit;   /* "%": the metric is a share, 0 to 1; "dB" */
    const char *help;
    double lr; /* peak of the learning rate */
    int batch;
};
const struct fit_task_info *fit_task_info(enum fit_task task);
/* false: there is no task of this name. */
bool fit_task_find(const char *name, enum fit_task *out);

/* ---- fitting ---- */

struct fit_epoch {
    int epoch;
    double loss, train_value, test_value, test_loss, seconds; /* values of the task's metric */
};
struct fit_opts {
    enum fit_task task;
    int epochs;
    int n_train; /* images (or canvases) used of the training set, the first ones of a seeded order;
                    0: all */
    int n_test;  /* 0: all */
    int batch;   /* 0: the task's */
    double lr;   /* peak of a one-cycle schedule, to zero at the end; 0: the task's */
    double momentum; /* 0: 0.9 */
    double decay;    /* 0: 5e-4 for SGD, none for Adam; negative: none */
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
    /* Written after each epoch (atomically). When it is there already, training goes on from it and
     * ends with the same bytes as without a break; ST_MODEL: it is damaged, ST_USAGE: it is of
     * another network, other images or other options. NULL: none. */
    const char *checkpoint;
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
    double value, loss;      /* metric and loss on the test images, after the last epoch */
    double baseline; /* the metric of a trivial answer: the most frequent class, bilinear upscaling,
                        the noisy image, ground everywhere, each point's mean place */
    int batch;       /* as it was used */
    double lr;       /* as it was used */
    double seconds;  /* of all epochs, also of those before a break */
    int resumed;     /* epochs that the checkpoint had */
    struct graph *trained; /* with its weights and running statistics */
    char adapted[256];     /* what was changed so that the network fits the task; "" nothing */
};
/* Training starts from the weights that the network has. It is adapted to the task first: first
 * convolutions and the last layer to the data's channels and classes; for FIT_SEGMENT and
 * FIT_KEYPOINTS what follows the last feature map is replaced by a head, unless the network gives
 * maps already. ST_UNSUPPORTED: the network does not fit the task. ST_CANCELLED leaves nothing
 * behind but the checkpoint. A loss that is no number ends the run: ST_NO. */
enum status fit_run(const struct graph *g, const struct images *d, const struct fit_opts *opts,
                    struct fit_result *out, struct err *err);
void fit_result_done(struct fit_result *r);

#endif
