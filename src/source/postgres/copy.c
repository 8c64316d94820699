#include "source/postgres/copy.h"

#include <math.h>
#include <stdlib.h>

#include "base/number.h"

#define EPOCH_DAYS   10957 /* 2000-01-01 */
#define EPOCH_MICROS (EPOCH_DAYS * WEIR_DAY)
#define MAX_NUMERIC  4096
#define MAX_SCALE    64
#define MAX_ROW      (192u << 20) /* bytes; a batch may hold 256 MB of texts */

static const char signature[] = "PGCOPY\n\377\r\n"; /* and its NUL */

struct reader {
    const unsigned char *at, *end;
};

static bool take(struct reader *r, size_t n, struct weir_str *out)
{
    *out = (struct weir_str){(const char *)r->at, n};
    if ((size_t)(r->end - r->at) < n) {
        return false;
    }
    r->at += n;
    return true;
}

static uint64_t big(struct weir_str bytes)
{
    uint64_t value = 0;
    uint32_t half;
    if (bytes.len == sizeof value) {
        memcpy(&value, bytes.ptr, sizeof value);
        return __builtin_bswap64(value);
    } else if (bytes.len == sizeof half) {
        memcpy(&half, bytes.ptr, sizeof half);
        return __builtin_bswap32(half);
    }
    for (size_t i = 0; i < bytes.len; i++) {
        value = value << 8 | (unsigned char)bytes.ptr[i];
    }
    return value;
}

static int64_t signed_big(struct weir_str bytes)
{
    uint64_t value = big(bytes);
    return bytes.len == 2 ? (int16_t)value : bytes.len == 4 ? (int32_t)value : (int64_t)value;
}

static bool take_number(struct reader *r, size_t n, int64_t *out)
{
    struct weir_str bytes;
    bool there = take(r, n, &bytes);
    *out = there ? signed_big(bytes) : 0;
    return there;
}

void weir_pg_copy_init(struct weir_pg_copy *copy, struct weir_source_rows *rows,
                       const unsigned *scales)
{
    *copy = (struct weir_pg_copy){.rows = rows, .scales = scales};
    weir_buf_init(&copy->text, MAX_NUMERIC);
}

void weir_pg_copy_free(struct weir_pg_copy *copy)
{
    weir_buf_free(&copy->text);
}

/* --- values -------------------------------------------------------------------------------------
 */

/* The digit in base 10,000 at this power of it; 0 where none was sent. */
static int digit_at(const unsigned char *digits, int64_t count, int64_t weight, int64_t power)
{
    int64_t i = weight - power;
    return i < 0 || i >= count ? 0 : digits[2 * i] << 8 | digits[2 * i + 1];
}

/* What a numeric's header says: `count` digits in base 10,000 follow, the first one times
 * 10,000^weight. */
struct numeric {
    int64_t count, weight;
    bool negative;
    const unsigned char *digits;
};

/* False: it is damaged, NaN or infinite. */
static bool open_numeric(struct weir_str field, struct numeric *n)
{
    struct reader r = {(const unsigned char *)field.ptr,
                       (const unsigned char *)field.ptr + field.len};
    int64_t sign, shown;
    if (!take_number(&r, 2, &n->count) || !take_number(&r, 2, &n->weight) ||
        !take_number(&r, 2, &sign) || !take_number(&r, 2, &shown) || n->count < 0 ||
        r.end - r.at != 2 * n->count || n->weight > 10 || (sign != 0 && sign != 0x4000)) {
        return false;
    }
    n->negative = sign != 0;
    n->digits = r.at;
    return true;
}

bool weir_pg_scaled(struct weir_str field, unsigned scale, int64_t *out)
{
    static const int64_t tens[] = {1,
                                   10,
                                   100,
                                   1000,
                                   10000,
                                   100000,
                                   1000000,
                                   10000000,
                                   100000000,
                                   1000000000,
                                   10000000000,
                                   100000000000,
                                   1000000000000,
                                   10000000000000,
                                   100000000000000,
                                   1000000000000000,
                                   10000000000000000,
                                   100000000000000000,
                                   1000000000000000000};
    enum { MOST = sizeof tens / sizeof *tens - 1 };
    struct numeric n;
    int64_t sum = 0;
    if (!open_numeric(field, &n)) {
        return false;
    }
    for (int64_t i = 0; i < n.count; i++) {
        int64_t digit = n.digits[2 * i] << 8 | n.digits[2 * i + 1], more;
        int64_t tenth = 4 * (n.weight - i) + scale; /* digit * 10^tenth */
        if (digit > 9999 ||
            (digit && (tenth > MOST || tenth < -3 || (tenth < 0 && digit % tens[-tenth] != 0)))) {
            return false;
        }
        if (digit && tenth >= 0 &&
            (__builtin_mul_overflow(digit, tens[tenth], &more) ||
             __builtin_add_overflow(sum, more, &sum))) {
            return false;
        }
        sum += digit && tenth < 0 ? digit / tens[-tenth] : 0;
    }
    *out = n.negative ? -sum : sum;
    return sum < tens[MOST];
}

