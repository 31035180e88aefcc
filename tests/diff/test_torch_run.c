/* Networks written as PyTorch modules give what the executor gives: every operator, the zoo, the
 * families, and children of random replacements. Modules, inputs and expected outputs go into a
 * folder; torch_run.py runs beside this program and is told of each as it is there. AUTOGO_HEAVY=1:
 * all of the zoo, more families, 50 children; else what takes a few seconds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../unit/torch_make.h"
#include "exec/exec.h"
#include "family/family.h"
#include "mutate/mutate.h"
#include "random_region.h"
#include "torch/torch.h"
#include "torch_rows.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BATCH = 2 };

static char dir[] = "/tmp/autogo-torch-XXXXXX";
static FILE *python; /* torch_run.py; NULL: no Python with PyTorch */
static bool heavy;

/* ---- writing cases ---- */

static void write_values(FILE *values, const char *what, const struct ttype *t, const float *v)
{
    fprintf(python, "%s %s", what, t->dtype ? dtype_name(t->dtype) : "float");
    for (int d = 0; d < t->rank; d++)
        fprintf(python, " %lld", (long long)t->dim[d]);
    fputc('\n', python);
    assert_int_equal(fwrite(v, sizeof *v, (size_t)ttype_count(t, 1), values), ttype_count(t, 1));
}

static void run_graph(struct exec *e)
{
    struct rng rng = rng_for(3, 0);
    struct err err = {0};

    for (int i = 0; i < exec_n_inputs(e); i++)
        for (int64_t k = 0; k < ttype_count(exec_input_type(e, i), 1); k++)
            exec_input(e, i)[k] = (float)rng_normal(&rng);
    if (exec_run(e, &err) != ST_OK)
        fail_msg("%s", err.msg);
}

/* ST_UNSUPPORTED: nothing was written. */
static enum status write_case(const struct graph *g, const char *name, struct err *err)
{
    struct exec_opts opts = {.threads = 1, .batch = BATCH};
    char *path = x_asprintf("%s/%s.py", dir, name);
    struct exec *e = NULL;
    enum status st = torch_save(g, path, err);
    FILE *values;

    free(path);
    if (st != ST_OK)
        return st;
    if (exec_new(&e, g, &opts, err) != ST_OK)
        fail_msg("%s: %s", name, err->msg);
    run_graph(e);
    path = x_asprintf("%s/%s.bin", dir, name);
    values = fopen(path, "wb");
    free(path);
    assert_non_null(values);
    fprintf(python, "case %s\n", name);
    for (int i = 0; i < exec_n_inputs(e); i++)
        write_values(values, "in", exec_input_type(e, i), exec_input(e, i));
    for (int i = 0; i < exec_n_outputs(e); i++)
        write_values(values, "out", exec_output_type(e, i), exec_output(e, i));
    fclose(values);
    fprintf(python, "run\n");
    fflush(python);
    exec_free(e);
    return ST_OK;
}

static void must_write(const struct graph *g, const char *name)
{
    struct err err = {0};

    if (write_case(g, name, &err) != ST_OK)
        fail_msg("%s: %s", name, err.msg);
}

/* ---- networks ---- */

/* Small inputs where the network has no size of its own; size 0: as it is. */
static const struct known {
    const char *spec;
    int64_t channels, size;
    bool heavy;
} known[] = {
    {"zoo:mobilenetv2", 3, 64, false}, {"zoo:fsrcnn", 1, 16, false},
    {"zoo:unet", 1, 64, false},        {"zoo:resnet50", 3, 64, true},
    {"zoo:resnet101", 3, 64, true},    {"zoo:vgg16", 3, 0, true},
    {"zoo:vgg16-gap", 3, 64, true},    {"zoo:edsr", 3, 32, true},
    {"zoo:edsr-x3", 3, 32, true},      {"zoo:edsr-x4", 3, 32, true},
    {"zoo:edsr-body", 64, 16, true},   {"zoo:fsrcnn-3", 1, 16, true},
    {"zoo:fsrcnn-4", 1, 16, true},
};
enum { N_KNOWN = sizeof known / sizeof *known };

static struct graph *build(const char *spec, int64_t channels, int64_t size)
{
    struct graph *g = NULL, *fixed;
    struct ttype t = ttype_nchw(1, channels, size, size);
    struct err err = {0};

    if (family_build(spec, 1, &g, &err) != ST_OK)
        fail_msg("%s: %s", spec, err.msg);
    if (size == 0)
        return g;
    if (shape_set_input(g, "", &t, &fixed, &err) != ST_OK)
        fail_msg("%s: %s", spec, err.msg);
    graph_unref(g);
    return fixed;
}

static void begin_group(const char *name)
{
    if (!python)
        skip();
    fprintf(python, "group %s\n", name);
}

