/* segdb: text form, isomorphism, files, queries, mining. */
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

static char dir[] = "/tmp/test_segdb_XXXXXX";
static char db_path[64], vocab_path[64], other_path[64];

static int make_dir(void **state)
{
    (void)state;
    if (!mkdtemp(dir))
        return -1;
    snprintf(db_path, sizeof db_path, "%s/a?b%%#.db", dir); /* must survive as a URI */
    snprintf(vocab_path, sizeof vocab_path, "%s/vocab.json", dir);
    snprintf(other_path, sizeof other_path, "%s/other.db", dir);
    return 0;
}

static int drop_dir(void **state)
{
    (void)state;
    unlink(db_path);
    unlink(vocab_path);
    unlink(other_path);
    return rmdir(dir); /* fails when a temporary file was left behind */
}

static struct graph *build(const char *spec)
{
    struct graph *g = NULL;
    struct err err = {0};
    if (family_build(spec, 1, &g, &err) != ST_OK)
        fail_msg("%s: %s", spec, err.msg);
    return g;
}

static struct graph *parse(const char *text)
{
    struct graph *g = NULL;
    struct err err = {0};
    if (segdb_text_read(text, &g, &err) != ST_OK)
        fail_msg("%s\n%s", err.msg, text);
    return g;
}

/* The fragment of the nodes whose names begin with `prefix`. */
static struct graph *cut_out(const struct graph *g, const char *prefix)
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

/* ---- text ---- */

#define HEAD "autogo-segment 1 13\n"
#define IN "input < > float[N,8,4,4]\n"

static void text_round_trip(void **state)
{
    (void)state;
    static const char *const zoo[] = {"zoo:resnet50", "zoo:mobilenetv2", "zoo:unet", "zoo:edsr"};
    for (size_t k = 0; k < sizeof zoo / sizeof *zoo; k++) {
        struct graph *g = build(zoo[k]);
        struct str a = {0}, b = {0};
        assert_int_equal(segdb_text_write(g, &a, NULL), ST_OK);
        struct graph *h = parse(str_text(&a));
        assert_int_equal(segdb_text_write(h, &b, NULL), ST_OK);
        assert_string_equal(str_text(&a), str_text(&b));
        assert_int_equal(graph_n_nodes(g), graph_n_nodes(h));
        assert_int_equal(graph_n_edges(g), graph_n_edges(h));
        struct cost c, d;
        cost_graph(g, &c);
        cost_graph(h, &d);
        assert_int_equal(c.flops_paper, d.flops_paper);
        assert_int_equal(c.params, d.params);
        assert_true(segdb_same(h, h));
        str_done(&a);
        str_done(&b);
        graph_unref(g);
        graph_unref(h);
    }
    /* Attributes and constants of every kind, sorted, escaped, exact. */
    const char *text = HEAD IN
        "Clip alpha=f0.1 beta=F0.5,-inf gamma=I-1,9223372036854775807 mode=sa%20%3C%25 z=i-3"
        " < 0.0 float[]=v:0.33333334 float[2,3]=fill:nan > =\n"
        "Mul < 1.0 float[3]=v:1,2.5,inf > float[N,?,4,4] - double\n"
        "Conv < 2.0 float[8,8,1,1] - > float\n"
        "Reshape < 3.0 int64[2]=v:-1,8 > int8[]\n"
        "PRelu < 4.0 float[8] > =\n"
        "output < 5.0 >\n";
    struct graph *g = parse(text);
    struct str s = {0};
    assert_int_equal(segdb_text_write(g, &s, NULL), ST_OK);
    assert_string_equal(str_text(&s), text);
    const struct node *clip = graph_node(g, graph_topo(g)[1]);
    assert_string_equal(node_string(clip, "mode", ""), "a <%");
    assert_true(node_float(clip, "alpha", 0) == 0.1f);
    const struct node *cv = graph_node(g, graph_topo(g)[3]);
    assert_int_equal(tensor_kind(node_const(cv, 1)), TENSOR_HE);
    assert_int_equal(tensor_fan_in(node_const(cv, 1)), 8);
    str_done(&s);
    graph_unref(g);
}

