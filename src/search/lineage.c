/* Networks made anew from what the archive says. */
#include "search/search_priv.h"

/* Iterative: lineages are as long as the search. */
enum status lineage_of(const struct search *s, const struct search_point *p, struct points *out,
                       struct err *err)
{
    enum status st = ST_OK;
    *out = (struct points){0};
    for (struct search_point at = *p; at.id != 0 && st == ST_OK;) {
        vec_push(out, at);
        if (at.parent == 0)
            break;
        st = archive_get(s->archive, at.parent, &at, err);
    }
    for (size_t i = 0; i < out->n / 2; i++) {
        struct search_point t = out->at[i];
        out->at[i] = out->at[out->n - 1 - i];
        out->at[out->n - 1 - i] = t;
    }
    return st;
}

enum status lineage_follow(struct search *s, const struct points *line, struct graph **out,
                           struct err *err)
{
    struct graph *g = graph_ref(s->base_graph);
    enum status st = ST_OK;
    for (size_t i = 0; i < line->n && st == ST_OK; i++) {
        struct graph *next = NULL;
        st = child_remake(g, &line->at[i], &s->hand[0], s->o, &next, err);
        graph_unref(g);
        g = next;
    }
    if (st == ST_OK && line->n && graph_hash(g) != line->at[line->n - 1].hash)
        st = err_set(err, ST_MODEL, "child %lld of the archive gives another network now",
                     (long long)line->at[line->n - 1].id);
    if (st == ST_OK)
        *out = g;
    else
        graph_unref(g);
    return st;
}

enum status lineage_remake(struct search *s, const struct search_point *p, struct graph **out,
                           struct err *err)
{
    struct points line;
    enum status st = lineage_of(s, p, &line, err);
    if (st == ST_OK)
        st = lineage_follow(s, &line, out, err);
    vec_done(&line);
    return st;
}
