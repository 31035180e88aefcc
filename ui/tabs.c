/* Models side by side: each tab has a session and a stack of views of its own. What hidden tabs
 * work on goes on, and their views follow it. */
#include "session/fitting.h"
#include "session/searching.h"
#include "ui/ui_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- coming and going ---- */

void tab_new(struct ui *ui)
{
    struct session_opts o = ui->opts;
    struct tab *t = x_calloc(1, sizeof *t);
    if (ui->n_tabs && o.journal == SESSION_JOURNAL_FILE) /* that is the first one's */
        o.journal = SESSION_JOURNAL_DEFAULT;
    o.repair = ui->config.repair;
    t->session = session_new(&o);
    ui->tabs[ui->n_tabs++] = t;
    ui->tab = t;
    ui_push(ui, VIEW_MODELS);
}

int tab_number(const struct ui *ui, const struct tab *t)
{
    int i = 0;
    while (ui->tabs[i] != t)
        i++;
    return i;
}

void tab_drop(struct ui *ui, struct tab *t)
{
    int i = tab_number(ui, t);
    ui->tab = t;
    ui_drop_views(ui);
    record_tab_gone(ui, t);
    session_free(t->session);
    heat_costs_done(&t->costs);
    graph_unref(t->pair.a);
    graph_unref(t->pair.b);
    free(t->text);
    free(t);
    memmove(ui->tabs + i, ui->tabs + i + 1, (size_t)(--ui->n_tabs - i) * sizeof *ui->tabs);
    ui->tab = ui->n_tabs ? ui->tabs[i < ui->n_tabs ? i : i - 1] : NULL;
    ui->dirty = true;
}

bool tab_unfinished(const struct tab *t)
{
    return session_n_versions(t->session) > 1 || session_fit_running(t->session) ||
           session_search_running(t->session);
}

static void answer_close(struct ui *ui, bool yes)
{
    if (yes)
        tab_drop(ui, ui->tab);
}

void tab_close(struct ui *ui)
{
    int ask = ui_pref(ui, PREF_CONFIRM_QUIT);
    if (ui->n_tabs == 1)
        ui_quit(ui);
    else if (ask == 0 || (ask == 1 && !tab_unfinished(ui->tab)))
        tab_drop(ui, ui->tab);
    else
        ui_ask(ui, "close the tab? (y/n)  the journal keeps the edits, nothing keeps what runs ",
               answer_close);
}

static void show(struct ui *ui, int i)
{
    ui->tab = ui->tabs[(i + ui->n_tabs) % ui->n_tabs];
    ui->dirty = true;
}

void tab_step(struct ui *ui, int step)
{
    if (ui->n_tabs == 1)
        ui_say(ui, "there is one tab (:tab MODEL opens another)");
    else
        show(ui, tab_number(ui, ui->tab) + step);
}

/* ---- opening ---- */

/* What it has, or will have; "" for nothing. */
static const char *named(const struct tab *t)
{
    const char *opening = session_opening(t->session);
    return opening ? opening : session_spec(t->session);
}

/* Two names of a file are one model. */
static bool same_model(const char *a, const char *b)
{
    char *x = realpath(a, NULL), *y = realpath(b, NULL);
    bool same = x && y ? strcmp(x, y) == 0 : !x && !y && strcmp(a, b) == 0;
    free(x);
    free(y);
    return same;
}

bool tab_has(struct ui *ui, const char *spec)
{
    for (int i = 0; i < ui->n_tabs; i++)
        if (ui->tabs[i] != ui->tab && same_model(named(ui->tabs[i]), spec)) {
            show(ui, i);
            ui_say(ui, "%s is open here, in tab %d", spec, i + 1);
            return true;
        }
    return false;
}

void ui_open_tab(struct ui *ui, const char *spec)
{
    struct tab *before = ui->tab;
    if (*spec && tab_has(ui, spec))
        return;
    if (ui->n_tabs == UI_TABS) {
        ui_say(ui, "%d tabs are open; close one first", UI_TABS);
        return;
    }
    tab_new(ui);
    if (!*spec)
        return;
    ui->tab->opening.from = before;
    command_open(ui, spec, true);
}

/* ---- the line of tabs ---- */

/* Its label, with a mark when edits were made or something runs. */
static const char *label(const struct ui *ui, int i, char *buf, size_t size)
{
    struct session *s = ui->tabs[i]->session;
    const char *spec = *named(ui->tabs[i]) ? named(ui->tabs[i]) : "models";
    const char *slash = strncmp(spec, "zoo:", 4) == 0 ? NULL : strrchr(spec, '/');
    char state[40] = "";
    if (session_opening(s))
        snprintf(state, sizeof state, " opening");
    else if (session_fit_running(s))
        snprintf(state, sizeof state, " training %d %%", session_fit_percent(s));
    else if (session_search_running(s))
        snprintf(state, sizeof state, " searching %d %%", session_search_percent(s));
    else if (ui->tabs[i] != ui->tab && session_busy(s))
        snprintf(state, sizeof state, " working");
    snprintf(buf, size, " %d %.24s%s%s ", i + 1, slash ? slash + 1 : spec,
             session_n_versions(s) > 1 ? " +" : "", state);
    return buf;
}

/* Where tab i begins when `first` is the first one on the line. */
static int left_of(const struct ui *ui, int first, int i)
{
    char text[96];
    int x = 0;
    for (int k = first; k < i; k++)
        x += text_width(label(ui, k, text, sizeof text), theme_ascii());
    return x;
}

/* So many are left out that the current one is on the line. */
static int first_shown(const struct ui *ui, int w)
{
    int first = 0, here = tab_number(ui, ui->tab);
    while (first < here && left_of(ui, first, here + 1) > w)
        first++;
    return first;
}

void tabs_draw(const struct ui *ui, int y, int w)
{
    char text[96];
    int x = 0;
    screen_put(y, 0, w, STYLE_KEYS, "");
    for (int i = first_shown(ui, w); i < ui->n_tabs && x < w; i++)
        x += screen_add(y, x, w - x, ui->tabs[i] == ui->tab ? STYLE_SELECT : STYLE_KEYS,
                        label(ui, i, text, sizeof text));
}

bool tabs_click(struct ui *ui, int y, int x)
{
    if (ui->n_tabs == 1 || y != 1)
        return false;
    int first = first_shown(ui, screen_cols());
    for (int i = first; i < ui->n_tabs; i++)
        if (x >= left_of(ui, first, i) && x < left_of(ui, first, i + 1)) {
            show(ui, i);
            break;
        }
    return true;
}

/* ---- all of them ---- */

void tabs_each(struct ui *ui, void (*visit)(struct ui *ui, unsigned arg), unsigned arg)
{
    struct tab *here = ui->tab;
    for (int i = 0; i < ui->n_tabs; i++) {
        ui->tab = ui->tabs[i];
        ui->hidden = ui->tab != here;
        visit(ui, arg);
    }
    ui->tab = here;
    ui->hidden = false;
}

bool tabs_any(const struct ui *ui, bool (*is)(const struct session *s))
{
    for (int i = 0; i < ui->n_tabs; i++)
        if (is(ui->tabs[i]->session))
            return true;
    return false;
}
