/* HTTP/1.1 server on a loop (docs/design/http.md says why it is our own).
 *
 * A handler gets each complete request and answers now or later; it must answer exactly once. All
 * calls on a request happen on the loop's thread; work done elsewhere comes back by
 * weir_loop_post(). A request stays valid until it is answered to the end, even when the client has
 * gone (answers then go nowhere).
 *
 * Bodies: collected whole, capped by max_body (413), decoded by Content-Encoding (gzip, deflate,
 * zstd; another one is 415), the decoded size capped too. A handler sees contiguous bytes, followed
 * by WEIR_BUF_PADDING readable bytes.
 *
 * One request of a connection is under way at a time; pipelined ones wait their turn.
 *
 * Listening: on an address, on a unix socket, or on a socket that a parent process already listens
 * on. */
#ifndef WEIR_IO_HTTP_H
#define WEIR_IO_HTTP_H

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "io/loop.h"

struct weir_http_server;
struct weir_http_request;

enum weir_http_method {
    WEIR_HTTP_GET = 1,
    WEIR_HTTP_HEAD = 2,
    WEIR_HTTP_POST = 4,
    WEIR_HTTP_PUT = 8,
    WEIR_HTTP_DELETE = 16,
    WEIR_HTTP_OPTIONS = 32,
    WEIR_HTTP_PATCH = 64
};

typedef void (*weir_http_handler)(struct weir_http_request *req, void *arg);
/* A part of a body, in order. Anything but 0 is the status to refuse the request with; it sets
 * `why`, static text. */
typedef int (*weir_http_body_sink)(struct weir_str bytes, void *arg, const char **why);

struct weir_http_options {
    size_t max_body;          /* bytes, encoded and decoded alike; 0 = 4 MB */
    size_t max_headers;       /* bytes; 0 = 64 KB */
    size_t max_buffered;      /* bytes of all unfinished bodies together, beyond which those that
                               * need more memory are answered 503; 0: no limit */
    unsigned max_connections; /* 0 = 16,384; beyond it new connections wait in the backlog */
    unsigned idle_seconds;    /* a silent connection is closed; 0 = 75 */
    weir_http_handler handler;
    /* When set: called once the head of a request is known and before its body is read, so that a
     * server in trouble can refuse cheaply. Returns true when it has answered (at once, with one of
     * the weir_http_reply functions): the body is then skipped, or the connection closed. */
    bool (*admit)(struct weir_http_request *req, void *arg);
    bool streams; /* `admit` may call weir_http_stream_body(): it is asked before max_body is */
    /* A request that never reaches the handler (malformed, too large, undecodable) is answered
     * here, at once, by weir_http_reply, in the owner's own shape; the connection is closed after
     * it. NULL: the server answers `why` as text. What could not be read of its head is absent: the
     * method may be 0, the path empty. weir_http_body() is empty. */
    void (*refused)(struct weir_http_request *req, int status, const char *why, void *arg);
    void *arg;
};

/* Of the libraries that decode bodies. */
const char *weir_http_zlib_version(void);
const char *weir_http_zstd_version(void);

int weir_http_server_new(struct weir_loop *loop, const struct weir_http_options *options,
                         struct weir_http_server **out, struct weir_error *err) WEIR_MUST_CHECK;
/* "HOST:PORT" or "[v6]:PORT"; port 0 picks one; "*:PORT" is every address; "unix:/path" is a socket
 * for this user only (mode 0600; a dead one in its place is replaced, a live one is WEIR_EBUSY).
 * `bound` (may be NULL) gets what it became. */
int weir_http_listen(struct weir_http_server *server, const char *address, char bound[64],
                     struct weir_error *err) WEIR_MUST_CHECK;
/* An already listening socket, handed over (closed by the server). */
int weir_http_listen_fd(struct weir_http_server *server, int fd, char bound[64],
                        struct weir_error *err) WEIR_MUST_CHECK;
/* Stops accepting; requests under way are answered (with Connection: close). `done` is called on
 * the loop when none is left, or after `grace`. */
void weir_http_drain(struct weir_http_server *server, weir_time grace, weir_loop_fn done,
                     void *arg);
void weir_http_server_free(struct weir_http_server *server);
/* The two counts may be read from any thread. */
unsigned weir_http_connections(const struct weir_http_server *server);
/* Bytes of memory that unfinished requests hold. */
size_t weir_http_buffered(const struct weir_http_server *server);

