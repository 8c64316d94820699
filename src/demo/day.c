#include "demo/gen.h"

/* Planning: how many people come on a day and to an event. Rates are in millionths at the company's
 * base size, and scale with the number of events that was asked for. */

#define VISITS_A_DAY   ((uint64_t)34 * DEMO_MILLION)
#define VIEWERS        ((uint64_t)1340000) /* of a usual event of an average sport, in season */
#define EVENTS_A_VISIT 36                  /* in tenths */
#define EVENTS_A_VIEW  30
#define FOUNDERS       120
#define TONIGHT_SHARE  5 /* thousandths of all events, for the evening at the end */

/* The company grows: from 70 % of its usual size to 130 %. */
static uint64_t trend(const struct weir_demo *demo, int64_t at)
{
    int64_t day = (at - demo->stories.begin) / DEMO_DAY;
    day = day < 0 ? 0 : day > WEIR_DEMO_DAYS ? WEIR_DEMO_DAYS : day;
    return (uint64_t)(70 + day * 60 / WEIR_DEMO_DAYS);
}

static uint32_t sport_weight(const struct weir_demo *demo, unsigned sport, int64_t day)
{
    uint32_t weight = (uint32_t)weir_demo_sports[sport].size * (20 + weir_demo_season(sport, day));
    if (sport == DEMO_GROWING) {
        weight = weight * weir_demo_growth_at(&demo->stories, day * DEMO_DAY) / 100;
    }
    return weight;
}

/* Strangers and idle accounts that look in on this day. */
static uint64_t day_visits(const struct weir_demo *demo, int64_t day)
{
    static const uint8_t week[7] = {88, 86, 90, 94, 100, 132, 124};
    uint64_t weights = 0;
    for (unsigned i = 0; i < DEMO_SPORTS; i++) {
        weights += sport_weight(demo, i, day);
    }
    uint64_t rate = VISITS_A_DAY * week[weir_demo_weekday(day)] / 100;
    rate = rate * (weights + 60000) / 200000;
    rate = rate * trend(demo, day * DEMO_DAY) / 100;
    int64_t since = day - demo->stories.giant_day / DEMO_DAY;
    return since == 0 || since == 1 ? rate * 175 / 100 : rate;
}

static uint64_t live_viewers(const struct weir_demo *demo, const struct demo_live *live)
{
    uint64_t rate = VIEWERS * live->pull / 65536 * trend(demo, live->start) / 100;
    if (live->giant || live->tonight) {
        return rate; /* giants draw on every sport */
    }
    return rate * sport_weight(demo, live->sport, live->start / DEMO_DAY) / 7600;
}

static uint64_t day_events(const struct weir_demo *demo, int64_t day, size_t *live)
{
    uint64_t events = day_visits(demo, day) * EVENTS_A_VISIT / 10;
    const struct demo_calendar *calendar = &demo->calendar;
    while (*live < calendar->count && calendar->items[*live].start < (day + 1) * DEMO_DAY) {
        const struct demo_live *item = &calendar->items[(*live)++];
        events += item->tonight ? 0 : live_viewers(demo, item) * EVENTS_A_VIEW;
    }
    return events / DEMO_MILLION;
}

