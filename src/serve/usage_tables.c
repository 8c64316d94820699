#include "serve/usage_tables.h"

#include <stdio.h>
#include <stdlib.h>

#include "serve/history.h"
#include "serve/usage.h"
#include "serve/usage_sheet.h"
#include "state/run.h"

#define MAX_OPENS 20000 /* of one time; the rest comes with the next */
#define MAX_RUNS  20000
#define MAX_DAYS  200000

struct weir_usage_tables {
    struct weir_server *server;
    struct weir_timer *timer;
    bool busy;        /* a thread copies */
    uint64_t written; /* weir_usage_written, as of the last copy; of the loop */

    /* the thread's */
    uint64_t copying;
    bool made; /* the tables are there */
    bool failed;
    bool more; /* is left */
};

/* How far it is: in weir.usage_state, which one transaction writes with the rows. */
struct progress {
    int64_t opens, runs; /* ids */
    int64_t day;         /* the last one that was copied; days change until they are over */
    bool began;
};

/* One copy under way. */
struct copy {
    struct weir_usage_tables *tables;
    struct weir_session *session;
    struct weir_state *state;
    struct weir_arena arena;
    struct weir_usage_names names;
    struct progress from, to;
};

/* --- tables --------------------------------------------------------------------------------- */

static int make(struct copy *c, struct weir_error *err)
{
    static const struct weir_column state[] = {{.name = {"name", 4}, .type = WEIR_TYPE_TEXT},
                                               {.name = {"last", 4}, .type = WEIR_TYPE_INT}};
    int rc = weir_session_create_schema(c->session, WEIR_STR("weir"), err);
    rc = rc ? rc : weir_session_create_schema(c->session, WEIR_STR(WEIR_USAGE_SCHEMA), err);
    for (size_t i = 0; rc == 0 && i < WEIR_USAGE_SHEETS; i++) {
        const struct weir_usage_form *f = &weir_usage_forms[i];
        rc = weir_session_create_table(c->session, WEIR_STR(WEIR_USAGE_SCHEMA),
                                       weir_str_of(f->table), f->columns, f->count, err);
        rc = rc == WEIR_EEXIST ? 0 : rc;
    }
    rc = rc ? rc
            : weir_session_create_table(c->session, WEIR_STR("weir"), WEIR_STR("usage_state"),
                                        state, 2, err);
    return rc == WEIR_EEXIST ? 0 : rc;
}

static int are_there(struct copy *c, bool *out, struct weir_error *err)
{
    struct weir_result *result = NULL;
    struct weir_batch batch = {0};
    int rc = weir_session_query(c->session,
                                "select 1 from information_schema.tables where table_catalog = "
                                "current_database() and table_schema = 'weir' and table_name = "
                                "'usage_state'",
                                NULL, 0, &result, err);
    rc = rc ? rc : weir_result_next(result, &batch, err);
    *out = rc == 0 && batch.rows > 0;
    weir_result_free(result);
    return rc;
}

/* --- progress ------------------------------------------------------------------------------- */

static int read_progress(struct copy *c, struct weir_error *err)
{
    struct weir_result *result = NULL;
    struct weir_batch batch;
    int rc = weir_session_query(c->session, "select name, last from weir.usage_state", NULL, 0,
                                &result, err);
    while (rc == 0 && (rc = weir_result_next(result, &batch, err)) == 0 && batch.rows) {
        for (size_t i = 0; i < batch.rows; i++) {
            struct weir_str name = batch.columns[0].strs[i];
            int64_t last = batch.columns[1].ints[i];
            c->from.opens = weir_str_is(name, "opens") ? last : c->from.opens;
            c->from.runs = weir_str_is(name, "runs") ? last : c->from.runs;
            c->from.day = weir_str_is(name, "day") ? last : c->from.day;
            c->from.began = true;
        }
    }
    weir_result_free(result);
    return rc;
}

/* A state store that was put back from a backup, or lost its last second with a power cut, gives
 * its numbers again, to other rows. */
static int no_further_than_state(struct copy *c, struct weir_error *err)
{
    int64_t opens = 0, runs = 0;
    int rc = weir_usage_last_ids(c->state, &opens, &runs, err);
    c->from.opens = c->from.opens > opens ? opens : c->from.opens;
    c->from.runs = c->from.runs > runs ? runs : c->from.runs;
    return rc;
}

