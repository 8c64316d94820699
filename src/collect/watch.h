/* For the files of this folder only: what the collector does by the clock. */
#ifndef WEIR_COLLECT_WATCH_H
#define WEIR_COLLECT_WATCH_H

#define WEIR_WATCH_SOURCES_EVERY (WEIR_SECOND / 2)
#define WEIR_WATCH_EXPIRY_EVERY  (WEIR_DAY / 4)

/* Both are timer callbacks; the argument is the struct weir_collector. */
void weir_watch_sources(void *collector);
void weir_watch_expiry(void *collector);

#endif
