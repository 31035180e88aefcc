/* The shape repair of one candidate: what each node was, what the solver made of it, the widths the
 * user pins. A pin is solved on a worker; until then the result before it is shown. */
#include "ui/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEP = 8, WIDE = 124, LIST_MIN = 84 };

struct repair {
    struct ui *ui;
    struct list list;
    struct canvas canvas;
    bool drawing;
    uint64_t asked, want; /* keys of the drawing */
    int segment;          /* selected when the view was opened */
    int n_row;
    int32_t *row;        /* ids of the fragment's nodes, in topological order */
    struct graph *graph; /* the fragment they belong to; referenced */
};

enum { COL_NODE, COL_OP, COL_CHANNELS, COL_STRIDE, COL_SHAPE, COL_PIN };

static const struct list_column columns[] = {
    [COL_NODE] = {"node", 14, .flex = true},   [COL_OP] = {"operator", 14},
    [COL_CHANNELS] = {"channels", 13},         [COL_STRIDE] = {"stride", 8},
    [COL_SHAPE] = {"shape", 15, .flex = true}, [COL_PIN] = {"pin", 5, .right = true},
};

static const struct session_candidate *shown(const struct repair *v)
{
    return session_previewed(ui_session(v->ui));
}

/* The repaired fragment, NULL while there is none. */
static const struct graph *repaired(const struct repair *v)
{
    const struct session_candidate *c = shown(v);
    return c && c->result ? c->result->plan.fragment : NULL;
}

static const struct ttype *out_type(const struct graph *g, int32_t id)
{
    const struct node *n = g && id < graph_n_slots(g) ? graph_node(g, id) : NULL;
    if (!n)
        return NULL;
    if (n->op == OP_OUTPUT && n->n_in > 0)
        return graph_input_type(g, n, 0);
    return n->n_out > 0 ? &n->out[0].type : NULL;
}

/* 0 when it has no channels that are known. */
static int64_t channels(const struct graph *g, int32_t id)
{
    const struct ttype *t = out_type(g, id);
    return t && t->rank >= 2 && t->dim[1] > 0 ? t->dim[1] : 0;
}

static bool strides(const struct graph *g, int32_t id, int64_t s[2])
{
    struct window w;
    const struct node *n = g && id < graph_n_slots(g) ? graph_node(g, id) : NULL;
    if (!n || !node_window(n, &w))
        return false;
    s[0] = w.stride[0];
    s[1] = w.stride[1];
    return true;
}

static int64_t pin_of(const struct repair *v, int32_t id)
{
    int n;
    const struct mend_pin *p = session_pins(ui_session(v->ui), &n);
    for (int i = 0; i < n; i++)
        if (p[i].node == id)
            return p[i].channels;
    return 0;
}

static int rows(void *ctx)
{
    struct repair *v = ctx;
    return v->n_row;
}

static void stride_text(const int64_t s[2], char *buf, size_t size)
{
    if (s[0] == s[1])
        snprintf(buf, size, "%lld", (long long)s[0]);
    else
        snprintf(buf, size, "%lldx%lld", (long long)s[0], (long long)s[1]);
}

static void stride_cell(const struct repair *v, int32_t id, char *buf, size_t size)
{
    int64_t a[2], b[2];
    char x[24], y[24];
    if (!strides(v->graph, id, a))
        return;
    stride_text(a, x, sizeof x);
    if (strides(repaired(v), id, b) && (a[0] != b[0] || a[1] != b[1])) {
        stride_text(b, y, sizeof y);
        snprintf(buf, size, "%s %s %s", x, theme_glyph(GLYPH_TO), y);
    } else
        snprintf(buf, size, "%s", x);
}

static void op_cell(const struct node *n, char *buf, size_t size)
{
    struct window w;
    if (node_window(n, &w))
        snprintf(buf, size, "%s%s %lldx%lld", node_is_depthwise(n) ? "dw" : "", node_op_type(n),
                 (long long)w.kernel[0], (long long)w.kernel[1]);
    else
        text_ops(buf, size, node_op_type(n));
}

