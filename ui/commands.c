/* Actions and the ':' line. An action goes to the view first, then to its table, then to what
 * holds everywhere; a word that is no action goes to the session's command language. */
#include "ui/ui_priv.h"

#include "base/file.h"
#include "family/family.h"
#include "session/field.h"
#include "session/fitting.h"
#include "session/searching.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static struct list *top_list(struct ui *ui)
{
    const struct view_ops *ops = ui->tab->stack[ui->tab->depth - 1].ops;
    return ops->list ? ops->list(ui->tab->stack[ui->tab->depth - 1].self) : NULL;
}

char *ui_expand(const char *path)
{
    const char *home = getenv("HOME");
    if (path[0] == '~' && path[1] == '/' && home)
        return x_asprintf("%s%s", home, path + 1);
    return x_strdup(path);
}

/* ---- writing ---- */

void command_ask_to_write(struct ui *ui, const char *path,
                          void (*write_it)(struct ui *ui, bool yes))
{
    char line[200];
    free(ui->path);
    ui->path = ui_expand(path);
    if (access(ui->path, F_OK) == 0) {
        snprintf(line, sizeof line, "%.150s exists. Replace it? (y/n) ", ui->path);
        ui_ask(ui, line, write_it);
    } else
        write_it(ui, true);
}

static void export_now(struct ui *ui, bool yes)
{
    struct err err = {0};
    char word[600];
    if (!yes)
        ui_say(ui, "not written");
    else if (session_export_later(ui->tab->session, ui->path, &err) != ST_OK)
        ui_fail(ui, &err);
    else {
        ui_did(ui, "export %s", ui_quoted(ui->path, word, sizeof word));
        ui_say(ui, "writing %s ...", ui->path);
    }
}

static void export_file(struct ui *ui, const char *arg)
{
    if (!session_is_open(ui->tab->session)) {
        ui_say(ui, "no model is open");
        return;
    }
    if (!*arg) {
        ui_prompt(ui, "export ");
        return;
    }
    command_ask_to_write(ui, arg, export_now);
}

static void save_now(struct ui *ui, bool yes)
{
    struct err err = {0};
    char word[600];
    if (!yes)
        ui_say(ui, "not written");
    else if (session_fit_save_later(ui->tab->session, ui->path, &err) != ST_OK)
        ui_fail(ui, &err);
    else {
        ui_did(ui, "fit save %s", ui_quoted(ui->path, word, sizeof word));
        ui_say(ui, "writing %s ...", ui->path);
    }
}

void ui_save_trained(struct ui *ui, const char *path)
{
    command_ask_to_write(ui, path, save_now);
}

static void save_display(struct ui *ui, const char *arg)
{
    struct file_writer w;
    struct err err = {0};
    if (!*arg) {
        ui_prompt(ui, "save-display ");
        return;
    }
    /* As the user saw it: the line this was typed on is gone. */
    frame_draw(ui);
    enum status st = file_writer_open(&w, arg, &err);
    if (st == ST_OK) {
        screen_dump(w.f);
        st = file_writer_commit(&w, &err);
    }
    if (st != ST_OK)
        ui_fail(ui, &err);
    else
        ui_say(ui, "%s: written", arg);
}

/* ---- scripts ---- */

static void record_now(struct ui *ui, bool yes)
{
    if (yes)
        record_begin(ui, ui->path);
    else
        ui_say(ui, "nothing is recorded");
}

static void record_command(struct ui *ui, const char *arg)
{
    if (*arg && strcmp(arg, "off") != 0)
        command_ask_to_write(ui, arg, record_now);
    else
        record_end(ui);
}

static void play_command(struct ui *ui, const char *arg)
{
    if (!*arg) {
        ui_prompt(ui, "play ");
        return;
    }
    char *path = ui_expand(arg);
    play_begin(ui, path);
    free(path);
}

/* ---- small ones ---- */

