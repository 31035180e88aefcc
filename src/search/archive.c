#include "search/archive.h"

#include "base/hash.h"
#include "base/mem.h"

#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct archive {
    sqlite3 *sql;
    char *path;
    sqlite3_stmt *add, *get;
};

const char archive_schema[] =
    "CREATE TABLE search (what TEXT NOT NULL);"
    "CREATE TABLE setting (generation INTEGER, name TEXT, value TEXT NOT NULL, "
    "PRIMARY KEY (generation, name)) WITHOUT ROWID;"
    "CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL, "
    "generation INTEGER NOT NULL, mate INTEGER NOT NULL, edits INTEGER NOT NULL, "
    "steps INTEGER NOT NULL, segment1 INTEGER NOT NULL, record1 INTEGER NOT NULL, "
    "segment2 INTEGER NOT NULL, record2 INTEGER NOT NULL, source INTEGER NOT NULL, "
    "hash INTEGER NOT NULL, known INTEGER NOT NULL, acc REAL, flops REAL, params REAL, "
    "memory REAL, cycles REAL, energy REAL, latency REAL, distance REAL NOT NULL, "
    "predicted REAL, fate INTEGER NOT NULL, reason TEXT, seal INTEGER NOT NULL);"
    "CREATE TABLE measured (hash INTEGER, recipe TEXT, seed INTEGER, value REAL, "
    "PRIMARY KEY (hash, recipe, seed)) WITHOUT ROWID;"
    "CREATE TABLE truth (number INTEGER PRIMARY KEY, id INTEGER NOT NULL UNIQUE, "
    "generation INTEGER NOT NULL, seeds INTEGER NOT NULL, value REAL, deviation REAL);"
    "CREATE TABLE corrected (generation INTEGER, id INTEGER, acc REAL NOT NULL, "
    "PRIMARY KEY (generation, id)) WITHOUT ROWID;";
#define COLUMNS                                                                                  \
    "id, parent, generation, mate, edits, steps, segment1, record1, segment2, record2, source, " \
    "hash, known, acc, flops, params, memory, cycles, energy, latency, distance, predicted, "    \
    "fate, "                                                                                     \
    "reason, seal"
enum {
    FIRST_VALUE = 13,
    DISTANCE = FIRST_VALUE + SEARCH_GOALS,
    PREDICTED = DISTANCE + 1,
    FATE = PREDICTED + 1,
    REASON = FATE + 1,
    SEAL = REASON + 1
};

static enum status failed(const struct archive *a, struct err *err)
{
    int code = sqlite3_errcode(a->sql) & 0xff;
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
        return err_set(err, ST_USAGE, "%s: a running search is using it", a->path);
    /* it has to be rolled back, which only a search does */
    if (sqlite3_extended_errcode(a->sql) == SQLITE_READONLY_ROLLBACK)
        return err_set(err, ST_USAGE, "%s: its search was killed while it wrote: go on with it",
                       a->path);
    /* SQLITE_ERROR: its tables are not what they should be */
    if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT || code == SQLITE_ERROR)
        return err_set(err, ST_MODEL, "%s: no archive of a search, or damaged", a->path);
    if (code == SQLITE_FULL || sqlite3_extended_errcode(a->sql) == SQLITE_IOERR_WRITE)
        return err_set(err, ST_IO, "%s: cannot be written, is there room? (%s)", a->path,
                       sqlite3_errmsg(a->sql));
    int system = sqlite3_system_errno(a->sql);
    return err_set(err, ST_IO, "%s: %s%s%s", a->path, sqlite3_errmsg(a->sql), system ? ": " : "",
                   system ? strerror(system) : "");
}

static enum status say(struct archive *a, const char *sql, struct err *err)
{
    return sqlite3_exec(a->sql, sql, NULL, NULL, NULL) == SQLITE_OK ? ST_OK : failed(a, err);
}

