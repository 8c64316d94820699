#include "load/seen.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/file.h"
#include "load/seen_manifest.h"
#include "load/seen_run.h"

enum { FAN_IN = 4, MERGE_STEP = 16384, RETRY_SECONDS = 1 };
#define DEFAULT_MEMORY (UINT64_C(64) << 20)

struct weir_seen {
    char *dir;
    const struct weir_log *log;
    uint64_t key[2];

    pthread_mutex_t lock; /* everything below */
    pthread_cond_t wake;  /* to the background thread: frozen, or stop */
    pthread_cond_t idle;  /* from it: frozen is free, or a fault */
    struct weir_seen_table active;
    struct weir_seen_table frozen; /* count > 0: waits to be written; both sides only read it */
    uint64_t high;                 /* every position below was offered */
    uint64_t frozen_high;
    uint64_t complete; /* every position below is in runs */
    uint64_t next_number;
    struct weir_seen_run *runs[WEIR_SEEN_MAX_RUNS];
    unsigned run_count;
    bool merging;
    bool stop;
    bool damaged;            /* an entry that was asked for did not verify */
    struct weir_error fault; /* of the background thread; code 0: none */

    pthread_t thread;
    bool thread_runs;
};

/* --- the background thread ---------------------------------------------------------------------
 */

