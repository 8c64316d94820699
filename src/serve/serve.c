#include "serve/serve.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "io/file.h"
#include "io/process.h"
#include "serve/changes.h"
#include "serve/embeds.h"
#include "serve/events.h"
#include "serve/history.h"
#include "serve/keeper.h"
#include "serve/known.h"
#include "serve/listeners.h"
#include "serve/page_memo.h"
#include "serve/passes.h"
#include "serve/renders.h"
#include "serve/results.h"
#include "serve/server.h"
#include "serve/shelf.h"
#include "serve/snapshot.h"
#include "serve/source.h"
#include "serve/source_news.h"
#include "serve/source_schedule.h"
#include "serve/usage.h"
#include "serve/usage_tables.h"
#include "serve/warm.h"
#include "source/schedule/standing.h"

#define GRACE           (10 * WEIR_SECOND)
#define OTHER_FILES     256 /* descriptors that are no connections */
#define MIN_GROWTH      (2ull << 30)
#define LOOK_EVERY      WEIR_SECOND
#define HASH_THREADS    2 /* 64 MB each */
#define HASH_QUEUE      32
#define OUTSIDE_THREADS 4
#define OUTSIDE_QUEUE   64
#define UPLOAD_QUEUE    64
#define CATALOG_THREADS 4
#define CATALOG_QUEUE   1024 /* what one page asks, times many pages */
#define HOPELESS        10   /* looks; reopening the warehouse takes half of it */

/* --- starting ------------------------------------------------------------------------------- */

static int read_settings(struct weir_server *s, struct weir_error *err)
{
    struct weir_workspace *w = s->run->workspace;
    int rc = weir_workspace_section(w, "serve", weir_serve_options, &s->settings, err);
    rc = rc ? rc : weir_workspace_section(w, "query", weir_query_options, &s->query_settings, err);
    rc = rc ? rc
            : weir_workspace_section(w, "workspace", weir_workspace_options, &s->workspace_settings,
                                     err);
    if (rc == 0 && s->run->listen) {
        s->settings.listen = s->run->listen;
    }
    s->session_limits = (struct weir_session_limits){.idle = s->settings.session_idle,
                                                     .age = s->settings.session_age};
    rc = rc ? rc : weir_networks_parse(&s->settings.trusted_proxies, &w->arena, &s->proxies, err);
    return rc ? rc : weir_token_load(w, s->token, err);
}

/* The watch over query.max_memory looks every 50 ms; one call of a function can take the machine's
 * memory between two looks, and the kernel then kills us. Beyond this an allocation fails instead,
 * which the engine reports. A third above the watch's limit: what allocators keep counts here too.
 */
static void bound_memory(const struct weir_server *s)
{
    uint64_t growth = weir_query_max_memory(&s->query_settings) / 3 * 4;
    unsigned long long data = 0;
    struct rlimit limit;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f) {
        return;
    }
    bool read = fscanf(f, "%*u %*u %*u %*u %*u %llu", &data) == 1;
    fclose(f);
    growth = growth < MIN_GROWTH ? MIN_GROWTH : growth;
    uint64_t bound = data * (uint64_t)sysconf(_SC_PAGESIZE) + growth;
    if (read && getrlimit(RLIMIT_DATA, &limit) == 0 && bound < limit.rlim_cur) {
        limit.rlim_cur = bound;
        if (setrlimit(RLIMIT_DATA, &limit)) {
            weir_log(s->log, WEIR_LOG_WARN, "the process's memory cannot be bounded");
        }
    }
}

/* What an earlier process left half done. */
static int remove_export(const char *name, void *arg, struct weir_error *err)
{
    (void)err;
    char *path = weir_path_join(arg, name);
    if (path) {
        (void)unlink(path);
    }
    free(path);
    return 0;
}

