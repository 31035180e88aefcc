#include "man/complete.h"

#include "exec/train.h"
#include "family/family.h"
#include "graph/op.h"
#include "pred/pred.h"
#include "search/search.h"

struct complete complete;

/* ---- words ---- */

static void add(struct complete_list *l, char *text, const char *help)
{
    vec_push(l, (struct complete_word){text, help});
}

static void add_zoo(struct complete_list *l, const char *prefix)
{
    const struct family_zoo *z;
    for (int i = 0; (z = family_zoo_at(i)); i++)
        add(l, x_asprintf("%s%s", prefix, z->name), z->summary);
}

static void models(struct complete_list *l)
{
    add_zoo(l, "zoo:");
}

static void families(struct complete_list *l)
{
    const char *name;
    for (int i = 0; (name = family_name_at(i)); i++)
        add(l, x_strdup(name), "a family of architectures");
}

/* As autogo label names its tables, and so predictors that have learnt them. */
static void tables(struct complete_list *l)
{
    const char *name;
    for (int i = 0; (name = family_name_at(i)); i++)
        add(l, x_asprintf("%s@s", name), "a family's labels");
}

static void networks(struct complete_list *l)
{
    add_zoo(l, "");
    families(l);
}

static void groups(struct complete_list *l)
{
    add(l, x_strdup("zoo"), "the base networks");
    families(l);
}

static void mined(struct complete_list *l)
{
    const char *name;
    models(l);
    add(l, x_strdup("zoo:*"), "the zoo");
    for (int i = 0; (name = family_name_at(i)); i++) {
        add(l, x_asprintf("%s:sample=", name), "N different networks of a family");
        if (family_count(name) > 0)
            add(l, x_asprintf("%s:*", name), "every network of the family");
    }
}

static void goals(struct complete_list *l)
{
    for (int i = 0; i < SEARCH_GOALS; i++)
        add(l, x_strdup(search_goal_name((enum search_goal)i)), NULL);
}

static void schemes(struct complete_list *l)
{
    for (int i = 0; i < SEARCH_SCHEMES; i++)
        add(l, x_strdup(search_scheme_name((enum search_scheme)i)), NULL);
}

static void sources(struct complete_list *l)
{
    for (int i = 0; i < SEARCH_SOURCES; i++)
        add(l, x_strdup(search_source_name((enum search_source)i)), NULL);
}

static void tasks(struct complete_list *l)
{
    for (int i = 0; i < FIT_TASKS; i++) {
        const struct fit_task_info *t = fit_task_info((enum fit_task)i);
        add(l, x_strdup(t->name), t->help);
    }
}

static void variants(struct complete_list *l)
{
    for (int i = 0; i < PRED_VARIANTS; i++)
        add(l, x_strdup(pred_variant_name((enum pred_variant)i)), NULL);
}

static void stages(struct complete_list *l)
{
    for (int i = 0; cli_dump_stages[i]; i++)
        add(l, x_strdup(cli_dump_stages[i]), NULL);
}

static void operators(struct complete_list *l)
{
    for (int i = 0; i < OP_COUNT; i++)
        if (op_info((enum op)i)->onnx[0])
            add(l, x_strdup(op_info((enum op)i)->onnx), NULL);
}

static void vocabularies(struct complete_list *l)
{
    add(l, x_strdup("canonical"), "the shipped one");
    add(l, x_strdup("reference"), "as the paper has it");
}

static void itself(struct complete_list *l)
{
    add(l, x_strdup("self"), "the segment as it is");
}

/* ---- which of them where ---- */

/* By the name of an option, else by what stands for its value or for an argument. Presets and verbs
 * are filled in below. */
static const struct rule {
    const char *of, *name;
    void (*fill)(struct complete_list *l);
    enum complete_more more;
    bool commas;
} rules[] = {
    {"--objectives", "objectives", goals, MORE_NOTHING, true},
    {"--scheme", "schemes", schemes, MORE_NOTHING, false},
    {"--sources", "sources", sources, MORE_NOTHING, false},
    {"--ops", "operators", operators, MORE_NOTHING, true},
    {"--no-ops", "operators", operators, MORE_NOTHING, true},
    {"--task", "tasks", tasks, MORE_NOTHING, false},
    {"--variant", "variants", variants, MORE_NOTHING, false},
    {"--stage", "stages", stages, MORE_NOTHING, false},
    {"--family", "tables", tables, MORE_NOTHING, false},
    {"--with", "itself", itself, MORE_NOTHING, false},
    {"--preset", "presets", NULL, MORE_FILES, false},
    {"V", "vocabularies", vocabularies, MORE_FILES, false},
    {"GROUP", "groups", groups, MORE_NOTHING, false},
    {"MODEL", "models", models, MORE_FILES, false},
    {"A", "models", models, MORE_FILES, false},
    {"B", "models", models, MORE_FILES, false},
    {"FAMILY", "families", families, MORE_NOTHING, false},
    {"NAME|FAMILY", "networks", networks, MORE_NOTHING, false},
    {"SOURCE", "mined", mined, MORE_FILES, false},
    {"ID", "records", NULL, MORE_RECORDS, false},
    {"FILE", "files", NULL, MORE_FILES, false},
    {"CSV", "files", NULL, MORE_FILES, false},
    {"DB", "files", NULL, MORE_FILES, false},
    {"SVG", "files", NULL, MORE_FILES, false},
    {"SCRIPT", "files", NULL, MORE_FILES, false},
    {"DIR", "folders", NULL, MORE_FOLDERS, false},
};
enum { RULES = sizeof rules / sizeof *rules };

