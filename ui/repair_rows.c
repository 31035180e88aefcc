#include "ui/repair_rows.h"

#include "session/describe.h"
#include "ui/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COL_MARK, COL_NODE, COL_OP, COL_CHANNELS, COL_STRIDE, COL_SHAPE, COL_PIN, COL_COUNT };

const struct list_column repair_columns[] = {
    [COL_MARK] = {"*", 1},
    [COL_NODE] = {"node", 14, .flex = true},
    [COL_OP] = {"operator", 15},
    [COL_CHANNELS] = {"channels", 11},
    [COL_STRIDE] = {"stride", 6},
    [COL_SHAPE] = {"shape", 15, .flex = true},
    [COL_PIN] = {"pin", 6, .right = true},
};
const int repair_n_columns = COL_COUNT;

/* ---- nodes ---- */

static const struct ttype *out_type(const struct graph *g, int32_t id)
{
    const struct node *n = g ? graph_node(g, id) : NULL;
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
    const struct node *n = g ? graph_node(g, id) : NULL;
    if (!n || !node_window(n, &w))
        return false;
    s[0] = w.stride[0];
    s[1] = w.stride[1];
    return true;
}

static bool width_differs(const struct graph *x, const struct graph *y, int32_t id)
{
    return x && y && graph_node(x, id) && graph_node(y, id) && channels(x, id) != channels(y, id);
}

static bool stride_differs(const struct graph *x, const struct graph *y, int32_t id)
{
    int64_t a[2], b[2];
    return strides(x, id, a) && strides(y, id, b) && (a[0] != b[0] || a[1] != b[1]);
}

const struct node *repair_node(const struct repair_rows *r, int32_t id)
{
    const struct node *n = r->before ? graph_node(r->before, id) : NULL;
    return n || !r->after ? n : graph_node(r->after, id);
}

int64_t repair_width(const struct repair_rows *r, int32_t id)
{
    int64_t n = channels(r->after, id);
    return n ? n : channels(r->before, id);
}

int64_t repair_pin(const struct repair_rows *r, int32_t id)
{
    int n;
    const struct mend_pin *p = session_pins(r->session, &n);
    for (int i = 0; i < n; i++)
        if (p[i].node == id)
            return p[i].channels;
    return 0;
}

const struct adapter *repair_adapter(const struct repair_rows *r, int32_t id)
{
    for (size_t i = 0; i < r->adapter.n; i++)
        if (r->adapter.at[i].node == id)
            return &r->adapter.at[i];
    return NULL;
}

static bool moved(const struct repair_rows *r, int32_t id)
{
    return width_differs(r->base, r->after, id) || stride_differs(r->base, r->after, id);
}

static bool in_conflict(const struct repair_rows *r, int32_t id)
{
    const struct session_candidate *c = session_previewed(r->session);
    if (!c || c->accepted || !c->conflict)
        return false;
    for (int i = 0; i < c->conflict->n; i++)
        if (c->conflict->part[i].node == id)
            return true;
    return false;
}

char repair_mark(const struct repair_rows *r, int32_t id)
{
    return in_conflict(r, id) ? '!' : moved(r, id) ? '*' : repair_adapter(r, id) ? '+' : 0;
}

bool repair_node_changed(const struct repair_rows *r, int32_t id)
{
    return width_differs(r->before, r->after, id) || stride_differs(r->before, r->after, id);
}

/* ---- the table ---- */

static int rows(void *ctx)
{
    const struct repair_rows *r = ctx;
    return r->n_row;
}

static void stride_text(const int64_t s[2], char *buf, size_t size)
{
    if (s[0] == s[1])
        snprintf(buf, size, "%lld", (long long)s[0]);
    else
        snprintf(buf, size, "%lldx%lld", (long long)s[0], (long long)s[1]);
}

static void stride_cell(const struct repair_rows *r, int32_t id, char *buf, size_t size)
{
    int64_t s[2];
    char x[24] = "", y[24] = "";
    if (strides(r->before, id, s))
        stride_text(s, x, sizeof x);
    if (strides(r->after, id, s))
        stride_text(s, y, sizeof y);
    if (x[0] && y[0] && strcmp(x, y) != 0)
        snprintf(buf, size, "%s %s %s", x, theme_glyph(GLYPH_TO), y);
    else
        snprintf(buf, size, "%s", x[0] ? x : y);
}

static void channels_cell(const struct repair_rows *r, int32_t id, char *buf, size_t size)
{
    int64_t was = channels(r->before, id), now = channels(r->after, id);
    if (was && now && was != now)
        snprintf(buf, size, "%lld %s %lld", (long long)was, theme_glyph(GLYPH_TO), (long long)now);
    else if (was || now)
        snprintf(buf, size, "%lld", (long long)(now ? now : was));
}

static void op_cell(const struct node *n, char *buf, size_t size)
{
    struct window w;
    if (node_window(n, &w))
        snprintf(buf, size, "%s%s %lldx%lld", node_is_depthwise(n) ? "dw" : "", node_op_type(n),
                 (long long)w.kernel[0], (long long)w.kernel[1]);
    else
        describe_ops(buf, size, node_op_type(n));
}

