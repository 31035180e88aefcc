/* The selected segment, the candidates for it, and those that the user does not want to see. */
#include "session/session_priv.h"

#include <stdlib.h>

bool candidate_parse_id(const char *id, int64_t *record)
{
    if (strcmp(id, "self") == 0) {
        *record = 0;
        return true;
    }
    return segdb_name_parse(id, record);
}

/* ---- selecting ---- */

void candidates_drop(struct session *s)
{
    preview_drop(s);
    hunt_drop(s, &s->hunt);
}

int session_selected(const struct session *s)
{
    return s->hunt.segment;
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
    preview_drop(s);
    return hunt_start(s, &s->hunt, k, err);
}

void candidates_take(struct session *s, struct job *j, unsigned *changed)
{
    *changed |= SESSION_CHANGED_CANDIDATES;
    hunt_take(s, &s->hunt, j);
    if (s->notice.n)
        *changed |= SESSION_CHANGED_NOTICE;
}

/* ---- getters ---- */

int session_n_candidates(const struct session *s)
{
    return (int)s->hunt.accepted.n;
}

const struct session_candidate *session_candidate(const struct session *s, int rank)
{
    return rank >= 0 && (size_t)rank < s->hunt.accepted.n ? &s->hunt.accepted.at[rank]->pub : NULL;
}

int session_n_refused(const struct session *s)
{
    return (int)s->hunt.refused.n;
}

const struct session_candidate *session_refused(const struct session *s, int i)
{
    return i >= 0 && (size_t)i < s->hunt.refused.n ? &s->hunt.refused.at[i]->pub : NULL;
}

int session_n_same(const struct session *s)
{
    return (int)s->hunt.same.n;
}

const char *candidate_why_not(const struct session *s, const char *id)
{
    for (size_t i = 0; i < s->hunt.all.n; i++)
        if (strcmp(s->hunt.all.at[i]->pub.id, id) == 0)
            return s->hunt.all.at[i]->pub.reason;
    return NULL;
}

int session_rank(const struct session *s, const char *id)
{
    for (size_t i = 0; i < s->hunt.accepted.n; i++)
        if (strcmp(s->hunt.accepted.at[i]->pub.id, id) == 0)
            return (int)i;
    return -1;
}

void session_progress(const struct session *s, int *done, int *total)
{
    *done = s->hunt.done;
    *total = s->hunt.querying ? -1 : s->hunt.total;
}

enum status session_candidates_status(const struct session *s, struct err *err)
{
    if (s->hunt.asking.code != ST_OK && err)
        *err = s->hunt.asking;
    return s->hunt.asking.code;
}

void candidate_set_hidden(struct session *s, const char *id)
{
    strmap_put(&s->hidden, id, 1);
    if (s->base && strcmp(s->base->pub.id, id) == 0)
        preview_drop(s);
    hunt_rank(s, &s->hunt);
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
