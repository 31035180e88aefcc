/* What is done and how long it took, a line each, added to a file: time, kind, text, parted by
 * blanks. Never the terminal, which is the workbench's. A file that can no longer be written ends
 * the log; that is told once. */
#ifndef UI_LOG_H
#define UI_LOG_H

#include "base/err.h"
#include <stdarg.h>

struct log {
    int fd; /* -1: there is none */
};

/* ST_IO: it cannot be written; ST_USAGE: it is a terminal. */
enum status log_open(struct log *l, const char *path, struct err *err);
void log_close(struct log *l);
/* `kind` is one of begin, open, did, job, notice, error, end. Control characters become '?'. */
enum status log_vadd(struct log *l, const char *kind, struct err *err, const char *fmt, va_list ap)
    __attribute__((format(printf, 4, 0)));

#endif
