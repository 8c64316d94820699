#include "source/schedule/follow.h"

#include <stdlib.h>

#include "source/define/tables.h"
#include "source/ledger/gone.h"
#include "source/ledger/keep.h"
#include "source/run/run.h"
#include "source/schedule/watch.h"

#define MAX_MEMORY (512u << 20)
#define ALL        WEIR_SOURCE_ALL
#define ATTEMPTS   5 /* tables that change while they are read */
/* Of tables whose changes come between each other: how many may have rows in memory, and bytes, by
 * a look from time to time. */
#define MAX_AWAKE     64
#define MAX_BYTES     (64u << 20)
#define CALLS_OF_LOOK 256
#define TRIES         5 /* of a transaction that another one got into the way of */

/* --- the streams --------------------------------------------------------------------------------
 */

int weir_source_follow_streams(struct weir_source_follow *f, struct weir_error *err)
{
    struct weir_source_catalog catalog = {.count = 0};
    weir_arena_init(&catalog.arena, MAX_MEMORY);
    f->count = f->config->stream_count;
    int rc = f->count ? 0 : f->config->connector->discover(f->connection, &catalog, err);
    rc = rc ? rc : weir_source_tables_give(f->config, &catalog, f->session, err);
    f->count = f->count ? f->count : catalog.count;
    f->streams = weir_arena_calloc(&f->arena, (f->count + 1) * sizeof *f->streams);
    for (size_t i = 0; rc == 0 && f->streams && i < f->count; i++) {
        f->streams[i].named = f->config->stream_count > 0;
        f->streams[i].refused = f->streams[i].changed = WEIR_STR("");
        f->streams[i].name =
            weir_arena_dup(&f->arena, f->streams[i].named ? weir_str_of(f->config->streams[i].name)
                                                          : catalog.streams[i].name);
        rc = f->streams[i].name.ptr ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for streams");
        if (rc == 0 && weir_str_is(f->streams[i].name, ALL)) {
            rc = weir_fail(err, WEIR_EINVAL, "a table called \"" ALL "\" cannot be followed");
        }
    }
    weir_arena_free(&catalog.arena);
    return rc || f->streams ? rc : weir_fail(err, WEIR_ENOMEM, "no memory for streams");
}

static const struct weir_table *find_table(const struct weir_source_follow *f, const char *name)
{
    return weir_tables_find(f->tables, f->table_count, weir_str_of(f->config->schema),
                            weir_str_of(name));
}

/* How far each is; a table that is gone is loaded again. Stages that a killed run left go. */
static int read_state(struct weir_source_follow *f, struct weir_error *err)
{
    struct weir_source_kept *kept = NULL;
    size_t kept_count = 0;
    int rc = weir_session_describe(f->session, &f->arena, &f->tables, &f->table_count, err);
    rc = rc ? rc
            : weir_source_ledger_cursors(f->session, f->config->name, &f->arena, &kept, &kept_count,
                                         err);
    f->cursor = weir_source_kept_cursor(kept, rc ? 0 : kept_count, ALL, NULL);
    for (size_t i = 0; rc == 0 && i < f->count; i++) {
        struct weir_source_stream stream;
        rc = weir_source_config_stream(f->config, f->streams[i].name, &stream, err);
        const struct weir_table *table = rc ? NULL : find_table(f, stream.table);
        if (table && !f->run->full) {
            f->streams[i].cursor =
                weir_source_kept_cursor(kept, kept_count, stream.name, f->config->schema);
        }
        struct weir_source_stage left = {.session = f->session,
                                         .schema = weir_str_of(f->config->schema)};
        rc = rc ? rc : weir_source_stage_name(&left, stream.table, &f->arena, err);
        if (rc == 0 && find_table(f, left.table.ptr)) {
            weir_source_stage_drop(&left);
        }
    }
    return rc;
}

