/* What could replace a segment: records of the database, tried by workers.
 *
 * Results come in any order; the list is made anew from all of them, ranked by a total order, so
 * that what is shown in the end does not depend on the number of threads. */
#include "session/session_priv.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

/* For each record to be tried the database is asked for so many, in place of those that give a
 * network that is there already. */
enum { SPARE = 2 };

/* Records that one asking for more brings. */
enum { MORE = 20 };

/* ---- entries ---- */

struct entry *entry_new(struct job *j)
{
    struct entry *e = x_calloc(1, sizeof *e);
    struct session_candidate *p = &e->pub;
    e->job = j;
    p->record = j->record;
    if (j->record)
        segdb_name(j->record, p->id);
    else
        snprintf(p->id, sizeof p->id, "self");
    if (j->has_rec) {
        p->origin = j->rec.origin ? j->rec.origin : "";
        p->ops = j->rec.ops ? j->rec.ops : "";
        p->seen = &j->seen;
    } else {
        e->ops = version_ops(j->graph, j->region.ids, j->region.n);
        p->origin = "";
        p->ops = e->ops;
    }
    p->tags = "";
    p->fragment = j->fragment;
    p->result = &j->cand;
    p->accepted = j->status == ST_OK && j->cand.graph;
    p->reason = job_reason(j);
    p->conflict = j->has_conflict ? &j->conflict : NULL;
    p->hash = j->hash;
    if (p->accepted) {
        p->delta_flops = j->cand.after.flops - j->cand.before.flops;
        p->delta_flops_paper = j->cand.after.flops_paper - j->cand.before.flops_paper;
        p->delta_params = j->cand.after.params - j->cand.before.params;
        p->npu = j->npu ? j->npu->name : NULL;
        p->delta_cycles = j->delta_cycles;
        p->delta_energy_uj = j->delta_energy_uj;
        p->npu_cycles = j->cycles;
        p->npu_energy_uj = j->energy_uj;
        if (j->source) {
            p->estimate = &j->delta;
            p->estimate_table = pred_source_name(j->source);
        }
    }
    return e;
}

void entry_free(struct entry *e)
{
    if (!e)
        return;
    job_free(e->job);
    free(e->ops);
    free(e);
}

static int by_record(const void *a, const void *b)
{
    const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;
    return (x->pub.record > y->pub.record) - (x->pub.record < y->pub.record);
}

static double gain(const struct entry *e)
{
    return e->pub.estimate && e->pub.estimate->in_distribution ? e->pub.estimate->delta : -INFINITY;
}

static int by_rank(const void *a, const void *b)
{
    const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;
    if (gain(x) < gain(y) || gain(x) > gain(y))
        return gain(x) > gain(y) ? -1 : 1;
    int64_t dx = x->pub.delta_flops_paper, dy = y->pub.delta_flops_paper;
    return dx != dy ? (dx > dy) - (dx < dy) : by_record(a, b);
}

/* Of those that give one network the first stays: by record, but those that more were asked for
 * behind those that were there before. */
static void find_first(const struct hunt *h, struct u64map *first)
{
    for (size_t i = 0; i < h->all.n; i++) {
        const struct entry *e = h->all.at[i];
        if (e->job->status != ST_OK || !e->job->cand.graph)
            continue;
        int64_t *at = u64map_put(first, e->pub.hash, (int64_t)i);
        if (h->all.at[*at]->job->like > e->job->like)
            *at = (int64_t)i;
    }
}

void hunt_rank(struct session *s, struct hunt *h)
{
    struct u64map firsts = {0};
    uint64_t now = s->version.at[s->cursor]->pub.hash;
    h->unranked = false;
    h->accepted.n = h->refused.n = h->same.n = 0;
    if (h->all.n)
        qsort(h->all.at, h->all.n, sizeof *h->all.at, by_record);
    find_first(h, &firsts);
    for (size_t i = 0; i < h->all.n; i++) {
        struct entry *e = h->all.at[i];
        e->pub.rank = 0;
        e->pub.tags = tags_of(s, e->pub.id);
        if (e->job->status != ST_OK || !e->job->cand.graph) {
            vec_push(&h->refused, e);
            continue;
        }
        const struct entry *first = h->all.at[*u64map_get(&firsts, e->pub.hash)];
        bool hidden = strmap_get(&s->hidden, e->pub.id);
        bool idle = e->pub.hash == now && e->pub.record;
        bool same = !hidden && (idle || first != e);
        e->pub.accepted = !hidden;
        e->why[0] = '\0';
        e->pub.reason = e->why;
        if (hidden)
            snprintf(e->why, sizeof e->why, "rejected in this session");
        else if (idle)
            snprintf(e->why, sizeof e->why, "changes nothing");
        else if (same)
            snprintf(e->why, sizeof e->why, "gives the same network as %s", first->pub.id);
        if (hidden)
            vec_push(&h->refused, e);
        else if (same)
            vec_push(&h->same, e);
        else
            vec_push(&h->accepted, e);
    }
    if (h->accepted.n)
        qsort(h->accepted.at, h->accepted.n, sizeof *h->accepted.at, by_rank);
    for (size_t i = 0; i < h->accepted.n; i++)
        h->accepted.at[i]->pub.rank = (int)i + 1;
    u64map_done(&firsts);
}

