/* One value on its way into a column: its type, how types join, and its text.
 *
 * The lattice: int -> double -> text, and everything else -> text. An int column becomes a double
 * column only while all its ints are exact there (at most 2^53 in size), otherwise text. */
#ifndef WEIR_LOAD_VALUE_H
#define WEIR_LOAD_VALUE_H

#include "base/buf.h"
#include "base/json.h"
#include "warehouse/warehouse.h"

#define WEIR_TYPE_NONE ((enum weir_type)255) /* a column that has no value yet */

struct weir_value {
    enum weir_type type;
    union {
        bool b;
        int64_t i; /* INT and TIMESTAMP */
        double d;
        struct weir_str s; /* TEXT and JSON */
    };
    struct weir_str text; /* TIMESTAMP: as it came; ptr NULL when that is not known */
};

static inline struct weir_value weir_value_of_text(struct weir_str s)
{
    return (struct weir_value){.type = WEIR_TYPE_TEXT, .s = s};
}

static inline bool weir_int_is_safe(int64_t i)
{
    return i <= (INT64_C(1) << 53) && i >= -(INT64_C(1) << 53);
}

/* Reads a scalar or an array (as its JSON text, which goes to `scratch`). False for null, and for
 * objects. Strings borrow from the parser or from scratch. */
bool weir_value_of_json(struct weir_json json, struct weir_buf *scratch, struct weir_value *out);

/* The narrowest type that holds both. `unsafe_ints`: the int side has one that no double holds. */
enum weir_type weir_type_join(enum weir_type a, enum weir_type b, bool unsafe_ints);

/* Appends the value's text, as a text column shows it. */
void weir_value_text(const struct weir_value *value, struct weir_buf *out);

/* Appends `text` with every byte run that is not UTF-8 as U+FFFD. */
void weir_text_clean(struct weir_str text, struct weir_buf *out);

#endif
