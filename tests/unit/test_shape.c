/* Shape inference and the validator, one node at a time and through whole graphs. */
#include "shape/shape.h"
#include "base/mem.h"
#include <limits.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* ---- building ---- */

#define I64(...) ((const int64_t[]){__VA_ARGS__})
#define COUNT(...) ((int)(sizeof I64(__VA_ARGS__) / sizeof(int64_t)))
#define DIMS(...) COUNT(__VA_ARGS__), I64(__VA_ARGS__)
#define N DIM_SYM(0)

static struct ttype type_of(int rank, const int64_t *dim)
{
    return ttype_make(DT_FLOAT, rank, dim);
}

/* A node whose input 0 is node 0. */
static struct node *node(enum op op)
{
    struct node *n = node_new(op, "n1");

    node_add_input(n, 0, 0);
    node_add_output(n, "y");
    return n;
}

static struct node *with_weight(struct node *n, int rank, const int64_t *dim)
{
    struct ttype t = type_of(rank, dim);

    node_add_const(n, tensor_new_fill("w", &t, 0.5));
    return n;
}

static struct node *with_ints(struct node *n, const char *attr, int count, const int64_t *v)
{
    node_set_ints(n, attr, v, (size_t)count);
    return n;
}

static struct node *with_int(struct node *n, const char *attr, int64_t v)
{
    node_set_int(n, attr, v);
    return n;
}

static struct node *with_text(struct node *n, const char *attr, const char *v)
{
    node_set_string(n, attr, v, strlen(v));
    return n;
}

static struct node *with_const(struct node *n, int count, const int64_t *v)
{
    node_add_const(n, tensor_new_i64("c", v, count));
    return n;
}

static struct node *with_floats(struct node *n, int count, const float *v)
{
    struct ttype t = ttype_make(DT_FLOAT, 1, I64(count));

    node_add_const(n, tensor_new_bytes("f", &t, v, (size_t)count * sizeof *v));
    return n;
}

static struct node *without(struct node *n)
{
    node_add_input(n, IN_NONE, 0);
    return n;
}

static int32_t add_input(struct graph_edit *e, const char *name, struct ttype t)
{
    struct node *n = node_new(OP_INPUT, name);

    node_add_output(n, name);
    n->out[0].type = t;
    return graph_edit_add(e, n);
}

static int32_t add_output(struct graph_edit *e, int32_t from)
{
    struct node *n = node_new(OP_OUTPUT, "out");

    node_add_input(n, from, 0);
    return graph_edit_add(e, n);
}

static struct graph *freeze(struct graph_edit *e)
{
    struct graph *g;
    struct err err = {0};

    if (graph_edit_freeze(e, &g, &err) != ST_OK)
        fail_msg("freeze: %s", err.msg);
    return g;
}

static struct graph *one(struct node *n, const struct ttype *x)
{
    struct graph_edit *e = graph_edit_new(NULL);

    graph_edit_symbol(e, "N");
    graph_edit_symbol(e, "H");
    add_input(e, "x", *x);
    add_output(e, graph_edit_add(e, n));
    return freeze(e);
}

/* ---- expecting ---- */

static struct ttype infer(struct node *n, struct ttype x, int port)
{
    struct graph *g = one(n, &x), *r;
    struct err err = {0};
    struct ttype t;

    if (shape_infer(g, &r, &err) != ST_OK)
        fail_msg("%s", err.msg);
    t = *graph_type(r, (struct value_ref){1, port});
    graph_unref(r);
    graph_unref(g);
    return t;
}

static void gives_port(struct node *n, struct ttype x, int port, const char *want)
{
    struct ttype t = infer(n, x, port);
    char text[128];

    assert_string_equal(ttype_text(&t, text, sizeof text), want);
}

static void gives(struct node *n, int rank, const int64_t *dim, const char *want)
{
    gives_port(n, type_of(rank, dim), 0, want);
}

static void fails_type(struct node *n, struct ttype x, const char *want)
{
    struct graph *g = one(n, &x), *r = NULL;
    struct err err = {0};

    if (shape_infer(g, &r, &err) != ST_MODEL)
        fail_msg("accepted, though: %s", want);
    assert_null(r);
    assert_int_equal(err.code, ST_MODEL);
    if (!strstr(err.msg, want) || !strstr(err.msg, "node 'n1' ("))
        fail_msg("message '%s' lacks '%s'", err.msg, want);
    graph_unref(g);
}

static void fails(struct node *n, int rank, const int64_t *dim, const char *want)
{
    fails_type(n, type_of(rank, dim), want);
}

/* ---- convolution ---- */

static struct node *conv(int rank, const int64_t *w)
{
    return with_weight(node(OP_CONV), rank, w);
}

