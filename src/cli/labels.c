#include "cli/labels.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/str.h"
#include "base/vec.h"

#include <math.h>

enum { MOST_BYTES = 1 << 30 };

/* ---- rows ---- */

struct csv {
    char *at, *end;
    int line, next_line; /* of the row, of what follows */
    VEC(char *) field;   /* inside the text, which is changed on the way */
};

/* A field and what ends it: ',' or '\n' ('\n' at the end of the text too). */
static char take_field(struct csv *c)
{
    char *from = c->at, *to = c->at;
    bool quoted = from < c->end && *from == '"';
    vec_push(&c->field, from);
    from += quoted;
    while (from < c->end) {
        if (quoted && *from == '"') {
            from++;
            quoted = from < c->end && *from == '"';
            if (!quoted)
                continue;
        } else if (!quoted && (*from == ',' || *from == '\n'))
            break;
        c->next_line += *from == '\n';
        *to++ = *from++;
    }
    char stop = from < c->end ? *from : '\n';
    c->next_line += stop == '\n';
    if (stop == '\n' && to > c->field.at[c->field.n - 1] && to[-1] == '\r')
        to--;
    c->at = from < c->end ? from + 1 : from;
    *to = '\0'; /* the text has a byte behind its end */
    return stop;
}

/* The next row that is not empty. */
static bool next_row(struct csv *c)
{
    while (c->at < c->end) {
        c->field.n = 0;
        c->line = c->next_line;
        while (take_field(c) == ',')
            ;
        if (c->field.n > 1 || c->field.at[0][0])
            return true;
    }
    return false;
}

/* ---- scores ---- */

struct score {
    double sum;
    int n;
};

struct scores {
    struct strmap by_spec;
    VEC(struct score) at;
};

/* "4|110101|cm" -> "nb101:4|110101|c3,mp": tables write one letter for an operation. */
static char *spec_of_nb101(const char *arch)
{
    static const char letters[] = "com", *const op[] = {"c3", "c1", "mp"};
    const char *ops = strrchr(arch, '|') + 1;
    if (!*ops || ops[strspn(ops, letters)])
        return x_asprintf("nb101:%s", arch);
    struct str s = {0};
    str_addf(&s, "nb101:%.*s", (int)(ops - arch), arch);
    for (const char *p = ops; *p; p++)
        str_addf(&s, "%s%s", p > ops ? "," : "", op[strchr(letters, *p) - letters]);
    return str_take(&s);
}

/* The source's text of an architecture as tables write it. */
static char *spec_of(const char *arch)
{
    if (arch[0] == '|')
        return x_asprintf("nb201:%s", arch);
    if (arch[0] >= '2' && arch[0] <= '7' && arch[1] == '|')
        return spec_of_nb101(arch);
    return x_strdup(arch);
}

static enum status bad_line(struct err *err, const char *path, int line, const char *what)
{
    err_set(err, ST_USAGE, "line %d: %s", line, what);
    return err_in_file(err, path), ST_USAGE;
}

static enum status find_column(const struct csv *c, const char *path, const char *name, size_t *out,
                               struct err *err)
{
    for (*out = 0; *out < c->field.n; ++*out)
        if (strcmp(c->field.at[*out], name) == 0)
            return ST_OK;
    err_set(err, ST_USAGE, "there is no column '%.60s'", name);
    return err_in_file(err, path), ST_USAGE;
}

static enum status read_rows(struct csv *c, const char *path, const char *score, struct scores *s,
                             struct err *err)
{
    size_t arch, value;
    if (!next_row(c))
        return bad_line(err, path, 1, "a header is missing");
    TRY(find_column(c, path, "arch", &arch, err));
    TRY(find_column(c, path, score, &value, err));
    while (next_row(c)) {
        double v;
        if (arch >= c->field.n || value >= c->field.n)
            return bad_line(err, path, c->line, "it has too few fields");
        if (!c->field.at[value][0])
            continue;
        if (!str_to_double(c->field.at[value], &v))
            return bad_line(err, path, c->line, "the score is no number");
        char *spec = spec_of(c->field.at[arch]);
        int64_t at = *strmap_put(&s->by_spec, spec, (int64_t)s->at.n);
        free(spec);
        if (at == (int64_t)s->at.n)
            vec_push(&s->at, (struct score){0, 0});
        s->at.at[at].sum += v;
        s->at.at[at].n++;
    }
    return ST_OK;
}

/* ---- weights ---- */

struct ranked {
    int spec;
    int64_t family;
    double score;
};

static int by_family_and_score(const void *x, const void *y)
{
    const struct ranked *a = x, *b = y;
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    return (a->score > b->score) - (a->score < b->score);
}

/* q in 0 .. 1 to 1 .. LABELS_BEST; a half goes down, so that 0.5 is LABELS_MIDDLE. */
static int times_of(double q)
{
    return 1 + (int)ceil((LABELS_BEST - 1) * q - 0.5);
}

/* The labelled networks of one family, ascending. */
static void weigh_family(const struct ranked *r, size_t n, int *times)
{
    for (size_t i = 0, same; i < n; i += same) {
        for (same = 1; i + same < n && r[i + same].score <= r[i].score; same++)
            ;
        double middle = (double)i + (double)(same - 1) / 2;
        for (size_t k = i; k < i + same; k++)
            times[r[k].spec] = times_of(n > 1 ? middle / (double)(n - 1) : 0.5);
    }
}

static int weigh(const struct scores *s, const char *const *specs, int n, int *times)
{
    VEC(struct ranked) r = {0};
    struct strmap families = {0};
    for (int i = 0; i < n; i++) {
        const int64_t *at = strmap_get(&s->by_spec, specs[i]);
        times[i] = LABELS_MIDDLE;
        if (!at)
            continue;
        const char *colon = strchr(specs[i], ':');
        char *family = x_strndup(specs[i], colon ? (size_t)(colon - specs[i]) : 0);
        int64_t number = *strmap_put(&families, family, (int64_t)families.n);
        free(family);
        vec_push(&r, (struct ranked){i, number, s->at.at[*at].sum / s->at.at[*at].n});
    }
    if (r.n)
        qsort(r.at, r.n, sizeof *r.at, by_family_and_score);
    for (size_t i = 0, len; i < r.n; i += len) {
        for (len = 1; i + len < r.n && r.at[i + len].family == r.at[i].family; len++)
            ;
        weigh_family(r.at + i, len, times);
    }
    int labelled = (int)r.n;
    vec_done(&r);
    strmap_done(&families);
    return labelled;
}

enum status labels_read(const char *path, const char *score, const char *const *specs, int n,
                        int *times, int *labelled, struct err *err)
{
    unsigned char *data;
    size_t size;
    TRY(file_read(path, MOST_BYTES, &data, &size, err));
    struct csv c = {.at = (char *)data, .end = (char *)data + size, .next_line = 1};
    if (size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0)
        c.at += 3;
    struct scores s = {0};
    enum status st = read_rows(&c, path, score, &s, err);
    if (st == ST_OK) {
        *labelled = weigh(&s, specs, n, times);
        if (*labelled == 0) {
            st = err_set(err, ST_USAGE, "it has a score for none of the %d networks", n);
            err_in_file(err, path);
        }
    }
    vec_done(&s.at);
    strmap_done(&s.by_spec);
    vec_done(&c.field);
    free(data);
    return st;
}
