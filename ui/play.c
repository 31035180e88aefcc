/* A script played in the workbench: one command at a time, each when the jobs of the one before
 * have ended. A lesson's texts and questions stand in a panel below the view; at its stops the keys
 * that only look around go on to the view. */
#include "ui/ui_priv.h"

#include "session/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MIN_VIEW = 5 }; /* rows that a panel leaves to the view */

enum stop { RUNS, PAUSED, ASKS, ANSWERED };

struct play {
    struct script script;
    const char *name; /* of the script, without its folders */
    size_t next;      /* step */
    enum stop stop;
    int depth;                       /* of the views when it stopped */
    const struct script_step *said;  /* the text in the panel, or NULL */
    const struct script_step *last;  /* command, or NULL */
    const struct script_step *asked; /* the question */
    size_t answer;
    bool missed; /* the question was not answered right at once */
    bool unread; /* the text came after the last stop */
    int commands, stops, questions, right;
};

/* ---- beginning and ending ---- */

void play_done(struct ui *ui)
{
    if (!ui->play)
        return;
    script_done(&ui->play->script);
    free(ui->play);
    ui->play = NULL;
    ui->dirty = true;
}

void play_begin(struct ui *ui, const char *path)
{
    struct play *p = x_calloc(1, sizeof *p);
    struct err err = {0};
    play_done(ui);
    if (script_read(&p->script, path, &err) != ST_OK) {
        script_done(&p->script);
        free(p);
        err_in_file(&err, path);
        ui_fail(ui, &err);
        return;
    }
    const char *slash = strrchr(p->script.name, '/');
    p->name = slash ? slash + 1 : p->script.name;
    ui->play = p;
    ui->dirty = true;
}

static void fail(struct ui *ui, struct err *err, int line)
{
    script_locate(err, ui->play->script.name, line);
    ui_fail(ui, err);
    play_done(ui);
}

static void end(struct ui *ui)
{
    const struct play *p = ui->play;
    if (p->questions)
        ui_say(ui, "%s ends: %d of %d questions answered right at once", p->name, p->right,
               p->questions);
    else
        ui_say(ui, "%s: played to its end, %d commands", p->name, p->commands);
    play_done(ui);
}

void play_trouble(struct ui *ui, const char *notice)
{
    static const char *const verbs[] = {"export ", "keep", "search ", "fit save "};
    struct play *p = ui->play;
    struct err err = {0};
    for (size_t i = 0; p && p->last && i < sizeof verbs / sizeof *verbs; i++)
        if (str_starts(p->last->text, verbs[i])) {
            err_set(&err, ST_NO, "%s", notice);
            fail(ui, &err, p->last->line);
            return;
        }
}

/* ---- commands ---- */

static enum status play_open(struct ui *ui, const char *line, const char *arg, struct err *err)
{
    return *arg ? command_open(ui, arg, false, err) : command_line(ui, line, err);
}

static enum status play_export(struct ui *ui, const char *line, const char *arg, struct err *err)
{
    if (!*arg || !session_is_open(ui->session))
        return command_line(ui, line, err);
    command_action(ui, ACTION_EXPORT, arg);
    return ST_OK;
}

/* A list that `run` prints is a view here. */
static enum status show_view(struct ui *ui, enum view_id v, const char *line, struct err *err)
{
    if (!session_is_open(ui->session))
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
    if (session_selected(ui->session) < 0)
        return command_line(ui, line, err);
    ui_pop_to(ui, ui_has_view(ui, VIEW_CANDIDATES) ? VIEW_CANDIDATES : VIEW_SEGMENTS);
    return show_view(ui, VIEW_CANDIDATES, line, err);
}

static enum status play_history(struct ui *ui, const char *line, const char *arg, struct err *err)
{
    (void)arg;
    return show_view(ui, VIEW_HISTORY, line, err);
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
    {"open", VIEW_COUNT, play_open},         {"segments", VIEW_COUNT, play_segments},
    {"history", VIEW_COUNT, play_history},   {"candidates", VIEW_COUNT, play_candidates},
    {"fit", VIEW_FIT, play_fit},             {"search", VIEW_SEARCH, play_search},
    {"why", VIEW_COUNT, play_why},           {"export", VIEW_COUNT, play_export},
    {"quit", VIEW_COUNT, play_quit},
};

/* Views that only showed what the commands before said. */
static void drop_shown(struct ui *ui, enum view_id but)
{
    static const enum view_id shown[] = {VIEW_OUTPUT, VIEW_HELP, VIEW_HISTORY,
                                         VIEW_COMPARE, VIEW_FIT, VIEW_SEARCH};
    bool drops = true;
    while (drops) {
        drops = false;
        for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
            drops |= ui_top(ui) == shown[i] && shown[i] != but;
        if (drops)
            ui_pop(ui);
    }
}

