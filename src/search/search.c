#include "search/search_priv.h"

#include "base/clock.h"
#include "base/parallel.h"
#include "base/str.h"
#include "exec/trial.h"

#include <math.h>
#include <stdio.h>

static const char *const goal_names[SEARCH_GOALS] = {"acc",    "flops",  "params", "memory",
                                                     "cycles", "energy", "latency"};
static const char *const source_names[SEARCH_SOURCES] = {"mixed", "flops", "cycles", "paid",
                                                         "random"};

const char *search_goal_name(enum search_goal g)
{
    return goal_names[g];
}

bool search_goal_find(const char *name, enum search_goal *out)
{
    for (int g = 0; g < SEARCH_GOALS; g++)
        if (strcmp(goal_names[g], name) == 0)
            return *out = (enum search_goal)g, true;
    return false;
}

const char *search_source_name(enum search_source s)
{
    return source_names[s];
}

bool search_source_find(const char *name, enum search_source *out)
{
    for (int i = 0; i < SEARCH_SOURCES; i++)
        if (strcmp(source_names[i], name) == 0)
            return *out = (enum search_source)i, true;
    return false;
}

/* ---- work on threads ---- */

/* Calls work(s, hand, items, i) for each i below n on all hands; the first error by i is told. */
struct crew {
    struct search *s;
    enum status (*work)(struct search *s, struct hand *h, void *items, int i, struct err *err);
    void *items;
    enum status *status;
    struct err *err;
};

static void crew_work(void *arg, int worker, int i)
{
    const struct crew *c = arg;
    struct search *s = c->s;
    bool cancelled = s->o->cancel && __atomic_load_n(s->o->cancel, __ATOMIC_RELAXED);
    c->status[i] = cancelled ? err_set(&c->err[i], ST_CANCELLED, "interrupted")
                             : c->work(s, &s->hand[worker], c->items, i, &c->err[i]);
}

static enum status crew_run(struct search *s, void *items, int n,
                            enum status (*work)(struct search *, struct hand *, void *, int,
                                                struct err *),
                            struct err *err)
{
    struct crew c = {.s = s, .work = work, .items = items};
    c.status = x_calloc((size_t)n + 1, sizeof *c.status);
    c.err = x_calloc((size_t)n + 1, sizeof *c.err);
    parallel_for(n, s->n_hand, crew_work, &c);
    enum status st = ST_OK;
    for (int i = 0; i < n && st == ST_OK; i++)
        if ((st = c.status[i]) != ST_OK)
            *err = c.err[i];
    free(c.status);
    free(c.err);
    return st;
}

static enum status prepare_one(struct search *s, struct hand *h, void *items, int i,
                               struct err *err)
{
    struct member *m = ((struct member **)items)[i];
    (void)h;
    return m->prepared ? ST_OK : member_prepare(m, s->o, err);
}

/* What was seen before this generation is known to all threads; children of one generation that
 * are the same are told apart afterwards, in order. */
static enum status make_one(struct search *s, struct hand *h, void *items, int i, struct err *err)
{
    struct child *c = (struct child *)items + i;
    int table = s->table;
    TRY(child_make(s, c, h, err));
    if (c->fate == FATE_ACCEPTED && u64map_get(&s->seen, c->point.hash))
        c->fate = FATE_DUPLICATE;
    if (c->fate != FATE_ACCEPTED)
        return ST_OK;
    TRY(judge(&c->point, c->graph, s->o, &table, err));
    const char *why = s->o->accuracy && !c->point.in_distribution ? "its accuracy is not known"
                      : c->point.distance > s->trust ? "the predictor knows no network like it"
                                                     : NULL;
    if (why) {
        c->fate = FATE_REFUSED;
        snprintf(c->reason, sizeof c->reason, "%s", why);
    }
    return ST_OK;
}

/* One after the other: nothing else runs meanwhile. */
static enum status measure(struct search *s, struct search_point *p, const struct graph *g,
                           struct err *err)
{
    struct layer_sum sum;
    if (!s->clock)
        return ST_OK;
    TRY(layer_clock_sum(s->clock, g, &sum, NULL, err));
    p->value[GOAL_LATENCY] = sum.ms;
    return ST_OK;
}

/* ---- generations ---- */

static void accept(struct search *s, const struct search_point *p, struct graph *g)
{
    struct member *m = x_calloc(1, sizeof *m);
    m->point = *p;
    m->graph = g;
    vec_push(&s->member, m);
    if (select_excess(s, p) == 0)
        select_front(s, p);
}