static void cell(void *ctx, int row, int col, char *buf, size_t size)
{
    struct repair *v = ctx;
    int32_t id = v->row[row];
    const struct node *n = graph_node(v->graph, id);
    int64_t was = channels(v->graph, id), now = channels(repaired(v), id);
    switch (col) {
    case COL_NODE:
        snprintf(buf, size, "%s", node_label(n));
        break;
    case COL_OP:
        op_cell(n, buf, size);
        break;
    case COL_CHANNELS:
        if (was && now && was != now)
            snprintf(buf, size, "%lld %s %lld", (long long)was, theme_glyph(GLYPH_TO),
                     (long long)now);
        else if (was)
            snprintf(buf, size, "%lld", (long long)was);
        break;
    case COL_STRIDE:
        stride_cell(v, id, buf, size);
        break;
    case COL_SHAPE: {
        const struct ttype *t = out_type(repaired(v) ? repaired(v) : v->graph, id);
        if (t)
            ttype_text(t, buf, size);
        break;
    }
    default:
        if (pin_of(v, id))
            snprintf(buf, size, "%lld", (long long)pin_of(v, id));
    }
}

static bool number(void *ctx, int row, int col, double *out)
{
    struct repair *v = ctx;
    int32_t id = v->row[row];
    if (col == COL_CHANNELS)
        *out = (double)channels(repaired(v) ? repaired(v) : v->graph, id);
    else if (col == COL_PIN)
        *out = (double)pin_of(v, id);
    else
        return false;
    return *out > 0;
}

static bool changed_node(const struct repair *v, int32_t id)
{
    int64_t a[2], b[2];
    const struct graph *r = repaired(v);
    if (!r)
        return false;
    if (channels(v->graph, id) != channels(r, id))
        return true;
    return strides(v->graph, id, a) && strides(r, id, b) && (a[0] != b[0] || a[1] != b[1]);
}

static int style(void *ctx, int row, int col)
{
    struct repair *v = ctx;
    int32_t id = v->row[row];
    const struct node *n = graph_node(v->graph, id);
    int64_t a[2], b[2];
    if (col == COL_PIN)
        return STYLE_BOLD;
    if (n->op == OP_INPUT || n->op == OP_OUTPUT)
        return STYLE_DIM;
    if (repaired(v) &&
        ((col == COL_CHANNELS && channels(v->graph, id) != channels(repaired(v), id)) ||
         (col == COL_STRIDE && strides(v->graph, id, a) && strides(repaired(v), id, b) &&
          (a[0] != b[0] || a[1] != b[1]))))
        return STYLE_WARN;
    return col == COL_SHAPE ? STYLE_DIM : STYLE_TEXT;
}

static const struct list_source source = {rows, cell, number, style, NULL};

/* ---- following the session ---- */

static void forget(struct repair *v)
{
    graph_unref(v->graph);
    v->graph = NULL;
    free(v->row);
    v->row = NULL;
    v->n_row = 0;
}

static void gather(struct repair *v)
{
    const struct session_candidate *c = shown(v);
    if (c && c->fragment != v->graph) {
        forget(v);
        v->graph = graph_ref(c->fragment);
        v->n_row = graph_n_nodes(v->graph);
        v->row = x_memdup(graph_topo(v->graph), (size_t)v->n_row * sizeof *v->row);
    } else if (!c)
        forget(v);
    const struct graph *g = repaired(v) ? repaired(v) : v->graph;
    v->want = g ? graph_hash(g) * 2 + 1 : 0;
    list_refresh(&v->list);
}

static enum status repair_open(struct ui *ui, void *self, struct err *err)
{
    struct repair *v = self;
    v->ui = ui;
    if (!session_previewed(ui_session(ui)))
        return err_set(err, ST_USAGE, "no candidate is shown");
    v->segment = session_selected(ui_session(ui));
    list_init(&v->list, columns, sizeof columns / sizeof *columns, &source, v);
    gather(v);
    return ST_OK;
}

/* ---- drawing ---- */

static int box_style(void *ctx, int32_t id)
{
    struct repair *v = ctx;
    int row = list_row(&v->list);
    if (row >= 0 && v->row[row] == id)
        return STYLE_FOCUS;
    if (pin_of(v, id))
        return STYLE_BOLD;
    return changed_node(v, id) ? STYLE_WARN : STYLE_TEXT;
}

static char box_mark(void *ctx, int32_t id)
{
    struct repair *v = ctx;
    return pin_of(v, id) ? '!' : changed_node(v, id) ? '~' : 0;
}

static bool box_member(void *ctx, int32_t id)
{
    struct repair *v = ctx;
    int row = list_row(&v->list);
    return row >= 0 && v->row[row] == id;
}

