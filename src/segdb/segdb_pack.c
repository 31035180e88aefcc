/* Rows to the bytes of a database file, and back. */
#include "segdb/segdb_priv.h"
#include <stdio.h>
#include <stdlib.h>

struct packer {
    sqlite3 *sql;
    sqlite3_stmt *segment, *shape, *origin, *meta;
    uint64_t hash; /* of the rows put so far */
};

static bool put_text(sqlite3_stmt *s, const char *text, int first, const int64_t *v, int n)
{
    for (int i = 0; i < n; i++)
        sqlite3_bind_int64(s, first + i, v[i]);
    sqlite3_bind_text(s, 2, text, -1, SQLITE_STATIC);
    bool ok = sqlite3_step(s) == SQLITE_DONE;
    sqlite3_reset(s);
    return ok;
}

static bool put_lists(struct packer *p, const struct segdb_row *r)
{
    bool ok = true;
    sqlite3_bind_int64(p->shape, 1, r->number);
    sqlite3_bind_int64(p->origin, 1, r->number);
    for (size_t i = 0; i < r->shape.n && ok; i++) {
        const struct segdb_shape *s = &r->shape.at[i];
        ok = put_text(p->shape, s->text, 3, (const int64_t[]){s->flops_paper, s->params, s->count},
                      3);
    }
    for (size_t i = 0; i < r->group.n && ok; i++)
        ok = put_text(p->origin, r->group.at[i].group, 3, &r->group.at[i].count, 1);
    return ok;
}

static bool put_row(struct packer *p, const struct segdb_row *r)
{
    uint64_t sum = segdb_row_sum(r);
    const int64_t v[] = {r->number,
                         (int64_t)r->hash,
                         r->n_nodes,
                         r->n_in,
                         r->n_out,
                         r->ratio,
                         0,
                         r->flops,
                         r->params,
                         r->count,
                         (int64_t)r->ops_hash,
                         (int64_t)sum};
    int n = sizeof v / sizeof *v;
    sqlite3_stmt *s = p->segment;
    for (int i = 0; i < n; i++)
        sqlite3_bind_int64(s, i + 1, v[i]);
    sqlite3_bind_double(s, 7, r->relative);
    sqlite3_bind_text(s, n + 1, r->origin, -1, SQLITE_STATIC);
    size_t size;
    unsigned char *body = segdb_deflate(r->body, &size);
    sqlite3_bind_blob(s, n + 2, body, (int)size, SQLITE_STATIC);
    bool ok = sqlite3_step(s) == SQLITE_DONE;
    sqlite3_reset(s);
    free(body);
    p->hash = hash_pair(p->hash, sum);
    return ok && put_lists(p, r);
}

/* Calls `put` with each row in its order of writing; the row itself stays as it is. */
static bool each_sorted(const struct segdb *db,
                        bool (*put)(struct packer *, const struct segdb_row *), struct packer *p)
{
    bool ok = true;
    for (size_t i = 0; i < db->row.n && ok; i++) {
        struct segdb_row r = db->row.at[i];
        if (!r.body)
            continue;
        r.shape.at = x_memdup(r.shape.at, r.shape.n * sizeof *r.shape.at);
        r.group.at = x_memdup(r.group.at, r.group.n * sizeof *r.group.at);
        segdb_row_sort(&r);
        ok = put(p, &r);
        free(r.shape.at);
        free(r.group.at);
    }
    return ok;
}

static bool add_sum(struct packer *p, const struct segdb_row *r)
{
    p->hash = hash_pair(p->hash, segdb_row_sum(r));
    return true;
}

uint64_t segdb_rows_hash(const struct segdb *db)
{
    struct packer p = {.hash = SEGDB_VERSION};
    each_sorted(db, add_sum, &p);
    return p.hash;
}

static bool put_meta(struct packer *p, const char *key, int64_t number, const char *text)
{
    sqlite3_bind_text(p->meta, 1, key, -1, SQLITE_STATIC);
    if (text)
        sqlite3_bind_text(p->meta, 2, text, -1, SQLITE_STATIC);
    else
        sqlite3_bind_int64(p->meta, 2, number);
    bool ok = sqlite3_step(p->meta) == SQLITE_DONE;
    sqlite3_reset(p->meta);
    return ok;
}

