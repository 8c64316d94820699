/* The live events: about 1,200 a year, most of them at weekends, a few of them giants. */
#ifndef WEIR_DEMO_CALENDAR_H
#define WEIR_DEMO_CALENDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "demo/rng.h"
#include "demo/stories.h"

struct demo_live {
    int64_t start;
    int32_t minutes;
    uint32_t pull; /* audience relative to a usual event of the sport, 65,536 = 1 */
    uint8_t sport;
    bool paid;
    bool giant;
    bool tonight; /* runs while the history ends */
    char id[20];  /* live_000123 */
    char title[72];
};

struct demo_calendar {
    struct demo_live *items; /* by start */
    size_t count;
    size_t giant; /* the story's */
    size_t outage;
    uint32_t tonight[3]; /* the last to start is the smallest */
};

int weir_demo_calendar_make(struct demo_calendar *calendar, const struct demo_stories *stories,
                            struct demo_rng *rng, struct weir_error *err) WEIR_MUST_CHECK;
void weir_demo_calendar_free(struct demo_calendar *calendar);
/* Fills one event that begins at `start`; for the live hours behind the history. */
void weir_demo_calendar_fill(struct demo_live *live, struct demo_rng *rng, unsigned sport,
                             int64_t start, unsigned number);

#endif
