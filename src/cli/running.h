/* What runs in a workspace, as the command line sees it: files in .weir/run and the server's
 * socket. Only src/cli includes this. */
#ifndef WEIR_CLI_RUNNING_H
#define WEIR_CLI_RUNNING_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/time.h"
#include "workspace/workspace.h"

struct weir_addresses {
    char collect[64]; /* "" when not known */
    char serve[64];
    /* The settings that these came from; "" when a flag or the environment said it. */
    char collect_listen[256];
    char serve_listen[256];
};

/* .weir/run/addresses.json; WEIR_ENOENT when there is none. */
int weir_addresses_read(struct weir_workspace *workspace, struct weir_addresses *out,
                        struct weir_error *err) WEIR_MUST_CHECK;
int weir_addresses_write(struct weir_workspace *workspace, const struct weir_addresses *addresses,
                         struct weir_error *err) WEIR_MUST_CHECK;
void weir_addresses_remove(struct weir_workspace *workspace);

/* SECTION.listen ("collect", "serve") of weir.yml, or "" where a variable of the environment says
 * it instead. */
int weir_listen_setting(struct weir_workspace *workspace, const char *section, char out[256],
                        struct weir_error *err) WEIR_MUST_CHECK;
/* Says in `out` what a running `weir up` does not listen on although the settings say so: false
 * when there is nothing of the kind. A socket is only opened at the start. */
bool weir_listen_changed(struct weir_workspace *workspace, const struct weir_addresses *addresses,
                         char out[640]);

/* Takes .weir/run/up.lock for this process and those that inherit *fd. WEIR_EBUSY, with the pid,
 * when another `weir up` runs; children that outlived a killed one are waited for. */
int weir_up_lock(struct weir_workspace *workspace, int *fd, struct weir_error *err) WEIR_MUST_CHECK;
/* Does a `weir up` (or a child of one) run here? */
bool weir_up_runs(struct weir_workspace *workspace);

/* Does GET /health at HOST:PORT answer 200? */
bool weir_answers(const char *address, weir_time timeout);
/* Does the collector of this workspace answer? Asked on its socket, so also when it runs without
 * `weir up`. `trouble` gets why it takes no events at the moment, or "". */
bool weir_collector_answers(struct weir_workspace *workspace, weir_time timeout, char trouble[160]);
/* The folder on whose disk the data is: .weir may be another one. */
const char *weir_disk_folder(const struct weir_workspace *workspace);

struct weir_server_state { /* what /api/status says, as far as the command line needs it */
    char address[64];
    char engine[64];
    bool warehouse_well;
    uint64_t warehouse_bytes;
    uint64_t next_seq;   /* every record of the event log before it is in the warehouse */
    char error[256];     /* what the loader is retrying, or "" */
    uint64_t stuck;      /* queries that the engine does not let go of */
    char stuck_sql[256]; /* of one of them: "ID: SQL" */
};
/* Asks the server on its socket. `text` (may be NULL) gets the whole answer, JSON. WEIR_ENOENT when
 * no server runs. */
int weir_server_fetch(struct weir_workspace *workspace, weir_time timeout,
                      struct weir_server_state *out, struct weir_buf *text,
                      struct weir_error *err) WEIR_MUST_CHECK;

/* Returns when all records before `seq` are loaded. WEIR_ETIMEDOUT says what still waits and why;
 * WEIR_ENOENT when nothing runs that would load them. */
int weir_loaded_wait(struct weir_workspace *workspace, uint64_t seq, weir_time timeout,
                     struct weir_error *err) WEIR_MUST_CHECK;

#endif
