#include "base/json.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void json_init(struct json *j, struct str *out)
{
    memset(j, 0, sizeof *j);
    j->out = out;
    j->first[0] = true;
}

static void before_value(struct json *j)
{
    if (j->after_key)
        j->after_key = false;
    else if (j->first[j->depth])
        j->first[j->depth] = false;
    else
        str_add_char(j->out, ',');
}

static void begin(struct json *j, char c)
{
    before_value(j);
    str_add_char(j->out, c);
    j->depth++;
    assert(j->depth < (int)(sizeof j->first / sizeof *j->first));
    j->first[j->depth] = true;
}

static void end(struct json *j, char c)
{
    assert(j->depth > 0);
    j->depth--;
    str_add_char(j->out, c);
}

void json_object(struct json *j)
{
    begin(j, '{');
}

void json_object_end(struct json *j)
{
    end(j, '}');
}

void json_array(struct json *j)
{
    begin(j, '[');
}

void json_array_end(struct json *j)
{
    end(j, ']');
}

static void quoted(struct json *j, const char *text)
{
    const char *s = text;
    str_add_char(j->out, '"');
    while (*s) {
        int n = str_utf8(s);
        if (n == 0) {
            str_add(j->out, "\xef\xbf\xbd");
            s++;
        } else if (*s == '"' || *s == '\\') {
            str_addf(j->out, "\\%c", *s++);
        } else if (*s == '\n') {
            str_add(j->out, "\\n");
            s++;
        } else if (*s == '\t') {
            str_add(j->out, "\\t");
            s++;
        } else if ((unsigned char)*s < 0x20 || *s == 0x7f) {
            str_addf(j->out, "\\u%04x", *s++);
        } else {
            str_add_n(j->out, s, (size_t)n);
            s += n;
        }
    }
    str_add_char(j->out, '"');
}

void json_key(struct json *j, const char *key)
{
    before_value(j);
    quoted(j, key);
    str_add_char(j->out, ':');
    j->after_key = true;
}

void json_str(struct json *j, const char *s)
{
    before_value(j);
    if (s)
        quoted(j, s);
    else
        str_add(j->out, "null");
}

void json_int(struct json *j, int64_t v)
{
    before_value(j);
    str_addf(j->out, "%" PRId64, v);
}

static void number(struct json *j, double v, int digits)
{
    before_value(j);
    if (!isfinite(v)) {
        str_add(j->out, "null");
        return;
    }
    char buf[40];
    snprintf(buf, sizeof buf, "%.*g", digits, v);
    for (char *p = buf; *p; p++) /* whatever the locale's decimal point is */
        if (*p == ',')
            *p = '.';
    str_add(j->out, buf);
}

void json_num(struct json *j, double v)
{
    number(j, v, 9);
}

void json_exact(struct json *j, double v)
{
    number(j, v, 17);
}

void json_bool(struct json *j, bool v)
{
    before_value(j);
    str_add(j->out, v ? "true" : "false");
}

void json_null(struct json *j)
{
    before_value(j);
    str_add(j->out, "null");
}

void json_kstr(struct json *j, const char *key, const char *s)
{
    json_key(j, key);
    json_str(j, s);
}

void json_kint(struct json *j, const char *key, int64_t v)
{
    json_key(j, key);
    json_int(j, v);
}

void json_knum(struct json *j, const char *key, double v)
{
    json_key(j, key);
    json_num(j, v);
}

void json_kbool(struct json *j, const char *key, bool v)
{
    json_key(j, key);
    json_bool(j, v);
}
