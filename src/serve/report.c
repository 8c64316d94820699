/* /api/documents and /api/reports */
#include <stdio.h>
#include <stdlib.h>

#include "serve/published.h"
#include "serve/shelf.h"
#include "serve/snapshot.h"
#include "serve/views.h"
#include "state/publication.h"
#include "state/report_use.h"

#define MAX_IMAGE_FILE                                                                             \
    (16u << 20) /* one that was put there by hand may be larger than the app's                     \
                 */

/* --- GET /api/documents ------------------------------------------------------------------------
 */

/* What the caller opened, in order of ids. */
struct opened {
    struct weir_report_use *items;
    size_t count;
};

static void print_opened(struct weir_jw *w, const struct opened *opened, const char *id)
{
    struct weir_str key = weir_str_of(id);
    const struct weir_report_use *use =
        opened->count
            ? bsearch(&key, opened->items, opened->count, sizeof *opened->items, weir_str_order)
            : NULL;
    weir_jw_ktime_or_null(w, "opened_at", use ? use->opened_at : 0);
}

struct listing {
    struct weir_jw *w;
    const struct weir_documents *all;
    const struct weir_levels *levels;
    const struct opened *opened;
    struct weir_publishing *publishing;
};

/* `d` is what she sees of it; `now` what it is, or NULL. */
static void list_report(const struct listing *l, const struct weir_document *d,
                        const struct weir_document *now, enum weir_level level,
                        const struct weir_published *published)
{
    struct weir_jw *w = l->w;
    weir_jw_object(w);
    weir_jw_kstrz(w, "id", d->key);
    weir_jw_kstrz(w, "slug", now ? now->slug : "");
    weir_jw_kstrz(w, "title", d->title);
    weir_jw_kstrz(w, "description", d->description);
    weir_jw_kstrz(w, "collection", d->usable ? d->report.collection : "company");
    weir_jw_kstrz(w, "level", weir_level_name(level));
    weir_jw_kbool(w, "archived", now ? now->report.archived : d->report.archived);
    weir_jw_ktime(w, "updated_at", d == now ? d->modified_at : published->at);
    weir_jw_ktime_or_null(w, "published_at", published ? published->at : 0);
    print_opened(w, l->opened, d->key);
    weir_jw_kstr_or_null(w, "error", weir_str_of(d->error));
    weir_jw_object_end(w);
}

static void list_published(const struct listing *l, const struct weir_document *now,
                           const struct weir_published *published, enum weir_level level)
{
    struct weir_document *d =
        weir_publishing_hold(l->publishing, published->report, published->version);
    if (d && !now) { /* its files have mistakes, or are on another branch */
        level = weir_level_of(l->levels, d->key, d->report.collection);
    }
    if (d && level != WEIR_LEVEL_NONE) {
        list_report(l, d, now, level, published);
    }
    weir_document_release(d);
}

static void list_reports(const struct listing *l)
{
    weir_jw_keyz(l->w, "reports");
    weir_jw_array(l->w);
    for (size_t i = 0; i < l->all->count; i++) {
        const struct weir_document *d = l->all->items[i];
        if (d->kind != WEIR_DOCUMENT_REPORT || (!d->usable && !l->levels->all)) {
            continue;
        }
        const struct weir_published *published = weir_levels_published(l->levels, d->key);
        enum weir_level level =
            weir_level_of(l->levels, d->key, d->usable ? d->report.collection : "company");
        if (published && level == WEIR_LEVEL_VIEW) {
            list_published(l, d, published, level);
        } else if (level != WEIR_LEVEL_NONE) {
            list_report(l, d, d, level, published);
        }
    }
    for (size_t i = 0; i < l->levels->published_count; i++) {
        const struct weir_published *p = &l->levels->published[i];
        if (!weir_documents_find(l->all, WEIR_DOCUMENT_REPORT, p->report)) {
            list_published(l, NULL, p, WEIR_LEVEL_NONE);
        }
    }
    weir_jw_array_end(l->w);
}

/* `views`: says of each whether it is in the warehouse; else NULL. */
static void list_kind(struct weir_jw *w, const char *key, const struct weir_documents *all,
                      enum weir_document_kind kind, bool seen, struct weir_views *views,
                      bool sees_all)
{
    weir_jw_keyz(w, key);
    weir_jw_array(w);
    for (size_t i = 0; seen && i < all->count; i++) {
        const struct weir_document *d = all->items[i];
        if (d->kind == kind) {
            weir_jw_object(w);
            weir_jw_kstrz(w, "name", d->key);
            weir_jw_kstrz(w, "description", d->description);
            weir_jw_kstrz(w, "version", d->version);
            weir_jw_ktime(w, "updated_at", d->modified_at);
            weir_jw_kstr_or_null(w, "error", weir_str_of(d->error));
            if (views) {
                weir_views_print(views, d->key, sees_all, w);
                weir_stored_print(weir_views_stored(views), d->key, d->materialized, sees_all, w);
            }
            weir_jw_object_end(w);
        }
    }
    weir_jw_array_end(w);
}

