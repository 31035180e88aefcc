/* Seeded random numbers (xoshiro256**, Blackman and Vigna 2018; seeded by SplitMix64).
 * rng_for(seed, stream) gives independent streams, so results never depend on thread count. */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t s[4];
};

struct rng rng_for(uint64_t seed, uint64_t stream);
uint64_t rng_u64(struct rng *r);
/* Uniform in [0, n), unbiased; n > 0. */
uint64_t rng_below(struct rng *r, uint64_t n);
/* Uniform in [0, 1). */
double rng_double(struct rng *r);
/* Standard normal. */
double rng_normal(struct rng *r);

#endif
