#include "io/client.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_HEAD (64u << 10)

enum framing { UNTIL_CLOSE, BY_LENGTH, CHUNKED, NO_BODY };

struct exchange {
    const struct weir_client_call *call;
    int fd;
    weir_time until;    /* 0: no deadline */
    struct weir_buf in; /* bytes read and not used yet: [at, in.len) */
    size_t at;
    int status;
    enum framing framing;
    uint64_t left; /* of the body, or of the chunk */
    struct weir_error *err;
};

/* --- waiting -----------------------------------------------------------------------------------
 */

static int wait_for(struct exchange *x, short events)
{
    for (;;) {
        weir_time timeout = x->call->idle > 0 ? x->call->idle : -1;
        if (x->until) {
            weir_time left = x->until - weir_mono();
            timeout = timeout < 0 || left < timeout ? left : timeout;
            timeout = timeout < 0 ? 0 : timeout;
        }
        struct pollfd p = {.fd = x->fd, .events = events};
        int n = poll(&p, 1, timeout < 0 ? -1 : (int)(timeout / 1000 + 1));
        if (n > 0) {
            return WEIR_OK;
        }
        if (n == 0) {
            return weir_fail(x->err, WEIR_ETIMEDOUT, "%s did not answer in time", x->call->address);
        }
        if (errno != EINTR) {
            return weir_fail_errno(x->err, errno, "cannot wait for %s", x->call->address);
        }
    }
}

/* --- connecting --------------------------------------------------------------------------------
 */

static int fail_connect(struct exchange *x, int errnum)
{
    if (errnum == ECONNREFUSED || errnum == ENOENT) {
        return weir_fail(x->err, WEIR_ENOENT, "nothing listens on %s", x->call->address);
    }
    return weir_fail_errno(x->err, errnum, "cannot connect to %s", x->call->address);
}

static int connect_to(struct exchange *x, const struct sockaddr *address, socklen_t len)
{
    x->fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (x->fd < 0) {
        return fail_connect(x, errno);
    }
    if (connect(x->fd, address, len) == 0) {
        return WEIR_OK;
    }
    if (errno != EINPROGRESS) {
        return fail_connect(x, errno);
    }
    int code = wait_for(x, POLLOUT);
    int errnum = 0;
    socklen_t size = sizeof errnum;
    if (!code && (getsockopt(x->fd, SOL_SOCKET, SO_ERROR, &errnum, &size) || errnum)) {
        code = fail_connect(x, errnum ? errnum : errno);
    }
    return code;
}

/* A socket's path may have 107 bytes only: a longer one is reached through its folder's
 * descriptor. */
static int connect_unix(struct exchange *x)
{
    const char *path = x->call->address;
    path += strncmp(path, "unix:", 5) == 0 ? 5 : 0;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int dir = -1;
    if (strlen(path) < sizeof address.sun_path) {
        snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    } else {
        const char *slash = strrchr(path, '/');
        char folder[4096];
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
        dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
        int n = snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", dir,
                         slash + 1);
        if (dir < 0 || n < 0 || (size_t)n >= sizeof address.sun_path) {
            int errnum = dir < 0 ? errno : ENAMETOOLONG;
            if (dir >= 0) {
                close(dir);
            }
            return fail_connect(x, errnum);
        }
    }
    int code = connect_to(x, (const struct sockaddr *)&address, sizeof address);
    if (dir >= 0) {
        close(dir);
    }
    return code;
}

static int connect_tcp(struct exchange *x)
{
    const char *colon = strrchr(x->call->address, ':');
    struct weir_str host = {x->call->address, colon ? (size_t)(colon - x->call->address) : 0};
    char name[256];
    if (host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']') {
        host = (struct weir_str){host.ptr + 1, host.len - 2};
    }
    if (!colon || host.len == 0 || host.len >= sizeof name) {
        return weir_fail(x->err, WEIR_EINVAL, "\"%s\" is no address; write HOST:PORT",
                         x->call->address);
    }
    snprintf(name, sizeof name, WEIR_STR_FMT, WEIR_STR_ARG(host));
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int why = getaddrinfo(name, colon + 1, &hints, &found);
    if (why) {
        return weir_fail(x->err, WEIR_EINVAL, "cannot find \"%s\": %s", x->call->address,
                         gai_strerror(why));
    }
    int code = WEIR_EIO;
    for (struct addrinfo *a = found; a && code; a = a->ai_next) {
        if (x->fd >= 0) {
            close(x->fd);
            x->fd = -1;
        }
        code = connect_to(x, a->ai_addr, a->ai_addrlen);
    }
    freeaddrinfo(found);
    return code;
}

/* --- bytes -------------------------------------------------------------------------------------
 */

