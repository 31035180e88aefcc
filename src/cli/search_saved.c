#include "cli/search_saved.h"

#include "base/file.h"
#include "search/settings.h"

#include <cjson/cJSON.h>
#include <limits.h>
#include <stdlib.h>

enum { MOST_BYTES = 1 << 16 };

static bool is_among(const char *name, const char *const *all)
{
    while (*all && strcmp(*all, name) != 0)
        all++;
    return *all != NULL;
}

static const char *const files[] = {"segments", "predictor", "preset", NULL};
/* How networks are trained; these last where it is done on the way. */
static const char *const training[] = {
    "measure-every", "measure-seeds", "task",    "data", "epochs",
    "images",        "test-images",   "batch",   "lr",   "shift",
    "flip",          "bn-images",     "average", NULL};

/* Settings of the search; the others are of one run only. */
static bool lasts(const struct search_saved *s, const struct cli *c, const char *name)
{
    bool on_the_way = cli_get(c, "--measure-every") || search_saved_get(s, "measure-every");
    return search_setting_find(name) != SEARCH_SETTINGS || is_among(name, files) ||
           (on_the_way && is_among(name, training));
}

static void put(struct search_saved *s, const char *name, const char *value)
{
    for (size_t i = 0; i < s->option.n; i++)
        if (strcmp(s->option.at[i].name, name) == 0) {
            free(s->option.at[i].value);
            s->option.at[i].value = x_strdup(value);
            return;
        }
    vec_push(&s->option, ((struct search_saved_option){x_strdup(name), x_strdup(value)}));
}

/* As if it had never been given. */
static void drop(struct search_saved *s, const char *name)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->option.n; i++)
        if (strcmp(s->option.at[i].name, name) != 0) {
            s->option.at[kept++] = s->option.at[i];
        } else {
            free(s->option.at[i].name);
            free(s->option.at[i].value);
        }
    s->option.n = kept;
}

const char *search_saved_get(const struct search_saved *s, const char *name)
{
    for (size_t i = 0; i < s->option.n; i++)
        if (strcmp(s->option.at[i].name, name) == 0)
            return s->option.at[i].value;
    return NULL;
}

void search_saved_done(struct search_saved *s)
{
    for (size_t i = 0; i < s->option.n; i++) {
        free(s->option.at[i].name);
        free(s->option.at[i].value);
    }
    vec_done(&s->option);
    free(s->dir);
    free(s->model);
    free(s->input_shape);
}

/* ---- the file ---- */

static char *file_of(const struct search_saved *s)
{
    return x_asprintf("%s/search.json", s->dir);
}

/* Here, where the file can be named. */
static enum status check_value(const char *name, const char *value, const char *path,
                               struct err *err)
{
    struct search_settings scratch;
    struct err why = {0};
    enum search_setting k = search_setting_find(name);
    if (k == SEARCH_SETTINGS)
        return ST_OK;
    search_settings_init(&scratch);
    enum status st = search_settings_set(&scratch, k, value, &why);
    search_settings_done(&scratch);
    return st == ST_OK ? ST_OK : err_set(err, ST_MODEL, "%s: %s", path, why.msg);
}

static enum status take(struct search_saved *s, const cJSON *doc, const char *path, struct err *err)
{
    const cJSON *model = cJSON_GetObjectItemCaseSensitive(doc, "model");
    const cJSON *seed = cJSON_GetObjectItemCaseSensitive(doc, "seed");
    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(doc, "input_shape");
    const cJSON *options = cJSON_GetObjectItemCaseSensitive(doc, "options"), *o;
    int64_t number;
    if (!cJSON_IsString(model) || !cJSON_IsString(seed) || !cJSON_IsObject(options) ||
        !(cJSON_IsString(shape) || cJSON_IsNull(shape)) ||
        !str_to_i64(seed->valuestring, 0, INT64_MAX, &number))
        return err_set(err, ST_MODEL, "%s: not the settings of a search", path);
    s->model = x_strdup(model->valuestring);
    s->seed = (uint64_t)number;
    s->input_shape = cJSON_IsString(shape) ? x_strdup(shape->valuestring) : NULL;
    cJSON_ArrayForEach(o, options)
    {
        if (!cJSON_IsString(o))
            return err_set(err, ST_MODEL, "%s: '%.40s' is no text", path, o->string);
        TRY(check_value(o->string, o->valuestring, path, err));
        put(s, o->string, o->valuestring);
    }
    return ST_OK;
}

