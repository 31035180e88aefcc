/* Making and changing a database: rows are gathered in memory, the file is written at the end in
 * one atomic step. */
#include "segdb/segdb_priv.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct segdb *segdb_new(const char *path)
{
    struct segdb *db = x_calloc(1, sizeof *db);
    db->path = x_strdup(path);
    db->writing = true;
    db->lock = -1;
    db->next = 1;
    return db;
}

enum status segdb_create(struct segdb **out, const char *path, struct err *err)
{
    TRY(file_try(path, err));
    *out = segdb_new(path);
    return ST_OK;
}

/* ---- editing ---- */

static enum status io_error(struct err *err, const char *path, const char *what)
{
    err_set(err, ST_IO, "%s: %s", what, strerror(errno));
    err_in_file(err, path);
    return ST_IO;
}

static enum status make_folder(const char *path, struct err *err)
{
    char *dir = x_strdup(path);
    enum status st = ST_OK;
    for (char *p = dir + 1; *dir && *p && st == ST_OK; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (mkdir(dir, 0700) < 0 && errno != EEXIST)
            st = io_error(err, dir, "cannot make the folder");
        *p = '/';
    }
    free(dir);
    return st;
}

static char *lock_path(const char *path)
{
    return x_asprintf("%s.lock", path);
}

/* The lock file goes with its last holder; whoever waited on one that is no longer there tries
 * again with the new one. */
static enum status take_lock(struct segdb *db, struct err *err)
{
    char *path = lock_path(db->path);
    enum status st = ST_OK;
    while (db->lock < 0 && st == ST_OK) {
        struct stat held, there;
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0) {
            st = io_error(err, path, "cannot lock");
            break;
        }
        int locked;
        while ((locked = flock(fd, LOCK_EX)) < 0 && errno == EINTR)
            ;
        if (locked < 0)
            st = io_error(err, path, "cannot lock");
        else if (fstat(fd, &held) == 0 && stat(path, &there) == 0 && held.st_ino == there.st_ino &&
                 held.st_dev == there.st_dev)
            db->lock = fd;
        if (db->lock < 0)
            close(fd);
    }
    free(path);
    return st;
}

static void drop_lock(struct segdb *db)
{
    if (db->lock < 0)
        return;
    char *path = lock_path(db->path);
    unlink(path);
    flock(db->lock, LOCK_UN); /* a child forked meanwhile holds the descriptor too */
    close(db->lock);
    db->lock = -1;
    free(path);
}

static enum status load(struct segdb *db, struct err *err)
{
    struct segdb_layer l;
    if (access(db->path, F_OK) != 0 && errno == ENOENT)
        return ST_OK;
    TRY(segdb_layer_open(&l, db->path, SEGDB_APPLICATION, true, err));
    enum status st = segdb_rows_load(db, &l, err);
    segdb_layer_close(&l);
    return st;
}

enum status segdb_edit(struct segdb **out, const char *path, struct err *err)
{
    TRY(make_folder(path, err));
    struct segdb *db = segdb_new(path);
    enum status st = take_lock(db, err);
    if (st == ST_OK)
        st = file_try(path, err);
    if (st == ST_OK)
        st = load(db, err);
    if (st == ST_OK)
        *out = db;
    else
        segdb_free(db);
    return st;
}

/* ---- rows ---- */

void segdb_enter(struct segdb *db, struct segdb_row *row)
{
    int64_t *first = u64map_put(&db->by_hash, row->hash, -1);
    row->next = *first;
    *first = (int64_t)db->row.n;
    if (row->number >= db->next)
        db->next = row->number + 1;
    vec_push(&db->row, *row);
    db->n_rows++;
}

/* The row of the same structure as `g`, or -1; *order receives how the ports of `g` stand for its
 * own (caller frees). */
