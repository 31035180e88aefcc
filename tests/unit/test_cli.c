/* Sources and their order, weights from scores, drawings in characters. */
#include "base/file.h"
#include "cli/labels.h"
#include "cli/sketch.h"
#include "cli/source.h"
#include "family/family.h"
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

/* ---- sources ---- */

static struct source_list sources(const char *text, uint64_t seed)
{
    struct source_list s = {{0}};
    struct err err = {0};
    if (source_add(&s, text, seed, &err) != ST_OK)
        fail_msg("%s: %s", text, err.msg);
    return s;
}

static bool all_different(const struct source_list *s)
{
    for (size_t i = 0; i < s->at.n; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(s->at.at[i], s->at.at[k]) == 0)
                return false;
    return true;
}

static void test_samples(void **state)
{
    (void)state;
    const char *f;
    for (int i = 0; (f = family_name_at(i)); i++) {
        char text[64];
        snprintf(text, sizeof text, "%s@s:sample=200", f);
        struct source_list a = sources(text, 1), b = sources(text, 1), c = sources(text, 2);
        assert_int_equal(a.at.n, 200);
        assert_true(all_different(&a));
        int same = 0;
        for (size_t k = 0; k < 200; k++) {
            assert_string_equal(a.at.at[k], b.at.at[k]);
            same += strcmp(a.at.at[k], c.at.at[k]) == 0;
            assert_true(str_ends(a.at.at[k], "@s"));
        }
        assert_true(same < 20);
        source_done(&a);
        source_done(&b);
        source_done(&c);
    }
}

static void test_whole_families(void **state)
{
    (void)state;
    struct source_list s = sources("nb201:*", 0);
    assert_int_equal(s.at.n, 4096);
    for (size_t i = 0; i < s.at.n; i++)
        assert_null(strstr(s.at.at[i], "none"));
    source_done(&s);
    s = sources("zoo:*", 0);
    assert_non_null(family_zoo_at((int)s.at.n - 1));
    assert_null(family_zoo_at((int)s.at.n));
    assert_string_equal(s.at.at[0], "zoo:resnet50");
    source_done(&s);
}

static void put(const char *path)
{
    struct err err = {0};
    assert_int_equal(file_write(path, "x", 1, &err), ST_OK);
}

static void test_folder(void **state)
{
    (void)state;
    char dir[] = "/tmp/autogo-test-XXXXXX";
    assert_non_null(mkdtemp(dir));
    assert_int_equal(chdir(dir), 0);
    assert_int_equal(mkdir("n", 0700) | mkdir("n/a", 0700) | mkdir("n/a.b", 0700), 0);
    static const char *const want[] = {"n/Z.onnx", "n/a.b/1.json", "n/a.onnx", "n/a/2.onnx",
                                       "n/link.onnx"};
    put("n/a/2.onnx");
    put("n/a.b/1.json");
    put("n/a.onnx");
    put("n/Z.onnx");
    put("n/a/notes.txt");
    put("outside");
    assert_int_equal(symlink("../outside", "n/link.onnx") | symlink("../..", "n/a/up"), 0);
    struct source_list s = sources("n//", 0);
    assert_int_equal(s.at.n, 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(s.at.at[i], want[i]);
    /* what fails adds nothing */
    struct err err = {0};
    assert_int_equal(file_write("list", "n\nzoo:*\n@gone\n", 13, &err), ST_OK);
    assert_int_equal(source_add(&s, "@list", 0, &err), ST_IO);
    assert_string_equal(err.file, "gone");
    assert_int_equal(s.at.n, 5);
    assert_int_equal(source_add(&s, "nb201:sample=4097", 0, &err), ST_USAGE);
    assert_int_equal(source_add(&s, "inception:*", 0, &err), ST_USAGE);
    assert_int_equal(source_add(&s, "zoo:sample=2", 0, &err), ST_USAGE);
    assert_int_equal(s.at.n, 5);
    source_done(&s);
    assert_int_equal(chdir("/"), 0);
    char rm[64];
    snprintf(rm, sizeof rm, "rm -r %s", dir);
    assert_int_equal(system(rm), 0);
}

/* ---- weights ---- */

/* How many specs the text knows, -1: it is refused. */
static int weigh(const char *csv, const char *const *specs, int n, int *times, struct err *err)
{
    char path[] = "/tmp/autogo-test-XXXXXX";
    int fd = mkstemp(path), labelled;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, csv, strlen(csv)), (ssize_t)strlen(csv));
    close(fd);
    enum status st = labels_read(path, "acc", specs, n, times, &labelled, err);
    unlink(path);
    return st == ST_OK ? labelled : -1;
}

