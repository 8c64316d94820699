#include "load/checkpoint.h"

#include "base/cond.h"
#include "load/apply.h"

/* Soon after a change of the schema (a write-ahead log with DDL in it is what fails to replay);
 * often enough while events trickle that none takes long; seldom while there is much to catch up
 * with; and when there is nothing else to do. */
#define AFTER_DDL    (3 * WEIR_SECOND)
#define IDLE         (5 * WEIR_SECOND)
#define BYTES        (UINT64_C(64) << 20)
#define BYTES_BEHIND (UINT64_C(512) << 20)
#define LOOK_AGAIN   (WEIR_SECOND / 2)

/* New columns keep appearing while a long log is loaded: no more than a tenth of the time goes into
 * checkpoints, whatever asks for them. (At 1 GB of write-ahead log the engine makes one by itself.)
 */
#define SHARE 10

/* Pruning keeps the next checkpoint away until every query that began before it has ended. */
#define PRUNE_COMMITS 1000

/* With the lock. */
static bool is_due(const struct weir_checkpointer *c)
{
    weir_time now = weir_mono();
    bool idle = now - c->last_commit >= IDLE;
    bool wanted = (c->changed_schema && now - c->last_end > AFTER_DDL) ||
                  c->unsaved_bytes > (c->behind ? BYTES_BEHIND : BYTES);
    return c->unsaved_bytes && (idle || (wanted && now - c->last_end > c->took * SHARE));
}

/* Not now is fine: a transaction of somebody else's is in the way, or the disk is full; the
 * write-ahead log has everything. */
static bool make_one(struct weir_checkpointer *c)
{
    struct weir_error err;
    bool made = weir_session_checkpoint(c->session, &err) == WEIR_OK;
    if (!made) {
        /* The engine refuses while a transaction that merges or alters is open: wait for ours. */
        pthread_mutex_lock(c->writing);
        made = weir_session_checkpoint(c->session, &err) == WEIR_OK;
        pthread_mutex_unlock(c->writing);
    }
    return made;
}

/* With the lock on entry and return. */
static void checkpoint(struct weir_checkpointer *c)
{
    uint64_t bytes = c->unsaved_bytes;
    bool schema = c->changed_schema;
    bool prunes = c->commits >= PRUNE_COMMITS;
    struct weir_error err;
    c->changed_schema = false;
    pthread_mutex_unlock(&c->lock);
    weir_time start = weir_mono();
    bool made = make_one(c);
    weir_time end = weir_mono();
    bool pruned = made && prunes && weir_load_state_prune(c->session, &err) == WEIR_OK;
    pthread_mutex_lock(&c->lock);
    c->unsaved_bytes -= made ? bytes : 0;
    c->changed_schema = c->changed_schema || (schema && !made);
    c->commits = pruned ? 0 : c->commits;
    c->took = end - start;
    c->last_end = end;
}

static void *run(void *arg)
{
    struct weir_checkpointer *c = arg;
    pthread_setname_np(pthread_self(), "weir-checkpoint");
    pthread_mutex_lock(&c->lock);
    while (!c->quits) {
        if (is_due(c)) {
            checkpoint(c);
        } else if (!c->unsaved_bytes) {
            pthread_cond_wait(&c->changed, &c->lock);
            continue;
        }
        if (!c->quits) {
            weir_cond_wait_until(&c->changed, &c->lock, weir_mono() + LOOK_AGAIN);
        }
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

int weir_checkpointer_start(struct weir_checkpointer *c, struct weir_warehouse *warehouse,
                            pthread_mutex_t *writing, struct weir_error *err)
{
    *c = (struct weir_checkpointer){
        .writing = writing, .last_end = weir_mono(), .commits = PRUNE_COMMITS};
    int code = weir_session_new(warehouse, WEIR_SESSION_OWNER, &c->session, err);
    if (code) {
        return code;
    }
    pthread_mutex_init(&c->lock, NULL);
    weir_cond_init(&c->changed);
    if (pthread_create(&c->thread, NULL, run, c)) {
        pthread_cond_destroy(&c->changed);
        pthread_mutex_destroy(&c->lock);
        weir_session_free(c->session);
        return weir_fail(err, WEIR_ENOMEM, "cannot start the thread that makes checkpoints");
    }
    c->runs = true;
    return WEIR_OK;
}

void weir_checkpointer_stop(struct weir_checkpointer *c)
{
    if (!c->runs) {
        return;
    }
    pthread_mutex_lock(&c->lock);
    c->quits = true;
    pthread_cond_signal(&c->changed);
    pthread_mutex_unlock(&c->lock);
    pthread_join(c->thread, NULL);
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
    weir_session_free(c->session);
    c->runs = false;
}

void weir_checkpointer_note(struct weir_checkpointer *c, uint64_t bytes, bool behind,
                            bool changed_schema)
{
    pthread_mutex_lock(&c->lock);
    /* A batch of duplicates has an offset to save, too. */
    c->unsaved_bytes += bytes + 1;
    c->commits++;
    c->behind = behind;
    c->changed_schema = c->changed_schema || changed_schema;
    c->last_commit = weir_mono();
    if (is_due(c) || c->unsaved_bytes == bytes + 1) {
        pthread_cond_signal(&c->changed);
    }
    pthread_mutex_unlock(&c->lock);
}
