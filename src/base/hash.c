#include "base/hash.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

uint64_t hash_mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9ULL;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebULL;
    x ^= x >> 31;
    return x;
}

uint64_t hash_pair(uint64_t a, uint64_t b)
{
    return hash_mix(a * 0x9e3779b97f4a7c15ULL + hash_mix(b + 0x632be59bd9b4e019ULL));
}

static uint64_t load64(const unsigned char *p)
{
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

/* Four independent multiply-mix lanes of 8 bytes, so that weights hash at memory speed. */
uint64_t hash_bytes(const void *data, size_t n, uint64_t seed)
{
    const unsigned char *p = data;
    uint64_t lane[4] = {seed ^ 0x243f6a8885a308d3ULL, seed ^ 0x13198a2e03707344ULL,
                        seed ^ 0xa4093822299f31d0ULL, seed ^ 0x082efa98ec4e6c89ULL};
    size_t left = n;
    for (; left >= 32; left -= 32, p += 32)
        for (int k = 0; k < 4; k++) {
            uint64_t v = (lane[k] ^ load64(p + 8 * k)) * 0x9e3779b97f4a7c15ULL;
            lane[k] = v ^ v >> 29;
        }
    uint64_t h = hash_pair(hash_pair(lane[0], lane[1]), hash_pair(lane[2], lane[3]));
    for (; left >= 8; left -= 8, p += 8)
        h = hash_pair(h, load64(p));
    uint64_t tail = 0;
    for (size_t i = left; i > 0; i--)
        tail = tail << 8 | p[i - 1];
    return hash_pair(h, hash_pair(tail, n));
}

uint64_t hash_str(const char *s, uint64_t seed)
{
    return hash_bytes(s, strlen(s), seed);
}

struct strmap_slot {
    char *key;
    uint64_t hash;
    int64_t value;
};

static struct strmap_slot *strmap_slot(const struct strmap *m, const char *key, uint64_t hash)
{
    size_t i = hash & (m->cap - 1);
    while (m->slot[i].key && (m->slot[i].hash != hash || strcmp(m->slot[i].key, key) != 0))
        i = (i + 1) & (m->cap - 1);
    return &m->slot[i];
}

int64_t *strmap_put(struct strmap *m, const char *key, int64_t fresh)
{
    if (m->n * 3 >= m->cap * 2) {
        struct strmap bigger = {NULL, m->n, m->cap ? m->cap * 2 : 16};
        bigger.slot = x_calloc(bigger.cap, sizeof *bigger.slot);
        for (size_t i = 0; i < m->cap; i++)
            if (m->slot[i].key)
                *strmap_slot(&bigger, m->slot[i].key, m->slot[i].hash) = m->slot[i];
        free(m->slot);
        *m = bigger;
    }
    uint64_t hash = hash_str(key, 0);
    struct strmap_slot *s = strmap_slot(m, key, hash);
    if (!s->key) {
        *s = (struct strmap_slot){x_strdup(key), hash, fresh};
        m->n++;
    }
    return &s->value;
}

int64_t *strmap_get(const struct strmap *m, const char *key)
{
    if (!m->cap)
        return NULL;
    struct strmap_slot *s = strmap_slot(m, key, hash_str(key, 0));
    return s->key ? &s->value : NULL;
}

void strmap_done(struct strmap *m)
{
    for (size_t i = 0; i < m->cap; i++)
        free(m->slot[i].key);
    free(m->slot);
    memset(m, 0, sizeof *m);
}

struct u64map_slot {
    uint64_t key;
    int64_t value;
    int used;
};

static struct u64map_slot *u64map_slot(const struct u64map *m, uint64_t key)
{
    size_t i = hash_mix(key) & (m->cap - 1);
    while (m->slot[i].used && m->slot[i].key != key)
        i = (i + 1) & (m->cap - 1);
    return &m->slot[i];
}

int64_t *u64map_put(struct u64map *m, uint64_t key, int64_t fresh)
{
    if (m->n * 3 >= m->cap * 2) {
        struct u64map bigger = {NULL, m->n, m->cap ? m->cap * 2 : 16};
        bigger.slot = x_calloc(bigger.cap, sizeof *bigger.slot);
        for (size_t i = 0; i < m->cap; i++)
            if (m->slot[i].used)
                *u64map_slot(&bigger, m->slot[i].key) = m->slot[i];
        free(m->slot);
        *m = bigger;
    }
    struct u64map_slot *s = u64map_slot(m, key);
    if (!s->used) {
        *s = (struct u64map_slot){key, fresh, 1};
        m->n++;
    }
    return &s->value;
}

int64_t *u64map_get(const struct u64map *m, uint64_t key)
{
    if (!m->cap)
        return NULL;
    struct u64map_slot *s = u64map_slot(m, key);
    return s->used ? &s->value : NULL;
}

void u64map_done(struct u64map *m)
{
    free(m->slot);
    memset(m, 0, sizeof *m);
}
