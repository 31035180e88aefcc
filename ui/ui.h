/* The workbench: an ncurses front over session.h. This header is all that main() needs. */
#ifndef UI_UI_H
#define UI_UI_H

#include "base/str.h"
#include "session/session.h"

struct ui_opts {
    const char *model;  /* NULL: begin with the list of models */
    const char *keys;   /* a key script (input.h), or NULL: $AUTOGO_KEYS */
    const char *config; /* a file that must be there, or NULL: file_xdg CONFIG config */
    const char *log;    /* a file (log.h), or NULL */
    /* journal FILE/OFF, seed, threads, ...; `interrupt` is set by the workbench itself */
    struct session_opts session;
};

/* Runs until the user leaves; returns the exit code. */
int ui_main(const struct ui_opts *opts);
/* The man page section on keys and commands, made from actions.def. */
void ui_man(struct str *out);
/* The part on settings, made from prefs.def. */
void ui_man_settings(struct str *out);

#endif
