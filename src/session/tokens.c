/* How a network is cut, in words: tokens, the first merges, and what more of them do. */
#include "session/session_priv.h"

#include "session/describe.h"

enum { FIRST_MERGES = 5 };

static void add_merge(const struct bpe_vocab *v, int k, struct str *out)
{
    int len;
    const int *token = bpe_vocab_merge(v, k, &len);
    str_addf(out, "merge %-4d", k + 1);
    for (int i = 0; i < len; i++)
        str_addf(out, " %s", bpe_vocab_token(v, token[i]));
    str_add(out, "\n");
}

static int longest(const struct bpe_segmentation *s)
{
    int most = 0;
    for (int i = 0; i < s->n_segments; i++)
        if (s->segment[i].len > most)
            most = s->segment[i].len;
    return most;
}

/* A line of the table: the network cut with the first n merges. */
static enum status add_cut(const struct bpe_vocab *v, const struct graph *g, int n, struct str *out,
                           struct err *err)
{
    struct bpe_vocab *part = bpe_vocab_prefix(v, n);
    struct bpe_segmentation pieces = {0}, joined = {0};
    enum status st = bpe_segment_pieces(part, g, &pieces, err);
    if (st == ST_OK)
        st = bpe_segment_graph(part, g, &joined, err);
    if (st == ST_OK)
        str_addf(out, "%8d %7d %9d %9d\n", n, pieces.n_segments, longest(&pieces),
                 joined.n_segments);
    bpe_segmentation_done(&pieces);
    bpe_segmentation_done(&joined);
    bpe_vocab_free(part);
    return st;
}

enum status describe_cuts(const struct session *s, struct str *out, struct err *err)
{
    static const int counts[] = {0, 10, 100, 1000};
    const struct bpe_vocab *v = s->vocab;
    const struct graph *g = session_graph(s);
    int all = bpe_vocab_n_merges(v);
    str_addf(out, "the vocabulary: %d tokens of one node, %d merges\n", bpe_vocab_n_tokens(v), all);
    for (int k = 0; k < all && k < FIRST_MERGES; k++)
        add_merge(v, k, out);
    str_addf(out, "  merges  pieces   longest  segments (small pieces joined to a neighbour)\n");
    for (size_t i = 0; i < sizeof counts / sizeof *counts && counts[i] < all; i++)
        TRY(add_cut(v, g, counts[i], out, err));
    return add_cut(v, g, all, out, err);
}

void describe_tokens(struct session *s, int k, struct str *out)
{
    const struct bpe_segmentation *seg = session_segmentation(s);
    const struct region *r = &session_segment(s, k)->region;
    str_addf(out, "segment %d: %d token%s, %d tensor%s in, %d out\n", k, r->n, r->n == 1 ? "" : "s",
             r->n_in, r->n_in == 1 ? "" : "s", r->n_out);
    for (int i = 0; i < seg->n_nodes; i++) {
        if (!region_has(r, seg->order[i]))
            continue;
        const struct node *node = graph_node(session_graph(s), seg->order[i]);
        str_addf(out, "%-28s %s\n",
                 seg->token[i] < 0 ? "(unknown)" : bpe_vocab_token(s->vocab, seg->token[i]),
                 node_label(node));
    }
}
