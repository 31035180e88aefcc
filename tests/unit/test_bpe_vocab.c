/* bpe: vocabulary and corpus files, the shipped vocabulary, the published segmentations. */
#include "base/file.h"
#include "bpe/bpe_priv.h"
#include "family/family.h"
#include "onx/onx.h"

#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

static char *shared(const char *name)
{
    const char *dir = getenv("AUTOGO_SHARED");
    return x_asprintf("%s/data/%s", dir ? dir : SRCDIR "/../shared", name);
}

/* ---- vocabulary files ---- */

static char scratch[] = "/tmp/test_bpe_XXXXXX";

static int make_scratch(void **state)
{
    (void)state;
    int fd = mkstemp(scratch);
    if (fd < 0)
        return -1;
    close(fd);
    return 0;
}

static int drop_scratch(void **state)
{
    (void)state;
    return unlink(scratch);
}

static struct graph *build(const char *spec)
{
    struct graph *g = NULL;
    struct err err = {0};
    if (family_build(spec, 1, &g, &err) != ST_OK)
        fail_msg("%s: %s", spec, err.msg);
    return g;
}

static void save_and_load(void **state)
{
    (void)state;
    struct graph *g = build("zoo:resnet50");
    for (int mode = BPE_REFERENCE; mode <= BPE_CANONICAL; mode++) {
        struct bpe_corpus *c = bpe_corpus_new((enum bpe_mode)mode);
        struct bpe_vocab *v = NULL, *w = NULL;
        unsigned char *first, *again;
        size_t n, m;
        struct bpe_segmentation s, t;
        assert_int_equal(bpe_corpus_add(c, g, 1, NULL), ST_OK);
        assert_int_equal(bpe_train(c, 300, 16, &v, NULL), ST_OK);
        bpe_corpus_free(c);
        assert_int_equal(bpe_vocab_save(v, scratch, NULL), ST_OK);
        assert_int_equal(file_read(scratch, 1 << 20, &first, &n, NULL), ST_OK);
        assert_int_equal(bpe_vocab_load(&w, scratch, NULL), ST_OK);
        assert_int_equal(bpe_vocab_mode(w), mode);
        assert_int_equal(bpe_vocab_save(w, scratch, NULL), ST_OK);
        assert_int_equal(file_read(scratch, 1 << 20, &again, &m, NULL), ST_OK);
        assert_int_equal(n, m);
        assert_memory_equal(first, again, n);
        assert_int_equal(bpe_segment_graph(v, g, &s, NULL), ST_OK);
        assert_int_equal(bpe_segment_graph(w, g, &t, NULL), ST_OK);
        assert_int_equal(s.n_segments, t.n_segments);
        for (int i = 0; i < s.n_segments; i++)
            assert_int_equal(s.segment[i].len, t.segment[i].len);
        bpe_segmentation_done(&s);
        bpe_segmentation_done(&t);
        bpe_vocab_free(v);
        bpe_vocab_free(w);
        free(first);
        free(again);
    }
    graph_unref(g);
}

static enum status load_text(const char *text, size_t n, struct err *err)
{
    struct bpe_vocab *v = NULL;
    *err = (struct err){0};
    assert_int_equal(file_write(scratch, text, n, NULL), ST_OK);
    enum status st = bpe_vocab_load(&v, scratch, err);
    bpe_vocab_free(v);
    return st;
}

