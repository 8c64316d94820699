/* The event log: append-only segments on disk, one of weir's two kinds of truth.
 *
 * A *record* is one accepted HTTP request: its body as it came, and what the server knew about it
 * (when, for which source, from which address). Events are made from records by src/event when they
 * are read, so that a better rule can be applied to old requests (`weir replay`).
 *
 * A *frame* is one group commit: one or more records, one header, one checksum. Records are
 * numbered by a sequence (seq) that starts at 1 and never goes back; a cursor is a seq, so it
 * survives recompression. Within a segment file seqs have no holes; a damaged frame is therefore a
 * known range of lost seqs, and is reported as such.
 *
 * The format is drawn in docs/format/eventlog.md. One process writes (a lock file says who); any
 * number read, also while it writes. Readers see a record only once it is durable: the writer
 * publishes the durable seq in a small shared file (`head`) after each fdatasync.
 *
 * Threads: a writer and a reader each belong to one thread; the sealer runs on a thread of its own
 * inside the writer. */
#ifndef WEIR_EVENTLOG_EVENTLOG_H
#define WEIR_EVENTLOG_EVENTLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "base/time.h"

enum weir_record_kind {
    WEIR_RECORD_CALL = 1,       /* a tracking call that was acknowledged */
    WEIR_RECORD_REFUSED = 2,    /* answered 4xx; `note` says why; the body may be cut */
    WEIR_RECORD_UNKNOWN_KEY = 3 /* in the quarantine log only: `write_key` belongs to no source */
};

/* All strings borrow: from the caller on append, from the reader on read (until its next call; then
 * WEIR_BUF_PADDING bytes behind the body are readable, as the JSON reader wants). Limits: the whole
 * record 64 MB, each string but the body 65,535 bytes. */
struct weir_record {
    uint64_t seq; /* set by the log */
    enum weir_record_kind kind;
    weir_time received_at;
    unsigned char request_id[16]; /* random; with the event's index it makes a missing messageId */
    struct weir_str source;       /* name, "web" */
    struct weir_str method;       /* "track", "batch", ... : the route, canonical */
    struct weir_str write_key;    /* only for WEIR_RECORD_UNKNOWN_KEY */
    struct weir_str ip;           /* as it may be stored, after the source's ip option; "" = none */
    struct weir_str user_agent;
    struct weir_str note; /* why refused; "" otherwise */
    struct weir_str body; /* decoded request body (JSON for all routes, pixels too) */
};

/* --- writing -----------------------------------------------------------------------------------
 */
struct weir_eventlog;

struct weir_eventlog_options {
    uint64_t segment_bytes;   /* a segment is sealed beyond this; 0 = 64 MB */
    uint64_t keep_free_bytes; /* append fails with WEIR_ENOSPC below this; 0 = 256 MB */
    int seal_level;           /* zstd level of sealed segments; 0 = 9; negative: never recompress */
    bool no_sync;             /* for benchmarks of everything else only */
    const struct weir_log *log;
};

struct weir_recovery { /* what opening found */
    uint64_t next_seq;
    uint64_t torn_bytes;     /* cut from the end of the last segment */
    uint64_t corrupt_frames; /* in the middle of the last segment */
    uint32_t segments;
};

/* Makes the folder when it is missing, takes the lock (WEIR_EBUSY when another process has it),
 * verifies the last segment, cuts a torn tail (the cut bytes are kept beside it as *.torn) and
 * begins to append. */
int weir_eventlog_open(const char *dir, const struct weir_eventlog_options *options,
                       struct weir_eventlog **out, struct weir_recovery *recovery,
                       struct weir_error *err) WEIR_MUST_CHECK;
/* Seals nothing, loses nothing; pending records are NOT committed. */
void weir_eventlog_close(struct weir_eventlog *log);

/* Copies the record into the pending group and gives it its seq. Nothing is on disk yet. When
 * memory runs out the group is unchanged. */
