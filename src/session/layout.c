/* Layouts in cells, and pictures written in the background. */
#include "session/session_priv.h"

#include <stdlib.h>

static bool *copy_keep(const struct graph *g, const bool *keep)
{
    return keep ? x_memdup(keep, (size_t)graph_n_slots(g) * sizeof *keep) : NULL;
}

static struct job *new_request(struct session *s, enum session_layout_slot slot,
                               const struct graph *g, uint64_t key)
{
    pool_cancel(s->pool, TAG_LAYOUT + (int)slot);
    struct job *j = job_new(JOB_LAYOUT, g);
    j->tag = TAG_LAYOUT + (int)slot;
    j->urgent = true;
    j->slot = (int)slot;
    j->key = key;
    s->layout[slot].making = true;
    s->layout[slot].asked = key;
    return j;
}

void session_request_layout(struct session *s, enum session_layout_slot slot, const struct graph *g,
                            const bool *keep, uint64_t key)
{
    struct job *j = new_request(s, slot, g, key);
    j->keep[0] = copy_keep(g, keep);
    pool_submit(s->pool, j);
}

void session_request_layouts(struct session *s, const struct graph *const g[2], const int32_t *to_b,
                             bool *const keep[2], uint64_t key)
{
    struct job *j = new_request(s, SESSION_LAYOUT_PAIR, g[0], key);
    j->keep[0] = copy_keep(g[0], keep[0]);
    j->keep[1] = copy_keep(g[1], keep[1]);
    j->after = graph_ref(g[1]);
    j->to_b = x_memdup(to_b, (size_t)graph_n_slots(g[0]) * sizeof *to_b);
    pool_submit(s->pool, j);
}

void session_request_groups(struct session *s, enum session_layout_slot slot, const struct graph *g,
                            const struct dot_groups *groups, uint64_t key)
{
    struct job *j = new_request(s, slot, g, key);
    j->n_group = groups->n;
    j->group_of = x_memdup(groups->of, (size_t)graph_n_slots(g) * sizeof *groups->of);
    j->group_label = x_calloc((size_t)groups->n + 1, sizeof *j->group_label);
    for (int i = 0; i < groups->n; i++)
        j->group_label[i] = x_strdup(groups->label[i]);
    pool_submit(s->pool, j);
}

const struct dot_layout *session_layout(const struct session *s, enum session_layout_slot slot,
                                        uint64_t *key, const char **why)
{
    const struct layout *l = &s->layout[slot];
    if (key)
        *key = l->job ? l->job->key : l->asked;
    if (why)
        *why = l->job && !l->job->has_layout && !l->making ? l->job->err.msg : NULL;
    return l->job && l->job->has_layout ? l->job->layout : NULL;
}

void layout_take(struct session *s, struct job *j, unsigned *changed)
{
    struct layout *l = &s->layout[j->slot];
    job_free(l->job);
    l->job = j;
    l->making = false;
    *changed |= SESSION_CHANGED_LAYOUT;
}

void layouts_done(struct session *s)
{
    for (int i = 0; i < SESSION_LAYOUT_COUNT; i++) {
        job_free(s->layout[i].job);
        s->layout[i] = (struct layout){0};
    }
}

enum status session_write(const struct graph *g, const int *segment_of, const char *path,
                          struct err *err)
{
    return model_write(g, segment_of, path, err);
}

enum status session_export(struct session *s, const char *path, struct err *err)
{
    TRY(session_may_write(s, err));
    TRY(session_need_model(s, err));
    return model_write(session_graph(s), session_segment_of(s), path, err);
}

enum status session_export_later(struct session *s, const char *path, struct err *err)
{
    TRY(session_may_write(s, err));
    TRY(session_need_model(s, err));
    TRY(model_check_path(path, err));
    const struct graph *g = session_graph(s);
    struct job *j = job_new(JOB_WRITE, g);
    j->tag = TAG_WRITE;
    j->path = x_strdup(path);
    if (session_segment_of(s))
        j->segment_of =
            x_memdup(session_segment_of(s), (size_t)graph_n_slots(g) * sizeof *j->segment_of);
    pool_submit(s->pool, j);
    return ST_OK;
}

static void diff_text(const struct graph *a, const struct graph *b, int32_t n_same, struct str *out)
{
    struct graph_diff d;
    graph_diff_init(&d, a, b, n_same);
    struct dot_opts opts = {.title = graph_name(b)};
    dot_diff_text(a, b, &d, &opts, out);
    graph_diff_done(&d);
}

enum status session_export_diff(const struct graph *a, const struct graph *b, int32_t n_same,
                                const char *path, struct err *err)
{
    const char *dot = strrchr(path, '.');
    static const char *const known[] = {"dot", "svg", "png", "pdf"};
    bool good = false;
    for (size_t i = 0; dot && i < sizeof known / sizeof *known; i++)
        good |= strcmp(dot + 1, known[i]) == 0;
    if (!good) {
        err_set(err, ST_USAGE, "the suffix must be one of .dot .svg .png .pdf");
        return err_in_file(err, path), ST_USAGE;
    }
    struct str text = {0};
    diff_text(a, b, n_same, &text);
    enum status st = dot_render(str_text(&text), dot + 1, path, err);
    if (st != ST_OK)
        err_in_file(err, path);
    str_done(&text);
    return st;
}

enum status session_draw_diff(const struct graph *a, const struct graph *b, int32_t n_same,
                              struct str *out, struct err *err)
{
    struct str text = {0};
    diff_text(a, b, n_same, &text);
    enum status st = dot_render_svg(str_text(&text), out, err);
    str_done(&text);
    return st;
}
