/* POST /api/renders and what follows: reports as PDF and PNG files, made one after another by a
 * browser in a child process (see render/render.h).
 *
 * The browser opens the report's page as whoever asked, by a pass that reads this report only and
 * ends with the job. Jobs and files live in this process's memory and in .weir/tmp/render: a
 * restart forgets them. */
#include "serve/renders.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/file.h"
#include "render/render.h"
#include "serve/passes.h"
#include "serve/query_report.h"
#include "serve/send_file.h"

#define MAX_KEPT      256
#define MAX_OF_PERSON 8 /* that wait or run */
#define MAX_VALUES    16384
#define MAX_TITLE     200
#define PAPER_WIDTH   1200 /* CSS pixels of a page that goes to paper */
#define MIN_WIDTH     320
#define MAX_WIDTH     3840

enum state { QUEUED, RUNNING, DONE, FAILED };
static const char *const state_names[] = {"queued", "running", "done", "failed"};

struct render {
    struct render *next;
    struct weir_renders *all;
    char id[WEIR_ID_SIZE];
    char person[WEIR_ID_SIZE];
    char report[WEIR_ID_SIZE];
    char pass[WEIR_SECRET_SIZE];
    char title[MAX_TITLE + 1];
    char time_zone[64];
    char *url, *file, *folder;
    enum weir_render_format format;
    enum weir_paper paper;
    bool landscape;
    unsigned width;
    atomic_bool cancel;
    weir_time asked_at, ended_at; /* monotonic */
    /* with the lock */
    enum state state;
    bool dropped; /* nobody wants it: whoever works on it frees it */
    int code;
    struct weir_error err;
};

struct weir_renders {
    struct weir_server *server;
    struct weir_render_settings settings;
    struct weir_work *work;
    pthread_mutex_t lock; /* guards the list, and of each job what is marked so */
    struct render *first;
    size_t count;
    const char *folder;
};

/* --- the list --------------------------------------------------------------------------------- */

static void render_free(struct render *r)
{
    free(r->url);
    free(r->file);
    free(r->folder);
    free(r);
}

int weir_renders_new(struct weir_server *server, struct weir_renders **out, struct weir_error *err)
{
    struct weir_workspace *w = server->run->workspace;
    struct weir_renders *all = calloc(1, sizeof *all);
    *out = all;
    if (!all) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the server");
    }
    all->server = server;
    pthread_mutex_init(&all->lock, NULL);
    all->folder = weir_workspace_path(w, "tmp/render");
    int rc = all->folder ? weir_tree_remove(all->folder, err)
                         : weir_fail(err, WEIR_ENOMEM, "no memory for the server");
    rc = rc ? rc : weir_dir_make(all->folder, 0700, err);
    rc = rc ? rc : weir_workspace_section(w, "render", weir_render_options, &all->settings, err);
    return rc ? rc : weir_work_new(1, (unsigned)all->settings.queue, &all->work, err);
}

void weir_renders_free(struct weir_renders *all)
{
    if (!all) {
        return;
    }
    pthread_mutex_lock(&all->lock);
    for (struct render *r = all->first; r; r = r->next) {
        atomic_store(&r->cancel, true);
    }
    pthread_mutex_unlock(&all->lock);
    weir_work_free(all->work);
    while (all->first) {
        struct render *r = all->first;
        all->first = r->next;
        (void)unlink(r->file);
        render_free(r);
    }
    pthread_mutex_destroy(&all->lock);
    free(all);
}

/* With the lock: out of the list; freed now, or by whoever works on it. */
static void drop(struct weir_renders *all, struct render **link)
{
    struct render *r = *link;
    *link = r->next;
    all->count--;
    r->dropped = true;
    atomic_store(&r->cancel, true);
    if (r->state == DONE || r->state == FAILED) {
        (void)unlink(r->file);
        render_free(r);
    }
}

