/* mend: every operator that changes channels or resolution, repaired rather than kept as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/mend_make.h"

static struct ttype type_of(const struct mend_plan *p, const char *name, int port)
{
    return graph_node(p->fragment, graph_find(p->fragment, name))->out[port].type;
}

static int64_t height(const struct mend_plan *p, const char *name)
{
    return type_of(p, name, 0).dim[2];
}

static struct mend_plan mend_flat(struct graph *g, int64_t ci, int64_t hi, int64_t co)
{
    return mend_with(g, ttype_nchw(1, ci, hi, hi), ttype_make(DT_FLOAT, 2, (int64_t[]){1, co}),
                     (struct mend_opts){0});
}

static int32_t with_ints(struct graph_edit *e, enum op op, const char *name, int32_t from,
                         const int64_t *v, int n)
{
    struct node *node = node_new(op, name);
    node_add_input(node, from, 0);
    node_add_const(node, tensor_new_i64("v", v, n));
    return put(e, node);
}

static int32_t dense(struct graph_edit *e, const char *name, int32_t from, int64_t ci, int64_t co)
{
    struct node *n = node_new(OP_GEMM, name);
    struct ttype w = ttype_make(DT_FLOAT, 2, (int64_t[]){co, ci}), b = ttype_make(DT_FLOAT, 1, &co);
    node_add_input(n, from, 0);
    node_add_const(n, tensor_new_he("w", &w, ci, 1));
    node_add_const(n, tensor_new_fill("b", &b, 0));
    node_set_int(n, "transB", 1);
    return put(e, n);
}

/* Two stacked halves: the heights add up, channels and widths are the same everywhere. */
static void test_concat_rows(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t x = input(e, 16, 16);
    int32_t a = conv(e, x, (struct conv){"a", 16, 32, 3, 1, 1, 0});
    int32_t b = conv(e, x, (struct conv){"b", 16, 32, 1, 1, 0, 0});
    int32_t c = join(e, OP_CONCAT, "cat", a, b);
    node_set_int(graph_edit_mut(e, c), "axis", 2);
    output(e, c);
    struct graph *g = finish(e);
    struct ttype in = ttype_nchw(1, 16, 16, 16), out = ttype_nchw(1, 48, 32, 16);
    struct mend_plan p = mend_with(graph_ref(g), in, out, (struct mend_opts){0});
    expect(&p, MEND_REPAIRED);
    assert_int_equal(channels(&p, "a"), 48);
    assert_int_equal(channels(&p, "b"), 48);
    mend_plan_done(&p);
    out = ttype_nchw(1, 32, 24, 16); /* 16 + 8 rows: one stride along the height only */
    p = mend_with(graph_ref(g), in, out, (struct mend_opts){0});
    expect(&p, MEND_REPAIRED);
    assert_int_equal(height(&p, "a") + height(&p, "b"), 24);
    mend_plan_done(&p);
    out = ttype_nchw(1, 32, 40, 16);
    p = mend_with(g, in, out, (struct mend_opts){0});
    expect(&p, MEND_INFEASIBLE);
    mend_plan_done(&p);
}

static void test_strided_depthwise_multiplier(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t x = conv(e, input(e, 16, 27), (struct conv){"c", 16, 32, 1, 1, 0, 0});
    output(e, conv(e, x, (struct conv){"dw", 32, 64, 3, 2, 1, 32}));
    struct graph *g = finish(e);
    struct mend_plan p = mend(graph_ref(g), 16, 13, 96, 7);
    expect(&p, MEND_REPAIRED);
    assert_int_equal(channels(&p, "c"), 48);
    assert_int_equal(stride(&p, "dw"), 2);
    mend_plan_done(&p);
    p = mend(g, 16, 13, 97, 7); /* an odd number is no twofold */
    expect(&p, MEND_INFEASIBLE);
    mend_plan_done(&p);
}

static void test_grouped_between(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t x = conv(e, input(e, 16, 8), (struct conv){"a", 16, 24, 1, 1, 0, 0});
    x = conv(e, x, (struct conv){"g", 24, 24, 3, 1, 1, 3});
    output(e, conv(e, x, (struct conv){"b", 24, 16, 1, 1, 0, 0}));
    struct mend_plan p = mend(finish(e), 40, 8, 40, 8);
    expect(&p, MEND_REPAIRED);
    assert_int_equal(channels(&p, "a"), 72); /* 60 is wanted, 64 as a multiple of 8, 72 of 24 */
    assert_int_equal(channels(&p, "g"), 72);
    mend_plan_done(&p);
}

