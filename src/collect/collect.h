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

#endif
