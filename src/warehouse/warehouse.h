/* The warehouse: where rows live. One interface, one driver per engine.
 *
 * A driver is a folder that exports one `const struct weir_warehouse_driver`; nothing outside that
 * folder knows the engine. Types and batches are weir's own.
 *
 * Life: open one warehouse per process; make one session per thread of work. A session runs one
 * statement or bulk load at a time and belongs to one thread, except weir_session_cancel() and
 * weir_session_progress(), which any thread may call.
 *
 * Errors: WEIR_EINVAL is the statement's fault (syntax, missing column); the message is the
 * engine's. WEIR_EFATAL means that the engine has invalidated the database: close every session,
 * weir_warehouse_reopen(), go on. */
#ifndef WEIR_WAREHOUSE_WAREHOUSE_H
#define WEIR_WAREHOUSE_WAREHOUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "access/access.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "base/time.h"

/* The types that weir writes. Queries may return any type: it then has a WEIR_TYPE_OTHER column
 * whose values are the engine's text, and `type_name` names it. Of these, tables can be made with
 * exact decimals: WEIR_TYPE_OTHER with the type_name "DECIMAL(P,S)". */
enum weir_type {
    WEIR_TYPE_BOOL,
    WEIR_TYPE_INT, /* int64 */
    WEIR_TYPE_DOUBLE,
    WEIR_TYPE_TIMESTAMP, /* microseconds, UTC, no zone */
    WEIR_TYPE_DATE,      /* days since the epoch, in an int64 */
    WEIR_TYPE_TEXT,
    WEIR_TYPE_JSON, /* valid JSON text */
    WEIR_TYPE_OTHER
};
const char *weir_type_name(enum weir_type type); /* "bool", "int", "double", ... */

struct weir_column {
    struct weir_str name;
    enum weir_type type;
    struct weir_str type_name; /* the engine's own word, "DECIMAL(18,3)" */
};

/* Column-wise values. `valid` is a bit per row (1 = value), or NULL when no row is null. */
struct weir_vector {
    enum weir_type type;
    uint64_t *valid;
    union {
        bool *bools;
        int64_t *ints; /* INT, TIMESTAMP, DATE */
        double *doubles;
        struct weir_str *strs; /* TEXT, JSON, OTHER */
    };
    /* Of OTHER, to be appended as a DECIMAL of at most 18 digits: `ints` hold it times 10^scale,
     * and there are no `strs`. */
    bool scaled;
    uint8_t scale;
    /* Of OTHER, to be appended to a DECIMAL of more: each text has just its column's digits behind
     * the point. Else the engine reads them, which takes it ten microseconds for each. */
    bool exact;
    bool constant; /* to be appended: a text or a time, the first is that of all rows */
};
struct weir_batch {
    size_t rows;
    size_t column_count;
    struct weir_vector *columns;
};

static inline bool weir_vector_valid(const struct weir_vector *v, size_t row)
{
    return !v->valid || (v->valid[row / 64] >> (row % 64) & 1);
}

struct weir_warehouse;
struct weir_session;
struct weir_result;

struct weir_warehouse_options {
    const char *path;            /* embedded: the database file, or ":memory:"; servers: a URL */
    uint64_t memory_bytes;       /* 0: a quarter of the machine's; the engine counts to 7/8 of it */
    unsigned threads;            /* 0: all cores */
    const char *temp_dir;        /* where large sorts spill; made when missing */
    uint64_t temp_bytes;         /* at most so much there; 0: a tenth of what is free */
    const char *export_dir;      /* the only folder the engine may write files to, or NULL */
    const char *const *readable; /* files that an OWNER's statements may read, NULL-terminated */
    bool read_only;
    const struct weir_log *log;
};

enum weir_session_kind {
    WEIR_SESSION_OWNER, /* weir itself: DDL, loads, anything */
    WEIR_SESSION_READER /* people's SQL: one SELECT-like statement, allowed functions only */
};

