/* Values of the binary log's rows, as the sink wants them. */
#include <string.h>

#include "base/number.h"
#include "source/mysql/binlog_bytes.h"

static uint64_t big(struct weir_str bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        value = value << 8 | (unsigned char)bytes.ptr[i];
    }
    return value;
}

/* Digits in groups of nine, the first and the last shorter; the sign is in the first bit, and
 * negative numbers are inverted. */
bool weir_my_decimal_text(struct weir_str bytes, unsigned meta, struct weir_buf *out)
{
    unsigned precision = meta & 255, scale = meta >> 8, whole = precision - scale;
    unsigned char copy[64];
    if (bytes.len > sizeof copy || !bytes.len) {
        return false;
    }
    memcpy(copy, bytes.ptr, bytes.len);
    bool minus = !(copy[0] & 0x80);
    copy[0] ^= 0x80;
    for (size_t i = 0; minus && i < bytes.len; i++) {
        copy[i] = (unsigned char)~copy[i];
    }
    struct weir_str rest = {(char *)copy, bytes.len}, group;
    bool any = false;
    weir_buf_addz(out, minus ? "-" : "");
    for (int part = 0; part < 2; part++) {
        unsigned left = part ? scale : whole;
        weir_buf_addz(out, part && scale ? "." : "");
        while (left) {
            unsigned digits = part ? (left < 9 ? left : 9) : (left % 9 ? left % 9 : 9);
            if (!weir_my_take(&rest, weir_my_decimal_bytes(digits), &group)) {
                return false;
            }
            uint64_t value = big(group), limit = 1;
            for (unsigned i = 0; i < digits; i++) {
                limit *= 10;
            }
            if (value >= limit) {
                return false;
            }
            if (part || any) {
                weir_buf_addf(out, "%0*llu", (int)digits, (unsigned long long)value);
            } else if (value) {
                weir_buf_addf(out, "%llu", (unsigned long long)value);
                any = true;
            }
            left -= digits;
        }
        if (!part && !any) {
            weir_buf_addc(out, '0');
        }
    }
    return true;
}

static unsigned fraction(struct weir_str bytes, unsigned meta)
{
    unsigned value = (unsigned)big(bytes);
    for (size_t i = bytes.len * 2; i < 6; i++) {
        value *= 10;
    }
    (void)meta;
    return value;
}

/* hh:mm:ss and as many digits behind the point as the column has. */
static void time_text(struct weir_str bytes, unsigned meta, struct weir_buf *out)
{
    size_t more = (meta + 1) / 2;
    int64_t value = (int64_t)big(bytes) - (int64_t)(0x800000ull << 8 * more);
    uint64_t size = value < 0 ? (uint64_t)-value : (uint64_t)value;
    uint64_t parts = size >> 8 * more, micros = size & ((1ull << 8 * more) - 1);
    for (size_t i = more * 2; i < 6; i++) {
        micros *= 10;
    }
    weir_buf_addf(out, "%s%02u:%02u:%02u", value < 0 ? "-" : "", (unsigned)(parts >> 12 & 0x3ff),
                  (unsigned)(parts >> 6 & 63), (unsigned)(parts & 63));
    for (unsigned i = meta; meta && i < 6; i++) {
        micros /= 10;
    }
    if (meta) {
        weir_buf_addf(out, ".%0*llu", (int)meta, (unsigned long long)micros);
    }
}

static bool day_of(unsigned type, unsigned meta, struct weir_str b, const struct weir_my_target *t,
                   struct weir_buf *room, struct weir_my_value *out)
{
    struct weir_my_time time = {0};
    bool none = false;
    if (type == T_TIMESTAMP2) {
        uint64_t seconds = big((struct weir_str){b.ptr, 4});
        unsigned micros = fraction((struct weir_str){b.ptr + 4, b.len - 4}, meta);
        out->got = seconds || micros ? WEIR_MY_GOT_INT : WEIR_MY_GOT_NULL;
        out->whole = (int64_t)seconds * WEIR_SECOND + micros;
        return micros < 1000000;
    }
    if (type == T_DATE) {
        unsigned v = (unsigned)weir_my_little(b);
        time = (struct weir_my_time){.year = v >> 9, .month = v >> 5 & 15, .day = v & 31};
    } else {
        uint64_t v = big((struct weir_str){b.ptr, 5}) - 0x8000000000ull, date = v >> 17;
        time = (struct weir_my_time){.year = (unsigned)(date >> 5) / 13,
                                     .month = (unsigned)(date >> 5) % 13,
                                     .day = date & 31,
                                     .hour = v >> 12 & 31,
                                     .minute = v >> 6 & 63,
                                     .second = v & 63,
                                     .micros =
                                         fraction((struct weir_str){b.ptr + 5, b.len - 5}, meta)};
    }
    bool fits = weir_my_time_of(&time, t->type == WEIR_TYPE_DATE, &none, &out->whole);
    out->got = none ? WEIR_MY_GOT_NULL : WEIR_MY_GOT_INT;
    if (!fits) {
        weir_my_time_text(&time, type == T_DATE, room);
    }
    return fits;
}

