#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cond.h"
#include "load/loader.h"
#include "load/made.h"
#include "load/parts.h"

#define BACK_OFF_MIN (WEIR_SECOND / 10)
#define BACK_OFF_MAX (30 * WEIR_SECOND)
#define MEMORY_TRIES 3
#define WIDE_EVENTS  1024

/* Measured with the widest tables that the memory allows: 16,384 rows at once are too many. */
#define CELLS_A_COLUMN UINT64_C(8192)
#define LEAST_CELLS    UINT64_C(65536)
#define TAIL_WAIT      (WEIR_SECOND / 5) /* how soon a stop is noticed */

/* --- opening -----------------------------------------------------------------------------------
 */

static void report_damage(const struct weir_eventlog_damage *damage, void *arg)
{
    struct weir_loader *loader = arg;
    if (damage->first + damage->count > loader->lost_before) {
        loader->lost_before = damage->first + damage->count;
    }
    weir_log(loader->log, WEIR_LOG_ERROR,
             "a frame of the event log does not verify; its records "
             "are lost",
             "segment", damage->segment, "offset", weir_log_num((int64_t)damage->offset).text,
             "first", weir_log_num((int64_t)damage->first).text, "records",
             weir_log_num((int64_t)damage->count).text);
}

/* Offers the records that the dedup index has not seen and the warehouse has. */
static int fill_seen(struct weir_loader *loader, struct weir_error *err)
{
    struct weir_load_run *run = &loader->run;
    struct weir_eventlog_reader *reader = NULL;
    if (loader->seen_complete >= run->state.next_seq) {
        return WEIR_OK;
    }
    if (run->state.next_seq - loader->seen_complete > 1000) {
        weir_log(loader->log, WEIR_LOG_INFO, "filling the dedup index from the event log", "from",
                 weir_log_num((int64_t)loader->seen_complete).text, "to",
                 weir_log_num((int64_t)run->state.next_seq).text);
    }
    int code = weir_eventlog_reader_open(loader->log_dir, loader->seen_complete, report_damage,
                                         loader, &reader, err);
    struct weir_record record;
    while (!code && !(code = weir_eventlog_read(reader, &record, err))) {
        if (record.seq >= run->state.next_seq) {
            break;
        }
        code = atomic_load(&loader->stop) ? WEIR_ECANCELED
                                          : weir_builder_remember(&run->builder, &record, err);
        loader->seen_complete = record.seq;
    }
    weir_eventlog_reader_close(reader);
    if (code == WEIR_EAGAIN || code == WEIR_OK) {
        loader->seen_complete = run->state.next_seq;
        code = WEIR_OK;
    }
    return code;
}

/* An index of records that this log does not have is of another one: a backup was put back, or the
 * log was begun anew. Its positions would make duplicates of events that are none. */
static int check_seen(struct weir_loader *loader, uint64_t durable, struct weir_error *err)
{
    if (loader->seen_complete <= durable) {
        return WEIR_OK;
    }
    weir_log(loader->log, WEIR_LOG_WARN,
             "the dedup index belongs to another event log and is rebuilt from this one", "index",
             weir_log_num((int64_t)loader->seen_complete).text, "log",
             weir_log_num((int64_t)durable).text);
    loader->seen_complete = 1;
    return weir_seen_reset(loader->seen, err);
}

static int check_log(struct weir_loader *loader, struct weir_error *err)
{
    uint64_t durable;
    int code = weir_eventlog_durable_seq(loader->log_dir, &durable, err);
    if (!code && loader->run.state.next_seq > durable) {
        code = weir_fail(err, WEIR_ECORRUPT,
                         "the event log in %s ends at record %llu and the warehouse has loaded up "
                         "to %llu: the log was replaced by another one; put back the log that "
                         "belongs to this warehouse, or remove the warehouse file",
                         loader->log_dir, (unsigned long long)durable - 1,
                         (unsigned long long)loader->run.state.next_seq - 1);
    }
    return code ? code : check_seen(loader, durable, err);
}

uint64_t weir_loader_most_cells(const struct weir_loader *loader)
{
    return weir_warehouse_max_columns(loader->warehouse) * CELLS_A_COLUMN;
}

struct weir_load_limits weir_loader_limits(const struct weir_loader *loader)
{
    const struct weir_load_settings *settings = &loader->settings;
    uint32_t fit = weir_warehouse_max_columns(loader->warehouse);
    uint32_t columns = (uint32_t)settings->max_columns;
    return (struct weir_load_limits){.columns = columns < fit ? columns : fit,
                                     .tables = (uint32_t)settings->max_tables,
                                     .depth = (uint32_t)settings->max_depth,
                                     .all_columns = (uint32_t)settings->max_all_columns};
}

