#include "serve/shelf.h"

#include <stdio.h>
#include <stdlib.h>

#include "serve/archive.h"
#include "serve/changes.h"
#include "serve/listeners.h"
#include "serve/published.h"
#include "serve/views.h"
#include "state/group.h"
#include "state/publication.h"
#include "state/share.h"

#define LOOK_EVERY  WEIR_SECOND
#define SWEEP_EVERY (60 * 60 * WEIR_SECOND)
#define QUEUE       256
#define MAX_ANSWER  (64u << 20)
#define MAX_DEPTH   40

struct weir_shelf {
    struct weir_server *server;
    struct weir_library *library;
    struct weir_work *documents; /* one thread, which owns the library */
    struct weir_work *wire;      /* one thread, for the remote */
    struct weir_timer *look;
    struct weir_changes *changes;
    struct weir_publishing *publishing;
    weir_time archive_after;
    struct weir_views *views; /* the documents' thread's, as the two below */
    weir_time sweep_at;
    char by[256];         /* who is saving */
    atomic_bool looking;  /* a look is queued */
    pthread_mutex_t lock; /* guards the rest */
    char git_error[512];
};

/* --- changes ---------------------------------------------------------------------------------- */

struct news {
    struct weir_shelf *shelf;
    struct weir_change change;
};

static void tell(void *arg)
{
    struct news *n = arg;
    weir_changes_tell(n->shelf->changes, &n->change);
    free(n);
}

static void on_change(enum weir_document_kind kind, const char *key, const struct weir_document *d,
                      void *arg)
{
    struct weir_shelf *shelf = arg;
    if (kind == WEIR_DOCUMENT_VIEW || kind == WEIR_DOCUMENT_SNIPPET ||
        kind == WEIR_DOCUMENT_DEFINITION) {
        weir_views_changed(shelf->views);
    }
    struct news *n = calloc(1, sizeof *n);
    if (!n) {
        return; /* a page reads again when it is opened */
    }
    n->shelf = shelf;
    snprintf(n->change.kind, sizeof n->change.kind, "%s", weir_document_kind_name(kind));
    snprintf(n->change.id, sizeof n->change.id, "%.100s", key);
    snprintf(n->change.version, sizeof n->change.version, "%s", d ? d->version : "");
    snprintf(n->change.by, sizeof n->change.by, "%s", shelf->by);
    n->change.draft = kind == WEIR_DOCUMENT_REPORT;
    if (kind == WEIR_DOCUMENT_REPORT && d && d->usable) {
        snprintf(n->change.collection, sizeof n->change.collection, "%s", d->report.collection);
    } else if (kind == WEIR_DOCUMENT_REPORT) { /* who may know of it cannot be told any more */
        n->change.by[0] = '\0';
    }
    if (weir_loop_post(shelf->server->loop, tell, n)) {
        free(n);
    }
}

static void tell_rights(void *arg)
{
    struct news *n = arg;
    weir_changes_rights(n->shelf->changes);
    tell(n);
}

static void tell_of_report(struct weir_shelf *shelf, const char *event, const char *report,
                           const char *version, const char *by)
{
    struct news *n = calloc(1, sizeof *n);
    if (!n) {
        return;
    }
    struct weir_documents *all = weir_shelf_hold(shelf);
    const struct weir_document *d =
        weir_documents_find(all, WEIR_DOCUMENT_REPORT, weir_str_of(report));
    n->shelf = shelf;
    n->change.event = event;
    snprintf(n->change.kind, sizeof n->change.kind, "report"); /* that is what it is about */
    snprintf(n->change.id, sizeof n->change.id, "%.100s", report);
    snprintf(n->change.version, sizeof n->change.version, "%.40s", version);
    snprintf(n->change.by, sizeof n->change.by, "%.250s", by);
    snprintf(n->change.collection, sizeof n->change.collection, "%s",
             d && d->usable ? d->report.collection : "company");
    weir_documents_release(all);
    bool rights = strcmp(event, "publication") == 0;
    if (weir_loop_post(shelf->server->loop, rights ? tell_rights : tell, n)) {
        free(n);
    }
}

