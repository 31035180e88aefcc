/* The first view: the network at hand, those opened before and the zoo; or the files of a folder.
 * What is in the model under the cursor is read on a worker and shown beside the list. */
#include "ui/view.h"

#include "family/family.h"
#include "ui/folder.h"
#include "ui/glance_draw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECENT = 20, PREVIEW_FROM = 76, PREVIEW_LEAST = 34, PREVIEW_MOST = 64 };

struct models {
    struct ui *ui;
    struct list list, file_list;
    const char *recent[RECENT];
    int n_recent, n_zoo;
    bool current, files; /* a model is open; the folder is shown */
    struct folder folder;
};

/* ---- networks ---- */

enum { COL_NAME, COL_FROM, COL_WHAT };

static const struct list_column columns[] = {
    [COL_NAME] = {"model", 22, .flex = true},
    [COL_FROM] = {"from", 8, .right = false},
    [COL_WHAT] = {"what it is", 40, .flex = true, .prio = 1},
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

static const char *base_name(const char *spec)
{
    const char *slash = strncmp(spec, "zoo:", 4) == 0 ? NULL : strrchr(spec, '/');
    return slash ? slash + 1 : spec;
}

static void cell(void *ctx, int row, int col, char *buf, size_t size)
{
    struct models *m = ctx;
    char spec[1024];
    spec_of(m, row, spec, sizeof spec);
    if (col == COL_NAME)
        snprintf(buf, size, "%s", base_name(spec));
    else if (col == COL_FROM)
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

/* ---- files ---- */

enum { FILE_NAME, FILE_SIZE, FILE_CHANGED };

static const struct list_column file_columns[] = {
    [FILE_NAME] = {"file", 16, .flex = true},
    [FILE_SIZE] = {"size", 8, .right = true, .more = true},
    [FILE_CHANGED] = {"changed", 10, .more = true},
};

static int file_rows(void *ctx)
{
    struct models *m = ctx;
    return (int)m->folder.entry.n;
}

static void file_cell(void *ctx, int row, int col, char *buf, size_t size)
{
    struct models *m = ctx;
    const struct folder_entry *e = &m->folder.entry.at[row];
    struct tm tm;
    buf[0] = 0;
    if (col == FILE_NAME)
        snprintf(buf, size, "%s%s", e->name, e->folder ? "/" : "");
    else if (col == FILE_SIZE && !e->folder)
        str_si((double)e->size, buf, size);
    else if (col == FILE_CHANGED && strcmp(e->name, "..") != 0 && localtime_r(&e->changed, &tm))
        strftime(buf, size, "%Y-%m-%d", &tm);
}

static bool file_number(void *ctx, int row, int col, double *out)
{
    struct models *m = ctx;
    const struct folder_entry *e = &m->folder.entry.at[row];
    *out = col == FILE_SIZE ? (double)e->size : (double)e->changed;
    return col != FILE_NAME && !(col == FILE_SIZE && e->folder);
}

static int file_style(void *ctx, int row, int col)
{
    struct models *m = ctx;
    return col != FILE_NAME ? STYLE_DIM : m->folder.entry.at[row].folder ? STYLE_BOLD : STYLE_TEXT;
}

static const struct list_source file_source = {file_rows, file_cell, file_number, file_style, NULL};

/* `from`: the name the cursor goes to, or NULL. */
static void enter_folder(struct models *m, const char *path, const char *from)
{
    struct err err = {0};
    bool hidden = ui_pref(m->ui, PREF_HIDDEN) == 1;
    if (folder_read(&m->folder, path, hidden, &err) != ST_OK) {
        ui_fail(m->ui, &err);
        return;
    }
    m->files = true;
    m->file_list.filter[0] = 0;
    list_refresh(&m->file_list);
    list_go(&m->file_list, 0);
    for (size_t i = 0; from && i < m->folder.entry.n; i++)
        if (strcmp(m->folder.entry.at[i].name, from) == 0)
            list_go(&m->file_list, (int)i);
}

static void show_files(struct models *m, bool on)
{
    if (on && !m->folder.path)
        enter_folder(m, ".", NULL);
    else
        m->files = on;
}

static void go_up(struct models *m)
{
    if (!m->files || !m->folder.path || strcmp(m->folder.path, "/") == 0)
        return;
    char *from = x_strdup(strrchr(m->folder.path, '/') + 1);
    char *up = x_asprintf("%s/..", m->folder.path);
    enter_folder(m, up, from);
    free(up);
    free(from);
}

static void enter_file(struct models *m, int row, bool tab)
{
    char *path = folder_path(&m->folder, row);
    if (strcmp(m->folder.entry.at[row].name, "..") == 0)
        go_up(m);
    else if (m->folder.entry.at[row].folder)
        enter_folder(m, path, NULL);
    else
        (tab ? ui_open_tab : ui_open_model)(m->ui, path);
    free(path);
}

/* Anew, as the setting has it; the cursor stays on its file. */
static void read_again(struct models *m)
{
    int row = list_row(&m->file_list);
    char *name = row >= 0 ? x_strdup(m->folder.entry.at[row].name) : NULL;
    char *path = m->folder.path ? x_strdup(m->folder.path) : NULL;
    bool files = m->files;
    if (path)
        enter_folder(m, path, name);
    m->files = files;
    free(path);
    free(name);
}

/* ---- the view ---- */

static enum status models_open(struct ui *ui, void *self, struct err *err)
{
    struct models *m = self;
    (void)err;
    m->ui = ui;
    list_init(&m->list, columns, 3, &source, m);
    list_init(&m->file_list, file_columns, 3, &file_source, m);
    m->file_list.empty = "no folder and no model is here";
    gather(m);
    return ST_OK;
}

static struct list *models_list(void *self)
{
    struct models *m = self;
    return m->files ? &m->file_list : &m->list;
}

static void draw_open(struct models *m, struct rect r)
{
    struct session *s = ui_session(m->ui);
    const struct session_version *v = session_version(s, session_cursor(s));
    char a[32], b[32];
    screen_put(r.y, r.x, r.w, STYLE_BOLD, base_name(session_spec(s)));
    str_si((double)v->cost.flops, a, sizeof a);
    screen_putf(r.y + 2, r.x, r.w, STYLE_TEXT, "open at version %d of %d", v->id,
                session_n_versions(s) - 1);
    screen_putf(r.y + 3, r.x, r.w, STYLE_TEXT, "%s%sFLOPs, %s params", a, strchr(a, ' ') ? "" : " ",
                str_si((double)v->cost.params, b, sizeof b));
    screen_putf(r.y + 4, r.x, r.w, STYLE_TEXT, "%d nodes", graph_n_nodes(v->graph));
}

static void draw_preview(struct models *m, struct rect r)
{
    struct session *s = ui_session(m->ui);
    int row = list_row(models_list(m));
    if (row < 0 || ui_opening(m->ui) || (m->files && m->folder.entry.at[row].folder)) {
        session_glance_stop(s);
        return;
    }
    if (!m->files && m->current && row == 0) {
        draw_open(m, r);
        return;
    }
    if (m->files) {
        char *path = folder_path(&m->folder, row);
        glance_draw(session_glance(s, path), m->folder.entry.at[row].name, "", r);
        free(path);
        return;
    }
    char spec[1024];
    spec_of(m, row, spec, sizeof spec);
    const char *name = base_name(spec), *about = zoo_summary(spec);
    glance_draw(session_glance(s, spec), name, strcmp(name, about) == 0 ? "" : about, r);
}

static void models_draw(struct ui *ui, void *self, struct rect r)
{
    struct models *m = self;
    char *folder = ui_take_folder(ui), key[16];
    if (folder)
        enter_folder(m, folder, NULL);
    free(folder);
    ui_first_key(ui, ACTION_TOGGLE, VIEW_MODELS, key, sizeof key);
    if (m->files)
        screen_putf(r.y, r.x, r.w, STYLE_DIM, " %s  (%s: networks)", m->folder.path, key);
    else
        screen_putf(r.y, r.x, r.w, STYLE_DIM,
                    " Choose a network or a file (%s), or type :open FILE.onnx, nb201:...", key);
    struct rect list = {r.y + 2, r.x + 1, r.h - 2, r.w - 1};
    if (r.w >= PREVIEW_FROM) {
        int w = r.w * 45 / 100;
        w = w < PREVIEW_LEAST ? PREVIEW_LEAST : w > PREVIEW_MOST ? PREVIEW_MOST : w;
        list.w -= w + 2;
        screen_vline(list.y, list.x + list.w, list.h, STYLE_EDGE);
        draw_preview(m, (struct rect){list.y, list.x + list.w + 2, list.h, w - 1});
    }
    list_draw(models_list(m), list);
}

static void open_row(struct models *m, int row, bool tab)
{
    char spec[1024];
    spec_of(m, row, spec, sizeof spec);
    if (m->current && row == 0)
        ui_push(m->ui, VIEW_SEGMENTS);
    else
        (tab ? ui_open_tab : ui_open_model)(m->ui, spec);
}

static bool models_action(struct ui *ui, void *self, enum action a, const char *arg)
{
    struct models *m = self;
    int row = list_row(models_list(m));
    (void)arg;
    switch (a) {
    case ACTION_ENTER:
    case ACTION_TAB_ROW:
        if (row >= 0 && m->files)
            enter_file(m, row, a == ACTION_TAB_ROW);
        else if (row >= 0)
            open_row(m, row, a == ACTION_TAB_ROW);
        return true;
    case ACTION_BACK: /* a filter goes first */
        if (!m->files || m->file_list.filter[0])
            return false;
        m->files = false;
        return true;
    case ACTION_TOGGLE:
        show_files(m, !m->files);
        return true;
    case ACTION_PARENT:
        go_up(m);
        return true;
    case ACTION_HIDDEN:
        ui_set_pref(ui, PREF_HIDDEN, !ui_pref(ui, PREF_HIDDEN));
        ui_say(ui, "hidden files are %s", ui_pref(ui, PREF_HIDDEN) ? "shown" : "not shown");
        return true;
    default:
        return false;
    }
}

static void models_changed(struct ui *ui, void *self, unsigned what)
{
    (void)ui;
    if (what & UI_EDITED)
        gather(self);
    if (what & UI_SET)
        read_again(self);
}

static void models_close(struct ui *ui, void *self)
{
    struct models *m = self;
    (void)ui;
    list_done(&m->list);
    list_done(&m->file_list);
    folder_done(&m->folder);
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
