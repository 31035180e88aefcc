/* The segments of the network: a table, and the network drawn in levels, coloured by segment. */
#include "session/describe.h"
#include "ui/view.h"

#include "base/mem.h"
#include "ui/around.h"
#include "ui/heat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Above so many nodes only the surroundings are drawn unless asked otherwise: Graphviz's time
 * grows faster than the network. */
enum { WIDE = 118, LIST_MIN = 76, DRAW_ALL = 1500, HOPS = 3 };

struct segments {
    struct ui *ui;
    struct list list;
    struct canvas canvas;
    bool drawing;      /* the drawing only */
    bool whole;        /* draw all nodes */
    bool drawn;        /* the layout wanted was there at the last drawing */
    uint64_t asked;    /* key of the layout asked for, 0: none */
    int centred;       /* segment the drawing was centred on */
    int64_t all_flops; /* of the network */
    enum heat heat;
    double *cost[HEATS];  /* heat_costs of the version at hand, those asked for */
    const double *warmth; /* the one that colours; NULL: none */
    double most;          /* of it */
    int slots;            /* of that version */
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
        sum += s->region.ids[i] < v->slots ? v->cost[HEAT_CYCLES][s->region.ids[i]] : 0;
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
        if (v->cost[HEAT_CYCLES])
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
    if (!s || col == COL_OPS || col == COL_STATE || (col == COL_CYCLES && !v->cost[HEAT_CYCLES]))
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

/* ---- the drawing ---- */

static int box_style(void *ctx, int32_t id)
{
    struct segments *v = ctx;
    const int *of = session_segment_of(ui_session(v->ui));
    int here = list_row(&v->list);
    if (!of)
        return STYLE_TEXT;
    if (v->warmth && id < v->slots)
        return heat_style(heat_digit(v->warmth[id], v->most));
    return of[id] >= 0 && of[id] == here ? STYLE_FOCUS : theme_segment(of[id]);
}

static bool box_member(void *ctx, int32_t id)
{
    struct segments *v = ctx;
    const int *of = session_segment_of(ui_session(v->ui));
    return of && of[id] >= 0 && of[id] == list_row(&v->list);
}

/* Without colours the segment in hand is marked by other brackets. */
static char box_mark(void *ctx, int32_t id)
{
    const struct segments *v = ctx;
    int digit = v->warmth && id < v->slots ? heat_digit(v->warmth[id], v->most) : 0;
    if (digit)
        return (char)('0' + digit);
    return theme_mono() && box_member(ctx, id) ? '#' : 0;
}

static void request(struct segments *v, uint64_t key)
{
    struct session *s = ui_session(v->ui);
    const struct graph *g = session_graph(s);
    const struct session_segment *seg = segment(v, list_row(&v->list));
    v->asked = key;
    v->canvas.centre = true;
    if (v->whole || !seg) {
        session_request_layout(s, SESSION_LAYOUT_MAIN, g, NULL, key);
        return;
    }
    bool *keep = x_calloc((size_t)graph_n_slots(g) + 1, sizeof *keep);
    for (int i = 0; i < seg->region.n; i++)
        keep[seg->region.ids[i]] = true;
    around_grow(g, keep, HOPS);
    session_request_layout(s, SESSION_LAYOUT_MAIN, g, keep, key);
    free(keep);
}

static void draw_graph(struct segments *v, struct rect r)
{
    struct session *s = ui_session(v->ui);
    const struct session_version *now = session_version(s, session_cursor(s));
    int row = list_row(&v->list);
    uint64_t have = 0;
    const char *why = NULL;
    if (!now || r.h < 2)
        return;
    uint64_t want = now->hash * 2 + (v->whole ? 1 : (uint64_t)(row + 1) << 8);
    if (v->asked != want)
        request(v, want);
    const struct dot_layout *l = session_layout(s, SESSION_LAYOUT_MAIN, &have, &why);
    if (v->centred != row || !v->drawn)
        v->canvas.centre = true;
    v->drawn = have == want && l;
    if (v->drawn) {
        struct canvas_look look = {box_style, box_mark, box_member, v};
        canvas_draw(&v->canvas, r, l, &look);
        v->centred = row;
    } else if (have == want && why) {
        screen_putf(r.y + 1, r.x + 2, r.w - 2, STYLE_WARN, "cannot draw: %s", why);
        if (v->whole) {
            v->whole = false;
            request(v, now->hash * 2 + ((uint64_t)(row + 1) << 8));
        }
    } else
        screen_put(r.y + 1, r.x + 2, r.w - 2, STYLE_DIM, "drawing ...");
}

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

static const double *costs_of(struct segments *v, enum heat h)
{
    if (!v->cost[h] && session_is_open(ui_session(v->ui)))
        v->cost[h] = heat_costs(ui_session(v->ui), h);
    return v->cost[h];
}

static void drop_costs(struct segments *v)
{
    for (int h = 0; h < HEATS; h++) {
        free(v->cost[h]);
        v->cost[h] = NULL;
    }
    v->warmth = NULL;
}

/* The costs that colour the drawing. */
static void warm(struct segments *v)
{
    struct session *s = ui_session(v->ui);
    v->warmth = v->heat == HEAT_OFF ? NULL : costs_of(v, v->heat);
    if (v->heat == HEAT_TIME && !v->warmth && session_is_open(s)) {
        struct err err = {0};
        if (session_time(s, &err) != ST_OK)
            ui_fail(v->ui, &err);
    }
    v->most = 0;
    for (int i = 0; v->warmth && i < v->slots; i++)
        v->most = v->warmth[i] > v->most ? v->warmth[i] : v->most;
}

static void say_heat(struct segments *v)
{
    char most[24];
    const char *why = NULL;
    if (v->heat == HEAT_TIME && !v->warmth)
        session_times(ui_session(v->ui), &why);
    if (v->warmth)
        ui_say(v->ui, "coloured by %s%s; 9 is the most of a node, %s%s",
               v->heat == HEAT_TIME ? "measured " : "", heat_name(v->heat),
               str_si(v->most, most, sizeof most), v->heat == HEAT_TIME ? " us" : "");
    else if (why)
        ui_say(v->ui, "the time of nodes cannot be measured: %s", why);
    else
        ui_say(v->ui, "%s",
               v->heat == HEAT_OFF    ? "coloured by segment"
               : v->heat == HEAT_TIME ? "measuring how long each node takes ..."
                                      : "cycles are not known: there is no accelerator");
}

static void set_heat(struct segments *v, const char *arg)
{
    enum heat next = *arg ? heat_find(arg) : (enum heat)((v->heat + 1) % HEATS);
    if (next == HEATS) {
        ui_say(v->ui,
               "the drawing is coloured by cycles, FLOPs, parameters, memory or time, or off");
        return;
    }
    v->heat = next;
    warm(v);
    say_heat(v);
}

static void refresh(struct segments *v)
{
    struct session *s = ui_session(v->ui);
    const struct session_version *now = session_version(s, session_cursor(s));
    v->all_flops = now ? now->cost.flops : 0;
    drop_costs(v);
    costs_of(v, HEAT_CYCLES);
    v->slots = now ? graph_n_slots(now->graph) : 0;
    warm(v);
    list_refresh(&v->list);
}

static enum status segments_open(struct ui *ui, void *self, struct err *err)
{
    struct segments *v = self;
    v->ui = ui;
    if (!session_is_open(ui_session(ui)))
        return err_set(err, ST_USAGE, "no model is open");
    v->whole = graph_n_nodes(session_graph(ui_session(ui))) <= DRAW_ALL;
    v->centred = -1;
    v->heat = (enum heat)ui_pref(ui, PREF_HEAT);
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
    if (v->drawing)
        draw_graph(v, body);
    else if (r.w >= WIDE) {
        int left = r.w * 45 / 100 > LIST_MIN ? r.w * 45 / 100 : LIST_MIN;
        list_draw(&v->list, (struct rect){body.y, body.x, body.h, left});
        screen_vline(body.y, body.x + left, body.h, STYLE_EDGE);
        draw_graph(v, (struct rect){body.y, body.x + left + 1, body.h, r.w - left - 1});
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
    case ACTION_HEAT:
        set_heat(v, arg);
        return true;
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
    case ACTION_TOGGLE:
        v->drawing = !v->drawing;
        return true;
    case ACTION_WHOLE:
        v->whole = !v->whole;
        ui_say(ui, v->whole ? "the whole network is drawn"
                            : "the surroundings of the segment are drawn");
        return true;
    case ACTION_PAN_LEFT:
    case ACTION_PAN_RIGHT:
    case ACTION_PAN_UP:
    case ACTION_PAN_DOWN:
        return canvas_action(&v->canvas, (int)a);
    default:
        return false;
    }
}

static void segments_changed(struct ui *ui, void *self, unsigned what)
{
    struct segments *v = self;
    (void)ui;
    if (what & UI_EDITED) {
        v->asked = 0;
        v->drawn = false;
        refresh(v);
    }
    if (what & SESSION_CHANGED_TIMES && v->heat == HEAT_TIME) {
        warm(v);
        say_heat(v);
    }
}

static void segments_close(struct ui *ui, void *self)
{
    struct segments *v = self;
    (void)ui;
    list_done(&v->list);
    drop_costs(v);
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