/* With the lock. */
static void drop_old(struct weir_renders *all)
{
    weir_time now = weir_mono();
    for (struct render **link = &all->first; *link;) {
        struct render *r = *link;
        bool ended = r->state == DONE || r->state == FAILED;
        if (ended && r->ended_at + all->settings.keep < now) {
            drop(all, link);
        } else {
            link = &r->next;
        }
    }
}

/* With the lock: the caller's own. */
static struct render **find(struct weir_renders *all, const struct weir_caller *who,
                            struct weir_str id)
{
    struct render **link = &all->first;
    const char *person = who->by_id[0] ? who->by_id : who->id;
    while (*link && !(weir_str_is(id, (*link)->id) && strcmp((*link)->person, person) == 0)) {
        link = &(*link)->next;
    }
    return link;
}

/* --- the work --------------------------------------------------------------------------------- */

struct ended {
    struct weir_server *server;
    char pass[WEIR_SECRET_SIZE];
};

static void end_pass(void *arg)
{
    struct ended *e = arg;
    weir_passes_end(e->server->passes, e->pass);
    free(e);
}

/* The pass ends on the loop's thread; a pass that cannot be ended there ends by itself. */
static void tell_ended(const struct render *r)
{
    struct ended *e = calloc(1, sizeof *e);
    if (e) {
        e->server = r->all->server;
        memcpy(e->pass, r->pass, sizeof e->pass);
        if (weir_loop_post(e->server->loop, end_pass, e)) {
            free(e);
        }
    }
}

static void work(void *arg)
{
    struct render *r = arg;
    struct weir_renders *all = r->all;
    struct weir_error err = {0};
    pthread_mutex_lock(&all->lock);
    r->state = RUNNING;
    pthread_mutex_unlock(&all->lock);
    struct weir_render_job job = {.url = r->url,
                                  .pass = r->pass,
                                  .time_zone = r->time_zone,
                                  .title = r->title,
                                  .format = r->format,
                                  .paper = r->paper,
                                  .landscape = r->landscape,
                                  .width = r->width,
                                  .folder = r->folder,
                                  .file = r->file,
                                  .cancel = &r->cancel};
    int rc = weir_render(&all->settings, &job, &err);
    if (rc && rc != WEIR_ECANCELED) {
        weir_log(all->server->log, WEIR_LOG_WARN, "a report could not be rendered", "report",
                 r->report, "why", err.message);
    }
    tell_ended(r);
    pthread_mutex_lock(&all->lock);
    r->code = rc;
    r->err = err;
    r->ended_at = weir_mono();
    r->state = rc ? FAILED : DONE;
    bool dropped = r->dropped;
    pthread_mutex_unlock(&all->lock);
    if (dropped) {
        (void)unlink(r->file);
        render_free(r);
    }
}

/* --- asking ----------------------------------------------------------------------------------- */

static int choose(struct weir_json body, const char *key, const char *const *names, int *out,
                  struct weir_error *err)
{
    struct weir_json value = weir_json_get(body, key);
    struct weir_str text = {0};
    *out = 0;
    if (!weir_json_exists(value)) {
        return 0;
    }
    if (weir_json_str(value, &text)) {
        for (int i = 0; names[i]; i++) {
            if (weir_str_is(text, names[i])) {
                *out = i;
                return 0;
            }
        }
    }
    return weir_fail(err, WEIR_EINVAL, "\"%s\" is %s or %s", key, names[0], names[1]);
}

