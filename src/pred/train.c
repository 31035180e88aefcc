/* Training: members learn side by side, each from all labels but its own share, which tells it when
 * to stop. */
#include "base/hash.h"
#include "base/parallel.h"
#include "base/stat.h"
#include "pred/model_priv.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>

enum { BATCH = 32, CHECKS = 16, FEWEST = 20, LEAST_STEPS = 1000, FEW_CHECKED = 50 };
enum { FEW_LABELS = 200 }; /* of a table */
#define PEAK_RATE 3e-3
#define REFERENCE_RATE 1e-4
#define DECAY 0.02
#define AVERAGING 0.995F
#define RANK_WEIGHT 1.0
#define CLIP 5.0

struct sample_ref {
    int table, item;
};

struct training {
    struct pred_table *tables;
    int n;
    const struct pred_opts *opts;
    struct pred_model *m;
    int **fold; /* of each item of each table: the member that leaves it out; -1: not learnt from */
    int steps;
    atomic_int done; /* steps, by all members */
    atomic_bool cancelled;
};

/* One member while it learns. */
struct member {
    struct training *t;
    int index;
    struct rng rng;
    VEC(struct sample_ref) learn, check;
    float *w, *mean, *grad, *first, *second; /* mean: the running average that is judged */
    float *best;
    double best_score;
    struct pred_batch batch;
    struct net_run run;
    VEC(uint8_t) part;
};

static double target(const struct training *t, struct sample_ref r)
{
    const struct pred_table *table = &t->tables[r.table];
    return pred_sigma(&table->curve, table->item.at[r.item].acc);
}

static const struct pred_net *net_of(const struct training *t, struct sample_ref r)
{
    return t->tables[r.table].item.at[r.item].net;
}

/* ---- one step ---- */

/* A cut as the variant has it; PSC draws windows of one to three segments, or of all (0). */
static void draw_cut(struct member *m, const struct pred_net *net)
{
    vec_reserve(&m->part, (size_t)net->n + 1);
    if (m->t->opts->variant != PRED_PSC || net->n_segments < 1) {
        pred_cut((struct pred_cuts){m->t->opts->variant, PRED_CUTS}, net, 0, m->part.at);
        return;
    }
    static const uint8_t lengths[] = {1, 1, 1, 2, 3, 0, 0, 0, 0, 0};
    int len = lengths[rng_below(&m->rng, sizeof lengths)];
    int k = (int)rng_below(&m->rng, (uint64_t)net->n_segments);
    pred_cut_segments(net, len ? k : 0, len ? len : net->n_segments, m->part.at);
}

/* d loss / d out: squared error (Huber's, so that outliers do not rule), and for each pair of one
 * table a logistic loss on the order. */
static void loss_gradient(const struct training *t, const struct sample_ref *ref, int n,
                          const float *out, float *d_out)
{
    int outputs = t->m->shape.outputs, pairs = 0;
    double z[BATCH], f[BATCH], d[BATCH], rank[BATCH] = {0};
    for (int i = 0; i < n; i++) {
        z[i] = target(t, ref[i]);
        f[i] = out[i * outputs + ref[i].table];
        double e = f[i] - z[i];
        d[i] = (t->opts->reference ? e : fmax(fmin(e, 1), -1)) / n;
    }
    /* a batch has few members */
    for (int i = 0; i < n && !t->opts->reference; i++)
        for (int j = 0; j < n; j++)
            if (ref[i].table == ref[j].table && z[i] > z[j] + 0.02) {
                double g = 2 / (1 + exp(2 * (f[i] - f[j])));
                rank[i] -= g;
                rank[j] += g;
                pairs++;
            }
    memset(d_out, 0, (size_t)(n * outputs) * sizeof *d_out);
    for (int i = 0; i < n; i++)
        d_out[i * outputs + ref[i].table] =
            (float)(d[i] + (pairs ? RANK_WEIGHT * rank[i] / pairs : 0));
}

static double rate_at(const struct training *t, int step)
{
    const double pi = 3.14159265358979323846;
    int rise = t->steps / 20 + 1;
    if (t->opts->reference)
        return REFERENCE_RATE;
    if (step < rise)
        return PEAK_RATE * (step + 1) / rise;
    return PEAK_RATE * 0.5 * (1 + cos(pi * (step - rise) / (t->steps - rise + 1)));
}

