/* Keys and commands, made from actions.def and the session's command list. */
#include "ui/view.h"

#include "base/vec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct line {
    char *keys, *command, *text;
    bool head;
};

struct help {
    struct list list;
    const struct config *config;
    VEC(struct line) line;
};

static const struct list_column columns[] = {
    {"keys", 14, .right = false},
    {"command", 20, .right = false},
    {"what it does", 20, .flex = true},
};

static int rows(void *ctx)
{
    struct help *v = ctx;
    return (int)v->line.n;
}

static void cell(void *ctx, int row, int col, char *buf, size_t size)
{
    struct help *v = ctx;
    const struct line *l = &v->line.at[row];
    snprintf(buf, size, "%s", col == 0 ? l->keys : col == 1 ? l->command : l->text);
}

static int style(void *ctx, int row, int col)
{
    struct help *v = ctx;
    if (v->line.at[row].head)
        return STYLE_HEAD;
    return col == 0 ? STYLE_BOLD : col == 1 ? STYLE_DIM : STYLE_TEXT;
}

static const struct list_source source = {rows, cell, NULL, style, NULL};

static void add(struct help *v, bool head, const char *keys, const char *command, const char *args,
                const char *text)
{
    char *c = *command ? x_asprintf(":%s%s%s", command, *args ? " " : "", args) : x_strdup("");
    vec_push(&v->line, (struct line){x_strdup(keys), c, x_strdup(text), head});
}

static void head(struct help *v, const char *text)
{
    if (v->line.n)
        add(v, false, "", "", "", "");
    add(v, true, text, "", "", "");
}

static bool everywhere(const struct action_info *i)
{
    return i->views == (1u << VIEW_COUNT) - 1;
}

/* Its keys as they are bound. */
static void add_action(struct help *v, enum action a, enum view_id view)
{
    const struct action_info *i = action_info(a);
    struct str keys = {0};
    config_keys(v->config, a, view, &keys);
    add(v, false, str_text(&keys), i->command, i->args, i->help);
    str_done(&keys);
}

/* Keys of the user that do more than one action of the table. */
static void add_bindings(struct help *v)
{
    bool any = false;
    for (size_t i = 0; i < v->config->binding.n; i++) {
        const struct binding *b = &v->config->binding.at[i];
        char key[16];
        if (b->action != ACTION_NONE && strcmp(b->line, action_info(b->action)->command) == 0)
            continue;
        if (!any)
            head(v, "Your keys");
        any = true;
        add(v, false, input_name(b->key, key, sizeof key), b->line, "",
            !*b->line                  ? "nothing"
            : b->action == ACTION_NONE ? "a command"
                                       : action_info(b->action)->help);
    }
}

static void add_actions(struct help *v, enum view_id view)
{
    char title[48];
    snprintf(title, sizeof title, "In %s", view_title(view));
    bool any = false;
    for (int a = 1; a < ACTION_COUNT; a++) {
        const struct action_info *i = action_info((enum action)a);
        if (everywhere(i) || !(i->views >> view & 1))
            continue;
        if (!any)
            head(v, title);
        any = true;
        add_action(v, (enum action)a, view);
    }
}

static enum status help_open(struct ui *ui, void *self, struct err *err)
{
    struct help *v = self;
    (void)err;
    v->config = ui_config(ui);
    list_init(&v->list, columns, 3, &source, v);
    /* This view is not on the stack yet: the one on top is the one help was asked in. */
    enum view_id here = ui_top(ui);
    add_bindings(v);
    add_actions(v, here);
    head(v, "Everywhere");
    for (int a = 1; a < ACTION_COUNT; a++)
        if (everywhere(action_info((enum action)a)))
            add_action(v, (enum action)a, here);
    int n;
    const struct session_word *w = session_words(&n);
    head(v, "Commands");
    for (int i = 0; i < n; i++)
        if (action_for_command(w[i].name) == ACTION_NONE || *w[i].args)
            add(v, false, "", w[i].name, w[i].args, w[i].help);
    for (int view = 0; view < VIEW_COUNT; view++)
        if (view != (int)here)
            add_actions(v, (enum view_id)view);
    list_refresh(&v->list);
    return ST_OK;
}

static void help_draw(struct ui *ui, void *self, struct rect r)
{
    struct help *v = self;
    (void)ui;
    list_draw(&v->list, (struct rect){r.y, r.x + 1, r.h - 2, r.w - 1});
    int row = list_row(&v->list);
    if (row >= 0)
        screen_put(r.y + r.h - 1, r.x + 1, r.w - 1, STYLE_DIM, v->line.at[row].text);
}

static bool help_action(struct ui *ui, void *self, enum action a, const char *arg)
{
    (void)ui;
    (void)self;
    (void)arg;
    return a == ACTION_ENTER || a == ACTION_HELP;
}

static void help_close(struct ui *ui, void *self)
{
    struct help *v = self;
    (void)ui;
    for (size_t i = 0; i < v->line.n; i++) {
        free(v->line.at[i].keys);
        free(v->line.at[i].command);
        free(v->line.at[i].text);
    }
    vec_done(&v->line);
    list_done(&v->list);
}

static struct list *help_list(void *self)
{
    struct help *v = self;
    return &v->list;
}

const struct view_ops view_help = {
    .size = sizeof(struct help),
    .open = help_open,
    .draw = help_draw,
    .action = help_action,
    .close = help_close,
    .list = help_list,
};