static int write_progress(struct copy *c, struct weir_error *err)
{
    char sql[400];
    snprintf(sql, sizeof sql,
             "DELETE FROM weir.usage_state; INSERT INTO weir.usage_state VALUES ('opens', %lld), "
             "('runs', %lld), ('day', %lld)",
             (long long)c->to.opens, (long long)c->to.runs, (long long)c->to.day);
    weir_session_touch(c->session, WEIR_STR("weir"), WEIR_STR("usage_state"));
    return weir_session_exec(c->session, sql, err);
}

/* --- rows ----------------------------------------------------------------------------------- */

static int copy_opens(struct copy *c, struct weir_error *err)
{
    struct weir_usage_open *opens;
    struct weir_usage_sheet sheet;
    size_t count = 0;
    int rc =
        weir_usage_opens_after(c->state, c->from.opens, MAX_OPENS, &c->arena, &opens, &count, err);
    rc = rc ? rc : weir_usage_sheet_begin(&sheet, c->session, WEIR_USAGE_OPENS, &c->arena, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        weir_usage_sheet_int(&sheet, opens[i].at);
        weir_usage_sheet_person(&sheet, &c->names, opens[i].person);
        weir_usage_sheet_report(&sheet, &c->names, opens[i].report);
        rc = weir_usage_sheet_end_row(&sheet, err);
        c->to.opens = opens[i].id;
    }
    c->tables->more = c->tables->more || count == MAX_OPENS;
    return rc ? rc : count ? weir_usage_sheet_flush(&sheet, err) : 0;
}

/* A word for what a run ended with; its own words may tell of data. */
static const char *error_class(struct weir_str error)
{
    static const char *const known[][2] = {{"the query was canceled", "canceled"},
                                           {"the page was closed", "canceled"},
                                           {"the query was stopped by its time limit", "time"},
                                           {"the query was stopped because the process", "memory"}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (weir_str_starts(error, weir_str_of(known[i][0]))) {
            return known[i][1];
        }
    }
    return error.len ? "failed" : "";
}

static int copy_runs(struct copy *c, struct weir_error *err)
{
    struct weir_run *runs;
    struct weir_usage_sheet sheet;
    size_t count = 0;
    int rc = weir_runs_after(c->state, c->from.runs, MAX_RUNS, &c->arena, &runs, &count, err);
    rc = rc ? rc : weir_usage_sheet_begin(&sheet, c->session, WEIR_USAGE_QUERIES, &c->arena, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct weir_run *r = &runs[i];
        weir_usage_sheet_int(&sheet, r->id);
        weir_usage_sheet_int(&sheet, r->at);
        weir_usage_sheet_person(&sheet, &c->names, r->person);
        weir_usage_sheet_report(&sheet, &c->names, r->report);
        weir_usage_sheet_text(&sheet, r->query);
        weir_usage_sheet_ms(&sheet, r->elapsed);
        if (r->rows < 0) {
            weir_usage_sheet_null(&sheet);
        } else {
            weir_usage_sheet_int(&sheet, r->rows);
        }
        weir_usage_sheet_bool(&sheet, r->truncated);
        weir_usage_sheet_text(&sheet, weir_str_of(error_class(r->error)));
        rc = weir_usage_sheet_end_row(&sheet, err);
        c->to.runs = r->id;
    }
    c->tables->more = c->tables->more || count == MAX_RUNS;
    return rc ? rc : count ? weir_usage_sheet_flush(&sheet, err) : 0;
}

/* The last day and the one before it are written anew: what ends at midnight is counted after it.
 */
static int copy_days(struct copy *c, struct weir_error *err)
{
    struct weir_usage_row *rows;
    struct weir_usage_sheet sheet;
    size_t count = 0;
    char sql[120];
    int64_t first = c->from.day ? c->from.day - 1 : 0;
    int rc = weir_usage_days_from(c->state, first, MAX_DAYS, &c->arena, &rows, &count, err);
    snprintf(sql, sizeof sql,
             "DELETE FROM " WEIR_USAGE_SCHEMA ".days WHERE day >= DATE '1970-01-01' + %lld",
             (long long)first);
    weir_session_touch(c->session, WEIR_STR(WEIR_USAGE_SCHEMA), WEIR_STR("days"));
    rc = rc ? rc : weir_session_exec(c->session, sql, err);
    rc = rc ? rc : weir_usage_sheet_begin(&sheet, c->session, WEIR_USAGE_DAYS, &c->arena, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct weir_usage_row *r = &rows[i];
        weir_usage_sheet_int(&sheet, r->day);
        weir_usage_sheet_person(&sheet, &c->names, r->person);
        weir_usage_sheet_report(&sheet, &c->names, r->report);
        weir_usage_sheet_int(&sheet, r->count.opens);
        weir_usage_sheet_int(&sheet, r->count.queries);
        weir_usage_sheet_int(&sheet, r->count.hits);
        weir_usage_sheet_int(&sheet, r->count.failures);
        weir_usage_sheet_ms(&sheet, r->count.engine);
        rc = weir_usage_sheet_end_row(&sheet, err);
        c->to.day = r->day > c->to.day ? r->day : c->to.day;
    }
    return rc ? rc : weir_usage_sheet_flush(&sheet, err);
}

