/* A connection's life: from bytes to a request, from an answer to the next request. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/http_conn.h"

#define SKIP_AT_MOST (256 * 1024) /* a longer unread body costs the connection */
#define LINGER_TIME  (3 * WEIR_SECOND)
#define LINGER_MOST  (30 * WEIR_SECOND)
#define READS_A_TURN 16 /* then others have their turn */

static void on_read(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    weir_http_conn_run(arg, true);
}

void weir_http_conn_new(struct weir_http_server *server, int fd, const char *peer, bool loopback)
{
    struct weir_http_conn *conn = calloc(1, sizeof *conn);
    if (!conn) {
        close(fd);
        return;
    }
    conn->server = server;
    conn->fd = fd;
    conn->loopback = loopback;
    strncpy(conn->peer, peer, sizeof conn->peer - 1);
    conn->moved = weir_http_clock(CLOCK_MONOTONIC_COARSE);
    conn->req.conn = conn;
    weir_buf_init(&conn->out, WEIR_HTTP_MAX_OUT);
    weir_buf_init(&conn->req.decoded, server->options.max_body);
    weir_buf_init(&conn->req.path, server->options.max_headers);
    weir_buf_init(&conn->req.headers, 64 * 1024);
    event_assign(&conn->read_event, server->base, fd, EV_READ | EV_PERSIST, on_read, conn);
    event_assign(&conn->write_event, server->base, fd, EV_WRITE | EV_PERSIST,
                 weir_http_conn_on_write, conn);
    conn->next = server->conns;
    if (conn->next) {
        conn->next->prev = conn;
    }
    server->conns = conn;
    weir_http_count_conn(server, 1);
    if (event_add(&conn->read_event, NULL) != 0) {
        weir_http_conn_close(conn);
        return;
    }
    conn->reading = true;
}

/* Gives back what the request held; the connection may go on. */
static void forget_request(struct weir_http_conn *conn)
{
    struct weir_http_request *req = &conn->req;
    weir_http_stream_forget(conn);
    if (conn->server) {
        weir_http_pool_give(&conn->server->heads, req->head);
        weir_http_count_buffered(conn->server, 0, req->decoded.cap);
    } else {
        free(req->head);
    }
    req->head = NULL;
    weir_buf_free(&req->decoded);
    weir_buf_reset(&req->headers);
    weir_buf_trim(&req->headers, 1024);
    weir_buf_trim(&req->path, 1024);
    req->body = (struct weir_str){"", 0};
    req->early = req->streaming = req->chunked = req->no_body = false;
    req->drained = req->gone = NULL;
}

static void conn_free(struct weir_http_conn *conn)
{
    forget_request(conn);
    weir_buf_free(&conn->req.headers);
    weir_buf_free(&conn->req.path);
    weir_buf_free(&conn->out);
    free(conn);
}

void weir_http_conn_close(struct weir_http_conn *conn)
{
    if (conn->dead) {
        return;
    }
    struct weir_http_server *server = conn->server;
    conn->dead = true;
    event_del(&conn->read_event);
    event_del(&conn->write_event);
    conn->reading = conn->writing = false;
    close(conn->fd);
    conn->fd = -1;
    *(conn->prev ? &conn->prev->next : &server->conns) = conn->next;
    if (conn->next) {
        conn->next->prev = conn->prev;
    }
    weir_http_count_conn(server, -1);
    weir_buf_free(&conn->out);
    if (!conn->held) {
        weir_http_input_consume(conn, conn->in_len);
    }
    weir_http_server_forgot(server);
    if (!conn->held && !conn->running) {
        conn_free(conn);
    }
}

/* The client has gone. A handler that still works for it may want to stop. */
static void tell_gone(struct weir_http_conn *conn)
{
    weir_loop_fn gone = conn->held ? conn->req.gone : NULL;
    if (gone) {
        conn->req.gone = NULL;
        gone(conn->req.gone_arg);
    }
}

