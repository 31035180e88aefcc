/* The training corpus: token sequences, equal ones held once with their number. */
#include "bpe/bpe_priv.h"
#include <stdlib.h>

/* Positions in the corpus are int32 in the trainer; sums of weighted occurrences are int64. */
#define MAX_TOKENS ((size_t)1 << 30)
#define MAX_TOTAL ((int64_t)1 << 40)

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
    for (size_t i = 0; i < c->group_name.n; i++)
        free(c->group_name.at[i]);
    vec_done(&c->token);
    vec_done(&c->barrier);
    vec_done(&c->seq);
    vec_done(&c->line);
    strmap_done(&c->id);
    u64map_done(&c->seen);
    strmap_done(&c->group_id);
    vec_done(&c->group_name);
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
    if ((size_t)c->group < c->tokens.n)
        return;
    vec_push(&c->tokens, 0);
    vec_push(&c->group_name, x_strdup(name));
}

int64_t bpe_corpus_weight(const struct bpe_corpus *c, int group)
{
    int64_t most = 0, own = c->tokens.at[group];
    for (size_t i = 0; i < c->tokens.n; i++)
        if (c->tokens.at[i] > most)
            most = c->tokens.at[i];
    return own > 0 && most > own ? (most + own / 2) / own : 1;
}

/* Whether `n` more tokens in at most `lines` sequences fit, `times` times. */
static enum status check_room(const struct bpe_corpus *c, size_t n, size_t lines, int64_t times,
                              struct err *err)
{
    /* One place between two sequences stays free in the trainer. */
    if (c->seq.n + c->line.n + n + lines > MAX_TOKENS ||
        times > (MAX_TOTAL - c->total) / (int64_t)n)
        return err_set(err, ST_UNSUPPORTED, "the corpus is too large (%lld tokens)",
                       (long long)c->total);
    return ST_OK;
}

enum status bpe_corpus_add_ids(struct bpe_corpus *c, const int *ids, int n, int64_t times,
                               struct err *err)
{
    if (n <= 0)
        return ST_OK;
    TRY(check_room(c, (size_t)n, 1, times, err));
    size_t bytes = (size_t)n * sizeof *ids;
    int64_t fresh = (int64_t)c->line.n;
    int64_t at = *u64map_put(&c->seen, hash_bytes(ids, bytes, (uint64_t)c->group), fresh);
    c->tokens.at[c->group] += n * times;
    c->total += n * times;
    if (at != fresh && c->line.at[at].len == n && c->line.at[at].group == c->group &&
        !memcmp(c->seq.at + c->line.at[at].at, ids, bytes)) {
        c->line.at[at].count += times;
        return ST_OK;
    }
    vec_push(&c->line, (struct bpe_line){c->seq.n, n, c->group, times});
    vec_reserve(&c->seq, c->seq.n + (size_t)n);
    memcpy(c->seq.at + c->seq.n, ids, bytes);
    c->seq.n += (size_t)n;
    return ST_OK;
}

enum status bpe_corpus_add(struct bpe_corpus *c, const struct graph *g, int times, struct err *err)
{
    int n = graph_n_nodes(g), start = 0;
    if (times < 1 || times > BPE_MAX_TIMES)
        return err_set(err, ST_USAGE, "a network counts 1 to %d times, not %d", BPE_MAX_TIMES,
                       times);
    if (!n)
        return ST_OK;
    /* Before anything is added: a graph comes in whole or not at all. */
    TRY(check_room(c, (size_t)n, (size_t)n, times, err));
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
            st = bpe_corpus_add_ids(c, ids + start, i + 1 - start, times, err);
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
