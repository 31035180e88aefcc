/* The workbench's own state; only ui.c, frame.c and commands.c look inside. */
#ifndef UI_UI_PRIV_H
#define UI_UI_PRIV_H

#include "ui/config.h"
#include "ui/log.h"
#include "ui/heat.h"
#include "ui/ui.h"
#include "ui/view.h"

#define UI_DEPTH 12
#define UI_TIMES 16384
#define UI_JOB_KINDS 32

/* What :stats tells; seconds. */
struct stats {
    unsigned times[UI_TIMES]; /* key to frame, microseconds, a ring */
    unsigned long n_frames, n_keys;
    double begun, first_frame, opened; /* when; how long the first frame, the last model took */
    struct job_stats {
        const char *kind;
        int n;
        double sum, most;
    } job[UI_JOB_KINDS];
};

#define UI_TABS 16

struct tab {
    struct session *session;
    struct {
        enum view_id id;
        const struct view_ops *ops;
        void *self;
    } stack[UI_DEPTH];
    int depth;
    struct ui_pair pair;
    struct ui_place place;
    struct heat_costs costs;
    char *text; /* of VIEW_OUTPUT */
};

struct ui {
    struct tab *tabs[UI_TABS];
    int n_tabs;
    struct tab *tab;          /* the one that is shown */
    bool hidden;              /* `tab` is another for the moment (tabs_each) */
    struct session_opts opts; /* of new ones */
    struct prompt prompt;
    void (*answer)(struct ui *ui, bool yes);
    char message[512];
    int message_style;
    struct input_script *script;
    bool waits; /* the script, for the jobs */
    bool quit, dirty, repaint;
    struct recording *recording; /* record.c, or NULL */
    struct play *play;           /* play.c, or NULL */
    struct config config;
    bool read_only, opening;
    char *folder; /* that the first view is to show, or NULL */
    struct log log;
    struct stats stats;
    bool pasting;
    struct str pasted;
    char *path; /* to be written */
    VEC(char *) recent;
};

extern const struct view_ops *const ui_views[VIEW_COUNT];

/* ui.c: shows what the session has to tell. */
void ui_notices(struct ui *ui);

/* ui.c: leaves, after a question if the user wants one. */
void ui_quit(struct ui *ui);

/* ui.c: tells all views of something (view.h). */
void ui_tell(struct ui *ui, unsigned what);

/* paste.c: true: the key belongs to what is being pasted. */
bool paste_key(struct ui *ui, int key);

/* tabs.c */
/* One with the first view, which is shown. */
void tab_new(struct ui *ui);
/* From 0. */
int tab_number(const struct ui *ui, const struct tab *t);
/* Closes one; what it was working on is cancelled. The last one leaves none. */
void tab_drop(struct ui *ui, struct tab *t);
/* The shown one, after a question if the user wants one; the last one leaves. */
void tab_close(struct ui *ui);
void tab_step(struct ui *ui, int step);
/* Shows the other tab in which the model is open; false: there is none. */
bool tab_has(struct ui *ui, const char *spec);
/* Edits were made, or something is trained or searched. */
bool tab_unfinished(const struct tab *t);
void tabs_draw(const struct ui *ui, int y, int w);
/* A click on their line; false: it was elsewhere. */
bool tabs_click(struct ui *ui, int y, int x);
/* Calls with each as the shown one, in turn. */
void tabs_each(struct ui *ui, void (*visit)(struct ui *ui, unsigned arg), unsigned arg);
bool tabs_any(const struct ui *ui, bool (*is)(const struct session *s));

/* ui.c: closes all views of the shown tab. */
void ui_drop_views(struct ui *ui);

/* stats.c */
/* A line of the log (log.h). */
void ui_log(struct ui *ui, const char *kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* session_opts.on_job; ctx is the struct ui. */
void stats_job(void *ctx, const char *kind, double seconds, enum status st);
void stats_show(struct ui *ui);

/* setup.c */
/* The configuration; `path` NULL: the usual place. What is wrong in it goes to *trouble, to be told
 * once the screen is there; ST_IO: `path` cannot be read. */
enum status setup_read(struct ui *ui, const char *path, struct err *trouble, struct err *err);
void setup_begin(struct ui *ui, const struct err *trouble);
/* ACTION_SET, _BIND, _UNBIND. */
void setup_line(struct ui *ui, enum action a, const char *arg);
void setup_complete(const char *text, struct prompt_words *out);

/* frame.c */
void frame_draw(struct ui *ui);

/* commands.c */
void command_run(struct ui *ui, const char *line);
/* A line of the session's language; the views follow it. */
enum status command_line(struct ui *ui, const char *line, struct err *err);
/* Opens a model. `ask`: whether to go on with an earlier session of it, else that is set aside. */
enum status command_open(struct ui *ui, const char *spec, bool ask, struct err *err);
/* Asks first when the file exists; ui->path is the path then. */
void command_ask_to_write(struct ui *ui, const char *path,
                          void (*write_it)(struct ui *ui, bool yes));
/* compare.c: the session's `diff`; versions are shown in the compare view. */
enum status command_diff(struct ui *ui, const char *line, struct err *err);
void command_action(struct ui *ui, enum action a, const char *arg);
void command_complete(void *ctx, const char *text, struct prompt_words *out);
void command_filter(struct ui *ui, const char *text);
void command_undo(struct ui *ui, bool redo);

/* record.c (ui_did is in view.h) */
void record_begin(struct ui *ui, const char *path);
void record_end(struct ui *ui);
void record_done(struct ui *ui);
/* What is recorded is of one tab: it ends with that. */
void record_tab_gone(struct ui *ui, const struct tab *t);
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
