/* Cutting a graph into segments with a vocabulary. */
#include "bpe/bpe_priv.h"
#include <stdlib.h>

/* ---- encoding: merges by rank, leftmost first among equals ---- */

struct encoder {
    const struct bpe_vocab *v;
    int n;
    int *sym, *next, *prev;
    VEC(uint64_t) heap; /* symbol << 32 | place, smallest first */
};

static void offer(struct encoder *e, int place)
{
    int right = place >= 0 ? e->next[place] : -1;
    if (right < 0)
        return;
    int s = bpe_vocab_join(e->v, e->sym[place], e->sym[right]);
    if (s < 0)
        return;
    uint64_t x = (uint64_t)(uint32_t)s << 32 | (uint32_t)place;
    vec_push(&e->heap, x);
    size_t i = e->heap.n - 1;
    for (; i && x < e->heap.at[(i - 1) / 2]; i = (i - 1) / 2)
        e->heap.at[i] = e->heap.at[(i - 1) / 2];
    e->heap.at[i] = x;
}

static uint64_t take(struct encoder *e)
{
    uint64_t top = e->heap.at[0], x = e->heap.at[--e->heap.n];
    size_t n = e->heap.n, i = 0;
    for (size_t k = 1; k < n; i = k, k = 2 * i + 1) {
        if (k + 1 < n && e->heap.at[k + 1] < e->heap.at[k])
            k++;
        if (e->heap.at[k] >= x)
            break;
        e->heap.at[i] = e->heap.at[k];
    }
    if (n)
        e->heap.at[i] = x;
    return top;
}

/* Sets len[i] to the number of tokens of the piece that begins at i, 0 inside a piece. */
static void encode(const struct bpe_vocab *v, const int *token, int n, int *len)
{
    struct encoder e = {.v = v, .n = n};
    e.sym = x_calloc((size_t)n + 1, 3 * sizeof *e.sym);
    e.next = e.sym + n + 1;
    e.prev = e.next + n + 1;
    for (int i = 0; i < n; i++) {
        e.sym[i] = token[i];
        e.next[i] = i + 1 < n ? i + 1 : -1;
        e.prev[i] = i - 1;
        len[i] = 1;
    }
    for (int i = 0; i < n; i++)
        offer(&e, i);
    while (e.heap.n) {
        uint64_t x = take(&e);
        int place = (int)(uint32_t)x, s = (int)(x >> 32);
        int right = e.next[place];
        /* Stale entries: a part was merged elsewhere since. */
        if (!len[place] || right < 0 || bpe_vocab_join(v, e.sym[place], e.sym[right]) != s)
            continue;
        e.sym[place] = s;
        len[place] += len[right];
        len[right] = 0;
        e.next[place] = e.next[right];
        if (e.next[place] >= 0)
            e.prev[e.next[place]] = place;
        offer(&e, e.prev[place]);
        offer(&e, place);
    }
    free(e.sym);
    vec_done(&e.heap);
}

/* ---- tokens ---- */

/* The token that stands for a key: itself, else the nearest one, the earliest on a tie. Distinct
 * keys are few, so the scan over the vocabulary happens few times in a graph. */
static int canon_token(const struct bpe_vocab *v, const struct canon_key *k, struct u64map *cache)
{
    uint64_t pack = canon_key_pack(k);
    const int64_t *exact = u64map_get(&v->key_id, pack);
    if (exact)
        return (int)*exact;
    int64_t *slot = u64map_put(cache, pack, -2);
    if (*slot != -2)
        return (int)*slot;
    int best = -1, best_d = 0;
    for (int i = 0; i < (int)v->token.n; i++) {
        int d = canon_key_distance(k, &v->key[i]);
        if (d >= 0 && (best < 0 || d < best_d)) {
            best = i;
            best_d = d;
        }
    }
    *slot = best;
    return best;
}

static void tokenise(const struct bpe_vocab *v, const struct graph *g, const struct canon_key *key,
                     const struct bpe_segmentation *s)
{
    struct u64map cache = {0};
    struct str text = {0};
    for (int i = 0; i < s->n_nodes; i++) {
        if (v->mode == BPE_CANONICAL) {
            s->token[i] = canon_token(v, &key[i], &cache);
        } else {
            str_clear(&text);
            refer_token(g, s->order[i], &text);
            const int64_t *id = strmap_get(&v->id, str_text(&text));
            s->token[i] = id ? (int)*id : -1;
        }
    }
    u64map_done(&cache);
    str_done(&text);
}

