/* A session written down as a script. The file is whole after every line: it is written anew beside
 * itself and takes its own place. */
#include "ui/ui_priv.h"

#include "base/file.h"
#include "session/fitting.h"
#include "session/searching.h"
#include "session/settings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD \
    "# Recorded by autogo. It runs with: autogo run FILE, or :play FILE in the workbench.\n"

struct recording {
    char *path;
    const struct tab *tab; /* whose session it is of */
    VEC(char *) line;
    int versions, cursor; /* where the script's session stands */
};

/* ---- the file ---- */

static void drop(struct ui *ui)
{
    struct recording *r = ui->recording;
    for (size_t i = 0; i < r->line.n; i++)
        free(r->line.at[i]);
    vec_done(&r->line);
    free(r->path);
    free(r);
    ui->recording = NULL;
}

static enum status write_file(const struct recording *r, struct err *err)
{
    struct str text = {0};
    str_add(&text, HEAD);
    for (size_t i = 0; i < r->line.n; i++)
        str_addf(&text, "%s\n", r->line.at[i]);
    enum status st = file_write(r->path, text.s, text.n, err);
    str_done(&text);
    return st;
}

static void save(struct ui *ui)
{
    struct err err = {0};
    if (write_file(ui->recording, &err) == ST_OK)
        return;
    drop(ui);
    ui_fail(ui, &err);
}

/* ---- lines ---- */

/* Copies the next word of *p into buf. */
static void word(const char **p, char *buf, size_t size)
{
    *p += strspn(*p, " \t");
    size_t n = strcspn(*p, " \t");
    snprintf(buf, size, "%.*s", (int)(n < size ? n : size - 1), *p);
    *p += n;
}

/* Of a number typed digit by digit, or gone through by a key, only the last one is wanted. */
static bool takes_place_of(const char *line, const char *was)
{
    static const char *const verbs[][2] = {
        {"pin", "pin"}, {"pin", "unpin"}, {"unpin", "pin"}, {"fit", "fit"}, {"show", "show"}};
    char a[2][96], b[2][96];
    for (int i = 0; i < 2; i++) {
        word(&line, a[i], sizeof a[i]);
        word(&was, b[i], sizeof b[i]);
    }
    bool same = *a[1] && strcmp(a[1], b[1]) == 0, known = false;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        known |= strcmp(a[0], verbs[i][0]) == 0 && strcmp(b[0], verbs[i][1]) == 0;
    return same && known;
}

static void add(struct recording *r, char *line)
{
    size_t n = r->line.n;
    if (n && takes_place_of(line, r->line.at[n - 1])) {
        free(r->line.at[n - 1]);
        r->line.at[n - 1] = line;
    } else
        vec_push(&r->line, line);
}

void ui_did(struct ui *ui, const char *fmt, ...)
{
    struct recording *r = ui->recording;
    struct str line = {0};
    va_list ap;
    va_start(ap, fmt);
    str_vaddf(&line, fmt, ap);
    va_end(ap);
    ui_log(ui, "did", "%s", line.s);
    if (!r || r->tab != ui->tab) {
        str_done(&line);
        return;
    }
    add(r, str_take(&line));
    r->versions = session_n_versions(ui->tab->session);
    r->cursor = session_cursor(ui->tab->session);
    save(ui);
}

const char *ui_quoted(const char *text, char *buf, size_t size)
{
    snprintf(buf, size, strpbrk(text, " \t") ? "\"%s\"" : "%s", text);
    return buf;
}

static const char *node_word(const struct graph *f, int32_t id, char *buf, size_t size)
{
    const struct node *node = graph_node(f, id);
    const char *name = node && node->name ? node->name : "";
    if (*name && !strpbrk(name, " \t\"#") && graph_find(f, name) == id)
        snprintf(buf, size, "%s", name);
    else
        snprintf(buf, size, "#%d", (int)id);
    return buf;
}

/* NULL: no candidate is shown. Caller frees. */
static char *pin_line(struct ui *ui, int32_t node, int64_t channels)
{
    const struct session_candidate *c = session_previewed(ui->tab->session);
    char name[96];
    if (!c || !c->fragment)
        return NULL;
    node_word(c->fragment, node, name, sizeof name);
    return channels ? x_asprintf("pin %s %lld", name, (long long)channels)
                    : x_asprintf("unpin %s", name);
}

static void add_pin(struct ui *ui, int32_t node, int64_t channels)
{
    char *line = pin_line(ui, node, channels);
    if (line)
        add(ui->recording, line);
}

void ui_did_pin(struct ui *ui, int32_t node, int64_t channels)
{
    char *line = pin_line(ui, node, channels);
    if (line)
        ui_did(ui, "%s", line);
    free(line);
}

/* ---- versions that came otherwise than by a command that can be said again ---- */

/* Its command with all that the settings of now would add to it. */
static char *version_line(struct ui *ui, const struct session_version *v)
{
    struct str line = {0}, now = {0};
    str_add(&line, v->command);
    settings_add_words(session_repair(ui->tab->session), &now);
    bool made = str_starts(v->command, "replace ") || str_starts(v->command, "edit ");
    for (int i = 0; i < SETTINGS && made; i++) {
        char word[40];
        snprintf(word, sizeof word, " %s=", settings_name(i));
        if (strstr(str_text(&now), word) && !strstr(v->command, word))
            str_addf(&line, "%soff", word);
    }
    str_done(&now);
    return str_take(&line);
}

