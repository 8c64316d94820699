#include "serve/stream.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cond.h"
#include "serve/history.h"
#include "serve/outcome.h"
#include "serve/results.h"
#include "serve/shelf.h"
#include "serve/usage.h"
#include "serve/views.h"

#define PART        (256u << 10) /* bytes of a kept result that are sent at once */
#define MAX_POSTED  (4u << 20)   /* on the way from worker to loop */
#define MAX_PENDING (4u << 20)   /* waiting for the client */

struct stream {
    struct weir_server *server;
    struct weir_http_request *req;     /* the loop's */
    struct weir_compiling *from;       /* the template that it was compiled from, or NULL */
    struct weir_query_body own, *body; /* without one, its own */
    struct weir_query_request request; /* borrows from these */
    struct weir_history_entry *entry;  /* the loop's */
    char *disposition;                 /* Content-Disposition of a good answer, or NULL */
    struct weir_caller who;
    char id[17];
    bool begun; /* the loop's */

    /* the loop's: what was kept */
    struct weir_buf key;    /* empty: it is neither looked for nor kept */
    struct weir_kept *kept; /* it is the answer */
    size_t sent;            /* bytes of it */

    struct weir_outcome outcome; /* to be kept; the worker's until `done` */
    bool whole;                  /* all bytes are in it; the same */

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
    weir_outcome_free(&s->outcome);
    weir_kept_release(s->kept);
    weir_buf_free(&s->key);
    weir_compiling_free(s->from);
    weir_query_body_free(&s->own);
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
        if (s->key.len) {
            weir_http_set(s->req, "Weir-Cached", s->kept ? "true" : "false");
        }
        weir_http_begin(s->req, 200, content_type(s->request.format));
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
    const char *report = s->body->report ? s->body->report : "";
    weir_usage_add(s->server->usage, weir_caller_asker(&s->who), report, &count);
    if (e->code == WEIR_EPERM) {
        weir_serve_note_denied(s->server, &s->who, "query.refused",
                               weir_str_of(s->body->request.sql), &e->err);
    }
}

