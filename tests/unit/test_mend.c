/* mend: repairs by hand-made example, each with an answer known beforehand. */
#include "base/file.h"
#include "base/mem.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/mend_make.h"

/* ---- cases ---- */

static void test_unchanged(void **state)
{
    (void)state;
    struct mend_plan p = mend(chain(), 16, 32, 64, 16);
    expect(&p, MEND_UNCHANGED);
    assert_true(p.objective == 0 && p.n_change == 0);
    mend_plan_done(&p);
}

static void test_chain(void **state)
{
    (void)state;
    struct mend_plan p = mend(chain(), 32, 28, 128, 7);
    expect(&p, MEND_REPAIRED);
    assert_int_equal(channels(&p, "a"), 64); /* doubled like the boundary */
    assert_int_equal(channels(&p, "b"), 128);
    assert_int_equal(stride(&p, "a") * stride(&p, "b"), 4);
    mend_plan_done(&p);
    p = mend(chain(), 16, 32, 64, 32); /* the stride goes away */
    expect(&p, MEND_REPAIRED);
    assert_int_equal(stride(&p, "b"), 1);
    assert_int_equal(channels(&p, "a"), 32);
    mend_plan_done(&p);
}

static void test_odd_sizes(void **state)
{
    (void)state;
    struct mend_plan p = mend(chain(), 16, 27, 64, 14);
    expect(&p, MEND_UNCHANGED);
    mend_plan_done(&p);
    p = mend(chain(), 16, 13, 64, 7);
    expect(&p, MEND_UNCHANGED);
    mend_plan_done(&p);
    p = mend(chain(), 16, 27, 64, 7);
    expect(&p, MEND_REPAIRED);
    mend_plan_done(&p);
    p = mend(chain(), 16, 27, 64, 13);
    expect(&p, MEND_INFEASIBLE);
    assert_non_null(strstr(p.reason, "height 13"));
    assert_non_null(strstr(p.reason, "27, 14"));
    mend_plan_done(&p);
    p = mend(chain(), 16, 14, 64, 28);
    expect(&p, MEND_INFEASIBLE);
    mend_plan_done(&p);
}

static void test_one_by_one_maps(void **state)
{
    (void)state;
    struct mend_plan p = mend(chain(), 16, 1, 64, 1);
    expect(&p, MEND_UNCHANGED);
    mend_plan_done(&p);
}

static void test_valid_padding(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t x = conv(e, input(e, 8, 32), (struct conv){"v", 8, 8, 5, 1, 0, 0});
    output(e, x);
    struct graph *g = finish(e);
    struct mend_plan p = mend(graph_ref(g), 8, 20, 8, 16);
    expect(&p, MEND_UNCHANGED);
    mend_plan_done(&p);
    p = mend(graph_ref(g), 8, 20, 8, 8); /* floor((20 - 5) / 2) + 1 */
    expect(&p, MEND_REPAIRED);
    assert_int_equal(stride(&p, "v"), 2);
    mend_plan_done(&p);
    p = mend(g, 8, 20, 8, 20);
    expect(&p, MEND_INFEASIBLE);
    mend_plan_done(&p);
}

/* A 2x2 pool divides even sizes; with an odd one both ways of rounding fit. */
static void test_fits_as_it_is(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    output(e, pool(e, input(e, 8, 32), 2, 2, 0));
    struct graph *g = finish(e);
    struct mend_plan p = mend(graph_ref(g), 8, 27, 8, 13);
    expect(&p, MEND_UNCHANGED);
    mend_plan_done(&p);
    p = mend(g, 8, 27, 8, 14);
    expect(&p, MEND_REPAIRED);
    assert_true(p.objective == 0 && p.n_change == 0); /* pads cost nothing */
    mend_plan_done(&p);
}

static void test_residual(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t x = input(e, 64, 16);
    int32_t a = relu(e, conv(e, x, (struct conv){"a", 64, 16, 1, 1, 0, 0}));
    int32_t b = conv(e, a, (struct conv){"b", 16, 64, 3, 1, 1, 0});
    output(e, join(e, OP_ADD, "sum", b, x));
    struct graph *g = finish(e);
    struct mend_plan p = mend(graph_ref(g), 256, 8, 256, 8);
    expect(&p, MEND_REPAIRED);
    assert_int_equal(channels(&p, "a"), 64);
    mend_plan_done(&p);
    p = mend(graph_ref(g), 64, 16, 128, 16); /* the shortcut cannot change width */
    expect(&p, MEND_INFEASIBLE);
    assert_non_null(strstr(p.reason, "64"));
    assert_non_null(strstr(p.reason, "128"));
    mend_plan_done(&p);
    p = mend(g, 64, 16, 64, 8); /* nor size */
    expect(&p, MEND_INFEASIBLE);
    mend_plan_done(&p);
}

