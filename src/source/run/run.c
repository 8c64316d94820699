/* One run: each stream of a source, from its cursor to its table. */
#include <stdio.h>
#include <stdlib.h>

#include "source/run/run.h"

#include "source/define/account.h"
#include "source/feed/feed_ahead.h"
#include "source/ledger/gone.h"
#include "source/ledger/keep.h"
#include "source/run/lists.h"
#include "source/run/omitted.h"
#include "source/schedule/follow.h"
#include "source/schedule/watch.h"
#include "source/verify/verify.h"

#define MAX_CATALOG (512u << 20)

/* --- one stream ---------------------------------------------------------------------------------
 */

static bool may_load(const struct weir_source_config *config, const struct weir_stream_run *r)
{
    bool found = config->stream_count == 0; /* whatever is there */
    for (size_t i = 0; i < config->stream_count; i++) {
        found = found || strcmp(config->streams[i].table, r->stream.table) == 0;
    }
    return found && strcmp(config->schema, r->config->schema) == 0;
}

/* The same of the table of a list, "orders.items[]" of the stream "orders". */
static bool may_load_list(const struct weir_source_config *config, struct weir_str list,
                          const struct weir_stream_run *r)
{
    const char *dot = memrchr(list.ptr, '.', list.len);
    struct weir_str name = {list.ptr, dot ? (size_t)(dot - list.ptr) : list.len};
    bool found = false;
    for (size_t i = 0; i < config->stream_count; i++) {
        const struct weir_source_stream *s = &config->streams[i];
        size_t n = strlen(s->table);
        found = found || (s->nested == WEIR_SOURCE_NESTED_TABLES && weir_str_is(name, s->name) &&
                          strncmp(s->table, r->stream.table, n) == 0 &&
                          strncmp(r->stream.table + n, "__", 2) == 0);
    }
    return found && strcmp(config->schema, r->config->schema) == 0;
}

/* A table has one source, and that of a list one stream: two would drop each other's rows. One that
 * is gone leaves its tables. */
static int check_owner(struct weir_stream_run *r, struct weir_error *err)
{
    struct weir_source_owner owner;
    struct weir_source_config config;
    struct weir_error ignored;
    int rc = weir_source_ledger_owner(r->session, r->config->schema, r->stream.table,
                                      &r->plan.arena, &owner, err);
    if (rc || !owner.source.ptr || !owner.stream.ptr ||
        (weir_str_is(owner.source, r->config->name) &&
         (!r->parent || weir_str_is(owner.stream, r->stream.name)))) {
        return rc;
    }
    if (weir_source_config_read(r->run->site->dir, owner.source.ptr, &config, &ignored) == 0 &&
        (r->parent ? may_load_list(&config, owner.stream, r) : may_load(&config, r))) {
        rc = weir_fail(err, WEIR_EEXIST,
                       "%s.%s is a table of the source \"%s\" (stream \"%s\"); give the stream "
                       "\"%s\" another `table:`, or the source another `schema:`",
                       r->config->schema, r->stream.table, owner.source.ptr, owner.stream.ptr,
                       r->parent ? r->parent->stream.name : r->stream.name);
    }
    weir_source_config_free(&config);
    return rc || weir_str_is(owner.source, r->config->name)
               ? rc
               : weir_source_account_left(r, &owner, err);
}

int weir_stream_run_find_target(struct weir_stream_run *r, struct weir_error *err)
{
    int rc =
        weir_session_describe_table(r->session, weir_str_of(r->config->schema),
                                    weir_str_of(r->stream.table), &r->plan.arena, &r->target, err);
    bool of_list = weir_source_find_column(r->target, WEIR_STR(WEIR_SOURCE_PARENT));
    if (rc == 0 && r->target && of_list != (r->parent != NULL)) {
        rc = weir_fail(err, WEIR_EEXIST,
                       "%s.%s is there already and is %s table of a list; give the stream \"%s\" "
                       "another `table:`",
                       r->config->schema, r->stream.table, of_list ? "the" : "no",
                       r->parent ? r->parent->stream.name : r->stream.name);
    } else if (rc == 0 && r->target &&
               !weir_source_find_column(r->target, WEIR_STR(WEIR_SOURCE_RUN))) {
        rc = weir_fail(err, WEIR_EEXIST,
                       "%s.%s is there already and was not loaded by a source; give the stream "
                       "\"%s\" another `table:`",
                       r->config->schema, r->stream.table, r->stream.name);
    }
    return rc || !r->target ? rc : check_owner(r, err);
}

