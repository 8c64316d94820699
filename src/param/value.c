/* What a parameter's value is, once its field has looked at it. */
#include <math.h>
#include <stdlib.h>

#include "base/closest.h"
#include "param/compile.h"

static const struct weir_param_field daterange = {
    .name = {"daterange", 9},
    .label = {"Dates", 5},
    .description = {"", 0},
    .kind = WEIR_PARAM_DATERANGE,
    .min = NAN,
    .max = NAN,
    .initial = {.kind = WEIR_DATUM_TEXT, .s = {"last 28 days", 12}}};
static const struct weir_param_field aggregation = {
    .name = {"aggregation", 11},
    .label = {"Aggregation", 11},
    .description = {"", 0},
    .kind = WEIR_PARAM_AGGREGATION,
    .min = NAN,
    .max = NAN,
    .initial = {.kind = WEIR_DATUM_TEXT, .s = {"day", 3}}};

/* --- fields --------------------------------------------------------------------------------- */

const struct weir_param_field *weir_param_field(const struct param_compiler *c,
                                                struct weir_str name)
{
    for (size_t i = 0; i < c->field_count; i++) {
        if (weir_str_eq_nocase(c->fields[i].name, name)) {
            return &c->fields[i];
        }
    }
    return NULL;
}

int weir_param_add_field(struct param_compiler *c, const struct weir_param_field *field,
                         struct weir_error *err)
{
    const struct weir_param_field *known = weir_param_field(c, field->name);
    if (known && known->kind != field->kind) {
        return weir_fail(err, WEIR_EINVAL,
                         "parameter \"" WEIR_STR_FMT "\" is declared as %s and as %s",
                         WEIR_STR_ARG(field->name), weir_param_kind_name(known->kind),
                         weir_param_kind_name(field->kind));
    }
    if (known) {
        return 0; /* the report's declaration comes first */
    }
    if (c->field_count == WEIR_PARAM_MAX_FIELDS) {
        return weir_fail(err, WEIR_ETOOBIG, "a statement may have %d parameters",
                         WEIR_PARAM_MAX_FIELDS);
    }
    c->fields[c->field_count++] = *field;
    return 0;
}

static const struct weir_param_field *implied(struct weir_str name)
{
    return weir_str_eq_nocase(name, daterange.name)     ? &daterange
           : weir_str_eq_nocase(name, aggregation.name) ? &aggregation
                                                        : NULL;
}

static bool lower(struct weir_str name, char out[64])
{
    for (size_t i = 0; i < name.len && name.len < 64; i++) {
        char ch = name.ptr[i];
        out[i] = (char)(ch >= 'A' && ch <= 'Z' ? ch | 0x20 : ch);
    }
    return name.len < 64;
}

int weir_param_read_values(struct param_compiler *c)
{
    struct weir_json_iter it = weir_json_begin(c->in->values);
    struct weir_json value;
    struct weir_str key;
    char name[64];
    if (weir_json_type(c->in->values) != WEIR_JSON_OBJECT) {
        return 0;
    }
    while (weir_json_next(&it, &key, &value)) {
        struct weir_json *kept = weir_arena_alloc(c->arena, sizeof *kept);
        if (!kept) {
            return weir_param_no_memory(c);
        }
        *kept = value;
        if (lower(key, name) && weir_map_put(&c->values, (struct weir_str){name, key.len}, kept)) {
            return weir_param_no_memory(c);
        }
    }
    return 0;
}

static struct weir_json given(const struct param_compiler *c, struct weir_str name)
{
    struct weir_json none = {NULL, 0};
    char text[64];
    struct weir_json *value =
        lower(name, text) ? weir_map_get(&c->values, (struct weir_str){text, name.len}) : NULL;
    return value ? *value : none;
}

bool weir_param_given(const struct param_compiler *c, struct weir_str name)
{
    return weir_json_exists(given(c, name));
}

bool weir_param_known(struct param_compiler *c, struct weir_str name)
{
    return weir_param_field(c, name) || implied(name) || weir_json_exists(given(c, name));
}

/* --- JSON and defaults to data -------------------------------------------------------------- */

static int copy(struct param_compiler *c, struct weir_str text, struct weir_param_datum *out)
{
    out->kind = WEIR_DATUM_TEXT;
    out->s = weir_arena_dup(c->arena, text);
    return out->s.ptr ? 0 : weir_param_no_memory(c);
}

