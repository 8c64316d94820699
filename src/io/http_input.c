/* The bytes that came in: where they are kept until a request is complete. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "io/http_conn.h"

/* A body of stated length gets its room at once up to this size, and as it comes beyond. */
#define STREAM_ROOM    (128 * 1024) /* of a body that is handed on */
#define TRUSTED_LENGTH (1024 * 1024)
#define READ_AHEAD     (16 * 1024)
#define CHUNK_ROOM     (16 * 1024)

void *weir_http_pool_take(struct weir_http_pool *pool)
{
    void *block = pool->first;
    if (block) {
        pool->first = *(void **)block;
        pool->count--;
        return block;
    }
    return malloc(pool->size);
}

void weir_http_pool_give(struct weir_http_pool *pool, void *block)
{
    if (!block) {
        return;
    }
    if (pool->count >= pool->keep) {
        free(block);
        return;
    }
    *(void **)block = pool->first;
    pool->first = block;
    pool->count++;
}

void weir_http_pool_free(struct weir_http_pool *pool)
{
    while (pool->first) {
        void *block = pool->first;
        pool->first = *(void **)block;
        free(block);
    }
    pool->count = 0;
}

void weir_http_input_charge(struct weir_http_conn *conn)
{
    weir_http_count_buffered(conn->server, conn->in_len, conn->charged);
    conn->charged = conn->in_len;
}

static void release(struct weir_http_conn *conn)
{
    if (conn->in_cap == WEIR_HTTP_SMALL) {
        weir_http_pool_give(&conn->server->buffers, conn->in);
    } else {
        free(conn->in);
    }
    conn->in = NULL;
    conn->in_cap = conn->in_len = 0;
    weir_http_input_charge(conn);
}

static bool grow(struct weir_http_conn *conn, size_t cap)
{
    if (cap <= conn->in_cap) {
        return true;
    }
    struct weir_http_server *server = conn->server;
    char *in;
    if (!conn->in && cap <= WEIR_HTTP_SMALL) {
        cap = WEIR_HTTP_SMALL;
        in = weir_http_pool_take(&server->buffers);
    } else if (conn->in_cap == WEIR_HTTP_SMALL) {
        in = malloc(cap + WEIR_BUF_PADDING);
        if (in) {
            memcpy(in, conn->in, conn->in_len);
            weir_http_pool_give(&server->buffers, conn->in);
        }
    } else {
        in = realloc(conn->in, cap + WEIR_BUF_PADDING);
    }
    if (!in) {
        return false;
    }
    conn->in = in;
    conn->in_cap = cap;
    return true;
}

void weir_http_input_consume(struct weir_http_conn *conn, size_t n)
{
    size_t left = conn->in_len - n;
    if (left == 0) {
        if (conn->in) {
            release(conn);
        }
        return;
    }
    memmove(conn->in, conn->in + n, left);
    conn->in_len = left;
    weir_http_input_charge(conn);
}

/* Bytes to have room for; 0: read no more for now. */
static size_t wanted_room(const struct weir_http_conn *conn)
{
    size_t doubled = conn->in_cap * 2;
    if (conn->stream.sink &&
        (conn->state == WEIR_HTTP_BODY_STATE || conn->state == WEIR_HTTP_CHUNKS_STATE)) {
        size_t room = conn->head_len + STREAM_ROOM;
        return conn->in_cap > room ? conn->in_cap : room;
    }
    switch (conn->state) {
    case WEIR_HTTP_HEAD_STATE: {
        size_t most = conn->server->options.max_headers + 1;
        if (conn->in_len < conn->in_cap) {
            return conn->in_cap;
        }
        doubled = doubled < WEIR_HTTP_SMALL ? WEIR_HTTP_SMALL : doubled;
        return doubled < most || conn->in_len >= most ? doubled : most;
    }
    case WEIR_HTTP_BODY_STATE: {
        size_t whole = conn->head_len + conn->body_len;
        if (whole <= TRUSTED_LENGTH || conn->in_len < conn->in_cap) {
            return whole <= TRUSTED_LENGTH ? whole : conn->in_cap;
        }
        doubled = doubled < TRUSTED_LENGTH ? TRUSTED_LENGTH : doubled;
        return doubled < whole ? doubled : whole;
    }
    case WEIR_HTTP_CHUNKS_STATE:
        return conn->in_cap - conn->in_len >= CHUNK_ROOM ? conn->in_cap : doubled + CHUNK_ROOM;
    case WEIR_HTTP_HANDLING:
    case WEIR_HTTP_FLUSHING: {
        size_t ahead = conn->in_len - conn->request_len;
        return ahead < READ_AHEAD && conn->in_len < conn->in_cap ? conn->in_cap : 0;
    }
    default:
        return WEIR_HTTP_SMALL;
    }
}

enum weir_http_fill weir_http_conn_fill(struct weir_http_conn *conn)
{
    size_t cap = wanted_room(conn);
    if (cap == 0) {
        event_del(&conn->read_event); /* until this request is answered */
        conn->reading = false;
        return WEIR_HTTP_FILL_SHORT;
    }
    if (!grow(conn, cap)) {
        return WEIR_HTTP_FILL_ERROR;
    }
    size_t room = conn->in_cap - conn->in_len;
    if (room == 0) {
        return WEIR_HTTP_FILL_SHORT; /* all of it is here, and about to be dealt with */
    }
    ssize_t n;
    do {
        n = recv(conn->fd, conn->in + conn->in_len, room, 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        if (conn->in_len == 0) {
            release(conn);
        }
        return errno == EAGAIN || errno == EWOULDBLOCK ? WEIR_HTTP_FILL_SHORT
                                                       : WEIR_HTTP_FILL_ERROR;
    }
    if (n == 0) {
        return WEIR_HTTP_FILL_EOF;
    }
    conn->in_len += (size_t)n;
    weir_http_input_charge(conn);
    conn->moved = weir_http_clock(CLOCK_MONOTONIC_COARSE);
    return (size_t)n == room ? WEIR_HTTP_FILL_FULL : WEIR_HTTP_FILL_SHORT;
}
