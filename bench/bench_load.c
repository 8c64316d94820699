/* Loading: events/s from the event log into the warehouse (tracks and a table per event), against
 * the engine's own read_json of the same events into one table, in the same run; and freshness:
 * from the commit of the log to being counted, at 20,000 events/s. Usage: bench_load [EVENTS]
 * [SECONDS] [RATE] */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/hash.h"
#include "eventlog/eventlog.h"
#include "load/load.h"

enum { BATCH = 100 };

static struct weir_error err;

static void check(int code, const char *what)
{
    if (code) {
        fprintf(stderr, "bench_load: %s: %s\n", what, err.message);
        exit(1);
    }
}

static void report(const char *name, double value, const char *unit, double reference, double ratio,
                   double goal)
{
    printf("{\"name\":\"spine/%s\",\"value\":%.3f,\"unit\":\"%s\",\"reference\":%.3f,"
           "\"ratio\":%.3f,\"goal\":%.3f,\"met\":%s}\n",
           name, value, unit, reference, ratio, goal, ratio >= goal ? "true" : "false");
    fflush(stdout);
}

/* --- events like those of analytics.js: about 1 KB ----------------------------------------------
 */

static uint64_t seed = 42;

static uint64_t rnd(uint64_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % n;
}

static const char *const names[] = {
    "Video Started",       "Video Heartbeat", "Video Completed",  "Plan Viewed",
    "Checkout Started",    "Order Completed", "Search Performed", "Team Followed",
    "Notification Opened", "Login",           "Error Shown",      "Experiment Viewed"};
static const char *const sports[] = {"football", "tennis", "basketball", "hockey", "cycling"};

static void add_properties(struct weir_buf *out, unsigned event)
{
    weir_buf_addf(
        out,
        "{\"sport\":\"%s\",\"match_id\":\"match_%d\",\"position_s\":%d,\"quality\":\"%s\","
        "\"price\":%d.%02d,\"currency\":\"EUR\",\"is_live\":%s,"
        "\"started_at\":\"2026-02-%02dT%02d:00:00Z\",\"tags\":[\"a\",\"b\"],"
        "\"player\":{\"version\":\"4.%d\",\"buffer_ms\":%d}",
        sports[rnd(5)], (int)rnd(5000), (int)rnd(7200), rnd(2) ? "1080p" : "720p", (int)rnd(50),
        (int)rnd(100), rnd(2) ? "true" : "false", (int)rnd(28) + 1, (int)rnd(24), (int)rnd(9),
        (int)rnd(3000));
    weir_buf_addf(out, ",\"only_%u\":\"value %d\"}", event, (int)rnd(1000));
}

static void add_event(struct weir_buf *out, uint64_t n)
{
    unsigned event = (unsigned)rnd(sizeof names / sizeof names[0]);
    char id[37];
    weir_uuid4(id);
    weir_buf_addf(out,
                  "{\"type\":\"track\",\"messageId\":\"ajs-next-%s\",\"anonymousId\":"
                  "\"%08x-7b1c-4f0e-9a55-c0ffee%06x\",\"userId\":\"user_%d\",\"event\":\"%s\","
                  "\"timestamp\":\"2026-03-01T%02d:%02d:%02d.%03dZ\",\"context\":{\"library\":{"
                  "\"name\":\"analytics.js\",\"version\":\"npm:next-1.84.3\"},\"page\":{\"path\":"
                  "\"/watch/%s/%d\",\"referrer\":\"https://www.example.com/search\",\"search\":"
                  "\"?utm_source=newsletter&page=%d\",\"title\":\"Podium: %s live\",\"url\":"
                  "\"https://podium.example.com/watch/%s/%d\"},\"userAgent\":\"Mozilla/5.0 (X11; "
                  "Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 "
                  "Safari/537.36\",\"locale\":\"de-DE\",\"timezone\":\"Europe/Berlin\","
                  "\"campaign\":{\"name\":\"spring\",\"source\":\"newsletter\",\"medium\":"
                  "\"email\"}},\"integrations\":{},\"properties\":",
                  id, (unsigned)rnd(200000), (unsigned)rnd(1 << 24), (int)rnd(100000), names[event],
                  (int)rnd(24), (int)rnd(60), (int)rnd(60), (int)rnd(1000), sports[rnd(5)],
                  (int)rnd(5000), (int)(n % 9), sports[rnd(5)], sports[rnd(5)], (int)rnd(5000));
    add_properties(out, event);
    weir_buf_addc(out, '}');
}