static int from_json(struct param_compiler *c, struct weir_json value, unsigned depth,
                     struct weir_param_datum *out);

static int range_from_json(struct param_compiler *c, struct weir_json value,
                           struct weir_param_datum *out)
{
    struct weir_json item;
    struct weir_str key;
    int rc = 0;
    *out = (struct weir_param_datum){.kind = WEIR_DATUM_RANGE, .count = 2, .s = {"", 0}};
    out->items = weir_arena_calloc(c->arena, 3 * sizeof *out->items); /* the last: compared with */
    struct weir_json_iter it = weir_json_begin(value);
    while (out->items && rc == 0 && weir_json_next(&it, &key, &item)) {
        struct weir_param_datum *to = weir_param_range_part(out, key);
        if (!to) {
            return weir_fail(c->err, WEIR_EINVAL,
                             "a range of dates has \"start\" and \"end\", or \"range\" in words, "
                             "and \"compare\"; one of numbers has \"from\" and \"to\"");
        }
        rc = from_json(c, item, 1, to);
    }
    if (out->items && rc == 0 && out->items[2].kind == WEIR_DATUM_TEXT) {
        out->s = out->items[2].s;
    } else if (out->items && rc == 0 && out->items[2].kind != WEIR_DATUM_NONE) {
        return weir_fail(c->err, WEIR_EINVAL, "\"compare\" is previous, year or null");
    }
    return out->items ? rc : weir_param_no_memory(c);
}

static int from_json(struct param_compiler *c, struct weir_json value, unsigned depth,
                     struct weir_param_datum *out)
{
    struct weir_str text = {"", 0};
    uint64_t big;
    int rc = 0;
    *out = (struct weir_param_datum){0};
    switch (weir_json_type(value)) {
    case WEIR_JSON_NULL:
        return 0;
    case WEIR_JSON_BOOL:
        out->kind = WEIR_DATUM_BOOL;
        return weir_json_bool(value, &out->b) ? 0 : WEIR_EINVAL;
    case WEIR_JSON_INT:
        out->kind = WEIR_DATUM_INT;
        return weir_json_i64(value, &out->i) ? 0 : WEIR_EINVAL;
    case WEIR_JSON_UINT:
        out->kind = WEIR_DATUM_DOUBLE;
        out->d = weir_json_u64(value, &big) ? (double)big : 0;
        return 0;
    case WEIR_JSON_DOUBLE:
        out->kind = WEIR_DATUM_DOUBLE;
        return weir_json_double(value, &out->d) ? 0 : WEIR_EINVAL;
    case WEIR_JSON_STRING:
        return weir_json_str(value, &text) ? copy(c, text, out) : WEIR_EINVAL;
    default:
        break;
    }
    bool range = weir_json_type(value) == WEIR_JSON_OBJECT;
    if (depth) {
        return weir_fail(c->err, WEIR_EINVAL, "a list of lists or objects is no value");
    }
    if (range) {
        return range_from_json(c, value, out);
    }
    out->kind = WEIR_DATUM_LIST;
    out->count = weir_json_count(value);
    if (out->count > WEIR_PARAM_MAX_BOUND) {
        return weir_fail(c->err, WEIR_ETOOBIG, "a list may have %d items", WEIR_PARAM_MAX_BOUND);
    }
    out->items = weir_arena_calloc(c->arena, (out->count + 1) * sizeof *out->items);
    struct weir_json_iter it = weir_json_begin(value);
    struct weir_json item;
    for (size_t i = 0; out->items && rc == 0 && weir_json_next(&it, NULL, &item); i++) {
        rc = from_json(c, item, depth + 1, &out->items[i]);
        if (rc == 0 && out->items[i].kind == WEIR_DATUM_NONE) {
            return weir_fail(c->err, WEIR_EINVAL, "null cannot stand in a list");
        }
    }
    return out->items ? rc : weir_param_no_memory(c);
}

/* --- what the field makes of it ------------------------------------------------------------- */

static bool read_number(struct weir_str text, struct weir_param_datum *out)
{
    char copy_of[64], *end;
    struct weir_str s = weir_str_trim(text);
    if (weir_str_to_i64(s, &out->i)) {
        out->kind = WEIR_DATUM_INT;
        return true;
    }
    /* strtod also takes hexadecimal, "nan" and "infinity". */
    for (size_t i = 0; i < s.len; i++) {
        if (!s.ptr[i] || !strchr("0123456789+-.eE", s.ptr[i])) {
            return false;
        }
    }
    if (s.len == 0 || s.len >= sizeof copy_of) {
        return false;
    }
    memcpy(copy_of, s.ptr, s.len);
    copy_of[s.len] = 0;
    out->kind = WEIR_DATUM_DOUBLE;
    out->d = strtod(copy_of, &end);
    return *end == 0 && isfinite(out->d);
}