static void hostile_texts(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "autogo-segment",
        "autogo-segment 2 13\n" IN,
        "autogo-segment 1 6\n" IN,
        HEAD,
        HEAD "\n" IN,
        HEAD "input < >\n",
        HEAD "input <\n",
        HEAD "input < > float[N,8 \n",
        HEAD "input < > float[N,-8]\n",
        HEAD "input < > float[1,2,3,4,5,6,7,8,9]\n",
        HEAD "input < > floot[1]\n",
        HEAD "input < > float[99999999999999999999]\n",
        HEAD "input < > =\n",
        HEAD "input < > float[1] float[1]\n",
        HEAD IN "Bogus < 0.0 > =\n",
        HEAD IN " < 0.0 > =\n",
        HEAD IN "Relu < 1.0 > =\n",
        HEAD IN "Relu < 2.0 > =\n",
        HEAD IN "Relu < -1.0 > =\n",
        HEAD IN "Relu < 0.1 > =\n",
        HEAD IN "Relu < 0.99999999999 > =\n",
        HEAD IN "Relu < 0 > =\n",
        HEAD IN "Relu < > float[1]\n",
        HEAD IN "Relu < 0.0 0.0 > =\n",
        HEAD IN "Relu < 0.0 >\n",
        HEAD IN "Relu < 0.0 > = > =\n",
        HEAD IN "Relu x < 0.0 > =\n",
        HEAD IN "Relu =i1 < 0.0 > =\n",
        HEAD IN "Relu a= < 0.0 > =\n",
        HEAD IN "Relu a=q1 < 0.0 > =\n",
        HEAD IN "Relu a=i < 0.0 > =\n",
        HEAD IN "Relu a=i1 a=i2 < 0.0 > =\n",
        HEAD IN "Relu a=s%4 < 0.0 > =\n",
        HEAD IN "Relu a=s%GG < 0.0 > =\n",
        HEAD IN "Relu a%00b=i1 < 0.0 > =\n",
        HEAD IN "Relu a=I1,,2 < 0.0 > =\n",
        HEAD IN "Mul < 0.0 float[2] > =\n",
        HEAD IN "Mul < 0.0 float[2]=v:1 > =\n",
        HEAD IN "Mul < 0.0 float[2]=v:1,2,3 > =\n",
        HEAD IN "Mul < 0.0 float[N,2]=fill:1 > =\n",
        HEAD IN "Mul < 0.0 float16[2]=fill:1 > =\n",
        HEAD IN "Mul < 0.0 float[4294967296,4294967296]=fill:1 > =\n",
        HEAD IN "Mul < 0.0 float[1099511627776,1099511627776,8]=fill:1 > =\n",
        HEAD IN "Mul < 0.0 float[100000]=v:1 > =\n",
        HEAD IN "Mul < 0.0 int64[1]=he:3 > =\n",
        HEAD IN "Mul < 0.0 string[1]=v:x > =\n",
        HEAD IN "output < - >\n",
        HEAD IN "output < 0.0 > float[1]\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct graph *g = NULL;
        struct err err = {0};
        if (segdb_text_read(bad[i], &g, &err) != ST_MODEL)
            fail_msg("taken: %s", bad[i]);
        assert_true(err.msg[0]);
        assert_null(g);
    }
}

/* Whatever happens to a text, it is read or refused. */
static void mangled_texts(void **state)
{
    (void)state;
    struct graph *g = build("zoo:resnet50"), *f = cut_out(g, "layer2.0.");
    struct str s = {0};
    assert_int_equal(segdb_text_write(f, &s, NULL), ST_OK);
    struct rng rng = rng_for(7, 7);
    int refused = 0;
    for (int i = 0; i < 5000; i++) {
        char *t = x_strdup(s.s);
        if (i < 1000)
            t[rng_below(&rng, s.n)] = 0;
        for (uint64_t k = rng_below(&rng, 4) + (i >= 1000); k; k--)
            t[rng_below(&rng, s.n)] = " \n.,=[]<>-0129%NxfvI\x80"[rng_below(&rng, 21)];
        struct graph *h = NULL;
        struct err err = {0};
        enum status st = segdb_text_read(t, &h, &err);
        assert_true(st == ST_OK || (st == ST_MODEL && err.msg[0]));
        refused += st != ST_OK;
        if (st == ST_OK) {
            struct str again = {0};
            segdb_text_write(h, &again, NULL);
            str_done(&again);
        }
        graph_unref(h);
        free(t);
    }
    assert_true(refused > 2500);
    str_done(&s);
    graph_unref(f);
    graph_unref(g);
}

