/* A batch: for one segment after the other the candidates are tried on the workers, and the best
 * that passes the filter is put in. A segment is known by its nodes, which keep their ids as long
 * as they are not replaced themselves; its number may change with every edit. */
#include "session/session_priv.h"

#include <math.h>
#include <stdlib.h>

/* A segment as it was at the beginning. */
struct part {
    int segment; /* its number then */
    int32_t *ids;
    int n;
};

struct batch {
    bool on;
    struct filter *filter;
    struct field_order order;
    struct hunt hunt;
    int version; /* that it goes on from */
    struct part *part;
    int n, at;
    struct cost before;
    int replaced, without, fixed, gone;
    struct str log; /* a line for each segment dealt with */
    struct err err; /* why it ended early; ST_OK */
};

static void free_batch(struct session *s, struct batch *b)
{
    hunt_drop(s, &b->hunt);
    hunt_done(&b->hunt);
    filter_free(b->filter);
    for (int i = 0; i < b->n; i++)
        free(b->part[i].ids);
    free(b->part);
    str_done(&b->log);
    free(b);
}

void batch_done(struct session *s)
{
    if (s->batch)
        free_batch(s, s->batch);
    s->batch = NULL;
}

/* ---- the text ---- */

/* The next word of *text, up to blanks, into buf; false when it is none or too long. */
static bool next_word(const char **text, char *buf, size_t size)
{
    const char *p = *text + strspn(*text, " \t");
    size_t n = strcspn(p, " \t");
    if (n == 0 || n >= size)
        return false;
    memcpy(buf, p, n);
    buf[n] = '\0';
    *text = p + n + strspn(p + n, " \t");
    return true;
}

/* "3" or "5-7". */
static bool parse_range(const char *text, int n, int64_t *lo, int64_t *hi)
{
    char first[16];
    size_t k = strcspn(text, "-");
    snprintf(first, sizeof first, "%.*s", k < sizeof first ? (int)k : 0, text);
    if (!str_to_i64(first, 0, n - 1, lo))
        return false;
    *hi = *lo;
    return !text[k] || str_to_i64(text + k + 1, *lo, n - 1, hi);
}

