/* Random replacements in the networks of the zoo, judged by what must hold for every child: its
 * types follow from its inputs alone, libonnx agrees, the outside is untouched, and a region
 * replaced by itself is the same network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/hash.h"
#include "base/rng.h"
#include "base/vec.h"
#include "family/family.h"
#include "mutate/mutate.h"
#include "onx/onx.h"
#include "shape/shape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_REGION = 12, MUTATIONS = 240, FRAGMENTS = 900, CHECK_EVERY = 25 };

static const char *const zoo[] = {"zoo:resnet50", "zoo:vgg16", "zoo:mobilenetv2", "zoo:edsr",
                                  "zoo:unet"};
enum { N_ZOO = sizeof zoo / sizeof *zoo };

struct piece {
    int n_in, n_out;
    struct graph *g;
};

struct setup {
    struct graph *model[N_ZOO];
    VEC(struct graph *) other;
    VEC(struct piece) piece;
};

/* ---- random regions and fragments ---- */

static bool inside_ops(const struct graph *g, int32_t id)
{
    enum op op = graph_node(g, id)->op;
    return op != OP_INPUT && op != OP_OUTPUT && op != OP_OPAQUE;
}

static bool holds(const int32_t *ids, int n, int32_t id)
{
    for (int i = 0; i < n; i++)
        if (ids[i] == id)
            return true;
    return false;
}

/* A neighbour of the set, at random; -1 when there is none. */
static int32_t neighbour(const struct graph *g, const int32_t *ids, int n, struct rng *rng)
{
    VEC(int32_t) all = {0};
    for (int i = 0; i < n; i++) {
        const struct node *nd = graph_node(g, ids[i]);
        for (int k = 0; k < nd->n_in; k++)
            if (nd->in[k].node >= 0)
                vec_push(&all, nd->in[k].node);
        int n_uses;
        const struct use *use = graph_uses(g, ids[i], &n_uses);
        for (int k = 0; k < n_uses; k++)
            vec_push(&all, use[k].node);
    }
    size_t kept = 0;
    for (size_t i = 0; i < all.n; i++)
        if (inside_ops(g, all.at[i]) && !holds(ids, n, all.at[i]))
            all.at[kept++] = all.at[i];
    int32_t id = kept ? all.at[rng_below(rng, kept)] : -1;
    vec_done(&all);
    return id;
}

static void random_region(struct region *r, const struct graph *g, struct rng *rng)
{
    int32_t ids[MAX_REGION];
    int want = 1 + (int)rng_below(rng, MAX_REGION), n = 1;
    do
        ids[0] = graph_topo(g)[rng_below(rng, (uint64_t)graph_n_nodes(g))];
    while (!inside_ops(g, ids[0]));
    assert_int_equal(region_init(r, g, ids, 1, NULL), ST_OK);
    for (int tries = 0; n < want && tries < 4 * MAX_REGION; tries++) {
        struct region more;
        int32_t id = neighbour(g, ids, n, rng);
        if (id < 0)
            return;
        ids[n] = id;
        assert_int_equal(region_init(&more, g, ids, n + 1, NULL), ST_OK);
        if (region_is_convex(g, &more)) {
            region_done(r);
            *r = more;
            n++;
        } else {
            region_done(&more);
        }
    }
    assert_true(region_is_connected(g, r));
}

static struct graph *build(const char *spec)
{
    struct err err = {0};
    struct graph *g = NULL;
    if (family_build(spec, 1, &g, &err) != ST_OK)
        fail_msg("%s: %s", spec, err.msg);
    return g;
}

static int set_up(void **state)
{
    static const char *const family[] = {"nb201", "hiaml", "inception"};
    struct setup *s = x_calloc(1, sizeof *s);
    struct rng rng = rng_for(11, 0);
    for (int i = 0; i < N_ZOO; i++)
        s->model[i] = build(zoo[i]);
    for (size_t f = 0; f < 3; f++)
        for (int i = 0; i < 4; i++) {
            char *spec = family_sample(family[f], 5, i);
            vec_push(&s->other, build(spec));
            free(spec);
        }
    for (int i = 0; i < FRAGMENTS; i++) {
        size_t k = rng_below(&rng, N_ZOO + s->other.n);
        const struct graph *g = k < N_ZOO ? s->model[k] : s->other.at[k - N_ZOO];
        struct region r;
        struct piece p;
        random_region(&r, g, &rng);
        p.n_in = r.n_in;
        p.n_out = r.n_out;
        assert_int_equal(region_extract(g, &r, &p.g, NULL), ST_OK);
        vec_push(&s->piece, p);
        region_done(&r);
    }
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct setup *s = *state;
    for (int i = 0; i < N_ZOO; i++)
        graph_unref(s->model[i]);
    for (size_t i = 0; i < s->other.n; i++)
        graph_unref(s->other.at[i]);
    for (size_t i = 0; i < s->piece.n; i++)
        graph_unref(s->piece.at[i].g);
    vec_done(&s->other);
    vec_done(&s->piece);
    free(s);
    return 0;
}