static void print_collection(struct weir_jw *w, const char *slug, const char *title,
                             const struct weir_levels *levels)
{
    enum weir_level level = weir_level_in(levels, slug);
    if (level != WEIR_LEVEL_NONE) {
        weir_jw_object(w);
        weir_jw_kstrz(w, "slug", slug);
        weir_jw_kstrz(w, "title", title);
        weir_jw_kstrz(w, "level", weir_level_name(level));
        weir_jw_object_end(w);
    }
}

/* Those that have a file, and those that a report names. */
static void list_collections(struct weir_jw *w, const struct weir_documents *all,
                             const struct weir_levels *levels)
{
    struct weir_map told;
    weir_map_init(&told);
    weir_jw_keyz(w, "collections");
    weir_jw_array(w);
    for (size_t i = 0; i <= all->count; i++) {
        const struct weir_document *d = i < all->count ? all->items[i] : NULL;
        struct weir_str slug = WEIR_STR("company");
        if (d && d->kind == WEIR_DOCUMENT_REPORT && d->usable) {
            slug = weir_str_of(d->report.collection);
        } else if (d && d->kind == WEIR_DOCUMENT_COLLECTION) {
            slug = weir_str_of(d->key);
        } else if (d) {
            continue;
        }
        const struct weir_document *file = weir_documents_find(all, WEIR_DOCUMENT_COLLECTION, slug);
        if (!weir_map_get(&told, slug) && weir_map_put(&told, slug, (void *)(uintptr_t)all) == 0) {
            print_collection(w, slug.ptr, file ? file->title : slug.ptr, levels);
        }
    }
    weir_jw_array_end(w);
    weir_map_free(&told);
}

void weir_serve_documents(const struct weir_call *call)
{
    struct weir_arena arena;
    struct weir_levels levels;
    struct weir_access *access;
    struct weir_error err;
    struct weir_buf body;
    struct opened opened;
    weir_arena_init(&arena, 16u << 20);
    int rc = weir_levels_of(call, &arena, &levels, &err);
    rc = rc ? rc
            : weir_report_use_of(call->server->state, weir_str_of(call->who.id), &arena,
                                 &opened.items, &opened.count, &err);
    rc = rc ? rc : weir_caller_access(call->server->state, &call->who, &arena, &access, &err);
    if (rc) {
        weir_serve_reply_error(call, &err);
        weir_arena_free(&arena);
        return;
    }
    struct weir_documents *all = weir_shelf_hold(call->server->shelf);
    weir_buf_init(&body, 64u << 20);
    struct weir_jw w = weir_jw_on(&body);
    weir_jw_object(&w);
    struct weir_shelf *shelf = call->server->shelf;
    struct listing l = {&w, all, &levels, &opened, weir_shelf_publishing(shelf)};
    list_reports(&l);
    list_kind(&w, "views", all, WEIR_DOCUMENT_VIEW, !levels.viewer, weir_shelf_views(shelf),
              !access || weir_access_shows_all(access));
    list_kind(&w, "snippets", all, WEIR_DOCUMENT_SNIPPET, !levels.viewer, NULL, false);
    list_kind(&w, "definitions", all, WEIR_DOCUMENT_DEFINITION, !levels.viewer, NULL, false);
    list_collections(&w, all, &levels);
    weir_jw_object_end(&w);
    weir_buf_addc(&body, '\n');
    weir_serve_reply_json(call, 200, &body);
    weir_buf_free(&body);
    weir_documents_release(all);
    weir_arena_free(&arena);
}

/* --- one report --------------------------------------------------------------------------------
 */

static int read_content(struct weir_shelf_job *job, struct weir_content *out,
                        struct weir_error *err)
{
    struct weir_data *report, *queries;
    struct weir_json texts = weir_json_get(job->body, "queries");
    if (weir_json_type(weir_json_get(job->body, "report")) != WEIR_JSON_OBJECT ||
        (weir_json_exists(texts) && weir_json_type(texts) != WEIR_JSON_OBJECT)) {
        return weir_fail(
            err, WEIR_EINVAL,
            "the body needs \"report\", an object, and \"queries\", which maps the ids "
            "of its queries to their SQL");
    }
    int rc = weir_data_from_json(&job->arena, weir_json_get(job->body, "report"), &report, err);
    if (rc == 0 && weir_json_exists(texts)) {
        rc = weir_data_from_json(&job->arena, texts, &queries, err);
    } else if (rc == 0) {
        queries = weir_data_new(&job->arena, WEIR_DATA_OBJECT);
        rc = queries ? WEIR_OK : weir_fail(err, WEIR_ENOMEM, "no memory for a report");
    }
    *out = (struct weir_content){rc ? NULL : report, rc ? NULL : queries};
    return rc;
}

