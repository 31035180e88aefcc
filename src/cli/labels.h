/* Measured scores of networks from a CSV file, as weights for mining.
 *
 * The file has a header line with the columns `arch` and the score; fields may be quoted as in
 * RFC 4180. `arch` is the source's text; published tables of NAS-Bench-201 and -101 leave out the
 * family and give an operation one letter ("|nor_conv_3x3~0|+...", "4|110101|cm"): both are read.
 * A network that comes twice has the mean of its scores; an empty score is none. */
#ifndef CLI_LABELS_H
#define CLI_LABELS_H

#include "base/err.h"

/* How much a network counts: 1 for the worst to LABELS_BEST for the best labelled one of its
 * family, evenly by rank (equal scores share theirs). One without a label says nothing, so it
 * counts as one from the middle. */
enum { LABELS_MIDDLE = 5, LABELS_BEST = 10 };

/* times[n] for the specs; *labelled receives how many of them the file knows. Larger scores are
 * better. ST_USAGE: a column is missing, a score is no number (line named), no network is known. */
enum status labels_read(const char *path, const char *score, const char *const *specs, int n,
                        int *times, int *labelled, struct err *err);

#endif
