/* The networks of the zoo give what ONNX Runtime gives, where AUTOGO_ORT names a folder with it
 * (ort.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "exec/trial.h"
#include "family/family.h"
#include "ort.h"
#include "shape/shape.h"

#include <math.h>

static struct ort ort;

static const struct network {
    const char *name;
    int64_t c, h, w; /* of the input; 0: what it is made for */
} networks[] = {
    {"zoo:resnet50", 0, 0, 0},    {"zoo:resnet101", 3, 96, 96}, {"zoo:vgg16", 0, 0, 0},
    {"zoo:vgg16-gap", 3, 64, 96}, {"zoo:mobilenetv2", 0, 0, 0}, {"zoo:edsr", 3, 20, 28},
    {"zoo:edsr-x3", 3, 20, 28},   {"zoo:edsr-x4", 3, 20, 28},   {"zoo:edsr-body", 64, 20, 28},
    {"zoo:fsrcnn", 1, 45, 60},    {"zoo:fsrcnn-3", 1, 45, 60},  {"zoo:fsrcnn-4", 1, 45, 60},
    {"zoo:unet", 1, 64, 80},
};

static struct graph *build(const struct network *net)
{
    struct ttype t = ttype_nchw(1, net->c, net->h, net->w);
    struct graph *g, *fixed;
    struct err err = {0};

    if (family_build(net->name, 1, &g, &err) != ST_OK)
        fail_msg("%s: %s", net->name, err.msg);
    if (net->c == 0)
        return g;
    if (shape_set_input(g, "", &t, &fixed, &err) != ST_OK)
        fail_msg("%s: %s", net->name, err.msg);
    graph_unref(g);
    return fixed;
}

/* Within 1e-3 of the largest. */
static void same(const char *name, const float *ours, const float *theirs, int64_t n)
{
    double scale = 0;

    for (int64_t i = 0; i < n; i++)
        scale = fmax(scale, fabs((double)theirs[i]));
    assert_true(isfinite(scale) && scale > 0);
    for (int64_t i = 0; i < n; i++)
        if (!(fabs((double)ours[i] - (double)theirs[i]) <= 1e-3 * scale))
            fail_msg("%s: %g for %g (of %g)", name, (double)ours[i], (double)theirs[i], scale);
}

static void compare(const struct network *net, int threads)
{
    const struct exec_opts opts = {.threads = threads};
    struct graph *g = build(net);
    struct exec *e;
    struct err err = {0};

    if (exec_new(&e, g, &opts, &err) != ST_OK)
        fail_msg("%s: %s", net->name, err.msg);
    trial_fill(e, 5, 0);
    if (!ort_load(&ort, g, e, threads) || ort_run(&ort) < 0)
        fail_msg("%s: ONNX Runtime: %s", net->name, ort.answer);
    if (exec_run(e, &err) != ST_OK)
        fail_msg("%s: %s", net->name, err.msg);
    for (int i = 0; i < exec_n_outputs(e); i++) {
        int64_t n = ttype_count(exec_output_type(e, i), 1);
        float *theirs = ort_output(&ort, i, n);

        if (!theirs)
            fail_msg("%s: output %d: %s", net->name, i, ort.answer);
        same(net->name, exec_output(e, i), theirs, n);
        free(theirs);
    }
    exec_free(e);
    graph_unref(g);
}

static void test_all_named(void **state)
{
    (void)state;
    for (int i = 0; family_zoo_at(i); i++) {
        bool found = false;

        for (size_t k = 0; k < sizeof networks / sizeof *networks; k++)
            found |= !strcmp(networks[k].name + 4, family_zoo_at(i)->name);
        if (!found)
            fail_msg("zoo:%s is not compared", family_zoo_at(i)->name);
    }
}

static void test_zoo(void **state)
{
    (void)state;
    if (!ort_open(&ort)) {
        print_message("SKIP: no ONNX Runtime: %s\n", ort.answer);
        skip();
    }
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++)
        compare(&networks[i], 1 + (int)i % 2);
    ort_close(&ort);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_named),
        cmocka_unit_test(test_zoo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
