/* The training corpus: token sequences, equal ones held once with their number. */
#include "bpe/bpe_priv.h"
#include <stdlib.h>

/* Positions in the corpus are int32 in the trainer. */
#define MAX_TOKENS ((size_t)1 << 30)

struct bpe_corpus *bpe_corpus_new(enum bpe_mode mode)
{
    struct bpe_corpus *c = x_calloc(1, sizeof *c);
    c->mode = mode;
    bpe_corpus_group(c, "");
    if (mode != BPE_CANONICAL)
        return c;
    /* A bare token for every operator, so that nothing is ever unknown to the vocabulary. */
    struct str s = {0};
    for (int op = 0; op < OP_COUNT; op++) {
        struct canon_key k = canon_key_generic((enum op)op);
        str_clear(&s);
        canon_key_text(&k, &s);
        bpe_corpus_token(c, str_text(&s), canon_key_barrier(&k));
    }
    str_done(&s);
    return c;
}

void bpe_corpus_free(struct bpe_corpus *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->token.n; i++)
        free(c->token.at[i]);
    vec_done(&c->token);
    vec_done(&c->barrier);
    vec_done(&c->seq);
    vec_done(&c->line);
    strmap_done(&c->id);
    u64map_done(&c->seen);
    strmap_done(&c->group_id);
    vec_done(&c->tokens);
    free(c);
}

int bpe_corpus_token(struct bpe_corpus *c, const char *text, bool barrier)
{
    int64_t n = (int64_t)c->token.n;
    int64_t id = *strmap_put(&c->id, text, n);
    if (id == n) {
        vec_push(&c->token, x_strdup(text));
        vec_push(&c->barrier, barrier);
    }
    return (int)id;
}

void bpe_corpus_group(struct bpe_corpus *c, const char *name)
{
    c->group = (int)*strmap_put(&c->group_id, name, (int64_t)c->tokens.n);
    if ((size_t)c->group == c->tokens.n)
        vec_push(&c->tokens, 0);
}

int64_t bpe_corpus_weight(const struct bpe_corpus *c, int group)
{
    int64_t most = 0, own = c->tokens.at[group];
    for (size_t i = 0; i < c->tokens.n; i++)
        if (c->tokens.at[i] > most)
            most = c->tokens.at[i];
    return own > 0 && most > own ? (most + own / 2) / own : 1;
}

enum status bpe_corpus_add_ids(struct bpe_corpus *c, const int *ids, int n, struct err *err)
{
    if (n <= 0)
        return ST_OK;
    /* One place between two sequences stays free in the trainer. */
    if (c->seq.n + c->line.n + (size_t)n >= MAX_TOKENS)
        return err_set(err, ST_UNSUPPORTED, "the corpus is too large (%zu tokens)", c->seq.n);
    size_t bytes = (size_t)n * sizeof *ids;
    int64_t fresh = (int64_t)c->line.n;
    int64_t at = *u64map_put(&c->seen, hash_bytes(ids, bytes, (uint64_t)c->group), fresh);
    c->tokens.at[c->group] += n;
    if (at != fresh && c->line.at[at].len == n && c->line.at[at].group == c->group &&
        !memcmp(c->seq.at + c->line.at[at].at, ids, bytes)) {
        c->line.at[at].count++;
        return ST_OK;
    }
    vec_push(&c->line, (struct bpe_line){c->seq.n, n, c->group, 1});
    vec_reserve(&c->seq, c->seq.n + (size_t)n);
    memcpy(c->seq.at + c->seq.n, ids, bytes);
    c->seq.n += (size_t)n;
    return ST_OK;
}

enum status bpe_corpus_add(struct bpe_corpus *c, const struct graph *g, struct err *err)
{
    int n = graph_n_nodes(g), start = 0;
    int *ids = x_calloc((size_t)n + 1, sizeof *ids);
    bool *word_end = x_calloc((size_t)n + 1, sizeof *word_end);
    struct str s = {0};
    int32_t *order = NULL;
    struct canon_key *key = NULL;
    const int32_t *at = graph_topo(g);
    if (c->mode == BPE_CANONICAL) {
        at = order = x_calloc((size_t)n + 1, sizeof *order);
        key = x_calloc((size_t)n + 1, sizeof *key);
        canon_order(g, order, word_end, key);
    }
    enum status st = ST_OK;
    for (int i = 0; i < n && st == ST_OK; i++) {
        bool barrier = false;
        str_clear(&s);
        if (c->mode == BPE_CANONICAL) {
            barrier = canon_key_barrier(&key[i]);
            canon_key_text(&key[i], &s);
        } else {
            refer_token(g, at[i], &s);
        }
        ids[i] = bpe_corpus_token(c, str_text(&s), barrier);
        if (word_end[i] || i + 1 == n) {
            st = bpe_corpus_add_ids(c, ids + start, i + 1 - start, err);
            start = i + 1;
        }
    }
    free(ids);
    free(word_end);
    free(order);
    free(key);
    str_done(&s);
    return st;
}
