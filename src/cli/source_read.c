/* `weir source check|discover|remove|pause|resume`: sources that weir reads from. They need no
 * server: what they change are files, which a running one reads when it needs them. */
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "base/json_write.h"
#include "cli/commands.h"
#include "io/client.h"
#include "serve/serve.h"
#include "source/define/config.h"
#include "source/source.h"
#include "workspace/git.h"

#define MAX_ANSWER     (64u << 20)
#define MAX_NOTE       (16u << 10)
#define REMOVE_TIMEOUT (60 * WEIR_SECOND)
#define LOCK_WAIT      (10 * WEIR_SECOND)

static void show_column(struct weir_json column)
{
    struct weir_str name = weir_json_get_str(column, "name");
    struct weir_str original = weir_json_get_str(column, "original");
    struct weir_str guess = weir_json_get_str(column, "guess");
    printf(guess.len ? "    %-30.*s %-10.*s" : "    %-30.*s %.*s", WEIR_STR_ARG(name),
           WEIR_STR_ARG(weir_json_get_str(column, "type")));
    if (guess.len) {
        printf(" " WEIR_STR_FMT, WEIR_STR_ARG(guess));
    }
    if (!weir_str_eq(name, original)) {
        printf("  (" WEIR_STR_FMT ")", WEIR_STR_ARG(original));
    }
    putchar('\n');
}

static void show_stream(struct weir_json root, struct weir_json stream)
{
    uint64_t files = 0, bytes = 0, rows = 0;
    bool follows = false;
    char size[32];
    struct weir_str refused = weir_json_get_str(stream, "refused");
    struct weir_str error = weir_json_get_str(stream, "error");
    struct weir_str guess = weir_json_get_str(stream, "guess");
    weir_json_u64(weir_json_get(stream, "files"), &files);
    weir_json_u64(weir_json_get(stream, "bytes"), &bytes);
    weir_json_u64(weir_json_get(stream, "rows"), &rows);
    weir_json_bool(weir_json_get(stream, "follows"), &follows);
    printf(WEIR_STR_FMT, WEIR_STR_ARG(weir_json_get_str(stream, "name")));
    if (refused.len) {
        printf("  is not loaded: " WEIR_STR_FMT "\n", WEIR_STR_ARG(refused));
        return;
    }
    printf("  →  " WEIR_STR_FMT "." WEIR_STR_FMT "  (" WEIR_STR_FMT,
           WEIR_STR_ARG(weir_json_get_str(root, "schema")),
           WEIR_STR_ARG(weir_json_get_str(stream, "table")),
           WEIR_STR_ARG(follows ? WEIR_STR("follows changes") : weir_json_get_str(stream, "mode")));
    if (files) {
        printf(", %llu file%s", (unsigned long long)files, files == 1 ? "" : "s");
    }
    if (rows) {
        printf(", about %llu row%s", (unsigned long long)rows, rows == 1 ? "" : "s");
    }
    printf("%s%s)\n", bytes ? ", " : "", bytes ? weir_cli_size(bytes, size) : "");
    if (guess.len) {
        printf("    " WEIR_STR_FMT "\n", WEIR_STR_ARG(guess));
    }
    if (error.len) {
        printf("    cannot be looked into: " WEIR_STR_FMT "\n", WEIR_STR_ARG(error));
    }
}

static void show(struct weir_json root, bool columns)
{
    struct weir_json stream, column, list;
    struct weir_str note = weir_json_get_str(root, "note");
    struct weir_json_iter it = weir_json_begin(weir_json_get(root, "streams"));
    while (weir_json_next(&it, NULL, &stream)) {
        show_stream(root, stream);
        struct weir_json_iter at = weir_json_begin(weir_json_get(stream, "columns"));
        while (columns && weir_json_next(&at, NULL, &column)) {
            show_column(column);
        }
        at = weir_json_begin(weir_json_get(stream, "lists"));
        while (columns && weir_json_next(&at, NULL, &list)) {
            printf("  →  " WEIR_STR_FMT "." WEIR_STR_FMT "  (a list)\n",
                   WEIR_STR_ARG(weir_json_get_str(root, "schema")),
                   WEIR_STR_ARG(weir_json_get_str(list, "table")));
            struct weir_json_iter of = weir_json_begin(weir_json_get(list, "columns"));
            while (weir_json_next(&of, NULL, &column)) {
                show_column(column);
            }
        }
    }
    if (note.len) {
        printf("\n" WEIR_STR_FMT "\n", WEIR_STR_ARG(note));
    }
}

