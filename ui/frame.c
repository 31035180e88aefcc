/* One frame: the line about the model, the view, the message, the keys. */
#include "base/clock.h"
#include "session/fitting.h"
#include "session/searching.h"
#include "ui/ui_priv.h"

#include <string.h>

enum { MIN_ROWS = 10, MIN_COLS = 40 };

/* Writes a part of the top line and moves on; nothing when it does not fit. */
static void part(int *x, int w, int style, const char *text)
{
    if (*x + text_width(text, theme_ascii()) + 2 > w)
        return;
    *x += screen_add(0, *x, w - *x, style, text) + 2;
}

static void draw_costs(struct ui *ui, int x, int w)
{
    struct session *s = ui->tab->session;
    const struct session_version *now = session_version(s, session_cursor(s));
    const struct session_version *was = session_version(s, 0);
    char a[32], b[32], line[128];
    if (!now || !was)
        return;
    snprintf(line, sizeof line, "version %d", now->id);
    part(&x, w, STYLE_BAR, line);
    str_si((double)now->cost.flops, a, sizeof a);
    snprintf(line, sizeof line, "%s%sFLOPs", a, strchr(a, ' ') ? "" : " ");
    part(&x, w, STYLE_BAR, line);
    snprintf(line, sizeof line, "%s params", str_si((double)now->cost.params, a, sizeof a));
    part(&x, w, STYLE_BAR, line);
    if (now->id == 0)
        return;
    snprintf(line, sizeof line, "%s %s FLOPs, %s params",
             theme_ascii() ? "d" : theme_glyph(GLYPH_DELTA),
             text_percent((double)(now->cost.flops - was->cost.flops), (double)was->cost.flops, a,
                          sizeof a),
             text_percent((double)(now->cost.params - was->cost.params), (double)was->cost.params,
                          b, sizeof b));
    part(&x, w, STYLE_BAR_NAME, line);
}

static void draw_top(struct ui *ui, int w)
{
    struct session *s = ui->tab->session;
    char right[96] = "";
    int done = 0, total = 0, at, parts, x = 1;
    if (session_is_open(s))
        session_progress(s, &done, &total);
    if (session_batch_progress(s, &at, &parts))
        snprintf(right, sizeof right, "batch %d/%d  ", at, parts);
    else if (session_busy(s) && total > 0 && done < total)
        snprintf(right, sizeof right, "%d/%d  ", done, total);
    else if (session_fit_running(s))
        snprintf(right, sizeof right, "training %d %%  ", session_fit_percent(s));
    else if (session_search_running(s))
        snprintf(right, sizeof right, "searching %d %%  ", session_search_percent(s));
    else if (session_busy(s))
        snprintf(right, sizeof right, "working  ");
    size_t n = strlen(right);
    snprintf(right + n, sizeof right - n, "%s%s%s ", ui->read_only ? "read-only  " : "",
             ui->recording ? "rec  " : "", view_title(ui->tab->stack[ui->tab->depth - 1].id));
    int edge = w - text_width(right, theme_ascii());
    screen_put(0, 0, w, STYLE_BAR, "");
    screen_add(0, edge, w - edge, STYLE_BAR_NAME, right);
    if (!session_is_open(s)) {
        screen_add(0, x, edge - x, STYLE_BAR_NAME, "autogo");
        return;
    }
    const char *spec = session_spec(s), *slash = strrchr(spec, '/');
    int room = edge - x < 30 ? edge - x : w < 100 ? 22 : 44;
    x += screen_add(0, x, room, STYLE_BAR_NAME, slash && slash[1] ? slash + 1 : spec) + 2;
    draw_costs(ui, x, edge);
}

static void draw_message(const struct ui *ui, int y, int w)
{
    const char *opening = session_opening(ui->tab->session);
    if (ui->message[0] || !opening)
        screen_put(y, 0, w, ui->message[0] ? ui->message_style : STYLE_TEXT, ui->message);
    else
        screen_putf(y, 0, w, STYLE_TEXT, "opening %s ... (Esc stops it)", opening);
}

/* Keys that mean something here, as many as there is room for; help stands at the right. */
static void draw_keys(const struct ui *ui, enum view_id v, int y, int w)
{
    char key[16], help[32];
    snprintf(help, sizeof help, " %s %s ", ui_first_key(ui, ACTION_HELP, v, key, sizeof key),
             action_info(ACTION_HELP)->hint);
    int edge = w - (int)strlen(help), x = 1;
    screen_put(y, 0, w, STYLE_KEYS, "");
    for (int a = 1; a < ACTION_COUNT; a++) {
        const char *hint = action_info((enum action)a)->hint;
        if (!*hint || a == ACTION_HELP || !action_in_view((enum action)a, v) ||
            !*ui_first_key(ui, (enum action)a, v, key, sizeof key))
            continue;
        int need = (int)(strlen(key) + strlen(hint)) + 3;
        if (x + need > edge)
            break;
        x += screen_add(y, x, w - x, STYLE_KEY, key) + 1;
        x += screen_add(y, x, w - x, STYLE_KEYS, hint) + 2;
    }
    x = edge + 1 +
        screen_add(y, edge + 1, w - edge - 1, STYLE_KEY,
                   ui_first_key(ui, ACTION_HELP, v, key, sizeof key));
    screen_add(y, x, w - x, STYLE_KEYS, help + 1 + strlen(key));
}

void frame_draw(struct ui *ui)
{
    int h = screen_rows(), w = screen_cols();
    screen_clear();
    screen_cursor(-1, 0);
    if (h < MIN_ROWS || w < MIN_COLS) {
        screen_put(h / 2, 0, w, STYLE_WARN, "terminal too small (needs 40x10)");
    } else {
        enum view_id v = ui->tab->stack[ui->tab->depth - 1].id;
        int tabs = ui->n_tabs > 1, panel = play_rows(ui, h - 3 - tabs, w);
        ui->tab->stack[ui->tab->depth - 1].ops->draw(
            ui, ui->tab->stack[ui->tab->depth - 1].self,
            (struct rect){1 + tabs, 0, h - 3 - tabs - panel, w});
        if (panel)
            play_draw(ui, (struct rect){h - 2 - panel, 0, panel, w});
        if (tabs)
            tabs_draw(ui, 1, w);
        draw_top(ui, w); /* after the view, which may have asked for a drawing */
        draw_message(ui, h - 2, w);
        if (ui->prompt.kind != PROMPT_NONE)
            prompt_draw(&ui->prompt, h - 1, w);
        else if (ui->play)
            play_draw_keys(ui, h - 1, w);
        else
            draw_keys(ui, v, h - 1, w);
    }
    screen_show(ui->repaint);
    ui->repaint = false;
    ui->dirty = false;
    if (ui->stats.n_frames++ == 0)
        ui->stats.first_frame = clock_s() - ui->stats.begun;
}
