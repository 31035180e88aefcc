/* base: errors, strings, JSON, hashing, random numbers, files, queue. */
#include "base/csv.h"
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/queue.h"
#include "base/rng.h"
#include "base/stat.h"
#include "base/str.h"
#include "base/vec.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static void test_err(void **state)
{
    (void)state;
    struct err err = {0};
    char buf[512];
    assert_int_equal(err_set(&err, ST_MODEL, "node '%s'\n", "a"), ST_MODEL);
    assert_int_equal(err_in_file(&err, "m.onnx"), ST_MODEL);
    err_in_file(&err, "other");
    assert_string_equal(err_text(&err, buf, sizeof buf), "m.onnx: node 'a'?");
    assert_int_equal(err_set(NULL, ST_IO, "x"), ST_IO);
    const int codes[] = {0, 1, 2, 2, 3, 4, 5, 130};
    for (int st = ST_OK; st <= ST_CANCELLED; st++)
        assert_int_equal(status_exit_code((enum status)st), codes[st]);
}

static void test_str(void **state)
{
    (void)state;
    struct str b = {0};
    assert_string_equal(str_text(&b), "");
    for (int i = 0; i < 100; i++)
        str_addf(&b, "%d,", i);
    assert_int_equal(b.n, 290);
    char *s = str_take(&b);
    assert_true(str_starts(s, "0,1,2") && str_ends(s, "99,"));
    free(s);
    int64_t v;
    assert_true(str_to_i64("-12", -20, 20, &v) && v == -12);
    assert_false(str_to_i64("12x", 0, 20, &v));
    assert_false(str_to_i64("", 0, 20, &v));
    assert_false(str_to_i64("99999999999999999999", INT64_MIN, INT64_MAX, &v));
    double d;
    assert_true(str_to_double("1.5e3", &d) && d == 1500);
    assert_false(str_to_double("inf", &d));
    bool percent;
    assert_true(str_to_limit("4.2G", &d, &percent) && d == 4.2e9 && !percent);
    assert_true(str_to_limit("250", &d, &percent) && d == 250 && !percent);
    assert_true(str_to_limit("-20%", &d, &percent) && d == -20 && percent);
    assert_false(str_to_limit("20%", &d, &percent)); /* of what? */
    assert_false(str_to_limit("4x", &d, &percent));
    assert_false(str_to_limit("G", &d, &percent));
    assert_false(str_to_limit("", &d, &percent));
    assert_true(str_si_times('k') == 1e3 && str_si_times('K') == 1e3 && str_si_times('T') == 1e12);
    assert_true(str_si_times('\0') == 0 && str_si_times('%') == 0);
    char buf[32];
    assert_string_equal(str_si(25557032, buf, sizeof buf), "25.6 M");
    assert_string_equal(str_si(8264526800.0, buf, sizeof buf), "8.26 G");
    assert_string_equal(str_si(-12, buf, sizeof buf), "-12");
    assert_string_equal(str_si(999.9, buf, sizeof buf), "1.00 k");
}

static void test_json(void **state)
{
    (void)state;
    struct str b = {0};
    struct json j;
    json_init(&j, &b);
    json_object(&j);
    json_kstr(&j, "a\"b", "x\n\x01\xc3\xa9\xff");
    json_key(&j, "list");
    json_array(&j);
    json_int(&j, -3);
    json_num(&j, 0.5);
    json_num(&j, (double)NAN);
    json_array_end(&j);
    json_kbool(&j, "t", true);
    json_kstr(&j, "n", NULL);
    json_object_end(&j);
    assert_string_equal(str_text(&b), "{\"a\\\"b\":\"x\\n\\u0001\xc3\xa9\xef\xbf\xbd\","
                                      "\"list\":[-3,0.5,null],\"t\":true,\"n\":null}");
    str_done(&b);
}

static void test_maps(void **state)
{
    (void)state;
    struct strmap m = {0};
    struct u64map u = {0};
    char key[16];
    assert_null(strmap_get(&m, "k"));
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        *strmap_put(&m, key, 0) = i;
        *u64map_put(&u, (uint64_t)i << 40, -1) = i;
    }
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        assert_int_equal(*strmap_get(&m, key), i);
        assert_int_equal(*u64map_get(&u, (uint64_t)i << 40), i);
    }
    assert_null(strmap_get(&m, "k1000"));
    assert_null(u64map_get(&u, 7));
    strmap_done(&m);
    u64map_done(&u);
}

