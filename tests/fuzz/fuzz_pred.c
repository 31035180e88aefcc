/* The readers of the predictor's file and of tables of labels on any bytes: they say no, or what
 * they read can be used. */
#include "base/hash.h"
#include "tests/unit/pred_make.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char file[] = "fuzz-pred.bin";

static void write_bytes(const uint8_t *data, size_t size)
{
    FILE *f = fopen(file, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f) != 0)
        abort();
}

/* The hash is mended, else nothing gets past it. */
static void try_model(const uint8_t *data, size_t size, const struct pred_net *net)
{
    struct pred_model *m;
    struct pred_estimate e;
    uint64_t sum;
    uint8_t *copy = x_memdup(data, size + 1);
    if (size >= sizeof sum) {
        sum = hash_bytes(copy, size - sizeof sum, 0);
        memcpy(copy + size - sizeof sum, &sum, sizeof sum);
    }
    write_bytes(copy, size);
    if (pred_model_load(&m, file, NULL) == ST_OK) {
        pred_networks(m, &net, 1, -1, 1, PRED_CUTS, &e);
        pred_model_free(m);
    }
    free(copy);
}

static void try_table(const uint8_t *data, size_t size, const struct bpe_vocab *v)
{
    struct pred_table t;
    write_bytes(data, size);
    if (pred_table_read(&t, file, v, 1, NULL, NULL) != ST_OK)
        return;
    if (t.item.n == 0)
        abort();
    pred_table_done(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct bpe_vocab *v;
    static struct pred_net *net;
    if (!v) {
        struct graph *g;
        v = make_vocab();
        if (family_build("zoo:fsrcnn", 0, &g, NULL) != ST_OK)
            abort();
        net = pred_net_new(g, NULL);
        graph_unref(g);
    }
    uint8_t *room = x_malloc(size + 1);
    if (size)
        memcpy(room, data, size);
    room[size] = 0;
    try_model(room, size, net);
    try_table(room, size, v);
    free(room);
    return 0;
}