/* Whether a child has a network that was not seen before. */
static bool is_new(enum search_fate fate)
{
    return fate == FATE_ACCEPTED || fate == FATE_BEYOND;
}

static void note(struct search *s, const struct search_point *p, enum search_fate fate,
                 const char *reason)
{
    s->fates[fate]++;
    s->next_id = p->id + 1;
    if (fate == FATE_REFUSED)
        snprintf(s->refusal, sizeof s->refusal, "%s", reason);
    if (fate == FATE_REFUSED && p->n_step > 0)
        credit_add(&s->records, (uint64_t)p->step[0].record, false);
    if (is_new(fate))
        u64map_put(&s->seen, p->hash, p->id);
}

static enum status write_generation(struct search *s, struct child *c, int n, struct err *err)
{
    TRY(archive_begin(s->archive, err));
    for (int i = 0; i < n; i++)
        TRY(archive_add(s->archive, &c[i].point, c[i].fate, c[i].reason[0] ? c[i].reason : NULL,
                        err));
    return archive_commit(s->archive, err);
}

static struct child *begin_children(const struct search *s)
{
    struct child *c = x_calloc((size_t)s->population, sizeof *c);
    for (int i = 0; i < s->population; i++) {
        int64_t id = s->next_id + i;
        c[i].parent = select_parent(s, id, 0);
        c[i].mate = select_parent(s, id, 1);
        c[i].point = (struct search_point){.id = id,
                                           .parent = c[i].parent->point.id,
                                           .mate = -1,
                                           .generation = s->generation + 1,
                                           .edits = c[i].parent->point.edits + 1};
    }
    return c;
}

/* What is to be done about the children in order. */
static enum status finish_children(struct search *s, struct child *c, struct err *err)
{
    struct u64map now = {0};
    enum status st = ST_OK;
    for (int i = 0; i < s->population && st == ST_OK; i++) {
        if (c[i].fate != FATE_ACCEPTED)
            continue;
        if (*u64map_put(&now, c[i].point.hash, i) != i)
            c[i].fate = FATE_DUPLICATE;
        else if ((st = measure(s, &c[i].point, c[i].graph, err)) == ST_OK &&
                 select_excess(s, &c[i].point) > 0)
            c[i].fate = FATE_BEYOND;
    }
    u64map_done(&now);
    return st;
}

static enum status generation(struct search *s, struct err *err)
{
    int n = s->population;
    struct child *c = begin_children(s);
    enum status st = crew_run(s, s->member.at, (int)s->member.n, prepare_one, err);
    if (st == ST_OK)
        st = crew_run(s, c, n, make_one, err);
    if (st == ST_OK)
        st = finish_children(s, c, err);
    if (st == ST_OK)
        st = write_generation(s, c, n, err);
    if (st == ST_OK)
        s->generation++;
    for (int i = 0; i < n; i++) {
        if (st == ST_OK)
            note(s, &c[i].point, c[i].fate, c[i].reason);
        if (st == ST_OK && is_new(c[i].fate))
            accept(s, &c[i].point, c[i].graph);
        else
            graph_unref(c[i].graph);
    }
    free(c);
    if (st == ST_OK)
        select_survivors(s);
    return st;
}

/* ---- going on ---- */

static enum status replay(void *arg, const struct search_point *p, enum search_fate fate,
                          const char *reason, struct err *err)
{
    struct search *s = arg;
    (void)err;
    if (p->generation > s->generation + 1) { /* the one before is whole */
        s->generation++;
        select_survivors(s);
    }
    note(s, p, fate, reason);
    if (is_new(fate))
        accept(s, p, NULL);
    return ST_OK;
}

/* The population and the front as they were behind the last whole generation. */
static enum status go_on(struct search *s, const char *path, struct err *err)
{
    TRY(archive_each(s->archive, replay, s, err));
    if ((s->next_id - 1) % s->population != 0)
        return err_set(err, ST_MODEL, "%s: its last generation is not whole", path);
    if (s->next_id > 1) {
        s->generation++;
        select_survivors(s);
    }
    for (size_t i = 0; i < s->member.n; i++)
        if (!s->member.at[i]->graph)
            TRY(lineage_remake(s, &s->member.at[i]->point, &s->member.at[i]->graph, err));
    return ST_OK;
}

/* ---- the whole ---- */

static const char *what_lacks(enum search_goal g)
{
    return g == GOAL_ACC ? "predictor" : "accelerator";
}

static bool is_goal(const struct search_opts *o, enum search_goal g)
{
    for (int k = 0; k < o->n_goal; k++)
        if (o->goal[k] == g)
            return true;
    return false;
}

