/* The connector `postgres`: tables and views, as a whole or by a cursor column. */
#include "source/postgres/postgres.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "source/postgres/capture.h"
#include "source/run/mark.h"

#define MAX_CURSOR (16u << 20)
#define AT(member) .offset = offsetof(struct weir_pg_settings, member)
static const char *const row_securities[] = {"refuse", "apply", NULL};
static const struct weir_option options[] = {
    {.name = "host",
     .type = WEIR_OPT_TEXT,
     AT(host),
     .fallback = "localhost",
     .help = "name or address of the server, or the folder of its socket"},
    {.name = "port",
     .type = WEIR_OPT_INT,
     AT(port),
     .fallback = "5432",
     .min = 1,
     .max = 65535,
     .help = "the server's port"},
    {.name = "database", .type = WEIR_OPT_TEXT, AT(database), .help = "the database's name"},
    {.name = "user",
     .type = WEIR_OPT_TEXT,
     AT(user),
     .help = "who reads; the right to SELECT is enough"},
    {.name = "password",
     .type = WEIR_OPT_TEXT,
     AT(password),
     .fallback = "",
     .help = "${secret:NAME}, sealed by `weir secret set NAME`, or ${NAME}, a variable of weir's "
             "environment",
     .secret = true},
    {.name = "sslmode",
     .type = WEIR_OPT_CHOICE,
     AT(sslmode),
     .fallback = "prefer",
     .choices = weir_pg_sslmodes,
     .help = "as libpq has it; verify-full proves whose server it is"},
    {.name = "sslrootcert",
     .type = WEIR_OPT_TEXT,
     AT(sslrootcert),
     .fallback = "",
     .help = "file of the certificates that verify-ca and verify-full trust; else libpq's own, "
             "~/.postgresql/root.crt"},
    {.name = "sslcert",
     .type = WEIR_OPT_TEXT,
     AT(sslcert),
     .fallback = "",
     .help = "file of the user's own certificate, where the server asks for one; else libpq's own, "
             "~/.postgresql/postgresql.crt"},
    {.name = "sslkey",
     .type = WEIR_OPT_TEXT,
     AT(sslkey),
     .fallback = "",
     .help = "file of that certificate's key, which nobody but its owner may read (chmod 600)"},
    {.name = "row_security",
     .type = WEIR_OPT_CHOICE,
     AT(row_security),
     .fallback = "refuse",
     .choices = row_securities,
     .help = "refuse: a table of which policies hide rows from the user is not read; apply: what "
             "the user may see is all there is"},
    {.name = "timeout",
     .type = WEIR_OPT_DURATION,
     AT(timeout),
     .fallback = "5m",
     .help = "a run fails when the server sends nothing for so long"},
    {.name = "schemas",
     .type = WEIR_OPT_LIST,
     AT(schemas),
     .fallback = "public",
     .help = "whose tables are streams; streams of the first are called by the table's name alone"},
    {.name = "capture",
     .type = WEIR_OPT_BOOL,
     AT(capture),
     .fallback = "false",
     .help = "follow the changes of the tables by logical replication, deletes and all"},
    {.name = "publication",
     .type = WEIR_OPT_TEXT,
     AT(publication),
     .fallback = "",
     .help = "of capture; else weir_ and the source's name. It is made when it is not there"},
    {.name = "slot",
     .type = WEIR_OPT_TEXT,
     AT(slot),
     .fallback = "",
     .help = "of capture: the replication slot; else weir_ and the source's name"},
    {.name = "max_slot",
     .type = WEIR_OPT_BYTES,
     AT(max_slot),
     .fallback = "50GB",
     .min = 1 << 20,
     .max = INT64_MAX,
     .help =
         "of capture: a slot that keeps more of the server's log is dropped, and the run fails, "
         "before the server's disk fills"},
    {0}};

static void close_connection(void *connection)
{
    struct weir_pg *pg = connection;
    if (pg) {
        weir_pg_capture_close(pg);
        PQfinish(pg->con);
        free(pg);
    }
}