static void test_dilation(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    struct conv c = {"d", 8, 16, 3, 1, 2, 0};
    int32_t x = conv(e, input(e, 8, 28), c);
    struct window w;
    assert_true(node_window(graph_edit_node(e, x), &w));
    w.dilation[0] = w.dilation[1] = 2;
    node_set_window(graph_edit_mut(e, x), &w);
    output(e, x);
    struct graph *g = finish(e);
    struct mend_plan p = mend(graph_ref(g), 8, 27, 24, 14);
    expect(&p, MEND_REPAIRED);
    assert_int_equal(stride(&p, "d"), 2);
    assert_true(node_window(graph_node(p.fragment, graph_find(p.fragment, "d")), &w));
    assert_true(w.dilation[0] == 2 && w.kernel[0] == 3);
    mend_plan_done(&p);
    p = mend(g, 8, 13, 16, 13);
    expect(&p, MEND_UNCHANGED);
    mend_plan_done(&p);
}

static void test_auto_pad(void **state)
{
    (void)state;
    static const char *const kind[] = {"SAME_UPPER", "SAME_LOWER", "VALID"};
    for (int i = 0; i < 3; i++) {
        struct graph_edit *e = graph_edit_new(NULL);
        int32_t x = conv(e, input(e, 8, 28), (struct conv){"c", 8, 8, 3, 2, 0, 0});
        struct node *n = graph_edit_mut(e, x);
        node_remove_attr(n, "pads");
        node_set_string(n, "auto_pad", kind[i], strlen(kind[i]));
        output(e, x);
        struct graph *g = finish(e);
        struct mend_plan p = mend(graph_ref(g), 8, 27, 8, i < 2 ? 14 : 13);
        expect(&p, MEND_UNCHANGED);
        mend_plan_done(&p);
        p = mend(graph_ref(g), 16, 13, 24, i < 2 ? 13 : 11); /* without the stride */
        expect(&p, MEND_REPAIRED);
        assert_int_equal(stride(&p, "c"), 1);
        mend_plan_done(&p);
        p = mend(g, 8, 13, 8, 12);
        expect(&p, MEND_INFEASIBLE);
        mend_plan_done(&p);
    }
}

static void test_one_by_one_window(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t x = conv(e, input(e, 8, 7), (struct conv){"c", 8, 8, 3, 2, 1, 0});
    output(e, pool(e, x, 3, 2, 1));
    struct mend_plan p = mend(finish(e), 24, 1, 40, 1);
    expect(&p, MEND_REPAIRED);
    assert_int_equal(channels(&p, "c"), 40);
    assert_int_equal(p.n_change, 1);
    mend_plan_done(&p);
}

/* The squeeze through flat tensors, as frameworks export it. */
static void test_squeeze_excite_flat(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t x = conv(e, input(e, 16, 16), (struct conv){"c", 16, 32, 3, 1, 1, 0});
    int32_t s = join(e, OP_GLOBALAVG, "gap", x, -1);
    s = with_ints(e, OP_RESHAPE, "flat", s, (int64_t[]){1, 32}, 2);
    s = relu(e, dense(e, "down", s, 32, 8));
    s = join(e, OP_SIGMOID, "gate", dense(e, "up", s, 8, 32), -1);
    s = with_ints(e, OP_RESHAPE, "maps", s, (int64_t[]){-1, 32, 1, 1}, 4);
    output(e, join(e, OP_MUL, "scale", x, s));
    struct mend_plan p = mend(finish(e), 32, 16, 64, 8);
    expect(&p, MEND_REPAIRED);
    assert_int_equal(channels(&p, "c"), 64);
    assert_int_equal(channels(&p, "down"), 16);
    assert_int_equal(channels(&p, "maps"), 64);
    assert_int_equal(stride(&p, "c"), 2);
    mend_plan_done(&p);
}

