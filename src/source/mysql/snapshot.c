/* The snapshot that a table is read in, by one connection or by two. */
#include "source/mysql/mysql.h"

#define LARGE_BYTES (32u << 20) /* then two connections see it */
#define TRIES       5           /* until both see the same */

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

static int begin(struct weir_my *my, MYSQL *con, struct weir_error *err)
{
    return weir_my_ask(my, con, WEIR_STR("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"),
                       NULL, err);
}

/* --- two connections ----------------------------------------------------------------------------
 */

/* The values of name and value, one after the other. */
static int ask_pairs(struct weir_my *my, MYSQL *con, const char *sql, struct weir_buf *out,
                     struct weir_error *err)
{
    MYSQL_RES *result = NULL;
    MYSQL_ROW row;
    unsigned long *lengths;
    int rc = weir_my_ask(my, con, weir_str_of(sql), &result, err);
    while (rc == 0 && (row = weir_my_next(result, &lengths))) {
        weir_buf_adds(out, weir_my_cell(row, lengths, 1));
        weir_buf_addc(out, '\n');
    }
    mysql_free_result(result);
    return rc ? rc : weir_buf_check(out, "the server's state", err);
}

/* The log's place says which transactions a snapshot has, where each is in the log: MariaDB lets
 * none be committed between the taking of both. Not so what a replica does without writing it into
 * its own log, what the log's filters leave out (who may not see these cannot know), and what XA
 * commits, which is written first and seen later. */
static int is_logged(struct weir_my *my, bool *out, struct weir_error *err)
{
    MYSQL_RES *result = NULL;
    unsigned long *lengths;
    struct weir_buf text;
    weir_buf_init(&text, 65536);
    int rc = ask_pairs(my, my->con,
                       "SELECT '', CONCAT(@@GLOBAL.log_bin + 0, @@GLOBAL.log_slave_updates + 0)",
                       &text, err);
    bool replica_too = rc == 0 && weir_str_is(weir_buf_str(&text), "11\n");
    *out = replica_too || (rc == 0 && weir_str_is(weir_buf_str(&text), "10\n"));
    weir_buf_reset(&text);
    rc = rc || replica_too
             ? rc
             : ask_pairs(my, my->con,
                         "SHOW GLOBAL STATUS WHERE Variable_name = 'Slaves_running' AND Value <> "
                         "'0' OR Variable_name = 'wsrep_ready' AND Value = 'ON'",
                         &text, err);
    rc = rc ? rc
            : ask_pairs(my, my->con,
                        "SHOW GLOBAL STATUS WHERE Variable_name = 'Com_xa_commit' AND Value <> '0'",
                        &text, err);
    *out = *out && text.len == 0;
    rc = rc ? rc : weir_my_ask(my, my->con, WEIR_STR("SHOW MASTER STATUS"), &result, err);
    MYSQL_ROW row = rc ? NULL : weir_my_next(result, &lengths);
    *out = *out && row && lengths[2] == 0 && lengths[3] == 0;
    mysql_free_result(result);
    weir_buf_free(&text);
    return rc;
}

static int see_same(struct weir_my *my, bool *out, struct weir_error *err)
{
    static const char place[] = "SHOW STATUS WHERE Variable_name IN ('binlog_snapshot_file', "
                                "'binlog_snapshot_position')";
    struct weir_buf mine, other;
    weir_buf_init(&mine, 4096);
    weir_buf_init(&other, 4096);
    int rc = begin(my, my->con, err);
    rc = rc ? rc : begin(my, my->beside, err);
    rc = rc ? rc : ask_pairs(my, my->con, place, &mine, err);
    rc = rc ? rc : ask_pairs(my, my->beside, place, &other, err);
    *out = rc == 0 && mine.len > 4 && mine.data[0] != '\n' &&
           weir_str_eq(weir_buf_str(&mine), weir_buf_str(&other));
    weir_buf_free(&mine);
    weir_buf_free(&other);
    return rc;
}

/* Whatever fails, one connection reads it, too. */
static bool join(struct weir_my *my, const struct weir_my_table *t)
{
    struct weir_error ignored;
    bool same = false, logged = false;
    if (!my->mariadb || !t->snapshot || t->bytes < LARGE_BYTES ||
        is_logged(my, &logged, &ignored) || !logged || weir_my_connect_beside(my, &ignored)) {
        return false;
    }
    for (int i = 0; i < TRIES && !same; i++) {
        if (see_same(my, &same, &ignored)) {
            break;
        }
    }
    return same && hold(my, my->beside, t, &ignored) == 0 &&
           is_logged(my, &logged, &ignored) == 0 && logged;
}

int weir_my_snapshot(struct weir_my *my, const struct weir_my_table *t, struct weir_error *err)
{
    int rc = 0;
    if (!join(my, t)) {
        weir_my_close_beside(my);
        rc = my->stop && atomic_load(my->stop)
                 ? weir_fail(err, WEIR_ECANCELED, "the run was stopped; nothing changed")
                 : 0;
        rc = rc ? rc : begin(my, my->con, err);
    }
    return rc ? rc : hold(my, my->con, t, err);
}
