#include "ui/compare_draw.h"

#include "session/describe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the list of nodes that differ ---- */

/* From COL_BEFORE and COL_AFTER on, the same for either side. */
enum { COL_KIND, COL_BEFORE, COL_AFTER = COL_BEFORE + 4 };
enum { PART_NODE, PART_OP, PART_SHAPE, PART_WIDTH };

static const struct list_column columns[] = {
    [COL_KIND] = {"", 7},
    [COL_BEFORE + PART_NODE] = {"before", 10, .flex = true},
    [COL_BEFORE + PART_OP] = {"operator", 14},
    [COL_BEFORE + PART_SHAPE] = {"shape", 15, .prio = 1},
    [COL_BEFORE + PART_WIDTH] = {"width", 5, .right = true},
    [COL_AFTER + PART_NODE] = {"after", 10, .flex = true},
    [COL_AFTER + PART_OP] = {"operator", 14},
    [COL_AFTER + PART_SHAPE] = {"shape", 15, .prio = 1},
    [COL_AFTER + PART_WIDTH] = {"width", 5, .right = true},
};

static int list_rows(void *ctx)
{
    const struct compare *v = ctx;
    return v->c.n_row;
}

static void list_cell(void *ctx, int row, int col, char *buf, size_t size)
{
    const struct compare *v = ctx;
    const struct comparison_row *r = &v->c.row[row];
    int k = col >= COL_AFTER, part = col - (k ? COL_AFTER : COL_BEFORE);
    struct comparison_cells c;
    char op[48];
    buf[0] = '\0';
    if (col == COL_KIND) {
        snprintf(buf, size, "%s", comparison_kind_name(r->kind));
        return;
    }
    if (r->id[k] < 0)
        return;
    comparison_cells(v->c.g[k], r->id[k], &c);
    if (part == PART_NODE)
        snprintf(buf, size, "%s", node_label(graph_node(v->c.g[k], r->id[k])));
    else if (part == PART_OP) {
        describe_ops(op, sizeof op, c.op);
        snprintf(buf, size, "%s%s%s", op, *c.kernel ? " " : "", c.kernel);
    } else
        snprintf(buf, size, "%s", part == PART_SHAPE ? c.shape : c.width);
}

static const int kind_style[] = {[COMPARISON_REMOVED] = STYLE_BAD,
                                 [COMPARISON_ADDED] = STYLE_GOOD,
                                 [COMPARISON_RESIZED] = STYLE_WARN,
                                 [COMPARISON_CHANGED] = STYLE_WARN};

static int list_style(void *ctx, int row, int col)
{
    const struct compare *v = ctx;
    return col == COL_KIND ? kind_style[v->c.row[row].kind] : STYLE_TEXT;
}

void compare_list_init(struct compare *v)
{
    static const struct list_source source = {list_rows, list_cell, NULL, list_style, NULL};
    list_init(&v->list, columns, sizeof columns / sizeof *columns, &source, v);
    v->list.empty = v->c.equal ? "the two are the same network" : "no node differs";
    list_refresh(&v->list);
}

/* ---- how boxes look ---- */

/* How much a node moves the estimate, 0 to 9 of the most that one does on either side. */
static int weight_of(const struct compare_side *s, int32_t id, bool *raises)
{
    const struct compare *v = s->owner;
    const struct session_reasons *r = v->why ? session_reasons(ui_session(v->ui)) : NULL;
    if (!r || id < 0 || id >= r->n[s->k] || v->most <= 0)
        return 0;
    *raises = r->weight[s->k][id] > 0;
    return (int)(9 * fabs((double)r->weight[s->k][id]) / v->most + 0.5);
}

static void find_most(struct compare *v)
{
    const struct session_reasons *r = v->why ? session_reasons(ui_session(v->ui)) : NULL;
    v->most = 0;
    for (int i = 0; r && i < 2; i++)
        for (int n = 0; n < r->n[i]; n++)
            v->most = fmax(v->most, fabs((double)r->weight[i][n]));
}

