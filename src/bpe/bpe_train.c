/* The trainer: byte-pair encoding over token ids with a heap of pairs, lists of their occurrences
 * and lazy deletion, O(L log L) in all.
 *
 * The corpus is one array of places, a linked list of which joins the symbols that are left; each
 * place knows the pair that begins there. Merging (l, r) visits its occurrences in order. A merge
 * makes pairs with the new symbol only, so the number of any other pair can only fall: an entry
 * of the heap is an upper bound, and an entry that proves stale goes back with its true number.
 * New pairs are found through their one other symbol (arrays), never through a hash table.
 *
 * A pair (x, x) may overlap itself; its number is a bound until it reaches the top of the heap,
 * where its occurrences are counted from the left without overlap. */
#include "bpe/bpe_priv.h"
#include <stdlib.h>

struct pair {
    int left, right;
    int64_t count;    /* weighted occurrences; a bound when left == right */
    int64_t seen;     /* the same without weights */
    VEC(int32_t) occ; /* places where it began, ascending; some are gone by now */
};

struct entry {
    int64_t count;
    int left, right;
    int pair;
};

struct trainer {
    int n_tokens, max_piece;
    size_t n; /* places; one empty place follows each sequence */
    int32_t *sym, *next, *prev, *pair_at;
    int32_t *line;
    int64_t *times, *weight; /* of each line: how often it occurs, and that times its weight */
    VEC(struct pair) pair;
    VEC(struct entry) heap;
    VEC(int) len;           /* tokens of each symbol */
    VEC(struct entry) part; /* left and right of each piece (count and pair unused) */
    /* Pair (s, new symbol) and (new symbol, s) of the running merge, by s; -1: none yet. */
    VEC(int) with_left, with_right;
    VEC(int) touched; /* symbols whose entries there are set */
};

/* ---- heap: the most frequent first, then the smallest ids ---- */

static bool before(const struct entry *a, const struct entry *b)
{
    if (a->count != b->count)
        return a->count > b->count;
    if (a->left != b->left)
        return a->left < b->left;
    return a->right < b->right;
}

static void heap_push(struct trainer *t, int pair)
{
    const struct pair *p = &t->pair.at[pair];
    if (p->seen < 2)
        return;
    struct entry e = {p->count, p->left, p->right, pair};
    vec_push(&t->heap, e);
    size_t i = t->heap.n - 1;
    for (; i && before(&e, &t->heap.at[(i - 1) / 2]); i = (i - 1) / 2)
        t->heap.at[i] = t->heap.at[(i - 1) / 2];
    t->heap.at[i] = e;
}

static struct entry heap_pop(struct trainer *t)
{
    struct entry top = t->heap.at[0], e = t->heap.at[--t->heap.n];
    size_t n = t->heap.n, i = 0;
    for (size_t k = 1; k < n; i = k, k = 2 * i + 1) {
        if (k + 1 < n && before(&t->heap.at[k + 1], &t->heap.at[k]))
            k++;
        if (!before(&t->heap.at[k], &e))
            break;
        t->heap.at[i] = t->heap.at[k];
    }
    if (n)
        t->heap.at[i] = e;
    return top;
}

/* ---- set-up ---- */

static int pair_new(struct trainer *t, int left, int right)
{
    vec_push(&t->pair, (struct pair){.left = left, .right = right});
    return (int)t->pair.n - 1;
}

static void pair_add(struct trainer *t, int pair, int32_t place)
{
    struct pair *p = &t->pair.at[pair];
    vec_push(&p->occ, place);
    p->count += t->weight[t->line[place]];
    p->seen += t->times[t->line[place]];
    t->pair_at[place] = pair;
}

static void symbol_new(struct trainer *t, int len)
{
    vec_push(&t->len, len);
    vec_push(&t->with_left, -1);
    vec_push(&t->with_right, -1);
}