struct weir_param { /* a bound value: $name, or position when name.len is 0 */
    struct weir_str name;
    enum weir_type type;
    bool null;
    union {
        bool b;
        int64_t i;
        double d;
        struct weir_str s;
    };
};

/* A statement as it would run for the session's person. */
struct weir_compiled {
    struct weir_str sql;
    struct weir_param *params; /* the caller's and those of the rules, each with its name */
    size_t param_count;
};

struct weir_warehouse_driver;
extern const struct weir_warehouse_driver weir_warehouse_duckdb;

int weir_warehouse_open(const struct weir_warehouse_driver *driver,
                        const struct weir_warehouse_options *options, struct weir_warehouse **out,
                        struct weir_error *err) WEIR_MUST_CHECK;
void weir_warehouse_close(struct weir_warehouse *warehouse); /* checkpoints; NULL is fine */
/* After WEIR_EFATAL. WEIR_EBUSY while somebody still holds a session: each holder gets WEIR_EFATAL
 * at its next call and frees it; try again. 0 at once when another thread has reopened it already.
 */
int weir_warehouse_reopen(struct weir_warehouse *warehouse, struct weir_error *err) WEIR_MUST_CHECK;
/* True from the first WEIR_EFATAL to the reopening; any thread. Holders of idle sessions look. */
bool weir_warehouse_failed(const struct weir_warehouse *warehouse);
/* "duckdb v1.5.6" */
const char *weir_warehouse_version(const struct weir_warehouse *warehouse);
/* Of the engine's library that is loaded, without a warehouse: "v1.5.6" */
const char *weir_warehouse_library_version(const struct weir_warehouse_driver *driver);
const char *weir_warehouse_export_dir(const struct weir_warehouse *warehouse); /* or NULL */
/* Grows with every change of tables and views, also one that is taken back; any thread. */
uint64_t weir_warehouse_catalog_version(const struct weir_warehouse *warehouse);
/* How many bytes of texts WEIR_ROWS_AT_ONCE rows may have: the engine has so many in its memory
 * whenever it writes or moves them, and fails for good where they do not fit. */
#define WEIR_ROWS_AT_ONCE 2048
uint64_t weir_session_texts_at_once(const struct weir_session *session);
/* How many columns a table may have so that rows can be appended to it, whatever their number, with
 * the memory that the engine was given. */
uint32_t weir_warehouse_max_columns(const struct weir_warehouse *warehouse);

int weir_session_new(struct weir_warehouse *warehouse, enum weir_session_kind kind,
                     struct weir_session **out, struct weir_error *err) WEIR_MUST_CHECK;
void weir_session_free(struct weir_session *session);
void weir_session_cancel(struct weir_session *session);
/* 0..1, or negative when unknown; any thread. */
double weir_session_progress(struct weir_session *session);
/* Byte offset into the SQL of the statement that failed last, or -1 when the engine gave none. */
int64_t weir_session_error_offset(const struct weir_session *session);

int weir_session_begin(struct weir_session *session, struct weir_error *err) WEIR_MUST_CHECK;
int weir_session_commit(struct weir_session *session, struct weir_error *err) WEIR_MUST_CHECK;
void weir_session_rollback(struct weir_session *session);
int weir_session_checkpoint(struct weir_session *session, struct weir_error *err) WEIR_MUST_CHECK;

/* Runs statements whose result nobody needs (OWNER only; may be several, separated by `;`). Say
 * before, by weir_session_touch, which tables' rows they change: else they count as a change of
 * every table. */
int weir_session_exec(struct weir_session *session, const char *sql,
                      struct weir_error *err) WEIR_MUST_CHECK;
/* The same with what stands in `sql`, if anything does; empties it. */
int weir_session_exec_buf(struct weir_session *session, struct weir_buf *sql,
                          struct weir_error *err) WEIR_MUST_CHECK;

/* Drops the tables of all schemas whose names begin so. */
int weir_session_drop_begun(struct weir_session *session, struct weir_str beginning,
                            struct weir_error *err) WEIR_MUST_CHECK;