/* ---- segments ---- */

static int root(int *up, int i)
{
    while (up[i] != i)
        i = up[i] = up[up[i]];
    return i;
}

/* Cuts a piece of the canonical order into the fewest runs that hang together. A run of a
 * topological order is convex whatever it holds (bpe_order.c), so only connectedness is tested,
 * by union-find over the edges inside the piece: O(len^2) for len <= BPE_MAX_PIECE.
 * best[i]: fewest runs that cover the first i nodes; the last run is then from cut[i]. */
static void split_piece(const struct graph *g, const struct bpe_segmentation *s, const int *pos,
                        int start, int len, int *cut)
{
    int best[BPE_MAX_PIECE + 1];
    for (int i = 1; i <= len; i++)
        best[i] = i, cut[i] = i - 1;
    best[0] = 0;
    /* Most pieces are found whole in the first round. */
    for (int a = 0; a < len && best[len] > 1; a++) {
        int up[BPE_MAX_PIECE], parts = 0;
        for (int b = a; b < len; b++) {
            up[b] = b;
            parts++;
            const struct node *n = graph_node(g, s->order[start + b]);
            for (int p = 0; p < n->n_in; p++) {
                int from = n->in[p].node < 0 ? -1 : pos[n->in[p].node] - start;
                if (from < a || from >= b)
                    continue;
                int x = root(up, from), y = root(up, b);
                if (x != y)
                    up[x] = y, parts--;
            }
            if (parts == 1 && best[a] + 1 < best[b + 1])
                best[b + 1] = best[a] + 1, cut[b + 1] = a;
        }
    }
}

static void add_segment(struct bpe_segmentation *s, int start, int len)
{
    struct bpe_segment *seg = &s->segment[s->n_segments++];
    *seg = (struct bpe_segment){start, len, true};
    for (int i = start; i < start + len; i++)
        seg->known &= s->token[i] >= 0;
}

static void canonical_segments(const struct graph *g, struct bpe_segmentation *s, const int *len,
                               const int *pos)
{
    for (int i = 0; i < s->n_nodes; i += len[i]) {
        int cut[BPE_MAX_PIECE + 1], end[BPE_MAX_PIECE], n = 0;
        split_piece(g, s, pos, i, len[i], cut);
        for (int e = len[i]; e > 0; e = cut[e])
            end[n++] = e;
        while (n--)
            add_segment(s, i + cut[end[n]], end[n] - cut[end[n]]);
    }
}

/* ---- joining small segments ----
 *
 * Where a network holds patterns that were never mined, pieces stay short. A segment of a node or
 * two is of little use to replace, so one below SMALL joins a neighbour of its block, the one with
 * which fewest tensors cross the boundary. */
enum { SMALL = 4, JOINED_MAX = 16 };

struct join {
    const struct graph *g;
    const struct bpe_segmentation *s;
    const int *pos;
};

static bool touch(const struct join *j, const struct bpe_segment *l, const struct bpe_segment *r)
{
    for (int i = r->start; i < r->start + r->len; i++) {
        const struct node *n = graph_node(j->g, j->s->order[i]);
        for (int p = 0; p < n->n_in; p++)
            if (n->in[p].node >= 0 && j->pos[n->in[p].node] >= l->start &&
                j->pos[n->in[p].node] < r->start)
                return true;
    }
    return false;
}

/* Producers outside and nodes inside that are used outside, of a run of at most JOINED_MAX. */
static int n_ports(const struct join *j, int start, int len)
{
    int32_t seen[64];
    int n_seen = 0, ports = 0;
    for (int i = start; i < start + len; i++) {
        const struct node *n = graph_node(j->g, j->s->order[i]);
        for (int p = 0; p < n->n_in; p++) {
            int32_t from = n->in[p].node;
            if (from < 0 || j->pos[from] >= start)
                continue;
            int k = 0;
            while (k < n_seen && seen[k] != from)
                k++;
            if (k == n_seen && n_seen < 64)
                seen[n_seen++] = from;
        }
        int n_use;
        const struct use *u = graph_uses(j->g, j->s->order[i], &n_use);
        for (int k = 0; k < n_use; k++)
            if (j->pos[u[k].node] >= start + len) {
                ports++;
                break;
            }
    }
    return ports + n_seen;
}