int weir_loader_read_catalog(struct weir_loader *loader, struct weir_error *err)
{
    struct weir_load_run *run = &loader->run;
    const struct weir_load_limits limits = weir_loader_limits(loader);
    weir_catalog_free(&run->catalog);
    int code = weir_catalog_init(&run->catalog, &limits, err);
    code = code ? code : weir_catalog_read(&run->catalog, run->session, err);
    for (size_t i = 0; !code && i < loader->closed.count; i++) {
        struct weir_load_table *table =
            weir_map_get(&run->catalog.by_name, loader->closed.entries[i].key);
        if (table) {
            table->closed = true;
        }
    }
    return code;
}

static int run_open(struct weir_loader *loader, struct weir_error *err)
{
    struct weir_load_run *run = &loader->run;
    const struct weir_load_settings *settings = &loader->settings;
    *run = (struct weir_load_run){0};
    run->ready = true;
    int code = WEIR_OK;
    if (!loader->seen) {
        const struct weir_seen_options options = {loader->seen_dir, settings->dedup_memory,
                                                  loader->log};
        code = weir_seen_open(&options, &loader->seen, &loader->seen_complete, err);
    }
    code =
        code ? code : weir_session_new(loader->warehouse, WEIR_SESSION_OWNER, &run->session, err);
    weir_applier_init(&run->applier, run->session);
    code = code ? code : weir_load_state_read(run->session, &run->state, err);
    code = code ? code : weir_made_open(run->session, err);
    pthread_mutex_lock(&loader->lock);
    bool clean = !loader->replaying;
    pthread_mutex_unlock(&loader->lock);
    code = code || !clean ? code : weir_replay_clean(run->session, err);
    code = code ? code : check_log(loader, err);
    code = code ? code : weir_loader_read_catalog(loader, err);
    code = code ? code : weir_builder_init(&run->builder, &run->catalog, loader->seen, err);
    run->builder.begun_seq = run->state.next_seq;
    run->builder.begun_event = run->state.next_event;
    if (run->state.next_event) {
        loader->parts_seq = run->state.next_seq; /* it is large: what is left of it may be, too */
    }
    code = code ? code : fill_seen(loader, err);
    code = code ? code
                : weir_eventlog_reader_open(loader->log_dir, run->state.next_seq, report_damage,
                                            loader, &run->reader, err);
    pthread_mutex_lock(&loader->lock);
    loader->reload = false;
    if (!code) {
        loader->stats.next_seq = run->state.next_seq;
    }
    pthread_mutex_unlock(&loader->lock);
    weir_load_batch_reset(&loader->batches[0]);
    weir_load_batch_reset(&loader->batches[1]);
    loader->filling = 0;
    loader->filling_since = 0;
    return code ? code : weir_appender_start(loader, err);
}

static void run_close(struct weir_loader *loader)
{
    struct weir_load_run *run = &loader->run;
    if (!run->ready) {
        return;
    }
    weir_appender_stop(loader);
    weir_eventlog_reader_close(run->reader);
    weir_builder_free(&run->builder);
    weir_catalog_free(&run->catalog);
    weir_applier_free(&run->applier);
    if (run->session) {
        weir_session_free(run->session);
    }
    *run = (struct weir_load_run){0};
}

/* --- loading -----------------------------------------------------------------------------------
 */

static bool is_full(const struct weir_loader *loader)
{
    const struct weir_load_batch *batch = &loader->batches[loader->filling];
    return batch->body_bytes >= loader->settings.batch_bytes ||
           batch->pool.used >= loader->settings.batch_bytes * 4 ||
           batch->cells >= loader->max_cells ||
           (loader->limit_records && batch->records >= loader->limit_records);
}

static bool has_lingered(const struct weir_loader *loader)
{
    return loader->filling_since && weir_mono() - loader->filling_since >= loader->settings.linger;
}

static int add_record(struct weir_loader *loader, const struct weir_record *record,
                      struct weir_error *err)
{
    struct weir_load_batch *batch = &loader->batches[loader->filling];
    if (!loader->filling_since) {
        loader->filling_since = weir_mono();
        loader->run.builder.now = weir_now();
        pthread_mutex_lock(&loader->lock);
        loader->filling_oldest = record->received_at;
        pthread_mutex_unlock(&loader->lock);
    }
    uint64_t cells = batch->cells, events = batch->events;
    int code = weir_builder_add(&loader->run.builder, batch, record, err);
    cells = batch->cells - cells;
    events = batch->events - events;
    if (!code && cells > loader->max_cells && events > 1) {
        /* It is known only now, when the catalog has its columns: build again. */
        loader->parts_seq = record->seq;
        loader->part_events = (uint64_t)((double)events * loader->max_cells / cells) + 1;
        code = weir_fail(err, WEIR_EAGAIN, "a record is loaded in parts");
    }
    return code;
}