static enum status trainer_init(struct trainer *t, const struct bpe_corpus *c, int max_piece,
                                struct err *err)
{
    memset(t, 0, sizeof *t);
    t->n_tokens = (int)c->token.n;
    t->max_piece = max_piece;
    t->n = c->seq.n + c->line.n;
    t->sym = x_try_calloc(t->n + 1, sizeof *t->sym);
    t->next = x_try_calloc(t->n + 1, sizeof *t->next);
    t->prev = x_try_calloc(t->n + 1, sizeof *t->prev);
    t->pair_at = x_try_calloc(t->n + 1, sizeof *t->pair_at);
    t->line = x_try_calloc(t->n + 1, sizeof *t->line);
    t->times = x_try_calloc(c->line.n + 1, sizeof *t->times);
    t->weight = x_try_calloc(c->line.n + 1, sizeof *t->weight);
    if (!t->sym || !t->next || !t->prev || !t->pair_at || !t->line || !t->times || !t->weight)
        return err_set(err, ST_UNSUPPORTED, "no memory for a corpus of %zu tokens", c->seq.n);
    for (int i = 0; i < t->n_tokens; i++)
        symbol_new(t, 1);
    int32_t at = 0;
    for (size_t k = 0; k < c->line.n; k++) {
        const struct bpe_line *l = &c->line.at[k];
        t->times[k] = l->count;
        t->weight[k] = l->count * bpe_corpus_weight(c, l->group);
        for (int i = 0; i < l->len; i++, at++) {
            t->sym[at] = c->seq.at[l->at + (size_t)i];
            t->next[at] = i + 1 < l->len ? at + 1 : -1;
            t->prev[at] = i ? at - 1 : -1;
            t->pair_at[at] = -1;
            t->line[at] = (int32_t)k;
        }
        t->sym[at] = t->next[at] = t->prev[at] = t->pair_at[at] = -1;
        at++;
    }
    struct u64map seen = {0};
    for (size_t i = 0; i + 1 < t->n; i++) {
        int l = t->sym[i], r = t->sym[i + 1];
        if (l < 0 || r < 0 || c->barrier.at[l] || c->barrier.at[r])
            continue;
        uint64_t key = (uint64_t)(uint32_t)l << 32 | (uint32_t)r;
        int64_t fresh = (int64_t)t->pair.n, id = *u64map_put(&seen, key, fresh);
        if (id == fresh)
            pair_new(t, l, r);
        pair_add(t, (int)id, (int32_t)i);
    }
    u64map_done(&seen);
    for (size_t i = 0; i < t->pair.n; i++)
        heap_push(t, (int)i);
    return ST_OK;
}

static void trainer_done(struct trainer *t)
{
    for (size_t i = 0; i < t->pair.n; i++)
        vec_done(&t->pair.at[i].occ);
    free(t->sym);
    free(t->next);
    free(t->prev);
    free(t->pair_at);
    free(t->line);
    free(t->times);
    free(t->weight);
    vec_done(&t->pair);
    vec_done(&t->heap);
    vec_done(&t->len);
    vec_done(&t->part);
    vec_done(&t->with_left);
    vec_done(&t->with_right);
    vec_done(&t->touched);
}

/* ---- merging ---- */

/* Drops the occurrences that are gone; the true number of a pair (x, x). */
static void recount(struct trainer *t, int pair)
{
    struct pair *p = &t->pair.at[pair];
    size_t k = 0;
    int32_t taken = -1; /* the place that the last counted occurrence ends with */
    p->count = p->seen = 0;
    for (size_t i = 0; i < p->occ.n; i++) {
        int32_t at = p->occ.at[i];
        if (t->pair_at[at] != pair)
            continue;
        p->occ.at[k++] = at;
        if (at == taken)
            continue;
        p->count += t->weight[t->line[at]];
        p->seen += t->times[t->line[at]];
        taken = t->next[at];
    }
    p->occ.n = k;
}

/* The pair that begins at `place` is no more. */
static void unpair(struct trainer *t, int32_t place)
{
    int pair = t->pair_at[place];
    if (pair < 0)
        return;
    struct pair *p = &t->pair.at[pair];
    if (p->left != p->right) {
        p->count -= t->weight[t->line[place]];
        p->seen -= t->times[t->line[place]];
    }
    t->pair_at[place] = -1;
}

/* A pair of the new symbol `s` with `other` begins at `place`. */
static void pair_with(struct trainer *t, int s, int other, bool other_is_left, int32_t place)
{
    if (t->len.at[s] + t->len.at[other] > t->max_piece)
        return;
    int *slot = other_is_left ? &t->with_left.at[other] : &t->with_right.at[other];
    if (*slot < 0) {
        *slot = other_is_left ? pair_new(t, other, s) : pair_new(t, s, other);
        vec_push(&t->touched, other);
    }
    pair_add(t, *slot, place);
}