static int discover(struct weir_cli *cli, bool columns, struct weir_error *err)
{
    struct weir_workspace *workspace = NULL;
    struct weir_source_site site;
    struct weir_json_parser *parser = weir_json_parser_new(16);
    struct weir_json root;
    struct weir_buf out;
    weir_buf_init(&out, MAX_ANSWER);
    struct weir_jw w = weir_jw_on(&out);
    int code = parser ? weir_cli_workspace(cli, &workspace, err)
                      : weir_fail(err, WEIR_ENOMEM, "out of memory");
    code = code ? code : weir_source_site_init(workspace, &site, err);
    code = code ? code : weir_source_discover(&site, weir_args_at(cli->args, 0), columns, &w, err);
    code = code ? code : weir_buf_check(&out, "the list of streams", err);
    if (code == 0 && weir_args_has(cli->args, "json")) {
        puts(weir_buf_cstr(&out));
    } else if (code == 0) {
        code = weir_json_parse(parser, weir_buf_str(&out), &root, err);
        if (code == 0) {
            show(root, columns);
        }
    }
    weir_json_parser_free(parser);
    weir_buf_free(&out);
    weir_workspace_close(workspace);
    return code;
}

/* What its file says and nothing at its source tells: a schedule that never comes. */
static int check_file(struct weir_cli *cli, struct weir_error *err)
{
    struct weir_workspace *workspace = NULL;
    struct weir_warehouse *engine = NULL;
    const char *name = weir_args_at(cli->args, 0);
    int code = weir_cli_workspace(cli, &workspace, err);
    code = code ? code : weir_source_check_file(workspace->dir, name, err);
    code = code ? code : weir_source_zones_check(workspace->dir, name, &engine, err);
    weir_warehouse_close(engine);
    weir_workspace_close(workspace);
    return code;
}

static int run_check(struct weir_cli *cli, struct weir_error *err)
{
    int code = discover(cli, false, err);
    return code ? code : check_file(cli, err);
}

static int run_discover(struct weir_cli *cli, struct weir_error *err)
{
    return discover(cli, true, err);
}

/* Its file went otherwise; what it left at its server is known by the warehouse, if by anybody. */
static int remove_gone(struct weir_cli *cli, struct weir_workspace *workspace, const char *name,
                       struct weir_buf *note, struct weir_error *err)
{
    struct weir_source_site site;
    struct weir_warehouse *warehouse = NULL;
    const char *file = weir_workspace_path(workspace, "warehouse.duckdb");
    if (!file || access(file, F_OK)) {
        return weir_source_exists(workspace->dir, name, err);
    }
    int code = weir_source_site_init(workspace, &site, err);
    code = code ? code : weir_serve_open_warehouse(workspace, false, &cli->log, &warehouse, err);
    code = code ? code : weir_source_leave_gone(&site, warehouse, name, note, err);
    weir_warehouse_close(warehouse);
    return code ? code : weir_source_forget(&site, name, err);
}

