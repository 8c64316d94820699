/* The dedup index's inside, shared by its files: opening and asking (seen.c), and the background
 * thread that writes and merges (seen_merge.c). */
#ifndef WEIR_LOAD_SEEN_INSIDE_H
#define WEIR_LOAD_SEEN_INSIDE_H

#include <pthread.h>

#include "load/seen.h"
#include "load/seen_manifest.h"
#include "load/seen_run.h"

enum { WEIR_SEEN_FAN_IN = 4 }; /* runs of one level that become one of the next */

struct weir_seen {
    char *dir;
    const struct weir_log *log;
    uint64_t key[2];

    pthread_mutex_t lock; /* everything below */
    pthread_cond_t wake;  /* to the background thread: frozen, or stop */
    pthread_cond_t idle;  /* from it: frozen is free, or a fault */
    struct weir_seen_table active;
    struct weir_seen_table frozen; /* count > 0: waits to be written; both sides only read it */
    uint64_t high;                 /* every position below was offered */
    uint64_t frozen_high;
    uint64_t complete; /* every position below is in runs */
    uint64_t next_number;
    struct weir_seen_run *runs[WEIR_SEEN_MAX_RUNS];
    unsigned run_count;
    bool merging;
    bool stop;
    bool damaged;            /* an entry that was asked for did not verify */
    struct weir_error fault; /* of the background thread; code 0: none */

    pthread_t thread;
    bool thread_runs;
};

/* With the lock: the manifest as it will be with `added` and without `removed`. */
void weir_seen_describe(const struct weir_seen *seen, const struct weir_seen_run *added,
                        struct weir_seen_run *const *removed, unsigned removed_count,
                        struct weir_seen_manifest *out);
/* With the lock: the runs of the lowest level that has enough to merge; their number, or 0. */
unsigned weir_seen_pick_merge(const struct weir_seen *seen, struct weir_seen_run **picked);
/* The thread; its argument is the index. Ends when `stop` is set and nothing is frozen. */
void *weir_seen_background(void *seen);

#endif
