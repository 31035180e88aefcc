/* mutate: adapters at the ports of a fragment that nothing else makes fit. */
#include "mutate/mutate.h"
#include "onx/onx.h"
#include "shape/shape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mutate_make.h"

/* ---- networks and fragments ---- */

/* x size^2 -> in (1x1, cin channels) -> the region "mid": a 1x1 convolution with this stride to
 * cout channels -> out (relu) -> y */
static struct graph *funnel(int64_t size, int64_t cin, int64_t cout, int64_t stride)
{
    struct graph_edit *e = begin();
    int32_t x = conv(e, "in", input(e, "x", 8, size), 8, cin, 1);
    int32_t mid = conv(e, "mid", x, cin, cout, 1);
    node_set_ints(graph_edit_mut(e, mid), "strides", (int64_t[]){stride, stride}, 2);
    output(e, "y", op1(e, OP_RELU, "out", mid));
    return finish(e);
}

/* The same with a nearest resize to size `to` for the region. */
static struct graph *magnifier(int64_t size, int64_t to, int64_t cout)
{
    struct graph_edit *e = begin();
    int32_t x = conv(e, "in", input(e, "x", 8, size), 8, 8, 1);
    int32_t up = op1(e, OP_RESIZE, "up", x);
    const int64_t four = 4;
    const struct ttype t = ttype_make(DT_FLOAT, 1, &four);
    float s = ((float)to + 0.5F) / (float)size, v[] = {1, 1, s, s};
    node_add_input(graph_edit_mut(e, up), IN_NONE, 0);
    node_add_const(graph_edit_mut(e, up), tensor_new_bytes("", &t, v, sizeof v));
    output(e, "y", op1(e, OP_RELU, "out", conv(e, "mid", up, 8, cout, 1)));
    return finish(e);
}

/* As many inputs and outputs as asked for: tanh of each input, all of them added up in front of
 * each output (one input and one output: a tanh). */
static struct graph *plain(int n_in, int n_out)
{
    static const char *const name[] = {"f0", "f1", "f2"}, *const o_name[] = {"o0", "o1", "o2"};
    struct graph_edit *e = begin();
    int32_t at[3];
    for (int i = 0; i < n_in; i++)
        at[i] = op1(e, OP_TANH, name[i], input(e, name[i], 16, 32));
    for (int i = 1; i < n_in; i++)
        at[0] = join(e, OP_ADD, "sum", 2, (int32_t[]){at[0], at[i]});
    for (int i = 0; i < n_out; i++)
        output(e, o_name[i], n_out == 1 ? at[0] : op1(e, OP_SIGMOID, o_name[i], at[0]));
    return finish(e);
}

/* ---- checks ---- */

static struct candidate adapt(const struct graph *g, const struct region *r,
                              const struct graph *frag)
{
    const struct mutate_opts opts = {.seed = 1, .adapt = true};
    return replace_with(g, r, frag, &opts);
}

/* The only adapter of this kind. */
static const struct node *adapter(const struct candidate *c, enum adapter_kind kind)
{
    int32_t id = -1;
    for (int i = 0; i < c->n_adapter; i++)
        if (c->adapter[i].kind == kind) {
            assert_int_equal(id, -1);
            id = c->adapter[i].node;
        }
    if (id < 0)
        fail_msg("no adapter of kind %s", adapter_kind_name(kind));
    return graph_node(c->graph, id);
}

/* Refused without adapters; with them `n` are put in and the result is a sound network. */
static struct candidate adapted(const struct graph *g, const struct region *r,
                                const struct graph *frag, int n)
{
    struct err err = {0};
    struct candidate c = replace(g, r, frag, 1);
    refused(&c, "");
    c = adapt(g, r, frag);
    accepted(&c, MEND_REPAIRED);
    assert_int_equal(c.n_adapter, n);
    for (int i = 0; i < n; i++) {
        bool added = false;
        for (int k = 0; k < c.n_added; k++)
            added |= c.added[k] == c.adapter[i].node;
        assert_true(added);
    }
    if (onx_check(c.graph, &err) != ST_OK)
        fail_msg("%s", err.msg);
    for (int32_t id = 0; id < graph_n_slots(c.graph); id++) {
        const struct node *node = graph_node(c.graph, id);
        int uses = 1;
        if (node && node->op != OP_OUTPUT)
            graph_uses(c.graph, id, &uses);
        if (!uses)
            fail_msg("node '%s' has no use", node_label(node));
    }
    return c;
}

