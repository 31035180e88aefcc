/* Searches on several ranks: each has a population and an archive of its own, draws its own random
 * numbers, and every few generations gets some of the front of the rank before it. Rank 0 passes
 * the messages on. All ranks are in step: what one of them does depends on the seed and the number
 * of ranks only, also when they were killed and began again. */
#include "search/search_priv.h"

#include <string.h>

enum { TAG_AT = 1, TAG_FROM, TAG_FRONT, TAG_NEWS, TAG_LAST };
enum {
    EVERY = 10, /* generations between exchanges */
    GUESTS = 16 /* points sent, at most */
};

bool islands_meet(const struct search *s)
{
    return s->o->comm && s->generation > 0 && s->generation % EVERY == 0;
}

/* ---- messages ---- */

/* Ranks run one program on one kind of machine: structs go as they are. */
static void put(struct str *out, const void *p, size_t n)
{
    str_add_n(out, p, n);
}

struct reader {
    const char *at;
    size_t left;
};

static bool get(struct reader *r, void *p, size_t n)
{
    if (n > r->left)
        return false;
    memcpy(p, r->at, n);
    r->at += n;
    r->left -= n;
    return true;
}

static enum status put_line(const struct search *s, const struct search_point *p, struct str *out,
                            struct err *err)
{
    struct points line;
    enum status st = lineage_of(s, p, &line, err);
    if (st == ST_OK) {
        put(out, &line.n, sizeof line.n);
        put(out, line.at, line.n * sizeof *line.at);
    }
    vec_done(&line);
    return st;
}

/* All of the front, or some of it evenly. */
static enum status put_front(const struct search *s, int most, struct str *out, struct err *err)
{
    int n = (int)s->front.n, some = n < most ? n : most;
    for (int k = 0; k < some; k++) {
        const struct search_point *p = &s->front.at[(int64_t)k * n / some];
        if (p->id != 0) /* all have the network begun with */
            TRY(put_line(s, p, out, err));
    }
    return ST_OK;
}

static bool get_line(struct reader *r, struct points *line)
{
    size_t n;
    *line = (struct points){0};
    if (r->left == 0 || !get(r, &n, sizeof n) || n == 0 || n > r->left / sizeof *line->at)
        return false;
    vec_reserve(line, n);
    line->n = n;
    return get(r, line->at, n * sizeof *line->at);
}

static enum status expect(struct search *s, int tag, struct comm_msg *m, struct err *err)
{
    enum status st = comm_recv(s->o->comm, m, -1, s->o->cancel, err);
    if (st == ST_CANCELLED)
        return err_set(err, ST_CANCELLED, "interrupted");
    TRY(st);
    if (m->tag == tag)
        return ST_OK;
    free(m->data);
    return err_set(err, ST_INTERNAL, "rank %d sends %d instead of %d", m->from, m->tag, tag);
}

/* Rank 0: one message of each other rank, by rank. */
static enum status collect(struct search *s, int tag, struct comm_msg *all, struct err *err)
{
    int size = comm_size(s->o->comm);
    for (int k = 1; k < size; k++) {
        struct comm_msg m;
        TRY(expect(s, tag, &m, err));
        all[m.from] = m;
    }
    return ST_OK;
}

static void forget(struct comm_msg *all, int n)
{
    for (int i = 0; i < n; i++)
        free(all[i].data);
    free(all);
}

/* ---- the beginning ---- */

/* To the last generation that all of them have. */
enum status islands_align(struct search *s, struct err *err)
{
    struct comm *c = s->o->comm;
    int64_t least;
    if (!c)
        return ST_OK;
    TRY(archive_generations(s->archive, &least, err));
    if (comm_rank(c) > 0) {
        struct comm_msg m;
        TRY(comm_send(c, 0, TAG_AT, &least, sizeof least, err));
        TRY(expect(s, TAG_FROM, &m, err));
        memcpy(&least, m.data, sizeof least);
        free(m.data);
        return archive_forget(s->archive, least, err);
    }
    int size = comm_size(c);
    struct comm_msg *all = x_calloc((size_t)size, sizeof *all);
    enum status st = collect(s, TAG_AT, all, err);
    for (int k = 1; k < size && st == ST_OK; k++) {
        int64_t theirs;
        memcpy(&theirs, all[k].data, sizeof theirs);
        least = theirs < least ? theirs : least;
    }
    for (int k = 1; k < size && st == ST_OK; k++)
        st = comm_send(c, k, TAG_FROM, &least, sizeof least, err);
    forget(all, size);
    return st == ST_OK ? archive_forget(s->archive, least, err) : st;
}

/* ---- guests ---- */

/* A link of a guest's lineage that is not in this archive yet; *parent is the one before it. */
static void take_link(const struct search *s, struct points *rows, struct search_point link,
                      int64_t *parent)
{
    link.id = s->next_id + (int64_t)rows->n;
    link.parent = *parent;
    link.mate = -1;
    link.generation = s->generation + 1;
    *parent = link.id;
    vec_push(rows, link);
}

/* The id that a network has here; -1: none. */
static int64_t known_as(const struct search *s, const struct points *rows, uint64_t hash)
{
    const int64_t *id = u64map_get(&s->seen, hash);
    if (!id)
        id = u64map_get(&s->way, hash);
    for (size_t i = 0; !id && i < rows->n; i++) /* guests' links: tens */
        if (rows->at[i].hash == hash)
            return rows->at[i].id;
    return id ? *id : -1;
}