/* The whole number that the query in `sql` answers, which is not negative; 0 where it answers no
 * row. Empties `sql`. */
int weir_session_number_buf(struct weir_session *session, struct weir_buf *sql, uint64_t *out,
                            struct weir_error *err) WEIR_MUST_CHECK;

/* --- zone.c --- */
bool weir_zone_is_utc(const char *zone); /* also NULL and "" */
/* How far this zone is from UTC at `now`. What the engine says of one
 * that is none is WEIR_EINVAL or WEIR_EUNSUPPORTED, by its version. */
int weir_warehouse_offset(struct weir_warehouse *warehouse, const char *zone, weir_time now,
                          int64_t *offset, struct weir_error *err) WEIR_MUST_CHECK;

/* The next weir_session_exec changes this table; call it for each. What the functions below change
 * they know by themselves. */
void weir_session_touch(struct weir_session *session, struct weir_str schema,
                        struct weir_str table);

/* Runs one statement, which must not change anything; batches are computed as they are asked for
 * (streaming), so the first rows arrive before the last are computed. A READER's statement is
 * checked before it runs: WEIR_EPERM with the construct's name when it is refused. */
int weir_session_query(struct weir_session *session, const char *sql,
                       const struct weir_param *params, size_t param_count,
                       struct weir_result **out, struct weir_error *err) WEIR_MUST_CHECK;
size_t weir_result_column_count(const struct weir_result *result);
const struct weir_column *weir_result_columns(const struct weir_result *result);
/* The next batch, valid until the next call; rows == 0 at the end. */
int weir_result_next(struct weir_result *result, struct weir_batch *out,
                     struct weir_error *err) WEIR_MUST_CHECK;
void weir_result_free(struct weir_result *result);

/* Writes one query's result to `path` (inside export_dir) in the engine's own format writer.
 * `format`: "parquet". The statement is checked as for READER. A result of more than `max_rows`
 * (0: no limit) is cut there and says so; `out` is filled on success. */
struct weir_export {
    uint64_t rows;
    bool truncated;
};
int weir_session_export(struct weir_session *session, const char *sql,
                        const struct weir_param *params, size_t param_count, const char *format,
                        const char *path, uint64_t max_rows, struct weir_export *out,
                        struct weir_error *err) WEIR_MUST_CHECK;

/* --- what one person may see ---------------------------------------------------------------------
 */
/* From now on the session's statements show what `access` says (access/access.h), and nothing else;
 * NULL or an unrestricted access: everything. A session is made without. The session copies what it
 * keeps; sealed accesses only (weir_access_seal). Not while a result is open. After an error the
 * session shows nothing at all. What is not granted does not exist: the errors are WEIR_ENOENT for
 * tables that are not there or not seen, in the same words; WEIR_EPERM for what is not open to a
 * restricted person (EXPLAIN, most of the engine's catalog) and for tables whose rule is broken;
 * WEIR_EAGAIN when tables changed in the same moment. See docs/design/rules.md. */
int weir_session_set_access(struct weir_session *session, const struct weir_access *access,
                            struct weir_error *err) WEIR_MUST_CHECK;
/* What weir_session_query() would run, in the arena; nothing is run. It shows the rules, so it is
 * for administrators, who may look at what somebody sees. */
int weir_session_compile(struct weir_session *session, const char *sql,
                         const struct weir_param *params, size_t param_count,
                         struct weir_arena *arena, struct weir_compiled *out,
                         struct weir_error *err) WEIR_MUST_CHECK;
/* Can `rows`, a grant's condition, be applied to this table? WEIR_EINVAL says why not, in words for
 * an administrator. The session's access is gone afterwards. */
int weir_session_check_rows(struct weir_session *session, struct weir_str schema,
                            struct weir_str table, struct weir_str rows,
                            struct weir_error *err) WEIR_MUST_CHECK;

/* --- catalog -----------------------------------------------------------------------------------
 */
