/* Condition variables whose waits have deadlines on the clock that never jumps: a wall clock that
 * is set back by an hour would make a wait of a second last an hour. */
#ifndef WEIR_BASE_COND_H
#define WEIR_BASE_COND_H

#include <pthread.h>

#include "base/time.h"

/* Instead of pthread_cond_init(); only such a variable works with the wait below. */
void weir_cond_init(pthread_cond_t *cond);

/* Returns when it is signaled, at `mono` (of weir_mono()), or for no reason, as pthread_cond_wait()
 * may. `lock` is held on entry and return. */
void weir_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, weir_time mono);

#endif