/* A fragment with the region's counts, at random; NULL when there is none. */
static struct graph *fitting(const struct setup *s, const struct region *r, struct rng *rng)
{
    size_t start = rng_below(rng, s->piece.n);
    for (size_t i = 0; i < s->piece.n; i++) {
        const struct piece *p = &s->piece.at[(start + i) % s->piece.n];
        if (p->n_in == r->n_in && p->n_out == r->n_out)
            return graph_ref(p->g);
    }
    return NULL;
}

/* ---- what must hold ---- */

/* Inference from the inputs and constants alone must find the child's types. */
static void check_types(const struct graph *child)
{
    struct graph_edit *e = graph_edit_new(child);
    struct graph *bare, *again;
    struct err err = {0};
    struct ttype unknown = ttype_unknown();
    for (int32_t id = 0; id < graph_n_slots(child); id++) {
        const struct node *n = graph_node(child, id);
        for (int k = 0; n && n->op != OP_INPUT && k < n->n_out; k++)
            graph_edit_set_type(e, (struct value_ref){id, k}, &unknown);
    }
    assert_int_equal(graph_edit_freeze(e, &bare, &err), ST_OK);
    if (shape_infer(bare, &again, &err) != ST_OK)
        fail_msg("%s", err.msg);
    for (int32_t id = 0; id < graph_n_slots(child); id++) {
        const struct node *n = graph_node(child, id);
        for (int k = 0; n && k < n->n_out; k++)
            assert_true(ttype_equal(&n->out[k].type, &graph_node(again, id)->out[k].type));
    }
    graph_unref(bare);
    graph_unref(again);
}

static bool is_region_out(const struct region *r, const struct node_input *in)
{
    for (int i = 0; i < r->n_out; i++)
        if (r->out[i].node == in->node && r->out[i].port == in->port)
            return true;
    return false;
}

static void check_outside(const struct graph *g, const struct region *r, const struct graph *child)
{
    for (int32_t id = 0; id < graph_n_slots(g); id++) {
        const struct node *a = graph_node(g, id), *b = graph_node(child, id);
        if (!a || region_has(r, id)) {
            assert_null(b);
            continue;
        }
        if (a == b)
            continue;
        assert_non_null(b);
        assert_int_equal(a->op, b->op);
        assert_string_equal(a->name, b->name);
        assert_int_equal(a->n_attr, b->n_attr);
        assert_int_equal(a->n_in, b->n_in);
        assert_int_equal(a->n_out, b->n_out);
        for (int k = 0; k < a->n_out; k++) {
            assert_string_equal(a->out[k].name, b->out[k].name);
            assert_true(ttype_equal(&a->out[k].type, &b->out[k].type));
        }
        bool rewired = false;
        for (int k = 0; k < a->n_in; k++) {
            if (is_region_out(r, &a->in[k])) {
                rewired = true;
                assert_true(b->in[k].node >= 0);
            } else {
                assert_memory_equal(&a->in[k], &b->in[k], sizeof a->in[k]);
            }
        }
        assert_true(rewired);
    }
}

static void check_added(const struct graph *g, const struct candidate *c)
{
    for (int i = 0; i < c->n_added; i++) {
        assert_true(c->added[i] >= graph_n_slots(g));
        assert_int_equal(graph_node(c->graph, c->added[i])->op,
                         graph_node(c->plan.fragment, c->from[i])->op);
    }
    struct strmap names = {0};
    for (int32_t id = 0; id < graph_n_slots(c->graph); id++) {
        const struct node *n = graph_node(c->graph, id);
        for (int k = 0; n && k < n->n_out; k++) {
            assert_true(n->out[k].name[0] != '\0');
            if (*strmap_put(&names, n->out[k].name, id) != id)
                fail_msg("value name '%s' is used twice", n->out[k].name);
        }
    }
    strmap_done(&names);
    struct cost after;
    cost_graph(c->graph, &after);
    assert_int_equal(after.params, c->after.params);
    assert_int_equal(after.macs, c->after.macs);
}

