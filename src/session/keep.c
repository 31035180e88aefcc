/* Segments the user keeps: added to a database of their own, which lies over the shipped one. */
#include "session/session_priv.h"

#include <stdlib.h>

static enum status keep_job(struct session *s, int k, struct job **out, struct err *err)
{
    TRY(session_need_model(s, err));
    TRY(session_may_write(s, err));
    const struct session_segment *seg = session_segment(s, k);
    if (seg && !seg->ok)
        return err_set(err, ST_NO, "segment %d cannot be kept: %s", k, seg->why);
    layers_look(&s->layers);
    TRY(candidate_job(s, JOB_KEEP, k, 0, out, err));
    (*out)->tag = TAG_KEEP;
    (*out)->urgent = true;
    (*out)->segment = k;
    (*out)->origin = x_strdup(s->spec);
    return ST_OK;
}

enum status session_keep(struct session *s, int k, struct err *err)
{
    struct job *j;
    TRY(keep_job(s, k, &j, err));
    pool_submit(s->pool, j);
    return ST_OK;
}

static void describe(const struct job *j, struct str *out)
{
    char name[SEGDB_NAME];
    segdb_name(j->kept, name);
    if (j->known)
        str_addf(out, "segment %d is known already as %s", j->segment, name);
    else
        str_addf(out, "segment %d kept as %s (autogo db remove %s takes it out again)", j->segment,
                 name, name);
}

void keep_take(struct session *s, struct job *j, unsigned *changed)
{
    struct str line = {0};
    char buf[512];
    if (j->status == ST_OK)
        describe(j, &line);
    else
        str_addf(&line, "segment %d was not kept: %s", j->segment,
                 err_text(&j->err, buf, sizeof buf));
    session_note(s, j->status == ST_OK, "%s", str_text(&line));
    layers_look(&s->layers);
    str_done(&line);
    job_free(j);
    *changed |= SESSION_CHANGED_NOTICE;
}

enum status keep_now(struct session *s, int k, struct str *out, struct err *err)
{
    struct job *j;
    TRY(keep_job(s, k, &j, err));
    job_run(j, &s->db, s->layers.path);
    enum status st = j->status;
    if (st == ST_OK) {
        describe(j, out);
        str_add_char(out, '\n');
    } else if (err)
        *err = j->err;
    layers_look(&s->layers);
    job_free(j);
    return st;
}
