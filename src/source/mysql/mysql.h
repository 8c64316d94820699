/* MySQL and MariaDB. Private to src/source/mysql, the one place of mysql.h.
 *
 * Statements are written for sql_mode ANSI_QUOTES and NO_BACKSLASH_ESCAPES, which each connection
 * sets first: weir_sql_ident() and weir_sql_text() quote for it. */
#ifndef WEIR_SOURCE_MYSQL_MYSQL_H
#define WEIR_SOURCE_MYSQL_MYSQL_H

#include <mysql.h>

#include "source/connector.h"
#include "source/mysql/value.h"
#include "source/verify/verify.h"

struct weir_my_settings {
    const char *host, *socket, *database, *user, *password, *tls_ca, *tls_cert, *tls_key;
    int64_t port, ranges;
    int tls;
    bool capture;
    weir_time timeout;
};
extern const char *const weir_my_tls[];

struct weir_my_column {
    struct weir_str name, declared; /* "int(10) unsigned" */
    enum weir_my_form form;
    bool vector;               /* whose type the library does not know */
    bool utf8, latin1;         /* of texts: its bytes are those that come; or are to be made so */
    struct weir_str type_name; /* of the decimal that it is; else "" */
    size_t index;              /* of the plan; SIZE_MAX: it is not wanted */
};
#define WEIR_MY_RANGES 8 /* of a table, at most */
struct weir_my_table {
    struct weir_str name;
    bool view;
    bool snapshot;             /* its engine reads as of the transaction's beginning */
    uint64_t bytes, row_bytes; /* about, by its statistics; 0: they do not say */
    struct weir_my_column *columns;
    size_t column_count;
    struct weir_str condition; /* "" or " WHERE …" */
    char alone[400];           /* why one connection reads it; "" when several do */
    /* What tells its ranges apart, as SQL: the key's first column, and where each but the first
     * begins. */
    struct weir_str key, bounds[WEIR_MY_RANGES - 1];
    size_t bound_count;
    const struct weir_source_plan *plan;
};
struct weir_my_position {
    char file[512];
    uint64_t at;
};
enum weir_my_why { WEIR_MY_MAY_CHANGE, WEIR_MY_NAMES, WEIR_MY_UNDONE, WEIR_MY_CRASHED, WEIR_MY_XA };
struct weir_my_altered { /* a table that the log says is another one now */
    char *name;
    enum weir_my_why why;
    char verb[20]; /* of the statement; else "" */
    struct weir_my_position at;
};
struct weir_my_capture;
struct weir_my {
    const struct weir_source_config *config;
    const struct weir_my_settings *settings;
    MYSQL *con;
    /* Others, whose snapshots are that of `con`. The first sums up; each further one reads a
     * range. */
    MYSQL *beside[WEIR_MY_RANGES];
    size_t beside_count;
    bool summing;                /* the first of them is asked for the figures */
    struct weir_my_times *times; /* of each of the sink's columns, while rows are read */
    bool mariadb;
    bool identified;
    char identity[64];               /* the server's; "": it does not say */
    bool broken;                     /* the connection is good for nothing more */
    const atomic_bool *stop;         /* of the run, or who looks into the source; NULL: none */
    const atomic_bool *site_stop;    /* of whoever opened the connection */
    char address[64];                /* of `host`, which may have several, that answered; or "" */
    weir_time most;                  /* of its silence; 0: it may compute as long as it likes */
    bool killer;                     /* it ends what another connection does */
    struct weir_my_capture *capture; /* while changes are followed; else NULL */
    struct weir_my_altered *altered; /* in this run */
    size_t altered_count;
    struct weir_my_position until; /* the run reads no further; at 0: to the log's end */
};

/* --- query.c: the connection and small questions --- */
/* Another connection, whose calls wait by themselves, for at most `timeout`. */
int weir_my_connect_waiting(struct weir_my *my, MYSQL **out,
                            struct weir_error *err) WEIR_MUST_CHECK;
