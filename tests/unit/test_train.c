/* Training: image files, batches, loss and optimiser against numbers made by hand, adaptation to
 * other images, and small runs that must learn, repeat themselves and stop when told to. */
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "exec/fit_priv.h"
#include "family/build.h"
#include "family/family.h"
#include "idx_make.h"
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "exec_make.h"

/* ---- files of images ---- */

static char dir[] = "test_train.XXXXXX";

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static const char *const names[] = {"train-images-idx3-ubyte",    "train-labels-idx1-ubyte",
                                    "t10k-images-idx3-ubyte",     "t10k-labels-idx1-ubyte",
                                    "train-images-idx3-ubyte.gz", "data_batch_1.bin",
                                    "data_batch_2.bin",           "test_batch.bin"};

static char *path_of(const char *name)
{
    return x_asprintf("%s/%s", dir, name);
}

static void remove_files(void)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = path_of(names[i]);
        unlink(path);
        free(path);
    }
}

static int remove_dir(void **state)
{
    (void)state;
    remove_files();
    return rmdir(dir);
}

static void put(const char *name, const void *data, size_t n)
{
    char *path = path_of(name);
    assert_int_equal(file_write(path, data, n, NULL), ST_OK);
    free(path);
}

static void put_all(int n_train, int n_test)
{
    remove_files();
    idx_make(dir, n_train, n_test);
}

static struct images *open_images(void)
{
    struct images *d = NULL;
    struct err err = {0};
    char text[512];
    if (images_open(&d, dir, &err) != ST_OK)
        fail_msg("%s", err_text(&err, text, sizeof text));
    return d;
}

static void test_idx(void **state)
{
    (void)state;
    put_all(8, 5);
    struct images *d = open_images();
    struct images_info i = images_info(d);
    assert_int_equal(i.n_train, 8);
    assert_int_equal(i.n_test, 5);
    assert_int_equal(i.height, IDX_SIDE);
    assert_int_equal(i.channels, 1);
    assert_int_equal(i.classes, IDX_CLASSES);
    assert_int_equal(images_label(d, false, 6), 2);
    assert_int_equal(images_label(d, true, 4), 0);
    images_free(d);
}

/* A packed file is the same as the plain one; half of it is damage. */
static void test_packed(void **state)
{
    (void)state;
    put_all(40, 5);
    char *plain = path_of(names[0]), *packed = path_of(names[4]);
    unsigned char *data;
    size_t n;
    assert_int_equal(file_read(plain, 1 << 20, &data, &n, NULL), ST_OK);
    unlink(plain);
    gzFile f = gzopen(packed, "wb");
    assert_int_equal(gzwrite(f, data, (unsigned)n), (int)n);
    assert_int_equal(gzclose(f), Z_OK);
    free(data);
    images_free(open_images());

    assert_int_equal(file_read(packed, 1 << 20, &data, &n, NULL), ST_OK);
    struct images *d;
    struct err err = {0};
    put(names[4], data, n / 2);
    assert_int_equal(images_open(&d, dir, &err), ST_MODEL);
    assert_string_equal(err.file, packed);
    data[n / 2] ^= 0x55;
    put(names[4], data, n);
    assert_int_equal(images_open(&d, dir, &err), ST_MODEL);
    free(data);
    free(plain);
    free(packed);
}