void weir_shelf_tell_publication(struct weir_shelf *shelf, const char *report, const char *version,
                                 const char *by)
{
    tell_of_report(shelf, "publication", report, version, by);
}

void weir_shelf_tell_comment(struct weir_shelf *shelf, const char *report, const char *by)
{
    tell_of_report(shelf, "comments", report, "", by);
}

/* Archives what nobody opens any more. */
static void sweep(struct weir_shelf *shelf)
{
    struct weir_error err = {0};
    weir_time now = weir_now();
    size_t archived = 0;
    if (now < shelf->sweep_at && shelf->sweep_at - now <= SWEEP_EVERY) {
        return;
    }
    snprintf(shelf->by, sizeof shelf->by, "weir");
    int rc = weir_archive_sweep(shelf->library, shelf->server->state, shelf->archive_after, now,
                                &archived, &err);
    rc = rc ? rc : weir_archive_snapshots(shelf->server->snapshots, shelf->server->state, &err);
    shelf->by[0] = '\0';
    if (archived) {
        weir_log(shelf->server->log, WEIR_LOG_INFO, "reports that nobody opens were archived",
                 "reports", weir_log_num((int64_t)archived).text);
    }
    if (rc) {
        weir_log(shelf->server->log, WEIR_LOG_WARN, "reports cannot be archived", "error",
                 err.message);
    }
    if (rc || archived < WEIR_ARCHIVE_AT_ONCE) { /* else the next look goes on */
        shelf->sweep_at = now + SWEEP_EVERY;
    }
}

void weir_shelf_sync_views(struct weir_shelf *shelf)
{
    struct weir_documents *all = weir_library_hold(shelf->library);
    weir_views_sync(shelf->views, all);
    weir_documents_release(all);
}

static void look(void *arg)
{
    struct weir_shelf *shelf = arg;
    struct weir_error err = {0};
    atomic_store(&shelf->looking, false);
    if (weir_library_refresh(shelf->library, &err)) {
        weir_log(shelf->server->log, WEIR_LOG_WARN, "the documents cannot be read", "error",
                 err.message);
        return;
    }
    sweep(shelf);
    weir_publishing_look(shelf->publishing);
    weir_shelf_sync_views(shelf);
}

void weir_shelf_look(struct weir_shelf *shelf)
{
    struct weir_error ignored;
    if (!atomic_exchange(&shelf->looking, true) &&
        weir_work_add(shelf->documents, look, shelf, &ignored)) {
        atomic_store(&shelf->looking, false);
    }
}

static void look_again(void *arg)
{
    weir_shelf_look(arg);
}

/* --- life --------------------------------------------------------------------------------------
 */

int weir_shelf_new(struct weir_server *server, struct weir_shelf **out, struct weir_error *err)
{
    struct weir_shelf *s = calloc(1, sizeof *s);
    *out = s;
    if (!s) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the documents");
    }
    s->server = server;
    pthread_mutex_init(&s->lock, NULL);
    s->archive_after = server->workspace_settings.archive_after * WEIR_DAY;
    int rc = weir_library_new(server->run->workspace->dir, &s->library, err);
    rc = rc ? rc : weir_publishing_new(server, s->library, &s->publishing, err);
    rc = rc ? rc : weir_changes_new(server, &s->changes, err);
    rc = rc ? rc : weir_views_new(server, &s->views, err);
    rc = rc ? rc : weir_work_new(1, QUEUE, &s->documents, err);
    rc = rc ? rc : weir_work_new(1, 8, &s->wire, err);
    if (rc == 0) {
        weir_library_on_change(s->library, on_change, s);
        weir_shelf_sync_views(s);
        rc = weir_timer_new(server->loop, LOOK_EVERY, LOOK_EVERY, look_again, s, &s->look);
    }
    return rc;
}

void weir_shelf_hang_up(struct weir_shelf *shelf)
{
    if (shelf) {
        weir_timer_free(shelf->look);
        shelf->look = NULL;
        weir_listeners_hang_up(weir_changes_pages(shelf->changes));
    }
}

