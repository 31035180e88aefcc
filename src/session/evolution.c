#include "session/evolution.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- states ---- */

static void front_free(struct session_search_point *front, int n)
{
    for (int i = 0; i < n; i++)
        free(front[i].line.at);
    free(front);
}

void evolution_state_free(struct evolution_state *s)
{
    if (!s)
        return;
    front_free(s->front, s->n_front);
    free(s->change);
    free(s);
}

static struct session_search_point *front_copy(const struct session_search_point *front, int n)
{
    struct session_search_point *out = x_calloc((size_t)n + 1, sizeof *out);
    for (int i = 0; i < n; i++) {
        out[i] = front[i];
        if (out[i].line.n)
            out[i].line.at = x_memdup(front[i].line.at, front[i].line.n * sizeof *front[i].line.at);
    }
    return out;
}

/* The newest stands last, nearer to the one before it than the stride until there is a newer. */
static void remember(struct evolution_past *p, int64_t tried, double volume)
{
    while (p->n && p->at[p->n - 1].tried >= tried)
        p->n--;
    if (p->n >= 2 && p->at[p->n - 1].tried - p->at[p->n - 2].tried < p->stride)
        p->n--;
    if (p->n == EVOLUTION_PAST) {
        for (int i = 0; 2 * i < EVOLUTION_PAST; i++)
            p->at[i] = p->at[2 * i];
        p->n = EVOLUTION_PAST / 2;
        p->stride = p->at[2].tried - p->at[1].tried;
    }
    p->at[p->n++] = (struct session_search_past){tried, volume};
}

/* What points into the settings themselves moves with them. */
static void settings_move(struct search_settings *to, const struct search_settings *from)
{
    *to = *from;
    if (from->o.forbidden)
        to->o.forbidden = to->forbidden;
}

/* ---- on the worker ---- */

static struct search_line *known_line(const struct evolution *e, int64_t id)
{
    for (int i = 0; i < e->n_front; i++)
        if (e->front[i].at.id == id)
            return &e->front[i].line;
    return NULL;
}

/* A point that was there before keeps its line. One whose line cannot be read has none, which
 * taking it tells. */
static void take_line(struct evolution *e, const struct search_state *now,
                      struct session_search_point *p)
{
    struct search_line *known = known_line(e, p->at.id);
    if (known) {
        p->line = *known;
        *known = (struct search_line){0};
    } else if (search_line_of(now, &p->at, &p->line, NULL) != ST_OK)
        p->line = (struct search_line){0};
}

static void renew_front(struct evolution *e, const struct search_state *now)
{
    int n = now->n_front;
    struct search_point *by = x_memdup(now->front, (size_t)n * sizeof *by);
    struct session_search_point *front = x_calloc((size_t)n + 1, sizeof *front);
    search_sort(now->base, e->set.o.goal[0], by, n);
    for (int i = 0; i < n; i++) {
        front[i].at = by[i];
        take_line(e, now, &front[i]);
    }
    free(by);
    front_free(e->front, e->n_front);
    e->front = front;
    e->n_front = n;
}

static void begin(struct evolution *e, const struct search_state *now)
{
    e->begun = true;
    e->tried = now->tried;
    e->seconds = now->seconds;
    e->anew = now->tried < e->expected;
}

static void leave(struct evolution *e, struct evolution_state *s)
{
    pthread_mutex_lock(&e->lock);
    struct evolution_state *old = e->fresh;
    e->fresh = s;
    pthread_mutex_unlock(&e->lock);
    evolution_state_free(old);
    ssize_t n = e->wake >= 0 ? write(e->wake, "", 1) : 0;
    (void)n; /* a full pipe already wakes the reader */
}

static void on_generation(void *arg, const struct search_state *now)
{
    struct evolution *e = arg;
    struct evolution_state *s = x_calloc(1, sizeof *s);
    if (!e->begun)
        begin(e, now);
    remember(&e->past, now->tried, now->volume);
    renew_front(e, now);
    double seconds = now->seconds - e->seconds;
    *s = (struct evolution_state){
        .now = *now,
        .rate = seconds > 0 ? (double)(now->tried - e->tried) / seconds : 0,
        .base = *now->base,
        .front = front_copy(e->front, e->n_front),
        .n_front = e->n_front,
        .past = e->past,
        .change = x_memdup(now->change, (size_t)now->n_change * sizeof *now->change),
        .anew = e->anew};
    s->now.base = s->now.front = NULL;
    s->now.change = s->change;
    s->now.search = NULL;
    leave(e, s);
}

static const struct search_opts *on_renew(void *arg)
{
    struct evolution *e = arg;
    pthread_mutex_lock(&e->lock);
    bool changed = e->changed;
    if (changed) {
        search_settings_done(&e->lent);
        settings_move(&e->lent, &e->next);
        e->next = (struct search_settings){0};
        e->changed = false;
    }
    pthread_mutex_unlock(&e->lock);
    return changed ? &e->lent.o : NULL;
}

enum status evolution_run(struct evolution *e, const int *cancel, int wake, struct err *err)
{
    struct search_result r;
    struct search_opts *o = &e->set.o;
    e->wake = wake;
    o->cancel = cancel;
    o->progress = on_generation;
    o->renew = on_renew;
    o->arg = e;
    o->points_only = true;
    TRY(search_run(&r, e->base, e->archive, o, err));
    search_result_done(&r);
    return ST_OK;
}

/* ---- on either side ---- */

struct evolution *evolution_new(const struct graph *base, const struct search_settings *set,
                                char *archive)
{
    struct evolution *e = x_calloc(1, sizeof *e);
    e->refs = 1;
    e->base = graph_ref(base);
    settings_move(&e->set, set);
    search_settings_copy(&e->said, set, SEARCH_SETTINGS);
    e->archive = archive;
    pthread_mutex_init(&e->lock, NULL);
    return e;
}

struct evolution *evolution_ref(struct evolution *e)
{
    __atomic_add_fetch(&e->refs, 1, __ATOMIC_RELAXED);
    return e;
}

void evolution_unref(struct evolution *e)
{
    if (!e || __atomic_sub_fetch(&e->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    graph_unref(e->base);
    search_settings_done(&e->set);
    search_settings_done(&e->said);
    search_settings_done(&e->next);
    search_settings_done(&e->lent);
    free(e->archive);
    evolution_state_free(e->fresh);
    front_free(e->front, e->n_front);
    pthread_mutex_destroy(&e->lock);
    free(e);
}

void evolution_expect(struct evolution *e, const struct evolution_state *before)
{
    e->expected = before->now.tried;
    e->past = before->past;
}

void evolution_change(struct evolution *e, const struct search_settings *set)
{
    search_settings_done(&e->said);
    search_settings_copy(&e->said, set, SEARCH_SETTINGS);
    pthread_mutex_lock(&e->lock);
    search_settings_done(&e->next);
    settings_move(&e->next, set);
    e->changed = true;
    pthread_mutex_unlock(&e->lock);
}

bool evolution_waits(struct evolution *e)
{
    pthread_mutex_lock(&e->lock);
    bool waits = e->changed;
    pthread_mutex_unlock(&e->lock);
    return waits;
}

struct evolution_state *evolution_fetch(struct evolution *e)
{
    pthread_mutex_lock(&e->lock);
    struct evolution_state *s = e->fresh;
    e->fresh = NULL;
    pthread_mutex_unlock(&e->lock);
    return s;
}