/* It still says how the table is loaded. */
static int save_changed(struct weir_source_follow *f, const struct weir_source_follow_stream *s,
                        struct weir_error *err)
{
    struct weir_source_stream stream;
    int rc = weir_source_config_stream(f->config, s->name, &stream, err);
    struct weir_str cursor =
        rc ? (struct weir_str){NULL, 0} : weir_source_made_add(&f->arena, s->changed, &stream);
    rc = rc || cursor.ptr ? rc : weir_fail(err, WEIR_ENOMEM, "no memory for a cursor");
    return rc ? rc
              : weir_source_ledger_set_cursor(f->session, f->config->name, s->name.ptr,
                                              f->config->schema, f->id, cursor, weir_now(), err);
}

int weir_source_follow_save(struct weir_source_follow *f, struct weir_str cursor,
                            struct weir_error *err)
{
    int rc = weir_session_begin(f->session, err);
    if (rc == 0) {
        rc = weir_source_ledger_set_cursor(f->session, f->config->name, ALL, f->config->schema,
                                           f->id, cursor, weir_now(), err);
        for (size_t i = 0; rc == 0 && i < f->count; i++) {
            rc = f->streams[i].changed.len ? save_changed(f, &f->streams[i], err) : 0;
        }
        rc = rc ? rc : weir_session_commit(f->session, err);
        if (rc) {
            weir_session_rollback(f->session);
        }
    }
    return rc;
}

static bool goes_on(const struct weir_source_follow *f, struct weir_str stream)
{
    for (size_t i = 0; i < f->count; i++) {
        const struct weir_source_follow_stream *s = &f->streams[i];
        if (weir_str_eq(s->name, stream)) {
            return s->cursor.ptr && !s->anew && !s->refused.len;
        }
    }
    return false;
}

int weir_source_follow_forget(struct weir_source_follow *f, struct weir_error *err)
{
    const struct weir_param name = {.type = WEIR_TYPE_TEXT, .s = weir_str_of(f->config->name)};
    struct weir_result *result = NULL;
    struct weir_batch batch = {0};
    struct weir_buf sql;
    size_t count = 0;
    weir_buf_init(&sql, MAX_MEMORY);
    weir_buf_addz(&sql, "DELETE FROM weir.source_state WHERE source = ");
    weir_sql_text(&sql, name.s);
    weir_buf_addz(&sql, " AND stream IN (");
    int rc = weir_session_query(f->session,
                                "SELECT stream FROM weir.source_state WHERE source = $1 AND stream "
                                "<> '" ALL "'",
                                &name, 1, &result, err);
    while (rc == 0 && (rc = weir_result_next(result, &batch, err)) == 0 && batch.rows) {
        for (size_t i = 0; i < batch.rows; i++) {
            if (!goes_on(f, batch.columns[0].strs[i])) {
                weir_buf_addz(&sql, count++ ? ", " : "");
                weir_sql_text(&sql, batch.columns[0].strs[i]);
            }
        }
    }
    weir_result_free(result);
    weir_buf_addz(&sql, ")");
    if (rc == 0 && count) {
        weir_session_touch(f->session, WEIR_STR("weir"), WEIR_STR("source_state"));
        rc = weir_session_exec_buf(f->session, &sql, err);
    }
    weir_buf_free(&sql);
    return rc;
}

/* --- one round ----------------------------------------------------------------------------------
 */

static void drop_changes(struct weir_source_follow *f, bool stages)
{
    struct weir_error ignored;
    bool well = !f->writing || weir_source_changes_pause(f->writing, &ignored) == 0;
    if (!well && f->writing->stage.began) { /* or what is dropped below would be there again */
        weir_session_rollback(f->session);
        f->writing->stage.began = false;
    }
    f->writing = NULL;
    f->awake = 0;
    for (size_t i = 0; i < f->count; i++) {
        if (f->streams[i].changes) {
            if (stages) {
                weir_source_stage_drop(&f->streams[i].changes->stage);
            }
            weir_source_changes_free(f->streams[i].changes);
            f->streams[i].changes = NULL;
        }
    }
}

