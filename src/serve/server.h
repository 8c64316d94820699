/* Private to src/serve: the running server, and what its routes share. */
#ifndef WEIR_SERVE_SERVER_H
#define WEIR_SERVE_SERVER_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/json_write.h"
#include "conf/address.h"
#include "io/http.h"
#include "load/load.h"
#include "query/query.h"
#include "serve/ask.h"
#include "serve/serve.h"
#include "serve/work.h"
#include "state/state.h"

#define WEIR_TOKEN_SIZE 64

struct weir_history;
struct weir_keeper;
struct weir_page_memo;
struct weir_warm;
struct weir_results;
struct weir_passes;
struct weir_renders;
struct weir_usage;
struct weir_event_streams;
struct weir_usage_tables;
struct weir_embeds;
struct weir_source_runs;
struct weir_source_scheduler;
struct weir_source_news;

struct weir_serve_settings {
    const char *listen;
    struct weir_text_list hosts;
    struct weir_text_list trusted_proxies;
    bool require_token;
    const char *url;
    bool embed;
    struct weir_text_list embed_origins;
    weir_time session_idle;
    weir_time session_age;
    int64_t max_connections;
    uint64_t upload_max;
    int64_t history_max;
    int64_t usage_days;
    weir_time usage_every;
};

struct weir_workspace_settings {
    int64_t archive_after;     /* days; 0: never */
    int64_t fiscal_year_start; /* the month in which it begins */
    int64_t snapshots;         /* of one report */
    int64_t snapshot_rows;     /* of one query */
    uint64_t snapshot_bytes;
    int64_t refresh_every; /* a materialized view */
};

/* One replay at a time, on a thread of its own. */
struct weir_replay_job {
    pthread_mutex_t lock; /* guards all below */
    pthread_t thread;
    bool started; /* the thread must be joined */
    bool running;
    bool ever;
    struct weir_replay what; /* its strings are in the arena */
    struct weir_arena arena;
    struct weir_replay_report report;
    uint64_t done, total;
    weir_time started_at, ended_at;
    int code;
    struct weir_error err;
};

/* What the disk is asked now and then. */
struct weir_disk {
    weir_time looked_at; /* monotonic */
    uint64_t free_bytes, log_bytes;
};

struct weir_server {
    const struct weir_serve_run *run;
    const struct weir_log *log;
    struct weir_serve_settings settings;
    struct weir_networks proxies; /* of the settings */
    struct weir_query_settings query_settings;
    struct weir_workspace_settings workspace_settings;
    struct weir_loop *loop;
    struct weir_http_server *http;  /* for browsers and other machines */
    struct weir_http_server *local; /* on the unix socket, for the command line */
    struct weir_warehouse *warehouse;
    struct weir_query_pool *pool;
    struct weir_loader *loader;
    struct weir_replay_job replay;
    struct weir_state *state;
    struct weir_session_limits session_limits;
    struct weir_backoff *backoff;
    struct weir_work *work; /* hashing passwords */
    struct weir_shelf *shelf;
    struct weir_exports *exports;
    struct weir_passes *passes;
    struct weir_renders *renders;
    struct weir_embeds *embeds;
    struct weir_work *outside; /* a few threads: what may wait for another system */
    struct weir_work *uploads; /* one thread: reading files into the warehouse */
    struct weir_work *lists;   /* one thread: what is short, but asks the warehouse */
    struct weir_work *catalog; /* a few threads: what a page asks the warehouse, and is short */
    unsigned uploads_coming;   /* files that are open; the loop's thread */
    struct weir_snapshots *snapshots;
    unsigned snapshots_taking; /* loop's thread */
    bool began;                /* there has been a person: loopback is not trusted */
    uint64_t began_turn;       /* of the loop: when that was looked up last */
    struct weir_history *history;
    struct weir_usage *usage;
    struct weir_event_streams *event_streams;
    struct weir_usage_tables *usage_tables;
    struct weir_source_runs *source_runs;
    struct weir_source_scheduler *source_scheduler;
    struct weir_source_news *source_news;
    struct weir_disk disk; /* loop's thread */
    struct weir_results *results;
    struct weir_keeper *keeper;
    struct weir_page_memo *page_memo;
    struct weir_known *known;
    struct weir_warm *warm;
    char token[WEIR_TOKEN_SIZE];
    unsigned max_connections; /* as the settings and the limit on open files have it */
    char address[64];
    const char *socket_path;
    weir_time started_at;
    int64_t zone_quarter;        /* the quarter of an hour for which zone_offset holds */
    int64_t zone_offset;         /* of query.time_zone from UTC, in microseconds */
    struct weir_timer *look;     /* for queries that are stuck */
    unsigned hopeless;           /* looks that found a failed warehouse held by stuck queries */
    bool gave_up;                /* it stops because of them */
    unsigned open_drains;        /* servers that still drain */
    atomic_bool ending;          /* asked to end: answers get their time, looks into sources none */
    atomic_bool stopping;        /* sinks stop waiting for slow clients */
    atomic_uint gather_threads;  /* see gather.h */
    struct weir_asking *askings; /* what workers have of serve/asking.c; loop's thread */
    uint64_t requests[6];        /* by first digit of the status; loop's thread */
};