/* How many of a line's links are known here. */
static size_t known_links(const struct search *s, const struct points *rows,
                          const struct points *line, int64_t *parent)
{
    size_t k = line->n;
    *parent = 0;
    while (k > 0 && (*parent = known_as(s, rows, line->at[k - 1].hash)) < 0)
        k--;
    if (k == 0)
        *parent = 0;
    return k;
}

static enum status take_guest(struct search *s, const struct points *line, struct points *rows,
                              struct guests *out, struct err *err)
{
    struct graph *g;
    int64_t parent;
    size_t known = known_links(s, rows, line, &parent);
    if (known == line->n)
        return ST_OK;
    TRY(lineage_follow(s, line, &g, err));
    for (size_t i = known; i < line->n; i++)
        take_link(s, rows, line->at[i], &parent);
    vec_push(out, ((struct guest){rows->n - 1, g}));
    return ST_OK;
}

/* Their numbers come from their rank: it judged them as this one would. */
static enum status take_guests(struct search *s, struct reader *r, struct points *rows,
                               struct guests *out, struct err *err)
{
    struct points line;
    enum status st = ST_OK;
    while (st == ST_OK && get_line(r, &line)) {
        st = take_guest(s, &line, rows, out, err);
        vec_done(&line);
    }
    return st;
}

/* ---- the exchange ---- */

static enum status relay(struct search *s, const struct str *mine, bool stop, struct str *news,
                         struct err *err)
{
    struct comm *c = s->o->comm;
    int size = comm_size(c);
    struct comm_msg *all = x_calloc((size_t)size, sizeof *all);
    enum status st = collect(s, TAG_FRONT, all, err);
    for (int k = 0; k < size && st == ST_OK; k++) { /* from k to the next one */
        int to = (k + 1) % size;
        struct str text = {0};
        put(&text, &stop, sizeof stop);
        put(&text, k ? all[k].data : str_text(mine), k ? all[k].n : mine->n);
        if (to)
            st = comm_send(c, to, TAG_NEWS, text.s, text.n, err);
        else
            put(news, text.s, text.n);
        str_done(&text);
    }
    forget(all, size);
    return st;
}

enum status islands_exchange(struct search *s, bool over, struct points *rows, struct guests *out,
                             bool *stop, struct err *err)
{
    struct comm *c = s->o->comm;
    struct str mine = {0}, news = {0};
    struct comm_msg m = {0};
    enum status st = put_front(s, GUESTS, &mine, err);
    if (st == ST_OK && comm_rank(c) == 0)
        st = relay(s, &mine, over, &news, err);
    else if (st == ST_OK) {
        st = comm_send(c, 0, TAG_FRONT, str_text(&mine), mine.n, err);
        if (st == ST_OK)
            st = expect(s, TAG_NEWS, &m, err);
        if (st == ST_OK) {
            put(&news, m.data, m.n);
            free(m.data);
        }
    }
    struct reader r = {str_text(&news), news.n};
    if (st == ST_OK && !get(&r, stop, sizeof *stop))
        st = err_set(err, ST_INTERNAL, "a message of another rank is cut off");
    if (st == ST_OK && !*stop)
        st = take_guests(s, &r, rows, out, err);
    str_done(&mine);
    str_done(&news);
    return st;
}

/* ---- the end ---- */

static int64_t abroad_id(int rank, int64_t id)
{
    return id == 0 ? 0 : id + ((int64_t)rank << ISLAND_BITS);
}

static void admit(struct search *s, int rank, struct points *line)
{
    for (size_t i = 0; i < line->n; i++) {
        line->at[i].id = abroad_id(rank, line->at[i].id);
        line->at[i].parent = abroad_id(rank, line->at[i].parent);
    }
    select_front(s, &line->at[line->n - 1]);
    vec_push(&s->abroad, *line);
}

/* Fronts and counts go to rank 0, which has all of them then. */
enum status islands_gather(struct search *s, struct err *err)
{
    struct comm *c = s->o->comm;
    struct str mine = {0};
    if (!c)
        return ST_OK;
    if (comm_rank(c) > 0) {
        put(&mine, s->fates, sizeof s->fates);
        enum status st = put_front(s, INT32_MAX, &mine, err);
        if (st == ST_OK)
            st = comm_send(c, 0, TAG_LAST, mine.s, mine.n, err);
        str_done(&mine);
        return st;
    }
    int size = comm_size(c);
    struct comm_msg *all = x_calloc((size_t)size, sizeof *all);
    enum status st = collect(s, TAG_LAST, all, err);
    for (int k = 1; k < size && st == ST_OK; k++) {
        struct reader r = {all[k].data, all[k].n};
        struct points line;
        int64_t fates[FATES];
        if (!get(&r, fates, sizeof fates)) {
            st = err_set(err, ST_INTERNAL, "rank %d sends no counts", k);
            break;
        }
        for (int f = 0; f < FATES; f++)
            s->fates[f] += fates[f];
        while (get_line(&r, &line))
            admit(s, k, &line);
    }
    forget(all, size);
    return st;
}
