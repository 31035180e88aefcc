/* Reading segment databases. */
#include "segdb/segdb_priv.h"
#include <stdio.h>
#include <stdlib.h>

static const char layer_letter[SEGDB_LAYERS] = {'s', 'u'};

#define NUMBER_MASK ((INT64_C(1) << SEGDB_LAYER_BITS) - 1)

void segdb_name(int64_t id, char name[SEGDB_NAME])
{
    int64_t layer = id >> SEGDB_LAYER_BITS;
    bool known = layer >= 0 && layer < SEGDB_LAYERS;
    snprintf(name, SEGDB_NAME, "%c%lld", known ? layer_letter[layer] : '?',
             (long long)(id & NUMBER_MASK));
}

bool segdb_name_parse(const char *name, int64_t *id)
{
    int64_t number;
    for (int k = 0; k < SEGDB_LAYERS; k++)
        if (name[0] == layer_letter[k] && str_to_i64(name + 1, 1, NUMBER_MASK, &number)) {
            *id = (int64_t)k << SEGDB_LAYER_BITS | number;
            return true;
        }
    return false;
}

enum status segdb_open(struct segdb **out, const char *const *path, int n, struct err *err)
{
    if (n < 1 || n > SEGDB_LAYERS || !path[0])
        return err_set(err, ST_USAGE, "1 to %d segment databases can be open", SEGDB_LAYERS);
    struct segdb *db = x_calloc(1, sizeof *db);
    enum status st = ST_OK;
    db->lock = -1;
    db->n_layers = n;
    for (int k = 0; k < n && st == ST_OK; k++)
        if (path[k])
            st = segdb_layer_open(&db->layer[k], path[k], SEGDB_APPLICATION, k == 0, err);
    if (st == ST_OK)
        *out = db;
    else
        segdb_free(db);
    return st;
}

int64_t segdb_count(const struct segdb *db)
{
    int64_t n = db->n_rows;
    for (int k = 0; k < SEGDB_LAYERS; k++)
        n += db->layer[k].count;
    return n;
}

uint64_t segdb_hash(const struct segdb *db)
{
    return db->writing ? segdb_rows_hash(db) : db->layer[0].hash;
}

struct segdb_layer *segdb_layer_of(struct segdb *db, int64_t id)
{
    int64_t k = id >> SEGDB_LAYER_BITS;
    return id > 0 && k < db->n_layers && db->layer[k].sql ? &db->layer[k] : NULL;
}

enum status segdb_row_get(struct segdb *db, int64_t id, struct segdb_row *out, struct err *err)
{
    char name[SEGDB_NAME];
    struct segdb_layer *l = segdb_layer_of(db, id);
    if (db->writing)
        return err_set(err, ST_USAGE, "the database is being made");
    enum status st = l ? segdb_layer_row(l, id & NUMBER_MASK, out, err) : ST_USAGE;
    if (st == ST_USAGE) {
        segdb_name(id, name);
        err_set(err, ST_USAGE, "there is no segment %s", name);
    }
    return st;
}

int64_t segdb_next(struct segdb *db, int64_t id)
{
    for (int64_t k = id > 0 ? id >> SEGDB_LAYER_BITS : 0; k < db->n_layers; k++) {
        int64_t base = k << SEGDB_LAYER_BITS, from = id > base ? id & NUMBER_MASK : 0;
        int64_t next = db->layer[k].sql ? segdb_layer_next(&db->layer[k], from) : 0;
        if (next)
            return base | next;
    }
    return 0;
}

/* ---- records ---- */

static char *take(char **p)
{
    char *s = *p;
    *p = NULL;
    return s;
}

enum status segdb_get(struct segdb *db, int64_t id, struct segdb_record *out, struct err *err)
{
    char name[SEGDB_NAME];
    struct segdb_row row;
    struct graph *g = NULL;
    int n_in, n_out;
    struct str ops = {0};
    TRY(segdb_row_get(db, id, &row, err));
    segdb_name(id, name);
    enum status st = segdb_text_read(row.body, &g, err);
    if (st == ST_OK) {
        graph_inputs(g, &n_in);
        graph_outputs(g, &n_out);
        if (n_in != row.n_in || n_out != row.n_out ||
            graph_n_nodes(g) - n_in - n_out != row.n_nodes)
            st = err_set(err, ST_MODEL, "segment %s does not agree with its row", name);
    }
    if (st == ST_OK)
        segdb_text_ops(g, &ops);
    if (st == ST_OK)
        *out = (struct segdb_record){.id = id,
                                     .name = x_strdup(name),
                                     .origin = take(&row.origin),
                                     .ops = str_take(&ops),
                                     .n_nodes = row.n_nodes,
                                     .n_in = row.n_in,
                                     .n_out = row.n_out,
                                     .ratio = row.ratio,
                                     .count = row.count,
                                     .n_shapes = (int)row.shape.n,
                                     .flops_paper = row.flops,
                                     .params = row.params,
                                     .fragment = graph_ref(g)};
    else
        err_in_file(err, segdb_layer_of(db, id)->path);
    graph_unref(g);
    segdb_row_done(&row);
    return st;
}

void segdb_record_done(struct segdb_record *r)
{
    free(r->name);
    free(r->origin);
    free(r->ops);
    graph_unref(r->fragment);
    memset(r, 0, sizeof *r);
}

enum status segdb_seen(struct segdb *db, int64_t id, struct segdb_seen *out, struct err *err)
{
    struct segdb_row row;
    TRY(segdb_row_get(db, id, &row, err));
    *out = (struct segdb_seen){.n_shapes = (int)row.shape.n,
                               .n_origins = (int)row.group.n,
                               .shape = row.shape.at,
                               .origin = row.group.at};
    memset(&row.shape, 0, sizeof row.shape);
    memset(&row.group, 0, sizeof row.group);
    segdb_row_done(&row);
    return ST_OK;
}

void segdb_seen_done(struct segdb_seen *s)
{
    for (int i = 0; i < s->n_shapes; i++)
        free(s->shape[i].text);
    for (int i = 0; i < s->n_origins; i++)
        free(s->origin[i].group);
    free(s->shape);
    free(s->origin);
    memset(s, 0, sizeof *s);
}
