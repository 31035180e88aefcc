#include "tests/unit/onx_make.h"

#include "base/file.h"
#include "shape/shape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- helpers ---- */

static const char *shared(const char *name)
{
    static char path[1024];
    const char *env = getenv("AUTOGO_SHARED");
    snprintf(path, sizeof path, "%s/data/%s", env ? env : SRCDIR "/../shared", name);
    return access(path, R_OK) == 0 ? path : NULL;
}

static char *temp_dir(void)
{
    const char *base = getenv("TMPDIR");
    char *dir = x_asprintf("%s/autogo-onx-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(dir));
    return dir;
}

static void ok(enum status st, const struct err *err)
{
    char text[512];
    if (st != ST_OK)
        fail_msg("status %d: %s", st, err_text(err, text, sizeof text));
}

static struct graph *load_mk(const struct mk *k)
{
    struct err err = {0};
    struct graph *g = NULL;
    size_t size;
    unsigned char *bytes = mk_bytes(k, &size);
    ok(onx_load_bytes(&g, bytes, size, NULL, &err), &err);
    free(bytes);
    return g;
}

/* Loading must fail with this status and a text that contains `word`. */
static void refused_bytes(const unsigned char *bytes, size_t size, enum status want,
                          const char *word)
{
    struct err err = {0};
    struct graph *g = NULL;
    assert_int_equal(onx_load_bytes(&g, bytes, size, NULL, &err), want);
    assert_null(g);
    assert_int_equal(err.code, want);
    if (!strstr(err.msg, word))
        fail_msg("'%s' does not speak of '%s'", err.msg, word);
}

static void refused(struct mk *k, enum status want, const char *word)
{
    size_t size;
    unsigned char *bytes = mk_bytes(k, &size);
    refused_bytes(bytes, size, want, word);
    free(bytes);
    mk_end(k);
}

static struct graph *reload(const struct graph *g)
{
    struct err err = {0};
    struct graph *r = NULL;
    unsigned char *bytes;
    size_t size;
    ok(onx_save_bytes(g, &bytes, &size, &err), &err);
    ok(onx_load_bytes(&r, bytes, size, NULL, &err), &err);
    free(bytes);
    return r;
}

static struct graph *inferred(const struct graph *g)
{
    struct err err = {0};
    struct graph *t = NULL;
    ok(shape_infer(g, &t, &err), &err);
    return t;
}

/* The same graph with all its types, but no longer what was read. */
static struct graph *touched(const struct graph *g)
{
    struct err err = {0};
    struct graph *t = NULL, *typed = inferred(g);
    struct graph_edit *e = graph_edit_new(typed);
    graph_unref(typed);
    graph_edit_mut(e, graph_topo(g)[0]);
    ok(graph_edit_freeze(e, &t, &err), &err);
    assert_false(graph_is_untouched(t));
    return t;
}

static Onnx__ModelProto *saved_model(const struct graph *g)
{
    struct err err = {0};
    unsigned char *bytes;
    size_t size;
    ok(onx_save_bytes(g, &bytes, &size, &err), &err);
    Onnx__ModelProto *m = onnx__model_proto__unpack(NULL, size, bytes);
    free(bytes);
    assert_non_null(m);
    return m;
}

static const struct node *by_name(const struct graph *g, const char *name)
{
    int32_t id = graph_find(g, name);
    if (id < 0)
        fail_msg("no node or value '%s'", name);
    return graph_node(g, id);
}

static void checks(const struct graph *g)
{
    struct err err = {0};
    ok(onx_check(g, &err), &err);
}

static struct tensor *he(const char *name, int rank, const int64_t *dim)
{
    struct ttype t = ttype_make(DT_FLOAT, rank, dim);
    return tensor_new_he(name, &t, 8, 7);
}

static struct tensor *fill(const char *name, int64_t n, double v)
{
    struct ttype t = ttype_make(DT_FLOAT, 1, &n);
    return tensor_new_fill(name, &t, v);
}

/* x -> conv -> batchnorm -> relu -> add(x2) -> y, batch symbolic. */
static struct graph *small_graph(void)
{
    struct graph_edit *e = graph_edit_new(NULL);
    struct graph *g = NULL;
    struct err err = {0};
    int64_t batch = DIM_SYM(graph_edit_symbol(e, "batch"));
    struct node *n = node_new(OP_INPUT, "x");
    node_add_output(n, "x");
    n->out[0].type = ttype_nchw(batch, 3, 8, 8);
    int32_t x = graph_edit_add(e, n);
    n = node_new(OP_CONV, "conv");
    node_add_input(n, x, 0);
    node_add_const(n, he("w", 4, DIMS(3, 3, 3, 3)));
    node_add_const(n, fill("b", 3, 0.5));
    node_set_ints(n, "pads", DIMS(1, 1, 1, 1), 4);
    node_add_output(n, "conv_out");
    n->out[0].type = ttype_nchw(batch, 3, 8, 8);
    int32_t conv = graph_edit_add(e, n);
    n = node_new(OP_BATCHNORM, "bn");
    node_add_input(n, conv, 0);
    for (int i = 0; i < 4; i++)
        node_add_const(n, fill("", 3, i == 0 || i == 3));
    node_set_float(n, "epsilon", 1e-3f);
    node_add_output(n, "bn_out");
    int32_t bn = graph_edit_add(e, n);
    n = node_new(OP_ADD, "add");
    node_add_input(n, bn, 0);
    node_add_input(n, x, 0);
    node_add_output(n, "sum");
    int32_t add = graph_edit_add(e, n);
    n = node_new(OP_OUTPUT, "y");
    node_add_input(n, add, 0);
    graph_edit_add(e, n);
    graph_edit_set_name(e, "small");
    ok(graph_edit_freeze(e, &g, &err), &err);
    struct graph *t = inferred(g);
    graph_unref(g);
    return t;
}

/* ---- round trips ---- */

static void test_built_graph(void **state)
{
    (void)state;
    struct graph *g = small_graph(), *r = reload(g);
    assert_int_equal(graph_hash(g), graph_hash(r));
    assert_string_equal(graph_name(r), "small");
    assert_int_equal(graph_opset(r), 13);
    const struct node *conv = by_name(r, "conv");
    assert_int_equal(conv->op, OP_CONV);
    assert_string_equal(tensor_name(conv->in[1].tensor), "w");
    assert_true(tensor_equal(conv->in[1].tensor, by_name(g, "conv")->in[1].tensor));
    assert_true(tensor_equal(conv->in[2].tensor, by_name(g, "conv")->in[2].tensor));
    assert_true(DIM_IS_SYM(conv->out[0].type.dim[0]));
    assert_string_equal(graph_symbol(r, DIM_SYM_INDEX(conv->out[0].type.dim[0])), "batch");
    /* The output keeps its name; the value behind it takes it over. */
    assert_string_equal(by_name(r, "add")->out[0].name, "y");
    assert_true(node_float(by_name(r, "bn"), "epsilon", 0) == 1e-3f);
    graph_unref(g);
    graph_unref(r);
}

/* Compares field by field through the packed form. */
static void equal_messages(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
    size_t n = protobuf_c_message_get_packed_size(a);
    assert_int_equal(n, protobuf_c_message_get_packed_size(b));
    uint8_t *x = x_malloc(n + 1), *y = x_malloc(n + 1);
    protobuf_c_message_pack(a, x);
    protobuf_c_message_pack(b, y);
    assert_memory_equal(x, y, n);
    free(x);
    free(y);
}

static void round_trip_file(const char *path)
{
    struct err err = {0};
    struct graph *g = NULL;
    unsigned char *bytes;
    size_t size;
    ok(onx_load(&g, path, &err), &err);
    checks(g);
    ok(file_read(path, 1u << 30, &bytes, &size, &err), &err);
    Onnx__ModelProto *was = onnx__model_proto__unpack(NULL, size, bytes), *is = saved_model(g);
    free(bytes);
    equal_messages(&was->base, &is->base);
    onnx__model_proto__free_unpacked(is, NULL);
    /* Written anew, it is still the same network with the same names and values. */
    struct graph *t = touched(g), *r = reload(t);
    checks(t);
    assert_int_equal(graph_hash(t), graph_hash(r));
    assert_int_equal(graph_n_nodes(g), graph_n_nodes(r));
    is = saved_model(t);
    assert_int_equal(is->graph->n_node, was->graph->n_node);
    for (int32_t id = 0; id < graph_n_slots(g); id++) {
        const struct node *a = graph_node(g, id), *b = graph_node(r, id);
        assert_string_equal(a->name, b->name);
        for (int i = 0; i < a->n_in; i++) {
            assert_int_equal(a->in[i].node, b->in[i].node);
            if (!a->in[i].tensor)
                continue;
            assert_true(tensor_equal(a->in[i].tensor, b->in[i].tensor));
            if (tensor_name(a->in[i].tensor)[0])
                assert_string_equal(tensor_name(a->in[i].tensor), tensor_name(b->in[i].tensor));
        }
    }
    onnx__model_proto__free_unpacked(was, NULL);
    onnx__model_proto__free_unpacked(is, NULL);
    graph_unref(t);
    graph_unref(r);
    graph_unref(g);
}

static void test_shared_models(void **state)
{
    (void)state;
    static const char *const files[] = {"onnx/light_resnet50.onnx", "onnx/light_squeezenet.onnx",
                                        "onnx/light_vgg19.onnx"};
    if (!shared(files[0]))
        skip();
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        round_trip_file(shared(files[i]));
}

static void test_shared_fill(void **state)
{
    (void)state;
    struct err err = {0};
    struct graph *g = NULL;
    if (!shared("onnx/light_resnet50.onnx"))
        skip();
    ok(onx_load(&g, shared("onnx/light_resnet50.onnx"), &err), &err);
    /* 415 nodes in the file, 239 of them ConstantOfShape, and one input and one output. */
    assert_int_equal(graph_n_nodes(g), 415 - 239 + 2);
    const struct tensor *w = graph_node(g, 1)->in[1].tensor;
    assert_int_equal(tensor_kind(w), TENSOR_FILL);
    assert_true((float)tensor_fill_value(w) == 0.02f);
    assert_non_null(tensor_node(w));
    graph_unref(g);
}

/* ---- reading ---- */

static void test_fold(void **state)
{
    (void)state;
    struct mk k;
    mk_start(&k, 8, 13);
    mk_input(&k, "x", DT_FLOAT, 2, DIMS(-1, 4));
    mk_output(&k, "y", DT_FLOAT, 2, DIMS(-1, 4));
    mk_output(&k, "c", DT_FLOAT, 0, NULL);
    float v[4] = {1, 2, 3, 4};
    Onnx__NodeProto *n = mk_node(&k, "Constant", "", "a");
    mk_attr(&k, n, "value", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR)->t =
        mk_tensor(&k, "", DT_FLOAT, 1, DIMS(4), v, sizeof v);
    mk_node(&k, "Identity", "a", "a1");
    mk_node(&k, "Identity", "a1", "a2");
    mk_init(&k, "s", DT_INT64, 1, DIMS(1), DIMS(4), 8);
    n = mk_node(&k, "ConstantOfShape", "s", "f");
    n = mk_node(&k, "Constant", "", "c");
    mk_float(&k, n, "value_float", 2);
    mk_node(&k, "Add", "x a2", "p");
    mk_node(&k, "Mul", "p f", "y");
    struct graph *g = load_mk(&k);
    /* x, the Constant that is an output, Add, Mul, two outputs. */
    assert_int_equal(graph_n_nodes(g), 6);
    const struct tensor *t = node_const(by_name(g, "p"), 1);
    assert_non_null(t);
    assert_true(tensor_num_at(t, 3, 0) == 4);
    t = node_const(by_name(g, "y"), 0) ? NULL : node_const(graph_node(g, 3), 1);
    assert_non_null(t);
    assert_int_equal(tensor_kind(t), TENSOR_FILL);
    assert_true(tensor_fill_value(t) == 0);
    struct graph *w = touched(g);
    checks(w);
    Onnx__ModelProto *m = saved_model(w);
    int fills = 0;
    for (size_t i = 0; i < m->graph->n_node; i++)
        fills += strcmp(m->graph->node[i]->op_type, "ConstantOfShape") == 0;
    assert_int_equal(fills, 1);
    onnx__model_proto__free_unpacked(m, NULL);
    graph_unref(w);
    graph_unref(g);
    mk_end(&k);
}

/* Every way a TensorProto holds values gives the bytes of raw_data. */
static void test_tensor_forms(void **state)
{
    (void)state;
    struct mk k;
    mk_start(&k, 8, 13);
    mk_input(&k, "x", DT_FLOAT, 1, DIMS(2));
    Onnx__TensorProto *t = mk_init(&k, "f", DT_FLOAT, 1, DIMS(2), NULL, 0);
    MK_PUSH(&k, t->float_data, t->n_float_data, 1.5f);
    MK_PUSH(&k, t->float_data, t->n_float_data, -2.0f);
    t = mk_init(&k, "h", DT_FLOAT16, 1, DIMS(2), NULL, 0);
    MK_PUSH(&k, t->int32_data, t->n_int32_data, 0x3c00);
    MK_PUSH(&k, t->int32_data, t->n_int32_data, 0xc000);
    t = mk_init(&k, "b", DT_INT8, 1, DIMS(2), NULL, 0);
    MK_PUSH(&k, t->int32_data, t->n_int32_data, -1);
    MK_PUSH(&k, t->int32_data, t->n_int32_data, 5);
    t = mk_init(&k, "u", DT_UINT32, 1, DIMS(2), NULL, 0);
    MK_PUSH(&k, t->uint64_data, t->n_uint64_data, 4000000000u);
    MK_PUSH(&k, t->uint64_data, t->n_uint64_data, 1);
    t = mk_init(&k, "d", DT_DOUBLE, 1, DIMS(2), NULL, 0);
    MK_PUSH(&k, t->double_data, t->n_double_data, 0.25);
    MK_PUSH(&k, t->double_data, t->n_double_data, 0.5);
    t = mk_init(&k, "i", DT_INT64, 1, DIMS(2), NULL, 0);
    MK_PUSH(&k, t->int64_data, t->n_int64_data, -7);
    MK_PUSH(&k, t->int64_data, t->n_int64_data, 9);
    mk_init(&k, "e", DT_FLOAT, 1, DIMS(0), NULL, 0);
    Onnx__NodeProto *n = mk_node(&k, "Thing", "x f h b u d i e", "y");
    n->domain = onx_dup(&k.a, "test");
    mk_opset(&k, "test", 1);
    mk_output(&k, "y", DT_FLOAT, 1, DIMS(2));
    struct graph *g = load_mk(&k);
    const struct node *y = by_name(g, "y");
    assert_int_equal(y->op, OP_OPAQUE);
    assert_true(tensor_num_at(y->in[1].tensor, 1, 0) == -2);
    assert_memory_equal(tensor_data(y->in[2].tensor), "\x00\x3c\x00\xc0", 4);
    assert_int_equal(tensor_int_at(y->in[3].tensor, 0, 0), -1);
    assert_int_equal(tensor_int_at(y->in[4].tensor, 0, 0), 4000000000);
    assert_true(tensor_num_at(y->in[5].tensor, 1, 0) == 0.5);
    assert_int_equal(tensor_int_at(y->in[6].tensor, 0, 0), -7);
    assert_int_equal(tensor_count(y->in[7].tensor), 0);
    graph_unref(g);
    mk_end(&k);
}

/* Texts are no tensors here: a Constant node keeps them. */
static void test_string_initializer(void **state)
{
    (void)state;
    struct mk k;
    mk_start(&k, 8, 13);
    mk_input(&k, "x", DT_FLOAT, 1, DIMS(2));
    Onnx__TensorProto *t = mk_init(&k, "words", DT_STRING, 1, DIMS(1), NULL, 0);
    ProtobufCBinaryData word = {.len = 5, .data = (uint8_t *)onx_dup(&k.a, "hello")};
    MK_PUSH(&k, t->string_data, t->n_string_data, word);
    mk_node(&k, "Thing", "x words", "y")->domain = onx_dup(&k.a, "test");
    mk_opset(&k, "test", 1);
    mk_output(&k, "y", DT_FLOAT, 1, DIMS(2));
    struct graph *g = load_mk(&k), *w = touched(g);
    Onnx__ModelProto *m = saved_model(w);
    assert_string_equal(m->graph->node[0]->op_type, "Constant");
    assert_string_equal(m->graph->node[0]->output[0], "words");
    assert_memory_equal(m->graph->node[0]->attribute[0]->t->string_data[0].data, "hello", 5);
    checks(w);
    onnx__model_proto__free_unpacked(m, NULL);
    graph_unref(w);
    graph_unref(g);
    mk_end(&k);
}

/* Initialisers that are inputs too are weights; an unused name is kept out. */
static void test_ir3_inputs(void **state)
{
    (void)state;
    struct mk k;
    mk_start(&k, 3, 9);
    float v[2] = {1, 2};
    mk_input(&k, "w", DT_FLOAT, 1, DIMS(2));
    mk_input(&k, "x", DT_FLOAT, 1, DIMS(2));
    mk_init(&k, "w", DT_FLOAT, 1, DIMS(2), v, sizeof v);
    mk_node(&k, "Add", "x w", "y");
    mk_output(&k, "y", DT_FLOAT, 1, DIMS(2));
    struct graph *g = load_mk(&k);
    int n;
    graph_inputs(g, &n);
    assert_int_equal(n, 1);
    assert_int_equal(graph_node(g, 0)->op, OP_INPUT);
    assert_int_equal(graph_node(g, 1)->op, OP_ADD);
    assert_int_equal(graph_node(g, 2)->op, OP_OUTPUT);
    checks(g);
    graph_unref(g);
    mk_end(&k);
}

/* ---- old forms ---- */

struct old {
    const char *op, *inputs, *outputs;
    int opset;
    void (*attrs)(struct mk *k, Onnx__NodeProto *n);
    const char *now; /* operator after reading; NULL: opaque as it was */
    int port;        /* this input became a constant of `count` elements (-1: any) */
    int count;
};

static void a_clip(struct mk *k, Onnx__NodeProto *n)
{
    mk_float(k, n, "max", 6);
}
static void a_ratio(struct mk *k, Onnx__NodeProto *n)
{
    mk_float(k, n, "ratio", 0.5f);
}
static void a_slice(struct mk *k, Onnx__NodeProto *n)
{
    mk_ints(k, n, "starts", 2, DIMS(0, 0));
    mk_ints(k, n, "ends", 2, DIMS(2, 2));
    mk_ints(k, n, "axes", 2, DIMS(2, 3));
}
static void a_pad(struct mk *k, Onnx__NodeProto *n)
{
    mk_ints(k, n, "pads", 8, DIMS(0, 0, 1, 1, 0, 0, 1, 1));
    mk_float(k, n, "value", 3);
}
static void a_axes(struct mk *k, Onnx__NodeProto *n)
{
    mk_ints(k, n, "axes", 1, DIMS(0));
}
static void a_split(struct mk *k, Onnx__NodeProto *n)
{
    mk_int(k, n, "axis", 1);
    mk_ints(k, n, "split", 2, DIMS(1, 3));
}
static void a_scales(struct mk *k, Onnx__NodeProto *n)
{
    mk_floats(k, n, "scales", 4, (const float[]){1, 1, 2, 2});
    mk_string(k, n, "mode", "nearest");
}
static void a_linear(struct mk *k, Onnx__NodeProto *n)
{
    mk_string(k, n, "mode", "linear");
}
static void a_axis3(struct mk *k, Onnx__NodeProto *n)
{
    mk_int(k, n, "axis", 3);
}
static void a_spatial(struct mk *k, Onnx__NodeProto *n)
{
    mk_int(k, n, "spatial", 1);
}
static void a_k(struct mk *k, Onnx__NodeProto *n)
{
    mk_int(k, n, "k", 1);
}
static void a_none(struct mk *k, Onnx__NodeProto *n)
{
    (void)k;
    (void)n;
}

static const struct old old_forms[] = {
    {"Clip", "x", "y", 7, a_clip, "Clip", 2, 1},
    {"Dropout", "x", "y", 10, a_ratio, "Dropout", 1, 1},
    {"Slice", "x", "y", 9, a_slice, "Slice", 3, 2},
    {"Pad", "x", "y", 10, a_pad, "Pad", 1, 8},
    {"Squeeze", "x", "y", 11, a_axes, "Squeeze", 1, 1},
    {"Unsqueeze", "x", "y", 12, a_axes, "Unsqueeze", 1, 1},
    {"Split", "x", "y z", 11, a_split, "Split", 1, 2},
    {"ReduceSum", "x", "y", 11, a_axes, "ReduceSum", 1, 1},
    {"Upsample", "x", "y", 7, a_scales, "Resize", 2, 4},
    {"Upsample", "x scales", "y", 9, a_linear, "Resize", 2, 4},
    {"Resize", "x scales", "y", 10, a_linear, "Resize", 2, 4},
    {"Resize", "x none scales", "y", 11, a_linear, "Resize", 2, 4},
    {"Softmax", "x", "y", 9, a_axis3, "Softmax", -1, 0},
    {"LogSoftmax", "x", "y", 12, a_axis3, "LogSoftmax", -1, 0},
    {"Softmax", "x", "y", 9, a_none, NULL, -1, 0},
    {"BatchNormalization", "x s s s s", "y", 7, a_spatial, "BatchNormalization", 4, 4},
    {"TopK", "x", "y z", 9, a_k, "TopK", 1, 1},
    {"Scatter", "x ix ux", "y", 9, a_none, "ScatterElements", -1, 0},
};

static void old_model(struct mk *k, const struct old *o)
{
    float ones[4] = {1, 1, 1, 1}, scales[4] = {1, 1, 2, 2};
    mk_start(k, 4, o->opset);
    mk_input(k, "x", DT_FLOAT, 4, DIMS(1, 4, 4, 4));
    mk_init(k, "s", DT_FLOAT, 1, DIMS(4), ones, sizeof ones);
    mk_init(k, "scales", DT_FLOAT, 1, DIMS(4), scales, sizeof scales);
    mk_init(k, "none", DT_FLOAT, 1, DIMS(0), "", 0);
    mk_input(k, "ix", DT_INT64, 4, DIMS(1, 1, 1, 1));
    mk_input(k, "ux", DT_FLOAT, 4, DIMS(1, 1, 1, 1));
    o->attrs(k, mk_node(k, o->op, o->inputs, o->outputs));
    mk_output(k, "y", DT_FLOAT, -1, NULL);
}

static void test_upgrade(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof old_forms / sizeof *old_forms; i++) {
        const struct old *o = &old_forms[i];
        struct mk k;
        struct err err = {0};
        old_model(&k, o);
        struct graph *g = load_mk(&k), *t = touched(g);
        const struct node *n = by_name(g, "y");
        if (n->op == OP_OUTPUT)
            n = graph_node(g, n->in[0].node);
        if (!o->now) {
            /* Kept as it was; it can be written only as long as nothing was touched. */
            assert_int_equal(n->op, OP_OPAQUE);
            unsigned char *bytes;
            size_t size;
            assert_int_equal(onx_save_bytes(t, &bytes, &size, &err), ST_UNSUPPORTED);
            assert_non_null(strstr(err.msg, o->op));
            ok(onx_save_bytes(g, &bytes, &size, &err), &err);
            free(bytes);
        } else {
            print_message("%s %d\n", o->op, o->opset);
            assert_string_equal(node_op_type(n), o->now);
            assert_int_equal(n->op, op_from_onnx(o->now));
            if (o->port >= 0) {
                assert_non_null(node_const(n, o->port));
                assert_int_equal(tensor_count(node_const(n, o->port)), o->count);
            }
            checks(t);
        }
        graph_unref(t);
        graph_unref(g);
        mk_end(&k);
    }
}

