#include "ui/around.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void around_grow(const struct graph *g, bool *keep, int hops)
{
    int slots = graph_n_slots(g), n = graph_n_nodes(g);
    const int32_t *topo = graph_topo(g);
    bool *was = x_malloc((size_t)slots + 1);
    for (int h = 0; h < hops; h++) {
        memcpy(was, keep, (size_t)slots);
        for (int i = 0; i < n; i++) {
            const struct node *node = graph_node(g, topo[i]);
            for (int k = 0; k < node->n_in; k++) {
                int32_t from = node->in[k].node;
                if (from < 0)
                    continue;
                keep[from] |= was[topo[i]];
                keep[topo[i]] |= was[from];
            }
        }
    }
    free(was);
}
