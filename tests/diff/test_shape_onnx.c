/* Our inference against libonnx's: random nodes, written as ONNX with our types as declared ones.
 * From a fixed input we must know every size; what we accept, libonnx's strict inference must
 * accept too, and its shapes must agree with ours (it compares them with the declared output). So
 * where libonnx refuses, we have refused. */
#include "base/mem.h"
#include "base/rng.h"
#include "onx/onx.h"
#include "shape/shape.h"
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define MAX_RANK 5

static int below(struct rng *r, int n)
{
    return (int)rng_below(r, (uint64_t)n);
}

static bool coin(struct rng *r)
{
    return below(r, 2) == 0;
}

static void weight(struct node *n, int rank, const int64_t *dim)
{
    struct ttype t = ttype_make(DT_FLOAT, rank, dim);
    char name[24];

    snprintf(name, sizeof name, "w%d", n->n_in);
    node_add_const(n, tensor_new_fill(name, &t, 0.5));
}

static void ints(struct node *n, int count, const int64_t *v)
{
    char name[24];

    snprintf(name, sizeof name, "c%d", n->n_in);
    node_add_const(n, tensor_new_i64(name, v, count));
}

/* ---- one random node for each kind; x is its input, rank 4 or less ---- */

static void windows(struct rng *r, struct node *n, bool pool)
{
    int64_t stride[2], dilation[2], pads[4], kernel[2];
    static const char *const modes[] = {"SAME_UPPER", "SAME_LOWER", "VALID"};

    for (int i = 0; i < 2; i++) {
        stride[i] = 1 + below(r, 3);
        dilation[i] = 1 + below(r, 2);
        kernel[i] = 1 + below(r, 4);
    }
    for (int i = 0; i < 4; i++)
        pads[i] = below(r, pool ? (int)kernel[i % 2] : 4);
    if (coin(r))
        node_set_ints(n, "strides", stride, 2);
    if (n->op != OP_AVGPOOL && coin(r))
        node_set_ints(n, "dilations", dilation, 2);
    if (pool) {
        node_set_ints(n, "kernel_shape", kernel, 2);
        node_set_int(n, "ceil_mode", coin(r));
    }
    /* libonnx 1.12 derives the pads of a ConvTranspose with auto_pad as if it were a Conv, not
     * from output = input x stride as the specification has it. */
    if (n->op != OP_CONVT && below(r, 3) == 0) {
        const char *mode = modes[below(r, 3)];

        node_set_string(n, "auto_pad", mode, strlen(mode));
    } else if (coin(r)) {
        node_set_ints(n, "pads", pads, 4);
    }
}

static void random_conv(struct rng *r, struct node *n, const struct ttype *x)
{
    int64_t group = coin(r) ? 1 : 2, k = 1 + below(r, 3), l = 1 + below(r, 3);
    int64_t c = x->dim[1];

    if (n->op == OP_CONV)
        weight(n, 4, (int64_t[]){group * (1 + below(r, 3)), c / group, k, l});
    else
        weight(n, 4, (int64_t[]){c, 1 + below(r, 3), k, l});
    if (group > 1)
        node_set_int(n, "group", group);
    windows(r, n, false);
}

static void random_pool(struct rng *r, struct node *n, const struct ttype *x)
{
    (void)x;
    windows(r, n, true);
}

static void random_reshape(struct rng *r, struct node *n, const struct ttype *x)
{
    int64_t v[MAX_RANK];
    int rank = 1 + below(r, MAX_RANK), wild = below(r, 8);

    for (int i = 0; i < rank; i++)
        v[i] = i < x->rank && coin(r) ? 0 : 1 + below(r, 3);
    if (wild < rank)
        v[wild] = -1;
    ints(n, rank, v);
}

static void random_slice(struct rng *r, struct node *n, const struct ttype *x)
{
    int64_t v[4][4];
    int count = 1 + below(r, x->rank);

    for (int i = 0; i < count; i++) {
        v[0][i] = below(r, 20) - 10;
        v[1][i] = below(r, 4) ? below(r, 20) - 10 : INT64_MAX;
        v[2][i] = coin(r) ? i : i - x->rank;
        v[3][i] = below(r, 7) - 3;
        v[3][i] += v[3][i] == 0;
    }
    for (int i = 0; i < 4; i++)
        ints(n, count, v[i]);
}

