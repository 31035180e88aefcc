#include "base/csv.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 1 << 30 };

/* A field and what ends it: ',' or '\n' ('\n' at the end of the text too). It is unquoted in place,
 * which makes it no longer. */
static char take_field(struct csv *c)
{
    char *from = c->at, *to = c->at;
    bool quoted = from < c->end && *from == '"';
    vec_push(&c->field, from);
    from += quoted;
    while (from < c->end) {
        if (quoted && *from == '"') {
            from++;
            quoted = from < c->end && *from == '"';
            if (!quoted)
                continue;
        } else if (!quoted && (*from == ',' || *from == '\n'))
            break;
        c->next_line += *from == '\n';
        *to++ = *from++;
    }
    char stop = from < c->end ? *from : '\n';
    c->next_line += stop == '\n';
    if (stop == '\n' && to > c->field.at[c->field.n - 1] && to[-1] == '\r')
        to--;
    c->at = from < c->end ? from + 1 : from;
    *to = '\0'; /* the text has a byte behind its end */
    return stop;
}

static bool next_row(struct csv *c)
{
    while (c->at < c->end) {
        c->field.n = 0;
        c->line = c->next_line;
        while (take_field(c) == ',')
            continue;
        if (c->field.n > 1 || c->field.at[0][0])
            return true;
    }
    return false;
}

enum status csv_bad_row(const struct csv *c, const char *what, struct err *err)
{
    err_set(err, ST_USAGE, "line %d: %s", c->line, what);
    return err_in_file(err, c->path), ST_USAGE;
}

enum status csv_open(struct csv *c, const char *path, struct err *err)
{
    unsigned char *data;
    size_t size;
    TRY(file_read_packed(path, MOST_BYTES, &data, &size, err));
    *c = (struct csv){.text = (char *)data,
                      .path = x_strdup(path),
                      .at = (char *)data,
                      .end = (char *)data + size,
                      .line = 1,
                      .next_line = 1};
    if (size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0)
        c->at += 3;
    if (!next_row(c)) {
        csv_bad_row(c, "a header is missing", err);
        csv_close(c);
        return ST_USAGE;
    }
    for (size_t i = 0; i < c->field.n; i++)
        vec_push(&c->column, c->field.at[i]);
    return ST_OK;
}

void csv_close(struct csv *c)
{
    vec_done(&c->field);
    vec_done(&c->column);
    free(c->text);
    free(c->path);
}

enum status csv_column(const struct csv *c, const char *name, size_t *out, struct err *err)
{
    for (*out = 0; *out < c->column.n; ++*out)
        if (strcmp(c->column.at[*out], name) == 0)
            return ST_OK;
    err_set(err, ST_USAGE, "there is no column '%.60s'", name);
    return err_in_file(err, c->path), ST_USAGE;
}

enum status csv_next(struct csv *c, bool *more, struct err *err)
{
    *more = next_row(c);
    if (*more && c->field.n < c->column.n)
        return csv_bad_row(c, "it has too few fields", err);
    return ST_OK;
}

enum status csv_number(const struct csv *c, size_t column, double *out, struct err *err)
{
    const char *text = c->field.at[column];
    *out = NAN;
    if (!text[0] || str_to_double(text, out))
        return ST_OK;
    char *what = x_asprintf("'%.40s' is no number", text);
    csv_bad_row(c, what, err);
    free(what);
    return ST_USAGE;
}