static void draw_graph(struct repair *v, struct rect r)
{
    struct session *s = ui_session(v->ui);
    const struct graph *g = repaired(v) ? repaired(v) : v->graph;
    uint64_t have = 0;
    const char *why = NULL;
    if (!g)
        return;
    if (v->asked != v->want) {
        session_request_layout(s, SESSION_LAYOUT_MAIN, g, NULL, v->want);
        v->asked = v->want;
    }
    const struct dot_layout *l = session_layout(s, SESSION_LAYOUT_MAIN, &have, &why);
    if (have == v->want && l) {
        struct canvas_look look = {box_style, box_mark, box_member, v};
        canvas_draw(&v->canvas, r, l, &look);
    } else if (have == v->want && why)
        screen_putf(r.y, r.x + 1, r.w - 1, STYLE_WARN, "cannot draw: %s", why);
    else
        screen_put(r.y, r.x + 1, r.w - 1, STYLE_DIM, "drawing ...");
}

/* A reason may be longer than a line: the rest goes below the table. */
static int reason_lines(const struct repair *v, int w)
{
    const struct session_candidate *c = shown(v);
    if (!c || c->accepted || !c->result || text_width(c->reason, theme_ascii()) + 16 < w)
        return 0;
    return text_width(c->reason, theme_ascii()) / (w > 2 ? w - 2 : 1) + 2;
}

static void draw_head(struct repair *v, struct rect r)
{
    const struct session_candidate *c = shown(v);
    char a[32], b[32];
    if (!c) {
        screen_put(r.y, 1, r.w - 1, STYLE_DIM, "no candidate is shown");
        return;
    }
    char ops[256];
    text_ops(ops, sizeof ops, c->ops);
    screen_putf(r.y, 1, r.w - 1, STYLE_BOLD, "%s for segment %d  %s", c->id, v->segment, ops);
    if (session_preview_busy(ui_session(v->ui)))
        screen_put(r.y + 1, 1, r.w - 1, STYLE_WARN, "solving ...");
    else if (!c->result)
        screen_put(r.y + 1, 1, r.w - 1, STYLE_DIM, "waiting for the result ...");
    else if (!c->accepted)
        screen_putf(r.y + 1, 1, r.w - 1, STYLE_BAD, "%s: %s",
                    c->result->status == MEND_TIMEOUT ? "no answer in time" : "does not fit",
                    reason_lines(v, r.w) ? "see below" : c->reason);
    else
        screen_putf(r.y + 1, 1, r.w - 1, STYLE_GOOD,
                    "%s, %d change%s, %.1f ms; %s FLOPs, %s params",
                    mend_result_name(c->result->status), c->result->plan.n_change,
                    c->result->plan.n_change == 1 ? "" : "s", c->result->ms,
                    text_delta((double)c->delta_flops, a, sizeof a),
                    text_delta((double)c->delta_params, b, sizeof b));
}

static void draw_reason(const struct repair *v, struct rect r)
{
    const char *p = shown(v)->reason;
    screen_hline(r.y, r.x, r.w, STYLE_EDGE);
    for (int y = 1; y < r.h && *p; y++) {
        char line[512];
        size_t n = 0, cut = 0;
        int cells = 0;
        while (p[n] && cells < r.w - 2 && n < sizeof line - 8) {
            n += text_next(p + n);
            cells++;
            if (p[n] == ' ' || !p[n])
                cut = n;
        }
        if (cut == 0)
            cut = n;
        snprintf(line, sizeof line, "%.*s", (int)cut, p);
        screen_put(r.y + y, r.x + 1, r.w - 1, STYLE_BAD, line);
        p += cut;
        p += *p == ' ';
    }
}

static void repair_draw(struct ui *ui, void *self, struct rect r)
{
    struct repair *v = self;
    (void)ui;
    draw_head(v, r);
    int more = reason_lines(v, r.w);
    struct rect body = {r.y + 3, r.x, r.h - 3 - more, r.w};
    if (v->drawing)
        draw_graph(v, body);
    else if (r.w >= WIDE) {
        int left = r.w * 55 / 100 > LIST_MIN ? r.w * 55 / 100 : LIST_MIN;
        list_draw(&v->list, (struct rect){body.y, body.x, body.h, left});
        screen_vline(body.y, body.x + left, body.h, STYLE_EDGE);
        draw_graph(v, (struct rect){body.y, body.x + left + 1, body.h, r.w - left - 1});
    } else
        list_draw(&v->list, body);
    if (more)
        draw_reason(v, (struct rect){r.y + r.h - more, r.x, more, r.w});
}

/* ---- pins ---- */

