/* For the files of this folder only: what a server and its connections are made of.
 *
 * Life of a connection: HEAD → (BODY | CHUNKS) → HANDLING → FLUSHING → HEAD …, moved on by
 * weir_http_conn_run() alone. SKIPPING reads over the body of a request that was answered early;
 * LINGERING reads what a client still sends after the last answer, so that the kernel does not
 * throw the answer away with a reset. A connection whose socket is gone lives on, `dead`, until the
 * handler that holds its request has answered. */
#ifndef WEIR_IO_HTTP_CONN_H
#define WEIR_IO_HTTP_CONN_H

#include <stdatomic.h>
#include <sys/uio.h>
#include <time.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "io/http.h"
#include "io/http_body.h"
#include "io/http_head.h"

#define WEIR_HTTP_SMALL     4096 /* bytes of a pooled input buffer, without padding */
#define WEIR_HTTP_LISTENERS 8
#define WEIR_HTTP_MAX_OUT   (1u << 30)  /* bytes waiting for one client */
#define WEIR_HTTP_OUT_LOW   (64 * 1024) /* below it a streamed answer is asked for more */

enum weir_http_state {
    WEIR_HTTP_HEAD_STATE,
    WEIR_HTTP_BODY_STATE,
    WEIR_HTTP_CHUNKS_STATE,
    WEIR_HTTP_HANDLING,
    WEIR_HTTP_FLUSHING,
    WEIR_HTTP_SKIPPING,
    WEIR_HTTP_LINGERING
};

struct weir_http_stream { /* a body that is handed on; sink NULL: it is collected */
    weir_http_body_sink sink;
    void (*drop)(void *arg);
    void *arg;
    uint64_t most, came;
    uint64_t left; /* of a Content-Length */
};

/* Blocks of one size, used again in the order that keeps caches warm. */
struct weir_http_pool {
    void *first;
    size_t size;
    unsigned count;
    unsigned keep;
};
void *weir_http_pool_take(struct weir_http_pool *pool);
void weir_http_pool_give(struct weir_http_pool *pool, void *block);
void weir_http_pool_free(struct weir_http_pool *pool);

struct weir_http_listener {
    struct weir_http_server *server;
    struct event *event;
    int fd;
    bool local; /* a unix socket */
    char *path; /* to unlink */
};

struct weir_http_request {
    struct weir_http_conn *conn;
    struct weir_http_head *head; /* pooled; NULL between requests */
    struct weir_str body;
    struct weir_buf decoded; /* backs `body` when it came encoded */
    struct weir_buf path;    /* percent-decoded */
    struct weir_buf headers; /* of the answer, as lines */
    bool keep_alive;
    bool early;     /* being answered before its body was read */
    bool streaming; /* weir_http_begin was called */
    bool chunked;   /* the answer is */
    bool no_body;   /* HEAD */
    weir_loop_fn drained;
    void *drained_arg;
    weir_loop_fn gone;
    void *gone_arg;
};

struct weir_http_conn {
    struct weir_http_request req;
    struct weir_http_server *server;
    struct weir_http_conn *prev, *next;
    struct event read_event, write_event;
    enum weir_http_state state;
    int fd;                /* -1 once closed */
    bool reading, writing; /* the events are added */
    bool running;          /* weir_http_conn_run is below us on the stack: it frees */
    bool held;             /* a handler owes an answer */
    bool dead;
    bool lost;    /* the client went while an answer was written; to be told in its own turn */
    bool eof;     /* the client will send no more */
    bool closing; /* the server drains: close when nothing of a request is here */
    bool linger;  /* it may still be sending when we close */
    bool loopback;
    char peer[46];

    char *in; /* the request, then what was read ahead */
    size_t in_len, in_cap;
    size_t charged; /* what of in_len is in the server's `buffered` */
    size_t scanned; /* of the head */
    size_t head_len;
    size_t body_len;
    size_t request_len; /* everything of this request within `in` */
    uint64_t skip;      /* body bytes to read over */
    struct weir_http_chunks chunks;
    struct weir_http_stream stream;

    struct weir_buf out;
    size_t out_at;
    struct weir_str out_tail; /* follows `out`, not ours */

    weir_time begun; /* first byte of this request, or start of lingering */
    weir_time moved; /* last byte that came or went */
};

