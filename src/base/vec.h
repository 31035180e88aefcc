/* A growable array over a plain struct: VEC(int) v = {0}; vec_push(&v, 3); v.at[0]; vec_done(&v).
 * Zero-initialised is empty. Not thread-safe. */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include "base/mem.h"
#include <string.h>

#define VEC(type)      \
    struct {           \
        type *at;      \
        size_t n, cap; \
    }

#define vec_reserve(v, want)                                              \
    do {                                                                  \
        size_t vec_want_ = (want);                                        \
        if (vec_want_ > (v)->cap) {                                       \
            size_t vec_cap_ = (v)->cap ? (v)->cap * 2 : 8;                \
            if (vec_cap_ < vec_want_)                                     \
                vec_cap_ = vec_want_;                                     \
            (v)->at = x_reallocarray((v)->at, vec_cap_, sizeof *(v)->at); \
            (v)->cap = vec_cap_;                                          \
        }                                                                 \
    } while (0)

#define vec_push(v, ...)                   \
    do {                                   \
        vec_reserve(v, (v)->n + 1);        \
        (v)->at[(v)->n++] = (__VA_ARGS__); \
    } while (0)

#define vec_done(v)                  \
    do {                             \
        free((v)->at);               \
        memset((v), 0, sizeof *(v)); \
    } while (0)

#include <stdlib.h>

#endif
