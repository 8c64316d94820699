/* Whose query is next: fair shares between people. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "test.h"

#include "base/cond.h"
#include "query/query.h"

#define LONG                                                                                       \
    "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range % 7 = b.range % 11"
#define QUICK "SELECT 1 AS n"
#define MOST  16

static char dir[64];
static struct weir_warehouse *warehouse;
static struct weir_query_pool *pool;
static struct weir_error err;

/* Who ended, in order: a letter a query. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char order[MOST + 1];
    size_t count;
} ended;

static int sink(struct weir_str bytes, void *arg)
{
    (void)bytes;
    (void)arg;
    return 0;
}

static void done(int code, const struct weir_query_summary *summary, const struct weir_error *why,
                 void *arg)
{
    (void)code;
    (void)summary;
    (void)why;
    pthread_mutex_lock(&ended.lock);
    ended.order[ended.count++] = *(const char *)arg;
    ended.order[ended.count] = 0;
    pthread_cond_broadcast(&ended.changed);
    pthread_mutex_unlock(&ended.lock);
}

static const char *wait_for(size_t count)
{
    weir_time deadline = weir_mono() + 60 * WEIR_SECOND;
    pthread_mutex_lock(&ended.lock);
    while (ended.count < count && weir_mono() < deadline) {
        weir_cond_wait_until(&ended.changed, &ended.lock, deadline);
    }
    pthread_mutex_unlock(&ended.lock);
    return ended.order;
}

static int try_start(const char *owner, const char *sql, const char *letter, bool background,
                     char id[17])
{
    struct weir_query_request r = {.sql = sql,
                                   .owner = owner,
                                   .background = background,
                                   .format = WEIR_FORMAT_CSV,
                                   .sink = sink,
                                   .done = done,
                                   .arg = (void *)(uintptr_t)letter};
    return weir_query_start(pool, &r, id, &err);
}

static void start(const char *owner, const char *sql, const char *letter, char id[17])
{
    ASSERT_OK(try_start(owner, sql, letter, false, id), err);
}

static void wait_running(const char *id)
{
    struct weir_query_progress p = {0};
    weir_time deadline = weir_mono() + 60 * WEIR_SECOND;
    while (p.state != WEIR_QUERY_RUNNING && weir_mono() < deadline) {
        ASSERT_OK(weir_query_progress(pool, id, NULL, &p), err);
        sched_yield();
    }
    assert_int_equal(p.state, WEIR_QUERY_RUNNING);
}

static enum weir_query_state state_of(const char *id)
{
    struct weir_query_progress p;
    ASSERT_OK(weir_query_progress(pool, id, NULL, &p), err);
    return p.state;
}

static void stop_query(const char *id)
{
    assert_int_equal(weir_query_cancel(pool, id, NULL), 0);
}

static void start_pool(int64_t workers, int64_t queue)
{
    struct weir_query_settings settings = {.workers = workers,
                                           .queue = queue,
                                           .timeout = 60 * WEIR_SECOND,
                                           .max_rows = 1000,
                                           .max_bytes = 1 << 20,
                                           .max_stuck = 1,
                                           .stuck_after = 60 * WEIR_SECOND};
    ended.count = 0;
    ended.order[0] = 0;
    ASSERT_OK(weir_query_pool_new(warehouse, &settings, NULL, &pool, &err), err);
}

static int make(void **state)
{
    (void)state;
    char path[128];
    snprintf(dir, sizeof dir, "/tmp/weir-test-XXXXXX");
    if (!mkdtemp(dir)) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/warehouse.duckdb", dir);
    pthread_mutex_init(&ended.lock, NULL);
    weir_cond_init(&ended.changed);
    struct weir_warehouse_options options = {
        .path = path, .memory_bytes = 1ull << 30, .threads = 2, .temp_dir = dir};
    return weir_warehouse_open(&weir_warehouse_duckdb, &options, &warehouse, &err);
}

static int unmake(void **state)
{
    (void)state;
    char command[128];
    weir_warehouse_close(warehouse);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static void many_queries_of_one_wait_for_each_other(void **state)
{
    (void)state;
    char first[17], id[17];
    start_pool(1, 16);
    start("ann", LONG, "a", first);
    wait_running(first);
    start("ann", QUICK, "b", id);
    start("ann", QUICK, "c", id);
    start("ben", QUICK, "X", id);
    start("ann", QUICK, "d", id);
    start("ben", QUICK, "Y", id);
    start("cat", QUICK, "1", id);
    stop_query(first);
    /* ann was served last; then each in turn */
    assert_string_equal(wait_for(7), "aX1bYcd");
    assert_int_equal(weir_query_pool_free(pool), 0);
}

static void one_worker_is_left_for_others(void **state)
{
    (void)state;
    char first[17], second[17], third[17], id[17];
    start_pool(3, 16);
    start("ann", LONG, "a", first);
    start("ann", LONG, "b", second);
    wait_running(first);
    wait_running(second);
    start("ann", QUICK, "c", third);
    start("ben", QUICK, "X", id);
    assert_string_equal(wait_for(1), "X");
    assert_int_equal(state_of(third), WEIR_QUERY_QUEUED);
    stop_query(second);
    assert_string_equal(wait_for(3), "Xbc");
    stop_query(first);
    assert_string_equal(wait_for(4), "Xbca");
    assert_int_equal(weir_query_pool_free(pool), 0);
}

static void nobody_fills_the_queue_alone(void **state)
{
    (void)state;
    char first[17], id[17];
    start_pool(1, 4);
    start("ann", LONG, "a", first);
    wait_running(first);
    for (int i = 0; i < 3; i++) {
        start("ann", QUICK, "b", id);
    }
    assert_int_equal(try_start("ann", QUICK, "b", false, id), WEIR_EBUSY);
    start("ben", QUICK, "X", id);
    assert_int_equal(try_start("cat", QUICK, "1", false, id), WEIR_EBUSY);
    stop_query(first);
    assert_string_equal(wait_for(5), "aXbbb");
    assert_int_equal(weir_query_pool_free(pool), 0);
}

static void what_nobody_waits_for_runs_when_nothing_else_does(void **state)
{
    (void)state;
    char first[17], quiet[17], id[17];
    start_pool(2, 16);
    start("ann", LONG, "a", first);
    wait_running(first);
    ASSERT_OK(try_start("", QUICK, "q", true, quiet), err);
    ASSERT_OK(try_start("", QUICK, "q", true, id), err);
    start("ben", QUICK, "X", id);
    assert_string_equal(wait_for(1), "X");
    assert_int_equal(state_of(quiet), WEIR_QUERY_QUEUED);
    stop_query(first);
    assert_string_equal(wait_for(4), "Xaqq");
    assert_int_equal(weir_query_pool_free(pool), 0);
}

static void what_waits_is_told_when_the_pool_ends(void **state)
{
    (void)state;
    char first[17], id[17];
    start_pool(2, 16);
    start("ann", LONG, "a", first);
    wait_running(first);
    start("ann", QUICK, "b", id);
    ASSERT_OK(try_start("", QUICK, "q", true, id), err);
    assert_int_equal(weir_query_pool_free(pool), 0);
    assert_int_equal(ended.count, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_queries_of_one_wait_for_each_other),
        cmocka_unit_test(one_worker_is_left_for_others),
        cmocka_unit_test(nobody_fills_the_queue_alone),
        cmocka_unit_test(what_nobody_waits_for_runs_when_nothing_else_does),
        cmocka_unit_test(what_waits_is_told_when_the_pool_ends),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
