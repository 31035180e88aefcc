/* mend: bounds, preferences, multiples and limits on cost, each with an answer known beforehand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/file.h"
#include "cost/cost.h"
#include "tests/unit/mend_make.h"

/* x(16) -> a(32) -> b(64), as it is, under options. */
static struct mend_plan same_chain(struct mend_opts opts)
{
    return mend_with(chain(), ttype_nchw(1, 16, 32, 32), ttype_nchw(1, 64, 16, 16), opts);
}

static int32_t id_of(const char *name)
{
    struct graph *g = chain();
    int32_t id = graph_find(g, name);
    graph_unref(g);
    return id;
}

static void test_bounds(void **state)
{
    (void)state;
    struct mend_bound b = {id_of("a"), 40, 60};
    struct mend_plan p = same_chain((struct mend_opts){.bound = &b, .n_bound = 1});
    expect(&p, MEND_REPAIRED);
    assert_int_equal(channels(&p, "a"), 40);
    mend_plan_done(&p);
    b = (struct mend_bound){id_of("a"), 1, 20};
    p = same_chain((struct mend_opts){.bound = &b, .n_bound = 1});
    expect(&p, MEND_REPAIRED);
    assert_int_equal(channels(&p, "a"), 16);
    mend_plan_done(&p);
    b = (struct mend_bound){id_of("a"), 17, 20}; /* no multiple of 8 */
    p = same_chain((struct mend_opts){.bound = &b, .n_bound = 1});
    expect(&p, MEND_REPAIRED);
    assert_int_equal(channels(&p, "a"), 20);
    mend_plan_done(&p);
    /* Two bounds of one class: the normalisation has the channels of its convolution. */
    struct mend_bound two[] = {{id_of("a"), 40, 100}, {id_of("bn"), 1, 44}};
    p = same_chain((struct mend_opts){.bound = two, .n_bound = 2});
    expect(&p, MEND_REPAIRED);
    assert_int_equal(channels(&p, "a"), 40);
    mend_plan_done(&p);
}

static void test_bounds_contradict(void **state)
{
    (void)state;
    struct mend_bound b = {id_of("b"), 8, 32};
    struct mend_plan p = same_chain((struct mend_opts){.bound = &b, .n_bound = 1});
    expect(&p, MEND_INFEASIBLE);
    assert_non_null(strstr(p.reason, "bound on 'b'"));
    assert_non_null(strstr(p.reason, "64"));
    mend_plan_done(&p);
    struct mend_bound two[] = {{id_of("a"), 40, 100}, {id_of("bn"), 1, 24}};
    p = same_chain((struct mend_opts){.bound = two, .n_bound = 2});
    expect(&p, MEND_INFEASIBLE);
    assert_non_null(strstr(p.reason, "at least 40"));
    assert_non_null(strstr(p.reason, "at most 24"));
    mend_plan_done(&p);
    b = (struct mend_bound){id_of("a"), 9, 8};
    p = same_chain((struct mend_opts){.bound = &b, .n_bound = 1});
    expect(&p, MEND_INFEASIBLE);
    mend_plan_done(&p);
    b = (struct mend_bound){12345, 1, 8};
    p = same_chain((struct mend_opts){.bound = &b, .n_bound = 1});
    expect(&p, MEND_INFEASIBLE);
    assert_non_null(strstr(p.reason, "no channels"));
    mend_plan_done(&p);
}

static struct mend_plan cat_with(int64_t out, struct mend_opts opts)
{
    return mend_with(concat_of(16, 48), ttype_nchw(1, 32, 16, 16), ttype_nchw(1, out, 16, 16),
                     opts);
}

