/* Making a segment database: records are gathered in memory, the file is written at the end in
 * one atomic step. */
#include "segdb/segdb_priv.h"
#include <stdlib.h>

enum status segdb_create(struct segdb **out, const char *path, struct err *err)
{
    struct segdb *db = x_calloc(1, sizeof *db);
    /* Opened now, so that a folder that cannot be written is known before hours of mining. */
    enum status st = file_writer_open(&db->file, path, err);
    if (st != ST_OK) {
        free(db);
        return st;
    }
    db->path = x_strdup(path);
    db->writing = true;
    *out = db;
    return ST_OK;
}

uint64_t segdb_rows_hash(const struct segdb *db)
{
    uint64_t h = SEGDB_VERSION;
    for (size_t i = 0; i < db->row.n; i++) {
        const struct segdb_row *r = &db->row.at[i];
        h = hash_str(r->body, h);
        h = hash_str(r->origin, h);
        h = hash_pair(h, (uint64_t)r->count);
    }
    return h;
}

/* ---- adding ---- */

static void fill_row(struct segdb_row *row, const struct graph *g)
{
    struct cost c;
    struct str ops = {0};
    int n_in, n_out;
    const int32_t *in = graph_inputs(g, &n_in), *out = graph_outputs(g, &n_out);
    const struct ttype **t = x_calloc((size_t)(n_in + n_out) + 1, sizeof *t);
    for (int i = 0; i < n_in; i++)
        t[i] = &graph_node(g, in[i])->out[0].type;
    for (int i = 0; i < n_out; i++)
        t[n_in + i] = graph_input_type(g, graph_node(g, out[i]), 0);
    cost_graph(g, &c);
    segdb_text_ops(g, &ops);
    row->n_nodes = graph_n_nodes(g) - n_in - n_out;
    row->n_in = n_in;
    row->n_out = n_out;
    row->ratio = segdb_ratio(t, n_in, t + n_in, n_out);
    row->flops = c.flops_paper;
    row->params = c.params;
    row->ops = str_take(&ops);
    free(t);
}

/* The row isomorphic to `g`, or -1. */
static int64_t find_row(const struct segdb *db, uint64_t hash, const struct graph *g)
{
    const int64_t *first = u64map_get(&db->by_hash, hash);
    for (int64_t at = first ? *first : -1; at >= 0; at = db->row.at[at].next) {
        struct graph *have = NULL;
        if (segdb_text_read(db->row.at[at].body, &have, NULL) != ST_OK)
            continue;
        bool same = segdb_same(have, g);
        graph_unref(have);
        if (same)
            return at;
    }
    return -1;
}

static void add_row(struct segdb *db, struct segdb_row *row, const struct graph *g,
                    const char *origin, struct str *body)
{
    int64_t *first = u64map_put(&db->by_hash, row->hash, -1);
    int64_t at = (int64_t)db->row.n;
    fill_row(row, g);
    row->origin = x_strdup(origin);
    row->body = str_take(body);
    row->count = 1;
    row->next = *first;
    *first = at;
    vec_push(&db->row, *row);
}

enum status segdb_add(struct segdb *db, const struct graph *fragment, const char *origin,
                      struct err *err)
{
    if (!db->writing)
        return err_set(err, ST_USAGE, "the database is open for reading");
    struct str body = {0};
    enum status st = segdb_text_write(fragment, &body, err);
    if (st != ST_OK) {
        str_done(&body);
        return st;
    }
    /* Most occurrences are spelt like an earlier one; only the others are compared as graphs. */
    uint64_t text = hash_str(body.s, 0);
    const int64_t *known = u64map_get(&db->by_text, text);
    if (known && !strcmp(db->row.at[*known].body, body.s)) {
        db->row.at[*known].count++;
        str_done(&body);
        return ST_OK;
    }
    struct graph *g = NULL;
    st = segdb_text_read(body.s, &g, err);
    if (st == ST_OK) {
        struct segdb_row row = {.hash = graph_hash(g)};
        int64_t at = find_row(db, row.hash, g);
        if (at >= 0) {
            db->row.at[at].count++;
        } else {
            u64map_put(&db->by_text, text, (int64_t)db->row.n);
            add_row(db, &row, g, origin, &body);
        }
        graph_unref(g);
    }
    str_done(&body);
    return st;
}