void weir_demo_plan(struct weir_demo *demo)
{
    size_t live = 0;
    int64_t first = demo->stories.begin / DEMO_DAY;
    int64_t last = demo->stories.until / DEMO_DAY;
    demo->plan_total = FOUNDERS * 20;
    for (int64_t day = first; day <= last; day++) {
        uint64_t events = day_events(demo, day, &live);
        if (day == last) {
            events = events * (uint64_t)(demo->stories.until % DEMO_DAY) / DEMO_DAY;
        }
        demo->plan_total += events;
    }
    uint64_t planned = demo->options.events - demo->options.events * TONIGHT_SHARE / 1000;
    demo->scale = planned * DEMO_MILLION / demo->plan_total;
    demo->plan_done = FOUNDERS * 20;
    demo->steer = 1000;
    weir_demo_founders(demo);
    for (int64_t day = first; day <= last; day++) {
        weir_demo_queue_put(demo, day * DEMO_DAY - (day == first ? 0 : 12 * DEMO_HOUR), DEMO_DO_DAY,
                            (uint32_t)day, 0);
    }
    for (int64_t minute = 46; minute > 0; minute--) {
        weir_demo_queue_put(demo, demo->stories.until - minute * DEMO_MINUTE, DEMO_DO_FILL, 0, 0);
    }
    for (size_t i = 0; i < demo->calendar.count; i++) {
        int64_t early = demo->calendar.items[i].start - 10 * DEMO_MINUTE;
        weir_demo_queue_put(demo, early, DEMO_DO_LIVE, (uint32_t)i, 0);
    }
}

/* Compares what was made with what was planned, and leans against the difference within a month. */
static void steer(struct weir_demo *demo, uint64_t today)
{
    uint64_t planned = demo->plan_done * demo->scale / DEMO_MILLION;
    int64_t month = (int64_t)(demo->plan_total * demo->scale / DEMO_MILLION / 27) + 1;
    int64_t behind = (int64_t)planned - (int64_t)demo->totals.events;
    int64_t lean = 1000 + behind * 1000 / month;
    demo->steer = (uint64_t)(lean < 700 ? 700 : lean > 1300 ? 1300 : lean);
    demo->plan_done += today;
}

/* The hour of a day at which people are about, where they live. */
static int64_t local_moment(struct demo_rng *rng, unsigned country)
{
    static const uint32_t hours[24] = {10, 6,  4,  3,  3,  5,  10, 18, 24, 28, 32, 36,
                                       40, 40, 40, 42, 46, 54, 66, 76, 78, 66, 42, 22};
    int64_t hour =
        (int64_t)weir_demo_rng_pick(rng, hours, 24) - weir_demo_countries[country].offset;
    return hour * DEMO_HOUR + weir_demo_rng_range(rng, 0, DEMO_HOUR - 1);
}

static uint64_t scaled(const struct weir_demo *demo, uint64_t rate)
{
    return rate * demo->steer / 1000 * (demo->scale / 1000) / 1000;
}

void weir_demo_day_begin(struct weir_demo *demo, uint32_t day)
{
    struct demo_rng *rng = &demo->rng;
    size_t live = 0;
    if (day > demo->stories.begin / DEMO_DAY) {
        /* Skip to this day's events; day_events wants the first. */
        while (live < demo->calendar.count &&
               demo->calendar.items[live].start < (int64_t)day * DEMO_DAY) {
            live++;
        }
    }
    steer(demo, day_events(demo, day, &live));
    uint32_t weights[DEMO_SPORTS];
    for (unsigned i = 0; i < DEMO_SPORTS; i++) {
        weights[i] = sport_weight(demo, i, day);
    }
    uint64_t visits = weir_demo_rng_round(rng, scaled(demo, day_visits(demo, day)));
    struct demo_list *idle = &demo->lists[DEMO_IDLE];
    for (uint64_t i = 0; i < visits && !demo->failed; i++) {
        unsigned sport = (unsigned)weir_demo_rng_pick(rng, weights, DEMO_SPORTS);
        unsigned country = weir_demo_country_of(weir_demo_rng_next(rng),
                                                (enum demo_mix_name)weir_demo_sports[sport].mix);
        int64_t at = (int64_t)day * DEMO_DAY + local_moment(rng, country);
        at = at < demo->now ? demo->now + weir_demo_rng_range(rng, 0, DEMO_HOUR) : at;
        if (idle->count && weir_demo_rng_chance(rng, 110000)) {
            uint32_t person = idle->items[weir_demo_rng_below(rng, (uint32_t)idle->count)];
            weir_demo_visit_browse(demo, person, at);
        } else {
            weir_demo_visit_stranger(demo, at, sport, DEMO_NOBODY);
        }
    }
}

