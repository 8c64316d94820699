/* `weir sync`: through the server when one runs, otherwise in this process. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/json_write.h"
#include "cli/commands.h"
#include "io/client.h"
#include "serve/serve.h"
#include "source/source.h"

enum {
    ANSWER_BYTES = 64 << 20,
    ASK_EVERY_MS = 50,
    CALL_SECONDS = 60,
    NAME_SIZE = 256,
    NAMES_SIZE = 300
};

struct sync {
    const struct weir_cli *cli;
    bool verify; /* `weir verify` */
    struct weir_workspace *workspace;
    struct weir_json_parser *parser;
    struct weir_buf answer;
    struct weir_progress progress;
    /* without a server */
    struct weir_warehouse *warehouse;
    struct weir_source_site site;
};

/* --- telling ------------------------------------------------------------------------------------
 */

static uint64_t number(struct weir_json object, const char *key)
{
    uint64_t value = 0;
    weir_json_u64(weir_json_get(object, key), &value);
    return value;
}

static void show_status(struct weir_json stream)
{
    printf(WEIR_STR_FMT "." WEIR_STR_FMT "  " WEIR_STR_FMT,
           WEIR_STR_ARG(weir_json_get_str(stream, "schema")),
           WEIR_STR_ARG(weir_json_get_str(stream, "table")),
           WEIR_STR_ARG(weir_json_get_str(stream, "status")));
}

static void show_changes(struct weir_json stream)
{
    struct weir_json change;
    struct weir_json_iter it = weir_json_begin(weir_json_get(stream, "changes"));
    putchar('\n');
    while (weir_json_next(&it, NULL, &change)) {
        struct weir_str text = WEIR_STR("");
        weir_json_str(change, &text);
        printf("  " WEIR_STR_FMT "\n", WEIR_STR_ARG(text));
    }
}

static void show_stream(struct weir_json stream)
{
    struct weir_str error = weir_json_get_str(stream, "error");
    show_status(stream);
    if (weir_str_is(weir_json_get_str(stream, "status"), "loaded")) {
        printf(": %llu rows read, %llu written, %llu discarded, %llu superseded",
               (unsigned long long)number(stream, "rows_read"),
               (unsigned long long)number(stream, "rows_written"),
               (unsigned long long)number(stream, "rows_discarded"),
               (unsigned long long)number(stream, "rows_superseded"));
        if (number(stream, "rows_deleted")) {
            printf(", %llu gone at the source", (unsigned long long)number(stream, "rows_deleted"));
        }
    } else if (error.len) {
        printf(": " WEIR_STR_FMT, WEIR_STR_ARG(error));
    }
    show_changes(stream);
}

static void show_files(struct weir_json stream)
{
    struct weir_json_iter it = weir_json_begin(weir_json_get(stream, "files"));
    struct weir_json one;
    while (weir_json_next(&it, NULL, &one)) {
        printf("  in " WEIR_STR_FMT ": %llu missing, %llu extra, %llu different\n",
               WEIR_STR_ARG(weir_json_get_str(one, "file")),
               (unsigned long long)number(one, "missing"), (unsigned long long)number(one, "extra"),
               (unsigned long long)number(one, "different"));
    }
}

static void show_compared(struct weir_json stream)
{
    struct weir_str error = weir_json_get_str(stream, "error");
    struct weir_json one;
    show_status(stream);
    if (weir_str_is(weir_json_get_str(stream, "status"), "failed") ||
        weir_str_is(weir_json_get_str(stream, "status"), "refused")) {
        printf(": " WEIR_STR_FMT "\n", WEIR_STR_ARG(error));
        return;
    }
    if (weir_str_is(weir_json_get_str(stream, "status"), "gone")) {
        show_changes(stream);
        return;
    }
    printf(": %llu rows, %llu missing, %llu extra, %llu different",
           (unsigned long long)number(stream, "rows"),
           (unsigned long long)number(stream, "missing"),
           (unsigned long long)number(stream, "extra"),
           (unsigned long long)number(stream, "different"));
    if (number(stream, "pending")) {
        printf(", %llu that the next run reads", (unsigned long long)number(stream, "pending"));
    }
    if (number(stream, "kept")) {
        printf(", %llu that only the table has, and that stay",
               (unsigned long long)number(stream, "kept"));
    }
    if (number(stream, "set_aside")) {
        printf(", %llu set aside", (unsigned long long)number(stream, "set_aside"));
    }
    putchar('\n');
    show_files(stream);
    struct weir_json_iter it = weir_json_begin(weir_json_get(stream, "keys"));
    while (weir_json_next(&it, NULL, &one)) {
        struct weir_buf key;
        weir_buf_init(&key, 65536);
        weir_json_print(weir_json_get(one, "key"), &key);
        printf("  " WEIR_STR_FMT " %s\n", WEIR_STR_ARG(weir_json_get_str(one, "what")),
               weir_buf_cstr(&key));
        weir_buf_free(&key);
    }
    it = weir_json_begin(weir_json_get(stream, "not_compared"));
    while (weir_json_next(&it, NULL, &one)) {
        struct weir_str name = WEIR_STR("");
        (void)weir_json_str(one, &name);
        printf("  not compared: " WEIR_STR_FMT
               " (the table of a list, or a column that the next run brings to its type)\n",
               WEIR_STR_ARG(name));
    }
}

