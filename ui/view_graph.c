/* The network drawn over the whole screen, with a cursor that follows edges, and what is known of
 * the node under it. */
#include "session/describe.h"
#include "ui/drawing.h"
#include "ui/view.h"
#include "ui/walk.h"

#include "base/mem.h"
#include "base/vec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDE = 110, PANEL = 40, PANEL_ROWS = 5, NODE_ROWS = 11, MAP = 12, MAP_MIN = 60 };

struct graph_view {
    struct ui *ui;
    struct drawing d;
    bool *marked;  /* per slot */
    unsigned turn; /* of the drawing, that they are of */
    int n_marked;
    char find[128];
};

static const struct graph *graph(const struct graph_view *v)
{
    return session_graph(ui_session(v->ui));
}

static void drop_marks(struct graph_view *v)
{
    free(v->marked);
    v->marked = x_calloc((size_t)graph_n_slots(graph(v)) + 1, sizeof *v->marked);
    v->n_marked = 0;
    v->turn = v->d.turn;
    v->d.marked = v->marked;
}

static enum status graph_open(struct ui *ui, void *self, struct err *err)
{
    struct graph_view *v = self;
    struct ui_place *at = ui_place(ui);
    v->ui = ui;
    if (!session_is_open(ui_session(ui)))
        return err_set(err, ST_USAGE, "no model is open");
    drawing_init(&v->d, ui, SESSION_LAYOUT_GRAPH);
    drop_marks(v);
    const struct session_segment *seg = session_segment(ui_session(ui), at->segment);
    drawing_take_node(&v->d, at->node >= 0              ? at->node
                             : seg && seg->region.n > 0 ? seg->region.ids[0]
                                                        : graph_topo(graph(v))[0]);
    return ST_OK;
}

/* ---- what is known of the node ---- */

struct lines {
    struct rect r;
    int at; /* next line */
};

static void line(struct lines *l, int style, const char *text)
{
    if (l->at < l->r.h)
        screen_put(l->r.y + l->at++, l->r.x, l->r.w, style, text);
}

static void tell_costs(struct graph_view *v, struct lines *l)
{
    struct session *s = ui_session(v->ui);
    const double *cycles = heat_costs(ui_costs(v->ui), s, HEAT_CYCLES);
    const double *us = heat_costs(ui_costs(v->ui), s, HEAT_TIME);
    struct cost c;
    char a[32], b[32], text[120];
    int at = 0;
    cost_node(graph(v), v->d.node, &c);
    snprintf(text, sizeof text, "%s FLOPs, %s params", str_si((double)c.flops, a, sizeof a),
             str_si((double)c.params, b, sizeof b));
    line(l, STYLE_TEXT, text);
    if (cycles)
        at = snprintf(text, sizeof text, "%s cycles%s", str_si(cycles[v->d.node], a, sizeof a),
                      us ? ", " : "");
    if (us)
        snprintf(text + at, sizeof text - (size_t)at, "%.3f ms measured", us[v->d.node] / 1000);
    if (cycles || us)
        line(l, STYLE_TEXT, text);
}

static void tell_neighbours(struct graph_view *v, struct lines *l)
{
    const struct graph *g = graph(v);
    const struct node *n = graph_node(g, v->d.node);
    char type[96], text[300];
    int n_use;
    const struct use *use = graph_uses(g, v->d.node, &n_use);
    for (int i = 0; i < n->n_in; i++) {
        const struct node *from = n->in[i].node >= 0 ? graph_node(g, n->in[i].node) : NULL;
        const struct ttype *t = graph_input_type(g, n, i);
        if (!from)
            continue; /* a weight */
        snprintf(text, sizeof text, "reads %s  %s", node_label(from),
                 t ? ttype_text(t, type, sizeof type) : "");
        line(l, STYLE_DIM, text);
    }
    for (int i = 0; i < n_use; i++) {
        snprintf(text, sizeof text, "read by %s", node_label(graph_node(g, use[i].node)));
        line(l, STYLE_DIM, text);
    }
}