static int start_people(struct weir_server *s, struct weir_error *err)
{
    const char *path = weir_workspace_path(s->run->workspace, "state.sqlite");
    int rc = weir_serve_open_state(s->run->workspace, &s->state, err);
    if (rc == 0) { /* which has failed without a path */
        rc = weir_history_new(path, s->settings.history_max, s->log, &s->history, err);
    }
    rc = rc ? rc : weir_work_new(HASH_THREADS, HASH_QUEUE, &s->work, err);
    rc = rc ? rc : weir_work_new(OUTSIDE_THREADS, OUTSIDE_QUEUE, &s->outside, err);
    rc = rc ? rc : weir_usage_new(s, &s->usage, err);
    s->event_streams = weir_event_streams_new(s);
    rc = rc || s->event_streams ? rc : weir_fail(err, WEIR_ENOMEM, "no memory for a timer");
    s->backoff = weir_backoff_new();
    s->exports = weir_exports_new();
    s->passes = weir_passes_new();
    if (rc == 0 && (!s->backoff || !s->exports || !s->passes)) {
        rc = weir_fail(err, WEIR_ENOMEM, "no memory for the server");
    }
    rc = rc ? rc : weir_embeds_new(s->run->workspace, &s->settings, &s->embeds, err);
    return rc ? rc : weir_people_began(s->state, &s->began, err);
}

static int clear_folder(struct weir_workspace *w, const char *name, struct weir_error *err)
{
    const char *path = weir_workspace_path(w, name);
    int rc = path ? weir_dir_make(path, 0700, err) : weir_fail(err, WEIR_ENOMEM, "out of memory");
    return rc ? rc : weir_dir_each(path, remove_export, (void *)(uintptr_t)path, err);
}

/* What is not known is no reason not to start. */
static void note_changes(struct weir_server *s)
{
    struct weir_error why;
    if (weir_source_standing_note_changes(s->warehouse, &why)) {
        weir_log(s->log, WEIR_LOG_WARN, "when tables of sources changed is not known", "error",
                 why.message);
    }
}

static int start_parts(struct weir_server *s, struct weir_error *err)
{
    struct weir_workspace *w = s->run->workspace;
    int rc = weir_keeper_new(s, &s->keeper, err);
    rc = rc ? rc : weir_serve_open_warehouse(w, false, s->log, &s->warehouse, err);
    rc = rc ? rc : weir_keeper_start(s->keeper, err);
    if (rc == 0) {
        note_changes(s);
    }
    rc = rc ? rc : clear_folder(w, "tmp/export", err);
    rc = rc ? rc : clear_folder(w, "tmp/upload", err);
    rc = rc ? rc : weir_work_new(1, UPLOAD_QUEUE, &s->uploads, err);
    rc = rc ? rc : weir_work_new(1, UPLOAD_QUEUE, &s->lists, err);
    rc = rc ? rc : weir_work_new(CATALOG_THREADS, CATALOG_QUEUE, &s->catalog, err);
    rc = rc ? rc : weir_query_pool_new(s->warehouse, &s->query_settings, s->log, &s->pool, err);
    rc = rc ? rc : weir_results_new(s, &s->results, err);
    s->page_memo = weir_page_memo_new();
    s->known = weir_known_new();
    rc = rc || (s->page_memo && s->known) ? rc
                                          : weir_fail(err, WEIR_ENOMEM, "no memory for the pages");
    rc = rc ? rc : weir_warm_new(s, weir_keeper_settings(s->keeper)->warm, &s->warm, err);
    rc = rc ? rc : weir_source_runs_new(s, &s->source_runs, err);
    rc = rc ? rc : weir_loader_new(w, s->warehouse, s->log, &s->loader, err);
    return rc ? rc : weir_loader_start(s->loader, err);
}

static int listen_local(struct weir_server *s, struct weir_error *err)
{
    struct weir_workspace *w = s->run->workspace;
    const char *dir = weir_workspace_path(w, "run");
    s->socket_path = weir_workspace_path(w, "run/serve.sock");
    struct weir_buf address;
    weir_buf_init(&address, 8192);
    int rc = dir && s->socket_path ? weir_dir_make(dir, 0700, err)
                                   : weir_fail(err, WEIR_ENOMEM, "out of memory");
    weir_buf_addf(&address, "unix:%s", s->socket_path ? s->socket_path : "");
    rc = rc ? rc : weir_buf_check(&address, "the socket's path", err);
    rc = rc ? rc : weir_http_listen(s->local, weir_buf_cstr(&address), NULL, err);
    weir_buf_free(&address);
    return rc;
}

