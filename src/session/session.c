#include "session/session_priv.h"

#include "base/file.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

static char *dup_or_null(const char *s)
{
    return s ? x_strdup(s) : NULL;
}

/* "canonical" and "reference" are words for the shipped vocabularies. */
static char *vocab_of(const char *path)
{
    if (!path || strcmp(path, "canonical") == 0)
        return file_data("segments/vocab.json");
    if (strcmp(path, "reference") == 0)
        return file_data("segments/reference.json");
    return x_strdup(path);
}

struct session *session_new(const struct session_opts *opts)
{
    struct session *s = x_calloc(1, sizeof *s);
    s->opts = *opts;
    s->vocab_path = vocab_of(opts->vocab_path);
    layers_init(&s->layers, opts->segdb_path);
    s->predictor_path = dup_or_null(opts->predictor_path);
    s->npu_name = x_strdup(opts->npu_preset ? opts->npu_preset : "os32");
    s->opts.npu_preset = s->npu_name;
    s->opts.predictor_path = s->predictor_path;
    s->input_shape = dup_or_null(opts->input_shape);
    s->journal_file = dup_or_null(opts->journal_path);
    s->opts.vocab_path = s->vocab_path;
    s->opts.segdb_path = s->layers.path[0];
    s->opts.input_shape = s->input_shape;
    s->opts.journal_path = s->journal_file;
    if (s->opts.tries <= 0)
        s->opts.tries = 100;
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    s->threads = opts->threads > 0 ? opts->threads : cpus > 0 ? (int)(cpus < 256 ? cpus : 256) : 1;
    s->seed = opts->seed;
    s->how = opts->repair;
    if (opts->read_only)
        s->opts.journal = SESSION_JOURNAL_OFF;
    s->spec = x_strdup("");
    s->marked = s->diffed[0] = s->diffed[1] = -1;
    s->hunt = (struct hunt){.tag = TAG_SELECT, .segment = -1};
    s->filter_text = x_strdup("");
    session_fit_defaults(&s->fitting.set);
    searching_init(s);
    s->pool = pool_new(s->threads, opts->yields, s->layers.path);
    return s;
}

/* Everything that belongs to the model at hand. */
static void drop_model(struct session *s)
{
    pool_cancel(s->pool, -1);
    session_glance_stop(s);
    candidates_drop(s);
    batch_done(s);
    layouts_done(s);
    fitting_drop(s);
    searching_drop(s);
    timed_drop(s);
    comparing_drop(s);
    if (s->journal && s->version.n > 0 && !s->pending && session_n_versions(s) > 1)
        version_record(s, "quit", s->version.at[s->cursor]->pub.hash, NULL);
    journal_close(s->journal, true);
    s->journal = NULL;
    journal_text_done(&s->old);
    s->pending = false;
    strmap_done(&s->hidden);
    memset(&s->hidden, 0, sizeof s->hidden);
    tags_drop(s);
    versions_done(s);
    free(s->spec);
    s->spec = x_strdup("");
}

void session_free(struct session *s)
{
    if (!s)
        return;
    drop_model(s);
    pool_free(s->pool);
    searching_done(s);
    glance_done(s);
    layers_close(&s->db);
    layers_done(&s->layers);
    if (s->vocab)
        bpe_vocab_free(s->vocab);
    pred_model_free(s->pred);
    free(s->predictor_path);
    free(s->npu_name);
    for (size_t i = 0; i < s->notice.n; i++)
        free(s->notice.at[i].text);
    vec_done(&s->notice);
    hunt_done(&s->hunt);
    filter_free(s->filter);
    free(s->filter_text);
    vec_done(&s->tagged);
    wants_done(&s->wants);
    free(s->told.text);
    free(s->spec);
    free(s->vocab_path);
    free(s->input_shape);
    free(s->journal_file);
    free(s);
}

/* ---- opening ---- */

