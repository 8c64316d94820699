#include "demo/rng.h"

void weir_demo_rng_seed(struct demo_rng *rng, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        seed += 0x9E3779B97F4A7C15u;
        rng->s[i] = weir_demo_mix(seed);
    }
}

/* -log2 of a uniform number in (0, 1], in 1/65,536: the leading zeros are its whole part, the bits
 * behind the first one a straight line through the rest. Within 6 % of the logarithm and exact
 * integer arithmetic, which libm's is not. Its mean is 1.5. */
static uint64_t minus_log2(struct demo_rng *rng)
{
    uint64_t bits = weir_demo_rng_next(rng) | 1;
    unsigned zeros = (unsigned)__builtin_clzll(bits);
    uint64_t mantissa = zeros == 63 ? 0 : (bits << (zeros + 1)) >> 48;
    return ((uint64_t)zeros << 16) + (65536 - mantissa);
}

int64_t weir_demo_rng_wait(struct demo_rng *rng, int64_t mean)
{
    return (int64_t)(minus_log2(rng) * (uint64_t)mean / (65536 * 3 / 2));
}

int64_t weir_demo_rng_length(struct demo_rng *rng, int64_t mean)
{
    return (weir_demo_rng_wait(rng, mean) + weir_demo_rng_wait(rng, mean)) / 2;
}

uint32_t weir_demo_rng_factor(struct demo_rng *rng, uint32_t spread)
{
    /* Four uniforms: near enough to a bell, and never absurd. Their deviation is 65536 / sqrt(3).
     */
    int64_t bell = -2 * 65536;
    uint64_t bits = weir_demo_rng_next(rng);
    for (int i = 0; i < 4; i++) {
        bell += (int64_t)(bits >> (16 * i) & 0xFFFF);
    }
    int64_t power = bell * 1732 / 1000 * (int64_t)spread / 65536; /* of two, in 1/65,536 */
    int64_t whole = power >= 0 ? power / 65536 : -((65535 - power) / 65536);
    uint64_t part = (uint64_t)(power - whole * 65536);
    uint64_t value = 65536 + part; /* 2^part, by a straight line */
    return (uint32_t)(whole >= 0 ? value << whole : value >> -whole);
}

uint64_t weir_demo_rng_round(struct demo_rng *rng, uint64_t millionths)
{
    uint64_t whole = millionths / DEMO_MILLION;
    return whole + weir_demo_rng_chance(rng, (uint32_t)(millionths % DEMO_MILLION));
}

size_t weir_demo_rng_pick(struct demo_rng *rng, const uint32_t *weights, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += weights[i];
    }
    uint64_t at = ((weir_demo_rng_next(rng) >> 32) * sum) >> 32;
    for (size_t i = 0; i < n; i++) {
        if (at < weights[i]) {
            return i;
        }
        at -= weights[i];
    }
    return n - 1;
}

size_t weir_demo_pick_by(uint64_t bits, const uint16_t *weights, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += weights[i];
    }
    uint64_t at = ((bits >> 32) * sum) >> 32;
    for (size_t i = 0; i < n; i++) {
        if (at < weights[i]) {
            return i;
        }
        at -= weights[i];
    }
    return n - 1;
}