static int read_looks(struct weir_json body, struct render *r, struct weir_error *err)
{
    static const char *const formats[] = {"pdf", "png", NULL};
    static const char *const papers[] = {"a4", "letter", NULL};
    int format, paper;
    int64_t width = PAPER_WIDTH;
    struct weir_json landscape = weir_json_get(body, "landscape");
    struct weir_json wide = weir_json_get(body, "width");
    int rc = choose(body, "format", formats, &format, err);
    rc = rc ? rc : choose(body, "paper", papers, &paper, err);
    if (rc == 0 && weir_json_exists(landscape) && !weir_json_bool(landscape, &r->landscape)) {
        rc = weir_fail(err, WEIR_EINVAL, "\"landscape\" is true or false");
    }
    if (rc == 0 && weir_json_exists(wide) &&
        (!weir_json_i64(wide, &width) || width < MIN_WIDTH || width > MAX_WIDTH)) {
        rc = weir_fail(err, WEIR_EINVAL, "\"width\" is a number of pixels from %d to %d", MIN_WIDTH,
                       MAX_WIDTH);
    }
    if (rc == 0) {
        r->format = (enum weir_render_format)format;
        r->paper = (enum weir_paper)paper;
        r->width = r->format == WEIR_RENDER_PDF ? PAPER_WIDTH : (unsigned)width;
    }
    return rc;
}

/* "127.0.0.1:8081" of the address that the server listens on. */
static void add_origin(struct weir_buf *out, const char *address)
{
    const char *port = strrchr(address, ':');
    bool any = strncmp(address, "0.0.0.0:", 8) == 0 || strncmp(address, "[::]:", 5) == 0;
    weir_buf_addf(out, "http://%s%s", any ? "127.0.0.1" : "", any ? port : address);
}

static void add_param(struct weir_buf *out, const char *name, struct weir_str value)
{
    weir_buf_addf(out, "&%s=", name);
    weir_add_escaped(out, value);
}

static int make_url(const struct weir_server *server, struct weir_json body, struct render *r,
                    struct weir_error *err)
{
    static const char *const texts[] = {"tile", "tab", "version"};
    struct weir_json values = weir_json_get(body, "values");
    struct weir_buf url, json;
    int rc = 0;
    weir_buf_init(&url, 4 * MAX_VALUES);
    weir_buf_init(&json, MAX_VALUES);
    add_origin(&url, server->address);
    weir_buf_addf(&url, "/print/%s?print=%s", r->report,
                  r->format == WEIR_RENDER_PDF ? "paper" : "picture");
    if (weir_json_exists(values)) {
        if (weir_json_type(values) != WEIR_JSON_OBJECT) {
            rc = weir_fail(err, WEIR_EINVAL, "\"values\" is an object");
        }
        weir_json_print(values, &json);
        add_param(&url, "values", weir_buf_str(&json));
    }
    for (size_t i = 0; rc == 0 && i < sizeof texts / sizeof texts[0]; i++) {
        struct weir_json value = weir_json_get(body, texts[i]);
        struct weir_str text;
        if (weir_json_exists(value) && !weir_json_str(value, &text)) {
            rc = weir_fail(err, WEIR_EINVAL, "\"%s\" is text", texts[i]);
        } else if (weir_json_exists(value)) {
            add_param(&url, texts[i], text);
        }
    }
    rc = rc ? rc : weir_buf_check(&json, "\"values\"", err);
    rc = rc ? rc : weir_buf_check(&url, "the page's address", err);
    r->url = rc ? NULL : strdup(weir_buf_cstr(&url));
    weir_buf_free(&url);
    weir_buf_free(&json);
    return rc || r->url ? rc : weir_fail(err, WEIR_ENOMEM, "no memory for a file");
}

static int make_names(struct weir_renders *all, struct render *r, struct weir_error *err)
{
    weir_state_id(r->id);
    r->folder = weir_path_join(all->folder, r->id);
    if (r->folder &&
        asprintf(&r->file, "%s.%s", r->folder, r->format == WEIR_RENDER_PDF ? "pdf" : "png") < 0) {
        r->file = NULL;
    }
    return r->folder && r->file ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a file");
}

