/* Architecture strings: numbered and drawn members of the families, and what is refused where. */
#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"
#include "family/family.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- numbered families ---- */

static void check_string(const char *family, int64_t i, const char *expected)
{
    char *s = family_string(family, i);
    assert_non_null(s);
    assert_string_equal(s, expected);
    free(s);
}

static void test_nb201_strings(void **state)
{
    (void)state;
    char *s = family_nb201_string(0);
    assert_string_equal(s, "nb201:|none~0|+|none~0|none~1|+|none~0|none~1|none~2|");
    free(s);
    /* 3 3 3 1 3 2 in base 5, the first edge first */
    s = family_nb201_string(((((3 * 5 + 3) * 5 + 3) * 5 + 1) * 5 + 3) * 5 + 2);
    assert_string_equal(
        s, "nb201:|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|"
           "nor_conv_1x1~2|");
    free(s);
    assert_null(family_nb201_string(-1));
    assert_null(family_nb201_string(15625));
}

static void test_strings(void **state)
{
    (void)state;
    check_string("nb101", 0, "nb101:2|1|");
    check_string("nb101", 1, "nb101:3|101|c3");
    check_string("nb101@s", 2, "nb101:3|101|c1@s");
    check_string("nb101", 6, "nb101:3|111|mp");
    /* two vertices side by side: exchanged operations are the same cell, six are left of nine */
    check_string("nb101", 43, "nb101:4|110011|c3,c3");
    check_string("nb101", 46, "nb101:4|110011|c1,c1");
    check_string("nb101", 48, "nb101:4|110011|mp,mp");
    check_string("nb101", 423623, "nb101:7|111100100001000100101|mp,mp,mp,mp,mp");
    check_string("hiaml", 0, "hiaml:z,z,z,z");
    check_string("hiaml", 1, "hiaml:z,z,z,a22");
    check_string("hiaml@s", 38415, "hiaml:src8,src8,src8,src8@s");
    check_string("nb201", 0,
                 "nb201:|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|"
                 "skip_connect~1|skip_connect~2|");
    check_string("nb201", 4095,
                 "nb201:|avg_pool_3x3~0|+|avg_pool_3x3~0|avg_pool_3x3~1|+|avg_pool_3x3~0|"
                 "avg_pool_3x3~1|avg_pool_3x3~2|");
}

static void test_out_of_range(void **state)
{
    static const char *const numbered[] = {"nb101", "nb201", "hiaml@s"};
    (void)state;
    for (size_t k = 0; k < sizeof numbered / sizeof *numbered; k++) {
        assert_null(family_string(numbered[k], -1));
        assert_null(family_string(numbered[k], INT64_MIN));
        assert_null(family_string(numbered[k], family_count(numbered[k])));
        assert_null(family_string(numbered[k], INT64_MAX));
    }
    assert_null(family_string("inception", 0));
    assert_null(family_string("twopath@s", 0));
    assert_null(family_string("resnet", 0));
    assert_null(family_string("nb101@", 0));
    assert_null(family_sample("resnet", 1, 0));
    assert_null(family_sample("nb201@t", 1, 0));
    assert_null(family_sample("nb201", 1, -1));
}

static void test_counts(void **state)
{
    (void)state;
    assert_int_equal(family_count("nb101"), 423624);
    assert_int_equal(family_count("nb201"), 4096);
    assert_int_equal(family_count("hiaml@s"), 38416);
    assert_int_equal(family_count("inception"), 0);
    assert_int_equal(family_count("twopath@s"), 0);
    assert_int_equal(family_count("nb20"), -1);
    assert_int_equal(family_count("nb201@t"), -1);
    assert_int_equal(family_count(""), -1);
}

/* A numbered family is walked without repeats, all of it, and wraps at its end. */
static void test_walks(void **state)
{
    static const struct {
        const char *family;
        int look; /* members to look at; the whole family where it has no more */
    } t[] = {{"nb201", 4096}, {"hiaml", 38416}, {"nb101", 20000}};
    (void)state;
    for (size_t k = 0; k < sizeof t / sizeof *t; k++) {
        struct strmap seen = {0};
        int count = (int)family_count(t[k].family);
        for (int i = 0; i < t[k].look; i++) {
            char *s = family_sample(t[k].family, 9, i);
            assert_null(strstr(s, "none"));
            strmap_put(&seen, s, 0);
            free(s);
        }
        assert_int_equal(seen.n, t[k].look);
        strmap_done(&seen);
        char *first = family_sample(t[k].family, 9, 5),
             *wrapped = family_sample(t[k].family, 9, count + 5);
        assert_string_equal(first, wrapped);
        free(first);
        free(wrapped);
    }
}

