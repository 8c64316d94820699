/* Hashes (XXH3: fast, not cryptographic) and random bytes (from the kernel). */
#ifndef WEIR_BASE_HASH_H
#define WEIR_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct weir_hash128 {
    uint64_t hi;
    uint64_t lo;
};

uint64_t weir_hash64(const void *bytes, size_t n, uint64_t seed);
struct weir_hash128 weir_hash128(const void *bytes, size_t n);

/* Cryptographically strong; aborts the process if the kernel has no randomness, which it always
 * has after boot. */
void weir_random_bytes(void *out, size_t n);
uint64_t weir_random_u64(void);

/* RFC 9562 version 4, 36 characters and NUL. */
void weir_uuid4(char out[37]);
/* Formats 16 bytes as 8-4-4-4-12 hex without changing any bit. */
void weir_uuid_format(const unsigned char bytes[16], char out[37]);

/* `out` gets 2 * n lower-case digits and NUL. */
void weir_hex(const void *bytes, size_t n, char *out);
/* Of a digit of either case; -1: it is none. */
static inline int weir_hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}
/* The number that `n` digits say, at most seven; -1: one of them is none. */
static inline int weir_hex_number(const char *text, size_t n)
{
    int value = 0;
    for (size_t i = 0; i < n; i++) {
        int digit = weir_hex_digit(text[i]);
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

#endif
