/* `weir export`: a report, or one query of it, as a file; made by the running server. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/remote.h"
#include "cli/value.h"
#include "io/client.h"
#include "io/file.h"

#define LOOK_EVERY 100000 /* microseconds */
#define MAX_HEADER 512

struct export
{
    struct weir_cli *cli;
    struct weir_remote remote;
    const char *socket;
    char id[64]; /* of the report */
    char see_as[MAX_HEADER];
    const char *headers[2];
    int fd;
    int status;
    struct weir_buf said; /* an answer that is no file */
};

static bool is_page(const char *format)
{
    return strcmp(format, "pdf") == 0 || strcmp(format, "png") == 0;
}

static const char *format_of(const struct weir_args *args)
{
    const char *format = weir_args_value(args, "format");
    const char *file = weir_args_value(args, "output");
    const char *dot = file && !format ? strrchr(file, '.') : NULL;
    return format ? format : dot && dot[1] ? dot + 1 : "pdf";
}

/* By id or by folder. */
static int find_report(struct export *e, const char *name, struct weir_error *err)
{
    struct weir_str key;
    struct weir_json one;
    int code = weir_remote_ask(&e->remote, "GET", "/api/documents", NULL, err);
    struct weir_json_iter it = weir_json_begin(weir_json_get(e->remote.root, "reports"));
    while (!code && weir_json_next(&it, &key, &one)) {
        struct weir_str id = weir_json_get_str(one, "id"), slug = weir_json_get_str(one, "slug");
        if ((weir_str_is(id, name) || weir_str_is(slug, name)) && id.len < sizeof e->id) {
            snprintf(e->id, sizeof e->id, WEIR_STR_FMT, WEIR_STR_ARG(id));
            return 0;
        }
    }
    return code ? code
                : weir_fail(err, WEIR_ENOENT,
                            "there is no report \"%s\"; `weir report list` shows ids and folders",
                            name);
}

/* --- asking ----------------------------------------------------------------------------------- */

static struct weir_client_call call_of(struct export *e, const char *method, const char *target,
                                       const struct weir_buf *body)
{
    return (struct weir_client_call){
        .address = e->socket,
        .method = method,
        .target = target,
        .type = body ? "application/json" : NULL,
        .body = body ? weir_buf_str(body) : WEIR_STR(""),
        .headers = e->headers,
    };
}

/* JSON, through the eyes of --as. */
static int ask(struct export *e, const char *method, const char *target,
               const struct weir_buf *body, struct weir_error *err)
{
    struct weir_remote *r = &e->remote;
    struct weir_client_call call = call_of(e, method, target, body);
    int status = 0;
    weir_buf_reset(&r->text);
    int code = weir_client_fetch(&call, &status, &r->text, err);
    code = code ? code : weir_json_parse(r->parser, weir_buf_str(&r->text), &r->root, err);
    if (!code && status >= 300) {
        struct weir_str message = weir_json_get_str(weir_json_get(r->root, "error"), "message");
        code = weir_fail(err, WEIR_EINVAL, WEIR_STR_FMT, WEIR_STR_ARG(message));
    }
    return code;
}

static int on_head(int status, struct weir_str type, void *arg, struct weir_error *err)
{
    (void)type;
    (void)err;
    ((struct export *)arg)->status = status;
    return 0;
}

static int on_body(struct weir_str bytes, void *arg, struct weir_error *err)
{
    struct export *e = arg;
    if (e->status >= 300) {
        weir_buf_adds(&e->said, bytes);
        return 0;
    }
    return weir_write_all(e->fd, bytes.ptr, bytes.len, "the file", err);
}

static int refusal(struct export *e, struct weir_error *err)
{
    struct weir_json root;
    struct weir_str message = {0};
    if (weir_json_parse(e->remote.parser, weir_buf_str(&e->said), &root, err) == 0) {
        message = weir_json_get_str(weir_json_get(root, "error"), "message");
    }
    return weir_fail(err, WEIR_EINVAL, "%.*s", message.ptr ? (int)message.len : 20,
                     message.ptr ? message.ptr : "the server refused");
}

