/* segdb: making, editing and merging databases. */
#include "segdb_make.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#define RELU HEAD IN "Relu < 0.0 > =\noutput < 1.0 >\n"
#define TANH HEAD IN "Tanh < 0.0 > =\noutput < 1.0 >\n"
#define ELU HEAD IN "Elu < 0.0 > =\noutput < 1.0 >\n"
#define SELU HEAD IN "Selu < 0.0 > =\noutput < 1.0 >\n"

static void nothing_half_written(void **state)
{
    (void)state;
    struct err err = {0};
    unsigned char *before;
    size_t n;
    struct segdb *db = create(db_path);
    add_text(db, RELU, "a");
    close_db(db);
    read_whole(db_path, &before, &n);
    db = create(db_path);
    add_text(db, TANH, "b");
    segdb_abandon(db);
    db = edit(db_path);
    add_text(db, TANH, "b");
    segdb_abandon(db);
    segdb_abandon(NULL);
    assert_file(db_path, before, n);
    db = NULL;
    assert_int_equal(segdb_create(&db, "/nonexistent/x.db", &err), ST_IO);
    assert_null(db);
    assert_int_equal(segdb_create(&db, dir, &err), ST_IO);
    assert_int_equal(segdb_edit(&db, dir, &err), ST_IO);
    assert_null(db);
}

/* Files may grow to `bytes` only, which is how a full disk looks; back to no limit with
 * RLIM_INFINITY. */
static void limit_files(rlim_t bytes)
{
    struct rlimit now;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &now), 0);
    now.rlim_cur = bytes < now.rlim_max ? bytes : now.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
}

static enum status open_model(const char *spec, struct graph **out, struct err *err)
{
    return family_build(spec, 1, out, err);
}

static void full_disk(void **state)
{
    (void)state;
    static const char *const specs[] = {"zoo:resnet50", "zoo:unet"};
    struct segdb_mine_opts opts = {.n_merges = 50, .max_piece = 8, .open_model = open_model};
    struct segdb_mined mined;
    struct err err = {0};
    unsigned char *before, *vocab;
    size_t n, m;
    struct segdb *db = create(db_path);
    add_text(db, RELU, "a");
    close_db(db);
    put_bytes(vocab_path, "old", 3);
    read_whole(db_path, &before, &n);
    read_whole(vocab_path, &vocab, &m);
    limit_files(8192);
    db = edit(db_path);
    add_nodes(db, "zoo:resnet50");
    assert_int_equal(segdb_close(db, &err), ST_IO);
    assert_string_equal(err.file, db_path);
    assert_non_null(strstr(err.msg, strerror(EFBIG)));
    assert_int_equal(segdb_mine(specs, 2, vocab_path, db_path, &opts, &mined, &err), ST_IO);
    limit_files(RLIM_INFINITY);
    assert_file(db_path, before, n);
    assert_file(vocab_path, vocab, m);
    db = create("/dev/full");
    add_text(db, RELU, "a");
    assert_int_equal(segdb_close(db, &err), ST_IO);
}

static int64_t numbers(const char *path, int64_t *out, int max)
{
    struct segdb *db = open_db(path);
    int n = 0;
    for (int64_t id = 0; (id = segdb_next(db, id)) && n < max;)
        out[n++] = id;
    segdb_abandon(db);
    return n;
}

static void numbers_are_never_used_again(void **state)
{
    (void)state;
    struct err err = {0};
    int64_t have[8];
    char *path = x_asprintf("%s/new/folder/user.db", dir);
    struct segdb *db = edit(path); /* makes the folders */
    assert_int_equal(add_text(db, RELU, "a"), 1);
    assert_int_equal(add_text(db, TANH, "a"), 2);
    assert_int_equal(add_text(db, ELU, "a"), 3);
    assert_int_equal(segdb_remove(db, 3, &err), ST_OK);
    assert_int_equal(segdb_remove(db, 3, &err), ST_USAGE);
    assert_int_equal(segdb_remove(db, 4, &err), ST_USAGE);
    assert_int_equal(segdb_count(db), 2);
    close_db(db);

    db = edit(path);
    assert_int_equal(segdb_count(db), 2);
    assert_int_equal(segdb_remove(db, 1, &err), ST_OK);
    assert_int_equal(add_text(db, ELU, "b"), 4);
    assert_int_equal(add_text(db, RELU, "b"), 5); /* the same structure, but removed */
    assert_int_equal(add_text(db, TANH, "b"), 2);
    assert_int_equal(segdb_remove(db, 5, &err), ST_OK);
    assert_int_equal(segdb_remove(db, 4, &err), ST_OK);
    uint64_t hash = segdb_hash(db);
    close_db(db);

    assert_int_equal(numbers(path, have, 8), 1);
    assert_int_equal(have[0], 2);
    db = open_db(path);
    assert_true(segdb_hash(db) == hash);
    struct segdb_record r;
    assert_int_equal(segdb_get(db, 1, &r, &err), ST_USAGE);
    assert_int_equal(segdb_get(db, 2, &r, &err), ST_OK);
    assert_int_equal(r.count, 2);
    assert_string_equal(r.origin, "a");
    segdb_record_done(&r);
    segdb_abandon(db);
    db = edit(path);
    assert_int_equal(add_text(db, SELU, "c"), 6);
    close_db(db);
    assert_int_equal(unlink(path), 0);
    for (int up = 0; up < 2; up++) {
        *strrchr(path, '/') = '\0';
        assert_int_equal(rmdir(path), 0); /* empty: no lock is left */
    }
    free(path);
}