bool weir_pg_numeric(struct weir_str field, unsigned scale, struct weir_buf *out)
{
    struct numeric n;
    if (scale > MAX_SCALE || !open_numeric(field, &n)) {
        return false;
    }
    const int64_t count = n.count, weight = n.weight;
    int64_t last = -(int64_t)((scale + 3) / 4);
    for (int64_t i = 0; i < count; i++) {
        int digit = digit_at(n.digits, count, weight, weight - i);
        unsigned left = scale % 4; /* digits of the last group that are wanted */
        int rest = left == 0 ? 1 : left == 1 ? 1000 : left == 2 ? 100 : 10;
        if (digit > 9999 || (weight - i < last && digit) ||
            (weight - i == last && scale && digit % rest)) {
            return false;
        }
    }
    char text[4 * 11 + 2 + MAX_SCALE];
    size_t len = 0;
    if (n.negative && count) {
        text[len++] = '-';
    }
    bool shown_any = false;
    for (int64_t power = weight > 0 ? weight : 0; power >= 0; power--) {
        int digit = digit_at(n.digits, count, weight, power);
        for (int unit = 1000; unit; unit /= 10) {
            int one = digit / unit % 10;
            bool last_of_all = power == 0 && unit == 1;
            shown_any = shown_any || one || last_of_all || power < weight;
            if (shown_any) {
                text[len++] = (char)('0' + one);
            }
        }
    }
    if (scale) {
        text[len++] = '.';
    }
    for (unsigned i = 0; i < scale; i++) {
        static const int units[] = {1000, 100, 10, 1};
        int digit = digit_at(n.digits, count, weight, -1 - (int64_t)(i / 4));
        text[len++] = (char)('0' + digit / units[i % 4] % 10);
    }
    weir_buf_adds(out, (struct weir_str){text, len});
    return weir_buf_ok(out);
}

static bool read_date(int64_t days, int64_t *out)
{
    bool endless = days == INT32_MAX || days == INT32_MIN;
    *out = !endless ? days + EPOCH_DAYS : days > 0 ? INT32_MAX : -(int64_t)INT32_MAX;
    return endless || *out < INT32_MAX;
}

static bool read_time(int64_t micros, int64_t *out)
{
    if (micros == INT64_MAX || micros == INT64_MIN) {
        *out = micros > 0 ? INT64_MAX : -INT64_MAX;
        return true;
    }
    return !__builtin_add_overflow(micros, EPOCH_MICROS, out) && *out < INT64_MAX;
}

static double read_double(struct weir_str field)
{
    uint64_t bits = big(field);
    uint32_t half = (uint32_t)bits;
    double d;
    float f;
    memcpy(&d, &bits, sizeof d);
    memcpy(&f, &half, sizeof f);
    return field.len == 4 ? weir_number_widen(f) : d;
}

static bool fits(enum weir_type type, size_t len)
{
    switch (type) {
    case WEIR_TYPE_BOOL:
        return len == 1;
    case WEIR_TYPE_INT:
        return len == 2 || len == 4 || len == 8;
    case WEIR_TYPE_DOUBLE:
        return len == 4 || len == 8;
    case WEIR_TYPE_DATE:
        return len == 4;
    case WEIR_TYPE_TIMESTAMP:
        return len == 8;
    default:
        return true;
    }
}

static bool is_text(enum weir_type type)
{
    return type == WEIR_TYPE_TEXT || type == WEIR_TYPE_JSON;
}

/* A numeric that its column cannot hold. */
static void show_numeric(struct weir_str field, struct weir_buf *out)
{
    bool headed = field.len >= 8;
    uint64_t sign = headed ? big((struct weir_str){field.ptr + 4, 2}) : 0;
    uint64_t scale = headed ? big((struct weir_str){field.ptr + 6, 2}) : 0;
    if (sign == 0xc000 || sign == 0xd000 || sign == 0xf000) {
        weir_buf_addz(out, sign == 0xc000 ? "NaN" : sign == 0xd000 ? "Infinity" : "-Infinity");
    } else if (!weir_pg_numeric(field, (unsigned)scale, out)) {
        weir_buf_reset(out);
    }
}

static void show_time(struct weir_str field, struct weir_buf *out)
{
    int64_t value = signed_big(field), rest = value % WEIR_DAY;
    if (field.len == 4) {
        weir_date_print(out, value + EPOCH_DAYS);
        return;
    }
    rest += rest < 0 ? WEIR_DAY : 0;
    weir_source_time_print(out, value / WEIR_DAY - (value % WEIR_DAY < 0) + EPOCH_DAYS, rest);
}

static int flaw(struct weir_pg_copy *copy, size_t column, struct weir_str field, const char *why,
                struct weir_error *err)
{
    enum weir_type type = copy->rows->sink->columns[column].type;
    weir_buf_reset(&copy->text);
    if (type == WEIR_TYPE_OTHER) {
        show_numeric(field, &copy->text);
    } else if (type == WEIR_TYPE_DATE || type == WEIR_TYPE_TIMESTAMP) {
        show_time(field, &copy->text);
    }
    return weir_source_rows_flaw(copy->rows, column,
                                 is_text(type) ? field : weir_buf_str(&copy->text), why, err);
}

