/* The workbench's own state; only ui.c, frame.c and commands.c look inside. */
#ifndef UI_UI_PRIV_H
#define UI_UI_PRIV_H

#include "ui/heat.h"
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
    struct recording *recording; /* record.c, or NULL */
    struct play *play;           /* play.c, or NULL */
    struct ui_pair pair;
    struct ui_place place;
    struct heat_costs costs;
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
/* A line of the session's language; the views follow it. */
enum status command_line(struct ui *ui, const char *line, struct err *err);
/* Opens a model. `ask`: whether to go on with an earlier session of it, else that is set aside. */
enum status command_open(struct ui *ui, const char *spec, bool ask, struct err *err);
void command_action(struct ui *ui, enum action a, const char *arg);
void command_complete(void *ctx, const char *text, struct prompt_words *out);
void command_filter(struct ui *ui, const char *text);
void command_undo(struct ui *ui, bool redo);

/* record.c (ui_did is in view.h) */
void record_begin(struct ui *ui, const char *path);
void record_end(struct ui *ui);
void record_done(struct ui *ui);
/* Versions that came since, as commands that make them again. */
void record_versions(struct ui *ui);
/* What is to be recorded of a line that is about to run; NULL: nothing. Caller frees. */
char *record_line(struct ui *ui, const char *line);

/* play.c */
void play_begin(struct ui *ui, const char *path);
void play_done(struct ui *ui);
/* Something that ended in the background went wrong. */
void play_trouble(struct ui *ui, const char *notice);
/* It is under way, and waits for no key. */
bool play_runs(const struct ui *ui);
/* The next step can be done now. */
bool play_is_ready(const struct ui *ui);
void play_step(struct ui *ui);
/* true: the key was for it. */
bool play_key(struct ui *ui, int key);
/* Rows that its panel takes of the h of a view; 0: none. */
int play_rows(const struct ui *ui, int h, int w);
void play_draw(const struct ui *ui, struct rect r);
void play_draw_keys(const struct ui *ui, int y, int w);

/* recent.c: models opened before, kept in a file of one name a line */
void recent_load(struct ui *ui);
void recent_add(struct ui *ui, const char *spec);
void recent_done(struct ui *ui);

#endif
