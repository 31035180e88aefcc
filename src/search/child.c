/* One child: where its parent is cut, and what is put there. */
#include "search/search_priv.h"

#include "cost/cost.h"
#include "mutate/mutate.h"

#include <stdio.h>

#define REPAIR_S 5.0 /* so long that none ends by time: results depend on the seed only */
#define CROSSOVER .2 /* share of children that take over a mate's edit, if it fits */
#define SECOND .2    /* share with a second edit */
enum {
    RECORDS = 400,   /* most promising ones of the database, of which one is drawn */
    TOURNAMENT = 3,  /* records drawn, of which the one with most credit is taken */
    LOOK_FURTHER = 8 /* draws for something allowed, for a segment that can be replaced */
};

/* ---- replacing ---- */

/* As a session with this seed has it, so that the edit can be played there: seed and repair are the
 * same. */
static uint64_t edit_seed(const struct search_opts *o, uint64_t parent_hash,
                          const struct search_step *e)
{
    return hash_pair(hash_pair(o->seed, parent_hash),
                     hash_pair((uint64_t)e->segment, (uint64_t)e->record));
}

/* *out is NULL with a reason when there is no repair. */
static enum status replace(const struct graph *g, uint64_t hash, const struct region *r,
                           const struct search_step *e, struct hand *h, const struct search_opts *o,
                           struct graph **out, char reason[200], struct err *err)
{
    const struct graph *fragment;
    struct candidate cand = {0};
    TRY(hand_fragment(h, e->record, &fragment, err));
    struct cost was;
    cost_nodes(g, r->ids, r->n, &was);
    const struct mutate_opts mo = {.seed = edit_seed(o, hash, e),
                                   .mend = {.near_flops_paper = was.flops_paper,
                                            .time_limit_s = REPAIR_S,
                                            .cancel = o->cancel}};
    TRY(mutate_replace(g, r, fragment, &mo, &cand, err));
    bool ok = cand.graph && cand.status != MEND_TIMEOUT;
    *out = ok ? graph_ref(cand.graph) : NULL;
    snprintf(reason, 200, "%.199s",
             ok               ? ""
             : cand.reason[0] ? cand.reason
                              : "the repair took too long");
    candidate_done(&cand);
    return ST_OK;
}

/* ---- choosing ---- */

static double weight_of(const struct search *s, const struct place *p, enum search_source by)
{
    return by == SOURCE_FLOPS    ? p->flops
           : by == SOURCE_CYCLES ? p->cycles
           : by == SOURCE_PAID   ? credit_of(&s->sources, p->hash)
                                 : 1;
}

static const struct place *choose_place(const struct search *s, const struct member *m,
                                        struct rng *r)
{
    static const enum search_source mixed[] = {SOURCE_FLOPS, SOURCE_CYCLES, SOURCE_PAID,
                                               SOURCE_RANDOM};
    enum search_source by = s->o->source;
    size_t n = m->place.n, i = 0;
    double sum = 0;
    if (by == SOURCE_MIXED)
        by = mixed[rng_below(r, sizeof mixed / sizeof *mixed)];
    for (size_t k = 0; k < n; k++)
        sum += weight_of(s, &m->place.at[k], by);
    if (!(sum > 0))
        return &m->place.at[rng_below(r, n)];
    double at = rng_double(r) * sum;
    for (; i + 1 < n && at >= weight_of(s, &m->place.at[i], by); i++)
        at -= weight_of(s, &m->place.at[i], by);
    return &m->place.at[i];
}

static bool is_allowed(const struct graph *fragment, const bool *forbidden)
{
    for (int i = 0; forbidden && i < graph_n_nodes(fragment); i++)
        if (forbidden[graph_node(fragment, graph_topo(fragment)[i])->op])
            return false;
    return true;
}

static enum status draw_record(const struct search *s, const int64_t *ids, int n, struct hand *h,
                               struct rng *r, int64_t *record, struct err *err)
{
    const struct graph *fragment;
    double best = -1;
    for (int i = 0, drawn = 0; n && i < LOOK_FURTHER && drawn < TOURNAMENT; i++) {
        int64_t id = ids[rng_below(r, (uint64_t)n)];
        double credit = credit_of(&s->records, (uint64_t)id);
        if (s->o->forbidden) {
            TRY(hand_fragment(h, id, &fragment, err));
            if (!is_allowed(fragment, s->o->forbidden))
                continue;
        }
        drawn++;
        if (credit > best) {
            best = credit;
            *record = id;
        }
    }
    return ST_OK;
}

/* *record 0: the database has nothing for the place, or none that was drawn is allowed. */
static enum status choose_record(const struct search *s, const struct graph *g,
                                 const struct place *p, struct hand *h, struct rng *r,
                                 int64_t *record, struct err *err)
{
    int64_t *ids;
    int n;
    *record = 0;
    TRY(segdb_query(h->db, g, &p->region, RECORDS, &ids, &n, err));
    enum status st = draw_record(s, ids, n, h, r, record, err);
    free(ids);
    return st;
}

