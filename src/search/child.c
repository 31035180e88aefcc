/* One child: where its parent is cut, what is put there, and what that gives. */
#include "search/search_priv.h"

#include "base/rng.h"
#include "cost/cost.h"
#include "mutate/mutate.h"

#include <math.h>
#include <stdio.h>

enum { RECORDS = 48 };     /* of the database for each place */
enum { FRAGMENTS = 8192 }; /* a hand keeps before it begins anew */
#define REPAIR_S 5.0       /* so long that none ends by time: results depend on the seed only */
#define BLIND .5           /* share of places chosen evenly instead of by FLOPs */

void member_free(struct member *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->place.n; i++) {
        region_done(&m->place.at[i].region);
        free(m->place.at[i].record);
    }
    vec_done(&m->place);
    graph_unref(m->graph);
    free(m);
}

/* ---- a thread's own ---- */

enum status hand_open(struct hand *h, const struct search_opts *o, struct err *err)
{
    *h = (struct hand){0};
    return segdb_open(&h->db, o->segdb, o->segdb[1] ? 2 : 1, err);
}

static void drop_fragments(struct hand *h)
{
    for (size_t i = 0; i < h->fragment.n; i++)
        graph_unref(h->fragment.at[i]);
    vec_done(&h->fragment);
    u64map_done(&h->at);
}

void hand_close(struct hand *h)
{
    drop_fragments(h);
    if (h->db)
        segdb_close(h->db, NULL);
    *h = (struct hand){0};
}

/* Borrowed until the next call. */
static enum status fragment_of(struct hand *h, int64_t record, const struct graph **out,
                               struct err *err)
{
    if (h->fragment.n >= FRAGMENTS)
        drop_fragments(h);
    int64_t *at = u64map_get(&h->at, (uint64_t)record);
    if (!at) {
        struct segdb_record r;
        TRY(segdb_get(h->db, record, &r, err));
        at = u64map_put(&h->at, (uint64_t)record, (int64_t)h->fragment.n);
        vec_push(&h->fragment, graph_ref(r.fragment));
        segdb_record_done(&r);
    }
    *out = h->fragment.at[*at];
    return ST_OK;
}

/* ---- places ---- */

static enum status region_of(const struct graph *g, const struct bpe_segmentation *s, int k,
                             struct region *r, struct err *err)
{
    const struct bpe_segment *seg = &s->segment[k];
    return region_init(r, g, s->order + seg->start, seg->len, err);
}

static enum status add_place(struct member *m, const struct bpe_segmentation *s, int k,
                             int64_t all_flops, struct hand *h, struct err *err)
{
    struct place p = {.segment = k};
    struct cost c;
    TRY(region_of(m->graph, s, k, &p.region, err));
    enum status st = ST_OK;
    if (mutate_region_ok(m->graph, &p.region, NULL, 0))
        st = segdb_query(h->db, m->graph, &p.region, RECORDS, &p.record, &p.n_record, err);
    if (st != ST_OK || p.n_record == 0) {
        region_done(&p.region);
        free(p.record);
        return st;
    }
    cost_nodes(m->graph, p.region.ids, p.region.n, &c);
    p.flops = all_flops > 0 ? (double)c.flops_paper / (double)all_flops : 0;
    vec_push(&m->place, p);
    return ST_OK;
}

enum status member_prepare(struct member *m, struct hand *h, const struct search_opts *o,
                           struct err *err)
{
    struct bpe_segmentation s;
    struct cost all;
    cost_graph(m->graph, &all);
    TRY(bpe_segment_graph(o->vocab, m->graph, &s, err));
    enum status st = ST_OK;
    for (int k = 0; k < s.n_segments && st == ST_OK; k++)
        st = add_place(m, &s, k, all.flops_paper, h, err);
    m->prepared = st == ST_OK;
    bpe_segmentation_done(&s);
    return st;
}

/* ---- replacing ---- */

/* As a session with this seed would, so that the edit can be played there. */
static uint64_t edit_seed(const struct search_opts *o, uint64_t parent_hash, int segment,
                          int64_t record)
{
    return hash_pair(hash_pair(o->seed, parent_hash),
                     hash_pair((uint64_t)segment, (uint64_t)record));
}

