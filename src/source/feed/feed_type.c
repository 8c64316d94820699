/* Types of a feed's columns: by their JSON schema, and by what comes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/number.h"
#include "source/feed/feed.h"

#define MAX_VARIANTS 16
#define EXACT_WHOLE  ((int64_t)1 << 53)
#define MAX_DIGITS   38

/* --- a schema's type ----------------------------------------------------------------------------
 */

/* multipleOf 0.01: two digits behind the point. With 38 of them a column has room for none before
 * it: the first value that has some makes it text, with all digits. */
static bool scale_of(double multiple, unsigned *scale)
{
    double power = 1;
    for (unsigned i = 0; i <= MAX_DIGITS; i++, power *= 10) {
        if (fabs(multiple * power - 1) < 1e-9) {
            *scale = i;
            return true;
        }
    }
    return false;
}

static unsigned digits_before(double limit)
{
    unsigned n = 1;
    for (double power = 10; fabs(limit) > power * (1 + 1e-12) && n < MAX_DIGITS; power *= 10) {
        n++;
    }
    return n;
}

/* One that is too large for a number of JSON's reader comes as a text. */
static bool limit_of(struct weir_json value, double *out)
{
    struct weir_str s;
    char copy[64], *end;
    if (!weir_json_str(value, &s) || s.len == 0 || s.len >= sizeof copy) {
        return weir_json_double(value, out);
    }
    memcpy(copy, s.ptr, s.len);
    copy[s.len] = 0;
    *out = strtod(copy, &end);
    return end == copy + s.len && isfinite(*out);
}

/* "maximum": 10^p, as drafts of JSON Schema say the digits of a decimal. */
static void number_type(struct weir_json schema, struct weir_feed_column *out)
{
    static const char *const limits[] = {"maximum", "exclusiveMaximum", "minimum",
                                         "exclusiveMinimum"};
    double multiple = 0, limit = 0, most = 0;
    unsigned scale = 0;
    out->type = WEIR_TYPE_DOUBLE;
    if (!weir_json_double(weir_json_get(schema, "multipleOf"), &multiple) ||
        !scale_of(multiple, &scale)) {
        return;
    }
    for (size_t i = 0; i < 4; i++) {
        if (limit_of(weir_json_get(schema, limits[i]), &limit)) {
            most = fabs(limit) > most ? fabs(limit) : most;
        }
    }
    unsigned whole = most > 0 ? digits_before(most) : MAX_DIGITS - scale;
    out->type = WEIR_TYPE_OTHER;
    out->scale = scale;
    out->precision = whole + scale > MAX_DIGITS ? MAX_DIGITS : whole + scale;
}

static bool simple_type(struct weir_str type, struct weir_json schema, struct weir_feed_column *out)
{
    struct weir_str format = weir_json_get_str(schema, "format");
    struct weir_str airbyte = weir_json_get_str(schema, "airbyte_type");
    if (weir_str_is(type, "string")) {
        out->type = weir_str_is(format, "date-time") ? WEIR_TYPE_TIMESTAMP
                    : weir_str_is(format, "date")    ? WEIR_TYPE_DATE
                                                     : WEIR_TYPE_TEXT;
    } else if (weir_str_is(type, "integer") ||
               (weir_str_is(type, "number") && weir_str_is(airbyte, "integer"))) {
        out->type = WEIR_TYPE_INT;
    } else if (weir_str_is(type, "number")) {
        number_type(schema, out);
    } else if (weir_str_is(type, "boolean")) {
        out->type = WEIR_TYPE_BOOL;
    } else if (weir_str_is(type, "object") || weir_str_is(type, "array")) {
        out->type = WEIR_TYPE_JSON;
    } else {
        return false; /* "null", or what nobody knows */
    }
    return true;
}

/* One that nothing says is left to what comes. */
static void take_variant(struct weir_feed_column *out, bool *any, bool known,
                         const struct weir_feed_column *variant)
{
    if (known && *any) {
        (void)weir_feed_join(out, variant);
    } else if (known) {
        *out = *variant;
        *any = true;
    }
}

