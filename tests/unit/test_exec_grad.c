/* Gradients of every operator and of whole networks against central differences.
 *
 * A network is one line of text: nodes separated by ';', each "Operator: inputs, attributes".
 *   inputs      2x3x4x4   a graph input        w6x3x3x3  a constant, learnt if the operator says so
 *               p..., q...  the same with positive values      #2  output of node 2   #2.1  its
 * output 1 i0,1  integers             s0.5  a scalar     -  left out attributes  a=3  a=[1,2] a~0.5
 * a:text; out=2 is the number of outputs Values are a random order of evenly spaced numbers, so
 * that no two are so near that a step of the difference would change which is larger, or its sign.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "base/rng.h"
#include "exec/exec.h"
#include "family/family.h"

#define EPS 1e-3
#define ROUNDING 1e-7 /* of a float, for sums of it */

/* ---- networks from text ---- */

static void spread(float *v, int64_t n, bool positive, struct rng *r)
{
    for (int64_t i = 0; i < n; i++)
        v[i] = (float)((double)i + 0.5) * (positive ? 1.0F : 2.0F) / (float)n;
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t k = (int64_t)rng_below(r, (uint64_t)i + 1);
        float t = v[i];

        v[i] = v[k];
        v[k] = t;
    }
    for (int64_t i = 0; i < n; i++)
        v[i] += positive ? 0.5F : -1.0F;
}

static struct ttype dims(const char *text)
{
    struct ttype t = ttype_unknown();
    char *end;

    t.dtype = DT_FLOAT;
    for (t.rank = 0; *text; text = *end ? end + 1 : end)
        t.dim[t.rank++] = strtol(text, &end, 10);
    return t;
}

static int list(char *text, int64_t *v)
{
    int n = 0;

    for (char *save, *w = strtok_r(text, ",", &save); w; w = strtok_r(NULL, ",", &save))
        v[n++] = strtol(w, NULL, 10);
    return n;
}

struct maker {
    struct graph_edit *e;
    struct rng rng;
    int32_t id[64];
    int n;
};

static struct tensor *random_tensor(struct maker *m, const char *text)
{
    struct ttype t = dims(text + 1);
    int64_t n = ttype_count(&t, 1);
    float *v = x_calloc((size_t)n, sizeof *v);
    char *name = graph_edit_fresh_name(m->e, "w");
    struct tensor *made;

    spread(v, n, text[0] == 'q', &m->rng);
    for (int64_t i = 0; t.rank > 2 && i < n; i++) /* or sums drown the differences */
        v[i] /= sqrtf((float)(n / t.dim[0]));
    made = tensor_new_bytes(name, &t, v, (size_t)n * sizeof *v);
    free(name);
    free(v);
    return made;
}

static void add_input(struct maker *m, struct node *n, char *text)
{
    int64_t v[16];
    struct node *in;
    char *port;

    switch (text[0]) {
    case '-':
        node_add_input(n, IN_NONE, 0);
        return;
    case '#':
        port = strchr(text, '.');
        node_add_input(n, m->id[atoi(text + 1)], port ? atoi(port + 1) : 0);
        return;
    case 'i':
        node_add_const(n, tensor_new_i64("i", v, list(text + 1, v)));
        return;
    case 's':
        node_add_const(n, tensor_new_f32("s", strtof(text + 1, NULL)));
        return;
    case 'w':
    case 'q':
        node_add_const(n, random_tensor(m, text));
        return;
    }
    in = node_new(OP_INPUT, text[0] == 'p' ? "positive" : "any");
    port = graph_edit_fresh_name(m->e, "x");
    node_add_output(in, port);
    free(port);
    in->out[0].type = dims(text + (text[0] == 'p'));
    node_add_input(n, graph_edit_add(m->e, in), 0);
}

/* True when `text` is an attribute. */
static bool add_attr(struct node *n, char *text, int *n_out)
{
    char *at = strpbrk(text, "=~:");
    int64_t v[16];
    char kind;

    if (!at)
        return false;
    kind = *at;
    *at++ = '\0';
    if (!strcmp(text, "out"))
        *n_out = atoi(at);
    else if (kind == ':')
        node_set_string(n, text, at, strlen(at));
    else if (kind == '~')
        node_set_float(n, text, strtof(at, NULL));
    else if (*at == '[')
        node_set_ints(n, text, v, (size_t)list(at + 1, v));
    else
        node_set_int(n, text, atoi(at));
    return true;
}

