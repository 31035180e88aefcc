#include "ui/log.h"

#include "base/str.h"
#include "ui/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 1200 };

enum status log_open(struct log *l, const char *path, struct err *err)
{
    l->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
    if (l->fd < 0) {
        err_set(err, ST_IO, "%s", strerror(errno));
        return err_in_file(err, path);
    }
    if (!isatty(l->fd))
        return ST_OK;
    log_close(l);
    err_set(err, ST_USAGE, "a log goes to a file, not to the terminal");
    return err_in_file(err, path);
}

void log_close(struct log *l)
{
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
}

/* One write for a line: two programs may log to the same file. */
enum status log_vadd(struct log *l, const char *kind, struct err *err, const char *fmt, va_list ap)
{
    char text[LINE], clean[LINE], line[LINE + 80], when[32];
    struct timespec t;
    struct tm tm;
    if (l->fd < 0)
        return ST_OK;
    clock_gettime(CLOCK_REALTIME, &t);
    gmtime_r(&t.tv_sec, &tm);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &tm);
    vsnprintf(text, sizeof text, fmt, ap);
    text_clean(clean, sizeof clean, text);
    int n = snprintf(line, sizeof line, "%s.%03dZ %-6s %s\n", when, (int)(t.tv_nsec / 1000000),
                     kind, clean);
    if (write(l->fd, line, (size_t)n) == n)
        return ST_OK;
    err_set(err, ST_IO, "the log ends here: %s", strerror(errno));
    log_close(l);
    return ST_IO;
}
