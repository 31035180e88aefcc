/* Tasks of training: metrics on cases made by hand, gradients against finite differences, data that
 * is the same for the same seed, heads, warm starts and checkpoints. */
#include "base/file.h"
#include "base/mem.h"
#include "exec/fit_priv.h"
#include "family/build.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "exec_make.h"

/* ---- images: a bright rectangle on black for each class ---- */

enum { SIDE = 12, CLASSES = 3 };
static char dir[] = "test_task.XXXXXX";
static const char *const names[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                    "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", "ckpt"};
static struct images *images;

static void put(const char *name, const void *data, size_t n)
{
    char *path = x_asprintf("%s/%s", dir, name);
    assert_int_equal(file_write(path, data, n, NULL), ST_OK);
    free(path);
}

static void put_set(int set, int n)
{
    size_t plane = SIDE * SIDE;
    unsigned char *x = x_calloc(1, 16 + (size_t)n * plane), *y = x_calloc(1, 8 + (size_t)n);
    struct rng r = rng_for(5, (uint64_t)set);
    const unsigned char head[16] = {0, 0, 8, 3,    0, 0, 0, (unsigned char)n,
                                    0, 0, 0, SIDE, 0, 0, 0, SIDE};
    memcpy(x, head, 16);
    memcpy(y, head, 8);
    y[3] = 1;
    for (int i = 0; i < n; i++) {
        int k = i % CLASSES;
        y[8 + i] = (unsigned char)k;
        for (int p = 0; p < (int)plane; p++)
            if (p / SIDE > k && p / SIDE < 10 && p % SIDE > 1 && p % SIDE < 11 - 2 * k)
                x[16 + (size_t)i * plane + (size_t)p] = (unsigned char)(100 + rng_below(&r, 100));
    }
    put(names[2 * set], x, 16 + (size_t)n * plane);
    put(names[2 * set + 1], y, 8 + (size_t)n);
    free(x);
    free(y);
}

static int make(void **state)
{
    (void)state;
    if (!mkdtemp(dir))
        return -1;
    put_set(0, 96);
    put_set(1, 30);
    return images_open(&images, dir, NULL) == ST_OK ? 0 : -1;
}

static int clean(void **state)
{
    (void)state;
    images_free(images);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = x_asprintf("%s/%s", dir, names[i]);
        unlink(path);
        free(path);
    }
    return rmdir(dir);
}

static void near(double got, double want, double within)
{
    if (!(fabs(got - want) <= within))
        fail_msg("%.9g instead of %.9g", got, want);
}

/* ---- data ---- */

enum { N = 4, MOST = N * 32 * 32 * 8 };
static int pool[2][8] = {{0, 1, 2, 3, 4, 5, 6, 7}, {0, 1, 2, 3, 4, 5, 6, 7}};
static int label[MOST];
static float target[MOST];
static struct canvas canvas[N];

static struct task_data open_task(enum fit_task task)
{
    struct task_data t = {.task = task_of(task), .d = images, .info = images_info(images)};
    image_view_init(&t.view, images, 0, pool[0], 8);
    for (int k = 0; k < 2; k++) {
        t.pool[k] = pool[k];
        t.n_pool[k] = 8;
    }
    t.label = label;
    t.target = target;
    t.canvas = canvas;
    t.seed = 3;
    assert_int_equal(t.task->open(&t, NULL), ST_OK);
    return t;
}

static void test_same_data(void **state)
{
    (void)state;
    static float a[MOST], b[MOST];
    const int index[N] = {0, 1, 2, 5}, back[N] = {5, 2, 1, 0};
    for (int k = FIT_SR; k < FIT_TASKS; k++) {
        struct task_data t = open_task((enum fit_task)k);
        size_t one = (size_t)t.in.height * (size_t)t.in.width;
        t.task->batch(&t, false, index, N, NULL, 0, a);
        t.task->batch(&t, false, back, N, NULL, 0, b);
        assert_memory_equal(a, b + 3 * one, one * sizeof *a); /* whatever else is in the batch */
        t.seed = 4;
        t.task->batch(&t, false, index, N, NULL, 0, b);
        assert_int_equal(memcmp(a, b, N * one * sizeof *a) != 0, k != FIT_SR);
    }
}