void weir_shelf_stop(struct weir_shelf *shelf)
{
    if (shelf) {
        weir_shelf_hang_up(shelf);
        weir_views_stop(shelf->views);
        weir_work_free(shelf->wire);
        weir_work_free(shelf->documents);
        shelf->wire = shelf->documents = NULL;
    }
}

void weir_shelf_free(struct weir_shelf *shelf)
{
    if (shelf) {
        weir_timer_free(shelf->look);
        weir_changes_free(shelf->changes);
        weir_publishing_free(shelf->publishing);
        weir_library_free(shelf->library);
        weir_views_free(shelf->views);
        pthread_mutex_destroy(&shelf->lock);
        free(shelf);
    }
}

struct weir_documents *weir_shelf_hold(struct weir_shelf *shelf)
{
    return weir_library_hold(shelf->library);
}

struct weir_views *weir_shelf_views(struct weir_shelf *shelf)
{
    return shelf->views;
}

struct weir_changes *weir_shelf_changes(struct weir_shelf *shelf)
{
    return shelf->changes;
}

struct weir_publishing *weir_shelf_publishing(struct weir_shelf *shelf)
{
    return shelf->publishing;
}

void weir_shelf_git_error(struct weir_shelf *shelf, char out[512])
{
    pthread_mutex_lock(&shelf->lock);
    snprintf(out, 512, "%s", shelf->git_error);
    pthread_mutex_unlock(&shelf->lock);
}

void weir_shelf_set_git_error(struct weir_shelf *shelf, const char *text)
{
    pthread_mutex_lock(&shelf->lock);
    snprintf(shelf->git_error, sizeof shelf->git_error, "%.500s", text);
    pthread_mutex_unlock(&shelf->lock);
}

/* --- levels ------------------------------------------------------------------------------------
 */

static int read_published(const struct weir_call *call, struct weir_arena *arena,
                          struct weir_levels *out, struct weir_error *err)
{
    return weir_publication_of(call->server->state, weir_str_of(call->who.id), arena,
                               &out->published, &out->published_count, err);
}

int weir_levels_of(const struct weir_call *call, struct weir_arena *arena, struct weir_levels *out,
                   struct weir_error *err)
{
    struct weir_group *groups;
    size_t count = 0, grants = 0;
    *out = (struct weir_levels){.all = call->who.role == WEIR_ROLE_ADMIN,
                                .viewer = call->who.role == WEIR_ROLE_VIEWER};
    if (out->all) {
        return read_published(call, arena, out, err);
    }
    int rc =
        weir_groups_of(call->server->state, weir_str_of(call->who.id), arena, &groups, &count, err);
    rc = rc ? rc
            : weir_share_of(call->server->state, weir_str_of(call->who.id), arena, &out->shared,
                            &out->shared_count, err);
    rc = rc ? rc : read_published(call, arena, out, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        grants += groups[i].collection_count;
    }
    out->collections =
        rc ? NULL : weir_arena_calloc(arena, (grants + 1) * sizeof *out->collections);
    out->edit = rc ? NULL : weir_arena_calloc(arena, grants + 1);
    if (rc == 0 && (!out->collections || !out->edit)) {
        rc = weir_fail(err, WEIR_ENOMEM, "no memory for the groups");
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        for (size_t k = 0; k < groups[i].collection_count; k++) {
            out->collections[out->count] = groups[i].collections[k].collection;
            out->edit[out->count++] = groups[i].collections[k].edit;
        }
    }
    return rc;
}

enum weir_level weir_level_in(const struct weir_levels *levels, const char *collection)
{
    enum weir_level level = levels->all ? WEIR_LEVEL_EDIT : WEIR_LEVEL_NONE;
    for (size_t i = 0; i < levels->count; i++) {
        if (weir_str_is(levels->collections[i], "*") ||
            weir_str_is(levels->collections[i], collection)) {
            enum weir_level one =
                levels->edit[i] && !levels->viewer ? WEIR_LEVEL_EDIT : WEIR_LEVEL_VIEW;
            level = one > level ? one : level;
        }
    }
    return level;
}

static const void *find_id(const char *id, const void *items, size_t count, size_t size)
{
    struct weir_str key = weir_str_of(id);
    return count ? bsearch(&key, items, count, size, weir_str_order) : NULL;
}

