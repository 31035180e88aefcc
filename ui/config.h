/* What the user has chosen: settings of the workbench (prefs.def), how repairs are made, and keys.
 * A line is
 *     set NAME VALUE              also of a repair: grow, adapt, multiple
 *     bind KEY ACTION [ARG]       a key as input.h names it; the rest is as behind ':'
 *     unbind KEY                  it means nothing any more
 * or a comment that begins with #; the same words are understood on the ':' line. */
#ifndef UI_CONFIG_H
#define UI_CONFIG_H

#include "session/session.h"
#include "ui/actions.h"

enum pref {
#define PREF(id, ...) PREF_##id,
#include "ui/prefs.def"
#undef PREF
    PREF_COUNT
};

struct pref_info {
    const char *name, *values, *usual, *help; /* values: parted by blanks */
};
const struct pref_info *pref_info(enum pref p);
/* PREF_COUNT when there is none of this name. */
enum pref pref_find(const char *name);
/* Value i of them, into buf (40 bytes are enough), returned; NULL behind the last. */
const char *pref_value(enum pref p, int i, char *buf, size_t size);

struct binding {
    int key;
    char *line;         /* "" for a key that means nothing */
    enum action action; /* that it begins with; ACTION_NONE: a word of the session's language */
};

struct config {
    int pref[PREF_COUNT]; /* which of the values */
    VEC(struct binding) binding;
    struct session_repair repair; /* as sessions begin */
};

/* Everything as usual. */
void config_init(struct config *c);
void config_done(struct config *c);
/* ST_USAGE, and nothing is changed: it is not understood. */
enum status config_line(struct config *c, const char *line, struct err *err);
/* All lines of a text. Those that are wrong are left out; returns how many they are, the first one
 * in *first, with its number. */
int config_text(struct config *c, const char *text, struct err *first);
/* All lines of a file. ST_IO: it cannot be read; ST_USAGE: lines of it were left out. */
enum status config_read(struct config *c, const char *path, struct err *err);

/* What the user bound a key to, of use in this view; NULL: nothing, it is as the table has it. */
const struct binding *config_binding(const struct config *c, enum view_id view, int key);
/* What a key means in a view; ACTION_NONE: no action. */
enum action config_action(const struct config *c, enum view_id view, int key);
/* The keys that mean an action without an argument in a view, parted by blanks, added to `out`. */
void config_keys(const struct config *c, enum action a, enum view_id view, struct str *out);
/* The manual page's part on settings. */
void config_man(struct str *out);

#endif