static void done(struct candidate *c, struct region *r, struct graph *frag, struct graph *g)
{
    candidate_done(c);
    region_done(r);
    graph_unref(frag);
    graph_unref(g);
}

/* ---- one port on either side: the kinds ---- */

static void test_conv(void **state)
{
    (void)state;
    struct graph *g = funnel(16, 8, 24, 1), *frag = plain(1, 1);
    struct region r = region(g, 1, "mid");
    struct candidate c = adapted(g, &r, frag, 1);
    const struct node *n = adapter(&c, ADAPT_CONV1X1);
    struct window w;
    assert_true(node_window(n, &w));
    assert_int_equal(n->n_in, 2); /* no bias */
    assert_int_equal(w.kernel[0] * w.kernel[1], 1);
    assert_int_equal(w.stride[0] * w.stride[1], 1);
    assert_int_equal(w.cin, 8);
    assert_int_equal(w.cout, 24);
    assert_int_equal(tensor_kind(n->in[1].tensor), TENSOR_HE);
    assert_int_equal(c.after.params, c.before.params);
    done(&c, &r, frag, g);
}

static void test_pool(void **state)
{
    (void)state;
    static const int64_t size[] = {16, 27, 13};
    for (int i = 0; i < 3; i++) {
        struct graph *g = funnel(size[i], 8, 8, 2), *frag = plain(1, 1);
        struct region r = region(g, 1, "mid");
        struct candidate c = adapted(g, &r, frag, 1);
        const struct node *n = adapter(&c, ADAPT_POOL);
        struct window w;
        assert_int_equal(n->op, OP_AVGPOOL);
        assert_true(node_window(n, &w));
        assert_int_equal(w.stride[0], 2);
        assert_int_equal(w.kernel[0], 2);
        assert_int_equal(n->out[0].type.dim[2], (size[i] + 1) / 2);
        done(&c, &r, frag, g);
    }
}

/* A stride that the repair does not know of by itself. */
static void test_pool_wide(void **state)
{
    (void)state;
    struct graph *g = funnel(21, 8, 8, 3), *frag = plain(1, 1);
    struct region r = region(g, 1, "mid");
    struct candidate c = adapted(g, &r, frag, 1);
    struct window w;
    assert_true(node_window(adapter(&c, ADAPT_POOL), &w));
    assert_int_equal(w.stride[1], 3);
    assert_int_equal(w.kernel[1], 3);
    done(&c, &r, frag, g);
}

static void test_strided_conv(void **state)
{
    (void)state;
    struct graph *g = funnel(27, 8, 24, 2), *frag = plain(1, 1);
    struct region r = region(g, 1, "mid");
    struct candidate c = adapted(g, &r, frag, 1);
    struct window w;
    assert_true(node_window(adapter(&c, ADAPT_CONV1X1), &w));
    assert_int_equal(w.stride[0], 2);
    assert_int_equal(w.cout, 24);
    done(&c, &r, frag, g);
}

static void test_resize(void **state)
{
    (void)state;
    static const int64_t size[][2] = {{8, 16}, {7, 21}, {7, 17}};
    for (int i = 0; i < 3; i++) {
        struct graph *g = magnifier(size[i][0], size[i][1], 8), *frag = plain(1, 1);
        struct region r = region(g, 2, "up", "mid");
        struct candidate c = adapted(g, &r, frag, 1);
        const struct node *n = adapter(&c, ADAPT_RESIZE);
        assert_string_equal(node_string(n, "mode", ""), "nearest");
        assert_int_equal(n->out[0].type.dim[3], size[i][1]);
        done(&c, &r, frag, g);
    }
}

