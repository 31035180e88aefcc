/* The panel of a script that is played, below the view: a lesson's text, its question, what an
 * answer brought, and the command that ran last. */
#include "ui/play.h"

#include <stdio.h>

enum { MIN_VIEW = 5 }; /* rows that a panel leaves to the view */

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
    put_part(&part[1], a->right ? STYLE_GOOD : STYLE_BAD,
             a->right ? "Right: " : "Not so: ", a->text);
    put_part(&part[2], STYLE_TEXT, "", a->why);
    return 3;
}

static int parts(const struct play *p, struct part *part)
{
    if (p->stop == PLAY_ASKS)
        return question_parts(p, part);
    if (p->stop == PLAY_ANSWERED)
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
    snprintf(line, sizeof line, " %.150s ", p->name);
    x += screen_add(r.y, x, edge - x, STYLE_BAR_NAME, line);
    if (stops) {
        snprintf(line, sizeof line, "%d/%d ", p->stops, stops);
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
        [PLAY_RUNS] = {"Esc", "stop"},
        [PLAY_PAUSED] = {"Enter", "go on", "Esc", "end the lesson", "? j k Tab ...", "look around"},
        [PLAY_ASKS] = {"1 2 ...", "answer", "Esc", "end the lesson", "j k Tab ...", "look around"},
        [PLAY_ANSWERED] = {"Enter", "go on", "1 2 ...", "another answer", "Esc", "end the lesson"},
    };
    const struct play *p = ui->play;
    bool right = p->stop == PLAY_ANSWERED && p->asked->answer.at[p->answer].right;
    const char *const *hint = hints[right ? PLAY_PAUSED : p->stop];
    int x = 1;
    screen_put(y, 0, w, STYLE_KEYS, "");
    for (int i = 0; i < 6 && hint[i]; i += 2) {
        x += screen_add(y, x, w - x, STYLE_KEY, hint[i]) + 1;
        x += screen_add(y, x, w - x, STYLE_KEYS, hint[i + 1]) + 2;
    }
}
