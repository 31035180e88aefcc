/* The executor: cases checked by hand, refusals, repeatability, the zoo. */
#include "base/mem.h"
#include "base/rng.h"
#include "exec/exec.h"
#include "family/family.h"
#include "shape/shape.h"
#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "exec_make.h"

#define I64(...) ((const int64_t[]){__VA_ARGS__})
#define COUNT(...) ((int)(sizeof I64(__VA_ARGS__) / sizeof(int64_t)))
#define DIMS(...) COUNT(__VA_ARGS__), I64(__VA_ARGS__)
#define FLOATS(...) ((const float[]){__VA_ARGS__})

/* ---- building and running ---- */

/* A node whose input 0 is node 0, the graph's input. */
static struct node *node(enum op op)
{
    struct node *n = node_new(op, "n1");

    node_add_input(n, 0, 0);
    node_add_output(n, "y");
    return n;
}

static struct node *with_const(struct node *n, int rank, const int64_t *dim, const float *v)
{
    struct ttype t = ttype_make(DT_FLOAT, rank, dim);

    node_add_const(n, tensor_new_bytes("c", &t, v, (size_t)ttype_count(&t, 1) * sizeof(float)));
    return n;
}

static struct node *with_ints(struct node *n, const char *attr, int count, const int64_t *v)
{
    node_set_ints(n, attr, v, (size_t)count);
    return n;
}

/* input -> n -> output, for an input of this shape. */
static struct graph *single(struct node *n, int rank, const int64_t *dim)
{
    return make_single(n, ttype_make(DT_FLOAT, rank, dim));
}

static struct exec *compiled(struct graph *g, const struct exec_opts *opts)
{
    struct err err = {0};
    struct exec *e = NULL;

