/* Replay: rows built from the log again, beside the live tables, and put in their place by one
 * transaction. While it builds, collection and loading go on; only for the last records and the
 * swap the loader waits.
 *
 * A replay of everything replaces whole tables, so their types are found anew. One of a range of
 * time or of one event replaces the rows that match, and keeps the tables. */
#include <stdlib.h>
#include <string.h>

#include "load/loader.h"

enum { SQL_BYTES = 1 << 20, TAIL_RECORDS = 2000, BATCH_BYTES = 32 << 20 };

struct replay {
    struct weir_loader *loader;
    const struct weir_replay *what;
    struct weir_replay_report *report;
    struct weir_session *session;
    struct weir_catalog catalog;
    struct weir_builder builder;
    struct weir_applier applier;
    struct weir_load_batch batch;
    struct weir_eventlog_reader *reader;
    uint64_t next; /* every record before it was read */
    bool whole;    /* tables, not rows */
};

static bool wanted(const struct weir_record *record, const struct weir_event *event, void *arg,
                   const char **reason)
{
    (void)record;
    (void)reason;
    const struct replay *r = arg;
    return !r->what->event ||
           (event->type == WEIR_EVENT_TRACK && weir_str_is(event->event, r->what->event));
}

static bool wants_record(const struct replay *r, const struct weir_record *record)
{
    const struct weir_replay *what = r->what;
    return record->received_at >= what->from && record->received_at < what->to &&
           (!what->source || weir_str_is(record->source, what->source)) &&
           (!what->event || record->kind == WEIR_RECORD_CALL);
}

/* --- SQL ---------------------------------------------------------------------------------------
 */

static int run_sql(struct weir_session *session, struct weir_buf *sql, struct weir_error *err)
{
    int code = weir_buf_check(sql, "a statement", err);
    code = code ? code : weir_session_exec(session, weir_buf_cstr(sql), err);
    weir_buf_reset(sql);
    return code;
}

static void add_table(struct weir_buf *sql, struct weir_str schema, struct weir_str table)
{
    weir_sql_ident(sql, schema);
    weir_buf_addc(sql, '.');
    weir_sql_ident(sql, table);
}

int weir_replay_clean(struct weir_session *session, struct weir_error *err)
{
    struct weir_arena arena;
    struct weir_table *tables;
    struct weir_buf sql;
    size_t count = 0;
    weir_arena_init(&arena, 1 << 30);
    weir_buf_init(&sql, SQL_BYTES);
    int code = weir_session_describe(session, &arena, &tables, &count, err);
    for (size_t i = 0; !code && i < count; i++) {
        if (weir_str_starts(tables[i].name, WEIR_STR(WEIR_REPLAY_PREFIX))) {
            weir_buf_addz(&sql, "DROP TABLE ");
            add_table(&sql, tables[i].schema, tables[i].name);
            code = run_sql(session, &sql, err);
        }
    }
    weir_buf_free(&sql);
    weir_arena_free(&arena);
    return code;
}

/* --- building ----------------------------------------------------------------------------------
 */

static int flush(struct replay *r, struct weir_error *err)
{
    int code = WEIR_OK;
    r->report->events += r->batch.events;
    r->report->discards += r->batch.discards;
    if (r->batch.records && !r->what->dry_run) {
        code = weir_session_begin(r->session, err);
        code = code ? code : weir_apply(&r->applier, &r->batch, WEIR_APPLY_ROWS, err);
        code = code ? code : weir_session_commit(r->session, err);
        if (code) {
            weir_session_rollback(r->session);
        }
    }
    weir_load_batch_reset(&r->batch);
    if (r->what->progress) {
        struct weir_load_stats stats;
        weir_loader_stats(r->loader, &stats);
        r->what->progress(r->next - 1, stats.next_seq - 1, r->what->arg);
    }
    return code;
}

static int check_stop(const struct replay *r, struct weir_error *err)
{
    return atomic_load(&r->loader->stop)
               ? weir_fail(err, WEIR_ECANCELED,
                           "weir stops; the replay was given up, and the tables are as before")
               : WEIR_OK;
}