/* Records that the log has lost at its very end would be waited for until the next one comes. */
static void pass_lost_records(struct weir_loader *loader)
{
    pthread_mutex_lock(&loader->lock);
    if (!loader->pending && loader->stats.next_seq < loader->lost_before) {
        loader->stats.next_seq = loader->lost_before;
    }
    pthread_mutex_unlock(&loader->lock);
}

/* At the end of the log: writes what has waited long enough, waits for more. `*end` when a drain
 * has nothing left to do. */
static int at_end(struct weir_loader *loader, bool drain, bool *end, struct weir_error *err)
{
    if (!loader->filling_since) {
        if (drain) {
            *end = true;
            return weir_appender_wait(loader, err);
        }
        /* The last batch may have failed, and no other may come to notice it. */
        int code = weir_appender_is_idle(loader) ? weir_appender_wait(loader, err) : WEIR_OK;
        if (code) {
            return code;
        }
        if (weir_warehouse_failed(loader->warehouse)) {
            /* Nobody can reopen it while this idle session is held. */
            return weir_fail(err, WEIR_EFATAL, "the warehouse engine failed under a query");
        }
        pass_lost_records(loader);
        code = weir_eventlog_wait(loader->run.reader, TAIL_WAIT);
        return code == WEIR_EAGAIN ? WEIR_OK : code;
    }
    if (drain || has_lingered(loader)) {
        return weir_appender_give(loader, err);
    }
    weir_time left = loader->settings.linger - (weir_mono() - loader->filling_since);
    int code = weir_eventlog_wait(loader->run.reader, left > 0 ? left : 0);
    return code == WEIR_EAGAIN ? WEIR_OK : code;
}

static int load_until(struct weir_loader *loader, bool drain, struct weir_error *err)
{
    bool end = false;
    int code = WEIR_OK;
    for (unsigned n = 0; !code && !end; n++) {
        struct weir_record record;
        if (!drain && atomic_load(&loader->stop)) {
            code = loader->filling_since ? weir_appender_give(loader, err) : WEIR_OK;
            return code ? code : weir_appender_wait(loader, err);
        }
        code = weir_eventlog_read(loader->run.reader, &record, err);
        if (code == WEIR_EAGAIN) {
            code = at_end(loader, drain, &end, err);
            continue;
        }
        if (code) {
            return code;
        }
        if (record.seq == loader->parts_seq) {
            code = weir_load_split(loader, &record, err);
            continue;
        }
        code = add_record(loader, &record, err);
        if (!code && (is_full(loader) ||
                      (n % 16 == 0 && has_lingered(loader) && weir_appender_is_idle(loader)))) {
            code = weir_appender_give(loader, err);
        }
    }
    return code;
}

/* --- trouble -----------------------------------------------------------------------------------
 */

static void show_error(struct weir_loader *loader, const struct weir_error *err)
{
    pthread_mutex_lock(&loader->lock);
    snprintf(loader->stats.error, sizeof loader->stats.error, "%.255s", err->message);
    pthread_mutex_unlock(&loader->lock);
}

static void sleep_back_off(struct weir_loader *loader)
{
    loader->back_off = loader->back_off ? loader->back_off * 2 : BACK_OFF_MIN;
    loader->back_off = loader->back_off < BACK_OFF_MAX ? loader->back_off : BACK_OFF_MAX;
    weir_time until = weir_mono() + loader->back_off;
    pthread_mutex_lock(&loader->lock);
    while (!atomic_load(&loader->stop) && weir_mono() < until) {
        weir_cond_wait_until(&loader->changed, &loader->lock, until);
    }
    pthread_mutex_unlock(&loader->lock);
}

/* Whether another try can go better although only the batch changes. */
static bool can_shrink(const struct weir_loader *loader, int code)
{
    return loader->apply_code && code == WEIR_ENOMEM &&
           (loader->failed_records > 1 || loader->failed_events > 1 || loader->failed_wide[0]);
}

/* A table so wide that not even few rows at a time can be appended would hold up everything behind
 * it: its rows are set aside. */