static int as_text(struct param_compiler *c, struct weir_param_datum *d)
{
    struct weir_str text;
    if (d->kind == WEIR_DATUM_NONE || d->kind == WEIR_DATUM_TEXT) {
        return 0;
    }
    if (d->kind == WEIR_DATUM_LIST || d->kind == WEIR_DATUM_RANGE) {
        return weir_fail(c->err, WEIR_EINVAL, "it takes one text, not a list or range");
    }
    int rc = weir_param_datum_text(c, d, "", &text);
    *d = (struct weir_param_datum){.kind = WEIR_DATUM_TEXT, .s = text};
    return rc;
}

static int as_date(struct param_compiler *c, struct weir_param_datum *d)
{
    int64_t days;
    struct weir_buf text;
    if (d->kind != WEIR_DATUM_TEXT ||
        !weir_param_date_parse(d->s, c->in->now, c->in->utc_offset, &days)) {
        return weir_fail(c->err, WEIR_EINVAL,
                         "it must be a date: 2026-01-31, today, yesterday or `7 days ago`");
    }
    weir_buf_init(&text, 64);
    weir_time_print(&text, days * WEIR_DAY, 0);
    text.len = text.len > 10 ? 10 : text.len;
    int rc = copy(c, weir_buf_str(&text), d);
    weir_buf_free(&text);
    return rc;
}

static int as_grain(struct param_compiler *c, struct weir_param_datum *d)
{
    static const char *const grains[] = {"minute", "hour",    "day", "week",
                                         "month",  "quarter", "year"};
    for (size_t i = 0; d->kind == WEIR_DATUM_TEXT && i < sizeof grains / sizeof grains[0]; i++) {
        if (weir_str_eq_nocase(d->s, weir_str_of(grains[i]))) {
            d->s = weir_str_of(grains[i]);
            return 0;
        }
    }
    return weir_fail(c->err, WEIR_EINVAL,
                     "it must be minute, hour, day, week, month, quarter or year");
}

static int as_list(struct param_compiler *c, struct weir_param_datum *d)
{
    if (d->kind == WEIR_DATUM_LIST) {
        return 0;
    }
    if (d->kind == WEIR_DATUM_RANGE) {
        return weir_fail(c->err, WEIR_EINVAL, "it must be a list");
    }
    bool none = d->kind == WEIR_DATUM_NONE || (d->kind == WEIR_DATUM_TEXT && d->s.len == 0);
    struct weir_param_datum *item = weir_arena_alloc(c->arena, sizeof *item);
    if (!item) {
        return weir_param_no_memory(c);
    }
    *item = *d;
    *d = (struct weir_param_datum){.kind = WEIR_DATUM_LIST, .items = item, .count = none ? 0 : 1};
    return 0;
}

/* An end: a number, or nothing. */
static bool fit_end(struct weir_param_datum *d)
{
    if (d->kind == WEIR_DATUM_TEXT && weir_str_trim(d->s).len == 0) {
        d->kind = WEIR_DATUM_NONE;
    }
    return d->kind == WEIR_DATUM_NONE || d->kind == WEIR_DATUM_INT ||
           d->kind == WEIR_DATUM_DOUBLE || (d->kind == WEIR_DATUM_TEXT && read_number(d->s, d));
}

/* {from, to}, or `10..20`, where either may be missing. */
static int as_number_range(struct param_compiler *c, struct weir_param_datum *d)
{
    struct weir_str text = d->kind == WEIR_DATUM_TEXT ? d->s : (struct weir_str){"", 0};
    for (size_t i = 0; i + 1 < text.len; i++) {
        if (text.ptr[i] == '.' && text.ptr[i + 1] == '.') {
            struct weir_param_datum *items = weir_arena_calloc(c->arena, 3 * sizeof *items);
            if (!items) {
                return weir_param_no_memory(c);
            }
            items[0] = (struct weir_param_datum){.kind = WEIR_DATUM_TEXT, .s = {text.ptr, i}};
            items[1] = (struct weir_param_datum){.kind = WEIR_DATUM_TEXT,
                                                 .s = {text.ptr + i + 2, text.len - i - 2}};
            *d = (struct weir_param_datum){
                .kind = WEIR_DATUM_RANGE, .items = items, .count = 2, .s = {"", 0}};
            break;
        }
    }
    return d->kind == WEIR_DATUM_RANGE && !(d->i & PARAM_RANGE_DATES) && fit_end(&d->items[0]) &&
                   fit_end(&d->items[1])
               ? 0
               : weir_fail(c->err, WEIR_EINVAL,
                           "it must be {\"from\": 10, \"to\": 20}, where either may be null, or "
                           "`10..20`");
}