static void test_damaged(void **state)
{
    (void)state;
    static const struct {
        int file, at, cut; /* byte `at` becomes `to`, and `cut` bytes are taken off (or added) */
        unsigned char to;
        const char *says;
    } t[] = {
        {0, 3, 0, 1, "no IDX file of images"},
        {0, 2, 0, 9, "no IDX file of images"},
        {1, 3, 0, 3, "no IDX file of labels"},
        {0, 7, 0, 200, "shorter than its header"},
        {0, 7, 0, 1, "longer than its header"},
        {0, 7, 0, 0, "cannot be"},
        {0, 4, 0, 0xff, "cannot be"},
        {0, 8, 0, 0xff, "cannot be"},
        {0, 3, 1, 3, "shorter than its header"},
        {0, 3, 300, 3, "no IDX file"},
        {1, 3, 1, 1, "shorter"},
        {1, 3, -1, 1, "longer"},
        {2, 7, 36, 4, "not as many labels"},
        {3, 9, 0, 77, "a label that no training image has"},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        put_all(8, 5);
        char *path = path_of(names[t[i].file]);
        unsigned char *data;
        size_t n;
        struct images *d;
        struct err err = {0};
        assert_int_equal(file_read(path, 1 << 20, &data, &n, NULL), ST_OK);
        data[t[i].at] = t[i].to;
        data = x_realloc(data, n + 1);
        data[n] = 0;
        put(names[t[i].file], data, t[i].cut >= (int)n ? 3 : n - (size_t)t[i].cut);
        assert_int_equal(images_open(&d, dir, &err), ST_MODEL);
        if (!strstr(err.msg, t[i].says))
            fail_msg("row %zu: '%s' instead of '%s'", i, err.msg, t[i].says);
        assert_non_null(strstr(err.file, dir));
        free(data);
        free(path);
    }
    struct images *d;
    struct err err = {0};
    char *path = path_of(names[3]);
    put_all(8, 5);
    unlink(path);
    assert_int_equal(images_open(&d, dir, &err), ST_IO);
    assert_non_null(strstr(err.msg, "t10k-labels"));
    remove_files();
    assert_int_equal(images_open(&d, dir, &err), ST_IO);
    free(path);
}

static void test_cifar(void **state)
{
    (void)state;
    enum { ROW = 3073 };
    unsigned char *x = x_calloc(3, ROW);
    remove_files();
    for (int i = 0; i < 3; i++) {
        x[i * ROW] = (unsigned char)(i * 3);
        memset(x + i * ROW + 1, 10 * i, ROW - 1);
    }
    put("data_batch_1.bin", x, 3 * ROW);
    put("data_batch_2.bin", x, 2 * ROW);
    put("test_batch.bin", x + ROW, ROW);
    struct images *d = open_images();
    struct images_info i = images_info(d);
    assert_int_equal(i.n_train, 5);
    assert_int_equal(i.n_test, 1);
    assert_int_equal(i.channels, 3);
    assert_int_equal(i.classes, 7);
    assert_int_equal(images_label(d, false, 4), 3);
    images_free(d);
    struct err err = {0};
    put("data_batch_2.bin", x, ROW + 1);
    assert_int_equal(images_open(&d, dir, &err), ST_MODEL);
    assert_non_null(strstr(err.file, "data_batch_2"));
    free(x);
    remove_files();
}

/* ---- batches ---- */

static void test_batch(void **state)
{
    (void)state;
    put_all(8, 5);
    struct images *d = open_images();
    struct image_view v;
    int index[] = {0, 1, 2, 3, 4, 5, 6, 7};
    float plain[IDX_SIDE * IDX_SIDE * 8], x[8 * 8], sum = 0, squares = 0;
    image_view_init(&v, d, -1, index, 8);
    assert_int_equal(v.height, IDX_SIDE);
    images_batch(d, &v, false, index, 8, NULL, plain);
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        sum += plain[i];
        squares += plain[i] * plain[i];
    }
    assert_true(fabsf(sum) < 0.01f);
    assert_true(fabsf(squares / (IDX_SIDE * IDX_SIDE * 8) - 1) < 1e-4f);

    image_view_init(&v, d, 0, index, 8); /* 6 -> 8 */
    assert_int_equal(v.height, 8);
    assert_int_equal(v.top, 1);
    images_batch(d, &v, false, index, 1, NULL, x);
    for (int r = 0; r < 8; r++)
        for (int c = 0; c < 8; c++) {
            bool in = r > 0 && r < 7 && c > 0 && c < 7;
            assert_true(x[r * 8 + c] == (in ? plain[(r - 1) * IDX_SIDE + c - 1] : v.level[0][0]));
        }
    image_view_init(&v, d, 2, index, 8);
    assert_int_equal(v.width, 10);
    images_free(d);
}