/* The old Softmax of a matrix-like map is the new one over the dimension that is not 1. */
static void test_softmax_map(void **state)
{
    (void)state;
    struct mk k;
    mk_start(&k, 4, 9);
    mk_input(&k, "x", DT_FLOAT, 4, DIMS(-1, 10, 1, 1));
    mk_node(&k, "Relu", "x", "r");
    mk_node(&k, "Softmax", "r", "y");
    mk_output(&k, "y", DT_FLOAT, -1, NULL);
    struct graph *g = load_mk(&k); /* the shape of r is in no table of the file: inferred */
    const struct node *n = by_name(g, "y");
    if (n->op == OP_OUTPUT)
        n = graph_node(g, n->in[0].node);
    assert_int_equal(n->op, OP_SOFTMAX);
    assert_int_equal(node_int(n, "axis", -9), 1);
    graph_unref(g);
    mk_end(&k);
}

/* Forms that came after op set 13: one form inside, the file's form outside. */
static void test_opset_18(void **state)
{
    (void)state;
    struct mk k;
    mk_start(&k, 8, 18);
    mk_input(&k, "x", DT_FLOAT, 4, DIMS(1, 4, 4, 4));
    mk_init(&k, "axes", DT_INT64, 1, DIMS(2), DIMS(2, 3), 16);
    mk_node(&k, "ReduceMean", "x axes", "m");
    Onnx__NodeProto *n = mk_node(&k, "Split", "m", "y z");
    mk_int(&k, n, "axis", 1);
    mk_int(&k, n, "num_outputs", 2);
    mk_output(&k, "y", DT_FLOAT, 4, DIMS(1, 2, 1, 1));
    struct graph *g = load_mk(&k);
    const struct node *mean = by_name(g, "m");
    assert_int_equal(mean->op, OP_REDUCEMEAN);
    assert_int_equal(mean->n_in, 1);
    assert_int_equal(node_ints_at(mean, "axes", 1, 0), 3);
    struct graph *t = touched(g);
    Onnx__ModelProto *m = saved_model(t);
    assert_int_equal(m->opset_import[0]->version, 18);
    assert_int_equal(m->graph->node[0]->n_input, 2);
    assert_int_equal(m->graph->node[0]->n_attribute, 0);
    onnx__model_proto__free_unpacked(m, NULL);
    graph_unref(t);
    graph_unref(g);
    mk_end(&k);
}

