/* Queries that the engine does not let go of, and an engine that falls. */
#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>

#include "query_fixture.h"

/* --- what the engine does not let go of ------------------------------------------------------- */

/* One call of a function that takes many times its time limit: the engine cannot be interrupted in
 * it. */
static void begin_stuck(struct answer *a, char id[17])
{
    struct weir_query_request r = {
        .sql = "SELECT levenshtein(repeat('ab', 11000), repeat('cd', 11000)) AS n",
        .format = WEIR_FORMAT_CSV,
        .limits = {.timeout = WEIR_SECOND / 100}};
    begin(a, &r, id);
}

static struct weir_query_stats stats_now(void)
{
    struct weir_query_stats stats;
    weir_query_pool_stats(pool, &stats);
    return stats;
}

/* On a busy machine its time may be over before it was begun; then again. */
static void become_stuck(struct answer *a, char id[17], size_t stuck)
{
    for (;;) {
        begin_stuck(a, id);
        answer_wait(a);
        assert_int_equal(a->code, WEIR_ETIMEDOUT);
        if (stats_now().stuck == stuck) {
            return;
        }
        assert_int_equal(stats_now().stuck, stuck - 1);
        assert_int_equal(a->sinks, 0);
        answer_free(a);
    }
}

static void a_query_that_does_not_stop_is_answered_and_replaced(void **state)
{
    (void)state;
    assert_int_equal(weir_query_pool_free(pool), 0);
    start_impatient_pool(1, 4, WEIR_SECOND / 50);
    struct answer a, b;
    struct weir_query_stuck stuck[4];
    char id[2][17];
    become_stuck(&a, id[0], 1); /* it goes on */
    assert_int_equal(weir_query_pool_stuck(pool, stuck, 4), 1);
    assert_string_equal(stuck[0].id, id[0]);
    assert_non_null(strstr(stuck[0].sql, "levenshtein"));
    assert_string_equal(ask("SELECT 1 AS a", WEIR_FORMAT_CSV), "a\n1\n");
    assert_int_equal(stats_now().stuck, 1);

    become_stuck(&b, id[1], 2); /* more than are replaced: now nobody is left */
    assert_true(stats_now().exhausted > 0);
    struct weir_query_request r = {.sql = "SELECT 1", .format = WEIR_FORMAT_CSV};
    char other[17];
    assert_int_equal(weir_query_start(pool, &r, other, &err), WEIR_EBUSY);
    assert_non_null(strstr(err.message, "stuck"));

    while (stats_now().stuck) { /* both end: one of the threads is a worker again */
        usleep(1000);
    }
    assert_int_equal(stats_now().exhausted, 0);
    assert_int_equal(stats_now().written_off, 2);
    assert_string_equal(ask("SELECT 2 AS a", WEIR_FORMAT_CSV), "a\n2\n");
    assert_int_equal(a.sinks + b.sinks, 0);
    answer_free(&a);
    answer_free(&b);
}

/* Threads of pools. One that was written off may be inside the engine yet, or on its way out. */
static int workers(void)
{
    DIR *d = opendir("/proc/self/task");
    int n = 0;
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        char path[64], name[32] = "";
        snprintf(path, sizeof path, "/proc/self/task/%.20s/comm", e->d_name);
        FILE *f = fopen(path, "r");
        if (f) {
            n += fgets(name, sizeof name, f) && strcmp(name, "weir-query\n") == 0;
            fclose(f);
        }
    }
    closedir(d);
    return n;
}

static void wait_for_workers(void)
{
    while (workers()) {
        usleep(1000);
    }
}

static void stopping_the_pool_does_not_wait_for_a_stuck_query(void **state)
{
    (void)state;
    struct answer a;
    char id[17];
    weir_query_pool_free(pool);
    start_impatient_pool(1, 4, WEIR_SECOND / 50);
    become_stuck(&a, id, 1);
    assert_int_equal(weir_query_pool_free(pool), 1);
    pool = NULL;
    wait_for_workers(); /* the last one frees what is left, and needs the warehouse for it */
    answer_free(&a);
}

/* Somebody's checkpoint brings the engine down; the next query is answered all the same. */
static void a_fallen_engine_is_reopened_for_a_query(void **state)
{
    (void)state;
    struct rlimit before, small;
    struct weir_session *owner;
    assert_string_equal(ask("SELECT 1 AS a", WEIR_FORMAT_CSV),
                        "a\n1\n"); /* a worker has a session */
    ASSERT_OK(weir_session_new(warehouse, WEIR_SESSION_OWNER, &owner, &err), err);
    ASSERT_OK(weir_session_exec(
                  owner, "CREATE TABLE t AS SELECT hash(i) AS h FROM range(1000000) r(i)", &err),
              err);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 1 << 20;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_not_equal(weir_session_checkpoint(owner, &err), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    weir_session_free(owner);
    assert_string_equal(ask("SELECT count(*) AS n FROM t", WEIR_FORMAT_CSV), "n\n1000000\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_query_that_does_not_stop_is_answered_and_replaced, make,
                                        unmake),
        cmocka_unit_test_setup_teardown(stopping_the_pool_does_not_wait_for_a_stuck_query, make,
                                        unmake),
        cmocka_unit_test_setup_teardown(a_fallen_engine_is_reopened_for_a_query, make, unmake),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    wait_for_workers(); /* they need the engine's static data */
    return failed;
}
