/* A search within a session: progress, stopping and going on, one front for one seed, taking
 * points, settings, failures. */
#include "base/file.h"
#include "search/archive.h"
#include "session/session_priv.h"

#include <math.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define MODEL                                                                                \
    "nb201:|nor_conv_3x3~0|+|nor_conv_3x3~0|skip_connect~1|+|skip_connect~0|nor_conv_3x3~1|" \
    "nor_conv_3x3~2|@s"

static char dir[] = "test_session_search.XXXXXX";
static char real[512];
static int n_state;

/* Every test has archives of its own. */
static int fresh(void **state)
{
    char path[600];
    (void)state;
    snprintf(path, sizeof path, "%s/state-%d", real, n_state++);
    setenv("XDG_STATE_HOME", path, 1);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    char *full = mkdtemp(dir) ? realpath(dir, NULL) : NULL;
    if (!full || strlen(full) >= sizeof real)
        return -1;
    strcpy(real, full);
    free(full);
    setenv("XDG_DATA_HOME", real, 1);
    setenv("XDG_CACHE_HOME", real, 1);
    return 0;
}

static int teardown(void **state)
{
    char cmd[600];
    (void)state;
    snprintf(cmd, sizeof cmd, "rm -rf '%s'", real);
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
    ok(session_search_set(s, name, value, &err), &err);
}

static struct session *opened_with(const struct session_opts *o)
{
    struct session *s = session_new(o);
    struct err err = {0};
    ok(session_open(s, MODEL, SESSION_ASK, &err), &err);
    set(s, "population", "16");
    set(s, "evaluations", "96");
    return s;
}

static struct session *opened(int threads)
{
    return opened_with(&(struct session_opts){.seed = 3, .threads = threads, .tries = 4});
}

static struct session_search now(const struct session *s)
{
    struct session_search f;
    session_search_state(s, &f);
    return f;
}

/* Polls until so many networks were tried; the bits that changed. */
static unsigned await_tried(struct session *s, int64_t tried)
{
    unsigned seen = 0;
    for (int i = 0; i < 600; i++) {
        struct pollfd p = {.fd = session_fd(s), .events = POLLIN};
        poll(&p, 1, 100);
        seen |= session_poll(s);
        if (now(s).now.tried >= tried)
            return seen;
    }
    fail_msg("%lld of %lld tried", (long long)now(s).now.tried, (long long)tried);
    return 0;
}

static void start(struct session *s)
{
    struct err err = {0};
    ok(session_search_start(s, false, &err), &err);
    assert_true(session_search_running(s));
}

static void run(struct session *s)
{
    struct err err = {0};
    start(s);
    ok(session_wait(s, &err), &err);
    assert_false(session_search_running(s));
}

static bool is_told(struct session *s, const char *what)
{
    for (const char *note; (note = session_notice(s));)
        if (strstr(note, what))
            return true;
    return false;
}

/* Polls until it is told. */
static bool will_tell(struct session *s, const char *what)
{
    bool told = false;
    for (int i = 0; i < 100 && !(told = is_told(s, what)); i++) {
        struct pollfd p = {.fd = session_fd(s), .events = POLLIN};
        poll(&p, 1, 100);
        session_poll(s);
    }
    return told;
}

/* A point of the front that is not the network begun with. */
static int edited(const struct session *s)
{
    struct session_search f = now(s);
    int i = 0;
    while (i < f.n_front && f.front[i].at.edits == 0)
        i++;
    assert_true(i < f.n_front);
    return i;
}

static uint64_t hash_now(const struct session *s)
{
    return session_version(s, session_cursor(s))->hash;
}

/* ---- running ---- */

