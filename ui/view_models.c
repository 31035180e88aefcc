/* The first view: the network at hand, those opened before, and the zoo. */
#include "ui/view.h"

#include "family/family.h"

#include <stdio.h>
#include <string.h>

enum { RECENT = 20 };

struct models {
    struct ui *ui;
    struct list list;
    const char *recent[RECENT];
    int n_recent, n_zoo;
    bool current;
};

enum { COL_NAME, COL_FROM, COL_WHAT };

static const struct list_column columns[] = {
    [COL_NAME] = {"model", 22, .right = false},
    [COL_FROM] = {"from", 8, .right = false},
    [COL_WHAT] = {"what it is", 20, .flex = true},
};

static int rows(void *ctx)
{
    struct models *m = ctx;
    return m->current + m->n_recent + m->n_zoo;
}

static const struct family_zoo *zoo_row(const struct models *m, int row)
{
    return family_zoo_at(row - m->current - m->n_recent);
}

static const char *zoo_summary(const char *spec)
{
    const struct family_zoo *z;
    for (int i = 0; strncmp(spec, "zoo:", 4) == 0 && (z = family_zoo_at(i)); i++)
        if (strcmp(z->name, spec + 4) == 0)
            return z->summary;
    return spec;
}

/* The spec a row opens, into buf. */
static void spec_of(const struct models *m, int row, char *buf, size_t size)
{
    if (m->current && row == 0)
        snprintf(buf, size, "%s", session_spec(ui_session(m->ui)));
    else if (row < m->current + m->n_recent)
        snprintf(buf, size, "%s", m->recent[row - m->current]);
    else
        snprintf(buf, size, "zoo:%s", zoo_row(m, row)->name);
}

static void cell(void *ctx, int row, int col, char *buf, size_t size)
{
    struct models *m = ctx;
    char spec[1024];
    spec_of(m, row, spec, sizeof spec);
    if (col == COL_NAME) {
        const char *slash = strncmp(spec, "zoo:", 4) == 0 ? NULL : strrchr(spec, '/');
        snprintf(buf, size, "%s", slash ? slash + 1 : spec);
    } else if (col == COL_FROM)
        snprintf(buf, size, "%s",
                 m->current && row == 0           ? "open"
                 : row < m->current + m->n_recent ? "recent"
                                                  : "zoo");
    else
        snprintf(buf, size, "%s", zoo_summary(spec));
}

static int style(void *ctx, int row, int col)
{
    struct models *m = ctx;
    if (m->current && row == 0)
        return col == COL_FROM ? STYLE_GOOD : STYLE_BOLD;
    return col == COL_NAME ? STYLE_TEXT : STYLE_DIM;
}

static const struct list_source source = {rows, cell, NULL, style, NULL};

static void gather(struct models *m)
{
    m->current = session_is_open(ui_session(m->ui));
    m->n_recent = ui_recent(m->ui, m->recent, RECENT);
    m->n_zoo = 0;
    while (family_zoo_at(m->n_zoo))
        m->n_zoo++;
    list_refresh(&m->list);
}

static enum status models_open(struct ui *ui, void *self, struct err *err)
{
    struct models *m = self;
    (void)err;
    m->ui = ui;
    list_init(&m->list, columns, 3, &source, m);
    gather(m);
    return ST_OK;
}

static void models_draw(struct ui *ui, void *self, struct rect r)
{
    struct models *m = self;
    (void)ui;
    screen_put(r.y, r.x, r.w, STYLE_DIM,
               " Choose a network, or open a file: o (or :open FILE.onnx, nb201:...)");
    list_draw(&m->list, (struct rect){r.y + 2, r.x + 1, r.h - 2, r.w - 1});
}

static bool models_action(struct ui *ui, void *self, enum action a, const char *arg)
{
    struct models *m = self;
    int row = list_row(&m->list);
    char spec[1024];
    (void)arg;
    if (a != ACTION_ENTER || row < 0)
        return a == ACTION_ENTER;
    spec_of(m, row, spec, sizeof spec);
    if (m->current && row == 0)
        ui_push(ui, VIEW_SEGMENTS);
    else
        ui_open_model(ui, spec);
    return true;
}

static void models_changed(struct ui *ui, void *self, unsigned what)
{
    (void)ui;
    if (what & UI_EDITED)
        gather(self);
}

static void models_close(struct ui *ui, void *self)
{
    struct models *m = self;
    (void)ui;
    list_done(&m->list);
}

static struct list *models_list(void *self)
{
    struct models *m = self;
    return &m->list;
}

const struct view_ops view_models = {
    .size = sizeof(struct models),
    .open = models_open,
    .draw = models_draw,
    .action = models_action,
    .changed = models_changed,
    .close = models_close,
    .list = models_list,
};
