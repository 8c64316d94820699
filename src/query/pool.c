#include "query/pool.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cond.h"
#include "base/hash.h"

#define IDLE_CHECK WEIR_SECOND

bool weir_query_stopped(const struct weir_query *q)
{
    return atomic_load(&q->canceled) || atomic_load(&q->timed_out) || atomic_load(&q->starved) ||
           atomic_load(&q->too_large);
}

void weir_query_watch_file(struct weir_query_pool *pool, struct weir_query *q, const char *path)
{
    pthread_mutex_lock(&pool->lock);
    q->export_path = path;
    pthread_mutex_unlock(&pool->lock);
}

void weir_query_attach(struct weir_query_pool *pool, struct weir_query *q,
                       struct weir_session *session)
{
    pthread_mutex_lock(&pool->lock);
    q->session = session;
    if (session && weir_query_stopped(q)) {
        weir_session_cancel(session); /* it was stopped between the queue and here */
    }
    pthread_mutex_unlock(&pool->lock);
}

/* --- workers -------------------------------------------------------------------------------- */

static void unlink_query(struct weir_query **list, struct weir_query *q)
{
    while (*list != q) {
        list = &(*list)->next;
    }
    *list = q->next;
}

static void free_query(struct weir_query *q)
{
    weir_arena_free(&q->arena);
    free(q);
}

static void count(struct weir_query_stats *stats, const struct weir_query *q, int code,
                  const struct weir_query_summary *summary)
{
    stats->done += code == 0;
    stats->failed += code != 0;
    stats->canceled += code == WEIR_ECANCELED;
    stats->timed_out += atomic_load(&q->timed_out);
    stats->refused += code == WEIR_EPERM;
    stats->truncated += summary->truncated;
    stats->rows += summary->rows;
}

static void remember(struct weir_query_pool *pool, const struct weir_query *q, int code,
                     const struct weir_query_summary *summary)
{
    struct outcome *o = &pool->outcomes[pool->next_outcome++ % REMEMBERED];
    memcpy(o->id, q->id, sizeof o->id);
    snprintf(o->owner, sizeof o->owner, "%s", q->request.owner);
    o->progress = (struct weir_query_progress){.state = code ? WEIR_QUERY_FAILED : WEIR_QUERY_DONE,
                                               .share = code ? -1 : 1,
                                               .rows = summary->rows,
                                               .elapsed = summary->elapsed,
                                               .truncated = summary->truncated,
                                               .code = code};
}

void weir_query_leave_running(struct weir_query_pool *pool, struct weir_query *q, int code,
                              const struct weir_query_summary *summary)
{
    unlink_query(&pool->running, q);
    count(&pool->stats, q, code, summary);
    remember(pool, q, code, summary);
}

static uint64_t memory_of(const struct weir_query_pool *pool, const struct weir_query *q)
{
    uint64_t own = q->request.limits.memory;
    return own && own < pool->settings.max_memory ? own : pool->settings.max_memory;
}

int weir_query_explain(const struct weir_query_pool *pool, const struct weir_query *q, int code,
                       struct weir_error *err)
{
    if (code && atomic_load(&q->timed_out)) {
        return weir_fail(
            err, WEIR_ETIMEDOUT,
            "the query was stopped by its time limit of %.1f s; ask for less, or raise "
            "query.timeout",
            (double)(q->deadline - q->started_at) / WEIR_SECOND);
    }
    if (code && atomic_load(&q->starved)) {
        return weir_fail(
            err, WEIR_ENOMEM,
            "the query was stopped because the process held more than %llu MB; ask for "
            "less, or raise query.max_memory",
            (unsigned long long)(memory_of(pool, q) >> 20));
    }
    if (code && atomic_load(&q->too_large)) {
        return weir_fail(err, WEIR_ETOOBIG,
                         "the file is larger than the limit of %llu bytes; select less",
                         (unsigned long long)q->request.limits.bytes);
    }
    if (code && atomic_load(&q->canceled)) {
        return weir_fail(err, WEIR_ECANCELED, "%s", *q->why ? q->why : "the query was canceled");
    }
    return code;
}