static void test_conv(void **state)
{
    (void)state;
    gives(with_ints(with_ints(conv(DIMS(64, 3, 7, 7)), "strides", DIMS(2, 2)), "pads",
                    DIMS(3, 3, 3, 3)),
          DIMS(N, 3, 224, 224), "Nx64x112x112");
    gives(with_ints(conv(DIMS(8, 3, 3, 3)), "dilations", DIMS(2, 3)), DIMS(1, 3, 9, 11), "1x8x5x5");
    gives(with_int(conv(DIMS(12, 2, 1, 3)), "group", 4), DIMS(2, 8, 5, 7), "2x12x5x5");
    for (int same = 0; same < 2; same++)
        gives(with_ints(
                  with_text(conv(DIMS(4, 3, 3, 3)), "auto_pad", same ? "SAME_UPPER" : "SAME_LOWER"),
                  "strides", DIMS(2, 2)),
              DIMS(N, 3, 7, 27), "Nx4x4x14");
    gives(
        with_ints(with_text(conv(DIMS(4, 3, 3, 3)), "auto_pad", "VALID"), "pads", DIMS(9, 9, 9, 9)),
        DIMS(1, 3, 5, 5), "1x4x3x3");
    gives(conv(DIMS(4, 3, 3, 3)), DIMS(N, 3, DIM_SYM(1), 8), "Nx4x?x6");
    gives(conv(DIMS(4, 3, 5)), DIMS(N, 3, 16), "Nx4x12");
    gives(conv(DIMS(4, 3, 2, 2, 2)), DIMS(N, 3, 4, 5, 6), "Nx4x3x4x5");
    gives_port(conv(DIMS(4, 3, 3, 3)), ttype_unknown(), 0, "?x4x?x?");
    gives(with_weight(conv(DIMS(4, 3, 3, 3)), DIMS(4)), DIMS(1, 3, 3, 3), "1x4x1x1");
}

static void test_conv_faults(void **state)
{
    (void)state;
    fails(with_int(conv(DIMS(64, 64, 3, 3)), "group", 3), DIMS(1, 64, 8, 8),
          "node 'n1' (Conv): group 3 does not divide 64");
    fails(with_int(conv(DIMS(9, 16, 3, 3)), "group", 4), DIMS(1, 64, 8, 8),
          "group 4 does not divide 9 output channels");
    fails(conv(DIMS(8, 4, 3, 3)), DIMS(1, 3, 8, 8), "weight takes 4 channels, input has 3");
    fails(with_int(conv(DIMS(8, 4, 3, 3)), "group", 2), DIMS(1, 4, 8, 8),
          "weight takes 8 channels, input has 4");
    fails(with_weight(conv(DIMS(8, 3, 3, 3)), DIMS(7)), DIMS(1, 3, 8, 8),
          "bias has 7 values for 8 channels");
    fails(with_weight(conv(DIMS(8, 3, 3, 3)), DIMS(8, 1)), DIMS(1, 3, 8, 8), "bias has rank 2");
    fails(with_ints(conv(DIMS(8, 3, 3, 3)), "kernel_shape", DIMS(5, 5)), DIMS(1, 3, 8, 8),
          "kernel_shape is 5, but the weight has 3");
    fails(conv(DIMS(8, 3, 3)), DIMS(1, 3, 8, 8), "weight has rank 3, input has rank 4");
    fails(conv(DIMS(8, 3)), DIMS(1, 3), "needs 3 at least");
    fails(conv(DIMS(8, 3, 3, 3)), DIMS(1, 3, 2, 8), "kernel 3 does not fit into size 2");
    fails(conv(DIMS(8, 3, 0, 3)), DIMS(1, 3, 8, 8), "kernel size is 0");
    fails(conv(DIMS(0, 3, 3, 3)), DIMS(1, 3, 8, 8), "no output channels");
    fails(with_text(conv(DIMS(8, 3, 3, 3)), "auto_pad", "SOMEHOW"), DIMS(1, 3, 8, 8), "SOMEHOW");
    fails(node(OP_CONV), DIMS(1, 3, 8, 8), "has 1 input, needs 2");
    fails(with_weight(without(node(OP_CONV)), DIMS(8)), DIMS(1, 3, 8, 8), "input 1 is left out");
    fails_type(conv(DIMS(8, 3, 3, 3)), ttype_make(DT_INT8, DIMS(1, 3, 8, 8)),
               "input 1 is float, but input 0 is int8");
}

static void test_hostile_windows(void **state)
{
    static const char *const attrs[] = {"strides", "dilations", "pads", "kernel_shape"};
    static const int64_t bad[] = {-1, INT64_MIN, INT64_MAX, (int64_t)1 << 31};

    (void)state;
    for (size_t a = 0; a < 4; a++)
        for (size_t i = 0; i < 4; i++) {
            const int64_t v[] = {bad[i], bad[i], 1, 1};

            fails(with_ints(conv(DIMS(8, 3, 3, 3)), attrs[a], a == 2 ? 4 : 2, v), DIMS(1, 3, 8, 8),
                  attrs[a]);
        }
    fails(with_ints(conv(DIMS(8, 3, 3, 3)), "strides", DIMS(0, 1)), DIMS(1, 3, 8, 8), "strides");
    fails(with_ints(conv(DIMS(8, 3, 3, 3)), "strides", DIMS(1)), DIMS(1, 3, 8, 8),
          "strides has 1 values, needs 2");
    fails(with_int(conv(DIMS(8, 3, 3, 3)), "strides", 2), DIMS(1, 3, 8, 8), "no");
    fails(with_ints(conv(DIMS(8, 3, 3, 3)), "dilations", DIMS(1 << 30, 1)), DIMS(1, 3, 8, 8),
          "does not fit");
    fails(with_ints(conv(DIMS(1 << 20, 3, 3, 3)), "pads", DIMS(1 << 30, 1 << 30, 1 << 30, 1 << 30)),
          DIMS(1, 3, 8, 8), "");
    fails(with_int(conv(DIMS(8, 3, 3, 3)), "group", 0), DIMS(1, 3, 8, 8), "group is 0");
    fails(with_int(conv(DIMS(8, 3, 3, 3)), "group", INT64_MIN), DIMS(1, 3, 8, 8), "group is");
    fails(conv(DIMS(8, 3, 3, 3)), DIMS(1, 3, 8, INT32_MAX), "too large");
}