static void add_node(struct maker *m, char *text)
{
    char *colon = strchr(text, ':'), *save;
    int n_out = 1;
    struct node *n;

    *colon = '\0';
    n = node_new(op_from_onnx(text + strspn(text, " ")), "");
    assert_int_not_equal(n->op, OP_OPAQUE);
    for (char *w = strtok_r(colon + 1, " ", &save); w; w = strtok_r(NULL, " ", &save))
        if (!add_attr(n, w, &n_out))
            add_input(m, n, w);
    for (int i = 0; i < n_out; i++) {
        char *name = graph_edit_fresh_name(m->e, "y");

        node_add_output(n, name);
        free(name);
    }
    m->id[m->n++] = graph_edit_add(m->e, n);
}

/* The outputs of the last node are those of the graph. */
static struct graph *network(const char *text, uint64_t seed)
{
    struct maker m = {.e = graph_edit_new(NULL), .rng = rng_for(seed, 1)};
    char *copy = x_strdup(text), *save;
    struct graph *g = NULL;
    struct err err = {0};
    int n_out;

    graph_edit_set_opset(m.e, 17);
    for (char *w = strtok_r(copy, ";", &save); w; w = strtok_r(NULL, ";", &save))
        add_node(&m, w);
    n_out = graph_edit_node(m.e, m.id[m.n - 1])->n_out;
    for (int i = 0; i < n_out; i++) {
        struct node *out = node_new(OP_OUTPUT, "out");

        node_add_input(out, m.id[m.n - 1], i);
        graph_edit_add(m.e, out);
    }
    if (graph_edit_freeze(m.e, &g, &err) != ST_OK)
        fail_msg("%s: %s", text, err.msg);
    free(copy);
    return g;
}

/* ---- differences ---- */

struct check {
    const char *what;
    struct exec *e;
    float **weight; /* of each output element in the loss */
    float **grad_in;
    double scale; /* of the terms of the last loss */
};

static double loss(struct check *c)
{
    struct err err = {0};
    double sum = 0;

    c->scale = 0;
    exec_params_changed(c->e);
    if (exec_run(c->e, &err) != ST_OK)
        fail_msg("%s: %s", c->what, err.msg);
    for (int i = 0; i < exec_n_outputs(c->e); i++)
        for (int64_t k = 0; k < ttype_count(exec_output_type(c->e, i), 1); k++) {
            double term = (double)c->weight[i][k] * exec_output(c->e, i)[k];

            sum += term;
            c->scale += fabs(term);
        }
    return sum;
}

static void backward(struct check *c)
{
    struct err err = {0};

    if (exec_backward(c->e, (const float *const *)c->weight, c->grad_in, &err) != ST_OK)
        fail_msg("%s: %s", c->what, err.msg);
}

static void open_check(struct check *c, const char *what, const struct graph *g, int64_t batch,
                       bool plain)
{
    struct exec_opts opts = {.mode = EXEC_TRAIN, .batch = batch, .threads = 1, .plain = plain};
    struct rng r = rng_for(7, 7);
    struct err err = {0};

    *c = (struct check){.what = what};
    if (exec_new(&c->e, g, &opts, &err) != ST_OK)
        fail_msg("%s: %s", what, err.msg);
    c->weight = x_calloc((size_t)exec_n_outputs(c->e) + 1, sizeof(float *));
    c->grad_in = x_calloc((size_t)exec_n_inputs(c->e) + 1, sizeof(float *));
    for (int i = 0; i < exec_n_outputs(c->e); i++) {
        int64_t n = ttype_count(exec_output_type(c->e, i), 1);

        c->weight[i] = x_calloc((size_t)n, sizeof(float));
        for (int64_t k = 0; k < n; k++)
            c->weight[i][k] = (float)(rng_double(&r) * 2 - 1);
    }
    for (int i = 0; i < exec_n_inputs(c->e); i++) {
        int64_t n = ttype_count(exec_input_type(c->e, i), 1);
        int total;
        const struct node *in = graph_node(g, graph_inputs(g, &total)[i]);

        c->grad_in[i] = x_calloc((size_t)n, sizeof(float));
        spread(exec_input(c->e, i), n, !strcmp(in->name, "positive"), &r);
    }
}

static void close_check(struct check *c)
{
    for (int i = 0; i < exec_n_outputs(c->e); i++)
        free(c->weight[i]);
    for (int i = 0; i < exec_n_inputs(c->e); i++)
        free(c->grad_in[i]);
    free(c->weight);
    free(c->grad_in);
    exec_free(c->e);
}

