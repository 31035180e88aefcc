#include "cli/source.h"

#include "base/file.h"
#include "base/hash.h"
#include "family/family.h"

#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <sys/stat.h>

enum {
    LIST_DEPTH = 4,          /* of lists in lists */
    LIST_BYTES = 64 << 20,   /* a list that is larger is no list */
    DRAWS_PER_NETWORK = 100, /* before a drawn family counts as exhausted */
    MOST_SAMPLES = 100 * 1000 * 1000,
};

static enum status add(struct source_list *s, const char *text, uint64_t seed, int depth,
                       struct err *err);

static void shrink(struct source_list *s, size_t n)
{
    while (s->at.n > n)
        free(s->at.at[--s->at.n]);
}

/* ---- families ---- */

static enum status unknown_family(const char *name, struct err *err)
{
    struct str list = {0};
    const char *f;
    for (int i = 0; (f = family_name_at(i)); i++)
        str_addf(&list, " %s", f);
    enum status st =
        err_set(err, ST_USAGE, "there is no family '%.40s' (zoo%s)", name, str_text(&list));
    str_done(&list);
    return st;
}

static void add_zoo(struct source_list *s)
{
    const struct family_zoo *z;
    for (int i = 0; (z = family_zoo_at(i)); i++)
        vec_push(&s->at, x_asprintf("zoo:%s", z->name));
}

static enum status add_all(struct source_list *s, const char *family, struct err *err)
{
    int64_t n = family_count(family);
    if (strcmp(family, "zoo") == 0)
        return add_zoo(s), ST_OK;
    if (n < 0)
        return unknown_family(family, err);
    if (n == 0)
        return err_set(err, ST_USAGE, "%s has too many networks to take all (%s:sample=1000)",
                       family, family);
    for (int64_t i = 0; i < n; i++)
        vec_push(&s->at, family_string(family, i));
    return ST_OK;
}

/* Samples of a numbered family are different as long as there are any; of the others, what was
 * drawn before is left out. */
static enum status add_samples(struct source_list *s, const char *family, const char *number,
                               uint64_t seed, struct err *err)
{
    int64_t n, count = family_count(family);
    if (strcmp(family, "zoo") == 0)
        return err_set(err, ST_USAGE, "the zoo has no samples (zoo:* is all of it)");
    if (count < 0)
        return unknown_family(family, err);
    if (!str_to_i64(number, 1, MOST_SAMPLES, &n))
        return err_set(err, ST_USAGE, "%s:sample=%.40s: not a number of networks", family, number);
    if (count > 0 && n > count)
        return err_set(err, ST_USAGE, "%s has only %lld networks, not %lld", family,
                       (long long)count, (long long)n);
    struct strmap seen = {0};
    size_t end = s->at.n + (size_t)n;
    for (int64_t i = 0; s->at.n < end && i < n * DRAWS_PER_NETWORK && i < INT32_MAX; i++) {
        char *text = family_sample(family, seed, (int)i);
        if (count > 0 || ++*strmap_put(&seen, text, 0) == 1)
            vec_push(&s->at, text);
        else
            free(text);
    }
    strmap_done(&seen);
    return s->at.n == end ? ST_OK
                          : err_set(err, ST_USAGE, "%s has fewer than %lld different networks",
                                    family, (long long)n);
}

