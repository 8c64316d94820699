#include "base/cond.h"

void weir_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

void weir_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, weir_time mono)
{
    const struct timespec at = {(time_t)(mono / WEIR_SECOND), (long)(mono % WEIR_SECOND * 1000)};
    pthread_cond_timedwait(cond, lock, &at);
}
