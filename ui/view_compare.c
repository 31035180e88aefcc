/* Two versions, or before and after a candidate: both drawn from Graphviz coordinates with the same
 * nodes at the same height, the nodes that differ marked and listed, and what both cost. */
#include "ui/compare_draw.h"

#include "base/mem.h"
#include "ui/around.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOPS = 2, SMALL = 60 };

/* What differs and what is around it, the same nodes on both sides. */
static void surroundings(const struct comparison *c, bool *keep[2])
{
    for (int k = 0; k < 2; k++) {
        keep[k] = x_calloc((size_t)graph_n_slots(c->g[k]) + 1, sizeof **keep);
        for (int i = 0; i < graph_n_slots(c->g[k]); i++)
            keep[k][i] = c->mark[k][i] != DOT_PLAIN;
        around_grow(c->g[k], keep[k], HOPS);
    }
    for (int i = 0; i < graph_n_slots(c->g[0]); i++) {
        int32_t to = c->diff.to_b[i];
        if (to >= 0)
            keep[0][i] = keep[1][to] = keep[0][i] || keep[1][to];
    }
}

static void request(struct compare *v)
{
    bool *keep[2] = {NULL, NULL};
    const struct graph *const g[2] = {v->c.g[0], v->c.g[1]};
    v->key = (graph_hash(g[0]) * 31 + graph_hash(g[1])) * 2 + v->whole;
    v->aim = true;
    if (!v->whole)
        surroundings(&v->c, keep);
    session_request_layouts(ui_session(v->ui), g, v->c.diff.to_b, keep, v->key);
    free(keep[0]);
    free(keep[1]);
}

static void number_rows(struct compare *v)
{
    for (int k = 0; k < 2; k++) {
        int n = graph_n_slots(v->c.g[k]);
        v->row_of[k] = x_malloc(((size_t)n + 1) * sizeof *v->row_of[k]);
        for (int i = 0; i < n; i++)
            v->row_of[k][i] = -1;
        for (int i = 0; i < v->c.n_row; i++)
            if (v->c.row[i].id[k] >= 0)
                v->row_of[k][v->c.row[i].id[k]] = i;
    }
}

static enum status compare_open(struct ui *ui, void *self, struct err *err)
{
    struct compare *v = self;
    const struct ui_pair *p = ui_pair(ui);
    if (!p->a || !p->b)
        return err_set(err, ST_USAGE, "there is nothing to compare");
    v->ui = ui;
    comparison_init(&v->c, p->a, p->b, p->n_same);
    for (int k = 0; k < 2; k++)
        v->side[k] = (struct compare_side){v, k, k ? p->b_title : p->a_title, .found = -1};
    number_rows(v);
    compare_list_init(v);
    v->whole = v->c.n_row == 0 || (graph_n_nodes(p->a) <= SMALL && graph_n_nodes(p->b) <= SMALL);
    request(v);
    session_compare(ui_session(ui), &v->c);
    return ST_OK;
}

static void compare_draw(struct ui *ui, void *self, struct rect r)
{
    (void)ui;
    compare_draw_all(self, r);
}

/* ---- search ---- */

static bool matches(const struct compare *v, const struct graph_pair *p)
{
    for (int k = 0; k < 2; k++) {
        int32_t id = k ? p->b : p->a;
        const struct node *n = id >= 0 ? graph_node(v->c.g[k], id) : NULL;
        if (n && (text_has(node_label(n), v->find) || text_has(node_op_type(n), v->find)))
            return true;
    }
    return false;
}

static void stand_on(struct compare *v, int32_t a, int32_t b)
{
    v->side[0].found = a;
    v->side[1].found = b;
    v->aim = true;
    if (a < 0 && b < 0)
        return;
    int k = b >= 0, row = v->row_of[k][k ? b : a];
    if (row >= 0)
        list_go(&v->list, row);
    const struct node *n = graph_node(v->c.g[k], k ? b : a);
    ui_say(v->ui, "%s (%s)", node_label(n), node_op_type(n));
}

/* The next match after the one at hand, around, in the order of both. */
static void find(struct compare *v, int dir)
{
    int n, from = -1, at = -1;
    if (!v->find[0])
        return;
    struct graph_pair *pair = graph_merge(v->c.g[0], v->c.g[1], v->c.diff.to_b, &n);
    for (int i = 0; i < n; i++)
        if (pair[i].a == v->side[0].found && pair[i].b == v->side[1].found)
            from = i;
    for (int k = 1; k <= n && at < 0; k++) {
        int i = ((from + dir * k) % n + n) % n;
        if (matches(v, &pair[i]))
            at = i;
    }
    if (at >= 0)
        stand_on(v, pair[at].a, pair[at].b);
    else {
        stand_on(v, -1, -1);
        ui_say(v->ui, "no node matches '%s'", v->find);
    }
    free(pair);
}

static void compare_filter(struct ui *ui, void *self, const char *text)
{
    struct compare *v = self;
    (void)ui;
    snprintf(v->find, sizeof v->find, "%s", text);
    v->side[0].found = v->side[1].found = -1;
    find(v, 1);
}

/* The next node that differs. */
static void step(struct compare *v, int dir)
{
    int n = v->c.n_row, row = list_row(&v->list);
    if (n == 0)
        return;
    bool on = v->side[0].found >= 0 || v->side[1].found >= 0;
    row = on ? (row + dir + n) % n : row;
    list_go(&v->list, row);
    stand_on(v, v->c.row[row].id[0], v->c.row[row].id[1]);
}

/* ---- actions ---- */

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

static void enter(struct compare *v)
{
    if (v->show == COMPARE_LIST) {
        v->show = COMPARE_BOTH;
        v->aim = true;
    } else
        ui_say(v->ui, ui_pair(v->ui)->candidate ? "a applies it, Esc goes back" : "Esc goes back");
}

/* In the drawings; the list has its own. */
static bool pan(struct compare *v, enum action a)
{
    if (v->show == COMPARE_LIST || !canvas_action(&v->side[0].canvas, (int)a))
        return false;
    canvas_action(&v->side[1].canvas, (int)a);
    v->panned = true;
    return true;
}

static bool compare_action(struct ui *ui, void *self, enum action a, const char *arg)
{
    struct compare *v = self;
    switch (a) {
    case ACTION_ENTER:
        enter(v);
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
        v->show = (v->show + 1) % COMPARE_SHOWS;
        v->aim = v->side[0].found >= 0 || v->side[1].found >= 0;
        return true;
    case ACTION_WHOLE:
        v->whole = !v->whole;
        request(v);
        return true;
    case ACTION_NEXT:
    case ACTION_PREVIOUS:
        if (v->find[0])
            find(v, a == ACTION_NEXT ? 1 : -1);
        else
            step(v, a == ACTION_NEXT ? 1 : -1);
        return true;
    case ACTION_EXPORT:
        if (!*arg || session_compare_check(arg, NULL) != ST_OK)
            return false;
        ui_save_comparison(ui, arg);
        return true;
    default:
        return pan(v, a);
    }
}

static void compare_close(struct ui *ui, void *self)
{
    struct compare *v = self;
    (void)ui;
    list_done(&v->list);
    free(v->row_of[0]);
    free(v->row_of[1]);
    comparison_done(&v->c);
}

static struct list *compare_list(void *self)
{
    struct compare *v = self;
    return v->show == COMPARE_LIST ? &v->list : NULL;
}

const struct view_ops view_compare = {
    .size = sizeof(struct compare),
    .open = compare_open,
    .draw = compare_draw,
    .action = compare_action,
    .filter = compare_filter,
    .close = compare_close,
    .list = compare_list,
};