/* The report that it is of, which whoever asks must be able to see. */
static int read_report(const struct weir_call *call, struct weir_json body, struct render *r,
                       struct weir_error *err)
{
    struct weir_arena arena;
    struct weir_report_look look;
    char version[64];
    struct weir_str id = weir_json_get_str(body, "report");
    struct weir_str wanted = weir_json_get_str(body, "version");
    struct weir_str zone = weir_json_get_str(body, "time_zone");
    if (id.len == 0 || id.len >= sizeof r->report) {
        return weir_fail(err, WEIR_EINVAL, "\"report\" is a report's id");
    }
    memcpy(r->report, id.ptr, id.len);
    if (zone.len >= sizeof r->time_zone) {
        return weir_fail(err, WEIR_EINVAL, "\"time_zone\" is no time zone");
    }
    snprintf(r->time_zone, sizeof r->time_zone, WEIR_STR_FMT,
             WEIR_STR_ARG(zone.len ? zone : weir_str_of(call->server->query_settings.time_zone)));
    snprintf(version, sizeof version, WEIR_STR_FMT, WEIR_STR_ARG(wanted));
    weir_arena_init(&arena, 16u << 20);
    int rc =
        weir_query_find_report(call, &arena, r->report, wanted.ptr ? version : NULL, &look, err);
    if (rc == 0) {
        struct weir_str title = weir_utf8_cut(weir_str_of(look.d->title), MAX_TITLE);
        snprintf(r->title, sizeof r->title, WEIR_STR_FMT, WEIR_STR_ARG(title));
    }
    weir_report_look_end(&look);
    weir_arena_free(&arena);
    return rc;
}

static int read_body(const struct weir_call *call, struct render *r, struct weir_error *err)
{
    static const char *const known[] = {"report", "version",   "values", "tile",
                                        "tab",    "format",    "paper",  "landscape",
                                        "width",  "time_zone", NULL};
    struct weir_json_parser *parser = weir_json_parser_new(32);
    struct weir_json body;
    int rc = parser ? weir_json_parse(parser, weir_http_body(call->req), &body, err)
                    : weir_fail(err, WEIR_ENOMEM, "no memory for a file");
    rc = rc ? rc : weir_ask_keys(body, "the body", known, err);
    rc = rc ? rc : read_looks(body, r, err);
    rc = rc ? rc : read_report(call, body, r, err);
    rc = rc ? rc : make_names(call->server->renders, r, err);
    rc = rc ? rc : make_url(call->server, body, r, err);
    weir_json_parser_free(parser);
    return rc;
}

/* With the lock. */
static int has_room(const struct weir_renders *all, const struct render *r, struct weir_error *err)
{
    size_t own = 0;
    for (const struct render *other = all->first; other; other = other->next) {
        own += strcmp(other->person, r->person) == 0 &&
               (other->state == QUEUED || other->state == RUNNING);
    }
    return own >= MAX_OF_PERSON || all->count >= MAX_KEPT
               ? weir_fail(err, WEIR_EBUSY, "too many files are being made; try again in a minute")
               : 0;
}

static int enqueue(struct weir_renders *all, struct render *r, struct weir_error *err)
{
    pthread_mutex_lock(&all->lock);
    drop_old(all);
    int rc = has_room(all, r, err);
    rc = rc ? rc : weir_work_add(all->work, work, r, err);
    if (rc == 0) {
        r->next = all->first;
        all->first = r;
        all->count++;
    }
    pthread_mutex_unlock(&all->lock);
    return rc;
}

static void print(const struct render *r, struct weir_jw *w)
{
    char url[64];
    weir_jw_object(w);
    weir_jw_kstrz(w, "id", r->id);
    weir_jw_kstrz(w, "report", r->report);
    weir_jw_kstrz(w, "format", r->format == WEIR_RENDER_PDF ? "pdf" : "png");
    weir_jw_kstrz(w, "state", state_names[r->state]);
    snprintf(url, sizeof url, "/api/renders/%s/file", r->id);
    weir_jw_kstr_or_null(w, "url", weir_str_of(r->state == DONE ? url : ""));
    weir_jw_kstr_or_null(w, "error", weir_str_of(r->state == FAILED ? r->err.message : ""));
    weir_jw_object_end(w);
}

static void answer(const struct weir_call *call, int status, const struct render *r)
{
    struct weir_buf out;
    weir_buf_init(&out, 64u << 10);
    struct weir_jw w = weir_jw_on(&out);
    print(r, &w);
    weir_buf_addc(&out, '\n');
    weir_serve_reply_json(call, status, &out);
    weir_buf_free(&out);
}

