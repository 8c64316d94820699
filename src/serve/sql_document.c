/* /api/views, /api/snippets, /api/definitions: one file each. */
#include "serve/shelf.h"
#include "serve/views.h"

static enum weir_document_kind kind_of(const struct weir_shelf_job *job)
{
    struct weir_str path = weir_http_path(job->call.req);
    (void)weir_str_cut(&path, '/');
    (void)weir_str_cut(&path, '/');
    struct weir_str folder = weir_str_cut(&path, '/');
    return weir_str_is(folder, "views")      ? WEIR_DOCUMENT_VIEW
           : weir_str_is(folder, "snippets") ? WEIR_DOCUMENT_SNIPPET
                                             : WEIR_DOCUMENT_DEFINITION;
}

/* Of a view: is it in the warehouse, or why not? What the engine says of tables is for those who
 * see them all. */
static int print_state(struct weir_shelf_job *job, const char *name, bool materialized,
                       struct weir_error *err)
{
    struct weir_access *access;
    if (kind_of(job) != WEIR_DOCUMENT_VIEW) {
        return 0;
    }
    int rc = weir_caller_access(job->call.server->state, &job->call.who, &job->arena, &access, err);
    if (rc == 0) {
        bool sees_all = !access || weir_access_shows_all(access);
        struct weir_views *views = weir_shelf_views(job->call.server->shelf);
        weir_views_print(views, name, sees_all, &job->w);
        weir_stored_print(weir_views_stored(views), name, materialized, sees_all, &job->w);
    }
    return rc;
}

static int run_get(struct weir_shelf_job *job, struct weir_error *err)
{
    struct weir_documents *all = weir_shelf_hold(job->call.server->shelf);
    enum weir_document_kind kind = kind_of(job);
    const struct weir_document *d = weir_documents_find(all, kind, weir_str_of(job->id));
    struct weir_jw *w = &job->w;
    int rc = d ? WEIR_OK
               : weir_fail(err, WEIR_ENOENT, "there is no %s \"%.80s\"",
                           weir_document_kind_name(kind), job->id);
    if (rc == 0) {
        weir_jw_object(w);
        weir_jw_kstrz(w, "name", d->key);
        weir_jw_kstr(w, "sql", d->sql.ptr ? d->sql : WEIR_STR(""));
        weir_jw_kstrz(w, "description", d->description);
        weir_jw_kstrz(w, "version", d->good ? d->good->version : d->version);
        weir_jw_kstr_or_null(w, "error", weir_str_of(d->error));
        rc = print_state(job, d->key, d->materialized, err);
        weir_jw_object_end(w);
    }
    weir_documents_release(all);
    return rc;
}

/* What the body says; without it, what the document says. */
static bool wants_materialized(struct weir_shelf_job *job)
{
    bool yes = false;
    if (!weir_json_bool(weir_json_get(job->body, "materialized"), &yes)) {
        struct weir_documents *all = weir_shelf_hold(job->call.server->shelf);
        const struct weir_document *d =
            weir_documents_find(all, kind_of(job), weir_str_of(job->id));
        yes = d && d->materialized;
        weir_documents_release(all);
    }
    return yes && kind_of(job) == WEIR_DOCUMENT_VIEW;
}

static int run_put(struct weir_shelf_job *job, struct weir_error *err)
{
    struct weir_saved saved = {0};
    struct weir_save how =
        weir_shelf_save(job, weir_shelf_text(job, "base"), weir_shelf_text(job, "message"));
    struct weir_str sql = weir_json_get_str(job->body, "sql");
    struct weir_str description = weir_json_get_str(job->body, "description");
    if (!sql.ptr) {
        return weir_fail(err, WEIR_EINVAL, "\"sql\" must be there, as text");
    }
    bool materialized = wants_materialized(job);
    int rc = weir_sql_save(job->library, kind_of(job), job->id, sql,
                           description.ptr ? description : WEIR_STR(""), materialized, &how, &saved,
                           err);
    if (rc == 0) {
        weir_shelf_sync_views(job->call.server->shelf);
        job->status = how.base ? 200 : 201;
        weir_jw_object(&job->w);
        weir_shelf_print_saved(&job->w, "name", &saved);
        rc = print_state(job, saved.key, materialized, err);
        weir_jw_object_end(&job->w);
    } else if (saved.conflict) {
        weir_shelf_print_conflict(job, &saved, err);
    }
    weir_saved_free(&saved);
    return rc;
}

static int run_delete(struct weir_shelf_job *job, struct weir_error *err)
{
    struct weir_save how = weir_shelf_save(job, NULL, NULL);
    job->status = 204;
    int rc = weir_document_delete(job->library, kind_of(job), job->id, &how, err);
    weir_shelf_sync_views(job->call.server->shelf);
    return rc;
}

static int run_refresh(struct weir_shelf_job *job, struct weir_error *err)
{
    struct weir_views *views = weir_shelf_views(job->call.server->shelf);
    if (!weir_stored_refresh(weir_views_stored(views), job->id)) {
        return weir_fail(err, WEIR_ENOENT, "there is no materialized view \"%.80s\"", job->id);
    }
    job->status = 202;
    weir_jw_object(&job->w);
    weir_jw_kstrz(&job->w, "name", job->id);
    int rc = print_state(job, job->id, true, err);
    weir_jw_object_end(&job->w);
    return rc;
}

void weir_serve_view_refresh(const struct weir_call *call)
{
    weir_shelf_answer(call, run_refresh);
}

void weir_serve_sql_get(const struct weir_call *call)
{
    weir_shelf_answer(call, run_get);
}

void weir_serve_sql_put(const struct weir_call *call)
{
    weir_shelf_start(call, run_put);
}

void weir_serve_sql_remove(const struct weir_call *call)
{
    weir_shelf_start(call, run_delete);
}