static void test_rows(void **state)
{
    (void)state;
    begin_group("operators");
    for (int i = 0; i < N_ROWS; i++) {
        struct graph *g = make_row(&rows[i]);

        must_write(g, rows[i].name);
        graph_unref(g);
    }
}

static void test_networks(void **state)
{
    int samples = heavy ? 8 : 1;

    (void)state;
    begin_group("networks");
    for (int i = 0; i < N_KNOWN; i++) {
        struct graph *g;

        if (known[i].heavy && !heavy)
            continue;
        g = build(known[i].spec, known[i].channels, known[i].size);
        must_write(g, known[i].spec + 4);
        graph_unref(g);
    }
    for (int f = 0; family_name_at(f); f++)
        for (int i = 0; i < samples; i++) {
            char *family = x_asprintf("%s@s", family_name_at(f));
            char *spec = family_sample(family, 5, i), *name = x_asprintf("%s_%d", family, i);
            struct graph *g = build(spec, 0, 0);

            must_write(g, name);
            graph_unref(g);
            free(family);
            free(spec);
            free(name);
        }
}

/* A child of a random replacement: NULL when nothing fits. */
static struct graph *child(struct graph *const *model, size_t n, struct rng *rng)
{
    const struct graph *g = model[rng_below(rng, n)], *from = model[rng_below(rng, n)];
    struct mutate_opts opts = {.seed = rng_u64(rng), .grow = 4, .adapt = true};
    struct region r, donor;
    struct candidate c;
    struct graph *frag, *found = NULL;

    random_region(&r, g, rng);
    random_region(&donor, from, rng);
    assert_int_equal(region_extract(from, &donor, &frag, NULL), ST_OK);
    assert_int_equal(mutate_replace(g, &r, frag, &opts, &c, NULL), ST_OK);
    if (c.graph)
        found = graph_ref(c.graph);
    candidate_done(&c);
    graph_unref(frag);
    region_done(&r);
    region_done(&donor);
    return found;
}

static void test_children(void **state)
{
    static const char *const more[] = {"zoo:resnet50", "zoo:edsr-body"};
    VEC(struct graph *) model = {0};
    struct rng rng = rng_for(31, 0);
    int want = heavy ? 50 : 5, refused = 0;

    (void)state;
    begin_group("mutations");
    for (int i = 0; i < 3; i++)
        vec_push(&model, build(known[i].spec, known[i].channels, known[i].size));
    for (int i = 0; i < 2 && heavy; i++)
        vec_push(&model, build(more[i], i ? 64 : 3, i ? 16 : 64));
    for (int f = 0; family_name_at(f); f++) {
        char *family = x_asprintf("%s@s", family_name_at(f)), *spec = family_sample(family, 6, 1);

        vec_push(&model, build(spec, 0, 0));
        free(family);
        free(spec);
    }
    for (int i = 0; i < want;) {
        struct graph *g = child(model.at, model.n, &rng);
        struct err err = {0};
        char name[32];
        enum status st;

        if (!g)
            continue;
        snprintf(name, sizeof name, "child_%d", i);
        st = write_case(g, name, &err);
        graph_unref(g);
        if (st == ST_OK) {
            i++;
            continue;
        }
        assert_int_equal(st, ST_UNSUPPORTED);
        print_message("refused: %s\n", err.msg);
        refused++;
    }
    assert_true(refused <= want / 10);
    for (size_t i = 0; i < model.n; i++)
        graph_unref(model.at[i]);
    vec_done(&model);
}

/* ---- the other side ---- */

static void test_agree(void **state)
{
    int result;

    (void)state;
    if (!python)
        skip();
    result = pclose(python);
    python = NULL;
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 0);
}

static int set_up(void **state)
{
    static const char *const names[] = {"/usr/bin/python3", "python3"};

    (void)state;
    heavy = getenv("AUTOGO_HEAVY") != NULL;
    signal(SIGPIPE, SIG_IGN);
    if (!mkdtemp(dir))
        return -1;
    for (size_t i = 0; i < sizeof names / sizeof *names && !python; i++) {
        char *probe = x_asprintf("%s -c 'from importlib.util import find_spec as f; "
                                 "exit(not (f(\"torch\") and f(\"numpy\")))' 2>/dev/null",
                                 names[i]);
        char *command = x_asprintf("%s -B " SRCDIR "/tests/diff/torch_run.py %s", names[i], dir);

        if (system(probe) == 0)
            python = popen(command, "w");
        free(probe);
        free(command);
    }
    if (!python)
        print_message("skipped: no python3 with torch and numpy (package python3-torch)\n");
    return 0;
}

static int tear_down(void **state)
{
    char *command = x_asprintf("rm -rf %s", dir);
    int result;

    (void)state;
    if (python)
        pclose(python);
    result = system(command);
    free(command);
    return result;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_children),
        cmocka_unit_test(test_agree),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
