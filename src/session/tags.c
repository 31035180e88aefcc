/* Tags: words that the user gives to records, kept in the journal. */
#include "session/session_priv.h"

#include <stdlib.h>

enum { TAG_MAX = 31 };

static struct tagged *find(const struct session *s, const char *id)
{
    for (size_t i = 0; i < s->tagged.n; i++)
        if (strcmp(s->tagged.at[i].id, id) == 0)
            return &s->tagged.at[i];
    return NULL;
}

const char *tags_of(const struct session *s, const char *id)
{
    const struct tagged *t = find(s, id);
    return t ? t->names : "";
}

enum status tags_check(const char *name, struct err *err)
{
    size_t n = strlen(name);
    bool good = n > 0 && n <= TAG_MAX;
    for (const char *p = name; *p && good; p++)
        good = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
               strchr("._-", *p);
    return good ? ST_OK
                : err_set(err, ST_USAGE, "'%.60s' is no tag: a word of letters, digits and . _ -",
                          name);
}

/* Where the word is in a list of words; NULL: it is not. */
static char *word_in(char *names, const char *name)
{
    size_t n = strlen(name);
    for (char *p = names; *p; p += strcspn(p, " "), p += *p == ' ')
        if (strncmp(p, name, n) == 0 && (p[n] == ' ' || !p[n]))
            return p;
    return NULL;
}

static void show(struct session *s)
{
    hunt_rank(s, &s->hunt);
    if (s->pinned)
        s->pinned->pub.tags = s->base->pub.tags;
}

static void add(struct session *s, const char *id, const char *name)
{
    struct tagged *t = find(s, id), fresh = {.names = x_strdup("")};
    if (!t) {
        snprintf(fresh.id, sizeof fresh.id, "%s", id);
        vec_push(&s->tagged, fresh);
        t = &s->tagged.at[s->tagged.n - 1];
    } else
        free(fresh.names);
    char *names = t->names;
    t->names = x_asprintf("%s%s%s", names, *names ? " " : "", name);
    free(names);
}

/* One without names is none. */
static void take_off(struct session *s, struct tagged *t, char *at, size_t n)
{
    char *from = at + n + (at[n] == ' ');
    memmove(at, from, strlen(from) + 1);
    n = strlen(t->names);
    if (n && t->names[n - 1] == ' ')
        t->names[n - 1] = '\0';
    if (!t->names[0]) {
        free(t->names);
        *t = s->tagged.at[--s->tagged.n];
    }
}

bool tags_put(struct session *s, const char *id, const char *name, bool on)
{
    struct tagged *t = find(s, id);
    char *at = t ? word_in(t->names, name) : NULL;
    if (on == (at != NULL))
        return false;
    if (on)
        add(s, id, name);
    else
        take_off(s, t, at, strlen(name));
    show(s);
    return true;
}

void tags_drop(struct session *s)
{
    for (size_t i = 0; i < s->tagged.n; i++)
        free(s->tagged.at[i].names);
    s->tagged.n = 0;
}

int session_n_tagged(const struct session *s)
{
    return (int)s->tagged.n;
}

enum status session_tag(struct session *s, const char *id, const char *name, bool on, bool *changed,
                        struct err *err)
{
    int64_t record;
    TRY(session_may_edit(s, err));
    TRY(tags_check(name, err));
    if (!candidate_parse_id(id, &record) || record == 0)
        return err_set(err, ST_USAGE, "'%.60s' is no record (s123, u12)", id);
    const struct tagged *t = find(s, id);
    bool is = t && word_in(t->names, name);
    if (changed)
        *changed = is != on;
    if (is == on)
        return ST_OK;
    char *command = x_asprintf("%s %s %s", on ? "tag" : "untag", name, id);
    enum status st = version_record(s, command, s->version.at[s->cursor]->pub.hash, err);
    free(command);
    if (st == ST_OK)
        tags_put(s, id, name, on);
    return st;
}
