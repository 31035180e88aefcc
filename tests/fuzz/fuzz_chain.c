/* The whole chain on networks that are changed again and again: the bytes choose a network, then
 * for each step a segment and what replaces it, or a node and what is done to it by hand. What
 * comes out must be consistent, keep the ends it had, be cut into segments that cover it, and come
 * back from an ONNX file as it was. */
#include "base/mem.h"
#include "base/vec.h"
#include "bpe/bpe.h"
#include "cost/cost.h"
#include "family/family.h"
#include "mutate/mutate.h"
#include "mutate/surgery.h"
#include "onx/onx.h"
#include "shape/shape.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS = 6 };

static const char *const specs[] = {
    "zoo:fsrcnn-3",
    "nb201:|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_1x1~1|"
    "nor_conv_3x3~2|@s",
    "nb201:|nor_conv_1x1~0|+|avg_pool_3x3~0|skip_connect~1|+|nor_conv_1x1~0|nor_conv_3x3~1|"
    "skip_connect~2|@s",
    "nb101:7|110000010001001101101|mp,mp,mp,c1,mp@s",
    "inception:2*p3+p5:4>8/1*p5+s3+ap3:8>4&s5+d5+d5:4>4&s5+d3:4>4&c1+c5:4>4/1*d5+ap3+p5:32>32/"
    "1*c3+dc1:32>16&c5+s3:8>16&p5+d3:8>16&p5+s5+c5:16>16@s",
};
enum { N_SPECS = sizeof specs / sizeof *specs };

static const char *const by_hand[] = {
    "kernel=1",  "kernel=3",        "kernel=5",    "stride=2",      "dilation=2",
    "group=2",   "delete",          "op=relu",     "op=conv3x3",    "op=dw3x3",
    "before=bn", "after=conv1x1/2", "after=relu6", "op=maxpool3x3", "before=avgpool3x3",
};
enum { N_BY_HAND = sizeof by_hand / sizeof *by_hand };

static struct graph *base[N_SPECS];
static VEC(struct graph *) piece;
static struct bpe_vocab *vocab;

static _Noreturn void wrong(const char *what, const struct err *err)
{
    fprintf(stderr, "%s: %s\n", what, err ? err->msg : "");
    abort();
}

/* Segments of all networks, as what may replace others. */
static void add_pieces(const struct graph *g)
{
    struct bpe_segmentation s;
    char why[256];
    if (bpe_segment_graph(vocab, g, &s, NULL) != ST_OK)
        abort();
    for (int k = 0; k < s.n_segments; k++) {
        struct region r;
        struct graph *f;
        if (region_init(&r, g, s.order + s.segment[k].start, s.segment[k].len, NULL) != ST_OK)
            abort();
        if (mutate_region_ok(g, &r, why, sizeof why) && region_extract(g, &r, &f, NULL) == ST_OK)
            vec_push(&piece, f);
        region_done(&r);
    }
    bpe_segmentation_done(&s);
}

static void set_up(void)
{
    struct err err = {0};
    struct bpe_corpus *c = bpe_corpus_new(BPE_CANONICAL);
    for (int i = 0; i < N_SPECS; i++)
        if (family_build(specs[i], 1, &base[i], &err) != ST_OK ||
            bpe_corpus_add(c, base[i], 1, &err) != ST_OK)
            wrong(specs[i], &err);
    if (bpe_train(c, 60, 12, &vocab, &err) != ST_OK)
        wrong("vocabulary", &err);
    bpe_corpus_free(c);
    for (int i = 0; i < N_SPECS; i++)
        add_pieces(base[i]);
}

/* ---- steps: the changed network, or NULL when it was refused ---- */