static void test_convtranspose(void **state)
{
    (void)state;
    gives(with_ints(with_weight(node(OP_CONVT), DIMS(8, 4, 2, 2)), "strides", DIMS(2, 2)),
          DIMS(N, 8, 5, 7), "Nx4x10x14");
    gives(with_ints(with_ints(with_ints(with_weight(node(OP_CONVT), DIMS(56, 1, 9, 9)), "strides",
                                        DIMS(2, 2)),
                              "pads", DIMS(4, 4, 4, 4)),
                    "output_padding", DIMS(1, 1)),
          DIMS(1, 56, 360, 640), "1x1x720x1280");
    gives(with_int(with_weight(node(OP_CONVT), DIMS(8, 3, 1, 1)), "group", 2), DIMS(1, 8, 5, 5),
          "1x6x5x5");
    gives(with_ints(with_weight(node(OP_CONVT), DIMS(8, 3, 3, 3)), "output_shape", DIMS(11, 12)),
          DIMS(1, 8, 5, 5), "1x3x11x12");
    fails(with_weight(node(OP_CONVT), DIMS(8, 4, 2, 2)), DIMS(1, 6, 5, 5),
          "weight takes 8 channels, input has 6");
    fails(with_int(with_weight(node(OP_CONVT), DIMS(8, 4, 2, 2)), "group", 3), DIMS(1, 8, 5, 5),
          "group 3 does not divide 8");
    fails(with_weight(with_weight(node(OP_CONVT), DIMS(8, 4, 2, 2)), DIMS(8)), DIMS(1, 8, 5, 5),
          "bias has 8 values for 4");
    fails(with_ints(with_weight(node(OP_CONVT), DIMS(8, 4, 2, 2)), "pads", DIMS(9, 9, 9, 9)),
          DIMS(1, 8, 5, 5), "does not fit");
    fails(with_ints(with_weight(node(OP_CONVT), DIMS(8, 4, 2, 2)), "output_padding", DIMS(1, 1)),
          DIMS(1, 8, 5, 5), "output_padding 1");
}

/* ---- pools, normalisation, products ---- */

static struct node *pool(enum op op, int k, int s, int pad)
{
    struct node *n = with_ints(node(op), "kernel_shape", DIMS(k, k));

    with_ints(n, "strides", DIMS(s, s));
    return with_ints(n, "pads", DIMS(pad, pad, pad, pad));
}

static void test_pools(void **state)
{
    struct node *n;

    (void)state;
    gives(pool(OP_MAXPOOL, 3, 2, 1), DIMS(N, 64, 112, 112), "Nx64x56x56");
    gives(pool(OP_AVGPOOL, 7, 1, 0), DIMS(1, 64, 7, 7), "1x64x1x1");
    gives(pool(OP_MAXPOOL, 3, 2, 0), DIMS(1, 8, 12, 13), "1x8x5x6");
    gives(with_int(pool(OP_MAXPOOL, 3, 2, 0), "ceil_mode", 1), DIMS(1, 8, 12, 13), "1x8x6x6");
    n = pool(OP_MAXPOOL, 2, 2, 0);
    node_add_output(n, "indices");
    assert_int_equal(infer(n, ttype_nchw(1, 4, 8, 8), 1).dtype, DT_INT64);
    gives(node(OP_GLOBALAVG), DIMS(N, 2048, 7, 7), "Nx2048x1x1");
    gives(node(OP_GLOBALMAX), DIMS(N, 8, DIM_SYM(1), 7), "Nx8x1x1");
    fails(node(OP_MAXPOOL), DIMS(1, 8, 8, 8), "kernel_shape is missing");
    fails(pool(OP_MAXPOOL, 9, 1, 0), DIMS(1, 8, 8, 8), "kernel 9 does not fit into size 8");
    fails(pool(OP_AVGPOOL, 2, 2, 2), DIMS(1, 8, 8, 8), "padding is not below the kernel");
    fails(pool(OP_MAXPOOL, 2, 2, 0), DIMS(1, 8, 8), "input of rank 3");
    fails(with_ints(pool(OP_MAXPOOL, 2, 2, 0), "kernel_shape", DIMS(0, 2)), DIMS(1, 8, 8, 8),
          "kernel_shape: 0");
    fails(node(OP_GLOBALAVG), DIMS(1, 8), "rank 2");
    fails(node(OP_GLOBALAVG), DIMS(1, 8, 0, 4), "pools over nothing");
}

static struct node *batchnorm(int c, int odd_port, int odd)
{
    struct node *n = node(OP_BATCHNORM);

    for (int i = 1; i <= 4; i++)
        with_weight(n, DIMS(i == odd_port ? odd : c));
    return n;
}

