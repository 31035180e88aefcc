/* Measured latency of a network put together from its layers, each shape measured by itself once.
 *
 * A layer is a node with what the executor computes along: a convolution with the normalisation,
 * sum and activations behind it. Times are kept for the same layer, shapes, batch, threads and
 * machine (timing.h), so that a changed network only costs what is new in it. Not counted: copies
 * between the layouts of neighbours, and what a layer finds in the caches because of the one before
 * it; so the sum differs from the whole network's time, by how much is to be measured there. */
#ifndef EXEC_LAYER_TIME_H
#define EXEC_LAYER_TIME_H

#include "exec/timing.h"

struct layer_clock; /* opaque; of one thread at a time */

/* `batch`, `threads`, `runs` (0: 10), `fresh`, `seed`, `cancel` and `progress` (which gets layers)
 * of `opts`, whose pointers stay borrowed. */
struct layer_clock *layer_clock_new(const struct timing_opts *opts);
void layer_clock_free(struct layer_clock *c); /* NULL is fine */

struct layer_sum {
    double ms;
    int layers, shapes; /* of this network */
    int measured;       /* shapes measured now; the others were known */
};
/* `ms` of each layer by slot, at its first node (0 at the others); may be NULL. Nodes without
 * arithmetic of floats take no time. Errors as timing_measure's, naming the node. */
enum status layer_clock_sum(struct layer_clock *c, const struct graph *g, struct layer_sum *out,
                            double *ms, struct err *err);

#endif