/* ---- isomorphism ---- */

static void same_and_different(void **state)
{
    (void)state;
#define CONV(from, k) "Conv kernel_shape=I" k "," k " < " from " float[8,8," k "," k "] > =\n"
    const char *base = HEAD IN CONV("0.0", "3") CONV("0.0", "1") "Add < 1.0 2.0 > =\n"
                                                                 "output < 3.0 >\n";
    const struct {
        const char *text;
        bool same;
    } other[] = {
        {HEAD IN CONV("0.0", "1") CONV("0.0", "3") "Add < 1.0 2.0 > =\noutput < 3.0 >\n", true},
        {HEAD IN CONV("0.0", "3") CONV("0.0", "1") "Add < 2.0 1.0 > =\noutput < 3.0 >\n", true},
        {HEAD IN CONV("0.0", "3") CONV("0.0", "3") "Add < 1.0 2.0 > =\noutput < 3.0 >\n", false},
        {HEAD IN CONV("0.0", "3") CONV("1.0", "1") "Add < 1.0 2.0 > =\noutput < 3.0 >\n", false},
        {HEAD IN CONV("0.0", "3") CONV("0.0", "1") "Sub < 1.0 2.0 > =\noutput < 3.0 >\n", false},
        {HEAD IN CONV("0.0", "3") CONV("0.0", "1") "Add < 1.0 1.0 > =\noutput < 3.0 >\n", false},
        {HEAD IN CONV("0.0", "3") CONV("0.0", "1") "Add < 1.0 0.0 > =\noutput < 3.0 >\n", false},
    };
    struct graph *a = parse(base);
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        struct graph *b = parse(other[i].text);
        assert_int_equal(segdb_same(a, b), other[i].same);
        assert_int_equal(segdb_same(b, a), other[i].same);
        graph_unref(b);
    }
    graph_unref(a);
    /* Order matters where the operator says so. */
    a = parse(HEAD IN CONV("0.0", "3") CONV("0.0", "1") "Concat axis=i1 < 1.0 2.0 > float\n");
    struct graph *b =
        parse(HEAD IN CONV("0.0", "3") CONV("0.0", "1") "Concat axis=i1 < 2.0 1.0 > float\n");
    assert_false(segdb_same(a, b));
    graph_unref(a);
    graph_unref(b);
    /* Two wirings of equal nodes that every local count agrees on: one ring of six crossed joins
     * against two rings of three. */
    struct str ring[2] = {{0}, {0}};
    for (int r = 0; r < 2; r++) {
        str_add(&ring[r], HEAD);
        for (int i = 0; i < 6; i++)
            str_add(&ring[r], IN);
        for (int i = 0; i < 6; i++) {
            int next = r ? i / 3 * 3 + (i + 1) % 3 : (i + 1) % 6;
            str_addf(&ring[r], "Add < %d.0 %d.0 > =\n", i, next);
        }
    }
    a = parse(str_text(&ring[0]));
    b = parse(str_text(&ring[1]));
    assert_true(segdb_same(a, a));
    assert_false(segdb_same(a, b));
    graph_unref(a);
    graph_unref(b);
    str_done(&ring[0]);
    str_done(&ring[1]);
}

/* ---- the database ---- */