/* Most come in the first half hour; some wait before the start. */
static int64_t join_time(struct weir_demo *demo, const struct demo_live *live)
{
    int64_t at = live->start - 6 * DEMO_MINUTE + weir_demo_rng_wait(&demo->rng, 22 * DEMO_MINUTE);
    int64_t last = live->start + (live->minutes - 5) * DEMO_MINUTE;
    return at < last ? at : last - weir_demo_rng_range(&demo->rng, 0, 30) * DEMO_MINUTE;
}

static void seat(struct weir_demo *demo, uint32_t ref, uint64_t viewers, uint32_t regular_ppm)
{
    const struct demo_live *live = &demo->calendar.items[ref];
    struct demo_rng *rng = &demo->rng;
    struct demo_list *fans = &demo->lists[live->sport];
    uint32_t next = weir_demo_rng_below(rng, (uint32_t)fans->count);
    uint64_t seated = 0;
    for (uint64_t i = 0; i < viewers && !demo->failed; i++) {
        int64_t at = join_time(demo, live);
        if (!weir_demo_rng_chance(rng, regular_ppm)) {
            struct demo_list *idle = &demo->lists[DEMO_IDLE];
            if (idle->count && weir_demo_rng_chance(rng, 300000)) {
                weir_demo_visit_watch(
                    demo, idle->items[weir_demo_rng_below(rng, (uint32_t)idle->count)], at, ref);
            } else {
                weir_demo_visit_stranger(demo, at, live->sport, ref);
            }
        } else if (seated < fans->count * 3 / 4) {
            next = (uint32_t)((next + 7919) % fans->count); /* a prime: everyone once */
            weir_demo_visit_watch(demo, fans->items[next], at, ref);
            seated++;
        } else {
            struct demo_list *others = &demo->lists[weir_demo_rng_below(rng, DEMO_SPORTS)];
            if (others->count) {
                uint32_t person = others->items[weir_demo_rng_below(rng, (uint32_t)others->count)];
                weir_demo_visit_watch(demo, person, at, ref);
            } else {
                weir_demo_visit_stranger(demo, at, live->sport, ref);
            }
        }
    }
}

void weir_demo_live_begin(struct weir_demo *demo, uint32_t ref)
{
    const struct demo_live *live = &demo->calendar.items[ref];
    if (live->tonight) {
        return; /* weir_demo_fill finds its audience */
    }
    uint64_t viewers = weir_demo_rng_round(&demo->rng, scaled(demo, live_viewers(demo, live)));
    seat(demo, ref, viewers, live->paid ? 850000 : 620000);
}

static void any_viewer(struct weir_demo *demo, int64_t at)
{
    struct demo_rng *rng = &demo->rng;
    uint32_t slot = weir_demo_rng_below(rng, 6);
    uint32_t live = demo->calendar.tonight[slot < 3 ? 0 : slot < 5 ? 1 : 2];
    struct demo_list *fans = &demo->lists[weir_demo_rng_below(rng, DEMO_LISTS)];
    if (fans->count && weir_demo_rng_chance(rng, 700000)) {
        weir_demo_visit_watch(demo, fans->items[weir_demo_rng_below(rng, (uint32_t)fans->count)],
                              at, live);
    } else {
        weir_demo_visit_stranger(demo, at, demo->calendar.items[live].sport, live);
    }
}

/* Events that the open sessions will still give before the history ends. */
static uint64_t expected(const struct weir_demo *demo)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < demo->visit_count; i++) {
        const struct demo_visit *visit = &demo->visits[i];
        if (visit->next >= visit->count || visit->at >= demo->stories.until) {
            continue;
        }
        uint64_t beats = (uint64_t)(demo->stories.until - visit->at) / (30 * DEMO_SECOND);
        sum += beats < visit->beats ? beats : visit->beats;
        sum += beats < 2 ? 1 : (uint64_t)(visit->count - visit->next) * 4 / 5;
    }
    return sum;
}

