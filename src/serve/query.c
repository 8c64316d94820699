/* POST /api/query: the result goes out while it is computed.
 *
 * A worker encodes; the loop sends. What the worker made and the client has not taken yet is
 * bounded: beyond it the worker waits, and with it the engine. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/cond.h"
#include "serve/compile.h"
#include "serve/history.h"
#include "serve/query_report.h"
#include "serve/server.h"
#include "serve/usage.h"

#define MAX_POSTED  (4u << 20) /* on the way from worker to loop */
#define MAX_PENDING (4u << 20) /* waiting for the client */

struct stream {
    struct weir_server *server;
    struct weir_http_request *req;    /* the loop's */
    char *sql;                        /* for the error's position */
    struct weir_compiling *from;      /* the template that it was compiled from, or NULL */
    struct weir_history_entry *entry; /* the loop's */
    enum weir_format format;
    char *disposition; /* Content-Disposition of a good answer, or NULL */
    struct weir_caller who;
    char report[WEIR_ID_SIZE]; /* "": free SQL */
    char id[17];
    bool begun; /* the loop's */

    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t room;
    size_t posted;
    bool clogged; /* the client is slow */
    bool gone;
};

struct part {
    struct stream *stream;
    size_t len;
    char bytes[];
};

struct ending {
    struct stream *stream;
    int code;
    struct weir_query_summary summary;
    struct weir_error err;
};

static const char *content_type(enum weir_format format)
{
    static const char *const types[] = {
        [WEIR_FORMAT_TABLE] = "text/plain; charset=utf-8",
        [WEIR_FORMAT_CSV] = "text/csv; charset=utf-8",
        [WEIR_FORMAT_JSON] = "application/json",
        [WEIR_FORMAT_NDJSON] = "application/x-ndjson",
        [WEIR_FORMAT_PARQUET] = "application/vnd.apache.parquet",
        [WEIR_FORMAT_COLUMNS] = "application/vnd.weir.columns",
        [WEIR_FORMAT_XLSX] = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    };
    return types[format];
}

static void stream_free(struct stream *s)
{
    pthread_cond_destroy(&s->room);
    pthread_mutex_destroy(&s->lock);
    weir_compiling_free(s->from);
    free(s->sql);
    free(s->disposition);
    free(s);
}

/* --- on the loop ---------------------------------------------------------------------------- */

static void begin(struct stream *s)
{
    if (!s->begun) {
        s->begun = true;
        s->server->requests[2]++;
        if (weir_http_takes_trailers(s->req)) {
            weir_http_set(s->req, "Trailer", "Weir-Truncated");
        }
        if (s->disposition) {
            weir_http_set(s->req, "Content-Disposition", s->disposition);
        }
        weir_http_begin(s->req, 200, content_type(s->format));
    }
}

static void drained(void *arg)
{
    struct stream *s = arg;
    pthread_mutex_lock(&s->lock);
    s->clogged = weir_http_pending(s->req) > MAX_PENDING;
    pthread_cond_signal(&s->room);
    pthread_mutex_unlock(&s->lock);
}

static void send_part(void *arg)
{
    struct part *part = arg;
    struct stream *s = part->stream;
    begin(s);
    weir_http_chunk(s->req, (struct weir_str){part->bytes, part->len});
    pthread_mutex_lock(&s->lock);
    s->posted -= part->len;
    s->clogged = weir_http_pending(s->req) > MAX_PENDING;
    pthread_cond_signal(&s->room);
    pthread_mutex_unlock(&s->lock);
    free(part);
}

static void client_gone(void *arg)
{
    struct stream *s = arg;
    pthread_mutex_lock(&s->lock);
    s->gone = true;
    pthread_cond_signal(&s->room);
    pthread_mutex_unlock(&s->lock);
    if (s->id[0]) {
        int rc = weir_query_cancel(s->server->pool, s->id, NULL);
        (void)rc; /* it may have ended by itself */
    }
}

static void note(const struct stream *s, const struct ending *e)
{
    const struct weir_usage_count count = {.queries = 1,
                                           .failures = e->code && e->code != WEIR_ECANCELED,
                                           .engine = e->summary.elapsed};
    weir_usage_add(s->server->usage, weir_caller_asker(&s->who), s->report, &count);
    if (e->code == WEIR_EPERM) {
        weir_serve_note_denied(s->server, &s->who, "query.refused", weir_str_of(s->sql), &e->err);
    }
}