/* Opens a listening socket without a server, for a parent that hands it to a child (see
 * weir_http_listen_fd). The descriptor is close-on-exec until the caller says otherwise. */
int weir_http_bind(const char *address, int *fd, char bound[64],
                   struct weir_error *err) WEIR_MUST_CHECK;

/* --- the request ------------------------------------------------------------------------------ */
enum weir_http_method weir_http_method(const struct weir_http_request *req);
struct weir_str weir_http_path(const struct weir_http_request *req);  /* percent-decoded, no NUL */
struct weir_str weir_http_query(const struct weir_http_request *req); /* raw, without '?' */
struct weir_str weir_http_header(const struct weir_http_request *req,
                                 const char *name); /* ptr NULL: absent */
/* For fields that may come several times, in order: start with *at = 0. */
bool weir_http_next_header(const struct weir_http_request *req, const char *name, size_t *at,
                           struct weir_str *value);
struct weir_str weir_http_body(const struct weir_http_request *req);
/* From `admit`, which then returns false: the body goes to `sink` as it comes, without its chunks,
 * and is not collected; instead of max_body it may be `most` (413). Content codings are not undone.
 * The handler is called at the end, with an empty body, and takes `arg` by weir_http_stream_take();
 * when nobody has taken it by the end of the request, however that ended, `drop` gets it. */
void weir_http_stream_body(struct weir_http_request *req, uint64_t most, weir_http_body_sink sink,
                           void (*drop)(void *arg), void *arg);
void *weir_http_stream_take(struct weir_http_request *req); /* NULL: there is none */
/* How large the body is said to be (Content-Length), or how much of it came; encoded. */
uint64_t weir_http_body_size(const struct weir_http_request *req);
/* Textual IP without port (a mapped IPv4 address as IPv4); "" on a unix socket. */
struct weir_str weir_http_peer(const struct weir_http_request *req);
/* True on a unix socket too. */
bool weir_http_peer_is_loopback(const struct weir_http_request *req);

/* Does it speak HTTP/1.1 and say `TE: trailers`? */
bool weir_http_takes_trailers(const struct weir_http_request *req);

/* The decoded value of a query (or form) parameter into `out`; false when absent. */
bool weir_http_param(struct weir_str query, const char *name, struct weir_buf *out);
/* for (rest = query; weir_http_next_param(&rest, key, value);) — both buffers are reset. */
bool weir_http_next_param(struct weir_str *rest, struct weir_buf *key, struct weir_buf *value);

/* --- the answer ------------------------------------------------------------------------------- */
/* Before the answer begins; later ones with the same name replace. Values with CR or LF are cut
 * there. Date, Content-Length and Connection are the server's own.
 * After weir_http_begin it sets a trailer, which weir_http_end sends to a client that takes them
 * and nobody else gets; announce it by the field `Trailer`. */
void weir_http_set(struct weir_http_request *req, const char *name, const char *value);
/* Whole lines, each with its CR LF, before all others: what every answer begins with. Nothing when
 * they stand there already. */
void weir_http_set_first(struct weir_http_request *req, struct weir_str lines);
/* The whole answer. `type` may be NULL when the body is empty. The body is copied. */
void weir_http_reply(struct weir_http_request *req, int status, const char *type,
                     struct weir_str body);
/* Same, for a body that outlives the server (static tables): not copied. */
void weir_http_reply_static(struct weir_http_request *req, int status, const char *type,
                            struct weir_str body);
/* A streamed answer: begin, any number of chunks, end. `drained` is called when a slow client has
 * taken enough that more may be sent; it is a hint, never required. weir_http_pending() says how
 * many bytes wait in memory: stop producing above a bound of your own. */
void weir_http_begin(struct weir_http_request *req, int status, const char *type);
void weir_http_chunk(struct weir_http_request *req, struct weir_str bytes);
void weir_http_end(struct weir_http_request *req);
/* Breaks the connection instead of ending the answer: the client sees that it is incomplete. */
void weir_http_abort(struct weir_http_request *req);
size_t weir_http_pending(const struct weir_http_request *req);
void weir_http_on_drain(struct weir_http_request *req, weir_loop_fn fn, void *arg);
/* Called once if the client goes away before the answer ended. */
void weir_http_on_gone(struct weir_http_request *req, weir_loop_fn fn, void *arg);

#endif
