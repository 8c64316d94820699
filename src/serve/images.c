/* /api/reports/{id}/files/{name}: the pictures of a report's image tiles.
 *
 * What is taken is known by its first bytes, not by what the client says; what is given can run
 * nothing, whatever is in it. */
#include <stdio.h>

#include "serve/shelf.h"
#include "state/publication.h"

#define MAX_IMAGE (2u << 20)

struct kind {
    const char *type, *ending, *other;
};

/* NULL: it is none. */
static const struct kind *kind_of(struct weir_str bytes)
{
    static const struct kind png = {"image/png", ".png", ".png"};
    static const struct kind jpeg = {"image/jpeg", ".jpg", ".jpeg"};
    static const struct kind gif = {"image/gif", ".gif", ".gif"};
    static const struct kind webp = {"image/webp", ".webp", ".webp"};
    struct weir_str behind = {bytes.ptr + 8, bytes.len > 8 ? bytes.len - 8 : 0};
    return weir_str_starts(bytes, WEIR_STR("\x89PNG\r\n\x1a\n")) ? &png
           : weir_str_starts(bytes, WEIR_STR("\xff\xd8\xff"))    ? &jpeg
           : weir_str_starts(bytes, WEIR_STR("GIF87a")) ||
                   weir_str_starts(bytes, WEIR_STR("GIF89a"))
               ? &gif
           : weir_str_starts(bytes, WEIR_STR("RIFF")) && weir_str_starts(behind, WEIR_STR("WEBP"))
               ? &webp
               : NULL;
}

/* The route has two places; `id` keeps the first one. */
static int take_name(struct weir_shelf_job *job, const char **name, struct weir_error *err)
{
    char *at = strstr(job->id, "/files/");
    if (!at) {
        return weir_fail(err, WEIR_EINVAL, "a file's name is missing");
    }
    *at = '\0';
    *name = at + strlen("/files/");
    return WEIR_OK;
}

static bool is_shown(const struct weir_report_look *look, const char *name)
{
    const struct weir_data *tiles = weir_data_get(look->d->report.data, "tiles");
    for (const struct weir_data *t = tiles ? tiles->first : NULL; t; t = t->next) {
        if (weir_look_shows(look, t) && weir_str_is(weir_data_get_text(t, "image"), name)) {
            return true;
        }
    }
    return false;
}

/* Who may not edit the report gets what its tiles show. */
static int run_get(struct weir_shelf_job *job, struct weir_error *err)
{
    struct weir_documents *all;
    const struct weir_document *d;
    const char *name = "";
    int rc = take_name(job, &name, err);
    if (rc) {
        return rc;
    }
    rc = weir_shelf_find(job, WEIR_LEVEL_VIEW, &all, &d, err);
    if (rc == 0 && job->look.level != WEIR_LEVEL_EDIT && !is_shown(&job->look, name)) {
        rc = weir_fail(err, WEIR_ENOENT, "the report has no file %.100s", name);
    }
    rc = rc ? rc : weir_report_image_read(job->library, job->id, name, &job->out, err);
    if (rc == WEIR_ENOENT) {
        rc = weir_fail(err, WEIR_ENOENT, "the report has no file %.100s", name);
    }
    const struct kind *kind = rc ? NULL : kind_of(weir_buf_str(&job->out));
    if (rc == 0 && !kind) {
        rc = weir_fail(err, WEIR_EINVAL, "%.100s is no PNG, JPEG, WebP or GIF file", name);
    }
    job->type = kind ? kind->type : NULL;
    job->image = kind != NULL;
    weir_documents_release(all);
    return rc;
}

