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

enum { COL_ID, COL_NAME, COL_COMMAND, COL_NOTE, COL_FLOPS, COL_SHARE, COL_PARAMS, COL_TIME };

static const struct list_column columns[] = {
    [COL_ID] = {"version", 8},
    [COL_NAME] = {"name", 14},
    [COL_COMMAND] = {"made by", 20, .flex = true},
    [COL_NOTE] = {"note", 30, .flex = true, .prio = 2},
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
        snprintf(buf, size, "%s %d%s",
                 n->id == session_cursor(ui_session(v->ui)) ? theme_glyph(GLYPH_HERE) : " ", n->id,
                 n->id == session_marked(ui_session(v->ui)) ? " *" : "");
        break;
    case COL_NAME:
    case COL_NOTE:
        snprintf(buf, size, "%s", col == COL_NAME ? n->name : n->note);
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
    if (n->id == session_marked(ui_session(v->ui)))
        return STYLE_WARN;
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

/* Names and notes have columns once there are some. */
static void show_columns(struct history *v)
{
    v->list.hidden = 1u << COL_NAME | 1u << COL_NOTE;
    for (int i = 0; i < session_n_versions(ui_session(v->ui)); i++) {
        const struct session_version *n = session_version(ui_session(v->ui), i);
        v->list.hidden &= *n->name ? ~(1u << COL_NAME) : ~0u;
        v->list.hidden &= *n->note ? ~(1u << COL_NOTE) : ~0u;
    }
}

static void history_draw(struct ui *ui, void *self, struct rect r)
{
    struct history *v = self;
    struct session *s = ui_session(ui);
    int row = list_row(&v->list), marked = session_marked(s);
    char other[48] = "the current one";
    if (marked >= 0)
        snprintf(other, sizeof other, "version %d (*)", marked);
    screen_putf(r.y, r.x + 1, r.w - 1, STYLE_DIM,
                "%d version%s; Enter goes to one, c compares it with %s", (int)v->entry.n,
                v->entry.n == 1 ? "" : "s", other);
    show_columns(v);
    list_draw(&v->list, (struct rect){r.y + 2, r.x + 1, r.h - 5, r.w - 1});
    if (row >= 0)
        screen_put(r.y + r.h - 2, r.x + 1, r.w - 1, STYLE_TEXT, version(v, row)->note);
    const char *journal = session_journal_path(s);
    screen_putf(r.y + r.h - 1, r.x + 1, r.w - 1, STYLE_DIM, *journal ? "journal %s" : "no journal",
                journal);
}

/* The marked version, else the current one, with the one under the cursor; that with its parent. */
static void compare(struct history *v, int id)
{
    struct session *s = ui_session(v->ui);
    int marked = session_marked(s), from = marked >= 0 ? marked : session_cursor(s), to = id;
    if (from == id)
        from = session_version(s, id)->parent;
    else if (marked < 0 && from > to) { /* the newer one is what became of the other */
        to = from;
        from = id;
    }
    if (from < 0) {
        ui_say(v->ui, "this is the network as it was opened");
        return;
    }
    ui_compare_versions(v->ui, from, to);
    ui_did(v->ui, "diff %d %d", from, to);
}

static void mark(struct history *v, int id)
{
    struct session *s = ui_session(v->ui);
    bool off = session_marked(s) == id;
    session_mark(s, off ? -1 : id, NULL);
    if (off)
        ui_did(v->ui, "mark off");
    else
        ui_did(v->ui, "mark %d", id);
    ui_say(v->ui, off ? "no version is marked" : "version %d is marked: c compares it with others",
           id);
}

/* The ':' line with what is there now, to be changed. */
static void prompt(struct history *v, const char *verb, int id, const char *now)
{
    char line[SESSION_NOTE + 40];
    snprintf(line, sizeof line, "%s @%d %s", verb, id, now);
    ui_prompt(v->ui, line);
}

static void go_to(struct history *v, int id)
{
    struct ui *ui = v->ui;
    struct err err = {0};
    if (session_goto(ui_session(ui), id, &err) != ST_OK)
        ui_fail(ui, &err);
    else {
        ui_edited(ui);
        ui_did(ui, "goto %d", id);
        ui_say(ui, "at version %d", id);
    }
}

static bool history_action(struct ui *ui, void *self, enum action a, const char *arg)
{
    struct history *v = self;
    int row = list_row(&v->list);
    (void)ui;
    (void)arg;
    if (row < 0)
        return false;
    const struct session_version *n = version(v, row);
    switch (a) {
    case ACTION_ENTER:
        go_to(v, n->id);
        return true;
    case ACTION_COMPARE:
        compare(v, n->id);
        return true;
    case ACTION_MARK:
        mark(v, n->id);
        return true;
    case ACTION_NAME:
        prompt(v, "name", n->id, n->name);
        return true;
    case ACTION_NOTE:
        prompt(v, "note", n->id, n->note);
        return true;
    default:
        return false;
    }
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
