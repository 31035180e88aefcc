/* Running on seeded inputs, comparing, and measuring time. */
#include "base/file.h"
#include "base/mem.h"
#include "exec/timing.h"
#include "exec/trial.h"
#include "family/family.h"
#include "shape/shape.h"
#include <dirent.h>
#include <math.h>
#include <sched.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "exec_make.h"

/* ---- small networks ---- */

static struct node *node(enum op op)
{
    struct node *n = node_new(op, "n1");

    node_add_input(n, 0, 0);
    node_add_output(n, "y");
    return n;
}

/* x * factor, for an input of 1 x count. */
static struct graph *times(float factor, int64_t count)
{
    struct node *n = node(OP_MUL);

    node_add_const(n, tensor_new_f32("c", factor));
    return make_single(n, ttype_make(DT_FLOAT, 2, (const int64_t[]){1, count}));
}

static struct graph *build(const char *spec)
{
    struct err err = {0};
    struct graph *g;

    if (family_build(spec, 1, &g, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return g;
}

static struct trial tried(const struct graph *g, uint64_t seed)
{
    const struct trial_opts opts = {.seed = seed, .runs = 2};
    struct err err = {0};
    struct trial t;

    if (trial_run(&t, g, &opts, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return t;
}

/* ---- trials ---- */

static void test_difference(void **state)
{
    struct graph *a = times(2, 50), *b = times(2.5F, 50), *zero = times(0, 50);
    struct trial ta = tried(a, 3), tb = tried(b, 3), tz = tried(zero, 3);
    struct trial_diff d;
    char why[256];
    double most = 0;

    (void)state;
    assert_int_equal(ta.runs, 2);
    for (int i = 0; i < 100; i++)
        most = fmax(most, fabs((double)ta.value[i / 50][i % 50]) / 2);
    assert_true(most > 1.5); /* normal numbers */
    assert_true(trial_compare(&ta, &tb, &d, why, sizeof why));
    assert_true(fabs(d.max_abs - most / 2) < 1e-6);
    assert_true(fabs(d.max_rel - 0.2) < 1e-6);
    assert_true(trial_compare(&ta, &tz, &d, why, sizeof why));
    assert_true(fabs(d.max_rel - 1) < 1e-9);
    assert_true(trial_compare(&tz, &tz, &d, why, sizeof why));
    assert_true(d.max_abs == 0 && d.max_rel == 0);
    trial_done(&ta);
    trial_done(&tb);
    trial_done(&tz);
    graph_unref(a);
    graph_unref(b);
    graph_unref(zero);
}

static void test_seeds(void **state)
{
    struct graph *g = build("nb101:3|101|c3@s");
    struct trial a = tried(g, 3), b = tried(g, 3), c = tried(g, 4);
    size_t bytes = (size_t)ttype_count(&a.out[0], 1) * sizeof(float);

    (void)state;
    for (int r = 0; r < 2; r++) {
        assert_memory_equal(a.value[r], b.value[r], bytes);
        assert_memory_not_equal(a.value[r], c.value[r], bytes);
    }
    assert_memory_not_equal(a.value[0], a.value[1], bytes);
    assert_int_equal(a.out[0].dim[0], 1); /* the open batch */
    trial_done(&a);
    trial_done(&b);
    trial_done(&c);
    graph_unref(g);
}

static void misfit(struct graph *a, struct graph *b, const char *word)
{
    struct trial ta = tried(a, 1), tb = tried(b, 1);
    struct trial_diff d;
    char why[256];

    assert_false(trial_compare(&ta, &tb, &d, why, sizeof why));
    if (!strstr(why, word))
        fail_msg("'%s' lacks '%s'", why, word);
    trial_done(&ta);
    trial_done(&tb);
    graph_unref(a);
    graph_unref(b);
}

/* The same with its result given a second time. */
static struct graph *twice(struct graph *g)
{
    struct graph_edit *e = graph_edit_new(g);
    struct node *n = node_new(OP_OUTPUT, "again");
    struct graph *out;

    node_add_input(n, 1, 0);
    graph_edit_add(e, n);
    assert_int_equal(graph_edit_freeze(e, &out, NULL), ST_OK);
    graph_unref(g);
    return out;
}

static void test_misfits(void **state)
{
    struct node *n = node(OP_TRANSPOSE);

    (void)state;
    misfit(times(1, 3), times(1, 4), "input 1: float 1x3 against float 1x4");
    misfit(times(1, 4), twice(times(1, 4)), "1 output against 2");
    misfit(times(1, 6), make_single(n, ttype_make(DT_FLOAT, 2, (const int64_t[]){1, 6})),
           "output 1: float 1x6 against float 6x1");
}

static void test_what_cannot_run(void **state)
{
    const struct trial_opts opts = {.seed = 1};
    struct node *n = node(OP_OPAQUE);
    struct err err = {0};
    struct trial t;
    struct graph *g;

    (void)state;
    n->op_type = x_strdup("Einsum");
    n->out[0].type = ttype_make(DT_FLOAT, 1, (const int64_t[]){1});
    g = make_single(n, n->out[0].type);
    assert_int_equal(trial_run(&t, g, &opts, &err), ST_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "'n1' (Einsum)"));
    graph_unref(g);
    g = make_single(node(OP_RELU), ttype_make(DT_FLOAT, 2, (const int64_t[]){1, DIM_UNKNOWN}));
    assert_int_equal(trial_run(&t, g, &opts, &err), ST_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "shape stays unknown"));
    graph_unref(g);
}

static void test_cancelled(void **state)
{
    int cancel = 1;
    const struct trial_opts opts = {.cancel = &cancel};
    struct graph *g = times(1, 3);
    struct trial t;

    (void)state;
    assert_int_equal(trial_run(&t, g, &opts, NULL), ST_CANCELLED);
    graph_unref(g);
}

/* The logarithm of a normal number is none; the node is named though others follow it. */
static void test_fault(void **state)
{
    struct graph_edit *e = graph_edit_new(NULL);
    static const enum op op[] = {OP_INPUT, OP_TANH, OP_LOG, OP_TANH, OP_OUTPUT};
    static const char *const name[] = {"x", "before", "culprit", "after", "out"};
    struct graph *g, *typed;
    struct trial t;

    (void)state;
    for (int i = 0; i < 5; i++) {
        struct node *n = node_new(op[i], name[i]);

        if (i > 0)
            node_add_input(n, i - 1, 0);
        if (i < 4)
            node_add_output(n, name[i]);
        if (i == 0)
            n->out[0].type = ttype_make(DT_FLOAT, 2, (const int64_t[]){1, 20});
        graph_edit_add(e, n);
    }
    assert_int_equal(graph_edit_freeze(e, &g, NULL), ST_OK);
    assert_int_equal(shape_infer(g, &typed, NULL), ST_OK);
    t = tried(typed, 1);
    assert_non_null(strstr(t.fault, "node 'culprit' (Log)"));
    trial_done(&t);
    graph_unref(g);
    graph_unref(typed);
}

static void test_integers(void **state)
{
    static const struct {
        int dtype;
        float most;
    } kind[] = {{DT_UINT8, 255}, {DT_INT64, 1}, {DT_BOOL, 1}};

    (void)state;
    for (int k = 0; k < 3; k++) {
        struct node *n = node(OP_CAST);
        struct graph *g;
        struct trial t;
        float most = 0;

        node_set_int(n, "to", DT_FLOAT);
        g = make_single(n, ttype_make(kind[k].dtype, 2, (const int64_t[]){1, 4000}));
        t = tried(g, 1);
        for (int i = 0; i < 4000; i++) {
            float v = t.value[0][i];

            assert_true(v >= 0 && v == floorf(v));
            most = v > most ? v : most;
        }
        assert_true(most == kind[k].most);
        trial_done(&t);
        graph_unref(g);
    }
}

/* ---- times ---- */

static char *home; /* of the cache */

static int make_home(void **state)
{
    (void)state;
    home = x_strdup("/tmp/autogo-verify-XXXXXX");
    assert_non_null(mkdtemp(home));
    setenv("XDG_CACHE_HOME", home, 1);
    return 0;
}

static int drop_home(void **state)
{
    char *cmd = x_asprintf("rm -rf '%s'", home);

    (void)state;
    assert_int_equal(system(cmd), 0);
    free(cmd);
    free(home);
    return 0;
}

/* The path of the only kept result; caller frees. */
static char *kept(void)
{
    char *dir = x_asprintf("%s/autogo/latency", home), *path = NULL;
    DIR *d = opendir(dir);

    assert_non_null(d);
    for (const struct dirent *f; (f = readdir(d));)
        if (f->d_name[0] != '.') {
            assert_null(path);
            path = x_asprintf("%s/%s", dir, f->d_name);
        }
    closedir(d);
    free(dir);
    return path;
}

static struct timing measured(const struct graph *g, const struct timing_opts *opts)
{
    struct err err = {0};
    struct timing t;

    if (timing_measure(&t, g, opts, &err) != ST_OK)
        fail_msg("%s", err.msg);
    assert_true(t.p10_ms > 0 && t.p10_ms <= t.median_ms && t.median_ms <= t.p90_ms);
    return t;
}

static void test_cache(void **state)
{
    struct timing_opts opts = {.runs = 5};
    struct graph *g = build("nb101:3|101|c3@s");
    struct timing t = measured(g, &opts), again;
    char *path = kept();
    unsigned char *data;
    size_t size;

    (void)state;
    assert_false(t.cached);
    assert_int_equal(t.runs, 5);
    assert_int_equal(t.batch, 1);
    again = measured(g, &opts);
    assert_true(again.cached);
    assert_int_equal(again.pinned, t.pinned);
    assert_true(fabs(again.median_ms / t.median_ms - 1) < 1e-6);
    opts.runs = 3; /* fewer are in it */
    assert_true(measured(g, &opts).cached);
    opts.fresh = true;
    assert_false(measured(g, &opts).cached);
    opts = (struct timing_opts){.runs = 9};
    assert_false(measured(g, &opts).cached);
    assert_true(measured(g, &opts).cached);

    /* damaged anywhere: measured anew, and whole again */
    assert_int_equal(file_read(path, 4096, &data, &size, NULL), ST_OK);
    for (size_t at = 0; at < size; at += 35) {
        data[at] ^= 4;
        assert_int_equal(file_write(path, data, size, NULL), ST_OK);
        data[at] ^= 4;
        assert_false(measured(g, &opts).cached);
        assert_true(measured(g, &opts).cached);
    }
    assert_int_equal(file_write(path, data, size / 2, NULL), ST_OK);
    assert_false(measured(g, &opts).cached);
    assert_int_equal(file_write(path, "", 0, NULL), ST_OK);
    assert_false(measured(g, &opts).cached);
    assert_true(measured(g, &opts).cached);
    free(data);
    unlink(path);
    free(path);
    graph_unref(g);
}

static void test_no_cache(void **state)
{
    const struct timing_opts opts = {.runs = 3};
    struct graph *g = build("nb101:3|101|c3@s");

    (void)state;
    setenv("XDG_CACHE_HOME", "/dev/null", 1);
    assert_false(measured(g, &opts).cached);
    assert_false(measured(g, &opts).cached);
    setenv("XDG_CACHE_HOME", home, 1);
    graph_unref(g);
}

static void test_batch(void **state)
{
    struct timing_opts opts = {.runs = 3, .batch = 4};
    struct graph *open = build("nb101:3|101|c3@s"), *fixed = times(2, 3);
    struct err err = {0};
    struct timing t;

    (void)state;
    assert_int_equal(measured(open, &opts).batch, 4);
    assert_true(measured(open, &opts).cached);
    opts.batch = 2;
    assert_false(measured(open, &opts).cached);
    assert_int_equal(timing_measure(&t, fixed, &opts, &err), ST_USAGE);
    assert_non_null(strstr(err.msg, "fixed one of 1"));
    opts.batch = 0;
    assert_int_equal(measured(fixed, &opts).batch, 1);
    graph_unref(open);
    graph_unref(fixed);
}

struct told {
    int last, calls;
    int stop_at; /* 0: never */
    int cancel;
    bool wrong;
};

static void tell(void *arg, int done, int total)
{
    struct told *t = arg;

    t->wrong |= done < t->last || done > total; /* not the test's thread */
    t->last = done;
    t->calls++;
    if (t->stop_at && done == t->stop_at)
        __atomic_store_n(&t->cancel, 1, __ATOMIC_RELAXED);
}

static void test_layers(void **state)
{
    struct told told = {0};
    const struct timing_opts opts = {
        .runs = 5, .layers = true, .threads = 1, .progress = tell, .arg = &told};
    struct graph *g = build("nb101:3|101|c3@s");
    cpu_set_t before, after;
    struct timing t;
    double sum = 0;
    int fused = 0, at = -1;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    t = measured(g, &opts);
    assert_int_equal(sched_getaffinity(0, sizeof after, &after), 0);
    assert_true(CPU_EQUAL(&before, &after));
    assert_true(t.pinned && !t.cached);
    assert_false(told.wrong);
    assert_int_equal(told.last, 5);
    assert_true(told.calls > 5);
    assert_int_equal(t.n_layers, graph_n_nodes(g) - 2);
    for (int i = 0; i < t.n_layers; i++) {
        const struct exec_step_time *l = &t.layer[i];

        assert_true(graph_topo_pos(g, l->node) > at);
        at = graph_topo_pos(g, l->node);
        assert_true(l->into < 0 ? l->ms > 0 : l->ms == 0);
        fused += l->into >= 0;
        sum += l->ms;
    }
    assert_true(fused > 10);
    assert_true(sum < 1.5 * t.p90_ms && sum > 0.5 * t.p10_ms);
    timing_done(&t);
    graph_unref(g);
}

static void test_timing_cancelled(void **state)
{
    struct told told = {.stop_at = 2};
    const struct timing_opts opts = {
        .runs = 50, .fresh = true, .cancel = &told.cancel, .progress = tell, .arg = &told};
    struct graph *g = build("nb101:3|101|c3@s");
    struct timing t;

    (void)state;
    assert_int_equal(timing_measure(&t, g, &opts, NULL), ST_CANCELLED);
    assert_int_equal(told.last, 2);
    graph_unref(g);
}

static void test_too_many_threads(void **state)
{
    const struct timing_opts opts = {.runs = 1, .threads = (int)sysconf(_SC_NPROCESSORS_CONF) + 1};
    struct graph *g = times(2, 3);

    (void)state;
    assert_false(measured(g, &opts).pinned);
    graph_unref(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_difference),       cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_misfits),          cmocka_unit_test(test_what_cannot_run),
        cmocka_unit_test(test_cancelled),        cmocka_unit_test(test_fault),
        cmocka_unit_test(test_integers),         cmocka_unit_test(test_cache),
        cmocka_unit_test(test_no_cache),         cmocka_unit_test(test_batch),
        cmocka_unit_test(test_layers),           cmocka_unit_test(test_timing_cancelled),
        cmocka_unit_test(test_too_many_threads),
    };

    return cmocka_run_group_tests(tests, make_home, drop_home);
}
