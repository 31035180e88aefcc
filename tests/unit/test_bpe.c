/* bpe: tokens, linearisation, training, segments. */
#include "base/rng.h"
#include "bpe/bpe_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

/* ---- small networks ---- */

struct net {
    struct graph_edit *e;
    int n;
};

static int32_t put(struct net *t, struct node *n, const int32_t *from, int n_from)
{
    char name[32];
    for (int i = 0; i < n_from; i++)
        node_add_input(n, from[i], 0);
    snprintf(name, sizeof name, "x%d", t->n++);
    if (n->op != OP_OUTPUT)
        node_add_output(n, name);
    return graph_edit_add(t->e, n);
}

static int32_t op1(struct net *t, enum op op, int32_t from)
{
    return put(t, node_new(op, ""), &from, op == OP_INPUT ? 0 : 1);
}

static int32_t op2(struct net *t, enum op op, int32_t a, int32_t b)
{
    return put(t, node_new(op, ""), (int32_t[]){a, b}, 2);
}

static int32_t conv(struct net *t, int32_t from, int k, int stride, int64_t group)
{
    struct ttype w = ttype_nchw(8, 8 / group, k, k);
    struct node *n = node_new(OP_CONV, "");
    node_add_input(n, from, 0);
    node_add_const(n, tensor_new_he("", &w, 8, 1));
    node_set_ints(n, "kernel_shape", (int64_t[]){k, k}, 2);
    node_set_ints(n, "strides", (int64_t[]){stride, stride}, 2);
    node_set_int(n, "group", group);
    return put(t, n, NULL, 0);
}

static struct net net_new(void)
{
    return (struct net){.e = graph_edit_new(NULL)};
}

