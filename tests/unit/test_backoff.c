#include "test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "serve/backoff.h"
#include "serve/work.h"

#define S(text) WEIR_STR(text)

static const struct weir_backoff_rule rule = {
    .free = 3, .first = WEIR_SECOND, .most = 8 * WEIR_SECOND, .forget = 60 * WEIR_SECOND};
#define T0 (1000 * WEIR_SECOND)

static void each_failure_beyond_the_free_ones_waits_longer(void **state)
{
    (void)state;
    struct weir_backoff *b = weir_backoff_new();
    weir_time now = T0;
    assert_int_equal(weir_backoff_try(b, S("ada"), &rule, now), 0);
    assert_int_equal(weir_backoff_try(b, S("ada"), &rule, now), 0);
    assert_int_equal(weir_backoff_try(b, S("ada"), &rule, now), 0);
    static const int waits[] = {1, 2, 4, 8, 8, 8};
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        assert_int_equal(weir_backoff_try(b, S("ada"), &rule, now), waits[i] * WEIR_SECOND);
        /* Asking while it waits changes nothing. */
        assert_int_equal(weir_backoff_try(b, S("ada"), &rule, now + WEIR_SECOND / 2),
                         waits[i] * WEIR_SECOND - WEIR_SECOND / 2);
        now += waits[i] * WEIR_SECOND;
        assert_int_equal(weir_backoff_try(b, S("ada"), &rule, now), 0);
    }
    /* Others do not wait for it. */
    assert_int_equal(weir_backoff_try(b, S("bob"), &rule, now), 0);
    weir_backoff_free(b);
}

static void success_and_time_forget(void **state)
{
    (void)state;
    struct weir_backoff *b = weir_backoff_new();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(weir_backoff_try(b, S("ada"), &rule, T0), 0);
        assert_int_equal(weir_backoff_try(b, S("bob"), &rule, T0), 0);
    }
    weir_backoff_undo(b, S("ada"));
    assert_int_equal(weir_backoff_try(b, S("ada"), &rule, T0), 0);
    assert_true(weir_backoff_try(b, S("ada"), &rule, T0) > 0);
    weir_backoff_clear(b, S("ada"));
    assert_int_equal(weir_backoff_try(b, S("ada"), &rule, T0), 0);
    assert_true(weir_backoff_try(b, S("bob"), &rule, T0) > 0);
    weir_time later = T0 + 61 * WEIR_SECOND;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(weir_backoff_try(b, S("bob"), &rule, later), 0);
    }
    assert_true(weir_backoff_try(b, S("bob"), &rule, later) > 0);
    weir_backoff_free(b);
}

/* A flood of other keys must not push an entry out. */
static void many_keys_do_not_free_one(void **state)
{
    (void)state;
    struct weir_backoff *b = weir_backoff_new();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(weir_backoff_try(b, S("ada"), &rule, T0), 0);
    }
    for (int i = 0; i < 300000; i++) {
        char key[32];
        snprintf(key, sizeof key, "account:%d", i);
        (void)weir_backoff_try(b, weir_str_of(key), &rule, T0);
    }
    assert_true(weir_backoff_try(b, S("ada"), &rule, T0) > 0);
    weir_backoff_free(b);
}

/* --- work ----------------------------------------------------------------------------------- */

struct gate {
    pthread_mutex_t lock;
    atomic_int done;
};

static void pass(void *arg)
{
    struct gate *g = arg;
    pthread_mutex_lock(&g->lock);
    pthread_mutex_unlock(&g->lock);
    atomic_fetch_add(&g->done, 1);
}

static void work_is_bounded_and_finished(void **state)
{
    (void)state;
    struct gate g = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct weir_work *w;
    struct weir_error err;
    int added = 0, code = 0;
    ASSERT_OK(weir_work_new(2, 4, &w, &err), err);
    pthread_mutex_lock(&g.lock);
    while (added < 100 && code == 0) {
        code = weir_work_add(w, pass, &g, &err);
        added += code == 0;
    }
    assert_int_equal(code, WEIR_EBUSY);
    assert_in_range(added, 4, 6); /* in the queue, and one on each thread */
    pthread_mutex_unlock(&g.lock);
    weir_work_free(w);
    assert_int_equal(atomic_load(&g.done), added);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_failure_beyond_the_free_ones_waits_longer),
        cmocka_unit_test(success_and_time_forget),
        cmocka_unit_test(many_keys_do_not_free_one),
        cmocka_unit_test(work_is_bounded_and_finished),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
