#include "ui/config.h"

#include "base/file.h"
#include "session/settings.h"
#include "ui/input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FILE_MOST = 1 << 20, LINE_MOST = 500 };

/* ---- the table of settings ---- */

static const struct pref_info table[PREF_COUNT] = {
#define PREF(id, name, values, usual, help) [PREF_##id] = {name, values, usual, help},
#include "ui/prefs.def"
#undef PREF
};

const struct pref_info *pref_info(enum pref p)
{
    return &table[p];
}

enum pref pref_find(const char *name)
{
    int p = 0;
    while (p < PREF_COUNT && strcmp(table[p].name, name) != 0)
        p++;
    return (enum pref)p;
}

/* The word at *p into buf, *p behind it; false: there is none. */
static bool next_word(const char **p, char *buf, size_t size)
{
    *p += strspn(*p, " \t");
    size_t n = strcspn(*p, " \t");
    if (n == 0)
        return false;
    snprintf(buf, size, "%.*s", (int)(n < size ? n : size - 1), *p);
    *p += n;
    return true;
}

const char *pref_value(enum pref p, int i, char *buf, size_t size)
{
    const char *at = table[p].values;
    for (int k = 0; next_word(&at, buf, size); k++)
        if (k == i)
            return buf;
    return NULL;
}

/* -1: it is none of them. */
static int find_value(enum pref p, const char *text)
{
    char value[40];
    for (int i = 0; pref_value(p, i, value, sizeof value); i++)
        if (strcasecmp(value, text) == 0)
            return i;
    return -1;
}

void config_init(struct config *c)
{
    *c = (struct config){0};
    for (int p = 0; p < PREF_COUNT; p++)
        c->pref[p] = find_value((enum pref)p, table[p].usual);
}

void config_done(struct config *c)
{
    for (size_t i = 0; i < c->binding.n; i++)
        free(c->binding.at[i].line);
    vec_done(&c->binding);
}

/* ---- lines ---- */

static enum status set(struct config *c, const char *rest, struct err *err)
{
    char name[64], value[64];
    if (!next_word(&rest, name, sizeof name) || !next_word(&rest, value, sizeof value) ||
        rest[strspn(rest, " \t")])
        return err_set(err, ST_USAGE, "set takes NAME VALUE");
    enum pref p = pref_find(name);
    if (p < PREF_COUNT) {
        int v = find_value(p, value);
        if (v < 0)
            return err_set(err, ST_USAGE, "%s '%.40s' is none of: %s", name, value,
                           table[p].values);
        c->pref[p] = v;
        return ST_OK;
    }
    if (str_starts(name, "max-"))
        return err_set(err, ST_USAGE, "%s is of one network: say it when that is open", name);
    for (int i = 0; i < SETTINGS; i++)
        if (strcmp(settings_name(i), name) == 0)
            return settings_set(&c->repair, name, value, NULL, err);
    return err_set(err, ST_USAGE, "no setting is called '%s'", name);
}

static void put_binding(struct config *c, int key, const char *line, enum action a)
{
    size_t i = 0;
    while (i < c->binding.n && c->binding.at[i].key != key)
        i++;
    if (i == c->binding.n)
        vec_push(&c->binding, (struct binding){.key = key});
    free(c->binding.at[i].line);
    c->binding.at[i].line = x_strdup(line);
    c->binding.at[i].action = a;
}

static enum status bind(struct config *c, bool on, const char *rest, struct err *err)
{
    char name[32], word[64];
    if (!next_word(&rest, name, sizeof name))
        return err_set(err, ST_USAGE, on ? "bind takes KEY ACTION [ARG]" : "unbind takes KEY");
    int key = input_from_name(name);
    if (key == 0 || (key >= INPUT_RESIZE && key <= INPUT_PASTE_END))
        return err_set(err, ST_USAGE, "no key is called '%s'", name);
    rest += strspn(rest, " \t:");
    const char *after = rest;
    bool more = next_word(&after, word, sizeof word);
    if (!on && more)
        return err_set(err, ST_USAGE, "unbind takes KEY");
    if (on && !more)
        return err_set(err, ST_USAGE, "bind takes KEY ACTION [ARG]");
    enum action a = on ? action_for_command(word) : ACTION_NONE;
    if (on && a == ACTION_NONE && !session_is_word(word))
        return err_set(err, ST_USAGE, "no action is called '%s' (? lists them)", word);
    if (after[strspn(after, " \t")] && a != ACTION_NONE && !*action_info(a)->args) {
        if (!session_is_word(word))
            return err_set(err, ST_USAGE, "%s takes no argument", word);
        a = ACTION_NONE;
    }
    put_binding(c, key, rest, a);
    return ST_OK;
}