static enum status run_command(struct ui *ui, const char *line, struct err *err)
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

/* ---- steps ---- */

static void stop(struct ui *ui, enum stop how)
{
    struct play *p = ui->play;
    p->stop = how;
    p->stops++;
    p->depth = ui->depth;
    p->unread = false;
    ui->dirty = true;
}

static void step_command(struct ui *ui, const struct script_step *step)
{
    struct err err = {0};
    ui->play->last = step;
    ui->play->commands++;
    ui->message[0] = 0;
    enum status st = run_command(ui, step->text, &err);
    if (st != ST_OK)
        fail(ui, &err, step->line);
}

static void step_tell(struct ui *ui, const struct script_step *step)
{
    ui->play->said = step;
    ui->play->unread = true;
}

static void step_pause(struct ui *ui, const struct script_step *step)
{
    (void)step;
    stop(ui, PAUSED);
}

static void step_ask(struct ui *ui, const struct script_step *step)
{
    ui->play->asked = step;
    ui->play->missed = false;
    ui->play->questions++;
    stop(ui, ASKS);
}

/* What `run` checks are lines of text; here they are views. */
static void step_expect(struct ui *ui, const struct script_step *step)
{
    (void)ui;
    (void)step;
}

bool play_runs(const struct ui *ui)
{
    return ui->play && ui->play->stop == RUNS && ui->prompt.kind == PROMPT_NONE;
}

bool play_is_ready(const struct ui *ui)
{
    return play_runs(ui) && !session_busy(ui->session);
}

void play_step(struct ui *ui)
{
    static void (*const take[])(struct ui *, const struct script_step *) = {
        [SCRIPT_COMMAND] = step_command, [SCRIPT_TELL] = step_tell,
        [SCRIPT_PAUSE] = step_pause,     [SCRIPT_ASK] = step_ask,
        [SCRIPT_EXPECT] = step_expect};
    struct play *p = ui->play;
    ui->dirty = true;
    if (p->next < p->script.step.n) {
        const struct script_step *step = &p->script.step.at[p->next++];
        take[step->kind](ui, step);
    } else if (p->unread)
        stop(ui, PAUSED); /* the last words are read, too */
    else
        end(ui);
}

/* ---- keys ---- */

static bool is_look(enum action a)
{
    static const enum action look[] = {
        ACTION_UP,       ACTION_DOWN,     ACTION_PAGE_UP, ACTION_PAGE_DOWN, ACTION_TOP,
        ACTION_BOTTOM,   ACTION_PAN_LEFT, ACTION_PAN_UP,  ACTION_PAN_RIGHT, ACTION_PAN_DOWN,
        ACTION_TOGGLE,   ACTION_HEAT,     ACTION_WHOLE,   ACTION_NEXT,      ACTION_PREVIOUS,
        ACTION_SORT,     ACTION_FILTER,   ACTION_HELP,    ACTION_REDRAW,    ACTION_SORT_REVERSE,
    };
    for (size_t i = 0; i < sizeof look / sizeof *look; i++)
        if (look[i] == a)
            return true;
    return false;
}

static void go_on(struct ui *ui)
{
    struct play *p = ui->play;
    if (p->stop == ASKS) {
        ui_say(ui, "the number of an answer, please: 1 to %zu", p->asked->answer.n);
        return;
    }
    while (ui->depth > p->depth)
        ui_pop(ui);
    p->stop = RUNS;
}

static void take_answer(struct play *p, size_t i)
{
    bool right = p->asked->answer.at[i].right;
    p->answer = i;
    p->stop = ANSWERED;
    p->right += right && !p->missed;
    p->missed = true;
}

/* An answer can be given again after a wrong one. */
static bool is_answer(const struct play *p, int key)
{
    bool open = p->stop == ASKS ||
                (p->stop == ANSWERED && !p->asked->answer.at[p->answer].right);
    return open && key >= '1' && (size_t)(key - '1') < p->asked->answer.n;
}

static bool stopped_key(struct ui *ui, int key)
{
    struct play *p = ui->play;
    enum action a = action_for_key(ui_top(ui), key);
    if (is_answer(p, key))
        take_answer(p, (size_t)(key - '1'));
    else if (key == INPUT_ENTER || key == ' ')
        go_on(ui);
    else if (a == ACTION_BACK && ui->depth > p->depth)
        ui_pop(ui);
    else if (is_look(a))
        return false;
    else
        ui_say(ui, "a lesson waits: Enter goes on, Esc ends it");
    return true;
}

bool play_key(struct ui *ui, int key)
{
    struct play *p = ui->play;
    if (!p || key == INPUT_RESIZE)
        return false;
    ui->message[0] = 0;
    if (key == INPUT_ESC && (p->stop == RUNS || ui->depth <= p->depth)) {
        ui_say(ui, "%s: stopped behind line %d", p->name,
               p->next ? p->script.step.at[p->next - 1].line : 0);
        play_done(ui);
        return true;
    }
    if (p->stop != RUNS)
        return stopped_key(ui, key);
    ui_say(ui, "%s is being played; Esc stops it", p->name);
    return true;
}

