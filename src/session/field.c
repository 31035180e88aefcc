#include "session/field.h"

#include "session/describe.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- numbers ---- */

static double share(double part, double whole)
{
    return whole > 0 ? part / whole : NAN;
}

static bool made(const struct session_candidate *c)
{
    return c->result && c->result->graph;
}

/* Without its inputs and outputs. */
static double nodes_of(const struct session_candidate *c)
{
    int n_in, n_out;
    if (!c->fragment)
        return NAN;
    graph_inputs(c->fragment, &n_in);
    graph_outputs(c->fragment, &n_out);
    return graph_n_nodes(c->fragment) - n_in - n_out;
}

static double times_seen(const struct session_candidate *c)
{
    double n = 0;
    for (int i = 0; c->seen && i < c->seen->n_origins; i++)
        n += (double)c->seen->origin[i].count;
    return c->seen ? n : NAN;
}

#define RANK (c->rank > 0 ? c->rank : NAN)
#define KNOWN(v) (c->estimate && c->estimate->in_distribution ? (v) : NAN)
#define UNLIKE(v) (c->estimate && !c->estimate->in_distribution ? (v) : NAN)
#define AFTER(x) (made(c) ? (double)c->result->after.x : NAN)
#define CHANGE(x)                                                                                 \
    (made(c)                                                                                      \
         ? share((double)(c->result->after.x - c->result->before.x), (double)c->result->before.x) \
         : NAN)
#define NPU(part, whole) (c->npu ? share((double)(part), (double)(whole)) : NAN)
#define NPU_AFTER(before, delta) (c->npu ? (double)(before) + (double)(delta) : NAN)
#define REPAIR(x) (made(c) ? (double)(c->result->x) : NAN)

#define NUMBER(name, unit, better, value, help)                    \
    static double number_##name(const struct session_candidate *c) \
    {                                                              \
        return value;                                              \
    }
#define TEXT(name, function, help)
#include "session/field_list.def"
#undef NUMBER
#undef TEXT

/* ---- texts ---- */

static const char *id_text(const struct session_candidate *c, int i, char *buf, size_t size)
{
    (void)buf;
    (void)size;
    return i == 0 ? c->id : NULL;
}

static const char *ops_text(const struct session_candidate *c, int i, char *buf, size_t size)
{
    if (i == 1)
        describe_ops(buf, size, c->ops);
    return i == 0 ? c->ops : i == 1 ? buf : NULL;
}

static const char *origin_text(const struct session_candidate *c, int i, char *buf, size_t size)
{
    (void)buf;
    (void)size;
    return i == 0 ? c->origin : NULL;
}

static const char *family_text(const struct session_candidate *c, int i, char *buf, size_t size)
{
    (void)buf;
    (void)size;
    if (!c->seen || i >= c->seen->n_origins)
        return NULL;
    const char *group = c->seen->origin[i].group;
    return group[0] ? group : "files";
}

/* They are parted by blanks. */
static const char *tag_text(const struct session_candidate *c, int i, char *buf, size_t size)
{
    const char *p = c->tags;
    for (; i > 0 && *p; i--) {
        p += strcspn(p, " ");
        p += strspn(p, " ");
    }
    snprintf(buf, size, "%.*s", (int)strcspn(p, " "), p);
    return *p ? buf : NULL;
}

/* ---- the table ---- */

static const struct field fields[] = {
#define NUMBER(name, unit, better, value, help) {#name, unit, help, better, number_##name, NULL},
#define TEXT(name, function, help) {#name, "text", help, 0, NULL, function},
#include "session/field_list.def"
#undef NUMBER
#undef TEXT
};

int field_count(void)
{
    return (int)(sizeof fields / sizeof *fields);
}

const struct field *field_at(int i)
{
    return &fields[i];
}

const struct field *field_find(const char *name, size_t n)
{
    for (int i = 0; i < field_count(); i++)
        if (strlen(fields[i].name) == n && strncasecmp(fields[i].name, name, n) == 0)
            return &fields[i];
    return NULL;
}

/* How many letters two names begin with alike. */
static size_t alike(const char *a, const char *b, size_t n)
{
    size_t k = 0;
    while (k < n && a[k] && strncasecmp(a + k, b + k, 1) == 0)
        k++;
    return k;
}

const struct field *field_like(const char *name, size_t n)
{
    const struct field *best = NULL;
    size_t most = 1;
    for (int i = 0; i < field_count(); i++) {
        size_t k = alike(fields[i].name, name, n);
        if (k > most) {
            most = k;
            best = &fields[i];
        }
    }
    return best;
}

/* ---- orders ---- */

enum status field_order_parse(const char *text, struct field_order *out, struct err *err)
{
    bool turned = text[0] == '-';
    const char *name = text + turned;
    const struct field *f = field_find(name, strlen(name));
    if (!f && *name) {
        const struct field *like = field_like(name, strlen(name));
        return err_set(err, ST_USAGE, "no field '%.60s'%s%s%s", name, like ? " (" : "",
                       like ? like->name : "", like ? "?)" : "");
    }
    *out = (struct field_order){f, turned};
    return ST_OK;
}

static int by_number(const struct field_order *o, double x, double y)
{
    if (isnan(x) || isnan(y))
        return isnan(x) - isnan(y);
    int order = (x > y) - (x < y);
    return (o->field->better > 0) != o->turned ? -order : order;
}

static int by_text(const struct field_order *o, const char *x, const char *y)
{
    if (!x || !y || !*x || !*y)
        return (!x || !*x) - (!y || !*y);
    return o->turned ? -strcasecmp(x, y) : strcasecmp(x, y);
}

int field_compare(const struct field_order *o, const struct session_candidate *a,
                  const struct session_candidate *b)
{
    char x[256], y[256];
    if (!o->field)
        return o->turned ? (a->rank < b->rank) - (a->rank > b->rank)
                         : (a->rank > b->rank) - (a->rank < b->rank);
    if (o->field->number)
        return by_number(o, o->field->number(a), o->field->number(b));
    return by_text(o, o->field->text(a, 0, x, sizeof x), o->field->text(b, 0, y, sizeof y));
}
