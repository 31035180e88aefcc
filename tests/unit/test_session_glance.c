/* Looking into models that are not open: answers, errors, cancelling, what is kept. */
#include "base/file.h"
#include "session/glance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* after the above */
#include <cmocka.h>

static struct session *s;

static int set_up(void **state)
{
    struct session_opts o = {.threads = 1};
    (void)state;
    s = session_new(&o);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    session_free(s);
    return 0;
}

static const struct session_glance *answer(const char *spec)
{
    const struct session_glance *g = session_glance(s, spec);
    assert_int_equal(session_wait(s, NULL), ST_OK);
    return g ? g : session_glance(s, spec);
}

static void test_answer(void **state)
{
    (void)state;
    assert_null(session_glance(s, "zoo:resnet50"));
    const struct session_glance *g = answer("zoo:resnet50");
    assert_non_null(g);
    assert_int_equal(g->status, ST_OK);
    assert_int_equal(g->nodes, 176);
    assert_int_equal(g->cost.params, 25557032);
    assert_string_equal(g->ports, "input  input Nx3x224x224\noutput output Nx1000\n");
    assert_int_equal(g->n_ops, 7);
    assert_string_equal(g->op[0].name, "BatchNormalization");
    assert_int_equal(g->op[0].n, 53);
    for (int i = 1; i < g->n_ops; i++)
        assert_true(g->op[i].n <= g->op[i - 1].n);
    assert_ptr_equal(session_glance(s, "zoo:resnet50"), g); /* kept */
    assert_false(session_busy(s));
}

static void test_bad(void **state)
{
    (void)state;
    assert_int_equal(file_write("glance.tmp.onnx", "no model", 8, NULL), ST_OK);
    const struct session_glance *g = answer("glance.tmp.onnx");
    assert_int_equal(g->status, ST_MODEL);
    assert_non_null(strstr(g->err.msg, "not an ONNX model"));
    /* another file of the same name is looked into again */
    assert_int_equal(file_write("glance.tmp.onnx", "none either", 11, NULL), ST_OK);
    assert_null(session_glance(s, "glance.tmp.onnx"));
    assert_int_equal(answer("glance.tmp.onnx")->status, ST_MODEL);
    unlink("glance.tmp.onnx");
    assert_int_equal(answer("glance.tmp.onnx")->status, ST_IO);
    assert_int_equal(answer("/dev")->status, ST_USAGE);
    assert_int_equal(answer("/dev/zero")->status, ST_USAGE);
}

static void test_cancel(void **state)
{
    (void)state;
    /* one worker: the ones before are still to be read, or being read, when the next is asked for
     */
    static const char *const spec[] = {"zoo:resnet101", "zoo:resnet50", "zoo:unet", "zoo:fsrcnn"};
    for (int round = 0; round < 20; round++)
        for (int i = 0; i < 4; i++)
            session_glance(s, spec[i]);
    session_glance(s, spec[3]);
    assert_int_equal(session_wait(s, NULL), ST_OK);
    assert_int_equal(session_glance(s, "zoo:fsrcnn")->status, ST_OK);
    session_glance(s, "zoo:mobilenetv2");
    session_glance_stop(s);
    assert_false(session_busy(s));
    assert_int_equal(session_wait(s, NULL), ST_OK);
    /* opening another model drops the question, not the answers */
    session_glance(s, "zoo:mobilenetv2");
    assert_int_equal(session_open(s, "zoo:fsrcnn-3", SESSION_FRESH, NULL), ST_OK);
    assert_int_equal(session_glance(s, "zoo:fsrcnn")->status, ST_OK);
    assert_int_equal(answer("zoo:mobilenetv2")->status, ST_OK);
    /* more than are kept */
    char name[32];
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "no-file-%d.onnx", i);
        assert_int_equal(answer(name)->status, ST_IO);
    }
    assert_null(session_glance(s, "zoo:fsrcnn"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cancel, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
