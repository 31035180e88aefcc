#include "ui/input.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/vec.h"
#include "ui/screen.h"
#include "ui/text.h"

#include <ncurses.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <wchar.h>

static const struct {
    int key, curses;
    const char *name;
} names[] = {
    {INPUT_ENTER, KEY_ENTER, "Enter"},
    {INPUT_ESC, 0, "Esc"},
    {INPUT_TAB, 0, "Tab"},
    {' ', 0, "Space"},
    {INPUT_UP, KEY_UP, "Up"},
    {INPUT_DOWN, KEY_DOWN, "Down"},
    {INPUT_LEFT, KEY_LEFT, "Left"},
    {INPUT_RIGHT, KEY_RIGHT, "Right"},
    {INPUT_PAGE_UP, KEY_PPAGE, "PgUp"},
    {INPUT_PAGE_DOWN, KEY_NPAGE, "PgDn"},
    {INPUT_HOME, KEY_HOME, "Home"},
    {INPUT_END, KEY_END, "End"},
    {INPUT_DELETE, KEY_DC, "Del"},
    {INPUT_INSERT, KEY_IC, "Ins"},
    {INPUT_BACKSPACE, KEY_BACKSPACE, "Backspace"},
    {INPUT_BACK_TAB, KEY_BTAB, "BackTab"},
    {INPUT_RESIZE, KEY_RESIZE, "Resize"},
    {INPUT_TAB_NEXT, SCREEN_KEY_TAB_NEXT, "Ctrl-PgDn"},
    {INPUT_TAB_PREVIOUS, SCREEN_KEY_TAB_PREVIOUS, "Ctrl-PgUp"},
    {INPUT_PASTE, SCREEN_KEY_PASTE, "Paste"},
    {INPUT_PASTE_END, SCREEN_KEY_PASTE_END, "PasteEnd"},
};
#define N_NAMES (sizeof names / sizeof names[0])

int input_from_curses(int code)
{
    for (size_t i = 0; i < N_NAMES; i++)
        if (names[i].curses == code && code)
            return names[i].key;
    if (code > KEY_F0 && code <= KEY_F(12))
        return INPUT_F1 + (code - KEY_F0 - 1);
    return INPUT_UNKNOWN;
}

int input_from_name(const char *name)
{
    unsigned char c = (unsigned char)name[0];
    if (!c)
        return 0;
    if (c == '^' && name[1] && !name[2])
        return name[1] == '?' ? INPUT_BACKSPACE : name[1] & 0x1f;
    for (size_t i = 0; i < N_NAMES; i++)
        if (strcasecmp(name, names[i].name) == 0)
            return names[i].key;
    int f;
    char end;
    if (c == 'F' && sscanf(name + 1, "%2d%c", &f, &end) == 1 && f >= 1 && f <= 12)
        return INPUT_F1 + f - 1;
    if (c < 0x80)
        return name[1] ? 0 : c;
    mbstate_t st;
    memset(&st, 0, sizeof st);
    wchar_t wc = 0;
    size_t n = mbrtowc(&wc, name, strlen(name), &st);
    return n == strlen(name) ? (int)wc : 0;
}

const char *input_name(int key, char *buf, size_t size)
{
    for (size_t i = 0; i < N_NAMES; i++)
        if (names[i].key == key) {
            snprintf(buf, size, "%s", names[i].name);
            return buf;
        }
    if (key >= INPUT_F1 && key < INPUT_UNKNOWN)
        snprintf(buf, size, "F%d", key - INPUT_F1 + 1);
    else if (key > 0 && key < 32)
        snprintf(buf, size, "^%c", key + 64);
    else if (key >= 32 && key < INPUT_FUNCTION) {
        char c[5] = {0};
        text_encode((unsigned)key, c);
        snprintf(buf, size, "%s", c);
    } else
        snprintf(buf, size, "?");
    return buf;
}

/* ---- scripts ---- */

/* A script is turned into steps when it is read: a key, or -1 to wait. */
struct input_script {
    VEC(int) step;
    size_t at;
};

static void add_text(struct input_script *s, const char *text, size_t n)
{
    mbstate_t st;
    memset(&st, 0, sizeof st);
    while (n > 0) {
        wchar_t wc = 0;
        size_t k = mbrtowc(&wc, text, n, &st);
        if (k == 0 || k > n) {
            wc = (unsigned char)*text;
            k = 1;
            memset(&st, 0, sizeof st);
        }
        vec_push(&s->step, (int)wc);
        text += k;
        n -= k;
    }
}

static void add_words(struct input_script *s, char *line)
{
    for (char *p = line; *p;) {
        p += strspn(p, " \t");
        if (*p == '"') {
            size_t n = strcspn(p + 1, "\"");
            add_text(s, p + 1, n);
            p += 1 + n + (p[1 + n] == '"');
            continue;
        }
        size_t n = strcspn(p, " \t");
        if (n == 0)
            break;
        char keep = p[n];
        p[n] = 0;
        int key = input_from_name(p);
        if (key)
            vec_push(&s->step, key);
        else
            add_text(s, p, n);
        p[n] = keep;
        p += n;
    }
}

enum status input_script_open(struct input_script **out, const char *path, struct err *err)
{
    unsigned char *data;
    size_t size;
    TRY(file_read(path, 1 << 20, &data, &size, err));
    struct input_script *s = x_calloc(1, sizeof *s);
    char *save = NULL;
    for (char *line = strtok_r((char *)data, "\r\n", &save); line;
         line = strtok_r(NULL, "\r\n", &save)) {
        line += strspn(line, " \t");
        if (*line == '#' || !*line)
            continue;
        if (strcmp(line, "wait") == 0)
            vec_push(&s->step, -1);
        else if (*line == ':') {
            add_text(s, line, strlen(line));
            vec_push(&s->step, INPUT_ENTER);
        } else
            add_words(s, line);
    }
    free(data);
    *out = s;
    return ST_OK;
}

void input_script_free(struct input_script *s)
{
    if (!s)
        return;
    vec_done(&s->step);
    free(s);
}

enum input_step input_script_next(struct input_script *s, bool busy, int *key)
{
    while (s->at < s->step.n && s->step.at[s->at] < 0) {
        if (busy)
            return INPUT_STEP_WAIT;
        s->at++;
    }
    if (s->at >= s->step.n)
        return INPUT_STEP_END;
    *key = s->step.at[s->at++];
    return INPUT_STEP_KEY;
}
