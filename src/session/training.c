#include "session/training.h"

#include "base/clock.h"
#include "base/mem.h"
#include "exec/timing.h"
#include "exec/train.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Images over which normalisations are computed anew before each test: short runs do not depend
 * on their momentum then. */
enum { BN_IMAGES = 1000, LATENCY_RUNS = 10 };
#define WAKE_EACH 0.15 /* seconds */

struct worker {
    struct training *t;
    int wake;
    double woken;
};

struct training *training_new(const struct graph *g, const struct session_fit_settings *set,
                              int threads)
{
    struct training *t = x_calloc(1, sizeof *t);
    t->refs = 1;
    t->graph = graph_ref(g);
    t->set = *set;
    t->threads = threads;
    t->stage = SESSION_FIT_WAITING;
    t->epoch = x_calloc((size_t)set->epochs, sizeof *t->epoch);
    return t;
}

struct training *training_ref(struct training *t)
{
    __atomic_add_fetch(&t->refs, 1, __ATOMIC_RELAXED);
    return t;
}

void training_unref(struct training *t)
{
    if (!t || __atomic_sub_fetch(&t->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    graph_unref(t->graph);
    graph_unref(t->trained);
    free(t->epoch);
    free(t);
}

/* ---- on the worker ---- */

static void wake(struct worker *w)
{
    ssize_t n = w->wake >= 0 ? write(w->wake, "", 1) : 0;
    (void)n; /* a full pipe already wakes the reader */
    w->woken = clock_s();
}

static void enter(struct worker *w, enum session_fit_stage stage)
{
    __atomic_store_n(&w->t->stage, (int)stage, __ATOMIC_RELEASE);
    wake(w);
}

static void on_step(void *arg, int done, int total)
{
    struct worker *w = arg;
    __atomic_store_n(&w->t->steps, total, __ATOMIC_RELAXED);
    __atomic_store_n(&w->t->step, done, __ATOMIC_RELAXED);
    if (clock_s() - w->woken > WAKE_EACH)
        wake(w);
}

static void on_epoch(void *arg, const struct fit_epoch *e)
{
    struct worker *w = arg;
    struct training *t = w->t;
    t->epoch[t->n_epochs] = (struct session_fit_epoch){e->loss, e->train_value, e->test_value,
                                                       e->test_loss, e->seconds};
    __atomic_store_n(&t->n_epochs, t->n_epochs + 1, __ATOMIC_RELEASE);
    wake(w);
}

static enum status learn(struct worker *w, const struct images *d, const int *cancel,
                         struct err *err)
{
    struct training *t = w->t;
    struct images_info info = images_info(d);
    struct fit_result r = {0};
    struct fit_opts o = {.epochs = t->set.epochs,
                         .n_train = t->set.images,
                         .n_test = t->set.test,
                         .batch = t->set.batch,
                         .lr = t->set.lr,
                         .bn_images = BN_IMAGES,
                         .seed = t->set.seed,
                         .threads = t->threads,
                         .cancel = cancel,
                         .step = on_step,
                         .progress = on_epoch,
                         .arg = w};
    t->begun = clock_s();
    enter(w, SESSION_FIT_TRAINING);
    TRY(fit_run(t->graph, d, &o, &r, err));
    t->acc = r.value;
    t->loss = r.loss;
    t->n_test = t->set.test && t->set.test < info.n_test ? t->set.test : info.n_test;
    t->trained = graph_ref(r.trained);
    snprintf(t->adapted, sizeof t->adapted, "%s", r.adapted);
    snprintf(t->data, sizeof t->data, "%s", info.name);
    fit_result_done(&r);
    return ST_OK;
}

static enum status measure(struct worker *w, const int *cancel, struct err *err)
{
    struct training *t = w->t;
    struct timing_opts o = {.threads = 1, .runs = LATENCY_RUNS, .cancel = cancel};
    struct timing m = {0};
    struct err why = {0};
    enter(w, SESSION_FIT_TIMING);
    enum status st = timing_measure(&m, t->graph, &o, &why);
    if (st == ST_CANCELLED)
        return err_set(err, st, "%s", why.msg);
    if (st == ST_OK) {
        t->latency_ms = m.median_ms;
        t->latency_batch = m.batch;
        timing_done(&m);
    }
    return ST_OK;
}

enum status training_run(struct training *t, const int *cancel, int wake_fd, struct err *err)
{
    struct worker w = {.t = t, .wake = wake_fd};
    struct images *d = NULL;
    enter(&w, SESSION_FIT_READING);
    enum status st = images_open(&d, t->set.data[0] ? t->set.data : NULL, err);
    if (st == ST_IO && !t->set.data[0])
        return err_set(err, st,
                       "no images: install the package dataset-fashion-mnist, or name a folder of "
                       "IDX files or CIFAR-10's binary batches (fit data DIR)");
    if (st != ST_OK)
        return st;
    st = learn(&w, d, cancel, err);
    images_free(d);
    return st == ST_OK ? measure(&w, cancel, err) : st;
}
