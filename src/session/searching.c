#include "session/session_priv.h"

#include "session/archives.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- settings ---- */

/* What holds without a setting, in words. */
static const char *const defaults[SEARCH_SETTINGS] = {
    [SET_OBJECTIVES] = "acc,flops",
    [SET_EVALUATIONS] = "1000",
    [SET_POPULATION] = "64",
    [SET_SCHEME] = "nsga2",
    [SET_SOURCES] = "mixed",
    [SET_TRUST] = "1.25",
    [SET_OPS] = "all",
};

const char *session_search_value(const struct session *s, enum search_setting k)
{
    const char *text = s->searching.set.text[k];
    return text ? text : defaults[k] ? defaults[k] : "none";
}

bool session_search_is_set(const struct session *s, enum search_setting k)
{
    return s->searching.set.text[k] != NULL;
}

/* All that makes it another search but for the network; not for how long it goes on. Of one that is
 * `open`, running or stopped, limits and others may be changed. */
static uint64_t hash_of(const struct session *s, const struct search_settings *set, bool open)
{
    uint64_t h = hash_pair(s->seed, hash_str(s->npu_name, 0));
    for (int k = 0; k < SEARCH_SETTINGS; k++)
        if (set->text[k] && k != SET_EVALUATIONS && k != SET_MINUTES &&
            !(open && search_setting_info[k].changes))
            h = hash_pair(h, hash_pair((uint64_t)k, hash_str(set->text[k], 0)));
    return h;
}

/* The version that a start would search from: a stopped search keeps its own. */
static int start_version(const struct session *s)
{
    const struct searching *f = &s->searching;
    bool same = f->e && hash_of(s, &f->set, true) == hash_of(s, &f->e->said, true);
    return same && (f->end == SEARCH_STOPPED || f->end == SEARCH_OPEN) ? f->version : s->cursor;
}

/* Of an archive. Caller frees. */
static char *name_of(const struct session *s, int version, const struct search_settings *set)
{
    return archives_name(s->version.at[version]->pub.hash,
                         hash_pair(hash_of(s, set, false), segdb_hash(s->db.db)));
}

/* The settings with all that a search needs; they stay valid as long as workers run. */
static enum status fill_in(struct session *s, int version, struct search_settings *set,
                           struct err *err)
{
    struct search_opts *o = &set->o;
    bool own = s->db.trouble.code == ST_OK && access(s->layers.path[1], F_OK) == 0;
    o->segdb[0] = s->layers.path[0];
    o->segdb[1] = own ? s->layers.path[1] : NULL;
    o->vocab = s->vocab;
    o->pred = scoring_model(s);
    o->npu = session_npu(s);
    o->seed = s->seed;
    o->may_change = true;
    /* One processor is left to the rest of the session. */
    o->threads = s->threads > 1 ? s->threads - 1 : 1;
    return search_settings_bind(set, s->version.at[version]->graph, s->vocab, err);
}

static enum status check_known(const struct searching *f, const struct search_opts *o,
                               struct err *err)
{
    for (int g = GOAL_FLOPS; g < SEARCH_GOALS; g++)
        if (f->now && o->limit[g].set && isnan(f->now->base.value[g]))
            return err_set(err, ST_USAGE, "%s is not known to this search",
                           search_goal_name((enum search_goal)g));
    return ST_OK;
}

/* Of the search that runs. */
static enum status change(struct session *s, enum search_setting k,
                          const struct search_settings *next, struct err *err)
{
    const struct searching *f = &s->searching;
    const char *was = f->e->said.text[k], *now = next->text[k];
    struct search_settings set;
    if (strcmp(was ? was : "", now ? now : "") == 0)
        return ST_OK;
    if (!search_setting_info[k].changes)
        return err_set(err, ST_NO, "%s stays as it is while it searches (search stop)",
                       search_setting_info[k].name);
    search_settings_copy(&set, next, SEARCH_SETTINGS);
    enum status st = fill_in(s, f->version, &set, err);
    if (st == ST_OK)
        st = check_known(f, &set.o, err);
    if (st != ST_OK)
        return search_settings_done(&set), st;
    evolution_change(f->e, &set);
    char *name = name_of(s, f->version, next);
    archives_also(f->e->archive, name);
    free(name);
    return ST_OK;
}

