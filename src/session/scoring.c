/* The predictor of a session. Its model is loaded when a segment is first selected. The source of
 * the selected segment is made by the worker that asks the database, before any candidate is tried.
 */
#include "session/scoring.h"
#include "session/session_priv.h"

#include "base/file.h"

#include <stdlib.h>
#include <unistd.h>

const struct pred_model *scoring_model(struct session *s)
{
    struct err err = {0};
    if (s->pred_sought)
        return s->pred;
    s->pred_sought = true;
    char *path =
        s->predictor_path ? x_strdup(s->predictor_path) : file_data("segments/predictor.bin");
    if ((s->predictor_path || access(path, F_OK) == 0) &&
        pred_model_load(&s->pred, path, &err) != ST_OK) {
        char text[512];
        s->pred = NULL;
        session_note(s, false, "no estimates of accuracy: %s", err_text(&err, text, sizeof text));
    }
    free(path);
    return s->pred;
}

void scoring_lend(struct session *s, struct job *query)
{
    const struct bpe_segmentation *seg = session_segmentation(s);
    query->pred = scoring_model(s);
    if (query->pred)
        query->order = x_memdup(seg->order, (size_t)seg->n_nodes * sizeof *seg->order);
}

void scoring_take(struct hunt *h, struct job *query)
{
    scoring_drop(h);
    h->source = query->source;
    query->source = NULL;
}

void scoring_give(struct session *s, const struct hunt *h, int k, struct job *j)
{
    const struct pred_model *m = scoring_model(s);
    if (m && h->source && k == h->segment)
        j->source = pred_source_ref(h->source);
    else if (m)
        j->source = pred_source_new(m, j->graph, session_segmentation(s)->order, j->region.ids,
                                    j->region.n, -1);
}

void scoring_drop(struct hunt *h)
{
    pred_source_unref(h->source);
    h->source = NULL;
}

bool scoring_between(struct session *s, const struct graph *before, const struct graph *after,
                     struct pred_delta *out)
{
    const struct pred_model *m = scoring_model(s);
    struct graph_diff d;
    if (!m)
        return false;
    graph_diff_init(&d, before, after, true);
    int32_t *gone = x_malloc(((size_t)d.n_removed + (size_t)d.n_changed + 1) * sizeof *gone);
    for (int i = 0; i < d.n_removed; i++)
        gone[i] = d.removed[i];
    for (int i = 0; i < d.n_changed; i++)
        gone[d.n_removed + i] = d.changed_a[i];
    struct pred_source *source =
        pred_source_new(m, before, graph_topo(before), gone, d.n_removed + d.n_changed, -1);
    pred_replacement(source, after, out);
    pred_source_unref(source);
    free(gone);
    graph_diff_done(&d);
    return true;
}

/* ---- why ---- */

enum status scoring_why(struct job *j)
{
    const struct graph *g[2] = {j->graph, j->after};
    for (int i = 0; i < 2; i++) {
        j->weight[i] = x_calloc((size_t)graph_n_slots(g[i]) + 1, sizeof *j->weight[i]);
        TRY(pred_why(j->source, g[i], &j->cancel, j->weight[i], &j->err));
    }
    return ST_OK;
}

enum status session_why(struct session *s, struct err *err)
{
    const struct session_candidate *p = session_previewed(s);
    if (!p)
        return err_set(err, ST_NO, "no candidate is shown (show RANK)");
    if (s->repairing)
        return err_set(err, ST_NO, "the repair is still being solved");
    if (!p->accepted)
        return err_set(err, ST_NO, "%s", p->reason);
    const struct entry *e = s->pinned ? s->pinned : s->base;
    if (!e->job->source)
        return err_set(err, ST_NO, "there is no predictor to ask");
    why_drop(s);
    struct job *j = job_new(JOB_WHY, session_graph(s));
    j->tag = TAG_WHY;
    j->urgent = true;
    j->after = graph_ref(p->result->graph);
    j->source = pred_source_ref(e->job->source);
    pool_submit(s->pool, j);
    return ST_OK;
}

void why_take(struct session *s, struct job *j, unsigned *changed)
{
    *changed |= SESSION_CHANGED_PREVIEW;
    job_free(s->why);
    s->why = j;
    s->reasons = (struct session_reasons){
        .weight = {j->weight[0], j->weight[1]},
        .n = {graph_n_slots(j->graph), graph_n_slots(j->after)},
    };
}

void why_drop(struct session *s)
{
    pool_cancel(s->pool, TAG_WHY);
    job_free(s->why);
    s->why = NULL;
}

const struct session_reasons *session_reasons(const struct session *s)
{
    return s->why && s->why->status == ST_OK ? &s->reasons : NULL;
}