static void close_table(struct weir_loader *loader)
{
    if (!weir_map_put(&loader->closed, weir_str_of(loader->failed_wide), loader)) {
        weir_log(
            loader->log, WEIR_LOG_ERROR,
            "a table is too wide for the engine's memory; its events go to weir.discards until "
            "the next start. Give warehouse.memory a megabyte a column, then run `weir replay`",
            "table", loader->failed_wide);
        loader->memory_tries = 0;
    }
}

/* The engine has too little memory for the batch; queries may hold it for a moment. It is tried
 * again with half the records, then with half the events of one record, and so on. */
static void shrink(struct weir_loader *loader, const struct weir_error *err)
{
    weir_log(loader->log, WEIR_LOG_WARN,
             "the engine has too little memory for a batch; trying a smaller one", "records",
             weir_log_num((int64_t)loader->failed_records).text, "events",
             weir_log_num((int64_t)loader->failed_events).text, "error", err->message);
    loader->max_cells =
        loader->failed_cells / 2 > LEAST_CELLS ? loader->failed_cells / 2 : LEAST_CELLS;
    if (loader->failed_records > 1) {
        loader->limit_records = loader->failed_records / 2;
        return;
    }
    loader->limit_records = 1;
    loader->parts_seq = loader->failed_first;
    loader->part_events = loader->failed_events > 1 ? loader->failed_events / 2 : 1;
    if (loader->failed_wide[0]) {
        /* Few rows of it at a time may do, if any. */
        loader->part_events = loader->part_events < WIDE_EVENTS ? loader->part_events : WIDE_EVENTS;
        if (++loader->memory_tries >= MEMORY_TRIES) {
            close_table(loader);
        }
    } else if (loader->failed_events <= 1) {
        sleep_back_off(loader);
    }
}

/* Prepares for another try. Fails only when trying again makes no sense at all. */
static int recover(struct weir_loader *loader, int code, struct weir_error *err)
{
    bool from_apply = loader->apply_code != WEIR_OK;
    loader->apply_code = WEIR_OK;
    run_close(loader);
    if (code == WEIR_EAGAIN) {
        return WEIR_OK;
    }
    show_error(loader, err);
    if (code == WEIR_EFATAL) {
        struct weir_error why = {0};
        weir_log(loader->log, WEIR_LOG_ERROR, "the warehouse engine failed; reopening it", "error",
                 err->message);
        if (weir_warehouse_reopen(loader->warehouse, &why)) {
            show_error(loader, &why);
            sleep_back_off(loader);
        }
        return WEIR_OK;
    }
    if (code == WEIR_ECORRUPT && loader->seen && weir_seen_is_damaged(loader->seen)) {
        loader->seen_complete = 1;
        code = weir_seen_reset(loader->seen, err);
        sleep_back_off(loader);
        return code;
    }
    if (from_apply && weir_load_is_refusal(code)) {
        weir_log(loader->log, WEIR_LOG_WARN,
                 "the warehouse refuses a batch; looking for the record", "records",
                 weir_log_num((int64_t)loader->failed_records).text, "error", err->message);
        loader->limit_records = loader->failed_records / 2;
        if (loader->failed_records <= 1) {
            loader->limit_records = 1;
            loader->parts_seq = loader->failed_first;
            loader->part_events = loader->failed_events / 2 + 1;
        }
        return WEIR_OK;
    }
    if (from_apply && code == WEIR_ENOMEM) {
        shrink(loader, err);
        return WEIR_OK;
    }
    weir_log(loader->log, WEIR_LOG_WARN, "loading failed and is tried again", "error",
             err->message);
    sleep_back_off(loader);
    return WEIR_OK;
}

/* Loads until there is nothing left (drain) or it is told to stop. A drain gives up on trouble that
 * only time can mend. */
static int run(struct weir_loader *loader, bool drain, struct weir_error *err)
{
    for (;;) {
        int code = loader->run.ready ? WEIR_OK : run_open(loader, err);
        code = code ? code : load_until(loader, drain, err);
        if (!code || code == WEIR_ECANCELED) {
            return WEIR_OK;
        }
        bool give_up = drain && code != WEIR_EAGAIN && code != WEIR_EFATAL &&
                       !(loader->apply_code && weir_load_is_refusal(code)) &&
                       !can_shrink(loader, code);
        struct weir_error why = *err;
        int worse = recover(loader, code, &why);
        if (give_up || worse) {
            return worse ? weir_fail(err, worse, "%s", why.message) : code;
        }
        if (atomic_load(&loader->stop)) {
            return WEIR_OK;
        }
    }
}

/* --- public ------------------------------------------------------------------------------------
 */