void weir_http_conn_orphan(struct weir_http_conn *conn)
{
    conn->running = true;
    tell_gone(conn);
    weir_http_conn_close(conn);
    conn->running = false;
    if (conn->held) {
        conn->server = NULL;
    } else {
        conn_free(conn);
    }
}

static void finish(struct weir_http_conn *conn)
{
    if (conn->eof || (!conn->linger && conn->in_len <= conn->request_len)) {
        weir_http_conn_close(conn);
        return;
    }
    if (!conn->reading) {
        event_add(&conn->read_event, NULL);
        conn->reading = true;
    }
    shutdown(conn->fd, SHUT_WR);
    forget_request(conn);
    weir_http_input_consume(conn, conn->in_len);
    conn->state = WEIR_HTTP_LINGERING;
    conn->begun = conn->moved = weir_http_clock(CLOCK_MONOTONIC_COARSE);
}

void weir_http_conn_next(struct weir_http_conn *conn)
{
    if (!conn->req.keep_alive || (conn->eof && conn->in_len <= conn->request_len)) {
        finish(conn);
        return;
    }
    uint64_t skip = conn->skip;
    forget_request(conn);
    weir_http_input_consume(conn, conn->request_len);
    conn->request_len = conn->head_len = conn->body_len = conn->scanned = 0;
    conn->state = skip ? WEIR_HTTP_SKIPPING : WEIR_HTTP_HEAD_STATE;
    conn->begun = conn->moved;
    if (!conn->reading && !conn->eof) {
        event_add(&conn->read_event, NULL);
        conn->reading = true;
    }
    if (conn->in_len && !conn->running) {
        event_active(&conn->read_event, EV_READ, 0);
    }
}

void weir_http_conn_answered(struct weir_http_conn *conn)
{
    conn->held = false;
    if (conn->dead) {
        if (conn->server) {
            weir_http_input_consume(conn, conn->in_len);
        } else {
            free(conn->in);
        }
        if (!conn->running) {
            conn_free(conn);
        }
        return;
    }
    if (conn->lost) {
        weir_http_conn_close(conn);
        return;
    }
    conn->state = WEIR_HTTP_FLUSHING;
    if (weir_http_conn_pending(conn) == 0) {
        weir_http_conn_next(conn);
    }
}

static void refuse(struct weir_http_conn *conn, int status, const char *why)
{
    struct weir_http_server *server = conn->server;
    conn->held = true;
    conn->state = WEIR_HTTP_HANDLING;
    conn->linger = true;
    conn->req.keep_alive = false;
    conn->req.body = (struct weir_str){"", 0};
    conn->request_len = conn->in_len;
    if (status == 503) {
        weir_http_set(&conn->req, "Retry-After", "1");
    }
    if (server->options.refused) {
        server->options.refused(&conn->req, status, why, server->options.arg);
    } else {
        weir_http_reply(&conn->req, status, "text/plain", weir_str_of(why));
    }
}

/* What was read of a head that cannot be read to its end is not to be trusted. */
static void refuse_head(struct weir_http_conn *conn, int status, const char *why)
{
    if (conn->req.head) {
        memset(conn->req.head, 0, sizeof *conn->req.head);
    }
    weir_buf_reset(&conn->req.path);
    refuse(conn, status, why);
}

/* --- from bytes to a request -------------------------------------------------------------------
 */

