/* What a tracking call means: from a log record's body to events.
 *
 * The rules of Segment's HTTP tracking API as its SDKs and RudderStack's use it: which fields there
 * are, how a batch's context, integrations, sentAt and writeKey merge into its items, how device
 * clocks are corrected, what makes an event bad. The collector uses it to decide between keeping
 * and refusing, the loader to make rows: one definition, so they can never disagree.
 *
 * Pure: no I/O, no clock, no state but the parser's. One thread at a time. */
#ifndef WEIR_EVENT_EVENT_H
#define WEIR_EVENT_EVENT_H

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "base/time.h"

enum weir_event_type {
    WEIR_EVENT_BAD, /* set aside: see `reason` */
    WEIR_EVENT_IDENTIFY,
    WEIR_EVENT_TRACK,
    WEIR_EVENT_PAGE,
    WEIR_EVENT_SCREEN,
    WEIR_EVENT_GROUP,
    WEIR_EVENT_ALIAS
};

/* How the event's time came to be, in `time_note`; stored so that nobody has to guess. */
enum weir_time_note {
    WEIR_TIME_OK,         /* receivedAt - (sentAt - originalTimestamp) */
    WEIR_TIME_NO_SENT_AT, /* originalTimestamp as it came */
    WEIR_TIME_MISSING,    /* no timestamp: receivedAt */
    WEIR_TIME_UNREADABLE, /* not a time: receivedAt; the original is among `strays` */
    WEIR_TIME_ABSURD      /* outside the bounds (see weir_event_limits): receivedAt */
};

struct weir_event_limits {
    size_t max_events;    /* in one batch; the rest is set aside unread: no id, no time */
    weir_time max_future; /* corrected time later than receivedAt + this is absurd */
    weir_time min_time;   /* corrected time before this is absurd (default 2000-01-01) */
};
extern const struct weir_event_limits WEIR_EVENT_LIMITS_DEFAULT;

/* A field whose value is not what it must be (a timestamp that is no time, properties that are no
 * object): the event is kept without it, and the value goes to discards. */
struct weir_event_stray {
    const char *field;  /* as in the spec: "timestamp", "sentAt", "properties", ... */
    const char *reason; /* a stable code: "not_a_time", "not_an_object", ... */
    struct weir_json value;
};
#define WEIR_EVENT_STRAYS 10

/* One event. JSON values borrow from the parser, strings from it or from the arena. */
struct weir_event {
    enum weir_event_type type;
    uint32_t index;             /* in its batch, from 0 */
    const char *reason;         /* WEIR_EVENT_BAD: a stable code, "no_user_anon_id", ... */
    struct weir_str message_id; /* never empty for a good event */
    bool made_id;               /* message_id was missing and made from request_id and index */
    struct weir_str user_id;    /* numbers are taken as their text; ptr NULL when absent */
    struct weir_str anonymous_id;
    struct weir_str event;    /* track */
    struct weir_str name;     /* page, screen */
    struct weir_str category; /* page, screen */
    struct weir_str group_id;
    struct weir_str previous_id;
    struct weir_json root; /* the event object itself */
    /* Objects, or absent. */
    struct weir_json properties; /* properties, or traits for identify and group */
    struct weir_json context;    /* the event's own */
    struct weir_json
        batch_context;             /* the batch's: a key of `context` wins over the same key here */
    struct weir_json integrations; /* likewise */
    struct weir_json batch_integrations;
    weir_time timestamp;          /* corrected */
    weir_time original_timestamp; /* WEIR_TIME_NONE when missing or unreadable */
    weir_time sent_at;            /* WEIR_TIME_NONE likewise */
    enum weir_time_note time_note;
    unsigned stray_count;
    struct weir_event_stray strays[WEIR_EVENT_STRAYS];
};
#define WEIR_TIME_NONE INT64_MIN

/* Of the JSON, for whoever parses bodies: what the collector takes, the loader can read. */
#define WEIR_EVENT_MAX_DEPTH 1024

struct weir_event_request { /* what the record says around the body */
    struct weir_str method; /* "track" ... "batch" ("import" is "batch") */
    const unsigned char *request_id;
    weir_time received_at;
};

/* Called for every event in order, good and bad. A non-zero return stops and is returned. */
typedef int (*weir_event_fn)(const struct weir_event *event, void *arg, struct weir_error *err);

/* Walks the body (WEIR_BUF_PADDING readable bytes behind it). Fails, with WEIR_EINVAL or
 * WEIR_ETOOBIG, only when the body as a whole is no tracking call (no JSON, no object, a batch
 * without an array); a bad event is passed to fn with its reason. `repairs` may be NULL. */
int weir_event_each(struct weir_json_parser *parser, struct weir_arena *arena,
                    const struct weir_event_request *request, struct weir_str body,
                    const struct weir_event_limits *limits, struct weir_json_repairs *repairs,
                    weir_event_fn fn, void *arg, struct weir_error *err) WEIR_MUST_CHECK;

/* The same on a body that is parsed already. */
int weir_event_walk(struct weir_json root, struct weir_arena *arena,
                    const struct weir_event_request *request,
                    const struct weir_event_limits *limits, weir_event_fn fn, void *arg,
                    struct weir_error *err) WEIR_MUST_CHECK;

/* The write key inside a body, for requests without Authorization; ptr NULL when none. */
struct weir_str weir_event_write_key(struct weir_json root);

const char *weir_event_type_name(enum weir_event_type type); /* "track" */

#endif
