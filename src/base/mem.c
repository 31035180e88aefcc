#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void (*abort_hook)(void);

void x_on_abort(void (*hook)(void))
{
    abort_hook = hook;
}

static _Noreturn void out_of_memory(void)
{
    static const char line[] = "autogo: out of memory\n";
    void (*hook)(void) = abort_hook;
    abort_hook = NULL;
    if (hook)
        hook();
    if (write(STDERR_FILENO, line, sizeof line - 1) < 0)
        abort();
    abort();
}

void *x_malloc(size_t size)
{
    void *p = malloc(size ? size : 1);
    if (!p)
        out_of_memory();
    return p;
}

void *x_calloc(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size ? size : 1);
    if (!p)
        out_of_memory();
    return p;
}

void *x_realloc(void *p, size_t size)
{
    void *q = realloc(p, size ? size : 1);
    if (!q)
        out_of_memory();
    return q;
}

void *x_reallocarray(void *p, size_t n, size_t size)
{
    if (size && n > SIZE_MAX / size)
        out_of_memory();
    return x_realloc(p, n * size);
}

void *x_memdup(const void *p, size_t size)
{
    void *q = x_malloc(size);
    if (size)
        memcpy(q, p, size);
    return q;
}

char *x_strndup(const char *s, size_t n)
{
    size_t len = strnlen(s, n);
    char *q = x_malloc(len + 1);
    memcpy(q, s, len);
    q[len] = '\0';
    return q;
}

char *x_strdup(const char *s)
{
    return x_memdup(s, strlen(s) + 1);
}

char *x_asprintf(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *s = NULL;
    int n = vasprintf(&s, fmt, ap);
    va_end(ap);
    if (n < 0)
        out_of_memory();
    return s;
}

void *x_try_calloc(size_t n, size_t size)
{
    if (size && n > PTRDIFF_MAX / size)
        return NULL;
    return calloc(n ? n : 1, size ? size : 1);
}
