/* What views say about a repair beyond its table. */
#ifndef UI_REPAIR_WORDS_H
#define UI_REPAIR_WORDS_H

#include "session/session.h"

/* "repaired", "+2 out" (nodes outside the segment), "+1 adp" (adapters). */
const char *repair_brief(const struct candidate *c, char *buf, size_t size);
/* "outside: conv2 128 -> 96, bn2 128 -> 96; adapters: conv1x1 at output 1"; adds nothing when the
 * repair stays within. `before`: the graph it was made for. */
void repair_add_reach(const struct graph *before, const struct candidate *c, struct str *out);
/* Why there is no repair, the conflict's words when they are known; "" when there is one. */
const char *repair_refusal(const struct session_candidate *c);
/* "grow 4, adapt, x16": the settings that are not the default; "" when none is. */
const char *repair_settings(const struct session_repair *r, char *buf, size_t size);

#endif
