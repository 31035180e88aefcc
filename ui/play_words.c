/* Commands of a script that is played: the session's language, with views where `run` prints lists.
 */
#include "ui/play.h"

#include <stdlib.h>
#include <string.h>

static enum status play_open(struct ui *ui, const char *line, const char *arg, struct err *err)
{
    if (!*arg)
        return command_line(ui, line, err);
    command_open(ui, arg, false);
    return ST_OK;
}

static enum status play_export(struct ui *ui, const char *line, const char *arg, struct err *err)
{
    if (!*arg || !session_is_open(ui->tab->session))
        return command_line(ui, line, err);
    command_action(ui, ACTION_EXPORT, arg);
    return ST_OK;
}

/* A list that `run` prints is a view here. */
static enum status show_view(struct ui *ui, enum view_id v, const char *line, struct err *err)
{
    if (!session_is_open(ui->tab->session))
        return command_line(ui, line, err);
    ui_push(ui, v);
    ui_did(ui, "%s", line);
    return ST_OK;
}

static enum status play_segments(struct ui *ui, const char *line, const char *arg, struct err *err)
{
    (void)arg;
    ui_pop_to(ui, VIEW_SEGMENTS);
    return show_view(ui, VIEW_SEGMENTS, line, err);
}

static enum status play_candidates(struct ui *ui, const char *line, const char *arg,
                                   struct err *err)
{
    (void)arg;
    if (session_selected(ui->tab->session) < 0)
        return command_line(ui, line, err);
    ui_pop_to(ui, ui_has_view(ui, VIEW_CANDIDATES) ? VIEW_CANDIDATES : VIEW_SEGMENTS);
    return show_view(ui, VIEW_CANDIDATES, line, err);
}

static enum status play_history(struct ui *ui, const char *line, const char *arg, struct err *err)
{
    (void)arg;
    return show_view(ui, VIEW_HISTORY, line, err);
}

static enum status play_diff(struct ui *ui, const char *line, const char *arg, struct err *err)
{
    (void)arg;
    return command_diff(ui, line, err);
}

static enum status play_fit(struct ui *ui, const char *line, const char *arg, struct err *err)
{
    return *arg ? command_line(ui, line, err) : show_view(ui, VIEW_FIT, line, err);
}

static enum status play_search(struct ui *ui, const char *line, const char *arg, struct err *err)
{
    return *arg && strcmp(arg, "show") != 0 ? command_line(ui, line, err)
                                            : show_view(ui, VIEW_SEARCH, line, err);
}

static enum status play_why(struct ui *ui, const char *line, const char *arg, struct err *err)
{
    (void)arg;
    enum status st = command_line(ui, line, err);
    if (st == ST_OK)
        ui_compare_preview(ui, true);
    return st;
}

/* The workbench stays. */
static enum status play_quit(struct ui *ui, const char *line, const char *arg, struct err *err)
{
    (void)line;
    (void)arg;
    (void)err;
    ui->play->next = ui->play->script.step.n;
    return ST_OK;
}

static const struct {
    const char *verb;
    enum view_id view; /* stays when it is on top already */
    enum status (*run)(struct ui *ui, const char *line, const char *arg, struct err *err);
} words[] = {
    {"open", VIEW_COUNT, play_open},       {"segments", VIEW_COUNT, play_segments},
    {"history", VIEW_COUNT, play_history}, {"candidates", VIEW_COUNT, play_candidates},
    {"fit", VIEW_FIT, play_fit},           {"search", VIEW_SEARCH, play_search},
    {"why", VIEW_COUNT, play_why},         {"export", VIEW_COUNT, play_export},
    {"diff", VIEW_COUNT, play_diff},       {"quit", VIEW_COUNT, play_quit},
};

/* Views that only showed what the commands before said. */
static void drop_shown(struct ui *ui, enum view_id but)
{
    static const enum view_id shown[] = {VIEW_OUTPUT,  VIEW_HELP, VIEW_HISTORY,
                                         VIEW_COMPARE, VIEW_FIT,  VIEW_SEARCH};
    bool drops = true;
    while (drops) {
        drops = false;
        for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
            drops |= ui_top(ui) == shown[i] && shown[i] != but;
        if (drops)
            ui_pop(ui);
    }
}

enum status play_command(struct ui *ui, const char *line, struct err *err)
{
    size_t n = strcspn(line, " \t"), k = 0;
    const size_t count = sizeof words / sizeof *words;
    while (k < count && (strlen(words[k].verb) != n || strncmp(words[k].verb, line, n) != 0))
        k++;
    drop_shown(ui, k < count ? words[k].view : VIEW_COUNT);
    if (k == count)
        return command_line(ui, line, err);
    const char *rest = line + n + strspn(line + n, " \t");
    size_t len = strlen(rest);
    bool quoted = len > 1 && rest[0] == '"' && rest[len - 1] == '"';
    char *arg = quoted ? x_strndup(rest + 1, len - 2) : x_strdup(rest);
    enum status st = words[k].run(ui, line, arg, err);
    free(arg);
    return st;
}