/* Each garment's pixels carry its class and nothing else does; its points lie where they must. */
static void test_canvas(void **state)
{
    (void)state;
    static float x[MOST];
    const int index[N] = {0, 1, 2, 5};
    struct task_data t = open_task(FIT_SEGMENT);
    t.task->batch(&t, false, index, N, NULL, 0, x);
    for (int i = 0; i < N; i++) {
        int bright = 0, labelled = 0, size = t.in.height * t.in.width;
        assert_in_range(canvas[i].n, 2, 4);
        assert_int_equal(canvas[i].at[0].index, index[i]);
        for (int p = 0; p < size; p++) {
            bright += x[i * size + p] > t.view.level[0][0];
            labelled += label[i * size + p] > 0;
        }
        assert_int_equal(bright, labelled);
        for (int g = 0; g < canvas[i].n; g++) {
            const struct garment *at = &canvas[i].at[g];
            int k = at->index % CLASSES; /* rows k+1 .. 9, columns 2 .. 10-2k */
            near(at->y[0], k + 1, 0);
            near(at->y[1], 9, 0);
            near(at->x[2], 2, 0);
            near(at->x[3], 10 - 2 * k, 0);
            near(at->y[4], (k + 1 + 9) / 2.0, 1e-5);
            near(at->x[4], (2 + 10 - 2 * k) / 2.0, 1e-5);
            int y = at->top + (int)at->y[0], c = at->left + (int)at->x[0];
            assert_int_equal(label[i * size + y * t.in.width + c], 1 + k);
        }
    }
    /* mirrored pixels and mirrored points agree */
    struct rng r = rng_for(1, 1);
    t.view.flip = true;
    bool turned = false;
    for (int round = 0; round < 8; round++) {
        t.task->batch(&t, false, index, 1, &r, 0, x);
        for (int g = 0; g < canvas[0].n; g++)
            for (int k = 0; k < 4; k++) {
                const struct garment *at = &canvas[0].at[g];
                int y = at->top + (int)at->y[k], c = at->left + (int)at->x[k];
                assert_int_equal(label[y * t.in.width + c], 1 + at->index % CLASSES);
                assert_true(at->x[2] < at->x[3]);
                turned |= at->x[2] > 2;
            }
    }
    assert_true(turned);
}

/* ---- metrics ---- */

static void test_psnr(void **state)
{
    (void)state;
    static float x[MOST], out[MOST];
    const int index[N] = {0, 1, 2, 5};
    struct task_data t = open_task(FIT_SR);
    struct score s = {0};
    t.task->batch(&t, true, index, N, NULL, 0, x);
    near(x[0], (target[0] + target[1] + target[t.out.width] + target[t.out.width + 1]) / 4, 1e-7);
    size_t size = N * (size_t)t.out.height * (size_t)t.out.width;
    for (size_t k = 0; k < size; k++)
        out[k] = target[k] + (k % 2 ? 0.1F : target[k] > 0.1F ? -0.1F : 0.1F);
    near(t.task->loss(&t, out, N, NULL, &s), 0.1 * N, 1e-5);
    near(t.task->value(&s), 20, 1e-4);
    memset(&s, 0, sizeof s);
    t.task->loss(&t, target, N, NULL, &s);
    near(t.task->value(&s), 100, 0);
    memset(&s, 0, sizeof s);
    for (size_t k = 0; k < size; k++)
        x[k] = 0.5F; /* bilinear keeps a plain */
    for (size_t k = 0; k < size; k++)
        target[k] = 0.4F;
    t.task->trivial(&t, N, &s);
    near(t.task->value(&s), 20, 1e-4);
}

static void test_miou(void **state)
{
    (void)state;
    struct task_data t = open_task(FIT_SEGMENT);
    struct score s = {0};
    t.out = (struct maps){3, 1, 4};
    const int truth[] = {0, 0, 1, 1};
    const float out[] = {5, 5, 0, 5, 0, 0, 5, 0, 0, 0, 0, 0}; /* says 0 0 1 0 */
    memcpy(label, truth, sizeof truth);
    t.task->loss(&t, out, 1, NULL, &s);
    near(t.task->value(&s), (2 / 3.0 + 1 / 2.0) / 2, 1e-12);
    memset(&s, 0, sizeof s);
    t.task->trivial(&t, 1, &s);
    near(t.task->value(&s), 0.25, 1e-12);
}

static void test_pck(void **state)
{
    (void)state;
    static float x[MOST], out[MOST];
    const int index[N] = {0, 1, 2, 5};
    struct task_data t = open_task(FIT_KEYPOINTS);
    struct score s = {0};
    t.task->batch(&t, false, index, N, NULL, 0, x);
    size_t plane = (size_t)t.out.height * (size_t)t.out.width;
    near(t.task->loss(&t, target, N, NULL, &s), 0, 0);
    near(t.task->value(&s), 1, 0);
    /* one kind of point is nowhere: four of five are found */
    memcpy(out, target, N * KEYPOINTS * plane * sizeof *out);
    for (int i = 0; i < N; i++)
        for (size_t k = 0; k < plane; k++)
            out[(size_t)i * KEYPOINTS * plane + k] = k % (size_t)t.out.width == 0 ? 1.0F : -1.0F;
    memset(&s, 0, sizeof s);
    t.task->loss(&t, out, N, NULL, &s);
    assert_true(t.task->value(&s) >= 0.8 && t.task->value(&s) < 1);
}

