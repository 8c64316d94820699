/* What a report was before: its history, old versions and what changed between two of them. */
#include <stdio.h>

#include "serve/shelf.h"

#define MAX_HISTORY 200

/* --- history -----------------------------------------------------------------------------------
 */

static void print_change(const struct weir_git_change *change, void *arg)
{
    struct weir_jw *w = arg;
    weir_jw_object(w);
    weir_jw_kstrz(w, "version", change->version);
    weir_jw_ktime(w, "at", change->at);
    weir_jw_keyz(w, "author");
    weir_jw_object(w);
    weir_jw_kstrz(w, "name", change->name);
    weir_jw_kstrz(w, "email", change->email);
    weir_jw_object_end(w);
    weir_jw_kstr(w, "message", weir_str_trim(weir_str_of(change->message)));
    weir_jw_object_end(w);
}

/* What a report was and is about to be is not for those to whom a version of it is published. */
static int find_whole(struct weir_shelf_job *job, struct weir_documents **all,
                      const struct weir_document **d, struct weir_error *err)
{
    int rc = weir_shelf_find(job, WEIR_LEVEL_VIEW, all, d, err);
    return rc == 0 && job->look.published && job->look.level != WEIR_LEVEL_EDIT
               ? weir_fail(err, WEIR_EPERM,
                           "other versions of a report than the one that is published are for "
                           "those who may edit it")
               : rc;
}

static int run_history(struct weir_shelf_job *job, struct weir_error *err)
{
    struct weir_documents *all;
    const struct weir_document *d;
    int rc = find_whole(job, &all, &d, err);
    weir_jw_object(&job->w);
    weir_jw_keyz(&job->w, "commits");
    weir_jw_array(&job->w);
    rc = rc ? rc
            : weir_git_history(weir_library_git(job->library), d->path, d->key, MAX_HISTORY,
                               print_change, &job->w, err);
    weir_jw_array_end(&job->w);
    weir_jw_object_end(&job->w);
    weir_documents_release(all);
    return rc;
}

/* A share is for where the report is now. */
int weir_report_may_look_back(const struct weir_shelf_job *job, const struct weir_report *old,
                              struct weir_error *err)
{
    struct weir_documents *all = weir_shelf_hold(job->call.server->shelf);
    const struct weir_document *d =
        weir_documents_find(all, WEIR_DOCUMENT_REPORT, weir_str_of(job->id));
    bool same = d && d->usable && strcmp(old->collection, d->report.collection) == 0;
    weir_documents_release(all);
    return same || weir_level_in(&job->levels, old->collection) != WEIR_LEVEL_NONE
               ? WEIR_OK
               : weir_fail(err, WEIR_ENOENT,
                           "in this version the report was in a collection that you may not see");
}

static int old_version(struct weir_shelf_job *job, const char *version, struct weir_report *out,
                       struct weir_error *err)
{
    int rc = weir_report_at(job->library, job->id, version, &job->arena, out, err);
    return rc ? rc : weir_report_may_look_back(job, out, err);
}

static int run_at(struct weir_shelf_job *job, struct weir_error *err)
{
    struct weir_documents *all;
    const struct weir_document *d;
    struct weir_report old;
    char *version = strstr(job->id, "/at/"); /* the route has two places: {id}/at/{version} */
    if (!version) {
        return weir_fail(err, WEIR_EINVAL, "a version is missing");
    }
    *version = '\0';
    version += strlen("/at/");
    int rc = find_whole(job, &all, &d, err);
    rc = rc ? rc : old_version(job, version, &old, err);
    if (rc == 0) {
        weir_jw_object(&job->w);
        weir_jw_kstrz(&job->w, "id", job->id);
        weir_shelf_print_content(&job->w, (struct weir_content){old.data, old.queries});
        weir_jw_kstrz(&job->w, "version", version);
        weir_jw_object_end(&job->w);
    }
    weir_documents_release(all);
    return rc;
}

/* --- restoring ---------------------------------------------------------------------------------
 */

static int run_restore(struct weir_shelf_job *job, struct weir_error *err)
{
    struct weir_documents *all;
    const struct weir_document *d;
    struct weir_report old;
    char message[400];
    const char *version = weir_shelf_text(job, "version");
    int rc = weir_shelf_find(job, WEIR_LEVEL_EDIT, &all, &d, err);
    if (rc == 0 && !version) {
        rc = weir_fail(err, WEIR_EINVAL, "\"version\" must be there, as text");
    }
    rc = rc ? rc : weir_report_at(job->library, job->id, version, &job->arena, &old, err);
    rc = rc ? rc : weir_shelf_may_edit(job, weir_str_of(old.collection), err);
    if (rc == 0) {
        struct weir_save how = weir_shelf_save(job, d->version, message);
        snprintf(message, sizeof message, "Restore %.200s as it was in %.12s", d->title, version);
        rc = weir_report_answer_save(job, job->id, (struct weir_content){old.data, old.queries},
                                     &how, err);
    }
    weir_documents_release(all);
    return rc;
}

