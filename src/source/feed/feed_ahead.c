#include "source/feed/feed_ahead.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/cond.h"
#include "base/hash.h"

#define LEAST_ROWS  16384 /* before a stream has a stage */
#define LEAST_BYTES (4u << 20)
#define MOST_STAGES 8
#define MOST_TRIES  3      /* columns may change so often before a load */
#define SWITCH_ROWS 122880 /* that wait, before another stream's transaction is ended for them */
#define IDLE        WEIR_SECOND /* then a transaction is ended */

/* The stage of one stream. */
struct weir_feed_staged {
    struct weir_feed_ahead *ahead;
    struct weir_feed_stream *s;
    struct weir_stream_run *r;
    struct weir_feed_reading *reading;
    uint64_t shape; /* of the stream's columns when it was begun */
    int64_t active; /* version */
    struct weir_spool_block *blocks;
    size_t count, room, done;
    atomic_bool failed; /* nothing of it counts */
    struct weir_feed_staged *next;
};

struct weir_feed_ahead {
    int (*plan)(void *of, struct weir_feed_stream *s, struct weir_stream_run *r,
                struct weir_error *err);
    void *of;
    pthread_t thread;
    bool running; /* the thread */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct weir_feed_staged *first;
    unsigned count;
    struct weir_feed_staged *writing; /* whose transaction is open */
    bool busy;                        /* the thread has the session */
    unsigned pauses;
    bool end;
};

/* --- whoever has the session ---------------------------------------------------------------------
 */

static void end_transaction(struct weir_feed_ahead *a)
{
    struct weir_error ignored;
    struct weir_feed_staged *x = a->writing;
    a->writing = NULL;
    if (x && weir_source_stage_commit(&x->r->stage, &ignored)) {
        x->failed = true;
    }
}

static void stage_next(struct weir_feed_ahead *a, struct weir_feed_staged *x,
                       const struct weir_spool_block *block)
{
    struct weir_error ignored;
    struct weir_source_stage *stage = &x->r->stage;
    if (a->writing != x) {
        end_transaction(a);
    }
    int rc = weir_feed_reading_pass(x->reading, block, &ignored);
    if (rc && stage->began) {
        weir_session_rollback(stage->session);
        stage->began = false;
    }
    if (rc) {
        x->failed = true;
    }
    a->writing = stage->began ? x : NULL;
}

/* --- the thread ----------------------------------------------------------------------------------
 */

static uint64_t rows_waiting(const struct weir_feed_staged *x)
{
    uint64_t n = 0;
    for (size_t i = x->done; !x->failed && i < x->count; i++) {
        n += x->blocks[i].rows;
    }
    return n;
}

/* Short transactions are dear: a stream is gone on with while it has rows. */
static struct weir_feed_staged *next_of(const struct weir_feed_ahead *a)
{
    struct weir_feed_staged *most = NULL;
    if (a->writing && rows_waiting(a->writing)) {
        return a->writing;
    }
    for (struct weir_feed_staged *x = a->first; x; x = x->next) {
        uint64_t n = rows_waiting(x);
        most = n && (!most || n > rows_waiting(most)) ? x : most;
    }
    return most && a->writing && rows_waiting(most) < SWITCH_ROWS ? NULL : most;
}

/* True: nothing came for a while. */
static bool wait_idle(struct weir_feed_ahead *a)
{
    if (a->pauses || !a->writing) {
        pthread_cond_wait(&a->changed, &a->lock);
        return false;
    }
    weir_time until = weir_mono() + IDLE;
    weir_cond_wait_until(&a->changed, &a->lock, until);
    return weir_mono() >= until;
}

