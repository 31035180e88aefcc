/* The loop: wait, take in what happened, draw once.
 *
 * It waits in poll() without a time-out on the terminal, the signal pipe and the session's pipe,
 * so that an idle workbench costs nothing; all heavy work is on the session's workers. */
#include "base/clock.h"
#include "session/fitting.h"
#include "session/searching.h"
#include "ui/repair_words.h"
#include "ui/ui_priv.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const struct view_ops *const ui_views[VIEW_COUNT] = {
#define VIEW(id, ops, title) [VIEW_##id] = &ops,
#include "ui/views.def"
#undef VIEW
};

struct session *ui_session(struct ui *ui)
{
    return ui->tab->session;
}

const struct config *ui_config(const struct ui *ui)
{
    return &ui->config;
}

int ui_pref(const struct ui *ui, enum pref p)
{
    return ui->config.pref[p];
}

const char *ui_first_key(const struct ui *ui, enum action a, enum view_id v, char *buf, size_t size)
{
    struct str keys = {0};
    config_keys(&ui->config, a, v, &keys);
    snprintf(buf, size, "%.*s", (int)strcspn(str_text(&keys), " "), str_text(&keys));
    str_done(&keys);
    return buf;
}

char *ui_take_folder(struct ui *ui)
{
    char *folder = ui->folder;
    ui->folder = NULL;
    return folder;
}

/* ---- messages and questions ---- */

static void say(struct ui *ui, int style, const char *text)
{
    char line[sizeof ui->message];
    snprintf(line, sizeof line, "tab %d: %s", ui->hidden ? tab_number(ui, ui->tab) + 1 : 0, text);
    text_clean(ui->message, sizeof ui->message, ui->hidden ? line : text);
    ui->message_style = style;
    ui->dirty = true;
}