void weir_serve_render_add(const struct weir_call *call)
{
    struct weir_server *s = call->server;
    struct weir_renders *all = s->renders;
    struct render *r = calloc(1, sizeof *r);
    struct weir_error err;
    char path[512];
    const struct weir_caller *who = &call->who;
    int rc = r ? weir_render_find(&all->settings, path, sizeof path, &err)
               : weir_fail(&err, WEIR_ENOMEM, "no memory for a file");
    if (rc == WEIR_ENOENT) {
        weir_serve_refuse(call, 501, WEIR_EUNSUPPORTED, err.message);
        free(r);
        return;
    }
    rc = rc ? rc : read_body(call, r, &err);
    if (rc == 0) {
        r->all = all;
        r->asked_at = weir_mono();
        snprintf(r->person, sizeof r->person, "%s", who->by_id[0] ? who->by_id : who->id);
        /* (it may have to wait for all before it) */
        weir_time life = all->settings.timeout * (all->settings.queue + 1);
        rc = weir_passes_make(s->passes, who, r->report, life, r->pass, &err);
    }
    struct render shown = rc ? (struct render){0} : *r;
    rc = rc ? rc : enqueue(all, r, &err);
    if (rc) {
        weir_serve_reply_error(call, &err);
        if (r) {
            weir_passes_end(s->passes, r->pass);
            render_free(r);
        }
    } else {
        answer(call, 202, &shown); /* of *r, others may have begun to write */
    }
}

/* --- fetching --------------------------------------------------------------------------------- */

static void refuse_unknown(const struct weir_call *call)
{
    weir_serve_refuse(call, 404, WEIR_ENOENT,
                      "there is no such file: it is kept for a while for whoever asked for it; ask "
                      "for it again");
}

void weir_serve_render(const struct weir_call *call)
{
    struct weir_renders *all = call->server->renders;
    pthread_mutex_lock(&all->lock);
    drop_old(all);
    struct render *r = *find(all, &call->who, call->id);
    struct render shown = r ? *r : (struct render){0};
    pthread_mutex_unlock(&all->lock);
    if (r) {
        answer(call, 200, &shown);
    } else {
        refuse_unknown(call);
    }
}

void weir_serve_render_remove(const struct weir_call *call)
{
    struct weir_renders *all = call->server->renders;
    pthread_mutex_lock(&all->lock);
    struct render **link = find(all, &call->who, call->id);
    bool found = *link;
    if (found) {
        drop(all, link);
    }
    pthread_mutex_unlock(&all->lock);
    if (found) {
        call->server->requests[2]++;
        weir_http_reply(call->req, 204, NULL, WEIR_STR(""));
    } else {
        refuse_unknown(call);
    }
}

void weir_serve_render_file(const struct weir_call *call)
{
    struct weir_renders *all = call->server->renders;
    struct weir_error err;
    int fd = -1, errnum = 0;
    char title[MAX_TITLE + 1] = "";
    enum weir_render_format format = WEIR_RENDER_PDF;
    pthread_mutex_lock(&all->lock);
    drop_old(all);
    struct render *r = *find(all, &call->who, call->id);
    bool done = r && r->state == DONE;
    if (done) {
        fd = open(r->file, O_RDONLY | O_CLOEXEC);
        errnum = errno;
        memcpy(title, r->title, sizeof title);
        format = r->format;
    }
    pthread_mutex_unlock(&all->lock);
    if (!done) {
        refuse_unknown(call);
    } else if (fd < 0) {
        weir_fail_errno(&err, errnum, "the file cannot be read");
        weir_serve_reply_error(call, &err);
    } else {
        bool pdf = format == WEIR_RENDER_PDF;
        weir_serve_send_file(call, fd, pdf ? "application/pdf" : "image/png", title,
                             pdf ? "pdf" : "png");
    }
}
