/* Any bytes as an ONNX file: read, infer, check, write, read again. For libFuzzer, or, with
 * FUZZ_STANDALONE, a program that replays files or mutates models of its own for a while:
 *     smoke_onx [FILE...]      SMOKE_ROUNDS and SMOKE_SEED in the environment */
#include "tests/unit/onx_make.h"

#include "shape/shape.h"

#include <assert.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is written must be readable, and be the same graph. */
static void write_and_read(const struct graph *g)
{
    unsigned char *bytes = NULL;
    size_t n;
    struct graph *r = NULL;
    if (onx_save_bytes(g, &bytes, &n, NULL) != ST_OK)
        return;
    struct err err = {0};
    if (onx_load_bytes(&r, bytes, n, NULL, &err) != ST_OK) {
        fprintf(stderr, "written, but not readable: %s\n", err.msg);
        abort();
    }
    graph_unref(r);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct graph *g = NULL, *typed = NULL, *t = NULL;
    struct err err = {0};
    if (onx_load_bytes(&g, data, size, NULL, &err) != ST_OK) {
        assert(!g && err.code != ST_OK && err.msg[0]);
        return 0;
    }
    write_and_read(g);
    if (hash_bytes(data, size, 0) % 16 == 0) /* in a child process: slow */
        onx_check(g, NULL);
    bool fine = shape_infer(g, &typed, NULL) == ST_OK;
    if (!fine)
        typed = graph_ref(g);
    struct graph_edit *e = graph_edit_new(typed);
    graph_edit_mut(e, graph_topo(typed)[0]);
    if (graph_edit_freeze(e, &t, NULL) != ST_OK)
        abort();
    write_and_read(t);
    if (fine)
        onx_check(t, NULL);
    graph_unref(t);
    graph_unref(typed);
    graph_unref(g);
    return 0;
}

#ifdef FUZZ_STANDALONE

#include "base/file.h"
#include "base/rng.h"

struct seed {
    unsigned char *bytes;
    size_t n;
};

static void net(struct mk *k, int opset)
{
    float w[36] = {0.5f}, ones[4] = {1, 1, 1, 1}, scales[4] = {1, 1, 2, 2};
    mk_start(k, 7, opset);
    mk_input(k, "x", DT_FLOAT, 4, DIMS(-1, 1, 8, 8));
    mk_init(k, "w", DT_FLOAT, 4, DIMS(4, 1, 3, 3), w, sizeof w);
    mk_init(k, "one", DT_FLOAT, 1, DIMS(4), ones, sizeof ones);
    mk_init(k, "scales", DT_FLOAT, 1, DIMS(4), scales, sizeof scales);
    mk_init(k, "none", DT_FLOAT, 1, DIMS(0), "", 0);
    mk_init(k, "dims", DT_INT64, 1, DIMS(1), DIMS(4), 8);
    Onnx__NodeProto *n = mk_node(k, "Conv", "x w", "c");
    mk_ints(k, n, "pads", 4, DIMS(1, 1, 1, 1));
    mk_ints(k, n, "strides", 2, DIMS(2, 2));
    mk_node(k, "ConstantOfShape", "dims", "zero");
    mk_node(k, "BatchNormalization", "c one zero zero one", "b");
    n = mk_node(k, "Clip", "b", "r");
    if (opset < 11)
        mk_float(k, n, "max", 6);
    n = mk_node(k, "MaxPool", "r", "p");
    mk_ints(k, n, "kernel_shape", 2, DIMS(2, 2));
    mk_node(k, opset < 10 ? "Upsample" : "Resize", opset < 11 ? "p scales" : "p none scales", "u");
    mk_int(k, mk_node(k, "Concat", "u u", "d"), "axis", 1);
    mk_node(k, "GlobalAveragePool", "d", "m");
    mk_node(k, "Shape", "m", "s");
    mk_node(k, "Reshape", "m s", "f");
    mk_node(k, "Softmax", "f", "y");
    mk_output(k, "y", DT_FLOAT, 4, DIMS(-1, 8, 1, 1));
    /* What the file tells need not be asked of libonnx in a child process. */
    MK_PUSH(k, k->g->value_info, k->g->n_value_info, mk_value(k, "s", DT_INT64, 1, DIMS(4)));
}

