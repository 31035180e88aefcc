/* Costs of single nodes by hand, and of whole networks against counts made elsewhere. */
#include "cost/cost.h"
#include "base/file.h"
#include "base/mem.h"
#include "onx/onx.h"
#include "shape/shape.h"
#include <cjson/cJSON.h>
#include <dirent.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define I64(...) ((const int64_t[]){__VA_ARGS__})
#define DIMS(...) ((int)(sizeof I64(__VA_ARGS__) / sizeof(int64_t))), I64(__VA_ARGS__)
#define N DIM_SYM(0)

/* ---- building ---- */

static struct node *node(enum op op, int32_t from)
{
    struct node *n = node_new(op, "");

    if (from >= 0)
        node_add_input(n, from, 0);
    node_add_output(n, "v");
    return n;
}

static struct node *with(struct node *n, int rank, const int64_t *dim)
{
    struct ttype t = ttype_make(DT_FLOAT, rank, dim);

    node_add_const(n, tensor_new_fill("w", &t, 0.25));
    return n;
}

static struct graph_edit *start(int rank, const int64_t *dim)
{
    struct graph_edit *e = graph_edit_new(NULL);
    struct node *x = node(OP_INPUT, -1);

    graph_edit_symbol(e, "N");
    x->out[0].type = ttype_make(DT_FLOAT, rank, dim);
    graph_edit_add(e, x);
    return e;
}

static struct graph *finish(struct graph_edit *e)
{
    struct graph *g, *r;
    struct err err = {0};

    if (graph_edit_freeze(e, &g, &err) != ST_OK || shape_infer(g, &r, &err) != ST_OK)
        fail_msg("%s", err.msg);
    graph_unref(g);
    return r;
}

/* Cost of the one node behind an input. */
static struct cost of(struct node *n, int rank, const int64_t *dim)
{
    struct graph_edit *e = start(rank, dim);
    int32_t id = graph_edit_add(e, n);
    struct graph *g = finish(e);
    struct cost c;

    cost_node(g, id, &c);
    graph_unref(g);
    return c;
}

static void expect(struct cost c, int64_t params, int64_t macs, int64_t paper)
{
    assert_int_equal(c.params, params);
    assert_int_equal(c.macs, macs);
    assert_int_equal(c.flops, 2 * macs);
    assert_int_equal(c.flops_paper, paper);
    assert_int_equal(c.peak_activation_bytes, 0);
    assert_false(c.incomplete);
}

/* ---- single nodes ---- */

static void test_kernels(void **state)
{
    struct node *n;

    (void)state;
    expect(of(with(node(OP_CONV, 0), DIMS(8, 3, 3, 5)), DIMS(N, 3, 10, 12)), 360, 360 * 8 * 8,
           2 * 360 * 8 * 8);
    n = with(with(node(OP_CONV, 0), DIMS(8, 3, 1, 1)), DIMS(8));
    expect(of(n, DIMS(1, 3, 4, 5)), 32, 480, 2 * (480 + 8 * 20));
    n = with(node(OP_CONV, 0), DIMS(6, 1, 3, 3)); /* depthwise */
    node_set_int(n, "group", 6);
    expect(of(n, DIMS(N, 6, 5, 5)), 54, 54 * 9, 2 * 54 * 9);
    n = with(with(node(OP_CONVT, 0), DIMS(8, 4, 2, 2)), DIMS(4));
    node_set_ints(n, "strides", I64(2, 2), 2);
    expect(of(n, DIMS(N, 8, 3, 3)), 132, 128 * 9, 2 * (128 * 9 + 4 * 36));
    expect(of(with(node(OP_GEMM, 0), DIMS(64, 10)), DIMS(N, 64)), 640, 640, 2 * 650);
    n = with(with(node(OP_GEMM, 0), DIMS(10, 64)), DIMS(10));
    node_set_int(n, "transB", 1);
    expect(of(n, DIMS(N, 64)), 650, 640, 2 * 650);
    expect(of(with(node(OP_MATMUL, 0), DIMS(64, 10)), DIMS(N, 7, 64)), 640, 4480, 2 * 4550);
}