/* What a search was begun with and cannot change, on the command line of one that goes on. */
static enum status check_kept(const struct search_saved *s, const struct cli *c, struct err *err)
{
    for (size_t i = 0; i < c->setting.n; i++) {
        const char *name = c->setting.at[i].option->name + 2, *value = c->setting.at[i].value;
        enum search_setting k = search_setting_find(name);
        const char *was = search_saved_get(s, name);
        if (k != SEARCH_SETTINGS && !search_setting_info[k].changes &&
            strcmp(value, was ? was : "") != 0)
            return err_set(err, ST_USAGE, "--%s: this search has %s, which stays as it was begun",
                           name, was ? was : "the default");
    }
    return !cli_get(c, "--seed") || c->seed == s->seed
               ? ST_OK
               : err_set(err, ST_USAGE, "--seed: this search has %llu, which stays as it was begun",
                         (unsigned long long)s->seed);
}

static enum status read_file(struct search_saved *s, struct err *err)
{
    unsigned char *data = NULL;
    size_t size = 0;
    char *path = file_of(s);
    enum status st = file_read(path, MOST_BYTES, &data, &size, err);
    if (st == ST_OK) {
        cJSON *doc = cJSON_ParseWithLength((const char *)data, size);
        st = take(s, doc, path, err);
        cJSON_Delete(doc);
    }
    free(data);
    free(path);
    return st;
}

enum status search_saved_write(const struct search_saved *s, struct err *err)
{
    struct str text = {0};
    struct json j;
    char *path = file_of(s), *seed = x_asprintf("%llu", (unsigned long long)s->seed);
    json_init(&j, &text);
    json_object(&j);
    json_kint(&j, "schema", 1);
    json_kstr(&j, "model", s->model);
    json_kstr(&j, "input_shape", s->input_shape);
    json_kstr(&j, "seed", seed); /* a number of JSON has 53 bits */
    json_key(&j, "options");
    json_object(&j);
    for (size_t i = 0; i < s->option.n; i++)
        json_kstr(&j, s->option.at[i].name, s->option.at[i].value);
    json_object_end(&j);
    json_object_end(&j);
    str_add(&text, "\n");
    enum status st = file_write(path, str_text(&text), text.n, err);
    str_done(&text);
    free(path);
    free(seed);
    return st;
}

/* ---- the command line ---- */

/* Files are found again from another folder. */
static char *lasting(const char *word)
{
    char full[PATH_MAX];
    return x_strdup(realpath(word, full) ? full : word);
}

/* What is kept of how networks are trained, where the command line says nothing. */
static void recall_training(const struct search_saved *s, struct cli *c)
{
    for (const struct cli_option *o = c->command->options; o->name; o++) {
        const char *value = search_saved_get(s, o->name + 2);
        if (value && is_among(o->name + 2, training) && !cli_get(c, o->name))
            vec_push(&c->setting, (struct cli_setting){o, value});
    }
}

enum status search_saved_init(struct search_saved *s, struct cli *c, struct err *err)
{
    const char *resume = cli_get(c, "--resume"), *output = cli_get(c, "--output");
    *s = (struct search_saved){0};
    if (!resume == !c->n_arg || (resume && output) || (!resume && !output))
        return err_set(err, ST_USAGE,
                       "search: a model and -o DIR are needed, or --resume DIR (autogo search "
                       "--help)");
    s->dir = x_strdup(resume ? resume : output);
    if (resume) {
        TRY(read_file(s, err));
        TRY(check_kept(s, c, err));
    } else {
        s->model = lasting(c->arg[0]);
        s->seed = c->seed;
        s->input_shape = c->input_shape ? x_strdup(c->input_shape) : NULL;
    }
    for (size_t i = 0; i < c->setting.n; i++) {
        const char *name = c->setting.at[i].option->name + 2;
        bool is_path = is_among(name, files) || strcmp(name, "data") == 0;
        if (!lasts(s, c, name))
            continue;
        if (resume && search_setting_find(name) != SEARCH_SETTINGS &&
            strcmp(c->setting.at[i].value, "default") == 0) {
            drop(s, name);
            continue;
        }
        char *value = is_path ? lasting(c->setting.at[i].value) : x_strdup(c->setting.at[i].value);
        put(s, name, value);
        free(value);
    }
    recall_training(s, c);
    return ST_OK;
}