static void check_same(const struct graph *g, const struct graph *child)
{
    struct graph_diff d;
    assert_true(graph_hash(g) == graph_hash(child));
    graph_diff_init(&d, g, child, false);
    if (d.n_added || d.n_removed || d.n_changed) {
        const char *first = d.n_added     ? node_label(graph_node(child, d.added[0]))
                            : d.n_removed ? node_label(graph_node(g, d.removed[0]))
                                          : node_label(graph_node(g, d.changed_a[0]));
        fail_msg("%d added, %d removed, %d changed, '%s' first", d.n_added, d.n_removed,
                 d.n_changed, first);
    }
    graph_diff_done(&d);
}

static void check_onnx(const struct graph *child, int nth)
{
    struct err err = {0};
    if (onx_check(child, &err) != ST_OK)
        fail_msg("child %d: %s", nth, err.msg);
}

static void replace(const struct graph *g, const struct region *r, const struct graph *frag,
                    struct candidate *c, uint64_t seed)
{
    struct err err = {0};
    const struct mutate_opts opts = {.seed = seed};
    if (mutate_replace(g, r, frag, &opts, c, &err) != ST_OK)
        fail_msg("%s", err.msg);
}

static void test_random(void **state)
{
    const struct setup *s = *state;
    int accepted = 0, refused = 0, changed = 0;
    double slowest = 0, all = 0;
    for (int m = 0; m < N_ZOO; m++)
        for (int i = 0; i < MUTATIONS; i++) {
            const struct graph *g = s->model[m];
            struct rng rng = rng_for(77, (uint64_t)(m * MUTATIONS + i));
            struct region r;
            struct candidate c;
            random_region(&r, g, &rng);
            struct graph *frag = fitting(s, &r, &rng);
            if (!frag) {
                region_done(&r);
                continue;
            }
            replace(g, &r, frag, &c, (uint64_t)i);
            all += c.ms;
            slowest = c.ms > slowest ? c.ms : slowest;
            if (c.graph) {
                check_types(c.graph);
                check_outside(g, &r, c.graph);
                check_added(g, &c);
                if (accepted % CHECK_EVERY == 0)
                    check_onnx(c.graph, i);
                accepted++;
                changed += c.status == MEND_REPAIRED;
            } else {
                assert_true(c.reason[0] != '\0');
                assert_null(c.plan.fragment); /* what mends also splices */
                refused++;
            }
            candidate_done(&c);
            graph_unref(frag);
            region_done(&r);
        }
    print_message("random: %d accepted (%d of them repaired), %d refused; %.2f ms each, at most "
                  "%.2f ms\n",
                  accepted, changed, refused, all / (accepted + refused), slowest);
    assert_true(accepted + refused >= 1000);
    assert_true(accepted > refused / 4);
}

static void test_self(void **state)
{
    const struct setup *s = *state;
    for (int m = 0; m < N_ZOO; m++)
        for (int i = 0; i < 60; i++) {
            const struct graph *g = s->model[m];
            struct rng rng = rng_for(78, (uint64_t)(m * 1000 + i));
            struct region r;
            struct candidate c;
            struct graph *frag;
            random_region(&r, g, &rng);
            assert_int_equal(region_extract(g, &r, &frag, NULL), ST_OK);
            replace(g, &r, frag, &c, 1);
            if (!c.graph)
                fail_msg("%s, region of '%s': %s", zoo[m], node_label(graph_node(g, r.ids[0])),
                         c.reason);
            assert_int_equal(c.status, MEND_UNCHANGED);
            check_same(g, c.graph);
            check_outside(g, &r, c.graph);
            candidate_done(&c);
            graph_unref(frag);
            region_done(&r);
        }
}

/* How many of the fragments whose counts fit can be repaired to take the place of a part of
 * ResNet-50. */
static void test_share(void **state)
{
    const struct setup *s = *state;
    const struct graph *g = s->model[0];
    int fits = 0, repaired = 0;
    for (int i = 0; i < 150; i++) {
        struct rng rng = rng_for(79, (uint64_t)i);
        struct region r;
        random_region(&r, g, &rng);
        for (int k = 0; k < 6; k++) {
            struct candidate c;
            struct graph *frag = fitting(s, &r, &rng);
            if (!frag)
                continue;
            replace(g, &r, frag, &c, 1);
            fits++;
            repaired += c.graph != NULL;
            candidate_done(&c);
            graph_unref(frag);
        }
        region_done(&r);
    }
    print_message("resnet50: %d of %d replacements of fitting port counts repair (%.0f %%)\n",
                  repaired, fits, 100.0 * repaired / fits);
    assert_true(fits > 400);
    assert_true(2 * repaired >= fits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_self),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_share),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
