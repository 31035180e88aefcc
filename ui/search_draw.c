#include "ui/search_draw.h"

#include "base/str.h"
#include "segdb/segdb.h"
#include "ui/plot.h"
#include "ui/text.h"

#include <math.h>
#include <stdio.h>

const char *search_draw_goal(enum search_goal g)
{
    static const char *const names[SEARCH_GOALS] = {
        "est. acc (sigma)", "FLOPs", "params", "memory", "cycles", "energy", "latency"};
    return names[g];
}

const char *search_draw_change(const struct session_search *f, const struct search_point *p,
                               enum search_goal g, char *buf, size_t size)
{
    double v = session_search_change(f, p, g);
    if (isnan(v))
        snprintf(buf, size, "unknown");
    else if (g == GOAL_ACC)
        snprintf(buf, size, "%+.2f%s", v, p->in_distribution ? "" : "?");
    else
        snprintf(buf, size, "%+.1f %%", 100 * v);
    return buf;
}

int search_draw_style(const struct session_search *f, const struct search_point *p,
                      enum search_goal g)
{
    double v = session_search_change(f, p, g);
    bool doubtful = g == GOAL_ACC && !p->in_distribution;
    if (isnan(v) || doubtful || fabs(v) < 5e-4)
        return STYLE_DIM;
    return (v < 0) == (g == GOAL_ACC) ? STYLE_BAD : STYLE_GOOD;
}

/* ---- where it stands ---- */

/* "about 40 s left", as the rate lets guess; "" at the beginning. */
static void left(const struct session_search *f, char *buf, size_t size)
{
    double n = (double)(f->set->o.evaluations - f->now.tried), sec = f->rate > 0 ? n / f->rate : 0;
    buf[0] = 0;
    if (sec <= 0)
        return;
    if (sec < 90)
        snprintf(buf, size, ", about %.0f s left", sec);
    else if (sec < 5400)
        snprintf(buf, size, ", about %.0f min left", sec / 60);
    else
        snprintf(buf, size, ", about %.1f h left", sec / 3600);
}

static void stage_text(const struct session *s, const struct session_search *f, char *buf,
                       size_t size)
{
    long long tried = f->now.tried;
    char rest[48];
    switch (f->stage) {
    case SESSION_SEARCH_NONE:
        snprintf(buf, size, "t searches from version %d; nothing changes until you take a point",
                 session_cursor(s));
        return;
    case SESSION_SEARCH_STARTING:
        snprintf(buf, size,
                 "version %d: looking into the network, the database and the archive ...",
                 f->version);
        return;
    case SESSION_SEARCH_RUNNING:
        left(f, rest, sizeof rest);
        snprintf(buf, size, "version %d: %lld of %lld tried, %.1f a second, %.0f s%s", f->version,
                 tried, (long long)f->set->o.evaluations, f->rate, f->now.seconds, rest);
        return;
    case SESSION_SEARCH_STOPPED:
        snprintf(buf, size, "version %d: paused behind generation %d, %lld tried; t goes on",
                 f->version, f->now.generation, tried);
        return;
    case SESSION_SEARCH_DONE:
        snprintf(buf, size, "version %d: ended, %lld tried, %.1f a second, %.0f s", f->version,
                 tried, f->rate, f->now.seconds);
        return;
    case SESSION_SEARCH_FAILED:
        snprintf(buf, size, "%s", f->error);
        return;
    }
}

static void add_count(struct str *out, const struct session_search *f, int64_t n, const char *what)
{
    double share = f->now.tried ? 100 * (double)n / (double)f->now.tried : 0;
    str_addf(out, "%s%lld %s %.0f%%", out->n ? ", " : "", (long long)n, what, share);
}

void search_draw_status(struct rect r, const struct session *s, const struct session_search *f)
{
    char text[512];
    struct str line = {0};
    stage_text(s, f, text, sizeof text);
    screen_put(r.y, r.x, r.w, f->stage == SESSION_SEARCH_FAILED ? STYLE_BAD : STYLE_TEXT, text);
    if (!f->known)
        return;
    add_count(&line, f, f->now.accepted, "new");
    add_count(&line, f, f->now.duplicates, "seen before");
    add_count(&line, f, f->now.refused, "refused");
    add_count(&line, f, f->now.beyond, "beyond limits");
    screen_put(r.y + 1, r.x, r.w, STYLE_TEXT, str_text(&line));
    str_done(&line);
}