/* True when the thread is a worker still; false when it was written off meanwhile. */
static bool work_on(struct weir_query_pool *pool, struct weir_query *q,
                    struct weir_session **session)
{
    struct weir_error err = {0};
    struct weir_query_summary summary = {.error_offset = -1};
    int code =
        weir_query_stopped(q) ? WEIR_ECANCELED : weir_query_run(pool, q, session, &summary, &err);
    summary.queued = q->started_at - q->queued_at;
    summary.elapsed = weir_mono() - q->started_at;
    code = weir_query_explain(pool, q, code, &err);
    pthread_mutex_lock(&pool->lock);
    bool stuck = q->stuck;
    if (stuck) {
        unlink_query(&pool->stuck, q);
        weir_log(pool->log, WEIR_LOG_INFO, "a stuck query ended", "query", q->id);
    } else {
        weir_query_leave_running(pool, q, code, &summary);
    }
    pthread_mutex_unlock(&pool->lock);
    if (!stuck) {
        q->request.done(code, &summary, code ? &err : NULL, q->request.arg);
    }
    free_query(q);
    return !stuck;
}

/* --- whose turn it is ------------------------------------------------------------------------- */

static bool same_owner(const struct weir_query *a, const struct weir_query *b)
{
    return strcmp(a->request.owner, b->request.owner) == 0;
}

static size_t running_of(const struct weir_query_pool *pool, const struct weir_query *of)
{
    size_t n = 0;
    for (const struct weir_query *q = pool->running; q; q = q->next) {
        n += q->request.background == of->request.background &&
             (q->request.background || same_owner(q, of));
    }
    return n;
}

/* When somebody was served last; 0: long ago. */
static uint64_t *turn_of(struct weir_query_pool *pool, const char *owner)
{
    struct turn *oldest = &pool->turns[0];
    for (size_t i = 0; i < TURNS; i++) {
        struct turn *t = &pool->turns[i];
        if (t->at && strcmp(t->owner, owner) == 0) {
            return &t->at;
        }
        oldest = t->at < oldest->at ? t : oldest;
    }
    snprintf(oldest->owner, sizeof oldest->owner, "%s", owner);
    oldest->at = 0;
    return &oldest->at;
}

/* Fair shares: whoever runs least is next, then whoever was served longest ago, then whoever came
 * first. So many queries of one person wait for each other, and for nobody else's; and one worker
 * is left for others. What nobody waits for runs alone, when nobody waits for anything. */
static struct weir_query *next_query(struct weir_query_pool *pool)
{
    struct weir_query *best = NULL;
    size_t best_running = 0;
    uint64_t best_turn = 0;
    for (struct weir_query *q = pool->first; q; q = q->next) {
        size_t running = running_of(pool, q);
        bool owned = q->request.owner[0];
        if (q->request.background ? running > 0 || pool->running != NULL
                                  : owned && running >= pool->per_person) {
            continue;
        }
        running += q->request.background ? pool->workers + 1 : 0; /* behind all others */
        uint64_t turn = owned ? *turn_of(pool, q->request.owner) : 0;
        if (!best || running < best_running || (running == best_running && turn < best_turn)) {
            best = q;
            best_running = running;
            best_turn = turn;
        }
    }
    return best;
}

static void leave_queue(struct weir_query_pool *pool, struct weir_query *q)
{
    struct weir_query **at = &pool->first;
    while (*at != q) {
        at = &(*at)->next;
    }
    *at = q->next;
    if (pool->last == &q->next) {
        pool->last = at;
    }
    pool->queue_length--;
}

static void take(struct weir_query_pool *pool, struct weir_query *q)
{
    leave_queue(pool, q);
    if (q->request.owner[0]) {
        *turn_of(pool, q->request.owner) = ++pool->turn;
    }
    q->started_at = weir_mono();
    weir_time timeout = q->request.limits.timeout;
    q->deadline = timeout > 0 ? q->started_at + timeout : 0;
    q->stopped_at = q->stopped_at ? q->started_at : 0; /* canceled while it waited */
    q->next = pool->running;
    if (!pool->running) {
        pthread_cond_signal(&pool->tick);
    }
    pool->running = q;
}

struct weir_query *weir_query_take_queue(struct weir_query_pool *pool)
{
    struct weir_query *list = pool->first;
    pool->first = NULL;
    pool->last = &pool->first;
    pool->queue_length = 0;
    return list;
}