static void it_stops_and_goes_on(void **state)
{
    (void)state;
    struct err err = {0};
    struct session *s = opened(2);
    assert_int_equal(now(s).stage, SESSION_SEARCH_NONE);
    set(s, "evaluations", "1000000");
    start(s);
    assert_int_equal(session_search_start(s, false, &err), ST_NO);
    assert_true(await_tried(s, 48) & SESSION_CHANGED_SEARCH);
    assert_true(session_busy(s));
    struct session_search f = now(s);
    assert_int_equal(f.stage, SESSION_SEARCH_RUNNING);
    assert_int_equal(f.now.accepted + f.now.duplicates + f.now.refused + f.now.beyond, f.now.tried);
    assert_true(f.n_front > 0 && f.n_past >= 2 && f.rate > 0 && f.now.volume > 0);
    /* workers are free for everything else */
    ok(session_select(s, 3, &err), &err);
    for (int i = 0, done = 0, total = -1; i < 100 && (total < 0 || done < total); i++) {
        struct pollfd p = {.fd = session_fd(s), .events = POLLIN};
        poll(&p, 1, 100);
        session_poll(s);
        session_progress(s, &done, &total);
    }
    assert_true(session_n_candidates(s) > 0);
    session_search_stop(s);
    assert_false(session_search_running(s));
    assert_int_equal(now(s).stage, SESSION_SEARCH_STOPPED);
    /* again at once, while the worker may still be at it */
    int64_t tried = now(s).now.tried;
    start(s);
    await_tried(s, tried + 32);
    session_search_stop(s);
    tried = now(s).now.tried;
    f = now(s);
    for (int i = 1; i < f.n_past; i++)
        assert_true(f.past[i].tried > f.past[i - 1].tried &&
                    f.past[i].volume >= f.past[i - 1].volume);
    assert_int_equal(f.past[0].tried, 0);
    assert_int_equal(f.past[f.n_past - 1].tried, tried);
    assert_false(is_told(s, "gone"));
    session_free(s);
    /* another day */
    s = opened(2);
    set(s, "evaluations", "1000000");
    start(s);
    await_tried(s, 1);
    assert_true(now(s).now.tried >= tried);
    session_free(s); /* in the middle */
}

static void one_seed_has_one_front(void **state)
{
    struct err err = {0};
    struct session *a = opened(1), *b;
    run(a);
    assert_int_equal(now(a).stage, SESSION_SEARCH_DONE);
    assert_int_equal(now(a).now.tried, 96);
    assert_int_equal(session_search_percent(a), 100);
    assert_int_equal(session_search_start(a, false, &err), ST_NO);
    fresh(state);
    b = opened(3);
    start(b);
    await_tried(b, 16);
    session_search_stop(b);
    run(b);
    struct session_search f = now(a), g = now(b);
    assert_int_equal(f.n_front, g.n_front);
    assert_true(f.now.volume == g.now.volume);
    for (int i = 0; i < f.n_front; i++) {
        assert_true(f.front[i].at.hash == g.front[i].at.hash);
        assert_int_equal(f.front[i].line.n, g.front[i].line.n);
        if (i)
            assert_true(session_search_change(&f, &f.front[i].at, GOAL_ACC) <=
                        session_search_change(&f, &f.front[i - 1].at, GOAL_ACC));
    }
    set(a, "evaluations", "128");
    assert_false(session_search_is_other(a));
    run(a);
    assert_int_equal(now(a).now.tried, 128);
    session_free(a);
    session_free(b);
}

/* ---- taking ---- */

static void take(struct session *s, int i)
{
    struct err err = {0};
    ok(session_search_take(s, i, &err), &err);
    ok(session_wait(s, &err), &err);
}

