/* Sends events to a collector as an SDK does: batches over keep-alive connections, Basic
 * authentication with the source's write key, and patience. A batch that is answered 429, 408 or
 * 5xx is sent again after Retry-After; one whose connection broke, at once (the messageIds make
 * that harmless). Only a 2xx counts as acknowledged.
 *
 * One thread; nothing happens between calls. */
#ifndef WEIR_DEMO_SENDER_H
#define WEIR_DEMO_SENDER_H

#include "demo/demo.h"

#define WEIR_DEMO_BATCH_EVENTS 200
#define WEIR_DEMO_BATCH_BYTES  ((size_t)480 * 1024) /* Segment takes 500 KB */

struct weir_demo_sender_options {
    const char *address; /* of the collector, "HOST:PORT" or "[v6]:PORT" */
    const char *keys[WEIR_DEMO_SOURCES];
    unsigned connections; /* 0: 4 */
    weir_time patience;   /* without any acknowledgement, then it is an error; 0: one minute */
};

struct weir_demo_sent {
    uint64_t events;  /* acknowledged */
    uint64_t batches; /* likewise */
    uint64_t bytes;   /* of their bodies */
    uint64_t retries; /* batches that had to be sent again */
    uint64_t waiting; /* events that were added and are not acknowledged yet */
};

struct weir_demo_sender;

int weir_demo_sender_new(const struct weir_demo_sender_options *options,
                         struct weir_demo_sender **out, struct weir_error *err) WEIR_MUST_CHECK;
void weir_demo_sender_free(struct weir_demo_sender *sender); /* what waits is not sent */
/* Takes a copy. Blocks while as many batches wait as there are connections for. */
int weir_demo_sender_add(struct weir_demo_sender *sender, const struct weir_demo_event *event,
                         struct weir_error *err) WEIR_MUST_CHECK;
/* Closes the batches that are not full, so that they are sent too. */
int weir_demo_sender_push(struct weir_demo_sender *sender, struct weir_error *err) WEIR_MUST_CHECK;
/* Sends and receives for up to `timeout`; returns early when something was acknowledged or a signal
 * came. */
int weir_demo_sender_work(struct weir_demo_sender *sender, weir_time timeout,
                          struct weir_error *err) WEIR_MUST_CHECK;
void weir_demo_sender_stats(const struct weir_demo_sender *sender, struct weir_demo_sent *out);

#endif
