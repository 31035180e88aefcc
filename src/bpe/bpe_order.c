/* The canonical linearisation, and its words.
 *
 * Kahn's algorithm with a stack: a branch is followed until it ends in a join that still waits,
 * then the next branch of the latest fork is taken, so neighbours in the sequence are neighbours
 * on a branch, and the join follows the last branch that enters it. Levels
 * interleave parallel branches instead and give disconnected slices.
 *
 * The order is topological, and every run of consecutive nodes of a topological order is convex:
 * a path that leaves it and comes back would have to pass through positions inside the run.
 *
 * At a fork the branch with the shortest way to a sink goes first (so the join continues the
 * longest one), then what the branches look like decides, at first as the tokeniser sees them
 * (so that cells of equal build read equally whatever their widths), at last in all detail
 * (graph_node_hashes); ids decide only between branches that are mirror images. Inputs come first
 * and outputs last, for they are barriers.
 *
 * As words bound the pieces of a text, blocks bound them here. Frequency alone would cut residual
 * blocks in their middle (the pair that straddles two blocks is as frequent as the pairs inside),
 * and a cut there has two tensors where a cut between blocks has one. A block ends with a fork
 * past which nothing made inside the block is used any more; blocks may lie under longer skips. */
#include "bpe/bpe_priv.h"
#include <stdlib.h>

enum {
    ROUNDS = 4,    /* how many nodes down a branch the class hash sees */
    MIN_BLOCK = 6, /* words under a longer skip are not shorter than this */
};

struct branch {
    int height;
    uint64_t key, down, full; /* down and full only when the former are equal */
    int32_t id;
};

struct walk {
    const struct graph *g;
    int32_t *order;
    int n_order;
    struct canon_key *key; /* of each slot */
    int *wait;             /* input ports of each slot still to come */
    int *height;           /* longest way to a sink */
    uint64_t *down;        /* class hash of what follows, made when first needed */
    uint64_t *full;        /* graph_node_hashes, made when first needed */
    VEC(int32_t) stack;
    VEC(struct branch) ready;
};

static int branch_cmp(const void *pa, const void *pb)
{
    const struct branch *a = pa, *b = pb;
    if (a->height != b->height)
        return a->height < b->height ? -1 : 1;
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    if (a->down != b->down)
        return a->down < b->down ? -1 : 1;
    if (a->full != b->full)
        return a->full < b->full ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id);
}

static void prepare(struct walk *w)
{
    const struct graph *g = w->g;
    const int32_t *topo = graph_topo(g);
    for (int i = graph_n_nodes(g) - 1; i >= 0; i--) {
        int32_t id = topo[i];
        const struct node *nd = graph_node(g, id);
        for (int p = 0; p < nd->n_in; p++)
            w->wait[id] += nd->in[p].node >= 0;
        int n_use;
        const struct use *u = graph_uses(g, id, &n_use);
        for (int k = 0; k < n_use; k++)
            if (w->height[u[k].node] >= w->height[id])
                w->height[id] = w->height[u[k].node] + 1;
        w->key[id] = canon_key_of(g, id);
    }
}

static void make_down(struct walk *w)
{
    const struct graph *g = w->g;
    const int32_t *topo = graph_topo(g);
    size_t slots = (size_t)graph_n_slots(g) + 1;
    uint64_t *base = x_calloc(slots, sizeof *base), *next = x_calloc(slots, sizeof *next);
    w->down = x_calloc(slots, sizeof *w->down);
    for (int i = 0; i < graph_n_nodes(g); i++)
        base[topo[i]] = w->down[topo[i]] = hash_mix(canon_key_pack(&w->key[topo[i]]));
    for (int r = 0; r < ROUNDS; r++) {
        for (int i = 0; i < graph_n_nodes(g); i++) {
            int n_use;
            const struct use *u = graph_uses(g, topo[i], &n_use);
            uint64_t sum = 0;
            for (int k = 0; k < n_use; k++)
                sum += hash_mix(w->down[u[k].node] + 1);
            next[topo[i]] = hash_pair(base[topo[i]], sum);
        }
        uint64_t *t = w->down;
        w->down = next;
        next = t;
    }
    free(base);
    free(next);
}

/* Sorts the branches; true when two of them look the same so far. */
static bool sort_ready(struct walk *w)
{
    struct branch *b = w->ready.at;
    qsort(b, w->ready.n, sizeof *b, branch_cmp);
    for (size_t i = 1; i < w->ready.n; i++)
        if (b[i - 1].height == b[i].height && b[i - 1].key == b[i].key &&
            b[i - 1].down == b[i].down)
            return true;
    return false;
}