static void test_concat(void **state)
{
    (void)state;
    struct mend_plan p = mend(concat_of(16, 48), 32, 16, 64, 16);
    expect(&p, MEND_UNCHANGED);
    mend_plan_done(&p);
    p = mend(concat_of(16, 48), 64, 16, 128, 16);
    expect(&p, MEND_REPAIRED);
    assert_int_equal(channels(&p, "l"), 32);
    assert_int_equal(channels(&p, "r"), 96);
    mend_plan_done(&p);
    p = mend(concat_of(16, 48), 32, 16, 99, 16); /* no sum of multiples of 8 */
    expect(&p, MEND_REPAIRED);
    assert_int_equal(channels(&p, "l") + channels(&p, "r"), 99);
    mend_plan_done(&p);
    p = mend(concat_of(16, 48), 32, 16, 1, 16); /* two parts have two channels at least */
    expect(&p, MEND_INFEASIBLE);
    mend_plan_done(&p);
}

static struct graph *depthwise(void)
{
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t x = input(e, 32, 16);
    x = relu(e, conv(e, x, (struct conv){"dw", 32, 32, 3, 1, 1, 32}));
    output(e, conv(e, x, (struct conv){"pw", 32, 64, 1, 1, 0, 0}));
    return finish(e);
}

static void test_strided_depthwise(void **state)
{
    (void)state;
    struct mend_plan p = mend(depthwise(), 96, 16, 24, 8);
    expect(&p, MEND_REPAIRED);
    assert_int_equal(channels(&p, "dw"), 96);
    const struct node *dw = graph_node(p.fragment, graph_find(p.fragment, "dw"));
    assert_int_equal(node_int(dw, "group", 1), 96);
    assert_int_equal(stride(&p, "dw") * stride(&p, "pw"), 2);
    mend_plan_done(&p);
}

static void test_groups(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    output(e, conv(e, input(e, 32, 16), (struct conv){"g", 32, 32, 3, 1, 1, 4}));
    struct graph *g = finish(e);
    struct mend_plan p = mend(graph_ref(g), 64, 16, 20, 16);
    expect(&p, MEND_REPAIRED);
    mend_plan_done(&p);
    p = mend(g, 64, 16, 18, 16);
    expect(&p, MEND_INFEASIBLE);
    assert_non_null(strstr(p.reason, "4 groups"));
    mend_plan_done(&p);
}

static void test_transposed(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t x = conv_op(e, OP_CONVT, input(e, 32, 8), (struct conv){"up", 32, 16, 4, 2, 1, 0});
    output(e, relu(e, x));
    struct graph *g = finish(e);
    struct mend_plan p = mend(graph_ref(g), 64, 14, 32, 28);
    expect(&p, MEND_REPAIRED);
    assert_int_equal(stride(&p, "up"), 2);
    mend_plan_done(&p);
    p = mend(graph_ref(g), 32, 14, 16, 14);
    expect(&p, MEND_REPAIRED);
    assert_int_equal(stride(&p, "up"), 1);
    mend_plan_done(&p);
    p = mend(g, 32, 14, 16, 7);
    expect(&p, MEND_INFEASIBLE);
    mend_plan_done(&p);
}

static void test_transposed_output_shape(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t x = conv_op(e, OP_CONVT, input(e, 32, 8), (struct conv){"up", 32, 16, 3, 2, 0, 0});
    node_set_ints(graph_edit_mut(e, x), "output_shape", (int64_t[]){16, 16}, 2);
    output(e, x);
    struct graph *g = finish(e);
    struct mend_plan p = mend(graph_ref(g), 64, 8, 24, 16);
    expect(&p, MEND_REPAIRED);
    mend_plan_done(&p);
    p = mend(g, 32, 14, 16, 28);
    expect(&p, MEND_INFEASIBLE);
    assert_non_null(strstr(p.reason, "'up'"));
    mend_plan_done(&p);
}