/* For whoever asks the same next. */
static void keep(struct stream *s, int code)
{
    struct weir_kept *kept = NULL;
    struct weir_error ignored;
    if (code == 0 && s->whole) {
        int rc = weir_outcome_keep(&s->outcome, s->server->keeper, weir_buf_str(&s->key), &kept,
                                   &ignored);
        (void)rc; /* she has her answer */
    }
    weir_kept_release(kept);
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
    if (e->code) {
        weir_views_explain(weir_shelf_views(s->server->shelf), s->request.access,
                           s->body->request.sql, &e->err);
    }
    if (e->code == 0) {
        begin(s);
        weir_http_set(s->req, "Weir-Truncated", e->summary.truncated ? "true" : "false");
        weir_http_end(s->req);
    } else if (!s->begun) {
        weir_serve_reply_sql_error(&call, &e->err, s->body->request.sql, at);
    } else if (s->request.format == WEIR_FORMAT_COLUMNS) {
        struct weir_buf json, frame;
        weir_buf_init(&json, 16384);
        weir_buf_init(&frame, 16384 + 64);
        weir_serve_print_error(&json, &e->err, s->body->request.sql, at);
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
    keep(s, e->code);
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
    if (s->whole) {
        weir_buf_adds(&s->outcome.bytes, bytes);
        if (!weir_buf_ok(&s->outcome.bytes)) {
            s->whole = false;
            weir_buf_free(&s->outcome.bytes);
        }
    }
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
    weir_outcome_end(&s->outcome, code, summary);
    if (err) {
        e->err = *err;
    }
    if (weir_loop_post(s->server->loop, finish, e)) {
        abort();
    }
}

/* --- what was kept ------------------------------------------------------------------------------
 */

static void kept_end(void *arg)
{
    struct stream *s = arg;
    const struct weir_usage_count count = {.queries = 1, .hits = 1};
    const struct weir_query_summary summary = {
        .rows = s->kept->rows, .truncated = s->kept->truncated, .error_offset = -1};
    weir_http_on_gone(s->req, NULL, NULL);
    weir_http_on_drain(s->req, NULL, NULL);
    if (s->begun && s->sent < s->kept->bytes.len) {
        weir_http_abort(s->req);
    } else if (s->begun) {
        weir_http_set(s->req, "Weir-Truncated", s->kept->truncated ? "true" : "false");
        weir_http_end(s->req);
    }
    weir_usage_add(s->server->usage, weir_caller_asker(&s->who),
                   s->body->report ? s->body->report : "", &count);
    weir_history_end(s->server->history, s->entry, &summary, NULL);
    stream_free(s);
}

/* The request is held until it is ended, which must not happen while the connection tells. */
static void kept_gone(void *arg)
{
    struct stream *s = arg;
    weir_http_on_drain(s->req, NULL, NULL);
    if (weir_loop_post(s->server->loop, kept_end, s)) {
        abort(); /* no memory for a few bytes; the connection would never be given back */
    }
}

/* A client that reads slowly holds the result, which it shares with all others, and a little more.
 */
static void kept_send(void *arg)
{
    struct stream *s = arg;
    struct weir_str bytes = s->kept->bytes;
    while (s->sent < bytes.len && weir_http_pending(s->req) <= PART) {
        size_t n = bytes.len - s->sent < PART ? bytes.len - s->sent : PART;
        weir_http_chunk(s->req, (struct weir_str){bytes.ptr + s->sent, n});
        s->sent += n;
    }
    if (s->sent == bytes.len) {
        kept_end(s);
    }
}

/* Takes `kept` over. */
static void kept_begin(struct stream *s, struct weir_kept *kept)
{
    char etag[36], at[28];
    s->kept = kept;
    snprintf(etag, sizeof etag, "\"%016llx%016llx\"", (unsigned long long)kept->etag.hi,
             (unsigned long long)kept->etag.lo);
    weir_http_set(s->req, "ETag", etag);
    weir_time_format(kept->computed_at, at);
    weir_http_set(s->req, "Weir-Computed-At", at);
    if (kept->expires_at) {
        weir_time_format(kept->expires_at, at);
        weir_http_set(s->req, "Weir-Expires-At", at);
    }
    if (s->body->known && strcmp(s->body->known, etag) == 0) {
        s->server->requests[3]++;
        weir_http_reply(s->req, 304, NULL, WEIR_STR(""));
        kept_end(s);
        return;
    }
    begin(s);
    weir_http_on_gone(s->req, kept_gone, s);
    weir_http_on_drain(s->req, kept_send, s);
    kept_send(s);
}

/* --- the beginning ------------------------------------------------------------------------------
 */

static struct stream *stream_new(const struct weir_call *call, struct weir_query_body *body,
                                 struct weir_compiling *from)
{
    struct stream *s = calloc(1, sizeof *s);
    if (!s) {
        return NULL;
    }
    pthread_mutex_init(&s->lock, NULL);
    weir_cond_init(&s->room);
    weir_buf_init(&s->key, 80u << 20);
    weir_outcome_init(&s->outcome, weir_keeper_settings(call->server->keeper)->result);
    s->server = call->server;
    s->req = call->req;
    s->who = call->who;
    s->disposition = call->disposition ? strdup(call->disposition) : NULL;
    if (call->disposition && !s->disposition) {
        stream_free(s);
        return NULL;
    }
    s->from = from;
    s->body = from ? &from->body : &s->own;
    if (!from) {
        s->own = *body;
        memset(body, 0, sizeof *body);
    }
    return s;
}

static void make_request(struct stream *s, const struct weir_call *call)
{
    struct weir_query_request *r = &s->request;
    *r = s->body->request;
    if (s->from) { /* errors are shown in the template */
        r->sql = s->from->t.out.sql.ptr;
        r->params = s->from->t.params;
        r->param_count = s->from->t.param_count;
    }
    weir_serve_limit(call, &r->limits);
    r->owner = weir_caller_asker(&s->who);
    r->report = s->body->report;
    r->query = s->body->query;
    r->sink = sink;
    r->done = done;
    r->arg = s;
    if (!s->disposition) {
        weir_results_key(s->server->results, r, &s->key);
        if (!weir_buf_ok(&s->key)) {
            weir_buf_free(&s->key);
        }
    }
    r->reads = s->whole = s->key.len > 0;
}

static void refuse(struct stream *s, const struct weir_error *err)
{
    struct weir_call call = {.server = s->server, .req = s->req};
    weir_http_on_gone(s->req, NULL, NULL);
    weir_serve_reply_error(&call, err);
    weir_history_end(s->server->history, s->entry, NULL, err);
    stream_free(s);
}

static void run(struct stream *s)
{
    struct weir_error err;
    weir_outcome_begin(&s->outcome, s->request.format);
    if (weir_query_start(s->server->pool, &s->request, s->id, &err)) {
        refuse(s, &err);
        return;
    }
    if (s->key.len && !s->body->fresh) {
        weir_keeper_count(s->server->keeper, false);
    }
    weir_http_set(s->req, "X-Weir-Query-Id", s->id);
    weir_http_on_gone(s->req, client_gone, s);
    weir_http_on_drain(s->req, drained, s);
}

/* On the loop: it was looked for on the disk. */
static void was_read(struct weir_kept *kept, void *arg)
{
    struct stream *s = arg;
    struct weir_error err;
    if (s->gone) {
        weir_kept_release(kept);
        weir_fail(&err, WEIR_ECANCELED, "the client has gone");
        refuse(s, &err);
    } else if (kept) {
        kept_begin(s, kept);
    } else {
        run(s);
    }
}

void weir_stream_start(const struct weir_call *call, struct weir_query_body *body,
                       struct weir_compiling *from)
{
    struct weir_error err;
    struct weir_keeper *keeper = call->server->keeper;
    struct stream *s = stream_new(call, body, from);
    if (!s) {
        weir_compiling_free(from);
        weir_fail(&err, WEIR_ENOMEM, "no memory for a query");
        weir_serve_reply_error(call, &err);
        return;
    }
    make_request(s, call);
    s->entry = weir_history_begin(call, s->body);
    bool look = s->key.len && !s->body->fresh;
    struct weir_kept *kept = look ? weir_keeper_find(keeper, weir_buf_str(&s->key), true) : NULL;
    if (kept) {
        kept_begin(s, kept);
    } else if (look && weir_keeper_read(keeper, weir_buf_str(&s->key), was_read, s)) {
        weir_http_on_gone(s->req, client_gone, s);
    } else {
        run(s);
    }
}
