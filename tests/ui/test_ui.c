/* The workbench as a user sees it: every view compared with a saved screen at two sizes, ASCII and
 * mono, resizing, crashes, signals, bad terminals, bad models, scripts, recovery.
 * AUTOGO is the program (default: ./autogo). */
#include "vt.h"

#include "tests/unit/idx_make.h"
#include "session/describe.h"
#include "ui/text.h"

#include <locale.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
/* after the above */
#include <cmocka.h>

static char work[64];     /* a folder of this run */
static char shipped[600]; /* the predictor that comes with the program */
static char lessons[600]; /* the examples */
static char program[512];
static int n_state;

static void shell(const char *command)
{
    if (system(command) != 0) {
        printf("failed: %s\n", command);
        exit(99);
    }
}

/* The database of the screens is mined here from a few networks, so that they do not change with
 * the shipped one. */
static int set_up(void **state)
{
    char cmd[1024];
    (void)state;
    const char *p = getenv("AUTOGO");
    char *full = realpath(p ? p : "./autogo", NULL);
    if (!full || strlen(full) >= sizeof program) {
        perror(p ? p : "./autogo");
        return -1;
    }
    strcpy(program, full);
    free(full);
    strcpy(work, "/tmp/autogo-ui-XXXXXX");
    if (!mkdtemp(work) || chdir(work) != 0)
        return -1;
    snprintf(
        cmd, sizeof cmd,
        "mkdir segments && '%s' mine zoo:resnet50 zoo:mobilenetv2 zoo:fsrcnn-3 nb201:sample=500 "
        "-o segments/segments.db >/dev/null 2>mine.err </dev/null",
        program);
    shell(cmd);
    const char *data = getenv("AUTOGO_DATA");
    snprintf(shipped, sizeof shipped, "%.*s/segments/predictor.bin",
             data ? (int)strlen(data) : (int)(strrchr(program, '/') - program),
             data ? data : program);
    snprintf(lessons, sizeof lessons, "%.*s/examples", (int)(strlen(shipped) - 23), shipped);
    snprintf(cmd, sizeof cmd, "ln -s \"$(dirname '%s')\"/npu segments/npu", shipped);
    shell(cmd);
    setenv("AUTOGO_DATA", work, 1);
    setenv("HOME", work, 1);
    return 0;
}

static int tear_down(void **state)
{
    char cmd[128];
    (void)state;
    snprintf(cmd, sizeof cmd, "cd / && rm -rf '%s'", work);
    return system(cmd);
}

/* Every test has a history and segments of its own. */
static int fresh(void **state)
{
    char dir[128];
    (void)state;
    snprintf(dir, sizeof dir, "%s/state-%d", work, n_state++);
    setenv("XDG_STATE_HOME", dir, 1);
    setenv("XDG_DATA_HOME", dir, 1);
    return 0;
}

static struct vt *start_with(const struct vt_opts *o, const char *a, const char *b, const char *c)
{
    const char *argv[] = {program, "ui", a, a ? b : NULL, a && b ? c : NULL, NULL};
    return vt_start(argv, o);
}

static struct vt *start(int cols, int rows, const char *model)
{
    struct vt_opts o = {.rows = rows, .cols = cols};
    return start_with(&o, model, NULL, NULL);
}

static void quit(struct vt *v)
{
    vt_keys(v, "Esc");
    vt_keys(v, "Q");
    int status = vt_wait(v);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_false(vt_alternate(v));
    assert_true(vt_cooked(v));
    vt_free(v);
}

/* Leaves Conv1x1 BN Relu Conv3x3 BN in the candidates of segment 3 of ResNet-50. */
#define FILTER "/ops~conv1x1 && ops~relu && ops~conv3x3 && changes>0 && dflops<1"

/* ---- every view at a size ---- */

static void walk(int cols, int rows)
{
    struct vt *v = start(cols, rows, NULL);
    assert_true(vt_matches(v, "models"));
    vt_keys(v, "?");
    assert_true(vt_matches(v, "help"));
    vt_keys(v, "q Enter");
    assert_true(vt_expect(v, "version 0"));
    vt_keys(v, "j j j");
    assert_true(vt_matches(v, "segments"));
    vt_keys(v, "Tab Down Down");
    assert_true(vt_matches(v, "graph"));
    vt_keys(v, "z z");
    assert_true(vt_matches(v, "graph-node"));
    vt_keys(v, "Z Z Z");
    assert_true(vt_matches(v, "graph-segments"));
    vt_keys(v, "Tab Enter");
    assert_true(vt_expect(v, "candidates"));
    vt_settle(v);
    assert_true(vt_matches(v, "candidates"));
    vt_keys(v, "Tab");
    assert_true(vt_matches(v, "candidates-refused"));
    vt_keys(v, "Tab");
    vt_type(v, FILTER "\r");
    assert_true(vt_matches(v, "candidates-filtered"));
    vt_keys(v, "Enter");
    assert_true(vt_expect(v, "repair "));
    assert_true(vt_matches(v, "repair"));
    vt_keys(v, "j 7 2");
    assert_true(vt_expect(v, " 72_"));
    vt_keys(v, "Enter");
    assert_true(vt_expect(v, "conv1 pinned to 72 channels"));
    assert_true(vt_matches(v, "repair-pinned"));
    vt_keys(v, "j j j j 7");
    assert_true(vt_expect(v, "does not fit"));
    assert_true(vt_matches(v, "repair-refused"));
    vt_keys(v, "Esc X");
    vt_settle(v);
    vt_keys(v, "Enter");
    assert_true(vt_expect(v, "compare "));
    assert_true(vt_matches(v, "compare"));
    vt_keys(v, "a");
    assert_true(vt_expect(v, "applied as version 1"));
    vt_keys(v, "u");
    assert_true(vt_expect(v, "at version 0"));
    vt_keys(v, "j j j j Enter");
    assert_true(vt_expect(v, "shown by /ops~conv1x1")); /* it holds for all segments */
    vt_settle(v);
    vt_keys(v, "Esc a");
    assert_true(vt_expect(v, "applied as version 2"));
    vt_keys(v, "h");
    assert_true(vt_matches(v, "history"));
    vt_keys(v, "q :");
    vt_type(v, "info\r");
    assert_true(vt_matches(v, "output"));
    quit(v);
}

static void test_views_80x24(void **state)
{
    (void)state;
    walk(80, 24);
}

static void test_views_200x60(void **state)
{
    (void)state;
    walk(200, 60);
}

/* ---- repairs ---- */

/* The repair view on Conv1x1 BN Relu Conv3x3 BN, the cursor on conv1. */
static struct vt *open_repair(int cols, int rows)
{
    struct vt *v = start(cols, rows, "zoo:resnet50");
    assert_true(vt_expect(v, "segments"));
    vt_keys(v, "j j j Enter");
    assert_true(vt_expect(v, "candidates"));
    vt_settle(v);
    vt_type(v, FILTER "\r\r");
    assert_true(vt_expect(v, "for segment 3"));
    vt_keys(v, "j");
    return v;
}

/* Waits until the row that has `node` in it begins with `mark` and holds `text`. */
static bool row_becomes(struct vt *v, const char *node, char mark, const char *text)
{
    char name[64], row[512] = "";
    snprintf(name, sizeof name, " %s ", node);
    for (int i = 0; i < 200; i++) {
        vt_quiet(v, 20);
        for (const char *p = vt_text(v); *p; p += strcspn(p, "\n"), p += *p == '\n') {
            snprintf(row, sizeof row, "%.*s", (int)strcspn(p, "\n"), p);
            if (strncmp(row + 1, name, strlen(name)) != 0)
                continue;
            if (row[0] == mark && strstr(row, text))
                return true;
            break;
        }
    }
    printf("row of %s: %s\n", node, row);
    return false;
}

static void check_pin(int cols, int rows)
{
    struct vt *v = open_repair(cols, rows);
    assert_true(row_becomes(v, "conv1", ' ', " 128 "));
    vt_keys(v, "7");
    assert_true(row_becomes(v, "conv1", '*', "Nx7x56x56"));
    vt_keys(v, "2");
    assert_true(row_becomes(v, "conv1", '*', " 72_"));
    assert_true(row_becomes(v, "relu1", '*', "Nx72x56x56"));
    assert_true(row_becomes(v, "conv2", ' ', "Nx256x56x56"));
    vt_keys(v, "Esc");
    assert_true(vt_expect(v, "conv1 has no pin again"));
    assert_true(row_becomes(v, "conv1", ' ', "Nx128x56x56"));
    vt_keys(v, "7 Backspace 9 6 Enter");
    assert_true(vt_expect(v, "conv1 pinned to 96 channels"));
    assert_true(row_becomes(v, "conv1", '*', "Nx96x56x56"));
    vt_keys(v, "+ +");
    assert_true(row_becomes(v, "conv1", '*', " 112_"));
    vt_keys(v, "-");
    assert_true(row_becomes(v, "conv1", '*', " 104_"));
    vt_keys(v, "Esc");
    assert_true(vt_expect(v, "conv1 has its pin of 96 again"));
    assert_true(row_becomes(v, "bn1", ' ', "Nx96x56x56"));
    /* one that cannot be */
    vt_keys(v, "j j j j");
    vt_keys(v, "7");
    assert_true(vt_expect(v, "the pin on 'bn2' asks"));
    assert_true(vt_expect(v, "shown: the last that fit"));
    assert_true(row_becomes(v, "bn2", '!', " 7_"));
    assert_true(row_becomes(v, "output1", '!', "Nx256x56x56"));
    assert_true(row_becomes(v, "conv1", ' ', "Nx96x56x56"));
    vt_keys(v, "Enter");
    assert_true(vt_expect(v, "7 is refused; another number, or Esc to restore"));
    vt_type(v, "2\r"); /* Enter before the answer */
    assert_true(vt_expect(v, "72 is refused"));
    vt_keys(v, "a");
    assert_true(vt_expect(v, "for segment 3"));
    vt_quiet(v, 100);
    assert_null(strstr(vt_text(v), "applied"));
    vt_keys(v, "k");
    assert_true(vt_expect(v, "bn2 has no pin again"));
    assert_true(row_becomes(v, "bn2", ' ', "Nx256x56x56"));
    vt_keys(v, "a");
    assert_true(vt_expect(v, "applied as version 1: replace 3 s5 conv1:channels=96"));
    char cmd[300];
    snprintf(cmd, sizeof cmd, "grep -rq 'replace 3 s5 conv1:channels=96' '%s'",
             getenv("XDG_STATE_HOME"));
    shell(cmd);
    quit(v);
}

static void test_pin(void **state)
{
    (void)state;
    check_pin(80, 24);
    fresh(state); /* nothing to go on with */
    check_pin(200, 60);
}

static void check_refusal(int cols, int rows)
{
    struct vt *v = start(cols, rows, "zoo:resnet50");
    assert_true(vt_expect(v, "segments"));
    vt_keys(v, "j j j Enter");
    assert_true(vt_expect(v, "candidates"));
    vt_settle(v);
    vt_keys(v, "Tab a");
    assert_true(vt_expect(v, "input 'input1'"));
    vt_keys(v, "Enter");
    assert_true(vt_expect(v, "for segment 3"));
    assert_true(vt_expect(v, "does not fit: "));
    assert_true(vt_expect(v, "! input1"));
    vt_keys(v, "c");
    vt_quiet(v, 100);
    assert_true(vt_expect(v, "for segment 3"));
    vt_keys(v, "a");
    vt_quiet(v, 100);
    assert_null(strstr(vt_text(v), "applied"));
    assert_true(vt_matches(v, "repair-conflict"));
    vt_keys(v, "Esc");
    assert_true(vt_expect(v, "these are the refused"));
    quit(v);
}

static void test_refused(void **state)
{
    (void)state;
    check_refusal(80, 24);
    fresh(state); /* nothing to go on with */
    check_refusal(200, 60);
}