/* Larger and other channels: two nodes, the convolution where the map is small. */
static void test_conv_resize(void **state)
{
    (void)state;
    struct graph *g = magnifier(8, 16, 24), *frag = plain(1, 1);
    struct region r = region(g, 2, "up", "mid");
    struct candidate c = adapted(g, &r, frag, 2);
    const struct node *n = adapter(&c, ADAPT_CONV1X1);
    assert_int_equal(n->out[0].type.dim[2], 8);
    assert_int_equal(adapter(&c, ADAPT_RESIZE)->out[0].type.dim[2], 16);
    done(&c, &r, frag, g);
}

/* ---- ports that differ in number ---- */

/* x -> a, x -> b -> (region) sum(a, b) -> y; with `other`, b is also an output. */
static struct graph *two_inputs(bool other)
{
    struct graph_edit *e = begin();
    int32_t x = input(e, "x", 8, 16);
    int32_t a = op1(e, OP_RELU, "a", x), b = op1(e, OP_SIGMOID, "b", x);
    output(e, "y", join(e, OP_ADD, "sum", 2, (int32_t[]){a, b}));
    if (other)
        output(e, "z", b);
    return finish(e);
}

static void test_surplus_region_input(void **state)
{
    (void)state;
    struct graph *g = two_inputs(true), *frag = plain(1, 1);
    struct region r = region(g, 1, "sum");
    struct candidate c = adapted(g, &r, frag, 0); /* b is used elsewhere: dropped */
    const struct node *t = came_from(&c, "f0");
    assert_int_equal(t->in[0].node, graph_find(c.graph, "a"));
    done(&c, &r, frag, g);

    g = two_inputs(false);
    frag = plain(1, 1);
    r = region(g, 1, "sum");
    c = adapted(g, &r, frag, 1);
    assert_int_equal(adapter(&c, ADAPT_ADD)->op, OP_ADD);
    assert_true(c.adapter[0].at_input);
    done(&c, &r, frag, g);
}

/* What is joined is adapted to what it joins. */
static void test_surplus_region_input_adapted(void **state)
{
    (void)state;
    struct graph_edit *e = begin();
    int32_t x = input(e, "x", 8, 16);
    int32_t a = op1(e, OP_RELU, "a", x), b = pool(e, "b", conv(e, "c", x, 8, 24, 1));
    int32_t m = conv(e, "m", b, 24, 8, 1);
    struct node *n = node_new(OP_RESIZE, "up");
    node_add_input(n, m, 0);
    node_add_input(n, IN_NONE, 0);
    const int64_t four = 4;
    const struct ttype t = ttype_make(DT_FLOAT, 1, &four);
    node_add_const(n, tensor_new_bytes("", &t, (float[]){1, 1, 2, 2}, 16));
    node_add_output(n, "up");
    output(e, "y", join(e, OP_ADD, "sum", 2, (int32_t[]){a, graph_edit_add(e, n)}));
    struct graph *g = finish(e), *frag = plain(1, 1);
    struct region r = region(g, 3, "m", "up", "sum");
    struct candidate c = adapted(g, &r, frag, 3);
    assert_int_equal(tensor_count(adapter(&c, ADAPT_CONV1X1)->in[1].tensor), 24 * 8);
    adapter(&c, ADAPT_RESIZE);
    adapter(&c, ADAPT_ADD);
    done(&c, &r, frag, g);
}

static void test_surplus_fragment_input(void **state)
{
    (void)state;
    struct graph *g = chain(), *frag = plain(2, 1);
    struct region r = region(g, 1, "r1");
    struct candidate c = adapted(g, &r, frag, 1);
    const struct node *n = adapter(&c, ADAPT_IDENTITY);
    int32_t c1 = graph_find(c.graph, "c1");
    assert_int_equal(n->in[0].node, c1);
    assert_int_equal(came_from(&c, "f0")->in[0].node, c1);
    assert_true(c.adapter[0].at_input);
    done(&c, &r, frag, g);
}