/* ---- the panel ---- */

struct part {
    int style;
    char text[SCRIPT_TEXT + 16];
};
enum { PARTS = SCRIPT_ANSWERS + 1 };

static void put_part(struct part *part, int style, const char *head, const char *text)
{
    part->style = style;
    snprintf(part->text, sizeof part->text, "%s%s", head, text);
    for (char *c = part->text; *c; c++)
        if (*c == '\n')
            *c = ' ';
}

static int question_parts(const struct play *p, struct part *part)
{
    int n = 0;
    put_part(&part[n++], STYLE_BOLD, "", p->asked->text);
    for (size_t i = 0; i < p->asked->answer.n; i++) {
        char number[] = {' ', (char)('1' + i), ' ', ' ', 0};
        put_part(&part[n++], STYLE_TEXT, number, p->asked->answer.at[i].text);
    }
    return n;
}

static int answer_parts(const struct play *p, struct part *part)
{
    const struct script_answer *a = &p->asked->answer.at[p->answer];
    put_part(&part[0], STYLE_BOLD, "", p->asked->text);
    put_part(&part[1], a->right ? STYLE_GOOD : STYLE_BAD, a->right ? "Right: " : "Not so: ",
             a->text);
    put_part(&part[2], STYLE_TEXT, "", a->why);
    return 3;
}

static int parts(const struct play *p, struct part *part)
{
    if (p->stop == ASKS)
        return question_parts(p, part);
    if (p->stop == ANSWERED)
        return answer_parts(p, part);
    if (!p->said)
        return 0;
    put_part(&part[0], STYLE_TEXT, "", p->said->text);
    return 1;
}

int play_rows(const struct ui *ui, int h, int w)
{
    struct part part[PARTS];
    int rows = 1, most = h - MIN_VIEW > 2 ? h - MIN_VIEW : 2;
    if (!ui->play)
        return 0;
    int n = parts(ui->play, part);
    for (int i = 0; i < n; i++)
        rows += text_lines(part[i].text, w - 2, theme_ascii());
    return rows < most ? rows : most;
}

static void draw_title(const struct play *p, struct rect r)
{
    char line[200];
    int stops = script_stops(&p->script);
    screen_hline(r.y, r.x, r.w, STYLE_EDGE);
    int x = r.x + 1, edge = r.x + r.w - 1;
    x += screen_add(r.y, x, edge - x, STYLE_BAR_NAME, p->name);
    if (stops) {
        snprintf(line, sizeof line, " %d/%d ", p->stops < stops ? p->stops : stops, stops);
        x += screen_add(r.y, x, edge - x, STYLE_DIM, line);
    }
    if (!p->last)
        return;
    snprintf(line, sizeof line, " :%.180s ", p->last->text);
    int width = text_width(line, theme_ascii());
    if (width > edge - x - 1)
        width = edge - x - 1;
    screen_put(r.y, edge - width, width, STYLE_KEY, line);
}

void play_draw(const struct ui *ui, struct rect r)
{
    struct part part[PARTS];
    int n = parts(ui->play, part), y = r.y + 1;
    draw_title(ui->play, r);
    for (int i = 0; i < n && y < r.y + r.h; i++) {
        int rows = text_lines(part[i].text, r.w - 2, theme_ascii()), left = r.y + r.h - y;
        if (rows > left)
            rows = left;
        screen_wrap((struct rect){y, r.x + 1, rows, r.w - 2}, part[i].style, part[i].text);
        y += rows;
    }
}

void play_draw_keys(const struct ui *ui, int y, int w)
{
    static const char *const hints[][6] = {
        [RUNS] = {"Esc", "stop"},
        [PAUSED] = {"Enter", "go on", "Esc", "end the lesson", "? j k Tab ...", "look around"},
        [ASKS] = {"1 2 ...", "answer", "Esc", "end the lesson", "j k Tab ...", "look around"},
        [ANSWERED] = {"Enter", "go on", "1 2 ...", "another answer", "Esc", "end the lesson"},
    };
    const struct play *p = ui->play;
    bool right = p->stop == ANSWERED && p->asked->answer.at[p->answer].right;
    const char *const *hint = hints[right ? PAUSED : p->stop];
    int x = 1;
    screen_put(y, 0, w, STYLE_KEYS, "");
    for (int i = 0; i < 6 && hint[i]; i += 2) {
        x += screen_add(y, x, w - x, STYLE_KEY, hint[i]) + 1;
        x += screen_add(y, x, w - x, STYLE_KEYS, hint[i + 1]) + 2;
    }
}
