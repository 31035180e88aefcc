/* What a view is, and what the workbench does for its views. Views are pushed on a stack; a view
 * sees the session and this header, never another view. */
#ifndef UI_VIEW_H
#define UI_VIEW_H

#include "session/session.h"
#include "ui/actions.h"
#include "ui/canvas.h"
#include "ui/config.h"
#include "ui/input.h"
#include "ui/list.h"
#include "ui/prompt.h"
#include "ui/screen.h"
#include "ui/text.h"

struct ui;
struct heat_costs;

/* Bits beside SESSION_CHANGED_...: the current version or the model is another one; a setting is.
 */
enum { UI_EDITED = 1 << 16, UI_SET = 1 << 17 };

struct view_ops {
    size_t size; /* of the view's own state, zeroed */
    /* Failing refuses the push. */
    enum status (*open)(struct ui *ui, void *self, struct err *err);
    void (*draw)(struct ui *ui, void *self, struct rect r);
    /* true when the action was this view's; `arg` is what stood after the command, "" for a key. */
    bool (*action)(struct ui *ui, void *self, enum action a, const char *arg);
    /* Keys that are no action (digits); may be NULL. */
    bool (*key)(struct ui *ui, void *self, int key);
    /* SESSION_CHANGED_ and UI_EDITED bits; may be NULL. */
    void (*changed)(struct ui *ui, void *self, unsigned what);
    /* Lines filtered with '/' while typing; NULL: the list's filter. */
    void (*filter)(struct ui *ui, void *self, const char *text);
    void (*close)(struct ui *ui, void *self);
    /* The table that moves, sorting and filters act on; may be NULL. */
    struct list *(*list)(void *self);
};

#define VIEW(id, ops, title) extern const struct view_ops ops;
#include "ui/views.def"
#undef VIEW

/* What the compare view is to show; graphs are referenced. */
struct ui_pair {
    struct graph *a, *b;
    char a_title[64], b_title[64];
    bool candidate; /* b is the preview: it can be applied */
    int version[2]; /* else both are versions */
    int32_t n_same; /* graph_diff_init's */
};

/* What was in hand last, for the view that is opened next to begin with. */
struct ui_place {
    int segment;  /* -1: none */
    int32_t node; /* -1: none */
};
struct ui_place *ui_place(struct ui *ui);
/* What nodes of the current version cost (heat.h). */
struct heat_costs *ui_costs(struct ui *ui);

struct session *ui_session(struct ui *ui);
/* Settings and keys; which of its values a setting has. */
const struct config *ui_config(const struct ui *ui);
int ui_pref(const struct ui *ui, enum pref p);
/* The first key that an action has in a view, as bound; "": none. Into buf, returned. */
const char *ui_first_key(const struct ui *ui, enum action a, enum view_id v, char *buf,
                         size_t size);
void ui_push(struct ui *ui, enum view_id v);
/* Back by one view; at the first one, leaves (after a question when the user wants one). */
void ui_pop(struct ui *ui);
/* Back until view v is on top (or the first view is). */
void ui_pop_to(struct ui *ui, enum view_id v);
bool ui_has_view(const struct ui *ui, enum view_id v);
/* The view on top. */
enum view_id ui_top(const struct ui *ui);

/* The message line; control characters are replaced. */
void ui_say(struct ui *ui, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same line as the batch commands print. */
void ui_fail(struct ui *ui, const struct err *err);
/* A question; `answer` is called with what was said. */
void ui_ask(struct ui *ui, const char *question, void (*answer)(struct ui *ui, bool yes));
/* The ':' line, with text to begin with. */
void ui_prompt(struct ui *ui, const char *text);
/* The same with the beginning of a change to a node: "edit NODE CHANGE". */
void ui_prompt_edit(struct ui *ui, const struct node *node, const char *change);

/* Something was done that the command language has a word for: a line of the script that is being
 * recorded, if one is. */
void ui_did(struct ui *ui, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A node of the shown candidate has a pin now, or (0) none. */
void ui_did_pin(struct ui *ui, int32_t node, int64_t channels);
/* As one word of the command language; into buf, returned. */
const char *ui_quoted(const char *text, char *buf, size_t size);

/* Begins to. */
void ui_open_model(struct ui *ui, const char *spec);
/* In a tab of its own; "": a new tab with the first view. */
void ui_open_tab(struct ui *ui, const char *spec);
/* A model is being opened in the shown tab: no other is to be looked into. */
bool ui_opening(const struct ui *ui);
/* "~/x" as a shell would read it; caller frees. */
char *ui_expand(const char *path);
/* Changes a setting as `set` does. */
void ui_set_pref(struct ui *ui, enum pref p, int value);
/* The folder that was asked for since the last call (caller frees), or NULL. */
char *ui_take_folder(struct ui *ui);
/* Tells all views that the network is another one. */
void ui_edited(struct ui *ui);
/* Applies the preview and goes back to the segments. */
void ui_apply(struct ui *ui);
/* ACTION_GROW, _ADAPT, _MULTIPLE: the value given, or the next one; back to the candidates, which
 * are looked for anew. */
void ui_set_repair(struct ui *ui, enum action a, const char *arg);
/* Writes what was trained (fitting.h), after a question when the file exists. */
void ui_save_trained(struct ui *ui, const char *path);
/* Names of models opened before, newest first (file_xdg STATE recent); at most n. */
int ui_recent(struct ui *ui, const char **out, int n);

/* Lines that do not fit the message line, in a view of their own. Until the next call. */
void ui_show_text(struct ui *ui, const char *text);
const char *ui_text(const struct ui *ui);

/* Takes references; opens the compare view, in place of another one. `version`: two of the history;
 * NULL: b is the preview. */
void ui_compare(struct ui *ui, const struct graph *a, const char *a_title, const struct graph *b,
                const char *b_title, const int *version);
void ui_compare_versions(struct ui *ui, int a, int b);
/* Writes what the compare view shows (session_compare_later), after a question when the file
 * exists.
 */
void ui_save_comparison(struct ui *ui, const char *path);
/* Compares the current version with the preview. */
/* `why`: with what moves its estimate. */
void ui_compare_preview(struct ui *ui, bool why);
const struct ui_pair *ui_pair(const struct ui *ui);

#endif
