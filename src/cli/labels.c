#include "cli/labels.h"

#include "base/csv.h"
#include "base/hash.h"
#include "base/str.h"
#include "base/vec.h"
#include "family/family.h"

#include <math.h>

/* ---- scores ---- */

struct score {
    double sum;
    int n;
};

struct scores {
    struct strmap by_spec;
    VEC(struct score) at;
};

static enum status read_rows(struct csv *c, const char *score, struct scores *s, struct err *err)
{
    size_t arch, value;
    bool more;
    TRY(csv_column(c, "arch", &arch, err));
    TRY(csv_column(c, score, &value, err));
    for (;;) {
        double v;
        TRY(csv_next(c, &more, err));
        if (!more)
            return ST_OK;
        TRY(csv_number(c, value, &v, err));
        if (isnan(v))
            continue;
        char *spec = family_spec_of(c->field.at[arch]);
        int64_t at = *strmap_put(&s->by_spec, spec, (int64_t)s->at.n);
        free(spec);
        if (at == (int64_t)s->at.n)
            vec_push(&s->at, (struct score){0, 0});
        s->at.at[at].sum += v;
        s->at.at[at].n++;
    }
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
    struct csv c;
    struct scores s = {0};
    TRY(csv_open(&c, path, err));
    enum status st = read_rows(&c, score, &s, err);
    if (st == ST_OK) {
        *labelled = weigh(&s, specs, n, times);
        if (*labelled == 0) {
            st = err_set(err, ST_USAGE, "it has a score for none of the %d networks", n);
            err_in_file(err, path);
        }
    }
    vec_done(&s.at);
    strmap_done(&s.by_spec);
    csv_close(&c);
    return st;
}