static bool dispatch(struct weir_http_conn *conn)
{
    struct weir_http_request *req = &conn->req;
    struct weir_http_server *server = conn->server;
    req->body = (struct weir_str){conn->in + conn->head_len, conn->body_len};
    int at = weir_http_head_find(req->head, conn->in, "content-encoding", 0);
    if (at >= 0) {
        struct weir_http_span value = req->head->fields[at].value;
        struct weir_str encoding = {conn->in + value.at, value.len};
        if (!weir_http_is_identity(encoding)) {
            const char *why = "";
            int status = weir_http_decode(server->codec, encoding, req->body, &req->decoded, &why);
            weir_http_count_buffered(server, req->decoded.cap, 0);
            if (status) {
                refuse(conn, status, why);
                return true;
            }
            req->body = weir_buf_str(&req->decoded);
        }
    }
    if (req->body.len == 0) {
        static const char nothing[WEIR_BUF_PADDING];
        req->body.ptr = nothing;
    }
    conn->held = true;
    conn->state = WEIR_HTTP_HANDLING;
    server->options.handler(req, server->options.arg);
    return true;
}

/* Asks whether the body is worth reading. True when the request was answered instead. */
static bool refused_early(struct weir_http_conn *conn)
{
    struct weir_http_server *server = conn->server;
    const struct weir_http_head *head = conn->req.head;
    bool too_large = head->length > server->options.max_body;
    if (!server->options.admit || (too_large && !server->options.streams)) {
        if (too_large) {
            refuse(conn, 413, "body is too large");
        }
        return too_large;
    }
    size_t here = conn->in_len - conn->head_len;
    conn->skip = head->length > here ? head->length - here : 0;
    conn->request_len = conn->head_len + (conn->skip ? here : (size_t)head->length);
    conn->held = true;
    conn->state = WEIR_HTTP_HANDLING;
    conn->req.early = true;
    conn->req.body = (struct weir_str){"", 0};
    if (head->chunked || conn->skip > SKIP_AT_MOST || (conn->skip && head->expect_continue)) {
        conn->linger = true;
        conn->skip = 0;
    }
    if (server->options.admit(&conn->req, server->options.arg)) {
        return true;
    }
    conn->held = conn->req.early = conn->linger = false;
    conn->skip = 0;
    if (too_large && !conn->stream.sink) {
        refuse(conn, 413, "body is too large");
        return true;
    }
    return false;
}

static void take_path(struct weir_http_conn *conn)
{
    struct weir_http_request *req = &conn->req;
    struct weir_str raw = {conn->in + req->head->path.at, req->head->path.len};
    weir_buf_reset(&req->path);
    char *to = weir_buf_room(&req->path, raw.len + 1);
    if (to) {
        req->path.len = weir_http_unescape(raw, to, false);
        to[req->path.len] = '\0';
    }
    if (req->path.len == 0) {
        weir_buf_addc(&req->path, '/');
    }
}

static bool begin_request(struct weir_http_conn *conn)
{
    struct weir_http_request *req = &conn->req;
    const char *why = "out of memory";
    if (!req->head) {
        req->head = weir_http_pool_take(&conn->server->heads);
    }
    int status =
        req->head ? weir_http_head_parse(conn->in, (uint32_t)conn->head_len, req->head, &why) : 503;
    if (status) {
        refuse_head(conn, status, why);
        return true;
    }
    req->keep_alive = req->head->keep_alive && !conn->server->draining;
    req->no_body = req->head->method == WEIR_HTTP_HEAD;
    take_path(conn);
    if (!weir_buf_ok(&req->path) || memchr(req->path.data, '\0', req->path.len)) {
        refuse(conn, 400, "malformed path");
        return true;
    }
    if (req->head->method == 0) {
        refuse(conn, 501, "method is not implemented");
        return true;
    }
    if (refused_early(conn)) {
        return true;
    }
    bool handed_on = conn->stream.sink != NULL;
    conn->body_len = req->head->chunked || handed_on ? 0 : (size_t)req->head->length;
    conn->request_len = conn->head_len + conn->body_len;
    conn->chunks = (struct weir_http_chunks){0};
    conn->state = req->head->chunked ? WEIR_HTTP_CHUNKS_STATE : WEIR_HTTP_BODY_STATE;
    bool whole = conn->state == WEIR_HTTP_BODY_STATE &&
                 conn->in_len - conn->head_len >= (size_t)req->head->length;
    if (req->head->expect_continue && !whole && req->head->minor == 1) {
        weir_http_conn_push(conn, WEIR_STR("HTTP/1.1 100 Continue\r\n\r\n"), (struct weir_str){0},
                            false);
    }
    return true;
}

