/* The vocabulary as the encoder needs it: which two adjacent symbols spell which piece. */
#include "bpe/bpe_priv.h"
#include <stdlib.h>

static uint64_t pair_key(int left, int right)
{
    return (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
}

int *bpe_trie_put(struct bpe_trie *t, const int *seq, int n)
{
    if (!t->piece.n)
        vec_push(&t->piece, -1);
    int at = 0;
    for (int i = 0; i < n; i++) {
        int64_t *next = u64map_put(&t->edge, pair_key(at, seq[i]), (int64_t)t->piece.n);
        at = (int)*next;
        if ((size_t)at == t->piece.n)
            vec_push(&t->piece, -1);
    }
    return &t->piece.at[at];
}

int bpe_trie_get(const struct bpe_trie *t, const int *seq, int n)
{
    int at = 0;
    for (int i = 0; i < n; i++) {
        const int64_t *next = u64map_get(&t->edge, pair_key(at, seq[i]));
        if (!next)
            return -1;
        at = (int)*next;
    }
    return t->piece.n ? t->piece.at[at] : -1;
}

void bpe_trie_done(struct bpe_trie *t)
{
    u64map_done(&t->edge);
    vec_done(&t->piece);
}

struct bpe_vocab *bpe_vocab_new(enum bpe_mode mode)
{
    struct bpe_vocab *v = x_calloc(1, sizeof *v);
    v->mode = mode;
    return v;
}

void bpe_vocab_free(struct bpe_vocab *v)
{
    if (!v)
        return;
    for (size_t i = 0; i < v->token.n; i++)
        free(v->token.at[i]);
    vec_done(&v->token);
    vec_done(&v->piece);
    vec_done(&v->seq);
    strmap_done(&v->id);
    u64map_done(&v->key_id);
    u64map_done(&v->pair);
    free(v->key);
    free(v);
}

bool bpe_token_is_plain(const char *text)
{
    while (*text >= ' ' && *text <= '~')
        text++;
    return !*text;
}

enum status bpe_vocab_add_token(struct bpe_vocab *v, const char *text, struct err *err)
{
    size_t n = v->token.n;
    struct canon_key key = {0};
    if (!bpe_token_is_plain(text))
        return err_set(err, ST_MODEL, "token %zu holds other than printable ASCII", n);
    if (v->mode == BPE_CANONICAL && !canon_key_parse(text, &key))
        return err_set(err, ST_MODEL, "token %zu: '%.60s' is no canonical token", n, text);
    if (*strmap_put(&v->id, text, (int64_t)n) != (int64_t)n)
        return err_set(err, ST_MODEL, "token %zu: '%.60s' is there twice", n, text);
    if (v->mode == BPE_CANONICAL) {
        if (!(n & (n - 1))) /* room up to the next power of two */
            v->key = x_reallocarray(v->key, n ? 2 * n : 1, sizeof *v->key);
        v->key[n] = key;
        u64map_put(&v->key_id, canon_key_pack(&key), (int64_t)n);
    }
    vec_push(&v->token, x_strdup(text));
    return ST_OK;
}

enum status bpe_vocab_add_piece(struct bpe_vocab *v, const int *seq, int n, struct err *err)
{
    if (n < 2 || n > BPE_MAX_PIECE)
        return err_set(err, ST_MODEL, "merge %zu: %d tokens, must be 2 to %d", v->piece.n, n,
                       BPE_MAX_PIECE);
    for (int i = 0; i < n; i++) {
        if (seq[i] < 0 || (size_t)seq[i] >= v->token.n)
            return err_set(err, ST_MODEL, "merge %zu: there is no token %d", v->piece.n, seq[i]);
        if (v->mode == BPE_CANONICAL && canon_key_barrier(&v->key[seq[i]]))
            return err_set(err, ST_MODEL, "merge %zu: '%s' cannot be merged", v->piece.n,
                           v->token.at[seq[i]]);
    }
    vec_push(&v->piece, (struct bpe_piece){(int)v->seq.n, n});
    for (int i = 0; i < n; i++)
        vec_push(&v->seq, seq[i]);
    return ST_OK;
}

/* Symbol of a part of a piece: the token itself, or a piece, or -1. */
static int part_symbol(const struct bpe_vocab *v, const struct bpe_trie *t, const int *seq, int n)
{
    if (n == 1)
        return seq[0];
    int k = bpe_trie_get(t, seq, n);
    return k < 0 ? -1 : (int)v->token.n + k;
}

/* A piece may be reached by any of its cuts into two symbols, not only by the pair it was learnt
 * from (its tokeniser: the concatenation decides). */
enum status bpe_vocab_finish(struct bpe_vocab *v, struct err *err)
{
    struct bpe_trie t = {0};
    enum status st = ST_OK;
    for (size_t k = 0; k < v->piece.n && st == ST_OK; k++) {
        int *slot = bpe_trie_put(&t, v->seq.at + v->piece.at[k].at, v->piece.at[k].len);
        if (*slot >= 0)
            st = err_set(err, ST_MODEL, "merges %d and %zu are the same", *slot, k);
        *slot = (int)k;
    }
    for (size_t k = 0; k < v->piece.n && st == ST_OK; k++) {
        const int *seq = v->seq.at + v->piece.at[k].at;
        int len = v->piece.at[k].len;
        for (int cut = 1; cut < len; cut++) {
            int l = part_symbol(v, &t, seq, cut);
            int r = part_symbol(v, &t, seq + cut, len - cut);
            if (l >= 0 && r >= 0)
                u64map_put(&v->pair, pair_key(l, r), (int64_t)(v->token.n + k));
        }
    }
    bpe_trie_done(&t);
    return st;
}

int bpe_vocab_join(const struct bpe_vocab *v, int left, int right)
{
    if (left < 0 || right < 0)
        return -1;
    const int64_t *k = u64map_get(&v->pair, pair_key(left, right));
    return k ? (int)*k : -1;
}

struct bpe_vocab *bpe_vocab_prefix(const struct bpe_vocab *v, int n_merges)
{
    struct bpe_vocab *p = bpe_vocab_new(v->mode);
    for (size_t i = 0; i < v->token.n; i++)
        bpe_vocab_add_token(p, v->token.at[i], NULL);
    for (int k = 0; k < n_merges && k < (int)v->piece.n; k++)
        bpe_vocab_add_piece(p, v->seq.at + v->piece.at[k].at, v->piece.at[k].len, NULL);
    bpe_vocab_finish(p, NULL);
    return p;
}

enum bpe_mode bpe_vocab_mode(const struct bpe_vocab *v)
{
    return v->mode;
}

int bpe_vocab_n_tokens(const struct bpe_vocab *v)
{
    return (int)v->token.n;
}

int bpe_vocab_n_merges(const struct bpe_vocab *v)
{
    return (int)v->piece.n;
}

const char *bpe_vocab_token(const struct bpe_vocab *v, int id)
{
    return v->token.at[id];
}

const int *bpe_vocab_merge(const struct bpe_vocab *v, int k, int *len)
{
    *len = v->piece.at[k].len;
    return v->seq.at + v->piece.at[k].at;
}