const struct weir_published *weir_levels_published(const struct weir_levels *levels,
                                                   const char *report)
{
    return find_id(report, levels->published, levels->published_count, sizeof *levels->published);
}

enum weir_level weir_level_of(const struct weir_levels *levels, const char *report,
                              const char *collection)
{
    enum weir_level level = weir_level_in(levels, collection);
    const struct weir_published *published = weir_levels_published(levels, report);
    if (level == WEIR_LEVEL_EDIT) {
        return level;
    }
    if (published) { /* who else sees it is said there */
        level = published->hers ? WEIR_LEVEL_VIEW : WEIR_LEVEL_NONE;
    }
    if (level == WEIR_LEVEL_NONE &&
        find_id(report, levels->shared, levels->shared_count, sizeof *levels->shared)) {
        level = WEIR_LEVEL_VIEW;
    }
    return level;
}

const char *weir_level_name(enum weir_level level)
{
    static const char *const names[] = {"none", "view", "edit"};
    return names[level];
}

/* --- jobs --------------------------------------------------------------------------------------
 */

static void job_free(struct weir_shelf_job *job)
{
    weir_json_parser_free(job->parser);
    weir_report_look_end(&job->look);
    weir_arena_free(&job->arena);
    weir_buf_free(&job->out);
    free(job);
}

/* With ?v= the address is of these bytes only. */
static void set_image_headers(const struct weir_shelf_job *job)
{
    struct weir_buf v;
    weir_buf_init(&v, 1000);
    bool fixed = weir_http_param(weir_http_query(job->call.req), "v", &v) && v.len;
    weir_buf_free(&v);
    weir_http_set(job->call.req, "Cache-Control",
                  fixed ? "private, max-age=31536000, immutable" : "private, no-cache");
    weir_http_set(job->call.req, "Content-Security-Policy", "default-src 'none'; sandbox");
}

static void answer(void *arg)
{
    struct weir_shelf_job *job = arg;
    if (job->code && job->status == 409) {
        weir_buf_addc(&job->out, '\n');
        weir_serve_reply_json(&job->call, 409, &job->out);
    } else if (job->code == WEIR_EEXIST) {
        weir_serve_reply_status(&job->call, 409, &job->err);
    } else if (job->code) {
        weir_serve_reply_error(&job->call, &job->err);
    } else if (job->status == 204) {
        job->call.server->requests[2]++;
        weir_http_reply(job->call.req, 204, NULL, WEIR_STR(""));
    } else if (job->type) {
        job->call.server->requests[2]++;
        if (job->image) {
            set_image_headers(job);
        }
        weir_http_reply(job->call.req, job->status, job->type, weir_buf_str(&job->out));
    } else {
        weir_buf_addc(&job->out, '\n');
        weir_serve_reply_json(&job->call, job->status, &job->out);
    }
    job_free(job);
}

static int read_body(struct weir_shelf_job *job)
{
    struct weir_str text = weir_http_body(job->call.req);
    if (text.len == 0 || job->bytes) {
        return WEIR_OK;
    }
    if (weir_json_parse(job->parser, text, &job->body, &job->err)) {
        return weir_error_prefix(&job->err, WEIR_EINVAL, "the body is no JSON");
    }
    return weir_json_type(job->body) == WEIR_JSON_OBJECT
               ? WEIR_OK
               : weir_fail(&job->err, WEIR_EINVAL, "the body must be a JSON object");
}

static void run_job(struct weir_shelf_job *job)
{
    struct weir_shelf *shelf = job->call.server->shelf;
    if (job->library) {
        snprintf(shelf->by, sizeof shelf->by, "%s", job->call.who.name);
        if (weir_caller_is_owner(&job->call.who)) {
            job->author = weir_git_owner(weir_library_git(job->library));
            snprintf(shelf->by, sizeof shelf->by, "%.250s", job->author.name);
        }
    }
    job->code = read_body(job);
    job->code = job->code ? job->code : job->run(job, &job->err);
    if (job->library) {
        shelf->by[0] = '\0';
    }
}