static struct graph *replace(const struct graph *g, const uint8_t *b)
{
    struct bpe_segmentation s;
    struct region r;
    struct candidate c = {0};
    struct graph *out = NULL;
    struct err err = {0};
    char why[256];
    struct mutate_opts o = {.seed = b[3], .grow = b[0] & 8 ? 4 : 0, .adapt = b[0] & 16};
    o.mend.time_limit_s = 1;
    if (bpe_segment_graph(vocab, g, &s, &err) != ST_OK)
        wrong("segments", &err);
    const struct bpe_segment *p = &s.segment[b[1] % s.n_segments];
    if (region_init(&r, g, s.order + p->start, p->len, &err) != ST_OK)
        wrong("region", &err);
    if (mutate_region_ok(g, &r, why, sizeof why)) {
        enum status st =
            mutate_replace(g, &r, piece.at[(b[2] + b[3] * 256u) % piece.n], &o, &c, &err);
        if (st != ST_OK)
            wrong("replace", &err);
        if (!c.graph && !c.reason[0] && c.status != MEND_TIMEOUT)
            wrong("refused without a reason", NULL);
        out = c.graph ? graph_ref(c.graph) : NULL;
        candidate_done(&c);
    }
    region_done(&r);
    bpe_segmentation_done(&s);
    return out;
}

static struct graph *operate(const struct graph *g, const uint8_t *b)
{
    struct surgery s = {0};
    struct graph *out = NULL;
    struct err err = {0};
    bool taken = false;
    int32_t node = graph_topo(g)[(b[1] + b[3] * 256u) % (unsigned)graph_n_nodes(g)];
    if (surgery_word(&s, by_hand[b[2] % N_BY_HAND], &taken, &err) != ST_OK || !taken)
        wrong(by_hand[b[2] % N_BY_HAND], &err);
    if (surgery_apply(g, node, &s, 1, &out, &err) != ST_OK && !err.msg[0])
        wrong("refused without a reason", NULL);
    return out;
}

/* ---- what must hold ---- */

static void check_file(const struct graph *g)
{
    unsigned char *bytes = NULL;
    size_t n;
    struct graph *back = NULL, *typed = NULL;
    struct err err = {0};
    if (onx_save_bytes(g, &bytes, &n, &err) != ST_OK)
        wrong("save", &err);
    if (onx_load_bytes(&back, bytes, n, NULL, &err) != ST_OK ||
        shape_infer(back, &typed, &err) != ST_OK)
        wrong("load", &err);
    if (graph_hash(typed) != graph_hash(g))
        wrong("the file has another network", NULL);
    graph_unref(typed);
    graph_unref(back);
    free(bytes);
}

static void check(const struct graph *was, const struct graph *g, bool same_ends)
{
    struct graph *typed = NULL;
    struct bpe_segmentation s;
    struct err err = {0};
    struct cost cost;
    int n, m, covered = 0;
    const int32_t *a = graph_outputs(was, &n), *b = graph_outputs(g, &m);
    if (shape_infer(g, &typed, &err) != ST_OK)
        wrong("shapes", &err);
    if (graph_hash(typed) != graph_hash(g))
        wrong("types are not what inference says", NULL);
    for (int i = 0; same_ends && i < n; i++)
        if (m != n || !ttype_equal(graph_input_type(was, graph_node(was, a[i]), 0),
                                   graph_input_type(g, graph_node(g, b[i]), 0)))
            wrong("other outputs", NULL);
    cost_graph(g, &cost);
    if (cost.incomplete || cost.params < 0 || cost.flops < 0)
        wrong("costs", NULL);
    if (bpe_segment_graph(vocab, g, &s, &err) != ST_OK)
        wrong("segments", &err);
    for (int k = 0; k < s.n_segments; k++)
        covered += s.segment[k].len;
    if (covered != graph_n_nodes(g))
        wrong("segments do not cover it", NULL);
    bpe_segmentation_done(&s);
    graph_unref(typed);
    check_file(g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!vocab)
        set_up();
    if (size < 5)
        return 0;
    struct graph *g = graph_ref(base[data[0] % N_SPECS]);
    for (size_t i = 1; i + 4 <= size && i < 1 + 4 * STEPS; i += 4) {
        bool by_segment = data[i] & 1;
        struct graph *next = by_segment ? replace(g, data + i) : operate(g, data + i);
        if (!next)
            continue;
        check(g, next, by_segment);
        graph_unref(g);
        g = next;
    }
    graph_unref(g);
    return 0;
}
