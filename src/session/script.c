#include "session/script.h"

#include "base/file.h"
#include "base/str.h"

#include <stdio.h>

struct reader {
    struct script *s;
    int line;
    bool answers; /* the last step is a question that may get more of them */
    bool told;    /* the line before was a text */
    bool commanded;
    struct err *err;
};

/* ---- messages ---- */

void script_locate(struct err *err, const char *name, int line)
{
    char msg[sizeof err->msg], head[200];
    snprintf(msg, sizeof msg, "%s", err->msg);
    if (err->file[0])
        snprintf(head, sizeof head, "line %d: %.150s: ", line, err->file);
    else
        snprintf(head, sizeof head, "line %d: ", line);
    snprintf(err->msg, sizeof err->msg, "%s%.*s", head, (int)(sizeof msg - strlen(head) - 1), msg);
    snprintf(err->file, sizeof err->file, "%s", name);
}

static enum status refuse(struct reader *r, int line, const char *what)
{
    struct err err = {0};
    err_set(&err, ST_USAGE, "%s", what);
    script_locate(&err, r->s->name, line);
    if (r->err)
        *r->err = err;
    return ST_USAGE;
}

/* ---- lines ---- */

static struct script_step *last(struct reader *r)
{
    return &r->s->step.at[r->s->step.n - 1];
}

static void add(struct reader *r, enum script_kind kind, const char *text)
{
    vec_push(&r->s->step,
             (struct script_step){.kind = kind, .line = r->line, .text = x_strdup(text)});
}

/* A question is whole when something else follows it. */
static enum status end_question(struct reader *r)
{
    if (!r->answers)
        return ST_OK;
    struct script_step *q = last(r);
    int right = 0;
    r->answers = false;
    for (size_t i = 0; i < q->answer.n; i++)
        right += q->answer.at[i].right;
    if (q->answer.n < 2)
        return refuse(r, q->line, "the question has less than two answers (#+ and #x lines)");
    if (right != 1)
        return refuse(r, q->line,
                      right ? "the question has more than one right answer (#+)"
                            : "the question has no right answer (#+)");
    return ST_OK;
}

static enum status tell(struct reader *r, char *text)
{
    if (!*text)
        return refuse(r, r->line, "#: without a text");
    if (r->told) {
        char *joined = x_asprintf("%s\n%s", last(r)->text, text);
        free(last(r)->text);
        last(r)->text = joined;
    } else
        add(r, SCRIPT_TELL, text);
    r->told = true;
    return strlen(last(r)->text) <= SCRIPT_TEXT
               ? ST_OK
               : refuse(r, r->line, "a text of more than 600 bytes does not fit (part it by #-)");
}

static enum status pause_here(struct reader *r, char *text)
{
    if (*text)
        return refuse(r, r->line, "a pause (#-) takes no text");
    add(r, SCRIPT_PAUSE, "");
    return ST_OK;
}

static enum status ask(struct reader *r, char *text)
{
    if (!*text)
        return refuse(r, r->line, "#? without a question");
    if (strlen(text) > SCRIPT_QUESTION)
        return refuse(r, r->line, "a question of more than 240 bytes does not fit");
    add(r, SCRIPT_ASK, text);
    r->answers = true;
    return ST_OK;
}

static enum status answer(struct reader *r, char *text, bool right)
{
    char *bar = strchr(text, '|');
    if (!r->answers)
        return refuse(r, r->line, "an answer without a question (#?) before it");
    if (!bar)
        return refuse(r, r->line, "an answer needs '|' and its explanation");
    char *why = bar + 1 + strspn(bar + 1, " ");
    while (bar > text && bar[-1] == ' ')
        bar--;
    *bar = '\0';
    if (!*text || !*why)
        return refuse(r, r->line, "an answer and its explanation must have a text");
    if (strlen(text) > SCRIPT_ANSWER || strlen(why) > SCRIPT_TEXT)
        return refuse(r, r->line, "an answer has at most 72 bytes, its explanation 600");
    if (last(r)->answer.n == SCRIPT_ANSWERS)
        return refuse(r, r->line, "a question has at most 5 answers");
    vec_push(&last(r)->answer, (struct script_answer){x_strdup(text), x_strdup(why), right});
    return ST_OK;
}