/* What is to be read, since the last time. A table that is gone is read as a whole. */
static int make_plan(struct weir_stream_run *r, struct weir_error *err)
{
    struct weir_str cursor = {NULL, 0};
    bool missing = false, elsewhere = false;
    int rc = weir_stream_run_find_target(r, err);
    rc = rc ? rc : weir_lists_missing(r, &missing, err);
    if (rc == 0 && r->target) {
        rc = weir_source_ledger_cursor(r->session, r->config->name, r->stream.name,
                                       r->config->schema, &elsewhere, &r->plan.arena, &r->plan.last,
                                       err);
        cursor = r->run->full || missing || elsewhere ? cursor : r->plan.last;
    }
    if (r->run->from) {
        r->plan.from = weir_str_of(r->run->from);
        r->plan.to = r->run->to ? weir_str_of(r->run->to) : (struct weir_str){NULL, 0};
        rc = rc ? rc : weir_source_asked_range(r, cursor, err);
    }
    r->plan.exclude = &r->stream.exclude;
    r->plan.there = r->target;
    r->plan.reads = true;
    r->plan.moved = r->run->moved;
    r->plan.stop = r->run->progress ? &r->run->progress->stop : NULL;
    rc = rc ? rc : r->config->connector->plan(r->connection, &r->stream, cursor, &r->plan, err);
    rc = rc ? rc : weir_source_check_excluded(r, err);
    r->load.bytes = r->plan.bytes;
    r->plan.other = r->plan.other || elsewhere;
    rc = rc ? rc : weir_source_keep(r, err);
    return rc ? rc : weir_source_omitted_find(r, err);
}

static int settle(struct weir_stream_run *r, struct weir_error *err)
{
    /* A full run finds all types anew. */
    bool anew = r->run->full && r->plan.whole && r->stream.contract == WEIR_SOURCE_EVOLVE &&
                !weir_source_apply_keeps(&r->stream, r->target);
    return weir_source_settle(&r->plan, &r->stream, anew ? NULL : r->target, r->session,
                              &r->settled, err);
}

static int open_stage(struct weir_stream_run *r, struct weir_error *err)
{
    r->stage = (struct weir_source_stage){.session = r->session,
                                          .progress = r->run->progress,
                                          .files = r->config->connector->files,
                                          .counted = r->feed,
                                          .schema = weir_str_of(r->config->schema),
                                          .source = r->config->name,
                                          .stream = r->stream.name,
                                          .run = r->id,
                                          .data = r->run->site->data,
                                          .at = r->load.started_at,
                                          .arena = &r->plan.arena};
    int rc = weir_source_stage_name(&r->stage, r->stream.table, &r->plan.arena, err);
    return rc ? rc : weir_source_stage_open(&r->stage, r->settled.columns, r->settled.count, err);
}

int weir_stream_run_open_stage(struct weir_stream_run *r, struct weir_error *err)
{
    int rc = settle(r, err);
    return rc ? rc : open_stage(r, err);
}

static int read_rows(struct weir_stream_run *r, struct weir_error *err)
{
    int rc = settle(r, err);
    bool ahead = rc == 0 && r->feed && weir_feed_ahead_take(r);
    rc = rc || ahead ? rc : open_stage(r, err);
    rc = rc || ahead ? rc
         : r->feed   ? weir_feed_read(r->feed, &r->plan, &r->stage.sink, err)
                     : r->config->connector->read(r->connection, &r->plan, &r->stage.sink, err);
    rc = rc ? rc : weir_source_stage_close(&r->stage, err);
    r->load.rows_read = r->stage.read.rows + r->stage.reject_count;
    if (rc == 0 || rc == WEIR_ECORRUPT) {
        weir_figures_checksum(r->stage.sink.told && r->stage.reject_count == 0 ? &r->stage.told
                                                                               : &r->stage.read,
                              r->read_checksum);
        weir_figures_checksum(&r->stage.stored, r->stored_checksum);
    }
    return rc;
}

int weir_stream_run_say(struct weir_stream_run *r, struct weir_str sentence, struct weir_error *err)
{
    struct weir_buf text;
    weir_buf_init(&text, 1u << 16);
    if (sentence.len) {
        weir_json_quote(&text, sentence);
    }
    int rc = weir_source_settled_add(&r->settled, weir_buf_str(&text), err);
    weir_buf_free(&text);
    return rc;
}