/* Goals and limits, now that the network begun with is known. */
static enum status check_numbers(struct search *s, struct err *err)
{
    const struct search_opts *o = s->o;
    for (int i = 0; i < SEARCH_GOALS; i++) {
        enum search_goal g = (enum search_goal)i;
        const struct search_limit *l = &o->limit[g];
        bool limited = g != GOAL_ACC && l->set;
        s->most[g] = !limited ? INFINITY : l->relative ? l->value * s->base.value[g] : l->value;
        if ((limited || is_goal(o, g)) && isnan(s->base.value[g]))
            return err_set(err, ST_USAGE, "%s is not known: there is no %s", search_goal_name(g),
                           what_lacks(g));
    }
    s->trust = o->trust * (s->base.distance > 1 ? s->base.distance : 1);
    return ST_OK;
}

/* All that the outcome depends on, but for how long it goes on. */
static char *describe(const struct search *s)
{
    const struct search_opts *o = s->o;
    struct str t = {0};
    str_addf(&t,
             "network %016llx, seed %llu, population %d, scheme %d, sources %d, loss %g, trust %g, "
             "goals",
             (unsigned long long)s->base.hash, (unsigned long long)o->seed, s->population,
             (int)o->scheme, (int)o->source, o->max_loss, o->trust);
    for (int k = 0; k < o->n_goal; k++)
        str_addf(&t, " %s", search_goal_name(o->goal[k]));
    str_add(&t, ", limits");
    for (int g = 0; g < SEARCH_GOALS; g++)
        str_addf(&t, " %.9g", s->most[g]);
    str_add(&t, ", frozen");
    for (int i = 0; i < o->n_frozen; i++)
        str_addf(&t, " %d", o->frozen[i]);
    str_add(&t, ", forbidden");
    for (int i = 0; o->forbidden && i < OP_COUNT; i++)
        if (o->forbidden[i])
            str_addf(&t, " %d", i);
    str_addf(&t, ", database %016llx, numbers", (unsigned long long)segdb_hash(s->hand[0].db));
    for (int g = 0; g < GOAL_LATENCY; g++) /* a time may be measured anew */
        str_addf(&t, " %.9g", s->base.value[g]);
    return str_take(&t);
}

static enum status begin(struct search *s, const struct graph *base, const char *path,
                         struct err *err)
{
    const struct search_opts *o = s->o;
    int want = o->threads < 1 ? 1 : o->threads > PARALLEL_MOST ? PARALLEL_MOST : o->threads;
    s->hand = x_calloc((size_t)want, sizeof *s->hand);
    for (; s->n_hand < want; s->n_hand++)
        TRY(hand_open(&s->hand[s->n_hand], o, err));
    s->base_graph = graph_ref(base);
    s->base.parent = -1;
    s->base.hash = graph_hash(base);
    s->base.mate = -1;
    TRY(judge(&s->base, base, o, &s->table, err));
    if (is_goal(o, GOAL_LATENCY) || o->limit[GOAL_LATENCY].set)
        s->clock = layer_clock_new(
            &(struct timing_opts){.threads = 1, .seed = o->seed, .cancel = o->cancel});
    TRY(measure(s, &s->base, base, err));
    TRY(check_numbers(s, err));
    accept(s, &s->base, graph_ref(base));
    TRY(member_prepare(s->member.at[0], o, err));
    if (s->member.at[0]->place.n == 0)
        return err_set(err, ST_NO, "nothing of this network can be replaced");
    char *what = describe(s);
    enum status st = archive_open(&s->archive, path, what, err);
    free(what);
    if (st != ST_OK)
        return st;
    u64map_put(&s->seen, s->base.hash, 0);
    s->next_id = 1;
    if (o->begun)
        TRY(o->begun(o->arg, err));
    return go_on(s, path, err);
}

static struct search_state state_of(const struct search *s)
{
    return (struct search_state){.tried = s->next_id - 1,
                                 .accepted = s->fates[FATE_ACCEPTED],
                                 .duplicates = s->fates[FATE_DUPLICATE],
                                 .refused = s->fates[FATE_REFUSED],
                                 .beyond = s->fates[FATE_BEYOND],
                                 .generation = s->generation,
                                 .volume = select_volume(s),
                                 .seconds = clock_s() - s->begun,
                                 .base = &s->base,
                                 .front = s->front.at,
                                 .n_front = (int)s->front.n};
}

