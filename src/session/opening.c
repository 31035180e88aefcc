#include "session/opening.h"
#include "session/session_priv.h"

#include <stdlib.h>

void opening_free(struct opening *o)
{
    if (!o)
        return;
    free(o->spec);
    if (o->read)
        bpe_vocab_free(o->read);
    if (o->version)
        version_free(o->version);
    layers_close(&o->db);
    free(o);
}

/* ---- on whichever thread ---- */

enum status opening_run(struct opening *o, char *const path[SEGDB_LAYERS], const int *cancel,
                        struct err *err)
{
    struct graph *g;
    if (!o->vocab) {
        TRY(vocab_read(o->vocab_path, &o->read, err));
        o->vocab = o->read;
    }
    if (o->based)
        TRY(layers_open(&o->db, path, o->generation, err));
    o->how.cancel = cancel;
    TRY(model_read(o->spec, &o->how, &g, o->hashed ? &o->hash : NULL, err));
    char *command = x_asprintf("open %s", o->spec);
    enum status st = version_new(o->vocab, g, command, &o->version, err);
    free(command);
    graph_unref(g);
    return st;
}

/* ---- on the session's thread ---- */

static struct opening *opening_new(struct session *s, const char *spec)
{
    struct opening *o = x_calloc(1, sizeof *o);
    o->spec = x_strdup(spec);
    o->how = (struct model_opts){.seed = s->opts.seed, .input_shape = s->input_shape};
    o->hashed = s->opts.journal != SESSION_JOURNAL_OFF;
    o->vocab_path = s->vocab_path;
    o->vocab = s->vocab;
    layers_look(&s->layers);
    o->generation = s->layers.generation;
    o->based = o->hashed && !s->db.db;
    return o;
}

/* In place of the model at hand, which stays when the databases cannot be used. */
static enum status adopt(struct session *s, struct opening *o, enum session_recover mode,
                         struct err *err)
{
    if (!s->db.db) {
        s->db = o->db;
        o->db = (struct layers_db){0};
    }
    if (s->opts.journal != SESSION_JOURNAL_OFF)
        TRY(session_need_db(s, err));
    if (!s->vocab) {
        s->vocab = o->read;
        o->read = NULL;
    }
    session_drop_model(s);
    free(s->spec);
    s->spec = o->spec;
    o->spec = NULL;
    s->seed = s->opts.seed;
    s->model_hash = o->hash;
    /* Limits were meant for the network that was open. */
    s->how.max_flops_paper = s->how.max_params = 0;
    version_adopt(s, o->version, -1);
    o->version = NULL;
    if (s->opts.journal == SESSION_JOURNAL_OFF)
        return ST_OK;
    enum status st = recover_open(s, mode, err);
    if (st != ST_OK && st != ST_NO)
        session_drop_model(s);
    return st;
}

enum status session_open(struct session *s, const char *spec, enum session_recover mode,
                         struct err *err)
{
    struct opening *o = opening_new(s, spec);
    enum status st = opening_run(o, s->layers.path, NULL, err);
    if (st == ST_OK)
        st = adopt(s, o, mode, err);
    opening_free(o);
    return st;
}

void session_open_later(struct session *s, const char *spec)
{
    char *copy = x_strdup(spec); /* spec may be session_opening's */
    session_open_stop(s);
    session_glance_stop(s); /* it may well be reading the same file */
    struct job *j = job_new(JOB_OPEN, NULL);
    j->tag = TAG_OPEN;
    j->urgent = true;
    j->opening = opening_new(s, copy);
    s->opening = copy;
    pool_submit(s->pool, j);
}

const char *session_opening(const struct session *s)
{
    return s->opening;
}

void session_open_stop(struct session *s)
{
    pool_cancel(s->pool, TAG_OPEN);
    job_free(s->opened);
    s->opened = NULL;
    free(s->opening);
    s->opening = NULL;
}

void opening_take(struct session *s, struct job *j, unsigned *changed)
{
    s->opened = j;
    *changed |= SESSION_CHANGED_OPENED;
}

enum status session_open_end(struct session *s, enum session_recover mode, struct err *err)
{
    struct job *j = s->opened;
    if (!j)
        return err_set(err, ST_USAGE, "no model has been read");
    s->opened = NULL;
    enum status st = j->status;
    if (st != ST_OK && err)
        *err = j->err;
    else if (st == ST_OK)
        st = adopt(s, j->opening, mode, err);
    job_free(j);
    session_open_stop(s);
    return st;
}