static struct segdb *create(const char *path)
{
    struct segdb *db = NULL;
    struct err err = {0};
    if (segdb_create(&db, path, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return db;
}

static void add(struct segdb *db, const struct graph *g, const char *origin)
{
    struct err err = {0};
    if (segdb_add(db, g, origin, &err) != ST_OK)
        fail_msg("%s", err.msg);
}

static void add_text(struct segdb *db, const char *text, const char *origin)
{
    struct graph *g = parse(text);
    add(db, g, origin);
    graph_unref(g);
}

static struct segdb *open_db(const char *path)
{
    struct segdb *db = NULL;
    struct err err = {0};
    if (segdb_open(&db, path, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return db;
}

static void store_and_fetch(void **state)
{
    (void)state;
    struct graph *g = build("zoo:resnet50");
    struct graph *a = cut_out(g, "layer1.1."), *b = cut_out(g, "layer1.2.");
    struct graph *c = cut_out(g, "layer2.1.");
    struct segdb *db = create(db_path);
    add(db, a, "first");
    add(db, b, "second");
    add(db, c, "third");
    assert_int_equal(segdb_count(db), 2);
    uint64_t hash = segdb_hash(db);
    struct err err = {0};
    struct segdb_record r;
    assert_int_equal(segdb_get(db, 1, &r, &err), ST_USAGE);
    assert_int_equal(segdb_close(db, &err), ST_OK);

    db = open_db(db_path);
    assert_int_equal(segdb_count(db), 2);
    assert_true(segdb_hash(db) == hash);
    assert_int_equal(segdb_get(db, 1, &r, &err), ST_OK);
    assert_string_equal(r.name, "s1");
    assert_string_equal(r.origin, "first");
    assert_string_equal(r.ops, "Conv1x1 BatchNormalization Relu Conv3x3 BatchNormalization Relu "
                               "Conv1x1 BatchNormalization Add Relu");
    assert_int_equal(r.count, 2);
    assert_int_equal(r.n_nodes, 10);
    assert_int_equal(r.n_in, 1);
    assert_int_equal(r.n_out, 1);
    struct cost want;
    cost_graph(a, &want);
    assert_int_equal(r.flops_paper, want.flops_paper);
    assert_int_equal(r.params, want.params);
    assert_int_equal(graph_n_nodes(r.fragment), graph_n_nodes(a));
    segdb_record_done(&r);
    assert_int_equal(segdb_get(db, 3, &r, &err), ST_USAGE);
    assert_int_equal(segdb_add(db, a, "x", &err), ST_USAGE);
    assert_int_equal(segdb_close(db, &err), ST_OK);
    graph_unref(a);
    graph_unref(b);
    graph_unref(c);
    graph_unref(g);
}

/* Batch, weights, names, op set and node order do not make a new record; parameters do. */
static void what_makes_a_record(void **state)
{
    (void)state;
    struct segdb *db = create(db_path);
    const struct {
        const char *text;
        int64_t count;
    } step[] = {
        {HEAD IN "Mul < 0.0 float[]=v:2 > =\noutput < 1.0 >\n", 1},
        {"autogo-segment 1 17\n" IN "Mul < 0.0 float[]=v:2 > =\noutput < 1.0 >\n", 1},
        {HEAD "input < > float[1,8,4,4]\nMul < 0.0 float[]=v:2 > =\noutput < 1.0 >\n", 1},
        {HEAD IN "Mul < float[]=v:2 0.0 > =\noutput < 1.0 >\n", 1},
        {HEAD IN "Mul < 0.0 float[]=v:3 > =\noutput < 1.0 >\n", 2},
        {HEAD IN "Reshape < 0.0 int64[2]=v:0,-1 > float[N,128]\noutput < 1.0 >\n", 3},
        {HEAD IN "Reshape < 0.0 int64[2]=v:-1,128 > float[N,128]\noutput < 1.0 >\n", 4},
        {HEAD IN "Conv < 0.0 float[8,8,1,1]=fill:0 > =\noutput < 1.0 >\n", 5},
        {HEAD IN "Conv < 0.0 float[8,8,1,1]=he:99 > =\noutput < 1.0 >\n", 5},
        {HEAD IN "Conv < 0.0 float[8,8,1,1] float[8]=v:1,2,3,4,5,6,7,8 > =\noutput < 1.0 >\n", 6},
        {HEAD IN "Conv < 0.0 float[8,8,1,1] float[8] > =\noutput < 1.0 >\n", 6},
        {HEAD IN "Conv group=i2 < 0.0 float[8,4,1,1] > =\noutput < 1.0 >\n", 7},
    };
    for (size_t i = 0; i < sizeof step / sizeof *step; i++) {
        add_text(db, step[i].text, "x");
        if (segdb_count(db) != step[i].count)
            fail_msg("step %zu: %d records", i, (int)segdb_count(db));
    }
    struct node *n = node_new(OP_OPAQUE, "odd");
    struct graph_edit *e = graph_edit_new(NULL);
    node_add_output(n, "y");
    graph_edit_add(e, n);
    struct graph *g = NULL;
    struct err err = {0};
    assert_int_equal(graph_edit_freeze(e, &g, &err), ST_OK);
    assert_int_equal(segdb_add(db, g, "x", &err), ST_UNSUPPORTED);
    graph_unref(g);
    segdb_abandon(db);
}

static void nothing_half_written(void **state)
{
    (void)state;
    struct err err = {0};
    struct segdb *db = create(db_path);
    add_text(db, HEAD IN "Relu < 0.0 > =\noutput < 1.0 >\n", "a");
    assert_int_equal(segdb_close(db, &err), ST_OK);
    unsigned char *before, *after;
    size_t n, m;
    assert_int_equal(file_read(db_path, 1 << 24, &before, &n, NULL), ST_OK);
    db = create(db_path);
    add_text(db, HEAD IN "Tanh < 0.0 > =\noutput < 1.0 >\n", "b");
    segdb_abandon(db);
    assert_int_equal(file_read(db_path, 1 << 24, &after, &m, NULL), ST_OK);
    assert_int_equal(n, m);
    assert_memory_equal(before, after, n);
    free(before);
    free(after);
    db = NULL;
    assert_int_equal(segdb_create(&db, "/nonexistent/x.db", &err), ST_IO);
    assert_null(db);
}

/* ---- damaged files ---- */

static enum status try_open(const char *path, struct err *err)
{
    struct segdb *db = NULL;
    *err = (struct err){0};
    enum status st = segdb_open(&db, path, err);
    if (st == ST_OK) {
        /* What opens must be usable or refuse record by record. */
        for (int64_t id = 1; id <= 20; id++) {
            struct segdb_record r;
            struct err e = {0};
            enum status got = segdb_get(db, id, &r, &e);
            assert_true(got == ST_OK || got == ST_MODEL || got == ST_USAGE);
            if (got == ST_OK)
                segdb_record_done(&r);
        }
        segdb_close(db, err);
    } else {
        assert_true(err->msg[0]);
    }
    return st;
}

static void make_sample(const char *path)
{
    struct segdb *db = create(path);
    struct str s = {0};
    for (int i = 1; i <= 20; i++) {
        str_clear(&s);
        str_addf(&s, HEAD "input < > float[N,%d,4,4]\nRelu < 0.0 > =\noutput < 1.0 >\n", i);
        add_text(db, str_text(&s), "sample");
    }
    str_done(&s);
    assert_int_equal(segdb_close(db, NULL), ST_OK);
}

static void damaged_files(void **state)
{
    (void)state;
    unsigned char *bytes;
    size_t n;
    struct err err;
    make_sample(db_path);
    assert_int_equal(try_open(db_path, &err), ST_OK);
    assert_int_equal(file_read(db_path, 1 << 24, &bytes, &n, NULL), ST_OK);
    for (size_t k = 0; k < n; k += k < 4096 ? 500 : 1999) {
        assert_int_equal(file_write(other_path, bytes, k, NULL), ST_OK);
        assert_int_equal(try_open(other_path, &err), ST_MODEL);
        assert_string_equal(err.file, other_path);
    }
    struct rng rng = rng_for(3, 3);
    for (int i = 0; i < 300; i++) {
        unsigned char *copy = x_memdup(bytes, n);
        for (int k = 0; k < 20; k++)
            copy[rng_below(&rng, n)] = (unsigned char)rng_u64(&rng);
        assert_int_equal(file_write(other_path, copy, n, NULL), ST_OK);
        enum status st = try_open(other_path, &err);
        assert_true(st == ST_OK || st == ST_MODEL);
        free(copy);
    }
    /* user_version at offset 60, big-endian; application_id at 68. */
    bytes[63] = 2;
    assert_int_equal(file_write(other_path, bytes, n, NULL), ST_OK);
    assert_int_equal(try_open(other_path, &err), ST_MODEL);
    assert_non_null(strstr(err.msg, "newer"));
    unsigned char *again;
    size_t m;
    assert_int_equal(file_read(other_path, 1 << 24, &again, &m, NULL), ST_OK);
    assert_int_equal(n, m);
    assert_memory_equal(bytes, again, n);
    free(again);
    bytes[63] = 1;
    bytes[71] ^= 1;
    assert_int_equal(file_write(other_path, bytes, n, NULL), ST_OK);
    assert_int_equal(try_open(other_path, &err), ST_MODEL);
    free(bytes);
    assert_int_equal(file_write(other_path, "hello\n", 6, NULL), ST_OK);
    assert_int_equal(try_open(other_path, &err), ST_MODEL);
    assert_int_equal(try_open("/nonexistent/x.db", &err), ST_IO);
}

/* ---- queries ---- */

static void query_order(void **state)
{
    (void)state;
    struct segdb *db = create(db_path);
    /* Ids 1..40: Relu of growing size; 41: pools (ratio 2); 42: a convolution; 43: a join. */
    struct str s = {0};
    for (int i = 1; i <= 40; i++) {
        str_clear(&s);
        str_addf(&s, HEAD "input < > float[N,%d,8,8]\nRelu < 0.0 > =\noutput < 1.0 >\n", 10 * i);
        add_text(db, str_text(&s), "x");
    }
    str_done(&s);
    add_text(db,
             HEAD "input < > float[N,100,8,8]\nMaxPool kernel_shape=I2,2 strides=I2,2 < 0.0 > "
                  "float[N,100,4,4]\noutput < 1.0 >\n",
             "x");
    add_text(db,
             HEAD "input < > float[N,100,8,8]\nConv < 0.0 float[4,100,1,1] > "
                  "float[N,4,8,8]\noutput < 1.0 >\n",
             "x");
    add_text(db,
             HEAD "input < > float[N,100,8,8]\ninput < > float[N,100,8,8]\nAdd < 0.0 1.0 > =\n"
                  "output < 2.0 >\n",
             "x");
    assert_int_equal(segdb_close(db, NULL), ST_OK);
    db = open_db(db_path);

    struct graph *g =
        parse(HEAD "input < > float[N,99,8,8]\nTanh < 0.0 > =\nRelu < 1.0 > =\noutput < 2.0 >\n");
    struct region r;
    int32_t id = 1; /* flops 2 * 99 * 64 */
    int64_t *ids;
    int n;
    assert_int_equal(region_init(&r, g, &id, 1, NULL), ST_OK);
    assert_int_equal(segdb_query(db, g, &r, 3, &ids, &n, NULL), ST_OK);
    assert_int_equal(n, 3);
    assert_int_equal(ids[0], 10);
    assert_int_equal(ids[1], 9);
    assert_int_equal(ids[2], 11);
    free(ids);
    /* Three of a kind, then others, then more of the kind to fill up. */
    assert_int_equal(segdb_query(db, g, &r, 6, &ids, &n, NULL), ST_OK);
    assert_int_equal(n, 6);
    assert_int_equal(ids[3], 42);
    assert_int_equal(ids[4], 41);
    assert_int_equal(ids[5], 8);
    free(ids);
    assert_int_equal(segdb_query(db, g, &r, 1000, &ids, &n, NULL), ST_OK);
    assert_int_equal(n, 42);
    free(ids);
    assert_int_equal(segdb_query(db, g, &r, 0, &ids, &n, NULL), ST_OK);
    assert_int_equal(n, 0);
    free(ids);
    region_done(&r);
    graph_unref(g);

    g = parse(HEAD "input < > float[N,100,8,8]\ninput < > float[N,100,8,8]\nMul < 0.0 1.0 > =\n"
                   "output < 2.0 >\n");
    id = 2;
    assert_int_equal(region_init(&r, g, &id, 1, NULL), ST_OK);
    assert_int_equal(segdb_query(db, g, &r, 10, &ids, &n, NULL), ST_OK);
    assert_int_equal(n, 1);
    assert_int_equal(ids[0], 43);
    free(ids);
    region_done(&r);
    graph_unref(g);
    assert_int_equal(segdb_close(db, NULL), ST_OK);
}

/* ---- mining ---- */

static enum status open_model(const char *spec, struct graph **out, struct err *err)
{
    return family_build(spec, 1, out, err);
}

static void count_progress(void *arg, int done, int total, const char *what)
{
    int *last = arg;
    assert_true(done >= *last && done <= total && what[0]);
    *last = done;
}

static void read_both(unsigned char *bytes[2], size_t n[2])
{
    assert_int_equal(file_read(vocab_path, 1 << 24, &bytes[0], &n[0], NULL), ST_OK);
    assert_int_equal(file_read(db_path, 1 << 24, &bytes[1], &n[1], NULL), ST_OK);
}

static void mining(void **state)
{
    (void)state;
    static const char *const specs[] = {"zoo:resnet50", "zoo:mobilenetv2", "zoo:unet",
                                        "nb201:|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+"
                                        "|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"};
    int n_specs = sizeof specs / sizeof *specs, last = 0;
    struct segdb_mine_opts opts = {.n_merges = 200,
                                   .max_piece = 16,
                                   .progress = count_progress,
                                   .arg = &last,
                                   .open_model = open_model};
    struct err err = {0};
    unsigned char *a[2], *b[2];
    size_t n[2], m[2];
    if (segdb_mine(specs, n_specs, vocab_path, db_path, &opts, &err) != ST_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(last, 2 * n_specs);
    read_both(a, n);
    last = 0;
    assert_int_equal(segdb_mine(specs, n_specs, vocab_path, db_path, &opts, &err), ST_OK);
    read_both(b, m);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(n[i], m[i]);
        assert_memory_equal(a[i], b[i], n[i]);
        free(b[i]);
    }
    /* A failure leaves both files as they were. */
    static const char *const wrong[] = {"zoo:resnet50", "zoo:nothing"};
    last = 0;
    assert_int_equal(segdb_mine(wrong, 2, vocab_path, db_path, &opts, &err), ST_USAGE);
    assert_int_equal(segdb_mine(wrong, 0, vocab_path, db_path, &opts, &err), ST_USAGE);
    read_both(b, m);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(n[i], m[i]);
        assert_memory_equal(a[i], b[i], n[i]);
        free(a[i]);
        free(b[i]);
    }
}

/* Every segment of a mined network finds itself, and every record can be fetched. */
static void mined_segments_are_found(void **state)
{
    (void)state;
    struct bpe_vocab *v = NULL;
    assert_int_equal(bpe_vocab_load(&v, vocab_path, NULL), ST_OK);
    struct segdb *db = open_db(db_path);
    struct graph *g = build("zoo:resnet50");
    struct bpe_segmentation s;
    assert_int_equal(bpe_segment_graph(v, g, &s, NULL), ST_OK);
    int worth = 0;
    for (int i = 0; i < s.n_segments; i++) {
        struct region r;
        int64_t *ids;
        int n;
        bool found = false;
        assert_int_equal(region_init(&r, g, s.order + s.segment[i].start, s.segment[i].len, NULL),
                         ST_OK);
        if (segdb_worth(g, &r)) {
            struct graph *own = NULL, *norm;
            struct str text = {0};
            worth++;
            assert_int_equal(region_extract(g, &r, &own, NULL), ST_OK);
            assert_int_equal(segdb_text_write(own, &text, NULL), ST_OK);
            norm = parse(str_text(&text));
            assert_int_equal(segdb_query(db, g, &r, 20, &ids, &n, NULL), ST_OK);
            for (int k = 0; k < n; k++) {
                struct segdb_record rec;
                assert_int_equal(segdb_get(db, ids[k], &rec, NULL), ST_OK);
                found |= segdb_same(rec.fragment, norm);
                segdb_record_done(&rec);
            }
            assert_true(found);
            free(ids);
            str_done(&text);
            graph_unref(own);
            graph_unref(norm);
        }
        region_done(&r);
    }
    assert_true(worth > 10);
    for (int64_t id = 1; id <= segdb_count(db); id++) {
        struct segdb_record rec;
        assert_int_equal(segdb_get(db, id, &rec, NULL), ST_OK);
        assert_true(rec.n_nodes >= 1 && rec.n_in >= 1 && rec.n_out >= 1 && rec.count >= 1);
        segdb_record_done(&rec);
    }
    bpe_segmentation_done(&s);
    graph_unref(g);
    assert_int_equal(segdb_close(db, NULL), ST_OK);
    bpe_vocab_free(v);
}

/* ---- what is shipped ---- */

/* Every record is as its row says, holds together and is a fragment that was worth storing. */
static void shipped_records(void **state)
{
    (void)state;
    struct segdb *db = open_db(SRCDIR "/segments/segments.db");
    assert_true(segdb_count(db) > 1000);
    for (int64_t id = 1; id <= segdb_count(db); id++) {
        struct segdb_record r;
        struct region whole;
        struct cost c;
        VEC(int32_t) ids = {0};
        assert_int_equal(segdb_get(db, id, &r, NULL), ST_OK);
        cost_graph(r.fragment, &c);
        assert_int_equal(c.flops_paper, r.flops_paper);
        assert_int_equal(c.params, r.params);
        for (int32_t i = 0; i < graph_n_slots(r.fragment); i++) {
            enum op op = graph_node(r.fragment, i)->op;
            if (op != OP_INPUT && op != OP_OUTPUT)
                vec_push(&ids, i);
        }
        assert_int_equal(ids.n, r.n_nodes);
        assert_int_equal(region_init(&whole, r.fragment, ids.at, (int)ids.n, NULL), ST_OK);
        assert_int_equal(whole.n_in, r.n_in);
        assert_int_equal(whole.n_out, r.n_out);
        assert_true(segdb_worth(r.fragment, &whole));
        region_done(&whole);
        vec_done(&ids);
        segdb_record_done(&r);
    }
    assert_int_equal(segdb_close(db, NULL), ST_OK);
}

static void shipped_vocabulary(void **state)
{
    (void)state;
    static const char *const zoo[] = {"zoo:resnet50", "zoo:vgg16", "zoo:edsr", "zoo:unet",
                                      "zoo:mobilenetv2"};
    struct bpe_vocab *v = NULL;
    assert_int_equal(bpe_vocab_load(&v, SRCDIR "/segments/vocab.json", NULL), ST_OK);
    for (size_t k = 0; k < sizeof zoo / sizeof *zoo; k++) {
        struct graph *g = build(zoo[k]);
        struct bpe_segmentation s;
        assert_int_equal(bpe_segment_graph(v, g, &s, NULL), ST_OK);
        for (int i = 0; i < s.n_segments; i++)
            assert_true(s.segment[i].known);
        if (s.n_nodes < 4 * s.n_segments)
            fail_msg("%s: %d nodes in %d segments", zoo[k], s.n_nodes, s.n_segments);
        bpe_segmentation_done(&s);
        graph_unref(g);
    }
    bpe_vocab_free(v);
}

/* The manifest makes the files that are there, with the options of its command. */
static void shipped_files_can_be_remade(void **state)
{
    (void)state;
    unsigned char *text, *want, *have;
    size_t n, m;
    VEC(char *) spec = {0};
    assert_int_equal(file_read(SRCDIR "/segments/manifest", 1 << 20, &text, &n, NULL), ST_OK);
    char *save = NULL;
    for (char *l = strtok_r((char *)text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
        if (!strcmp(l, "zoo:*"))
            for (int i = 0; family_zoo_at(i); i++)
                vec_push(&spec, x_asprintf("zoo:%s", family_zoo_at(i)->name));
        else if (l[0] != '#')
            vec_push(&spec, x_strdup(l));
    }
    struct segdb_mine_opts opts = {.n_merges = 2000, .max_piece = 16, .open_model = open_model};
    struct err err = {0};
    if (segdb_mine((const char *const *)spec.at, (int)spec.n, vocab_path, db_path, &opts, &err) !=
        ST_OK)
        fail_msg("%s", err.msg);
    struct segdb *a = open_db(db_path), *b = open_db(SRCDIR "/segments/segments.db");
    assert_int_equal(segdb_count(a), segdb_count(b));
    assert_true(segdb_hash(a) == segdb_hash(b));
    segdb_close(a, NULL);
    segdb_close(b, NULL);
    assert_int_equal(file_read(vocab_path, 1 << 24, &have, &n, NULL), ST_OK);
    assert_int_equal(file_read(SRCDIR "/segments/vocab.json", 1 << 24, &want, &m, NULL), ST_OK);
    assert_int_equal(n, m);
    assert_memory_equal(have, want, n);
    for (size_t i = 0; i < spec.n; i++)
        free(spec.at[i]);
    vec_done(&spec);
    free(text);
    free(have);
    free(want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_round_trip),
        cmocka_unit_test(hostile_texts),
        cmocka_unit_test(mangled_texts),
        cmocka_unit_test(same_and_different),
        cmocka_unit_test(store_and_fetch),
        cmocka_unit_test(what_makes_a_record),
        cmocka_unit_test(nothing_half_written),
        cmocka_unit_test(damaged_files),
        cmocka_unit_test(query_order),
        cmocka_unit_test(mining),
        cmocka_unit_test(mined_segments_are_found),
        cmocka_unit_test(shipped_records),
        cmocka_unit_test(shipped_vocabulary),
        cmocka_unit_test(shipped_files_can_be_remade),
    };
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
