/* One value as text or as JSON. */
#include <math.h>

#include "base/json_write.h"
#include "query/encode.h"

#define MAX_SAFE_INT    9007199254740991ll /* 2^53 - 1 */
#define MAX_SAFE_DIGITS 15

bool weir_column_is_number(const struct weir_column *column)
{
    static const char *const names[] = {"HUGEINT", "UHUGEINT", "UBIGINT"};
    if (weir_str_starts(column->type_name, WEIR_STR("DECIMAL("))) {
        return weir_str_ends(column->type_name, WEIR_STR(")")); /* not DECIMAL(9,2)[] */
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (weir_str_is(column->type_name, names[i])) {
            return true;
        }
    }
    return false;
}

/* Days since the epoch to a civil date (Howard Hinnant's algorithm), for all that int64 can say. */
static void civil(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    unsigned doe = (unsigned)(days - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned mp = (5 * doy + 2) / 153;
    *day = doy - (153 * mp + 2) / 5 + 1;
    *month = mp < 10 ? mp + 3 : mp - 9;
    *year = (int64_t)yoe + era * 400 + (*month <= 2);
}

/* Years that RFC 3339 cannot write have a sign and six digits, as in JavaScript. */
static void date_text(struct weir_buf *out, int64_t days)
{
    int64_t year;
    unsigned month, day;
    civil(days, &year, &month, &day);
    const char *shape = year >= 0 && year <= 9999 ? "%04lld-%02u-%02u" : "%+07lld-%02u-%02u";
    weir_buf_addf(out, shape, (long long)year, month, day);
}

static void timestamp_text(struct weir_buf *out, int64_t at)
{
    int64_t days = at / WEIR_DAY - (at % WEIR_DAY < 0);
    int64_t rest = at - days * WEIR_DAY;
    unsigned micros = (unsigned)(rest % WEIR_SECOND);
    unsigned seconds = (unsigned)(rest / WEIR_SECOND);
    date_text(out, days);
    weir_buf_addf(out, "T%02u:%02u:%02u", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if (micros % 1000) {
        weir_buf_addf(out, ".%06u", micros);
    } else if (micros) {
        weir_buf_addf(out, ".%03u", micros / 1000);
    }
    weir_buf_addc(out, 'Z');
}

static bool is_infinite(const struct weir_vector *v, size_t row)
{
    int64_t n = v->ints[row];
    return v->type == WEIR_TYPE_DATE ? n == INT32_MAX || n == -INT32_MAX
                                     : n == INT64_MAX || n == -INT64_MAX;
}

static void time_text(struct weir_buf *out, const struct weir_vector *v, size_t row)
{
    if (is_infinite(v, row)) {
        weir_buf_addz(out, v->ints[row] > 0 ? "infinity" : "-infinity");
    } else if (v->type == WEIR_TYPE_DATE) {
        date_text(out, v->ints[row]);
    } else {
        timestamp_text(out, v->ints[row]);
    }
}

static void double_text(struct weir_buf *out, double value)
{
    if (isnan(value)) {
        weir_buf_addz(out, "NaN");
    } else if (isinf(value)) {
        weir_buf_addz(out, value > 0 ? "Infinity" : "-Infinity");
    } else {
        weir_json_number(out, value);
    }
}

void weir_query_value_text(struct weir_buf *out, const struct weir_column *column,
                           const struct weir_vector *v, size_t row)
{
    (void)column;
    if (!weir_vector_valid(v, row)) {
        return;
    }
    switch (v->type) {
    case WEIR_TYPE_BOOL:
        weir_buf_addz(out, v->bools[row] ? "true" : "false");
        return;
    case WEIR_TYPE_INT:
        weir_buf_add_i64(out, v->ints[row]);
        return;
    case WEIR_TYPE_DOUBLE:
        double_text(out, v->doubles[row]);
        return;
    case WEIR_TYPE_TIMESTAMP:
    case WEIR_TYPE_DATE:
        time_text(out, v, row);
        return;
    case WEIR_TYPE_TEXT:
    case WEIR_TYPE_JSON:
    case WEIR_TYPE_OTHER:
        weir_buf_adds(out, v->strs[row]);
    }
}

/* Line ends between a document's tokens would break lines of NDJSON; inside JSON's own strings
 * they cannot be. */
static void raw_json(struct weir_buf *out, struct weir_str json)
{
    size_t at = out->len;
    weir_buf_adds(out, json);
    for (; weir_buf_ok(out) && at < out->len; at++) {
        if (out->data[at] == '\n' || out->data[at] == '\r') {
            out->data[at] = ' ';
        }
    }
}

static bool safe_number(struct weir_str text)
{
    size_t digits = 0;
    for (size_t i = 0; i < text.len; i++) {
        digits += text.ptr[i] >= '0' && text.ptr[i] <= '9';
    }
    return digits <= MAX_SAFE_DIGITS;
}

static void quoted(struct weir_buf *out, const struct weir_column *column,
                   const struct weir_vector *v, size_t row)
{
    weir_buf_addc(out, '"');
    weir_query_value_text(out, column, v, row);
    weir_buf_addc(out, '"');
}

void weir_value_json(struct weir_buf *out, const struct weir_column *column,
                     const struct weir_vector *v, size_t row)
{
    if (!weir_vector_valid(v, row)) {
        weir_buf_addz(out, "null");
        return;
    }
    bool bare = false;
    switch (v->type) {
    case WEIR_TYPE_BOOL:
        bare = true;
        break;
    case WEIR_TYPE_INT:
        bare = v->ints[row] <= MAX_SAFE_INT && v->ints[row] >= -MAX_SAFE_INT;
        break;
    case WEIR_TYPE_DOUBLE:
        bare = isfinite(v->doubles[row]);
        break;
    case WEIR_TYPE_TIMESTAMP:
    case WEIR_TYPE_DATE:
        break;
    case WEIR_TYPE_JSON:
        raw_json(out, v->strs[row]);
        return;
    case WEIR_TYPE_TEXT:
        weir_json_quote(out, v->strs[row]);
        return;
    case WEIR_TYPE_OTHER:
        if (!weir_column_is_number(column) || !safe_number(v->strs[row])) {
            weir_json_quote(out, v->strs[row]);
            return;
        }
        bare = true;
    }
    if (bare) {
        weir_query_value_text(out, column, v, row);
    } else {
        quoted(out, column, v, row);
    }
}
