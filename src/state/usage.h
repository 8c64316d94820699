/* Usage: who used which report, how often, and what it cost the engine; by day. */
#ifndef WEIR_STATE_USAGE_H
#define WEIR_STATE_USAGE_H

#include "state/state.h"

struct weir_usage_count {
    int64_t opens;
    int64_t queries; /* answered, from what was kept or by a run */
    int64_t hits;    /* of those, without a run of their own */
    int64_t failures;
    weir_time engine; /* its time */
};

struct weir_usage_row {             /* what is to be added */
    int64_t day;                    /* since 1970, in UTC */
    struct weir_str report, person; /* ids; empty: free SQL; people who are gone */
    struct weir_usage_count count;
};
struct weir_usage_open {
    int64_t id; /* grows */
    weir_time at;
    struct weir_str report, person;
};
/* All in one transaction; days before `first_day`, and opens that are older, go. */
int weir_usage_write(struct weir_state *state, const struct weir_usage_row *rows, size_t count,
                     const struct weir_usage_open *opens, size_t open_count, int64_t first_day,
                     struct weir_error *err) WEIR_MUST_CHECK;

/* For whoever copies them: those with a larger id, in order; at most `limit`. */
int weir_usage_opens_after(struct weir_state *state, int64_t id, int64_t limit,
                           struct weir_arena *arena, struct weir_usage_open **out, size_t *count,
                           struct weir_error *err) WEIR_MUST_CHECK;
int weir_usage_days_from(struct weir_state *state, int64_t day, int64_t limit,
                         struct weir_arena *arena, struct weir_usage_row **out, size_t *count,
                         struct weir_error *err) WEIR_MUST_CHECK;
/* The largest ids of opens and runs that were ever given. */
int weir_usage_last_ids(struct weir_state *state, int64_t *opens, int64_t *runs,
                        struct weir_error *err) WEIR_MUST_CHECK;
/* Was anything ever used? */
int weir_usage_is_any(struct weir_state *state, bool *out, struct weir_error *err) WEIR_MUST_CHECK;

struct weir_usage_sum {
    struct weir_str id; /* of a report or a person */
    int64_t others;     /* how many people used the report; how many reports the person used */
    weir_time last_open;
    struct weir_usage_count count;
};
/* By report or by person since that day, the dearest first; at most `limit`. */
int weir_usage_reports(struct weir_state *state, int64_t first_day, int64_t limit,
                       struct weir_arena *arena, struct weir_usage_sum **out, size_t *count,
                       struct weir_error *err) WEIR_MUST_CHECK;
int weir_usage_people(struct weir_state *state, int64_t first_day, int64_t limit,
                      struct weir_arena *arena, struct weir_usage_sum **out, size_t *count,
                      struct weir_error *err) WEIR_MUST_CHECK;

#endif
