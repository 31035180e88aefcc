/* mutate: repairs that change nodes outside the region. */
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

/* a -> relu -> cat(a, relu) -> o: twice as wide behind as in front, whatever the width. */
static struct graph *doubler(void)
{
    struct graph_edit *e = begin();
    int32_t a = input(e, "a", 16, 16), r = op1(e, OP_RELU, "f1", a);
    output(e, "o", join(e, OP_CONCAT, "f2", 2, (int32_t[]){a, r}));
    return finish(e);
}

static bool is_grown(const struct candidate *c, int32_t id)
{
    for (int i = 0; i < c->n_grown; i++)
        if (c->grown[i] == id)
            return true;
    return false;
}

/* Ids, names and constants outside are as they were, except those of the grown nodes. */
static void check_untouched(const struct graph *g, const struct region *r,
                            const struct candidate *c)
{
    for (int32_t id = 0; id < graph_n_slots(g); id++) {
        const struct node *a = graph_node(g, id), *b = graph_node(c->graph, id);
        if (!a || region_has(r, id))
            continue;
        assert_non_null(b);
        assert_string_equal(a->name, b->name);
        assert_int_equal(a->n_in, b->n_in);
        for (int i = 0; i < a->n_out; i++)
            assert_string_equal(a->out[i].name, b->out[i].name);
        for (int i = 0; i < a->n_in; i++) {
            assert_true(!a->in[i].tensor == !b->in[i].tensor);
            if (!a->in[i].tensor || a->in[i].tensor == b->in[i].tensor)
                continue;
            assert_true(is_grown(c, id));
            assert_string_equal(tensor_name(a->in[i].tensor), tensor_name(b->in[i].tensor));
        }
    }
}

static void check_export(const struct graph *g)
{
    struct err err = {0};
    if (onx_check(g, &err) != ST_OK)
        fail_msg("%s", err.msg);
}

static struct candidate grow(const struct graph *g, const struct region *r,
                             const struct graph *frag, int k)
{
    const struct mutate_opts opts = {.seed = 1, .grow = k};
    return replace_with(g, r, frag, &opts);
}

/* What follows takes the new width: the convolution alone, or with what lies before it. */
static void test_following_conv(void **state)
{
    (void)state;
    struct graph *g, *frag = doubler();
    assert_int_equal(family_build("zoo:resnet50", 1, &g, NULL), ST_OK);
    for (int k = 1; k <= 3; k++) {
        struct region r = region(g, 4 - k, "layer1.0.conv1", "layer1.0.bn1", "layer1.0.relu1");
        struct candidate c = grow(g, &r, frag, k - 1);
        refused(&c, "f2");
        for (int more = k; more <= 8; more += 8 - k) {
            c = grow(g, &r, frag, more);
            accepted(&c, MEND_REPAIRED);
            assert_int_equal(c.n_grown, k);
            assert_int_equal(c.n_adapter, 0);
            assert_true(is_grown(&c, graph_find(g, "layer1.0.conv2")));
            const struct node *n = named(c.graph, "layer1.0.conv2");
            assert_int_equal(tensor_type(n->in[1].tensor)->dim[1], 128);
            assert_int_equal(tensor_kind(n->in[1].tensor), TENSOR_HE);
            assert_int_equal(tensor_fan_in(n->in[1].tensor), 128 * 9);
            check_untouched(g, &r, &c);
            check_export(c.graph);
            /* The plan is about the fragment alone. */
            for (int32_t id = 0; id < graph_n_slots(c.plan.fragment); id++)
                assert_true(id < graph_n_slots(frag) || !graph_node(c.plan.fragment, id));
            assert_int_equal(graph_node(c.plan.fragment, 0)->op, OP_INPUT);
            candidate_done(&c);
        }
        region_done(&r);
    }
    graph_unref(frag);
    graph_unref(g);
}

/* The width behind is the output's: the convolution in front gives half of it. */
static void test_producer(void **state)
{
    (void)state;
    struct graph *g = chain(), *frag = doubler();
    struct region r = region(g, 1, "r2");
    struct candidate c = grow(g, &r, frag, 0);
    refused(&c, "f2");
    c = grow(g, &r, frag, 4);
    accepted(&c, MEND_REPAIRED);
    assert_int_equal(c.n_grown, 1);
    assert_int_equal(c.grown[0], graph_find(g, "c2"));
    assert_int_equal(tensor_type(named(c.graph, "c2")->in[1].tensor)->dim[0], 4);
    check_untouched(g, &r, &c);
    check_export(c.graph);
    assert_true(c.after.params < c.before.params);
    candidate_done(&c);
    region_done(&r);
    graph_unref(frag);
    graph_unref(g);
}

