/* mend: what is said about typical conflicts, and what a repair says when parts are left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "tests/unit/mend_make.h"

/* Takes g; the conflict must have these words. Its parts, for what else a test wants to see. */
static struct mend_conflict expect_text(struct graph *g, struct ttype in, struct ttype out,
                                        struct mend_opts opts, const char *text)
{
    struct mend_conflict c;
    struct err err = {0};
    enum status st = mend_explain(g, &in, &out, &opts, &c, &err);
    if (st != ST_OK)
        fail_msg("%s", err.msg);
    assert_string_equal(c.text, text);
    graph_unref(g);
    return c;
}

static void expect_words(struct graph *g, struct ttype in, struct ttype out, struct mend_opts opts,
                         int n, const char *text)
{
    struct mend_conflict c = expect_text(g, in, out, opts, text);
    assert_int_equal(c.n, n);
    assert_true(n == 0 || c.minimal);
    mend_conflict_done(&c);
}

static struct graph *residual(void)
{
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t x = input(e, 64, 16);
    int32_t a = relu(e, conv(e, x, (struct conv){"a", 64, 16, 1, 1, 0, 0}));
    int32_t b = conv(e, a, (struct conv){"b", 16, 64, 3, 1, 1, 0});
    output(e, join(e, OP_ADD, "sum", b, x));
    return finish(e);
}

static void test_shortcut(void **state)
{
    (void)state;
    struct ttype in = ttype_nchw(1, 64, 16, 16), out = ttype_nchw(1, 128, 16, 16);
    struct mend_conflict c =
        expect_text(residual(), in, out, (struct mend_opts){0},
                    "output 'y' needs 128 channels, but input 'x' has 64, and no convolution lies "
                    "between: 'sum' (Add) keeps it");
    assert_int_equal(c.n, 3);
    assert_int_equal(c.part[0].kind, MEND_PART_INPUT);
    assert_int_equal(c.part[1].kind, MEND_PART_NODE);
    assert_int_equal(c.part[2].kind, MEND_PART_OUTPUT);
    assert_int_equal(c.part[1].axis, MEND_AXIS_C);
    mend_conflict_done(&c);
}

static void test_joined_pin(void **state)
{
    (void)state;
    struct graph *g = residual();
    struct mend_pin pin = {graph_find(g, "b"), 96};
    struct ttype t = ttype_nchw(1, 64, 16, 16);
    expect_words(g, t, t, (struct mend_opts){.pin = &pin, .n_pin = 1}, 3,
                 "'sum' (Add) joins 64 channels (input 'x') with 96 (the pin on 'b'), and no "
                 "convolution lies between");
}

/* A map of one channel may stay so beside any number, but not become another. */
static void test_broadcast(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t x = input(e, 16, 16);
    int32_t a = conv(e, x, (struct conv){"a", 16, 1, 3, 1, 1, 0});
    output(e, join(e, OP_MUL, "gate", x, a));
    struct graph *g = finish(e);
    struct mend_pin pin = {a, 4};
    struct mend_opts opts = {.pin = &pin, .n_pin = 1};
    struct ttype t = ttype_nchw(1, 32, 16, 16);
    expect_words(graph_ref(g), t, t, opts, 3,
                 "'gate' (Mul) joins 32 channels (input 'x') with 4 (the pin on 'a'), and no "
                 "convolution lies between");
    struct mend_part part[2] = {{MEND_PART_INPUT, MEND_AXIS_C, graph_find(g, "x")},
                                {MEND_PART_OUTPUT, MEND_AXIS_C, graph_find(g, "y")}};
    opts.without = part;
    for (opts.n_without = 1; opts.n_without <= 2; opts.n_without++) {
        struct mend_plan p = mend_with(graph_ref(g), t, t, opts);
        expect(&p, opts.n_without == 2 ? MEND_REPAIRED : MEND_INFEASIBLE);
        mend_plan_done(&p);
    }
    graph_unref(g);
}