static void hostile_vocabularies(void **state)
{
    (void)state;
#define HEAD "{\"format\":\"autogo-vocabulary\",\"version\":1,\"mode\":\"canonical\","
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "nonsense",
        "{\"tokens\":[],\"merges\":[]}",
        "{\"format\":\"other\",\"version\":1}",
        "{\"format\":\"autogo-vocabulary\",\"version\":2,\"mode\":\"canonical\","
        "\"tokens\":[],\"merges\":[]}",
        "{\"format\":\"autogo-vocabulary\",\"version\":1,\"mode\":\"x\",\"tokens\":[],"
        "\"merges\":[]}",
        HEAD "\"tokens\":[]}",
        HEAD "\"tokens\":7,\"merges\":[]}",
        HEAD "\"tokens\":[7],\"merges\":[]}",
        HEAD "\"tokens\":[\"Bogus\"],\"merges\":[]}",
        "{\"format\":\"autogo-vocabulary\",\"version\":1,\"mode\":\"reference\","
        "\"tokens\":[\"\xff\"],\"merges\":[]}",
        HEAD "\"tokens\":[\"Relu:1:1\",\"Relu:1:1\"],\"merges\":[]}",
        HEAD "\"tokens\":[\"Relu:1:1\"],\"merges\":[[0,1]]}",
        HEAD "\"tokens\":[\"Relu:1:1\"],\"merges\":[[0,-1]]}",
        HEAD "\"tokens\":[\"Relu:1:1\"],\"merges\":[[0,0.5]]}",
        HEAD "\"tokens\":[\"Relu:1:1\"],\"merges\":[[0,1e99]]}",
        HEAD "\"tokens\":[\"Relu:1:1\"],\"merges\":[[0]]}",
        HEAD "\"tokens\":[\"Relu:1:1\"],\"merges\":[[]]}",
        HEAD "\"tokens\":[\"Relu:1:1\"],\"merges\":[\"00\"]}",
        HEAD "\"tokens\":[\"Relu:1:1\"],\"merges\":[[0,0],[0,0]]}",
        HEAD "\"tokens\":[\"Relu:1:1\",\"opaque\"],\"merges\":[[0,1]]}",
        "{\"tokens\":[{\"id\":1,\"op\":\"a\",\"k\":null,\"in\":[],\"out\":[]}],\"merges\":[]}",
        "{\"tokens\":[{\"id\":0,\"op\":\"a:b\",\"k\":null,\"in\":[],\"out\":[]}],\"merges\":[]}",
        "{\"tokens\":[{\"id\":0,\"op\":\"a\",\"k\":\"x\",\"in\":[],\"out\":[]}],\"merges\":[]}",
        "{\"tokens\":[{\"id\":0,\"op\":\"a\",\"k\":1,\"in\":[1],\"out\":[]}],\"merges\":[]}",
        "{\"tokens\":[{\"id\":0,\"op\":\"a\",\"k\":1,\"in\":[],\"out\":[]}],"
        "\"merges\":[{\"score\":-3,\"tokens\":[0,0]}]}",
    };
    struct err err;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (load_text(bad[i], strlen(bad[i]), &err) != ST_MODEL)
            fail_msg("taken: %s", bad[i]);
        assert_true(err.msg[0]);
        assert_string_equal(err.file, scratch);
    }
    const char *good = HEAD "\"tokens\":[\"Relu:1:1\",\"Add:2:1\"],\"merges\":[[0,1],[0,1,0]]}";
    assert_int_equal(load_text(good, strlen(good), &err), ST_OK);
    for (size_t n = 0; n < strlen(good); n++)
        assert_int_equal(load_text(good, n, &err), ST_MODEL);
    struct str deep = {0};
    for (int i = 0; i < 100000; i++)
        str_add_char(&deep, '[');
    assert_int_equal(load_text(deep.s, deep.n, &err), ST_MODEL);
    str_done(&deep);
    struct bpe_vocab *v = NULL;
    assert_int_equal(bpe_vocab_load(&v, "/nonexistent/vocab.json", &err), ST_IO);
}

/* ---- corpus files ---- */

/* A corpus of several groups and weights, with names that need care. */
static struct bpe_corpus *some_corpus(enum bpe_mode mode)
{
    static const char *const spec[] = {"zoo:resnet50", "zoo:unet", "zoo:mobilenetv2"};
    struct bpe_corpus *c = bpe_corpus_new(mode);
    for (int i = 0; i < 3; i++) {
        struct graph *g = build(spec[i]);
        bpe_corpus_group(c, i ? "zoo" : "new\nline\\n");
        assert_int_equal(bpe_corpus_add(c, g, 1 + 4 * i, NULL), ST_OK);
        graph_unref(g);
    }
    bpe_corpus_group(c, "empty");
    return c;
}