static struct complete_list *find_list(const char *name)
{
    for (size_t i = 0; i < complete.n_list; i++)
        if (strcmp(complete.list[i]->name, name) == 0)
            return complete.list[i];
    return NULL;
}

static struct complete_list *new_list(char *name)
{
    struct complete_list *l = x_calloc(1, sizeof *l);
    l->name = name;
    complete.list = x_reallocarray(complete.list, ++complete.n_list, sizeof *complete.list);
    complete.list[complete.n_list - 1] = l;
    return l;
}

static void make_lists(void)
{
    for (int i = 0; i < RULES; i++) {
        if (find_list(rules[i].name))
            continue;
        struct complete_list *l = new_list(x_strdup(rules[i].name));
        l->more = rules[i].more;
        l->commas = rules[i].commas;
        if (rules[i].fill)
            rules[i].fill(l);
    }
}

static const struct complete_list *list_of(const char *what)
{
    for (int i = 0; i < RULES; i++)
        if (strcmp(rules[i].of, what) == 0)
            return find_list(rules[i].name);
    return NULL;
}

/* The files' names without folder and suffix. */
static void add_presets(char *const *path, int n)
{
    struct complete_list *l = find_list("presets");
    for (int i = 0; i < n; i++) {
        const char *slash = strrchr(path[i], '/'), *name = slash ? slash + 1 : path[i];
        add(l, x_strndup(name, strcspn(name, ".")), NULL);
    }
}

/* ---- arguments ---- */

/* A topic of help that is a verb ("add MODEL"), not what an argument can be ("FAMILY:*"). */
static size_t verb_length(const struct cli_option *topic)
{
    size_t n = strspn(topic->name, "abcdefghijklmnopqrstuvwxyz");
    return topic->name[n] == ' ' || !topic->name[n] ? n : 0;
}

bool complete_has_verbs(const struct cli_command *k)
{
    return k->topics && verb_length(k->topics) > 0;
}

static void add_place(struct complete_place p)
{
    complete.place = x_reallocarray(complete.place, ++complete.n_place, sizeof *complete.place);
    complete.place[complete.n_place - 1] = p;
}

/* The arguments that `form` names until options begin: "A [B]", "SOURCE... -o DB". */
static void add_places(const struct cli_command *k, const char *verb, size_t verb_n,
                       const char *form)
{
    int at = verb ? 2 : 1;
    for (form += strspn(form, " "); *form && *form != '-' && *form != '|'; at++) {
        size_t word = strcspn(form, " "), open = form[0] == '[';
        size_t n = strcspn(form + open, "]. ");
        add_place((struct complete_place){.command = k,
                                          .verb = verb ? x_strndup(verb, verb_n) : NULL,
                                          .at = at,
                                          .rest = memmem(form, word, "...", 3) != NULL,
                                          .what = x_strndup(form + open, n)});
        form += word;
        form += strspn(form, " ");
    }
}

static void add_verbs(const struct cli_command *k)
{
    struct complete_list *l = new_list(x_asprintf("%s_verbs", k->name));
    add_place((struct complete_place){.command = k, .at = 1, .what = x_strdup("VERB")});
    for (const struct cli_option *t = k->topics; t->name; t++) {
        size_t n = verb_length(t);
        add(l, x_strndup(t->name, n), t->help);
        add_places(k, t->name, n, t->name + n);
    }
}

void complete_init(char *const *presets, int n_presets)
{
    const struct cli_command *k;
    make_lists();
    add_presets(presets, n_presets);
    for (int i = 0; (k = cli_command_at(i)); i++)
        if (complete_has_verbs(k))
            add_verbs(k);
        else
            add_places(k, NULL, 0, k->args);
}

void complete_done(void)
{
    for (size_t i = 0; i < complete.n_list; i++) {
        for (size_t w = 0; w < complete.list[i]->n; w++)
            free(complete.list[i]->at[w].text);
        free(complete.list[i]->at);
        free(complete.list[i]->name);
        free(complete.list[i]);
    }
    for (size_t i = 0; i < complete.n_place; i++) {
        free(complete.place[i].verb);
        free(complete.place[i].what);
    }
    free(complete.list);
    free(complete.place);
}

/* ---- asking ---- */

const struct complete_list *complete_of_option(const struct cli_option *o)
{
    const struct complete_list *l = o->value ? list_of(o->name) : NULL;
    return l || !o->value ? l : list_of(o->value);
}

const struct complete_list *complete_of_place(const struct complete_place *p)
{
    if (strcmp(p->what, "VERB") != 0)
        return list_of(p->what);
    char *name = x_asprintf("%s_verbs", p->command->name);
    const struct complete_list *l = find_list(name);
    free(name);
    return l;
}

const struct cli_option *complete_option_at(const struct cli_command *k, int i)
{
    int own = 0;
    while (k->options && k->options[own].name)
        own++;
    const struct cli_option *o = i < own ? &k->options[i] : &cli_common[i - own];
    return o->name ? o : NULL;
}

void complete_add_place(struct str *out, const struct complete_place *p)
{
    str_addf(out, "%s %s%s", p->command->name, p->verb ? p->verb : "", p->verb ? " " : "");
    if (!p->rest)
        str_addf(out, "%d", p->at);
}

void complete_quote(struct str *out, const char *s, const char *quote)
{
    str_add_char(out, '\'');
    for (; *s; s++)
        if (*s == '\'')
            str_add(out, quote);
        else
            str_add_char(out, *s);
    str_add_char(out, '\'');
}