/* How many connections the limit on open descriptors has room for, beside all else. */
static unsigned allow_connections(const struct weir_server *s)
{
    uint64_t want = (uint64_t)s->settings.max_connections + OTHER_FILES;
    uint64_t got = weir_process_allow_files(want);
    if (got >= want) {
        return (unsigned)s->settings.max_connections;
    }
    weir_log(s->log, WEIR_LOG_WARN,
             "fewer connections than serve.max_connections: raise the limit on open files", "limit",
             weir_log_num((int64_t)got).text);
    return got > OTHER_FILES * 2 ? (unsigned)(got - OTHER_FILES) : OTHER_FILES;
}

static int start_http(struct weir_server *s, struct weir_error *err)
{
    s->max_connections = allow_connections(s);
    struct weir_http_options options = {.max_body = 16u << 20,
                                        .max_connections = s->max_connections,
                                        .handler = weir_serve_handle,
                                        .admit = weir_serve_before_body,
                                        .streams = true,
                                        .refused = weir_serve_refused,
                                        .arg = s};
    int rc = weir_http_server_new(s->loop, &options, &s->http, err);
    options.handler = weir_serve_handle_local;
    options.admit = weir_serve_before_body_local;
    rc = rc ? rc : weir_http_server_new(s->loop, &options, &s->local, err);
    if (rc == 0) {
        rc = s->run->listen_fd >= 0
                 ? weir_http_listen_fd(s->http, s->run->listen_fd, s->address, err)
                 : weir_http_listen(s->http, s->settings.listen, s->address, err);
    }
    return rc ? rc : listen_local(s, err);
}

/* --- stopping ------------------------------------------------------------------------------- */

static void drained(void *arg)
{
    struct weir_server *s = arg;
    if (--s->open_drains == 0) {
        weir_loop_stop(s->loop);
    }
}

static void stop(void *arg)
{
    struct weir_server *s = arg;
    if (s->open_drains) {
        return; /* asked twice */
    }
    weir_log(s->log, WEIR_LOG_INFO, "stopping");
    atomic_store(&s->ending, true);
    weir_serve_asks_stop(s);
    s->open_drains = 2;
    weir_shelf_hang_up(s->shelf);
    weir_listeners_hang_up(weir_event_streams_pages(s->event_streams));
    weir_http_drain(s->http, GRACE, drained, s);
    weir_http_drain(s->local, GRACE, drained, s);
}

/* Queries that the engine does not let go of can take every worker, or keep a failed warehouse from
 * being reopened. A new process has neither; sockets outlive this one, and what the loader has not
 * committed is loaded again. */
static void look_for_stuck(void *arg)
{
    struct weir_server *s = arg;
    struct weir_query_stats q;
    weir_query_pool_stats(s->pool, &q);
    bool failed = q.stuck && weir_warehouse_failed(s->warehouse);
    s->hopeless = failed ? s->hopeless + 1 : 0;
    weir_time limit = s->query_settings.restart_after;
    if (!s->gave_up && limit && (q.exhausted > limit || s->hopeless > HOPELESS)) {
        s->gave_up = true;
        weir_log(s->log, WEIR_LOG_ERROR,
                 "the engine does not let go of its queries: this server ends, to be started anew",
                 "stuck", weir_log_num((int64_t)q.stuck).text);
        stop(s);
    }
}

static void stop_loop(void *arg)
{
    weir_loop_stop(arg);
}

/* Lets every answer that worker threads have posted reach its request before these go. */
static void run_posts(struct weir_server *s)
{
    if (weir_loop_post(s->loop, stop_loop, s->loop) == 0) {
        weir_loop_run(s->loop);
    }
}

