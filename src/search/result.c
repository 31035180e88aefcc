/* What a search that ended has to give: the front, made anew and executed. */
#include "search/search_priv.h"

#include "exec/trial.h"

#include <stdio.h>

static enum status execute(struct search_result *r, int i, const struct search_opts *o,
                           struct err *err)
{
    struct trial t;
    struct err e = {0};
    const struct trial_opts to = {.seed = o->seed, .threads = o->threads, .cancel = o->cancel};
    enum status st = trial_run(&t, r->graph[i], &to, &e);
    if (st == ST_CANCELLED)
        return *err = e, st;
    snprintf(r->fault[i], sizeof r->fault[i], "%.199s", st == ST_OK ? t.fault : e.msg);
    if (st == ST_OK)
        trial_done(&t);
    return ST_OK;
}

/* From this archive, or what another rank sent. */
static enum status line_of(const struct search *s, const struct search_point *p, struct points *out,
                           struct err *err)
{
    for (size_t i = 0; i < s->abroad.n; i++) { /* fronts: tens of points */
        const struct points *line = &s->abroad.at[i];
        if (line->at[line->n - 1].id == p->id) {
            *out =
                (struct points){x_memdup(line->at, line->n * sizeof *line->at), line->n, line->n};
            return ST_OK;
        }
    }
    return lineage_of(s, p, out, err);
}

static enum status report_point(struct search *s, struct search_result *r, int i, struct err *err)
{
    struct points line;
    enum status st = line_of(s, &r->front[i], &line, err);
    r->line[i] = (struct search_line){line.at, line.n};
    if (st != ST_OK || s->o->points_only)
        return st;
    TRY(lineage_follow(s, &line, &r->graph[i], err));
    return execute(r, i, s->o, err);
}

enum status result_make(struct search *s, struct search_result *r, struct err *err)
{
    r->base = s->base;
    r->base_keeps = select_excess(s, &s->base) == 0;
    r->front = x_memdup(s->front.at, s->front.n * sizeof *s->front.at);
    search_sort(&s->base, s->o->goal[0], r->front, (int)s->front.n);
    r->graph = x_calloc(s->front.n + 1, sizeof *r->graph);
    r->fault = x_calloc(s->front.n + 1, sizeof *r->fault);
    r->table = s->o->pred ? pred_model_table(s->o->pred, s->table) : NULL;
    r->line = x_calloc(s->front.n + 1, sizeof *r->line);
    r->n_front = (int)s->front.n;
    const struct search_truth *truth = truths_all(s->truths, &r->n_truth);
    r->n_change = (int)s->change.n;
    r->change = x_memdup(s->change.at, s->change.n * sizeof *s->change.at);
    r->truth = x_memdup(truth, (size_t)r->n_truth * sizeof *truth);
    for (int i = 0; i < r->n_front; i++)
        TRY(report_point(s, r, i, err));
    return ST_OK;
}

void search_result_done(struct search_result *r)
{
    for (int i = 0; i < r->n_front; i++) {
        graph_unref(r->graph[i]);
        free(r->line[i].at);
    }
    free(r->line);
    free(r->front);
    free(r->truth);
    free(r->change);
    free(r->graph);
    free(r->fault);
    *r = (struct search_result){0};
}
