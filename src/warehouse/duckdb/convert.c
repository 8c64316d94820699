/* The engine's vectors become weir's. What has the same layout is lent, not copied: 64-bit
 * integers, doubles, bools, timestamps and the validity bits. */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/number.h"
#include "warehouse/duckdb/duck.h"

#define MAX_TEXT (256u << 20) /* of one batch's formatted values */

int weir_duck_converter_init(struct duck_converter *c, duckdb_logical_type type, enum weir_type as,
                             struct weir_error *err)
{
    memset(c, 0, sizeof *c);
    weir_buf_init(&c->text, MAX_TEXT);
    c->logical = type;
    c->type = duckdb_get_type_id(type);
    if (c->type == DUCKDB_TYPE_DECIMAL) {
        c->internal = duckdb_decimal_internal_type(type);
        c->scale = duckdb_decimal_scale(type);
    } else if (c->type == DUCKDB_TYPE_ENUM) {
        c->internal = duckdb_enum_internal_type(type);
    }
    size_t rows = duckdb_vector_size();
    bool texts = as == WEIR_TYPE_TEXT || as == WEIR_TYPE_JSON || as == WEIR_TYPE_OTHER;
    c->values = malloc(rows * (texts ? sizeof(struct weir_str) : sizeof(int64_t)));
    return c->values ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a result's batch");
}

void weir_duck_converter_free(struct duck_converter *c)
{
    if (c->logical) {
        duckdb_destroy_logical_type(&c->logical);
    }
    free(c->values);
    weir_buf_free(&c->text);
    memset(c, 0, sizeof *c);
}

static void print_u128(struct weir_buf *out, unsigned __int128 value)
{
    char digits[40];
    int n = sizeof digits;
    do {
        digits[--n] = (char)('0' + (int)(value % 10));
        value /= 10;
    } while (value);
    weir_buf_add(out, digits + n, sizeof digits - (size_t)n);
}

static unsigned __int128 print_sign(struct weir_buf *out, __int128 value)
{
    if (value >= 0) {
        return (unsigned __int128)value;
    }
    weir_buf_addc(out, '-');
    return -(unsigned __int128)value;
}

static __int128 hugeint(duckdb_hugeint h)
{
    return (__int128)((unsigned __int128)(uint64_t)h.upper << 64 | h.lower);
}

static void print_decimal(struct weir_buf *out, __int128 value, unsigned scale)
{
    unsigned __int128 magnitude = print_sign(out, value);
    if (scale == 0) {
        print_u128(out, magnitude);
        return;
    }
    unsigned __int128 unit = 1;
    for (unsigned i = 0; i < scale; i++) {
        unit *= 10;
    }
    print_u128(out, magnitude / unit);
    weir_buf_addc(out, '.');
    char digits[40];
    unsigned __int128 fraction = magnitude % unit;
    for (unsigned i = scale; i-- > 0; fraction /= 10) {
        digits[i] = (char)('0' + (int)(fraction % 10));
    }
    weir_buf_add(out, digits, scale);
}

static __int128 decimal_at(const struct duck_converter *c, const void *data, size_t row)
{
    switch (c->internal) {
    case DUCKDB_TYPE_SMALLINT:
        return ((const int16_t *)data)[row];
    case DUCKDB_TYPE_INTEGER:
        return ((const int32_t *)data)[row];
    case DUCKDB_TYPE_BIGINT:
        return ((const int64_t *)data)[row];
    default:
        return hugeint(((const duckdb_hugeint *)data)[row]);
    }
}

static void print_enum(struct duck_converter *c, const void *data, size_t row)
{
    idx_t at = c->internal == DUCKDB_TYPE_UTINYINT    ? ((const uint8_t *)data)[row]
               : c->internal == DUCKDB_TYPE_USMALLINT ? ((const uint16_t *)data)[row]
                                                      : ((const uint32_t *)data)[row];
    char *value = duckdb_enum_dictionary_value(c->logical, at);
    weir_buf_addz(&c->text, value ? value : "");
    duckdb_free(value);
}

static void print_uuid(struct weir_buf *out, duckdb_hugeint h)
{
    /* The engine flips the top bit so that signed order is the order of the text. */
    uint64_t hi = (uint64_t)h.upper ^ (1ull << 63);
    unsigned char bytes[16];
    for (int i = 0; i < 8; i++) {
        bytes[i] = (unsigned char)(hi >> (56 - 8 * i));
        bytes[8 + i] = (unsigned char)(h.lower >> (56 - 8 * i));
    }
    char text[37];
    weir_uuid_format(bytes, text);
    weir_buf_add(out, text, 36);
}

