/* Checkpoints of the warehouse beside the loader's commits: a thread with a session of its own.
 *
 * The engine lets transactions that only insert commit while a checkpoint runs; a table is closed
 * to them only while it is written. A transaction that does anything else (a new column, a merge
 * into users) waits for the checkpoint's end. */
#ifndef WEIR_LOAD_CHECKPOINT_H
#define WEIR_LOAD_CHECKPOINT_H

#include <pthread.h>
#include <stdbool.h>

#include "warehouse/warehouse.h"

struct weir_checkpointer {
    struct weir_session *session;
    pthread_mutex_t *writing; /* held by whoever writes; taken when the engine is too busy */
    pthread_t thread;
    bool runs;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t unsaved_bytes; /* loaded since the last one */
    uint64_t commits;       /* since the offsets were last pruned */
    bool behind;            /* the last batch was full: more is waiting */
    bool changed_schema;
    bool quits;
    weir_time last_commit, last_end, took; /* monotonic */
};

int weir_checkpointer_start(struct weir_checkpointer *checkpointer,
                            struct weir_warehouse *warehouse, pthread_mutex_t *writing,
                            struct weir_error *err) WEIR_MUST_CHECK;
/* After the checkpoint that it is making; nothing when it was never started. */
void weir_checkpointer_stop(struct weir_checkpointer *checkpointer);

/* Says that a batch was committed. */
void weir_checkpointer_note(struct weir_checkpointer *checkpointer, uint64_t bytes, bool behind,
                            bool changed_schema);

#endif
