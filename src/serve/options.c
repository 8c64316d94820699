/* GET /api/reports/{id}/options/{param}: what can be chosen for a parameter.
 *
 * Options that a query makes are searched in the engine: the query runs with the other parameters'
 * values as it would in the report, as the asker sees its tables, and what she looks for is bound
 * to a condition around it; the result is kept as any other. Of a parameter that is forced on her
 * there is nothing else to choose.
 */
#include <stdio.h>
#include <stdlib.h>

#include "serve/compile.h"
#include "serve/keeper.h"
#include "serve/query_report.h"
#include "serve/results.h"
#include "serve/shelf.h"
#include "serve/usage.h"
#include "serve/views.h"

#define TIME        (20 * WEIR_SECOND)
#define LIMIT       200
#define MAX_LIMIT   10000
#define MAX_Q       500
#define MAX_VALUES  (1u << 20)
#define MAX_ROWS    (64u << 20) /* bytes */
#define SEARCHED_AS "options_searched_q"

struct options {
    struct weir_compiling *from;
    struct weir_str q; /* what is looked for */
    int64_t limit;
    struct weir_str value, label; /* columns */
    struct weir_buf sql, key;
    struct weir_param *params;
    struct weir_query_request request;
    struct weir_want want;
};

/* --- from a query --------------------------------------------------------------------------- */

static void add_ident(struct weir_buf *sql, struct weir_str name)
{
    weir_buf_addz(sql, "o.");
    weir_sql_ident(sql, name);
}

/* The report's statement, without what may stand behind it. */
static struct weir_str inner(struct weir_str sql)
{
    for (;;) {
        sql = weir_str_trim(sql);
        if (!sql.len || sql.ptr[sql.len - 1] != ';') {
            return sql;
        }
        sql.len--;
    }
}

static void write_sql(const struct options *o, struct weir_buf *sql)
{
    weir_buf_addz(sql, "SELECT ");
    add_ident(sql, o->value);
    weir_buf_addz(sql, ", ");
    add_ident(sql, o->label);
    weir_buf_addz(sql, " FROM (\n");
    weir_buf_adds(sql, inner(o->from->t.out.sql));
    weir_buf_addz(sql, "\n) AS o WHERE ");
    add_ident(sql, o->value);
    weir_buf_addz(sql, " IS NOT NULL");
    if (o->q.len) {
        weir_buf_addz(sql, " AND contains(lower(CAST(");
        add_ident(sql, o->label);
        weir_buf_addz(sql, " AS VARCHAR)), lower($" SEARCHED_AS "))");
    }
    weir_buf_addf(sql, " LIMIT %lld", (long long)o->limit + 1);
}

static void print_options(struct weir_jw *w, struct weir_json rows, int64_t limit)
{
    struct weir_json row;
    int64_t n = 0;
    weir_jw_object(w);
    weir_jw_keyz(w, "options");
    weir_jw_array(w);
    struct weir_json_iter it = weir_json_begin(rows);
    while (weir_json_next(&it, NULL, &row) && n++ < limit) {
        struct weir_json_iter cells = weir_json_begin(row);
        struct weir_json cell = {0};
        weir_jw_object(w);
        for (int i = 0; i < 2 && weir_json_next(&cells, NULL, &cell); i++) {
            weir_jw_keyz(w, i ? "label" : "value");
            weir_json_print(cell, w->out);
            w->comma = true;
        }
        weir_jw_object_end(w);
    }
    weir_jw_array_end(w);
    weir_jw_kbool(w, "more", weir_json_count(rows) > (size_t)limit);
    weir_jw_object_end(w);
}

static void options_free(struct options *o)
{
    weir_compiling_free(o->from);
    weir_buf_free(&o->sql);
    weir_buf_free(&o->key);
    free(o->params);
    free(o);
}

/* The rows that are kept, as the answer has them. */
static int print_answer(const struct options *o, const struct weir_kept *kept, struct weir_buf *out,
                        struct weir_error *err)
{
    struct weir_buf padded;
    struct weir_json root;
    struct weir_json_parser *parser = weir_json_parser_new(64);
    weir_buf_init(&padded, MAX_ROWS);
    weir_buf_adds(&padded, kept->bytes);
    int rc = parser ? weir_buf_check(&padded, "the options", err)
                    : weir_fail(err, WEIR_ENOMEM, "no memory for the options");
    rc = rc ? rc : weir_json_parse(parser, weir_buf_str(&padded), &root, err);
    if (rc == 0) {
        struct weir_jw w = weir_jw_on(out);
        print_options(&w, weir_json_get(root, "rows"), o->limit);
        weir_buf_addc(out, '\n');
        rc = weir_buf_check(out, "the options", err);
    }
    weir_buf_free(&padded);
    weir_json_parser_free(parser);
    return rc;
}

