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
 *   tensors of the class, inputs not counted. Wanted: the first preference for a node of the
 *   class, or the width before, times the geometric mean of need/has channels over all ports,
 *   rounded, a multiple of 8 if it was one and no other multiple is asked for;
 * - 1 + (n - 1 - i) / n^2 for each changed stride of each axis, where the window is the i-th of n
 *   in topological order: as few as possible, then as late as possible.
 * Changed pads cost nothing. Of two equally near widths of a class that no sum holds, the one whose
 * FLOPs are nearer to near_flops_paper is taken (class by class), without that the wider one.
 * Multiples: in each set of undecided widths that sums couple, all are multiples of
 * mend_opts.multiple, or where it is 0 those of 8 stay such (unless a preference is none), if that
 * has any solution; otherwise none need be. A class whose bounds leave no multiple is excused.
 *
 * Channels, heights and widths do not depend on each other, except through max_flops_paper and
 * max_params: they hold at the heights and widths found without them, at the least objective. The
 * same multiples are kept if that has any solution, otherwise none. The limits are sums of products
 * of widths; branch and bound over the open widths is exact until its work exceeds a fixed amount
 * (some 50 ms; half a dozen open widths need a small part of it). Then the best repair so far is
 * taken: at the worst all wanted widths scaled down by one factor, found by halving, and then each
 * in turn as wide as the limits allow. If there is none, the result is MEND_TIMEOUT, never
 * MEND_INFEASIBLE. A weight that two nodes share counts twice within the limits.
 *
 * When time runs out, the best widths GLPK has found so far are taken, if any.
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

/* A width for a node's output channels, which the user fixes or prefers. */
struct mend_pin {
    int32_t node; /* id in the fragment */
    int64_t channels;
};
/* lo <= a node's output channels <= hi. */
struct mend_bound {
    int32_t node; /* id in the fragment */
    int64_t lo, hi;
};

/* One constraint of the repair, as a conflict names it and as it can be left out: a port, a pin, a
 * bound, or what a node asks of its sizes along one axis. */
enum mend_part_kind {
    MEND_PART_INPUT,
    MEND_PART_OUTPUT,
    MEND_PART_PIN,
    MEND_PART_BOUND,
    MEND_PART_NODE
};
enum mend_axis { MEND_AXIS_C, MEND_AXIS_H, MEND_AXIS_W };
struct mend_part {
    enum mend_part_kind kind;
    enum mend_axis axis;
    int32_t node; /* id in the fragment */
};
const char *mend_part_kind_name(enum mend_part_kind k); /* "input" "output" "pin" "bound" "node" */
const char *mend_axis_name(enum mend_axis a);           /* "channels" "height" "width" */

struct mend_opts {
    double time_limit_s; /* 0: 1 s */
    const struct mend_pin *pin;
    int n_pin;
    const struct mend_bound *bound;
    int n_bound;
    const struct mend_pin *prefer; /* wanted instead of the scaled old width, not a must; has no
                                      effect where the width is fixed or there is none */
    int n_prefer;
    int multiple; /* widths that nothing fixes are multiples of it if there is a solution; 0: of 8
                     where they were before */
    /* Of the repaired fragment, by the rules of cost/cost.h; 0: no limit. No part of a conflict. */
    int64_t max_flops_paper, max_params;
    int64_t near_flops_paper; /* decides between equally near widths; 0: the wider one */
    /* Parts left out, to see what a conflict is. A node that is left out ties no sizes along that
     * axis, as if any operator stood there; a port is not fixed there (along the channels: nor its
     * rank and element type). Sizes may then be free, up to 65,536 channels, or 2 n + 64 for n the
     * largest height (width) before or at a port. The plan only says whether what is left can be
     * met: MEND_REPAIRED, without a fragment, or MEND_INFEASIBLE. Limits play no part. */
    const struct mend_part *without;
    int n_without;
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

/* Why there is no repair: an irreducible set of constraints that contradict each other; with any
 * one of them left out (mend_opts.without) the others can be met. `text` says it in one line. */
struct mend_conflict {
    int n;
    struct mend_part *part;
    bool minimal;
    char text[512];
};
/* The parts lie along one axis, the first of channels, height and width that has no solution; a
 * port whose rank, element type or frozen shape never fits is a conflict of one part, along the
 * channels. n == 0: no set of parts is at fault, but a limit on FLOPs or parameters, or the time;
 * `text` says which. ST_NO: there is no conflict (the repair exists). The time limit holds for all
 * of it; when it runs out the set is still a conflict, but not always irreducible (`minimal`
 * false). */
enum status mend_explain(const struct graph *frag, const struct ttype *need_in,
                         const struct ttype *need_out, const struct mend_opts *opts,
                         struct mend_conflict *out, struct err *err);
void mend_conflict_done(struct mend_conflict *c);
/* The whole problem as one CPLEX LP file (for comparison with other solvers). Limits on FLOPs and
 * parameters are products of widths and not in it. */
enum status mend_write_lp(const struct graph *frag, const struct ttype *need_in,
                          const struct ttype *need_out, const char *path, struct err *err);
/* The same under pins, bounds, preferences and a multiple. */
enum status mend_write_lp_with(const struct graph *frag, const struct ttype *need_in,
                               const struct ttype *need_out, const struct mend_opts *opts,
                               const char *path, struct err *err);

/* For comparison in benches only: the repair of the AutoGO tool (NeurIPS 2023, "resolution
 * propagation"), solved by GLPK in process. Its faults are kept: a fragment that holds a concat, a
 * strided depthwise convolution, pads that are not `same` or two branches that do not meet is
 * refused before the program is made; every size is from 2 to 10,000 and no larger behind a node
 * than before it; channels of a convolution or pool become half, the same or double, its height and
 * width those under its stride, a half or a quarter of them, rounded down (27 -> 13, so never 14);
 * operators that it does not know keep all sizes, whatever they do. One order of the ports. Of the
 * options only the time limit and `cancel` play a part.
 * MEND_UNCHANGED: the boundary is what the fragment has; MEND_REPAIRED: the program has a solution,
 * its objective and sizes are in the plan (a stride of 0: a fraction). `fragment` is the repaired
 * one when that is a valid network with this boundary, else NULL with a reason. */
enum status mend_reference(const struct graph *frag, const struct ttype *need_in,
                           const struct ttype *need_out, const struct mend_opts *opts,
                           struct mend_plan *plan, struct err *err);
/* Its program as a CPLEX LP file; ST_NO when it is refused before there is one. */
enum status mend_reference_write_lp(const struct graph *frag, const struct ttype *need_in,
                                    const struct ttype *need_out, const char *path,
                                    struct err *err);

#endif