struct weir_http_server {
    struct weir_loop *loop;
    struct event_base *base;
    struct weir_http_options options;
    struct weir_http_listener listeners[WEIR_HTTP_LISTENERS];
    int listener_count;
    bool accepting;
    struct weir_http_conn *conns;
    atomic_uint conn_count; /* read from other threads too, as is `buffered` */
    atomic_size_t buffered;
    struct event *sweep; /* closes what is silent */
    struct event *accept_again;
    struct event *drain_done; /* also its deadline */
    bool draining;
    weir_loop_fn done;
    void *done_arg;
    struct weir_http_pool buffers, heads;
    struct weir_http_codec *codec;
    struct weir_buf scratch; /* an answer being put together */
    char date[40];           /* "Date: …\r\n", of this second */
    weir_time date_second;
};

/* The time of the last kernel tick, some milliseconds old at most: enough for time-outs and the
 * Date header, at a fifth of the price, which was 4 % of a small request. */
static inline weir_time weir_http_clock(clockid_t coarse)
{
    struct timespec t;
    clock_gettime(coarse, &t);
    return t.tv_sec * WEIR_SECOND + t.tv_nsec / 1000;
}

/* Only the loop's thread writes these, so that a load and a store do. */
static inline void weir_http_count_buffered(struct weir_http_server *server, size_t add, size_t sub)
{
    size_t now = atomic_load_explicit(&server->buffered, memory_order_relaxed);
    atomic_store_explicit(&server->buffered, now + add - sub, memory_order_relaxed);
}
static inline void weir_http_count_conn(struct weir_http_server *server, int by)
{
    unsigned now = atomic_load_explicit(&server->conn_count, memory_order_relaxed);
    atomic_store_explicit(&server->conn_count, now + (unsigned)by, memory_order_relaxed);
}

/* --- http_conn.c --- */
void weir_http_conn_new(struct weir_http_server *server, int fd, const char *peer, bool loopback);
void weir_http_conn_run(struct weir_http_conn *conn, bool readable);
/* Closes the socket and forgets the connection, now or when its answer is given. */
void weir_http_conn_close(struct weir_http_conn *conn);
/* The server goes before the handler has answered: the answer will go nowhere. */
void weir_http_conn_orphan(struct weir_http_conn *conn);
/* The answer is complete as far as the handler is concerned. */
void weir_http_conn_answered(struct weir_http_conn *conn);
/* The answer is out: on to the next request, or to the end. */
void weir_http_conn_next(struct weir_http_conn *conn);
/* Nothing moved for too long? Called every now and then. */
void weir_http_conn_sweep(struct weir_http_conn *conn, weir_time now);

/* --- http_write.c --- */
size_t weir_http_conn_pending(const struct weir_http_conn *conn);
/* Sends what the socket takes now and keeps the rest. A static body is kept by reference. */
void weir_http_conn_push(struct weir_http_conn *conn, struct weir_str head, struct weir_str body,
                         bool is_static);
void weir_http_conn_flush(struct weir_http_conn *conn);
void weir_http_conn_on_write(evutil_socket_t fd, short what, void *arg);

/* --- http_stream.c --- */
/* Hands on what is here of the body. 0, or the status to refuse with. */
int weir_http_stream_step(struct weir_http_conn *conn, bool *whole, const char **why);
void weir_http_stream_forget(struct weir_http_conn *conn);

/* --- http_server.c --- */
void weir_http_server_forgot(struct weir_http_server *server); /* a connection was closed */

/* --- http_input.c --- */
/* Reads once into the connection's buffer, making room as its state allows. */
enum weir_http_fill {
    WEIR_HTTP_FILL_FULL,  /* there may be more */
    WEIR_HTTP_FILL_SHORT, /* nothing more now */
    WEIR_HTTP_FILL_EOF,
    WEIR_HTTP_FILL_ERROR
};
enum weir_http_fill weir_http_conn_fill(struct weir_http_conn *conn);
/* Brings the server's count of held bytes up to date: of bytes that came, not of room that was
 * claimed, or a Content-Length alone could make a server refuse others. */
void weir_http_input_charge(struct weir_http_conn *conn);
/* Drops the first n bytes; an empty buffer goes back to the pool. */
void weir_http_input_consume(struct weir_http_conn *conn, size_t n);

#endif
