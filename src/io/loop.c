#include "io/loop.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "io/loop_event.h"

#define MAX_SIGNALS 4

struct post {
    struct post *next;
    weir_loop_fn fn;
    void *arg;
};

struct signal_watch {
    struct event *event;
    weir_loop_fn fn;
    void *arg;
};

struct weir_loop {
    struct event_base *base;
    struct event *wake_event;
    int wake_fd;
    atomic_bool stop;
    uint64_t turn;
    weir_loop_fn turn_end;
    void *turn_end_arg;
    struct signal_watch signals[MAX_SIGNALS];
    int signal_count;

    pthread_mutex_t lock; /* guards the two fields below */
    struct post *first;
    struct post **last;
};

struct weir_timer {
    struct event *event;
    struct timeval every;
    weir_loop_fn fn;
    void *arg;
};

struct event_base *weir_loop_base(struct weir_loop *loop)
{
    return loop->base;
}

static void run_posts(struct weir_loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    struct post *post = loop->first;
    loop->first = NULL;
    loop->last = &loop->first;
    pthread_mutex_unlock(&loop->lock);
    while (post) {
        struct post *next = post->next;
        post->fn(post->arg);
        free(post);
        post = next;
    }
}

static void wake(struct weir_loop *loop)
{
    uint64_t one = 1;
    ssize_t n = write(loop->wake_fd, &one, sizeof one);
    (void)n; /* it fails only when the counter is full: the loop is awake already */
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    uint64_t count;
    ssize_t n = read(fd, &count, sizeof count);
    (void)n;
    run_posts(arg);
}

const char *weir_loop_library_version(void)
{
    return event_get_version();
}

int weir_loop_new(struct weir_loop **out, struct weir_error *err)
{
    struct event_config *config = NULL;
    struct weir_loop *loop = calloc(1, sizeof *loop);
    if (!loop) {
        return weir_fail(err, WEIR_ENOMEM, "event loop: out of memory");
    }
    loop->last = &loop->first;
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&loop->lock, NULL);
    config = event_config_new();
    if (config) {
        /* One thread owns the base; other threads come in through the eventfd. */
        event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
        loop->base = event_base_new_with_config(config);
        event_config_free(config);
    }
    if (loop->base && loop->wake_fd >= 0) {
        loop->wake_event =
            event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST, on_wake, loop);
    }
    if (!loop->wake_event || event_add(loop->wake_event, NULL) != 0) {
        weir_loop_free(loop);
        return weir_fail(err, WEIR_EIO,
                         "event loop: cannot be made; check the limit on open files (ulimit -n)");
    }
    *out = loop;
    return 0;
}

void weir_loop_free(struct weir_loop *loop)
{
    if (!loop) {
        return;
    }
    while (loop->first) {
        run_posts(loop);
    }
    for (int i = 0; i < loop->signal_count; i++) {
        event_free(loop->signals[i].event);
    }
    if (loop->wake_event) {
        event_free(loop->wake_event);
    }
    if (loop->base) {
        event_base_free(loop->base);
    }
    if (loop->wake_fd >= 0) {
        close(loop->wake_fd);
    }
    pthread_mutex_destroy(&loop->lock);
    free(loop);
}

void weir_loop_run(struct weir_loop *loop)
{
    while (!atomic_load_explicit(&loop->stop, memory_order_acquire)) {
        loop->turn++;
        if (event_base_loop(loop->base, EVLOOP_ONCE) < 0) {
            break;
        }
        if (loop->turn_end) {
            /* What came in while this turn's requests were read shares their commit. */
            loop->turn++;
            event_base_loop(loop->base, EVLOOP_NONBLOCK);
            loop->turn_end(loop->turn_end_arg);
        }
    }
    atomic_store(&loop->stop, false);
}

uint64_t weir_loop_turn(const struct weir_loop *loop)
{
    return loop->turn;
}

void weir_loop_stop(struct weir_loop *loop)
{
    atomic_store_explicit(&loop->stop, true, memory_order_release);
    wake(loop);
}

int weir_loop_post(struct weir_loop *loop, weir_loop_fn fn, void *arg)
{
    struct post *post = malloc(sizeof *post);
    if (!post) {
        return WEIR_ENOMEM;
    }
    *post = (struct post){.fn = fn, .arg = arg};
    pthread_mutex_lock(&loop->lock);
    bool first = loop->first == NULL;
    *loop->last = post;
    loop->last = &post->next;
    pthread_mutex_unlock(&loop->lock);
    if (first) {
        wake(loop);
    }
    return 0;
}

void weir_loop_on_turn_end(struct weir_loop *loop, weir_loop_fn fn, void *arg)
{
    loop->turn_end = fn;
    loop->turn_end_arg = arg;
}

static struct timeval timeval_of(weir_time t)
{
    if (t < 0) {
        t = 0;
    }
    return (struct timeval){.tv_sec = t / WEIR_SECOND, .tv_usec = t % WEIR_SECOND};
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct weir_timer *timer = arg;
    if (timer->every.tv_sec || timer->every.tv_usec) {
        event_add(timer->event, &timer->every);
    }
    timer->fn(timer->arg); /* last: it may free the timer */
}

int weir_timer_new(struct weir_loop *loop, weir_time first, weir_time every, weir_loop_fn fn,
                   void *arg, struct weir_timer **out)
{
    struct weir_timer *timer = calloc(1, sizeof *timer);
    if (!timer) {
        return WEIR_ENOMEM;
    }
    timer->fn = fn;
    timer->arg = arg;
    timer->every = timeval_of(every);
    timer->event = event_new(loop->base, -1, 0, on_timer, timer);
    struct timeval in = timeval_of(first);
    if (!timer->event || event_add(timer->event, &in) != 0) {
        weir_timer_free(timer);
        return WEIR_ENOMEM;
    }
    *out = timer;
    return 0;
}

void weir_timer_free(struct weir_timer *timer)
{
    if (timer) {
        if (timer->event) {
            event_free(timer->event);
        }
        free(timer);
    }
}

static void on_signal(evutil_socket_t signum, short what, void *arg)
{
    (void)signum;
    (void)what;
    struct signal_watch *watch = arg;
    watch->fn(watch->arg);
}

int weir_loop_on_signal(struct weir_loop *loop, int signum, weir_loop_fn fn, void *arg)
{
    if (loop->signal_count == MAX_SIGNALS) {
        return WEIR_ETOOBIG;
    }
    struct signal_watch *watch = &loop->signals[loop->signal_count];
    watch->fn = fn;
    watch->arg = arg;
    watch->event = event_new(loop->base, signum, EV_SIGNAL | EV_PERSIST, on_signal, watch);
    if (!watch->event || event_add(watch->event, NULL) != 0) {
        if (watch->event) {
            event_free(watch->event);
        }
        return WEIR_ENOMEM;
    }
    loop->signal_count++;
    return 0;
}
