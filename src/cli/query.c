/* `weir query`: SQL from the command line, answered by the running server, or by the warehouse
 * itself when none runs. */
#include "query/query.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/json.h"
#include "base/json_write.h"
#include "cli/commands.h"
#include "cli/param.h"
#include "cli/value.h"
#include "io/client.h"
#include "serve/plan.h"
#include "serve/serve.h"
#include "serve/template.h"

#define MAX_SQL    (4u << 20)
#define MAX_PARAMS 1000

struct query {
    struct weir_cli *cli;
    struct weir_workspace *workspace;
    struct weir_buf sql;
    enum weir_format format;
    const char *format_name;
    struct weir_query_limits limits;
    struct weir_param params[MAX_PARAMS];
    size_t param_count;
    unsigned width;
    bool plain;
    bool guard;
    const char *as; /* whose eyes, or NULL */
    struct weir_arena arena;
    struct weir_access *access; /* without a server: what these see, in the arena */
    bool compiled;              /* show the statement, do not run it */
    bool explained;             /* show the plan, do not run it */
    struct weir_buf values;     /* JSON; empty: the statement is no template */

    const char *path; /* --output, or NULL */
    char *part;       /* what is written until the end is known */
    FILE *out;

    struct weir_error *err;
    struct weir_buf failure; /* the server's answer when it is no 200, or no result */
    int status;
    bool truncated;
};

/* --- the command line ----------------------------------------------------------------------- */

static int read_stdin(struct weir_buf *out, struct weir_error *err)
{
    for (;;) {
        char *room = weir_buf_room(out, 65536);
        ssize_t n = room ? read(STDIN_FILENO, room, 65536) : 0;
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? weir_fail_errno(err, errno, "standard input cannot be read")
                         : weir_buf_check(out, "the statement on standard input", err);
        }
        out->len += (size_t)n;
        out->data[out->len] = 0;
    }
}

static int read_sql(struct query *q, struct weir_error *err)
{
    const char *sql = weir_args_at(q->cli->args, 0);
    weir_buf_init(&q->sql, MAX_SQL);
    if (strcmp(sql, "-") == 0) {
        int code = read_stdin(&q->sql, err);
        if (code) {
            return code;
        }
    } else {
        weir_buf_addz(&q->sql, sql);
    }
    if (memchr(weir_buf_cstr(&q->sql), 0, q->sql.len)) {
        return weir_fail(err, WEIR_EINVAL, "the statement holds a NUL byte");
    }
    return weir_buf_check(&q->sql, "the statement", err);
}

static int read_flags(struct query *q, struct weir_error *err)
{
    const struct weir_args *args = q->cli->args;
    const char *limit = weir_args_value(args, "limit");
    struct winsize size;
    q->format_name = weir_args_value(args, "format");
    q->format_name = q->format_name ? q->format_name : "table";
    q->path = weir_args_value(args, "output");
    q->as = weir_args_value(args, "as");
    if (!weir_format_parse(q->format_name, &q->format)) {
        return weir_fail(
            err, WEIR_CLI_USAGE,
            "--format is \"%s\"; it must be table, csv, json, ndjson, columns, parquet or xlsx",
            q->format_name);
    }
    if (limit && (!weir_str_to_u64(weir_str_of(limit), &q->limits.rows) || !q->limits.rows)) {
        return weir_fail(err, WEIR_CLI_USAGE, "--limit is \"%s\"; it must be a number from 1",
                         limit);
    }
    bool binary = q->format == WEIR_FORMAT_PARQUET || q->format == WEIR_FORMAT_COLUMNS ||
                  q->format == WEIR_FORMAT_XLSX;
    if (binary && !q->path && isatty(STDOUT_FILENO)) {
        return weir_fail(err, WEIR_CLI_USAGE, "%s is no text for a terminal; add --output FILE",
                         q->format_name);
    }
    q->plain = q->path || !isatty(STDOUT_FILENO);
    if (!q->plain && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
        q->width = size.ws_col;
    }
    q->compiled = weir_args_has(args, "compiled");
    q->explained = !q->compiled && weir_args_has(args, "explain");
    q->guard = weir_args_has(args, "guard");
    weir_buf_init(&q->values, 4 * MAX_SQL);
    if (q->compiled || weir_args_has(args, "template") || weir_args_has(args, "value")) {
        struct weir_jw w = weir_jw_on(&q->values);
        int code = weir_value_print(&w, args, err);
        code = code ? code : weir_buf_check(&q->values, "the values", err);
        if (code) {
            return code;
        }
    }
    const char *text;
    for (; (text = weir_args_value_at(args, "param", q->param_count)); q->param_count++) {
        if (q->param_count == MAX_PARAMS) {
            return weir_fail(err, WEIR_CLI_USAGE, "more than %d parameters", MAX_PARAMS);
        }
        int code = weir_param_parse(text, &q->params[q->param_count], err);
        if (code) {
            return code;
        }
    }
    return WEIR_OK;
}

