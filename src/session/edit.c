/* Edits: a replacement computed on this thread, the canonical command of a replacement, applying
 * it. A version is complete (segmented, costed) before its record is written, and the record is on
 * disk before the version is reachable. */
#include "session/session_priv.h"

#include <stdlib.h>

/* ---- pins as text ---- */

static bool simple_name(const struct graph *f, const char *name, int32_t id)
{
    if (!name[0] || name[0] == '#' || session_fragment_node(f, name) != id)
        return false;
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == '"')
            return false;
    return true;
}

static void add_pins(const struct graph *f, const struct mend_pin *pin, int n, struct str *out)
{
    for (int i = 0; i < n; i++) {
        const struct node *node = graph_node(f, pin[i].node);
        if (node && simple_name(f, node_label(node), pin[i].node))
            str_addf(out, " %s:channels=%lld", node_label(node), (long long)pin[i].channels);
        else
            str_addf(out, " #%d:channels=%lld", (int)pin[i].node, (long long)pin[i].channels);
    }
}

static enum status parse_pin(const struct graph *f, const char *text, struct mend_pin *out,
                             struct err *err)
{
    static const char mark[] = ":channels=";
    const char *at = NULL;
    for (const char *p = text; (p = strstr(p, mark)); p++)
        at = p;
    if (!at || !str_to_i64(at + sizeof mark - 1, 1, INT32_MAX, &out->channels))
        return err_set(err, ST_USAGE, "pin '%s' is not like NODE:channels=64", text);
    char *name = x_strndup(text, (size_t)(at - text));
    out->node = session_fragment_node(f, name);
    if (out->node < 0)
        err_set(err, ST_USAGE, "the candidate has no node '%s'", name);
    free(name);
    return out->node < 0 ? ST_USAGE : ST_OK;
}

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

static enum status new_job(struct session *s, int k, const char *id, const char *const *pin,
                           int n_pin, struct job **out, struct err *err)
{
    int64_t record;
    struct job *j;
    if (!candidate_parse_id(id, &record))
        return err_set(err, ST_USAGE, "'%s' is no candidate (self, s123, u12)", id);
    TRY(candidate_job(s, JOB_REPAIR, k, record, &j, err));
    enum status st = fetch(s, j, err);
    if (st == ST_OK && n_pin) {
        j->pin = x_calloc((size_t)n_pin, sizeof *j->pin);
        j->n_pin = n_pin;
    }
    for (int i = 0; st == ST_OK && i < n_pin; i++)
        st = parse_pin(j->fragment, pin[i], &j->pin[i], err);
    if (st != ST_OK) {
        job_free(j);
        return st;
    }
    *out = j;
    return ST_OK;
}

enum status edit_compute(struct session *s, int k, const char *id, const char *const *pin,
                         int n_pin, struct job **out, struct err *err)
{
    struct job *j;
    TRY(new_job(s, k, id, pin, n_pin, &j, err));
    j->extra_cancel = s->opts.interrupt;
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
        return err_set(err, ST_NO, "%s",
                       j->cand.reason[0] ? j->cand.reason : "the candidate was refused");
    str_addf(&command, "replace %d ", k);
    if (j->record)
        segdb_name(j->record, name);
    str_add(&command, name);
    add_pins(j->fragment, j->pin, j->n_pin, &command);
    enum status st = version_new(s, j->cand.graph, str_text(&command), out, err);
    str_done(&command);
    return st;
}

/* ---- public ---- */

static enum status apply_job(struct session *s, int k, const struct job *j, struct err *err)
{
    struct version *v;
    TRY(edit_version(s, k, j, &v, err));
    enum status st = version_record(s, v->command, v->pub.hash, err);
    if (st != ST_OK) {
        version_free(v);
        return st;
    }
    candidates_drop(s);
    version_adopt(s, v, s->cursor);
    return ST_OK;
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
        return err_set(err, ST_NO, "%s", e->why[0] ? e->why : "the candidate was refused");
    return apply_job(s, s->selected, e->job, err);
}

enum status session_try(struct session *s, int k, const char *id, const char *const *pin, int n_pin,
                        struct err *err)
{
    struct job *j;
    TRY(session_need_model(s, err));
    TRY(edit_compute(s, k, id, pin, n_pin, &j, err));
    candidates_drop(s);
    s->selected = k;
    for (int i = 0; i < j->n_pin; i++)
        vec_push(&s->pin, j->pin[i]);
    struct entry *e = entry_new(s, j);
    s->done = s->total = 1;
    s->base = e;
    vec_push(&s->all, e);
    candidates_rank(s);
    return ST_OK;
}

enum status session_replace(struct session *s, int k, const char *id, const char *const *pin,
                            int n_pin, struct err *err)
{
    struct job *j;
    TRY(session_may_edit(s, err));
    TRY(edit_compute(s, k, id, pin, n_pin, &j, err));
    enum status st = apply_job(s, k, j, err);
    job_free(j);
    return st;
}

enum status session_write_lp(struct session *s, int k, const char *id, const char *path,
                             struct err *err)
{
    struct job *j;
    TRY(session_need_model(s, err));
    TRY(new_job(s, k, id, NULL, 0, &j, err));
    const struct region *r = &j->region;
    int n_in, n_out;
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
        st = mend_write_lp(j->fragment, need, need + r->n_in, path, err);
    free(need);
    job_free(j);
    return st;
}
