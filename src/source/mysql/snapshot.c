/* The snapshot that a table is read in, by one connection or by several. */
#include <stdio.h>

#include "source/mysql/mysql.h"

#define LARGE_BYTES (32u << 20) /* then several connections see it */
#define TRIES       5           /* until all see the same */

/* Whoever named the table once in a transaction keeps it from being altered; one that was altered
 * after the snapshot is an error (ER_TABLE_DEF_CHANGED). */
static int hold(struct weir_my *my, MYSQL *con, const struct weir_my_table *t,
                struct weir_error *err)
{
    struct weir_buf sql;
    weir_buf_init(&sql, 8192);
    weir_buf_addz(&sql, "SELECT 0 FROM ");
    weir_sql_table(&sql, weir_str_of(my->settings->database), t->name);
    weir_buf_addz(&sql, " LIMIT 0");
    int rc = weir_buf_check(&sql, "a statement", err);
    rc = rc ? rc : weir_my_ask(my, con, weir_buf_str(&sql), NULL, err);
    weir_buf_free(&sql);
    return rc;
}

/* --- what the server says of itself -------------------------------------------------------------
 */

/* The values of these columns, each ended by a line's end. */
static int ask_cells(struct weir_my *my, MYSQL *con, const char *sql, unsigned from, unsigned to,
                     struct weir_buf *out, struct weir_error *err)
{
    MYSQL_RES *result = NULL;
    MYSQL_ROW row;
    unsigned long *lengths;
    int rc = weir_my_ask(my, con, weir_str_of(sql), &result, err);
    weir_buf_reset(out);
    while (rc == 0 && (row = weir_my_next(result, &lengths))) {
        for (unsigned i = from; i < to && i < mysql_num_fields(result); i++) {
            weir_buf_adds(out, weir_my_cell(row, lengths, i));
            weir_buf_addc(out, '\n');
        }
    }
    mysql_free_result(result);
    return rc ? rc : weir_buf_check(out, "the server's state", err);
}

/* SHOW STATUS and SHOW VARIABLES: is there one? */
static int ask_any(struct weir_my *my, const char *sql, bool *out, struct weir_error *err)
{
    struct weir_buf text;
    weir_buf_init(&text, 65536);
    int rc = ask_cells(my, my->con, sql, 0, 1, &text, err);
    *out = rc == 0 && text.len;
    weir_buf_free(&text);
    return rc;
}

const char *weir_my_log_status(const struct weir_my *my)
{
    return my->mariadb || mysql_get_server_version(my->con) < 80200 ? "SHOW MASTER STATUS"
                                                                    : "SHOW BINARY LOG STATUS";
}

int weir_my_has_ids(struct weir_my *my, bool *out, struct weir_error *err)
{
    return ask_any(my, "SHOW GLOBAL VARIABLES WHERE Variable_name = 'gtid_mode' AND Value = 'ON'",
                   out, err);
}

int weir_my_commits_xa(struct weir_my *my, bool *out, struct weir_error *err)
{
    return ask_any(my, "SHOW GLOBAL STATUS WHERE Variable_name = 'Com_xa_commit' AND Value <> '0'",
                   out, err);
}

/* The log's place says which transactions a snapshot has, where each is in the log. Not so what a
 * replica does without writing it into its own log, what the log's filters leave out (who may not
 * see these cannot know), and what XA commits, which is written first and seen later. */
static int is_logged(struct weir_my *my, const char **why, struct weir_error *err)
{
    bool log = false, replica_too = false, replicates = !my->mariadb, xa = false, gtids = true;
    struct weir_buf filters;
    weir_buf_init(&filters, 1u << 20);
    int rc = ask_any(my, "SHOW GLOBAL VARIABLES WHERE Variable_name = 'log_bin' AND Value = 'ON'",
                     &log, err);
    rc = rc ? rc
            : ask_any(my,
                      "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('log_slave_updates', "
                      "'log_replica_updates') AND Value = 'ON'",
                      &replica_too, err);
    rc = rc || replica_too || !my->mariadb
             ? rc
             : ask_any(my,
                       "SHOW GLOBAL STATUS WHERE Variable_name = 'Slaves_running' AND Value <> "
                       "'0' OR Variable_name = 'wsrep_ready' AND Value = 'ON'",
                       &replicates, err);
    rc = rc ? rc : weir_my_commits_xa(my, &xa, err);
    rc = rc || my->mariadb ? rc : weir_my_has_ids(my, &gtids, err);
    rc = rc || !log ? rc : ask_cells(my, my->con, weir_my_log_status(my), 2, 4, &filters, err);
    *why = !log                         ? "the server has no binary log"
           : !replica_too && replicates ? "the server does not log what it repeats as a replica"
           : xa                         ? "transactions are committed by XA"
           : !gtids                     ? "MySQL shows it with gtid_mode = ON only"
           : filters.len > 2            ? "filters keep something out of the binary log"
           : filters.len                ? NULL
                                        : "the server has no binary log";
    weir_buf_free(&filters);
    return rc;
}

/* --- several connections ------------------------------------------------------------------------
 */

