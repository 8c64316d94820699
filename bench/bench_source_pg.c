/* PostgreSQL as a source, with a server of Debian's packages that the program starts: rows/s of a
 * table of five columns into the warehouse, against COPY … (FORMAT binary) of the same two halves
 * of it thrown away, in the same run; memory beyond the engine's own limit; changes/s by
 * logical replication, against the same changes read and thrown away; and how long changes that
 * pgbench makes take to the warehouse. Usage: bench_source_pg [ROWS]
 * [CHANGES] */
#include <glob.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/time.h"
#include "source_bench.h"

#define SECONDS_OF_PGBENCH 10
#define CHANGES_PER_SECOND 2000
#define MOST_LAGS          1000000
#define LAG_LIMIT          1000.0 /* ms */

static char bin[256];

static PGconn *connect_to(void)
{
    char text[256];
    snprintf(text, sizeof text, "host=%s port=5432 user=owner dbname=postgres", bench_dir);
    return PQconnectdb(text);
}

static void sql(const char *statement)
{
    PGconn *con = connect_to();
    PGresult *r = PQexec(con, statement);
    ExecStatusType status = PQresultStatus(r);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        bench_die(statement, PQerrorMessage(con));
    }
    PQclear(r);
    PQfinish(con);
}

static void start_server(void)
{
    char command[1024];
    snprintf(command, sizeof command,
             "%s/initdb -D %s/data -U owner -A trust -E UTF8 --locale=C.UTF-8 -N >/dev/null", bin,
             bench_dir);
    bench_wait(bench_spawn(command), "initdb");
    snprintf(command, sizeof command,
             "exec %s/postgres -D %s/data -k %s -h '' -F -c wal_level=logical -c "
             "shared_buffers=256MB -c max_wal_size=4GB >/dev/null 2>&1",
             bin, bench_dir, bench_dir);
    bench_server(bench_spawn(command));
    for (int i = 0; i < 600; i++) {
        PGconn *con = connect_to();
        bool up = PQstatus(con) == CONNECTION_OK;
        PQfinish(con);
        if (up) {
            return;
        }
        usleep(100000);
    }
    bench_die("PostgreSQL", "it does not start");
}

/* --- what it costs without us -------------------------------------------------------------------
 */

static void *throw_away(void *statement)
{
    PGconn *con = connect_to();
    PGresult *r = PQexec(con, statement);
    char *bytes;
    int n;
    if (PQresultStatus(r) != PGRES_COPY_OUT) {
        bench_die(statement, PQerrorMessage(con));
    }
    while ((n = PQgetCopyData(con, &bytes, 0)) > 0) {
        PQfreemem(bytes);
    }
    PQclear(r);
    PQfinish(con);
    return NULL;
}

static long pages;

