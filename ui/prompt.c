#include "ui/prompt.h"

#include "ui/input.h"
#include "ui/screen.h"
#include "ui/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HISTORY_MAX 200

void prompt_offer(struct prompt_words *w, const char *line)
{
    vec_push(&w->word, x_strdup(line));
}

static void forget_words(struct prompt *p)
{
    for (size_t i = 0; i < p->words.word.n; i++)
        free(p->words.word.at[i]);
    vec_done(&p->words.word);
    p->word = 0;
}

static struct prompt_history *history(struct prompt *p)
{
    return p->kind == PROMPT_COMMAND  ? &p->history[0]
           : p->kind == PROMPT_FILTER ? &p->history[1]
                                      : NULL;
}

static void set_text(struct prompt *p, const char *s)
{
    snprintf(p->text, sizeof p->text, "%s", s);
    p->n = p->at = strlen(p->text);
}

void prompt_open(struct prompt *p, enum prompt_kind kind, const char *label, const char *text)
{
    forget_words(p);
    p->kind = kind;
    snprintf(p->label, sizeof p->label, "%s", label);
    set_text(p, text);
    p->typed[0] = 0;
    p->recall = history(p) ? history(p)->line.n : 0;
}

void prompt_close(struct prompt *p)
{
    forget_words(p);
    p->kind = PROMPT_NONE;
}

static void remember(struct prompt *p)
{
    struct prompt_history *h = history(p);
    if (!h || !p->n || (h->line.n && strcmp(h->line.at[h->line.n - 1], p->text) == 0))
        return;
    if (h->line.n == HISTORY_MAX) {
        free(h->line.at[0]);
        memmove(h->line.at, h->line.at + 1, (HISTORY_MAX - 1) * sizeof *h->line.at);
        h->line.n--;
    }
    vec_push(&h->line, x_strdup(p->text));
}

static void recall(struct prompt *p, int step)
{
    struct prompt_history *h = history(p);
    if (!h || (step < 0 && p->recall == 0) || (step > 0 && p->recall >= h->line.n))
        return;
    if (p->recall == h->line.n)
        memcpy(p->typed, p->text, sizeof p->typed);
    p->recall += (size_t)step;
    set_text(p, p->recall == h->line.n ? p->typed : h->line.at[p->recall]);
}

static void erase(struct prompt *p, size_t from, size_t to)
{
    memmove(p->text + from, p->text + to, p->n - to + 1);
    p->n -= to - from;
    p->at = from;
}

void prompt_insert(struct prompt *p, const char *text)
{
    size_t k = strlen(text);
    if (p->n + k >= sizeof p->text)
        return;
    forget_words(p);
    memmove(p->text + p->at + k, p->text + p->at, p->n - p->at + 1);
    memcpy(p->text + p->at, text, k);
    p->n += k;
    p->at += k;
}

static size_t common(const struct prompt_words *w)
{
    size_t n = strlen(w->word.at[0]);
    for (size_t i = 1; i < w->word.n; i++)
        for (size_t k = 0; k < n; k++)
            if (w->word.at[i][k] != w->word.at[0][k])
                n = k;
    return n;
}

/* The first Tab fills in what all choices share; further ones go round them. */
static void complete(struct prompt *p, int step)
{
    if (!p->complete)
        return;
    if (p->words.word.n > 1) {
        size_t n = p->words.word.n;
        p->word = (p->word + (size_t)(step < 0 ? (int)n - 1 : 1)) % (n + (p->word >= n));
        set_text(p, p->words.word.at[p->word % n]);
        return;
    }
    forget_words(p);
    p->complete(p->ctx, p->text, &p->words);
    size_t n = p->words.word.n;
    if (n == 0)
        return;
    char start[sizeof p->text];
    snprintf(start, sizeof start, "%.*s", (int)common(&p->words), p->words.word.at[0]);
    if (strlen(start) >= p->n)
        set_text(p, start);
    p->word = n; /* none chosen yet */
    if (n == 1)
        forget_words(p);
}