/* ---- opaque nodes ---- */

static void test_opaque_verbatim(void **state)
{
    (void)state;
    struct mk k;
    mk_start(&k, 8, 13);
    mk_opset(&k, "com.example", 3);
    mk_input(&k, "x", DT_FLOAT, 2, DIMS(-1, 4));
    Onnx__NodeProto *n = mk_node(&k, "Magic", "x - x", "m -");
    n->domain = onx_dup(&k.a, "com.example");
    n->doc_string = onx_dup(&k.a, "a doc");
    mk_int(&k, n, "i", -3);
    mk_string(&k, n, "s", "text");
    Onnx__AttributeProto *a =
        mk_attr(&k, n, "list", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS);
    ProtobufCBinaryData word = {.len = 3, .data = (uint8_t *)onx_dup(&k.a, "abc")};
    MK_PUSH(&k, a->strings, a->n_strings, word);
    mk_attr(&k, n, "t", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR)->t =
        mk_tensor(&k, "in", DT_INT64, 1, DIMS(1), DIMS(5), 8);
    mk_node(&k, "Relu", "m", "y");
    mk_output(&k, "y", DT_FLOAT, 2, DIMS(-1, 4));
    struct graph *g = load_mk(&k), *t = touched(g);
    assert_int_equal(by_name(g, "Magic")->op, OP_OPAQUE);
    assert_int_equal(by_name(g, "Magic")->in[1].node, IN_NONE);
    Onnx__ModelProto *m = saved_model(t);
    equal_messages(&m->graph->node[0]->base, &n->base);
    assert_int_equal(m->n_opset_import, 2);
    assert_string_equal(m->opset_import[1]->domain, "com.example");
    assert_int_equal(m->opset_import[1]->version, 3);
    checks(t);
    onnx__model_proto__free_unpacked(m, NULL);
    graph_unref(t);
    graph_unref(g);
    mk_end(&k);
}

