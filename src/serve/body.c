#include "serve/body.h"

#include <math.h>

static const struct {
    const char *name;
    enum weir_type type;
} type_names[] = {{"bool", WEIR_TYPE_BOOL},
                  {"int", WEIR_TYPE_INT},
                  {"double", WEIR_TYPE_DOUBLE},
                  {"text", WEIR_TYPE_TEXT},
                  {"timestamp", WEIR_TYPE_TIMESTAMP},
                  {"date", WEIR_TYPE_DATE},
                  {"json", WEIR_TYPE_JSON}};

static int wrong(struct weir_error *err, const char *what)
{
    return weir_fail(err, WEIR_EINVAL, "%s", what);
}

/* --- parameters ----------------------------------------------------------------------------- */

static int typed_text(struct weir_str name, enum weir_type type, struct weir_str text,
                      struct weir_param *p, struct weir_error *err)
{
    weir_time at;
    p->type = type;
    if (type == WEIR_TYPE_TEXT || type == WEIR_TYPE_JSON) {
        p->s = text;
        return 0;
    }
    if (type == WEIR_TYPE_TIMESTAMP || type == WEIR_TYPE_DATE) {
        if (!weir_time_parse_lenient(text, &at)) {
            return weir_fail(err, WEIR_EINVAL,
                             "parameter \"" WEIR_STR_FMT "\" is no %s; write 2026-01-31T12:00:00Z",
                             WEIR_STR_ARG(name), weir_type_name(type));
        }
        p->i =
            type == WEIR_TYPE_DATE ? (at - (at % WEIR_DAY + WEIR_DAY) % WEIR_DAY) / WEIR_DAY : at;
        return 0;
    }
    if (type == WEIR_TYPE_INT && weir_str_to_i64(text, &p->i)) {
        return 0; /* integers beyond 2^53 come as text */
    }
    return weir_fail(err, WEIR_EINVAL, "parameter \"" WEIR_STR_FMT "\" is no %s",
                     WEIR_STR_ARG(name), weir_type_name(type));
}

static int plain(struct weir_str name, struct weir_json value, struct weir_param *p,
                 struct weir_error *err)
{
    uint64_t big;
    switch (weir_json_type(value)) {
    case WEIR_JSON_NULL:
        p->type = WEIR_TYPE_TEXT;
        p->null = true;
        return 0;
    case WEIR_JSON_BOOL:
        p->type = WEIR_TYPE_BOOL;
        return weir_json_bool(value, &p->b) ? 0 : WEIR_EINVAL;
    case WEIR_JSON_INT:
        p->type = WEIR_TYPE_INT;
        return weir_json_i64(value, &p->i) ? 0 : WEIR_EINVAL;
    case WEIR_JSON_UINT:
        p->type = WEIR_TYPE_DOUBLE;
        p->d = weir_json_u64(value, &big) ? (double)big : 0;
        return 0;
    case WEIR_JSON_DOUBLE:
        p->type = WEIR_TYPE_DOUBLE;
        return weir_json_double(value, &p->d) ? 0 : WEIR_EINVAL;
    case WEIR_JSON_STRING:
        p->type = WEIR_TYPE_TEXT;
        return weir_json_str(value, &p->s) ? 0 : WEIR_EINVAL;
    default:
        return weir_fail(err, WEIR_EINVAL,
                         "parameter \"" WEIR_STR_FMT
                         "\" must be a number, text, true, false, null or {\"type\", \"value\"}",
                         WEIR_STR_ARG(name));
    }
}

