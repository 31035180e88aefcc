/* Before and after side by side: both drawn from Graphviz coordinates, changed nodes marked, the
 * costs of both below. */
#include "ui/view.h"

#include "base/mem.h"
#include "ui/around.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOPS = 2, SMALL = 60, METRICS = 7 };

struct side {
    struct compare *owner;
    struct graph *g;
    const char *title;
    char *mark; /* per slot: '+' '-' '~' or 0 */
    int n_mark;
    uint64_t key;
    struct canvas canvas;
    struct cost cost;
    enum session_layout_slot slot;
};

struct compare {
    struct ui *ui;
    struct side side[2];
    struct graph_diff diff;
    bool whole, why;
    double most; /* the largest weight that a node has, for `why` */
    int only;    /* 0: both, 1: before, 2: after */
    bool differ; /* anything at all */
    bool equal;  /* isomorphic, whatever nodes were exchanged */
    char find[128];
    int32_t found; /* node the search stands on, -1 */
};

static void request(struct compare *v, struct side *s)
{
    struct session *session = ui_session(v->ui);
    s->key = graph_hash(s->g) * 4 + (v->whole ? 2 : 0) + (uint64_t)(s->slot & 1);
    s->canvas.centre = true;
    bool *keep = NULL;
    if (!v->whole) {
        keep = x_calloc((size_t)graph_n_slots(s->g) + 1, sizeof *keep);
        /* What a removed node stood between is drawn on the side that has only the others. */
        const struct side *other = &v->side[s == &v->side[0]];
        for (int i = 0; i < s->n_mark; i++)
            keep[i] = s->mark[i] != 0;
        if (v->diff.n_added == 0 || v->diff.n_removed == 0)
            for (int i = 0; i < other->n_mark; i++)
                if (other->mark[i] && graph_node(other->g, i))
                    for (int k = 0; k < graph_node(other->g, i)->n_in; k++) {
                        int32_t from = graph_node(other->g, i)->in[k].node;
                        if (from >= 0 && from < s->n_mark && graph_node(s->g, from))
                            keep[from] = true;
                    }
        around_grow(s->g, keep, HOPS);
    }
    session_request_layout(session, s->slot, s->g, keep, s->key);
    free(keep);
}

static void mark(struct side *s, const int32_t *ids, int n, char c)
{
    for (int i = 0; i < n; i++)
        if (ids[i] >= 0 && ids[i] < s->n_mark)
            s->mark[ids[i]] = c;
}

static enum status compare_open(struct ui *ui, void *self, struct err *err)
{
    struct compare *v = self;
    const struct ui_pair *p = ui_pair(ui);
    if (!p->a || !p->b)
        return err_set(err, ST_USAGE, "there is nothing to compare");
    v->ui = ui;
    v->found = -1;
    graph_diff_init(&v->diff, p->a, p->b, true);
    for (int i = 0; i < 2; i++) {
        struct side *s = &v->side[i];
        s->owner = v;
        s->g = graph_ref(i ? p->b : p->a);
        s->title = i ? p->b_title : p->a_title;
        s->n_mark = graph_n_slots(s->g);
        s->mark = x_calloc((size_t)s->n_mark + 1, 1);
        s->slot = i ? SESSION_LAYOUT_AFTER : SESSION_LAYOUT_BEFORE;
        cost_graph(s->g, &s->cost);
    }
    const struct graph_diff *d = &v->diff;
    mark(&v->side[0], d->removed, d->n_removed, '-');
    mark(&v->side[0], d->changed_a, d->n_changed, '~');
    mark(&v->side[1], d->added, d->n_added, '+');
    mark(&v->side[1], d->changed_b, d->n_changed, '~');
    v->equal = graph_hash(p->a) == graph_hash(p->b);
    v->differ = d->n_added || d->n_removed || d->n_changed;
    v->whole = !v->differ || (graph_n_nodes(p->a) <= SMALL && graph_n_nodes(p->b) <= SMALL);
    request(v, &v->side[0]);
    request(v, &v->side[1]);
    return ST_OK;
}

