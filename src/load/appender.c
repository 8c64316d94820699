#include "load/loader.h"

/* What smaller batches cannot help: a table that takes more memory than there is for a single row.
 * Such a one was made while there was more. */
static void note_widest(struct weir_loader *loader, const struct weir_load_batch *batch)
{
    const struct weir_load_table *table = batch->widest;
    loader->failed_wide[0] = '\0';
    if (table && batch->widest_columns > weir_warehouse_max_columns(loader->warehouse)) {
        struct weir_str key = weir_table_key(table->schema, table->name, loader->failed_wide);
        loader->failed_wide[key.len] = '\0';
    }
}

void weir_appender_note(struct weir_loader *loader, const struct weir_load_batch *batch, int code,
                        const struct weir_error *err)
{
    if (code) {
        loader->apply_code = code;
        loader->apply_error = *err;
        loader->failed_records = batch->records;
        loader->failed_first = batch->first_seq;
        loader->failed_events = batch->events;
        loader->failed_cells = batch->cells;
        note_widest(loader, batch);
        return;
    }
    loader->stats.next_seq = batch->next_seq;
    loader->stats.events += batch->events;
    loader->stats.duplicates += batch->duplicates;
    loader->stats.discards += batch->discards;
    loader->stats.commits++;
    loader->stats.last_commit_at = weir_now();
    loader->stats.error[0] = '\0';
}

/* With the lock on entry and return. */
static void finish(struct weir_loader *loader, int code, const struct weir_error *err)
{
    weir_appender_note(loader, loader->pending, code, err);
    if (!code) {
        loader->pending_oldest = 0;
    }
    loader->pending = NULL;
    pthread_cond_broadcast(&loader->changed);
}

/* Both locks are free on entry and return. */
static int apply(struct weir_loader *loader, struct weir_load_batch *batch, struct weir_error *err)
{
    struct weir_applier *a = &loader->run.applier;
    pthread_mutex_lock(&loader->writing);
    int code = loader->reload ? weir_fail(err, WEIR_EAGAIN, "tables were replaced by a replay")
                              : weir_apply(a, batch, WEIR_APPLY_LOAD, err);
    bool changed_schema = a->changed_schema;
    a->changed_schema = code && changed_schema;
    pthread_mutex_unlock(&loader->writing);
    if (!code) {
        weir_checkpointer_note(&loader->run.checkpointer, batch->body_bytes,
                               batch->body_bytes > loader->settings.batch_bytes / 2,
                               changed_schema);
    }
    return code;
}

static void *append(void *arg)
{
    struct weir_loader *loader = arg;
    pthread_setname_np(pthread_self(), "weir-append");
    pthread_mutex_lock(&loader->lock);
    while (!loader->appender_quits || loader->pending) {
        if (!loader->pending) {
            pthread_cond_wait(&loader->changed, &loader->lock);
            continue;
        }
        struct weir_error err = {0};
        int code;
        if (loader->reload) {
            code = weir_fail(&err, WEIR_EAGAIN, "tables were replaced by a replay");
        } else {
            pthread_mutex_unlock(&loader->lock);
            code = apply(loader, loader->pending, &err);
            pthread_mutex_lock(&loader->lock);
        }
        finish(loader, code, &err);
    }
    pthread_mutex_unlock(&loader->lock);
    return NULL;
}

int weir_appender_start(struct weir_loader *loader, struct weir_error *err)
{
    loader->appender_quits = false;
    loader->apply_code = WEIR_OK;
    int code = weir_checkpointer_start(&loader->run.checkpointer, loader->warehouse,
                                       &loader->writing, err);
    if (code) {
        return code;
    }
    if (pthread_create(&loader->appender, NULL, append, loader)) {
        weir_checkpointer_stop(&loader->run.checkpointer);
        return weir_fail(err, WEIR_ENOMEM, "cannot start the loader's second thread");
    }
    loader->appender_runs = true;
    return WEIR_OK;
}

void weir_appender_stop(struct weir_loader *loader)
{
    if (!loader->appender_runs) {
        return;
    }
    pthread_mutex_lock(&loader->lock);
    loader->appender_quits = true;
    pthread_cond_broadcast(&loader->changed);
    pthread_mutex_unlock(&loader->lock);
    pthread_join(loader->appender, NULL);
    loader->appender_runs = false;
    weir_checkpointer_stop(&loader->run.checkpointer);
}

/* With the lock. */
static int wait_idle(struct weir_loader *loader, struct weir_error *err)
{
    while (loader->pending) {
        pthread_cond_wait(&loader->changed, &loader->lock);
    }
    return loader->apply_code
               ? weir_fail(err, loader->apply_code, "%s", loader->apply_error.message)
               : WEIR_OK;
}

int weir_appender_wait(struct weir_loader *loader, struct weir_error *err)
{
    pthread_mutex_lock(&loader->lock);
    int code = wait_idle(loader, err);
    pthread_mutex_unlock(&loader->lock);
    return code;
}

bool weir_appender_is_idle(struct weir_loader *loader)
{
    pthread_mutex_lock(&loader->lock);
    bool idle = !loader->pending;
    pthread_mutex_unlock(&loader->lock);
    return idle;
}

int weir_appender_take_over(struct weir_loader *loader, struct weir_error *err)
{
    int code = loader->filling_since ? weir_appender_give(loader, err) : WEIR_OK;
    code = code ? code : weir_appender_wait(loader, err);
    if (code) {
        return code;
    }
    pthread_mutex_lock(&loader->writing);
    if (loader->reload) {
        pthread_mutex_unlock(&loader->writing);
        return weir_fail(err, WEIR_EAGAIN, "tables were replaced by a replay");
    }
    return WEIR_OK;
}

/* A refused record was looked for in small batches, or memory was short: back to large ones step by
 * step. */
static void grow_limits(struct weir_loader *loader)
{
    uint64_t cells = loader->max_cells + loader->max_cells / 8;
    uint64_t most = weir_loader_most_cells(loader);
    loader->max_cells = cells < most ? cells : most;
    loader->limit_records *= 2;
    if (loader->limit_records > 4096) {
        loader->limit_records = 0;
    }
    loader->back_off = 0;
}

int weir_appender_give(struct weir_loader *loader, struct weir_error *err)
{
    pthread_mutex_lock(&loader->lock);
    int code = wait_idle(loader, err);
    if (!code) {
        weir_load_batch_measure(&loader->batches[loader->filling]);
        loader->pending = &loader->batches[loader->filling];
        loader->pending_oldest = loader->filling_oldest;
        loader->filling_oldest = 0;
        pthread_cond_broadcast(&loader->changed);
    }
    pthread_mutex_unlock(&loader->lock);
    if (!code) {
        grow_limits(loader);
        loader->filling ^= 1;
        loader->filling_since = 0;
        weir_load_batch_reset(&loader->batches[loader->filling]);
    }
    return code;
}