static void stop_parts(struct weir_server *s)
{
    atomic_store(&s->ending, true);
    weir_serve_asks_stop(s);
    atomic_store(&s->stopping, true);
    while (atomic_load(&s->gather_threads)) {
        usleep(1000); /* they see `stopping`, cancel what they wait for, and must have ended before
                       * the pool does */
    }
    weir_renders_free(s->renders);
    weir_timer_free(s->look); /* it asks the pool, and the loop runs once more below */
    size_t stuck = weir_query_pool_free(s->pool);
    weir_work_stop(s->catalog);
    weir_work_stop(s->work);
    weir_work_stop(s->outside);
    weir_work_stop(s->uploads);
    weir_work_stop(s->lists);
    weir_source_scheduler_free(s->source_scheduler);
    weir_source_news_free(s->source_news);
    weir_source_runs_stop(s->source_runs);
    weir_shelf_stop(s->shelf);
    if (s->loader) {
        weir_loader_stop(s->loader);
    }
    weir_replay_job_free(&s->replay);
    weir_loader_free(s->loader);
    weir_results_stop(s->results);
    weir_keeper_stop(s->keeper);
    if (s->loop) {
        run_posts(s);
    }
    weir_http_server_free(s->http);
    weir_http_server_free(s->local);
    weir_results_free(s->results);
    weir_page_memo_free(s->page_memo);
    weir_known_free(s->known);
    weir_warm_stop(s->warm);
    weir_shelf_free(s->shelf);
    weir_usage_free(s->usage);
    weir_usage_tables_free(s->usage_tables);
    weir_event_streams_free(s->event_streams);
    weir_snapshots_free(s->snapshots);
    weir_loop_free(s->loop);
    weir_work_free(s->work); /* whatever is on the loop may have tried to add to them */
    weir_work_free(s->outside);
    weir_work_free(s->uploads);
    weir_work_free(s->lists);
    weir_work_free(s->catalog);
    weir_warm_free(s->warm);
    weir_backoff_free(s->backoff);
    weir_exports_free(s->exports);
    weir_passes_free(s->passes);
    weir_embeds_free(s->embeds);
    weir_source_runs_free(s->source_runs);
    weir_history_free(s->history);
    weir_state_close(s->state);
    if (stuck == 0) {
        bool closed = s->warehouse && !weir_warehouse_failed(s->warehouse);
        weir_warehouse_close(s->warehouse);
        weir_keeper_free(s->keeper, closed);
        return;
    }
    weir_keeper_free(s->keeper, false);
    weir_log(s->log, WEIR_LOG_WARN, "the warehouse is left without a checkpoint: queries are stuck",
             "stuck", weir_log_num((int64_t)stuck).text);
    *s->run->stuck = true;
}

/* --- the whole ------------------------------------------------------------------------------ */

int weir_serve_run(const struct weir_serve_run *run, struct weir_error *err)
{
    struct weir_server *s = calloc(1, sizeof *s);
    if (!s) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the server");
    }
    s->run = run;
    s->log = run->log;
    s->started_at = weir_now();
    weir_replay_job_init(&s->replay);
    int rc = read_settings(s, err);
    if (rc == 0) {
        bound_memory(s);
    }
    rc = rc ? rc : weir_loop_new(&s->loop, err);
    rc = rc ? rc : start_people(s, err);
    rc = rc ? rc : start_parts(s, err);
    rc = rc ? rc : weir_snapshots_new(s->run->workspace, &s->snapshots, err);
    rc = rc ? rc : weir_shelf_new(s, &s->shelf, err);
    rc = rc ? rc : weir_renders_new(s, &s->renders, err);
    rc = rc ? rc : weir_usage_tables_new(s, &s->usage_tables, err);
    rc = rc ? rc : weir_source_scheduler_new(s, &s->source_scheduler, err);
    rc = rc ? rc : weir_source_news_new(s, &s->source_news, err);
    rc = rc ? rc : start_http(s, err);
    if (rc == 0 && (weir_loop_on_signal(s->loop, SIGTERM, stop, s) ||
                    weir_loop_on_signal(s->loop, SIGINT, stop, s))) {
        rc = weir_fail(err, WEIR_ENOMEM, "signals cannot be watched");
    }
    if (rc == 0 && weir_timer_new(s->loop, LOOK_EVERY, LOOK_EVERY, look_for_stuck, s, &s->look)) {
        rc = weir_fail(err, WEIR_ENOMEM, "no memory for a timer");
    }
    if (rc == 0) {
        weir_log(s->log, WEIR_LOG_INFO, "serving", "address", s->address, "engine",
                 weir_warehouse_version(s->warehouse));
        if (run->ready) {
            run->ready(s->address, run->arg);
        }
        weir_loop_run(s->loop);
    }
    stop_parts(s);
    if (rc == 0 && s->gave_up) {
        rc = weir_fail(err, WEIR_EBUSY,
                       "queries were stuck in the engine; start the server again (`weir up` does)");
    }
    if (rc == 0) {
        weir_log(s->log, WEIR_LOG_INFO, "stopped");
    }
    free(s);
    return rc;
}