/* A bound on one part of a sum is one on the other. */
static void test_bounds_in_sums(void **state)
{
    (void)state;
    struct graph *g = concat_of(16, 48);
    int32_t l = graph_find(g, "l"), r = graph_find(g, "r");
    graph_unref(g);
    struct mend_bound b[] = {{l, 24, 24}, {r, 1, 1000}};
    struct mend_opts opts = {.bound = b, .n_bound = 2};
    struct mend_plan p = cat_with(64, opts);
    expect(&p, MEND_REPAIRED);
    assert_int_equal(channels(&p, "l"), 24);
    assert_int_equal(channels(&p, "r"), 40);
    mend_plan_done(&p);
    b[1].hi = 39;
    p = cat_with(64, opts);
    expect(&p, MEND_INFEASIBLE);
    assert_non_null(strstr(p.reason, "bound on"));
    assert_non_null(strstr(p.reason, "'cat'"));
    mend_plan_done(&p);
    b[0] = (struct mend_bound){l, 3, 9};
    p = cat_with(48, opts);
    expect(&p, MEND_REPAIRED);
    assert_int_equal(channels(&p, "l"), 9); /* 8 would need 40, above the other bound */
    assert_int_equal(channels(&p, "r"), 39);
    mend_plan_done(&p);
}

/* A bound that leaves a part no multiple of 8 does not free the other part of the sum. */
static void test_bounds_excuse_one(void **state)
{
    (void)state;
    struct graph *g = concat_of(16, 48);
    struct mend_bound b = {graph_find(g, "l"), 17, 20};
    graph_unref(g);
    for (int64_t l = 17; l <= 20; l++) {
        struct mend_plan p = cat_with(64 + l, (struct mend_opts){.bound = &b, .n_bound = 1});
        expect(&p, MEND_REPAIRED);
        assert_int_equal(channels(&p, "l"), l);
        assert_int_equal(channels(&p, "r"), 64);
        mend_plan_done(&p);
    }
}

static void test_prefer(void **state)
{
    (void)state;
    struct mend_pin wish[] = {{id_of("a"), 48}, {id_of("bn"), 80}, {id_of("b"), 8}};
    struct mend_plan p = same_chain((struct mend_opts){.prefer = wish, .n_prefer = 3});
    expect(&p, MEND_REPAIRED);
    assert_int_equal(channels(&p, "a"), 48); /* the first of a class counts */
    assert_int_equal(channels(&p, "b"), 64); /* and none where the boundary decides */
    assert_true(p.objective == 0);
    mend_plan_done(&p);
    wish[0].channels = 13; /* no multiple of 8 is asked for */
    p = same_chain((struct mend_opts){.prefer = wish, .n_prefer = 1});
    assert_int_equal(channels(&p, "a"), 13);
    mend_plan_done(&p);
    struct mend_bound b = {id_of("a"), 16, 100}; /* a bound is a must */
    p = same_chain((struct mend_opts){.prefer = wish, .n_prefer = 1, .bound = &b, .n_bound = 1});
    assert_int_equal(channels(&p, "a"), 16);
    mend_plan_done(&p);
    p = same_chain((struct mend_opts){.prefer = wish, .n_prefer = 1, .multiple = 8});
    assert_int_equal(channels(&p, "a"), 16);
    mend_plan_done(&p);
    wish[0].node = 12345;
    p = same_chain((struct mend_opts){.prefer = wish, .n_prefer = 1});
    expect(&p, MEND_UNCHANGED);
    mend_plan_done(&p);
}

static void test_multiple(void **state)
{
    (void)state;
    struct mend_plan p = same_chain((struct mend_opts){.multiple = 16});
    expect(&p, MEND_UNCHANGED);
    mend_plan_done(&p);
    p = same_chain((struct mend_opts){.multiple = 12});
    expect(&p, MEND_REPAIRED);
    assert_int_equal(channels(&p, "a"), 36);
    mend_plan_done(&p);
    p = mend_with(chain(), ttype_nchw(1, 24, 32, 32), ttype_nchw(1, 96, 16, 16),
                  (struct mend_opts){.multiple = 32});
    assert_int_equal(channels(&p, "a"), 64); /* 48 is wanted; the wider of two */
    mend_plan_done(&p);
    p = cat_with(96, (struct mend_opts){.multiple = 32});
    expect(&p, MEND_REPAIRED);
    assert_int_equal(channels(&p, "l"), 32);
    assert_int_equal(channels(&p, "r"), 64);
    mend_plan_done(&p);
    p = cat_with(90, (struct mend_opts){.multiple = 32}); /* no such widths: a wish, not a must */
    expect(&p, MEND_REPAIRED);
    assert_int_equal(channels(&p, "l") + channels(&p, "r"), 90);
    mend_plan_done(&p);
    struct mend_pin pin = {id_of("a"), 40};
    p = same_chain((struct mend_opts){.multiple = 32, .pin = &pin, .n_pin = 1});
    assert_int_equal(channels(&p, "a"), 40);
    mend_plan_done(&p);
}

