#include "session/session_priv.h"

#include <stdlib.h>

/* What could be repaired once is repaired again, also on a busy machine. */
#define PATIENCE_S 60.0

void taking_free(struct taking *t)
{
    if (!t)
        return;
    for (int i = 0; i < t->n; i++)
        job_free(t->made[i]);
    free(t->made);
    free(t->step);
    free(t);
}

/* ---- on the worker ---- */

/* The region of step i in g, as a replacement to be computed. */
static enum status prepare(struct job *j, int i, const struct graph *g, struct err *err)
{
    struct taking *t = j->taking;
    const struct search_step *e = &t->step[i];
    struct bpe_segmentation cut;
    TRY(bpe_segment_graph(t->vocab, g, &cut, err));
    enum status st = e->segment < cut.n_segments
                         ? ST_OK
                         : err_set(err, ST_NO, "the network has no segment %d there", e->segment);
    struct job *m = job_new(JOB_CANDIDATE, g);
    t->made[i] = m;
    if (st == ST_OK) {
        const struct bpe_segment *seg = &cut.segment[e->segment];
        st = region_init(&m->region, g, cut.order + seg->start, seg->len, err);
    }
    bpe_segmentation_done(&cut);
    m->record = e->record;
    m->generation = j->generation;
    m->patience = PATIENCE_S;
    m->extra_cancel = j->extra_cancel ? j->extra_cancel : &j->cancel;
    m->seed = hash_pair(hash_pair(t->seed, graph_hash(g)),
                        hash_pair((uint64_t)e->segment, (uint64_t)e->record));
    return st;
}

static enum status make_step(struct job *j, int i, const struct graph *g, struct layers_db *db,
                             char *const path[SEGDB_LAYERS], struct err *err)
{
    TRY(prepare(j, i, g, err));
    struct job *m = j->taking->made[i];
    job_run(m, db, path);
    if (m->status != ST_OK)
        return *err = m->err, m->status;
    return m->cand.graph ? ST_OK : err_set(err, ST_NO, "%s", job_reason(m));
}

enum status taking_run(struct job *j, struct layers_db *db, char *const path[SEGDB_LAYERS])
{
    struct taking *t = j->taking;
    const struct graph *g = j->graph;
    struct err why = {0};
    for (int i = 0; i < t->n; i++) {
        enum status st = make_step(j, i, g, db, path, &why);
        if (st != ST_OK)
            return err_set(&j->err, st, "edit %d cannot be made: %.200s", t->known + i + 1,
                           why.msg);
        g = t->made[i]->cand.graph;
    }
    if (graph_hash(g) != t->hash)
        return err_set(&j->err, ST_NO, "its edits give another network here than in the search");
    return ST_OK;
}

/* ---- on the session's thread ---- */

/* The version below `parent` that this replacement made; -1: none. */
static int version_by(const struct session *s, int parent, const struct search_step *e)
{
    char name[SEGDB_NAME], command[64];
    segdb_name(e->record, name);
    snprintf(command, sizeof command, "replace %d %s", e->segment, name);
    for (size_t i = 0; i < s->version.n; i++)
        if (s->version.at[i]->pub.parent == parent &&
            strcmp(s->version.at[i]->command, command) == 0)
            return (int)i;
    return -1;
}

static struct taking *plan(const struct session *s, int rank, const struct session_search_point *p)
{
    struct taking *t = x_calloc(1, sizeof *t);
    int to;
    *t = (struct taking){.rank = rank,
                         .from = s->searching.version,
                         .hash = p->at.hash,
                         .seed = s->seed,
                         .vocab = s->vocab};
    t->step = x_calloc((size_t)p->at.edits + 1, sizeof *t->step);
    for (size_t i = 0; i < p->line.n; i++)
        for (int k = 0; k < p->line.at[i].n_step && t->n < p->at.edits; k++) {
            const struct search_step *e = &p->line.at[i].step[k];
            if (t->n == 0 && (to = version_by(s, t->from, e)) >= 0) {
                t->from = to;
                t->known++;
            } else
                t->step[t->n++] = *e;
        }
    t->made = x_calloc((size_t)t->n + 1, sizeof(struct job *));
    return t;
}

static enum status new_job(struct session *s, int i, struct job **out, struct err *err)
{
    const struct searching *f = &s->searching;
    TRY(session_may_edit(s, err));
    if (!f->now || i < 0 || i >= f->now->n_front)
        return err_set(err, ST_USAGE, "there is no point %d of a front (search start, search show)",
                       i + 1);
    const struct session_search_point *p = &f->now->front[i];
    if (p->at.edits > 0 && p->line.n == 0)
        return err_set(err, ST_IO, "the archive does not tell how point %d came to be", i + 1);
    layers_look(&s->layers);
    struct taking *t = plan(s, i, p);
    struct job *j = job_new(JOB_TAKE, s->version.at[t->from]->graph);
    j->tag = TAG_TAKE;
    j->urgent = true;
    j->generation = s->layers.generation;
    j->taking = t;
    *out = j;
    return ST_OK;
}

enum status session_search_take(struct session *s, int i, struct err *err)
{
    struct job *j;
    TRY(new_job(s, i, &j, err));
    pool_cancel(s->pool, TAG_TAKE);
    pool_submit(s->pool, j);
    return ST_OK;
}

/* Puts in what a job made; *text is the caller's. */
static enum status put_in(struct session *s, const struct job *j, char **text, struct err *err)
{
    const struct taking *t = j->taking;
    if (j->status != ST_OK) {
        *err = (struct err){0};
        return err_set(err, j->status, "point %d is not taken: %.200s", t->rank + 1, j->err.msg);
    }
    TRY(session_may_edit(s, err));
    TRY(session_goto(s, t->from, err));
    for (int i = 0; i < t->n; i++)
        TRY(edit_apply(s, t->step[i].segment, t->made[i], err));
    int edits = t->known + t->n;
    *text = x_asprintf("point %d is version %d: %d edit%s", t->rank + 1, s->cursor, edits,
                       edits == 1 ? "" : "s");
    return ST_OK;
}

void taking_take(struct session *s, struct job *j, unsigned *changed)
{
    struct err err = {0};
    char buf[512], *text = NULL;
    if (put_in(s, j, &text, &err) == ST_OK)
        session_note(s, true, "%s (u goes back edit by edit)", text);
    else
        session_note(s, false, "%s", err_text(&err, buf, sizeof buf));
    free(text);
    job_free(j);
    *changed |= SESSION_CHANGED_NOTICE | SESSION_CHANGED_VERSION;
}

enum status taking_now(struct session *s, int i, struct str *out, struct err *err)
{
    struct job *j;
    struct err why = {0};
    char *text = NULL;
    TRY(new_job(s, i, &j, err));
    j->extra_cancel = s->opts.interrupt;
    job_run(j, &s->db, s->layers.path);
    j->status = session_interrupted(s) ? ST_CANCELLED : j->status;
    enum status st = put_in(s, j, &text, &why);
    if (st == ST_OK)
        str_addf(out, "%s (%016llx)\n", text,
                 (unsigned long long)s->version.at[s->cursor]->pub.hash);
    else if (err)
        *err = why;
    free(text);
    job_free(j);
    return st;
}
