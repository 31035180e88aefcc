/* The predictor: gradients, independence of order, batch and threads, replacements, intervals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pred/model_priv.h"
#include "tests/unit/pred_make.h"

#include <math.h>

enum { NETWORKS = 120 };

static struct bpe_vocab *vocab;
static struct pred_table table;
static struct pred_model *model;

static int make_all(void **state)
{
    struct err err = {0};
    (void)state;
    vocab = make_vocab();
    make_table(&table, NETWORKS, vocab);
    for (size_t i = 0; i < table.item.n; i++)
        table.item.at[i].use = i % 4 == 0 ? PRED_TEST : PRED_LEARN;
    struct pred_opts o = {.members = 3, .steps = 250, .seed = 3, .threads = 2};
    assert_int_equal(pred_train(&model, &table, 1, &o, &err), ST_OK);
    return 0;
}

static int free_all(void **state)
{
    (void)state;
    pred_model_free(model);
    pred_table_done(&table);
    bpe_vocab_free(vocab);
    return 0;
}

/* ---- the network ---- */

/* The sum of squares of the outputs, as a loss. */
static double loss_of(const struct net_shape *s, const float *w, const struct pred_batch *b,
                      struct net_run *r)
{
    double sum = 0;
    net_forward(s, w, b, r);
    for (int i = 0; i < b->n_samples * s->outputs; i++)
        sum += 0.5 * (double)r->out[i] * r->out[i];
    return sum;
}

/* Central differences in random directions, for each matrix by itself: single weights drown in the
 * rounding of floats. */
static void check_gradients(bool one_way, bool ways)
{
    struct net_shape s = net_shape(2, one_way, ways);
    struct pred_batch b = {0};
    struct net_run r = {0};
    struct rng rng = rng_for(11, 0);
    uint8_t part[1024];
    float *w = x_calloc((size_t)s.n, sizeof *w), *grad = x_calloc((size_t)s.n, sizeof *grad);
    float *moved = x_calloc((size_t)s.n, sizeof *moved), *d = x_calloc((size_t)s.n, sizeof *d);
    float d_out[6];
    net_init(&s, w, &rng);
    for (int i = 0; i < s.n; i++) /* biases too */
        w[i] += 0.05F * (float)rng_normal(&rng);
    for (int i = 0; i < 3; i++) {
        const struct pred_net *net = table.item.at[i].net;
        assert_true(net->n < 1024);
        pred_cut_segments(net, i * net->n_segments / 3, 1 + i, part);
        pred_batch_add(&b, net, part, KEEP_ALL);
    }
    loss_of(&s, w, &b, &r);
    memcpy(d_out, r.out, sizeof d_out);
    net_backward(&s, w, &b, &r, d_out, grad);
    int from[] = {s.embed, s.layer[0], s.layer[NET_LAYERS - 1], s.hidden, s.top, s.head, s.n};
    for (int k = 0; k < 6; k++) {
        int end = k == 1 ? s.layer[1] : from[k + 1];
        double want = 0, norm = 0;
        memset(d, 0, (size_t)s.n * sizeof *d);
        for (int i = from[k]; i < end; i++) {
            d[i] = (float)rng_normal(&rng);
            norm += (double)d[i] * d[i];
        }
        for (int i = from[k]; i < end; i++) {
            d[i] /= (float)sqrt(norm);
            want += (double)d[i] * grad[i];
        }
        const double step = 4e-3;
        double side[2];
        for (int sign = 0; sign < 2; sign++) {
            for (int i = 0; i < s.n; i++)
                moved[i] = w[i] + (float)(sign ? -step : step) * d[i];
            side[sign] = loss_of(&s, moved, &b, &r);
        }
        double is = (side[0] - side[1]) / (2 * step);
        if (fabs(is - want) > 0.02 * fabs(want) + 2e-3)
            fail_msg("matrix %d: %.6f by differences, %.6f by the chain rule", k, is, want);
    }
    free(w), free(grad), free(moved), free(d);
    pred_batch_done(&b);
    net_run_done(&r);
}

static void test_gradients(void **state)
{
    (void)state;
    check_gradients(false, false);
    check_gradients(true, false);
    check_gradients(false, true);
}

/* ---- ways ---- */

/* One way after the other, from node i with what was passed before it. */
struct walk {
    const struct pred_net *net;
    double n, least, sum, most; /* of nodes with weights */
};
static void walk_on(struct walk *w, int i, int passed)
{
    passed += pred_has_weights(&w->net->node[i]);
    if (w->net->node[i].kind == KIND_OUTPUT) {
        w->least = w->n == 0 || passed < w->least ? passed : w->least;
        w->most = passed > w->most ? passed : w->most;
        w->sum += passed;
        w->n++;
    }
    for (int e = 0; e < w->net->m; e++)
        if (w->net->from[e] == i)
            walk_on(w, w->net->to[e], passed);
}

