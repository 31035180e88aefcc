/* The preview: one candidate with its wants, solved by a worker; and the settings of repairs. */
#include "session/session_priv.h"
#include "session/settings.h"

#include <stdlib.h>

void preview_drop(struct session *s)
{
    pool_cancel(s->pool, TAG_PREVIEW);
    why_drop(s);
    entry_free(s->pinned);
    s->pinned = NULL;
    s->base = NULL;
    s->repairing = false;
    wants_clear(&s->wants);
}

/* Whether the list's own entry is what would be solved. */
static bool is_base(const struct session *s)
{
    return !wants_any(&s->wants) && !wants_any(&s->base->job->wants) && s->base->job->cand.graph;
}

/* Solves with the wants as they are now. */
static enum status repair(struct session *s, struct err *err)
{
    pool_cancel(s->pool, TAG_PREVIEW);
    why_drop(s);
    s->repairing = false;
    if (is_base(s)) {
        entry_free(s->pinned);
        s->pinned = NULL;
        return ST_OK;
    }
    struct job *j;
    TRY(candidate_job(s, JOB_REPAIR, s->hunt.segment, s->base->pub.record, &j, err));
    j->tag = TAG_PREVIEW;
    j->urgent = true;
    j->fragment = graph_ref(s->base->pub.fragment);
    scoring_give(s, &s->hunt, s->hunt.segment, j);
    j->how = s->base->job->how;
    wants_copy(&j->wants, &s->wants);
    s->repairing = true;
    pool_submit(s->pool, j);
    return ST_OK;
}

void preview_take(struct session *s, struct job *j, unsigned *changed)
{
    *changed |= SESSION_CHANGED_PREVIEW;
    entry_free(s->pinned);
    s->pinned = entry_new(j);
    /* the record's own words are with the entry it came from */
    s->pinned->pub.origin = s->base->pub.origin;
    s->pinned->pub.ops = s->base->pub.ops;
    s->pinned->pub.seen = s->base->pub.seen;
    s->pinned->pub.tags = s->base->pub.tags;
    s->pinned->pub.rank = s->base->pub.rank;
    s->repairing = false;
}

/* ---- what is shown ---- */

enum status session_preview(struct session *s, int rank, struct err *err)
{
    if (rank < -1 || rank >= session_n_candidates(s))
        return err_set(err, ST_USAGE, "there is no candidate of rank %d (1 to %d)", rank + 1,
                       session_n_candidates(s));
    preview_drop(s);
    s->base = rank < 0 ? NULL : s->hunt.accepted.at[rank];
    return ST_OK;
}

enum status session_preview_refused(struct session *s, int i, struct err *err)
{
    if (i < 0 || i >= session_n_refused(s))
        return err_set(err, ST_USAGE, "there is no refused candidate %d (%d of them)", i,
                       session_n_refused(s));
    preview_drop(s);
    s->base = s->hunt.refused.at[i];
    /* one that the user rejected, or that could not be read, has no conflict to be found */
    return s->base->job->status == ST_OK && s->base->pub.fragment ? repair(s, err) : ST_OK;
}

const struct session_candidate *session_previewed(const struct session *s)
{
    return s->pinned ? &s->pinned->pub : s->base ? &s->base->pub : NULL;
}

bool session_preview_busy(const struct session *s)
{
    return s->repairing;
}

/* ---- pins, bounds, preferences ---- */

const struct mend_pin *session_pins(const struct session *s, int *n)
{
    *n = (int)s->wants.pin.n;
    return s->wants.pin.at;
}

static enum status check_node(const struct session *s, int32_t node, struct err *err)
{
    if (!s->base)
        return err_set(err, ST_NO, "no candidate is shown (show RANK)");
    const struct graph *f = s->base->pub.fragment;
    return f && graph_node(f, node) ? ST_OK
                                    : err_set(err, ST_USAGE, "the candidate has no such node");
}

enum status session_repair_pin(struct session *s, int32_t fragment_node, int64_t channels,
                               struct err *err)
{
    TRY(check_node(s, fragment_node, err));
    if (channels < 0 || channels > INT32_MAX)
        return err_set(err, ST_USAGE, "%lld is no number of channels", (long long)channels);
    if (channels)
        wants_pin(&s->wants, fragment_node, channels);
    else
        wants_release(&s->wants, fragment_node);
    return repair(s, err);
}

enum status preview_bound(struct session *s, int32_t node, int64_t lo, int64_t hi, struct err *err)
{
    TRY(check_node(s, node, err));
    wants_bound(&s->wants, node, lo, hi);
    return repair(s, err);
}

enum status preview_prefer(struct session *s, int32_t node, int64_t channels, struct err *err)
{
    TRY(check_node(s, node, err));
    wants_prefer(&s->wants, node, channels);
    return repair(s, err);
}

enum status session_unpin_all(struct session *s, struct err *err)
{
    if (!s->base)
        return err_set(err, ST_NO, "no candidate is shown (show RANK)");
    wants_clear(&s->wants);
    return repair(s, err);
}

int32_t session_fragment_node(const struct graph *fragment, const char *name)
{
    int64_t id;
    if (name[0] == '#')
        return str_to_i64(name + 1, 0, graph_n_slots(fragment) - 1, &id) &&
                       graph_node(fragment, (int32_t)id)
                   ? (int32_t)id
                   : -1;
    return graph_find(fragment, name);
}

/* ---- settings ---- */

const struct session_repair *session_repair(const struct session *s)
{
    return &s->how;
}

enum status session_set_repair(struct session *s, const struct session_repair *r, struct err *err)
{
    TRY(settings_check(r, err));
    struct session_repair old = s->how;
    s->how = *r;
    enum status st = s->hunt.segment < 0 ? ST_OK : session_select(s, s->hunt.segment, err);
    if (st != ST_OK)
        s->how = old;
    return st;
}