void weir_query_end_list(struct weir_query_pool *pool, struct weir_query *list, int code,
                         const char *why)
{
    while (list) {
        struct weir_query *q = list;
        struct weir_query_summary summary = {.queued = weir_mono() - q->queued_at,
                                             .error_offset = -1};
        struct weir_error err = {0};
        list = q->next;
        weir_fail(&err, code, "%s", why);
        pthread_mutex_lock(&pool->lock);
        count(&pool->stats, q, code, &summary);
        remember(pool, q, code, &summary);
        pthread_mutex_unlock(&pool->lock);
        q->request.done(code, &summary, &err, q->request.arg);
        free_query(q);
    }
}

static void destroy(struct weir_query_pool *pool)
{
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->tick);
    pthread_cond_destroy(&pool->gone);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

/* The engine let go of a thread that was written off: it is wanted again, or it leaves. */
static bool come_back(struct weir_query_pool *pool, struct weir_session **session)
{
    weir_session_free(*session);
    *session = NULL;
    pthread_mutex_lock(&pool->lock);
    pool->stuck_count--;
    bool wanted = !pool->stopping && pool->workers < (size_t)pool->settings.workers;
    bool last = pool->released && pool->stuck_count == 0;
    pool->workers += wanted;
    if (wanted) {
        pool->exhausted_at = 0;
    }
    pthread_mutex_unlock(&pool->lock);
    if (last) {
        destroy(pool);
    }
    return wanted;
}

static void *worker(void *arg)
{
    struct weir_query_pool *pool = arg;
    struct weir_session *session = NULL;
    pthread_setname_np(pthread_self(), "weir-query");
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        struct weir_query *q;
        while (!(q = next_query(pool)) && !pool->stopping) {
            weir_cond_wait_until(&pool->work, &pool->lock, weir_mono() + IDLE_CHECK);
            if (session && weir_warehouse_failed(pool->warehouse)) {
                weir_session_free(session); /* or nobody could reopen it */
                session = NULL;
            }
        }
        if (!q) {
            break;
        }
        take(pool, q);
        pthread_mutex_unlock(&pool->lock);
        if (!work_on(pool, q, &session) && !come_back(pool, &session)) {
            return NULL;
        }
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    weir_session_free(session);
    pthread_mutex_lock(&pool->lock);
    pool->workers--;
    pthread_cond_signal(&pool->gone);
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

bool weir_query_add_worker(struct weir_query_pool *pool)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, worker, pool)) {
        return false;
    }
    pthread_detach(thread); /* it is counted instead: nobody can join a stuck one */
    pool->workers++;
    return true;
}

/* --- the pool ------------------------------------------------------------------------------- */

int weir_query_pool_new(struct weir_warehouse *warehouse, const void *settings,
                        const struct weir_log *log, struct weir_query_pool **out,
                        struct weir_error *err)
{
    *out = NULL;
    struct weir_query_pool *pool = calloc(1, sizeof *pool);
    if (!pool) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the query pool");
    }
    pool->warehouse = warehouse;
    pool->log = log;
    pool->settings = *(const struct weir_query_settings *)settings;
    pool->settings.max_memory = weir_query_max_memory(&pool->settings);
    pool->per_person = (size_t)pool->settings.per_person;
    if (pool->per_person == 0) { /* one worker is left for others */
        pool->per_person = pool->settings.workers > 1 ? (size_t)pool->settings.workers - 1 : 1;
    }
    pool->last = &pool->first;
    pthread_mutex_init(&pool->lock, NULL);
    weir_cond_init(&pool->work);
    weir_cond_init(&pool->tick);
    weir_cond_init(&pool->gone);
    pool->watched = pthread_create(&pool->watchdog, NULL, weir_query_watch, pool) == 0;
    bool good = pool->watched;
    pthread_mutex_lock(&pool->lock);
    while (good && pool->workers < (size_t)pool->settings.workers) {
        good = weir_query_add_worker(pool);
    }
    pthread_mutex_unlock(&pool->lock);
    if (!good) {
        (void)weir_query_pool_free(pool);
        return weir_fail(err, WEIR_ENOMEM, "the query pool's threads cannot be started");
    }
    *out = pool;
    return 0;
}