static bool type_at(struct weir_json schema, unsigned depth, struct weir_feed_column *out)
{
    static const char *const lists[] = {"anyOf", "oneOf", "allOf"};
    struct weir_json type = weir_json_get(schema, "type"), item;
    struct weir_feed_column variant = {0};
    struct weir_str name;
    bool any = false;
    if (weir_json_str(type, &name)) {
        return simple_type(name, schema, out);
    }
    struct weir_json_iter it = weir_json_begin(type);
    for (size_t i = 0; i < MAX_VARIANTS && weir_json_next(&it, NULL, &item); i++) {
        variant = (struct weir_feed_column){0};
        bool known = weir_json_str(item, &name) && simple_type(name, schema, &variant);
        take_variant(out, &any, known, &variant);
    }
    for (size_t k = 0; !any && depth && k < 3; k++) {
        it = weir_json_begin(weir_json_get(schema, lists[k]));
        for (size_t i = 0; i < MAX_VARIANTS && weir_json_next(&it, NULL, &item); i++) {
            variant = (struct weir_feed_column){0};
            take_variant(out, &any, type_at(item, depth - 1, &variant), &variant);
        }
    }
    return any;
}

bool weir_feed_type_of(struct weir_json schema, struct weir_feed_column *out)
{
    struct weir_feed_column found = {.type = WEIR_TYPE_TEXT, .untyped = true};
    bool known = type_at(schema, 4, &found);
    out->untyped = !known;
    out->type = known ? found.type : WEIR_TYPE_TEXT;
    out->precision = found.precision;
    out->scale = found.scale;
    return known;
}

/* --- joining ------------------------------------------------------------------------------------
 */

static bool join_decimal(struct weir_feed_column *c, const struct weir_feed_column *o)
{
    const struct weir_feed_column *both[] = {c, o};
    unsigned whole = 0, scale = 0;
    for (size_t i = 0; i < 2; i++) {
        bool exact = both[i]->type == WEIR_TYPE_OTHER;
        unsigned w = exact ? both[i]->precision - both[i]->scale : 19;
        if (!exact && both[i]->type != WEIR_TYPE_INT) {
            return false;
        }
        whole = w > whole ? w : whole;
        scale = exact && both[i]->scale > scale ? both[i]->scale : scale;
    }
    if (whole + scale > MAX_DIGITS) {
        return false;
    }
    c->type = WEIR_TYPE_OTHER;
    c->precision = whole + scale;
    c->scale = scale;
    return true;
}

bool weir_feed_join(struct weir_feed_column *c, const struct weir_feed_column *o)
{
    struct weir_feed_column before = *c;
    if (o->untyped) {
        return false;
    }
    if (c->untyped) {
        c->type = o->type;
        c->precision = o->precision;
        c->scale = o->scale;
        c->untyped = false;
        return true;
    }
    if (c->type == WEIR_TYPE_OTHER || o->type == WEIR_TYPE_OTHER) {
        c->type = join_decimal(c, o) ? WEIR_TYPE_OTHER : WEIR_TYPE_TEXT;
    } else {
        c->type = weir_source_type_join(c->type, o->type);
        c->type = c->type == WEIR_TYPE_DOUBLE && (c->big || o->big) ? WEIR_TYPE_TEXT : c->type;
    }
    return c->type != before.type || c->precision != before.precision || c->scale != before.scale;
}

/* --- decimals -----------------------------------------------------------------------------------
 */

static size_t number_end(struct weir_str line, size_t at, bool *long_one)
{
    size_t digits = 0;
    bool point = false;
    for (; at < line.len; at++) {
        char c = line.ptr[at];
        if (c >= '0' && c <= '9') {
            digits++;
        } else if (c == '.') {
            point = true;
        } else if (c != '-') {
            break;
        }
    }
    *long_one = point && digits > 15 && (at == line.len || (line.ptr[at] | 0x20) != 'e');
    return at;
}