static void points_are_taken_edit_by_edit(void **state)
{
    (void)state;
    struct err err = {0};
    char journal[600];
    snprintf(journal, sizeof journal, "%s/journal", real);
    const struct session_opts o = {
        .seed = 3, .threads = 2, .journal = SESSION_JOURNAL_FILE, .journal_path = journal};
    struct session *s = opened_with(&o);
    uint64_t base = hash_now(s);
    assert_int_equal(session_search_take(s, 0, &err), ST_USAGE);
    run(s);
    struct session_search f = now(s);
    for (int i = 0; i < f.n_front; i++) {
        take(s, i);
        assert_true(is_told(s, "is version"));
        assert_true(hash_now(s) == f.front[i].at.hash);
        int edits = f.front[i].at.edits, steps = 0;
        while (session_cursor(s) != 0 && session_undo(s, &err) == ST_OK)
            steps++;
        assert_int_equal(steps, edits);
        assert_true(hash_now(s) == base);
    }
    /* those that are there are not made again; a part of a line is gone on with */
    int n = session_n_versions(s);
    take(s, 0);
    assert_int_equal(session_n_versions(s), n);
    assert_true(hash_now(s) == f.front[0].at.hash);
    /* repairs are set otherwise by the user: an edit of the search is one of the search */
    struct session_repair how = {.multiple = 32, .grow = 4};
    ok(session_set_repair(s, &how, &err), &err);
    set(s, "evaluations", "160");
    ok(session_goto(s, 0, &err), &err);
    run(s);
    f = now(s);
    for (int i = 0; i < f.n_front; i++) {
        take(s, i);
        assert_true(hash_now(s) == f.front[i].at.hash);
    }
    /* the journal replays all of it */
    n = session_n_versions(s);
    uint64_t last = hash_now(s);
    session_free(s);
    s = session_new(&o);
    ok(session_open(s, MODEL, SESSION_RECOVER, &err), &err);
    assert_int_equal(session_n_versions(s), n);
    assert_true(hash_now(s) == last);
    session_free(s);
}

static void a_point_is_taken_while_it_runs(void **state)
{
    (void)state;
    struct err err = {0};
    struct session *s = opened(2);
    set(s, "evaluations", "1000000");
    start(s);
    await_tried(s, 64);
    int which = edited(s);
    uint64_t want = now(s).front[which].at.hash;
    ok(session_search_take(s, which, &err), &err);
    unsigned seen = 0;
    for (int i = 0; i < 300 && !(seen & SESSION_CHANGED_VERSION); i++) {
        struct pollfd p = {.fd = session_fd(s), .events = POLLIN};
        poll(&p, 1, 100);
        seen |= session_poll(s);
    }
    assert_true(seen & SESSION_CHANGED_VERSION);
    assert_true(hash_now(s) == want);
    assert_true(session_search_running(s));
    assert_int_equal(now(s).version, 0);
    /* it goes on with version 0, unless asked to begin here */
    int64_t tried = now(s).now.tried;
    session_search_stop(s);
    assert_false(session_search_is_other(s));
    start(s);
    assert_int_equal(now(s).version, 0);
    await_tried(s, tried + 16);
    session_search_stop(s);
    ok(session_search_start(s, true, &err), &err);
    assert_int_equal(now(s).version, session_cursor(s));
    assert_false(now(s).known);
    await_tried(s, 16);
    session_free(s);
}

static void another_network_is_not_taken(void **state)
{
    (void)state;
    struct err err = {0};
    struct str out = {0};
    struct session *s = opened(2);
    run(s);
    int which = edited(s);
    struct session_search_point *p = &s->searching.now->front[which];
    char command[32];
    p->at.hash ^= 1;
    take(s, which);
    assert_true(is_told(s, "is not taken: its edits give another network"));
    assert_int_equal(session_n_versions(s), 1);
    p->at.hash ^= 1;
    p->line.at[0].step[0].segment = 12345;
    snprintf(command, sizeof command, "search take %d", which + 1);
    assert_int_equal(session_command(s, command, 0, &out, &err), ST_NO);
    assert_non_null(strstr(err.msg, "edit 1 cannot be made"));
    assert_int_equal(session_n_versions(s), 1);
    str_done(&out);
    session_free(s);
}

/* ---- settings ---- */

