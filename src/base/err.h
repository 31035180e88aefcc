/* Errors: every function that can fail returns `enum status` and takes a last `struct err *err`
 * (may be NULL) that receives the code, one line of text and the file it concerns.
 * "No answer" (an infeasible repair, nothing found) is a value of the caller's result, not an
 * error; ST_NO exists so that a command can end with exit code 1.
 * Arguments are unchanged when a function fails. No global state, thread-safe. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>

enum status {
    ST_OK = 0,
    ST_NO,          /* a negative answer: infeasible, check failed, nothing found */
    ST_USAGE,       /* wrong command line or argument */
    ST_IO,          /* a file or the terminal */
    ST_MODEL,       /* the model is bad */
    ST_UNSUPPORTED, /* the model is fine, but we cannot */
    ST_INTERNAL,    /* a broken invariant or a library that failed unexpectedly */
    ST_CANCELLED,   /* interrupted by the user */
};

struct err {
    enum status code;
    char file[160]; /* the file it concerns, "" if none */
    char msg[256];
};

/* Formats the message, returns `code`, so that `return err_set(...)` reads well. */
enum status err_set(struct err *err, enum status code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Names the file an error concerns, unless one is named already. Returns err's code or ST_OK. */
enum status err_in_file(struct err *err, const char *path);
/* "file: message" (or just the message), control characters replaced by '?', into buf. */
const char *err_text(const struct err *err, char *buf, unsigned long size);
/* The process exit code of the command-line contract (0 1 2 3 4 5 130). */
int status_exit_code(enum status st);

/* Returns early when nothing is held that must be freed. */
#define TRY(call)                         \
    do {                                  \
        enum status try_status_ = (call); \
        if (try_status_ != ST_OK)         \
            return try_status_;           \
    } while (0)

#endif