static int send_all(struct exchange *x, struct weir_str bytes)
{
    while (bytes.len > 0) {
        ssize_t n = send(x->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (n >= 0) {
            bytes.ptr += n;
            bytes.len -= (size_t)n;
            continue;
        }
        if (errno == EPIPE || errno == ECONNRESET) {
            return WEIR_OK; /* it may have answered already (413): read that */
        }
        int code = errno == EAGAIN ? wait_for(x, POLLOUT)
                   : errno == EINTR
                       ? WEIR_OK
                       : weir_fail_errno(x->err, errno, "cannot send to %s", x->call->address);
        if (code) {
            return code;
        }
    }
    return WEIR_OK;
}

/* More bytes into x->in; *end when the server closed. */
static int fill(struct exchange *x, bool *end)
{
    if (x->at > 0) {
        memmove(x->in.data, x->in.data + x->at, x->in.len - x->at);
        x->in.len -= x->at;
        x->at = 0;
    }
    char *room = weir_buf_room(&x->in, 16384);
    if (!room) {
        return weir_fail(x->err, WEIR_EIO, "%s answers with a head larger than %u bytes",
                         x->call->address, MAX_HEAD);
    }
    for (;;) {
        ssize_t n = recv(x->fd, room, 16384, 0);
        if (n >= 0) {
            x->in.len += (size_t)n;
            *end = n == 0;
            return WEIR_OK;
        }
        if (errno == ECONNRESET) {
            *end = true;
            return WEIR_OK;
        }
        int code = errno == EAGAIN ? wait_for(x, POLLIN)
                   : errno == EINTR
                       ? WEIR_OK
                       : weir_fail_errno(x->err, errno, "cannot read from %s", x->call->address);
        if (code) {
            return code;
        }
    }
}

static int fail_broken(struct exchange *x)
{
    return weir_fail(x->err, WEIR_EIO, "the answer of %s broke off", x->call->address);
}

/* One line without its CR LF; valid until the next fill. */
static int read_line(struct exchange *x, struct weir_str *line)
{
    for (;;) {
        const char *begin = x->in.data ? x->in.data + x->at : "";
        const char *lf = memchr(begin, '\n', x->in.len - x->at);
        if (lf) {
            *line = (struct weir_str){begin, (size_t)(lf - begin)};
            x->at += line->len + 1;
            line->len -= line->len > 0 && line->ptr[line->len - 1] == '\r';
            return WEIR_OK;
        }
        bool end = false;
        int code = fill(x, &end);
        if (code || end) {
            return code ? code : fail_broken(x);
        }
    }
}

/* --- the answer --------------------------------------------------------------------------------
 */

static int fail_http(struct exchange *x)
{
    return weir_fail(x->err, WEIR_EIO, "%s does not speak HTTP", x->call->address);
}

static int read_status(struct exchange *x)
{
    struct weir_str line;
    int64_t status;
    int code = read_line(x, &line);
    if (code) {
        return code;
    }
    if (!weir_str_starts(line, WEIR_STR("HTTP/1.")) || line.len < 12 ||
        !weir_str_to_i64((struct weir_str){line.ptr + 9, 3}, &status) || status < 100) {
        return fail_http(x);
    }
    x->status = (int)status;
    return WEIR_OK;
}

static int read_headers(struct exchange *x, char type[128])
{
    x->framing = UNTIL_CLOSE;
    type[0] = '\0';
    for (;;) {
        struct weir_str line;
        int code = read_line(x, &line);
        if (code || line.len == 0) {
            return code;
        }
        struct weir_str name = weir_str_cut(&line, ':');
        struct weir_str value = weir_str_trim(line);
        if (x->call->on_field && x->status >= 200) {
            x->call->on_field(name, value, x->call->arg);
        }
        if (weir_str_eq_nocase(name, WEIR_STR("transfer-encoding")) &&
            weir_str_eq_nocase(value, WEIR_STR("chunked"))) {
            x->framing = CHUNKED;
        } else if (weir_str_eq_nocase(name, WEIR_STR("content-length")) && x->framing != CHUNKED) {
            x->framing = BY_LENGTH;
            if (!weir_str_to_u64(value, &x->left)) {
                return fail_http(x);
            }
        } else if (weir_str_eq_nocase(name, WEIR_STR("content-type"))) {
            snprintf(type, 128, WEIR_STR_FMT, WEIR_STR_ARG(value));
        }
    }
}

static int read_head(struct exchange *x)
{
    char type[128];
    int code;
    do { /* 100 Continue and its like come before the answer */
        code = read_status(x);
        code = code ? code : read_headers(x, type);
    } while (!code && x->status < 200);
    if (code) {
        return code;
    }
    if (strcmp(x->call->method, "HEAD") == 0 || x->status == 204 || x->status == 304) {
        x->framing = NO_BODY;
    }
    return x->call->on_head ? x->call->on_head(x->status, weir_str_of(type), x->call->arg, x->err)
                            : WEIR_OK;
}

static int deliver(struct exchange *x, size_t n)
{
    struct weir_str bytes = {x->in.data + x->at, n};
    x->at += n;
    return x->call->on_body ? x->call->on_body(bytes, x->call->arg, x->err) : WEIR_OK;
}

/* Passes on x->left bytes. */
static int read_counted(struct exchange *x)
{
    while (x->left > 0) {
        size_t have = x->in.len - x->at;
        size_t take = have < x->left ? have : (size_t)x->left;
        bool end = false;
        int code = take ? deliver(x, take) : fill(x, &end);
        if (code || end) {
            return code ? code : fail_broken(x);
        }
        x->left -= take;
    }
    return WEIR_OK;
}

static int read_trailers(struct exchange *x)
{
    for (;;) {
        struct weir_str line;
        int code = read_line(x, &line);
        if (code || line.len == 0) {
            return code;
        }
        struct weir_str name = weir_str_cut(&line, ':');
        if (x->call->on_field) {
            x->call->on_field(name, weir_str_trim(line), x->call->arg);
        }
    }
}

static int read_chunks(struct exchange *x)
{
    for (;;) {
        struct weir_str line;
        int code = read_line(x, &line);
        if (code) {
            return code;
        }
        char *end = NULL;
        char digits[20];
        snprintf(digits, sizeof digits, WEIR_STR_FMT, (int)(line.len < 17 ? line.len : 17),
                 line.ptr);
        x->left = strtoull(digits, &end, 16);
        if (end == digits || line.len == 0) {
            return fail_http(x);
        }
        if (x->left == 0) {
            return read_trailers(x);
        }
        code = read_counted(x);
        code = code ? code : read_line(x, &line);
        if (code) {
            return code;
        }
    }
}

static int read_body(struct exchange *x)
{
    bool end = false;
    switch (x->framing) {
    case NO_BODY:
        return WEIR_OK;
    case BY_LENGTH:
        return read_counted(x);
    case CHUNKED:
        return read_chunks(x);
    case UNTIL_CLOSE:
        break;
    }
    while (!end) {
        size_t have = x->in.len - x->at;
        int code = have ? deliver(x, have) : fill(x, &end);
        if (code) {
            return code;
        }
    }
    return WEIR_OK;
}

static int send_request(struct exchange *x)
{
    const struct weir_client_call *call = x->call;
    struct weir_buf head;
    weir_buf_init(&head, MAX_HEAD);
    weir_buf_addf(&head, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", call->method,
                  call->target, strchr(call->address, '/') ? "weir" : call->address);
    if (call->type) {
        weir_buf_addf(&head, "Content-Type: %s\r\n", call->type);
    }
    if (call->body.len > 0 || strcmp(call->method, "POST") == 0 ||
        strcmp(call->method, "PUT") == 0) {
        weir_buf_addf(&head, "Content-Length: %zu\r\n", call->body.len);
    }
    for (size_t i = 0; call->headers && call->headers[i]; i++) {
        weir_buf_addf(&head, "%s\r\n", call->headers[i]);
    }
    weir_buf_addz(&head, "\r\n");
    int code = weir_buf_check(&head, "the request's head", x->err);
    code = code ? code : send_all(x, weir_buf_str(&head));
    code = code ? code : send_all(x, call->body);
    weir_buf_free(&head);
    return code;
}

int weir_client_call(const struct weir_client_call *call, int *status, struct weir_error *err)
{
    struct exchange x = {.call = call, .fd = -1, .err = err};
    x.until = call->timeout > 0 ? weir_mono() + call->timeout : 0;
    weir_buf_init(&x.in, MAX_HEAD);
    int code = strchr(call->address, '/') ? connect_unix(&x) : connect_tcp(&x);
    code = code ? code : send_request(&x);
    code = code ? code : read_head(&x);
    if (!code && status) {
        *status = x.status;
    }
    code = code ? code : read_body(&x);
    if (x.fd >= 0) {
        close(x.fd);
    }
    weir_buf_free(&x.in);
    return code;
}

static int collect(struct weir_str bytes, void *arg, struct weir_error *err)
{
    struct weir_buf *out = arg;
    weir_buf_adds(out, bytes);
    return weir_buf_check(out, "the answer", err);
}

int weir_client_fetch(const struct weir_client_call *call, int *status, struct weir_buf *out,
                      struct weir_error *err)
{
    struct weir_client_call copy = *call;
    copy.on_head = NULL;
    copy.on_field = NULL;
    copy.on_body = collect;
    copy.arg = out;
    return weir_client_call(&copy, status, err);
}
