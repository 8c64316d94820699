#include "source/mysql/value.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_PRECISION 38

enum weir_my_form weir_my_form_of(struct weir_str data_type, struct weir_str declared)
{
    static const struct {
        const char *name;
        enum weir_my_form form;
    } known[] = {{"tinyint", WEIR_MY_INT},
                 {"smallint", WEIR_MY_INT},
                 {"mediumint", WEIR_MY_INT},
                 {"int", WEIR_MY_INT},
                 {"bigint", WEIR_MY_INT},
                 {"decimal", WEIR_MY_DECIMAL},
                 {"float", WEIR_MY_FLOAT},
                 {"double", WEIR_MY_DOUBLE},
                 {"bit", WEIR_MY_BIT},
                 {"date", WEIR_MY_DATE},
                 {"datetime", WEIR_MY_DATETIME},
                 {"timestamp", WEIR_MY_TIMESTAMP},
                 {"time", WEIR_MY_TIME},
                 {"year", WEIR_MY_YEAR},
                 {"char", WEIR_MY_TEXT},
                 {"varchar", WEIR_MY_TEXT},
                 {"tinytext", WEIR_MY_TEXT},
                 {"text", WEIR_MY_TEXT},
                 {"mediumtext", WEIR_MY_TEXT},
                 {"longtext", WEIR_MY_TEXT},
                 {"enum", WEIR_MY_ENUM},
                 {"set", WEIR_MY_SET},
                 {"json", WEIR_MY_JSON},
                 {"binary", WEIR_MY_BYTES},
                 {"varbinary", WEIR_MY_BYTES},
                 {"tinyblob", WEIR_MY_BYTES},
                 {"blob", WEIR_MY_BYTES},
                 {"mediumblob", WEIR_MY_BYTES},
                 {"longblob", WEIR_MY_BYTES},
                 {"vector", WEIR_MY_BYTES},
                 {"geometry", WEIR_MY_BYTES},
                 {"point", WEIR_MY_BYTES},
                 {"linestring", WEIR_MY_BYTES},
                 {"polygon", WEIR_MY_BYTES},
                 {"multipoint", WEIR_MY_BYTES},
                 {"multilinestring", WEIR_MY_BYTES},
                 {"multipolygon", WEIR_MY_BYTES},
                 {"geometrycollection", WEIR_MY_BYTES},
                 {"geomcollection", WEIR_MY_BYTES}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (weir_str_is(data_type, known[i].name)) {
            bool large = weir_str_is(data_type, "bigint") &&
                         memmem(declared.ptr, declared.len, "unsigned", 8) != NULL;
            return large ? WEIR_MY_BIGINT_UNSIGNED : known[i].form;
        }
    }
    return WEIR_MY_OTHER;
}

/* The numbers of "decimal(12,2) unsigned", of "bit(8)". */
static void numbers(struct weir_str declared, int64_t *first, int64_t *second)
{
    struct weir_str rest = declared;
    *first = *second = 0;
    (void)weir_str_cut(&rest, '(');
    struct weir_str in = weir_str_cut(&rest, ')');
    struct weir_str one = weir_str_cut(&in, ',');
    (void)(weir_str_to_i64(one, first) && in.ptr && weir_str_to_i64(in, second));
}

