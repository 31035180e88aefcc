#include "ui/text.h"

#include "base/str.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Decodes one code point; returns its bytes, or 0 for an invalid sequence (overlong forms,
 * surrogates and values above U+10FFFF included). */
static size_t decode(const char *s, unsigned *cp)
{
    const unsigned char *u = (const unsigned char *)s;
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = u[0] < 0x80             ? 1
               : (u[0] & 0xe0) == 0xc0 ? 2
               : (u[0] & 0xf0) == 0xe0 ? 3
               : (u[0] & 0xf8) == 0xf0 ? 4
                                       : 0;
    if (n == 0)
        return 0;
    unsigned v = n == 1 ? u[0] : u[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((u[i] & 0xc0) != 0x80)
            return 0;
        v = v << 6 | (u[i] & 0x3f);
    }
    if (v < least[n] || (v >= 0xd800 && v < 0xe000) || v > 0x10ffff)
        return 0;
    *cp = v;
    return n;
}

size_t text_next(const char *s)
{
    unsigned cp;
    if (!*s)
        return 0;
    size_t n = decode(s, &cp);
    return n ? n : 1;
}

size_t text_prev(const char *s, size_t at)
{
    if (at == 0)
        return 0;
    at--;
    while (at > 0 && ((unsigned char)s[at] & 0xc0) == 0x80)
        at--;
    return at;
}

size_t text_encode(unsigned cp, char *out)
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xc0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3f));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xe0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
        out[2] = (char)(0x80 | (cp & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
    out[3] = (char)(0x80 | (cp & 0x3f));
    return 4;
}

/* What a code point becomes on the screen: itself, '?', or 0 for nothing; *w its cells. Planes
 * above the first are left out because terminals and wcwidth() disagree about them. */
static wchar_t shown(unsigned cp, bool ascii, int *w)
{
    *w = 1;
    if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0))
        return L'?';
    if (cp < 0x7f)
        return (wchar_t)cp;
    if (ascii || cp > 0xffff || (cp >= 0xe000 && cp < 0xf900))
        return L'?';
    int cells = wcwidth((wchar_t)cp);
    if (cells < 0)
        return L'?';
    *w = cells;
    return cells == 0 ? 0 : (wchar_t)cp;
}

int text_cells(const char *s, int cols, bool ascii, wchar_t *out, bool *cut)
{
    int used = 0;
    size_t k = 0;
    *cut = false;
    while (*s) {
        unsigned cp = 0;
        int w = 1;
        size_t n = decode(s, &cp);
        wchar_t c = n ? shown(cp, ascii, &w) : L'?';
        s += n ? n : 1;
        if (c == 0)
            continue;
        if (used + w > cols) {
            *cut = true;
            break;
        }
        out[k++] = c;
        used += w;
    }
    out[k] = 0;
    return used;
}

int text_width(const char *s, bool ascii)
{
    int used = 0;
    while (*s) {
        unsigned cp = 0;
        int w = 1;
        size_t n = decode(s, &cp);
        wchar_t c = n ? shown(cp, ascii, &w) : L'?';
        s += n ? n : 1;
        used += c ? w : 0;
    }
    return used;
}

void text_clean(char *out, size_t size, const char *s)
{
    size_t k = 0;
    while (*s && k + 5 < size) {
        unsigned cp = 0;
        int w = 1;
        size_t n = decode(s, &cp);
        wchar_t c = n ? shown(cp, false, &w) : L'?';
        s += n ? n : 1;
        if (c)
            k += text_encode((unsigned)c, out + k);
    }
    out[k] = 0;
}

size_t text_line(const char *s, int cols, bool ascii, size_t *skip)
{
    size_t n = 0, cut = 0;
    int used = 0;
    while (s[n]) {
        char one[8];
        size_t k = text_next(s + n);
        snprintf(one, sizeof one, "%.*s", (int)k, s + n);
        used += text_width(one, ascii);
        if (s[n] == ' ')
            cut = n;
        if (used > cols)
            break;
        n += k;
    }
    if (s[n] && cut)
        n = cut;
    else if (s[n] && n == 0) /* not even one character fits */
        n = text_next(s);
    *skip = s[n] == ' ';
    return n;
}

int text_lines(const char *s, int cols, bool ascii)
{
    int lines = 0;
    for (size_t skip; *s; lines++) {
        s += text_line(s, cols, ascii, &skip);
        s += skip;
    }
    return lines;
}

bool text_has(const char *s, const char *part)
{
    return strcasestr(s, part) != NULL;
}

const char *text_count(long long n, char *buf, size_t size)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%lld", n < 0 ? -n : n);
    size_t k = 0;
    if (n < 0 && k + 1 < size)
        buf[k++] = '-';
    for (int i = 0; i < len && k + 2 < size; i++) {
        if (i && (len - i) % 3 == 0)
            buf[k++] = ',';
        buf[k++] = digits[i];
    }
    buf[k] = 0;
    return buf;
}

const char *text_delta(double v, char *buf, size_t size)
{
    char si[24];
    if (v == 0)
        snprintf(buf, size, "0");
    else
        snprintf(buf, size, "%c%s", v < 0 ? '-' : '+', str_si(fabs(v), si, sizeof si));
    return buf;
}

const char *text_percent(double part, double whole, char *buf, size_t size)
{
    if (whole == 0)
        snprintf(buf, size, "%s", part == 0 ? "0" : "-");
    else if (part == 0)
        snprintf(buf, size, "0");
    else {
        double p = 100.0 * part / whole;
        snprintf(buf, size, fabs(p) < 100 ? "%+.2f %%" : "%+.0f %%", p);
    }
    return buf;
}
