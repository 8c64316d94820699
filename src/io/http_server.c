/* The server: listeners, the list of connections, the end. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/http_conn.h"
#include "io/http_listen.h"
#include "io/loop_event.h"

#define ACCEPTS_A_TURN 128
#define POOLED         256

static const struct timeval sweep_every = {.tv_usec = 500 * 1000};
static const struct timeval retry_accept = {.tv_usec = 200 * 1000};

static void set_accepting(struct weir_http_server *server, bool accept)
{
    if (server->accepting == accept || server->draining) {
        return;
    }
    server->accepting = accept;
    for (int i = 0; i < server->listener_count; i++) {
        if (accept) {
            event_add(server->listeners[i].event, NULL);
        } else {
            event_del(server->listeners[i].event);
        }
    }
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct weir_http_server *server = arg;
    weir_time now = weir_http_clock(CLOCK_MONOTONIC_COARSE);
    struct weir_http_conn *next;
    for (struct weir_http_conn *conn = server->conns; conn; conn = next) {
        next = conn->next;
        weir_http_conn_sweep(conn, now);
    }
}

static void on_accept_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    set_accepting(arg, true);
}

static void on_drain_done(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct weir_http_server *server = arg;
    weir_loop_fn done = server->done;
    server->done = NULL;
    if (done) {
        done(server->done_arg);
    }
}

int weir_http_server_new(struct weir_loop *loop, const struct weir_http_options *options,
                         struct weir_http_server **out, struct weir_error *err)
{
    struct weir_http_server *server = calloc(1, sizeof *server);
    if (!server) {
        return weir_fail(err, WEIR_ENOMEM, "http server: out of memory");
    }
    server->loop = loop;
    server->base = weir_loop_base(loop);
    server->options = *options;
    struct weir_http_options *o = &server->options;
    o->max_body = o->max_body ? o->max_body : 4 * 1024 * 1024;
    o->max_headers = o->max_headers ? o->max_headers : 64 * 1024;
    o->max_connections = o->max_connections ? o->max_connections : 16384;
    o->idle_seconds = o->idle_seconds ? o->idle_seconds : 75;
    server->buffers.size = WEIR_HTTP_SMALL + WEIR_BUF_PADDING;
    server->buffers.keep = POOLED;
    server->heads.size = sizeof(struct weir_http_head);
    server->heads.keep = POOLED;
    weir_buf_init(&server->scratch, 256 * 1024);
    server->codec = weir_http_codec_new();
    server->sweep = event_new(server->base, -1, EV_PERSIST, on_sweep, server);
    server->accept_again = event_new(server->base, -1, 0, on_accept_again, server);
    server->drain_done = event_new(server->base, -1, 0, on_drain_done, server);
    if (!server->codec || !server->sweep || !server->accept_again || !server->drain_done ||
        event_add(server->sweep, &sweep_every) != 0) {
        weir_http_server_free(server);
        return weir_fail(err, WEIR_ENOMEM, "http server: out of memory");
    }
    server->accepting = true;
    *out = server;
    return 0;
}

/* --- accepting ---------------------------------------------------------------------------------
 */

static void describe_peer(const struct sockaddr_storage *from, char peer[46], bool *loopback)
{
    const void *address = NULL;
    int family = from->ss_family;
    *loopback = family == AF_UNIX;
    peer[0] = '\0';
    if (family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)from;
        address = &in->sin_addr;
        *loopback = ntohl(in->sin_addr.s_addr) >> 24 == 127;
    } else if (family == AF_INET6) {
        const struct in6_addr *in6 = &((const struct sockaddr_in6 *)from)->sin6_addr;
        address = in6;
        *loopback = IN6_IS_ADDR_LOOPBACK(in6);
        if (IN6_IS_ADDR_V4MAPPED(in6)) {
            family = AF_INET;
            address = in6->s6_addr + 12;
            *loopback = in6->s6_addr[12] == 127;
        }
    }
    if (address) {
        inet_ntop(family, address, peer, 46);
    }
}

static void on_accept(evutil_socket_t listener_fd, short what, void *arg)
{
    (void)what;
    struct weir_http_listener *listener = arg;
    struct weir_http_server *server = listener->server;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        if (server->conn_count >= server->options.max_connections) {
            set_accepting(server, false); /* until one closes */
            return;
        }
        struct sockaddr_storage from = {0};
        socklen_t n = sizeof from;
        int fd = accept4(listener_fd, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                set_accepting(server, false);
                event_add(server->accept_again, &retry_accept);
            }
            return;
        }
        int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        char peer[46];
        bool loopback;
        describe_peer(&from, peer, &loopback);
        weir_http_conn_new(server, fd, peer, loopback || listener->local);
    }
}