static void node_cell(const struct repair_rows *r, int32_t id, char *buf, size_t size)
{
    const struct adapter *a = repair_adapter(r, id);
    if (a)
        snprintf(buf, size, "adapter %s %d", a->at_input ? "input" : "output", a->port + 1);
    else
        snprintf(buf, size, "%s", node_label(repair_node(r, id)));
}

static void cell(void *ctx, int row, int col, char *buf, size_t size)
{
    const struct repair_rows *r = ctx;
    int32_t id = r->row[row];
    const struct ttype *t;
    switch (col) {
    case COL_MARK:
        snprintf(buf, size, "%.1s", (char[]){repair_mark(r, id), 0});
        break;
    case COL_NODE:
        node_cell(r, id, buf, size);
        break;
    case COL_OP:
        op_cell(repair_node(r, id), buf, size);
        break;
    case COL_CHANNELS:
        channels_cell(r, id, buf, size);
        break;
    case COL_STRIDE:
        stride_cell(r, id, buf, size);
        break;
    case COL_SHAPE:
        t = out_type(r->after, id);
        if (!t)
            t = out_type(r->before, id);
        if (t)
            ttype_text(t, buf, size);
        break;
    default:
        if (id == r->edited)
            snprintf(buf, size, "%s_", r->typed);
        else if (repair_pin(r, id))
            snprintf(buf, size, "%lld", (long long)repair_pin(r, id));
    }
}

static bool number(void *ctx, int row, int col, double *out)
{
    const struct repair_rows *r = ctx;
    int32_t id = r->row[row];
    if (col == COL_CHANNELS)
        *out = (double)repair_width(r, id);
    else if (col == COL_PIN)
        *out = (double)repair_pin(r, id);
    else
        return false;
    return *out > 0;
}

static int style(void *ctx, int row, int col)
{
    const struct repair_rows *r = ctx;
    int32_t id = r->row[row];
    const struct node *n = repair_node(r, id);
    if (in_conflict(r, id) && (col == COL_MARK || col == COL_NODE))
        return STYLE_BAD;
    if (col == COL_PIN)
        return STYLE_BOLD;
    if (col == COL_MARK || (col == COL_CHANNELS && width_differs(r->base, r->after, id)) ||
        (col == COL_STRIDE && stride_differs(r->base, r->after, id)))
        return STYLE_MOVED;
    if (repair_adapter(r, id))
        return STYLE_WARN;
    if (n->op == OP_INPUT || n->op == OP_OUTPUT)
        return STYLE_DIM;
    if ((col == COL_CHANNELS && width_differs(r->before, r->after, id)) ||
        (col == COL_STRIDE && stride_differs(r->before, r->after, id)))
        return STYLE_WARN;
    return col == COL_SHAPE ? STYLE_DIM : STYLE_TEXT;
}

static uint64_t row_id(void *ctx, int row)
{
    const struct repair_rows *r = ctx;
    return (uint64_t)r->row[row] + 1;
}

const struct list_source repair_source = {rows, cell, number, style, row_id};

/* ---- following the session ---- */

void repair_rows_init(struct repair_rows *r, struct session *s)
{
    memset(r, 0, sizeof *r);
    r->session = s;
    r->edited = -1;
}

static void forget_graph(struct graph **g)
{
    graph_unref(*g);
    *g = NULL;
}

void repair_rows_done(struct repair_rows *r)
{
    forget_graph(&r->before);
    forget_graph(&r->after);
    forget_graph(&r->base);
    vec_done(&r->adapter);
    free(r->row);
    r->row = NULL;
    r->n_row = 0;
}

/* Adapters by their nodes in the repaired fragment instead of those in the child. */
static void take_adapters(struct repair_rows *r, const struct candidate *c)
{
    r->adapter.n = 0;
    for (int i = 0; i < c->n_adapter; i++)
        for (int k = 0; k < c->n_added; k++)
            if (c->added[k] == c->adapter[i].node) {
                struct adapter a = c->adapter[i];
                a.node = c->from[k];
                vec_push(&r->adapter, a);
            }
}

static void list_rows(struct repair_rows *r)
{
    const struct graph *g = r->after ? r->after : r->before;
    free(r->row);
    r->n_row = graph_n_nodes(g);
    r->row = x_memdup(graph_topo(g), (size_t)r->n_row * sizeof *r->row);
}

void repair_rows_rebase(struct repair_rows *r)
{
    graph_unref(r->base);
    r->base = r->after ? graph_ref(r->after) : NULL;
}

bool repair_rows_take(struct repair_rows *r, bool keep_base)
{
    const struct session_candidate *c = session_previewed(r->session);
    bool fresh = false;
    if (!c || !c->fragment) {
        repair_rows_done(r);
        return false;
    }
    if (c->fragment != r->before) {
        repair_rows_done(r);
        r->edited = -1;
        r->before = graph_ref(c->fragment);
        list_rows(r);
        fresh = true;
    }
    if (c->result && c->result->graph && c->result->plan.fragment != r->after) {
        if (!keep_base)
            repair_rows_rebase(r);
        graph_unref(r->after);
        r->after = graph_ref(c->result->plan.fragment);
        take_adapters(r, c->result);
        list_rows(r);
        fresh = true;
    }
    return fresh;
}
