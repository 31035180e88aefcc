/* Preloaded: the FAIL_AT-th allocation of the process finds no memory. Without FAIL_AT the number
 * of allocations is written to the file FAIL_COUNT at the end. Those of oneDNN and OpenMP's
 * runtime, which do not look at what they get, are left alone and not counted. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void *__libc_memalign(size_t align, size_t size);

static long count, fail_at = -1;

static int fails(void *caller)
{
    Dl_info from;
    if (dladdr(caller, &from) && from.dli_fname &&
        (strstr(from.dli_fname, "libdnnl") || strstr(from.dli_fname, "libgomp")))
        return 0;
    long now = __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED);
    if (fail_at < 0) {
        const char *at = getenv("FAIL_AT");
        fail_at = at ? atol(at) : 0;
    }
    if (now == fail_at)
        errno = ENOMEM;
    return now == fail_at;
}

void *malloc(size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(p, size);
}

int posix_memalign(void **out, size_t align, size_t size)
{
    if (fails(__builtin_return_address(0)))
        return ENOMEM;
    *out = __libc_memalign(align, size);
    return *out ? 0 : ENOMEM;
}

void *aligned_alloc(size_t align, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_memalign(align, size);
}

__attribute__((destructor)) static void tell(void)
{
    const char *path = getenv("FAIL_COUNT");
    FILE *f = path ? fopen(path, "w") : NULL;
    if (f) {
        fprintf(f, "%ld\n", count);
        fclose(f);
    }
}
