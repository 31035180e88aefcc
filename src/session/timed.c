/* How long the nodes of the current network take. */
#include "session/session_priv.h"

#include "exec/timing.h"

/* ---- on the worker ---- */

enum status timed_run(struct job *j)
{
    struct timing t;
    const struct timing_opts o = {
        .layers = true, .unkept = true, .seed = j->seed, .cancel = &j->cancel};
    TRY(timing_measure(&t, j->graph, &o, &j->err));
    j->ms = x_calloc((size_t)graph_n_slots(j->graph) + 1, sizeof *j->ms);
    for (int i = 0; i < t.n_layers; i++)
        j->ms[t.layer[i].node] = t.layer[i].ms;
    timing_done(&t);
    return ST_OK;
}

/* ---- on the session's thread ---- */

enum status session_time(struct session *s, struct err *err)
{
    TRY(session_need_model(s, err));
    if (s->timing == session_graph(s))
        return ST_OK;
    timed_drop(s);
    s->timing = graph_ref(session_graph(s));
    struct job *j = job_new(JOB_TIME, session_graph(s));
    j->tag = TAG_TIME;
    j->seed = s->seed;
    pool_submit(s->pool, j);
    return ST_OK;
}

void timed_take(struct session *s, struct job *j, unsigned *changed)
{
    job_free(s->timed);
    s->timed = j;
    *changed |= SESSION_CHANGED_TIMES;
}

void timed_drop(struct session *s)
{
    pool_cancel(s->pool, TAG_TIME);
    job_free(s->timed);
    s->timed = NULL;
    graph_unref(s->timing);
    s->timing = NULL;
}

const double *session_times(const struct session *s, const char **why)
{
    const struct job *j = s->timing == session_graph(s) ? s->timed : NULL;
    *why = j && j->status != ST_OK ? j->err.msg : NULL;
    return j ? j->ms : NULL;
}