static void *stage_blocks(void *arg)
{
    struct weir_feed_ahead *a = arg;
    pthread_mutex_lock(&a->lock);
    while (!a->end) {
        struct weir_feed_staged *x = a->pauses ? NULL : next_of(a);
        bool idle = !x && wait_idle(a) && !a->pauses && !a->end && !next_of(a);
        if (!x && !idle) {
            continue;
        }
        struct weir_spool_block block = x ? x->blocks[x->done] : (struct weir_spool_block){0};
        a->busy = true;
        pthread_mutex_unlock(&a->lock);
        if (x) {
            stage_next(a, x, &block);
        } else {
            end_transaction(a);
        }
        pthread_mutex_lock(&a->lock);
        a->busy = false;
        if (x) {
            x->done++;
        }
        pthread_cond_broadcast(&a->changed);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

int weir_feed_ahead_new(struct weir_feed_ahead **out,
                        int (*plan)(void *of, struct weir_feed_stream *s, struct weir_stream_run *r,
                                    struct weir_error *err),
                        void *of, struct weir_error *err)
{
    struct weir_feed_ahead *a = *out = calloc(1, sizeof *a);
    if (!a) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a run");
    }
    a->plan = plan;
    a->of = of;
    pthread_mutex_init(&a->lock, NULL);
    weir_cond_init(&a->changed);
    return 0;
}

void weir_feed_ahead_pause(struct weir_feed_ahead *a)
{
    if (!a) {
        return;
    }
    pthread_mutex_lock(&a->lock);
    a->pauses++;
    while (a->busy) {
        pthread_cond_wait(&a->changed, &a->lock);
    }
    pthread_mutex_unlock(&a->lock);
    end_transaction(a);
}

void weir_feed_ahead_go_on(struct weir_feed_ahead *a)
{
    if (a) {
        pthread_mutex_lock(&a->lock);
        a->pauses--;
        pthread_cond_broadcast(&a->changed);
        pthread_mutex_unlock(&a->lock);
    }
}

/* --- stages: while it pauses ---------------------------------------------------------------------
 */

static void free_run(struct weir_stream_run *r)
{
    if (r) {
        weir_stream_run_free(r);
        free(r);
    }
}

static void forget(struct weir_feed_staged *x)
{
    struct weir_feed_staged **at = &x->ahead->first;
    while (*at != x) {
        at = &(*at)->next;
    }
    *at = x->next;
    x->ahead->count--;
    x->s->staged = NULL;
    weir_feed_reading_free(x->reading);
    free(x->blocks);
    free(x);
}

static void drop(struct weir_feed_staged *x)
{
    if (x->r && x->r->stage.table.ptr) {
        weir_source_stage_free(&x->r->stage);
        weir_source_stage_drop(&x->r->stage);
    }
    free_run(x->r);
    forget(x);
}

void weir_feed_ahead_free(struct weir_feed_ahead *a)
{
    if (!a) {
        return;
    }
    pthread_mutex_lock(&a->lock);
    a->end = true;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
    if (a->running) {
        pthread_join(a->thread, NULL);
    }
    end_transaction(a);
    while (a->first) {
        drop(a->first);
    }
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

/* What a plan's columns are made of. */
static uint64_t shape_of(const struct weir_feed_stream *s)
{
    uint64_t hash = 1;
    for (size_t i = 0; i < s->column_count; i++) {
        const struct weir_feed_column *c = &s->columns[i];
        const unsigned shape[] = {c->type, weir_feed_guess(c), c->untyped, c->precision, c->scale};
        hash = weir_hash64(shape, sizeof shape, hash);
    }
    return hash + s->versioned;
}

static bool add_block(struct weir_feed_staged *x, const struct weir_spool_block *block)
{
    if (x->count == x->room) {
        size_t room = x->room ? 2 * x->room : 64;
        struct weir_spool_block *grown = reallocarray(x->blocks, room, sizeof *grown);
        if (!grown) {
            return false;
        }
        x->blocks = grown;
        x->room = room;
    }
    x->blocks[x->count++] = *block;
    return true;
}

static bool open_stage(struct weir_feed_ahead *a, struct weir_feed_staged *x)
{
    struct weir_error ignored;
    struct weir_feed_stream *s = x->s;
    x->r = calloc(1, sizeof *x->r);
    bool well =
        x->r && a->plan(a->of, s, x->r, &ignored) == 0 && !x->r->plan.nothing &&
        weir_stream_run_open_stage(x->r, &ignored) == 0 &&
        weir_feed_reading_open(s, &x->r->plan, &x->r->stage.sink, &x->reading, &ignored) == 0;
    for (size_t i = 0; well && i < s->block_count; i++) {
        well = add_block(x, &s->blocks[i]);
    }
    if (well && !a->running) {
        a->running = well = pthread_create(&a->thread, NULL, stage_blocks, a) == 0;
    }
    return well;
}

static void begin(struct weir_feed_ahead *a, struct weir_feed_stream *s)
{
    struct weir_feed_staged *x = calloc(1, sizeof *x);
    if (!x) {
        return;
    }
    weir_feed_ahead_pause(a);
    *x = (struct weir_feed_staged){
        .ahead = a, .s = s, .shape = shape_of(s), .active = s->active, .next = a->first};
    a->first = s->staged = x;
    a->count++;
    if (!open_stage(a, x)) {
        drop(x);
        s->restaged = MOST_TRIES;
    }
    weir_feed_ahead_go_on(a);
}

/* Rows are added to what is staged; false: it is nothing to go on with. */
static bool go_on(struct weir_feed_ahead *a, struct weir_feed_stream *s)
{
    struct weir_feed_staged *x = s->staged;
    pthread_mutex_lock(&a->lock);
    bool well =
        !x->failed && x->shape == shape_of(s) && add_block(x, &s->blocks[s->block_count - 1]);
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
    return well;
}

void weir_feed_ahead_came(struct weir_feed_ahead *a, struct weir_feed_stream *s)
{
    bool enough = s->part.rows >= LEAST_ROWS || s->part.bytes >= LEAST_BYTES;
    if (!a || s->nest || s->failed || (s->staged && go_on(a, s))) {
        return;
    }
    if (s->staged) {
        weir_feed_ahead_pause(a);
        drop(s->staged);
        s->restaged++;
        weir_feed_ahead_go_on(a);
    }
    if (enough && !a->pauses && s->restaged < MOST_TRIES && a->count < MOST_STAGES) {
        begin(a, s);
    }
}

/* --- a load --------------------------------------------------------------------------------------
 */

static bool same_columns(const struct weir_source_settled *a, const struct weir_source_settled *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++) {
        const struct weir_column *x = &a->columns[i], *y = &b->columns[i];
        same = weir_str_eq(x->name, y->name) && x->type == y->type &&
               weir_str_eq(x->type_name, y->type_name);
    }
    return same;
}

/* Are these the rows that are to be loaded? */
static bool is_good(const struct weir_feed_staged *x)
{
    const struct weir_feed_stream *s = x->s;
    struct weir_error ignored;
    bool good =
        !x->failed && x->count == s->block_count && weir_feed_check_counts(s, &ignored) == 0;
    for (size_t i = 0; good && i < x->count; i++) {
        good = x->blocks[i].rows == s->blocks[i].rows && !weir_feed_is_old(s, &x->blocks[i]) &&
               (x->blocks[i].version != WEIR_FEED_NO_VERSION || x->active == s->active);
    }
    return good;
}

bool weir_feed_ahead_take(struct weir_stream_run *r)
{
    struct weir_feed_staged *x = r->feed->staged;
    r->feed->restaged = 0;
    if (!x) {
        return false;
    }
    bool good = is_good(x) && same_columns(&x->r->settled, &r->settled);
    while (good && x->done < x->count) {
        stage_next(x->ahead, x, &x->blocks[x->done++]);
        good = !x->failed;
    }
    if (!good) {
        end_transaction(x->ahead);
        drop(x);
        return false;
    }
    x->ahead->writing = NULL;
    weir_source_stage_move(&r->stage, &x->r->stage);
    r->load.started_at = r->stage.at;
    r->ahead = x->r;
    forget(x);
    return true;
}
