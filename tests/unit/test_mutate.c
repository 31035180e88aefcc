/* mutate: what may be replaced, ports, weights and names across a replacement, refusals. */
#include "family/family.h"
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

/* ---- what may be replaced ---- */

static void check_why(const struct graph *g, struct region r, const char *part)
{
    char why[128] = "";
    assert_int_equal(mutate_region_ok(g, &r, NULL, 0), part == NULL);
    assert_int_equal(mutate_region_ok(g, &r, why, sizeof why), part == NULL);
    if (part && !strstr(why, part))
        fail_msg("'%s' is not in '%s'", part, why);
    region_done(&r);
}

static void test_region_ok(void **state)
{
    (void)state;
    struct graph_edit *e = begin();
    int32_t x = input(e, "x", 8, 16);
    int32_t r1 = op1(e, OP_RELU, "r1", x), s1 = op1(e, OP_SIGMOID, "s1", r1);
    int32_t odd = op1(e, OP_OPAQUE, "odd", s1);
    graph_edit_mut(e, odd)->out[0].type = ttype_nchw(DIM_SYM(0), 8, 16, 16);
    int32_t sum = join(e, OP_ADD, "sum", 2, (int32_t[]){r1, odd});
    int32_t y = output(e, "y", sum);
    struct graph *g = finish(e);
    check_why(g, region(g, 2, "r1", "s1"), NULL);
    check_why(g, region(g, 2, "r1", "sum"), "comes back");
    check_why(g, region(g, 2, "s1", "odd"), "'odd'");
    check_why(g, region(g, 2, "x", "r1"), "'x' is an input");
    struct region r;
    assert_int_equal(region_init(&r, g, &y, 1, NULL), ST_OK);
    check_why(g, r, "'y' is an output");
    assert_int_equal(region_init(&r, g, &y, 0, NULL), ST_OK);
    check_why(g, r, "empty");
    graph_unref(g);
}

static void test_refusals(void **state)
{
    (void)state;
    struct graph *g = chain(), *frag;
    struct region r = region(g, 2, "c2", "r2");
    struct candidate c;

    struct graph_edit *e = begin();
    int32_t a = input(e, "a", 8, 16), b = input(e, "b", 8, 16);
    output(e, "o", join(e, OP_ADD, "sum", 2, (int32_t[]){a, b}));
    frag = finish(e);
    c = replace(g, &r, frag, 1);
    refused(&c, "1 inputs and 1 outputs, the fragment 2 and 1");
    graph_unref(frag);

    e = begin();
    a = op1(e, OP_OPAQUE, "odd", input(e, "a", 8, 16));
    graph_edit_mut(e, a)->out[0].type = ttype_nchw(DIM_SYM(0), 8, 16, 16);
    output(e, "o", a);
    frag = finish(e);
    c = replace(g, &r, frag, 1);
    refused(&c, "'odd'");
    graph_unref(frag);

    e = begin(); /* no convolution: 4 channels in the join cannot become 8 */
    a = input(e, "a", 8, 16);
    b = op1(e, OP_RELU, "r", a);
    output(e, "o", join(e, OP_CONCAT, "cat", 2, (int32_t[]){a, b}));
    frag = finish(e);
    c = replace(g, &r, frag, 1);
    assert_string_equal(c.reason, c.plan.reason);
    assert_null(c.plan.fragment);
    refused(&c, "cat");
    graph_unref(frag);

    struct region whole = region(g, 1, "x");
    frag = chain();
    c = replace(g, &whole, frag, 1);
    refused(&c, "'x' is an input");
    graph_unref(frag);
    region_done(&whole);
    region_done(&r);
    graph_unref(g);
}