/* 359082 of the 423624 cells have seven vertices: so do about as many of a sample. */
static void test_nb101_sample_share(void **state)
{
    enum { SAMPLES = 4000 };
    int seven = 0;
    (void)state;
    for (int i = 0; i < SAMPLES; i++) {
        char *s = family_sample("nb101", 3, i);
        seven += str_starts(s, "nb101:7|");
        free(s);
    }
    assert_in_range(seven, (int)(0.825 * SAMPLES), (int)(0.87 * SAMPLES));
}

static void *string_at_once(void *arg)
{
    *(char **)arg = family_string("nb101", 400000);
    return NULL;
}

static void test_threads(void **state)
{
    enum { THREADS = 4 };
    pthread_t thread[THREADS];
    char *s[THREADS];
    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, string_at_once, &s[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        assert_string_equal(s[i], s[0]);
    }
    for (int i = 0; i < THREADS; i++)
        free(s[i]);
}

/* ---- what is refused ---- */

struct refusal {
    const char *spec, *says;
};

static void check_refusals(const struct refusal *t, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct graph *g = NULL;
        struct err err = {0};
        assert_int_equal(family_build(t[i].spec, 1, &g, &err), ST_USAGE);
        assert_null(g);
        if (strncmp(err.msg, t[i].says, strlen(t[i].says)) != 0)
            fail_msg("%s: '%s'", t[i].spec, err.msg);
        assert_string_equal(err.file, t[i].spec);
        assert_int_equal(family_build(t[i].spec, 1, &g, NULL), ST_USAGE);
    }
}

static void test_refused_names(void **state)
{
    static const struct refusal t[] = {
        {"", "position 1: not a network name (known: zoo: nb101: nb201:"},
        {"resnet50", "position 1: not a network name"},
        {"nb101", "position 1: not a network name"},
        {"NB101:2|1|", "position 1: not a network name"},
        {"nb102:2|1|", "position 1: not a network name"},
        {"zoo:", "position 5: unknown network ''"},
        {"zoo:resnet51", "position 5: unknown network 'resnet51' (known: resnet50 resnet101 vgg16"},
        {"zoo:resnet5", "position 5: unknown network 'resnet5'"},
        {"zoo:resnet50@s", "position 5: unknown network"},
        {"zoo:ResNet50", "position 5:"},
        {"zoo:resnet50 ", "position 5:"},
    };
    (void)state;
    check_refusals(t, sizeof t / sizeof *t);
}