static void test_norms(void **state)
{
    static const char *const what[] = {"", "scale", "bias", "mean", "variance"};
    char want[64];

    (void)state;
    gives(batchnorm(64, 0, 0), DIMS(N, 64, 5, 6), "Nx64x5x6");
    gives(batchnorm(64, 0, 0), DIMS(N, 64), "Nx64");
    for (int i = 1; i <= 4; i++) {
        snprintf(want, sizeof want, "(BatchNormalization): %s has 63 values for 64 channels",
                 what[i]);
        fails(batchnorm(64, i, 63), DIMS(N, 64, 5, 6), want);
    }
    fails_type(batchnorm(64, 2, 63), ttype_unknown(), "bias has 63 values for 64");
    gives(with_weight(with_weight(node(OP_INSTANCENORM), DIMS(8)), DIMS(8)), DIMS(1, 8, 4, 4),
          "1x8x4x4");
    fails(with_weight(with_weight(node(OP_INSTANCENORM), DIMS(8)), DIMS(4)), DIMS(1, 8, 4, 4),
          "bias has 4");
    gives(with_weight(node(OP_LAYERNORM), DIMS(32)), DIMS(N, 10, 32), "Nx10x32");
    fails(with_weight(node(OP_LAYERNORM), DIMS(31)), DIMS(N, 10, 32), "scale does not fit");
    fails(with_int(with_weight(node(OP_LAYERNORM), DIMS(32)), "axis", 3), DIMS(N, 10, 32),
          "axis 3");
}

static void test_products(void **state)
{
    (void)state;
    gives(with_weight(node(OP_GEMM), DIMS(2048, 1000)), DIMS(N, 2048), "Nx1000");
    gives(with_weight(with_int(with_weight(node(OP_GEMM), DIMS(10, 64)), "transB", 1), DIMS(10)),
          DIMS(4, 64), "4x10");
    gives(with_int(with_weight(node(OP_GEMM), DIMS(64, 10)), "transA", 1), DIMS(64, 3), "3x10");
    fails(with_weight(node(OP_GEMM), DIMS(64, 10)), DIMS(4, 32),
          "weight takes 64 features, input has 32");
    fails(with_int(with_weight(node(OP_GEMM), DIMS(64, 10)), "transB", 1), DIMS(4, 64),
          "weight takes 10 features");
    fails(with_weight(with_weight(node(OP_GEMM), DIMS(64, 10)), DIMS(9)), DIMS(4, 64), "bias");
    fails(with_weight(node(OP_GEMM), DIMS(64, 10)), DIMS(4, 64, 1, 1), "input of rank 4");
    gives(with_weight(node(OP_MATMUL), DIMS(64, 10)), DIMS(N, 7, 64), "Nx7x10");
    gives(with_weight(node(OP_MATMUL), DIMS(5, 1, 64, 10)), DIMS(3, 7, 64), "5x3x7x10");
    gives(with_weight(node(OP_MATMUL), DIMS(64)), DIMS(N, 64), "N");
    gives(with_weight(node(OP_MATMUL), DIMS(64, 8)), DIMS(64), "8");
    fails(with_weight(node(OP_MATMUL), DIMS(63, 10)), DIMS(N, 64), "inner sizes 64 and 63");
    fails(with_weight(node(OP_MATMUL), DIMS(2, 64, 10)), DIMS(3, 7, 64), "leading dimensions");
}

/* ---- element-wise ---- */

static void test_elementwise(void **state)
{
    struct node *n;

    (void)state;
    gives(node(OP_RELU), DIMS(N, 3, DIM_UNKNOWN, 5), "Nx3x?x5");
    gives(with_weight(node(OP_ADD), DIMS(3, 1, 1)), DIMS(N, 3, 4, 5), "Nx3x4x5");
    gives(with_weight(node(OP_MUL), DIMS(2, 1, 3, 1, 1)), DIMS(N, 3, 4, 5), "2xNx3x4x5");
    fails(with_weight(node(OP_ADD), DIMS(4, 1, 1)), DIMS(N, 3, 4, 5), "(Add): ");
    fails(with_const(node(OP_SUB), DIMS(1)), DIMS(N, 3), "input 1 is int64, but input 0 is float");
    gives(with_const(node(OP_POW), DIMS(2)), DIMS(N, 3), "Nx3");
    gives(with_weight(node(OP_PRELU), DIMS(3, 1, 1)), DIMS(N, 3, 4, 5), "Nx3x4x5");
    fails(with_weight(node(OP_PRELU), DIMS(3)), DIMS(N, 3, 4, 5), "slope 3 cannot be broadcast");
    gives(with_weight(without(node(OP_CLIP)), DIMS(1)), DIMS(N, 3), "Nx3");
    fails(with_weight(node(OP_CLIP), DIMS(2)), DIMS(N, 3), "min is not a scalar");
    fails(with_int(node(OP_SOFTMAX), "axis", 2), DIMS(N, 3), "axis 2 of a tensor of rank 2");
    fails(with_int(node(OP_LRN), "size", 0), DIMS(N, 3), "size is 0");
    n = node(OP_DROPOUT);
    node_add_output(n, "mask");
    assert_int_equal(infer(n, ttype_nchw(1, 2, 3, 4), 1).dtype, DT_BOOL);
    assert_int_equal(
        infer(with_int(node(OP_CAST), "to", DT_INT32), ttype_nchw(1, 2, 3, 4), 0).dtype, DT_INT32);
    fails(with_int(node(OP_CAST), "to", 99), DIMS(N, 3), "element type 99");
    fails(with_weight(node(OP_RELU), DIMS(1)), DIMS(N, 3), "has 2 inputs, takes 1 at most");
    n = node(OP_RELU);
    node_add_output(n, "second");
    fails(n, DIMS(N, 3), "has 2 outputs");
    fails(without(node(OP_SUM)), DIMS(N, 3), "input 1 is left out");
}