/* ---- gradients ---- */

static void test_gradients(void **state)
{
    (void)state;
    static float x[MOST], out[MOST], grad[MOST];
    const int index[2] = {0, 4};
    for (int k = FIT_SR; k < FIT_TASKS; k++) {
        struct task_data t = open_task((enum fit_task)k);
        struct rng r = rng_for(9, (uint64_t)k);
        struct score s = {0};
        int size = 2 * t.out.channels * t.out.height * t.out.width;
        t.task->batch(&t, false, index, 2, NULL, 0, x);
        for (int i = 0; i < size; i++)
            out[i] = (float)rng_normal(&r);
        t.task->loss(&t, out, 2, grad, &s);
        for (int round = 0; round < 20; round++) {
            int i = (int)rng_below(&r, (uint64_t)size);
            float was = out[i], step = 0.01F;
            if (k < FIT_SEGMENT && fabsf(was - target[i]) < 2 * step)
                continue; /* the corner of the absolute value */
            out[i] = was + step;
            double more = t.task->loss(&t, out, 2, NULL, &s);
            double up = (double)out[i];
            out[i] = was - step;
            double less = t.task->loss(&t, out, 2, NULL, &s);
            double want = (more - less) / (up - (double)out[i]) / 2; /* of the mean of two */
            out[i] = was;
            near(grad[i], want, 1e-8 + 2e-3 * fabs(want));
        }
    }
}

static void test_adam(void **state)
{
    (void)state;
    float w[] = {1}, g[] = {0.5F};
    struct exec_param a = {.n = 1, .value = w, .grad = g};
    struct exec_param *p[] = {&a};
    struct sgd s = {.momentum = 0.9, .adam = true};
    near(sgd_step(&s, p, 1, 0.1), 0.5, 0);
    near(w[0], 0.9, 1e-6); /* the first step has the length of the rate */
    g[0] = -0.5F;
    sgd_step(&s, p, 1, 0.1);
    near(w[0], 0.9 + 0.1 * 0.005 / 0.19 / 0.5, 1e-6);
    sgd_done(&s);
}

/* ---- runs ---- */

static struct graph *backbone(void)
{
    struct builder b;
    struct graph *g;
    build_init(&b, "small", 1, BUILD_SYMMETRIC);
    struct tap x = build_input(&b, 1, 16, 16);
    x = build_unit(&b, x, (struct conv_spec){.cout = 8, .kh = 3, .sh = 2}, ACT_RELU);
    x = build_unit(&b, x, (struct conv_spec){.cout = 8, .kh = 3, .sh = 2}, ACT_RELU);
    x = build_unit(&b, x, (struct conv_spec){.cout = 8, .kh = 3}, ACT_RELU);
    build_head(&b, x, true, CLASSES);
    assert_int_equal(build_finish(&b, &g, NULL), ST_OK);
    return g;
}

static struct graph *restorer(int r)
{
    struct builder b;
    struct graph *g;
    build_init(&b, "image", 1, BUILD_SYMMETRIC);
    struct tap x = build_input(&b, 3, 16, 16);
    x = build_conv(&b, x, NULL, (struct conv_spec){.cout = 8, .kh = 3, .bias = true});
    x = build_relu(&b, x, NULL);
    if (r > 1)
        x = build_deconv(&b, x, NULL, 3, 4, r);
    else
        x = build_conv(&b, x, NULL, (struct conv_spec){.cout = 3, .kh = 3, .bias = true});
    build_output(&b, x);
    assert_int_equal(build_finish(&b, &g, NULL), ST_OK);
    return g;
}