enum status session_search_set(struct session *s, const char *name, const char *value,
                               struct err *err)
{
    enum search_setting k = search_setting_find(name);
    struct search_settings next;
    if (k == SEARCH_SETTINGS)
        return err_set(err, ST_USAGE, "a search has no setting '%.40s' (search show lists them)",
                       name);
    search_settings_copy(&next, &s->searching.set, k);
    enum status st =
        strcmp(value, "default") == 0 ? ST_OK : search_settings_set(&next, k, value, err);
    if (st == ST_OK && session_search_running(s))
        st = change(s, k, &next, err);
    if (st != ST_OK)
        return search_settings_done(&next), st;
    search_settings_done(&s->searching.set);
    s->searching.set = next;
    return ST_OK;
}

bool session_search_is_other(const struct session *s)
{
    const struct searching *f = &s->searching;
    bool open = f->end == SEARCH_OPEN || f->end == SEARCH_STOPPED;
    return f->e && (f->version != start_version(s) ||
                    hash_of(s, &f->set, open) != hash_of(s, &f->e->said, open));
}

/* ---- starting and stopping ---- */

bool session_search_running(const struct session *s)
{
    return s->searching.e && s->searching.end == SEARCH_OPEN;
}

/* A search that has tried all it was told to does not go on. */
static enum status check_left(const struct session *s, struct err *err)
{
    const struct searching *f = &s->searching;
    int64_t tried = f->now ? f->now->now.tried : 0;
    if (f->end != SEARCH_DONE || session_search_is_other(s) || tried < f->set.o.evaluations)
        return ST_OK;
    return err_set(err, ST_NO,
                   "it has tried %lld networks; more: search set evaluations %lld, then start",
                   (long long)tried, 2 * (long long)tried);
}

static void begin(struct session *s, int version, struct evolution *e)
{
    struct searching *f = &s->searching;
    bool same = f->e && f->now && strcmp(f->e->archive, e->archive) == 0;
    if (same) {
        evolution_expect(e, f->now);
        evolution_unref(f->e);
        f->end = SEARCH_OPEN;
    } else
        searching_drop(s);
    f->e = e;
    f->version = version;
    struct job *j = job_new(JOB_SEARCH, e->base);
    j->tag = TAG_SEARCH;
    j->evolution = evolution_ref(e);
    pool_submit(s->pool, j);
}

enum status session_search_start(struct session *s, bool here, struct err *err)
{
    struct search_settings set;
    TRY(session_may_edit(s, err));
    if (session_search_running(s))
        return err_set(err, ST_NO, "it is searching already (search stop)");
    TRY(check_left(s, err));
    TRY(session_need_db(s, err));
    int version = here ? s->cursor : start_version(s);
    search_settings_copy(&set, &s->searching.set, SEARCH_SETTINGS);
    enum status st = fill_in(s, version, &set, err);
    if (st != ST_OK)
        return search_settings_done(&set), st;
    char *name = name_of(s, version, &s->searching.set);
    bool on = !here && s->searching.e && !session_search_is_other(s);
    char *archive = on ? x_strdup(s->searching.e->archive) : archives_file(name);
    archives_prune(archive);
    if (on)
        archives_also(archive, name);
    free(name);
    begin(s, version, evolution_new(s->version.at[version]->graph, &set, archive));
    return ST_OK;
}

void session_search_stop(struct session *s)
{
    if (!session_search_running(s))
        return;
    pool_cancel(s->pool, TAG_SEARCH);
    s->searching.end = SEARCH_STOPPED;
}

void searching_init(struct session *s)
{
    search_settings_init(&s->searching.set);
}

