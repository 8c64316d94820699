#include "source/run/rows.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/time.h"

#define ROWS_AT_ONCE  8192
#define ROWS_ASIDE    122880 /* a row group: the engine appends and compresses it in one go */
#define LEAST_ROWS    64
#define CELLS_AT_ONCE (1u << 20)
#define BYTES_AT_ONCE (16u << 20)
#define BYTES_AHEAD   (24u << 20) /* texts of blocks that wait for the sink; beyond it, one waits */
#define BYTES_MOST    (256u << 20)

/* --- the thread that gives blocks to the sink ---------------------------------------------------
 */

struct weir_source_aside {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct weir_source_rows *rows;
    size_t next, full; /* block for the sink; how many from there on are full */
    uint64_t texts;    /* bytes of these */
    bool end;
    int rc; /* the first failure: no block goes to the sink after it */
    struct weir_error err;
};

static int give(struct weir_source_rows *r, struct weir_source_block *block, struct weir_error *err)
{
    struct weir_batch batch = {block->count, r->sink->column_count, block->vectors};
    int rc = r->sink->rows(r->sink, r->part, &batch, err);
    block->count = 0;
    weir_arena_reset(&block->texts);
    for (size_t i = 0; i < r->sink->column_count; i++) {
        memset(block->vectors[i].valid, 0, (r->most + 63) / 64 * sizeof(uint64_t));
    }
    return rc;
}

static void *give_blocks(void *arg)
{
    struct weir_source_aside *a = arg;
    pthread_mutex_lock(&a->lock);
    while (a->full || !a->end) {
        if (!a->full) {
            pthread_cond_wait(&a->changed, &a->lock);
            continue;
        }
        struct weir_source_block *block = &a->rows->blocks[a->next];
        uint64_t texts = block->texts.used;
        pthread_mutex_unlock(&a->lock);
        int rc = a->rc ? a->rc : give(a->rows, block, &a->err);
        pthread_mutex_lock(&a->lock);
        a->rc = rc;
        a->next = (a->next + 1) % WEIR_SOURCE_BLOCKS;
        a->full--;
        a->texts -= texts;
        pthread_cond_signal(&a->changed);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

/* Without a thread, blocks are given by the caller's. */
static void begin_aside(struct weir_source_rows *r)
{
    r->may_begin_aside = false;
    struct weir_source_aside *a = calloc(1, sizeof *a);
    if (!a) {
        return;
    }
    a->rows = r;
    a->next = r->now;
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->changed, NULL);
    if (pthread_create(&a->thread, NULL, give_blocks, a)) {
        pthread_cond_destroy(&a->changed);
        pthread_mutex_destroy(&a->lock);
        free(a);
        return;
    }
    r->aside = a;
}

/* Until the sink has all that it was given. */
static int wait_idle(struct weir_source_aside *a, struct weir_error *err)
{
    pthread_mutex_lock(&a->lock);
    while (a->full) {
        pthread_cond_wait(&a->changed, &a->lock);
    }
    int rc = a->rc;
    pthread_mutex_unlock(&a->lock);
    if (rc) {
        *err = a->err;
    }
    return rc;
}

/* Once there is a block to go on with. */
static int give_aside(struct weir_source_aside *a, uint64_t texts, struct weir_error *err)
{
    pthread_mutex_lock(&a->lock);
    while (a->full && (a->full == WEIR_SOURCE_BLOCKS - 1 || a->texts + texts > BYTES_AHEAD)) {
        pthread_cond_wait(&a->changed, &a->lock);
    }
    int rc = a->rc;
    a->full++;
    a->texts += texts;
    pthread_cond_signal(&a->changed);
    pthread_mutex_unlock(&a->lock);
    if (rc) {
        *err = a->err;
    }
    return rc;
}

static void end_aside(struct weir_source_aside *a)
{
    pthread_mutex_lock(&a->lock);
    a->end = true;
    pthread_cond_signal(&a->changed);
    pthread_mutex_unlock(&a->lock);
    pthread_join(a->thread, NULL);
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

/* --- rows ---------------------------------------------------------------------------------------
 */

static size_t size_of(enum weir_type type)
{
    return type == WEIR_TYPE_BOOL   ? sizeof(bool)
           : type >= WEIR_TYPE_TEXT ? sizeof(struct weir_str)
                                    : sizeof(int64_t);
}

static bool make_block(struct weir_source_rows *r, struct weir_source_block *block)
{
    size_t columns = r->sink->column_count;
    block->vectors = weir_arena_calloc(&r->own, (columns + 1) * sizeof *block->vectors);
    for (size_t i = 0; block->vectors && i < columns; i++) {
        struct weir_vector *v = &block->vectors[i];
        v->type = r->sink->columns[i].type;
        v->scaled = r->vectors && r->vectors[i].scaled;
        v->scale = r->vectors ? r->vectors[i].scale : 0;
        v->valid = weir_arena_calloc(&r->own, (r->most + 63) / 64 * sizeof *v->valid);
        v->ints = weir_arena_calloc(&r->own, r->most * size_of(v->type));
        if (!v->valid || !v->ints) {
            block->vectors = NULL;
        }
    }
    return block->vectors;
}

static int fill_block(struct weir_source_rows *r, size_t block, struct weir_error *err)
{
    if (!r->blocks[block].vectors && !make_block(r, &r->blocks[block])) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for rows of %zu columns",
                         r->sink->column_count);
    }
    r->now = block;
    r->vectors = r->blocks[block].vectors;
    r->count = 0;
    return 0;
}