/* A shifted, mirrored image is the image at one of the places it may be at, and all come. */
static void test_augment(void **state)
{
    (void)state;
    put_all(8, 5);
    struct images *d = open_images();
    struct image_view v;
    struct rng r = rng_for(3, 0);
    int index[] = {0}, seen[3][3][2] = {{{0}}};
    float plain[64], x[64];
    image_view_init(&v, d, 0, index, 1);
    images_batch(d, &v, false, index, 1, NULL, plain);
    v.shift = 1;
    v.flip = true;
    for (int i = 0; i < 300; i++) {
        int found = 0;
        images_batch(d, &v, false, index, 1, &r, x);
        for (int dy = -1; dy <= 1; dy++)
            for (int dx = -1; dx <= 1; dx++)
                for (int flip = 0; flip < 2; flip++) {
                    bool same = true;
                    for (int p = 0; p < 64; p++) {
                        int y = p / 8 - dy, c = p % 8 - dx;
                        bool in = y >= 0 && y < 8 && c >= 0 && c < 8;
                        float want = in ? plain[y * 8 + (flip ? 7 - c : c)] : v.level[0][0];
                        same = same && x[p] == want;
                    }
                    found += same;
                    seen[dy + 1][dx + 1][flip] += same;
                }
        assert_int_equal(found, 1);
    }
    for (int i = 0; i < 18; i++)
        assert_true((&seen[0][0][0])[i] > 0);
    images_free(d);
}

/* ---- loss ---- */

static void near(double got, double want, double within)
{
    if (!(fabs(got - want) <= within))
        fail_msg("%.9g instead of %.9g", got, want);
}

static void test_loss(void **state)
{
    (void)state;
    const float x[] = {1, 2, 3, 0, 0, 0};
    const int label[] = {2, 0};
    float grad[6];
    int right;
    double loss = loss_classify(LOSS_SCORES, x, label, 2, 3, grad, &right);
    near(loss, 0.407605964 + 1.098612289, 1e-8);
    assert_int_equal(right, 1); /* a draw is not right */
    near(grad[0], 0.090030573 / 2, 1e-7);
    near(grad[2], (0.665240956 - 1) / 2, 1e-7);
    near(grad[3], (1 / 3.0 - 1) / 2, 1e-7);
    near(grad[4], 1 / 6.0, 1e-7);

    float p[6], l[6];
    for (int i = 0; i < 6; i++) {
        double total = i < 3 ? exp(1) + exp(2) + exp(3) : 3;
        p[i] = (float)(exp(x[i]) / total);
        l[i] = (float)log(exp(x[i]) / total);
    }
    near(loss_classify(LOSS_PROBABILITIES, p, label, 2, 3, grad, &right), loss, 1e-6);
    near(grad[2], -1 / p[2] / 2, 1e-6);
    near(grad[1], 0, 0);
    near(loss_classify(LOSS_LOG_PROBABILITIES, l, label, 2, 3, grad, &right), loss, 1e-6);
    near(grad[2], -0.5, 0);

    const float far[] = {1000, -1000}, none[] = {NAN, 0}, gone[] = {1, 0};
    const int one[] = {1};
    near(loss_classify(LOSS_SCORES, far, one, 1, 2, grad, &right), 2000, 1e-6);
    assert_true(isnan(loss_classify(LOSS_SCORES, none, one, 1, 2, grad, &right)));
    assert_true(isfinite(loss_classify(LOSS_PROBABILITIES, gone, one, 1, 2, grad, &right)));
}

/* ---- optimiser ---- */

