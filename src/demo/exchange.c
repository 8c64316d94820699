#include "demo/exchange.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

int weir_demo_exchange_resolve(struct weir_demo_exchange_peer *peer, const char *address,
                               struct weir_error *err)
{
    char host[96];
    const char *colon = strrchr(address, ':');
    size_t len = colon ? (size_t)(colon - address) : 0;
    const char *start = address;
    if (len >= 2 && address[0] == '[' && address[len - 1] == ']') {
        start++;
        len -= 2;
    }
    if (!colon || len == 0 || len >= sizeof host) {
        return weir_fail(err, WEIR_EINVAL, "\"%s\" is no address; write it as HOST:PORT", address);
    }
    memcpy(host, start, len);
    host[len] = '\0';
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int code = getaddrinfo(host, colon + 1, &hints, &found);
    if (code) {
        return weir_fail(err, WEIR_EINVAL, "the collector's address %s: %s", address,
                         gai_strerror(code));
    }
    memcpy(&peer->address, found->ai_addr, found->ai_addrlen);
    peer->len = found->ai_addrlen;
    freeaddrinfo(found);
    snprintf(peer->name, sizeof peer->name, "%s", address);
    return 0;
}

int weir_demo_exchange_auth(const char *key, char out[256], struct weir_error *err)
{
    static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char plain[160];
    size_t n = strlen(key);
    if (n + 1 > sizeof plain) {
        return weir_fail(err, WEIR_ETOOBIG, "a write key of %zu characters is too long", n);
    }
    memcpy(plain, key, n);
    plain[n++] = ':';
    static const char scheme[] = "Basic ";
    memcpy(out, scheme, sizeof scheme - 1);
    char *at = out + sizeof scheme - 1;
    for (size_t i = 0; i < n; i += 3) {
        uint32_t bits = (uint32_t)plain[i] << 16;
        bits |= i + 1 < n ? (uint32_t)plain[i + 1] << 8 : 0;
        bits |= i + 2 < n ? plain[i + 2] : 0;
        *at++ = set[bits >> 18];
        *at++ = set[bits >> 12 & 63];
        *at++ = i + 1 < n ? set[bits >> 6 & 63] : '=';
        *at++ = i + 2 < n ? set[bits & 63] : '=';
    }
    *at = '\0';
    return 0;
}

void weir_demo_exchange_init(struct weir_demo_exchange *exchange)
{
    exchange->fd = -1;
    exchange->state = DEMO_CLOSED;
}

void weir_demo_exchange_close(struct weir_demo_exchange *exchange)
{
    if (exchange->fd >= 0) {
        close(exchange->fd);
    }
    exchange->fd = -1;
    exchange->state = DEMO_CLOSED;
}

static bool fail(struct weir_demo_exchange *exchange, const char *what, int errnum)
{
    exchange->answer.status = 0;
    /* A kept connection that the server closed in between: not worth a wait. */
    exchange->answer.retry_after = exchange->reused ? 1 : 0;
    snprintf(exchange->answer.body, sizeof exchange->answer.body, "%s%s%s", what,
             errnum ? ": " : "", errnum ? strerror(errnum) : "");
    weir_demo_exchange_close(exchange);
    return true;
}