/* Reads up to the record `until`, which the loader has loaded. */
static int build_until(struct replay *r, uint64_t until, struct weir_error *err)
{
    struct weir_record record;
    int code = WEIR_OK;
    while (!code && r->next < until) {
        code = check_stop(r, err);
        code = code ? code : weir_eventlog_read(r->reader, &record, err);
        if (code) {
            break; /* at the end, or what follows is lost */
        }
        if (record.seq >= until) {
            /* It is wanted later: read it again then. */
            weir_eventlog_reader_close(r->reader);
            r->reader = NULL;
            r->next = until;
            return weir_eventlog_reader_open(r->loader->log_dir, until, NULL, NULL, &r->reader,
                                             err);
        }
        r->next = record.seq + 1;
        if (wants_record(r, &record)) {
            r->report->records++;
            code = weir_builder_add(&r->builder, &r->batch, &record, err);
        }
        if (!code && (r->batch.body_bytes > BATCH_BYTES || r->batch.pool.used > 4u * BATCH_BYTES)) {
            code = flush(r, err);
        }
    }
    code = code == WEIR_EAGAIN ? WEIR_OK : code;
    return code ? code : flush(r, err);
}

static int take_first(const struct weir_eventlog_segment *segment, void *arg)
{
    *(uint64_t *)arg = segment->first_seq;
    return WEIR_ECANCELED; /* the others do not matter */
}

/* Rows of records that are no longer in the log cannot be made again, and would be lost. */
static int check_begin(struct replay *r, struct weir_error *err)
{
    const char *dir = r->loader->log_dir;
    struct weir_eventlog_reader *reader = NULL;
    struct weir_record record = {.received_at = WEIR_TIME_MAX};
    struct weir_error ignored;
    uint64_t first = 0;
    int code = weir_eventlog_each_segment(dir, false, take_first, NULL, &first, err);
    code = code == WEIR_ECANCELED ? WEIR_OK : code;
    code = code || first ? code : weir_eventlog_durable_seq(dir, &first, err);
    if (code || first <= 1) {
        return code;
    }
    if (!weir_eventlog_reader_open(dir, first, NULL, NULL, &reader, &ignored) &&
        !weir_eventlog_read(reader, &record, &ignored) && r->what->from > record.received_at) {
        first = 1; /* what is asked for is all there */
    }
    char when[28];
    weir_time_format(record.received_at, when);
    weir_eventlog_reader_close(reader);
    return first <= 1
               ? WEIR_OK
               : weir_fail(err, WEIR_EINVAL,
                           "the event log begins at record %llu, of %s: what came before was "
                           "deleted, and a replay would delete its rows, too; replay a range "
                           "that begins later (--from)",
                           (unsigned long long)first, when);
}

static uint64_t loaded_seq(struct weir_loader *loader)
{
    pthread_mutex_lock(&loader->lock);
    uint64_t seq = loader->stats.next_seq;
    pthread_mutex_unlock(&loader->lock);
    return seq;
}

/* --- swapping ----------------------------------------------------------------------------------
 */

static int replace_table(struct replay *r, const struct weir_load_table *made, struct weir_buf *sql,
                         struct weir_error *err)
{
    weir_buf_addz(sql, "DROP TABLE IF EXISTS ");
    add_table(sql, made->schema, made->label);
    weir_buf_addz(sql, "; ALTER TABLE ");
    add_table(sql, made->schema, made->name);
    weir_buf_addz(sql, " RENAME TO ");
    weir_sql_ident(sql, made->label);
    return run_sql(r->session, sql, err);
}

static void add_scope(const struct replay *r, struct weir_buf *sql, const char *event_column)
{
    char from[28], to[28];
    weir_time_format(r->what->from, from);
    weir_time_format(r->what->to, to);
    weir_buf_addf(sql,
                  " WHERE received_at >= TIMESTAMP '%.26s' AND received_at < TIMESTAMP '%.26s'",
                  from, to);
    if (r->what->event && event_column) {
        weir_buf_addf(sql, " AND %s = ", event_column);
        weir_sql_text(sql, weir_str_of(r->what->event));
    }
}

