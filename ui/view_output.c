/* What a command had to say, when it is more than a line. */
#include "ui/view.h"

#include "base/vec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct output {
    struct list list;
    char *text;
    VEC(const char *) line; /* in text */
};

static const struct list_column columns[] = {{"", 20, .flex = true}};

static int rows(void *ctx)
{
    struct output *v = ctx;
    return (int)v->line.n;
}

static void cell(void *ctx, int row, int col, char *buf, size_t size)
{
    struct output *v = ctx;
    (void)col;
    snprintf(buf, size, "%s", v->line.at[row]);
}

static const struct list_source source = {rows, cell, NULL, NULL, NULL};

static enum status output_open(struct ui *ui, void *self, struct err *err)
{
    struct output *v = self;
    (void)err;
    v->text = x_strdup(ui_text(ui));
    for (char *p = v->text; *p;) {
        vec_push(&v->line, p);
        p += strcspn(p, "\n");
        if (*p)
            *p++ = 0;
    }
    list_init(&v->list, columns, 1, &source, v);
    list_refresh(&v->list);
    return ST_OK;
}

static void output_draw(struct ui *ui, void *self, struct rect r)
{
    struct output *v = self;
    (void)ui;
    list_draw(&v->list, (struct rect){r.y, r.x + 1, r.h, r.w - 1});
}

static bool output_action(struct ui *ui, void *self, enum action a, const char *arg)
{
    (void)ui;
    (void)self;
    (void)arg;
    return a == ACTION_ENTER;
}

static void output_close(struct ui *ui, void *self)
{
    struct output *v = self;
    (void)ui;
    free(v->text);
    vec_done(&v->line);
    list_done(&v->list);
}

static struct list *output_list(void *self)
{
    struct output *v = self;
    return &v->list;
}

const struct view_ops view_output = {
    .size = sizeof(struct output),
    .open = output_open,
    .draw = output_draw,
    .action = output_action,
    .close = output_close,
    .list = output_list,
};