static enum status answer_right(struct reader *r, char *text)
{
    return answer(r, text, true);
}

static enum status answer_wrong(struct reader *r, char *text)
{
    return answer(r, text, false);
}

static enum status expect(struct reader *r, char *text)
{
    if (!*text)
        return refuse(r, r->line, "#= without a text");
    if (!r->commanded)
        return refuse(r, r->line, "#= without a command before it");
    add(r, SCRIPT_EXPECT, text);
    return ST_OK;
}

static const struct {
    char mark;
    bool answers; /* belongs to the question before it */
    enum status (*take)(struct reader *r, char *text);
} marks[] = {
    {':', false, tell},        {'-', false, pause_here},  {'?', false, ask},
    {'+', true, answer_right}, {'x', true, answer_wrong}, {'=', false, expect},
};

/* Control characters and what is no UTF-8 must not reach a terminal. */
static bool is_printable(const char *s)
{
    for (int n; *s; s += n) {
        n = str_utf8(s);
        if (n == 0 || (unsigned char)*s < ' ' || *s == 127)
            return false;
    }
    return true;
}

static enum status take_lesson(struct reader *r, size_t k, char *text)
{
    bool goes_on = marks[k].take == tell && r->told;
    if (!is_printable(text))
        return refuse(r, r->line, "a line of a lesson has a character that cannot be shown");
    if (!marks[k].answers)
        TRY(end_question(r));
    r->told = goes_on;
    return marks[k].take(r, text);
}

/* In place. */
static enum status take_line(struct reader *r, char *line)
{
    size_t n = strlen(line);
    while (n && strchr(" \t\r", line[n - 1]))
        line[--n] = '\0';
    for (size_t k = 0; line[0] == '#' && k < sizeof marks / sizeof *marks; k++)
        if (line[1] == marks[k].mark && strchr(" \t", line[2]))
            return take_lesson(r, k, line + 2 + strspn(line + 2, " \t"));
    r->told = false;
    line += strspn(line, " \t");
    if (!*line || *line == '#')
        return ST_OK;
    TRY(end_question(r));
    add(r, SCRIPT_COMMAND, line);
    r->commanded = true;
    return ST_OK;
}

/* ---- the whole ---- */

enum status script_parse(struct script *out, const char *name, const char *data, size_t size,
                         struct err *err)
{
    *out = (struct script){.name = x_strdup(name)};
    struct reader r = {.s = out, .err = err};
    if (size && memchr(data, 0, size)) {
        err_set(err, ST_USAGE, "is not a text file");
        return err_in_file(err, name), ST_USAGE;
    }
    char *copy = x_strndup(data, size), *next;
    enum status st = ST_OK;
    for (char *line = copy; line && st == ST_OK; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        if (!next && !*line)
            break;
        out->lines = ++r.line;
        st = take_line(&r, line);
    }
    if (st == ST_OK)
        st = end_question(&r);
    free(copy);
    return st;
}

enum status script_read(struct script *out, const char *path, struct err *err)
{
    unsigned char *data;
    size_t n;
    *out = (struct script){0};
    TRY(file_read(path, (size_t)16 << 20, &data, &n, err));
    enum status st = script_parse(out, path, (char *)data, n, err);
    free(data);
    return st;
}

void script_done(struct script *s)
{
    for (size_t i = 0; i < s->step.n; i++) {
        struct script_step *step = &s->step.at[i];
        for (size_t k = 0; k < step->answer.n; k++) {
            free(step->answer.at[k].text);
            free(step->answer.at[k].why);
        }
        vec_done(&step->answer);
        free(step->text);
    }
    vec_done(&s->step);
    free(s->name);
    s->name = NULL;
}

bool script_is_lesson(const struct script *s)
{
    for (size_t i = 0; i < s->step.n; i++)
        if (s->step.at[i].kind == SCRIPT_TELL || s->step.at[i].kind == SCRIPT_ASK)
            return true;
    return false;
}

int script_stops(const struct script *s)
{
    int n = 0;
    bool unread = false;
    for (size_t i = 0; i < s->step.n; i++) {
        enum script_kind k = s->step.at[i].kind;
        bool stops = k == SCRIPT_PAUSE || k == SCRIPT_ASK;
        n += stops;
        unread = k == SCRIPT_TELL || (unread && !stops);
    }
    return n + unread;
}