uint64_t segdb_part_sum(const struct segdb_part *p)
{
    return hash_pair(hash_str(p->text, p->key), (uint64_t)p->next << 1 | (uint64_t)p->mining);
}

static bool put_part(struct packer *p, const struct segdb_part *part)
{
    return put_meta(p, "part_key", (int64_t)part->key, NULL) &&
           put_meta(p, "part_mining", part->mining, NULL) &&
           put_meta(p, "part_next", part->next, NULL) &&
           put_meta(p, "part_sum", (int64_t)segdb_part_sum(part), NULL) &&
           put_meta(p, "part_text", 0, part->text);
}

static bool run(sqlite3 *sql, const char *text)
{
    return sqlite3_exec(sql, text, NULL, NULL, NULL) == SQLITE_OK;
}

static bool prepare(struct packer *p)
{
    static const char *const text[] = {
        "INSERT INTO segment VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)",
        "INSERT INTO shape VALUES (?1,?2,?3,?4,?5)", "INSERT INTO origin VALUES (?1,?2,?3)",
        "INSERT INTO meta VALUES (?1,?2)"};
    sqlite3_stmt **to[] = {&p->segment, &p->shape, &p->origin, &p->meta};
    for (size_t i = 0; i < sizeof to / sizeof *to; i++)
        if (sqlite3_prepare_v2(p->sql, text[i], -1, to[i], NULL) != SQLITE_OK)
            return false;
    return true;
}

static bool put_all(struct packer *p, const struct segdb *db, const struct segdb_part *part)
{
    char pragma[120];
    bool ok = run(p->sql, "PRAGMA page_size = 4096; BEGIN");
    for (int i = 0; i < SEGDB_SCHEMA_N - SEGDB_INDEX_N; i++)
        ok = ok && run(p->sql, segdb_schema[i]);
    ok = ok && prepare(p) && each_sorted(db, put_row, p);
    ok = ok && put_meta(p, "hash", (int64_t)p->hash, NULL) && put_meta(p, "next", db->next, NULL) &&
         (!part || put_part(p, part));
    for (int i = SEGDB_SCHEMA_N - SEGDB_INDEX_N; i < SEGDB_SCHEMA_N; i++)
        ok = ok && run(p->sql, segdb_schema[i]);
    snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d; PRAGMA application_id = %d; COMMIT",
             SEGDB_VERSION, part ? SEGDB_PART : SEGDB_APPLICATION);
    return ok && run(p->sql, pragma);
}

/* Built in memory and written as bytes: base/file does the atomic replacement. */
enum status segdb_rows_pack(struct segdb *db, const struct segdb_part *part, unsigned char **bytes,
                            size_t *n, struct err *err)
{
    struct packer p = {.hash = SEGDB_VERSION};
    sqlite3_int64 size = 0;
    enum status st = ST_OK;
    *bytes = NULL;
    if (sqlite3_open(":memory:", &p.sql) != SQLITE_OK || !put_all(&p, db, part) ||
        !(*bytes = sqlite3_serialize(p.sql, "main", &size, 0)))
        st = err_set(err, ST_INTERNAL, "segment database: %s",
                     p.sql ? sqlite3_errmsg(p.sql) : "out of memory");
    *n = (size_t)size;
    sqlite3_finalize(p.segment);
    sqlite3_finalize(p.shape);
    sqlite3_finalize(p.origin);
    sqlite3_finalize(p.meta);
    sqlite3_close(p.sql);
    return st;
}

/* ---- back ---- */

enum status segdb_rows_load(struct segdb *db, struct segdb_layer *from, struct err *err)
{
    int64_t next, at = 0;
    TRY(segdb_layer_meta(from, "next", &next, err));
    while ((at = segdb_layer_next(from, at))) {
        struct segdb_row row;
        struct graph *g = NULL;
        TRY(segdb_layer_row(from, at, &row, err));
        enum status st = segdb_text_read(row.body, &g, err);
        graph_unref(g);
        if (st != ST_OK) {
            segdb_row_done(&row);
            err_in_file(err, from->path);
            return st;
        }
        segdb_enter(db, &row);
    }
    if (db->n_rows != from->count || next < db->next || next > INT64_C(1) << SEGDB_LAYER_BITS)
        return segdb_layer_bad(from, err, "the segment database is damaged (its numbers)");
    db->next = next;
    return ST_OK;
}