/* ---- files ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_model_name(const char *path)
{
    return str_ends(path, ".onnx") || str_ends(path, ".json");
}

static enum status add_folder(struct source_list *s, const char *dir, struct err *err)
{
    char *top = x_strdup(dir);
    for (size_t n = strlen(top); n > 1 && top[n - 1] == '/'; n--)
        top[n - 1] = '\0';
    char *const roots[] = {top, NULL};
    size_t begin = s->at.n;
    enum status st = ST_OK;
    /* Links to folders are not followed (they may lead back up), links to files are. */
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    FTSENT *e = NULL;
    while (walk && st == ST_OK && (errno = 0, e = fts_read(walk))) {
        struct stat to;
        bool file = e->fts_info == FTS_F ||
                    (e->fts_info == FTS_SL && stat(e->fts_path, &to) == 0 && S_ISREG(to.st_mode));
        if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR || e->fts_info == FTS_NS) {
            st = err_set(err, ST_IO, "cannot read: %s", strerror(e->fts_errno));
            err_in_file(err, e->fts_path);
        } else if (file && is_model_name(e->fts_name))
            vec_push(&s->at, x_strdup(e->fts_path));
    }
    if (st == ST_OK && (!walk || errno))
        st = err_set(err, ST_IO, "cannot read: %s", strerror(errno));
    if (walk)
        fts_close(walk);
    if (st == ST_OK && s->at.n == begin)
        st = err_set(err, ST_USAGE, "there is no .onnx or .json file in this folder");
    if (st != ST_OK)
        err_in_file(err, top);
    else
        qsort(s->at.at + begin, s->at.n - begin, sizeof *s->at.at, by_text);
    free(top);
    return st;
}

/* The error of a line, with its number; an inner list that is named already stays so. */
static enum status at_line(struct err *err, const char *path, int line)
{
    if (err && !err->file[0]) {
        struct err inner = *err;
        err_set(err, inner.code, "line %d: %.230s", line, inner.msg);
    }
    return err_in_file(err, path);
}

static enum status add_list(struct source_list *s, const char *path, uint64_t seed, int depth,
                            struct err *err)
{
    unsigned char *data;
    size_t size;
    if (depth >= LIST_DEPTH) {
        err_set(err, ST_USAGE, "lists of sources are nested too deep");
        return err_in_file(err, path), ST_USAGE;
    }
    TRY(file_read(path, LIST_BYTES, &data, &size, err));
    enum status st = ST_OK;
    char *line = (char *)data, *end = line + size;
    for (int number = 1; line < end && st == ST_OK; number++) {
        char *next = memchr(line, '\n', (size_t)(end - line));
        if (next)
            *next++ = '\0';
        char *text = line + strspn(line, " \t");
        size_t n = strcspn(text, "#\r");
        while (n && (text[n - 1] == ' ' || text[n - 1] == '\t'))
            n--;
        text[n] = '\0';
        struct err why = {0};
        if (n)
            st = add(s, text, seed, depth + 1, &why);
        if (st != ST_OK) {
            at_line(&why, path, number);
            if (err)
                *err = why;
        }
        line = next ? next : end;
    }
    free(data);
    return st;
}

/* ---- one source ---- */

/* FAMILY in FAMILY:rest, NULL when it has not this form (a path, a file that is there). */
static char *family_part(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789@_-");
    struct stat info;
    return n && text[n] == ':' && stat(text, &info) < 0 ? x_strndup(text, n) : NULL;
}

static enum status add_spec(struct source_list *s, const char *text, const char *family,
                            uint64_t seed, struct err *err)
{
    const char *rest = text + strlen(family) + 1;
    if (strcmp(rest, "*") == 0)
        return add_all(s, family, err);
    if (str_starts(rest, "sample="))
        return add_samples(s, family, rest + strlen("sample="), seed, err);
    if (!family_is_spec(text))
        return unknown_family(family, err);
    vec_push(&s->at, x_strdup(text));
    return ST_OK;
}

static enum status add(struct source_list *s, const char *text, uint64_t seed, int depth,
                       struct err *err)
{
    if (text[0] == '@')
        return add_list(s, text + 1, seed, depth, err);
    struct stat info;
    char *family = family_part(text);
    enum status st = ST_OK;
    if (family)
        st = add_spec(s, text, family, seed, err);
    else if (stat(text, &info) == 0 && S_ISDIR(info.st_mode))
        st = add_folder(s, text, err);
    else
        vec_push(&s->at, x_strdup(text));
    free(family);
    return st;
}

enum status source_add(struct source_list *s, const char *text, uint64_t seed, struct err *err)
{
    size_t n = s->at.n;
    enum status st = add(s, text, seed, 0, err);
    if (st != ST_OK)
        shrink(s, n);
    return st;
}

void source_done(struct source_list *s)
{
    shrink(s, 0);
    vec_done(&s->at);
}
