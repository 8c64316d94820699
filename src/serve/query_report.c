/* A query of a report, by name: what viewers run. Its SQL is the report's, not the reader's. */
#include "serve/query_report.h"

#include "serve/shelf.h"

int weir_query_find_report(const struct weir_call *call, struct weir_arena *arena,
                           const struct weir_documents *all, const char *id,
                           const struct weir_document **out, struct weir_error *err)
{
    struct weir_levels levels;
    int rc = weir_levels_of(call, arena, &levels, err);
    *out = rc ? NULL : weir_documents_find(all, WEIR_DOCUMENT_REPORT, weir_str_of(id));
    const struct weir_document *d = *out;
    if (rc == 0 &&
        (!d || !d->usable || weir_level_of(&levels, id, d->report.collection) == WEIR_LEVEL_NONE)) {
        /* The same words for both: who may not see it learns nothing. */
        rc = weir_fail(err, WEIR_ENOENT, "there is no report %s, or you may not see it", id);
    }
    return rc;
}

int weir_query_find_version(const struct weir_call *call, struct weir_arena *arena,
                            const struct weir_documents *all, const char *id, const char *version,
                            const struct weir_document **out, struct weir_error *err)
{
    int rc = weir_query_find_report(call, arena, all, id, out, err);
    bool newest = rc || !version || strcmp(version, "draft") == 0 ||
                  strcmp(version, "published") == 0 || strcmp(version, (*out)->version) == 0;
    return newest ? rc
                  : weir_fail(err, WEIR_ENOENT, "the report \"%s\" has no version %s that runs",
                              (*out)->title, version);
}

int weir_query_values(const struct weir_call *call, struct weir_arena *arena,
                      const struct weir_document *d, struct weir_str given, struct weir_str *out,
                      struct weir_error *err)
{
    (void)call;
    (void)arena;
    (void)d;
    (void)err;
    *out = given;
    return 0;
}

/* The report's parameters as a form behind the statement: places in it stay what they are. "%" is
 * escaped, so that no text in a label can end the form. */
static void add_form(struct weir_buf *out, struct weir_arena *arena,
                     const struct weir_data *parameters)
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
        add_form(&text, arena, parameters);
    }
    int rc = weir_buf_check(&text, "the report's query", err);
    *sql = rc ? NULL : weir_arena_dup(arena, weir_buf_str(&text)).ptr;
    weir_buf_free(&text);
    return rc || *sql ? rc : weir_fail(err, WEIR_ENOMEM, "no memory for the report's query");
}

int weir_query_of_report(const struct weir_call *call, struct weir_arena *arena, const char *report,
                         const char *query, const char **sql, struct weir_error *err)
{
    struct weir_documents *all = weir_shelf_hold(call->server->shelf);
    const struct weir_document *d;
    int rc = weir_query_find_report(call, arena, all, report, &d, err);
    rc = rc ? rc : weir_query_with_form(arena, d, query, sql, err);
    weir_documents_release(all);
    return rc;
}