void command_undo(struct ui *ui, bool redo)
{
    struct err err = {0};
    enum status st =
        redo ? session_redo(ui->tab->session, &err) : session_undo(ui->tab->session, &err);
    if (st != ST_OK) {
        ui_fail(ui, &err);
        return;
    }
    ui_edited(ui);
    ui_did(ui, redo ? "redo" : "undo");
    const struct session_version *v =
        session_version(ui->tab->session, session_cursor(ui->tab->session));
    ui_say(ui, "at version %d: %s", v ? v->id : 0, v ? v->command : "");
}

void command_filter(struct ui *ui, const char *text)
{
    const struct view_ops *ops = ui->tab->stack[ui->tab->depth - 1].ops;
    struct list *l = top_list(ui);
    if (ops->filter)
        ops->filter(ui, ui->tab->stack[ui->tab->depth - 1].self, text);
    else if (l)
        list_set_filter(l, text);
    ui->dirty = true;
}

static void start_filter(struct ui *ui, const char *arg)
{
    struct list *l = top_list(ui);
    if (!l && !ui->tab->stack[ui->tab->depth - 1].ops->filter)
        ui_say(ui, "there is nothing to filter here");
    else if (*arg)
        command_filter(ui, arg);
    else {
        prompt_open(&ui->prompt, PROMPT_FILTER, "/", l ? l->filter : "");
        ui->dirty = true;
    }
}

static bool list_command(struct ui *ui, enum action a, const char *arg)
{
    struct list *l = top_list(ui);
    if (!l)
        return false;
    if (a == ACTION_BACK && l->filter[0]) {
        command_filter(ui, "");
        return true;
    }
    if (a == ACTION_SORT && *arg) {
        if (!list_sort_by(l, arg))
            ui_say(ui, "no column is called '%s'", arg);
        return true;
    }
    if (!list_action(l, (int)a))
        return false;
    if (a == ACTION_SORT)
        ui_say(ui, "sorted by %s", l->sort < 0 ? "the usual order" : l->col[l->sort].title);
    return true;
}

static void answer_batch(struct ui *ui, bool yes)
{
    if (yes)
        session_batch_stop(ui->tab->session);
    ui_notices(ui);
}

/* While one goes on: stops it. */
static void batch(struct ui *ui, const char *arg)
{
    int done, total;
    char *line = x_asprintf("batch %s", *arg ? arg : session_filter(ui->tab->session));
    if (!*arg && session_batch_progress(ui->tab->session, &done, &total))
        ui_ask(ui, "stop the batch? What it put in stays (y/n) ", answer_batch);
    else if (*arg) {
        struct err err = {0};
        if (command_line(ui, line, &err) != ST_OK)
            ui_fail(ui, &err);
    } else
        ui_prompt(ui, line);
    free(line);
}

/* A view of what `line` lists. */
static void push_listed(struct ui *ui, enum view_id v, const char *line)
{
    ui_push(ui, v);
    if (ui_top(ui) == v)
        ui_did(ui, "%s", line);
}

static void diff(struct ui *ui, const char *arg)
{
    struct err err = {0};
    char *line = x_asprintf("diff%s%s", *arg ? " " : "", arg);
    if (command_diff(ui, line, &err) != ST_OK)
        ui_fail(ui, &err);
    free(line);
}

