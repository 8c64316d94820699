/* Which messageIds have been loaded, for all time, at bounded memory.
 *
 * An id is a 128-bit hash of (source, messageId) under a key of this index; with it is kept the
 * position in the event log of its first appearance. An event is a duplicate exactly when its id is
 * known with a smaller position. So an event that is read again after a crash finds its own
 * position and is no duplicate: the index needs no transaction with the warehouse, and may be
 * behind it (the rest is read again from the log) or ahead of it.
 *
 * Recent ids are in a table in memory; when it is full a background thread writes it to a run
 * (seen_run.h) and merges runs, so that a lookup touches the table, and one cache line of each
 * run's Bloom filter, which is mapped and belongs to the page cache. docs/design/dedup.md has the
 * figures, docs/format/seen.md the files.
 *
 * Threads: one caller at a time, but weir_seen_find and weir_seen_get_stats are for any thread; the
 * background thread is the index's own. */
#ifndef WEIR_LOAD_SEEN_H
#define WEIR_LOAD_SEEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/str.h"

struct weir_seen;

struct weir_seen_options {
    const char *dir;       /* made when missing */
    uint64_t memory_bytes; /* for recent ids; 0: 64 MB */
    const struct weir_log *log;
};

#define WEIR_POSITION_INDEX_BITS 20
/* An event's place in the log. Indexes beyond 2^20 in one record share the last place. */
static inline uint64_t weir_position(uint64_t seq, uint32_t index)
{
    uint32_t top = (1u << WEIR_POSITION_INDEX_BITS) - 1;
    return seq << WEIR_POSITION_INDEX_BITS | (index < top ? index : top);
}

/* Opens or begins the index. Damaged or missing files are said in the log and the index begins
 * anew. Every event of the log with a seq >= *complete_seq must then be offered to weir_seen_check,
 * in order, before the index is whole. */
int weir_seen_open(const struct weir_seen_options *options, struct weir_seen **out,
                   uint64_t *complete_seq, struct weir_error *err) WEIR_MUST_CHECK;
/* Writes what is only in memory, so that the next start reads nothing again. NULL is fine. */
void weir_seen_close(struct weir_seen *seen);

struct weir_hash128 weir_seen_id(const struct weir_seen *seen, struct weir_str source,
                                 struct weir_str message_id);
/* Says whether the id was first seen at a smaller position, and remembers a new id. Blocks only
 * when ids come faster than the disk takes them. WEIR_ECORRUPT: a file does not verify; call
 * weir_seen_reset and offer the log again from its start. Any other error may be tried again. */
int weir_seen_check(struct weir_seen *seen, struct weir_hash128 id, uint64_t position,
                    bool *duplicate, struct weir_error *err) WEIR_MUST_CHECK;
/* Asks without remembering. */
int weir_seen_find(struct weir_seen *seen, struct weir_hash128 id, uint64_t *position,
                   struct weir_error *err) WEIR_MUST_CHECK;
/* Returns when everything offered so far is in runs. */
int weir_seen_flush(struct weir_seen *seen, struct weir_error *err) WEIR_MUST_CHECK;
/* Whether a file of the index's own did not verify since it was opened or reset: not every
 * WEIR_ECORRUPT of a loader is the index's. */
bool weir_seen_is_damaged(struct weir_seen *seen);
/* Forgets everything. */
int weir_seen_reset(struct weir_seen *seen, struct weir_error *err) WEIR_MUST_CHECK;

struct weir_seen_stats {
    uint64_t ids;
    uint64_t runs;
    uint64_t memory_bytes; /* the tables' maximum */
    uint64_t file_bytes;
    uint64_t filter_bytes; /* of those, mapped */
};
void weir_seen_get_stats(struct weir_seen *seen, struct weir_seen_stats *out);
/* Waits until the background thread has nothing left to merge; for measuring. */
void weir_seen_settle(struct weir_seen *seen);

#endif
