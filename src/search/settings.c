#include "search/settings.h"

#include "base/mem.h"
#include "base/vec.h"

#include <math.h>
#include <string.h>

/* Estimates grow without bounds away from what the predictor learnt from, so a search that may go
 * there finds what is wrong with the predictor. */
#define TRUST 1.25

const struct search_setting_info search_setting_info[SEARCH_SETTINGS] = {
#define SETTING(id, name, value, help, changes) {name, value, help, changes},
#include "search/settings.def"
#undef SETTING
};

enum search_setting search_setting_find(const char *name)
{
    int k = 0;
    while (k < SEARCH_SETTINGS && strcmp(search_setting_info[k].name, name) != 0)
        k++;
    return (enum search_setting)k;
}

void search_settings_init(struct search_settings *s)
{
    *s = (struct search_settings){.o = {.goal = {GOAL_ACC, GOAL_FLOPS},
                                        .n_goal = 2,
                                        .evaluations = 1000,
                                        .trust = TRUST,
                                        .max_loss = INFINITY}};
}

void search_settings_done(struct search_settings *s)
{
    for (int k = 0; k < SEARCH_SETTINGS; k++)
        free(s->text[k]);
    free(s->frozen);
}

/* ---- values ---- */

static enum status set_goals(struct search_opts *o, const char *text, struct err *err)
{
    char *copy = x_strdup(text), *rest = copy;
    enum status st = ST_OK;
    o->n_goal = 0;
    for (char *word; st == ST_OK && (word = strsep(&rest, ",")) != NULL;) {
        enum search_goal g;
        bool twice = false;
        if (!search_goal_find(word, &g)) {
            st = err_set(err, ST_USAGE,
                         "objectives: '%.40s' is none of acc, flops, params, memory, cycles, "
                         "energy, latency",
                         word);
            break;
        }
        for (int k = 0; k < o->n_goal; k++)
            twice |= o->goal[k] == g;
        if (twice || o->n_goal == FRONT_GOALS)
            st = err_set(err, ST_USAGE, "objectives: at most %d different ones", FRONT_GOALS);
        else
            o->goal[o->n_goal++] = g;
    }
    free(copy);
    return st;
}

/* "4.2G", "12.5", "+10%", "-20%" */
static enum status set_limit(struct search_limit *l, const char *name, const char *text,
                             struct err *err)
{
    double v;
    bool percent;
    if (!str_to_limit(text, &v, &percent))
        v = 0;
    else if (percent)
        v = 1 + v / 100;
    if (!(v > 0) || isinf(v))
        return err_set(err, ST_USAGE, "%s: '%.40s' is not like 4.2G, +10%%, -20%%", name, text);
    *l = (struct search_limit){.set = true, .relative = percent, .value = v};
    return ST_OK;
}

static enum status set_number(double *out, const char *name, const char *text, struct err *err)
{
    if (!str_to_double(text, out) || !(*out >= 0) || *out > 1e9)
        return err_set(err, ST_USAGE, "%s: '%.40s' is no number of at least 0", name, text);
    return ST_OK;
}

static enum status set_count(int64_t *out, int64_t lo, int64_t hi, const char *name,
                             const char *text, struct err *err)
{
    if (!str_to_i64(text, lo, hi, out))
        return err_set(err, ST_USAGE, "%s: '%.60s' is not a whole number from %lld to %lld", name,
                       text, (long long)lo, (long long)hi);
    return ST_OK;
}

/* A list of operators; all of them are known. */
static enum status mark_ops(bool *marked, const char *text, const char *name, struct err *err)
{
    char *copy = x_strdup(text), *rest = copy;
    enum status st = ST_OK;
    for (char *word; st == ST_OK && (word = strsep(&rest, ",")) != NULL;) {
        enum op op = op_from_onnx(word);
        if (op == OP_OPAQUE)
            st = err_set(err, ST_USAGE, "%s: '%.40s' is no operator that is known", name, word);
        else
            marked[op] = true;
    }
    free(copy);
    return st;
}

