/* Reading architecture strings: a cursor over a borrowed text whose faults name the position
 * (first character = 1) in the whole spec. One thread. */
#ifndef FAMILY_SCAN_H
#define FAMILY_SCAN_H

#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>

struct scan {
    const char *text; /* the whole spec */
    size_t at, end;
    struct err *err;
};

/* ST_USAGE "position P: ..."; returned by every function below on a fault. */
enum status scan_fail(struct scan *s, size_t at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Steps over c when it is next. */
bool scan_take(struct scan *s, char c);
/* Steps over c or fails. */
enum status scan_need(struct scan *s, char c);
bool scan_at_end(const struct scan *s);
/* Fails unless everything is read. */
enum status scan_finish(struct scan *s);
/* A word of letters, digits and '_' out of `n` known ones; `what` names them in the fault. */
enum status scan_word(struct scan *s, const char *what, const char *const *known, int n, int *out);
/* A decimal integer in [lo, hi] without leading zeros; `what` names it in the fault. */
enum status scan_int(struct scan *s, const char *what, int lo, int hi, int *out);

#endif