static void test_refused_nb101(void **state)
{
    static const struct refusal t[] = {
        {"nb101:", "position 7: number of vertices expected, a number from 2 to 7"},
        {"nb101:@s", "position 7: number of vertices"},
        {"nb101:8|", "position 7: number of vertices"},
        {"nb101:1||", "position 7: number of vertices"},
        {"nb101:-2|1|", "position 7: number of vertices"},
        {"nb101:02|1|", "position 7: number of vertices"},
        {"nb101:99999999999999999999|1|", "position 7: number of vertices"},
        {"nb101:2", "position 8: '|' expected, the text ends here"},
        {"nb101:3;111|c3", "position 8: '|' expected, found ';'"},
        {"nb101:2|", "position 9: 0 or 1 expected, 2 vertices have 1"},
        {"nb101:3|12", "position 10: 0 or 1 expected, 3 vertices have 3"},
        {"nb101:3|10|c3", "position 11: 0 or 1 expected, 3 vertices have 3"},
        {"nb101:3|1000|c3", "position 12: '|' expected, found '0'"},
        {"nb101:3|111;c3", "position 12: '|' expected, found ';'"},
        {"nb101:2|1", "position 10: '|' expected, the text ends here"},
        {"nb101:2|1|c3", "position 11: end of the text expected, found 'c'"},
        {"nb101:2|1|@x", "position 11: end of the text expected, found '@'"},
        {"nb101:3|111|", "position 13: operation expected (known: c3 c1 mp)"},
        {"nb101:3|111|C3", "position 13: unknown operation 'C3'"},
        {"nb101:4|111111|c3", "position 18: ',' expected, the text ends here"},
        {"nb101:4|111111|c3;mp", "position 18: ',' expected, found ';'"},
        {"nb101:4|111111|c3,c4", "position 19: unknown operation 'c4' (known: c3 c1 mp)"},
        {"nb101:4|111111|c3,mp,c1", "position 21: end of the text expected, found ','"},
        {"nb101:4|111111|c3,mp@x", "position 21: end of the text expected, found '@'"},
        {"nb101:4|111111|c3,mp@s@s", "position 21: end of the text expected, found '@'"},
        {"nb101:2|0|", "position 9: no path leads"},
        {"nb101:3|100|c3", "position 9: no path leads"},
        {"nb101:4|100001|c3,mp@s", "position 9: no path leads"},
        {"nb101:5|1111111111|c3,c3,c3", "position 9: 10 edges"},
        {"nb101:7|111111111111111111111|c3,c3,c3,c3,c3", "position 9: 21 edges"},
    };
    (void)state;
    check_refusals(t, sizeof t / sizeof *t);
}

static void test_refused_nb201(void **state)
{
    static const struct refusal t[] = {
        {"nb201:", "position 7: '|' expected, the text ends here"},
        {"nb201:@s", "position 7: '|' expected, the text ends here"},
        {"nb201:none~0|", "position 7: '|' expected, found 'n'"},
        {"nb201:|", "position 8: operation expected"},
        {"nb201:|skip~0|+", "position 8: unknown operation 'skip' (known: none skip_connect"},
        {"nb201:|none-0|", "position 12: '~' expected, found '-'"},
        {"nb201:|none~|", "position 13: source state 0 expected"},
        {"nb201:|none~-1|", "position 13: source state 0 expected"},
        {"nb201:|none~00|", "position 13: source state 0 expected"},
        {"nb201:|none~1|+", "position 13: source state 0 expected"},
        {"nb201:|none~99999999999999999999|", "position 13: source state 0 expected"},
        {"nb201:|none~0+", "position 14: '|' expected, found '+'"},
        {"nb201:|none~0|none~1|", "position 15: '+' expected, found 'n'"},
        {"nb201:|none~0|+|none~0|none~0|", "position 29: source state 1 expected"},
        {"nb201:|none~0|+|none~0|none~1|+|none~0|none~1|", "position 47: operation expected"},
        {"nb201:|none~0|+|none~0|none~1|+|none~0|none~1|none~2", "position 53: '|' expected"},
        {"nb201:|none~0|+|none~0|none~1|+|none~0|none~1|none~2|x", "position 54: end of the text"},
        {"nb201:|none~0|+|none~0|none~1|+|none~0|none~1|none~2|@t", "position 54: end of the text"},
    };
    (void)state;
    check_refusals(t, sizeof t / sizeof *t);
}

static void test_refused_hiaml(void **state)
{
    static const struct refusal t[] = {
        {"hiaml:", "position 7: block expected (known: z a22 b23"},
        {"hiaml:@s", "position 7: block expected"},
        {"hiaml:,z,z,z", "position 7: block expected"},
        {"hiaml: z,z,z,z", "position 7: block expected"},
        {"hiaml:Z,z,z,z", "position 7: unknown block 'Z'"},
        {"hiaml:a2,z,z,z", "position 7: unknown block 'a2'"},
        {"hiaml:src00000000000000000000000000001,z,z,z",
         "position 7: unknown block 'src000000000000000000000...'"},
        {"hiaml:z;z,z,z", "position 8: ',' expected, found ';'"},
        {"hiaml:z,z,src2,z", "position 11: unknown block 'src2' (known: z a22 b23"},
        {"hiaml:z,z,z", "position 12: ',' expected, the text ends here"},
        {"hiaml:z,z,z,", "position 13: block expected"},
        {"hiaml:z,z,z,z,z", "position 14: end of the text expected, found ','"},
        {"hiaml:z,z,z,z@x", "position 14: end of the text expected, found '@'"},
    };
    (void)state;
    check_refusals(t, sizeof t / sizeof *t);
}

