/* The readers of vocabulary and corpus on any bytes: they say no, or what they read can be used and
 * comes back from its own text as it was. */
#include "base/mem.h"
#include "bpe/bpe.h"
#include "family/family.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const struct str *a, const struct str *b)
{
    if (a->n != b->n || memcmp(a->s, b->s, a->n))
        abort();
}

static void use_vocab(const struct bpe_vocab *v)
{
    static struct graph *g;
    struct bpe_segmentation s;
    struct str text = {0}, again = {0};
    struct bpe_vocab *w = NULL, *half = bpe_vocab_prefix(v, bpe_vocab_n_merges(v) / 2);
    int covered = 0;
    if (!g && family_build("zoo:edsr", 1, &g, NULL) != ST_OK)
        abort();
    if (bpe_segment_graph(half, g, &s, NULL) != ST_OK)
        abort();
    for (int i = 0; i < s.n_segments; i++)
        covered += s.segment[i].len;
    if (covered != graph_n_nodes(g))
        abort();
    bpe_segmentation_done(&s);
    bpe_vocab_write(v, &text);
    if (bpe_vocab_read(text.s, text.n, &w, NULL) != ST_OK)
        abort();
    bpe_vocab_write(w, &again);
    same(&text, &again);
    bpe_vocab_free(half);
    bpe_vocab_free(w);
    str_done(&text);
    str_done(&again);
}

static void use_corpus(const struct bpe_corpus *c)
{
    struct bpe_corpus *d = NULL;
    struct bpe_vocab *v = NULL;
    struct str text = {0}, again = {0};
    bpe_corpus_write(c, &text);
    if (bpe_corpus_read(text.s, &d, NULL) != ST_OK)
        abort();
    bpe_corpus_write(d, &again);
    same(&text, &again);
    if (bpe_train(d, 50, 8, &v, NULL) != ST_OK)
        abort();
    bpe_vocab_free(v);
    bpe_corpus_free(d);
    str_done(&text);
    str_done(&again);
}

/* A canonical corpus begins with many fixed lines: a text that begins with '~' comes behind the
 * lists of tokens and groups of one network. */
static char *corpus_text(const uint8_t *data, size_t size)
{
    static struct str head;
    if (!head.n) {
        struct bpe_corpus *c = bpe_corpus_new(BPE_CANONICAL);
        struct graph *g;
        if (family_build("zoo:edsr", 1, &g, NULL) != ST_OK ||
            bpe_corpus_add(c, g, 1, NULL) != ST_OK)
            abort();
        bpe_corpus_write(c, &head);
        head.n = (size_t)(strstr(head.s, "sequences ") - head.s);
        bpe_corpus_free(c);
        graph_unref(g);
    }
    size_t skip = size && data[0] == '~' ? head.n : 0;
    char *text = x_malloc(skip + size + 1);
    memcpy(text, head.s, skip);
    if (size)
        memcpy(text + skip, data + !!skip, size - !!skip);
    text[skip + size - !!skip] = '\0';
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bpe_vocab *v = NULL;
    struct bpe_corpus *c = NULL;
    char *text = corpus_text(data, size);
    if (bpe_vocab_read((const char *)data, size, &v, NULL) == ST_OK)
        use_vocab(v);
    if (bpe_corpus_read(text, &c, NULL) == ST_OK)
        use_corpus(c);
    bpe_vocab_free(v);
    bpe_corpus_free(c);
    free(text);
    return 0;
}