static int open_connection(const struct weir_source_config *config,
                           const struct weir_source_site *site, void **out, struct weir_error *err)
{
    struct weir_pg *pg = calloc(1, sizeof *pg);
    *out = pg;
    if (!pg) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a connection");
    }
    pg->config = config;
    pg->settings = config->connection;
    pg->stop = pg->site_stop = site ? site->stop : NULL;
    if (pg->settings->capture && pg->settings->row_security == WEIR_PG_ROWS_VISIBLE) {
        return weir_fail(err, WEIR_EINVAL,
                         "changes are not held to row security: `capture` would bring rows that "
                         "the user may not see; leave `row_security: apply` out, or `capture`");
    }
    for (size_t i = 0; pg->settings->capture && i < config->stream_count; i++) {
        const struct weir_source_stream *s = &config->streams[i];
        bool follows = s->mode == WEIR_SOURCE_REPLACE ||
                       (s->mode == WEIR_SOURCE_MERGE && s->deletes && !*s->cursor);
        if (!follows || s->contract != WEIR_SOURCE_EVOLVE) {
            return weir_fail(
                err, WEIR_EINVAL,
                "a table that is followed (`capture`) is what the source's is: stream "
                "\"%s\" may be of `mode: replace`, or of `merge` with `deletes: soft`, "
                "and of `contract: evolve`",
                s->name);
        }
    }
    return weir_pg_connect(pg, &pg->con, err);
}

static int discover(void *connection, struct weir_source_catalog *out, struct weir_error *err)
{
    struct weir_pg *pg = connection;
    return pg->config->stream_count ? weir_source_catalog_named(pg->config, out, err)
                                    : weir_pg_tables(pg, out, err);
}

/* --- the cursor (run/mark.h) -------------------------------------------------------------------
 *
 * Rows of the greatest value may come later, or change: merge reads them again (>=), when their sum
 * says so; append does not (>).
 *
 * A greatest value that nothing passes would end the following. merge leaves those that nothing can
 * pass (infinity, NaN), or that say a day to come, out of it: they are among the rows beyond it. */

static const char *passable(const struct weir_pg_column *c)
{
    switch (c->oid) {
    case WEIR_PG_FLOAT4:
    case WEIR_PG_FLOAT8:
        return " < 'Infinity'"; /* NaN is greater, too */
    case WEIR_PG_NUMERIC:
        return "::text NOT IN ('NaN', 'Infinity')";
    case WEIR_PG_DATE:
        return " < current_date + 2";
    case WEIR_PG_TIMESTAMP:
    case WEIR_PG_TIMESTAMPTZ:
        return " < now() + interval '1 day'"; /* without a zone: it may be any */
    default:
        return NULL;
    }
}

static int check_passable(const struct weir_source_stream *stream, const struct weir_pg_column *c,
                          struct weir_str value, struct weir_error *err)
{
    bool endless = passable(c) &&
                   (weir_str_is(value, "NaN") || weir_str_eq_nocase(value, WEIR_STR("infinity")));
    return endless ? weir_fail(err, WEIR_EINVAL,
                               "the greatest value of the cursor \"%s\" of stream \"%s\" is " //
                               WEIR_STR_FMT
                               ", which no row that comes can pass: with `append` it would stand "
                               "still; mend that row at the source, read a view without it, or "
                               "take `merge`, which looks at such rows each time",
                               stream->cursor, stream->name, WEIR_STR_ARG(value))
                   : 0;
}

static int ask_greatest(struct weir_pg *pg, const struct weir_pg_table *t,
                        const struct weir_pg_column *c, bool append, PGresult **out,
                        struct weir_error *err)
{
    struct weir_buf sql;
    weir_buf_init(&sql, 1u << 16);
    weir_buf_addz(&sql, "SELECT max(");
    weir_sql_ident(&sql, c->name);
    weir_buf_addz(&sql, ")::text FROM ");
    weir_sql_table(&sql, t->schema, t->name);
    if (!append && passable(c)) {
        weir_buf_addz(&sql, " WHERE ");
        weir_sql_ident(&sql, c->name);
        weir_buf_addz(&sql, passable(c));
    }
    int rc = weir_buf_check(&sql, "a statement", err);
    rc = rc ? rc : weir_pg_ask(pg, pg->con, weir_buf_cstr(&sql), NULL, 0, out, err);
    weir_buf_free(&sql);
    return rc;
}

