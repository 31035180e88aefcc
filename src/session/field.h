/* What is known of a candidate, by name: the numbers and texts of field_list.def, which filters
 * (filter.h), sorting and batches use. A table; thread-safe. */
#ifndef SESSION_FIELD_H
#define SESSION_FIELD_H

#include "session/session.h"

struct field {
    const char *name, *unit, *help;
    int better; /* of a number: 1 when more of it is better, -1 when less is */
    /* NAN: not known. NULL for a text. */
    double (*number)(const struct session_candidate *c);
    /* The i-th of its texts (a candidate may have several tags), NULL: no more. May use buf. NULL
     * for a number. */
    const char *(*text)(const struct session_candidate *c, int i, char *buf, size_t size);
};

int field_count(void);
const struct field *field_at(int i);
/* By the first n bytes of a name, case does not matter; NULL: there is none. */
const struct field *field_find(const char *name, size_t n);
/* One that the user may have meant; NULL: none comes to mind. */
const struct field *field_like(const char *name, size_t n);

/* An order: by a field, the better first; texts by alphabet. */
struct field_order {
    const struct field *field; /* NULL: by rank */
    bool turned;               /* the other way round; what is not known is last all the same */
};
/* "dflops", "-dflops" (turned), "" (by rank). ST_USAGE: no such field. */
enum status field_order_parse(const char *text, struct field_order *out, struct err *err);
/* < 0: a before b; 0: alike. */
int field_compare(const struct field_order *o, const struct session_candidate *a,
                  const struct session_candidate *b);

#endif
