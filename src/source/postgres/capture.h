/* Change capture: one logical replication slot and one publication a source. Private to
 * src/source/postgres.
 *
 * Positions: `commit` is that of the last commit that is in the tables: what commits at or before
 * it is passed over. `lsn` is where the slot may go to. `from` of a table is that of the snapshot
 * that it was loaded in: what commits before it is in the table. docs/format/loads.md. */
#ifndef WEIR_SOURCE_POSTGRES_CAPTURE_H
#define WEIR_SOURCE_POSTGRES_CAPTURE_H

#include "source/postgres/pgoutput.h"
#include "source/postgres/postgres.h"
#include "source/schedule/follow.h"

struct weir_pg_followed { /* a stream's table */
    struct weir_str schema, name;
    uint32_t oid;
    char kind, identity;
    struct weir_str key;     /* JSON list of the columns that say which row it is; "": none */
    struct weir_str shape;   /* changes when the rows were written anew, or are known otherwise */
    struct weir_str columns; /* JSON [[number, type, name], …] */
    int64_t missing;         /* the last column that older rows have a value of, too */
    int64_t most;            /* the number of the last column that it ever had, of any kind */
    struct weir_str labels; /* of enums that its columns are made of: JSON [[number, label], …] */
    struct weir_str under;  /* numbers of the tables that it is a partition of: ",1,2,"; "" */
    bool above;             /* the publication has one of those */
    uint64_t from;
};
struct weir_pg_capture {
    struct weir_source_follow *f;
    PGconn *replication; /* while a snapshot is there */
    PGconn *reader;
    char snapshot[80]; /* "": there is none */
    char slot[64], publication[64];
    struct weir_str system, timeline;
    uint64_t from, commit, lsn, confirmed;
    uint64_t made;     /* where the slot began; 0: an older cursor does not say */
    int64_t committed; /* when `commit` was, by the server's clock; 0: likewise */
    int64_t retained;  /* bytes of log that the server decodes again in each run */
    int64_t kept_at;   /* second in which the cursor was kept */
    bool told_standbys;
    struct weir_pg_followed *tables;
    struct weir_pg_message *message;
};

bool weir_pg_capture_on(const void *settings);
int weir_pg_capture_open(void *connection, struct weir_source_follow *f,
                         struct weir_error *err) WEIR_MUST_CHECK;
int weir_pg_capture_try(void *connection, struct weir_source_follow *f, bool some,
                        struct weir_error *err) WEIR_MUST_CHECK;
int weir_pg_capture_loaded(void *connection, struct weir_error *err) WEIR_MUST_CHECK;
int weir_pg_capture_columns(void *connection, size_t stream, struct weir_source_changes *out,
                            struct weir_error *err) WEIR_MUST_CHECK;
int weir_pg_capture_read(void *connection, struct weir_source_follow *f,
                         struct weir_error *err) WEIR_MUST_CHECK;
int weir_pg_capture_confirm(void *connection, struct weir_error *err) WEIR_MUST_CHECK;
void weir_pg_capture_close(void *connection);
/* Does what `waits` asked wait for standbys? Says so, and fails after `timeout`: WEIR_ETIMEDOUT. */
int weir_pg_capture_standbys(struct weir_pg *pg, PGconn *waits,
                             struct weir_error *err) WEIR_MUST_CHECK;

/* For plan(): is the stream's table to be read in the snapshot? NULL: it is not. */
struct weir_str weir_pg_capture_cursor(struct weir_pg *pg); /* as it is now, to be kept */
struct weir_pg_followed *weir_pg_capture_table(struct weir_pg *pg, struct weir_str stream);

/* --- capture_recall.c --- */
/* Is the server's log, of which the slot is at `confirmed`, the one that the position is in? */
int weir_pg_capture_recall(struct weir_pg *pg, uint64_t confirmed, bool *same,
                           struct weir_error *err) WEIR_MUST_CHECK;

/* --- capture_kept.c --- */
/* The cursor of a table that was loaded in the snapshot of this position. */
struct weir_str weir_pg_capture_table_cursor(struct weir_arena *arena,
                                             const struct weir_pg_followed *t,
                                             const struct weir_source_stream *stream,
                                             uint64_t from);
/* Is the warehouse's table good as it is (else s->anew), and is its cursor to be another one
 * (s->changed)? */
int weir_pg_capture_compare(struct weir_source_follow *f, struct weir_source_follow_stream *s,
                            struct weir_pg_followed *t, const struct weir_source_stream *stream,
                            struct weir_error *err) WEIR_MUST_CHECK;
/* Of a table without a key, one of equal rows is told by the warehouse's own `rowid`, which a
 * column of this name hides. */
int weir_pg_capture_hides_rowid(struct weir_arena *arena, const struct weir_pg_followed *t,
                                const struct weir_text_list *exclude, bool *hides,
                                struct weir_error *err) WEIR_MUST_CHECK;

/* --- capture_leave.c --- */
/* Of the slot and the publication. */
void weir_pg_capture_names(const struct weir_source_config *config, char slot[64],
                           char publication[64]);
bool weir_pg_capture_kept(const struct weir_source_config *config, struct weir_str cursor,
                          struct weir_buf *what, struct weir_buf *how);
int weir_pg_capture_leave(void *connection, struct weir_str cursor, struct weir_buf *note,
                          struct weir_error *err) WEIR_MUST_CHECK;

/* --- capture_table.c --- */
/* Fills `tables` (of f->count), and which streams are to be loaded, are refused or have changed. */
int weir_pg_capture_tables(struct weir_pg *pg, struct weir_error *err) WEIR_MUST_CHECK;
/* Are they as they were? */
int weir_pg_capture_same(struct weir_pg *pg, bool *same, struct weir_error *err) WEIR_MUST_CHECK;
/* The publication has all of them. *altered: not before, so what tables are is to be asked anew. */
int weir_pg_capture_publish(struct weir_pg *pg, bool *altered,
                            struct weir_error *err) WEIR_MUST_CHECK;
/* Would that go well? `some`: one that is there need not have all of them. */
int weir_pg_capture_may_publish(struct weir_pg *pg, bool some,
                                struct weir_error *err) WEIR_MUST_CHECK;

#endif
