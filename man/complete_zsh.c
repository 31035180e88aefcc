#include "man/complete.h"

#include <stdio.h>

/* Quoted, with backslashes before the characters of `special`. */
static void quote(struct str *out, const char *s, const char *special)
{
    struct str text = {0};
    for (; *s; s++) {
        if (strchr(special, *s))
            str_add_char(&text, '\\');
        str_add_char(&text, *s);
    }
    complete_quote(out, str_text(&text), "'\\''");
    str_done(&text);
}

/* A row of _describe: 'word:help'. */
static void add_row(struct str *out, const char *word, const char *help)
{
    struct str text = {0};
    for (; *word; word++)
        str_addf(&text, "%s%c", *word == ':' ? "\\" : "", *word);
    if (help)
        str_addf(&text, ":%s", help);
    str_add(out, "  ");
    quote(out, str_text(&text), "");
    str_add_char(out, '\n');
    str_done(&text);
}

static void add_commands(struct str *out)
{
    const struct cli_command *k;
    str_add(out, "commands=(\n");
    for (int i = 0; (k = cli_command_at(i)); i++)
        add_row(out, k->name, k->help);
    str_add(out, ")\n");
}

static void add_list(struct str *out, const struct complete_list *l)
{
    static const char *const more[MORE_KINDS] = {
        [MORE_FILES] = "  _files && ret=0\n", [MORE_FOLDERS] = "  _files -/ && ret=0\n"};
    str_addf(out, "_autogo_%s() {\n  local -a list\n  local ret=1\n  list=(\n", l->name);
    for (size_t i = 0; i < l->n; i++)
        add_row(out, l->at[i].text, l->at[i].help);
    str_add(out, "  )\n");
    if (l->more == MORE_RECORDS)
        str_add(out, "  list=(${(f)\"$(" COMPLETE_RECORDS ")\"})\n");
    if (l->commas)
        str_addf(out, "  _sequence compadd - $list && ret=0\n");
    else if (l->n || l->more == MORE_RECORDS)
        str_addf(out, "  _describe -t %s %s list && ret=0\n", l->name, l->name);
    str_addf(out, "%s  return ret\n}\n", more[l->more] ? more[l->more] : "");
}

static void add_lists(struct str *out)
{
    for (size_t i = 0; i < complete.n_list; i++) {
        if (i)
            str_add_char(out, '\n');
        add_list(out, complete.list[i]);
    }
}

/* A specification of _arguments begun with `head`: 'HEAD[help]:VALUE:_autogo_LIST'. */
static void add_spec(struct str *out, const char *head, const char *help, const char *value,
                     const struct complete_list *l)
{
    struct str text = {0};
    str_add(&text, head);
    if (help) {
        str_add_char(&text, '[');
        for (; *help; help++)
            str_addf(&text, "%s%c", strchr("[]:", *help) ? "\\" : "", *help);
        str_add_char(&text, ']');
    }
    if (value) {
        str_add_char(&text, ':');
        for (; *value; value++)
            str_addf(&text, "%s%c", *value == ':' ? "\\" : "", *value);
        str_addf(&text, ":%s%s", l ? "_autogo_" : " ", l ? l->name : "");
    }
    quote(out, str_text(&text), "");
    str_done(&text);
}

static void add_option(struct str *out, const struct cli_option *o)
{
    const char *name[] = {o->name, o->alias};
    bool again = strstr(o->help, "(repeatable)") != NULL;
    for (int i = 0; i < 2 && name[i]; i++) {
        struct str head = {0};
        if (again)
            str_add_char(&head, '*');
        else
            str_addf(&head, "(%s%s%s)", o->name, o->alias ? " " : "", o->alias ? o->alias : "");
        str_addf(&head, "%s%s", name[i], o->value && name[i][1] == '-' ? "=" : "");
        str_add(out, "    ");
        add_spec(out, str_text(&head), o->help, o->value, complete_of_option(o));
        str_add(out, " \\\n");
        str_done(&head);
    }
}

/* The arguments of a command without verbs, or its verb and then a state. */
static void add_arguments(struct str *out, const struct cli_command *k)
{
    for (size_t i = 0; i < complete.n_place; i++) {
        const struct complete_place *p = &complete.place[i];
        char head[16] = "*";
        if (p->command != k || p->verb)
            continue;
        if (!p->rest)
            snprintf(head, sizeof head, "%d", p->at);
        str_add(out, "    ");
        add_spec(out, head, NULL, p->what, complete_of_place(p));
        str_add(out, " \\\n");
    }
    if (complete_has_verbs(k))
        str_add(out, "    '*: :->rest' \\\n");
}

static void add_verbs(struct str *out, const struct cli_command *k)
{
    str_add(out, "  [[ $state = rest ]] && case $line[1] in\n");
    for (size_t i = 0; i < complete.n_place; i++) {
        const struct complete_place *p = &complete.place[i];
        const struct complete_list *l = complete_of_place(p);
        if (p->command == k && p->verb && l)
            str_addf(out, "    %s) _autogo_%s && ret=0 ;;\n", p->verb, l->name);
    }
    str_add(out, "  esac\n");
}

static void add_functions(struct str *out)
{
    const struct cli_command *k;
    const struct cli_option *o;
    for (int i = 0; (k = cli_command_at(i)); i++) {
        str_addf(out, "%s_autogo_command_%s() {\n  local ret=1\n  _arguments -C : \\\n",
                 i ? "\n" : "", k->name);
        for (int x = 0; (o = complete_option_at(k, x)); x++)
            add_option(out, o);
        add_arguments(out, k);
        str_add(out, "    && ret=0\n");
        if (complete_has_verbs(k))
            add_verbs(out, k);
        str_add(out, "  return ret\n}\n");
    }
}

const struct fill_part complete_zsh[] = {
    {"@COMMANDS@", add_commands},
    {"@LISTS@", add_lists},
    {"@FUNCTIONS@", add_functions},
    {NULL, NULL},
};
