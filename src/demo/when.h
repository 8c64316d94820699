/* Time inside the generator: int64 milliseconds since 1970, UTC, and the calendar on top. */
#ifndef WEIR_DEMO_WHEN_H
#define WEIR_DEMO_WHEN_H

#include <stdint.h>

#define DEMO_SECOND ((int64_t)1000)
#define DEMO_MINUTE (60 * DEMO_SECOND)
#define DEMO_HOUR   (60 * DEMO_MINUTE)
#define DEMO_DAY    (24 * DEMO_HOUR)

struct demo_date {
    int year;
    unsigned month; /* 1 .. 12 */
    unsigned day;   /* 1 .. 31 */
};

/* `day` counts days since 1970-01-01 and is not negative. */
struct demo_date weir_demo_date_of(int64_t day);
int64_t weir_demo_day_of(struct demo_date date);
/* 0 = Monday. */
static inline unsigned weir_demo_weekday(int64_t day)
{
    return (unsigned)((day + 3) % 7);
}
/* The same day and time `months` later; the last day of the month when it has no such day. */
int64_t weir_demo_add_months(int64_t at, unsigned months);
/* "2026-01-02T03:04:05.678Z": 24 characters, no NUL. */
void weir_demo_when_print(int64_t at, char out[24]);

#endif