static void test_reduce(void **state)
{
    (void)state;
    gives(with_ints(node(OP_REDUCEMEAN), "axes", DIMS(2, 3)), DIMS(N, 8, 7, 7), "Nx8x1x1");
    gives(with_int(with_ints(node(OP_REDUCEMEAN), "axes", DIMS(-1, -2)), "keepdims", 0),
          DIMS(N, 8, 7, 7), "Nx8");
    gives(with_const(node(OP_REDUCESUM), DIMS(1)), DIMS(N, 8, 7), "Nx1x7");
    gives(with_int(node(OP_REDUCEMAX), "keepdims", 0), DIMS(N, 8, 7), "scalar");
    gives(with_int(node(OP_REDUCESUM), "noop_with_empty_axes", 1), DIMS(N, 8), "Nx8");
    fails(with_ints(node(OP_REDUCEMEAN), "axes", DIMS(4)), DIMS(N, 8, 7, 7), "axis 4");
    fails(with_ints(node(OP_REDUCEMEAN), "axes", DIMS(1, -3)), DIMS(N, 8, 7, 7), "named twice");
    fails(with_const(node(OP_REDUCESUM), DIMS(INT64_MIN)), DIMS(N, 8), "axis");
}

/* ---- shape only ---- */

static struct node *reshape(int n, const int64_t *v)
{
    return with_const(node(OP_RESHAPE), n, v);
}

static void test_reshape(void **state)
{
    (void)state;
    gives(reshape(DIMS(-1, 2048)), DIMS(N, 2048, 1, 1), "Nx2048");
    gives(reshape(DIMS(0, -1)), DIMS(N, 512, 7, 7), "Nx25088");
    gives(reshape(DIMS(0, 0, -1)), DIMS(N, 8, DIM_SYM(1), 1), "Nx8xN");
    gives(reshape(DIMS(0, 0, -1)), DIMS(N, 8, DIM_SYM(1), 4), "Nx8x?");
    gives(reshape(DIMS(1, -1)), DIMS(N, 8), "1x?");
    gives(reshape(DIMS(-1, 4)), DIMS(N, 8), "?x4");
    gives(reshape(DIMS(-1, 16)), DIMS(N, 8), "?x16");
    gives(reshape(DIMS(1, 8)), DIMS(N, 8), "1x8");
    gives(reshape(DIMS(2, -1, 3)), DIMS(4, 3, 5), "2x10x3");
    gives(reshape(DIMS(0, -1)), DIMS(DIM_UNKNOWN, 3, 4), "?x12");
    gives_port(reshape(DIMS(0, -1, 6)), ttype_unknown(), 0, "?x?x6");
    gives(with_int(reshape(DIMS(0, 7)), "allowzero", 1), DIMS(3, 0), "0x7");
    fails(reshape(DIMS(5, -1)), DIMS(4, 3), "4x3 does not reshape to 5x?");
    fails(reshape(DIMS(5, 3)), DIMS(4, 3), "4x3 does not reshape to 5x3");
    fails(reshape(DIMS(3, 7)), DIMS(N, 8), "Nx8 does not reshape");
    fails(reshape(DIMS(-1, -1)), DIMS(4, 3), "given twice");
    fails(reshape(DIMS(-2, 4)), DIMS(4, 3), "target size -2");
    fails(reshape(DIMS(4, 3, 0)), DIMS(4, 3), "copies axis 2");
    fails(with_int(reshape(DIMS(0, -1)), "allowzero", 1), DIMS(4, 3), "does not reshape");
    fails(reshape(DIMS(INT32_MAX, INT32_MAX, INT32_MAX, -1)), DIMS(4, 3), "counted");
    fails(with_weight(node(OP_RESHAPE), DIMS(2)), DIMS(4, 3), "no list of integers");
}

/* The target comes from the model itself: what the file declares holds, if it can. */
static void test_reshape_computed(void **state)
{
    const struct ttype declared = type_of(DIMS(4, 8));

    (void)state;
    for (int fits = 0; fits < 2; fits++) {
        struct graph_edit *e = graph_edit_new(NULL);
        int32_t x = add_input(e, "x", type_of(DIMS(4, fits ? 8 : 9, 1, 1)));
        int32_t shape = add_input(e, "s", ttype_make(DT_INT64, 1, I64(2)));
        struct node *n = node_new(OP_RESHAPE, "r");
        struct graph *g, *r;
        char text[64];
        int32_t id;

        node_add_input(n, x, 0);
        node_add_input(n, shape, 0);
        node_add_output(n, "y");
        n->out[0].type = declared;
        id = graph_edit_add(e, n);
        g = freeze(e);
        assert_int_equal(shape_infer(g, &r, NULL), ST_OK);
        assert_string_equal(ttype_text(graph_type(r, (struct value_ref){id, 0}), text, sizeof text),
                            fits ? "4x8" : "?");
        assert_int_equal(graph_type(r, (struct value_ref){id, 0})->dtype, DT_FLOAT);
        graph_unref(r);
        graph_unref(g);
    }
}

