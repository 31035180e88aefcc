/* Members of a family by number and at random. */
#include "base/hash.h"
#include "base/mem.h"
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
    return !f ? -1 : f->count ? (int64_t)f->count() : 0;
}

static char *spec_of(const struct family *f, const struct str *text, bool reduced)
{
    return x_asprintf("%s:%s%s", f->name, str_text(text), reduced ? "@s" : "");
}

char *family_string(const char *family, int64_t i)
{
    bool reduced;
    const struct family *f = by_name(family, &reduced);
    struct str text = {0};
    if (!f || !f->count || i < 0 || (uint64_t)i >= f->count())
        return NULL;
    f->text(&text, (uint64_t)i);
    char *spec = spec_of(f, &text, reduced);
    str_done(&text);
    return spec;
}

char *family_sample(const char *family, uint64_t seed, int i)
{
    bool reduced;
    const struct family *f = by_name(family, &reduced);
    struct str text = {0};
    if (!f || i < 0)
        return NULL;
    if (f->count) {
        uint64_t n = f->count();
        return family_string(family, (int64_t)permuted((uint64_t)i % n, n, seed));
    }
    struct rng r = rng_for(seed, (uint64_t)i);
    f->draw(&text, reduced, &r);
    char *spec = spec_of(f, &text, reduced);
    str_done(&text);
    return spec;
}