static void random_pad(struct rng *r, struct node *n, const struct ttype *x)
{
    int64_t v[8];

    for (int i = 0; i < 2 * x->rank; i++)
        v[i] = below(r, 4);
    ints(n, 2 * x->rank, v);
}

static void random_axes(struct rng *r, struct node *n, const struct ttype *x)
{
    int64_t v[2] = {below(r, 2 * x->rank) - x->rank, 0};
    int count = 1;

    if (coin(r) && v[0] != 1 && v[0] != 1 - x->rank)
        v[count++] = 1;
    if (n->op == OP_REDUCEMEAN || n->op == OP_REDUCEMAX) {
        node_set_ints(n, "axes", v, (size_t)count);
        node_set_int(n, "keepdims", coin(r));
    } else {
        ints(n, count, v);
    }
    if (n->op == OP_REDUCESUM)
        node_set_int(n, "keepdims", coin(r));
}

static void random_join(struct rng *r, struct node *n, const struct ttype *x)
{
    int64_t d[MAX_RANK];
    int axis = below(r, x->rank), from = n->op == OP_CONCAT ? 0 : below(r, x->rank);

    for (int i = 0; i < x->rank; i++)
        d[i] = x->dim[i] > 0 && below(r, 8) ? x->dim[i] : 1;
    if (n->op == OP_CONCAT) {
        d[axis] = 1 + below(r, 4);
        node_set_int(n, "axis", coin(r) ? axis : axis - x->rank);
    }
    weight(n, x->rank - from, d + from);
}

static void random_product(struct rng *r, struct node *n, const struct ttype *x)
{
    weight(n, 2, (int64_t[]){below(r, 8) ? x->dim[x->rank - 1] : 3, 1 + below(r, 5)});
}

static void random_axis(struct rng *r, struct node *n, const struct ttype *x)
{
    node_set_int(n, "axis", below(r, 2 * x->rank) - x->rank);
}

static void random_perm(struct rng *r, struct node *n, const struct ttype *x)
{
    int64_t v[4] = {0, 1, 2, 3};

    for (int i = x->rank - 1; i > 0; i--) {
        int k = below(r, i + 1);
        int64_t t = v[i];

        v[i] = v[k];
        v[k] = t;
    }
    node_set_ints(n, "perm", v, (size_t)x->rank);
}

static void random_block(struct rng *r, struct node *n, const struct ttype *x)
{
    (void)x;
    node_set_int(n, "blocksize", 1 + below(r, 2));
}

static void random_resize(struct rng *r, struct node *n, const struct ttype *x)
{
    float v[4] = {1, 1, 1, 1};
    struct ttype t = ttype_make(DT_FLOAT, 1, (int64_t[]){x->rank});

    for (int i = 2; i < x->rank; i++)
        v[i] = (float)(1 + below(r, 40)) / 8;
    node_add_input(n, IN_NONE, 0);
    node_add_const(n, tensor_new_bytes("scales", &t, v, (size_t)x->rank * sizeof *v));
}

static void random_nothing(struct rng *r, struct node *n, const struct ttype *x)
{
    (void)r;
    (void)n;
    (void)x;
}

static const struct kind {
    enum op op;
    int rank; /* of the input; 0: any */
    void (*make)(struct rng *, struct node *, const struct ttype *);
} kinds[] = {
    {OP_CONV, 4, random_conv},
    {OP_CONVT, 4, random_conv},
    {OP_MAXPOOL, 4, random_pool},
    {OP_AVGPOOL, 4, random_pool},
    {OP_RESHAPE, 0, random_reshape},
    {OP_SLICE, 0, random_slice},
    {OP_PAD, 0, random_pad},
    {OP_REDUCEMEAN, 0, random_axes},
    {OP_REDUCESUM, 0, random_axes},
    {OP_UNSQUEEZE, 0, random_axes},
    {OP_SQUEEZE, 0, random_axes},
    {OP_ADD, 0, random_join},
    {OP_CONCAT, 0, random_join},
    {OP_MATMUL, 0, random_product},
    {OP_GEMM, 2, random_product},
    {OP_FLATTEN, 0, random_axis},
    {OP_SOFTMAX, 0, random_axis},
    {OP_SPLIT, 0, random_axis},
    {OP_TRANSPOSE, 0, random_perm},
    {OP_DEPTHTOSPACE, 4, random_block},
    {OP_SPACETODEPTH, 4, random_block},
    {OP_RESIZE, 4, random_resize},
    {OP_GLOBALAVG, 4, random_nothing},
};