int weir_stream_run_stage(struct weir_stream_run *r, struct weir_error *err)
{
    if (!r->feed) {
        weir_source_watch_read(weir_source_watch_of(r->run->progress), r->stream.name,
                               r->plan.whole ? r->plan.bytes : 0);
    }
    if (r->plan.note) {
        weir_source_watch_say(weir_source_watch_of(r->run->progress), "%s: %s", r->stream.name,
                              r->plan.note);
    }
    int rc = read_rows(r, err);
    rc = rc ? rc : weir_stream_run_say(r, r->plan.changed, err);
    rc = rc ? rc : weir_stream_run_say(r, r->plan.said, err);
    rc = rc ? rc : weir_source_omitted_say(r, err);
    r->load.changes = r->settled.changes.len > 2 ? weir_buf_str(&r->settled.changes) : WEIR_STR("");
    return rc || !r->plan.nest ? rc : weir_lists_stage(r, err);
}

void weir_stream_run_unstage(struct weir_stream_run *r, int rc)
{
    for (size_t i = 0; i < r->list_count; i++) {
        weir_stream_run_unstage(r->lists[i], rc);
    }
    weir_source_stage_free(&r->stage);
    if (rc && rc != WEIR_EFATAL && r->stage.table.ptr) {
        weir_source_stage_drop(&r->stage);
    }
}

struct weir_source_apply *weir_stream_run_apply(struct weir_stream_run *r)
{
    struct weir_source_apply *out =
        weir_arena_calloc(&r->plan.arena, (r->list_count + 1) * sizeof *out);
    for (size_t i = 0; out && i <= r->list_count; i++) {
        struct weir_stream_run *one = i ? r->lists[i - 1] : r;
        out[i] = (struct weir_source_apply){.stage = &one->stage,
                                            .plan = &one->plan,
                                            .stream = &one->stream,
                                            .settled = &one->settled,
                                            .target = one->target,
                                            .load = &one->load,
                                            .up = i ? out : NULL};
    }
    if (out) {
        out->lists = out + 1;
        out->list_count = r->list_count;
    }
    return out;
}

static int load_stream(struct weir_stream_run *r, struct weir_error *err)
{
    int rc = make_plan(r, err);
    if (rc || r->plan.nothing) {
        r->load.status = "unchanged";
        return rc ? rc : weir_source_omitted_load(r, err);
    }
    bool same = false;
    rc = weir_stream_run_stage(r, err);
    rc = rc ? rc : weir_stream_run_same(r, &same, err);
    struct weir_source_apply *apply = rc || same ? NULL : weir_stream_run_apply(r);
    rc = rc || same || apply ? rc : weir_fail(err, WEIR_ENOMEM, "no memory for a run");
    if (rc == 0 && !same) {
        weir_source_watch_write(weir_source_watch_of(r->run->progress), r->stream.name);
    }
    for (int i = 0; rc == 0 && !same && i < WEIR_SOURCE_TRIES; i++) {
        rc = weir_source_apply(apply, err);
        if (rc != WEIR_EAGAIN || i + 1 == WEIR_SOURCE_TRIES) {
            break;
        }
        rc = 0;
    }
    weir_stream_run_unstage(r, same ? WEIR_ECANCELED : rc);
    return rc;
}

/* What somebody stopped, or the server's end did, says nothing of the source. */
static void note(const struct weir_source_run *run, const struct weir_source_load *load, int rc)
{
    struct weir_session *session = NULL;
    struct weir_error err;
    if (rc == WEIR_ECANCELED) {
        return;
    }
    if (run->progress) {
        atomic_store(&run->progress->noted, true);
    }
    weir_log(run->log, WEIR_LOG_ERROR, "a stream was not loaded", "source", load->source, "stream",
             load->stream, "error", load->error);
    int failed = weir_session_new(run->warehouse, WEIR_SESSION_OWNER, &session, &err);
    failed = failed ? failed : weir_source_ledger_open(session, &err);
    failed = failed ? failed : weir_source_ledger_add(session, load, &err);
    if (failed) {
        weir_log(run->log, WEIR_LOG_ERROR, "the failure cannot be written to weir.loads", "error",
                 err.message);
    }
    weir_session_free(session);
}