static void open_socket(struct weir_demo_exchange *exchange,
                        const struct weir_demo_exchange_peer *peer)
{
    int fd = socket(peer->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        fail(exchange, "no socket", errno);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    exchange->fd = fd;
    exchange->state = DEMO_CONNECTING;
    if (connect(fd, (const struct sockaddr *)&peer->address, peer->len) != 0 &&
        errno != EINPROGRESS) {
        fail(exchange, "cannot connect", errno);
    }
}

void weir_demo_exchange_start(struct weir_demo_exchange *exchange,
                              const struct weir_demo_exchange_peer *peer, const char *auth,
                              struct weir_str body)
{
    memset(&exchange->answer, 0, sizeof exchange->answer);
    exchange->written = 0;
    exchange->in_len = 0;
    exchange->skip = 0;
    exchange->closes = false;
    exchange->body = body;
    int len = snprintf(exchange->head, sizeof exchange->head,
                       "POST /v1/batch HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\n"
                       "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                       peer->name, auth, body.len);
    exchange->head_len = (size_t)len;
    exchange->reused = exchange->state == DEMO_OPEN;
    if (exchange->reused) {
        exchange->state = DEMO_WRITING;
    } else {
        open_socket(exchange, peer);
    }
}

short weir_demo_exchange_wants(const struct weir_demo_exchange *exchange)
{
    return exchange->state == DEMO_READING ? POLLIN : POLLOUT;
}

static bool write_some(struct weir_demo_exchange *exchange)
{
    size_t total = exchange->head_len + exchange->body.len;
    while (exchange->written < total) {
        size_t head =
            exchange->written < exchange->head_len ? exchange->written : exchange->head_len;
        size_t body = exchange->written - head;
        struct iovec iov[2] = {
            {exchange->head + head, exchange->head_len - head},
            {(char *)exchange->body.ptr + body, exchange->body.len - body},
        };
        struct msghdr message = {.msg_iov = iov, .msg_iovlen = 2};
        ssize_t n = sendmsg(exchange->fd, &message, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno == EAGAIN || errno == EINTR) {
                return false;
            }
            return fail(exchange, "the connection broke while sending", errno);
        }
        exchange->written += (size_t)n;
    }
    exchange->state = DEMO_READING;
    return false;
}

/* The value of a header of the answer, or NULL. `in` ends with a NUL. */
static const char *header(const char *in, const char *name)
{
    size_t len = strlen(name);
    for (const char *line = strstr(in, "\r\n"); line && line[2] != '\r';
         line = strstr(line + 2, "\r\n")) {
        const char *at = line + 2;
        if (strncasecmp(at, name, len) == 0 && at[len] == ':') {
            at += len + 1;
            return at + strspn(at, " \t");
        }
    }
    return NULL;
}

static bool finish(struct weir_demo_exchange *exchange)
{
    exchange->state = DEMO_OPEN;
    if (exchange->closes) {
        weir_demo_exchange_close(exchange);
        exchange->fd = -1;
    }
    return true;
}

/* Everything up to the end of the answer's body is there, or more must be read. */
static bool understand(struct weir_demo_exchange *exchange)
{
    exchange->in[exchange->in_len] = '\0';
    char *end = strstr(exchange->in, "\r\n\r\n");
    if (!end) {
        return exchange->in_len + 1 >= sizeof exchange->in &&
               fail(exchange, "its answer has a head of over 4 KB", 0);
    }
    int status = 0;
    if (sscanf(exchange->in, "HTTP/1.%*d %d", &status) != 1) {
        return fail(exchange, "its answer is no HTTP", 0);
    }
    const char *length = header(exchange->in, "Content-Length");
    const char *retry = header(exchange->in, "Retry-After");
    const char *connection = header(exchange->in, "Connection");
    size_t want = length ? strtoul(length, NULL, 10) : 0;
    size_t have = exchange->in_len - (size_t)(end + 4 - exchange->in);
    size_t room = sizeof exchange->in - 1 - (size_t)(end + 4 - exchange->in);
    if (have < want && have < room) {
        return false;
    }
    exchange->answer.status = status;
    exchange->answer.retry_after = 0;
    if (retry) {
        long seconds = strtol(retry, NULL, 10);
        exchange->answer.retry_after =
            seconds < 1 ? WEIR_SECOND / 20 : (seconds > 30 ? 30 : seconds) * WEIR_SECOND;
    }
    snprintf(exchange->answer.body, sizeof exchange->answer.body, "%.200s", end + 4);
    /* An answer without a length, or longer than the buffer, ends with the connection. */
    exchange->closes =
        !length || have < want || (connection && strncasecmp(connection, "close", 5) == 0);
    return finish(exchange);
}

static bool read_some(struct weir_demo_exchange *exchange)
{
    for (;;) {
        size_t room = sizeof exchange->in - 1 - exchange->in_len;
        ssize_t n = recv(exchange->fd, exchange->in + exchange->in_len, room, 0);
        if (n < 0) {
            return errno != EAGAIN && errno != EINTR &&
                   fail(exchange, "the connection broke while waiting for the answer", errno);
        }
        if (n == 0) {
            return fail(exchange, "it closed the connection without an answer", 0);
        }
        exchange->in_len += (size_t)n;
        if (understand(exchange)) {
            return true;
        }
    }
}

bool weir_demo_exchange_step(struct weir_demo_exchange *exchange)
{
    if (exchange->fd < 0) {
        return true;
    }
    if (exchange->state == DEMO_CONNECTING) {
        int problem = 0;
        socklen_t len = sizeof problem;
        getsockopt(exchange->fd, SOL_SOCKET, SO_ERROR, &problem, &len);
        if (problem) {
            return fail(exchange, "cannot connect", problem);
        }
        exchange->state = DEMO_WRITING;
    }
    if (exchange->state == DEMO_WRITING && write_some(exchange)) {
        return true;
    }
    return exchange->state == DEMO_READING && read_some(exchange);
}