/* ---- writing ---- */

static const char schema[] =
    "PRAGMA page_size = 4096;"
    "BEGIN;"
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE segment ("
    " id INTEGER PRIMARY KEY,"
    " hash INTEGER NOT NULL," /* graph_hash of the fragment */
    " n_nodes INTEGER NOT NULL,"
    " n_in INTEGER NOT NULL,"
    " n_out INTEGER NOT NULL,"
    " ratio INTEGER NOT NULL," /* segdb_ratio */
    " flops INTEGER NOT NULL," /* the paper's rule */
    " params INTEGER NOT NULL,"
    " count INTEGER NOT NULL,"    /* occurrences */
    " ops_hash INTEGER NOT NULL," /* of ops, so that a query needs the index only */
    " origin TEXT NOT NULL,"      /* first network it was seen in */
    " ops TEXT NOT NULL,"
    " body TEXT NOT NULL);"; /* segdb_text_write */
static const char indexes[] =
    "CREATE INDEX segment_ports ON segment (n_in, n_out, ratio, flops, ops_hash);"
    "COMMIT;";

static bool put_row(sqlite3_stmt *s, int64_t id, const struct segdb_row *r)
{
    const int64_t v[] = {
        id,       (int64_t)r->hash, r->n_nodes, r->n_in,  r->n_out,
        r->ratio, r->flops,         r->params,  r->count, (int64_t)hash_str(r->ops, 0)};
    int n = sizeof v / sizeof *v;
    for (int i = 0; i < n; i++)
        sqlite3_bind_int64(s, i + 1, v[i]);
    sqlite3_bind_text(s, n + 1, r->origin, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, n + 2, r->ops, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, n + 3, r->body, -1, SQLITE_STATIC);
    bool ok = sqlite3_step(s) == SQLITE_DONE;
    sqlite3_reset(s);
    return ok;
}

static bool put_all(const struct segdb *db, sqlite3 *sql)
{
    sqlite3_stmt *s = NULL;
    char pragma[160];
    bool ok = sqlite3_exec(sql, schema, NULL, NULL, NULL) == SQLITE_OK &&
              sqlite3_prepare_v2(sql,
                                 "INSERT INTO segment VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,"
                                 "?11,?12,?13)",
                                 -1, &s, NULL) == SQLITE_OK;
    for (size_t i = 0; i < db->row.n && ok; i++)
        ok = put_row(s, (int64_t)i + 1, &db->row.at[i]);
    sqlite3_finalize(s);
    snprintf(pragma, sizeof pragma,
             "INSERT INTO meta VALUES ('hash', %lld); PRAGMA user_version = %d;"
             " PRAGMA application_id = %d;",
             (long long)(int64_t)segdb_rows_hash(db), SEGDB_VERSION, SEGDB_APPLICATION);
    return ok && sqlite3_exec(sql, pragma, NULL, NULL, NULL) == SQLITE_OK &&
           sqlite3_exec(sql, indexes, NULL, NULL, NULL) == SQLITE_OK;
}

/* Built in memory and written as bytes: base/file does the atomic replacement. */
static enum status write_file(struct segdb *db, struct err *err)
{
    sqlite3 *sql = NULL;
    sqlite3_int64 size = 0;
    unsigned char *bytes = NULL;
    enum status st = ST_OK;
    if (sqlite3_open(":memory:", &sql) != SQLITE_OK || !put_all(db, sql) ||
        !(bytes = sqlite3_serialize(sql, "main", &size, 0))) {
        st = err_set(err, ST_INTERNAL, "segment database: %s",
                     sql ? sqlite3_errmsg(sql) : "out of memory");
        file_writer_discard(&db->file);
    } else {
        /* A short write shows in the stream's error flag, which commit looks at. */
        fwrite(bytes, 1, (size_t)size, db->file.f);
        st = file_writer_commit(&db->file, err);
    }
    sqlite3_free(bytes);
    sqlite3_close(sql);
    return st;
}

enum status segdb_close(struct segdb *db, struct err *err)
{
    enum status st = db->writing ? write_file(db, err) : ST_OK;
    segdb_free(db);
    return st;
}

void segdb_abandon(struct segdb *db)
{
    if (!db)
        return;
    if (db->writing)
        file_writer_discard(&db->file);
    segdb_free(db);
}
