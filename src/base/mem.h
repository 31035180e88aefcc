/* Memory: x_ functions never return NULL (they call the abort hook, then abort); x_try_ functions
 * are for sizes that come from a file and return NULL on overflow or exhaustion. Thread-safe. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

void *x_malloc(size_t size) __attribute__((malloc, alloc_size(1), returns_nonnull));
void *x_calloc(size_t n, size_t size) __attribute__((malloc, alloc_size(1, 2), returns_nonnull));
void *x_realloc(void *p, size_t size) __attribute__((alloc_size(2), returns_nonnull));
void *x_reallocarray(void *p, size_t n, size_t size)
    __attribute__((alloc_size(2, 3), returns_nonnull));
char *x_strdup(const char *s) __attribute__((malloc, returns_nonnull));
char *x_strndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));
char *x_asprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2), returns_nonnull));
void *x_memdup(const void *p, size_t size) __attribute__((malloc, returns_nonnull));
void *x_try_calloc(size_t n, size_t size) __attribute__((malloc, alloc_size(1, 2)));

/* Called once, before abort(), when memory is exhausted (the screen restores the terminal here). */
void x_on_abort(void (*hook)(void));

#endif