static int fetch(struct export *e, const char *method, const char *target,
                 const struct weir_buf *body, struct weir_error *err)
{
    struct weir_client_call call = call_of(e, method, target, body);
    call.on_head = on_head;
    call.on_body = on_body;
    call.arg = e;
    int code = weir_client_call(&call, NULL, err);
    return code || e->status < 300 ? code : refusal(e, err);
}

/* --- what is asked for ------------------------------------------------------------------------ */

static int print_rows(struct export *e, struct weir_jw *w, struct weir_error *err)
{
    const struct weir_args *args = e->cli->args;
    const char *query = weir_args_value(args, "query");
    if (!query) {
        return weir_fail(err, WEIR_CLI_USAGE,
                         "%s holds the rows of one query: say which by --query ID",
                         format_of(args));
    }
    weir_jw_kstrz(w, "report", e->id);
    weir_jw_kstrz(w, "query", query);
    weir_jw_kstrz(w, "format", format_of(args));
    if (strcmp(format_of(args), "csv") == 0) {
        weir_jw_kbool(w, "guard", true);
    }
    return 0;
}

static int print_page(struct export *e, struct weir_jw *w, struct weir_error *err)
{
    static const char *const texts[] = {"format", "tile", "tab", "paper"};
    const struct weir_args *args = e->cli->args;
    const char *width = weir_args_value(args, "width");
    int64_t pixels = 0;
    weir_jw_kstrz(w, "report", e->id);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *text = i == 0 ? format_of(args) : weir_args_value(args, texts[i]);
        if (text) {
            weir_jw_kstrz(w, texts[i], text);
        }
    }
    if (weir_args_has(args, "landscape")) {
        weir_jw_kbool(w, "landscape", true);
    }
    if (width && !weir_str_to_i64(weir_str_of(width), &pixels)) {
        return weir_fail(err, WEIR_CLI_USAGE, "--width %s is no number", width);
    }
    if (width) {
        weir_jw_ki64(w, "width", pixels);
    }
    return 0;
}

static int print_body(struct export *e, struct weir_buf *out, struct weir_error *err)
{
    struct weir_jw w = weir_jw_on(out);
    weir_jw_object(&w);
    int code = is_page(format_of(e->cli->args)) ? print_page(e, &w, err) : print_rows(e, &w, err);
    weir_jw_keyz(&w, "values");
    code = code ? code : weir_value_print(&w, e->cli->args, err);
    weir_jw_object_end(&w);
    return code ? code : weir_buf_check(out, "the request", err);
}

/* Asks for the page, waits until it is made, and fetches it. */
static int export_page(struct export *e, const struct weir_buf *body, struct weir_error *err)
{
    char target[128] = "";
    int code = ask(e, "POST", "/api/renders", body, err);
    while (!code) {
        struct weir_str id = weir_json_get_str(e->remote.root, "id");
        struct weir_str state = weir_json_get_str(e->remote.root, "state");
        if (weir_str_is(state, "done")) {
            snprintf(target, sizeof target, "/api/renders/%.*s/file", (int)id.len, id.ptr);
            return fetch(e, "GET", target, NULL, err);
        }
        if (weir_str_is(state, "failed")) {
            struct weir_str why = weir_json_get_str(e->remote.root, "error");
            return weir_fail(err, WEIR_EIO, WEIR_STR_FMT, WEIR_STR_ARG(why));
        }
        snprintf(target, sizeof target, "/api/renders/%.*s", (int)id.len, id.ptr);
        usleep(LOOK_EVERY);
        code = ask(e, "GET", target, NULL, err);
    }
    return code;
}

