/* Answers. */
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

#include "base/json_write.h"
#include "io/http_conn.h"

#define ONE_PIECE (16 * 1024) /* a body up to this size is copied behind its head */
#define FLUSH_AT  (16 * 1024) /* a streamed answer is sent when so much of it waits */

static const struct {
    int status;
    const char *line;
} status_lines[] = {
    {200, "HTTP/1.1 200 OK\r\n"},
    {201, "HTTP/1.1 201 Created\r\n"},
    {202, "HTTP/1.1 202 Accepted\r\n"},
    {204, "HTTP/1.1 204 No Content\r\n"},
    {206, "HTTP/1.1 206 Partial Content\r\n"},
    {301, "HTTP/1.1 301 Moved Permanently\r\n"},
    {302, "HTTP/1.1 302 Found\r\n"},
    {303, "HTTP/1.1 303 See Other\r\n"},
    {304, "HTTP/1.1 304 Not Modified\r\n"},
    {400, "HTTP/1.1 400 Bad Request\r\n"},
    {401, "HTTP/1.1 401 Unauthorized\r\n"},
    {403, "HTTP/1.1 403 Forbidden\r\n"},
    {404, "HTTP/1.1 404 Not Found\r\n"},
    {405, "HTTP/1.1 405 Method Not Allowed\r\n"},
    {408, "HTTP/1.1 408 Request Timeout\r\n"},
    {409, "HTTP/1.1 409 Conflict\r\n"},
    {413, "HTTP/1.1 413 Content Too Large\r\n"},
    {415, "HTTP/1.1 415 Unsupported Media Type\r\n"},
    {417, "HTTP/1.1 417 Expectation Failed\r\n"},
    {422, "HTTP/1.1 422 Unprocessable Content\r\n"},
    {429, "HTTP/1.1 429 Too Many Requests\r\n"},
    {431, "HTTP/1.1 431 Request Header Fields Too Large\r\n"},
    {499, "HTTP/1.1 499 Client Closed Request\r\n"},
    {500, "HTTP/1.1 500 Internal Server Error\r\n"},
    {501, "HTTP/1.1 501 Not Implemented\r\n"},
    {503, "HTTP/1.1 503 Service Unavailable\r\n"},
    {504, "HTTP/1.1 504 Gateway Timeout\r\n"},
    {505, "HTTP/1.1 505 HTTP Version Not Supported\r\n"},
};

static void add_status_line(struct weir_buf *out, int status)
{
    for (size_t i = 0; i < sizeof status_lines / sizeof status_lines[0]; i++) {
        if (status_lines[i].status == status) {
            weir_buf_addz(out, status_lines[i].line);
            return;
        }
    }
    weir_buf_addf(out, "HTTP/1.1 %03d -\r\n", status);
}

