/* Journals found at opening: continue, set aside, or ask; and the replay. */
#include "session/session_priv.h"

#include "base/file.h"
#include "family/family.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

/* Processes that may have one model open at a time, each with a journal of its own. */
#define MAX_JOURNALS 9

/* What could be repaired once is repaired again, also on a slower or busier machine. */
#define PATIENCE_S 60.0

/* ---- finding the journal ---- */

static char *default_path(const char *spec, int i)
{
    char real[PATH_MAX];
    const char *what = !family_is_spec(spec) && realpath(spec, real) ? real : spec;
    char name[64];
    if (i == 0)
        snprintf(name, sizeof name, "sessions/%016" PRIx64 ".journal", hash_str(what, 0));
    else
        snprintf(name, sizeof name, "sessions/%016" PRIx64 "-%d.journal", hash_str(what, 0), i + 1);
    return file_xdg("STATE", name, 1);
}

static enum status open_journal(struct session *s, struct err *err)
{
    if (s->opts.journal == SESSION_JOURNAL_FILE)
        return journal_open(&s->journal, s->journal_file, err);
    enum status st = ST_NO;
    for (int i = 0; i < MAX_JOURNALS && st == ST_NO; i++) {
        char *path = default_path(s->spec, i);
        st = journal_open(&s->journal, path, err);
        free(path);
        if (st == ST_OK && i > 0)
            session_note(s, false, "another autogo has this model open; this session is kept in %s",
                         journal_path(s->journal));
    }
    return st;
}

static void make_header(const struct session *s, struct journal_header *h)
{
    /* The vocabulary decides what segment 5 is, so its file is part of what is replayed. */
    unsigned char *data;
    size_t n;
    *h = (struct journal_header){.model = s->model_hash,
                                 .graph = s->version.at[0]->pub.hash,
                                 .segments = s->db.db ? segdb_hash(s->db.db) : 0,
                                 .seed = s->seed,
                                 .spec = s->spec};
    if (file_read(s->vocab_path, (size_t)256 << 20, &data, &n, NULL) == ST_OK) {
        h->vocabulary = hash_bytes(data, n, 0);
        free(data);
    }
}

static bool same_ground(const struct journal_header *a, const struct journal_header *b)
{
    return a->model == b->model && a->graph == b->graph && a->segments == b->segments &&
           a->vocabulary == b->vocabulary;
}

static enum status begin(struct session *s, struct err *err)
{
    struct journal_header h;
    make_header(s, &h);
    return journal_begin(s->journal, &h, err);
}

/* Without a place for the journal the model is still worth looking at; the front tells. */
static enum status without_journal(struct session *s, const struct err *why)
{
    char buf[512];
    session_note(s, false, "edits will not survive a crash: %s", err_text(why, buf, sizeof buf));
    journal_close(s->journal, false);
    s->journal = NULL;
    return ST_OK;
}

/* ---- replay ---- */

/* Splits at blanks, in place; returns the number of words (at most max). */
static int split(char *text, char **word, int max)
{
    int n = 0;
    for (char *p = strtok_r(text, " ", &text); p && n < max; p = strtok_r(NULL, " ", &text))
        word[n++] = p;
    return n;
}

static enum status replay_replace(struct session *s, char **word, int n, struct err *err)
{
    int k;
    struct job *j;
    struct version *v;
    if (n < 3)
        return err_set(err, ST_MODEL, "unknown command");
    TRY(session_find_segment(s, word[1], &k, err));
    /* what the record does not name was as it is by default, whatever is set now */
    const struct session_repair plain = {0};
    TRY(edit_compute(s, k, word[2], (const char *const *)word + 3, n - 3, &plain, PATIENCE_S, &j,
                     err));
    enum status st = edit_version(s, k, j, &v, err);
    job_free(j);
    if (st == ST_OK)
        version_adopt(s, v, s->cursor);
    return st;
}

static enum status replay_edit(struct session *s, char **word, int n, struct err *err)
{
    const struct session_repair plain = {0};
    struct version *v;
    if (n < 3)
        return err_set(err, ST_MODEL, "unknown command");
    TRY(surgery_version(s, word[1], (const char *const *)word + 2, n - 2, &plain, PATIENCE_S, &v,
                        err));
    version_adopt(s, v, s->cursor);
    return ST_OK;
}