static struct graph *net_done(struct net *t)
{
    struct graph *g = NULL;
    struct err err = {0};
    if (graph_edit_freeze(t->e, &g, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return g;
}

/* A stem, `blocks` residual blocks of six nodes, a head. */
static struct graph *residual(int blocks)
{
    struct net t = net_new();
    int32_t x = op1(&t, OP_RELU, conv(&t, op1(&t, OP_INPUT, 0), 7, 2, 1));
    for (int i = 0; i < blocks; i++) {
        int32_t y = op1(&t, OP_RELU, conv(&t, x, 3, 1, 1));
        y = conv(&t, y, 3, 1, 1);
        x = op1(&t, OP_RELU, op2(&t, OP_ADD, y, x));
    }
    op1(&t, OP_OUTPUT, op1(&t, OP_GLOBALAVG, x));
    return net_done(&t);
}

/* A random network of joins, forks, chains, strange operators and opaque nodes; `shuffle` permutes
 * the ids without changing the network. */
static struct graph *random_net(uint64_t seed, bool shuffle)
{
    static const enum op unary[] = {OP_RELU, OP_BATCHNORM, OP_SIGMOID, OP_OPAQUE, OP_ERF};
    struct rng rng = rng_for(seed, 1), order = rng_for(seed, 2);
    int n = 3 + (int)rng_below(&rng, 60), ids[80], at[80];
    struct {
        int kind, a, b;
    } plan[80] = {{0}};
    for (int i = 1; i < n; i++) {
        plan[i].kind = (int)rng_below(&rng, 9);
        plan[i].a = rng_below(&rng, 3) ? i - 1 : (int)rng_below(&rng, (uint64_t)i);
        plan[i].b = (int)rng_below(&rng, (uint64_t)i);
    }
    for (int i = 0; i < n; i++)
        at[i] = i;
    /* Ids are given in the order of `at`; edges may then refer to nodes added later. */
    for (int i = n - 1; i > 0 && shuffle; i--) {
        int k = (int)rng_below(&order, (uint64_t)i + 1), x = at[i];
        at[i] = at[k];
        at[k] = x;
    }
    for (int i = 0; i < n; i++)
        ids[at[i]] = i;
    struct net t = net_new();
    bool used[80] = {false};
    for (int i = 1; i < n; i++) {
        used[plan[i].a] = true;
        if (plan[i].kind >= 7)
            used[plan[i].b] = true;
    }
    for (int k = 0; k < n; k++) {
        int i = at[k], a = ids[plan[i].a], b = ids[plan[i].b];
        if (i == 0)
            op1(&t, OP_INPUT, 0);
        else if (plan[i].kind >= 7)
            op2(&t, plan[i].kind == 7 ? OP_ADD : OP_CONCAT, a, b);
        else if (plan[i].kind >= 5)
            conv(&t, a, plan[i].kind == 5 ? 3 : 1, 1, 1);
        else
            op1(&t, unary[plan[i].kind], a);
    }
    for (int i = 0; i < n; i++)
        if (!used[i])
            op1(&t, OP_OUTPUT, ids[i]);
    return net_done(&t);
}

static struct bpe_vocab *trained(const struct graph *const *g, int n, enum bpe_mode mode)
{
    struct bpe_corpus *c = bpe_corpus_new(mode);
    struct bpe_vocab *v = NULL;
    for (int i = 0; i < n; i++)
        assert_int_equal(bpe_corpus_add(c, g[i], 1, NULL), ST_OK);
    assert_int_equal(bpe_train(c, 300, 16, &v, NULL), ST_OK);
    bpe_corpus_free(c);
    return v;
}

/* ---- tokens ---- */

static void canonical_texts(void **state)
{
    (void)state;
    static const char *const good[] = {"Conv3x3:1:1",        "Conv1x1s2:1:2", "Conv5x5dw:1:1",
                                       "Conv7x7s2g:1:1",     "Add:2:2",       "Concat:3:1",
                                       "BatchNormalization", "opaque",        "input"};
    static const char *const bad[] = {"",           "conv",          "Conv4x4:1:1", "Conv3x3",
                                      "Conv3x3:1",  "Conv3x3:9:1",   "Conv3x3:1:3", "Relu:1:1 ",
                                      "Relu:1:1:1", "Conv3x3s3:1:1", "opaque:1:1",  "Bogus:1:1",
                                      "Conv3x:1:1", "Convs2:1:1",    "input:0:1",   "Relu:-1:1"};
    struct str s = {0};
    struct canon_key k;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(canon_key_parse(good[i], &k));
        str_clear(&s);
        canon_key_text(&k, &s);
        assert_string_equal(str_text(&s), good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (canon_key_parse(bad[i], &k))
            fail_msg("'%s' was taken for a token", bad[i]);
    for (int op = 0; op < OP_COUNT; op++) {
        k = canon_key_generic((enum op)op);
        str_clear(&s);
        canon_key_text(&k, &s);
        assert_true(canon_key_parse(str_text(&s), &k));
        assert_int_equal(k.op, op);
    }
    str_done(&s);
}

static void canonical_classes(void **state)
{
    (void)state;
    struct net t = net_new();
    int32_t in = op1(&t, OP_INPUT, 0);
    int32_t a = conv(&t, in, 9, 3, 1), b = conv(&t, a, 4, 1, 8), c = conv(&t, a, 3, 1, 2);
    int32_t d = op2(&t, OP_ADD, b, c), e = op2(&t, OP_MUL, d, d);
    op1(&t, OP_OUTPUT, e);
    struct graph *g = net_done(&t);
    const struct {
        int32_t id;
        const char *text;
    } want[] = {{in, "input"},       {a, "Conv7x7s2:1:2"}, {b, "Conv3x3dw:1:1"},
                {c, "Conv3x3g:1:1"}, {d, "Add:2:1"},       {e, "Mul:1:1"}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        struct str s = {0};
        struct canon_key k = canon_key_of(g, want[i].id);
        canon_key_text(&k, &s);
        assert_string_equal(str_text(&s), want[i].text);
        str_done(&s);
    }
    graph_unref(g);
}

/* ---- order and segments ---- */

static void check_segments(const struct graph *g, const struct bpe_segmentation *s)
{
    assert_int_equal(s->n_nodes, graph_n_nodes(g));
    int *pos = x_calloc((size_t)graph_n_slots(g), sizeof *pos), at = 0;
    for (int i = 0; i < s->n_nodes; i++)
        pos[s->order[i]] = i + 1;
    for (int i = 0; i < s->n_nodes; i++) {
        const struct node *n = graph_node(g, s->order[i]);
        assert_int_equal(pos[s->order[i]], i + 1); /* nothing is listed twice */
        for (int k = 0; k < n->n_in; k++)
            if (n->in[k].node >= 0)
                assert_true(pos[n->in[k].node] && pos[n->in[k].node] <= i);
    }
    for (int i = 0; i < s->n_segments; i++) {
        struct region r;
        assert_int_equal(s->segment[i].start, at);
        assert_true(s->segment[i].len > 0);
        assert_true(s->segment[i].known);
        assert_int_equal(region_init(&r, g, s->order + at, s->segment[i].len, NULL), ST_OK);
        assert_true(region_is_connected(g, &r));
        assert_true(region_is_convex(g, &r));
        for (int k = 0; k < r.n; k++) {
            enum op op = graph_node(g, r.ids[k])->op;
            if (op == OP_OPAQUE || op == OP_INPUT || op == OP_OUTPUT)
                assert_int_equal(r.n, 1);
        }
        region_done(&r);
        at += s->segment[i].len;
    }
    assert_int_equal(at, s->n_nodes);
    free(pos);
}

/* The short branch comes first, whatever the ids, and the join follows the long one. */
static void branches_are_followed(void **state)
{
    (void)state;
    for (int flip = 0; flip < 2; flip++) {
        struct net t = net_new();
        int32_t x = op1(&t, OP_INPUT, 0), b = 0, l = 0;
        for (int k = 0; k < 2; k++) {
            if (k == flip)
                b = op1(&t, OP_SIGMOID, x);
            else
                l = op1(&t, OP_TANH, op1(&t, OP_RELU, x));
        }
        op1(&t, OP_OUTPUT, op2(&t, OP_MUL, l, b));
        struct graph *g = net_done(&t);
        static const enum op want[] = {OP_INPUT, OP_SIGMOID, OP_RELU, OP_TANH, OP_MUL, OP_OUTPUT};
        int32_t order[6];
        bool word_end[6];
        struct canon_key key[6];
        assert_int_equal(graph_n_nodes(g), 6);
        canon_order(g, order, word_end, key);
        for (int i = 0; i < 6; i++) {
            assert_int_equal(graph_node(g, order[i])->op, want[i]);
            assert_int_equal(key[i].op, want[i]);
            assert_int_equal(word_end[i], i == 0 || i >= 4);
        }
        graph_unref(g);
    }
}

static void random_networks(void **state)
{
    (void)state;
    enum { N = 200 };
    struct graph *g[N];
    for (int i = 0; i < N; i++)
        g[i] = random_net((uint64_t)i, false);
    struct bpe_vocab *v = trained((const struct graph *const *)g, N, BPE_CANONICAL);
    assert_int_equal(bpe_vocab_n_merges(v), 300);
    int longest = 0;
    for (int i = 0; i < N; i++) {
        struct bpe_segmentation s;
        assert_int_equal(bpe_segment_graph(v, g[i], &s, NULL), ST_OK);
        check_segments(g[i], &s);
        for (int k = 0; k < s.n_segments; k++)
            longest = s.segment[k].len > longest ? s.segment[k].len : longest;
        bpe_segmentation_done(&s);
    }
    assert_true(longest > 2);
    for (int i = 0; i < N; i++)
        graph_unref(g[i]);
    bpe_vocab_free(v);
}

/* The sequence of tokens and the cuts do not depend on how nodes are numbered. */
static void numbering_does_not_matter(void **state)
{
    (void)state;
    enum { N = 150 };
    struct graph *a[N], *b[N];
    for (int i = 0; i < N; i++) {
        a[i] = random_net((uint64_t)i + 1000, false);
        b[i] = random_net((uint64_t)i + 1000, true);
        assert_int_equal(graph_hash(a[i]), graph_hash(b[i]));
    }
    struct bpe_vocab *v = trained((const struct graph *const *)a, N, BPE_CANONICAL);
    for (int i = 0; i < N; i++) {
        struct bpe_segmentation s, t;
        assert_int_equal(bpe_segment_graph(v, a[i], &s, NULL), ST_OK);
        assert_int_equal(bpe_segment_graph(v, b[i], &t, NULL), ST_OK);
        assert_int_equal(s.n_segments, t.n_segments);
        assert_memory_equal(s.token, t.token, (size_t)s.n_nodes * sizeof *s.token);
        for (int k = 0; k < s.n_segments; k++)
            assert_int_equal(s.segment[k].len, t.segment[k].len);
        bpe_segmentation_done(&s);
        bpe_segmentation_done(&t);
    }
    for (int i = 0; i < N; i++) {
        graph_unref(a[i]);
        graph_unref(b[i]);
    }
    bpe_vocab_free(v);
}

static void residual_blocks_are_segments(void **state)
{
    (void)state;
    struct graph *g = residual(8);
    struct bpe_vocab *v = trained((const struct graph *const *)&g, 1, BPE_CANONICAL);
    struct bpe_segmentation s;
    assert_int_equal(bpe_segment_graph(v, g, &s, NULL), ST_OK);
    check_segments(g, &s);
    /* The last block feeds the head, not a fork, so it reads differently. */
    int blocks = 0;
    for (int i = 0; i < s.n_segments; i++) {
        struct region r;
        assert_int_equal(region_init(&r, g, s.order + s.segment[i].start, s.segment[i].len, NULL),
                         ST_OK);
        blocks += r.n == 5 && r.n_in == 1 && r.n_out == 1;
        region_done(&r);
    }
    assert_int_equal(blocks, 7);
    bpe_segmentation_done(&s);
    graph_unref(g);
    bpe_vocab_free(v);
}

/* Kernels, activations and normalisations never mined stand for the nearest known ones. */
static void unseen_operators(void **state)
{
    (void)state;
    struct graph *g = residual(8);
    struct bpe_vocab *v = trained((const struct graph *const *)&g, 1, BPE_CANONICAL);
    struct net t = net_new();
    int32_t x = op1(&t, OP_INPUT, 0);
    x = op1(&t, OP_RELU, conv(&t, x, 3, 1, 1));
    for (int i = 0; i < 3; i++) {
        int32_t y = op1(&t, OP_LEAKYRELU, conv(&t, x, 5, 1, 1));
        y = conv(&t, y, 11, 1, 8);
        x = op1(&t, OP_PRELU, op2(&t, OP_SUM, y, x));
    }
    x = op1(&t, OP_DEPTHTOSPACE, x);
    op1(&t, OP_OUTPUT, op1(&t, OP_OPAQUE, x));
    struct graph *h = net_done(&t);
    struct bpe_segmentation s;
    assert_int_equal(bpe_segment_graph(v, h, &s, NULL), ST_OK);
    check_segments(h, &s);
    int of_five = 0, relus = 0;
    for (int i = 0; i < s.n_segments; i++)
        of_five += s.segment[i].len == 5;
    for (int i = 0; i < s.n_nodes; i++)
        relus += str_starts(bpe_vocab_token(v, s.token[i]), "Relu:");
    assert_int_equal(of_five, 2);
    assert_int_equal(relus, 7);
    bpe_segmentation_done(&s);
    graph_unref(g);
    graph_unref(h);
    bpe_vocab_free(v);
}

/* Without any merge every piece is one node; those of a block join to segments of four or more. */
static void small_pieces_join(void **state)
{
    (void)state;
    struct graph *g = residual(8);
    struct bpe_vocab *v = trained((const struct graph *const *)&g, 1, BPE_CANONICAL);
    struct bpe_vocab *none = bpe_vocab_prefix(v, 0);
    struct bpe_segmentation s;
    assert_int_equal(bpe_vocab_n_merges(none), 0);
    assert_int_equal(bpe_segment_pieces(none, g, &s, NULL), ST_OK);
    check_segments(g, &s);
    assert_int_equal(s.n_segments, s.n_nodes);
    bpe_segmentation_done(&s);
    assert_int_equal(bpe_segment_graph(none, g, &s, NULL), ST_OK);
    check_segments(g, &s);
    int small = 0;
    for (int i = 0; i < s.n_segments; i++)
        small += s.segment[i].len < 4;
    assert_int_equal(small, 3); /* input, output, and the stem, which is a block of two */
    bpe_segmentation_done(&s);
    bpe_vocab_free(none);
    bpe_vocab_free(v);
    graph_unref(g);
}

static void groups_weigh_equally(void **state)
{
    (void)state;
    struct bpe_corpus *c = bpe_corpus_new(BPE_REFERENCE);
    struct bpe_vocab *v = NULL;
    int id[4], len;
    for (int i = 0; i < 4; i++) {
        char name[16];
        snprintf(name, sizeof name, "t%d", i);
        id[i] = bpe_corpus_token(c, name, false);
    }
    bpe_corpus_group(c, "large");
    for (int i = 0; i < 100; i++)
        assert_int_equal(bpe_corpus_add_ids(c, (int[]){id[0], id[1], id[i % 2]}, 3, 1, NULL),
                         ST_OK);
    bpe_corpus_group(c, "small");
    assert_int_equal(bpe_corpus_add_ids(c, (int[]){id[2], id[3], id[2], id[3]}, 4, 1, NULL), ST_OK);
    assert_int_equal(bpe_corpus_weight(c, c->group), 75);
    assert_int_equal(bpe_train(c, 1, 16, &v, NULL), ST_OK);
    const int *piece = bpe_vocab_merge(v, 0, &len);
    assert_int_equal(len, 2);
    assert_int_equal(piece[0], id[2]);
    bpe_vocab_free(v);
    v = NULL;
    struct err err = {0};
    assert_int_equal(bpe_train(c, -1, 16, &v, &err), ST_USAGE);
    assert_int_equal(bpe_train(c, 1, 1, &v, &err), ST_USAGE);
    assert_int_equal(bpe_train(c, 1, BPE_MAX_PIECE + 1, &v, &err), ST_USAGE);
    assert_null(v);
    bpe_corpus_free(c);
}

static void barriers_stay_alone(void **state)
{
    (void)state;
    struct net t = net_new();
    int32_t x = op1(&t, OP_INPUT, 0);
    for (int i = 0; i < 10; i++)
        x = op1(&t, OP_OPAQUE, op1(&t, OP_RELU, x));
    op1(&t, OP_OUTPUT, x);
    struct graph *g = net_done(&t);
    struct bpe_vocab *v = trained((const struct graph *const *)&g, 1, BPE_CANONICAL);
    assert_int_equal(bpe_vocab_n_merges(v), 0);
    bpe_vocab_free(v);
    v = trained((const struct graph *const *)&g, 1, BPE_REFERENCE);
    assert_true(bpe_vocab_n_merges(v) > 0);
    bpe_vocab_free(v);
    graph_unref(g);
}

/* Two networks, one of which counts more often: its pattern is learnt first. Relu
 * Sigmoid occurs twice in one, Tanh Abs three times in the other; ties go to the smaller id, that
 * is to Relu, which is seen first. */
static void weights_change_the_order(void **state)
{
    (void)state;
    struct graph *g[2];
    static const enum op pattern[2][2] = {{OP_RELU, OP_SIGMOID}, {OP_TANH, OP_ABS}};
    for (int k = 0; k < 2; k++) {
        struct net t = net_new();
        int32_t x = op1(&t, OP_INPUT, 0);
        for (int i = 0; i < 2 + k; i++) {
            for (int j = 0; j < 2; j++)
                x = op1(&t, pattern[k][j], x);
            x = op1(&t, OP_OPAQUE, x);
        }
        op1(&t, OP_OUTPUT, x);
        g[k] = net_done(&t);
    }
    static const struct {
        int times[2];
        const char *first;
    } cases[] = {
        {{1, 1}, "Tanh:1:1"}, {{2, 1}, "Relu:1:1"}, {{3, 2}, "Relu:1:1"}, {{4, 3}, "Tanh:1:1"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bpe_corpus *c = bpe_corpus_new(BPE_CANONICAL);
        struct bpe_vocab *v = NULL;
        int len;
        for (int k = 0; k < 2; k++)
            assert_int_equal(bpe_corpus_add(c, g[k], cases[i].times[k], NULL), ST_OK);
        assert_int_equal(bpe_train(c, 9, 16, &v, NULL), ST_OK);
        assert_int_equal(bpe_vocab_n_merges(v), 2);
        assert_string_equal(bpe_vocab_token(v, bpe_vocab_merge(v, 0, &len)[0]), cases[i].first);
        assert_int_equal(len, 2);
        bpe_vocab_free(v);
        bpe_corpus_free(c);
    }
    struct bpe_corpus *c = bpe_corpus_new(BPE_CANONICAL);
    struct err err = {0};
    size_t before = c->token.n;
    assert_int_equal(bpe_corpus_add(c, g[0], 0, &err), ST_USAGE);
    assert_int_equal(bpe_corpus_add(c, g[0], BPE_MAX_TIMES + 1, &err), ST_USAGE);
    assert_int_equal(c->token.n, before);
    assert_int_equal(bpe_corpus_add(c, g[0], BPE_MAX_TIMES, &err), ST_OK);
    assert_int_equal(c->total, BPE_MAX_TIMES * graph_n_nodes(g[0]));
    bpe_corpus_free(c);
    graph_unref(g[0]);
    graph_unref(g[1]);
}

/* What a vocabulary has no token for at all does not run together as in the reference mode. */
static void unknown_nodes_stay_apart(void **state)
{
    (void)state;
    static const char text[] = "{\"format\":\"autogo-vocabulary\",\"version\":1,\"mode\":"
                               "\"%s\",\"tokens\":[\"%s\"],\"merges\":[[0,0]]}";
    struct net t = net_new();
    int32_t x = op1(&t, OP_INPUT, 0);
    for (int i = 0; i < 40; i++)
        x = conv(&t, x, 3, 1, 1);
    op1(&t, OP_OUTPUT, x);
    struct graph *g = net_done(&t);
    for (int mode = BPE_REFERENCE; mode <= BPE_CANONICAL; mode++) {
        bool canonical = mode == BPE_CANONICAL;
        char *file = x_asprintf(text, canonical ? "canonical" : "reference",
                                canonical ? "Relu:1:1" : "relu::relu:relu");
        struct bpe_vocab *v = NULL;
        struct bpe_segmentation s;
        int longest = 0;
        assert_int_equal(bpe_vocab_read(file, strlen(file), &v, NULL), ST_OK);
        assert_int_equal(bpe_segment_pieces(v, g, &s, NULL), ST_OK);
        for (int i = 0; i < s.n_segments; i++) {
            assert_false(s.segment[i].known);
            longest = s.segment[i].len > longest ? s.segment[i].len : longest;
        }
        assert_int_equal(longest, canonical ? 1 : s.n_nodes);
        bpe_segmentation_done(&s);
        bpe_vocab_free(v);
        free(file);
    }
    graph_unref(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical_texts),           cmocka_unit_test(canonical_classes),
        cmocka_unit_test(branches_are_followed),     cmocka_unit_test(random_networks),
        cmocka_unit_test(numbering_does_not_matter), cmocka_unit_test(residual_blocks_are_segments),
        cmocka_unit_test(unseen_operators),          cmocka_unit_test(small_pieces_join),
        cmocka_unit_test(groups_weigh_equally),      cmocka_unit_test(barriers_stay_alone),
        cmocka_unit_test(weights_change_the_order),  cmocka_unit_test(unknown_nodes_stay_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
