/* The bytes that go out: to the socket while it takes them, kept otherwise. */
#include <errno.h>
#include <sys/socket.h>

#include "io/http_conn.h"

size_t weir_http_conn_pending(const struct weir_http_conn *conn)
{
    return conn->out.len - conn->out_at + conn->out_tail.len;
}

/* Told in a turn of its own: who writes an answer must not find its request gone under its feet. */
static void lose(struct weir_http_conn *conn)
{
    conn->lost = true;
    weir_buf_free(&conn->out);
    conn->out_at = 0;
    conn->out_tail = (struct weir_str){0};
    if (conn->writing) {
        event_del(&conn->write_event);
        conn->writing = false;
    }
    event_active(&conn->read_event, EV_READ, 0);
}

static struct weir_str after(struct weir_str s, size_t n)
{
    return n ? (struct weir_str){s.ptr + n, s.len - n} : s; /* ptr may be NULL */
}

/* Sends from two pieces; returns how much went, or -1 when the client is lost. */
static ssize_t send_two(struct weir_http_conn *conn, struct weir_str a, struct weir_str b)
{
    struct iovec iov[2] = {{(void *)(uintptr_t)a.ptr, a.len}, {(void *)(uintptr_t)b.ptr, b.len}};
    struct msghdr message = {.msg_iov = iov, .msg_iovlen = b.len ? 2 : 1};
    ssize_t n;
    do {
        n = b.len ? sendmsg(conn->fd, &message, MSG_NOSIGNAL)
                  : send(conn->fd, a.ptr, a.len, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return 0;
        }
        lose(conn);
        return -1;
    }
    return n;
}

static void watch(struct weir_http_conn *conn)
{
    bool want = weir_http_conn_pending(conn) > 0;
    if (want && !conn->writing) {
        event_add(&conn->write_event, NULL);
        conn->moved = weir_http_clock(CLOCK_MONOTONIC_COARSE);
    } else if (!want && conn->writing) {
        event_del(&conn->write_event);
    }
    conn->writing = want;
}

void weir_http_conn_push(struct weir_http_conn *conn, struct weir_str head, struct weir_str body,
                         bool is_static)
{
    if (conn->lost || conn->dead) {
        return;
    }
    if (weir_http_conn_pending(conn) == 0) {
        ssize_t n = send_two(conn, head, body);
        if (n < 0) {
            return;
        }
        size_t sent = (size_t)n;
        size_t of_head = sent < head.len ? sent : head.len;
        head = after(head, of_head);
        body = after(body, sent - of_head);
        if (head.len + body.len == 0) {
            return;
        }
    }
    weir_buf_adds(&conn->out, head);
    if (is_static) {
        conn->out_tail = body;
    } else {
        weir_buf_adds(&conn->out, body);
    }
    if (!weir_buf_ok(&conn->out)) {
        lose(conn);
        return;
    }
    watch(conn);
}

void weir_http_conn_flush(struct weir_http_conn *conn)
{
    if (conn->lost || conn->dead || weir_http_conn_pending(conn) == 0) {
        return;
    }
    struct weir_str kept = after(weir_buf_str(&conn->out), conn->out_at);
    ssize_t n = kept.len ? send_two(conn, kept, conn->out_tail)
                         : send_two(conn, conn->out_tail, (struct weir_str){0});
    if (n < 0) {
        return;
    }
    if (n > 0) {
        conn->moved = weir_http_clock(CLOCK_MONOTONIC_COARSE);
    }
    size_t sent = (size_t)n;
    size_t of_out = sent < kept.len ? sent : kept.len;
    conn->out_at += of_out;
    conn->out_tail = after(conn->out_tail, sent - of_out);
    if (conn->out_at == conn->out.len) {
        weir_buf_free(&conn->out);
        conn->out_at = 0;
    } else if (conn->out_at > conn->out.len / 2) {
        size_t left = conn->out.len - conn->out_at;
        memmove(conn->out.data, conn->out.data + conn->out_at, left);
        conn->out.len = left;
        conn->out_at = 0;
    }
    watch(conn);
}

void weir_http_conn_on_write(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct weir_http_conn *conn = arg;
    struct weir_http_request *req = &conn->req;
    weir_http_conn_flush(conn);
    if (conn->lost) {
        return;
    }
    size_t pending = weir_http_conn_pending(conn);
    if (conn->state == WEIR_HTTP_FLUSHING) {
        if (pending == 0) {
            weir_http_conn_next(conn);
        }
    } else if (conn->held && req->streaming && req->drained && pending < WEIR_HTTP_OUT_LOW) {
        req->drained(req->drained_arg);
    }
}