/* Each step_ function moves the connection on and returns true, or needs more bytes. */
static bool step_head(struct weir_http_conn *conn)
{
    size_t blank = 0;
    while (blank + 1 < conn->in_len && memcmp(conn->in + blank, "\r\n", 2) == 0) {
        blank += 2; /* RFC 9112, 2.2: empty lines before a request */
    }
    if (blank) {
        weir_http_input_consume(conn, blank);
        conn->scanned = 0;
    }
    if (conn->in_len == 0) {
        return false;
    }
    if (conn->scanned == 0) {
        conn->begun = conn->moved;
    }
    size_t from = conn->scanned > 3 ? conn->scanned - 3 : 0;
    const char *end = memmem(conn->in + from, conn->in_len - from, "\r\n\r\n", 4);
    conn->scanned = conn->in_len;
    size_t len = end ? (size_t)(end - conn->in) + 4 : conn->in_len;
    if (len > conn->server->options.max_headers) {
        refuse_head(conn, 431, "header fields are too large");
        return true;
    }
    if (!end) {
        return false;
    }
    conn->head_len = len;
    return begin_request(conn);
}

/* More bytes are needed; where memory for all requests is used up, they are not waited for. */
static bool wait_for_more(struct weir_http_conn *conn)
{
    const struct weir_http_server *server = conn->server;
    size_t most = server->options.max_buffered;
    if (most && server->buffered > most && conn->in_len > WEIR_HTTP_SMALL) {
        refuse(conn, 503, "too many requests at once");
        return true;
    }
    return false;
}

static bool step_stream(struct weir_http_conn *conn)
{
    const char *why = "";
    bool whole = false;
    int status = weir_http_stream_step(conn, &whole, &why);
    if (status) {
        refuse(conn, status, why);
        return true;
    }
    return whole && dispatch(conn);
}

static bool step_body(struct weir_http_conn *conn)
{
    if (conn->stream.sink) {
        return step_stream(conn);
    }
    return conn->in_len >= conn->request_len ? dispatch(conn) : wait_for_more(conn);
}

static bool step_chunks(struct weir_http_conn *conn)
{
    if (conn->stream.sink) {
        return step_stream(conn);
    }
    char *out = conn->in + conn->head_len + conn->body_len;
    size_t raw_len = conn->in_len - conn->head_len - conn->body_len;
    size_t used, made;
    const char *why = "";
    size_t left = conn->server->options.max_body - conn->body_len;
    int status = weir_http_chunks_feed(&conn->chunks, out, raw_len, out, &used, &made, &why);
    if (!status && (made > left || conn->chunks.left > left - made)) {
        status = 413;
        why = "body is too large";
    }
    if (status) {
        refuse(conn, status, why);
        return true;
    }
    memmove(out + made, out + used, raw_len - used);
    conn->in_len -= used - made;
    weir_http_input_charge(conn);
    conn->body_len += made;
    conn->request_len = conn->head_len + conn->body_len;
    return conn->chunks.state == WEIR_HTTP_CHUNK_DONE ? dispatch(conn) : wait_for_more(conn);
}

static bool step_skip(struct weir_http_conn *conn)
{
    size_t n = conn->in_len < conn->skip ? conn->in_len : (size_t)conn->skip;
    weir_http_input_consume(conn, n);
    conn->skip -= n;
    if (conn->skip) {
        return false;
    }
    conn->state = WEIR_HTTP_HEAD_STATE;
    return true;
}

