#include "ui/candidate_rows.h"

#include "session/describe.h"
#include "session/field.h"
#include "ui/interval.h"
#include "ui/repair_words.h"
#include "ui/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    COL_RANK,
    COL_ID,
    COL_OPS,
    COL_TAGS,
    COL_GAIN,
    COL_RANGE,
    COL_BAR,
    COL_FLOPS,
    COL_SHARE,
    COL_PARAMS,
    COL_CYCLES,
    COL_ENERGY,
    COL_REPAIR,
    COL_CHANGES,
    COL_MS,
    COLUMNS
};

static const struct list_column columns[COLUMNS] = {
    [COL_RANK] = {"rank", 4, .right = true, .name = "rank"},
    [COL_ID] = {"id", 6, .name = "id"},
    [COL_OPS] = {"operators", 12, .flex = true, .name = "ops"},
    [COL_TAGS] = {"tags", 8, .name = "tag"},
    [COL_GAIN] = {"est. acc", 9, .right = true, .name = "dacc", .more = true},
    [COL_RANGE] = {"90 %", 14, .right = true, .prio = 5},
    [COL_BAR] = {"interval", INTERVAL_CELLS, .prio = 4, .name = "dacc_low", .more = true},
    [COL_FLOPS] = {"+FLOPs", 9, .right = true, .name = "dflops"},
    [COL_SHARE] = {"+%", 7, .right = true, .prio = 3},
    [COL_PARAMS] = {"+params", 9, .right = true, .name = "dparams"},
    [COL_CYCLES] = {"+cycles", 9, .right = true, .prio = 2, .name = "dcycles"},
    [COL_ENERGY] = {"+uJ", 8, .right = true, .prio = 6, .name = "denergy"},
    [COL_REPAIR] = {"repair", 9},
    [COL_CHANGES] = {"chg", 3, .right = true, .prio = 1, .name = "changes"},
    [COL_MS] = {"ms", 6, .right = true, .prio = 2, .name = "ms"},
};

enum { REF_ID, REF_OPS, REF_WHY, REF_COLUMNS };

static const struct list_column refused_columns[REF_COLUMNS] = {
    [REF_ID] = {"id", 6},
    [REF_OPS] = {"operators", 20, .flex = true},
    [REF_WHY] = {"why not", 24, .flex = true},
};

static const struct session_candidate *at(const struct candidate_rows *r, int row)
{
    return session_candidate(r->session, row);
}

/* ---- cells ---- */

static void rank_cell(const struct candidate_rows *r, const struct session_candidate *c, char *buf,
                      size_t size)
{
    (void)r;
    snprintf(buf, size, "%d", c->rank);
}

static void id_cell(const struct candidate_rows *r, const struct session_candidate *c, char *buf,
                    size_t size)
{
    (void)r;
    snprintf(buf, size, "%s", c->id);
}

static void ops_cell(const struct candidate_rows *r, const struct session_candidate *c, char *buf,
                     size_t size)
{
    (void)r;
    describe_ops(buf, size, c->ops);
}

static void tags_cell(const struct candidate_rows *r, const struct session_candidate *c, char *buf,
                      size_t size)
{
    (void)r;
    snprintf(buf, size, "%s", c->tags);
}

/* In per cent of accuracy; in the table's deviations and marked where the predictor knows no
 * network like this one. */
static void gain_cell(const struct candidate_rows *r, const struct session_candidate *c, char *buf,
                      size_t size)
{
    const struct pred_delta *e = c->estimate;
    (void)r;
    if (!e)
        snprintf(buf, size, "unknown");
    else if (e->in_distribution)
        snprintf(buf, size, "%+.2f %%", 100 * e->delta);
    else
        snprintf(buf, size, "%+.2f s?", e->delta);
}

static void range_cell(const struct candidate_rows *r, const struct session_candidate *c, char *buf,
                       size_t size)
{
    const struct pred_delta *e = c->estimate;
    double unit = e && e->in_distribution ? 100 : 1;
    (void)r;
    if (e)
        snprintf(buf, size, "%+.1f..%+.1f", unit * e->low, unit * e->high);
}