struct weir_table {
    struct weir_str schema;
    struct weir_str name;
    bool view;
    int64_t estimated_rows; /* -1: unknown */
    size_t column_count;
    struct weir_column *columns;
};
/* What SQL of a reader may call: by name, in the arena. */
struct weir_function {
    struct weir_str name;
    struct weir_str arguments; /* "string, separator, index"; of the shortest form */
    struct weir_str about;     /* a sentence, or "" */
    bool table;                /* stands behind FROM */
};
int weir_session_functions(struct weir_session *session, struct weir_arena *arena,
                           struct weir_function **functions, size_t *count,
                           struct weir_error *err) WEIR_MUST_CHECK;
/* All tables and views outside the engine's own schemas, by schema and name, in the arena; of them
 * what the session's person may see, without the size of tables whose rows she sees in part. */
int weir_session_describe(struct weir_session *session, struct weir_arena *arena,
                          struct weir_table **tables, size_t *count,
                          struct weir_error *err) WEIR_MUST_CHECK;
/* One table or view, in the arena, for weir itself; NULL: it is not there. Of a warehouse with
 * thousands of tables it takes a hundredth of the time of all. Its size is not told, nor whether it
 * is a view. */
int weir_session_describe_table(struct weir_session *session, struct weir_str schema,
                                struct weir_str name, struct weir_arena *arena,
                                const struct weir_table **out,
                                struct weir_error *err) WEIR_MUST_CHECK;
/* One of them by name; NULL when it is not there. */
const struct weir_table *weir_tables_find(const struct weir_table *tables, size_t count,
                                          struct weir_str schema, struct weir_str name);

/* --- what changed
 * ---------------------------------------------------------------------------------
 *
 * Every table has a version, which grows with each commit that changed its rows or its columns. The
 * process that has the warehouse sees every write, so what was computed from tables may be used
 * again for exactly as long as their versions are the same:
 *
 *     note the version of each table that the statement reads, all of them settled;
 *     run the statement, and keep its result with these versions;
 *     later: use the result only when each table is settled and has the version noted.
 *
 * A table is unsettled from just before a commit that changes it until just after it: so nobody is
 * shown a kept result that is older than one which somebody else has just computed. A commit that
 * fails makes new versions all the same; one that is taken back does not. Versions begin anew with
 * each opening (but see weir_warehouse_set_versions). A view's version says that it was made anew;
 * those of the tables that it reads count beside it. Any thread. */
struct weir_table_version {
    uint64_t version;
    bool settled;
    weir_time changed_at; /* of the last commit that named it; 0: none since the opening, and
                             nobody knew of one before */
};
/* Names as the engine takes them, ASCII letters in either case. A table that is not there has a
 * version, too: what did not find it changes when it comes. */
struct weir_table_version weir_warehouse_version_of(const struct weir_warehouse *warehouse,
                                                    struct weir_str schema, struct weir_str table);
/* When its last commit before the opening was, by whoever kept a note of it. No version changes. */
void weir_warehouse_set_changed_at(struct weir_warehouse *warehouse, struct weir_str schema,
                                   struct weir_str table, weir_time at);

/* What a result depends on beside tables and values, the worst of it. */
enum weir_clock {
    WEIR_CLOCK_NONE,
    WEIR_CLOCK_DAY,  /* which day it is, in UTC */
    WEIR_CLOCK_NOW,  /* what time it is */
    WEIR_CLOCK_NEVER /* chance, the engine's own catalog, or what is not known: good for once */
};
struct weir_table_read {
    struct weir_str schema, table; /* of a table or view */
    uint64_t version;
};
struct weir_reads { /* everything in the arena */
    struct weir_table_read *tables;
    size_t count;
    enum weir_clock clock;
    bool settled; /* all versions hold; else the result may not be kept */
};
/* Which tables and views the statement reads, by its parsed tree and those of the views in it, and
 * the versions that they have now: call it before the statement runs. Views have versions here, so
 * that a kept result goes when one that it was made from is another one. */
int weir_session_reads(struct weir_session *session, const char *sql, struct weir_arena *arena,
                       struct weir_reads *out, struct weir_error *err) WEIR_MUST_CHECK;

