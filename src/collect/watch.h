/* For the files of this folder only: what the collector does by the clock. */
#ifndef WEIR_COLLECT_WATCH_H
#define WEIR_COLLECT_WATCH_H

#include "base/error.h"

#define WEIR_WATCH_SOURCES_EVERY (WEIR_SECOND / 2)
#define WEIR_WATCH_EXPIRY_EVERY  (WEIR_DAY / 4)
/* While the quarantine is full: whether it has room again. */
#define WEIR_WATCH_QUARANTINE_EVERY WEIR_SECOND
/* A source that is gone stays known for so long: a checkout takes files away and puts them back. */
#define WEIR_WATCH_GRACE (10 * WEIR_SECOND)

struct weir_collector;

/* Both are timer callbacks; the argument is the struct weir_collector. */
void weir_watch_sources(void *collector);
/* The first reading. A mistake in a file stops no collection: what comes with keys that are not
 * known is kept in quarantine until it is mended. */
int weir_watch_begin(struct weir_collector *c, struct weir_error *err) WEIR_MUST_CHECK;
void weir_watch_expiry(void *collector);
/* Looks how large the quarantine is. */
void weir_watch_quarantine(struct weir_collector *collector);

#endif