int weir_report_answer_save(struct weir_shelf_job *job, const char *key,
                            struct weir_content content, const struct weir_save *how,
                            struct weir_error *err)
{
    struct weir_saved saved;
    int rc = weir_report_save(job->library, key, content, how, &saved, err);
    if (rc == 0) {
        job->status = key ? 200 : 201;
        snprintf(job->id, sizeof job->id, "%s", saved.key);
        weir_jw_object(&job->w);
        weir_shelf_print_saved(&job->w, "id", &saved);
        weir_jw_object_end(&job->w);
    } else if (saved.conflict) {
        weir_shelf_print_conflict(job, &saved, err);
    }
    weir_saved_free(&saved);
    return rc;
}

static int run_post(struct weir_shelf_job *job, struct weir_error *err)
{
    struct weir_content content;
    struct weir_save how = weir_shelf_save(job, NULL, weir_shelf_text(job, "message"));
    int rc = read_content(job, &content, err);
    rc = rc ? rc : weir_shelf_may_edit(job, weir_data_get_text(content.report, "collection"), err);
    return rc ? rc : weir_report_answer_save(job, NULL, content, &how, err);
}

static int run_put(struct weir_shelf_job *job, struct weir_error *err)
{
    struct weir_documents *all;
    const struct weir_document *d;
    struct weir_content content;
    struct weir_save how =
        weir_shelf_save(job, weir_shelf_text(job, "base"), weir_shelf_text(job, "message"));
    int rc = weir_shelf_find(job, WEIR_LEVEL_EDIT, &all, &d, err);
    rc = rc ? rc : read_content(job, &content, err);
    rc = rc ? rc : weir_shelf_may_edit(job, weir_data_get_text(content.report, "collection"), err);
    rc = rc ? rc : weir_report_answer_save(job, job->id, content, &how, err);
    weir_documents_release(all);
    return rc;
}

static int remove_images(struct weir_shelf_job *job, const struct weir_document *d,
                         struct weir_error *err)
{
    const struct weir_data *tiles = weir_data_get(d->report.data, "tiles");
    struct weir_save how = weir_shelf_save(job, NULL, "Remove an image of a report");
    int rc = WEIR_OK;
    for (const struct weir_data *t = tiles ? tiles->first : NULL; rc == 0 && t; t = t->next) {
        struct weir_str name = weir_data_get_text(t, "image");
        if (name.ptr) {
            rc = weir_report_image_put(job->library, d->key, name.ptr, (struct weir_str){0}, &how,
                                       err);
        }
    }
    return rc;
}

static int run_delete(struct weir_shelf_job *job, struct weir_error *err)
{
    struct weir_documents *all;
    const struct weir_document *d;
    struct weir_save how = weir_shelf_save(job, NULL, NULL);
    int rc = weir_shelf_find(job, WEIR_LEVEL_EDIT, &all, &d, err);
    rc = rc ? rc : remove_images(job, d, err);
    rc = rc ? rc : weir_document_delete(job->library, WEIR_DOCUMENT_REPORT, job->id, &how, err);
    if (rc == 0) {
        rc = weir_report_use_forget(job->call.server->state, weir_str_of(job->id), err);
        rc = rc ? rc : weir_snapshots_remove_of(job->call.server->snapshots, job->id, err);
        weir_publishing_sync(weir_shelf_publishing(job->call.server->shelf));
    }
    job->status = 204;
    weir_documents_release(all);
    return rc;
}

/* --- changed as a whole ------------------------------------------------------------------------
 */

/* The report with one key of report.yml set, or dropped (`value` NULL). */
static int save_with(struct weir_shelf_job *job, const struct weir_document *d, const char *key,
                     const struct weir_data *value, const char *message, struct weir_error *err)
{
    struct weir_data *report = weir_data_copy(&job->arena, d->report.data);
    struct weir_content content = {report, d->report.queries};
    struct weir_save how = weir_shelf_save(job, d->version, message);
    if (report && !value) {
        weir_data_unset(report, key);
    }
    if (!report || (value && !weir_data_set(&job->arena, report, weir_str_of(key), value))) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a report");
    }
    return weir_report_answer_save(job, job->id, content, &how, err);
}