static void bar_cell(const struct candidate_rows *r, const struct session_candidate *c, char *buf,
                     size_t size)
{
    const struct pred_delta *e = c->estimate;
    if (e && r->reach[e->in_distribution] > 0)
        interval_bar(e->low, e->delta, e->high, r->reach[e->in_distribution], buf, size);
}

static void flops_cell(const struct candidate_rows *r, const struct session_candidate *c, char *buf,
                       size_t size)
{
    (void)r;
    text_delta((double)c->delta_flops, buf, size);
}

static void share_cell(const struct candidate_rows *r, const struct session_candidate *c, char *buf,
                       size_t size)
{
    (void)r;
    text_percent((double)c->delta_flops, (double)c->result->before.flops, buf, size);
    if (strlen(buf) > 2 && strcmp(buf + strlen(buf) - 2, " %") == 0)
        buf[strlen(buf) - 2] = 0;
}

static void params_cell(const struct candidate_rows *r, const struct session_candidate *c,
                        char *buf, size_t size)
{
    (void)r;
    text_delta((double)c->delta_params, buf, size);
}

static void cycles_cell(const struct candidate_rows *r, const struct session_candidate *c,
                        char *buf, size_t size)
{
    (void)r;
    if (c->npu)
        text_delta((double)c->delta_cycles, buf, size);
    else
        snprintf(buf, size, "unknown");
}

static void energy_cell(const struct candidate_rows *r, const struct session_candidate *c,
                        char *buf, size_t size)
{
    (void)r;
    if (c->npu)
        text_delta(c->delta_energy_uj, buf, size);
}

static void repair_cell(const struct candidate_rows *r, const struct session_candidate *c,
                        char *buf, size_t size)
{
    (void)r;
    repair_brief(c->result, buf, size);
}

static void changes_cell(const struct candidate_rows *r, const struct session_candidate *c,
                         char *buf, size_t size)
{
    (void)r;
    snprintf(buf, size, "%d", c->result->plan.n_change);
}

static void ms_cell(const struct candidate_rows *r, const struct session_candidate *c, char *buf,
                    size_t size)
{
    (void)r;
    snprintf(buf, size, "%.1f", c->result->ms);
}

static void fit_cell(void *ctx, int row, int col, char *buf, size_t size)
{
    static void (*const cell[COLUMNS])(const struct candidate_rows *,
                                       const struct session_candidate *, char *, size_t) = {
        [COL_RANK] = rank_cell,     [COL_ID] = id_cell,           [COL_OPS] = ops_cell,
        [COL_TAGS] = tags_cell,     [COL_GAIN] = gain_cell,       [COL_RANGE] = range_cell,
        [COL_BAR] = bar_cell,       [COL_FLOPS] = flops_cell,     [COL_SHARE] = share_cell,
        [COL_PARAMS] = params_cell, [COL_CYCLES] = cycles_cell,   [COL_ENERGY] = energy_cell,
        [COL_REPAIR] = repair_cell, [COL_CHANGES] = changes_cell, [COL_MS] = ms_cell,
    };
    const struct candidate_rows *r = ctx;
    const struct session_candidate *c = at(r, row);
    if (c && c->result)
        cell[col](r, c, buf, size);
}

/* ---- numbers, styles ---- */

/* What a column is sorted by: mostly the field of its name. */
static double number_of(const struct session_candidate *c, int col)
{
    const struct pred_delta *e = c->estimate;
    const char *name = col == COL_SHARE ? "dflops" : columns[col].name;
    if (col == COL_GAIN || col == COL_BAR)
        return !e ? NAN : col == COL_BAR ? e->low : e->delta;
    if (col == COL_RANGE)
        return e ? e->high - e->low : NAN;
    const struct field *f = name ? field_find(name, strlen(name)) : NULL;
    return f && f->number ? f->number(c) : NAN;
}

static bool fit_number(void *ctx, int row, int col, double *out)
{
    const struct session_candidate *c = at(ctx, row);
    *out = c && c->result ? number_of(c, col) : NAN;
    return !isnan(*out);
}