enum status session_need_vocab(struct session *s, struct err *err)
{
    if (s->vocab)
        return ST_OK;
    enum status st = bpe_vocab_load(&s->vocab, s->vocab_path, err);
    return st == ST_OK ? ST_OK : (err_in_file(err, s->vocab_path), st);
}

const struct npu_preset *session_npu(struct session *s)
{
    struct err err = {0};
    char text[512];
    if (s->npu_state == NPU_UNREAD) {
        bool ok = npu_preset_load(&s->npu, s->npu_name, &err) == ST_OK;
        s->npu_state = ok ? NPU_READ : NPU_BAD;
        if (!ok)
            session_note(s, false, "no cycles: %s", err_text(&err, text, sizeof text));
    }
    return s->npu_state == NPU_READ ? &s->npu : NULL;
}

enum status session_need_db(struct session *s, struct err *err)
{
    layers_look(&s->layers);
    TRY(layers_open(&s->db, s->layers.path, s->layers.generation, err));
    session_note_trouble(s, &s->db.trouble);
    return ST_OK;
}

/* Everything that may fail, before the old model is given up. */
static enum status prepare(struct session *s, const char *spec, struct version **v, uint64_t *hash,
                           struct err *err)
{
    struct graph *g;
    struct model_opts mo = {.seed = s->opts.seed, .input_shape = s->input_shape};
    TRY(session_need_vocab(s, err));
    if (s->opts.journal != SESSION_JOURNAL_OFF)
        TRY(session_need_db(s, err));
    TRY(model_open(spec, &mo, &g, err));
    enum status st = ST_OK;
    if (s->opts.journal != SESSION_JOURNAL_OFF)
        st = model_hash(spec, g, hash, err);
    char *command = x_asprintf("open %s", spec);
    if (st == ST_OK)
        st = version_new(s, g, command, v, err);
    free(command);
    graph_unref(g);
    return st;
}

enum status session_open(struct session *s, const char *spec, enum session_recover mode,
                         struct err *err)
{
    struct version *v;
    uint64_t hash = 0;
    TRY(prepare(s, spec, &v, &hash, err));
    char *copy = x_strdup(spec); /* spec may be the text of the one at hand */
    drop_model(s);
    free(s->spec);
    s->spec = copy;
    s->seed = s->opts.seed;
    s->model_hash = hash;
    /* Limits were meant for the network that was open. */
    s->how.max_flops_paper = s->how.max_params = 0;
    version_adopt(s, v, -1);
    if (s->opts.journal == SESSION_JOURNAL_OFF)
        return ST_OK;
    enum status st = recover_open(s, mode, err);
    if (st != ST_OK && st != ST_NO)
        drop_model(s);
    return st;
}

bool session_is_open(const struct session *s)
{
    return s->version.n > 0;
}

const char *session_spec(const struct session *s)
{
    return s->spec;
}

const char *session_journal_path(const struct session *s)
{
    return s->journal ? journal_path(s->journal) : "";
}

uint64_t session_seed(const struct session *s)
{
    return s->seed;
}

int session_threads(const struct session *s)
{
    return s->threads;
}

enum status session_need_model(const struct session *s, struct err *err)
{
    return s->version.n ? ST_OK : err_set(err, ST_USAGE, "no model is open (open MODEL)");
}

enum status session_may_write(const struct session *s, struct err *err)
{
    return s->opts.read_only
               ? err_set(err, ST_NO, "read-only: nothing is changed or written (--readonly)")
               : ST_OK;
}

enum status session_may_edit(const struct session *s, struct err *err)
{
    TRY(session_need_model(s, err));
    TRY(session_may_write(s, err));
    if (s->pending)
        return err_set(err, ST_USAGE,
                       "an earlier session of this model waits: say 'recover' or 'fresh' first");
    return ST_OK;
}

/* ---- notices ---- */

void session_note(struct session *s, bool good, const char *fmt, ...)
{
    struct str b = {0};
    va_list ap;
    va_start(ap, fmt);
    str_vaddf(&b, fmt, ap);
    va_end(ap);
    vec_push(&s->notice, (struct notice){str_take(&b), good});
}