/* ---- comparing ---- */

static struct graph *make(const struct kind *k, struct rng *r)
{
    struct graph_edit *e = graph_edit_new(NULL);
    struct node *x = node_new(OP_INPUT, "x"), *n = node_new(k->op, "n");
    int rank = k->rank ? k->rank : 2 + below(r, 3), n_out = k->op == OP_SPLIT ? 2 : 1;
    struct graph *g;
    int32_t id;

    graph_edit_set_opset(e, 13 + below(r, 5));
    graph_edit_set_name(e, "g");
    node_add_output(x, "x");
    x->out[0].type = ttype_make(DT_FLOAT, rank, (int64_t[]){2, 2, 2, 2});
    for (int i = 0; i < rank; i++)
        x->out[0].type.dim[i] = i == 1 ? 4 * (1 + below(r, 2)) : coin(r) ? 1 : 1 + below(r, 9);
    if (coin(r))
        x->out[0].type.dim[0] = DIM_SYM(graph_edit_symbol(e, "N"));
    node_add_input(n, 0, 0);
    k->make(r, n, &x->out[0].type);
    node_add_output(n, "y");
    if (n_out > 1)
        node_add_output(n, "z");
    graph_edit_add(e, x);
    id = graph_edit_add(e, n);
    for (int i = 0; i < n_out; i++) {
        struct node *o = node_new(OP_OUTPUT, i ? "z" : "y");

        node_add_input(o, id, i);
        graph_edit_add(e, o);
    }
    assert_int_equal(graph_edit_freeze(e, &g, NULL), ST_OK);
    return g;
}

static void compare(const struct kind *k, uint64_t seed, int *accepted, int *refused)
{
    struct rng r = rng_for(20231210, seed);
    struct graph *g = make(k, &r), *typed = NULL;
    struct err ours = {0}, theirs = {0};
    bool ok = shape_infer(g, &typed, &ours) == ST_OK;
    bool checks = onx_check(ok ? typed : g, &theirs) == ST_OK;
    char in[64], out[64] = "-";

    ttype_text(graph_type(g, (struct value_ref){0, 0}), in, sizeof in);
    if (ok)
        ttype_text(graph_type(typed, (struct value_ref){1, 0}), out, sizeof out);
    /* libonnx lets much pass that is wrong, so only the other direction is an error. */
    if (ok && !checks)
        fail_msg("%s seed %d: %s -> %s, but libonnx says: %s", op_info(k->op)->id, (int)seed, in,
                 out, theirs.msg);
    for (int i = 0; ok && i < graph_type(typed, (struct value_ref){1, 0})->rank; i++)
        if (graph_type(g, (struct value_ref){0, 0})->dim[0] > 0 &&
            graph_type(typed, (struct value_ref){1, 0})->dim[i] < 0)
            fail_msg("%s seed %d: %s -> %s is not known", op_info(k->op)->id, (int)seed, in, out);
    *accepted += ok;
    *refused += !ok;
    graph_unref(typed);
    graph_unref(g);
}

static void test_against_libonnx(void **state)
{
    enum { CASES = 100 };

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        int accepted = 0, refused = 0;

        for (int c = 0; c < CASES; c++)
            compare(&kinds[i], i * CASES + (uint64_t)c, &accepted, &refused);
        if (accepted < CASES / 10)
            fail_msg("%s: only %d of %d random nodes are accepted", op_info(kinds[i].op)->id,
                     accepted, CASES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_libonnx)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
