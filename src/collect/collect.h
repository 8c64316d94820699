/* The collector: Segment's tracking API over HTTP, in front of the event log.
 *
 * A process of its own (`weir collect`) without a warehouse in it. An event is acknowledged when it
 * is on disk: all requests that one turn of the loop made ready are appended, committed with one
 * fdatasync, then answered. Routes and rules: docs/guide/tracking-api.md. */
#ifndef WEIR_COLLECT_COLLECT_H
#define WEIR_COLLECT_COLLECT_H

#include "base/error.h"
#include "base/log.h"
#include "conf/option.h"
#include "workspace/workspace.h"

extern const struct weir_option weir_collect_options[]; /* section `collect` of weir.yml */
extern const struct weir_option weir_log_options[];     /* section `log` */

/* In the data folder: where a running collector takes commands from its owner (mode 0600). */
#define WEIR_COLLECT_SOCKET "run/collect.sock"

struct weir_collect_run {
    struct weir_workspace *workspace;
    const char *listen; /* overrides the setting; NULL: the setting */
    int listen_fd;      /* -1, or a socket that the parent listens on */
    const struct weir_log *log;
    /* Called once, when requests are answered, with the address. May be NULL. */
    void (*ready)(const char *address, void *arg);
    void *arg;
};

/* Serves until SIGTERM or SIGINT, then answers what is under way, syncs the log and returns 0. */
int weir_collect_run(const struct weir_collect_run *run, struct weir_error *err) WEIR_MUST_CHECK;

/* --- quarantine: calls whose write key belonged to no source ------------------------------------
 */
struct weir_quarantined {
    struct weir_str write_key;
    uint64_t calls;
    uint64_t bytes;
    weir_time first, last;
    const char *source; /* that has this key by now; NULL: none */
};
/* One row a key, in the order of their first call. A non-zero return of fn ends it. */
int weir_quarantine_each(struct weir_workspace *workspace,
                         int (*fn)(const struct weir_quarantined *row, void *arg), void *arg,
                         struct weir_error *err) WEIR_MUST_CHECK;
/* Moves every call whose key belongs to a source by now to the event log, as if it had come with
 * that key at the time it came: by the running collector, or by itself when none runs. */
int weir_quarantine_release(struct weir_workspace *workspace, const struct weir_log *log,
                            uint64_t *moved, struct weir_error *err) WEIR_MUST_CHECK;
/* How much disk it takes, and the most it may (collect.quarantine_max). */
int weir_quarantine_size(struct weir_workspace *workspace, uint64_t *bytes, uint64_t *most,
                         struct weir_error *err) WEIR_MUST_CHECK;

#endif