/* One more of my->beside; what they do is ended by weir_my_close_beside(). */
int weir_my_connect_beside(struct weir_my *my, struct weir_error *err) WEIR_MUST_CHECK;
void weir_my_close_beside(struct weir_my *my);
/* my->con can begin something, whatever broke off before. */
int weir_my_ready(struct weir_my *my, struct weir_error *err) WEIR_MUST_CHECK;
/* What the server says, and what to do; `doing` begins the sentence. */
int weir_my_fail(struct weir_my *my, unsigned number, const char *said, const char *doing,
                 struct weir_error *err) WEIR_MUST_CHECK;
/* Functions of the library, each on a connection of its own, wait for what `status` says
 * (MYSQL_WAIT_…): until one of them may go on, or, not `patient`, just looks. `status` is then
 * what it may go on with; 0: it still waits. After a failure they stay as they were, and it is for
 * the caller to end them. */
struct weir_my_waiting {
    MYSQL *con;
    int status;
};
int weir_my_wait_any(struct weir_my *my, struct weir_my_waiting *waiting, size_t count,
                     bool patient, struct weir_error *err) WEIR_MUST_CHECK;
/* One statement; *out is for mysql_free_result(). `out` NULL: nobody wants it. */
int weir_my_ask(struct weir_my *my, MYSQL *con, struct weir_str sql, MYSQL_RES **out,
                struct weir_error *err) WEIR_MUST_CHECK;
/* The two halves of it. */
int weir_my_send(struct weir_my *my, MYSQL *con, struct weir_str sql,
                 struct weir_error *err) WEIR_MUST_CHECK;
int weir_my_take(struct weir_my *my, MYSQL *con, MYSQL_RES **out,
                 struct weir_error *err) WEIR_MUST_CHECK;
/* Prepares and executes it, in `stmt` of this connection. */
int weir_my_execute(struct weir_my *my, MYSQL *con, MYSQL_STMT *stmt, struct weir_str sql,
                    struct weir_error *err) WEIR_MUST_CHECK;
/* What went wrong with it. */
int weir_my_execute_fail(struct weir_my *my, MYSQL *con, MYSQL_STMT *stmt,
                         struct weir_error *err) WEIR_MUST_CHECK;
/* The next row, or NULL; values by weir_my_cell(), whose ptr is NULL for NULL. */
MYSQL_ROW weir_my_next(MYSQL_RES *result, unsigned long **lengths);
struct weir_str weir_my_cell(MYSQL_ROW row, const unsigned long *lengths, unsigned column);
/* Cuts the connection: what it was about is not read to its end. */
void weir_my_cut(struct weir_my *my, MYSQL *con);
/* Cuts them, and ends what they do at the server. */
void weir_my_end(struct weir_my *my, MYSQL *const *cons, size_t count);

/* --- table.c: the catalog's tables and columns --- */
int weir_my_tables(struct weir_my *my, struct weir_source_catalog *out,
                   struct weir_error *err) WEIR_MUST_CHECK;
int weir_my_find(struct weir_my *my, const char *stream, struct weir_source_plan *plan,
                 struct weir_my_table **out, struct weir_error *err) WEIR_MUST_CHECK;
/* WHERE `schema` (a column of the catalog) and TABLE_NAME are those of the table. */
void weir_my_where(struct weir_buf *sql, const struct weir_my *my, const char *schema,
                   struct weir_str table);
/* Fills the plan's columns. */
int weir_my_columns(struct weir_my *my, struct weir_my_table *table, struct weir_source_plan *plan,
                    struct weir_error *err) WEIR_MUST_CHECK;
const struct weir_my_column *weir_my_column_of(const struct weir_my_table *table, size_t index);

/* --- cursor.c --- */
/* What is new since `cursor` (JSON; ptr NULL: everything is): the table's condition, and the plan's
 * own cursor. */
int weir_my_plan_cursor(struct weir_my *my, const struct weir_source_stream *stream,
                        struct weir_my_table *table, struct weir_str cursor,
                        struct weir_source_plan *plan, struct weir_error *err) WEIR_MUST_CHECK;

/* --- log.c --- */
/* The server's log from here to its end; *out is for weir_my_log_close(), also after a failure. */
int weir_my_log_open(struct weir_my *my, const char *file, uint64_t at, MYSQL **out,
                     struct weir_error *err) WEIR_MUST_CHECK;
/* MariaDB's, from what is behind these ids ("0-1-100"). */
int weir_my_log_open_behind(struct weir_my *my, const char *gtids, MYSQL **out,
                            struct weir_error *err) WEIR_MUST_CHECK;
