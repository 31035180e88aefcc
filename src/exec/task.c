/* The table of tasks, and classification, the task of a network as it is. */
#include "exec/fit_priv.h"

#include "base/mem.h"

#include <string.h>

static enum status classify_open(struct task_data *t, struct err *err)
{
    (void)err;
    t->in = (struct maps){t->info.channels, t->view.height, t->view.width};
    t->out = (struct maps){t->info.classes, 1, 1};
    return ST_OK;
}

static enum status classify_adapt(const struct graph *g, const struct task_data *t, uint64_t seed,
                                  struct graph **out, struct str *text, struct err *err)
{
    struct fit_shape s = {t->in.channels, t->in.height, t->in.width, t->info.classes};
    char what[256];
    TRY(fit_adapt(g, s, seed, out, what, sizeof what, err));
    str_add(text, what);
    return ST_OK;
}

static void classify_batch(struct task_data *t, bool test, const int *index, int n,
                           struct rng *augment, uint64_t draw, float *x)
{
    (void)draw;
    images_batch(t->d, &t->view, test, index, n, augment, x);
    for (int i = 0; i < n; i++)
        t->label[i] = images_label(t->d, test, index[i]);
}

static double classify_loss(const struct task_data *t, const float *out, int n, float *grad,
                            struct score *s)
{
    int right;
    double loss = loss_classify(t->form, out, t->label, n, t->info.classes, grad, &right);
    s->loss += loss;
    s->n += n;
    s->sum += right;
    s->terms += n;
    return loss;
}

static double mean_of_terms(const struct score *s)
{
    return s->terms ? s->sum / (double)s->terms : 0;
}

/* Images to images: the number of steps counts. Test PSNR after four passes with a rate of .001 and
 * batches of 64, with .003 and 16: fsrcnn over 5,000 images 18.8, 22.1 (bilinear: 18.9); edsr over
 * 1,000 20.0, 23.9; unet over 600 noisy ones 23.7, 26.1. */
static const struct task tasks[FIT_TASKS] = {
    [FIT_CLASSIFY] = {.info = {"classify", "accuracy", "%", "the class of an image", 0.05, 64},
                      .classes = true,
                      .decay = 5e-4,
                      .open = classify_open,
                      .adapt = classify_adapt,
                      .batch = classify_batch,
                      .loss = classify_loss,
                      .value = mean_of_terms},
    [FIT_SR] = {.info = {"sr", "psnr", "dB", "twice the resolution", 3e-3, 16},
                .adam = true,
                .open = task_sr_open,
                .adapt = adapt_image,
                .batch = task_sr_batch,
                .loss = task_image_loss,
                .value = mean_of_terms,
                .trivial = task_sr_trivial},
    [FIT_DENOISE] = {.info = {"denoise", "psnr", "dB", "the image without its noise", 3e-3, 16},
                     .adam = true,
                     .open = task_denoise_open,
                     .adapt = adapt_image,
                     .batch = task_denoise_batch,
                     .loss = task_image_loss,
                     .value = mean_of_terms,
                     .trivial = task_denoise_trivial},
    [FIT_SEGMENT] = {.info = {"segment", "miou", "%", "the class of each pixel of a canvas", 0.05,
                              64},
                     .classes = true,
                     .canvas = true,
                     .decay = 5e-4,
                     .open = task_segment_open,
                     .adapt = adapt_segment,
                     .batch = task_segment_batch,
                     .loss = task_segment_loss,
                     .value = task_segment_value,
                     .trivial = task_segment_trivial},
    [FIT_KEYPOINTS] = {.info = {"keypoints", "pck", "%", "points of the garments on a canvas", 2e-3,
                                64},
                       .adam = true,
                       .canvas = true,
                       .open = task_keypoints_open,
                       .adapt = adapt_keypoints,
                       .batch = task_keypoints_batch,
                       .loss = task_keypoints_loss,
                       .value = mean_of_terms,
                       .trivial = task_keypoints_trivial},
};

const struct task *task_of(enum fit_task task)
{
    return &tasks[task];
}

const struct fit_task_info *fit_task_info(enum fit_task task)
{
    return &tasks[task].info;
}

bool fit_task_find(const char *name, enum fit_task *out)
{
    for (int i = 0; i < FIT_TASKS; i++)
        if (strcmp(tasks[i].info.name, name) == 0) {
            *out = (enum fit_task)i;
            return true;
        }
    return false;
}
