/* Database files: opening one, and its rows one by one. */
#include "segdb/segdb_priv.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *const segdb_schema[SEGDB_SCHEMA_N] = {
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID",
    "CREATE TABLE segment ("
    "id INTEGER PRIMARY KEY, "
    "hash INTEGER NOT NULL, " /* segdb_structure_hash */
    "n_nodes INTEGER NOT NULL, "
    "n_in INTEGER NOT NULL, "
    "n_out INTEGER NOT NULL, "
    "ratio INTEGER NOT NULL, "    /* segdb_ratio */
    "relative REAL NOT NULL, "    /* segdb_relative_cost */
    "flops INTEGER NOT NULL, "    /* the paper's rule */
    "params INTEGER NOT NULL, "   /* of the fragment, like flops */
    "count INTEGER NOT NULL, "    /* occurrences */
    "ops_hash INTEGER NOT NULL, " /* of segdb_text_ops: a query needs the index only */
    "sum INTEGER NOT NULL, "      /* segdb_row_sum */
    "origin TEXT NOT NULL, "      /* first network it was seen in */
    "body BLOB NOT NULL)",        /* segdb_text_write of the first fragment, deflated */
    "CREATE TABLE shape (segment INTEGER NOT NULL, text TEXT NOT NULL, flops INTEGER NOT NULL, "
    "params INTEGER NOT NULL, count INTEGER NOT NULL, "
    "PRIMARY KEY (segment, text)) WITHOUT ROWID",
    "CREATE TABLE origin (segment INTEGER NOT NULL, grp TEXT NOT NULL, count INTEGER NOT NULL, "
    "PRIMARY KEY (segment, grp)) WITHOUT ROWID",
    "CREATE INDEX segment_ports ON segment (n_in, n_out, ratio, relative, ops_hash)",
    "CREATE INDEX segment_hash ON segment (hash)",
};

static const char *const sql_text[SQL_COUNT] = {
    [SQL_ROW] = "SELECT hash, n_nodes, n_in, n_out, ratio, relative, flops, params, count, "
                "ops_hash, sum, origin, body FROM segment WHERE id = ?1",
    [SQL_SHAPES] = "SELECT text, flops, params, count FROM shape WHERE segment = ?1"
                   " ORDER BY count DESC, text",
    [SQL_ORIGINS] = "SELECT grp, count FROM origin WHERE segment = ?1 ORDER BY count DESC, grp",
    [SQL_NEXT] = "SELECT min(id) FROM segment WHERE id > ?1",
    [SQL_UP] = "SELECT id, relative, ops_hash FROM segment"
               " WHERE n_in = ?1 AND n_out = ?2 AND ratio = ?3 AND relative >= ?4"
               " ORDER BY relative, ops_hash, id",
    [SQL_DOWN] = "SELECT id, relative, ops_hash FROM segment"
                 " WHERE n_in = ?1 AND n_out = ?2 AND ratio = ?3 AND relative < ?4"
                 " ORDER BY relative DESC, ops_hash DESC, id DESC",
    [SQL_RATIO] = "SELECT min(ratio) FROM segment WHERE n_in = ?1 AND n_out = ?2 AND ratio > ?3",
    [SQL_LIKE] = "SELECT id FROM segment WHERE hash = ?1 AND id <> ?2",
};

enum status segdb_layer_err(const struct segdb_layer *l, struct err *err)
{
    int code = l->sql ? sqlite3_errcode(l->sql) : SQLITE_NOMEM;
    bool io = code == SQLITE_IOERR || code == SQLITE_CANTOPEN || code == SQLITE_BUSY;
    enum status st = io ? ST_IO : ST_MODEL;
    err_set(err, st, "segment database: %s", l->sql ? sqlite3_errmsg(l->sql) : "out of memory");
    err_in_file(err, l->path);
    return st;
}

enum status segdb_layer_bad(const struct segdb_layer *l, struct err *err, const char *what)
{
    err_set(err, ST_MODEL, "%s", what);
    err_in_file(err, l->path);
    return ST_MODEL;
}

/* ---- open ---- */