/* The history has exactly as many events as asked for. Its last evening takes up what the plan
 * left: every minute new viewers come, as many as are missing. */
void weir_demo_fill(struct weir_demo *demo, bool last)
{
    struct demo_rng *rng = &demo->rng;
    int64_t left = demo->stories.until - demo->now;
    uint64_t coming = demo->totals.events + (last ? 0 : expected(demo));
    if (coming >= demo->options.events) {
        return;
    }
    /* Half as many again as an even spread would need, so that the last minutes only mend. */
    uint64_t missing = demo->options.events - coming;
    uint64_t minutes = (uint64_t)(left / DEMO_MINUTE);
    uint64_t each = last ? 3 : 3 + (minutes > 24 ? 24 : minutes);
    uint64_t count =
        last ? missing / each + 1
             : weir_demo_rng_round(rng, missing * DEMO_MILLION * 3 / (each * (2 * minutes + 1)));
    for (uint64_t i = 0; i < count && !demo->failed; i++) {
        int64_t at =
            demo->now + weir_demo_rng_range(rng, 0, left < DEMO_MINUTE ? left - 1 : DEMO_MINUTE);
        if (last) {
            weir_demo_visit_stranger(demo, at, weir_demo_rng_below(rng, DEMO_SPORTS), DEMO_NOBODY);
        } else {
            any_viewer(demo, at);
        }
    }
}

/* --- live: a small crowd, at the pace of a clock on the wall ------------------------------------
 */

static void open_live_event(struct weir_demo *demo, uint32_t slot, int64_t start)
{
    struct demo_live *live = &demo->calendar.items[demo->calendar.tonight[slot]];
    unsigned number = (unsigned)(demo->calendar.count + weir_demo_rng_below(&demo->rng, 100000));
    weir_demo_calendar_fill(live, &demo->rng, weir_demo_rng_below(&demo->rng, DEMO_SPORTS), start,
                            number);
    live->tonight = true;
    live->giant = false;
}

void weir_demo_tick_start(struct weir_demo *demo, int64_t now)
{
    while (demo->visit_count > demo->idle_count && demo->queued) {
        struct demo_todo todo;
        if (weir_demo_queue_take(demo, &todo) && todo.kind == DEMO_DO_STEP) {
            weir_demo_visit_end(demo, todo.ref);
        }
    }
    demo->queued = 0;
    demo->now = now;
    for (uint32_t slot = 0; slot < 3; slot++) {
        open_live_event(demo, slot, now - (5 + 20 * (int64_t)slot) * DEMO_MINUTE);
    }
    weir_demo_queue_put(demo, now, DEMO_DO_TICK, 0, 0);
    for (int i = 0; i < 45; i++) { /* they were on already */
        any_viewer(demo, now + weir_demo_rng_range(&demo->rng, 0, 15000));
    }
}

/* Every five seconds: a new viewer now and then, a visitor, and new events as old ones end. */
void weir_demo_tick(struct weir_demo *demo)
{
    struct demo_rng *rng = &demo->rng;
    int64_t now = demo->now;
    for (uint32_t slot = 0; slot < 3; slot++) {
        const struct demo_live *live = &demo->calendar.items[demo->calendar.tonight[slot]];
        if (live->start + live->minutes * DEMO_MINUTE < now) {
            open_live_event(demo, slot, now);
        }
    }
    for (int i = 0; i < 2; i++) {
        if (weir_demo_rng_chance(rng, 300000)) {
            any_viewer(demo, now + weir_demo_rng_range(rng, 0, 5000));
        }
    }
    if (weir_demo_rng_chance(rng, 500000)) {
        weir_demo_visit_stranger(demo, now + weir_demo_rng_range(rng, 0, 5000),
                                 weir_demo_rng_below(rng, DEMO_SPORTS), DEMO_NOBODY);
    }
    weir_demo_queue_put(demo, now + 5 * DEMO_SECOND, DEMO_DO_TICK, 0, 0);
}