static void test_views(void **state)
{
    (void)state;
    gives(node(OP_FLATTEN), DIMS(N, 512, 1, 1), "Nx512");
    gives(with_int(node(OP_FLATTEN), "axis", 0), DIMS(2, 3, 4), "1x24");
    gives(with_int(node(OP_FLATTEN), "axis", -1), DIMS(N, 3, 4), "?x4");
    gives_port(node(OP_FLATTEN), ttype_unknown(), 0, "?x?");
    fails(with_int(node(OP_FLATTEN), "axis", 5), DIMS(N, 3, 4), "axis 5");
    gives(node(OP_TRANSPOSE), DIMS(N, 3, 4), "4x3xN");
    gives(with_ints(node(OP_TRANSPOSE), "perm", DIMS(0, 2, 3, 1)), DIMS(N, 3, 4, 5), "Nx4x5x3");
    fails(with_ints(node(OP_TRANSPOSE), "perm", DIMS(0, 2, 2)), DIMS(N, 3, 4), "named twice");
    fails(with_ints(node(OP_TRANSPOSE), "perm", DIMS(0, 1)), DIMS(N, 3, 4), "perm has 2 values");
    gives(with_const(node(OP_SQUEEZE), DIMS(2, 3)), DIMS(N, 3, 1, 1), "Nx3");
    gives(node(OP_SQUEEZE), DIMS(1, 3, 1), "3");
    gives(node(OP_SQUEEZE), DIMS(N, 3, 1), "?");
    fails(with_const(node(OP_SQUEEZE), DIMS(1)), DIMS(N, 3, 1), "axis 1 has size 3, not 1");
    gives(with_const(node(OP_UNSQUEEZE), DIMS(0, -1)), DIMS(N, 3), "1xNx3x1");
    fails(with_const(node(OP_UNSQUEEZE), DIMS(0, 0)), DIMS(N, 3), "named twice");
    fails(with_const(node(OP_UNSQUEEZE), DIMS(3)), DIMS(N, 3), "axis 3");
    gives(with_const(node(OP_UNSQUEEZE), DIMS(0, 1, 2, 3)), DIMS(1, 1, 1, 1, 1), "?");
}

/* ---- moving ---- */

static struct node *slice(int n, const int64_t *starts, const int64_t *ends, const int64_t *axes,
                          const int64_t *steps)
{
    struct node *s = with_const(with_const(node(OP_SLICE), n, starts), n, ends);

    if (axes || steps)
        axes ? with_const(s, n, axes) : without(s);
    return steps ? with_const(s, n, steps) : s;
}

static void test_slice(void **state)
{
    struct node *n;

    (void)state;
    gives(slice(1, I64(1), I64(3), I64(1), NULL), DIMS(N, 5, 6), "Nx2x6");
    gives(slice(2, I64(0, -2), I64(INT64_MAX, INT64_MAX), NULL, NULL), DIMS(N, 5, 6), "Nx2x6");
    gives(slice(1, I64(0), I64(INT64_MAX), I64(-1), I64(2)), DIMS(N, 5, 7), "Nx5x4");
    gives(slice(1, I64(-1), I64(INT64_MIN), I64(1), I64(-1)), DIMS(N, 5, 7), "Nx5x7");
    gives(slice(1, I64(4), I64(1), I64(1), I64(-2)), DIMS(N, 5, 7), "Nx2x7");
    gives(slice(1, I64(3), I64(1), I64(1), NULL), DIMS(N, 5, 7), "Nx0x7");
    gives(slice(1, I64(0), I64(-1), I64(1), I64(INT64_MIN)), DIMS(N, 5, 7), "Nx0x7");
    gives(slice(1, I64(-1), I64(0), I64(1), I64(-1)), DIMS(N, 0, 7), "Nx0x7");
    gives(slice(1, I64(1), I64(2), I64(0), NULL), DIMS(N, 5), "?x5");
    fails(slice(1, I64(0), I64(1), I64(1), I64(0)), DIMS(N, 5), "step is 0");
    fails(slice(1, I64(0), I64(1), I64(2), NULL), DIMS(N, 5), "axis 2");
    fails(slice(2, I64(0, 0), I64(1, 1), I64(1, 1), NULL), DIMS(N, 5), "named twice");
    fails(with_const(with_const(node(OP_SLICE), DIMS(1, 2)), DIMS(3)), DIMS(N, 5),
          "ends has 1 values, starts has 2");
    n = with_const(node(OP_SLICE), DIMS(1));
    node_add_input(n, 0, 0); /* ends are computed */
    gives(n, DIMS(N, 5), "?x?");
}

static void test_split(void **state)
{
    struct node *n;

    (void)state;
    for (int uneven = 0; uneven < 2; uneven++) {
        n = with_int(node(OP_SPLIT), "axis", 1);
        node_add_output(n, "z");
        if (uneven)
            with_const(n, DIMS(2, 4));
        gives_port(n, type_of(DIMS(N, 6, 5)), 1, uneven ? "Nx4x5" : "Nx3x5");
    }
    n = with_const(with_int(node(OP_SPLIT), "axis", 1), DIMS(2, 3));
    node_add_output(n, "z");
    fails(n, DIMS(N, 6, 5), "split sums up to 5, the input has 6");
    n = with_int(node(OP_SPLIT), "axis", -1);
    node_add_output(n, "z");
    fails(n, DIMS(N, 6, 5), "size 5 does not split into 2");
    fails(with_const(node(OP_SPLIT), DIMS(2, 3)), DIMS(5), "2 sizes for 1 outputs");
    fails(with_const(node(OP_SPLIT), DIMS(-5)), DIMS(5), "split has size -5");
}

