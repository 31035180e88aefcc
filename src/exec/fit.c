#include "exec/fit_priv.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/vec.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Images in one run of an evaluation: small training batches would spend it on starting kernels. */
enum { TEST_BATCH = 100 };

/* Streams of random numbers drawn from fit_opts.seed; an epoch adds its number. */
enum { STREAM_SUBSET = 1, STREAM_ORDER = 1000, STREAM_AUGMENT = 1000000 };

struct fit {
    const struct task *task;
    struct task_data t;
    struct fit_opts o;
    struct graph *g;    /* adapted */
    struct graph *runs; /* as compiled: g, or g with forgetful normalisations */
    struct exec *e;     /* runs, EXEC_TRAIN */
    VEC(struct exec_param *) param;
    struct sgd sgd;
    struct average average;
    int *order;   /* n_train images of the training set, in the epoch's order */
    int *pool[2]; /* the images used, as they were before any shuffling */
    float *grad;
    int steps_each; /* steps of an epoch */
    double begun;
};

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
    if (o->n_train <= 0 || o->n_train > f->t.info.n_train)
        o->n_train = f->t.info.n_train;
    if (o->n_test <= 0 || o->n_test > f->t.info.n_test)
        o->n_test = f->t.info.n_test;
    o->batch = o->batch > 0 ? o->batch : f->task->info.batch;
    o->batch = o->batch > o->n_train ? o->n_train : o->batch;
    o->lr = o->lr > 0 ? o->lr : f->task->info.lr;
    o->momentum = o->momentum > 0 ? o->momentum : 0.9;
    o->decay = o->decay < 0 ? 0 : o->decay > 0 ? o->decay : f->task->decay;
    o->clip = o->clip < 0 ? 0 : o->clip > 0 ? o->clip : 5;
    f->steps_each = o->n_train / o->batch;
    f->sgd = (struct sgd){
        .momentum = o->momentum, .decay = o->decay, .clip = o->clip, .adam = f->task->adam};
}