static void test_pool_flatten_dense(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t x = conv(e, input(e, 16, 8), (struct conv){"c", 16, 32, 3, 1, 1, 0});
    x = join(e, OP_GLOBALAVG, "gap", x, -1);
    x = join(e, OP_FLATTEN, "flat", x, -1);
    output(e, dense(e, "fc", x, 32, 10));
    struct mend_plan p = mend_flat(finish(e), 64, 14, 40);
    expect(&p, MEND_REPAIRED);
    assert_int_equal(channels(&p, "c"), 128); /* both ports grew fourfold */
    assert_int_equal(type_of(&p, "fc", 0).dim[1], 40);
    mend_plan_done(&p);
    /* Maps that are not pooled keep their size, their channels are free. */
    e = graph_edit_new(NULL);
    x = conv(e, input(e, 16, 8), (struct conv){"c", 16, 32, 3, 2, 1, 0});
    x = join(e, OP_FLATTEN, "flat", x, -1);
    output(e, dense(e, "fc", x, 512, 10));
    p = mend_flat(finish(e), 32, 4, 20);
    expect(&p, MEND_REPAIRED);
    assert_int_equal(channels(&p, "c"), 64);
    assert_int_equal(stride(&p, "c"), 1);
    assert_int_equal(type_of(&p, "flat", 0).dim[1], 1024);
    mend_plan_done(&p);
}

static struct graph *resize_of(bool sized)
{
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t x = conv(e, input(e, 16, 8), (struct conv){"c", 16, 24, 3, 1, 1, 0});
    struct node *n = node_new(OP_RESIZE, "up");
    static const float scales[] = {1, 1, 2, 2};
    struct ttype t = ttype_make(DT_FLOAT, 1, (int64_t[]){4});
    node_add_input(n, x, 0);
    node_add_input(n, IN_NONE, 0);
    if (sized) {
        node_add_input(n, IN_NONE, 0);
        node_add_const(n, tensor_new_i64("sizes", (int64_t[]){1, 24, 16, 16}, 4));
    } else {
        node_add_const(n, tensor_new_bytes("scales", &t, scales, sizeof scales));
    }
    output(e, put(e, n));
    return finish(e);
}

static void test_resize(void **state)
{
    (void)state;
    for (int sized = 0; sized < 2; sized++) {
        struct graph *g = resize_of(sized);
        struct mend_plan p = mend(graph_ref(g), 16, 13, 40, 26);
        expect(&p, MEND_REPAIRED);
        assert_int_equal(channels(&p, "c"), 40);
        assert_int_equal(p.n_change, 1);
        mend_plan_done(&p);
        p = mend(graph_ref(g), 16, 28, 24, 28);
        expect(&p, MEND_REPAIRED);
        assert_int_equal(stride(&p, "c"), 2);
        mend_plan_done(&p);
        p = mend(graph_ref(g), 16, 14, 24, 27);
        expect(&p, MEND_INFEASIBLE);
        mend_plan_done(&p);
        p = mend(g, 16, 8, 24, 16);
        expect(&p, MEND_UNCHANGED);
        mend_plan_done(&p);
    }
}

static void test_depth_to_space(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t x = conv(e, input(e, 16, 8), (struct conv){"c", 16, 48, 3, 1, 1, 0});
    x = join(e, OP_DEPTHTOSPACE, "d2s", x, -1);
    node_set_int(graph_edit_mut(e, x), "blocksize", 2);
    output(e, x);
    struct graph *g = finish(e);
    struct mend_plan p = mend(graph_ref(g), 16, 13, 3, 26);
    expect(&p, MEND_REPAIRED);
    assert_int_equal(channels(&p, "c"), 12);
    mend_plan_done(&p);
    p = mend(g, 16, 13, 12, 13);
    expect(&p, MEND_INFEASIBLE);
    mend_plan_done(&p);
}

static void test_space_to_depth(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t x = conv(e, input(e, 16, 8), (struct conv){"c", 16, 16, 3, 1, 1, 0});
    x = join(e, OP_SPACETODEPTH, "s2d", x, -1);
    node_set_int(graph_edit_mut(e, x), "blocksize", 2);
    output(e, conv(e, x, (struct conv){"o", 64, 32, 1, 1, 0, 0}));
    struct mend_plan p = mend(finish(e), 16, 28, 48, 7);
    expect(&p, MEND_REPAIRED);
    assert_int_equal(stride(&p, "c") * stride(&p, "o"), 2);
    assert_int_equal(channels(&p, "s2d"), 4 * channels(&p, "c"));
    mend_plan_done(&p);
}

