/* A query of a report, by name: what viewers run. Its SQL is the report's, not the reader's. */
#include "serve/query_report.h"

#include "serve/shelf.h"

#define MAX_DEPTH  64
#define MAX_VALUES (32u << 20)

int weir_query_find_report(const struct weir_call *call, struct weir_arena *arena, const char *id,
                           const char *version, struct weir_report_look *out,
                           struct weir_error *err)
{
    struct weir_levels levels;
    *out = (struct weir_report_look){0};
    int rc = weir_levels_of(call, arena, &levels, err);
    return rc ? rc : weir_report_look(call, &levels, arena, id, version, out, err);
}

int weir_query_may_run(const struct weir_report_look *look, const char *query,
                       struct weir_error *err)
{
    const struct weir_data *tiles = weir_data_get(look->d->report.data, "tiles");
    if (!look->embed) {
        return WEIR_OK;
    }
    for (const struct weir_data *t = tiles ? tiles->first : NULL; t; t = t->next) {
        struct weir_str rows = weir_data_get_text(weir_data_get(t, "click"), "rows");
        if (weir_look_shows(look, t) &&
            (weir_str_is(weir_data_get_text(t, "query"), query) || weir_str_is(rows, query))) {
            return WEIR_OK;
        }
    }
    return weir_fail(err, WEIR_ENOENT, "nothing that is embedded shows a query %.60s", query);
}

static bool is_forced(const struct weir_data *forced, struct weir_str name)
{
    for (const struct weir_data *v = forced->first; v; v = v->next) {
        if (weir_str_eq_nocase(v->key, name)) { /* as parameters are found */
            return true;
        }
    }
    return false;
}

int weir_query_values(const struct weir_report_look *look, struct weir_arena *arena,
                      struct weir_str given, struct weir_str *out, struct weir_error *err)
{
    struct weir_buf text;
    struct weir_str key;
    struct weir_json root = {0}, value;
    *out = given;
    if (!look->forced) {
        return WEIR_OK;
    }
    struct weir_json_parser *parser = weir_json_parser_new(MAX_DEPTH);
    weir_buf_init(&text, MAX_VALUES);
    weir_buf_adds(&text, given);
    int rc = parser ? weir_buf_check(&text, "the values", err)
                    : weir_fail(err, WEIR_ENOMEM, "no memory for the values");
    if (rc == 0 && given.len) {
        rc = weir_json_parse(parser, weir_buf_str(&text), &root, err);
    }
    weir_buf_reset(&text);
    struct weir_jw w = weir_jw_on(&text);
    weir_jw_object(&w);
    struct weir_json_iter it = weir_json_begin(root);
    bool fixed = look->embed && !look->embed->filters;
    while (rc == 0 && weir_json_next(&it, &key, &value)) {
        if (!fixed && !is_forced(look->forced, key)) {
            weir_jw_key(&w, key);
            weir_json_print(value, &text);
            w.comma = true;
        }
    }
    for (const struct weir_data *v = look->forced->first; v; v = v->next) {
        weir_jw_key(&w, v->key);
        weir_data_print(v, &w);
    }
    weir_jw_object_end(&w);
    rc = rc ? rc : weir_buf_check(&text, "the values", err);
    *out = rc ? given : weir_arena_dup(arena, weir_buf_str(&text));
    weir_buf_free(&text);
    weir_json_parser_free(parser);
    return rc || out->ptr ? rc : weir_fail(err, WEIR_ENOMEM, "no memory for the values");
}

/* The report's parameters as a form behind the statement: places in it stay what they are. "%" is
 * escaped, so that no text in a label can end the form. */
static void add_form(struct weir_buf *out, struct weir_arena *arena,
                     const struct weir_data *parameters, const struct weir_data *fiscal)
{
    struct weir_buf json;
    weir_buf_init(&json, 1u << 20);
    struct weir_jw w = weir_jw_on(&json);
    weir_jw_object(&w);
    for (struct weir_data *p = parameters ? parameters->first : NULL; p; p = p->next) {
        struct weir_data *field = weir_data_copy(arena, p);
        if (field) {
            weir_jw_key(&w, weir_data_get_text(p, "name"));
            weir_data_unset(field, "name");
            if (fiscal && weir_str_is(weir_data_get_text(field, "type"), "daterange") &&
                !weir_data_set(arena, field, WEIR_STR("fiscal_year_start"), fiscal)) {
                weir_buf_addz(out, "{% no memory %}"); /* which does not compile */
            }
            weir_data_print(field, &w);
        }
    }
    weir_jw_object_end(&w);
    weir_buf_addz(out, "\n{% form %}\n");
    struct weir_str text = weir_buf_str(&json);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '%') {
            weir_buf_addz(out, "\\u0025");
        } else {
            weir_buf_addc(out, text.ptr[i]);
        }
    }
    weir_buf_addz(out, "\n{% endform %}\n");
    weir_buf_free(&json);
}

int weir_query_with_form(struct weir_arena *arena, const struct weir_document *d, const char *query,
                         const char **sql, struct weir_error *err)
{
    const struct weir_report_query *q = NULL;
    for (size_t i = 0; i < d->report.count && !q; i++) {
        q = strcmp(d->report.items[i].id, query) == 0 ? &d->report.items[i] : NULL;
    }
    if (!q) {
        return weir_fail(err, WEIR_ENOENT, "the report \"%s\" has no query %s", d->title, query);
    }
    const struct weir_data *parameters = weir_data_get(d->report.data, "parameters");
    struct weir_buf text;
    weir_buf_init(&text, 8u << 20);
    weir_buf_add(&text, q->sql.ptr, q->sql.len);
    if (parameters && parameters->first) {
        add_form(&text, arena, parameters, weir_data_get(d->report.data, "fiscal_year_start"));
    }
    int rc = weir_buf_check(&text, "the report's query", err);
    *sql = rc ? NULL : weir_arena_dup(arena, weir_buf_str(&text)).ptr;
    weir_buf_free(&text);
    return rc || *sql ? rc : weir_fail(err, WEIR_ENOMEM, "no memory for the report's query");
}
