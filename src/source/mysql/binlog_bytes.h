/* What the binary log's bytes are made of: taken off their beginning, never beyond their end.
 * Private to binlog*.c and gtid_set.c. */
#ifndef WEIR_SOURCE_MYSQL_BINLOG_BYTES_H
#define WEIR_SOURCE_MYSQL_BINLOG_BYTES_H

#include "source/mysql/binlog.h"

enum { /* types of columns */
       T_TINY = 1,
       T_SHORT = 2,
       T_LONG = 3,
       T_FLOAT = 4,
       T_DOUBLE = 5,
       T_LONGLONG = 8,
       T_INT24 = 9,
       T_DATE = 10,
       T_YEAR = 13,
       T_VARCHAR = 15,
       T_BIT = 16,
       T_TIMESTAMP2 = 17,
       T_DATETIME2 = 18,
       T_TIME2 = 19,
       T_VECTOR = 242,
       T_JSON = 245,
       T_DECIMAL = 246,
       T_ENUM = 247,
       T_SET = 248,
       T_BLOB = 252,
       T_VAR_STRING = 253,
       T_STRING = 254,
       T_GEOMETRY = 255
};

static inline uint64_t weir_my_little(struct weir_str bytes)
{
    uint64_t value = 0;
    for (size_t i = bytes.len < 8 ? bytes.len : 8; i-- > 0;) {
        value = value << 8 | (unsigned char)bytes.ptr[i];
    }
    return value;
}

static inline bool weir_my_take(struct weir_str *s, size_t n, struct weir_str *out)
{
    if (s->len < n) {
        return false;
    }
    *out = (struct weir_str){s->ptr, n};
    s->ptr += n;
    s->len -= n;
    return true;
}

static inline bool weir_my_take_number(struct weir_str *s, size_t n, uint64_t *out)
{
    struct weir_str bytes;
    bool there = weir_my_take(s, n, &bytes);
    *out = there ? weir_my_little(bytes) : 0;
    return there;
}

static inline size_t weir_my_decimal_bytes(unsigned digits)
{
    static const unsigned char rest[] = {0, 1, 1, 2, 2, 3, 3, 4, 4};
    return (size_t)(digits / 9) * 4 + rest[digits % 9];
}

/* A number of one to nine bytes. */
static inline bool weir_my_take_packed(struct weir_str *s, uint64_t *out)
{
    if (!weir_my_take_number(s, 1, out) || *out < 251) {
        return s->ptr != NULL && *out < 251;
    }
    return *out == 252   ? weir_my_take_number(s, 2, out)
           : *out == 253 ? weir_my_take_number(s, 3, out)
           : *out == 254 ? weir_my_take_number(s, 8, out)
                         : false;
}

/* binlog_value.c, binlog_json.c: appended; false: it is no such value. */
bool weir_my_decimal_text(struct weir_str bytes, unsigned meta, struct weir_buf *out);
bool weir_my_json_text(struct weir_str bytes, struct weir_buf *out);

WEIR_MUST_CHECK static inline int weir_my_damaged(struct weir_error *err, const char *what)
{
    return weir_fail(err, WEIR_ECORRUPT, "the server's log cannot be read: %s", what);
}

#endif
