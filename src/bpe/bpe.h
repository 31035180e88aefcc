/* Segments: linearise a graph into tokens, learn and apply a BPE vocabulary.
 *
 * Two tokenisers. REFERENCE is the paper's: level order, operator + kernel
 * width + ordered neighbours, runs of unknown tokens are one piece; it reproduces the published
 * segmentations. CANONICAL is the default: depth-first by branch so that pieces stay on a branch,
 * cut into words at the ends of blocks (so that few tensors cross a boundary); order-free
 * neighbour classes, kernel height and width, stride and group class; unknown kernels fall back to
 * the nearest class; every piece is split until it is connected and convex, and small ones join a
 * neighbour of their block.
 * A vocabulary is immutable once made and may be shared by threads. */
#ifndef BPE_BPE_H
#define BPE_BPE_H

#include "base/str.h"
#include "graph/region.h"

enum { BPE_MAX_PIECE = 64 };
enum bpe_mode { BPE_REFERENCE, BPE_CANONICAL };

struct bpe_vocab; /* opaque, refcounted is not needed: one owner */

/* The file's text, as bpe_vocab_save writes it, without a file. */
void bpe_vocab_write(const struct bpe_vocab *v, struct str *out);
enum status bpe_vocab_read(const char *text, size_t n, struct bpe_vocab **out, struct err *err);
/* Reads our vocabulary file or the JSON of the paper's vocabulary (origin, tokens, merges), which
 * selects REFERENCE. */
enum status bpe_vocab_load(struct bpe_vocab **out, const char *path, struct err *err);
enum status bpe_vocab_save(const struct bpe_vocab *v, const char *path, struct err *err);
void bpe_vocab_free(struct bpe_vocab *v);
/* The vocabulary with its first n_merges merges only, for finer segments. */
struct bpe_vocab *bpe_vocab_prefix(const struct bpe_vocab *v, int n_merges);
enum bpe_mode bpe_vocab_mode(const struct bpe_vocab *v);
int bpe_vocab_n_tokens(const struct bpe_vocab *v); /* single-node tokens */
int bpe_vocab_n_merges(const struct bpe_vocab *v);
/* Text of a token ("Conv3x3s2:1:1"), 0 <= id < n_tokens; borrowed from the vocabulary. */
const char *bpe_vocab_token(const struct bpe_vocab *v, int id);
/* The token ids that merge k (its rank, 0 = first learnt) stands for; borrowed. */
const int *bpe_vocab_merge(const struct bpe_vocab *v, int k, int *len);

/* Learns merges over a corpus of token-id sequences: repeatedly the most frequent adjacent pair,
 * never across sequences nor barriers (input, output and opaque nodes of CANONICAL). Occurrences
 * do not overlap (in AAA the pair AA occurs once). Ties: the smallest left id, then the smallest
 * right id; tokens are numbered in order of first sight, the pieces learnt follow them. A pair
 * that spells a piece already learnt in another way is passed over, as in SentencePiece. Learning
 * ends after n_merges, or when no pair of at most max_piece tokens occurs twice. */
struct bpe_corpus; /* token strings interned to ids, and sequences of them */
struct bpe_corpus *bpe_corpus_new(enum bpe_mode mode);
void bpe_corpus_free(struct bpe_corpus *c);
/* What is added from now on belongs to this group ("" before the first call). Groups weigh equally
 * in training, each by the number of its tokens, so a large family does not crowd out the
 * patterns of a small one. */
void bpe_corpus_group(struct bpe_corpus *c, const char *name);
/* Adds the sequences of `g` as if it came `times` times (1 .. BPE_MAX_TIMES, else ST_USAGE), which
 * is how a corpus is weighted by the measured performance of its networks. */
enum { BPE_MAX_TIMES = 1000 };
enum status bpe_corpus_add(struct bpe_corpus *c, const struct graph *g, int times, struct err *err);
/* The corpus as text, and back, so that mining can go on after an interruption: training on what
 * was read gives the same vocabulary. ST_MODEL names the line. */
void bpe_corpus_write(const struct bpe_corpus *c, struct str *out);
enum status bpe_corpus_read(const char *text, struct bpe_corpus **out, struct err *err);
/* O(L log L) for a corpus of L tokens. n_merges >= 0, 2 <= max_piece <= BPE_MAX_PIECE. */
enum status bpe_train(const struct bpe_corpus *c, int n_merges, int max_piece,
                      struct bpe_vocab **out, struct err *err);

struct bpe_segment {
    int start, len; /* in `order` */
    bool known;     /* all its tokens are in the vocabulary */
};
struct bpe_segmentation {
    int n_nodes, n_segments;
    int32_t *order; /* node ids in linearised order */
    int *token;     /* token id of each in that order, -1 = not in the vocabulary */
    struct bpe_segment *segment;
};
/* CANONICAL: every segment is connected and convex (region.h), since the order is topological and
 * pieces are split where they fall apart. O(V log V + E). */
enum status bpe_segment_graph(const struct bpe_vocab *v, const struct graph *g,
                              struct bpe_segmentation *out, struct err *err);
/* The same without joining the pieces of fewer than four nodes to a neighbour of their block,
 * which bpe_segment_graph does in CANONICAL. */
enum status bpe_segment_pieces(const struct bpe_vocab *v, const struct graph *g,
                               struct bpe_segmentation *out, struct err *err);
void bpe_segmentation_done(struct bpe_segmentation *s);

#endif
