/* GET /health, /metrics and /api/status. */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "serve/keeper.h"
#include "serve/server.h"
#include "serve/snapshot.h"

#define STUCK_SHOWN 16

static uint64_t resident_bytes(void)
{
    unsigned long long total, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f) {
        resident = fscanf(f, "%llu %llu", &total, &resident) == 2 ? resident : 0;
        fclose(f);
    }
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t file_bytes(struct weir_workspace *workspace, const char *name)
{
    struct stat st;
    const char *path = weir_workspace_path(workspace, name);
    return path && stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* Well means: queries can be answered. A loader in trouble shows in /api/status. */
void weir_serve_health(const struct weir_call *call)
{
    bool well = !weir_warehouse_failed(call->server->warehouse);
    struct weir_buf body;
    weir_buf_init(&body, 256);
    weir_buf_addf(&body, "{\"status\":\"%s\"}\n", well ? "ok" : "reopening the warehouse");
    weir_serve_reply_json(call, well ? 200 : 503, &body);
    weir_buf_free(&body);
}

/* What others ask, and what the loader stumbles over, is for admins. */
static bool is_admin(const struct weir_call *call)
{
    return call->who.role == WEIR_ROLE_ADMIN;
}

static void print_load(struct weir_server *s, bool admin, struct weir_jw *w)
{
    struct weir_load_stats load;
    weir_loader_stats(s->loader, &load);
    weir_jw_keyz(w, "load");
    weir_jw_object(w);
    weir_jw_ku64(w, "next_seq", load.next_seq);
    weir_jw_ku64(w, "durable_seq", load.durable_seq);
    weir_jw_ku64(w, "waiting",
                 load.durable_seq > load.next_seq ? load.durable_seq - load.next_seq : 0);
    weir_jw_ku64(w, "events", load.events);
    weir_jw_ku64(w, "duplicates", load.duplicates);
    weir_jw_ku64(w, "discards", load.discards);
    weir_jw_ku64(w, "commits", load.commits);
    weir_jw_ktime_or_null(w, "last_commit_at", load.last_commit_at);
    weir_jw_keyz(w, "lag_seconds");
    weir_jw_double(w, (double)load.lag / WEIR_SECOND);
    weir_jw_kstrz(w, "error",
                  admin || !load.error[0] ? load.error : "an admin sees why loading fails");
    weir_jw_object_end(w);
}

static void print_snapshots(struct weir_server *s, struct weir_jw *w)
{
    uint64_t count, bytes;
    weir_snapshots_sum(s->snapshots, &count, &bytes);
    weir_jw_keyz(w, "snapshots");
    weir_jw_object(w);
    weir_jw_ku64(w, "count", count);
    weir_jw_ku64(w, "bytes", bytes);
    weir_jw_object_end(w);
}

static void print_stuck(struct weir_server *s, bool admin, struct weir_jw *w)
{
    struct weir_query_stuck stuck[STUCK_SHOWN];
    size_t count = weir_query_pool_stuck(s->pool, stuck, STUCK_SHOWN);
    weir_jw_keyz(w, "stuck_queries");
    weir_jw_array(w);
    for (size_t i = 0; i < count; i++) {
        weir_jw_object(w);
        weir_jw_kstrz(w, "id", stuck[i].id);
        weir_jw_kstr_or_null(w, "sql", weir_str_of(admin ? stuck[i].sql : ""));
        weir_jw_keyz(w, "since_seconds");
        weir_jw_double(w, (double)stuck[i].since / WEIR_SECOND);
        weir_jw_object_end(w);
    }
    weir_jw_array_end(w);
}

static void print_queries(struct weir_server *s, bool admin, struct weir_jw *w)
{
    struct weir_query_stats q;
    weir_query_pool_stats(s->pool, &q);
    weir_jw_keyz(w, "query");
    weir_jw_object(w);
    weir_jw_ku64(w, "running", q.running);
    weir_jw_ku64(w, "queued", q.queued);
    weir_jw_ku64(w, "done", q.done);
    weir_jw_ku64(w, "failed", q.failed);
    weir_jw_ku64(w, "stuck", q.stuck);
    weir_jw_kbool(w, "refusing", q.exhausted > 0);
    print_stuck(s, admin, w);
    weir_jw_object_end(w);
}

void weir_serve_status(const struct weir_call *call)
{
    struct weir_server *s = call->server;
    struct weir_buf body;
    weir_buf_init(&body, 64 * 1024);
    struct weir_jw w = weir_jw_on(&body);
    weir_jw_object(&w);
    weir_jw_kstrz(&w, "version", WEIR_VERSION);
    weir_jw_kstrz(&w, "engine", weir_warehouse_version(s->warehouse));
    weir_jw_kstrz(&w, "address", s->address);
    weir_jw_ktime(&w, "started_at", s->started_at);
    weir_jw_keyz(&w, "uptime_seconds");
    weir_jw_double(&w, (double)(weir_now() - s->started_at) / WEIR_SECOND);
    weir_jw_keyz(&w, "warehouse");
    weir_jw_object(&w);
    weir_jw_kbool(&w, "well", !weir_warehouse_failed(s->warehouse));
    weir_jw_ku64(&w, "bytes", file_bytes(s->run->workspace, "warehouse.duckdb"));
    weir_jw_ku64(&w, "wal_bytes", file_bytes(s->run->workspace, "warehouse.duckdb.wal"));
    weir_jw_object_end(&w);
    print_snapshots(s, &w);
    weir_serve_print_disk(s, &w);
    print_load(s, is_admin(call), &w);
    print_queries(s, is_admin(call), &w);
    weir_jw_keyz(&w, "replay");
    weir_replay_job_print(&s->replay, &w);
    weir_jw_object_end(&w);
    weir_buf_addc(&body, '\n');
    weir_serve_reply_json(call, 200, &body);
    weir_buf_free(&body);
}

/* --- Prometheus ----------------------------------------------------------------------------- */

static void metric(struct weir_buf *out, const char *name, const char *type, const char *help,
                   double value)
{
    weir_buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n%s %.17g\n", name, help, name, type, name,
                  value);
}