/* What holds in every view. */
static bool common(struct ui *ui, enum action a, const char *arg)
{
    switch (a) {
    case ACTION_BACK:
        ui_pop(ui);
        return true;
    case ACTION_QUIT:
        ui_quit(ui);
        return true;
    case ACTION_UNDO:
    case ACTION_REDO:
        command_undo(ui, a == ACTION_REDO);
        return true;
    case ACTION_HISTORY:
        if (session_is_open(ui->tab->session))
            push_listed(ui, VIEW_HISTORY, "history");
        else
            ui_say(ui, "no model is open");
        return true;
    case ACTION_DIFF:
        diff(ui, arg);
        return true;
    case ACTION_FIT:
        push_listed(ui, VIEW_FIT, "fit");
        return true;
    case ACTION_SEARCH:
        push_listed(ui, VIEW_SEARCH, "search");
        return true;
    case ACTION_RECORD:
        record_command(ui, arg);
        return true;
    case ACTION_PLAY:
        play_command(ui, arg);
        return true;
    case ACTION_BATCH:
        batch(ui, arg);
        return true;
    case ACTION_NODES:
        ui_push(ui, VIEW_NODES);
        return true;
    case ACTION_EXPORT:
        export_file(ui, arg);
        return true;
    case ACTION_TAB:
        ui_open_tab(ui, arg);
        return true;
    case ACTION_TAB_NEXT:
    case ACTION_TAB_PREVIOUS:
        tab_step(ui, a == ACTION_TAB_NEXT ? 1 : -1);
        return true;
    case ACTION_TAB_CLOSE:
        tab_close(ui);
        return true;
    case ACTION_BROWSE:
        free(ui->folder);
        ui->folder = ui_expand(*arg ? arg : ".");
        ui_pop_to(ui, VIEW_MODELS);
        return true;
    case ACTION_OPEN:
        if (*arg)
            ui_open_model(ui, arg);
        else
            ui_prompt(ui, "open ");
        return true;
    case ACTION_FILTER:
        start_filter(ui, arg);
        return true;
    case ACTION_COMMAND:
        ui_prompt(ui, "");
        return true;
    case ACTION_HELP:
        ui_push(ui, VIEW_HELP);
        return true;
    case ACTION_REDRAW:
        ui->repaint = true;
        return true;
    case ACTION_SAVE_DISPLAY:
        save_display(ui, arg);
        return true;
    case ACTION_SET:
    case ACTION_BIND:
    case ACTION_UNBIND:
        setup_line(ui, a, arg);
        return true;
    case ACTION_STATS:
        stats_show(ui);
        return true;
    default:
        return false;
    }
}

/* What a read-only session refuses at once; what else comes to an edit is refused by it. */
static bool changes(enum action a)
{
    static const enum action all[] = {
        ACTION_APPLY,  ACTION_NODE_EDIT, ACTION_NODE_DELETE, ACTION_BATCH,       ACTION_REJECT,
        ACTION_TAG,    ACTION_KEEP,      ACTION_SEARCH_RUN,  ACTION_SEARCH_HERE, ACTION_SEARCH_TAKE,
        ACTION_EXPORT, ACTION_FIT_SAVE,  ACTION_RECORD,      ACTION_SAVE_DISPLAY};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i] == a)
            return true;
    return false;
}

void command_action(struct ui *ui, enum action a, const char *arg)
{
    enum view_id v = ui->tab->stack[ui->tab->depth - 1].id;
    const struct view_ops *ops = ui->tab->stack[ui->tab->depth - 1].ops;
    void *self = ui->tab->stack[ui->tab->depth - 1].self;
    struct err err = {0};
    ui->dirty = true;
    if (changes(a) && session_may_write(ui->tab->session, &err) != ST_OK) {
        ui_fail(ui, &err);
        return;
    }
    if (action_in_view(a, v) && ((ops->action && ops->action(ui, self, a, arg)) ||
                                 list_command(ui, a, arg) || common(ui, a, arg)))
        return;
    ui_say(ui, ":%s does nothing in this view (? shows the keys)", action_info(a)->command);
}

/* ---- the ':' line ---- */