/* ---- drawing ---- */

/* How much a node moves the estimate, 0 to 9 of the most that one does on either side. */
static int weight_of(const struct side *s, int32_t id, bool *raises)
{
    const struct compare *v = s->owner;
    const struct session_reasons *r = v->why ? session_reasons(ui_session(v->ui)) : NULL;
    int k = s == &v->side[1];
    if (!r || id < 0 || id >= r->n[k] || v->most <= 0)
        return 0;
    *raises = r->weight[k][id] > 0;
    return (int)(9 * fabs((double)r->weight[k][id]) / v->most + 0.5);
}

static void find_most(struct compare *v)
{
    const struct session_reasons *r = v->why ? session_reasons(ui_session(v->ui)) : NULL;
    v->most = 0;
    for (int i = 0; r && i < 2; i++)
        for (int n = 0; n < r->n[i]; n++)
            v->most = fmax(v->most, fabs((double)r->weight[i][n]));
}

static char mark_of(const struct side *s, int32_t id)
{
    return id >= 0 && id < s->n_mark ? s->mark[id] : 0;
}

static int box_style(void *ctx, int32_t id)
{
    const struct side *s = ctx;
    bool raises;
    if (id == s->owner->found)
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
    const struct side *s = ctx;
    bool raises;
    int weight = s->owner->why ? weight_of(s, id, &raises) : 0;
    if (weight)
        return (char)('0' + weight);
    return mark_of(ctx, id);
}

static bool box_member(void *ctx, int32_t id)
{
    const struct side *s = ctx;
    return s->owner->found >= 0 ? id == s->owner->found : mark_of(s, id) != 0;
}

static void draw_side(struct side *s, struct rect r)
{
    uint64_t have = 0;
    const char *why = NULL;
    screen_put(r.y, r.x, r.w, STYLE_HEAD, s->title);
    struct rect body = {r.y + 1, r.x, r.h - 1, r.w};
    const struct dot_layout *l = session_layout(ui_session(s->owner->ui), s->slot, &have, &why);
    if (have == s->key && l) {
        struct canvas_look look = {box_style, box_mark, box_member, s};
        canvas_draw(&s->canvas, body, l, &look);
    } else if (have == s->key && why)
        screen_putf(body.y, body.x, body.w, STYLE_WARN, "cannot draw: %s (z: the other extent)",
                    why);
    else
        screen_put(body.y, body.x, body.w, STYLE_DIM, "drawing ...");
}

static void metric(struct rect r, int row, const char *name, int64_t before, int64_t after)
{
    char a[32], b[32], d[32], p[32];
    int y = r.y + row, name_w = r.w >= 76 ? 24 : 17, w = r.w >= 76 ? 12 : 9;
    int style = after < before ? STYLE_GOOD : after > before ? STYLE_BAD : STYLE_DIM;
    screen_put(y, r.x + 1, name_w, STYLE_TEXT, name);
    int x = r.x + 1 + name_w;
    screen_put_right(y, x, w, STYLE_TEXT, str_si((double)before, a, sizeof a));
    screen_put_right(y, x + w, w, STYLE_TEXT, str_si((double)after, b, sizeof b));
    screen_put_right(y, x + 2 * w, w, style, text_delta((double)(after - before), d, sizeof d));
    screen_put_right(y, x + 3 * w, w, style,
                     text_percent((double)(after - before), (double)before, p, sizeof p));
}

static void draw_metrics(struct compare *v, struct rect r)
{
    const struct cost *a = &v->side[0].cost, *b = &v->side[1].cost;
    int name_w = r.w >= 76 ? 24 : 17, w = r.w >= 76 ? 12 : 9, x = r.x + 1 + name_w;
    static const char *const heads[] = {"before", "after", "change", ""};
    screen_hline(r.y, r.x, r.w, STYLE_EDGE);
    for (int i = 0; i < 3; i++)
        screen_put_right(r.y + 1, x + i * w, w, STYLE_HEAD, heads[i]);
    metric(r, 2, "parameters", a->params, b->params);
    metric(r, 3, "MACs", a->macs, b->macs);
    metric(r, 4, "FLOPs (2 x MACs)", a->flops, b->flops);
    metric(r, 5, "FLOPs (paper)", a->flops_paper, b->flops_paper);
    metric(r, 6, "activations, bytes", a->peak_activation_bytes, b->peak_activation_bytes);
}

