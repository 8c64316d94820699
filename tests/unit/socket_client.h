/* A client for tests: raw bytes over a socket, with a deadline on every wait. */
#ifndef WEIR_SOCKET_CLIENT_H
#define WEIR_SOCKET_CLIENT_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"

#define DEADLINE_MS 20000

static inline int client_connect(const char *bound)
{
    const char *colon = strrchr(bound, ':');
    assert_non_null(colon);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)atoi(colon + 1)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static inline int client_connect_unix(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    assert_true(strlen(path) < sizeof to.sun_path);
    strcpy(to.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    return connect(fd, (struct sockaddr *)&to, sizeof to) == 0 ? fd : (close(fd), -1);
}

/* False when the server has closed. */
static inline bool client_send(int fd, const void *bytes, size_t n)
{
    const char *at = bytes;
    while (n) {
        ssize_t sent = send(fd, at, n, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        at += sent;
        n -= (size_t)sent;
    }
    return true;
}

static inline void client_say(int fd, const char *text)
{
    assert_true(client_send(fd, text, strlen(text)));
}

/* Reads once; 0 at the end (also when the server has reset the connection). */
static inline size_t client_read(int fd, char *to, size_t n)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, DEADLINE_MS) != 1) {
        fail_msg("the server said nothing for %d ms", DEADLINE_MS);
    }
    ssize_t got = recv(fd, to, n, 0);
    return got < 0 ? 0 : (size_t)got;
}

struct answer {
    int status; /* 0: the connection ended instead */
    struct weir_buf head;
    struct weir_buf body;
};

static inline void answer_free(struct answer *a)
{
    weir_buf_free(&a->head);
    weir_buf_free(&a->body);
}

static inline const char *answer_header(const struct answer *a, const char *name)
{
    static char value[512];
    for (const char *line = a->head.data; line; line = strstr(line, "\r\n")) {
        line += line[0] == '\r' ? 2 : 0;
        size_t n = strlen(name);
        if (strncasecmp(line, name, n) == 0 && line[n] == ':') {
            line += n + 1 + strspn(line + n + 1, " ");
            snprintf(value, sizeof value, "%.*s", (int)strcspn(line, "\r"), line);
            return value;
        }
    }
    return NULL;
}

static inline bool read_line(int fd, struct weir_buf *line)
{
    char c;
    weir_buf_reset(line);
    while (client_read(fd, &c, 1)) {
        weir_buf_addc(line, c);
        if (c == '\n') {
            return true;
        }
    }
    return false;
}

static inline void read_exactly(int fd, struct weir_buf *out, size_t n)
{
    while (n) {
        size_t step = n < 65536 ? n : 65536;
        char *to = weir_buf_room(out, step);
        assert_non_null(to);
        size_t got = client_read(fd, to, step);
        if (!got) {
            return;
        }
        out->len += got;
        out->data[out->len] = '\0';
        n -= got;
    }
}

/* One answer, by length, by chunks or to the end; never reads beyond it. */
static inline struct answer client_answer(int fd, bool head_only)
{
    struct answer a = {0};
    struct weir_buf line;
    weir_buf_init(&a.head, 64 * 1024);
    weir_buf_init(&a.body, 64 * 1024 * 1024);
    weir_buf_init(&line, 64 * 1024);
    while (read_line(fd, &line) && line.len > 2) {
        weir_buf_adds(&a.head, weir_buf_str(&line));
    }
    if (a.head.len > 12) {
        a.status = atoi(a.head.data + 9);
        const char *length = answer_header(&a, "Content-Length");
        const char *coding = answer_header(&a, "Transfer-Encoding");
        if (head_only || a.status == 204 || a.status == 304 || a.status < 200) {
            length = NULL;
        } else if (coding) {
            while (read_line(fd, &line)) {
                size_t n = strtoul(line.data, NULL, 16);
                read_exactly(fd, &a.body, n);
                read_line(fd, &line);
                if (n == 0) {
                    break;
                }
            }
        } else {
            read_exactly(fd, &a.body,
                         length ? strtoul(answer_header(&a, "Content-Length"), NULL, 10)
                                : SIZE_MAX / 2);
        }
    }
    weir_buf_free(&line);
    return a;
}

/* True when the server closes (nothing but the end comes). */
static inline bool client_sees_end(int fd)
{
    char c;
    return client_read(fd, &c, 1) == 0;
}

#endif
