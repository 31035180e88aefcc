/* segdb: mining, interrupted and resumed, and the database that is shipped. */
#include "segdb_make.h"

#define CELL "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|"

static const char *const specs[] = {"zoo:resnet50", "zoo:mobilenetv2", "zoo:unet",
                                    "nb201:" CELL "skip_connect~2|", "nb101:3|101|c3"};
enum { N = sizeof specs / sizeof *specs };

static char part_path[80];

/* A path is a network, whatever is in the file. */
static enum status open_model(const char *spec, struct graph **out, struct err *err)
{
    return family_build(spec[0] == '/' ? "zoo:unet" : spec, 1, out, err);
}

struct run {
    int last, stop_at, cancel;
};

static void on_progress(void *arg, int done, int total, const char *what)
{
    struct run *r = arg;
    assert_true(done >= r->last && done <= total && what[0]);
    r->last = done;
    if (done == r->stop_at)
        r->cancel = 1;
}

static struct segdb_mine_opts options(struct run *r, int stop_at)
{
    *r = (struct run){.stop_at = stop_at};
    return (struct segdb_mine_opts){.n_merges = 200,
                                    .max_piece = 16,
                                    .progress = on_progress,
                                    .cancel = &r->cancel,
                                    .arg = r,
                                    .open_model = open_model};
}

static enum status mine_with(const struct segdb_mine_opts *o, const char *const *spec, int n,
                             struct segdb_mined *out)
{
    struct err err = {0};
    enum status st = segdb_mine(spec, n, vocab_path, db_path, o, out, &err);
    assert_true(st == ST_OK || err.msg[0]);
    return st;
}

static enum status mine(int stop_at, struct segdb_mined *out)
{
    struct run r;
    struct segdb_mine_opts o = options(&r, stop_at);
    enum status st = mine_with(&o, specs, N, out);
    if (st == ST_OK)
        assert_int_equal(r.last, 2 * N);
    return st;
}

struct files {
    unsigned char *bytes[2];
    size_t n[2];
};

static struct files read_both(void)
{
    struct files f;
    read_whole(vocab_path, &f.bytes[0], &f.n[0]);
    read_whole(db_path, &f.bytes[1], &f.n[1]);
    return f;
}

static void files_done(struct files *f)
{
    free(f->bytes[0]);
    free(f->bytes[1]);
}

static void assert_as(const struct files *f)
{
    struct files now = read_both();
    for (int i = 0; i < 2; i++) {
        assert_int_equal(f->n[i], now.n[i]);
        assert_memory_equal(f->bytes[i], now.bytes[i], f->n[i]);
    }
    files_done(&now);
}

static void remove_both(void)
{
    unlink(vocab_path);
    unlink(db_path);
}

static void mining(void **state)
{
    (void)state;
    struct segdb_mined m;
    struct run r;
    struct segdb_mine_opts o = options(&r, -1);
    assert_int_equal(mine(-1, &m), ST_OK);
    assert_int_equal(m.resumed_at, 0);
    assert_int_equal(m.segments, count_of(db_path));
    assert_true(m.segments > 50 && m.tokens > 50);
    assert_true(m.merges > 20 && m.merges <= 200);
    struct files f = read_both();
    assert_int_equal(mine_with(&o, specs, N, NULL), ST_OK);
    assert_as(&f);
    /* A failure leaves both files as they were. */
    static const char *const wrong[] = {"zoo:resnet50", "zoo:nothing"};
    o = options(&r, -1);
    assert_int_equal(mine_with(&o, wrong, 2, &m), ST_USAGE);
    assert_int_equal(mine_with(&o, wrong, 0, &m), ST_USAGE);
    assert_int_equal(segdb_mine(specs, N, "/nonexistent/v.json", db_path, &o, &m, NULL), ST_IO);
    assert_int_equal(segdb_mine(specs, N, vocab_path, "/nonexistent/x.db", &o, &m, NULL), ST_IO);
    assert_as(&f);
    files_done(&f);
}

/* Every segment of a mined network is found again, nearest first, and its row is right. */
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
            struct graph *own = NULL;
            worth++;
            assert_int_equal(region_extract(g, &r, &own, NULL), ST_OK);
            assert_int_equal(segdb_query(db, g, &r, 20, &ids, &n, NULL), ST_OK);
            for (int k = 0; k < n; k++) {
                struct segdb_record rec;
                assert_int_equal(segdb_get(db, ids[k], &rec, NULL), ST_OK);
                found |= segdb_same(rec.fragment, own, NULL);
                segdb_record_done(&rec);
            }
            assert_true(found);
            free(ids);
            graph_unref(own);
        }
        region_done(&r);
    }
    assert_true(worth > 10);
    int64_t total = 0, n = 0;
    for (int64_t id = 0; (id = segdb_next(db, id)); n++) {
        struct segdb_seen seen;
        struct err err = {0};
        if (segdb_check(db, id, &err) != ST_OK)
            fail_msg("%s", err.msg);
        assert_int_equal(segdb_seen(db, id, &seen, NULL), ST_OK);
        for (int i = 0; i < seen.n_origins; i++)
            total += seen.origin[i].count;
        segdb_seen_done(&seen);
    }
    assert_int_equal(n, segdb_count(db));
    assert_true(total > 2 * n);
    bpe_segmentation_done(&s);
    graph_unref(g);
    assert_int_equal(segdb_close(db, NULL), ST_OK);
    bpe_vocab_free(v);
}

/* ---- interrupted ---- */