/* A window without padding behind explicit padding. */
static void test_pad(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t x =
        with_ints(e, OP_PAD, "pad", input(e, 8, 28), (int64_t[]){0, 0, 1, 1, 0, 0, 1, 1}, 8);
    output(e, conv(e, x, (struct conv){"c", 8, 16, 3, 1, 0, 0}));
    struct graph *g = finish(e);
    struct mend_plan p = mend(graph_ref(g), 24, 13, 32, 13);
    expect(&p, MEND_REPAIRED);
    assert_int_equal(height(&p, "pad"), 15);
    mend_plan_done(&p);
    p = mend(graph_ref(g), 8, 27, 16, 14);
    expect(&p, MEND_REPAIRED);
    assert_int_equal(stride(&p, "c"), 2);
    mend_plan_done(&p);
    p = mend(g, 8, 27, 16, 26);
    expect(&p, MEND_INFEASIBLE);
    mend_plan_done(&p);
}

static int32_t split(struct graph_edit *e, int32_t from, int64_t axis, const int64_t *piece)
{
    struct node *n = node_new(OP_SPLIT, "split");
    node_add_input(n, from, 0);
    if (piece)
        node_add_const(n, tensor_new_i64("pieces", piece, 2));
    node_set_int(n, "axis", axis);
    node_add_output(n, "left");
    node_add_output(n, "right");
    return graph_edit_add(e, n);
}

static void join_halves(struct graph_edit *e, int32_t s, int64_t axis, int64_t left)
{
    struct node *n = node_new(OP_CONCAT, "cat");
    int32_t a = conv(e, s, (struct conv){"a", left, left, 3, 1, 1, 0});
    node_add_input(n, a, 0);
    node_add_input(n, s, 1);
    node_set_int(n, "axis", axis);
    output(e, put(e, n));
}

static void test_split(void **state)
{
    (void)state;
    for (int sized = 0; sized < 2; sized++) {
        struct graph_edit *e = graph_edit_new(NULL);
        int32_t x = conv(e, input(e, 16, 14), (struct conv){"c", 16, 32, 1, 1, 0, 0});
        join_halves(e, split(e, x, 1, sized ? (int64_t[]){16, 16} : NULL), 1, 16);
        struct mend_plan p = mend(finish(e), 16, 7, 64, 7);
        expect(&p, MEND_REPAIRED);
        int64_t l = type_of(&p, "split", 0).dim[1], r = type_of(&p, "split", 1).dim[1];
        assert_int_equal(l + r, channels(&p, "c"));
        assert_int_equal(channels(&p, "a") + r, 64);
        assert_true(sized || l == r);
        mend_plan_done(&p);
    }
}

static void test_split_rows(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t s = split(e, input(e, 16, 16), 2, NULL);
    join_halves(e, s, 2, 16);
    struct graph *g = finish(e);
    struct ttype t = ttype_nchw(1, 24, 12, 20);
    struct mend_plan p = mend_with(graph_ref(g), t, t, (struct mend_opts){0});
    expect(&p, MEND_REPAIRED);
    assert_int_equal(type_of(&p, "split", 1).dim[2], 6);
    mend_plan_done(&p);
    t.dim[2] = 13; /* no equal halves */
    p = mend_with(g, t, t, (struct mend_opts){0});
    expect(&p, MEND_INFEASIBLE);
    mend_plan_done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_concat_rows),
        cmocka_unit_test(test_strided_depthwise_multiplier),
        cmocka_unit_test(test_grouped_between),
        cmocka_unit_test(test_dilation),
        cmocka_unit_test(test_auto_pad),
        cmocka_unit_test(test_one_by_one_window),
        cmocka_unit_test(test_squeeze_excite_flat),
        cmocka_unit_test(test_pool_flatten_dense),
        cmocka_unit_test(test_resize),
        cmocka_unit_test(test_depth_to_space),
        cmocka_unit_test(test_space_to_depth),
        cmocka_unit_test(test_pad),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_split_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
