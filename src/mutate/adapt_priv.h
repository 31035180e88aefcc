/* Inside the search for adapters: an assignment of the ports, and what is tried with it. */
#ifndef MUTATE_ADAPT_PRIV_H
#define MUTATE_ADAPT_PRIV_H

#include "mutate/mutate_priv.h"

#include "base/vec.h"

enum { MAX_WAYS = 16 };

/* Where a tensor crosses the boundary. */
struct slot {
    bool at_input;
    int port, end;             /* of the region, of the fragment */
    struct ttype outer, inner; /* the region's, the fragment's before the repair */
    int n_way, chosen;
    struct adapt_way way[MAX_WAYS];
};

/* A tensor that nothing else would use, added to another one of its side. */
struct joined {
    int from, to; /* inputs: of the region, of the fragment; outputs: both of the fragment */
    struct adapt_way way;
};

struct search {
    struct hunt *h;
    struct repair *best;
    int64_t best_params;
    int n_in, n_out; /* of the fragment */
    const int32_t *in, *out;
    struct ttype *in_type, *out_type; /* of the fragment */
    bool *in_free, *out_free;         /* whether a region input, a fragment output may be dropped */
    const int *feed, *take;           /* the assignment: region input, fragment output */
    int n_slot;
    struct slot *slot;
    VEC(struct joined) in_join;
    VEC(struct joined) out_join;
    int fixed;          /* nodes that the assignment asks for whatever the ways */
    signed char *known; /* of the assignment: what hopeless() found for each set of slots */
    int tries, looks;
    bool more; /* a larger number of nodes gives something new */
};

static inline const struct adapt_way *way_of(const struct slot *x)
{
    return &x->way[x->chosen];
}

/* ---- adapt_slots.c ---- */

/* What may be dropped whatever the assignment. */
void slots_note_free(struct search *s);
/* What the assignment s->feed, s->take has to join; false when something cannot be. */
bool slots_join(struct search *s);
/* The slots of the assignment and the ways at each. */
void slots_make(struct search *s);

/* ---- adapt_build.c ---- */

/* The fragment with the chosen ways: its inputs and outputs are the region's in order. *adapter
 * (caller frees) lists the nodes put in. */
enum status build_adapted(const struct search *s, struct graph **out, struct adapter **adapter,
                          int *n_adapter, struct err *err);

#endif