static void settings_are_checked(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"evaluations", "0"},   {"population", "3"}, {"objectives", "acc,beauty"},
        {"objectives", ""},     {"scheme", "x"},     {"sources", "x"},
        {"max-flops", "a lot"}, {"no-ops", "Cinv"},  {"colour", "1"}};
    struct err err = {0};
    struct session *s = opened(2);
    set(s, "objectives", "flops,cycles");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(session_search_set(s, bad[i][0], bad[i][1], &err), ST_USAGE);
    assert_string_equal(session_search_value(s, SET_OBJECTIVES), "flops,cycles");
    set(s, "objectives", "default");
    set(s, "population", "default");
    set(s, "evaluations", "default");
    assert_string_equal(session_search_value(s, SET_POPULATION), "64");
    assert_string_equal(session_search_value(s, SET_MAX_FLOPS), "none");
    assert_false(session_search_is_set(s, SET_OBJECTIVES));
    /* what is said to hold without a setting is what holds */
    struct search_settings plain, said;
    search_settings_init(&plain);
    search_settings_init(&said);
    for (int k = 0; k <= SET_TRUST; k++)
        if (strcmp(session_search_value(s, (enum search_setting)k), "none") != 0)
            ok(search_settings_set(&said, (enum search_setting)k,
                                   session_search_value(s, (enum search_setting)k), &err),
               &err);
    assert_int_equal(said.o.n_goal, plain.o.n_goal);
    assert_memory_equal(said.o.goal, plain.o.goal, 2 * sizeof *plain.o.goal);
    assert_int_equal(said.o.evaluations, plain.o.evaluations);
    assert_int_equal(said.o.population, SEARCH_POPULATION);
    assert_int_equal(said.o.scheme, plain.o.scheme);
    assert_int_equal(said.o.source, plain.o.source);
    assert_true(said.o.trust == plain.o.trust);
    search_settings_done(&said);
    search_settings_done(&plain);
    session_free(s);
}

static void other_settings_are_another_search(void **state)
{
    (void)state;
    struct err err = {0};
    struct session *s = opened(2);
    run(s);
    double most = now(s).base.value[GOAL_FLOPS];
    set(s, "max-flops", "-3%");
    set(s, "freeze", "0,1");
    assert_true(session_search_is_other(s));
    run(s);
    struct session_search f = now(s);
    assert_int_equal(f.now.tried, 96);
    assert_true(f.now.beyond > 0);
    for (int i = 0; i < f.n_front; i++)
        assert_true(f.front[i].at.value[GOAL_FLOPS] <= .97 * most);
    /* it does not fit the network: told at once, and what was there stays */
    set(s, "freeze", "99");
    assert_int_equal(session_search_start(s, false, &err), ST_USAGE);
    assert_int_equal(now(s).n_front, f.n_front);
    /* back to the first: it is as it was */
    set(s, "max-flops", "default");
    set(s, "freeze", "default");
    run(s);
    assert_int_equal(now(s).now.tried, 96);
    assert_int_equal(now(s).now.beyond, 0);
    session_free(s);
}