static void test_settings(void **state)
{
    (void)state;
    struct vt *v = open_repair(100, 30);
    vt_type(v, ":set multiple 16\r");
    assert_true(vt_expect(v, "candidates"));
    assert_true(vt_expect(v, "x16"));
    vt_settle(v);
    vt_keys(v, "Enter j");
    assert_true(vt_expect(v, "for segment 3"));
    vt_keys(v, "-");
    assert_true(row_becomes(v, "conv1", '*', "Nx112x56x56"));
    vt_keys(v, "Enter d");
    assert_true(vt_expect(v, "repairs: adapt, x16"));
    assert_true(vt_expect(v, "candidates"));
    vt_settle(v);
    vt_keys(v, "w M");
    assert_true(vt_expect(v, "repairs: grow 4, adapt, x32"));
    vt_type(v, ":multiple 5000\r");
    assert_true(vt_expect(v, "multiple 5000 is not from 0 to 1024"));
    vt_type(v, ":multiple 0\r");
    assert_true(vt_expect(v, "repairs: grow 4, adapt"));
    vt_settle(v);
    quit(v);
}

/* What is done outside the segment: nodes around it, adapters at its ports. */
static void check_reach(int cols, int rows)
{
    struct vt *v = start(cols, rows, "zoo:fsrcnn-3");
    assert_true(vt_expect(v, "segments"));
    vt_type(v, ":set adapt on\r:segment 3\r");
    assert_true(vt_expect(v, "candidates"));
    vt_settle(v);
    vt_type(v, "/adp\r");
    assert_true(vt_expect(v, "adapter: conv1x1 at output 1"));
    vt_keys(v, "Enter");
    assert_true(vt_expect(v, "1 adapter,"));
    assert_true(row_becomes(v, "adapter output 1", '+', "Conv 1x1"));
    assert_true(vt_expect(v, " adapter: conv1x1 at output 1"));
    assert_true(vt_matches(v, "repair-adapted"));
    vt_keys(v, "j j 4");
    assert_true(vt_expect(v, "the width of an adapter follows"));
    vt_keys(v, "a");
    assert_true(vt_expect(v, "applied as version 1"));
    vt_type(v, ":open zoo:resnet50\r");
    assert_true(vt_expect(v, "zoo:resnet50  version 0"));
    vt_type(v, ":set grow 4\r:segment 1\r");
    assert_true(vt_expect(v, "candidates"));
    assert_true(vt_expect(v, "97 fit"));
    vt_settle(v);
    vt_type(v, "/out\r");
    assert_true(vt_expect(v, "outside: layer1.0.conv1"));
    vt_keys(v, "Enter");
    assert_true(vt_expect(v, ", 2 outside,"));
    assert_true(vt_expect(v, " outside: layer1.0.conv1 new weights, layer1.0.downsample.0 new"));
    assert_true(vt_matches(v, "repair-grown"));
    quit(v);
}

static void test_reach(void **state)
{
    (void)state;
    check_reach(80, 24);
    fresh(state); /* nothing to go on with */
    check_reach(200, 60);
}

/* ---- training ---- */

#define CELL                                                                                 \
    "nb201:|nor_conv_3x3~0|+|nor_conv_3x3~0|skip_connect~1|+|skip_connect~0|nor_conv_3x3~1|" \
    "nor_conv_3x3~2|@s"

/* Numbers that come of training differ between processors: what is saved has none. */
static void check_fit(int cols, int rows)
{
    static const char *const env[] = {"XDG_CACHE_HOME=.", NULL};
    struct vt_opts o = {.rows = rows, .cols = cols, .env = env};
    struct vt *v = start_with(&o, CELL, "--threads", "2");
    assert_true(vt_expect(v, "segments"));
    vt_keys(v, "j f");
    assert_true(vt_expect(v, "there is no other version yet"));
    vt_keys(v, "q Enter");
    assert_true(vt_expect(v, "candidates"));
    vt_settle(v);
    vt_keys(v, "j a");
    assert_true(vt_expect(v, "applied as version 1"));
    vt_keys(v, "f");
    assert_true(vt_expect(v, "version 0 against version 1"));
    assert_true(vt_matches(v, "fit"));
    /* no images */
    vt_type(v, ":fit data none\r:fit-start\r");
    assert_true(vt_expect(v, "training ended without a result for both"));
    assert_true(vt_expect(v, "none: no images in it"));
    assert_true(vt_matches(v, "fit-failed"));
    /* both */
    vt_type(v, ":fit data images\r:fit batch 32\r");
    vt_keys(v, "-");
    assert_true(vt_expect(v, "epochs 3"));
    vt_type(v, "2\r");
    assert_true(vt_expect(v, "epochs 2"));
    vt_keys(v, "s");
    assert_true(vt_expect(v, "trained: accuracy"));
    assert_true(vt_expect(v, "64 test images"));
    assert_true(vt_expect(v, "-> 4 classes"));
    assert_true(vt_expect(v, "before version 0  trained"));
    assert_true(vt_expect(v, "after  version 1  trained"));
    assert_true(vt_expect(v, " pts      unknown"));
    assert_true(vt_expect(v, "\n     2 "));
    assert_true(vt_expect(v, " ms "));
    vt_keys(v, "s");
    assert_true(vt_expect(v, "measured with these settings already"));
    vt_type(v, "wtrained.onnx\r");
    assert_true(vt_expect(v, "trained.onnx: written"));
    shell("test -s trained.onnx && rm trained.onnx");
    vt_keys(v, "u");
    assert_true(vt_expect(v, "at version 0"));
    quit(v);
}

static void test_fit(void **state)
{
    shell("mkdir -p images");
    idx_make("images", 256, 64);
    check_fit(80, 24);
    fresh(state); /* nothing to go on with */
    check_fit(200, 60);
}

/* A long training: keys are answered meanwhile, other views too, and it ends with the program. */
static void test_fit_goes_on(void **state)
{
    (void)state;
    double most = 0, median = 0;
    shell("mkdir -p images");
    idx_make("images", 256, 64);
    struct vt_opts o = {.rows = 24, .cols = 80, .term = "vt100", .locale = "C"};
    struct vt *v = start_with(&o, CELL, "--threads", "2");
    assert_true(vt_expect(v, "segments"));
    vt_type(v, ":fit data images epochs 9999\r:fit start\r");
    assert_true(vt_expect(v, "o before version 0  epoch "));
    assert_true(vt_expect(v, "\n     2 "));
    for (int i = 0; i < 40; i++) {
        vt_keys(v, i % 2 ? "k" : "j");
        vt_quiet(v, 5);
    }
    vt_type(v, ":stats\r");
    assert_true(vt_expect(v, "key to frame"));
    const char *line = strstr(vt_text(v), "key to frame");
    assert_int_equal(sscanf(line,
                            "key to frame: median %lf ms, p99 %*f ms, p99.9 %*f ms, most %lf ms",
                            &median, &most),
                     2);
    assert_true(median < 16);
    vt_keys(v, "q q");
    assert_true(vt_expect(v, "training "));
    vt_keys(v, "j j j Enter");
    assert_true(vt_expect(v, " fit, "));
    vt_keys(v, "q f");
    assert_true(vt_expect(v, "epochs 9999"));
    vt_keys(v, "s");
    assert_true(vt_expect(v, "training already"));
    vt_keys(v, "x");
    assert_true(vt_expect(v, "stopped after "));
    vt_keys(v, "s");
    assert_true(vt_expect(v, "version 0  epoch 1"));
    size_t n;
    const char *raw = vt_raw(v, &n);
    for (size_t i = 0; i < n; i++)
        assert_true((unsigned char)raw[i] < 0x80);
    quit(v);
}

/* ---- the autopilot ---- */

/* Without a predictor here: costs only. */
static struct vt *open_search(const struct vt_opts *o, const char *evaluations)
{
    char line[64];
    struct vt *v = start_with(o, CELL, "--threads", "2");
    assert_true(vt_expect(v, "segments"));
    vt_keys(v, "a");
    assert_true(vt_expect(v, "t searches from version 0"));
    vt_type(v, ":search set objectives flops,cycles\r:search set pop\t16\r");
    assert_true(vt_expect(v, "population: 16"));
    snprintf(line, sizeof line, "=evaluations %s\r", evaluations);
    vt_type(v, line);
    snprintf(line, sizeof line, "evaluations: %s", evaluations);
    assert_true(vt_expect(v, line));
    return v;
}

static void check_search(int cols, int rows)
{
    struct vt_opts o = {.rows = rows, .cols = cols};
    struct vt *v = open_search(&o, "96");
    vt_keys(v, "a");
    assert_true(vt_expect(v, "there is no point to take yet"));
    vt_keys(v, "t");
    assert_true(vt_expect(v, "version 0: ended, 96 tried, "));
    assert_true(vt_expect(v, " new "));
    assert_true(vt_expect(v, " seen before "));
    assert_true(vt_expect(v, " refused "));
    assert_true(vt_expect(v, "hypervolume of the front"));
    assert_true(vt_expect(v, "networks tried"));
    assert_true(vt_expect(v, "FLOPs  \u25cb base"));
    assert_true(vt_expect(v, " by s"));
    assert_true(vt_expect(v, "unknown"));
    vt_keys(v, "t");
    assert_true(vt_expect(v, "it has tried 96 networks; more: search set evaluations 192"));
    /* a point, edit by edit */
    vt_keys(v, "a");
    assert_true(vt_expect(v, "point 1 is version "));
    assert_null(strstr(vt_text(v), CELL "  version 0"));
    assert_true(vt_expect(v, "another search"));
    vt_keys(v, "u");
    assert_true(vt_expect(v, "at version "));
    vt_type(v, ":goto 0\r:sort edits\r");
    assert_true(vt_expect(v, "edits\u25b2"));
    vt_type(v, ":search set max-flops -1%\r");
    assert_true(vt_expect(v, "another search from now on"));
    vt_keys(v, "t");
    assert_true(vt_expect(v, "the search ended: "));
    assert_true(vt_expect(v, "ended, 96 tried"));
    assert_null(strstr(vt_text(v), " 0 beyond"));
    vt_type(v, ":search set max-flops 1\r");
    vt_keys(v, "t");
    assert_true(vt_expect(v, "the search ended: no network keeps within the limits"));
    quit(v);
}

static void test_search(void **state)
{
    (void)state;
    check_search(80, 24);
    fresh(state); /* nothing to go on with */
    check_search(200, 60);
}

/* A long search: paused, gone on with, points taken meanwhile, other views. */
static void test_search_goes_on(void **state)
{
    (void)state;
    struct vt_opts o = {.rows = 24, .cols = 80, .term = "vt100", .locale = "C"};
    struct vt *v = open_search(&o, "1000000");
    vt_keys(v, "t");
    assert_true(vt_expect(v, "of 1000000 tried"));
    assert_true(vt_expect(v, " by s"));
    vt_keys(v, "G a");
    assert_true(vt_expect(v, " is version "));
    assert_true(vt_expect(v, "searching "));
    vt_keys(v, "q j Enter");
    assert_true(vt_expect(v, " fit, "));
    vt_keys(v, "q a t");
    assert_true(vt_expect(v, "version 0: paused behind generation "));
    assert_true(vt_expect(v, "paused; t goes on"));
    vt_keys(v, "t");
    assert_true(vt_expect(v, "version 0: "));
    assert_true(vt_expect(v, "of 1000000 tried"));
    vt_keys(v, "T");
    assert_null(strstr(vt_text(v), "autogo: "));
    vt_quiet(v, 300);
    assert_null(strstr(vt_text(v), "version 0: "));
    assert_true(vt_expect(v, "of 1000000 tried"));
    size_t n;
    const char *raw = vt_raw(v, &n);
    for (size_t i = 0; i < n; i++)
        assert_true((unsigned char)raw[i] < 0x80);
    quit(v);
}

/* ---- other terminals ---- */