static void test_weights(void **state)
{
    (void)state;
    static const char *const specs[] = {"f:a", "f:b", "f:c", "f:d", "f:e", "g:a", "h:a", "h:b"};
    static const char csv[] = "arch,acc\nf:a,1\nf:b,4\nf:c,2\nf:d,2\ng:a,-7\nf:b,2\n";
    int t[10];
    struct err err = {0};
    /* f: a 1 < c, d 2 < b 3 (the mean): ranks 0, 1.5, 1.5, 3 of 3 */
    assert_int_equal(weigh(csv, specs, 8, t, &err), 5);
    static const int want[] = {1, 10, 5, 5, LABELS_MIDDLE, LABELS_MIDDLE, 5, 5};
    assert_memory_equal(t, want, sizeof want);
    /* ten in a row take all weights, whatever the distances */
    char many[400] = "arch,acc\n", name[10][8];
    const char *spec[10];
    for (int i = 0; i < 10; i++) {
        snprintf(name[i], sizeof name[i], "f:%d", i);
        snprintf(many + strlen(many), sizeof many - strlen(many), "%s,%d\n", name[i], 1 << i);
        spec[i] = name[i];
    }
    assert_int_equal(weigh(many, spec, 10, t, &err), 10);
    for (int i = 0; i < 10; i++)
        assert_int_equal(t[i], i + 1);
}

static void test_spellings(void **state)
{
    (void)state;
    static const char *const specs[] = {"nb201:|a~0|", "nb101:4|110101|c3,mp", "nb101:3|101|c1",
                                        "nb101:2|1|",  "hiaml:z,t31",          "x\"y"};
    static const char csv[] = "\xef\xbb\xbf\"acc\",arch\r\n"
                              "1,|a~0|\r\n2,4|110101|cm\r\n3,\"3|101|c1\"\r\n4,2|1|\r\n"
                              "5,\"hiaml:z,t31\"\r\n6,\"x\"\"y\"";
    int t[6];
    struct err err = {0};
    assert_int_equal(weigh(csv, specs, 6, t, &err), 6);
}

static void test_bad_labels(void **state)
{
    (void)state;
    static const char *const specs[] = {"a"};
    static const struct {
        const char *csv, *says;
    } bad[] = {
        {"", "header"},
        {"arch,score\na,1\n", "'acc'"},
        {"acc\n1\n", "'arch'"},
        {"arch,acc\na,1\n\nb\n", "line 4"},
        {"arch,acc\na,1\n\"b\nb\",2\nc,3x\n", "line 5"},
        {"arch,acc\na,nan\n", "line 2"},
        {"arch,acc\na,\nb,1\n", "none of the 1"},
        {"arch,acc\n\"a,1\n", "line 2"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int t[1];
        struct err err = {0};
        assert_int_equal(weigh(bad[i].csv, specs, 1, t, &err), -1);
        assert_int_equal(err.code, ST_USAGE);
        if (!strstr(err.msg, bad[i].says))
            fail_msg("'%s' lacks '%s'", err.msg, bad[i].says);
    }
}

/* ---- drawings ---- */

static void test_sketch(void **state)
{
    (void)state;
    struct dot_box box[] = {{.id = 0, .x = 3, .y = 0, .w = 3, .h = 1, .label = "a"},
                            {.id = 1, .x = 0, .y = 3, .w = 3, .h = 1, .label = "b"},
                            {.id = 2, .x = 6, .y = 3, .w = 5, .h = 1, .label = "cd"}};
    struct dot_layout l = {.width = 12, .height = 5, .n_box = 3, .n_line = 2, .box = box};
    struct dot_line line[2] = {{.n = 4}, {.n = 4}};
    static const int at[2][4][2] = {{{4, 0}, {4, 1}, {1, 1}, {1, 3}},
                                    {{4, 0}, {4, 1}, {8, 1}, {8, 3}}};
    for (int i = 0; i < 2; i++) {
        line[i].at = calloc(4, sizeof *line[i].at);
        assert_non_null(line[i].at);
        for (int k = 0; k < 4; k++) {
            line[i].at[k].x = at[i][k][0];
            line[i].at[k].y = at[i][k][1];
        }
    }
    l.line = line;
    struct str s = {0};
    sketch_layout(&l, true, &s);
    assert_string_equal(str_text(&s), "   [a]\n"
                                      " +--+---+\n"
                                      " |      |\n"
                                      "[b]   [cd ]\n"
                                      "\n");
    str_clear(&s);
    sketch_layout(&l, false, &s);
    assert_string_equal(str_text(&s), "   [a]\n"
                                      " ┌──┴───┐\n"
                                      " │      │\n"
                                      "[b]   [cd ]\n"
                                      "\n");
    str_done(&s);
    free(line[0].at);
    free(line[1].at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),   cmocka_unit_test(test_whole_families),
        cmocka_unit_test(test_folder),    cmocka_unit_test(test_weights),
        cmocka_unit_test(test_spellings), cmocka_unit_test(test_bad_labels),
        cmocka_unit_test(test_sketch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