bool weir_feed_quote(const struct weir_feed_stream *s, struct weir_str line, unsigned depth,
                     struct weir_buf *out)
{
    return s->exact && weir_feed_quote_numbers(line, depth, s->nest, out);
}

bool weir_feed_quote_numbers(struct weir_str line, unsigned depth, bool deeper,
                             struct weir_buf *out)
{
    unsigned deep = 0;
    bool any = false;
    size_t from = 0, at = 0;
    weir_buf_reset(out);
    while (at < line.len) {
        char c = line.ptr[at];
        if (c == '"') {
            for (at++; at < line.len && line.ptr[at] != '"'; at++) {
                at += line.ptr[at] == '\\';
            }
            at++;
        } else if ((deep == depth || (deeper && deep > depth)) &&
                   ((c >= '0' && c <= '9') || c == '-')) {
            bool long_one = false;
            size_t end = number_end(line, at, &long_one);
            if (long_one) {
                weir_buf_add(out, line.ptr + from, at - from);
                weir_buf_addc(out, '"');
                weir_buf_add(out, line.ptr + at, end - at);
                weir_buf_addc(out, '"');
                from = end;
                any = true;
            }
            at = end > at ? end : at + 1;
        } else {
            deep += c == '{' || c == '[';
            deep -= (c == '}' || c == ']') && deep;
            at++;
        }
    }
    if (any) {
        weir_buf_add(out, line.ptr + from, line.len - from);
    }
    return any && weir_buf_ok(out);
}

/* --- values -------------------------------------------------------------------------------------
 */

static bool is_big(int64_t i)
{
    return i > EXACT_WHOLE || i < -EXACT_WHOLE;
}

/* What a value is by itself. */
static struct weir_feed_column type_of_value(struct weir_json value, bool texts_are_numbers)
{
    struct weir_feed_column c = {.type = WEIR_TYPE_TEXT};
    struct weir_str s;
    int64_t i = 0;
    double d = 0;
    switch (weir_json_type(value)) {
    case WEIR_JSON_BOOL:
        c.type = WEIR_TYPE_BOOL;
        break;
    case WEIR_JSON_INT:
        (void)weir_json_i64(value, &i);
        c.type = WEIR_TYPE_INT;
        c.big = is_big(i);
        break;
    case WEIR_JSON_UINT:
        c.type = WEIR_TYPE_OTHER;
        c.precision = 20;
        break;
    case WEIR_JSON_DOUBLE:
        (void)weir_json_double(value, &d);
        c.type = WEIR_TYPE_DOUBLE;
        break;
    case WEIR_JSON_ARRAY:
    case WEIR_JSON_OBJECT:
        c.type = WEIR_TYPE_JSON;
        break;
    default:
        if (texts_are_numbers && weir_json_str(value, &s) && s.len &&
            ((s.ptr[0] >= '0' && s.ptr[0] <= '9') || s.ptr[0] == '-')) {
            c.type = WEIR_TYPE_DOUBLE;
        }
    }
    return c;
}

bool weir_feed_time(enum weir_type type, struct weir_str s, int64_t *out)
{
    char text[] = "2026-01-02T00:00:00Z";
    bool day = s.len == 10;
    weir_time at;
    if (day) {
        memcpy(text, s.ptr, s.len);
        s = weir_str_of(text);
    }
    if ((type == WEIR_TYPE_DATE && !day) || !weir_time_parse(s, &at)) {
        return false;
    }
    *out = type == WEIR_TYPE_DATE ? at / WEIR_DAY - (at % WEIR_DAY < 0) : at;
    return true;
}

static bool read_int(struct weir_json value, int64_t *out)
{
    double d;
    if (weir_json_i64(value, out)) {
        return true;
    }
    if (weir_json_type(value) != WEIR_JSON_DOUBLE || !weir_json_double(value, &d) ||
        fabs(d) > (double)EXACT_WHOLE || d < floor(d) || d > floor(d)) {
        return false;
    }
    *out = (int64_t)d;
    return true;
}

