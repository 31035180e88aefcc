/* Filter expressions over the fields of a candidate (field.h):
 *
 *     dacc>0 && dflops<-10%      ops~conv3x3      (params<=20M || dcycles<0) && !adapted
 *
 *     or   = and { "||" and }
 *     and  = not { "&&" not }
 *     not  = { "!" } ( "(" or ")" | test )
 *     test = FIELD [ RELATION VALUE ]
 *
 * Relations: < <= > >= = == != for numbers, = == != and ~ (contains) !~ for texts. A number may end
 * with % or with k M G T; a text is a word or in double quotes, and case does not matter. Of a
 * field with several texts (tags) one must be so; with != and !~ none may be. A field alone holds
 * when it is known and not 0, or has a text. A test of a number that is not known does not hold,
 * whatever the relation. A filter does not change once it is made; thread-safe. */
#ifndef SESSION_FILTER_H
#define SESSION_FILTER_H

#include "session/session.h"

struct filter; /* opaque */

/* ST_USAGE names the column (in characters, from 1): "column 8: no field 'dac'". */
enum status filter_parse(const char *text, struct filter **out, struct err *err);
void filter_free(struct filter *f); /* NULL is fine */
bool filter_holds(const struct filter *f, const struct session_candidate *c);
/* Whether a text that may also be plain words is meant as an expression: it has an operator, one of
 * < > = ~ ! & | ( ). */
bool filter_is_meant(const char *text);

#endif
