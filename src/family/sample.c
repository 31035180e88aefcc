/* Random members of a family. */
#include "base/hash.h"
#include "family/family_priv.h"
#include <string.h>

void draw_shuffle(int *v, int n, struct rng *r)
{
    for (int i = n - 1; i > 0; i--) {
        int k = (int)rng_below(r, (uint64_t)i + 1), t = v[i];
        v[i] = v[k];
        v[k] = t;
    }
}

/* Where a seeded permutation of 0 .. n-1 takes i: a Feistel network over the next even power of
 * two, walked until it comes back into the range (Black and Rogaway 2002). */
static uint64_t permuted(uint64_t i, uint64_t n, uint64_t seed)
{
    unsigned half = 1;
    while (((uint64_t)1 << 2 * half) < n)
        half++;
    uint64_t mask = ((uint64_t)1 << half) - 1;
    do {
        uint64_t left = i >> half, right = i & mask;
        for (uint64_t round = 0; round < 6; round++) {
            uint64_t next = left ^ (hash_mix(hash_pair(seed + round, right)) & mask);
            left = right;
            right = next;
        }
        i = left << half | right;
    } while (i >= n);
    return i;
}

static const struct family *by_name(const char *family, bool *reduced)
{
    size_t len = strcspn(family, "@");
    *reduced = strcmp(family + len, "@s") == 0;
    if (family[len] && !*reduced)
        return NULL;
    const struct family *f;
    for (int i = 0; (f = family_at(i)); i++)
        if (strlen(f->name) == len && memcmp(f->name, family, len) == 0)
            return f;
    return NULL;
}

int64_t family_count(const char *family)
{
    bool reduced;
    const struct family *f = by_name(family, &reduced);
    return f ? (int64_t)f->count : -1;
}

char *family_sample(const char *family, uint64_t seed, int i)
{
    bool reduced;
    const struct family *f = by_name(family, &reduced);
    struct str text = {0};
    if (!f || i < 0)
        return NULL;
    str_addf(&text, "%s:", f->name);
    if (f->text) {
        f->text(&text, permuted((uint64_t)i % f->count, f->count, seed));
    } else {
        struct rng r = rng_for(seed, (uint64_t)i);
        f->draw(&text, reduced, &r);
    }
    str_add(&text, reduced ? "@s" : "");
    return str_take(&text);
}