/* What is in the rows that have the greatest value, or are beyond it. The value stands in it as
 * itself, so that the server's plan knows how few rows they are. */
static int ask_sum(struct weir_pg *pg, const struct weir_pg_table *t,
                   const struct weir_pg_column *c, struct weir_str value, PGresult **out,
                   struct weir_error *err)
{
    struct weir_buf sql;
    bool any = false;
    weir_buf_init(&sql, MAX_CURSOR);
    weir_buf_addz(&sql, "SELECT count(*), sum(hashtextextended(ARRAY[");
    for (size_t i = 0; i < t->column_count; i++) {
        if (t->columns[i].index != SIZE_MAX) {
            weir_buf_addz(&sql, any ? ", hashtextextended(" : "hashtextextended(");
            weir_sql_ident(&sql, t->columns[i].name);
            weir_buf_addz(&sql, "::text COLLATE \"C\", 0)");
            any = true;
        }
    }
    weir_buf_addz(&sql, "]::text COLLATE \"C\", 0)) FROM ");
    weir_sql_table(&sql, t->schema, t->name);
    weir_buf_addz(&sql, " WHERE ");
    weir_sql_ident(&sql, c->name);
    weir_buf_addz(&sql, " >= ");
    weir_sql_text(&sql, value);
    int rc = weir_buf_check(&sql, "a statement", err);
    rc = rc ? rc : weir_pg_ask(pg, pg->con, weir_buf_cstr(&sql), NULL, 0, out, err);
    weir_buf_free(&sql);
    return rc;
}

/* Where all rows that are there are beyond the mark of before, it stays. */
static int ask_mark(struct weir_pg *pg, const struct weir_source_stream *stream,
                    const struct weir_pg_table *t, const struct weir_pg_column *c,
                    struct weir_arena *arena, const struct weir_source_mark *old,
                    struct weir_source_mark *out, struct weir_error *err)
{
    bool append = stream->mode == WEIR_SOURCE_APPEND;
    PGresult *greatest = NULL, *sum = NULL;
    *out = (struct weir_source_mark){.value = {NULL, 0}};
    pg->patient = true;
    int rc = ask_greatest(pg, t, c, append, &greatest, err);
    if (rc == 0 && !PQgetisnull(greatest, 0, 0)) {
        out->value = weir_arena_dup(arena, weir_pg_cell(greatest, 0, 0));
        rc = append ? check_passable(stream, c, out->value, err) : 0;
    } else if (rc == 0 && !append && passable(c)) {
        out->value = old->value;
    }
    rc = rc || append || !out->value.ptr ? rc : ask_sum(pg, t, c, out->value, &sum, err);
    if (rc == 0 && sum) {
        (void)weir_str_to_i64(weir_pg_cell(sum, 0, 0), &out->equal);
        out->sum = weir_arena_dup(arena, weir_pg_cell(sum, 0, 1));
    }
    pg->patient = false;
    PQclear(greatest);
    PQclear(sum);
    return rc;
}

/* A back-fill: the cursor stays. */
static int plan_range(const struct weir_pg_column *c, struct weir_str cursor,
                      struct weir_source_plan *plan, struct weir_str *condition,
                      struct weir_error *err)
{
    struct weir_buf sql;
    weir_buf_init(&sql, 1u << 20);
    weir_buf_addz(&sql, " WHERE ");
    weir_sql_ident(&sql, c->name);
    weir_buf_addz(&sql, " >= ");
    weir_sql_text(&sql, plan->from);
    if (plan->to.ptr) {
        weir_buf_addz(&sql, " AND ");
        weir_sql_ident(&sql, c->name);
        weir_buf_addz(&sql, " < ");
        weir_sql_text(&sql, plan->to);
    }
    plan->cursor = cursor;
    return weir_source_plan_keep(plan, &sql, condition, err);
}

