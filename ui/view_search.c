/* The autopilot: settings, how the search stands, its curve, its front as a picture and a list, and
 * how the point in hand came to be. The search belongs to the session: it goes on when this view is
 * left. */
#include "ui/search_draw.h"
#include "ui/view.h"

#include "base/str.h"

#include <math.h>
#include <stdio.h>

enum {
    HEAD = 3,   /* lines above the plots */
    WIDE = 150, /* from here the settings and the lineage have columns of their own, */
    TALL = 40,  /* and with so many lines */
    SETTINGS_W = 36,
    LIST_W = 84,
    DETAIL = 3,
    PLOT_LEAST = 6,
    PLOT_MOST_H = 20,
};

struct searching {
    struct ui *ui;
    struct list list;
    struct session_search f;
};

/* ---- the list ---- */

enum cell { CELL_RANK, CELL_CHANGE, CELL_VALUE, CELL_EDITS, CELL_GENERATION };
struct column {
    enum cell what;
    enum search_goal goal;
};
static const struct list_column columns[] = {
    {"#", 3, .right = true},
    {"est. acc", 9, .right = true},
    {"FLOPs", 8, .right = true},
    {"FLOPs %", 9, .right = true},
    {"params", 8, .right = true, .prio = 2},
    {"params %", 9, .right = true},
    {"cycles", 8, .right = true, .prio = 1},
    {"cycles %", 9, .right = true},
    {"energy %", 9, .right = true, .prio = 3},
    {"memory %", 9, .right = true, .prio = 4},
    {"latency %", 9, .right = true, .prio = 5},
    {"edits", 6, .right = true},
    {"gen", 4, .right = true, .prio = 6},
};
static const struct column what[sizeof columns / sizeof *columns] = {
    {CELL_RANK, GOAL_ACC},       {CELL_CHANGE, GOAL_ACC},     {CELL_VALUE, GOAL_FLOPS},
    {CELL_CHANGE, GOAL_FLOPS},   {CELL_VALUE, GOAL_PARAMS},   {CELL_CHANGE, GOAL_PARAMS},
    {CELL_VALUE, GOAL_CYCLES},   {CELL_CHANGE, GOAL_CYCLES},  {CELL_CHANGE, GOAL_ENERGY},
    {CELL_CHANGE, GOAL_MEMORY},  {CELL_CHANGE, GOAL_LATENCY}, {CELL_EDITS, GOAL_ACC},
    {CELL_GENERATION, GOAL_ACC},
};

/* The state is fetched anew: what it pointed to may be gone. */
static int rows(void *ctx)
{
    struct searching *v = ctx;
    session_search_state(ui_session(v->ui), &v->f);
    return v->f.n_front;
}

static bool number(void *ctx, int row, int col, double *out)
{
    const struct searching *v = ctx;
    const struct search_point *p = &v->f.front[row].at;
    const struct column *c = &what[col];
    *out = c->what == CELL_RANK     ? row + 1
           : c->what == CELL_EDITS  ? p->edits
           : c->what == CELL_VALUE  ? p->value[c->goal]
           : c->what == CELL_CHANGE ? session_search_change(&v->f, p, c->goal)
                                    : p->generation;
    if (c->what == CELL_CHANGE && c->goal != GOAL_ACC)
        *out *= 100; /* as it is shown */
    return !isnan(*out);
}

static void cell(void *ctx, int row, int col, char *buf, size_t size)
{
    const struct searching *v = ctx;
    const struct search_point *p = &v->f.front[row].at;
    double value = NAN;
    number(ctx, row, col, &value);
    if (what[col].what == CELL_CHANGE)
        search_draw_change(&v->f, p, what[col].goal, buf, size);
    else if (isnan(value))
        snprintf(buf, size, "-");
    else if (what[col].what == CELL_VALUE)
        str_si(value, buf, size);
    else
        snprintf(buf, size, "%.0f", value);
}

static int style(void *ctx, int row, int col)
{
    const struct searching *v = ctx;
    return what[col].what == CELL_CHANGE
               ? search_draw_style(&v->f, &v->f.front[row].at, what[col].goal)
               : STYLE_TEXT;
}

static uint64_t id(void *ctx, int row)
{
    const struct searching *v = ctx;
    return (uint64_t)v->f.front[row].at.id;
}

static const struct list_source source = {rows, cell, number, style, id};

static enum status search_open(struct ui *ui, void *self, struct err *err)
{
    struct searching *v = self;
    if (!session_is_open(ui_session(ui)))
        return err_set(err, ST_USAGE, "no model is open");
    v->ui = ui;
    list_init(&v->list, columns, sizeof columns / sizeof *columns, &source, v);
    v->list.empty = "the front comes here, also while the search runs";
    list_refresh(&v->list);
    return ST_OK;
}

