/* The checks of `weir doctor`. Each says one thing, and what to do when it is not well. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/json.h"
#include "base/yaml.h"
#include "cli/doctor.h"
#include "cli/settings.h"
#include "cli/unread.h"
#include "eventlog/eventlog.h"
#include "io/client.h"
#include "io/file.h"
#include "io/http.h"
#include "io/loop.h"
#include "io/process.h"
#include "source/source.h"
#include "warehouse/warehouse.h"

#define OK             WEIR_HEALTH_OK
#define WARNING        WEIR_HEALTH_WARNING
#define PROBLEM        WEIR_HEALTH_PROBLEM
#define find           weir_doctor_find
#define ANSWER_IN      (2 * WEIR_SECOND)
#define WANTED_FILES   4096
#define UNREAD_NEWS    (24 * 3600 * WEIR_SECOND)
#define EARLIEST_CLOCK (INT64_C(1735689600) * WEIR_SECOND) /* 2025-01-01: weir is younger */

/* --- the machine -------------------------------------------------------------------------------
 */

static void check_versions(struct weir_doctor *d)
{
    struct utsname u;
    uname(&u);
    find(d, OK, "version", "weir " WEIR_VERSION " on %s %s", u.sysname, u.release);
    find(d, OK, "libraries", "duckdb %s, libevent %s, zstd %s, zlib %s, simdjson %s, libfyaml %s",
         weir_warehouse_library_version(&weir_warehouse_duckdb), weir_loop_library_version(),
         weir_http_zstd_version(), weir_http_zlib_version(), weir_json_library_version(),
         weir_yaml_library_version());
}

static void check_clock(struct weir_doctor *d)
{
    struct timex state = {0};
    char now[28];
    weir_time_format(weir_now(), now);
    if (weir_now() < EARLIEST_CLOCK) {
        find(d, PROBLEM, "clock", "the clock says %s; events would get wrong times: set it", now);
    } else if (adjtimex(&state) >= 0 && (state.status & STA_UNSYNC)) {
        find(d, WARNING, "clock",
             "%s, but no time service keeps it right; run one (chrony, systemd-timesyncd): times "
             "of events are corrected by this clock",
             now);
    } else {
        find(d, OK, "clock", "%s, kept by a time service", now);
    }
}

static void check_files(struct weir_doctor *d)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit)) {
        find(d, WARNING, "files", "the limit of open files cannot be read");
    } else if (limit.rlim_cur < WANTED_FILES) {
        find(d, WARNING, "files",
             "at most %" PRIu64 " open files, which is as many connections as the collector can "
             "hold; raise it (ulimit -n 65536, or LimitNOFILE= in the systemd unit)",
             (uint64_t)limit.rlim_cur);
    } else {
        find(d, OK, "files", "up to %" PRIu64 " open files", (uint64_t)limit.rlim_cur);
    }
}

void weir_doctor_machine(struct weir_doctor *d)
{
    check_versions(d);
    check_clock(d);
    check_files(d);
}

/* --- the workspace -----------------------------------------------------------------------------
 */

static void check_sources(struct weir_doctor *d)
{
    struct weir_sources sources;
    struct weir_error err = {0};
    if (weir_sources_load(d->workspace, &sources, &err)) {
        struct weir_str rest = weir_str_of(err.message);
        while (rest.ptr) {
            struct weir_str line = weir_str_cut(&rest, '\n');
            find(d, PROBLEM, "sources", WEIR_STR_FMT, WEIR_STR_ARG(line));
        }
        return;
    }
    if (sources.count == 0) {
        find(d, WARNING, "sources", "none, so no event can come in; `weir source add web`");
    } else {
        find(d, OK, "sources", "%zu, %s", sources.count,
             sources.strict ? "unknown write keys are refused"
                            : "unknown write keys are kept in quarantine");
    }
    weir_sources_free(&sources);
}

static void check_git(struct weir_doctor *d)
{
    char *dot_git = weir_path_join(d->workspace->dir, ".git");
    bool repository = dot_git && access(dot_git, F_OK) == 0;
    free(dot_git);
    if (!repository) {
        find(d, WARNING, "git", "the workspace is no repository; `git init %s` keeps its history",
             d->workspace->dir);
    } else {
        find(d, OK, "git", "the workspace is a repository");
    }
}