/* Element by element; of long vectors some fifty. */
static void check_vector(struct check *c, const char *kind, int index, float *x, const float *grad,
                         int64_t n)
{
    double largest = 0;
    int64_t step = n / 50 + 1;

    for (int64_t i = 0; i < n; i++)
        largest = fmax(largest, fabs((double)grad[i]));
    for (int64_t i = 0; i < n; i += step) {
        float old = x[i];
        double up, down, span, found;

        x[i] = (float)(old + EPS);
        span = x[i];
        up = loss(c);
        x[i] = (float)(old - EPS);
        span -= x[i];
        down = loss(c);
        x[i] = old;
        found = (up - down) / span;
        if (!(fabs(found - (double)grad[i]) <=
              1e-2 * fabs(found) + 3e-3 * largest + ROUNDING * (1 + c->scale) / EPS))
            fail_msg("%s: %s %d[%lld]: gradient %g, difference %g", c->what, kind, index,
                     (long long)i, (double)grad[i], found);
    }
}

static void check_line(const char *text, int n_params)
{
    struct graph *g = network(text, 3);

    for (int plain = 0; plain < 2; plain++) {
        struct check c;

        open_check(&c, text, g, 1, plain);
        assert_int_equal(exec_n_params(c.e), n_params);
        loss(&c);
        backward(&c);
        for (int i = 0; i < exec_n_inputs(c.e); i++)
            check_vector(&c, "input", i, exec_input(c.e, i), c.grad_in[i],
                         ttype_count(exec_input_type(c.e, i), 1));
        for (int i = 0; i < exec_n_params(c.e); i++) {
            struct exec_param *p = exec_param(c.e, i);

            check_vector(&c, "parameter", i, p->value, p->grad, p->n);
        }
        close_check(&c);
    }
    graph_unref(g);
}

struct line {
    const char *text;
    int n_params;
};

static void check_lines(const struct line *l, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check_line(l[i].text, l[i].n_params);
}

#define CHECK_LINES(l) check_lines(l, sizeof(l) / sizeof *(l))

/* ---- the operators ---- */

static void test_convolutions(void **state)
{
    static const struct line lines[] = {
        {"Conv: 2x3x5x6 w4x3x3x3 w4 pads=[1,1,1,1]", 2},
        {"Conv: 2x8x6x6 w16x8x3x3 pads=[1,1,1,1] strides=[2,2]", 1},
        {"Conv: 2x4x7x6 w6x2x3x2 w6 group=2 pads=[1,0,2,1] strides=[2,1]", 2},
        {"Conv: 2x8x5x5 w8x1x3x3 w8 group=8 pads=[1,1,1,1]", 2},
        {"Conv: 1x3x9x8 w2x3x3x3 dilations=[2,3] pads=[2,1,0,3] strides=[1,2]", 1},
        {"Conv: 2x4x5x5 w8x4x1x1 w8", 2},
        {"Conv: 1x2x9x9 w3x2x2x2 strides=[3,3]", 1},
        {"Conv: 1x3x7x7 w2x3x3x3 strides=[2,2] auto_pad:SAME_UPPER", 1},
        {"Conv: 2x3x9 w4x3x3 w4 pads=[1,1]", 2},
        {"Conv: 1x2x4x4x4 w2x2x2x2x2 w2", 2},
        {"Conv: 2x3x4x4 2x3x3x3", 0},
        {"ConvTranspose: 2x3x4x5 w3x4x3x3 w4 pads=[1,1,1,1] strides=[2,2]", 2},
        {"ConvTranspose: 1x4x3x3 w4x2x3x3 group=2 strides=[2,2] output_padding=[1,1]", 1},
        {"ConvTranspose: 1x2x4x4 w2x3x2x2 w3 dilations=[2,2] pads=[1,0,0,1]", 2},
    };
    (void)state;
    CHECK_LINES(lines);
}

