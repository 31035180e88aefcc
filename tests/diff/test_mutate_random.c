/* Random replacements in the networks of the zoo, the families and some files, judged by what must
 * hold for every child: its types follow from its inputs alone, libonnx agrees, the outside is
 * untouched, and a region replaced by itself is the same network. */
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
#include "random_region.h"
#include "segdb/segdb.h"
#include "shape/shape.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    MUTATIONS = 500,
    FRAGMENTS = 900,
    RECORDS = 600,
    SHARE = 120,
    CHECK_EVERY = 25,
    CHILDREN = 1000
};

static const char *const zoo[] = {"zoo:resnet50", "zoo:vgg16", "zoo:mobilenetv2", "zoo:edsr",
                                  "zoo:unet"};
enum { N_ZOO = sizeof zoo / sizeof *zoo };

struct piece {
    int n_in, n_out;
    struct graph *g;
};

struct model {
    char *name;
    struct graph *g;
};

struct setup {
    VEC(struct model) model; /* the zoo first */
    VEC(struct piece) piece;
};

/* ---- random fragments ---- */

static struct graph *build(const char *spec)
{
    struct err err = {0};
    struct graph *g = NULL;
    if (family_build(spec, 1, &g, &err) != ST_OK)
        fail_msg("%s: %s", spec, err.msg);
    return g;
}

static void add_models(struct setup *s)
{
    static const char *const family[] = {"nb201", "hiaml", "inception", "twopath", "nb101"};
    static const char *const file[] = {"light_resnet50", "light_squeezenet", "light_vgg19"};
    for (int i = 0; i < N_ZOO; i++)
        vec_push(&s->model, (struct model){x_strdup(zoo[i]), build(zoo[i])});
    for (size_t f = 0; f < sizeof family / sizeof *family; f++)
        for (int i = 0; i < 4; i++) {
            char *spec = family_sample(family[f], 5, i);
            if (spec)
                vec_push(&s->model, (struct model){spec, build(spec)});
        }
    const char *shared = getenv("AUTOGO_SHARED");
    for (size_t i = 0; i < sizeof file / sizeof *file; i++) {
        struct graph *g, *typed;
        char *path =
            x_asprintf("%s/data/onnx/%s.onnx", shared ? shared : SRCDIR "/../shared", file[i]);
        if (onx_load(&g, path, NULL) == ST_OK) {
            if (shape_infer(g, &typed, NULL) == ST_OK)
                vec_push(&s->model, (struct model){x_strdup(file[i]), typed});
            graph_unref(g);
        } else {
            print_message("skipped: %s is not there\n", path);
        }
        free(path);
    }
}

static void add_records(struct setup *s, struct rng *rng)
{
    struct segdb *db;
    if (segdb_open(&db, (const char *const[]){SRCDIR "/segments/segments.db"}, 1, NULL) != ST_OK) {
        print_message("skipped: no segment database\n");
        return;
    }
    for (int i = 0; i < RECORDS; i++) {
        struct segdb_record rec;
        if (segdb_get(db, 1 + (int64_t)rng_below(rng, (uint64_t)segdb_count(db)), &rec, NULL))
            continue;
        vec_push(&s->piece, (struct piece){rec.n_in, rec.n_out, graph_ref(rec.fragment)});
        segdb_record_done(&rec);
    }
    segdb_abandon(db);
}

static int set_up(void **state)
{
    struct setup *s = x_calloc(1, sizeof *s);
    struct rng rng = rng_for(11, 0);
    add_models(s);
    for (int i = 0; i < FRAGMENTS; i++) {
        const struct graph *g = s->model.at[rng_below(&rng, s->model.n)].g;
        struct region r;
        struct piece p;
        random_region(&r, g, &rng);
        p.n_in = r.n_in;
        p.n_out = r.n_out;
        assert_int_equal(region_extract(g, &r, &p.g, NULL), ST_OK);
        vec_push(&s->piece, p);
        region_done(&r);
    }
    add_records(s, &rng);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct setup *s = *state;
    for (size_t i = 0; i < s->model.n; i++) {
        free(s->model.at[i].name);
        graph_unref(s->model.at[i].g);
    }
    for (size_t i = 0; i < s->piece.n; i++)
        graph_unref(s->piece.at[i].g);
    vec_done(&s->model);
    vec_done(&s->piece);
    free(s);
    return 0;
}

