/* PostgreSQL as a source, with a server of Debian's packages that the program starts: rows/s of a
 * table of five columns into the warehouse, against COPY … (FORMAT binary) of the same two halves
 * of it thrown away, in the same run; memory beyond the engine's own limit; and changes/s by
 * logical replication, against the same changes read and thrown away. Usage: bench_source_pg [ROWS]
 * [CHANGES] */
#include <glob.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "source/source.h"

#define ENGINE_BYTES (256u << 20)
enum { ROUNDS = 3 };

static struct weir_error err;
static char dir[] = "/tmp/weir-bench-XXXXXX";
static char bin[256];
static pid_t server;

static void stop(int code)
{
    char command[128];
    if (server > 0) {
        kill(server, SIGINT);
        waitpid(server, NULL, 0);
    }
    snprintf(command, sizeof command, "rm -rf %s", dir);
    exit(system(command) ? 1 : code);
}

static void check(int code, const char *what)
{
    if (code) {
        fprintf(stderr, "bench_source_pg: %s: %s\n", what, err.message);
        stop(1);
    }
}

static void report(const char *name, double value, const char *unit, double reference, double ratio,
                   double goal)
{
    printf("{\"name\":\"source/%s\",\"value\":%.3f,\"unit\":\"%s\",\"reference\":%.3f,"
           "\"ratio\":%.3f,\"goal\":%.3f,\"met\":%s}\n",
           name, value, unit, reference, ratio, goal, ratio >= goal ? "true" : "false");
    fflush(stdout);
}

static double processor(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* Bytes that were resident at most since the last reset. */
static double peak_bytes(bool reset)
{
    char line[256];
    double kb = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "VmHWM: %lf", &kb) == 1) {
            break;
        }
    }
    if (f) {
        fclose(f);
    }
    f = reset ? fopen("/proc/self/clear_refs", "w") : NULL;
    if (f) {
        fputs("5", f);
        fclose(f);
    }
    return kb * 1024;
}

/* --- the server ---------------------------------------------------------------------------------
 */

static PGconn *connect_to(void)
{
    char text[256];
    snprintf(text, sizeof text, "host=%s port=5432 user=owner dbname=postgres", dir);
    return PQconnectdb(text);
}

static void sql(const char *statement)
{
    PGconn *con = connect_to();
    PGresult *r = PQexec(con, statement);
    ExecStatusType status = PQresultStatus(r);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        fprintf(stderr, "bench_source_pg: %s: %s\n", statement, PQerrorMessage(con));
        stop(1);
    }
    PQclear(r);
    PQfinish(con);
}

/* As a user who is not root, which the server refuses. */
static void become_nobody(void)
{
    const struct passwd *nobody = geteuid() == 0 ? getpwnam("nobody") : NULL;
    if (nobody && (setgid(nobody->pw_gid) || setuid(nobody->pw_uid))) {
        _exit(1);
    }
}

static pid_t spawn(const char *command)
{
    pid_t pid = fork();
    if (pid == 0) {
        become_nobody();
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(1);
    }
    return pid;
}

static void start_server(void)
{
    char command[1024];
    int status = 0;
    snprintf(command, sizeof command,
             "%s/initdb -D %s/data -U owner -A trust -E UTF8 --locale=C.UTF-8 -N >/dev/null", bin,
             dir);
    waitpid(spawn(command), &status, 0);
    snprintf(command, sizeof command,
             "exec %s/postgres -D %s/data -k %s -h '' -F -c wal_level=logical -c "
             "shared_buffers=256MB -c max_wal_size=4GB >/dev/null 2>&1",
             bin, dir, dir);
    server = status ? 0 : spawn(command);
    for (int i = 0; i < 600; i++) {
        PGconn *con = connect_to();
        bool up = PQstatus(con) == CONNECTION_OK;
        PQfinish(con);
        if (up) {
            return;
        }
        usleep(100000);
    }
    fprintf(stderr, "bench_source_pg: the server does not start\n");
    stop(1);
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
        fprintf(stderr, "bench_source_pg: %s\n", PQerrorMessage(con));
        stop(1);
    }
    while ((n = PQgetCopyData(con, &bytes, 0)) > 0) {
        PQfreemem(bytes);
    }
    PQclear(r);
    PQfinish(con);
    return NULL;
}

static double copy_halves(long pages)
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

/* --- what it costs with us ----------------------------------------------------------------------
 */

static struct weir_source_site site;
static struct weir_warehouse *warehouse;

static double sync_source(const char *source, bool full)
{
    char id[WEIR_SOURCE_RUN_SIZE];
    struct weir_buf out;
    weir_buf_init(&out, 1u << 20);
    struct weir_jw w = weir_jw_on(&out);
    struct weir_source_run run = {
        .site = &site, .warehouse = warehouse, .source = source, .full = full};
    weir_source_run_id(id);
    weir_time start = weir_mono();
    check(weir_source_sync(&run, id, &w, &err), source);
    weir_buf_free(&out);
    return (double)(weir_mono() - start) / 1e6;
}