static void pin(struct repair *v, int64_t n)
{
    struct err err = {0};
    int row = list_row(&v->list);
    if (row < 0)
        return;
    const struct node *node = graph_node(v->graph, v->row[row]);
    if (n && (node->op == OP_INPUT || node->op == OP_OUTPUT))
        ui_say(v->ui, "the width of an input or output is given by the network around it");
    else if (session_repair_pin(ui_session(v->ui), v->row[row], n, &err) != ST_OK)
        ui_fail(v->ui, &err);
    else if (n)
        ui_say(v->ui, "%s pinned to %lld channels", node_label(node), (long long)n);
    gather(v);
}

static void step(struct repair *v, int dir)
{
    int row = list_row(&v->list);
    if (row < 0)
        return;
    int64_t now = pin_of(v, v->row[row]);
    if (!now)
        now = channels(repaired(v), v->row[row]);
    if (!now)
        now = channels(v->graph, v->row[row]);
    if (!now) {
        ui_say(v->ui, "this node has no channels");
        return;
    }
    int64_t next = dir > 0 ? (now / STEP + 1) * STEP : (now - 1) / STEP * STEP;
    pin(v, next > 0 ? next : now > 1 ? now - 1 : 1);
}

static void width(struct repair *v, const char *arg)
{
    int64_t n;
    if (!*arg)
        ui_prompt(v->ui, "width ");
    else if (!str_to_i64(arg, 1, INT32_MAX, &n))
        ui_say(v->ui, "'%s' is no number of channels", arg);
    else
        pin(v, n);
}

static bool reject(struct repair *v)
{
    struct err err = {0};
    struct session *s = ui_session(v->ui);
    char id[24];
    snprintf(id, sizeof id, "%s", shown(v) ? shown(v)->id : "");
    if (session_reject(s, id, &err) != ST_OK) {
        ui_fail(v->ui, &err);
        return true;
    }
    struct ui *ui = v->ui;
    ui_pop_to(ui, VIEW_CANDIDATES);
    ui_say(ui, "%s is hidden in this session", id);
    return true;
}

static bool repair_action(struct ui *ui, void *self, enum action a, const char *arg)
{
    struct repair *v = self;
    struct err err = {0};
    switch (a) {
    case ACTION_ENTER:
    case ACTION_COMPARE:
        ui_compare_preview(ui);
        return true;
    case ACTION_APPLY:
        ui_apply(ui);
        return true;
    case ACTION_REJECT:
        return reject(v);
    case ACTION_WIDER:
    case ACTION_NARROWER:
        step(v, a == ACTION_WIDER ? 1 : -1);
        return true;
    case ACTION_WIDTH:
        width(v, arg);
        return true;
    case ACTION_UNPIN:
        pin(v, 0);
        return true;
    case ACTION_UNPIN_ALL:
        if (session_unpin_all(ui_session(ui), &err) != ST_OK)
            ui_fail(ui, &err);
        gather(v);
        return true;
    case ACTION_TOGGLE:
        v->drawing = !v->drawing;
        v->canvas.centre = true;
        return true;
    case ACTION_PAN_LEFT:
    case ACTION_PAN_RIGHT:
    case ACTION_PAN_UP:
    case ACTION_PAN_DOWN:
        return canvas_action(&v->canvas, (int)a);
    default:
        v->canvas.centre = true;
        return false;
    }
}

static bool repair_key(struct ui *ui, void *self, int key)
{
    char line[16];
    (void)self;
    if (key < '0' || key > '9')
        return false;
    snprintf(line, sizeof line, "width %c", key);
    ui_prompt(ui, line);
    return true;
}

static void repair_changed(struct ui *ui, void *self, unsigned what)
{
    (void)ui;
    if (what & (SESSION_CHANGED_PREVIEW | SESSION_CHANGED_CANDIDATES | UI_EDITED))
        gather(self);
}

static void repair_close(struct ui *ui, void *self)
{
    struct repair *v = self;
    if (session_is_open(ui_session(ui)) && shown(v))
        session_preview(ui_session(ui), -1, NULL);
    forget(v);
    list_done(&v->list);
}

static struct list *repair_list(void *self)
{
    struct repair *v = self;
    return &v->list;
}

const struct view_ops view_repair = {
    .size = sizeof(struct repair),
    .open = repair_open,
    .draw = repair_draw,
    .action = repair_action,
    .key = repair_key,
    .changed = repair_changed,
    .close = repair_close,
    .list = repair_list,
};
