/* Pareto fronts: points of 1 to FRONT_GOALS numbers, each the smaller the better; point i of an
 * array is v[i * m] .. v[i * m + m - 1]. */
#ifndef SEARCH_FRONT_H
#define SEARCH_FRONT_H

#include <stdbool.h>

enum { FRONT_GOALS = 4 };

/* Whether a is nowhere worse than b and somewhere better. */
bool front_dominates(const double *a, const double *b, int m);
/* rank[i]: 0 for points that nothing dominates, 1 for those that only rank 0 dominates ... (Deb et
 * al. 2002, fast non-dominated sort). O(m n^2): n is a population and its children. */
void front_rank(const double *v, int n, int m, int *rank);
/* Crowding distance (Deb et al. 2002) of the points at[0 .. n-1] among each other; INFINITY at the
 * ends of each goal. O(m n log n). */
void front_crowding(const double *v, int m, const int *at, int n, double *distance);
/* The volume that the points dominate below the reference point `ref` (Zitzler and Thiele 1999);
 * by slicing along one goal after the other, O(n^(m-1) log n). */
double front_volume(const double *v, int n, int m, const double *ref);

#endif
