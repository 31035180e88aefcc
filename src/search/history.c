#include "search/history.h"

#include "search/search_priv.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct looking {
    const struct search_look *look;
    struct search s; /* what select.c needs of one: goals, base and front */
    int64_t last, tried, accepted, every;
    int generation;
    double volume; /* of the front, where it has not changed since */
    bool changed;
    VEC(struct search_age) age;
    struct points point;
    VEC(struct search_reason) reason;
    struct strmap at; /* text -> index in `reason` */
};

static void end_generation(struct looking *l)
{
    if (l->changed)
        l->volume = select_volume(&l->s);
    l->changed = false;
    vec_push(&l->age, (struct search_age){l->tried, l->volume, (int)l->s.front.n});
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
        end_generation(l);
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
    struct archive *a;
    TRY(archive_look(&a, path, err));
    enum status st = archive_each(a, look_at, l, err);
    archive_close(a);
    if (st == ST_OK && l->last < l->look->last_id)
        st = err_set(err, ST_MODEL, "%s: has %lld networks, not the %lld of the search", path,
                     (long long)l->last, (long long)l->look->last_id);
    end_generation(l);
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
    struct search_opts o = {.n_goal = look->n_goal};
    struct looking l = {.look = look, .s = {.o = &o, .base = *look->base}, .every = 1};
    memcpy(o.goal, look->goal, sizeof o.goal);
    if (look->base_keeps)
        add_to_front(&l, look->base);
    enum status st = look_through(&l, path, err);
    vec_done(&l.s.front);
    strmap_done(&l.at);
    if (l.reason.n)
        qsort(l.reason.at, l.reason.n, sizeof *l.reason.at, by_number);
    *h = (struct search_history){.age = l.age.at,
                                 .point = l.point.at,
                                 .reason = l.reason.at,
                                 .n_age = (int)l.age.n,
                                 .n_point = (int)l.point.n,
                                 .n_reason = (int)l.reason.n,
                                 .every = l.every};
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
    *h = (struct search_history){0};
}
