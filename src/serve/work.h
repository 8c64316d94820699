/* A few threads for what must not run on the loop's (hashing a password takes 100 ms and 64 MB; git
 * and the disk take what they take).
 * Their number bounds the memory; the queue's bound is what keeps a flood out. */
#ifndef WEIR_SERVE_WORK_H
#define WEIR_SERVE_WORK_H

#include "base/error.h"

struct weir_work;

int weir_work_new(unsigned threads, unsigned queue, struct weir_work **out,
                  struct weir_error *err) WEIR_MUST_CHECK;
/* Does all that was added, and takes no more: from here on weir_work_add() answers WEIR_EBUSY, so
 * that what still calls it (timers, answers on their way) need not know. NULL is fine. */
void weir_work_stop(struct weir_work *work);
/* Stops it, too. NULL is fine. */
void weir_work_free(struct weir_work *work);
/* fn(arg) on one of the threads, soon. WEIR_EBUSY when the queue is full, or stopped. */
int weir_work_add(struct weir_work *work, void (*fn)(void *arg), void *arg,
                  struct weir_error *err) WEIR_MUST_CHECK;

#endif
