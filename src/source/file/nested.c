/* JSON and Parquet whose objects become columns, and whose lists tables: each row goes through a
 * feed (feed.h), as that of a tap does, when the plan is made; so all types are known before any
 * row is loaded. */
#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/number.h"
#include "io/file.h"
#include "source/feed/feed_nest.h"
#include "source/file/file.h"

#define MAX_DEPTH 200
#define MAX_LINE  (512u << 20)
#define MAX_TYPE  (16u << 20)

struct reading {
    struct weir_feed_stream *s;
    const struct weir_file *file;
    const atomic_bool *stop;
    struct weir_json_parser *parser;
    struct weir_buf line, exact;
    uint64_t rows;
};

void weir_file_nested_forget(struct weir_file_connection *c)
{
    if (c->feed) {
        weir_feed_free(c->feed);
        free(c->feed);
        c->feed = NULL;
    }
}

/* --- the schema of Parquet ----------------------------------------------------------------------
 */

/* Up to a comma or a closing bracket that is not of the type's own. */
static struct weir_str next_type(struct weir_str *rest)
{
    unsigned deep = 0;
    char quote = 0;
    for (size_t i = 0; i < rest->len; i++) {
        char ch = rest->ptr[i];
        if (quote) {
            quote = ch == quote ? 0 : quote;
        } else if (ch == '"' || ch == '\'') {
            quote = ch;
        } else if (deep == 0 && (ch == ',' || ch == ')')) {
            struct weir_str type = {rest->ptr, i};
            *rest = (struct weir_str){rest->ptr + i, rest->len - i};
            return type;
        } else {
            deep += ch == '(';
            deep -= ch == ')';
        }
    }
    struct weir_str type = *rest;
    *rest = (struct weir_str){rest->ptr + rest->len, 0};
    return type;
}

static void skip(struct weir_str *s, size_t n)
{
    n = n > s->len ? s->len : n;
    *s = (struct weir_str){s->ptr + n, s->len - n};
}

static void skip_blanks(struct weir_str *s)
{
    while (s->len && s->ptr[0] == ' ') {
        skip(s, 1);
    }
}

/* The name of a member, which stands in double quotes where it must. */
static void next_name(struct weir_str *rest, struct weir_buf *out)
{
    weir_buf_reset(out);
    if (rest->len && rest->ptr[0] == '"') {
        size_t i = 1;
        for (; i < rest->len &&
               (rest->ptr[i] != '"' || (i + 1 < rest->len && rest->ptr[i + 1] == '"'));
             i++) {
            i += rest->ptr[i] == '"';
            weir_buf_addc(out, rest->ptr[i]);
        }
        skip(rest, i + 1);
    } else {
        size_t n = 0;
        while (n < rest->len && rest->ptr[n] != ' ') {
            n++;
        }
        weir_buf_add(out, rest->ptr, n);
        skip(rest, n);
    }
    skip_blanks(rest);
}

static void schema_of(struct weir_str type, unsigned depth, struct weir_jw *w);

/* Keys of a map are data, and a number of 128 bits is what its value is: what comes says it. */
static bool is_open(struct weir_str type)
{
    return weir_str_is(type, "HUGEINT") || weir_str_is(type, "UHUGEINT") ||
           weir_str_is(type, "UBIGINT") ||
           (weir_str_starts(type, WEIR_STR("MAP(")) && !weir_str_ends(type, WEIR_STR("]")));
}

static void members_of(struct weir_str rest, unsigned depth, struct weir_jw *w)
{
    struct weir_buf name;
    weir_buf_init(&name, 1u << 16);
    weir_jw_kstrz(w, "type", "object");
    weir_jw_keyz(w, "properties");
    weir_jw_object(w);
    while (rest.len && rest.ptr[0] != ')') {
        next_name(&rest, &name);
        struct weir_str type = next_type(&rest);
        if (!is_open(type)) {
            weir_jw_key(w, weir_buf_str(&name));
            schema_of(type, depth + 1, w);
        }
        skip(&rest, 1);
        skip_blanks(&rest);
    }
    weir_jw_object_end(w);
    weir_buf_free(&name);
}

static void number_of(struct weir_str type, struct weir_jw *w)
{
    unsigned precision = 0, scale = 0;
    char multiple[32], most[48];
    (void)weir_number_decimal(type, &precision, &scale);
    snprintf(multiple, sizeof multiple, "1e-%u", scale);
    snprintf(most, sizeof most, "1e%u", precision - scale);
    weir_jw_kstrz(w, "type", "number");
    weir_jw_keyz(w, "multipleOf");
    weir_jw_raw(w, weir_str_of(multiple));
    weir_jw_keyz(w, "maximum");
    weir_jw_raw(w, weir_str_of(most));
}

