#include "family/scan.h"
#include "base/str.h"
#include <ctype.h>
#include <string.h>

enum status scan_fail(struct scan *s, size_t at, const char *fmt, ...)
{
    struct str msg = {0};
    va_list ap;
    va_start(ap, fmt);
    str_vaddf(&msg, fmt, ap);
    va_end(ap);
    enum status st = err_set(s->err, ST_USAGE, "position %zu: %s", at + 1, str_text(&msg));
    str_done(&msg);
    return st;
}

bool scan_at_end(const struct scan *s)
{
    return s->at >= s->end;
}

bool scan_take(struct scan *s, char c)
{
    if (scan_at_end(s) || s->text[s->at] != c)
        return false;
    s->at++;
    return true;
}

enum status scan_need(struct scan *s, char c)
{
    if (scan_take(s, c))
        return ST_OK;
    if (scan_at_end(s))
        return scan_fail(s, s->at, "'%c' expected, the text ends here", c);
    return scan_fail(s, s->at, "'%c' expected, found '%c'", c, s->text[s->at]);
}

enum status scan_finish(struct scan *s)
{
    if (scan_at_end(s))
        return ST_OK;
    return scan_fail(s, s->at, "end of the text expected, found '%c'", s->text[s->at]);
}

static size_t word_length(const struct scan *s)
{
    size_t n = 0;
    while (s->at + n < s->end) {
        unsigned char c = (unsigned char)s->text[s->at + n];
        if (!isalnum(c) && c != '_')
            break;
        n++;
    }
    return n;
}

enum status scan_word(struct scan *s, const char *what, const char *const *known, int n, int *out)
{
    size_t len = word_length(s);
    for (int i = 0; i < n; i++) {
        if (strlen(known[i]) == len && memcmp(known[i], s->text + s->at, len) == 0) {
            s->at += len;
            *out = i;
            return ST_OK;
        }
    }
    struct str list = {0};
    for (int i = 0; i < n; i++) {
        str_add(&list, i ? " " : "");
        str_add(&list, known[i]);
    }
    enum status st;
    if (len == 0)
        st = scan_fail(s, s->at, "%s expected (known: %s)", what, str_text(&list));
    else
        st = scan_fail(s, s->at, "unknown %s '%.*s%s' (known: %s)", what, len > 24 ? 24 : (int)len,
                       s->text + s->at, len > 24 ? "..." : "", str_text(&list));
    str_done(&list);
    return st;
}

enum status scan_int(struct scan *s, const char *what, int lo, int hi, int *out)
{
    size_t start = s->at;
    long v = 0;
    while (!scan_at_end(s) && isdigit((unsigned char)s->text[s->at])) {
        if (v <= hi)
            v = v * 10 + (s->text[s->at] - '0');
        s->at++;
    }
    /* One number has one spelling, so that equal networks have equal names. */
    bool zeros = s->at > start + 1 && s->text[start] == '0';
    if (s->at == start || zeros || v < lo || v > hi) {
        s->at = start;
        if (lo == hi)
            return scan_fail(s, start, "%s %d expected", what, lo);
        return scan_fail(s, start, "%s expected, a number from %d to %d", what, lo, hi);
    }
    *out = (int)v;
    return ST_OK;
}
