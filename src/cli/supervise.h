/* Two or more long-lived children of one `weir up`: started, watched, restarted, stopped in order.
 * Only src/cli includes this.
 *
 * A child listens on a socket that the supervisor keeps open, so a restart refuses no connection:
 * what comes meanwhile waits in the backlog. One thread; it blocks SIGTERM, SIGINT, SIGHUP and
 * SIGCHLD and takes them one by one. */
#ifndef WEIR_CLI_SUPERVISE_H
#define WEIR_CLI_SUPERVISE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/log.h"
#include "base/time.h"

struct weir_child {
    const char *name;        /* "collect" */
    const char *const *argv; /* NULL-terminated */
    int fds[2];              /* it inherits these */
    int fd_count;
    const char *address; /* its GET /health answers 200 here once it is ready */
    weir_time grace;     /* between SIGTERM and SIGKILL */

    /* private */
    pid_t pid; /* 0: not running */
    bool ready, was_ready, replacing;
    weir_time started, due, backoff, patience;
};

struct weir_supervisor {
    struct weir_child *children; /* stopped in this order */
    int count;
    const struct weir_log *log;
    /* Once, when every child is ready. Non-zero stops all. */
    int (*ready)(void *arg, struct weir_error *err);
    /* SIGHUP: reads the settings again; when they are good, the children are restarted. */
    int (*reload)(void *arg, struct weir_error *err);
    /* Before the first child is told to stop. May be NULL. */
    void (*stopping)(void *arg);
    /* While stopping: child `i` has ended, and the next one still runs and is ready. May be NULL.
     */
    void (*stopped)(int i, void *arg);
    void *arg;
};

/* Until SIGTERM or SIGINT: 0 when all ended cleanly then. A child that ends with an error before it
 * was ever ready is an error of the whole (its settings are wrong); later it is restarted. */
int weir_supervise(struct weir_supervisor *s, struct weir_error *err) WEIR_MUST_CHECK;

#endif
