/* What a run does, how far it is and what it says, for whoever looks on: any thread may print it
 * while the run tells. Bounded: the latest lines are kept. NULL for a watch is fine everywhere:
 * then nobody looks. */
#ifndef WEIR_SOURCE_WATCH_H
#define WEIR_SOURCE_WATCH_H

#include "base/json_write.h"
#include "base/time.h"

struct weir_source_load;
struct weir_source_watch;
struct weir_source_progress;

struct weir_source_watch *weir_source_watch_new(void); /* NULL: no memory */
/* Whoever looks on; NULL: nobody. `progress` may be NULL. */
struct weir_source_watch *weir_source_watch_of(const struct weir_source_progress *progress);
void weir_source_watch_free(struct weir_source_watch *watch);

/* A stream's ways: it is looked what there is to read; rows are read; they are brought into its
 * table; it has ended. Several streams may be on their ways at once. */
void weir_source_watch_look(struct weir_source_watch *watch, const char *stream);
/* `bytes` that are to be read; 0: nobody knows. */
void weir_source_watch_read(struct weir_source_watch *watch, const char *stream, uint64_t bytes);
/* So much more of it was read. */
void weir_source_watch_more(struct weir_source_watch *watch, const char *stream, uint64_t rows,
                            uint64_t bytes);
void weir_source_watch_write(struct weir_source_watch *watch, const char *stream);
/* Some of its rows are in the table already, and it is read on. */
void weir_source_watch_part(struct weir_source_watch *watch, const struct weir_source_load *load);
void weir_source_watch_end(struct weir_source_watch *watch, const struct weir_source_load *load);
/* A line of the run's log. */
void weir_source_watch_say(struct weir_source_watch *watch, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "loaded", "unchanged", "failed" or "mismatch", of the streams that ended so far. */
const char *weir_source_watch_status(struct weir_source_watch *watch);
/* Members of an object: "rows", "bytes", "rate" (rows a second of the last seconds while it runs,
 * else null) and "streams" (`most` of them):
 * [{"stream","state","rows","bytes","bytes_total","seconds_left","error"}]; `state` is looking,
 * reading, writing, or how it ended. */
void weir_source_watch_print(struct weir_source_watch *watch, bool runs, size_t most,
                             struct weir_jw *w);
/* [{"at","text"}], oldest first; where there are more than `most` bytes of text, the latest, and
 * the first line, which says where the run began. */
void weir_source_watch_print_log(struct weir_source_watch *watch, size_t most, struct weir_jw *w);

#endif