static int fit(struct param_compiler *c, const struct weir_param_field *field,
               struct weir_param_datum *d)
{
    enum weir_param_kind kind = field->kind;
    struct param_clock clock = weir_param_clock(c, field);
    struct param_bounds ignored;
    if (kind == WEIR_PARAM_MULTISELECT) {
        return as_list(c, d);
    }
    if (kind == WEIR_PARAM_TEXT) {
        return as_text(c, d);
    }
    bool empty = d->kind == WEIR_DATUM_TEXT && d->s.len == 0;
    if (empty && kind != WEIR_PARAM_SELECT && kind != WEIR_PARAM_ANY) {
        d->kind = WEIR_DATUM_NONE;
    }
    if (d->kind == WEIR_DATUM_NONE) {
        return 0;
    }
    bool scalar = d->kind != WEIR_DATUM_LIST && d->kind != WEIR_DATUM_RANGE;
    switch (kind) {
    case WEIR_PARAM_NUMBER:
        if (d->kind == WEIR_DATUM_INT || d->kind == WEIR_DATUM_DOUBLE ||
            (d->kind == WEIR_DATUM_TEXT && read_number(d->s, d))) {
            return 0;
        }
        return weir_fail(c->err, WEIR_EINVAL, "it must be a number");
    case WEIR_PARAM_BOOLEAN:
        if (d->kind == WEIR_DATUM_TEXT &&
            (weir_str_is(d->s, "true") || weir_str_is(d->s, "false"))) {
            *d = (struct weir_param_datum){.kind = WEIR_DATUM_BOOL, .b = weir_str_is(d->s, "true")};
        }
        return d->kind == WEIR_DATUM_BOOL
                   ? 0
                   : weir_fail(c->err, WEIR_EINVAL, "it must be true or false");
    case WEIR_PARAM_DATE:
        return as_date(c, d);
    case WEIR_PARAM_AGGREGATION:
        return as_grain(c, d);
    case WEIR_PARAM_DATERANGE:
        return weir_param_range_parse(d, &clock, &ignored)
                   ? 0
                   : weir_fail(c->err, WEIR_EINVAL,
                               "it must be {\"start\": \"2026-01-01\", \"end\": \"2026-01-31\"}, "
                               "`2026-01-01 to 2026-01-31`, or one of: last 28 days, today, "
                               "yesterday, this month, last month, this fiscal year, year to "
                               "date, all time; \"compare\" is previous or year");
    case WEIR_PARAM_NUMBER_RANGE:
        return as_number_range(c, d);
    case WEIR_PARAM_SELECT:
        return scalar ? 0 : weir_fail(c->err, WEIR_EINVAL, "it takes one value, not a list");
    default:
        return 0;
    }
}

/* --- asking ---------------------------------------------------------------------------------- */

static int unknown(struct param_compiler *c, const struct param_frame *f, size_t at,
                   struct weir_str name)
{
    struct weir_closest near = weir_closest_to(name);
    struct weir_str shown = weir_utf8_cut(name, 60);
    for (size_t i = 0; i < c->field_count; i++) {
        weir_closest_consider(&near, c->fields[i].name.ptr);
    }
    if (near.best) {
        return weir_param_fail(c, f, at,
                               "there is no parameter \"" WEIR_STR_FMT "\"; did you mean %s?",
                               WEIR_STR_ARG(shown), near.best);
    }
    return weir_param_fail(
        c, f, at,
        "there is no parameter \"" WEIR_STR_FMT "\"; declare it in a form below the "
        "statement ({%% form %%} " WEIR_STR_FMT ": {type: text} {%% endform %%}), or "
        "give a value for it",
        WEIR_STR_ARG(shown), WEIR_STR_ARG(shown));
}