/* `immutable` keeps SQLite from looking for journals and locks, so a database in a read-only
 * folder opens. */
static char *uri_of(const char *path, bool immutable)
{
    struct str s = {0};
    str_add(&s, path[0] == '/' ? "file://" : "file:");
    for (const char *p = path; *p; p++) {
        if (strchr("?#%", *p))
            str_addf(&s, "%%%02X", (unsigned char)*p);
        else
            str_add_char(&s, *p);
    }
    str_add(&s, immutable ? "?mode=ro&immutable=1" : "?mode=ro");
    return str_take(&s);
}

/* The head of the file before SQLite sees it: a reader of a file in write-ahead mode would make
 * files beside it. */
static enum status check_start(const struct segdb_layer *l, struct err *err)
{
    unsigned char head[20] = {0};
    FILE *f = fopen(l->path, "rb");
    if (!f) {
        err_set(err, ST_IO, "cannot read: %s", strerror(errno));
        err_in_file(err, l->path);
        return ST_IO;
    }
    size_t n = fread(head, 1, sizeof head, f);
    fclose(f);
    if (n != sizeof head || memcmp(head, "SQLite format 3", 16) != 0 || head[18] != 1 ||
        head[19] != 1)
        return segdb_layer_bad(l, err, "not a segment database");
    return ST_OK;
}

static enum status read_int(const struct segdb_layer *l, const char *sql, int64_t *out,
                            struct err *err)
{
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(l->sql, sql, -1, &s, NULL) != SQLITE_OK)
        return segdb_layer_err(l, err);
    enum status st = ST_OK;
    if (sqlite3_step(s) == SQLITE_ROW)
        *out = sqlite3_column_int64(s, 0);
    else
        st = segdb_layer_err(l, err);
    sqlite3_finalize(s);
    return st;
}

/* Tables of another form, views or triggers are nothing of ours. */
static enum status check_schema(const struct segdb_layer *l, struct err *err)
{
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(l->sql,
                           "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid", -1,
                           &s, NULL) != SQLITE_OK)
        return segdb_layer_err(l, err);
    int n = 0;
    bool same = true;
    while (sqlite3_step(s) == SQLITE_ROW && same) {
        const unsigned char *t = sqlite3_column_text(s, 0);
        same = t && n < SEGDB_SCHEMA_N && !strcmp((const char *)t, segdb_schema[n]);
        n++;
    }
    sqlite3_finalize(s);
    return same && n == SEGDB_SCHEMA_N
               ? ST_OK
               : segdb_layer_bad(l, err, "the segment database is damaged (its tables)");
}

/* Every page is walked once: a database is small, and a damaged one must be known as such before
 * a search is built on it. */
static enum status check_pages(const struct segdb_layer *l, struct err *err)
{
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(l->sql, "PRAGMA quick_check(1)", -1, &s, NULL) != SQLITE_OK)
        return segdb_layer_err(l, err);
    const unsigned char *said = sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_text(s, 0) : NULL;
    bool ok = said && !strcmp((const char *)said, "ok");
    sqlite3_finalize(s);
    return ok ? ST_OK : segdb_layer_bad(l, err, "the segment database is damaged");
}

/* The sums of the rows make the hash of the whole, so no row is missing. */
static enum status check_hash(struct segdb_layer *l, struct err *err)
{
    sqlite3_stmt *s = NULL;
    int64_t hash;
    int step;
    TRY(segdb_layer_meta(l, "hash", &hash, err));
    if (sqlite3_prepare_v2(l->sql, "SELECT sum FROM segment ORDER BY id", -1, &s, NULL) !=
        SQLITE_OK)
        return segdb_layer_err(l, err);
    l->hash = SEGDB_VERSION;
    for (l->count = 0; (step = sqlite3_step(s)) == SQLITE_ROW; l->count++)
        l->hash = hash_pair(l->hash, (uint64_t)sqlite3_column_int64(s, 0));
    enum status st = step == SQLITE_DONE ? ST_OK : segdb_layer_err(l, err);
    sqlite3_finalize(s);
    if (st == ST_OK && (uint64_t)hash != l->hash)
        st = segdb_layer_bad(l, err, "the segment database is damaged (its hash)");
    return st;
}