/* --- a workspace --------------------------------------------------------------------------------
 */

struct place {
    char dir[64];
    char path[128];
    struct weir_workspace *workspace;
    struct weir_warehouse *warehouse;
    struct weir_eventlog *log;
    struct weir_loader *loader;
};

static void run(const char *fmt, const char *dir)
{
    char command[256];
    snprintf(command, sizeof command, fmt, dir, dir);
    if (system(command)) {
        fprintf(stderr, "bench_load: %s failed\n", command);
        exit(1);
    }
}

static void open_place(struct place *p)
{
    *p = (struct place){0};
    strcpy(p->dir, "/tmp/weir-bench-XXXXXX");
    if (!mkdtemp(p->dir)) {
        exit(1);
    }
    run("mkdir -p %s/.weir/log && echo \"load: {$BENCH_LOAD}\" > %s/weir.yml", p->dir);
    check(weir_workspace_open(p->dir, &p->workspace, &err), "workspace");
    snprintf(p->path, sizeof p->path, "%s/.weir/warehouse.duckdb", p->dir);
    const struct weir_warehouse_options options = {.path = p->path, .export_dir = p->dir};
    check(weir_warehouse_open(&weir_warehouse_duckdb, &options, &p->warehouse, &err), "warehouse");
    check(weir_loader_new(p->workspace, p->warehouse, NULL, &p->loader, &err), "loader");
    char log_dir[128];
    snprintf(log_dir, sizeof log_dir, "%s/.weir/log", p->dir);
    const struct weir_eventlog_options log_options = {.seal_level = -1};
    struct weir_recovery recovery;
    check(weir_eventlog_open(log_dir, &log_options, &p->log, &recovery, &err), "log");
}

static void close_place(struct place *p)
{
    weir_loader_free(p->loader);
    weir_warehouse_close(p->warehouse);
    weir_eventlog_close(p->log);
    weir_workspace_close(p->workspace);
    run("rm -rf %s", p->dir);
}

static void append(struct place *p, const char *method, const struct weir_buf *body)
{
    uint64_t seq;
    struct weir_record record = {.kind = WEIR_RECORD_CALL,
                                 .received_at = weir_now(),
                                 .source = WEIR_STR("web"),
                                 .method = weir_str_of(method),
                                 .ip = WEIR_STR("203.0.113.7"),
                                 .user_agent = WEIR_STR("bench"),
                                 .body = weir_buf_str(body)};
    weir_random_bytes(record.request_id, sizeof record.request_id);
    check(weir_eventlog_append(p->log, &record, &seq, &err), "append");
}

static int64_t count_of(struct weir_session *session, const char *sql)
{
    struct weir_result *result = NULL;
    struct weir_batch batch;
    if (weir_session_query(session, sql, NULL, 0, &result, &err)) {
        return -1; /* no such table yet */
    }
    check(weir_result_next(result, &batch, &err), "count");
    int64_t count = batch.rows ? batch.columns[0].ints[0] : -1;
    weir_result_free(result);
    return count;
}