static void vocab_text(const struct bpe_corpus *c, struct str *out)
{
    struct bpe_vocab *v = NULL;
    assert_int_equal(bpe_train(c, 300, 16, &v, NULL), ST_OK);
    bpe_vocab_write(v, out);
    bpe_vocab_free(v);
}

/* What was read trains the same, and goes on the same. */
static void corpus_comes_back(void **state)
{
    (void)state;
    struct graph *more = build("zoo:vgg16");
    for (int mode = BPE_REFERENCE; mode <= BPE_CANONICAL; mode++) {
        struct bpe_corpus *a = some_corpus((enum bpe_mode)mode), *b = NULL;
        struct str text = {0}, again = {0}, va = {0}, vb = {0};
        struct err err = {0};
        if (mode == BPE_REFERENCE)
            bpe_corpus_token(a, "a\\b", true);
        bpe_corpus_write(a, &text);
        if (bpe_corpus_read(str_text(&text), &b, &err) != ST_OK)
            fail_msg("%s", err.msg);
        assert_int_equal(bpe_corpus_add(a, more, 2, NULL), ST_OK);
        assert_int_equal(bpe_corpus_add(b, more, 2, NULL), ST_OK);
        str_clear(&text);
        bpe_corpus_write(a, &text);
        bpe_corpus_write(b, &again);
        assert_string_equal(str_text(&text), str_text(&again));
        vocab_text(a, &va);
        vocab_text(b, &vb);
        assert_string_equal(str_text(&va), str_text(&vb));
        bpe_corpus_free(a);
        bpe_corpus_free(b);
        str_done(&text);
        str_done(&again);
        str_done(&va);
        str_done(&vb);
    }
    graph_unref(more);
}

