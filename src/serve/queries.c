/* GET /api/queries and DELETE /api/queries/{id}: what runs, for whom, and what took long.
 *
 * Admins see everybody's, others their own. Of a report's query only admins see the SQL: whoever
 * opens the report need not be shown it. */
#include <stdio.h>

#include "serve/server.h"
#include "serve/shelf.h"
#include "state/person.h"
#include "state/run.h"

#define SLOW_SINCE WEIR_DAY
#define MAX_SLOW   20
#define SQL_SHOWN  4000

/* A token that lacks the scope shows and ends what is its person's, as for anybody else. */
static bool is_admin(const struct weir_ask *ask)
{
    return ask->who.role == WEIR_ROLE_ADMIN && ask->who.scopes & WEIR_SCOPE_ADMIN;
}

void weir_ask_print_person(struct weir_ask *ask, struct weir_str id)
{
    struct weir_person p = {0};
    struct weir_error ignored;
    bool owner = weir_str_is(id, WEIR_OWNER_ID);
    if (id.len && !owner && weir_person_get(ask->state, id, &ask->arena, &p, &ignored)) {
        p = (struct weir_person){0};
    }
    weir_jw_kstr_or_null(&ask->w, "id", id);
    weir_jw_kstr_or_null(&ask->w, "email", p.email);
    weir_jw_kstr_or_null(&ask->w, "name", owner ? WEIR_STR("the owner of the machine") : p.name);
}

static void print_whose(struct weir_ask *ask, struct weir_documents *all, struct weir_str person,
                        struct weir_str report, struct weir_str query)
{
    struct weir_jw *w = &ask->w;
    const struct weir_document *d =
        report.len ? weir_documents_find(all, WEIR_DOCUMENT_REPORT, report) : NULL;
    weir_jw_keyz(w, "person");
    if (person.len) {
        weir_jw_object(w);
        weir_ask_print_person(ask, person);
        weir_jw_object_end(w);
    } else {
        weir_jw_null(w);
    }
    weir_jw_kstr_or_null(w, "report", report);
    weir_jw_kstr_or_null(w, "report_title", weir_str_of(d ? d->title : ""));
    weir_jw_kstr_or_null(w, "query", query);
}

static void print_running(struct weir_ask *ask, struct weir_documents *all,
                          const struct weir_query_listed *q)
{
    struct weir_jw *w = &ask->w;
    bool running = q->state == WEIR_QUERY_RUNNING;
    weir_jw_object(w);
    weir_jw_kstrz(w, "id", q->id);
    print_whose(ask, all, weir_str_of(q->owner), weir_str_of(q->report), weir_str_of(q->query));
    weir_jw_kstr_or_null(w, "sql", is_admin(ask) || !*q->report ? q->sql : WEIR_STR(""));
    weir_jw_kstrz(w, "state",
                  q->stuck      ? "stuck"
                  : q->stopping ? "stopping"
                  : running     ? "running"
                                : "queued");
    weir_jw_kbool(w, "background", q->background);
    weir_jw_ktime_or_null(w, "started_at", running ? ask->now - q->elapsed : 0);
    weir_jw_keyz(w, "queued_ms");
    weir_jw_double(w, (double)q->queued / 1000);
    weir_jw_keyz(w, "elapsed_ms");
    weir_jw_double(w, (double)q->elapsed / 1000);
    weir_jw_ku64(w, "rows", q->rows);
    weir_jw_keyz(w, "share");
    if (q->share < 0) {
        weir_jw_null(w);
    } else {
        weir_jw_double(w, q->share);
    }
    weir_jw_object_end(w);
}

static void print_slow(struct weir_ask *ask, struct weir_documents *all, const struct weir_run *run)
{
    struct weir_jw *w = &ask->w;
    weir_jw_object(w);
    weir_jw_ki64(w, "id", run->id);
    print_whose(ask, all, run->person, run->report, run->query);
    weir_jw_kstr_or_null(w, "sql", weir_utf8_cut(run->sql, SQL_SHOWN));
    weir_jw_ktime(w, "at", run->at);
    weir_jw_keyz(w, "rows");
    if (run->rows < 0) {
        weir_jw_null(w);
    } else {
        weir_jw_i64(w, run->rows);
    }
    weir_jw_keyz(w, "elapsed_ms");
    weir_jw_double(w, (double)run->elapsed / 1000);
    weir_jw_kstr_or_null(w, "error", run->error);
    weir_jw_object_end(w);
}

