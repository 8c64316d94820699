/* `weir upload`: a CSV file becomes a table, by way of the running server, or without one. */
#include "upload/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/commands.h"
#include "io/client.h"
#include "serve/serve.h"

struct file {
    int fd;
    struct weir_str bytes;
};

static int open_file(struct file *f, const char *path, struct weir_error *err)
{
    struct stat st;
    f->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (f->fd < 0 || fstat(f->fd, &st)) {
        return weir_fail_errno(err, errno, "%s cannot be read", path);
    }
    if (!S_ISREG(st.st_mode)) {
        return weir_fail(err, WEIR_EINVAL, "%s is no file", path);
    }
    if (st.st_size == 0) {
        return weir_fail(err, WEIR_EINVAL, "%s is empty", path);
    }
    void *at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, f->fd, 0);
    if (at == MAP_FAILED) {
        return weir_fail_errno(err, errno, "%s cannot be read", path);
    }
    f->bytes = (struct weir_str){at, (size_t)st.st_size};
    return 0;
}

static void close_file(struct file *f)
{
    if (f->bytes.ptr) {
        munmap((void *)(uintptr_t)f->bytes.ptr, f->bytes.len);
    }
    if (f->fd >= 0) {
        close(f->fd);
    }
}

/* "Sales 2026 (final).csv" → sales_2026_final */
static void name_of(const char *path, char name[64])
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path, *dot = strrchr(base, '.');
    size_t n = 0;
    for (const char *c = base; *c && c != dot && n < 60; c++) {
        bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z');
        bool digit = *c >= '0' && *c <= '9';
        if (digit && n == 0) {
            name[n++] = 't';
            name[n++] = '_';
        }
        if (letter || digit) {
            name[n++] = (char)(letter ? *c | 0x20 : *c);
        } else if (n && name[n - 1] != '_') {
            name[n++] = '_';
        }
    }
    while (n && name[n - 1] == '_') {
        n--;
    }
    name[n] = 0;
    if (n == 0) {
        snprintf(name, 64, "upload");
    }
}

/* --- the report
 * ----------------------------------------------------------------------------------- */

static void show(struct weir_json root)
{
    struct weir_str key, table = weir_json_get_str(root, "table");
    struct weir_json one;
    int64_t rows = 0, bad = 0;
    (void)weir_json_i64(weir_json_get(root, "rows"), &rows);
    (void)weir_json_i64(weir_json_get(root, "bad_count"), &bad);
    struct weir_json_iter it = weir_json_begin(weir_json_get(root, "columns"));
    while (weir_json_next(&it, &key, &one)) {
        struct weir_str name = weir_json_get_str(one, "name"),
                        type = weir_json_get_str(one, "type");
        struct weir_str guess = weir_json_get_str(one, "guess");
        printf("  %-30.*s %-10.*s %.*s\n", WEIR_STR_ARG(name), WEIR_STR_ARG(type),
               WEIR_STR_ARG(guess));
    }
    printf("%.*s: %lld row%s\n", WEIR_STR_ARG(table), (long long)rows, rows == 1 ? "" : "s");
    if (bad == 0) {
        return;
    }
    fprintf(stderr, "weir: %lld line%s could not be read; all are in weir.upload_rejects\n",
            (long long)bad, bad == 1 ? "" : "s");
    it = weir_json_begin(weir_json_get(root, "bad"));
    for (int i = 0; i < 10 && weir_json_next(&it, &key, &one); i++) {
        int64_t line = 0;
        struct weir_str text = weir_json_get_str(one, "text");
        struct weir_str reason = weir_json_get_str(one, "reason");
        (void)weir_json_i64(weir_json_get(one, "line"), &line);
        text = weir_utf8_cut(text, 80);
        fprintf(stderr, "  line %lld: %.*s: %.*s\n", (long long)line, WEIR_STR_ARG(reason),
                WEIR_STR_ARG(text));
    }
}

static int show_answer(const struct weir_cli *cli, const struct weir_buf *answer, int status,
                       struct weir_error *err)
{
    struct weir_json_parser *parser = weir_json_parser_new(32);
    struct weir_json root;
    int code = parser ? weir_json_parse(parser, weir_buf_str(answer), &root, err)
                      : weir_fail(err, WEIR_ENOMEM, "out of memory");
    if (code) {
        code = weir_fail(err, WEIR_EIO, "the server answers %d: %.200s", status,
                         weir_buf_cstr(answer));
    } else if (status >= 300) {
        struct weir_str message = weir_json_get_str(weir_json_get(root, "error"), "message");
        code =
            weir_fail(err, status == 409 ? WEIR_EEXIST : WEIR_EINVAL, "%.*s%s", (int)message.len,
                      message.ptr ? message.ptr : "", status == 409 ? " (--replace, --name)" : "");
    } else if (weir_args_has(cli->args, "json")) {
        printf("%s", weir_buf_cstr(answer));
    } else {
        show(root);
    }
    weir_json_parser_free(parser);
    return code;
}