static void test_others(void **state)
{
    struct node *n = node(OP_BATCHNORM, 0);

    (void)state;
    for (int i = 0; i < 4; i++)
        with(n, DIMS(6));
    expect(of(n, DIMS(N, 6, 5, 5)), 12, 0, 2 * 300);
    expect(of(node(OP_RELU, 0), DIMS(N, 6, 5, 5)), 0, 0, 300);
    expect(of(with(node(OP_PRELU, 0), DIMS(6, 1, 1)), DIMS(N, 6, 5, 5)), 6, 0, 300);
    expect(of(node(OP_SOFTMAX, 0), DIMS(N, 6, 5, 5)), 0, 0, 0);
    expect(of(node(OP_IDENTITY, 0), DIMS(N, 6, 5, 5)), 0, 0, 0);
    expect(of(node(OP_GLOBALAVG, 0), DIMS(N, 6, 5, 5)), 0, 0, 12);
    n = node(OP_MAXPOOL, 0);
    node_set_ints(n, "kernel_shape", I64(3, 3), 2);
    expect(of(n, DIMS(N, 6, 5, 5)), 0, 0, 2 * 6 * 9); /* the kernel is ignored */
}

/* An add with k edges counts k times; one operand constant: only a bias counts. */
static void test_joins(void **state)
{
    struct node *n = node(OP_ADD, 0);

    (void)state;
    node_add_input(n, 0, 0);
    expect(of(n, DIMS(N, 2, 3, 4)), 0, 0, 2 * 2 * 24);
    n = node(OP_SUM, 0);
    node_add_input(n, 0, 0);
    node_add_input(n, 0, 0);
    expect(of(n, DIMS(N, 2, 3, 4)), 0, 0, 2 * 3 * 24);
    expect(of(with(node(OP_MUL, 0), DIMS(2, 1, 1)), DIMS(N, 2, 3, 4)), 2, 0, 0);
    expect(of(with(node(OP_MUL, 0), DIMS(1)), DIMS(N, 2, 3, 4)), 0, 0, 0);
    for (int i = 0; i < 2; i++) {
        struct graph_edit *e = start(DIMS(N, 3, 4, 4));
        struct node *before = node(i ? OP_CONV : OP_RELU, 0);
        int32_t c = graph_edit_add(e, i ? with(before, DIMS(3, 3, 1, 1)) : before);
        struct graph *g;
        struct cost cost;
        int32_t id;

        id = graph_edit_add(e, with(node(OP_ADD, c), DIMS(3, 1, 1)));
        g = finish(e);
        cost_node(g, id, &cost);
        expect(cost, 3, 0, i ? 2 * 48 : 0);
        graph_unref(g);
    }
}

static void test_batch(void **state)
{
    struct cost c = of(with(node(OP_GEMM, 0), DIMS(64, 10)), DIMS(16, 64));

    (void)state;
    expect(c, 640, 640, 2 * 650); /* for one image, not sixteen */
    c = of(with(node(OP_CONV, 0), DIMS(8, 3, 3, 3)), DIMS(16, 3, 8, 8));
    expect(c, 216, 216 * 36, 2 * 216 * 36);
}

static void test_unknown(void **state)
{
    struct cost c = of(node(OP_RELU, 0), DIMS(N, 3, DIM_UNKNOWN, 4));
    struct node *n = node(OP_OPAQUE, 0);

    (void)state;
    assert_true(c.incomplete);
    assert_int_equal(c.flops_paper, 0);
    n->op_type = x_strdup("Mystery");
    c = of(n, DIMS(N, 3));
    assert_true(c.incomplete);
    c = of(node(OP_RELU, 0), DIMS(1 << 30, 1 << 30, 4));
    assert_int_equal(c.flops_paper, 2 * ((int64_t)1 << 32)); /* one of 2^30 images */
}

