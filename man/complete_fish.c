#include "man/complete.h"

static void quote(struct str *out, const char *s)
{
    complete_quote(out, s, "\\'");
}

static void add_commands(struct str *out)
{
    const struct cli_command *k;
    str_add(out, "set -g __autogo_commands");
    for (int i = 0; (k = cli_command_at(i)); i++)
        str_addf(out, " %s", k->name);
    str_add(out, "\nset -g __autogo_with_verbs");
    for (int i = 0; (k = cli_command_at(i)); i++)
        if (complete_has_verbs(k))
            str_addf(out, " %s", k->name);
    str_add_char(out, '\n');
}

static void add_valued(struct str *out)
{
    const struct cli_command *k;
    const struct cli_option *o;
    for (int i = 0; (k = cli_command_at(i)); i++) {
        str_addf(out, "        case %s\n            printf '%%s\\n'", k->name);
        for (int x = 0; (o = complete_option_at(k, x)); x++)
            if (o->value)
                str_addf(out, " %s%s%s", o->name, o->alias ? " " : "", o->alias ? o->alias : "");
        str_add_char(out, '\n');
    }
}

static void add_words(struct str *out, const struct complete_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        str_add(out, "    printf '%s\\t%s\\n' ");
        quote(out, l->at[i].text);
        str_add_char(out, ' ');
        quote(out, l->at[i].help ? l->at[i].help : "");
        str_add_char(out, '\n');
    }
}

static void add_lists(struct str *out)
{
    for (size_t i = 0; i < complete.n_list; i++) {
        const struct complete_list *l = complete.list[i];
        str_addf(out, "%sfunction __autogo_%s\n", i ? "\n" : "", l->name);
        add_words(out, l);
        if (l->more == MORE_RECORDS)
            str_add(out, "    " COMPLETE_RECORDS);
        if (l->more == MORE_FOLDERS)
            str_add(out, "    __fish_complete_directories (commandline -ct) ''\n");
        str_add(out, "end\n");
    }
}

/* What a value or an argument can be. */
static void add_choice(struct str *out, const struct complete_list *l)
{
    str_add(out, l && l->more == MORE_FILES ? " -F" : " -f");
    if (l && (l->n || l->more != MORE_FILES))
        str_addf(out, " -a '(%s__autogo_%s)'", l->commas ? "__fish_complete_list , " : "", l->name);
}

static void add_option(struct str *out, const struct cli_command *k, const struct cli_option *o)
{
    const char *name[] = {o->name, o->alias};
    str_addf(out, "complete -c autogo -n '__autogo_command %s'", k->name);
    for (int i = 0; i < 2 && name[i]; i++)
        if (name[i][1] == '-')
            str_addf(out, " -l %s", name[i] + 2);
        else
            str_addf(out, " -s %s", name[i] + 1);
    if (o->value) {
        str_add(out, " -r");
        add_choice(out, complete_of_option(o));
    }
    str_add(out, " -d ");
    quote(out, o->help);
    str_add_char(out, '\n');
}

static void add_place(struct str *out, const struct complete_place *p)
{
    const struct complete_list *l = complete_of_place(p);
    if (!l)
        return;
    str_add(out, "complete -c autogo -n '__autogo_at \"");
    complete_add_place(out, p);
    str_addf(out, "%s\"'", p->rest ? "*" : "");
    add_choice(out, l);
    str_add_char(out, '\n');
}

static void add_completions(struct str *out)
{
    const struct cli_command *k;
    const struct cli_option *o;
    for (int i = 0; (k = cli_command_at(i)); i++) {
        str_addf(out, "complete -c autogo -n __autogo_first -a %s -d ", k->name);
        quote(out, k->help);
        str_add_char(out, '\n');
    }
    for (size_t i = 0; i < complete.n_place; i++)
        add_place(out, &complete.place[i]);
    for (int i = 0; (k = cli_command_at(i)); i++)
        for (int x = 0; (o = complete_option_at(k, x)); x++)
            add_option(out, k, o);
}

const struct fill_part complete_fish[] = {
    {"@COMMANDS@", add_commands},
    {"@VALUED@", add_valued},
    {"@LISTS@", add_lists},
    {"@COMPLETIONS@", add_completions},
    {NULL, NULL},
};
