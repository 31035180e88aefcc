/* DOT text of one graph and of two compared. Everything that comes from a file is escaped: a node
 * name may hold quotes, backslashes, control characters and bytes that are not UTF-8. */
#include "dot/dot_priv.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Pastel fills that black text stays readable on. */
static const char *const palette[] = {
    "#cfe2f3", "#d9ead3", "#fff2cc", "#f4cccc", "#d9d2e9", "#fce5cd",
    "#d0e0e3", "#ead1dc", "#e2efda", "#ddebf7", "#ededed", "#e6d5b8",
};
#define N_PALETTE ((int)(sizeof palette / sizeof palette[0]))

static const char *mark_fill(enum dot_mark m)
{
    switch (m) {
    case DOT_ADDED:
        return "#a6e3a1";
    case DOT_REMOVED:
        return "#f5a3a3";
    case DOT_CHANGED:
        return "#ffd27f";
    case DOT_SELECTED:
        return "#8ec7ff";
    case DOT_PLAIN:
        break;
    }
    return NULL;
}

const char *dot_op_label(const struct node *n, char *buf, size_t size)
{
    struct window w;
    int len;
    if (node_window(n, &w)) {
        const char *dw = node_is_depthwise(n) ? "DW" : "";
        len = snprintf(buf, size, "%s%s %lldx%lld", dw, node_op_type(n), (long long)w.kernel[0],
                       (long long)w.kernel[1]);
        if (len > 0 && (size_t)len < size && (w.stride[0] > 1 || w.stride[1] > 1)) {
            long long s = (long long)(w.stride[0] > w.stride[1] ? w.stride[0] : w.stride[1]);
            snprintf(buf + len, size - (size_t)len, "/%lld", s);
        }
    } else {
        snprintf(buf, size, "%s", node_op_type(n));
    }
    for (char *c = buf; *c; c++)
        if (*c < 0x20 || *c > 0x7e)
            *c = '?';
    return buf;
}

const struct ttype *dot_node_type(const struct graph *g, const struct node *n)
{
    if (n->n_out > 0)
        return &n->out[0].type;
    return n->n_in > 0 ? graph_input_type(g, n, 0) : NULL;
}