static void draw_legend(const struct compare *v, int y, int x, int w)
{
    char line[80];
    const struct graph_diff *d = &v->diff;
    int end = x + w;
    if (v->why) {
        x += screen_add(y, x, end - x, STYLE_GOOD, "1-9 raises") + 2;
        x += screen_add(y, x, end - x, STYLE_BAD, "1-9 lowers the estimate") + 2;
        screen_add(y, x, end - x, STYLE_DIM,
                   session_reasons(ui_session(v->ui)) ? "9: the most that a layer does"
                                                      : "asking the predictor ...");
        return;
    }
    snprintf(line, sizeof line, "- %d removed", d->n_removed);
    x += screen_add(y, x, end - x, STYLE_BAD, line) + 2;
    snprintf(line, sizeof line, "+ %d added", d->n_added);
    x += screen_add(y, x, end - x, STYLE_GOOD, line) + 2;
    snprintf(line, sizeof line, "~ %d resized", d->n_changed);
    x += screen_add(y, x, end - x, STYLE_WARN, line) + 2;
    if (v->equal)
        x += screen_add(y, x, end - x, STYLE_DIM, "= the same network") + 2;
    if (v->side[0].cost.incomplete || v->side[1].cost.incomplete)
        screen_add(y, x, end - x, STYLE_DIM, "unknown operators cost nothing here");
}

static void compare_draw(struct ui *ui, void *self, struct rect r)
{
    struct compare *v = self;
    (void)ui;
    find_most(v);
    int low = r.h >= METRICS + 8 ? METRICS : 0;
    struct rect top = {r.y + 1, r.x, r.h - 1 - low, r.w};
    draw_legend(v, r.y, r.x + 1, r.w - 1);
    if (v->only)
        draw_side(&v->side[v->only - 1], top);
    else {
        int half = r.w / 2;
        draw_side(&v->side[0], (struct rect){top.y, top.x, top.h, half});
        screen_vline(top.y, top.x + half, top.h, STYLE_EDGE);
        draw_side(&v->side[1], (struct rect){top.y, top.x + half + 1, top.h, r.w - half - 1});
    }
    if (low)
        draw_metrics(v, (struct rect){r.y + r.h - low, r.x, low, r.w});
}

/* ---- search ---- */

static bool matches(const struct compare *v, const struct node *n)
{
    return text_has(node_label(n), v->find) || text_has(node_op_type(n), v->find);
}

/* The next match of either side after the one at hand, in the order of `after`, then `before`. */
static void find(struct compare *v, int dir)
{
    int na = graph_n_nodes(v->side[0].g), nb = graph_n_nodes(v->side[1].g), total = na + nb;
    int from = -1;
    if (!v->find[0])
        return;
    for (int i = 0; i < total && v->found >= 0 && from < 0; i++) {
        const struct graph *g = v->side[i < nb].g;
        if (graph_topo(g)[i < nb ? i : i - nb] == v->found)
            from = i;
    }
    for (int k = 1; k <= total; k++) {
        int i = ((from + dir * k) % total + total) % total;
        const struct graph *g = v->side[i < nb].g;
        int32_t id = graph_topo(g)[i < nb ? i : i - nb];
        /* Nodes that both sides have are met once. */
        if (i >= nb && id < graph_n_slots(v->side[1].g) && graph_node(v->side[1].g, id))
            continue;
        if (matches(v, graph_node(g, id))) {
            v->found = id;
            v->side[0].canvas.centre = v->side[1].canvas.centre = true;
            ui_say(v->ui, "%s (%s)", node_label(graph_node(g, id)),
                   node_op_type(graph_node(g, id)));
            return;
        }
    }
    v->found = -1;
    ui_say(v->ui, "no node matches '%s'", v->find);
}

