/* Strings that know their length, and the few UTF-8 rules that weir needs.
 *
 * A struct weir_str borrows: it never owns its bytes, need not be NUL-terminated and may hold NUL.
 * Everything here is pure and safe to call from any thread. */
#ifndef WEIR_BASE_STR_H
#define WEIR_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct weir_str {
    const char *ptr;
    size_t len;
};

#define WEIR_STR(literal) ((struct weir_str){(literal), sizeof(literal) - 1})
#define WEIR_STR_FMT      "%.*s"
#define WEIR_STR_ARG(s)   (int)(s).len, (s).ptr

static inline struct weir_str weir_str_of(const char *cstr)
{
    return (struct weir_str){cstr, cstr ? strlen(cstr) : 0};
}

/* Names are short: they are compared as one or two words, without a call. */
static inline bool weir_str_eq(struct weir_str a, struct weir_str b)
{
    uint64_t x[4];
    uint32_t y[4];
    size_t n = a.len;
    if (n != b.len) {
        return false;
    }
    if (n > 16) {
        return memcmp(a.ptr, b.ptr, n) == 0;
    }
    if (n >= 8) {
        memcpy(&x[0], a.ptr, 8);
        memcpy(&x[1], b.ptr, 8);
        memcpy(&x[2], a.ptr + n - 8, 8);
        memcpy(&x[3], b.ptr + n - 8, 8);
        return x[0] == x[1] && x[2] == x[3];
    }
    if (n >= 4) {
        memcpy(&y[0], a.ptr, 4);
        memcpy(&y[1], b.ptr, 4);
        memcpy(&y[2], a.ptr + n - 4, 4);
        memcpy(&y[3], b.ptr + n - 4, 4);
        return y[0] == y[1] && y[2] == y[3];
    }
    return n == 0 ||
           (a.ptr[0] == b.ptr[0] && a.ptr[n / 2] == b.ptr[n / 2] && a.ptr[n - 1] == b.ptr[n - 1]);
}

static inline bool weir_str_is(struct weir_str a, const char *cstr)
{
    return weir_str_eq(a, weir_str_of(cstr));
}

/* Order by bytes, a prefix first; takes two struct weir_str, as bsearch() and qsort() call it. */
int weir_str_order(const void *a, const void *b);
bool weir_str_eq_nocase(struct weir_str a, struct weir_str b); /* ASCII letters only */
bool weir_str_starts(struct weir_str s, struct weir_str prefix);
bool weir_str_ends(struct weir_str s, struct weir_str suffix);
bool weir_str_starts_nocase(struct weir_str s, struct weir_str prefix); /* ASCII letters only, */
bool weir_str_ends_nocase(struct weir_str s, struct weir_str suffix);   /* both */
/* a to z, 0 to 9 and _, no digit first, 1 to 63: what may name a table or a view of weir's own. */
bool weir_str_is_plain_name(struct weir_str s);
struct weir_str weir_str_trim(struct weir_str s); /* ASCII white space at both ends */

/* Splits `*rest` at the first `sep`; returns the part before and moves `*rest` behind it (rest->ptr
 * becomes NULL when no separator is left). */
struct weir_str weir_str_cut(struct weir_str *rest, char sep);

/* Decimal integer, the whole of `s`, with optional sign; false when it is anything else or does
 * not fit. */
bool weir_str_to_i64(struct weir_str s, int64_t *out);
bool weir_str_to_u64(struct weir_str s, uint64_t *out);
/* Bytes with an optional suffix k, M, G, T (powers of 1,024; "KB", "MiB" and the like too). */
bool weir_str_to_bytes(struct weir_str s, uint64_t *out);

/* Length of the valid UTF-8 prefix of `s` (RFC 3629: no surrogates, no overlong forms). */
size_t weir_utf8_valid_prefix(struct weir_str s);
static inline bool weir_utf8_valid(struct weir_str s)
{
    return weir_utf8_valid_prefix(s) == s.len;
}
/* Encodes a code point; returns 1 to 4. Surrogates and values over 0x10FFFF become U+FFFD. */
size_t weir_utf8_encode(uint32_t cp, char out[4]);
/* The longest prefix of at most `max` bytes that does not cut a character. */
struct weir_str weir_utf8_cut(struct weir_str s, size_t max);

#endif
