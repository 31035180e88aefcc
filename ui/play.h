/* A script that is being played; for play*.c only. */
#ifndef UI_PLAY_H
#define UI_PLAY_H

#include "session/script.h"
#include "ui/ui_priv.h"

enum play_stop { PLAY_RUNS, PLAY_PAUSED, PLAY_ASKS, PLAY_ANSWERED };

struct play {
    struct script script;
    const char *name; /* of the script, without its folders */
    size_t next;      /* step */
    enum play_stop stop;
    int depth;                       /* of the views when it stopped */
    const struct script_step *said;  /* the text in the panel, or NULL */
    const struct script_step *last;  /* command, or NULL */
    const struct script_step *asked; /* the question */
    size_t answer;
    bool missed; /* the question was not answered right at once */
    bool unread; /* the text came after the last stop */
    int commands, stops, questions, right;
};

/* play_words.c: runs a command as `run` would, but what that lists is a view here. */
enum status play_command(struct ui *ui, const char *line, struct err *err);

#endif