/* The type of an opaque node's output comes from libonnx where the file does not tell. */
static void test_opaque_types(void **state)
{
    (void)state;
    struct mk k;
    mk_start(&k, 8, 13);
    mk_input(&k, "x", DT_FLOAT, 2, DIMS(3, 4));
    mk_node(&k, "Shape", "x", "s");
    mk_node(&k, "Tile", "x s", "t");
    mk_node(&k, "ArgMax", "t", "y");
    mk_output(&k, "y", DT_INT64, -1, NULL);
    struct graph *g = load_mk(&k);
    assert_int_equal(by_name(g, "Shape")->out[0].type.dtype, DT_INT64);
    assert_int_equal(by_name(g, "Shape")->out[0].type.dim[0], 2);
    assert_int_equal(by_name(g, "Tile")->out[0].type.rank, 2);
    graph_unref(g);
    mk_end(&k);
}

/* If(cond, then: r + w, else: r) captures r and w of the outer graph. */
static void if_model(struct mk *k, const char *captured)
{
    float v[2] = {1, 2};
    mk_start(k, 8, 13);
    mk_input(k, "cond", DT_BOOL, 0, NULL);
    mk_input(k, "x", DT_FLOAT, 1, DIMS(2));
    mk_init(k, "w", DT_FLOAT, 1, DIMS(2), v, sizeof v);
    mk_node(k, "Relu", "x", "r");
    Onnx__NodeProto *n = mk_node(k, "If", "cond", "y");
    Onnx__GraphProto *yes = mk_graph(k, "yes"), *no = mk_graph(k, "no");
    char *inputs = x_asprintf("%s w", captured);
    mk_node_in(k, yes, "Add", inputs, "yes_out");
    free(inputs);
    mk_node_in(k, no, "Identity", "r", "no_out");
    MK_PUSH(k, yes->output, yes->n_output, mk_value(k, "yes_out", DT_FLOAT, 1, DIMS(2)));
    MK_PUSH(k, no->output, no->n_output, mk_value(k, "no_out", DT_FLOAT, 1, DIMS(2)));
    mk_attr(k, n, "then_branch", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH)->g = yes;
    mk_attr(k, n, "else_branch", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH)->g = no;
    mk_output(k, "y", DT_FLOAT, 1, DIMS(2));
}

