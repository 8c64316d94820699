#include "serve/keeper.h"

#include <stdlib.h>
#include <unistd.h>

#include "serve/kept_versions.h"

#define QUEUE     256
#define OFF_AFTER (60 * WEIR_SECOND) /* how long a full disk is left alone */

struct weir_keeper {
    struct weir_server *server;
    struct weir_cache_settings settings;
    struct weir_cache *memory;
    struct weir_cache_files *files; /* NULL: none on the disk */
    struct weir_work *work;         /* reads and writes them */
    struct weir_kept_versions *versions;
    struct weir_keeper_stats stats;
    weir_time off_until; /* monotonic; the disk refused */
    bool goes_on;        /* from the versions of the process before */
};

/* --- whether it holds ------------------------------------------------------------------------- */

enum state { HOLDS, CHANGING, STALE };

static enum state state_of(const struct weir_keeper *k, const struct weir_kept *kept)
{
    enum state state = HOLDS;
    if (kept->expires_at && weir_now() >= kept->expires_at) {
        return STALE;
    }
    for (size_t i = 0; i < kept->read_count; i++) {
        const struct weir_kept_read *r = &kept->reads[i];
        struct weir_table_version v =
            weir_warehouse_version_of(k->server->warehouse, r->schema, r->table);
        if (v.version != r->version) {
            return STALE;
        }
        state = v.settled ? state : CHANGING;
    }
    return state;
}

struct weir_kept *weir_keeper_find(struct weir_keeper *k, struct weir_str key, bool count)
{
    struct weir_kept *kept = weir_cache_find(k->memory, key);
    enum state state = kept ? state_of(k, kept) : CHANGING;
    if (state == STALE) {
        k->stats.stale++;
        weir_cache_remove(k->memory, key);
    }
    k->stats.hits += count && state == HOLDS;
    return state == HOLDS ? weir_kept_hold(kept) : NULL;
}

void weir_keeper_judge(const struct weir_keeper *k, const struct weir_reads *reads,
                       struct weir_kept *model)
{
    enum weir_clock clock = reads && reads->settled ? reads->clock : WEIR_CLOCK_NEVER;
    model->expires_at = 0;
    model->life = WEIR_LIFE_TABLES;
    if (clock == WEIR_CLOCK_NEVER || (clock == WEIR_CLOCK_NOW && k->settings.clock <= 0)) {
        model->life = WEIR_LIFE_NONE;
    } else if (clock == WEIR_CLOCK_NOW) {
        model->life = WEIR_LIFE_SECONDS;
        model->expires_at = model->computed_at + k->settings.clock;
    } else if (clock == WEIR_CLOCK_DAY) {
        model->expires_at = (model->computed_at / WEIR_DAY + 1) * WEIR_DAY;
    }
}

/* --- the disk --------------------------------------------------------------------------------- */

struct job {
    struct weir_keeper *keeper;
    struct weir_str key; /* to read */
    void (*done)(struct weir_kept *kept, void *arg);
    void *arg;
    struct weir_kept *kept; /* to write, or what was read */
    int code;
    struct weir_error err;
    uint64_t cleared; /* the files, when it was to be written */
};

static void finish_read(void *arg)
{
    struct job *job = arg;
    struct weir_keeper *k = job->keeper;
    struct weir_kept *kept = job->kept;
    if (kept && state_of(k, kept) != HOLDS) {
        if (state_of(k, kept) == STALE) {
            k->stats.stale++;
            weir_cache_files_remove(k->files, kept->key);
        }
        weir_kept_release(kept);
        kept = NULL;
    }
    if (kept) {
        k->stats.hits++;
        k->stats.disk_hits++;
        weir_cache_add(k->memory, kept);
    }
    job->done(kept, job->arg);
    free(job);
}

static void read_file(void *arg)
{
    struct job *job = arg;
    job->code = weir_cache_files_get(job->keeper->files, job->key, &job->kept, &job->err);
    if (weir_loop_post(job->keeper->server->loop, finish_read, job)) {
        abort(); /* no memory for a few bytes; the requests would never be answered */
    }
}

bool weir_keeper_read(struct weir_keeper *k, struct weir_str key,
                      void (*done)(struct weir_kept *kept, void *arg), void *arg)
{
    struct weir_error err;
    if (!k->files || !weir_cache_files_have(k->files, key)) {
        return false;
    }
    struct job *job = calloc(1, sizeof *job);
    if (!job) {
        return false;
    }
    *job = (struct job){.keeper = k, .key = key, .done = done, .arg = arg};
    if (weir_work_add(k->work, read_file, job, &err)) {
        free(job);
        return false;
    }
    return true;
}

