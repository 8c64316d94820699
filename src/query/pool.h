/* Private to src/query: the pool and one query in it. */
#ifndef WEIR_QUERY_POOL_H
#define WEIR_QUERY_POOL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "query/query.h"

#define REMEMBERED 512 /* ended queries whose outcome can still be asked for */
#define WEIR_QUERY_ALL_STUCK                                                                       \
    "every query worker is stuck in a statement that the engine cannot stop; try again when one "  \
    "has ended (`weir status` shows them), or restart the server"
#define SQL_SHOWN 200 /* bytes of a stuck query's statement that are shown */

struct weir_query {
    struct weir_query *next;
    char id[17];
    struct weir_query_request request; /* its strings are in the arena */
    struct weir_arena arena;
    weir_time queued_at, started_at, deadline; /* monotonic; deadline 0: not running */
    weir_time stopped_at;                      /* since when it is to end; 0: it may go on */
    struct weir_session *session;              /* while the engine works on it */
    const char *export_path;                   /* the file that the engine is writing, or NULL */
    bool in_sink;                              /* its caller has the thread, not the engine */
    bool stuck; /* its caller was answered while the engine still works on it */
    atomic_bool canceled, timed_out, starved, too_large;
    char why[400]; /* it was canceled; "": by whoever asked. Written once, before `canceled` */
    _Atomic uint64_t rows;
};

struct outcome {
    char id[17];
    char owner[WEIR_MAX_OWNER + 1];
    struct weir_query_progress progress;
};

#define TURNS 64

struct turn { /* of one of those who were served last */
    char owner[WEIR_MAX_OWNER + 1];
    uint64_t at;
};

/* A thread is a worker (it takes queries) or stuck in the engine with a query whose caller was
 * answered. It changes from one to the other, and both counts are moved, under the lock. Whoever
 * comes last, weir_query_pool_free() or a stuck thread, frees the pool. */
struct weir_query_pool {
    struct weir_warehouse *warehouse;
    const struct weir_log *log;
    struct weir_query_settings settings;
    pthread_mutex_t lock; /* guards all below, and each query's session, times, file and flags */
    pthread_cond_t work;  /* workers wait: a query was queued, or the pool stops */
    pthread_cond_t tick;  /* the watchdog waits: a query began to run, or the pool stops */
    pthread_cond_t gone;  /* the pool's end waits: a worker left or got stuck */
    struct weir_query *first, **last; /* the queue */
    struct weir_query *running;
    struct weir_query *stuck;
    size_t queue_length;
    size_t per_person; /* queries of one person that run at the same time */
    struct turn turns[TURNS];
    uint64_t turn; /* the latest */
    size_t workers, stuck_count;
    weir_time exhausted_at; /* since when every worker is stuck; 0: not so */
    bool stopping;
    bool released; /* nobody uses it but stuck threads */
    struct weir_query_stats stats;
    struct outcome outcomes[REMEMBERED];
    size_t next_outcome;
    pthread_t watchdog;
    bool watched; /* `watchdog` runs */
};

/* --- pool.c --- */
/* With the lock: one more worker. False when no thread can be had. */
bool weir_query_add_worker(struct weir_query_pool *pool);
/* With the lock: notes its outcome, and that it does not run any more. */
void weir_query_leave_running(struct weir_query_pool *pool, struct weir_query *q, int code,
                              const struct weir_query_summary *summary);
/* With the lock: takes the whole queue; the caller ends its queries without the lock. */
struct weir_query *weir_query_take_queue(struct weir_query_pool *pool);
void weir_query_end_list(struct weir_query_pool *pool, struct weir_query *list, int code,
                         const char *why);
/* Says the right reason: the engine only knows that it was interrupted. */
int weir_query_explain(const struct weir_query_pool *pool, const struct weir_query *q, int code,
                       struct weir_error *err);

/* --- watch.c: stops what runs too long or takes too much, and lets go of what does not stop --- */
void *weir_query_watch(void *pool);
/* With the lock. */
void weir_query_stop(struct weir_query *q, atomic_bool *why);

/* run.c: runs one query on this worker's session (made when needed) and fills the summary. */
int weir_query_run(struct weir_query_pool *pool, struct weir_query *q,
                   struct weir_session **session, struct weir_query_summary *summary,
                   struct weir_error *err);
/* True when somebody wants it to end. */
bool weir_query_stopped(const struct weir_query *q);
/* Names the file whose size is watched; NULL: none any more. */
void weir_query_watch_file(struct weir_query_pool *pool, struct weir_query *q, const char *path);
/* Before and after a call of its sink; false when the sink may not be called any more. */
bool weir_query_enter_sink(struct weir_query_pool *pool, struct weir_query *q);
void weir_query_leave_sink(struct weir_query_pool *pool, struct weir_query *q);
/* Says which session works on it, for cancel and progress; NULL: none any more. */
void weir_query_attach(struct weir_query_pool *pool, struct weir_query *q,
                       struct weir_session *session);

#endif
