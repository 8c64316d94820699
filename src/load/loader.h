/* The loader's inside, shared by its files: the builder's thread (loader.c), the appender's thread
 * (appender.c), checkpoints (checkpoint.c), and replay. */
#ifndef WEIR_LOAD_LOADER_H
#define WEIR_LOAD_LOADER_H

#include <pthread.h>
#include <stdatomic.h>

#include "load/apply.h"
#include "load/build.h"
#include "load/checkpoint.h"
#include "load/load.h"

struct weir_load_settings {
    uint64_t batch_bytes;
    weir_time linger;
    uint64_t dedup_memory;
    int64_t max_columns;
    int64_t max_all_columns;
    int64_t max_tables;
    int64_t max_depth;
};

/* What is thrown away and made anew after every failure. */
struct weir_load_run {
    struct weir_session *session;
    struct weir_catalog catalog;
    struct weir_builder builder;
    struct weir_applier applier;
    struct weir_checkpointer checkpointer;
    struct weir_eventlog_reader *reader;
    struct weir_load_state state;
    bool ready;
};

struct weir_loader {
    struct weir_workspace *workspace;
    struct weir_warehouse *warehouse;
    const struct weir_log *log;
    struct weir_load_settings settings;
    const char *log_dir;
    const char *seen_dir;

    /* the builder's thread */
    struct weir_seen *seen;
    uint64_t seen_complete; /* every record before it was offered to the dedup index */
    struct weir_load_run run;
    struct weir_load_batch batches[2];
    unsigned filling;        /* which of them */
    weir_time filling_since; /* monotonic; 0: it is empty */
    uint64_t limit_records;  /* in a batch, while a refused record is looked for; 0: none */
    uint64_t max_cells;      /* in a batch: what the engine has memory for */
    uint64_t lost_before;    /* one past the last record that is damaged in the log; 0: none */
    uint64_t parts_seq;      /* the record that is loaded in parts; 0: none */
    uint64_t part_events;    /* in its first part; 0: nothing says what fits */
    unsigned memory_tries;   /* of one record that does not fit the engine's memory */
    struct weir_map closed;  /* tables that are too wide for it, "schema.table" */
    weir_time back_off;
    pthread_t thread;
    bool started;
    atomic_bool stop;

    /* between the two */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct weir_load_batch *pending; /* the appender has it */
    bool appender_runs, appender_quits;
    pthread_t appender;
    int apply_code; /* of the batch that failed; until the builder takes notice */
    struct weir_error apply_error;
    uint64_t failed_records, failed_first, failed_events, failed_cells;
    char failed_wide[WEIR_TABLE_KEY]; /* its widest table, if one is too wide for the memory */
    struct weir_load_stats stats;     /* next_seq, counts, last_commit_at, error */
    weir_time filling_oldest;         /* received_at of the oldest record in the making; 0: none */
    weir_time pending_oldest;
    bool replaying;
    bool reload; /* replay has changed tables: what is in the making is to be built again */

    /* Held while a transaction of the loader's or the last one of a replay runs; and whoever holds
     * it may use run.session. */
    pthread_mutex_t writing;
};

/* What the settings and the engine's memory allow. */
struct weir_load_limits weir_loader_limits(const struct weir_loader *loader);
/* Cells of a batch when all is well (max_cells may be less for a while). */
uint64_t weir_loader_most_cells(const struct weir_loader *loader);
/* Makes run.catalog anew: after a transaction that failed it tells what never was. */
int weir_loader_read_catalog(struct weir_loader *loader, struct weir_error *err) WEIR_MUST_CHECK;

int weir_appender_start(struct weir_loader *loader, struct weir_error *err) WEIR_MUST_CHECK;
void weir_appender_stop(struct weir_loader *loader); /* after the batch that it has */
/* Gives it the batch that is being filled, once it is done with the last one. Any failure is of the
 * last one. */
int weir_appender_give(struct weir_loader *loader, struct weir_error *err) WEIR_MUST_CHECK;
int weir_appender_wait(struct weir_loader *loader, struct weir_error *err) WEIR_MUST_CHECK;
bool weir_appender_is_idle(struct weir_loader *loader);

/* Loads one record that the warehouse refuses, or that is too large for the engine's memory, in
 * parts (parts.h). The appender is idle. */
int weir_load_split(struct weir_loader *loader, const struct weir_record *record,
                    struct weir_error *err) WEIR_MUST_CHECK;
/* The session and the catalog are the caller's until it unlocks `writing`. What is in the making is
 * written first. */
int weir_appender_take_over(struct weir_loader *loader, struct weir_error *err) WEIR_MUST_CHECK;
/* What a batch did to the statistics, or why it failed; with the lock. */
void weir_appender_note(struct weir_loader *loader, const struct weir_load_batch *batch, int code,
                        const struct weir_error *err);

/* Removes what a replay that did not end has left. */
int weir_replay_clean(struct weir_session *session, struct weir_error *err) WEIR_MUST_CHECK;

#endif
