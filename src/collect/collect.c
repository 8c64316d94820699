#include "collect/collect.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/json_write.h"
#include "collect/collector.h"
#include "collect/control.h"
#include "collect/cors.h"
#include "collect/watch.h"
#include "event/event.h"
#include "io/file.h"
#include "io/process.h"

#define QUARANTINE_SEGMENT (4u << 20) /* small, because whole segments expire */
#define MAX_REQUEST_ARENA  (16u << 20)

/* --- answers that need no disk -----------------------------------------------------------------
 */

void weir_collect_reply(struct weir_collector *c, struct weir_http_request *req, const char *route,
                        int status, const char *type, struct weir_str body)
{
    weir_metrics_request(&c->metrics, route, status);
    weir_http_reply(req, status, type, body);
}

void weir_collect_refuse(struct weir_collector *c, struct weir_http_request *req, const char *route,
                         int status, const char *message)
{
    struct weir_buf body;
    weir_buf_init(&body, 8192);
    struct weir_jw w = weir_jw_on(&body);
    weir_jw_object(&w);
    weir_jw_kbool(&w, "success", false);
    weir_jw_kstrz(&w, "message", message);
    weir_jw_object_end(&w);
    weir_collect_reply(c, req, route, status, "application/json", weir_buf_str(&body));
    weir_buf_free(&body);
}

static void health(struct weir_collector *c, struct weir_http_request *req,
                   const struct weir_route *route)
{
    const char *why;
    weir_cors_allow(req);
    if (weir_group_in_trouble(c, &why)) {
        weir_collect_refuse(c, req, route->name, 503, why);
    } else {
        weir_collect_reply(c, req, route->name, 200, "application/json",
                           WEIR_STR("{\"status\":\"ok\"}"));
    }
}

static void metrics(struct weir_collector *c, struct weir_http_request *req,
                    const struct weir_route *route)
{
    const char *why;
    struct weir_gauges g = {
        .log_next_seq = weir_eventlog_next_seq(c->events),
        .quarantine_next_seq = weir_eventlog_next_seq(c->quarantine),
        .quarantine_bytes = c->quarantine_bytes,
        .quarantine_full = c->quarantine_full,
        .unfinished_bytes = weir_http_buffered(c->server),
        .connections = weir_http_connections(c->server),
        .sources = c->sources.count,
        .accepting = !weir_group_in_trouble(c, &why),
    };
    if (weir_disk_free(c->workspace->data, &g.disk_free_bytes, NULL)) {
        g.disk_free_bytes = 0;
    }
    weir_buf_reset(&c->scratch);
    weir_metrics_print(&c->metrics, &g, &c->scratch);
    weir_collect_reply(c, req, route->name, 200, "text/plain; version=0.0.4",
                       weir_buf_str(&c->scratch));
}

static void handle(struct weir_http_request *req, void *arg)
{
    struct weir_collector *c = arg;
    struct weir_route route = weir_route_find(weir_http_method(req), weir_http_path(req));
    switch (route.kind) {
    case WEIR_ROUTE_CALL:
        weir_accept_call(c, req, &route);
        return;
    case WEIR_ROUTE_PIXEL:
        weir_accept_pixel(c, req, &route);
        return;
    case WEIR_ROUTE_SDK_METRICS:
        weir_cors_allow(req);
        weir_collect_reply(c, req, route.name, 200, "application/json",
                           WEIR_STR("{\"success\":true}"));
        return;
    case WEIR_ROUTE_SETTINGS:
        weir_browser_settings(c, req, &route);
        return;
    case WEIR_ROUTE_SOURCE_CONFIG:
        weir_browser_source_config(c, req, &route);
        return;
    case WEIR_ROUTE_HEALTH:
        health(c, req, &route);
        return;
    case WEIR_ROUTE_METRICS:
        metrics(c, req, &route);
        return;
    case WEIR_ROUTE_PREFLIGHT:
        weir_metrics_request(&c->metrics, route.name, 204);
        weir_cors_preflight(req);
        return;
    case WEIR_ROUTE_RELEASE:
        if (weir_http_peer(req).len == 0) { /* on our own socket */
            weir_control_release(c, req, &route);
            return;
        }
        break;
    case WEIR_ROUTE_WRONG_METHOD:
        weir_cors_allow(req);
        weir_http_set(req, "Allow", route.allow);
        weir_collect_refuse(c, req, route.name, 405, "this path takes another method");
        return;
    default:
        break;
    }
    weir_cors_allow(req);
    weir_collect_refuse(c, req, "other", 404,
                        "there is no such route; see docs/guide/tracking-api.md");
}

