/* Times of a clock on the wall: "0 6 * * 1-5 Europe/Berlin". Pure: what the zone's clock shows is
 * asked of the caller.
 *
 * Five fields: minute, hour, day of the month, month, day of the week (0 and 7 are Sunday); each is
 * `*`, or a list of numbers, names (jan, mon) and ranges, with a step behind `/`. When days of the
 * month and of the week are both said, either will do. The zone is UTC when it is not said.
 *
 * When clocks go forward, times that they skip come once, at the moment of the change; when they go
 * back, times that they show twice come the first time only, but for a schedule of each hour, which
 * would stand still for one: it comes both times. */
#ifndef WEIR_SOURCE_CRON_H
#define WEIR_SOURCE_CRON_H

#include "base/error.h"
#include "base/str.h"
#include "base/time.h"

struct weir_cron {
    uint64_t minutes; /* bit i: at i */
    uint32_t hours, days, months, weekdays;
    bool any_day, any_weekday; /* were `*` */
    char zone[64];
};
/* WEIR_EINVAL says which field is wrong, or that no such day comes. */
int weir_cron_parse(struct weir_str text, struct weir_cron *out,
                    struct weir_error *err) WEIR_MUST_CHECK;

/* How far the zone's clock is before UTC at that moment, which changes at quarters of an hour only.
 * False: there is no such zone. */
struct weir_zone_clock {
    bool (*offset)(void *arg, const char *zone, weir_time utc, weir_time *offset);
    void *arg;
};
/* The first moment behind `after`; WEIR_TIME_MAX: there is none, or no such zone. */
weir_time weir_cron_next(const struct weir_cron *cron, weir_time after,
                         const struct weir_zone_clock *clock);

#endif
