/* Test-retest reliability of label tables, on tables whose correlations are known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/file.h"
#include "cli/label_retest.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

static const char table[] = "label-table.csv";

static enum status read_text(const char *text, struct label_retest *r)
{
    struct err err;

    assert_int_equal(file_write(table, text, strlen(text), NULL), ST_OK);
    enum status st = label_retest_read(table, r, &err);
    unlink(table);
    return st;
}

/* Accuracies rank as 1 2 3 4 and 2 1 3 4, losses the other way round and equally. */
static void test_two_seeds(void **state)
{
    struct label_retest r;

    (void)state;
    assert_int_equal(read_text("arch,seed,acc1,acc,loss\n"
                               "\"x:a,b\",0,0,.1,9\n\"x:b\",0,0,.2,8\nc,0,0,.3,7\nd,0,0,.4,6\n"
                               "once,0,0,.9,1\nfailed,0,,,\nfailed,1,,.5,1\n"
                               "d,1,0,.8,1\nc,1,0,.7,2\n\"x:b\",1,0,.5,3\n\"x:a,b\",1,0,.6,4\n",
                               &r),
                     ST_OK);
    assert_int_equal(r.networks, 4);
    assert_int_equal(r.seeds, 1);
    assert_true(fabs(r.acc - 0.8) < 1e-12);
    assert_true(fabs(r.loss - 1) < 1e-12);
}

/* Means of two seeds; a network with only two rows is left out. */
static void test_four_seeds(void **state)
{
    struct label_retest r;

    (void)state;
    assert_int_equal(read_text("arch,seed,acc,loss\n"
                               "a,0,.1,1\na,1,.3,1\na,2,.9,1\na,3,.1,1\n"
                               "b,3,.2,1\nb,2,.2,1\nb,1,.4,1\nb,0,.4,1\n"
                               "c,0,.9,1\nc,1,.9,1\nc,2,.3,1\nc,10,.5,1\n"
                               "d,0,.1,1\nd,1,.1,1\n",
                               &r),
                     ST_OK);
    assert_int_equal(r.networks, 3);
    assert_int_equal(r.seeds, 2);
    /* first halves .2 .4 .9, last halves .5 .2 .4: ranks 1 2 3 and 3 1 2 */
    assert_true(fabs(r.acc + 0.5) < 1e-12);
    assert_true(isnan(r.loss));
}

static void test_nothing(void **state)
{
    struct label_retest r;

    (void)state;
    assert_int_equal(read_text("arch,seed,acc,loss\na,0,.1,1\nb,0,.2,1\n", &r), ST_OK);
    assert_int_equal(r.networks, 0);
    assert_int_equal(read_text("arch,seed,acc,loss\n", &r), ST_OK);
    assert_int_equal(r.networks, 0);
    assert_int_equal(read_text("arch,seed,loss\na,0,.1\n", &r), ST_USAGE);
    assert_int_equal(read_text("arch,seed,acc,loss\na,zero,.1,2\n", &r), ST_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_seeds),
        cmocka_unit_test(test_four_seeds),
        cmocka_unit_test(test_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