static void finish(void *arg)
{
    struct ending *e = arg;
    struct stream *s = e->stream;
    int64_t at = e->summary.error_offset;
    struct weir_call call = {.server = s->server, .req = s->req};
    if (s->from) { /* shown in the template */
        at = weir_param_source_offset(&s->from->t.out, at);
    }
    weir_http_on_gone(s->req, NULL, NULL);
    weir_http_on_drain(s->req, NULL, NULL);
    if (e->code == 0) {
        begin(s);
        weir_http_set(s->req, "Weir-Truncated", e->summary.truncated ? "true" : "false");
        weir_http_end(s->req);
    } else if (!s->begun) {
        weir_serve_reply_sql_error(&call, &e->err, s->sql, at);
    } else if (s->format == WEIR_FORMAT_COLUMNS) {
        struct weir_buf json, frame;
        weir_buf_init(&json, 16384);
        weir_buf_init(&frame, 16384 + 64);
        weir_serve_print_error(&json, &e->err, s->sql, at);
        weir_columns_frame(&frame, WEIR_COLUMNS_ERROR, weir_buf_str(&json));
        weir_http_chunk(s->req, weir_buf_str(&frame));
        weir_http_end(s->req);
        weir_buf_free(&frame);
        weir_buf_free(&json);
    } else {
        /* The status is sent; a broken connection is all that still says "incomplete". */
        weir_log(s->server->log, WEIR_LOG_WARN, "a result broke off", "query", s->id, "error",
                 e->err.message);
        weir_http_abort(s->req);
    }
    note(s, e);
    weir_history_end(s->server->history, s->entry, &e->summary, e->code ? &e->err : NULL);
    stream_free(s);
    free(e);
}

/* --- on a worker ---------------------------------------------------------------------------- */

/* Waits until there is room; false when the rest is not wanted any more. A client that stops
 * reading must not keep the worker beyond the query's time, nor from being canceled. */
static bool wait_for_room(struct stream *s)
{
    bool wanted = !s->gone && !atomic_load(&s->server->stopping);
    while (wanted && (s->clogged || s->posted > MAX_POSTED)) {
        /* nobody signals when the server or the query stops */
        weir_cond_wait_until(&s->room, &s->lock, weir_mono() + WEIR_SECOND);
        wanted = !s->gone && !atomic_load(&s->server->stopping) &&
                 !weir_query_stopping(s->server->pool, s->id);
    }
    return wanted;
}

static int sink(struct weir_str bytes, void *arg)
{
    struct stream *s = arg;
    struct part *part = malloc(sizeof *part + bytes.len);
    if (!part) {
        return WEIR_ENOMEM;
    }
    part->stream = s;
    part->len = bytes.len;
    memcpy(part->bytes, bytes.ptr, bytes.len);
    pthread_mutex_lock(&s->lock);
    bool wanted = wait_for_room(s);
    s->posted += part->len;
    pthread_mutex_unlock(&s->lock);
    if (!wanted || weir_loop_post(s->server->loop, send_part, part)) {
        free(part);
        return WEIR_ECANCELED;
    }
    return 0;
}

static void done(int code, const struct weir_query_summary *summary, const struct weir_error *err,
                 void *arg)
{
    struct stream *s = arg;
    struct ending *e = malloc(sizeof *e);
    if (!e) {
        abort(); /* 1 KB: the process is past helping, and the request would never be answered */
    }
    *e = (struct ending){.stream = s, .code = code, .summary = *summary};
    if (err) {
        e->err = *err;
    }
    if (weir_loop_post(s->server->loop, finish, e)) {
        abort();
    }
}

/* --- the handlers --------------------------------------------------------------------------- */

static struct stream *stream_new(const struct weir_call *call, const struct weir_query_request *r)
{
    struct stream *s = calloc(1, sizeof *s);
    if (!s) {
        return NULL;
    }
    pthread_mutex_init(&s->lock, NULL);
    weir_cond_init(&s->room);
    s->server = call->server;
    s->req = call->req;
    s->format = r->format;
    s->sql = strdup(r->sql);
    s->disposition = call->disposition ? strdup(call->disposition) : NULL;
    if (!s->sql || (call->disposition && !s->disposition)) {
        stream_free(s);
        return NULL;
    }
    return s;
}

