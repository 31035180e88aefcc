/* Truth on the way: of every so many networks tried the most promising one is trained for real, and
 * what estimates turned out to be off by corrects those of all networks from then on. */
#include "search/measure.h"
#include "search/search_priv.h"

#include <math.h>

/* Variance of one training, as a share of that of what estimates are off by. */
#define NOISE .1
enum { ROUNDS = 1, FEWEST = 3 }; /* FEWEST: truths before anything is corrected */

struct truths {
    struct surrogate *off;
    VEC(struct search_truth) at;
    VEC(double) predicted; /* of those in `off`, against the network begun with */
    VEC(double) change;
    int generation, n_generation; /* trainings of the last one that had some */
    double unit;                  /* of the metric for a sigma; 0: not known yet */
};

struct truths *truths_new(void)
{
    struct truths *t = x_calloc(1, sizeof *t);
    t->off =
        surrogate_new(&(struct surrogate_opts){.rounds = ROUNDS, .noise = NOISE, .residual = true});
    t->generation = -1;
    return t;
}

void truths_free(struct truths *t)
{
    if (!t)
        return;
    surrogate_free(t->off);
    vec_done(&t->at);
    vec_done(&t->predicted);
    vec_done(&t->change);
    free(t);
}

const struct search_truth *truths_all(const struct truths *t, int *n)
{
    *n = t ? (int)t->at.n : 0;
    return t ? t->at.at : NULL;
}

static bool is_trained(const struct truths *t, int64_t id)
{
    for (size_t i = 0; i < t->at.n; i++) /* hundreds at most */
        if (t->at.at[i].id == id)
            return true;
    return false;
}

/* ---- what they say ---- */