/* By trying: a mode says nothing about read-only mounts, quotas and other users' folders. */
static void check_folder(struct weir_doctor *d)
{
    const char *data = d->workspace->data;
    const char *probe = weir_workspace_path(d->workspace, "doctor.probe");
    struct weir_error err = {0};
    struct stat st;
    int code = probe ? weir_dir_make(data, 0700, &err) : WEIR_ENOMEM;
    code = code ? code : weir_file_replace(probe, WEIR_STR("probe\n"), 0600, &err);
    if (code) {
        find(d, PROBLEM, "folder", "%s cannot be written (%s); give it to the user that runs weir",
             data, err.message);
        return;
    }
    unlink(probe);
    if (stat(data, &st) == 0 && (st.st_mode & 077)) {
        find(d, WARNING, "folder", "%s is open to other users (mode %03o); chmod 700 it", data,
             st.st_mode & 0777);
    } else if (st.st_uid != geteuid()) {
        find(d, WARNING, "folder",
             "%s belongs to another user (uid %u); what you start now makes files that weir may "
             "not write",
             data, (unsigned)st.st_uid);
    } else {
        find(d, OK, "folder", "%s can be written", data);
    }
}

static void check_disk(struct weir_doctor *d)
{
    uint64_t free_bytes, guard;
    struct weir_error err = {0};
    if (weir_disk_free(weir_disk_folder(d->workspace), &free_bytes, &err) ||
        weir_settings_bytes(d->workspace, "log", "keep_free", &guard, &err)) {
        find(d, PROBLEM, "disk", "%s", err.message);
        return;
    }
    double gb = (double)free_bytes / (1 << 30);
    if (free_bytes < guard) {
        find(d, PROBLEM, "disk",
             "%.2f GB free, less than log.keep_free: events are answered 503 until there is room",
             gb);
    } else if (free_bytes < guard + (UINT64_C(4) << 30)) {
        find(d, WARNING, "disk", "%.1f GB free; make room before collection stops", gb);
    } else {
        find(d, OK, "disk", "%.1f GB free", gb);
    }
}

bool weir_doctor_workspace(struct weir_doctor *d)
{
    struct weir_error err = {0};
    if (weir_workspace_open(d->dir, &d->workspace, &err)) {
        find(d, PROBLEM, "settings", "%s", err.message);
        return false;
    }
    if (weir_settings_check(d->workspace, &err)) {
        find(d, PROBLEM, "settings", "%s", err.message);
        return false;
    }
    find(d, OK, "settings", "%s/weir.yml", d->workspace->dir);
    check_sources(d);
    check_git(d);
    check_folder(d);
    weir_doctor_files(d);
    check_disk(d);
    return true;
}

/* --- what runs ---------------------------------------------------------------------------------
 */

/* `address`: where it listens, "" when it did not say. */
static void check_part(struct weir_doctor *d, const char *part, bool answers, const char *address)
{
    struct weir_error err = {0};
    const char *listen = NULL;
    char bound[64];
    int fd;
    if (weir_settings_text(d->workspace, part, "listen", &listen, &err)) {
        find(d, PROBLEM, part, "%s", err.message);
    } else if (answers) {
        find(d, OK, part, "answers%s%s", *address ? " at http://" : "", address);
    } else if (d->up) {
        find(d, PROBLEM, part, "does not answer although `weir up` runs; see its log");
    } else if (weir_http_bind(listen, &fd, bound, &err)) {
        find(d, PROBLEM, part, "%s.listen: %s", part, err.message);
    } else {
        close(fd);
        find(d, OK, part, "does not run; %s is free", listen);
    }
}

