/* For the files of this folder only: what the collector and the command line share of the
 * quarantine (its public part is in collect.h).
 *
 * The quarantine is an event log of its own in .weir/quarantine. Which of its records have been
 * moved to the event log says the file `released` beside it: ranges of seqs. It is written after
 * the event log has committed, so that a crash in between moves some records twice; they keep their
 * request id and messageIds, and the loader knows them again. */
#ifndef WEIR_COLLECT_QUARANTINE_H
#define WEIR_COLLECT_QUARANTINE_H

#include "collect/collect.h"
#include "eventlog/eventlog.h"

struct weir_seq_range {
    uint64_t first, last;
};

struct weir_released { /* sorted, apart from one another */
    struct weir_seq_range *items;
    size_t count, room;
};
int weir_released_load(const char *dir, struct weir_released *out,
                       struct weir_error *err) WEIR_MUST_CHECK;
int weir_released_save(const char *dir, const struct weir_released *released,
                       struct weir_error *err) WEIR_MUST_CHECK;
bool weir_released_has(const struct weir_released *released, uint64_t seq);
int weir_released_add(struct weir_released *released, uint64_t seq,
                      struct weir_error *err) WEIR_MUST_CHECK;
void weir_released_free(struct weir_released *released);

/* What its segments take on disk. */
int weir_quarantine_bytes(const char *dir, uint64_t *out, struct weir_error *err) WEIR_MUST_CHECK;

struct weir_release {
    char *dir;
    bool unknown_only; /* not the calls of a source that was disabled when they came */
    struct weir_eventlog_reader *reader;
    struct weir_released released;
    uint64_t moved; /* records */
};
int weir_release_begin(struct weir_release *release, const char *dir,
                       struct weir_error *err) WEIR_MUST_CHECK;
/* Moves up to about `bytes` and commits `events`; *done when all has been looked at. */
int weir_release_some(struct weir_release *release, const struct weir_sources *sources,
                      struct weir_eventlog *events, size_t bytes, bool *done,
                      struct weir_error *err) WEIR_MUST_CHECK;
void weir_release_end(struct weir_release *release);

#endif