static void print_value(struct duck_converter *c, const void *data, size_t row)
{
    duckdb_uhugeint u;
    switch (c->type) {
    case DUCKDB_TYPE_UBIGINT:
        weir_buf_add_u64(&c->text, ((const uint64_t *)data)[row]);
        return;
    case DUCKDB_TYPE_HUGEINT:
        print_decimal(&c->text, hugeint(((const duckdb_hugeint *)data)[row]), 0);
        return;
    case DUCKDB_TYPE_UHUGEINT:
        u = ((const duckdb_uhugeint *)data)[row];
        print_u128(&c->text, (unsigned __int128)u.upper << 64 | u.lower);
        return;
    case DUCKDB_TYPE_DECIMAL:
        print_decimal(&c->text, decimal_at(c, data, row), c->scale);
        return;
    case DUCKDB_TYPE_UUID:
        print_uuid(&c->text, ((const duckdb_hugeint *)data)[row]);
        return;
    default:
        print_enum(c, data, row);
    }
}

/* Values are written one behind the other first; the buffer may move, so the pointers come last. */
static int format_texts(struct duck_converter *c, const void *data, size_t rows,
                        struct weir_vector *out, struct weir_error *err)
{
    struct weir_str *strs = c->values;
    weir_buf_reset(&c->text);
    for (size_t i = 0; i < rows; i++) {
        size_t from = c->text.len;
        if (weir_vector_valid(out, i)) {
            print_value(c, data, i);
        }
        strs[i].len = c->text.len - from;
    }
    int rc = weir_buf_check(&c->text, "a result's batch", err);
    const char *at = weir_buf_cstr(&c->text);
    for (size_t i = 0; i < rows; i++) {
        strs[i].ptr = at;
        at += strs[i].len;
    }
    out->strs = strs;
    return rc;
}

static void lend_texts(struct duck_converter *c, duckdb_string_t *data, size_t rows,
                       struct weir_vector *out)
{
    struct weir_str *strs = c->values;
    for (size_t i = 0; i < rows; i++) {
        if (!weir_vector_valid(out, i)) {
            strs[i] = (struct weir_str){"", 0};
            continue;
        }
        uint32_t len = data[i].value.inlined.length;
        strs[i].len = len;
        strs[i].ptr = len <= sizeof data[i].value.inlined.inlined ? data[i].value.inlined.inlined
                                                                  : data[i].value.pointer.ptr;
    }
    out->strs = strs;
}

#define WIDEN(from)                                                                                \
    for (size_t i = 0; i < rows; i++) {                                                            \
        ints[i] = ((const from *)data)[i];                                                         \
    }

static void widen_ints(struct duck_converter *c, const void *data, size_t rows,
                       struct weir_vector *out)
{
    int64_t *ints = c->values;
    switch (c->type) {
    case DUCKDB_TYPE_TINYINT:
        WIDEN(int8_t)
        break;
    case DUCKDB_TYPE_SMALLINT:
        WIDEN(int16_t)
        break;
    case DUCKDB_TYPE_UTINYINT:
        WIDEN(uint8_t)
        break;
    case DUCKDB_TYPE_USMALLINT:
        WIDEN(uint16_t)
        break;
    case DUCKDB_TYPE_UINTEGER:
        WIDEN(uint32_t)
        break;
    default: /* INTEGER and DATE */
        WIDEN(int32_t)
        break;
    }
    out->ints = ints;
}

static void widen_floats(struct duck_converter *c, const float *data, size_t rows,
                         struct weir_vector *out)
{
    double *doubles = c->values;
    for (size_t i = 0; i < rows; i++) {
        doubles[i] = weir_vector_valid(out, i) ? weir_number_widen(data[i]) : 0;
    }
    out->doubles = doubles;
}

int weir_duck_convert(struct duck_converter *c, duckdb_vector vector, size_t rows,
                      struct weir_vector *out, struct weir_error *err)
{
    void *data = duckdb_vector_get_data(vector);
    out->valid = duckdb_vector_get_validity(vector);
    switch (c->type) {
    case DUCKDB_TYPE_BOOLEAN:
        out->bools = data;
        return 0;
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_TZ:
        out->ints = data;
        return 0;
    case DUCKDB_TYPE_DOUBLE:
        out->doubles = data;
        return 0;
    case DUCKDB_TYPE_FLOAT:
        widen_floats(c, data, rows, out);
        return 0;
    case DUCKDB_TYPE_VARCHAR:
        lend_texts(c, data, rows, out);
        return 0;
    case DUCKDB_TYPE_UBIGINT:
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_UHUGEINT:
    case DUCKDB_TYPE_DECIMAL:
    case DUCKDB_TYPE_UUID:
    case DUCKDB_TYPE_ENUM:
        return format_texts(c, data, rows, out, err);
    default:
        widen_ints(c, data, rows, out);
        return 0;
    }
}
