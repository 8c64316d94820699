/* PostgreSQL. Private to src/source/postgres, the one place of libpq-fe.h. */
#ifndef WEIR_SOURCE_POSTGRES_POSTGRES_H
#define WEIR_SOURCE_POSTGRES_POSTGRES_H

#include <libpq-fe.h>

#include "source/connector.h"

struct weir_pg_settings {
    const char *host, *database, *user, *password;
    int64_t port;
    int sslmode;
    weir_time timeout;
    struct weir_text_list schemas;
};
extern const char *const weir_pg_sslmodes[];

struct weir_pg_column {
    struct weir_str name, type; /* as format_type() has it */
    size_t index;               /* of the plan; SIZE_MAX: it is not wanted */
};
struct weir_pg_table {
    struct weir_str schema, name;
    char kind; /* relkind */
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
};

/* --- query.c: the connection and small questions --- */
int weir_pg_connect(const struct weir_pg *pg, PGconn **out, struct weir_error *err) WEIR_MUST_CHECK;
/* What the server says, and what to do; `doing` begins the sentence. */
int weir_pg_fail(PGconn *con, const PGresult *result, const char *doing,
                 struct weir_error *err) WEIR_MUST_CHECK;
/* Waits until there is something to read: WEIR_ECANCELED, WEIR_ETIMEDOUT (both cancel what the
 * server does). `con2` may be NULL. */
int weir_pg_wait(const struct weir_pg *pg, PGconn *con, PGconn *con2, const atomic_bool *stop,
                 struct weir_error *err) WEIR_MUST_CHECK;
/* One statement, values bound; *out is for PQclear(). `out` NULL: nobody wants it. */
int weir_pg_ask(const struct weir_pg *pg, PGconn *con, const char *sql, const char *const *values,
                int count, const atomic_bool *stop, PGresult **out,
                struct weir_error *err) WEIR_MUST_CHECK;
struct weir_str weir_pg_cell(const PGresult *result, int row, int column);

/* --- table.c: the catalog's tables and columns --- */
int weir_pg_tables(struct weir_pg *pg, struct weir_source_catalog *out,
                   struct weir_error *err) WEIR_MUST_CHECK;
/* Fills the plan's columns. */
int weir_pg_table(struct weir_pg *pg, const char *stream, struct weir_source_plan *plan,
                  struct weir_pg_table **out, struct weir_error *err) WEIR_MUST_CHECK;
const struct weir_pg_column *weir_pg_column_of(const struct weir_pg_table *table, size_t index);

/* --- read.c --- */
int weir_pg_read(struct weir_pg *pg, const struct weir_pg_table *table,
                 struct weir_source_sink *sink, struct weir_error *err) WEIR_MUST_CHECK;

#endif