static int open_table(struct weir_source_follow *f, size_t i, struct weir_error *err)
{
    struct weir_source_changes *c = f->streams[i].changes = calloc(1, sizeof *c);
    if (!c) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the changes of a table");
    }
    weir_source_plan_init(&c->plan);
    int rc = weir_source_config_stream(f->config, f->streams[i].name, &c->stream, err);
    if (rc) {
        return rc;
    }
    c->target = find_table(f, c->stream.table);
    if (!c->target) {
        return weir_fail(err, WEIR_EAGAIN, "the table %s.%s is gone; the next run loads it anew",
                         f->config->schema, c->stream.table);
    }
    c->plan.exclude = &c->stream.exclude;
    c->plan.stop = f->run->progress ? &f->run->progress->stop : NULL;
    c->load = (struct weir_source_load){.run = f->id,
                                        .source = f->config->name,
                                        .stream = c->stream.name,
                                        .schema = f->config->schema,
                                        .table = c->stream.table,
                                        .mode = "capture",
                                        .source_checksum = c->read_checksum,
                                        .warehouse_checksum = c->stored_checksum,
                                        .started_at = weir_now(),
                                        .error = "",
                                        .changes = WEIR_STR("")};
    struct weir_arena *arena = &c->plan.arena;
    c->stage = (struct weir_source_stage){.session = f->session,
                                          .progress = f->run->progress,
                                          .schema = weir_str_of(f->config->schema),
                                          .source = f->config->name,
                                          .stream = c->stream.name,
                                          .run = f->id,
                                          .data = f->run->site->data,
                                          .at = c->load.started_at,
                                          .arena = arena};
    rc = weir_source_stage_name(&c->stage, c->stream.table, arena, err);
    weir_source_watch_read(weir_source_watch_of(f->run->progress), c->stream.name, 0);
    rc = rc ? rc : f->config->connector->capture->columns(f->connection, i, c, err);
    return rc ? rc : weir_source_changes_open(c, err);
}

/* All rows that wait in memory. */
static int rest_all(struct weir_source_follow *f, struct weir_error *err)
{
    int rc = f->writing ? weir_source_changes_pause(f->writing, err) : 0;
    for (size_t i = 0; rc == 0 && i < f->count; i++) {
        struct weir_source_changes *c = f->streams[i].changes;
        rc = c && !c->rests && c->touched ? weir_source_changes_rest(c, err) : 0;
    }
    f->writing = NULL;
    f->awake = 0;
    return rc;
}

static bool takes_much(struct weir_source_follow *f)
{
    size_t bytes = 0;
    for (size_t i = 0; f->calls % CALLS_OF_LOOK == 0 && i < f->count; i++) {
        struct weir_source_changes *c = f->streams[i].changes;
        bytes += c && !c->rests ? weir_source_rows_bytes(&c->rows) : 0;
    }
    return f->awake > MAX_AWAKE || bytes > MAX_BYTES;
}

int weir_source_follow_table(struct weir_source_follow *f, size_t i,
                             struct weir_source_changes **out, struct weir_error *err)
{
    struct weir_source_changes *c = f->streams[i].changes;
    f->calls++;
    *out = c;
    if (c && c == f->writing && !c->rests) {
        return 0;
    }
    int rc = f->writing ? weir_source_changes_pause(f->writing, err) : 0;
    rc = rc || !takes_much(f) ? rc : rest_all(f, err);
    if (rc == 0 && (!c || c->rests)) {
        f->awake++;
        rc = c ? weir_source_changes_wake(c, err) : open_table(f, i, err);
    }
    f->writing = *out = rc ? NULL : f->streams[i].changes;
    return rc;
}

static int apply_once(struct weir_source_follow *f, struct weir_error *err)
{
    int rc = weir_session_begin(f->session, err);
    if (rc) {
        return rc;
    }
    for (size_t i = 0; rc == 0 && i < f->count; i++) {
        struct weir_source_changes *c = f->streams[i].changes;
        rc = c ? weir_source_changes_apply(c, err) : 0;
    }
    rc = rc ? rc
            : weir_source_ledger_set_cursor(f->session, f->config->name, ALL, f->config->schema,
                                            f->id, f->cursor, weir_now(), err);
    rc = rc ? rc : weir_session_commit(f->session, err);
    if (rc) {
        weir_session_rollback(f->session);
    }
    return rc;
}

