/* One POST at a time on one keep-alive connection, without blocking: the sender's lane. */
#ifndef WEIR_DEMO_EXCHANGE_H
#define WEIR_DEMO_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/str.h"
#include "base/time.h"

struct weir_demo_exchange_peer {
    struct sockaddr_storage address;
    socklen_t len;
    char name[128]; /* "127.0.0.1:8080" */
};

struct weir_demo_answer {
    int status; /* 0: none came; `body` says why */
    weir_time retry_after;
    char body[256]; /* its beginning */
};

enum weir_demo_exchange_state {
    DEMO_CLOSED,
    DEMO_CONNECTING,
    DEMO_WRITING,
    DEMO_READING,
    DEMO_OPEN
};

struct weir_demo_exchange {
    int fd;
    enum weir_demo_exchange_state state;
    bool reused; /* the connection had answered before: it may have been closed meanwhile */
    char head[640];
    size_t head_len;
    struct weir_str body;
    size_t written;
    char in[4096];
    size_t in_len;
    size_t skip; /* of the answer's body, beyond what fits `in` */
    bool closes;
    struct weir_demo_answer answer;
};

int weir_demo_exchange_resolve(struct weir_demo_exchange_peer *peer, const char *address,
                               struct weir_error *err) WEIR_MUST_CHECK;
/* "Basic <base64 of key:>" */
int weir_demo_exchange_auth(const char *key, char out[256], struct weir_error *err) WEIR_MUST_CHECK;

void weir_demo_exchange_init(struct weir_demo_exchange *exchange);
void weir_demo_exchange_close(struct weir_demo_exchange *exchange);
/* Connects when it must. The body stays the caller's until the answer is there. When not even a
 * socket could be had, fd is -1 and the answer says why. */
void weir_demo_exchange_start(struct weir_demo_exchange *exchange,
                              const struct weir_demo_exchange_peer *peer, const char *auth,
                              struct weir_str body);
/* POLLIN or POLLOUT. */
short weir_demo_exchange_wants(const struct weir_demo_exchange *exchange);
/* Goes on; true when the answer is there (or none will come). */
bool weir_demo_exchange_step(struct weir_demo_exchange *exchange);

#endif