static void test_products(void **state)
{
    static const struct line lines[] = {
        {"Gemm: 3x4 w4x5 w5", 2},
        {"Gemm: 3x4 w5x4 w5 transB=1 alpha~0.5 beta~2.0", 2},
        {"Gemm: 4x3 w4x5 w3x1 transA=1", 2},
        {"Gemm: 4x3 w5x4 transA=1 transB=1", 1},
        {"Gemm: 3x4 4x2 3x2", 0},
        {"MatMul: 3x4 w4x5", 1},
        {"MatMul: 2x3x4 w4x5", 1},
        {"MatMul: 2x3x2x4 3x4x5", 0},
        {"MatMul: 4 w4x5", 1},
        {"MatMul: 2x3x4 4", 0},
        {"MatMul: 2x1x3x4 1x5x4x2", 0},
    };
    (void)state;
    CHECK_LINES(lines);
}

static void test_normalisations(void **state)
{
    static const struct line lines[] = {
        {"BatchNormalization: 3x4x3x3 w4 w4 w4 q4", 2},
        {"BatchNormalization: 2x8x3x4 w8 w8 w8 q8 epsilon~0.1", 2},
        {"BatchNormalization: 8x5 w5 w5 w5 q5", 2},
        {"InstanceNormalization: 2x3x4x4 w3 w3 epsilon~0.01", 2},
        {"LayerNormalization: 3x2x6 w6 w6", 2},
        {"LayerNormalization: 3x2x6 w2x6 axis=1", 1},
        {"LRN: 2x7x2x3 size=3 alpha~0.5 beta~0.75 bias~1.0", 0},
        {"LRN: 1x6x2x2 size=4 alpha~1.0 beta~0.6 bias~2.0", 0},
    };
    (void)state;
    CHECK_LINES(lines);
}

static void test_activations(void **state)
{
    static const struct line lines[] = {
        {"Relu: 2x3x4x4", 0},
        {"Clip: 2x3x4x4 s-0.501 s0.502", 0},
        {"Clip: 2x3x4x4 - s0.251", 0},
        {"LeakyRelu: 2x3x4x4 alpha~0.2", 0},
        {"PRelu: 2x3x4x4 w3x1x1", 1},
        {"PRelu: 2x3x4x4 w1", 1},
        {"Elu: 2x3x4x4 alpha~0.7", 0},
        {"Selu: 2x3x4x4", 0},
        {"Sigmoid: 2x3x4x4", 0},
        {"Tanh: 2x3x4x4", 0},
        {"Mul: 2x3x4x4 s6.01; HardSigmoid: #0", 0},
        {"Mul: 2x3x4x4 s6.01; HardSwish: #0", 0},
        {"Softplus: 2x3x4x4", 0},
        {"Erf: 2x3x4x4", 0},
        {"Exp: 2x3x4x4", 0},
        {"Log: p2x3x4x4", 0},
        {"Sqrt: p2x3x4x4", 0},
        {"Abs: 2x3x4x4", 0},
        {"Neg: 2x3x4x4", 0},
        {"Softmax: 3x5", 0},
        {"Softmax: 2x3x4 axis=1", 0},
        {"LogSoftmax: 3x5", 0},
        {"LogSoftmax: 2x3x4 axis=0", 0},
        {"Dropout: 2x3x4", 0},
        {"Identity: 2x3x4", 0},
    };
    (void)state;
    CHECK_LINES(lines);
}

static void test_arithmetic(void **state)
{
    static const struct line lines[] = {
        {"Add: 2x3x4x4 2x3x4x4", 0},
        {"Add: 2x3x4x4 w3x1x1", 1},
        {"Add: w3x1x4 2x1x4x1", 1},
        {"Neg: 2x3; Add: #0 #0", 0},
        {"Neg: 2x3; Mul: #0 #0", 0},
        {"Sum: 2x3 3 2x1", 0},
        {"Sum: 2x3", 0},
        {"Sub: 2x3x4 3x1", 0},
        {"Sub: 4 2x3x4", 0},
        {"Mul: 2x3x4x4 2x3x1x1", 0},
        {"Mul: 2x3x4x4 w3x1x1", 1},
        {"Mul: 2x3x4x4 s0.5", 0},
        {"Div: 2x3x4 p2x3x4", 0},
        {"Div: 2x3x4 p3x1", 0},
        {"Pow: p2x3x4 s2.5", 0},
        {"Pow: p2x3x4 3x1", 0},
        {"Max: 2x3x4 p2x3x4", 0},
        {"Max: 2x3x4 s0.103", 0},
        {"Min: 2x3x4 3x1", 0},
        {"Neg: 2x3; Max: #0 #0", 0},
    };
    (void)state;
    CHECK_LINES(lines);
}