/* A failure is a row of the ledger, too. */
void weir_stream_run_note_failure(struct weir_stream_run *r, int rc, const struct weir_error *why)
{
    r->load.status = rc == WEIR_ECORRUPT ? "mismatch" : "failed";
    r->load.error = why->message;
    r->load.rows_written = r->load.rows_superseded = r->load.rows_discarded = 0;
    r->load.rows_deleted = 0;
    r->load.ended_at = weir_now();
    for (size_t i = 0; i < r->list_count; i++) { /* they were to be loaded with it, or not at all */
        struct weir_source_load *list = &r->lists[i]->load;
        list->status = r->load.status;
        list->error = "its stream was not loaded";
        list->rows_written = list->rows_superseded = list->rows_discarded = 0;
    }
    note(r->run, &r->load, rc);
}

void weir_source_note_failure(const struct weir_source_run *run, const char *id,
                              struct weir_source_config *config, weir_time began, int rc,
                              const struct weir_error *why)
{
    const struct weir_source_stream *stream = weir_source_named(config, run->stream);
    const struct weir_source_load load = {.run = id,
                                          .source = run->source,
                                          .stream = stream ? stream->name : WEIR_SOURCE_ALL,
                                          .schema = config->schema ? config->schema : "",
                                          .table = stream ? stream->table : "",
                                          .mode = stream ? weir_source_mode_name(stream->mode) : "",
                                          .status = rc == WEIR_ECORRUPT ? "mismatch" : "failed",
                                          .source_checksum = "",
                                          .warehouse_checksum = "",
                                          .started_at = began,
                                          .ended_at = weir_now(),
                                          .error = why->message,
                                          .changes = WEIR_STR("")};
    note(run, &load, rc);
}

void weir_source_load_print(const struct weir_source_load *l, struct weir_jw *w)
{
    weir_jw_object(w);
    weir_jw_kstrz(w, "stream", l->stream);
    weir_jw_kstrz(w, "schema", l->schema);
    weir_jw_kstrz(w, "table", l->table);
    weir_jw_kstrz(w, "mode", l->mode);
    weir_jw_kstrz(w, "status", l->status);
    weir_jw_ku64(w, "rows_read", l->rows_read);
    weir_jw_ku64(w, "rows_written", l->rows_written);
    weir_jw_ku64(w, "rows_discarded", l->rows_discarded);
    weir_jw_ku64(w, "rows_superseded", l->rows_superseded);
    weir_jw_ku64(w, "rows_deleted", l->rows_deleted);
    weir_jw_ku64(w, "bytes", l->bytes);
    weir_jw_kstr_or_null(w, "source_checksum", weir_str_of(l->source_checksum));
    weir_jw_kstr_or_null(w, "warehouse_checksum", weir_str_of(l->warehouse_checksum));
    weir_jw_keyz(w, "changes");
    weir_jw_raw(w, l->changes.len ? l->changes : WEIR_STR("[]"));
    weir_jw_kstr_or_null(w, "error", weir_str_of(l->error));
    weir_jw_object_end(w);
}

/* The end, to whoever looks on, and into the report. */
static void report(struct weir_stream_run *r, struct weir_jw *w)
{
    weir_source_watch_end(weir_source_watch_of(r->run->progress), &r->load);
    weir_source_load_print(&r->load, w);
    for (size_t i = 0; i < r->list_count; i++) {
        report(r->lists[i], w);
    }
}

int weir_stream_run_init(struct weir_stream_run *r, const struct weir_source_run *run,
                         const char *id, struct weir_source_config *config, struct weir_str name,
                         struct weir_error *err)
{
    *r = (struct weir_stream_run){.run = run, .id = id, .config = config};
    weir_source_plan_init(&r->plan);
    int rc = weir_source_config_stream(config, name, &r->stream, err);
    if (rc == 0) {
        r->load = (struct weir_source_load){.run = id,
                                            .source = config->name,
                                            .stream = r->stream.name,
                                            .schema = config->schema,
                                            .table = r->stream.table,
                                            .mode = weir_source_mode_name(r->stream.mode),
                                            .source_checksum = r->read_checksum,
                                            .warehouse_checksum = r->stored_checksum,
                                            .started_at = weir_now(),
                                            .error = "",
                                            .changes = WEIR_STR("")};
    }
    return rc;
}