static void test_depthwise_between(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t x = conv(e, input(e, 16, 16), (struct conv){"pw", 16, 96, 1, 1, 0, 0});
    output(e, relu(e, conv(e, x, (struct conv){"dw", 96, 96, 3, 1, 1, 96})));
    struct graph *g = finish(e);
    struct mend_bound bound = {graph_find(g, "pw"), 80, 96};
    expect_words(g, ttype_nchw(1, 16, 16, 16), ttype_nchw(1, 64, 16, 16),
                 (struct mend_opts){.bound = &bound, .n_bound = 1}, 4,
                 "output 'y' needs 64 channels, but the bound on 'pw' allows 80 to 96, and no "
                 "convolution lies between but depthwise ones: 'dw' (Conv) and 'relu' (Relu) "
                 "keep it");
}

static void test_groups(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    output(e, relu(e, conv(e, input(e, 32, 16), (struct conv){"g", 32, 32, 3, 1, 1, 4})));
    expect_words(finish(e), ttype_nchw(1, 64, 16, 16), ttype_nchw(1, 18, 16, 16),
                 (struct mend_opts){0}, 3,
                 "'g' (Conv) has 4 groups, but output 'y' needs 18 channels, no multiple of 4, and "
                 "no convolution lies between: 'relu' (Relu) keeps it");
}

static void test_concat_sum(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t x = input(e, 32, 16);
    int32_t b = conv(e, x, (struct conv){"b", 32, 32, 3, 1, 1, 0});
    output(e, join(e, OP_CONCAT, "cat", pool(e, x, 3, 1, 1), b));
    expect_words(finish(e), ttype_nchw(1, 32, 16, 16), ttype_nchw(1, 32, 16, 16),
                 (struct mend_opts){0}, 4,
                 "'cat' (Concat) cannot make the 32 channels that output 'y' needs from 32 (input "
                 "'x') and at least 1 ('b')");
}

/* 2 a + 2 b + 1 is no multiple of 4: odd against even, which bounds would never tell. */
static void test_remainders(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t x = input(e, 2, 16);
    int32_t a = conv(e, x, (struct conv){"a", 2, 3, 1, 1, 0, 0});
    int32_t b = conv(e, x, (struct conv){"b", 2, 4, 1, 1, 0, 0});
    int32_t twice[2] = {join(e, OP_CONCAT, "aa", a, a), join(e, OP_CONCAT, "bb", b, b)};
    int32_t four = join(e, OP_CONCAT, "aabb", twice[0], twice[1]);
    struct node *n = node_new(OP_DEPTHTOSPACE, "up");
    node_add_input(n, join(e, OP_CONCAT, "odd", four, x), 0);
    node_set_int(n, "blocksize", 2);
    output(e, conv(e, put(e, n), (struct conv){"y", 4, 8, 1, 1, 0, 0}));
    struct graph *g = finish(e);
    struct ttype in = ttype_nchw(1, 1, 16, 16), out = ttype_nchw(1, 8, 32, 32);
    struct mend_plan p = mend_with(graph_ref(g), in, out, (struct mend_opts){0});
    expect(&p, MEND_INFEASIBLE); /* and not out of time */
    mend_plan_done(&p);
    expect_words(g, in, out, (struct mend_opts){0}, 6,
                 "no numbers of channels fit together: input 'x' has 1; through 'aa' (Concat), "
                 "'bb' (Concat), 'aabb' (Concat) and 2 more");
}

static void test_stride(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    output(e, relu(e, pool(e, input(e, 8, 16), 3, 2, 1)));
    expect_words(finish(e), ttype_nchw(1, 8, 14, 14), ttype_nchw(1, 8, 10, 10),
                 (struct mend_opts){0}, 4,
                 "the strides 1, 2 or 4 of 'pool' (MaxPool) make the height 14, 7 or 4 from 14 "
                 "(input 'x'), but output 'y' needs 10");
}

static void test_many_strides(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    static const char *const name[] = {"a", "b", "c", "d", "e"};
    int32_t x = input(e, 8, 64);
    for (int i = 0; i < 5; i++)
        x = conv(e, x, (struct conv){name[i], 8, 8, 3, 2, 1, 0});
    output(e, x);
    expect_words(finish(e), ttype_nchw(1, 8, 224, 224), ttype_nchw(1, 8, 50, 50),
                 (struct mend_opts){0}, 7,
                 "the strides of 'a', 'b', 'c' and 2 more make the height 224, 112, 56, 28, 14, "
                 "7 ... from 224 (input 'x'), but output 'y' needs 50");
}