static void test_hash(void **state)
{
    (void)state;
    unsigned char data[100] = {0};
    uint64_t seen[100];
    for (size_t n = 0; n < 100; n++) { /* lengths and single bits all matter */
        seen[n] = hash_bytes(data, n, 0);
        for (size_t k = 0; k < n; k++)
            assert_int_not_equal(seen[n], seen[k]);
        if (n) {
            data[n - 1] ^= 0x10;
            assert_int_not_equal(seen[n], hash_bytes(data, n, 0));
            data[n - 1] ^= 0x10;
        }
    }
    /* Part of file formats: these values may only change together with a format version. */
    assert_int_equal(hash_mix(1), 0x5692161d100b05e5ULL);
}

static void test_rng(void **state)
{
    (void)state;
    struct rng a = rng_for(1, 2), b = rng_for(1, 2), c = rng_for(1, 3);
    assert_int_equal(rng_u64(&a), rng_u64(&b));
    assert_int_not_equal(rng_u64(&a), rng_u64(&c));
    double sum = 0, squares = 0;
    int bins[7] = {0};
    for (int i = 0; i < 70000; i++) {
        double x = rng_normal(&a);
        sum += x;
        squares += x * x;
        bins[rng_below(&a, 7)]++;
        double u = rng_double(&a);
        assert_true(u >= 0 && u < 1);
    }
    assert_true(fabs(sum / 70000) < 0.02 && fabs(squares / 70000 - 1) < 0.03);
    for (int i = 0; i < 7; i++)
        assert_in_range(bins[i], 9600, 10400);
}

static void test_file(void **state)
{
    (void)state;
    char dir[] = "/tmp/autogo-test-XXXXXX";
    assert_non_null(mkdtemp(dir));
    char *path = x_asprintf("%s/f", dir), *dev = x_strdup("/dev/full");
    struct err err = {0};
    assert_int_equal(file_write(path, "hello", 5, &err), ST_OK);
    unsigned char *data;
    size_t size;
    assert_int_equal(file_read(path, 100, &data, &size, &err), ST_OK);
    assert_int_equal(size, 5);
    assert_string_equal((char *)data, "hello");
    free(data);
    assert_int_equal(file_read(path, 4, &data, &size, &err), ST_IO);
    assert_int_equal(file_read(dir, 100, &data, &size, &err), ST_IO);
    assert_int_equal(file_read("/nonexistent/x", 100, &data, &size, &err), ST_IO);
    assert_string_equal(err.file, "/nonexistent/x");
    /* An abandoned write leaves the old content. */
    struct file_writer w;
    assert_int_equal(file_writer_open(&w, path, &err), ST_OK);
    fputs("half", w.f);
    file_writer_discard(&w);
    assert_int_equal(file_read(path, 100, &data, &size, &err), ST_OK);
    assert_string_equal((char *)data, "hello");
    free(data);
    /* A full disk is an error, and so is a folder that is not there. */
    if (access(dev, W_OK) == 0)
        assert_int_equal(file_write(dev, "x", 1, &err), ST_IO);
    assert_int_equal(file_write("/nonexistent/y", "x", 1, &err), ST_IO);
    assert_int_equal(file_write(dir, "x", 1, &err), ST_IO);
    unlink(path);
    assert_int_equal(rmdir(dir), 0); /* no temporary file is left */
    free(path);
    free(dev);
}

static void test_xdg(void **state)
{
    (void)state;
    setenv("XDG_STATE_HOME", "/a/b", 1);
    char *p = file_xdg("STATE", "j", 0);
    assert_string_equal(p, "/a/b/autogo/j");
    free(p);
    unsetenv("XDG_STATE_HOME");
    setenv("HOME", "/h", 1);
    p = file_xdg("STATE", "j", 0);
    assert_string_equal(p, "/h/.local/state/autogo/j");
    free(p);
    setenv("AUTOGO_DATA", "/d", 1);
    p = file_data("segments/x");
    assert_string_equal(p, "/d/segments/x");
    free(p);
    unsetenv("AUTOGO_DATA");
}