void ui_say(struct ui *ui, const char *fmt, ...)
{
    char buf[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(buf, sizeof buf, fmt, ap);
    va_end(ap);
    say(ui, STYLE_TEXT, buf);
}

void ui_fail(struct ui *ui, const struct err *err)
{
    char text[448], buf[480];
    snprintf(buf, sizeof buf, "autogo: %s", err_text(err, text, sizeof text));
    ui_log(ui, "error", "%s", text);
    say(ui, err->code == ST_NO ? STYLE_WARN : STYLE_ERROR, buf);
}

void ui_ask(struct ui *ui, const char *question, void (*answer)(struct ui *ui, bool yes))
{
    ui->answer = answer;
    prompt_open(&ui->prompt, PROMPT_QUESTION, question, "");
    ui->dirty = true;
}

void ui_prompt(struct ui *ui, const char *text)
{
    prompt_open(&ui->prompt, PROMPT_COMMAND, ":", text);
    ui->dirty = true;
}

void ui_prompt_edit(struct ui *ui, const struct node *node, const char *change)
{
    char *text = x_asprintf("edit %s %s", node_label(node), change);
    ui_prompt(ui, text);
    free(text);
}

void ui_show_text(struct ui *ui, const char *text)
{
    free(ui->tab->text);
    ui->tab->text = x_strdup(text);
    if (ui->tab->stack[ui->tab->depth - 1].id == VIEW_OUTPUT)
        ui_pop(ui);
    ui_push(ui, VIEW_OUTPUT);
}

const char *ui_text(const struct ui *ui)
{
    return ui->tab->text ? ui->tab->text : "";
}

/* ---- the stack of views ---- */

void ui_push(struct ui *ui, enum view_id v)
{
    struct err err = {0};
    if (ui->tab->depth && ui->tab->stack[ui->tab->depth - 1].id == v)
        return;
    if (ui->tab->depth == UI_DEPTH) {
        ui_say(ui, "too many views are open; go back first");
        return;
    }
    const struct view_ops *ops = ui_views[v];
    void *self = x_calloc(1, ops->size ? ops->size : 1);
    if (ops->open && ops->open(ui, self, &err) != ST_OK) {
        free(self);
        ui_fail(ui, &err);
        return;
    }
    ui->tab->stack[ui->tab->depth].id = v;
    ui->tab->stack[ui->tab->depth].ops = ops;
    ui->tab->stack[ui->tab->depth++].self = self;
    ui->dirty = true;
}

static void remove_view(struct ui *ui, int i)
{
    if (ui->tab->stack[i].ops->close)
        ui->tab->stack[i].ops->close(ui, ui->tab->stack[i].self);
    free(ui->tab->stack[i].self);
    ui->tab->depth--;
    memmove(&ui->tab->stack[i], &ui->tab->stack[i + 1],
            (size_t)(ui->tab->depth - i) * sizeof ui->tab->stack[0]);
    ui->dirty = true;
}

/* A view that was covered may have missed what happened. */
static void wake_top(struct ui *ui)
{
    if (ui->tab->depth && ui->tab->stack[ui->tab->depth - 1].ops->changed)
        ui->tab->stack[ui->tab->depth - 1].ops->changed(ui, ui->tab->stack[ui->tab->depth - 1].self,
                                                        ~0u);
}

static void answer_quit(struct ui *ui, bool yes)
{
    ui->quit = yes;
}

void ui_quit(struct ui *ui)
{
    int ask = ui_pref(ui, PREF_CONFIRM_QUIT);
    bool unfinished = false;
    for (int i = 0; i < ui->n_tabs; i++)
        unfinished |= tab_unfinished(ui->tabs[i]);
    if (ask == 0 || (ask == 1 && !unfinished))
        ui->quit = true;
    else
        ui_ask(ui, "leave? (y/n)  the journal keeps the edits, nothing keeps what runs ",
               answer_quit);
}

void ui_pop(struct ui *ui)
{
    if (ui->tab->depth == 1) {
        tab_close(ui);
        return;
    }
    remove_view(ui, ui->tab->depth - 1);
    wake_top(ui);
}

void ui_pop_to(struct ui *ui, enum view_id v)
{
    while (ui->tab->depth > 1 && ui->tab->stack[ui->tab->depth - 1].id != v)
        remove_view(ui, ui->tab->depth - 1);
    wake_top(ui);
}

bool ui_has_view(const struct ui *ui, enum view_id v)
{
    for (int i = 0; i < ui->tab->depth; i++)
        if (ui->tab->stack[i].id == v)
            return true;
    return false;
}

struct ui_place *ui_place(struct ui *ui)
{
    return &ui->tab->place;
}

struct heat_costs *ui_costs(struct ui *ui)
{
    return &ui->tab->costs;
}

enum view_id ui_top(const struct ui *ui)
{
    return ui->tab->stack[ui->tab->depth - 1].id;
}

void ui_tell(struct ui *ui, unsigned what)
{
    for (int i = 0; i < ui->tab->depth; i++)
        if (ui->tab->stack[i].ops->changed)
            ui->tab->stack[i].ops->changed(ui, ui->tab->stack[i].self, what);
    ui->dirty = true;
}

/* Candidates belong to the version they were made for. */
void ui_edited(struct ui *ui)
{
    for (int i = ui->tab->depth - 1; i > 0; i--)
        if (ui->tab->stack[i].id == VIEW_CANDIDATES || ui->tab->stack[i].id == VIEW_REPAIR ||
            ui->tab->stack[i].id == VIEW_COMPARE)
            remove_view(ui, i);
    ui_tell(ui, UI_EDITED);
}

void ui_apply(struct ui *ui)
{
    struct err err = {0};
    if (session_preview_busy(ui->tab->session)) {
        ui_say(ui, "the repair is still being solved");
        return;
    }
    const struct session_candidate *c = session_previewed(ui->tab->session);
    if (c && !c->accepted && *repair_refusal(c)) {
        ui_say(ui, "%s", repair_refusal(c));
        return;
    }
    if (session_apply(ui->tab->session, &err) != ST_OK) {
        ui_fail(ui, &err);
        return;
    }
    ui_edited(ui);
    ui_did(ui, "apply");
    const struct session_version *v =
        session_version(ui->tab->session, session_cursor(ui->tab->session));
    if (v)
        ui_say(ui, "applied as version %d: %s", v->id, v->command);
}

/* ---- the pair to compare ---- */

static void drop_pair(struct ui *ui)
{
    graph_unref(ui->tab->pair.a);
    graph_unref(ui->tab->pair.b);
    memset(&ui->tab->pair, 0, sizeof ui->tab->pair);
}

void ui_compare(struct ui *ui, const struct graph *a, const char *a_title, const struct graph *b,
                const char *b_title, const int *version)
{
    struct graph *ra = graph_ref(a), *rb = graph_ref(b);
    for (int i = ui->tab->depth - 1; i > 0; i--)
        if (ui->tab->stack[i].id == VIEW_COMPARE)
            remove_view(ui, i);
    drop_pair(ui);
    ui->tab->pair.a = ra;
    ui->tab->pair.b = rb;
    text_clean(ui->tab->pair.a_title, sizeof ui->tab->pair.a_title, a_title);
    text_clean(ui->tab->pair.b_title, sizeof ui->tab->pair.b_title, b_title);
    ui->tab->pair.candidate = !version;
    for (int k = 0; k < 2; k++)
        ui->tab->pair.version[k] = version ? version[k] : -1;
    ui->tab->pair.n_same =
        version ? session_same_ids(ui->tab->session, version[0], version[1]) : GRAPH_SAME_IDS;
    ui_push(ui, VIEW_COMPARE);
}

void ui_compare_preview(struct ui *ui, bool why)
{
    const struct session_candidate *c = session_previewed(ui->tab->session);
    if (!c || !c->result || !c->result->graph) {
        const char *refusal = repair_refusal(c);
        ui_say(ui, "%s", *refusal ? refusal : "there is no result to compare with");
        return;
    }
    char a[64], b[64];
    snprintf(a, sizeof a, "version %d", session_cursor(ui->tab->session));
    snprintf(b, sizeof b, "with %s", c->id);
    ui_compare(ui, session_graph(ui->tab->session), a, c->result->graph, b, NULL);
    if (why)
        command_action(ui, ACTION_WHY, "");
}

const struct ui_pair *ui_pair(const struct ui *ui)
{
    return &ui->tab->pair;
}

/* ---- keys ---- */

static void prompt_answer(struct ui *ui, enum prompt_result r)
{
    enum prompt_kind kind = ui->prompt.kind;
    if (kind == PROMPT_FILTER && r == PROMPT_CHANGED)
        command_filter(ui, ui->prompt.text);
    if (kind == PROMPT_FILTER && r == PROMPT_CANCELLED)
        command_filter(ui, "");
    if (r != PROMPT_DONE && r != PROMPT_CANCELLED)
        return;
    char line[sizeof ui->prompt.text];
    memcpy(line, ui->prompt.text, sizeof line);
    bool yes = ui->prompt.yes;
    void (*answer)(struct ui *, bool) = ui->answer;
    prompt_close(&ui->prompt);
    if (kind == PROMPT_COMMAND && r == PROMPT_DONE)
        command_run(ui, line);
    if (kind == PROMPT_QUESTION && answer) {
        ui->answer = NULL;
        answer(ui, yes);
    }
}

/* A click where the cursor is goes on from there; the wheel is three rows. */
static bool take_mouse(struct ui *ui, int key)
{
    const struct view_ops *ops = ui->tab->stack[ui->tab->depth - 1].ops;
    struct list *l = ops->list ? ops->list(ui->tab->stack[ui->tab->depth - 1].self) : NULL;
    bool again;
    int y, x;
    if (key != INPUT_CLICK && key != INPUT_WHEEL_UP && key != INPUT_WHEEL_DOWN)
        return false;
    screen_clicked(&y, &x);
    if (ui->prompt.kind != PROMPT_NONE || (ui->play && play_key(ui, key)) ||
        (key == INPUT_CLICK && tabs_click(ui, y, x)))
        return true;
    for (int i = 0; i < 3 && key != INPUT_CLICK; i++)
        command_action(ui, key == INPUT_WHEEL_UP ? ACTION_UP : ACTION_DOWN, "");
    if (key == INPUT_CLICK && l && list_click(l, y, x, &again) && again)
        command_action(ui, ACTION_ENTER, "");
    return true;
}

static void take_key(struct ui *ui, int key)
{
    ui->dirty = true;
    ui->stats.n_keys++;
    if (paste_key(ui, key) || take_mouse(ui, key))
        return;
    if (ui->prompt.kind != PROMPT_NONE) {
        prompt_answer(ui, prompt_key(&ui->prompt, key));
        return;
    }
    if (key == INPUT_ESC && opening_stop(ui))
        return;
    if (play_key(ui, key))
        return;
    ui->message[0] = 0;
    enum view_id v = ui->tab->stack[ui->tab->depth - 1].id;
    const struct binding *b = config_binding(&ui->config, v, key);
    enum action a = b ? ACTION_NONE : action_for_key(v, key);
    if (b && *b->line) {
        command_run(ui, b->line);
        return;
    }
    if (a != ACTION_NONE) {
        command_action(ui, a, "");
        return;
    }
    const struct view_ops *ops = ui->tab->stack[ui->tab->depth - 1].ops;
    if (key != INPUT_RESIZE &&
        (b || !ops->key || !ops->key(ui, ui->tab->stack[ui->tab->depth - 1].self, key))) {
        char name[16];
        ui_say(ui, "%s does nothing here (? shows the keys)", input_name(key, name, sizeof name));
    }
}

/* ---- the loop ---- */

static void take_signals(struct ui *ui)
{
    unsigned bits = screen_signals();
    if (bits & SCREEN_QUIT)
        ui->quit = true;
    if ((bits & SCREEN_INTERRUPT) && !ui->quit) {
        if (ui->prompt.kind != PROMPT_NONE) {
            screen_interrupt_clear();
            take_key(ui, ui->prompt.kind == PROMPT_QUESTION ? INPUT_ESC : INPUT_CTRL_C);
        } else
            ui->quit = true;
    }
    if (bits & SCREEN_REDRAW)
        ui->repaint = true;
    if (bits & (SCREEN_REDRAW | SCREEN_RESIZED))
        ui->dirty = true;
}

void ui_notices(struct ui *ui)
{
    const char *notice;
    while ((notice = session_notice(ui->tab->session))) {
        bool good = session_notice_good(ui->tab->session);
        char line[512];
        snprintf(line, sizeof line, "%s%s", good ? "" : "autogo: ", notice);
        say(ui, good ? STYLE_TEXT : STYLE_WARN, line);
        ui_log(ui, good ? "notice" : "error", "%s", notice);
        if (!good && !ui->hidden)
            play_trouble(ui, notice);
    }
}

/* Of one tab, which may be a hidden one. */
static void take_results(struct ui *ui, unsigned arg)
{
    (void)arg;
    unsigned what = session_poll(ui->tab->session);
    ui->tab->opening.read |= (what & SESSION_CHANGED_OPENED) != 0;
    if (what)
        ui_tell(ui, what);
    if (what & SESSION_CHANGED_VERSION) {
        ui_edited(ui);
        record_versions(ui);
    }
    ui_notices(ui);
}

/* Feeds the script; true when it had something to do. A model comes before the keys that follow. */
static bool take_script(struct ui *ui)
{
    int key = 0;
    ui->waits = ui->script && ui_opening(ui);
    if (!ui->script || ui->waits)
        return false;
    switch (input_script_next(ui->script, tabs_any(ui, session_busy) || play_runs(ui), &key)) {
    case INPUT_STEP_KEY:
        take_key(ui, key);
        return true;
    case INPUT_STEP_WAIT:
        ui->waits = true;
        return false;
    default:
        input_script_free(ui->script);
        ui->script = NULL;
        return false;
    }
}

static bool take_keys(struct ui *ui)
{
    int key, n = 0;
    /* A paste arrives as many keys: draw once for all of them. */
    while (n < 256 && !ui->quit && (key = screen_key()) > 0) {
        take_key(ui, key);
        n++;
    }
    if (n == 0 && screen_gone())
        ui->quit = true;
    return n > 0;
}

/* The end of a job wakes a script that waits for it; 50 ms are for safety. Without a script nothing
 * wakes us for nothing. */
static int patience(const struct ui *ui)
{
    if (play_is_ready(ui) || (ui->script && !ui->waits))
        return 0;
    return ui->script || play_runs(ui) ? 50 : -1;
}

static void loop(struct ui *ui)
{
    struct pollfd fd[2 + UI_TABS];
    fd[0] = (struct pollfd){STDIN_FILENO, POLLIN, 0};
    fd[1] = (struct pollfd){screen_signal_fd(), POLLIN, 0};
    while (!ui->quit) {
        int n = 2;
        bool results = false;
        if (ui->dirty)
            frame_draw(ui);
        for (int i = 0; i < ui->n_tabs; i++)
            fd[n++] = (struct pollfd){session_fd(ui->tabs[i]->session), POLLIN, 0};
        if (poll(fd, (nfds_t)n, patience(ui)) < 0) {
            if (errno != EINTR)
                break;
            continue;
        }
        for (int i = 2; i < n; i++)
            results |= fd[i].revents != 0;
        double start = clock_s();
        bool keys = false;
        if (fd[1].revents)
            take_signals(ui);
        if (results)
            tabs_each(ui, take_results, 0);
        if (fd[0].revents & (POLLHUP | POLLERR | POLLNVAL))
            ui->quit = true;
        else if (fd[0].revents & POLLIN)
            keys = take_keys(ui);
        if (!ui->quit)
            opening_look(ui);
        if (!ui->quit && take_script(ui))
            keys = true;
        if (!ui->quit && play_is_ready(ui))
            play_step(ui);
        if (tabs_any(ui, session_quit_asked))
            ui->quit = true;
        if (keys && !ui->quit) {
            frame_draw(ui);
            ui->stats.times[ui->stats.n_keys % UI_TIMES] = (unsigned)((clock_s() - start) * 1e6);
        }
    }
}

void ui_drop_views(struct ui *ui)
{
    while (ui->tab->depth > 0)
        remove_view(ui, ui->tab->depth - 1);
}

static void finish(struct ui *ui)
{
    screen_close();
    ui_log(ui, "end", "%lu keys, %lu frames", ui->stats.n_keys, ui->stats.n_frames);
    play_done(ui);
    record_done(ui);
    while (ui->n_tabs > 0)
        tab_drop(ui, ui->tabs[0]);
    free(ui->path);
    free(ui->folder);
    prompt_done(&ui->prompt);
    recent_done(ui);
    config_done(&ui->config);
    str_done(&ui->pasted);
    log_close(&ui->log);
    input_script_free(ui->script);
}

int ui_main(const struct ui_opts *opts)
{
    struct ui ui = {.stats.begun = clock_s(), .log.fd = -1};
    struct err err = {0}, trouble = {0};
    char text[512];
    const char *keys = opts->keys ? opts->keys : getenv("AUTOGO_KEYS");
    if ((keys && *keys && input_script_open(&ui.script, keys, &err) != ST_OK) ||
        setup_read(&ui, opts->config, &trouble, &err) != ST_OK ||
        (opts->log && log_open(&ui.log, opts->log, &err) != ST_OK) || screen_open(&err) != ST_OK) {
        log_close(&ui.log);
        input_script_free(ui.script);
        config_done(&ui.config);
        fprintf(stderr, "autogo: %s\n", err_text(&err, text, sizeof text));
        return status_exit_code(err.code);
    }
    ui.opts = opts->session;
    ui.opts.interrupt = screen_interrupt();
    ui.opts.on_job = stats_job;
    ui.opts.on_job_ctx = &ui;
    ui.read_only = opts->session.read_only;
    ui_log(&ui, "begin", "autogo %s%s%s%s", PACKAGE_VERSION, opts->model ? " " : "",
           opts->model ? opts->model : "", ui.read_only ? ", read-only" : "");
    ui.prompt.complete = command_complete;
    ui.prompt.ctx = &ui;
    recent_load(&ui);
    tab_new(&ui);
    if (opts->model)
        ui_open_model(&ui, opts->model);
    setup_begin(&ui, &trouble);
    loop(&ui);
    finish(&ui);
    return screen_interrupted() ? status_exit_code(ST_CANCELLED) : 0;
}

void ui_man(struct str *out)
{
    actions_man(out);
}

void ui_man_settings(struct str *out)
{
    config_man(out);
}
