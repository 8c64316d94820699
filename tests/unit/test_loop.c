#include "test.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "io/loop.h"

struct counts {
    struct weir_loop *loop;
    struct weir_timer *timer;
    int posts, ticks, turns, signals;
    int order[100];
};

struct posted {
    struct counts *counts;
    int number;
};

static void on_post(void *arg)
{
    struct posted *p = arg;
    p->counts->order[p->counts->posts++] = p->number;
    if (p->counts->posts == 100) {
        weir_loop_stop(p->counts->loop);
    }
}

static void *post_all(void *arg)
{
    struct posted *all = arg;
    for (int i = 0; i < 100; i++) {
        if (weir_loop_post(all[i].counts->loop, on_post, &all[i]) != 0) {
            abort();
        }
    }
    return NULL;
}

static void posts_from_another_thread_run_in_order(void **state)
{
    (void)state;
    struct weir_error err = {0};
    struct counts c = {0};
    struct posted all[100];
    pthread_t thread;
    ASSERT_OK(weir_loop_new(&c.loop, &err), err);
    for (int i = 0; i < 100; i++) {
        all[i] = (struct posted){&c, i};
    }
    assert_int_equal(pthread_create(&thread, NULL, post_all, all), 0);
    weir_loop_run(c.loop);
    pthread_join(thread, NULL);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(c.order[i], i);
    }
    c.posts = 0;
    assert_int_equal(weir_loop_post(c.loop, on_post, &all[7]), 0);
    weir_loop_free(c.loop); /* what was posted still runs */
    assert_int_equal(c.posts, 1);
}

static void on_tick(void *arg)
{
    struct counts *c = arg;
    if (++c->ticks == 5) {
        weir_timer_free(c->timer);
        weir_loop_stop(c->loop);
    }
}

static void on_turn(void *arg)
{
    ((struct counts *)arg)->turns++;
}

static void timers_repeat_and_every_turn_has_an_end(void **state)
{
    (void)state;
    struct weir_error err = {0};
    struct counts c = {0};
    ASSERT_OK(weir_loop_new(&c.loop, &err), err);
    weir_loop_on_turn_end(c.loop, on_turn, &c);
    weir_time begun = weir_mono();
    assert_int_equal(weir_timer_new(c.loop, 1000, 2000, on_tick, &c, &c.timer), 0);
    weir_loop_run(c.loop);
    assert_int_equal(c.ticks, 5);
    assert_true(c.turns >= 5);
    assert_true(weir_mono() - begun >= 8000);
    weir_loop_free(c.loop);
}

static void on_term(void *arg)
{
    struct counts *c = arg;
    c->signals++;
    weir_loop_stop(c->loop);
}

static void signals_arrive_on_the_loop(void **state)
{
    (void)state;
    struct weir_error err = {0};
    struct counts c = {0};
    ASSERT_OK(weir_loop_new(&c.loop, &err), err);
    assert_int_equal(weir_loop_on_signal(c.loop, SIGTERM, on_term, &c), 0);
    raise(SIGTERM);
    weir_loop_run(c.loop);
    assert_int_equal(c.signals, 1);
    weir_loop_free(c.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(posts_from_another_thread_run_in_order),
        cmocka_unit_test(timers_repeat_and_every_turn_has_an_end),
        cmocka_unit_test(signals_arrive_on_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
