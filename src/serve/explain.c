/* POST /api/explain: what the engine would do to answer a statement. */
#include <stdlib.h>

#include "serve/compile.h"
#include "serve/gather.h"
#include "serve/plan.h"
#include "serve/shelf.h"
#include "serve/views.h"

#define TRIAL "SELECT * FROM (\n"
#define TIME  (30 * WEIR_SECOND) /* the engine plans, and looks up the values of a PIVOT */

struct explain {
    struct weir_query_body body;
    struct weir_compiling *from; /* when the statement is a template; holds a body of its own */
};

static const struct weir_query_body *body_of(const struct explain *e)
{
    return e->from ? &e->from->body : &e->body;
}

struct statement {
    const char *sql;
    const struct weir_param *params;
    size_t param_count;
};

/* The plan is asked for without rules, which it would tell of; so the statement must be one that
 * she may run with hers. Not all tables are among "all tables" (schema usage, stored rows of
 * views), and only the rules know what is behind a view. */
static int may_run(struct weir_gather *g, const struct statement *s,
                   const struct weir_access *access, struct weir_error *err)
{
    struct weir_json ignored;
    size_t len = strlen(s->sql);
    if (!access) {
        return 0;
    }
    while (len && strchr("; \t\r\n", s->sql[len - 1])) {
        len--;
    }
    const char *sql = weir_arena_printf(&g->arena, TRIAL "%.*s\n) LIMIT 0", (int)len, s->sql);
    if (!sql) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a statement");
    }
    g->access = access;
    int rc = weir_gather_rows(g, sql, s->params, s->param_count, &ignored, err);
    g->access = NULL;
    if (rc) { /* with rules nobody knows where; without, it is told when it is the same mistake */
        struct weir_error same;
        sql = weir_arena_printf(&g->arena, WEIR_PLAN_PREFIX "%s", s->sql);
        if (!sql || !weir_gather_rows(g, sql, s->params, s->param_count, &ignored, &same) ||
            strcmp(err->message, same.message) != 0) {
            g->offset = -1;
        }
    }
    return rc;
}

static int work(struct weir_gather *g, struct weir_error *err)
{
    const struct explain *e = g->arg;
    const struct weir_query_request *r = &body_of(e)->request;
    const struct weir_template *t = e->from ? &e->from->t : NULL;
    const struct statement s = {t ? t->out.sql.ptr : r->sql, t ? t->params : r->params,
                                t ? t->param_count : r->param_count};
    struct weir_json rows, row = {0}, cell = {0};
    struct weir_str plan = {0};
    int rc = may_run(g, &s, r->access, err);
    const char *sql = weir_arena_printf(&g->arena, WEIR_PLAN_PREFIX "%s", s.sql);
    if (rc == 0) {
        rc = sql ? weir_gather_rows(g, sql, s.params, s.param_count, &rows, err)
                 : weir_fail(err, WEIR_ENOMEM, "no memory for a statement");
    }
    if (rc) {
        return rc;
    }
    struct weir_json_iter it = weir_json_begin(rows);
    if (weir_json_next(&it, NULL, &row)) { /* explain_key, explain_value */
        it = weir_json_begin(row);
        while (weir_json_next(&it, NULL, &cell)) {
        }
    }
    if (!weir_json_str(cell, &plan)) {
        return weir_fail(err, WEIR_EUNSUPPORTED, "the engine gives no plan of this statement");
    }
    return weir_plan_print(plan, &g->w, err);
}

static void failed(struct weir_gather *g, const struct weir_error *err)
{
    const struct explain *e = g->arg;
    const struct weir_query_request *r = &body_of(e)->request;
    int64_t at = g->offset - (int64_t)strlen(WEIR_PLAN_PREFIX);
    struct weir_error why = *err;
    weir_views_explain(weir_shelf_views(g->call.server->shelf), r->access, r->sql, &why);
    if (at >= 0 && e->from) { /* shown in the template */
        at = weir_param_source_offset(&e->from->t.out, at);
    }
    weir_serve_reply_sql_error(&g->call, &why, r->sql, at);
}

static void end(void *arg)
{
    struct explain *e = arg;
    weir_query_body_free(&e->body);
    weir_compiling_free(e->from);
    free(e);
}

/* Takes both over; what of the body is not needed is empty. */
static void start(const struct weir_call *call, struct weir_query_body *body,
                  struct weir_compiling *from)
{
    static const struct weir_gather_how how = {
        .work = work, .failed = failed, .end = end, .time = TIME};
    struct explain *e = calloc(1, sizeof *e);
    struct weir_arena arena;
    struct weir_error err;
    if (!e) {
        weir_fail(&err, WEIR_ENOMEM, "no memory for a plan");
        weir_serve_reply_error(call, &err);
        weir_query_body_free(body);
        weir_compiling_free(from);
        return;
    }
    e->body = *body;
    e->from = from;
    memset(body, 0, sizeof *body);
    weir_arena_init(&arena, 16u << 20);
    weir_gather_start(call, &how, &arena, NULL, e);
}

static void compiled(struct weir_compiling *c)
{
    struct weir_query_body none = {0};
    if (c->code) {
        weir_serve_reply_sql_error(&c->call, &c->err, c->body.request.sql, c->t.out.error_offset);
        weir_compiling_free(c);
        return;
    }
    struct weir_call call = c->call;
    start(&call, &none, c);
}

/* A plan counts rows, and names tables and conditions that a rule has put in. */
static int must_see_all(const struct weir_access *access, struct weir_error *err)
{
    return !access || weir_access_shows_all(access)
               ? 0
               : weir_fail(err, WEIR_EPERM,
                           "a plan tells of tables and rows that you may not see, so there is none "
                           "for you; ask somebody who sees all tables, such as an admin");
}

void weir_serve_explain(const struct weir_call *call)
{
    struct weir_query_body body;
    struct weir_error err;
    int rc = weir_query_body_read(&body, weir_http_body(call->req), &err);
    rc = rc ? rc : weir_query_find_access(call, &body, &err);
    if (rc == 0 && body.report && call->who.role == WEIR_ROLE_VIEWER) {
        rc = weir_fail(&err, WEIR_EPERM, "plans are for those who may write SQL");
    }
    rc = rc ? rc : must_see_all(body.request.access, &err);
    if (rc == 0 && (body.report || weir_json_exists(body.values))) {
        rc = weir_compiling_start(call, &body, compiled, &err);
        memset(&body, 0, sizeof body);
    } else if (rc == 0) {
        start(call, &body, NULL);
    }
    if (rc) {
        weir_serve_reply_error(call, &err);
        weir_query_body_free(&body);
    }
}