void weir_stream_run_free(struct weir_stream_run *r)
{
    for (size_t i = 0; i < r->list_count; i++) {
        weir_stream_run_free(r->lists[i]);
        free(r->lists[i]);
    }
    free(r->lists);
    if (r->ahead) {
        weir_stream_run_free(r->ahead);
        free(r->ahead);
    }
    weir_buf_free(&r->settled.changes);
    weir_source_plan_free(&r->plan);
}

void weir_stream_run_went_well(const struct weir_source_run *run)
{
    if (run->progress) {
        atomic_store(&run->progress->well, true);
    }
}

int weir_source_run_stream(const struct weir_source_run *run, const char *id,
                           struct weir_source_config *config, void *connection,
                           struct weir_str name, const char **status, struct weir_jw *w,
                           struct weir_error *err)
{
    int rc = weir_source_check_rest(run, name, err);
    struct weir_stream_run *r = rc ? NULL : calloc(1, sizeof *r);
    if (!r) {
        return rc ? rc : weir_fail(err, WEIR_ENOMEM, "no memory for a run");
    }
    rc = weir_stream_run_init(r, run, id, config, name, err);
    r->connection = connection;
    if (rc == 0) {
        weir_source_watch_look(weir_source_watch_of(run->progress), r->stream.name);
        rc = weir_session_new(run->warehouse, WEIR_SESSION_OWNER, &r->session, err);
        rc = rc ? rc : weir_source_ledger_open(r->session, err);
        rc = rc ? rc : load_stream(r, err);
        rc = rc ? rc : weir_source_tell_well(r, err);
        weir_session_free(r->session);
        if (rc && r->asked) {
            r->load.status = "failed";
            r->load.error = err->message;
        } else if (rc) {
            weir_stream_run_note_failure(r, rc, err);
        } else {
            weir_stream_run_went_well(run);
        }
        report(r, w);
        *status = r->asked ? WEIR_SOURCE_ASKED : r->load.status;
    }
    weir_stream_run_free(r);
    free(r);
    return rc;
}

/* --- all of a source ----------------------------------------------------------------------------
 */

static bool is_filled(struct weir_source_config *config, struct weir_str name)
{
    struct weir_source_stream stream;
    struct weir_error ignored;
    return weir_source_config_stream(config, name, &stream, &ignored) == 0 &&
           weir_source_can_fill(&stream);
}

static int tell_gone(const struct weir_source_run *run, const char *id,
                     const struct weir_source_config *config,
                     const struct weir_source_catalog *catalog, struct weir_jw *w,
                     struct weir_error *err)
{
    struct weir_source_gone gone = {.run = run, .id = id, .config = config};
    for (size_t i = 0; i < catalog->count; i++) {
        weir_source_gone_there(&gone, catalog->streams[i].name);
    }
    return weir_source_gone_tell(&gone, w, err);
}

static int run_streams(const struct weir_source_run *run, const char *id,
                       struct weir_source_config *config, void *connection, const char **status,
                       struct weir_jw *w, struct weir_error *err)
{
    struct weir_source_catalog catalog = {.count = 0};
    struct weir_error why;
    bool found = false;
    int first = 0;
    weir_arena_init(&catalog.arena, MAX_CATALOG);
    int rc = weir_source_streams(run, config, connection, &catalog, err);
    for (size_t i = 0; rc == 0 && i < catalog.count; i++) {
        struct weir_str name = catalog.streams[i].name;
        const char *one = "failed";
        if (run->stream ? !weir_str_is(name, run->stream) : run->from && !is_filled(config, name)) {
            continue;
        }
        found = true;
        int code = weir_source_run_stream(run, id, config, connection, name, &one, w, &why);
        if (code) {
            first = first ? first : weir_fail(err, code, "%s: %s", config->name, why.message);
            *status = one;
        } else if (first == 0 && strcmp(*status, "unchanged") == 0) {
            *status = one;
        }
        if (code == WEIR_ECANCELED || code == WEIR_EFATAL) {
            break;
        }
    }
    if (rc == 0 && !found && run->from && !run->stream) {
        rc = weir_fail(err, WEIR_EINVAL,
                       "no stream of source \"%s\" has `cursor: COLUMN` and `mode: merge` or "
                       "`history`, so none can be filled from some point on",
                       config->name);
        *status = WEIR_SOURCE_ASKED;
    } else if (rc == 0 && !found) {
        *status = run->stream ? WEIR_SOURCE_ASKED : *status;
        rc = weir_fail(err, WEIR_ENOENT,
                       "source \"%s\" has no stream%s%s%s; `weir source discover %s` shows them",
                       config->name, run->stream ? " \"" : "", run->stream ? run->stream : "",
                       run->stream ? "\"" : "", config->name);
    }
    if (rc == 0 && !run->stream && !run->from && first != WEIR_ECANCELED && first != WEIR_EFATAL) {
        int code = tell_gone(run, id, config, &catalog, w, &why);
        first = first || !code ? first : weir_fail(err, code, "%s: %s", config->name, why.message);
    }
    weir_arena_free(&catalog.arena);
    return rc ? rc : first;
}