/* Puts the nodes in w->ready on the stack, the first to be taken on top. */
static void push_ready(struct walk *w)
{
    struct branch *b = w->ready.at;
    size_t n = w->ready.n;
    bool tie = n > 1 && sort_ready(w);
    if (tie) {
        if (!w->down)
            make_down(w);
        for (size_t i = 0; i < n; i++)
            b[i].down = w->down[b[i].id];
        tie = sort_ready(w);
    }
    if (tie) {
        if (!w->full) {
            w->full = x_calloc((size_t)graph_n_slots(w->g) + 1, sizeof *w->full);
            graph_node_hashes(w->g, w->full);
        }
        for (size_t i = 0; i < n; i++)
            b[i].full = w->full[b[i].id];
        sort_ready(w);
    }
    for (size_t i = n; i-- > 0;)
        vec_push(&w->stack, b[i].id);
    w->ready.n = 0;
}

static void add_ready(struct walk *w, int32_t id)
{
    vec_push(&w->ready, (struct branch){
                            .height = w->height[id], .key = canon_key_pack(&w->key[id]), .id = id});
}

static void emit(struct walk *w, int32_t id)
{
    w->order[w->n_order++] = id;
    int n_use;
    const struct use *u = graph_uses(w->g, id, &n_use);
    for (int k = 0; k < n_use; k++)
        if (--w->wait[u[k].node] == 0 && graph_node(w->g, u[k].node)->op != OP_OUTPUT)
            add_ready(w, u[k].node);
}

/* Position of the last consumer of the node at position i (i itself when there is none). */
static int last_use(const struct graph *g, int32_t id, const int *pos)
{
    int n, last = pos[id];
    const struct use *u = graph_uses(g, id, &n);
    for (int k = 0; k < n; k++)
        if (pos[u[k].node] > last)
            last = pos[u[k].node];
    return last;
}

static void find_words(const struct graph *g, const int32_t *order, const struct canon_key *key,
                       bool *word_end)
{
    int n = graph_n_nodes(g);
    int *pos = x_calloc((size_t)graph_n_slots(g) + 1, sizeof *pos);
    for (int i = 0; i < n; i++)
        pos[order[i]] = i;
    int reach = -1; /* the last use of anything before i */
    int inner = -1; /* the same of this word */
    int start = 0;
    bool join = false;
    for (int i = 0; i < n; i++) {
        bool barrier = canon_key_barrier(&key[i]);
        bool next_barrier = i + 1 == n || canon_key_barrier(&key[i + 1]);
        join |= key[i].fan_in > 1;
        /* Under a longer skip (reach > i) only a closed block counts (a fork that follows a mere
         * chain there is a fork inside the block), and tiny blocks stay together. */
        bool whole = join && i + 1 - start >= MIN_BLOCK;
        bool block = key[i].fan_out > 1 && inner <= i && (whole || reach <= i);
        int last = last_use(g, order[i], pos);
        reach = last > reach ? last : reach;
        inner = last > inner ? last : inner;
        word_end[i] = barrier || next_barrier || block;
        if (word_end[i]) {
            inner = -1;
            start = i + 1;
            join = false;
        }
    }
    free(pos);
}

void canon_order(const struct graph *g, int32_t *order, bool *word_end, struct canon_key *key)
{
    size_t slots = (size_t)graph_n_slots(g) + 1;
    struct walk w = {.g = g, .order = order};
    w.key = x_calloc(slots, sizeof *w.key);
    w.wait = x_calloc(slots, sizeof *w.wait);
    w.height = x_calloc(slots, sizeof *w.height);
    prepare(&w);
    int n = graph_n_nodes(g), n_in, n_out;
    const int32_t *in = graph_inputs(g, &n_in), *out = graph_outputs(g, &n_out);
    const int32_t *topo = graph_topo(g);
    for (int i = 0; i < n; i++) {
        const struct node *nd = graph_node(g, topo[i]);
        if (w.wait[topo[i]] == 0 && nd->op != OP_INPUT && nd->op != OP_OUTPUT)
            add_ready(&w, topo[i]);
    }
    for (int i = 0; i < n_in; i++)
        emit(&w, in[i]);
    push_ready(&w);
    while (w.stack.n) {
        emit(&w, w.stack.at[--w.stack.n]);
        push_ready(&w);
    }
    for (int i = 0; i < n_out; i++)
        order[w.n_order++] = out[i];
    for (int i = 0; i < n; i++)
        key[i] = w.key[order[i]];
    find_words(g, order, key, word_end);
    free(w.key);
    free(w.wait);
    free(w.height);
    free(w.down);
    free(w.full);
    vec_done(&w.stack);
    vec_done(&w.ready);
}
