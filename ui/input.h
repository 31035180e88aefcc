/* Keys: their codes, their names, and key scripts. A key is the code point of a character, or one
 * of the codes below. */
#ifndef UI_INPUT_H
#define UI_INPUT_H

#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>

enum {
    INPUT_CTRL_C = 3,
    INPUT_TAB = 9,
    INPUT_ENTER = 10,
    INPUT_ESC = 27,
    INPUT_FUNCTION = 1 << 24, /* above all code points */
    INPUT_UP,
    INPUT_DOWN,
    INPUT_LEFT,
    INPUT_RIGHT,
    INPUT_PAGE_UP,
    INPUT_PAGE_DOWN,
    INPUT_HOME,
    INPUT_END,
    INPUT_DELETE,
    INPUT_INSERT,
    INPUT_BACKSPACE,
    INPUT_BACK_TAB,
    INPUT_RESIZE,
    INPUT_CLICK, /* at screen_clicked() */
    INPUT_WHEEL_UP,
    INPUT_WHEEL_DOWN,
    INPUT_PASTE, /* what comes until INPUT_PASTE_END was pasted, not typed */
    INPUT_PASTE_END,
    INPUT_TAB_NEXT, /* Ctrl with PgDn */
    INPUT_TAB_PREVIOUS,
    INPUT_F1, /* up to F12 = INPUT_F1 + 11 */
    INPUT_UNKNOWN = INPUT_F1 + 12,
};

/* A code of ncurses' get_wch; INPUT_UNKNOWN for those we have no name for. */
int input_from_curses(int code);
/* "Enter", "^R", "PgDn", "F1", "a"; 0 when it names no key. */
int input_from_name(const char *name);
/* The name of a key into buf (16 bytes are enough), returned. */
const char *input_name(int key, char *buf, size_t size);

/* A key script: one step a line.
 *   j j Enter      key names; a word that is none is typed letter by letter
 *   "some text"    typed as it stands
 *   :command       typed on the ':' line, with Enter
 *   wait           until no job runs
 *   # comment */
struct input_script;
enum status input_script_open(struct input_script **out, const char *path, struct err *err);
void input_script_free(struct input_script *s);
enum input_step { INPUT_STEP_KEY, INPUT_STEP_WAIT, INPUT_STEP_END };
/* The next step; *key is set for INPUT_STEP_KEY. While `busy`, a `wait` is not passed. */
enum input_step input_script_next(struct input_script *s, bool busy, int *key);

#endif
