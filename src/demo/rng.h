/* Random numbers that are the same on every machine: xoshiro256** and integer shapes on top. */
#ifndef WEIR_DEMO_RNG_H
#define WEIR_DEMO_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEMO_MILLION 1000000u

struct demo_rng {
    uint64_t s[4];
};

/* A good mix of 64 bits (splitmix64's finisher): makes fixed attributes out of ids. */
static inline uint64_t weir_demo_mix(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

void weir_demo_rng_seed(struct demo_rng *rng, uint64_t seed);

static inline uint64_t weir_demo_rng_next(struct demo_rng *rng)
{
    uint64_t *s = rng->s;
    uint64_t x = s[1] * 5;
    uint64_t result = ((x << 7) | (x >> 57)) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 45) | (s[3] >> 19);
    return result;
}

/* 0 .. n - 1; 0 when n is 0. */
static inline uint32_t weir_demo_rng_below(struct demo_rng *rng, uint32_t n)
{
    return (uint32_t)(((weir_demo_rng_next(rng) >> 32) * n) >> 32);
}

/* True `ppm` times in a million. */
static inline bool weir_demo_rng_chance(struct demo_rng *rng, uint32_t ppm)
{
    return weir_demo_rng_below(rng, DEMO_MILLION) < ppm;
}

/* lo .. hi, both included. */
static inline int64_t weir_demo_rng_range(struct demo_rng *rng, int64_t lo, int64_t hi)
{
    return lo + (int64_t)weir_demo_rng_below(rng, (uint32_t)(hi - lo + 1));
}

/* Waiting times: exponential with about this mean. */
int64_t weir_demo_rng_wait(struct demo_rng *rng, int64_t mean);
/* Lengths: the sum of two such waits; few very short, some long. */
int64_t weir_demo_rng_length(struct demo_rng *rng, int64_t mean);
/* A factor in 1/65,536 with median 65,536 and a long tail upwards; `spread` in 1/65,536 of a
 * doubling is one standard deviation. */
uint32_t weir_demo_rng_factor(struct demo_rng *rng, uint32_t spread);
/* A millionth-exact rate as a whole number: 2.3 gives 2 or 3, 2.3 on average. */
uint64_t weir_demo_rng_round(struct demo_rng *rng, uint64_t millionths);
/* Index of one of `n` weights. */
size_t weir_demo_rng_pick(struct demo_rng *rng, const uint32_t *weights, size_t n);
/* Index of one of `n` weights, from bits that are there already. */
size_t weir_demo_pick_by(uint64_t bits, const uint16_t *weights, size_t n);

/* Says yes `ppm` times in a million, evenly: after k questions the number of yeses is within one of
 * k * ppm, so that a rate is true even in a small company. Zero-initialise, or give a phase. */
struct demo_even {
    uint32_t sum;
};
static inline bool demo_even(struct demo_even *even, uint32_t ppm)
{
    even->sum += ppm;
    if (even->sum >= DEMO_MILLION) {
        even->sum -= DEMO_MILLION;
        return true;
    }
    return false;
}

#endif
