/* How well a table's labels repeat: the ceiling for whatever learns from them.
 *
 * A network that was trained with 2k seeds has two labels that nothing but chance tells apart: the
 * means of its first and of its last k rows, by seed. Their Spearman correlation over the networks
 * is the test-retest reliability of a label that is the mean of k runs. */
#ifndef CLI_LABEL_RETEST_H
#define CLI_LABEL_RETEST_H

#include "base/err.h"

struct label_retest {
    int networks;     /* with at least 2k rows; 0: nothing can be said */
    int seeds;        /* k, the largest that any network has rows for */
    double acc, loss; /* Spearman of the accuracies, of the cross-entropies; NaN: all are equal */
};
/* `path`: a table of `autogo label`. ST_USAGE: it is none. O(rows log rows). */
enum status label_retest_read(const char *path, struct label_retest *out, struct err *err);

#endif