static struct fit_result run(const struct graph *g, struct fit_opts o)
{
    struct fit_result r;
    struct err err = {0};
    if (fit_run(g, images, &o, &r, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return r;
}

/* Every task beats its trivial answer on these easy images, or comes near it from far below; what
 * was learnt is where the next training begins. */
static void test_tasks(void **state)
{
    (void)state;
    static const struct {
        enum fit_task task;
        int epochs;
        double lr, least;
        const char *says;
    } t[] = {{FIT_SR, 12, 0.01, 15, "3 -> 1 output channels"},
             {FIT_DENOISE, 12, 0.01, 18, "3 -> 1 output channels"},
             {FIT_SEGMENT, 16, 0.1, 0.4, "pyramid"},
             {FIT_KEYPOINTS, 10, 0.01, 0.3, "transposed"}};
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct graph *g = t[i].task == FIT_SR        ? restorer(2)
                          : t[i].task == FIT_DENOISE ? restorer(1)
                                                     : backbone();
        struct fit_opts o = {.task = t[i].task,
                             .epochs = t[i].epochs,
                             .batch = 8,
                             .lr = t[i].lr,
                             .bn_images = 64,
                             .seed = 1};
        struct fit_result r = run(g, o);
        if (!(r.value >= t[i].least))
            fail_msg("%s: %g (without a network %g)", fit_task_info(t[i].task)->name, r.value,
                     r.baseline);
        if (!strstr(r.adapted, t[i].says))
            fail_msg("%s: adapted: %s", fit_task_info(t[i].task)->name, r.adapted);
        o.epochs = 1;
        o.lr /= 10;
        struct fit_result warm = run(r.trained, o), cold = run(g, o);
        assert_string_equal(warm.adapted, "");
        if (!(warm.value > cold.value))
            fail_msg("%s: warm %g, cold %g", fit_task_info(t[i].task)->name, warm.value,
                     cold.value);
        fit_result_done(&warm);
        fit_result_done(&cold);
        fit_result_done(&r);
        graph_unref(g);
    }
}

static void test_unfit(void **state)
{
    (void)state;
    struct fit_opts o = {.epochs = 1, .task = FIT_SR};
    struct graph *g = restorer(1), *body = backbone();
    struct fit_result r;
    struct err err = {0};
    assert_int_equal(fit_run(g, images, &o, &r, &err), ST_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "the task needs 1x16x16"));
    assert_int_equal(fit_run(body, images, &o, &r, &err), ST_UNSUPPORTED);
    o.task = FIT_KEYPOINTS;
    assert_int_equal(fit_run(g, images, &o, &r, &err), ST_UNSUPPORTED);
    graph_unref(g);
    graph_unref(body);
}

/* ---- checkpoints ---- */

static void stop_after(void *arg, const struct fit_epoch *e)
{
    if (e->epoch == 2)
        *(int *)arg = 1;
}

static void test_checkpoint(void **state)
{
    (void)state;
    static const enum fit_task task[] = {FIT_CLASSIFY, FIT_SEGMENT, FIT_KEYPOINTS};
    struct graph *g = backbone();
    char *path = x_asprintf("%s/ckpt", dir);
    for (size_t i = 0; i < 3; i++) {
        /* with momenta of the running statistics, and without */
        struct fit_opts o = {.task = task[i],
                             .epochs = 4,
                             .batch = 8,
                             .average = 0.6,
                             .bn_images = i == 1 ? 32 : 0,
                             .shift = 1,
                             .flip = true,
                             .seed = 1};
        struct fit_result whole = run(g, o), r;
        struct err err = {0};
        int cancel = 0;
        unlink(path);
        o.checkpoint = path;
        o.cancel = &cancel;
        o.progress = stop_after;
        o.arg = &cancel;
        assert_int_equal(fit_run(g, images, &o, &r, &err), ST_CANCELLED);
        cancel = 0;
        o.progress = NULL;
        r = run(g, o);
        assert_int_equal(r.resumed, 2);
        assert_true(r.value == whole.value && r.loss == whole.loss);
        assert_true(same_weights(r.trained, whole.trained));
        for (int k = 0; k < 4; k++)
            assert_true(r.epoch[k].loss == whole.epoch[k].loss &&
                        r.epoch[k].test_value == whole.epoch[k].test_value);
        fit_result_done(&r);
        r = run(g, o); /* finished already */
        assert_int_equal(r.resumed, 4);
        assert_true(same_weights(r.trained, whole.trained));
        fit_result_done(&r);

        o.seed = 2;
        assert_int_equal(fit_run(g, images, &o, &r, &err), ST_USAGE);
        assert_int_equal(fit_run(whole.trained, images, &o, &r, &err), ST_USAGE);
        o.seed = 1;
        unsigned char *data;
        size_t n;
        assert_int_equal(file_read(path, 1 << 24, &data, &n, NULL), ST_OK);
        for (size_t at = 0; at < n; at += 1 + n / 7) {
            data[at] ^= 1;
            put("ckpt", data, n);
            assert_int_equal(fit_run(g, images, &o, &r, &err), ST_MODEL);
            data[at] ^= 1;
            put("ckpt", data, at);
            assert_int_equal(fit_run(g, images, &o, &r, &err), ST_MODEL);
        }
        free(data);
        fit_result_done(&whole);
    }
    free(path);
    graph_unref(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_data), cmocka_unit_test(test_canvas),
        cmocka_unit_test(test_psnr),      cmocka_unit_test(test_miou),
        cmocka_unit_test(test_pck),       cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_adam),      cmocka_unit_test(test_tasks),
        cmocka_unit_test(test_unfit),     cmocka_unit_test(test_checkpoint),
    };
    return cmocka_run_group_tests(tests, make, clean);
}