/* A fragment that ignores an input would leave what feeds the region without a use. */
static void test_starved(void **state)
{
    (void)state;
    struct graph_edit *e = begin();
    int32_t x = input(e, "x", 8, 16);
    int32_t a = op1(e, OP_RELU, "a", x), b = op1(e, OP_SIGMOID, "b", x);
    output(e, "y", join(e, OP_ADD, "sum", 2, (int32_t[]){a, b}));
    struct graph *g = finish(e);
    e = begin();
    input(e, "p", 8, 16);
    output(e, "o", op1(e, OP_TANH, "t", input(e, "q", 8, 16)));
    struct graph *frag = finish(e);
    struct region r = region(g, 1, "sum");
    struct candidate c = replace(g, &r, frag, 1);
    refused(&c, "node 'a' (Relu) would be left without a use");
    region_done(&r);
    /* A graph input is no dead node. */
    r = region(g, 2, "b", "sum");
    c = replace(g, &r, frag, 1);
    accepted(&c, MEND_UNCHANGED);
    candidate_done(&c);
    region_done(&r);
    graph_unref(frag);
    graph_unref(g);
}

/* ---- weights and names ---- */

static void check_self(const struct graph *g, struct region r)
{
    struct graph *frag;
    struct graph_diff d;
    assert_int_equal(region_extract(g, &r, &frag, NULL), ST_OK);
    struct candidate c = replace(g, &r, frag, 1);
    accepted(&c, MEND_UNCHANGED);
    assert_int_equal(c.n_added, r.n);
    assert_true(graph_hash(g) == graph_hash(c.graph));
    graph_diff_init(&d, g, c.graph, 0);
    assert_int_equal(d.n_added + d.n_removed + d.n_changed, 0);
    graph_diff_done(&d);
    for (int i = 0; i < c.n_added; i++) {
        const struct node *n = graph_node(c.graph, c.added[i]), *old = named(g, n->name);
        assert_string_equal(n->out[0].name, old->out[0].name);
        assert_int_equal(n->n_in, old->n_in);
        for (int k = 0; k < n->n_in; k++)
            assert_ptr_equal(n->in[k].tensor, old->in[k].tensor);
    }
    assert_int_equal(c.before.params, c.after.params);
    candidate_done(&c);
    graph_unref(frag);
    region_done(&r);
}

static void test_self(void **state)
{
    (void)state;
    struct graph *g = chain();
    check_self(g, region(g, 2, "c1", "r1"));
    check_self(g, region(g, 4, "c1", "r1", "c2", "r2"));
    graph_unref(g);
    /* Two equal branches whose weights differ must not be mixed up. */
    struct graph_edit *e = begin();
    int32_t x = input(e, "x", 8, 16), p = op1(e, OP_RELU, "p", x), q = op1(e, OP_RELU, "q", x);
    int32_t b = conv_with(e, "b1", q, kernel(8, 8, 3, 1), 1);
    int32_t a = conv_with(e, "a1", p, kernel(8, 8, 3, 2), 1);
    b = conv_with(e, "b2", op1(e, OP_RELU, "b1r", b), kernel(8, 8, 3, 3), 1);
    a = conv_with(e, "a2", op1(e, OP_RELU, "a1r", a), kernel(8, 8, 3, 4), 1);
    output(e, "y", join(e, OP_ADD, "sum", 2, (int32_t[]){a, b}));
    g = finish(e);
    check_self(g, region(g, 7, "a1", "b1", "a1r", "b1r", "a2", "b2", "sum"));
    check_self(g, region(g, 9, "p", "q", "a1", "b1", "a1r", "b1r", "a2", "b2", "sum"));
    graph_unref(g);
}