/* Sets in `chosen` the segments of "3,5-7". */
static enum status parse_list(char *text, int n, bool *chosen, struct err *err)
{
    char *save = NULL;
    int64_t lo, hi;
    for (char *w = strtok_r(text, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
        if (!parse_range(w, n, &lo, &hi))
            return err_set(err, ST_USAGE, "'%.60s' is no segment or range of them (0 to %d)", w,
                           n - 1);
        for (int64_t k = lo; k <= hi; k++)
            chosen[k] = true;
    }
    return ST_OK;
}

/* A word that is no field is a tag; without any it is the filter of the list. */
static enum status parse_filter(const struct session *s, struct batch *b, const char *text,
                                struct err *err)
{
    text = *text ? text : s->filter_text;
    if (!*text)
        return err_set(err, ST_USAGE, "which candidates? Say a filter (dacc>0) or a tag");
    bool tag = !field_find(text, strlen(text)) && tags_check(text, NULL) == ST_OK;
    char *expression = tag ? x_asprintf("tag=%s", text) : x_strdup(text);
    enum status st = filter_parse(expression, &b->filter, err);
    free(expression);
    return st;
}

static enum status parse(struct session *s, struct batch *b, const char *text, bool *chosen,
                         struct err *err)
{
    char word[256];
    int n = session_segmentation(s)->n_segments;
    bool listed = false;
    for (const char *p = text; next_word(&p, word, sizeof word); text = p) {
        bool by = strcmp(word, "by") == 0;
        if (!by && strcmp(word, "in") != 0)
            break;
        if (!next_word(&p, word, sizeof word))
            return err_set(err, ST_USAGE, "a %s is expected after '%s'",
                           by ? "field" : "list of segments", by ? "by" : "in");
        TRY(by ? field_order_parse(word, &b->order, err) : parse_list(word, n, chosen, err));
        listed |= !by;
    }
    for (int k = 0; k < n && !listed; k++)
        chosen[k] = true;
    return parse_filter(s, b, text + strspn(text, " \t"), err);
}

/* ---- the segments ---- */

static int by_id(const void *a, const void *b)
{
    const int32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static int32_t *sorted_ids(const struct region *r)
{
    int32_t *ids = x_memdup(r->ids, (size_t)r->n * sizeof *ids);
    qsort(ids, (size_t)r->n, sizeof *ids, by_id);
    return ids;
}

static void note_parts(struct session *s, struct batch *b, const bool *chosen)
{
    int n = session_segmentation(s)->n_segments;
    b->part = x_calloc((size_t)n + 1, sizeof *b->part);
    for (int k = 0; k < n; k++) {
        const struct session_segment *seg = session_segment(s, k);
        if (chosen[k])
            b->part[b->n++] = (struct part){k, sorted_ids(&seg->region), seg->region.n};
    }
}

/* The number of the segment that consists of these nodes now; -1: there is none. */
static int find_part(struct session *s, const struct part *p)
{
    const int *of = session_segment_of(s);
    if (p->n == 0 || p->ids[p->n - 1] >= graph_n_slots(session_graph(s)))
        return -1;
    int k = of[p->ids[0]];
    const struct session_segment *seg = session_segment(s, k);
    if (!seg || seg->region.n != p->n)
        return -1;
    for (int i = 0; i < p->n; i++)
        if (of[p->ids[i]] != k)
            return -1;
    return k;
}

/* ---- going on ---- */

static void add_share(struct str *out, const char *what, int64_t before, int64_t after)
{
    if (before > 0)
        str_addf(out, ", %s %+.1f %%", what, 100.0 * (double)(after - before) / (double)before);
}

/* One line, short: it is a message of the workbench. */
static void summarise(const struct session *s, const struct batch *b, struct str *out)
{
    const struct {
        int n;
        const char *what;
    } rest[] = {{b->without, "no match"},
                {b->fixed, "fixed"},
                {b->gone, "changed by an edit before"},
                {b->n - b->at, "not reached"}};
    const char *sep = ";";
    str_addf(out, "batch: %d of %d replaced", b->replaced, b->n);
    if (b->replaced) {
        const struct cost *now = &s->version.at[b->version]->pub.cost;
        add_share(out, "FLOPs", b->before.flops, now->flops);
        add_share(out, "params", b->before.params, now->params);
    }
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
        if (rest[i].n) {
            str_addf(out, "%s %d %s", sep, rest[i].n, rest[i].what);
            sep = ",";
        }
}

/* *err: why before its end; NULL: it is at its end. */
static void end(struct session *s, struct batch *b, const struct err *why)
{
    struct str line = {0};
    if (why)
        b->err = *why;
    b->on = false;
    hunt_drop(s, &b->hunt);
    summarise(s, b, &line);
    if (why)
        str_addf(&line, "; stopped: %s", b->err.msg);
    session_note(s, !why, "%s", str_text(&line));
    str_done(&line);
}

/* Passes over the segment at hand and counts it. */
static void pass(struct batch *b, int *counter, const char *why)
{
    ++*counter;
    str_addf(&b->log, "segment %d: %s\n", b->part[b->at++].segment, why);
}

/* On to the next segment that has candidates to be tried. */
static void go_on(struct session *s, struct batch *b)
{
    struct err err = {0};
    for (; b->at < b->n;) {
        int k = find_part(s, &b->part[b->at]);
        if (k < 0) {
            pass(b, &b->gone, "changed by an edit before");
        } else if (!session_segment(s, k)->ok) {
            pass(b, &b->fixed, session_segment(s, k)->why);
        } else {
            if (hunt_start(s, &b->hunt, k, &err) != ST_OK)
                end(s, b, &err);
            return;
        }
    }
    end(s, b, NULL);
}

/* Of what passes the filter the first by the order; what the order does not know is none. */
static const struct entry *choose(const struct batch *b)
{
    const struct entry *best = NULL;
    const struct field *f = b->order.field;
    for (size_t i = 0; i < b->hunt.accepted.n; i++) {
        const struct entry *e = b->hunt.accepted.at[i];
        if (e->pub.record && filter_holds(b->filter, &e->pub) &&
            !(f && f->number && isnan(f->number(&e->pub))) &&
            (!best || field_compare(&b->order, &e->pub, &best->pub) < 0))
            best = e;
    }
    return best;
}

static enum status put_in(struct session *s, struct batch *b, unsigned *changed, struct err *err)
{
    const struct entry *e = choose(b);
    if (!e) {
        pass(b, &b->without, "no such candidate");
        return ST_OK;
    }
    TRY(edit_apply(s, b->hunt.segment, e->job, err));
    b->version = s->cursor;
    b->replaced++;
    str_addf(&b->log, "segment %d: version %d: %s\n", b->part[b->at++].segment, s->cursor,
             s->version.at[s->cursor]->command);
    *changed |= SESSION_CHANGED_VERSION;
    return ST_OK;
}

void batch_take(struct session *s, struct job *j, unsigned *changed)
{
    struct batch *b = s->batch;
    struct err err = {0};
    *changed |= SESSION_CHANGED_BATCH;
    if (s->cursor != b->version) {
        job_free(j);
        batch_stop(s, "the network was edited meanwhile");
    } else {
        hunt_take(s, &b->hunt, j);
        if (!hunt_over(&b->hunt))
            return;
        if (b->hunt.asking.code != ST_OK)
            end(s, b, &b->hunt.asking);
        else if (put_in(s, b, changed, &err) != ST_OK)
            end(s, b, &err);
        else
            go_on(s, b);
    }
    if (s->notice.n)
        *changed |= SESSION_CHANGED_NOTICE;
}

enum status session_batch(struct session *s, const char *text, struct err *err)
{
    TRY(session_may_edit(s, err));
    TRY(session_need_db(s, err));
    if (s->batch && s->batch->on)
        return err_set(err, ST_USAGE, "a batch is going on (batch stop)");
    struct batch *b = x_calloc(1, sizeof *b);
    bool *chosen = x_calloc((size_t)session_n_segments(s) + 1, sizeof *chosen);
    b->hunt = (struct hunt){.tag = TAG_BATCH, .segment = -1};
    enum status st = parse(s, b, text, chosen, err);
    if (st == ST_OK)
        note_parts(s, b, chosen);
    free(chosen);
    if (st != ST_OK) {
        free_batch(s, b);
        return st;
    }
    batch_done(s);
    s->batch = b;
    b->on = true;
    b->version = s->cursor;
    b->before = s->version.at[s->cursor]->pub.cost;
    go_on(s, b);
    return ST_OK;
}

void batch_stop(struct session *s, const char *why)
{
    struct err err = {0};
    if (!s->batch || !s->batch->on)
        return;
    err_set(&err, ST_CANCELLED, "%s", why);
    end(s, s->batch, &err);
}

void session_batch_stop(struct session *s)
{
    batch_stop(s, "by you");
}

bool session_batch_progress(const struct session *s, int *done, int *total)
{
    const struct batch *b = s->batch;
    *done = b ? b->at : 0;
    *total = b ? b->n : 0;
    return b && b->on;
}

enum status batch_tell(const struct session *s, struct str *out, struct err *err)
{
    const struct batch *b = s->batch;
    str_add(out, str_text(&b->log));
    if (b->err.code != ST_OK && err)
        *err = b->err;
    return b->err.code;
}