/* Answers, and ends. Takes `kept`; NULL: `err` says why there is none. */
static void answer(struct options *o, struct weir_kept *kept, const struct weir_error *err)
{
    struct weir_buf out;
    struct weir_error own;
    weir_buf_init(&out, 16u << 20);
    if (kept && print_answer(o, kept, &out, &own)) {
        err = &own;
    }
    if (err) {
        const struct weir_query_request *r = &o->from->body.request;
        struct weir_error why = *err;
        weir_views_explain(weir_shelf_views(o->from->call.server->shelf), r->access, r->sql, &why);
        weir_serve_reply_error(&o->from->call, &why);
    } else {
        weir_serve_reply_json(&o->from->call, 200, &out);
    }
    weir_kept_release(kept);
    weir_buf_free(&out);
    options_free(o);
}

static void ready(struct weir_want *want, struct weir_kept *kept,
                  const struct weir_query_summary *ran, const struct weir_error *err)
{
    struct options *o = want->arg;
    const struct weir_usage_count count = {
        .queries = 1, .hits = !ran, .failures = !kept, .engine = ran ? ran->elapsed : 0};
    weir_usage_add(o->from->call.server->usage, weir_caller_asker(&o->from->call.who),
                   o->from->body.report, &count);
    weir_http_on_gone(o->from->call.req, NULL, NULL);
    answer(o, kept, kept ? NULL : err);
}

/* The request is held until it is ended, which must not happen while the connection tells. */
static void end_gone(void *arg)
{
    struct options *o = arg;
    struct weir_error err;
    weir_fail(&err, WEIR_ECANCELED, "nobody waits for this answer any more");
    answer(o, NULL, &err);
}

static void gone(void *arg)
{
    struct options *o = arg;
    weir_results_leave(o->from->call.server->results, &o->want);
    weir_http_on_gone(o->from->call.req, NULL, NULL);
    if (weir_loop_post(o->from->call.server->loop, end_gone, o)) {
        abort(); /* no memory for a few bytes; the connection would never be given back */
    }
}

/* What is to be run, and the key of its result: the same as any other's of that statement. */
static int make_request(struct options *o, struct weir_error *err)
{
    const struct weir_call *call = &o->from->call;
    const struct weir_template *t = &o->from->t;
    o->params = calloc(t->param_count + 1, sizeof *o->params);
    if (!o->params) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the options");
    }
    if (t->param_count) {
        memcpy(o->params, t->params, t->param_count * sizeof *o->params);
    }
    o->request = (struct weir_query_request){.access = o->from->body.request.access,
                                             .owner = weir_caller_asker(&call->who),
                                             .report = o->from->body.report,
                                             .query = o->from->body.query,
                                             .params = o->params,
                                             .param_count = t->param_count,
                                             .format = WEIR_FORMAT_JSON,
                                             .limits = {.rows = MAX_LIMIT + 1, .timeout = TIME}};
    if (o->q.len) {
        o->params[o->request.param_count++] =
            (struct weir_param){.name = WEIR_STR(SEARCHED_AS), .type = WEIR_TYPE_TEXT, .s = o->q};
    }
    weir_serve_limit(call, &o->request.limits);
    write_sql(o, &o->sql);
    int rc = weir_buf_check(&o->sql, "the options' statement", err);
    o->request.sql = weir_buf_cstr(&o->sql);
    if (rc == 0) {
        weir_results_key(call->server->results, &o->request, &o->key);
        rc = weir_buf_check(&o->key, "the options' statement", err);
    }
    return rc;
}

static void compiled(struct weir_compiling *c)
{
    struct options *o = c->body.request.arg;
    struct weir_server *s = c->call.server;
    struct weir_error err;
    o->from = c;
    if (c->code) {
        weir_serve_reply_sql_error(&c->call, &c->err, NULL, -1);
        options_free(o);
        return;
    }
    weir_buf_init(&o->sql, 8u << 20);
    weir_buf_init(&o->key, 64u << 20);
    int rc = make_request(o, &err);
    struct weir_kept *kept = rc ? NULL : weir_keeper_find(s->keeper, weir_buf_str(&o->key), true);
    o->want = (struct weir_want){.request = &o->request, .ready = ready, .arg = o};
    if (kept) {
        ready(&o->want, kept, NULL, NULL);
        return;
    }
    weir_http_on_gone(c->call.req, gone, o);
    rc = rc ? rc : weir_results_want(s->results, weir_buf_str(&o->key), &o->want, &err);
    if (rc) {
        weir_http_on_gone(c->call.req, NULL, NULL);
        answer(o, NULL, &err);
    }
}

