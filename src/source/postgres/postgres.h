/* PostgreSQL. Private to src/source/postgres, the one place of libpq-fe.h. */
#ifndef WEIR_SOURCE_POSTGRES_POSTGRES_H
#define WEIR_SOURCE_POSTGRES_POSTGRES_H

#include <libpq-fe.h>

#include "source/connector.h"

struct weir_pg_settings {
    const char *host, *database, *user, *password, *sslrootcert;
    int64_t port;
    int sslmode, row_security;
    weir_time timeout;
    struct weir_text_list schemas;
};
extern const char *const weir_pg_sslmodes[];
enum weir_pg_rows { WEIR_PG_ROWS_ALL, WEIR_PG_ROWS_VISIBLE };

/* Types of the server's own, by their number in pg_type. A name may be anybody's. */
enum weir_pg_oid {
    WEIR_PG_BOOL = 16,
    WEIR_PG_INT8 = 20,
    WEIR_PG_INT2 = 21,
    WEIR_PG_INT4 = 23,
    WEIR_PG_TEXT = 25,
    WEIR_PG_OID = 26,
    WEIR_PG_JSON = 114,
    WEIR_PG_FLOAT4 = 700,
    WEIR_PG_FLOAT8 = 701,
    WEIR_PG_INET = 869,
    WEIR_PG_BPCHAR = 1042,
    WEIR_PG_DATE = 1082,
    WEIR_PG_TIMESTAMP = 1114,
    WEIR_PG_TIMESTAMPTZ = 1184,
    WEIR_PG_NUMERIC = 1700,
    WEIR_PG_JSONB = 3802
};

struct weir_pg_column {
    struct weir_str name, type; /* as format_type() has it */
    uint32_t oid;
    bool array;
    size_t index; /* of the plan; SIZE_MAX: it is not wanted */
};
struct weir_pg_table {
    struct weir_str schema, name;
    char kind;     /* relkind */
    bool lockable; /* its rows cannot go from under a snapshot */
    int64_t pages;
    struct weir_pg_column *columns;
    size_t column_count;
    struct weir_str condition; /* "" or " WHERE …" */
    const struct weir_source_plan *plan;
};
struct weir_pg {
    const struct weir_source_config *config;
    const struct weir_pg_settings *settings;
    PGconn *con;
    const atomic_bool *stop; /* of the run; NULL: none */
    weir_time heard;         /* when the server last sent something */
    bool patient;            /* it computes: it may be silent for longer than `timeout` */
};

/* --- query.c: the connection and small questions --- */
int weir_pg_connect(struct weir_pg *pg, PGconn **out, struct weir_error *err) WEIR_MUST_CHECK;
/* What the server says, and what to do; `doing` begins the sentence. */
int weir_pg_fail(PGconn *con, const PGresult *result, const char *doing,
                 struct weir_error *err) WEIR_MUST_CHECK;
/* Waits a little, and takes what has come. WEIR_ECANCELED, WEIR_ETIMEDOUT (both cancel what the
 * server does). `con2` may be NULL. */
int weir_pg_wait(struct weir_pg *pg, PGconn *con, PGconn *con2,
                 struct weir_error *err) WEIR_MUST_CHECK;
/* One statement, values bound; *out is for PQclear(). `out` NULL: nobody wants it. `count` -1: in
 * the simple protocol, which replication needs. */
int weir_pg_ask(struct weir_pg *pg, PGconn *con, const char *sql, const char *const *values,
                int count, PGresult **out, struct weir_error *err) WEIR_MUST_CHECK;
struct weir_str weir_pg_cell(const PGresult *result, int row, int column);

/* --- table.c: the catalog's tables and columns --- */
int weir_pg_tables(struct weir_pg *pg, struct weir_source_catalog *out,
                   struct weir_error *err) WEIR_MUST_CHECK;
/* Which table or view is it? Outside of the transaction that reads it. */
int weir_pg_find(struct weir_pg *pg, const char *stream, struct weir_source_plan *plan,
                 struct weir_pg_table **out, struct weir_error *err) WEIR_MUST_CHECK;
/* Fills the plan's columns. */
int weir_pg_columns(struct weir_pg *pg, struct weir_pg_table *table, struct weir_source_plan *plan,
                    struct weir_error *err) WEIR_MUST_CHECK;
const struct weir_pg_column *weir_pg_column_of(const struct weir_pg_table *table, size_t index);

/* --- read.c --- */
int weir_pg_read(struct weir_pg *pg, const struct weir_pg_table *table,
                 struct weir_source_sink *sink, struct weir_error *err) WEIR_MUST_CHECK;

#endif
