/* What a network looks like to a kernel: how often each neighbourhood is in it (Weisfeiler-Lehman
 * subtree features, Shervashidze et al. 2011).
 *
 * A node's first label says what it does (operator, window, stride, groups, the ratio of its
 * channels), each further one also what its inputs are, in any order. Identities are left out, and
 * small sums of sums are one sum: networks that compute the same have the same features. */
#ifndef SEARCH_WL_H
#define SEARCH_WL_H

#include "graph/graph.h"

struct wl_count {
    uint64_t label; /* with its round in it */
    double n;
};
struct wl {
    struct wl_count *at; /* by label */
    int n;
    double norm; /* the length of the vector of counts */
};
/* `rounds`: how far a label sees, 0: the node alone. O(rounds (V + E) log). */
void wl_init(struct wl *w, const struct graph *g, int rounds);
void wl_done(struct wl *w);
/* The cosine of the two vectors, 0 .. 1: 1 for networks that are the same. O(labels). */
double wl_kernel(const struct wl *a, const struct wl *b);

#endif
