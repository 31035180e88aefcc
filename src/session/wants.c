#include "session/wants.h"

#include "base/mem.h"
#include "session/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char channels_mark[] = ":channels=", prefer_mark[] = ":prefer=";

bool wants_any(const struct wants *w)
{
    return w->pin.n || w->bound.n || w->prefer.n;
}

void wants_clear(struct wants *w)
{
    w->pin.n = w->bound.n = w->prefer.n = 0;
}

void wants_done(struct wants *w)
{
    vec_done(&w->pin);
    vec_done(&w->bound);
    vec_done(&w->prefer);
}

void wants_copy(struct wants *to, const struct wants *from)
{
    wants_clear(to);
    for (size_t i = 0; i < from->pin.n; i++)
        vec_push(&to->pin, from->pin.at[i]);
    for (size_t i = 0; i < from->bound.n; i++)
        vec_push(&to->bound, from->bound.at[i]);
    for (size_t i = 0; i < from->prefer.n; i++)
        vec_push(&to->prefer, from->prefer.at[i]);
}

/* ---- one node ---- */

/* Takes the node's entries out; the order of the others stays. */
#define DROP(v, id)                         \
    do {                                    \
        size_t kept = 0;                    \
        for (size_t i = 0; i < (v).n; i++)  \
            if ((v).at[i].node != (id))     \
                (v).at[kept++] = (v).at[i]; \
        (v).n = kept;                       \
    } while (0)

void wants_pin(struct wants *w, int32_t node, int64_t channels)
{
    DROP(w->bound, node);
    for (size_t i = 0; i < w->pin.n; i++)
        if (w->pin.at[i].node == node) {
            w->pin.at[i].channels = channels;
            return;
        }
    vec_push(&w->pin, (struct mend_pin){node, channels});
}

void wants_bound(struct wants *w, int32_t node, int64_t lo, int64_t hi)
{
    DROP(w->pin, node);
    DROP(w->bound, node);
    vec_push(&w->bound, (struct mend_bound){node, lo, hi});
}

void wants_prefer(struct wants *w, int32_t node, int64_t channels)
{
    DROP(w->prefer, node);
    vec_push(&w->prefer, (struct mend_pin){node, channels});
}

void wants_release(struct wants *w, int32_t node)
{
    DROP(w->pin, node);
    DROP(w->bound, node);
    DROP(w->prefer, node);
}

/* ---- words ---- */

bool wants_parse_width(const char *text, int64_t *lo, int64_t *hi, bool *range)
{
    const char *dots = strstr(text, "..");
    *range = dots != NULL;
    if (!dots) {
        bool good = str_to_i64(text, 1, INT32_MAX, lo);
        *hi = *lo;
        return good;
    }
    char *first = x_strndup(text, (size_t)(dots - text));
    bool good = str_to_i64(first, 1, INT32_MAX, lo) && str_to_i64(dots + 2, *lo, INT32_MAX, hi);
    free(first);
    return good;
}

static const char *last_of(const char *text, const char *mark)
{
    const char *at = NULL;
    for (const char *p = text; (p = strstr(p, mark)); p++)
        at = p;
    return at;
}

bool wants_is_word(const char *word)
{
    return strstr(word, channels_mark) || strstr(word, prefer_mark);
}

enum status wants_add_word(struct wants *w, const struct graph *f, const char *word,
                           struct err *err)
{
    const char *at = last_of(word, channels_mark), *wish = last_of(word, prefer_mark);
    bool prefer = wish && (!at || wish > at), range = false;
    const char *value = prefer ? wish + sizeof prefer_mark - 1
                        : at   ? at + sizeof channels_mark - 1
                               : "";
    int64_t lo = 0, hi = 0;
    if (!wants_parse_width(value, &lo, &hi, &range) || (prefer && range))
        return err_set(err, ST_USAGE,
                       "'%.100s' is not like NODE:channels=64, NODE:channels=32..128 or "
                       "NODE:prefer=64",
                       word);
    char *name = x_strndup(word, (size_t)((prefer ? wish : at) - word));
    int32_t node = session_fragment_node(f, name);
    if (node < 0)
        err_set(err, ST_USAGE, "the candidate has no node '%.100s'", name);
    free(name);
    if (node < 0)
        return ST_USAGE;
    /* Two pins of one node stay both: they contradict each other, which is for the repair to say.
     */
    if (prefer)
        vec_push(&w->prefer, (struct mend_pin){node, lo});
    else if (range)
        vec_push(&w->bound, (struct mend_bound){node, lo, hi});
    else
        vec_push(&w->pin, (struct mend_pin){node, lo});
    return ST_OK;
}

static bool simple_name(const struct graph *f, const char *name, int32_t id)
{
    if (!name[0] || name[0] == '#' || session_fragment_node(f, name) != id)
        return false;
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == '"')
            return false;
    return true;
}

static void add_name(const struct graph *f, int32_t id, struct str *out)
{
    const struct node *node = graph_node(f, id);
    if (node && simple_name(f, node_label(node), id))
        str_addf(out, " %s", node_label(node));
    else
        str_addf(out, " #%d", (int)id);
}

void wants_to_words(const struct wants *w, const struct graph *f, struct str *out)
{
    for (size_t i = 0; i < w->pin.n; i++) {
        add_name(f, w->pin.at[i].node, out);
        str_addf(out, "%s%lld", channels_mark, (long long)w->pin.at[i].channels);
    }
    for (size_t i = 0; i < w->bound.n; i++) {
        add_name(f, w->bound.at[i].node, out);
        str_addf(out, "%s%lld..%lld", channels_mark, (long long)w->bound.at[i].lo,
                 (long long)w->bound.at[i].hi);
    }
    for (size_t i = 0; i < w->prefer.n; i++) {
        add_name(f, w->prefer.at[i].node, out);
        str_addf(out, "%s%lld", prefer_mark, (long long)w->prefer.at[i].channels);
    }
}