int weir_my_type_of(enum weir_my_form form, struct weir_str declared, struct weir_arena *arena,
                    struct weir_source_column *out, struct weir_error *err)
{
    static const enum weir_type types[] = {[WEIR_MY_INT] = WEIR_TYPE_INT,
                                           [WEIR_MY_BIGINT_UNSIGNED] = WEIR_TYPE_OTHER,
                                           [WEIR_MY_DECIMAL] = WEIR_TYPE_OTHER,
                                           [WEIR_MY_FLOAT] = WEIR_TYPE_DOUBLE,
                                           [WEIR_MY_DOUBLE] = WEIR_TYPE_DOUBLE,
                                           [WEIR_MY_BIT] = WEIR_TYPE_INT,
                                           [WEIR_MY_DATE] = WEIR_TYPE_DATE,
                                           [WEIR_MY_DATETIME] = WEIR_TYPE_TIMESTAMP,
                                           [WEIR_MY_TIMESTAMP] = WEIR_TYPE_TIMESTAMP,
                                           [WEIR_MY_TIME] = WEIR_TYPE_TEXT,
                                           [WEIR_MY_YEAR] = WEIR_TYPE_INT,
                                           [WEIR_MY_TEXT] = WEIR_TYPE_TEXT,
                                           [WEIR_MY_ENUM] = WEIR_TYPE_TEXT,
                                           [WEIR_MY_SET] = WEIR_TYPE_TEXT,
                                           [WEIR_MY_BYTES] = WEIR_TYPE_TEXT,
                                           [WEIR_MY_JSON] = WEIR_TYPE_JSON,
                                           [WEIR_MY_OTHER] = WEIR_TYPE_TEXT};
    int64_t first, second;
    numbers(declared, &first, &second);
    out->type = types[form];
    if (form == WEIR_MY_BIT) {
        out->type = first == 1 ? WEIR_TYPE_BOOL : first == 64 ? WEIR_TYPE_OTHER : WEIR_TYPE_INT;
    }
    if (out->type != WEIR_TYPE_OTHER) {
        return 0;
    }
    if (form != WEIR_MY_DECIMAL) {
        first = 20; /* of 64 bits without a sign */
        second = 0;
    } else if (first < 1 || first > MAX_PRECISION || second < 0 || second > first) {
        out->type = WEIR_TYPE_TEXT;
        return 0;
    }
    out->type_name =
        weir_str_of(weir_arena_printf(arena, "DECIMAL(%d,%d)", (int)first, (int)second));
    return out->type_name.ptr ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a column");
}

static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400, of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

bool weir_my_time_of(const struct weir_my_time *t, bool day, bool *none, int64_t *out)
{
    static const unsigned char lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (t->year % 4 == 0 && t->year % 100 != 0) || (t->year % 400 == 0 && t->year);
    *none = !(t->year || t->month || t->day || t->hour || t->minute || t->second || t->micros);
    if (*none) {
        return true;
    }
    if (t->year > 9999 || t->month < 1 || t->month > 12 || t->day < 1 ||
        t->day > lengths[t->month - 1] || (t->month == 2 && t->day == 29 && !leap) ||
        t->hour > 23 || t->minute > 59 || t->second > 59 || t->micros > 999999) {
        return false;
    }
    *out = days_of(t->year, t->month, t->day);
    if (!day) {
        *out = *out * WEIR_DAY + ((t->hour * 60 + t->minute) * 60 + t->second) * WEIR_SECOND +
               t->micros;
    }
    return true;
}

void weir_my_time_text(const struct weir_my_time *t, bool day, struct weir_buf *out)
{
    weir_buf_addf(out, "%04u-%02u-%02u", t->year, t->month, t->day);
    if (!day) {
        weir_buf_addf(out, t->micros ? " %02u:%02u:%02u.%06u" : " %02u:%02u:%02u", t->hour,
                      t->minute, t->second, t->micros);
    }
}

bool weir_my_scaled(struct weir_str text, unsigned scale, int64_t *out)
{
    bool minus = text.len && text.ptr[0] == '-';
    size_t places = 0, digits = 0;
    bool point = false;
    *out = 0;
    for (size_t i = minus; i < text.len; i++) {
        unsigned digit = (unsigned)(unsigned char)text.ptr[i] - '0';
        if (text.ptr[i] == '.' && !point) {
            point = true;
            continue;
        }
        digits += digits || digit;
        if (digit > 9 || digits > 18) {
            return false;
        }
        *out = *out * 10 + digit;
        places += point;
    }
    *out = minus ? -*out : *out;
    return places == scale && text.len > minus + (size_t)point;
}

void weir_my_hex(struct weir_str bytes, struct weir_buf *out)
{
    static const char digits[] = "0123456789abcdef";
    char *to = weir_buf_room(out, 2 + 2 * bytes.len);
    if (!to) {
        return;
    }
    *to++ = '\\';
    *to++ = 'x';
    for (size_t i = 0; i < bytes.len; i++) {
        *to++ = digits[(unsigned char)bytes.ptr[i] >> 4];
        *to++ = digits[(unsigned char)bytes.ptr[i] & 15];
    }
    out->len += 2 + 2 * bytes.len;
}