static const struct weir_column *find_column(const struct weir_table *table, struct weir_str name)
{
    for (size_t i = 0; table && i < table->column_count; i++) {
        if (weir_str_eq(table->columns[i].name, name)) {
            return &table->columns[i];
        }
    }
    return NULL;
}

/* Gives both tables the type that holds what either has. */
static int match_column(struct replay *r, const struct weir_load_table *made,
                        const struct weir_column *live, const struct weir_column *column,
                        struct weir_error *err)
{
    if (!live) {
        return weir_session_add_columns(r->session, made->schema, made->label, column, 1, err);
    }
    const struct weir_str names[] = {made->label, made->name};
    const enum weir_type types[] = {live->type, column->type};
    enum weir_type type = weir_type_join(live->type, column->type, false);
    for (int i = 0; type == WEIR_TYPE_DOUBLE && i < 2; i++) {
        bool unsafe = false;
        int code = types[i] != WEIR_TYPE_INT
                       ? WEIR_OK
                       : weir_column_has_unsafe_ints(r->session, made->schema, names[i],
                                                     column->name, &unsafe, err);
        if (code) {
            return code;
        }
        type = unsafe ? WEIR_TYPE_TEXT : type;
    }
    for (int i = 0; i < 2; i++) {
        int code = types[i] == type ? WEIR_OK
                                    : weir_session_widen_column(r->session, made->schema, names[i],
                                                                column->name, types[i], type, err);
        if (code) {
            return code;
        }
    }
    return WEIR_OK;
}

static int replace_rows(struct replay *r, const struct weir_load_table *made,
                        const struct weir_table *live, const struct weir_table *from,
                        struct weir_buf *sql, struct weir_error *err)
{
    struct weir_buf columns;
    int code = WEIR_OK;
    if (!live) {
        return replace_table(r, made, sql, err);
    }
    weir_buf_init(&columns, SQL_BYTES);
    for (size_t i = 0; !code && from && i < from->column_count; i++) {
        const struct weir_column *column = &from->columns[i];
        code = match_column(r, made, find_column(live, column->name), column, err);
        weir_buf_addz(&columns, i ? ", " : "");
        weir_sql_ident(&columns, column->name);
    }
    weir_buf_addz(sql, "DELETE FROM ");
    add_table(sql, made->schema, made->label);
    add_scope(r, sql, "event_text");
    weir_buf_addz(sql, "; INSERT INTO ");
    add_table(sql, made->schema, made->label);
    weir_buf_addf(sql, " (%s) SELECT %s FROM ", weir_buf_cstr(&columns), weir_buf_cstr(&columns));
    add_table(sql, made->schema, made->name);
    weir_buf_addz(sql, "; DROP TABLE ");
    add_table(sql, made->schema, made->name);
    code = code ? code : run_sql(r->session, sql, err);
    weir_buf_free(&columns);
    return code;
}

static const struct weir_table *find_table(const struct weir_table *tables, size_t count,
                                           struct weir_str schema, struct weir_str name)
{
    for (size_t i = 0; i < count; i++) {
        if (weir_str_eq(tables[i].schema, schema) && weir_str_eq(tables[i].name, name)) {
            return &tables[i];
        }
    }
    return NULL;
}

/* weir.discards and weir.names hold all sources' rows: those of the scope are replaced. */
static int replace_discards(struct replay *r, struct weir_buf *sql, struct weir_error *err)
{
    const struct weir_load_table *made = r->catalog.discards.table;
    weir_buf_addz(sql, "DELETE FROM weir.discards");
    add_scope(r, sql, NULL);
    if (r->what->source) {
        weir_buf_addz(sql, " AND source = ");
        weir_sql_text(sql, weir_str_of(r->what->source));
    }
    if (r->what->event) {
        weir_buf_addz(sql, " AND table_name IN (''");
        for (uint32_t i = 0; i < r->catalog.table_count; i++) {
            if (r->catalog.tables[i]->kind == WEIR_TABLE_EVENT) {
                weir_buf_addz(sql, ", ");
                weir_sql_text(sql, r->catalog.tables[i]->label);
            }
        }
        weir_buf_addc(sql, ')');
    }
    if (made && made->exists) {
        weir_buf_addz(sql, "; INSERT INTO weir.discards BY NAME SELECT * FROM ");
        add_table(sql, made->schema, made->name);
        weir_buf_addz(sql, "; DROP TABLE ");
        add_table(sql, made->schema, made->name);
    }
    return run_sql(r->session, sql, err);
}

