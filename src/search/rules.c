/* The limits of a search, and what of them may be changed while it runs: limits of costs, the
 * accuracy that may be lost, what is frozen and what may be put in. In force is what the archive
 * says, in its words, so that a search that was killed meets every change where it was made. */
#include "search/search_priv.h"

#include "base/str.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char NONE[] = "none";

/* ---- from options ---- */

/* Caller frees, as of all below. */
static char *limit_word(const struct search_opts *o, int goal)
{
    const struct search_limit *l = &o->limit[goal];
    return !l->set       ? x_strdup(NONE)
           : l->relative ? x_asprintf("%+.9g%%", 100 * (l->value - 1))
                         : x_asprintf("%.12g", l->value);
}

static char *loss_word(const struct search_opts *o, int goal)
{
    (void)goal;
    return isinf(o->max_loss) ? x_strdup(NONE) : x_asprintf("%.12g", o->max_loss);
}

static int by_id(const void *a, const void *b)
{
    const int32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* By id, each once: however it was said. */
static char *frozen_word(const struct search_opts *o, int goal)
{
    struct str out = {0};
    int32_t *id = x_malloc(((size_t)o->n_frozen + 1) * sizeof *id);
    (void)goal;
    for (int i = 0; i < o->n_frozen; i++)
        id[i] = o->frozen[i];
    qsort(id, (size_t)o->n_frozen, sizeof *id, by_id);
    for (int i = 0; i < o->n_frozen; i++)
        if (i == 0 || id[i] != id[i - 1])
            str_addf(&out, "%s%d", out.n ? "," : "", (int)id[i]);
    free(id);
    return out.n ? str_take(&out) : x_strdup(NONE);
}

static char *forbidden_word(const struct search_opts *o, int goal)
{
    struct str out = {0};
    (void)goal;
    for (int i = 0; o->forbidden && i < OP_COUNT; i++)
        if (o->forbidden[i])
            str_addf(&out, "%s%s", out.n ? "," : "", op_info((enum op)i)->id);
    return out.n ? str_take(&out) : x_strdup(NONE);
}

/* ---- into force ---- */

static bool take_limit(struct search *s, int goal, const char *word)
{
    struct search_limit *l = &s->own.limit[goal];
    double v = INFINITY;
    bool percent = false, none = strcmp(word, NONE) == 0;
    if (!none && !str_to_limit(word, &v, &percent))
        return false;
    v = percent ? 1 + v / 100 : v;
    *l = (struct search_limit){.set = !none, .relative = percent, .value = v};
    s->most[goal] = percent ? v * s->base.value[goal] : v;
    return v > 0;
}

static bool take_loss(struct search *s, int goal, const char *word)
{
    (void)goal;
    s->own.max_loss = INFINITY;
    return strcmp(word, NONE) == 0 || str_to_double(word, &s->own.max_loss);
}

static bool take_frozen(struct search *s, int goal, const char *word)
{
    char *copy = x_strdup(word), *rest = copy;
    bool good = true;
    (void)goal;
    s->frozen.n = 0;
    for (char *id; strcmp(word, NONE) != 0 && good && (id = strsep(&rest, ",")) != NULL;) {
        int64_t v;
        good = str_to_i64(id, 0, INT32_MAX, &v);
        if (good)
            vec_push(&s->frozen, (int32_t)v);
    }
    free(copy);
    s->own.frozen = s->frozen.at;
    s->own.n_frozen = (int)s->frozen.n;
    return good;
}

static bool take_forbidden(struct search *s, int goal, const char *word)
{
    char *copy = x_strdup(word), *rest = copy;
    bool good = true, none = strcmp(word, NONE) == 0;
    (void)goal;
    memset(s->forbidden, 0, sizeof s->forbidden);
    for (char *id; !none && good && (id = strsep(&rest, ",")) != NULL;) {
        int i = 0;
        while (i < OP_COUNT && strcmp(op_info((enum op)i)->id, id) != 0)
            i++;
        good = i < OP_COUNT;
        if (good)
            s->forbidden[i] = true;
    }
    free(copy);
    s->own.forbidden = none ? NULL : s->forbidden;
    return good;
}

/* ---- in few words ---- */

static void say_limit(const char *word, const char *unit, struct str *out)
{
    char buf[32];
    double v;
    bool percent;
    (void)unit;
    str_add(out, str_to_limit(word, &v, &percent) && !percent ? str_si(v, buf, sizeof buf) : word);
}

static void say_number(const char *word, const char *unit, struct str *out)
{
    str_addf(out, strcmp(word, NONE) == 0 ? "%s" : "%s %s", word, unit);
}

static void say_count(const char *word, const char *unit, struct str *out)
{
    int n = 1;
    for (const char *c = word; *c; c++)
        n += *c == ',';
    if (strcmp(word, NONE) == 0)
        str_add(out, word);
    else
        str_addf(out, "%d %s%s", n, unit, n == 1 ? "" : "s");
}

static const struct rule {
    const char *name;
    int goal;
    char *(*word)(const struct search_opts *o, int goal);
    bool (*take)(struct search *s, int goal, const char *word);
    void (*say)(const char *word, const char *unit, struct str *out);
    const char *unit;
    bool stays; /* it may not be changed */
} rules[RULES] = {
    {"max-flops", GOAL_FLOPS, limit_word, take_limit, say_limit, "", false},
    {"max-params", GOAL_PARAMS, limit_word, take_limit, say_limit, "", false},
    {"max-memory", GOAL_MEMORY, limit_word, take_limit, say_limit, "", false},
    {"max-cycles", GOAL_CYCLES, limit_word, take_limit, say_limit, "", false},
    {"max-energy", GOAL_ENERGY, limit_word, take_limit, say_limit, "", false},
    {"max-latency", GOAL_LATENCY, limit_word, take_limit, say_limit, "", true},
    {"max-loss", GOAL_ACC, loss_word, take_loss, say_number, "sigma", false},
    {"freeze", GOAL_ACC, frozen_word, take_frozen, say_count, "node", false},
    {"no-ops", GOAL_ACC, forbidden_word, take_forbidden, say_count, "operator", false},
};

static enum status damaged(const struct search *s, const char *name, struct err *err)
{
    return err_set(err, ST_MODEL, "%s: %.40s in it is damaged", s->path, name);
}

/* *changed is set where it was otherwise. */
static enum status apply(struct search *s, int k, const char *word, bool *changed, struct err *err)
{
    struct search_change now = {.generation = s->generation};
    struct str text = {0};
    if (s->rule[k] && strcmp(s->rule[k], word) == 0)
        return ST_OK;
    if (!rules[k].take(s, rules[k].goal, word))
        return damaged(s, rules[k].name, err);
    if (s->rule[k] && s->generation > 0) {
        str_addf(&text, "%s ", rules[k].name);
        rules[k].say(word, rules[k].unit, &text);
        snprintf(now.text, sizeof now.text, "%s", str_text(&text));
        str_done(&text);
        vec_push(&s->change, now);
    }
    char *copy = x_strdup(word);
    free(s->rule[k]);
    s->rule[k] = copy;
    *changed = true;
    return ST_OK;
}

/* ---- the front and the population under them ---- */

static enum status readmit(void *arg, const struct search_point *p, enum search_fate fate,
                           const char *reason, struct err *err)
{
    struct search *s = arg;
    (void)reason;
    (void)err;
    bool judged = fate == FATE_ACCEPTED || fate == FATE_BEYOND || fate == FATE_GUEST;
    if (judged && p->generation <= s->generation && select_excess(s, p) == 0)
        select_front(s, p);
    return ST_OK;
}

enum status rules_front(struct search *s, struct err *err)
{
    s->front.n = 0;
    if (select_excess(s, &s->base) == 0)
        select_front(s, &s->base);
    return s->generation ? archive_each(s->archive, readmit, s, err) : ST_OK;
}

static bool is_member(const struct search *s, int64_t id)
{
    for (size_t i = 0; i < s->member.n; i++)
        if (s->member.at[i]->point.id == id)
            return true;
    return false;
}

/* The front has children again, also those of it that had left. */
static enum status bring_back(struct search *s, bool replayed, struct err *err)
{
    for (size_t i = 0; i < s->front.n; i++) {
        struct graph *g = NULL;
        if (is_member(s, s->front.at[i].id))
            continue;
        if (!replayed)
            TRY(lineage_remake(s, &s->front.at[i], &g, err));
        struct member *m = x_calloc(1, sizeof *m);
        m->point = s->front.at[i];
        m->graph = g;
        vec_push(&s->member, m);
    }
    return ST_OK;
}

/* Those beyond the limits leave, unless there is no other to go on from. */
static void send_away(struct search *s)
{
    size_t within = 0, kept = 0;
    for (size_t i = 0; i < s->member.n; i++)
        within += select_excess(s, &s->member.at[i]->point) == 0;
    for (size_t i = 0; i < s->member.n && within; i++) {
        struct member *m = s->member.at[i];
        if (select_excess(s, &m->point) == 0)
            s->member.at[kept++] = m;
        else
            member_free(m);
    }
    s->member.n = within ? kept : s->member.n;
}

/* Estimates that trainings corrected are not those of the archive: then nobody comes back. */
static enum status regroup(struct search *s, bool replayed, struct err *err)
{
    for (size_t i = 0; i < s->member.n; i++) /* other places may be frozen */
        member_forget(s->member.at[i]);
    if (!s->truths)
        TRY(rules_front(s, err));
    if (!s->truths && s->o->scheme != SEARCH_RANDOM)
        TRY(bring_back(s, replayed, err));
    send_away(s);
    select_again(s);
    while (s->member.n > (size_t)s->population)
        member_free(s->member.at[--s->member.n]);
    return ST_OK;
}

/* ---- the archive's ---- */

static int rule_of(const char *name)
{
    int k = 0;
    while (k < RULES && strcmp(rules[k].name, name) != 0)
        k++;
    return k;
}

static enum status take_event(void *arg, int64_t generation, const char *name, const char *value,
                              struct err *err)
{
    struct search *s = arg;
    int k = rule_of(name);
    if (k == RULES)
        return damaged(s, name, err);
    vec_push(&s->event, (struct rule_event){generation, k, x_strdup(value)});
    return ST_OK;
}

/* The last word that the archive has of it. */
static const char *last_word(const struct search *s, int k)
{
    const char *word = NULL;
    for (size_t i = 0; i < s->event.n; i++)
        word = s->event.at[i].rule == k ? s->event.at[i].word : word;
    return word;
}

enum status rules_load(struct search *s, struct err *err)
{
    return archive_settings(s->archive, take_event, s, err);
}

enum status rules_check(const struct search *s, struct err *err)
{
    for (int k = 0; k < RULES && s->event.n; k++) {
        const char *was = last_word(s, k);
        char *word = rules[k].word(s->given, rules[k].goal);
        bool same = was && strcmp(was, word) == 0;
        free(word);
        if (!same && (rules[k].stays || !s->given->may_change))
            return err_set(err, ST_USAGE, "%s: of a search with other options: %s is %.60s%s",
                           s->path, rules[k].name, was ? was : "missing",
                           rules[k].stays ? ", and stays so" : " (--resume changes it)");
    }
    return ST_OK;
}

enum status rules_replay(struct search *s, bool *changed, struct err *err)
{
    *changed = false;
    for (int k = 0; k < RULES; k++) { /* in this order, as rules_settle does */
        for (size_t i = 0; i < s->event.n; i++)
            if (s->event.at[i].rule == k && s->event.at[i].generation == s->generation)
                TRY(apply(s, k, s->event.at[i].word, changed, err));
        if (!s->rule[k])
            return damaged(s, rules[k].name, err);
    }
    return ST_OK;
}

enum status rules_meet_again(struct search *s, struct err *err)
{
    bool changed;
    TRY(rules_replay(s, &changed, err));
    return changed ? regroup(s, true, err) : ST_OK;
}

/* What held before this generation needs no word behind it. */
static enum status write_word(struct search *s, int k, const char *word, struct err *err)
{
    bool same = s->rule[k] && strcmp(s->rule[k], word) == 0;
    if (!same)
        return archive_set(s->archive, s->generation, rules[k].name, word, err);
    return s->generation ? archive_unset(s->archive, s->generation, rules[k].name, err) : ST_OK;
}

enum status rules_settle(struct search *s, const struct search_opts *o, struct err *err)
{
    char *word[RULES];
    bool changed = false;
    for (int k = 0; k < RULES; k++)
        word[k] = rules[k].word(o, rules[k].goal);
    s->own.evaluations = o->evaluations;
    s->own.seconds = o->seconds;
    enum status st = archive_begin(s->archive, err);
    for (int k = 0; k < RULES && st == ST_OK; k++)
        st = write_word(s, k, word[k], err);
    st = st == ST_OK ? archive_commit(s->archive, err) : st;
    for (int k = 0; k < RULES && st == ST_OK; k++)
        st = apply(s, k, word[k], &changed, err);
    for (int k = 0; k < RULES; k++)
        free(word[k]);
    return st == ST_OK && changed ? regroup(s, false, err) : st;
}

void rules_done(struct search *s)
{
    for (int k = 0; k < RULES; k++)
        free(s->rule[k]);
    for (size_t i = 0; i < s->event.n; i++)
        free(s->event.at[i].word);
    vec_done(&s->event);
    vec_done(&s->change);
    vec_done(&s->frozen);
}
