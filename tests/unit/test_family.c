/* Totals of the networks against published values and independent generators (nodes, edges,
 * parameters, FLOPs), and what the networks look like; their strings are in test_family_text.c. */
#include "base/hash.h"
#include "base/mem.h"
#include "cost/cost.h"
#include "family/family.h"
#include "onx/onx.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct graph *build(const char *spec, uint64_t seed)
{
    struct graph *g = NULL;
    struct err err = {0};
    char text[512];
    if (family_build(spec, seed, &g, &err) != ST_OK)
        fail_msg("%s", err_text(&err, text, sizeof text));
    return g;
}

/* ---- totals ---- */

struct total {
    const char *spec;
    int nodes, edges;
    int64_t params, flops;
};

static void check_totals(const struct total *t, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct graph *g = build(t[i].spec, 1);
        struct cost c;
        cost_graph(g, &c);
        if (graph_n_nodes(g) != t[i].nodes || graph_n_edges(g) != t[i].edges ||
            c.params != t[i].params || c.flops_paper != t[i].flops || c.incomplete)
            fail_msg("%s: %d nodes %d edges %lld params %lld flops; expected %d %d %lld %lld",
                     t[i].spec, graph_n_nodes(g), graph_n_edges(g), (long long)c.params,
                     (long long)c.flops_paper, t[i].nodes, t[i].edges, (long long)t[i].params,
                     (long long)t[i].flops);
        graph_unref(g);
    }
}

static void test_zoo_totals(void **state)
{
    static const struct total t[] = {
        {"zoo:resnet50", 176, 191, 25557032, 8264526800},
        {"zoo:resnet101", 346, 378, 44549160, 15733324752},
        {"zoo:vgg16-gap", 48, 47, 15236136, 30805729232},
        {"zoo:vgg16", 52, 51, 138365992, 31052004304},
        {"zoo:edsr-body", 67, 82, 1218624, 140739379200},
        {"zoo:mobilenetv2", 153, 162, 3504872, 641342672},
        {"zoo:fsrcnn-3", 16, 15, 5680, 2657894400},
        {"zoo:fsrcnn-4", 18, 17, 8032, 3758284800},
        {"zoo:unet", 56, 60, 4366705, 17033011200},
    };
    (void)state;
    check_totals(t, sizeof t / sizeof *t);
}