static void choose_images(struct fit *f)
{
    int *all = x_calloc((size_t)f->t.info.n_train, sizeof *all);
    for (int i = 0; i < f->t.info.n_train; i++)
        all[i] = i;
    shuffle(all, f->t.info.n_train, rng_for(f->o.data_seed, STREAM_SUBSET));
    f->order = all;
    image_view_init(&f->t.view, f->t.d, f->o.pad, f->order, f->o.n_train);
    f->t.view.shift = f->o.shift;
    f->t.view.flip = f->o.flip;
    const int n[2] = {f->o.n_train, f->o.n_test};
    for (int k = 0; k < 2; k++) {
        f->pool[k] = x_calloc((size_t)n[k], sizeof **f->pool);
        for (int i = 0; i < n[k]; i++)
            f->pool[k][i] = k ? i : all[i];
        f->t.pool[k] = f->pool[k];
        f->t.n_pool[k] = n[k];
    }
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

static int test_size(const struct fit *f)
{
    return f->o.batch > TEST_BATCH ? f->o.batch : TEST_BATCH;
}

/* What an input and an output of the largest batch take. */
static void make_buffers(struct fit *f)
{
    const struct maps *out = &f->t.out;
    size_t batch = (size_t)test_size(f), pixels = batch * (size_t)out->height * (size_t)out->width;
    f->grad = x_calloc(pixels * (size_t)out->channels, sizeof *f->grad);
    if (f->task->classes)
        f->t.label = x_calloc(pixels, sizeof *f->t.label);
    else
        f->t.target = x_calloc(pixels * (size_t)out->channels, sizeof *f->t.target);
    if (f->task->canvas)
        f->t.canvas = x_calloc(batch, sizeof *f->t.canvas);
}

static enum status prepare(struct fit *f, const struct graph *g, struct str *adapted,
                           struct err *err)
{
    f->t.info = images_info(f->t.d);
    f->t.task = f->task;
    f->t.seed = f->o.data_seed;
    set_defaults(f);
    choose_images(f);
    TRY(f->task->open(&f->t, err));
    TRY(f->task->adapt(g, &f->t, f->o.seed, &f->g, adapted, err));
    f->t.form = form_of(f->g);
    adapt_output(f->g, &f->t.out);
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
    make_buffers(f);
    return ST_OK;
}

/* Of all that the result depends on: a checkpoint goes on with nothing else. */
static uint64_t recipe_hash(const struct fit *f)
{
    const struct fit_opts *o = &f->o;
    const double real[] = {o->lr, o->momentum, o->decay, o->clip, o->average};
    const int64_t whole[] = {o->task,
                             o->epochs,
                             o->n_train,
                             o->n_test,
                             o->batch,
                             o->pad,
                             o->shift,
                             o->flip,
                             o->bn_images,
                             (int64_t)o->seed,
                             (int64_t)o->data_seed,
                             o->threads > 1 ? o->threads : 1};
    uint64_t h = hash_bytes(whole, sizeof whole, hash_bytes(real, sizeof real, 1));
    size_t size = (size_t)f->t.info.channels * (size_t)f->t.info.height * (size_t)f->t.info.width;
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < f->t.n_pool[k]; i++) {
            int at = f->t.pool[k][i];
            h = hash_bytes(images_pixels(f->t.d, k, at), size, h);
            h = hash_pair(h, (uint64_t)images_label(f->t.d, k, at));
        }
    h = hash_pair(h, graph_hash(f->g));
    for (size_t i = 0; i < f->param.n; i++)
        h = hash_bytes(f->param.at[i]->value, (size_t)f->param.at[i]->n * sizeof(float), h);
    return h;
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
        f->task->batch(&f->t, false, index, f->o.batch, NULL, 0, exec_input(f->e, 0));
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

/* The test samples from `done` on, at most one batch of them. */
static int test_batch(struct fit *f, int done, int *index, float *x)
{
    int left = f->o.n_test - done, n = left < test_size(f) ? left : test_size(f);
    for (int i = 0; i < n; i++)
        index[i] = done + i;
    f->task->batch(&f->t, true, index, n, NULL, 0, x);
    return n;
}

static enum status evaluate(struct fit *f, const struct graph *g, struct fit_epoch *at,
                            struct err *err)
{
    int batch = test_size(f);
    struct exec_opts eo = {.threads = f->o.threads, .batch = batch, .cancel = f->o.cancel};
    struct exec *e = NULL;
    int *index = x_calloc((size_t)batch, sizeof *index);
    struct score s = {0};
    enum status st = exec_new(&e, g, &eo, err);
    for (int done = 0, n; st == ST_OK && done < f->o.n_test; done += n) {
        n = test_batch(f, done, index, exec_input(e, 0));
        st = exec_run(e, err);
        if (st == ST_OK)
            f->task->loss(&f->t, exec_output(e, 0), n, NULL, &s);
    }
    if (st == ST_OK) {
        at->test_value = f->task->value(&s);
        at->test_loss = s.loss / f->o.n_test;
    }
    exec_free(e);
    free(index);
    return st;
}

/* The metric of the trivial answer to the test samples. */
static double baseline(struct fit *f)
{
    struct score s = {0};
    if (!f->task->trivial) {
        int64_t *seen = x_calloc((size_t)f->t.info.classes, sizeof *seen), most = 0;
        for (int i = 0; i < f->o.n_test; i++)
            seen[images_label(f->t.d, true, i)]++;
        for (int c = 0; c < f->t.info.classes; c++)
            most = seen[c] > most ? seen[c] : most;
        free(seen);
        return (double)most / f->o.n_test;
    }
    int64_t one = ttype_count(exec_input_type(f->e, 0), 1) / f->o.batch;
    float *x = x_calloc((size_t)one * (size_t)test_size(f), sizeof *x);
    int *index = x_calloc((size_t)test_size(f), sizeof *index);
    for (int done = 0, n; done < f->o.n_test; done += n) {
        n = test_batch(f, done, index, x);
        f->task->trivial(&f->t, n, &s);
    }
    free(index);
    free(x);
    return f->task->value(&s);
}

/* ---- training ---- */

static enum status one_step(struct fit *f, int epoch, int step, struct rng *augment,
                            struct score *s, struct err *err)
{
    int64_t done = (int64_t)epoch * f->steps_each + step;
    int64_t all = (int64_t)f->o.epochs * f->steps_each;
    const int *index = f->order + (size_t)step * (size_t)f->o.batch;
    if (cancelled(f))
        return err_set(err, ST_CANCELLED, "interrupted");
    f->task->batch(&f->t, false, index, f->o.batch, augment, (uint64_t)epoch + 1,
                   exec_input(f->e, 0));
    exec_set_dropout(f->e, hash_pair(f->o.seed, (uint64_t)done) | 1);
    TRY(exec_run(f->e, err));
    double loss = f->task->loss(&f->t, exec_output(f->e, 0), f->o.batch, f->grad, s);
    if (!isfinite(loss))
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

static void order_epoch(struct fit *f, int epoch)
{
    shuffle(f->order, f->o.n_train, rng_for(f->o.seed, STREAM_ORDER + (uint64_t)epoch));
}

static enum status one_epoch(struct fit *f, int epoch, struct fit_result *r, struct err *err)
{
    struct fit_epoch *at = &r->epoch[epoch];
    struct rng augment = rng_for(f->o.seed, STREAM_AUGMENT + (uint64_t)epoch);
    bool last = epoch + 1 == f->o.epochs;
    struct score s = {0};
    at->epoch = epoch + 1;
    order_epoch(f, epoch);
    for (int step = 0; step < f->steps_each; step++)
        TRY(one_step(f, epoch, step, &augment, &s, err));
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
    at->loss = s.loss / (double)s.n;
    at->train_value = f->task->value(&s);
    at->seconds = clock_s() - f->begun;
    r->n_epochs = epoch + 1;
    return ST_OK;
}

/* Takes up where a checkpoint ended: the order of the images follows from the epochs before. */
static enum status resume(struct fit *f, struct checkpoint *c, struct fit_result *r,
                          struct err *err)
{
    TRY(checkpoint_read(c, f->o.checkpoint, err));
    r->resumed = r->n_epochs = c->done;
    for (int i = 0; i < c->done; i++)
        order_epoch(f, i);
    if (c->done > 0)
        f->begun -= r->epoch[c->done - 1].seconds;
    return c->done == f->o.epochs ? snapshot(f, &r->trained, err) : ST_OK;
}

static enum status all_epochs(struct fit *f, struct fit_result *r, struct err *err)
{
    struct checkpoint c = {.n_epochs = f->o.epochs,
                           .epoch = r->epoch,
                           .e = f->e,
                           .param = f->param.at,
                           .n_param = (int)f->param.n,
                           .sgd = &f->sgd,
                           .average = &f->average};
    if (f->o.checkpoint) {
        c.recipe = recipe_hash(f);
        TRY(resume(f, &c, r, err));
    }
    for (int i = c.done; i < f->o.epochs; i++) {
        TRY(one_epoch(f, i, r, err));
        c.done = i + 1;
        if (f->o.checkpoint)
            TRY(checkpoint_write(&c, f->o.checkpoint, err));
        if (f->o.progress)
            f->o.progress(f->o.arg, &r->epoch[i]);
    }
    const struct fit_epoch *last = &r->epoch[f->o.epochs - 1];
    r->value = last->test_value;
    r->loss = last->test_loss;
    r->batch = f->o.batch;
    r->lr = f->o.lr;
    r->seconds = last->seconds;
    r->baseline = baseline(f);
    return ST_OK;
}

static void fit_done(struct fit *f)
{
    exec_free(f->e);
    graph_unref(f->runs);
    graph_unref(f->g);
    sgd_done(&f->sgd);
    average_done(&f->average);
    vec_done(&f->param);
    free(f->order);
    free(f->pool[0]);
    free(f->pool[1]);
    free(f->t.label);
    free(f->t.target);
    free(f->t.canvas);
    free(f->grad);
}

enum status fit_run(const struct graph *g, const struct images *d, const struct fit_opts *opts,
                    struct fit_result *out, struct err *err)
{
    struct fit f = {.task = task_of(opts->task), .t.d = d, .o = *opts, .begun = clock_s()};
    struct fit_result r = {0};
    struct str adapted = {0};
    if (opts->epochs < 1)
        return err_set(err, ST_USAGE, "at least one epoch is needed");
    enum status st = prepare(&f, g, &adapted, err);
    r.epoch = x_calloc((size_t)opts->epochs, sizeof *r.epoch);
    if (st == ST_OK)
        st = all_epochs(&f, &r, err);
    snprintf(r.adapted, sizeof r.adapted, "%s", str_text(&adapted));
    str_done(&adapted);
    fit_done(&f);
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
