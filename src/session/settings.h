/* The settings of repairs (struct session_repair) as words: "grow=4 adapt=on max-flops=8000000000".
 * Of the ':' line, of the batch commands and of the journal. */
#ifndef SESSION_SETTINGS_H
#define SESSION_SETTINGS_H

#include "session/session.h"

/* Sets one by its name (grow adapt multiple max-flops max-params). Limits may be like 4.2G, off, or
 * +10% and -20% of what the network `now` costs. ST_USAGE: no such name or value. */
enum status settings_set(struct session_repair *r, const char *name, const char *value,
                         const struct cost *now, struct err *err);
/* The same for one word NAME=VALUE. */
enum status settings_set_word(struct session_repair *r, const char *word, const struct cost *now,
                              struct err *err);
/* Whether the word begins like one of a setting. */
bool settings_is_word(const char *word);
enum status settings_check(const struct session_repair *r, struct err *err);
bool settings_equal(const struct session_repair *a, const struct session_repair *b);
/* " NAME=VALUE" for each that is not the default. */
void settings_add_words(const struct session_repair *r, struct str *out);

/* In the order in which they are listed. */
enum { SETTINGS = 5 };
const char *settings_name(int i);
const char *settings_help(int i);
/* The value as settings_set takes it; caller frees. */
char *settings_value(const struct session_repair *r, int i);

#endif