static void changes_are_met_on_the_way(void **state)
{
    struct err err = {0};
    struct str out = {0};
    struct session *a = opened(2), *b;
    set(a, "evaluations", "1000000");
    set(a, "objectives", "acc,flops");
    start(a);
    await_tried(a, 48);
    double most = .97 * now(a).base.value[GOAL_FLOPS];
    ok(session_command(a, "search set max-flops -3%", SESSION_ASYNC, &out, &err), &err);
    assert_non_null(strstr(str_text(&out), "from the next generation on"));
    assert_false(session_search_is_other(a));
    for (int i = 0; i < 50 && now(a).now.n_change == 0; i++)
        await_tried(a, now(a).now.tried + 1);
    struct session_search f = now(a);
    assert_int_equal(f.now.n_change, 1);
    int generation = f.now.change[0].generation;
    assert_string_equal(f.now.change[0].text, "max-flops -3%");
    for (int i = 0; i < f.n_front; i++)
        assert_true(f.front[i].at.value[GOAL_FLOPS] <= most);
    /* what stays, and what does not fit: nothing is changed */
    assert_int_equal(session_search_set(a, "population", "32", &err), ST_NO);
    assert_non_null(strstr(err.msg, "population stays"));
    assert_int_equal(session_search_set(a, "objectives", "flops", &err), ST_NO);
    assert_int_equal(session_search_set(a, "max-latency", "3", &err), ST_NO);
    assert_int_equal(session_search_set(a, "freeze", "99", &err), ST_USAGE);
    assert_string_equal(session_search_value(a, SET_POPULATION), "16");
    /* stopped, it is changed as well; what is taken back behind the same generation was none */
    await_tried(a, now(a).now.tried + 32);
    session_search_stop(a);
    set(a, "max-flops", "default");
    assert_false(session_search_is_other(a));
    start(a);
    for (int i = 0; i < 50 && now(a).now.n_change < 2; i++)
        await_tried(a, now(a).now.tried + 1);
    assert_int_equal(now(a).now.n_change, 2);
    int again = now(a).now.change[1].generation;
    assert_string_equal(now(a).now.change[1].text, "max-flops none");
    assert_true(again > generation);
    int64_t whole = now(a).now.tried + 16;
    char evaluations[32];
    snprintf(evaluations, sizeof evaluations, "%lld", (long long)whole);
    set(a, "evaluations", evaluations);
    ok(session_wait(a, &err), &err);
    f = now(a);
    /* left alone with the same changes: the same front */
    fresh(state);
    b = opened(1);
    snprintf(evaluations, sizeof evaluations, "%d", 16 * generation);
    set(b, "evaluations", evaluations);
    run(b);
    b->searching.end = SEARCH_STOPPED;
    set(b, "max-flops", "-3%");
    snprintf(evaluations, sizeof evaluations, "%d", 16 * again);
    set(b, "evaluations", evaluations);
    run(b);
    b->searching.end = SEARCH_STOPPED;
    set(b, "max-flops", "default");
    snprintf(evaluations, sizeof evaluations, "%lld", (long long)f.now.tried);
    set(b, "evaluations", evaluations);
    run(b);
    struct session_search g = now(b);
    assert_int_equal(g.now.tried, f.now.tried);
    assert_int_equal(g.now.n_change, 2);
    assert_int_equal(g.n_front, f.n_front);
    assert_true(g.now.volume == f.now.volume);
    for (int i = 0; i < f.n_front; i++)
        assert_true(f.front[i].at.hash == g.front[i].at.hash);
    session_free(b);
    /* another day the settings that it had in between lead to it */
    b = opened(1);
    set(b, "max-flops", "-3%");
    set(b, "evaluations", evaluations);
    run(b);
    assert_true(now(b).now.tried == f.now.tried && now(b).now.n_change == 3);
    session_free(b);
    session_free(a);
    str_done(&out);
}

/* ---- archives ---- */

static void age(const char *path, time_t days)
{
    const struct timespec when = {.tv_sec = time(NULL) - days * 86400};
    const struct timespec both[2] = {when, when};
    assert_int_equal(utimensat(AT_FDCWD, path, both, 0), 0);
}

static void old_archives_are_removed(void **state)
{
    (void)state;
    struct err err = {0};
    struct session *s = opened(1), *t = opened(1);
    char path[600], copy[32][700];
    size_t size;
    unsigned char *data;
    set(s, "evaluations", "16");
    run(s);
    snprintf(path, sizeof path, "%s", now(s).archive);
    ok(file_read(path, 1 << 24, &data, &size, &err), &err);
    for (int i = 0; i < 32; i++) {
        snprintf(copy[i], sizeof copy[i], "%.*s-%02d.db", (int)(strrchr(path, '.') - path), path,
                 i);
        ok(file_write(copy[i], data, size, &err), &err);
        age(copy[i], i < 16 ? 29 : 31 + i);
    }
    free(data);
    ok(file_write(copy[31], "no archive, whatever it is", 26, &err), &err);
    age(copy[31], 99);
    struct archive *used;
    ok(archive_again(&used, copy[30], &err), &err);
    ok(archive_begin(used, &err), &err);
    ok(archive_measure(used, 1, "x", 1, 1, &err), &err);
    set(t, "max-flops", "-1%");
    set(t, "evaluations", "16");
    run(t);
    archive_close(used);
    /* of s, 16 that are not old, three more of the newest 20 */
    assert_int_equal(access(path, F_OK), 0);
    for (int i = 0; i < 32; i++)
        if ((access(copy[i], F_OK) == 0) != (i < 19 || i >= 30))
            fail_msg("%s is %s", copy[i], access(copy[i], F_OK) == 0 ? "there" : "gone");
    session_free(s);
    session_free(t);
}

/* ---- failures ---- */

