/* POST /api/compile: what a template becomes, and why not. */
#include "serve/compile.h"

#include <stdlib.h>

#define OFFSET_EXPIRES (15 * 60 * WEIR_SECOND) /* zones change at quarters of an hour */

/* The site's distance from UTC, asked for once in a quarter of an hour. */
static int offset_now(struct weir_server *s, int64_t *offset, struct weir_error *err)
{
    weir_time now = weir_now(), quarter = now / OFFSET_EXPIRES;
    int rc = 0;
    if (s->zone_quarter != quarter) {
        rc = weir_template_offset(s->warehouse, s->query_settings.time_zone, now, &s->zone_offset,
                                  err);
        s->zone_quarter = rc ? 0 : quarter;
    }
    *offset = s->zone_offset;
    return rc;
}

static void compile(struct weir_compiling *c, bool ask)
{
    const struct weir_server *s = c->call.server;
    const struct weir_query_request *r = &c->body.request;
    struct weir_template_site site = {.workspace = s->run->workspace,
                                      .warehouse = s->warehouse,
                                      .zone = s->query_settings.time_zone,
                                      .now = c->body.now,
                                      .utc_offset = c->utc_offset,
                                      .fiscal_year_start =
                                          (int)s->workspace_settings.fiscal_year_start,
                                      .access = r->access,
                                      .ask = ask};
    weir_template_free(&c->t);
    c->code = weir_template_compile(&site, weir_str_of(r->sql), c->body.values, r->params,
                                    r->param_count, &c->t, &c->err);
    if (c->code == 0 && c->body.show_rules) {
        c->code = weir_template_rule(&site, &c->t, &c->ruled, &c->err);
    }
    if (c->code == WEIR_EFATAL) {
        c->code = weir_fail(&c->err, WEIR_EBUSY, "the warehouse is being reopened; try again");
    }
}

static void finish(void *arg)
{
    struct weir_compiling *c = arg;
    c->done(c);
}

static void work(void *arg)
{
    struct weir_compiling *c = arg;
    compile(c, true);
    if (weir_loop_post(c->call.server->loop, finish, c)) {
        abort(); /* no memory for a few bytes; the request would never be answered */
    }
}

int weir_compiling_start(const struct weir_call *call, struct weir_query_body *body,
                         void (*done)(struct weir_compiling *compiling), struct weir_error *err)
{
    struct weir_compiling *c = calloc(1, sizeof *c);
    if (!c) {
        weir_query_body_free(body);
        return weir_fail(err, WEIR_ENOMEM, "no memory to compile a statement");
    }
    c->call = *call;
    c->body = *body;
    c->done = done;
    memset(body, 0, sizeof *body);
    int rc = offset_now(call->server, &c->utc_offset, err);
    if (rc == 0) {
        if (!c->body.show_rules) {
            compile(c, false);
        }
        if (!c->body.show_rules && c->code != WEIR_EAGAIN) {
            done(c);
            return 0;
        }
        rc = weir_work_add(call->server->catalog, work, c, err);
    }
    if (rc) {
        weir_compiling_free(c);
    }
    return rc;
}

void weir_compiling_free(struct weir_compiling *c)
{
    if (c) {
        weir_query_body_free(&c->body);
        weir_template_free(&c->t);
        free(c);
    }
}

/* --- the route -------------------------------------------------------------------------------- */

static void answer(struct weir_compiling *c)
{
    struct weir_buf out;
    bool wrong = c->code == WEIR_EINVAL || c->code == WEIR_ETOOBIG || c->code == WEIR_ENOENT;
    if (c->code && !wrong) {
        weir_serve_reply_error(&c->call, &c->err);
    } else {
        weir_buf_init(&out, 512u << 20);
        struct weir_jw w = weir_jw_on(&out);
        weir_template_print(&w, &c->t, c->body.request.sql, c->code ? &c->err : NULL,
                            c->body.show_rules ? &c->ruled : NULL);
        weir_buf_addc(&out, '\n');
        weir_serve_reply_json(&c->call, 200, &out);
        weir_buf_free(&out);
    }
    weir_compiling_free(c);
}

void weir_serve_compile(const struct weir_call *call)
{
    struct weir_query_body body;
    struct weir_error err;
    int rc = weir_query_body_read(&body, weir_http_body(call->req), &err);
    rc = rc ? rc : weir_query_find_access(call, &body, &err);
    if (rc == 0 && call->who.role == WEIR_ROLE_VIEWER) { /* she may see the report, not its SQL */
        rc = weir_fail(&err, WEIR_EPERM,
                       "the SQL of a report is shown to those who may write SQL; you may run its "
                       "queries, and an admin of this weir can make you an editor");
    }
    if (rc) {
        weir_query_body_free(&body);
    } else {
        body.show_rules = body.as; /* which only admins may say */
        rc = weir_compiling_start(call, &body, answer, &err);
    }
    if (rc) {
        weir_serve_reply_error(call, &err);
    }
}