static void test_ways(void **state)
{
    int several = 0;
    (void)state;
    for (size_t i = 0; i < 40; i++) {
        const struct pred_net *net = table.item.at[i].net;
        struct walk w = {.net = net};
        for (int k = 0; k < net->n; k++)
            if (net->node[k].kind == KIND_INPUT)
                walk_on(&w, k, 0);
        several += w.n > 1;
        if (w.n == 0) {
            assert_true(net->ways[0] == -3);
            continue;
        }
        assert_true(fabs(net->ways[0] - 3 * log1p(log(w.n))) < 1e-4);
        assert_true(fabs(net->ways[1] - 3 * log1p(w.least)) < 1e-4);
        assert_true(fabs(net->ways[2] - 3 * log1p(w.sum / w.n)) < 1e-4);
        assert_true(fabs(net->ways[3] - 3 * log1p(w.most)) < 1e-4);
    }
    assert_true(several > 10);
}

/* ---- estimates ---- */

/* The same whatever else is estimated with it, in what order and on how many threads. */
static void test_order_batch_threads(void **state)
{
    const struct pred_net *net[NETWORKS] = {NULL}, *back[NETWORKS] = {NULL};
    struct pred_estimate one[NETWORKS], all[NETWORKS], many[NETWORKS];
    int n = (int)table.item.n;
    (void)state;
    for (int i = 0; i < n; i++) {
        net[i] = table.item.at[i].net;
        back[n - 1 - i] = table.item.at[i].net;
    }
    for (int i = 0; i < n; i++)
        pred_networks(model, &net[i], 1, -1, 1, PRED_CUTS, &one[i]);
    pred_networks(model, back, n, -1, 1, PRED_CUTS, all);
    pred_networks(model, net, n, -1, 8, PRED_CUTS, many);
    for (int i = 0; i < n; i++) {
        assert_true(fabs(one[i].sigma - all[n - 1 - i].sigma) < 1e-5);
        assert_true(fabs(one[i].sigma - many[i].sigma) < 1e-5);
        assert_int_equal(one[i].in_distribution, many[i].in_distribution);
    }
}

static void test_learns(void **state)
{
    struct pred_score s;
    (void)state;
    pred_evaluate(model, 0, &table, 2, &s);
    assert_int_equal(s.n, (int)table.item.n / 4 + (table.item.n % 4 != 0));
    assert_true(s.srcc > 0.8);
    assert_true(s.kendall > 0.6);
    assert_true(s.coverage > 0.7);
    assert_true(s.in_distribution > 0.7);
    assert_true(s.pairs > 0);
}

static void test_threads_train_alike(void **state)
{
    struct pred_model *a, *b;
    struct pred_opts o = {.members = 2, .steps = 20, .seed = 9, .threads = 1};
    (void)state;
    assert_int_equal(pred_train(&a, &table, 1, &o, NULL), ST_OK);
    o.threads = 4;
    assert_int_equal(pred_train(&b, &table, 1, &o, NULL), ST_OK);
    assert_memory_equal(a->w, b->w, 2 * (size_t)a->shape.n * sizeof *a->w);
    pred_model_free(a);
    pred_model_free(b);
}

/* From few labels, but for the paper's way, the ways are read, too. */
static void test_few_labels(void **state)
{
    struct pred_table many;
    (void)state;
    make_table(&many, 260, vocab);
    for (size_t i = 0; i < many.item.n; i++)
        many.item.at[i].use = PRED_LEARN;
    assert_true(many.item.n > 200);
    for (int i = 0; i < 3; i++) {
        struct pred_model *m;
        struct pred_opts o = {
            .members = 2, .steps = 2, .seed = 9, .threads = 1, .reference = i == 1};
        assert_int_equal(pred_train(&m, i == 2 ? &many : &table, 1, &o, NULL), ST_OK);
        assert_int_equal(m->shape.ways, i == 0);
        pred_model_free(m);
    }
    pred_table_done(&many);
}

/* A network for images of another size and with other operators is not one of these. */
static void test_foreign_network(void **state)
{
    static const char *const foreign[] = {"zoo:vgg16-gap", "zoo:edsr-body", "zoo:mobilenetv2"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct graph *g;
        struct bpe_segmentation s;
        struct pred_estimate e;
        assert_int_equal(family_build(foreign[i], 0, &g, NULL), ST_OK);
        assert_int_equal(bpe_segment_graph(vocab, g, &s, NULL), ST_OK);
        struct pred_net *net = pred_net_new(g, &s);
        const struct pred_net *nets[] = {net};
        pred_networks(model, nets, 1, -1, 1, PRED_CUTS, &e);
        assert_false(e.in_distribution);
        pred_net_free(net);
        bpe_segmentation_done(&s);
        graph_unref(g);
    }
}

/* ---- replacements ---- */

struct opened {
    struct graph *g;
    struct bpe_segmentation s;
};

