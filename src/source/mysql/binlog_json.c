/* MySQL's JSON, as its rows have it: printed as the server prints it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_write.h"
#include "base/number.h"
#include "source/mysql/binlog_bytes.h"

#define DEPTH_MOST 101 /* the server's own limit is 100 */

enum { /* kinds of values; objects and arrays have small and large ones, one behind the other */
       J_OBJECT = 0,
       J_LARGE_OBJECT = 1,
       J_ARRAY = 2,
       J_LARGE_ARRAY = 3,
       J_LITERAL = 4,
       J_INT16 = 5,
       J_UINT16 = 6,
       J_INT32 = 7,
       J_UINT32 = 8,
       J_INT64 = 9,
       J_UINT64 = 10,
       J_DOUBLE = 11,
       J_TEXT = 12,
       J_OPAQUE = 15
};
enum { /* types of SQL that are in it */
       O_TIMESTAMP = 7,
       O_DATE = 10,
       O_TIME = 11,
       O_DATETIME = 12
};

struct printing {
    struct weir_buf *out;
    size_t most; /* of its bytes: values that are shared would be printed again and again */
    unsigned depth;
};

/* --- single values ------------------------------------------------------------------------------
 */

static bool double_text(struct weir_str bytes, struct weir_buf *out)
{
    char digits[WEIR_NUMBER_DIGITS + 1];
    double value;
    int point;
    memcpy(&value, bytes.ptr, sizeof value);
    if (!isfinite(value)) {
        return false;
    }
    weir_buf_addz(out, signbit(value) ? "-" : "");
    int n = weir_number_digits(value, digits, &point);
    if (point < -14 || (point > 15 && n <= point)) {
        weir_buf_addf(out, "%c%s%se%d", digits[0], n > 1 ? "." : "", digits + 1, point - 1);
    } else if (point <= 0) {
        weir_buf_addf(out, "0.%.*s%s", -point, "00000000000000", digits);
    } else if (n > point) {
        weir_buf_addf(out, "%.*s.%s", point, digits, digits + point);
    } else {
        weir_buf_addf(out, "%s%.*s.0", digits, point - n, "00000000000000");
    }
    return true;
}

/* A length whose bytes have seven bits of it each, the lowest first. */
static bool take_length(struct weir_str *s, uint64_t *out)
{
    uint64_t byte;
    *out = 0;
    for (unsigned i = 0; i < 5; i++) {
        if (!weir_my_take_number(s, 1, &byte)) {
            return false;
        }
        *out |= (byte & 0x7f) << (7 * i);
        if (!(byte & 0x80)) {
            return true;
        }
    }
    return false;
}

static bool take_text(struct weir_str *s, struct weir_str *out)
{
    uint64_t len;
    return take_length(s, &len) && weir_my_take(s, len, out);
}

/* Dates and times are numbers here; in its texts each has six digits behind the point. */
static void moment_text(unsigned type, struct weir_str bytes, struct weir_buf *out)
{
    int64_t packed = (int64_t)weir_my_little(bytes);
    uint64_t size = packed < 0 ? 0 - (uint64_t)packed : (uint64_t)packed;
    unsigned micros = (unsigned)(size & 0xffffff), second = size >> 24 & 63,
             minute = size >> 30 & 63;
    if (type == O_TIME) {
        weir_buf_addf(out, "\"%s%02u:%02u:%02u.%06u\"", packed < 0 ? "-" : "",
                      (unsigned)(size >> 36 & 0x3ff), minute, second, micros);
        return;
    }
    unsigned months = (unsigned)(size >> 46 & 0x3ffff), day = size >> 41 & 31,
             hour = size >> 36 & 31;
    weir_buf_addf(out, "\"%04u-%02u-%02u", months / 13, months % 13, day);
    if (type != O_DATE) {
        weir_buf_addf(out, " %02u:%02u:%02u.%06u", hour, minute, second, micros);
    }
    weir_buf_addc(out, '"');
}

/* In lines of 76, and the ends of the lines are in the text. */
static void base64_text(unsigned type, struct weir_str bytes, struct weir_buf *out)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *b = (const unsigned char *)bytes.ptr;
    weir_buf_addf(out, "\"base64:type%u:", type);
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        unsigned three = (unsigned)b[i] << 16 | (left > 1 ? (unsigned)b[i + 1] << 8 : 0) |
                         (left > 2 ? b[i + 2] : 0);
        char four[4] = {letters[three >> 18], letters[three >> 12 & 63],
                        left > 1 ? letters[three >> 6 & 63] : '=',
                        left > 2 ? letters[three & 63] : '='};
        weir_buf_addz(out, i && i % 57 == 0 ? "\\n" : "");
        weir_buf_add(out, four, 4);
    }
    weir_buf_addc(out, '"');
}

static bool opaque_text(struct weir_str data, struct weir_buf *out)
{
    uint64_t type, precision, scale;
    struct weir_str bytes;
    if (!weir_my_take_number(&data, 1, &type) || !take_text(&data, &bytes)) {
        return false;
    }
    switch (type) {
    case O_DATE:
    case O_TIME:
    case O_DATETIME:
    case O_TIMESTAMP:
        if (bytes.len == 8) {
            moment_text((unsigned)type, bytes, out);
        }
        return bytes.len == 8;
    case T_DECIMAL:
        return weir_my_take_number(&bytes, 1, &precision) &&
               weir_my_take_number(&bytes, 1, &scale) && precision <= 65 && scale <= precision &&
               weir_my_decimal_text(bytes, (unsigned)(precision | scale << 8), out);
    default:
        base64_text((unsigned)type, bytes, out);
        return true;
    }
}

