/* db stats and db check: the databases as a whole. */
#include "cli/db.h"

#include "base/hash.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

/* ---- stats ---- */

struct by_ports {
    int n_in, n_out;
    int64_t segments;
};
enum { SIZES = 8 }; /* 1, 2, 3-4, 5-8, ... nodes; the last one is open */

struct stats {
    const char *path;
    int64_t bytes, version, segments, occurrences, shapes;
    uint64_t hash;
    VEC(struct segdb_origin) origin;
    struct strmap origin_at;
    VEC(struct by_ports) ports;
    struct u64map ports_at;
    int64_t size[SIZES];
};

static void stats_done(struct stats *s)
{
    for (size_t i = 0; i < s->origin.n; i++)
        free(s->origin.at[i].group);
    vec_done(&s->origin);
    vec_done(&s->ports);
    strmap_done(&s->origin_at);
    u64map_done(&s->ports_at);
}

/* SQLite's file format has the schema version of the application ("user version") in its header. */
static enum status read_file(struct stats *s, struct err *err)
{
    enum { VERSION_AT = 60 };
    struct stat info;
    unsigned char head[VERSION_AT + 4];
    FILE *f = fopen(s->path, "rb");
    bool good = f && fstat(fileno(f), &info) == 0 && fread(head, 1, sizeof head, f) == sizeof head;
    int e = errno;
    if (f)
        fclose(f);
    if (!good) {
        err_set(err, ST_IO, "cannot read: %s", strerror(e ? e : EIO));
        return err_in_file(err, s->path), ST_IO;
    }
    s->bytes = info.st_size;
    for (int i = 0; i < 4; i++)
        s->version = s->version << 8 | head[VERSION_AT + i];
    return ST_OK;
}

static int size_class(int nodes)
{
    int k = 0;
    while (k < SIZES - 1 && nodes > 1 << k)
        k++;
    return k;
}

static void count_record(struct stats *s, const struct segdb_record *r,
                         const struct segdb_seen *seen)
{
    uint64_t key = (uint64_t)(unsigned)r->n_in << 32 | (unsigned)r->n_out;
    int64_t at = *u64map_put(&s->ports_at, key, (int64_t)s->ports.n);
    if (at == (int64_t)s->ports.n)
        vec_push(&s->ports, (struct by_ports){r->n_in, r->n_out, 0});
    s->ports.at[at].segments++;
    s->segments++;
    s->occurrences += r->count;
    s->shapes += r->n_shapes;
    s->size[size_class(r->n_nodes)]++;
    for (int i = 0; i < seen->n_origins; i++) {
        const char *group = seen->origin[i].group;
        at = *strmap_put(&s->origin_at, group, (int64_t)s->origin.n);
        if (at == (int64_t)s->origin.n)
            vec_push(&s->origin, (struct segdb_origin){x_strdup(group), 0});
        s->origin.at[at].count += seen->origin[i].count;
    }
}

static int by_segments(const void *x, const void *y)
{
    const struct by_ports *a = x, *b = y;
    if (a->segments != b->segments)
        return a->segments > b->segments ? -1 : 1;
    return a->n_in != b->n_in ? a->n_in - b->n_in : a->n_out - b->n_out;
}

static int by_count(const void *x, const void *y)
{
    const struct segdb_origin *a = x, *b = y;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    return strcmp(a->group, b->group);
}

static enum status count_all(struct stats *s, struct segdb *db, struct err *err)
{
    for (int64_t id = 0; (id = segdb_next(db, id));) {
        struct segdb_record r;
        struct segdb_seen seen;
        if (cli_interrupted)
            return err_set(err, ST_CANCELLED, "interrupted");
        TRY(segdb_get(db, id, &r, err));
        enum status st = segdb_seen(db, id, &seen, err);
        if (st == ST_OK) {
            count_record(s, &r, &seen);
            segdb_seen_done(&seen);
        }
        segdb_record_done(&r);
        TRY(st);
    }
    if (s->ports.n)
        qsort(s->ports.at, s->ports.n, sizeof *s->ports.at, by_segments);
    if (s->origin.n)
        qsort(s->origin.at, s->origin.n, sizeof *s->origin.at, by_count);
    return ST_OK;
}

