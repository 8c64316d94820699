/* Private to src/serve: pages that are told what happens, by server-sent events, for as long as
 * they are open. All on the loop's thread. */
#ifndef WEIR_SERVE_LISTENERS_H
#define WEIR_SERVE_LISTENERS_H

#include "serve/server.h"

struct weir_listeners;

/* One open page: the first member of what its kind knows of it. */
struct weir_listener {
    struct weir_listeners *all;
    struct weir_listener *next, **link;
    struct weir_http_request *req; /* held until the listener ends */
    struct weir_caller who;
    weir_time begun_at; /* weir_mono() */
    bool busy;          /* a thread works for it: it is not freed before weir_listener_rests */
    bool gone;          /* in no list any more */
};

struct weir_listeners {
    struct weir_loop *loop;
    void (*free)(struct weir_listener *listener); /* after its request was ended */
    size_t max_pending;                           /* bytes that a client has not taken */
    struct weir_listener *first;
    size_t count;
    bool ended; /* no more are let in: look before weir_listener_begin */
};

/* Answers with a stream of events. `all` and `begun_at` are set here, `req` and `who` from the
 * call. */
void weir_listener_begin(struct weir_listeners *all, struct weir_listener *listener,
                         const struct weir_call *call);
/* It is old (whoever opened it may have lost her rights; a browser's EventSource comes back by
 * itself), or its client does not read. */
bool weir_listener_is_over(const struct weir_listener *listener);
void weir_listener_end(struct weir_listener *listener);
/* Its thread is done. False: it was gone, and has been freed. */
bool weir_listener_rests(struct weir_listener *listener);

/* NULL is fine, here and below. Ends those of this person ("*": of all): her client asks again, as
 * who she is now. */
void weir_listeners_let_in_anew(struct weir_listeners *all, const char *person);
/* Ends all of them; new ones are to be refused. */
void weir_listeners_hang_up(struct weir_listeners *all);

#endif