static int run_move(struct weir_shelf_job *job, struct weir_error *err)
{
    struct weir_documents *all;
    const struct weir_document *d;
    struct weir_str to = weir_json_get_str(job->body, "collection");
    struct weir_data *value = to.ptr ? weir_data_text(&job->arena, to) : NULL;
    char message[300];
    int rc = weir_shelf_find(job, WEIR_LEVEL_EDIT, &all, &d, err);
    if (rc == 0 && !value) {
        rc = weir_fail(err, WEIR_EINVAL, "\"collection\" must be there, as text");
    }
    rc = rc ? rc : weir_shelf_may_edit(job, value->text, err);
    if (rc == 0) {
        snprintf(message, sizeof message, "Move %.120s to %.120s", d->title, value->text.ptr);
        rc = save_with(job, d, "collection", value, message, err);
    }
    weir_documents_release(all);
    return rc;
}

static int run_archive(struct weir_shelf_job *job, struct weir_error *err)
{
    struct weir_documents *all;
    const struct weir_document *d;
    bool archived = false;
    char message[300];
    struct weir_data *value = weir_data_new(&job->arena, WEIR_DATA_BOOL);
    int rc = weir_shelf_find(job, WEIR_LEVEL_EDIT, &all, &d, err);
    if (rc == 0 && (!value || !weir_json_bool(weir_json_get(job->body, "archived"), &archived))) {
        rc = weir_fail(err, WEIR_EINVAL, "\"archived\" must be true or false");
    }
    if (rc == 0) {
        value->truth = true;
        snprintf(message, sizeof message, "%s %.200s", archived ? "Archive" : "Bring back",
                 d->title);
        rc = save_with(job, d, "archived", archived ? value : NULL, message, err);
    }
    weir_documents_release(all);
    return rc;
}

/* To the report that was just saved. One that is not there is missing in both. */
static int copy_images(struct weir_shelf_job *job, const struct weir_document *from,
                       struct weir_error *err)
{
    const struct weir_data *tiles = weir_data_get(from->report.data, "tiles");
    struct weir_save how = weir_shelf_save(job, NULL, "Copy an image of a report");
    struct weir_buf bytes;
    int rc = WEIR_OK;
    weir_buf_init(&bytes, MAX_IMAGE_FILE);
    for (const struct weir_data *t = tiles ? tiles->first : NULL; rc == 0 && t; t = t->next) {
        struct weir_str name = weir_data_get_text(t, "image");
        if (!name.ptr) {
            continue;
        }
        weir_buf_reset(&bytes);
        rc = weir_report_image_read(job->library, from->key, name.ptr, &bytes, err);
        rc = rc == WEIR_ENOENT ? WEIR_OK
                               : (rc ? rc
                                     : weir_report_image_put(job->library, job->id, name.ptr,
                                                             weir_buf_str(&bytes), &how, err));
    }
    weir_buf_free(&bytes);
    return rc;
}

static int run_clone(struct weir_shelf_job *job, struct weir_error *err)
{
    struct weir_documents *all;
    const struct weir_document *d;
    struct weir_save how = weir_shelf_save(job, NULL, NULL);
    struct weir_str to = weir_json_get_str(job->body, "collection");
    int rc = weir_shelf_find(job, WEIR_LEVEL_VIEW, &all, &d, err);
    rc = rc ? rc : weir_shelf_may_edit(job, to.ptr ? to : weir_str_of(d->report.collection), err);
    if (rc == 0) {
        const char *title = weir_shelf_text(job, "title");
        title = title ? title : weir_arena_printf(&job->arena, "%.280s (copy)", d->title);
        struct weir_data *report = weir_data_copy(&job->arena, d->report.data);
        struct weir_data *text = title ? weir_data_text(&job->arena, weir_str_of(title)) : NULL;
        struct weir_data *place = to.ptr ? weir_data_text(&job->arena, to) : NULL;
        if (report && text && weir_data_set(&job->arena, report, WEIR_STR("title"), text) &&
            (!to.ptr ||
             (place && weir_data_set(&job->arena, report, WEIR_STR("collection"), place)))) {
            weir_data_unset(report, "id");
            weir_data_unset(report, "archived");
            rc = weir_report_answer_save(
                job, NULL, (struct weir_content){report, d->report.queries}, &how, err);
            rc = rc ? rc : copy_images(job, d, err);
        } else {
            rc = weir_fail(err, WEIR_ENOMEM, "no memory for a report");
        }
    }
    weir_documents_release(all);
    return rc;
}

/* --- the handlers ------------------------------------------------------------------------------
 */

void weir_serve_report_add(const struct weir_call *call)
{
    weir_shelf_start(call, run_post);
}

void weir_serve_report_put(const struct weir_call *call)
{
    weir_shelf_start(call, run_put);
}

void weir_serve_report_remove(const struct weir_call *call)
{
    weir_shelf_start(call, run_delete);
}

void weir_serve_report_move(const struct weir_call *call)
{
    weir_shelf_start(call, run_move);
}

void weir_serve_report_archive(const struct weir_call *call)
{
    weir_shelf_start(call, run_archive);
}

void weir_serve_report_clone(const struct weir_call *call)
{
    weir_shelf_start(call, run_clone);
}