static int force_values(struct weir_query_body *body, const struct weir_report_look *look,
                        struct weir_error *err)
{
    struct weir_buf text;
    struct weir_str values;
    weir_buf_init(&text, 32u << 20);
    if (weir_json_exists(body->values)) {
        weir_json_print(body->values, &text);
    }
    int rc = weir_buf_check(&text, "the values", err);
    rc = rc ? rc : weir_query_values(look, &body->arena, weir_buf_str(&text), &values, err);
    body->merged = rc ? NULL : weir_json_parser_new(64);
    if (rc == 0 && !body->merged) {
        rc = weir_fail(err, WEIR_ENOMEM, "no memory for the values");
    }
    if (rc == 0) {
        weir_buf_reset(&text);
        weir_buf_adds(&text, values);
        rc = weir_buf_check(&text, "the values", err);
    }
    rc = rc ? rc : weir_json_parse(body->merged, weir_buf_str(&text), &body->values, err);
    weir_buf_free(&text);
    return rc;
}

/* The report's statement, and the values that hold for who asks. */
static int find_query(const struct weir_call *call, struct weir_query_body *body,
                      struct weir_error *err)
{
    struct weir_report_look look;
    int rc = weir_query_find_report(call, &body->arena, body->report, body->version, &look, err);
    rc = rc ? rc : weir_query_may_run(&look, body->query, err);
    rc = rc ? rc : weir_query_with_form(&body->arena, look.d, body->query, &body->request.sql, err);
    if (rc == 0 && look.forced) {
        rc = force_values(body, &look, err);
    }
    weir_report_look_end(&look);
    return rc;
}

/* Whoever writes SQL must be allowed to; through whose eyes it then sees is another matter. */
int weir_query_find_access(const struct weir_call *call, struct weir_query_body *body,
                           struct weir_error *err)
{
    struct weir_caller who = call->who;
    struct weir_access *access;
    struct weir_state *state = call->server->state;
    if (who.only[0] && (!body->report || (body->as && call->embed.ptr))) {
        return weir_fail(err, WEIR_EPERM,
                         "a pass opens one report, and runs its queries only, as its person");
    }
    if (who.role == WEIR_ROLE_VIEWER && !body->report) {
        return weir_fail(err, WEIR_EPERM,
                         "viewers open reports and run the queries in them, but write no SQL of "
                         "their own; ask an admin of this weir to make %s an editor",
                         who.email);
    }
    int rc = body->as ? weir_caller_see_as(&who, state, weir_str_of(body->as), err) : 0;
    if (rc == 0 && body->report) {
        struct weir_call looking = *call;
        looking.who = who; /* reports, too, are looked for through these eyes */
        rc = find_query(&looking, body, err);
    }
    rc = rc ? rc : weir_caller_access(state, &who, &body->arena, &access, err);
    if (rc == 0) {
        body->request.access = access;
    }
    return rc;
}

void weir_serve_limit(const struct weir_call *call, struct weir_query_limits *limits)
{
    const struct weir_query_settings *settings = &call->server->query_settings;
    if (call->who.role == WEIR_ROLE_VIEWER || call->embed.ptr) {
        weir_query_limits_narrow(limits, &settings->viewer);
    } else if (call->who.role == WEIR_ROLE_EDITOR) {
        weir_query_limits_narrow(limits, &settings->editor);
    }
}

/* `from` is NULL, or what the body's statement was compiled from; it is taken over. */
static void start(const struct weir_call *call, const struct weir_query_body *body,
                  struct weir_compiling *from)
{
    struct weir_error err;
    struct weir_query_request copy = body->request, *request = &copy;
    struct stream *s = stream_new(call, request);
    if (!s) {
        weir_compiling_free(from);
        weir_fail(&err, WEIR_ENOMEM, "no memory for a query");
        weir_serve_reply_error(call, &err);
        return;
    }
    s->from = from;
    s->who = call->who;
    snprintf(s->report, sizeof s->report, "%s", body->report ? body->report : "");
    if (from) { /* errors are shown in the template */
        request->sql = from->t.out.sql.ptr;
        request->params = from->t.params;
        request->param_count = from->t.param_count;
    }
    weir_serve_limit(call, &request->limits);
    request->owner = weir_caller_asker(&call->who);
    request->report = body->report;
    request->query = body->query;
    request->sink = sink;
    request->done = done;
    request->arg = s;
    s->entry = weir_history_begin(call, body);
    if (weir_query_start(call->server->pool, request, s->id, &err)) {
        weir_serve_reply_error(call, &err);
        weir_history_end(call->server->history, s->entry, NULL, &err);
        stream_free(s);
        return;
    }
    weir_http_set(call->req, "X-Weir-Query-Id", s->id);
    weir_http_on_gone(call->req, client_gone, s);
    weir_http_on_drain(call->req, drained, s);
}

