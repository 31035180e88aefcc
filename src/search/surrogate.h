/* What is learnt of true values: a Gaussian process over networks (NAS-BOWL, Ru et al., ICLR 2021),
 * whose kernel is that of wl.h.
 *
 * Cholesky's factor grows by a row with each value, so one more of n costs O(n^2); some hundreds
 * are meant. Nothing is ever taken back. */
#ifndef SEARCH_SURROGATE_H
#define SEARCH_SURROGATE_H

#include "base/vec.h"
#include "search/wl.h"

struct surrogate; /* opaque; may be asked on several threads, each with queries of its own */
struct surrogate_opts {
    int rounds;   /* of wl_init */
    double noise; /* variance of one value, as a share of that of all networks */
    /* Values are what estimates are off by: nothing, of a network unlike all known. Else they are
     * values of networks, of which the differences among the best count more than those among the
     * worst: guesses are on a scale of that kind, for comparison only. */
    bool residual;
};
/* A network that is asked about, perhaps again when more is known. */
struct surrogate_query {
    struct wl wl;
    VEC(double) at; /* of what was known when last asked */
    bool known;     /* to the kernel, one that is known is the same */
};
struct surrogate_guess {
    double mean, deviation; /* of the value without noise */
};

struct surrogate *surrogate_new(const struct surrogate_opts *o);
void surrogate_free(struct surrogate *s); /* NULL is fine */
int surrogate_n(const struct surrogate *s);
void surrogate_query_init(struct surrogate_query *q, const struct surrogate *s,
                          const struct graph *g);
void surrogate_query_done(struct surrogate_query *q);
/* The query is done with. */
void surrogate_add(struct surrogate *s, struct surrogate_query *q, double value);
/* Other values of the same networks, in the order in which they were added. O(n^2). */
void surrogate_set(struct surrogate *s, const double *value);
/* Of at least one value. O(n) for each that came since it was last asked. */
struct surrogate_guess surrogate_ask(const struct surrogate *s, struct surrogate_query *q);

#endif
