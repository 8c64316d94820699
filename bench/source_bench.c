#include "source_bench.h"

#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "source/source.h"

#define ENGINE_BYTES (256u << 20)
#define ROUNDS       3

struct weir_error bench_err;
char bench_dir[] = "/tmp/weir-bench-XXXXXX";
static const char *program_name;
static pid_t server;
static struct weir_workspace *workspace;
static struct weir_source_site site;
static struct weir_warehouse *warehouse;
static char last_run[WEIR_SOURCE_RUN_SIZE];

_Noreturn void bench_stop(int code)
{
    char command[128];
    if (server > 0) {
        kill(server, SIGINT);
        kill(server, SIGTERM);
        waitpid(server, NULL, 0);
    }
    weir_warehouse_close(warehouse);
    weir_workspace_close(workspace);
    snprintf(command, sizeof command, "rm -rf %s", bench_dir);
    exit(system(command) ? 1 : code);
}

_Noreturn void bench_die(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s: %s\n", program_name, what, why);
    bench_stop(1);
}

void bench_check(int code, const char *what)
{
    if (code) {
        bench_die(what, bench_err.message);
    }
}

void bench_begin(const char *program)
{
    char command[256];
    program_name = program;
    snprintf(command, sizeof command,
             "chmod 777 %s && mkdir -p %s/w/sources %s/w/.weir && touch %s/w/weir.yml",
             mkdtemp(bench_dir), bench_dir, bench_dir, bench_dir);
    if (system(command)) {
        bench_die("cannot make", bench_dir);
    }
}

/* --- the server ---------------------------------------------------------------------------------
 */

static void become_nobody(void)
{
    const struct passwd *nobody = geteuid() == 0 ? getpwnam("nobody") : NULL;
    if (nobody && (setgid(nobody->pw_gid) || setuid(nobody->pw_uid))) {
        _exit(1);
    }
}

pid_t bench_spawn(const char *command)
{
    pid_t pid = fork();
    if (pid == 0) {
        become_nobody();
        if (chdir(bench_dir) == 0) {
            execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        }
        _exit(1);
    }
    return pid;
}

void bench_wait(pid_t pid, const char *what)
{
    int status = 1;
    waitpid(pid, &status, 0);
    if (status) {
        bench_die(what, "it failed");
    }
}

void bench_server(pid_t pid)
{
    server = pid;
}

/* --- the source ---------------------------------------------------------------------------------
 */

void bench_write_source(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/w/sources/%s.yml", bench_dir, name);
    FILE *f = fopen(path, "w");
    if (!f || fputs(text, f) < 0 || fclose(f)) {
        bench_die("cannot write", path);
    }
}

void bench_open(void)
{
    char path[128];
    const struct weir_warehouse_options options = {.path = path, .memory_bytes = ENGINE_BYTES};
    snprintf(path, sizeof path, "%s/w", bench_dir);
    bench_check(weir_workspace_open(path, &workspace, &bench_err), "workspace");
    bench_check(weir_source_site_init(workspace, &site, &bench_err), "site");
    snprintf(path, sizeof path, "%s/w/.weir/warehouse.duckdb", bench_dir);
    bench_check(weir_warehouse_open(&weir_warehouse_duckdb, &options, &warehouse, &bench_err),
                "warehouse");
}

double bench_sync(const char *source, bool full)
{
    struct weir_buf out;
    weir_buf_init(&out, 1u << 20);
    struct weir_jw w = weir_jw_on(&out);
    struct weir_source_run run = {
        .site = &site, .warehouse = warehouse, .source = source, .full = full};
    weir_source_run_id(last_run);
    weir_time start = weir_mono();
    bench_check(weir_source_sync(&run, last_run, &w, &bench_err), source);
    weir_buf_free(&out);
    return (double)(weir_mono() - start) / 1e6;
}

size_t bench_lags(const char *schema, const char *table, double *out, size_t most)
{
    char sql[256];
    struct weir_session *session = NULL;
    struct weir_result *result = NULL;
    struct weir_batch b = {0};
    size_t n = 0;
    weir_time now = weir_now();
    snprintf(sql, sizeof sql, "SELECT epoch_us(\"at\") FROM \"%s\".\"%s\" WHERE _weir_run = '%s'",
             schema, table, last_run);
    bench_check(weir_session_new(warehouse, WEIR_SESSION_OWNER, &session, &bench_err), "session");
    bench_check(weir_session_query(session, sql, NULL, 0, &result, &bench_err), sql);
    do {
        bench_check(weir_result_next(result, &b, &bench_err), sql);
        for (size_t i = 0; i < b.rows && n < most; i++) {
            out[n++] = (double)(now - b.columns[0].ints[i]) / 1e3;
        }
    } while (b.rows);
    weir_result_free(result);
    weir_session_free(session);
    return n;
}

/* --- figures ------------------------------------------------------------------------------------
 */

void bench_report(const char *name, double value, const char *unit, double reference, double ratio,
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

double bench_load(const char *kind, double rows, double (*throw_away)(void), double goal)
{
    char name[80];
    double theirs = 1e9, ours = 1e9, used = 1e9;
    (void)peak_bytes(true);
    for (int i = 0; i < ROUNDS; i++) {
        double seconds = throw_away();
        theirs = seconds < theirs ? seconds : theirs;
        double before = processor();
        seconds = bench_sync("big", true);
        double spent = processor() - before;
        ours = seconds < ours ? seconds : ours;
        used = spent < used ? spent : used;
    }
    snprintf(name, sizeof name, "%s table to warehouse", kind);
    bench_report(name, rows / ours, "rows/s", rows / theirs, theirs / ours, goal);
    snprintf(name, sizeof name, "%s processor time a row", kind);
    bench_report(name, used / rows * 1e9, "ns", 0, 1, 0);
    double beyond = peak_bytes(false) - ENGINE_BYTES;
    snprintf(name, sizeof name, "%s memory beyond the engine's", kind);
    bench_report(name, beyond / (1 << 20), "MB", 100,
                 beyond > 0 ? 100.0 * (1 << 20) / beyond : 1000, 1);
    return rows / ours;
}