static int apply(struct weir_source_follow *f, struct weir_error *err)
{
    int rc = rest_all(f, err);
    for (size_t i = 0; rc == 0 && i < f->count; i++) {
        rc = f->streams[i].changes ? weir_source_changes_close(f->streams[i].changes, err) : 0;
    }
    for (int i = 0; rc == 0 && i < TRIES; i++) {
        rc = apply_once(f, err);
        if (rc != WEIR_EAGAIN || i + 1 == TRIES) {
            break;
        }
        rc = 0;
    }
    for (size_t i = 0; rc == 0 && i < f->count; i++) {
        if (f->streams[i].changes) {
            weir_source_load_print(&f->streams[i].changes->load, f->report);
            weir_source_watch_end(weir_source_watch_of(f->run->progress),
                                  &f->streams[i].changes->load);
        }
    }
    return rc;
}

static bool any_changes(const struct weir_source_follow *f)
{
    for (size_t i = 0; i < f->count; i++) {
        if (f->streams[i].changes) {
            return true;
        }
    }
    return false;
}

static int drain(struct weir_source_follow *f, const char **status, struct weir_error *err)
{
    const struct weir_source_capture *capture = f->config->connector->capture;
    int rc = 0;
    f->more = true;
    while (rc == 0 && f->more) {
        f->more = f->again = f->moved = false;
        rc = capture->read(f->connection, f, err);
        bool any = any_changes(f);
        if (rc == 0 && !f->again && any) {
            rc = apply(f, err);
            *status = rc ? *status : "loaded";
        } else if (rc == 0 && !f->again && f->moved) {
            rc = weir_source_follow_save(f, f->cursor, err);
        }
        drop_changes(f, rc != 0 || f->again);
        if (rc == 0 && f->again) {
            return 0;
        }
        rc = rc || (!any && !f->moved) ? rc : capture->confirm(f->connection, err);
        if (rc == 0 && any && f->more) { /* the columns that tables have now */
            rc = weir_session_describe(f->session, &f->arena, &f->tables, &f->table_count, err);
        }
    }
    return rc;
}

/* A table that somebody named, or that was followed until now: it would stand still unseen. */
static int is_missed(struct weir_source_follow *f, const struct weir_source_follow_stream *s,
                     bool *out, struct weir_error *err)
{
    struct weir_source_stream stream;
    int rc = weir_source_config_stream(f->config, s->name, &stream, err);
    *out = s->named;
    if (rc == 0 && !s->named && find_table(f, stream.table)) {
        rc = weir_source_ledger_seen(f->session, f->config->name, stream.name, &f->arena, out, err);
    }
    return rc;
}

/* Of one that nobody named: it is told, and in no ledger, because nothing was tried. */
static int tell_refused(struct weir_source_follow *f, const struct weir_source_follow_stream *s,
                        struct weir_error *err)
{
    struct weir_source_stream stream;
    int rc = weir_source_config_stream(f->config, s->name, &stream, err);
    if (rc == 0) {
        weir_log(f->run->log, WEIR_LOG_WARN, "a table is not followed", "source", f->config->name,
                 "stream", stream.name, "why", s->refused.ptr);
        weir_source_load_print(
            &(struct weir_source_load){.stream = stream.name,
                                       .schema = f->config->schema,
                                       .table = stream.table,
                                       .mode = weir_source_mode_name(stream.mode),
                                       .status = "refused",
                                       .source_checksum = "",
                                       .warehouse_checksum = "",
                                       .error = s->refused.ptr},
            f->report);
    }
    return rc;
}