/* In trouble, a call is turned away before its body is read. */
static bool admit(struct weir_http_request *req, void *arg)
{
    struct weir_collector *c = arg;
    const char *why;
    if (weir_http_method(req) != WEIR_HTTP_POST || !weir_group_in_trouble(c, &why)) {
        return false;
    }
    struct weir_route route = weir_route_find(WEIR_HTTP_POST, weir_http_path(req));
    if (route.kind != WEIR_ROUTE_CALL) {
        return false;
    }
    weir_cors_allow(req);
    weir_group_turn_away(c, req, route.name, why);
    return true;
}

/* --- start and stop ----------------------------------------------------------------------------
 */

static void drained(void *arg)
{
    weir_loop_stop(((struct weir_collector *)arg)->loop);
}

static void on_signal(void *arg)
{
    struct weir_collector *c = arg;
    if (c->stopping) {
        weir_loop_stop(c->loop); /* asked twice: no more waiting */
        return;
    }
    c->stopping = true;
    weir_log(c->log, WEIR_LOG_INFO, "stopping: requests under way are answered");
    weir_http_drain(c->server, c->settings.stop_timeout, drained, c);
}

static void raise_file_limit(const struct weir_collector *c)
{
    uint64_t want = (uint64_t)c->settings.max_connections + 256;
    uint64_t got = weir_process_allow_files(want);
    if (got < want) {
        weir_log(c->log, WEIR_LOG_WARN,
                 "fewer connections than max_connections: raise the limit on open files", "limit",
                 weir_log_num((int64_t)got).text);
    }
}

static int open_logs(struct weir_collector *c, struct weir_error *err)
{
    struct weir_log_settings log;
    struct weir_recovery recovery = {0};
    int rc = weir_workspace_section(c->workspace, "log", weir_log_options, &log, err);
    if (rc) {
        return rc;
    }
    struct weir_eventlog_options options = {.segment_bytes = log.segment_size,
                                            .keep_free_bytes = log.keep_free,
                                            .seal_level = (int)log.seal_level,
                                            .log = c->log};
    rc = weir_eventlog_open(weir_workspace_path(c->workspace, "log"), &options, &c->events,
                            &recovery, err);
    if (rc) {
        return rc;
    }
    if (recovery.torn_bytes || recovery.corrupt_frames) {
        weir_log(c->log, WEIR_LOG_WARN, "the event log was mended after an unclean stop",
                 "torn_bytes", weir_log_num((int64_t)recovery.torn_bytes).text, "corrupt_frames",
                 weir_log_num((int64_t)recovery.corrupt_frames).text);
    }
    options.segment_bytes = QUARANTINE_SEGMENT;
    c->quarantine_dir = weir_workspace_path(c->workspace, "quarantine");
    return weir_eventlog_open(c->quarantine_dir, &options, &c->quarantine, &recovery, err);
}

static int listen_on_all(struct weir_collector *c, char bound[64], struct weir_error *err)
{
    const struct weir_collect_run *run = c->run;
    const char *listen = run->listen ? run->listen : c->settings.listen;
    int rc = run->listen_fd >= 0 ? weir_http_listen_fd(c->server, run->listen_fd, bound, err)
                                 : weir_http_listen(c->server, listen, bound, err);
    if (rc) {
        return rc;
    }
    const char *dir = weir_workspace_path(c->workspace, "run");
    const char *path = weir_workspace_path(c->workspace, WEIR_COLLECT_SOCKET);
    rc = weir_dir_make(dir, 0700, err);
    if (rc) {
        return rc;
    }
    weir_buf_reset(&c->scratch);
    weir_buf_addf(&c->scratch, "unix:%s", path);
    return weir_http_listen(c->server, weir_buf_cstr(&c->scratch), NULL, err);
}

