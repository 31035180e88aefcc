/* Children of random replacements are run: their outputs are finite and of the inferred shapes,
 * what is folded and fused gives what the nodes say one by one, and a region replaced by itself
 * changes no bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "exec/trial.h"
#include "family/family.h"
#include "mutate/mutate.h"
#include "random_region.h"
#include "shape/shape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CHILDREN = 200, SELVES = 60, FRAGMENTS = 400 };

/* Small inputs: what is tested is what happens to the nodes, which have no size of their own. */
static const struct {
    const char *spec;
    int64_t channels, size;
} zoo[] = {
    {"zoo:resnet50", 3, 64}, {"zoo:mobilenetv2", 3, 64}, {"zoo:unet", 1, 32},
    {"zoo:fsrcnn", 1, 16},   {"zoo:edsr-body", 64, 8},
};
enum { N_ZOO = sizeof zoo / sizeof *zoo };

struct setup {
    VEC(struct graph *) model; /* the zoo first */
    VEC(struct graph *) piece;
};

static struct graph *build(const char *spec)
{
    struct err err = {0};
    struct graph *g = NULL;
    if (family_build(spec, 1, &g, &err) != ST_OK)
        fail_msg("%s: %s", spec, err.msg);
    return g;
}

/* With the values of its weights, so that each run need not draw them anew. */
static struct graph *drawn(const struct graph *g)
{
    struct graph_edit *e = graph_edit_new(g);
    struct graph *out;
    for (int32_t id = 0; id < graph_n_slots(g); id++) {
        const struct node *n = graph_node(g, id);
        for (int k = 0; n && k < n->n_in; k++) {
            const struct tensor *t = n->in[k].tensor;
            if (!t || tensor_kind(t) != TENSOR_HE)
                continue;
            void *bytes = x_malloc(tensor_size(t));
            tensor_read(t, bytes);
            node_set_input(graph_edit_mut(e, id), k, IN_CONST, 0,
                           tensor_new_bytes(tensor_name(t), tensor_type(t), bytes, tensor_size(t)));
            free(bytes);
        }
    }
    assert_int_equal(graph_edit_freeze(e, &out, NULL), ST_OK);
    return out;
}

static int set_up(void **state)
{
    struct setup *s = x_calloc(1, sizeof *s);
    struct rng rng = rng_for(21, 0);
    for (int i = 0; i < N_ZOO; i++) {
        struct ttype t = ttype_nchw(1, zoo[i].channels, zoo[i].size, zoo[i].size);
        struct graph *g = build(zoo[i].spec), *fixed;
        assert_int_equal(shape_set_input(g, "", &t, &fixed, NULL), ST_OK);
        vec_push(&s->model, drawn(fixed));
        graph_unref(fixed);
        graph_unref(g);
    }
    for (int f = 0; family_name_at(f); f++)
        for (int i = 0; i < 4; i++) {
            char family[32], *spec;
            snprintf(family, sizeof family, "%s@s", family_name_at(f));
            spec = family_sample(family, 6, i);
            vec_push(&s->model, build(spec));
            free(spec);
        }
    for (int i = 0; i < FRAGMENTS; i++) {
        const struct graph *g = s->model.at[rng_below(&rng, s->model.n)];
        struct region r;
        struct graph *frag;
        random_region(&r, g, &rng);
        assert_int_equal(region_extract(g, &r, &frag, NULL), ST_OK);
        vec_push(&s->piece, frag);
        region_done(&r);
    }
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct setup *s = *state;
    for (size_t i = 0; i < s->model.n; i++)
        graph_unref(s->model.at[i]);
    for (size_t i = 0; i < s->piece.n; i++)
        graph_unref(s->piece.at[i]);
    vec_done(&s->model);
    vec_done(&s->piece);
    free(s);
    return 0;
}

static void try_out(struct trial *t, const struct graph *g, bool plain, const char *what)
{
    const struct trial_opts opts = {.seed = 5, .plain = plain};
    struct err err = {0};
    if (trial_run(t, g, &opts, &err) != ST_OK)
        fail_msg("%s: %s", what, err.msg);
    if (t->fault[0])
        fail_msg("%s: %s", what, t->fault);
}