static void test_ascii_mono(void **state)
{
    (void)state;
    struct vt_opts o = {.rows = 24, .cols = 80, .term = "vt100", .locale = "C"};
    struct vt *v = start_with(&o, "zoo:fsrcnn-3", NULL, NULL);
    assert_true(vt_expect(v, "segments"));
    assert_true(vt_matches(v, "ascii-segments"));
    vt_keys(v, "j Tab");
    assert_true(vt_matches(v, "ascii-graph"));
    vt_keys(v, "Tab Enter");
    assert_true(vt_expect(v, "candidates"));
    vt_settle(v);
    assert_true(vt_matches(v, "ascii-candidates"));
    size_t n;
    const char *raw = vt_raw(v, &n);
    for (size_t i = 0; i < n; i++)
        assert_true((unsigned char)raw[i] < 0x80);
    quit(v);
}

static void test_no_color(void **state)
{
    (void)state;
    static const char *const env[] = {"NO_COLOR=1", NULL};
    struct vt_opts o = {.rows = 24, .cols = 80, .env = env};
    struct vt *v = start_with(&o, "zoo:fsrcnn-3", NULL, NULL);
    assert_true(vt_expect(v, "segments"));
    vt_settle(v);
    size_t n;
    const char *raw = vt_raw(v, &n);
    /* no SGR 3x or 4x but 39 and 49, the terminal's own */
    for (const char *p = raw; (p = strstr(p, "\033["));) {
        const char *end = p += 2;
        while (*end == ';' || (*end >= '0' && *end <= '9'))
            end++;
        for (; *end == 'm' && p < end; p += strcspn(p, ";m") + 1) {
            int sgr = atoi(p);
            assert_false(sgr >= 30 && sgr < 50 && sgr != 39 && sgr != 49);
        }
    }
    quit(v);
}

static void check_refused(const char *term, const char *says)
{
    struct vt_opts o = {.rows = 24, .cols = 80, .term = term};
    struct vt *v = start_with(&o, NULL, NULL, NULL);
    int status = vt_wait(v);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 2);
    assert_non_null(strstr(vt_text(v), says));
    assert_non_null(strstr(vt_text(v), "autogo: "));
    assert_true(vt_cooked(v));
    vt_free(v);
}

static void test_bad_terminals(void **state)
{
    (void)state;
    check_refused("dumb", "cannot move its cursor");
    check_refused("", "TERM is not set");
    check_refused("no-such-terminal", "unknown");
}

static void test_no_terminal(void **state)
{
    (void)state;
    char cmd[700];
    snprintf(cmd, sizeof cmd, "'%s' ui zoo:unet </dev/null >out 2>errors", program);
    int status = system(cmd);
    assert_int_equal(WEXITSTATUS(status), 2);
    shell("grep -q '^autogo: .*terminal' errors && test ! -s out");
}

static void test_resize(void **state)
{
    (void)state;
    struct vt *v = start(80, 24, "zoo:fsrcnn-3");
    assert_true(vt_expect(v, "segments"));
    vt_resize(v, 8, 30);
    assert_true(vt_expect(v, "terminal too small"));
    vt_keys(v, "j k ? q");
    vt_resize(v, 10, 40);
    assert_true(vt_expect(v, "zoo:fsrcnn-3"));
    vt_keys(v, "Enter");
    vt_settle(v);
    for (int w = 200; w > 5; w -= 39) {
        vt_resize(v, w / 3 + 1, w);
        vt_keys(v, "j Tab");
    }
    vt_resize(v, 1, 1);
    vt_quiet(v, 60);
    vt_resize(v, 30, 130);
    assert_true(vt_expect(v, "candidates"));
    quit(v);
}

/* ---- signals ---- */

static void check_restored(struct vt *v)
{
    assert_false(vt_alternate(v));
    assert_true(vt_cursor(v));
    assert_true(vt_cooked(v));
}

static void test_crash(void **state)
{
    (void)state;
    static const int signals[] = {SIGSEGV, SIGFPE, SIGILL, SIGBUS, SIGABRT};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct vt *v = start(80, 24, "zoo:fsrcnn-3");
        assert_true(vt_expect(v, "segments"));
        assert_true(vt_alternate(v));
        assert_false(vt_cooked(v));
        kill(vt_pid(v), signals[i]);
        int status = vt_wait(v);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), signals[i]);
        check_restored(v);
        assert_non_null(strstr(vt_text(v), "autogo: crashed (SIG"));
        vt_free(v);
    }
}

static void test_end_signals(void **state)
{
    (void)state;
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct vt *v = start(80, 24, "zoo:fsrcnn-3");
        assert_true(vt_expect(v, "segments"));
        kill(vt_pid(v), signals[i]);
        int status = vt_wait(v);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 130);
        check_restored(v);
        vt_free(v);
    }
}

/* A program is stopped only where a shell with job control can go on with it. */
static void test_suspend(void **state)
{
    (void)state;
    char script[700];
    struct vt_opts o = {.rows = 24, .cols = 80};
    snprintf(script, sizeof script, "'%s' ui zoo:fsrcnn-3; echo STOPPED; read x; fg; echo $? END",
             program);
    const char *argv[] = {"/bin/bash", "-m", "-c", script, NULL};
    struct vt *v = vt_start(argv, &o);
    assert_true(vt_expect(v, "segments"));
    vt_keys(v, "^Z");
    assert_true(vt_expect(v, "STOPPED"));
    check_restored(v);
    vt_keys(v, "Enter");
    assert_true(vt_expect(v, "segments"));
    assert_true(vt_alternate(v));
    assert_false(vt_cooked(v));
    vt_keys(v, "j Enter");
    assert_true(vt_expect(v, "candidates"));
    vt_keys(v, "Q");
    assert_true(vt_expect(v, "0 END"));
    check_restored(v);
    vt_wait(v);
    vt_free(v);
}

/* An idle workbench sleeps: no thread is woken while nothing happens. */
static long switches(pid_t pid)
{
    char cmd[128];
    long n = -1;
    snprintf(cmd, sizeof cmd,
             "awk '/ctxt_switches/ {n += $2} END {print n}' /proc/%d/task/*/status", (int)pid);
    FILE *f = popen(cmd, "r");
    if (!f || fscanf(f, "%ld", &n) != 1)
        n = -1;
    if (f)
        pclose(f);
    return n;
}

static void test_idle(void **state)
{
    (void)state;
    struct vt *v = start(200, 60, "zoo:resnet50");
    assert_true(vt_expect(v, "segments"));
    vt_keys(v, "j j j Enter");
    assert_true(vt_expect(v, "candidates"));
    vt_settle(v);
    vt_quiet(v, 300);
    long before = switches(vt_pid(v));
    usleep(500000);
    assert_int_equal(switches(vt_pid(v)), before);
    quit(v);
}

/* ---- bad input ---- */

