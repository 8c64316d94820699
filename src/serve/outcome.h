/* Private to src/serve: what a run leaves behind that may be kept: its bytes, what it read, and
 * when.
 *
 * Begun and kept on the loop's thread, filled on the run's worker in between. */
#ifndef WEIR_SERVE_OUTCOME_H
#define WEIR_SERVE_OUTCOME_H

#include "base/arena.h"
#include "serve/keeper.h"

struct weir_outcome {
    struct weir_buf bytes;             /* whoever runs it fills it */
    struct weir_query_summary summary; /* no reads */

    /* private */
    enum weir_format format;
    weir_time computed_at;
    struct weir_arena arena; /* holds the next */
    struct weir_reads *reads;
};

/* No more bytes than `most`. */
void weir_outcome_init(struct weir_outcome *outcome, size_t most);
void weir_outcome_free(struct weir_outcome *outcome);
/* Right before the run is handed to the pool. */
void weir_outcome_begin(struct weir_outcome *outcome, enum weir_format format);
/* In the run's `done`, on its worker. */
void weir_outcome_end(struct weir_outcome *outcome, int code,
                      const struct weir_query_summary *summary);
/* Makes a result of a run that ended well, which is the caller's to release, and has the keeper
 * keep it, if its life is worth it. */
int weir_outcome_keep(const struct weir_outcome *outcome, struct weir_keeper *keeper,
                      struct weir_str key, struct weir_kept **out,
                      struct weir_error *err) WEIR_MUST_CHECK;

#endif
