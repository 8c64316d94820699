/* When a source runs by itself. Pure: the time is an argument. */
#ifndef WEIR_SOURCE_SCHEDULE_H
#define WEIR_SOURCE_SCHEDULE_H

#include "base/error.h"
#include "base/str.h"
#include "base/time.h"
#include "source/schedule/cron.h"

enum weir_source_schedule_kind {
    WEIR_SOURCE_MANUAL,
    WEIR_SOURCE_EVERY, /* "every 5m": so long from one beginning to the next */
    WEIR_SOURCE_AFTER, /* "after NAME": when a run of that source has ended well */
    WEIR_SOURCE_CRON   /* "cron 0 6 * * 1-5 Europe/Berlin" */
};
struct weir_source_schedule {
    enum weir_source_schedule_kind kind;
    weir_time every;
    char after[64];
    struct weir_cron cron;
};
/* WEIR_EINVAL says what can be written. */
int weir_source_schedule_parse(struct weir_str text, struct weir_source_schedule *out,
                               struct weir_error *err) WEIR_MUST_CHECK;

/* What is known of the runs of a source; times are 0 when there was none. */
struct weir_source_turn {
    weir_time began, ended; /* of the latest run; `ended`: not of one that somebody ended */
    unsigned failures;      /* in a row, up to it */
    bool partly;            /* it failed, and others of its streams went well */
    weir_time other_ended;  /* AFTER: the latest good run of the other source */
    weir_time known;        /* since when, without a run: for CRON what was due before is over */
    char gone[200];         /* streams that were gone at the source: "b, c and 3 more"; or "" */
};
/* Failures in a row when one more came, of which a part went well (`partly`), as it did of the one
 * before (`before`): where nothing goes well any more, they begin anew. */
unsigned weir_source_failures_after(unsigned failures, bool before, bool partly);
/* What `known` is to be now: what it is, or the latest run; a time to come is now. */
weir_time weir_source_schedule_known(const struct weir_source_turn *turn, weir_time now);
/* When the next run is due; WEIR_TIME_MAX: not before something happens. `chance`, from 0 to 1,
 * spreads what would come at the same moment. After failures: 2 s, 4 s, 8 s, … at most an hour,
 * shortened by up to a half by chance; not later than it would be due without them where a part
 * went well. `clock` is asked for CRON only. */
weir_time weir_source_schedule_next(const struct weir_source_schedule *schedule,
                                    const struct weir_source_turn *turn, weir_time now,
                                    double chance, const struct weir_zone_clock *clock);

/* When a source runs by itself, and how. */
struct weir_source_rota {
    struct weir_source_schedule schedule, verify;
    bool paused;
    unsigned priority;
    uint64_t memory; /* that a run may take beside the warehouse's engine, at most; 0: any */
};
/* Of two that are due, goes `a` before `b`? The higher priority does, which each minute of waiting
 * makes one higher, so that none waits for ever; then what waits longer. */
bool weir_source_schedule_before(const struct weir_source_rota *a, weir_time a_due,
                                 const struct weir_source_rota *b, weir_time b_due, weir_time now);

#endif