/* Called with the lock: the manifest as it will be with `added` and without `removed`. */
static void describe(const struct weir_seen *seen, const struct weir_seen_run *added,
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
        describe(seen, run, NULL, 0, &manifest);
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

/* The lowest level that has enough runs; their number. */
static unsigned pick_merge(const struct weir_seen *seen, struct weir_seen_run **picked)
{
    for (unsigned level = 0; level < 32; level++) {
        unsigned n = 0;
        for (unsigned i = 0; i < seen->run_count && n < FAN_IN; i++) {
            if (seen->runs[i]->level == level) {
                picked[n++] = seen->runs[i];
            }
        }
        if (n == FAN_IN) {
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
    struct weir_seen_cursor cursors[FAN_IN] = {0};
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
        describe(seen, run, picked, n, &manifest);
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

static void *background(void *arg)
{
    struct weir_seen *seen = arg;
    pthread_setname_np(pthread_self(), "weir-dedup");
    pthread_mutex_lock(&seen->lock);
    while (!seen->stop || seen->frozen.count) {
        struct weir_seen_run *picked[FAN_IN];
        struct weir_error err = {0};
        unsigned n = 0;
        int code = WEIR_OK;
        if (seen->frozen.count) {
            code = flush_frozen(seen, &err);
        } else if ((n = pick_merge(seen, picked)) > 0 && seen->fault.code != WEIR_ECORRUPT) {
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
            struct timespec until;
            clock_gettime(CLOCK_REALTIME, &until);
            until.tv_sec += RETRY_SECONDS;
            pthread_cond_timedwait(&seen->wake, &seen->lock, &until);
        }
    }
    pthread_mutex_unlock(&seen->lock);
    return NULL;
}

/* --- opening -----------------------------------------------------------------------------------
 */

static int load_runs(struct weir_seen *seen, const struct weir_seen_manifest *manifest,
                     struct weir_error *err)
{
    for (unsigned i = 0; i < manifest->run_count; i++) {
        struct weir_seen_run *run;
        int code = weir_seen_run_open(seen->dir, manifest->runs[i].number, &run, err);
        if (code) {
            return code;
        }
        seen->runs[seen->run_count++] = run;
        if (run->header_sum != manifest->runs[i].header_sum) {
            return weir_fail(err, WEIR_ECORRUPT, "seen/%s is another file than the manifest names",
                             run->name);
        }
    }
    seen->key[0] = manifest->key[0];
    seen->key[1] = manifest->key[1];
    seen->complete = manifest->complete;
    seen->next_number = manifest->next_number;
    return WEIR_OK;
}

static void close_runs(struct weir_seen *seen)
{
    for (unsigned i = 0; i < seen->run_count; i++) {
        weir_seen_run_close(seen->runs[i]);
    }
    seen->run_count = 0;
}

/* Removes files that the manifest does not name: left by a crash, or of an index given up. */
static int remove_stray(const char *name, void *arg, struct weir_error *err)
{
    (void)err;
    struct weir_seen *seen = arg;
    if (!weir_str_ends(weir_str_of(name), WEIR_STR(".run"))) {
        return WEIR_OK;
    }
    for (unsigned i = 0; i < seen->run_count; i++) {
        if (strcmp(seen->runs[i]->name, name) == 0) {
            return WEIR_OK;
        }
    }
    char *path = weir_path_join(seen->dir, name);
    if (path) {
        unlink(path);
    }
    free(path);
    return WEIR_OK;
}

static int begin_anew(struct weir_seen *seen, struct weir_error *err)
{
    close_runs(seen);
    weir_random_bytes(seen->key, sizeof seen->key);
    seen->complete = seen->high = seen->frozen_high = weir_position(1, 0);
    seen->next_number = 1;
    seen->fault = (struct weir_error){0};
    seen->damaged = false;
    struct weir_seen_manifest manifest;
    describe(seen, NULL, NULL, 0, &manifest);
    return weir_seen_manifest_write(seen->dir, &manifest, err);
}

static int load(struct weir_seen *seen, struct weir_error *err)
{
    struct weir_seen_manifest manifest;
    struct weir_error why = {0};
    int code = weir_dir_make(seen->dir, 0700, err);
    if (code) {
        return code;
    }
    code = weir_seen_manifest_read(seen->dir, &manifest, &why);
    code = code ? code : load_runs(seen, &manifest, &why);
    if (code == WEIR_ECORRUPT || code == WEIR_ENOENT) {
        if (code == WEIR_ECORRUPT || manifest.run_count) {
            weir_log(seen->log, WEIR_LOG_WARN,
                     "the dedup index is damaged and is rebuilt from the event log", "reason",
                     why.message);
        }
        code = begin_anew(seen, err);
    } else if (code && err) {
        *err = why;
    }
    seen->high = seen->frozen_high = seen->complete;
    return code ? code : weir_dir_each(seen->dir, remove_stray, seen, err);
}

int weir_seen_open(const struct weir_seen_options *options, struct weir_seen **out,
                   uint64_t *complete_seq, struct weir_error *err)
{
    *out = NULL;
    struct weir_seen *seen = calloc(1, sizeof *seen);
    if (!seen) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the dedup index");
    }
    pthread_mutex_init(&seen->lock, NULL);
    pthread_cond_init(&seen->wake, NULL);
    pthread_cond_init(&seen->idle, NULL);
    seen->log = options->log;
    seen->dir = strdup(options->dir);
    uint64_t each = (options->memory_bytes ? options->memory_bytes : DEFAULT_MEMORY) / 2;
    int code = seen->dir ? WEIR_OK : weir_fail(err, WEIR_ENOMEM, "no memory for the dedup index");
    code = code ? code : weir_seen_table_init(&seen->active, each, err);
    code = code ? code : weir_seen_table_init(&seen->frozen, each, err);
    code = code ? code : load(seen, err);
    if (!code && pthread_create(&seen->thread, NULL, background, seen)) {
        code = weir_fail(err, WEIR_ENOMEM, "cannot start the dedup index's thread");
    }
    if (code) {
        weir_seen_close(seen);
        return code;
    }
    seen->thread_runs = true;
    *complete_seq = seen->complete >> WEIR_POSITION_INDEX_BITS;
    *out = seen;
    return WEIR_OK;
}

void weir_seen_close(struct weir_seen *seen)
{
    if (!seen) {
        return;
    }
    if (seen->thread_runs) {
        /* A failure here costs the next start a re-read of the log, nothing else. */
        struct weir_error err = {0};
        if (weir_seen_flush(seen, &err)) {
            weir_log(seen->log, WEIR_LOG_WARN, "the dedup index was not written at the end",
                     "error", err.message);
        }
        pthread_mutex_lock(&seen->lock);
        seen->stop = true;
        pthread_cond_signal(&seen->wake);
        pthread_mutex_unlock(&seen->lock);
        pthread_join(seen->thread, NULL);
    }
    close_runs(seen);
    weir_seen_table_free(&seen->active);
    weir_seen_table_free(&seen->frozen);
    pthread_mutex_destroy(&seen->lock);
    pthread_cond_destroy(&seen->wake);
    pthread_cond_destroy(&seen->idle);
    free(seen->dir);
    free(seen);
}

/* --- asking ------------------------------------------------------------------------------------
 */

struct weir_hash128 weir_seen_id(const struct weir_seen *seen, struct weir_str source,
                                 struct weir_str message_id)
{
    /* Under a random key, so that nobody can choose messageIds that crowd one place of the table.
     */
    unsigned char text[512];
    size_t n = sizeof seen->key;
    memcpy(text, seen->key, n);
    size_t len = source.len < 128 ? source.len : 128;
    memcpy(text + n, source.ptr ? source.ptr : "", len);
    n += len;
    text[n++] = 0;
    if (message_id.len <= sizeof text - n) {
        memcpy(text + n, message_id.ptr ? message_id.ptr : "", message_id.len);
        return weir_hash128(text, n + message_id.len);
    }
    for (int i = 0; i < 2; i++, n += 8) {
        uint64_t part = weir_hash64(message_id.ptr, message_id.len, seen->key[i]);
        memcpy(text + n, &part, sizeof part);
    }
    return weir_hash128(text, n);
}

static int find_locked(struct weir_seen *seen, struct weir_hash128 id, uint64_t *position,
                       struct weir_error *err)
{
    const struct weir_seen_entry *entry = weir_seen_table_find(&seen->active, id);
    if (!entry && seen->frozen.count) {
        entry = weir_seen_table_find(&seen->frozen, id);
    }
    *position = entry ? entry->position : 0;
    for (unsigned i = seen->run_count; !*position && i-- > 0;) {
        int code = weir_seen_run_find(seen->runs[i], id, position, err);
        if (code) {
            seen->damaged = seen->damaged || code == WEIR_ECORRUPT;
            return code;
        }
    }
    return WEIR_OK;
}

int weir_seen_find(struct weir_seen *seen, struct weir_hash128 id, uint64_t *position,
                   struct weir_error *err)
{
    pthread_mutex_lock(&seen->lock);
    int code = find_locked(seen, id, position, err);
    pthread_mutex_unlock(&seen->lock);
    return code;
}

/* Hands the active table to the background thread; waits while it still has the last one. */
static int freeze(struct weir_seen *seen, struct weir_error *err)
{
    while (seen->frozen.count) {
        if (seen->fault.code) {
            pthread_cond_signal(&seen->wake);
            return weir_fail(err, seen->fault.code, "%s", seen->fault.message);
        }
        pthread_cond_wait(&seen->idle, &seen->lock);
    }
    struct weir_seen_table swap = seen->frozen;
    seen->frozen = seen->active;
    seen->active = swap;
    seen->frozen_high = seen->high;
    pthread_cond_signal(&seen->wake);
    return WEIR_OK;
}

int weir_seen_check(struct weir_seen *seen, struct weir_hash128 id, uint64_t position,
                    bool *duplicate, struct weir_error *err)
{
    *duplicate = false;
    uint64_t known;
    pthread_mutex_lock(&seen->lock);
    int code = seen->fault.code == WEIR_ECORRUPT
                   ? weir_fail(err, WEIR_ECORRUPT, "%s", seen->fault.message)
                   : find_locked(seen, id, &known, err);
    if (!code && known) {
        *duplicate = known < position;
    } else if (!code && !weir_seen_table_insert(&seen->active, id, position)) {
        code = freeze(seen, err);
        if (!code && !weir_seen_table_insert(&seen->active, id, position)) {
            code = weir_fail(err, WEIR_ENOMEM, "the dedup table is too small");
        }
    }
    if (!code && position >= seen->high) {
        seen->high = position + 1;
    }
    pthread_mutex_unlock(&seen->lock);
    return code;
}

int weir_seen_flush(struct weir_seen *seen, struct weir_error *err)
{
    pthread_mutex_lock(&seen->lock);
    int code = WEIR_OK;
    if (seen->active.count) {
        code = freeze(seen, err);
    }
    while (!code && seen->frozen.count) {
        if (seen->fault.code) {
            code = weir_fail(err, seen->fault.code, "%s", seen->fault.message);
            break;
        }
        pthread_cond_wait(&seen->idle, &seen->lock);
    }
    pthread_mutex_unlock(&seen->lock);
    return code;
}

int weir_seen_reset(struct weir_seen *seen, struct weir_error *err)
{
    pthread_mutex_lock(&seen->lock);
    /* The background thread must not be amid a run that is about to go. */
    seen->stop = true;
    pthread_cond_signal(&seen->wake);
    pthread_mutex_unlock(&seen->lock);
    pthread_join(seen->thread, NULL);
    seen->thread_runs = false;
    seen->stop = false;
    pthread_mutex_lock(&seen->lock); /* somebody may be asking */
    weir_seen_table_clear(&seen->active);
    weir_seen_table_clear(&seen->frozen);
    int code = begin_anew(seen, err);
    pthread_mutex_unlock(&seen->lock);
    code = code ? code : weir_dir_each(seen->dir, remove_stray, seen, err);
    if (pthread_create(&seen->thread, NULL, background, seen)) {
        return weir_fail(err, WEIR_EFATAL, "cannot start the dedup index's thread");
    }
    seen->thread_runs = true;
    return code;
}

bool weir_seen_is_damaged(struct weir_seen *seen)
{
    pthread_mutex_lock(&seen->lock);
    bool damaged = seen->damaged || seen->fault.code == WEIR_ECORRUPT;
    pthread_mutex_unlock(&seen->lock);
    return damaged;
}

void weir_seen_get_stats(struct weir_seen *seen, struct weir_seen_stats *out)
{
    pthread_mutex_lock(&seen->lock);
    *out = (struct weir_seen_stats){
        .ids = seen->active.count + seen->frozen.count,
        .runs = seen->run_count,
        .memory_bytes =
            (seen->active.slot_count + seen->frozen.slot_count) * sizeof(struct weir_seen_entry),
    };
    for (unsigned i = 0; i < seen->run_count; i++) {
        out->ids += seen->runs[i]->entries;
        out->file_bytes += seen->runs[i]->file_bytes;
        out->filter_bytes += seen->runs[i]->map_bytes;
    }
    pthread_mutex_unlock(&seen->lock);
}

void weir_seen_settle(struct weir_seen *seen)
{
    struct weir_seen_run *picked[FAN_IN];
    pthread_mutex_lock(&seen->lock);
    while (!seen->fault.code &&
           (seen->frozen.count || seen->merging || pick_merge(seen, picked) > 0)) {
        pthread_cond_signal(&seen->wake);
        pthread_cond_wait(&seen->idle, &seen->lock);
    }
    pthread_mutex_unlock(&seen->lock);
}