int weir_loader_new(struct weir_workspace *workspace, struct weir_warehouse *warehouse,
                    const struct weir_log *log, struct weir_loader **out, struct weir_error *err)
{
    *out = NULL;
    struct weir_loader *loader = calloc(1, sizeof *loader);
    if (!loader) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the loader");
    }
    loader->workspace = workspace;
    loader->warehouse = warehouse;
    loader->log = log;
    pthread_mutex_init(&loader->lock, NULL);
    pthread_mutex_init(&loader->writing, NULL);
    weir_cond_init(&loader->changed);
    loader->max_cells = weir_loader_most_cells(loader);
    weir_map_init(&loader->closed);
    weir_load_batch_init(&loader->batches[0]);
    weir_load_batch_init(&loader->batches[1]);
    loader->log_dir = weir_workspace_path(workspace, "log");
    loader->seen_dir = weir_workspace_path(workspace, "seen");
    int code =
        loader->log_dir && loader->seen_dir
            ? weir_workspace_section(workspace, "load", weir_load_options, &loader->settings, err)
            : weir_fail(err, WEIR_ENOMEM, "no memory for the loader");
    if (code) {
        weir_loader_free(loader);
        return code;
    }
    *out = loader;
    return WEIR_OK;
}

static void *thread(void *arg)
{
    struct weir_loader *loader = arg;
    struct weir_error err = {0};
    pthread_setname_np(pthread_self(), "weir-load");
    if (run(loader, false, &err)) {
        show_error(loader, &err);
        weir_log(loader->log, WEIR_LOG_ERROR, "the loader has stopped", "error", err.message);
    }
    run_close(loader);
    return NULL;
}

int weir_loader_start(struct weir_loader *loader, struct weir_error *err)
{
    atomic_store(&loader->stop, false);
    if (pthread_create(&loader->thread, NULL, thread, loader)) {
        return weir_fail(err, WEIR_ENOMEM, "cannot start the loader's thread");
    }
    loader->started = true;
    return WEIR_OK;
}

void weir_loader_stop(struct weir_loader *loader)
{
    if (!loader->started) {
        return;
    }
    pthread_mutex_lock(&loader->lock);
    atomic_store(&loader->stop, true);
    pthread_cond_broadcast(&loader->changed);
    pthread_mutex_unlock(&loader->lock);
    pthread_join(loader->thread, NULL);
    loader->started = false;
}

void weir_loader_free(struct weir_loader *loader)
{
    if (!loader) {
        return;
    }
    weir_loader_stop(loader);
    run_close(loader);
    weir_seen_close(loader->seen);
    weir_map_free(&loader->closed);
    weir_load_batch_free(&loader->batches[0]);
    weir_load_batch_free(&loader->batches[1]);
    pthread_mutex_destroy(&loader->lock);
    pthread_mutex_destroy(&loader->writing);
    pthread_cond_destroy(&loader->changed);
    free(loader);
}

void weir_loader_stats(struct weir_loader *loader, struct weir_load_stats *out)
{
    struct weir_error err;
    pthread_mutex_lock(&loader->lock);
    *out = loader->stats;
    weir_time oldest = loader->pending_oldest ? loader->pending_oldest : loader->filling_oldest;
    pthread_mutex_unlock(&loader->lock);
    if (weir_eventlog_durable_seq(loader->log_dir, &out->durable_seq, &err)) {
        out->durable_seq = out->next_seq;
    }
    weir_time now = weir_now();
    out->lag = out->durable_seq > out->next_seq && oldest && oldest < now ? now - oldest : 0;
}

int weir_loader_drain(struct weir_loader *loader, struct weir_error *err)
{
    if (loader->started) {
        return weir_fail(err, WEIR_EBUSY, "the loader runs on its own thread already");
    }
    atomic_store(&loader->stop, false);
    /* Fresh eyes: somebody may have changed tables since the last time. */
    run_close(loader);
    int code = run(loader, true, err);
    run_close(loader);
    return code;
}

bool weir_loader_is_duplicate(struct weir_loader *loader, struct weir_str source,
                              struct weir_str message_id, uint64_t seq, uint32_t index)
{
    uint64_t first = 0;
    struct weir_error ignored;
    pthread_mutex_lock(&loader->lock);
    bool opened = loader->stats.next_seq > 0; /* and with it the index, for good */
    pthread_mutex_unlock(&loader->lock);
    return opened && message_id.len &&
           weir_seen_find(loader->seen, weir_seen_id(loader->seen, source, message_id), &first,
                          &ignored) == 0 &&
           first && first < weir_position(seq, index);
}