static enum status stats_of(struct stats *s, struct err *err)
{
    struct segdb *db;
    TRY(segdb_open(&db, &s->path, 1, err));
    enum status st = read_file(s, err);
    s->hash = segdb_hash(db);
    if (st == ST_OK)
        st = count_all(s, db, err);
    segdb_close(db, NULL);
    return st;
}

static const char *size_text(int k, char *buf, size_t size)
{
    int lo = k ? (1 << (k - 1)) + 1 : 1, hi = 1 << k;
    if (k == SIZES - 1)
        snprintf(buf, size, "%d-", lo);
    else if (lo == hi)
        snprintf(buf, size, "%d", lo);
    else
        snprintf(buf, size, "%d-%d", lo, hi);
    return buf;
}

static void stats_json(struct json *j, const struct stats *s)
{
    char buf[32];
    snprintf(buf, sizeof buf, "%016llx", (unsigned long long)s->hash);
    json_object(j);
    json_kstr(j, "file", s->path);
    json_kint(j, "bytes", s->bytes);
    json_kint(j, "version", s->version);
    json_kstr(j, "hash", buf);
    json_kint(j, "segments", s->segments);
    json_kint(j, "occurrences", s->occurrences);
    json_kint(j, "shapes", s->shapes);
    json_key(j, "origins");
    json_array(j);
    for (size_t i = 0; i < s->origin.n; i++) {
        json_object(j);
        json_kstr(j, "group", s->origin.at[i].group);
        json_kint(j, "count", s->origin.at[i].count);
        json_object_end(j);
    }
    json_array_end(j);
    json_key(j, "ports");
    json_array(j);
    for (size_t i = 0; i < s->ports.n; i++) {
        json_object(j);
        json_kint(j, "inputs", s->ports.at[i].n_in);
        json_kint(j, "outputs", s->ports.at[i].n_out);
        json_kint(j, "segments", s->ports.at[i].segments);
        json_object_end(j);
    }
    json_array_end(j);
    json_key(j, "nodes");
    json_object(j);
    for (int k = 0; k < SIZES; k++)
        json_kint(j, size_text(k, buf, sizeof buf), s->size[k]);
    json_object_end(j);
    json_object_end(j);
}

static void stats_text(struct str *out, const struct stats *s)
{
    enum { BAR = 40 };
    char buf[32];
    str_addf(out, "%s\n  %lld bytes, version %lld, hash %016llx\n", s->path, (long long)s->bytes,
             (long long)s->version, (unsigned long long)s->hash);
    str_addf(out, "  %lld segments in %lld shapes, seen %lld times\n", (long long)s->segments,
             (long long)s->shapes, (long long)s->occurrences);
    for (size_t i = 0; i < s->origin.n; i++)
        str_addf(out, "%s%s %lld", i ? ", " : "  in ",
                 s->origin.at[i].group[0] ? s->origin.at[i].group : "files",
                 (long long)s->origin.at[i].count);
    str_addf(out, "%s  inputs > outputs:", s->origin.n ? "\n" : "");
    for (size_t i = 0; i < s->ports.n; i++)
        str_addf(out, "%s %d>%d %lld", i ? "," : "", s->ports.at[i].n_in, s->ports.at[i].n_out,
                 (long long)s->ports.at[i].segments);
    str_add(out, "\n  nodes:\n");
    int64_t most = 1;
    for (int k = 0; k < SIZES; k++)
        most = s->size[k] > most ? s->size[k] : most;
    for (int k = 0; k < SIZES; k++) {
        int bar = (int)((s->size[k] * BAR + most - 1) / most);
        str_addf(out, "%9s %7lld%s", size_text(k, buf, sizeof buf), (long long)s->size[k],
                 bar ? " " : "");
        for (int i = 0; i < bar; i++)
            str_add_char(out, '#');
        str_add_char(out, '\n');
    }
}