static enum prompt_result question_key(struct prompt *p, int key)
{
    if (key == 'y' || key == 'Y')
        p->yes = true;
    else if (key == 'n' || key == 'N' || key == INPUT_ESC || key == 'q')
        p->yes = false;
    else
        return PROMPT_GOES_ON;
    return PROMPT_DONE;
}

enum prompt_result prompt_key(struct prompt *p, int key)
{
    char one[5];
    if (p->kind == PROMPT_QUESTION)
        return question_key(p, key);
    if (key == INPUT_TAB || key == INPUT_BACK_TAB) {
        complete(p, key == INPUT_TAB ? 1 : -1);
        return PROMPT_CHANGED;
    }
    forget_words(p);
    switch (key) {
    case INPUT_ENTER:
        remember(p);
        return PROMPT_DONE;
    case INPUT_ESC:
    case INPUT_CTRL_C:
        return PROMPT_CANCELLED;
    case INPUT_BACKSPACE:
        if (p->n == 0)
            return PROMPT_CANCELLED;
        erase(p, text_prev(p->text, p->at), p->at);
        break;
    case INPUT_DELETE:
        erase(p, p->at, p->at + text_next(p->text + p->at));
        break;
    case INPUT_LEFT:
        p->at = text_prev(p->text, p->at);
        break;
    case INPUT_RIGHT:
        p->at += text_next(p->text + p->at);
        break;
    case INPUT_HOME:
    case 1: /* ^A */
        p->at = 0;
        break;
    case INPUT_END:
    case 5: /* ^E */
        p->at = p->n;
        break;
    case 21: /* ^U */
        erase(p, 0, p->at);
        break;
    case 11: /* ^K */
        erase(p, p->at, p->n);
        break;
    case 23: { /* ^W */
        size_t from = p->at;
        while (from > 0 && p->text[from - 1] == ' ')
            from--;
        while (from > 0 && p->text[from - 1] != ' ')
            from--;
        erase(p, from, p->at);
        break;
    }
    case INPUT_UP:
        recall(p, -1);
        break;
    case INPUT_DOWN:
        recall(p, 1);
        break;
    default:
        one[text_encode((unsigned)key, one)] = 0;
        if (key >= 32 && key < INPUT_FUNCTION)
            prompt_insert(p, one);
    }
    return PROMPT_CHANGED;
}

static void draw_words(const struct prompt *p, int y, int w)
{
    int x = 1;
    screen_put(y, 0, w, STYLE_TEXT, "");
    for (size_t i = 0; i < p->words.word.n && x < w - 2; i++) {
        const char *word = p->words.word.at[i], *cut = strrchr(word, ' ');
        x += screen_add(y, x, w - x - 1, i == p->word ? STYLE_SELECT : STYLE_DIM,
                        cut && cut[1] ? cut + 1 : word);
        x += 2;
    }
}

void prompt_draw(struct prompt *p, int y, int w)
{
    char before[sizeof p->text];
    snprintf(before, sizeof before, "%.*s", (int)p->at, p->text);
    int label = text_width(p->label, theme_ascii());
    int at = label + text_width(before, theme_ascii());
    size_t skip = 0;
    /* A long line scrolls so that the cursor stays in sight. */
    while (at >= w - 1 && skip < p->at) {
        size_t k = text_next(p->text + skip);
        char one[8];
        snprintf(one, sizeof one, "%.*s", (int)k, p->text + skip);
        at -= text_width(one, theme_ascii());
        skip += k;
    }
    if (p->words.word.n > 1)
        draw_words(p, y - 1, w);
    int style = p->kind == PROMPT_QUESTION ? STYLE_WARN : STYLE_BOLD;
    screen_put(y, 0, w, style, p->label);
    if (p->kind != PROMPT_QUESTION)
        screen_put(y, label, w - label, STYLE_TEXT, p->text + skip);
    screen_cursor(y, at < w ? at : w - 1);
}

void prompt_done(struct prompt *p)
{
    forget_words(p);
    for (int h = 0; h < PROMPT_HISTORIES; h++) {
        for (size_t i = 0; i < p->history[h].line.n; i++)
            free(p->history[h].line.at[i]);
        vec_done(&p->history[h].line);
    }
}
