/* One run of a source in the server, and all that are remembered. Shared by source_runs.c, which
 * begins and ends them, and source_tell.c. */
#ifndef WEIR_SERVE_SOURCE_ITEM_H
#define WEIR_SERVE_SOURCE_ITEM_H

#include <pthread.h>
#include <stdatomic.h>

#include "serve/source.h"

#define WEIR_RUNS_KEPT 2000 /* runs that are remembered */
#define WEIR_RUNS_HELD 8    /* sources that are being removed at one time */

struct weir_source_item {
    struct weir_source_runs *runs;
    char id[WEIR_SOURCE_RUN_SIZE];
    char source[64], stream[256]; /* stream "": all */
    char from[64], to[64];        /* "": not said */
    bool full, moved, verify, repair, rest;
    bool well;         /* no stream stands as failed; while it runs, up to the one before */
    unsigned failures; /* in a row; while it runs up to the one before, then with this one */
    bool partly;       /* of the latest of them: a part went well */
    pthread_t thread;
    bool joined;
    bool running; /* guarded by the lock, as is what stands below */
    weir_time started_at, ended_at;
    struct weir_buf report;
    const char *status; /* NULL while it runs */
    char error[1024];
    struct weir_source_progress progress;
    /* what was told of it last */
    bool told;
    unsigned long long told_rows, told_bytes;
    bool told_running;
};

struct weir_source_runs {
    struct weir_server *server;
    struct weir_source_site site;
    struct weir_source_counts *counts;
    struct weir_source_ills *ills;
    struct weir_state *begun; /* where runs are noted while they go on */
    pthread_mutex_t lock;
    struct weir_source_item *items[WEIR_RUNS_KEPT]; /* oldest first */
    size_t count;
    char held[WEIR_RUNS_HELD][64]; /* "": free */
    bool stopped;
    void (*ended)(void *arg); /* or NULL */
    void *ended_arg;
    atomic_bool touched;
};

/* With the lock; NULL: there is none. */
struct weir_source_item *weir_source_runs_find(struct weir_source_runs *runs, const char *id);
struct weir_source_item *weir_source_runs_running(struct weir_source_runs *runs,
                                                  const char *source);
/* `verify`: of those that compare; else of those that load. `whole`: of all of the source, which is
 * what schedules go by. Not one that was asked for what its source does not have. */
struct weir_source_item *weir_source_runs_latest(struct weir_source_runs *runs, const char *source,
                                                 bool verify, bool whole);
/* Before it begins: so it is told when this process ends before the run does. It runs all the same
 * where that fails. */
int weir_source_runs_note_begin(struct weir_source_item *item,
                                struct weir_error *err) WEIR_MUST_CHECK;
/* It did not begin, or there is nothing to tell of it. */
void weir_source_runs_note_nothing(struct weir_source_item *item);
/* Of runs that a former process began and did not end. */
int weir_source_runs_note_cut(struct weir_source_runs *runs,
                              struct weir_error *err) WEIR_MUST_CHECK;
/* Of a run that has ended, without the lock: what failed, or loaded something, is kept over the
 * server's end. What was asked for wrongly only who asked needs to know. */
void weir_source_runs_keep_said(struct weir_source_item *item);

#endif
