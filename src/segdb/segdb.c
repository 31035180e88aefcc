/* Reading a segment database. */
#include "segdb/segdb_priv.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    SAME_OPS = 3,     /* records of one operator sequence in an answer, while there are others */
    LOOK_PER_ID = 20, /* index entries looked at for one that is taken */
    LOOK_AT_LEAST = 200
};

static enum status sql_err(const struct segdb *db, struct err *err)
{
    int code = db->sql ? sqlite3_errcode(db->sql) : SQLITE_NOMEM;
    enum status st = code == SQLITE_IOERR || code == SQLITE_CANTOPEN ? ST_IO : ST_MODEL;
    err_set(err, st, "segment database: %s", db->sql ? sqlite3_errmsg(db->sql) : "out of memory");
    err_in_file(err, db->path);
    return st;
}

static enum status damaged(const struct segdb *db, struct err *err, const char *what)
{
    err_set(err, ST_MODEL, "%s", what);
    err_in_file(err, db->path);
    return ST_MODEL;
}

/* ---- open ---- */

/* The path as a file: URI. `immutable` keeps SQLite from looking for journals and locks, so a
 * database in a read-only folder opens and nothing is ever written beside it. */
static char *uri_of(const char *path)
{
    struct str s = {0};
    str_add(&s, path[0] == '/' ? "file://" : "file:");
    for (const char *p = path; *p; p++) {
        if (strchr("?#%", *p))
            str_addf(&s, "%%%02X", (unsigned char)*p);
        else
            str_add_char(&s, *p);
    }
    str_add(&s, "?mode=ro&immutable=1");
    return str_take(&s);
}

static enum status read_int(struct segdb *db, const char *sql, int64_t *out, struct err *err)
{
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(db->sql, sql, -1, &s, NULL) != SQLITE_OK)
        return sql_err(db, err);
    enum status st = ST_OK;
    if (sqlite3_step(s) == SQLITE_ROW)
        *out = sqlite3_column_int64(s, 0);
    else
        st = sqlite3_errcode(db->sql) == SQLITE_DONE ? damaged(db, err, "it lacks a value")
                                                     : sql_err(db, err);
    sqlite3_finalize(s);
    return st;
}

/* Every page is walked once: a database is small, and a damaged one must be known as such before
 * a search is built on it. */
static enum status check_pages(struct segdb *db, struct err *err)
{
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(db->sql, "PRAGMA quick_check(1)", -1, &s, NULL) != SQLITE_OK)
        return sql_err(db, err);
    enum status st = ST_OK;
    const unsigned char *said = sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_text(s, 0) : NULL;
    if (!said || strcmp((const char *)said, "ok") != 0)
        st = damaged(db, err, "the segment database is damaged");
    sqlite3_finalize(s);
    return st;
}

static enum status check_header(struct segdb *db, struct err *err)
{
    int64_t app = 0, version = 0, hash = 0;
    TRY(read_int(db, "PRAGMA application_id", &app, err));
    if (app != SEGDB_APPLICATION)
        return damaged(db, err, "not a segment database");
    TRY(read_int(db, "PRAGMA user_version", &version, err));
    if (version != SEGDB_VERSION) {
        err_set(err, ST_MODEL, "segment database version %lld is %s than this program's (%d)",
                (long long)version, version > SEGDB_VERSION ? "newer" : "older", SEGDB_VERSION);
        err_in_file(err, db->path);
        return ST_MODEL;
    }
    TRY(check_pages(db, err));
    TRY(read_int(db, "SELECT value FROM meta WHERE key = 'hash'", &hash, err));
    db->hash = (uint64_t)hash;
    return read_int(db, "SELECT count(*) FROM segment", &db->count, err);
}

static enum status prepare(struct segdb *db, struct err *err)
{
    static const char *const text[] = {
        "SELECT origin, ops, body, n_nodes, n_in, n_out, count, flops, params FROM segment"
        " WHERE id = ?1",
        "SELECT id, flops, ops_hash FROM segment"
        " WHERE n_in = ?1 AND n_out = ?2 AND ratio = ?3 AND flops >= ?4"
        " ORDER BY flops, ops_hash, id",
        "SELECT id, flops, ops_hash FROM segment"
        " WHERE n_in = ?1 AND n_out = ?2 AND ratio = ?3 AND flops < ?4"
        " ORDER BY flops DESC, ops_hash DESC, id DESC",
        "SELECT min(ratio) FROM segment WHERE n_in = ?1 AND n_out = ?2 AND ratio > ?3",
    };
    sqlite3_stmt **to[] = {&db->get, &db->up, &db->down, &db->next_ratio};
    for (size_t i = 0; i < sizeof to / sizeof *to; i++)
        if (sqlite3_prepare_v3(db->sql, text[i], -1, SQLITE_PREPARE_PERSISTENT, to[i], NULL) !=
            SQLITE_OK)
            return sql_err(db, err);
    return ST_OK;
}