static enum status replay_one(struct session *s, const struct journal_record *r, struct err *err)
{
    char *text = x_strdup(r->command), *word[128];
    int n = split(text, word, 128), to = -1;
    int64_t v;
    const char *name = n ? word[0] : "";
    enum status st = ST_OK;
    if (strcmp(name, "replace") == 0)
        st = replay_replace(s, word, n, err);
    else if (strcmp(name, "edit") == 0)
        st = replay_edit(s, word, n, err);
    else if (strcmp(name, "undo") == 0)
        st = version_undo_target(s, &to, err);
    else if (strcmp(name, "redo") == 0)
        st = version_redo_target(s, &to, err);
    else if (strcmp(name, "goto") == 0 && n == 2 && str_to_i64(word[1], 0, INT32_MAX, &v))
        to = (int)v;
    else if (strcmp(name, "reject") == 0 && n == 2)
        candidate_set_hidden(s, word[1]);
    else if ((strcmp(name, "tag") == 0 || strcmp(name, "untag") == 0) && n == 3)
        tags_put(s, word[2], word[1], name[0] == 't');
    else if (strcmp(name, "name") == 0 || strcmp(name, "note") == 0)
        st = naming_replay(s, r->command, err);
    else if (strcmp(name, "quit") != 0)
        st = err_set(err, ST_MODEL, "unknown command");
    if (st == ST_OK && to >= 0)
        st = version_move(s, to, err);
    free(text);
    return st;
}

/* The newest versions down to `keep` of them; none of them is under the cursor. */
static void drop_versions(struct session *s, int keep)
{
    while (session_n_versions(s) > keep) {
        struct version *v = s->version.at[--s->version.n];
        struct session_version *up = &s->version.at[v->pub.parent]->pub;
        if (up->redo == v->pub.id)
            up->redo = -1;
        version_free(v);
    }
}

/* *reached: records replayed with the hashes they had. */
static enum status replay(struct session *s, const struct journal_text *t, size_t *reached,
                          struct err *err)
{
    for (size_t i = 0; i < t->record.n; i++) {
        const struct journal_record *r = &t->record.at[i];
        struct tm tm = {0};
        int came_from = s->cursor, n = session_n_versions(s);
        struct err why = {0};
        uint64_t before = s->version.at[s->cursor]->pub.hash;
        enum status st = before == r->before
                             ? replay_one(s, r, &why)
                             : err_set(&why, ST_NO, "the network before it is another one");
        if (st == ST_CANCELLED)
            return err_set(err, st, "interrupted");
        if (st == ST_OK && s->version.at[s->cursor]->pub.hash != r->after) {
            st = err_set(&why, ST_NO, "gives another network than recorded");
            version_move(s, came_from, NULL);
            drop_versions(s, n);
        }
        if (st != ST_OK)
            return err_set(err, ST_NO, "replay stopped at line %d ('%.60s'): %.140s", r->line,
                           r->command, why.msg);
        if (session_n_versions(s) > n && strptime(r->time, "%Y-%m-%dT%H:%M:%SZ", &tm))
            s->version.at[n]->pub.time = timegm(&tm);
        *reached = i + 1;
    }
    return ST_OK;
}

/* Writes the first n old records into the new journal: they are what the session holds. */
static enum status copy_records(struct session *s, const struct journal_text *t, size_t n,
                                struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        const struct journal_record *r = &t->record.at[i];
        TRY(journal_append(s->journal, r->command, r->before, r->after, err));
    }
    return ST_OK;
}

/* As it was before the replay: the question is open again. */
static void back_to_start(struct session *s)
{
    candidates_drop(s);
    version_move(s, 0, NULL);
    drop_versions(s, 1);
    naming_drop(s);
    strmap_done(&s->hidden);
    s->hidden = (struct strmap){0};
    tags_drop(s);
    s->pending = true;
}

static enum status go_on(struct session *s, struct err *err)
{
    char path[PATH_MAX];
    size_t reached = 0;
    snprintf(path, sizeof path, "%s", journal_path(s->journal));
    s->seed = s->old.head.seed;
    s->pending = false; /* undo in the replay would be refused otherwise */
    enum status st = replay(s, &s->old, &reached, err);
    struct err second = {0};
    if (st == ST_OK)
        return journal_resume(s->journal, &s->old, &second) == ST_OK ? ST_OK
                                                                     : without_journal(s, &second);
    if (st == ST_CANCELLED)
        return back_to_start(s), st;
    err_in_file(err, path);
    enum status st2 = journal_set_aside(s->journal, &second);
    if (st2 == ST_OK)
        st2 = begin(s, &second);
    if (st2 == ST_OK)
        st2 = copy_records(s, &s->old, reached, &second);
    if (st2 != ST_OK)
        without_journal(s, &second);
    return st;
}

