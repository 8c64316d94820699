#include "base/hash.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t weir_hash64(const void *bytes, size_t n, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes, n, seed);
}

struct weir_hash128 weir_hash128(const void *bytes, size_t n)
{
    XXH128_hash_t h = XXH3_128bits(bytes, n);
    return (struct weir_hash128){h.high64, h.low64};
}

void weir_random_bytes(void *out, size_t n)
{
    char *at = out;
    while (n) {
        ssize_t got = getrandom(at, n, 0);
        if (got <= 0) {
            abort();
        }
        at += got;
        n -= (size_t)got;
    }
}

uint64_t weir_random_u64(void)
{
    uint64_t value;
    weir_random_bytes(&value, sizeof value);
    return value;
}

void weir_hex(const void *bytes, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *p = bytes;
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15];
    }
    out[2 * n] = '\0';
}

void weir_uuid_format(const unsigned char bytes[16], char out[37])
{
    static const unsigned char group[] = {4, 2, 2, 2, 6};
    char *at = out;
    for (size_t i = 0; i < sizeof group; i++) {
        weir_hex(bytes, group[i], at);
        bytes += group[i];
        at += 2 * group[i];
        *at++ = '-';
    }
    at[-1] = '\0';
}

void weir_uuid4(char out[37])
{
    unsigned char bytes[16];
    weir_random_bytes(bytes, sizeof bytes);
    bytes[6] = (unsigned char)((bytes[6] & 0x0F) | 0x40);
    bytes[8] = (unsigned char)((bytes[8] & 0x3F) | 0x80);
    weir_uuid_format(bytes, out);
}
