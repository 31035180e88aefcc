/* A small set of images on disk: class k has a bright row at 1 + k, noise elsewhere. */
#ifndef TESTS_IDX_MAKE_H
#define TESTS_IDX_MAKE_H

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { IDX_SIDE = 6, IDX_CLASSES = 4 };

static inline size_t idx_header(unsigned char *at, int rank, const uint32_t *dim)
{
    uint32_t word[4] = {0x800u + (uint32_t)rank};
    for (int i = 0; i < rank; i++)
        word[i + 1] = dim[i];
    for (int i = 0; i <= rank; i++)
        for (int b = 0; b < 4; b++)
            at[4 * i + b] = (unsigned char)(word[i] >> (24 - 8 * b));
    return 4 + 4 * (size_t)rank;
}

static inline void idx_put(const char *dir, const char *part, int n, uint64_t seed)
{
    size_t plane = IDX_SIDE * IDX_SIDE;
    unsigned char *x = x_calloc(1, 16 + (size_t)n * plane), *y = x_calloc(1, 8 + (size_t)n);
    struct rng r = rng_for(seed, 0);
    size_t at = idx_header(x, 3, (const uint32_t[]){(uint32_t)n, IDX_SIDE, IDX_SIDE});
    size_t label_at = idx_header(y, 1, (const uint32_t[]){(uint32_t)n});
    for (int i = 0; i < n; i++) {
        int k = i % IDX_CLASSES;
        y[label_at + (size_t)i] = (unsigned char)k;
        for (size_t p = 0; p < plane; p++)
            x[at + (size_t)i * plane + p] =
                (unsigned char)(rng_below(&r, 120) + ((int)p / IDX_SIDE == 1 + k ? 130 : 0));
    }
    char *images = x_asprintf("%s/%s-images-idx3-ubyte", dir, part);
    char *labels = x_asprintf("%s/%s-labels-idx1-ubyte", dir, part);
    if (file_write(images, x, at + (size_t)n * plane, NULL) != ST_OK ||
        file_write(labels, y, label_at + (size_t)n, NULL) != ST_OK) {
        perror(images);
        abort();
    }
    free(images);
    free(labels);
    free(x);
    free(y);
}

/* `dir` exists. */
static inline void idx_make(const char *dir, int n_train, int n_test)
{
    idx_put(dir, "train", n_train, 1);
    idx_put(dir, "t10k", n_test, 2);
}

#endif
