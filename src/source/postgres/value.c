#include "source/postgres/value.h"

#include <errno.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/json_write.h"
#include "source/postgres/oid.h"

#define MAX_DEPTH 6 /* dimensions of an array, as the server has it */

/* --- times --------------------------------------------------------------------------------------
 */

static bool digits(struct weir_str *s, size_t least, size_t most, int64_t *out)
{
    size_t n = 0;
    *out = 0;
    while (n < s->len && n < most && s->ptr[n] >= '0' && s->ptr[n] <= '9') {
        *out = *out * 10 + (s->ptr[n++] - '0');
    }
    s->ptr += n;
    s->len -= n;
    return n >= least;
}

static bool sign(struct weir_str *s, char c)
{
    if (!s->len || *s->ptr != c) {
        return false;
    }
    s->ptr++;
    s->len--;
    return true;
}

static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400, of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* "2024-02-29 12:00:00.5+00 BC", in UTC; microseconds, of days when there is no time. */
static bool read_time(struct weir_str s, int64_t *days, int64_t *micros)
{
    int64_t y, mo, d, h = 0, mi = 0, sec = 0, zone, fraction = 0;
    bool bc = weir_str_ends(s, WEIR_STR(" BC"));
    s.len -= bc ? 3 : 0;
    if (!digits(&s, 4, 7, &y) || !sign(&s, '-') || !digits(&s, 2, 2, &mo) || !sign(&s, '-') ||
        !digits(&s, 2, 2, &d) || mo < 1 || mo > 12 || d < 1 || d > 31) {
        return false;
    }
    *days = days_of(bc ? 1 - y : y, mo, d);
    if (sign(&s, ' ')) {
        if (!digits(&s, 2, 2, &h) || !sign(&s, ':') || !digits(&s, 2, 2, &mi) || !sign(&s, ':') ||
            !digits(&s, 2, 2, &sec) || h > 24 || mi > 59 || sec > 60) {
            return false;
        }
        size_t before = sign(&s, '.') ? s.len : 0;
        if (before) {
            if (!digits(&s, 1, 6, &fraction)) {
                return false;
            }
            for (size_t n = before - s.len; n < 6; n++) {
                fraction *= 10;
            }
        }
        if (sign(&s, '+') && (!digits(&s, 2, 2, &zone) || zone)) {
            return false;
        }
    }
    *micros = ((h * 60 + mi) * 60 + sec) * WEIR_SECOND + fraction;
    return s.len == 0;
}

static bool time_of(struct weir_str s, enum weir_type type, int64_t *out)
{
    int64_t end = type == WEIR_TYPE_DATE ? INT32_MAX : INT64_MAX, days, micros;
    if (weir_str_is(s, "infinity") || weir_str_is(s, "-infinity")) {
        *out = *s.ptr == '-' ? -end : end;
        return true;
    }
    if (!read_time(s, &days, &micros)) {
        return false;
    }
    if (type == WEIR_TYPE_DATE) {
        *out = days;
        return days < end && days > -end;
    }
    return !__builtin_mul_overflow(days, WEIR_DAY, out) &&
           !__builtin_add_overflow(*out, micros, out) && *out<end && * out> - end;
}

/* --- numbers ------------------------------------------------------------------------------------
 */

/* With exactly `scale` digits behind the point. */
static bool decimal(struct weir_str s, const struct weir_pg_target *t, struct weir_buf *out)
{
    bool minus = sign(&s, '-');
    struct weir_str rest = s, whole = weir_str_cut(&rest, '.');
    bool any = false;
    for (size_t i = 0; i < s.len; i++) {
        any = any || (s.ptr[i] >= '1' && s.ptr[i] <= '9');
        if ((s.ptr[i] < '0' || s.ptr[i] > '9') && s.ptr + i != whole.ptr + whole.len) {
            return false;
        }
    }
    while (whole.len > 1 && *whole.ptr == '0') {
        whole.ptr++;
        whole.len--;
    }
    while (rest.len > t->scale && rest.ptr[rest.len - 1] == '0') {
        rest.len--;
    }
    if (!whole.len || rest.len > t->scale ||
        (whole.len > t->precision - t->scale && !weir_str_is(whole, "0"))) {
        return false;
    }
    weir_buf_addz(out, minus && any ? "-" : "");
    weir_buf_adds(out, whole);
    weir_buf_addz(out, t->scale ? "." : "");
    for (size_t i = 0; i < t->scale; i++) {
        weir_buf_addc(out, i < rest.len ? rest.ptr[i] : '0');
    }
    return weir_buf_ok(out);
}