    if (exec_new(&e, g, opts, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return e;
}

/* Runs n on x and compares with `want`. */
static void expect(struct node *n, int rank, const int64_t *dim, const float *x, int count,
                   const float *want)
{
    static const struct exec_opts opts[] = {{.plain = false}, {.plain = true}};

    struct graph *g = single(n, rank, dim);

    for (int k = 0; k < 2; k++) {
        struct exec *e = compiled(g, &opts[k]);

        memcpy(exec_input(e, 0), x, (size_t)ttype_count(exec_input_type(e, 0), 1) * sizeof *x);
        assert_int_equal(exec_run(e, NULL), ST_OK);
        assert_int_equal(ttype_count(exec_output_type(e, 0), 1), count);
        for (int i = 0; i < count; i++)
            assert_float_equal(exec_output(e, 0)[i], want[i], 1e-5);
        exec_free(e);
    }
    graph_unref(g);
}

/* ---- by hand ---- */

static const float nine[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

static void test_conv(void **state)
{
    const float ones[] = {1, 1, 1, 1};
    struct node *n = with_const(node(OP_CONV), DIMS(1, 1, 2, 2), ones);

    (void)state;
    expect(n, DIMS(1, 1, 3, 3), nine, 4, FLOATS(12, 16, 24, 28));
    /* pads on one side only, stride 2, bias */
    n = with_const(with_const(node(OP_CONV), DIMS(1, 1, 2, 2), ones), DIMS(1), FLOATS(10));
    with_ints(with_ints(n, "pads", DIMS(1, 0, 0, 1)), "strides", DIMS(2, 2));
    expect(n, DIMS(1, 1, 3, 3), nine, 4, FLOATS(13, 13, 34, 25));
    /* a remainder that no window reaches */
    n = with_ints(with_const(node(OP_CONV), DIMS(1, 1, 1, 1), ones), "strides", DIMS(2, 3));
    expect(n, DIMS(1, 1, 3, 3), nine, 2, FLOATS(1, 7));
}

static void test_conv_transposed(void **state)
{
    struct node *n = with_const(node(OP_CONVT), DIMS(1, 1, 2, 2), FLOATS(1, 2, 3, 4));

    (void)state;
    with_ints(n, "strides", DIMS(2, 2));
    expect(n, DIMS(1, 1, 1, 2), FLOATS(1, 10), 8, FLOATS(1, 2, 10, 20, 3, 4, 30, 40));
    n = with_const(node(OP_CONVT), DIMS(1, 1, 2, 2), FLOATS(1, 2, 3, 4));
    with_ints(with_ints(n, "strides", DIMS(2, 2)), "output_padding", DIMS(0, 1));
    expect(n, DIMS(1, 1, 1, 1), FLOATS(2), 6, FLOATS(2, 4, 0, 6, 8, 0));
}

static void test_pools(void **state)
{
    struct node *n = with_ints(node(OP_AVGPOOL), "kernel_shape", DIMS(2, 2));

    (void)state;
    with_ints(with_ints(n, "pads", DIMS(1, 1, 0, 0)), "strides", DIMS(2, 2));
    expect(n, DIMS(1, 1, 3, 3), nine, 4, FLOATS(1, 2.5, 5.5, 7));
    n = with_ints(node(OP_AVGPOOL), "kernel_shape", DIMS(2, 2));
    with_ints(with_ints(n, "pads", DIMS(1, 1, 0, 0)), "strides", DIMS(2, 2));
    node_set_int(n, "count_include_pad", 1);
    expect(n, DIMS(1, 1, 3, 3), nine, 4, FLOATS(0.25, 1.25, 2.75, 7));
    n = with_ints(node(OP_MAXPOOL), "kernel_shape", DIMS(2, 2));
    node_set_int(with_ints(n, "strides", DIMS(2, 2)), "ceil_mode", 1);
    expect(n, DIMS(1, 1, 3, 3), nine, 4, FLOATS(5, 6, 8, 9));
    expect(node(OP_GLOBALAVG), DIMS(1, 1, 3, 3), nine, 1, FLOATS(5));
}

static void test_moves(void **state)
{
    struct node *n = node(OP_SLICE);

    (void)state;
    node_add_const(n, tensor_new_i64("starts", I64(-1), 1));
    node_add_const(n, tensor_new_i64("ends", I64(INT64_MIN), 1));
    node_add_const(n, tensor_new_i64("axes", I64(1), 1));
    node_add_const(n, tensor_new_i64("steps", I64(-2), 1));
    expect(n, DIMS(3, 3), nine, 6, FLOATS(3, 1, 6, 4, 9, 7));
    n = node(OP_PAD);
    node_set_string(n, "mode", "reflect", 7);
    node_add_const(n, tensor_new_i64("pads", I64(0, 2, 0, 1), 4));
    expect(n, DIMS(1, 3), nine, 6, FLOATS(3, 2, 1, 2, 3, 2));
    n = node(OP_PAD); /* cuts in front, adds behind */
    node_add_const(n, tensor_new_i64("pads", I64(0, -1, 0, 2), 4));
    node_add_const(n, tensor_new_f32("value", 7));
    expect(n, DIMS(1, 3), nine, 4, FLOATS(2, 3, 7, 7));
    expect(with_ints(node(OP_TRANSPOSE), "perm", DIMS(1, 0)), DIMS(2, 2), nine, 4,
           FLOATS(1, 3, 2, 4));
}

static void test_arithmetic(void **state)
{
    (void)state;
    expect(with_const(node(OP_MUL), DIMS(3, 1), FLOATS(1, 10, 100)), DIMS(1, 3), nine, 9,
           FLOATS(1, 2, 3, 10, 20, 30, 100, 200, 300));
    expect(with_const(with_const(node(OP_MAX), DIMS(1), FLOATS(2)), DIMS(3), FLOATS(0, 0, 9)),
           DIMS(3), nine, 3, FLOATS(2, 2, 9));
    expect(with_const(node(OP_PRELU), DIMS(2, 1), FLOATS(0.5, 0.1F)), DIMS(2, 2),
           FLOATS(-1, 2, -3, -4), 4, FLOATS(-0.5, 2, -0.3F, -0.4F));
}

/* ---- refusals ---- */

static void test_opaque_is_named(void **state)
{
    const struct exec_opts opts = {0};
    struct node *n = node(OP_OPAQUE);
    struct err err = {0};
    struct exec *e;
    struct graph *g;

    (void)state;
    n->op_type = x_strdup("Einsum");
    n->out[0].type = ttype_make(DT_FLOAT, DIMS(1));
    g = single(n, DIMS(1));
    assert_int_equal(exec_new(&e, g, &opts, &err), ST_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "'n1' (Einsum)"));
    graph_unref(g);
}

static void test_open_shape(void **state)
{
    const struct exec_opts opts = {.batch = 2};
    struct err err = {0};
    struct exec *e;
    struct graph *g = single(node(OP_RELU), DIMS(DIM_UNKNOWN, 3));

    (void)state;
    e = compiled(g, &opts); /* the first dimension is the batch */
    assert_int_equal(exec_output_type(e, 0)->dim[0], 2);
    exec_free(e);
    graph_unref(g);
    g = single(node(OP_RELU), DIMS(1, DIM_UNKNOWN));
    assert_int_equal(exec_new(&e, g, &opts, &err), ST_MODEL);
    assert_non_null(strstr(err.msg, "shape stays unknown"));
    graph_unref(g);
}

static void test_cancel(void **state)
{
    int cancel = 0;
    const struct exec_opts opts = {.cancel = &cancel};
    struct graph *g = single(node(OP_RELU), DIMS(1, 3));
    struct exec *e = compiled(g, &opts);

    (void)state;
    assert_int_equal(exec_run(e, NULL), ST_OK);
    cancel = 1;
    assert_int_equal(exec_run(e, NULL), ST_CANCELLED);
    cancel = 0;
    assert_int_equal(exec_run(e, NULL), ST_OK);
    exec_free(e);
    graph_unref(g);
}

/* ---- whole networks ---- */

/* zoo:`name` for an input of c x size x size. */
static struct graph *network(const char *name, int64_t c, int64_t size)
{
    struct ttype t = ttype_nchw(1, c, size, size);
    struct graph *g, *fixed;
    struct err err = {0};

    assert_int_equal(family_build(name, 1, &g, &err), ST_OK);
    if (shape_set_input(g, "", &t, &fixed, &err) != ST_OK)
        fail_msg("%s: %s", name, err.msg);
    graph_unref(g);
    return fixed;
}

static void fill(struct exec *e)
{
    struct rng r = rng_for(7, 0);
    int64_t n = ttype_count(exec_input_type(e, 0), 1);

    for (int64_t i = 0; i < n; i++)
        exec_input(e, 0)[i] = (float)rng_normal(&r);
}

/* A copy of the first output of a fresh run; caller frees. */
static float *output_of(struct graph *g, bool plain, int64_t *n)
{
    const struct exec_opts opts = {.plain = plain};
    struct exec *e = compiled(g, &opts);
    float *copy;

    fill(e);
    assert_int_equal(exec_run(e, NULL), ST_OK);
    *n = ttype_count(exec_output_type(e, 0), 1);
    copy = x_memdup(exec_output(e, 0), (size_t)*n * sizeof *copy);
    fill(e); /* again: nothing may be left over from the first run */
    assert_int_equal(exec_run(e, NULL), ST_OK);
    assert_memory_equal(copy, exec_output(e, 0), (size_t)*n * sizeof *copy);
    exec_free(e);
    return copy;
}

/* What is folded, fused and laid out otherwise gives what the nodes say one by one. */
static void same_as_plain(const char *name, int64_t c, int64_t size)
{
    struct graph *g = network(name, c, size);
    int64_t n, m;
    float *fast = output_of(g, false, &n), *plain = output_of(g, true, &m);
    double scale = 0;

    assert_int_equal(n, m);
    for (int64_t i = 0; i < n; i++)
        scale = fmax(scale, fabs((double)plain[i]));
    assert_true(isfinite(scale) && scale > 0);
    for (int64_t i = 0; i < n; i++)
        if (!(fabs((double)fast[i] - (double)plain[i]) <= 1e-4 * scale))
            fail_msg("%s: %g for %g (of %g)", name, (double)fast[i], (double)plain[i], scale);
    free(fast);
    free(plain);
    graph_unref(g);
}

static void test_networks(void **state)
{
    (void)state;
    same_as_plain("zoo:resnet50", 3, 96);
    same_as_plain("zoo:resnet101", 3, 64);
    if (getenv("AUTOGO_HEAVY")) /* 138 million weights */
        same_as_plain("zoo:vgg16", 3, 224);
    same_as_plain("zoo:vgg16-gap", 3, 64);
    same_as_plain("zoo:mobilenetv2", 3, 96);
    same_as_plain("zoo:unet", 1, 64);
    same_as_plain("zoo:fsrcnn", 1, 32);
    same_as_plain("zoo:fsrcnn-3", 1, 32);
    same_as_plain("zoo:fsrcnn-4", 1, 32);
    same_as_plain("zoo:edsr", 3, 12);
    same_as_plain("zoo:edsr-x3", 3, 12);
    same_as_plain("zoo:edsr-x4", 3, 12);
    same_as_plain("zoo:edsr-body", 64, 16);
}

static void test_families(void **state)
{
    (void)state;
    for (int i = 0; family_name_at(i); i++) {
        char name[32];
        char *spec;

        snprintf(name, sizeof name, "%s@s", family_name_at(i));
        spec = family_sample(name, 3, 1);
        same_as_plain(spec, 1, 32);
        free(spec);
    }
}

/* ---- what may be fused, and what not ---- */

static int32_t add(struct graph_edit *e, enum op op, const char *name, int32_t from, int port_in)
{
    struct node *n = node_new(op, name);

    for (int i = 0; i < port_in; i++)
        node_add_input(n, from, 0);
    node_add_output(n, name);
    return graph_edit_add(e, n);
}

/* A parameter of random values around 1, all different. */
static void param(struct graph_edit *e, int32_t id, int rank, const int64_t *dim)
{
    struct ttype t = ttype_make(DT_FLOAT, rank, dim);
    struct rng r = rng_for(11, (uint64_t)id);
    float v[64];
    int64_t n = ttype_count(&t, 1);

    for (int64_t i = 0; i < n; i++)
        v[i] = 1.0F + 0.5F * (float)rng_double(&r);
    node_add_const(graph_edit_mut(e, id), tensor_new_bytes("p", &t, v, (size_t)n * sizeof(float)));
}

static int32_t norm(struct graph_edit *e, const char *name, int32_t from, int64_t c)
{
    int32_t id = add(e, OP_BATCHNORM, name, from, 1);

    for (int i = 0; i < 4; i++)
        param(e, id, 1, &c);
    return id;
}

/* Around x (4 channels): a transposed convolution in groups with its norm; a residual block that
 * adds its own input, one that adds what is read again afterwards, and an output in between. */
static struct graph *tangle(void)
{
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t x = add(e, OP_INPUT, "x", 0, 0), up, a, b, sum, end;
    struct graph *g, *typed;

    graph_edit_mut(e, x)->out[0].type = ttype_nchw(1, 4, 5, 5);
    up = add(e, OP_CONVT, "up", x, 1);
    param(e, up, DIMS(4, 1, 2, 2));
    node_set_int(graph_edit_mut(e, up), "group", 2);
    up = norm(e, "up_norm", up, 2);
    a = add(e, OP_CONV, "a", up, 1);
    param(e, a, DIMS(2, 2, 1, 1));
    a = norm(e, "a_norm", a, 2);
    sum = add(e, OP_ADD, "own_input", a, 1);
    node_add_input(graph_edit_mut(e, sum), up, 0);
    sum = add(e, OP_SIGMOID, "function", sum, 1);
    b = add(e, OP_CONV, "b", sum, 1);
    param(e, b, DIMS(2, 2, 1, 1));
    b = add(e, OP_ADD, "again", b, 1);
    node_add_input(graph_edit_mut(e, b), up, 0);
    end = add(e, OP_SUB, "end", b, 1);
    node_add_input(graph_edit_mut(e, end), up, 0);
    for (int i = 0; i < 2; i++) {
        struct node *out = node_new(OP_OUTPUT, i ? "between" : "out");

        node_add_input(out, i ? sum : end, 0);
        graph_edit_add(e, out);
    }
    assert_int_equal(graph_edit_freeze(e, &g, NULL), ST_OK);
    assert_int_equal(shape_infer(g, &typed, NULL), ST_OK);
    graph_unref(g);
    return typed;
}

static void test_fusing(void **state)
{
    const struct exec_opts fast = {0}, plain = {.plain = true};
    struct graph *g = tangle();
    struct exec *a = compiled(g, &fast), *b = compiled(g, &plain);
    int n_fused = 0, n;
    const struct exec_step_time *t = exec_profile(a, &n);

    (void)state;
    fill(a);
    fill(b);
    assert_int_equal(exec_run(a, NULL), ST_OK);
    assert_int_equal(exec_run(b, NULL), ST_OK);
    for (int i = 0; i < n; i++)
        n_fused += t[i].into >= 0;
    assert_int_equal(n_fused, 5); /* two norms, two sums, a function */
    for (int k = 0; k < exec_n_outputs(a); k++)
        for (int64_t i = 0; i < ttype_count(exec_output_type(a, k), 1); i++)
            assert_float_equal(exec_output(a, k)[i], exec_output(b, k)[i], 1e-4);
    exec_free(a);
    exec_free(b);
    graph_unref(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),       cmocka_unit_test(test_conv_transposed),
        cmocka_unit_test(test_pools),      cmocka_unit_test(test_moves),
        cmocka_unit_test(test_arithmetic), cmocka_unit_test(test_opaque_is_named),
        cmocka_unit_test(test_open_shape), cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_fusing),     cmocka_unit_test(test_networks),
        cmocka_unit_test(test_families),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
