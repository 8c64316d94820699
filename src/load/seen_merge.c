/* The dedup index's background thread: writes full tables to runs, and merges runs of one level
 * into one of the next. */
#include "load/seen_inside.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/cond.h"
#include "io/file.h"

enum { MERGE_STEP = 16384 };

#define RETRY_AFTER WEIR_SECOND

void weir_seen_describe(const struct weir_seen *seen, const struct weir_seen_run *added,
                        struct weir_seen_run *const *removed, unsigned removed_count,
                        struct weir_seen_manifest *out)
{
    *out = (struct weir_seen_manifest){
        .key = {seen->key[0], seen->key[1]},
        .complete = seen->complete,
        .next_number = seen->next_number,
    };
    for (unsigned i = 0; i < seen->run_count; i++) {
        bool gone = false;
        for (unsigned j = 0; j < removed_count; j++) {
            gone = gone || removed[j] == seen->runs[i];
        }
        if (!gone) {
            out->runs[out->run_count].number = seen->runs[i]->number;
            out->runs[out->run_count++].header_sum = seen->runs[i]->header_sum;
        }
    }
    if (added) {
        out->runs[out->run_count].number = added->number;
        out->runs[out->run_count++].header_sum = added->header_sum;
    }
}

static int write_frozen(struct weir_seen *seen, uint64_t number, struct weir_seen_run **out,
                        struct weir_error *err)
{
    struct weir_seen_writer *writer = NULL;
    const struct weir_seen_table *table = &seen->frozen;
    int code = weir_seen_writer_new(seen->dir, number, 0, table->count, &writer, err);
    for (size_t i = 0; !code && i < table->slot_count; i++) {
        if (table->slots[i].position) {
            code = weir_seen_writer_add(writer, &table->slots[i], err);
        }
    }
    code = code ? code : weir_seen_writer_finish(writer, err);
    weir_seen_writer_free(writer);
    return code ? code : weir_seen_run_open(seen->dir, number, out, err);
}

static void remove_run(const struct weir_seen *seen, struct weir_seen_run *run)
{
    char *path = weir_path_join(seen->dir, run->name);
    if (path) {
        unlink(path);
    }
    free(path);
    weir_seen_run_close(run);
}

/* Writes the frozen table to a run and publishes it. The lock is held on entry and on return. */
static int flush_frozen(struct weir_seen *seen, struct weir_error *err)
{
    struct weir_seen_run *run = NULL;
    struct weir_seen_manifest manifest;
    if (seen->run_count == WEIR_SEEN_MAX_RUNS) {
        return weir_fail(err, WEIR_ETOOBIG, "the dedup index has too many files to merge");
    }
    uint64_t number = seen->next_number++;
    pthread_mutex_unlock(&seen->lock);
    int code = write_frozen(seen, number, &run, err);
    pthread_mutex_lock(&seen->lock);
    if (!code) {
        weir_seen_describe(seen, run, NULL, 0, &manifest);
        manifest.complete = seen->frozen_high;
        pthread_mutex_unlock(&seen->lock);
        code = weir_seen_manifest_write(seen->dir, &manifest, err);
        pthread_mutex_lock(&seen->lock);
    }
    if (code) {
        weir_seen_run_close(run);
        return code;
    }
    seen->complete = seen->frozen_high;
    seen->runs[seen->run_count++] = run;
    weir_seen_table_clear(&seen->frozen);
    seen->fault = (struct weir_error){0};
    pthread_cond_broadcast(&seen->idle);
    return WEIR_OK;
}

unsigned weir_seen_pick_merge(const struct weir_seen *seen, struct weir_seen_run **picked)
{
    for (unsigned level = 0; level < 32; level++) {
        unsigned n = 0;
        for (unsigned i = 0; i < seen->run_count && n < WEIR_SEEN_FAN_IN; i++) {
            if (seen->runs[i]->level == level) {
                picked[n++] = seen->runs[i];
            }
        }
        if (n == WEIR_SEEN_FAN_IN) {
            return n;
        }
    }
    return 0;
}

/* Between two steps of a merge: a table that is full must not wait for a merge of many minutes. */
static int serve_flush(struct weir_seen *seen, struct weir_error *err)
{
    int code = WEIR_OK;
    pthread_mutex_lock(&seen->lock);
    if (seen->stop) {
        code = WEIR_ECANCELED;
    } else if (seen->frozen.count) {
        code = flush_frozen(seen, err);
    }
    pthread_mutex_unlock(&seen->lock);
    return code;
}