/* ---- making ---- */

/* The place of the parent that is as the mate's was before its edit; NULL: none. */
static const struct place *common_place(const struct child *c, struct rng *r)
{
    const struct place *found = NULL;
    uint64_t same = 0;
    if (!c->mate || c->mate->point.n_step == 0)
        return NULL;
    for (size_t i = 0; i < c->parent->place.n; i++)
        if (c->parent->place.at[i].hash == c->mate->point.source && rng_below(r, ++same) == 0)
            found = &c->parent->place.at[i];
    return found;
}

static enum status first_step(const struct search *s, struct child *c, struct hand *h,
                              struct rng *r, struct err *err)
{
    const struct member *m = c->parent;
    struct search_point *p = &c->point;
    const struct place *at = rng_double(r) < CROSSOVER ? common_place(c, r) : NULL;
    p->mate = at ? c->mate->point.id : -1;
    if (at) {
        p->step[0].record = c->mate->point.step[0].record;
    } else {
        at = choose_place(s, m, r);
        TRY(choose_record(s, m->graph, at, h, r, &p->step[0].record, err));
        if (!p->step[0].record) {
            snprintf(c->reason, sizeof c->reason,
                     "the database has nothing for it that is allowed");
            return ST_OK;
        }
    }
    p->step[0].segment = at->segment;
    p->source = at->hash;
    p->n_step = 1;
    return replace(m->graph, m->point.hash, &at->region, &p->step[0], h, s->o, &c->graph, c->reason,
                   err);
}

/* A place of the network between the steps; *ok: found one, it is the caller's. */
static enum status draw_place(const struct search *s, const struct graph *g, struct rng *r,
                              struct place *out, bool *ok, struct err *err)
{
    struct bpe_segmentation cut;
    TRY(bpe_segment_graph(s->o->vocab, g, &cut, err));
    enum status st = ST_OK;
    *ok = false;
    for (int i = 0; i < LOOK_FURTHER && !*ok && st == ST_OK; i++)
        st = place_init(out, g, &cut, (int)rng_below(r, (uint64_t)cut.n_segments), s->o, ok, err);
    bpe_segmentation_done(&cut);
    return st;
}

/* When it cannot be made the child stays with the first one. */
static enum status second_step(const struct search *s, struct child *c, struct hand *h,
                               struct rng *r, struct err *err)
{
    struct search_step *e = &c->point.step[1];
    struct place at;
    bool ok;
    TRY(draw_place(s, c->graph, r, &at, &ok, err));
    if (!ok)
        return ST_OK;
    struct graph *g = NULL;
    char reason[200];
    e->segment = at.segment;
    enum status st = choose_record(s, c->graph, &at, h, r, &e->record, err);
    if (st == ST_OK && e->record)
        st = replace(c->graph, graph_hash(c->graph), &at.region, e, h, s->o, &g, reason, err);
    region_done(&at.region);
    if (g) {
        graph_unref(c->graph);
        c->graph = g;
        c->point.n_step = 2;
        c->point.edits++;
    }
    return st;
}

enum status child_make(const struct search *s, struct child *c, struct hand *h, struct err *err)
{
    struct rng r = rng_for(s->stream, (uint64_t)c->stream);
    c->fate = FATE_REFUSED;
    if (c->parent->place.n == 0) {
        snprintf(c->reason, sizeof c->reason, "nothing of its parent can be replaced");
        return ST_OK;
    }
    TRY(first_step(s, c, h, &r, err));
    if (c->graph && rng_double(&r) < SECOND)
        TRY(second_step(s, c, h, &r, err));
    if (c->graph) {
        c->fate = FATE_ACCEPTED;
        c->point.hash = graph_hash(c->graph);
    }
    return ST_OK;
}

static enum status remake_step(const struct graph *g, const struct search_step *e, struct hand *h,
                               const struct search_opts *o, struct graph **out, struct err *err)
{
    struct bpe_segmentation cut;
    struct region r;
    char reason[200] = "the segment is not there";
    TRY(bpe_segment_graph(o->vocab, g, &cut, err));
    *out = NULL;
    enum status st = ST_OK;
    if (e->segment < cut.n_segments && (st = place_region(g, &cut, e->segment, &r, err)) == ST_OK) {
        st = replace(g, graph_hash(g), &r, e, h, o, out, reason, err);
        region_done(&r);
    }
    bpe_segmentation_done(&cut);
    if (st == ST_OK && !*out)
        st = err_set(err, ST_MODEL, "an edit of the archive cannot be made again: %s", reason);
    return st;
}

enum status child_remake(const struct graph *parent, const struct search_point *p, struct hand *h,
                         const struct search_opts *o, struct graph **out, struct err *err)
{
    struct graph *g = graph_ref(parent);
    enum status st = ST_OK;
    for (int i = 0; i < p->n_step && st == ST_OK; i++) {
        struct graph *next = NULL;
        st = remake_step(g, &p->step[i], h, o, &next, err);
        graph_unref(g);
        g = next;
    }
    *out = g;
    return st;
}
