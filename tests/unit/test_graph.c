/* graph: versions, order, hashes, regions, windows, tensors. */
#include "base/mem.h"
#include "base/rng.h"
#include "graph/graph.h"
#include "graph/region.h"
#include "graph_make.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct graph *freeze(struct graph_edit *e)
{
    struct graph *g = NULL;
    struct err err = {0};
    if (graph_edit_freeze(e, &g, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return g;
}

/* in -> a -> {b -> c, d} -> add -> out, with ids in the given order of creation. */
static struct graph *diamond(void)
{
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t in = add(e, OP_INPUT, "in", -1, -1), a = add(e, OP_RELU, "a", in, -1);
    int32_t b = add(e, OP_SIGMOID, "b", a, -1), c = add(e, OP_TANH, "c", b, -1);
    int32_t d = add(e, OP_RELU, "d", a, -1), s = add(e, OP_ADD, "s", c, d);
    add(e, OP_OUTPUT, "out", s, -1);
    return freeze(e);
}

/* The same network numbered backwards, the addends swapped, other names. */
static struct graph *diamond_reversed(void)
{
    struct graph_edit *e = graph_edit_new(NULL);
    add(e, OP_OUTPUT, "o", 1, -1);
    add(e, OP_ADD, "t", 2, 3);
    add(e, OP_RELU, "u", 5, -1);
    add(e, OP_TANH, "v", 4, -1);
    add(e, OP_SIGMOID, "w", 5, -1);
    add(e, OP_RELU, "x", 6, -1);
    add(e, OP_INPUT, "i", -1, -1);
    return freeze(e);
}

static void test_order(void **state)
{
    (void)state;
    struct graph *g = diamond();
    const int32_t want[] = {0, 1, 2, 4, 3, 5, 6};
    assert_int_equal(graph_n_nodes(g), 7);
    assert_int_equal(graph_n_edges(g), 7);
    assert_memory_equal(graph_topo(g), want, sizeof want);
    assert_int_equal(graph_topo_pos(g, 3), 4);
    int n;
    const struct use *use = graph_uses(g, 1, &n);
    assert_int_equal(n, 2);
    assert_true(use[0].node == 2 && use[1].node == 4);
    assert_int_equal(graph_find(g, "c"), 3);
    assert_int_equal(graph_find(g, "nothing"), -1);
    graph_unref(g);
}

static void test_faults(void **state)
{
    (void)state;
    struct err err = {0};
    struct graph *g = NULL;
    struct graph_edit *e = graph_edit_new(NULL);
    add(e, OP_RELU, "first", 1, -1);
    add(e, OP_RELU, "second", 0, -1);
    assert_int_equal(graph_edit_freeze(e, &g, &err), ST_MODEL);
    assert_non_null(strstr(err.msg, "cycle"));
    assert_non_null(strstr(err.msg, "first"));
    e = graph_edit_new(NULL);
    add(e, OP_RELU, "lost", 9, -1);
    assert_int_equal(graph_edit_freeze(e, &g, &err), ST_MODEL);
    assert_non_null(strstr(err.msg, "'lost'"));
    assert_null(g);
}

static void test_versions(void **state)
{
    (void)state;
    struct graph *g = diamond();
    struct graph_edit *e = graph_edit_new(g);
    node_set_float(graph_edit_mut(e, 2), "alpha", 0.5f);
    struct node *s = graph_edit_mut(e, 5);
    node_set_input(s, 1, 1, 0, NULL);
    graph_edit_remove(e, 4);
    char *fresh = graph_edit_fresh_name(e, "a"), *again = graph_edit_fresh_name(e, "a");
    assert_string_equal(fresh, "a_1");
    assert_string_equal(again, "a_2");
    free(fresh);
    free(again);
    struct graph *h = freeze(e);
    assert_int_equal(graph_n_nodes(g), 7); /* the old version is as it was */
    assert_null(node_attr(graph_node(g, 2), "alpha"));
    assert_int_equal(graph_n_nodes(h), 6);
    assert_null(graph_node(h, 4));
    assert_ptr_equal(graph_node(g, 3), graph_node(h, 3));
    assert_int_not_equal(graph_hash(g), graph_hash(h));
    struct graph_diff d;
    graph_diff_init(&d, g, h, true);
    assert_int_equal(d.n_removed, 1);
    assert_int_equal(d.removed[0], 4);
    assert_int_equal(d.n_added, 0);
    assert_int_equal(d.n_changed, 1); /* b's attribute; the sum only lost a removed producer */
    assert_int_equal(d.changed_a[0], 2);
    graph_diff_done(&d);
    graph_unref(g);
    assert_int_equal(graph_find(h, "b"), 2); /* outlives its base */
    graph_unref(h);
}

static void test_untouched(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t in = add(e, OP_INPUT, "in", -1, -1);
    add(e, OP_OUTPUT, "out", in, -1);
    graph_edit_set_origin(e, x_strdup("file"), free);
    struct graph *g = freeze(e);
    assert_true(graph_is_untouched(g));
    e = graph_edit_new(g);
    struct ttype t = ttype_nchw(1, 3, 8, 8);
    graph_edit_set_type(e, (struct value_ref){0, 0}, &t);
    struct graph *h = freeze(e);
    assert_true(graph_is_untouched(h));
    e = graph_edit_new(h);
    graph_edit_mut(e, 0);
    struct graph *k = freeze(e);
    assert_false(graph_is_untouched(k));
    assert_string_equal((const char *)graph_origin(k), "file");
    graph_unref(g);
    graph_unref(h);
    graph_unref(k);
}

static void test_hash(void **state)
{
    (void)state;
    struct graph *g = diamond(), *r = diamond_reversed();
    assert_int_equal(graph_hash(g), graph_hash(r));
    struct graph_diff d;
    graph_diff_init(&d, g, r, false);
    assert_int_equal(d.n_added + d.n_removed + d.n_changed, 0);
    graph_diff_done(&d);
    struct graph_edit *e = graph_edit_new(r);
    struct ttype t = ttype_nchw(1, 3, 8, 8);
    graph_edit_set_type(e, (struct value_ref){2, 0}, &t);
    struct graph *s = freeze(e);
    assert_int_not_equal(graph_hash(g), graph_hash(s));
    graph_unref(g);
    graph_unref(r);
    graph_unref(s);
}

static void test_closing_a_hole(void **state)
{
    (void)state;
    struct graph *g = diamond();
    struct err err = {0};
    int32_t *all;
    int n;
    assert_int_equal(region_close(g, (int32_t[]){1, 99}, 2, &all, &n, &err), ST_USAGE);
    assert_int_equal(region_close(g, (int32_t[]){-1}, 1, &all, &n, &err), ST_USAGE);
    graph_unref(g);
}

static void test_region(void **state)
{
    (void)state;
    struct graph *g = diamond();
    struct region r;
    struct err err = {0};
    assert_int_equal(region_init(&r, g, (int32_t[]){5, 1, 4}, 3, &err), ST_OK);
    assert_int_equal(r.n_in, 2); /* the network's input and c */
    assert_true(r.in[0].node == 0 && r.in[1].node == 3);
    assert_int_equal(r.n_out, 2); /* a, read by b; and the sum */
    assert_true(r.out[0].node == 1 && r.out[1].node == 5);
    assert_false(region_is_convex(g, &r)); /* a -> b -> c -> s leaves and comes back */
    assert_true(region_is_connected(g, &r));
    region_done(&r);
    assert_int_equal(region_init(&r, g, (int32_t[]){2, 3, 4, 5}, 4, &err), ST_OK);
    assert_int_equal(r.n_in, 1);
    assert_true(region_is_convex(g, &r) && region_is_connected(g, &r));
    assert_true(region_has(&r, 3) && !region_has(&r, 1));
    struct graph *f = NULL;
    assert_int_equal(region_extract(g, &r, &f, &err), ST_OK);
    assert_int_equal(graph_n_nodes(f), 6);
    int n;
    assert_int_equal(graph_inputs(f, &n)[0], 0);
    assert_int_equal(n, 1);
    graph_outputs(f, &n);
    assert_int_equal(n, 1);
    graph_unref(f);
    region_done(&r);
    assert_int_equal(region_init(&r, g, (int32_t[]){3, 4}, 2, &err), ST_OK);
    assert_false(region_is_connected(g, &r));
    region_done(&r);
    assert_int_equal(region_init(&r, g, (int32_t[]){3, 3}, 2, &err), ST_USAGE);
    assert_int_equal(region_init(&r, g, (int32_t[]){77}, 1, &err), ST_USAGE);
    graph_unref(g);
}

/* Random graphs: convexity and level order against the plain definitions. */
static void test_random_regions(void **state)
{
    (void)state;
    enum { N = 12 };
    for (uint64_t seed = 0; seed < 500; seed++) {
        struct rng rng = rng_for(seed, 0);
        struct graph_edit *e = graph_edit_new(NULL);
        bool path[N][N] = {{false}};
        for (int i = 0; i < N; i++) {
            struct node *n = node_new(OP_SUM, "");
            for (int k = 0; k < i; k++)
                if (rng_below(&rng, 4) == 0) {
                    node_add_input(n, k, 0);
                    path[k][i] = true;
                    for (int j = 0; j < k; j++)
                        path[j][i] |= path[j][k];
                }
            node_add_output(n, "v");
            graph_edit_add(e, n);
        }
        struct graph *g = freeze(e);
        int32_t ids[N];
        int n = 0;
        bool in[N] = {false};
        for (int i = 0; i < N; i++)
            if (rng_below(&rng, 3) == 0) {
                ids[n++] = i;
                in[i] = true;
            }
        bool convex = true;
        for (int a = 0; a < N; a++)
            for (int b = 0; b < N; b++)
                for (int x = 0; x < N; x++)
                    convex &= !(in[a] && in[b] && !in[x] && path[a][x] && path[x][b]);
        struct region r;
        assert_int_equal(region_init(&r, g, ids, n, NULL), ST_OK);
        assert_int_equal(region_is_convex(g, &r), convex);
        int32_t *all;
        int n_all, want = 0;
        assert_int_equal(region_close(g, ids, n, &all, &n_all, NULL), ST_OK);
        for (int x = 0; x < N; x++) {
            bool between = in[x];
            for (int a = 0; a < N; a++)
                for (int b = 0; b < N; b++)
                    between |= in[a] && in[b] && path[a][x] && path[x][b];
            if (between)
                assert_true(want < n_all && all[want++] == x);
        }
        assert_int_equal(want, n_all);
        free(all);
        for (int a = 0; a < N; a++)
            for (int b = 0; b < N; b++)
                if (path[a][b])
                    assert_true(graph_topo_pos(g, a) < graph_topo_pos(g, b));
        region_done(&r);
        graph_unref(g);
    }
}

static void test_attrs(void **state)
{
    (void)state;
    struct node *n = node_new(OP_CONV, "c");
    for (int i = 0; i < 9; i++) {
        char name[16];
        snprintf(name, sizeof name, "a%d", i);
        node_set_int(n, name, i);
    }
    node_set_string(n, "a3", "text", 4);
    node_set_ints(n, "a4", (int64_t[]){7, 8}, 2);
    node_remove_attr(n, "a5");
    struct node *c = node_clone(n);
    for (int i = 0; i < 9; i++)
        node_add_input(c, IN_NONE, 0);
    node_set_float(c, "f", 1.5f);
    assert_int_equal(c->n_attr, 9);
    assert_int_equal(n->n_attr, 8);
    assert_string_equal(node_string(c, "a3", ""), "text");
    assert_int_equal(node_ints_at(c, "a4", 1, 0), 8);
    assert_int_equal(node_ints_at(c, "a4", 2, -1), -1);
    assert_int_equal(node_int(c, "a5", -5), -5);
    assert_int_equal(node_int(c, "a8", 0), 8);
    node_free(n);
    node_free(c);
}

/* ONNX Conv arithmetic against counting window positions one by one. */
static void test_window(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 20000; i++) {
        struct rng r = rng_for(i, 9);
        struct window w = {.group = 1};
        int64_t in = 1 + (int64_t)rng_below(&r, 40);
        w.kernel[0] = 1 + (int64_t)rng_below(&r, 7);
        w.stride[0] = 1 + (int64_t)rng_below(&r, 4);
        w.dilation[0] = 1 + (int64_t)rng_below(&r, 3);
        w.pad_begin[0] = (int64_t)rng_below(&r, (uint64_t)w.kernel[0]);
        w.pad_end[0] = (int64_t)rng_below(&r, (uint64_t)w.kernel[0]);
        int64_t reach = (w.kernel[0] - 1) * w.dilation[0] + 1, n = 0;
        for (int64_t at = -w.pad_begin[0]; at + reach <= in + w.pad_end[0]; at += w.stride[0])
            n++;
        assert_int_equal(window_out(&w, 0, in, false), n);
        window_set_same(&w, 0, in);
        assert_int_equal(window_out(&w, 0, in, false), (in + w.stride[0] - 1) / w.stride[0]);
        assert_true(w.pad_end[0] - w.pad_begin[0] <= 1 && w.pad_begin[0] <= w.pad_end[0]);
    }
}

static void test_tensor(void **state)
{
    (void)state;
    struct ttype t = ttype_make(DT_INT32, 2, (int64_t[]){2, 3});
    struct tensor *fill = tensor_new_fill("f", &t, -7);
    int32_t v[6];
    tensor_read(fill, v);
    assert_int_equal(v[5], -7);
    struct tensor *bytes = tensor_new_bytes("b", &t, v, sizeof v);
    assert_true(tensor_equal(fill, bytes));
    assert_int_equal(tensor_int_at(bytes, 2, 0), -7);
    assert_int_equal(tensor_int_at(bytes, 6, 99), 99);
    struct tensor *renamed = tensor_renamed(bytes, "c");
    tensor_unref(bytes);
    assert_true(tensor_num_at(renamed, 0, 0) == -7.0);
    struct ttype f = ttype_make(DT_FLOAT, 1, (int64_t[]){20000});
    struct tensor *he = tensor_new_he("w", &f, 8, 42), *he2 = tensor_new_he("x", &f, 8, 43);
    float *x = x_calloc(20000, sizeof *x);
    tensor_read(he, x);
    double squares = 0;
    for (int i = 0; i < 20000; i++)
        squares += (double)x[i] * (double)x[i];
    assert_true(squares / 20000 > 0.24 && squares / 20000 < 0.26); /* 2 / fan_in */
    assert_false(tensor_equal(he, he2));
    char buf[64];
    assert_string_equal(ttype_text(tensor_type(fill), buf, sizeof buf), "2x3");
    struct ttype n = ttype_nchw(DIM_SYM(0), 3, DIM_UNKNOWN, 5);
    assert_string_equal(ttype_text(&n, buf, sizeof buf), "Nx3x?x5");
    assert_int_equal(ttype_count(&n, 1), 15);
    free(x);
    tensor_unref(fill);
    tensor_unref(renamed);
    tensor_unref(he);
    tensor_unref(he2);
}

static void test_op_table(void **state)
{
    (void)state;
    assert_int_equal(op_from_onnx("Conv"), OP_CONV);
    assert_int_equal(op_from_onnx("NoSuch"), OP_OPAQUE);
    enum op op;
    assert_true(op_from_cg("depthwise", &op) && op == OP_CONV);
    assert_true(op_from_cg("add", &op) && op == OP_ADD);
    assert_false(op_from_cg("nothing", &op));
    for (int i = 1; i < OP_COUNT; i++) { /* names lead back to their rows */
        const struct op_info *info = op_info((enum op)i);
        if (info->onnx[0])
            assert_int_equal(op_from_onnx(info->onnx), i);
        assert_true(info->max_in < 0 || info->min_in <= info->max_in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),    cmocka_unit_test(test_faults),
        cmocka_unit_test(test_versions), cmocka_unit_test(test_untouched),
        cmocka_unit_test(test_hash),     cmocka_unit_test(test_closing_a_hole),
        cmocka_unit_test(test_region),   cmocka_unit_test(test_random_regions),
        cmocka_unit_test(test_attrs),    cmocka_unit_test(test_window),
        cmocka_unit_test(test_tensor),   cmocka_unit_test(test_op_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
