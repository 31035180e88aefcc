/* The loop: wait, take in what happened, draw once.
 *
 * It waits in poll() without a time-out on the terminal, the signal pipe and the session's pipe,
 * so that an idle workbench costs nothing; all heavy work is on the session's workers. */
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
    return ui->session;
}

/* ---- messages and questions ---- */

static void say(struct ui *ui, int style, const char *text)
{
    text_clean(ui->message, sizeof ui->message, text);
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

void ui_show_text(struct ui *ui, const char *text)
{
    free(ui->text);
    ui->text = x_strdup(text);
    if (ui->stack[ui->depth - 1].id == VIEW_OUTPUT)
        ui_pop(ui);
    ui_push(ui, VIEW_OUTPUT);
}

const char *ui_text(const struct ui *ui)
{
    return ui->text ? ui->text : "";
}

/* ---- the stack of views ---- */

void ui_push(struct ui *ui, enum view_id v)
{
    struct err err = {0};
    if (ui->depth && ui->stack[ui->depth - 1].id == v)
        return;
    if (ui->depth == UI_DEPTH) {
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
    ui->stack[ui->depth].id = v;
    ui->stack[ui->depth].ops = ops;
    ui->stack[ui->depth++].self = self;
    ui->dirty = true;
}

static void remove_view(struct ui *ui, int i)
{
    if (ui->stack[i].ops->close)
        ui->stack[i].ops->close(ui, ui->stack[i].self);
    free(ui->stack[i].self);
    ui->depth--;
    memmove(&ui->stack[i], &ui->stack[i + 1], (size_t)(ui->depth - i) * sizeof ui->stack[0]);
    ui->dirty = true;
}

/* A view that was covered may have missed what happened. */
static void wake_top(struct ui *ui)
{
    if (ui->depth && ui->stack[ui->depth - 1].ops->changed)
        ui->stack[ui->depth - 1].ops->changed(ui, ui->stack[ui->depth - 1].self, ~0u);
}

void ui_pop(struct ui *ui)
{
    if (ui->depth == 1) {
        ui->quit = true;
        return;
    }
    remove_view(ui, ui->depth - 1);
    wake_top(ui);
}

void ui_pop_to(struct ui *ui, enum view_id v)
{
    while (ui->depth > 1 && ui->stack[ui->depth - 1].id != v)
        remove_view(ui, ui->depth - 1);
    wake_top(ui);
}

bool ui_has_view(const struct ui *ui, enum view_id v)
{
    for (int i = 0; i < ui->depth; i++)
        if (ui->stack[i].id == v)
            return true;
    return false;
}

struct ui_place *ui_place(struct ui *ui)
{
    return &ui->place;
}

struct heat_costs *ui_costs(struct ui *ui)
{
    return &ui->costs;
}

enum view_id ui_top(const struct ui *ui)
{
    return ui->stack[ui->depth - 1].id;
}

static void tell_views(struct ui *ui, unsigned what)
{
    for (int i = 0; i < ui->depth; i++)
        if (ui->stack[i].ops->changed)
            ui->stack[i].ops->changed(ui, ui->stack[i].self, what);
    ui->dirty = true;
}

/* Candidates belong to the version they were made for. */
void ui_edited(struct ui *ui)
{
    for (int i = ui->depth - 1; i > 0; i--)
        if (ui->stack[i].id == VIEW_CANDIDATES || ui->stack[i].id == VIEW_REPAIR ||
            ui->stack[i].id == VIEW_COMPARE)
            remove_view(ui, i);
    tell_views(ui, UI_EDITED);
}

void ui_apply(struct ui *ui)
{
    struct err err = {0};
    if (session_preview_busy(ui->session)) {
        ui_say(ui, "the repair is still being solved");
        return;
    }
    const struct session_candidate *c = session_previewed(ui->session);
    if (c && !c->accepted && *repair_refusal(c)) {
        ui_say(ui, "%s", repair_refusal(c));
        return;
    }
    if (session_apply(ui->session, &err) != ST_OK) {
        ui_fail(ui, &err);
        return;
    }
    ui_edited(ui);
    ui_did(ui, "apply");
    const struct session_version *v = session_version(ui->session, session_cursor(ui->session));
    if (v)
        ui_say(ui, "applied as version %d: %s", v->id, v->command);
}

/* ---- the pair to compare ---- */

static void drop_pair(struct ui *ui)
{
    graph_unref(ui->pair.a);
    graph_unref(ui->pair.b);
    memset(&ui->pair, 0, sizeof ui->pair);
}

void ui_compare(struct ui *ui, const struct graph *a, const char *a_title, const struct graph *b,
                const char *b_title, bool candidate)
{
    struct graph *ra = graph_ref(a), *rb = graph_ref(b);
    drop_pair(ui);
    ui->pair.a = ra;
    ui->pair.b = rb;
    text_clean(ui->pair.a_title, sizeof ui->pair.a_title, a_title);
    text_clean(ui->pair.b_title, sizeof ui->pair.b_title, b_title);
    ui->pair.candidate = candidate;
    ui_push(ui, VIEW_COMPARE);
}

void ui_compare_preview(struct ui *ui, bool why)
{
    const struct session_candidate *c = session_previewed(ui->session);
    if (!c || !c->result || !c->result->graph) {
        const char *refusal = repair_refusal(c);
        ui_say(ui, "%s", *refusal ? refusal : "there is no result to compare with");
        return;
    }
    char a[64], b[64];
    snprintf(a, sizeof a, "version %d", session_cursor(ui->session));
    snprintf(b, sizeof b, "with %s", c->id);
    ui_compare(ui, session_graph(ui->session), a, c->result->graph, b, true);
    if (why)
        command_action(ui, ACTION_WHY, "");
}

const struct ui_pair *ui_pair(const struct ui *ui)
{
    return &ui->pair;
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

static void take_key(struct ui *ui, int key)
{
    ui->dirty = true;
    ui->n_keys++;
    if (ui->prompt.kind != PROMPT_NONE) {
        prompt_answer(ui, prompt_key(&ui->prompt, key));
        return;
    }
    if (play_key(ui, key))
        return;
    ui->message[0] = 0;
    enum view_id v = ui->stack[ui->depth - 1].id;
    enum action a = action_for_key(v, key);
    if (a != ACTION_NONE) {
        command_action(ui, a, "");
        return;
    }
    const struct view_ops *ops = ui->stack[ui->depth - 1].ops;
    if (key != INPUT_RESIZE && (!ops->key || !ops->key(ui, ui->stack[ui->depth - 1].self, key))) {
        char name[16];
        ui_say(ui, "%s does nothing here (? shows the keys)", input_name(key, name, sizeof name));
    }
}

/* ---- the loop ---- */

static unsigned long microseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (unsigned long)t.tv_sec * 1000000ul + (unsigned long)t.tv_nsec / 1000ul;
}

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
    while ((notice = session_notice(ui->session))) {
        bool good = session_notice_good(ui->session);
        char line[512];
        snprintf(line, sizeof line, "%s%s", good ? "" : "autogo: ", notice);
        say(ui, good ? STYLE_TEXT : STYLE_WARN, line);
        if (!good)
            play_trouble(ui, notice);
    }
}

static void take_results(struct ui *ui)
{
    unsigned what = session_poll(ui->session);
    if (what)
        tell_views(ui, what);
    if (what & SESSION_CHANGED_VERSION) {
        ui_edited(ui);
        record_versions(ui);
    }
    ui_notices(ui);
}

/* Feeds the script; true when it had something to do. */
static bool take_script(struct ui *ui)
{
    int key = 0;
    ui->waits = false;
    if (!ui->script)
        return false;
    switch (input_script_next(ui->script, session_busy(ui->session) || play_runs(ui), &key)) {
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
    struct pollfd fd[3] = {{STDIN_FILENO, POLLIN, 0},
                           {screen_signal_fd(), POLLIN, 0},
                           {session_fd(ui->session), POLLIN, 0}};
    while (!ui->quit) {
        if (ui->dirty)
            frame_draw(ui);
        if (poll(fd, 3, patience(ui)) < 0 && errno != EINTR)
            break;
        unsigned long start = microseconds();
        bool keys = false;
        if (fd[1].revents)
            take_signals(ui);
        if (fd[2].revents)
            take_results(ui);
        if (fd[0].revents & (POLLHUP | POLLERR | POLLNVAL))
            ui->quit = true;
        else if (fd[0].revents & POLLIN)
            keys = take_keys(ui);
        if (!ui->quit && take_script(ui))
            keys = true;
        if (!ui->quit && play_is_ready(ui))
            play_step(ui);
        if (session_quit_asked(ui->session))
            ui->quit = true;
        if (keys && !ui->quit) {
            frame_draw(ui);
            ui->times[ui->n_keys % UI_TIMES] = (unsigned)(microseconds() - start);
        }
    }
}

static void finish(struct ui *ui)
{
    while (ui->depth > 0)
        remove_view(ui, ui->depth - 1);
    screen_close();
    play_done(ui);
    record_done(ui);
    session_free(ui->session);
    heat_costs_done(&ui->costs);
    drop_pair(ui);
    free(ui->text);
    free(ui->path);
    prompt_done(&ui->prompt);
    recent_done(ui);
    input_script_free(ui->script);
}

int ui_main(const struct ui_opts *opts)
{
    struct ui ui = {0};
    struct err err = {0};
    char text[512];
    const char *keys = opts->keys ? opts->keys : getenv("AUTOGO_KEYS");
    if ((keys && *keys && input_script_open(&ui.script, keys, &err) != ST_OK) ||
        screen_open(&err) != ST_OK) {
        input_script_free(ui.script);
        fprintf(stderr, "autogo: %s\n", err_text(&err, text, sizeof text));
        return status_exit_code(err.code);
    }
    struct session_opts so = opts->session;
    so.interrupt = screen_interrupt();
    ui.session = session_new(&so);
    ui.prompt.complete = command_complete;
    ui.prompt.ctx = &ui;
    recent_load(&ui);
    ui_push(&ui, VIEW_MODELS);
    if (opts->model)
        ui_open_model(&ui, opts->model);
    loop(&ui);
    finish(&ui);
    return screen_interrupted() ? status_exit_code(ST_CANCELLED) : 0;
}

void ui_man(struct str *out)
{
    actions_man(out);
}
