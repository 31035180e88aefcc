/* The terminal: taking it over, giving it back whatever happens, and writing cells.
 *
 * There is one terminal, so this module has one state for the process; all functions belong to the
 * UI thread, except screen_rescue, which is async-signal-safe.
 * Signals become bytes on a pipe (screen_signal_fd); only crash handlers act at once: they give the
 * terminal back with write(2), print one line and let the signal do its work. */
#ifndef UI_SCREEN_H
#define UI_SCREEN_H

#include "base/err.h"
#include "ui/theme.h"
#include <stdbool.h>
#include <stdio.h>

struct rect {
    int y, x, h, w;
};

/* ST_USAGE when stdin or stdout is no terminal or TERM names none that can move a cursor. */
enum status screen_open(struct err *err);
/* Gives the terminal back. May be called twice. */
void screen_close(void);
/* Async-signal-safe: the terminal as it was, nothing else. */
void screen_rescue(void);

enum screen_ascii { SCREEN_ASCII_AUTO, SCREEN_ASCII_ON, SCREEN_ASCII_OFF }; /* as in prefs.def */
/* From the next frame on, which is to be drawn whole. */
void screen_look(enum theme_name theme, enum screen_ascii ascii);

/* Clicks and the wheel are keys (input.h); off: they are the terminal's. */
void screen_mouse(bool on);

/* Codes that get_wch has for what terminfo does not name. */
enum {
    SCREEN_KEY_PASTE = 0x4000,
    SCREEN_KEY_PASTE_END,
    SCREEN_KEY_TAB_NEXT,
    SCREEN_KEY_TAB_PREVIOUS,
};

int screen_signal_fd(void);
enum {
    SCREEN_RESIZED = 1,
    SCREEN_INTERRUPT = 2, /* ^C */
    SCREEN_QUIT = 4,      /* SIGTERM, SIGHUP */
    SCREEN_REDRAW = 8,    /* stopped and continued */
};
/* Takes signals in; suspends on SIGTSTP (returns after SIGCONT). */
unsigned screen_signals(void);
/* Becomes 1 with SIGINT, SIGTERM or SIGHUP; polled by long work. */
const int *screen_interrupt(void);
void screen_interrupt_clear(void);
/* Some such signal came and was not cleared. */
bool screen_interrupted(void);

int screen_rows(void);
int screen_cols(void);

void screen_clear(void);
/* Sends what changed. `whole`: repaint every cell. */
void screen_show(bool whole);
/* The cursor is visible at y, x; y < 0 hides it. */
void screen_cursor(int y, int x);

/* Writes text into at most w cells at y, x and fills the rest of them with spaces; what does not
 * fit ends with an ellipsis. Nothing is written outside the screen. */
void screen_put(int y, int x, int w, int style, const char *text);
void screen_putf(int y, int x, int w, int style, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* Breaks the text into the rectangle's lines; what is left of it ends with an ellipsis. Fills. */
void screen_wrap(struct rect r, int style, const char *text);
/* As screen_put, flush right. */
void screen_put_right(int y, int x, int w, int style, const char *text);
/* Writes and returns the cells used; does not fill. */
int screen_add(int y, int x, int w, int style, const char *text);
void screen_glyph(int y, int x, int style, enum glyph g);
void screen_fill(struct rect r, int style);
void screen_hline(int y, int x, int w, int style);
void screen_vline(int y, int x, int h, int style);
/* Text of the screen, line by line, without trailing spaces. */
void screen_dump(FILE *f);
void screen_bell(void);

/* Next key of the terminal, 0 when there is none now (input.h names keys). */
int screen_key(void);
/* Where the last INPUT_CLICK was. */
void screen_clicked(int *y, int *x);
/* poll() says there is input and there is none: the other side hung up. */
bool screen_gone(void);

#endif
