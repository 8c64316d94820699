/* Values of MySQL as the warehouse has them: pure, anything may come. Private to
 * src/source/mysql. */
#ifndef WEIR_SOURCE_MYSQL_VALUE_H
#define WEIR_SOURCE_MYSQL_VALUE_H

#include "source/define/catalog.h"

/* What a column is, as weir tells them apart. */
enum weir_my_form {
    WEIR_MY_INT, /* up to 64 bits, with a sign, or 32 without one */
    WEIR_MY_BIGINT_UNSIGNED,
    WEIR_MY_DECIMAL,
    WEIR_MY_FLOAT,
    WEIR_MY_DOUBLE,
    WEIR_MY_BIT,
    WEIR_MY_DATE,
    WEIR_MY_DATETIME,
    WEIR_MY_TIMESTAMP,
    WEIR_MY_TIME,
    WEIR_MY_YEAR,
    WEIR_MY_TEXT,
    WEIR_MY_ENUM,
    WEIR_MY_SET,
    WEIR_MY_BYTES, /* binary, blob and geometry */
    WEIR_MY_JSON,
    WEIR_MY_OTHER /* what weir does not know: as the server writes it */
};

/* By information_schema's DATA_TYPE and COLUMN_TYPE. */
enum weir_my_form weir_my_form_of(struct weir_str data_type, struct weir_str declared);
/* The type in the warehouse; `type_name` of WEIR_TYPE_OTHER. */
int weir_my_type_of(enum weir_my_form form, struct weir_str declared, struct weir_arena *arena,
                    struct weir_source_column *out, struct weir_error *err) WEIR_MUST_CHECK;

struct weir_my_time {
    unsigned year, month, day, hour, minute, second, micros;
};
/* A day, or the whole time in microseconds, since 1970. *none: it is MySQL's zero ('0000-00-00'),
 * which stands for no date. False: it is no day ('2024-00-15', '2024-02-31'). */
bool weir_my_time_of(const struct weir_my_time *t, bool day, bool *none, int64_t *out);
/* As MySQL writes it: "2024-00-15", "2024-00-15 01:02:03.000004". */
void weir_my_time_text(const struct weir_my_time *t, bool day, struct weir_buf *out);
/* "-1.50" as -150; false: it has not `scale` places, or more than 18 digits. */
bool weir_my_scaled(struct weir_str text, unsigned scale, int64_t *out);
/* "\x" and hex digits. */
void weir_my_hex(struct weir_str bytes, struct weir_buf *out);

#endif