/* Of 32 and 64 for 48, the one whose network is nearer to the FLOPs asked for. */
static void test_near_flops(void **state)
{
    (void)state;
    for (int64_t near = 1; near < INT64_MAX / 2; near = near == 1 ? 1000000000 : INT64_MAX / 2) {
        struct mend_plan p =
            mend_with(chain(), ttype_nchw(1, 24, 32, 32), ttype_nchw(1, 96, 16, 16),
                      (struct mend_opts){.multiple = 32, .near_flops_paper = near});
        assert_int_equal(channels(&p, "a"), near == 1 ? 32 : 64);
        assert_true(p.objective == 3 * 16);
        mend_plan_done(&p);
    }
}

static struct cost cost_of(const struct mend_plan *p)
{
    struct cost c;
    cost_graph(p->fragment, &c);
    return c;
}

static void test_max_params(void **state)
{
    (void)state;
    struct mend_plan p = same_chain((struct mend_opts){0});
    int64_t all = cost_of(&p).params;
    mend_plan_done(&p);
    p = same_chain((struct mend_opts){.max_params = all});
    expect(&p, MEND_UNCHANGED);
    mend_plan_done(&p);
    p = same_chain((struct mend_opts){.max_params = all - 1});
    expect(&p, MEND_REPAIRED);
    assert_int_equal(channels(&p, "a"), 24); /* the next multiple of 8 */
    assert_true(cost_of(&p).params < all);
    mend_plan_done(&p);
    /* params = 722 a + 128: one channel */
    p = same_chain((struct mend_opts){.max_params = 722 + 128});
    expect(&p, MEND_REPAIRED);
    assert_int_equal(channels(&p, "a"), 1);
    mend_plan_done(&p);
    p = same_chain((struct mend_opts){.max_params = 722 + 127});
    expect(&p, MEND_INFEASIBLE);
    assert_non_null(strstr(p.reason, "at least 850 parameters"));
    assert_non_null(strstr(p.reason, "the limit leaves 849"));
    mend_plan_done(&p);
}

static void test_max_flops(void **state)
{
    (void)state;
    struct mend_plan p = same_chain((struct mend_opts){0});
    int64_t all = cost_of(&p).flops_paper;
    mend_plan_done(&p);
    for (int64_t limit = all; limit > all / 30; limit = limit * 2 / 3) {
        p = same_chain((struct mend_opts){.max_flops_paper = limit});
        expect(&p, limit == all ? MEND_UNCHANGED : MEND_REPAIRED);
        assert_true(cost_of(&p).flops_paper <= limit);
        mend_plan_done(&p);
    }
    p = same_chain((struct mend_opts){.max_flops_paper = 1000});
    expect(&p, MEND_INFEASIBLE);
    assert_non_null(strstr(p.reason, "FLOPs"));
    assert_non_null(strstr(p.reason, "the limit leaves 1000"));
    mend_plan_done(&p);
}

/* Sums stay sums, bounds stay bounds, and what the limit leaves is used up. */
static void test_limits_in_sums(void **state)
{
    (void)state;
    struct graph *g = concat_of(16, 48);
    struct mend_bound b = {graph_find(g, "l"), 16, 40};
    graph_unref(g);
    /* 32 l + 9 * 32 r, l + r = 64 */
    struct mend_opts opts = {.max_params = 32 * 32 + 288 * 32};
    struct mend_plan p = cat_with(64, opts);
    expect(&p, MEND_REPAIRED);
    assert_int_equal(channels(&p, "l"), 32);
    mend_plan_done(&p);
    opts.max_params -= 1;
    p = cat_with(64, opts);
    assert_int_equal(channels(&p, "l"), 40);
    mend_plan_done(&p);
    opts.bound = &b;
    opts.n_bound = 1;
    p = cat_with(64, opts);
    assert_int_equal(channels(&p, "l"), 40);
    mend_plan_done(&p);
    opts.max_params = 32 * 40 + 288 * 24 - 1;
    p = cat_with(64, opts);
    expect(&p, MEND_INFEASIBLE);
    mend_plan_done(&p);
}

