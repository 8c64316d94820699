/* Who opened which report, and when: for "opened lately", and to know which nobody misses. */
#ifndef WEIR_STATE_REPORT_USE_H
#define WEIR_STATE_REPORT_USE_H

#include "state/state.h"

#define WEIR_OPEN_EVERY    (60 * WEIR_SECOND) /* opening again sooner is not noted */
#define WEIR_REPORT_FORGET (7 * WEIR_DAY)     /* after a report's files are gone */

struct weir_report_use {
    struct weir_str report; /* first, for weir_str_order() */
    weir_time seen_at;      /* when this weir first met it */
    weir_time opened_at;    /* by anybody; 0: never */
    bool published;         /* or scheduled to be */
};

/* Meets this report, unless it is known. */
int weir_report_use_begin(struct weir_state *state, struct weir_str report, weir_time now,
                          struct weir_error *err) WEIR_MUST_CHECK;
/* `person` (an id, or the owner's) opened it. One row a person and report is kept. */
int weir_report_use_open(struct weir_state *state, struct weir_str report, struct weir_str person,
                         weir_time now, struct weir_error *err) WEIR_MUST_CHECK;
/* What this person opened, by report; `opened_at` is hers, `seen_at` is 0. */
int weir_report_use_of(struct weir_state *state, struct weir_str person, struct weir_arena *arena,
                       struct weir_report_use **out, size_t *count,
                       struct weir_error *err) WEIR_MUST_CHECK;
/* Notes which reports there are now, and gives what is known of each, in that order. What belongs
 * to one that has been missing for WEIR_REPORT_FORGET is dropped (a branch may hide it for a
 * while). */
int weir_report_use_sync(struct weir_state *state, const struct weir_str *reports, size_t count,
                         weir_time now, struct weir_arena *arena, struct weir_report_use **out,
                         struct weir_error *err) WEIR_MUST_CHECK;
/* Is anything known of it? A report whose files are there is, once weir_report_use_sync saw it. */
int weir_report_use_known(struct weir_state *state, struct weir_str report, bool *out,
                          struct weir_error *err) WEIR_MUST_CHECK;
/* It was deleted: its shares and opens go. */
int weir_report_use_forget(struct weir_state *state, struct weir_str report,
                           struct weir_error *err) WEIR_MUST_CHECK;

#endif