/* What a handler is called with. `id` is what stood in the route's {id}. */
struct weir_call {
    struct weir_server *server;
    struct weir_http_request *req;
    struct weir_str id;
    bool local; /* on the unix socket */
    struct weir_caller who;
    struct weir_state_mark mark; /* of the store, when she came in */
    bool marked;
    struct weir_str embed;   /* the token of the embedded page that asks; ptr NULL: it is none */
    const char *disposition; /* Content-Disposition of a result's stream, or NULL */
};

/* --- routes (one file each) --- */
void weir_serve_query(const struct weir_call *call);
/* The same for a body that came earlier; it has WEIR_BUF_PADDING bytes behind it. */
void weir_serve_query_text(const struct weir_call *call, struct weir_str text);
void weir_serve_cache(const struct weir_call *call);
void weir_serve_cache_clear(const struct weir_call *call);
void weir_serve_page_queries(const struct weir_call *call);
/* What the role of whoever calls may take, at most. */
void weir_serve_limit(const struct weir_call *call, struct weir_query_limits *limits);
void weir_serve_query_progress(const struct weir_call *call);
void weir_serve_compile(const struct weir_call *call);
/* Before its body is read: opens the file that it goes to. True when it was answered instead. */
bool weir_serve_upload_receive(const struct weir_call *call);
void weir_serve_upload_add(const struct weir_call *call);
void weir_serve_upload_replace(const struct weir_call *call);
void weir_serve_upload_remove(const struct weir_call *call);
void weir_serve_upload_list(const struct weir_call *call);
void weir_serve_export_ask(const struct weir_call *call);
void weir_serve_export(const struct weir_call *call);
void weir_serve_render_add(const struct weir_call *call);
void weir_serve_render(const struct weir_call *call);
void weir_serve_render_file(const struct weir_call *call);
void weir_serve_render_remove(const struct weir_call *call);
void weir_serve_embed(const struct weir_call *call);
void weir_serve_embed_settings(const struct weir_call *call);
void weir_serve_embed_add(const struct weir_call *call);
void weir_serve_explain(const struct weir_call *call);
void weir_serve_table(const struct weir_call *call);
void weir_serve_health(const struct weir_call *call);
void weir_serve_metrics(const struct weir_call *call);
void weir_serve_status(const struct weir_call *call);
void weir_serve_schema(const struct weir_call *call);
void weir_serve_functions(const struct weir_call *call);
void weir_serve_replay_start(const struct weir_call *call);
void weir_serve_replay_progress(const struct weir_call *call);

void weir_serve_documents(const struct weir_call *call);
void weir_serve_report_get(const struct weir_call *call);
void weir_serve_report_add(const struct weir_call *call);
void weir_serve_report_put(const struct weir_call *call);
void weir_serve_report_remove(const struct weir_call *call);
void weir_serve_report_move(const struct weir_call *call);
void weir_serve_report_archive(const struct weir_call *call);
void weir_serve_report_clone(const struct weir_call *call);
void weir_serve_report_restore(const struct weir_call *call);
void weir_serve_report_share(const struct weir_call *call);
void weir_serve_report_publish(const struct weir_call *call);
void weir_serve_report_unpublish(const struct weir_call *call);
void weir_serve_home(const struct weir_call *call);
void weir_serve_favourite(const struct weir_call *call);
void weir_serve_unfavourite(const struct weir_call *call);
void weir_serve_group_home(const struct weir_call *call);
void weir_serve_comments(const struct weir_call *call);
void weir_serve_comment_add(const struct weir_call *call);
void weir_serve_comment_change(const struct weir_call *call);
void weir_serve_comment_remove(const struct weir_call *call);
void weir_serve_subscribe(const struct weir_call *call);
void weir_serve_unsubscribe(const struct weir_call *call);
void weir_serve_report_options(const struct weir_call *call);
void weir_serve_report_file(const struct weir_call *call);
void weir_serve_report_file_put(const struct weir_call *call);
void weir_serve_report_file_remove(const struct weir_call *call);
void weir_serve_report_open(const struct weir_call *call);
void weir_serve_report_history(const struct weir_call *call);
void weir_serve_report_at(const struct weir_call *call);
void weir_serve_report_diff(const struct weir_call *call);
void weir_serve_snapshot_add(const struct weir_call *call);
void weir_serve_snapshots(const struct weir_call *call);
void weir_serve_snapshot(const struct weir_call *call);
void weir_serve_snapshot_rows(const struct weir_call *call);
void weir_serve_snapshot_remove(const struct weir_call *call);
void weir_serve_sql_get(const struct weir_call *call);
void weir_serve_sql_put(const struct weir_call *call);
void weir_serve_sql_remove(const struct weir_call *call);
void weir_serve_view_refresh(const struct weir_call *call);
void weir_serve_git_status(const struct weir_call *call);
void weir_serve_git_pull(const struct weir_call *call);
void weir_serve_git_push(const struct weir_call *call);
void weir_serve_changes(const struct weir_call *call);
void weir_serve_events_live(const struct weir_call *call);

