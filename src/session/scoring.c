/* The predictor of a session. Its model is loaded when a segment is first selected. The source of the
 * selected segment is made by the worker that asks the database, before any candidate is tried. */
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
    char *path = s->predictor_path ? x_strdup(s->predictor_path) : file_data("segments/predictor.bin");
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

void scoring_take(struct session *s, struct job *query)
{
    scoring_drop(s);
    s->source = query->source;
    query->source = NULL;
}

void scoring_give(struct session *s, int k, struct job *j)
{
    const struct pred_model *m = scoring_model(s);
    if (m && s->source && k == s->selected)
        j->source = pred_source_ref(s->source);
    else if (m)
        j->source = pred_source_new(m, j->graph, session_segmentation(s)->order, j->region.ids,
                                    j->region.n, -1);
}

void scoring_drop(struct session *s)
{
    pred_source_unref(s->source);
    s->source = NULL;
}