static double spread(const double *v, size_t n)
{
    double mean = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        mean += v[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (v[i] - mean) * (v[i] - mean);
    return sqrt(squares / (double)n);
}

/* A sigma is what makes the truths as far apart as their predictions are. */
static void weigh(struct truths *t)
{
    size_t n = t->change.n;
    double of_change = spread(t->change.at, n), of_predicted = spread(t->predicted.at, n);
    bool known = n >= FEWEST && of_change > 0 && of_predicted > 0;
    t->unit = known ? of_change / of_predicted : 0;
    double *off = x_calloc(n + 1, sizeof *off);
    for (size_t i = 0; i < n && known; i++)
        off[i] = t->change.at[i] / t->unit - t->predicted.at[i];
    surrogate_set(t->off, off);
    free(off);
}

/* A training that blew up says nothing but that it is done. */
static void learn_truth(struct search *s, const struct search_point *p, const struct graph *g,
                        const struct search_truth *truth)
{
    struct truths *t = s->truths;
    t->n_generation = t->generation == truth->generation ? t->n_generation + 1 : 1;
    t->generation = truth->generation;
    vec_push(&t->at, *truth);
    if (isnan(truth->value) || isnan(t->at.at[0].value))
        return;
    struct surrogate_query q;
    surrogate_query_init(&q, t->off, g);
    vec_push(&t->predicted, p->predicted - s->base.predicted);
    vec_push(&t->change, truth->value - t->at.at[0].value);
    surrogate_add(t->off, &q, 0);
    weigh(t);
}

double truths_correct(const struct search *s, struct search_point *p, const struct graph *g)
{
    const struct truths *t = s->truths;
    struct surrogate_query q;
    p->value[GOAL_ACC] = p->predicted;
    if (!t || !(t->unit > 0) || p->id == 0)
        return 0;
    surrogate_query_init(&q, t->off, g);
    const struct surrogate_guess guess = surrogate_ask(t->off, &q);
    surrogate_query_done(&q);
    p->value[GOAL_ACC] += guess.mean;
    return guess.deviation;
}

/* ---- the population and the front ---- */

static enum status network_of(struct search *s, const struct search_point *p, struct graph **out,
                              struct err *err)
{
    for (size_t i = 0; i < s->member.n; i++)
        if (s->member.at[i]->point.id == p->id) {
            *out = graph_ref(s->member.at[i]->graph);
            return ST_OK;
        }
    return lineage_remake(s, p, out, err);
}

/* Of the front, else of the population, the one that may turn out best; *out NULL: all are
 * trained. */
static enum status most_promising(struct search *s, struct search_point *point, struct graph **out,
                                  struct err *err)
{
    double most = -INFINITY;
    *out = NULL;
    for (size_t i = 0; i < s->front.n + s->member.n; i++) {
        struct search_point p =
            i < s->front.n ? s->front.at[i] : s->member.at[i - s->front.n]->point;
        struct graph *g;
        if ((i >= s->front.n && *out) || p.id == 0 || is_trained(s->truths, p.id))
            continue;
        TRY(network_of(s, &p, &g, err));
        double promise = truths_correct(s, &p, g);
        promise += p.value[GOAL_ACC];
        if (promise > most) {
            graph_unref(*out);
            *out = graph_ref(g);
            *point = p;
            most = promise;
        }
        graph_unref(g);
    }
    return ST_OK;
}

static enum status write_corrected(struct search *s, const struct search_point *p, struct err *err)
{
    return archive_correct(s->archive, s->generation, p->id, p->value[GOAL_ACC], err);
}

static enum status correct_all(struct search *s, struct err *err)
{
    for (size_t i = 0; i < s->front.n; i++) {
        struct graph *g;
        TRY(network_of(s, &s->front.at[i], &g, err));
        truths_correct(s, &s->front.at[i], g);
        graph_unref(g);
        TRY(write_corrected(s, &s->front.at[i], err));
    }
    for (size_t i = 0; i < s->member.n; i++) {
        truths_correct(s, &s->member.at[i]->point, s->member.at[i]->graph);
        TRY(write_corrected(s, &s->member.at[i]->point, err));
    }
    select_again(s);
    return ST_OK;
}

/* ---- trainings ---- */

static enum status train_one(struct search *s, const struct search_point *p, const struct graph *g,
                             struct err *err)
{
    struct search_truth truth = {.id = p->id, .generation = s->generation};
    TRY(measure_network(s->archive, g, p->hash, s->o->measure, &truth, err));
    TRY(archive_begin(s->archive, err));
    TRY(archive_tell(s->archive, &truth, err));
    learn_truth(s, p, g, &truth);
    TRY(correct_all(s, err));
    return archive_commit(s->archive, err);
}

/* Trainings that are due behind a generation: the network begun with before the first. */
static int64_t due(const struct search *s)
{
    int64_t each = s->o->measure_every, n = s->population;
    return s->generation == 0 ? 1 : s->generation * n / each - (s->generation - 1) * n / each;
}

enum status truths_meet(struct search *s, struct err *err)
{
    const struct truths *t = s->truths;
    int64_t done = t->generation == s->generation ? t->n_generation : 0;
    for (int64_t n = due(s); done < n; done++) {
        struct search_point p = s->base;
        struct graph *g = s->generation ? NULL : graph_ref(s->base_graph);
        if (!g)
            TRY(most_promising(s, &p, &g, err));
        if (!g)
            break;
        enum status st = train_one(s, &p, g, err);
        graph_unref(g);
        TRY(st);
    }
    return ST_OK;
}

/* ---- going on ---- */

static enum status take_truth(void *arg, const struct search_truth *truth, struct err *err)
{
    struct search *s = arg;
    struct search_point p = s->base;
    struct graph *g = NULL;
    if (truth->id == 0) {
        g = graph_ref(s->base_graph);
    } else {
        TRY(archive_get(s->archive, truth->id, &p, err));
        TRY(lineage_remake(s, &p, &g, err));
    }
    learn_truth(s, &p, g, truth);
    graph_unref(g);
    return ST_OK;
}

enum status truths_recall(struct search *s, struct err *err)
{
    return archive_truths(s->archive, take_truth, s, err);
}

static enum status take_corrected(void *arg, int64_t id, double acc, struct err *err)
{
    struct search *s = arg;
    (void)err;
    for (size_t i = 0; i < s->front.n; i++)
        if (s->front.at[i].id == id)
            s->front.at[i].value[GOAL_ACC] = acc;
    for (size_t i = 0; i < s->member.n; i++)
        if (s->member.at[i]->point.id == id)
            s->member.at[i]->point.value[GOAL_ACC] = acc;
    return ST_OK;
}

enum status truths_replay(struct search *s, struct err *err)
{
    bool any;
    TRY(archive_corrected(s->archive, s->generation, take_corrected, s, &any, err));
    if (any)
        select_again(s);
    return ST_OK;
}
