/* Before and after trained for real, side by side: settings, live curves, epochs, what came of it.
 * Training belongs to the session: it goes on when this view is left. */
#include "ui/fit_draw.h"
#include "ui/view.h"

#include <stdio.h>
#include <string.h>

enum { SETTINGS_W = 26, TABLE_MOST = 16, PLOT_LEAST = SESSION_FIT_SETTINGS + 1 };

struct fit {
    struct ui *ui;
    bool candidate; /* after is the previewed one */
    int at;         /* the setting under the cursor */
    int up;         /* epochs scrolled away */
};

static enum status fit_open(struct ui *ui, void *self, struct err *err)
{
    struct fit *v = self;
    struct session *s = ui_session(ui);
    const struct session_candidate *c = session_previewed(s);
    /* This view is not on the stack yet. */
    bool near = ui_top(ui) == VIEW_REPAIR || (ui_top(ui) == VIEW_COMPARE && ui_pair(ui)->candidate);
    if (!session_is_open(s))
        return err_set(err, ST_USAGE, "no model is open");
    v->ui = ui;
    v->candidate = near && c && c->accepted;
    return ST_OK;
}

/* ---- drawing ---- */

/* What a start would train, while nothing was. */
static void draw_plan(const struct fit *v, struct rect r)
{
    struct session *s = ui_session(v->ui);
    const struct session_candidate *c = session_previewed(s);
    screen_put(r.y, r.x, r.w, STYLE_TEXT,
               "s trains with these settings, x stops it; + and - change one");
    if (v->candidate && c)
        screen_putf(r.y + 1, r.x, r.w, STYLE_DIM, "version 0 against %s in segment %d, not applied",
                    c->id, session_selected(s));
    else if (session_cursor(s) > 0)
        screen_putf(r.y + 1, r.x, r.w, STYLE_DIM, "version 0 against version %d",
                    session_cursor(s));
    else
        screen_put(r.y + 1, r.x, r.w, STYLE_DIM,
                   "this is the model as it was opened: there is no other version yet");
}

static void draw_settings(const struct fit *v, struct rect r, const struct session_fit *f)
{
    const struct session_fit_settings *set = session_fit_settings(ui_session(v->ui));
    char value[512], was[512];
    screen_put(r.y, r.x, r.w, STYLE_HEAD, "settings");
    for (int i = 0; i < SESSION_FIT_SETTINGS && i + 1 < r.h; i++) {
        int y = r.y + 1 + i, style = i == v->at ? STYLE_SELECT : STYLE_TEXT;
        session_fit_value(set, i, value, sizeof value);
        screen_putf(y, r.x, 8, style, " %s", session_fit_name(i));
        screen_put(y, r.x + 8, r.w - 8, style, value);
        if (f->n == 0 || strcmp(session_fit_value(&f->set, i, was, sizeof was), value) == 0)
            continue;
        /* Of another run than the one that is shown. */
        screen_putf(y, r.x + 8, r.w - 8, i == v->at ? STYLE_SELECT : STYLE_MOVED, "%s (was %s)",
                    value, was);
    }
}

static int table_rows(const struct session_fit *f, int room)
{
    int n = f->n ? f->set.epochs : 4;
    n = n < 4 ? 4 : n > TABLE_MOST ? TABLE_MOST : n;
    return n < room ? n : room;
}

static void fit_draw(struct ui *ui, void *self, struct rect r)
{
    struct fit *v = self;
    struct session_fit f;
    session_fit_state(ui_session(ui), &f);
    r.x++;
    r.w--;
    struct rect status = {r.y, r.x, 2, r.w};
    if (f.n)
        fit_draw_status(status, &f);
    else
        draw_plan(v, status);
    r.y += 2;
    r.h -= 2;
    if (r.h >= FIT_SUMMARY) {
        r.h -= FIT_SUMMARY;
        fit_draw_summary((struct rect){r.y + r.h, r.x, FIT_SUMMARY, r.w}, ui_session(ui), &f);
    }
    /* The rest is for curves with the settings beside them, and epochs below. */
    int table = r.h >= PLOT_LEAST + 3 ? table_rows(&f, r.h - PLOT_LEAST - 1) + 1 : 0;
    int top = r.h - table;
    if (top < 3)
        return;
    bool curves = r.w >= SETTINGS_W + 34;
    draw_settings(v, (struct rect){r.y, r.x, top, curves ? SETTINGS_W : r.w}, &f);
    if (curves)
        fit_draw_curves((struct rect){r.y, r.x + SETTINGS_W, top, r.w - SETTINGS_W}, &f);
    if (table)
        fit_draw_epochs((struct rect){r.y + top, r.x, table, r.w}, &f, v->up);
}