static int64_t find_row(const struct segdb *db, uint64_t hash, const struct graph *g, int **order)
{
    const int64_t *first = u64map_get(&db->by_hash, hash);
    for (int64_t at = first ? *first : -1; at >= 0; at = db->row.at[at].next) {
        struct graph *have = NULL;
        const char *body = db->row.at[at].body;
        if (!body || segdb_text_read(body, &have, NULL) != ST_OK)
            continue;
        int32_t *image = x_calloc((size_t)graph_n_slots(have) + 1, sizeof *image);
        bool same = segdb_same(have, g, image);
        if (same)
            *order = segdb_ports_order(have, g, image);
        free(image);
        graph_unref(have);
        if (same)
            return at;
    }
    return -1;
}

/* Counts one occurrence of a spelling that was not seen before. */
static enum status add_spelling(struct segdb *db, const char *body, const char *origin,
                                struct segdb_known *known, struct err *err)
{
    struct graph *g = NULL;
    struct segdb_row row = {.number = db->next, .count = 0};
    struct str shape = {0}, ordered = {0};
    int *order = NULL;
    TRY(segdb_text_read(body, &g, err));
    segdb_row_measure(&row, g);
    struct segdb_ports p = segdb_ports_of(g);
    segdb_ports_text(&p, segdb_text_batch(g), &shape);
    segdb_ports_done(&p);
    known->row = find_row(db, row.hash, g, &order);
    graph_unref(g);
    int64_t flops = row.flops, params = row.params;
    if (known->row < 0) {
        known->row = (int64_t)db->row.n;
        row.origin = x_strdup(origin);
        row.body = x_strdup(body);
        segdb_enter(db, &row);
    } else {
        segdb_ports_permute(str_text(&shape), row.n_in, row.n_out, order, &ordered);
        str_done(&shape);
        shape = ordered;
        segdb_row_done(&row);
    }
    free(order);
    struct segdb_row *at = &db->row.at[known->row];
    struct segdb_shape *s = segdb_row_shape(at, str_text(&shape));
    if (!s->count) {
        s->flops_paper = flops;
        s->params = params;
    }
    known->shape = (size_t)(s - at->shape.at);
    str_done(&shape);
    return ST_OK;
}

enum status segdb_add(struct segdb *db, const struct graph *fragment, const char *origin,
                      int64_t *number, struct err *err)
{
    if (!db->writing)
        return err_set(err, ST_USAGE, "the database is open for reading");
    struct str body = {0};
    enum status st = segdb_text_write(fragment, &body, err);
    if (st == ST_OK && body.n > SEGDB_BODY_MAX)
        st = err_set(err, ST_UNSUPPORTED, "the fragment is too large");
    if (st != ST_OK) {
        str_done(&body);
        return st;
    }
    /* Most occurrences are spelt like an earlier one; only the others are compared as graphs. */
    int64_t fresh = (int64_t)db->known.n;
    int64_t at = *strmap_put(&db->by_text, body.s, fresh);
    if (at == fresh)
        vec_push(&db->known, (struct segdb_known){-1, 0});
    struct segdb_known *k = &db->known.at[at];
    if (k->row < 0 || !db->row.at[k->row].body)
        st = add_spelling(db, body.s, origin, k, err);
    if (st == ST_OK) {
        struct segdb_row *row = &db->row.at[k->row];
        char *group = segdb_group(origin);
        row->count++;
        row->shape.at[k->shape].count++;
        ++*segdb_row_group(row, group);
        if (number)
            *number = row->number;
        free(group);
    }
    str_done(&body);
    return st;
}

static bool add_shapes(struct segdb_row *to, const struct segdb_row *from, const int *order)
{
    bool ok = true;
    for (size_t i = 0; i < from->shape.n && ok; i++) {
        struct str text = {0};
        const struct segdb_shape *s = &from->shape.at[i];
        ok = segdb_ports_permute(s->text, to->n_in, to->n_out, order, &text);
        if (ok) {
            struct segdb_shape *own = segdb_row_shape(to, str_text(&text));
            if (!own->count) {
                own->flops_paper = s->flops_paper;
                own->params = s->params;
            }
            own->count += s->count;
        }
        str_done(&text);
    }
    return ok;
}

