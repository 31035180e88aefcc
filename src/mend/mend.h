/* Shape repair: choose channels, strides and paddings inside a fragment so that it fits a
 * boundary (AutoGO's "resolution propagation", without its faults).
 *
 * Channels: tensors that are equally wide for good form a class (union-find); concat, split,
 * depth-to-space, flatten and depthwise multipliers are sums between classes, groups ask for
 * multiples. What the boundary, pins and operators that keep their shapes fix is propagated
 * through the sums. A class that is left alone takes the width it wants; classes that sums still
 * couple are an integer program for GLPK, the only use of it.
 * Heights and widths: one problem for each axis, solved exactly by bucket elimination over the
 * sizes that can be reached. A stride may become 1, 2 or 4. A window that has only divided its
 * input by its stride (rounding up; transposed: multiplied) gets `same` pads where its old ones
 * no longer do that; unless its stride changes, its old pads are as good. All other windows keep
 * their pads. Kernels and dilations stay, groups too, except that those of a depthwise convolution
 * follow its channels. An operand of an elementwise join that had the size of the result still has
 * it; one that was broadcast (size 1) may also stay so (along the channels it does, unless its
 * width is fixed otherwise).
 *
 * The objective, smallest is best, is the sum of
 * - weight * |width - wanted| over the channel classes that nothing fixes directly. Weight: the
 *   tensors of the class, inputs not counted. Wanted: the width before, times the geometric mean
 *   of need/has channels over all ports, rounded, a multiple of 8 if it was one. Besides, in each
 *   set of coupled undecided widths the multiples of 8 stay such, if that has any solution;
 * - 1 + (n - 1 - i) / n^2 for each changed stride of each axis, where the window is the i-th of n
 *   in topological order: as few as possible, then as late as possible.
 * Changed pads cost nothing. Channels, heights and widths do not depend on each other. When time
 * runs out, the best widths GLPK has found so far are taken, if any.
 *
 * A result is always re-inferred with shape_infer. A GLPK problem lives and dies inside one call on
 * the caller's thread; its environment is thread-local. Thread-safe. */
#ifndef MEND_MEND_H
#define MEND_MEND_H

#include "graph/graph.h"

enum mend_result { MEND_UNCHANGED, MEND_REPAIRED, MEND_INFEASIBLE, MEND_TIMEOUT };
const char *
mend_result_name(enum mend_result r); /* "unchanged" "repaired" "infeasible" "timeout" */

enum mend_what { MEND_CHANNELS, MEND_STRIDE_H, MEND_STRIDE_W };
const char *mend_what_name(enum mend_what w);

struct mend_change {
    int32_t node; /* id in the fragment */
    enum mend_what what;
    int64_t before, after;
};

/* A width the user fixes: the node's output channels. */
struct mend_pin {
    int32_t node; /* id in the fragment */
    int64_t channels;
};

struct mend_opts {
    double time_limit_s; /* 0: 1 s */
    const struct mend_pin *pin;
    int n_pin;
    const int *cancel; /* polled; NULL: never */
};

struct mend_plan {
    enum mend_result result;
    struct graph *fragment; /* repaired version (same ids), or NULL when infeasible */
    int n_change;
    struct mend_change *change;
    double objective;
    double ms;
    char reason[256]; /* why infeasible, in words, naming nodes */
};

/* need_in/need_out: the boundary types, one for each OP_INPUT/OP_OUTPUT of `frag` in order (their
 * counts must agree; ST_USAGE otherwise). New weights of changed nodes are He-normal recipes. */
enum status mend_fragment(const struct graph *frag, const struct ttype *need_in,
                          const struct ttype *need_out, const struct mend_opts *opts,
                          struct mend_plan *plan, struct err *err);
void mend_plan_done(struct mend_plan *plan);
/* The whole problem as one CPLEX LP file (for comparison with other solvers). */
enum status mend_write_lp(const struct graph *frag, const struct ttype *need_in,
                          const struct ttype *need_out, const char *path, struct err *err);

#endif
