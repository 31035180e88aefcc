#include "base/str.h"

#include "base/mem.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void reserve(struct str *b, size_t extra)
{
    size_t want = b->n + extra + 1;
    if (want <= b->cap)
        return;
    size_t cap = b->cap ? b->cap * 2 : 64;
    if (cap < want)
        cap = want;
    b->s = x_realloc(b->s, cap);
    b->cap = cap;
}

void str_add_n(struct str *b, const char *s, size_t n)
{
    reserve(b, n);
    if (n)
        memcpy(b->s + b->n, s, n);
    b->n += n;
    b->s[b->n] = '\0';
}

void str_add(struct str *b, const char *s)
{
    str_add_n(b, s, strlen(s));
}

void str_add_char(struct str *b, char c)
{
    str_add_n(b, &c, 1);
}

void str_vaddf(struct str *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n > 0) {
        reserve(b, (size_t)n);
        vsnprintf(b->s + b->n, (size_t)n + 1, fmt, again);
        b->n += (size_t)n;
    }
    va_end(again);
}

void str_addf(struct str *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    str_vaddf(b, fmt, ap);
    va_end(ap);
}

const char *str_text(const struct str *b)
{
    return b->s ? b->s : "";
}

char *str_take(struct str *b)
{
    char *s = b->s ? b->s : x_strdup("");
    memset(b, 0, sizeof *b);
    return s;
}

void str_clear(struct str *b)
{
    b->n = 0;
    if (b->s)
        b->s[0] = '\0';
}

void str_done(struct str *b)
{
    free(b->s);
    memset(b, 0, sizeof *b);
}

bool str_starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
    size_t n = strlen(s), k = strlen(suffix);
    return n >= k && strcmp(s + n - k, suffix) == 0;
}

bool str_to_i64(const char *s, int64_t lo, int64_t hi, int64_t *out)
{
    char *end = NULL;
    if (!*s || *s == ' ' || *s == '\t' || *s == '\n')
        return false;
    errno = 0;
    long long v = strtoll(s, &end, 10);
    if (errno || *end || v < lo || v > hi)
        return false;
    *out = v;
    return true;
}

bool str_to_double(const char *s, double *out)
{
    static locale_t c_locale; /* made once; a race makes two, which is harmless */
    if (!c_locale)
        c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    char *end = NULL;
    if (!*s || *s == ' ' || *s == '\t' || *s == '\n')
        return false;
    double v = c_locale ? strtod_l(s, &end, c_locale) : strtod(s, &end);
    if (*end || !isfinite(v))
        return false;
    *out = v;
    return true;
}

double str_si_times(char suffix)
{
    static const struct {
        char suffix;
        double times;
    } si[] = {{'k', 1e3}, {'K', 1e3}, {'M', 1e6}, {'G', 1e9}, {'T', 1e12}};
    for (size_t i = 0; i < sizeof si / sizeof *si; i++)
        if (si[i].suffix == suffix)
            return si[i].times;
    return 0;
}

bool str_to_limit(const char *text, double *out, bool *percent)
{
    size_t n = strlen(text);
    char last = n ? text[n - 1] : '\0';
    double times = str_si_times(last);
    *percent = last == '%' && (*text == '+' || *text == '-');
    char *number = x_strndup(text, n - (*percent || times > 0));
    bool good = str_to_double(number, out);
    free(number);
    if (good && times > 0)
        *out *= times;
    return good;
}

const char *str_si(double v, char *buf, size_t size)
{
    static const struct {
        double unit;
        const char *suffix;
    } scale[] = {{1e12, " T"}, {1e9, " G"}, {1e6, " M"}, {1e3, " k"}};
    double mag = fabs(v);
    for (size_t i = 0; i < sizeof scale / sizeof *scale; i++) {
        if (mag >= scale[i].unit * 0.9995) {
            double x = v / scale[i].unit;
            int digits = fabs(x) >= 99.95 ? 0 : fabs(x) >= 9.995 ? 1 : 2;
            snprintf(buf, size, "%.*f%s", digits, x, scale[i].suffix);
            return buf;
        }
    }
    snprintf(buf, size, "%.*f", v == floor(v) ? 0 : 2, v);
    return buf;
}

int str_utf8(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    if (s[0] < 0x80)
        return 1;
    int n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4)
        return 0;
    for (int i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}