static int put(struct weir_pg_copy *copy, size_t column, struct weir_str field,
               struct weir_error *err)
{
    struct weir_source_rows *rows = copy->rows;
    int64_t value;
    switch (rows->sink->columns[column].type) {
    case WEIR_TYPE_BOOL:
        weir_source_rows_bool(rows, column, field.ptr[0] != 0);
        return 0;
    case WEIR_TYPE_INT:
        weir_source_rows_int(rows, column, signed_big(field));
        return 0;
    case WEIR_TYPE_DOUBLE:
        weir_source_rows_double(rows, column, read_double(field));
        return 0;
    case WEIR_TYPE_DATE:
    case WEIR_TYPE_TIMESTAMP:
        if (field.len == 4 ? read_date(signed_big(field), &value)
                           : read_time(signed_big(field), &value)) {
            weir_source_rows_int(rows, column, value);
            return 0;
        }
        return flaw(copy, column, field, "a time is beyond what the warehouse can hold", err);
    case WEIR_TYPE_OTHER:
        if (rows->vectors[column].scaled && weir_pg_scaled(field, copy->scales[column], &value)) {
            weir_source_rows_int(rows, column, value);
            return 0;
        }
        weir_buf_reset(&copy->text);
        if (rows->vectors[column].scaled ||
            !weir_pg_numeric(field, copy->scales[column], &copy->text)) {
            return flaw(copy, column, field, "a number is NaN, or has more digits than its column",
                        err);
        }
        return weir_source_rows_text(rows, column, weir_buf_str(&copy->text), err);
    default:
        return weir_utf8_valid(field) ? weir_source_rows_text(rows, column, field, err)
                                      : flaw(copy, column, field, "a text is no UTF-8", err);
    }
}

/* --- rows ---------------------------------------------------------------------------------------
 */

static int damaged(struct weir_error *err, const char *what)
{
    return weir_fail(err, WEIR_ECORRUPT, "the server sent no rows in COPY's binary format: %s",
                     what);
}

static int read_header(struct weir_pg_copy *copy, struct reader *r, struct weir_error *err)
{
    struct weir_str bytes;
    int64_t flags, more;
    if (!take(r, sizeof signature, &bytes) || memcmp(bytes.ptr, signature, sizeof signature) != 0 ||
        !take_number(r, 4, &flags) || !take_number(r, 4, &more) || more < 0 ||
        !take(r, (size_t)more, &bytes)) {
        return damaged(err, "its header");
    }
    copy->begun = true;
    return flags & 0xffff0000 ? damaged(err, "flags that weir does not know") : 0;
}

/* NULL is -1. */
static inline bool take_field(struct reader *r, struct weir_str *out, bool *null)
{
    uint32_t len;
    if (r->end - r->at < (ptrdiff_t)sizeof len) {
        return false;
    }
    memcpy(&len, r->at, sizeof len);
    len = __builtin_bswap32(len);
    r->at += sizeof len;
    *null = len == UINT32_MAX;
    *out = (struct weir_str){(const char *)r->at, *null ? 0 : len};
    if ((size_t)(r->end - r->at) < out->len) {
        return false;
    }
    r->at += out->len;
    return true;
}

static int read_row(struct weir_pg_copy *copy, struct reader *r, int64_t fields,
                    struct weir_error *err)
{
    const struct weir_source_sink *sink = copy->rows->sink;
    size_t bytes = 0;
    int rc = (size_t)fields == sink->column_count ? 0 : damaged(err, "another number of columns");
    for (size_t i = 0; rc == 0 && i < sink->column_count; i++) {
        struct weir_str field;
        bool null;
        if (!take_field(r, &field, &null)) {
            return damaged(err, "a row ends in its middle");
        }
        if (null) {
            continue;
        }
        bytes += field.len;
        if (!fits(sink->columns[i].type, field.len)) {
            return damaged(err, "a value of another length than its type's");
        }
        rc = bytes > MAX_ROW && is_text(sink->columns[i].type)
                 ? flaw(copy, i, field, "the row has more than 192 MB", err)
                 : put(copy, i, field, err);
    }
    if (rc) {
        return rc;
    }
    copy->count++;
    return weir_source_rows_flawed(copy->rows) ? weir_source_rows_set_aside(copy->rows, err)
                                               : weir_source_rows_end(copy->rows, err);
}

int weir_pg_copy_message(struct weir_pg_copy *copy, struct weir_str message, struct weir_error *err)
{
    struct reader r = {(const unsigned char *)message.ptr,
                       (const unsigned char *)message.ptr + message.len};
    int rc = copy->begun ? 0 : read_header(copy, &r, err);
    while (rc == 0 && r.at < r.end) {
        int64_t fields;
        if (copy->ended || !take_number(&r, 2, &fields) || fields < -1) {
            return damaged(err, "a row's beginning");
        }
        copy->ended = fields == -1;
        rc = copy->ended ? 0 : read_row(copy, &r, fields, err);
    }
    return rc;
}