static void test_refused_twopath(void **state)
{
    static const struct refusal t[] = {
        {"twopath:", "position 9: operation expected (known: c3 c5 dc3"},
        {"twopath:/c3!.c3!", "position 9: operation expected"},
        {"twopath:c7!.c3!/c3!.c3!", "position 9: unknown operation 'c7'"},
        {"twopath:c3!,c3!/c3!.c3!", "position 12: '/' expected, found ','"},
        {"twopath:c3!.c3!", "position 16: '/' expected, the text ends here"},
        {"twopath:c3!.c3!@s", "position 16: '/' expected, the text ends here"},
        {"twopath:c3!.c3!/c3+!.c3!", "position 20: operation expected"},
        {"twopath:c3!.c3!/c3!.", "position 21: operation expected"},
        {"twopath:c3!.c3!/c3!.c3!!", "position 24: end of the text expected, found '!'"},
        {"twopath:c3!.c3!/c3!.c3!@x", "position 24: end of the text expected, found '@'"},
        {"twopath:c3!.c3!/c3!.c3!/c3!.c3!", "position 24: end of the text expected, found '/'"},
        {"twopath:c3!.c3/c3!.c3!", "position 9: 1 of the path's blocks are reductions"},
        {"twopath:c3!.c3!/c3!.c3!.c3!", "position 17: 3 of the path's blocks are reductions"},
        {"twopath:c3!.c3!/c1!.c3!", "position 17: a block has at least one convolution"},
        {"twopath:c3!.c3!/c1+c3+ap3!.c3!", "position 17: a block has at least one convolution"},
        {"twopath:c3!.c3!/c3+c3+c3+c3!.c3!", "position 26: a block has at most 3"},
        {"twopath:c3!.c3!.c3.c3.c3/c3!.c3!", "position 23: a path has at most 4 blocks"},
    };
    (void)state;
    check_refusals(t, sizeof t / sizeof *t);
}

static void test_refused_inception(void **state)
{
    static const struct refusal t[] = {
        {"inception:", "position 11: number of blocks expected, a number from 1 to 16"},
        {"inception:*c3:32>32", "position 11: number of blocks"},
        {"inception:0*c3:32>32", "position 11: number of blocks"},
        {"inception:17*c3:32>32", "position 11: number of blocks"},
        {"inception:02*c3:32>32", "position 11: number of blocks"},
        {"inception:99999999999999999999*c3:32>32", "position 11: number of blocks"},
        {"inception:2c3:32>32", "position 12: '*' expected, found 'c'"},
        {"inception:2*c4:32>32", "position 13: unknown operation 'c4' (known: c3 c5 d3"},
        {"inception:2*ap3:32>32", "position 13: a path needs one of c3"},
        {"inception:2*c3;32>32", "position 15: ':' expected, found ';'"},
        {"inception:2*c3:16>32", "position 16: one operation alone"},
        {"inception:2*c3:1>32", "position 16: inner width expected, a number from 2 to"},
        {"inception:2*c3:32<32", "position 18: '>' expected, found '<'"},
        {"inception:2*c3:32>", "position 19: width expected, a number from 2 to"},
        {"inception:2*c3:32>99999999999999999999", "position 19: width expected"},
        {"inception:2*c3:32>32", "position 21: '/' expected, the text ends here"},
        {"inception:2*c3:32>32;2*c3:64>64", "position 21: '/' expected, found ';'"},
        {"inception:2*c3:32>32&", "position 22: operation expected"},
        {"inception:2*c3:8>8&c3:8>8&c3:8>8&c3:8>8&c3:8>8", "position 41: a block has at most 4"},
        {"inception:1*c3+c3+c3+c3+c3+c3+c3+c3+c3+c3+c3:8>8", "position 43: a path has at most 10"},
        {"inception:2*c3:8>8/2*c3:8>8/2*c3:8>8/2*c3:8>8/", "position 46: end of the text"},
        {"inception:2*c3:8>8/2*c3:8>8/2*c3:8>8/2*c3:8>8@x", "position 46: end of the text"},
    };
    (void)state;
    check_refusals(t, sizeof t / sizeof *t);
}