/* The JSON schema of what to_json() makes of a value of the engine's type. */
static void schema_of(struct weir_str type, unsigned depth, struct weir_jw *w)
{
    static const char *const whole[] = {"BIGINT",   "INTEGER",   "SMALLINT", "TINYINT",
                                        "UINTEGER", "USMALLINT", "UTINYINT"};
    unsigned p, s;
    size_t open = type.len;
    while (open && type.ptr[open - 1] != '[') {
        open--;
    }
    weir_jw_object(w);
    if (depth > MAX_DEPTH) {
        weir_jw_object_end(w);
        return;
    }
    if (weir_str_ends(type, WEIR_STR("]")) && open) {
        weir_jw_kstrz(w, "type", "array");
        weir_jw_keyz(w, "items");
        schema_of((struct weir_str){type.ptr, open - 1}, depth + 1, w);
    } else if (weir_str_starts(type, WEIR_STR("STRUCT("))) {
        struct weir_str rest = type;
        skip(&rest, 7);
        members_of(rest, depth, w);
    } else if (weir_str_is(type, "UBIGINT")) {
        number_of(WEIR_STR("DECIMAL(20,0)"), w);
    } else if (weir_number_decimal(type, &p, &s)) {
        number_of(type, w);
    } else if (weir_str_is(type, "BOOLEAN")) {
        weir_jw_kstrz(w, "type", "boolean");
    } else if (weir_str_is(type, "DOUBLE") || weir_str_is(type, "FLOAT")) {
        weir_jw_kstrz(w, "type", "number");
    } else if (weir_str_is(type, "DATE") || weir_str_starts(type, WEIR_STR("TIMESTAMP"))) {
        bool exact = !weir_str_is(type, "TIMESTAMP_NS"); /* it has digits that a time has not */
        weir_jw_kstrz(w, "type", "string");
        if (exact) {
            weir_jw_kstrz(w, "format", weir_str_is(type, "DATE") ? "date" : "date-time");
        }
    } else if (!is_open(type)) { /* of a list it may be */
        bool is_whole = false;
        for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
            is_whole = is_whole || weir_str_is(type, whole[i]);
        }
        weir_jw_kstrz(w, "type", is_whole ? "integer" : "string");
    }
    weir_jw_object_end(w);
}

static int declare(struct reading *r, const struct weir_column *columns, size_t count,
                   struct weir_error *err)
{
    struct weir_buf text;
    struct weir_json schema;
    weir_buf_init(&text, MAX_TYPE);
    struct weir_jw w = weir_jw_on(&text);
    weir_jw_object(&w);
    weir_jw_keyz(&w, "properties");
    weir_jw_object(&w);
    for (size_t i = 0; i < count; i++) {
        if (!is_open(columns[i].type_name)) {
            weir_jw_key(&w, columns[i].name);
            schema_of(columns[i].type_name, 0, &w);
        }
    }
    weir_jw_object_end(&w);
    weir_jw_object_end(&w);
    int rc = weir_buf_check(&text, "the schema of a file", err);
    rc = rc ? rc : weir_json_parse(r->parser, weir_buf_str(&text), &schema, err);
    rc = rc ? rc : weir_feed_schema(r->s, schema, err);
    weir_buf_free(&text);
    return rc ? weir_error_prefix(err, rc, WEIR_STR_FMT, WEIR_STR_ARG(r->file->name)) : 0;
}

/* --- rows ---------------------------------------------------------------------------------------
 */

static int take_row(struct reading *r, struct weir_str text, struct weir_error *err)
{
    struct weir_json record;
    struct weir_json_repairs ignored;
    r->rows++;
    weir_buf_reset(&r->line);
    weir_buf_adds(&r->line, text);
    int rc = weir_buf_check(&r->line, "a row", err);
    rc = rc ? rc
            : weir_json_parse_lenient(r->parser, weir_buf_str(&r->line), &record, &ignored, err);
    if (rc == 0 && weir_json_type(record) != WEIR_JSON_OBJECT) {
        rc = weir_fail(err, WEIR_EINVAL, "it is no object, so it has no columns");
    }
    bool quoted = rc == 0 && weir_feed_quote(r->s, text, 1, &r->exact);
    if (quoted) {
        rc = weir_json_parse_lenient(r->parser, weir_buf_str(&r->exact), &record, &ignored, err);
    }
    r->s->feed->numbers_are_texts = quoted;
    rc = rc ? rc : weir_feed_record(r->s, record, err);
    return rc ? weir_error_prefix(err, rc, WEIR_STR_FMT ", row %llu", WEIR_STR_ARG(r->file->name),
                                  (unsigned long long)r->rows)
              : 0;
}