static int merge_entries(struct weir_seen *seen, struct weir_seen_cursor *cursors, unsigned n,
                         struct weir_seen_writer *writer, struct weir_error *err)
{
    struct weir_seen_entry held = {0};
    for (uint64_t steps = 1;; steps++) {
        struct weir_seen_cursor *first = NULL;
        for (unsigned i = 0; i < n; i++) {
            if (!cursors[i].done &&
                (!first || weir_hash128_cmp(cursors[i].now.id, first->now.id) < 0)) {
                first = &cursors[i];
            }
        }
        /* One id may be in two runs when the log was offered again; the first position counts. */
        bool same = first && held.position && weir_hash128_cmp(held.id, first->now.id) == 0;
        if (same) {
            held.position =
                held.position < first->now.position ? held.position : first->now.position;
        } else {
            int code = held.position ? weir_seen_writer_add(writer, &held, err) : WEIR_OK;
            if (code || !first) {
                return code;
            }
            held = first->now;
        }
        int code = weir_seen_cursor_next(first, err);
        if (!code && steps % MERGE_STEP == 0) {
            code = serve_flush(seen, err);
        }
        if (code) {
            return code;
        }
    }
}

/* Without the lock. */
static int write_merged(struct weir_seen *seen, struct weir_seen_run **picked, unsigned n,
                        uint64_t number, struct weir_seen_run **out, struct weir_error *err)
{
    struct weir_seen_cursor cursors[WEIR_SEEN_FAN_IN] = {0};
    struct weir_seen_writer *writer = NULL;
    uint64_t entries = 0;
    int code = WEIR_OK;
    for (unsigned i = 0; i < n && !code; i++) {
        entries += picked[i]->entries;
        code = weir_seen_cursor_open(&cursors[i], picked[i], err);
    }
    if (!code) {
        code = weir_seen_writer_new(seen->dir, number, picked[0]->level + 1, entries, &writer, err);
    }
    code = code ? code : merge_entries(seen, cursors, n, writer, err);
    code = code ? code : weir_seen_writer_finish(writer, err);
    weir_seen_writer_free(writer);
    for (unsigned i = 0; i < n; i++) {
        weir_seen_cursor_close(&cursors[i]);
    }
    return code ? code : weir_seen_run_open(seen->dir, number, out, err);
}

/* With the lock on entry and on return. */
static int merge(struct weir_seen *seen, struct weir_seen_run **picked, unsigned n,
                 struct weir_error *err)
{
    struct weir_seen_run *run = NULL;
    struct weir_seen_manifest manifest;
    uint64_t number = seen->next_number++;
    seen->merging = true;
    pthread_mutex_unlock(&seen->lock);
    int code = write_merged(seen, picked, n, number, &run, err);
    pthread_mutex_lock(&seen->lock);
    if (!code) {
        weir_seen_describe(seen, run, picked, n, &manifest);
        pthread_mutex_unlock(&seen->lock);
        code = weir_seen_manifest_write(seen->dir, &manifest, err);
        pthread_mutex_lock(&seen->lock);
    }
    seen->merging = false;
    if (code) {
        weir_seen_run_close(run);
        return code;
    }
    unsigned kept = 0;
    for (unsigned i = 0; i < seen->run_count; i++) {
        bool gone = false;
        for (unsigned j = 0; j < n; j++) {
            gone = gone || picked[j] == seen->runs[i];
        }
        if (!gone) {
            seen->runs[kept++] = seen->runs[i];
        }
    }
    seen->runs[kept++] = run;
    seen->run_count = kept;
    for (unsigned j = 0; j < n; j++) {
        remove_run(seen, picked[j]);
    }
    pthread_cond_broadcast(&seen->idle);
    return WEIR_OK;
}

void *weir_seen_background(void *arg)
{
    struct weir_seen *seen = arg;
    pthread_setname_np(pthread_self(), "weir-dedup");
    pthread_mutex_lock(&seen->lock);
    while (!seen->stop || seen->frozen.count) {
        struct weir_seen_run *picked[WEIR_SEEN_FAN_IN];
        struct weir_error err = {0};
        unsigned n = 0;
        int code = WEIR_OK;
        if (seen->frozen.count) {
            code = flush_frozen(seen, &err);
        } else if ((n = weir_seen_pick_merge(seen, picked)) > 0 &&
                   seen->fault.code != WEIR_ECORRUPT) {
            code = merge(seen, picked, n, &err);
        } else {
            pthread_cond_wait(&seen->wake, &seen->lock);
        }
        if (code && code != WEIR_ECANCELED) {
            seen->fault = err;
            weir_log(seen->log, WEIR_LOG_WARN, "the dedup index could not be written", "error",
                     err.message);
            pthread_cond_broadcast(&seen->idle);
            if (seen->stop) {
                break;
            }
            weir_cond_wait_until(&seen->wake, &seen->lock, weir_mono() + RETRY_AFTER);
        }
    }
    pthread_mutex_unlock(&seen->lock);
    return NULL;
}