static void test_pool_branches(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t x = input(e, 32, 16);
    int32_t a = pool(e, x, 3, 2, 1);
    int32_t b = conv(e, x, (struct conv){"b", 32, 32, 3, 2, 1, 0});
    output(e, join(e, OP_CONCAT, "cat", a, b));
    struct graph *g = finish(e);
    struct mend_plan p = mend(graph_ref(g), 32, 16, 64, 16); /* both strides go */
    expect(&p, MEND_REPAIRED);
    assert_int_equal(stride(&p, "pool"), 1);
    assert_int_equal(stride(&p, "b"), 1);
    mend_plan_done(&p);
    p = mend(g, 32, 16, 32, 8); /* nothing is left for b */
    expect(&p, MEND_INFEASIBLE);
    mend_plan_done(&p);
}

static void test_squeeze_excite(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t x = conv(e, input(e, 16, 16), (struct conv){"c", 16, 32, 3, 1, 1, 0});
    int32_t s = join(e, OP_GLOBALAVG, "gap", x, -1);
    s = relu(e, conv(e, s, (struct conv){"down", 32, 8, 1, 1, 0, 0}));
    s = join(e, OP_SIGMOID, "gate", conv(e, s, (struct conv){"up", 8, 32, 1, 1, 0, 0}), -1);
    output(e, join(e, OP_MUL, "scale", x, s));
    struct mend_plan p = mend(finish(e), 16, 16, 64, 8);
    expect(&p, MEND_REPAIRED);
    assert_int_equal(channels(&p, "c"), 64);
    assert_int_equal(channels(&p, "up"), 64);
    assert_int_equal(stride(&p, "c"), 2);
    mend_plan_done(&p);
}

static void test_pins(void **state)
{
    (void)state;
    struct graph *g = chain();
    int32_t a = graph_find(g, "a"), b = graph_find(g, "b");
    struct ttype in = ttype_nchw(1, 16, 32, 32), out = ttype_nchw(1, 64, 16, 16);
    struct mend_pin pin = {a, 40};
    struct mend_plan p =
        mend_with(graph_ref(g), in, out, (struct mend_opts){.pin = &pin, .n_pin = 1});
    expect(&p, MEND_REPAIRED);
    assert_int_equal(channels(&p, "a"), 40);
    assert_int_equal(p.n_change, 1);
    assert_true(p.change[0].node == a && p.change[0].what == MEND_CHANNELS &&
                p.change[0].before == 32 && p.change[0].after == 40);
    mend_plan_done(&p);
    pin = (struct mend_pin){b, 40}; /* the boundary has the last word */
    p = mend_with(g, in, out, (struct mend_opts){.pin = &pin, .n_pin = 1});
    expect(&p, MEND_INFEASIBLE);
    assert_non_null(strstr(p.reason, "pin"));
    mend_plan_done(&p);
}

static void test_boundary_forms(void **state)
{
    (void)state;
    struct ttype flat = ttype_make(DT_FLOAT, 2, (int64_t[]){1, 64});
    struct mend_plan p = mend_with(chain(), ttype_nchw(1, 16, 32, 32), flat, (struct mend_opts){0});
    expect(&p, MEND_INFEASIBLE);
    mend_plan_done(&p);
    struct ttype half = ttype_nchw(1, 16, 32, 32);
    half.dtype = DT_FLOAT16;
    p = mend_with(chain(), half, ttype_nchw(1, 64, 16, 16), (struct mend_opts){0});
    expect(&p, MEND_INFEASIBLE);
    mend_plan_done(&p);
}

static void test_cancel(void **state)
{
    (void)state;
    int stop = 1;
    struct mend_opts opts = {.cancel = &stop};
    struct mend_plan p;
    struct err err = {0};
    struct graph *g = concat_of(16, 48);
    struct ttype in = ttype_nchw(1, 32, 16, 16), out = ttype_nchw(1, 99, 16, 16);
    assert_int_equal(mend_fragment(g, &in, &out, &opts, &p, &err), ST_CANCELLED);
    mend_plan_done(&p);
    graph_unref(g);
}

/* Integer programs on several threads, stopped at any moment. */
enum { THREADS = 4, REPAIRS = 150 };
struct worker {
    pthread_t id;
    struct graph *g;
    int number, stop, answered;
};