static void query_metrics(struct weir_server *s, struct weir_buf *out)
{
    struct weir_query_stats q;
    weir_query_pool_stats(s->pool, &q);
    metric(out, "weir_serve_connections", "gauge", "Open connections, also of pages that follow.",
           (double)weir_http_connections(s->http));
    metric(out, "weir_queries_running", "gauge", "Queries that run now.", (double)q.running);
    metric(out, "weir_queries_queued", "gauge", "Queries that wait for a worker.",
           (double)q.queued);
    metric(out, "weir_queries_done_total", "counter", "Queries answered.", (double)q.done);
    metric(out, "weir_queries_failed_total", "counter", "Queries that ended with an error.",
           (double)q.failed);
    metric(out, "weir_queries_refused_total", "counter", "Queries that the sandbox refused.",
           (double)q.refused);
    metric(out, "weir_queries_canceled_total", "counter", "Queries that were canceled.",
           (double)q.canceled);
    metric(out, "weir_queries_timed_out_total", "counter", "Queries stopped by their time limit.",
           (double)q.timed_out);
    metric(out, "weir_queries_stuck", "gauge",
           "Queries that were answered while the engine still works on them.", (double)q.stuck);
    metric(out, "weir_queries_stuck_total", "counter",
           "Queries that did not stop and whose worker was written off.", (double)q.written_off);
    metric(out, "weir_queries_refusing", "gauge", "1 while every worker is stuck.",
           q.exhausted > 0);
    metric(out, "weir_query_rows_total", "counter", "Rows sent.", (double)q.rows);
    metric(out, "weir_query_bytes_total", "counter", "Bytes of results sent.", (double)q.bytes);
}