static void test_sgd(void **state)
{
    (void)state;
    float w[] = {1}, g[] = {0.5f}, w2[] = {1}, g2[] = {0};
    struct exec_param a = {.n = 1, .value = w, .grad = g, .decay = true};
    struct exec_param b = {.n = 1, .value = w2, .grad = g2};
    struct exec_param *p[] = {&a, &b};
    struct sgd s = {.momentum = 0.9, .decay = 0.1};
    near(sgd_step(&s, p, 2, 0.1), 0.5, 1e-7);
    near(w[0], 0.886, 1e-6);
    near(w2[0], 1, 0); /* no decay, no gradient */
    g[0] = -0.2f;
    sgd_step(&s, p, 2, 0.1);
    near(w[0], 0.858566, 1e-6);
    sgd_done(&s);

    struct sgd clipped = {.momentum = 0, .clip = 5};
    w[0] = w2[0] = 0;
    g[0] = 6;
    g2[0] = 8;
    near(sgd_step(&clipped, p, 2, 1), 10, 1e-6);
    near(w[0], -3, 1e-6);
    near(w2[0], -4, 1e-6);
    sgd_done(&clipped);
}

static void test_one_cycle(void **state)
{
    (void)state;
    near(one_cycle(0.5, 0, 400), 0.02, 1e-12);
    near(one_cycle(0.5, 50, 400), 0.26, 1e-12);
    near(one_cycle(0.5, 100, 400), 0.5, 1e-12);
    near(one_cycle(0.5, 250, 400), 0.25, 1e-12);
    near(one_cycle(0.5, 400, 400), 0, 1e-12);
    for (int i = 1; i < 400; i++)
        assert_true(i <= 100 ? one_cycle(1, i, 400) > one_cycle(1, i - 1, 400)
                             : one_cycle(1, i, 400) < one_cycle(1, i - 1, 400));
    for (int steps = 1; steps < 6; steps++)
        for (int i = 0; i < steps; i++)
            assert_true(one_cycle(1, i, steps) > 0 && one_cycle(1, i, steps) <= 1);
}

static void test_average(void **state)
{
    (void)state;
    float w[] = {1, 10};
    struct exec_param a = {.n = 2, .value = w};
    struct exec_param *p[] = {&a};
    struct average m = {0};
    average_apply(&m, p);
    near(w[1], 10, 0);
    average_add(&m, p, 1);
    w[0] = 4;
    w[1] = 40;
    average_add(&m, p, 1);
    average_apply(&m, p);
    near(w[0], 2.5, 1e-6);
    near(w[1], 25, 1e-5);
    average_done(&m);
}

/* ---- adaptation ---- */

static struct graph *build(const char *spec)
{
    struct graph *g = NULL;
    struct err err = {0};
    char text[512];
    if (family_build(spec, 1, &g, &err) != ST_OK)
        fail_msg("%s", err_text(&err, text, sizeof text));
    return g;
}

static void test_adapt(void **state)
{
    (void)state;
    struct graph *g = build("zoo:resnet50"), *a;
    struct err err = {0};
    char text[256], shape[64];
    struct fit_shape s = {1, 32, 32, 7};
    assert_int_equal(fit_adapt(g, s, 1, &a, text, sizeof text, &err), ST_OK);
    assert_non_null(strstr(text, "224x224 -> 32x32"));
    assert_non_null(strstr(text, "conv1: 3 -> 1 channels"));
    assert_non_null(strstr(text, "fc: 1000 -> 7 classes"));
    const struct node *in = graph_node(a, graph_inputs(a, &(int){0})[0]);
    const struct node *out = graph_node(a, graph_outputs(a, &(int){0})[0]);
    assert_string_equal(ttype_text(&in->out[0].type, shape, sizeof shape), "Nx1x32x32");
    assert_string_equal(ttype_text(graph_input_type(a, out, 0), shape, sizeof shape), "Nx7");
    const struct node *fc = graph_node(a, graph_find(a, "fc"));
    assert_int_equal(tensor_count(node_const(fc, 2)), 7);
    graph_unref(a);
    graph_unref(g);

    g = build("nb101:3|101|c3@s"); /* as it is made for these images */
    s.classes = 10;
    assert_int_equal(fit_adapt(g, s, 1, &a, text, sizeof text, &err), ST_OK);
    assert_string_equal(text, "");
    assert_int_equal(graph_hash(a), graph_hash(g));
    graph_unref(a);
    graph_unref(g);

    g = build("zoo:edsr");
    assert_int_equal(fit_adapt(g, s, 1, &a, text, sizeof text, &err), ST_UNSUPPORTED);
    graph_unref(g);
}

