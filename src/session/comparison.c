#include "session/comparison.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *comparison_kind_name(enum comparison_kind k)
{
    static const char *const name[] = {[COMPARISON_REMOVED] = "removed",
                                       [COMPARISON_ADDED] = "added",
                                       [COMPARISON_RESIZED] = "resized",
                                       [COMPARISON_CHANGED] = "changed"};
    return name[k];
}

/* Another type of an output, or another shape of a weight. */
static bool is_resized(const struct node *x, const struct node *y)
{
    if (x->n_out != y->n_out || x->n_in != y->n_in)
        return false;
    for (int i = 0; i < x->n_out; i++)
        if (!ttype_equal(&x->out[i].type, &y->out[i].type))
            return true;
    for (int i = 0; i < x->n_in; i++) {
        const struct tensor *p = node_const(x, i), *q = node_const(y, i);
        if (p && q && !ttype_equal(tensor_type(p), tensor_type(q)))
            return true;
    }
    return false;
}

static void add_row(struct comparison *c, enum comparison_kind kind, int32_t a, int32_t b)
{
    static const enum dot_mark mark[] = {[COMPARISON_REMOVED] = DOT_REMOVED,
                                         [COMPARISON_ADDED] = DOT_ADDED,
                                         [COMPARISON_RESIZED] = DOT_CHANGED,
                                         [COMPARISON_CHANGED] = DOT_CHANGED};
    c->row[c->n_row++] = (struct comparison_row){kind, {a, b}};
    c->count[kind]++;
    if (a >= 0)
        c->mark[0][a] = mark[kind];
    if (b >= 0)
        c->mark[1][b] = mark[kind];
}

/* The rows in the order of both: changed nodes come where they are before. */
static void make_rows(struct comparison *c)
{
    const struct graph_diff *d = &c->diff;
    int32_t *to = x_malloc(((size_t)graph_n_slots(c->g[0]) + 1) * sizeof *to);
    bool *added = x_calloc((size_t)graph_n_slots(c->g[1]) + 1, sizeof *added);
    int n;
    for (int i = 0; i < graph_n_slots(c->g[0]); i++)
        to[i] = -1;
    for (int i = 0; i < d->n_changed; i++)
        to[d->changed_a[i]] = d->changed_b[i];
    for (int i = 0; i < d->n_added; i++)
        added[d->added[i]] = true;
    c->row = x_calloc((size_t)d->n_added + (size_t)d->n_removed + (size_t)d->n_changed + 1,
                      sizeof *c->row);
    struct graph_pair *pair = graph_merge(c->g[0], c->g[1], d->to_b, &n);
    for (int i = 0; i < n; i++) {
        int32_t a = pair[i].a, b = pair[i].b;
        if (a >= 0 && d->to_b[a] < 0)
            add_row(c, COMPARISON_REMOVED, a, -1);
        else if (a >= 0 && to[a] >= 0)
            add_row(c,
                    is_resized(graph_node(c->g[0], a), graph_node(c->g[1], to[a]))
                        ? COMPARISON_RESIZED
                        : COMPARISON_CHANGED,
                    a, to[a]);
        else if (a < 0 && added[b])
            add_row(c, COMPARISON_ADDED, -1, b);
    }
    free(pair);
    free(added);
    free(to);
}

void comparison_init(struct comparison *c, const struct graph *a, const struct graph *b,
                     int32_t n_same)
{
    *c = (struct comparison){.g = {graph_ref(a), graph_ref(b)}, .n_same = n_same};
    graph_diff_init(&c->diff, a, b, n_same);
    for (int k = 0; k < 2; k++)
        c->mark[k] = x_calloc((size_t)graph_n_slots(c->g[k]) + 1, sizeof *c->mark[k]);
    make_rows(c);
    c->equal = graph_hash(a) == graph_hash(b);
}

void comparison_done(struct comparison *c)
{
    for (int k = 0; k < 2; k++) {
        graph_unref(c->g[k]);
        free(c->mark[k]);
    }
    graph_diff_done(&c->diff);
    free(c->row);
    *c = (struct comparison){0};
}

/* "3x3x64/2 d2 g4". */
static void kernel_text(const struct node *n, char *buf, size_t size)
{
    struct window w;
    size_t k;
    if (!node_window(n, &w))
        return;
    k = (size_t)snprintf(buf, size, "%lldx%lld", (long long)w.kernel[0], (long long)w.kernel[1]);
    if (w.cin > 0)
        k += (size_t)snprintf(buf + k, size - k, "x%lld", (long long)w.cin);
    if (k < size && (w.stride[0] > 1 || w.stride[1] > 1))
        k += (size_t)snprintf(buf + k, size - k, "/%lld",
                              (long long)(w.stride[0] > w.stride[1] ? w.stride[0] : w.stride[1]));
    if (k < size && (w.dilation[0] > 1 || w.dilation[1] > 1))
        k += (size_t)snprintf(
            buf + k, size - k, " d%lld",
            (long long)(w.dilation[0] > w.dilation[1] ? w.dilation[0] : w.dilation[1]));
    if (k < size && w.group > 1 && !node_is_depthwise(n))
        snprintf(buf + k, size - k, " g%lld", (long long)w.group);
}

void comparison_cells(const struct graph *g, int32_t id, struct comparison_cells *out)
{
    const struct node *n = id >= 0 ? graph_node(g, id) : NULL;
    *out = (struct comparison_cells){0};
    if (!n)
        return;
    const struct ttype *t = n->n_out ? &n->out[0].type : n->n_in ? graph_input_type(g, n, 0) : NULL;
    snprintf(out->op, sizeof out->op, "%s%s", node_is_depthwise(n) ? "DW" : "", node_op_type(n));
    kernel_text(n, out->kernel, sizeof out->kernel);
    if (t && t->rank >= 0)
        ttype_text(t, out->shape, sizeof out->shape);
    if (t && t->rank >= 2 && t->dim[1] > 0)
        snprintf(out->width, sizeof out->width, "%lld", (long long)t->dim[1]);
}
