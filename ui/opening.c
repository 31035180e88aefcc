/* Opening models: a worker reads, while all keys work; what it has read is put in place here, and
 * the question about an earlier session follows. */
#include "ui/ui_priv.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- an earlier session ---- */

static void answer_recover(struct ui *ui, bool yes)
{
    struct err err = {0};
    enum status st = session_recover(ui->tab->session, yes ? SESSION_RECOVER : SESSION_FRESH, &err);
    ui_edited(ui);
    record_versions(ui);
    if (st != ST_OK)
        ui_fail(ui, &err);
    else if (yes)
        ui_say(ui, "gone on: version %d of %d", session_cursor(ui->tab->session),
               session_n_versions(ui->tab->session) - 1);
    else
        ui_say(ui, "begun anew; the earlier journal is kept beside the new one");
}

static void ask_recover(struct ui *ui, bool ask)
{
    const struct session_pending *p = session_pending(ui->tab->session);
    struct err err = {0};
    char line[200];
    if (!p)
        return;
    if (p->edits == 0 || p->changed || !ask) {
        bool lost = p->edits > 0, changed = p->changed;
        if (session_recover(ui->tab->session, SESSION_FRESH, &err) != ST_OK)
            ui_fail(ui, &err);
        else if (lost)
            ui_say(ui, "%sthe last session of it is set aside",
                   changed ? "the model changed: " : "");
        return;
    }
    snprintf(line, sizeof line, "go on where you were? (y/n)  %d edit%s, last %s%s ", p->edits,
             p->edits == 1 ? "" : "s", p->time, p->closed ? "" : ", not closed");
    ui_ask(ui, line, answer_recover);
}

/* ---- beginning ---- */

bool ui_opening(const struct ui *ui)
{
    return session_opening(ui->tab->session) != NULL;
}

void command_open(struct ui *ui, const char *spec, bool ask)
{
    struct tab *t = ui->tab;
    char *path = ui_expand(spec);
    const char *now = session_opening(t->session);
    if (!now || strcmp(now, path) != 0) {
        t->opening.ask = ask;
        t->opening.read = false;
        t->opening.begun = clock_s();
        session_open_later(t->session, path);
    }
    free(path);
    ui->dirty = true;
}

void ui_open_model(struct ui *ui, const char *spec)
{
    if (!tab_has(ui, spec))
        command_open(ui, spec, true);
}

/* ---- the end ---- */

/* A tab made for a model that does not come goes, and shows again where it was asked for. */
static void give_up(struct ui *ui, struct tab *t, struct err *err)
{
    struct tab *here = ui->tab, *back = t->opening.from;
    if (back && ui->n_tabs > 1) {
        tab_drop(ui, t);
        for (int i = 0; i < ui->n_tabs; i++)
            if (ui->tabs[i] == (here == t ? back : here))
                ui->tab = ui->tabs[i];
    }
    if (here != t || !play_failed(ui, err))
        ui_fail(ui, err);
}

bool opening_stop(struct ui *ui)
{
    struct err err = {0};
    struct tab *t = ui->tab;
    if (!ui_opening(ui))
        return false;
    err_set(&err, ST_NO, "not opened");
    err_in_file(&err, session_opening(t->session));
    session_open_stop(t->session);
    give_up(ui, t, &err);
    return true;
}

/* Puts what was read in place in the tab `ui` stands at. */
static enum status put_in(struct ui *ui, struct err *err)
{
    struct tab *t = ui->tab;
    char word[600], *path = x_strdup(session_opening(t->session));
    t->opening.read = false;
    enum status st = session_open_end(t->session, SESSION_ASK, err);
    ui->stats.opened = clock_s() - t->opening.begun;
    ui_log(ui, "open", "%s %s %.1f ms", path, st == ST_OK ? "ok" : "failed",
           ui->stats.opened * 1e3);
    if (st == ST_OK) {
        t->opening.from = NULL;
        t->opening.unasked = true;
        recent_add(ui, path);
        ui_did(ui, "open %s", ui_quoted(path, word, sizeof word));
        ui_pop_to(ui, VIEW_MODELS);
        ui_push(ui, VIEW_SEGMENTS);
        ui_edited(ui);
        ui_notices(ui);
    }
    free(path);
    return st;
}

void opening_look(struct ui *ui)
{
    struct tab *here = ui->tab;
    bool asks = ui->prompt.kind != PROMPT_NONE;
    for (int i = 0; i < ui->n_tabs; i++) {
        struct tab *t = ui->tabs[i];
        struct err err = {0};
        if (!t->opening.read || (t == here && asks))
            continue;
        ui->tab = t;
        ui->hidden = t != here;
        enum status st = put_in(ui, &err);
        ui->tab = here;
        ui->hidden = false;
        if (st != ST_OK) {
            give_up(ui, t, &err);
            here = ui->tab; /* the tabs may be others: once more from the first */
            i = -1;
        }
    }
    if (ui->tab->opening.unasked && !asks) {
        ui->tab->opening.unasked = false;
        ask_recover(ui, ui->tab->opening.ask);
    }
}