static void branch(struct mk *k)
{
    mk_start(k, 8, 15);
    mk_opset(k, "test", 1);
    mk_input(k, "cond", DT_BOOL, 0, NULL);
    mk_input(k, "x", DT_FLOAT, 1, DIMS(2));
    Onnx__FunctionProto *f = onx_alloc(&k->a, 1, sizeof *f);
    *f = (Onnx__FunctionProto)ONNX__FUNCTION_PROTO__INIT;
    f->name = onx_dup(&k->a, "F");
    f->domain = onx_dup(&k->a, "test");
    mk_names(k, &f->input, &f->n_input, "a");
    mk_names(k, &f->output, &f->n_output, "b");
    Onnx__GraphProto *body = mk_graph(k, "f"), *yes = mk_graph(k, "yes"), *no = mk_graph(k, "no");
    mk_node_in(k, body, "Abs", "a", "b");
    f->node = body->node;
    f->n_node = body->n_node;
    MK_PUSH(k, f->opset_import, f->n_opset_import, k->m->opset_import[0]);
    MK_PUSH(k, k->m->functions, k->m->n_functions, f);
    mk_node(k, "F", "x", "r")->domain = onx_dup(&k->a, "test");
    MK_PUSH(k, k->g->value_info, k->g->n_value_info, mk_value(k, "r", DT_FLOAT, 1, DIMS(2)));
    Onnx__NodeProto *n = mk_node(k, "If", "cond", "y");
    mk_node_in(k, yes, "Add", "r x", "yes_out");
    mk_node_in(k, no, "Identity", "r", "no_out");
    MK_PUSH(k, yes->output, yes->n_output, mk_value(k, "yes_out", DT_FLOAT, 1, DIMS(2)));
    MK_PUSH(k, no->output, no->n_output, mk_value(k, "no_out", DT_FLOAT, 1, DIMS(2)));
    mk_attr(k, n, "then_branch", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH)->g = yes;
    mk_attr(k, n, "else_branch", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH)->g = no;
    mk_output(k, "y", DT_FLOAT, 1, DIMS(2));
}

/* 1 to 4 changes of the kinds that break a parser: bits, bytes with a meaning, cuts, copies. */
static void mutate(struct rng *r, unsigned char *p, size_t *n, size_t cap)
{
    static const unsigned char special[] = {0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x12, 0x3a};
    for (uint64_t changes = 1 + rng_below(r, 4); changes && *n > 1; changes--) {
        size_t at = rng_below(r, *n), from = rng_below(r, *n), len = 1 + rng_below(r, 32);
        if (len > *n - at)
            len = *n - at;
        if (len > *n - from)
            len = *n - from;
        switch (rng_below(r, 7)) {
        case 0:
        case 1:
            p[at] ^= (unsigned char)(1u << rng_below(r, 8));
            break;
        case 2:
            p[at] = special[rng_below(r, sizeof special)];
            break;
        case 3:
            p[at] = (unsigned char)(p[at] + rng_below(r, 5) - 2);
            break;
        case 4:
            memmove(p + at, p + from, len);
            break;
        case 5:
            if (rng_below(r, 8) == 0)
                *n = at + 1;
            break;
        default:
            if (*n + len <= cap) {
                memmove(p + at + len, p + at, *n - at);
                *n += len;
            }
            break;
        }
    }
}

static int replay(const char *path)
{
    struct err err = {0};
    unsigned char *bytes;
    size_t n;
    if (file_read(path, 1u << 30, &bytes, &n, &err) != ST_OK) {
        fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    LLVMFuzzerTestOneInput(bytes, n);
    free(bytes);
    return 0;
}

static long from_env(const char *name, long fallback)
{
    const char *s = getenv(name);
    return s && *s ? strtol(s, NULL, 10) : fallback;
}

int main(int argc, char **argv)
{
    enum { N_SEED = 5 };
    struct seed seeds[N_SEED];
    static const int opsets[] = {8, 9, 11, 13};
    int bad = 0;
    for (int i = 1; i < argc; i++)
        bad |= replay(argv[i]);
    if (argc > 1)
        return bad;
    for (int i = 0; i < N_SEED; i++) {
        struct mk k;
        struct graph *g = NULL;
        if (i < 4)
            net(&k, opsets[i]);
        else
            branch(&k);
        seeds[i].bytes = mk_bytes(&k, &seeds[i].n);
        mk_end(&k);
        /* A seed that is refused would make the rest prove little. */
        struct err err = {0};
        if (onx_load_bytes(&g, seeds[i].bytes, seeds[i].n, NULL, &err) != ST_OK ||
            (i > 0 && onx_check(g, &err) != ST_OK)) {
            fprintf(stderr, "seed %d: %s\n", i, err.msg);
            return 1;
        }
        graph_unref(g);
    }
    struct rng r = rng_for((uint64_t)from_env("SMOKE_SEED", 1), 0);
    long rounds = from_env("SMOKE_ROUNDS", 2500);
    const char *keep = getenv("SMOKE_KEEP"); /* the input under way, to find what crashed */
    for (long i = 0; i < rounds; i++) {
        const struct seed *s = &seeds[rng_below(&r, N_SEED)];
        size_t cap = s->n + 256, n = s->n;
        unsigned char *p = x_malloc(cap);
        memcpy(p, s->bytes, n);
        mutate(&r, p, &n, cap);
        unsigned char *exact = x_memdup(p, n);
        free(p);
        if (keep)
            file_write(keep, exact, n, NULL);
        LLVMFuzzerTestOneInput(exact, n);
        free(exact);
    }
    for (int i = 0; i < N_SEED; i++)
        free(seeds[i].bytes);
    printf("%ld mutated files\n", rounds);
    return 0;
}

#endif
