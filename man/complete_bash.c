#include "man/complete.h"

static void add_commands(struct str *out)
{
    const struct cli_command *k;
    for (int i = 0; (k = cli_command_at(i)); i++)
        str_addf(out, "%s%s", i ? " " : "_autogo_commands='", k->name);
    str_add(out, "'\n");
}

/* The names of a command's options; of those with a value only if `valued`. */
static void add_names(struct str *out, const struct cli_command *k, bool valued)
{
    const struct cli_option *o;
    const char *gap = "";
    for (int i = 0; (o = complete_option_at(k, i)); i++) {
        if (valued && !o->value)
            continue;
        str_addf(out, "%s%s%s%s", gap, o->name, o->alias ? " " : "", o->alias ? o->alias : "");
        gap = " ";
    }
}

static void add_options(struct str *out)
{
    const struct cli_command *k;
    for (int i = 0; (k = cli_command_at(i)); i++) {
        str_addf(out, "    %s)\n        options='", k->name);
        add_names(out, k, false);
        str_add(out, "'\n        valued='");
        add_names(out, k, true);
        str_addf(out, "'\n%s        ;;\n", complete_has_verbs(k) ? "        verbs=yes\n" : "");
    }
}

/* 'info 1' | 'diff 1' ...: the places of a list; returns how many. */
static int add_arguments(struct str *out, const struct complete_list *l)
{
    int n = 0;
    for (size_t i = 0; i < complete.n_place; i++) {
        const struct complete_place *p = &complete.place[i];
        if (complete_of_place(p) != l)
            continue;
        str_add(out, n++ ? " | '" : "'");
        complete_add_place(out, p);
        str_add(out, p->rest ? "'[0-9]*" : "'");
    }
    return n;
}

/* 'npu --preset' | 'npu -p' ..., behind n others. */
static int add_option_values(struct str *out, const struct complete_list *l, int n)
{
    const struct cli_command *k;
    const struct cli_option *o;
    for (int i = 0; (k = cli_command_at(i)); i++)
        for (int x = 0; (o = complete_option_at(k, x)); x++) {
            if (complete_of_option(o) != l)
                continue;
            str_addf(out, "%s'%s %s'", n++ ? " | " : "", k->name, o->name);
            if (o->alias)
                str_addf(out, " | '%s %s'", k->name, o->alias);
        }
    return n;
}

static void add_values(struct str *out)
{
    static const char *const more[MORE_KINDS] = {
        [MORE_FILES] = "files", [MORE_FOLDERS] = "folders", [MORE_RECORDS] = "records"};
    for (size_t i = 0; i < complete.n_list; i++) {
        const struct complete_list *l = complete.list[i];
        str_add(out, "    ");
        add_option_values(out, l, add_arguments(out, l));
        str_add(out, ")\n");
        for (size_t w = 0; w < l->n; w++)
            str_addf(out, "%s %s", w ? "" : "        words+='", l->at[w].text);
        if (l->n)
            str_add(out, "'\n");
        if (more[l->more])
            str_addf(out, "        more=%s\n", more[l->more]);
        str_addf(out, "%s        ;;\n", l->commas ? "        commas=1\n" : "");
    }
}

static void add_records(struct str *out)
{
    str_add(out, "    " COMPLETE_RECORDS);
}

const struct fill_part complete_bash[] = {
    {"@COMMANDS@", add_commands},
    {"@OPTIONS@", add_options},
    {"@VALUES@", add_values},
    {"@RECORDS@", add_records},
    {NULL, NULL},
};