/* ---- trying ---- */

/* The accelerator, and what the current version takes on it, worked out once. */
static void lend_npu(struct session *s, struct job *j)
{
    struct version *v = s->version.at[s->cursor];
    j->npu = session_npu(s);
    if (j->npu && !v->on_npu) {
        struct npu_cost c;
        npu_cost_graph(v->graph, j->npu, &c);
        v->cycles = c.cycles;
        v->energy_uj = c.energy_uj;
        v->on_npu = true;
        npu_cost_done(&c);
    }
    j->cycles = v->cycles;
    j->energy_uj = v->energy_uj;
}

enum status candidate_job(struct session *s, enum job_kind kind, int k, int64_t record,
                          struct job **out, struct err *err)
{
    const struct session_segment *seg = session_segment(s, k);
    if (!seg)
        return err_set(err, ST_USAGE, "there is no segment %d (0 to %d)", k,
                       session_n_segments(s) - 1);
    if (!seg->ok)
        return err_set(err, ST_NO, "segment %d cannot be replaced: %s", k, seg->why);
    struct job *j = job_new(kind, session_graph(s));
    job_set_region(j, &seg->region);
    j->record = record;
    j->how = s->how;
    lend_npu(s, j);
    j->generation = s->layers.generation;
    /* The weights made for a replacement depend on what is replaced in which network by what, not
     * on when or by which thread. */
    j->seed = hash_pair(hash_pair(s->seed, s->version.at[s->cursor]->pub.hash),
                        hash_pair(segment_key(s, k), (uint64_t)record));
    *out = j;
    return ST_OK;
}

/* A record is tried once. */
static bool submit(struct session *s, struct hunt *h, int64_t record, int like)
{
    struct job *j;
    if (*u64map_put(&h->tried, (uint64_t)record, 0) ||
        candidate_job(s, JOB_CANDIDATE, h->segment, record, &j, NULL) != ST_OK)
        return false;
    *u64map_put(&h->tried, (uint64_t)record, 0) = 1;
    j->tag = h->tag;
    j->like = like;
    scoring_give(s, h, h->segment, j);
    pool_submit(s->pool, j);
    h->total++;
    return true;
}

enum status hunt_start(struct session *s, struct hunt *h, int k, struct err *err)
{
    const struct session_segment *seg = session_segment(s, k);
    struct job *q;
    layers_look(&s->layers);
    hunt_drop(s, h);
    h->segment = k;
    if (!seg || !seg->ok)
        return ST_OK;
    TRY(candidate_job(s, JOB_QUERY, k, 0, &q, err));
    q->tag = h->tag;
    q->limit = s->opts.tries > INT_MAX / SPARE ? INT_MAX : s->opts.tries * SPARE;
    scoring_lend(s, q);
    h->querying = true;
    pool_submit(s->pool, q);
    return ST_OK;
}

void hunt_drop(struct session *s, struct hunt *h)
{
    pool_cancel(s->pool, h->tag);
    for (size_t i = 0; i < h->all.n; i++)
        entry_free(h->all.at[i]);
    h->all.n = h->accepted.n = h->refused.n = h->same.n = 0;
    free(h->ids);
    h->ids = NULL;
    h->n_ids = h->next_id = h->done = h->total = h->like_left = 0;
    h->asking = (struct err){0};
    h->unranked = h->querying = h->liking = false;
    u64map_done(&h->tried);
    h->tried = (struct u64map){0};
    scoring_drop(h);
    h->segment = -1;
}

void hunt_done(struct hunt *h)
{
    vec_done(&h->all);
    vec_done(&h->accepted);
    vec_done(&h->refused);
    vec_done(&h->same);
}

