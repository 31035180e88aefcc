/* The undo tree. A version stands below its parent; branches that were left by an undo are set in,
 * above the one that was made last. */
#include "ui/view.h"

#include "base/vec.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

struct entry {
    int id, depth;
};

struct history {
    struct ui *ui;
    struct list list;
    VEC(struct entry) entry;
};

enum { COL_ID, COL_COMMAND, COL_FLOPS, COL_SHARE, COL_PARAMS, COL_TIME };

static const struct list_column columns[] = {
    [COL_ID] = {"version", 8},
    [COL_COMMAND] = {"made by", 20, .flex = true},
    [COL_FLOPS] = {"FLOPs", 8, .right = true},
    [COL_SHARE] = {"+%", 7, .right = true},
    [COL_PARAMS] = {"params", 8, .right = true},
    [COL_TIME] = {"time", 8, .right = true, .prio = 1},
};

static const struct session_version *version(const struct history *v, int row)
{
    return session_version(ui_session(v->ui), v->entry.at[row].id);
}

/* Depth first without recursion (a history may be long): the newest child continues its parent's
 * line, the others are set in and come before it. */
static void gather(struct history *v)
{
    struct session *s = ui_session(v->ui);
    int n = session_n_versions(s);
    VEC(struct entry) todo = {0};
    v->entry.n = 0;
    if (n > 0)
        vec_push(&todo, (struct entry){0, 0});
    while (todo.n > 0) {
        struct entry e = todo.at[--todo.n];
        vec_push(&v->entry, e);
        bool newest = true;
        for (int id = n - 1; id > e.id; id--)
            if (session_version(s, id)->parent == e.id) {
                vec_push(&todo, (struct entry){id, e.depth + !newest});
                newest = false;
            }
    }
    vec_done(&todo);
    list_refresh(&v->list);
}

static int rows(void *ctx)
{
    struct history *v = ctx;
    return (int)v->entry.n;
}

static void cell(void *ctx, int row, int col, char *buf, size_t size)
{
    struct history *v = ctx;
    const struct session_version *n = version(v, row),
                                 *first = session_version(ui_session(v->ui), 0);
    int depth = v->entry.at[row].depth;
    struct tm tm;
    switch (col) {
    case COL_ID:
        snprintf(buf, size, "%s %d",
                 n->id == session_cursor(ui_session(v->ui)) ? theme_glyph(GLYPH_HERE) : " ", n->id);
        break;
    case COL_COMMAND: {
        size_t at = 0;
        for (int d = 0; d < depth && at + 8 < size; d++)
            at += (size_t)snprintf(buf + at, size - at, "%s ", theme_glyph(GLYPH_VLINE));
        snprintf(buf + at, size - at, "%s", n->command);
        break;
    }
    case COL_FLOPS:
        str_si((double)n->cost.flops, buf, size);
        break;
    case COL_SHARE:
        text_percent((double)(n->cost.flops - first->cost.flops), (double)first->cost.flops, buf,
                     size);
        if (strlen(buf) > 2 && strcmp(buf + strlen(buf) - 2, " %") == 0)
            buf[strlen(buf) - 2] = 0;
        break;
    case COL_PARAMS:
        str_si((double)n->cost.params, buf, size);
        break;
    default:
        if (localtime_r(&n->time, &tm))
            strftime(buf, size, "%H:%M:%S", &tm);
    }
}

static int style(void *ctx, int row, int col)
{
    struct history *v = ctx;
    const struct session_version *n = version(v, row);
    if (n->id == session_cursor(ui_session(v->ui)))
        return STYLE_BOLD;
    return col == COL_TIME ? STYLE_DIM : STYLE_TEXT;
}

static uint64_t id_of(void *ctx, int row)
{
    struct history *v = ctx;
    return (uint64_t)v->entry.at[row].id;
}

static const struct list_source source = {rows, cell, NULL, style, id_of};

static enum status history_open(struct ui *ui, void *self, struct err *err)
{
    struct history *v = self;
    if (!session_is_open(ui_session(ui)))
        return err_set(err, ST_USAGE, "no model is open");
    v->ui = ui;
    list_init(&v->list, columns, sizeof columns / sizeof *columns, &source, v);
    gather(v);
    for (size_t i = 0; i < v->entry.n; i++)
        if (v->entry.at[i].id == session_cursor(ui_session(ui)))
            list_go(&v->list, (int)i);
    return ST_OK;
}

static void history_draw(struct ui *ui, void *self, struct rect r)
{
    struct history *v = self;
    screen_putf(r.y, r.x + 1, r.w - 1, STYLE_DIM,
                "%d version%s; Enter goes to one, c compares it with the current", (int)v->entry.n,
                v->entry.n == 1 ? "" : "s");
    list_draw(&v->list, (struct rect){r.y + 2, r.x + 1, r.h - 3, r.w - 1});
    const char *journal = session_journal_path(ui_session(ui));
    screen_putf(r.y + r.h - 1, r.x + 1, r.w - 1, STYLE_DIM, *journal ? "journal %s" : "no journal",
                journal);
}

static void compare(struct history *v, int id)
{
    struct session *s = ui_session(v->ui);
    int other = session_cursor(s);
    char a[32], b[32];
    if (other == id)
        other = session_version(s, id)->parent;
    if (other < 0) {
        ui_say(v->ui, "this is the network as it was opened");
        return;
    }
    int from = id < other ? id : other, to = id < other ? other : id;
    snprintf(a, sizeof a, "version %d", from);
    snprintf(b, sizeof b, "version %d", to);
    ui_compare(v->ui, session_version(s, from)->graph, a, session_version(s, to)->graph, b, false);
    ui_did(v->ui, "diff %d %d", from, to);
}

static bool history_action(struct ui *ui, void *self, enum action a, const char *arg)
{
    struct history *v = self;
    struct err err = {0};
    int row = list_row(&v->list);
    (void)arg;
    if (row < 0 || (a != ACTION_ENTER && a != ACTION_COMPARE))
        return false;
    int id = v->entry.at[row].id;
    if (a == ACTION_COMPARE)
        compare(v, id);
    else if (session_goto(ui_session(ui), id, &err) != ST_OK)
        ui_fail(ui, &err);
    else {
        ui_edited(ui);
        ui_did(ui, "goto %d", id);
        ui_say(ui, "at version %d", id);
    }
    return true;
}

static void history_changed(struct ui *ui, void *self, unsigned what)
{
    (void)ui;
    if (what & UI_EDITED)
        gather(self);
}

static void history_close(struct ui *ui, void *self)
{
    struct history *v = self;
    (void)ui;
    vec_done(&v->entry);
    list_done(&v->list);
}

static struct list *history_list(void *self)
{
    struct history *v = self;
    return &v->list;
}

const struct view_ops view_history = {
    .size = sizeof(struct history),
    .open = history_open,
    .draw = history_draw,
    .action = history_action,
    .changed = history_changed,
    .close = history_close,
    .list = history_list,
};