static void tell_attributes(struct graph_view *v, struct lines *l)
{
    const struct node *n = graph_node(graph(v), v->d.node);
    struct str s = {0};
    char type[96];
    for (int i = 0; i < n->n_attr; i++) {
        if (i)
            str_add(&s, "  ");
        describe_attribute(&n->attr[i], &s);
    }
    if (s.n)
        line(l, STYLE_DIM, str_text(&s));
    str_done(&s);
    for (int i = 0; i < n->n_in; i++)
        if (node_const(n, i)) {
            str_addf(&s, "%s%s", s.n ? ", " : "weights ",
                     ttype_text(graph_input_type(graph(v), n, i), type, sizeof type));
        }
    if (s.n)
        line(l, STYLE_DIM, str_text(&s));
    str_done(&s);
}

static void tell_segment(struct graph_view *v, struct lines *l)
{
    struct session *s = ui_session(v->ui);
    const struct session_segment *seg = session_segment(s, v->d.segment);
    char text[400], ops[300];
    if (!seg) {
        line(l, STYLE_DIM, "of no segment");
        return;
    }
    describe_ops(ops, sizeof ops, seg->ops);
    snprintf(text, sizeof text, "segment %d: %s", v->d.segment, ops);
    line(l, theme_segment(v->d.segment), text);
    if (!seg->ok) {
        snprintf(text, sizeof text, "not to be replaced: %s", seg->why);
        line(l, STYLE_WARN, text);
    }
}

static void tell_box(struct graph_view *v, struct lines *l)
{
    int32_t id = drawing_box(&v->d, v->d.node);
    const struct overview_box *b = id >= 0 ? &v->d.overview.box[id] : NULL;
    char text[120];
    if (!b || v->d.zoom != ZOOM_SEGMENTS || b->times == 1)
        return;
    if (b->length == 1)
        snprintf(text, sizeof text, "%d times the same segment (F: one by one)", b->times);
    else
        snprintf(text, sizeof text, "%d times the same %d segments (F: one by one)", b->times,
                 b->length);
    line(l, STYLE_TEXT, text);
}

static void draw_panel(struct graph_view *v, struct rect r)
{
    struct lines l = {r, 0};
    const struct node *n = v->d.node >= 0 ? graph_node(graph(v), v->d.node) : NULL;
    char op[120], type[96], text[300];
    screen_fill(r, STYLE_TEXT);
    if (!n)
        return;
    describe_operator(n, op, sizeof op);
    snprintf(text, sizeof text, "%s  %s", node_label(n), op);
    line(&l, STYLE_BOLD, text);
    snprintf(text, sizeof text, "gives %s",
             n->n_out ? ttype_text(&n->out[0].type, type, sizeof type) : "nothing");
    line(&l, STYLE_TEXT, text);
    tell_segment(v, &l);
    tell_box(v, &l);
    tell_costs(v, &l);
    tell_attributes(v, &l);
    tell_neighbours(v, &l);
}

/* ---- drawing ---- */

static void graph_draw(struct ui *ui, void *self, struct rect r)
{
    struct graph_view *v = self;
    (void)ui;
    struct rect panel = {r.y + r.h, r.x, 0, r.w};
    if (r.w >= WIDE) {
        r.w -= PANEL + 2;
        panel = (struct rect){r.y, r.x + r.w + 2, r.h, PANEL};
        screen_vline(r.y, r.x + r.w, r.h, STYLE_EDGE);
    } else if (r.h >= 3 * PANEL_ROWS) {
        /* of one node and its neighbours little is to be drawn, and much to be told */
        int rows = v->d.zoom == ZOOM_NODE ? NODE_ROWS : PANEL_ROWS;
        r.h -= rows + 1;
        panel = (struct rect){r.y + r.h + 1, r.x, rows, r.w};
        screen_hline(r.y + r.h, r.x, r.w, STYLE_EDGE);
    }
    struct rect map = {r.y, r.x + r.w, r.h, 0};
    if (r.w >= MAP_MIN) {
        r.w -= MAP + 1;
        map = (struct rect){r.y, r.x + r.w + 1, r.h, MAP};
    }
    drawing_draw(&v->d, r);
    drawing_draw_map(&v->d, map);
    draw_panel(v, panel);
}