static void test_new_weights(void **state)
{
    (void)state;
    struct graph *g = chain();
    struct graph_edit *e = begin();
    float values[16 * 16];
    for (int i = 0; i < 16 * 16; i++)
        values[i] = (float)i;
    struct ttype t = ttype_nchw(16, 16, 1, 1);
    int32_t a = conv(e, "c1", input(e, "a", 4, 16), 4, 16, 3);
    a = conv_with(e, "foreign", a, tensor_new_bytes("w", &t, values, sizeof values), 1);
    output(e, "o", conv(e, "last", batchnorm(e, "bn", a, 16), 16, 4, 1));
    struct graph *frag = finish(e);
    struct region r = region(g, 1, "r1");
    struct candidate c = replace(g, &r, frag, 5), again = replace(g, &r, frag, 5),
                     other = replace(g, &r, frag, 6);
    accepted(&c, MEND_REPAIRED);
    assert_int_equal(c.n_added, 4);
    const struct node *n = came_from(&c, "c1"), *f = came_from(&c, "foreign");
    assert_string_equal(n->name, "c1_1"); /* c1 lives on outside */
    assert_string_equal(n->out[0].name, "c1_1");
    assert_int_equal(tensor_type(n->in[1].tensor)->dim[1], 8);
    assert_int_equal(tensor_kind(n->in[1].tensor), TENSOR_HE);
    /* Values of another network do not come along. */
    assert_int_equal(tensor_kind(f->in[1].tensor), TENSOR_HE);
    assert_int_equal(tensor_fan_in(f->in[1].tensor), tensor_type(f->in[1].tensor)->dim[1]);
    assert_true(tensor_fill_value(node_const(came_from(&c, "bn"), 1)) == 1);
    assert_true(tensor_fill_value(node_const(came_from(&c, "bn"), 2)) == 0);
    const struct node *n2 = came_from(&again, "c1"), *n3 = came_from(&other, "c1");
    assert_true(tensor_equal(n->in[1].tensor, n2->in[1].tensor));
    assert_false(tensor_equal(n->in[1].tensor, n3->in[1].tensor));
    assert_true(tensor_seed(n->in[1].tensor) != tensor_seed(f->in[1].tensor));
    assert_true(c.after.params > c.before.params);
    /* The outside is the same object. */
    assert_ptr_equal(named(c.graph, "c1"), named(g, "c1"));
    assert_ptr_equal(named(c.graph, "r2"), named(g, "r2"));
    candidate_done(&c);
    candidate_done(&again);
    candidate_done(&other);
    region_done(&r);
    graph_unref(frag);
    graph_unref(g);
}

/* Weights stay where operator and shape agree; what the node computes comes with the fragment. */
static void test_take_over(void **state)
{
    (void)state;
    struct graph_edit *e = begin();
    int32_t a = conv_with(e, "c1", input(e, "x", 8, 16), kernel(8, 8, 3, 1), 1);
    a = clip(e, "k1", batchnorm(e, "bn1", a, 8), 1);
    output(e, "y", op1(e, OP_RELU, "tail", conv_with(e, "c2", a, kernel(8, 8, 3, 2), 1)));
    struct graph *g = finish(e);
    e = begin();
    a = conv_with(e, "f1", input(e, "a", 8, 16), kernel(8, 8, 3, 9), 2);
    a = clip(e, "f2", batchnorm(e, "f3", a, 8), 6);
    a = conv_with(e, "f4", a, kernel(8, 8, 1, 9), 1);
    output(e, "o", conv_with(e, "f5", a, kernel(8, 8, 3, 9), 1));
    struct graph *frag = finish(e);
    struct region r = region(g, 4, "c1", "bn1", "k1", "c2");
    struct candidate c = replace(g, &r, frag, 1);
    accepted(&c, MEND_UNCHANGED);
    assert_ptr_equal(came_from(&c, "f1")->in[1].tensor, named(g, "c1")->in[1].tensor);
    assert_string_equal(came_from(&c, "f1")->name, "f1"); /* dilated: not the node it was */
    assert_ptr_equal(came_from(&c, "f3")->in[1].tensor, named(g, "bn1")->in[1].tensor);
    assert_string_equal(came_from(&c, "f3")->name, "bn1");
    assert_true(tensor_num_at(node_const(came_from(&c, "f2"), 2), 0, 0) == 6);
    assert_string_equal(came_from(&c, "f2")->name, "f2");
    assert_true(tensor_seed(came_from(&c, "f4")->in[1].tensor) != 9);
    assert_ptr_equal(came_from(&c, "f5")->in[1].tensor, named(g, "c2")->in[1].tensor);
    assert_string_equal(came_from(&c, "f5")->name, "c2");
    candidate_done(&c);
    region_done(&r);
    graph_unref(frag);
    graph_unref(g);
}

