/* weir.loads, weir.source_state and weir.source_discards: what was loaded, how far, and what was
 * not. Formats: docs/format/loads.md. Private to src/source. */
#ifndef WEIR_SOURCE_LEDGER_H
#define WEIR_SOURCE_LEDGER_H

#include "base/json_write.h"
#include "warehouse/warehouse.h"

struct weir_source_load { /* a row of weir.loads */
    const char *run, *source, *stream, *schema, *table, *mode;
    const char *status; /* loaded, unchanged, failed, mismatch */
    uint64_t rows_read, rows_written, rows_discarded, rows_superseded, rows_deleted, bytes;
    const char *source_checksum, *warehouse_checksum; /* "": none */
    weir_time started_at, ended_at;
    const char *error;       /* "": none */
    struct weir_str changes; /* JSON list of what changed in the schema, or "" */
};

struct weir_source_verified { /* a row of weir.verifications */
    const char *run, *source, *stream, *schema, *table;
    const char *status; /* equal, differs, repaired, failed */
    uint64_t rows;      /* of the table, that count */
    uint64_t compared;  /* rows that were read and compared one by one */
    uint64_t missing, extra, different;
    uint64_t pending;     /* differ, and the next run reads them anyway */
    uint64_t kept;        /* only the table has them, and the stream's mode lets them stay */
    uint64_t set_aside;   /* rows of the source that cannot be loaded, and are in no other count */
    struct weir_str keys; /* JSON: some of them, [{"what","key"}] */
    struct weir_str not_compared; /* JSON: columns, and tables of lists */
    struct weir_str files;        /* JSON: those whose rows differ, or "" */
    weir_time started_at, ended_at;
    const char *error; /* "": none */
};

/* Columns of weir.source_discards. */
extern const struct weir_column weir_source_discard_columns[];
#define WEIR_SOURCE_DISCARD_COLUMNS 10
enum {
    WEIR_DISCARD_RUN,
    WEIR_DISCARD_SOURCE,
    WEIR_DISCARD_STREAM,
    WEIR_DISCARD_AT,
    WEIR_DISCARD_FILE,
    WEIR_DISCARD_LINE,
    WEIR_DISCARD_COLUMN,
    WEIR_DISCARD_VALUE, /* of the column, or the whole line */
    WEIR_DISCARD_REASON,
    WEIR_DISCARD_ROW /* JSON */
};

/* Are its tables there, with all columns? Not in a transaction, which a "no" would end. */
int weir_source_ledger_there(struct weir_session *session, bool *there,
                             struct weir_error *err) WEIR_MUST_CHECK;
/* Makes the tables that are not there. Not in a transaction. */
int weir_source_ledger_open(struct weir_session *session, struct weir_error *err) WEIR_MUST_CHECK;
/* The cursor in the arena; ptr NULL when there is none. One of the stream's table in another schema
 * (`schema` NULL: of any) says nothing of this one: it is `elsewhere`; where that is NULL, none. */
int weir_source_ledger_cursor(struct weir_session *session, const char *source, const char *stream,
                              const char *schema, bool *elsewhere, struct weir_arena *arena,
                              struct weir_str *out, struct weir_error *err) WEIR_MUST_CHECK;
/* Those of all streams of the source, in the arena. */
struct weir_source_kept {
    struct weir_str stream, schema, cursor; /* schema.ptr NULL: nobody wrote it down */
};
int weir_source_ledger_cursors(struct weir_session *session, const char *source,
                               struct weir_arena *arena, struct weir_source_kept **out,
                               size_t *count, struct weir_error *err) WEIR_MUST_CHECK;
/* As weir_source_ledger_cursor() without `elsewhere` has it. */
struct weir_str weir_source_kept_cursor(const struct weir_source_kept *kept, size_t count,
                                        const char *stream, const char *schema);
/* When it was written; 0: there is none. */
int weir_source_ledger_since(struct weir_session *session, const char *source, const char *stream,
                             weir_time *out, struct weir_error *err) WEIR_MUST_CHECK;
struct weir_source_owner {
    struct weir_str source, stream; /* ptr NULL: none */
};
/* Which stream loaded this table last? Texts in the arena. */
int weir_source_ledger_owner(struct weir_session *session, const char *schema, const char *table,
                             struct weir_arena *arena, struct weir_source_owner *out,
                             struct weir_error *err) WEIR_MUST_CHECK;
/* How the stream was loaded last by itself, and not by its changes; ptr NULL: it is not known. */
int weir_source_ledger_mode(struct weir_session *session, const char *source, const char *stream,
                            struct weir_arena *arena, struct weir_str *out,
                            struct weir_error *err) WEIR_MUST_CHECK;
/* How its latest run ended, and why it failed; status.ptr NULL: it has none. */
int weir_source_ledger_latest(struct weir_session *session, const char *source, const char *stream,
                              struct weir_arena *arena, struct weir_str *status,
                              struct weir_str *error, struct weir_error *err) WEIR_MUST_CHECK;
/* Has it a row of this very stream; or, of WEIR_SOURCE_ALL, of any? */
int weir_source_ledger_seen(struct weir_session *session, const char *source, const char *stream,
                            struct weir_arena *arena, bool *out,
                            struct weir_error *err) WEIR_MUST_CHECK;
/* In the transaction of the rows. */
int weir_source_ledger_set_cursor(struct weir_session *session, const char *source,
                                  const char *stream, const char *schema, const char *run,
                                  struct weir_str cursor, weir_time at,
                                  struct weir_error *err) WEIR_MUST_CHECK;
int weir_source_ledger_drop_cursor(struct weir_session *session, const char *source,
                                   const char *stream, struct weir_error *err) WEIR_MUST_CHECK;
int weir_source_ledger_add(struct weir_session *session, const struct weir_source_load *load,
                           struct weir_error *err) WEIR_MUST_CHECK;
int weir_source_ledger_verified(struct weir_session *session, const struct weir_source_verified *v,
                                struct weir_error *err) WEIR_MUST_CHECK;

#endif