static bool read_double(struct weir_json value, bool texts_are_numbers, double *out)
{
    struct weir_str s;
    int64_t i;
    if (weir_json_type(value) == WEIR_JSON_INT) {
        return weir_json_i64(value, &i) && !is_big(i) && weir_json_double(value, out);
    }
    if (texts_are_numbers && weir_json_str(value, &s) && s.len && s.len < 200) {
        char copy[201], *end;
        memcpy(copy, s.ptr, s.len);
        copy[s.len] = 0;
        *out = strtod(copy, &end);
        return end == copy + s.len && isfinite(*out);
    }
    return weir_json_type(value) == WEIR_JSON_DOUBLE && weir_json_double(value, out);
}

/* The text of a value; in `room` when it is none. */
static struct weir_str text_of(struct weir_json value, struct weir_buf *room)
{
    struct weir_str s;
    if (weir_json_str(value, &s)) {
        return s;
    }
    weir_buf_reset(room);
    weir_json_print(value, room);
    return weir_buf_str(room);
}

/* The fewest digits that are this number and no other, without an exponent: 0.1 is that, and not
 * what it is to a double, 0.1000000000000000055. 0: there is no room. */
static size_t double_digits(double d, char out[64])
{
    char digits[WEIR_NUMBER_DIGITS + 1];
    size_t at = 0;
    int point; /* behind so many digits */
    size_t n = (size_t)weir_number_digits(d, digits, &point);
    int zeros = point < 0 ? -point : point > (int)n ? point - (int)n : 0;
    if (n + (size_t)zeros + 3 >= 64) {
        return 0;
    }
    out[at++] = '-';
    at -= !signbit(d);
    if (point <= 0) {
        memcpy(out + at, "0.", 2);
        memset(out + at + 2, '0', (size_t)zeros);
        memcpy(out + at + 2 + zeros, digits, n);
        return at + 2 + (size_t)zeros + n;
    }
    size_t whole = point < (int)n ? (size_t)point : n;
    memcpy(out + at, digits, whole);
    memset(out + at + whole, '0', (size_t)zeros);
    at += whole + (size_t)zeros;
    if (whole < n) {
        out[at++] = '.';
        memcpy(out + at, digits + whole, n - whole);
        at += n - whole;
    }
    return at;
}

/* How a value is written as a decimal; 0: it is none of so many digits. */
static size_t decimal_digits(struct weir_json value, struct weir_buf *room, char out[64])
{
    double d;
    if (weir_json_type(value) == WEIR_JSON_DOUBLE && weir_json_double(value, &d)) {
        return double_digits(d, out);
    }
    struct weir_str digits = text_of(value, room);
    size_t n = digits.len < 64 ? digits.len : 0;
    memcpy(out, digits.ptr, n);
    return n;
}

static int put_text(struct weir_feed_stream *s, size_t at, const struct weir_feed_column *c,
                    struct weir_json value, bool *fits, struct weir_error *err)
{
    struct weir_buf *room = &s->feed->text;
    struct weir_str text;
    if (c->type == WEIR_TYPE_TEXT && weir_json_str(value, &text)) {
        return weir_source_rows_text(&s->batch, at, text, err);
    }
    if (c->type == WEIR_TYPE_JSON) {
        weir_buf_reset(room);
        weir_json_print(value, room);
        text = weir_buf_str(room);
        *fits = weir_json_type(value) >= WEIR_JSON_ARRAY;
    } else if (c->type == WEIR_TYPE_OTHER) {
        char copy[64];
        size_t n = decimal_digits(value, room, copy);
        *fits = n && weir_json_type(value) != WEIR_JSON_BOOL &&
                weir_source_decimal_text((struct weir_str){copy, n}, c->precision, c->scale, room);
        text = weir_buf_str(room);
    } else {
        text = text_of(value, room);
    }
    int rc = weir_buf_check(room, "a value", err);
    return rc || !*fits ? rc : weir_source_rows_text(&s->batch, at, text, err);
}

