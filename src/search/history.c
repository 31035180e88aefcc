#include "search/history.h"

#include "search/search_priv.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct looking {
    const struct search_look *look;
    struct search s; /* what select.c and rules.c need of one: goals, base, front and archive */
    int64_t last, tried, accepted, every;
    int generation;
    double volume; /* of the front, where it has not changed since */
    bool changed;
    VEC(struct search_age) age;
    struct points point;
    VEC(struct search_reason) reason;
    struct strmap at; /* text -> index in `reason` */
};

/* With what was changed behind it. */
static enum status end_generation(struct looking *l, struct err *err)
{
    bool changed;
    l->s.generation = l->generation;
    TRY(rules_replay(&l->s, &changed, err));
    if (changed)
        TRY(rules_front(&l->s, err));
    l->changed |= changed;
    if (l->changed)
        l->volume = select_volume(&l->s);
    l->changed = false;
    vec_push(&l->age, (struct search_age){l->tried, l->volume, (int)l->s.front.n});
    return ST_OK;
}

static void add_to_front(struct looking *l, const struct search_point *p)
{
    struct points *front = &l->s.front;
    select_front(&l->s, p);
    l->changed |= front->n > 0 && front->at[front->n - 1].id == p->id;
}

/* Every so many-th, so that they are spread evenly however many will come. */
static void keep(struct looking *l, const struct search_point *p)
{
    if (l->accepted++ % l->every != 0)
        return;
    vec_push(&l->point, *p);
    if (l->point.n <= (size_t)l->look->most_points)
        return;
    size_t kept = 0;
    for (size_t i = 0; i < l->point.n; i += 2)
        l->point.at[kept++] = l->point.at[i];
    l->point.n = kept;
    l->every *= 2;
}

static void count_reason(struct looking *l, const char *reason)
{
    struct str text = {0};
    for (const char *s = reason; *s; s++)
        if (!isdigit((unsigned char)*s))
            str_add_char(&text, *s);
        else if (s == reason || !isdigit((unsigned char)s[-1]))
            str_add_char(&text, '#');
    int64_t i = *strmap_put(&l->at, str_text(&text), (int64_t)l->reason.n);
    if (i == (int64_t)l->reason.n)
        vec_push(&l->reason, (struct search_reason){x_strdup(str_text(&text)), 0});
    l->reason.at[i].n++;
    str_done(&text);
}

static enum status look_at(void *arg, const struct search_point *p, enum search_fate fate,
                           const char *reason, struct err *err)
{
    struct looking *l = arg;
    const int *cancel = l->look->cancel;
    if (cancel && __atomic_load_n(cancel, __ATOMIC_RELAXED))
        return err_set(err, ST_CANCELLED, "interrupted");
    if (p->id > l->look->last_id)
        return ST_OK;
    if (p->generation != l->generation)
        TRY(end_generation(l, err));
    l->generation = p->generation;
    l->last = p->id;
    l->tried += fate != FATE_GUEST && fate != FATE_WAY;
    if (fate == FATE_REFUSED)
        count_reason(l, reason);
    if (fate != FATE_ACCEPTED && fate != FATE_GUEST)
        return ST_OK;
    add_to_front(l, p);
    keep(l, p);
    return ST_OK;
}

static enum status look_through(struct looking *l, const char *path, struct err *err)
{
    struct search *s = &l->s;
    TRY(archive_look(&s->archive, path, err));
    enum status st = rules_load(s, err);
    if (st == ST_OK)
        st = archive_each(s->archive, look_at, l, err);
    if (st == ST_OK && l->last < l->look->last_id)
        st = err_set(err, ST_MODEL, "%s: has %lld networks, not the %lld of the search", path,
                     (long long)l->last, (long long)l->look->last_id);
    if (st == ST_OK)
        st = end_generation(l, err);
    archive_close(s->archive);
    return st;
}

static int by_number(const void *a, const void *b)
{
    const struct search_reason *x = a, *y = b;
    return x->n != y->n ? (x->n < y->n ? 1 : -1) : strcmp(x->text, y->text);
}

enum status search_history_init(struct search_history *h, const char *path,
                                const struct search_look *look, struct err *err)
{
    struct looking l = {.look = look, .every = 1};
    l.s = (struct search){
        .o = &l.s.own, .own = {.n_goal = look->n_goal}, .base = *look->base, .path = path};
    memcpy(l.s.own.goal, look->goal, sizeof l.s.own.goal);
    for (int g = 0; g < SEARCH_GOALS; g++)
        l.s.most[g] = INFINITY;
    enum status st = look_through(&l, path, err);
    *h = (struct search_history){.change =
                                     x_memdup(l.s.change.at, l.s.change.n * sizeof *l.s.change.at),
                                 .n_change = (int)l.s.change.n};
    vec_done(&l.s.front);
    rules_done(&l.s);
    strmap_done(&l.at);
    if (l.reason.n)
        qsort(l.reason.at, l.reason.n, sizeof *l.reason.at, by_number);
    h->age = l.age.at;
    h->point = l.point.at;
    h->reason = l.reason.at;
    h->n_age = (int)l.age.n;
    h->n_point = (int)l.point.n;
    h->n_reason = (int)l.reason.n;
    h->every = l.every;
    if (st != ST_OK)
        search_history_done(h);
    return st;
}

void search_history_done(struct search_history *h)
{
    for (int i = 0; i < h->n_reason; i++)
        free(h->reason[i].text);
    free(h->reason);
    free(h->point);
    free(h->age);
    free(h->change);
    *h = (struct search_history){0};
}
