/* Two versions in one order: the longest sequence of matched nodes that is in order in both holds
 * them together, and what lies between two of them in either comes in between. */
#include "graph/region.h"

#include "base/mem.h"

#include <stdlib.h>

/* Marks the nodes of a longest sequence whose places ascend (patience sorting): at[i] is the place
 * in b of what is i-th in a, -1: nowhere. */
static void mark_longest(const int *at, int n, bool *in)
{
    int *tail = x_malloc(((size_t)n + 1) * sizeof *tail), len = 0;
    int *before = x_malloc(((size_t)n + 1) * sizeof *before);
    for (int i = 0; i < n; i++) {
        int lo = 0, hi = len;
        if (at[i] < 0)
            continue;
        while (lo < hi) {
            int mid = (lo + hi) / 2;
            if (at[tail[mid]] < at[i])
                lo = mid + 1;
            else
                hi = mid;
        }
        before[i] = lo ? tail[lo - 1] : -1;
        tail[lo] = i;
        len += lo == len;
    }
    for (int i = len ? tail[len - 1] : -1; i >= 0; i = before[i])
        in[i] = true;
    free(tail);
    free(before);
}

struct graph_pair *graph_merge(const struct graph *a, const struct graph *b, const int32_t *to_b,
                               int *n)
{
    int na = graph_n_nodes(a), nb = graph_n_nodes(b), k = 0;
    const int32_t *ta = graph_topo(a), *tb = graph_topo(b);
    int *at = x_malloc(((size_t)na + 1) * sizeof *at);
    bool *in = x_calloc((size_t)na + 1, sizeof *in);
    struct graph_pair *out = x_malloc(((size_t)na + (size_t)nb + 1) * sizeof *out);
    for (int i = 0; i < na; i++)
        at[i] = to_b[ta[i]] >= 0 ? graph_topo_pos(b, to_b[ta[i]]) : -1;
    mark_longest(at, na, in);
    *n = 0;
    for (int i = 0; i < na; i++) {
        for (; in[i] && k < at[i]; k++)
            out[(*n)++] = (struct graph_pair){-1, tb[k]};
        k += in[i];
        out[(*n)++] = (struct graph_pair){ta[i], in[i] ? to_b[ta[i]] : -1};
    }
    for (; k < nb; k++)
        out[(*n)++] = (struct graph_pair){-1, tb[k]};
    free(at);
    free(in);
    return out;
}