/* Takes `row` over, or adds it to the one of the same structure. */
static enum status absorb_row(struct segdb *db, struct segdb_row *row, struct err *err)
{
    struct graph *g = NULL;
    int *order = NULL;
    int64_t total, number = row->number;
    TRY(segdb_text_read(row->body, &g, err));
    segdb_row_measure(row, g);
    int64_t at = find_row(db, row->hash, g, &order);
    graph_unref(g);
    if (at < 0) {
        row->number = db->next;
        segdb_enter(db, row);
        memset(row, 0, sizeof *row);
        return ST_OK;
    }
    struct segdb_row *own = &db->row.at[at];
    bool ok =
        !__builtin_add_overflow(own->count, row->count, &total) && add_shapes(own, row, order);
    for (size_t i = 0; i < row->group.n && ok; i++)
        *segdb_row_group(own, row->group.at[i].group) += row->group.at[i].count;
    free(order);
    if (!ok)
        return err_set(err, ST_MODEL, "segment %lld is damaged: its shapes", (long long)number);
    own->count = total;
    return ST_OK;
}

enum status segdb_absorb(struct segdb *db, const char *path, struct err *err)
{
    struct segdb_layer l;
    if (!db->writing)
        return err_set(err, ST_USAGE, "the database is open for reading");
    TRY(segdb_layer_open(&l, path, SEGDB_APPLICATION, false, err));
    /* All of it is read and checked before anything is added. */
    struct segdb *other = segdb_new(path);
    enum status st = segdb_rows_load(other, &l, err);
    for (size_t i = 0; i < other->row.n && st == ST_OK; i++)
        st = absorb_row(db, &other->row.at[i], err);
    if (st != ST_OK)
        err_in_file(err, path);
    segdb_free(other);
    segdb_layer_close(&l);
    return st;
}

static int by_number(const void *key, const void *row)
{
    int64_t a = *(const int64_t *)key, b = ((const struct segdb_row *)row)->number;
    return (a > b) - (a < b);
}

enum status segdb_remove(struct segdb *db, int64_t number, struct err *err)
{
    if (!db->writing)
        return err_set(err, ST_USAGE, "the database is open for reading");
    struct segdb_row *row =
        db->row.n ? bsearch(&number, db->row.at, db->row.n, sizeof *row, by_number) : NULL;
    if (!row || !row->body)
        return err_set(err, ST_USAGE, "there is no segment s%lld", (long long)number);
    /* Its place stays, so that the places of the others do. */
    int64_t next = row->next;
    segdb_row_done(row);
    row->number = number;
    row->next = next;
    db->n_rows--;
    return ST_OK;
}

/* ---- writing ---- */

enum status segdb_write(struct segdb *db, enum status (*before)(void *arg, struct err *err),
                        void *arg, struct err *err)
{
    struct file_writer w;
    unsigned char *bytes;
    size_t n;
    TRY(segdb_rows_pack(db, NULL, &bytes, &n, err));
    enum status st = file_writer_open(&w, db->path, err);
    if (st == ST_OK) {
        errno = 0;
        if (fwrite(bytes, 1, n, w.f) != n || fflush(w.f) != 0)
            st = io_error(err, db->path, "cannot write");
        if (st == ST_OK && before)
            st = before(arg, err);
        if (st == ST_OK)
            st = file_writer_commit(&w, err);
        else
            file_writer_discard(&w);
    }
    sqlite3_free(bytes);
    return st;
}

enum status segdb_close(struct segdb *db, struct err *err)
{
    enum status st = db->writing ? segdb_write(db, NULL, NULL, err) : ST_OK;
    segdb_free(db);
    return st;
}

void segdb_abandon(struct segdb *db)
{
    if (db)
        segdb_free(db);
}

void segdb_free(struct segdb *db)
{
    for (int i = 0; i < SEGDB_LAYERS; i++)
        segdb_layer_close(&db->layer[i]);
    for (size_t i = 0; i < db->row.n; i++)
        segdb_row_done(&db->row.at[i]);
    if (db->writing)
        drop_lock(db);
    vec_done(&db->row);
    vec_done(&db->known);
    u64map_done(&db->by_hash);
    strmap_done(&db->by_text);
    free(db->path);
    free(db);
}
