#include "ui/actions.h"

#include "ui/input.h"

#include <stdio.h>
#include <string.h>

#define ON(v) (1u << VIEW_##v)
#define ON_ALL ((1u << VIEW_COUNT) - 1)

static const struct action_info table[ACTION_COUNT] = {
    [ACTION_NONE] = {"NONE", "", "", "", 0, "", ""},
#define ACTION(id, keys, command, args, views, hint, help) \
    [ACTION_##id] = {#id, keys, command, args, views, hint, help},
#include "ui/actions.def"
#undef ACTION
};

static const char *const titles[VIEW_COUNT] = {
#define VIEW(id, ops, title) title,
#include "ui/views.def"
#undef VIEW
};

const struct action_info *action_info(enum action a)
{
    return &table[a];
}

const char *view_title(enum view_id v)
{
    return titles[v];
}

bool action_in_view(enum action a, enum view_id view)
{
    return table[a].views >> view & 1;
}

/* Copies the word at p into buf and returns what follows it, NULL at the end. */
static const char *next_word(const char *p, char *buf, size_t size)
{
    p += strspn(p, " ");
    size_t n = strcspn(p, " ");
    if (n == 0)
        return NULL;
    snprintf(buf, size, "%.*s", (int)n, p);
    return p + n;
}

enum action action_for_key(enum view_id view, int key)
{
    for (int a = 1; a < ACTION_COUNT; a++) {
        if (!action_in_view((enum action)a, view))
            continue;
        char word[16];
        for (const char *p = table[a].keys; (p = next_word(p, word, sizeof word));)
            if (input_from_name(word) == key)
                return (enum action)a;
    }
    return ACTION_NONE;
}

enum action action_for_command(const char *name)
{
    for (int a = 1; a < ACTION_COUNT; a++)
        if (strcmp(table[a].command, name) == 0)
            return (enum action)a;
    return ACTION_NONE;
}

bool action_key_at(enum action a, int i, char *buf, unsigned long size)
{
    const char *p = table[a].keys;
    while ((p = next_word(p, buf, size)) && i-- > 0)
        ;
    return p != NULL;
}

static void roff(struct str *out, const char *s)
{
    for (; *s; s++) {
        if (*s == '\\' || *s == '-')
            str_add_char(out, '\\');
        str_add_char(out, *s);
    }
}

void actions_man(struct str *out)
{
    str_add(out, ".SS Keys and commands\n");
    for (int a = 1; a < ACTION_COUNT; a++) {
        const struct action_info *i = &table[a];
        char word[16];
        bool any = false;
        str_add(out, ".TP\n");
        for (const char *p = i->keys; (p = next_word(p, word, sizeof word)); any = true) {
            str_add(out, any ? ", \\fB" : "\\fB");
            roff(out, word);
            str_add(out, "\\fR");
        }
        str_add(out, any ? ", \\fB:" : "\\fB:");
        roff(out, i->command);
        str_add(out, "\\fR");
        if (*i->args) {
            str_add(out, " \\fI");
            roff(out, i->args);
            str_add(out, "\\fR");
        }
        str_add_char(out, '\n');
        roff(out, i->help);
        if (i->views != ON_ALL) {
            str_add(out, " (");
            bool first = true;
            for (int v = 0; v < VIEW_COUNT; v++)
                if (i->views >> v & 1) {
                    str_addf(out, "%s%s", first ? "" : ", ", titles[v]);
                    first = false;
                }
            str_add(out, ")");
        }
        str_add(out, ".\n");
    }
}
