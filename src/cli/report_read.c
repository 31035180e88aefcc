#include "cli/report.h"

#include "base/file.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_BYTES = 256 << 20 };

static const cJSON *field(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static double number(const cJSON *object, const char *key)
{
    const cJSON *v = field(object, key);
    return cJSON_IsNumber(v) ? v->valuedouble : NAN;
}

static int64_t count(const cJSON *object, const char *key)
{
    double v = number(object, key);
    return v >= 0 && v < 9e15 ? (int64_t)v : 0;
}

static enum status read_json(const char *path, cJSON **out, struct err *err)
{
    unsigned char *data = NULL;
    size_t size = 0;
    TRY(file_read(path, MOST_BYTES, &data, &size, err));
    *out = cJSON_ParseWithLength((const char *)data, size);
    free(data);
    if (!cJSON_IsObject(*out))
        return err_set(err, ST_MODEL, "%s: no JSON document, or damaged", path);
    return ST_OK;
}

static void read_costs(struct search_point *p, const cJSON *from)
{
    for (int g = GOAL_FLOPS; g < SEARCH_GOALS; g++)
        p->value[g] = number(from, search_goal_name((enum search_goal)g));
}

static enum status read_goals(struct report *r, const char *path, struct err *err)
{
    const cJSON *v;
    cJSON_ArrayForEach(v, field(r->doc, "objectives"))
    {
        const char *name = cJSON_GetStringValue(v);
        if (r->n_goal == FRONT_GOALS || !name || !search_goal_find(name, &r->goal[r->n_goal]))
            return err_set(err, ST_MODEL, "%s: unknown objectives", path);
        r->n_goal++;
    }
    return r->n_goal ? ST_OK : err_set(err, ST_MODEL, "%s: no objectives", path);
}

static enum status read_base(struct report *r, const char *path, struct err *err)
{
    const cJSON *base = field(r->doc, "base");
    r->base = (struct search_point){.parent = -1, .mate = -1};
    r->base.in_distribution = cJSON_IsTrue(field(base, "in_distribution"));
    r->base.value[GOAL_ACC] = number(base, "acc_sigma_absolute");
    read_costs(&r->base, base);
    for (int k = 0; k < r->n_goal; k++)
        if (isnan(r->base.value[r->goal[k]]))
            return err_set(err, ST_MODEL,
                           "%s: no %s of the network begun with (autogo search --resume writes it)",
                           path, search_goal_name(r->goal[k]));
    return ST_OK;
}

/* Only such names as a search gives: the page links to them, and they are opened. */
static bool is_member_file(const char *file)
{
    size_t n = file && str_starts(file, "front/") ? strspn(file + 6, "0123456789") : 0;
    return n > 0 && strcmp(file + 6 + n, ".onnx") == 0;
}

static enum status read_point(struct report *r, const cJSON *from, const char *path,
                              struct err *err)
{
    struct report_point *p = &r->front[r->n_front];
    p->file = cJSON_GetStringValue(field(from, "file"));
    p->fault = cJSON_GetStringValue(field(from, "fault"));
    p->executed = cJSON_IsTrue(field(from, "executed"));
    p->lineage = field(from, "lineage");
    p->at.id = count(from, "id");
    p->at.edits = (int)fmin(fmax(number(from, "edits"), 0), 1e9);
    p->at.in_distribution = cJSON_IsTrue(field(from, "in_distribution"));
    p->at.value[GOAL_ACC] = r->base.value[GOAL_ACC] + number(from, "acc_sigma");
    read_costs(&p->at, from);
    if (!is_member_file(p->file))
        return err_set(err, ST_MODEL, "%s: point %d of the front has no file", path,
                       r->n_front + 1);
    r->n_front++;
    return ST_OK;
}

static enum status read_front(struct report *r, const char *path, struct err *err)
{
    const cJSON *front, *v;
    TRY(read_json(path, &r->doc, err));
    TRY(read_goals(r, path, err));
    TRY(read_base(r, path, err));
    r->model = cJSON_GetStringValue(field(r->doc, "model"));
    r->table = cJSON_GetStringValue(field(r->doc, "estimates_like"));
    r->seed = number(r->doc, "seed");
    r->tried = count(r->doc, "evaluated");
    r->last_id = count(r->doc, "last_id");
    r->islands = count(r->doc, "islands");
    r->accepted = count(r->doc, "accepted");
    r->duplicates = count(r->doc, "duplicates");
    r->refused = count(r->doc, "refused");
    r->beyond = count(r->doc, "beyond_limits");
    r->volume = number(r->doc, "hypervolume");
    front = field(r->doc, "front");
    r->front = x_calloc((size_t)cJSON_GetArraySize(front) + 1, sizeof *r->front);
    cJSON_ArrayForEach(v, front) TRY(read_point(r, v, path, err));
    return r->n_front ? ST_OK : err_set(err, ST_MODEL, "%s: no front", path);
}

enum status report_read(struct report *r, const char *dir, struct err *err)
{
    char *path = x_asprintf("%s/front.json", dir);
    enum status st = read_front(r, path, err);
    free(path);
    path = x_asprintf("%s/measured.json", dir);
    if (st == ST_OK && access(path, F_OK) == 0)
        st = read_json(path, &r->measured, err);
    free(path);
    return st;
}

void report_done(struct report *r)
{
    for (int i = 0; i < REPORT_PICTURES; i++) {
        str_done(&r->picture[i]);
        free(r->why_not[i]);
    }
    search_history_done(&r->history);
    cJSON_Delete(r->measured);
    cJSON_Delete(r->doc);
    free(r->front);
    free(r->prefix);
}