static void run(void *arg)
{
    struct weir_shelf_job *job = arg;
    run_job(job);
    if (weir_loop_post(job->call.server->loop, answer, job)) {
        abort(); /* no memory for a few bytes; the request would never be answered */
    }
}

enum place { ON_LOOP, ON_DOCUMENTS, ON_DOCUMENTS_BYTES, ON_WIRE };

static void start(const struct weir_call *call, weir_shelf_run fn, enum place place)
{
    struct weir_shelf *shelf = call->server->shelf;
    struct weir_error err;
    struct weir_shelf_job *job = calloc(1, sizeof *job);
    int rc = job && (job->parser = weir_json_parser_new(MAX_DEPTH))
                 ? WEIR_OK
                 : weir_fail(&err, WEIR_ENOMEM, "no memory for a request");
    if (rc == 0) {
        job->call = *call;
        job->bytes = place == ON_DOCUMENTS_BYTES;
        job->library = place == ON_DOCUMENTS || job->bytes ? shelf->library : NULL;
        job->run = fn;
        job->status = 200;
        job->author = (struct weir_author){job->call.who.name, job->call.who.email};
        snprintf(job->id, sizeof job->id, WEIR_STR_FMT,
                 (int)(call->id.len < sizeof job->id ? call->id.len : 0), call->id.ptr);
        weir_arena_init(&job->arena, MAX_ANSWER * 4);
        weir_buf_init(&job->out, MAX_ANSWER);
        job->w = weir_jw_on(&job->out);
        rc = weir_levels_of(call, &job->arena, &job->levels, &err);
    }
    if (rc == 0 && place == ON_LOOP) {
        run_job(job);
        answer(job);
        return;
    }
    if (rc == 0) {
        rc = weir_work_add(place == ON_WIRE ? shelf->wire : shelf->documents, run, job, &err);
    }
    if (rc) {
        weir_serve_reply_error(call, &err);
        if (job && job->parser) {
            job_free(job);
        } else {
            free(job);
        }
    }
}

void weir_shelf_start(const struct weir_call *call, weir_shelf_run fn)
{
    start(call, fn, ON_DOCUMENTS);
}

void weir_shelf_start_bytes(const struct weir_call *call, weir_shelf_run fn)
{
    start(call, fn, ON_DOCUMENTS_BYTES);
}

void weir_shelf_start_wire(const struct weir_call *call, weir_shelf_run fn)
{
    start(call, fn, ON_WIRE);
}

void weir_shelf_answer(const struct weir_call *call, weir_shelf_run fn)
{
    start(call, fn, ON_LOOP);
}

int weir_shelf_find(struct weir_shelf_job *job, enum weir_level need, struct weir_documents **all,
                    const struct weir_document **out, struct weir_error *err)
{
    const struct weir_report_look *look = &job->look;
    *all = weir_shelf_hold(job->call.server->shelf);
    weir_report_look_end(&job->look);
    int rc =
        weir_report_look(&job->call, &job->levels, &job->arena, job->id, NULL, &job->look, err);
    *out = look->d;
    if (rc == 0 && look->level < need) {
        rc = weir_fail(err, WEIR_EPERM,
                       "you may see this report, and not change it; an admin can let you edit "
                       "its collection \"%s\"",
                       look->d->report.collection);
    }
    return rc;
}

int weir_shelf_may_edit(const struct weir_shelf_job *job, struct weir_str collection,
                        struct weir_error *err)
{
    char name[128];
    snprintf(name, sizeof name, "%.100s", collection.ptr ? collection.ptr : "company");
    return weir_level_in(&job->levels, name) == WEIR_LEVEL_EDIT
               ? WEIR_OK
               : weir_fail(err, WEIR_EPERM,
                           "you may not edit in the collection \"%s\"; ask an admin, or choose "
                           "another",
                           name);
}

struct weir_save weir_shelf_save(const struct weir_shelf_job *job, const char *base,
                                 const char *message)
{
    return (struct weir_save){.author = job->author, .base = base, .message = message};
}

const char *weir_shelf_text(struct weir_shelf_job *job, const char *key)
{
    struct weir_str text = weir_json_get_str(job->body, key);
    return text.ptr ? weir_arena_dup(&job->arena, text).ptr : NULL;
}
