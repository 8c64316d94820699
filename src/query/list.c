/* What runs and what waits. */
#include <stdlib.h>

#include "query/pool.h"

static bool is_asked(const struct weir_query *q, const char *owner, const char *id)
{
    return (!owner || strcmp(q->request.owner, owner) == 0) && (!id || strcmp(q->id, id) == 0);
}

static const char *copy(struct weir_arena *arena, const char *text)
{
    const char *s = weir_arena_strdup(arena, text);
    return s ? s : "";
}

static void fill(const struct weir_query *q, enum weir_query_state state, struct weir_arena *arena,
                 struct weir_query_listed *out)
{
    struct weir_str sql = weir_utf8_cut(weir_str_of(q->request.sql), WEIR_QUERY_SQL_LISTED);
    weir_time now = weir_mono();
    bool runs = state == WEIR_QUERY_RUNNING;
    memcpy(out->id, q->id, sizeof out->id);
    out->owner = copy(arena, q->request.owner);
    out->report = copy(arena, q->request.report);
    out->query = copy(arena, q->request.query);
    out->sql = weir_arena_dup(arena, sql);
    out->state = state;
    out->background = q->request.background;
    out->stopping = weir_query_stopped(q);
    out->stuck = q->stuck;
    out->share = runs && q->session && !q->stuck ? weir_session_progress(q->session) : -1;
    out->rows = atomic_load(&q->rows);
    out->queued = (runs ? q->started_at : now) - q->queued_at;
    out->elapsed = runs ? now - q->started_at : 0;
}

/* With the lock: how many of these are asked for; `out` may be NULL. */
static size_t list(const struct weir_query *first, const char *owner, const char *id,
                   enum weir_query_state state, struct weir_arena *arena,
                   struct weir_query_listed *out)
{
    size_t n = 0;
    for (const struct weir_query *q = first; q; q = q->next) {
        if (is_asked(q, owner, id)) {
            if (out) {
                fill(q, state, arena, &out[n]);
            }
            n++;
        }
    }
    return n;
}

static int longest_first(const void *a, const void *b)
{
    const struct weir_query_listed *x = a, *y = b;
    return (x->elapsed < y->elapsed) - (x->elapsed > y->elapsed);
}

int weir_query_list(struct weir_query_pool *pool, const char *owner, const char *id,
                    struct weir_arena *arena, struct weir_query_listed **out, size_t *count,
                    struct weir_error *err)
{
    int rc = 0;
    *count = 0;
    pthread_mutex_lock(&pool->lock);
    size_t n = list(pool->running, owner, id, WEIR_QUERY_RUNNING, arena, NULL) +
               list(pool->stuck, owner, id, WEIR_QUERY_RUNNING, arena, NULL) +
               list(pool->first, owner, id, WEIR_QUERY_QUEUED, arena, NULL);
    *out = weir_arena_calloc(arena, (n + 1) * sizeof **out);
    if (*out) {
        size_t at = list(pool->running, owner, id, WEIR_QUERY_RUNNING, arena, *out);
        at += list(pool->stuck, owner, id, WEIR_QUERY_RUNNING, arena, *out + at);
        qsort(*out, at, sizeof **out, longest_first);
        *count = at + list(pool->first, owner, id, WEIR_QUERY_QUEUED, arena, *out + at);
    } else {
        rc = weir_fail(err, WEIR_ENOMEM, "no memory for the list of queries");
    }
    pthread_mutex_unlock(&pool->lock);
    return rc;
}