static void test_moves(void **state)
{
    static const struct line lines[] = {
        {"Concat: 2x3x4x4 2x5x4x4 2x8x4x4 axis=1", 0},
        {"Neg: 2x3; Concat: #0 2x2 #0 #0 #0 #0 axis=-1", 0},
        {"Split: 2x6x3 i2,1,3 axis=1 out=3", 0},
        {"Split: 2x6x3 axis=1 out=2; Mul: #0.1 s2", 0},
        {"Slice: 4x6x5 i1,-1 i4,-6 i0,1 i2,-2", 0},
        {"Pad: 2x3x4 i0,1,2,1,0,1 s0.5", 0},
        {"Pad: 2x3x4 i0,-1,2,1,0,-1", 0},
        {"Pad: 2x3x4 i0,1,2,0,1,3 mode:reflect", 0},
        {"Pad: 2x3x4 i1,1,2,0,2,3 mode:edge", 0},
        {"Transpose: 2x3x4x5 perm=[2,0,3,1]", 0},
        {"DepthToSpace: 2x12x2x3 blocksize=2", 0},
        {"DepthToSpace: 1x12x2x3 blocksize=2 mode:CRD", 0},
        {"SpaceToDepth: 2x3x4x6 blocksize=2", 0},
        {"Reshape: 2x3x4 i4,-1", 0},
        {"Flatten: 2x3x4", 0},
        {"Squeeze: 2x1x3x1 i1", 0},
        {"Unsqueeze: 2x3 i1", 0},
        {"Resize: 1x2x3x4 - - i1,2,6,8 mode:nearest", 0},
        {"Resize: 1x2x3x4 - - i1,2,5,7 mode:linear", 0},
        {"Resize: 1x2x4x6 - - i1,2,2,3 mode:linear coordinate_transformation_mode:align_corners",
         0},
    };
    (void)state;
    CHECK_LINES(lines);
}

static void test_pools(void **state)
{
    static const struct line lines[] = {
        {"MaxPool: 2x3x6x6 kernel_shape=[2,2] strides=[2,2]", 0},
        {"MaxPool: 2x8x7x6 kernel_shape=[3,3] strides=[2,2] pads=[1,1,1,1]", 0},
        {"MaxPool: 2x3x7x6 kernel_shape=[3,2] strides=[2,2] ceil_mode=1", 0},
        {"MaxPool: 1x3x7x7 kernel_shape=[2,2] dilations=[2,2] pads=[1,1,1,1]", 0},
        {"AveragePool: 2x3x6x6 kernel_shape=[3,3] pads=[1,1,1,1]", 0},
        {"AveragePool: 2x8x6x6 kernel_shape=[3,3] pads=[1,1,1,1] count_include_pad=1", 0},
        {"AveragePool: 2x3x7x6 kernel_shape=[3,3] strides=[2,2] ceil_mode=1 pads=[0,1,0,1]", 0},
        {"AveragePool: 1x2x7x7 kernel_shape=[3,3] strides=[3,3] ceil_mode=1 pads=[1,1,1,1] "
         "count_include_pad=1",
         0},
        {"GlobalAveragePool: 2x3x4x5", 0},
        {"GlobalMaxPool: 2x3x4x5", 0},
        {"ReduceMean: 2x3x4x5 axes=[2,3] keepdims=1", 0},
        {"ReduceMean: 2x3x4 axes=[-2] keepdims=0", 0},
        {"ReduceSum: 2x3x4 i0,2 keepdims=0", 0},
        {"ReduceSum: 2x3x4", 0},
        {"ReduceMax: 2x3x4x5 axes=[1] keepdims=1", 0},
    };
    (void)state;
    CHECK_LINES(lines);
}