/* The shapes that inference finds for one input. */
static void check_shapes(const struct trial *t, const struct graph *g)
{
    int n;
    const int32_t *out = graph_outputs(g, &n);
    assert_int_equal(t->n_out, n);
    for (int i = 0; i < n; i++) {
        struct ttype want = *graph_input_type(g, graph_node(g, out[i]), 0);
        if (want.dim[0] < 0)
            want.dim[0] = 1;
        assert_true(ttype_equal(&want, &t->out[i]));
    }
}

/* The largest difference relative to the output's scale. */
static double difference(const struct trial *a, const struct trial *b)
{
    struct trial_diff d;
    char why[256];
    if (!trial_compare(a, b, &d, why, sizeof why))
        fail_msg("%s", why);
    return d.max_rel;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static struct graph *random_child(const struct setup *s, uint64_t seed)
{
    struct rng rng = rng_for(seed, 2);
    const struct graph *g = s->model.at[rng_below(&rng, s->model.n)];
    const struct graph *frag = s->piece.at[rng_below(&rng, s->piece.n)];
    struct mutate_opts opts = {.seed = seed, .mend.time_limit_s = 30};
    struct region r;
    struct candidate c;
    struct graph *child = NULL;
    random_region(&r, g, &rng);
    opts.grow = (int)rng_below(&rng, 8);
    opts.adapt = rng_below(&rng, 2) == 0;
    assert_int_equal(mutate_replace(g, &r, frag, &opts, &c, NULL), ST_OK);
    if (c.graph)
        child = graph_ref(c.graph);
    candidate_done(&c);
    region_done(&r);
    return child;
}

static void test_children(void **state)
{
    const struct setup *s = *state;
    double begun = seconds(), worst = 0;
    uint64_t seed = 0;
    for (int n = 0; n < CHILDREN; seed++) {
        struct graph *child = random_child(s, seed);
        struct trial fast, plain;
        char what[40];
        if (!child)
            continue;
        n++;
        snprintf(what, sizeof what, "seed %llu", (unsigned long long)seed);
        try_out(&fast, child, false, what);
        try_out(&plain, child, true, what);
        check_shapes(&fast, child);
        double d = difference(&fast, &plain);
        if (d > 1e-4)
            fail_msg("%s: folding changes the outputs by %g", what, d);
        worst = d > worst ? d : worst;
        trial_done(&fast);
        trial_done(&plain);
        graph_unref(child);
    }
    print_message("%d children of %llu tries ran, finite and as inferred, in %.1f s; folding "
                  "changes at most %.1e\n",
                  CHILDREN, (unsigned long long)seed, seconds() - begun, worst);
}

static void test_self(void **state)
{
    const struct mutate_opts opts = {.seed = 1, .grow = 4, .adapt = true};
    const struct setup *s = *state;
    for (size_t m = 0; m < s->model.n; m++) {
        const struct graph *g = s->model.at[m];
        struct trial before, plain;
        try_out(&before, g, false, "the network");
        try_out(&plain, g, true, "the network");
        assert_true(difference(&before, &plain) <= 1e-4);
        trial_done(&plain);
        for (int i = 0; i < SELVES / (int)s->model.n; i++) {
            struct rng rng = rng_for(78, (uint64_t)(m * 1000) + (uint64_t)i);
            struct region r;
            struct candidate c;
            struct graph *frag;
            struct trial after;
            random_region(&r, g, &rng);
            assert_int_equal(region_extract(g, &r, &frag, NULL), ST_OK);
            assert_int_equal(mutate_replace(g, &r, frag, &opts, &c, NULL), ST_OK);
            assert_non_null(c.graph);
            try_out(&after, c.graph, false, "replaced by itself");
            if (difference(&before, &after) > 0)
                fail_msg("model %zu, region of '%s': %g", m, node_label(graph_node(g, r.ids[0])),
                         difference(&before, &after));
            trial_done(&after);
            candidate_done(&c);
            graph_unref(frag);
            region_done(&r);
        }
        trial_done(&before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_children),
        cmocka_unit_test(test_self),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