static enum status check_header(struct segdb_layer *l, int application, struct err *err)
{
    int64_t app = 0, version = 0;
    TRY(read_int(l, "PRAGMA application_id", &app, err));
    if (app != application)
        return segdb_layer_bad(l, err, "not a segment database");
    TRY(read_int(l, "PRAGMA user_version", &version, err));
    if (version != SEGDB_VERSION) {
        bool newer = version > SEGDB_VERSION;
        err_set(err, ST_MODEL, "segment database version %lld is %s than this program's (%d)%s",
                (long long)version, newer ? "newer" : "older", SEGDB_VERSION,
                newer ? "" : ": remake it with autogo mine");
        err_in_file(err, l->path);
        return ST_MODEL;
    }
    TRY(check_schema(l, err));
    TRY(check_pages(l, err));
    return check_hash(l, err);
}

enum status segdb_layer_open(struct segdb_layer *l, const char *path, int application, bool lasting,
                             struct err *err)
{
    *l = (struct segdb_layer){.path = x_strdup(path)};
    enum status st = check_start(l, err);
    if (st == ST_OK) {
        char *uri = uri_of(path, lasting);
        if (sqlite3_open_v2(uri, &l->sql, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL) !=
            SQLITE_OK)
            st = segdb_layer_err(l, err);
        free(uri);
    }
    if (st == ST_OK)
        st = check_header(l, application, err);
    for (int i = 0; i < SQL_COUNT && st == ST_OK; i++)
        if (sqlite3_prepare_v3(l->sql, sql_text[i], -1, SQLITE_PREPARE_PERSISTENT, &l->stmt[i],
                               NULL) != SQLITE_OK)
            st = segdb_layer_err(l, err);
    if (st != ST_OK)
        segdb_layer_close(l);
    return st;
}

void segdb_layer_close(struct segdb_layer *l)
{
    for (int i = 0; i < SQL_COUNT; i++)
        sqlite3_finalize(l->stmt[i]);
    sqlite3_close(l->sql);
    free(l->path);
    memset(l, 0, sizeof *l);
}

/* ---- meta ---- */

static enum status read_meta(const struct segdb_layer *l, const char *key, int64_t *number,
                             char **text, struct err *err)
{
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(l->sql, "SELECT value FROM meta WHERE key = ?1", -1, &s, NULL) !=
        SQLITE_OK)
        return segdb_layer_err(l, err);
    sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
    enum status st = ST_OK;
    if (sqlite3_step(s) != SQLITE_ROW) {
        st = segdb_layer_bad(l, err, "the segment database is damaged (its head)");
    } else if (number) {
        *number = sqlite3_column_int64(s, 0);
    } else {
        const unsigned char *t = sqlite3_column_text(s, 0);
        *text = x_strdup(t ? (const char *)t : "");
    }
    sqlite3_finalize(s);
    return st;
}

enum status segdb_layer_meta(struct segdb_layer *l, const char *key, int64_t *out, struct err *err)
{
    return read_meta(l, key, out, NULL, err);
}

enum status segdb_layer_meta_text(struct segdb_layer *l, const char *key, char **out,
                                  struct err *err)
{
    return read_meta(l, key, NULL, out, err);
}

/* ---- rows ---- */

static char *column_dup(sqlite3_stmt *s, int i)
{
    const unsigned char *t = sqlite3_column_text(s, i);
    return x_strdup(t ? (const char *)t : "");
}

/* What `put` makes of each row of the answer to statement `which`, asked with `number`. */
static enum status each(struct segdb_layer *l, enum segdb_sql which, int64_t number,
                        void (*put)(sqlite3_stmt *, struct segdb_row *), struct segdb_row *out,
                        struct err *err)
{
    sqlite3_stmt *s = l->stmt[which];
    int step;
    sqlite3_bind_int64(s, 1, number);
    while ((step = sqlite3_step(s)) == SQLITE_ROW)
        put(s, out);
    enum status st = step == SQLITE_DONE ? ST_OK : segdb_layer_err(l, err);
    sqlite3_reset(s);
    return st;
}