static int sign_style(double v)
{
    return v < 0 ? STYLE_GOOD : v > 0 ? STYLE_BAD : STYLE_DIM;
}

static int estimate_style(const struct session_candidate *c)
{
    const struct pred_delta *e = c->estimate;
    if (!e || !e->in_distribution || !c->record)
        return STYLE_DIM;
    return e->low > 0 ? STYLE_GOOD : e->high < 0 ? STYLE_BAD : STYLE_TEXT;
}

static int fit_style(void *ctx, int row, int col)
{
    const struct session_candidate *c = at(ctx, row);
    if (!c || !c->result)
        return STYLE_DIM;
    switch (col) {
    case COL_GAIN:
    case COL_BAR:
        return estimate_style(c);
    case COL_FLOPS:
    case COL_SHARE:
        return sign_style((double)c->delta_flops);
    case COL_PARAMS:
        return sign_style((double)c->delta_params);
    case COL_CYCLES:
        return sign_style((double)c->delta_cycles);
    case COL_ENERGY:
        return sign_style(c->delta_energy_uj);
    case COL_REPAIR:
        return c->result->status == MEND_UNCHANGED ? STYLE_DIM : STYLE_WARN;
    case COL_OPS:
        return STYLE_TEXT;
    case COL_TAGS:
        return STYLE_BOLD;
    default:
        return STYLE_DIM;
    }
}

/* ---- the lists ---- */

static int fit_rows(void *ctx)
{
    const struct candidate_rows *r = ctx;
    return session_n_candidates(r->session);
}

static uint64_t fit_id(void *ctx, int row)
{
    const struct session_candidate *c = at(ctx, row);
    return c ? (uint64_t)c->record + 1 : 0;
}

bool candidate_kept(void *ctx, int row)
{
    const struct candidate_rows *r = ctx;
    return session_keeps(r->session, at(r, row));
}

static const struct list_source fit_source = {fit_rows, fit_cell, fit_number, fit_style, fit_id};

void candidate_list_init(struct list *l, struct candidate_rows *r)
{
    list_init(l, columns, COLUMNS, &fit_source, r);
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

void candidate_list_refresh(struct list *l, struct candidate_rows *r)
{
    bool estimated = false;
    r->reach[0] = r->reach[1] = 0;
    for (int i = 0; i < session_n_candidates(r->session); i++) {
        const struct pred_delta *e = at(r, i)->estimate;
        estimated |= e != NULL;
        if (e)
            r->reach[e->in_distribution] =
                larger(r->reach[e->in_distribution], larger(fabs(e->low), fabs(e->high)));
    }
    l->hidden =
        (session_n_tagged(r->session) ? 0 : 1u << COL_TAGS) | (estimated ? 0 : 1u << COL_BAR);
    list_refresh(l);
}

static int refused_rows(void *ctx)
{
    const struct candidate_rows *r = ctx;
    return session_n_refused(r->session);
}

static void refused_cell(void *ctx, int row, int col, char *buf, size_t size)
{
    const struct candidate_rows *r = ctx;
    const struct session_candidate *c = session_refused(r->session, row);
    if (c && col == REF_OPS)
        describe_ops(buf, size, c->ops);
    else if (c)
        snprintf(buf, size, "%s", col == REF_ID ? c->id : c->reason);
}

static uint64_t refused_id(void *ctx, int row)
{
    const struct candidate_rows *r = ctx;
    const struct session_candidate *c = session_refused(r->session, row);
    return c ? (uint64_t)c->record + 1 : 0;
}

bool candidate_refused_kept(void *ctx, int row)
{
    const struct candidate_rows *r = ctx;
    return !r->refused_filter || filter_holds(r->refused_filter, session_refused(r->session, row));
}

static const struct list_source refused_source = {refused_rows, refused_cell, NULL, NULL,
                                                  refused_id};

void candidate_refused_list_init(struct list *l, struct candidate_rows *r)
{
    list_init(l, refused_columns, REF_COLUMNS, &refused_source, r);
}