static enum status set_value(struct search_settings *s, enum search_setting k, const char *value,
                             struct err *err)
{
    const char *name = search_setting_info[k].name;
    struct search_opts *o = &s->o;
    bool marked[OP_COUNT] = {0};
    int64_t n;
    double v;
    switch (k) {
    case SET_OBJECTIVES:
        return set_goals(o, value, err);
    case SET_EVALUATIONS:
        return set_count(&o->evaluations, 1, (int64_t)1 << 40, name, value, err);
    case SET_MINUTES:
        TRY(set_number(&v, name, value, err));
        o->seconds = 60 * v;
        return ST_OK;
    case SET_POPULATION:
        TRY(set_count(&n, 4, 4096, name, value, err));
        o->population = (int)n;
        return ST_OK;
    case SET_SCHEME:
        return search_scheme_find(value, &o->scheme)
                   ? ST_OK
                   : err_set(err, ST_USAGE, "scheme: '%.40s' is neither nsga2 nor random", value);
    case SET_SOURCES:
        return search_source_find(value, &o->source)
                   ? ST_OK
                   : err_set(err, ST_USAGE,
                             "sources: '%.40s' is none of mixed, flops, cycles, paid, random",
                             value);
    case SET_MAX_FLOPS:
        return set_limit(&o->limit[GOAL_FLOPS], name, value, err);
    case SET_MAX_PARAMS:
        return set_limit(&o->limit[GOAL_PARAMS], name, value, err);
    case SET_MAX_MEMORY:
        return set_limit(&o->limit[GOAL_MEMORY], name, value, err);
    case SET_MAX_CYCLES:
        return set_limit(&o->limit[GOAL_CYCLES], name, value, err);
    case SET_MAX_ENERGY:
        return set_limit(&o->limit[GOAL_ENERGY], name, value, err);
    case SET_MAX_LATENCY:
        return set_limit(&o->limit[GOAL_LATENCY], name, value, err);
    case SET_MAX_LOSS:
        return set_number(&o->max_loss, name, value, err);
    case SET_TRUST:
        return set_number(&o->trust, name, value, err);
    case SET_OPS:
    case SET_NO_OPS:
        return mark_ops(marked, value, name, err);
    case SET_FREEZE:
    case SEARCH_SETTINGS:
        break;
    }
    return ST_OK;
}

enum status search_settings_set(struct search_settings *s, enum search_setting k, const char *value,
                                struct err *err)
{
    TRY(set_value(s, k, value, err));
    char *copy = x_strdup(value);
    free(s->text[k]);
    s->text[k] = copy;
    return ST_OK;
}

void search_settings_copy(struct search_settings *s, const struct search_settings *from,
                          enum search_setting without)
{
    search_settings_init(s);
    for (int k = 0; k < SEARCH_SETTINGS; k++) /* they have been taken once */
        if (from->text[k] && k != (int)without)
            search_settings_set(s, (enum search_setting)k, from->text[k], NULL);
}

/* ---- what depends on the network ---- */

struct frozen {
    int32_t *at;
    size_t n, cap;
};

static bool freeze_segments(struct frozen *f, const struct bpe_segmentation *s, const char *word)
{
    const char *dash = strchr(word, '-');
    char *first = x_strndup(word, dash ? (size_t)(dash - word) : strlen(word));
    int64_t a, b;
    bool good = str_to_i64(first, 0, s->n_segments - 1, &a) &&
                str_to_i64(dash ? dash + 1 : first, a, s->n_segments - 1, &b);
    free(first);
    for (int64_t k = a; good && k <= b; k++)
        for (int i = 0; i < s->segment[k].len; i++)
            vec_push(f, s->order[s->segment[k].start + i]);
    return good;
}

static enum status freeze(struct search_settings *s, const struct graph *g,
                          const struct bpe_vocab *v, struct err *err)
{
    struct bpe_segmentation cut;
    struct frozen f = {0};
    TRY(bpe_segment_graph(v, g, &cut, err));
    char *copy = x_strdup(s->text[SET_FREEZE]), *rest = copy;
    enum status st = ST_OK;
    for (char *word; st == ST_OK && (word = strsep(&rest, ",")) != NULL;) {
        int32_t node = graph_find(g, word);
        if (node >= 0)
            vec_push(&f, node);
        else if (!freeze_segments(&f, &cut, word))
            st = err_set(err, ST_USAGE,
                         "freeze: '%.60s' is neither a node nor a segment from 0 to %d", word,
                         cut.n_segments - 1);
    }
    bpe_segmentation_done(&cut);
    free(copy);
    free(s->frozen);
    s->frozen = f.at;
    s->o.frozen = f.at;
    s->o.n_frozen = (int)f.n;
    return st;
}

enum status search_settings_bind(struct search_settings *s, const struct graph *g,
                                 const struct bpe_vocab *v, struct err *err)
{
    bool allowed[OP_COUNT] = {0};
    if (s->text[SET_OPS])
        TRY(mark_ops(allowed, s->text[SET_OPS], "ops", err));
    /* a fragment's ends are not put in */
    allowed[OP_INPUT] = allowed[OP_OUTPUT] = true;
    for (int i = 0; i < OP_COUNT; i++)
        s->forbidden[i] = s->text[SET_OPS] && !allowed[i];
    if (s->text[SET_NO_OPS])
        TRY(mark_ops(s->forbidden, s->text[SET_NO_OPS], "no-ops", err));
    s->o.forbidden = s->text[SET_OPS] || s->text[SET_NO_OPS] ? s->forbidden : NULL;
    return s->text[SET_FREEZE] ? freeze(s, g, v, err) : ST_OK;
}