static bool real(struct weir_str s, double *out)
{
    char text[400], *end;
    if (!s.len || s.len >= sizeof text || memchr(s.ptr, 0, s.len)) {
        return false;
    }
    memcpy(text, s.ptr, s.len);
    text[s.len] = 0;
    *out = strtod(text, &end);
    return *end == 0;
}

/* --- arrays -------------------------------------------------------------------------------------
 */

static bool is_number(uint32_t type)
{
    return type == WEIR_PG_INT2 || type == WEIR_PG_INT4 || type == WEIR_PG_INT8 ||
           type == WEIR_PG_FLOAT4 || type == WEIR_PG_FLOAT8 || type == WEIR_PG_NUMERIC;
}

static void add_element(struct weir_buf *out, uint32_t type, struct weir_str text, bool quoted)
{
    char first = text.len ? *text.ptr : 0;
    if (!quoted && weir_str_eq_nocase(text, WEIR_STR("NULL"))) {
        weir_buf_addz(out, "null");
    } else if (type == WEIR_PG_BOOL) {
        weir_buf_addz(out, first == 't' ? "true" : "false");
    } else if (type == WEIR_PG_JSON || type == WEIR_PG_JSONB ||
               (is_number(type) && ((first >= '0' && first <= '9') ||
                                    (first == '-' && text.len > 1 && text.ptr[1] != 'I')))) {
        weir_buf_adds(out, text);
    } else if ((type == WEIR_PG_TIMESTAMP || type == WEIR_PG_TIMESTAMPTZ) && first != 'i' &&
               first != '-' && text.len < 60) { /* as to_json() writes them */
        char iso[80];
        size_t n = 0, zone = 0;
        for (size_t i = 0; i < text.len; i++) {
            bool space = text.ptr[i] == ' ' && i + 1 < text.len && text.ptr[i + 1] != 'B';
            zone = !zone && text.ptr[i] == '+' ? i : zone; /* once, as `iso` has room for */
            iso[n++] = space ? 'T' : text.ptr[i];
            if (zone && i == zone + 2) {
                memcpy(iso + n, ":00", 3);
                n += 3;
            }
        }
        weir_json_quote(out, (struct weir_str){iso, n});
    } else {
        weir_json_quote(out, text);
    }
}

/* One element, from its first character; `text` has room for it without its quotes. */
static bool read_element(struct weir_str *s, char between, struct weir_buf *text, bool *quoted)
{
    *quoted = sign(s, '"');
    while (s->len) {
        char c = *s->ptr;
        if (!*quoted && (c == between || c == '}')) {
            return text->len > 0;
        }
        if (*quoted && c == '"') {
            return sign(s, '"');
        }
        if (!*quoted && (c == '{' || c == '"')) {
            return false;
        }
        if (c == '\\') {
            s->ptr++;
            s->len--;
            if (!s->len) {
                return false;
            }
            c = *s->ptr;
        }
        weir_buf_addc(text, c);
        s->ptr++;
        s->len--;
    }
    return false;
}