static void write_source(const char *name, const char *more, const char *streams)
{
    char path[128];
    snprintf(path, sizeof path, "%s/w/sources/%s.yml", dir, name);
    FILE *f = fopen(path, "w");
    if (!f) {
        stop(1);
    }
    fprintf(f,
            "kind: postgres\nconnection: {host: %s, database: postgres, user: owner%s}\nstreams: "
            "{%s}\n",
            dir, more, streams);
    fclose(f);
}

static void bench_load(double rows)
{
    PGconn *con = connect_to();
    PGresult *r = PQexec(con, "SELECT relpages FROM pg_class WHERE relname = 'big'");
    long pages = strtol(PQgetvalue(r, 0, 0), NULL, 10);
    double theirs = 1e9, ours = 1e9, used = 1e9;
    PQclear(r);
    PQfinish(con);
    for (int i = 0; i < ROUNDS; i++) {
        double seconds = copy_halves(pages);
        theirs = seconds < theirs ? seconds : theirs;
        double before = processor();
        seconds = sync_source("big", true);
        double spent = processor() - before;
        ours = seconds < ours ? seconds : ours;
        used = spent < used ? spent : used;
    }
    report("postgres table to warehouse", rows / ours, "rows/s", rows / theirs, theirs / ours, 0.8);
    report("postgres processor time a row", used / rows * 1e9, "ns", 0, 1, 0);
    double beyond = peak_bytes(false) - ENGINE_BYTES;
    report("postgres memory beyond the engine's", beyond / (1 << 20), "MB", 100,
           beyond > 0 ? 100.0 * (1 << 20) / beyond : 1000, 1);
}

static void bench_changes(long changes)
{
    char statement[512];
    static char peek[] =
        "COPY (SELECT data FROM pg_logical_slot_peek_binary_changes('weir_follow', "
        "NULL, NULL, 'proto_version', '1', 'publication_names', 'weir_follow')) TO "
        "STDOUT (FORMAT binary)";
    (void)sync_source("follow", false);
    snprintf(statement, sizeof statement,
             "DO $$ BEGIN FOR i IN 0..%ld LOOP UPDATE changed SET amount = amount + 1 WHERE id "
             "BETWEEN i * 1000 AND i * 1000 + 999; COMMIT; END LOOP; END $$",
             changes / 1000);
    sql(statement);
    weir_time start = weir_mono();
    (void)throw_away(peek);
    double theirs = (double)(weir_mono() - start) / 1e6;
    double ours = sync_source("follow", false);
    report("postgres changes to warehouse", (double)changes / ours, "changes/s",
           (double)changes / theirs, theirs / ours, 0.5);
    double idle = 1e9;
    for (int i = 0; i < 5; i++) {
        double seconds = sync_source("follow", false);
        idle = seconds < idle ? seconds : idle;
    }
    report("postgres a run without changes", idle * 1e3, "ms", 100, 0.1 / idle, 1);
}

int main(int argc, char **argv)
{
    long rows = argc > 1 ? atol(argv[1]) : 1000000, changes = argc > 2 ? atol(argv[2]) : 200000;
    char path[256], statement[512];
    struct weir_workspace *workspace;
    glob_t found;
    if (glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found) || !mkdtemp(dir)) {
        fprintf(stderr, "bench_source_pg: PostgreSQL is not installed: not measured\n");
        return 0;
    }
    snprintf(bin, sizeof bin, "%s", found.gl_pathv[found.gl_pathc - 1]);
    *strrchr(bin, '/') = 0;
    globfree(&found);
    snprintf(path, sizeof path,
             "chmod 777 %s && mkdir -p %s/w/sources %s/w/.weir && touch %s/w/weir.yml", dir, dir,
             dir, dir);
    check(system(path), "a folder");
    start_server();
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
    write_source("big", "", "big: {}");
    write_source("follow", ", capture: true", "changed: {}");
    snprintf(path, sizeof path, "%s/w", dir);
    check(weir_workspace_open(path, &workspace, &err), "workspace");
    check(weir_source_site_init(workspace, &site, &err), "site");
    snprintf(path, sizeof path, "%s/w/.weir/warehouse.duckdb", dir);
    const struct weir_warehouse_options options = {.path = path, .memory_bytes = ENGINE_BYTES};
    check(weir_warehouse_open(&weir_warehouse_duckdb, &options, &warehouse, &err), "warehouse");
    (void)peak_bytes(true);
    bench_load((double)rows);
    bench_changes(changes);
    weir_warehouse_close(warehouse);
    weir_workspace_close(workspace);
    stop(0);
}
