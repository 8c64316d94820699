/* Whole events that are in weir.discards, for a replay of one kind of event: their rows name no
 * table that would say whether they are of that kind. The ones that the replay comes across are
 * noted, and the swap removes their rows; what is refused again gets a new one. One thread at a
 * time. */
#ifndef WEIR_LOAD_REPLAY_REFUSED_H
#define WEIR_LOAD_REPLAY_REFUSED_H

#include "base/buf.h"
#include "warehouse/warehouse.h"

struct weir_replay_refused {
    struct weir_buf events; /* by place in the log */
    uint64_t until;         /* those of records before it are known */
};

void weir_replay_refused_init(struct weir_replay_refused *refused);
void weir_replay_refused_free(struct weir_replay_refused *refused);
/* Reads those of the records before `until`, which must be loaded; no record from the last `until`
 * on may have been noted yet. */
int weir_replay_refused_read(struct weir_replay_refused *refused, struct weir_session *session,
                             uint64_t until, struct weir_error *err) WEIR_MUST_CHECK;
/* The replay makes the rows of this event, be it refused or not. More than once is fine. */
void weir_replay_refused_note(struct weir_replay_refused *refused, uint64_t seq, uint32_t index);
/* Removes the rows of the noted ones, in the caller's transaction. */
int weir_replay_refused_delete(const struct weir_replay_refused *refused,
                               struct weir_session *session,
                               struct weir_error *err) WEIR_MUST_CHECK;

#endif