/* The run's error is that of its first stream that failed. */
static int fail(const struct sync *s, struct weir_json report, struct weir_str error,
                struct weir_error *err)
{
    char names[NAMES_SIZE] = "";
    size_t count = 0, named = 0, len = 0;
    struct weir_json stream;
    struct weir_str source = weir_json_get_str(report, "source"), first = error;
    struct weir_json_iter it = weir_json_begin(weir_json_get(report, "streams"));
    while (!s->verify && weir_json_next(&it, NULL, &stream)) {
        struct weir_str status = weir_json_get_str(stream, "status");
        struct weir_str name = weir_json_get_str(stream, "stream");
        if (!weir_str_is(status, "failed") && !weir_str_is(status, "mismatch")) {
            continue;
        }
        count++;
        if (named + 1 == count && len + name.len + 2 < sizeof names) {
            len += (size_t)snprintf(names + len, sizeof names - len, "%s" WEIR_STR_FMT,
                                    named ? ", " : "", WEIR_STR_ARG(name));
            named++;
        }
    }
    if (count < 2) {
        return weir_fail(err, WEIR_EIO, WEIR_STR_FMT, WEIR_STR_ARG(error));
    }
    if (weir_str_starts(first, source) && first.len > source.len + 2 &&
        first.ptr[source.len] == ':') {
        first = (struct weir_str){first.ptr + source.len + 2, first.len - source.len - 2};
    }
    char more[32] = "";
    if (named < count) {
        snprintf(more, sizeof more, " and %zu more", count - named);
    }
    return weir_fail(err, WEIR_EIO,
                     WEIR_STR_FMT ": %zu streams failed: %s%s; the first: " WEIR_STR_FMT,
                     WEIR_STR_ARG(source), count, names, more, WEIR_STR_ARG(first));
}

static int show(struct sync *s, struct weir_json report, struct weir_error *err)
{
    struct weir_json stream;
    struct weir_str error = weir_json_get_str(report, "error");
    if (weir_args_has(s->cli->args, "json")) {
        struct weir_buf out;
        weir_buf_init(&out, ANSWER_BYTES);
        weir_json_print(report, &out);
        puts(weir_buf_cstr(&out));
        weir_buf_free(&out);
    } else {
        struct weir_json_iter it = weir_json_begin(weir_json_get(report, "streams"));
        while (weir_json_next(&it, NULL, &stream)) {
            (s->verify ? show_compared : show_stream)(stream);
        }
    }
    return error.len ? fail(s, report, error, err) : 0;
}

/* --- through the server -------------------------------------------------------------------------
 */

/* The answer is in `root`. WEIR_ENOENT: no server runs. */
static int call(struct sync *s, const char *method, const char *target, const struct weir_buf *body,
                struct weir_json *root, struct weir_error *err)
{
    int status = 0;
    struct weir_client_call c = {.address = weir_workspace_path(s->workspace, "run/serve.sock"),
                                 .method = method,
                                 .target = target,
                                 .type = body ? "application/json" : NULL,
                                 .body = body ? weir_buf_str(body) : (struct weir_str){NULL, 0},
                                 .timeout = CALL_SECONDS * WEIR_SECOND};
    weir_buf_reset(&s->answer);
    int code = c.address ? weir_client_fetch(&c, &status, &s->answer, err)
                         : weir_fail(err, WEIR_ENOMEM, "out of memory");
    code = code ? code : weir_json_parse(s->parser, weir_buf_str(&s->answer), root, err);
    if (code == 0 && status >= 300) {
        struct weir_str why = weir_json_get_str(weir_json_get(*root, "error"), "message");
        code = weir_fail(err, WEIR_EIO, WEIR_STR_FMT, WEIR_STR_ARG(why));
    }
    return code;
}