static void hostile_corpora(void **state)
{
    (void)state;
#define REF "autogo-corpus 1 reference\n"
    static const struct {
        const char *text, *where;
    } bad[] = {
        {"", "line 1:"},
        {"nonsense", "line 1:"},
        {"autogo-corpus 2 reference\n", "version"},
        {"autogo-corpus 99999999999999999999 reference\n", "line 1:"},
        {"autogo-corpus 1 other\n", "line 1:"},
        {REF "tokens\n", "line 2:"},
        {REF "tokens 1000000000\n", "line 2:"},
        {REF "tokens 2\n+a\n+a\n", "line 4:"},
        {REF "tokens 2\n+a\nb\n", "line 4:"},
        {REF "tokens 1\n+a\\x\n", "line 3:"},
        {REF "tokens 1\n+a", "line 3:"},
        {REF "tokens 1\n+a\\nb\n", "line 3:"},
        {REF "tokens 1\n+\xc3\xa4\n", "line 3:"},
        {REF "tokens 1\n+a\ngroups 0 0\n", "line 4:"},
        {REF "tokens 1\n+a\ngroups 1 1\n\n", "line 4:"},
        {REF "tokens 1\n+a\ngroups 1 0\nx\n", "line 5:"},
        {REF "tokens 1\n+a\ngroups 2 0\n\n\n", "line 6:"},
        {REF "tokens 1\n+a\ngroups 1 0\n\nsequences 1\n0 0 0\n", "line 7:"},
        {REF "tokens 1\n+a\ngroups 1 0\n\nsequences 1\n1 1 0\n", "line 7:"},
        {REF "tokens 1\n+a\ngroups 1 0\n\nsequences 1\n0 1 1\n", "line 7: there is no such token"},
        {REF "tokens 1\n+a\ngroups 1 0\n\nsequences 1\n0 1\n", "line 7:"},
        {REF "tokens 1\n+a\ngroups 1 0\n\nsequences 1\n0 1 -1\n", "line 7:"},
        {REF "tokens 1\n+a\ngroups 1 0\n\nsequences 1\n0 9000000000000000 0 0\n", "too large"},
        {REF "tokens 1\n+a\ngroups 1 0\n\nsequences 0\nx", "line 7: text after the end"},
        {"autogo-corpus 1 canonical\ntokens 1\n!opaque\n", "line 2:"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct bpe_corpus *c = NULL;
        struct err err = {0};
        if (bpe_corpus_read(bad[i].text, &c, &err) != ST_MODEL)
            fail_msg("taken: %s", bad[i].text);
        if (!strstr(err.msg, bad[i].where))
            fail_msg("%s\nsays: %s", bad[i].text, err.msg);
        assert_null(c);
    }
    /* Every shorter text, and a canonical token that is none. */
    struct bpe_corpus *c = some_corpus(BPE_CANONICAL), *none = NULL;
    struct str text = {0};
    struct err err = {0};
    bpe_corpus_write(c, &text);
    bpe_corpus_free(c);
    for (size_t n = text.n; n-- > 0;) {
        text.s[n] = '\0';
        if (n % 7 == 0)
            assert_int_equal(bpe_corpus_read(text.s, &none, NULL), ST_MODEL);
    }
    c = some_corpus(BPE_CANONICAL);
    str_clear(&text);
    bpe_corpus_write(c, &text);
    bpe_corpus_free(c);
    char *relu = strstr(text.s, "\n+Relu:");
    assert_non_null(relu);
    relu[6] = ';';
    assert_int_equal(bpe_corpus_read(text.s, &none, &err), ST_MODEL);
    assert_non_null(strstr(err.msg, "no canonical token"));
    str_done(&text);
}

/* ---- the shipped vocabulary ---- */

static struct bpe_vocab *shipped(void)
{
    char *path = file_data("segments/vocab.json");
    struct bpe_vocab *v = NULL;
    struct err err = {0};
    if (bpe_vocab_load(&v, path, &err) != ST_OK)
        fail_msg("%s: %s", path, err.msg);
    assert_int_equal(bpe_vocab_mode(v), BPE_CANONICAL);
    free(path);
    return v;
}

/* Whatever its kernel, stride, group and neighbours. */
static void every_operator_has_a_token(void **state)
{
    (void)state;
    struct bpe_vocab *v = shipped();
    static const uint8_t kernel[] = {0, 1, 2, 3, 5, 7};
    for (int op = 0; op < OP_COUNT; op++) {
        struct canon_key bare = canon_key_generic((enum op)op);
        for (int i = 0; i < 6 * 2 * 3 * 4 * 3; i++) {
            struct canon_key k = {.op = (uint8_t)op,
                                  .kh = kernel[i % 6],
                                  .kw = kernel[i % 6],
                                  .stride = (uint8_t)(i % 6 ? 1 + i / 6 % 2 : 0),
                                  .group = (uint8_t)(i % 6 ? i / 12 % 3 : 0),
                                  .fan_in = (uint8_t)(i / 36 % 4),
                                  .fan_out = (uint8_t)(i / 144)};
            if (canon_key_barrier(&bare))
                k = bare;
            int n = 0;
            for (int t = 0; t < bpe_vocab_n_tokens(v); t++)
                n += canon_key_distance(&k, &v->key[t]) >= 0;
            if (!n)
                fail_msg("no token for operator %s", op_info((enum op)op)->id);
        }
    }
    bpe_vocab_free(v);
}

static void check_network(const struct bpe_vocab *v, const struct graph *g, const char *name)
{
    struct bpe_segmentation s;
    assert_int_equal(bpe_segment_graph(v, g, &s, NULL), ST_OK);
    if (s.n_nodes < 4 * s.n_segments)
        fail_msg("%s: %d segments for %d nodes", name, s.n_segments, s.n_nodes);
    for (int i = 0; i < s.n_segments; i++) {
        struct region r;
        if (!s.segment[i].known)
            fail_msg("%s: segment %d is not known", name, i);
        assert_int_equal(region_init(&r, g, s.order + s.segment[i].start, s.segment[i].len, NULL),
                         ST_OK);
        assert_true(region_is_connected(g, &r));
        assert_true(region_is_convex(g, &r));
        region_done(&r);
    }
    bpe_segmentation_done(&s);
}

static void segments_are_of_use(void **state)
{
    (void)state;
    static const char *const spec[] = {"zoo:resnet50", "zoo:vgg16", "zoo:edsr", "zoo:unet",
                                       "zoo:mobilenetv2"};
    struct bpe_vocab *v = shipped();
    for (size_t i = 0; i < sizeof spec / sizeof *spec; i++) {
        struct graph *g = build(spec[i]);
        check_network(v, g, spec[i]);
        graph_unref(g);
    }
    bpe_vocab_free(v);
}

static void segments_of_a_foreign_network(void **state)
{
    (void)state;
    char *path = shared("onnx/light_squeezenet.onnx");
    bool there = access(path, R_OK) == 0;
    if (there) {
        struct bpe_vocab *v = shipped();
        struct graph *g = NULL;
        struct err err = {0};
        if (onx_load(&g, path, &err) != ST_OK)
            fail_msg("%s: %s", path, err.msg);
        check_network(v, g, path);
        graph_unref(g);
        bpe_vocab_free(v);
    } else {
        print_message("no %s\n", path);
    }
    free(path);
    if (!there)
        skip();
}

/* ---- against the published segmentations ---- */

static void equal_ints(const char *what, const char *graph, const cJSON *want, const int *have,
                       int n)
{
    const cJSON *j;
    int i = 0;
    cJSON_ArrayForEach(j, want)
    {
        if (i >= n || have[i] != j->valueint)
            fail_msg("%s: %s %d differs", graph, what, i);
        i++;
    }
    assert_int_equal(i, n);
}

static void check_golden(const struct bpe_vocab *v, const cJSON *want)
{
    char *file = x_asprintf("cg/%s.json", want->string), *path = shared(file);
    struct graph *g = NULL;
    struct err err = {0};
    struct bpe_segmentation s;
    if (cgjson_load(&g, path, 1, &err) != ST_OK)
        fail_msg("%s: %s", path, err.msg);
    assert_int_equal(bpe_segment_graph(v, g, &s, NULL), ST_OK);
    int *len = x_calloc((size_t)s.n_segments, sizeof *len);
    for (int i = 0; i < s.n_segments; i++)
        len[i] = s.segment[i].len;
    equal_ints("node", file, cJSON_GetObjectItem(want, "topo"), s.order, s.n_nodes);
    equal_ints("token", file, cJSON_GetObjectItem(want, "tokens"), s.token, s.n_nodes);
    equal_ints("segment", file, cJSON_GetObjectItem(want, "segments"), len, s.n_segments);
    free(len);
    bpe_segmentation_done(&s);
    graph_unref(g);
    free(file);
    free(path);
}

static void golden_segments(void **state)
{
    (void)state;
    char *golden = shared("cg/golden_segments.json"), *vocab = shared("cg/autogo_vocab.json");
    unsigned char *text = NULL;
    size_t size;
    struct bpe_vocab *v = NULL;
    struct err err = {0};
    bool there = access(golden, R_OK) == 0 && access(vocab, R_OK) == 0;
    if (there) {
        if (bpe_vocab_load(&v, vocab, &err) != ST_OK)
            fail_msg("%s", err.msg);
        assert_int_equal(bpe_vocab_mode(v), BPE_REFERENCE);
        assert_int_equal(bpe_vocab_n_tokens(v), 1184);
        assert_int_equal(bpe_vocab_n_merges(v), 813);
        assert_int_equal(file_read(golden, 1 << 24, &text, &size, NULL), ST_OK);
        cJSON *doc = cJSON_ParseWithLength((const char *)text, size);
        const cJSON *want;
        int n = 0;
        cJSON_ArrayForEach(want, doc)
        {
            check_golden(v, want);
            n++;
        }
        assert_int_equal(n, 16);
        cJSON_Delete(doc);
        free(text);
        bpe_vocab_free(v);
    } else {
        print_message("no %s\n", golden);
    }
    free(golden);
    free(vocab);
    if (!there)
        skip();
}

int main(void)
{
    setenv("AUTOGO_DATA", SRCDIR, 0); /* by hand, outside the build tree */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(save_and_load),
        cmocka_unit_test(hostile_vocabularies),
        cmocka_unit_test(corpus_comes_back),
        cmocka_unit_test(hostile_corpora),
        cmocka_unit_test(every_operator_has_a_token),
        cmocka_unit_test(segments_are_of_use),
        cmocka_unit_test(segments_of_a_foreign_network),
        cmocka_unit_test(golden_segments),
    };
    return cmocka_run_group_tests(tests, make_scratch, drop_scratch);
}
