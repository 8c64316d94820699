/* A replay's inside, shared by its files: building rows beside the live tables (replay.c), and
 * putting them in their place (replay_swap.c). */
#ifndef WEIR_LOAD_REPLAY_H
#define WEIR_LOAD_REPLAY_H

#include "load/loader.h"
#include "load/replay_refused.h"

struct weir_replay_run {
    struct weir_loader *loader;
    const struct weir_replay *what;
    struct weir_replay_report *report;
    struct weir_session *session;
    struct weir_catalog catalog;
    struct weir_builder builder;
    struct weir_applier applier;
    struct weir_load_batch batch;
    struct weir_eventlog_reader *reader;
    struct weir_replay_refused refused; /* for a replay of one event */
    uint64_t next;                      /* every record before it was read */
    uint64_t found;                     /* records in the batch that are asked for */
    uint64_t limit;                     /* of records in a batch, after one that failed; 0: none */
    uint64_t careful;                   /* the record that is written in parts; 0: none */
    bool whole;                         /* tables, not rows */
    bool asked;                         /* the record being read is asked for */
};

/* Puts what was built in the place of what is live, in one transaction. */
int weir_replay_swap(struct weir_replay_run *run, struct weir_error *err) WEIR_MUST_CHECK;

#endif
