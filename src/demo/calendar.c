#include "demo/calendar.h"

#include <stdio.h>
#include <stdlib.h>

#include "demo/people.h"
#include "demo/sports.h"
#include "demo/when.h"

static const char *const cities[] = {
    "Lisbon", "Austin",   "Osaka",     "Leeds",    "Lyon",      "Toronto",   "Chicago",
    "Berlin", "Auckland", "Denver",    "Porto",    "Cape Town", "Nashville", "Milan",
    "Bilbao", "Oslo",     "Phoenix",   "Montreal", "Brisbane",  "Cardiff",   "Seattle",
    "Dublin", "Valencia", "Boston",    "Utrecht",  "Innsbruck", "Columbus",  "Recife",
    "Kyoto",  "Tampa",    "Marseille", "Hobart"};
static const char *const cups[] = {"Open",          "Invitational", "Classic", "Cup",
                                   "Championships", "Grand Prix",   "Series",  "Trophy"};

void weir_demo_calendar_fill(struct demo_live *live, struct demo_rng *rng, unsigned sport,
                             int64_t start, unsigned number)
{
    const struct demo_sport *info = &weir_demo_sports[sport];
    live->sport = (uint8_t)sport;
    live->start = start;
    live->minutes = info->minutes + (int32_t)weir_demo_rng_range(rng, -4, 4) * 5;
    live->pull = weir_demo_rng_factor(rng, sport == DEMO_GROWING ? 26000 : 62000);
    live->paid = weir_demo_rng_chance(rng, 720000);
    snprintf(live->id, sizeof live->id, "live_%06u", number);
    const char *what = info->finals[weir_demo_rng_below(rng, 3)];
    snprintf(live->title, sizeof live->title, "%s %s %s: %s",
             cities[weir_demo_rng_below(rng, sizeof cities / sizeof *cities)], info->name,
             cups[weir_demo_rng_below(rng, sizeof cups / sizeof *cups)], what);
}

static int by_start(const void *a, const void *b)
{
    const struct demo_live *x = a;
    const struct demo_live *y = b;
    if (x->start != y->start) {
        return x->start < y->start ? -1 : 1;
    }
    return x->sport - y->sport; /* qsort is not stable: ties must not depend on it */
}

/* A start on this local day, in UTC: prime time where the sport is at home. */
static int64_t start_on(int64_t day, unsigned sport, struct demo_rng *rng)
{
    static const int8_t zone[DEMO_MIXES] = {-5, 1, 2, 0};
    const struct demo_sport *info = &weir_demo_sports[sport];
    int64_t hour = info->prime - zone[info->mix] + weir_demo_rng_range(rng, -4, 2);
    return day * DEMO_DAY + hour * DEMO_HOUR + weir_demo_rng_range(rng, 0, 3) * 15 * DEMO_MINUTE;
}

static size_t fill_day(struct demo_live *items, int64_t day, struct demo_rng *rng)
{
    /* 24 a week, most on Saturday and Sunday; times two for the sports' seasons, which take half.
     */
    static const uint32_t share[7] = {160, 160, 260, 300, 640, 1800, 1480};
    struct demo_date date = weir_demo_date_of(day);
    size_t n = 0;
    for (unsigned sport = 0; sport < DEMO_SPORTS; sport++) {
        uint64_t rate = (uint64_t)share[weir_demo_weekday(day)] *
                        weir_demo_sports[sport].season[date.month - 1];
        size_t events =
            weir_demo_rng_round(rng, rate * 268 / 100 * (60 + weir_demo_sports[sport].size) / 100);
        for (size_t i = 0; i < events; i++) {
            weir_demo_calendar_fill(&items[n++], rng, sport, start_on(day, sport, rng), 0);
        }
    }
    return n;
}

