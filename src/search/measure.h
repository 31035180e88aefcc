/* Truth about estimates: the network begun with and the most promising of a front, trained. */
#ifndef SEARCH_MEASURE_H
#define SEARCH_MEASURE_H

#include "exec/train.h"
#include "search/search.h"

enum { MEASURE_SEEDS = 32 };
struct measure_opts {
    const struct images *images;
    struct fit_opts fit; /* its seed is not used; of its callbacks `step` only */
    int top, seeds;      /* networks besides the one begun with; 1 .. MEASURE_SEEDS */
    /* Before each training, `done` of `total`. */
    void (*progress)(void *arg, int done, int total);
    void *arg; /* fit.arg is for fit.step */
};
struct measured {
    int64_t id;                  /* of the point; 0: the network begun with */
    double estimate;             /* change of accuracy in sigma, as the search knew it */
    double value[MEASURE_SEEDS]; /* of the task's metric; NaN: the training blew up */
    int n;                       /* seeds 0 .. n-1 */
    double mean, deviation;      /* of those that did not; NaN: none, fewer than two */
    double change, error;        /* of the mean against the network begun with, and its standard
                                    error; NaN as above */
};
struct archive;
/* The seeds of one network, at the same time, each on one thread, so that the values do not depend
 * on o->fit.threads, which is how many run at once. What the archive has is not trained again.
 * Fills value, deviation and n of *out. */
enum status measure_network(struct archive *a, const struct graph *g, uint64_t hash,
                            const struct measure_opts *o, struct search_truth *out,
                            struct err *err);
/* What measure_network's values depend on, but for network and seed; the caller's. */
char *measure_recipe(const struct measure_opts *o);

struct measurement {
    struct measured *at; /* the network begun with, then by estimate, the largest first */
    int n;
    double slope; /* change measured for an estimated sigma, least squares through zero; NaN */
};
/* Weights that are drawn (of the zoo, of architecture strings, of what was put in) are drawn anew
 * for each seed, the same for nodes that networks have in common; weights of a file stay. What is
 * measured is kept in the archive of the search at `path`, so the same call goes on after a break.
 * ST_CANCELLED; ST_UNSUPPORTED: a network does not fit the task. */
enum status measure_front(struct measurement *out, const struct graph *base,
                          const struct search_result *front, const char *path,
                          const struct measure_opts *o, struct err *err);
void measurement_done(struct measurement *m);

#endif
