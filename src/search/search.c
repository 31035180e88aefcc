#include "search/search_priv.h"

#include "base/clock.h"
#include "base/parallel.h"
#include "base/str.h"
#include "search/measure.h"

#include <math.h>
#include <stdio.h>

#define NOISE .01 /* of true values, see surrogate.h */
enum {
    BROOD = 4, /* children evaluated between two choices of parents, where what is learnt decides */
    ROUNDS = 2
};

static const char *const goal_names[SEARCH_GOALS] = {"acc",    "flops",  "params", "memory",
                                                     "cycles", "energy", "latency"};
static const char *const source_names[SEARCH_SOURCES] = {"mixed", "flops", "cycles", "paid",
                                                         "random"};

static const char *const scheme_names[SEARCH_SCHEMES] = {"nsga2", "random"};

static int find_name(const char *const *names, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

const char *search_goal_name(enum search_goal g)
{
    return goal_names[g];
}

bool search_goal_find(const char *name, enum search_goal *out)
{
    int i = find_name(goal_names, SEARCH_GOALS, name);
    *out = i < 0 ? *out : (enum search_goal)i;
    return i >= 0;
}

const char *search_source_name(enum search_source s)
{
    return source_names[s];
}

bool search_source_find(const char *name, enum search_source *out)
{
    int i = find_name(source_names, SEARCH_SOURCES, name);
    *out = i < 0 ? *out : (enum search_source)i;
    return i >= 0;
}

const char *search_scheme_name(enum search_scheme s)
{
    return scheme_names[s];
}

bool search_scheme_find(const char *name, enum search_scheme *out)
{
    int i = find_name(scheme_names, SEARCH_SCHEMES, name);
    *out = i < 0 ? *out : (enum search_scheme)i;
    return i >= 0;
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
    if (s->learnt)
        return ST_OK;
    const char *why = s->o->accuracy && !c->point.in_distribution ? "its accuracy is not known"
                      : c->point.distance > s->trust ? "the predictor knows no network like it"
                                                     : NULL;
    if (why) {
        c->fate = FATE_REFUSED;
        snprintf(c->reason, sizeof c->reason, "%s", why);
    } else if (s->truths) {
        truths_correct(s, &c->point, c->graph);
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
    return fate == FATE_ACCEPTED || fate == FATE_BEYOND || fate == FATE_GUEST;
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
    if (fate == FATE_WAY)
        u64map_put(&s->way, p->hash, p->id);
}

/* What a generation adds: rows about guests, then its children. */
struct litter {
    struct points row;
    struct guests guest;
    struct child *child;
    int n_child;
};

static bool is_guest(const struct litter *l, size_t row)
{
    for (size_t i = 0; i < l->guest.n; i++) /* a few */
        if (l->guest.at[i].row == row)
            return true;
    return false;
}

static enum search_fate row_fate(const struct litter *l, size_t row)
{
    return is_guest(l, row) ? FATE_GUEST : FATE_WAY;
}

static enum status write_generation(struct search *s, const struct litter *l, struct err *err)
{
    TRY(archive_begin(s->archive, err));
    for (size_t i = 0; i < l->row.n; i++)
        TRY(archive_add(s->archive, &l->row.at[i], row_fate(l, i), NULL, err));
    for (int i = 0; i < l->n_child; i++) {
        const struct child *c = &l->child[i];
        TRY(archive_add(s->archive, &c->point, c->fate, c->reason[0] ? c->reason : NULL, err));
    }
    return archive_commit(s->archive, err);
}

static void begin_children(const struct search *s, struct litter *l)
{
    l->n_child = s->learnt ? BROOD * s->o->choice : s->population;
    l->child = x_calloc((size_t)l->n_child, sizeof *l->child);
    for (int i = 0; i < l->n_child; i++) {
        int64_t id = s->next_id + (int64_t)l->row.n + i;
        struct child *c = &l->child[i];
        c->stream = s->learnt ? (int64_t)s->generation * l->n_child + i + 1 : id;
        c->parent = select_parent(s, c->stream, 0);
        c->mate = select_parent(s, c->stream, 1);
        c->point = (struct search_point){.id = id,
                                         .parent = c->parent->point.id,
                                         .mate = -1,
                                         .generation = s->generation + 1,
                                         .edits = c->parent->point.edits + 1};
    }
}

/* The rest is forgotten. */
static enum status keep_brood(struct search *s, struct litter *l, struct err *err)
{
    int asked;
    for (size_t i = 0; i < l->guest.n; i++)
        learn_network(s, l->guest.at[i].graph, l->row.at[l->guest.at[i].row].value[GOAL_ACC]);
    TRY(learn_spend(s, l->child, l->n_child, BROOD, &asked, err));
    for (int i = asked; i < l->n_child; i++)
        graph_unref(l->child[i].graph);
    l->n_child = asked;
    for (int i = 0; i < l->n_child; i++)
        l->child[i].point.id = s->next_id + (int64_t)l->row.n + i;
    return ST_OK;
}

/* What is to be done about the children in order. */
static enum status finish_children(struct search *s, const struct litter *l, struct err *err)
{
    struct u64map now = {0};
    enum status st = ST_OK;
    for (size_t i = 0; i < l->row.n; i++)
        u64map_put(&now, l->row.at[i].hash, -1);
    for (int i = 0; i < l->n_child && st == ST_OK; i++) {
        struct child *c = &l->child[i];
        if (c->fate != FATE_ACCEPTED)
            continue;
        if (*u64map_put(&now, c->point.hash, i) != i)
            c->fate = FATE_DUPLICATE;
        else if ((st = measure(s, &c->point, c->graph, err)) == ST_OK &&
                 select_excess(s, &c->point) > 0)
            c->fate = FATE_BEYOND;
    }
    u64map_done(&now);
    return st;
}

static void take_in(struct search *s, struct litter *l)
{
    for (size_t i = 0; i < l->row.n; i++)
        note(s, &l->row.at[i], row_fate(l, i), "");
    for (size_t i = 0; i < l->guest.n; i++)
        accept(s, &l->row.at[l->guest.at[i].row], graph_ref(l->guest.at[i].graph));
    for (int i = 0; i < l->n_child; i++) {
        struct child *c = &l->child[i];
        note(s, &c->point, c->fate, c->reason);
        if (is_new(c->fate))
            accept(s, &c->point, graph_ref(c->graph));
    }
}

static void litter_done(struct litter *l)
{
    for (size_t i = 0; i < l->guest.n; i++)
        graph_unref(l->guest.at[i].graph);
    for (int i = 0; i < l->n_child; i++)
        graph_unref(l->child[i].graph);
    free(l->child);
    vec_done(&l->row);
    vec_done(&l->guest);
}

static enum status breed(struct search *s, struct litter *l, struct err *err)
{
    begin_children(s, l);
    TRY(crew_run(s, s->member.at, (int)s->member.n, prepare_one, err));
    TRY(crew_run(s, l->child, l->n_child, make_one, err));
    if (s->learnt)
        TRY(keep_brood(s, l, err));
    TRY(finish_children(s, l, err));
    return write_generation(s, l, err);
}

/* *stop: rank 0 wants no more of them. */
static enum status generation(struct search *s, bool over, bool *stop, struct err *err)
{
    struct litter l = {0};
    enum status st = ST_OK;
    *stop = false;
    if (islands_meet(s))
        st = islands_exchange(s, over, &l.row, &l.guest, stop, err);
    if (st == ST_OK && !*stop)
        st = breed(s, &l, err);
    if (st == ST_OK && !*stop) {
        s->generation++;
        take_in(s, &l);
        select_survivors(s);
        if (s->truths)
            st = truths_meet(s, err);
    }
    litter_done(&l);
    return st;
}

/* ---- going on ---- */

/* Children of this rank. */
static int64_t tried(const struct search *s)
{
    return s->fates[FATE_ACCEPTED] + s->fates[FATE_REFUSED] + s->fates[FATE_DUPLICATE] +
           s->fates[FATE_BEYOND];
}

static enum status end_generation(struct search *s, struct err *err)
{
    s->generation++;
    select_survivors(s);
    return s->truths ? truths_replay(s, err) : ST_OK;
}

static enum status replay(void *arg, const struct search_point *p, enum search_fate fate,
                          const char *reason, struct err *err)
{
    struct search *s = arg;
    bool whole = p->generation > s->generation + 1; /* the one before */
    if (whole)
        TRY(end_generation(s, err));
    if (whole || s->next_id == 1)
        TRY(rules_meet_again(s, err));
    note(s, p, fate, reason);
    if (is_new(fate))
        accept(s, p, NULL);
    return ST_OK;
}

/* A true value that was learnt. */
static enum status relearn(void *arg, const struct search_point *p, enum search_fate fate,
                           const char *reason, struct err *err)
{
    struct search *s = arg;
    struct graph *g;
    (void)reason;
    if (!is_new(fate))
        return ST_OK;
    TRY(lineage_remake(s, p, &g, err));
    learn_network(s, g, p->value[GOAL_ACC]);
    graph_unref(g);
    return ST_OK;
}

/* What the caller wants to be changed; NULL: nothing. */
static const struct search_opts *renewed(const struct search *s)
{
    return s->given->renew ? s->given->renew(s->given->arg) : NULL;
}

/* The population and the front as they were behind the last whole generation, and what is changed
 * behind it. */
static enum status go_on(struct search *s, struct err *err)
{
    TRY(archive_each(s->archive, replay, s, err));
    if (s->learnt)
        TRY(archive_each(s->archive, relearn, s, err));
    if (!s->learnt && tried(s) % s->population != 0)
        return err_set(err, ST_MODEL, "%s: its last generation is not whole", s->path);
    if (s->next_id > 1)
        TRY(end_generation(s, err));
    for (size_t i = 0; i < s->member.n; i++)
        if (!s->member.at[i]->graph)
            TRY(lineage_remake(s, &s->member.at[i]->point, &s->member.at[i]->graph, err));
    if (s->truths) {
        TRY(truths_recall(s, err));
        TRY(truths_meet(s, err));
    }
    const struct search_opts *now = renewed(s);
    return rules_settle(s, now ? now : s->given, err);
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

/* Of goals and limits, now that the network begun with is known. */
static enum status check_numbers(const struct search *s, const struct search_opts *o,
                                 struct err *err)
{
    for (int i = 0; i < SEARCH_GOALS; i++) {
        enum search_goal g = (enum search_goal)i;
        bool limited = g != GOAL_ACC && o->limit[g].set;
        if ((limited || is_goal(o, g)) && isnan(s->base.value[g]))
            return err_set(err, ST_USAGE, "%s is not known: there is no %s", search_goal_name(g),
                           what_lacks(g));
    }
    return ST_OK;
}

/* All that the outcome depends on, but for what may be changed (rules.c). */
static char *describe(const struct search *s)
{
    const struct search_opts *o = s->o;
    struct str t = {0};
    str_addf(&t, "rank %d of %d, ", comm_rank(o->comm), comm_size(o->comm));
    str_addf(&t,
             "network %016llx, seed %llu, population %d, scheme %d, sources %d, trust %g, "
             "goals",
             (unsigned long long)s->base.hash, (unsigned long long)o->seed, s->population,
             (int)o->scheme, (int)o->source, o->trust);
    if (s->learnt)
        str_addf(&t, " choice %d", o->choice);
    if (s->truths) {
        char *recipe = measure_recipe(o->measure);
        str_addf(&t, " measured every %lld, %d seeds of %s", (long long)o->measure_every,
                 o->measure->seeds, recipe);
        free(recipe);
    }
    for (int k = 0; k < o->n_goal; k++)
        str_addf(&t, " %s", search_goal_name(o->goal[k]));
    str_addf(&t, ", database %016llx, numbers", (unsigned long long)segdb_hash(s->hand[0].db));
    for (int g = 0; g < GOAL_LATENCY; g++) /* a time may be measured anew */
        str_addf(&t, " %.9g", s->base.value[g]);
    return str_take(&t);
}

static enum status begin(struct search *s, const struct graph *base, struct err *err)
{
    const struct search_opts *o = s->o;
    if (o->measure_every && o->comm)
        return err_set(err, ST_USAGE, "networks are trained on the way by one process only");
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
    TRY(check_numbers(s, o, err));
    for (int g = 0; g < SEARCH_GOALS; g++) /* until rules.c has them */
        s->most[g] = INFINITY;
    s->trust = o->trust * (s->base.distance > 1 ? s->base.distance : 1);
    if (s->learnt)
        learn_network(s, base, s->base.value[GOAL_ACC]);
    accept(s, &s->base, graph_ref(base));
    TRY(member_prepare(s->member.at[0], o, err));
    if (s->member.at[0]->place.n == 0)
        return err_set(err, ST_NO, "nothing of this network can be replaced");
    char *what = describe(s);
    enum status st = archive_open(&s->archive, s->path, what, err);
    free(what);
    if (st != ST_OK)
        return st;
    TRY(islands_align(s, err));
    TRY(rules_load(s, err));
    TRY(rules_check(s, err));
    u64map_put(&s->seen, s->base.hash, 0);
    s->next_id = 1;
    if (o->begun)
        TRY(o->begun(o->arg, err));
    return go_on(s, err);
}

static struct search_state state_of(const struct search *s)
{
    int n_truth;
    const struct search_truth *truth = truths_all(s->truths, &n_truth);
    return (struct search_state){.truth = truth,
                                 .n_truth = n_truth,
                                 .change = s->change.at,
                                 .n_change = (int)s->change.n,
                                 .tried = tried(s),
                                 .last_id = s->next_id - 1,
                                 .accepted = s->fates[FATE_ACCEPTED],
                                 .duplicates = s->fates[FATE_DUPLICATE],
                                 .refused = s->fates[FATE_REFUSED],
                                 .beyond = s->fates[FATE_BEYOND],
                                 .generation = s->generation,
                                 .volume = select_volume(s),
                                 .seconds = clock_s() - s->begun,
                                 .base = &s->base,
                                 .front = s->front.at,
                                 .n_front = (int)s->front.n,
                                 .search = s};
}

static void tell(const struct search *s)
{
    if (!s->o->progress)
        return;
    struct search_state now = state_of(s);
    s->o->progress(s->o->arg, &now);
}

enum status search_line_of(const struct search_state *now, const struct search_point *p,
                           struct search_line *out, struct err *err)
{
    struct points line;
    enum status st = lineage_of(now->search, p, &line, err);
    if (st != ST_OK)
        vec_done(&line);
    *out = (struct search_line){line.at, line.n};
    return st;
}

static bool is_over(const struct search *s)
{
    return s->o->seconds > 0 && clock_s() - s->begun >= s->o->seconds;
}

/* What is wanted otherwise from here on. */
static enum status change(struct search *s, struct err *err)
{
    const struct search_opts *now = renewed(s);
    if (!now)
        return ST_OK;
    TRY(check_numbers(s, now, err));
    return rules_settle(s, now, err);
}

static enum status evolve(struct search *s, struct err *err)
{
    const struct search_opts *o = s->o;
    int64_t islands = comm_size(o->comm);
    bool stop = false;
    tell(s);
    while (!stop && tried(s) < (o->evaluations + islands - 1) / islands &&
           (o->comm || !is_over(s))) {
        TRY(generation(s, is_over(s), &stop, err));
        TRY(change(s, err));
        tell(s);
    }
    TRY(islands_gather(s, err));
    if (islands == 1 && s->fates[FATE_REFUSED] == tried(s))
        return err_set(err, ST_NO, "each of the %lld networks tried was refused, the last: %s",
                       (long long)tried(s), s->refusal);
    return s->front.n || comm_rank(o->comm)
               ? ST_OK
               : err_set(err, ST_NO, "no network keeps within the limits");
}

static void search_done(struct search *s)
{
    for (size_t i = 0; i < s->abroad.n; i++)
        vec_done(&s->abroad.at[i]);
    vec_done(&s->abroad);
    for (size_t i = 0; i < s->member.n; i++)
        member_free(s->member.at[i]);
    vec_done(&s->member);
    rules_done(s);
    vec_done(&s->front);
    u64map_done(&s->seen);
    u64map_done(&s->way);
    credit_done(&s->records);
    credit_done(&s->sources);
    surrogate_free(s->learnt);
    truths_free(s->truths);
    layer_clock_free(s->clock);
    archive_close(s->archive);
    graph_unref(s->base_graph);
    for (int i = 0; i < s->n_hand; i++)
        hand_close(&s->hand[i]);
    free(s->hand);
}

enum status search_run(struct search_result *out, const struct graph *base, const char *path,
                       const struct search_opts *opts, struct err *err)
{
    struct search s = {.given = opts,
                       .own = *opts,
                       .path = path,
                       .population = opts->population ? opts->population : SEARCH_POPULATION,
                       .table = -1,
                       .stream = hash_pair(opts->seed, (uint64_t)comm_rank(opts->comm)),
                       .begun = clock_s()};
    struct search_result r = {0};
    s.o = &s.own;
    if (opts->accuracy && opts->choice)
        s.learnt = surrogate_new(&(struct surrogate_opts){.rounds = ROUNDS, .noise = NOISE});
    if (opts->measure_every)
        s.truths = truths_new();
    enum status st = begin(&s, base, err);
    r.resumed_at = s.generation;
    if (st == ST_OK)
        st = evolve(&s, err);
    r.state = state_of(&s);
    if (st == ST_OK && comm_rank(opts->comm) == 0)
        st = result_make(&s, &r, err);
    search_done(&s);
    r.state.base = &out->base;
    r.state.front = r.front;
    r.state.truth = r.truth;
    r.state.change = r.change;
    r.state.search = NULL;
    if (st == ST_OK)
        *out = r;
    else
        search_result_done(&r);
    return st;
}