static void test_concat(void **state)
{
    struct node *n;

    (void)state;
    gives(with_weight(with_int(node(OP_CONCAT), "axis", 1), DIMS(1, 4, 5, 5)), DIMS(N, 3, 5, 5),
          "1x7x5x5");
    gives(with_weight(with_int(node(OP_CONCAT), "axis", -1), DIMS(2, 3, 4)), DIMS(2, 3, 9),
          "2x3x13");
    gives(with_weight(with_int(node(OP_CONCAT), "axis", 0), DIMS(2, 3)), DIMS(N, 3), "?x3");
    fails(with_weight(with_int(node(OP_CONCAT), "axis", 1), DIMS(1, 4, 6, 5)), DIMS(1, 3, 5, 5),
          "size 6 on axis 2");
    fails(with_weight(with_int(node(OP_CONCAT), "axis", 4), DIMS(1, 4, 5, 5)), DIMS(1, 3, 5, 5),
          "axis 4");
    fails(with_weight(with_int(node(OP_CONCAT), "axis", 1), DIMS(1, 4, 5)), DIMS(1, 3, 5, 5),
          "has rank 3, input 0 has rank 4");
    fails(with_weight(node(OP_CONCAT), DIMS(2, 3)), DIMS(2, 3), "axis is missing");
    fails(without(with_int(node(OP_CONCAT), "axis", 1)), DIMS(2, 3), "input 1 is left out");
    n = with_int(node(OP_CONCAT), "axis", 1);
    node_add_input(n, 0, 0);
    gives(n, DIMS(N, 3, DIM_SYM(1), 2), "Nx6xNx2");
}

static void test_pad_depth(void **state)
{
    (void)state;
    gives(with_const(node(OP_PAD), DIMS(0, 0, 1, 2, 0, 0, 3, 4)), DIMS(N, 3, 8, 8), "Nx3x12x14");
    gives(with_const(node(OP_PAD), DIMS(0, -1, 0, -2)), DIMS(N, 8), "Nx5");
    fails(with_const(node(OP_PAD), DIMS(0, -5, 0, -5)), DIMS(N, 8), "cut axis 1 below 0");
    fails(with_const(node(OP_PAD), DIMS(0, 1, 0)), DIMS(N, 8), "pads need two values");
    fails(with_const(node(OP_PAD), DIMS(0, INT64_MAX, 0, INT64_MAX)), DIMS(N, 8), "too large");
    fails(with_const(node(OP_PAD), DIMS(0, INT32_MAX, 0, INT32_MAX)), DIMS(N, 8),
          "above the limit");
    fails(with_text(with_const(node(OP_PAD), DIMS(0, 8, 0, 0)), "mode", "reflect"), DIMS(N, 8),
          "reflects 8 elements");
    fails(with_text(with_const(node(OP_PAD), DIMS(0, 8, 0, 0)), "mode", "wrong"), DIMS(N, 8),
          "mode 'wrong'");
    gives(with_int(node(OP_DEPTHTOSPACE), "blocksize", 2), DIMS(N, 12, 3, 5), "Nx3x6x10");
    gives(with_int(node(OP_SPACETODEPTH), "blocksize", 3), DIMS(N, 2, 9, 6), "Nx18x3x2");
    fails(with_int(node(OP_DEPTHTOSPACE), "blocksize", 2), DIMS(N, 6, 3, 5), "does not divide 6");
    fails(with_int(node(OP_SPACETODEPTH), "blocksize", 2), DIMS(N, 6, 3, 4), "not divide size 3");
    fails(with_int(node(OP_SPACETODEPTH), "blocksize", INT64_MIN), DIMS(N, 6, 3, 4), "blocksize");
    fails(node(OP_DEPTHTOSPACE), DIMS(N, 4, 3, 5), "blocksize is 0");
}

static void test_resize(void **state)
{
    static const float x2[] = {1, 1, 2, 2}, odd[] = {1, 1, 0.6f, 1.5f}, bad[] = {1, 1, -1, 1};

    (void)state;
    gives(with_floats(without(node(OP_RESIZE)), 4, x2), DIMS(N, 8, 5, DIM_SYM(1)), "Nx8x10x?");
    gives(with_floats(without(node(OP_RESIZE)), 4, odd), DIMS(N, 8, 5, 5), "Nx8x3x7");
    gives(with_const(without(without(node(OP_RESIZE))), DIMS(1, 8, 9, 11)), DIMS(1, 8, 5, 5),
          "1x8x9x11");
    gives(with_const(with_floats(without(node(OP_RESIZE)), 0, x2), DIMS(1, 8, 9, 11)),
          DIMS(1, 8, 5, 5), "1x8x9x11");
    fails(with_floats(without(node(OP_RESIZE)), 4, bad), DIMS(N, 8, 5, 5), "scale is -1");
    fails(with_floats(without(node(OP_RESIZE)), 3, x2), DIMS(N, 8, 5, 5), "3 values for rank 4");
    fails(with_const(without(without(node(OP_RESIZE))), DIMS(1, 8, 0, 11)), DIMS(1, 8, 5, 5),
          "size 0 is wanted");
    fails(node(OP_RESIZE), DIMS(N, 8, 5, 5), "needs scales or sizes");
    fails(with_const(with_floats(without(node(OP_RESIZE)), 4, x2), DIMS(1, 8, 9, 11)),
          DIMS(1, 8, 5, 5), "not both");
}

/* ---- whole graphs ---- */