static void add_date(struct weir_http_server *server, struct weir_buf *out)
{
    weir_time second = weir_http_clock(CLOCK_REALTIME_COARSE) / WEIR_SECOND;
    if (second != server->date_second) {
        time_t t = (time_t)second;
        struct tm tm;
        gmtime_r(&t, &tm);
        strftime(server->date, sizeof server->date, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
        server->date_second = second;
    }
    weir_buf_addz(out, server->date);
}

static bool status_has_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

/* The head into the server's scratch buffer. `length` < 0: streamed. */
static void write_head(struct weir_http_request *req, int status, const char *type, int64_t length)
{
    struct weir_http_conn *conn = req->conn;
    struct weir_buf *out = &conn->server->scratch;
    if (conn->linger || conn->server->draining) {
        req->keep_alive = false;
    }
    weir_buf_reset(out);
    add_status_line(out, status);
    add_date(conn->server, out);
    if (type) {
        weir_buf_addz(out, "Content-Type: ");
        weir_buf_addz(out, type);
        weir_buf_addz(out, "\r\n");
    }
    if (req->chunked) {
        weir_buf_addz(out, "Transfer-Encoding: chunked\r\n");
    } else if (length >= 0 && status_has_body(status)) {
        weir_buf_addz(out, "Content-Length: ");
        weir_buf_add_i64(out, length);
        weir_buf_addz(out, "\r\n");
    }
    if (!req->keep_alive) {
        weir_buf_addz(out, "Connection: close\r\n");
    } else if (req->head && req->head->minor == 0) {
        weir_buf_addz(out, "Connection: keep-alive\r\n");
    }
    weir_buf_adds(out, weir_buf_str(&req->headers));
    weir_buf_addz(out, "\r\n");
}

void weir_http_set_first(struct weir_http_request *req, struct weir_str lines)
{
    struct weir_buf *set = &req->headers;
    size_t before = set->len;
    if (before >= lines.len && memcmp(set->data, lines.ptr, lines.len) == 0) {
        return;
    }
    weir_buf_adds(set, lines);
    if (before && weir_buf_ok(set)) {
        memmove(set->data + lines.len, set->data, before);
        memcpy(set->data, lines.ptr, lines.len);
    }
}

void weir_http_set(struct weir_http_request *req, const char *name, const char *value)
{
    struct weir_buf *lines = &req->headers;
    size_t n = strlen(name);
    for (size_t at = 0; at < lines->len;) {
        const char *line = lines->data + at;
        const char *end = memmem(line, lines->len - at, "\r\n", 2);
        size_t len = (size_t)(end - line) + 2;
        if (len > n && line[n] == ':' && strncasecmp(line, name, n) == 0) {
            memmove(lines->data + at, line + len, lines->len - at - len);
            lines->len -= len;
            break;
        }
        at += len;
    }
    size_t before = lines->len;
    weir_buf_add(lines, name, n);
    weir_buf_add(lines, ": ", 2);
    weir_buf_add(lines, value, strcspn(value, "\r\n"));
    weir_buf_add(lines, "\r\n", 2);
    if (!weir_buf_ok(lines)) {
        lines->len = before; /* a header that does not fit is left out whole */
        lines->failed = false;
    }
}

static void reply(struct weir_http_request *req, int status, const char *type, struct weir_str body,
                  bool is_static)
{
    struct weir_http_conn *conn = req->conn;
    if (!conn->dead && !conn->lost) {
        struct weir_buf *scratch = &conn->server->scratch;
        write_head(req, status, type, (int64_t)body.len);
        if (req->no_body || !status_has_body(status)) {
            body.len = 0;
        } else if (body.len <= ONE_PIECE) {
            weir_buf_adds(scratch, body);
            body.len = 0;
        }
        weir_http_conn_push(conn, weir_buf_str(scratch), body, is_static && body.len > 0);
    }
    weir_http_conn_answered(conn);
}

void weir_http_reply(struct weir_http_request *req, int status, const char *type,
                     struct weir_str body)
{
    reply(req, status, type, body, false);
}

void weir_http_reply_static(struct weir_http_request *req, int status, const char *type,
                            struct weir_str body)
{
    reply(req, status, type, body, true);
}

/* --- streamed ----------------------------------------------------------------------------------
 */

void weir_http_begin(struct weir_http_request *req, int status, const char *type)
{
    struct weir_http_conn *conn = req->conn;
    req->streaming = true;
    if (conn->dead || conn->lost) {
        return;
    }
    req->no_body = req->no_body || !status_has_body(status);
    req->chunked = req->head->minor == 1 && !req->no_body;
    if (!req->chunked && !req->no_body) {
        req->keep_alive = false; /* HTTP/1.0: the end of the connection is the end of the body */
    }
    write_head(req, status, type, -1);
    weir_buf_reset(&req->headers); /* from here on: trailers */
    weir_buf_adds(&conn->out, weir_buf_str(&conn->server->scratch));
}

void weir_http_chunk(struct weir_http_request *req, struct weir_str bytes)
{
    struct weir_http_conn *conn = req->conn;
    if (conn->dead || conn->lost || req->no_body || bytes.len == 0) {
        return;
    }
    if (req->chunked) {
        weir_buf_addf(&conn->out, "%zx\r\n", bytes.len);
    }
    weir_buf_adds(&conn->out, bytes);
    if (req->chunked) {
        weir_buf_add(&conn->out, "\r\n", 2);
    }
    if (!weir_buf_ok(&conn->out)) {
        weir_http_abort(req);
        return;
    }
    if (!conn->writing) {
        if (weir_http_conn_pending(conn) >= FLUSH_AT) {
            weir_http_conn_flush(conn);
        } else {
            event_add(&conn->write_event, NULL); /* with what else comes in this turn */
            conn->writing = true;
        }
    }
}

void weir_http_end(struct weir_http_request *req)
{
    struct weir_http_conn *conn = req->conn;
    if (!conn->dead && !conn->lost) {
        if (req->chunked) {
            weir_buf_add(&conn->out, "0\r\n", 3);
            if (weir_http_takes_trailers(req)) {
                weir_buf_adds(&conn->out, weir_buf_str(&req->headers));
            }
            weir_buf_add(&conn->out, "\r\n", 2);
        }
        weir_http_conn_flush(conn);
    }
    weir_http_conn_answered(conn);
}

void weir_http_abort(struct weir_http_request *req)
{
    struct weir_http_conn *conn = req->conn;
    if (!conn->dead) {
        struct linger reset = {.l_onoff = 1, .l_linger = 0};
        setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        weir_http_conn_close(conn);
    }
    weir_http_conn_answered(conn);
}

size_t weir_http_pending(const struct weir_http_request *req)
{
    return req->conn->dead ? 0 : weir_http_conn_pending(req->conn);
}

void weir_http_on_drain(struct weir_http_request *req, weir_loop_fn fn, void *arg)
{
    req->drained = fn;
    req->drained_arg = arg;
}

void weir_http_on_gone(struct weir_http_request *req, weir_loop_fn fn, void *arg)
{
    req->gone = fn;
    req->gone_arg = arg;
}