/* Where a depthwise convolution is best left one channel, which makes it an ordinary one, each
 * further channel still costs one kernel. */
static void test_limit_on_depthwise(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t x = input(e, 32, 16);
    int32_t l = conv(e, x, (struct conv){"l", 32, 16, 3, 1, 1, 0});
    int32_t r = conv(e, x, (struct conv){"r", 32, 4, 1, 1, 0, 0});
    r = conv(e, r, (struct conv){"dw", 4, 4, 3, 1, 1, 4});
    output(e, join(e, OP_CONCAT, "cat", l, r));
    struct graph *g = finish(e);
    struct mend_pin prefer[] = {{graph_find(g, "l"), 19}, {graph_find(g, "r"), 1}};
    /* 288 l + (32 + 9) r, l + r = 20 */
    struct mend_opts opts = {.prefer = prefer, .n_prefer = 2, .max_params = 288 * 8 + 41 * 12};
    struct mend_plan p = mend_with(g, ttype_nchw(1, 32, 16, 16), ttype_nchw(1, 20, 16, 16), opts);
    expect(&p, MEND_REPAIRED);
    assert_int_equal(channels(&p, "dw"), 12);
    mend_plan_done(&p);
}

/* Many open widths: too many to prove the best, but the limit is kept and nearly used up. */
static void test_limit_on_many(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    enum { N = 60 };
    int32_t x = input(e, 64, 16);
    for (int i = 0; i < N; i++)
        x = relu(e, conv(e, x, (struct conv){"c", 64, 64, 3, 1, 1, 0}));
    output(e, x);
    struct graph *g = finish(e);
    struct cost whole;
    cost_graph(g, &whole);
    struct ttype t = ttype_nchw(1, 64, 16, 16);
    struct mend_opts opts = {.max_flops_paper = whole.flops_paper / 2, .time_limit_s = 20};
    struct mend_plan p = mend_with(g, t, t, opts);
    expect(&p, MEND_REPAIRED);
    assert_true(cost_of(&p).flops_paper <= opts.max_flops_paper);
    assert_true((double)cost_of(&p).flops_paper > 0.9 * (double)opts.max_flops_paper);
    mend_plan_done(&p);
}

static void test_write_lp_options(void **state)
{
    (void)state;
    char path[] = "/tmp/autogo-lp-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    struct graph *g = concat_of(16, 48);
    struct mend_bound b = {graph_find(g, "l"), 24, 56};
    struct ttype in = ttype_nchw(1, 32, 16, 16), out = ttype_nchw(1, 64, 16, 16);
    struct mend_opts opts = {.bound = &b, .n_bound = 1};
    struct err err = {0};
    assert_int_equal(mend_write_lp_with(g, &in, &out, &opts, path, &err), ST_OK);
    unsigned char *text;
    size_t size;
    assert_int_equal(file_read(path, 1 << 20, &text, &size, &err), ST_OK);
    assert_non_null(strstr((char *)text, " 3 <= c")); /* in steps of 8 */
    assert_non_null(strstr((char *)text, " <= 7"));
    free(text);
    unlink(path);
    graph_unref(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds),           cmocka_unit_test(test_bounds_contradict),
        cmocka_unit_test(test_bounds_in_sums),   cmocka_unit_test(test_bounds_excuse_one),
        cmocka_unit_test(test_prefer),           cmocka_unit_test(test_multiple),
        cmocka_unit_test(test_near_flops),       cmocka_unit_test(test_max_params),
        cmocka_unit_test(test_max_flops),        cmocka_unit_test(test_limits_in_sums),
        cmocka_unit_test(test_limit_on_many),    cmocka_unit_test(test_limit_on_depthwise),
        cmocka_unit_test(test_write_lp_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