static void compiled(struct weir_compiling *c)
{
    if (c->code) {
        weir_serve_reply_sql_error(&c->call, &c->err, c->body.request.sql, c->t.out.error_offset);
        weir_history_end(c->call.server->history, weir_history_begin(&c->call, &c->body), NULL,
                         &c->err);
        weir_compiling_free(c);
        return;
    }
    struct weir_call call = c->call;
    call.disposition = c->body.disposition;
    start(&call, &c->body, c);
}

void weir_serve_query(const struct weir_call *call)
{
    weir_serve_query_text(call, weir_http_body(call->req));
}

void weir_serve_query_text(const struct weir_call *call, struct weir_str text)
{
    struct weir_query_body body;
    struct weir_error err;
    int rc = weir_query_body_read(&body, text, &err);
    if (rc == 0 && call->disposition) {
        body.disposition = weir_arena_strdup(&body.arena, call->disposition);
        rc = body.disposition ? 0 : weir_fail(&err, WEIR_ENOMEM, "no memory for a file's name");
    }
    rc = rc ? rc : weir_query_find_access(call, &body, &err);
    if (rc == WEIR_EPERM) {
        weir_serve_note_denied(call->server, &call->who, "query.refused",
                               weir_str_of(body.request.sql), &err);
    }
    if (rc == 0 && (body.report || weir_json_exists(body.values))) {
        rc = weir_compiling_start(call, &body, compiled, &err);
    } else if (rc == 0) {
        start(call, &body, NULL);
    }
    if (rc) {
        weir_serve_reply_error(call, &err);
    }
    weir_query_body_free(&body);
}

static bool id_of(const struct weir_call *call, char id[17])
{
    if (call->id.len != 16) {
        return false;
    }
    memcpy(id, call->id.ptr, 16);
    id[16] = 0;
    return true;
}

/* Admins may ask about everybody's queries, others about their own. */
static const char *owner_of(const struct weir_call *call)
{
    return call->who.role == WEIR_ROLE_ADMIN ? NULL : weir_caller_asker(&call->who);
}

/* The same words for "not there" and "not yours". */
static void unknown_query(const struct weir_call *call)
{
    struct weir_error err;
    weir_fail(&err, WEIR_ENOENT,
              "no query of yours with this id waits or runs, or it ended long ago");
    weir_serve_reply_error(call, &err);
}

void weir_serve_query_progress(const struct weir_call *call)
{
    static const char *const states[] = {"queued", "running", "done", "failed"};
    struct weir_query_progress p;
    char id[17];
    if (!id_of(call, id) || weir_query_progress(call->server->pool, id, owner_of(call), &p)) {
        unknown_query(call);
        return;
    }
    struct weir_buf body;
    weir_buf_init(&body, 4096);
    struct weir_jw w = weir_jw_on(&body);
    weir_jw_object(&w);
    weir_jw_kstrz(&w, "id", id);
    weir_jw_kstrz(&w, "state", states[p.state]);
    weir_jw_keyz(&w, "progress");
    if (p.share < 0) {
        weir_jw_null(&w);
    } else {
        weir_jw_double(&w, p.share);
    }
    weir_jw_ku64(&w, "rows", p.rows);
    weir_jw_kbool(&w, "truncated", p.truncated);
    weir_jw_keyz(&w, "elapsed_ms");
    weir_jw_double(&w, (double)p.elapsed / 1000);
    if (p.state == WEIR_QUERY_FAILED) {
        weir_jw_kstrz(&w, "error", weir_code_name(p.code));
    }
    weir_jw_object_end(&w);
    weir_serve_reply_json(call, 200, &body);
    weir_buf_free(&body);
}
