/* `weir replay`: through the server when one runs, otherwise in this process. */
#include <inttypes.h>
#include <poll.h>
#include <string.h>

#include "base/json.h"
#include "base/json_write.h"
#include "cli/commands.h"
#include "io/client.h"
#include "load/load.h"
#include "serve/serve.h"

enum { ANSWER_BYTES = 1 << 20, ASK_EVERY_MS = 250, CALL_SECONDS = 30 };

struct ask {
    const struct weir_cli *cli;
    struct weir_workspace *workspace;
    struct weir_replay what;
    struct weir_replay_report report;
    struct weir_progress progress;
};

static int read_time_flag(const struct weir_cli *cli, const char *flag, weir_time *out,
                          struct weir_error *err)
{
    const char *text = weir_args_value(cli->args, flag);
    if (!text || weir_time_parse_lenient(weir_str_of(text), out)) {
        return WEIR_OK;
    }
    return weir_fail(err, WEIR_EINVAL,
                     "--%s %s is no time; write 2026-01-31 or "
                     "2026-01-31T12:00:00Z",
                     flag, text);
}

static void show_progress(uint64_t done, uint64_t total, void *arg)
{
    struct ask *a = arg;
    a->progress.total = total;
    weir_progress_update(&a->progress, done);
}

/* --- through the server ------------------------------------------------------------------------
 */

static void print_request(const struct ask *a, struct weir_buf *out)
{
    struct weir_jw w = weir_jw_on(out);
    weir_jw_object(&w);
    if (a->what.source) {
        weir_jw_kstrz(&w, "source", a->what.source);
    }
    if (a->what.event) {
        weir_jw_kstrz(&w, "event", a->what.event);
    }
    if (a->what.from != WEIR_TIME_MIN) {
        weir_jw_ktime(&w, "from", a->what.from);
    }
    if (a->what.to != WEIR_TIME_MAX) {
        weir_jw_ktime(&w, "to", a->what.to);
    }
    weir_jw_kbool(&w, "dry_run", a->what.dry_run);
    weir_jw_object_end(&w);
}

static uint64_t number(struct weir_json object, const char *key)
{
    uint64_t value = 0;
    weir_json_u64(weir_json_get(object, key), &value);
    return value;
}

/* What the server says; *over when the replay has ended. */
static int read_answer(struct ask *a, struct weir_json_parser *parser, struct weir_buf *body,
                       bool *over, struct weir_error *err)
{
    struct weir_json root;
    int code = weir_json_parse(parser, weir_buf_str(body), &root, err);
    if (code) {
        return weir_error_prefix(err, code, "the server's answer");
    }
    struct weir_json error = weir_json_get(root, "error");
    if (weir_json_exists(error)) {
        struct weir_str why = weir_json_get_str(error, "message");
        return weir_fail(err, WEIR_EIO, WEIR_STR_FMT, WEIR_STR_ARG(why));
    }
    show_progress(number(root, "done"), number(root, "total"), a);
    struct weir_json report = weir_json_get(root, "report");
    *over = weir_json_exists(report);
    a->report = (struct weir_replay_report){number(report, "records"), number(report, "events"),
                                            number(report, "tables"), number(report, "discards")};
    return WEIR_OK;
}

/* WEIR_ENOENT: no server runs. */
static int ask_server(struct ask *a, struct weir_error *err)
{
    struct weir_buf request, answer;
    struct weir_json_parser *parser = weir_json_parser_new(16);
    weir_buf_init(&request, ANSWER_BYTES);
    weir_buf_init(&answer, ANSWER_BYTES);
    print_request(a, &request);
    struct weir_client_call call = {.address = weir_workspace_path(a->workspace, "run/serve.sock"),
                                    .method = "POST",
                                    .target = "/api/replay",
                                    .type = "application/json",
                                    .body = weir_buf_str(&request),
                                    .timeout = CALL_SECONDS * WEIR_SECOND};
    bool over = false;
    int code = call.address && parser ? weir_buf_check(&request, "the request", err)
                                      : weir_fail(err, WEIR_ENOMEM, "out of memory");
    code = code ? code : weir_client_fetch(&call, NULL, &answer, err);
    code = code ? code : read_answer(a, parser, &answer, &over, err);
    call.method = "GET";
    call.type = NULL;
    call.body = (struct weir_str){NULL, 0};
    while (!code && !over) {
        poll(NULL, 0, ASK_EVERY_MS);
        weir_buf_reset(&answer);
        code = weir_client_fetch(&call, NULL, &answer, err);
        if (code == WEIR_ENOENT) {
            code = weir_fail(err, WEIR_EIO,
                             "the server has stopped during the replay; the tables "
                             "are as they were before it");
        }
        code = code ? code : read_answer(a, parser, &answer, &over, err);
    }
    weir_json_parser_free(parser);
    weir_buf_free(&request);
    weir_buf_free(&answer);
    return code;
}

/* --- without a server --------------------------------------------------------------------------
 */

static int replay_here(struct ask *a, struct weir_error *err)
{
    struct weir_warehouse *warehouse = NULL;
    struct weir_loader *loader = NULL;
    int code = weir_serve_open_warehouse(a->workspace, false, &a->cli->log, &warehouse, err);
    code = code ? code : weir_loader_new(a->workspace, warehouse, &a->cli->log, &loader, err);
    code = code ? code : weir_loader_replay(loader, &a->what, &a->report, err);
    weir_loader_free(loader);
    weir_warehouse_close(warehouse);
    return code;
}

static int run(struct weir_cli *cli, struct weir_error *err)
{
    struct ask a = {.cli = cli,
                    .what = {.source = weir_args_value(cli->args, "source"),
                             .event = weir_args_value(cli->args, "event"),
                             .from = WEIR_TIME_MIN,
                             .to = WEIR_TIME_MAX,
                             .dry_run = weir_args_has(cli->args, "dry-run"),
                             .progress = show_progress}};
    a.what.arg = &a;
    int code = read_time_flag(cli, "from", &a.what.from, err);
    code = code ? code : read_time_flag(cli, "to", &a.what.to, err);
    code = code ? code : weir_cli_workspace(cli, &a.workspace, err);
    if (code) {
        return code;
    }
    weir_progress_begin(&a.progress, "replaying", 0);
    code = ask_server(&a, err);
    if (code == WEIR_ENOENT) {
        code = replay_here(&a, err);
    }
    weir_progress_end(&a.progress, a.report.records);
    if (!code) {
        printf("%s %" PRIu64 " request%s: %" PRIu64 " events in %" PRIu64 " tables, %" PRIu64
               " rows of weir.discards.\n",
               a.what.dry_run ? "Would replay" : "Replayed", a.report.records,
               a.report.records == 1 ? "" : "s", a.report.events, a.report.tables,
               a.report.discards);
    }
    weir_workspace_close(a.workspace);
    return code;
}

static const struct weir_flag flags[] = {
    {"source", 's', "NAME", "only this source's requests", false},
    {"event", 'e', "NAME", "only this track event, as it is called in code", false},
    {"from", 0, "TIME", "only what was received at or after this time", false},
    {"to", 0, "TIME", "only what was received before this time", false},
    {"dry-run", 'n', NULL, "count, change nothing", false},
    {0},
};

const struct weir_command weir_command_replay = {
    .name = "replay",
    .summary = "Build tables from the event log again",
    .operands = "",
    .help = "Rows are made with today's rules beside the live tables and take their place at once; "
            "collection and loading go on meanwhile. Without --event, --from and --to whole tables "
            "are replaced, and the types of their columns are found anew.",
    .flags = flags,
    .run = run,
};