static void test_bad_model(void **state)
{
    (void)state;
    char cmd[700], line[512] = "";
    shell("printf 'no model' >bad.onnx");
    snprintf(cmd, sizeof cmd, "'%s' info bad.onnx 2>errors </dev/null; test $? = 3", program);
    shell(cmd);
    FILE *f = fopen("errors", "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    fclose(f);
    line[strcspn(line, "\n")] = 0;
    struct vt *v = start(200, 24, "zoo:fsrcnn-3");
    assert_true(vt_expect(v, "segments"));
    vt_type(v, ":open bad.onnx\r");
    assert_true(vt_expect(v, line));
    vt_type(v, ":open no-such-file.onnx\r");
    assert_true(vt_expect(v, "autogo: no-such-file.onnx"));
    vt_type(v, ":frobnicate\r");
    assert_true(vt_expect(v, "no command is called 'frobnicate'"));
    vt_type(v, ":export no-such-folder/x.onnx\r");
    assert_true(vt_expect(v, "autogo: no-such-folder/x.onnx"));
    vt_type(v, ":export x.gif\r");
    assert_true(vt_expect(v, "suffix must be"));
    vt_type(v, "z");
    assert_true(vt_expect(v, "zoo:fsrcnn-3"));
    quit(v);
    v = start(200, 24, "bad.onnx");
    assert_true(vt_expect(v, line));
    quit(v);
}

/* A pipe into which nobody writes yet is a model that takes long. */
static void test_opening(void **state)
{
    (void)state;
    char cmd[900];
    snprintf(cmd, sizeof cmd,
             "mkfifo slow.onnx && '%s' convert zoo:fsrcnn-3 -o made.onnx >/dev/null", program);
    shell(cmd);
    struct vt *v = start(80, 24, "zoo:resnet50");
    assert_true(vt_expect(v, "segments"));
    vt_type(v, ":open slow.onnx\r");
    assert_true(vt_expect(v, "opening slow.onnx ..."));
    vt_keys(v, "j j Enter"); /* the old one is at hand */
    assert_true(vt_expect(v, "candidates"));
    assert_true(vt_expect(v, "zoo:resnet50"));
    vt_keys(v, "Esc");
    assert_true(vt_expect(v, "slow.onnx: not opened"));
    assert_true(vt_expect(v, "candidates")); /* and stays where it was */
    vt_type(v, ":open slow.onnx\r");
    assert_true(vt_expect(v, "opening slow.onnx ..."));
    vt_type(v, ":inf"); /* what is being typed comes first */
    snprintf(cmd, sizeof cmd, "cat made.onnx >slow.onnx");
    shell(cmd);
    vt_quiet(v, 300);
    assert_true(vt_expect(v, ":inf"));
    assert_true(vt_expect(v, "zoo:resnet50"));
    vt_keys(v, "Esc");
    assert_true(vt_expect(v, " slow.onnx  version 0"));
    assert_true(vt_expect(v, "segments"));
    /* a tab of its own, which goes when nothing comes */
    shell("mkfifo two.onnx");
    vt_type(v, ":tab two.onnx\r");
    assert_true(vt_expect(v, " 2 two.onnx opening"));
    vt_type(v, ":tab-next\r");
    assert_true(vt_expect(v, " slow.onnx  version 0"));
    shell("echo none >two.onnx");
    assert_true(vt_expect(v, "two.onnx: not an ONNX model"));
    assert_null(strstr(vt_text(v), "two.onnx opening"));
    vt_type(v, ":open two.onnx\r");
    assert_true(vt_expect(v, "opening two.onnx ..."));
    quit(v);
    /* leaving does not wait */
    v = start(80, 24, "two.onnx");
    assert_true(vt_expect(v, "opening two.onnx ..."));
    vt_keys(v, "Q");
    assert_int_equal(vt_wait(v), 0);
    vt_free(v);
    shell("rm slow.onnx two.onnx made.onnx");
}

static void test_hostile_name(void **state)
{
    (void)state;
    char cmd[900], path[] = "e\033[2Jvil\315\201\u202e\u4e2d\a\377.onnx";
    snprintf(cmd, sizeof cmd, "'%s' convert zoo:fsrcnn-3 -o ok.onnx >/dev/null", program);
    shell(cmd);
    assert_int_equal(rename("ok.onnx", path), 0);
    struct vt *v = start(80, 24, path);
    assert_true(vt_expect(v, "segments"));
    assert_true(vt_expect(v, "e?[2Jvil\u4e2d??.onnx  version 0"));
    quit(v);
}

static void test_sanitise(void **state)
{
    (void)state;
    wchar_t out[64];
    bool cut;
    char clean[64];
    setlocale(LC_CTYPE, "C.UTF-8");
    assert_int_equal(text_cells("a\033[31mb", 20, false, out, &cut), 7);
    assert_true(wcscmp(out, L"a?[31mb") == 0);
    /* combining mark, direction override, zero width space: nothing; a wide one takes two */
    assert_int_equal(text_cells("e\u0301\u202e\u200bx\u4e2d", 20, false, out, &cut), 4);
    assert_true(wcscmp(out, L"ex\u4e2d") == 0);
    assert_int_equal(text_cells("ab\u4e2d", 3, false, out, &cut), 2);
    assert_true(cut);
    /* overlong, surrogate, cut short, stray */
    assert_int_equal(text_cells("\xc0\xaf|\xed\xa0\x80|\xe4\xb8|\x80", 20, false, out, &cut), 11);
    assert_int_equal(text_cells("\u00e9\u4e2d", 20, true, out, &cut), 2);
    assert_true(wcscmp(out, L"??") == 0);
    text_clean(clean, sizeof clean, "a\nb\tc\302\233d");
    assert_string_equal(clean, "a?b?c?d");
    size_t skip;
    assert_int_equal(text_line("one two three", 9, false, &skip), 7);
    assert_int_equal(skip, 1);
    assert_int_equal(text_line("abcdef", 4, false, &skip), 4);
    assert_int_equal(skip, 0);
    assert_int_equal(text_line("\u4e2d\u4e2d", 1, false, &skip), 3);
    assert_int_equal(text_lines("one two three", 9, false), 2);
    assert_int_equal(text_lines("one two three", 13, false), 1);
    assert_int_equal(text_lines("", 13, false), 0);
    describe_ops(clean, 12, "BatchNormalization Conv3x3 Relu");
    assert_string_equal(clean, "BN Conv3x3 ");
}

/* ---- scripts, files, recovery ---- */

static void test_script(void **state)
{
    (void)state;
    FILE *f = fopen("keys", "w");
    assert_non_null(f);
    fputs("# select, wait for the candidates, write what is seen\n"
          "j j j Enter\nwait\n:save-display shown.txt\n"
          "a\n:export out.onnx\nwait\n:export out.svg\nwait\nc\nwait\n"
          ":export both.svg\n:save-display both.txt\n:stats\n\"Q\"\n",
          f);
    fclose(f);
    struct vt_opts o = {.rows = 24, .cols = 80};
    struct vt *v = start_with(&o, "zoo:resnet50", "--keys", "keys");
    int status = vt_wait(v);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    vt_free(v);
    shell("grep -q 'segment 3' shown.txt && grep -q ' fit, ' shown.txt && test -s out.onnx && "
          "grep -q '<svg' out.svg && grep -q '<svg' both.svg && grep -q 'energy, uJ' both.txt");
    char cmd[700];
    snprintf(cmd, sizeof cmd, "'%s' verify out.onnx >/dev/null", program);
    shell(cmd);
}

/* ---- scripts and lessons ---- */

/* The hash that the message about version 1 names. */
static unsigned long long hash_of_1(struct vt *v)
{
    unsigned long long hash = 0;
    vt_type(v, ":goto 1\r");
    assert_true(vt_expect(v, "version 1: replace 3 s5 conv1:channels=72 ("));
    const char *at = strstr(vt_text(v), "conv1:channels=72 (");
    assert_int_equal(sscanf(strchr(at, '('), "(%16llx)", &hash), 1);
    return hash;
}

static void check_file(const char *path, const char *want)
{
    char text[2000] = "";
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    assert_string_equal(text, want);
}

#define RECORDED                                                                             \
    "# Recorded by autogo. It runs with: autogo run FILE, or :play FILE in the workbench.\n" \
    "open zoo:resnet50\nsegment 3\nshow s5\npin conv1 72\napply\nundo\nredo\nhistory\ninfo\n"

static void check_record(int cols, int rows)
{
    char cmd[700];
    shell("rm -f rec.ag");
    struct vt *v = start(cols, rows, "zoo:resnet50");
    assert_true(vt_expect(v, "segments"));
    vt_type(v, ":record\r");
    assert_true(vt_expect(v, "nothing is being recorded"));
    vt_type(v, ":record no-such-folder/rec.ag\r");
    assert_true(vt_expect(v, "autogo: no-such-folder/rec.ag"));
    vt_type(v, ":record rec.ag\r");
    assert_true(vt_expect(v, "recording into rec.ag"));
    assert_true(vt_expect(v, "rec  segments"));
    vt_keys(v, "j j j Enter");
    assert_true(vt_expect(v, "candidates"));
    vt_settle(v);
    vt_type(v, FILTER "\r\r");
    assert_true(vt_expect(v, "for segment 3"));
    vt_keys(v, "j 7 2 Enter");
    assert_true(vt_expect(v, "conv1 pinned to 72 channels"));
    assert_true(row_becomes(v, "bn1", '*', "Nx72x56x56"));
    vt_settle(v);
    vt_keys(v, "a");
    assert_true(vt_expect(v, "applied as version 1"));
    vt_keys(v, "u");
    assert_true(vt_expect(v, "at version 0"));
    vt_keys(v, "^R");
    assert_true(vt_expect(v, "at version 1"));
    vt_keys(v, "h");
    assert_true(vt_expect(v, "2 versions;"));
    vt_type(v, "q:info\r");
    assert_true(vt_expect(v, "flops_paper"));
    check_file("rec.ag", RECORDED); /* whole while it is being recorded */
    vt_type(v, ":record off\r");
    assert_true(vt_expect(v, "rec.ag: 9 commands recorded"));
    unsigned long long made = hash_of_1(v);
    check_file("rec.ag", RECORDED);
    /* what is there already is not written over unasked; it begins with how to come here */
    vt_type(v, ":record rec.ag\r");
    assert_true(vt_expect(v, "rec.ag exists. Replace it? (y/n)"));
    vt_keys(v, "n");
    assert_true(vt_expect(v, "nothing is recorded"));
    check_file("rec.ag", RECORDED);
    vt_type(v, ":record again.ag\r");
    assert_true(vt_expect(v, "recording into again.ag"));
    shell("sed 1d again.ag >again && printf 'open zoo:resnet50\\n"
          "replace 3 s5 conv1:channels=72\\n' | cmp - again && rm again.ag");
    quit(v);
    /* elsewhere it gives the same network, here and in a script */
    setenv("XDG_STATE_HOME", work, 1);
    v = start(cols, rows, NULL);
    assert_true(vt_expect(v, "models"));
    vt_type(v, ":play rec.ag\r");
    assert_true(vt_expect(v, "rec.ag: played to its end, 9 commands"));
    assert_true(hash_of_1(v) == made);
    quit(v);
    snprintf(cmd, sizeof cmd,
             "'%s' run rec.ag </dev/null >said && grep -q '^version 1: .*(%016llx)$' said", program,
             made);
    shell(cmd);
    shell("rm -rf autogo rec.ag"); /* the state */
}

static void test_record(void **state)
{
    check_record(80, 24);
    fresh(state); /* nothing to go on with */
    check_record(200, 60);
}

/* ---- versions: names, marks, any two compared ---- */

static void check_versions(int cols, int rows, const char *locale, const char *screens)
{
    char name[64];
    struct vt_opts o = {
        .rows = rows, .cols = cols, .locale = locale, .term = locale ? "vt100" : NULL};
    shell("rm -f rec.ag page.html both.svg");
    struct vt *v = start_with(&o, "zoo:resnet50", NULL, NULL);
    assert_true(vt_expect(v, "segments"));
    vt_type(v, ":record rec.ag\r:edit layer2.1.conv1 width=96\r");
    assert_true(vt_expect(v, "version 1: edit"));
    vt_type(v, ":edit layer3.0.conv1 kernel=3\r");
    assert_true(vt_expect(v, "version 2: edit"));
    vt_type(v, ":goto 0\r:edit layer2.1.conv1 before=relu6\r");
    assert_true(vt_expect(v, "version 3: edit"));
    /* a name, a note, a mark; what is no name is refused in one line */
    vt_keys(v, "h");
    assert_true(vt_expect(v, "c compares it with the current one"));
    vt_keys(v, "g j"); /* 3, which is set in before 1 would be if it were older */
    vt_type(v, ":name @2 two changes\r");
    assert_true(vt_expect(v, "version 2 is called 'two changes'"));
    vt_type(v, ":name @1 two changes\r");
    assert_true(vt_expect(v, "autogo: version 2 is called 'two changes' already"));
    vt_type(v, ":name 12\r");
    assert_true(vt_expect(v, "autogo: '12' is a number"));
    vt_type(v, ":name a name that is longer than forty characters are\r");
    assert_true(vt_expect(v, "autogo: a name of 47 bytes is too long: 40 at most"));
    vt_keys(v, "G r"); /* version 3 */
    assert_true(vt_expect(v, ":name @3"));
    vt_type(v, "clipped\r");
    assert_true(vt_expect(v, "version 3 is called 'clipped'"));
    vt_keys(v, "t");
    vt_type(v, "clips what the block reads & <costs> nothing\r");
    assert_true(vt_expect(v, "version 3 has the note"));
    vt_keys(v, "v");
    assert_true(vt_expect(v, "version 3 is marked"));
    vt_keys(v, "v");
    assert_true(vt_expect(v, "no version is marked"));
    vt_type(v, ":mark\r"); /* the one under the cursor */
    assert_true(vt_expect(v, "c compares it with version 3 (*)"));
    snprintf(name, sizeof name, "%shistory-named", screens);
    assert_true(vt_matches(v, name));
    /* the marked one with the one under the cursor: two branches */
    vt_keys(v, "g j j c");
    assert_true(vt_expect(v, "version 3 \"clipped\""));
    assert_true(vt_expect(v, "version 2 \"two changes\""));
    assert_true(vt_expect(v, "- 1 removed"));
    assert_true(vt_expect(v, "not measured"));
    vt_settle(v);
    snprintf(name, sizeof name, "%scompare-versions", screens);
    assert_true(vt_matches(v, name));
    /* the next node that differs; each alone; the list, which stands where the drawing is */
    vt_keys(v, "n n");
    assert_true(vt_expect(v, "layer2.1.conv1 (Conv)"));
    vt_keys(v, "Tab");
    vt_quiet(v, 100);
    assert_null(strstr(vt_text(v), "version 2 \""));
    vt_keys(v, "Tab");
    assert_true(vt_expect(v, "version 2 \""));
    assert_null(strstr(vt_text(v), "version 3 \""));
    vt_keys(v, "Tab j j");
    assert_true(vt_expect(v, "operator"));
    snprintf(name, sizeof name, "%scompare-list", screens);
    assert_true(vt_matches(v, name));
    vt_keys(v, "G Enter"); /* the last one, in the drawing */
    assert_true(vt_expect(v, "~Conv 3x3"));
    vt_type(v, "/layer1.0.conv1\r");
    assert_true(vt_expect(v, "layer1.0.conv1 (Conv)"));
    /* written, and by name */
    vt_keys(v, "e");
    assert_true(vt_expect(v, ":export"));
    vt_type(v, "page.html\r");
    assert_true(vt_expect(v, "page.html: written"));
    vt_type(v, ":diff clipped \"two changes\" both.svg\r");
    assert_true(vt_expect(v, "both.svg: written"));
    vt_type(v, ":diff clipped 0\r");
    assert_true(vt_expect(v, "- 1 removed  + 0 added"));
    vt_type(v, ":diff nosuch\r");
    assert_true(vt_expect(v, "autogo: no version is called 'nosuch'"));
    vt_type(v, ":goto cl\t\r"); /* completed */
    assert_true(vt_expect(v, "version 3: edit"));
    vt_type(v, ":record off\r");
    assert_true(vt_expect(v, "recorded"));
    quit(v);
    shell("grep -q '<svg' both.svg && test $(grep -c \"<svg\" page.html) = 2 && "
          "grep -q 'clips what the block reads &#38; &#60;costs&#62; nothing' page.html");
    check_file(
        "rec.ag",
        "# Recorded by autogo. It runs with: autogo run FILE, or :play FILE in the workbench.\n"
        "open zoo:resnet50\nedit layer2.1.conv1 width=96\nedit layer3.0.conv1 kernel=3\n"
        "goto 0\nedit layer2.1.conv1 before=relu6\nhistory\nname @2 two changes\n"
        "name @3 clipped\nnote @3 clips what the block reads & <costs> nothing\nmark 3\n"
        "mark off\nmark 3\ndiff 3 2\ndiff 3 2 page.html\n"
        "diff clipped \"two changes\" both.svg\ndiff clipped 0\ngoto clipped\n");
}

static void test_versions(void **state)
{
    check_versions(80, 24, NULL, "");
    fresh(state);
    check_versions(200, 60, NULL, "");
    fresh(state);
    check_versions(80, 24, "C", "ascii-");
}

/* What a script that was recorded says of versions is played again, and comes back after a crash.
 */
static void test_names_come_back(void **state)
{
    (void)state;
    char cmd[1200];
    shell("printf 'open zoo:fsrcnn-3\nedit feature after=relu6\nname two words\nnote so it is\n"
          "mark 1\ndiff\n' >names.ag");
    struct vt *v = start(80, 24, NULL);
    vt_type(v, ":play names.ag\r");
    assert_true(vt_expect(v, "played to its end"));
    assert_true(vt_expect(v, "version 1 \"two words\"")); /* with the first */
    vt_type(v, ":record again.ag\r");
    assert_true(vt_expect(v, "recording"));
    kill(vt_pid(v), SIGKILL);
    vt_wait(v);
    vt_free(v);
    shell("grep -q '^name @1 two words$' again.ag && grep -q '^note @1 so it is$' again.ag && "
          "grep -q '^mark 1$' again.ag");
    v = start(80, 24, "zoo:fsrcnn-3");
    assert_true(vt_expect(v, "go on where you were? (y/n)  3 edits"));
    vt_keys(v, "y");
    vt_type(v, "h");
    assert_true(vt_expect(v, "two words"));
    assert_true(vt_expect(v, "so it is"));
    quit(v);
    snprintf(cmd, sizeof cmd,
             "'%s' run again.ag --json </dev/null >said && grep -q '\"name\":\"two words\","
             "\"note\":\"so it is\"' said && rm names.ag again.ag",
             program);
    shell(cmd);
}

static void test_play(void **state)
{
    (void)state;
    struct vt *v = start(100, 30, NULL);
    assert_true(vt_expect(v, "models"));
    vt_type(v, ":play none.ag\r");
    assert_true(vt_expect(v, "autogo: none.ag"));
    shell("printf 'open zoo:fsrcnn-3\\n\\nsegment 3\\nshow s99999\\nundo\\n' >bad.ag");
    vt_type(v, ":play bad.ag\r");
    assert_true(vt_expect(v, "autogo: bad.ag: line 4: s99999 is not among"));
    shell("printf 'open zoo:fsrcnn-3\\n#? Why?\\n' >bad.ag");
    vt_type(v, ":play bad.ag\r");
    assert_true(vt_expect(v, "autogo: bad.ag: line 2: the question has less than two answers"));
    shell("printf 'open zoo:fsrcnn-3\\nexport no-folder/x.onnx\\ninfo\\n' >bad.ag");
    vt_type(v, ":play bad.ag\r");
    assert_true(vt_expect(v, "autogo: bad.ag: line 2: no-folder/x.onnx"));
    /* Esc ends what waits for a job */
    shell("mkdir -p images");
    idx_make("images", 256, 64);
    shell("printf 'open " CELL
          "\\nfit data images\\nfit epochs 9999\\nfit start\\nundo\\n' >long.ag");
    vt_type(v, ":play long.ag\r");
    assert_true(vt_expect(v, "before version 0  epoch "));
    vt_keys(v, "u");
    assert_true(vt_expect(v, "long.ag is being played; Esc stops it"));
    vt_keys(v, "Esc");
    assert_true(vt_expect(v, "long.ag: stopped behind line 4"));
    vt_keys(v, "x");
    assert_true(vt_expect(v, "stopped; s begins anew"));
    quit(v);
}

/* All of a lesson by keys: the first question is answered wrongly at first. */
static void check_lesson(int cols, int rows)
{
    char line[700];
    bool wrong = true, ended = false;
    struct vt *v = start(cols, rows, NULL);
    assert_true(vt_expect(v, "models"));
    snprintf(line, sizeof line, ":play %s/lesson-2-shapes.ag\r", lessons);
    vt_type(v, line);
    assert_true(vt_expect(v, "A piece of another network was as wide"));
    assert_true(vt_expect(v, "lesson-2-shapes.ag 1/"));
    vt_keys(v, "u"); /* would edit */
    assert_true(vt_expect(v, "Enter goes on, Esc ends it"));
    vt_keys(v, "j ?"); /* look around */
    assert_true(vt_expect(v, "In candidates"));
    vt_keys(v, "q");
    assert_true(vt_expect(v, "rank id"));
    for (int i = 1; i < 40 && !ended; i++) {
        vt_settle(v);
        snprintf(line, sizeof line, "lesson-2-shapes.ag %d/", i);
        ended = strstr(vt_text(v), "questions answered right at once");
        assert_true(ended || vt_expect(v, line));
        if (!ended && strstr(vt_text(v), "1 2 ... answer")) {
            vt_keys(v, "Enter");
            assert_true(vt_expect(v, "the number of an answer, please: 1 to 3"));
            if (wrong) {
                assert_true(vt_expect(v, "another width. Why?"));
                vt_keys(v, "1");
                assert_true(vt_expect(v, "Not so: a wider one is more accurate"));
                assert_true(vt_expect(v, "Repair knows nothing of accuracy."));
                assert_true(vt_matches(v, "lesson-wrong"));
            }
            wrong = false;
            for (const char *k = "123"; *k && !strstr(vt_text(v), "Right: "); k++) {
                char key[] = {*k, 0};
                vt_keys(v, key);
                vt_quiet(v, 60);
            }
            assert_true(vt_expect(v, "Right: "));
        }
        if (!ended)
            vt_keys(v, "Enter");
        vt_quiet(v, 60);
    }
    assert_true(ended);
    assert_true(vt_expect(v, "lesson-2-shapes.ag ends: "));
    quit(v);
}

/* A lesson from its start to its end by keys: texts by Enter, questions by trying the answers. */
static void play_through(const char *name)
{
    char line[700];
    bool ended = false;
    /* they are about the shipped database and predictor */
    snprintf(line, sizeof line, "%.*s", (int)strlen(lessons) - (int)strlen("/examples"), lessons);
    setenv("AUTOGO_DATA", line, 1);
    struct vt *v = start(100, 30, NULL);
    setenv("AUTOGO_DATA", work, 1);
    assert_true(vt_expect(v, "models"));
    snprintf(line, sizeof line, ":play %s/%s.ag\r", lessons, name);
    vt_type(v, line);
    assert_true(vt_expect(v, "Esc end the lesson"));
    for (int i = 0; i < 600 && !ended; i++) {
        vt_settle(v);
        const char *now = vt_text(v);
        ended = strstr(now, " Enter open  q back") != NULL; /* the view's keys are back */
        char key[] = {(char)('1' + i % 3), 0};
        if (!ended)
            vt_keys(v, strstr(now, "1 2 ... answer") ? key : "Enter");
        vt_quiet(v, 60);
    }
    assert_true(ended);
    assert_null(strstr(vt_text(v), "autogo: "));
    assert_null(strstr(vt_text(v), "stopped behind line"));
    quit(v);
}

/* Every action is understood on the ':' line, wherever it is typed; what needs an argument or
 * another view says so. */
static void test_every_command(void **state)
{
    static const char *const commands[] = {
#define ACTION(id, keys, command, args, views, hint, help) command,
#include "ui/actions.def"
#undef ACTION
    };
    (void)state;
    struct vt *v = start(100, 30, "zoo:fsrcnn-3");
    assert_true(vt_expect(v, "version 0"));
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        char line[80];
        if (strcmp(commands[i], "quit") == 0 || strcmp(commands[i], "tab-close") == 0)
            continue; /* they end it: other tests have them */
        snprintf(line, sizeof line, ":%s\r", commands[i]);
        vt_type(v, line);
        vt_quiet(v, 20);
        assert_null(strstr(vt_text(v), "no command"));
        vt_keys(v, "Esc"); /* what it asks for */
        vt_quiet(v, 20);
        vt_type(v, ":open zoo:fsrcnn-3\r");
        vt_settle(v);
        vt_keys(v, "y");
        assert_true(vt_expect(v, "zoo:fsrcnn-3"));
    }
    quit(v);
}