/* Adam (Kingma and Ba 2015) with decoupled weight decay (Loshchilov and Hutter 2019). */
static void adam(struct member *m, int step)
{
    const struct training *t = m->t;
    int n = t->m->shape.n;
    double norm = 0, rate = rate_at(t, step);
    for (int i = 0; i < n; i++)
        norm += (double)m->grad[i] * m->grad[i];
    norm = sqrt(norm);
    float scale = norm > CLIP ? (float)(CLIP / norm) : 1;
    float c1 = (float)(1 / (1 - pow(0.9, step + 1))), c2 = (float)(1 / (1 - pow(0.999, step + 1)));
    float decay = t->opts->reference ? 0 : (float)(rate * DECAY), r = (float)rate;
    float keep = t->opts->reference ? 0 : fminf(AVERAGING, (float)(step + 1) / (float)(step + 10));
    for (int i = 0; i < n; i++) {
        float g = m->grad[i] * scale;
        m->first[i] = 0.9F * m->first[i] + 0.1F * g;
        m->second[i] = 0.999F * m->second[i] + 0.001F * g * g;
        m->w[i] -= r * c1 * m->first[i] / (sqrtf(c2 * m->second[i]) + 1e-8F) + decay * m->w[i];
        m->mean[i] = keep * m->mean[i] + (1 - keep) * m->w[i];
    }
}

static void take_step(struct member *m, int step, const struct sample_ref *ref, int n)
{
    const struct net_shape *s = &m->t->m->shape;
    float d_out[BATCH * PRED_MAX_TABLES];
    pred_batch_clear(&m->batch);
    for (int i = 0; i < n; i++) {
        draw_cut(m, net_of(m->t, ref[i]));
        pred_batch_add(&m->batch, net_of(m->t, ref[i]), m->part.at, KEEP_ALL);
    }
    net_forward(s, m->w, &m->batch, &m->run);
    loss_gradient(m->t, ref, n, m->run.out, d_out);
    memset(m->grad, 0, (size_t)s->n * sizeof *m->grad);
    net_backward(s, m->w, &m->batch, &m->run, d_out, m->grad);
    adam(m, step);
}

/* ---- one member ---- */

/* Mean over the tables of the rank correlation with the labels left out; where a table has few of
 * them, the squared error decides. */
static double judge(const struct member *m)
{
    const struct training *t = m->t;
    size_t n = m->check.n, outputs = (size_t)t->m->shape.outputs;
    const struct pred_net **net = x_calloc(n + 1, sizeof *net);
    float *out = x_malloc((n * outputs + 1) * sizeof *out);
    double *f = x_malloc((n + 1) * sizeof *f), *z = x_malloc((n + 1) * sizeof *z);
    for (size_t i = 0; i < n; i++)
        net[i] = net_of(t, m->check.at[i]);
    pred_run((struct pred_cuts){t->opts->variant, PRED_CUTS}, &t->m->shape, m->mean, 1, net, (int)n,
             out, NULL);
    double score = 0;
    for (int k = 0; k < t->n; k++) {
        size_t here = 0;
        double error = 0;
        for (size_t i = 0; i < n; i++)
            if (m->check.at[i].table == k) {
                f[here] = out[i * outputs + (size_t)k];
                z[here] = target(t, m->check.at[i]);
                error += fmin(fabs(f[here] - z[here]), 3);
                here++;
            }
        double rho = stat_spearman(f, z, here);
        score += here ? (isnan(rho) ? 0 : rho) - 0.2 * error / (double)here : 0;
    }
    free(net);
    free(out);
    free(f);
    free(z);
    return score / t->n;
}

static void shuffle(struct member *m)
{
    for (size_t i = m->learn.n; i > 1; i--) {
        size_t j = (size_t)rng_below(&m->rng, i);
        struct sample_ref other = m->learn.at[j];
        m->learn.at[j] = m->learn.at[i - 1];
        m->learn.at[i - 1] = other;
    }
}

static void gather_items(struct member *m)
{
    enum { MOST_CHECKED = 150 };
    const struct training *t = m->t;
    for (int k = 0; k < t->n; k++) {
        int checked = 0;
        for (int i = 0; i < (int)t->tables[k].item.n; i++) {
            struct sample_ref r = {k, i};
            if (t->fold[k][i] == m->index && checked++ < MOST_CHECKED)
                vec_push(&m->check, r);
            else if (t->fold[k][i] >= 0 && t->fold[k][i] != m->index)
                vec_push(&m->learn, r);
        }
    }
}