/* Stays the same while no commit begins or ends; 0: one is under way. So what is read while it
 * stays is the same for everybody, whenever in that time it was begun. */
uint64_t weir_warehouse_stillness(const struct weir_warehouse *warehouse);

/* All versions, to go on from at the next opening, when nobody else had the warehouse meanwhile:
 * right after it, before anything is changed. Names in the arena. */
struct weir_all_versions {
    struct weir_table_read *tables;
    size_t count;
    uint64_t rest; /* of tables that are not among them */
};
int weir_warehouse_versions(const struct weir_warehouse *warehouse, struct weir_arena *arena,
                            struct weir_all_versions *out, struct weir_error *err) WEIR_MUST_CHECK;
int weir_warehouse_set_versions(struct weir_warehouse *warehouse,
                                const struct weir_all_versions *from,
                                struct weir_error *err) WEIR_MUST_CHECK;

/* Grows with every commit that changed tables. Cheap. */
uint64_t weir_warehouse_change(const struct weir_warehouse *warehouse);
struct weir_changed_table {
    struct weir_str schema, table; /* live as long as the warehouse */
};
struct weir_changed {
    uint64_t change; /* up to here */
    bool all;        /* any table may have changed, not only those named */
    struct weir_changed_table *tables;
    size_t count;
};
/* What commits after `since` (a weir_warehouse_change) changed; the list is in the arena. */
int weir_warehouse_changed_since(const struct weir_warehouse *warehouse, uint64_t since,
                                 struct weir_arena *arena, struct weir_changed *out,
                                 struct weir_error *err) WEIR_MUST_CHECK;

/* --- changing tables (OWNER; engine-neutral DDL) ------------------------------------------------
 */
int weir_session_create_schema(struct weir_session *session, struct weir_str schema,
                               struct weir_error *err) WEIR_MUST_CHECK;
/* No keys, no indexes, ever (see docs/design). An existing table is WEIR_EEXIST. */
int weir_session_create_table(struct weir_session *session, struct weir_str schema,
                              struct weir_str table, const struct weir_column *columns,
                              size_t count, struct weir_error *err) WEIR_MUST_CHECK;
/* The same, still empty. `rows`, of all its columns: the first of those that it is for, by which
 * the engine may choose how it stores them (and what follows them, whatever it is); or NULL. */
int weir_session_create_table_for(struct weir_session *session, struct weir_str schema,
                                  struct weir_str table, const struct weir_column *columns,
                                  size_t count, const struct weir_batch *rows,
                                  struct weir_error *err) WEIR_MUST_CHECK;
/* An empty table with the columns and constraints of another one of its schema. */
int weir_session_copy_table(struct weir_session *session, struct weir_str schema,
                            struct weir_str table, struct weir_str copy,
                            struct weir_error *err) WEIR_MUST_CHECK;
int weir_session_add_columns(struct weir_session *session, struct weir_str schema,
                             struct weir_str table, const struct weir_column *columns, size_t count,
                             struct weir_error *err) WEIR_MUST_CHECK;
/* Keeps every value: ints become doubles or text, timestamps ISO 8601 text, numbers the text that
 * JavaScript would print, JSON its text. */
int weir_session_widen_column(struct weir_session *session, struct weir_str schema,
                              struct weir_str table, struct weir_str column, enum weir_type from,
                              enum weir_type to, struct weir_error *err) WEIR_MUST_CHECK;

/* --- views (OWNER) -------------------------------------------------------------------------------
 */
/* Would a reader's statement be bound to the tables that there are? Nothing runs. The codes are
 * those of weir_session_query(); a failure does not end a transaction. */
int weir_session_binds(struct weir_session *session, const char *sql,
                       struct weir_error *err) WEIR_MUST_CHECK;
/* A view of a reader's statement. WEIR_EEXIST or WEIR_EINVAL when the name is taken. What it reads
 * may be changed and dropped all the same: the view then fails until it fits again. */
