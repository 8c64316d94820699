/* Sources that tell what changed: their tables are loaded once and followed from there, all of them
 * together, to one position. Private to src/source.
 *
 * A run: open (is the position still good; what has to be loaded?), the loads, each a usual one of
 * its stream, and then, as often as there is more: read into stages, apply all of them with the
 * position in one transaction, confirm. A crash anywhere leaves the position that the tables have:
 * what was applied and not confirmed comes again, and the connector passes it over. */
#ifndef WEIR_SOURCE_FOLLOW_H
#define WEIR_SOURCE_FOLLOW_H

#include "source/run/changes.h"

struct weir_source_follow_stream {
    struct weir_str name;
    struct weir_str cursor;  /* of its table; ptr NULL: it is to be loaded */
    bool named;              /* in the file; else it was found */
    bool anew;               /* open(): load it */
    struct weir_str refused; /* open(): why its changes cannot be had; "" */
    struct weir_str changed; /* open(): its new cursor, which its table is good for as it is; "" */
    struct weir_source_changes *changes; /* of this round, or NULL */
};

struct weir_source_follow {
    const struct weir_source_run *run;
    const char *id;
    struct weir_source_config *config;
    void *connection;
    struct weir_session *session;
    struct weir_arena arena; /* of one attempt */
    struct weir_source_follow_stream *streams;
    size_t count;
    struct weir_table *tables; /* of the warehouse */
    size_t table_count;
    struct weir_str cursor; /* the source's; ptr NULL: it begins. read(): the one to be kept */
    bool more;              /* read(): there may be more */
    bool again;             /* read(): a table is another one; nothing counts, open anew */
    bool moved;             /* read(): the cursor is worth keeping */
    struct weir_jw *report;
    struct weir_source_changes *writing; /* whose stage may have a transaction open */
    size_t awake, calls;                 /* tables whose rows take memory */
};

struct weir_source_capture {
    bool (*on)(const void *settings); /* do they ask for it? */
    int (*open)(void *connection, struct weir_source_follow *f, struct weir_error *err);
    /* Would open() be refused, and what follows it? Nothing is changed, and nothing of weir's is
     * asked (`run`, `session` are NULL). `some`: streams are chosen yet, of those in `f`. */
    int (*try)(void *connection, struct weir_source_follow *f, bool some, struct weir_error *err);
    int (*loaded)(void *connection, struct weir_error *err);
    /* The columns and the key of a stream, for weir_source_follow_table. */
    int (*columns)(void *connection, size_t stream, struct weir_source_changes *out,
                   struct weir_error *err);
    int (*read)(void *connection, struct weir_source_follow *f, struct weir_error *err);
    int (*confirm)(void *connection, struct weir_error *err);
    void (*close)(void *connection);
    /* What stands at the source for it, which costs the source something for as long as nobody
     * reads (a slot): what that is ("the slot … keeps …"), and the statements that end it. The
     * cursor, when there is one, says it, whatever the file has by now; so it is asked, too, where
     * nothing but the name is known (`connection` NULL). False: nothing. NULL: never. */
    bool (*kept)(const struct weir_source_config *config, struct weir_str cursor,
                 struct weir_buf *what, struct weir_buf *how);
    /* Takes that away, as far as it is the one that the cursor is of, and nobody else has read from
     * it. `note` gets what stays although all that costs something is gone. With `kept`. */
    int (*leave)(void *connection, struct weir_str cursor, struct weir_buf *note,
                 struct weir_error *err);
};

/* Fills `streams`, by the file or by what is found. */
int weir_source_follow_streams(struct weir_source_follow *f,
                               struct weir_error *err) WEIR_MUST_CHECK;
/* Instead of one stream after the other. */
int weir_source_follow_all(const struct weir_source_run *run, const char *id,
                           struct weir_source_config *config, void *connection, const char **status,
                           struct weir_jw *w, struct weir_error *err) WEIR_MUST_CHECK;
/* For read(): where the changes of this stream go. */
int weir_source_follow_table(struct weir_source_follow *f, size_t stream,
                             struct weir_source_changes **out,
                             struct weir_error *err) WEIR_MUST_CHECK;
/* For open(): keeps the source's cursor at once, in a transaction of its own. */
int weir_source_follow_save(struct weir_source_follow *f, struct weir_str cursor,
                            struct weir_error *err) WEIR_MUST_CHECK;
/* For open(), before it begins anew, or tells the source to send what it did not: the cursors of
 * tables that are not followed from where they are (to be loaded, refused, in the configuration no
 * more) are gone at once. The source's cursor goes on without them, so they are never good again.
 */
int weir_source_follow_forget(struct weir_source_follow *f, struct weir_error *err) WEIR_MUST_CHECK;

/* --- leave.c --- */
/* By its file, and by what the warehouse (or NULL) knows. */
bool weir_source_kept(const struct weir_source_config *config, struct weir_warehouse *warehouse,
                      struct weir_buf *what, struct weir_buf *how);
/* A source that is followed no more, and has something at the source still: the log says so. */
void weir_source_warn_of_left(const struct weir_source_run *run,
                              const struct weir_source_config *config);

/* --- run.c --- */
int weir_source_run_stream(const struct weir_source_run *run, const char *id,
                           struct weir_source_config *config, void *connection,
                           struct weir_str name, const char **status, struct weir_jw *w,
                           struct weir_error *err) WEIR_MUST_CHECK;

/* Do its tables come by what changed? */
bool weir_source_follows(const struct weir_source_config *config);

#endif