/* x -> conv -> relu -> opaque -> conv -> output; ids 0 .. 5 */
static struct graph *chain(struct ttype x, struct ttype declared)
{
    struct graph_edit *e = graph_edit_new(NULL);
    enum op ops[] = {OP_CONV, OP_RELU, OP_OPAQUE, OP_CONV};
    const struct ttype w = type_of(DIMS(3, 3, 3, 3));
    int32_t last;

    graph_edit_symbol(e, "N");
    graph_edit_symbol(e, "H");
    last = add_input(e, "x", x);
    for (int i = 0; i < 4; i++) {
        char name[16];
        struct node *n;

        snprintf(name, sizeof name, "n%d", i + 1);
        n = node_new(ops[i], name);
        node_add_input(n, last, 0);
        snprintf(name, sizeof name, "v%d", i + 1);
        node_add_output(n, name);
        if (ops[i] == OP_CONV)
            node_add_const(n, tensor_new_fill("w", &w, 0));
        if (ops[i] == OP_OPAQUE) {
            n->op_type = x_strdup("Mystery");
            n->out[0].type = declared;
        }
        last = graph_edit_add(e, n);
    }
    add_output(e, last);
    return freeze(e);
}

static void has_type(const struct graph *g, int32_t id, const char *want)
{
    char text[64];

    assert_string_equal(ttype_text(graph_type(g, (struct value_ref){id, 0}), text, sizeof text),
                        want);
}

static void test_graph(void **state)
{
    struct graph *g = chain(ttype_nchw(N, 3, 9, 9), ttype_nchw(N, 3, 5, 5)), *r, *again;

    (void)state;
    assert_int_equal(shape_infer_strict(g, &r, NULL), ST_OK);
    assert_ptr_not_equal(g, r);
    has_type(g, 1, "?"); /* the version that was given stays as it was */
    has_type(r, 2, "Nx3x7x7");
    has_type(r, 3, "Nx3x5x5");
    has_type(r, 4, "Nx3x3x3");
    assert_ptr_equal(graph_node(g, 0), graph_node(r, 0));
    assert_ptr_equal(graph_node(g, 3), graph_node(r, 3));
    assert_int_equal(shape_infer(r, &again, NULL), ST_OK);
    assert_ptr_equal(r, again); /* nothing new: the same version */
    graph_unref(again);
    graph_unref(r);
    graph_unref(g);
}

static void test_strict(void **state)
{
    struct graph *g = chain(ttype_nchw(N, 3, DIM_SYM(1), 9), ttype_unknown()), *r = NULL;
    struct err err = {0};

    (void)state;
    assert_int_equal(shape_infer(g, &r, &err), ST_OK);
    graph_unref(r);
    assert_int_equal(shape_infer_strict(g, &r, &err), ST_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "input 'x' has open dimensions (Nx3xNx9)"));
    graph_unref(g);
    g = chain(ttype_nchw(N, 3, 9, 9), ttype_unknown());
    assert_int_equal(shape_infer_strict(g, &r, &err), ST_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "node 'n3' (Mystery)"));
    assert_non_null(strstr(err.msg, "node 'n4' (Conv)"));
    graph_unref(g);
}

static void test_set_input(void **state)
{
    struct graph *g = chain(ttype_nchw(N, 3, 9, 9), ttype_nchw(N, 3, 5, 5)), *r = NULL;
    struct ttype one_image = ttype_nchw(1, 3, 9, 9), larger = ttype_nchw(2, 3, 32, 32);
    struct ttype grey = ttype_nchw(1, 1, 9, 9), flat = type_of(DIMS(1, 3));
    struct ttype huge = ttype_nchw(1, 3, INT64_MAX, INT64_MAX);
    struct err err = {0};

    (void)state;
    assert_int_equal(shape_set_input(g, "", &one_image, &r, &err), ST_OK);
    has_type(r, 0, "1x3x9x9");
    has_type(r, 3, "1x3x5x5"); /* N is known now, also behind the opaque node */
    has_type(r, 4, "1x3x3x3");
    graph_unref(r);
    assert_int_equal(shape_set_input(g, "x", &larger, &r, &err), ST_OK);
    has_type(r, 2, "2x3x30x30");
    has_type(r, 3, "?"); /* what was declared is no longer true */
    has_type(r, 4, "?x3x?x?");
    graph_unref(r);
    assert_int_equal(shape_set_input(g, "", &grey, &r, &err), ST_MODEL);
    assert_non_null(strstr(err.msg, "weight takes 3 channels, input has 1"));
    assert_int_equal(shape_set_input(g, "", &huge, &r, &err), ST_MODEL);
    assert_non_null(strstr(err.msg, "above the limit"));
    assert_int_equal(shape_set_input(g, "", &flat, &r, &err), ST_USAGE);
    assert_int_equal(shape_set_input(g, "z", &larger, &r, &err), ST_USAGE);
    assert_non_null(strstr(err.msg, "no input 'z'"));
    graph_unref(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),
        cmocka_unit_test(test_conv_faults),
        cmocka_unit_test(test_hostile_windows),
        cmocka_unit_test(test_convtranspose),
        cmocka_unit_test(test_pools),
        cmocka_unit_test(test_norms),
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_elementwise),
        cmocka_unit_test(test_reduce),
        cmocka_unit_test(test_reshape),
        cmocka_unit_test(test_reshape_computed),
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_slice),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_concat),
        cmocka_unit_test(test_pad_depth),
        cmocka_unit_test(test_resize),
        cmocka_unit_test(test_graph),
        cmocka_unit_test(test_strict),
        cmocka_unit_test(test_set_input),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
