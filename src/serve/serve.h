/* `weir serve`: owns the embedded warehouse; loader, query engine, API, pages.
 *
 * The API's contract is docs/openapi.yaml. The same API is served on a unix socket in the data
 * folder (mode 0600) for the CLI. */
#ifndef WEIR_SERVE_SERVE_H
#define WEIR_SERVE_SERVE_H

#include "access/access.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "conf/option.h"
#include "state/state.h"
#include "warehouse/warehouse.h"
#include "workspace/workspace.h"

extern const struct weir_option weir_serve_options[];     /* section `serve` of weir.yml */
extern const struct weir_option weir_workspace_options[]; /* section `workspace` */

struct weir_serve_run {
    struct weir_workspace *workspace;
    const char *listen; /* overrides the setting; NULL: the setting */
    int listen_fd;      /* -1, or a socket that the parent listens on */
    uint64_t keep_free; /* below so many free bytes the collector takes no events; to show */
    const struct weir_log *log;
    /* Set when threads are still inside the engine (see query.h): end the process by _exit(). */
    bool *stuck;
    void (*ready)(const char *address, void *arg);
    void *arg;
};

/* Serves until SIGTERM or SIGINT; then finishes requests, stops the loader, checkpoints. WEIR_EBUSY
 * when it ended by itself because the engine does not let go of its queries: start it anew. */
int weir_serve_run(const struct weir_serve_run *run, struct weir_error *err) WEIR_MUST_CHECK;

/* Opens .weir/warehouse.duckdb as section `warehouse` of weir.yml says. WEIR_EBUSY when another
 * process has it (several may, when all are read-only). */
int weir_serve_open_warehouse(struct weir_workspace *workspace, bool read_only,
                              const struct weir_log *log, struct weir_warehouse **out,
                              struct weir_error *err) WEIR_MUST_CHECK;

/* The same for the command line, when no server runs: to read only, if that can be. WEIR_ENOENT
 * when nothing was loaded yet. */
int weir_serve_read_warehouse(struct weir_workspace *workspace, const struct weir_log *log,
                              struct weir_warehouse **out, struct weir_error *err) WEIR_MUST_CHECK;

/* Opens .weir/state.sqlite; makes it when it is missing. Several processes may have it open. */
int weir_serve_open_state(struct weir_workspace *workspace, struct weir_state **out,
                          struct weir_error *err) WEIR_MUST_CHECK;
/* What a running server would answer the owner of this machine, for the routes that only the state
 * store answers (people, groups, tokens, the audit log). `base` is what links begin with. The
 * answer is JSON in `out`, also when `status` is an error's. */
int weir_serve_ask_store(struct weir_workspace *workspace, const char *method, const char *target,
                         struct weir_str body, const char *base, int *status, struct weir_buf *out,
                         struct weir_error *err) WEIR_MUST_CHECK;
/* What the person of this address may see, in the arena; NULL: everything. WEIR_ENOENT when there
 * is no such person. Goes to the audit log. */
int weir_serve_access_of(struct weir_workspace *workspace, const char *email,
                         struct weir_arena *arena, struct weir_access **out,
                         struct weir_error *err) WEIR_MUST_CHECK;

#endif
