/* A script played in the workbench: one command at a time, each when the jobs of the one before
 * have ended. At the stops of a lesson the keys that only look around go on to the view. */
#include "ui/play.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* ---- steps ---- */

static void stop(struct ui *ui, enum play_stop how)
{
    struct play *p = ui->play;
    p->stop = how;
    p->stops++;
    p->depth = ui->tab->depth;
    p->unread = false;
    ui->dirty = true;
}

static void step_command(struct ui *ui, const struct script_step *step)
{
    struct err err = {0};
    ui->play->last = step;
    ui->play->commands++;
    ui->message[0] = 0;
    enum status st = play_command(ui, step->text, &err);
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
    stop(ui, PLAY_PAUSED);
}

static void step_ask(struct ui *ui, const struct script_step *step)
{
    ui->play->asked = step;
    ui->play->missed = false;
    ui->play->questions++;
    stop(ui, PLAY_ASKS);
}

/* What `run` checks are lines of text; here they are views. */
static void step_expect(struct ui *ui, const struct script_step *step)
{
    (void)ui;
    (void)step;
}

bool play_runs(const struct ui *ui)
{
    return ui->play && ui->play->stop == PLAY_RUNS && ui->prompt.kind == PROMPT_NONE;
}

bool play_is_ready(const struct ui *ui)
{
    return play_runs(ui) && !session_busy(ui->tab->session);
}

void play_step(struct ui *ui)
{
    static void (*const take[])(struct ui *,
                                const struct script_step *) = {[SCRIPT_COMMAND] = step_command,
                                                               [SCRIPT_TELL] = step_tell,
                                                               [SCRIPT_PAUSE] = step_pause,
                                                               [SCRIPT_ASK] = step_ask,
                                                               [SCRIPT_EXPECT] = step_expect};
    struct play *p = ui->play;
    ui->dirty = true;
    if (p->next < p->script.step.n) {
        const struct script_step *step = &p->script.step.at[p->next++];
        take[step->kind](ui, step);
    } else if (p->unread)
        stop(ui, PLAY_PAUSED); /* the last words are read, too */
    else
        end(ui);
}

/* ---- keys ---- */

static bool is_look(enum action a)
{
    static const enum action look[] = {
        ACTION_UP,     ACTION_DOWN,         ACTION_PAGE_UP, ACTION_PAGE_DOWN, ACTION_TOP,
        ACTION_BOTTOM, ACTION_PAN_LEFT,     ACTION_PAN_UP,  ACTION_PAN_RIGHT, ACTION_PAN_DOWN,
        ACTION_TOGGLE, ACTION_HEAT,         ACTION_WHOLE,   ACTION_NEXT,      ACTION_PREVIOUS,
        ACTION_SORT,   ACTION_FILTER,       ACTION_HELP,    ACTION_REDRAW,    ACTION_SORT_REVERSE,
        ACTION_GRAPH,  ACTION_LEFT,         ACTION_RIGHT,   ACTION_ZOOM_IN,   ACTION_ZOOM_OUT,
        ACTION_FOLD,   ACTION_SAVE_DISPLAY,
    };
    for (size_t i = 0; i < sizeof look / sizeof *look; i++)
        if (look[i] == a)
            return true;
    return false;
}

static void go_on(struct ui *ui)
{
    struct play *p = ui->play;
    if (p->stop == PLAY_ASKS) {
        ui_say(ui, "the number of an answer, please: 1 to %zu", p->asked->answer.n);
        return;
    }
    while (ui->tab->depth > p->depth)
        ui_pop(ui);
    p->stop = PLAY_RUNS;
}

static void take_answer(struct play *p, size_t i)
{
    bool right = p->asked->answer.at[i].right;
    p->answer = i;
    p->stop = PLAY_ANSWERED;
    p->right += right && !p->missed;
    p->missed = true;
}

/* An answer can be given again after a wrong one. */
static bool is_answer(const struct play *p, int key)
{
    bool open =
        p->stop == PLAY_ASKS || (p->stop == PLAY_ANSWERED && !p->asked->answer.at[p->answer].right);
    return open && key >= '1' && (size_t)(key - '1') < p->asked->answer.n;
}

static bool stopped_key(struct ui *ui, int key)
{
    struct play *p = ui->play;
    enum action a = config_action(&ui->config, ui_top(ui), key);
    if (is_answer(p, key))
        take_answer(p, (size_t)(key - '1'));
    else if (key == INPUT_ENTER || key == ' ')
        go_on(ui);
    else if (a == ACTION_BACK && ui->tab->depth > p->depth)
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
    if (key == INPUT_ESC && (p->stop == PLAY_RUNS || ui->tab->depth <= p->depth)) {
        ui_say(ui, "%s: stopped behind line %d", p->name,
               p->next ? p->script.step.at[p->next - 1].line : 0);
        play_done(ui);
        return true;
    }
    if (p->stop != PLAY_RUNS)
        return stopped_key(ui, key);
    ui_say(ui, "%s is being played; Esc stops it", p->name);
    return true;
}