static double copy_halves(void)
{
    char statements[2][256];
    pthread_t threads[2];
    weir_time start = weir_mono();
    for (int i = 0; i < 2; i++) {
        snprintf(statements[i], sizeof statements[i],
                 "COPY (SELECT id, name, amount, at, ratio FROM big WHERE ctid %s '(%ld,0)'::tid) "
                 "TO STDOUT (FORMAT binary)",
                 i ? ">=" : "<", pages / 2);
        pthread_create(&threads[i], NULL, throw_away, statements[i]);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    return (double)(weir_mono() - start) / 1e6;
}

static double copy_whole(void)
{
    static char statement[] =
        "COPY (SELECT id, name, amount, at, ratio FROM big) TO STDOUT (FORMAT binary)";
    double best = 1e9;
    for (int i = 0; i < 2; i++) {
        weir_time start = weir_mono();
        (void)throw_away(statement);
        double seconds = (double)(weir_mono() - start) / 1e6;
        best = seconds < best ? seconds : best;
    }
    return best;
}

/* --- what it costs with us ----------------------------------------------------------------------
 */

static void write_source(const char *name, const char *more, const char *streams)
{
    char text[512];
    snprintf(text, sizeof text,
             "kind: postgres\nconnection: {host: %s, database: postgres, user: owner%s}\nstreams: "
             "{%s}\n",
             bench_dir, more, streams);
    bench_write_source(name, text);
}

static void bench_changes(long changes)
{
    char statement[512];
    static char peek[] =
        "COPY (SELECT data FROM pg_logical_slot_peek_binary_changes('weir_follow', "
        "NULL, NULL, 'proto_version', '1', 'publication_names', 'weir_follow')) TO "
        "STDOUT (FORMAT binary)";
    (void)bench_sync("follow", false);
    snprintf(statement, sizeof statement,
             "DO $$ BEGIN FOR i IN 0..%ld LOOP UPDATE changed SET amount = amount + 1 WHERE id "
             "BETWEEN i * 1000 AND i * 1000 + 999; COMMIT; END LOOP; END $$",
             changes / 1000);
    sql(statement);
    weir_time start = weir_mono();
    (void)throw_away(peek);
    double theirs = (double)(weir_mono() - start) / 1e6;
    double ours = bench_sync("follow", false);
    bench_report("postgres changes to warehouse", (double)changes / ours, "changes/s",
                 (double)changes / theirs, theirs / ours, 0.5);
    double idle = 1e9;
    for (int i = 0; i < 5; i++) {
        double seconds = bench_sync("follow", false);
        idle = seconds < idle ? seconds : idle;
    }
    bench_report("postgres a run without changes", idle * 1e3, "ms", 100, 0.1 / idle, 1);
}

/* --- changes while they are made ----------------------------------------------------------------
 */

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* As a schedule without pauses would follow them. */
static void bench_pgbench(void)
{
    static double lags[MOST_LAGS];
    char command[512];
    size_t count = 0;
    int status = 0;
    sql("CREATE TABLE live AS SELECT g AS id, 0 AS n, clock_timestamp() AS at FROM "
        "generate_series(1, 100000) g; ALTER TABLE live ADD PRIMARY KEY (id)");
    (void)bench_sync("live", false);
    snprintf(
        command, sizeof command,
        "printf '\\\\set id random(1, 100000)\\nUPDATE live SET n = n + 1, at = clock_timestamp() "
        "WHERE id = :id;\\n' >script && exec %s/pgbench -h %s -U owner -n -c 4 -T %d -R %d -f "
        "script postgres >/dev/null 2>&1",
        bin, bench_dir, SECONDS_OF_PGBENCH, CHANGES_PER_SECOND);
    pid_t pid = bench_spawn(command);
    weir_time start = weir_mono();
    while (waitpid(pid, &status, WNOHANG) == 0) {
        (void)bench_sync("live", false);
        count += bench_lags("live", "live", lags + count, MOST_LAGS - count);
    }
    double seconds = (double)(weir_mono() - start) / 1e6;
    if (status || count == 0) {
        bench_die("pgbench", "it failed");
    }
    qsort(lags, count, sizeof *lags, by_size);
    bench_report("postgres changes under pgbench", (double)count / seconds, "changes/s",
                 CHANGES_PER_SECOND, (double)count / seconds / CHANGES_PER_SECOND, 0.9);
    bench_report("postgres changes under pgbench, lag p99", lags[count * 99 / 100], "ms", LAG_LIMIT,
                 LAG_LIMIT / lags[count * 99 / 100], 1);
}

static void make_tables(long rows, long changes)
{
    char statement[512];
    snprintf(
        statement, sizeof statement,
        "CREATE TABLE big AS SELECT g::int AS id, 'name ' || g AS name, (g %% 100000 / "
        "100.0)::numeric(10,2) AS amount, timestamptz '2026-01-01' + g * interval '1 s' AS at, "
        "g / 7.0::float8 AS ratio FROM generate_series(1, %ld) g",
        rows);
    sql(statement);
    sql("VACUUM ANALYZE big");
    snprintf(statement, sizeof statement,
             "CREATE TABLE changed AS SELECT * FROM big WHERE id <= %ld; ALTER TABLE changed ADD "
             "PRIMARY KEY (id)",
             changes);
    sql(statement);
    PGconn *con = connect_to();
    PGresult *r = PQexec(con, "SELECT relpages FROM pg_class WHERE relname = 'big'");
    pages = strtol(PQgetvalue(r, 0, 0), NULL, 10);
    PQclear(r);
    PQfinish(con);
}

int main(int argc, char **argv)
{
    long rows = argc > 1 ? atol(argv[1]) : 10000000, changes = argc > 2 ? atol(argv[2]) : 200000;
    glob_t found;
    if (glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found)) {
        fprintf(stderr, "bench_source_pg: PostgreSQL is not installed: not measured\n");
        return 0;
    }
    snprintf(bin, sizeof bin, "%s", found.gl_pathv[found.gl_pathc - 1]);
    *strrchr(bin, '/') = 0;
    globfree(&found);
    bench_begin("bench_source_pg");
    start_server();
    make_tables(rows, changes);
    write_source("big", "", "big: {}");
    write_source("follow", ", capture: true", "changed: {}");
    write_source("live", ", capture: true", "live: {}");
    bench_open();
    double ours = bench_load("postgres", (double)rows, copy_halves, 0.8);
    double one = copy_whole();
    bench_report("postgres table to warehouse, to one COPY", ours, "rows/s", (double)rows / one,
                 ours * one / (double)rows, 0.8);
    bench_changes(changes);
    bench_pgbench();
    bench_stop(0);
}
