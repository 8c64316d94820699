/* A warehouse with a pool of queries, and one query's answer. Each test file uses all of it. */
#ifndef WEIR_QUERY_FIXTURE_H
#define WEIR_QUERY_FIXTURE_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "test.h"

#include "query/query.h"

static char dir[64];
static struct weir_warehouse *warehouse;
static struct weir_query_pool *pool;
static struct weir_error err;

/* What one query gave; the sink and done run on a worker. */
struct answer {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct weir_buf bytes;
    size_t sinks;
    bool ended;
    int code;
    struct weir_query_summary summary;
    struct weir_error err;
};

static int sink(struct weir_str bytes, void *arg)
{
    struct answer *a = arg;
    pthread_mutex_lock(&a->lock);
    weir_buf_adds(&a->bytes, bytes);
    a->sinks++;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
    return 0;
}

static void done(int code, const struct weir_query_summary *summary, const struct weir_error *why,
                 void *arg)
{
    struct answer *a = arg;
    pthread_mutex_lock(&a->lock);
    a->code = code;
    a->summary = *summary;
    if (why) {
        a->err = *why;
    }
    a->ended = true;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
}

static void answer_init(struct answer *a)
{
    memset(a, 0, sizeof *a);
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->changed, NULL);
    weir_buf_init(&a->bytes, 64 << 20);
}

static void answer_wait(struct answer *a)
{
    pthread_mutex_lock(&a->lock);
    while (!a->ended) {
        pthread_cond_wait(&a->changed, &a->lock);
    }
    pthread_mutex_unlock(&a->lock);
}

static void answer_free(struct answer *a)
{
    weir_buf_free(&a->bytes);
}

static void start_impatient_pool(int64_t workers, int64_t queue, weir_time stuck_after)
{
    struct weir_query_settings settings = {.workers = workers,
                                           .queue = queue,
                                           .timeout = 600 * WEIR_SECOND,
                                           .max_rows = 1000000,
                                           .max_bytes = 1 << 30,
                                           .max_stuck = 1,
                                           .stuck_after = stuck_after};
    ASSERT_OK(weir_query_pool_new(warehouse, &settings, NULL, &pool, &err), err);
}

static void start_pool(int64_t workers, int64_t queue)
{
    start_impatient_pool(workers, queue, 600 * WEIR_SECOND);
}

static int make(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/weir-test-XXXXXX");
    if (!mkdtemp(dir)) {
        return -1;
    }
    char path[128], exports[128];
    snprintf(path, sizeof path, "%s/warehouse.duckdb", dir);
    snprintf(exports, sizeof exports, "%s/export", dir);
    struct weir_warehouse_options options = {.path = path,
                                             .memory_bytes = 1ull << 30,
                                             .threads = 2,
                                             .temp_dir = dir,
                                             .export_dir = exports};
    ASSERT_OK(weir_warehouse_open(&weir_warehouse_duckdb, &options, &warehouse, &err), err);
    start_pool(2, 4);
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    weir_query_pool_free(pool);
    weir_warehouse_close(warehouse);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static void begin(struct answer *a, struct weir_query_request *r, char id[17])
{
    answer_init(a);
    r->sink = sink;
    r->done = done;
    r->arg = a;
    ASSERT_OK(weir_query_start(pool, r, id, &err), err);
}

/* The whole answer, in a buffer that lives until the next call. */
static const char *ask_limited(const char *sql, enum weir_format format,
                               struct weir_query_limits limits, struct answer *out)
{
    static struct weir_buf text = {.max = 64 << 20};
    struct weir_query_request r = {.sql = sql, .format = format, .limits = limits};
    struct answer a;
    char id[17];
    begin(&a, &r, id);
    answer_wait(&a);
    weir_buf_reset(&text);
    weir_buf_adds(&text, weir_buf_str(&a.bytes));
    if (a.code) {
        weir_buf_addf(&text, "error %d: %s", a.code, a.err.message);
    }
    if (out) {
        *out = a;
    }
    answer_free(&a);
    return weir_buf_cstr(&text);
}

static const char *ask(const char *sql, enum weir_format format)
{
    return ask_limited(sql, format, (struct weir_query_limits){0}, NULL);
}

#endif
