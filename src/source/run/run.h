/* One stream of a run, on its way from the plan to the table. Private to src/source. */
#ifndef WEIR_SOURCE_RUN_H
#define WEIR_SOURCE_RUN_H

#include "source/feed/feed.h"
#include "source/run/apply.h"

#define WEIR_SOURCE_TRIES 5 /* of a transaction that another one got into the way of */

struct weir_stream_run {
    const struct weir_source_run *run;
    const char *id;
    const struct weir_source_config *config;
    void *connection;
    struct weir_feed_stream *feed; /* its rows are there already; NULL: the connector reads them */
    struct weir_source_stream stream;
    struct weir_session *session;
    struct weir_source_plan plan;
    struct weir_source_settled settled;
    const struct weir_table *target;
    struct weir_source_load load;
    struct weir_source_stage stage;
    char read_checksum[17], stored_checksum[17];
    struct weir_stream_run **lists; /* in its rows, as tables of their own */
    size_t list_count;
    struct weir_stream_run *parent; /* of a list: the stream */
    bool asked;                     /* what was asked of it is wrong, and nothing else */
    struct weir_stream_run *ahead;  /* that began its stage, and goes with it; NULL: it did */
};

/* Settings and a fresh row of the ledger; must not be moved afterwards. Free it also after a
 * failure. */
int weir_stream_run_init(struct weir_stream_run *r, const struct weir_source_run *run,
                         const char *id, struct weir_source_config *config, struct weir_str name,
                         struct weir_error *err) WEIR_MUST_CHECK;
void weir_stream_run_free(struct weir_stream_run *r);
/* The table as it is; WEIR_EEXIST when it is somebody else's. */
int weir_stream_run_find_target(struct weir_stream_run *r, struct weir_error *err) WEIR_MUST_CHECK;
/* By the plan that was made. Unstage it afterwards, whatever came of it (`rc`). */
int weir_stream_run_stage(struct weir_stream_run *r, struct weir_error *err) WEIR_MUST_CHECK;
/* One sentence more for its changes, or "". */
int weir_stream_run_say(struct weir_stream_run *r, struct weir_str sentence,
                        struct weir_error *err) WEIR_MUST_CHECK;
/* The stage alone, empty. */
int weir_stream_run_open_stage(struct weir_stream_run *r, struct weir_error *err) WEIR_MUST_CHECK;
void weir_stream_run_unstage(struct weir_stream_run *r, int rc);
/* What is staged, for weir_source_apply: good as long as the run. ptr NULL: no memory. */
struct weir_source_apply *weir_stream_run_apply(struct weir_stream_run *r);
/* A failure is a row of the ledger, too. */
void weir_stream_run_note_failure(struct weir_stream_run *r, int rc, const struct weir_error *why);
/* The status of a run that failed by what was asked of it: its source has not. */
#define WEIR_SOURCE_ASKED "asked"
/* A part of the run did. */
void weir_stream_run_went_well(const struct weir_source_run *run);
/* --- same.c --- */
/* Are the staged rows those of the table? Then it is as it was loaded, the cursor is kept, and the
 * stage may go. */
int weir_stream_run_same(struct weir_stream_run *r, bool *same,
                         struct weir_error *err) WEIR_MUST_CHECK;
/* --- rest.c --- */
/* How its streams stood at the beginning of a run, where some may have failed. */
struct weir_source_rests {
    struct weir_arena arena;
    struct weir_source_standing *items;
    size_t count;
};
void weir_source_rests_read(const struct weir_source_run *run, struct weir_source_rests *out);
void weir_source_rests_free(struct weir_source_rests *rests);
/* WEIR_EAGAIN: in a run that says so (`rest`), a stream that has failed for so long rests as long
 * again, from 2 s to an hour. */
int weir_source_check_rest(const struct weir_source_run *run, struct weir_str stream,
                           struct weir_error *err) WEIR_MUST_CHECK;
/* What failed the last time and is unchanged now leaves a row in the ledger: nothing else would say
 * that it is well, nor since when it fails the next time. */
int weir_source_tell_well(struct weir_stream_run *r, struct weir_error *err) WEIR_MUST_CHECK;
/* --- asked.c --- */
/* A back-fill reads rows again that are there: only a key says which. */
bool weir_source_can_fill(const struct weir_source_stream *stream);
/* WEIR_EINVAL: so such a source cannot be asked, as far as its file says. */
int weir_source_asked_check(const struct weir_source_run *run,
                            const struct weir_source_config *config,
                            struct weir_error *err) WEIR_MUST_CHECK;
/* Can the stream be read from there on? Else it was asked wrongly. `cursor`: how far it is. */
int weir_source_asked_range(struct weir_stream_run *r, struct weir_str cursor,
                            struct weir_error *err) WEIR_MUST_CHECK;
/* Of one that looked at no stream before: the row is of the stream "*", or of the one that was
 * asked for where the file names it. */
void weir_source_note_failure(const struct weir_source_run *run, const char *id,
                              struct weir_source_config *config, weir_time began, int rc,
                              const struct weir_error *why);
void weir_source_load_print(const struct weir_source_load *load, struct weir_jw *w);

/* --- streams.c --- */
/* "shop.orders" as one word of a shell: in quotes where it needs them. For hints. */
#define WEIR_SOURCE_WORD 600
const char *weir_source_word(const char *source, const char *stream, char out[WEIR_SOURCE_WORD]);
/* NULL: the file names none that is called so; `stream` may be NULL. */
const struct weir_source_stream *weir_source_named(const struct weir_source_config *config,
                                                   const char *stream);
/* Streams of the file, or all that the source has but those that are empty and always were. */
int weir_source_streams(const struct weir_source_run *run, struct weir_source_config *config,
                        void *connection, struct weir_source_catalog *out,
                        struct weir_error *err) WEIR_MUST_CHECK;
/* --- feed_tables.c --- */
/* WEIR_EINVAL: another stream of the feed has the same table. */
int weir_feed_check_table(struct weir_source_config *config, const struct weir_feed *feed,
                          const struct weir_feed_stream *s, struct weir_error *err) WEIR_MUST_CHECK;
/* WEIR_EINVAL: the table of the last of these, or of one of its lists, is that of one before, or of
 * a list of that one. */
int weir_feed_check_lists(struct weir_stream_run *const *streams, size_t count,
                          struct weir_error *err) WEIR_MUST_CHECK;
/* --- feed_run.c --- */
/* Adds the load of one stream to what the run's loads brought of it (`loaded`). */
int weir_feed_add_up(struct weir_feed *feed, const struct weir_stream_run *r,
                     struct weir_error *err) WEIR_MUST_CHECK;
/* Out of a message: what is true of the load that failed, and not of the run. */
void weir_feed_leave_out_lies(struct weir_error *err);
/* A run of a connector with `feed`: all streams and the state in one transaction. */
int weir_source_run_feed(const struct weir_source_run *run, const char *id,
                         struct weir_source_config *config, void *connection, const char **status,
                         struct weir_jw *w, struct weir_error *err) WEIR_MUST_CHECK;

#endif
