/* When things happened to Podium: the plot that the numbers tell. Only the population scales with
 * the number of events; this does not. docs/guide/demo.md tells it to people. */
#ifndef WEIR_DEMO_STORIES_H
#define WEIR_DEMO_STORIES_H

#include <stdbool.h>
#include <stdint.h>

#include "demo/device.h"

struct demo_stories {
    int64_t begin, until;             /* of the history */
    int64_t price_rise;               /* 12.50 becomes 14.00, 150.00 becomes 168.00 */
    int64_t giant_day;                /* a Saturday: the rugby final; the Sunday is part of it */
    int64_t outage_event;             /* start of the event that went wrong */
    int64_t outage_from, outage_to;   /* buffering */
    int64_t checkout_change;          /* the short checkout goes out to phones */
    int64_t text_from, text_to;       /* iOS 4.16.0 sends video_position as text */
    int64_t double_from, double_to;   /* a web release sends some events twice */
    int64_t refunds_from, refunds_to; /* a month: double charges, paid back */
    int64_t clock_from;               /* some Android boxes wake up in 1970 */
};

void weir_demo_stories_plan(struct demo_stories *stories, int64_t until);

/* The newest app at that moment: a minor version a month; 4.16.1 mends 4.16.0. */
struct demo_release weir_demo_release_at(const struct demo_stories *stories, int64_t at);
/* How large the growing sport is beside the others, in percent of what it was: 100 for half a year,
 * then up to 240 within a year. With the company's own growth it becomes three times as large. */
unsigned weir_demo_growth_at(const struct demo_stories *stories, int64_t at);

#endif