/* Values with several uses, blocked layouts between convolutions, and what lies beside them. */
static void test_compositions(void **state)
{
    static const struct line lines[] = {
        {"Conv: 2x8x5x5 w16x8x3x3 w16 pads=[1,1,1,1]; Conv: #0 w16x16x3x3 pads=[1,1,1,1]; "
         "Softplus: #1; Add: #2 #0; GlobalAveragePool: #3; Flatten: #4; Gemm: #5 w16x4 w4",
         5},
        {"Conv: 2x3x5x5 w5x3x1x1; BatchNormalization: #0 w5 w5 w5 q5; Tanh: #1; "
         "Conv: #2 w8x5x1x1; Concat: #3 #2 axis=1; Conv: #4 w3x13x3x3",
         5},
        {"Conv: 2x4x4x4 w8x4x1x1; Sigmoid: #0; GlobalAveragePool: #1; Conv: #2 w8x8x1x1; "
         "Sigmoid: #3; Mul: #1 #4; MaxPool: #5 kernel_shape=[2,2] strides=[2,2]; Flatten: #6",
         2},
        {"Conv: 2x8x4x4 w8x8x3x3 pads=[1,1,1,1]; Split: #0 axis=1 out=2; Neg: #1.1; "
         "Concat: #2 #1.0 #0 axis=1; AveragePool: #3 kernel_shape=[2,2]",
         1},
        {"Conv: 2x8x4x4 w12x8x3x3 pads=[1,1,1,1]; Identity: #0; Dropout: #1; Identity: #2; "
         "Sum: #2 #0 #3 #1; Mul: #4 2x12x4x4; Conv: #5 w4x12x3x3; Identity: #6",
         2},
        {"Conv: 2x8x4x4 w16x8x3x3 pads=[1,1,1,1]; Split: #0 axis=1 out=2; Conv: #1.0 w8x8x1x1; "
         "Add: #1.1 #2; Max: #3 #1.0 #2; AveragePool: #4 kernel_shape=[2,2]",
         2},
    };
    (void)state;
    CHECK_LINES(lines);
}

/* What a seed drops is dropped in both directions, in a blocked layout too. */
static void test_dropout(void **state)
{
    struct graph *g = network("Conv: 2x8x4x4 w12x8x1x1; Dropout: #0; Conv: #1 w3x12x1x1", 3);

    (void)state;
    for (int plain = 0; plain < 2; plain++) {
        struct check c;
        double kept, dropped;

        open_check(&c, "Dropout", g, 1, plain);
        kept = loss(&c);
        exec_set_dropout(c.e, 5);
        dropped = loss(&c);
        assert_true(fabs(kept - dropped) > 1e-3);
        backward(&c);
        check_vector(&c, "input", 0, exec_input(c.e, 0), c.grad_in[0], 2 * 8 * 4 * 4);
        exec_set_dropout(c.e, 0);
        assert_true(loss(&c) == kept);
        close_check(&c);
    }
    graph_unref(g);
}

/* ---- networks ---- */

static const char *const networks[] = {
    "nb201:|nor_conv_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_3x3~1|"
    "skip_connect~2|@s",
    "inception:2*c3:8>8/2*ap3+s3:16>16/1*p3:16>16&d5+c1:8>16/"
    "2*dc1+c5:16>16&s5+c3:16>16&p5+mp3:16>16"
    "&d3+p3:16>16@s",
};

static struct graph *family_network(const char *spec)
{
    struct err err = {0};
    struct graph *g;

    if (family_build(spec, 5, &g, &err) != ST_OK)
        fail_msg("%s: %s", spec, err.msg);
    return g;
}

static double norm(const float *v, int64_t n)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += (double)v[i] * v[i];
    return sqrt(sum);
}

static void move_along(float *x, const float *from, const float *direction, int64_t n, double t)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(from[i] + t * direction[i]);
}

/* Each parameter is moved along its own gradient: the loss must rise as that gradient's norm. */
static void check_along(struct check *c, struct exec_param *p)
{
    float *g = x_memdup(p->grad, (size_t)p->n * sizeof *g);
    float *old = x_memdup(p->value, (size_t)p->n * sizeof *old);
    double size = norm(g, p->n), step = 3e-4 * (norm(old, p->n) + 1) / size, found;

    move_along(p->value, old, g, p->n, step);
    found = loss(c);
    move_along(p->value, old, g, p->n, -step);
    found = (found - loss(c)) / (2 * step * size);
    memcpy(p->value, old, (size_t)p->n * sizeof *old);
    /* where a normalisation follows, the loss hardly depends on it: the difference is all noise */
    if (size > 5e-3 && fabs(found - size) > 3e-2 * size + 1e-3)
        fail_msg("%s: node %d, port %d: gradient %g, difference %g", c->what, (int)p->node, p->port,
                 size, found);
    free(old);
    free(g);
}

static void test_networks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
        struct graph *g = family_network(networks[i]);
        struct check c;

        open_check(&c, networks[i], g, 16, false);
        loss(&c);
        backward(&c);
        assert_true(exec_n_params(c.e) > 20);
        for (int k = 0; k < exec_n_params(c.e); k++)
            check_along(&c, exec_param(c.e, k));
        close_check(&c);
        graph_unref(g);
    }
}

