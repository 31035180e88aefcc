/* Options of training that fit and label share. */
#ifndef CLI_FIT_OPTIONS_H
#define CLI_FIT_OPTIONS_H

#include "cli/cli_priv.h"
#include "exec/train.h"

/* Rows of a table of options. */
#define FIT_OPTIONS(epochs, images, batch, lr, bn, average)                                 \
    {"--data", NULL, "DIR", "IDX files or CIFAR-10's binary batches (Fashion-MNIST)"},      \
        {"--epochs", NULL, "E", "passes over the images (" epochs ")"},                     \
        {"--images", NULL, "N", "training images used (" images ")"},                       \
        {"--test-images", NULL, "N", "test images used (all)"},                             \
        {"--batch", NULL, "N", "images in a step (" batch ")"},                             \
        {"--lr", NULL, "X", "peak of the learning rate (" lr ")"},                          \
        {"--shift", NULL, "N", "move images by up to N pixels at random"},                  \
        {"--flip", NULL, NULL, "mirror images at random"},                                  \
        {"--bn-images", NULL, "N",                                                          \
         "compute normalisation statistics anew over N images before each test (" bn ")"},  \
    {                                                                                       \
        "--average", NULL, "SHARE",                                                         \
            "the result has the mean weights of this share of the last steps (" average ")" \
    }

/* Changes what is given on the command line, leaves the rest. */
enum status fit_options_read(const struct cli *c, struct fit_opts *o, struct err *err);
/* --task, if it is given. */
enum status fit_task_read(const struct cli *c, enum fit_task *task, struct err *err);

#endif
