/* Podium, the sample company: a live sports streaming business that does not exist.
 *
 * The generator plays 18 months of the company, person by person, and gives its events one by one
 * in the order in which they were sent, shaped exactly as Segment's SDKs send them. The same
 * options give the same bytes, on every machine: its own random numbers, integer arithmetic only,
 * no clock, no locale. Memory holds the people with an account and the sessions that are open,
 * never history, so it stays small at any number of events.
 *
 * What happens in those months, and how to find it in the data: docs/guide/demo.md.
 * One thread at a time. */
#ifndef WEIR_DEMO_DEMO_H
#define WEIR_DEMO_DEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "base/time.h"

#define WEIR_DEMO_DAYS       548 /* of history, 18 months */
#define WEIR_DEMO_MIN_EVENTS 5000
#define WEIR_DEMO_MAX_EVENTS 2000000000u

enum weir_demo_source {
    WEIR_DEMO_WEB,
    WEIR_DEMO_IOS,
    WEIR_DEMO_ANDROID,
    WEIR_DEMO_SERVER,
    WEIR_DEMO_SOURCES
};
/* "web": also the name of the workspace's source. */
const char *weir_demo_source_name(enum weir_demo_source source);

struct weir_demo_options {
    uint64_t seed;
    uint64_t events; /* the history has exactly so many, duplicates included */
    weir_time until; /* its end; cut to the second */
};

struct weir_demo_event {
    enum weir_demo_source source;
    weir_time at;         /* when it was sent */
    struct weir_str json; /* one JSON object; valid until the next call */
};

/* What was made; for the reports and tests. Counts of people are exact. */
struct weir_demo_totals {
    uint64_t events;
    uint64_t by_source[WEIR_DEMO_SOURCES];
    uint64_t visitors; /* people seen for the first time, without an account */
    uint64_t signups;
    uint64_t trials;
    uint64_t trials_ended; /* seven days later: converted or not */
    uint64_t conversions;
    uint64_t subscribers; /* paying at this moment */
    uint64_t founders;    /* brought over from the old platform on the first day */
    uint64_t renewals;
    uint64_t cancellations;
    uint64_t reactivations;
    uint64_t echo_cancellations; /* because of the outage */
    uint64_t refunds;
    uint64_t views; /* videos started */
    uint64_t beats;
    uint64_t duplicates; /* events given a second time, with the same messageId */
    uint64_t bad_clocks; /* events from devices that live in 1970 */
    uint64_t text_positions;
    size_t peak_sessions;
    size_t memory; /* bytes held now */
};

struct weir_demo;

/* WEIR_EINVAL when events is out of range. */
int weir_demo_new(const struct weir_demo_options *options, struct weir_demo **out,
                  struct weir_error *err) WEIR_MUST_CHECK;
void weir_demo_free(struct weir_demo *demo);
/* The next event of the history; false at its end (or when memory ran out: see weir_demo_failed).
 */
bool weir_demo_next(struct weir_demo *demo, struct weir_demo_event *out);
bool weir_demo_failed(const struct weir_demo *demo);
void weir_demo_totals(const struct weir_demo *demo, struct weir_demo_totals *out);

/* After the history: goes live. Events that people cause from `now` on, a few a second; call again
 * whenever time has passed. False when none is due. These are not repeatable. */
bool weir_demo_live(struct weir_demo *demo, weir_time now, struct weir_demo_event *out);

#endif
