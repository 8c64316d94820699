/* MariaDB as a source, with a server of Debian's packages that the program starts: rows/s of a
 * table of five columns into the warehouse, against the client library's own fetch of the same rows
 * (a prepared statement, not buffered) thrown away, in the same run; and memory beyond the engine's
 * own limit. Usage: bench_source_mysql [ROWS [RANGES]] */
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/time.h"
#include "source_bench.h"

#define SERVER  "/usr/sbin/mariadbd"
#define COLUMNS 5

static char socket_path[128];

static MYSQL *connect_to(const char *database)
{
    MYSQL *con = mysql_init(NULL);
    if (con && !mysql_real_connect(con, "localhost", "root", "", database, 0, socket_path, 0)) {
        mysql_close(con);
        return NULL;
    }
    return con;
}

static void sql(MYSQL *con, const char *statement)
{
    if (!con || mysql_query(con, statement)) {
        bench_die(statement, con ? mysql_error(con) : "no connection");
    }
}

static void start_server(void)
{
    char command[1024];
    snprintf(socket_path, sizeof socket_path, "%s/socket", bench_dir);
    snprintf(command, sizeof command,
             "TMPDIR=%s mariadb-install-db --no-defaults --datadir=%s/data "
             "--auth-root-authentication-method=normal --skip-test-db >/dev/null 2>&1",
             bench_dir, bench_dir);
    bench_wait(bench_spawn(command), "mariadb-install-db");
    snprintf(command, sizeof command,
             "exec " SERVER " --no-defaults --datadir=%s/data --socket=%s --skip-networking "
             "--pid-file=%s/pid --log-error=%s/log --innodb-buffer-pool-size=512M "
             "--innodb-flush-log-at-trx-commit=2 --log-bin=log --binlog-format=ROW --server-id=1 "
             "--tmpdir=%s",
             bench_dir, socket_path, bench_dir, bench_dir, bench_dir);
    bench_server(bench_spawn(command));
    for (int i = 0; i < 600; i++) {
        MYSQL *con = connect_to(NULL);
        if (con) {
            sql(con, "CREATE DATABASE shop CHARACTER SET utf8mb4");
            mysql_close(con);
            return;
        }
        usleep(100000);
    }
    bench_die("MariaDB", "it does not start");
}

static void make_table(long rows)
{
    char statement[512];
    MYSQL *con = connect_to("shop");
    sql(con, "CREATE TABLE big (id INT PRIMARY KEY, name VARCHAR(40), amount DECIMAL(10,2), at "
             "DATETIME(6), ratio DOUBLE)");
    snprintf(statement, sizeof statement,
             "INSERT INTO big SELECT seq, concat('name ', seq), seq %% 100000 / 100, CAST("
             "'2026-01-01' AS DATETIME) + INTERVAL seq SECOND, seq / 7e0 FROM seq_1_to_%ld",
             rows);
    sql(con, statement);
    sql(con, "ANALYZE TABLE big");
    mysql_free_result(mysql_store_result(con));
    mysql_close(con);
}

/* Into buffers of the types that the columns have: nothing is converted. */
static double fetch(void)
{
    static const char select[] = "SELECT id, name, amount, at, ratio FROM big";
    weir_time start = weir_mono();
    MYSQL *con = connect_to("shop");
    MYSQL_STMT *stmt = con ? mysql_stmt_init(con) : NULL;
    char buffers[COLUMNS][64];
    static const enum enum_field_types types[COLUMNS] = {MYSQL_TYPE_LONG, MYSQL_TYPE_STRING,
                                                         MYSQL_TYPE_STRING, MYSQL_TYPE_DATETIME,
                                                         MYSQL_TYPE_DOUBLE};
    MYSQL_BIND binds[COLUMNS];
    memset(binds, 0, sizeof binds);
    for (int i = 0; i < COLUMNS; i++) {
        binds[i].buffer_type = types[i];
        binds[i].buffer = buffers[i];
        binds[i].buffer_length = sizeof buffers[i];
    }
    if (!stmt || mysql_stmt_prepare(stmt, select, sizeof select - 1) || mysql_stmt_execute(stmt) ||
        mysql_stmt_bind_result(stmt, binds)) {
        bench_die(select, stmt ? mysql_stmt_error(stmt) : "no connection");
    }
    int rc = 0;
    while (rc == 0) {
        rc = mysql_stmt_fetch(stmt);
    }
    if (rc != MYSQL_NO_DATA) {
        bench_die(select, mysql_stmt_error(stmt));
    }
    mysql_stmt_close(stmt);
    mysql_close(con);
    return (double)(weir_mono() - start) / 1e6;
}

int main(int argc, char **argv)
{
    long rows = argc > 1 ? atol(argv[1]) : 4000000, ranges = argc > 2 ? atol(argv[2]) : 2;
    char text[512];
    if (access(SERVER, X_OK)) {
        fprintf(stderr, "bench_source_mysql: MariaDB is not installed: not measured\n");
        return 0;
    }
    bench_begin("bench_source_mysql");
    start_server();
    make_table(rows);
    snprintf(text, sizeof text,
             "kind: mysql\nconnection: {socket: %s, database: shop, user: root, ranges: %ld}\n"
             "streams: {big: {mode: replace}}\n",
             socket_path, ranges);
    bench_write_source("big", text);
    bench_open();
    (void)bench_load("mysql", (double)rows, fetch, 0.8);
    bench_stop(0);
}
