/* `weir status`: what runs, and how far loading is. */
#include <stdlib.h>

#include "base/json.h"
#include "base/json_write.h"
#include "cli/commands.h"
#include "cli/running.h"
#include "cli/unread.h"
#include "collect/collect.h"
#include "eventlog/eventlog.h"
#include "io/file.h"

#define DEFAULT_TIMEOUT (60 * WEIR_SECOND)
#define ANSWER_IN       (2 * WEIR_SECOND)

struct status {
    struct weir_workspace *workspace;
    struct weir_addresses addresses;
    bool up;           /* a `weir up` runs */
    bool collect;      /* answers */
    char trouble[160]; /* why the collector takes no events, or "" */
    bool serve;
    uint64_t next_seq; /* of the log */
    uint64_t segments, log_bytes;
    struct weir_server_state server;
    struct weir_buf server_text; /* JSON */
    struct weir_unread_sum unread;
    uint64_t free_bytes;
    uint64_t quarantine_bytes, quarantine_max;
};

static int count_segment(const struct weir_eventlog_segment *segment, void *arg)
{
    struct status *s = arg;
    s->segments++;
    s->log_bytes += segment->bytes;
    return 0;
}

static int gather(struct status *s, struct weir_error *err)
{
    struct weir_error ignored;
    const char *log = weir_workspace_path(s->workspace, "log");
    if (!log) {
        return weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
    s->up = weir_up_runs(s->workspace);
    if (weir_addresses_read(s->workspace, &s->addresses, &ignored)) {
        s->addresses = (struct weir_addresses){0};
    }
    s->collect = weir_collector_answers(s->workspace, ANSWER_IN, s->trouble);
    s->serve = weir_server_fetch(s->workspace, ANSWER_IN, &s->server, &s->server_text, &ignored) ==
               WEIR_OK;
    if (s->serve) {
        memcpy(s->addresses.serve, s->server.address, sizeof s->addresses.serve);
    }
    weir_unread_sum(s->workspace, &s->unread);
    int code = weir_eventlog_durable_seq(log, &s->next_seq, err);
    code = code ? code : weir_eventlog_each_segment(log, false, count_segment, NULL, s, err);
    code = code ? code
                : weir_quarantine_size(s->workspace, &s->quarantine_bytes, &s->quarantine_max, err);
    if (weir_disk_free(weir_disk_folder(s->workspace), &s->free_bytes, &ignored)) {
        s->free_bytes = 0;
    }
    return code;
}

static void show_part(const char *name, bool answers, const char *address, bool up)
{
    printf("%-11s%s", name, answers ? "up" : up ? "does not answer" : "not running");
    printf("%s%s\n", answers && *address ? ", http://" : "", answers ? address : "");
}

static void show(const struct status *s)
{
    char size[32];
    uint64_t records = s->next_seq - 1;
    printf("workspace  %s\n", s->workspace->dir);
    show_part("collect", s->collect, s->addresses.collect, s->up);
    if (s->trouble[0]) {
        printf("           takes no events: %s\n", s->trouble);
    }
    show_part("serve", s->serve, s->addresses.serve, s->up);
    printf("event log  %llu requests in %llu segments, %s\n", (unsigned long long)records,
           (unsigned long long)s->segments, weir_cli_size(s->log_bytes, size));
    if (s->serve && s->server.next_seq >= s->next_seq) {
        printf("loaded     all of them\n");
    } else if (s->serve) {
        printf("loaded     %llu; %llu wait\n",
               (unsigned long long)(s->server.next_seq ? s->server.next_seq - 1 : 0),
               (unsigned long long)(s->next_seq - s->server.next_seq));
    }
    if (s->server.error[0]) {
        printf("loader     is retrying: %s\n", s->server.error);
    }
    char changed[640];
    if (s->up && weir_listen_changed(s->workspace, &s->addresses, changed)) {
        printf("settings   %s; restart `weir up` to listen there\n", changed);
    }
    if (s->server.stuck) {
        printf("queries    %llu stuck in the engine; %s\n", (unsigned long long)s->server.stuck,
               s->server.stuck_sql);
    }
    if (s->unread.count) {
        char at[28];
        weir_time_format(s->unread.last_at, at);
        printf("unread     %llu requests refused unread, the last at %s: %s; see "
               ".weir/unread.ndjson\n",
               (unsigned long long)s->unread.count, at, s->unread.what);
    }
    if (s->quarantine_bytes) {
        char most[32];
        printf("quarantine %s of at most %s%s\n", weir_cli_size(s->quarantine_bytes, size),
               weir_cli_size(s->quarantine_max, most),
               s->quarantine_bytes < s->quarantine_max
                   ? ""
                   : ": full; calls with an unknown write key get 503");
    }
    printf("disk       %s free\n", weir_cli_size(s->free_bytes, size));
    if (!s->up && !s->collect && !s->serve) {
        printf("\nNothing runs here; `weir up` starts it.\n");
    }
}

static int show_json(const struct status *s, struct weir_error *err)
{
    struct weir_buf out;
    weir_buf_init(&out, 4u << 20);
    struct weir_jw w = weir_jw_on(&out);
    weir_jw_object(&w);
    weir_jw_kstrz(&w, "workspace", s->workspace->dir);
    weir_jw_kbool(&w, "up", s->up);
    weir_jw_keyz(&w, "collect");
    weir_jw_object(&w);
    weir_jw_kbool(&w, "answers", s->collect);
    weir_jw_kstrz(&w, "trouble", s->trouble);
    weir_jw_kstrz(&w, "address", s->addresses.collect);
    weir_jw_object_end(&w);
    weir_jw_keyz(&w, "serve");
    weir_jw_object(&w);
    weir_jw_kbool(&w, "answers", s->serve);
    weir_jw_kstrz(&w, "address", s->addresses.serve);
    weir_jw_keyz(&w, "status");
    if (s->serve) {
        weir_jw_raw(&w, weir_str_trim(weir_buf_str(&s->server_text)));
    } else {
        weir_jw_null(&w);
    }
    weir_jw_object_end(&w);
    weir_jw_keyz(&w, "log");
    weir_jw_object(&w);
    weir_jw_ku64(&w, "next_seq", s->next_seq);
    weir_jw_ku64(&w, "segments", s->segments);
    weir_jw_ku64(&w, "bytes", s->log_bytes);
    weir_jw_object_end(&w);
    weir_jw_keyz(&w, "quarantine");
    weir_jw_object(&w);
    weir_jw_ku64(&w, "bytes", s->quarantine_bytes);
    weir_jw_ku64(&w, "max_bytes", s->quarantine_max);
    weir_jw_kbool(&w, "full", s->quarantine_bytes >= s->quarantine_max);
    weir_jw_object_end(&w);
    weir_jw_kbool(&w, "loaded", s->serve && s->server.next_seq >= s->next_seq);
    weir_jw_ku64(&w, "unread", s->unread.count);
    weir_jw_ku64(&w, "free_bytes", s->free_bytes);
    weir_jw_object_end(&w);
    int code = weir_buf_check(&out, "the status", err);
    if (!code) {
        puts(weir_buf_cstr(&out));
    }
    weir_buf_free(&out);
    return code;
}

static int parse_timeout(const struct weir_args *args, weir_time *out, struct weir_error *err)
{
    static const struct weir_option option = {.name = "--timeout", .type = WEIR_OPT_DURATION};
    const char *text = weir_args_value(args, "timeout");
    *out = DEFAULT_TIMEOUT;
    if (text && weir_option_set(&option, out, NULL, text, "the command line", err)) {
        return WEIR_CLI_USAGE;
    }
    return WEIR_OK;
}

/* What was acknowledged when we were called, not what comes in while we wait. */
static int wait_loaded(struct weir_workspace *workspace, weir_time timeout, struct weir_error *err)
{
    uint64_t next_seq;
    const char *log = weir_workspace_path(workspace, "log");
    int code = log ? weir_eventlog_durable_seq(log, &next_seq, err)
                   : weir_fail(err, WEIR_ENOMEM, "out of memory");
    return code ? code : weir_loaded_wait(workspace, next_seq, timeout, err);
}

static int run_status(struct weir_cli *cli, struct weir_error *err)
{
    struct status s = {0};
    weir_time timeout;
    bool wait = weir_args_has(cli->args, "wait-loaded");
    bool json = weir_args_has(cli->args, "json");
    weir_buf_init(&s.server_text, 1 << 20);
    int code = parse_timeout(cli->args, &timeout, err);
    code = code ? code : weir_cli_workspace(cli, &s.workspace, err);
    if (!code && wait) {
        code = wait_loaded(s.workspace, timeout, err);
    }
    if (!code && (json || !wait)) {
        code = gather(&s, err);
        if (!code && json) {
            code = show_json(&s, err);
        } else if (!code) {
            show(&s);
        }
    }
    weir_buf_free(&s.server_text);
    weir_workspace_close(s.workspace);
    return code;
}

static const struct weir_flag status_flags[] = {
    {"wait-loaded", 'w', NULL,
     "return when all that was acknowledged before the call can be queried; prints nothing", false},
    {"timeout", 't', "DURATION", "how long to wait: 500ms, 30s, 5m; 60s by default", false},
    {"json", 0, NULL, "print JSON", false},
    {0},
};
const struct weir_command weir_command_status = {
    .name = "status",
    .summary = "Show what runs, and how far loading is",
    .operands = "",
    .help = "Works when nothing runs, too. With --wait-loaded the exit code is 1, and the reason "
            "is told, when the events are not loaded in time or nothing runs that would load "
            "them.\n\n"
            "  weir status --wait-loaded && weir query 'select count(*) from web.tracks'",
    .flags = status_flags,
    .run = run_status,
};
