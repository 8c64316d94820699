/* The loader: tails the event log into the warehouse, exactly once.
 *
 * Rows, discards, names and the log offset commit in one warehouse transaction. A messageId is
 * loaded once, for all time (see seen.h). Tables follow Segment's warehouse schema
 * (docs/guide/event-tables.md).
 *
 * Threads: one loader a warehouse, on a thread of its own; weir_loader_stats() from any thread. */
#ifndef WEIR_LOAD_LOAD_H
#define WEIR_LOAD_LOAD_H

#include "base/error.h"
#include "base/log.h"
#include "conf/option.h"
#include "warehouse/warehouse.h"
#include "workspace/workspace.h"

extern const struct weir_option weir_load_options[]; /* section `load` of weir.yml */

struct weir_loader;

struct weir_load_stats {
    uint64_t next_seq;    /* every record before it is in the warehouse */
    uint64_t durable_seq; /* next seq of the log: equal = nothing waits */
    uint64_t events;      /* rows in tracks, pages, ... since start */
    uint64_t duplicates;  /* left out because their messageId was loaded before, since start */
    uint64_t discards;    /* rows in weir.discards since start */
    uint64_t commits;
    weir_time last_commit_at;
    weir_time lag;   /* age of the oldest record that is not loaded; 0 when none waits */
    char error[256]; /* what it is retrying; "" when well */
};

int weir_loader_new(struct weir_workspace *workspace, struct weir_warehouse *warehouse,
                    const struct weir_log *log, struct weir_loader **out,
                    struct weir_error *err) WEIR_MUST_CHECK;
/* Runs on its own thread until weir_loader_stop; retries with back-off on trouble. */
int weir_loader_start(struct weir_loader *loader, struct weir_error *err) WEIR_MUST_CHECK;
void weir_loader_stop(struct weir_loader *loader); /* finishes the batch under way */
void weir_loader_free(struct weir_loader *loader);
void weir_loader_stats(struct weir_loader *loader, struct weir_load_stats *out);
/* Was an event of this source with this messageId loaded from an earlier place in the log? False
 * also while the loader has not begun. Any thread. */
bool weir_loader_is_duplicate(struct weir_loader *loader, struct weir_str source,
                              struct weir_str message_id, uint64_t seq, uint32_t index);
/* The schema of a source's tables, appended to `out`. */
void weir_load_schema(struct weir_str source, struct weir_buf *out);
/* Loads what is durable now and returns; for the CLI and tests (not while started). */
int weir_loader_drain(struct weir_loader *loader, struct weir_error *err) WEIR_MUST_CHECK;

struct weir_replay {
    const char *source; /* NULL: all */
    const char *event;  /* track event name; NULL: all kinds of calls */
    weir_time from, to; /* by received_at, [from, to); WEIR_TIME_MIN / MAX */
    bool dry_run;       /* count only */
    void (*progress)(uint64_t done, uint64_t total, void *arg); /* records; may be NULL */
    void *arg;
};
struct weir_replay_report {
    uint64_t records;
    uint64_t events;
    uint64_t tables;
    uint64_t discards;
};
/* Rebuilds the rows that match from the log, beside the live tables, and swaps them in one
 * transaction; collection and loading go on meanwhile. */
int weir_loader_replay(struct weir_loader *loader, const struct weir_replay *what,
                       struct weir_replay_report *report, struct weir_error *err) WEIR_MUST_CHECK;

#endif