/* *out is NULL with a reason when there is no repair. */
static enum status replace(const struct graph *g, uint64_t hash, int segment,
                           const struct region *r, int64_t record, struct hand *h,
                           const struct search_opts *o, struct graph **out, char reason[200],
                           struct err *err)
{
    const struct graph *fragment;
    struct candidate cand = {0};
    TRY(fragment_of(h, record, &fragment, err));
    const struct mutate_opts mo = {.seed = edit_seed(o, hash, segment, record),
                                   .mend = {.time_limit_s = REPAIR_S, .cancel = o->cancel}};
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

/* By its share of the FLOPs, or evenly. */
static const struct place *choose_place(const struct member *m, struct rng *r)
{
    size_t n = m->place.n, i = 0;
    double sum = 0, at;
    for (size_t k = 0; k < n; k++)
        sum += m->place.at[k].flops;
    if (rng_double(r) < BLIND || !(sum > 0))
        return &m->place.at[rng_below(r, n)];
    for (at = rng_double(r) * sum; i + 1 < n && at >= m->place.at[i].flops; i++)
        at -= m->place.at[i].flops;
    return &m->place.at[i];
}

enum status child_make(struct child *c, struct hand *h, const struct search_opts *o,
                       struct err *err)
{
    const struct member *m = c->parent;
    struct rng r = rng_for(o->seed, (uint64_t)c->point.id);
    c->fate = FATE_REFUSED;
    if (m->place.n == 0) {
        snprintf(c->reason, sizeof c->reason, "nothing of its parent can be replaced");
        return ST_OK;
    }
    const struct place *p = choose_place(m, &r);
    c->point.segment = p->segment;
    c->point.record = p->record[rng_below(&r, (uint64_t)p->n_record)];
    TRY(replace(m->graph, m->point.hash, p->segment, &p->region, c->point.record, h, o, &c->graph,
                c->reason, err));
    if (c->graph) {
        c->fate = FATE_ACCEPTED;
        c->point.hash = graph_hash(c->graph);
    }
    return ST_OK;
}

enum status child_remake(const struct graph *parent, uint64_t parent_hash, int segment,
                         int64_t record, struct hand *h, const struct search_opts *o,
                         struct graph **out, struct err *err)
{
    struct bpe_segmentation s;
    struct region r;
    char reason[200] = "the segment is not there";
    TRY(bpe_segment_graph(o->vocab, parent, &s, err));
    *out = NULL;
    enum status st = ST_OK;
    if (segment < s.n_segments && (st = region_of(parent, &s, segment, &r, err)) == ST_OK) {
        st = replace(parent, parent_hash, segment, &r, record, h, o, out, reason, err);
        region_done(&r);
    }
    bpe_segmentation_done(&s);
    if (st == ST_OK && !*out)
        st = err_set(err, ST_MODEL, "an edit of the archive cannot be made again: %s", reason);
    return st;
}

/* ---- numbers ---- */

static enum status estimate(struct search_point *p, const struct graph *g,
                            const struct search_opts *o, int *table, struct err *err)
{
    struct bpe_segmentation s;
    struct pred_estimate e;
    TRY(bpe_segment_graph(o->vocab, g, &s, err));
    struct pred_net *net = pred_net_new(g, &s);
    const struct pred_net *nets[] = {net};
    pred_networks(o->pred, nets, 1, *table, 1, &e);
    p->value[GOAL_ACC] = e.sigma;
    p->in_distribution = e.in_distribution;
    *table = e.table;
    pred_net_free(net);
    bpe_segmentation_done(&s);
    return ST_OK;
}

enum status child_judge(struct search_point *p, const struct graph *g, const struct search_opts *o,
                        int *table, struct err *err)
{
    struct cost c;
    cost_graph(g, &c);
    for (int i = 0; i < SEARCH_GOALS; i++)
        p->value[i] = NAN;
    p->value[GOAL_FLOPS] = (double)c.flops_paper;
    p->value[GOAL_PARAMS] = (double)c.params;
    p->value[GOAL_MEMORY] = (double)c.peak_activation_bytes;
    if (o->npu) {
        struct npu_cost n;
        npu_cost_graph(g, o->npu, &n);
        p->value[GOAL_CYCLES] = (double)n.cycles;
        p->value[GOAL_ENERGY] = n.energy_uj;
        npu_cost_done(&n);
    }
    return o->pred ? estimate(p, g, o, table, err) : ST_OK;
}