static void failures_are_told(void **state)
{
    (void)state;
    struct err err = {0};
    const struct session_opts o = {.seed = 3, .threads = 2, .predictor_path = "no-such-file"};
    struct session *s = opened_with(&o), *t;
    run(s);
    assert_int_equal(now(s).stage, SESSION_SEARCH_FAILED);
    assert_non_null(strstr(now(s).error, "acc is not known: there is no predictor"));
    set(s, "objectives", "flops,cycles");
    run(s);
    assert_int_equal(now(s).stage, SESSION_SEARCH_DONE);
    assert_true(now(s).n_front > 0 && isnan(now(s).base.value[GOAL_ACC]));
    session_free(s);
    /* one archive, two sessions */
    s = opened(2);
    t = opened(2);
    set(s, "evaluations", "1000000");
    start(s);
    await_tried(s, 32);
    run(t);
    assert_int_equal(now(t).stage, SESSION_SEARCH_FAILED);
    assert_non_null(strstr(now(t).error, "a running search is using it"));
    session_free(t);
    /* removed */
    session_search_stop(s);
    ok(session_wait(s, &err), &err);
    char path[600];
    snprintf(path, sizeof path, "%s", now(s).archive);
    assert_int_equal(unlink(path), 0);
    start(s);
    assert_true(will_tell(s, "is gone"));
    assert_int_equal(now(s).past[0].tried, 0);
    session_free(s);
    /* damaged */
    s = opened(2);
    ok(file_write(path, "no database, whatever it is, but long enough", 44, &err), &err);
    run(s);
    assert_int_equal(now(s).stage, SESSION_SEARCH_FAILED);
    assert_non_null(strstr(now(s).error, path));
    session_free(s);
}

static void another_model_ends_it(void **state)
{
    (void)state;
    struct err err = {0};
    struct session *s = opened(2);
    set(s, "evaluations", "1000000");
    start(s);
    await_tried(s, 16);
    ok(session_open(s, "zoo:fsrcnn-3", SESSION_ASK, &err), &err);
    assert_false(session_search_running(s));
    assert_int_equal(now(s).stage, SESSION_SEARCH_NONE);
    assert_int_equal(now(s).n_front, 0);
    assert_string_equal(session_search_value(s, SET_POPULATION), "16");
    session_free(s);
}

static void a_script_searches(void **state)
{
    (void)state;
    struct err err = {0};
    struct str out = {0};
    struct session *s = opened(2);
    assert_int_equal(session_command(s, "search set evaluations", 0, &out, &err), ST_USAGE);
    assert_int_equal(session_command(s, "search set evaluations x", 0, &out, &err), ST_USAGE);
    assert_int_equal(session_command(s, "search take 1", 0, &out, &err), ST_USAGE);
    assert_int_equal(session_command(s, "search sideways", 0, &out, &err), ST_USAGE);
    ok(session_command(s, "search", 0, &out, &err), &err);
    assert_non_null(strstr(str_text(&out), "no search yet"));
    ok(session_command(s, "search start", 0, &out, &err), &err);
    assert_non_null(strstr(str_text(&out), "96 tried: "));
    ok(session_command(s, "search take 1", 0, &out, &err), &err);
    assert_non_null(strstr(str_text(&out), "point 1 is version "));
    ok(session_command(s, "search set max-flops -5%", 0, &out, &err), &err);
    assert_non_null(strstr(str_text(&out), "another search from now on"));
    ok(session_command(s, "search set objectives energy", 0, &out, &err), &err);
    ok(session_command(s, "search set max-flops 1", 0, &out, &err), &err);
    assert_int_equal(session_command(s, "search start here", 0, &out, &err), ST_NO);
    assert_non_null(strstr(err.msg, "limits"));
    str_done(&out);
    session_free(s);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, fresh)
    const struct CMUnitTest tests[] = {
        T(it_stops_and_goes_on),
        T(one_seed_has_one_front),
        T(points_are_taken_edit_by_edit),
        T(a_point_is_taken_while_it_runs),
        T(another_network_is_not_taken),
        T(settings_are_checked),
        T(other_settings_are_another_search),
        T(changes_are_met_on_the_way),
        T(old_archives_are_removed),
        T(failures_are_told),
        T(another_model_ends_it),
        T(a_script_searches),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