static int64_t whole_of(struct weir_str b, bool is_unsigned)
{
    uint64_t value = weir_my_little(b);
    unsigned unused = 64 - 8 * (unsigned)b.len;
    return is_unsigned || !b.len ? (int64_t)value : (int64_t)(value << unused) >> unused;
}

/* As Windows has it, and MySQL; 0: the byte itself. */
static void latin1_text(struct weir_str bytes, struct weir_buf *out)
{
    static const uint16_t upper[32] = {
        0x20ac, 0x81,   0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
        0x2039, 0x0152, 0x8d,   0x017d, 0x8f,   0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
        0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x9d,   0x017e, 0x0178};
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned c = (unsigned char)bytes.ptr[i];
        c = c >= 0x80 && c < 0xa0 ? upper[c - 0x80] : c;
        if (c < 0x80) {
            weir_buf_addc(out, (char)c);
        } else if (c < 0x800) {
            weir_buf_addc(out, (char)(0xc0 | c >> 6));
            weir_buf_addc(out, (char)(0x80 | (c & 63)));
        } else {
            weir_buf_addc(out, (char)(0xe0 | c >> 12));
            weir_buf_addc(out, (char)(0x80 | (c >> 6 & 63)));
            weir_buf_addc(out, (char)(0x80 | (c & 63)));
        }
    }
}

static bool label_text(struct weir_str b, const struct weir_my_target *t, struct weir_buf *out)
{
    uint64_t value = weir_my_little(b);
    if (t->form == WEIR_MY_ENUM) { /* 0: a value that was none, an empty text */
        if (value > t->label_count) {
            weir_buf_addf(out, "%llu", (unsigned long long)value);
            return false;
        }
        weir_buf_adds(out, value ? t->labels[value - 1] : WEIR_STR(""));
        return true;
    }
    bool any = false;
    for (size_t i = 0; i < 64; i++) {
        if (value >> i & 1) {
            if (i >= t->label_count) {
                weir_buf_reset(out);
                weir_buf_addf(out, "%llu", (unsigned long long)value);
                return false;
            }
            weir_buf_addz(out, any ? "," : "");
            weir_buf_adds(out, t->labels[i]);
            any = true;
        }
    }
    return true;
}

static bool text_of(struct weir_str b, const struct weir_my_target *t, struct weir_buf *room,
                    struct weir_str *out)
{
    size_t from = room->len;
    if (t->form == WEIR_MY_BYTES) {
        weir_my_hex(b, room);
        for (size_t i = b.len; i < t->length; i++) { /* what binary(n) is filled with is not sent */
            weir_buf_addz(room, "00");
        }
    } else if (t->charset == WEIR_MY_LATIN1) {
        latin1_text(b, room);
    } else {
        *out = b;
        return weir_utf8_valid(b);
    }
    *out = (struct weir_str){room->data ? room->data + from : "", room->len - from};
    return true;
}

static bool number_text(const struct weir_my_target *t, unsigned meta, struct weir_buf *room)
{
    unsigned scale = t->form == WEIR_MY_DECIMAL ? meta >> 8 : 0;
    if (t->type == WEIR_TYPE_OTHER && t->scale > scale) { /* the sink's has more of them */
        weir_buf_addz(room, scale ? "" : ".");
        for (unsigned i = scale; i < t->scale; i++) {
            weir_buf_addc(room, '0');
        }
    }
    return t->type != WEIR_TYPE_OTHER || t->scale >= scale;
}

bool weir_my_target_fits(const struct weir_my_target *t)
{
    bool text = t->type == WEIR_TYPE_TEXT || t->type == WEIR_TYPE_JSON;
    switch (t->form) {
    case WEIR_MY_INT:
    case WEIR_MY_YEAR:
        return t->type == WEIR_TYPE_INT || t->type == WEIR_TYPE_OTHER || text;
    case WEIR_MY_BIT:
        return t->type == WEIR_TYPE_BOOL || t->type == WEIR_TYPE_INT || t->type == WEIR_TYPE_OTHER;
    case WEIR_MY_BIGINT_UNSIGNED:
    case WEIR_MY_DECIMAL:
        return t->type == WEIR_TYPE_OTHER || text;
    case WEIR_MY_FLOAT:
    case WEIR_MY_DOUBLE:
        return t->type == WEIR_TYPE_DOUBLE;
    case WEIR_MY_DATE:
        return t->type == WEIR_TYPE_DATE || t->type == WEIR_TYPE_TIMESTAMP;
    case WEIR_MY_DATETIME:
    case WEIR_MY_TIMESTAMP:
        return t->type == WEIR_TYPE_TIMESTAMP;
    default:
        return text;
    }
}