static char mark_of(const struct compare_side *s, int32_t id)
{
    static const char mark[] = {
        [DOT_PLAIN] = 0, [DOT_ADDED] = '+', [DOT_REMOVED] = '-', [DOT_CHANGED] = '~'};
    return mark[s->owner->c.mark[s->k][id]];
}

static int box_style(void *ctx, int32_t id)
{
    const struct compare_side *s = ctx;
    bool raises;
    if (id == s->found)
        return STYLE_FOCUS;
    if (s->owner->why) {
        int weight = weight_of(s, id, &raises);
        return weight == 0 ? STYLE_DIM : raises ? STYLE_GOOD : STYLE_BAD;
    }
    char m = mark_of(s, id);
    return m == '+' ? STYLE_GOOD : m == '-' ? STYLE_BAD : m == '~' ? STYLE_WARN : STYLE_TEXT;
}

static char box_mark(void *ctx, int32_t id)
{
    const struct compare_side *s = ctx;
    bool raises;
    int weight = s->owner->why ? weight_of(s, id, &raises) : 0;
    return weight ? (char)('0' + weight) : mark_of(s, id);
}

/* ---- what part of the drawings is shown ---- */

struct extent {
    int x0, x1, y0, y1;
    bool any;
};

static void extend(struct extent *e, const struct dot_box *b)
{
    e->x0 = !e->any || b->x < e->x0 ? b->x : e->x0;
    e->y0 = !e->any || b->y < e->y0 ? b->y : e->y0;
    e->x1 = !e->any || b->x + b->w > e->x1 ? b->x + b->w : e->x1;
    e->y1 = !e->any || b->y + b->h > e->y1 ? b->y + b->h : e->y1;
    e->any = true;
}

/* Of the found nodes, else of those that differ. */
static struct extent extent_of(const struct compare *v, int k, const struct dot_layout *l)
{
    struct extent e = {0};
    bool found = v->side[0].found >= 0 || v->side[1].found >= 0;
    for (int i = 0; i < l->n_box; i++)
        if (found ? l->box[i].id == v->side[k].found : mark_of(&v->side[k], l->box[i].id) != 0)
            extend(&e, &l->box[i]);
    return e;
}

/* Both drawings to the same rows. A side that has none of the nodes shows what is beside them. */
static void aim(struct compare *v, const struct dot_layout *l, const struct rect r[2])
{
    struct extent e[2] = {extent_of(v, 0, &l[0]), extent_of(v, 1, &l[1])}, y = {0};
    for (int k = 0; k < 2; k++)
        if (e[k].any) {
            struct dot_box rows = {.y = e[k].y0, .h = e[k].y1 - e[k].y0};
            extend(&y, &rows);
        }
    for (int k = 0; k < 2; k++) {
        struct canvas *c = &v->side[k].canvas;
        struct extent x = e[k];
        for (int i = 0; !e[k].any && i < l[k].n_box; i++)
            if (l[k].box[i].y >= y.y0 - 4 && l[k].box[i].y < y.y1 + 4)
                extend(&x, &l[k].box[i]);
        c->x = (x.any ? (x.x0 + x.x1) / 2 : l[k].width / 2) - r[k].w / 2;
        c->y = y.y1 - y.y0 > r[k].h - 4 ? y.y0 - 2 : (y.y0 + y.y1 - r[k].h) / 2;
        c->centre = false;
    }
}

/* The list goes to the row that is nearest to the middle of the drawings. */
static void follow(struct compare *v, const struct dot_layout *l)
{
    const struct canvas *c = &v->side[v->show == COMPARE_AFTER].canvas;
    int best = -1, least = 0;
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < l[k].n_box; i++) {
            int row = v->row_of[k][l[k].box[i].id];
            int off = abs(l[k].box[i].y - c->y - c->h / 2);
            if (row >= 0 && (best < 0 || off < least)) {
                best = row;
                least = off;
            }
        }
    if (best >= 0)
        list_go(&v->list, best);
}