static struct opened open_spec(const char *spec)
{
    struct opened o;
    assert_int_equal(family_build(spec, 0, &o.g, NULL), ST_OK);
    assert_int_equal(bpe_segment_graph(vocab, o.g, &o.s, NULL), ST_OK);
    return o;
}

static void close_spec(struct opened *o)
{
    bpe_segmentation_done(&o->s);
    graph_unref(o->g);
}

static const char cell[] = "nb201:|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+"
                           "|skip_connect~0|nor_conv_3x3~1|skip_connect~2|@s";

/* The graph with the kernels of one segment's first relu put out of the way. */
static struct graph *without_relu(const struct opened *o, int k, int32_t *gone)
{
    struct graph *out;
    for (int i = o->s.segment[k].start; i < o->s.segment[k].start + o->s.segment[k].len; i++) {
        int32_t id = o->s.order[i];
        if (graph_node(o->g, id)->op != OP_RELU)
            continue;
        struct graph_edit *e = graph_edit_new(o->g);
        struct node *n = graph_edit_mut(e, id);
        n->op = OP_IDENTITY;
        assert_int_equal(graph_edit_freeze(e, &out, NULL), ST_OK);
        *gone = id;
        return out;
    }
    return NULL;
}

/* What the cached parts give is what the whole, encoded anew, gives. */
static void test_replacement(void **state)
{
    struct opened o = open_spec(cell);
    int tried = 0;
    (void)state;
    for (int k = 0; k < o.s.n_segments; k++) {
        int32_t gone;
        const int32_t *ids = o.s.order + o.s.segment[k].start;
        struct graph *after = without_relu(&o, k, &gone);
        if (!after)
            continue;
        struct pred_source *s = pred_source_new(model, o.g, o.s.order, ids, o.s.segment[k].len, 0);
        struct pred_source *anew =
            pred_source_new(model, after, o.s.order, ids, o.s.segment[k].len, 0);
        struct pred_delta d, back, none;
        pred_replacement(s, after, &d);
        pred_replacement(anew, o.g, &back);
        pred_replacement(s, o.g, &none);
        assert_true(none.delta == 0 && none.low == 0 && none.high == 0);
        assert_true(fabs(d.delta + back.delta) < 1e-6);
        assert_true(d.delta != 0);
        assert_true(d.low < d.delta && d.delta < d.high);
        pred_source_unref(s);
        pred_source_unref(anew);
        graph_unref(after);
        tried++;
    }
    assert_true(tried > 3);
    close_spec(&o);
}

static void test_why(void **state)
{
    struct opened o = open_spec(cell);
    int k = o.s.n_segments / 2, told = 0, stop = 1;
    float *weight = x_calloc((size_t)graph_n_slots(o.g), sizeof *weight);
    struct pred_source *s = pred_source_new(model, o.g, o.s.order, o.s.order + o.s.segment[k].start,
                                            o.s.segment[k].len, 0);
    (void)state;
    assert_int_equal(pred_why(s, o.g, NULL, weight, NULL), ST_OK);
    for (int i = 0; i < graph_n_slots(o.g); i++)
        told += weight[i] != 0;
    assert_true(told > graph_n_nodes(o.g) / 2);
    assert_int_equal(pred_why(s, o.g, &stop, weight, NULL), ST_CANCELLED);
    pred_source_unref(s);
    free(weight);
    close_spec(&o);
}

/* ---- the curve ---- */

static void test_curve(void **state)
{
    double acc[99];
    struct pred_curve c;
    (void)state;
    for (int i = 0; i < 99; i++)
        acc[i] = 0.9 + 0.0005 * i;
    pred_curve_fit(&c, acc, 99);
    assert_true(fabs(pred_sigma(&c, acc[49])) < 0.02);
    assert_true(fabs(pred_sigma(&c, acc[83]) - 1) < 0.05);
    for (double x = 0.86; x < 0.99; x += 0.001)
        assert_true(fabs(pred_acc(&c, pred_sigma(&c, x)) - x) < 1e-6);
    for (int i = 0; i < 99; i++)
        acc[i] = 0.5; /* all equal: still a curve */
    pred_curve_fit(&c, acc, 99);
    assert_true(pred_sigma(&c, 0.6) > pred_sigma(&c, 0.5));
    assert_true(isfinite(pred_sigma(&c, 0)) && isfinite(pred_sigma(&c, 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_ways),
        cmocka_unit_test(test_order_batch_threads),
        cmocka_unit_test(test_learns),
        cmocka_unit_test(test_threads_train_alike),
        cmocka_unit_test(test_few_labels),
        cmocka_unit_test(test_foreign_network),
        cmocka_unit_test(test_replacement),
        cmocka_unit_test(test_why),
        cmocka_unit_test(test_curve),
    };
    return cmocka_run_group_tests_name("pred", tests, make_all, free_all);
}