/* A fragment with the region's counts (r NULL: any), at random; NULL when there is none. */
static struct graph *fitting(const struct setup *s, const struct region *r, struct rng *rng)
{
    size_t start = rng_below(rng, s->piece.n);
    if (!r)
        return graph_ref(s->piece.at[start].g);
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

static void check_outside(const struct graph *g, const struct region *r, const struct candidate *c)
{
    for (int32_t id = 0; id < graph_n_slots(g); id++) {
        const struct node *a = graph_node(g, id), *b = graph_node(c->graph, id);
        bool grown = holds(c->grown, c->n_grown, id), rewired = grown;
        if (!a || region_has(r, id)) {
            assert_null(b);
            continue;
        }
        if (a == b) {
            assert_false(grown);
            continue;
        }
        assert_non_null(b);
        assert_int_equal(a->op, b->op);
        assert_string_equal(a->name, b->name);
        assert_int_equal(a->n_in, b->n_in);
        assert_int_equal(a->n_out, b->n_out);
        for (int k = 0; k < a->n_out; k++) {
            assert_string_equal(a->out[k].name, b->out[k].name);
            assert_true(grown || ttype_equal(&a->out[k].type, &b->out[k].type));
        }
        for (int k = 0; k < a->n_in; k++) {
            if (is_region_out(r, &a->in[k])) {
                rewired = true;
                assert_true(b->in[k].node >= 0);
            } else if (!grown || !a->in[k].tensor) {
                assert_memory_equal(&a->in[k], &b->in[k], sizeof a->in[k]);
            } else {
                assert_string_equal(tensor_name(a->in[k].tensor), tensor_name(b->in[k].tensor));
            }
        }
        assert_true(rewired);
        assert_true(grown || node_same_attrs(a, b));
    }
}

/* Nothing is computed for nobody, unless it was so before. */
static void check_used(const struct graph *g, const struct candidate *c)
{
    for (int32_t id = 0; id < graph_n_slots(c->graph); id++) {
        const struct node *n = graph_node(c->graph, id);
        int uses, before = 1;
        if (!n || n->op == OP_OUTPUT)
            continue;
        graph_uses(c->graph, id, &uses);
        if (graph_node(g, id))
            graph_uses(g, id, &before);
        for (int i = 0; i < c->n_added; i++)
            if (c->added[i] == id)
                graph_uses(c->plan.fragment, c->from[i], &before);
        if (!uses && before && n->op != OP_INPUT)
            fail_msg("node '%s' (%s) has no use", node_label(n), node_op_type(n));
    }
}

static void check_adapters(const struct candidate *c, const struct region *r,
                           const struct mutate_opts *opts)
{
    static const enum op op[] = {[ADAPT_CONV1X1] = OP_CONV,
                                 [ADAPT_POOL] = OP_AVGPOOL,
                                 [ADAPT_RESIZE] = OP_RESIZE,
                                 [ADAPT_IDENTITY] = OP_IDENTITY,
                                 [ADAPT_ADD] = OP_ADD};
    assert_true(c->n_grown <= opts->grow);
    assert_true(opts->adapt || !c->n_adapter);
    assert_true(!c->n_adapter || !c->n_grown);
    for (int i = 0; i < c->n_adapter; i++) {
        const struct adapter *a = &c->adapter[i];
        assert_true(holds(c->added, c->n_added, a->node));
        assert_int_equal(graph_node(c->graph, a->node)->op, op[a->kind]);
        assert_true(a->port >= 0 && a->port < (a->at_input ? r->n_in : r->n_out));
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
    graph_diff_init(&d, g, child, 0);
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
                    struct candidate *c, const struct mutate_opts *opts)
{
    struct err err = {0};
    if (mutate_replace(g, r, frag, opts, c, &err) != ST_OK)
        fail_msg("%s", err.msg);
}

/* ---- children as files ---- */

/* Large weights become ConstantOfShape nodes: what is checked is the form of the file. */
static struct graph *light(const struct graph *g)
{
    struct graph_edit *e = graph_edit_new(g);
    struct graph *out;
    for (int32_t id = 0; id < graph_n_slots(g); id++) {
        const struct node *n = graph_node(g, id);
        for (int k = 0; n && k < n->n_in; k++) {
            const struct tensor *t = n->in[k].tensor;
            if (!t || tensor_count(t) < 256 || tensor_type(t)->dtype != DT_FLOAT)
                continue;
            struct tensor *fill = tensor_new_fill(tensor_name(t), tensor_type(t), 0.01);
            tensor_mark_node(fill, "");
            node_set_input(graph_edit_mut(e, id), k, IN_CONST, 0, fill);
        }
    }
    assert_int_equal(graph_edit_freeze(e, &out, NULL), ST_OK);
    return out;
}

static void write_child(const struct graph *child, const char *dir, int nth)
{
    struct err err = {0};
    struct graph *g = light(child);
    char *path = x_asprintf("%s/%04d.onnx", dir, nth);
    if (onx_save(g, path, &err) != ST_OK || onx_check_file(path, &err) != ST_OK)
        fail_msg("%s: %s", path, err.msg);
    free(path);
    graph_unref(g);
}

/* ---- the tests ---- */

struct counts {
    int accepted, refused, repaired, grown, adapted, written;
    double slowest, all;
};

static void check_child(const struct graph *g, const struct region *r, const struct candidate *c,
                        const struct mutate_opts *opts)
{
    check_types(c->graph);
    check_outside(g, r, c);
    check_added(g, c);
    check_used(g, c);
    check_adapters(c, r, opts);
}

/* One random replacement, with grow and adapt at random. */
static void one_child(const struct setup *s, uint64_t seed, struct counts *n, const char *dir)
{
    struct rng rng = rng_for(seed, 1);
    const struct graph *g = s->model.at[rng_below(&rng, s->model.n)].g;
    struct mutate_opts opts = {.seed = seed};
    struct region r;
    struct candidate c;
    random_region(&r, g, &rng);
    if (rng_below(&rng, 2))
        opts.grow = 1 + (int)rng_below(&rng, 8);
    opts.adapt = rng_below(&rng, 3) == 0;
    opts.mend.time_limit_s = 30; /* what is found must not depend on the machine */
    struct graph *frag = fitting(s, opts.adapt && rng_below(&rng, 2) ? NULL : &r, &rng);
    if (frag) {
        replace(g, &r, frag, &c, &opts);
        n->all += c.ms;
        n->slowest = c.ms > n->slowest ? c.ms : n->slowest;
        if (c.graph) {
            check_child(g, &r, &c, &opts);
            if (n->accepted % CHECK_EVERY == 0)
                check_onnx(c.graph, (int)seed);
            if (dir && n->written < CHILDREN && rng_below(&rng, 3) == 0) {
                check_onnx(c.graph, (int)seed);
                write_child(c.graph, dir, n->written++);
            }
            n->accepted++;
            n->repaired += c.status == MEND_REPAIRED;
            n->grown += c.n_grown > 0;
            n->adapted += c.n_adapter > 0;
        } else {
            assert_true(c.reason[0] != '\0');
            n->refused++;
        }
        candidate_done(&c);
        graph_unref(frag);
    }
    region_done(&r);
}

/* AUTOGO_HEAVY=N: so many accepted children; AUTOGO_CHILDREN=DIR: some of them as files. */
static void test_random(void **state)
{
    const struct setup *s = *state;
    struct counts n = {0};
    const char *heavy = getenv("AUTOGO_HEAVY"), *from = getenv("AUTOGO_SEED");
    int64_t want = MUTATIONS, first = 0;
    if (heavy)
        assert_true(str_to_i64(heavy, 1, 100000000, &want));
    if (from)
        assert_true(str_to_i64(from, 0, 1000000, &first));
    uint64_t seed = (uint64_t)first << 32;
    while (n.accepted < want)
        one_child(s, seed++, &n, getenv("AUTOGO_CHILDREN"));
    print_message(
        "random: %d accepted (%d repaired: %d with changes outside, %d with adapters), %d "
        "refused; %.2f ms each, at most %.1f ms; %d written\n",
        n.accepted, n.repaired, n.grown, n.adapted, n.refused, n.all / (n.accepted + n.refused),
        n.slowest, n.written);
    assert_true(n.accepted > n.refused / 2);
    assert_true(n.grown > n.accepted / 100 && n.adapted > n.accepted / 20);
}

static void test_self(void **state)
{
    const struct setup *s = *state;
    const struct mutate_opts opts = {.seed = 1, .grow = 4, .adapt = true};
    for (int m = 0; m < N_ZOO; m++)
        for (int i = 0; i < 60; i++) {
            const struct graph *g = s->model.at[m].g;
            struct rng rng = rng_for(78, (uint64_t)(m * 1000 + i));
            struct region r;
            struct candidate c;
            struct graph *frag;
            random_region(&r, g, &rng);
            assert_int_equal(region_extract(g, &r, &frag, NULL), ST_OK);
            replace(g, &r, frag, &c, &opts);
            if (!c.graph)
                fail_msg("%s, region of '%s': %s", zoo[m], node_label(graph_node(g, r.ids[0])),
                         c.reason);
            assert_int_equal(c.status, MEND_UNCHANGED);
            assert_int_equal(c.n_grown + c.n_adapter, 0);
            check_same(g, c.graph);
            check_outside(g, &r, &c);
            candidate_done(&c);
            graph_unref(frag);
            region_done(&r);
        }
}

/* How many fragments whose counts fit can take the place of a part of a network: alone, with
 * changes outside, with adapters. What one way can, those after it can too. */
static void test_share(void **state)
{
    static const int model[] = {0, 2, 4};
    static const struct mutate_opts ways[] = {
        {.seed = 1, .mend = {.time_limit_s = 30}},
        {.seed = 1, .mend = {.time_limit_s = 30}, .grow = 8},
        {.seed = 1, .mend = {.time_limit_s = 30}, .grow = 8, .adapt = true}};
    const struct setup *s = *state;
    for (int m = 0; m < 3; m++) {
        int fits = 0, done[3] = {0};
        double ms[3] = {0};
        for (int i = 0; i < SHARE; i++) {
            const struct graph *g = s->model.at[model[m]].g;
            struct rng rng = rng_for(79, (uint64_t)i);
            struct region r;
            random_region(&r, g, &rng);
            struct graph *frag = fitting(s, &r, &rng);
            for (int w = 0; w < 3 && frag; w++) {
                struct candidate c;
                replace(g, &r, frag, &c, &ways[w]);
                ms[w] += c.ms;
                fits += w == 0;
                done[w] += c.graph != NULL;
                candidate_done(&c);
            }
            graph_unref(frag);
            region_done(&r);
        }
        print_message("%s: of %d replacements of fitting port counts %.0f %% fit alone (%.2f ms), "
                      "%.0f %% with up to 8 nodes outside (%.2f ms), %.0f %% with adapters (%.2f "
                      "ms)\n",
                      zoo[model[m]], fits, 100.0 * done[0] / fits, ms[0] / fits,
                      100.0 * done[1] / fits, ms[1] / fits, 100.0 * done[2] / fits, ms[2] / fits);
        assert_true(fits > SHARE / 2);
        assert_true(done[0] < done[1] && done[1] < done[2]);
        assert_true(m || 2 * done[0] >= fits);
    }
}

struct alarm {
    int us, cancel;
};

static void *ring(void *arg)
{
    struct alarm *a = arg;
    nanosleep(&(struct timespec){.tv_nsec = 1000L * a->us}, NULL);
    __atomic_store_n(&a->cancel, 1, __ATOMIC_RELAXED);
    return NULL;
}

/* Cancelled at any moment: either done or nothing happened (leaks are for the sanitizer). */
static void test_cancelled(void **state)
{
    const struct setup *s = *state;
    const struct graph *g = s->model.at[4].g;
    int n_cancelled = 0;
    for (int i = 0; i < 200; i++) {
        struct rng rng = rng_for(80, (uint64_t)i);
        struct alarm a = {.us = (int)rng_below(&rng, 3000)};
        struct mutate_opts opts = {.seed = 1, .grow = 8, .adapt = true, .mend.cancel = &a.cancel};
        struct region r;
        struct candidate c, before;
        pthread_t thread;
        random_region(&r, g, &rng);
        struct graph *frag = fitting(s, NULL, &rng);
        memset(&c, 0x5a, sizeof c);
        before = c;
        assert_int_equal(pthread_create(&thread, NULL, ring, &a), 0);
        enum status st = mutate_replace(g, &r, frag, &opts, &c, NULL);
        pthread_join(thread, NULL);
        assert_true(st == ST_OK || st == ST_CANCELLED);
        if (st == ST_OK)
            candidate_done(&c);
        else
            assert_memory_equal(&c, &before, sizeof c);
        n_cancelled += st == ST_CANCELLED;
        graph_unref(frag);
        region_done(&r);
    }
    print_message("cancelled: %d of 200\n", n_cancelled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_self),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_share),
        cmocka_unit_test(test_cancelled),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