/* A neighbour takes part only when a pair was possible before: barriers stay alone. */
static void merge_at(struct trainer *t, int32_t place, int s)
{
    int32_t right = t->next[place], after = t->next[right], left = t->prev[place];
    bool join_left = left >= 0 && t->len.at[t->sym[left]] > 0;
    bool join_after = after >= 0 && t->len.at[t->sym[after]] > 0;
    if (left >= 0)
        unpair(t, left);
    unpair(t, right);
    t->pair_at[place] = -1;
    t->sym[place] = s;
    t->sym[right] = -1;
    t->next[place] = after;
    if (after >= 0)
        t->prev[after] = place;
    if (join_left)
        pair_with(t, s, t->sym[left], true, left);
    if (join_after)
        pair_with(t, s, t->sym[after], false, place);
}

static void merge(struct trainer *t, int pair)
{
    int s = (int)t->len.n, left = t->pair.at[pair].left, right = t->pair.at[pair].right;
    symbol_new(t, t->len.at[left] + t->len.at[right]);
    vec_push(&t->part, (struct entry){.left = left, .right = right});
    size_t first_new = t->pair.n;
    /* The list may move while pairs are added: read it through the array each time. */
    for (size_t i = 0; i < t->pair.at[pair].occ.n; i++) {
        int32_t at = t->pair.at[pair].occ.at[i];
        if (t->pair_at[at] == pair)
            merge_at(t, at, s);
    }
    vec_done(&t->pair.at[pair].occ);
    t->pair.at[pair].count = t->pair.at[pair].seen = 0;
    for (size_t i = first_new; i < t->pair.n; i++)
        heap_push(t, (int)i);
    for (size_t i = 0; i < t->touched.n; i++)
        t->with_left.at[t->touched.at[i]] = t->with_right.at[t->touched.at[i]] = -1;
    t->touched.n = 0;
}

static void spell(const struct trainer *t, int s, int *out, int *n)
{
    if (s < t->n_tokens) {
        out[(*n)++] = s;
        return;
    }
    const struct entry *p = &t->part.at[s - t->n_tokens];
    spell(t, p->left, out, n);
    spell(t, p->right, out, n);
}

static enum status learn(struct trainer *t, int n_merges, struct bpe_vocab *v, struct err *err)
{
    struct bpe_trie known = {0};
    enum status st = ST_OK;
    while (st == ST_OK && t->heap.n && v->piece.n < (size_t)n_merges) {
        struct entry e = heap_pop(t);
        if (e.left == e.right)
            recount(t, e.pair);
        const struct pair *p = &t->pair.at[e.pair];
        if (p->count != e.count || p->seen < 2) {
            heap_push(t, e.pair);
            continue;
        }
        int seq[BPE_MAX_PIECE], n = 0;
        spell(t, e.left, seq, &n);
        spell(t, e.right, seq, &n);
        int *slot = bpe_trie_put(&known, seq, n);
        if (*slot >= 0)
            continue;
        *slot = (int)v->piece.n;
        st = bpe_vocab_add_piece(v, seq, n, err);
        merge(t, e.pair);
    }
    bpe_trie_done(&known);
    return st;
}

enum status bpe_train(const struct bpe_corpus *c, int n_merges, int max_piece,
                      struct bpe_vocab **out, struct err *err)
{
    if (n_merges < 0 || max_piece < 2 || max_piece > BPE_MAX_PIECE)
        return err_set(err, ST_USAGE, "pieces must have 2 to %d tokens, merges must be >= 0",
                       BPE_MAX_PIECE);
    struct bpe_vocab *v = bpe_vocab_new(c->mode);
    struct trainer t;
    enum status st = trainer_init(&t, c, max_piece, err);
    for (size_t i = 0; i < c->token.n && st == ST_OK; i++)
        st = bpe_vocab_add_token(v, c->token.at[i], err);
    /* A barrier has length 0 from here on: pairs of it do not exist and are not made. */
    for (size_t i = 0; i < c->token.n && st == ST_OK; i++)
        if (c->barrier.at[i])
            t.len.at[i] = 0;
    if (st == ST_OK)
        st = learn(&t, n_merges, v, err);
    if (st == ST_OK)
        st = bpe_vocab_finish(v, err);
    trainer_done(&t);
    if (st == ST_OK)
        *out = v;
    else
        bpe_vocab_free(v);
    return st;
}