static void cancel_all(struct weir_query_pool *pool)
{
    for (struct weir_query *q = pool->first; q; q = q->next) {
        atomic_store(&q->canceled, true);
    }
    for (struct weir_query *q = pool->running; q; q = q->next) {
        weir_query_stop(q, &q->canceled);
    }
}

size_t weir_query_pool_free(struct weir_query_pool *pool)
{
    if (!pool) {
        return 0;
    }
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    cancel_all(pool);
    pthread_cond_broadcast(&pool->work);
    pthread_cond_broadcast(&pool->tick);
    while (pool->workers) {
        pthread_cond_wait(&pool->gone, &pool->lock); /* they leave, or the watchdog gives them up */
    }
    struct weir_query *left = weir_query_take_queue(pool);
    pthread_cond_broadcast(&pool->tick);
    pthread_mutex_unlock(&pool->lock);
    weir_query_end_list(pool, left, WEIR_ECANCELED, "the query was canceled");
    if (pool->watched) {
        pthread_join(pool->watchdog, NULL);
    }
    pthread_mutex_lock(&pool->lock);
    pool->released = true;
    size_t stuck = pool->stuck_count;
    pthread_mutex_unlock(&pool->lock);
    if (stuck == 0) {
        destroy(pool);
    }
    return stuck;
}

/* --- one query ------------------------------------------------------------------------------ */

static bool copy_request(struct weir_query *q, const struct weir_query_request *request)
{
    q->request = *request;
    q->request.sql = weir_arena_strdup(&q->arena, request->sql);
    struct weir_param *params =
        weir_arena_calloc(&q->arena, (request->param_count + 1) * sizeof *params);
    q->request.owner = weir_arena_strdup(&q->arena, request->owner ? request->owner : "");
    q->request.report = weir_arena_strdup(&q->arena, request->report ? request->report : "");
    q->request.query = weir_arena_strdup(&q->arena, request->query ? request->query : "");
    if (!q->request.sql || !q->request.owner || !q->request.report || !q->request.query ||
        !params) {
        return false;
    }
    if (request->access) {
        q->request.access = weir_access_copy(request->access, &q->arena);
        if (!q->request.access) {
            return false;
        }
    }
    for (size_t i = 0; i < request->param_count; i++) {
        struct weir_param *p = &params[i];
        *p = request->params[i];
        p->name = weir_arena_dup(&q->arena, p->name);
        bool text =
            p->type == WEIR_TYPE_TEXT || p->type == WEIR_TYPE_JSON || p->type == WEIR_TYPE_OTHER;
        if (text && !p->null) {
            p->s = weir_arena_dup(&q->arena, p->s);
        }
        if (!p->name.ptr || (text && !p->null && !p->s.ptr)) {
            return false;
        }
    }
    q->request.params = params;
    return true;
}

/* 0 means "no limit" in both. */
static uint64_t smaller(uint64_t asked, uint64_t setting)
{
    return asked == 0 || (setting && setting < asked) ? setting : asked;
}

/* Nobody fills the queue alone. */
static bool is_full(const struct weir_query_pool *pool, const struct weir_query *asked)
{
    size_t room = (size_t)pool->settings.queue, own = 0;
    for (const struct weir_query *q = pool->first; q && asked->request.owner[0]; q = q->next) {
        own += same_owner(q, asked);
    }
    return pool->queue_length >= room || own >= room - room / 4;
}