/* Length of the UTF-8 character at s (1-4), 0 when it is not one. */
static int utf8_len(const char *s)
{
    const unsigned char *u = (const unsigned char *)s;
    int n = u[0] < 0x80 ? 1 : u[0] >= 0xc2 && u[0] < 0xe0 ? 2 : (u[0] & 0xf0) == 0xe0 ? 3 : 4;
    if (n == 4 && !(u[0] >= 0xf0 && u[0] < 0xf5))
        return 0;
    for (int i = 1; i < n; i++)
        if ((u[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

static void add_escaped(struct str *out, const char *s)
{
    while (*s) {
        int n = utf8_len(s);
        if (n == 0) {
            str_add_char(out, '?');
            n = 1;
        } else if (n == 1 && (*s == '"' || *s == '\\')) {
            str_add_char(out, '\\');
            str_add_char(out, *s);
        } else if (n == 1 && ((unsigned char)*s < 0x20 || *s == 0x7f)) {
            str_add_char(out, '?');
        } else {
            str_add_n(out, s, (size_t)n);
        }
        s += n;
    }
}

/* The shape without the batch of an image: "64x56x56". */
static const char *shape_text(const struct ttype *t, char *buf, size_t size)
{
    if (!t || t->rank < 0)
        return "";
    const char *s = ttype_text(t, buf, size);
    const char *x = t->rank == 4 ? strchr(s, 'x') : NULL;
    return x ? x + 1 : s;
}

struct look {
    const char *prefix; /* of the node's DOT name */
    const char *fill;   /* NULL: white */
    bool dashed;
    const struct ttype *was; /* the shape before, when it differs */
};

static void add_node(struct str *out, const struct graph *g, int32_t id, const struct look *look,
                     bool terse)
{
    const struct node *n = graph_node(g, id);
    char op[64], now[128], before[128];
    str_addf(out, "  %s%d [label=\"", look->prefix, (int)id);
    add_escaped(out, dot_op_label(n, op, sizeof op));
    if (!terse) {
        const struct ttype *t = dot_node_type(g, n);
        if ((n->op == OP_INPUT || n->op == OP_OUTPUT) && strcmp(op, node_label(n)) != 0) {
            str_add(out, "\\n");
            add_escaped(out, node_label(n));
        }
        const char *shape = shape_text(t, now, sizeof now);
        if (look->was && t && !ttype_equal(look->was, t)) {
            str_add(out, "\\n");
            add_escaped(out, shape_text(look->was, before, sizeof before));
            str_add(out, " \xe2\x86\x92 ");
            add_escaped(out, shape);
        } else if (*shape) {
            str_add(out, "\\n");
            add_escaped(out, shape);
        }
    }
    str_add(out, "\", tooltip=\"");
    add_escaped(out, node_label(n));
    str_add(out, "\"");
    if (look->fill)
        str_addf(out, ", fillcolor=\"%s\"", look->fill);
    if (look->dashed)
        str_add(out, ", style=\"rounded,filled,dashed\"");
    if (n->op == OP_OPAQUE)
        str_add(out, ", shape=box3d");
    str_add(out, "];\n");
}

static void add_head(struct str *out, const struct graph *g, const struct dot_opts *o)
{
    str_add(out, "digraph \"");
    add_escaped(out, graph_name(g));
    str_add(out, "\" {\n  graph [fontname=\"DejaVu Sans\", fontsize=11, ranksep=0.3, "
                 "nodesep=0.25");
    if (o && o->title) {
        str_add(out, ", labelloc=t, label=\"");
        add_escaped(out, o->title);
        str_add(out, "\"");
    }
    str_add(out, "];\n"
                 "  node [shape=box, style=\"rounded,filled\", fillcolor=white, "
                 "fontname=\"DejaVu Sans\", fontsize=10, height=0.3, margin=\"0.12,0.05\"];\n"
                 "  edge [arrowsize=0.6, color=\"#555555\"];\n");
}

static int segment_of(const struct dot_opts *o, int32_t id)
{
    return o && o->segment ? o->segment[id] : -1;
}

struct member {
    int segment, pos; /* pos: in topological order, so that the text is deterministic */
    int32_t id;
};

static int by_segment(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    if (x->segment != y->segment)
        return x->segment < y->segment ? -1 : 1;
    return x->pos < y->pos ? -1 : x->pos > y->pos;
}

/* Nodes of g, one cluster for each segment; fill and former shape per slot may be NULL. */
static void add_nodes(struct str *out, const struct graph *g, const struct dot_opts *o,
                      const enum dot_mark *mark, const struct ttype *const *was)
{
    int n = graph_n_nodes(g);
    const int32_t *topo = graph_topo(g);
    struct member *m = x_calloc((size_t)n + 1, sizeof *m);
    for (int i = 0; i < n; i++)
        m[i] = (struct member){segment_of(o, topo[i]), i, topo[i]};
    qsort(m, (size_t)n, sizeof *m, by_segment);
    for (int i = 0; i < n; i++) {
        bool first = i == 0 || m[i].segment != m[i - 1].segment;
        bool last = i + 1 == n || m[i].segment != m[i + 1].segment;
        if (m[i].segment >= 0 && first)
            str_addf(out,
                     "  subgraph cluster_%d { label=\"%d\"; labeljust=l; style=filled; "
                     "color=\"%s\"; fontsize=9;\n",
                     m[i].segment, m[i].segment, palette[m[i].segment % N_PALETTE]);
        enum dot_mark k = mark ? mark[m[i].id] : DOT_PLAIN;
        struct look look = {"n", mark_fill(k), k == DOT_REMOVED, was ? was[m[i].id] : NULL};
        add_node(out, g, m[i].id, &look, o && o->terse);
        if (m[i].segment >= 0 && last)
            str_add(out, "  }\n");
    }
    free(m);
}

void dot_text(const struct graph *g, const struct dot_opts *opts, struct str *out)
{
    add_head(out, g, opts);
    add_nodes(out, g, opts, opts ? opts->mark : NULL, NULL);
    int n = graph_n_nodes(g);
    const int32_t *topo = graph_topo(g);
    for (int i = 0; i < n; i++) {
        const struct node *to = graph_node(g, topo[i]);
        for (int p = 0; p < to->n_in; p++)
            if (to->in[p].node >= 0)
                str_addf(out, "  n%d -> n%d;\n", (int)to->in[p].node, (int)topo[i]);
    }
    str_add(out, "}\n");
}

void dot_diff_text(const struct graph *a, const struct graph *b, const struct graph_diff *d,
                   const struct dot_opts *opts, struct str *out)
{
    size_t nb = (size_t)graph_n_slots(b) + 1;
    enum dot_mark *mark = x_calloc(nb, sizeof *mark);
    const struct ttype **was = x_calloc(nb, sizeof *was);
    for (int i = 0; i < d->n_added; i++)
        mark[d->added[i]] = DOT_ADDED;
    for (int i = 0; i < d->n_changed; i++) {
        mark[d->changed_b[i]] = DOT_CHANGED;
        was[d->changed_b[i]] = dot_node_type(a, graph_node(a, d->changed_a[i]));
    }

    add_head(out, b, opts);
    add_nodes(out, b, opts, mark, was);
    struct look red = {"old", mark_fill(DOT_REMOVED), true, NULL};
    for (int i = 0; i < d->n_removed; i++)
        add_node(out, a, d->removed[i], &red, opts && opts->terse);

    const int32_t *topo = graph_topo(b);
    for (int i = 0; i < graph_n_nodes(b); i++) {
        const struct node *n = graph_node(b, topo[i]);
        for (int p = 0; p < n->n_in; p++) {
            int32_t from = n->in[p].node;
            if (from < 0)
                continue;
            bool fresh = mark[from] == DOT_ADDED || mark[topo[i]] == DOT_ADDED;
            str_addf(out, "  n%d -> n%d%s;\n", (int)from, (int)topo[i],
                     fresh ? " [color=\"#2e7d32\"]" : "");
        }
    }
    /* Edges of a that end at a removed node; the other end may live on in b. */
    topo = graph_topo(a);
    for (int i = 0; i < graph_n_nodes(a); i++) {
        int32_t id = topo[i];
        const struct node *n = graph_node(a, id);
        for (int p = 0; p < n->n_in; p++) {
            int32_t from = n->in[p].node;
            if (from < 0 || (d->to_b[from] >= 0 && d->to_b[id] >= 0))
                continue;
            str_addf(out, "  %s%d -> %s%d [style=dashed, color=\"#c62828\"];\n",
                     d->to_b[from] < 0 ? "old" : "n",
                     (int)(d->to_b[from] < 0 ? from : d->to_b[from]), d->to_b[id] < 0 ? "old" : "n",
                     (int)(d->to_b[id] < 0 ? id : d->to_b[id]));
        }
    }
    str_add(out, "}\n");
    free((void *)was);
    free(mark);
}
