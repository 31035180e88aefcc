#include "exec/fit_priv.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/vec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Streams of random numbers drawn from fit_opts.seed; an epoch adds its number. */
enum { STREAM_SUBSET = 1, STREAM_ORDER = 1000, STREAM_AUGMENT = 1000000 };

struct fit {
    const struct images *d;
    struct images_info info;
    struct fit_opts o;
    struct image_view view;
    struct graph *g;    /* adapted */
    struct graph *runs; /* as compiled: g, or g with forgetful normalisations */
    struct exec *e;     /* runs, EXEC_TRAIN */
    enum loss_form form;
    VEC(struct exec_param *) param;
    struct sgd sgd;
    struct average average;
    int *order; /* n_train images of the training set, in the epoch's order */
    int *label; /* of one batch */
    float *grad;
    int steps_each; /* steps of an epoch */
    double begun;
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static bool cancelled(const struct fit *f)
{
    return f->o.cancel && __atomic_load_n(f->o.cancel, __ATOMIC_RELAXED);
}

static void shuffle(int *v, int n, struct rng r)
{
    for (int i = n - 1; i > 0; i--) {
        int k = (int)rng_below(&r, (uint64_t)i + 1), t = v[i];
        v[i] = v[k];
        v[k] = t;
    }
}

/* ---- preparation ---- */

static void set_defaults(struct fit *f)
{
    struct fit_opts *o = &f->o;
    if (o->n_train <= 0 || o->n_train > f->info.n_train)
        o->n_train = f->info.n_train;
    if (o->n_test <= 0 || o->n_test > f->info.n_test)
        o->n_test = f->info.n_test;
    o->batch = o->batch > 0 ? o->batch : 64;
    o->batch = o->batch > o->n_train ? o->n_train : o->batch;
    o->lr = o->lr > 0 ? o->lr : 0.05;
    o->momentum = o->momentum > 0 ? o->momentum : 0.9;
    o->decay = o->decay < 0 ? 0 : o->decay > 0 ? o->decay : 5e-4;
    o->clip = o->clip < 0 ? 0 : o->clip > 0 ? o->clip : 5;
    f->steps_each = o->n_train / o->batch;
    f->sgd = (struct sgd){.momentum = o->momentum, .decay = o->decay, .clip = o->clip};
}

static void choose_images(struct fit *f)
{
    int *all = x_calloc((size_t)f->info.n_train, sizeof *all);
    for (int i = 0; i < f->info.n_train; i++)
        all[i] = i;
    shuffle(all, f->info.n_train, rng_for(f->o.data_seed, STREAM_SUBSET));
    f->order = all;
    image_view_init(&f->view, f->d, f->o.pad, f->order, f->o.n_train);
    f->view.shift = f->o.shift;
    f->view.flip = f->o.flip;
}

static enum loss_form form_of(const struct graph *g)
{
    int n;
    int32_t id = graph_outputs(g, &n)[0];
    do
        id = graph_node(g, id)->in[0].node;
    while (id >= 0 && graph_node(g, id)->op == OP_IDENTITY);
    enum op op = id >= 0 ? graph_node(g, id)->op : OP_IDENTITY;
    return op == OP_SOFTMAX      ? LOSS_PROBABILITIES
           : op == OP_LOGSOFTMAX ? LOSS_LOG_PROBABILITIES
                                 : LOSS_SCORES;
}

static enum status prepare(struct fit *f, const struct graph *g, char *adapted, size_t size,
                           struct err *err)
{
    f->info = images_info(f->d);
    set_defaults(f);
    choose_images(f);
    struct fit_shape s = {f->info.channels, f->view.height, f->view.width, f->info.classes};
    TRY(fit_adapt(g, s, f->o.seed, &f->g, adapted, size, err));
    f->form = form_of(f->g);
    if (f->o.bn_images > 0)
        TRY(bn_forget(f->g, &f->runs, err));
    else
        f->runs = graph_ref(f->g);
    struct exec_opts eo = {
        .mode = EXEC_TRAIN, .threads = f->o.threads, .batch = f->o.batch, .cancel = f->o.cancel};
    TRY(exec_new(&f->e, f->runs, &eo, err));
    for (int i = 0; i < exec_n_params(f->e); i++)
        vec_push(&f->param, exec_param(f->e, i));
    if (f->param.n == 0)
        return err_set(err, ST_UNSUPPORTED, "the network has nothing that could be trained");
    f->label = x_calloc((size_t)f->o.batch, sizeof *f->label);
    f->grad = x_calloc((size_t)f->o.batch * (size_t)f->info.classes, sizeof *f->grad);
    return ST_OK;
}

/* ---- evaluation ---- */

/* With statistics over the first bn_images of the epoch's order. */
static enum status refresh(struct fit *f, struct graph **out, struct err *err)
{
    struct bn_stats *s = bn_stats_new(f->g);
    struct graph *t = NULL;
    int batches = (f->o.bn_images + f->o.batch - 1) / f->o.batch;
    enum status st = ST_OK;
    exec_set_dropout(f->e, 0);
    for (int i = 0; st == ST_OK && i < batches && i < f->steps_each; i++) {
        const int *index = f->order + (size_t)i * (size_t)f->o.batch;
        images_batch(f->d, &f->view, false, index, f->o.batch, NULL, exec_input(f->e, 0));
        st = exec_run(f->e, err);
        graph_unref(t);
        t = NULL;
        if (st == ST_OK)
            st = exec_trained(f->e, &t, err);
        if (st == ST_OK)
            bn_stats_add(s, t);
    }
    if (st == ST_OK)
        st = bn_stats_apply(s, t, f->g, out, err);
    graph_unref(t);
    bn_stats_free(s);
    return st;
}

/* The network as it is now, fit for inference. */
static enum status snapshot(struct fit *f, struct graph **out, struct err *err)
{
    return f->o.bn_images > 0 ? refresh(f, out, err) : exec_trained(f->e, out, err);
}

static enum status evaluate(struct fit *f, const struct graph *g, struct fit_epoch *at,
                            struct err *err)
{
    struct exec_opts eo = {.threads = f->o.threads, .batch = f->o.batch, .cancel = f->o.cancel};
    struct exec *e = NULL;
    int *index = x_calloc((size_t)f->o.batch, sizeof *index), hits = 0;
    double loss = 0;
    enum status st = exec_new(&e, g, &eo, err);
    for (int done = 0, n; st == ST_OK && done < f->o.n_test; done += n) {
        n = f->o.n_test - done < f->o.batch ? f->o.n_test - done : f->o.batch;
        for (int i = 0; i < n; i++) {
            index[i] = done + i;
            f->label[i] = images_label(f->d, true, done + i);
        }
        images_batch(f->d, &f->view, true, index, n, NULL, exec_input(e, 0));
        st = exec_run(e, err);
        if (st != ST_OK)
            break;
        int right;
        loss +=
            loss_classify(f->form, exec_output(e, 0), f->label, n, f->info.classes, NULL, &right);
        hits += right;
    }
    if (st == ST_OK) {
        at->test_acc = (double)hits / f->o.n_test;
        at->test_loss = loss / f->o.n_test;
    }
    exec_free(e);
    free(index);
    return st;
}

/* ---- training ---- */

static enum status one_step(struct fit *f, int epoch, int step, struct rng *augment, double *loss,
                            int *right, struct err *err)
{
    int64_t done = (int64_t)epoch * f->steps_each + step;
    int64_t all = (int64_t)f->o.epochs * f->steps_each;
    const int *index = f->order + (size_t)step * (size_t)f->o.batch;
    if (cancelled(f))
        return err_set(err, ST_CANCELLED, "interrupted");
    images_batch(f->d, &f->view, false, index, f->o.batch, augment, exec_input(f->e, 0));
    for (int i = 0; i < f->o.batch; i++)
        f->label[i] = images_label(f->d, false, index[i]);
    exec_set_dropout(f->e, hash_pair(f->o.seed, (uint64_t)done) | 1);
    TRY(exec_run(f->e, err));
    *loss = loss_classify(f->form, exec_output(f->e, 0), f->label, f->o.batch, f->info.classes,
                          f->grad, right);
    if (!isfinite(*loss))
        return err_set(err, ST_NO,
                       "epoch %d, step %d: the loss is no number any more (learning rate %g)",
                       epoch + 1, step + 1, f->o.lr);
    const float *grad[] = {f->grad};
    TRY(exec_backward(f->e, grad, NULL, err));
    double norm = sgd_step(&f->sgd, f->param.at, (int)f->param.n, one_cycle(f->o.lr, done, all));
    if (!isfinite(norm))
        return err_set(err, ST_NO,
                       "epoch %d, step %d: the gradient is no number any more (learning rate %g)",
                       epoch + 1, step + 1, f->o.lr);
    exec_params_changed(f->e);
    if ((double)(all - done) <= f->o.average * (double)all)
        average_add(&f->average, f->param.at, (int)f->param.n);
    if (f->o.step)
        f->o.step(f->o.arg, (int)done + 1, (int)all);
    return ST_OK;
}

static enum status one_epoch(struct fit *f, int epoch, struct fit_result *r, struct err *err)
{
    struct fit_epoch *at = &r->epoch[epoch];
    struct rng augment = rng_for(f->o.seed, STREAM_AUGMENT + (uint64_t)epoch);
    bool last = epoch + 1 == f->o.epochs;
    double loss = 0;
    int hits = 0, seen = f->steps_each * f->o.batch;
    at->epoch = epoch + 1;
    shuffle(f->order, f->o.n_train, rng_for(f->o.seed, STREAM_ORDER + (uint64_t)epoch));
    for (int step = 0; step < f->steps_each; step++) {
        double sum = 0;
        int right = 0;
        TRY(one_step(f, epoch, step, &augment, &sum, &right, err));
        loss += sum;
        hits += right;
    }
    if (last) {
        average_apply(&f->average, f->param.at);
        exec_params_changed(f->e);
    }
    struct graph *now = NULL;
    enum status st = snapshot(f, &now, err);
    if (st == ST_OK)
        st = evaluate(f, now, at, err);
    if (st == ST_OK && last)
        r->trained = graph_ref(now);
    graph_unref(now);
    if (st != ST_OK)
        return st;
    at->loss = loss / seen;
    at->train_acc = (double)hits / seen;
    at->seconds = now_s() - f->begun;
    r->n_epochs = epoch + 1;
    r->acc = at->test_acc;
    r->loss = at->test_loss;
    r->seconds = at->seconds;
    if (f->o.progress)
        f->o.progress(f->o.arg, at);
    return ST_OK;
}

enum status fit_classify(const struct graph *g, const struct images *d, const struct fit_opts *opts,
                         struct fit_result *out, struct err *err)
{
    struct fit f = {.d = d, .o = *opts, .begun = now_s()};
    struct fit_result r = {0};
    if (opts->epochs < 1)
        return err_set(err, ST_USAGE, "at least one epoch is needed");
    enum status st = prepare(&f, g, r.adapted, sizeof r.adapted, err);
    r.epoch = x_calloc((size_t)opts->epochs, sizeof *r.epoch);
    for (int i = 0; st == ST_OK && i < opts->epochs; i++)
        st = one_epoch(&f, i, &r, err);
    exec_free(f.e);
    graph_unref(f.runs);
    graph_unref(f.g);
    sgd_done(&f.sgd);
    average_done(&f.average);
    vec_done(&f.param);
    free(f.order);
    free(f.label);
    free(f.grad);
    if (st == ST_OK)
        *out = r;
    else
        fit_result_done(&r);
    return st;
}

void fit_result_done(struct fit_result *r)
{
    graph_unref(r->trained);
    free(r->epoch);
    memset(r, 0, sizeof *r);
}