int weir_query_start(struct weir_query_pool *pool, const struct weir_query_request *request,
                     char id[17], struct weir_error *err)
{
    struct weir_query *q = calloc(1, sizeof *q);
    if (!q) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a query");
    }
    weir_arena_init(&q->arena, 64u << 20);
    if (!copy_request(q, request)) {
        free_query(q);
        return weir_fail(err, WEIR_ETOOBIG, "the query and its parameters are larger than 64 MB");
    }
    struct weir_query_limits *limits = &q->request.limits;
    limits->rows = smaller(limits->rows, (uint64_t)pool->settings.max_rows);
    limits->bytes = smaller(limits->bytes, pool->settings.max_bytes);
    limits->timeout =
        (weir_time)smaller((uint64_t)limits->timeout, (uint64_t)pool->settings.timeout);
    unsigned char random[8];
    weir_random_bytes(random, sizeof random);
    weir_hex(random, sizeof random, q->id);
    memcpy(id, q->id, sizeof q->id);
    q->queued_at = weir_mono();
    pthread_mutex_lock(&pool->lock);
    bool none = pool->workers == 0;
    bool full = none || pool->stopping || is_full(pool, q);
    if (!full) {
        *pool->last = q;
        pool->last = &q->next;
        pool->queue_length++;
        pthread_cond_signal(&pool->work);
    }
    pthread_mutex_unlock(&pool->lock);
    if (full) {
        free_query(q);
        return weir_fail(err, WEIR_EBUSY, "%s",
                         none ? WEIR_QUERY_ALL_STUCK
                              : "too many queries wait; try again in a moment");
    }
    return 0;
}

static bool is_of(const char *owner, const char *who)
{
    return !who || strcmp(owner, who) == 0;
}

static struct weir_query *find(struct weir_query *list, const char *id, const char *owner)
{
    while (list && (strcmp(list->id, id) != 0 || !is_of(list->request.owner, owner))) {
        list = list->next;
    }
    return list;
}

int weir_query_cancel_because(struct weir_query_pool *pool, const char *id, const char *owner,
                              const char *why)
{
    pthread_mutex_lock(&pool->lock);
    struct weir_query *q = find(pool->running, id, owner);
    q = q ? q : find(pool->first, id, owner);
    if (q) {
        if (!weir_query_stopped(q)) {
            snprintf(q->why, sizeof q->why, "%s", why);
        }
        weir_query_stop(q, &q->canceled);
    }
    pthread_mutex_unlock(&pool->lock);
    return q ? 0 : WEIR_ENOENT;
}

int weir_query_cancel(struct weir_query_pool *pool, const char *id, const char *owner)
{
    return weir_query_cancel_because(pool, id, owner, "");
}

bool weir_query_stopping(struct weir_query_pool *pool, const char *id)
{
    pthread_mutex_lock(&pool->lock);
    const struct weir_query *q = find(pool->running, id, NULL);
    bool stopping = q && weir_query_stopped(q);
    pthread_mutex_unlock(&pool->lock);
    return stopping;
}

static const struct outcome *outcome_of(const struct weir_query_pool *pool, const char *id,
                                        const char *owner)
{
    for (size_t i = 0; i < REMEMBERED; i++) {
        if (strcmp(pool->outcomes[i].id, id) == 0 && is_of(pool->outcomes[i].owner, owner)) {
            return &pool->outcomes[i];
        }
    }
    return NULL;
}

int weir_query_progress(struct weir_query_pool *pool, const char *id, const char *owner,
                        struct weir_query_progress *out)
{
    int rc = 0;
    *out = (struct weir_query_progress){.share = -1};
    pthread_mutex_lock(&pool->lock);
    struct weir_query *q = find(pool->running, id, owner);
    const struct outcome *ended;
    if (q) {
        out->state = WEIR_QUERY_RUNNING;
        out->rows = atomic_load(&q->rows);
        out->elapsed = weir_mono() - q->started_at;
        out->share = q->session ? weir_session_progress(q->session) : -1;
    } else if ((q = find(pool->first, id, owner))) {
        out->state = WEIR_QUERY_QUEUED;
    } else if ((ended = *id ? outcome_of(pool, id, owner) : NULL)) {
        *out = ended->progress;
    } else {
        rc = WEIR_ENOENT;
    }
    pthread_mutex_unlock(&pool->lock);
    return rc;
}

void weir_query_pool_stats(struct weir_query_pool *pool, struct weir_query_stats *out)
{
    pthread_mutex_lock(&pool->lock);
    *out = pool->stats;
    out->queued = pool->queue_length;
    out->stuck = pool->stuck_count;
    out->exhausted = pool->exhausted_at ? weir_mono() - pool->exhausted_at : 0;
    for (struct weir_query *q = pool->running; q; q = q->next) {
        out->running++;
    }
    pthread_mutex_unlock(&pool->lock);
}
