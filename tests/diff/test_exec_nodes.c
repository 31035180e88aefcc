/* The executor against the op-by-op cases of package libonnx-testdata: every case whose operators
 * are in our table must give the outputs that come with it, or be refused with a reason. Operands
 * that we take as constants only (target shapes, axes, limits) are made constants first. */
#include "base/mem.h"
#include "exec/exec.h"
#include "onnx/onnx.pb-c.h"
#include "onx/onx.h"
#include "shape/shape.h"
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define CASES "/usr/share/libonnx-testdata/data/node"

/* ---- tensors of the data sets ---- */

static unsigned char *slurp(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    unsigned char *bytes;
    long n;

    if (!f)
        return NULL;
    fseek(f, 0, SEEK_END);
    n = ftell(f);
    rewind(f);
    bytes = x_malloc((size_t)n + 1);
    *size = fread(bytes, 1, (size_t)n, f);
    fclose(f);
    return bytes;
}

/* Values that came in a field of their type instead of as bytes. */
static void typed_values(const Onnx__TensorProto *p, struct ttype *t, unsigned char *to)
{
    int64_t n = ttype_count(t, 1);

    for (int64_t i = 0; i < n; i++) {
        size_t k = (size_t)i, at = k * dtype_size(t->dtype);

        if (k < p->n_float_data)
            memcpy(to + at, &p->float_data[k], 4);
        else if (k < p->n_double_data)
            memcpy(to + at, &p->double_data[k], 8);
        else if (k < p->n_int64_data)
            memcpy(to + at, &p->int64_data[k], 8);
        else if (k < p->n_int32_data)
            memcpy(to + at, &p->int32_data[k], dtype_size(t->dtype));
    }
}

/* NULL: no plain tensor (a sequence, strings). `name` receives its name. */
static struct tensor *read_pb(const char *path, char *name, size_t name_size)
{
    size_t size = 0;
    unsigned char *bytes = slurp(path, &size), *values;
    Onnx__TensorProto *p = bytes ? onnx__tensor_proto__unpack(NULL, size, bytes) : NULL;
    struct tensor *t = NULL;
    struct ttype type;

    free(bytes);
    if (p && p->n_dims <= TTYPE_MAX_RANK && dtype_size(p->data_type)) {
        type = ttype_make(p->data_type, (int)p->n_dims, p->dims);
        size = (size_t)ttype_count(&type, 1) * dtype_size(type.dtype);
        values = x_calloc(1, size + 8);
        if (p->raw_data.len)
            memcpy(values, p->raw_data.data, p->raw_data.len < size ? p->raw_data.len : size);
        else
            typed_values(p, &type, values);
        t = tensor_new_bytes(p->name ? p->name : "", &type, values, size);
        snprintf(name, name_size, "%s", p->name ? p->name : "");
        free(values);
    }
    if (p)
        onnx__tensor_proto__free_unpacked(p, NULL);
    return t;
}

/* ---- one case ---- */

enum verdict { PASSED, FAILED, SKIPPED };

struct sample {
    char name[64];
    struct tensor *t;
};

struct test_case {
    char dir[256];
    struct graph *g;
    struct sample in[16], out[16];
    int n_in, n_out;
    char why[256]; /* it failed or was skipped */
};

static int read_samples(const char *dir, const char *kind, struct sample *at, int max)
{
    int n = 0;

    for (; n < max; n++) {
        char path[400];
        FILE *f;

        snprintf(path, sizeof path, "%s/test_data_set_0/%s_%d.pb", dir, kind, n);
        f = fopen(path, "rb");
        if (!f)
            break;
        fclose(f);
        at[n].t = read_pb(path, at[n].name, sizeof at[n].name);
        if (!at[n].t)
            return -1;
    }
    return n;
}

static bool takes_constant(enum op op, int port)
{
    static const enum op ops[] = {OP_RESHAPE,   OP_SLICE,     OP_PAD,    OP_RESIZE,
                                  OP_SQUEEZE,   OP_UNSQUEEZE, OP_SPLIT,  OP_REDUCEMEAN,
                                  OP_REDUCESUM, OP_REDUCEMAX, OP_DROPOUT};

    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (ops[i] == op)
            return port > 0;
    return false;
}

