/* Training within a session: both networks, progress, repeatability, stopping, failures. */
#include "session/fitting.h"
#include "session/model.h"
#include "tests/unit/idx_make.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MODEL                                                                                \
    "nb201:|nor_conv_3x3~0|+|nor_conv_3x3~0|skip_connect~1|+|skip_connect~0|nor_conv_3x3~1|" \
    "nor_conv_3x3~2|@s"

static char dir[] = "test_session_fit.XXXXXX";

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(dir))
        return -1;
    setenv("XDG_DATA_HOME", dir, 1);
    setenv("XDG_CACHE_HOME", dir, 1);
    idx_make(dir, 256, 64);
    return 0;
}

static int teardown(void **state)
{
    char cmd[96];
    (void)state;
    snprintf(cmd, sizeof cmd, "rm -rf '%s'", dir);
    return system(cmd);
}

static void ok(enum status st, const struct err *err)
{
    if (st != ST_OK)
        fail_msg("status %d: %s: %s", st, err->file, err->msg);
}

static void set(struct session *s, const char *name, const char *value)
{
    struct err err = {0};
    ok(session_fit_set(s, name, value, &err), &err);
}

static struct session *opened(const char *spec)
{
    struct session_opts o = {.threads = 2, .tries = 8};
    struct session *s = session_new(&o);
    struct err err = {0};
    ok(session_open(s, spec, SESSION_ASK, &err), &err);
    set(s, "epochs", "3");
    set(s, "batch", "32");
    set(s, "data", dir);
    return s;
}

/* Puts in the first candidate that changes the network. */
static void edit(struct session *s)
{
    struct err err = {0};
    for (int k = 1; k < session_n_segments(s); k++) {
        if (!session_segment(s, k)->ok)
            continue;
        ok(session_select(s, k, &err), &err);
        ok(session_wait(s, &err), &err);
        for (int i = 0; i < session_n_candidates(s); i++)
            if (session_candidate(s, i)->record) {
                ok(session_preview(s, i, &err), &err);
                ok(session_apply(s, &err), &err);
                return;
            }
    }
    fail_msg("nothing to put in");
}

/* Polls until an epoch of the first network is over. */
static void await_epoch(struct session *s)
{
    struct session_fit f;
    unsigned seen = 0;
    for (int i = 0; i < 200; i++) {
        struct pollfd p = {.fd = session_fd(s), .events = POLLIN};
        poll(&p, 1, 100);
        seen |= session_poll(s);
        session_fit_state(s, &f);
        if (f.side[0].n_epochs > 0) {
            assert_true(seen & SESSION_CHANGED_FIT);
            return;
        }
    }
    fail_msg("no epoch ended");
}

static void run(struct session *s, struct session_fit *f)
{
    struct err err = {0};
    ok(session_fit_start(s, false, &err), &err);
    assert_true(session_fit_running(s));
    ok(session_wait(s, &err), &err);
    assert_false(session_fit_running(s));
    session_fit_state(s, f);
}

static void both_are_trained_and_repeat_themselves(void **state)
{
    (void)state;
    struct session_fit f, g;
    struct err err = {0};
    struct session *s = opened(MODEL);
    edit(s);
    run(s, &f);
    assert_int_equal(f.n, 2);
    assert_string_equal(f.side[0].title, "version 0");
    assert_string_equal(f.side[1].title, "version 1");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(f.side[i].stage, SESSION_FIT_DONE);
        assert_int_equal(f.side[i].n_epochs, 3);
        assert_int_equal(f.side[i].n_test, 64);
        assert_true(f.side[i].epoch[2].test_acc == f.side[i].acc);
        assert_true(f.side[i].acc > 0.2 && f.side[i].latency_ms > 0);
        assert_non_null(strstr(f.side[i].adapted, "4 classes"));
        assert_non_null(f.side[i].trained);
    }
    assert_int_equal(session_fit_percent(s), 100);
    struct session_fit_change c = session_fit_measured(&f);
    assert_true(c.known && c.value == f.side[1].acc - f.side[0].acc && c.error > 0);
    struct session_fit_change p = session_fit_predicted(s);
    assert_true(p.known ? p.error > 0 && fabs(p.value) < 1 : p.value == 0);
    assert_int_equal(session_n_versions(s), 2); /* it changes nothing */
    assert_non_null(session_notice(s));
    /* another session, the same numbers */
    struct session *t = opened(MODEL);
    edit(t);
    run(t, &g);
    for (int i = 0; i < 2; i++)
        for (int e = 0; e < 3; e++) {
            assert_true(f.side[i].epoch[e].loss == g.side[i].epoch[e].loss);
            assert_true(f.side[i].epoch[e].test_acc == g.side[i].epoch[e].test_acc);
        }
    session_free(t);
    /* what is known is not trained again */
    assert_int_equal(session_fit_start(s, false, &err), ST_NO);
    ok(session_undo(s, &err), &err);
    ok(session_fit_start(s, false, &err), &err);
    assert_false(session_fit_running(s));
    session_fit_state(s, &f);
    assert_int_equal(f.n, 1);
    assert_int_equal(f.side[0].stage, SESSION_FIT_DONE);
    assert_false(session_fit_measured(&f).known);
    session_free(s);
}

static void the_result_can_be_written(void **state)
{
    (void)state;
    struct session_fit f;
    struct err err = {0};
    struct graph *g;
    char path[96];
    struct session *s = opened(MODEL);
    snprintf(path, sizeof path, "%s/trained.onnx", dir);
    assert_int_equal(session_fit_save_later(s, path, &err), ST_NO);
    run(s, &f);
    assert_int_equal(session_fit_save_later(s, "trained.txt", &err), ST_USAGE);
    ok(session_fit_save_later(s, path, &err), &err);
    ok(session_wait(s, &err), &err);
    ok(model_open(path, NULL, &g, &err), &err);
    assert_true(graph_hash(g) == graph_hash(f.side[0].trained));
    graph_unref(g);
    session_free(s);
}

