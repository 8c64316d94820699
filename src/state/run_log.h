/* What runs of sources said, so that a failure of the night has its log in the morning, whatever
 * was started anew meanwhile. Format: docs/format/loads.md. */
#ifndef WEIR_STATE_RUN_LOG_H
#define WEIR_STATE_RUN_LOG_H

#include "state/state.h"

#define WEIR_RUN_LOGS 20 /* of each source: failed ones, and as many of the others */

struct weir_run_log {
    struct weir_str run, source;
    struct weir_str told; /* JSON object: the run, as the API tells it */
    struct weir_str log;  /* JSON list; ptr NULL in a list of runs */
    weir_time ended_at;
    bool failed;
};

/* One that begins, as it is told when nobody tells its end: `ended_at` is when it began. */
int weir_run_log_begin(struct weir_state *state, const struct weir_run_log *log,
                       struct weir_error *err) WEIR_MUST_CHECK;
/* It has ended, and nothing of it is to be kept. */
int weir_run_log_drop(struct weir_state *state, struct weir_str run,
                      struct weir_error *err) WEIR_MUST_CHECK;
/* The first of those that began and did not end, but for its log; run.ptr NULL: there is none. */
int weir_run_log_begun(struct weir_state *state, struct weir_arena *arena, struct weir_run_log *out,
                       struct weir_error *err) WEIR_MUST_CHECK;
/* Instead of what was put when it began. The oldest of its source and sort goes where there are too
 * many. */
int weir_run_log_put(struct weir_state *state, const struct weir_run_log *log,
                     struct weir_error *err) WEIR_MUST_CHECK;
/* Texts in the arena. WEIR_ENOENT: it is not kept. */
int weir_run_log_get(struct weir_state *state, struct weir_str run, struct weir_arena *arena,
                     struct weir_run_log *out, struct weir_error *err) WEIR_MUST_CHECK;
/* Of a source, the newest first, without what they said. */
int weir_run_logs_list(struct weir_state *state, struct weir_str source, struct weir_arena *arena,
                       struct weir_run_log out[2 * WEIR_RUN_LOGS], size_t *count,
                       struct weir_error *err) WEIR_MUST_CHECK;
int weir_run_logs_remove(struct weir_state *state, struct weir_str source,
                         struct weir_error *err) WEIR_MUST_CHECK;

#endif