static void test_captured(void **state)
{
    (void)state;
    struct mk k;
    struct err err = {0};
    if_model(&k, "r");
    struct graph *g = load_mk(&k);
    const struct node *n = by_name(g, "If");
    assert_int_equal(n->op, OP_OPAQUE);
    assert_int_equal(n->n_in, 3);
    assert_int_equal(n->n_implicit, 2);
    assert_int_equal(n->in[1].node, graph_find(g, "r"));
    assert_non_null(node_const(n, 2));
    struct graph *t = touched(g), *r = reload(t);
    checks(t);
    assert_int_equal(graph_hash(t), graph_hash(r));
    graph_unref(r);
    graph_unref(t);
    /* Another producer of what the subgraph calls r is written under that name. */
    struct graph_edit *e = graph_edit_new(g);
    struct node *sig = node_new(OP_SIGMOID, "sig");
    node_add_input(sig, graph_find(g, "x"), 0);
    node_add_output(sig, "another");
    int32_t id = graph_edit_add(e, sig);
    node_set_input(graph_edit_mut(e, graph_find(g, "If")), 1, id, 0, NULL);
    graph_edit_remove(e, graph_find(g, "r"));
    ok(graph_edit_freeze(e, &t, &err), &err);
    checks(t);
    r = reload(t);
    assert_int_equal(by_name(r, "r")->op, OP_SIGMOID);
    graph_unref(r);
    graph_unref(t);
    graph_unref(g);
    mk_end(&k);
    if_model(&k, "nowhere");
    refused(&k, ST_MODEL, "nowhere");
}

/* ---- names ---- */