int weir_session_create_view(struct weir_session *session, struct weir_str schema,
                             struct weir_str view, const char *sql,
                             struct weir_error *err) WEIR_MUST_CHECK;
int weir_session_drop_view(struct weir_session *session, struct weir_str schema,
                           struct weir_str view, struct weir_error *err) WEIR_MUST_CHECK;

/* --- stored views (OWNER) ------------------------------------------------------------------------
 *
 * The rows of a view, kept in a table: its name then reads them. The table and the text that its
 * rows are made by stand in a schema that nobody sees who has rules. Such people read the table,
 * too, when they see all rows and columns of everything that the text reads; else the text is run
 * for them, with their rules. */
#define WEIR_STORED_SCHEMA "materialized"
struct weir_stored_view {
    struct weir_str schema, view;
    struct weir_str note; /* whoever stored it: what it was made from */
    uint64_t rows;
    weir_time stored_at; /* of when the rows are */
};
/* All of them, in the arena; without rows (`stored_at` 0) when only the text is there. */
int weir_session_stored_views(struct weir_session *session, struct weir_arena *arena,
                              struct weir_stored_view **out, size_t *count,
                              struct weir_error *err) WEIR_MUST_CHECK;
/* The text that rows of this view will be made by: a reader's statement, as for
 * weir_session_create_view(). */
int weir_session_stored_text(struct weir_session *session, struct weir_str schema,
                             struct weir_str view, const char *sql,
                             struct weir_error *err) WEIR_MUST_CHECK;
/* The view reads what is stored from now on, whatever it read before. */
int weir_session_stored_show(struct weir_session *session, struct weir_str schema,
                             struct weir_str view, struct weir_error *err) WEIR_MUST_CHECK;
/* The rows and the text go; the view stays as it is. */
int weir_session_stored_drop(struct weir_session *session, struct weir_str schema,
                             struct weir_str view, struct weir_error *err) WEIR_MUST_CHECK;
/* Computes the rows by the text, aside; nobody sees them, and no transaction stays open. */
int weir_session_stored_compute(struct weir_session *session, struct weir_str schema,
                                struct weir_str view, uint64_t *rows,
                                struct weir_error *err) WEIR_MUST_CHECK;
/* Puts what this session computed last in the place of what was stored, with the note, rows and
 * time of `what`, in one transaction of its own; the view reads it then. */
int weir_session_stored_swap(struct weir_session *session, struct weir_str schema,
                             struct weir_str view, const struct weir_stored_view *what,
                             struct weir_error *err) WEIR_MUST_CHECK;
void weir_session_stored_forget(struct weir_session *session); /* what it computed */
/* Cuts all notes behind their first `;`. */
int weir_session_stored_forget_notes(struct weir_session *session,
                                     struct weir_error *err) WEIR_MUST_CHECK;

/* --- bulk load (OWNER, inside a transaction) ----------------------------------------------------
 */
/* Appends rows to existing columns; the others are NULL. `columns[i]` describes columns[i] of every
 * batch; a vector without data (`ints` NULL) is all NULL. The fastest path the engine has. */
int weir_session_append(struct weir_session *session, struct weir_str schema, struct weir_str table,
                        const struct weir_column *columns, const struct weir_batch *batches,
                        size_t batch_count, struct weir_error *err) WEIR_MUST_CHECK;
/* Upserts on `key`: an existing row takes each non-null value of the batches and keeps its own
 * where they are null. Keys are unique within all batches. */
int weir_session_merge(struct weir_session *session, struct weir_str schema, struct weir_str table,
                       struct weir_str key, const struct weir_column *columns,
                       const struct weir_batch *batches, size_t batch_count,
                       struct weir_error *err) WEIR_MUST_CHECK;

/* Quotes an identifier or a string for this engine's SQL text. */
void weir_sql_ident(struct weir_buf *out, struct weir_str name);
void weir_sql_text(struct weir_buf *out, struct weir_str value);
/* "schema"."table" */
void weir_sql_table(struct weir_buf *out, struct weir_str schema, struct weir_str table);

#endif
