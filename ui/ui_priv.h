/* The workbench's own state; only ui.c, frame.c and commands.c look inside. */
#ifndef UI_UI_PRIV_H
#define UI_UI_PRIV_H

#include "ui/ui.h"
#include "ui/view.h"

#define UI_DEPTH 12
#define UI_TIMES 1024

struct ui {
    struct session *session;
    struct {
        enum view_id id;
        const struct view_ops *ops;
        void *self;
    } stack[UI_DEPTH];
    int depth;
    struct prompt prompt;
    void (*answer)(struct ui *ui, bool yes);
    char message[512];
    int message_style;
    struct input_script *script;
    bool waits; /* the script, for the jobs */
    bool quit, dirty, repaint;
    struct ui_pair pair;
    char *text;
    char *path; /* to be written */
    VEC(char *) recent;
    /* key to frame, microseconds, a ring */
    unsigned times[UI_TIMES];
    unsigned long n_frames, n_keys;
};

extern const struct view_ops *const ui_views[VIEW_COUNT];

/* ui.c: shows what the session has to tell. */
void ui_notices(struct ui *ui);

/* frame.c */
void frame_draw(struct ui *ui);

/* commands.c */
void command_run(struct ui *ui, const char *line);
void command_action(struct ui *ui, enum action a, const char *arg);
void command_complete(void *ctx, const char *text, struct prompt_words *out);
void command_filter(struct ui *ui, const char *text);
void command_undo(struct ui *ui, bool redo);

/* recent.c: models opened before, kept in a file of one name a line */
void recent_load(struct ui *ui);
void recent_add(struct ui *ui, const char *spec);
void recent_done(struct ui *ui);

#endif
