/* /api/uploads: a CSV becomes a table of the schema `uploads`.
 *
 * The body goes to a file while it comes, whatever its size; then a thread of its own reads it into
 * the warehouse, one upload at a time, beside loading and queries. */
#include "upload/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hash.h"
#include "io/file.h"
#include "serve/server.h"

#define MAX_INCOMING 16
#define MAX_ANSWER   (64u << 20)

/* --- what comes ---------------------------------------------------------------------------------
 */

struct incoming {
    struct weir_server *server;
    int fd;
    char path[4096];
};

static void drop_incoming(void *arg)
{
    struct incoming *in = arg;
    in->server->uploads_coming--;
    if (in->fd >= 0) {
        close(in->fd);
    }
    (void)unlink(in->path);
    free(in);
}

static int write_incoming(struct weir_str bytes, void *arg, const char **why)
{
    struct incoming *in = arg;
    struct weir_error err;
    int rc = weir_write_all(in->fd, bytes.ptr, bytes.len, "the uploaded file", &err);
    if (rc == 0) {
        return 0;
    }
    *why = rc == WEIR_ENOSPC ? "the disk is full; nothing was kept of this upload"
                             : "the upload cannot be written to the disk";
    return rc == WEIR_ENOSPC ? 507 : 500;
}

static struct incoming *open_incoming(struct weir_server *s, struct weir_error *err)
{
    const char *dir = weir_workspace_path(s->run->workspace, "tmp/upload");
    struct incoming *in = calloc(1, sizeof *in);
    int rc = dir && in ? weir_dir_make(dir, 0700, err)
                       : weir_fail(err, WEIR_ENOMEM, "no memory for an upload");
    if (rc == 0) {
        int n =
            snprintf(in->path, sizeof in->path, "%s/%016" PRIx64 ".csv", dir, weir_random_u64());
        in->fd = n < (int)sizeof in->path
                     ? open(in->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)
                     : -1;
        rc = in->fd < 0 ? weir_fail_errno(err, errno, "%s cannot be written", in->path) : 0;
    }
    if (rc) {
        free(in);
        return NULL;
    }
    in->server = s;
    s->uploads_coming++;
    return in;
}

static bool is_csv(const struct weir_http_request *req)
{
    static const char *const media[] = {"text/csv", "text/tab-separated-values",
                                        "application/octet-stream"};
    struct weir_str type = weir_http_header(req, "Content-Type");
    struct weir_str found = weir_str_trim(weir_str_cut(&type, ';'));
    for (size_t i = 0; found.ptr && i < sizeof media / sizeof media[0]; i++) {
        if (weir_str_eq_nocase(found, weir_str_of(media[i]))) {
            return true;
        }
    }
    return false;
}

/* The name is the last part of the path, or the parameter `name`. */
static int find_name(const struct weir_call *call, char name[64], struct weir_error *err)
{
    struct weir_buf value;
    weir_buf_init(&value, 4096);
    if (call->id.len) {
        weir_buf_adds(&value, call->id);
    } else if (!weir_http_param(weir_http_query(call->req), "name", &value)) {
        weir_buf_free(&value);
        return weir_fail(err, WEIR_EINVAL,
                         "the address needs ?name=NAME; the table will be uploads.NAME");
    }
    snprintf(name, 64, "%.63s", weir_buf_cstr(&value));
    bool ok = weir_buf_ok(&value) && value.len <= 63 && weir_upload_name_ok(name);
    weir_buf_free(&value);
    return ok ? 0
              : weir_fail(
                    err, WEIR_EINVAL,
                    "\"%.63s\" cannot name an upload; use a to z, 0 to 9 and _, beginning with "
                    "a letter, at most 63",
                    name);
}

bool weir_serve_upload_receive(const struct weir_call *call)
{
    struct weir_server *s = call->server;
    struct weir_error err;
    char name[64];
    int rc = find_name(call, name, &err);
    struct weir_str coding = weir_http_header(call->req, "Content-Encoding");
    if (rc == 0 &&
        (!is_csv(call->req) || (coding.ptr && !weir_str_eq_nocase(coding, WEIR_STR("identity"))))) {
        weir_serve_refuse(call, 415, WEIR_EINVAL,
                          "an upload is a CSV file as it is: send Content-Type: text/csv, and no "
                          "Content-Encoding");
        return true;
    }
    if (rc == 0 && weir_http_body_size(call->req) > s->settings.upload_max) {
        rc = weir_fail(&err, WEIR_ETOOBIG,
                       "the file is larger than serve.upload_max of weir.yml (%" PRIu64
                       " MB); raise it, or load a part",
                       s->settings.upload_max >> 20);
    }
    if (rc == 0 && s->uploads_coming >= MAX_INCOMING) {
        rc = weir_fail(&err, WEIR_EBUSY, "%d files are being uploaded; try again later",
                       MAX_INCOMING);
    }
    struct incoming *in = rc ? NULL : open_incoming(s, &err);
    if (!in) {
        weir_serve_reply_error(call, &err);
        return true;
    }
    weir_http_stream_body(call->req, s->settings.upload_max, write_incoming, drop_incoming, in);
    return false;
}

/* --- jobs ----------------------------------------------------------------------------------------
 */

enum doing { ADD, REPLACE, REMOVE, LIST };

struct job {
    struct weir_call call;
    enum doing doing;
    struct incoming *in;
    char name[64];
    enum weir_csv_header header;
    struct weir_arena arena; /* of the access */
    struct weir_access *access;
    struct weir_buf out;
    int code;
    struct weir_error err;
};