static void stopping_keeps_what_was_reached(void **state)
{
    (void)state;
    struct session_fit f;
    struct err err = {0};
    struct session *s = opened(MODEL);
    edit(s);
    set(s, "epochs", "9999");
    ok(session_fit_start(s, false, &err), &err);
    await_epoch(s);
    assert_true(session_busy(s));
    /* workers are free for everything else */
    int done = 0, total = -1;
    ok(session_select(s, 3, &err), &err);
    for (int i = 0; i < 100 && (total < 0 || done < total); i++) {
        struct pollfd p = {.fd = session_fd(s), .events = POLLIN};
        poll(&p, 1, 100);
        session_poll(s);
        session_progress(s, &done, &total);
    }
    assert_true(total > 0 && done == total);
    assert_true(session_fit_running(s));
    session_fit_stop(s);
    assert_false(session_fit_running(s));
    assert_false(session_busy(s));
    session_fit_state(s, &f);
    assert_int_equal(f.side[0].stage, SESSION_FIT_STOPPED);
    assert_int_equal(f.side[1].stage, SESSION_FIT_STOPPED);
    assert_true(f.side[0].n_epochs > 0 && f.side[0].epoch[0].loss > 0);
    assert_false(session_fit_measured(&f).known);
    /* begun anew while the stopped one may still be at work */
    set(s, "epochs", "1");
    run(s, &f);
    assert_int_equal(f.side[1].stage, SESSION_FIT_DONE);
    /* ended in the middle of one */
    set(s, "epochs", "9999");
    ok(session_fit_start(s, false, &err), &err);
    await_epoch(s);
    session_free(s);
}

static void another_model_ends_it(void **state)
{
    (void)state;
    struct session_fit f;
    struct err err = {0};
    struct session *s = opened(MODEL);
    set(s, "epochs", "9999");
    ok(session_fit_start(s, false, &err), &err);
    await_epoch(s);
    ok(session_open(s, "zoo:edsr", SESSION_ASK, &err), &err);
    assert_false(session_fit_running(s));
    session_fit_state(s, &f);
    assert_int_equal(f.n, 0);
    set(s, "epochs", "1");
    /* no classifier: a word about it */
    run(s, &f);
    assert_int_equal(f.side[0].stage, SESSION_FIT_FAILED);
    assert_true(strlen(f.side[0].error) > 10);
    session_free(s);
}

static void failures_are_told(void **state)
{
    (void)state;
    struct session_fit f;
    struct session *s = opened(MODEL);
    edit(s);
    set(s, "data", "no-such-folder");
    run(s, &f);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(f.side[i].stage, SESSION_FIT_FAILED);
        assert_non_null(strstr(f.side[i].error, "no-such-folder: no images in it"));
    }
    set(s, "data", dir);
    set(s, "lr", "1e37");
    set(s, "epochs", "50");
    run(s, &f);
    assert_int_equal(f.side[0].stage, SESSION_FIT_FAILED);
    assert_non_null(strstr(f.side[0].error, "no number any more"));
    assert_int_equal(session_cursor(s), 1);
    session_free(s);
}

static void settings_are_checked(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"epochs", "0"}, {"epochs", "x"}, {"images", "-1"}, {"batch", "0"},  {"lr", "0"},
        {"lr", "nan"},   {"seed", "-1"},  {"test", "1.5"},  {"colour", "1"}, {"batch", "all"}};
    struct err err = {0};
    char buf[512];
    struct session *s = opened(MODEL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(session_fit_set(s, bad[i][0], bad[i][1], &err), ST_USAGE);
    set(s, "images", "all");
    session_fit_turn(s, 1, -1);
    assert_int_equal(session_fit_settings(s)->images, 50000);
    session_fit_turn(s, 1, 1);
    assert_string_equal(session_fit_value(session_fit_settings(s), 1, buf, sizeof buf), "all");
    for (int i = 0; i < SESSION_FIT_SETTINGS; i++)
        for (int k = 0; k < 60; k++) {
            session_fit_turn(s, i, k < 30 ? -1 : 1);
            session_fit_value(session_fit_settings(s), i, buf, sizeof buf);
            ok(session_fit_set(s, session_fit_name(i), buf, &err), &err);
        }
    set(s, "data", "default");
    assert_string_equal(session_fit_settings(s)->data, "");
    session_free(s);
}

static void a_script_trains(void **state)
{
    (void)state;
    struct err err = {0};
    struct str out = {0};
    struct session *s = opened(MODEL);
    edit(s);
    assert_int_equal(session_command(s, "fit epochs", 0, &out, &err), ST_USAGE);
    assert_int_equal(session_command(s, "fit save x.onnx", 0, &out, &err), ST_NO);
    ok(session_command(s, "fit epochs 1 batch 16", 0, &out, &err), &err);
    ok(session_command(s, "fit start", 0, &out, &err), &err);
    assert_non_null(strstr(str_text(&out), "after (version 1): trained"));
    assert_non_null(strstr(str_text(&out), "predicted: "));
    str_done(&out);
    session_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_are_trained_and_repeat_themselves),
        cmocka_unit_test(the_result_can_be_written),
        cmocka_unit_test(stopping_keeps_what_was_reached),
        cmocka_unit_test(another_model_ends_it),
        cmocka_unit_test(failures_are_told),
        cmocka_unit_test(settings_are_checked),
        cmocka_unit_test(a_script_trains),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