void weir_http_server_forgot(struct weir_http_server *server)
{
    if (!server->accepting && server->conn_count < server->options.max_connections) {
        set_accepting(server, true);
    }
    if (server->draining && server->conn_count == 0 && server->done) {
        event_active(server->drain_done, EV_TIMEOUT, 0);
    }
}

static int add_listener(struct weir_http_server *server, int fd, bool local, const char *path,
                        struct weir_error *err)
{
    if (server->listener_count == WEIR_HTTP_LISTENERS) {
        return weir_fail(err, WEIR_ETOOBIG, "http server: at most %d addresses to listen on",
                         WEIR_HTTP_LISTENERS);
    }
    struct weir_http_listener *listener = &server->listeners[server->listener_count];
    *listener = (struct weir_http_listener){.server = server, .fd = fd, .local = local};
    listener->path = path ? strdup(path) : NULL;
    listener->event = event_new(server->base, fd, EV_READ | EV_PERSIST, on_accept, listener);
    if ((path && !listener->path) || !listener->event || event_add(listener->event, NULL) != 0) {
        if (listener->event) {
            event_free(listener->event);
        }
        free(listener->path);
        return weir_fail(err, WEIR_ENOMEM, "http server: out of memory");
    }
    server->listener_count++;
    return 0;
}

int weir_http_listen(struct weir_http_server *server, const char *address, char bound[64],
                     struct weir_error *err)
{
    int fd = -1;
    int rc = weir_http_bind(address, &fd, bound, err);
    if (rc) {
        return rc;
    }
    const char *path = weir_http_unix_path(address);
    rc = add_listener(server, fd, path != NULL, path, err);
    if (rc) {
        close(fd);
    }
    return rc;
}

int weir_http_listen_fd(struct weir_http_server *server, int fd, char bound[64],
                        struct weir_error *err)
{
    bool local;
    int rc = weir_http_adopt(fd, bound, &local, err);
    return rc ? rc : add_listener(server, fd, local, NULL, err);
}

/* --- the end -----------------------------------------------------------------------------------
 */

static void stop_listening(struct weir_http_server *server)
{
    for (int i = 0; i < server->listener_count; i++) {
        struct weir_http_listener *listener = &server->listeners[i];
        event_free(listener->event);
        close(listener->fd);
        if (listener->path) {
            weir_http_unix_unlink(listener->path);
            free(listener->path);
        }
    }
    server->listener_count = 0;
}

void weir_http_drain(struct weir_http_server *server, weir_time grace, weir_loop_fn done, void *arg)
{
    if (server->draining) {
        return;
    }
    server->draining = true;
    server->done = done;
    server->done_arg = arg;
    stop_listening(server);
    struct weir_http_conn *next;
    for (struct weir_http_conn *conn = server->conns; conn; conn = next) {
        next = conn->next;
        if (conn->state == WEIR_HTTP_HEAD_STATE) {
            /* What has arrived is still answered; what has not, will be said again elsewhere. */
            conn->closing = true;
            weir_http_conn_run(conn, true);
        }
    }
    struct timeval in = {.tv_sec = grace / WEIR_SECOND, .tv_usec = grace % WEIR_SECOND};
    event_add(server->drain_done, &in);
    if (server->conn_count == 0) {
        event_active(server->drain_done, EV_TIMEOUT, 0);
    }
}

void weir_http_server_free(struct weir_http_server *server)
{
    if (!server) {
        return;
    }
    server->done = NULL;
    server->draining = true;
    stop_listening(server);
    while (server->conns) {
        weir_http_conn_orphan(server->conns);
    }
    struct event *events[] = {server->sweep, server->accept_again, server->drain_done};
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        if (events[i]) {
            event_free(events[i]);
        }
    }
    weir_http_codec_free(server->codec);
    weir_http_pool_free(&server->buffers);
    weir_http_pool_free(&server->heads);
    weir_buf_free(&server->scratch);
    free(server);
}

unsigned weir_http_connections(const struct weir_http_server *server)
{
    return server->conn_count;
}

size_t weir_http_buffered(const struct weir_http_server *server)
{
    return server->buffered;
}
