/* POST /api/query: a statement, or a query of a report, for who may run it; and what is asked about
 * it while it runs. How its result goes out is in stream.c. */
#include <stdio.h>

#include "serve/compile.h"
#include "serve/history.h"
#include "serve/keeper.h"
#include "serve/query_report.h"
#include "serve/server.h"
#include "serve/stream.h"

static int force_values(struct weir_query_body *body, const struct weir_report_look *look,
                        struct weir_error *err)
{
    struct weir_buf text;
    struct weir_str values;
    weir_buf_init(&text, 32u << 20);
    if (weir_json_exists(body->values)) {
        weir_json_print(body->values, &text);
    }
    int rc = weir_buf_check(&text, "the values", err);
    rc = rc ? rc : weir_query_values(look, &body->arena, weir_buf_str(&text), &values, err);
    body->merged = rc ? NULL : weir_json_parser_new(64);
    if (rc == 0 && !body->merged) {
        rc = weir_fail(err, WEIR_ENOMEM, "no memory for the values");
    }
    if (rc == 0) {
        weir_buf_reset(&text);
        weir_buf_adds(&text, values);
        rc = weir_buf_check(&text, "the values", err);
    }
    rc = rc ? rc : weir_json_parse(body->merged, weir_buf_str(&text), &body->values, err);
    weir_buf_free(&text);
    return rc;
}

/* The report's statement, and the values that hold for who asks. */
static int find_query(const struct weir_call *call, struct weir_query_body *body,
                      struct weir_error *err)
{
    struct weir_report_look look;
    int rc = weir_query_find_report(call, &body->arena, body->report, body->version, &look, err);
    rc = rc ? rc : weir_query_may_run(&look, body->query, err);
    rc = rc ? rc : weir_query_with_form(&body->arena, look.d, body->query, &body->request.sql, err);
    if (rc == 0 && look.forced) {
        rc = force_values(body, &look, err);
    }
    weir_report_look_end(&look);
    return rc;
}

/* Whoever writes SQL must be allowed to; through whose eyes it then sees is another matter. */
int weir_query_find_access(const struct weir_call *call, struct weir_query_body *body,
                           struct weir_error *err)
{
    struct weir_caller who = call->who;
    struct weir_access *access;
    struct weir_state *state = call->server->state;
    if (who.only[0] && (!body->report || (body->as && call->embed.ptr))) {
        return weir_fail(err, WEIR_EPERM,
                         "a pass opens one report, and runs its queries only, as its person");
    }
    if (who.role == WEIR_ROLE_VIEWER && !body->report) {
        return weir_fail(err, WEIR_EPERM,
                         "viewers open reports and run the queries in them, but write no SQL of "
                         "their own; ask an admin of this weir to make %s an editor",
                         who.email);
    }
    int rc = body->as ? weir_caller_see_as(&who, state, weir_str_of(body->as), err) : 0;
    if (rc == 0 && body->report) {
        struct weir_call looking = *call;
        looking.who = who; /* reports, too, are looked for through these eyes */
        rc = find_query(&looking, body, err);
    }
    rc = rc ? rc : weir_caller_access(state, &who, &body->arena, &access, err);
    if (rc == 0) {
        body->request.access = access;
    }
    return rc;
}

void weir_serve_limit(const struct weir_call *call, struct weir_query_limits *limits)
{
    const struct weir_query_settings *settings = &call->server->query_settings;
    if (call->who.role == WEIR_ROLE_VIEWER || call->embed.ptr) {
        weir_query_limits_narrow(limits, &settings->viewer);
    } else if (call->who.role == WEIR_ROLE_EDITOR) {
        weir_query_limits_narrow(limits, &settings->editor);
    }
}

static void compiled(struct weir_compiling *c)
{
    if (c->code) {
        weir_serve_reply_sql_error(&c->call, &c->err, c->body.request.sql, c->t.out.error_offset);
        weir_history_end(c->call.server->history, weir_history_begin(&c->call, &c->body), NULL,
                         &c->err);
        weir_compiling_free(c);
        return;
    }
    struct weir_call call = c->call;
    call.disposition = c->body.disposition;
    weir_stream_start(&call, NULL, c);
}

void weir_serve_query(const struct weir_call *call)
{
    weir_serve_query_text(call, weir_http_body(call->req));
}

void weir_serve_query_text(const struct weir_call *call, struct weir_str text)
{
    struct weir_query_body body;
    struct weir_error err;
    int rc = weir_query_body_read(&body, text, &err);
    if (rc == 0 && call->disposition) {
        body.disposition = weir_arena_strdup(&body.arena, call->disposition);
        rc = body.disposition ? 0 : weir_fail(&err, WEIR_ENOMEM, "no memory for a file's name");
    }
    if (rc == 0 && !body.fresh) { /* "last 24 hours" is one statement for that long */
        weir_time clock = weir_keeper_settings(call->server->keeper)->clock;
        body.now = weir_now();
        body.now -= clock > 0 ? body.now % clock : 0;
    }
    rc = rc ? rc : weir_query_find_access(call, &body, &err);
    if (rc == WEIR_EPERM) {
        weir_serve_note_denied(call->server, &call->who, "query.refused",
                               weir_str_of(body.request.sql), &err);
    }
    if (rc == 0 && (body.report || weir_json_exists(body.values))) {
        rc = weir_compiling_start(call, &body, compiled, &err);
    } else if (rc == 0) {
        weir_stream_start(call, &body, NULL);
    }
    if (rc) {
        weir_serve_reply_error(call, &err);
    }
    weir_query_body_free(&body);
}

static bool id_of(const struct weir_call *call, char id[17])
{
    if (call->id.len != 16) {
        return false;
    }
    memcpy(id, call->id.ptr, 16);
    id[16] = 0;
    return true;
}

/* Admins may ask about everybody's queries, others about their own. */
static const char *owner_of(const struct weir_call *call)
{
    return call->who.role == WEIR_ROLE_ADMIN ? NULL : weir_caller_asker(&call->who);
}

/* The same words for "not there" and "not yours". */
static void unknown_query(const struct weir_call *call)
{
    struct weir_error err;
    weir_fail(&err, WEIR_ENOENT,
              "no query of yours with this id waits or runs, or it ended long ago");
    weir_serve_reply_error(call, &err);
}

void weir_serve_query_progress(const struct weir_call *call)
{
    static const char *const states[] = {"queued", "running", "done", "failed"};
    struct weir_query_progress p;
    char id[17];
    if (!id_of(call, id) || weir_query_progress(call->server->pool, id, owner_of(call), &p)) {
        unknown_query(call);
        return;
    }
    struct weir_buf body;
    weir_buf_init(&body, 4096);
    struct weir_jw w = weir_jw_on(&body);
    weir_jw_object(&w);
    weir_jw_kstrz(&w, "id", id);
    weir_jw_kstrz(&w, "state", states[p.state]);
    weir_jw_keyz(&w, "progress");
    if (p.share < 0) {
        weir_jw_null(&w);
    } else {
        weir_jw_double(&w, p.share);
    }
    weir_jw_ku64(&w, "rows", p.rows);
    weir_jw_kbool(&w, "truncated", p.truncated);
    weir_jw_keyz(&w, "elapsed_ms");
    weir_jw_double(&w, (double)p.elapsed / 1000);
    if (p.state == WEIR_QUERY_FAILED) {
        weir_jw_kstrz(&w, "error", weir_code_name(p.code));
    }
    weir_jw_object_end(&w);
    weir_serve_reply_json(call, 200, &body);
    weir_buf_free(&body);
}
