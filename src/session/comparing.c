#include "session/comparing.h"
#include "session/session_priv.h"

#include "base/file.h"

#include <stdlib.h>

void comparing_free(struct comparing *w)
{
    if (!w)
        return;
    comparison_done(&w->c);
    free(w->model);
    for (int k = 0; k < 2; k++) {
        free(w->title[k]);
        free(w->name[k]);
        free(w->note[k]);
    }
    free(w->path);
    free(w);
}

/* ---- on the worker ---- */

/* That Graphviz gives up is told in the place of the drawings. */
static enum status write_page(const struct comparing *w, const int *cancel, struct err *err)
{
    struct dot_layout l[2] = {0};
    struct err why = {0};
    struct str page = {0};
    const struct graph *const g[2] = {w->c.g[0], w->c.g[1]};
    bool *const all[2] = {NULL, NULL};
    struct comparison_said said[2];
    enum status st = dot_layout_pair_init(l, g, w->c.diff.to_b, all, 0, cancel, &why);
    if (st != ST_OK && st != ST_UNSUPPORTED) {
        if (err)
            *err = why;
        return st;
    }
    for (int k = 0; k < 2; k++)
        said[k] = (struct comparison_said){w->title[k], w->name[k], w->note[k]};
    comparison_page(&w->c, &w->costs, st == ST_OK ? l : NULL, why.msg, w->model, said, &page);
    st = file_write(w->path, str_text(&page), page.n, err);
    str_done(&page);
    for (int k = 0; k < 2; k++)
        dot_layout_done(&l[k]);
    return st;
}

enum status comparing_run(struct comparing *w, const int *cancel, struct err *err)
{
    if (!w->path || str_ends(w->path, ".html"))
        comparison_measure(&w->c, &w->tools, &w->costs);
    if (!w->path)
        return ST_OK;
    return str_ends(w->path, ".html")
               ? write_page(w, cancel, err)
               : session_export_diff(w->c.g[0], w->c.g[1], w->c.n_same, w->path, err);
}

/* ---- on the session's thread ---- */

static struct comparing *comparing_new(struct session *s, const struct comparison *c)
{
    struct comparing *w = x_calloc(1, sizeof *w);
    session_need_vocab(s, NULL); /* without, there are no estimates of whole networks */
    comparison_init(&w->c, c->g[0], c->g[1], c->n_same);
    w->tools = (struct comparison_tools){
        .pred = scoring_model(s), .vocab = s->vocab, .npu = session_npu(s), .threads = s->threads};
    w->model = x_strdup(session_spec(s));
    return w;
}

enum status session_compare_check(const char *path, struct err *err)
{
    static const char *const known[] = {".html", ".svg", ".png", ".pdf", ".dot"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (str_ends(path, known[i]))
            return ST_OK;
    err_set(err, ST_USAGE, "the suffix must be one of .html .svg .png .pdf .dot");
    return err_in_file(err, path), ST_USAGE;
}

static struct comparing *writing(struct session *s, const struct comparison *c,
                                 const struct comparison_said said[2], const char *path)
{
    struct comparing *w = comparing_new(s, c);
    for (int k = 0; k < 2; k++) {
        w->title[k] = x_strdup(said[k].title);
        w->name[k] = x_strdup(said[k].name);
        w->note[k] = x_strdup(said[k].note);
    }
    w->path = x_strdup(path);
    return w;
}

static void submit(struct session *s, struct comparing *w)
{
    struct job *j = job_new(JOB_COMPARE, w->c.g[0]);
    j->tag = w->path ? TAG_WRITE : TAG_COMPARE;
    j->comparing = w;
    j->path = w->path ? x_strdup(w->path) : NULL;
    pool_submit(s->pool, j);
}

void session_compare(struct session *s, const struct comparison *c)
{
    comparing_drop(s);
    submit(s, comparing_new(s, c));
}

const struct comparison_costs *session_compared(const struct session *s, const struct comparison *c)
{
    const struct comparing *w = s->compared ? s->compared->comparing : NULL;
    return w && w->c.g[0] == c->g[0] && w->c.g[1] == c->g[1] ? &w->costs : NULL;
}

enum status session_compare_later(struct session *s, const struct comparison *c,
                                  const struct comparison_said said[2], const char *path,
                                  struct err *err)
{
    TRY(session_may_write(s, err));
    TRY(session_compare_check(path, err));
    submit(s, writing(s, c, said, path));
    return ST_OK;
}

enum status session_compare_now(struct session *s, const struct comparison *c,
                                const struct comparison_said said[2], const char *path,
                                struct err *err)
{
    TRY(session_may_write(s, err));
    TRY(session_compare_check(path, err));
    struct comparing *w = writing(s, c, said, path);
    enum status st = comparing_run(w, s->opts.interrupt, err);
    comparing_free(w);
    return st;
}

void session_measure(struct session *s, const struct comparison *c, struct comparison_costs *out)
{
    struct comparing *w = comparing_new(s, c);
    comparison_measure(c, &w->tools, out);
    comparing_free(w);
}

void comparing_take(struct session *s, struct job *j, unsigned *changed)
{
    job_free(s->compared);
    s->compared = j;
    *changed |= SESSION_CHANGED_COMPARED;
}

void comparing_drop(struct session *s)
{
    pool_cancel(s->pool, TAG_COMPARE);
    job_free(s->compared);
    s->compared = NULL;
}
