#include "http_load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUCKETS 4000 /* of 0.05 ms */

struct client {
    int fd;
    size_t sent;   /* of the request */
    size_t got;    /* of the answer */
    size_t expect; /* its size; 0: not known yet */
    char head[2048];
    double begun;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int dial(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

/* Sends what the socket takes; 1 when all is out, 0 when it is full, -1 when it broke. */
static int push(struct client *c, const struct http_load *load)
{
    while (c->sent < load->size) {
        ssize_t n =
            send(c->fd, load->request + c->sent, load->size - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0) {
            return errno == EAGAIN ? 0 : -1;
        }
        c->sent += (size_t)n;
    }
    return 1;
}

/* Learns the size of an answer from its head. */
static void learn(struct client *c)
{
    char *end = memmem(c->head, c->got, "\r\n\r\n", 4);
    if (!end) {
        return;
    }
    size_t head = (size_t)(end - c->head) + 4;
    *end = '\0';
    char *length = strcasestr(c->head, "\r\ncontent-length:");
    *end = '\r';
    c->expect = head + (length ? strtoul(length + 17, NULL, 10) : 0);
}

/* 1: an answer is complete; 0: wait; -1: broken. */
static int pull(struct client *c)
{
    static char rest[1 << 16]; /* of a body that nobody looks at */
    size_t room = c->expect ? c->expect - c->got : sizeof c->head - c->got;
    room = c->expect && room > sizeof rest ? sizeof rest : room;
    ssize_t n = recv(c->fd, c->expect ? rest : c->head + c->got, room, MSG_DONTWAIT);
    if (n <= 0) {
        return n < 0 && errno == EAGAIN ? 0 : -1;
    }
    c->got += (size_t)n;
    if (c->expect == 0) {
        learn(c);
    }
    return c->expect && c->got >= c->expect ? 1 : 0;
}

struct run {
    const struct http_load *load;
    struct http_load_result *out;
    int epoll;
    double measure_from;
    unsigned histogram[BUCKETS];
};

static bool begin_request(struct run *run, struct client *c, double at)
{
    c->sent = c->got = c->expect = 0;
    c->begun = at;
    int rc = push(c, run->load);
    if (rc == 0) {
        struct epoll_event e = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
        epoll_ctl(run->epoll, EPOLL_CTL_MOD, c->fd, &e);
    }
    return rc >= 0;
}

static void note_answer(struct run *run, const struct client *c, double at)
{
    if (at < run->measure_from) {
        return;
    }
    run->out->answers++;
    if (memcmp(c->head, "HTTP/1.1 200", 12) != 0) {
        run->out->not_ok++;
    }
    int bucket = (int)((at - c->begun) * 1000 / 0.05);
    run->histogram[bucket < 0 ? 0 : bucket >= BUCKETS ? BUCKETS - 1 : bucket]++;
}

static bool serve(struct run *run, struct client *c, uint32_t events, double at)
{
    if (events & EPOLLOUT) {
        int rc = push(c, run->load);
        if (rc < 0) {
            return false;
        }
        if (rc == 1) {
            struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
            epoll_ctl(run->epoll, EPOLL_CTL_MOD, c->fd, &e);
        }
    }
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) {
        return true;
    }
    int rc = pull(c);
    if (rc == 1) {
        note_answer(run, c, at);
        return begin_request(run, c, at);
    }
    return rc == 0;
}

static double quantile(const struct run *run, double q)
{
    uint64_t seen = 0;
    for (int i = 0; i < BUCKETS; i++) {
        seen += run->histogram[i];
        if ((double)seen >= q * (double)run->out->answers) {
            return (i + 1) * 0.05;
        }
    }
    return BUCKETS * 0.05;
}

static bool drive(struct run *run, struct client *clients)
{
    struct epoll_event events[512];
    double begun = now();
    run->measure_from = begun + run->load->warm_up;
    double until = run->measure_from + run->load->seconds;
    for (int i = 0; i < run->load->connections; i++) {
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = &clients[i]};
        if (epoll_ctl(run->epoll, EPOLL_CTL_ADD, clients[i].fd, &e) != 0 ||
            !begin_request(run, &clients[i], begun)) {
            return false;
        }
    }
    for (double at = begun; at < until;) {
        int n = epoll_wait(run->epoll, events, 512, 500); /* a server that stalls just loses */
        at = now();
        for (int i = 0; i < n; i++) {
            if (!serve(run, events[i].data.ptr, events[i].events, at)) {
                return false;
            }
        }
    }
    run->out->per_second = (double)run->out->answers / (now() - run->measure_from);
    run->out->p50_ms = quantile(run, 0.5);
    run->out->p99_ms = quantile(run, 0.99);
    return true;
}

bool http_load_run(const struct http_load *load, struct http_load_result *out)
{
    struct run *run = calloc(1, sizeof *run);
    struct client *clients = calloc((size_t)load->connections, sizeof *clients);
    bool ok = run && clients;
    int opened = 0;
    *out = (struct http_load_result){0};
    for (; ok && opened < load->connections; opened++) {
        clients[opened].fd = dial(load->port);
        ok = clients[opened].fd >= 0;
    }
    if (ok) {
        *run = (struct run){.load = load, .out = out, .epoll = epoll_create1(EPOLL_CLOEXEC)};
        ok = drive(run, clients);
        close(run->epoll);
    }
    for (int i = 0; i < opened; i++) {
        if (clients[i].fd >= 0) {
            close(clients[i].fd);
        }
    }
    free(clients);
    free(run);
    return ok;
}