static void note(const struct job *job)
{
    static const char *const actions[] = {"upload.add", "upload.replace", "upload.remove"};
    struct weir_error err;
    if (weir_caller_note(job->call.server->state, &job->call.who, actions[job->doing],
                         weir_str_of(job->name), WEIR_STR("{}"), &err)) {
        weir_log(job->call.server->log, WEIR_LOG_ERROR, "the audit log cannot be written", "error",
                 err.message);
    }
}

static void answer(void *arg)
{
    struct job *job = arg;
    if (job->in) {
        drop_incoming(job->in);
    }
    if (job->code == 0 && job->doing != LIST) {
        note(job);
    }
    if (job->code) {
        weir_serve_reply_error(&job->call, &job->err);
    } else if (job->doing == REMOVE) {
        job->call.server->requests[2]++;
        weir_http_reply(job->call.req, 204, NULL, WEIR_STR(""));
    } else {
        weir_buf_addc(&job->out, '\n');
        weir_serve_reply_json(&job->call, job->doing == ADD ? 201 : 200, &job->out);
    }
    weir_buf_free(&job->out);
    weir_arena_free(&job->arena);
    free(job);
}

static int run_job(struct job *job)
{
    struct weir_warehouse *warehouse = job->call.server->warehouse;
    struct weir_jw w = weir_jw_on(&job->out);
    struct weir_str schema = WEIR_STR(WEIR_UPLOAD_SCHEMA);
    if (job->doing == LIST) {
        return weir_upload_list(warehouse, job->access, &w, &job->err);
    }
    if (job->doing != ADD && job->access &&
        !weir_access_sees(job->access, schema, weir_str_of(job->name))) {
        return weir_fail(&job->err, WEIR_ENOENT, "there is no upload \"%s\", or you may not see it",
                         job->name);
    }
    if (job->doing == REMOVE) {
        return weir_upload_remove(warehouse, job->name, &job->err);
    }
    struct weir_upload upload = {.name = job->name,
                                 .path = job->in->path,
                                 .by = job->call.who.email[0] ? job->call.who.email
                                                              : job->call.who.name,
                                 .header = job->header,
                                 .replace = job->doing == REPLACE};
    return weir_upload_load(warehouse, &upload, &w, &job->err);
}

static void work(void *arg)
{
    struct job *job = arg;
    job->code = run_job(job);
    if (job->code == WEIR_EFATAL) {
        job->code = weir_fail(&job->err, WEIR_EBUSY, "the warehouse is being reopened; try again");
    }
    if (weir_loop_post(job->call.server->loop, answer, job)) {
        abort(); /* no memory for a few bytes; the request would never be answered */
    }
}

static int read_header_param(struct job *job)
{
    struct weir_buf value;
    int rc = 0;
    weir_buf_init(&value, 64);
    if (weir_http_param(weir_http_query(job->call.req), "header", &value)) {
        struct weir_str text = weir_buf_str(&value);
        job->header = weir_str_is(text, "yes")  ? WEIR_CSV_HEADER_YES
                      : weir_str_is(text, "no") ? WEIR_CSV_HEADER_NO
                                                : WEIR_CSV_HEADER_GUESS;
        if (job->header == WEIR_CSV_HEADER_GUESS) {
            rc =
                weir_fail(&job->err, WEIR_EINVAL, "header is yes or no; without it, it is guessed");
        }
    }
    weir_buf_free(&value);
    return rc;
}

static void start(const struct weir_call *call, enum doing doing)
{
    struct weir_server *s = call->server;
    struct weir_error err;
    bool body = doing == ADD || doing == REPLACE;
    struct incoming *in = body ? weir_http_stream_take(call->req) : NULL;
    struct job *job = calloc(1, sizeof *job);
    if (!job) {
        weir_fail(&err, WEIR_ENOMEM, "no memory for an upload");
        weir_serve_reply_error(call, &err);
        if (in) {
            drop_incoming(in);
        }
        return;
    }
    job->call = *call;
    job->doing = doing;
    job->in = in;
    weir_arena_init(&job->arena, 64u << 20);
    weir_buf_init(&job->out, MAX_ANSWER);
    int rc = doing == LIST ? 0 : find_name(call, job->name, &job->err);
    rc = rc ? rc : read_header_param(job);
    rc = rc ? rc : weir_caller_access(s->state, &call->who, &job->arena, &job->access, &job->err);
    if (rc == 0 && body && !in) {
        rc = weir_fail(&job->err, WEIR_EINVAL, "the request has no file for its body");
    }
    if (rc == 0 && in) {
        if (close(in->fd)) {
            rc = weir_fail_errno(&job->err, errno, "the upload cannot be written to the disk");
        }
        in->fd = -1;
    }
    rc = rc ? rc : weir_work_add(doing == LIST ? s->lists : s->uploads, work, job, &job->err);
    if (rc) {
        job->code = rc;
        answer(job);
    }
}

void weir_serve_upload_add(const struct weir_call *call)
{
    start(call, ADD);
}

void weir_serve_upload_replace(const struct weir_call *call)
{
    start(call, REPLACE);
}

void weir_serve_upload_remove(const struct weir_call *call)
{
    start(call, REMOVE);
}

void weir_serve_upload_list(const struct weir_call *call)
{
    start(call, LIST);
}
