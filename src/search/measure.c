#include "search/measure.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "base/str.h"
#include "search/archive.h"

#include <math.h>

struct measuring {
    struct archive *archive;
    const struct measure_opts *o;
    char *recipe;
    int done;
};

/* ---- fresh weights ---- */

static enum status draw_weights(const struct graph *g, uint64_t seed, struct graph **out,
                                struct err *err)
{
    struct graph_edit *e = graph_edit_new(g);
    for (int i = 0; i < graph_n_nodes(g); i++) {
        int32_t id = graph_topo(g)[i];
        for (int k = 0; k < graph_node(g, id)->n_in; k++) {
            const struct tensor *t = node_const(graph_node(g, id), k);
            if (t && tensor_kind(t) == TENSOR_HE)
                node_set_input(graph_edit_mut(e, id), k, IN_CONST, 0,
                               tensor_new_he(tensor_name(t), tensor_type(t), tensor_fan_in(t),
                                             hash_pair(tensor_seed(t), seed)));
        }
    }
    return graph_edit_freeze(e, out, err);
}

/* ---- training ---- */

/* What a value depends on, but for network and seed. */
static char *recipe_of(const struct measure_opts *o)
{
    const struct fit_opts *f = &o->fit;
    const struct images_info d = images_info(o->images);
    return x_asprintf("%s %s %d/%d epochs %d images %d test %d batch %d lr %g momentum %g decay %g "
                      "clip %g pad %d shift %d flip %d bn %d average %g threads %d",
                      fit_task_info(f->task)->name, d.name, d.n_train, d.n_test, f->epochs,
                      f->n_train, f->n_test, f->batch, f->lr, f->momentum, f->decay, f->clip,
                      f->pad, f->shift, (int)f->flip, f->bn_images, f->average, f->threads);
}

static enum status train(const struct measuring *m, const struct graph *g, int seed, double *value,
                         struct err *err)
{
    struct graph *fresh;
    struct fit_result r = {0};
    struct fit_opts fit = m->o->fit;
    fit.seed = (uint64_t)seed;
    TRY(draw_weights(g, (uint64_t)seed, &fresh, err));
    enum status st = fit_run(fresh, m->o->images, &fit, &r, err);
    *value = st == ST_OK ? r.value : NAN;
    fit_result_done(&r);
    graph_unref(fresh);
    return st == ST_NO ? ST_OK : st;
}

static void sum_up(struct measured *p)
{
    int n = 0;
    double sum = 0, squares = 0;
    for (int i = 0; i < p->n; i++)
        if (!isnan(p->value[i])) {
            n++;
            sum += p->value[i];
        }
    p->mean = n ? sum / n : NAN;
    for (int i = 0; i < p->n; i++)
        if (!isnan(p->value[i]))
            squares += (p->value[i] - p->mean) * (p->value[i] - p->mean);
    p->deviation = n > 1 ? sqrt(squares / (n - 1)) : NAN;
}

static enum status measure_one(struct measuring *m, const struct graph *g, uint64_t hash,
                               struct measured *p, struct err *err)
{
    int total = (m->o->top + 1) * m->o->seeds;
    for (int i = 0; i < m->o->seeds; i++, m->done++) {
        bool known;
        TRY(archive_measured(m->archive, hash, m->recipe, (uint64_t)i, &p->value[i], &known, err));
        if (!known) {
            if (m->o->progress)
                m->o->progress(m->o->arg, m->done, total);
            TRY(train(m, g, i, &p->value[i], err));
            TRY(archive_measure(m->archive, hash, m->recipe, (uint64_t)i, p->value[i], err));
        }
        p->n++;
    }
    sum_up(p);
    return ST_OK;
}

/* ---- one network on the way of a search ---- */

struct seeds {
    struct measuring m;
    const struct graph *g;
    struct measured at;
    bool known[MEASURE_SEEDS];
    enum status st[MEASURE_SEEDS];
    struct err err[MEASURE_SEEDS];
};

static void train_seed(void *arg, int worker, int i)
{
    struct seeds *s = arg;
    (void)worker;
    if (!s->known[i])
        s->st[i] = train(&s->m, s->g, i, &s->at.value[i], &s->err[i]);
}