enum status segdb_open(struct segdb **out, const char *path, struct err *err)
{
    if (access(path, R_OK) != 0) {
        err_set(err, ST_IO, "cannot read: %s", strerror(errno));
        err_in_file(err, path);
        return ST_IO;
    }
    struct segdb *db = x_calloc(1, sizeof *db);
    db->path = x_strdup(path);
    char *uri = uri_of(path);
    enum status st = ST_OK;
    if (sqlite3_open_v2(uri, &db->sql, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL) != SQLITE_OK)
        st = sql_err(db, err);
    free(uri);
    if (st == ST_OK)
        st = check_header(db, err);
    if (st == ST_OK)
        st = prepare(db, err);
    if (st == ST_OK)
        *out = db;
    else
        segdb_free(db);
    return st;
}

void segdb_free(struct segdb *db)
{
    sqlite3_finalize(db->get);
    sqlite3_finalize(db->up);
    sqlite3_finalize(db->down);
    sqlite3_finalize(db->next_ratio);
    sqlite3_close(db->sql);
    for (size_t i = 0; i < db->row.n; i++) {
        free(db->row.at[i].origin);
        free(db->row.at[i].ops);
        free(db->row.at[i].body);
    }
    vec_done(&db->row);
    u64map_done(&db->by_text);
    u64map_done(&db->by_hash);
    free(db->path);
    free(db);
}

int64_t segdb_count(const struct segdb *db)
{
    return db->writing ? (int64_t)db->row.n : db->count;
}

uint64_t segdb_hash(const struct segdb *db)
{
    return db->writing ? segdb_rows_hash(db) : db->hash;
}

/* ---- records ---- */

static char *column_dup(sqlite3_stmt *s, int i)
{
    const unsigned char *t = sqlite3_column_text(s, i);
    return x_strdup(t ? (const char *)t : "");
}