static int open_rows(struct weir_source_rows *r, struct weir_source_sink *sink,
                     struct weir_str part, size_t rows, bool aside, struct weir_error *err)
{
    size_t columns = sink->column_count, most = CELLS_AT_ONCE / (columns ? columns : 1);
    *r = (struct weir_source_rows){
        .sink = sink, .part = part, .since = weir_mono(), .may_begin_aside = aside};
    r->most = most < LEAST_ROWS ? LEAST_ROWS : most > rows ? rows : most;
    weir_arena_init(&r->own, 512u << 20);
    for (int i = 0; i < WEIR_SOURCE_BLOCKS; i++) {
        weir_arena_init(&r->blocks[i].texts, BYTES_MOST);
    }
    return fill_block(r, 0, err);
}

int weir_source_rows_open(struct weir_source_rows *r, struct weir_source_sink *sink,
                          struct weir_str part, struct weir_error *err)
{
    return open_rows(r, sink, part, ROWS_AT_ONCE, false, err);
}

int weir_source_rows_open_aside(struct weir_source_rows *r, struct weir_source_sink *sink,
                                struct weir_str part, struct weir_error *err)
{
    return open_rows(r, sink, part, ROWS_ASIDE, true, err);
}

int weir_source_rows_open_aside_small(struct weir_source_rows *r, struct weir_source_sink *sink,
                                      struct weir_str part, struct weir_error *err)
{
    return open_rows(r, sink, part, ROWS_AT_ONCE, true, err);
}

void weir_source_rows_free(struct weir_source_rows *r)
{
    if (r->aside) {
        end_aside(r->aside);
        r->aside = NULL;
    }
    weir_arena_free(&r->own);
    for (int i = 0; i < WEIR_SOURCE_BLOCKS; i++) {
        weir_arena_free(&r->blocks[i].texts);
    }
}

int weir_source_rows_text(struct weir_source_rows *r, size_t column, struct weir_str text,
                          struct weir_error *err)
{
    struct weir_str *to = &r->vectors[column].strs[r->count];
    *to = weir_arena_dup(&r->blocks[r->now].texts, text);
    weir_source_rows_set(r, column);
    return to->ptr ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for the texts of a row");
}

bool weir_source_rows_scaled(struct weir_source_rows *r, size_t column, unsigned scale)
{
    if (!r->sink->takes_scaled) {
        return false;
    }
    r->vectors[column].scaled = true; /* the other block takes it from here */
    r->vectors[column].scale = (uint8_t)scale;
    return true;
}

void weir_source_rows_forget(struct weir_source_rows *r)
{
    for (size_t i = 0; i < r->sink->column_count; i++) {
        r->vectors[i].valid[r->count / 64] &= ~(1ull << (r->count % 64));
    }
    if (r->flaws.reason) {
        memset(r->flaws.columns, 0, r->sink->column_count * sizeof *r->flaws.columns);
        r->flaws.reason = NULL;
    }
}

size_t weir_source_rows_bytes(const struct weir_source_rows *r)
{
    return r->blocks[r->now].texts.used;
}

/* The block that is filled goes to the sink, or to the thread that gives it. */
static int hand_over(struct weir_source_rows *r, struct weir_error *err)
{
    r->blocks[r->now].count = r->count;
    r->since = weir_mono();
    if (r->may_begin_aside) {
        begin_aside(r);
    }
    if (!r->aside) {
        int rc = give(r, &r->blocks[r->now], err);
        return rc ? rc : fill_block(r, r->now, err);
    }
    int rc = give_aside(r->aside, r->blocks[r->now].texts.used, err);
    return rc ? rc : fill_block(r, (r->now + 1) % WEIR_SOURCE_BLOCKS, err);
}

int weir_source_rows_flush(struct weir_source_rows *r, struct weir_error *err)
{
    r->may_begin_aside = false; /* too few rows for a thread */
    int rc = r->count ? hand_over(r, err) : 0;
    return rc || !r->aside ? rc : wait_idle(r->aside, err);
}

int weir_source_rows_wait(struct weir_source_rows *r, struct weir_error *err)
{
    return r->aside ? wait_idle(r->aside, err) : 0;
}

int weir_source_rows_end(struct weir_source_rows *r, struct weir_error *err)
{
    r->count++;
    bool full = r->count == r->most || r->blocks[r->now].texts.used > BYTES_AT_ONCE;
    /* Of a slow source, what came is seen. */
    bool slow = !full && r->count % ROWS_AT_ONCE == 0 && weir_mono() - r->since > WEIR_SECOND;
    return full || slow ? hand_over(r, err) : 0;
}

int weir_source_rows_turn_away(struct weir_source_rows *r, const struct weir_source_reject *what,
                               struct weir_error *err)
{
    int rc = weir_source_rows_wait(r, err);
    rc = rc ? rc : r->sink->reject(r->sink, what, err);
    weir_source_rows_forget(r);
    if (rc || r->blocks[r->now].texts.used <= BYTES_AT_ONCE) {
        return rc;
    }
    if (r->count == 0) { /* of rows that are all set aside, no block gets full */
        weir_arena_reset(&r->blocks[r->now].texts);
        return 0;
    }
    return hand_over(r, err);
}

int weir_source_rows_reject(struct weir_source_rows *r, uint64_t line, struct weir_str text,
                            const char *reason, struct weir_error *err)
{
    const struct weir_source_reject what = {
        .part = r->part, .line = line, .text = text, .reason = reason};
    return weir_source_rows_turn_away(r, &what, err);
}

int weir_source_rows_pass(struct weir_source_rows *r, uint64_t line, struct weir_str text,
                          const char *reason, struct weir_error *err)
{
    const struct weir_source_reject what = {
        .part = r->part, .line = line, .text = text, .reason = reason};
    int rc = weir_source_rows_wait(r, err);
    return rc || !r->sink->pass ? rc : r->sink->pass(r->sink, &what, err);
}
