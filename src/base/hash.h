/* 64-bit hashing for identity and dedup (not cryptographic). Results are the same on every machine
 * (little-endian reads are explicit) and are part of file formats: changing them is a format
 * change. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const void *p, size_t n, uint64_t seed);
uint64_t hash_str(const char *s, uint64_t seed);
/* Finaliser (SplitMix64's mixing function). */
uint64_t hash_mix(uint64_t x);
/* Order-dependent combination. */
uint64_t hash_pair(uint64_t a, uint64_t b);

/* Open-addressing map from string (copied) to int64_t; for names. Not thread-safe. */
struct strmap {
    struct strmap_slot *slot;
    size_t n, cap;
};
/* Pointer to the value of key, inserted as `fresh` when absent; valid until the next insertion. */
int64_t *strmap_put(struct strmap *m, const char *key, int64_t fresh);
/* NULL when absent. */
int64_t *strmap_get(const struct strmap *m, const char *key);
void strmap_done(struct strmap *m);

/* Open-addressing map from uint64_t to int64_t. Not thread-safe. */
struct u64map {
    struct u64map_slot *slot;
    size_t n, cap;
};
int64_t *u64map_put(struct u64map *m, uint64_t key, int64_t fresh);
int64_t *u64map_get(const struct u64map *m, uint64_t key);
void u64map_done(struct u64map *m);

#endif
