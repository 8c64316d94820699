/* With whom a report is shared: PUT /api/reports/{id}/share, and what GET of the report says of it.
 * Sharing lets people see the report. Its queries run with their own rules, so that it never shows
 * anybody more data than she may see. */
#include "state/share.h"

#include "serve/changes.h"
#include "serve/shelf.h"

static void print_ids(struct weir_jw *w, const char *key, const struct weir_str *ids, size_t count)
{
    weir_jw_keyz(w, key);
    weir_jw_array(w);
    for (size_t i = 0; i < count; i++) {
        weir_jw_str(w, ids[i]);
    }
    weir_jw_array_end(w);
}

static void print_share(struct weir_jw *w, const struct weir_share *share)
{
    weir_jw_object(w);
    print_ids(w, "people", share->people, share->person_count);
    print_ids(w, "groups", share->groups, share->group_count);
    weir_jw_kbool(w, "company", share->company);
    weir_jw_object_end(w);
}

int weir_share_print(struct weir_shelf_job *job, const char *report, struct weir_error *err)
{
    struct weir_share share;
    int rc = weir_share_get(job->call.server->state, weir_str_of(report), &job->arena, &share, err);
    if (rc == 0) {
        print_share(&job->w, &share);
    }
    return rc;
}

/* --- changing ------------------------------------------------------------------------------- */

static int read_ids(struct weir_shelf_job *job, struct weir_json list, const char *key,
                    struct weir_str **out, size_t *count, struct weir_error *err)
{
    struct weir_json item;
    if (weir_json_type(list) != WEIR_JSON_ARRAY) {
        return weir_fail(err, WEIR_EINVAL, "\"%s\" must be a list of ids", key);
    }
    *out = weir_arena_calloc(&job->arena, (weir_json_count(list) + 1) * sizeof **out);
    if (!*out) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for \"%s\"", key);
    }
    struct weir_json_iter it = weir_json_begin(list);
    while (weir_json_next(&it, NULL, &item)) {
        if (!weir_json_str(item, &(*out)[(*count)++])) {
            return weir_fail(err, WEIR_EINVAL, "\"%s\" must be a list of ids", key);
        }
    }
    return WEIR_OK;
}

static int read_share(struct weir_shelf_job *job, struct weir_share *out, struct weir_error *err)
{
    struct weir_str key;
    struct weir_json value;
    int rc = WEIR_OK;
    *out = (struct weir_share){0};
    struct weir_json_iter it = weir_json_begin(job->body);
    while (rc == 0 && weir_json_next(&it, &key, &value)) {
        if (weir_str_is(key, "people") && !out->people) {
            rc = read_ids(job, value, "people", &out->people, &out->person_count, err);
        } else if (weir_str_is(key, "groups") && !out->groups) {
            rc = read_ids(job, value, "groups", &out->groups, &out->group_count, err);
        } else if (!weir_str_is(key, "company") || !weir_json_bool(value, &out->company)) {
            rc = weir_fail(err, WEIR_EINVAL,
                           "\"" WEIR_STR_FMT "\" is not known, twice, or of the wrong type; there "
                           "are people and groups (ids) and company (true or false)",
                           WEIR_STR_ARG(weir_utf8_cut(key, 60)));
        }
    }
    return rc;
}

static int note(struct weir_shelf_job *job, const struct weir_document *d,
                const struct weir_share *share, struct weir_error *err)
{
    struct weir_buf detail;
    weir_buf_init(&detail, 1u << 20);
    struct weir_jw w = weir_jw_on(&detail);
    weir_jw_object(&w);
    weir_jw_kstrz(&w, "title", d->title);
    weir_jw_keyz(&w, "share");
    print_share(&w, share);
    weir_jw_object_end(&w);
    int rc = weir_buf_check(&detail, "the audit log's entry", err);
    rc = rc ? rc
            : weir_caller_note(job->call.server->state, &job->call.who, "report.share",
                               weir_str_of(d->key), weir_buf_str(&detail), err);
    weir_buf_free(&detail);
    return rc;
}

/* All or nothing: what was shared, and that it was. */
static int put(struct weir_shelf_job *job, const struct weir_document *d, struct weir_share *share,
               struct weir_error *err)
{
    struct weir_state *state = job->call.server->state;
    int rc = weir_state_begin(state, err);
    if (rc) {
        return rc;
    }
    rc = weir_share_put(state, weir_str_of(d->key), share, err);
    rc = rc ? rc : weir_share_get(state, weir_str_of(d->key), &job->arena, share, err);
    rc = rc ? rc : note(job, d, share, err);
    return weir_state_end(state, rc, err);
}

static int run_share(struct weir_shelf_job *job, struct weir_error *err)
{
    struct weir_documents *all;
    const struct weir_document *d;
    struct weir_share share;
    int rc = weir_shelf_find(job, WEIR_LEVEL_EDIT, &all, &d, err);
    if (rc == 0 && !weir_json_exists(job->body)) {
        rc = weir_fail(err, WEIR_EINVAL, "the body says with whom: people, groups, company");
    }
    rc = rc ? rc : read_share(job, &share, err);
    rc = rc ? rc : put(job, d, &share, err);
    if (rc == 0) {
        print_share(&job->w, &share);
        weir_changes_rights(weir_shelf_changes(job->call.server->shelf));
    }
    weir_documents_release(all);
    return rc;
}

void weir_serve_report_share(const struct weir_call *call)
{
    weir_shelf_answer(call, run_share);
}