static bool step(struct weir_http_conn *conn)
{
    switch (conn->state) {
    case WEIR_HTTP_HEAD_STATE:
        return step_head(conn);
    case WEIR_HTTP_BODY_STATE:
        return step_body(conn);
    case WEIR_HTTP_CHUNKS_STATE:
        return step_chunks(conn);
    case WEIR_HTTP_SKIPPING:
        return step_skip(conn);
    case WEIR_HTTP_LINGERING:
        weir_http_input_consume(conn, conn->in_len);
        return false;
    default:
        return false;
    }
}

static void at_end_of_input(struct weir_http_conn *conn)
{
    conn->eof = true;
    event_del(&conn->read_event);
    conn->reading = false;
}

static void client_is_lost(struct weir_http_conn *conn)
{
    tell_gone(conn);
    weir_http_conn_close(conn);
}

void weir_http_conn_run(struct weir_http_conn *conn, bool readable)
{
    conn->running = true;
    for (int i = 0; i < READS_A_TURN && !conn->dead; i++) {
        enum weir_http_fill fill = WEIR_HTTP_FILL_SHORT;
        if (conn->lost) {
            client_is_lost(conn);
            break;
        }
        if (readable && conn->reading) {
            fill = weir_http_conn_fill(conn);
        }
        while (!conn->dead && !conn->lost && step(conn)) {
        }
        if (conn->dead) {
            break;
        }
        if (fill == WEIR_HTTP_FILL_EOF) {
            at_end_of_input(conn);
        } else if (fill == WEIR_HTTP_FILL_ERROR) {
            client_is_lost(conn);
        }
        if (fill != WEIR_HTTP_FILL_FULL) {
            break;
        }
    }
    if (conn->eof && !conn->dead && conn->state == WEIR_HTTP_HANDLING) {
        /* It may only have closed its half: the answer is still sent. What waited for the answer
         * before it begins with nobody there. */
        tell_gone(conn);
    }
    if (conn->eof && conn->state != WEIR_HTTP_HANDLING && conn->state != WEIR_HTTP_FLUSHING) {
        weir_http_conn_close(conn); /* what is missing will not come */
    }
    if (conn->closing && conn->state == WEIR_HTTP_HEAD_STATE && conn->in_len == 0) {
        weir_http_conn_close(conn);
    }
    conn->running = false;
    if (conn->dead && !conn->held) {
        conn_free(conn);
    }
}

/* A body may take its time, while there is memory for it: a few clients that hold much and send a
 * byte now and then must not keep everybody else out. */
static bool is_in_the_way(const struct weir_http_conn *conn, weir_time now, weir_time idle)
{
    const struct weir_http_server *server = conn->server;
    return now - conn->begun > idle && server->options.max_buffered &&
           server->buffered > server->options.max_buffered / 2;
}

void weir_http_conn_sweep(struct weir_http_conn *conn, weir_time now)
{
    weir_time idle = conn->server->options.idle_seconds * WEIR_SECOND;
    bool silent = now - conn->moved > idle;
    switch (conn->state) {
    case WEIR_HTTP_HEAD_STATE:
        if (conn->in_len && now - conn->begun > idle) {
            refuse_head(conn, 408, "the head of the request took too long");
        } else if (!conn->in_len && silent) {
            weir_http_conn_close(conn);
        }
        break;
    case WEIR_HTTP_BODY_STATE:
    case WEIR_HTTP_CHUNKS_STATE:
        if (silent || is_in_the_way(conn, now, idle)) {
            refuse(conn, 408, "the body of the request took too long");
        }
        break;
    case WEIR_HTTP_LINGERING:
        if (now - conn->moved > LINGER_TIME || now - conn->begun > LINGER_MOST) {
            weir_http_conn_close(conn);
        }
        break;
    case WEIR_HTTP_HANDLING:
    case WEIR_HTTP_FLUSHING:
        if (silent && weir_http_conn_pending(conn)) {
            client_is_lost(conn);
        }
        break;
    default:
        if (silent) {
            weir_http_conn_close(conn);
        }
        break;
    }
}