/* --- from a list ---------------------------------------------------------------------------- */

static bool contains(struct weir_str text, struct weir_str part)
{
    for (size_t i = 0; i + part.len <= text.len; i++) {
        if (weir_str_eq_nocase((struct weir_str){text.ptr + i, part.len}, part)) {
            return true;
        }
    }
    return false;
}

static void print_listed(struct weir_jw *w, const struct weir_data *value,
                         const struct weir_data *label)
{
    weir_jw_object(w);
    weir_jw_keyz(w, "value");
    weir_data_print(value, w);
    weir_jw_keyz(w, "label");
    weir_data_print(label, w);
    weir_jw_object_end(w);
}

/* A value, [label, value] or {label, value}. */
static void answer_list(const struct weir_call *call, const struct weir_data *list,
                        const struct options *o)
{
    struct weir_buf body;
    int64_t n = 0;
    weir_buf_init(&body, 16u << 20);
    struct weir_jw w = weir_jw_on(&body);
    weir_jw_object(&w);
    weir_jw_keyz(&w, "options");
    weir_jw_array(&w);
    for (const struct weir_data *d = list ? list->first : NULL; d; d = d->next) {
        const struct weir_data *value = d, *label = d;
        if (d->type == WEIR_DATA_LIST) {
            label = d->first;
            value = label ? label->next : NULL;
        } else if (d->type == WEIR_DATA_OBJECT) {
            value = weir_data_get(d, "value");
            label = weir_data_get(d, "label");
            label = label ? label : value;
        }
        if (value && label && contains(label->text, o->q) && n++ < o->limit) {
            print_listed(&w, value, label);
        }
    }
    weir_jw_array_end(&w);
    weir_jw_kbool(&w, "more", n > o->limit);
    weir_jw_object_end(&w);
    weir_buf_addc(&body, '\n');
    weir_serve_reply_json(call, 200, &body);
    weir_buf_free(&body);
}

/* --- the request ---------------------------------------------------------------------------- */

/* What stands behind `name` in the address; empty when there is nothing. */
static int read_param(const struct weir_call *call, struct weir_arena *arena, const char *name,
                      size_t max, struct weir_str *out, struct weir_error *err)
{
    struct weir_buf text;
    weir_buf_init(&text, 2 * MAX_VALUES); /* it holds each part of the address for a while */
    *out = (struct weir_str){"", 0};
    bool there = weir_http_param(weir_http_query(call->req), name, &text);
    int rc = weir_buf_check(&text, name, err);
    if (rc == 0 && there && text.len > max) {
        rc = weir_fail(err, WEIR_ETOOBIG, "\"%s\" is larger than %zu bytes", name, max);
    }
    if (rc == 0 && there) {
        *out = weir_arena_dup(arena, weir_buf_str(&text));
        rc = out->ptr ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for %s", name);
    }
    weir_buf_free(&text);
    return rc;
}

static int read_asked(const struct weir_call *call, struct weir_arena *arena, struct options *o,
                      struct weir_error *err)
{
    struct weir_str limit;
    int rc = read_param(call, arena, "q", MAX_Q, &o->q, err);
    rc = rc ? rc : read_param(call, arena, "limit", 20, &limit, err);
    o->limit = LIMIT;
    if (rc == 0 && limit.len &&
        (!weir_str_to_i64(limit, &o->limit) || o->limit < 1 || o->limit > MAX_LIMIT)) {
        rc = weir_fail(err, WEIR_EINVAL, "\"limit\" is a number from 1 to %d", MAX_LIMIT);
    }
    return rc;
}

/* The values of the address, and in their place those that are forced. */
static int read_values(const struct weir_call *call, const struct weir_report_look *look,
                       struct weir_query_body *body, struct weir_error *err)
{
    struct weir_str text, values;
    struct weir_buf padded;
    int rc = read_param(call, &body->arena, "values", MAX_VALUES, &text, err);
    weir_buf_init(&padded, 2 * MAX_VALUES);
    weir_buf_adds(&padded, text.len ? text : WEIR_STR("{}"));
    rc = rc ? rc : weir_buf_check(&padded, "\"values\"", err);
    rc = rc ? rc : weir_json_parse(body->parser, weir_buf_str(&padded), &body->values, err);
    if (rc == 0 && weir_json_type(body->values) != WEIR_JSON_OBJECT) {
        rc = weir_fail(err, WEIR_EINVAL, "\"values\" must be a JSON object");
    }
    rc = rc ? rc : weir_query_values(look, &body->arena, weir_buf_str(&padded), &values, err);
    if (rc == 0 && look->forced) {
        weir_buf_reset(&padded);
        weir_buf_adds(&padded, values);
        rc = weir_buf_check(&padded, "\"values\"", err);
        rc = rc ? rc : weir_json_parse(body->parser, weir_buf_str(&padded), &body->values, err);
    }
    weir_buf_free(&padded);
    return rc;
}

