/* Private to the DuckDB driver: what its files share. */
#ifndef WEIR_WAREHOUSE_DUCKDB_DUCK_H
#define WEIR_WAREHOUSE_DUCKDB_DUCK_H

#include <pthread.h>
#include <stdatomic.h>

#include <duckdb.h>

#include "base/json.h"
#include "warehouse/driver.h"

/* Exported by libduckdb 1.5 and not yet in the 1.4 header: copies without looking for bad UTF-8,
 * which weir has already done. */
void duckdb_unsafe_vector_assign_string_element_len(duckdb_vector vector, idx_t index,
                                                    const char *str, idx_t str_len);

#define DUCK_MAX_SQL (4u << 20)
#define DUCK_ALLOWED 64

struct duck_load;

struct duck_db {
    struct weir_warehouse base;
    struct weir_arena arena; /* owns the options' strings */
    struct weir_warehouse_options options;
    char version[64];
    pthread_mutex_t lock; /* guards db, sessions and open */
    duckdb_database db;
    bool open;
    bool takes_zstd; /* its file's format knows it */
    unsigned sessions;
    atomic_bool failed; /* the engine said that it is invalidated */
    /* Grows after every change of tables and views, from 1 on. A session notes it before its
     * transaction begins, so what it knows of that version is never newer than what it says. */
    atomic_ullong catalog_version;
    pthread_mutex_t loading; /* guards `loads`; nothing else is locked under it */
    struct duck_load *loads; /* what weir_batch() gives, one of a connection */
};

struct duck_rules;
struct duck_reads;

struct duck_session {
    struct weir_session base;
    struct duck_db *db;
    duckdb_connection con;
    duckdb_prepared_statement serialize; /* json_serialize_sql and back, made when needed */
    duckdb_prepared_statement deserialize;
    struct weir_json_parser *parser; /* the sandbox's */
    struct weir_json_parser *meant;  /* two for a check (tree.c), made when needed */
    struct weir_json_parser *printed;
    const char *parsed;          /* the text whose tree is still in the parser, or NULL */
    struct weir_json tree;       /* ... and its statement */
    char *allowed[DUCK_ALLOWED]; /* statements that passed the sandbox, by hash of text */
    atomic_bool canceled;        /* cleared when a statement ends */
    pthread_mutex_t interrupts;  /* for `unbroken`, and held while the engine is interrupted */
    bool unbroken;               /* a transaction begins or ends: no interrupt may reach it */
    bool in_transaction;
    bool changed;             /* tables or views, in this transaction */
    uint64_t version;         /* of the catalog, at least, that this transaction sees */
    unsigned trusted;         /* > 0: what runs is the driver's own, whoever the session is for */
    struct duck_rules *rules; /* what its person may see; NULL: nobody has asked for it */
    struct duck_reads *reads; /* which views there are; NULL: nobody has asked for it */
    struct duck_load *load;   /* the latest; NULL: there is none */
    int64_t shift;            /* bytes put before the user's SQL, to correct error offsets */
};

static inline struct duck_session *duck_session_of(struct weir_session *session)
{
    return (struct duck_session *)session;
}

/* --- error.c --- */
/* Turns the engine's text into a code and a sentence; notes the offset and a fatal state. */
int weir_duck_fail(struct duck_session *s, const char *engine_text, struct weir_error *err);
/* The code alone, for errors outside any session (opening). */
int weir_duck_error_code(const char *engine_text);
/* WEIR_EFATAL when the database was invalidated before. */
int weir_duck_usable(struct duck_session *s, struct weir_error *err) WEIR_MUST_CHECK;

/* --- open.c --- */
int weir_duck_open(const struct weir_warehouse_options *options, struct weir_warehouse **out,
                   struct weir_error *err);
void weir_duck_close(struct weir_warehouse *warehouse);
int weir_duck_reopen(struct weir_warehouse *warehouse, struct weir_error *err);

/* --- session.c --- */
int weir_duck_session_new(struct weir_warehouse *warehouse, enum weir_session_kind kind,
                          struct weir_session **out, struct weir_error *err);
void weir_duck_session_free(struct weir_session *session);
void weir_duck_cancel(struct weir_session *session);
double weir_duck_progress(struct weir_session *session);
int weir_duck_begin(struct weir_session *session, struct weir_error *err);
int weir_duck_commit(struct weir_session *session, struct weir_error *err);
void weir_duck_rollback(struct weir_session *session);
int weir_duck_checkpoint(struct weir_session *session, struct weir_error *err);
int weir_duck_exec(struct weir_session *session, const char *sql, struct weir_error *err);
/* To be called after a change of tables or views, which is there for all with the commit. */
void weir_duck_catalog_changed(struct duck_session *s);
/* Works at a statement, and pauses while other threads of the engine have all that is left of it,
 * until it has its result or its first rows, or has failed. */
void weir_duck_await(duckdb_pending_result pending);
/* Runs SQL that the driver itself wrote. */
int weir_duck_run(struct duck_session *s, const char *sql, struct weir_error *err) WEIR_MUST_CHECK;
/* To its end; the statement stays the caller's. */
int weir_duck_run_prepared(struct duck_session *s, duckdb_prepared_statement statement,
                           struct weir_error *err) WEIR_MUST_CHECK;

/* --- query.c --- */
int weir_duck_query(struct weir_session *session, const char *sql, const struct weir_param *params,
                    size_t param_count, struct weir_result **out, struct weir_error *err);
int weir_duck_result_next(struct weir_result *result, struct weir_batch *out,
                          struct weir_error *err);
