/* mend_reference: where it agrees with mend_fragment, and each fault it keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/file.h"
#include "tests/unit/mend_make.h"

#include <math.h>

/* Sizes of a square map. */
struct map {
    int64_t c, h;
};

static struct ttype type_of(struct map m)
{
    return ttype_nchw(1, m.c, m.h, m.h);
}

static struct mend_plan refer(struct graph *g, struct map in, struct map out)
{
    struct mend_plan p;
    struct err err = {0};
    struct mend_opts opts = {.time_limit_s = 20};
    struct ttype need_in = type_of(in), need_out = type_of(out);
    if (mend_reference(g, &need_in, &need_out, &opts, &p, &err) != ST_OK)
        fail_msg("%s", err.msg);
    graph_unref(g);
    return p;
}

/* The reference has no answer where there is a repair, or nothing to repair. */
static void expect_fault(struct graph *g, struct map in, struct map out, const char *why)
{
    struct mend_plan p = mend(graph_ref(g), in.c, in.h, out.c, out.h);
    if (!p.fragment)
        fail_msg("%s", p.reason);
    mend_plan_done(&p);
    p = refer(g, in, out);
    expect(&p, MEND_INFEASIBLE);
    assert_null(p.fragment);
    if (!strstr(p.reason, why))
        fail_msg("\"%s\", expected \"%s\"", p.reason, why);
    mend_plan_done(&p);
}

/* x(16, 32) -> a(32) -> b(64, 16) -> c(64) */
static struct graph *three(void)
{
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t x = input(e, 16, 32);
    x = relu(e, conv(e, x, (struct conv){"a", 16, 32, 3, 1, 1, 0}));
    x = relu(e, conv(e, x, (struct conv){"b", 32, 64, 3, 2, 1, 0}));
    output(e, conv(e, x, (struct conv){"c", 64, 64, 3, 1, 1, 0}));
    return finish(e);
}

static const struct mend_change *change_of(const struct mend_plan *p, int32_t node,
                                           enum mend_what what)
{
    for (int i = 0; i < p->n_change; i++)
        if (p->change[i].node == node && p->change[i].what == what)
            return &p->change[i];
    return NULL;
}

static void test_as_it_is(void **state)
{
    (void)state;
    struct mend_plan p = refer(three(), (struct map){16, 32}, (struct map){64, 16});
    expect(&p, MEND_UNCHANGED);
    assert_int_equal(p.n_change, 0);
    assert_non_null(p.fragment);
    mend_plan_done(&p);
}

/* One more halving, late: the last convolution gets the stride. */
static void test_strides_agree(void **state)
{
    (void)state;
    struct mend_plan own = mend(three(), 16, 32, 64, 8);
    struct mend_plan p = refer(three(), (struct map){16, 32}, (struct map){64, 8});
    expect(&own, MEND_REPAIRED);
    expect(&p, MEND_REPAIRED);
    assert_non_null(p.fragment);
    static const char *const name[] = {"a", "b", "c"};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(stride(&p, name[i]), stride(&own, name[i]));
        assert_int_equal(channels(&p, name[i]), channels(&own, name[i]));
    }
    assert_int_equal(stride(&p, "c"), 2);
    assert_int_equal(p.n_change, 2); /* along both axes */
    /* b, which has 2 nodes after it, still halves; its 3 and 1 for the sizes of the relus. */
    assert_true(fabs(p.objective - (2 * (16 + 16) + 3 * (32 + 32 + 32) + 1 * (64 + 16 + 16))) <
                1e-6);
    mend_plan_done(&own);
    mend_plan_done(&p);
}

/* Twice the channels behind the last convolution only. */
static void test_channels_agree(void **state)
{
    (void)state;
    struct graph *g = three();
    struct mend_pin keep[] = {{graph_find(g, "a"), 32}, {graph_find(g, "b"), 64}};
    int32_t c = graph_find(g, "c");
    struct mend_plan own =
        mend_with(graph_ref(g), type_of((struct map){16, 32}), type_of((struct map){128, 16}),
                  (struct mend_opts){.pin = keep, .n_pin = 2});
    struct mend_plan p = refer(g, (struct map){16, 32}, (struct map){128, 16});
    expect(&own, MEND_REPAIRED);
    expect(&p, MEND_REPAIRED);
    assert_non_null(p.fragment);
    assert_int_equal(channels(&p, "a"), 32);
    assert_int_equal(channels(&p, "b"), 64);
    assert_int_equal(channels(&p, "c"), channels(&own, "c"));
    const struct mend_change *ch = change_of(&p, c, MEND_CHANNELS);
    assert_non_null(ch);
    assert_int_equal(ch->before, 64);
    assert_int_equal(ch->after, 128);
    mend_plan_done(&own);
    mend_plan_done(&p);
}

static void test_factor_three(void **state)
{
    (void)state;
    expect_fault(three(), (struct map){16, 32}, (struct map){192, 16}, "no solution");
}

static void test_larger(void **state)
{
    (void)state;
    expect_fault(three(), (struct map){16, 32}, (struct map){64, 32}, "no solution");
}