/* ---- moving ---- */

static void go(struct graph_view *v, int32_t node)
{
    if (node >= 0)
        drawing_take_node(&v->d, node);
}

/* To the other end of an edge, also when that is not drawn. */
static int32_t neighbour(const struct graph_view *v, bool down)
{
    const struct node *n = graph_node(graph(v), v->d.node);
    int n_use;
    const struct use *use = graph_uses(graph(v), v->d.node, &n_use);
    if (down)
        return n_use ? use[0].node : -1;
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i].node >= 0)
            return n->in[i].node;
    return -1;
}

static void step(struct graph_view *v, enum walk dir)
{
    const struct dot_layout *l = drawing_layout(&v->d);
    int32_t to = l ? walk_box(l, drawing_box(&v->d, v->d.node), dir) : -1;
    if (to >= 0)
        go(v, drawing_node(&v->d, to));
    else if (v->d.node >= 0 && v->d.zoom != ZOOM_SEGMENTS && (dir == WALK_UP || dir == WALK_DOWN))
        go(v, neighbour(v, dir == WALK_DOWN));
}

static void leap(struct graph_view *v, int rows)
{
    const struct dot_layout *l = drawing_layout(&v->d);
    if (l)
        go(v, drawing_node(&v->d, walk_rows(l, drawing_box(&v->d, v->d.node), rows)));
}

/* ---- finding ---- */

static bool matches(const struct graph_view *v, const struct node *n)
{
    char type[96] = "";
    if (n->n_out)
        ttype_text(&n->out[0].type, type, sizeof type);
    return text_has(node_label(n), v->find) || text_has(node_op_type(n), v->find) ||
           text_has(type, v->find);
}

/* The next one after the node in hand, or with it. */
static void find(struct graph_view *v, int dir, bool here)
{
    const struct graph *g = graph(v);
    int n = graph_n_nodes(g), from = v->d.node >= 0 ? graph_topo_pos(g, v->d.node) : 0;
    if (!v->find[0])
        return;
    for (int k = here ? 0 : 1; k <= n; k++) {
        int32_t id = graph_topo(g)[((from + dir * k) % n + n) % n];
        if (matches(v, graph_node(g, id))) {
            go(v, id);
            ui_say(v->ui, "%s (%s)", node_label(graph_node(g, id)),
                   node_op_type(graph_node(g, id)));
            return;
        }
    }
    ui_say(v->ui, "no node matches '%s'", v->find);
}

static void graph_filter(struct ui *ui, void *self, const char *text)
{
    struct graph_view *v = self;
    (void)ui;
    snprintf(v->find, sizeof v->find, "%s", text);
    find(v, 1, true);
}

/* ---- marks ---- */

static void mark(struct graph_view *v)
{
    if (v->d.node < 0 || v->d.zoom == ZOOM_SEGMENTS) {
        ui_say(v->ui, "nodes are marked; z goes nearer, to where they are drawn");
        return;
    }
    v->marked[v->d.node] = !v->marked[v->d.node];
    v->n_marked += v->marked[v->d.node] ? 1 : -1;
    ui_say(v->ui, "%d node%s marked; Enter takes %s, with all between, as the segment", v->n_marked,
           v->n_marked == 1 ? "" : "s", v->n_marked == 1 ? "it" : "them");
}