static void finish_write(void *arg)
{
    struct job *job = arg;
    struct weir_keeper *k = job->keeper;
    if (job->code && job->code != WEIR_ETOOBIG) {
        k->stats.disk_failures++;
        k->off_until = weir_mono() + OFF_AFTER;
        weir_log(k->server->log, WEIR_LOG_WARN,
                 "results are not kept on the disk for a minute; all else goes on", "error",
                 job->err.message);
    }
    free(job);
}

static void write_file(void *arg)
{
    struct job *job = arg;
    job->code = weir_cache_files_put(job->keeper->files, job->kept, job->cleared, &job->err);
    weir_kept_release(job->kept);
    if (weir_loop_post(job->keeper->server->loop, finish_write, job)) {
        free(job);
    }
}

static void put_on_disk(struct weir_keeper *k, struct weir_kept *kept)
{
    struct weir_error err;
    if (!k->files || kept->life != WEIR_LIFE_TABLES || kept->elapsed < k->settings.worth ||
        weir_mono() < k->off_until) {
        return;
    }
    struct job *job = calloc(1, sizeof *job);
    if (!job) {
        return;
    }
    *job = (struct job){
        .keeper = k, .kept = weir_kept_hold(kept), .cleared = weir_cache_files_cleared(k->files)};
    if (weir_work_add(k->work, write_file, job, &err)) { /* it is busy: memory has it */
        weir_kept_release(kept);
        free(job);
    }
}

void weir_keeper_take(struct weir_keeper *k, struct weir_kept *kept)
{
    if (kept->life == WEIR_LIFE_NONE || kept->bytes.len > k->settings.result) {
        k->stats.uncachable++;
        return;
    }
    weir_cache_add(k->memory, kept);
    put_on_disk(k, kept);
}

void weir_keeper_clear(struct weir_keeper *k)
{
    weir_cache_clear(k->memory);
    if (k->files) {
        weir_cache_files_clear(k->files);
    }
}

void weir_keeper_count(struct weir_keeper *k, bool shared)
{
    k->stats.shared += shared;
    k->stats.misses += !shared;
}

void weir_keeper_stats(const struct weir_keeper *k, struct weir_keeper_stats *out)
{
    *out = k->stats;
    weir_cache_size(k->memory, &out->memory);
    if (k->files) {
        weir_cache_files_size(k->files, &out->disk);
    }
}

const struct weir_cache_settings *weir_keeper_settings(const struct weir_keeper *k)
{
    return &k->settings;
}

/* --- life ------------------------------------------------------------------------------------- */

int weir_keeper_new(struct weir_server *server, struct weir_keeper **out, struct weir_error *err)
{
    struct weir_keeper *k = calloc(1, sizeof *k);
    *out = k;
    if (!k) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the cache");
    }
    k->server = server;
    int rc = weir_workspace_section(server->run->workspace, "cache", weir_cache_options,
                                    &k->settings, err);
    rc = rc ? rc : weir_cache_new(k->settings.memory, &k->memory, err);
    return rc ? rc : weir_kept_versions_read(server->run->workspace, &k->versions, err);
}

/* What is wrong with the disk is no reason not to start: results are then kept in memory only. */
int weir_keeper_start(struct weir_keeper *k, struct weir_error *err)
{
    struct weir_error why;
    const char *dir = weir_workspace_path(k->server->run->workspace, "cache/results");
    bool same = weir_kept_versions_apply(k->versions, k->server->warehouse, &why) == 0;
    k->goes_on = same;
    int rc = dir ? weir_cache_files_new(dir, k->settings.disk, !same, &k->files, &why)
                 : weir_fail(&why, WEIR_ENOMEM, "no memory for a path");
    if (rc) {
        weir_log(k->server->log, WEIR_LOG_WARN, "results are kept in memory only", "error",
                 why.message);
    } else if (k->settings.disk == 0) {
        weir_cache_files_free(k->files);
        k->files = NULL;
    }
    return weir_work_new(1, QUEUE, &k->work, err);
}

bool weir_keeper_goes_on(const struct weir_keeper *k)
{
    return k->goes_on;
}

void weir_keeper_stop(struct weir_keeper *k)
{
    if (k) {
        weir_work_free(k->work);
        k->work = NULL;
        if (k->versions) {
            weir_kept_versions_note(k->versions, k->server->warehouse);
        }
    }
}

void weir_keeper_free(struct weir_keeper *k, bool closed)
{
    if (k) {
        if (closed && k->files) {
            weir_kept_versions_write(k->versions, k->server->log);
        }
        weir_kept_versions_free(k->versions);
        weir_cache_files_free(k->files);
        weir_cache_free(k->memory);
        free(k);
    }
}
