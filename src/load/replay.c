/* Replay: rows built from the log again, beside the live tables, and put in their place by one
 * transaction. While it builds, collection and loading go on; only for the last records and the
 * swap the loader waits.
 *
 * A replay of everything replaces whole tables, so their types are found anew. One of a range of
 * time or of one event replaces the rows that match, and keeps the tables. */
#include <stdlib.h>
#include <string.h>

#include "load/parts.h"
#include "load/replay.h"

enum { TAIL_RECORDS = 2000, BATCH_BYTES = 32 << 20, SWAP_TRIES = 5 };

static bool wants_record(const struct weir_replay_run *r, const struct weir_record *record)
{
    const struct weir_replay *what = r->what;
    return record->received_at >= what->from && record->received_at < what->to &&
           (!what->source || weir_str_is(record->source, what->source)) &&
           (!what->event || record->kind == WEIR_RECORD_CALL);
}

/* What is not asked for makes no row, and yet has its part in the types of the columns: a time
 * keeps its own spelling where the column was text already. */
static bool wanted(const struct weir_record *record, const struct weir_event *event, void *arg,
                   const char **reason)
{
    (void)reason;
    struct weir_replay_run *r = arg;
    bool mine = r->asked && (!r->what->event || (event->type == WEIR_EVENT_TRACK &&
                                                 weir_str_is(event->event, r->what->event)));
    r->builder.learn = !mine;
    if (mine && r->what->event) {
        weir_replay_refused_note(&r->refused, record->seq, event->index);
    }
    return true;
}

/* --- building ----------------------------------------------------------------------------------
 */

/* As if they had been made, for the report. */
static void note_tables(struct weir_load_batch *batch)
{
    for (uint32_t i = 0; i < batch->touched_count; i++) {
        const struct weir_rows *rows = &batch->rows[batch->touched[i]];
        rows->table->exists = rows->table->exists || rows->rows;
    }
}

static int write_batch(struct weir_load_batch *batch, void *arg, struct weir_error *err)
{
    struct weir_replay_run *r = arg;
    int code = WEIR_OK;
    if (r->what->dry_run) {
        note_tables(batch);
    } else {
        code = weir_session_begin(r->session, err);
        code = code ? code : weir_apply(&r->applier, batch, WEIR_APPLY_ROWS, err);
        code = code ? code : weir_session_commit(r->session, err);
    }
    if (code) {
        weir_session_rollback(r->session);
        return code;
    }
    r->report->records += r->found;
    r->report->events += batch->events;
    r->report->discards += batch->discards;
    r->found = 0;
    weir_catalog_keep(&r->catalog);
    return WEIR_OK;
}

static int restore(void *arg, struct weir_error *err)
{
    struct weir_replay_run *r = arg;
    return weir_catalog_restore(&r->catalog, r->session, err);
}

static int read_from(struct weir_replay_run *r, uint64_t seq, struct weir_error *err)
{
    weir_eventlog_reader_close(r->reader);
    r->reader = NULL;
    r->next = seq;
    return weir_eventlog_reader_open(r->loader->log_dir, seq, NULL, NULL, &r->reader, err);
}

/* As in loading, a batch that fails is tried with half its records, and one record in parts. */
static int step_back(struct weir_replay_run *r, struct weir_error *err)
{
    weir_log(r->loader->log, WEIR_LOG_WARN, "a replay tries a smaller batch", "records",
             weir_log_num((int64_t)r->batch.records).text, "error", err->message);
    r->limit = r->batch.records > 1 ? r->batch.records / 2 : 1;
    r->careful = r->batch.records > 1 ? 0 : r->batch.first_seq;
    r->found = 0;
    int code = read_from(r, r->batch.first_seq, err);
    return code ? code : restore(r, err);
}

static int flush(struct weir_replay_run *r, struct weir_error *err)
{
    int code = r->batch.records ? write_batch(&r->batch, r, err) : WEIR_OK;
    if (weir_load_is_refusal(code) || code == WEIR_ENOMEM) {
        code = step_back(r, err);
    } else if (!code) {
        r->limit = r->limit < TAIL_RECORDS ? r->limit * 2 : 0;
    }
    weir_load_batch_reset(&r->batch);
    if (r->what->progress) {
        struct weir_load_stats stats;
        weir_loader_stats(r->loader, &stats);
        r->what->progress(r->next - 1, stats.next_seq - 1, r->what->arg);
    }
    return code;
}

static int write_parts(struct weir_replay_run *r, const struct weir_record *record,
                       struct weir_error *err)
{
    const struct weir_parts parts = {.builder = &r->builder,
                                     .batch = &r->batch,
                                     .log = r->loader->log,
                                     .write = write_batch,
                                     .restore = restore,
                                     .arg = r};
    r->careful = 0;
    int code = weir_parts_write(&parts, record, err);
    weir_load_batch_reset(&r->batch);
    return code;
}

/* What comes before the record that is written in parts; it is read again. */
static int flush_before(struct weir_replay_run *r, uint64_t seq, struct weir_error *err)
{
    uint64_t careful = r->careful;
    r->found -= r->asked;
    r->next = seq;
    int code = flush(r, err);
    if (!code && r->next == seq) {
        code = read_from(r, seq, err);
        r->careful = careful;
    }
    return code;
}