static void test_output_names(void **state)
{
    (void)state;
    struct err err = {0};
    struct graph *g = small_graph(), *t = NULL;
    struct graph_edit *e = graph_edit_new(g);
    int32_t x = graph_find(g, "x"), add = graph_find(g, "add");
    struct node *n = node_new(OP_OUTPUT, "again"); /* a second name of y */
    node_add_input(n, add, 0);
    graph_edit_add(e, n);
    n = node_new(OP_OUTPUT, "through"); /* an input handed out */
    node_add_input(n, x, 0);
    graph_edit_add(e, n);
    n = node_new(OP_OUTPUT, "fixed"); /* a constant */
    node_add_const(n, fill("w", 3, 1));
    graph_edit_add(e, n);
    ok(graph_edit_freeze(e, &t, &err), &err);
    checks(t);
    Onnx__ModelProto *m = saved_model(t);
    static const char *const want[] = {"y", "again", "through", "fixed"};
    assert_int_equal(m->graph->n_output, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(m->graph->output[i]->name, want[i]);
    onnx__model_proto__free_unpacked(m, NULL);
    graph_unref(t);
    graph_unref(g);
}

static void test_header_kept(void **state)
{
    (void)state;
    struct mk k;
    mk_start(&k, 7, 12);
    k.m->doc_string = onx_dup(&k.a, "about");
    Onnx__StringStringEntryProto *p = onx_alloc(&k.a, 1, sizeof *p);
    *p = (Onnx__StringStringEntryProto)ONNX__STRING_STRING_ENTRY_PROTO__INIT;
    p->key = onx_dup(&k.a, "author");
    p->value = onx_dup(&k.a, "someone");
    MK_PUSH(&k, k.m->metadata_props, k.m->n_metadata_props, p);
    mk_input(&k, "x", DT_FLOAT, 1, DIMS(-1));
    mk_node(&k, "Relu", "x", "y");
    mk_output(&k, "y", DT_FLOAT, 1, DIMS(-1));
    struct graph *g = load_mk(&k), *t = touched(g);
    Onnx__ModelProto *m = saved_model(t);
    assert_int_equal(m->ir_version, 8);
    assert_int_equal(m->opset_import[0]->version, 13);
    assert_string_equal(m->producer_name, "autogo");
    assert_string_equal(m->doc_string, "about");
    assert_string_equal(m->metadata_props[0]->value, "someone");
    onnx__model_proto__free_unpacked(m, NULL);
    graph_unref(t);
    graph_unref(g);
    mk_end(&k);
}

/* ---- bad input ---- */

static void relu_model(struct mk *k)
{
    mk_start(k, 8, 13);
    mk_input(k, "x", DT_FLOAT, 1, DIMS(2));
    mk_node(k, "Relu", "x", "y");
    mk_output(k, "y", DT_FLOAT, 1, DIMS(2));
}

static void test_bad_models(void **state)
{
    (void)state;
    struct mk k;
    mk_start(&k, 8, 13);
    refused(&k, ST_MODEL, "no nodes");
    mk_start(&k, 8, 0);
    mk_node(&k, "Relu", "x", "y");
    refused(&k, ST_MODEL, "operator set");
    mk_start(&k, 8, 6);
    mk_node(&k, "Relu", "x", "y");
    refused(&k, ST_UNSUPPORTED, "operator set 6");
    relu_model(&k);
    mk_node(&k, "Add", "y lost", "z");
    refused(&k, ST_MODEL, "'lost'");
    relu_model(&k);
    mk_node(&k, "Abs", "x", "y");
    refused(&k, ST_MODEL, "'y'");
    relu_model(&k);
    mk_input(&k, "x", DT_FLOAT, 1, DIMS(2));
    refused(&k, ST_MODEL, "'x'");
    relu_model(&k);
    mk_output(&k, "y", DT_FLOAT, 1, DIMS(2));
    refused(&k, ST_MODEL, "'y'");
    relu_model(&k);
    mk_output(&k, "gone", DT_FLOAT, 1, DIMS(2));
    refused(&k, ST_MODEL, "'gone'");
    relu_model(&k);
    mk_node(&k, "Add", "x b", "a");
    mk_node(&k, "Abs", "a", "b");
    refused(&k, ST_MODEL, "cycle");
    relu_model(&k);
    mk_node(&k, "", "x", "b");
    refused(&k, ST_MODEL, "no operator");
    relu_model(&k);
    mk_init(&k, "w", DT_FLOAT, 1, DIMS(3), "abcd", 4);
    refused(&k, ST_MODEL, "'w'");
    relu_model(&k);
    mk_init(&k, "w", DT_FLOAT, 2, DIMS((int64_t)1 << 40, (int64_t)1 << 40), "abcd", 4);
    refused(&k, ST_MODEL, "'w'");
    relu_model(&k);
    mk_init(&k, "w", DT_FLOAT, 1, DIMS(-4), "abcd", 4);
    refused(&k, ST_MODEL, "'w'");
    relu_model(&k);
    k.m->graph = NULL;
    refused(&k, ST_MODEL, "no graph");
}

static void test_bad_bytes(void **state)
{
    (void)state;
    struct mk k;
    size_t size;
    refused_bytes((const unsigned char *)"", 0, ST_MODEL, "empty");
    refused_bytes((const unsigned char *)"# Read me first\n", 16, ST_MODEL, "not an ONNX model");
    relu_model(&k);
    unsigned char *bytes = mk_bytes(&k, &size);
    for (size_t cut = 1; cut < size; cut++) {
        struct graph *g = NULL;
        struct err err = {0};
        unsigned char *part = x_memdup(bytes, cut); /* exactly as long, for the sanitizer */
        if (onx_load_bytes(&g, part, cut, NULL, &err) == ST_OK)
            graph_unref(g);
        else
            assert_true(err.msg[0] != '\0');
        free(part);
    }
    refused_bytes(bytes, size - 5, ST_MODEL, "truncated");
    free(bytes);
    mk_end(&k);
}

/* Graphs in attributes of nodes in graphs ... : 234 kB of it overflow protobuf-c's stack. */
static void test_nested(void **state)
{
    (void)state;
    VEC(unsigned char) b = {0};
    static const unsigned char tags[] = {6 << 3 | 2, 5 << 3 | 2, 1 << 3 | 2}; /* g attribute node */
    for (int depth = 0; b.n < 234000 || depth % 3; depth++) {
        unsigned char head[8];
        size_t n = 0, len = b.n;
        head[n++] = tags[depth % 3];
        for (; len >= 128; len >>= 7)
            head[n++] = (unsigned char)(len | 128);
        head[n++] = (unsigned char)len;
        /* Built from the inside: kept reversed, so that growing is cheap. */
        for (size_t i = n; i-- > 0;)
            vec_push(&b, head[i]);
    }
    unsigned char *bytes = x_malloc(b.n + 8);
    size_t size = 0, len = b.n;
    bytes[size++] = 7 << 3 | 2;
    for (; len >= 128; len >>= 7)
        bytes[size++] = (unsigned char)(len | 128);
    bytes[size++] = (unsigned char)len;
    for (size_t i = b.n; i-- > 0;)
        bytes[size++] = b.at[i];
    refused_bytes(bytes, size, ST_MODEL, "nested");
    free(bytes);
    vec_done(&b);
}

/* Millions of empty parts would take a hundred times the file's size; a field that may occur once
 * and comes a hundred thousand times is merged in quadratic time. */
static void test_greedy(void **state)
{
    (void)state;
    size_t n = 3000000, body = 2 * n;
    unsigned char *bytes = x_malloc(body + 16);
    size_t size = 0;
    bytes[size++] = 7 << 3 | 2;
    for (size_t len = body; len; len >>= 7)
        bytes[size++] = (unsigned char)((len & 127) | (len > 127 ? 128 : 0));
    for (size_t i = 0; i < n; i++) {
        bytes[size++] = 1 << 3 | 2;
        bytes[size++] = 0;
    }
    refused_bytes(bytes, size, ST_UNSUPPORTED, "memory");
    for (size_t i = 0; i < body / 2; i++) {
        bytes[2 * i] = 7 << 3 | 2;
        bytes[2 * i + 1] = 0;
    }
    refused_bytes(bytes, body, ST_MODEL, "twice");
    free(bytes);
}

/* libonnx divides by strides and follows function calls for ever. */
static void test_guard(void **state)
{
    (void)state;
    struct mk k;
    struct err err = {0};
    relu_model(&k);
    Onnx__FunctionProto *f = onx_alloc(&k.a, 1, sizeof *f);
    *f = (Onnx__FunctionProto)ONNX__FUNCTION_PROTO__INIT;
    f->name = onx_dup(&k.a, "F");
    f->domain = onx_dup(&k.a, "test");
    mk_names(&k, &f->input, &f->n_input, "a");
    mk_names(&k, &f->output, &f->n_output, "b");
    Onnx__GraphProto body = ONNX__GRAPH_PROTO__INIT;
    mk_node_in(&k, &body, "F", "a", "b")->domain = onx_dup(&k.a, "test");
    f->node = body.node;
    f->n_node = body.n_node;
    f->opset_import = k.m->opset_import;
    f->n_opset_import = 1;
    MK_PUSH(&k, k.m->functions, k.m->n_functions, f);
    mk_opset(&k, "test", 1);
    mk_node(&k, "F", "x", "z")->domain = onx_dup(&k.a, "test");
    struct graph *g = load_mk(&k);
    assert_int_equal(onx_check(g, &err), ST_MODEL);
    assert_non_null(strstr(err.msg, "calls itself"));
    graph_unref(g);
    mk_end(&k);
    relu_model(&k);
    float w = 1;
    mk_input(&k, "m", DT_FLOAT, 4, DIMS(1, 1, 4, 4));
    mk_init(&k, "w", DT_FLOAT, 4, DIMS(1, 1, 1, 1), &w, sizeof w);
    mk_ints(&k, mk_node(&k, "Conv", "m w", "c"), "strides", 2, DIMS(0, 0));
    g = load_mk(&k);
    assert_int_equal(onx_check(g, &err), ST_MODEL);
    assert_non_null(strstr(err.msg, "stride 0"));
    graph_unref(g);
    mk_end(&k);
}

/* A kernel of more dimensions than the map makes libonnx read past an array: only a child dies. */
static void test_crash(void **state)
{
    (void)state;
    struct mk k;
    struct err err = {0};
    mk_start(&k, 8, 13);
    mk_input(&k, "x", DT_FLOAT, 3, DIMS(1, 1, 3));
    mk_input(&k, "w", DT_FLOAT, 5, DIMS(1, 2, 2, 2, 2));
    mk_node(&k, "ConvTranspose", "x w", "y");
    mk_output(&k, "y", DT_FLOAT, 4, DIMS(1, 2, 4, 4));
    struct graph *g = load_mk(&k);
    enum status st = onx_check(g, &err);
    assert_true(st == ST_INTERNAL || st == ST_MODEL);
    assert_true(err.msg[0] != '\0');
    graph_unref(g);
    mk_end(&k);
}

static void test_check_reports(void **state)
{
    (void)state;
    struct mk k;
    struct err err = {0};
    relu_model(&k);
    mk_node(&k, "NoSuchOperator", "x", "z");
    struct graph *g = load_mk(&k);
    assert_int_equal(onx_check(g, &err), ST_MODEL);
    assert_non_null(strstr(err.msg, "NoSuchOperator"));
    assert_null(strchr(err.msg, '\n'));
    graph_unref(g);
    mk_end(&k);
}

/* ---- files ---- */

static void test_external(void **state)
{
    (void)state;
    struct err err = {0};
    char *dir = temp_dir();
    char *model = x_asprintf("%s/m.onnx", dir), *data = x_asprintf("%s/m.bin", dir);
    float v[6] = {0, 0, 5, 6, 7, 8};
    static const struct {
        const char *location, *offset, *length, *word;
        enum status want;
    } cases[] = {
        {"m.bin", "8", "16", "", ST_OK},
        {"m.bin", "16", "16", "too short", ST_IO},
        {"m.bin", "8", "12", "fit", ST_MODEL},
        {"m.bin", "-8", "16", "offset", ST_MODEL},
        {"gone.bin", "0", "16", "gone.bin", ST_IO},
        {"/etc/passwd", "0", "16", "outside", ST_MODEL},
        {"out.bin", "0", "16", "outside", ST_MODEL}, /* links */
        {"in.bin", "8", "16", "", ST_OK},
        {"a/../../m.bin", "0", "16", "outside", ST_MODEL},
        {".", "0", "16", "not a file", ST_IO},
    };
    char *out = x_asprintf("%s/out.bin", dir), *in = x_asprintf("%s/in.bin", dir);
    ok(file_write(data, v, sizeof v, &err), &err);
    assert_int_equal(symlink("/etc/passwd", out) | symlink("m.bin", in), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mk k;
        mk_start(&k, 8, 13);
        mk_input(&k, "x", DT_FLOAT, 1, DIMS(4));
        Onnx__TensorProto *t = mk_init(&k, "w", DT_FLOAT, 1, DIMS(4), NULL, 0);
        t->has_data_location = 1;
        t->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
        const char *const pairs[] = {"location",      cases[i].location, "offset",
                                     cases[i].offset, "length",          cases[i].length};
        for (int p = 0; p < 3; p++) {
            Onnx__StringStringEntryProto *s = onx_alloc(&k.a, 1, sizeof *s);
            *s = (Onnx__StringStringEntryProto)ONNX__STRING_STRING_ENTRY_PROTO__INIT;
            s->key = onx_dup(&k.a, pairs[2 * p]);
            s->value = onx_dup(&k.a, pairs[2 * p + 1]);
            MK_PUSH(&k, t->external_data, t->n_external_data, s);
        }
        mk_node(&k, "Add", "x w", "y");
        mk_output(&k, "y", DT_FLOAT, 1, DIMS(4));
        size_t size;
        unsigned char *bytes = mk_bytes(&k, &size);
        ok(file_write(model, bytes, size, &err), &err);
        struct graph *g = NULL;
        memset(&err, 0, sizeof err);
        assert_int_equal(onx_load(&g, model, &err), cases[i].want);
        if (g) {
            assert_memory_equal(tensor_data(node_const(by_name(g, "Add"), 1)), v + 2, 16);
            /* Saved, it stands alone. */
            struct graph *r = reload(g);
            assert_true(
                tensor_equal(node_const(by_name(g, "Add"), 1), node_const(by_name(r, "Add"), 1)));
            graph_unref(r);
            graph_unref(g);
            memset(&err, 0, sizeof err);
            assert_int_equal(onx_load_bytes(&g, bytes, size, NULL, &err), ST_IO);
        } else {
            assert_non_null(strstr(err.msg, cases[i].word));
            assert_non_null(strstr(err.msg, "'w'"));
            assert_string_equal(err.file, model);
        }
        free(bytes);
        mk_end(&k);
    }
    unlink(model);
    unlink(data);
    unlink(out);
    unlink(in);
    assert_int_equal(rmdir(dir), 0);
    free(out);
    free(in);
    free(model);
    free(data);
    free(dir);
}

static void test_targets(void **state)
{
    (void)state;
    struct err err = {0};
    char *dir = temp_dir(), *gone = x_asprintf("%s/no/m.onnx", dir);
    struct graph *g = small_graph(), *r = NULL;
    assert_int_equal(onx_save(g, dir, &err), ST_IO);
    assert_string_equal(err.file, dir);
    memset(&err, 0, sizeof err);
    assert_int_equal(onx_save(g, gone, &err), ST_IO);
    assert_string_equal(err.file, gone);
    memset(&err, 0, sizeof err);
    if (access("/dev/full", W_OK) == 0)
        assert_int_equal(onx_save(g, "/dev/full", &err), ST_IO);
    assert_int_equal(onx_load(&r, dir, &err), ST_IO);
    assert_int_equal(onx_load(&r, gone, &err), ST_IO);
    char *file = x_asprintf("%s/m.onnx", dir);
    memset(&err, 0, sizeof err);
    ok(onx_save(g, file, &err), &err);
    ok(onx_check_file(file, &err), &err);
    ok(onx_load(&r, file, &err), &err);
    graph_unref(r);
    unlink(file);
    rmdir(dir);
    free(file);
    free(gone);
    free(dir);
    graph_unref(g);
}

/* More than 2 GiB is refused before any of it is made. */
static void test_too_big(void **state)
{
    (void)state;
    struct err err = {0};
    struct graph *g = small_graph(), *t = NULL;
    struct graph_edit *e = graph_edit_new(g);
    node_set_input(graph_edit_mut(e, graph_find(g, "conv")), 1, IN_NONE, 0,
                   he("w", 4, DIMS(30000, 30000, 1, 1)));
    ok(graph_edit_freeze(e, &t, &err), &err);
    unsigned char *bytes;
    size_t size;
    assert_int_equal(onx_save_bytes(t, &bytes, &size, &err), ST_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "2 GiB"));
    graph_unref(t);
    graph_unref(g);
}

