/* Strings: a growable text buffer and a few helpers. A buffer is always NUL-terminated once used.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
    char *s; /* NULL or NUL-terminated */
    size_t n, cap;
};

void str_add(struct str *b, const char *s);
void str_add_n(struct str *b, const char *s, size_t n);
void str_add_char(struct str *b, char c);
void str_addf(struct str *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void str_vaddf(struct str *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* The text, "" when empty; borrowed until the next change. */
const char *str_text(const struct str *b);
/* Hands the text over (caller frees) and empties the buffer. */
char *str_take(struct str *b);
void str_clear(struct str *b);
void str_done(struct str *b);

bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
/* Whole-string decimal integer in [lo, hi]. */
bool str_to_i64(const char *s, int64_t lo, int64_t hi, int64_t *out);
/* Whole-string finite number, always with '.' whatever the locale. */
bool str_to_double(const char *s, double *out);
/* Length of the valid UTF-8 sequence at s; 0: it is none (overlong, a surrogate). */
int str_utf8(const char *s);
/* What an SI suffix multiplies by: k K M G T; 0: it is none. */
double str_si_times(char suffix);
/* A limit as people write it: "8e9", "4.2G" as a number; "+10%", "-20%" as 10 or -20 with *percent
 * set. false: neither. */
bool str_to_limit(const char *text, double *out, bool *percent);
/* A count with SI suffix for people: 25.6 M, 8.26 G; into buf (>= 16 bytes), returned. */
const char *str_si(double v, char *buf, size_t size);

#endif