static int check_image(struct weir_str bytes, const char *name, struct weir_error *err)
{
    const struct kind *kind = kind_of(bytes);
    if (bytes.len > MAX_IMAGE) {
        return weir_fail(err, WEIR_ETOOBIG, "an image may have %u MB", MAX_IMAGE >> 20);
    }
    if (!kind) {
        return weir_fail(err, WEIR_EINVAL, "this is no PNG, JPEG, WebP or GIF file");
    }
    return weir_str_ends(weir_str_of(name), weir_str_of(kind->ending)) ||
                   weir_str_ends(weir_str_of(name), weir_str_of(kind->other))
               ? WEIR_OK
               : weir_fail(err, WEIR_EINVAL, "this is a file of type %s; its name must end in %s",
                           kind->type, kind->ending);
}

/* Of the report as it is saved, or as it is published. */
static bool is_named(const struct weir_document *d, const char *name)
{
    const struct weir_data *tiles = d ? weir_data_get(d->report.data, "tiles") : NULL;
    for (const struct weir_data *t = tiles ? tiles->first : NULL; t; t = t->next) {
        if (weir_str_is(weir_data_get_text(t, "image"), name)) {
            return true;
        }
    }
    return false;
}

/* By the report as it is saved, as it is published, and as it will be. */
static int check_unused(struct weir_shelf_job *job, const struct weir_document *d, const char *name,
                        struct weir_error *err)
{
    static const char *const which[] = {"'s published version", "'s scheduled version"};
    int rc = is_named(d, name)
                 ? weir_fail(err, WEIR_EEXIST,
                             "a tile of the report shows %s; take it out there first", name)
                 : WEIR_OK;
    for (int i = 0; rc == 0 && i < 2; i++) {
        struct weir_publication p;
        struct weir_document *shown = NULL;
        rc = weir_publication_get(job->call.server->state, weir_str_of(job->id), i == 1,
                                  &job->arena, &p, err);
        if (rc == 0 && p.version.ptr) {
            rc = weir_report_document_at(job->library, job->id, p.version.ptr, &shown, err);
        }
        if (rc == 0 && is_named(shown, name)) {
            rc = weir_fail(err, WEIR_EEXIST,
                           "a tile of the report%s shows %s; take it out there first", which[i],
                           name);
        }
        weir_document_release(shown);
    }
    return rc;
}

static int change(struct weir_shelf_job *job, bool remove, struct weir_error *err)
{
    struct weir_documents *all;
    const struct weir_document *d;
    const char *name = "";
    char message[400];
    struct weir_str bytes = remove ? (struct weir_str){0} : weir_http_body(job->call.req);
    int rc = take_name(job, &name, err);
    if (rc) {
        return rc;
    }
    rc = weir_shelf_find(job, WEIR_LEVEL_EDIT, &all, &d, err);
    rc = rc ? rc : remove ? check_unused(job, d, name, err) : check_image(bytes, name, err);
    if (rc == 0) {
        snprintf(message, sizeof message, "%s %.100s of %.200s", remove ? "Remove" : "Save", name,
                 d->title);
        struct weir_save how = weir_shelf_save(job, NULL, message);
        rc = weir_report_image_put(job->library, job->id, name, bytes, &how, err);
    }
    job->status = 204;
    weir_documents_release(all);
    return rc;
}

static int run_put(struct weir_shelf_job *job, struct weir_error *err)
{
    return change(job, false, err);
}

static int run_delete(struct weir_shelf_job *job, struct weir_error *err)
{
    return change(job, true, err);
}

void weir_serve_report_file(const struct weir_call *call)
{
    weir_shelf_start(call, run_get);
}

/* A page of another site can send no such type without asking first. */
void weir_serve_report_file_put(const struct weir_call *call)
{
    struct weir_str type = weir_http_header(call->req, "Content-Type");
    if (type.ptr && weir_str_starts(type, WEIR_STR("image/"))) {
        weir_shelf_start_bytes(call, run_put);
    } else {
        weir_serve_refuse(call, 415, WEIR_EINVAL,
                          "send the image with its Content-Type, such as image/png");
    }
}

void weir_serve_report_file_remove(const struct weir_call *call)
{
    weir_shelf_start(call, run_delete);
}
