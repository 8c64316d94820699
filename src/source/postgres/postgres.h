/* PostgreSQL. Private to src/source/postgres, the one place of libpq-fe.h. */
#ifndef WEIR_SOURCE_POSTGRES_POSTGRES_H
#define WEIR_SOURCE_POSTGRES_POSTGRES_H

#include <libpq-fe.h>

#include "source/connector.h"
#include "source/postgres/oid.h"
#include "source/verify/verify.h"

struct weir_pg_settings {
    const char *host, *database, *user, *password, *sslrootcert, *sslcert, *sslkey;
    int64_t port;
    int sslmode, row_security;
    bool capture;
    const char *publication, *slot; /* "": named after the source */
    uint64_t max_slot;
    weir_time timeout;
    struct weir_text_list schemas;
};
#define WEIR_PG_NO_KEY                                                                              \
    "nothing says which row a change is of; ALTER TABLE … ADD PRIMARY KEY (…), or … REPLICA " \
    "IDENTITY FULL (a key that is DEFERRABLE says nothing)"
extern const char *const weir_pg_sslmodes[];
enum weir_pg_rows { WEIR_PG_ROWS_ALL, WEIR_PG_ROWS_VISIBLE };

struct weir_pg_column {
    struct weir_str name, type; /* as format_type() has it */
    uint32_t oid;
    bool array;
    uint32_t element; /* of an array: the type of its elements */
    size_t index;     /* of the plan; SIZE_MAX: it is not wanted */
};
struct weir_pg_table {
    struct weir_str schema, name;
    char kind;     /* relkind */
    bool only;     /* without the rows of tables that inherit from it */
    bool lockable; /* its rows cannot go from under a snapshot */
    bool utf8;     /* is the database's own encoding */
    bool bytes;    /* it has none (SQL_ASCII): any bytes are texts to it */
    int64_t pages;
    struct weir_pg_column *columns;
    size_t column_count;
    struct weir_str condition; /* "" or " WHERE …" */
    const struct weir_source_plan *plan;
};
struct weir_pg_capture;
struct weir_pg {
    const struct weir_source_config *config;
    const struct weir_pg_settings *settings;
    PGconn *con;
    struct weir_pg_capture *capture; /* while changes are followed; else NULL */
    const atomic_bool *stop;         /* of the run; NULL: none */
    const atomic_bool *site_stop;    /* of whoever opened it: while no run says another */
    weir_time heard;                 /* when the server last sent something */
    weir_time asked, looked; /* when it was asked; and when we last looked why it is silent */
    bool patient;            /* it computes: it may be silent for longer than `timeout` */
    bool identified;
    char identity[64]; /* of the server's cluster and the database in it; "": it does not say */
};

/* --- query.c: the connection and small questions --- */
int weir_pg_connect(struct weir_pg *pg, PGconn **out, struct weir_error *err) WEIR_MUST_CHECK;
/* The database has no encoding (SQL_ASCII). Its texts are asked for as the bytes that they are
 * (WEIR_PG_AS_BYTES), since the server fails a whole answer for one that is no UTF-8. */
bool weir_pg_is_bytes(PGconn *con);
#define WEIR_PG_AS_BYTES "client_encoding = 'SQL_ASCII'"
/* `replication`: the server takes the commands of replication there, and nothing is set up. */
int weir_pg_connect_as(struct weir_pg *pg, bool replication, PGconn **out,
                       struct weir_error *err) WEIR_MUST_CHECK;
/* pg->con can begin something, whatever broke off before. */
int weir_pg_ready(struct weir_pg *pg, struct weir_error *err) WEIR_MUST_CHECK;
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
/* The same in two steps; between them the server computes. */
int weir_pg_send(struct weir_pg *pg, PGconn *con, const char *sql, const char *const *values,
                 int count, struct weir_error *err) WEIR_MUST_CHECK;
int weir_pg_take(struct weir_pg *pg, PGconn *con, PGresult **out,
                 struct weir_error *err) WEIR_MUST_CHECK;
void weir_pg_cancel(PGconn *con); /* what the server does for it; NULL is fine */
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
/* The column as a sink wants it that stores this type. */
void weir_pg_expression(struct weir_buf *sql, const struct weir_pg_column *c, enum weir_type type);
/* " FROM table WHERE …" */
void weir_pg_from(struct weir_buf *sql, const struct weir_pg_table *t);
int weir_pg_read(struct weir_pg *pg, const struct weir_pg_table *table,
                 struct weir_source_sink *sink, struct weir_error *err) WEIR_MUST_CHECK;

/* --- verify.c: source/verify/verify.h --- */
int weir_pg_verify_ready(void *connection, const struct weir_source_plan *plan,
                         struct weir_str cursor, char why[200],
                         struct weir_error *err) WEIR_MUST_CHECK;
int weir_pg_verify_key(void *connection, const struct weir_source_plan *plan, size_t *out,
                       size_t *count, struct weir_error *err) WEIR_MUST_CHECK;
int weir_pg_verify_sums(void *connection, const struct weir_source_plan *plan,
                        const struct weir_source_compare *compare, struct weir_source_bucket *out,
                        struct weir_error *err) WEIR_MUST_CHECK;
int weir_pg_verify_narrow(void *connection, struct weir_source_plan *plan,
                          const struct weir_source_compare *compare,
                          struct weir_error *err) WEIR_MUST_CHECK;

#endif
