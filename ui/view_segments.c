/* The segments of the network: a table, with the network drawn beside it where there is room. */
#include "session/describe.h"
#include "ui/view.h"

#include "ui/drawing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDE = 118, LIST_MIN = 76 };

struct segments {
    struct ui *ui;
    struct list list;
    struct drawing drawing;
    int64_t all_flops;    /* of the network */
    const double *cycles; /* per slot of the version at hand; NULL: unknown */
    bool away;            /* another view may have taken another segment in hand */
};

enum { COL_INDEX, COL_OPS, COL_NODES, COL_FLOPS, COL_SHARE, COL_PARAMS, COL_CYCLES, COL_STATE };

static const struct list_column columns[] = {
    [COL_INDEX] = {"#", 4, .right = true},
    [COL_OPS] = {"operators", 20, .flex = true},
    [COL_NODES] = {"nodes", 5, .right = true, .prio = 2},
    [COL_FLOPS] = {"FLOPs", 8, .right = true},
    [COL_SHARE] = {"%", 5, .right = true},
    [COL_PARAMS] = {"params", 8, .right = true, .prio = 1},
    [COL_CYCLES] = {"cycles", 8, .right = true, .prio = 3},
    [COL_STATE] = {"state", 5},
};

static const struct session_segment *segment(const struct segments *v, int row)
{
    return session_segment(ui_session(v->ui), row);
}

static double cycles_of(const struct segments *v, const struct session_segment *s)
{
    double sum = 0;
    for (int i = 0; i < s->region.n; i++)
        sum += v->cycles[s->region.ids[i]];
    return sum;
}

static int rows(void *ctx)
{
    struct segments *v = ctx;
    int n = session_is_open(ui_session(v->ui)) ? session_n_segments(ui_session(v->ui)) : 0;
    return n > 0 ? n : 0;
}

static void cell(void *ctx, int row, int col, char *buf, size_t size)
{
    struct segments *v = ctx;
    const struct session_segment *s = segment(v, row);
    if (!s)
        return;
    switch (col) {
    case COL_INDEX:
        snprintf(buf, size, "%d", row);
        break;
    case COL_OPS:
        describe_ops(buf, size, s->ops);
        break;
    case COL_NODES:
        snprintf(buf, size, "%d", s->region.n);
        break;
    case COL_FLOPS:
        str_si((double)s->cost.flops, buf, size);
        break;
    case COL_SHARE:
        snprintf(buf, size, "%.1f",
                 v->all_flops ? 100.0 * (double)s->cost.flops / (double)v->all_flops : 0.0);
        break;
    case COL_PARAMS:
        str_si((double)s->cost.params, buf, size);
        break;
    case COL_CYCLES:
        if (v->cycles)
            str_si(cycles_of(v, s), buf, size);
        else
            snprintf(buf, size, "unknown");
        break;
    default:
        snprintf(buf, size, "%s", !s->ok ? "fixed" : s->known ? "" : "new");
    }
}

static bool number(void *ctx, int row, int col, double *out)
{
    struct segments *v = ctx;
    const struct session_segment *s = segment(v, row);
    if (!s || col == COL_OPS || col == COL_STATE || (col == COL_CYCLES && !v->cycles))
        return false;
    *out = col == COL_INDEX    ? row
           : col == COL_NODES  ? s->region.n
           : col == COL_PARAMS ? (double)s->cost.params
           : col == COL_CYCLES ? cycles_of(v, s)
                               : (double)s->cost.flops;
    if (col == COL_SHARE)
        *out = v->all_flops ? 100.0 * *out / (double)v->all_flops : 0;
    return true;
}

static int style(void *ctx, int row, int col)
{
    struct segments *v = ctx;
    const struct session_segment *s = segment(v, row);
    if (s && !s->ok)
        return STYLE_DIM;
    return col == COL_INDEX || col == COL_OPS ? theme_segment(row) : STYLE_TEXT;
}

static const struct list_source source = {rows, cell, number, style, NULL};

/* ---- details of the segment in hand ---- */

static void add_types(const struct graph *g, const struct value_ref *ref, int n, struct str *out)
{
    for (int i = 0; i < n; i++) {
        char buf[96];
        const struct node *node = graph_node(g, ref[i].node);
        str_addf(out, "%s%s %s", i ? ", " : "", node ? node_label(node) : "?",
                 ttype_text(graph_type(g, ref[i]), buf, sizeof buf));
    }
}

static void draw_detail(struct segments *v, struct rect r)
{
    int row = list_row(&v->list);
    const struct session_segment *s = row >= 0 ? segment(v, row) : NULL;
    screen_hline(r.y, r.x, r.w, STYLE_EDGE);
    if (!s)
        return;
    const struct graph *g = session_graph(ui_session(v->ui));
    struct str line = {0};
    screen_putf(r.y + 1, r.x + 1, r.w - 1, theme_segment(row), "%d  %s", row, s->ops);
    if (!s->ok) {
        screen_putf(r.y + 2, r.x + 1, r.w - 1, STYLE_WARN, "cannot be replaced: %s", s->why);
        return;
    }
    add_types(g, s->region.in, s->region.n_in, &line);
    str_addf(&line, " %s ", theme_glyph(GLYPH_TO));
    add_types(g, s->region.out, s->region.n_out, &line);
    screen_put(r.y + 2, r.x + 1, r.w - 1, STYLE_DIM, str_text(&line));
    str_done(&line);
}

