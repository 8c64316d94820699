/* The sealer: rewrites full segments into large compressed blocks, on a thread of the lowest
 * priority. Private to this folder. */
#ifndef WEIR_EVENTLOG_SEAL_H
#define WEIR_EVENTLOG_SEAL_H

#include <stdatomic.h>

#include "eventlog/eventlog.h"

/* Rewrites one segment whose records are [first_seq, end_seq). WEIR_ECORRUPT: it has damage and was
 * left as it is. WEIR_ECANCELED: *stop became true. WEIR_EEXIST: it is sealed already. */
int weir_segment_seal(const char *dir, uint64_t first_seq, uint64_t end_seq, int level,
                      const atomic_bool *stop, struct weir_error *err) WEIR_MUST_CHECK;

struct weir_sealer;

int weir_sealer_start(const char *dir, int level, const struct weir_log *log,
                      struct weir_sealer **out, struct weir_error *err) WEIR_MUST_CHECK;
/* Every segment but the last may be sealed: look. Any thread. */
void weir_sealer_kick(struct weir_sealer *sealer);
/* Returns within one block's time; what is half done is forgotten. NULL is fine. */
void weir_sealer_stop(struct weir_sealer *sealer);

/* Taken for the moment in which a segment is renamed over or removed, so that what `expire` removes
 * does not come back. Waits for milliseconds. */
int weir_segments_lock(const char *dir, int *fd, struct weir_error *err) WEIR_MUST_CHECK;

#endif