static void test_concat(void **state)
{
    (void)state;
    expect_fault(concat_of(16, 48), (struct map){32, 8}, (struct map){64, 8}, "'cat' is a concat");
}

static void test_strided_depthwise(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t x = input(e, 16, 32);
    x = conv(e, x, (struct conv){"dw", 16, 16, 3, 2, 1, 16});
    output(e, conv(e, x, (struct conv){"pw", 16, 32, 1, 1, 0, 0}));
    expect_fault(finish(e), (struct map){16, 16}, (struct map){32, 8}, "'dw' is a depthwise");
}

static void test_depthwise_follows(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t x = input(e, 16, 32);
    x = conv(e, x, (struct conv){"dw", 16, 16, 3, 1, 1, 16});
    output(e, conv(e, x, (struct conv){"pw", 16, 32, 1, 1, 0, 0}));
    struct mend_plan p = refer(finish(e), (struct map){24, 16}, (struct map){32, 16});
    expect(&p, MEND_REPAIRED);
    assert_non_null(p.fragment);
    assert_int_equal(channels(&p, "dw"), 24);
    mend_plan_done(&p);
}

static void test_odd(void **state)
{
    (void)state;
    expect_fault(three(), (struct map){16, 27}, (struct map){64, 14}, "no solution");
}

/* 27 -> 13 is solved, but no window makes it: the stride is a fraction. */
static void test_fraction(void **state)
{
    (void)state;
    struct graph *g = three();
    int32_t b = graph_find(g, "b");
    struct mend_plan p = refer(g, (struct map){16, 27}, (struct map){64, 13});
    expect(&p, MEND_REPAIRED);
    assert_null(p.fragment);
    const struct mend_change *ch = change_of(&p, b, MEND_STRIDE_H);
    assert_non_null(ch);
    assert_int_equal(ch->before, 2);
    assert_int_equal(ch->after, 0);
    mend_plan_done(&p);
}

static void test_valid_padding(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    output(e, conv(e, input(e, 16, 32), (struct conv){"c", 16, 32, 3, 1, 0, 0}));
    expect_fault(finish(e), (struct map){16, 16}, (struct map){32, 14}, "no `same` padding");
}

static void test_size_one(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t x = relu(e, conv(e, input(e, 16, 4), (struct conv){"c", 16, 32, 3, 4, 1, 0}));
    output(e, conv(e, x, (struct conv){"d", 32, 32, 1, 1, 0, 0}));
    expect_fault(finish(e), (struct map){16, 4}, (struct map){64, 1}, "no solution");
}

/* Branches of two widths: the walk ahead gives up before the program could make them equal. */
static void test_two_shapes(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t x = input(e, 32, 16);
    int32_t a = conv(e, x, (struct conv){"l", 32, 32, 3, 1, 1, 0});
    output(e, join(e, OP_ADD, "sum", a, x));
    expect_fault(finish(e), (struct map){64, 16}, (struct map){64, 16},
                 "'sum' is reached with two");
}

static void test_write_lp(void **state)
{
    (void)state;
    char path[] = "/tmp/autogo-lp-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    struct err err = {0};
    struct ttype in = type_of((struct map){16, 32}), out = type_of((struct map){64, 8});
    struct graph *g = three();
    assert_int_equal(mend_reference_write_lp(g, &in, &out, path, &err), ST_OK);
    unsigned char *text;
    size_t size;
    assert_int_equal(file_read(path, 1 << 20, &text, &size, &err), ST_OK);
    assert_non_null(strstr((char *)text, "Minimize"));
    assert_non_null(strstr((char *)text, "_channels <= 10000"));
    free(text);
    unlink(path);
    graph_unref(g);
    g = concat_of(16, 48);
    in = type_of((struct map){32, 8});
    assert_int_equal(mend_reference_write_lp(g, &in, &out, path, &err), ST_NO);
    assert_int_equal(access(path, F_OK), -1);
    graph_unref(g);
}

static void test_cancelled(void **state)
{
    (void)state;
    int cancel = 1;
    struct mend_plan p;
    struct err err = {0};
    struct mend_opts opts = {.cancel = &cancel};
    struct ttype in = type_of((struct map){16, 32}), out = type_of((struct map){64, 8});
    struct graph *g = three();
    assert_int_equal(mend_reference(g, &in, &out, &opts, &p, &err), ST_CANCELLED);
    graph_unref(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_it_is),
        cmocka_unit_test(test_strides_agree),
        cmocka_unit_test(test_channels_agree),
        cmocka_unit_test(test_factor_three),
        cmocka_unit_test(test_larger),
        cmocka_unit_test(test_concat),
        cmocka_unit_test(test_strided_depthwise),
        cmocka_unit_test(test_depthwise_follows),
        cmocka_unit_test(test_odd),
        cmocka_unit_test(test_fraction),
        cmocka_unit_test(test_valid_padding),
        cmocka_unit_test(test_size_one),
        cmocka_unit_test(test_two_shapes),
        cmocka_unit_test(test_write_lp),
        cmocka_unit_test(test_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