static int open_output(struct export *e, char **part, struct weir_error *err)
{
    const char *file = weir_args_value(e->cli->args, "output");
    *part = NULL;
    e->fd = STDOUT_FILENO;
    if (!file || strcmp(file, "-") == 0) {
        return isatty(STDOUT_FILENO) && is_page(format_of(e->cli->args))
                   ? weir_fail(err, WEIR_CLI_USAGE, "say which file to write: -o FILE")
                   : 0;
    }
    if (asprintf(part, "%s.part", file) < 0) {
        *part = NULL;
        return weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
    e->fd = open(*part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    return e->fd < 0 ? weir_fail_errno(err, errno, "cannot write %s", *part) : 0;
}

/* The file is there as a whole, or not at all. */
static int close_output(struct export *e, char *part, int code, struct weir_error *err)
{
    const char *file = weir_args_value(e->cli->args, "output");
    if (!part) {
        return code;
    }
    if (e->fd >= 0 && close(e->fd) && !code) {
        code = weir_fail_errno(err, errno, "cannot write %s", part);
    }
    if (!code && rename(part, file)) {
        code = weir_fail_errno(err, errno, "cannot write %s", file);
    }
    if (code) {
        (void)unlink(part);
    }
    free(part);
    return code;
}

static int export_it(struct export *e, struct weir_error *err)
{
    struct weir_buf body;
    char *part = NULL;
    weir_buf_init(&body, 1u << 20);
    int code = print_body(e, &body, err);
    code = code ? code : open_output(e, &part, err);
    if (!code) {
        code = is_page(format_of(e->cli->args)) ? export_page(e, &body, err)
                                                : fetch(e, "POST", "/api/query", &body, err);
    }
    code = close_output(e, part, code, err);
    weir_buf_free(&body);
    return code;
}

static int run(struct weir_cli *cli, struct weir_error *err)
{
    struct export e = {.cli = cli, .fd = -1};
    const char *as = weir_args_value(cli->args, "as");
    weir_buf_init(&e.said, 1u << 20);
    int code = weir_remote_open(cli, &e.remote, err);
    e.socket = code ? NULL : weir_workspace_path(e.remote.workspace, "run/serve.sock");
    if (!code && (!e.socket || access(e.socket, F_OK))) {
        code = weir_fail(err, WEIR_ENOENT,
                         "the server does not run, and it makes the files: start it by `weir up`");
    }
    if (!code && as) {
        snprintf(e.see_as, sizeof e.see_as, "X-Weir-See-As: %.400s", as);
        e.headers[0] = e.see_as;
    }
    code = code ? code : find_report(&e, weir_args_at(cli->args, 0), err);
    code = code ? code : export_it(&e, err);
    weir_buf_free(&e.said);
    weir_remote_close(&e.remote);
    return code;
}

static const struct weir_flag flags[] = {
    {"output", 'o', "FILE", "where it goes; - is the standard output", false},
    {"format", 'f', "pdf|png|csv|xlsx|json|ndjson|parquet",
     "what it becomes; without it, what the file's ending says, or pdf", false},
    {"value", 0, "NAME=VALUE", "a filter's value; may be repeated", true},
    {"query", 0, "ID", "the query whose rows are exported, for all but pdf and png", false},
    {"tile", 0, "ID", "only this tile (pdf, png)", false},
    {"tab", 0, "ID", "only this tab (pdf, png)", false},
    {"paper", 0, "a4|letter", "of a pdf; a4 unless said", false},
    {"landscape", 0, NULL, "the paper lies on its long side", false},
    {"width", 0, "PIXELS", "of a png; 1200 unless said", false},
    {"as", 0, "EMAIL", "as this person sees it", false},
    {0},
};

const struct weir_command weir_command_export = {
    .name = "export",
    .summary = "Write a report, or the rows of its queries, to a file",
    .operands = "ID|FOLDER",
    .min_operands = 1,
    .max_operands = 1,
    .help = "The running server makes the file, with the report's filters as --value says. PDF and "
            "PNG need Chromium on the server.\n\n"
            "  weir export subscriptions -o board.pdf --value sport='[\"rugby\"]'\n"
            "  weir export subscriptions -o mrr.xlsx --query mrr --as ann@example.com",
    .flags = flags,
    .run = run,
};