/* Digits that a time has not would be lost. */
static bool is_finer(struct weir_str text)
{
    const char *dot = memchr(text.ptr, '.', text.len);
    size_t digits = 0;
    for (const char *at = dot; dot && ++at < text.ptr + text.len && *at >= '0' && *at <= '9';) {
        if (++digits > 6 && *at != '0') {
            return true;
        }
    }
    return false;
}

static void see_time(const struct weir_feed *f, struct weir_feed_column *c, struct weir_json value)
{
    struct weir_str text;
    int64_t unused;
    c->texts = f->guess_times;
    if (f->guess_times && !c->no_times) {
        bool is = weir_json_str(value, &text);
        c->no_days = c->no_days || !is || !weir_feed_time(WEIR_TYPE_DATE, text, &unused);
        c->no_times = !is || !weir_feed_time(WEIR_TYPE_TIMESTAMP, text, &unused) || is_finer(text);
    }
}

enum weir_type weir_feed_guess(const struct weir_feed_column *c)
{
    bool guessed = c->type == WEIR_TYPE_TEXT && c->texts && !c->own && !c->no_times;
    return !guessed ? c->type : c->no_days ? WEIR_TYPE_TIMESTAMP : WEIR_TYPE_DATE;
}

int weir_feed_put(struct weir_feed_stream *s, size_t at, struct weir_json value, bool *widened,
                  struct weir_error *err)
{
    struct weir_feed_column *c = &s->columns[at];
    struct weir_str text;
    int64_t i = 0;
    double d = 0;
    bool b = false, fits = true;
    int rc = 0;
    if (weir_json_type(value) == WEIR_JSON_NULL) {
        return 0;
    }
    see_time(s->feed, c, value);
    if (at >= s->sink.column_count || s->batch.vectors[at].type != c->type) {
        /* It came with this record, or became wider by it: the batch has no place for it yet. */
        struct weir_feed_column is = type_of_value(value, s->feed->numbers_are_texts);
        (void)weir_feed_join(c, &is);
        *widened = true;
        return 0;
    }
    if (c->untyped) {
        fits = false;
    } else if (c->type == WEIR_TYPE_BOOL) {
        fits = weir_json_bool(value, &b);
        if (fits) {
            weir_source_rows_bool(&s->batch, at, b);
        }
    } else if (c->type == WEIR_TYPE_INT) {
        fits = read_int(value, &i);
        if (fits) {
            c->big = c->big || is_big(i);
            weir_source_rows_int(&s->batch, at, i);
        }
    } else if (c->type == WEIR_TYPE_DOUBLE) {
        fits = read_double(value, s->feed->numbers_are_texts, &d);
        if (fits) {
            weir_source_rows_double(&s->batch, at, d);
        }
    } else if (c->type == WEIR_TYPE_TIMESTAMP || c->type == WEIR_TYPE_DATE) {
        fits = weir_json_str(value, &text) && weir_feed_time(c->type, text, &i);
        if (fits) {
            weir_source_rows_int(&s->batch, at, i);
        }
    } else {
        rc = put_text(s, at, c, value, &fits, err);
    }
    if (rc == 0 && !fits) {
        struct weir_feed_column is = type_of_value(value, s->feed->numbers_are_texts);
        int64_t unused;
        /* A day in a column of times, and a time in a column of days. */
        if ((c->type == WEIR_TYPE_DATE && !c->untyped) && weir_json_str(value, &text) &&
            weir_feed_time(WEIR_TYPE_TIMESTAMP, text, &unused)) {
            is.type = WEIR_TYPE_TIMESTAMP;
        }
        if (!weir_feed_join(c, &is)) {
            c->type = WEIR_TYPE_TEXT; /* of its type, and yet it does not fit */
        }
        *widened = true;
    }
    return rc;
}