/* Outside of a transaction, which a refusal would end. */
static int identify(struct weir_pg *pg, struct weir_error *err)
{
    PGresult *r = NULL;
    struct weir_error why;
    if (pg->identified) {
        return 0;
    }
    int rc = weir_pg_ask(pg, pg->con,
                         "SELECT (SELECT system_identifier::text FROM "
                         "pg_catalog.pg_control_system()) || '/' || (SELECT oid::text FROM "
                         "pg_catalog.pg_database WHERE datname = pg_catalog.current_database())",
                         NULL, 0, &r, &why);
    if (rc == 0 && PQntuples(r)) {
        snprintf(pg->identity, sizeof pg->identity, "%s", PQgetvalue(r, 0, 0));
    }
    PQclear(r);
    pg->identified = true;
    if (rc == WEIR_ECANCELED || rc == WEIR_ETIMEDOUT) {
        *err = why;
        return rc;
    }
    return 0; /* one that does not say who it is has only its place */
}

static int origin_of(const struct weir_pg *pg, const struct weir_pg_table *t,
                     struct weir_arena *arena, struct weir_source_origin *out,
                     struct weir_error *err)
{
    const struct weir_pg_settings *s = pg->settings;
    out->at =
        weir_str_of(weir_arena_printf(arena, "%s:%" PRId64 "/%s", s->host, s->port, s->database));
    out->table = weir_str_of(weir_arena_printf(arena, WEIR_STR_FMT "." WEIR_STR_FMT,
                                               WEIR_STR_ARG(t->schema), WEIR_STR_ARG(t->name)));
    out->server = weir_str_of(pg->identity);
    return out->at.ptr && out->table.ptr ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a plan");
}

static int plan_cursor(struct weir_pg *pg, const struct weir_source_stream *stream,
                       struct weir_pg_table *t, struct weir_str cursor,
                       struct weir_source_plan *plan, struct weir_error *err)
{
    struct weir_source_mark old, now = {.value = {NULL, 0}};
    struct weir_source_origin origin;
    struct weir_buf sql;
    size_t index;
    int rc = weir_source_mark_column(stream, plan, &index, err);
    const struct weir_pg_column *c = index == SIZE_MAX ? NULL : weir_pg_column_of(t, index);
    rc = rc ? rc : origin_of(pg, t, &plan->arena, &origin, err);
    rc = rc ? rc : weir_source_mark_read(stream, cursor, &origin, plan, &old, err);
    if (rc == 0 && plan->from.ptr && c) {
        return plan_range(c, cursor, plan, &t->condition, err);
    }
    rc = rc || !c ? rc : ask_mark(pg, stream, t, c, &plan->arena, &old, &now, err);
    if (rc == 0 && c && old.value.ptr) {
        weir_buf_init(&sql, MAX_CURSOR);
        weir_buf_addz(&sql, " WHERE ");
        weir_sql_ident(&sql, c->name);
        weir_buf_addz(&sql, stream->mode == WEIR_SOURCE_APPEND ? " > " : " >= ");
        weir_sql_text(&sql, old.value);
        rc = weir_source_plan_keep(plan, &sql, &t->condition, err);
    }
    return rc ? rc : weir_source_mark_plan(stream, cursor, &origin, &old, &now, plan, err);
}

/* The lock comes before the snapshot: TRUNCATE, or an ALTER TABLE that writes the rows anew, would
 * leave a snapshot of before with an empty table. */
static int begin(struct weir_pg *pg, const struct weir_pg_table *t, struct weir_error *err)
{
    struct weir_buf sql;
    weir_buf_init(&sql, 8192);
    int rc = weir_pg_ask(pg, pg->con, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", NULL, 0,
                         NULL, err);
    if (rc == 0 && t->lockable) {
        weir_buf_addz(&sql, "LOCK TABLE ");
        weir_sql_table(&sql, t->schema, t->name);
        weir_buf_addz(&sql, " IN ACCESS SHARE MODE");
        rc = weir_pg_ask(pg, pg->con, weir_buf_cstr(&sql), NULL, 0, NULL, err);
        weir_buf_reset(&sql);
    }
    if (rc == 0 && pg->capture) {
        weir_buf_addz(&sql, "SET TRANSACTION SNAPSHOT ");
        weir_sql_text(&sql, weir_str_of(pg->capture->snapshot));
        rc = weir_pg_ask(pg, pg->con, weir_buf_cstr(&sql), NULL, 0, NULL, err);
    }
    weir_buf_free(&sql);
    return rc;
}

