/* The last run of each source: when it was, and how often it failed since one was well. So that
 * schedules go on where they were when a server starts. */
#ifndef WEIR_STATE_LAST_RUN_H
#define WEIR_STATE_LAST_RUN_H

#include "state/state.h"

struct weir_last_run {
    weir_time began, ended; /* 0: there was none */
    unsigned failures;      /* in a row, up to it */
    bool partly;            /* it failed, and others of its streams went well */
    char gone[200];         /* streams that were gone then: "b, c and 3 more" */
    weir_time well;         /* when the latest began that went well; 0: none did */
};

/* `what` it was: "sync" or "verify"; or "removed", of a source that was, and when; or since when it
 * is "paused", "broken" (its file) or "missing" (likewise). */
int weir_last_run_get(struct weir_state *state, struct weir_str source, const char *what,
                      struct weir_last_run *out, struct weir_error *err) WEIR_MUST_CHECK;
int weir_last_run_put(struct weir_state *state, struct weir_str source, const char *what,
                      const struct weir_last_run *run, struct weir_error *err) WEIR_MUST_CHECK;
/* Of others than these (an array of JSON), nothing of `what` is known any more. */
int weir_last_run_keep(struct weir_state *state, const char *what, struct weir_str sources,
                       struct weir_error *err) WEIR_MUST_CHECK;
/* All of a source. */
int weir_last_run_remove(struct weir_state *state, struct weir_str source,
                         struct weir_error *err) WEIR_MUST_CHECK;

#endif