static enum status evolve(struct search *s, struct err *err)
{
    const struct search_opts *o = s->o;
    while (s->next_id - 1 < o->evaluations &&
           (o->seconds <= 0 || clock_s() - s->begun < o->seconds)) {
        TRY(generation(s, err));
        if (o->progress) {
            struct search_state now = state_of(s);
            o->progress(o->arg, &now);
        }
    }
    if (s->fates[FATE_REFUSED] == s->next_id - 1)
        return err_set(err, ST_NO, "each of the %lld networks tried was refused, the last: %s",
                       (long long)s->next_id - 1, s->refusal);
    return s->front.n ? ST_OK : err_set(err, ST_NO, "no network keeps within the limits");
}

static enum status execute(struct search_result *r, int i, const struct search_opts *o,
                           struct err *err)
{
    struct trial t;
    struct err e = {0};
    const struct trial_opts to = {.seed = o->seed, .threads = o->threads, .cancel = o->cancel};
    enum status st = trial_run(&t, r->graph[i], &to, &e);
    if (st == ST_CANCELLED)
        return *err = e, st;
    snprintf(r->fault[i], sizeof r->fault[i], "%.199s", st == ST_OK ? t.fault : e.msg);
    if (st == ST_OK)
        trial_done(&t);
    return ST_OK;
}

struct placed {
    double share; /* in the first goal */
    struct search_point point;
};

static int by_share(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    if (x->share < y->share || x->share > y->share)
        return x->share < y->share ? -1 : 1;
    return (x->point.id > y->point.id) - (x->point.id < y->point.id);
}

static struct search_point *front_in_order(const struct search *s)
{
    size_t n = s->front.n;
    struct placed *by = x_malloc((n + 1) * sizeof *by);
    struct search_point *out = x_malloc((n + 1) * sizeof *out);
    for (size_t i = 0; i < n; i++)
        by[i] =
            (struct placed){search_share(&s->base, &s->front.at[i], s->o->goal[0]), s->front.at[i]};
    qsort(by, n, sizeof *by, by_share);
    for (size_t i = 0; i < n; i++)
        out[i] = by[i].point;
    free(by);
    return out;
}

static enum status report(struct search *s, struct search_result *r, struct err *err)
{
    r->base = s->base;
    r->base_keeps = select_excess(s, &s->base) == 0;
    r->front = front_in_order(s);
    r->graph = x_calloc(s->front.n + 1, sizeof *r->graph);
    r->fault = x_calloc(s->front.n + 1, sizeof *r->fault);
    r->table = s->o->pred ? pred_model_table(s->o->pred, s->table) : NULL;
    r->line = x_calloc(s->front.n + 1, sizeof *r->line);
    for (; r->n_front < (int)s->front.n; r->n_front++) {
        struct points line;
        enum status got = lineage_of(s, &r->front[r->n_front], &line, err);
        r->line[r->n_front] = (struct search_line){line.at, line.n};
        TRY(got);
        TRY(lineage_remake(s, &r->front[r->n_front], &r->graph[r->n_front], err));
        enum status st = execute(r, r->n_front, s->o, err);
        if (st != ST_OK)
            return graph_unref(r->graph[r->n_front]), st;
    }
    return ST_OK;
}

enum status search_run(struct search_result *out, const struct graph *base, const char *path,
                       const struct search_opts *opts, struct err *err)
{
    struct search s = {.o = opts,
                       .population = opts->population ? opts->population : SEARCH_POPULATION,
                       .table = -1,
                       .begun = clock_s()};
    struct search_result r = {0};
    enum status st = begin(&s, base, path, err);
    r.resumed_at = s.generation;
    if (st == ST_OK)
        st = evolve(&s, err);
    r.state = state_of(&s);
    if (st == ST_OK)
        st = report(&s, &r, err);
    for (size_t i = 0; i < s.member.n; i++)
        member_free(s.member.at[i]);
    vec_done(&s.member);
    vec_done(&s.front);
    u64map_done(&s.seen);
    credit_done(&s.records);
    credit_done(&s.sources);
    layer_clock_free(s.clock);
    archive_close(s.archive);
    graph_unref(s.base_graph);
    for (int i = 0; i < s.n_hand; i++)
        hand_close(&s.hand[i]);
    free(s.hand);
    r.state.base = &out->base;
    r.state.front = r.front;
    if (st == ST_OK)
        *out = r;
    else
        search_result_done(&r);
    return st;
}

void search_result_done(struct search_result *r)
{
    for (int i = 0; i < r->n_front; i++) {
        graph_unref(r->graph[i]);
        free(r->line[i].at);
    }
    free(r->line);
    free(r->front);
    free(r->graph);
    free(r->fault);
    *r = (struct search_result){0};
}