static void make_special(struct demo_live *live, unsigned sport, int64_t start, const char *title,
                         uint32_t times, struct demo_rng *rng)
{
    weir_demo_calendar_fill(live, rng, sport, start, 0);
    live->pull = times * 65536;
    live->giant = true;
    if (title) {
        snprintf(live->title, sizeof live->title, "%s", title);
    }
}

/* A giant every two and a half months or so, besides the stories'. */
static size_t add_specials(struct demo_live *items, const struct demo_stories *stories,
                           struct demo_rng *rng)
{
    static const uint8_t sports[] = {2, 10, 4, 1, 8, 7};
    size_t n = 0;
    for (size_t i = 0; i < sizeof sports; i++) {
        int64_t day = stories->begin / DEMO_DAY + 30 + (int64_t)i * 78;
        day += (5 + 7 - weir_demo_weekday(day)) % 7;
        if (day * DEMO_DAY == stories->giant_day) {
            day -= 7;
        }
        make_special(&items[n++], sports[i], start_on(day, sports[i], rng), NULL, 14, rng);
    }
    int64_t giant = stories->giant_day + 17 * DEMO_HOUR;
    make_special(&items[n++], DEMO_GIANT, giant, "World Rugby Sevens Cup: Final day", 40, rng);
    items[n - 1].minutes = 300;
    items[n - 1].paid = true;
    make_special(&items[n++], DEMO_GIANT, giant + 22 * DEMO_HOUR, "World Rugby Sevens Cup: Bronze",
                 11, rng);
    make_special(&items[n++], DEMO_OUTAGE, stories->outage_event, "Harbor Wrestling Open: Finals",
                 24, rng);
    items[n - 1].paid = true;
    return n;
}

/* Three events run while the history ends, whatever the hour: someone is always on. */
static size_t add_tonight(struct demo_live *items, int64_t until, struct demo_rng *rng)
{
    static const uint8_t sports[] = {DEMO_GROWING, 6, 8};
    int64_t quarter = 15 * DEMO_MINUTE;
    int64_t start = (until - 46 * DEMO_MINUTE) / quarter * quarter;
    for (size_t i = 0; i < sizeof sports; i++) {
        weir_demo_calendar_fill(&items[i], rng, sports[i], start - (int64_t)i * quarter, 0);
        items[i].minutes = 150;
        items[i].pull = (uint32_t)(65536 * (6 - 2 * i));
        items[i].tonight = true;
        items[i].paid = i == 1;
    }
    return sizeof sports;
}

int weir_demo_calendar_make(struct demo_calendar *calendar, const struct demo_stories *stories,
                            struct demo_rng *rng, struct weir_error *err)
{
    size_t max = (WEIR_DEMO_DAYS + 2) * DEMO_SPORTS * 2;
    struct demo_live *items = calloc(max, sizeof *items);
    if (!items) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the sample company's calendar");
    }
    size_t n = add_specials(items, stories, rng);
    n += add_tonight(items + n, stories->until, rng);
    int64_t last = stories->until / DEMO_DAY;
    for (int64_t day = stories->begin / DEMO_DAY; day <= last; day++) {
        n += fill_day(items + n, day, rng);
    }
    unsigned tonight = 0;
    qsort(items, n, sizeof *items, by_start);
    for (size_t i = 0; i < n; i++) {
        snprintf(items[i].id, sizeof items[i].id, "live_%06u", (unsigned)(i + 1) % 1000000);
        if (items[i].tonight) {
            calendar->tonight[tonight++ % 3] = (uint32_t)i;
        }
        if (items[i].giant && items[i].sport == DEMO_OUTAGE) {
            calendar->outage = i;
        }
        if (items[i].giant && items[i].sport == DEMO_GIANT && items[i].minutes == 300) {
            calendar->giant = i;
        }
    }
    struct demo_live *fit = realloc(items, n * sizeof *items);
    calendar->items = fit ? fit : items;
    calendar->count = n;
    return 0;
}

void weir_demo_calendar_free(struct demo_calendar *calendar)
{
    free(calendar->items);
    calendar->items = NULL;
}