static void nap(int ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

static void editors_take_turns(void **state)
{
    (void)state;
    enum { CHILDREN = 4 };
    int64_t have[8];
    pid_t pid[CHILDREN];
    int status;
    unlink(db_path);
    struct segdb *db = edit(db_path);
    add_text(db, RELU, "parent");
    static const char *const text[CHILDREN] = {TANH, ELU, SELU, RELU};
    for (int k = 0; k < CHILDREN; k++) {
        pid[k] = fork();
        assert_true(pid[k] >= 0);
        if (pid[k] == 0) {
            struct segdb *own = NULL;
            struct graph *g = NULL;
            bool ok = segdb_edit(&own, db_path, NULL) == ST_OK &&
                      segdb_text_read(text[k], &g, NULL) == ST_OK &&
                      segdb_add(own, g, "child", NULL, NULL) == ST_OK &&
                      segdb_close(own, NULL) == ST_OK;
            _exit(ok ? 0 : 1);
        }
    }
    nap(50);
    for (int k = 0; k < CHILDREN; k++)
        assert_int_equal(waitpid(pid[k], &status, WNOHANG), 0); /* waits for us */
    close_db(db);
    for (int k = 0; k < CHILDREN; k++) {
        assert_int_equal(waitpid(pid[k], &status, 0), pid[k]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(numbers(db_path, have, 8), 4);
    db = open_db(db_path);
    struct segdb_record r;
    assert_int_equal(segdb_get(db, 1, &r, NULL), ST_OK);
    assert_int_equal(r.count, 2);
    segdb_record_done(&r);
    segdb_abandon(db);
}

/* Mined apart and merged is as mined together. */
static void merging(void **state)
{
    (void)state;
    static const char *const spec[] = {"zoo:resnet50", "zoo:mobilenetv2", "zoo:unet",
                                       "zoo:resnet50"};
    struct err err = {0};
    struct segdb *all = create(db_path), *part[2];
    for (int i = 0; i < 4; i++)
        add_nodes(all, spec[i]);
    uint64_t want = segdb_hash(all);
    int64_t n = segdb_count(all);
    segdb_abandon(all);
    const char *path[] = {db_path, other_path};
    for (int k = 0; k < 2; k++) {
        part[k] = create(path[k]);
        add_nodes(part[k], spec[2 * k]);
        add_nodes(part[k], spec[2 * k + 1]);
        assert_true(segdb_count(part[k]) < n);
        close_db(part[k]);
    }
    struct segdb *db = edit(db_path);
    assert_int_equal(segdb_absorb(db, other_path, &err), ST_OK);
    assert_int_equal(segdb_count(db), n);
    assert_true(segdb_hash(db) == want);
    close_db(db);
    db = open_db(db_path);
    assert_true(segdb_hash(db) == want);
    int checked = 0;
    for (int64_t id = 0; (id = segdb_next(db, id)); checked++)
        if (segdb_check(db, id, &err) != ST_OK)
            fail_msg("%s", err.msg);
    assert_int_equal(checked, n);
    segdb_abandon(db);

    /* One that is damaged adds nothing. */
    unsigned char *bytes;
    size_t size;
    read_whole(other_path, &bytes, &size);
    memset(bytes + size / 2, 'x', 64);
    put_bytes(other_path, bytes, size);
    free(bytes);
    db = edit(db_path);
    assert_int_equal(segdb_absorb(db, other_path, &err), ST_MODEL);
    assert_string_equal(err.file, other_path);
    assert_int_equal(segdb_absorb(db, "/nonexistent/x.db", &err), ST_IO);
    assert_true(segdb_hash(db) == want);
    segdb_abandon(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_half_written),
        cmocka_unit_test(full_disk),
        cmocka_unit_test(numbers_are_never_used_again),
        cmocka_unit_test(editors_take_turns),
        cmocka_unit_test(merging),
    };
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