static enum status read_number(struct archive *a, const char *sql, int64_t *out, struct err *err)
{
    sqlite3_stmt *s;
    if (sqlite3_prepare_v2(a->sql, sql, -1, &s, NULL) != SQLITE_OK)
        return failed(a, err);
    bool row = sqlite3_step(s) == SQLITE_ROW;
    *out = row ? sqlite3_column_int64(s, 0) : 0;
    sqlite3_finalize(s);
    return row ? ST_OK : failed(a, err);
}

static enum status make(struct archive *a, const char *what, struct err *err)
{
    sqlite3_stmt *s;
    TRY(say(a, archive_schema, err));
    if (sqlite3_prepare_v2(a->sql, "INSERT INTO search VALUES(?)", -1, &s, NULL) != SQLITE_OK)
        return failed(a, err);
    sqlite3_bind_text(s, 1, what, -1, SQLITE_STATIC);
    bool ok = sqlite3_step(s) == SQLITE_DONE;
    sqlite3_finalize(s);
    char *marks = x_asprintf("PRAGMA application_id=%d; PRAGMA user_version=%d",
                             ARCHIVE_APPLICATION, ARCHIVE_VERSION);
    enum status st = ok ? say(a, marks, err) : failed(a, err);
    free(marks);
    return st;
}

static enum status same_search(struct archive *a, const char *what, struct err *err)
{
    sqlite3_stmt *s;
    if (sqlite3_prepare_v2(a->sql, "SELECT what FROM search", -1, &s, NULL) != SQLITE_OK)
        return failed(a, err);
    const unsigned char *was = sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_text(s, 0) : NULL;
    bool same = was && strcmp((const char *)was, what) == 0;
    sqlite3_finalize(s);
    return same ? ST_OK
                : err_set(err, ST_USAGE, "%s: of a search of another network or with other options",
                          a->path);
}

static enum status check_kind(struct archive *a, struct err *err)
{
    int64_t application, version;
    TRY(read_number(a, "PRAGMA application_id", &application, err));
    TRY(read_number(a, "PRAGMA user_version", &version, err));
    if (application != ARCHIVE_APPLICATION)
        return err_set(err, ST_MODEL, "%s: no archive of a search", a->path);
    if (version != ARCHIVE_VERSION)
        return err_set(err, ST_MODEL, "%s: an archive of another version", a->path);
    return ST_OK;
}