/* Learnt kernels answer to the same picture in other channels as before. */
static void test_adapt_kernel(void **state)
{
    (void)state;
    static const int to[] = {1, 2, 5};
    struct graph *g = build("zoo:resnet50"), *learnt, *a;
    struct graph_edit *e = graph_edit_new(g);
    int32_t id = graph_find(g, "conv1");
    const struct tensor *w = node_const(graph_node(g, id), 1);
    float *v = x_malloc(tensor_size(w)), sum = 0;
    tensor_read(w, v);
    for (int c = 0; c < 3; c++)
        sum += v[c * 49 + 5];
    node_set_input(graph_edit_mut(e, id), 1, IN_CONST, 0,
                   tensor_new_bytes("w", tensor_type(w), v, tensor_size(w)));
    free(v);
    assert_int_equal(graph_edit_freeze(e, &learnt, NULL), ST_OK);
    for (int i = 0; i < 3; i++) {
        char text[256];
        struct fit_shape s = {to[i], 224, 224, 1000};
        assert_int_equal(fit_adapt(learnt, s, 1, &a, text, sizeof text, NULL), ST_OK);
        w = node_const(graph_node(a, id), 1);
        assert_int_equal(tensor_type(w)->dim[1], to[i]);
        float got = 0;
        for (int c = 0; c < to[i]; c++)
            got += ((const float *)tensor_data(w))[c * 49 + 5];
        near(got, sum, 1e-5);
        graph_unref(a);
    }
    graph_unref(learnt);
    graph_unref(g);
}

/* ---- statistics ---- */

static struct graph *with_statistics(const struct graph *g, int32_t id, float mean, float var)
{
    struct graph_edit *e = graph_edit_new(g);
    struct graph *out;
    const struct ttype *t = tensor_type(node_const(graph_node(g, id), 3));
    node_set_input(graph_edit_mut(e, id), 3, IN_CONST, 0, tensor_new_fill("m", t, mean));
    node_set_input(graph_edit_mut(e, id), 4, IN_CONST, 0, tensor_new_fill("v", t, var));
    assert_int_equal(graph_edit_freeze(e, &out, NULL), ST_OK);
    return out;
}

static void test_statistics(void **state)
{
    (void)state;
    struct graph *g = build("nb101:3|101|c3@s"), *forgets, *out;
    int32_t id = 0;
    while (!graph_node(g, id) || graph_node(g, id)->op != OP_BATCHNORM)
        id++;
    assert_int_equal(bn_forget(g, &forgets, NULL), ST_OK);
    near(node_float(graph_node(forgets, id), "momentum", 9), 0, 0);
    struct bn_stats *s = bn_stats_new(g);
    struct graph *a = with_statistics(forgets, id, 1, 2), *b = with_statistics(forgets, id, 3, 4);
    bn_stats_add(s, a);
    bn_stats_add(s, b);
    assert_int_equal(bn_stats_apply(s, b, g, &out, NULL), ST_OK);
    const struct node *n = graph_node(out, id);
    near(tensor_num_at(node_const(n, 3), 0, 0), 2, 1e-6);
    near(tensor_num_at(node_const(n, 4), 0, 0), 4, 1e-6); /* 3 within, 1 between */
    near(node_float(n, "momentum", 9), node_float(graph_node(g, id), "momentum", 8), 0);
    bn_stats_free(s);
    graph_unref(a);
    graph_unref(b);
    graph_unref(out);
    graph_unref(forgets);
    graph_unref(g);
}

/* ---- runs ---- */

