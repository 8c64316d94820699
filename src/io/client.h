/* A small HTTP/1.1 client for the command line: one call, one connection, blocking, with a
 * deadline. Over TCP, or over a unix socket (as `weir serve` has one in the data folder).
 *
 * The answer's body is passed on as it arrives, so that a large result is never held whole. Any
 * thread; no state is kept between calls. */
#ifndef WEIR_IO_CLIENT_H
#define WEIR_IO_CLIENT_H

#include "base/buf.h"
#include "base/error.h"
#include "base/time.h"

struct weir_client_call {
    const char *address; /* "HOST:PORT", "[v6]:PORT", "unix:/path" or a path (it has a '/') */
    const char *method;  /* "GET", "POST", "DELETE", ... */
    const char *target;  /* "/api/status?x=1", already encoded */
    const char *type;    /* Content-Type of the body, or NULL */
    struct weir_str body;
    const char *const *headers; /* more of them, "Name: value", NULL-terminated; or NULL */
    weir_time timeout;          /* for the whole call; 0: none */
    weir_time idle;             /* for each silence of the server; 0: none */

    /* Called once, before the body. May be NULL. */
    int (*on_head)(int status, struct weir_str type, void *arg, struct weir_error *err);
    /* Called for each field of the head, before on_head, and of the trailers, after the body (a
     * server sends some only when asked by `TE: trailers`). May be NULL. */
    void (*on_field)(struct weir_str name, struct weir_str value, void *arg);
    /* The body's bytes, in order. Non-zero ends the call and becomes its result. May be NULL. */
    int (*on_body)(struct weir_str bytes, void *arg, struct weir_error *err);
    void *arg;
};

/* `status` (may be NULL) gets the HTTP status; any status is a success of the call itself.
 * WEIR_ENOENT: nothing listens there. WEIR_EIO: the answer broke off, or was no HTTP.
 * WEIR_ETIMEDOUT. */
int weir_client_call(const struct weir_client_call *call, int *status,
                     struct weir_error *err) WEIR_MUST_CHECK;

/* The common case: the body goes to `out` (which caps it); on_head, on_body and arg are not used.
 */
int weir_client_fetch(const struct weir_client_call *call, int *status, struct weir_buf *out,
                      struct weir_error *err) WEIR_MUST_CHECK;

#endif