/* ---- settings ---- */

/* Of the next start, where that is not the search shown. */
static const char *other_text(const struct session *s)
{
    return !session_search_is_other(s) ? ""
           : session_search_running(s) ? "the next search (t pauses this one, t again starts): "
                                       : "another search (t starts it): ";
}

void search_draw_settings(struct rect r, const struct session *s)
{
    static const bool always[SEARCH_SETTINGS] = {
        [SET_OBJECTIVES] = true, [SET_EVALUATIONS] = true, [SET_POPULATION] = true};
    struct str line = {0};
    str_add(&line, other_text(s));
    for (int i = 0; i < SEARCH_SETTINGS; i++) {
        enum search_setting k = (enum search_setting)i;
        if (always[k] || session_search_is_set(s, k))
            str_addf(&line, "%s %s  ", search_setting_info[k].name, session_search_value(s, k));
    }
    screen_put(r.y, r.x, r.w, session_search_is_other(s) ? STYLE_WARN : STYLE_DIM, str_text(&line));
    str_done(&line);
}

void search_draw_all_settings(struct rect r, const struct session *s)
{
    bool other = session_search_is_other(s);
    screen_putf(r.y, r.x, r.w, other ? STYLE_WARN : STYLE_HEAD, "settings%s",
                other ? ": another search (t)" : " (= sets one)");
    for (int i = 0; i < SEARCH_SETTINGS && i + 1 < r.h; i++) {
        enum search_setting k = (enum search_setting)i;
        int style = session_search_is_set(s, k) ? STYLE_TEXT : STYLE_DIM;
        screen_put(r.y + 1 + i, r.x, 13, style, search_setting_info[k].name);
        screen_put(r.y + 1 + i, r.x + 13, r.w - 13, style, session_search_value(s, k));
    }
}

/* ---- the curve and the front ---- */

static double past_volume(const void *ctx, int i)
{
    const struct session_search *f = ctx;
    return f->past[i].volume;
}

static double past_tried(const void *ctx, int i)
{
    const struct session_search *f = ctx;
    return (double)f->past[i].tried;
}

static void draw_curve(struct rect r, const struct session_search *f)
{
    int64_t tried = f->now.tried;
    char title[160] = "hypervolume of the front";
    if (f->now.n_change) {
        const struct search_change *c = &f->now.change[f->now.n_change - 1];
        snprintf(title, sizeof title, "hypervolume, %s since gen %d", c->text, c->generation);
    }
    struct plot p = {.title = title,
                     .unit = "",
                     .x_title = "networks tried",
                     .x_max = tried < INT32_MAX ? (int)tried : INT32_MAX,
                     .decimals = 4,
                     .least = .001};
    p.line[0].n = f->n_past;
    p.line[0].at = past_volume;
    p.line[0].x = past_tried;
    p.line[0].ctx = f;
    plot_draw(r, &p);
}

static double scaled_change(const struct session_search *f, int i, enum search_goal g)
{
    return (g == GOAL_ACC ? 1 : 100) * session_search_change(f, &f->front[i].at, g);
}

/* The first two objectives; of one alone, against the number of edits. */
static void place(const void *ctx, int i, double *x, double *y)
{
    const struct session_search *f = ctx;
    const struct search_opts *o = &f->set->o;
    *y = scaled_change(f, i, o->goal[0]);
    *x = o->n_goal > 1 ? scaled_change(f, i, o->goal[1]) : f->front[i].at.edits;
}

static void draw_front(struct rect r, const struct session_search *f, int here)
{
    const struct search_opts *o = &f->set->o;
    bool two = o->n_goal > 1, sigma = two && o->goal[1] == GOAL_ACC;
    char title[96];
    snprintf(title, sizeof title, r.w < 60 ? "%s  %s base" : "%s  %s base  %s front  %s here",
             search_draw_goal(o->goal[0]), theme_glyph(GLYPH_BEFORE), theme_glyph(GLYPH_AFTER),
             theme_glyph(GLYPH_HERE));
    struct plot_cloud p = {.title = title,
                           .unit = o->goal[0] == GOAL_ACC ? "" : " %",
                           .decimals = o->goal[0] == GOAL_ACC ? 2 : 0,
                           .x_title = two ? search_draw_goal(o->goal[1]) : "edits",
                           .x_unit = two && !sigma ? " %" : "",
                           .x_decimals = sigma ? 2 : 0,
                           .n = f->n_front,
                           .at = place,
                           .ctx = f,
                           .here = here};
    plot_cloud_draw(r, &p);
}

