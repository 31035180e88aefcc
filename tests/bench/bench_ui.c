/* Key to frame in the workbench: random keys over all views that only look, on a terminal of
 * 200x60, while the workers fill in candidates and lay drawings out. The times are the workbench's
 * own
 * (:stats). One JSON object for each network on stdout. */
#include "base/mem.h"
#include "base/rng.h"
#include "onx/onx.h"
#include "tests/bench/bench.h"
#include "tests/ui/vt.h"

#include <stdlib.h>
#include <string.h>

enum { KEYS = 10000, COLS = 200, ROWS = 60, CHANNELS = 8 };

/* ---- a network of so many nodes: residual blocks ---- */

static int32_t add(struct graph_edit *e, enum op op, int32_t a, int32_t b)
{
    char name[32];
    snprintf(name, sizeof name, "n%d", graph_edit_n_slots(e));
    struct node *n = node_new(op, name);
    if (a >= 0)
        node_add_input(n, a, 0);
    if (b >= 0)
        node_add_input(n, b, 0);
    if (op == OP_CONV) {
        const struct ttype w = ttype_nchw(CHANNELS, CHANNELS, 3, 3);
        node_add_const(n, tensor_new_he("w", &w, CHANNELS * 9, (uint64_t)graph_edit_n_slots(e)));
        node_set_ints(n, "pads", (const int64_t[]){1, 1, 1, 1}, 4);
    }
    if (op != OP_OUTPUT)
        node_add_output(n, name);
    return graph_edit_add(e, n);
}

static void write_network(const char *path, int nodes)
{
    struct graph_edit *e = graph_edit_new(NULL);
    struct graph *g;
    struct err err = {0};
    int32_t x = add(e, OP_INPUT, -1, -1);
    const struct ttype t = ttype_nchw(1, CHANNELS, 32, 32);
    graph_edit_set_type(e, (struct value_ref){x, 0}, &t);
    while (graph_edit_n_slots(e) + 5 < nodes) {
        int32_t y = add(e, OP_RELU, add(e, OP_CONV, x, -1), -1);
        x = add(e, OP_RELU, add(e, OP_ADD, x, add(e, OP_CONV, y, -1)), -1);
    }
    add(e, OP_OUTPUT, x, -1);
    check(graph_edit_freeze(e, &g, &err), &err);
    check(onx_save(g, path, &err), &err);
    graph_unref(g);
}

/* ---- keys that look and leave nothing behind ---- */

static const char *const moves[] = {"j", "k", "Down", "Up", "PgDn", "PgUp", "G", "g"};
static const char *const drawn[] = {"j", "k", "Left", "Right", "H", "J",    "K", "L",
                                    "z", "Z", "F",    "t",     "v", "PgDn", "G", "g"};
static const char *const sorted[] = {"j", "k", "PgDn", "PgUp", "s", "S", "G", "g"};

static const struct tour {
    const char *in, *out;
    const char *const *key;
    int n_keys, length;
} tours[] = {
    {"", "", moves, 8, 6},    {"Tab", "Tab", drawn, 16, 14}, {"Enter", "q", sorted, 8, 10},
    {"i", "q", sorted, 6, 8}, {"?", "q", moves, 8, 6},       {"h", "q", moves, 8, 4},
    {"z", "Z", moves, 8, 6},
};
enum { N_TOURS = sizeof tours / sizeof *tours };

static void write_keys(const char *path)
{
    struct rng rng = rng_for(7, 0);
    FILE *f = fopen(path, "w");
    if (!f)
        exit(2);
    for (int n = 0; n < KEYS;) {
        const struct tour *t = &tours[rng_below(&rng, N_TOURS)];
        fprintf(f, "%s", t->in);
        for (int i = 0; i < t->length; i++)
            fprintf(f, " %s", t->key[rng_below(&rng, (uint64_t)t->n_keys)]);
        fprintf(f, " %s\n", t->out);
        n += t->length + (*t->in != 0) + (*t->out != 0);
    }
    fputs(":stats\n", f);
    fclose(f);
}

/* ---- */

static void run(const char *program, const char *name, const char *model, const char *keys)
{
    const char *const argv[] = {program, "ui", "--keys", keys, model, NULL};
    const struct vt_opts o = {.rows = ROWS, .cols = COLS};
    double p50, p99, p999, most;
    unsigned long n;
    struct json j;
    struct str out = {0};
    struct vt *v = vt_start(argv, &o);
    bool seen = false;
    for (int tries = 0; tries < 8 && !seen; tries++)
        seen = vt_expect(v, "key to frame: ");
    const char *at = seen ? strstr(vt_text(v), "key to frame: ") : NULL;
    if (!at || sscanf(at, "key to frame: median %lf ms, p99 %lf ms, p99.9 %lf ms, most %lf ms; %lu",
                      &p50, &p99, &p999, &most, &n) != 5) {
        fprintf(stderr, "bench: no times of %s\n", name);
        exit(1);
    }
    json_init(&j, &out);
    json_object(&j);
    json_kstr(&j, "bench", "ui");
    json_kstr(&j, "model", name);
    json_kint(&j, "keys", (int64_t)n);
    json_knum(&j, "p50_ms", p50);
    json_knum(&j, "p99_ms", p99);
    json_knum(&j, "p999_ms", p999);
    json_knum(&j, "most_ms", most);
    json_object_end(&j);
    puts(str_text(&out));
    str_done(&out);
    vt_free(v);
}

int main(void)
{
    static const int sizes[] = {1746, 10000};
    const char *program = getenv("AUTOGO");
    char dir[] = "/tmp/bench_ui.XXXXXX", keys[64], model[64], name[32];
    if (!program || !mkdtemp(dir))
        return 2;
    snprintf(keys, sizeof keys, "%s/keys", dir);
    write_keys(keys);
    setenv("XDG_STATE_HOME", dir, 1);
    run(program, "zoo:resnet50", "zoo:resnet50", keys);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        snprintf(model, sizeof model, "%s/%d.onnx", dir, sizes[i]);
        snprintf(name, sizeof name, "%d nodes", sizes[i]);
        write_network(model, sizes[i]);
        run(program, name, model, keys);
    }
    char *clean = x_asprintf("rm -rf %s", dir);
    int rc = system(clean);
    free(clean);
    return rc != 0;
}
