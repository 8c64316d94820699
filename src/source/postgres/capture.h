/* Change capture: one logical replication slot and one publication a source. Private to
 * src/source/postgres.
 *
 * Positions: `commit` is that of the last commit that is in the tables: what commits at or before
 * it is passed over. `lsn` is where the slot may go to. `from` of a table is that of the snapshot
 * that it was loaded in: what commits before it is in the table. docs/format/loads.md. */
#ifndef WEIR_SOURCE_POSTGRES_CAPTURE_H
#define WEIR_SOURCE_POSTGRES_CAPTURE_H

#include "source/follow.h"
#include "source/postgres/pgoutput.h"
#include "source/postgres/postgres.h"

struct weir_pg_followed { /* a stream's table */
    struct weir_str schema, name;
    uint32_t oid;
    char kind, identity;
    struct weir_str key;     /* JSON list of the columns that say which row it is; "": none */
    struct weir_str shape;   /* changes when the rows were written anew, or are known otherwise */
    struct weir_str columns; /* JSON [[number, type, name], …] */
    int64_t missing;         /* the last column that older rows have a value of, too */
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
    int64_t retained; /* bytes of log that the server decodes again in each run */
    int64_t kept_at;  /* second in which the cursor was kept */
    struct weir_pg_followed *tables;
    struct weir_pg_message *message;
};

bool weir_pg_capture_on(const void *connection);
int weir_pg_capture_open(void *connection, struct weir_source_follow *f,
                         struct weir_error *err) WEIR_MUST_CHECK;
int weir_pg_capture_loaded(void *connection, struct weir_error *err) WEIR_MUST_CHECK;
int weir_pg_capture_columns(void *connection, size_t stream, struct weir_source_changes *out,
                            struct weir_error *err) WEIR_MUST_CHECK;
int weir_pg_capture_read(void *connection, struct weir_source_follow *f,
                         struct weir_error *err) WEIR_MUST_CHECK;
int weir_pg_capture_confirm(void *connection, struct weir_error *err) WEIR_MUST_CHECK;
void weir_pg_capture_close(void *connection);

/* For plan(): is the stream's table to be read in the snapshot? NULL: it is not. */
struct weir_str weir_pg_capture_cursor(struct weir_pg *pg); /* as it is now, to be kept */
struct weir_pg_followed *weir_pg_capture_table(struct weir_pg *pg, struct weir_str stream);

/* --- capture_table.c --- */
/* The cursor of a table that was loaded in the snapshot of this position. */
struct weir_str weir_pg_capture_table_cursor(struct weir_arena *arena,
                                             const struct weir_pg_followed *t,
                                             const struct weir_source_stream *stream,
                                             uint64_t from);
/* Fills `tables` (of f->count), and which streams are to be loaded, are refused or have changed. */
int weir_pg_capture_tables(struct weir_pg *pg, struct weir_error *err) WEIR_MUST_CHECK;
/* Are they as they were? */
int weir_pg_capture_same(struct weir_pg *pg, bool *same, struct weir_error *err) WEIR_MUST_CHECK;
/* The publication has all of them. *altered: not before, so what tables are is to be asked anew. */
int weir_pg_capture_publish(struct weir_pg *pg, bool *altered,
                            struct weir_error *err) WEIR_MUST_CHECK;

#endif