void weir_doctor_running(struct weir_doctor *d)
{
    struct weir_error err = {0};
    struct weir_addresses addresses;
    d->up = weir_up_runs(d->workspace);
    int code = weir_addresses_read(d->workspace, &addresses, &err);
    if (code == WEIR_OK && !d->up) {
        find(d, WARNING, "run",
             ".weir/run/addresses.json is left over from a weir that was killed; the next `weir "
             "up` removes it");
    }
    char changed[640];
    if (code == WEIR_OK && d->up && weir_listen_changed(d->workspace, &addresses, changed)) {
        find(d, WARNING, "settings", "%s; restart `weir up` to listen there", changed);
    }
    char trouble[160];
    check_part(d, "collect", weir_collector_answers(d->workspace, ANSWER_IN, trouble),
               addresses.collect);
    if (trouble[0]) {
        find(d, PROBLEM, "collect", "takes no events, SDKs get 503 and try again: %s", trouble);
    }
    code = weir_server_fetch(d->workspace, ANSWER_IN, &d->server, NULL, &err);
    d->serve = code == WEIR_OK;
    check_part(d, "serve", d->serve, d->server.address);
    if (code && code != WEIR_ENOENT) {
        find(d, PROBLEM, "serve", "%s", err.message);
    } else if (d->serve && d->server.error[0]) {
        find(d, PROBLEM, "loader", "is retrying: %s", d->server.error);
    } else if (d->serve) {
        find(d, OK, "loader", "runs");
    }
}

/* --- the data ----------------------------------------------------------------------------------
 */

struct log_sum {
    uint64_t segments, bytes, damaged;
    weir_time last_at;
    struct weir_eventlog_damage first;
};

static int sum_segment(const struct weir_eventlog_segment *segment, void *arg)
{
    struct log_sum *sum = arg;
    sum->segments++;
    sum->bytes += segment->bytes;
    sum->last_at = segment->last_at > sum->last_at ? segment->last_at : sum->last_at;
    return 0;
}

static void on_damage(const struct weir_eventlog_damage *damage, void *arg)
{
    struct log_sum *sum = arg;
    if (sum->damaged++ == 0) {
        sum->first = *damage;
    }
}

static void check_log(struct weir_doctor *d)
{
    struct log_sum sum = {0};
    struct weir_error err = {0};
    uint64_t next_seq = 1;
    const char *log = weir_workspace_path(d->workspace, "log");
    if (!log || weir_eventlog_durable_seq(log, &next_seq, &err) ||
        weir_eventlog_each_segment(log, d->deep, sum_segment, on_damage, &sum, &err)) {
        find(d, PROBLEM, "log", "%s", err.message);
        return;
    }
    if (sum.damaged) {
        find(d, PROBLEM, "log",
             "%" PRIu64 " damaged places, the first in %s at byte %" PRIu64
             "; `weir log verify` lists them; restore those segments from a backup",
             sum.damaged, sum.first.segment, sum.first.offset);
    } else {
        find(d, OK, "log", "%" PRIu64 " requests in %" PRIu64 " segments, %.1f MB%s", next_seq - 1,
             sum.segments, (double)sum.bytes / (1 << 20), d->deep ? ", all verified" : "");
    }
    if (sum.last_at > weir_now() + 60 * WEIR_SECOND) {
        find(d, WARNING, "log", "its last event is from the future: the clock was set back");
    }
}

/* Old ones are told by `weir status`. */
static void check_unread(struct weir_doctor *d)
{
    struct weir_unread_sum sum;
    weir_unread_sum(d->workspace, &sum);
    if (sum.count && weir_now() - sum.last_at < UNREAD_NEWS) {
        find(d, WARNING, "unread",
             "%" PRIu64 " requests were refused unread, the last one in the last day: %s; their "
             "events are lost unless the sender mends them: .weir/unread.ndjson says who",
             sum.count, sum.what);
    }
}

/* The engine itself, without a database. */
static void check_engine(struct weir_doctor *d)
{
    struct weir_warehouse_options options = {.path = ":memory:", .threads = 1};
    struct weir_warehouse *warehouse = NULL;
    struct weir_error err = {0};
    if (weir_warehouse_open(&weir_warehouse_duckdb, &options, &warehouse, &err)) {
        find(d, PROBLEM, "warehouse", "its engine does not start: %s", err.message);
    } else {
        find(d, OK, "warehouse", "none yet, `weir up` makes it; the engine is %s",
             weir_warehouse_version(warehouse));
    }
    weir_warehouse_close(warehouse);
}