/* --- a copy ----------------------------------------------------------------------------------- */

static bool is_news(const struct copy *c)
{
    return !c->from.began || c->to.opens != c->from.opens || c->to.runs != c->from.runs;
}

static int copy_all(struct copy *c, struct weir_error *err)
{
    struct weir_usage_tables *t = c->tables;
    bool counted = t->copying != t->written; /* something was, since the last time */
    bool gone = false;
    int rc = weir_session_begin(c->session, err);
    if (rc) {
        return rc;
    }
    rc = t->made ? 0 : make(c, err);
    rc = rc ? rc : read_progress(c, err);
    rc = rc ? rc : no_further_than_state(c, err);
    c->to = c->from;
    rc = rc ? rc : copy_opens(c, err);
    rc = rc ? rc : copy_runs(c, err);
    rc = rc || !counted ? rc : copy_days(c, err);
    rc = rc ? rc : weir_usage_forget_gone(c->session, &c->names, &c->arena, &gone, err);
    if (rc == 0 && (counted || gone || is_news(c))) {
        rc = write_progress(c, err);
        rc = rc ? rc : weir_session_commit(c->session, err);
        t->made = t->made || rc == 0;
    } else {
        weir_session_rollback(c->session);
        return rc;
    }
    if (rc) {
        weir_session_rollback(c->session);
    }
    return rc;
}

static int copy_now(struct weir_usage_tables *t, struct weir_error *err)
{
    struct weir_server *s = t->server;
    struct copy c = {.tables = t, .state = weir_history_state(s->history)};
    weir_arena_init(&c.arena, 512u << 20);
    bool any = true;
    t->more = false;
    int rc = t->made ? 0 : weir_usage_is_any(c.state, &any, err);
    if (rc || !any) { /* no tables for nothing */
        weir_arena_free(&c.arena);
        return rc;
    }
    rc = weir_session_new(s->warehouse, WEIR_SESSION_OWNER, &c.session, err);
    rc = rc || t->made ? rc : are_there(&c, &t->made, err);
    rc = rc ? rc : weir_usage_names_read(&c.names, s, &c.arena, err);
    rc = rc ? rc : copy_all(&c, err);
    weir_usage_names_free(&c.names);
    weir_session_free(c.session);
    weir_arena_free(&c.arena);
    return rc;
}

static void copied(void *arg)
{
    struct weir_usage_tables *t = arg;
    t->busy = false;
    if (!t->failed) {
        t->written = t->copying;
    }
}

static void work(void *arg)
{
    struct weir_usage_tables *t = arg;
    struct weir_error err;
    do {
        t->failed = copy_now(t, &err) != 0;
        if (t->failed) {
            weir_log(t->server->log, WEIR_LOG_WARN,
                     "the usage was not copied into the warehouse; it is tried again", "error",
                     err.message);
        }
    } while (!t->failed && t->more && !atomic_load(&t->server->stopping));
    if (weir_loop_post(t->server->loop, copied, t)) {
        abort(); /* no memory for a few bytes; nothing would be copied any more */
    }
}

static void on_time(void *arg)
{
    struct weir_usage_tables *t = arg;
    struct weir_error ignored;
    if (!t->busy) {
        t->copying = weir_usage_written(t->server->usage);
        t->busy = weir_work_add(t->server->lists, work, t, &ignored) == 0;
    }
}

int weir_usage_tables_new(struct weir_server *server, struct weir_usage_tables **out,
                          struct weir_error *err)
{
    struct weir_usage_tables *t = *out = calloc(1, sizeof *t);
    weir_time every = server->settings.usage_every;
    if (!t) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the tables of usage");
    }
    t->server = server;
    t->written = UINT64_MAX; /* an earlier process may have left something */
    return every && weir_timer_new(server->loop, every, every, on_time, t, &t->timer)
               ? weir_fail(err, WEIR_ENOMEM, "no memory for a timer")
               : 0;
}

void weir_usage_tables_free(struct weir_usage_tables *t)
{
    if (t) {
        weir_timer_free(t->timer);
        free(t);
    }
}