/* x -> a (region) -> y and, through a pool of the region or not, z */
static struct graph *two_outputs(bool pooled)
{
    struct graph_edit *e = begin();
    int32_t a = op1(e, OP_RELU, "a", input(e, "x", 8, 16));
    int32_t b = pooled ? pool(e, "b", a) : op1(e, OP_SIGMOID, "b", a);
    output(e, "y", op1(e, OP_ABS, "ya", a));
    output(e, "z", op1(e, OP_ABS, "yb", b));
    return finish(e);
}

static void test_surplus_region_output(void **state)
{
    (void)state;
    static const enum adapter_kind kind[] = {ADAPT_IDENTITY, ADAPT_POOL};
    for (int i = 0; i < 2; i++) {
        struct graph *g = two_outputs(i), *frag = plain(1, 1);
        struct region r = region(g, 2, "a", "b");
        assert_int_equal(r.n_out, 2);
        struct candidate c = adapted(g, &r, frag, 1);
        assert_ptr_equal(adapter(&c, kind[i]), graph_node(c.graph, c.adapter[0].node));
        assert_false(c.adapter[0].at_input);
        assert_int_equal(c.adapter[0].port, 1);
        assert_int_equal(named(c.graph, "yb")->in[0].node, c.adapter[0].node);
        done(&c, &r, frag, g);
    }
}

static void test_surplus_fragment_output(void **state)
{
    (void)state;
    struct graph *g = chain(), *frag = plain(1, 2);
    struct region r = region(g, 1, "r1");
    struct candidate c = adapted(g, &r, frag, 1); /* both would be left without a use */
    assert_int_equal(named(c.graph, "c2")->in[0].node, c.adapter[0].node);
    assert_false(c.adapter[0].at_input);
    adapter(&c, ADAPT_ADD);
    candidate_done(&c);
    graph_unref(frag);
    struct graph_edit *e = begin();
    int32_t a = op1(e, OP_TANH, "f0", input(e, "a", 8, 16));
    output(e, "o0", a);
    output(e, "o1", op1(e, OP_SIGMOID, "f1", a));
    frag = finish(e);
    c = adapted(g, &r, frag, 0); /* the first is used by the second */
    assert_string_equal(graph_node(c.graph, named(c.graph, "c2")->in[0].node)->name, "f1");
    done(&c, &r, frag, g);
}

/* Both at once, and a join between outputs of different shapes. */
static void test_surplus_both(void **state)
{
    (void)state;
    struct graph_edit *e = begin();
    int32_t a = input(e, "a", 8, 16), b = input(e, "b", 8, 16);
    int32_t f0 = op1(e, OP_TANH, "f0", join(e, OP_MUL, "f2", 2, (int32_t[]){a, b}));
    output(e, "o0", f0);
    output(e, "o1", pool(e, "f1", conv(e, "f3", f0, 8, 8, 1)));
    struct graph *frag = finish(e), *g = chain();
    struct region r = region(g, 1, "r1");
    /* f0 is used by f3, so only the pooled one could be left over: taken instead, at another size,
     * or joined; an Identity for the second input either way. */
    struct candidate c = adapted(g, &r, frag, 1);
    adapter(&c, ADAPT_IDENTITY);
    done(&c, &r, frag, g);
    g = two_inputs(false);
    e = begin();
    a = input(e, "a", 8, 16);
    output(e, "o0", op1(e, OP_TANH, "f0", a));
    output(e, "o1", op1(e, OP_GLOBALAVG, "f1", a));
    frag = finish(e);
    r = region(g, 1, "sum");
    c = adapted(g, &r, frag, 3); /* add in front; resize and add behind */
    adapter(&c, ADAPT_RESIZE);
    done(&c, &r, frag, g);
}

/* ---- what is chosen ---- */

