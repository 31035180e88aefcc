/* A terminal for tests: runs a program on a pseudo-terminal, types keys, keeps the screen with
 * libvterm, and shows it as text. */
#ifndef TESTS_VT_H
#define TESTS_VT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct vt;

struct vt_opts {
    int rows, cols;
    const char *term;       /* NULL: xterm-256color; "": not set */
    const char *locale;     /* NULL: C.UTF-8 */
    const char *const *env; /* "NAME=value", NULL at the end; may be NULL */
};

/* argv ends with NULL. The environment is made anew; see vt.c. */
struct vt *vt_start(const char *const *argv, const struct vt_opts *opts);
/* Ends the program if it still runs, frees. */
void vt_free(struct vt *v);
pid_t vt_pid(const struct vt *v);

/* Words: key names (Enter Esc Tab Space Up Down Left Right ^R ...) or text typed as it stands. */
void vt_keys(struct vt *v, const char *words);
void vt_type(struct vt *v, const char *text);
void vt_resize(struct vt *v, int rows, int cols);

/* Reads output until none came for `ms`. */
void vt_quiet(struct vt *v, int ms);
/* Reads until the screen shows `text` (30 s at most). */
bool vt_expect(struct vt *v, const char *text);
/* Reads until the top line shows no job. */
void vt_settle(struct vt *v);
/* The screen, lines without trailing spaces; valid until the next call. */
const char *vt_text(struct vt *v);
/* vt_text with times and paths masked. */
const char *vt_masked(struct vt *v);
/* The screen with its colours, as an SVG file; false: it cannot be written. */
bool vt_picture(struct vt *v, const char *path);
/* All bytes that came. */
const char *vt_raw(struct vt *v, size_t *n);
bool vt_alternate(const struct vt *v); /* the alternate screen is shown */
bool vt_cursor(const struct vt *v);    /* the cursor is visible */
/* Line discipline: echo and line-wise input are on. */
bool vt_cooked(const struct vt *v);
/* Waits for the end; the status of waitpid, -1 after 30 s. */
int vt_wait(struct vt *v);

/* Compares with screens/NAME.COLSxROWS.txt of the sources (UPDATE=1 writes it), trying until the
 * screen agrees or 30 s are over. Prints both when they do not. */
bool vt_matches(struct vt *v, const char *name);

#endif
