/* The workbench's configuration: lines, files, what keys mean. */
#include "base/file.h"
#include "ui/config.h"
#include "ui/heat.h"
#include "ui/input.h"
#include "ui/screen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* after the above */
#include <cmocka.h>

static struct config c;

static int init(void **state)
{
    (void)state;
    config_init(&c);
    return 0;
}

static int done(void **state)
{
    (void)state;
    config_done(&c);
    return 0;
}

static void good(const char *line)
{
    struct err err = {0};
    if (config_line(&c, line, &err) != ST_OK)
        fail_msg("%s: %s", line, err.msg);
}

static void bad(const char *line, const char *says)
{
    struct err err = {0};
    assert_int_equal(config_line(&c, line, &err), ST_USAGE);
    if (!strstr(err.msg, says))
        fail_msg("%s: %s", line, err.msg);
}

static void test_settings(void **state)
{
    (void)state;
    char value[40];
    for (int p = 0; p < PREF_COUNT; p++) {
        const struct pref_info *i = pref_info((enum pref)p);
        assert_string_equal(pref_value((enum pref)p, c.pref[p], value, sizeof value), i->usual);
    }
    good("set theme mono");
    assert_int_equal(c.pref[PREF_THEME], THEME_MONO);
    good("  set\ttheme   Light ");
    assert_int_equal(c.pref[PREF_THEME], THEME_LIGHT);
    good("set ascii off");
    assert_int_equal(c.pref[PREF_ASCII], SCREEN_ASCII_OFF);
    good("set grow 4");
    good("set adapt on");
    assert_int_equal(c.repair.grow, 4);
    assert_true(c.repair.adapt);
    good("");
    good("# set theme nothing");
    bad("set theme pink", "theme 'pink' is none of: default light");
    bad("set theme", "set takes NAME VALUE");
    bad("set theme light mono", "set takes NAME VALUE");
    bad("set thema light", "no setting is called 'thema'");
    bad("set grow many", "whole number");
    bad("set max-flops +10%", "of one network");
    bad("sett theme light", "'sett' is none of: set bind unbind");
    assert_int_equal(c.pref[PREF_THEME], THEME_LIGHT);
    /* values that are enums elsewhere */
    for (int h = 0; h < HEATS; h++)
        assert_string_equal(pref_value(PREF_HEAT, h, value, sizeof value), heat_name((enum heat)h));
}

static void test_keys(void **state)
{
    (void)state;
    struct str keys = {0};
    assert_int_equal(config_action(&c, VIEW_SEGMENTS, 'u'), ACTION_UNDO);
    assert_null(config_binding(&c, VIEW_SEGMENTS, 'u'));
    good("bind U undo");
    good("bind F5 heat time");
    good("bind F6 :fit start");
    good("bind u redo");
    assert_int_equal(config_action(&c, VIEW_SEGMENTS, 'U'), ACTION_UNDO);
    assert_int_equal(config_action(&c, VIEW_SEGMENTS, 'u'), ACTION_REDO);
    config_keys(&c, ACTION_UNDO, VIEW_SEGMENTS, &keys);
    assert_string_equal(str_text(&keys), "U");
    str_clear(&keys);
    config_keys(&c, ACTION_REDO, VIEW_SEGMENTS, &keys);
    assert_string_equal(str_text(&keys), "^R u");
    str_done(&keys);
    /* only where the action is one */
    assert_string_equal(config_binding(&c, VIEW_SEGMENTS, INPUT_F1 + 4)->line, "heat time");
    assert_null(config_binding(&c, VIEW_MODELS, INPUT_F1 + 4));
    assert_string_equal(config_binding(&c, VIEW_MODELS, INPUT_F1 + 5)->line, "fit start");
    good("unbind F6");
    assert_string_equal(config_binding(&c, VIEW_MODELS, INPUT_F1 + 5)->line, "");
    good("unbind q");
    assert_int_equal(config_action(&c, VIEW_MODELS, 'q'), ACTION_NONE);
    bad("bind", "bind takes KEY ACTION");
    bad("bind F5", "bind takes KEY ACTION");
    bad("bind Nokey undo", "no key is called 'Nokey'");
    bad("bind Resize undo", "no key is called 'Resize'");
    bad("bind F7 fly", "no action is called 'fly'");
    bad("bind F7 redraw twice", "redraw takes no argument");
    bad("unbind F5 heat", "unbind takes KEY");
}

static void test_file(void **state)
{
    (void)state;
    static const char text[] = "set theme mono\r\nset nothing on\n\nbind F5 fly\nset mouse on";
    struct err err = {0};
    assert_int_equal(config_text(&c, text, &err), 2);
    assert_string_equal(err.msg, "line 2: no setting is called 'nothing'");
    assert_int_equal(c.pref[PREF_THEME], THEME_MONO);
    assert_int_equal(c.pref[PREF_MOUSE], 1);
    assert_int_equal(file_write("test_config.tmp", text, strlen(text), NULL), ST_OK);
    assert_int_equal(config_read(&c, "test_config.tmp", &err), ST_USAGE);
    char line[512];
    assert_string_equal(err_text(&err, line, sizeof line),
                        "test_config.tmp: line 2: no setting is called 'nothing' (and 1 more)");
    unlink("test_config.tmp");
    err = (struct err){0};
    assert_int_equal(config_read(&c, "test_config.tmp", &err), ST_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_settings, init, done),
        cmocka_unit_test_setup_teardown(test_keys, init, done),
        cmocka_unit_test_setup_teardown(test_file, init, done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