/* Totals that are published rounded; `digit` is the unit of the last digit. */
static void test_zoo_rounded(void **state)
{
    static const struct {
        const char *spec;
        int nodes, edges;
        int64_t params;
        double macs, macs_digit, flops, flops_digit;
    } t[] = {
        {"zoo:resnet50", 176, 191, 25557032, 4.0892e9, 1e5, 0, 0},
        {"zoo:resnet101", 346, 378, 44549160, 7.8014e9, 1e5, 0, 0},
        {"zoo:vgg16", 52, 51, 138365992, 15.4703e9, 1e5, 0, 0},
        {"zoo:vgg16-gap", 48, 47, 15236136, 15.3471e9, 1e5, 0, 0},
        {"zoo:mobilenetv2", 153, 162, 3504872, 0.3008e9, 1e5, 0, 0},
        {"zoo:edsr", 72, 88, 1369859, 79.06e9, 1e7, 158.775e9, 1e6},
        {"zoo:edsr-x3", 72, 88, 1554499, 90.18e9, 1e7, 181.042e9, 1e6},
        {"zoo:edsr-x4", 74, 90, 1517571, 114.23e9, 1e7, 229.233e9, 1e6},
        {"zoo:edsr-body", 67, 82, 1218624, 70.0711e9, 1e5, 0, 0},
        {"zoo:fsrcnn", 17, 16, 12637, 12464.0 * 360 * 640, 1, 5.902e9, 2e6},
        {"zoo:unet", 56, 60, 4366705, 8.4817e9, 1e5, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct graph *g = build(t[i].spec, 1);
        struct cost c;
        cost_graph(g, &c);
        assert_int_equal(graph_n_nodes(g), t[i].nodes);
        assert_int_equal(graph_n_edges(g), t[i].edges);
        assert_int_equal(c.params, t[i].params);
        assert_float_equal((double)c.macs, t[i].macs, t[i].macs_digit / 2);
        if (t[i].flops > 0)
            assert_float_equal((double)c.flops_paper, t[i].flops, t[i].flops_digit);
        graph_unref(g);
    }
}

#define NB201_BEST                                                                           \
    "nb201:|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|" \
    "nor_conv_1x1~2|"

static void test_nb201_totals(void **state)
{
    static const struct total t[] = {
        {NB201_BEST, 306, 352, 1038394, 312767892},
        {NB201_BEST "@s", 135, 154, 110274, 8555732},
        {"nb201:|nor_conv_1x1~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|avg_pool_3x3~0|nor_conv_1x1~1|"
         "avg_pool_3x3~2|",
         306, 352, 582554, 179934612},
        {"nb201:|avg_pool_3x3~0|+|skip_connect~0|avg_pool_3x3~1|+|nor_conv_1x1~0|skip_connect~1|"
         "nor_conv_1x1~2|",
         246, 292, 96474, 36656532},
    };
    (void)state;
    check_totals(t, sizeof t / sizeof *t);
}

#define TWOPATH_BEST "twopath:c5!.c5!/dc3+e2c3.c1+r2c3!.e2c3+r2c3+e2c1.r2c3!"
#define NB101_BEST "nb101:7|100101100101000010101|c3,mp,c3,c3,c3"

static void test_family_totals(void **state)
{
    static const struct total t[] = {
        {"hiaml:src1,src1,r30,src3", 107, 118, 2220746, 246314516},
        {"hiaml:z,t31,g30,src7", 137, 150, 2653770, 227857940},
        {"hiaml:a22,b23,j30,t20", 99, 106, 1757002, 185259540},
        {"hiaml:l20,src0,src8,t31", 105, 114, 2644298, 210179604},
        {TWOPATH_BEST, 56, 58, 1780362, 116200468},
        {"twopath:mp3+s5+r2c3!.s5!.c5+c1/dc3.c3!.r2c3!.e2c3+c3+r2c3", 66, 69, 2792874, 113038356},
        {"twopath:r4c3+s3+r2c3!.ap3+e2c3.r2c3!/s5!.c5+r2c3!", 53, 54, 1852410, 89406484},
        {"inception:2*c3:32>32/2*ap3+s3:64>64/2*p3:64>64&d5+c1:32>64/"
         "3*dc1+c5:64>64&s5+c3:64>64&p5+mp3:64>64&d3+p3:64>64",
         186, 210, 2343498, 152149012},
        {"inception:3*p3+mp3+p3:16>16&mp3+c3+s5:16>16&p5+s3:32>16&s3+d3:16>16/6*s5:64>64/"
         "2*c5+mp3:128>128/6*c3+p5+s3:256>256",
         308, 345, 9695098, 627731476},
        {NB101_BEST, 225, 251, 39810442, 11722075156},
        {"nb101:2|1|", 36, 35, 882570, 280538132},
        /* The reference counts 171 and 135 nodes: it lets an operation read fewer channels than it
         * is given. Here a node cuts the odd channel off, in the cells of 256 channels (86, 85 and
         * 85) for the first, in all nine for the second. */
        {"nb101:5|1110101011|c3,mp,c1", 171 + 3, 197 + 3, 2038941, 623241620},
        {"nb101:5|1100011011|c3,mp,c3", 135 + 9, 152 + 9, 2658367, 796489108},
    };
    (void)state;
    check_totals(t, sizeof t / sizeof *t);
}

static void test_reduced_totals(void **state)
{
    static const struct total t[] = {
        {"hiaml:src1,src1,r30,src3@s", 107, 118, 35986, 4107988},
        {TWOPATH_BEST "@s", 56, 58, 75258, 6260628},
        {NB101_BEST "@s", 153, 170, 415610, 31154580},
        {"inception:2*c3:8>8/2*ap3+s3:16>16/1*p3:16>16&d5+c1:8>16/"
         "2*dc1+c5:16>16&s5+c3:16>16&p5+mp3:16>16&d3+p3:16>16@s",
         133, 148, 86058, 1961876},
    };
    (void)state;
    check_totals(t, sizeof t / sizeof *t);
}

/* ---- the zoo as a list, types, weights ---- */

static void test_zoo_list(void **state)
{
    (void)state;
    assert_null(family_zoo_at(-1));
    int n = 0;
    for (const struct family_zoo *z; (z = family_zoo_at(n)); n++) {
        char *spec = x_asprintf("zoo:%s", z->name);
        struct graph *g = build(spec, 7);
        int n_in, n_out;
        const int32_t *in = graph_inputs(g, &n_in), *out = graph_outputs(g, &n_out);
        assert_true(family_is_spec(spec));
        assert_true(strlen(z->summary) > 10);
        assert_int_equal(n_in, 1);
        assert_int_equal(n_out, 1);
        assert_int_equal(graph_opset(g), 13);
        assert_string_equal(graph_name(g), z->name);
        const struct ttype *ti = graph_type(g, (struct value_ref){in[0], 0});
        const struct ttype *to = graph_input_type(g, graph_node(g, out[0]), 0);
        assert_true(DIM_IS_SYM(ti->dim[0]));
        assert_int_equal(to->dim[0], ti->dim[0]);
        assert_string_equal(graph_symbol(g, DIM_SYM_INDEX(ti->dim[0])), "N");
        for (int k = 1; k < to->rank; k++)
            assert_true(to->dim[k] > 0);
        graph_unref(g);
        free(spec);
    }
    assert_int_equal(n, 13);
}

static void test_output_shapes(void **state)
{
    static const struct {
        const char *spec;
        int rank;
        int64_t dim[3];
    } t[] = {
        {"zoo:resnet50", 2, {1000}},       {"zoo:vgg16", 2, {1000}},
        {"zoo:edsr", 4, {3, 640, 360}},    {"zoo:edsr-body", 4, {64, 320, 180}},
        {"zoo:fsrcnn", 4, {1, 720, 1280}}, {"zoo:fsrcnn-3", 4, {1, 720, 1280}},
        {"zoo:unet", 4, {1, 256, 320}},    {NB201_BEST, 2, {10}},
        {"zoo:mobilenetv2", 2, {1000}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct graph *g = build(t[i].spec, 1);
        int n;
        const struct node *out = graph_node(g, graph_outputs(g, &n)[0]);
        const struct ttype *type = graph_input_type(g, out, 0);
        assert_int_equal(type->rank, t[i].rank);
        for (int k = 1; k < t[i].rank; k++)
            assert_int_equal(type->dim[k], t[i].dim[k - 1]);
        graph_unref(g);
    }
}

/* The first element of a node's weight. */
static float weight_of(const struct graph *g, const char *name)
{
    const struct tensor *t = node_const(graph_node(g, graph_find(g, name)), 1);
    float *v = x_malloc(tensor_size(t));
    tensor_read(t, v);
    float first = v[0];
    free(v);
    return first;
}

static void test_names_and_seeds(void **state)
{
    (void)state;
    struct graph *a = build("zoo:resnet50", 3), *b = build("zoo:resnet50", 3),
                 *c = build("zoo:resnet50", 4);
    const struct node *conv = graph_node(a, graph_find(a, "layer3.5.conv2"));
    assert_non_null(conv);
    assert_string_equal(tensor_name(node_const(conv, 1)), "layer3.5.conv2.weight");
    assert_true(graph_find(a, "layer1.0.downsample.1") >= 0);
    const struct node *bn = graph_node(a, graph_find(a, "bn1"));
    assert_string_equal(tensor_name(node_const(bn, 4)), "bn1.running_var");
    assert_float_equal(tensor_num_at(node_const(bn, 4), 63, -1), 1, 0);
    assert_float_equal(tensor_num_at(node_const(bn, 2), 0, -1), 0, 0);
    assert_int_equal(graph_hash(a), graph_hash(b));
    assert_float_equal(weight_of(a, "conv1"), weight_of(b, "conv1"), 0);
    assert_true(weight_of(a, "conv1") != weight_of(c, "conv1"));
    assert_true(weight_of(a, "layer1.1.conv1") != weight_of(a, "layer1.2.conv1"));
    graph_unref(a);
    graph_unref(b);
    graph_unref(c);
}

/* Node and value names must be unique, or export would have to rename. */
static void test_names_unique(void **state)
{
    static const char *const spec[] = {"zoo:resnet101", "zoo:vgg16", "zoo:mobilenetv2",
                                       "zoo:unet",      "zoo:edsr",  NB201_BEST};
    (void)state;
    for (size_t i = 0; i < sizeof spec / sizeof *spec; i++) {
        struct graph *g = build(spec[i], 1);
        for (int k = 0; k < graph_n_nodes(g); k++) {
            int32_t id = graph_topo(g)[k];
            const struct node *n = graph_node(g, id);
            if (n->op != OP_OUTPUT)
                assert_int_equal(graph_find(g, n->name), id);
        }
        graph_unref(g);
    }
}

static void test_checker(void **state)
{
    static const char *const spec[] = {
        "zoo:resnet50",
        "zoo:vgg16",
        "zoo:mobilenetv2",
        "zoo:edsr",
        "zoo:fsrcnn",
        "zoo:fsrcnn-3",
        "zoo:unet",
        NB201_BEST "@s",
        "hiaml:a22,b23,j30,t20@s",
        TWOPATH_BEST "@s",
        NB101_BEST "@s",
        "nb101:5|1100011011|c3,mp,c3@s",
        "nb201:|none~0|+|none~0|none~1|+|none~0|none~1|none~2|@s",
        "inception:2*c3:8>8/2*ap3+s3:16>16/1*p3:16>16&d5+c1:8>16/2*mp3+d3:64>64@s",
    };
    (void)state;
    for (size_t i = 0; i < sizeof spec / sizeof *spec; i++) {
        struct graph *g = build(spec[i], 1);
        struct err err = {0};
        if (onx_check(g, &err) != ST_OK)
            fail_msg("%s: %s", spec[i], err.msg);
        graph_unref(g);
    }
}

/* ---- NB-201 cells with `none` ---- */

/* Every node but the output is used, and the input is reached: `none` leaves nothing dangling. */
static void check_no_dead_ends(const struct graph *g, const char *spec)
{
    for (int k = 0; k < graph_n_nodes(g); k++) {
        int n;
        int32_t id = graph_topo(g)[k];
        graph_uses(g, id, &n);
        if (n == 0 && graph_node(g, id)->op != OP_OUTPUT)
            fail_msg("%s: nothing uses %s", spec, graph_node(g, id)->name);
    }
}

static int count_op(const struct graph *g, enum op op)
{
    int count = 0;
    for (int k = 0; k < graph_n_nodes(g); k++)
        count += graph_node(g, graph_topo(g)[k])->op == op;
    return count;
}

static void test_nb201_space(void **state)
{
    (void)state;
    /* 13 is prime to 5, so all operations meet on all edges */
    for (int i = 0; i < 15625; i += 13) {
        char *s = family_nb201_string(i), *spec = x_asprintf("%s@s", s);
        struct graph *g = build(spec, 1);
        check_no_dead_ends(g, spec);
        graph_unref(g);
        free(spec);
        free(s);
    }
}

static void test_nb201_none(void **state)
{
    static const struct {
        const char *spec;
        int cell, zeros; /* nodes and products with 0 of a cell */
    } t[] = {
        {"nb201:|none~0|+|none~0|none~1|+|none~0|none~1|none~2|@s", 1, 1},
        /* state 1 is zero but not needed */
        {"nb201:|none~0|+|skip_connect~0|none~1|+|none~0|none~1|skip_connect~2|@s", 2, 0},
        /* state 1 is zero and needed: zero, relu conv BN, identity, add */
        {"nb201:|none~0|+|none~0|none~1|+|skip_connect~0|nor_conv_3x3~1|none~2|@s", 6, 1},
        /* what leads to state 2 only is not built */
        {"nb201:|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|none~2|@s", 1, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct graph *g = build(t[i].spec, 1);
        check_no_dead_ends(g, t[i].spec);
        assert_int_equal(graph_n_nodes(g), 3 + 6 * t[i].cell + 2 * 7 + 4);
        assert_int_equal(count_op(g, OP_MUL), 6 * t[i].zeros);
        graph_unref(g);
    }
}

/* ---- samples ---- */

static void test_samples(void **state)
{
    static const char *const variant[] = {"", "@s"};
    (void)state;
    const char *name;
    for (int f = 0; (name = family_name_at(f)); f++) {
        for (int k = 0; k < 2; k++) {
            char *family = x_asprintf("%s%s", name, variant[k]);
            for (int i = 0; i < 20; i++) {
                char *a = family_sample(family, 5, i), *b = family_sample(family, 5, i),
                     *c = family_sample(family, 6, i);
                struct graph *g = build(a, 1);
                assert_string_equal(a, b);
                assert_string_not_equal(a, c);
                assert_int_equal(k == 1, strstr(a, "@s") != NULL);
                check_no_dead_ends(g, a);
                graph_unref(g);
                free(a);
                free(b);
                free(c);
            }
            free(family);
        }
    }
}

/* Means over a family against those of another generator, within the error of a small sample. */
static void test_sample_means(void **state)
{
    static const struct {
        const char *family;
        double mean, nodes; /* MFLOPs of the rule; 0: not stated */
    } t[] = {
        {"hiaml@s", 3.52, 108},
        {"nb201@s", 4.21, 118},
        {"twopath@s", 5.7, 68},
        {"inception@s", 3.7, 235},
    };
    enum { SAMPLES = 300 };
    (void)state;
    for (size_t k = 0; k < sizeof t / sizeof *t; k++) {
        double flops = 0, nodes = 0;
        for (int i = 0; i < SAMPLES; i++) {
            char *s = family_sample(t[k].family, 1, i);
            struct graph *g = build(s, 1);
            struct cost c;
            cost_graph(g, &c);
            flops += (double)c.flops_paper / 1e6 / SAMPLES;
            nodes += (double)graph_n_nodes(g) / SAMPLES;
            graph_unref(g);
            free(s);
        }
        if (flops < t[k].mean * 0.85 || flops > t[k].mean * 1.15 || nodes < t[k].nodes * 0.92 ||
            nodes > t[k].nodes * 1.08)
            fail_msg("%s: %.3f MFLOPs, %.1f nodes; expected about %.2f and %.0f", t[k].family,
                     flops, nodes, t[k].mean, t[k].nodes);
    }
}

/* ---- against the graphs of the AutoGO repository ---- */

/* What a CG says about a node, without names and batch. */
static uint64_t label_hash(const struct graph *g, const struct node *n)
{
    char text[160];
    struct window w = {0};
    bool window = node_window(n, &w), conv = n->op == OP_CONV;
    const struct ttype *t = n->op == OP_OUTPUT ? graph_input_type(g, n, 0) : &n->out[0].type;
    snprintf(text, sizeof text, "%s %dx%d /%dx%d bias %d -> %dx%dx%d", node_cg_name(n),
             window ? (int)w.kernel[0] : 0, window ? (int)w.kernel[1] : 0,
             window ? (int)w.stride[0] : 0, window ? (int)w.stride[1] : 0, conv && w.bias,
             (int)t->dim[1], t->rank > 2 ? (int)t->dim[2] : 1, t->rank > 3 ? (int)t->dim[3] : 1);
    return hash_str(text, 0);
}

static int hash_order(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Weisfeiler-Lehman colours of all nodes, sorted. In these graphs every node ends with a colour of
 * its own, so equal lists mean isomorphic graphs. */
static uint64_t *colours(const struct graph *g)
{
    enum { ROUNDS = 60 };
    size_t n = (size_t)graph_n_slots(g), nodes = (size_t)graph_n_nodes(g);
    uint64_t *now = x_calloc(n, sizeof *now), *next = x_calloc(n, sizeof *next);
    for (size_t id = 0; id < n; id++)
        now[id] = graph_node(g, (int32_t)id) ? label_hash(g, graph_node(g, (int32_t)id)) : 0;
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t k = 0; k < nodes; k++) {
            int32_t id = graph_topo(g)[k];
            const struct node *node = graph_node(g, id);
            uint64_t before = 0, after = 0;
            int n_uses;
            const struct use *use = graph_uses(g, id, &n_uses);
            for (int i = 0; i < node->n_in; i++)
                before += node->in[i].node >= 0 ? hash_mix(now[node->in[i].node]) : 0;
            for (int i = 0; i < n_uses; i++)
                after += hash_mix(now[use[i].node]);
            next[id] = hash_pair(now[id], hash_pair(before, after));
        }
        memcpy(now, next, n * sizeof *now);
    }
    for (size_t k = 0; k < nodes; k++)
        next[k] = now[graph_topo(g)[k]];
    qsort(next, nodes, sizeof *next, hash_order);
    free(now);
    return next;
}

static void test_against_shared(void **state)
{
    static const struct {
        const char *file, *spec;
    } t[] = {
        {"vgg16", "zoo:vgg16-gap"},      {"edsr_base", "zoo:edsr-body"},
        {"nb201_best", NB201_BEST},      {"nb101_best", NB101_BEST},
        {"two_path_best", TWOPATH_BEST}, {"hiaml_best", "hiaml:src1,src1,r30,src3"},
    };
    const char *shared = getenv("AUTOGO_SHARED");
    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        char *path =
            x_asprintf("%s/data/cg/%s.json", shared ? shared : SRCDIR "/../shared", t[i].file);
        struct graph *theirs = NULL, *ours;
        struct err err = {0};
        if (access(path, R_OK) != 0) {
            print_message("skipped: %s is not here\n", path);
            free(path);
            skip();
        }
        if (cgjson_load(&theirs, path, 1, &err) != ST_OK)
            fail_msg("%s: %s", path, err.msg);
        ours = build(t[i].spec, 1);
        assert_int_equal(graph_n_nodes(ours), graph_n_nodes(theirs));
        assert_int_equal(graph_n_edges(ours), graph_n_edges(theirs));
        uint64_t *a = colours(ours), *b = colours(theirs);
        for (int k = 0; k < graph_n_nodes(ours); k++) {
            if (k && a[k] == a[k - 1])
                fail_msg("%s: two nodes have the same colour", t[i].spec);
            if (a[k] != b[k])
                fail_msg("%s is not %s", t[i].spec, path);
        }
        free(a);
        free(b);
        graph_unref(ours);
        graph_unref(theirs);
        free(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zoo_totals),     cmocka_unit_test(test_zoo_rounded),
        cmocka_unit_test(test_nb201_totals),   cmocka_unit_test(test_family_totals),
        cmocka_unit_test(test_reduced_totals), cmocka_unit_test(test_samples),
        cmocka_unit_test(test_sample_means),   cmocka_unit_test(test_zoo_list),
        cmocka_unit_test(test_output_shapes),  cmocka_unit_test(test_names_and_seeds),
        cmocka_unit_test(test_names_unique),   cmocka_unit_test(test_checker),
        cmocka_unit_test(test_nb201_space),    cmocka_unit_test(test_nb201_none),

        cmocka_unit_test(test_against_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