enum status db_stats(struct cli *c, struct err *err)
{
    struct db_files f;
    struct stats s[SEGDB_LAYERS] = {{0}};
    enum status st = ST_OK;
    db_files_init(&f, c);
    for (int i = 0; st == ST_OK && i < f.n; i++) {
        s[i].path = f.path[i];
        st = stats_of(&s[i], err);
    }
    if (st == ST_OK && c->json) {
        struct json j;
        cli_json_begin(c, &j);
        json_key(&j, "databases");
        json_array(&j);
        for (int i = 0; i < f.n; i++)
            stats_json(&j, &s[i]);
        json_array_end(&j);
        cli_json_end(c, &j);
    } else if (st == ST_OK)
        for (int i = 0; i < f.n; i++)
            stats_text(&c->out, &s[i]);
    for (int i = 0; i < f.n; i++)
        stats_done(&s[i]);
    db_files_done(&f);
    return st;
}

/* ---- check ---- */

struct bad {
    char name[SEGDB_NAME];
    char *why;
};
struct checked {
    int n;
    VEC(struct bad) bad;
};

static enum status check_all(struct cli *c, struct segdb *db, struct checked *out, struct err *err)
{
    int total = (int)segdb_count(db);
    for (int64_t id = 0; (id = segdb_next(db, id)); out->n++) {
        struct err why = {0};
        if (cli_interrupted)
            return err_set(err, ST_CANCELLED, "interrupted");
        cli_progress(c, out->n, total, "segments");
        if (segdb_check(db, id, &why) == ST_OK)
            continue;
        struct bad b = {.why = x_strdup(why.msg)};
        segdb_name(id, b.name);
        vec_push(&out->bad, b);
    }
    if (out->n != total)
        return err_set(err, ST_MODEL, "only %d of %d segments can be found", out->n, total);
    return ST_OK;
}

static void check_answer(struct cli *c, const struct db_files *f, const struct checked *k)
{
    if (!c->json) {
        for (size_t i = 0; i < k->bad.n; i++)
            str_addf(&c->out, "%s: %s\n", k->bad.at[i].name, k->bad.at[i].why);
        str_addf(&c->out, "%d segments checked, %zu bad\n", k->n, k->bad.n);
        return;
    }
    struct json j;
    cli_json_begin(c, &j);
    json_key(&j, "files");
    json_array(&j);
    for (int i = 0; i < f->n; i++)
        json_str(&j, f->path[i]);
    json_array_end(&j);
    json_kbool(&j, "ok", k->bad.n == 0);
    json_kint(&j, "checked", k->n);
    json_key(&j, "bad");
    json_array(&j);
    for (size_t i = 0; i < k->bad.n; i++) {
        json_object(&j);
        json_kstr(&j, "name", k->bad.at[i].name);
        json_kstr(&j, "reason", k->bad.at[i].why);
        json_object_end(&j);
    }
    json_array_end(&j);
    cli_json_end(c, &j);
}

enum status db_check(struct cli *c, struct err *err)
{
    struct db_files f = {.n = 1};
    struct segdb *db;
    struct checked k = {0};
    if (c->n_arg > 1 && cli_get(c, "--segments"))
        return err_set(err, ST_USAGE, "db check: FILE or --segments, not both");
    if (c->n_arg > 1)
        f.path[0] = x_strdup(c->arg[1]);
    else
        db_files_init(&f, c);
    enum status st = db_open(&f, &db, err);
    if (st == ST_OK) {
        st = check_all(c, db, &k, err);
        cli_progress_end(c);
        segdb_close(db, NULL);
    }
    if (st == ST_OK) {
        check_answer(c, &f, &k);
        if (k.bad.n)
            st = err_set(err, ST_NO, "%zu of %d segments are bad", k.bad.n, k.n);
    }
    for (size_t i = 0; i < k.bad.n; i++)
        free(k.bad.at[i].why);
    vec_done(&k.bad);
    db_files_done(&f);
    return st;
}
