/* Private to src/query: the pool and one query in it. */
#ifndef WEIR_QUERY_POOL_H
#define WEIR_QUERY_POOL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "query/query.h"

#define REMEMBERED 512 /* ended queries whose outcome can still be asked for */

struct weir_query {
    struct weir_query *next;
    char id[17];
    struct weir_query_request request; /* its strings are in the arena */
    struct weir_arena arena;
    weir_time queued_at, started_at, deadline; /* monotonic; deadline 0: not running */
    struct weir_session *session;              /* while the engine works on it */
    const char *export_path;                   /* the file that the engine is writing, or NULL */
    atomic_bool canceled, timed_out, starved, too_large;
    _Atomic uint64_t rows;
};

struct outcome {
    char id[17];
    struct weir_query_progress progress;
};

struct weir_query_pool {
    struct weir_warehouse *warehouse;
    struct weir_query_settings settings;
    pthread_mutex_t lock; /* guards all below, and each query's session, deadline, file */
    pthread_cond_t work;  /* workers wait: a query was queued, or the pool stops */
    pthread_cond_t tick;  /* the watchdog waits: a query began to run, or the pool stops */
    struct weir_query *first, **last; /* the queue */
    struct weir_query *running;
    size_t queue_length;
    bool stopping;
    struct weir_query_stats stats;
    struct outcome outcomes[REMEMBERED];
    size_t next_outcome;
    pthread_t *threads; /* workers, then the watchdog */
    size_t thread_count;
};

/* run.c: runs one query on this worker's session (made when needed) and fills the summary. */
int weir_query_run(struct weir_query_pool *pool, struct weir_query *q,
                   struct weir_session **session, struct weir_query_summary *summary,
                   struct weir_error *err);
/* True when somebody wants it to end. */
bool weir_query_stopped(const struct weir_query *q);
/* Names the file whose size is watched; NULL: none any more. */
void weir_query_watch_file(struct weir_query_pool *pool, struct weir_query *q, const char *path);
/* Says which session works on it, for cancel and progress; NULL: none any more. */
void weir_query_attach(struct weir_query_pool *pool, struct weir_query *q,
                       struct weir_session *session);

#endif