/* --- route.c --- */
/* The handlers of both HTTP servers; arg is the weir_server. */
void weir_serve_handle(struct weir_http_request *req, void *arg);
void weir_serve_handle_local(struct weir_http_request *req, void *arg);
/* Asked before a body is read: some bodies go to a file. */
bool weir_serve_before_body(struct weir_http_request *req, void *arg);
bool weir_serve_before_body_local(struct weir_http_request *req, void *arg);
/* Answers what the HTTP server itself refuses. */
void weir_serve_refused(struct weir_http_request *req, int status, const char *why, void *arg);
/* --- admit.c --- */
/* Did the client come by https, as a trusted proxy says? */
bool weir_serve_by_https(const struct weir_call *call);
/* --- reply.c --- */
void weir_serve_common_headers(struct weir_http_request *req);
void weir_serve_refuse(const struct weir_call *call, int status, int code, const char *why);
void weir_serve_reply_json(const struct weir_call *call, int status, struct weir_buf *body);
void weir_serve_reply_error(const struct weir_call *call, const struct weir_error *err);
/* The same with the place in the SQL: {"error":{...,"position":{"offset","line","column"}}}. */
void weir_serve_reply_sql_error(const struct weir_call *call, const struct weir_error *err,
                                const char *sql, int64_t offset);
/* "error":{…} as a member of an open object; `sql` may be NULL. */
void weir_serve_print_error_member(struct weir_jw *w, const struct weir_error *err, const char *sql,
                                   int64_t offset);
/* Only its JSON; `sql` may be NULL. */
void weir_serve_print_error(struct weir_buf *out, const struct weir_error *err, const char *sql,
                            int64_t offset);
/* With a status of its own. */
void weir_serve_reply_status(const struct weir_call *call, int status,
                             const struct weir_error *err);

/* --- asking.c --- */
/* Answers by `fn`, on a thread of `work`; NULL: here. */
void weir_serve_ask(const struct weir_call *call, weir_ask_fn fn, struct weir_work *work);
/* Sets `stop` of all that such threads have. Loop's thread. */
void weir_serve_asks_stop(struct weir_server *server);
/* "http://weir.example.com", for links. */
const char *weir_serve_base(const struct weir_call *call, struct weir_arena *arena);

/* --- disk.c --- */
/* "disk": how much is free, and how much the event log takes; a member of an open object. */
void weir_serve_print_disk(struct weir_server *server, struct weir_jw *w);

/* --- denied.c --- */
/* Notes in the audit log that somebody was refused something, not more often than it can be read:
 * `object` is what she asked for. */
void weir_serve_note_denied(struct weir_server *server, const struct weir_caller *who,
                            const char *action, struct weir_str object,
                            const struct weir_error *err);

/* --- exports.c: downloads that were asked for and not yet fetched; the loop's thread --- */
struct weir_exports *weir_exports_new(void);
void weir_exports_free(struct weir_exports *exports); /* NULL is fine */

/* --- replay.c --- */
void weir_replay_job_init(struct weir_replay_job *job);
void weir_replay_job_free(struct weir_replay_job *job); /* waits for it */
void weir_replay_job_print(struct weir_replay_job *job, struct weir_jw *w);

/* --- token.c --- */
/* Reads .weir/secrets/api_token, or makes it. */
int weir_token_load(struct weir_workspace *workspace, char token[WEIR_TOKEN_SIZE],
                    struct weir_error *err) WEIR_MUST_CHECK;
/* May a browser have been led here under this name? Loopback names, IP literals, the settings'. */
bool weir_host_allowed(const struct weir_server *server, struct weir_str host);

/* --- asset.c --- */
/* The app's files, by the request's path; compressed as the client likes it. */
void weir_serve_asset(const struct weir_call *call);
/* Is this the address of one of the app's own pages? Then weir_serve_page answers it. */
bool weir_serve_is_page(struct weir_str path);
void weir_serve_page(const struct weir_call *call);
/* Content-Security-Policy; `nonce` may be "". `ancestors`: who may have the page in a frame. */
void weir_serve_set_policy(struct weir_http_request *req, const char *nonce, const char *ancestors);

/* --- made by tools/embed at build time, from build/web and docs/openapi.yaml --- */
enum { WEIR_ASSET_RAW, WEIR_ASSET_GZIP, WEIR_ASSET_BROTLI, WEIR_ASSET_FORMS };
struct weir_asset {
    const char *path;
    const char *type;
    const char *etag;
    struct weir_str forms[WEIR_ASSET_FORMS]; /* ptr NULL: this form saves nothing */
};
extern const struct weir_asset weir_assets[];
extern const size_t weir_asset_count;

#endif