/* Copies what must outlive the report. */
static int take_columns(const struct weir_data *source, struct weir_arena *arena, struct options *o,
                        struct weir_error *err)
{
    struct weir_str value = weir_data_get_text(source, "value");
    struct weir_str label = weir_data_get_text(source, "label");
    o->value = value.ptr ? weir_arena_dup(arena, value) : value;
    o->label = weir_arena_dup(arena, label.ptr ? label : value.ptr ? value : WEIR_STR(""));
    return o->value.ptr && o->label.ptr
               ? 0
               : weir_fail(err, WEIR_EINVAL, "options from a query need \"query\" and \"value\"");
}

/* Takes `o` over. */
static int start_query(const struct weir_call *call, const struct weir_report_look *look,
                       const struct weir_data *source, struct options *o, struct weir_error *err)
{
    struct weir_query_body body = {.request = {.format = WEIR_FORMAT_JSON, .arg = o}};
    struct weir_access *access = NULL;
    struct weir_str query = weir_data_get_text(source, "query");
    weir_arena_init(&body.arena, 64u << 20);
    body.parser = weir_json_parser_new(64);
    int rc = body.parser && query.ptr
                 ? take_columns(source, &body.arena, o, err)
                 : weir_fail(err, WEIR_EINVAL, "options from a query need \"query\" and \"value\"");
    o->q = weir_arena_dup(&body.arena, o->q);
    const char *id = rc ? NULL : weir_arena_dup(&body.arena, query).ptr;
    rc = rc ? rc : weir_query_with_form(&body.arena, look->d, id ? id : "", &body.request.sql, err);
    rc = rc ? rc : read_values(call, look, &body, err);
    rc = rc ? rc : weir_caller_access(call->server->state, &call->who, &body.arena, &access, err);
    body.request.access = access;
    if (rc) {
        weir_query_body_free(&body);
        free(o);
        return rc;
    }
    rc = weir_compiling_start(call, &body, compiled, err);
    if (rc) {
        free(o);
    }
    return rc;
}

static int start(const struct weir_call *call, struct weir_arena *arena,
                 struct weir_report_look *look, struct weir_error *err)
{
    char id[128], *name;
    struct options asked = {0}, *o;
    struct weir_str version;
    snprintf(id, sizeof id, WEIR_STR_FMT, (int)(call->id.len < sizeof id ? call->id.len : 0),
             call->id.ptr);
    name = strstr(id, "/options/"); /* the route has two places */
    if (!name) {
        return weir_fail(err, WEIR_EINVAL, "a parameter is missing");
    }
    *name = '\0';
    name += strlen("/options/");
    int rc = read_asked(call, arena, &asked, err);
    rc = rc ? rc : read_param(call, arena, "version", 200, &version, err);
    rc = rc ? rc
            : weir_query_find_report(call, arena, id, version.len ? version.ptr : NULL, look, err);
    const struct weir_data *p =
        rc ? NULL : weir_report_parameter(look->d->report.data, weir_str_of(name));
    if (rc || !p) {
        return rc ? rc : weir_fail(err, WEIR_ENOENT, "the report has no parameter \"%.60s\"", name);
    }
    if (look->embed && (look->embed->tile.ptr || !look->embed->filters)) {
        return weir_fail(err, WEIR_ENOENT, "nothing can be chosen on this page");
    }
    const struct weir_data *source = weir_data_get(p, "options");
    const struct weir_data *forced = weir_data_get(look->forced, name);
    if (forced || !source || source->type != WEIR_DATA_OBJECT) {
        struct weir_data one = {.type = WEIR_DATA_LIST};
        struct weir_data *copy =
            forced && forced->type != WEIR_DATA_LIST ? weir_data_copy(arena, forced) : NULL;
        if (copy) {
            weir_data_add(&one, copy);
        }
        answer_list(call, copy ? &one : forced ? forced : source, &asked);
        return 0;
    }
    o = malloc(sizeof *o);
    if (!o) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the options");
    }
    *o = asked;
    return start_query(call, look, source, o, err);
}

void weir_serve_report_options(const struct weir_call *call)
{
    struct weir_arena arena;
    struct weir_report_look look = {0};
    struct weir_error err;
    weir_arena_init(&arena, 16u << 20);
    if (start(call, &arena, &look, &err)) {
        weir_serve_reply_error(call, &err);
    }
    weir_report_look_end(&look);
    weir_arena_free(&arena);
}
