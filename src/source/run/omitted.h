/* Columns and lists that are left out now, and whose values are there from before. Private to
 * src/source. */
#ifndef WEIR_SOURCE_OMITTED_H
#define WEIR_SOURCE_OMITTED_H

#include "source/run/run.h"

/* Those of the stream's table, and of the tables of its lists, into the plan. */
int weir_source_omitted_find(struct weir_stream_run *r, struct weir_error *err) WEIR_MUST_CHECK;
/* A sentence of each into what changes. */
int weir_source_omitted_say(struct weir_stream_run *r, struct weir_error *err) WEIR_MUST_CHECK;
/* One of them, in the transaction of the rows; `anew`: the load builds its table of what comes. */
int weir_source_omitted_empty(struct weir_session *session, struct weir_str schema,
                              const struct weir_source_omitted *omitted,
                              const struct weir_source_load *load, bool anew,
                              struct weir_error *err) WEIR_MUST_CHECK;
/* Where nothing else is new: by itself, as a load without rows. */
int weir_source_omitted_load(struct weir_stream_run *r, struct weir_error *err) WEIR_MUST_CHECK;
/* The same of all streams of a feed that no load brought anything of. `like` has the run, its id
 * and the session. */
int weir_source_omitted_feed(const struct weir_stream_run *like, struct weir_feed *feed,
                             struct weir_source_config *config, struct weir_jw *w,
                             struct weir_error *err) WEIR_MUST_CHECK;

#endif
