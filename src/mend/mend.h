/* Shape repair: choose channels, strides and paddings inside a fragment so that it fits a
 * boundary. (AutoGO's "resolution propagation", algorithms section 4, without its faults.)
 *
 * Model: H and W are solved per axis by exact propagation with stride choices; channels are
 * classes of equal channels (union-find) with sums at concats, group and depth-to-space
 * divisibility, solved by propagation and, for what remains, an integer program in GLPK.
 * The objective is the smallest weighted change; a result is always re-inferred with shape_infer.
 * A GLPK problem lives and dies inside one call on the caller's thread; its environment is
 * thread-local, a time limit is always set. Thread-safe. */
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