static void test_lesson(void **state)
{
    play_through("lesson-1-segments");
    fresh(state);
    play_through("lesson-3-estimates");
    fresh(state);
    check_lesson(80, 24);
    fresh(state); /* nothing to go on with */
    check_lesson(200, 60);
}

static struct vt *start_configured(int cols, int rows, const char *text, const char *model)
{
    FILE *f = fopen("config", "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    const char *argv[] = {program, "ui", "--config", "config", model, NULL};
    struct vt_opts o = {.rows = rows, .cols = cols};
    return vt_start(argv, &o);
}

/* As xterm tells of button, column, row. */
static void click(struct vt *v, int button, int x, int y)
{
    char bytes[32];
    snprintf(bytes, sizeof bytes, "\033[<%d;%d;%dM", button, x + 1, y + 1);
    vt_type(v, bytes);
    snprintf(bytes, sizeof bytes, "\033[<%d;%d;%dm", button, x + 1, y + 1);
    vt_type(v, button ? "" : bytes);
}

/* ---- tabs ---- */

static void check_tabs(int cols, int rows)
{
    shell("rm -f tabs.ag tab.onnx");
    struct vt *v = start(cols, rows, "zoo:resnet50");
    assert_true(vt_expect(v, "segments"));
    vt_keys(v, "^N");
    assert_true(vt_expect(v, "there is one tab"));
    vt_keys(v, "j j j Enter");
    assert_true(vt_expect(v, "98 fit"));
    vt_settle(v);
    vt_keys(v, "a");
    assert_true(vt_expect(v, "applied as version 1"));
    vt_type(v, ":record tabs.ag\r:tab zoo:fsrcnn-4\r");
    assert_true(vt_expect(v, " 1 zoo:resnet50 +  2 zoo:fsrcnn-4"));
    assert_true(vt_expect(v, "zoo:fsrcnn-4  version 0"));
    vt_type(v, ":tab zoo:un\t");
    assert_true(vt_expect(v, ":tab zoo:unet"));
    vt_keys(v, "Esc");
    vt_type(v, ":edit relu2 delete\r:edit relu3 delete\r"); /* not what is recorded */
    assert_true(vt_expect(v, "zoo:fsrcnn-4  version 2"));
    vt_keys(v, "^T j j j");
    assert_true(vt_expect(v, " 3 models"));
    vt_keys(v, "t");
    assert_true(vt_expect(v, " 4 zoo:"));
    vt_type(v, "\033[5;5~"); /* Ctrl-PgUp */
    assert_true(vt_expect(v, "Choose a network"));
    vt_settle(v);
    assert_true(vt_matches(v, "tabs"));
    vt_type(v, ":open zoo:resnet50\r");
    assert_true(vt_expect(v, "zoo:resnet50 is open here, in tab 1"));
    assert_true(vt_expect(v, "zoo:resnet50  version 1"));
    vt_type(v, "u:tab no-such.onnx\r");
    assert_true(vt_expect(v, "autogo: no-such.onnx"));
    assert_true(vt_expect(v, "zoo:resnet50  version 0"));
    vt_type(v, "\033[6;5~");
    assert_true(vt_expect(v, "zoo:fsrcnn-4  version 2"));
    vt_type(v, "u:export tab.onnx\r\020"); /* ^P */
    assert_true(vt_expect(v, "tab.onnx: written"));
    assert_true(vt_expect(v, "zoo:resnet50  version 0"));
    vt_keys(v, "^P ^W");
    vt_settle(v);
    assert_null(strstr(vt_text(v), " 4 zoo:"));
    vt_keys(v, "q"); /* at the first view: the tab goes */
    assert_true(vt_expect(v, "fsrcnn-4  version 1"));
    vt_keys(v, "^W");
    assert_true(vt_expect(v, "zoo:resnet50  version 0"));
    vt_quiet(v, 200);
    assert_null(strstr(vt_text(v), " 1 zoo:resnet50"));
    quit(v);
    shell("grep -q '^undo$' tabs.ag && ! grep -q 'relu2\\|fsrcnn' tabs.ag");
    /* both journals were kept */
    v = start(cols, rows, "zoo:fsrcnn-4");
    assert_true(vt_expect(v, "go on where you were? (y/n)"));
    vt_keys(v, "y");
    assert_true(vt_expect(v, "gone on: version 1 of 2"));
    vt_type(v, ":tab zoo:resnet50\r");
    assert_true(vt_expect(v, "zoo:resnet50  version 0"));
    assert_true(vt_expect(v, "go on where you were? (y/n)"));
    vt_keys(v, "y");
    assert_true(vt_expect(v, "gone on: version 0 of 1"));
    quit(v);
}

/* Jobs of a hidden tab go on, and a script's wait is for them too. */
static void test_tabs(void **state)
{
    check_tabs(80, 24);
    fresh(state);
    check_tabs(200, 60);
    fresh(state);
    FILE *f = fopen("keys", "w");
    assert_non_null(f);
    fputs("j j j Enter\n:tab zoo:fsrcnn-3\n:search set objectives flops,params\n:search set "
          "evaluations 64\n:search start\n^P\nwait\n"
          ":save-display first.txt\n^N\n:save-display second.txt\n\"Q\"\n",
          f);
    fclose(f);
    struct vt_opts o = {.rows = 24, .cols = 120};
    struct vt *v = start_with(&o, "zoo:resnet50", "--keys", "keys");
    int status = vt_wait(v);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    vt_free(v);
    shell("grep -q ' 98 fit' first.txt && grep -q 'version 0: ended' second.txt");
    v = start_configured(80, 24, "set mouse on\n", "zoo:fsrcnn-3");
    assert_true(vt_expect(v, "segments"));
    vt_type(v, ":tab zoo:unet\r");
    assert_true(vt_expect(v, "zoo:unet  version 0"));
    click(v, 0, 4, 1);
    assert_true(vt_expect(v, "zoo:fsrcnn-3  version 0"));
    quit(v);
}

/* ---- files ---- */

static void check_files(int cols, int rows)
{
    struct vt *v = start(cols, rows, NULL);
    assert_true(vt_expect(v, "176 nodes, 191 edges"));
    assert_true(vt_expect(v, "MaxPool            1"));
    vt_keys(v, "Tab");
    assert_true(vt_expect(v, "files/"));
    vt_type(v, ":browse files\r");
    assert_true(vt_expect(v, "net.onnx"));
    vt_keys(v, "j j");
    assert_true(vt_expect(v, "not a computation graph"));
    vt_keys(v, "j");
    assert_true(vt_expect(v, "not an ONNX model, or damaged"));
    vt_keys(v, "j");
    assert_true(vt_expect(v, "input  input Nx1x360x640"));
    assert_true(vt_matches(v, "files"));
    vt_keys(v, ".");
    assert_true(vt_expect(v, ".hidden/"));
    assert_true(vt_expect(v, "input  input Nx1x360x640")); /* the cursor stays on its file */
    vt_keys(v, "-");
    assert_true(vt_expect(v, "files/"));
    assert_true(vt_expect(v, "segments/"));
    vt_keys(v, "Enter"); /* the cursor is on the folder it came from */
    assert_true(vt_expect(v, "net.onnx"));
    vt_type(v, ":browse files/deep\r");
    assert_true(vt_expect(v, "inside.onnx"));
    vt_keys(v, "Enter"); /* .. */
    assert_true(vt_expect(v, "net.onnx"));
    vt_type(v, "/net\r");
    vt_keys(v, "Enter");
    assert_true(vt_expect(v, "segments"));
    assert_true(vt_expect(v, "net.onnx  version 0"));
    vt_type(v, ":browse no-folder\r");
    assert_true(vt_expect(v, "autogo: no-folder: No such file or directory"));
    quit(v);
}

static void test_files(void **state)
{
    char cmd[900];
    snprintf(cmd, sizeof cmd,
             "mkdir -p files/deep files/.hidden && echo no >files/bad.onnx && "
             "echo '{}' >files/bad.json && echo no >files/notes.txt && "
             "'%s' convert zoo:fsrcnn-3 -o files/net.onnx >/dev/null && "
             "cp files/net.onnx files/deep/inside.onnx && "
             "touch -d 2024-05-06 files/* files",
             program);
    shell(cmd);
    check_files(80, 24);
    fresh(state);
    check_files(200, 60);
}

/* ---- configuration ---- */

static void check_config(int cols, int rows)
{
    struct vt *v = start_configured(cols, rows,
                                    "# keys and settings\nset theme light\nset heat FLOPs\n"
                                    "set grow 4\nset colour red\nbind F6 heat memory\n"
                                    "bind U undo\nbind x undo\nunbind i\nfly\n",
                                    "zoo:resnet50");
    assert_true(vt_expect(v, "autogo: config: line 5: no setting is called 'colour' (and 1 more)"));
    assert_true(vt_expect(v, "version 0"));
    vt_keys(v, "i");
    assert_true(vt_expect(v, "i does nothing here"));
    vt_keys(v, "U");
    assert_true(vt_expect(v, "nothing to undo"));
    vt_type(v, "\033[17~"); /* F6 */
    assert_true(vt_expect(v, "coloured by memory"));
    vt_keys(v, "?");
    assert_true(vt_expect(v, "F6             :heat memory"));
    vt_type(v, "/undo\r");
    assert_true(vt_expect(v, "u U x"));
    vt_keys(v, "Esc");
    vt_type(v, "q:set\r");
    assert_true(vt_matches(v, "settings"));
    vt_type(v, "q:set th\t");
    assert_true(vt_expect(v, ":set theme"));
    vt_type(v, " pink\r");
    assert_true(vt_expect(v, "theme 'pink' is none of: default light high-contrast"));
    vt_type(v, ":set ascii on\r");
    vt_quiet(v, 50);
    assert_null(strstr(vt_text(v), "\u2502"));
    vt_type(v, ":set adapt on\r:set\r");
    assert_true(vt_expect(v, "adapt         on"));
    vt_type(v, "q:bind F7 set theme mono\r\033[18~");
    assert_true(vt_expect(v, "set theme mono"));
    vt_type(v, ":bind F7 fly\r");
    assert_true(vt_expect(v, "no action is called 'fly'"));
    vt_type(v, ":unbind U\rU");
    assert_true(vt_expect(v, "U does nothing here"));
    quit(v);
}

static void test_config(void **state)
{
    check_config(80, 24);
    fresh(state);
    check_config(200, 60);
    /* every theme draws the same */
    static const char *const themes[] = {"default", "light", "high-contrast", "colour-blind-safe",
                                         "mono"};
    char text[64];
    for (size_t i = 0; i < sizeof themes / sizeof *themes; i++) {
        fresh(state);
        snprintf(text, sizeof text, "set theme %s\n", themes[i]);
        struct vt *v = start_configured(80, 24, text, NULL);
        assert_true(vt_matches(v, "models"));
        quit(v);
    }
    /* one that is named must be there */
    struct vt_opts o = {.rows = 24, .cols = 80};
    struct vt *v = start_with(&o, "--config", "no-folder/config", NULL);
    int status = vt_wait(v);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 2);
    assert_non_null(strstr(vt_text(v), "no-folder/config"));
    vt_free(v);
}