static bool literal_text(uint64_t value, struct weir_buf *out)
{
    static const char *const words[] = {"null", "true", "false"};
    weir_buf_addz(out, value < 3 ? words[value] : "");
    return value < 3;
}

/* --- values in values ---------------------------------------------------------------------------
 */

static bool print(struct printing *p, unsigned kind, struct weir_str data);

/* Small values stand in the place of where they would be. */
static bool print_entry(struct printing *p, struct weir_str all, struct weir_str entry, bool large)
{
    uint64_t kind, at;
    struct weir_str inside;
    if (!weir_my_take_number(&entry, 1, &kind)) {
        return false;
    }
    if (kind == J_LITERAL || kind == J_INT16 || kind == J_UINT16 ||
        (large && (kind == J_INT32 || kind == J_UINT32))) {
        return print(p, (unsigned)kind, entry);
    }
    return weir_my_take_number(&entry, large ? 4 : 2, &at) && at && at < all.len &&
           weir_my_take(&all, at, &inside) && print(p, (unsigned)kind, all);
}

static bool print_key(struct printing *p, struct weir_str all, struct weir_str entry, bool large)
{
    uint64_t at, len;
    struct weir_str before, key;
    bool read = weir_my_take_number(&entry, large ? 4 : 2, &at) &&
                weir_my_take_number(&entry, 2, &len) && at <= all.len &&
                weir_my_take(&all, at, &before) && weir_my_take(&all, len, &key) &&
                weir_utf8_valid(key);
    if (read) {
        weir_json_quote(p->out, key);
        weir_buf_addz(p->out, ": ");
    }
    return read;
}

/* Its count, its size, entries of the keys, entries of the values; places are from its beginning.
 */
static bool print_many(struct printing *p, unsigned kind, struct weir_str data)
{
    bool large = kind == J_LARGE_OBJECT || kind == J_LARGE_ARRAY, object = kind <= J_LARGE_OBJECT;
    size_t number = large ? 4 : 2, key = object ? number + 2 : 0, value = number + 1;
    uint64_t count, size;
    struct weir_str all = data, keys, values, entry;
    if (!weir_my_take_number(&data, number, &count) || !weir_my_take_number(&data, number, &size) ||
        size > all.len || size < 2 * number) {
        return false;
    }
    all.len = size;
    data.len = size - 2 * number;
    bool read = count <= data.len / value && weir_my_take(&data, count * key, &keys) &&
                weir_my_take(&data, count * value, &values) && ++p->depth <= DEPTH_MOST;
    weir_buf_addc(p->out, object ? '{' : '[');
    for (uint64_t i = 0; read && i < count; i++) {
        weir_buf_addz(p->out, i ? ", " : "");
        read = (!object || (weir_my_take(&keys, key, &entry) && print_key(p, all, entry, large))) &&
               weir_my_take(&values, value, &entry) && print_entry(p, all, entry, large) &&
               weir_buf_ok(p->out) && p->out->len <= p->most;
    }
    weir_buf_addc(p->out, object ? '}' : ']');
    p->depth--;
    return read;
}

static bool print_whole(struct printing *p, unsigned kind, struct weir_str data)
{
    static const unsigned char sizes[] = {[J_INT16] = 2,  [J_UINT16] = 2, [J_INT32] = 4,
                                          [J_UINT32] = 4, [J_INT64] = 8,  [J_UINT64] = 8};
    uint64_t value;
    unsigned unused = 64 - 8 * sizes[kind];
    if (!weir_my_take_number(&data, sizes[kind], &value)) {
        return false;
    }
    if (kind == J_UINT16 || kind == J_UINT32 || kind == J_UINT64) {
        weir_buf_add_u64(p->out, value);
    } else {
        weir_buf_add_i64(p->out, (int64_t)(value << unused) >> unused);
    }
    return true;
}

static bool print(struct printing *p, unsigned kind, struct weir_str data)
{
    uint64_t value;
    struct weir_str text;
    switch (kind) {
    case J_OBJECT:
    case J_LARGE_OBJECT:
    case J_ARRAY:
    case J_LARGE_ARRAY:
        return print_many(p, kind, data);
    case J_LITERAL:
        return weir_my_take_number(&data, 1, &value) && literal_text(value, p->out);
    case J_INT16:
    case J_UINT16:
    case J_INT32:
    case J_UINT32:
    case J_INT64:
    case J_UINT64:
        return print_whole(p, kind, data);
    case J_DOUBLE:
        return weir_my_take(&data, 8, &text) && double_text(text, p->out);
    case J_TEXT:
        if (!take_text(&data, &text) || !weir_utf8_valid(text)) {
            return false;
        }
        weir_json_quote(p->out, text);
        return true;
    case J_OPAQUE:
        return opaque_text(data, p->out);
    default:
        return false;
    }
}

bool weir_my_json_text(struct weir_str bytes, struct weir_buf *out)
{
    struct printing p = {.out = out, .most = out->len + bytes.len * 8 + 64};
    uint64_t kind;
    if (!bytes.len) { /* what stands where a value was never given */
        weir_buf_addz(out, "null");
        return true;
    }
    return weir_my_take_number(&bytes, 1, &kind) && print(&p, (unsigned)kind, bytes) &&
           out->len <= p.most;
}
