#include "serve/page_body.h"

#include <string.h>

#include "base/json.h"

#define MAX_DEPTH  40
#define MAX_VALUES (1u << 20)

static int no_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "no memory to read the request");
}

static int read_text(struct weir_arena *arena, struct weir_str text, const char **out,
                     struct weir_error *err)
{
    *out = weir_arena_dup(arena, text).ptr;
    return *out ? 0 : no_memory(err);
}

static int read_values(struct weir_arena *arena, struct weir_json value, struct weir_str *out,
                       struct weir_error *err)
{
    struct weir_buf text;
    weir_buf_init(&text, MAX_VALUES);
    weir_json_print(value, &text);
    int rc = weir_buf_check(&text, "\"values\"", err);
    if (rc == 0) {
        *out = weir_arena_dup(arena, weir_buf_str(&text));
        rc = out->ptr ? 0 : no_memory(err);
    }
    weir_buf_free(&text);
    return rc;
}

static int read_queries(struct weir_page_body *out, struct weir_arena *arena, struct weir_json list,
                        struct weir_error *err)
{
    size_t count = weir_json_count(list);
    struct weir_json item;
    struct weir_str text;
    struct weir_json_iter it = weir_json_begin(list);
    if (count > WEIR_PAGE_QUERIES) {
        return weir_fail(err, WEIR_ETOOBIG, "a page has at most %d queries", WEIR_PAGE_QUERIES);
    }
    out->queries = weir_arena_calloc(arena, (count + 1) * sizeof *out->queries);
    int rc = out->queries ? 0 : no_memory(err);
    while (rc == 0 && weir_json_next(&it, NULL, &item)) {
        rc = weir_json_str(item, &text)
                 ? read_text(arena, text, &out->queries[out->query_count++], err)
                 : weir_fail(err, WEIR_EINVAL, "\"queries\" must be a list of the queries' ids");
    }
    return rc;
}

static int read_known(struct weir_page_body *out, struct weir_arena *arena, struct weir_json object,
                      struct weir_error *err)
{
    size_t count = weir_json_count(object);
    struct weir_str key, etag;
    struct weir_json value;
    struct weir_json_iter it = weir_json_begin(object);
    if (count > WEIR_PAGE_QUERIES) {
        return weir_fail(err, WEIR_ETOOBIG, "\"known\" has more than %d members",
                         WEIR_PAGE_QUERIES);
    }
    out->known = weir_arena_calloc(arena, (count + 1) * sizeof *out->known);
    int rc = out->known ? 0 : no_memory(err);
    while (rc == 0 && weir_json_next(&it, &key, &value)) {
        struct weir_page_known *known = &out->known[out->known_count++];
        if (!weir_json_str(value, &etag)) {
            return weir_fail(err, WEIR_EINVAL, "\"known\" must be an object of etags by query");
        }
        known->query = weir_arena_dup(arena, key);
        known->etag = weir_arena_dup(arena, etag);
        rc = known->query.ptr && known->etag.ptr ? 0 : no_memory(err);
    }
    return rc;
}

static int read_member(struct weir_page_body *out, struct weir_arena *arena, struct weir_str key,
                       struct weir_json value, struct weir_error *err)
{
    enum weir_json_type type = weir_json_type(value);
    struct weir_str text;
    bool is_text = weir_json_str(value, &text);
    if (weir_str_is(key, "report") && is_text) {
        return read_text(arena, text, &out->report, err);
    }
    if (weir_str_is(key, "version") && is_text) {
        return read_text(arena, text, &out->version, err);
    }
    if (weir_str_is(key, "time_zone") && is_text) {
        return read_text(arena, text, &out->time_zone, err);
    }
    if (weir_str_is(key, "values") && type == WEIR_JSON_OBJECT) {
        return read_values(arena, value, &out->values, err);
    }
    if (weir_str_is(key, "queries") && type == WEIR_JSON_ARRAY) {
        return read_queries(out, arena, value, err);
    }
    if (weir_str_is(key, "known") && type == WEIR_JSON_OBJECT) {
        return read_known(out, arena, value, err);
    }
    return weir_fail(err, WEIR_EINVAL,
                     "\"" WEIR_STR_FMT "\" is not known, or of the wrong type; there are report, "
                     "version, values, queries, known and time_zone",
                     WEIR_STR_ARG(weir_utf8_cut(key, 60)));
}

int weir_page_body_read(struct weir_page_body *out, struct weir_arena *arena, struct weir_str text,
                        struct weir_error *err)
{
    struct weir_json root, value;
    struct weir_str key;
    struct weir_json_parser *parser = weir_json_parser_new(MAX_DEPTH);
    *out = (struct weir_page_body){.values = WEIR_STR("{}")};
    int rc = parser ? weir_json_parse(parser, text, &root, err) : no_memory(err);
    if (rc == 0 && weir_json_type(root) != WEIR_JSON_OBJECT) {
        rc = weir_fail(err, WEIR_EINVAL, "the body must be a JSON object with \"report\"");
    }
    struct weir_json_iter it = rc ? (struct weir_json_iter){0} : weir_json_begin(root);
    while (rc == 0 && weir_json_next(&it, &key, &value)) {
        rc = read_member(out, arena, key, value, err);
    }
    if (rc == 0 && !out->report) {
        rc = weir_fail(err, WEIR_EINVAL, "\"report\" is missing; it is the id of the report");
    }
    weir_json_parser_free(parser);
    return rc;
}
