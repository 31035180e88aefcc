/* report: one page about a finished search. */
#include "base/file.h"
#include "cli/cli_priv.h"
#include "cli/report.h"
#include "search/archive.h"
#include "session/model.h"
#include "session/session.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_DOTS = 5000 };

/* ---- the folder ---- */

/* Without front.json: does a search run there, or has it been stopped? */
static enum status no_front(const char *archive, const char *front, struct err *err)
{
    struct archive *a;
    TRY(archive_look(&a, archive, err));
    archive_close(a);
    return err_set(err, ST_USAGE,
                   "%s: is missing: the search has not ended (autogo search --resume DIR)", front);
}

static enum status check_folder(const char *dir, struct err *err)
{
    struct stat is;
    if (stat(dir, &is) < 0 || !S_ISDIR(is.st_mode))
        return err_set(err, ST_IO, "%.200s: there is no such folder", dir);
    char *archive = x_asprintf("%s/archive.db", dir), *front = x_asprintf("%s/front.json", dir);
    enum status st = ST_OK;
    if (access(archive, F_OK) != 0)
        st =
            err_set(err, ST_USAGE, "%.200s: not the folder of a search: it has no archive.db", dir);
    else if (access(front, F_OK) != 0)
        st = no_front(archive, front, err);
    free(archive);
    free(front);
    return st;
}

static enum status read_history(struct report *r, const char *dir, struct err *err)
{
    struct search_look look = {.base = &r->base,
                               .n_goal = r->n_goal,
                               .last_id = r->last_id,
                               .most_points = MOST_DOTS,
                               .cancel = &cli_interrupted};
    memcpy(look.goal, r->goal, sizeof look.goal);
    char *path = x_asprintf("%s/archive.db", dir);
    enum status st = search_history_init(&r->history, path, &look, err);
    free(path);
    return st;
}

/* ---- links from the page into the folder ---- */

static char *full_path(const char *path)
{
    char full[PATH_MAX];
    return x_strdup(realpath(path, full) ? full : path);
}

static char *folder_of(const char *file)
{
    const char *slash = strrchr(file, '/');
    char *name = slash ? x_strndup(file, (size_t)(slash - file) + 1) : x_strdup(".");
    char *full = full_path(name);
    free(name);
    return full;
}

/* As a link has it. */
static void add_steps(struct str *out, const char *path)
{
    for (; *path; path++)
        if (isalnum((unsigned char)*path) || strchr("/._-~", *path))
            str_add_char(out, *path);
        else
            str_addf(out, "%%%02X", (unsigned char)*path);
    if (out->n && out->s[out->n - 1] != '/')
        str_add_char(out, '/');
}

/* The way from the page's folder to that of the search, so that both may be moved together. */
static char *way(const char *page, const char *dir)
{
    struct str out = {0};
    char *from = folder_of(page), *to = full_path(dir);
    size_t same = 0, n = 0;
    while (from[n] && from[n] == to[n])
        if (from[n++] == '/')
            same = n;
    if ((!from[n] && (!to[n] || to[n] == '/')) || (!to[n] && from[n] == '/'))
        same = n;
    for (const char *s = from + same; *s; s += strspn(s, "/")) {
        size_t step = strcspn(s, "/");
        if (step)
            str_add(&out, "../");
        s += step;
    }
    add_steps(&out, to + same + strspn(to + same, "/"));
    free(from);
    free(to);
    return str_take(&out);
}

/* ---- pictures ---- */

/* That Graphviz gives up on a network is told in the place of its picture. */
static enum status draw(struct report *r, int i, const struct graph *base, const char *dir,
                        struct err *err)
{
    struct graph *g;
    struct err why = {0};
    if (r->front[i].at.id == 0)
        return ST_OK;
    char *path = x_asprintf("%s/%s", dir, r->front[i].file);
    enum status st = model_open(path, NULL, &g, err);
    free(path);
    TRY(st);
    st = session_draw_diff(base, g, 0, &r->picture[i], &why);
    graph_unref(g);
    if (st == ST_UNSUPPORTED)
        r->why_not[i] = x_strdup(why.msg);
    else if (st != ST_OK)
        *err = why;
    return st == ST_UNSUPPORTED ? ST_OK : st;
}

static enum status draw_all(struct cli *c, struct report *r, const char *dir, struct err *err)
{
    struct graph *base;
    int n = r->n_front < REPORT_PICTURES ? r->n_front : REPORT_PICTURES;
    char *path = x_asprintf("%s/base.onnx", dir);
    enum status st = model_open(path, NULL, &base, err);
    free(path);
    TRY(st);
    for (int i = 0; i < n && st == ST_OK; i++) {
        cli_progress(c, i, n, "pictures");
        st = cli_interrupted ? err_set(err, ST_CANCELLED, "interrupted")
                             : draw(r, i, base, dir, err);
    }
    cli_progress_end(c);
    graph_unref(base);
    return st;
}

/* ---- the command ---- */

static void answer(struct cli *c, const struct report *r, const char *path, size_t bytes)
{
    struct json j;
    if (!c->json) {
        str_addf(&c->out, "%s: %d points of the front, %d generations, %zu bytes\n", path,
                 r->n_front, r->history.n_age - 1, bytes);
        return;
    }
    cli_json_begin(c, &j);
    json_kstr(&j, "output", path);
    json_kint(&j, "bytes", (int64_t)bytes);
    json_kint(&j, "points", r->n_front);
    json_kint(&j, "generations", r->history.n_age - 1);
    cli_json_end(c, &j);
}

static enum status write_page(struct cli *c, struct report *r, const char *dir, const char *path,
                              struct err *err)
{
    struct str page = {0};
    TRY(check_folder(dir, err));
    TRY(report_read(r, dir, err));
    TRY(read_history(r, dir, err));
    TRY(file_try(path, err));
    TRY(draw_all(c, r, dir, err));
    r->prefix = way(path, dir);
    report_page(r, &page);
    enum status st = file_write(path, str_text(&page), page.n, err);
    if (st == ST_OK)
        answer(c, r, path, page.n);
    str_done(&page);
    return st;
}

static enum status run_report(struct cli *c, struct err *err)
{
    struct report r = {0};
    const char *dir = c->arg[0], *given = cli_get(c, "--output");
    char *path = given ? x_strdup(given) : x_asprintf("%s/report.html", dir);
    enum status st = write_page(c, &r, dir, path, err);
    report_done(&r);
    free(path);
    return st;
}

static const struct cli_option options[] = {
    {"--output", "-o", "FILE", "the page (DIR/report.html)"},
    {NULL, NULL, NULL, NULL},
};
const struct cli_command cmd_report = {
    .name = "report",
    .args = "DIR",
    .help = "one HTML page about a finished search: front, progress, before and after",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .run = run_report,
};
