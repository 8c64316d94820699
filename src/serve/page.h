/* Private to src/serve: an answer of POST /api/page under way. */
#ifndef WEIR_SERVE_PAGE_H
#define WEIR_SERVE_PAGE_H

#include "cache/kept.h"
#include "serve/compile.h"
#include "serve/look.h"
#include "serve/page_body.h"
#include "serve/results.h"

enum tile_state {
    TILE_COMPILING,
    TILE_COMPILED, /* and not there: it must run */
    TILE_RUNNING,
    TILE_READY, /* there, or it failed */
    TILE_SENT
};

struct tile {
    struct page *page;
    uint16_t index;
    enum tile_state state;
    const char *query;
    struct weir_str known; /* etag, or "" */
    struct weir_compiling *from;
    struct weir_query_request request;
    struct weir_str key;
    struct weir_str params; /* that it asked for: a JSON list */
    struct weir_want want;
    struct weir_history_entry *entry;

    struct weir_kept *kept; /* NULL: it failed */
    bool cached;
    int64_t offset; /* of the error in the template */
    struct weir_error err;
    size_t sent; /* bytes */
    bool headed;
};

struct page {
    struct weir_call call;
    struct weir_arena arena;
    struct weir_page_body body;
    struct weir_report_look look; /* holds the next */
    const struct weir_document *d;
    struct weir_str values;     /* those that hold */
    struct weir_access *access; /* NULL: unrestricted */
    struct tile *tiles;
    size_t count, compiling, running, unsent;
    struct tile *sending;     /* it has begun */
    struct weir_buf out;      /* frames on their way to the connection */
    struct weir_buf question; /* what decides how its queries are compiled */
    uint64_t when;            /* of the memo */
    weir_time now;            /* for all of its queries, rounded down */
    weir_time began;          /* monotonic */
    unsigned hits, misses, failures;
    weir_time engine;          /* the time of the runs that were begun for it */
    bool starting;             /* not all tiles were looked at yet */
    bool begun;                /* the answer */
    bool gone;                 /* the client */
    void (*warmed)(void *arg); /* when it is for nobody: there is no request, and nothing is sent */
    void *warmed_arg;
};

/* --- page_send.c --- */
/* Sends what is ready, as far as the client takes it. */
void weir_page_send(struct page *p);
void weir_page_add_done(struct page *p);
void weir_page_drop(struct tile *t); /* it was sent, or never will be */
/* Does too much wait for the client? */
bool weir_page_is_clogged(const struct page *p);

#endif
