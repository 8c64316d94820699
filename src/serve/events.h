/* Private to src/serve: the latest events, as they came and what became of them.
 *
 * Read from the event log and the quarantine when somebody asks, by readers that are opened for it:
 * nothing is kept, and nothing runs while nobody looks. Bounded: only the newest records are read,
 * the newest events of them are kept, long texts are cut (and said to be). */
#ifndef WEIR_SERVE_EVENTS_H
#define WEIR_SERVE_EVENTS_H

#include "base/json_write.h"
#include "serve/server.h"

#define WEIR_EVENTS_MAX 200 /* of one answer */

/* What became of an event. */
enum weir_fate {
    WEIR_FATE_WAITING,    /* on disk, not loaded yet */
    WEIR_FATE_LOADED,     /* a row; values that did not fit are among its discards */
    WEIR_FATE_DUPLICATE,  /* its messageId was loaded before */
    WEIR_FATE_SET_ASIDE,  /* bad: in weir.discards with its reason */
    WEIR_FATE_REFUSED,    /* its request was answered 4xx */
    WEIR_FATE_QUARANTINED /* its write key belongs to no source */
};

struct weir_recent { /* one event; what has no event in it (a refused body) has type "" */
    struct weir_arena arena;
    bool quarantined; /* it is in that log */
    uint64_t seq;
    uint32_t index;
    enum weir_fate fate;
    weir_time received_at;
    struct weir_str source, method, type, name, message_id, user_id, anonymous_id;
    struct weir_str reason;
    struct weir_str json; /* as it came, cut */
    size_t json_size;     /* of the whole */
};

struct weir_recents { /* the newest, oldest first */
    struct weir_recent *items[WEIR_EVENTS_MAX];
    size_t count, limit;
    uint64_t passed; /* those that were read, and left out for newer ones */
};

struct weir_events_want {
    struct weir_server *server;
    struct weir_str source; /* empty: all */
    bool quarantine;        /* of that log */
    uint64_t from, to;      /* records [from, to) */
    int64_t index;          /* only this event of each; -1: all */
};

/* The next number of each log. */
int weir_events_next_seq(struct weir_server *server, bool quarantine, uint64_t *out,
                         struct weir_error *err) WEIR_MUST_CHECK;
/* Adds what is wanted to `out`. Not on the loop's thread. */
int weir_events_read(const struct weir_events_want *want, struct weir_recents *out,
                     struct weir_error *err) WEIR_MUST_CHECK;
/* The newest of both, by the time they came in; `from` is empty then. */
void weir_events_merge(struct weir_recents *to, struct weir_recents *from);
/* "events": [...], with what weir.discards has of each; a member of an open object. */
int weir_events_print(struct weir_server *server, const struct weir_recents *events,
                      struct weir_jw *w, struct weir_error *err) WEIR_MUST_CHECK;
void weir_recents_free(struct weir_recents *events);

/* events_row.c: "rows": [...], the rows that this event became, by table. */
int weir_events_print_rows(struct weir_server *server, const struct weir_recent *event,
                           struct weir_jw *w, struct weir_error *err) WEIR_MUST_CHECK;

/* events_live.c: the streams of GET /api/events/live. The loop's thread. */
struct weir_event_streams;
struct weir_event_streams *weir_event_streams_new(struct weir_server *server); /* NULL: no memory */
/* Those who listen. NULL is NULL. */
struct weir_listeners *weir_event_streams_pages(struct weir_event_streams *streams);
void weir_event_streams_free(struct weir_event_streams *streams); /* NULL is fine */

#endif