void search_draw_plots(struct rect r, const struct session_search *f, int here)
{
    int half = r.w / 2;
    if (!f->known)
        return;
    draw_curve((struct rect){r.y, r.x, r.h, half}, f);
    draw_front((struct rect){r.y, r.x + half, r.h, r.w - half}, f, here);
}

/* ---- how a point came to be ---- */

static void add_steps(struct str *out, const struct search_point *p)
{
    char name[SEGDB_NAME];
    for (int k = 0; k < p->n_step; k++) {
        segdb_name(p->step[k].record, name);
        str_addf(out, "%s%d by %s", out->n ? ", " : "", p->step[k].segment, name);
    }
}

static const struct session_search_point *point_at(const struct session_search *f, int here)
{
    return here >= 0 && here < f->n_front ? &f->front[here] : NULL;
}

void search_draw_edits(struct rect r, const struct session_search *f, int here)
{
    const struct session_search_point *p = point_at(f, here);
    struct str text = {0};
    screen_hline(r.y, r.x, r.w, STYLE_EDGE);
    if (!p || r.h < 2)
        return;
    screen_add(r.y, r.x + 2, r.w - 2, STYLE_HEAD, " edits, segment by record ");
    if (r.w >= 76)
        screen_put_right(r.y, r.x + r.w - 45, 44, STYLE_DIM,
                         " est. acc: estimated, sigma; ? unlike known ");
    for (size_t i = 0; i < p->line.n; i++)
        add_steps(&text, &p->line.at[i]);
    screen_wrap((struct rect){r.y + 1, r.x + 1, r.h - 1, r.w - 1}, STYLE_TEXT,
                text.n ? str_text(&text) : "none: this is the network begun with");
    str_done(&text);
}

/* Columns of the lineage: a title and what of a point stands there. */
static const struct {
    const char *title;
    enum search_goal goal;
} lineage_columns[] = {{"est. acc", GOAL_ACC},
                       {"FLOPs", GOAL_FLOPS},
                       {"params", GOAL_PARAMS},
                       {"cycles", GOAL_CYCLES}};
enum { LINEAGE_COLUMNS = sizeof lineage_columns / sizeof *lineage_columns, CHANGE_W = 10 };

static void lineage_row(struct rect r, int y, const struct session_search *f,
                        const struct search_point *p)
{
    struct str steps = {0};
    char buf[32];
    int x = r.x + r.w - LINEAGE_COLUMNS * CHANGE_W;
    add_steps(&steps, p);
    screen_putf(y, r.x, x - r.x, STYLE_TEXT, "%7lld %4d  %s", (long long)p->id, p->generation,
                str_text(&steps));
    for (int i = 0; i < LINEAGE_COLUMNS; i++) {
        enum search_goal g = lineage_columns[i].goal;
        screen_put_right(y, x + i * CHANGE_W, CHANGE_W, search_draw_style(f, p, g),
                         search_draw_change(f, p, g, buf, sizeof buf));
    }
    str_done(&steps);
}

void search_draw_lineage(struct rect r, const struct session_search *f, int here)
{
    const struct session_search_point *p = point_at(f, here);
    int x = r.x + r.w - LINEAGE_COLUMNS * CHANGE_W, room = r.h - 3;
    screen_putf(r.y, r.x, r.w, STYLE_HEAD, "%7s %4s  edits: segment by record", "network", "gen");
    for (int i = 0; i < LINEAGE_COLUMNS; i++)
        screen_put_right(r.y, x + i * CHANGE_W, CHANGE_W, STYLE_HEAD, lineage_columns[i].title);
    screen_put(
        r.y + r.h - 1, r.x, r.w, STYLE_DIM,
        "est. acc: a predictor's estimate in sigma of its table, not measured (fit measures); "
        "? unlike all it knows");
    if (!p || room < 1)
        return;
    if (p->line.n == 0)
        screen_put(r.y + 1, r.x, r.w, STYLE_DIM, "   none: this is the network begun with");
    int n = (int)p->line.n, first = n > room ? n - room + 1 : 0, y = r.y + 1;
    if (first > 0)
        screen_putf(y++, r.x, r.w, STYLE_DIM, "   %d more before", first);
    for (int i = first; i < n; i++)
        lineage_row(r, y++, f, &p->line.at[i]);
}