static int take_rows(struct reading *r, struct weir_result *result, struct weir_error *err)
{
    struct weir_batch batch;
    int rc = 0;
    while (rc == 0 && (rc = weir_result_next(result, &batch, err)) == 0 && batch.rows) {
        const struct weir_vector *v = &batch.columns[0];
        for (size_t i = 0; rc == 0 && i < batch.rows; i++) {
            rc = take_row(r, weir_vector_valid(v, i) ? v->strs[i] : WEIR_STR("null"), err);
        }
        if (rc == 0 && r->stop && atomic_load(r->stop)) {
            rc = weir_fail(err, WEIR_ECANCELED, "the run was stopped; nothing changed");
        }
    }
    return rc;
}

static int check_count(const struct reading *r, struct weir_session *session,
                       struct weir_error *err)
{
    struct weir_result *result = NULL;
    struct weir_batch batch = {0};
    int rc = weir_file_engine_query(session, r->file, WEIR_FILE_COUNT, &result, err);
    rc = rc ? rc : weir_result_next(result, &batch, err);
    int64_t count = rc == 0 && batch.rows ? batch.columns[0].ints[0] : -1;
    if (rc == 0 && count != (int64_t)r->rows) {
        rc = weir_fail(err, WEIR_ECORRUPT,
                       WEIR_STR_FMT ": it has %lld rows, and %llu came; nothing changed",
                       WEIR_STR_ARG(r->file->name), (long long)count, (unsigned long long)r->rows);
    }
    weir_result_free(result);
    return rc;
}

static int read_file(struct reading *r, struct weir_session *session, struct weir_error *err)
{
    struct weir_result *result = NULL;
    r->s->file = r->file->name;
    r->rows = 0;
    int rc = 0;
    if (r->file->format == WEIR_FILE_PARQUET) {
        rc = weir_file_engine_query(session, r->file, WEIR_FILE_COLUMNS, &result, err);
        rc = rc ? rc
                : declare(r, weir_result_columns(result), weir_result_column_count(result), err);
        weir_result_free(result);
        result = NULL;
    }
    rc = rc ? rc : weir_file_engine_query(session, r->file, WEIR_FILE_ROWS, &result, err);
    rc = rc ? rc : take_rows(r, result, err);
    weir_result_free(result);
    rc = rc || r->file->format != WEIR_FILE_PARQUET ? rc : check_count(r, session, err);
    return rc ? rc : weir_feed_end(r->s->feed, err); /* the next rows are of another file */
}

int weir_file_nested_plan(struct weir_file_connection *c, struct weir_file_stream *files,
                          const struct weir_source_stream *stream, struct weir_session *session,
                          struct weir_source_plan *plan, struct weir_error *err)
{
    char dir[4096];
    struct reading r = {.stop = plan->stop, .parser = weir_json_parser_new(MAX_DEPTH)};
    weir_file_nested_forget(c);
    c->feed = calloc(1, sizeof *c->feed);
    weir_buf_init(&r.line, MAX_LINE);
    weir_buf_init(&r.exact, MAX_LINE);
    snprintf(dir, sizeof dir, "%s/tmp/source", c->site->data);
    int rc = weir_dir_make(dir, 0700, err);
    uint64_t most = c->settings->max_fetch ? c->settings->max_fetch : UINT64_MAX / 2;
    if (rc == 0) {
        rc = c->feed && r.parser ? weir_feed_open(c->feed, dir, most, err)
                                 : weir_fail(err, WEIR_ENOMEM, "no memory for a plan");
    }
    if (rc == 0) {
        c->feed->guess_times = true;
        c->feed->stop = plan->stop;
    }
    rc = rc ? rc : weir_feed_stream(c->feed, weir_str_of(stream->name), &r.s, err);
    rc = rc ? rc : weir_feed_nest_open(r.s, stream, err);
    for (size_t i = 0; rc == 0 && i < files->count; i++) {
        r.file = &files->files[i];
        rc = weir_file_hold(&files->files[i], err);
        rc = rc ? rc : read_file(&r, session, err);
        weir_file_release(&files->files[i]);
    }
    rc = rc ? rc : weir_feed_plan_columns(r.s, WEIR_STR(""), plan, err);
    if (rc == 0 && r.s->nest) {
        plan->nest = r.s;
        rc = weir_feed_nest_show(r.s, plan, err);
    }
    weir_json_parser_free(r.parser);
    weir_buf_free(&r.line);
    weir_buf_free(&r.exact);
    return rc;
}

int weir_file_nested_read(struct weir_file_connection *c, const struct weir_source_plan *plan,
                          struct weir_source_sink *sink, struct weir_error *err)
{
    return weir_feed_read(c->feed->streams[0], plan, sink, err);
}