/* ---- keys ---- */

static void start(struct fit *v)
{
    struct session *s = ui_session(v->ui);
    struct err err = {0};
    if (session_fit_running(s)) {
        ui_say(v->ui, "it is training already; x stops it");
        return;
    }
    v->up = 0;
    if (session_fit_start(s, v->candidate, &err) != ST_OK) {
        ui_fail(v->ui, &err);
        return;
    }
    /* A script shows a candidate until another segment is selected; this view does not. */
    if (!v->candidate && session_selected(s) >= 0)
        ui_did(v->ui, "segment %d", session_selected(s));
    ui_did(v->ui, "fit start");
}

static void stop(struct fit *v)
{
    struct session *s = ui_session(v->ui);
    if (!session_fit_running(s))
        ui_say(v->ui, "nothing is being trained");
    else {
        session_fit_stop(s);
        ui_did(v->ui, "fit stop");
        ui_say(v->ui, "stopped; s begins anew");
    }
}

static void turn(struct fit *v, int dir)
{
    struct session *s = ui_session(v->ui);
    char value[520], word[528];
    session_fit_turn(s, v->at, dir);
    session_fit_value(session_fit_settings(s), v->at, value, sizeof value);
    ui_did(v->ui, "fit %s %s", session_fit_name(v->at), ui_quoted(value, word, sizeof word));
    ui_say(v->ui, "%s: %s", session_fit_name(v->at), session_fit_help(v->at));
}

static bool move(struct fit *v, enum action a)
{
    struct session_fit f;
    session_fit_state(ui_session(v->ui), &f);
    int n = f.n ? f.set.epochs : 0, page = 4;
    switch (a) {
    case ACTION_UP:
        v->at = (v->at + SESSION_FIT_SETTINGS - 1) % SESSION_FIT_SETTINGS;
        break;
    case ACTION_DOWN:
        v->at = (v->at + 1) % SESSION_FIT_SETTINGS;
        break;
    case ACTION_PAGE_UP:
        v->up = v->up + page < n ? v->up + page : n;
        break;
    case ACTION_PAGE_DOWN:
        v->up = v->up > page ? v->up - page : 0;
        break;
    case ACTION_TOP:
        v->up = n;
        break;
    case ACTION_BOTTOM:
        v->up = 0;
        break;
    default:
        return false;
    }
    return true;
}

static bool fit_action(struct ui *ui, void *self, enum action a, const char *arg)
{
    struct fit *v = self;
    switch (a) {
    case ACTION_ENTER:
    case ACTION_FIT_START:
        start(v);
        return true;
    case ACTION_FIT_STOP:
        stop(v);
        return true;
    case ACTION_FIT_MORE:
    case ACTION_FIT_LESS:
        turn(v, a == ACTION_FIT_MORE ? 1 : -1);
        return true;
    case ACTION_FIT_SAVE:
        if (*arg)
            ui_save_trained(ui, arg);
        else
            ui_prompt(ui, "fit-save ");
        return true;
    default:
        return move(v, a);
    }
}

/* A digit begins a new value of the setting under the cursor, on the ':' line. */
static bool fit_key(struct ui *ui, void *self, int key)
{
    struct fit *v = self;
    char line[64];
    if (key < '0' || key > '9')
        return false;
    snprintf(line, sizeof line, "fit %s %c", session_fit_name(v->at), key);
    ui_prompt(ui, line);
    return true;
}

static void fit_changed(struct ui *ui, void *self, unsigned what)
{
    struct fit *v = self;
    const struct session_candidate *c = session_previewed(ui_session(ui));
    (void)what;
    v->candidate = v->candidate && c && c->accepted;
}

const struct view_ops view_fit = {
    .size = sizeof(struct fit),
    .open = fit_open,
    .draw = fit_draw,
    .action = fit_action,
    .key = fit_key,
    .changed = fit_changed,
};
