/* Statistics of small samples. */
#ifndef BASE_STAT_H
#define BASE_STAT_H

#include <stddef.h>

/* Ranks 1 .. n in the order of x; equal values share the mean of theirs. O(n log n). */
void stat_rank(const double *x, size_t n, double *rank);
/* Correlation of two samples of n; NaN where one of them is constant or n < 2. */
double stat_pearson(const double *x, const double *y, size_t n);
/* Kendall's tau-b: the share of pairs in the same order less that in opposite order, corrected for
 * ties; NaN as above. O(n log n) (Knight 1966). */
double stat_kendall(const double *x, const double *y, size_t n);
/* Pearson's correlation of the ranks. */
double stat_spearman(const double *x, const double *y, size_t n);

#endif