/* Processor time of all threads so far, in microseconds. */
static double cpu_time(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* --- throughput ---------------------------------------------------------------------------------
 */

/* Seconds that the engine needs to write the loaded tables once more, without reading JSON. */
static double copy_tables(struct weir_session *session)
{
    struct weir_arena arena;
    struct weir_table *tables;
    size_t count;
    char sql[256];
    weir_arena_init(&arena, 64 << 20);
    check(weir_session_describe(session, &arena, &tables, &count, &err), "describe");
    check(weir_session_exec(session, "CREATE SCHEMA again", &err), "schema");
    weir_time start = weir_mono();
    for (size_t i = 0; i < count; i++) {
        if (weir_str_is(tables[i].schema, "web")) {
            snprintf(sql, sizeof sql, "CREATE TABLE again.%.*s AS FROM web.%.*s",
                     (int)tables[i].name.len, tables[i].name.ptr, (int)tables[i].name.len,
                     tables[i].name.ptr);
            check(weir_session_exec(session, sql, &err), sql);
        }
    }
    double seconds = (double)(weir_mono() - start) / 1e6;
    weir_arena_free(&arena);
    return seconds;
}

static double load_all(struct place *p, uint64_t events, double *cpu, double *copied)
{
    weir_time start = weir_mono();
    struct weir_load_stats stats = {0};
    check(weir_loader_start(p->loader, &err), "load");
    while (stats.next_seq < weir_eventlog_next_seq(p->log)) {
        usleep(2000);
        weir_loader_stats(p->loader, &stats);
        if (stats.error[0]) {
            fprintf(stderr, "bench_load: %s\n", stats.error);
            exit(1);
        }
    }
    double seconds = (double)(weir_mono() - start) / 1e6;
    weir_loader_stop(p->loader);
    *cpu = cpu_time();
    struct weir_session *session;
    check(weir_session_new(p->warehouse, WEIR_SESSION_OWNER, &session, &err), "session");
    if (count_of(session, "SELECT count(*) FROM web.tracks") != (int64_t)events) {
        fprintf(stderr, "bench_load: not all events are loaded\n");
        exit(1);
    }
    *copied = copy_tables(session);
    weir_session_free(session);
    return (double)events / seconds;
}

static double read_json(struct place *p, const char *lines, uint64_t events)
{
    struct weir_warehouse *warehouse;
    struct weir_session *session;
    char path[128], sql[512];
    snprintf(path, sizeof path, "%s/reference.duckdb", p->dir);
    const struct weir_warehouse_options options = {.path = path, .export_dir = p->dir};
    check(weir_warehouse_open(&weir_warehouse_duckdb, &options, &warehouse, &err), "reference");
    check(weir_session_new(warehouse, WEIR_SESSION_OWNER, &session, &err), "reference");
    snprintf(sql, sizeof sql,
             "CREATE TABLE events AS SELECT * FROM read_json('%s', format = 'newline_delimited')",
             lines);
    weir_time start = weir_mono();
    check(weir_session_exec(session, sql, &err), "read_json");
    double seconds = (double)(weir_mono() - start) / 1e6;
    weir_session_free(session);
    weir_warehouse_close(warehouse);
    return (double)events / seconds;
}

static void bench_throughput(uint64_t events, unsigned per_request)
{
    struct place p;
    struct weir_buf body, event;
    char lines[128];
    open_place(&p);
    weir_buf_init(&body, 64 << 20);
    weir_buf_init(&event, 1 << 20);
    snprintf(lines, sizeof lines, "%s/lines.ndjson", p.dir);
    FILE *file = fopen(lines, "w");
    for (uint64_t n = 0; n < events;) {
        weir_buf_reset(&body);
        if (per_request > 1) {
            weir_buf_addz(&body, "{\"sentAt\":\"2026-03-01T12:00:00Z\",\"batch\":[");
        }
        for (unsigned i = 0; i < per_request; i++, n++) {
            weir_buf_reset(&event);
            add_event(&event, n);
            weir_buf_addz(&body, i ? "," : "");
            weir_buf_adds(&body, weir_buf_str(&event));
            fprintf(file, "%s\n", weir_buf_cstr(&event));
        }
        if (per_request > 1) {
            weir_buf_addz(&body, "]}");
        }
        append(&p, per_request > 1 ? "batch" : "track", &body);
        if (weir_eventlog_pending(p.log) > 4 << 20 || n >= events) {
            check(weir_eventlog_commit(p.log, &err), "commit");
        }
    }
    fclose(file);
    double cpu = cpu_time();
    double reference = read_json(&p, lines, events);
    double reference_cpu = cpu_time() - cpu;
    double loaded_cpu, copied;
    double loaded = load_all(&p, events, &loaded_cpu, &copied);
    fprintf(stderr,
            "%llu events of %zu bytes; processor time an event: %.1f us, read_json %.1f us\n",
            (unsigned long long)events, event.len,
            (loaded_cpu - cpu - reference_cpu) / (double)events, reference_cpu / (double)events);
    char name[64];
    snprintf(name, sizeof name, "load %u events a request", per_request);
    report(name, loaded, "events/s", reference, loaded / reference, 1.0);
    /* read_json makes one table. A peer with the same result also writes tracks and a table for
     * each event; this one need not remember any messageId either. */
    double same = (double)events / ((double)events / reference + copied);
    snprintf(name, sizeof name, "load %u events a request, same tables", per_request);
    report(name, loaded, "events/s", same, loaded / same, 1.0);
    weir_buf_free(&body);
    weir_buf_free(&event);
    close_place(&p);
}

/* --- freshness ----------------------------------------------------------------------------------
 */

enum { TICK_EVENTS = 200 };

struct fresh {
    struct place place;
    unsigned rate; /* events/s */
    uint64_t ticks;
    weir_time *acked; /* by tick */
    atomic_ullong written;
};

static void *write_steadily(void *arg)
{
    struct fresh *f = arg;
    struct weir_buf body;
    weir_buf_init(&body, 64 << 20);
    weir_time start = weir_mono();
    for (uint64_t tick = 0; tick < f->ticks; tick++) {
        for (int half = 0; half < 2; half++) {
            weir_buf_reset(&body);
            weir_buf_addz(&body, "{\"batch\":[");
            for (int i = 0; i < TICK_EVENTS / 2; i++) {
                weir_buf_addz(&body, i ? "," : "");
                add_event(&body, tick);
            }
            weir_buf_addz(&body, "]}");
            append(&f->place, "batch", &body);
        }
        check(weir_eventlog_commit(f->place.log, &err), "commit");
        f->acked[tick] = weir_mono();
        atomic_store(&f->written, tick + 1);
        weir_time due = start + (weir_time)(tick + 1) * WEIR_SECOND * TICK_EVENTS / f->rate;
        weir_time now = weir_mono();
        if (due > now) {
            usleep((useconds_t)(due - now));
        }
    }
    weir_buf_free(&body);
    return NULL;
}

static int by_size(const void *a, const void *b)
{
    weir_time x = *(const weir_time *)a, y = *(const weir_time *)b;
    return x < y ? -1 : x > y;
}

static void bench_freshness(unsigned seconds, unsigned events_per_second)
{
    struct fresh f = {.rate = events_per_second,
                      .ticks = (uint64_t)seconds * events_per_second / TICK_EVENTS};
    double cpu = cpu_time();
    open_place(&f.place);
    f.acked = calloc(f.ticks, sizeof *f.acked);
    weir_time *ages = calloc(f.ticks, sizeof *ages);
    struct weir_session *session;
    pthread_t writer;
    check(weir_session_new(f.place.warehouse, WEIR_SESSION_OWNER, &session, &err), "session");
    check(weir_loader_start(f.place.loader, &err), "loader");
    if (!f.acked || !ages || pthread_create(&writer, NULL, write_steadily, &f)) {
        exit(1);
    }
    uint64_t visible = 0;
    while (visible < f.ticks) {
        int64_t rows = count_of(session, "SELECT count(*) FROM web.tracks");
        weir_time now = weir_mono();
        for (; rows > 0 && visible < (uint64_t)rows / TICK_EVENTS; visible++) {
            ages[visible] = now - f.acked[visible];
        }
        usleep(5000);
    }
    pthread_join(writer, NULL);
    double took = (double)(f.acked[f.ticks - 1] - f.acked[0]) / 1e6;
    double rate = (double)((f.ticks - 1) * TICK_EVENTS) / took;
    weir_time first_age = ages[0];
    qsort(ages, f.ticks, sizeof *ages, by_size);
    double p99 = (double)ages[f.ticks * 99 / 100] / 1e6;
    fprintf(stderr,
            "freshness at %.0f events/s: p50 %.3f s, p99 %.3f s, most %.3f s, first %.3f s; "
            "processor time an event, with making and counting it: %.1f us\n",
            rate, (double)ages[f.ticks / 2] / 1e6, p99, (double)ages[f.ticks - 1] / 1e6,
            (double)first_age / 1e6, (cpu_time() - cpu) / (double)(f.ticks * TICK_EVENTS));
    char name[64];
    snprintf(name, sizeof name, "freshness p99 at %u k events/s", events_per_second / 1000);
    report(name, p99, "s", 1.0, 1.0 / p99, 1.0);
    weir_loader_stop(f.place.loader);
    weir_session_free(session);
    free(f.acked);
    free(ages);
    close_place(&f.place);
}

int main(int argc, char **argv)
{
    uint64_t events = argc > 1 ? strtoull(argv[1], NULL, 10) : 400000;
    unsigned seconds = argc > 2 ? (unsigned)atoi(argv[2]) : 20;
    if (events >= BATCH) {
        events -= events % BATCH;
        bench_throughput(events, BATCH);
        bench_throughput(events / 2, 1);
    }
    unsigned rate = argc > 3 ? (unsigned)atoi(argv[3]) : 20000;
    if (seconds && rate >= TICK_EVENTS) {
        bench_freshness(seconds, rate);
    }
    return 0;
}