/* --- where the result goes ------------------------------------------------------------------ */

static int open_output(struct query *q, struct weir_error *err)
{
    if (!q->path) {
        q->out = stdout;
        return WEIR_OK;
    }
    if (asprintf(&q->part, "%s.part", q->path) < 0) {
        q->part = NULL;
        return weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
    q->out = fopen(q->part, "we");
    return q->out ? WEIR_OK : weir_fail_errno(err, errno, "%s cannot be written", q->part);
}

static int put(struct query *q, struct weir_str bytes)
{
    return fwrite(bytes.ptr, 1, bytes.len, q->out) == bytes.len ? 0 : errno ? errno : EIO;
}

/* A file appears under its name only when it is whole. */
static int close_output(struct query *q, int code, struct weir_error *err)
{
    if (!q->out) {
        return code;
    }
    const char *name = q->path ? q->part : "standard output";
    if (fflush(q->out) && !code && errno != EPIPE) {
        code = weir_fail_errno(err, errno, "%s cannot be written", name);
    }
    if (q->path) {
        if (fclose(q->out) && !code) {
            code = weir_fail_errno(err, errno, "%s cannot be written", name);
        }
        if (!code && rename(q->part, q->path)) {
            code = weir_fail_errno(err, errno, "%s cannot be written", q->path);
        }
        if (code) {
            unlink(q->part);
        }
    }
    return code;
}

static void say_truncated(const struct query *q)
{
    const char *limit = weir_args_value(q->cli->args, "limit");
    if (limit) {
        fprintf(stderr,
                "weir: the result was cut (--limit %s, or query.max_rows or max_bytes of "
                "weir.yml): there are more rows\n",
                limit);
    } else {
        fprintf(stderr,
                "weir: the result was cut by query.max_rows or query.max_bytes of weir.yml: "
                "there are more rows\n");
    }
}

/* --- asking the server ---------------------------------------------------------------------- */

static void print_body(struct query *q, struct weir_buf *out)
{
    struct weir_jw w = weir_jw_on(out);
    weir_jw_object(&w);
    weir_jw_kstr(&w, "sql", weir_buf_str(&q->sql));
    weir_jw_kstrz(&w, "format", q->format_name);
    if (q->as) {
        weir_jw_kstrz(&w, "as", q->as);
    }
    weir_jw_keyz(&w, "params");
    weir_jw_object(&w);
    for (size_t i = 0; i < q->param_count; i++) {
        weir_jw_key(&w, q->params[i].name);
        weir_param_json(&w, &q->params[i]);
    }
    weir_jw_object_end(&w);
    if (q->values.len) {
        weir_jw_keyz(&w, "values");
        weir_jw_raw(&w, weir_buf_str(&q->values));
    }
    if (q->limits.rows) {
        weir_jw_keyz(&w, "limits");
        weir_jw_object(&w);
        weir_jw_ku64(&w, "rows", q->limits.rows);
        weir_jw_object_end(&w);
    }
    if (q->guard) {
        weir_jw_kbool(&w, "guard", true);
    }
    if (weir_args_has(q->cli->args, "fresh")) {
        weir_jw_kbool(&w, "fresh", true);
    }
    if (q->format == WEIR_FORMAT_TABLE) {
        weir_jw_ku64(&w, "width", q->width);
        weir_jw_kbool(&w, "plain", q->plain);
    }
    weir_jw_object_end(&w);
}

static void on_field(struct weir_str name, struct weir_str value, void *arg)
{
    struct query *q = arg;
    if (weir_str_eq_nocase(name, WEIR_STR("weir-truncated"))) {
        q->truncated = weir_str_is(value, "true");
    }
}

static int on_head(int status, struct weir_str type, void *arg, struct weir_error *err)
{
    struct query *q = arg;
    (void)type;
    q->status = status;
    return status == 200 && !q->compiled && !q->explained ? open_output(q, err) : WEIR_OK;
}

static int on_body(struct weir_str bytes, void *arg, struct weir_error *err)
{
    struct query *q = arg;
    if (q->status != 200 || q->compiled || q->explained) {
        weir_buf_adds(&q->failure, bytes);
        return WEIR_OK;
    }
    int errnum = put(q, bytes);
    return errnum ? weir_fail_errno(err, errnum, "the result cannot be written") : WEIR_OK;
}

static int server_error(struct query *q, struct weir_error *err)
{
    struct weir_json_parser *parser = weir_json_parser_new(16);
    struct weir_json root;
    int64_t line, column;
    int code = WEIR_EIO;
    if (!parser || weir_json_parse(parser, weir_buf_str(&q->failure), &root, err)) {
        code = weir_fail(err, code, "the server answers %d: %.200s", q->status,
                         weir_buf_cstr(&q->failure));
    } else {
        struct weir_json error = weir_json_get(root, "error");
        struct weir_json position = weir_json_get(error, "position");
        struct weir_str message = weir_json_get_str(error, "message");
        code = weir_fail(err, WEIR_EINVAL, WEIR_STR_FMT, (int)message.len,
                         message.ptr ? message.ptr : "");
        if (weir_json_i64(weir_json_get(position, "line"), &line) &&
            weir_json_i64(weir_json_get(position, "column"), &column)) {
            code = weir_error_prefix(err, code, "line %lld, column %lld", (long long)line,
                                     (long long)column);
        }
    }
    weir_json_parser_free(parser);
    return code;
}

/* WEIR_ENOENT, with no output begun: no server runs. */
static int ask_server(struct query *q, struct weir_error *err)
{
    struct weir_buf body;
    weir_buf_init(&body, 4 * MAX_SQL);
    weir_buf_init(&q->failure, 1 << 20);
    print_body(q, &body);
    const char *const headers[] = {"TE: trailers", NULL};
    struct weir_client_call call = {.address = weir_workspace_path(q->workspace, "run/serve.sock"),
                                    .method = "POST",
                                    .target = q->compiled    ? "/api/compile"
                                              : q->explained ? "/api/explain"
                                                             : "/api/query",
                                    .type = "application/json",
                                    .body = weir_buf_str(&body),
                                    .headers = headers,
                                    .on_head = on_head,
                                    .on_field = on_field,
                                    .on_body = on_body,
                                    .arg = q};
    int code = weir_buf_check(&body, "the request", err);
    if (!code && !call.address) {
        code = weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
    code = code ? code : weir_client_call(&call, NULL, err);
    if (!code && q->status != 200) {
        code = server_error(q, err);
    } else if (!code && q->compiled) {
        code = weir_compiled_show(weir_buf_str(&q->failure), err);
    } else if (!code && q->explained) {
        code = weir_plan_show(weir_buf_str(&q->failure), err);
    } else if (!code && q->truncated) {
        say_truncated(q);
    }
    weir_buf_free(&body);
    weir_buf_free(&q->failure);
    return code;
}

/* --- without a server ----------------------------------------------------------------------- */

struct local {
    struct query *q;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool over;
    int code;
    struct weir_error err;
};

static int local_sink(struct weir_str bytes, void *arg)
{
    struct local *l = arg;
    return put(l->q, bytes);
}

static void local_done(int code, const struct weir_query_summary *summary,
                       const struct weir_error *err, void *arg)
{
    struct local *l = arg;
    pthread_mutex_lock(&l->lock);
    l->code = code;
    if (err) {
        l->err = *err;
    }
    if (!code && summary->truncated) {
        say_truncated(l->q);
    }
    l->over = true;
    pthread_cond_signal(&l->ended);
    pthread_mutex_unlock(&l->lock);
}

static int run_local(struct query *q, struct weir_query_pool *pool, const struct weir_template *t,
                     struct weir_error *err)
{
    struct local l = {.q = q};
    bool template = q->values.len > 0;
    char id[17];
    pthread_mutex_init(&l.lock, NULL);
    pthread_cond_init(&l.ended, NULL);
    struct weir_query_request request = {.sql = template ? t->out.sql.ptr : weir_buf_cstr(&q->sql),
                                         .access = q->access,
                                         .params = template ? t->params : q->params,
                                         .param_count = template ? t->param_count : q->param_count,
                                         .format = q->format,
                                         .limits = q->limits,
                                         .width = q->width,
                                         .plain = q->plain,
                                         .guard = q->guard,
                                         .sink = local_sink,
                                         .done = local_done,
                                         .arg = &l};
    int code = weir_query_start(pool, &request, id, err);
    if (!code) {
        pthread_mutex_lock(&l.lock);
        while (!l.over) {
            pthread_cond_wait(&l.ended, &l.lock);
        }
        pthread_mutex_unlock(&l.lock);
        code = l.code;
        *err = l.err;
    }
    pthread_cond_destroy(&l.ended);
    pthread_mutex_destroy(&l.lock);
    return code;
}

static int show_compiled(struct query *q, const struct weir_template *t,
                         const struct weir_error *failure, const struct weir_compiled *ruled,
                         struct weir_error *err)
{
    struct weir_buf answer;
    weir_buf_init(&answer, 64u << 20);
    struct weir_jw w = weir_jw_on(&answer);
    weir_template_print(&w, t, weir_buf_cstr(&q->sql), failure, ruled);
    int code = weir_buf_check(&answer, "the compiled statement", err);
    code = code ? code : weir_compiled_show(weir_buf_str(&answer), err);
    weir_buf_free(&answer);
    return code;
}

/* The statement and the values become those that the template says. */
static int compile_local(struct query *q, const char *zone, struct weir_warehouse *warehouse,
                         struct weir_template *t, struct weir_error *err)
{
    struct weir_json_parser *parser = weir_json_parser_new(64);
    struct weir_template_site site = {.workspace = q->workspace,
                                      .warehouse = warehouse,
                                      .zone = zone,
                                      .access = q->access,
                                      .ask = true};
    struct weir_json values;
    struct weir_compiled ruled = {0};
    struct weir_error failure;
    int code = parser ? weir_json_parse(parser, weir_buf_str(&q->values), &values, err)
                      : weir_fail(err, WEIR_ENOMEM, "out of memory");
    code = code ? code : weir_template_offset(warehouse, zone, weir_now(), &site.utc_offset, err);
    if (!code) {
        code = weir_template_compile(&site, weir_buf_str(&q->sql), values, q->params,
                                     q->param_count, t, &failure);
        if (!code && q->compiled && q->as) {
            code = weir_template_rule(&site, t, &ruled, &failure);
        }
        if (code || q->compiled) {
            int shown = show_compiled(q, t, code ? &failure : NULL, q->as ? &ruled : NULL, err);
            code = shown ? shown : code;
        }
    }
    weir_json_parser_free(parser);
    return code;
}

static int explain_local(struct query *q, struct weir_warehouse *warehouse,
                         const struct weir_template *t, struct weir_error *err)
{
    bool template = q->values.len > 0;
    struct weir_session *session;
    struct weir_buf answer;
    weir_buf_init(&answer, 64u << 20);
    struct weir_jw w = weir_jw_on(&answer);
    int code = weir_session_new(warehouse, WEIR_SESSION_READER, &session, err);
    if (!code) {
        bool all = !q->access || weir_access_shows_all(q->access);
        code = weir_session_set_access(session, all ? NULL : q->access, err);
        code = code ? code
                    : weir_plan_of(session, template ? t->out.sql.ptr : weir_buf_cstr(&q->sql),
                                   template ? t->params : q->params,
                                   template ? t->param_count : q->param_count, &w, err);
        weir_session_free(session);
    }
    code = code ? code : weir_buf_check(&answer, "the plan", err);
    code = code ? code : weir_plan_show(weir_buf_str(&answer), err);
    weir_buf_free(&answer);
    return code;
}

static int ask_warehouse(struct query *q, struct weir_error *err)
{
    struct weir_query_settings settings;
    struct weir_warehouse *warehouse = NULL;
    struct weir_query_pool *pool = NULL;
    struct weir_template t = {0};
    int code = weir_workspace_section(q->workspace, "query", weir_query_options, &settings, err);
    settings.workers = 1;
    weir_arena_init(&q->arena, 64u << 20);
    if (!code && q->as) {
        code = weir_serve_access_of(q->workspace, q->as, &q->arena, &q->access, err);
    }
    code = code ? code : weir_serve_read_warehouse(q->workspace, &q->cli->log, &warehouse, err);
    if (!code && q->values.len) {
        code = compile_local(q, settings.time_zone, warehouse, &t, err);
    }
    if (!code && q->explained) {
        code = explain_local(q, warehouse, &t, err);
    } else if (!code && !q->compiled) {
        code = weir_query_pool_new(warehouse, &settings, &q->cli->log, &pool, err);
        code = code ? code : open_output(q, err);
        code = code ? code : run_local(q, pool, &t, err);
    }
    weir_template_free(&t);
    q->cli->stuck = weir_query_pool_free(pool) > 0;
    if (!q->cli->stuck) {
        weir_warehouse_close(warehouse);
    }
    return code;
}

/* -------------------------------------------------------------------------------------------- */

static int run_query(struct weir_cli *cli, struct weir_error *err)
{
    struct query *q = calloc(1, sizeof *q);
    if (!q) {
        return weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
    q->cli = cli;
    q->err = err;
    int code = read_flags(q, err);
    code = code ? code : read_sql(q, err);
    code = code ? code : weir_cli_workspace(cli, &q->workspace, err);
    if (!code) {
        code = ask_server(q, err);
        if (code == WEIR_ENOENT && !q->out) {
            code = ask_warehouse(q, err);
        }
    }
    code = close_output(q, code, err);
    free(q->part);
    weir_buf_free(&q->sql);
    weir_arena_free(&q->arena);
    weir_buf_free(&q->values);
    weir_workspace_close(q->workspace);
    free(q);
    return code;
}

static const struct weir_flag flags[] = {
    {"as", 0, "EMAIL",
     "through the eyes of this person: only the tables, rows and columns that her groups show",
     false},
    {"format", 'f', "FORMAT",
     "table (the default), csv, json, ndjson, columns, parquet or xlsx (Excel)", false},
    {"fresh", 0, NULL, "computed by the engine, also when the server keeps the same result", false},
    {"guard", 0, NULL,
     "in CSV, an apostrophe before texts that a spreadsheet would run as formulas", false},
    {"param", 'p', "NAME=VALUE",
     "a value for $NAME in the statement; NAME:TYPE=VALUE says its type: int, double, bool, text, "
     "timestamp, date or json",
     true},
    {"value", 'v', "NAME=VALUE",
     "a value for the parameter NAME: `{{ NAME }}`, `[column=NAME]`; a list is '[\"a\", \"b\"]'",
     true},
    {"template", 't', NULL,
     "the statement has parameters, all with defaults (--value and --compiled imply it)", false},
    {"compiled", 'c', NULL,
     "print the statement and the values that would run, do not run it; with --as, the rules that "
     "make it that person's are in it",
     false},
    {"explain", 'e', NULL, "print what the engine would do, do not run it", false},
    {"limit", 'n', "N", "at most N rows", false},
    {"output", 'o', "FILE", "write the result to FILE, which appears when it is whole", false},
    {0},
};
const struct weir_command weir_command_query = {
    .name = "query",
    .summary = "Ask the warehouse, in SQL",
    .operands = "SQL",
    .min_operands = 1,
    .max_operands = 1,
    .help =
        "Runs one statement that reads (SELECT, FROM, WITH, PIVOT, DESCRIBE, SUMMARIZE, SHOW, "
        "EXPLAIN, ...); `-` takes it from standard input. Asks the running server, or opens the "
        "warehouse itself when none runs.\n\n"
        "  weir query 'select event, count(*) as n from web.tracks group by all order by n desc'\n"
        "  weir query 'from web.tracks where user_id = $user' --param user=u-42 --format csv\n"
        "  weir query 'from web.tracks where [received_at=daterange]' --value daterange=today",
    .flags = flags,
    .run = run_query,
};