/* One kernel of two nodes stays one; two insertions of one fragment have their own weights. */
static void test_shared_tensor(void **state)
{
    (void)state;
    struct graph *g = chain();
    struct graph_edit *e = begin();
    struct tensor *w = kernel(8, 8, 1, 3);
    int32_t a = conv_with(e, "f1", input(e, "a", 8, 16), tensor_ref(w), 1);
    output(e, "o", batchnorm(e, "f3", conv_with(e, "f2", a, w, 1), 8));
    struct graph *frag = finish(e);
    struct region r = region(g, 1, "r1");
    struct candidate c = replace(g, &r, frag, 1);
    accepted(&c, MEND_UNCHANGED);
    assert_ptr_equal(came_from(&c, "f1")->in[1].tensor, came_from(&c, "f2")->in[1].tensor);
    assert_int_equal(c.after.params - c.before.params, 8 * 8 + 16);
    struct region r2 = region(c.graph, 1, "r2");
    struct candidate c2 = replace(c.graph, &r2, frag, 2);
    accepted(&c2, MEND_UNCHANGED);
    assert_ptr_not_equal(came_from(&c, "f1")->in[1].tensor, came_from(&c2, "f1")->in[1].tensor);
    assert_int_equal(c2.after.params - c2.before.params, 8 * 8 + 16);
    region_done(&r2);
    candidate_done(&c2);
    candidate_done(&c);
    region_done(&r);
    graph_unref(frag);
    graph_unref(g);
}

/* ---- edges ---- */

static const char *output_name(const struct graph *g)
{
    int n;
    const int32_t *ids = graph_outputs(g, &n);
    return n ? graph_node(g, ids[0])->name : "";
}

/* Saves, reads back, compares the name of the output; types must survive libonnx's check. */
static void check_export(const struct graph *g, const char *name)
{
    unsigned char *bytes;
    size_t size;
    struct graph *back;
    struct err err = {0};
    if (onx_check(g, &err) != ST_OK || onx_save_bytes(g, &bytes, &size, &err) != ST_OK ||
        onx_load_bytes(&back, bytes, size, NULL, &err) != ST_OK)
        fail_msg("%s", err.msg);
    assert_string_equal(output_name(back), name);
    graph_unref(back);
    free(bytes);
}

/* As the zoo and files have it, the last value goes by the name of the output. */
static struct graph *chain_to(const char *name)
{
    struct graph *g = chain(), *out;
    struct graph_edit *e = graph_edit_new(g);
    int32_t id = graph_find(g, "r2");
    struct node *n = graph_edit_mut(e, id);
    free(n->out[0].name);
    n->out[0].name = strdup(name);
    assert_int_equal(graph_edit_freeze(e, &out, NULL), ST_OK);
    graph_unref(g);
    return out;
}

static void test_output_name(void **state)
{
    (void)state;
    struct graph *g = chain_to("y");
    struct graph_edit *e = begin();
    int32_t a = op1(e, OP_RELU, "f1", input(e, "a", 8, 16));
    output(e, "o", op1(e, OP_TANH, "f2", a));
    struct graph *frag = finish(e);
    struct region r = region(g, 1, "r2");
    struct candidate c = replace(g, &r, frag, 1);
    accepted(&c, MEND_UNCHANGED);
    assert_string_equal(came_from(&c, "f2")->out[0].name, "y");
    /* The relu goes on as r2, but its value is no longer the output. */
    assert_string_equal(came_from(&c, "f1")->name, "r2");
    assert_string_not_equal(came_from(&c, "f1")->out[0].name, "y");
    check_export(c.graph, "y");
    candidate_done(&c);
    graph_unref(frag);
    /* An edge in place of the region: r1 feeds the output. */
    e = begin();
    output(e, "o", input(e, "a", 8, 16));
    frag = finish(e);
    c = replace(g, &r, frag, 1);
    accepted(&c, MEND_UNCHANGED);
    assert_int_equal(c.n_added, 0);
    assert_int_equal(graph_n_nodes(c.graph), graph_n_nodes(g) - 1);
    assert_int_equal(named(c.graph, "y")->in[0].node, graph_find(c.graph, "c2"));
    check_export(c.graph, "y");
    candidate_done(&c);
    region_done(&r);
    /* All of it: the input is the output. */
    r = region(g, 4, "c1", "r1", "c2", "r2");
    c = replace(g, &r, frag, 1);
    accepted(&c, MEND_UNCHANGED);
    assert_int_equal(graph_n_nodes(c.graph), 2);
    check_export(c.graph, "y");
    candidate_done(&c);
    region_done(&r);
    graph_unref(frag);
    graph_unref(g);
}