/* x -> c1 -> r1 -> c2 -> sum(r1, c2) -> c3 -> y */
static struct graph *residual(void)
{
    struct graph_edit *e = begin();
    int32_t c1 = conv_with(e, "c1", input(e, "x", 8, 16), kernel(8, 8, 3, 1), 1);
    int32_t r1 = op1(e, OP_RELU, "r1", c1);
    int32_t c2 = conv_with(e, "c2", r1, kernel(8, 8, 3, 2), 1);
    int32_t s = join(e, OP_ADD, "sum", 2, (int32_t[]){r1, c2});
    output(e, "y", conv_with(e, "c3", s, kernel(8, 8, 3, 3), 1));
    return finish(e);
}

/* A width that goes through a join comes back on its other side: all of the class or nothing. */
static void test_join(void **state)
{
    (void)state;
    struct graph *g = residual();
    struct graph_edit *e = begin();
    int32_t a = conv(e, "f1", input(e, "a", 8, 16), 8, 8, 1);
    output(e, "o", join(e, OP_CONCAT, "f2", 2, (int32_t[]){a, op1(e, OP_RELU, "f3", a)}));
    struct graph *frag = finish(e);
    struct mend_pin pin = {.node = a, .channels = 6};
    struct mutate_opts opts = {.seed = 1, .grow = 3, .mend = {.pin = &pin, .n_pin = 1}};
    struct region r = region(g, 1, "c2");
    struct candidate c = replace_with(g, &r, frag, &opts);
    refused(&c, "f2");
    opts.grow = 4; /* sum, c3, and r1, c1 through the other side */
    c = replace_with(g, &r, frag, &opts);
    accepted(&c, MEND_REPAIRED);
    assert_int_equal(c.n_grown, 4);
    assert_int_equal(tensor_type(named(c.graph, "c1")->in[1].tensor)->dim[0], 12);
    assert_int_equal(tensor_type(named(c.graph, "c3")->in[1].tensor)->dim[1], 12);
    check_untouched(g, &r, &c);
    check_export(c.graph);
    candidate_done(&c);
    region_done(&r);
    graph_unref(frag);
    graph_unref(g);
}

/* The other user of a shared kernel keeps it, name and all. */
static void test_shared_kernel(void **state)
{
    (void)state;
    struct graph_edit *e = begin();
    struct tensor *w = kernel(8, 8, 3, 1);
    int32_t r1 = op1(e, OP_RELU, "r1", input(e, "x", 8, 16));
    int32_t c1 = conv_with(e, "c1", r1, tensor_ref(w), 1);
    output(e, "y", conv_with(e, "c2", c1, w, 1));
    struct graph *g = finish(e), *frag = doubler();
    struct region r = region(g, 1, "r1");
    struct candidate c = grow(g, &r, frag, 1);
    accepted(&c, MEND_REPAIRED);
    assert_ptr_equal(named(c.graph, "c2"), named(g, "c2"));
    const struct tensor *own = named(c.graph, "c1")->in[1].tensor;
    assert_int_equal(tensor_type(own)->dim[1], 16);
    assert_string_not_equal(tensor_name(own), "w");
    candidate_done(&c);
    region_done(&r);
    graph_unref(frag);
    graph_unref(g);
}

/* Inputs, outputs and nodes of unknown kinds do not grow; new weights come from the seed. */
static void test_limits(void **state)
{
    (void)state;
    struct graph_edit *e = begin();
    int32_t r1 = op1(e, OP_RELU, "r1", input(e, "x", 8, 16));
    int32_t odd = op1(e, OP_OPAQUE, "odd", r1);
    graph_edit_mut(e, odd)->out[0].type = ttype_nchw(DIM_SYM(0), 8, 16, 16);
    output(e, "y", op1(e, OP_RELU, "r2", odd));
    struct graph *g = finish(e), *frag = doubler();
    struct region r = region(g, 1, "r1"), r2 = region(g, 1, "r2");
    struct candidate c = grow(g, &r, frag, 100);
    refused(&c, "f2");
    c = grow(g, &r2, frag, 100);
    refused(&c, "f2");
    region_done(&r);
    region_done(&r2);
    graph_unref(g);
    g = chain();
    r = region(g, 1, "r1");
    struct mutate_opts opts = {.seed = 1, .grow = 2};
    struct tensor *w[3];
    for (int i = 0; i < 3; i++) {
        opts.seed = i < 2 ? 1 : 2;
        c = replace_with(g, &r, frag, &opts);
        accepted(&c, MEND_REPAIRED);
        w[i] = tensor_ref(graph_node(c.graph, c.grown[0])->in[1].tensor);
        candidate_done(&c);
    }
    assert_true(tensor_equal(w[0], w[1]));
    assert_false(tensor_equal(w[0], w[2]));
    for (int i = 0; i < 3; i++)
        tensor_unref(w[i]);
    /* Limits are the fragment's own. */
    opts.mend.max_params = 1;
    c = replace_with(g, &r, frag, &opts);
    accepted(&c, MEND_REPAIRED);
    candidate_done(&c);
    region_done(&r);
    graph_unref(frag);
    graph_unref(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_following_conv), cmocka_unit_test(test_producer),
        cmocka_unit_test(test_join),           cmocka_unit_test(test_shared_kernel),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