int weir_eventlog_append(struct weir_eventlog *log, const struct weir_record *record, uint64_t *seq,
                         struct weir_error *err) WEIR_MUST_CHECK;
/* Writes the pending group as frames, then one fdatasync, then publishes. On any failure none of
 * the group is in the log (the file is cut back; when even that or the fdatasync fails, the segment
 * is abandoned and a new one begun), and the group is dropped: the caller answers 503. WEIR_ENOSPC:
 * disk full or below keep_free_bytes. */
int weir_eventlog_commit(struct weir_eventlog *log, struct weir_error *err) WEIR_MUST_CHECK;
size_t weir_eventlog_pending(const struct weir_eventlog *log); /* bytes in the group */
uint64_t weir_eventlog_next_seq(const struct weir_eventlog *log);
/* False while the free-space guard is closed: refuse early, before reading bodies. */
bool weir_eventlog_has_room(struct weir_eventlog *log);

/* --- reading -----------------------------------------------------------------------------------
 */
struct weir_eventlog_reader;

/* A frame that does not verify: seqs [first, first + count) are lost (count 0: not known, as at the
 * end of a cut file). */
struct weir_eventlog_damage {
    char segment[64];
    uint64_t offset;
    uint64_t first;
    uint64_t count;
};
typedef void (*weir_eventlog_on_damage)(const struct weir_eventlog_damage *damage, void *arg);

/* Positions at the first record with seq >= from_seq. A missing folder is an empty log (and is
 * found when a writer makes it). When no writer runs and the log was not closed cleanly, the reader
 * recovers it first (taking the lock for that moment); a copy that it may not write to is read as
 * far as it verifies. What expire() removed is passed over in silence. */
int weir_eventlog_reader_open(const char *dir, uint64_t from_seq, weir_eventlog_on_damage on_damage,
                              void *arg, struct weir_eventlog_reader **out,
                              struct weir_error *err) WEIR_MUST_CHECK;
void weir_eventlog_reader_close(struct weir_eventlog_reader *reader);
/* The next durable record; WEIR_EAGAIN at the end of what is durable now. */
int weir_eventlog_read(struct weir_eventlog_reader *reader, struct weir_record *out,
                       struct weir_error *err) WEIR_MUST_CHECK;
/* Sleeps until something new is durable (0) or `timeout` passed (WEIR_EAGAIN). Costs no CPU. */
int weir_eventlog_wait(struct weir_eventlog_reader *reader, weir_time timeout) WEIR_MUST_CHECK;
/* The last durable seq + 1, from the shared head. 1 for an empty log. */
int weir_eventlog_durable_seq(const char *dir, uint64_t *next_seq,
                              struct weir_error *err) WEIR_MUST_CHECK;

/* --- looking after it --------------------------------------------------------------------------
 */
struct weir_eventlog_segment {
    char name[64];
    uint64_t first_seq;
    uint64_t records; /* that verify; not `deep`: as the headers say */
    uint64_t frames;
    uint64_t bytes;     /* on disk */
    uint64_t raw_bytes; /* before compression */
    uint64_t damaged_frames;
    weir_time first_at;
    weir_time last_at;
    bool sealed;
};
/* Calls fn for each segment in order; stops at its first non-zero return, which becomes the result.
 * `deep` reads and verifies every byte. Changes nothing, and may run while the log is written. */
int weir_eventlog_each_segment(const char *dir, bool deep,
                               int (*fn)(const struct weir_eventlog_segment *segment, void *arg),
                               weir_eventlog_on_damage on_damage, void *arg,
                               struct weir_error *err) WEIR_MUST_CHECK;
/* Deletes whole segments whose newest record is older than `before` (quarantine, or an owner's
 * retention), from the old end on, up to the first one to keep; never the one being written. */
int weir_eventlog_expire(const char *dir, weir_time before, unsigned *removed,
                         struct weir_error *err) WEIR_MUST_CHECK;

#endif