/* Failures of one stream's load do not keep the others from following. */
static int load_anew(struct weir_source_follow *f, const char **status, struct weir_error *err)
{
    struct weir_error why;
    int first = 0;
    for (size_t i = 0; i < f->count; i++) {
        struct weir_source_follow_stream *s = &f->streams[i];
        const char *one = "failed";
        bool missed = false;
        int rc = s->refused.len ? is_missed(f, s, &missed, err) : 0;
        rc = rc || missed || !s->refused.len ? rc : tell_refused(f, s, err);
        if (rc) {
            return rc;
        }
        if (!s->anew && !missed) {
            continue;
        }
        int code = weir_source_run_stream(f->run, f->id, f->config, f->connection, s->name, &one,
                                          f->report, &why);
        if (code) {
            first = first ? first : weir_fail(err, code, "%s: %s", f->config->name, why.message);
            *status = one;
        } else if (strcmp(*status, "unchanged") == 0) {
            *status = one;
        }
        if (code == WEIR_ECANCELED || code == WEIR_EFATAL) {
            break;
        }
        s->cursor = WEIR_STR("");
        if (code) {
            s->cursor.ptr = NULL;
        }
    }
    return first;
}

static int tell_gone(const struct weir_source_follow *f, struct weir_error *err)
{
    struct weir_source_gone gone = {.run = f->run, .id = f->id, .config = f->config};
    for (size_t i = 0; i < f->count; i++) {
        weir_source_gone_there(&gone, f->streams[i].name);
    }
    return weir_source_gone_tell(&gone, f->report, err);
}

static int attempt(struct weir_source_follow *f, const char **status, struct weir_error *err)
{
    const struct weir_source_capture *capture = f->config->connector->capture;
    int rc = weir_source_follow_streams(f, err);
    rc = rc ? rc : read_state(f, err);
    rc = rc ? rc : capture->open(f->connection, f, err);
    int loads = rc ? 0 : load_anew(f, status, err);
    if (rc || loads == WEIR_ECANCELED || loads == WEIR_EFATAL) {
        return rc ? rc : loads;
    }
    struct weir_error later;
    rc = capture->loaded(f->connection, &later);
    rc =
        rc ? rc : weir_session_describe(f->session, &f->arena, &f->tables, &f->table_count, &later);
    for (size_t i = 0; rc == 0 && i < f->count; i++) { /* what the loads kept */
        rc = f->streams[i].anew && f->streams[i].cursor.ptr
                 ? weir_source_ledger_cursor(f->session, f->config->name, f->streams[i].name.ptr,
                                             f->config->schema, NULL, &f->arena,
                                             &f->streams[i].cursor, &later)
                 : 0;
    }
    rc = rc ? rc : drain(f, status, &later);
    if (rc == 0) {
        weir_stream_run_went_well(f->run);
    }
    rc = rc || f->again ? rc : tell_gone(f, &later);
    if (rc && loads) { /* the ledger has that one already; this one concerns all tables */
        *status = "unchanged";
    }
    return rc ? weir_fail(err, rc, "%s", later.message) : loads;
}

bool weir_source_follows(const struct weir_source_config *config)
{
    const struct weir_source_capture *capture = config->connector->capture;
    return capture && capture->on(config->connection);
}

int weir_source_follow_all(const struct weir_source_run *run, const char *id,
                           struct weir_source_config *config, void *connection, const char **status,
                           struct weir_jw *w, struct weir_error *err)
{
    struct weir_source_run following = *run;
    struct weir_source_follow f = {.run = &following,
                                   .id = id,
                                   .config = config,
                                   .connection = connection,
                                   .report = w,
                                   .again = true};
    weir_arena_init(&f.arena, MAX_MEMORY);
    int rc = weir_session_new(run->warehouse, WEIR_SESSION_OWNER, &f.session, err);
    rc = rc ? rc : weir_source_ledger_open(f.session, err);
    for (int i = 0; rc == 0 && f.again; i++) {
        f.again = false;
        weir_arena_reset(&f.arena);
        rc = attempt(&f, status, err);
        following.full = false; /* it is done */
        if (rc == 0 && f.again && i + 1 == ATTEMPTS) {
            rc = weir_fail(err, WEIR_EAGAIN,
                           "tables of \"%s\" are altered again and again; run it later",
                           config->name);
        }
    }
    config->connector->capture->close(connection);
    weir_session_free(f.session);
    weir_arena_free(&f.arena);
    return rc;
}
