#include "demo/stories.h"

#include "demo/when.h"

/* The start of the month that holds `at`. */
static int64_t month_of(int64_t at)
{
    struct demo_date date = weir_demo_date_of(at / DEMO_DAY);
    date.day = 1;
    return weir_demo_day_of(date) * DEMO_DAY;
}

/* The last Saturday at or before `at`. */
static int64_t saturday_of(int64_t at)
{
    int64_t day = at / DEMO_DAY;
    return (day - (weir_demo_weekday(day) + 2) % 7) * DEMO_DAY;
}

void weir_demo_stories_plan(struct demo_stories *stories, int64_t until)
{
    int64_t midnight = until / DEMO_DAY * DEMO_DAY;
    stories->until = until;
    stories->begin = midnight - WEIR_DEMO_DAYS * DEMO_DAY;
    stories->price_rise = month_of(until - 270 * DEMO_DAY);
    stories->giant_day = saturday_of(until - 96 * DEMO_DAY);
    stories->outage_event = saturday_of(until - 165 * DEMO_DAY) + 23 * DEMO_HOUR;
    stories->outage_from = stories->outage_event + 12 * DEMO_MINUTE;
    stories->outage_to = stories->outage_event + 67 * DEMO_MINUTE;
    stories->checkout_change = saturday_of(until - 230 * DEMO_DAY) + 3 * DEMO_DAY + 9 * DEMO_HOUR;
    stories->text_from = stories->begin + 480 * DEMO_DAY + 8 * DEMO_HOUR;
    stories->text_to = stories->text_from + 6 * DEMO_DAY;
    stories->double_from = saturday_of(until - 45 * DEMO_DAY) + 2 * DEMO_DAY + 14 * DEMO_HOUR;
    stories->double_to = stories->double_from + 9 * DEMO_DAY;
    stories->refunds_from = month_of(until - 62 * DEMO_DAY);
    stories->refunds_to = month_of(stories->refunds_from + 32 * DEMO_DAY);
    stories->clock_from = until - 50 * DEMO_MINUTE;
}

struct demo_release weir_demo_release_at(const struct demo_stories *stories, int64_t at)
{
    int64_t days = at > stories->begin ? (at - stories->begin - 8 * DEMO_HOUR) / DEMO_DAY : 0;
    struct demo_release release = {.minor = (int)(days / 30), .patch = 0};
    if (release.minor == 16 && at >= stories->text_to) {
        release.patch = 1;
    }
    return release;
}

unsigned weir_demo_growth_at(const struct demo_stories *stories, int64_t at)
{
    int64_t day = (at - stories->begin) / DEMO_DAY;
    int64_t before = WEIR_DEMO_DAYS - 365;
    if (day <= before) {
        return 100;
    }
    int64_t x = (day - before) * 1000 / 365;
    return (unsigned)(100 + 140 * x / 1000);
}
