/* What train and eval are told: tables of labels and how to learn from them. */
#ifndef CLI_LESSON_H
#define CLI_LESSON_H

#include "cli/cli_priv.h"
#include "pred/pred.h"

struct lesson {
    struct cli *c;
    struct bpe_vocab *vocab;
    int n;
    struct pred_table table[PRED_MAX_TABLES];
    const char *path[PRED_MAX_TABLES];
    int n_own; /* those of --labels come first; behind them those of --beside */
    struct pred_opts opts;
};

/* Reads the options and tables. lesson_done in either case. */
enum status lesson_begin(struct lesson *l, struct err *err);
void lesson_done(struct lesson *l);

/* clang-format off */
#define LESSON_OPTIONS                                                                             \
    {"--labels", "-l", "CSV", "a table of labels, one of each family (repeatable): columns arch, " \
                              "acc, perhaps group, as autogo label and labels import write"},      \
    {"--variant", NULL, "V", "psc (all cuts of a network; default), psc-1to1 (one cut), gnn "      \
                             "(uncut)"},                                                           \
    {"--members", NULL, "K", "networks in the ensemble (5)"},                                      \
    {"--steps", NULL, "N", "steps of 32 networks for each member (by the number of labels)"},      \
    {"--reference", NULL, NULL, "train as the paper does: messages one way, squared error alone, " \
                                "a constant rate of 1e-4"}
/* clang-format on */

#endif