static void catch_up(struct ui *ui)
{
    struct recording *r = ui->recording;
    for (int n = session_n_versions(ui->tab->session); r->versions < n; r->versions++) {
        const struct session_version *v = session_version(ui->tab->session, r->versions);
        if (v->parent != r->cursor)
            add(r, x_asprintf("goto %d", v->parent));
        add(r, version_line(ui, v));
        r->cursor = v->id;
    }
    if (session_cursor(ui->tab->session) != r->cursor)
        add(r, x_asprintf("goto %d", session_cursor(ui->tab->session)));
    r->cursor = session_cursor(ui->tab->session);
}

void record_versions(struct ui *ui)
{
    if (!ui->recording || ui->recording->tab != ui->tab)
        return;
    catch_up(ui);
    save(ui);
}

/* A rank depends on what was found so far: the candidate's name does not. Others are said as
 * versions. NULL: nothing is to be recorded. Caller frees. */
char *record_line(struct ui *ui, const char *line)
{
    static const char *const ranked[] = {"show", "apply", "explain", "why", "reject"};
    static const char *const never[] = {"recover", "fresh", "search take"};
    char verb[32], arg[64];
    const char *p = line;
    int64_t rank;
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (str_starts(line, never[i]))
            return NULL;
    word(&p, verb, sizeof verb);
    word(&p, arg, sizeof arg);
    for (size_t i = 0; i < sizeof ranked / sizeof *ranked; i++)
        if (strcmp(verb, ranked[i]) == 0 &&
            str_to_i64(arg, 1, session_n_candidates(ui->tab->session), &rank))
            return x_asprintf("%s %s", verb,
                              session_candidate(ui->tab->session, (int)rank - 1)->id);
    return x_strdup(line);
}

/* ---- beginning and ending ---- */

static void add_settings(struct ui *ui)
{
    struct recording *r = ui->recording;
    const struct session_repair none = {0};
    struct session_fit_settings usual;
    char now[520], was[520];
    for (int i = 0; i < SETTINGS; i++) {
        char *value = settings_value(session_repair(ui->tab->session), i);
        char *off = settings_value(&none, i);
        if (strcmp(value, off) != 0)
            add(r, x_asprintf("set %s %s", settings_name(i), value));
        free(value);
        free(off);
    }
    session_fit_defaults(&usual);
    for (int i = 0; i < SESSION_FIT_SETTINGS; i++) {
        session_fit_value(session_fit_settings(ui->tab->session), i, now, sizeof now);
        if (strcmp(now, session_fit_value(&usual, i, was, sizeof was)) != 0)
            add(r, x_asprintf("fit %s %s", session_fit_name(i), ui_quoted(now, was, sizeof was)));
    }
    for (int k = 0; k < SEARCH_SETTINGS; k++)
        if (session_search_is_set(ui->tab->session, (enum search_setting)k))
            add(r, x_asprintf("search set %s %s", search_setting_info[k].name,
                              session_search_value(ui->tab->session, (enum search_setting)k)));
}

static void add_names(struct ui *ui)
{
    for (int i = 0; i < session_n_versions(ui->tab->session); i++) {
        const struct session_version *v = session_version(ui->tab->session, i);
        if (*v->name)
            add(ui->recording, x_asprintf("name @%d %s", i, v->name));
        if (*v->note)
            add(ui->recording, x_asprintf("note @%d %s", i, v->note));
    }
    if (session_marked(ui->tab->session) >= 0)
        add(ui->recording, x_asprintf("mark %d", session_marked(ui->tab->session)));
}

/* The candidate that is shown and its pins. */
static void add_shown(struct ui *ui)
{
    struct session *s = ui->tab->session;
    const struct session_candidate *c = session_previewed(s);
    int n;
    if (session_selected(s) < 0)
        return;
    add(ui->recording, x_asprintf("segment %d", session_selected(s)));
    if (!c)
        return;
    const struct mend_pin *pin = session_pins(s, &n);
    add(ui->recording, x_asprintf("%s %s", session_rank(s, c->id) < 0 ? "explain" : "show", c->id));
    for (int i = 0; i < n; i++)
        add_pin(ui, pin[i].node, pin[i].channels);
}

void record_begin(struct ui *ui, const char *path)
{
    struct session *s = ui->tab->session;
    struct err err = {0};
    char spec[600];
    if (ui->recording)
        drop(ui);
    ui->recording = x_calloc(1, sizeof *ui->recording);
    ui->recording->path = x_strdup(path);
    ui->recording->tab = ui->tab;
    if (session_is_open(s)) {
        add(ui->recording, x_asprintf("open %s", ui_quoted(session_spec(s), spec, sizeof spec)));
        ui->recording->versions = 1;
        add_settings(ui);
        catch_up(ui);
        add_names(ui);
        add_shown(ui);
    }
    if (write_file(ui->recording, &err) != ST_OK) {
        drop(ui);
        ui_fail(ui, &err);
    } else
        ui_say(ui, "recording into %s (:record off ends it)", path);
}

void record_end(struct ui *ui)
{
    if (!ui->recording) {
        ui_say(ui, "nothing is being recorded (:record FILE begins)");
        return;
    }
    ui_say(ui, "%s: %zu commands recorded", ui->recording->path, ui->recording->line.n);
    drop(ui);
}

void record_tab_gone(struct ui *ui, const struct tab *t)
{
    if (ui->recording && ui->recording->tab == t)
        drop(ui);
}

void record_done(struct ui *ui)
{
    if (ui->recording)
        drop(ui);
}