void weir_duck_result_free(struct weir_result *result);
int weir_duck_prepare(struct duck_session *s, const char *sql, duckdb_prepared_statement *out,
                      idx_t *count, struct weir_error *err) WEIR_MUST_CHECK;

/* --- statement.c --- */
struct duck_statement;
/* A statement about to run: as it was given, and what the rules made of it. */
struct duck_run {
    struct duck_session *s;
    const char *sql;
    const struct weir_param *params;
    size_t param_count;
    const struct duck_statement *ruled; /* NULL: nobody's rules; `sql` is its text otherwise */
};
int weir_duck_enter(struct duck_run *r, bool check, bool *own_transaction,
                    struct weir_error *err) WEIR_MUST_CHECK;
int weir_duck_bind(duckdb_prepared_statement statement, const struct duck_run *r,
                   struct weir_error *err) WEIR_MUST_CHECK;
int weir_duck_execute(struct duck_session *s, duckdb_prepared_statement statement,
                      duckdb_result *result, struct weir_error *err) WEIR_MUST_CHECK;
/* The code of what came out; a failure may need other words. */
int weir_duck_judge(const struct duck_run *r, int rc, struct weir_error *err) WEIR_MUST_CHECK;
void weir_duck_leave(struct duck_session *s, bool own_transaction);
int weir_duck_compile(struct weir_session *session, const char *sql,
                      const struct weir_param *params, size_t param_count, struct weir_arena *arena,
                      struct weir_compiled *out, struct weir_error *err) WEIR_MUST_CHECK;

/* --- export.c --- */
int weir_duck_export(struct weir_session *session, const char *sql, const struct weir_param *params,
                     size_t param_count, const char *format, const char *path, uint64_t max_rows,
                     struct weir_export *out, struct weir_error *err);

/* --- types.c --- */
const char *weir_duck_sql_type(enum weir_type type); /* "BIGINT" */
duckdb_logical_type weir_duck_logical_type(enum weir_type type);
enum weir_type weir_duck_type_of_name(struct weir_str type_name);
/* How a result column of this type is handed out; false: it must be cast to VARCHAR first. */
bool weir_duck_type_of(duckdb_logical_type type, enum weir_type *out);
/* The engine's own name of the type, "DECIMAL(18,3)". */
void weir_duck_type_name(duckdb_logical_type type, struct weir_buf *out);

/* --- convert.c --- */
struct duck_converter {
    duckdb_type type;
    duckdb_type internal; /* of DECIMAL and ENUM */
    uint8_t scale;
    duckdb_logical_type logical; /* owned; ENUM's dictionary */
    void *values;                /* room for a vector of converted values, or NULL */
    struct weir_buf text;        /* formatted values of this batch */
};
int weir_duck_converter_init(struct duck_converter *c, duckdb_logical_type type, enum weir_type as,
                             struct weir_error *err) WEIR_MUST_CHECK; /* takes `type` */
void weir_duck_converter_free(struct duck_converter *c);
int weir_duck_convert(struct duck_converter *c, duckdb_vector vector, size_t rows,
                      struct weir_vector *out, struct weir_error *err) WEIR_MUST_CHECK;

/* --- tables.c --- */
int weir_duck_functions(struct weir_session *session, struct weir_arena *arena,
                        struct weir_function **functions, size_t *count, struct weir_error *err);
int weir_duck_describe_table(struct weir_session *session, struct weir_str schema,
                             struct weir_str name, struct weir_arena *arena,
                             const struct weir_table **out, struct weir_error *err);
int weir_duck_describe(struct weir_session *session, struct weir_arena *arena,
                       struct weir_table **tables, size_t *count, struct weir_error *err);
int weir_duck_create_schema(struct weir_session *session, struct weir_str schema,
                            struct weir_error *err);
int weir_duck_create_table(struct weir_session *session, struct weir_table_name name,
                           const struct weir_column *columns, size_t count,
                           const struct weir_batch *rows, struct weir_error *err);
int weir_duck_copy_table(struct weir_session *session, struct weir_table_name name,
                         struct weir_str copy, struct weir_error *err);
int weir_duck_add_columns(struct weir_session *session, struct weir_table_name name,
                          const struct weir_column *columns, size_t count, struct weir_error *err);
int weir_duck_widen_column(struct weir_session *session, struct weir_table_name name,
                           struct weir_str column, enum weir_type from, enum weir_type to,
                           struct weir_error *err);

/* --- views.c --- */
int weir_duck_binds(struct weir_session *session, const char *sql, struct weir_error *err);
int weir_duck_create_view(struct weir_session *session, struct weir_table_name name,
                          const char *sql, struct weir_error *err);
int weir_duck_drop_view(struct weir_session *session, struct weir_table_name name,
                        struct weir_error *err);

/* --- load.c --- */
/* Once for each database that was opened. */
int weir_duck_register_batch(struct duck_db *db, duckdb_connection con,
                             struct weir_error *err) WEIR_MUST_CHECK;
void weir_duck_load_free(struct duck_load *load); /* or NULL */
int weir_duck_append(struct weir_session *session, struct weir_table_name name,
                     const struct weir_column *columns, const struct weir_batch *batches,
                     size_t batch_count, struct weir_error *err);
int weir_duck_merge(struct weir_session *session, struct weir_table_name name, struct weir_str key,
                    const struct weir_column *columns, const struct weir_batch *batches,
                    size_t batch_count, struct weir_error *err);

/* --- sandbox.c --- */
/* 0 when a reader may run this text; WEIR_EPERM with what was refused; WEIR_EINVAL for a syntax
 * error. */
int weir_duck_sandbox_check(struct duck_session *s, const char *sql,
                            struct weir_error *err) WEIR_MUST_CHECK;

#endif