static void test_branches(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t x = input(e, 8, 5);
    int32_t v = conv(e, x, (struct conv){"v", 8, 8, 5, 1, 0, 0});
    output(e, join(e, OP_CONCAT, "cat", join(e, OP_GLOBALAVG, "gap", x, -1), v));
    expect_words(finish(e), ttype_nchw(1, 8, 9, 9), ttype_nchw(1, 16, 1, 1), (struct mend_opts){0},
                 4,
                 "'cat' (Concat) joins tensors of different height: 'gap' can have 1, 'v' 5, 3 or "
                 "2 from 9 (input 'x')");
}

static void test_window_too_large(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    output(e, conv(e, input(e, 8, 16), (struct conv){"v", 8, 8, 5, 1, 0, 0}));
    expect_words(finish(e), ttype_nchw(1, 8, 3, 3), ttype_nchw(1, 8, 3, 3), (struct mend_opts){0},
                 2,
                 "'v' (Conv) has a window of 5 and no stride that fits: input 'x' has the height "
                 "3");
}

/* What cannot be met by any sizes is the port's own conflict. */
static void test_form(void **state)
{
    (void)state;
    struct ttype half = ttype_nchw(1, 16, 32, 32), out = ttype_nchw(1, 64, 16, 16);
    half.dtype = DT_FLOAT16;
    struct mend_conflict c = expect_text(chain(), half, out, (struct mend_opts){0},
                                         "input 'x' is float, the boundary has float16");
    assert_int_equal(c.n, 1);
    assert_int_equal(c.part[0].kind, MEND_PART_INPUT);
    struct graph *g = chain();
    struct mend_plan p =
        mend_with(graph_ref(g), half, out, (struct mend_opts){.without = c.part, .n_without = 1});
    expect(&p, MEND_REPAIRED);
    assert_null(p.fragment);
    mend_plan_done(&p);
    mend_conflict_done(&c);
    graph_unref(g);
}

static void test_limit(void **state)
{
    (void)state;
    struct ttype in = ttype_nchw(1, 16, 32, 32), out = ttype_nchw(1, 64, 16, 16);
    struct mend_opts opts = {.max_params = 10};
    struct mend_conflict c;
    struct err err = {0};
    struct graph *g = chain();
    assert_int_equal(mend_explain(g, &in, &out, &opts, &c, &err), ST_OK);
    assert_int_equal(c.n, 0);
    assert_non_null(strstr(c.text, "parameters"));
    mend_conflict_done(&c);
    opts.max_params = 0;
    assert_int_equal(mend_explain(g, &in, &out, &opts, &c, &err), ST_NO);
    mend_conflict_done(&c);
    int stop = 1;
    opts.cancel = &stop;
    out.dim[2] = 99;
    assert_int_equal(mend_explain(g, &in, &out, &opts, &c, &err), ST_CANCELLED);
    mend_conflict_done(&c);
    graph_unref(g);
}

/* Each part of a stated conflict left out, and all others. */
static void test_without(void **state)
{
    (void)state;
    struct ttype in = ttype_nchw(1, 64, 16, 16), out = ttype_nchw(1, 128, 16, 16);
    struct graph *g = residual();
    struct mend_part part = {MEND_PART_NODE, MEND_AXIS_C, graph_find(g, "sum")};
    struct mend_opts opts = {.without = &part, .n_without = 1};
    struct mend_plan p = mend_with(graph_ref(g), in, out, opts);
    expect(&p, MEND_REPAIRED);
    mend_plan_done(&p);
    part.axis = MEND_AXIS_H; /* that is not where the conflict is */
    p = mend_with(graph_ref(g), in, out, opts);
    expect(&p, MEND_INFEASIBLE);
    mend_plan_done(&p);
    part = (struct mend_part){MEND_PART_INPUT, MEND_AXIS_C, graph_find(g, "x")};
    p = mend_with(g, in, out, opts);
    expect(&p, MEND_REPAIRED);
    mend_plan_done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shortcut),
        cmocka_unit_test(test_joined_pin),
        cmocka_unit_test(test_depthwise_between),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_concat_sum),
        cmocka_unit_test(test_stride),
        cmocka_unit_test(test_many_strides),
        cmocka_unit_test(test_branches),
        cmocka_unit_test(test_window_too_large),
        cmocka_unit_test(test_form),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_without),
        cmocka_unit_test(test_broadcast),
        cmocka_unit_test(test_remainders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
