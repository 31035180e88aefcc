/* comm: which processes are by themselves. Messages need a launcher: tests/cli/label_mpi.sh. */
#include "comm/comm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const shows[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMI_RANK", "PMIX_RANK"};
enum { N_SHOWS = sizeof shows / sizeof *shows };

static int forget_launcher(void **state)
{
    (void)state;
    for (int i = 0; i < N_SHOWS; i++)
        unsetenv(shows[i]);
    return 0;
}

static void is_alone(void)
{
    struct err err = {0};
    struct comm *c = NULL;
    assert_int_equal(comm_open(&c, &err), ST_OK);
    assert_null(c);
    assert_int_equal(comm_rank(c), 0);
    assert_int_equal(comm_size(c), 1);
    assert_false(comm_waiting(c));
    comm_close(c, false);
    comm_close(c, true);
}

static void test_no_launcher(void **state)
{
    (void)state;
    is_alone();
    setenv("SLURM_PROCID", "0", 1); /* in a job, but not started as a rank */
    is_alone();
    unsetenv("SLURM_PROCID");
}

static void test_one_process(void **state)
{
    (void)state;
    setenv("OMPI_COMM_WORLD_SIZE", "1", 1);
    setenv("PMIX_RANK", "0", 1);
    is_alone();
    unsetenv("OMPI_COMM_WORLD_SIZE");
    setenv("PMI_SIZE", "1", 1);
    is_alone();
}

/* The module lies beside the program, not beside this test. */
static void test_no_module(void **state)
{
    (void)state;
    if (access(PKGLIBDIR "/autogo-mpi.so", F_OK) == 0)
        skip();
    for (int i = 0; i < N_SHOWS; i++) {
        struct err err = {0};
        struct comm *c;
        forget_launcher(NULL);
        setenv(shows[i], "2", 1);
        assert_int_equal(comm_open(&c, &err), ST_UNSUPPORTED);
        assert_null(c);
        assert_non_null(strstr(err.msg, "--with-mpi"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_launcher, forget_launcher, forget_launcher),
        cmocka_unit_test_setup_teardown(test_one_process, forget_launcher, forget_launcher),
        cmocka_unit_test_setup_teardown(test_no_module, forget_launcher, forget_launcher),
    };
    return cmocka_run_group_tests_name("comm", tests, NULL, NULL);
}
