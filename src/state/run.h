/* Runs: which statements somebody ran, when, and how they ended. Per person, the newest of them. */
#ifndef WEIR_STATE_RUN_H
#define WEIR_STATE_RUN_H

#include "state/state.h"

#define WEIR_RUN_MAX_SQL    (64u << 10) /* bytes; the rest is cut off */
#define WEIR_RUN_MAX_VALUES (16u << 10) /* larger ones are not kept */
#define WEIR_RUNS_LIMIT     500         /* of one answer */

struct weir_run {
    int64_t id; /* grows; the newest has the largest */
    weir_time at;
    struct weir_str person; /* an id, or "owner" */
    struct weir_str sql;    /* as it was written; empty for a report's query */
    struct weir_str values; /* of its parameters, a JSON object; empty: none */
    struct weir_str report; /* ids; empty: free SQL */
    struct weir_str query;
    int64_t rows; /* -1: it failed */
    bool truncated;
    weir_time elapsed;
    struct weir_str error; /* empty: it ended well */
};

/* All in one transaction; of each person the newest `keep` stay. */
int weir_runs_add(struct weir_state *state, const struct weir_run *runs, size_t count, int64_t keep,
                  struct weir_error *err) WEIR_MUST_CHECK;

struct weir_run_filter {
    struct weir_str person; /* nobody else's */
    int64_t before;         /* an id; 0: from the newest */
    int64_t limit;          /* 1 to WEIR_RUNS_LIMIT */
    struct weir_str text;   /* stands in the statement, the values or the error; empty: any */
};
/* Newest first; `more` says that there are older ones. */
int weir_runs_list(struct weir_state *state, const struct weir_run_filter *filter,
                   struct weir_arena *arena, struct weir_run **out, size_t *count, bool *more,
                   struct weir_error *err) WEIR_MUST_CHECK;

/* Of one person (empty: of everybody), since then, the slowest first; at most WEIR_RUNS_LIMIT. */
int weir_runs_slowest(struct weir_state *state, struct weir_str person, weir_time since,
                      int64_t limit, struct weir_arena *arena, struct weir_run **out, size_t *count,
                      struct weir_error *err) WEIR_MUST_CHECK;

/* Of everybody, those with a larger id, in order, without their statements and values; at most
 * `limit`. */
int weir_runs_after(struct weir_state *state, int64_t id, int64_t limit, struct weir_arena *arena,
                    struct weir_run **out, size_t *count, struct weir_error *err) WEIR_MUST_CHECK;

#endif
