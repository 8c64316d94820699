/* One event loop, one thread: libevent behind a face of our own.
 *
 * Everything made on a loop is used on its thread only, except weir_loop_post() and
 * weir_loop_stop(), which any thread (and, for stop, a signal handler) may call. */
#ifndef WEIR_IO_LOOP_H
#define WEIR_IO_LOOP_H

#include <stdint.h>

#include "base/error.h"
#include "base/time.h"

struct weir_loop;
struct weir_timer;

typedef void (*weir_loop_fn)(void *arg);

/* Of the library behind this: "2.1.12-stable". */
const char *weir_loop_library_version(void);

int weir_loop_new(struct weir_loop **out, struct weir_error *err) WEIR_MUST_CHECK;
void weir_loop_free(struct weir_loop *loop); /* only after run returned; NULL is fine */

/* Runs until weir_loop_stop(). */
void weir_loop_run(struct weir_loop *loop);
void weir_loop_stop(struct weir_loop *loop);

/* Runs fn(arg) on the loop's thread, soon, in posting order. Posts that were not run when the loop
 * is freed are run by weir_loop_free, so that nothing they own leaks. */
int weir_loop_post(struct weir_loop *loop, weir_loop_fn fn, void *arg) WEIR_MUST_CHECK;

/* Another number each time after the loop looked what is ready: whatever is handled under one
 * number had come before it was given. */
uint64_t weir_loop_turn(const struct weir_loop *loop);

/* Called at the end of every turn of the loop: after all I/O that was ready has been handled, and
 * before the loop sleeps. This is where group commit lives. One hook a loop. */
void weir_loop_on_turn_end(struct weir_loop *loop, weir_loop_fn fn, void *arg);

/* `every` > 0 repeats. The timer belongs to the caller until weir_timer_free. */
int weir_timer_new(struct weir_loop *loop, weir_time first, weir_time every, weir_loop_fn fn,
                   void *arg, struct weir_timer **out) WEIR_MUST_CHECK;
void weir_timer_free(struct weir_timer *timer);

/* Calls fn on the loop when SIGTERM or SIGINT arrives (at most one loop a process). */
int weir_loop_on_signal(struct weir_loop *loop, int signum, weir_loop_fn fn,
                        void *arg) WEIR_MUST_CHECK;

#endif