void searching_drop(struct session *s)
{
    struct searching *f = &s->searching;
    pool_cancel(s->pool, TAG_SEARCH);
    pool_cancel(s->pool, TAG_TAKE);
    evolution_unref(f->e);
    evolution_state_free(f->now);
    f->e = NULL;
    f->now = NULL;
    f->version = 0;
    f->end = SEARCH_OPEN;
}

void searching_done(struct session *s)
{
    search_settings_done(&s->searching.set);
}

/* ---- what comes from the worker ---- */

void searching_look(struct session *s, unsigned *changed)
{
    struct searching *f = &s->searching;
    struct evolution_state *fresh = f->e ? evolution_fetch(f->e) : NULL;
    if (!fresh)
        return;
    if (fresh->anew && !(f->now && f->now->anew)) {
        session_note(s, false, "%s is gone or was put back: the search goes on from %lld networks",
                     f->e->archive, (long long)fresh->now.tried);
        *changed |= SESSION_CHANGED_NOTICE;
    }
    evolution_state_free(f->now);
    f->now = fresh;
    *changed |= SESSION_CHANGED_SEARCH;
}

void searching_take(struct session *s, struct job *j, unsigned *changed)
{
    struct searching *f = &s->searching;
    char text[512];
    if (f->e == j->evolution && f->end == SEARCH_OPEN) {
        searching_look(s, changed);
        f->end = j->status == ST_OK ? SEARCH_DONE : SEARCH_FAILED;
        f->err = j->err;
        if (f->end == SEARCH_FAILED)
            session_note(s, false, "the search ended: %s", err_text(&f->err, text, sizeof text));
        else if (evolution_waits(f->e)) {
            f->end = SEARCH_STOPPED;
            session_note(s, false,
                         "the search ended before it met the last change: search start "
                         "goes on with it");
        } else
            session_note(s, true, "the search ended: %d networks in the front",
                         f->now ? f->now->n_front : 0);
        *changed |= SESSION_CHANGED_SEARCH | SESSION_CHANGED_NOTICE;
    }
    job_free(j);
}

enum status searching_end(const struct session *s, struct err *err)
{
    const struct searching *f = &s->searching;
    if (f->end != SEARCH_FAILED)
        return ST_OK;
    *err = f->err;
    return f->err.code;
}

/* ---- how it stands ---- */

static enum session_search_stage stage_of(const struct searching *f)
{
    static const enum session_search_stage ended[] = {[SEARCH_STOPPED] = SESSION_SEARCH_STOPPED,
                                                      [SEARCH_DONE] = SESSION_SEARCH_DONE,
                                                      [SEARCH_FAILED] = SESSION_SEARCH_FAILED};
    return !f->e                   ? SESSION_SEARCH_NONE
           : f->end != SEARCH_OPEN ? ended[f->end]
           : f->now                ? SESSION_SEARCH_RUNNING
                                   : SESSION_SEARCH_STARTING;
}

void session_search_state(const struct session *s, struct session_search *out)
{
    const struct searching *f = &s->searching;
    *out = (struct session_search){.stage = stage_of(f), .version = f->version};
    if (f->e) {
        out->set = &f->e->said;
        out->archive = f->e->archive;
    }
    if (out->stage == SESSION_SEARCH_FAILED)
        err_text(&f->err, out->error, sizeof out->error);
    if (!f->now)
        return;
    out->known = true;
    out->now = f->now->now;
    out->rate = f->now->rate;
    out->base = f->now->base;
    out->front = f->now->front;
    out->n_front = f->now->n_front;
    out->past = f->now->past.at;
    out->n_past = f->now->past.n;
}

int session_search_percent(const struct session *s)
{
    const struct searching *f = &s->searching;
    if (!f->e || !f->now)
        return 0;
    double share = (double)f->now->now.tried / (double)f->e->said.o.evaluations;
    return (int)(100 * fmin(share, 1));
}

double session_search_change(const struct session_search *f, const struct search_point *p,
                             enum search_goal g)
{
    double share = search_share(&f->base, p, g);
    return g == GOAL_ACC ? 1 - share : share - 1;
}
