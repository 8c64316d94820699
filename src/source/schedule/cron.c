#include "source/schedule/cron.h"

#include <stdio.h>

#define MINUTE    (60 * WEIR_SECOND)
#define QUARTER   (15 * MINUTE)
#define NONE      WEIR_TIME_MIN
#define EACH_HOUR 0xffffffu
#define DAYS      (8 * 366 + 2) /* 29 February comes within eight years, also around 2100 */

struct field {
    const char *name;
    unsigned least, most;
    const char *const *names; /* of least, least + 1, …; NULL: none */
};
static const char *const months[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul",
                                     "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const weekdays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};
static const struct field fields[] = {{"minute", 0, 59, NULL},
                                      {"hour", 0, 23, NULL},
                                      {"day of the month", 1, 31, NULL},
                                      {"month", 1, 12, months},
                                      {"day of the week", 0, 7, weekdays}};

/* --- reading ------------------------------------------------------------------------------------
 */

static bool read_value(const struct field *f, struct weir_str text, unsigned *out)
{
    int64_t number;
    for (unsigned i = 0; f->names && f->names[i]; i++) {
        if (weir_str_eq_nocase(text, weir_str_of(f->names[i]))) {
            *out = f->least + i;
            return true;
        }
    }
    bool well = text.len && text.len <= 2 && weir_str_to_i64(text, &number) && number >= f->least &&
                number <= f->most;
    *out = well ? (unsigned)number : 0;
    return well;
}

/* "*", "5", "1-5", each with "/STEP"; "5/10" goes on to the end. */
static bool read_part(const struct field *f, struct weir_str part, uint64_t *bits)
{
    struct weir_str step = part, range = weir_str_cut(&step, '/'), last = range;
    int64_t by = 1;
    unsigned from = f->least, to = f->most;
    if (step.ptr && (!weir_str_to_i64(step, &by) || by < 1 || by > f->most)) {
        return false;
    }
    if (!weir_str_is(range, "*")) {
        struct weir_str first = weir_str_cut(&last, '-');
        if (!read_value(f, first, &from) || (last.ptr && !read_value(f, last, &to))) {
            return false;
        }
        to = last.ptr ? to : step.ptr ? f->most : from;
    }
    for (unsigned i = from; i <= to; i += (unsigned)by) {
        *bits |= UINT64_C(1) << i;
    }
    return from <= to;
}

static int read_field(const struct field *f, struct weir_str text, uint64_t *bits,
                      struct weir_error *err)
{
    struct weir_str rest = text;
    *bits = 0;
    while (rest.ptr) {
        if (!read_part(f, weir_str_cut(&rest, ','), bits)) {
            return weir_fail(err, WEIR_EINVAL,
                             "the %s \"%.*s\" of a cron schedule must be *, or numbers from %u to "
                             "%u, as 5, 1-5, */10 or 1,15",
                             f->name, (int)(text.len < 40 ? text.len : 40), text.ptr, f->least,
                             f->most);
        }
    }
    return 0;
}

static struct weir_str next_word(struct weir_str *rest)
{
    *rest = weir_str_trim(*rest);
    struct weir_str word = weir_str_cut(rest, ' ');
    *rest = rest->ptr ? weir_str_trim(*rest) : WEIR_STR("");
    return word;
}

static bool zone_name(struct weir_str zone)
{
    bool well = zone.len < 64;
    for (size_t i = 0; well && i < zone.len; i++) {
        char c = zone.ptr[i];
        well = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '/' || c == '_' || c == '-' || c == '+';
    }
    return well;
}

/* --- days ---------------------------------------------------------------------------------------
 */

static const unsigned month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

struct day { /* since 1970-01-01, and what it is */
    int64_t number;
    unsigned month, day, weekday;
};

/* Howard Hinnant's civil_from_days. */
static struct day day_of(int64_t number)
{
    int64_t z = number + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    unsigned doe = (unsigned)(z - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned mp = (5 * doy + 2) / 153;
    struct day d = {.number = number,
                    .day = doy - (153 * mp + 2) / 5 + 1,
                    .month = mp < 10 ? mp + 3 : mp - 9,
                    .weekday = (unsigned)(((number + 4) % 7 + 7) % 7)};
    return d;
}

static bool on_day(const struct weir_cron *c, const struct day *d)
{
    bool day = c->days >> d->day & 1, weekday = c->weekdays >> d->weekday & 1;
    bool fits = c->any_day || c->any_weekday ? day && weekday : day || weekday;
    return (c->months >> d->month & 1) && fits;
}

/* By days of the week, or by one that some month of them has? */
static bool ever_comes(const struct weir_cron *c)
{
    bool comes = !c->any_weekday && !c->any_day;
    for (unsigned month = 1; !comes && month <= 12; month++) {
        unsigned most = month == 2 ? 29 : month_days[month - 1];
        comes = (c->months >> month & 1) && (c->days & ((UINT64_C(2) << most) - 2));
    }
    return comes;
}

int weir_cron_parse(struct weir_str text, struct weir_cron *out, struct weir_error *err)
{
    uint64_t bits[5];
    struct weir_str words[5], rest = text;
    *out = (struct weir_cron){0};
    for (int i = 0; i < 5; i++) {
        words[i] = next_word(&rest);
        if (words[i].len == 0) {
            return weir_fail(err, WEIR_EINVAL,
                             "a cron schedule has five fields (minute, hour, day of the month, "
                             "month, day of the week) and a time zone, as `cron 0 6 * * 1-5 "
                             "Europe/Berlin`");
        }
        int rc = read_field(&fields[i], words[i], &bits[i], err);
        if (rc) {
            return rc;
        }
    }
    if (!zone_name(rest)) {
        return weir_fail(err, WEIR_EINVAL,
                         "\"%.*s\" is no time zone; write its name, as Europe/Berlin or UTC",
                         (int)(rest.len < 60 ? rest.len : 60), rest.ptr);
    }
    out->minutes = bits[0];
    out->hours = (uint32_t)bits[1];
    out->days = (uint32_t)bits[2];
    out->months = (uint32_t)bits[3];
    out->weekdays = (uint32_t)((bits[4] | bits[4] >> 7) & 0x7f);
    out->any_day = weir_str_starts(words[2], WEIR_STR("*"));
    out->any_weekday = weir_str_starts(words[4], WEIR_STR("*"));
    snprintf(out->zone, sizeof out->zone, WEIR_STR_FMT,
             WEIR_STR_ARG(rest.len ? rest : WEIR_STR("UTC")));
    return ever_comes(out)
               ? 0
               : weir_fail(err, WEIR_EINVAL, "a cron schedule names a day that no month has");
}

/* --- moments ------------------------------------------------------------------------------------
 */

/* When the zone's clock shows `wall` first, or skips it. */
static bool moment_of(const struct weir_cron *c, weir_time wall,
                      const struct weir_zone_clock *clock, weir_time *out)
{
    weir_time before, behind, at;
    if (!clock->offset(clock->arg, c->zone, wall - WEIR_DAY, &before) ||
        !clock->offset(clock->arg, c->zone, wall + WEIR_DAY, &behind) ||
        !clock->offset(clock->arg, c->zone, wall - before, &at)) {
        return false;
    }
    *out = wall - before;
    if (at == before) {
        return true;
    }
    *out = wall - behind;
    if (!clock->offset(clock->arg, c->zone, *out, &at) || at == behind) {
        return at == behind;
    }
    /* Skipped: it is before the change by the one, and behind it by the other. */
    weir_time t = *out - ((*out % QUARTER) + QUARTER) % QUARTER;
    do {
        t += QUARTER;
        if (!clock->offset(clock->arg, c->zone, t, &at)) {
            return false;
        }
    } while (at == before && t < wall + WEIR_DAY);
    *out = t;
    return true;
}

/* `shown`: what the clock shows at `after`; what it shows before comes no more. */
static weir_time first_on(const struct weir_cron *c, const struct day *d, weir_time shown,
                          weir_time after, const struct weir_zone_clock *clock)
{
    for (unsigned hour = 0; hour < 24; hour++) {
        for (unsigned minute = 0; (c->hours >> hour & 1) && minute < 60; minute++) {
            weir_time wall = d->number * WEIR_DAY + (hour * 60 + minute) * MINUTE, moment;
            if (!(c->minutes >> minute & 1) || wall <= shown) {
                continue;
            }
            if (!moment_of(c, wall, clock, &moment)) {
                return WEIR_TIME_MAX;
            }
            if (moment > after) {
                return moment;
            }
        }
    }
    return NONE;
}

/* The first moment behind `after` and before `most` that an hour shows which clocks show again. */
static weir_time shown_again(const struct weir_cron *c, weir_time after, weir_time most,
                             const struct weir_zone_clock *clock)
{
    weir_time before, behind, offset;
    if (most == WEIR_TIME_MAX || c->hours != EACH_HOUR ||
        !clock->offset(clock->arg, c->zone, after - WEIR_DAY, &before) ||
        !clock->offset(clock->arg, c->zone, after + WEIR_DAY, &behind) || before <= behind) {
        return most;
    }
    weir_time from = after - ((after % QUARTER) + QUARTER) % QUARTER;
    for (weir_time t = from; t < most && t <= after + WEIR_DAY; t += QUARTER) {
        if (!clock->offset(clock->arg, c->zone, t, &offset)) {
            return most;
        }
        for (weir_time at = t; offset == behind && at < t + QUARTER && at < most; at += MINUTE) {
            weir_time wall = at + offset, minute = (wall / MINUTE % 60 + 60) % 60;
            struct day d = day_of(wall / WEIR_DAY - (wall % WEIR_DAY < 0));
            if (at > after && (c->minutes >> minute & 1) && on_day(c, &d)) {
                return at;
            }
        }
    }
    return most;
}

weir_time weir_cron_next(const struct weir_cron *c, weir_time after,
                         const struct weir_zone_clock *clock)
{
    weir_time offset;
    if (!clock->offset(clock->arg, c->zone, after, &offset)) {
        return WEIR_TIME_MAX;
    }
    weir_time shown = after + offset;
    int64_t first = shown / WEIR_DAY - (shown % WEIR_DAY < 0);
    for (int64_t i = 0; i < DAYS; i++) {
        struct day d = day_of(first + i);
        weir_time moment = on_day(c, &d) ? first_on(c, &d, shown, after, clock) : NONE;
        if (moment != NONE) {
            return shown_again(c, after, moment, clock);
        }
    }
    return WEIR_TIME_MAX;
}