/* While a server has it open it alone can say how the warehouse is. */
static void check_open_warehouse(struct weir_doctor *d)
{
    double mb = (double)d->server.warehouse_bytes / (1 << 20);
    if (d->server.warehouse_well) {
        find(d, OK, "warehouse", "%.1f MB, open in `weir serve` with %s", mb, d->server.engine);
    } else {
        find(d, PROBLEM, "warehouse",
             "%.1f MB, and `weir serve` is reopening it after an error; see its log", mb);
    }
}

/* What sources whose files are gone left at their servers. A server that runs has the warehouse. */
static void check_left(struct weir_doctor *d, struct weir_warehouse *warehouse)
{
    struct weir_session *session = NULL;
    struct weir_source_left *left = NULL;
    struct weir_error err = {0};
    struct weir_arena arena;
    size_t count = 0;
    weir_arena_init(&arena, 4u << 20);
    int code = weir_session_new(warehouse, WEIR_SESSION_OWNER, &session, &err);
    code = code ? code
                : weir_source_left_read(session, d->workspace->dir, &arena, &left, &count, &err);
    for (size_t i = 0; i < count; i++) {
        find(d, PROBLEM, "sources", "%s", left[i].says);
    }
    if (code) {
        find(d, PROBLEM, "sources", "what they left at their servers is not known: %s",
             err.message);
    }
    weir_session_free(session);
    weir_arena_free(&arena);
}

static void ask_left(struct weir_doctor *d)
{
    struct weir_client_call call = {.address = weir_workspace_path(d->workspace, "run/serve.sock"),
                                    .method = "GET",
                                    .target = "/api/sources",
                                    .timeout = ANSWER_IN};
    struct weir_json_parser *parser = weir_json_parser_new(16);
    struct weir_json root, one;
    struct weir_error err = {0};
    struct weir_buf answer;
    int status = 0;
    weir_buf_init(&answer, 64u << 20);
    int code = parser && call.address ? weir_client_fetch(&call, &status, &answer, &err)
                                      : weir_fail(&err, WEIR_ENOMEM, "out of memory");
    code = code || status == 200 ? code : weir_fail(&err, WEIR_EINVAL, "it answers %d", status);
    code = code ? code : weir_json_parse(parser, weir_buf_str(&answer), &root, &err);
    if (code) {
        find(d, WARNING, "sources", "the server does not tell how they stand: %s", err.message);
    } else {
        struct weir_json_iter it = weir_json_begin(weir_json_get(root, "left"));
        while (weir_json_next(&it, NULL, &one)) {
            find(d, PROBLEM, "sources", WEIR_STR_FMT, WEIR_STR_ARG(weir_json_get_str(one, "note")));
        }
    }
    weir_json_parser_free(parser);
    weir_buf_free(&answer);
}

static void check_warehouse(struct weir_doctor *d)
{
    const char *path = weir_workspace_path(d->workspace, "warehouse.duckdb");
    struct weir_warehouse_options options = {.path = path, .threads = 1, .read_only = true};
    struct weir_warehouse *warehouse = NULL;
    struct weir_error err = {0};
    struct stat st;
    int code;
    if (!path || stat(path, &st)) {
        check_engine(d);
        return;
    }
    double mb = (double)st.st_size / (1 << 20);
    if (d->serve) {
        check_open_warehouse(d);
        ask_left(d);
    } else if (d->up) {
        find(d, WARNING, "warehouse", "%.1f MB; not checked while its server does not answer", mb);
    } else if ((code = weir_warehouse_open(&weir_warehouse_duckdb, &options, &warehouse, &err)) ==
               WEIR_EBUSY) { /* nothing is wrong with the file */
        find(d, PROBLEM, "warehouse", "%s", err.message);
    } else if (code) {
        find(d, PROBLEM, "warehouse",
             "%s. What came from events is rebuilt from the event log: move the file away and "
             "start weir",
             err.message);
    } else {
        find(d, OK, "warehouse", "%.1f MB, opens with %s", mb, weir_warehouse_version(warehouse));
        check_left(d, warehouse);
    }
    weir_warehouse_close(warehouse);
}

void weir_doctor_data(struct weir_doctor *d)
{
    check_log(d);
    check_unread(d);
    check_warehouse(d);
}