/* One pool in front serves both outputs; one convolution behind has fewer parameters. */
static void test_smallest(void **state)
{
    (void)state;
    struct graph_edit *e = begin();
    int32_t x = conv(e, "in", input(e, "x", 8, 16), 8, 8, 1);
    int32_t p = pool(e, "p", x);
    output(e, "y", op1(e, OP_ABS, "ya", op1(e, OP_RELU, "a", p)));
    output(e, "z", op1(e, OP_ABS, "yb", op1(e, OP_SIGMOID, "b", p)));
    struct graph *g = finish(e), *frag = plain(1, 2);
    struct region r = region(g, 3, "p", "a", "b");
    struct candidate c = adapted(g, &r, frag, 1);
    adapter(&c, ADAPT_POOL);
    assert_true(c.adapter[0].at_input);
    done(&c, &r, frag, g);
    e = begin(); /* 64 channels and 8, to 8: adapting both to 64 costs more */
    x = input(e, "x", 8, 16);
    int32_t wide = conv(e, "wide", x, 8, 64, 1), slim = conv(e, "slim", x, 8, 8, 1);
    int32_t m = conv(e, "m", wide, 64, 8, 1);
    output(e, "y", op1(e, OP_RELU, "out", join(e, OP_ADD, "sum", 2, (int32_t[]){m, slim})));
    g = finish(e);
    frag = plain(2, 1);
    r = region(g, 2, "m", "sum");
    c = adapted(g, &r, frag, 1);
    assert_int_equal(tensor_count(adapter(&c, ADAPT_CONV1X1)->in[1].tensor), 64 * 8);
    done(&c, &r, frag, g);
}

/* A pin that the boundary forbids holds behind an adapter. */
static void test_pin(void **state)
{
    (void)state;
    struct graph_edit *e = begin();
    int32_t f1 = conv(e, "f1", input(e, "a", 8, 16), 8, 8, 1), f2 = op1(e, OP_TANH, "f2", f1);
    output(e, "o", join(e, OP_CONCAT, "f3", 2, (int32_t[]){f1, f2}));
    struct graph *frag = finish(e), *g = chain();
    struct region r = region(g, 1, "r1");
    struct mend_pin pin = {.node = f1, .channels = 12};
    struct mutate_opts opts = {.seed = 1, .adapt = true, .mend = {.pin = &pin, .n_pin = 1}};
    struct candidate c = replace_with(g, &r, frag, &opts);
    accepted(&c, MEND_REPAIRED);
    assert_int_equal(c.n_adapter, 1);
    assert_int_equal(tensor_type(came_from(&c, "f1")->in[1].tensor)->dim[0], 12);
    assert_int_equal(tensor_type(adapter(&c, ADAPT_CONV1X1)->in[1].tensor)->dim[1], 24);
    done(&c, &r, frag, g);
}

/* Adapters are the last thing: not where nodes outside can follow, never where nothing is needed,
 * and weights of a replaced convolution serve an adapter like any other node. */
static void test_last(void **state)
{
    (void)state;
    struct graph *g = chain(), *frag;
    struct graph_edit *e = begin();
    int32_t a = input(e, "a", 8, 16), f1 = op1(e, OP_TANH, "f1", a);
    output(e, "o", join(e, OP_CONCAT, "f2", 2, (int32_t[]){a, f1}));
    frag = finish(e);
    struct mutate_opts opts = {.seed = 1, .grow = 1, .adapt = true};
    struct region r = region(g, 1, "r1");
    struct candidate c = replace_with(g, &r, frag, &opts);
    accepted(&c, MEND_REPAIRED);
    assert_int_equal(c.n_grown, 1);
    assert_int_equal(c.n_adapter, 0);
    candidate_done(&c);
    opts.grow = 0;
    c = replace_with(g, &r, frag, &opts);
    accepted(&c, MEND_REPAIRED);
    assert_int_equal(c.n_grown, 0);
    assert_int_equal(c.n_adapter, 1);
    candidate_done(&c);
    graph_unref(frag);
    frag = plain(1, 1);
    c = replace_with(g, &r, frag, &opts);
    accepted(&c, MEND_UNCHANGED);
    assert_int_equal(c.n_adapter, 0);
    done(&c, &r, frag, g);
    g = funnel(16, 8, 24, 1);
    frag = plain(1, 1);
    r = region(g, 1, "mid");
    c = adapted(g, &r, frag, 1);
    assert_ptr_equal(adapter(&c, ADAPT_CONV1X1)->in[1].tensor, named(g, "mid")->in[1].tensor);
    done(&c, &r, frag, g);
}