bool hunt_over(const struct hunt *h)
{
    return !h->querying && h->done == h->total;
}

/* Tries as many records as are still lacking: one that gives a network that is there already does
 * not count. A wave begins when the one before has ended, so that what is tried does not depend on
 * the number of threads. */
static void submit_wave(struct session *s, struct hunt *h)
{
    int lacking = s->opts.tries - h->next_id;
    for (size_t i = 0; i < h->same.n; i++)
        lacking += !h->same.at[i]->job->like;
    for (; lacking > 0 && h->next_id < h->n_ids; lacking--)
        submit(s, h, h->ids[h->next_id++], 0);
}

static void take_query(struct session *s, struct hunt *h, struct job *j)
{
    h->querying = false;
    scoring_take(h, j);
    submit(s, h, 0, 0); /* self, which is of no database */
    if (j->status != ST_OK) {
        char buf[512];
        h->asking = j->err;
        if (h == &s->hunt)
            session_note(s, false, "%s", err_text(&j->err, buf, sizeof buf));
    } else {
        h->ids = j->ids;
        h->n_ids = j->n_ids;
        j->ids = NULL;
        session_note_trouble(s, &j->trouble);
        submit_wave(s, h);
    }
    job_free(j);
}

/* ---- more like one of them ---- */

static void take_like(struct session *s, struct hunt *h, struct job *j)
{
    char buf[512];
    h->done++;
    h->liking = false;
    for (int i = 0; i < j->n_ids && h->like_left < MORE; i++)
        h->like_left += submit(s, h, j->ids[i], h->likes);
    if (j->status != ST_OK)
        session_note(s, false, "%s", err_text(&j->err, buf, sizeof buf));
    else if (h->like_left == 0)
        session_note(s, true, "the database has nothing more like %s", h->like);
    job_free(j);
}

/* Once the last of them was tried. */
static void tell_like(struct session *s, const struct hunt *h)
{
    int tried = 0, fit = 0, same = 0;
    for (size_t i = 0; i < h->all.n; i++)
        tried += h->all.at[i]->job->like == h->likes;
    for (size_t i = 0; i < h->accepted.n; i++)
        fit += h->accepted.at[i]->job->like == h->likes;
    for (size_t i = 0; i < h->same.n; i++)
        same += h->same.at[i]->job->like == h->likes;
    struct str line = {0};
    str_addf(&line, "%d more like %s: %d fit", tried, h->like, fit);
    if (same)
        str_addf(&line, ", %d give a network that is there already", same);
    session_note(s, true, "%s", str_text(&line));
    str_done(&line);
}

static const struct entry *entry_by_id(const struct hunt *h, const char *id)
{
    for (size_t i = 0; i < h->all.n; i++)
        if (strcmp(h->all.at[i]->pub.id, id) == 0)
            return h->all.at[i];
    return NULL;
}

enum status session_more(struct session *s, const char *id, struct err *err)
{
    struct hunt *h = &s->hunt;
    const struct entry *e = entry_by_id(h, id);
    if (!e || !e->pub.fragment)
        return err_set(err, ST_NO, "%.60s is not among the candidates", id);
    if (h->liking || h->like_left)
        return err_set(err, ST_NO, "still looking for those like %s", h->like);
    struct job *j = job_new(JOB_LIKE, session_graph(s));
    j->tag = TAG_SELECT;
    j->generation = s->layers.generation;
    j->fragment = graph_ref(e->pub.fragment);
    j->limit = MORE + (int)h->tried.n;
    snprintf(h->like, sizeof h->like, "%s", e->pub.id);
    h->likes++;
    h->liking = true;
    h->total++;
    pool_submit(s->pool, j);
    return ST_OK;
}

/* ---- results ---- */

void hunt_take(struct session *s, struct hunt *h, struct job *j)
{
    if (j->kind == JOB_QUERY) {
        take_query(s, h, j);
        return;
    }
    if (j->kind == JOB_LIKE) {
        take_like(s, h, j);
    } else {
        h->done++;
        h->like_left -= j->like != 0;
        bool last = j->like && h->like_left == 0;
        vec_push(&h->all, entry_new(j));
        h->unranked = true;
        if (last) {
            hunt_rank(s, h);
            tell_like(s, h);
        }
    }
    if (hunt_over(h)) {
        hunt_rank(s, h);
        submit_wave(s, h);
    }
}