/* ---- drawing ---- */

static void draw_wide(struct searching *v, struct rect r)
{
    int here = list_row(&v->list), plots = PLOT_MOST_H;
    struct rect low = {r.y + plots, r.x, r.h - plots, r.w};
    search_draw_all_settings((struct rect){r.y, r.x, plots, SETTINGS_W - 2}, ui_session(v->ui));
    search_draw_plots((struct rect){r.y, r.x + SETTINGS_W, plots, r.w - SETTINGS_W}, &v->f, here);
    list_draw(&v->list, (struct rect){low.y, low.x, low.h, LIST_W});
    screen_vline(low.y, low.x + LIST_W, low.h, STYLE_EDGE);
    search_draw_lineage((struct rect){low.y, low.x + LIST_W + 2, low.h, low.w - LIST_W - 2}, &v->f,
                        here);
}

static void draw_narrow(struct searching *v, struct rect r)
{
    int here = list_row(&v->list), detail = r.h >= 34 ? 2 * DETAIL : r.h >= 14 ? DETAIL : 0;
    search_draw_settings((struct rect){r.y, r.x, 1, r.w}, ui_session(v->ui));
    r.y++;
    r.h--;
    int plots = (r.h - detail) / 2;
    plots = r.h - detail < 2 * PLOT_LEAST ? 0 : plots > PLOT_MOST_H ? PLOT_MOST_H : plots;
    search_draw_plots((struct rect){r.y, r.x, plots, r.w}, &v->f, here);
    list_draw(&v->list, (struct rect){r.y + plots, r.x, r.h - plots - detail, r.w});
    if (detail)
        search_draw_edits((struct rect){r.y + r.h - detail, r.x, detail, r.w}, &v->f, here);
}

static void search_draw(struct ui *ui, void *self, struct rect r)
{
    struct searching *v = self;
    list_refresh(&v->list);
    r.x++;
    r.w--;
    search_draw_status((struct rect){r.y, r.x, 2, r.w}, ui_session(ui), &v->f);
    struct rect rest = {r.y + HEAD - 1, r.x, r.h - HEAD + 1, r.w};
    if (r.w >= WIDE && r.h >= TALL)
        draw_wide(v, rest);
    else
        draw_narrow(v, rest);
}

/* ---- keys ---- */

static void start(struct searching *v, bool here)
{
    struct session *s = ui_session(v->ui);
    struct err err = {0};
    if (here)
        session_search_stop(s);
    if (session_search_start(s, here, &err) != ST_OK)
        ui_fail(v->ui, &err);
    list_refresh(&v->list);
}

static void run(struct searching *v)
{
    if (!session_search_running(ui_session(v->ui))) {
        start(v, false);
        return;
    }
    session_search_stop(ui_session(v->ui));
    ui_say(v->ui, "paused; t goes on behind the last whole generation, also another day");
}

static void take(struct searching *v)
{
    struct err err = {0};
    int row = list_row(&v->list);
    if (row < 0)
        ui_say(v->ui, "there is no point to take yet");
    else if (session_search_take(ui_session(v->ui), row, &err) != ST_OK)
        ui_fail(v->ui, &err);
    else
        ui_say(v->ui, "making point %d from its edits ...", row + 1);
}

static bool search_action(struct ui *ui, void *self, enum action a, const char *arg)
{
    struct searching *v = self;
    (void)arg;
    switch (a) {
    case ACTION_ENTER:
    case ACTION_SEARCH_TAKE:
        take(v);
        return true;
    case ACTION_SEARCH_RUN:
        run(v);
        return true;
    case ACTION_SEARCH_HERE:
        start(v, true);
        return true;
    case ACTION_SEARCH_SET:
        ui_prompt(ui, "search set ");
        return true;
    default:
        return false;
    }
}

static void search_changed(struct ui *ui, void *self, unsigned bits)
{
    struct searching *v = self;
    (void)ui;
    (void)bits;
    list_refresh(&v->list);
}

static void search_close(struct ui *ui, void *self)
{
    struct searching *v = self;
    (void)ui;
    list_done(&v->list);
}

static struct list *search_list(void *self)
{
    struct searching *v = self;
    return &v->list;
}

const struct view_ops view_search = {
    .size = sizeof(struct searching),
    .open = search_open,
    .draw = search_draw,
    .action = search_action,
    .changed = search_changed,
    .close = search_close,
    .list = search_list,
};