static int add_record(struct weir_replay_run *r, const struct weir_record *record,
                      struct weir_error *err)
{
    r->next = record->seq + 1;
    if (record->received_at >= r->what->to) {
        return WEIR_OK; /* nothing that comes before depends on it */
    }
    r->asked = wants_record(r, record);
    r->found += r->asked;
    r->builder.learn = !r->asked;
    if (record->seq == r->careful) {
        return r->batch.records ? flush_before(r, record->seq, err) : write_parts(r, record, err);
    }
    uint64_t cells = r->batch.cells, events = r->batch.events;
    int code = weir_builder_add(&r->builder, &r->batch, record, err);
    if (!code && r->batch.cells - cells > weir_loader_most_cells(r->loader) &&
        r->batch.events - events > 1) {
        /* It is known only now that it is too large for the engine's memory. */
        code = read_from(r, r->batch.first_seq, err);
        code = code ? code : restore(r, err);
        weir_load_batch_reset(&r->batch);
        r->found = 0;
        r->careful = record->seq;
    }
    return code;
}

static bool is_full(const struct weir_replay_run *r)
{
    const struct weir_load_batch *batch = &r->batch;
    return batch->body_bytes > BATCH_BYTES || batch->pool.used > 4u * BATCH_BYTES ||
           batch->cells > weir_loader_most_cells(r->loader) ||
           (r->limit && batch->records >= r->limit);
}

static int check_stop(const struct weir_replay_run *r, struct weir_error *err)
{
    return atomic_load(&r->loader->stop)
               ? weir_fail(err, WEIR_ECANCELED,
                           "weir stops; the replay was given up, and the tables are as before")
               : WEIR_OK;
}

/* Reads up to the record `until`, which the loader has loaded. */
static int build_until(struct weir_replay_run *r, uint64_t until, struct weir_error *err)
{
    struct weir_record record;
    int code = r->what->event && !r->what->dry_run
                   ? weir_replay_refused_read(&r->refused, r->session, until, err)
                   : WEIR_OK;
    while (!code) {
        bool end = r->next >= until;
        code = check_stop(r, err);
        code = code || end ? code : weir_eventlog_read(r->reader, &record, err);
        if (!code && !end && record.seq >= until) {
            /* It is wanted later: read it again then. */
            code = read_from(r, until, err);
            end = true;
        } else if (!code && !end) {
            code = add_record(r, &record, err);
        }
        if (code == WEIR_EAGAIN) { /* what follows is lost */
            end = true;
            code = WEIR_OK;
        }
        uint64_t reached = r->next;
        if (!code && (end || is_full(r))) {
            code = flush(r, err);
        }
        if (end && r->next == reached) {
            break;
        }
    }
    return code;
}

static int take_first(const struct weir_eventlog_segment *segment, void *arg)
{
    *(uint64_t *)arg = segment->first_seq;
    return WEIR_ECANCELED; /* the others do not matter */
}

/* Rows of records that are no longer in the log cannot be made again, and would be lost. */
static int check_begin(struct weir_replay_run *r, struct weir_error *err)
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

/* --- all of it ---------------------------------------------------------------------------------
 */

/* As the warehouse says it: the loader counts a commit a moment later, and a swap would delete the
 * rows of one that it does not know of. While a record is loaded in parts, some of its rows are
 * there that a replay does not make. */
static int loaded_now(struct weir_replay_run *r, uint64_t *seq, struct weir_error *err)
{
    struct weir_load_state state;
    int code = weir_load_state_read(r->session, &state, err);
    *seq = code ? 0 : state.next_seq;
    return !code && state.next_event
               ? weir_fail(err, WEIR_EAGAIN,
                           "a large request is being loaded in parts; try again in a moment")
               : code;
}

/* Another transaction's end (a checkpoint's, one of the threads that made the tables) may come in
 * its way. */
static int swap(struct weir_replay_run *r, struct weir_error *err)
{
    int code = weir_replay_swap(r, err);
    for (int i = 1; code == WEIR_EAGAIN && i < SWAP_TRIES; i++) {
        code = weir_replay_swap(r, err);
    }
    return code;
}

/* The last records and the swap, while the loader waits. */
static int finish(struct weir_replay_run *r, struct weir_error *err)
{
    struct weir_loader *loader = r->loader;
    uint64_t until;
    pthread_mutex_lock(&loader->writing);
    int code = loaded_now(r, &until, err);
    code = code ? code : build_until(r, until, err);
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

static int open_replay(struct weir_replay_run *r, struct weir_error *err)
{
    struct weir_loader *loader = r->loader;
    const struct weir_load_limits limits = weir_loader_limits(loader);
    int code = weir_catalog_init(&r->catalog, &limits, err);
    r->catalog.prefix = WEIR_REPLAY_PREFIX;
    weir_replay_refused_init(&r->refused);
    code = code ? code : weir_builder_init(&r->builder, &r->catalog, loader->seen, err);
    code = code ? code : weir_session_new(loader->warehouse, WEIR_SESSION_OWNER, &r->session, err);
    weir_applier_init(&r->applier, r->session);
    code = code || r->what->dry_run ? code : weir_replay_clean(r->session, err);
    code = code ? code : weir_catalog_read_live(&r->catalog, r->session, !r->whole, err);
    r->next = 1;
    r->builder.only_ask = true;
    r->builder.only_events = r->what->event != NULL;
    r->builder.wanted = wanted;
    r->builder.wanted_arg = r;
    r->builder.now = weir_now();
    return code ? code : weir_eventlog_reader_open(loader->log_dir, 1, NULL, NULL, &r->reader, err);
}

static void close_replay(struct weir_replay_run *r, bool failed)
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
    weir_replay_refused_free(&r->refused);
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
    struct weir_replay_run r = {.loader = loader, .what = what, .report = report};
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
            report->tables +=
                r.catalog.tables[i]->exists && r.catalog.tables[i]->kind != WEIR_TABLE_SYSTEM;
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