bool weir_pg_array(struct weir_str s, uint32_t element, struct weir_buf *out)
{
    struct weir_buf text;
    int depth = 0;
    bool good = s.len > 0, quoted;
    char between = element == WEIR_PG_BOX ? ';' : ','; /* pg_type.typdelim */
    char last = ','; /* what came before: { , or } and v after which no value may stand */
    const char *open = good && *s.ptr == '[' ? memchr(s.ptr, '=', s.len) : NULL;
    if (open) { /* "[0:1]={…}": the bounds */
        s.len -= (size_t)(open + 1 - s.ptr);
        s.ptr = open + 1;
    }
    weir_buf_init(&text, 256u << 20);
    while (good && s.len) {
        bool value = last == '{' || last == ',';
        char c = *s.ptr;
        if (c == '{' || c == '}' || c == between) {
            depth += c == '{' ? 1 : c == '}' ? -1 : 0;
            weir_buf_addc(out, c == '{' ? '[' : c == '}' ? ']' : ',');
            (void)sign(&s, c);
            c = c == between ? ',' : c;
            good = c == '{'   ? value && depth <= MAX_DEPTH
                   : c == '}' ? last != ',' && (depth > 0 || (depth == 0 && s.len == 0))
                              : !value && depth > 0;
            last = c;
        } else {
            weir_buf_reset(&text);
            good = value && depth > 0 && read_element(&s, between, &text, &quoted) &&
                   weir_buf_ok(&text);
            if (good) {
                add_element(out, element, weir_buf_str(&text), quoted);
            }
            last = 'v';
        }
    }
    weir_buf_free(&text);
    return good && depth == 0 && last == '}' && weir_buf_ok(out);
}

/* int2vector and oidvector: "1 2 3". */
static bool vector(struct weir_str s, uint32_t element, struct weir_buf *out)
{
    struct weir_buf text;
    weir_buf_init(&text, 256u << 20);
    weir_buf_addc(&text, '{');
    for (size_t i = 0; i < s.len; i++) {
        weir_buf_addc(&text, s.ptr[i] == ' ' ? ',' : s.ptr[i]);
    }
    weir_buf_addc(&text, '}');
    bool good = weir_buf_ok(&text) && weir_pg_array(weir_buf_str(&text), element, out);
    weir_buf_free(&text);
    return good;
}

/* --- values -------------------------------------------------------------------------------------
 */

static int put_text(struct weir_source_rows *rows, size_t column, const struct weir_pg_target *t,
                    struct weir_str text, struct weir_buf *room, const char **why,
                    struct weir_error *err)
{
    if (!weir_utf8_valid(text)) {
        *why = "a text is no UTF-8";
        return 0;
    }
    if (t->element) {
        bool is_vector = t->oid == WEIR_PG_INT2VECTOR || t->oid == WEIR_PG_OIDVECTOR;
        weir_buf_reset(room);
        if (!(is_vector ? vector : weir_pg_array)(text, t->element, room)) {
            *why = "an array cannot be read";
            return 0;
        }
        text = weir_buf_str(room);
    } else if (t->oid == WEIR_PG_BOOL) { /* as a cast writes it */
        text = weir_str_is(text, "t") ? WEIR_STR("true") : WEIR_STR("false");
    }
    return weir_source_rows_text(rows, column, text, err);
}

int weir_pg_value_put(struct weir_source_rows *rows, size_t column, const struct weir_pg_target *t,
                      struct weir_str text, struct weir_buf *room, const char **why,
                      struct weir_error *err)
{
    int64_t number;
    double d;
    switch (t->type) {
    case WEIR_TYPE_BOOL:
        *why = weir_str_is(text, "t") || weir_str_is(text, "f") ? NULL : "it is neither t nor f";
        weir_source_rows_bool(rows, column, weir_str_is(text, "t"));
        return 0;
    case WEIR_TYPE_INT:
        if (weir_str_to_i64(text, &number)) {
            weir_source_rows_int(rows, column, number);
        } else {
            *why = "it is no whole number of 64 bits";
        }
        return 0;
    case WEIR_TYPE_DOUBLE:
        if (real(text, &d)) {
            weir_source_rows_double(rows, column, d);
        } else {
            *why = "it is no number";
        }
        return 0;
    case WEIR_TYPE_DATE:
    case WEIR_TYPE_TIMESTAMP:
        if (time_of(text, t->type, &number)) {
            weir_source_rows_int(rows, column, number);
        } else {
            *why = "a time is beyond what the warehouse can hold";
        }
        return 0;
    case WEIR_TYPE_OTHER:
        weir_buf_reset(room);
        if (!decimal(text, t, room)) {
            *why = "a number is NaN, or has more digits than its column";
            return 0;
        }
        return weir_source_rows_text(rows, column, weir_buf_str(room), err);
    default:
        return put_text(rows, column, t, text, room, why, err);
    }
}