static int start_server(struct weir_collector *c, char bound[64], struct weir_error *err)
{
    struct weir_http_options options = {
        .max_body = c->settings.max_body,
        .max_buffered = c->settings.max_unfinished * 2, /* new ones are turned away before */
        .max_connections = (unsigned)c->settings.max_connections,
        .idle_seconds = (unsigned)(c->settings.idle_timeout / WEIR_SECOND),
        .handler = handle,
        .admit = admit,
        .refused = weir_unread_refuse,
        .arg = c,
    };
    int rc = weir_loop_new(&c->loop, err);
    rc = rc ? rc : weir_http_server_new(c->loop, &options, &c->server, err);
    rc = rc ? rc : listen_on_all(c, bound, err);
    if (rc) {
        return rc;
    }
    weir_loop_on_turn_end(c->loop, weir_group_commit, c);
    if (weir_timer_new(c->loop, WEIR_WATCH_SOURCES_EVERY, WEIR_WATCH_SOURCES_EVERY,
                       weir_watch_sources, c, &c->sources_timer) ||
        weir_timer_new(c->loop, WEIR_SECOND, WEIR_WATCH_EXPIRY_EVERY, weir_watch_expiry, c,
                       &c->expiry_timer) ||
        weir_loop_on_signal(c->loop, SIGTERM, on_signal, c) ||
        weir_loop_on_signal(c->loop, SIGINT, on_signal, c)) {
        return weir_fail(err, WEIR_ENOMEM, "the collector cannot start: out of memory");
    }
    return 0;
}

static int prepare(struct weir_collector *c, struct weir_error *err)
{
    c->parser = weir_json_parser_new(WEIR_EVENT_MAX_DEPTH);
    if (!c->parser) {
        return weir_fail(err, WEIR_ENOMEM, "the collector cannot start: out of memory");
    }
    weir_arena_init(&c->arena, MAX_REQUEST_ARENA);
    weir_arena_init(&c->group.arena, MAX_REQUEST_ARENA);
    weir_buf_init(&c->key, 1024);
    weir_buf_init(&c->scratch, 1 << 20);
    weir_buf_init(&c->forwarded, 64 * 1024);
    weir_random_bytes(c->process_id, sizeof c->process_id);
    c->metrics.started = weir_mono();
    c->unread.path = weir_workspace_path(c->workspace, WEIR_UNREAD_FILE);
    c->unread.older = weir_workspace_path(c->workspace, WEIR_UNREAD_FILE ".1");
    int rc =
        weir_workspace_section(c->workspace, "collect", weir_collect_options, &c->settings, err);
    rc = rc ? rc
            : weir_networks_parse(&c->settings.trusted_proxies, &c->workspace->arena, &c->proxies,
                                  err);
    return rc ? rc : weir_watch_begin(c, err);
}

static void clean_up(struct weir_collector *c)
{
    weir_timer_free(c->sources_timer);
    weir_timer_free(c->expiry_timer);
    weir_control_end(c);
    weir_http_server_free(c->server);
    weir_loop_free(c->loop);
    if (c->events) {
        weir_eventlog_close(c->events);
    }
    if (c->quarantine) {
        weir_eventlog_close(c->quarantine);
    }
    weir_sources_free(&c->sources);
    weir_json_parser_free(c->parser);
    weir_arena_free(&c->arena);
    weir_arena_free(&c->group.arena);
    weir_buf_free(&c->key);
    weir_buf_free(&c->scratch);
    weir_buf_free(&c->forwarded);
    free(c->group.items);
}

int weir_collect_run(const struct weir_collect_run *run, struct weir_error *err)
{
    char bound[64] = "";
    struct weir_collector *c = calloc(1, sizeof *c);
    if (!c) {
        return weir_fail(err, WEIR_ENOMEM, "the collector cannot start: out of memory");
    }
    c->run = run;
    c->log = run->log;
    c->workspace = run->workspace;
    int rc = prepare(c, err);
    rc = rc ? rc : open_logs(c, err);
    if (!rc) {
        raise_file_limit(c);
        rc = start_server(c, bound, err);
    }
    if (!rc) {
        weir_watch_quarantine(c);
        weir_control_auto_release(c); /* sources may have come while nobody watched */
        weir_log(c->log, WEIR_LOG_INFO, "collecting", "address", bound, "sources",
                 weir_log_num((int64_t)c->sources.count).text);
        if (run->ready) {
            run->ready(bound, run->arg);
        }
        weir_loop_run(c->loop);
        weir_group_commit(c);
        weir_log(c->log, WEIR_LOG_INFO, "stopped", "events",
                 weir_log_num((int64_t)c->metrics.events).text);
    }
    clean_up(c);
    free(c);
    return rc;
}
