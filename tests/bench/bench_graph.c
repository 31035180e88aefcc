/* Times of opening, shape inference and cost, on synthetic networks and on files.
 * Usage: bench_graph [FILE.onnx ...]; one JSON document on stdout, times in milliseconds, medians.
 * Inference is timed from a graph without any types (all are new) and once more on its result
 * (nothing is new). `ratio` is what ten times the nodes cost: linear is 10. Caches are emptied
 * before each measurement, else the smaller network, which fits into a level-2 cache, is timed
 * from there and the larger one from memory, and the ratio tells the machine, not the code. */
#include "base/mem.h"
#include "cost/cost.h"
#include "onx/onx.h"
#include "shape/shape.h"
#include "tests/bench/bench.h"
#include <sys/stat.h>

enum { RUNS = 9, FILE_RUNS = 5, CHANNELS = 16 };

static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, by_value);
    return v[n / 2];
}

/* ---- the synthetic network ---- */

static int32_t add_node(struct graph_edit *e, enum op op, int32_t from)
{
    char name[32];
    struct node *n;

    snprintf(name, sizeof name, "n%d", graph_edit_n_slots(e));
    n = node_new(op, name);
    if (from >= 0)
        node_add_input(n, from, 0);
    if (op != OP_OUTPUT)
        node_add_output(n, name);
    return graph_edit_add(e, n);
}

static int32_t add_conv(struct graph_edit *e, int32_t from)
{
    const struct ttype w = ttype_nchw(CHANNELS, CHANNELS, 3, 3);
    int32_t id = add_node(e, OP_CONV, from);
    struct node *n = graph_edit_mut(e, id);

    node_add_const(n, tensor_new_he("w", &w, CHANNELS * 9, (uint64_t)id));
    node_set_ints(n, "pads", (const int64_t[]){1, 1, 1, 1}, 4);
    return id;
}

static int32_t add_batchnorm(struct graph_edit *e, int32_t from)
{
    const struct ttype c = ttype_make(DT_FLOAT, 1, (const int64_t[]){CHANNELS});
    int32_t id = add_node(e, OP_BATCHNORM, from);

    for (int i = 0; i < 4; i++)
        node_add_const(graph_edit_mut(e, id), tensor_new_fill("p", &c, 1));
    return id;
}

/* Residual blocks of five nodes: conv, BatchNormalization, relu, conv, add. */
static struct graph *make_chain(int nodes)
{
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t x = add_node(e, OP_INPUT, -1), y;
    struct graph *g;
    struct err err = {0};

    graph_edit_mut(e, x)->out[0].type =
        ttype_nchw(DIM_SYM(graph_edit_symbol(e, "N")), CHANNELS, 32, 32);
    while (graph_edit_n_slots(e) + 5 < nodes) {
        y = add_node(e, OP_RELU, add_batchnorm(e, add_conv(e, x)));
        y = add_node(e, OP_ADD, add_conv(e, y));
        node_add_input(graph_edit_mut(e, y), x, 0);
        x = y;
    }
    while (graph_edit_n_slots(e) + 1 < nodes)
        x = add_node(e, OP_RELU, x);
    add_node(e, OP_OUTPUT, x);
    check(graph_edit_freeze(e, &g, &err), &err);
    return g;
}

/* ---- measuring ---- */

struct times {
    double load, infer, again, cost;
};

/* Reads and writes more than a last-level cache holds. */
static void empty_caches(void)
{
    static unsigned char junk[64 << 20];
    volatile unsigned char *p = junk;

    for (size_t i = 0; i < sizeof junk; i += 64)
        p[i]++;
}

static struct times time_graph(const struct graph *g)
{
    double infer[RUNS], again[RUNS], cost[RUNS];
    struct err err = {0};

    for (int i = 0; i < RUNS; i++) {
        struct graph *r, *same;
        struct cost c;
        double t0;

        empty_caches();
        t0 = now_ms();
        check(shape_infer(g, &r, &err), &err);
        infer[i] = now_ms() - t0;
        empty_caches();
        t0 = now_ms();
        check(shape_infer(r, &same, &err), &err);
        again[i] = now_ms() - t0;
        empty_caches();
        t0 = now_ms();
        cost_graph(r, &c);
        cost[i] = now_ms() - t0;
        graph_unref(same);
        graph_unref(r);
    }
    return (struct times){0, median(infer, RUNS), median(again, RUNS), median(cost, RUNS)};
}

static void print_graph_times(struct json *j, const struct times *t)
{
    json_knum(j, "load_ms", t->load);
    json_knum(j, "infer_ms", t->infer);
    json_knum(j, "infer_again_ms", t->again);
    json_knum(j, "cost_ms", t->cost);
}

/* From ONNX bytes in memory to a graph. */
static double time_bytes(const unsigned char *bytes, size_t size)
{
    double load[FILE_RUNS];
    struct err err = {0};

    for (int i = 0; i < FILE_RUNS; i++) {
        struct graph *g;
        double t0;

        empty_caches();
        t0 = now_ms();
        check(onx_load_bytes(&g, bytes, size, "", &err), &err);
        load[i] = now_ms() - t0;
        graph_unref(g);
    }
    return median(load, FILE_RUNS);
}

static double time_load(const struct graph *g)
{
    unsigned char *bytes;
    size_t size;
    struct err err = {0};
    double ms;

    check(onx_save_bytes(g, &bytes, &size, &err), &err);
    ms = time_bytes(bytes, size);
    free(bytes);
    return ms;
}

static void bench_synthetic(struct json *j)
{
    static const int sizes[] = {1000, 10000};
    struct times t[2];

    json_key(j, "synthetic");
    json_array(j);
    for (int i = 0; i < 2; i++) {
        struct graph *g = make_chain(sizes[i]);

        t[i] = time_graph(g);
        t[i].load = time_load(g);
        json_object(j);
        json_kint(j, "nodes", graph_n_nodes(g));
        print_graph_times(j, &t[i]);
        json_object_end(j);
        graph_unref(g);
    }
    json_array_end(j);
    json_key(j, "ratio");
    json_object(j);
    json_knum(j, "load", t[1].load / t[0].load);
    json_knum(j, "infer", t[1].infer / t[0].infer);
    json_knum(j, "infer_again", t[1].again / t[0].again);
    json_knum(j, "cost", t[1].cost / t[0].cost);
    json_object_end(j);
}

static void bench_file(struct json *j, const char *path)
{
    double load[FILE_RUNS];
    struct graph *g = NULL;
    struct err err = {0};
    struct times t;
    struct stat st;

    for (int i = 0; i < FILE_RUNS; i++) {
        double t0 = now_ms();

        graph_unref(g);
        check(onx_load(&g, path, &err), &err);
        load[i] = now_ms() - t0;
    }
    t = time_graph(g);
    t.load = median(load, FILE_RUNS);
    json_object(j);
    json_kstr(j, "file", path);
    json_kint(j, "bytes", stat(path, &st) == 0 ? (int64_t)st.st_size : -1);
    json_kint(j, "nodes", graph_n_nodes(g));
    print_graph_times(j, &t);
    json_object_end(j);
    graph_unref(g);
}

int main(int argc, char **argv)
{
    struct str out = {0};
    struct json j;

    json_init(&j, &out);
    json_object(&j);
    json_kint(&j, "schema", 1);
    json_kstr(&j, "bench", "graph");
    bench_synthetic(&j);
    json_key(&j, "files");
    json_array(&j);
    for (int i = 1; i < argc; i++)
        bench_file(&j, argv[i]);
    json_array_end(&j);
    json_object_end(&j);
    puts(str_text(&out));
    str_done(&out);
    return 0;
}
