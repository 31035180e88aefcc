/* How long a run of a network takes on this machine: warm-up, then the median and percentiles of
 * many runs, on threads that stay on CPUs of their own as far as the system lets them.
 *
 * Measuring happens on a thread made for it, so that the caller's own threads keep their CPUs; the
 * caller waits. Results are kept in $XDG_CACHE_HOME/autogo/latency, one small file each, for the
 * same structure and shapes, batch, threads, CPU, oneDNN and program. A damaged file is measured
 * anew, a folder that cannot be written is no error. */
#ifndef EXEC_TIMING_H
#define EXEC_TIMING_H

#include "exec/exec.h"

struct timing_opts {
    int64_t batch; /* 0: what the network says, 1 where it leaves it open */
    int threads;   /* 0: 1 */
    int runs;      /* measured ones; 0: 30 */
    bool fresh;    /* measure even when a result is kept */
    bool unkept;   /* do not keep the result: measured beside other work */
    bool layers;   /* times of the nodes too; implies fresh */
    bool inner;    /* what the nodes take without copies between layouts: a piece of a network */
    uint64_t seed; /* of the inputs */
    const int *cancel;
    /* After each run, on the measuring thread; warming up is done 0. NULL: none. */
    void (*progress)(void *arg, int done, int total);
    void *arg;
};
struct timing {
    double median_ms, p10_ms, p90_ms;
    int64_t batch;
    int threads, runs; /* runs: at least what was asked for when `cached` */
    bool pinned;       /* each thread had a CPU for itself */
    bool cached;       /* was measured earlier */
    /* With opts.layers: medians, in the graph's order without its inputs and outputs (exec.h). */
    struct exec_step_time *layer;
    int n_layers;
};
/* ST_USAGE: the network has another batch; ST_UNSUPPORTED as exec_new; ST_CANCELLED. */
enum status timing_measure(struct timing *out, const struct graph *g,
                           const struct timing_opts *opts, struct err *err);
/* Whether a result of the whole network is kept (batch as the network says, or 1): then it is in
 * `out`, without layers. Measures nothing. */
bool timing_known(struct timing *out, const struct graph *g, int threads);
void timing_done(struct timing *t);

/* The CPU's name, "unknown" where the system does not tell; into buf, returned. */
const char *timing_cpu(char *buf, size_t size);

#endif