/* ---- the parts ---- */

static void draw_side(struct compare_side *s, struct rect r, const struct dot_layout *l,
                      const char *why)
{
    struct rect body = {r.y + 1, r.x, r.h - 1, r.w};
    screen_put(r.y, r.x, r.w, STYLE_HEAD, s->title);
    struct canvas_look look = {box_style, box_mark, NULL, s};
    if (l)
        canvas_draw(&s->canvas, body, &l[s->k], &look);
    else if (why)
        screen_putf(body.y, body.x, body.w, STYLE_WARN, "cannot draw: %s (z: the other extent)",
                    why);
    else
        screen_put(body.y, body.x, body.w, STYLE_DIM, "drawing ...");
}

static void draw_drawings(struct compare *v, struct rect r)
{
    uint64_t have = 0;
    const char *why = NULL;
    const struct dot_layout *l =
        session_layout(ui_session(v->ui), SESSION_LAYOUT_PAIR, &have, &why);
    int half = r.w / 2;
    bool one = v->show == COMPARE_BEFORE || v->show == COMPARE_AFTER;
    struct rect at[2] = {{r.y, r.x, r.h, half}, {r.y, r.x + half + 1, r.h, r.w - half - 1}};
    if (have != v->key)
        l = NULL, why = NULL;
    if (one)
        at[0] = at[1] = r;
    if (l && v->aim) {
        struct rect body[2] = {at[0], at[1]};
        body[0].h--;
        body[1].h--;
        aim(v, l, body);
        v->aim = false;
    } else if (l && v->panned)
        follow(v, l);
    v->panned = false;
    if (v->show != COMPARE_AFTER)
        draw_side(&v->side[0], at[0], l, why);
    if (!one)
        screen_vline(r.y, r.x + half, r.h, STYLE_EDGE);
    if (v->show != COMPARE_BEFORE)
        draw_side(&v->side[1], at[1], l, why);
}

static void draw_metric(struct rect r, const struct comparison_costs *m, enum comparison_metric k,
                        int y)
{
    char buf[64];
    int name_w = r.w >= 76 ? 22 : 17, w = r.w >= 76 ? 13 : 9, x = r.x + 1 + name_w;
    int verdict = comparison_verdict(m, k);
    int style = verdict < 0 ? STYLE_GOOD : verdict > 0 ? STYLE_BAD : STYLE_DIM;
    screen_put(y, r.x + 1, name_w, STYLE_TEXT, comparison_metric_name(m, k, buf, sizeof buf));
    for (int side = 0; side < 2; side++)
        screen_put_right(y, x + side * w + 1, w - 1,
                         isnan(m->value[k][side]) ? STYLE_DIM : STYLE_TEXT,
                         comparison_value(m, k, side, buf, sizeof buf));
    x += 2 * w;
    if (k == METRIC_ACC) { /* with its interval, over both columns */
        int room = r.x + r.w - x < 2 * w + 4 ? r.x + r.w - x : 2 * w + 4;
        screen_put_right(y, x, room, m->delta.in_distribution ? style : STYLE_DIM,
                         comparison_change(m, k, buf, sizeof buf));
        return;
    }
    screen_put_right(y, x, w, style, comparison_change(m, k, buf, sizeof buf));
    screen_put_right(y, x + w, w, style, comparison_percent(m, k, buf, sizeof buf));
}

/* Where rows are few, the paper's rule is left out. */
static int metric_rows(const struct comparison_costs *m, bool all, bool (*rows)[METRICS])
{
    int n = 0;
    for (int k = 0; k < METRICS; k++) {
        (*rows)[k] =
            m && (all || k != METRIC_FLOPS_PAPER) && comparison_shown(m, (enum comparison_metric)k);
        n += (*rows)[k];
    }
    return n;
}