static void cache_metrics(struct weir_server *s, struct weir_buf *out)
{
    struct weir_keeper_stats c;
    weir_keeper_stats(s->keeper, &c);
    metric(out, "weir_cache_entries", "gauge", "Results kept in memory.", (double)c.memory.entries);
    metric(out, "weir_cache_bytes", "gauge", "Their bytes.", (double)c.memory.bytes);
    metric(out, "weir_cache_disk_entries", "gauge", "Results kept on the disk.",
           (double)c.disk.entries);
    metric(out, "weir_cache_disk_bytes", "gauge", "Their bytes.", (double)c.disk.bytes);
    metric(out, "weir_cache_disk_failures_total", "counter",
           "Results that could not be written to the disk.", (double)c.disk_failures);
    metric(out, "weir_cache_hits_total", "counter", "Answers from what was kept.", (double)c.hits);
    metric(out, "weir_cache_misses_total", "counter", "Answers that had to be computed.",
           (double)c.misses);
    metric(out, "weir_cache_shared_total", "counter",
           "Answers that shared the run of an equal query.", (double)c.shared);
    metric(out, "weir_cache_stale_total", "counter",
           "Kept results thrown away because what they were made from had changed.",
           (double)c.stale);
    metric(out, "weir_cache_uncachable_total", "counter", "Results that may not be kept.",
           (double)c.uncachable);
}

static void load_metrics(struct weir_server *s, struct weir_buf *out)
{
    struct weir_load_stats load;
    weir_loader_stats(s->loader, &load);
    metric(out, "weir_load_next_seq", "gauge", "Every record before it is in the warehouse.",
           (double)load.next_seq);
    metric(out, "weir_load_durable_seq", "gauge", "The next number of the event log.",
           (double)load.durable_seq);
    metric(out, "weir_load_lag_seconds", "gauge", "Age of the oldest record that is not loaded.",
           (double)load.lag / WEIR_SECOND);
    metric(out, "weir_load_events_total", "counter", "Events loaded.", (double)load.events);
    metric(out, "weir_load_duplicates_total", "counter",
           "Events left out because their messageId was loaded before.", (double)load.duplicates);
    metric(out, "weir_load_discards_total", "counter", "Rows of weir.discards written.",
           (double)load.discards);
    metric(out, "weir_load_commits_total", "counter", "Transactions committed.",
           (double)load.commits);
    metric(out, "weir_load_failing", "gauge", "1 while the loader retries.", load.error[0] != 0);
}

void weir_serve_metrics(const struct weir_call *call)
{
    struct weir_server *s = call->server;
    struct weir_buf body;
    weir_buf_init(&body, 64 * 1024);
    metric(&body, "weir_serve_uptime_seconds", "gauge", "Time since the server started.",
           (double)(weir_now() - s->started_at) / WEIR_SECOND);
    metric(&body, "weir_serve_resident_bytes", "gauge", "Memory of the process.",
           (double)resident_bytes());
    metric(&body, "weir_warehouse_bytes", "gauge", "Size of the warehouse's file.",
           (double)file_bytes(s->run->workspace, "warehouse.duckdb"));
    weir_buf_addz(&body, "# HELP weir_serve_requests_total Answers, by first digit of the status.\n"
                         "# TYPE weir_serve_requests_total counter\n");
    for (int i = 2; i <= 5; i++) {
        weir_buf_addf(&body, "weir_serve_requests_total{status=\"%dxx\"} %llu\n", i,
                      (unsigned long long)s->requests[i]);
    }
    query_metrics(s, &body);
    cache_metrics(s, &body);
    load_metrics(s, &body);
    s->requests[2]++;
    weir_http_reply(call->req, 200, "text/plain; version=0.0.4; charset=utf-8",
                    weir_buf_str(&body));
    weir_buf_free(&body);
}