/* What is read of a default must not change it. */
static int copy_range(struct param_compiler *c, struct weir_param_datum *d)
{
    if (d->kind == WEIR_DATUM_RANGE) {
        struct weir_param_datum *items = weir_arena_calloc(c->arena, 3 * sizeof *items);
        if (!items) {
            return weir_param_no_memory(c);
        }
        memcpy(items, d->items, 2 * sizeof *items);
        d->items = items;
    }
    return 0;
}

int weir_param_value_of(struct param_compiler *c, const struct param_frame *f, size_t at,
                        struct weir_str name, struct param_value *out)
{
    struct weir_json value = given(c, name);
    const struct weir_param_field *field = weir_param_field(c, name);
    struct weir_param_field undeclared = {.name = weir_arena_dup(c->arena, name),
                                          .description = {"", 0},
                                          .kind = WEIR_PARAM_ANY,
                                          .min = NAN,
                                          .max = NAN};
    int rc = undeclared.name.ptr ? 0 : weir_param_no_memory(c);
    undeclared.label = undeclared.name;
    if (!field && !rc) {
        const struct weir_param_field *made = implied(name);
        if (!made && !weir_json_exists(value)) {
            return unknown(c, f, at, name);
        }
        rc = weir_param_add_field(c, made ? made : &undeclared, c->err);
        field = weir_param_field(c, name);
    }
    if (rc) {
        return weir_param_fail_at(c, f, at, rc);
    }
    c->fields[field - c->fields].asked = true;
    *out = (struct param_value){.field = field, .datum = field->initial};
    if (weir_json_exists(value)) {
        rc = from_json(c, value, 0, &out->datum);
    }
    rc = rc ? rc : copy_range(c, &out->datum);
    rc = rc ? rc : fit(c, field, &out->datum);
    if (rc == WEIR_EINVAL) {
        rc = weir_error_prefix(c->err, rc, "the value of parameter \"" WEIR_STR_FMT "\"",
                               WEIR_STR_ARG(field->name));
    }
    return rc ? weir_param_fail_at(c, f, at, rc) : 0;
}

int weir_param_check_values(struct param_compiler *c)
{
    struct weir_json_iter it = weir_json_begin(c->in->values);
    struct weir_json value;
    struct weir_str key;
    if (c->in->lenient || weir_json_type(c->in->values) != WEIR_JSON_OBJECT) {
        return 0;
    }
    while (weir_json_next(&it, &key, &value)) {
        if (!weir_param_field(c, key)) {
            struct weir_closest near = weir_closest_to(key);
            struct weir_str shown = weir_utf8_cut(key, 60);
            for (size_t i = 0; i < c->field_count; i++) {
                weir_closest_consider(&near, c->fields[i].name.ptr);
            }
            return weir_fail(c->err, WEIR_EINVAL,
                             "a value for \"" WEIR_STR_FMT "\" is given, and the statement has no "
                             "such parameter%s%s%s",
                             WEIR_STR_ARG(shown), near.best ? "; did you mean " : "",
                             near.best ? near.best : "", near.best ? "?" : "");
        }
    }
    return 0;
}

/* --- as text ---------------------------------------------------------------------------------- */

static void add_text(struct weir_buf *out, const struct weir_param_datum *d, const char *joint)
{
    switch (d->kind) {
    case WEIR_DATUM_BOOL:
        weir_buf_addz(out, d->b ? "true" : "false");
        break;
    case WEIR_DATUM_INT:
        weir_buf_add_i64(out, d->i);
        break;
    case WEIR_DATUM_DOUBLE:
        weir_json_number(out, d->d);
        break;
    case WEIR_DATUM_TEXT:
        weir_buf_adds(out, d->s);
        break;
    case WEIR_DATUM_LIST:
        for (size_t i = 0; i < d->count; i++) {
            weir_buf_addz(out, i ? joint : "");
            add_text(out, &d->items[i], joint);
        }
        break;
    default:
        break;
    }
}

int weir_param_datum_text(struct param_compiler *c, const struct weir_param_datum *d,
                          const char *joint, struct weir_str *out)
{
    struct weir_buf text;
    weir_buf_init(&text, 64u << 20);
    add_text(&text, d, joint);
    *out = weir_arena_dup(c->arena, weir_buf_str(&text));
    bool ok = weir_buf_ok(&text) && out->ptr;
    weir_buf_free(&text);
    return ok ? 0 : weir_param_no_memory(c);
}