static void *producer(void *arg)
{
    for (intptr_t i = 1; i <= 1000; i++)
        queue_push(arg, (void *)i);
    return NULL;
}

static void test_queue(void **state)
{
    (void)state;
    struct queue *q = queue_new(8);
    pthread_t t[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&t[i], NULL, producer, q);
    intptr_t sum = 0;
    for (int i = 0; i < 2000; i++)
        sum += (intptr_t)queue_pop(q);
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(sum, 2 * 500500);
    assert_null(queue_try_pop(q));
    queue_close(q);
    assert_false(queue_push(q, q));
    assert_null(queue_pop(q));
    queue_free(q);
}

static void test_vec(void **state)
{
    (void)state;
    VEC(int) v = {0};
    for (int i = 0; i < 100; i++)
        vec_push(&v, i);
    assert_int_equal(v.n, 100);
    assert_int_equal(v.at[99], 99);
    vec_done(&v);
    assert_null(v.at);
    volatile size_t huge = SIZE_MAX / 2; /* a size as a file could give it */
    assert_null(x_try_calloc(huge, 4));
}

static void test_stat(void **state)
{
    const double x[] = {3, 1, 4, 1, 5}, y[] = {30, 10, 16, 11, 25}, flat[] = {2, 2, 2, 2, 2};
    double r[5];

    (void)state;
    stat_rank(x, 5, r);
    assert_true(r[0] == 3 && r[1] == 1.5 && r[2] == 4 && r[3] == 1.5 && r[4] == 5);
    /* ranks 3 1.5 4 1.5 5 and 5 1 3 2 4, by hand: 6.5 / sqrt(9.5 * 10) */
    assert_true(fabs(stat_spearman(x, y, 5) - 6.5 / sqrt(95)) < 1e-12);
    assert_true(fabs(stat_spearman(x, x, 5) - 1) < 1e-12);
    assert_true(isnan(stat_spearman(x, flat, 5)) && isnan(stat_spearman(x, y, 1)));
    assert_true(fabs(stat_pearson((double[]){1, 2, 3}, (double[]){-2, -4, -6}, 3) + 1) < 1e-12);
}

static void test_csv(void **state)
{
    static const char text[] = "\xef\xbb\xbf"
                               "a,\"b \"\"c\"\"\",d\r\n\n1,\"2,\n3\",\n4,x,5\n6,7\n";
    struct csv c;
    struct err err = {0};
    size_t at;
    double v;
    bool more;

    (void)state;
    assert_int_equal(file_write("base-table.csv", text, sizeof text - 1, NULL), ST_OK);
    assert_int_equal(csv_open(&c, "base-table.csv", &err), ST_OK);
    assert_int_equal(csv_column(&c, "b \"c\"", &at, &err), ST_OK);
    assert_int_equal(at, 1);
    assert_int_equal(csv_column(&c, "e", &at, &err), ST_USAGE);
    assert_int_equal(csv_next(&c, &more, &err), ST_OK);
    assert_string_equal(c.field.at[1], "2,\n3");
    assert_int_equal(csv_number(&c, 0, &v, &err), ST_OK);
    assert_true(v == 1);
    assert_int_equal(csv_number(&c, 2, &v, &err), ST_OK);
    assert_true(isnan(v));
    assert_int_equal(csv_next(&c, &more, &err), ST_OK);
    assert_int_equal(csv_number(&c, 1, &v, &err), ST_USAGE);
    assert_non_null(strstr(err.msg, "line 5: 'x'"));
    assert_int_equal(csv_next(&c, &more, &err), ST_USAGE);
    assert_non_null(strstr(err.msg, "line 6"));
    csv_close(&c);
    assert_int_equal(file_write("base-table.csv", "", 0, NULL), ST_OK);
    assert_int_equal(csv_open(&c, "base-table.csv", &err), ST_USAGE);
    unlink("base-table.csv");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_err),  cmocka_unit_test(test_str),  cmocka_unit_test(test_json),
        cmocka_unit_test(test_maps), cmocka_unit_test(test_hash), cmocka_unit_test(test_rng),
        cmocka_unit_test(test_file), cmocka_unit_test(test_xdg),  cmocka_unit_test(test_queue),
        cmocka_unit_test(test_vec),  cmocka_unit_test(test_stat), cmocka_unit_test(test_csv),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
