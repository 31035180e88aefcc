#include "ui/around.h"

#include "base/vec.h"

struct front {
    VEC(int32_t) id;
};

static void meet(struct front *next, bool *keep, int32_t id)
{
    if (id < 0 || keep[id])
        return;
    keep[id] = true;
    vec_push(&next->id, id);
}

void around_grow(const struct graph *g, bool *keep, int hops)
{
    struct front now = {0}, next = {0};
    for (int32_t id = 0; id < graph_n_slots(g); id++)
        if (keep[id])
            vec_push(&now.id, id);
    for (; hops > 0; hops--) {
        for (size_t i = 0; i < now.id.n; i++) {
            const struct node *node = graph_node(g, now.id.at[i]);
            int n;
            const struct use *use = graph_uses(g, now.id.at[i], &n);
            for (int k = 0; k < node->n_in; k++)
                meet(&next, keep, node->in[k].node);
            for (int k = 0; k < n; k++)
                meet(&next, keep, use[k].node);
        }
        struct front t = now;
        now = next;
        next = t;
        next.id.n = 0;
    }
    vec_done(&now.id);
    vec_done(&next.id);
}
