/* What a network gives on seeded inputs, and how far two networks differ in it.
 *
 * A trial owns its outputs and references the graph; it belongs to one thread. Whatever cannot be
 * run is an error that names the node (exec_new); outputs that are no numbers are an answer. */
#ifndef EXEC_TRIAL_H
#define EXEC_TRIAL_H

#include "exec/exec.h"

struct trial_opts {
    uint64_t seed;
    int runs;          /* sets of inputs; 0: 1 */
    int threads;       /* 0: 1 */
    bool plain;        /* as in exec_opts */
    const int *cancel; /* polled between nodes; NULL: never */
};
struct trial {
    struct graph *g;
    int n_in, n_out, runs;
    struct ttype *in, *out; /* as executed: the batch is 1, all dimensions known */
    float **value;          /* of output i in run r: value[r * n_out + i] */
    char fault[256];        /* why outputs are not as they should be, with a node; "" */
};

/* Runs g and keeps the outputs. ST_UNSUPPORTED names the node that cannot be run, or that has a
 * shape which stays open. Nothing is to be freed after a failure. */
enum status trial_run(struct trial *t, const struct graph *g, const struct trial_opts *opts,
                      struct err *err);
void trial_done(struct trial *t);

struct trial_diff {
    double max_abs; /* between two elements */
    double max_rel; /* the same by the largest magnitude in that output; at most 2 */
};
/* Compares by position. False, with the reason in `why`, when inputs or outputs differ in number
 * or type: then d is unset. Both trials have the same seed and runs, and no fault. */
bool trial_compare(const struct trial *a, const struct trial *b, struct trial_diff *d, char *why,
                   size_t size);

/* Fills the inputs for a run: normal numbers, 0 to 255 for bytes, 0 or 1 for other integers (which
 * is an index that every axis of more than one element has). */
void trial_fill(struct exec *e, uint64_t seed, int run);

#endif
