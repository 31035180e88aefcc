#include "base/err.h"

#include <stdio.h>
#include <string.h>

enum status err_set(struct err *err, enum status code, const char *fmt, ...)
{
    if (err) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(err->msg, sizeof err->msg, fmt, ap);
        va_end(ap);
        err->code = code;
        err->file[0] = '\0';
    }
    return code;
}

enum status err_in_file(struct err *err, const char *path)
{
    if (!err)
        return ST_OK;
    if (err->code != ST_OK && !err->file[0] && path)
        snprintf(err->file, sizeof err->file, "%s", path);
    return err->code;
}

const char *err_text(const struct err *err, char *buf, unsigned long size)
{
    if (size == 0)
        return buf;
    snprintf(buf, size, "%s%s%s", err->file, err->file[0] ? ": " : "", err->msg);
    for (char *p = buf; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    return buf;
}

int status_exit_code(enum status st)
{
    static const int code[] = {
        [ST_OK] = 0,    [ST_NO] = 1,          [ST_USAGE] = 2,    [ST_IO] = 2,
        [ST_MODEL] = 3, [ST_UNSUPPORTED] = 4, [ST_INTERNAL] = 5, [ST_CANCELLED] = 130,
    };
    return (unsigned)st < sizeof code / sizeof *code ? code[st] : 5;
}