static int replace_names(struct replay *r, struct weir_buf *sql, struct weir_error *err)
{
    const struct weir_load_table *made = r->catalog.names.table;
    if (!made || !made->exists) {
        return WEIR_OK;
    }
    weir_buf_addz(sql, "INSERT INTO weir.names BY NAME SELECT * FROM ");
    add_table(sql, made->schema, made->name);
    weir_buf_addz(sql,
                  " AS made WHERE NOT EXISTS (SELECT 1 FROM weir.names AS old WHERE "
                  "old.schema_name = made.schema_name AND old.table_name = made.table_name AND "
                  "old.column_name IS NOT DISTINCT FROM made.column_name AND "
                  "old.original = made.original); DROP TABLE ");
    add_table(sql, made->schema, made->name);
    return run_sql(r->session, sql, err);
}

/* While a record is loaded in parts, some of its rows are there that a replay does not make. */
static int check_parts(struct replay *r, struct weir_error *err)
{
    struct weir_load_state state;
    int code = weir_load_state_read(r->session, &state, err);
    return !code && state.next_event
               ? weir_fail(err, WEIR_EAGAIN,
                           "a large request is being loaded in parts; try again in a moment")
               : code;
}

static int swap(struct replay *r, struct weir_error *err)
{
    struct weir_arena arena;
    struct weir_table *tables;
    struct weir_buf sql;
    size_t count = 0;
    weir_arena_init(&arena, 1 << 30);
    weir_buf_init(&sql, SQL_BYTES);
    int code = weir_session_begin(r->session, err);
    code = code ? code : weir_session_describe(r->session, &arena, &tables, &count, err);
    for (uint32_t i = 0; !code && i < r->catalog.table_count; i++) {
        const struct weir_load_table *made = r->catalog.tables[i];
        bool latest = made->kind == WEIR_TABLE_USERS || made->kind == WEIR_TABLE_ACCOUNTS;
        if (!made->exists || made->kind == WEIR_TABLE_SYSTEM) {
            continue;
        }
        if (!r->whole && latest) {
            /* A part of the log cannot say what is latest: the live rows stay. */
            weir_buf_addz(&sql, "DROP TABLE ");
            add_table(&sql, made->schema, made->name);
            code = run_sql(r->session, &sql, err);
            continue;
        }
        r->report->tables++;
        code = r->whole
                   ? replace_table(r, made, &sql, err)
                   : replace_rows(r, made, find_table(tables, count, made->schema, made->label),
                                  find_table(tables, count, made->schema, made->name), &sql, err);
    }
    code = code ? code : replace_discards(r, &sql, err);
    code = code ? code : replace_names(r, &sql, err);
    code = code ? code : weir_session_commit(r->session, err);
    if (code) {
        weir_session_rollback(r->session);
    }
    weir_buf_free(&sql);
    weir_arena_free(&arena);
    return code;
}

/* --- all of it ---------------------------------------------------------------------------------
 */

/* The last records and the swap, while the loader waits. */
static int finish(struct replay *r, struct weir_error *err)
{
    struct weir_loader *loader = r->loader;
    pthread_mutex_lock(&loader->writing);
    int code = build_until(r, loaded_seq(loader), err);
    code = code ? code : check_parts(r, err);
    code = code ? code : check_stop(r, err);
    code = code ? code : swap(r, err);
    if (!code) {
        pthread_mutex_lock(&loader->lock);
        loader->reload = true;
        pthread_mutex_unlock(&loader->lock);
    }
    pthread_mutex_unlock(&loader->writing);
    struct weir_error ignored;
    if (!code && weir_session_checkpoint(r->session, &ignored)) {
        weir_log(loader->log, WEIR_LOG_INFO, "no checkpoint after the replay", "error",
                 ignored.message);
    }
    return code;
}