static void put_row(sqlite3_stmt *s, struct segdb_row *r)
{
    r->hash = (uint64_t)sqlite3_column_int64(s, 0);
    r->n_nodes = sqlite3_column_int(s, 1);
    r->n_in = sqlite3_column_int(s, 2);
    r->n_out = sqlite3_column_int(s, 3);
    r->ratio = sqlite3_column_int(s, 4);
    r->relative = sqlite3_column_double(s, 5);
    r->flops = sqlite3_column_int64(s, 6);
    r->params = sqlite3_column_int64(s, 7);
    r->count = sqlite3_column_int64(s, 8);
    r->ops_hash = (uint64_t)sqlite3_column_int64(s, 9);
    r->next = sqlite3_column_int64(s, 10); /* the sum, till it is compared */
    r->origin = column_dup(s, 11);
    r->body = segdb_inflate(sqlite3_column_blob(s, 12), (size_t)sqlite3_column_bytes(s, 12));
    if (!r->body)
        r->body = x_strdup(""); /* the sum tells */
}

static void put_shape(sqlite3_stmt *s, struct segdb_row *r)
{
    vec_push(&r->shape, (struct segdb_shape){.text = column_dup(s, 0),
                                             .flops_paper = sqlite3_column_int64(s, 1),
                                             .params = sqlite3_column_int64(s, 2),
                                             .count = sqlite3_column_int64(s, 3)});
}

static void put_group(sqlite3_stmt *s, struct segdb_row *r)
{
    vec_push(&r->group,
             (struct segdb_origin){.group = column_dup(s, 0), .count = sqlite3_column_int64(s, 1)});
}

/* Adds up counts that must be positive; false when one is not, or they overflow. */
static bool add_count(int64_t *sum, int64_t count)
{
    return count > 0 && !__builtin_add_overflow(*sum, count, sum);
}

static const char *row_fault(const struct segdb_row *r)
{
    int64_t shapes = 0, groups = 0;
    bool ok = true;
    if ((uint64_t)r->next != segdb_row_sum(r))
        return "its check sum is wrong";
    for (size_t i = 0; i < r->shape.n; i++)
        ok = ok && add_count(&shapes, r->shape.at[i].count) && r->shape.at[i].flops_paper >= 0 &&
             r->shape.at[i].params >= 0;
    for (size_t i = 0; i < r->group.n; i++)
        ok = ok && add_count(&groups, r->group.at[i].count);
    if (!ok || r->flops < 0 || r->params < 0 || r->n_nodes < 1 || r->n_in < 0 || r->n_out < 0 ||
        !(r->relative >= 0))
        return "a number is out of range";
    if (r->count < 1 || shapes != r->count || groups != r->count)
        return "its counts do not add up";
    return NULL;
}

enum status segdb_layer_row(struct segdb_layer *l, int64_t number, struct segdb_row *out,
                            struct err *err)
{
    struct segdb_row r = {.number = number};
    enum status st = each(l, SQL_ROW, number, put_row, &r, err);
    if (st == ST_OK && !r.body)
        return err_set(err, ST_USAGE, "there is no segment of this number");
    if (st == ST_OK)
        st = each(l, SQL_SHAPES, number, put_shape, &r, err);
    if (st == ST_OK)
        st = each(l, SQL_ORIGINS, number, put_group, &r, err);
    const char *fault = st == ST_OK ? row_fault(&r) : NULL;
    if (fault) {
        st = err_set(err, ST_MODEL, "segment %lld is damaged: %s", (long long)number, fault);
        err_in_file(err, l->path);
    }
    r.next = -1;
    if (st == ST_OK)
        *out = r;
    else
        segdb_row_done(&r);
    return st;
}

int64_t segdb_layer_next(struct segdb_layer *l, int64_t number)
{
    sqlite3_stmt *s = l->stmt[SQL_NEXT];
    sqlite3_bind_int64(s, 1, number);
    int64_t next = sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
    sqlite3_reset(s);
    return next > number ? next : 0;
}