/* ---- CG JSON ---- */

static void test_cg_shared(void **state)
{
    (void)state;
    static const char *const names[] = {
        "edsr_autogo1",     "edsr_autogo2",    "edsr_base",     "hiaml_autogo",
        "hiaml_best",       "nb101_autogo",    "nb101_best",    "nb201_autogo",
        "nb201_best",       "resnet50",        "vgg16",         "resnet50_autogo1",
        "resnet50_autogo2", "two_path_autogo", "two_path_best", "vgg16_autogo"};
    if (!shared("cg/resnet50.json"))
        skip();
    char *dir = temp_dir(), *copy = x_asprintf("%s/cg.json", dir);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct err err = {0};
        struct graph *g = NULL, *r = NULL;
        char *file = x_asprintf("cg/%s.json", names[i]);
        ok(cgjson_load(&g, shared(file), 1, &err), &err);
        assert_string_equal(graph_name(g), names[i]);
        checks(g);
        ok(cgjson_save(g, copy, &err), &err);
        ok(cgjson_load(&r, copy, 1, &err), &err);
        assert_int_equal(graph_hash(g), graph_hash(r));
        for (int32_t id = 0; id < graph_n_slots(g); id++) {
            const struct node *a = graph_node(g, id), *b = graph_node(r, id);
            assert_string_equal(node_cg_name(a), node_cg_name(b));
            assert_int_equal(a->n_in, b->n_in);
            for (int p = 0; p < a->n_in; p++)
                assert_int_equal(a->in[p].node, b->in[p].node);
        }
        graph_unref(r);
        graph_unref(g);
        free(file);
    }
    unlink(copy);
    rmdir(dir);
    free(copy);
    free(dir);
}