void session_note_trouble(struct session *s, const struct err *trouble)
{
    char buf[512];
    if (trouble->code == ST_OK || s->layers.told == s->layers.generation)
        return;
    s->layers.told = s->layers.generation;
    session_note(s, false, "%s; going on without your own segments",
                 err_text(trouble, buf, sizeof buf));
}

const char *session_notice(struct session *s)
{
    free(s->told.text);
    s->told = (struct notice){0};
    if (s->notice.n) {
        s->told = s->notice.at[0];
        s->notice.n--;
        memmove(s->notice.at, s->notice.at + 1, s->notice.n * sizeof *s->notice.at);
    }
    return s->told.text;
}

bool session_notice_good(const struct session *s)
{
    return s->told.good;
}

/* ---- jobs ---- */

bool session_interrupted(const struct session *s)
{
    return s->opts.interrupt && __atomic_load_n(s->opts.interrupt, __ATOMIC_RELAXED);
}

int session_fd(const struct session *s)
{
    return pool_fd(s->pool);
}

static void take_write(struct session *s, struct job *j, unsigned *changed)
{
    char buf[512];
    if (j->status == ST_OK)
        session_note(s, true, "%s: written", j->path);
    else
        session_note(s, false, "%s", err_text(&j->err, buf, sizeof buf));
    job_free(j);
    *changed |= SESSION_CHANGED_NOTICE;
}

unsigned session_poll(struct session *s)
{
    unsigned changed = 0;
    struct job *j;
    while ((j = pool_take(s->pool))) {
        if (s->opts.on_job)
            s->opts.on_job(s->opts.on_job_ctx, job_kind_name(j->kind), j->seconds, j->status);
        switch (j->kind) {
        case JOB_QUERY:
        case JOB_CANDIDATE:
        case JOB_LIKE:
            if (j->tag == TAG_BATCH)
                batch_take(s, j, &changed);
            else
                candidates_take(s, j, &changed);
            break;
        case JOB_REPAIR:
            preview_take(s, j, &changed);
            break;
        case JOB_WHY:
            why_take(s, j, &changed);
            break;
        case JOB_TIME:
            timed_take(s, j, &changed);
            break;
        case JOB_COMPARE:
            if (j->tag == TAG_COMPARE)
                comparing_take(s, j, &changed);
            else
                take_write(s, j, &changed);
            break;
        case JOB_LAYOUT:
            layout_take(s, j, &changed);
            break;
        case JOB_WRITE:
            take_write(s, j, &changed);
            break;
        case JOB_KEEP:
            keep_take(s, j, &changed);
            break;
        case JOB_FIT:
            fitting_take(s, j, &changed);
            break;
        case JOB_SEARCH:
            searching_take(s, j, &changed);
            break;
        case JOB_TAKE:
            taking_take(s, j, &changed);
            break;
        case JOB_GLANCE:
            glance_take(s, j, &changed);
            break;
        }
    }
    fitting_look(s, &changed);
    searching_look(s, &changed);
    if (s->hunt.unranked)
        hunt_rank(s, &s->hunt);
    return changed;
}

bool session_busy(const struct session *s)
{
    return pool_count(s->pool, -1) > 0;
}

enum status session_wait(struct session *s, struct err *err)
{
    for (;;) {
        session_poll(s);
        if (!session_busy(s))
            return ST_OK;
        if (session_interrupted(s))
            return err_set(err, ST_CANCELLED, "interrupted");
        struct pollfd p = {.fd = session_fd(s), .events = POLLIN};
        /* The limit covers a signal that comes between the test above and the wait. */
        if (poll(&p, 1, 100) < 0 && errno != EINTR)
            return err_set(err, ST_INTERNAL, "cannot wait for the workers");
    }
}

bool session_quit_asked(const struct session *s)
{
    return s->quit;
}