/* Runs a line of the session language and brings the views to where it led. */
enum status command_line(struct ui *ui, const char *line, struct err *err)
{
    struct session *s = ui->tab->session;
    struct str out = {0};
    char *record = record_line(ui, line);
    int selected = session_selected(s), cursor = session_cursor(s), n = session_n_versions(s);
    bool waited = session_pending(s) != NULL, trained = session_fit_running(s);
    bool searched = session_search_running(s);
    const struct session_candidate *shown = session_previewed(s);
    enum status st = session_command(s, line, SESSION_ASYNC, &out, err);
    if (st == ST_OK && record)
        ui_did(ui, "%s", record);
    else if (st == ST_OK)
        record_versions(ui);
    free(record);
    if (session_cursor(s) != cursor || session_n_versions(s) != n ||
        waited != (session_pending(s) != NULL))
        ui_edited(ui);
    if (session_selected(s) >= 0 && session_selected(s) != selected) {
        ui_pop_to(ui, VIEW_SEGMENTS);
        ui_push(ui, VIEW_CANDIDATES);
    } else if (shown && !session_previewed(s) && ui_has_view(ui, VIEW_REPAIR))
        ui_pop_to(ui, ui_has_view(ui, VIEW_CANDIDATES) ? VIEW_CANDIDATES : VIEW_SEGMENTS);
    else if (ui_top(ui) == VIEW_CANDIDATES) /* its rows may be looked for anew */
        ui_pop_to(ui, VIEW_CANDIDATES);
    if (!trained && session_fit_running(s))
        ui_push(ui, VIEW_FIT);
    if (!searched && session_search_running(s))
        ui_push(ui, VIEW_SEARCH);
    bool new_view = session_previewed(s) && session_previewed(s) != shown;
    if (new_view && ui_has_view(ui, VIEW_REPAIR))
        ui_pop_to(ui, VIEW_REPAIR);
    else if (new_view)
        ui_push(ui, VIEW_REPAIR);
    if (st == ST_OK && out.n && strchr(out.s, '\n') && strchr(out.s, '\n')[1] && !new_view)
        ui_show_text(ui, out.s);
    else if (st == ST_OK && out.n)
        ui_say(ui, "%.*s", (int)strcspn(out.s, "\n"), out.s);
    str_done(&out);
    return st;
}

void command_run(struct ui *ui, const char *line)
{
    char name[64];
    line += strspn(line, " \t:");
    size_t n = strcspn(line, " \t");
    if (n == 0)
        return;
    snprintf(name, sizeof name, "%.*s", (int)(n < 63 ? n : 63), line);
    char *arg = x_strdup(line + n + strspn(line + n, " \t"));
    for (size_t k = strlen(arg); k > 0 && (arg[k - 1] == ' ' || arg[k - 1] == '\t'); k--)
        arg[k - 1] = 0;
    enum action a = action_for_command(name);
    enum view_id v = ui->tab->stack[ui->tab->depth - 1].id;
    bool takes = a != ACTION_NONE && (!*arg || *action_info(a)->args);
    if (takes && (action_in_view(a, v) || !session_is_word(name)))
        command_action(ui, a, arg);
    else if (session_is_word(name)) {
        struct err err = {0};
        if (command_line(ui, line, &err) != ST_OK)
            ui_fail(ui, &err);
    } else if (a != ACTION_NONE)
        ui_say(ui, ":%s takes no argument", name);
    else
        ui_say(ui, "no command is called '%s' (Tab completes, ? lists them)", name);
    free(arg);
    ui->dirty = true;
}

/* ---- completion ---- */

static void offer(struct prompt_words *out, const char *head, const char *word, const char *tail)
{
    char *line = x_asprintf("%s%s%s", head, word, tail);
    bool known = false;
    for (size_t i = 0; i < out->word.n; i++)
        known |= strcmp(out->word.at[i], line) == 0;
    if (!known)
        prompt_offer(out, line);
    free(line);
}

static void offer_files(struct prompt_words *out, const char *head, const char *part)
{
    const char *slash = strrchr(part, '/'), *base = slash ? slash + 1 : part;
    char *dir = slash ? x_strndup(part, (size_t)(slash - part) + 1) : x_strdup("");
    char *real = ui_expand(*dir ? dir : "./");
    DIR *d = opendir(real);
    for (struct dirent *e; d && (e = readdir(d)) && out->word.n < 200;) {
        if (strncmp(e->d_name, base, strlen(base)) != 0 || (e->d_name[0] == '.' && !*base))
            continue;
        struct stat st;
        char *path = x_asprintf("%s%s", real, e->d_name),
             *shown = x_asprintf("%s%s", dir, e->d_name);
        offer(out, head, shown, stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? "/" : "");
        free(shown);
        free(path);
    }
    if (d)
        closedir(d);
    free(real);
    free(dir);
}

static bool in_field_name(char c)
{
    return c == '_' || (c >= 'a' && c <= 'z');
}

/* Fields (field.h) that the last word of an expression begins. */
static void offer_fields(struct prompt_words *out, const char *text)
{
    size_t n = strlen(text);
    while (n > 0 && in_field_name(text[n - 1]))
        n--;
    char *head = x_strndup(text, n);
    for (int i = 0; i < field_count(); i++)
        if (str_starts(field_at(i)->name, text + n))
            offer(out, head, field_at(i)->name, "");
    free(head);
}