enum status segdb_get(struct segdb *db, int64_t id, struct segdb_record *out, struct err *err)
{
    if (db->writing)
        return err_set(err, ST_USAGE, "the database is being made");
    struct segdb_record r = {.id = id};
    sqlite3_stmt *s = db->get;
    sqlite3_bind_int64(s, 1, id);
    int step = sqlite3_step(s);
    enum status st = ST_OK;
    if (step == SQLITE_ROW) {
        const unsigned char *body = sqlite3_column_text(s, 2);
        st = segdb_text_read(body ? (const char *)body : "", &r.fragment, err);
        r.origin = column_dup(s, 0);
        r.ops = column_dup(s, 1);
        r.n_nodes = sqlite3_column_int(s, 3);
        r.n_in = sqlite3_column_int(s, 4);
        r.n_out = sqlite3_column_int(s, 5);
        r.count = sqlite3_column_int64(s, 6);
        r.flops_paper = sqlite3_column_int64(s, 7);
        r.params = sqlite3_column_int64(s, 8);
        r.name = x_asprintf("s%lld", (long long)id);
        if (st == ST_OK) {
            int n_in, n_out;
            graph_inputs(r.fragment, &n_in);
            graph_outputs(r.fragment, &n_out);
            if (n_in != r.n_in || n_out != r.n_out)
                st = err_set(err, ST_MODEL, "segment s%lld: its ports do not agree with its row",
                             (long long)id);
        }
        if (st != ST_OK)
            err_in_file(err, db->path);
    } else if (step == SQLITE_DONE) {
        st = err_set(err, ST_USAGE, "there is no segment s%lld", (long long)id);
    } else {
        st = sql_err(db, err);
    }
    sqlite3_reset(s);
    if (st == ST_OK)
        *out = r;
    else
        segdb_record_done(&r);
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

/* ---- query ---- */

static double area(const struct ttype *t)
{
    if (t->rank != 4 || t->dim[2] <= 0 || t->dim[3] <= 0)
        return 1;
    return (double)t->dim[2] * (double)t->dim[3];
}

int segdb_ratio(const struct ttype *const *in, int n_in, const struct ttype *const *out, int n_out)
{
    double a = 1, b = 1;
    for (int i = 0; i < n_in; i++)
        a = fmax(a, area(in[i]));
    for (int i = 0; i < n_out; i++)
        b = fmax(b, area(out[i]));
    return (int)lround(log2(a / b));
}

struct answer {
    struct segdb *db;
    int n_in, n_out, limit;
    int64_t flops;
    VEC(int64_t) id;
    VEC(int64_t) spare; /* passed over: too many with the same operators */
    struct u64map ops;  /* hash of operators -> records taken */
};

static void offer(struct answer *a, int64_t id, uint64_t ops_hash)
{
    int64_t *taken = u64map_put(&a->ops, ops_hash, 0);
    if (*taken < SAME_OPS) {
        ++*taken;
        vec_push(&a->id, id);
    } else {
        vec_push(&a->spare, id);
    }
}

static void bind(const struct answer *a, sqlite3_stmt *s, int ratio)
{
    sqlite3_bind_int(s, 1, a->n_in);
    sqlite3_bind_int(s, 2, a->n_out);
    sqlite3_bind_int(s, 3, ratio);
    sqlite3_bind_int64(s, 4, a->flops);
}

/* Walks the index outwards from the wanted size, both ways at once. */
static enum status search_ratio(struct answer *a, int ratio, struct err *err)
{
    sqlite3_stmt *s[2] = {a->db->down, a->db->up};
    int step[2];
    int64_t look = LOOK_AT_LEAST + (int64_t)LOOK_PER_ID * a->limit;
    for (int k = 0; k < 2; k++) {
        bind(a, s[k], ratio);
        step[k] = sqlite3_step(s[k]);
    }
    while (a->id.n < (size_t)a->limit && look-- > 0 &&
           (step[0] == SQLITE_ROW || step[1] == SQLITE_ROW)) {
        int k = step[0] != SQLITE_ROW;
        if (!k && step[1] == SQLITE_ROW)
            k = sqlite3_column_int64(s[1], 1) - a->flops < a->flops - sqlite3_column_int64(s[0], 1);
        offer(a, sqlite3_column_int64(s[k], 0), (uint64_t)sqlite3_column_int64(s[k], 2));
        step[k] = sqlite3_step(s[k]);
    }
    enum status st = ST_OK;
    for (int k = 0; k < 2; k++)
        if (step[k] != SQLITE_ROW && step[k] != SQLITE_DONE)
            st = sql_err(a->db, err);
    sqlite3_reset(s[0]);
    sqlite3_reset(s[1]);
    return st;
}

struct ratio {
    int value, away;
};

static int by_away(const void *x, const void *y)
{
    const struct ratio *a = x, *b = y;
    if (a->away != b->away)
        return a->away < b->away ? -1 : 1;
    return (a->value > b->value) - (a->value < b->value);
}

/* The other ratios there are, nearest first. Ratios are few, and each is found by one descent. */
static enum status search_other_ratios(struct answer *a, int ratio, struct err *err)
{
    VEC(struct ratio) r = {0};
    sqlite3_stmt *s = a->db->next_ratio;
    int at = -1000;
    enum status st = ST_OK;
    for (;;) {
        bind(a, s, at);
        int step = sqlite3_step(s);
        bool more = step == SQLITE_ROW && sqlite3_column_type(s, 0) != SQLITE_NULL;
        at = more ? sqlite3_column_int(s, 0) : at;
        sqlite3_reset(s);
        if (step != SQLITE_ROW)
            st = sql_err(a->db, err);
        if (!more)
            break;
        if (at != ratio)
            vec_push(&r, (struct ratio){at, abs(at - ratio)});
    }
    if (r.n > 1)
        qsort(r.at, r.n, sizeof *r.at, by_away);
    for (size_t i = 0; i < r.n && st == ST_OK && a->id.n < (size_t)a->limit; i++)
        st = search_ratio(a, r.at[i].value, err);
    vec_done(&r);
    return st;
}

static int region_ratio(const struct graph *g, const struct region *r)
{
    const struct ttype **t = x_calloc((size_t)(r->n_in + r->n_out) + 1, sizeof *t);
    for (int i = 0; i < r->n_in; i++)
        t[i] = graph_type(g, r->in[i]);
    for (int i = 0; i < r->n_out; i++)
        t[r->n_in + i] = graph_type(g, r->out[i]);
    int ratio = segdb_ratio(t, r->n_in, t + r->n_in, r->n_out);
    free(t);
    return ratio;
}

enum status segdb_query(struct segdb *db, const struct graph *g, const struct region *r, int limit,
                        int64_t **ids, int *n, struct err *err)
{
    if (db->writing)
        return err_set(err, ST_USAGE, "the database is being made");
    struct cost c;
    cost_nodes(g, r->ids, r->n, &c);
    struct answer a = {.db = db,
                       .n_in = r->n_in,
                       .n_out = r->n_out,
                       .limit = limit > 0 ? limit : 0,
                       .flops = c.flops_paper};
    int ratio = region_ratio(g, r);
    enum status st = limit > 0 ? search_ratio(&a, ratio, err) : ST_OK;
    if (st == ST_OK && a.id.n < (size_t)a.limit)
        st = search_other_ratios(&a, ratio, err);
    for (size_t i = 0; i < a.spare.n && a.id.n < (size_t)a.limit; i++)
        vec_push(&a.id, a.spare.at[i]);
    if (st == ST_OK) {
        *n = (int)a.id.n;
        *ids = a.id.at;
    } else {
        vec_done(&a.id);
    }
    vec_done(&a.spare);
    u64map_done(&a.ops);
    return st;
}