static int typed(struct weir_str name, struct weir_json object, struct weir_param *p,
                 struct weir_error *err)
{
    struct weir_str type = weir_json_get_str(object, "type");
    struct weir_json value = weir_json_get(object, "value");
    struct weir_str text;
    for (size_t i = 0; i < sizeof type_names / sizeof type_names[0]; i++) {
        if (!type.ptr || !weir_str_is(type, type_names[i].name)) {
            continue;
        }
        if (weir_json_str(value, &text)) {
            return typed_text(name, type_names[i].type, text, p, err);
        }
        int rc = weir_json_exists(value) ? plain(name, value, p, err)
                                         : wrong(err, "a typed parameter needs \"value\"");
        if (rc == 0 && type_names[i].type == WEIR_TYPE_DOUBLE && p->type == WEIR_TYPE_INT) {
            p->type = WEIR_TYPE_DOUBLE;
            p->d = (double)p->i;
        }
        if (rc == 0 && p->null) {
            p->type = type_names[i].type;
        }
        if (rc == 0 && p->type != type_names[i].type) {
            return weir_fail(err, WEIR_EINVAL, "parameter \"" WEIR_STR_FMT "\" is no %s",
                             WEIR_STR_ARG(name), type_names[i].name);
        }
        return rc;
    }
    return weir_fail(err, WEIR_EINVAL,
                     "parameter \"" WEIR_STR_FMT
                     "\" has an unknown type; use bool, int, double, text, timestamp, date or json",
                     WEIR_STR_ARG(name));
}

static int read_params(struct weir_json list, struct weir_query_body *out, struct weir_error *err)
{
    bool named = weir_json_type(list) == WEIR_JSON_OBJECT;
    if (!named && weir_json_type(list) != WEIR_JSON_ARRAY) {
        return wrong(err, "\"params\" must be an object (by name) or an array (by position)");
    }
    size_t count = weir_json_count(list);
    if (count > WEIR_MAX_PARAMS) {
        return weir_fail(err, WEIR_ETOOBIG, "more than %d parameters", WEIR_MAX_PARAMS);
    }
    struct weir_param *params = weir_arena_calloc(&out->arena, (count + 1) * sizeof *params);
    if (!params) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the parameters");
    }
    struct weir_str key;
    struct weir_json value;
    int rc = 0;
    struct weir_json_iter it = weir_json_begin(list);
    for (size_t i = 0; rc == 0 && weir_json_next(&it, &key, &value); i++) {
        params[i].name = named ? key : (struct weir_str){"", 0};
        rc = weir_json_type(value) == WEIR_JSON_OBJECT ? typed(key, value, &params[i], err)
                                                       : plain(key, value, &params[i], err);
        out->request.param_count++;
    }
    out->request.params = params;
    return rc;
}

/* --- limits --------------------------------------------------------------------------------- */

static int read_limits(struct weir_json limits, struct weir_query_limits *out,
                       struct weir_error *err)
{
    if (weir_json_type(limits) != WEIR_JSON_OBJECT) {
        return wrong(err, "\"limits\" must be an object of rows, bytes and timeout");
    }
    struct weir_str key;
    struct weir_json value;
    struct weir_json_iter it = weir_json_begin(limits);
    while (weir_json_next(&it, &key, &value)) {
        double seconds;
        if (weir_str_is(key, "rows") && weir_json_u64(value, &out->rows)) {
            continue;
        }
        if (weir_str_is(key, "bytes") && weir_json_u64(value, &out->bytes)) {
            continue;
        }
        if (weir_str_is(key, "timeout") && weir_json_double(value, &seconds) && seconds >= 0 &&
            seconds <= 1e9) {
            out->timeout = (weir_time)ceil(seconds * WEIR_SECOND);
            continue;
        }
        return weir_fail(err, WEIR_EINVAL,
                         "\"limits." WEIR_STR_FMT
                         "\" is not known, or no number from 0; there are rows, bytes and timeout "
                         "(seconds)",
                         WEIR_STR_ARG(key));
    }
    return 0;
}

/* --- the whole ------------------------------------------------------------------------------ */