static enum status start_fresh(struct session *s, bool keep_old, struct err *err)
{
    struct err why = {0};
    enum status st = keep_old ? journal_set_aside(s->journal, &why) : ST_OK;
    if (st == ST_OK)
        st = begin(s, &why);
    if (st == ST_OK)
        return ST_OK;
    /* A journal that cannot be moved away must not be written over. */
    if (keep_old && err)
        *err = why;
    return keep_old ? st : without_journal(s, &why);
}

/* The model as the old session had it: weights made from a seed depend on it. */
static enum status reopen_with_seed(struct session *s, uint64_t seed, struct err *err)
{
    struct graph *g;
    struct version *v;
    struct model_opts mo = {.seed = seed, .input_shape = s->input_shape};
    TRY(model_open(s->spec, &mo, &g, err));
    enum status st = version_new(s->vocab, g, s->version.at[0]->command, &v, err);
    graph_unref(g);
    if (st != ST_OK)
        return st;
    candidates_drop(s);
    versions_done(s);
    version_adopt(s, v, -1);
    return ST_OK;
}

/* ---- the question ---- */

static void set_pending(struct session *s, bool changed)
{
    const struct journal_text *t = &s->old;
    struct session_pending *p = &s->pending_pub;
    *p = (struct session_pending){.path = journal_path(s->journal), .changed = changed};
    for (size_t i = 0; i < t->record.n; i++) {
        bool quit = strcmp(t->record.at[i].command, "quit") == 0;
        p->edits += !quit;
        p->closed = quit;
        snprintf(p->time, sizeof p->time, "%s", t->record.at[i].time);
    }
    s->pending = true;
}

const struct session_pending *session_pending(const struct session *s)
{
    return s->pending ? &s->pending_pub : NULL;
}

enum status session_recover(struct session *s, enum session_recover mode, struct err *err)
{
    if (!s->pending)
        return err_set(err, ST_USAGE, "no earlier session waits");
    if (mode == SESSION_ASK)
        return ST_OK;
    if (mode == SESSION_RECOVER && s->pending_pub.changed) {
        err_set(err, ST_NO,
                "the model, the segment database or the vocabulary has changed since; its journal "
                "cannot be replayed (fresh sets it aside)");
        return err_in_file(err, s->pending_pub.path), ST_NO;
    }
    enum status st;
    if (mode == SESSION_RECOVER) {
        if (s->old.head.seed != s->seed)
            TRY(reopen_with_seed(s, s->old.head.seed, err));
        st = go_on(s, err);
    } else
        st = start_fresh(s, true, err);
    bool answered = mode == SESSION_RECOVER ? st != ST_CANCELLED : st == ST_OK;
    if (answered) {
        journal_text_done(&s->old);
        s->pending = false;
    }
    return st;
}

enum status recover_open(struct session *s, enum session_recover mode, struct err *err)
{
    struct err why = {0};
    enum status st = open_journal(s, &why);
    if (st != ST_OK && s->opts.journal == SESSION_JOURNAL_DEFAULT)
        return without_journal(s, &why);
    bool bad = false;
    if (st == ST_OK) {
        st = journal_read(s->journal, &s->old, &why);
        bad = st == ST_MODEL || st == ST_UNSUPPORTED;
    }
    if (bad && (mode == SESSION_FRESH || s->opts.journal == SESSION_JOURNAL_DEFAULT)) {
        char buf[512];
        session_note(s, false, "%s; it is set aside", err_text(&why, buf, sizeof buf));
        return start_fresh(s, true, &why) == ST_OK ? ST_OK : without_journal(s, &why);
    }
    if (st != ST_OK && s->opts.journal == SESSION_JOURNAL_DEFAULT)
        return without_journal(s, &why);
    if (st != ST_OK) {
        if (err)
            *err = why;
        return st == ST_NO ? ST_IO : st;
    }
    if (s->old.empty || s->old.record.n == 0) {
        journal_text_done(&s->old);
        return start_fresh(s, false, err);
    }
    struct journal_header now;
    make_header(s, &now);
    set_pending(s, !same_ground(&now, &s->old.head));
    if (mode != SESSION_FRESH)
        return session_recover(s, mode, err);
    if (session_recover(s, mode, &why) == ST_OK)
        return ST_OK;
    journal_text_done(&s->old);
    s->pending = false;
    return without_journal(s, &why);
}