static int remove_here(struct weir_cli *cli, struct weir_workspace *workspace, const char *name,
                       struct weir_buf *note, struct weir_error *err)
{
    struct weir_source_site site;
    struct weir_source_config config;
    struct weir_warehouse *warehouse = NULL;
    struct weir_error ignored;
    int code = weir_source_site_init(workspace, &site, err);
    bool may = code == 0 && weir_source_may_keep(workspace->dir, name) &&
               weir_source_config_read(workspace->dir, name, &config, &ignored) == 0;
    code = code ? code : weir_source_remove(workspace, name, err);
    if (code == 0 && may) {
        if (weir_serve_open_warehouse(workspace, false, &cli->log, &warehouse, &ignored)) {
            warehouse = NULL; /* then it is told that it stays */
        }
        weir_source_leave(&site, warehouse, &config, note);
        weir_warehouse_close(warehouse);
    }
    if (may) {
        weir_source_config_free(&config);
    }
    return code ? code : weir_source_forget(&site, name, err);
}

/* Asks the server, and adds this member of its answer to `out`. WEIR_ENOENT: no server runs. What
 * stands at the source is known by whoever has the warehouse. */
static int ask_there(struct weir_workspace *workspace, const char *method, const char *name,
                     const char *member, struct weir_buf *out, struct weir_error *err)
{
    char target[320];
    int status = 0;
    struct weir_json_parser *parser = weir_json_parser_new(8);
    struct weir_json root = {NULL, 0};
    struct weir_buf answer;
    snprintf(target, sizeof target, "/api/sources/%.64s", name);
    struct weir_client_call call = {.address = weir_workspace_path(workspace, "run/serve.sock"),
                                    .method = method,
                                    .target = target,
                                    .timeout = REMOVE_TIMEOUT};
    weir_buf_init(&answer, MAX_ANSWER);
    int code = parser && call.address ? weir_client_fetch(&call, &status, &answer, err)
                                      : weir_fail(err, WEIR_ENOMEM, "out of memory");
    code = code || !answer.len ? code : weir_json_parse(parser, weir_buf_str(&answer), &root, err);
    if (code == 0 && status >= 300) {
        struct weir_str why = weir_json_get_str(weir_json_get(root, "error"), "message");
        code = weir_fail(err, WEIR_EINVAL, WEIR_STR_FMT, WEIR_STR_ARG(why));
    } else if (code == 0 && answer.len) {
        weir_buf_adds(out, weir_json_get_str(root, member));
    }
    weir_json_parser_free(parser);
    weir_buf_free(&answer);
    return code;
}

static int run_remove(struct weir_cli *cli, struct weir_error *err)
{
    struct weir_workspace *workspace = NULL;
    struct weir_buf note;
    const char *name = weir_args_at(cli->args, 0);
    weir_buf_init(&note, MAX_NOTE);
    int code = weir_cli_workspace(cli, &workspace, err);
    bool gone = code == 0 && weir_source_file_gone(workspace->dir, name);
    if (code == 0) {
        code = gone || weir_source_may_keep(workspace->dir, name)
                   ? ask_there(workspace, "DELETE", name, "note", &note, err)
                   : WEIR_ENOENT;
        code = code != WEIR_ENOENT ? code
               : gone              ? remove_gone(cli, workspace, name, &note, err)
                                   : remove_here(cli, workspace, name, &note, err);
    }
    if (code == 0) {
        printf(gone ? "Removed what was left of %s, whose file was gone, and the secrets %s.*; its "
                      "tables stay.\n"
                    : "Removed sources/%s.yml and the secrets %s.*; its tables stay.\n",
               name, name);
        if (note.len) {
            printf("But %s\n", weir_buf_cstr(&note));
        }
    }
    weir_buf_free(&note);
    weir_workspace_close(workspace);
    return code;
}

/* In turn with those who save in the web app. */
static int write_paused(const struct weir_workspace *workspace, const char *name, bool paused,
                        struct weir_error *err)
{
    struct weir_git *git = NULL;
    int code = weir_git_open(workspace->dir, &git, err);
    code = code == WEIR_ENOENT ? 0 : code; /* a workspace without git */
    code = code || !git ? code : weir_git_lock(git, LOCK_WAIT, err);
    code = code ? code : weir_source_pause(workspace->dir, name, paused, err);
    weir_git_close(git); /* and lets the next one */
    return code;
}

