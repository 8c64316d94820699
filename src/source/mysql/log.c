/* The server's log, as it is sent to a replica: up to its end, and no further. */
#include "source/mysql/mysql.h"

#include <mariadb_rpl.h>
#include <stdlib.h>

static int set(struct weir_my *my, MYSQL *con, const char *statement, struct weir_error *err)
{
    return mysql_query(con, statement)
               ? weir_my_fail(my, mysql_errno(con), mysql_error(con), "MySQL", err)
               : 0;
}

/* `gtids`: NULL, or instead of the file and the place in it. */
static int open_log(struct weir_my *my, const char *file, uint64_t at, const char *gtids,
                    MYSQL **out, struct weir_error *err)
{
    int rc = weir_my_connect_waiting(my, out, err);
    rc = rc ? rc
            : set(my, *out,
                  "SET @master_binlog_checksum = @@global.binlog_checksum, "
                  "@source_binlog_checksum = @@global.binlog_checksum",
                  err);
    rc = rc ? rc : set(my, *out, "SET @mariadb_slave_capability = 4", err);
    /* One event may be a transaction that takes long to be worked off, and nobody listens then. */
    rc = rc ? rc : set(my, *out, "SET net_write_timeout = 3600", err);
    if (rc == 0 && gtids) {
        struct weir_buf sql;
        weir_buf_init(&sql, 65536);
        weir_buf_addz(&sql, "SET @slave_gtid_strict_mode = 1, @slave_connect_state = ");
        weir_sql_text(&sql, weir_str_of(gtids));
        rc = weir_buf_check(&sql, "a statement", err);
        rc = rc ? rc : set(my, *out, weir_buf_cstr(&sql), err);
        weir_buf_free(&sql);
    }
    MARIADB_RPL *rpl = rc ? NULL : mariadb_rpl_init(*out);
    if (rc == 0 && !rpl) {
        rc = weir_fail(err, WEIR_ENOMEM, "no memory for the server's log");
    }
    if (rc == 0) {
        uint32_t id = (uint32_t)((uintptr_t)*out >> 4 ^ (uint64_t)weir_now()) | 0x80000000u;
        mariadb_rpl_optionsv(rpl, MARIADB_RPL_FILENAME, file, strlen(file));
        mariadb_rpl_optionsv(rpl, MARIADB_RPL_START, (unsigned long)at);
        mariadb_rpl_optionsv(rpl, MARIADB_RPL_SERVER_ID, (unsigned)id);
        mariadb_rpl_optionsv(rpl, MARIADB_RPL_FLAGS, MARIADB_RPL_BINLOG_DUMP_NON_BLOCK);
        if (mariadb_rpl_open(rpl)) {
            rc = weir_my_fail(my, mysql_errno(*out), mysql_error(*out), "reading the log", err);
        }
        mariadb_rpl_close(rpl);
    }
    return rc;
}

int weir_my_log_open(struct weir_my *my, const char *file, uint64_t at, MYSQL **out,
                     struct weir_error *err)
{
    return open_log(my, file, at, NULL, out, err);
}

int weir_my_log_open_behind(struct weir_my *my, const char *gtids, MYSQL **out,
                            struct weir_error *err)
{
    return open_log(my, "", 4, gtids, out, err);
}

int weir_my_log_next(struct weir_my *my, MYSQL *con, struct weir_str *out, struct weir_error *err)
{
    *out = (struct weir_str){NULL, 0};
    if (my->stop && atomic_load(my->stop)) {
        return weir_fail(err, WEIR_ECANCELED, "the run was stopped; nothing changed");
    }
    unsigned long size = mysql_net_read_packet(con);
    const unsigned char *bytes = con->net.read_pos;
    if (size == (unsigned long)-1 || size == 0) {
        bool broken = my->broken;
        int rc = weir_my_fail(my, mysql_errno(con), mysql_error(con), "reading the log", err);
        my->broken = broken; /* that is the other connection */
        return rc;
    }
    if (*bytes == 0xfe && size < 9) { /* the end */
        return 0;
    }
    if (*bytes == 0xff && size > 9) { /* its number, '#', five letters, and words */
        char said[512];
        size_t len = size - 9 < sizeof said ? size - 9 : sizeof said - 1;
        memcpy(said, bytes + 9, len);
        said[len] = 0;
        return weir_my_fail(my, (unsigned)(bytes[1] | bytes[2] << 8), said, "reading the log", err);
    }
    if (*bytes) {
        return weir_fail(err, WEIR_ECORRUPT, "the server sent no event of its log");
    }
    *out = (struct weir_str){(const char *)bytes + 1, size - 1};
    return 0;
}

void weir_my_log_close(MYSQL *con)
{
    mysql_close(con);
}
