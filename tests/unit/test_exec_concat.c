/* What a Concat joins is written where its output has it, and results stay what the nodes say one
 * by one: in a block of SqueezeNet, and in random tangles of convolutions, sums, functions and
 * Concats that read each other's inputs again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"
#include "exec/exec_priv.h"
#include "family/build.h"

#include <math.h>
#include <stdio.h>

static struct graph *finished(struct builder *b)
{
    struct graph *g;
    struct err err = {0};

    if (build_finish(b, &g, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return g;
}

/* One more output, which the executor may not write over. */
static void add_output(struct builder *b, struct tap x, const char *name)
{
    struct node *out = node_new(OP_OUTPUT, name);

    node_add_input(out, x.node, 0);
    graph_edit_add(b->e, out);
}

static struct exec *compiled(const struct graph *g, int64_t batch, bool plain)
{
    const struct exec_opts opts = {.batch = batch, .plain = plain};
    struct rng r = rng_for(7, 0);
    struct err err = {0};
    struct exec *e;

    if (exec_new(&e, g, &opts, &err) != ST_OK)
        fail_msg("%s", err.msg);
    for (int64_t i = 0; i < ttype_count(exec_input_type(e, 0), 1); i++)
        exec_input(e, 0)[i] = (float)rng_normal(&r);
    return e;
}

/* Fast and node by node, the fast one twice: nothing may be left over from the first run. Returns
 * the number of inputs of Concats that lie in the output. */
static int compare(const struct graph *g, int64_t batch, const char *what)
{
    struct exec *fast = compiled(g, batch, false), *plain = compiled(g, batch, true);
    int in_place = 0;

    assert_int_equal(exec_run(plain, NULL), ST_OK);
    for (int run = 0; run < 2; run++) {
        assert_int_equal(exec_run(fast, NULL), ST_OK);
        for (int k = 0; k < exec_n_outputs(fast); k++) {
            int64_t n = ttype_count(exec_output_type(fast, k), 1);
            const float *a = exec_output(fast, k), *b = exec_output(plain, k);
            double scale = 1;

            for (int64_t i = 0; i < n; i++)
                scale = fmax(scale, fabs((double)b[i]));
            for (int64_t i = 0; i < n; i++)
                if (!(fabs((double)a[i] - (double)b[i]) <= 1e-5 * scale))
                    fail_msg("%s: output %d: %g for %g", what, k, (double)a[i], (double)b[i]);
        }
    }
    for (size_t i = 0; i < fast->steps.n; i++) {
        const struct step *s = &fast->steps.at[i];

        for (int p = 0; s->node->op == OP_CONCAT && p < s->n_in; p++)
            in_place += s->in[p]->data >= s->out[0]->data &&
                        s->in[p]->data < s->out[0]->data + s->out[0]->size;
    }
    exec_free(fast);
    exec_free(plain);
    return in_place;
}

static struct tap conv(struct builder *b, struct tap x, int64_t c, int k)
{
    return build_conv(b, x, NULL, (struct conv_spec){.cout = c, .kh = k, .bias = true});
}

/* Two branches of so many channels, joined, and a convolution behind it. */
static int fire(int64_t first, int64_t second, int64_t batch)
{
    struct builder b;
    struct tap x, both[2];
    struct graph *g;
    int n;

    build_init(&b, "fire", 1, BUILD_SYMMETRIC);
    x = build_relu(&b, conv(&b, build_input(&b, 3, 9, 9), 16, 1), NULL);
    both[0] = build_relu(&b, conv(&b, x, first, 1), NULL);
    both[1] = build_relu(&b, conv(&b, x, second, 3), NULL);
    x = build_concat(&b, both, 2, NULL);
    build_output(&b, conv(&b, x, 16, 1));
    g = finished(&b);
    n = compare(g, batch, "fire");
    graph_unref(g);
    return n;
}

static void test_fire(void **state)
{
    (void)state;
    assert_int_equal(fire(64, 64, 1), 2);
    fire(64, 36, 1); /* the last one may end within a block, unless it is plain */
    assert_int_equal(fire(36, 64, 1), 0);
    assert_int_equal(fire(64, 64, 2), 0); /* the parts of an output are in several pieces */
}

/* A Dropout whose mask nobody reads is nothing in inference. */
static void test_dropout(void **state)
{
    struct builder b;
    struct tap x;
    struct graph *g;
    struct exec *e;
    struct node *drop = node_new(OP_DROPOUT, "drop");
    int n, skipped = 0;
    const struct exec_step_time *t;

    (void)state;
    build_init(&b, "dropout", 1, BUILD_SYMMETRIC);
    x = conv(&b, build_input(&b, 3, 9, 9), 16, 1);
    node_add_input(drop, x.node, 0);
    node_add_output(drop, "drop");
    node_add_output(drop, "mask");
    x.node = graph_edit_add(b.e, drop);
    build_output(&b, build_relu(&b, x, NULL));
    g = finished(&b);
    compare(g, 1, "dropout");
    e = compiled(g, 1, false);
    t = exec_profile(e, &n);
    for (int i = 0; i < n; i++)
        skipped += t[i].into >= 0;
    assert_int_equal(skipped, 2); /* and the function */
    exec_free(e);
    graph_unref(g);
}

/* ---- tangles ---- */

enum { TAPS = 14 };

/* One more value, of those that are there: mostly of late ones, so that buffers end and begin. */
static struct tap grow(struct builder *b, const struct tap *all, int n, struct rng *r)
{
    static const int64_t widths[] = {8, 16, 32, 48};
    struct tap x[3];

    for (int i = 0; i < 3; i++)
        x[i] = all[n - 1 - (int)rng_below(r, (uint64_t)(n < 5 ? n : 5))];
    switch (rng_below(r, 6)) {
    case 0:
    case 1:
        return conv(b, x[0], widths[rng_below(r, 4)], rng_below(r, 2) ? 1 : 3);
    case 2:
        return build_relu(b, x[0], NULL);
    case 3:
        return x[0].c == x[1].c ? build_add(b, x[0], x[1], NULL) : build_bn(b, x[0], NULL);
    default:
        return build_concat(b, x, 2 + (int)rng_below(r, 2), NULL);
    }
}

static struct graph *tangle(struct rng *r)
{
    struct builder b;
    struct tap all[TAPS];

    build_init(&b, "tangle", rng_u64(r), BUILD_SYMMETRIC);
    all[0] = build_input(&b, 16, 5, 5);
    for (int i = 1; i < TAPS; i++) {
        all[i] = grow(&b, all, i, r);
        if (all[i].c > 400)
            all[i] = conv(&b, all[i], 32, 1);
    }
    if (rng_below(r, 2))
        add_output(&b, all[TAPS / 2], "between");
    build_output(&b, all[TAPS - 1]);
    return finished(&b);
}

static void test_tangles(void **state)
{
    struct rng r = rng_for(5, 0);
    int in_place = 0;

    (void)state;
    for (int i = 0; i < 300; i++) {
        struct graph *g = tangle(&r);
        char what[32];

        snprintf(what, sizeof what, "tangle %d", i);
        in_place += compare(g, 1 + i % 4 / 3, what);
        graph_unref(g);
    }
    assert_true(in_place > 100);
    print_message("%d inputs of Concats are written into place\n", in_place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fire),
        cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_tangles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
