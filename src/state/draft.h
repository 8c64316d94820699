/* Drafts: what somebody types and has not saved, kept against a crash. Per person, by key. */
#ifndef WEIR_STATE_DRAFT_H
#define WEIR_STATE_DRAFT_H

#include "state/state.h"

#define WEIR_MAX_DRAFT  (1u << 20) /* bytes */
#define WEIR_MAX_DRAFTS 200        /* of one person; the oldest goes */

struct weir_draft {
    struct weir_str json;
    weir_time saved_at;
};
/* WEIR_ENOENT. */
int weir_draft_get(struct weir_state *state, struct weir_str person, struct weir_str key,
                   struct weir_arena *arena, struct weir_draft *out,
                   struct weir_error *err) WEIR_MUST_CHECK;
int weir_draft_put(struct weir_state *state, struct weir_str person, struct weir_str key,
                   const struct weir_draft *draft, struct weir_error *err) WEIR_MUST_CHECK;
/* Not there is no error. */
int weir_draft_remove(struct weir_state *state, struct weir_str person, struct weir_str key,
                      struct weir_error *err) WEIR_MUST_CHECK;

#endif