int weir_ask_queries(struct weir_ask *ask, struct weir_error *err)
{
    const char *asker = weir_caller_asker(&ask->who);
    struct weir_documents *all;
    struct weir_query_listed *running;
    struct weir_run *slow;
    size_t count, slow_count = 0;
    int rc = weir_ask_needs_server(ask, err);
    if (rc) {
        return rc;
    }
    all = weir_shelf_hold(ask->server->shelf);
    rc = weir_query_list(ask->server->pool, is_admin(ask) ? NULL : asker, NULL, &ask->arena,
                         &running, &count, err);
    rc = rc ? rc
            : weir_runs_slowest(ask->runs, weir_str_of(is_admin(ask) ? "" : asker),
                                ask->now - SLOW_SINCE, MAX_SLOW, &ask->arena, &slow, &slow_count,
                                err);
    weir_jw_object(&ask->w);
    weir_jw_keyz(&ask->w, "running");
    weir_jw_array(&ask->w);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        print_running(ask, all, &running[i]);
    }
    weir_jw_array_end(&ask->w);
    weir_jw_keyz(&ask->w, "slowest");
    weir_jw_array(&ask->w);
    for (size_t i = 0; rc == 0 && i < slow_count; i++) {
        print_slow(ask, all, &slow[i]);
    }
    weir_jw_array_end(&ask->w);
    weir_jw_object_end(&ask->w);
    weir_documents_release(all);
    return rc;
}

/* --- canceling ------------------------------------------------------------------------------ */

/* What an admin does to somebody else's query is in the audit log. */
static int note(struct weir_ask *ask, const struct weir_query_listed *q, struct weir_error *err)
{
    struct weir_person p;
    struct weir_error ignored;
    struct weir_buf detail;
    struct weir_str whose = weir_str_of(q->owner);
    if (whose.len && weir_person_get(ask->state, whose, &ask->arena, &p, &ignored) == 0) {
        whose = p.email;
    }
    weir_buf_init(&detail, 16384);
    struct weir_jw w = weir_jw_on(&detail);
    weir_jw_object(&w);
    weir_jw_kstrz(&w, "id", q->id);
    weir_jw_kstr_or_null(&w, "report", weir_str_of(q->report));
    weir_jw_kstr_or_null(&w, "query", weir_str_of(q->query));
    weir_jw_kstr(&w, "sql", weir_utf8_cut(q->sql, 1000));
    weir_jw_object_end(&w);
    int rc = weir_ask_note(ask, "query.cancel", whose, weir_buf_str(&detail), err);
    weir_buf_free(&detail);
    return rc;
}

/* The same words for "not there" and "not yours". */
static int unknown(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOENT,
                     "no query of yours with this id waits or runs, or it ended long ago");
}

int weir_ask_query_cancel(struct weir_ask *ask, struct weir_error *err)
{
    const char *asker = weir_caller_asker(&ask->who);
    const char *owner = is_admin(ask) ? NULL : asker;
    struct weir_query_listed *q;
    size_t count;
    char id[17], why[400] = "";
    snprintf(id, sizeof id, WEIR_STR_FMT, WEIR_STR_ARG(weir_utf8_cut(ask->id, 16)));
    int rc = weir_ask_needs_server(ask, err);
    rc = rc ? rc : weir_query_list(ask->server->pool, owner, id, &ask->arena, &q, &count, err);
    if (rc || count == 0) {
        return rc ? rc : unknown(err);
    }
    bool other = strcmp(q->owner, asker) != 0;
    if (other) {
        snprintf(why, sizeof why, "the query was canceled by %s, an admin of this weir",
                 ask->who.email[0] ? ask->who.email : "the owner of the machine");
    }
    if (weir_query_cancel_because(ask->server->pool, id, owner, why)) {
        return unknown(err);
    }
    ask->status = 204;
    return other ? note(ask, q, err) : 0;
}