static void offer_nodes(struct ui *ui, struct prompt_words *out, const char *head, const char *part)
{
    const struct graph *g =
        session_is_open(ui->tab->session) ? session_graph(ui->tab->session) : NULL;
    for (int i = 0; g && i < graph_n_nodes(g) && out->word.n < 200; i++) {
        const char *name = node_label(graph_node(g, graph_topo(g)[i]));
        if (str_starts(name, part))
            offer(out, head, name, " ");
    }
}

/* Names of versions that the last word begins. */
static void offer_versions(struct ui *ui, struct prompt_words *out, const char *text)
{
    const char *part = strrchr(text, ' ') + 1;
    bool bare = *part == '@'; /* a name with blanks cannot be said there */
    part += bare;
    char *head = x_strndup(text, (size_t)(part - text)), word[SESSION_NAME + 3];
    for (int i = 0; i < session_n_versions(ui->tab->session); i++) {
        const char *name = session_version(ui->tab->session, i)->name;
        if (*name && str_starts(name, part) && !(bare && strchr(name, ' ')))
            offer(out, head, ui_quoted(name, word, sizeof word), "");
    }
    free(head);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void command_complete(void *ctx, const char *text, struct prompt_words *out)
{
    struct ui *ui = ctx;
    size_t n = strcspn(text, " ");
    if (ui->prompt.kind == PROMPT_FILTER) {
        if (ui_top(ui) == VIEW_CANDIDATES)
            offer_fields(out, text);
    } else if (!text[n]) {
        int words;
        const struct session_word *w = session_words(&words);
        for (int a = 1; a < ACTION_COUNT; a++)
            if (str_starts(action_info((enum action)a)->command, text))
                offer(out, "", action_info((enum action)a)->command,
                      *action_info((enum action)a)->args ? " " : "");
        for (int i = 0; i < words; i++)
            if (str_starts(w[i].name, text) && action_for_command(w[i].name) == ACTION_NONE)
                offer(out, "", w[i].name, *w[i].args ? " " : "");
    } else {
        char head[64];
        const char *part = text + n + strspn(text + n, " ");
        snprintf(head, sizeof head, "%.*s ", (int)(n < 60 ? n : 60), text);
        const struct family_zoo *z;
        for (int i = 0;
             (str_starts(text, "open ") || str_starts(text, "tab ")) && (z = family_zoo_at(i));
             i++) {
            char *name = x_asprintf("zoo:%s", z->name);
            if (str_starts(name, part))
                offer(out, head, name, "");
            free(name);
        }
        if (str_starts(text, "goto ") || str_starts(text, "mark ") || str_starts(text, "diff ") ||
            ((str_starts(text, "name @") || str_starts(text, "note @")) && !strchr(part, ' ')))
            offer_versions(ui, out, text);
        setup_complete(text, out);
        if (str_starts(text, "edit "))
            offer_nodes(ui, out, head, part);
        for (int i = 0; i < SEARCH_SETTINGS && str_starts(text, "search set "); i++) {
            char *word = x_asprintf("set %s", search_setting_info[i].name);
            if (str_starts(word, part))
                offer(out, head, word, " ");
            free(word);
        }
        for (int i = 0; i < SESSION_FIT_SETTINGS && str_starts(text, "fit "); i++)
            if (str_starts(session_fit_name(i), part))
                offer(out, head, session_fit_name(i), " ");
        if (str_starts(text, "filter ") || str_starts(text, "sort ") || str_starts(text, "batch "))
            offer_fields(out, text);
        if (str_starts(text, "open ") || str_starts(text, "tab ") || str_starts(text, "export ") ||
            str_starts(text, "save-display ") || str_starts(text, "fit-save ") ||
            str_starts(text, "record ") || str_starts(text, "play ") || str_starts(text, "browse "))
            offer_files(out, head, part);
    }
    if (out->word.n)
        qsort(out->word.at, out->word.n, sizeof *out->word.at, by_text);
}