static void test_confirm_quit(void **state)
{
    (void)state;
    struct vt *v = start_configured(80, 24, "set confirm-quit edits\n", "zoo:fsrcnn-3");
    assert_true(vt_expect(v, "segments"));
    vt_type(v, ":edit relu2 delete\r");
    assert_true(vt_expect(v, "version 1"));
    vt_type(v, "Q");
    assert_true(vt_expect(v, "leave? (y/n)"));
    vt_type(v, "n");
    assert_true(vt_expect(v, "Enter open"));
    vt_type(v, "Qy");
    assert_true(WIFEXITED(vt_wait(v)));
    vt_free(v);
    fresh(state);
    v = start_configured(80, 24, "set confirm-quit edits\n", "zoo:fsrcnn-3");
    assert_true(vt_expect(v, "segments"));
    quit(v); /* nothing was changed */
}

static void test_read_only(void **state)
{
    (void)state;
    char cmd[700];
    const char *argv[] = {program, "ui", "--readonly", "--log", "log.txt", "zoo:resnet50", NULL};
    struct vt_opts o = {.rows = 24, .cols = 80};
    shell("rm -f log.txt");
    struct vt *v = vt_start(argv, &o);
    assert_true(vt_expect(v, "read-only  segments"));
    vt_keys(v, "j j j Enter");
    assert_true(vt_expect(v, "98 fit"));
    vt_settle(v);
    static const char *const refused[] = {
        "a",       ":replace 3 self\r", ":export x.onnx\r",       "e",
        ":keep\r", ":record x.ag\r",    ":save-display x.txt\r",  ":edit conv1 delete\r",
        "r",       ":tag good\r",       ":batch in 3 dflops<0\r", ":search start\r",
        "m"}; /* the last one looks for more like it, which is fine */
    for (size_t i = 0; i + 1 < sizeof refused / sizeof *refused; i++) {
        vt_type(v, refused[i]);
        assert_true(vt_expect(v, "autogo: read-only: nothing is changed or written (--readonly)"));
        vt_keys(v, "?");
        vt_keys(v, "q");
    }
    vt_type(v, refused[sizeof refused / sizeof *refused - 1]);
    assert_true(vt_expect(v, " more like "));
    vt_settle(v);
    vt_type(v, ":stats\r");
    assert_true(vt_expect(v, "journal: none"));
    assert_true(vt_expect(v, "  candidate          "));
    quit(v);
    snprintf(cmd, sizeof cmd, "test ! -e '%s' -o -z \"$(ls -A '%s' 2>/dev/null)\"",
             getenv("XDG_STATE_HOME"), getenv("XDG_STATE_HOME"));
    shell(cmd);
    shell("test ! -e x.onnx -a ! -e x.ag -a ! -e x.txt");
    shell("grep -q 'Z begin  autogo .* zoo:resnet50, read-only$' log.txt && "
          "grep -q 'Z open   zoo:resnet50 ok [0-9.]* ms$' log.txt && "
          "grep -q 'Z did    open zoo:resnet50$' log.txt && "
          "grep -q 'Z job    query ok [0-9.]* ms$' log.txt && "
          "test $(grep -c 'Z job    candidate ' log.txt) -ge 100 && "
          "grep -q 'Z error  read-only: ' log.txt && grep -q 'Z end    [0-9]* keys' log.txt");
    /* what is there stays; a terminal is no place for it */
    const char *more[] = {program, "ui", "--log", "log.txt", NULL};
    v = vt_start(more, &o);
    assert_true(vt_expect(v, "models"));
    quit(v);
    shell("test $(grep -c 'Z begin ' log.txt) = 2");
    more[3] = "/dev/tty";
    v = vt_start(more, &o);
    int status = vt_wait(v);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 2);
    assert_non_null(strstr(vt_text(v), "not to the terminal"));
    vt_free(v);
    const char *both[] = {program, "ui", "--readonly", "--journal", "j", NULL};
    v = vt_start(both, &o);
    assert_int_equal(WEXITSTATUS(vt_wait(v)), 2);
    vt_free(v);
}

static void test_mouse(void **state)
{
    (void)state;
    struct vt *v = start_configured(80, 24, "set mouse on\n", "zoo:resnet50");
    assert_true(vt_expect(v, "segments"));
    click(v, 0, 10, 5); /* row 3 of the list */
    assert_true(vt_expect(v, " 3  Conv1x1 BatchNormalization Relu "));
    click(v, 65, 10, 5); /* wheel down */
    assert_true(vt_expect(v, "\n 6  Conv1x1"));
    click(v, 64, 10, 5);
    assert_true(vt_expect(v, "\n 3  Conv1x1"));
    click(v, 0, 10, 5);
    assert_true(vt_expect(v, "segment 3 "));
    quit(v);
}