/* Ports that no adapter is for: one clear line. */
static void test_none(void **state)
{
    (void)state;
    struct graph_edit *e = begin();
    int32_t flat = op1(e, OP_FLATTEN, "flat", input(e, "x", 8, 4));
    output(e, "y", op1(e, OP_RELU, "out", flat));
    struct graph *g = finish(e), *frag = plain(1, 1);
    struct region r = region(g, 1, "flat");
    struct candidate c = adapt(g, &r, frag);
    refused(&c, "shape");
    graph_unref(frag);
    frag = plain(2, 1);
    c = adapt(g, &r, frag);
    refused(&c, "1 inputs and 1 outputs, the fragment 2 and 1");
    graph_unref(frag);
    /* A fragment without inputs has nothing to join to. */
    e = begin();
    int32_t cst = op1(e, OP_RELU, "r", input(e, "a", 8, 4));
    node_set_input(graph_edit_mut(e, cst), 0, IN_CONST, 0,
                   tensor_new_fill("k", &(struct ttype){DT_FLOAT, 4, {1, 8, 4, 4}}, 1));
    graph_edit_remove(e, 0);
    output(e, "o", cst);
    frag = finish(e);
    c = adapt(g, &r, frag);
    refused(&c, "the fragment 0 and 1");
    region_done(&r);
    graph_unref(frag);
    graph_unref(g);
}

/* Two values of the region that a subgraph knows by name need two holders. */
static void test_captured(void **state)
{
    (void)state;
    struct graph_edit *e = begin();
    int32_t x = input(e, "x", 8, 16);
    int32_t a = op1(e, OP_RELU, "a", x), b = op1(e, OP_SIGMOID, "b", a);
    struct node *n = node_new(OP_OPAQUE, "loop");
    node_add_input(n, x, 0);
    node_add_input(n, a, 0);
    node_add_input(n, b, 0);
    n->n_implicit = 2;
    node_add_output(n, "loop");
    n->out[0].type = ttype_nchw(DIM_SYM(0), 8, 16, 16);
    output(e, "y", graph_edit_add(e, n));
    struct graph *g = finish(e), *frag = plain(1, 1);
    struct region r = region(g, 2, "a", "b");
    struct candidate c = adapt(g, &r, frag);
    accepted(&c, MEND_REPAIRED);
    const struct node *loop = named(c.graph, "loop");
    for (int i = 1; i < 3; i++)
        assert_string_equal(graph_node(c.graph, loop->in[i].node)->out[0].name, i == 1 ? "a" : "b");
    assert_string_equal(adapter_kind_name(c.adapter[0].kind), "identity");
    done(&c, &r, frag, g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),
        cmocka_unit_test(test_pool),
        cmocka_unit_test(test_pool_wide),
        cmocka_unit_test(test_strided_conv),
        cmocka_unit_test(test_resize),
        cmocka_unit_test(test_conv_resize),
        cmocka_unit_test(test_surplus_region_input),
        cmocka_unit_test(test_surplus_region_input_adapted),
        cmocka_unit_test(test_surplus_fragment_input),
        cmocka_unit_test(test_surplus_region_output),
        cmocka_unit_test(test_surplus_fragment_output),
        cmocka_unit_test(test_surplus_both),
        cmocka_unit_test(test_smallest),
        cmocka_unit_test(test_pin),
        cmocka_unit_test(test_last),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_captured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