/* Binds sample `s` wherever the input of its name is an operand of a kind we want constant. */
static void bind_sample(struct graph_edit *e, const struct graph *g, int32_t input,
                        const struct sample *s)
{
    int n;
    const struct use *uses = graph_uses(g, input, &n);

    for (int i = 0; i < n; i++)
        if (takes_constant(graph_node(g, uses[i].node)->op, uses[i].port))
            node_set_input(graph_edit_mut(e, uses[i].node), uses[i].port, IN_CONST, 0,
                           tensor_ref(s->t));
}

static const struct sample *sample_for(const struct test_case *c, const struct graph *g,
                                       int32_t input)
{
    for (int i = 0; i < c->n_in; i++)
        if (!strcmp(c->in[i].name, graph_node(g, input)->out[0].name))
            return &c->in[i];
    return NULL;
}

static enum status prepare(struct test_case *c, struct err *err)
{
    struct graph_edit *e = graph_edit_new(c->g);
    struct graph *bound, *typed = NULL;
    enum status st;
    int n;
    const int32_t *in = graph_inputs(c->g, &n);

    for (int i = 0; i < n; i++) {
        const struct sample *s = sample_for(c, c->g, in[i]);

        if (!s)
            continue;
        bind_sample(e, c->g, in[i], s);
        graph_edit_set_type(e, (struct value_ref){in[i], 0}, tensor_type(s->t));
    }
    TRY(graph_edit_freeze(e, &bound, err));
    st = shape_infer(bound, &typed, err);
    graph_unref(bound);
    if (st == ST_OK) {
        graph_unref(c->g);
        c->g = typed;
    }
    return st;
}

/* The largest difference beyond what is allowed, -1 when the shapes differ. */
static double excess(const struct tensor *want, const struct ttype *type, const float *got)
{
    const struct ttype *t = tensor_type(want);
    double worst = 0;

    if (t->rank != type->rank || memcmp(t->dim, type->dim, (size_t)t->rank * sizeof *t->dim) != 0)
        return -1;
    for (int64_t i = 0; i < tensor_count(want); i++) {
        double w = tensor_num_at(want, i, 0), v = (double)got[i];
        double d = isnan(w) && isnan(v) ? 0 : w == v ? 0 : fabs(w - v);

        if (!(d <= 1e-5 + 1e-4 * fabs(w)))
            worst = fmax(worst, isnan(d) ? INFINITY : d);
    }
    return worst;
}

static enum verdict compare(struct test_case *c, struct exec *e)
{
    if (c->n_out != exec_n_outputs(e)) {
        snprintf(c->why, sizeof c->why, "%d outputs for %d", exec_n_outputs(e), c->n_out);
        return FAILED;
    }
    for (int i = 0; i < c->n_out; i++) {
        char a[96], b[96];
        double d = excess(c->out[i].t, exec_output_type(e, i), exec_output(e, i));

        if (d == 0)
            continue;
        snprintf(c->why, sizeof c->why, "output %d: %s for %s, off by %g", i,
                 ttype_text(exec_output_type(e, i), a, sizeof a),
                 ttype_text(tensor_type(c->out[i].t), b, sizeof b), d);
        return FAILED;
    }
    return PASSED;
}

static void fill(struct test_case *c, struct exec *e)
{
    int n;
    const int32_t *in = graph_inputs(c->g, &n);

    for (int i = 0; i < n; i++) {
        const struct sample *s = sample_for(c, c->g, in[i]);

        for (int64_t k = 0; s && k < tensor_count(s->t); k++)
            exec_input(e, i)[k] = (float)tensor_num_at(s->t, k, 0);
    }
}

/* Unsupported is an answer; the reason is what stands behind the node's name. */
static enum verdict judge(struct test_case *c, enum status st, const struct err *err)
{
    const char *reason = strstr(err->msg, "): ");

    snprintf(c->why, sizeof c->why, "%s", st == ST_UNSUPPORTED && reason ? reason + 3 : err->msg);
    return st == ST_UNSUPPORTED ? SKIPPED : FAILED;
}