static void test_paste(void **state)
{
    (void)state;
    char line[1200];
    struct vt *v = start(80, 24, NULL);
    assert_true(vt_expect(v, "models"));
    vt_type(v, "\033[200~Q no model\nq\033[201~"); /* runs nothing */
    assert_true(vt_expect(v, "what was pasted names no model: Q no model q"));
    vt_type(v, ":open \033[200~zoo:fsrcnn-3\n\033[201~");
    assert_true(vt_expect(v, ":open zoo:fsrcnn-3"));
    vt_keys(v, "Esc");
    snprintf(line, sizeof line,
             "cd '%s' && mkdir -p 'a b' && '%s' convert zoo:fsrcnn-3 -o 'a b/net.onnx'", work,
             program);
    shell(line);
    vt_type(v, "\033[200~'a b/net.onnx'\r\033[201~");
    assert_true(vt_expect(v, "net.onnx  version 0"));
    vt_type(v, "\033[200~zoo:resnet50\033[201~");
    assert_true(vt_expect(v, "zoo:resnet50  version 0"));
    snprintf(line, sizeof line, "\033[200~file://%s/a%%20b/net.onnx\033[201~", work);
    vt_type(v, line);
    assert_true(vt_expect(v, "net.onnx  version 0"));
    vt_type(v, "\033[200~a\\ b/net.onnx\033[201~");
    assert_true(vt_expect(v, "net.onnx  version 0"));
    quit(v);
}

static void test_export_asks(void **state)
{
    (void)state;
    shell("echo mine >here.onnx");
    struct vt *v = start(80, 24, "zoo:fsrcnn-3");
    assert_true(vt_expect(v, "segments"));
    vt_type(v, "ehere.onnx\r");
    assert_true(vt_expect(v, "here.onnx exists. Replace it? (y/n)"));
    vt_keys(v, "n");
    assert_true(vt_expect(v, "not written"));
    shell("grep -q mine here.onnx");
    vt_type(v, ":export here.onnx\ry");
    assert_true(vt_expect(v, "here.onnx: written"));
    vt_settle(v);
    shell("grep -q Conv here.onnx");
    quit(v);
}

/* ---- filters, tags, batches ---- */

/* Names what the filter does not understand while it is typed, and keeps the last that it did. */
static void check_filter(int cols, int rows)
{
    struct vt *v = start(cols, rows, "zoo:resnet50");
    assert_true(vt_expect(v, "segments"));
    vt_keys(v, "j j j Enter");
    assert_true(vt_expect(v, "98 fit"));
    vt_settle(v);
    vt_type(v, "/identity maxpool"); /* plain words */
    assert_true(vt_expect(v, " shown by /identity maxpool"));
    vt_keys(v, "Esc");
    vt_type(v, "/dflops<0 && pa");
    assert_true(vt_expect(v, "filter: column 13: no field 'pa' (params?); shown: dflops<0"));
    vt_keys(v, "Tab"); /* the one field that it begins */
    vt_type(v, "<25.5M && !ad");
    vt_keys(v, "Tab"); /* adapted, adapters */
    assert_true(vt_expect(v, "!adapted  !adapters"));
    vt_type(v, "d\r");
    assert_true(vt_expect(v, " shown by /dflops<0 && params<25.5M && !adapted"));
    assert_true(vt_matches(v, "filter-expression"));
    vt_type(v, "/ && x=1\r");
    assert_true(vt_expect(v, "no field 'x'"));
    vt_keys(v, "Esc");
    assert_null(strstr(vt_text(v), "no field"));
    assert_true(vt_expect(v, "98 fit, 3 refused, +5"));
    /* tags */
    vt_type(v, "tgood\r");
    assert_true(vt_expect(v, "s26 has the tag good"));
    vt_keys(v, "j t Enter"); /* the same again */
    assert_true(vt_expect(v, "s84 has the tag good"));
    vt_type(v, "t-2\r");
    assert_true(vt_expect(v, "s84 has the tag good-2"));
    assert_true(vt_expect(v, "tags: good good-2; seen"));
    vt_keys(v, "k t ^U");
    vt_type(v, "tag a,b\r");
    assert_true(vt_expect(v, "'a,b' is no tag"));
    assert_true(vt_matches(v, "tags"));
    vt_type(v, ":sort tag\r/tag=good-2\r");
    assert_true(vt_expect(v, ", 1 shown by /tag=good-2"));
    vt_keys(v, "t");
    vt_keys(v, "^U");
    vt_type(v, "tag good-2\r");
    assert_true(vt_expect(v, "s84 no longer has the tag good-2"));
    assert_true(vt_expect(v, "no row matches /tag=good-2"));
    vt_keys(v, "Esc m");
    assert_true(vt_expect(v, " more like s"));
    quit(v);
    /* they are there again */
    v = start(cols, rows, "zoo:resnet50");
    assert_true(vt_expect(v, "go on where you were? (y/n)"));
    vt_keys(v, "y");
    assert_true(vt_expect(v, "gone on"));
    vt_keys(v, "j j j Enter");
    assert_true(vt_expect(v, "98 fit"));
    vt_settle(v);
    vt_type(v, "/tag=good\r");
    assert_true(vt_expect(v, ", 2 shown by /tag=good"));
    quit(v);
}

static void test_filter(void **state)
{
    (void)state;
    check_filter(80, 24);
    fresh(state); /* nothing to go on with */
    check_filter(200, 60);
}

static void test_batch(void **state)
{
    (void)state;
    struct vt *v = start(80, 24, "zoo:resnet50");
    assert_true(vt_expect(v, "segments"));
    vt_type(v, ":batch dac<0\r");
    assert_true(vt_expect(v, "column 1: no field 'dac'"));
    vt_type(v, "bin 3-5 dflops<0\r");
    assert_true(vt_expect(v, "batch: 3 of 3 replaced, FLOPs -"));
    assert_true(vt_expect(v, "version 3"));
    vt_keys(v, "u");
    assert_true(vt_expect(v, "at version 2: replace "));
    vt_keys(v, "h");
    assert_true(vt_expect(v, "replace 3 "));
    vt_type(v, "q:batch nosuchtag\r");
    vt_keys(v, "b");
    vt_quiet(v, 50);
    if (strstr(vt_text(v), "stop the batch?"))
        vt_keys(v, "y");
    else
        vt_keys(v, "Esc");
    assert_true(vt_expect(v, "batch: 0 of "));
    quit(v);
    /* by a script, which waits for it */
    fresh(state);
    FILE *f = fopen("keys", "w");
    assert_non_null(f);
    fputs(":batch by dparams in 3-6 dparams<0 && ops~conv\nwait\n:save-display batch.txt\n"
          "h\n:save-display history.txt\n\"Q\"\n",
          f);
    fclose(f);
    struct vt_opts o = {.rows = 24, .cols = 120};
    v = start_with(&o, "zoo:resnet50", "--keys", "keys");
    int status = vt_wait(v);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    vt_free(v);
    shell("grep -q 'zoo:resnet50  version [1-4] ' batch.txt && grep -q 'replace 3 s' history.txt");
}

static void test_recover(void **state)
{
    (void)state;
    struct vt *v = start(80, 24, "zoo:resnet50");
    assert_true(vt_expect(v, "segments"));
    vt_keys(v, "j j j Enter");
    assert_true(vt_expect(v, "candidates"));
    vt_settle(v);
    vt_keys(v, "a");
    assert_true(vt_expect(v, "applied as version 1"));
    kill(vt_pid(v), SIGKILL);
    vt_wait(v);
    vt_free(v);
    v = start(80, 24, "zoo:resnet50");
    assert_true(vt_expect(v, "go on where you were? (y/n)"));
    vt_keys(v, "y");
    assert_true(vt_expect(v, "gone on: version 1"));
    assert_true(vt_expect(v, "zoo:resnet50  version 1"));
    quit(v);
    v = start(80, 24, "zoo:resnet50");
    assert_true(vt_expect(v, "go on where you were? (y/n)"));
    vt_keys(v, "n");
    assert_true(vt_expect(v, "begun anew"));
    assert_true(vt_expect(v, "version 0"));
    quit(v);
}

/* Presses m on each segment until one is new; the screen tells about all of them. */
static int keep_new(struct vt *v)
{
    char known[64], kept[64];
    for (int k = 0; k < 30; k++) {
        vt_keys(v, "m");
        vt_settle(v);
        snprintf(known, sizeof known, "segment %d is known already as ", k);
        snprintf(kept, sizeof kept, "segment %d kept as u1 (autogo db remove u1 ", k);
        if (strstr(vt_text(v), kept))
            return k;
        if (!strstr(vt_text(v), known))
            assert_true(vt_expect(v, "cannot be kept"));
        vt_keys(v, "j");
    }
    return -1;
}

static void test_keep(void **state)
{
    (void)state;
    char line[64];
    struct vt *v = start(120, 24, "zoo:unet");
    assert_true(vt_expect(v, "segments"));
    int k = keep_new(v);
    assert_true(k >= 0);
    vt_keys(v, "m");
    snprintf(line, sizeof line, "segment %d is known already as u1", k);
    assert_true(vt_expect(v, line));
    snprintf(line, sizeof line, ":keep %d\r", k);
    vt_type(v, ":stats\r");
    assert_true(vt_expect(v, "key to frame"));
    vt_type(v, line);
    snprintf(line, sizeof line, "segment %d is known already as u1", k);
    assert_true(vt_expect(v, line));
    vt_type(v, ":keep 12345\r");
    assert_true(vt_expect(v, "there is no segment 12345"));
    quit(v);
    /* one that is damaged is left out, with a word about it */
    char cmd[300];
    snprintf(cmd, sizeof cmd, "printf damaged >'%s/autogo/segments.db'", getenv("XDG_DATA_HOME"));
    shell(cmd);
    v = start(200, 24, "zoo:resnet50");
    assert_true(vt_expect(v, "segments"));
    assert_true(vt_expect(v, "without your own segments"));
    vt_keys(v, "j j j Enter");
    assert_true(vt_expect(v, " fit, "));
    vt_settle(v);
    for (int i = 0; i < 5 && !strstr(vt_text(v), "; first in "); i++) {
        vt_keys(v, "j");
        vt_quiet(v, 100);
    }
    assert_true(vt_expect(v, "x in "));
    assert_true(vt_expect(v, "; first in "));
    quit(v);
}

/* In wide lists the interval of self is zero, others have some room. */
static void check_bars(void)
{
    static const char *const env[] = {"AUTOGO_ASCII=1", "NO_COLOR=1", NULL};
    struct vt_opts o = {.rows = 60, .cols = 200};
    for (int ascii = 0; ascii < 2; ascii++) {
        o.env = ascii ? env : NULL;
        fresh(NULL);
        struct vt *v = start_with(&o, "hiaml:src1,src1,r30,src3@s", NULL, NULL);
        assert_true(vt_expect(v, "segments"));
        vt_keys(v, "j j j Enter");
        assert_true(vt_expect(v, " fit, "));
        vt_settle(v);
        assert_true(vt_expect(v, "interval"));
        assert_true(vt_expect(v, ascii ? "-*-" : "\u2500\u25cf\u2500"));
        vt_type(v, "/id=self\r");
        assert_true(
            vt_expect(v, ascii ? "+0.0..+0.0        *    " : "+0.0..+0.0        \u25cf    "));
        vt_keys(v, "Esc");
        vt_type(v, "/dacc_high>0 && id!=self\r:sort -dacc\r");
        assert_true(vt_expect(v, " shown by /dacc_high>0"));
        quit(v);
    }
}

/* With the shipped predictor: what it knows is in per cent and ranks, what it does not is marked;
 * and why. The other tests have none, so that their screens do not change with it. */
static void test_estimates(void **state)
{
    (void)state;
    assert_int_equal(symlink(shipped, "segments/predictor.bin"), 0);
    struct vt *v = start(150, 40, "hiaml:src1,src1,r30,src3@s");
    assert_true(vt_expect(v, "segments"));
    vt_keys(v, "j j j Enter");
    assert_true(vt_expect(v, " fit, "));
    vt_settle(v);
    assert_true(vt_expect(v, "est. acc"));
    assert_true(vt_expect(v, "+0.00 %")); /* self */
    assert_false(strstr(vt_text(v), "unknown"));
    vt_keys(v, "y");
    assert_true(vt_expect(v, "raises"));
    assert_true(vt_expect(v, "9: the most"));
    vt_keys(v, "y");
    assert_true(vt_expect(v, "removed"));
    vt_type(v, ":open zoo:resnet50\r");
    assert_true(vt_expect(v, "segments"));
    vt_keys(v, "j j j Enter");
    assert_true(vt_expect(v, " s?"));
    assert_null(strstr(vt_text(v), "interval"));
    quit(v);
    check_bars();
    assert_int_equal(unlink("segments/predictor.bin"), 0);
    v = start(150, 40, "hiaml:src1,src1,r30,src3@s");
    assert_true(vt_expect(v, "segments"));
    vt_keys(v, "j j j Enter");
    assert_true(vt_expect(v, "unknown"));
    vt_keys(v, "y");
    assert_true(vt_expect(v, "no predictor"));
    quit(v);
}