#define CG_HEAD "{\"name\":\"t\",\"input\":{\"c\":3,\"h\":4,\"w\":4},\"nodes\":["
#define CG_IN "{\"id\":0,\"op\":\"input\",\"in_shape\":[3,4,4],\"out_shape\":[3,4,4]}"
#define CG_OUT "{\"id\":2,\"op\":\"output\",\"in_shape\":[8,2,2],\"out_shape\":[8,2,2]}"
#define CG_CONV(k, s, out)                                                              \
    "{\"id\":1,\"op\":\"conv\",\"kernel\":" k ",\"stride\":" s ",\"padding\":\"same\"," \
    "\"dilation\":[1,1],\"bias\":true,\"in_shape\":[3,4,4],\"out_shape\":" out "}"
#define CG_EDGES "],\"edges\":[[0,1],[1,2]]}"

static void test_cg_text(void **state)
{
    (void)state;
    static const struct {
        const char *text, *word;
        enum status want;
    } cases[] = {
        {CG_HEAD CG_IN "," CG_CONV("[3,3]", "[2,2]", "[8,2,2]") "," CG_OUT CG_EDGES, "", ST_OK},
        {CG_HEAD CG_IN "," CG_CONV("[3,3]", "[1,1]", "[8,2,2]") "," CG_OUT CG_EDGES, "node 1",
         ST_MODEL},
        {CG_HEAD CG_IN "," CG_CONV("[3]", "[2,2]", "[8,2,2]") "," CG_OUT CG_EDGES, "kernel",
         ST_MODEL},
        {CG_HEAD CG_IN "," CG_CONV("[3,3]", "[2,2]", "[8,2,2]") "," CG_OUT
                                                                "],\"edges\":[[0,1],[1,7]]}",
         "edge", ST_MODEL},
        {CG_HEAD CG_IN "," CG_CONV("[3,3]", "[2,2]", "[8,2,2]") "," CG_OUT "],\"edges\":[[0,1]]}",
         "node 2", ST_MODEL},
        {CG_HEAD CG_IN "," CG_IN CG_EDGES, "ids", ST_MODEL},
        {CG_HEAD "{\"id\":0,\"op\":\"warp\"}" CG_EDGES, "warp", ST_UNSUPPORTED},
        {CG_HEAD CG_EDGES, "no nodes", ST_MODEL},
        {"[1,2", "not JSON", ST_MODEL},
        {"[]", "computation graph", ST_MODEL},
        {"", "empty", ST_MODEL},
    };
    char *dir = temp_dir(), *file = x_asprintf("%s/t.json", dir);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err = {0};
        struct graph *g = NULL;
        ok(file_write(file, cases[i].text, strlen(cases[i].text), &err), &err);
        assert_int_equal(cgjson_load(&g, file, 1, &err), cases[i].want);
        if (g) {
            const struct node *conv = graph_node(g, 1);
            assert_int_equal(tensor_type(conv->in[1].tensor)->dim[0], 8);
            /* TensorFlow's `same` for 4 -> 2 with 3x3: nothing before, one behind. */
            assert_int_equal(node_ints_at(conv, "pads", 0, -1), 0);
            assert_int_equal(node_ints_at(conv, "pads", 2, -1), 1);
            checks(g);
        } else {
            if (!strstr(err.msg, cases[i].word))
                fail_msg("'%s' does not speak of '%s'", err.msg, cases[i].word);
            assert_string_equal(err.file, file);
        }
        graph_unref(g);
    }
    unlink(file);
    rmdir(dir);
    free(file);
    free(dir);
}

static void test_cg_refuses(void **state)
{
    (void)state;
    struct mk k;
    struct err err = {0};
    char *dir = temp_dir(), *file = x_asprintf("%s/t.json", dir);
    mk_start(&k, 8, 13);
    mk_input(&k, "x", DT_FLOAT, 4, DIMS(1, 4, 4, 4));
    mk_node(&k, "Softplus", "x", "y");
    mk_output(&k, "y", DT_FLOAT, 4, DIMS(1, 4, 4, 4));
    struct graph *g = load_mk(&k);
    assert_int_equal(cgjson_save(g, file, &err), ST_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "Softplus"));
    assert_int_equal(access(file, F_OK), -1);
    graph_unref(g);
    mk_end(&k);
    rmdir(dir);
    free(file);
    free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_built_graph),     cmocka_unit_test(test_shared_models),
        cmocka_unit_test(test_shared_fill),     cmocka_unit_test(test_fold),
        cmocka_unit_test(test_tensor_forms),    cmocka_unit_test(test_string_initializer),
        cmocka_unit_test(test_ir3_inputs),      cmocka_unit_test(test_upgrade),
        cmocka_unit_test(test_softmax_map),     cmocka_unit_test(test_opset_18),
        cmocka_unit_test(test_opaque_verbatim), cmocka_unit_test(test_opaque_types),
        cmocka_unit_test(test_captured),        cmocka_unit_test(test_output_names),
        cmocka_unit_test(test_header_kept),     cmocka_unit_test(test_bad_models),
        cmocka_unit_test(test_bad_bytes),       cmocka_unit_test(test_nested),
        cmocka_unit_test(test_greedy),          cmocka_unit_test(test_guard),
        cmocka_unit_test(test_check_reports),   cmocka_unit_test(test_crash),
        cmocka_unit_test(test_external),        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_too_big),         cmocka_unit_test(test_cg_shared),
        cmocka_unit_test(test_cg_text),         cmocka_unit_test(test_cg_refuses),
    };
    return cmocka_run_group_tests_name("onx", tests, NULL, NULL);
}