/* --- the two ways
 * --------------------------------------------------------------------------------- */

static int by_server(const struct weir_workspace *workspace, const struct weir_upload *upload,
                     struct weir_str bytes, struct weir_buf *answer, int *status,
                     struct weir_error *err)
{
    char target[160];
    const char *header = upload->header == WEIR_CSV_HEADER_YES  ? "header=yes"
                         : upload->header == WEIR_CSV_HEADER_NO ? "header=no"
                                                                : "";
    snprintf(target, sizeof target,
             upload->replace ? "/api/uploads/%s?%s" : "/api/uploads?name=%s&%s", upload->name,
             header);
    struct weir_client_call call = {
        .address =
            weir_workspace_path((struct weir_workspace *)(uintptr_t)workspace, "run/serve.sock"),
        .method = upload->replace ? "PUT" : "POST",
        .target = target,
        .type = "text/csv",
        .body = bytes};
    if (!call.address) {
        return weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
    return weir_client_fetch(&call, status, answer, err);
}

static int by_itself(struct weir_cli *cli, struct weir_workspace *workspace,
                     const struct weir_upload *upload, struct weir_buf *answer,
                     struct weir_error *err)
{
    struct weir_warehouse *warehouse = NULL;
    struct weir_jw w = weir_jw_on(answer);
    int code = weir_serve_open_warehouse(workspace, false, &cli->log, &warehouse, err);
    code = code ? code : weir_upload_load(warehouse, upload, &w, err);
    weir_warehouse_close(warehouse);
    weir_buf_addc(answer, '\n');
    return code;
}

static int read_flags(const struct weir_cli *cli, struct weir_upload *upload, char name[64],
                      struct weir_error *err)
{
    const char *header = weir_args_value(cli->args, "header");
    const char *wanted = weir_args_value(cli->args, "name");
    upload->path = weir_args_at(cli->args, 0);
    upload->replace = weir_args_has(cli->args, "replace");
    upload->by = "Owner";
    if (header && strcmp(header, "yes") != 0 && strcmp(header, "no") != 0) {
        return weir_fail(err, WEIR_CLI_USAGE, "--header is yes or no");
    }
    upload->header = !header          ? WEIR_CSV_HEADER_GUESS
                     : *header == 'y' ? WEIR_CSV_HEADER_YES
                                      : WEIR_CSV_HEADER_NO;
    name_of(upload->path, name);
    upload->name = wanted ? wanted : name;
    return weir_upload_name_ok(upload->name)
               ? 0
               : weir_fail(
                     err, WEIR_CLI_USAGE,
                     "--name is \"%.80s\"; use a to z, 0 to 9 and _, beginning with a letter, "
                     "at most 63",
                     upload->name);
}

static int run_upload(struct weir_cli *cli, struct weir_error *err)
{
    struct weir_workspace *workspace = NULL;
    struct weir_upload upload = {0};
    struct file file = {.fd = -1};
    struct weir_buf answer;
    char name[64];
    int status = 200;
    weir_buf_init(&answer, 64u << 20);
    int code = read_flags(cli, &upload, name, err);
    code = code ? code : open_file(&file, upload.path, err);
    code = code ? code : weir_cli_workspace(cli, &workspace, err);
    if (!code) {
        code = by_server(workspace, &upload, file.bytes, &answer, &status, err);
        if (code == WEIR_ENOENT) {
            code = by_itself(cli, workspace, &upload, &answer, err);
        }
    }
    code = code ? code : show_answer(cli, &answer, status, err);
    weir_buf_free(&answer);
    close_file(&file);
    weir_workspace_close(workspace);
    return code;
}

static const struct weir_flag flags[] = {
    {"name", 0, "NAME", "of the table, uploads.NAME; without it, it is made of the file's", false},
    {"replace", 0, NULL, "the table is there: put this file's rows in the place of its own", false},
    {"header", 0, "yes|no", "whether the first line names the columns; without it, it is guessed",
     false},
    {"json", 0, NULL, "print JSON", false},
    {0},
};
const struct weir_command weir_command_upload = {
    .name = "upload",
    .summary = "Make a table of a CSV file",
    .operands = "FILE",
    .min_operands = 1,
    .max_operands = 1,
    .help = "Separators (, ; tab |), encoding (UTF-8, UTF-16, Windows-1252) and types are found by "
            "looking at the whole file. Prints each column's type, and the lines that could not be "
            "read, which are kept in weir.upload_rejects.\n\n"
            "  weir upload budget.csv\n"
            "  weir query 'from uploads.budget'",
    .flags = flags,
    .run = run_upload,
};