/* A tensor that two nodes share is one parameter. */
static void test_shared(void **state)
{
    struct graph_edit *e = start(DIMS(N, 4, 8, 8));
    struct node *a = with(node(OP_CONV, 0), DIMS(4, 4, 3, 3)), *b = node(OP_CONV, 1);
    const int32_t both[] = {1, 2};
    struct graph *g;
    struct cost c;

    (void)state;
    node_add_const(b, tensor_ref(node_const(a, 1)));
    graph_edit_add(e, a);
    graph_edit_add(e, b);
    g = finish(e);
    cost_nodes(g, both, 2, &c);
    expect(c, 144, 144 * (36 + 16), 2 * 144 * (36 + 16));
    cost_node(g, 2, &c);
    assert_int_equal(c.params, 144);
    graph_unref(g);
}

/* x -> relu a -> relu b -> relu c -> add(c, a): a lives on, x and b do not. */
static void test_peak(void **state)
{
    struct graph_edit *e = start(DIMS(N, 10));
    struct graph *g;
    struct cost c;
    struct node *sum;

    (void)state;
    for (int i = 0; i < 3; i++)
        graph_edit_add(e, node(OP_RELU, i));
    sum = node(OP_ADD, 3);
    node_add_input(sum, 1, 0);
    graph_edit_add(e, sum);
    g = finish(e);
    cost_graph(g, &c);
    assert_int_equal(c.peak_activation_bytes, 3 * 40); /* a, b, c */
    assert_int_equal(c.flops_paper, 2 * (30 + 2 * 10));
    graph_unref(g);
    e = start(DIMS(N, 10));
    graph_edit_add(e, node(OP_RELU, 0));
    graph_edit_add(e, node(OP_RELU, 1));
    g = finish(e);
    cost_graph(g, &c);
    assert_int_equal(c.peak_activation_bytes, 2 * 40);
    graph_unref(g);
}

/* ---- whole networks: the `flops` field of the graph files ---- */

static int64_t flops_field(const char *path)
{
    unsigned char *text;
    size_t size;
    cJSON *doc;
    const cJSON *f;
    int64_t v = -1;

    if (file_read(path, (size_t)64 << 20, &text, &size, NULL) != ST_OK)
        return -1;
    doc = cJSON_ParseWithLength((const char *)text, size);
    f = cJSON_GetObjectItem(doc, "flops");
    if (cJSON_GetObjectItem(doc, "nodes") && cJSON_IsNumber(f))
        v = (int64_t)f->valuedouble;
    cJSON_Delete(doc);
    free(text);
    return v;
}

static void check_file(const char *path, int64_t want)
{
    struct graph *g, *r;
    struct err err = {0};
    struct cost c;

    if (cgjson_load(&g, path, 1, &err) != ST_OK || shape_infer_strict(g, &r, &err) != ST_OK)
        fail_msg("%s: %s", path, err.msg);
    cost_graph(r, &c);
    if (c.flops_paper != want || c.incomplete)
        fail_msg("%s: flops_paper is %lld, not %lld", path, (long long)c.flops_paper,
                 (long long)want);
    graph_unref(r);
    graph_unref(g);
}

static void test_reference(void **state)
{
    const char *shared = getenv("AUTOGO_SHARED");
    char *dir = x_asprintf("%s/data/cg", shared ? shared : SRCDIR "/../shared");
    DIR *d = opendir(dir);
    const struct dirent *f;
    int checked = 0;

    (void)state;
    if (!d) {
        print_message("no %s: reference graphs are not checked\n", dir);
        free(dir);
        skip();
        return;
    }
    while ((f = readdir(d))) {
        char *path = x_asprintf("%s/%s", dir, f->d_name);
        int64_t want = strstr(f->d_name, ".json") ? flops_field(path) : -1;

        if (want >= 0) {
            check_file(path, want);
            checked++;
        }
        free(path);
    }
    closedir(d);
    free(dir);
    assert_true(checked >= 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kernels), cmocka_unit_test(test_others),
        cmocka_unit_test(test_joins),   cmocka_unit_test(test_batch),
        cmocka_unit_test(test_unknown), cmocka_unit_test(test_shared),
        cmocka_unit_test(test_peak),    cmocka_unit_test(test_reference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