static void test_heat(void **state)
{
    (void)state;
    struct vt *v = start(200, 40, "zoo:resnet50");
    assert_true(vt_expect(v, "segments"));
    assert_true(vt_expect(v, "cycles"));
    assert_true(vt_expect(v, "[Conv 7x7/2 64"));
    vt_keys(v, "t");
    assert_true(vt_expect(v, "coloured by cycles; 9 is the most"));
    assert_true(vt_expect(v, "6Conv 7x7/2 64]"));
    vt_type(v, ":heat parameters\r");
    assert_true(vt_expect(v, "coloured by parameters"));
    vt_type(v, ":heat what\r");
    assert_true(vt_expect(v, "cycles, FLOPs, parameters, memory or time"));
    vt_type(v, ":heat time\r");
    assert_true(vt_expect(v, "coloured by measured time; 9 is the most of a node"));
    vt_type(v, ":heat off\r");
    assert_true(vt_expect(v, "[Conv 7x7/2 64"));
    quit(v);
}

/* The nodes of the network, one of which is changed from there. */
static void test_nodes(void **state)
{
    (void)state;
    struct vt *v = start(200, 40, "zoo:resnet50");
    assert_true(vt_expect(v, "segments"));
    vt_keys(v, "i");
    assert_true(vt_expect(v, "Conv 7x7/2"));
    assert_true(vt_expect(v, "Nx64x112x112"));
    vt_type(v, "/layer1.0.conv2\r");
    assert_true(vt_expect(v, "Conv 3x3"));
    vt_keys(v, "Enter");
    assert_true(vt_expect(v, ":edit layer1.0.conv2"));
    vt_type(v, "kernel=5\r");
    assert_true(vt_expect(v, "Conv 5x5"));
    assert_true(vt_expect(v, "version 1"));
    vt_keys(v, "x");
    assert_true(vt_expect(v, ":edit layer1.0.conv2 delete"));
    vt_keys(v, "Esc u");
    assert_true(vt_expect(v, "version 0"));
    assert_true(vt_expect(v, "Conv 3x3"));
    vt_type(v, ":edit layer4.2.con\t\t");
    assert_true(vt_expect(v, ":edit layer4.2.conv1"));
    vt_type(v, " delete op=relu\r");
    assert_true(vt_expect(v, "does not go with"));
    quit(v);
    v = start(80, 24, "zoo:resnet101");
    assert_true(vt_expect(v, "Conv7x7 BN"));
    vt_type(v, ":nodes\r");
    assert_true(vt_expect(v, "Nx64x112x112"));
    quit(v);
}

/* The drawing over the whole screen: along edges, near and far, and nodes marked in it as a
 * segment.
 */
static void test_graph(void **state)
{
    (void)state;
    struct vt *v = start(200, 50, "zoo:resnet50");
    assert_true(vt_expect(v, "segments"));
    vt_type(v, ":record graph.ag\r");
    vt_keys(v, "j j j Tab");
    assert_true(vt_expect(v, "layer1.1.conv1  Conv 1x1"));
    assert_true(vt_expect(v, "segment 3: Conv1x1 BN"));
    assert_true(vt_expect(v, "[Conv 1x1 64]"));
    vt_keys(v, "Down Down j");
    assert_true(vt_expect(v, "layer1.1.conv2  Conv 3x3"));
    vt_keys(v, "Up");
    assert_true(vt_expect(v, "layer1.1.relu1  Relu"));
    vt_keys(v, "g");
    assert_true(vt_expect(v, "input  input"));
    vt_keys(v, "G");
    assert_true(vt_expect(v, "output  output"));
    /* the branch beside */
    vt_type(v, "/layer2.0.downsample\r");
    assert_true(vt_expect(v, "layer2.0.downsample.0  Conv 1x1/2"));
    vt_keys(v, "Left");
    assert_true(vt_expect(v, "layer2.0.conv1  Conv 1x1"));
    vt_keys(v, "Right");
    assert_true(vt_expect(v, "layer2.0.downsample.0  Conv 1x1/2"));
    vt_type(v, "/Nx2048x7x7\r");
    assert_true(vt_expect(v, "gives Nx2048x7x7"));
    vt_type(v, "/no such node\r");
    assert_true(vt_expect(v, "no node matches"));
    /* from afar: what repeats is one box, or not */
    vt_type(v, "/layer1.1.conv1\r");
    vt_keys(v, "Z");
    assert_true(vt_expect(v, "[ x2 (3-4) Conv1x1 BN Relu"));
    assert_true(vt_expect(v, "2 times the same segment"));
    vt_keys(v, "v");
    assert_true(vt_expect(v, "nodes are marked; z goes nearer"));
    vt_keys(v, "F");
    assert_true(vt_expect(v, "[ 3 Conv1x1 BN Relu"));
    vt_keys(v, "Z");
    assert_true(vt_expect(v, "this is all of it"));
    vt_type(v, ":heat FLOPs\r");
    assert_true(vt_expect(v, "9 is the most of a box"));
    vt_type(v, ":heat off\r");
    vt_type(v, ":zoom-in what\r");
    assert_true(vt_expect(v, "the drawing shows segments, the network"));
    vt_type(v, ":zoom-in node\r");
    assert_true(vt_expect(v, "the node and its neighbours"));
    vt_keys(v, "z");
    assert_true(vt_expect(v, "nearer it does not go"));
    /* marked nodes, with what is between, are a segment */
    vt_keys(v, "Z Z v j j j v");
    assert_true(vt_expect(v, "2 nodes marked"));
    assert_true(vt_expect(v, "*Conv 1x1 64*"));
    vt_keys(v, "Enter");
    assert_true(vt_expect(v, "Conv1x1 BN Relu Conv3x3  4 nodes"));
    vt_settle(v);
    vt_keys(v, "q V");
    assert_true(vt_expect(v, "no node is marked"));
    vt_keys(v, "Enter");
    assert_true(vt_expect(v, "segment 3  Conv1x1 BN"));
    vt_settle(v);
    vt_keys(v, "q j Tab");
    assert_true(vt_expect(v, " 4    334 M"));
    vt_type(v, ":record off\r");
    assert_true(vt_expect(v, "commands recorded"));
    quit(v);
    shell("grep -qx 'segment nodes:#[0-9,#]*' graph.ag && grep -qx 'segment 3' graph.ag");
}

static void test_prompt(void **state)
{
    (void)state;
    struct vt *v = start(80, 24, NULL);
    assert_true(vt_expect(v, "models"));
    vt_type(v, ":sta\t");
    assert_true(vt_expect(v, ":stats"));
    vt_keys(v, "Enter");
    assert_true(vt_expect(v, "key to frame"));
    vt_type(v, ":open zoo:mob\t");
    assert_true(vt_expect(v, ":open zoo:mobilenetv2"));
    vt_keys(v, "Enter");
    assert_true(vt_expect(v, "segments"));
    vt_keys(v, ": Up Up");
    assert_true(vt_expect(v, ":stats"));
    vt_keys(v, "Down Esc");
    vt_type(v, ":segment 4\r");
    assert_true(vt_expect(v, "segment 4"));
    vt_settle(v);
    vt_type(v, ":show 2\r");
    assert_true(vt_expect(v, "for segment 4"));
    vt_type(v, "F");
    assert_true(vt_expect(v, "F does nothing here"));
    vt_type(v, ":open x");
    assert_true(vt_expect(v, ":open x"));
    vt_keys(v, "^C"); /* leaves the prompt, not the program */
    assert_true(vt_expect(v, " Enter open"));
    vt_keys(v, "?");
    assert_true(vt_expect(v, "In repair"));
    vt_keys(v, "^C");
    int status = vt_wait(v);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 130);
    check_restored(v);
    vt_free(v);
}

/* Compares cell by cell without the message line (last but one), which any key clears. */
static bool same_screen(const char *a, const char *b)
{
    for (int y = 1; *a && *b; y++) {
        size_t n = strcspn(a, "\n"), m = strcspn(b, "\n");
        bool message =
            a[n] && strchr(a + n + 1, '\n') && !strchr(strchr(a + n + 1, '\n') + 1, '\n');
        if (!message && (n != m || memcmp(a, b, n) != 0)) {
            printf("line %d was\n%.*s\nand is\n%.*s\n", y, (int)n, a, (int)m, b);
            return false;
        }
        a += n + (a[n] != 0);
        b += m + (b[m] != 0);
    }
    return *a == *b;
}

/* 300 keys and resizes by a fixed seed: the program lives, and the screen it believes in is the one
 * that is shown (a repaint changes no cell). */
static void test_random(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "j",     "k",     "PgDn",      "PgUp", "G",  "g",   "Tab", "z",           "s",
        "S",     "n",     "N",         "J",    "K",  "H",   "L",   "l",           "Enter",
        "Enter", "c",     "r",         "+",    "-",  "h",   "x",   "X",           "u",
        "^R",    "a",     "Up",        "Down", "= ", "? q", "b",   "p 1 6 Enter", "/ c o n v Enter",
        ": Esc", "1 Esc", "7 2 Enter", "w",    "d",  "M",   "v",   "r Esc",       "h c Tab Tab",
    };
    unsigned long x = 12345;
    struct vt *v = start(100, 30, "zoo:resnet50");
    assert_true(vt_expect(v, "segments"));
    for (int i = 0; i < 300; i++) {
        x = x * 6364136223846793005ul + 1442695040888963407ul;
        unsigned r = (unsigned)(x >> 33);
        if (r % 23 == 0)
            vt_resize(v, 6 + (int)(r >> 8) % 60, 30 + (int)(r >> 16) % 180);
        else
            vt_keys(v, keys[r % (sizeof keys / sizeof *keys)]);
        if (i % 50 == 49) {
            vt_settle(v);
            vt_quiet(v, 150);
            char *before = strdup(vt_text(v));
            vt_keys(v, "^L");
            vt_quiet(v, 150);
            bool same = same_screen(before, vt_text(v));
            free(before);
            assert_true(same);
        }
    }
    vt_keys(v, "Esc");
    vt_resize(v, 30, 100);
    vt_settle(v);
    assert_int_equal(kill(vt_pid(v), 0), 0);
    assert_true(vt_expect(v, "resnet50"));
    quit(v);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, fresh)
    const struct CMUnitTest tests[] = {
        T(test_views_80x24),
        T(test_views_200x60),
        T(test_pin),
        T(test_refused),
        T(test_settings),
        T(test_reach),
        T(test_fit),
        T(test_fit_goes_on),
        T(test_search),
        T(test_search_goes_on),
        T(test_ascii_mono),
        T(test_no_color),
        T(test_bad_terminals),
        T(test_no_terminal),
        T(test_resize),
        T(test_crash),
        T(test_end_signals),
        T(test_suspend),
        T(test_idle),
        T(test_bad_model),
        T(test_opening),
        T(test_hostile_name),
        T(test_sanitise),
        T(test_script),
        T(test_export_asks),
        T(test_filter),
        T(test_batch),
        T(test_recover),
        T(test_keep),
        T(test_estimates),
        T(test_heat),
        T(test_prompt),
        T(test_random),
        T(test_nodes),
        T(test_record),
        T(test_play),
        T(test_lesson),
        T(test_every_command),
        T(test_graph),
        T(test_versions),
        T(test_names_come_back),
        T(test_config),
        T(test_confirm_quit),
        T(test_mouse),
        T(test_tabs),
        T(test_files),
        T(test_read_only),
        T(test_paste),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