static int open_replay(struct replay *r, struct weir_error *err)
{
    struct weir_loader *loader = r->loader;
    const struct weir_load_limits limits = weir_loader_limits(loader);
    int code = weir_catalog_init(&r->catalog, &limits, err);
    r->catalog.prefix = WEIR_REPLAY_PREFIX;
    code = code ? code : weir_builder_init(&r->builder, &r->catalog, loader->seen, err);
    code = code ? code : weir_session_new(loader->warehouse, WEIR_SESSION_OWNER, &r->session, err);
    weir_applier_init(&r->applier, r->session);
    code = code || r->what->dry_run ? code : weir_replay_clean(r->session, err);
    r->next = 1;
    r->builder.only_ask = true;
    r->builder.only_events = r->what->event != NULL;
    r->builder.wanted = wanted;
    r->builder.wanted_arg = r;
    r->builder.now = weir_now();
    return code ? code : weir_eventlog_reader_open(loader->log_dir, 1, NULL, NULL, &r->reader, err);
}

static void close_replay(struct replay *r, bool failed)
{
    struct weir_error ignored;
    if (failed && r->session && !r->what->dry_run && weir_replay_clean(r->session, &ignored)) {
        weir_log(r->loader->log, WEIR_LOG_WARN, "a failed replay has left tables", "error",
                 ignored.message);
    }
    weir_eventlog_reader_close(r->reader);
    weir_builder_free(&r->builder);
    weir_catalog_free(&r->catalog);
    weir_load_batch_free(&r->batch);
    weir_applier_free(&r->applier);
    if (r->session) {
        weir_session_free(r->session);
    }
}

/* One at a time, and only once the loader knows what is loaded. */
static int enter(struct weir_loader *loader, struct weir_error *err)
{
    if (!loader->started) {
        int code = weir_loader_drain(loader, err);
        if (code) {
            return code;
        }
    }
    pthread_mutex_lock(&loader->lock);
    bool ready = loader->stats.next_seq > 0;
    bool busy = loader->replaying;
    loader->replaying = loader->replaying || ready;
    pthread_mutex_unlock(&loader->lock);
    if (!ready) {
        return weir_fail(err, WEIR_EAGAIN, "the loader has not started yet; try again in a moment");
    }
    return busy ? weir_fail(err, WEIR_EBUSY, "a replay is under way; wait until it has ended")
                : WEIR_OK;
}

int weir_loader_replay(struct weir_loader *loader, const struct weir_replay *what,
                       struct weir_replay_report *report, struct weir_error *err)
{
    *report = (struct weir_replay_report){0};
    struct replay r = {.loader = loader, .what = what, .report = report};
    r.whole = !what->event && what->from <= WEIR_TIME_MIN && what->to >= WEIR_TIME_MAX;
    int code = enter(loader, err);
    if (code) {
        return code;
    }
    code = what->dry_run ? WEIR_OK : check_begin(&r, err);
    code = code ? code : open_replay(&r, err);
    uint64_t until = loaded_seq(loader);
    while (!code && r.next < until) {
        code = build_until(&r, until, err);
        if (r.next < until) {
            break; /* the end of the log is lost */
        }
        until = loaded_seq(loader);
        if (until - r.next < TAIL_RECORDS) {
            break;
        }
    }
    if (what->dry_run) {
        for (uint32_t i = 0; i < r.catalog.table_count; i++) {
            report->tables += r.catalog.tables[i]->kind != WEIR_TABLE_SYSTEM;
        }
    } else {
        code = code ? code : finish(&r, err);
    }
    close_replay(&r, code != WEIR_OK);
    pthread_mutex_lock(&loader->lock);
    loader->replaying = false;
    pthread_mutex_unlock(&loader->lock);
    return code;
}
