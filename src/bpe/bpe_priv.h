/* Inside src/bpe: tokens, linearisation, and the vocabulary as encoder and trainer see it. */
#ifndef BPE_BPE_PRIV_H
#define BPE_BPE_PRIV_H

#include "base/hash.h"
#include "base/str.h"
#include "base/vec.h"
#include "bpe/bpe.h"

/* ---- bpe_canon.c: canonical tokens ---- */

/* What the canonical tokeniser sees of a node. A generic key (only `op`) stands for its operator
 * when nothing nearer is in a vocabulary. */
struct canon_key {
    uint8_t op;
    uint8_t kh, kw;  /* kernel classes 1 2 3 5 7; 0: no kernel */
    uint8_t stride;  /* 0 no kernel, 1, 2 = any larger */
    uint8_t group;   /* enum canon_group */
    uint8_t fan_in;  /* distinct producers, 3 = three or more */
    uint8_t fan_out; /* distinct consumers, 2 = two or more */
    uint8_t generic;
};
enum canon_group { CANON_DENSE, CANON_GROUPED, CANON_DEPTHWISE };

struct canon_key canon_key_of(const struct graph *g, int32_t id);
struct canon_key canon_key_generic(enum op op);
/* Injective; orders keys by operator, then kernel, stride, group, fans. */
uint64_t canon_key_pack(const struct canon_key *k);
void canon_key_text(const struct canon_key *k, struct str *out);
bool canon_key_parse(const char *text, struct canon_key *out);
/* Nodes that no piece may hold together with others. */
bool canon_key_barrier(const struct canon_key *k);
/* How badly `have` stands in for `want`; -1: not at all. 0: equal. */
int canon_key_distance(const struct canon_key *want, const struct canon_key *have);

/* ---- bpe_refer.c: reference tokens ---- */

/* "conv2d:3:relu:fusedbatchnorm,add": operator, kernel width of weighted
 * nodes, in-neighbours, out-neighbours by ascending id. */
void refer_token(const struct graph *g, int32_t id, struct str *out);

/* ---- bpe_order.c ---- */

/* Canonical order of all live nodes into `order` (graph_n_nodes elements): topological,
 * depth-first by branch. word_end[i]: no piece reaches from i to i + 1. key[i]: of order[i]. */
void canon_order(const struct graph *g, int32_t *order, bool *word_end, struct canon_key *key);

/* ---- bpe_vocab.c ---- */

/* Token sequences as a trie, which tells exactly (no hash collisions) which piece a sequence is. */
struct bpe_trie {
    struct u64map edge; /* (node << 32 | token) -> node */
    VEC(int) piece;     /* id at each node, -1: none; node 0 is the root */
};
/* The id slot of `seq`, made when absent (-1); valid until the next call. */
int *bpe_trie_put(struct bpe_trie *t, const int *seq, int n);
int bpe_trie_get(const struct bpe_trie *t, const int *seq, int n); /* -1 when absent */
void bpe_trie_done(struct bpe_trie *t);

struct bpe_piece {
    int at, len; /* in bpe_vocab.seq */
};
/* Symbols: 0 .. n_tokens-1 are tokens, n_tokens + k is the piece of merge rank k. */
struct bpe_vocab {
    enum bpe_mode mode;
    VEC(char *) token;
    VEC(struct bpe_piece) piece;
    VEC(int) seq;
    struct strmap id;      /* token text -> id */
    struct canon_key *key; /* of each token, CANONICAL only */
    struct u64map key_id;  /* packed key -> token id, CANONICAL only */
    struct u64map pair;    /* (left symbol << 32 | right symbol) -> symbol of the concatenation */
};

struct bpe_vocab *bpe_vocab_new(enum bpe_mode mode);
/* Printable ASCII, so that no two tokens become the same in a file. */
bool bpe_token_is_plain(const char *text);
/* ST_MODEL: the token is there already, is not plain, or is no canonical token. Copies the text. */
enum status bpe_vocab_add_token(struct bpe_vocab *v, const char *text, struct err *err);
/* The next piece; its token ids must be in range (ST_MODEL), barriers are refused. */
enum status bpe_vocab_add_piece(struct bpe_vocab *v, const int *seq, int n, struct err *err);
/* Makes `pair` from the pieces; ST_MODEL when two pieces are the same sequence. */
enum status bpe_vocab_finish(struct bpe_vocab *v, struct err *err);
/* Symbol of the concatenation of two symbols, or -1. */
int bpe_vocab_join(const struct bpe_vocab *v, int left, int right);

/* ---- bpe_corpus.c ---- */

struct bpe_line {
    size_t at;
    int len;
    int group;
    int64_t count; /* how often this very sequence was added to the group */
};
struct bpe_corpus {
    enum bpe_mode mode;
    struct strmap id;
    VEC(char *) token;
    VEC(bool) barrier;
    VEC(int) seq; /* all sequences one after another */
    VEC(struct bpe_line) line;
    struct u64map seen; /* hash of a group and a sequence -> index of its line */
    struct strmap group_id;
    int group; /* of what is added now */
    VEC(char *) group_name;
    VEC(int64_t) tokens; /* of each group, repeated sequences counted */
    int64_t total;       /* of all groups */
};
int bpe_corpus_token(struct bpe_corpus *c, const char *text, bool barrier);
/* Adds one sequence `times` times; times >= 1. */
enum status bpe_corpus_add_ids(struct bpe_corpus *c, const int *ids, int n, int64_t times,
                               struct err *err);
/* What an occurrence in this group counts: 1 in the largest group. */
int64_t bpe_corpus_weight(const struct bpe_corpus *c, int group);

#endif