/* The segment that Enter is about; -1 with an error. */
static int chosen(struct graph_view *v, struct err *err)
{
    int k = v->d.segment;
    if (!v->n_marked)
        return k >= 0 ? k : (err_set(err, ST_USAGE, "this node is of no segment; v marks it"), -1);
    VEC(int32_t) ids = {0};
    for (int32_t id = 0; id < v->d.slots; id++)
        if (v->marked[id])
            vec_push(&ids, id);
    if (session_own_segment(ui_session(v->ui), ids.at, (int)ids.n, &k, err) != ST_OK)
        k = -1;
    vec_done(&ids);
    return k;
}

static void enter(struct graph_view *v)
{
    struct session *s = ui_session(v->ui);
    struct err err = {0};
    struct str word = {0};
    int k = chosen(v, &err);
    if (k < 0 || session_select(s, k, &err) != ST_OK)
        ui_fail(v->ui, &err);
    else {
        session_segment_word(s, k, &word);
        ui_did(v->ui, "segment %s", str_text(&word));
        ui_push(v->ui, VIEW_CANDIDATES);
    }
    str_done(&word);
}

/* ---- the view ---- */

static void prompt(struct graph_view *v, const char *change)
{
    if (v->d.node >= 0)
        ui_prompt_edit(v->ui, graph_node(graph(v), v->d.node), change);
}

static bool move(struct graph_view *v, enum action a)
{
    int page = v->d.canvas.h > 2 ? v->d.canvas.h / 2 : 1;
    int far = graph_n_slots(graph(v)) * 64; /* rows: more than any drawing has */
    switch (a) {
    case ACTION_UP:
    case ACTION_DOWN:
        step(v, a == ACTION_UP ? WALK_UP : WALK_DOWN);
        return true;
    case ACTION_LEFT:
    case ACTION_RIGHT:
        step(v, a == ACTION_LEFT ? WALK_LEFT : WALK_RIGHT);
        return true;
    case ACTION_PAGE_UP:
    case ACTION_PAGE_DOWN:
        leap(v, a == ACTION_PAGE_UP ? -page : page);
        return true;
    case ACTION_TOP:
    case ACTION_BOTTOM:
        leap(v, a == ACTION_TOP ? -far : far);
        return true;
    case ACTION_NEXT:
    case ACTION_PREVIOUS:
        if (v->find[0])
            find(v, a == ACTION_NEXT ? 1 : -1, false);
        else
            ui_say(v->ui, "nothing is searched for; / does");
        return true;
    default:
        return false;
    }
}

static bool graph_action(struct ui *ui, void *self, enum action a, const char *arg)
{
    struct graph_view *v = self;
    switch (a) {
    case ACTION_ENTER:
        enter(v);
        return true;
    case ACTION_TOGGLE:
        ui_pop(ui);
        return true;
    case ACTION_MARK:
        mark(v);
        return true;
    case ACTION_UNMARK:
        drop_marks(v);
        ui_say(ui, "no node is marked");
        return true;
    case ACTION_NODE_EDIT:
        prompt(v, "");
        return true;
    case ACTION_NODE_DELETE:
        prompt(v, "delete");
        return true;
    default:
        return move(v, a) || drawing_action(&v->d, a, arg);
    }
}

static void graph_changed(struct ui *ui, void *self, unsigned what)
{
    struct graph_view *v = self;
    (void)ui;
    drawing_changed(&v->d, what);
    if (what & UI_EDITED && v->d.slots) {
        if (v->turn != v->d.turn)
            drop_marks(v);
        if (v->d.node < 0)
            drawing_take_node(&v->d, graph_topo(graph(v))[0]);
        else
            drawing_take_node(&v->d, v->d.node); /* of another segment now */
    }
}

static void graph_close(struct ui *ui, void *self)
{
    struct graph_view *v = self;
    *ui_place(ui) = (struct ui_place){v->d.segment, v->d.node};
    drawing_done(&v->d);
    free(v->marked);
}

const struct view_ops view_graph = {
    .size = sizeof(struct graph_view),
    .open = graph_open,
    .draw = graph_draw,
    .action = graph_action,
    .changed = graph_changed,
    .filter = graph_filter,
    .close = graph_close,
};