static int wait_for(struct sync *s, const char *id, struct weir_error *err)
{
    char target[64];
    struct weir_json root = {NULL, 0};
    int code;
    snprintf(target, sizeof target, "/api/runs/%s", id);
    weir_progress_begin(&s->progress, "syncing", 0);
    do {
        poll(NULL, 0, ASK_EVERY_MS);
        code = call(s, "GET", target, NULL, &root, err);
        if (code == WEIR_ENOENT) {
            code = weir_fail(err, WEIR_EIO,
                             "the server has stopped during the run; what was not "
                             "loaded is read again by the next");
        }
        weir_progress_update(&s->progress, number(root, "rows"));
    } while (code == 0 && weir_str_is(weir_json_get_str(root, "state"), "running"));
    weir_progress_end(&s->progress, number(root, "rows"));
    return code ? code : show(s, weir_json_get(root, "report"), err);
}

static int by_server(struct sync *s, const char *source, const char *stream, struct weir_error *err)
{
    char target[NAME_SIZE], id[WEIR_SOURCE_RUN_SIZE];
    struct weir_buf body;
    struct weir_json root;
    weir_buf_init(&body, 4096);
    struct weir_jw w = weir_jw_on(&body);
    weir_jw_object(&w);
    if (stream) {
        weir_jw_kstrz(&w, "stream", stream);
    }
    for (size_t i = 0; i < 2; i++) {
        const char *key = i ? "to" : "from";
        if (!s->verify && weir_args_has(s->cli->args, key)) {
            weir_jw_kstrz(&w, key, weir_args_value(s->cli->args, key));
        }
    }
    weir_jw_kbool(&w, s->verify ? "repair" : "full",
                  weir_args_has(s->cli->args, s->verify ? "repair" : "full"));
    if (!s->verify && weir_args_has(s->cli->args, "moved")) {
        weir_jw_kbool(&w, "moved", true);
    }
    weir_jw_object_end(&w);
    snprintf(target, sizeof target, "/api/sources/%.64s/%s", source, s->verify ? "verify" : "sync");
    int code = call(s, "POST", target, &body, &root, err);
    weir_buf_free(&body);
    if (code) {
        return code;
    }
    snprintf(id, sizeof id, WEIR_STR_FMT, WEIR_STR_ARG(weir_json_get_str(root, "run")));
    if (!s->verify && !weir_args_has(s->cli->args, "wait")) {
        printf("%s: run %s goes on in the server; `weir sync --wait` waits for it.\n", source, id);
        return 0;
    }
    return wait_for(s, id, err);
}

/* --- without a server ---------------------------------------------------------------------------
 */

static int here(struct sync *s, const char *source, const char *stream, struct weir_error *err)
{
    char id[WEIR_SOURCE_RUN_SIZE];
    struct weir_error why = {0};
    struct weir_json root;
    struct weir_source_run run = {.site = &s->site,
                                  .log = &s->cli->log,
                                  .source = source,
                                  .stream = stream,
                                  .verify = s->verify};
    int code = 0;
    if (!s->warehouse) {
        code = weir_serve_open_warehouse(s->workspace, false, &s->cli->log, &s->warehouse, err);
        code = code ? code : weir_source_site_init(s->workspace, &s->site, err);
    }
    code = code ? code : weir_source_kept_check(&s->site, err);
    if (code) {
        return code;
    }
    run.warehouse = s->warehouse;
    if (s->verify) {
        run.repair = weir_args_has(s->cli->args, "repair");
    } else {
        run.from = weir_args_value(s->cli->args, "from");
        run.to = weir_args_value(s->cli->args, "to");
        run.full = weir_args_has(s->cli->args, "full");
        run.moved = weir_args_has(s->cli->args, "moved");
    }
    weir_source_run_id(id);
    weir_buf_reset(&s->answer);
    struct weir_jw w = weir_jw_on(&s->answer);
    int failed = weir_source_sync(&run, id, &w, &why);
    code = weir_buf_check(&s->answer, "the run's report", err);
    code = code ? code : weir_json_parse(s->parser, weir_buf_str(&s->answer), &root, err);
    code = code ? code : show(s, root, err);
    return code || !failed ? code : weir_fail(err, failed, "%s", why.message);
}

/* --- all of them --------------------------------------------------------------------------------
 */

static int sync_one(struct sync *s, const char *source, const char *stream, struct weir_error *err)
{
    int code = s->warehouse ? WEIR_ENOENT : by_server(s, source, stream, err);
    return code == WEIR_ENOENT ? here(s, source, stream, err) : code;
}

