/* One network learning on a worker. The session and the job each hold a reference; what the worker
 * has to tell while it works goes through atomics. For src/session only. */
#ifndef SESSION_TRAINING_H
#define SESSION_TRAINING_H

#include "session/fitting.h"

struct training {
    int refs; /* atomic */
    struct graph *graph;
    struct session_fit_settings set;
    int threads;

    int stage, step, steps, n_epochs; /* atomic */
    double begun;                     /* monotonic seconds; written before the stage TRAINING */
    struct session_fit_epoch *epoch;  /* set.epochs of them; those below n_epochs do not change */

    /* Written by the worker, read once the job came back. */
    double acc, loss;
    int n_test;
    char adapted[256], data[80];
    struct graph *trained;
    double latency_ms;
    int64_t latency_batch;
};

struct training *training_new(const struct graph *g, const struct session_fit_settings *set,
                              int threads);
struct training *training_ref(struct training *t);
void training_unref(struct training *t);
/* Reads the images, trains, measures the latency. A byte goes to `wake` when there is something
 * new, a few times a second at most. A latency that cannot be measured is no failure. */
enum status training_run(struct training *t, const int *cancel, int wake, struct err *err);

#endif
