#include "serve/work.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#define MAX_THREADS 16

struct job {
    void (*fn)(void *arg);
    void *arg;
};

struct weir_work {
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t added;
    struct job *jobs; /* a ring */
    unsigned size, first, count;
    bool ending;
    pthread_t threads[MAX_THREADS];
    unsigned thread_count;
};

static void *worker(void *arg)
{
    struct weir_work *w = arg;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (w->count == 0 && !w->ending) {
            pthread_cond_wait(&w->added, &w->lock);
        }
        if (w->count == 0) {
            break;
        }
        struct job job = w->jobs[w->first];
        w->first = (w->first + 1) % w->size;
        w->count--;
        pthread_mutex_unlock(&w->lock);
        job.fn(job.arg);
        pthread_mutex_lock(&w->lock);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

int weir_work_new(unsigned threads, unsigned queue, struct weir_work **out, struct weir_error *err)
{
    struct weir_work *w = calloc(1, sizeof *w);
    *out = NULL;
    if (!w || !(w->jobs = calloc(queue, sizeof *w->jobs))) {
        free(w);
        return weir_fail(err, WEIR_ENOMEM, "no memory for work");
    }
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->added, NULL);
    w->size = queue;
    while (w->thread_count < threads && w->thread_count < MAX_THREADS) {
        if (pthread_create(&w->threads[w->thread_count], NULL, worker, w)) {
            weir_work_free(w);
            return weir_fail(err, WEIR_EAGAIN, "no thread for the server's work");
        }
        w->thread_count++;
    }
    *out = w;
    return 0;
}

void weir_work_stop(struct weir_work *w)
{
    if (!w) {
        return;
    }
    pthread_mutex_lock(&w->lock);
    w->ending = true;
    pthread_cond_broadcast(&w->added);
    pthread_mutex_unlock(&w->lock);
    while (w->thread_count) {
        pthread_join(w->threads[--w->thread_count], NULL);
    }
}

void weir_work_free(struct weir_work *w)
{
    if (!w) {
        return;
    }
    weir_work_stop(w);
    pthread_cond_destroy(&w->added);
    pthread_mutex_destroy(&w->lock);
    free(w->jobs);
    free(w);
}

int weir_work_add(struct weir_work *w, void (*fn)(void *arg), void *arg, struct weir_error *err)
{
    pthread_mutex_lock(&w->lock);
    bool full = w->count == w->size || w->ending;
    if (!full) {
        w->jobs[(w->first + w->count++) % w->size] = (struct job){fn, arg};
        pthread_cond_signal(&w->added);
    }
    pthread_mutex_unlock(&w->lock);
    return full ? weir_fail(err, WEIR_EBUSY, "too much is asked at once; try again in a moment")
                : 0;
}
