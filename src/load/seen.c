#include "load/seen_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cond.h"
#include "io/file.h"

#define DEFAULT_MEMORY (UINT64_C(64) << 20)

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
    weir_seen_describe(seen, NULL, NULL, 0, &manifest);
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
    weir_cond_init(&seen->wake);
    weir_cond_init(&seen->idle);
    seen->log = options->log;
    seen->dir = strdup(options->dir);
    uint64_t each = (options->memory_bytes ? options->memory_bytes : DEFAULT_MEMORY) / 2;
    int code = seen->dir ? WEIR_OK : weir_fail(err, WEIR_ENOMEM, "no memory for the dedup index");
    code = code ? code : weir_seen_table_init(&seen->active, each, err);
    code = code ? code : weir_seen_table_init(&seen->frozen, each, err);
    code = code ? code : load(seen, err);
    if (!code && pthread_create(&seen->thread, NULL, weir_seen_background, seen)) {
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
    if (pthread_create(&seen->thread, NULL, weir_seen_background, seen)) {
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
    struct weir_seen_run *picked[WEIR_SEEN_FAN_IN];
    pthread_mutex_lock(&seen->lock);
    while (!seen->fault.code &&
           (seen->frozen.count || seen->merging || weir_seen_pick_merge(seen, picked) > 0)) {
        pthread_cond_signal(&seen->wake);
        pthread_cond_wait(&seen->idle, &seen->lock);
    }
    pthread_mutex_unlock(&seen->lock);
}