/* Every use of an output moves to the new producer, also where one node uses it twice. */
static void test_many_uses(void **state)
{
    (void)state;
    struct graph_edit *e = begin();
    int32_t a = op1(e, OP_RELU, "a", input(e, "x", 8, 16));
    int32_t sq = join(e, OP_MUL, "sq", 2, (int32_t[]){a, a});
    output(e, "y", join(e, OP_ADD, "sum", 2, (int32_t[]){sq, a}));
    output(e, "z", a);
    struct graph *g = finish(e);
    e = begin();
    output(e, "o", op1(e, OP_TANH, "t", input(e, "p", 8, 16)));
    struct graph *frag = finish(e);
    struct region r = region(g, 1, "a");
    struct candidate c = replace(g, &r, frag, 1);
    accepted(&c, MEND_UNCHANGED);
    assert_int_equal(named(c.graph, "sq")->in[0].node, c.added[0]);
    assert_int_equal(named(c.graph, "sq")->in[1].node, c.added[0]);
    assert_int_equal(named(c.graph, "sum")->in[1].node, c.added[0]);
    assert_int_equal(named(c.graph, "sum")->in[0].node, sq);
    int n;
    graph_uses(c.graph, c.added[0], &n);
    assert_int_equal(n, 4);
    candidate_done(&c);
    region_done(&r);
    graph_unref(frag);
    graph_unref(g);
}

/* x 8x16x16, z 4x16x16: r = relu(x), cat = concat(r, z), p = pool(r); outputs cat and p. */
static struct graph *ported(bool swap_in, bool swap_out)
{
    struct graph_edit *e = begin();
    int32_t x, z;
    if (swap_in) {
        z = input(e, "z", 4, 16);
        x = input(e, "x", 8, 16);
    } else {
        x = input(e, "x", 8, 16);
        z = input(e, "z", 4, 16);
    }
    int32_t r = op1(e, OP_RELU, "r", x), p = pool(e, "p", r);
    int32_t cat = join(e, OP_CONCAT, "cat", 2, (int32_t[]){r, z});
    output(e, swap_out ? "y2" : "y1", swap_out ? p : cat);
    output(e, swap_out ? "y1" : "y2", swap_out ? cat : p);
    return finish(e);
}

static void test_permuted_ports(void **state)
{
    (void)state;
    struct graph *g = ported(false, false);
    struct region r = region(g, 3, "r", "p", "cat");
    assert_int_equal(r.n_in, 2);
    assert_int_equal(r.n_out, 2);
    for (int k = 0; k < 4; k++) {
        struct graph *frag = ported(k & 1, k & 2);
        struct candidate c = replace(g, &r, frag, 1);
        accepted(&c, MEND_UNCHANGED);
        assert_true(graph_hash(c.graph) == graph_hash(g));
        assert_string_equal(graph_node(c.graph, named(c.graph, "y1")->in[0].node)->name, "cat");
        candidate_done(&c);
        graph_unref(frag);
    }
    region_done(&r);
    graph_unref(g);
}

static struct graph *five(bool reversed)
{
    static const char *const name[] = {"i0", "i1", "i2", "i3", "i4"};
    static const char *const name_conv[] = {"c0", "c1", "c2", "c3", "c4"};
    struct graph_edit *e = begin();
    int32_t in[5];
    for (int i = 0; i < 5; i++) {
        int k = reversed ? 4 - i : i;
        in[k] = input(e, name[k], 1 + k, 16);
    }
    for (int k = 0; k < 5; k++)
        in[k] = conv(e, name_conv[k], in[k], 1 + k, 2, 1);
    output(e, "y", join(e, OP_CONCAT, "cat", 5, in));
    return finish(e);
}