/* --- differences -------------------------------------------------------------------------------
 */

struct printing {
    struct weir_jw *w;
    bool file, hunk; /* one is open */
};

static void end_hunk(struct printing *p)
{
    if (p->hunk) {
        weir_jw_array_end(p->w);
        weir_jw_object_end(p->w);
    }
    p->hunk = false;
}

static void end_file(struct printing *p)
{
    end_hunk(p);
    if (p->file) {
        weir_jw_array_end(p->w);
        weir_jw_object_end(p->w);
    }
    p->file = false;
}

static void print_file(const char *path, const char *old_path, const char *status, void *arg)
{
    struct printing *p = arg;
    end_file(p);
    weir_jw_object(p->w);
    weir_jw_kstrz(p->w, "path", path);
    weir_jw_kstrz(p->w, "old_path", old_path);
    weir_jw_kstrz(p->w, "status", status);
    weir_jw_keyz(p->w, "hunks");
    weir_jw_array(p->w);
    p->file = true;
}

static void print_hunk(size_t old_start, size_t new_start, void *arg)
{
    struct printing *p = arg;
    end_hunk(p);
    weir_jw_object(p->w);
    weir_jw_ku64(p->w, "old_start", old_start);
    weir_jw_ku64(p->w, "new_start", new_start);
    weir_jw_keyz(p->w, "lines");
    weir_jw_array(p->w);
    p->hunk = true;
}

static void print_line(char kind, struct weir_str text, void *arg)
{
    const struct printing *p = arg;
    weir_jw_object(p->w);
    weir_jw_kstr(p->w, "kind", (struct weir_str){&kind, 1});
    weir_jw_kstr(p->w, "text", text);
    weir_jw_object_end(p->w);
}

static int print_diff(struct weir_shelf_job *job, const struct weir_git_at *from,
                      const struct weir_git_at *to, struct weir_error *err)
{
    struct printing p = {.w = &job->w};
    const struct weir_git_diff out = {print_file, print_hunk, print_line, &p};
    bool cut = false;
    weir_jw_object(&job->w);
    weir_jw_keyz(&job->w, "files");
    weir_jw_array(&job->w);
    int rc = weir_git_diff_folders(weir_library_git(job->library), from, to, &out, &cut, err);
    end_file(&p);
    weir_jw_array_end(&job->w);
    weir_jw_kbool(&job->w, "truncated", cut);
    weir_jw_object_end(&job->w);
    return rc;
}

/* The version that the address names, when she may see it; *out has version NULL when it names
 * none.
 */
static int read_side(struct weir_shelf_job *job, const struct weir_document *d, const char *name,
                     struct weir_git_at *out, struct weir_error *err)
{
    struct weir_buf value;
    struct weir_report old;
    weir_buf_init(&value, 200);
    bool given = weir_http_param(weir_http_query(job->call.req), name, &value) && value.len;
    out->version = given ? weir_arena_dup(&job->arena, weir_buf_str(&value)).ptr : NULL;
    int rc = weir_buf_check(&value, "a version", err);
    weir_buf_free(&value);
    if (rc || !given) {
        return rc;
    }
    if (!out->version) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a version");
    }
    out->path = weir_git_report_path(weir_library_git(job->library), out->version, d->key, d->path,
                                     &job->arena);
    return old_version(job, out->version, &old, err);
}

static int run_diff(struct weir_shelf_job *job, struct weir_error *err)
{
    struct weir_documents *all;
    const struct weir_document *d;
    struct weir_git_at from = {0}, to = {0};
    int rc = find_whole(job, &all, &d, err);
    rc = rc ? rc : read_side(job, d, "from", &from, err);
    rc = rc ? rc : read_side(job, d, "to", &to, err);
    if (rc == 0) {
        if (!to.version) {
            to = (struct weir_git_at){d->good ? d->good->version : d->version, d->path};
        }
        rc = print_diff(job, from.version ? &from : NULL, &to, err);
    }
    weir_documents_release(all);
    return rc;
}

/* --- the handlers ------------------------------------------------------------------------------
 */

void weir_serve_report_restore(const struct weir_call *call)
{
    weir_shelf_start(call, run_restore);
}

void weir_serve_report_history(const struct weir_call *call)
{
    weir_shelf_start(call, run_history);
}

void weir_serve_report_at(const struct weir_call *call)
{
    weir_shelf_start(call, run_at);
}

void weir_serve_report_diff(const struct weir_call *call)
{
    weir_shelf_start(call, run_diff);
}