static void resumed_is_as_uninterrupted(void **state)
{
    (void)state;
    struct segdb_mined m;
    snprintf(part_path, sizeof part_path, "%s.part", db_path);
    assert_int_equal(mine(-1, &m), ST_OK);
    struct files want = read_both();
    int64_t segments = m.segments;
    /* Cancelled while network `at` of 2 N is done (N: the first again, or the learning); no pause
     * comes after the last one. */
    for (int at = 0; at < 2 * N - 1; at++) {
        remove_both();
        assert_int_equal(mine(at, &m), ST_CANCELLED);
        assert_int_equal(access(db_path, F_OK), -1);
        assert_int_equal(access(vocab_path, F_OK), -1);
        struct segdb *db = NULL;
        const char *as_database[] = {part_path};
        assert_int_equal(segdb_open(&db, as_database, 1, NULL), ST_MODEL);
        assert_int_equal(mine(-1, &m), ST_OK);
        assert_int_equal(m.resumed_at, at == N ? N : at + 1);
        assert_int_equal(m.segments, segments);
        assert_as(&want);
        assert_int_equal(access(part_path, F_OK), -1);
    }
    /* In small steps, and with the state saved all the time. */
    remove_both();
    int runs = 0, resumed = 0;
    struct run r;
    struct segdb_mine_opts o;
    do {
        o = options(&r, resumed);
        o.save_s = 1e-9;
        enum status st = mine_with(&o, specs, N, &m);
        if (st == ST_OK)
            break;
        assert_int_equal(st, ST_CANCELLED);
        resumed++;
    } while (++runs < 4 * N);
    assert_true(runs > N);
    assert_as(&want);
    files_done(&want);
}

static int resumed_at(const struct segdb_mine_opts *o, const char *const *spec, int n)
{
    struct segdb_mined m = {0};
    assert_int_equal(mine_with(o, spec, n, &m), ST_OK);
    return m.resumed_at;
}

static void state_of_another_run(void **state)
{
    (void)state;
    struct run r;
    struct segdb_mine_opts o = options(&r, -1);
    unsigned char *bytes;
    size_t n;
    const char *const other[] = {specs[0], specs[2], specs[1], specs[3], specs[4]};
    const int times[N] = {1, 1, 2, 1, 1};
    assert_int_equal(mine(-1, NULL), ST_OK);
    struct files want = read_both();
    assert_int_equal(mine(N + 1, NULL), ST_CANCELLED);
    read_whole(part_path, &bytes, &n);
    assert_int_equal(resumed_at(&o, specs, N), N + 2);
    /* Other networks, another order, other options: from the start. */
    put_bytes(part_path, bytes, n);
    assert_int_equal((o = options(&r, -1), resumed_at(&o, other, N)), 0);
    put_bytes(part_path, bytes, n);
    assert_int_equal((o = options(&r, -1), resumed_at(&o, specs, N - 1)), 0);
    put_bytes(part_path, bytes, n);
    o = options(&r, -1);
    o.times = times;
    assert_int_equal(resumed_at(&o, specs, N), 0);
    put_bytes(part_path, bytes, n);
    o = options(&r, -1);
    o.n_merges--;
    assert_int_equal(resumed_at(&o, specs, N), 0);
    /* Damaged: from the start, or the right result. */
    struct rng rng = rng_for(11, 4);
    for (int i = 0; i < 8; i++) {
        unsigned char *copy = x_memdup(bytes, n);
        copy[rng_below(&rng, n)] ^= (unsigned char)(1 + rng_below(&rng, 255));
        put_bytes(part_path, copy, i ? n : n / 2);
        assert_int_equal(mine(-1, NULL), ST_OK);
        assert_as(&want);
        free(copy);
    }
    free(bytes);
    files_done(&want);
    /* A file that changed. */
    const char *const with_file[] = {"zoo:resnet50", other_path};
    put_bytes(other_path, "1", 1);
    o = options(&r, 2);
    assert_int_equal(mine_with(&o, with_file, 2, NULL), ST_CANCELLED);
    put_bytes(other_path, "12", 2);
    o = options(&r, -1);
    assert_int_equal(resumed_at(&o, with_file, 2), 0);
}

/* ---- what is shipped ---- */

static void shipped_database(void **state)
{
    (void)state;
    unsigned char *text;
    size_t n;
    unsigned long long hash = 0;
    struct err err = {0};
    assert_int_equal(file_read(SRCDIR "/segments/manifest", 1 << 24, &text, &n, NULL), ST_OK);
    const char *at = strstr((char *)text, "hash ");
    bool named = at && sscanf(at, "hash %16llx", &hash) == 1;
    free(text);
    if (!named)
        fail_msg("segments/manifest does not name the hash of segments.db");
    struct segdb *db = open_db(SRCDIR "/segments/segments.db");
    assert_true(segdb_count(db) > 1000);
    assert_true(segdb_hash(db) == hash);
    int k = 0;
    for (int64_t id = 0; (id = segdb_next(db, id)); k++)
        if (k % 50 == 0 && segdb_check(db, id, &err) != ST_OK)
            fail_msg("%s", err.msg);
    assert_int_equal(k, segdb_count(db));
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

static int drop_all(void **state)
{
    unlink(part_path);
    return drop_dir(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mining),
        cmocka_unit_test(mined_segments_are_found),
        cmocka_unit_test(resumed_is_as_uninterrupted),
        cmocka_unit_test(state_of_another_run),
        cmocka_unit_test(shipped_database),
        cmocka_unit_test(shipped_vocabulary),
    };
    return cmocka_run_group_tests(tests, make_dir, drop_all);
}
