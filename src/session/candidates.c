/* The selected segment and the candidates that workers find for it.
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

/* ---- entries ---- */

bool candidate_parse_id(const char *id, int64_t *record)
{
    if (strcmp(id, "self") == 0) {
        *record = 0;
        return true;
    }
    return segdb_name_parse(id, record);
}

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

void candidates_rank(struct session *s)
{
    struct u64map seen = {0};
    uint64_t now = s->version.at[s->cursor]->pub.hash;
    s->unranked = false;
    s->accepted.n = s->refused.n = s->same.n = 0;
    if (s->all.n)
        qsort(s->all.at, s->all.n, sizeof *s->all.at, by_record);
    for (size_t i = 0; i < s->all.n; i++) {
        struct entry *e = s->all.at[i];
        if (e->job->status != ST_OK || !e->job->cand.graph) {
            vec_push(&s->refused, e);
            continue;
        }
        const struct entry *first = s->all.at[*u64map_put(&seen, e->pub.hash, (int64_t)i)];
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
            vec_push(&s->refused, e);
        else if (same)
            vec_push(&s->same, e);
        else
            vec_push(&s->accepted, e);
    }
    if (s->accepted.n)
        qsort(s->accepted.at, s->accepted.n, sizeof *s->accepted.at, by_rank);
    u64map_done(&seen);
}

/* ---- selecting ---- */

void candidates_drop(struct session *s)
{
    preview_drop(s);
    pool_cancel(s->pool, TAG_SELECT);
    for (size_t i = 0; i < s->all.n; i++)
        entry_free(s->all.at[i]);
    s->all.n = s->accepted.n = s->refused.n = s->same.n = 0;
    free(s->ids);
    s->ids = NULL;
    s->n_ids = s->next_id = 0;
    s->asking = (struct err){0};
    s->unranked = s->querying = false;
    scoring_drop(s);
    s->selected = -1;
    s->done = s->total = 0;
}

int session_selected(const struct session *s)
{
    return s->selected;
}

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
                        hash_pair((uint64_t)k, (uint64_t)record));
    *out = j;
    return ST_OK;
}

static enum status submit_candidate(struct session *s, int k, int64_t record, struct err *err)
{
    struct job *j;
    TRY(candidate_job(s, JOB_CANDIDATE, k, record, &j, err));
    j->tag = TAG_SELECT;
    scoring_give(s, k, j);
    pool_submit(s->pool, j);
    return ST_OK;
}

enum status session_select(struct session *s, int k, struct err *err)
{
    TRY(session_need_model(s, err));
    const struct session_segment *seg = session_segment(s, k);
    if (k != -1 && !seg)
        return err_set(err, ST_USAGE, "there is no segment %d (0 to %d)", k,
                       session_n_segments(s) - 1);
    /* Once it is open here, opening it anew is left to the workers. */
    if (seg && seg->ok && !s->db.db)
        TRY(session_need_db(s, err));
    layers_look(&s->layers);
    candidates_drop(s);
    s->selected = k;
    if (!seg || !seg->ok)
        return ST_OK;
    struct job *q;
    TRY(candidate_job(s, JOB_QUERY, k, 0, &q, err));
    q->tag = TAG_SELECT;
    q->limit = s->opts.tries > INT_MAX / SPARE ? INT_MAX : s->opts.tries * SPARE;
    scoring_lend(s, q);
    s->querying = true;
    s->total = 1;
    pool_submit(s->pool, q);
    return ST_OK;
}

/* Tries as many records as are still lacking: one that gives a network that is there already does
 * not count. A wave begins when the one before has ended, so that what is tried does not depend on
 * the number of threads. */
static void submit_wave(struct session *s)
{
    int lacking = s->opts.tries - (s->next_id - (int)s->same.n);
    for (; lacking > 0 && s->next_id < s->n_ids; lacking--)
        if (submit_candidate(s, s->selected, s->ids[s->next_id++], NULL) == ST_OK)
            s->total++;
}

static void take_query(struct session *s, struct job *j, unsigned *changed)
{
    s->querying = false;
    scoring_take(s, j);
    submit_candidate(s, s->selected, 0, NULL); /* self, which is of no database */
    if (j->status != ST_OK) {
        char buf[512];
        s->asking = j->err;
        session_note(s, false, "%s", err_text(&j->err, buf, sizeof buf));
    } else {
        s->ids = j->ids;
        s->n_ids = j->n_ids;
        j->ids = NULL;
        session_note_trouble(s, &j->trouble);
        submit_wave(s);
    }
    if (s->notice.n)
        *changed |= SESSION_CHANGED_NOTICE;
    job_free(j);
}

void candidates_take(struct session *s, struct job *j, unsigned *changed)
{
    *changed |= SESSION_CHANGED_CANDIDATES;
    if (j->kind == JOB_QUERY) {
        take_query(s, j, changed);
        return;
    }
    s->done++;
    vec_push(&s->all, entry_new(j));
    s->unranked = true;
    if (!s->querying && s->done == s->total) {
        candidates_rank(s);
        submit_wave(s);
    }
}

/* ---- getters ---- */

int session_n_candidates(const struct session *s)
{
    return (int)s->accepted.n;
}

const struct session_candidate *session_candidate(const struct session *s, int rank)
{
    return rank >= 0 && (size_t)rank < s->accepted.n ? &s->accepted.at[rank]->pub : NULL;
}

int session_n_refused(const struct session *s)
{
    return (int)s->refused.n;
}

const struct session_candidate *session_refused(const struct session *s, int i)
{
    return i >= 0 && (size_t)i < s->refused.n ? &s->refused.at[i]->pub : NULL;
}

int session_n_same(const struct session *s)
{
    return (int)s->same.n;
}

const char *candidate_why_not(const struct session *s, const char *id)
{
    for (size_t i = 0; i < s->all.n; i++)
        if (strcmp(s->all.at[i]->pub.id, id) == 0)
            return s->all.at[i]->pub.reason;
    return NULL;
}

int session_rank(const struct session *s, const char *id)
{
    for (size_t i = 0; i < s->accepted.n; i++)
        if (strcmp(s->accepted.at[i]->pub.id, id) == 0)
            return (int)i;
    return -1;
}

void session_progress(const struct session *s, int *done, int *total)
{
    *done = s->done;
    *total = s->querying ? -1 : s->total;
}

enum status session_candidates_status(const struct session *s, struct err *err)
{
    if (s->asking.code != ST_OK && err)
        *err = s->asking;
    return s->asking.code;
}

void candidate_set_hidden(struct session *s, const char *id)
{
    strmap_put(&s->hidden, id, 1);
    if (s->base && strcmp(s->base->pub.id, id) == 0)
        preview_drop(s);
    candidates_rank(s);
}

enum status session_reject(struct session *s, const char *id, struct err *err)
{
    int64_t record;
    TRY(session_may_edit(s, err));
    if (!candidate_parse_id(id, &record))
        return err_set(err, ST_USAGE, "'%s' is no candidate (self, s123, u12)", id);
    char *command = x_asprintf("reject %s", id);
    enum status st = version_record(s, command, s->version.at[s->cursor]->pub.hash, err);
    free(command);
    if (st == ST_OK)
        candidate_set_hidden(s, id);
    return st;
}
