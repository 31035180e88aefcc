/* Where networks can be changed. */
#include "search/search_priv.h"

#include "cost/cost.h"
#include "mutate/mutate.h"

enum { FRAGMENTS = 8192 }; /* a hand keeps before it begins anew */

void member_forget(struct member *m)
{
    for (size_t i = 0; i < m->place.n; i++)
        region_done(&m->place.at[i].region);
    vec_done(&m->place);
    m->prepared = false;
}

void member_free(struct member *m)
{
    if (!m)
        return;
    member_forget(m);
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

enum status hand_fragment(struct hand *h, int64_t record, const struct graph **out, struct err *err)
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

enum status place_region(const struct graph *g, const struct bpe_segmentation *s, int k,
                         struct region *r, struct err *err)
{
    const struct bpe_segment *seg = &s->segment[k];
    return region_init(r, g, s->order + seg->start, seg->len, err);
}

static bool is_frozen(const struct region *r, const struct search_opts *o)
{
    for (int i = 0; i < o->n_frozen; i++) /* a few, chosen by hand */
        if (region_has(r, o->frozen[i]))
            return true;
    return false;
}

enum status place_init(struct place *out, const struct graph *g, const struct bpe_segmentation *s,
                       int k, const struct search_opts *o, bool *ok, struct err *err)
{
    struct place p = {.segment = k};
    struct graph *piece;
    TRY(place_region(g, s, k, &p.region, err));
    *ok = !is_frozen(&p.region, o) && mutate_region_ok(g, &p.region, NULL, 0);
    enum status st = *ok ? region_extract(g, &p.region, &piece, err) : ST_OK;
    if (*ok && st == ST_OK) {
        p.hash = graph_hash(piece);
        graph_unref(piece);
        *out = p;
    } else {
        region_done(&p.region);
    }
    return st;
}

/* ---- a member's ---- */

/* What the nodes of each place have of the whole. */
static void weigh(struct member *m, const struct search_opts *o)
{
    struct npu_cost n = {0};
    struct cost all, c;
    double *cycles = x_calloc((size_t)graph_n_slots(m->graph) + 1, sizeof *cycles);
    cost_graph(m->graph, &all);
    if (o->npu)
        npu_cost_graph(m->graph, o->npu, &n);
    for (int i = 0; i < n.n_layers; i++)
        cycles[n.layer[i].node] = (double)n.layer[i].cycles;
    for (size_t k = 0; k < m->place.n; k++) {
        struct place *p = &m->place.at[k];
        cost_nodes(m->graph, p->region.ids, p->region.n, &c);
        p->flops = all.flops_paper ? (double)c.flops_paper / (double)all.flops_paper : 0;
        for (int i = 0; i < p->region.n && n.cycles > 0; i++)
            p->cycles += cycles[p->region.ids[i]] / (double)n.cycles;
    }
    if (o->npu)
        npu_cost_done(&n);
    free(cycles);
}

enum status member_prepare(struct member *m, const struct search_opts *o, struct err *err)
{
    struct bpe_segmentation s;
    TRY(bpe_segment_graph(o->vocab, m->graph, &s, err));
    enum status st = ST_OK;
    for (int k = 0; k < s.n_segments && st == ST_OK; k++) {
        struct place p;
        bool ok;
        st = place_init(&p, m->graph, &s, k, o, &ok, err);
        if (ok && st == ST_OK)
            vec_push(&m->place, p);
    }
    bpe_segmentation_done(&s);
    weigh(m, o);
    m->prepared = st == ST_OK;
    return st;
}