/* Boundary of l and r (neighbours) as one, -1 when they cannot be. */
static int join_cost(const struct join *j, const bool *word_end, const struct bpe_segment *l,
                     const struct bpe_segment *r)
{
    int len = l->len + r->len;
    if (word_end[r->start - 1] || len > JOINED_MAX || !touch(j, l, r))
        return -1;
    return n_ports(j, l->start, len) * (JOINED_MAX + 1) + len;
}

static void join_small(const struct join *j, struct bpe_segmentation *s, const bool *word_end)
{
    int n = 0; /* segments that stay */
    for (int i = 0; i < s->n_segments; i++) {
        struct bpe_segment seg = s->segment[i];
        while (seg.len < SMALL) {
            struct bpe_segment *l = n ? &s->segment[n - 1] : NULL;
            struct bpe_segment *r = i + 1 < s->n_segments ? &s->segment[i + 1] : NULL;
            int left = l ? join_cost(j, word_end, l, &seg) : -1;
            int right = r ? join_cost(j, word_end, &seg, r) : -1;
            if (left < 0 && right < 0)
                break;
            bool to_left = left >= 0 && (right < 0 || left <= right);
            const struct bpe_segment *with = to_left ? l : r;
            seg.start = to_left ? with->start : seg.start;
            seg.len += with->len;
            seg.known &= with->known;
            if (to_left)
                n--;
            else
                i++;
        }
        s->segment[n++] = seg;
    }
    s->n_segments = n;
}

/* A run of unknown tokens is one piece. */
static void reference_segments(struct bpe_segmentation *s, const int *len)
{
    for (int i = 0; i < s->n_nodes;) {
        int n = len[i];
        if (s->token[i] < 0)
            while (i + n < s->n_nodes && s->token[i + n] < 0)
                n++;
        add_segment(s, i, n);
        i += n;
    }
}

static void segment(const struct bpe_vocab *v, const struct graph *g, bool join,
                    struct bpe_segmentation *s)
{
    size_t room = (size_t)graph_n_nodes(g) + 1;
    *s = (struct bpe_segmentation){.n_nodes = graph_n_nodes(g)};
    s->order = x_calloc(room, sizeof *s->order);
    s->token = x_calloc(room, sizeof *s->token);
    s->segment = x_calloc(room, sizeof *s->segment);
    int *len = x_calloc(room, sizeof *len);
    int *pos = x_calloc((size_t)graph_n_slots(g) + 1, sizeof *pos);
    bool *word_end = x_calloc(room, sizeof *word_end);
    struct canon_key *key = x_calloc(room, sizeof *key);
    if (v->mode == BPE_CANONICAL)
        canon_order(g, s->order, word_end, key);
    else
        memcpy(s->order, graph_topo(g), (size_t)s->n_nodes * sizeof *s->order);
    tokenise(v, g, key, s);
    free(key);
    for (int i = 0, start = 0; i < s->n_nodes; i++) {
        pos[s->order[i]] = i;
        if (!word_end[i] && i + 1 < s->n_nodes)
            continue;
        encode(v, s->token + start, i + 1 - start, len + start);
        start = i + 1;
    }
    if (v->mode == BPE_CANONICAL)
        canonical_segments(g, s, len, pos);
    else
        reference_segments(s, len);
    if (join && v->mode == BPE_CANONICAL)
        join_small(&(struct join){g, s, pos}, s, word_end);
    free(len);
    free(pos);
    free(word_end);
}

enum status bpe_segment_graph(const struct bpe_vocab *v, const struct graph *g,
                              struct bpe_segmentation *out, struct err *err)
{
    (void)err;
    segment(v, g, true, out);
    return ST_OK;
}

enum status bpe_segment_pieces(const struct bpe_vocab *v, const struct graph *g,
                               struct bpe_segmentation *out, struct err *err)
{
    (void)err;
    segment(v, g, false, out);
    return ST_OK;
}

void bpe_segmentation_done(struct bpe_segmentation *s)
{
    free(s->order);
    free(s->token);
    free(s->segment);
    memset(s, 0, sizeof *s);
}
