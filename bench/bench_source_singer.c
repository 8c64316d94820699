/* Rows of a tap into the warehouse, checked and proven, versus the engine's own reading of the very
 * same lines with all types told to it (read_json). In one run, alternating; by processor time of
 * this process and its children, and by the clock. Usage: bench_source_singer [ROWS] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "io/keeper.h"
#include "source/source.h"

#define ROWS   2000000
#define ROUNDS 3
#define GOAL   0.9

static struct weir_error err;
static char dir[64];
static long rows = ROWS;

static void check(int code, const char *what)
{
    if (code) {
        fprintf(stderr, "bench_source_singer: %s: %s\n", what, err.message);
        exit(1);
    }
}

static FILE *make(const char *name, int mode)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    check(!file || chmod(path, (mode_t)mode), name);
    return file;
}

static void make_files(void)
{
    snprintf(dir, sizeof dir, "/tmp/weir-bench-XXXXXX");
    check(!mkdtemp(dir), "a folder");
    FILE *lines = make("lines.ndjson", 0600);
    fputs("{\"type\":\"SCHEMA\",\"stream\":\"t\",\"key_properties\":[],\"schema\":{\"properties\":{"
          "\"id\":{\"type\":\"integer\"},\"at\":{\"type\":\"string\",\"format\":\"date-time\"},"
          "\"name\":{\"type\":\"string\"},\"city\":{\"type\":\"string\"},\"score\":{\"type\":"
          "\"number\"},\"ok\":{\"type\":\"boolean\"},\"tags\":{\"type\":\"array\"}}}}\n",
          lines);
    for (long i = 0; i < rows; i++) {
        fprintf(
            lines,
            "{\"type\":\"RECORD\",\"stream\":\"t\",\"record\":{\"id\":%ld,\"at\":\"2026-01-%02ldT"
            "%02ld:00:00.000000Z\",\"name\":\"customer number %ld\",\"city\":\"%s\",\"score\":"
            "%ld.25,\"ok\":%s,\"tags\":[\"a%ld\",{\"deep\":true}]},\"time_extracted\":\"2026-11-26"
            "T10:00:00.000000Z\"}\n",
            i, i % 28 + 1, i % 24, i, i % 3 ? "Vienna" : "Graz", i % 1000, i % 2 ? "true" : "false",
            i % 50);
    }
    fclose(lines);
    FILE *tap = make("tap", 0700);
    fprintf(tap, "#!/bin/sh\nexec cat %s/lines.ndjson\n", dir);
    fclose(tap);
    char path[256];
    snprintf(path, sizeof path, "%s/sources", dir);
    check(mkdir(path, 0700), "a folder");
    FILE *source = make("sources/s.yml", 0600);
    fputs("kind: singer\nconnection: {executable: tap, selection: none}\n", source);
    fclose(source);
}

static double cpu_of(int who)
{
    struct rusage u;
    getrusage(who, &u);
    return (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec +
           ((double)u.ru_utime.tv_usec + (double)u.ru_stime.tv_usec) / 1e6;
}

static double cpu(void)
{
    return cpu_of(RUSAGE_SELF) + cpu_of(RUSAGE_CHILDREN);
}

struct spent {
    double cpu, wall;
};

static struct weir_warehouse *open_warehouse(const char *name, int round, const char *const *files)
{
    char path[256];
    struct weir_warehouse *w;
    snprintf(path, sizeof path, "%s/%s%d.duckdb", dir, name, round);
    struct weir_warehouse_options options = {.path = path, .readable = files};
    check(weir_warehouse_open(&weir_warehouse_duckdb, &options, &w, &err), "the warehouse");
    return w;
}

static struct spent run_tap(int round)
{
    char data[256];
    static const char *programs[] = {"."};
    struct weir_warehouse *w = open_warehouse("weir", round, NULL);
    snprintf(data, sizeof data, "%s/.weir", dir);
    struct weir_source_site site = {.dir = dir, .data = data, .programs = {programs, 1}};
    struct weir_source_run run = {.site = &site, .warehouse = w, .source = "s"};
    struct weir_buf report;
    char id[WEIR_SOURCE_RUN_SIZE], wanted[64];
    weir_buf_init(&report, 1u << 20);
    struct weir_jw jw = weir_jw_on(&report);
    weir_source_run_id(id);
    struct spent s = {cpu(), (double)weir_mono()};
    check(weir_source_sync(&run, id, &jw, &err), "the run");
    s = (struct spent){cpu() - s.cpu, ((double)weir_mono() - s.wall) / 1e6};
    snprintf(wanted, sizeof wanted, "\"rows_written\":%ld", rows);
    check(!strstr(weir_buf_cstr(&report), wanted), "all rows are there");
    weir_buf_free(&report);
    weir_warehouse_close(w);
    return s;
}

static struct spent run_engine(int round)
{
    char path[128], sql[1024];
    snprintf(path, sizeof path, "%s/lines.ndjson", dir);
    const char *files[] = {path, NULL};
    struct weir_warehouse *w = open_warehouse("engine", round, files);
    struct weir_session *session;
    struct weir_result *result = NULL;
    check(weir_session_new(w, WEIR_SESSION_OWNER, &session, &err), "a session");
    snprintf(sql, sizeof sql,
             "CREATE TABLE t AS SELECT record.* FROM read_json('%s', format = 'newline_delimited', "
             "columns = {type: 'VARCHAR', stream: 'VARCHAR', record: 'STRUCT(id BIGINT, \"at\" "
             "TIMESTAMP, name VARCHAR, city VARCHAR, score DOUBLE, ok BOOLEAN, tags JSON)'}) WHERE "
             "type = 'RECORD'",
             path);
    struct spent s = {cpu(), (double)weir_mono()};
    check(weir_session_query(session, sql, NULL, 0, &result, &err), "read_json");
    s = (struct spent){cpu() - s.cpu, ((double)weir_mono() - s.wall) / 1e6};
    weir_result_free(result);
    weir_session_free(session);
    weir_warehouse_close(w);
    return s;
}

static void print(const char *name, double mine, double theirs)
{
    printf("{\"name\":\"singer to warehouse, %s\",\"value\":%.0f,\"unit\":\"rows/s\",\"reference\":"
           "%.0f,\"ratio\":%.3f,\"goal\":%.2f,\"met\":%s}\n",
           name, (double)rows / mine, (double)rows / theirs, theirs / mine, GOAL,
           theirs / mine >= GOAL ? "true" : "false");
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], WEIR_KEEPER) == 0) { /* of the tap, as weir's own program is */
        return weir_keeper(argc, argv);
    }
    rows = argc > 1 ? atol(argv[1]) : rows;
    struct spent mine = {1e9, 1e9}, theirs = {1e9, 1e9};
    char command[128];
    make_files();
    for (int i = 0; i < ROUNDS; i++) { /* the best of each: others use this machine, too */
        struct spent m = run_tap(i), t = run_engine(i);
        mine.cpu = m.cpu < mine.cpu ? m.cpu : mine.cpu;
        mine.wall = m.wall < mine.wall ? m.wall : mine.wall;
        theirs.cpu = t.cpu < theirs.cpu ? t.cpu : theirs.cpu;
        theirs.wall = t.wall < theirs.wall ? t.wall : theirs.wall;
    }
    print("by processor time, to the engine's read_json", mine.cpu, theirs.cpu);
    print("by the clock, to the engine's read_json", mine.wall, theirs.wall);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command) != 0;
}
