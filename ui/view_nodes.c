/* The nodes of the network: what each is, its shapes and what it costs; changed by hand from here.
 */
#include "session/describe.h"
#include "ui/view.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct nodes {
    struct ui *ui;
    struct list list;
    const struct graph *g; /* the session's; borrowed until it says that it is another one */
    double all_flops;
};

enum { COL_NAME, COL_OP, COL_SEGMENT, COL_IN, COL_OUT, COL_FLOPS, COL_SHARE, COL_PARAMS, COL_TIME };

static const struct list_column columns[] = {
    [COL_NAME] = {"node", 20, .flex = true},
    [COL_OP] = {"operator", 18},
    [COL_SEGMENT] = {"seg", 4, .right = true, .prio = 3},
    [COL_IN] = {"in", 16, .prio = 2},
    [COL_OUT] = {"out", 16},
    [COL_FLOPS] = {"FLOPs", 8, .right = true},
    [COL_SHARE] = {"%", 5, .right = true, .prio = 4},
    [COL_PARAMS] = {"params", 8, .right = true, .prio = 1},
    [COL_TIME] = {"ms", 7, .right = true, .prio = 5},
};

static int32_t id_of(const struct nodes *v, int row)
{
    return graph_topo(v->g)[row];
}

static int rows(void *ctx)
{
    const struct nodes *v = ctx;
    return v->g ? graph_n_nodes(v->g) : 0;
}

static void shape(const struct ttype *t, char *buf, size_t size)
{
    if (t)
        ttype_text(t, buf, size);
    else
        snprintf(buf, size, "-");
}

static bool number(void *ctx, int row, int col, double *out)
{
    const struct nodes *v = ctx;
    int32_t id = id_of(v, row);
    const int *of = session_segment_of(ui_session(v->ui));
    const char *why;
    const double *ms = col == COL_TIME ? session_times(ui_session(v->ui), &why) : NULL;
    struct cost c;
    if (col == COL_SEGMENT)
        return of ? (*out = of[id], true) : false;
    if (col == COL_TIME)
        return ms ? (*out = ms[id], true) : false;
    if (col < COL_FLOPS)
        return false;
    cost_node(v->g, id, &c);
    *out = col == COL_PARAMS ? (double)c.params : (double)c.flops;
    if (col == COL_SHARE)
        *out = v->all_flops > 0 ? 100 * *out / v->all_flops : 0;
    return true;
}

static void cell(void *ctx, int row, int col, char *buf, size_t size)
{
    const struct nodes *v = ctx;
    const struct node *n = graph_node(v->g, id_of(v, row));
    double value;
    if (col == COL_NAME)
        snprintf(buf, size, "%s", node_label(n));
    else if (col == COL_OP)
        describe_operator(n, buf, size);
    else if (col == COL_IN)
        shape(n->n_in ? graph_input_type(v->g, n, 0) : NULL, buf, size);
    else if (col == COL_OUT)
        shape(n->n_out ? &n->out[0].type : NULL, buf, size);
    else if (!number(ctx, row, col, &value))
        snprintf(buf, size, "%s", col == COL_TIME ? "" : "-");
    else if (col == COL_SEGMENT)
        snprintf(buf, size, "%d", (int)value);
    else if (col == COL_SHARE)
        snprintf(buf, size, "%.1f", value);
    else if (col == COL_TIME)
        snprintf(buf, size, "%.3f", value);
    else
        str_si(value, buf, size);
}

static int style(void *ctx, int row, int col)
{
    const struct nodes *v = ctx;
    const int *of = session_segment_of(ui_session(v->ui));
    int segment = of ? of[id_of(v, row)] : -1;
    return (col == COL_NAME || col == COL_SEGMENT) && segment >= 0 ? theme_segment(segment)
                                                                   : STYLE_TEXT;
}

static uint64_t row_id(void *ctx, int row)
{
    const struct nodes *v = ctx;
    return (uint64_t)id_of(v, row);
}

static const struct list_source source = {rows, cell, number, style, row_id};

/* ---- the view ---- */

static void refresh(struct nodes *v)
{
    struct session *s = ui_session(v->ui);
    v->g = session_is_open(s) ? session_graph(s) : NULL;
    v->all_flops = v->g ? (double)session_version(s, session_cursor(s))->cost.flops : 0;
    list_refresh(&v->list);
}

static enum status nodes_open(struct ui *ui, void *self, struct err *err)
{
    struct nodes *v = self;
    v->ui = ui;
    if (!session_is_open(ui_session(ui)))
        return err_set(err, ST_USAGE, "no model is open");
    list_init(&v->list, columns, sizeof columns / sizeof *columns, &source, v);
    v->list.empty = "no node is like that";
    refresh(v);
    return ST_OK;
}

static void nodes_draw(struct ui *ui, void *self, struct rect r)
{
    struct nodes *v = self;
    (void)ui;
    list_draw(&v->list, r);
}

static void prompt(struct nodes *v, const char *change)
{
    int row = list_row(&v->list);
    if (row >= 0)
        ui_prompt_edit(v->ui, graph_node(v->g, id_of(v, row)), change);
}

static bool nodes_action(struct ui *ui, void *self, enum action a, const char *arg)
{
    struct nodes *v = self;
    (void)arg;
    switch (a) {
    case ACTION_GRAPH:
        *ui_place(ui) =
            (struct ui_place){-1, list_row(&v->list) < 0 ? -1 : id_of(v, list_row(&v->list))};
        ui_push(ui, VIEW_GRAPH);
        return true;
    case ACTION_ENTER:
    case ACTION_NODE_EDIT:
        prompt(v, "");
        return true;
    case ACTION_NODE_DELETE:
        prompt(v, "delete");
        return true;
    default:
        return false;
    }
}

static void nodes_changed(struct ui *ui, void *self, unsigned what)
{
    (void)ui;
    if (what & (UI_EDITED | SESSION_CHANGED_VERSION | SESSION_CHANGED_TIMES))
        refresh(self);
}

static void nodes_close(struct ui *ui, void *self)
{
    struct nodes *v = self;
    (void)ui;
    list_done(&v->list);
}

static struct list *nodes_list(void *self)
{
    struct nodes *v = self;
    return &v->list;
}

const struct view_ops view_nodes = {
    .size = sizeof(struct nodes),
    .open = nodes_open,
    .draw = nodes_draw,
    .action = nodes_action,
    .changed = nodes_changed,
    .close = nodes_close,
    .list = nodes_list,
};
