/* The watchdog of a pool. */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cond.h"
#include "query/pool.h"

#define TICK (50 * WEIR_SECOND / 1000)

/* --- stopping what runs too long or takes too much ------------------------------------------ */

static uint64_t resident_bytes(void)
{
    unsigned long long total = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f) {
        if (fscanf(f, "%llu %llu", &total, &resident) != 2) {
            resident = 0;
        }
        fclose(f);
    }
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

void weir_query_stop(struct weir_query *q, atomic_bool *why)
{
    if (!atomic_exchange(why, true)) {
        q->stopped_at = q->stopped_at ? q->stopped_at : weir_mono();
        if (q->session) {
            weir_session_cancel(q->session);
        }
    }
}

static bool file_too_large(const struct weir_query *q)
{
    struct stat st;
    uint64_t limit = q->request.limits.bytes;
    return q->export_path && limit && stat(q->export_path, &st) == 0 &&
           (uint64_t)st.st_size > limit;
}

static void check_running(struct weir_query_pool *pool)
{
    weir_time now = weir_mono();
    uint64_t held = resident_bytes();
    for (struct weir_query *q = pool->running; q; q = q->next) {
        if (q->deadline && now >= q->deadline) {
            weir_query_stop(q, &q->timed_out);
        }
        if (held > pool->settings.max_memory ||
            (q->request.limits.memory && held > q->request.limits.memory)) {
            weir_query_stop(q, &q->starved);
        }
        if (file_too_large(q)) { /* now, not when it has filled the disk */
            weir_query_stop(q, &q->too_large);
        }
        if (!q->stopped_at && weir_query_stopped(q)) {
            q->stopped_at = now; /* its sink refused */
        }
    }
}

/* --- letting go of what does not stop ------------------------------------------------------- */

bool weir_query_enter_sink(struct weir_query_pool *pool, struct weir_query *q)
{
    pthread_mutex_lock(&pool->lock);
    bool entered = !q->stuck;
    q->in_sink = entered;
    pthread_mutex_unlock(&pool->lock);
    return entered;
}

void weir_query_leave_sink(struct weir_query_pool *pool, struct weir_query *q)
{
    pthread_mutex_lock(&pool->lock);
    q->in_sink = false;
    if (q->stopped_at) {
        q->stopped_at = weir_mono(); /* the engine has not had the time that the sink took */
    }
    pthread_mutex_unlock(&pool->lock);
}

static void show_sql(const struct weir_query *q, char out[SQL_SHOWN + 4])
{
    struct weir_str sql = weir_str_of(q->request.sql);
    bool cut = sql.len > SQL_SHOWN;
    sql.len = cut ? SQL_SHOWN : sql.len;
    sql.len = weir_utf8_valid_prefix(sql);
    snprintf(out, SQL_SHOWN + 4, WEIR_STR_FMT "%s", WEIR_STR_ARG(sql), cut ? "..." : "");
}

/* What its caller is told; a copy, because its worker may free it as soon as the lock is open. */
struct ending {
    void (*done)(int code, const struct weir_query_summary *summary, const struct weir_error *err,
                 void *arg);
    void *arg;
    struct weir_query_summary summary;
    int code;
    struct weir_error err;
};

static struct weir_query *overdue(const struct weir_query_pool *pool)
{
    weir_time now = weir_mono();
    struct weir_query *q = pool->running;
    while (q &&
           (!q->stopped_at || q->in_sink || now - q->stopped_at < pool->settings.stuck_after)) {
        q = q->next;
    }
    return q;
}

static void replace_worker(struct weir_query_pool *pool)
{
    pool->workers--;
    pool->stuck_count++;
    if (pool->stopping) {
        pthread_cond_signal(&pool->gone);
    } else if (pool->stuck_count <= (size_t)pool->settings.max_stuck) {
        (void)weir_query_add_worker(pool); /* or one that is stuck comes back */
    }
    if (!pool->stopping && pool->workers == 0) {
        pool->exhausted_at = weir_mono();
        weir_log(pool->log, WEIR_LOG_ERROR,
                 "every worker is stuck in the engine: queries are "
                 "refused");
    }
}

static void write_off(struct weir_query_pool *pool, struct weir_query *q, struct ending *e)
{
    char sql[SQL_SHOWN + 4];
    weir_time now = weir_mono();
    *e = (struct ending){.done = q->request.done,
                         .arg = q->request.arg,
                         .summary = {.rows = atomic_load(&q->rows),
                                     .queued = q->started_at - q->queued_at,
                                     .elapsed = now - q->started_at,
                                     .error_offset = -1}};
    e->code = weir_query_explain(pool, q, WEIR_ECANCELED, &e->err);
    weir_query_leave_running(pool, q, e->code, &e->summary);
    pool->stats.written_off++;
    q->stuck = true;
    q->next = pool->stuck;
    pool->stuck = q;
    show_sql(q, sql);
    weir_log(pool->log, WEIR_LOG_WARN,
             "a query does not stop: it was answered, and its worker is written off until the "
             "engine lets go of it",
             "query", q->id, "after_ms", weir_log_num(e->summary.elapsed / 1000).text, "sql", sql);
    replace_worker(pool);
}

/* With the lock, which it opens while callers are told. */
static void let_go(struct weir_query_pool *pool)
{
    struct weir_query *q;
    while ((q = overdue(pool))) {
        struct ending e;
        write_off(pool, q, &e);
        struct weir_query *left = pool->workers == 0 ? weir_query_take_queue(pool) : NULL;
        bool stopping = pool->stopping;
        pthread_mutex_unlock(&pool->lock);
        e.done(e.code, &e.summary, &e.err, e.arg);
        weir_query_end_list(pool, left, stopping ? WEIR_ECANCELED : WEIR_EBUSY,
                            stopping ? "the query was canceled" : WEIR_QUERY_ALL_STUCK);
        pthread_mutex_lock(&pool->lock);
    }
}

size_t weir_query_pool_stuck(struct weir_query_pool *pool, struct weir_query_stuck *out, size_t max)
{
    size_t n = 0;
    weir_time now = weir_mono();
    pthread_mutex_lock(&pool->lock);
    for (struct weir_query *q = pool->stuck; q && n < max; q = q->next, n++) {
        memcpy(out[n].id, q->id, sizeof out[n].id);
        show_sql(q, out[n].sql);
        out[n].since = now - q->stopped_at;
    }
    pthread_mutex_unlock(&pool->lock);
    return n;
}

/* -------------------------------------------------------------------------------------------- */

void *weir_query_watch(void *arg)
{
    struct weir_query_pool *pool = arg;
    pthread_mutex_lock(&pool->lock);
    while (!pool->stopping || pool->workers) {
        if (!pool->running) {
            pthread_cond_wait(&pool->tick, &pool->lock);
            continue;
        }
        check_running(pool);
        let_go(pool);
        weir_cond_wait_until(&pool->tick, &pool->lock, weir_mono() + TICK);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}
