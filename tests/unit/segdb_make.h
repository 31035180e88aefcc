/* What the tests of segdb share: a folder, fragments from text and from networks, databases. */
#ifndef TESTS_UNIT_SEGDB_MAKE_H
#define TESTS_UNIT_SEGDB_MAKE_H

#include "base/file.h"
#include "base/rng.h"
#include "family/family.h"
#include "segdb/segdb_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define HEAD "autogo-segment 2 13\n"
#define IN "input < > float[N,8,4,4]\n"

static char dir[] = "/tmp/test_segdb_XXXXXX";
static char db_path[64], vocab_path[64], other_path[64];

static inline int make_dir(void **state)
{
    (void)state;
    if (!mkdtemp(dir))
        return -1;
    snprintf(db_path, sizeof db_path, "%s/a?b%%#.db", dir); /* must survive as a URI */
    snprintf(vocab_path, sizeof vocab_path, "%s/vocab.json", dir);
    snprintf(other_path, sizeof other_path, "%s/other.db", dir);
    return 0;
}

static inline int drop_dir(void **state)
{
    (void)state;
    unlink(db_path);
    unlink(vocab_path);
    unlink(other_path);
    return rmdir(dir); /* fails when a temporary file, a lock or a journal was left behind */
}

static inline struct graph *build(const char *spec)
{
    struct graph *g = NULL;
    struct err err = {0};
    if (family_build(spec, 1, &g, &err) != ST_OK)
        fail_msg("%s: %s", spec, err.msg);
    return g;
}

static inline struct graph *parse(const char *text)
{
    struct graph *g = NULL;
    struct err err = {0};
    if (segdb_text_read(text, &g, &err) != ST_OK)
        fail_msg("%s\n%s", err.msg, text);
    return g;
}

/* The fragment of the nodes whose names begin with `prefix`. */
static inline struct graph *cut_out(const struct graph *g, const char *prefix)
{
    VEC(int32_t) id = {0};
    struct region r;
    struct graph *out = NULL;
    for (int32_t i = 0; i < graph_n_slots(g); i++)
        if (graph_node(g, i) && str_starts(graph_node(g, i)->name, prefix))
            vec_push(&id, i);
    assert_true(id.n > 0);
    assert_int_equal(region_init(&r, g, id.at, (int)id.n, NULL), ST_OK);
    assert_true(segdb_worth(g, &r));
    assert_int_equal(region_extract(g, &r, &out, NULL), ST_OK);
    region_done(&r);
    vec_done(&id);
    return out;
}

static inline struct segdb *create(const char *path)
{
    struct segdb *db = NULL;
    struct err err = {0};
    if (segdb_create(&db, path, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return db;
}

static inline struct segdb *edit(const char *path)
{
    struct segdb *db = NULL;
    struct err err = {0};
    if (segdb_edit(&db, path, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return db;
}

static inline void close_db(struct segdb *db)
{
    struct err err = {0};
    if (segdb_close(db, &err) != ST_OK)
        fail_msg("%s", err.msg);
}

static inline int64_t add(struct segdb *db, const struct graph *g, const char *origin)
{
    struct err err = {0};
    int64_t number = 0;
    if (segdb_add(db, g, origin, &number, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return number;
}

static inline int64_t add_text(struct segdb *db, const char *text, const char *origin)
{
    struct graph *g = parse(text);
    int64_t number = add(db, g, origin);
    graph_unref(g);
    return number;
}

static inline struct segdb *open_layers(const char *first, const char *second)
{
    struct segdb *db = NULL;
    struct err err = {0};
    const char *path[] = {first, second};
    if (segdb_open(&db, path, 2, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return db;
}

static inline struct segdb *open_db(const char *path)
{
    return open_layers(path, NULL);
}

static inline int64_t count_of(const char *path)
{
    struct segdb *db = open_db(path);
    int64_t n = segdb_count(db);
    segdb_abandon(db);
    return n;
}

static inline void read_whole(const char *path, unsigned char **bytes, size_t *n)
{
    struct err err = {0};
    if (file_read(path, 1 << 26, bytes, n, &err) != ST_OK)
        fail_msg("%s: %s", path, err.msg);
}

/* Without file_write's care for the disk, which takes its time. */
static inline void put_bytes(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* The file is what it was (the bytes are freed). */
static inline void assert_file(const char *path, unsigned char *bytes, size_t n)
{
    unsigned char *now;
    size_t m;
    read_whole(path, &now, &m);
    assert_int_equal(n, m);
    assert_memory_equal(bytes, now, n);
    free(now);
    free(bytes);
}

/* Every node of a network of its own, as small as they come. */
static inline void add_nodes(struct segdb *db, const char *spec)
{
    struct graph *g = build(spec);
    for (int32_t id = 0; id < graph_n_slots(g); id++) {
        struct region r;
        struct graph *f = NULL;
        if (!graph_node(g, id))
            continue;
        assert_int_equal(region_init(&r, g, &id, 1, NULL), ST_OK);
        if (segdb_worth(g, &r)) {
            assert_int_equal(region_extract(g, &r, &f, NULL), ST_OK);
            add(db, f, spec);
            graph_unref(f);
        }
        region_done(&r);
    }
    graph_unref(g);
}

#endif