/* ---- the view ---- */

static void refresh(struct segments *v)
{
    struct session *s = ui_session(v->ui);
    const struct session_version *now = session_version(s, session_cursor(s));
    v->all_flops = now ? now->cost.flops : 0;
    v->cycles = heat_costs(ui_costs(v->ui), s, HEAT_CYCLES);
    list_refresh(&v->list);
}

static enum status segments_open(struct ui *ui, void *self, struct err *err)
{
    struct segments *v = self;
    v->ui = ui;
    if (!session_is_open(ui_session(ui)))
        return err_set(err, ST_USAGE, "no model is open");
    drawing_init(&v->drawing, ui, SESSION_LAYOUT_MAIN);
    list_init(&v->list, columns, sizeof columns / sizeof *columns, &source, v);
    v->list.empty = "this network has no segments";
    refresh(v);
    return ST_OK;
}

static void segments_draw(struct ui *ui, void *self, struct rect r)
{
    struct segments *v = self;
    (void)ui;
    int detail = r.h >= 12 ? 3 : 0;
    struct rect body = {r.y, r.x, r.h - detail, r.w};
    if (r.w >= WIDE) {
        int left = r.w * 45 / 100 > LIST_MIN ? r.w * 45 / 100 : LIST_MIN;
        list_draw(&v->list, (struct rect){body.y, body.x, body.h, left});
        screen_vline(body.y, body.x + left, body.h, STYLE_EDGE);
        drawing_take_segment(&v->drawing, list_row(&v->list));
        drawing_draw(&v->drawing, (struct rect){body.y, body.x + left + 1, body.h, r.w - left - 1});
    } else
        list_draw(&v->list, body);
    if (detail)
        draw_detail(v, (struct rect){r.y + r.h - detail, r.x, detail, r.w});
}

static void enter(struct segments *v, int row)
{
    struct err err = {0};
    if (session_select(ui_session(v->ui), row, &err) != ST_OK)
        ui_fail(v->ui, &err);
    else {
        ui_did(v->ui, "segment %d", row);
        ui_push(v->ui, VIEW_CANDIDATES);
    }
}

static void keep(struct segments *v, int row)
{
    struct err err = {0};
    if (session_keep(ui_session(v->ui), row, &err) != ST_OK)
        ui_fail(v->ui, &err);
    else {
        ui_did(v->ui, "keep %d", row);
        ui_say(v->ui, "keeping segment %d ...", row);
    }
}

static void compare(struct segments *v)
{
    struct session *s = ui_session(v->ui);
    const struct session_version *a = session_version(s, 0);
    const struct session_version *b = session_version(s, session_cursor(s));
    char title[32];
    if (!a || !b || a == b) {
        ui_say(v->ui, "this is the network as it was opened; nothing to compare yet");
        return;
    }
    ui_did(v->ui, "diff");
    snprintf(title, sizeof title, "version %d", b->id);
    ui_compare(v->ui, a->graph, "as opened", b->graph, title, false);
}

static bool segments_action(struct ui *ui, void *self, enum action a, const char *arg)
{
    struct segments *v = self;
    int row = list_row(&v->list);
    switch (a) {
    case ACTION_ENTER:
        if (row >= 0)
            enter(v, row);
        return true;
    case ACTION_KEEP:
        if (row >= 0)
            keep(v, row);
        return true;
    case ACTION_COMPARE:
        compare(v);
        return true;
    case ACTION_GRAPH:
        *ui_place(ui) = (struct ui_place){row, -1};
        v->away = true;
        ui_push(ui, VIEW_GRAPH);
        return true;
    default:
        return drawing_action(&v->drawing, a, arg);
    }
}

static void segments_changed(struct ui *ui, void *self, unsigned what)
{
    struct segments *v = self;
    drawing_changed(&v->drawing, what);
    if (what & UI_EDITED)
        refresh(v);
    if (v->away && ui_top(ui) == VIEW_SEGMENTS) {
        list_go(&v->list, ui_place(ui)->segment);
        v->away = false;
    }
}

static void segments_close(struct ui *ui, void *self)
{
    struct segments *v = self;
    (void)ui;
    list_done(&v->list);
    drawing_done(&v->drawing);
}

static struct list *segments_list(void *self)
{
    struct segments *v = self;
    return &v->list;
}

const struct view_ops view_segments = {
    .size = sizeof(struct segments),
    .open = segments_open,
    .draw = segments_draw,
    .action = segments_action,
    .changed = segments_changed,
    .close = segments_close,
    .list = segments_list,
};
