/* The model file: a header, the tables' scales, the members' weights, a hash of all that.
 * Little-endian floats as they are in memory; the header gives the sizes this program was built
 * with, so a file of other sizes is refused. */
#include "base/file.h"
#include "base/hash.h"
#include "pred/model_priv.h"

#include <math.h>

static const char magic[8] = "AGPSC\r\n";
enum { VERSION = 1, MOST_BYTES = 64 << 20 };
enum { ONE_WAY = 1, READS_WAYS = 2 }; /* flags of header.reads */

struct header {
    char magic[8];
    uint32_t version, variant, reads, members, tables;
    uint32_t features, width, layers, weights; /* of this program, to be equal */
};

struct pred_model *pred_model_new(enum pred_variant v, bool one_way, bool ways, int members,
                                  int tables)
{
    struct pred_model *m = x_calloc(1, sizeof *m);
    m->variant = v;
    m->shape = net_shape(tables, one_way, ways);
    m->members = members;
    m->tables = tables;
    m->scale = x_calloc((size_t)tables, sizeof *m->scale);
    m->w = x_calloc((size_t)members * (size_t)m->shape.n, sizeof *m->w);
    return m;
}

void pred_model_free(struct pred_model *m)
{
    if (!m)
        return;
    free(m->scale);
    free(m->w);
    free(m);
}

int pred_model_n_tables(const struct pred_model *m)
{
    return m->tables;
}

const char *pred_model_table(const struct pred_model *m, int t)
{
    return m->scale[t].name;
}

int pred_model_find(const struct pred_model *m, const char *table)
{
    for (int t = 0; t < m->tables; t++)
        if (strcmp(m->scale[t].name, table) == 0)
            return t;
    return -1;
}

double pred_model_rank(const struct pred_model *m, int t)
{
    return m->scale[t].rank;
}

enum pred_variant pred_model_variant(const struct pred_model *m)
{
    return m->variant;
}

static struct header header_of(const struct pred_model *m)
{
    struct header h = {.version = VERSION,
                       .variant = m->variant,
                       .reads = (m->shape.one_way ? ONE_WAY : 0) | (m->shape.ways ? READS_WAYS : 0),
                       .members = (uint32_t)m->members,
                       .tables = (uint32_t)m->tables,
                       .features = PRED_FEATURES,
                       .width = NET_WIDTH,
                       .layers = NET_LAYERS,
                       .weights = (uint32_t)m->shape.n};
    memcpy(h.magic, magic, sizeof magic);
    return h;
}

enum status pred_model_save(const struct pred_model *m, const char *path, struct err *err)
{
    struct header h = header_of(m);
    struct str s = {0};
    str_add_n(&s, (const char *)&h, sizeof h);
    str_add_n(&s, (const char *)m->scale, (size_t)m->tables * sizeof *m->scale);
    str_add_n(&s, (const char *)m->w, (size_t)m->members * (size_t)m->shape.n * sizeof *m->w);
    uint64_t sum = hash_bytes(str_text(&s), s.n, 0);
    str_add_n(&s, (const char *)&sum, sizeof sum);
    enum status st = file_write(path, str_text(&s), s.n, err);
    str_done(&s);
    return st;
}

static enum status check_header(const struct header *h, struct err *err)
{
    if (memcmp(h->magic, magic, sizeof magic) != 0)
        return err_set(err, ST_MODEL, "it is not a predictor");
    if (h->version > VERSION)
        return err_set(err, ST_MODEL, "it is of a newer version (%u) than this program knows",
                       h->version);
    struct header want = {.variant = h->variant};
    if (h->version < VERSION || want.variant >= PRED_VARIANTS ||
        h->reads > (ONE_WAY | READS_WAYS) || h->members < 1 || h->members > PRED_MAX_MEMBERS ||
        h->tables < 1 || h->tables > PRED_MAX_TABLES || h->features != PRED_FEATURES ||
        h->width != NET_WIDTH || h->layers != NET_LAYERS ||
        h->weights != (uint32_t)net_shape((int)h->tables, false, h->reads & READS_WAYS).n)
        return err_set(err, ST_MODEL, "its sizes are not those of this program: train it anew");
    return ST_OK;
}

static enum status check_values(const struct pred_model *m, struct err *err)
{
    bool ok = true;
    for (size_t i = 0; i < (size_t)m->members * (size_t)m->shape.n; i++)
        ok &= isfinite(m->w[i]) != 0;
    for (int t = 0; t < m->tables; t++) {
        ok &= memchr(m->scale[t].name, '\0', sizeof m->scale[t].name) != NULL;
        for (int k = 0; k < PRED_KNOTS; k++)
            ok &= isfinite(m->scale[t].curve.logit[k]) &&
                  (k == 0 || m->scale[t].curve.logit[k] > m->scale[t].curve.logit[k - 1]);
    }
    return ok ? ST_OK : err_set(err, ST_MODEL, "it holds values that cannot be");
}

static enum status read_model(const unsigned char *data, size_t size, struct pred_model **out,
                              struct err *err)
{
    struct header h;
    uint64_t sum;
    if (size < sizeof h + sizeof sum)
        return err_set(err, ST_MODEL, "it is not a predictor (too short)");
    memcpy(&h, data, sizeof h);
    TRY(check_header(&h, err));
    size_t scales = h.tables * sizeof(struct pred_scale);
    size_t weights = (size_t)h.members * h.weights * sizeof(float);
    if (size != sizeof h + scales + weights + sizeof sum)
        return err_set(err, ST_MODEL, "it is truncated or has something behind its end");
    memcpy(&sum, data + size - sizeof sum, sizeof sum);
    if (sum != hash_bytes(data, size - sizeof sum, 0))
        return err_set(err, ST_MODEL, "it is damaged (its hash is wrong)");
    struct pred_model *m = pred_model_new((enum pred_variant)h.variant, h.reads & ONE_WAY,
                                          h.reads & READS_WAYS, (int)h.members, (int)h.tables);
    memcpy(m->scale, data + sizeof h, scales);
    memcpy(m->w, data + sizeof h + scales, weights);
    enum status st = check_values(m, err);
    if (st == ST_OK)
        *out = m;
    else
        pred_model_free(m);
    return st;
}

enum status pred_model_load(struct pred_model **out, const char *path, struct err *err)
{
    unsigned char *data;
    size_t size;
    TRY(file_read(path, MOST_BYTES, &data, &size, err));
    enum status st = read_model(data, size, out, err);
    if (st != ST_OK)
        err_in_file(err, path);
    free(data);
    return st;
}