static void test_huge_text(void **state)
{
    static const char *const head[] = {
        "zoo:",       "nb201:|",         "nb201:|none~", "hiaml:",  "twopath:c3",
        "inception:", "inception:2*c3:", "nb101:",       "nb101:7|"};
    const size_t size = 1 << 20;
    char *text = x_malloc(size + 1);
    (void)state;
    for (size_t i = 0; i < sizeof head / sizeof *head; i++) {
        struct graph *g = NULL;
        struct err err = {0};
        memset(text, '1', size);
        memcpy(text, head[i], strlen(head[i]));
        text[size] = '\0';
        assert_int_equal(family_build(text, 1, &g, &err), ST_USAGE);
        assert_non_null(strstr(err.msg, "position"));
        text[3000] = '\0';
        assert_int_equal(family_build(text, 1, &g, &err), ST_USAGE);
    }
    free(text);
}

static void test_is_spec(void **state)
{
    (void)state;
    assert_true(family_is_spec("zoo:anything"));
    assert_true(family_is_spec("nb201:|"));
    assert_false(family_is_spec("zoo"));
    assert_false(family_is_spec("nb201.onnx"));
    assert_false(family_is_spec("./zoo:resnet50"));
}

/* ---- damaged strings ---- */

/* Some characters of a string changed, taken out, put in or repeated, any byte or one that the
 * grammars use. */
static void damage(struct str *text, const char *whole, size_t prefix, struct rng *r)
{
    static const char known[] = "0123456789|+~&*>:/.!,@scdpnm";
    size_t n = strlen(whole), from = 0;
    uint64_t cuts = 1 + rng_below(r, 3);
    for (uint64_t k = 0; k < cuts && from < n; k++) {
        size_t at = prefix + rng_below(r, n - prefix + 1);
        at = at < from ? from : at;
        str_add_n(text, whole + from, at - from);
        from = at + rng_below(r, 3);
        if (rng_below(r, 8) == 0 && at > prefix)
            str_add_n(text, whole + prefix, at - prefix);
        else if (rng_below(r, 4) == 0)
            str_add_char(text, (char)(1 + rng_below(r, 255)));
        else
            str_add_char(text, known[rng_below(r, sizeof known - 1)]);
    }
    if (from < n)
        str_add(text, whole + from);
}

/* Either a network, or a fault with a position in the text or just behind it. */
static void test_damaged(void **state)
{
    enum { ROUNDS = 4000 };
    const char *name;
    (void)state;
    for (int f = 0; (name = family_name_at(f)); f++) {
        int refused = 0;
        for (int i = 0; i < ROUNDS; i++) {
            struct rng r = rng_for(77, (uint64_t)(f * ROUNDS + i));
            char *family = x_asprintf("%s@s", name), *whole = family_sample(family, 2, i);
            struct str text = {0};
            struct graph *g = NULL;
            struct err err = {0};
            damage(&text, whole, strlen(name) + 1, &r);
            enum status st = family_build(str_text(&text), 1, &g, &err);
            size_t position = 0;
            if (st == ST_OK)
                assert_true(graph_n_nodes(g) > 2);
            else if (st != ST_USAGE || sscanf(err.msg, "position %zu: ", &position) != 1 ||
                     position <= strlen(name) || position > text.n + 1)
                fail_msg("%s: status %d, '%s'", str_text(&text), (int)st, err.msg);
            refused += st != ST_OK;
            graph_unref(g);
            str_done(&text);
            free(whole);
            free(family);
        }
        assert_in_range(refused, ROUNDS / 2, ROUNDS - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* first: the cells of NB-101 are numbered by the first who asks */
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_nb201_strings),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_out_of_range),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_walks),
        cmocka_unit_test(test_nb101_sample_share),
        cmocka_unit_test(test_refused_names),
        cmocka_unit_test(test_refused_nb101),
        cmocka_unit_test(test_refused_nb201),
        cmocka_unit_test(test_refused_hiaml),
        cmocka_unit_test(test_refused_twopath),
        cmocka_unit_test(test_refused_inception),
        cmocka_unit_test(test_huge_text),
        cmocka_unit_test(test_is_spec),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