enum status config_line(struct config *c, const char *line, struct err *err)
{
    char verb[32];
    const char *p = line;
    if (strlen(line) > LINE_MOST)
        return err_set(err, ST_USAGE, "a line of more than %d bytes", LINE_MOST);
    if (!next_word(&p, verb, sizeof verb) || verb[0] == '#')
        return ST_OK;
    if (strcmp(verb, "set") == 0)
        return set(c, p, err);
    if (strcmp(verb, "bind") == 0 || strcmp(verb, "unbind") == 0)
        return bind(c, verb[0] == 'b', p, err);
    return err_set(err, ST_USAGE, "'%s' is none of: set bind unbind", verb);
}

int config_text(struct config *c, const char *text, struct err *first)
{
    int bad = 0;
    for (int n = 1; *text; n++) {
        size_t len = strcspn(text, "\n");
        size_t used = len && text[len - 1] == '\r' ? len - 1 : len;
        char *line = x_strndup(text, used);
        while (used && (line[used - 1] == ' ' || line[used - 1] == '\t'))
            line[--used] = 0;
        struct err err = {0};
        if (config_line(c, line, &err) != ST_OK && bad++ == 0)
            err_set(first, err.code, "line %d: %s", n, err.msg);
        free(line);
        text += len + (text[len] == '\n');
    }
    return bad;
}

enum status config_read(struct config *c, const char *path, struct err *err)
{
    unsigned char *data;
    size_t size;
    struct err first = {0};
    TRY(file_read(path, FILE_MOST, &data, &size, err));
    int bad = config_text(c, (const char *)data, &first);
    free(data);
    if (!bad)
        return ST_OK;
    if (bad > 1)
        err_set(err, first.code, "%s (and %d more)", first.msg, bad - 1);
    else
        err_set(err, first.code, "%s", first.msg);
    return err_in_file(err, path);
}

/* ---- keys ---- */

const struct binding *config_binding(const struct config *c, enum view_id view, int key)
{
    for (size_t i = 0; i < c->binding.n; i++) {
        const struct binding *b = &c->binding.at[i];
        if (b->key == key && (b->action == ACTION_NONE || action_in_view(b->action, view)))
            return b;
    }
    return NULL;
}

enum action config_action(const struct config *c, enum view_id view, int key)
{
    const struct binding *b = config_binding(c, view, key);
    return b ? b->action : action_for_key(view, key);
}

void config_keys(const struct config *c, enum action a, enum view_id view, struct str *out)
{
    char name[16];
    size_t began = out->n;
    for (int i = 0; action_key_at(a, i, name, sizeof name); i++)
        if (!config_binding(c, view, input_from_name(name)))
            str_addf(out, "%s%s", out->n > began ? " " : "", name);
    for (size_t i = 0; i < c->binding.n; i++) {
        const struct binding *b = &c->binding.at[i];
        if (b->action == a && strcmp(b->line, action_info(a)->command) == 0)
            str_addf(out, "%s%s", out->n > began ? " " : "", input_name(b->key, name, sizeof name));
    }
}

void config_man(struct str *out)
{
    for (int p = 0; p < PREF_COUNT; p++) {
        char value[40];
        str_addf(out, ".TP\n.B %s\n", table[p].name);
        for (int i = 0; pref_value((enum pref)p, i, value, sizeof value); i++)
            str_addf(out, "%s%s", i ? ", " : "", value);
        str_addf(out, " (usually %s): %s.\n", table[p].usual, table[p].help);
    }
    for (int i = 0; i < SETTINGS; i++)
        if (!str_starts(settings_name(i), "max-"))
            str_addf(out, ".TP\n.B %s\n(of repairs) %s.\n", settings_name(i), settings_help(i));
}