static void learn(void *arg, int worker, int index)
{
    struct training *t = arg;
    struct member m = {.t = t, .index = index, .best_score = -INFINITY};
    size_t n = (size_t)t->m->shape.n, at = 0;
    m.rng = rng_for(t->opts->seed, (uint64_t)index + 1);
    m.w = x_calloc(6 * n, sizeof *m.w);
    m.mean = m.w + n, m.grad = m.mean + n, m.first = m.grad + n, m.second = m.first + n;
    m.best = m.second + n;
    gather_items(&m);
    net_init(&t->m->shape, m.w, &m.rng);
    for (int step = 0; step < t->steps && !atomic_load(&t->cancelled); step++) {
        if (step == 0 || at + BATCH > m.learn.n) {
            shuffle(&m);
            at = 0;
        }
        int here = (int)(m.learn.n - at < BATCH ? m.learn.n - at : BATCH);
        take_step(&m, step, m.learn.at + at, here);
        at += BATCH;
        if ((step + 1) % (t->steps / CHECKS + 1) == 0 || step + 1 == t->steps) {
            /* so few labels do not tell steps apart: the last one, whose rate is 0, is as good */
            double score = m.check.n < FEW_CHECKED * (size_t)t->n ? step : judge(&m);
            if (score > m.best_score) {
                m.best_score = score;
                memcpy(m.best, m.mean, n * sizeof *m.best);
            }
        }
        int done = atomic_fetch_add(&t->done, 1) + 1;
        if (t->opts->progress && worker == 0)
            t->opts->progress(t->opts->progress_arg, done, t->steps * t->m->members);
        if (t->opts->cancel && *(const volatile int *)t->opts->cancel)
            atomic_store(&t->cancelled, true);
    }
    memcpy(t->m->w + (size_t)index * n, m.best, n * sizeof *m.best);
    pred_batch_done(&m.batch);
    net_run_done(&m.run);
    vec_done(&m.learn);
    vec_done(&m.check);
    vec_done(&m.part);
    free(m.w);
}

/* ---- all of them ---- */

static enum status prepare(struct training *t, struct err *err)
{
    size_t all = 0;
    for (int k = 0; k < t->n; k++) {
        struct pred_table *table = &t->tables[k];
        double *acc = x_malloc((table->item.n + 1) * sizeof *acc);
        int n = 0;
        t->fold[k] = x_malloc((table->item.n + 1) * sizeof **t->fold);
        for (size_t i = 0; i < table->item.n; i++) {
            const struct pred_item *it = &table->item.at[i];
            bool learn = it->use == PRED_LEARN;
            double share = pred_split(it->group, t->opts->seed ^ 0x5eed);
            t->fold[k][i] = learn ? (int)(share * t->m->members) : -1;
            if (learn)
                acc[n++] = it->acc;
        }
        if (n >= FEWEST)
            pred_curve_fit(&table->curve, acc, (size_t)n);
        free(acc);
        if (n < FEWEST)
            return err_set(err, ST_USAGE, "%s: %d networks to learn from, %d are needed",
                           table->name, n, FEWEST);
        snprintf(t->m->scale[k].name, sizeof t->m->scale[k].name, "%s", table->name);
        t->m->scale[k].curve = table->curve;
        all += (size_t)n;
    }
    t->steps = t->opts->steps;
    if (t->steps == 0) {
        size_t epochs = 8 * all / BATCH;
        t->steps = epochs > LEAST_STEPS ? (int)epochs : LEAST_STEPS;
        if (t->opts->variant == PRED_PSC) /* it has more to learn from */
            t->steps *= 2;
    }
    return ST_OK;
}

static bool has_few_labels(const struct pred_table *tables, int n)
{
    for (int k = 0; k < n; k++) {
        int labels = 0;
        for (size_t i = 0; i < tables[k].item.n; i++)
            labels += tables[k].item.at[i].use == PRED_LEARN;
        if (labels > FEW_LABELS)
            return false;
    }
    return true;
}

enum status pred_train(struct pred_model **out, struct pred_table *tables, int n,
                       const struct pred_opts *opts, struct err *err)
{
    if (n < 1 || n > PRED_MAX_TABLES)
        return err_set(err, ST_USAGE, "1 to %d tables can be learnt from", PRED_MAX_TABLES);
    int members = opts->members ? opts->members : 5;
    struct training t = {.tables = tables, .n = n, .opts = opts};
    bool ways = !opts->reference && has_few_labels(tables, n);
    t.m = pred_model_new(opts->variant, opts->reference, ways, members, n);
    t.fold = x_calloc((size_t)n, sizeof *t.fold);
    enum status st = prepare(&t, err);
    if (st == ST_OK)
        parallel_for(members, opts->threads, learn, &t);
    if (st == ST_OK && atomic_load(&t.cancelled))
        st = err_set(err, ST_CANCELLED, "training was interrupted");
    if (st == ST_OK)
        pred_calibrate(t.m, tables, t.fold);
    for (int k = 0; k < n; k++)
        free(t.fold[k]);
    free(t.fold);
    if (st == ST_OK)
        *out = t.m;
    else
        pred_model_free(t.m);
    return st;
}