/* The lock is taken at once and kept until the end. */
static enum status start(struct archive *a, const char *what, struct err *err)
{
    int64_t tables;
    TRY(say(a, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA synchronous=FULL; BEGIN EXCLUSIVE", err));
    TRY(read_number(a, "SELECT count(*) FROM sqlite_master", &tables, err));
    if (tables == 0)
        TRY(make(a, what, err));
    TRY(check_kind(a, err));
    TRY(same_search(a, what, err));
    TRY(say(a, "COMMIT", err));
    if (sqlite3_prepare_v2(a->sql,
                           "INSERT INTO child(" COLUMNS ") "
                           "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                           -1, &a->add, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(a->sql, "SELECT " COLUMNS " FROM child WHERE id = ?", -1, &a->get,
                           NULL) != SQLITE_OK)
        return failed(a, err);
    return ST_OK;
}

enum status archive_open(struct archive **out, const char *path, const char *what, struct err *err)
{
    struct archive *a = x_calloc(1, sizeof *a);
    a->path = x_strdup(path);
    enum status st = sqlite3_open_v2(path, &a->sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                                     NULL) == SQLITE_OK
                         ? start(a, what, err)
                         : failed(a, err);
    if (st == ST_OK)
        *out = a;
    else
        archive_close(a);
    return st;
}

static enum status open_made(struct archive **out, const char *path, int flags, struct err *err)
{
    struct archive *a = x_calloc(1, sizeof *a);
    a->path = x_strdup(path);
    enum status st = sqlite3_open_v2(path, &a->sql, flags, NULL) == SQLITE_OK ? check_kind(a, err)
                                                                              : failed(a, err);
    if (st == ST_OK)
        *out = a;
    else
        archive_close(a);
    return st;
}

enum status archive_look(struct archive **out, const char *path, struct err *err)
{
    return open_made(out, path, SQLITE_OPEN_READONLY, err);
}

enum status archive_again(struct archive **out, const char *path, struct err *err)
{
    return open_made(out, path, SQLITE_OPEN_READWRITE, err);
}

void archive_close(struct archive *a)
{
    if (!a)
        return;
    sqlite3_finalize(a->add);
    sqlite3_finalize(a->get);
    sqlite3_close(a->sql);
    free(a->path);
    free(a);
}

void archive_remove(const char *path)
{
    struct archive a = {.path = x_strdup(path)};
    int64_t application = 0;
    if (sqlite3_open_v2(path, &a.sql, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
        say(&a, "BEGIN EXCLUSIVE", NULL) == ST_OK &&
        read_number(&a, "PRAGMA application_id", &application, NULL) == ST_OK &&
        application == ARCHIVE_APPLICATION)
        unlink(path);
    sqlite3_close(a.sql);
    free(a.path);
}

enum status archive_generations(struct archive *a, int64_t *out, struct err *err)
{
    return read_number(a, "SELECT coalesce(max(generation), 0) FROM child", out, err);
}

enum status archive_forget(struct archive *a, int64_t generation, struct err *err)
{
    char *sql = x_asprintf("DELETE FROM child WHERE generation > %lld; "
                           "DELETE FROM setting WHERE generation > %lld",
                           (long long)generation, (long long)generation);
    enum status st = say(a, sql, err);
    free(sql);
    return st;
}

enum status archive_begin(struct archive *a, struct err *err)
{
    return say(a, "BEGIN", err);
}

enum status archive_commit(struct archive *a, struct err *err)
{
    return say(a, "COMMIT", err);
}

/* ---- rows ---- */

static void numbers_of(const struct search_point *p, int64_t out[FIRST_VALUE])
{
    const int64_t number[FIRST_VALUE] = {p->id,
                                         p->parent,
                                         p->generation,
                                         p->mate,
                                         p->edits,
                                         p->n_step,
                                         p->step[0].segment,
                                         p->step[0].record,
                                         p->step[1].segment,
                                         p->step[1].record,
                                         (int64_t)p->source,
                                         (int64_t)p->hash,
                                         p->in_distribution};
    memcpy(out, number, sizeof number);
}

/* SQLite has neither NaN nor -0. */
static double sealed(double v)
{
    return isnan(v) ? -1 : v + 0.0;
}

/* Of a row; SQLite notices where a file is cut, but not a number that has become another. */
static int64_t seal(const struct search_point *p, enum search_fate fate, const char *reason)
{
    int64_t number[FIRST_VALUE];
    double value[SEARCH_GOALS + 2];
    numbers_of(p, number);
    for (int g = 0; g < SEARCH_GOALS; g++)
        value[g] = sealed(p->value[g]);
    value[SEARCH_GOALS] = sealed(p->distance);
    value[SEARCH_GOALS + 1] = sealed(p->predicted);
    uint64_t h = hash_bytes(number, sizeof number, (uint64_t)fate);
    return (int64_t)hash_str(reason, hash_bytes(value, sizeof value, h));
}

enum status archive_add(struct archive *a, const struct search_point *p, enum search_fate fate,
                        const char *reason, struct err *err)
{
    int64_t number[FIRST_VALUE];
    sqlite3_stmt *s = a->add;
    numbers_of(p, number);
    for (int i = 0; i < FIRST_VALUE; i++)
        sqlite3_bind_int64(s, 1 + i, number[i]);
    for (int g = 0; g < SEARCH_GOALS; g++) /* SQLite stores NaN as NULL */
        sqlite3_bind_double(s, 1 + FIRST_VALUE + g, p->value[g]);
    sqlite3_bind_double(s, 1 + DISTANCE, p->distance);
    sqlite3_bind_double(s, 1 + PREDICTED, p->predicted);
    sqlite3_bind_int(s, 1 + FATE, (int)fate);
    sqlite3_bind_text(s, 1 + REASON, reason, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 1 + SEAL, seal(p, fate, reason ? reason : ""));
    bool ok = sqlite3_step(s) == SQLITE_DONE;
    enum status st = ok ? ST_OK : failed(a, err);
    sqlite3_reset(s);
    return st;
}

struct row {
    struct search_point point;
    enum search_fate fate;
    const char *reason; /* borrowed until the statement goes on */
};

static struct search_step read_step(sqlite3_stmt *s, int at)
{
    return (struct search_step){sqlite3_column_int(s, at), sqlite3_column_int64(s, at + 1)};
}

/* What a search relies on, whoever wrote the file. */
static bool is_sound(const struct row *r)
{
    const struct search_point *p = &r->point;
    return p->id > 0 && p->parent >= 0 && p->parent < p->id && p->generation > 0 && p->edits > 0 &&
           p->n_step >= 0 && p->n_step <= SEARCH_STEPS && p->step[0].segment >= 0 &&
           p->step[1].segment >= 0 && r->fate >= FATE_ACCEPTED && r->fate <= FATE_WAY;
}

static double number_or_nan(sqlite3_stmt *s, int column)
{
    return sqlite3_column_type(s, column) == SQLITE_NULL ? NAN : sqlite3_column_double(s, column);
}

static enum status read_row(const struct archive *a, sqlite3_stmt *s, struct row *r,
                            struct err *err)
{
    const unsigned char *reason = sqlite3_column_text(s, REASON);
    struct search_point p = {
        .id = sqlite3_column_int64(s, 0),
        .parent = sqlite3_column_int64(s, 1),
        .generation = sqlite3_column_int(s, 2),
        .mate = sqlite3_column_int64(s, 3),
        .edits = sqlite3_column_int(s, 4),
        .n_step = sqlite3_column_int(s, 5),
        .step = {read_step(s, 6), read_step(s, 8)},
        .source = (uint64_t)sqlite3_column_int64(s, 10),
        .hash = (uint64_t)sqlite3_column_int64(s, 11),
        .in_distribution = sqlite3_column_int(s, 12) != 0,
        .distance = sqlite3_column_double(s, DISTANCE),
    };
    for (int g = 0; g < SEARCH_GOALS; g++)
        p.value[g] = number_or_nan(s, FIRST_VALUE + g);
    p.predicted = number_or_nan(s, PREDICTED);
    *r = (struct row){p, (enum search_fate)sqlite3_column_int(s, FATE),
                      reason ? (const char *)reason : ""};
    if (!is_sound(r) || seal(&p, r->fate, r->reason) != sqlite3_column_int64(s, SEAL))
        return err_set(err, ST_MODEL, "%s: network %lld in it is damaged", a->path,
                       (long long)p.id);
    return ST_OK;
}

static enum status missing(const struct archive *a, int64_t id, struct err *err)
{
    return err_set(err, ST_MODEL, "%s: network %lld is missing in it", a->path, (long long)id);
}

enum status archive_each(struct archive *a, archive_take *take, void *arg, struct err *err)
{
    sqlite3_stmt *s;
    struct row r;
    int64_t last = 0;
    int step = SQLITE_DONE;
    if (sqlite3_prepare_v2(a->sql, "SELECT " COLUMNS " FROM child ORDER BY id", -1, &s, NULL) !=
        SQLITE_OK)
        return failed(a, err);
    enum status st = ST_OK;
    while (st == ST_OK && (step = sqlite3_step(s)) == SQLITE_ROW) {
        st = read_row(a, s, &r, err);
        if (st == ST_OK && r.point.id != ++last)
            st = missing(a, last, err);
        if (st == ST_OK)
            st = take(arg, &r.point, r.fate, r.reason, err);
    }
    if (st == ST_OK && step != SQLITE_DONE)
        st = failed(a, err);
    sqlite3_finalize(s);
    return st;
}

enum status archive_get(struct archive *a, int64_t id, struct search_point *out, struct err *err)
{
    struct row r;
    sqlite3_bind_int64(a->get, 1, id);
    int step = sqlite3_step(a->get);
    enum status st = step == SQLITE_ROW    ? read_row(a, a->get, &r, err)
                     : step == SQLITE_DONE ? missing(a, id, err)
                                           : failed(a, err);
    if (st == ST_OK)
        *out = r.point;
    sqlite3_reset(a->get);
    return st;
}

/* ---- what was measured ---- */

static enum status with_key(struct archive *a, const char *sql, uint64_t hash, const char *recipe,
                            uint64_t seed, sqlite3_stmt **out, struct err *err)
{
    if (sqlite3_prepare_v2(a->sql, sql, -1, out, NULL) != SQLITE_OK)
        return failed(a, err);
    sqlite3_bind_int64(*out, 1, (int64_t)hash);
    sqlite3_bind_text(*out, 2, recipe, -1, SQLITE_STATIC);
    sqlite3_bind_int64(*out, 3, (int64_t)seed);
    return ST_OK;
}

enum status archive_measured(struct archive *a, uint64_t hash, const char *recipe, uint64_t seed,
                             double *out, bool *known, struct err *err)
{
    sqlite3_stmt *s;
    TRY(with_key(a, "SELECT value FROM measured WHERE hash = ? AND recipe = ? AND seed = ?", hash,
                 recipe, seed, &s, err));
    int step = sqlite3_step(s);
    *known = step == SQLITE_ROW;
    if (*known)
        *out = number_or_nan(s, 0);
    enum status st = *known || step == SQLITE_DONE ? ST_OK : failed(a, err);
    sqlite3_finalize(s);
    return st;
}

enum status archive_measure(struct archive *a, uint64_t hash, const char *recipe, uint64_t seed,
                            double value, struct err *err)
{
    sqlite3_stmt *s;
    TRY(with_key(a, "INSERT OR REPLACE INTO measured VALUES(?, ?, ?, ?)", hash, recipe, seed, &s,
                 err));
    sqlite3_bind_double(s, 4, value); /* SQLite stores NaN as NULL */
    enum status st = sqlite3_step(s) == SQLITE_DONE ? ST_OK : failed(a, err);
    sqlite3_finalize(s);
    return st;
}

/* ---- truths on the way ---- */

static enum status prepare(struct archive *a, const char *sql, sqlite3_stmt **out, struct err *err)
{
    return sqlite3_prepare_v2(a->sql, sql, -1, out, NULL) == SQLITE_OK ? ST_OK : failed(a, err);
}

/* Of a statement that gives no rows. */
static enum status finish(struct archive *a, sqlite3_stmt *s, struct err *err)
{
    enum status st = sqlite3_step(s) == SQLITE_DONE ? ST_OK : failed(a, err);
    sqlite3_finalize(s);
    return st;
}

enum status archive_tell(struct archive *a, const struct search_truth *t, struct err *err)
{
    sqlite3_stmt *s;
    TRY(prepare(a, "INSERT INTO truth VALUES(NULL, ?, ?, ?, ?, ?)", &s, err));
    sqlite3_bind_int64(s, 1, t->id);
    sqlite3_bind_int(s, 2, t->generation);
    sqlite3_bind_int(s, 3, t->n);
    sqlite3_bind_double(s, 4, t->value);
    sqlite3_bind_double(s, 5, t->deviation);
    return finish(a, s, err);
}

enum status archive_correct(struct archive *a, int64_t generation, int64_t id, double acc,
                            struct err *err)
{
    sqlite3_stmt *s;
    TRY(prepare(a, "INSERT OR REPLACE INTO corrected VALUES(?, ?, ?)", &s, err));
    sqlite3_bind_int64(s, 1, generation);
    sqlite3_bind_int64(s, 2, id);
    sqlite3_bind_double(s, 3, acc);
    return finish(a, s, err);
}

enum status archive_truths(struct archive *a, archive_take_truth *take, void *arg, struct err *err)
{
    sqlite3_stmt *s;
    int step = SQLITE_DONE;
    enum status st = ST_OK;
    TRY(prepare(a, "SELECT id, generation, seeds, value, deviation FROM truth ORDER BY number", &s,
                err));
    while (st == ST_OK && (step = sqlite3_step(s)) == SQLITE_ROW) {
        const struct search_truth t = {.id = sqlite3_column_int64(s, 0),
                                       .generation = sqlite3_column_int(s, 1),
                                       .n = sqlite3_column_int(s, 2),
                                       .value = number_or_nan(s, 3),
                                       .deviation = number_or_nan(s, 4)};
        st = take(arg, &t, err);
    }
    if (st == ST_OK && step != SQLITE_DONE)
        st = failed(a, err);
    sqlite3_finalize(s);
    return st;
}

enum status archive_corrected(struct archive *a, int64_t generation, archive_take_correction *take,
                              void *arg, bool *any, struct err *err)
{
    sqlite3_stmt *s;
    int step = SQLITE_DONE;
    enum status st = ST_OK;
    *any = false;
    TRY(prepare(a, "SELECT id, acc FROM corrected WHERE generation = ?", &s, err));
    sqlite3_bind_int64(s, 1, generation);
    while (st == ST_OK && (step = sqlite3_step(s)) == SQLITE_ROW) {
        *any = true;
        st = take(arg, sqlite3_column_int64(s, 0), sqlite3_column_double(s, 1), err);
    }
    if (st == ST_OK && step != SQLITE_DONE)
        st = failed(a, err);
    sqlite3_finalize(s);
    return st;
}

/* ---- what may be changed ---- */

static enum status of_setting(struct archive *a, const char *sql, int64_t generation,
                              const char *name, const char *value, struct err *err)
{
    sqlite3_stmt *s;
    TRY(prepare(a, sql, &s, err));
    sqlite3_bind_int64(s, 1, generation);
    sqlite3_bind_text(s, 2, name, -1, SQLITE_STATIC);
    if (value)
        sqlite3_bind_text(s, 3, value, -1, SQLITE_STATIC);
    return finish(a, s, err);
}

enum status archive_set(struct archive *a, int64_t generation, const char *name, const char *value,
                        struct err *err)
{
    return of_setting(a, "INSERT OR REPLACE INTO setting VALUES(?, ?, ?)", generation, name, value,
                      err);
}

enum status archive_unset(struct archive *a, int64_t generation, const char *name, struct err *err)
{
    return of_setting(a, "DELETE FROM setting WHERE generation = ? AND name = ?", generation, name,
                      NULL, err);
}

enum status archive_settings(struct archive *a, archive_take_setting *take, void *arg,
                             struct err *err)
{
    sqlite3_stmt *s;
    int step = SQLITE_DONE;
    enum status st = ST_OK;
    TRY(prepare(a, "SELECT generation, name, value FROM setting ORDER BY generation, name", &s,
                err));
    while (st == ST_OK && (step = sqlite3_step(s)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(s, 1);
        const char *value = (const char *)sqlite3_column_text(s, 2);
        st = take(arg, sqlite3_column_int64(s, 0), name ? name : "", value ? value : "", err);
    }
    if (st == ST_OK && step != SQLITE_DONE)
        st = failed(a, err);
    sqlite3_finalize(s);
    return st;
}