static void draw_metrics(const struct comparison_costs *m, struct rect r,
                         const bool (*rows)[METRICS])
{
    int name_w = r.w >= 76 ? 22 : 17, w = r.w >= 76 ? 13 : 9, x = r.x + 1 + name_w, y = r.y + 2;
    static const char *const heads[] = {"before", "after", "change"};
    screen_hline(r.y, r.x, r.w, STYLE_EDGE);
    for (int i = 0; i < 3; i++)
        screen_put_right(r.y + 1, x + i * w, w, STYLE_HEAD, heads[i]);
    if (!m)
        screen_put(y, r.x + 1, r.w - 1, STYLE_DIM, "working out what they cost ...");
    for (int k = 0; k < METRICS; k++)
        if ((*rows)[k])
            draw_metric(r, m, (enum comparison_metric)k, y++);
}

static void draw_legend(const struct compare *v, const struct comparison_costs *m, int y, int x,
                        int w)
{
    static const struct {
        char mark;
        enum comparison_kind kind;
    } part[] = {{'-', COMPARISON_REMOVED},
                {'+', COMPARISON_ADDED},
                {'~', COMPARISON_RESIZED},
                {'~', COMPARISON_CHANGED}};
    char line[80];
    int end = x + w;
    if (v->why) {
        x += screen_add(y, x, end - x, STYLE_GOOD, "1-9 raises") + 2;
        x += screen_add(y, x, end - x, STYLE_BAD, "1-9 lowers the estimate") + 2;
        screen_add(y, x, end - x, STYLE_DIM,
                   session_reasons(ui_session(v->ui)) ? "9: the most that a layer does"
                                                      : "asking the predictor ...");
        return;
    }
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        enum comparison_kind kind = part[i].kind;
        snprintf(line, sizeof line, "%c %d %s", part[i].mark, v->c.count[kind],
                 comparison_kind_name(kind));
        x += screen_add(y, x, end - x, kind_style[kind], line) + 2;
    }
    if (v->c.equal)
        x += screen_add(y, x, end - x, STYLE_DIM, "= the same network") + 2;
    if (m && m->incomplete)
        screen_add(y, x, end - x, STYLE_DIM, "unknown operators cost nothing here");
}

/* The nodes that the list stands on; the drawings go there. */
static void stand_on_row(struct compare *v)
{
    int row = list_row(&v->list);
    for (int k = 0; k < 2 && row >= 0; k++) {
        v->aim |= v->side[k].found != v->c.row[row].id[k];
        v->side[k].found = v->c.row[row].id[k];
    }
}

static void draw_list(struct compare *v, struct rect r)
{
    enum { LEAST_DRAWING = 12 };
    int rows = v->c.n_row + 2;
    struct rect top = r;
    if (r.h >= 2 * LEAST_DRAWING) {
        top.h = rows < r.h - LEAST_DRAWING ? rows : r.h - LEAST_DRAWING;
        top.h = top.h > r.h / 2 ? r.h / 2 : top.h;
    }
    stand_on_row(v);
    list_draw(&v->list, top);
    if (top.h == r.h)
        return;
    screen_hline(r.y + top.h, r.x, r.w, STYLE_EDGE);
    draw_drawings(v, (struct rect){r.y + top.h + 1, r.x, r.h - top.h - 1, r.w});
}

void compare_draw_all(struct compare *v, struct rect r)
{
    enum { TALL = 36, LEAST = 8 };
    bool rows[METRICS];
    const struct comparison_costs *m = session_compared(ui_session(v->ui), &v->c);
    int n = metric_rows(m, r.h >= TALL, &rows);
    int low = 2 + (n ? n : 7);
    if (r.h < low + LEAST)
        low = 0;
    find_most(v);
    draw_legend(v, m, r.y, r.x + 1, r.w - 1);
    struct rect top = {r.y + 1, r.x, r.h - 1 - low, r.w};
    if (v->show == COMPARE_LIST)
        draw_list(v, top);
    else
        draw_drawings(v, top);
    if (low)
        draw_metrics(m, (struct rect){r.y + r.h - low, r.x, low, r.w},
                     (const bool(*)[METRICS]) & rows);
}