/* More than four ports: in order, or the other way round. */
static void test_many_ports(void **state)
{
    (void)state;
    struct graph *g = five(false);
    struct region r = region(g, 6, "c0", "c1", "c2", "c3", "c4", "cat");
    for (int k = 0; k < 2; k++) {
        struct graph *frag = five(k);
        struct candidate c = replace(g, &r, frag, 1);
        accepted(&c, MEND_UNCHANGED);
        assert_true(graph_hash(c.graph) == graph_hash(g));
        candidate_done(&c);
        graph_unref(frag);
    }
    region_done(&r);
    graph_unref(g);
}

/* A subgraph knows the values it captures by name. */
static void test_captured(void **state)
{
    (void)state;
    struct graph_edit *e = begin();
    int32_t x = input(e, "x", 8, 16), a = op1(e, OP_RELU, "a", x);
    struct node *n = node_new(OP_OPAQUE, "loop");
    node_add_input(n, x, 0);
    node_add_input(n, a, 0);
    n->n_implicit = 1;
    node_add_output(n, "loop");
    n->out[0].type = ttype_nchw(DIM_SYM(0), 8, 16, 16);
    output(e, "y", graph_edit_add(e, n));
    struct graph *g = finish(e);
    struct region r = region(g, 1, "a");
    e = begin();
    output(e, "o", op1(e, OP_TANH, "t", input(e, "p", 8, 16)));
    struct graph *frag = finish(e);
    struct candidate c = replace(g, &r, frag, 1);
    accepted(&c, MEND_UNCHANGED);
    assert_string_equal(graph_node(c.graph, c.added[0])->out[0].name, "a");
    assert_int_equal(named(c.graph, "loop")->in[1].node, c.added[0]);
    candidate_done(&c);
    graph_unref(frag);
    e = begin();
    output(e, "o", input(e, "p", 8, 16));
    frag = finish(e);
    c = replace(g, &r, frag, 1);
    refused(&c, "'loop'");
    graph_unref(frag);
    region_done(&r);
    graph_unref(g);
}

/* ---- options ---- */

static void test_options(void **state)
{
    (void)state;
    struct graph *g = chain(), *frag;
    struct region r = region(g, 3, "c1", "r1", "c2");
    assert_int_equal(region_extract(g, &r, &frag, NULL), ST_OK);
    struct mend_pin pin = {.node = graph_find(frag, "c1"), .channels = 24};
    struct mutate_opts opts = {.seed = 1, .mend = {.pin = &pin, .n_pin = 1}};
    struct candidate c;
    struct err err = {0};
    assert_int_equal(mutate_replace(g, &r, frag, &opts, &c, &err), ST_OK);
    accepted(&c, MEND_REPAIRED);
    assert_int_equal(tensor_type(came_from(&c, "c1")->in[1].tensor)->dim[0], 24);
    assert_int_equal(tensor_type(came_from(&c, "c2")->in[1].tensor)->dim[1], 24);
    assert_true(c.ms > 0);
    candidate_done(&c);
    int cancel = 1;
    opts.mend.cancel = &cancel;
    memset(&c, 0x5a, sizeof c);
    struct candidate before = c;
    assert_int_equal(mutate_replace(g, &r, frag, &opts, &c, &err), ST_CANCELLED);
    assert_memory_equal(&c, &before, sizeof c);
    graph_unref(frag);
    region_done(&r);
    graph_unref(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_region_ok),     cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_starved),       cmocka_unit_test(test_self),
        cmocka_unit_test(test_new_weights),   cmocka_unit_test(test_take_over),
        cmocka_unit_test(test_shared_tensor), cmocka_unit_test(test_output_name),
        cmocka_unit_test(test_many_uses),     cmocka_unit_test(test_permuted_ports),
        cmocka_unit_test(test_many_ports),    cmocka_unit_test(test_captured),
        cmocka_unit_test(test_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