/* At one time, as nearly as can be. */
static int begin_all(struct weir_my *my, struct weir_error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < my->beside_count; i++) {
        rc = weir_my_send(my, my->beside[i], WEIR_MY_BEGIN, err);
    }
    rc = rc ? rc : weir_my_ask(my, my->con, WEIR_MY_BEGIN, NULL, err);
    for (size_t i = 0; rc == 0 && i < my->beside_count; i++) {
        rc = weir_my_take(my, my->beside[i], NULL, err);
    }
    return rc;
}

/* MariaDB says at which place of the log a snapshot was taken, and lets none be committed between
 * the taking of both. */
static int see_same_place(struct weir_my *my, struct weir_buf *mine, struct weir_buf *other,
                          bool *out, struct weir_error *err)
{
    static const char place[] = "SHOW STATUS WHERE Variable_name IN ('binlog_snapshot_file', "
                                "'binlog_snapshot_position')";
    int rc = begin_all(my, err);
    rc = rc ? rc : ask_cells(my, my->con, place, 1, 2, mine, err);
    *out = rc == 0 && mine->len > 4 && mine->data[0] != '\n';
    for (size_t i = 0; rc == 0 && *out && i < my->beside_count; i++) {
        rc = ask_cells(my, my->beside[i], place, 1, 2, other, err);
        *out = rc == 0 && weir_str_eq(weir_buf_str(mine), weir_buf_str(other));
    }
    return rc;
}

/* MySQL does not. A transaction gets its GTID, then stands in the log, then can be seen, and then
 * only gives its GTID up. So when none has one behind a reading of the log's end, all in the log
 * can be seen; and when the log still ends there behind the snapshots, nothing became visible while
 * they were taken. */
static int see_same_end(struct weir_my *my, struct weir_buf *before, struct weir_buf *after,
                        bool *out, struct weir_error *err)
{
    int rc = ask_cells(my, my->con, weir_my_log_status(my), 0, 2, before, err);
    rc = rc ? rc : ask_cells(my, my->con, "SELECT @@GLOBAL.gtid_owned", 0, 1, after, err);
    bool quiet = rc == 0 && weir_str_is(weir_buf_str(after), "\n");
    rc = rc || !quiet ? rc : begin_all(my, err);
    rc = rc || !quiet ? rc : ask_cells(my, my->con, weir_my_log_status(my), 0, 2, after, err);
    *out = rc == 0 && quiet && before->len > 4 &&
           weir_str_eq(weir_buf_str(before), weir_buf_str(after));
    return rc;
}

static int see_same(struct weir_my *my, bool *out, struct weir_error *err)
{
    struct weir_buf one, other;
    weir_buf_init(&one, 65536);
    weir_buf_init(&other, 65536);
    int rc = my->mariadb ? see_same_place(my, &one, &other, out, err)
                         : see_same_end(my, &one, &other, out, err);
    weir_buf_free(&one);
    weir_buf_free(&other);
    return rc;
}

/* `wanted` connections beside my->con, or fewer, where the server gives no more. *why: NULL, or why
 * there is none. Whatever fails, one connection reads it, too. */
static int join(struct weir_my *my, const struct weir_my_table *t, size_t wanted, const char **why,
                struct weir_error *err)
{
    bool same = false;
    int rc = is_logged(my, why, err);
    if (rc || *why) {
        return rc;
    }
    for (size_t i = 0; i < wanted; i++) {
        rc = weir_my_connect_beside(my, err);
        if (rc) {
            break;
        }
    }
    rc = my->beside_count ? 0 : rc;
    for (int i = 0; rc == 0 && i < TRIES && !same; i++) {
        rc = see_same(my, &same, err);
    }
    for (size_t i = 0; rc == 0 && same && i < my->beside_count; i++) {
        rc = hold(my, my->beside[i], t, err);
    }
    rc = rc || !same ? rc : is_logged(my, why, err);
    *why = rc || same ? *why : "others committed something at each try";
    return rc;
}

int weir_my_snapshot(struct weir_my *my, struct weir_my_table *t, size_t beside,
                     struct weir_error *err)
{
    struct weir_error failure;
    const char *why = !t->snapshot && t->bytes >= LARGE_BYTES ? "its engine has no snapshots" : "";
    bool broken = my->broken, one = !t->snapshot || t->bytes < LARGE_BYTES || !beside;
    int rc = one ? 0 : join(my, t, beside, &why, &failure);
    if (rc == 0 && !why && beside > 1 && my->beside_count < 2) {
        snprintf(t->alone, sizeof t->alone, "the server gives no further connection");
    }
    if (rc || why) {
        weir_my_close_beside(my);
        my->broken = broken; /* that was another connection, or it is found out at once */
        struct weir_str because = weir_utf8_cut(weir_str_of(rc ? failure.message : why), 300);
        snprintf(t->alone, sizeof t->alone, WEIR_STR_FMT, WEIR_STR_ARG(because));
        rc = my->stop && atomic_load(my->stop)
                 ? weir_fail(err, WEIR_ECANCELED, "the run was stopped; nothing changed")
                 : weir_my_ask(my, my->con, WEIR_MY_BEGIN, NULL, err);
    }
    return rc ? rc : hold(my, my->con, t, err);
}
