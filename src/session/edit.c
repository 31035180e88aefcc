/* Edits: a replacement computed on this thread, the canonical command of a replacement, applying
 * it. A version is complete (segmented, costed) before its record is written, and the record is on
 * disk before the version is reachable. */
#include "session/mutation.h"
#include "session/session_priv.h"
#include "session/settings.h"

#include <stdlib.h>

/* ---- computing ---- */

/* The fragment of record `id`, with its record when it is one of the database. */
static enum status fetch(struct session *s, struct job *j, struct err *err)
{
    if (j->record == 0)
        return region_extract(j->graph, &j->region, &j->fragment, err);
    char name[SEGDB_NAME];
    TRY(session_need_db(s, err));
    enum status st = job_fetch(j, &s->db, err);
    segdb_name(j->record, name);
    if (st != ST_NO && st != ST_USAGE)
        return st;
    if (name[0] == 'u' && s->db.trouble.code != ST_OK)
        return err_set(err, ST_USAGE, "your segment database has no %s: %.180s", name,
                       s->db.trouble.msg);
    return err_set(err, ST_USAGE, "%s segment database has no %s", name[0] == 'u' ? "your" : "the",
                   name);
}

static enum status add_words(struct session *s, struct job *j, const char *const *word, int n,
                             struct err *err)
{
    const struct cost *now = &s->version.at[s->cursor]->pub.cost;
    for (int i = 0; i < n; i++)
        if (!wants_is_word(word[i]) && settings_is_word(word[i]))
            TRY(settings_set_word(&j->how, word[i], now, err));
        else
            TRY(wants_add_word(&j->wants, j->fragment, word[i], err));
    return ST_OK;
}

static enum status new_job(struct session *s, int k, const char *id, const char *const *word,
                           int n_word, const struct session_repair *how, double patience,
                           struct job **out, struct err *err)
{
    int64_t record;
    struct job *j;
    if (!candidate_parse_id(id, &record))
        return err_set(err, ST_USAGE, "'%s' is no candidate (self, s123, u12)", id);
    TRY(candidate_job(s, JOB_REPAIR, k, record, &j, err));
    j->how = *how;
    j->patience = patience;
    enum status st = fetch(s, j, err);
    if (st == ST_OK)
        st = add_words(s, j, word, n_word, err);
    if (st != ST_OK) {
        job_free(j);
        return st;
    }
    *out = j;
    return ST_OK;
}

enum status edit_compute(struct session *s, int k, const char *id, const char *const *word,
                         int n_word, const struct session_repair *how, double patience,
                         struct job **out, struct err *err)
{
    struct job *j;
    TRY(new_job(s, k, id, word, n_word, how, patience, &j, err));
    j->extra_cancel = s->opts.interrupt;
    scoring_give(s, &s->hunt, k, j);
    job_run(j, &s->db, s->layers.path);
    enum status st = j->status;
    if (session_interrupted(s))
        st = err_set(err, ST_CANCELLED, "interrupted");
    else if (st != ST_OK && err)
        *err = j->err;
    if (st != ST_OK) {
        job_free(j);
        return st;
    }
    *out = j;
    return ST_OK;
}

enum status edit_version(struct session *s, int k, const struct job *j, struct version **out,
                         struct err *err)
{
    struct str command = {0};
    char name[SEGDB_NAME] = "self";
    if (!j->cand.graph)
        return err_set(err, ST_NO, "%s", job_reason(j));
    str_add(&command, "replace ");
    session_segment_word(s, k, &command);
    str_add_char(&command, ' ');
    if (j->record)
        segdb_name(j->record, name);
    str_add(&command, name);
    wants_to_words(&j->wants, j->fragment, &command);
    settings_add_words(&j->how, &command);
    enum status st = version_new(s->vocab, j->cand.graph, str_text(&command), out, err);
    str_done(&command);
    return st;
}

/* ---- applying ---- */

enum status edit_adopt(struct session *s, struct version *v, struct err *err)
{
    enum status st = version_record(s, v->command, v->pub.hash, err);
    if (st != ST_OK) {
        version_free(v);
        return st;
    }
    candidates_drop(s);
    version_adopt(s, v, s->cursor);
    return ST_OK;
}

enum status edit_apply(struct session *s, int k, const struct job *j, struct err *err)
{
    struct version *v;
    TRY(edit_version(s, k, j, &v, err));
    return edit_adopt(s, v, err);
}

enum status session_apply(struct session *s, struct err *err)
{
    TRY(session_may_edit(s, err));
    if (!s->base)
        return err_set(err, ST_NO, "no candidate is shown (show RANK)");
    if (s->repairing)
        return err_set(err, ST_NO, "the repair is still being solved");
    const struct entry *e = s->pinned ? s->pinned : s->base;
    if (!e->pub.accepted)
        return err_set(err, ST_NO, "%s", e->pub.reason);
    return edit_apply(s, s->hunt.segment, e->job, err);
}

enum status session_try(struct session *s, int k, const char *id, const char *const *word,
                        int n_word, struct err *err)
{
    struct job *j;
    TRY(session_need_model(s, err));
    TRY(edit_compute(s, k, id, word, n_word, &s->how, 0, &j, err));
    candidates_drop(s);
    s->hunt.segment = k;
    wants_copy(&s->wants, &j->wants);
    struct entry *e = entry_new(j);
    s->hunt.done = s->hunt.total = 1;
    s->base = e;
    vec_push(&s->hunt.all, e);
    *u64map_put(&s->hunt.tried, (uint64_t)e->pub.record, 1) = 1;
    hunt_rank(s, &s->hunt);
    return ST_OK;
}

enum status session_replace(struct session *s, int k, const char *id, const char *const *word,
                            int n_word, struct err *err)
{
    struct job *j;
    TRY(session_may_edit(s, err));
    TRY(edit_compute(s, k, id, word, n_word, &s->how, 0, &j, err));
    enum status st = edit_apply(s, k, j, err);
    job_free(j);
    return st;
}

enum status session_write_lp(struct session *s, int k, const char *id, const char *path,
                             struct err *err)
{
    struct job *j;
    TRY(session_need_model(s, err));
    TRY(new_job(s, k, id, NULL, 0, &s->how, 0, &j, err));
    const struct region *r = &j->region;
    struct mend_opts o;
    int n_in, n_out;
    mutation_opts(j, &o);
    graph_inputs(j->fragment, &n_in);
    graph_outputs(j->fragment, &n_out);
    enum status st = ST_OK;
    if (n_in != r->n_in || n_out != r->n_out)
        st = err_set(err, ST_NO, "%s has %d inputs and %d outputs, segment %d has %d and %d", id,
                     n_in, n_out, k, r->n_in, r->n_out);
    struct ttype *need = x_calloc((size_t)r->n_in + (size_t)r->n_out + 1, sizeof *need);
    for (int i = 0; i < r->n_in; i++)
        need[i] = *graph_type(j->graph, r->in[i]);
    for (int i = 0; i < r->n_out; i++)
        need[r->n_in + i] = *graph_type(j->graph, r->out[i]);
    if (st == ST_OK)
        st = mend_write_lp_with(j->fragment, need, need + r->n_in, &o, path, err);
    free(need);
    job_free(j);
    return st;
}