static int read_member(struct weir_str key, struct weir_json value, struct weir_query_body *out,
                       struct weir_error *err)
{
    struct weir_str text;
    uint64_t width;
    bool noted;
    if (weir_str_is(key, "sql")) {
        if (!weir_json_str(value, &text) || memchr(text.ptr, 0, text.len)) {
            return wrong(err, "\"sql\" must be text without NUL characters");
        }
        out->request.sql = weir_arena_dup(&out->arena, text).ptr;
        return out->request.sql ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for the statement");
    }
    const char **kept = weir_str_is(key, "as")        ? &out->as
                        : weir_str_is(key, "report")  ? &out->report
                        : weir_str_is(key, "query")   ? &out->query
                        : weir_str_is(key, "version") ? &out->version
                        : weir_str_is(key, "known")   ? &out->known
                                                      : NULL;
    if (kept && weir_json_str(value, &text)) {
        *kept = weir_arena_dup(&out->arena, text).ptr;
        return *kept ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory to read the request");
    }
    if (weir_str_is(key, "params")) {
        return read_params(value, out, err);
    }
    if (weir_str_is(key, "values")) {
        out->values = value;
        return weir_json_type(value) == WEIR_JSON_OBJECT
                   ? 0
                   : wrong(err, "\"values\" must be an object: a value for each parameter's name");
    }
    if (weir_str_is(key, "limits")) {
        return read_limits(value, &out->request.limits, err);
    }
    if (weir_str_is(key, "format")) {
        const char *name = weir_json_str(value, &text) ? weir_arena_dup(&out->arena, text).ptr : "";
        return name && weir_format_parse(name, &out->request.format)
                   ? 0
                   : wrong(err, "\"format\" must be json, ndjson, csv, columns, table, parquet "
                                "or xlsx");
    }
    if (weir_str_is(key, "width") && weir_json_u64(value, &width) && width <= 10000) {
        out->request.width = (unsigned)width;
        return 0;
    }
    if (weir_str_is(key, "guard") && weir_json_bool(value, &out->request.guard)) {
        return 0;
    }
    if (weir_str_is(key, "plain") && weir_json_bool(value, &out->request.plain)) {
        return 0;
    }
    if (weir_str_is(key, "fresh") && weir_json_bool(value, &out->fresh)) {
        return 0;
    }
    if (weir_str_is(key, "history") && weir_json_bool(value, &noted)) {
        out->unnoted = !noted;
        return 0;
    }
    return weir_fail(
        err, WEIR_EINVAL,
        "\"" WEIR_STR_FMT "\" is not known, or of the wrong type; there are sql, report, query, "
        "version, params, values, format, guard, limits, width, plain, history, fresh, known "
        "and as",
        WEIR_STR_ARG(key));
}

int weir_query_body_read(struct weir_query_body *out, struct weir_str text, struct weir_error *err)
{
    struct weir_json root;
    struct weir_str key;
    struct weir_json value;
    memset(out, 0, sizeof *out);
    weir_arena_init(&out->arena, 64u << 20);
    out->request.format = WEIR_FORMAT_JSON;
    out->parser = weir_json_parser_new(64);
    if (!out->parser) {
        return weir_fail(err, WEIR_ENOMEM, "no memory to read the request");
    }
    int rc = weir_json_parse(out->parser, text, &root, err);
    if (rc) {
        return weir_error_prefix(err, rc, "the body is no JSON");
    }
    if (weir_json_type(root) != WEIR_JSON_OBJECT) {
        return wrong(err, "the body must be a JSON object with \"sql\"");
    }
    struct weir_json_iter it = weir_json_begin(root);
    while (rc == 0 && weir_json_next(&it, &key, &value)) {
        rc = read_member(key, value, out, err);
    }
    bool named = out->report || out->query;
    if (rc == 0 && named && (out->request.sql || !out->report || !out->query)) {
        rc = wrong(err, "\"report\" and \"query\" go together, and in place of \"sql\"");
    }
    if (rc == 0 && out->version && !out->report) {
        rc = wrong(err, "\"version\" goes with \"report\"");
    }
    if (rc == 0 && !named && !out->request.sql) {
        rc = wrong(err, "\"sql\" is missing; it is the statement to run");
    }
    return rc;
}

void weir_query_body_free(struct weir_query_body *body)
{
    weir_json_parser_free(body->parser);
    weir_json_parser_free(body->merged);
    weir_arena_free(&body->arena);
    memset(body, 0, sizeof *body);
}