static void *repair_many(void *arg)
{
    struct worker *w = arg;
    for (int i = 0; i < REPAIRS; i++) {
        struct mend_opts opts = {.cancel = &w->stop, .time_limit_s = 20};
        struct ttype in = ttype_nchw(1, 32, 16, 16), out = ttype_nchw(1, 9 + 8 * (i % 16), 16, 16);
        struct mend_plan p;
        struct err err = {0};
        enum status st = mend_fragment(w->g, &in, &out, &opts, &p, &err);
        w->answered += st == ST_CANCELLED || (st == ST_OK && p.result == MEND_REPAIRED);
        mend_plan_done(&p);
        __atomic_store_n(&w->stop, i % 7 == w->number, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    struct worker w[THREADS];
    struct graph *g = concat_of(16, 48);
    for (int i = 0; i < THREADS; i++) {
        w[i] = (struct worker){.g = g, .number = i};
        assert_int_equal(pthread_create(&w[i].id, NULL, repair_many, &w[i]), 0);
    }
    for (int k = 0; k < 200; k++) {
        nanosleep(&(struct timespec){0, 50000}, NULL);
        __atomic_store_n(&w[k % THREADS].stop, 1, __ATOMIC_RELAXED);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(w[i].id, NULL);
        assert_int_equal(w[i].answered, REPAIRS);
    }
    graph_unref(g);
}

static void test_write_lp(void **state)
{
    (void)state;
    char path[] = "/tmp/autogo-lp-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    struct graph *g = concat_of(16, 48);
    struct ttype in = ttype_nchw(1, 32, 16, 16), out = ttype_nchw(1, 99, 16, 16);
    struct err err = {0};
    assert_int_equal(mend_write_lp(g, &in, &out, path, &err), ST_OK);
    unsigned char *text;
    size_t size;
    assert_int_equal(file_read(path, 1 << 20, &text, &size, &err), ST_OK);
    assert_non_null(strstr((char *)text, "Minimize"));
    assert_non_null(strstr((char *)text, "End"));
    free(text);
    assert_int_equal(mend_write_lp(g, &in, &out, "/nonexistent/x.lp", &err), ST_IO);
    graph_unref(g);
    unlink(path);
}

/* A pool between two operands of one join: both of its ends are one class, whose only size there
 * costs a changed stride. The written objective has that cost too. */
static void test_write_lp_loop(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t x = input(e, 8, 1);
    output(e, join(e, OP_MUL, "mul", x, pool(e, x, 1, 2, 0)));
    struct graph *g = finish(e);
    struct ttype t = ttype_nchw(1, 8, 2, 2);
    struct err err = {0};
    char path[] = "/tmp/autogo-lp-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(mend_write_lp(g, &t, &t, path, &err), ST_OK);
    unsigned char *text;
    size_t size;
    assert_int_equal(file_read(path, 1 << 20, &text, &size, &err), ST_OK);
    char *end = strstr((char *)text, "Subject To");
    assert_non_null(end);
    *end = '\0';
    assert_non_null(strstr((char *)text, " z1_0_2"));
    assert_non_null(strstr((char *)text, " z2_0_2"));
    free(text);
    unlink(path);
    struct mend_plan p = mend(g, 8, 2, 8, 2);
    assert_int_equal(p.result, MEND_REPAIRED);
    assert_int_equal(p.objective, 2);
    mend_plan_done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unchanged),     cmocka_unit_test(test_chain),
        cmocka_unit_test(test_odd_sizes),     cmocka_unit_test(test_one_by_one_maps),
        cmocka_unit_test(test_valid_padding), cmocka_unit_test(test_residual),
        cmocka_unit_test(test_concat),        cmocka_unit_test(test_strided_depthwise),
        cmocka_unit_test(test_groups),        cmocka_unit_test(test_transposed),
        cmocka_unit_test(test_pool_branches), cmocka_unit_test(test_squeeze_excite),
        cmocka_unit_test(test_pins),          cmocka_unit_test(test_boundary_forms),
        cmocka_unit_test(test_cancel),        cmocka_unit_test(test_write_lp),
        cmocka_unit_test(test_fits_as_it_is), cmocka_unit_test(test_transposed_output_shape),
        cmocka_unit_test(test_threads),       cmocka_unit_test(test_write_lp_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