static struct graph *small_net(uint64_t seed)
{
    struct builder b;
    struct graph *g;
    struct err err = {0};
    build_init(&b, "small", seed, BUILD_SYMMETRIC);
    struct tap x = build_input(&b, 1, 8, 8);
    x = build_unit(&b, x, (struct conv_spec){.cout = 8, .kh = 3, .kw = 3}, ACT_RELU);
    x = build_unit(&b, x, (struct conv_spec){.cout = 8, .kh = 3, .kw = 3, .sh = 2}, ACT_RELU);
    x = build_flatten(&b, x, NULL);
    x = build_fc(&b, x, NULL, IDX_CLASSES);
    build_output(&b, x);
    if (build_finish(&b, &g, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return g;
}

static struct fit_result fit(const struct graph *g, const struct images *d, struct fit_opts o)
{
    struct fit_result r;
    struct err err = {0};
    if (fit_run(g, d, &o, &r, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return r;
}

static const struct fit_opts short_run = {.epochs = 2, .batch = 16, .bn_images = 64, .seed = 1};

static void on_epoch(void *arg, const struct fit_epoch *e)
{
    *(int *)arg += e->epoch;
}

static void test_learns(void **state)
{
    (void)state;
    put_all(320, 100);
    struct images *d = open_images();
    struct graph *g = small_net(1);
    struct fit_opts o = short_run;
    int epochs = 0;
    o.progress = on_epoch;
    o.arg = &epochs;
    struct fit_result r = fit(g, d, o), again = fit(g, d, short_run);
    assert_int_equal(r.n_epochs, 2);
    assert_int_equal(epochs, 3);
    if (r.value < 0.9)
        fail_msg("accuracy %.3f, loss %.3f", r.value, r.loss);
    assert_string_equal(r.adapted, "");
    assert_false(same_weights(g, r.trained));
    assert_true(same_weights(r.trained, again.trained));
    assert_true(r.loss == again.loss && r.value == again.value);
    fit_result_done(&again);
    o = short_run;
    o.seed = 2;
    again = fit(g, d, o);
    assert_false(same_weights(r.trained, again.trained));
    fit_result_done(&again);
    /* the trained network goes on where it was */
    o = short_run;
    o.epochs = 1;
    o.lr = 1e-9;
    again = fit(r.trained, d, o);
    assert_true(fabs(again.value - r.value) < 0.05);
    fit_result_done(&again);
    fit_result_done(&r);
    graph_unref(g);
    images_free(d);
}

static void test_averaged(void **state)
{
    (void)state;
    put_all(320, 100);
    struct images *d = open_images();
    struct graph *g = small_net(1);
    struct fit_opts o = short_run;
    struct fit_result plain = fit(g, d, o);
    o.average = 0.3;
    struct fit_result mean = fit(g, d, o);
    assert_false(same_weights(plain.trained, mean.trained));
    assert_true(mean.value > 0.9);
    fit_result_done(&plain);
    fit_result_done(&mean);
    graph_unref(g);
    images_free(d);
}

static void test_stops(void **state)
{
    (void)state;
    put_all(320, 100);
    struct images *d = open_images();
    struct graph *g = small_net(1);
    struct fit_result r;
    struct err err = {0};
    int cancel = 1;
    struct fit_opts o = short_run;
    o.cancel = &cancel;
    assert_int_equal(fit_run(g, d, &o, &r, &err), ST_CANCELLED);
    o = short_run;
    o.lr = 1e30;
    o.clip = -1;
    assert_int_equal(fit_run(g, d, &o, &r, &err), ST_NO);
    assert_non_null(strstr(err.msg, "no number"));
    o.epochs = 0;
    assert_int_equal(fit_run(g, d, &o, &r, &err), ST_USAGE);
    graph_unref(g);
    images_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idx),        cmocka_unit_test(test_packed),
        cmocka_unit_test(test_damaged),    cmocka_unit_test(test_cifar),
        cmocka_unit_test(test_batch),      cmocka_unit_test(test_augment),
        cmocka_unit_test(test_loss),       cmocka_unit_test(test_sgd),
        cmocka_unit_test(test_one_cycle),  cmocka_unit_test(test_average),
        cmocka_unit_test(test_adapt),      cmocka_unit_test(test_adapt_kernel),
        cmocka_unit_test(test_statistics), cmocka_unit_test(test_learns),
        cmocka_unit_test(test_averaged),   cmocka_unit_test(test_stops),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