/* All parameters after three steps of plain descent. */
static uint64_t descend(const char *spec)
{
    struct graph *g = family_network(spec);
    uint64_t hash = 14695981039346656037U;
    struct check c;

    open_check(&c, spec, g, 4, false);
    for (int step = 0; step < 3; step++) {
        loss(&c);
        backward(&c);
        for (int i = 0; i < exec_n_params(c.e); i++) {
            struct exec_param *p = exec_param(c.e, i);

            move_along(p->value, p->value, p->grad, p->n, -1e-3);
        }
    }
    for (int i = 0; i < exec_n_params(c.e); i++) {
        const unsigned char *b = (const unsigned char *)exec_param(c.e, i)->value;

        for (int64_t k = 0; k < exec_param(c.e, i)->n * (int64_t)sizeof(float); k++)
            hash = (hash ^ b[k]) * 1099511628211U;
    }
    close_check(&c);
    graph_unref(g);
    return hash;
}

static void test_repeatable(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++)
        assert_int_equal(descend(networks[i]), descend(networks[i]));
}

/* Layouts and shared buffers change nothing but the last digits. */
static void test_plain_agrees(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
        struct graph *g = family_network(networks[i]);
        struct check a, b;

        open_check(&a, networks[i], g, 4, false);
        open_check(&b, networks[i], g, 4, true);
        loss(&a);
        loss(&b);
        backward(&a);
        backward(&b);
        assert_int_equal(exec_n_params(a.e), exec_n_params(b.e));
        for (int k = 0; k < exec_n_params(a.e); k++) {
            const struct exec_param *p = exec_param(a.e, k), *q = exec_param(b.e, k);
            double size = norm(q->grad, q->n);

            assert_int_equal(p->n, q->n);
            /* a bias before a normalisation has no gradient but noise */
            for (int64_t n = 0; n < p->n; n++)
                assert_true(fabs((double)p->grad[n] - q->grad[n]) <= 1e-4 * size + 1e-4);
        }
        close_check(&a);
        close_check(&b);
        graph_unref(g);
    }
}

/* ---- refusals, parameters ---- */

static void test_refuses(void **state)
{
    struct exec_opts opts = {.mode = EXEC_TRAIN};
    struct graph *g = network("Conv: 1x2x4x4 w2x2x1x1; Clip: #0 - #0", 3);
    struct err err = {0};
    struct exec *e;

    (void)state;
    assert_int_not_equal(exec_new(&e, g, &opts, &err), ST_OK);
    graph_unref(g);
}

/* Two uses of one tensor are one parameter, and its gradient is the sum. */
static void test_shared_parameter(void **state)
{
    struct graph *g = network("Gemm: 3x4 w4x4; Tanh: #0; Gemm: #1 w4x4", 3), *tied;
    struct graph_edit *edit = graph_edit_new(g);
    struct tensor *w = NULL;
    struct err err = {0};
    struct check c;

    (void)state;
    for (int32_t id = 0; id < graph_n_slots(g); id++) {
        const struct node *n = graph_node(g, id);

        if (n->op != OP_GEMM)
            continue;
        if (w)
            node_set_input(graph_edit_mut(edit, id), 1, IN_CONST, 0, tensor_ref(w));
        else
            w = tensor_ref(node_const(n, 1));
    }
    assert_int_equal(graph_edit_freeze(edit, &tied, &err), ST_OK);
    open_check(&c, "shared", tied, 1, false);
    assert_int_equal(exec_n_params(c.e), 1);
    loss(&c);
    backward(&c);
    check_vector(&c, "parameter", 0, exec_param(c.e, 0)->value, exec_param(c.e, 0)->grad, 16);
    close_check(&c);
    tensor_unref(w);
    graph_unref(tied);
    graph_unref(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_convolutions),   cmocka_unit_test(test_products),
        cmocka_unit_test(test_normalisations), cmocka_unit_test(test_activations),
        cmocka_unit_test(test_arithmetic),     cmocka_unit_test(test_moves),
        cmocka_unit_test(test_pools),          cmocka_unit_test(test_compositions),
        cmocka_unit_test(test_networks),       cmocka_unit_test(test_repeatable),
        cmocka_unit_test(test_dropout),        cmocka_unit_test(test_plain_agrees),
        cmocka_unit_test(test_refuses),        cmocka_unit_test(test_shared_parameter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