/* Schedules go by runs of all of a source. One that the server's own end cut off did not happen. */
static void keep_turn(const struct weir_source_run *run, const struct weir_source_config *config,
                      weir_time began, int rc)
{
    struct weir_error why = {0};
    char gone[WEIR_SOURCE_GONE_NAMES];
    const atomic_bool *stop = run->site->stop;
    bool cut_off = rc && stop && atomic_load(stop);
    if (run->stream || run->from || cut_off) {
        return;
    }
    bool known = config->schema && weir_source_gone_names(run->warehouse, config, gone, &why) == 0;
    bool partly = run->progress && atomic_load(&run->progress->well);
    if (run->progress) {
        atomic_store(&run->progress->gone, known && *gone);
    }
    if (weir_source_turn_end(run->site, run->source, run->verify ? "verify" : "sync", began, rc,
                             partly, known ? gone : NULL, &why)) {
        weir_log(run->log, WEIR_LOG_WARN, "when a source ran could not be kept", "source",
                 run->source, "error", why.message);
    }
}

int weir_source_sync(const struct weir_source_run *asked, const char *id, struct weir_jw *w,
                     struct weir_error *err)
{
    weir_time began = weir_now();
    struct weir_source_rests rests;
    struct weir_source_run known = *asked, *run = &known;
    known.rests = &rests;
    weir_source_rests_read(run, &rests);
    struct weir_source_config config;
    void *connection = NULL;
    const char *status = "unchanged";
    weir_jw_object(w);
    weir_jw_kstrz(w, "run", id);
    weir_jw_kstrz(w, "source", run->source);
    weir_jw_keyz(w, "streams");
    weir_jw_array(w);
    int rc = weir_source_config_read(run->site->dir, run->source, &config, err);
    bool gone = rc == WEIR_ENOENT;
    status = gone || (rc == 0 && weir_source_asked_check(run, &config, err)) ? WEIR_SOURCE_ASKED
                                                                             : status;
    rc = rc || strcmp(status, WEIR_SOURCE_ASKED) != 0 ? rc : WEIR_EINVAL;
    rc = rc ? rc : weir_source_open(run->site, &config, &connection, err);
    bool follow = rc == 0 && weir_source_follows(&config);
    if (rc == 0 && config.connector->capture && !follow) {
        weir_source_warn_of_left(run, &config);
    }
    rc = rc            ? rc
         : run->verify ? weir_source_verify_all(run, id, &config, connection, &status, w, err)
         : config.connector->feed
             ? weir_source_run_feed(run, id, &config, connection, &status, w, err)
         : follow ? weir_source_follow_all(run, id, &config, connection, &status, w, err)
                  : run_streams(run, id, &config, connection, &status, w, err);
    if (rc) {
        weir_source_watch_say(weir_source_watch_of(run->progress), "failed: %s", err->message);
    }
    if (rc && (strcmp(status, "unchanged") == 0 || strcmp(status, "loaded") == 0)) {
        (run->verify ? weir_source_verify_note_failure : weir_source_note_failure)(run, id, &config,
                                                                                   began, rc, err);
    }
    if (config.connector) {
        config.connector->close(connection);
    }
    if (run->progress && strcmp(status, WEIR_SOURCE_ASKED) == 0) {
        atomic_store(&run->progress->asked, true);
    }
    weir_jw_array_end(w);
    weir_jw_kstrz(w, "status", rc && strcmp(status, "mismatch") != 0 ? "failed" : status);
    weir_jw_kstr_or_null(w, "error", weir_str_of(rc ? err->message : ""));
    weir_jw_object_end(w);
    if (!gone) {
        keep_turn(run, &config, began, rc);
    }
    weir_source_config_free(&config);
    weir_source_rests_free(&rests);
    return rc;
}