static int sync_all(struct sync *s, struct weir_error *err)
{
    struct weir_sources sources = {0};
    struct weir_error why;
    int first = weir_sources_load_most(s->workspace, &sources, err);
    int code = first == WEIR_ENOMEM ? first : 0; /* one with a mistake keeps no other from it */
    if (first == 0 && sources.read_count == 0) {
        puts("No source is read from; `weir source add NAME --kind file --set path=FILE` makes "
             "one.");
    }
    size_t rest = 0;
    for (size_t i = 0; code == 0 && i < sources.read_count; i++) {
        bool paused = false;
        if (weir_source_is_paused(s->workspace->dir, sources.read[i].name, &paused, &why) == 0 &&
            paused) {
            rest++;
            continue;
        }
        int one = sync_one(s, sources.read[i].name, NULL, &why);
        if (one && first) {
            fprintf(stderr, "weir: %s\n", why.message);
        } else if (one) {
            first = weir_fail(err, one, "%s", why.message);
        }
    }
    if (rest && rest == sources.read_count && first == 0 && !weir_args_has(s->cli->args, "json")) {
        puts("All sources are paused; `weir source resume NAME` takes one in again.");
    }
    weir_sources_free(&sources);
    return code ? code : first;
}

static int run_either(struct weir_cli *cli, bool verify, struct weir_error *err)
{
    struct sync s = {.cli = cli, .verify = verify, .parser = weir_json_parser_new(32)};
    char name[NAME_SIZE] = "";
    const char *what = weir_args_at(cli->args, 0);
    snprintf(name, sizeof name, "%s", what ? what : "");
    char *stream = strchr(name, '.');
    if (stream) {
        *stream++ = 0;
    }
    weir_buf_init(&s.answer, ANSWER_BYTES);
    if (!verify && !what && (weir_args_has(cli->args, "from") || weir_args_has(cli->args, "to"))) {
        weir_json_parser_free(s.parser);
        return weir_fail(err, WEIR_CLI_USAGE, "--from needs a source: weir sync SOURCE --from …");
    }
    int code = s.parser ? weir_cli_workspace(cli, &s.workspace, err)
                        : weir_fail(err, WEIR_ENOMEM, "out of memory");
    if (code == 0) {
        code = what ? sync_one(&s, name, stream, err) : sync_all(&s, err);
    }
    weir_warehouse_close(s.warehouse);
    weir_json_parser_free(s.parser);
    weir_buf_free(&s.answer);
    weir_workspace_close(s.workspace);
    return code;
}

static int run(struct weir_cli *cli, struct weir_error *err)
{
    return run_either(cli, false, err);
}

static int run_verify(struct weir_cli *cli, struct weir_error *err)
{
    return run_either(cli, true, err);
}

static const struct weir_flag flags[] = {
    {"full", 0, NULL, "read everything again, and build the tables anew", false},
    {"moved", 0, NULL,
     "the database or account is the same as before, though its place or name is new: go on",
     false},
    {"from", 0, "VALUE", "read again what has this value or more in the cursor column", false},
    {"to", 0, "VALUE", "with --from: only what has less", false},
    {"wait", 'w', NULL, "wait for the end of runs in the server, and show what was loaded", false},
    {"json", 0, NULL, "print each run's report as JSON", false},
    {0},
};

const struct weir_command weir_command_sync = {
    .name = "sync",
    .summary = "Bring tables of sources up to date",
    .operands = "[SOURCE[.STREAM]]",
    .max_operands = 1,
    .help =
        "Reads what is new at the source since the last run: all sources that are not paused, "
        "one of them, or one of its streams. A run that fails or is killed has changed nothing; "
        "the next one goes on from where the last one ended. Every run is a row of weir.loads.\n\n"
        "--from fills a table again (streams with a cursor column and `mode: merge` or `history`); "
        "where "
        "the next run goes on stays as it was:\n\n"
        "  weir sync shop.orders --from 2026-11-01 --to 2026-11-08\n\n"
        "With a running server the runs go on in it, each on its own; without one, here, one "
        "after the other.",
    .flags = flags,
    .run = run,
};

static const struct weir_flag verify_flags[] = {
    {"repair", 0, NULL, "load again what differs", false},
    {"json", 0, NULL, "print the report as JSON", false},
    {0},
};

const struct weir_command weir_command_verify = {
    .name = "verify",
    .summary = "Compare tables with their source, row by row",
    .operands = "SOURCE[.STREAM]",
    .min_operands = 1,
    .max_operands = 1,
    .help =
        "In one snapshot of the source: how many rows there are, and sums over the text of every "
        "value, in parts by their keys; rows of parts that differ are read and compared. Shows "
        "which keys are missing, extra or different, keeps it in weir.verifications, and fails "
        "when any is. --repair loads just these again, in one transaction.\n\n"
        "Files and programs (kinds file, singer, airbyte) compute no sums: all of them is read "
        "anew, beside the tables, and compared there.\n\n"
        "`verify: cron 0 3 * * * Europe/Berlin` in the source's file does so each night.",
    .flags = verify_flags,
    .run = run_verify,
};
