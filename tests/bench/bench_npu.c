/* The accelerator model: how it ranks networks against measured devices, and how long it takes.
 * Usage: bench_npu [CSV...]: tables with a column arch and one column of figures for each device
 * (latency or energy; what is not above 0 was not measured), packed or not; without, those of
 * NAS-Bench-201 in $AUTOGO_SHARED, where it is there. Every seventh row is used. One JSON document
 * on stdout: for each column the Spearman correlation with the best of the shipped presets (cycles;
 * energy where the column is one), and the same of the paper's FLOPs. */
#include "base/csv.h"
#include "base/stat.h"
#include "cost/cost.h"
#include "cost/npu.h"
#include "family/family.h"
#include "tests/bench/bench.h"

#include <stdlib.h>
#include <string.h>

static const char *const presets[] = {"os32", "tpu", "eyeriss", "phone"};
enum { PRESETS = 4, EVERY = 7, CHAIN = 1000 };

struct table {
    struct csv c;
    VEC(double) value; /* rows x columns */
    VEC(double) cycles[PRESETS], energy[PRESETS], flops;
};

static bool is_device(const struct csv *c, size_t k)
{
    return strcmp(c->column.at[k], "arch") != 0 && strcmp(c->column.at[k], "index") != 0 &&
           strcmp(c->column.at[k], "iso_class") != 0;
}

static void judge(struct table *t, const char *arch)
{
    struct err err = {0};
    struct graph *g;
    struct cost cost;
    char *spec = family_spec_of(arch);
    check(family_build(spec, 0, &g, &err), &err);
    free(spec);
    cost_graph(g, &cost);
    vec_push(&t->flops, (double)cost.flops_paper);
    for (int p = 0; p < PRESETS; p++) {
        struct npu_preset preset;
        struct npu_cost c;
        check(npu_preset_load(&preset, presets[p], &err), &err);
        npu_cost_graph(g, &preset, &c);
        vec_push(&t->cycles[p], (double)c.cycles);
        vec_push(&t->energy[p], c.energy_uj);
        npu_cost_done(&c);
    }
    graph_unref(g);
}

static void read_table(struct table *t, const char *path)
{
    struct err err = {0};
    size_t arch;
    bool more = true;
    check(csv_open(&t->c, path, &err), &err);
    check(csv_column(&t->c, "arch", &arch, &err), &err);
    for (int row = 0; more; row++) {
        check(csv_next(&t->c, &more, &err), &err);
        if (!more || row % EVERY)
            continue;
        judge(t, t->c.field.at[arch]);
        for (size_t k = 0; k < t->c.column.n; k++) {
            double v = NAN;
            if (is_device(&t->c, k))
                check(csv_number(&t->c, k, &v, &err), &err);
            vec_push(&t->value, v);
        }
    }
}

/* Over the rows that were measured. */
static double correlation(const struct table *t, size_t column, const double *model)
{
    size_t rows = t->flops.n, columns = t->c.column.n, n = 0;
    double *x = x_malloc((rows + 1) * sizeof *x), *y = x_malloc((rows + 1) * sizeof *y);
    for (size_t i = 0; i < rows; i++)
        if (t->value.at[i * columns + column] > 0) {
            x[n] = model[i];
            y[n++] = t->value.at[i * columns + column];
        }
    double rho = stat_spearman(x, y, n);
    free(x);
    free(y);
    return rho;
}

static void print_table(const struct table *t, struct json *j)
{
    for (size_t k = 0; k < t->c.column.n; k++) {
        if (!is_device(&t->c, k))
            continue;
        bool energy = strstr(t->c.column.at[k], "energy") != NULL;
        int best = 0;
        double rho[PRESETS];
        for (int p = 0; p < PRESETS; p++) {
            rho[p] = correlation(t, k, energy ? t->energy[p].at : t->cycles[p].at);
            best = rho[p] > rho[best] ? p : best;
        }
        json_object(j);
        json_kstr(j, "device", t->c.column.at[k]);
        json_kstr(j, "preset", presets[best]);
        json_knum(j, "srcc", rho[best]);
        for (int p = 0; p < PRESETS; p++)
            json_knum(j, presets[p], rho[p]);
        json_knum(j, "srcc_flops", correlation(t, k, t->flops.at));
        json_object_end(j);
    }
}

static void bench_table(const char *path, struct json *j)
{
    struct table t = {0};
    FILE *f = fopen(path, "rb");
    if (!f)
        return;
    fclose(f);
    read_table(&t, path);
    print_table(&t, j);
    for (int p = 0; p < PRESETS; p++) {
        vec_done(&t.cycles[p]);
        vec_done(&t.energy[p]);
    }
    vec_done(&t.flops);
    vec_done(&t.value);
    csv_close(&t.c);
}

/* ResNet-101 has 345 nodes: as often as gives a thousand layers. */
static void bench_speed(struct json *j)
{
    struct err err = {0};
    struct graph *g;
    struct npu_preset p;
    times t = {0};
    int layers = 0;
    check(family_build("zoo:resnet101", 0, &g, &err), &err);
    check(npu_preset_load(&p, "os32", &err), &err);
    for (int run = 0; run < 9; run++) {
        double begun = now_ms();
        for (layers = 0; layers < CHAIN;) {
            struct npu_cost c;
            npu_cost_graph(g, &p, &c);
            layers += c.n_layers;
            npu_cost_done(&c);
        }
        vec_push(&t, now_ms() - begun);
    }
    json_kint(j, "layers", layers);
    json_knum(j, "ms", percentile(&t, 0.5));
    vec_done(&t);
    graph_unref(g);
}

int main(int argc, char **argv)
{
    static const char *const usual[] = {"nb201_hwnasbench.csv.gz", "nb201_latency_help.csv.gz"};
    const char *shared = getenv("AUTOGO_SHARED");
    struct str out = {0};
    struct json j;
    json_init(&j, &out);
    json_object(&j);
    json_kstr(&j, "bench", "npu");
    bench_speed(&j);
    json_key(&j, "devices");
    json_array(&j);
    for (int i = 1; i < argc; i++)
        bench_table(argv[i], &j);
    for (int i = 0; i < 2 && argc == 1; i++) {
        char *path = x_asprintf("%s/data/%s", shared ? shared : "../shared", usual[i]);
        bench_table(path, &j);
        free(path);
    }
    json_array_end(&j);
    json_object_end(&j);
    puts(str_text(&out));
    str_done(&out);
    return 0;
}