static bool read_text(unsigned type, unsigned meta, struct weir_str b,
                      const struct weir_my_target *t, struct weir_buf *room,
                      struct weir_my_value *out)
{
    bool read;
    out->got = WEIR_MY_GOT_TEXT;
    switch (t->form) {
    case WEIR_MY_DECIMAL:
        read =
            type == T_DECIMAL && weir_my_decimal_text(b, meta, room) && number_text(t, meta, room);
        break;
    case WEIR_MY_TIME:
        read = type == T_TIME2;
        if (read) {
            time_text(b, meta, room);
        }
        break;
    case WEIR_MY_ENUM:
    case WEIR_MY_SET:
        read = label_text(b, t, room);
        break;
    case WEIR_MY_INT:
    case WEIR_MY_YEAR:
        weir_buf_addf(room, "%lld", (long long)out->whole);
        read = number_text(t, 0, room);
        break;
    case WEIR_MY_BIGINT_UNSIGNED:
    case WEIR_MY_BIT:
        weir_buf_addf(room, "%llu", (unsigned long long)out->whole);
        read = number_text(t, 0, room);
        break;
    case WEIR_MY_JSON:
        if (type != T_JSON) { /* MariaDB's is a text */
            return text_of(b, t, room, &out->text);
        }
        read = weir_my_json_text(b, room);
        break;
    default:
        return text_of(b, t, room, &out->text);
    }
    out->text = weir_buf_str(room);
    return read;
}

int weir_my_value_read(unsigned type, unsigned meta, struct weir_str b,
                       const struct weir_my_target *t, struct weir_buf *room,
                       struct weir_my_value *out, const char **why, struct weir_error *err)
{
    bool text = t->type >= WEIR_TYPE_TEXT, read = true;
    *out = (struct weir_my_value){.got = WEIR_MY_GOT_INT};
    weir_buf_reset(room);
    switch (t->form) {
    case WEIR_MY_INT:
    case WEIR_MY_BIGINT_UNSIGNED:
        read = type == T_TINY || type == T_SHORT || type == T_LONG || type == T_INT24 ||
               type == T_LONGLONG;
        out->whole = read ? whole_of(b, t->is_unsigned) : 0;
        break;
    case WEIR_MY_YEAR:
        out->whole = b.len && *b.ptr ? 1900 + (unsigned char)*b.ptr : 0;
        break;
    case WEIR_MY_BIT:
        read = b.len <= 8 && type == T_BIT;
        out->whole = read ? (int64_t)big(b) : 0;
        break;
    case WEIR_MY_FLOAT: {
        uint32_t bits = (uint32_t)weir_my_little(b);
        float half;
        memcpy(&half, &bits, sizeof half);
        out->number = weir_number_widen(half);
        out->got = WEIR_MY_GOT_DOUBLE;
        read = type == T_FLOAT;
        break;
    }
    case WEIR_MY_DOUBLE: {
        uint64_t bits = weir_my_little(b);
        memcpy(&out->number, &bits, sizeof bits);
        out->got = WEIR_MY_GOT_DOUBLE;
        read = type == T_DOUBLE;
        break;
    }
    case WEIR_MY_DATE:
    case WEIR_MY_DATETIME:
    case WEIR_MY_TIMESTAMP:
        read = type == (t->form == WEIR_MY_DATE       ? T_DATE
                        : t->form == WEIR_MY_DATETIME ? T_DATETIME2
                                                      : T_TIMESTAMP2);
        if (read && !day_of(type, meta, b, t, room, out)) {
            out->text = weir_buf_str(room);
            *why = "a date is no day";
        }
        break;
    default:
        break;
    }
    if (read && text && !read_text(type, meta, b, t, room, out)) {
        *why = "a text is no UTF-8, or a value is not among those of its column";
    }
    return read ? weir_buf_check(room, "a value", err)
                : weir_my_damaged(err, "a value of another type than its column's");
}

int weir_my_labels(struct weir_str declared, struct weir_arena *arena, struct weir_str **out,
                   size_t *count, struct weir_error *err)
{
    struct weir_buf label;
    size_t i = 0, room = 1;
    for (size_t k = 0; k < declared.len; k++) {
        room += declared.ptr[k] == '\'';
    }
    *out = weir_arena_calloc(arena, room * sizeof **out);
    *count = 0;
    weir_buf_init(&label, 1u << 20);
    while (*out && i < declared.len) {
        if (declared.ptr[i++] != '\'') {
            continue;
        }
        weir_buf_reset(&label);
        while (i < declared.len &&
               (declared.ptr[i] != '\'' || (i + 1 < declared.len && declared.ptr[i + 1] == '\''))) {
            i += declared.ptr[i] == '\'';
            weir_buf_addc(&label, declared.ptr[i++]);
        }
        i++;
        (*out)[*count] = weir_arena_dup(arena, weir_buf_str(&label));
        if (!(*out)[(*count)++].ptr) {
            break;
        }
    }
    weir_buf_free(&label);
    return *out && i >= declared.len ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for labels");
}