char *measure_recipe(const struct measure_opts *o)
{
    struct measure_opts one = *o;
    one.fit.threads = 1;
    return recipe_of(&one);
}

static enum status train_seeds(struct seeds *s, uint64_t hash, int threads, struct err *err)
{
    struct measuring *m = &s->m;
    int n = m->o->seeds;
    for (int i = 0; i < n; i++)
        TRY(archive_measured(m->archive, hash, m->recipe, (uint64_t)i, &s->at.value[i],
                             &s->known[i], err));
    parallel_for(n, threads, train_seed, s);
    for (int i = 0; i < n; i++) {
        if (s->st[i] != ST_OK)
            return *err = s->err[i], s->st[i];
        if (!s->known[i])
            TRY(archive_measure(m->archive, hash, m->recipe, (uint64_t)i, s->at.value[i], err));
    }
    return ST_OK;
}

enum status measure_network(struct archive *a, const struct graph *g, uint64_t hash,
                            const struct measure_opts *o, struct search_truth *out, struct err *err)
{
    struct measure_opts one = *o;
    struct seeds s = {.m = {.archive = a, .o = &one, .recipe = measure_recipe(o)}, .g = g};
    one.fit.threads = 1;
    one.fit.step = NULL;
    enum status st = train_seeds(&s, hash, o->fit.threads, err);
    s.at.n = o->seeds;
    sum_up(&s.at);
    for (int i = 0; i < s.at.n; i++)
        out->n += !isnan(s.at.value[i]);
    out->value = s.at.mean;
    out->deviation = s.at.deviation;
    free(s.m.recipe);
    return st;
}

/* ---- the most promising ---- */

/* Of those that run, the one not taken yet with the largest estimate; -1: none. */
static int next_best(const struct search_result *r, const bool *taken)
{
    int best = -1;
    for (int i = 0; i < r->n_front; i++)
        if (!taken[i] && !r->fault[i][0] && r->front[i].id != 0 &&
            (best < 0 || r->front[i].value[GOAL_ACC] > r->front[best].value[GOAL_ACC]))
            best = i;
    return best;
}

static enum status measure_all(struct measuring *m, const struct graph *base,
                               const struct search_result *r, struct measurement *out,
                               struct err *err)
{
    bool *taken = x_calloc((size_t)r->n_front + 1, sizeof *taken);
    enum status st = measure_one(m, base, r->base.hash, &out->at[out->n++], err);
    for (int k = 0, i; k < m->o->top && st == ST_OK && (i = next_best(r, taken)) >= 0; k++) {
        const struct search_point *p = &r->front[i];
        struct measured *to = &out->at[out->n++];
        taken[i] = true;
        *to = (struct measured){.id = p->id,
                                .estimate = p->value[GOAL_ACC] - r->base.value[GOAL_ACC]};
        st = measure_one(m, r->graph[i], p->hash, to, err);
    }
    free(taken);
    return st;
}

static void compare(struct measurement *m)
{
    double products = 0, squares = 0;
    const struct measured *base = &m->at[0];
    for (int i = 0; i < m->n; i++) {
        struct measured *p = &m->at[i];
        p->change = p->mean - base->mean;
        p->error = sqrt((p->deviation * p->deviation + base->deviation * base->deviation) / p->n);
        if (!isnan(p->change) && i > 0) {
            products += p->estimate * p->change;
            squares += p->estimate * p->estimate;
        }
    }
    m->slope = squares > 0 ? products / squares : NAN;
}

enum status measure_front(struct measurement *out, const struct graph *base,
                          const struct search_result *front, const char *path,
                          const struct measure_opts *o, struct err *err)
{
    struct measuring m = {.o = o};
    struct measurement all = {0};
    TRY(archive_again(&m.archive, path, err));
    m.recipe = recipe_of(o);
    all.at = x_calloc((size_t)o->top + 1, sizeof *all.at);
    enum status st = measure_all(&m, base, front, &all, err);
    if (st == ST_OK) {
        compare(&all);
        *out = all;
    } else {
        measurement_done(&all);
    }
    free(m.recipe);
    archive_close(m.archive);
    return st;
}

void measurement_done(struct measurement *m)
{
    free(m->at);
    *m = (struct measurement){0};
}