/* The first load of a table that is followed: what it keeps says from where. */
static int plan_capture(struct weir_pg *pg, const struct weir_source_stream *stream,
                        struct weir_source_plan *plan, struct weir_error *err)
{
    struct weir_pg_followed *t = weir_pg_capture_table(pg, weir_str_of(stream->name));
    plan->whole = true;
    if (!t) {
        return weir_fail(err, WEIR_ENOENT, "the stream \"%s\" is not followed", stream->name);
    }
    t->from = pg->capture->from;
    plan->cursor = weir_pg_capture_table_cursor(&plan->arena, t, stream, t->from);
    return plan->cursor.ptr ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a cursor");
}

static int check_refused(struct weir_pg *pg, const char *stream, struct weir_error *err)
{
    const struct weir_source_follow *f = pg->capture->f;
    for (size_t i = 0; i < f->count; i++) {
        if (f->streams[i].refused.len && weir_str_is(f->streams[i].name, stream)) {
            return weir_fail(err, WEIR_EINVAL,
                             "changes of \"%s\" cannot be captured: " WEIR_STR_FMT, stream,
                             WEIR_STR_ARG(f->streams[i].refused));
        }
    }
    return 0;
}

/* The snapshot that is taken here is the one that rows are read in. */
static int plan(void *connection, const struct weir_source_stream *stream, struct weir_str cursor,
                struct weir_source_plan *out, struct weir_error *err)
{
    struct weir_pg *pg = connection;
    struct weir_pg_table *table = NULL;
    pg->stop = out->stop ? out->stop : pg->site_stop;
    int rc = weir_pg_ready(pg, err);
    rc = rc || !pg->capture ? rc : check_refused(pg, stream->name, err);
    rc = rc ? rc : weir_pg_find(pg, stream->name, out, &table, err);
    rc = rc || pg->capture ? rc : identify(pg, err);
    rc = rc ? rc : begin(pg, table, err);
    rc = rc ? rc : weir_pg_columns(pg, table, out, err);
    rc = rc            ? rc
         : pg->capture ? plan_capture(pg, stream, out, err)
                       : plan_cursor(pg, stream, table, cursor, out, err);
    out->own = table;
    /* Of a part of it nobody knows how much it is. */
    out->bytes = rc || table->condition.len || table->pages < 0 ? 0 : (uint64_t)table->pages * 8192;
    return rc;
}

static int read_rows(void *connection, const struct weir_source_plan *p,
                     struct weir_source_sink *sink, struct weir_error *err)
{
    struct weir_pg *pg = connection;
    int rc = weir_pg_read(pg, p->own, sink, err);
    return rc ? rc : weir_pg_ask(pg, pg->con, "COMMIT", NULL, 0, NULL, err);
}

static const struct weir_source_capture capture = {
    .on = weir_pg_capture_on,
    .open = weir_pg_capture_open,
    .try = weir_pg_capture_try,
    .loaded = weir_pg_capture_loaded,
    .columns = weir_pg_capture_columns,
    .read = weir_pg_capture_read,
    .confirm = weir_pg_capture_confirm,
    .close = weir_pg_capture_close,
    .kept = weir_pg_capture_kept,
    .leave = weir_pg_capture_leave,
};

static const struct weir_source_verifier verifier = {
    .ready = weir_pg_verify_ready,
    .key = weir_pg_verify_key,
    .sums = weir_pg_verify_sums,
    .narrow = weir_pg_verify_narrow,
};

const struct weir_source_connector weir_source_postgres = {
    .name = "postgres",
    .title = "PostgreSQL",
    .options = options,
    .settings_size = sizeof(struct weir_pg_settings),
    .open = open_connection,
    .discover = discover,
    .plan = plan,
    .read = read_rows,
    .capture = &capture,
    .verifier = &verifier,
    .close = close_connection,
};