static enum verdict skipped(struct test_case *c, const char *why)
{
    snprintf(c->why, sizeof c->why, "%s", why);
    return SKIPPED;
}

static bool is_half(int dtype)
{
    return dtype == DT_FLOAT16 || dtype == DT_BFLOAT16;
}

static enum verdict run_loaded(struct test_case *c)
{
    struct exec_opts opts = {0};
    struct err err = {0};
    struct exec *e = NULL;
    enum verdict v;
    enum status st;

    for (int32_t id = 0; id < graph_n_slots(c->g); id++) {
        const struct node *n = graph_node(c->g, id);

        if (n && n->op == OP_OPAQUE)
            return skipped(c, op_from_onnx(node_op_type(n)) == OP_OPAQUE
                                  ? "operator is not in our table"
                                  : "operator has a form that is opaque to us");
        for (int i = 0; n && i < n->n_out; i++)
            if (is_half(n->out[i].type.dtype))
                return skipped(c, "halves, which this test does not read");
    }
    c->n_in = read_samples(c->dir, "input", c->in, 16);
    c->n_out = read_samples(c->dir, "output", c->out, 16);
    if (c->n_in < 0 || c->n_out < 0)
        return skipped(c, "data are no plain tensors");
    st = prepare(c, &err);
    if (st == ST_OK)
        st = exec_new(&e, c->g, &opts, &err);
    if (st != ST_OK)
        return judge(c, st, &err);
    fill(c, e);
    st = exec_run(e, &err);
    v = st == ST_OK ? compare(c, e) : judge(c, st, &err);
    exec_free(e);
    return v;
}

static enum verdict run_case(struct test_case *c)
{
    char path[400];
    struct err err = {0};
    enum verdict v;

    snprintf(path, sizeof path, "%s/model.onnx", c->dir);
    if (onx_load(&c->g, path, &err) != ST_OK)
        return skipped(c, "not loaded: outside op sets 7 to 17, or no plain tensors");
    v = run_loaded(c);
    graph_unref(c->g);
    for (int i = 0; i < 16; i++) {
        tensor_unref(c->in[i].t);
        tensor_unref(c->out[i].t);
    }
    return v;
}

/* ---- all of them ---- */

struct reason {
    char why[256], example[256];
    int n;
};

struct tally {
    int n[3];
    struct reason reason[64];
    int n_reasons;
};

static void count_reason(struct tally *t, const char *why, const char *example)
{
    int i = 0;

    while (i < t->n_reasons && strcmp(t->reason[i].why, why) != 0)
        i++;
    if (i == 64)
        return;
    if (i == t->n_reasons) {
        snprintf(t->reason[i].why, sizeof t->reason[i].why, "%s", why);
        snprintf(t->reason[i].example, sizeof t->reason[i].example, "%s", example);
        t->n_reasons++;
    }
    t->reason[i].n++;
}

static void test_node_cases(void **state)
{
    struct dirent **entry;
    struct tally t = {0};
    int n = scandir(CASES, &entry, NULL, alphasort);

    (void)state;
    if (n < 0) {
        print_message("skipped: " CASES " is not there (package libonnx-testdata)\n");
        skip();
    }
    for (int i = 0; i < n; i++) {
        struct test_case *c = x_calloc(1, sizeof *c);
        enum verdict v;

        snprintf(c->dir, sizeof c->dir, CASES "/%.200s", entry[i]->d_name);
        if (strncmp(entry[i]->d_name, "test_", 5) == 0) {
            v = run_case(c);
            t.n[v]++;
            if (v == FAILED)
                print_error("FAILED %s: %s\n", entry[i]->d_name, c->why);
            if (v == SKIPPED)
                count_reason(&t, c->why, entry[i]->d_name);
        }
        free(c);
        free(entry[i]);
    }
    free(entry);
    print_message("%d passed, %d failed, %d skipped\n", t.n[PASSED], t.n[FAILED], t.n[SKIPPED]);
    for (int i = 0; i < t.n_reasons; i++)
        print_message("  %4d skipped: %s (as %s)\n", t.reason[i].n, t.reason[i].why,
                      t.reason[i].example);
    assert_int_equal(t.n[FAILED], 0);
    assert_true(t.n[PASSED] > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_node_cases)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
