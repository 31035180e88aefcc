/* Inside the repair with nodes outside. */
#ifndef MUTATE_GROW_PRIV_H
#define MUTATE_GROW_PRIV_H

#include "mutate/mutate_priv.h"

/* Whether another width in front of the node asks for one behind. */
bool grow_carries(const struct node *n);

/* What a walk from some ports meets, nearest first, at most mutate_opts.grow nodes. */
struct grow_list {
    int n;
    int32_t *ids;
};
enum { MAX_SINGLE = 8 };
/* From each of the first ports of a side, all outputs, all inputs, and all ports. */
struct grow_lists {
    int n;
    struct grow_list at[2 * MAX_SINGLE + 3];
};
void grow_lists_init(struct grow_lists *l, const struct hunt *h);
void grow_lists_done(struct grow_lists *l);

static inline uint64_t grow_key(int32_t node, int32_t port)
{
    return (uint64_t)(uint32_t)node << 32 | (uint32_t)port;
}

#endif
