/* Staging ahead: while a feed is read, a thread of its own brings the rows that came into their
 * streams' stages, by what is known of the columns so far. When a stream is loaded and its columns
 * are still what they were, the rest of its rows is staged, and the stage is proven as any; else it
 * is made anew from the spool. Whatever fails ahead is tried again then, and told then. Private to
 * src/source. All calls come from the feed's thread. */
#ifndef WEIR_SOURCE_FEED_AHEAD_H
#define WEIR_SOURCE_FEED_AHEAD_H

#include "source/run/run.h"

struct weir_feed_ahead;

/* `plan` makes the plan of a stream as it is now, with a session that the caller and the thread
 * share. */
int weir_feed_ahead_new(struct weir_feed_ahead **out,
                        int (*plan)(void *of, struct weir_feed_stream *s, struct weir_stream_run *r,
                                    struct weir_error *err),
                        void *of, struct weir_error *err) WEIR_MUST_CHECK;
/* Drops the stages that nobody took. NULL is fine here and below. */
void weir_feed_ahead_free(struct weir_feed_ahead *a);
/* A block of the stream is in the spool. */
void weir_feed_ahead_came(struct weir_feed_ahead *a, struct weir_feed_stream *s);
/* The session is the caller's, and in no transaction, until it goes on. They nest. */
void weir_feed_ahead_pause(struct weir_feed_ahead *a);
void weir_feed_ahead_go_on(struct weir_feed_ahead *a);
/* While it pauses: the run's stage has all rows of the stream, not proven yet. False: it has no
 * stage. */
bool weir_feed_ahead_take(struct weir_stream_run *r);

#endif