static void compare_filter(struct ui *ui, void *self, const char *text)
{
    struct compare *v = self;
    (void)ui;
    snprintf(v->find, sizeof v->find, "%s", text);
    v->found = -1;
    find(v, 1);
}

/* ---- actions ---- */

static bool export_picture(struct compare *v, const char *arg)
{
    struct err err = {0};
    static const char *const pictures[] = {".svg", ".png", ".pdf", ".dot"};
    for (size_t i = 0; i < 4; i++)
        if (str_ends(arg, pictures[i])) {
            if (session_export_diff(v->side[0].g, v->side[1].g, true, arg, &err) != ST_OK)
                ui_fail(v->ui, &err);
            else
                ui_say(v->ui, "%s: before and after written", arg);
            return true;
        }
    return false;
}

static bool reject(struct compare *v)
{
    struct ui *ui = v->ui;
    struct err err = {0};
    const struct session_candidate *c = session_previewed(ui_session(ui));
    char id[24];
    if (!ui_pair(ui)->candidate || !c)
        return false;
    snprintf(id, sizeof id, "%s", c->id);
    if (session_reject(ui_session(ui), id, &err) != ST_OK)
        ui_fail(ui, &err);
    else {
        ui_did(ui, "reject %s", id);
        ui_pop_to(ui, VIEW_CANDIDATES);
        ui_say(ui, "%s is hidden in this session", id);
    }
    return true;
}

static void why(struct compare *v)
{
    struct err err = {0};
    if (!v->why && !ui_pair(v->ui)->candidate)
        ui_say(v->ui, "these are versions of the history; estimates are of a candidate");
    else if (!v->why && session_why(ui_session(v->ui), &err) != ST_OK)
        ui_fail(v->ui, &err);
    else {
        v->why = !v->why;
        if (v->why)
            ui_did(v->ui, "why");
    }
}

static bool compare_action(struct ui *ui, void *self, enum action a, const char *arg)
{
    struct compare *v = self;
    switch (a) {
    case ACTION_ENTER:
        ui_say(ui, ui_pair(ui)->candidate ? "a applies it, Esc goes back" : "Esc goes back");
        return true;
    case ACTION_APPLY:
        if (ui_pair(ui)->candidate)
            ui_apply(ui);
        else
            ui_say(ui, "these are versions of the history; there is nothing to apply");
        return true;
    case ACTION_REJECT:
        return reject(v);
    case ACTION_WHY:
        why(v);
        return true;
    case ACTION_TOGGLE:
        v->only = (v->only + 1) % 3;
        v->side[0].canvas.centre = v->side[1].canvas.centre = true;
        return true;
    case ACTION_WHOLE:
        v->whole = !v->whole;
        request(v, &v->side[0]);
        request(v, &v->side[1]);
        return true;
    case ACTION_NEXT:
    case ACTION_PREVIOUS:
        if (v->find[0])
            find(v, a == ACTION_NEXT ? 1 : -1);
        else
            ui_say(ui, "nothing is searched for; / does");
        return true;
    case ACTION_EXPORT:
        return export_picture(v, arg);
    default:
        if (!canvas_action(&v->side[0].canvas, (int)a))
            return false;
        canvas_action(&v->side[1].canvas, (int)a);
        return true;
    }
}

static void compare_close(struct ui *ui, void *self)
{
    struct compare *v = self;
    (void)ui;
    for (int i = 0; i < 2; i++) {
        graph_unref(v->side[i].g);
        free(v->side[i].mark);
    }
    graph_diff_done(&v->diff);
}

const struct view_ops view_compare = {
    .size = sizeof(struct compare),
    .open = compare_open,
    .draw = compare_draw,
    .action = compare_action,
    .filter = compare_filter,
    .close = compare_close,
};