/* What stands at the source for it: where it is followed no more, or by another name, the warehouse
 * knows. */
static void look_for_kept(struct weir_cli *cli, struct weir_workspace *workspace, const char *name,
                          struct weir_buf *kept)
{
    struct weir_warehouse *warehouse = NULL;
    struct weir_error ignored;
    bool may = weir_source_may_keep(workspace->dir, name);
    int rc = may ? ask_there(workspace, "GET", name, "kept", kept, &ignored) : WEIR_ENOENT;
    if (rc == 0) {
        return;
    }
    if (may && rc == WEIR_ENOENT &&
        weir_serve_open_warehouse(workspace, false, &cli->log, &warehouse, &ignored)) {
        warehouse = NULL; /* then the file alone tells */
    }
    (void)weir_source_keeps(workspace->dir, warehouse, name, kept);
    weir_warehouse_close(warehouse);
}

static int put_paused(struct weir_cli *cli, bool paused, struct weir_error *err)
{
    struct weir_workspace *workspace = NULL;
    struct weir_buf kept;
    const char *name = weir_args_at(cli->args, 0);
    weir_buf_init(&kept, MAX_NOTE);
    int code = weir_cli_workspace(cli, &workspace, err);
    code = code ? code : write_paused(workspace, name, paused, err);
    if (code == 0 && paused) {
        look_for_kept(cli, workspace, name, &kept);
    }
    if (kept.len) {
        printf("Paused. Until it is resumed, %s; `weir source remove %s` ends that.\n",
               weir_buf_cstr(&kept), name);
    } else if (code == 0 && paused) {
        printf("Paused: nothing of %s runs by itself, nor by `weir sync` alone, until `weir source "
               "resume %s`.\n",
               name, name);
    } else if (code == 0) {
        printf("Resumed.\n");
    }
    weir_buf_free(&kept);
    weir_workspace_close(workspace);
    return code;
}

static int run_pause(struct weir_cli *cli, struct weir_error *err)
{
    return put_paused(cli, true, err);
}

static int run_resume(struct weir_cli *cli, struct weir_error *err)
{
    return put_paused(cli, false, err);
}

static const struct weir_flag json_flags[] = {
    {"json", 0, NULL, "print JSON", false},
    {0},
};

const struct weir_command weir_command_source_check = {
    .name = "source check",
    .summary = "Try the connection of a source, and list its streams",
    .operands = "NAME",
    .min_operands = 1,
    .max_operands = 1,
    .help = "",
    .flags = json_flags,
    .run = run_check,
};
const struct weir_command weir_command_source_discover = {
    .name = "source discover",
    .summary = "Show the streams of a source, their columns and types",
    .operands = "NAME",
    .min_operands = 1,
    .max_operands = 1,
    .help = "Nothing is loaded. Types are found by reading all of each file.",
    .flags = json_flags,
    .run = run_discover,
};
const struct weir_command weir_command_source_remove = {
    .name = "source remove",
    .summary = "Remove a source that weir reads from, and its secrets; its tables stay",
    .operands = "NAME",
    .min_operands = 1,
    .max_operands = 1,
    .help = "A replication slot that it follows is dropped at its server, and the publication that "
            "weir made; when\nthe server cannot be reached, the statements are shown. Also of a "
            "source whose file is gone "
            "already (`weir source list` names it).",
    .run = run_remove,
};
const struct weir_command weir_command_source_pause = {
    .name = "source pause",
    .summary = "Let the schedule of a source rest, and leave it out of `weir sync`",
    .operands = "NAME",
    .min_operands = 1,
    .max_operands = 1,
    .help = "Writes `paused: true` into its file.",
    .run = run_pause,
};
const struct weir_command weir_command_source_resume = {
    .name = "source resume",
    .summary = "Take a paused source in again",
    .operands = "NAME",
    .min_operands = 1,
    .max_operands = 1,
    .help = "",
    .run = run_resume,
};
