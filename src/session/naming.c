/* What the user says of versions: names and notes, kept in the journal, and which one is marked. */
#include "session/session_priv.h"

#include <stdlib.h>

/* ---- what a text may be ---- */

static enum status check_text(const char *what, const char *text, size_t most, struct err *err)
{
    if (strlen(text) > most)
        return err_set(err, ST_USAGE, "a %s of %zu bytes is too long: %zu at most", what,
                       strlen(text), most);
    for (const char *p = text; *p;) {
        int n = str_utf8(p);
        unsigned char c = (unsigned char)p[0];
        if (n == 0)
            return err_set(err, ST_USAGE, "this %s is not UTF-8", what);
        if (c < ' ' || c == 0x7f || (c == 0xc2 && (unsigned char)p[1] < 0xa0))
            return err_set(err, ST_USAGE, "a %s has no control characters", what);
        p += n;
    }
    return ST_OK;
}

static int by_name(const struct session *s, const char *name)
{
    for (int i = 0; i < session_n_versions(s); i++)
        if (*name && strcmp(session_version(s, i)->name, name) == 0)
            return i;
    return -1;
}

/* It has to be one word of the language, quoted perhaps, that is nothing else. */
static enum status check_name(const struct session *s, int version, const char *name,
                              struct err *err)
{
    int64_t number;
    TRY(check_text("name", name, SESSION_NAME, err));
    if (str_to_i64(name, INT64_MIN, INT64_MAX, &number))
        return err_set(err, ST_USAGE, "'%s' is a number, and versions have numbers already", name);
    if (name[0] == '@' || name[0] == '#' || strchr(name, '"') || strcmp(name, "off") == 0)
        return err_set(err, ST_USAGE, "'%s' is no name: it has a \", begins with @ or #, or is off",
                       name);
    int other = by_name(s, name);
    return other < 0 || other == version
               ? ST_OK
               : err_set(err, ST_USAGE, "version %d is called '%s' already", other, name);
}

/* ---- without journalling ---- */

enum { A_NAME, A_NOTE };
static const char *const verbs[] = {[A_NAME] = "name", [A_NOTE] = "note"};

static enum status check(const struct session *s, int what, int version, const char *text,
                         struct err *err)
{
    if (!session_version(s, version))
        return err_set(err, ST_USAGE, "there is no version %d (0 to %d)", version,
                       session_n_versions(s) - 1);
    return what == A_NAME ? check_name(s, version, text, err)
                          : check_text("note", text, SESSION_NOTE, err);
}

static void put(struct session *s, int what, int version, const char *text)
{
    struct version *v = s->version.at[version];
    char **at = what == A_NAME ? &v->name : &v->note;
    char *copy = x_strdup(text); /* it may be the text of now */
    free(*at);
    *at = copy;
    v->pub.name = v->name;
    v->pub.note = v->note;
}

enum status naming_replay(struct session *s, const char *command, struct err *err)
{
    int64_t version;
    char number[16];
    int what = str_starts(command, "note ") ? A_NOTE : A_NAME;
    const char *at = strchr(command, '@');
    size_t n = at ? strcspn(at, " ") : 0;
    snprintf(number, sizeof number, "%.*s", n > 0 && n < sizeof number ? (int)n - 1 : 0,
             at ? at + 1 : "");
    if (!str_to_i64(number, 0, INT32_MAX, &version))
        return err_set(err, ST_MODEL, "unknown command");
    const char *text = at[n] ? at + n + 1 : "";
    TRY(check(s, what, (int)version, text, err));
    put(s, what, (int)version, text);
    return ST_OK;
}

void naming_drop(struct session *s)
{
    for (int i = 0; i < session_n_versions(s); i++) {
        put(s, A_NAME, i, "");
        put(s, A_NOTE, i, "");
    }
    s->marked = -1;
}

/* ---- what the user does ---- */

static enum status set(struct session *s, int what, int version, const char *text, struct err *err)
{
    TRY(session_may_edit(s, err));
    TRY(check(s, what, version, text, err));
    const struct version *v = s->version.at[version];
    if (strcmp(what == A_NAME ? v->name : v->note, text) == 0)
        return ST_OK;
    char *command = x_asprintf("%s @%d%s%s", verbs[what], version, *text ? " " : "", text);
    enum status st = version_record(s, command, s->version.at[s->cursor]->pub.hash, err);
    free(command);
    if (st == ST_OK)
        put(s, what, version, text);
    return st;
}

enum status session_set_name(struct session *s, int version, const char *name, struct err *err)
{
    return set(s, A_NAME, version, name, err);
}

enum status session_set_note(struct session *s, int version, const char *note, struct err *err)
{
    return set(s, A_NOTE, version, note, err);
}

enum status session_find_version(const struct session *s, const char *word, int *out,
                                 struct err *err)
{
    int64_t v;
    TRY(session_need_model(s, err));
    bool number = str_to_i64(word, INT64_MIN, INT64_MAX, &v);
    *out = number && v >= 0 && v < session_n_versions(s) ? (int)v : number ? -1 : by_name(s, word);
    if (*out >= 0)
        return ST_OK;
    return number
               ? err_set(err, ST_USAGE, "there is no version %lld (0 to %d)", (long long)v,
                         session_n_versions(s) - 1)
               : err_set(err, ST_USAGE, "no version is called '%.60s' (history lists them)", word);
}

int session_marked(const struct session *s)
{
    return s->marked;
}

enum status session_mark(struct session *s, int version, struct err *err)
{
    TRY(session_need_model(s, err));
    if (version >= session_n_versions(s) || version < -1)
        return err_set(err, ST_USAGE, "there is no version %d (0 to %d)", version,
                       session_n_versions(s) - 1);
    s->marked = version;
    return ST_OK;
}