/* The next event, good until the next call; ptr NULL: that was all. */
int weir_my_log_next(struct weir_my *my, MYSQL *con, struct weir_str *out,
                     struct weir_error *err) WEIR_MUST_CHECK;
void weir_my_log_close(MYSQL *con);

/* --- snapshot.c --- */
#define WEIR_MY_BEGIN WEIR_STR("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
/* The statement that tells the end of the log. */
const char *weir_my_log_status(const struct weir_my *my);
/* Of MySQL: does each transaction have an id (gtid_mode)? */
int weir_my_has_ids(struct weir_my *my, bool *out, struct weir_error *err) WEIR_MUST_CHECK;
/* Did anybody commit by XA since the server was started? */
int weir_my_commits_xa(struct weir_my *my, bool *out, struct weir_error *err) WEIR_MUST_CHECK;
/* Begins the transaction in whose snapshot the table is read; of a large table on `beside`
 * connections more, too, where it can be proven that all see the same; else t->alone says why not.
 */
int weir_my_snapshot(struct weir_my *my, struct weir_my_table *t, size_t beside,
                     struct weir_error *err) WEIR_MUST_CHECK;

/* --- ranges.c --- */
/* Splits a table that is read as a whole into as many ranges of its key as there are connections
 * for; else t->alone says why not. */
int weir_my_ranges_find(struct weir_my *my, struct weir_my_table *t, struct weir_source_plan *plan,
                        struct weir_error *err) WEIR_MUST_CHECK;
/* FROM the table, its condition, and what is in this range alone. */
void weir_my_ranges_from(struct weir_buf *sql, const struct weir_my *my,
                         const struct weir_my_table *t, size_t number);

/* --- select.c --- */
bool weir_my_is_whole(const struct weir_my_column *c);
/* The column as the sink wants it. */
void weir_my_expression(struct weir_buf *sql, const struct weir_my_column *c,
                        const struct weir_column *to);
/* FROM the table, and its condition. */
void weir_my_from(struct weir_buf *sql, const struct weir_my *my, const struct weir_my_table *t);

/* --- figures.c --- */
/* Of a column of days or times, what was read: the server sums them up as the numbers that it
 * writes them as (20260102030405.5), of which a sum of days since 1970 cannot be made. How far its
 * count and its sum are from ours is how far those of what was given are from what it has. */
struct weir_my_times {
    uint64_t came, given; /* zeros ('0000-00-00') came, and nothing was given for them */
    __int128 numbers, sum;
};
/* In microseconds for a time: 20260102030405500000. */
__int128 weir_my_time_number(const struct weir_my_time *t, enum weir_type type);
/* Asks for them on my->beside, if there is one. */
void weir_my_figures_begin(struct weir_my *my, const struct weir_my_table *t,
                           const struct weir_source_sink *sink);
/* Fills sink->source, where the server can tell. */
int weir_my_figures_end(struct weir_my *my, const struct weir_my_table *t,
                        struct weir_source_sink *sink, struct weir_error *err) WEIR_MUST_CHECK;

/* --- verify.c, as verify.h has it --- */
int weir_my_verify_ready(void *connection, const struct weir_source_plan *plan,
                         struct weir_str cursor, char why[200],
                         struct weir_error *err) WEIR_MUST_CHECK;
bool weir_my_verify_sha256(const void *connection);
int weir_my_verify_key(void *connection, const struct weir_source_plan *plan, size_t *out,
                       size_t *count, struct weir_error *err) WEIR_MUST_CHECK;
int weir_my_verify_sums(void *connection, const struct weir_source_plan *plan,
                        const struct weir_source_compare *compare, struct weir_source_bucket *out,
                        struct weir_error *err) WEIR_MUST_CHECK;
int weir_my_verify_narrow(void *connection, struct weir_source_plan *plan,
                          const struct weir_source_compare *compare,
                          struct weir_error *err) WEIR_MUST_CHECK;

/* --- read.c --- */
int weir_my_read(struct weir_my *my, const struct weir_my_table *table,
                 struct weir_source_sink *sink, struct weir_error *err) WEIR_MUST_CHECK;

#endif
