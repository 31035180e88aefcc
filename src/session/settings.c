#include "session/settings.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum which { GROW, ADAPT, MULTIPLE, MAX_FLOPS, MAX_PARAMS };

static const struct {
    const char *name, *help;
    int64_t max; /* 0: a switch */
} table[SETTINGS] = {
    [GROW] = {"grow", "nodes outside the segment that a repair may change too", 64},
    [ADAPT] = {"adapt", "adapters at the ports when nothing else fits", 0},
    [MULTIPLE] = {"multiple", "widths are multiples of it where possible (0: of 8 where they were)",
                  1024},
    [MAX_FLOPS] = {"max-flops", "limit of the network's FLOPs by the paper's rule", INT64_MAX},
    [MAX_PARAMS] = {"max-params", "limit of the network's parameters", INT64_MAX},
};

static int64_t get(const struct session_repair *r, int i)
{
    switch ((enum which)i) {
    case GROW:
        return r->grow;
    case ADAPT:
        return r->adapt;
    case MULTIPLE:
        return r->multiple;
    case MAX_FLOPS:
        return r->max_flops_paper;
    case MAX_PARAMS:
        return r->max_params;
    }
    return 0;
}

static void put(struct session_repair *r, int i, int64_t v)
{
    switch ((enum which)i) {
    case GROW:
        r->grow = (int)v;
        break;
    case ADAPT:
        r->adapt = v != 0;
        break;
    case MULTIPLE:
        r->multiple = (int)v;
        break;
    case MAX_FLOPS:
        r->max_flops_paper = v;
        break;
    case MAX_PARAMS:
        r->max_params = v;
        break;
    }
}

static int find(const char *name, size_t n)
{
    for (int i = 0; i < SETTINGS; i++)
        if (strlen(table[i].name) == n && strncmp(table[i].name, name, n) == 0)
            return i;
    return -1;
}

static bool is_limit(int i)
{
    return i == MAX_FLOPS || i == MAX_PARAMS;
}

/* ---- text to values ---- */

/* "4.2G", "8000000000", "+10%", "-20%". Whole numbers stay exact. */
static bool parse_limit(const char *text, int64_t now, int64_t *out)
{
    double v;
    bool percent;
    if (str_to_i64(text, 1, INT64_MAX, out))
        return true;
    if (!str_to_limit(text, &v, &percent))
        return false;
    if (percent)
        v = (double)now * (1 + v / 100);
    if (!(v >= 1 && v < 9e18))
        return false;
    *out = (int64_t)v;
    return true;
}

enum status settings_set(struct session_repair *r, const char *name, const char *value,
                         const struct cost *now, struct err *err)
{
    int64_t v;
    int i = find(name, strlen(name));
    if (i < 0)
        return err_set(err, ST_USAGE,
                       "no setting '%.60s' (grow, adapt, multiple, max-flops, max-params)", name);
    bool off = strcmp(value, "off") == 0;
    if (i == ADAPT) {
        if (!off && strcmp(value, "on") != 0)
            return err_set(err, ST_USAGE, "%s '%.60s' is neither on nor off", name, value);
        v = !off;
    } else if (off) {
        v = 0;
    } else if (is_limit(i)) {
        if (!parse_limit(value, i == MAX_FLOPS ? now->flops_paper : now->params, &v))
            return err_set(err, ST_USAGE,
                           "%s '%.60s' is not like 4.2G, +10%%, -20%% (of the network), or off",
                           name, value);
    } else if (!str_to_i64(value, 0, table[i].max, &v)) {
        return err_set(err, ST_USAGE, "%s '%.60s' is not a whole number from 0 to %lld", name,
                       value, (long long)table[i].max);
    }
    put(r, i, v);
    return ST_OK;
}

enum status settings_set_word(struct session_repair *r, const char *word, const struct cost *now,
                              struct err *err)
{
    const char *eq = strchr(word, '=');
    char *name = x_strndup(word, eq ? (size_t)(eq - word) : strlen(word));
    enum status st = settings_set(r, name, eq ? eq + 1 : "", now, err);
    free(name);
    return st;
}

bool settings_is_word(const char *word)
{
    const char *eq = strchr(word, '=');
    return eq && find(word, (size_t)(eq - word)) >= 0;
}

enum status settings_check(const struct session_repair *r, struct err *err)
{
    for (int i = 0; i < SETTINGS; i++) {
        int64_t v = get(r, i), max = table[i].max ? table[i].max : 1;
        if (v < 0 || v > max)
            return err_set(err, ST_USAGE, "%s %lld is not from 0 to %lld", table[i].name,
                           (long long)v, (long long)max);
    }
    return ST_OK;
}

bool settings_equal(const struct session_repair *a, const struct session_repair *b)
{
    for (int i = 0; i < SETTINGS; i++)
        if (get(a, i) != get(b, i))
            return false;
    return true;
}

/* ---- values to text ---- */

const char *settings_name(int i)
{
    return table[i].name;
}

const char *settings_help(int i)
{
    return table[i].help;
}

char *settings_value(const struct session_repair *r, int i)
{
    int64_t v = get(r, i);
    if (i == ADAPT || (is_limit(i) && v == 0))
        return x_strdup(v ? "on" : "off");
    return x_asprintf("%lld", (long long)v);
}

void settings_add_words(const struct session_repair *r, struct str *out)
{
    for (int i = 0; i < SETTINGS; i++) {
        if (get(r, i) == 0)
            continue;
        char *value = settings_value(r, i);
        str_addf(out, " %s=%s", table[i].name, value);
        free(value);
    }
}
