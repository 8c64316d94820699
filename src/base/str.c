#include "base/str.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

int weir_str_order(const void *a, const void *b)
{
    const struct weir_str *x = a, *y = b;
    size_t shorter = x->len < y->len ? x->len : y->len;
    int order = shorter ? memcmp(x->ptr, y->ptr, shorter) : 0;
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

bool weir_str_eq_nocase(struct weir_str a, struct weir_str b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.ptr[i]) != lower(b.ptr[i])) {
            return false;
        }
    }
    return true;
}

bool weir_str_starts(struct weir_str s, struct weir_str prefix)
{
    return s.len >= prefix.len && memcmp(s.ptr, prefix.ptr, prefix.len) == 0;
}

bool weir_str_is_plain_name(struct weir_str s)
{
    bool ok = s.len > 0 && s.len <= 63 && !(s.ptr[0] >= '0' && s.ptr[0] <= '9');
    for (size_t i = 0; ok && i < s.len; i++) {
        char c = s.ptr[i];
        ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    }
    return ok;
}

bool weir_str_ends(struct weir_str s, struct weir_str suffix)
{
    return s.len >= suffix.len && memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len) == 0;
}

bool weir_str_starts_nocase(struct weir_str s, struct weir_str prefix)
{
    return s.len >= prefix.len && weir_str_eq_nocase((struct weir_str){s.ptr, prefix.len}, prefix);
}

bool weir_str_ends_nocase(struct weir_str s, struct weir_str suffix)
{
    return s.len >= suffix.len &&
           weir_str_eq_nocase((struct weir_str){s.ptr + s.len - suffix.len, suffix.len}, suffix);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct weir_str weir_str_trim(struct weir_str s)
{
    while (s.len && is_space(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len && is_space(s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

struct weir_str weir_str_cut(struct weir_str *rest, char sep)
{
    struct weir_str part = *rest;
    const char *at = rest->len ? memchr(rest->ptr, sep, rest->len) : NULL;
    if (!at) {
        *rest = (struct weir_str){NULL, 0};
        return part;
    }
    part.len = (size_t)(at - rest->ptr);
    rest->len -= part.len + 1;
    rest->ptr = at + 1;
    return part;
}

bool weir_str_to_u64(struct weir_str s, uint64_t *out)
{
    if (s.len == 0 || s.len > 20) {
        return false;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9' || __builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(s.ptr[i] - '0'), &value)) {
            return false;
        }
    }
    *out = value;
    return true;
}

bool weir_str_to_i64(struct weir_str s, int64_t *out)
{
    bool negative = s.len && s.ptr[0] == '-';
    if (negative || (s.len && s.ptr[0] == '+')) {
        s.ptr++;
        s.len--;
    }
    uint64_t magnitude;
    if (!weir_str_to_u64(s, &magnitude) || magnitude > (uint64_t)INT64_MAX + negative) {
        return false;
    }
    *out = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

bool weir_str_to_bytes(struct weir_str s, uint64_t *out)
{
    s = weir_str_trim(s);
    size_t digits = 0;
    while (digits < s.len && s.ptr[digits] >= '0' && s.ptr[digits] <= '9') {
        digits++;
    }
    uint64_t value;
    if (!weir_str_to_u64((struct weir_str){s.ptr, digits}, &value)) {
        return false;
    }
    struct weir_str unit = weir_str_trim((struct weir_str){s.ptr + digits, s.len - digits});
    unsigned shift = 0;
    if (unit.len) {
        static const char letters[] = "bkmgt";
        const char *at = memchr(letters, lower(unit.ptr[0]), sizeof letters - 1);
        if (!at) {
            return false;
        }
        struct weir_str tail = {unit.ptr + 1, unit.len - 1};
        bool known = tail.len == 0 || weir_str_eq_nocase(tail, WEIR_STR("b")) ||
                     weir_str_eq_nocase(tail, WEIR_STR("ib"));
        if (!known || (at == letters && tail.len)) {
            return false;
        }
        shift = 10u * (unsigned)(at - letters);
    }
    if (shift && value > (UINT64_MAX >> shift)) {
        return false;
    }
    *out = value << shift;
    return true;
}

/* Length of the character at p, or 0 when it is not valid UTF-8 (Unicode 15, table 3-7). */
static size_t utf8_char(const unsigned char *p, size_t left)
{
    unsigned char a = p[0];
    if (a < 0x80) {
        return 1;
    }
    if (a < 0xC2 || a > 0xF4) {
        return 0;
    }
    size_t need = a < 0xE0 ? 2 : a < 0xF0 ? 3 : 4;
    if (left < need) {
        return 0;
    }
    unsigned char low = a == 0xE0 ? 0xA0 : a == 0xF0 ? 0x90 : 0x80;
    unsigned char high = a == 0xED ? 0x9F : a == 0xF4 ? 0x8F : 0xBF;
    if (p[1] < low || p[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < need; i++) {
        if ((p[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return need;
}

size_t weir_utf8_valid_prefix(struct weir_str s)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    size_t i = 0;
    while (i < s.len) {
        uint64_t word;
        if (i + sizeof word <= s.len) {
            memcpy(&word, p + i, sizeof word);
            if ((word & 0x8080808080808080u) == 0) {
                i += sizeof word;
                continue;
            }
        }
        size_t n = utf8_char(p + i, s.len - i);
        if (n == 0) {
            return i;
        }
        i += n;
    }
    return i;
}

size_t weir_utf8_encode(uint32_t cp, char out[4])
{
    if (cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF)) {
        cp = 0xFFFD;
    }
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xC0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3F));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xE0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3F));
        out[2] = (char)(0x80 | (cp & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3F));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3F));
    out[3] = (char)(0x80 | (cp & 0x3F));
    return 4;
}

struct weir_str weir_utf8_cut(struct weir_str s, size_t max)
{
    if (s.len <= max) {
        return s;
    }
    while (max && ((unsigned char)s.ptr[max] & 0xC0) == 0x80) {
        max--;
    }
    return (struct weir_str){s.ptr, max};
}
