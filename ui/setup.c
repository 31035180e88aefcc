/* What the configuration (config.h) changes here: at the start, and line by line. */
#include "ui/ui_priv.h"

#include "base/file.h"
#include "session/settings.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void apply(struct ui *ui)
{
    screen_look((enum theme_name)ui_pref(ui, PREF_THEME),
                (enum screen_ascii)ui_pref(ui, PREF_ASCII));
    screen_mouse(ui_pref(ui, PREF_MOUSE) == 1);
    ui->repaint = true;
    tabs_each(ui, ui_tell, UI_SET);
}

void ui_set_pref(struct ui *ui, enum pref p, int value)
{
    ui->config.pref[p] = value;
    apply(ui);
}

enum status setup_read(struct ui *ui, const char *path, struct err *trouble, struct err *err)
{
    config_init(&ui->config);
    char *usual = path ? NULL : file_xdg("CONFIG", "config", 0);
    enum status st = ST_OK;
    if (path || (usual && access(usual, F_OK) == 0))
        st = config_read(&ui->config, path ? path : usual, trouble);
    free(usual);
    if (!path || st != ST_IO)
        return ST_OK; /* what is wrong is told on the screen */
    *err = *trouble;
    return st;
}

void setup_begin(struct ui *ui, const struct err *trouble)
{
    apply(ui);
    if (trouble->code != ST_OK)
        ui_fail(ui, trouble);
}

static void list_settings(struct ui *ui)
{
    struct str out = {0};
    char value[40];
    str_add(&out, "of the workbench\n");
    for (int p = 0; p < PREF_COUNT; p++)
        str_addf(&out, "  %-13s %-18s %s\n", pref_info((enum pref)p)->name,
                 pref_value((enum pref)p, ui->config.pref[p], value, sizeof value),
                 pref_info((enum pref)p)->help);
    str_add(&out, "of repairs\n");
    for (int i = 0; i < SETTINGS; i++) {
        char *now = settings_value(session_repair(ui->tab->session), i);
        str_addf(&out, "  %-13s %-18s %s\n", settings_name(i), now, settings_help(i));
        free(now);
    }
    ui_show_text(ui, str_text(&out));
    str_done(&out);
}

void setup_line(struct ui *ui, enum action a, const char *arg)
{
    struct err err = {0};
    char name[64];
    char *line = x_asprintf("%s %s", action_info(a)->command, arg);
    snprintf(name, sizeof name, "%.*s", (int)strcspn(arg, " \t"), arg);
    enum status st = ST_OK;
    if (!*arg && a == ACTION_SET)
        list_settings(ui);
    else if (a == ACTION_SET && pref_find(name) == PREF_COUNT)
        st = command_line(ui, line, &err);
    else {
        st = config_line(&ui->config, line, &err);
        if (st == ST_OK && a == ACTION_SET)
            apply(ui);
        if (st == ST_OK)
            ui_say(ui, "%s", line);
    }
    if (st != ST_OK)
        ui_fail(ui, &err);
    free(line);
}

static void offer_rest(struct prompt_words *out, const char *text, const char *verb,
                       const char *name, const char *tail)
{
    char *line = x_asprintf("%s %s%s", verb, name, tail);
    if (str_starts(line, text))
        prompt_offer(out, line);
    free(line);
}

void setup_complete(const char *text, struct prompt_words *out)
{
    char value[40], name[64];
    const char *rest;
    if (str_starts(text, "bind ") && (rest = strchr(text + 5, ' '))) {
        char *head = x_strndup(text, (size_t)(rest - text));
        for (int a = 1; a < ACTION_COUNT; a++)
            offer_rest(out, text, head, action_info((enum action)a)->command,
                       *action_info((enum action)a)->args ? " " : "");
        free(head);
    }
    if (!str_starts(text, "set "))
        return;
    for (int i = 0; i < SETTINGS; i++)
        offer_rest(out, text, "set", settings_name(i), " ");
    for (int p = 0; p < PREF_COUNT; p++) {
        offer_rest(out, text, "set", pref_info((enum pref)p)->name, " ");
        snprintf(name, sizeof name, "set %s ", pref_info((enum pref)p)->name);
        for (int i = 0; str_starts(text, name) && pref_value((enum pref)p, i, value, sizeof value);
             i++)
            offer_rest(out, text, "set", name + 4, value);
    }
}
