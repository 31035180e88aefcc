/* The table of actions (actions.def) and how to look things up in it. */
#ifndef UI_ACTIONS_H
#define UI_ACTIONS_H

#include "base/str.h"

enum view_id {
#define VIEW(id, ops, title) VIEW_##id,
#include "ui/views.def"
#undef VIEW
    VIEW_COUNT
};

enum action {
    ACTION_NONE,
#define ACTION(id, ...) ACTION_##id,
#include "ui/actions.def"
#undef ACTION
    ACTION_COUNT
};

struct action_info {
    const char *id, *keys, *command, *args;
    unsigned views; /* bit for each enum view_id */
    const char *hint, *help;
};

const struct action_info *action_info(enum action a);
/* What a key means in a view; ACTION_NONE when nothing. */
enum action action_for_key(enum view_id view, int key);
/* By the name of its command; ACTION_NONE when there is none. */
enum action action_for_command(const char *name);
bool action_in_view(enum action a, enum view_id view);
const char *view_title(enum view_id v);
/* Key i that the table has for the action, by name, into buf; false behind the last. */
bool action_key_at(enum action a, int i, char *buf, unsigned long size);
/* The man page section on keys and commands (mdoc-free roff), generated from the table. */
void actions_man(struct str *out);

#endif
