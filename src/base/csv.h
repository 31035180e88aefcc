/* Tables as RFC 4180 has them: a header, then rows of fields, which may be quoted. The whole file
 * is in memory; one thread. */
#ifndef BASE_CSV_H
#define BASE_CSV_H

#include "base/err.h"
#include "base/vec.h"
#include <stdbool.h>

struct csv {
    char *text, *path;
    char *at, *end;
    int line, next_line; /* of the row, of what follows */
    VEC(char *) field;   /* of the row, until the next one is read */
    VEC(char *) column;  /* of the header */
};

/* Reads the header. ST_USAGE: there is none. Nothing is to be closed after a failure. */
enum status csv_open(struct csv *c, const char *path, struct err *err);
void csv_close(struct csv *c);
/* The number of a column. ST_USAGE: there is no such. */
enum status csv_column(const struct csv *c, const char *name, size_t *out, struct err *err);
/* The next row that is not empty; *more is false behind the last. ST_USAGE: it has too few fields.
 */
enum status csv_next(struct csv *c, bool *more, struct err *err);
/* ST_USAGE with the table's name and the row's line. */
enum status csv_bad_row(const struct csv *c, const char *what, struct err *err);
/* The field as a number; an empty one is NaN. ST_USAGE: it is something else. */
enum status csv_number(const struct csv *c, size_t column, double *out, struct err *err);

#endif
