/* Training before and after for real: the model as it was opened and what became of it learn the
 * same images by the same recipe, one after the other, on a thread of their own, so that everything
 * else goes on. The session is not changed by it; nothing is journalled.
 *
 * Threads: all calls belong to the session's thread. The worker publishes steps and epochs through
 * atomic counters; session_poll tells of them with SESSION_CHANGED_FIT.
 * The same networks, settings and number of threads give the same numbers on one machine. What was
 * measured by the same settings already is not measured anew. */
#ifndef SESSION_FITTING_H
#define SESSION_FITTING_H

#include "session/session.h"

/* ---- settings: of the next run ---- */

struct session_fit_settings {
    int epochs;
    int images, test; /* 0: all */
    int batch;
    double lr; /* the peak */
    uint64_t seed;
    char data[512]; /* a folder; "": Fashion-MNIST */
};
/* Those that a session begins with. */
void session_fit_defaults(struct session_fit_settings *set);
const struct session_fit_settings *session_fit_settings(const struct session *s);
/* In the order in which they are listed. */
enum { SESSION_FIT_SETTINGS = 7 };
const char *session_fit_name(int i);
const char *session_fit_help(int i);
/* As session_fit_set takes it; into buf, returned. */
const char *session_fit_value(const struct session_fit_settings *set, int i, char *buf,
                              size_t size);
/* ST_USAGE: no such name or value. */
enum status session_fit_set(struct session *s, const char *name, const char *value,
                            struct err *err);
/* The next larger (dir > 0) or smaller usual value. */
void session_fit_turn(struct session *s, int i, int dir);

/* ---- a run ---- */

/* Begins to train version 0 and the current version; `preview`: and the previewed candidate. What
 * ran before is stopped and its results are dropped, but for a network that was measured by these
 * settings. ST_NO when all of it was, ST_USAGE when there is no preview to be trained. */
enum status session_fit_start(struct session *s, bool preview, struct err *err);
/* What was reached stays. */
void session_fit_stop(struct session *s);
bool session_fit_running(const struct session *s);
/* Of both networks together, 0..100. */
int session_fit_percent(const struct session *s);

enum session_fit_stage {
    SESSION_FIT_WAITING, /* for the other one */
    SESSION_FIT_READING, /* the images */
    SESSION_FIT_TRAINING,
    SESSION_FIT_TIMING, /* measures the latency */
    SESSION_FIT_DONE,
    SESSION_FIT_STOPPED, /* by the user */
    SESSION_FIT_FAILED,
};
struct session_fit_epoch {
    double loss, train_acc, test_acc, test_loss; /* shares are 0..1 */
    double seconds;                              /* since the beginning */
};
struct session_fit_side {
    const char *title; /* "version 0" */
    enum session_fit_stage stage;
    int step, steps; /* steps: 0 until it is known */
    double seconds;  /* since its training began, while it lasts */
    int n_epochs;    /* those that are over */
    const struct session_fit_epoch *epoch;
    char error[420]; /* why it failed */
    /* when done: */
    double acc, loss;
    int n_test;          /* images that acc is a share of */
    const char *adapted; /* what was changed to fit the data; "" nothing */
    const char *data;    /* name of the images */
    const struct graph *trained;
    double latency_ms; /* median of a run as the network is; 0: not measured */
    int64_t latency_batch;
};
struct session_fit {
    int n; /* 0: nothing was trained; 1: only `before`, there is no other version; 2 */
    struct session_fit_side side[2]; /* before, after */
    struct session_fit_settings set; /* of this run */
    int threads;
};
/* How it stands. What is pointed to is valid until the next start, edit or poll. */
void session_fit_state(const struct session *s, struct session_fit *out);

/* A difference of accuracies, 0..1. */
struct session_fit_change {
    bool known;
    double value, error; /* error: of the value, one standard deviation; 0: not known */
};
/* After less before on the test images; its error is that of two shares of so many images. */
struct session_fit_change session_fit_measured(const struct session_fit *f);
/* What the predictor estimates of this run's networks, as those of its labels were trained; not
 * known without a predictor, or out of its distribution. */
struct session_fit_change session_fit_predicted(const struct session *s);

/* The trained network (after; before when there is no other) to a file, on a worker;
 * session_notice() tells how it went. ST_NO when nothing was trained to its end. */
enum status session_fit_save_later(struct session *s, const char *path, struct err *err);

#endif
