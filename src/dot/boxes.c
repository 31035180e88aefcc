/* What is laid out: a box for each node, or for each group of nodes, and the edges between boxes.
 */
#include "dot/dot_priv.h"

#include "base/mem.h"
#include "base/vec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void make_label(const struct graph *g, const struct node *n, char *buf, size_t size)
{
    /* the longest names, shortened: a column of boxes is as wide as its widest */
    static const char *const brief[][2] = {{"BatchNormalization", "BatchNorm"},
                                           {"InstanceNormalization", "InstNorm"},
                                           {"LayerNormalization", "LayerNorm"},
                                           {"GlobalAveragePool", "GlobalAvgPool"},
                                           {"ConvTranspose", "ConvT"}};
    dot_op_label(n, buf, size);
    for (size_t i = 0; i < sizeof brief / sizeof brief[0]; i++) {
        size_t len = strlen(brief[i][0]), to = strlen(brief[i][1]);
        if (strncmp(buf, brief[i][0], len) == 0) {
            memmove(buf + to, buf + len, strlen(buf + len) + 1);
            memcpy(buf, brief[i][1], to);
        }
    }
    const struct ttype *t = dot_node_type(g, n);
    bool wide = op_info(n->op)->weighted || n->op == OP_CONCAT || n->op == OP_INPUT;
    if (wide && t && t->rank >= 2 && t->dim[1] > 0) {
        size_t len = strlen(buf);
        snprintf(buf + len, size - len, " %lld", (long long)t->dim[1]);
    }
}

static int by_pair(const void *a, const void *b)
{
    const int *x = a, *y = b;
    return x[0] != y[0] ? (x[0] < y[0] ? -1 : 1) : (x[1] > y[1]) - (x[1] < y[1]);
}

/* The edges of g between different boxes, each once, from the earlier box to the later: groups may
 * read each other, and a layout in levels must not run in circles. */
static void join(const struct graph *g, const int *number, struct dot_boxes *out)
{
    VEC(int) pair = {0};
    const int32_t *topo = graph_topo(g);
    for (int i = 0; i < graph_n_nodes(g); i++) {
        const struct node *to = graph_node(g, topo[i]);
        for (int p = 0; p < to->n_in && number[topo[i]] >= 0; p++) {
            int a = to->in[p].node >= 0 ? number[to->in[p].node] : -1, b = number[topo[i]];
            if (a < 0 || a == b)
                continue;
            vec_push(&pair, a < b ? a : b);
            vec_push(&pair, a < b ? b : a);
        }
    }
    int m = 0;
    if (pair.n > 0)
        qsort(pair.at, pair.n / 2, 2 * sizeof *pair.at, by_pair);
    for (size_t i = 0; i + 1 < pair.n; i += 2)
        if (m == 0 || by_pair(&pair.at[2 * m - 2], &pair.at[i]) != 0) {
            pair.at[2 * m] = pair.at[i];
            pair.at[2 * m + 1] = pair.at[i + 1];
            m++;
        }
    out->edge = pair.at;
    out->n_edge = m;
}

static struct dot_box *add_box(struct dot_boxes *out, int32_t id)
{
    struct dot_box *b = &out->box[out->n_box++];
    b->id = id;
    b->h = 1;
    return b;
}

static void set_width(struct dot_box *b)
{
    b->w = ((int)strlen(b->label) + 2) | 1;
}

void dot_boxes_of_nodes(const struct graph *g, const bool *keep, struct dot_boxes *out)
{
    int n = graph_n_nodes(g), *number = x_malloc(((size_t)graph_n_slots(g) + 1) * sizeof *number);
    const int32_t *topo = graph_topo(g);
    *out = (struct dot_boxes){.box = x_calloc((size_t)n + 1, sizeof *out->box)};
    for (int i = 0; i < n; i++) {
        number[topo[i]] = -1;
        if (keep && !keep[topo[i]])
            continue;
        number[topo[i]] = out->n_box;
        struct dot_box *b = add_box(out, topo[i]);
        make_label(g, graph_node(g, topo[i]), b->label, sizeof b->label);
        set_width(b);
    }
    join(g, number, out);
    free(number);
}

void dot_boxes_of_groups(const struct graph *g, const struct dot_groups *groups,
                         struct dot_boxes *out)
{
    int *number = x_malloc(((size_t)graph_n_slots(g) + 1) * sizeof *number);
    int *box_of = x_malloc(((size_t)groups->n + 1) * sizeof *box_of);
    const int32_t *topo = graph_topo(g);
    *out = (struct dot_boxes){.box = x_calloc((size_t)groups->n + 1, sizeof *out->box)};
    for (int k = 0; k < groups->n; k++)
        box_of[k] = -1;
    for (int i = 0; i < graph_n_nodes(g); i++) {
        int k = groups->of[topo[i]];
        number[topo[i]] = -1;
        if (k < 0)
            continue;
        if (box_of[k] < 0) {
            box_of[k] = out->n_box;
            struct dot_box *b = add_box(out, k);
            snprintf(b->label, sizeof b->label, "%s", groups->label[k]);
            set_width(b);
        }
        number[topo[i]] = box_of[k];
    }
    join(g, number, out);
    free(box_of);
    free(number);
}
