/* Ranges of dates: what is written, their two ends on the calendar, and how a column is held
 * against them. A day is a day of the site's time zone; the engine turns its ends into UTC. */
#include "param/compile.h"

/* --- the calendar ----------------------------------------------------------------------------- */

struct civil {
    int64_t year;
    int month, day; /* from 1 */
};

/* Days since 1970-01-01 in the proleptic Gregorian calendar, by eras of 400 years. */
static int64_t days_of(struct civil d)
{
    int64_t y = d.month <= 2 ? d.year - 1 : d.year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (d.month + (d.month > 2 ? -3 : 9)) + 2) / 5 + d.day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static struct civil civil_of(int64_t days)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t of_era = z - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;
    struct civil d = {year + era * 400, (int)(month < 10 ? month + 3 : month - 9),
                      (int)(of_year - (153 * month + 2) / 5 + 1)};
    d.year += d.month <= 2;
    return d;
}

static int month_length(int64_t year, int month)
{
    struct civil a = {year, month, 1};
    struct civil b = {month == 12 ? year + 1 : year, month == 12 ? 1 : month + 1, 1};
    return (int)(days_of(b) - days_of(a));
}

/* The same day of another month, or its last one. */
static int64_t add_months(int64_t days, int64_t months)
{
    struct civil d = civil_of(days);
    int64_t all = d.year * 12 + d.month - 1 + months;
    d.year = (all >= 0 ? all : all - 11) / 12;
    d.month = (int)(all - d.year * 12) + 1;
    int last = month_length(d.year, d.month);
    d.day = d.day > last ? last : d.day;
    return days_of(d);
}

enum unit { MINUTE, HOUR, DAY, WEEK, MONTH, QUARTER, YEAR, NO_UNIT };

/* `fiscal`: the month in which a year begins. */
static int64_t begin_of_year(struct civil d, int fiscal)
{
    return days_of((struct civil){d.month >= fiscal ? d.year : d.year - 1, fiscal, 1});
}

static int64_t add_units(int64_t days, enum unit unit, int64_t n)
{
    return unit == DAY       ? days + n
           : unit == WEEK    ? days + 7 * n
           : unit == MONTH   ? add_months(days, n)
           : unit == QUARTER ? add_months(days, 3 * n)
                             : add_months(days, 12 * n);
}

static int64_t begin_of(int64_t days, enum unit unit, int fiscal)
{
    struct civil d = civil_of(days);
    int64_t monday = (days % 7 + 7 + 3) % 7; /* 1970-01-01 was a Thursday */
    switch (unit) {
    case WEEK:
        return days - monday;
    case MONTH:
        return days - d.day + 1;
    case QUARTER:
        return add_months(begin_of_year(d, fiscal), (d.month - fiscal + 12) % 12 / 3 * 3);
    case YEAR:
        return begin_of_year(d, fiscal);
    default:
        return days;
    }
}

static int64_t floor_day(weir_time t)
{
    return (t - (t % WEIR_DAY + WEIR_DAY) % WEIR_DAY) / WEIR_DAY;
}

/* --- words --------------------------------------------------------------------------------------
 */

static enum unit unit_of(struct weir_str word)
{
    static const char *const names[] = {"minute", "hour",    "day", "week",
                                        "month",  "quarter", "year"};
    if (word.len && (word.ptr[word.len - 1] | 0x20) == 's') {
        word.len--;
    }
    for (int i = 0; i < NO_UNIT; i++) {
        if (weir_str_eq_nocase(word, weir_str_of(names[i]))) {
            return (enum unit)i;
        }
    }
    return NO_UNIT;
}

#define MAX_WORDS 5

static size_t split(struct weir_str text, struct weir_str words[MAX_WORDS])
{
    size_t n = 0;
    for (size_t i = 0; i < text.len;) {
        size_t begin = i;
        while (i < text.len && !param_blank(text.ptr[i]) && text.ptr[i] != '_') {
            i++;
        }
        if (i > begin) {
            if (n == MAX_WORDS) {
                return 0;
            }
            words[n++] = (struct weir_str){text.ptr + begin, i - begin};
        }
        i++;
    }
    return n;
}

static bool is(struct weir_str word, const char *text)
{
    return weir_str_eq_nocase(word, weir_str_of(text));
}

static bool count_of(struct weir_str word, int64_t *n)
{
    return weir_str_to_i64(word, n) && *n >= 1 && *n <= 36600;
}

static bool read_date(struct weir_str text, int64_t *days)
{
    weir_time at;
    if (text.len != 10 || text.ptr[4] != '-' || text.ptr[7] != '-' ||
        !weir_time_parse_lenient(text, &at)) {
        return false;
    }
    *days = floor_day(at);
    return true;
}

bool weir_param_date_parse(struct weir_str text, weir_time now, int64_t utc_offset, int64_t *days)
{
    struct weir_str words[MAX_WORDS];
    int64_t today = floor_day(now + utc_offset), n = 0;
    text = weir_str_trim(text);
    if (read_date(text, days)) {
        return true;
    }
    size_t count = split(text, words);
    *days = today;
    if (count == 1 && (is(words[0], "today") || is(words[0], "now"))) {
        return true;
    }
    if (count == 1 && (is(words[0], "yesterday") || is(words[0], "tomorrow"))) {
        *days += is(words[0], "tomorrow") ? 1 : -1;
        return true;
    }
    if (count == 3 && is(words[2], "ago") && count_of(words[0], &n)) {
        enum unit unit = unit_of(words[1]);
        *days = unit >= DAY && unit < NO_UNIT ? add_units(today, unit, -n) : today;
        return unit >= DAY && unit < NO_UNIT;
    }
    return false;
}

/* --- presets ------------------------------------------------------------------------------------
 */

static bool set_days(struct param_bounds *out, int64_t start, int64_t end)
{
    *out = (struct param_bounds){.start = start * WEIR_DAY, .end = end * WEIR_DAY};
    return true;
}

static bool to_date(struct param_bounds *out, enum unit unit, int64_t today, int fiscal)
{
    return unit >= WEEK && unit < NO_UNIT &&
           set_days(out, begin_of(today, unit, fiscal), today + 1);
}

/* `last 28 days`: today is the last of them. */
static bool rolling(struct param_bounds *out, int64_t n, enum unit unit, int64_t today,
                    weir_time now)
{
    if (unit == MINUTE || unit == HOUR) {
        weir_time length = n * (unit == HOUR ? 3600 : 60) * WEIR_SECOND;
        *out = (struct param_bounds){.instant = true, .start = now - length, .end = now};
        return true;
    }
    return unit != NO_UNIT && set_days(out, add_units(today + 1, unit, -n), today + 1);
}

static bool one_word(struct weir_str word, int64_t today, struct param_bounds *out)
{
    static const struct {
        const char *name;
        enum unit unit;
    } dates[] = {{"wtd", WEEK}, {"mtd", MONTH}, {"qtd", QUARTER}, {"ytd", YEAR}};
    if (is(word, "today")) {
        return set_days(out, today, today + 1);
    }
    if (is(word, "yesterday")) {
        return set_days(out, today - 1, today);
    }
    for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++) {
        if (is(word, dates[i].name)) {
            return to_date(out, dates[i].unit, today, 1);
        }
    }
    return false;
}

/* Takes "fiscal" out of the words; gives the month in which a year begins, or 0 when it stands
 * where it says nothing. */
static int take_fiscal(struct weir_str w[MAX_WORDS], size_t *count, int fiscal)
{
    for (size_t i = 0; i < *count && i < 2; i++) {
        if (is(w[i], "fiscal")) {
            bool years =
                i + 1 < *count && (unit_of(w[i + 1]) == QUARTER || unit_of(w[i + 1]) == YEAR);
            memmove(w + i, w + i + 1, (*count - i - 1) * sizeof *w);
            (*count)--;
            return years ? fiscal : 0;
        }
    }
    return 1;
}

static bool preset(struct weir_str text, const struct param_clock *clock, struct param_bounds *out)
{
    struct weir_str w[MAX_WORDS];
    size_t count = split(text, w);
    weir_time now = clock->now;
    int64_t today = floor_day(now + clock->utc_offset), n = 0;
    int fiscal = take_fiscal(w, &count, clock->fiscal);
    if (!fiscal) {
        return false;
    }
    if (count == 1) {
        return one_word(w[0], today, out);
    }
    if (count == 2 && is(w[0], "all") && is(w[1], "time")) {
        *out = (struct param_bounds){.start = WEIR_TIME_MIN, .end = WEIR_TIME_MAX};
        return true;
    }
    if (count == 2 && is(w[0], "this")) {
        enum unit unit = unit_of(w[1]);
        int64_t begin = begin_of(today, unit, fiscal);
        return unit >= DAY && unit < NO_UNIT && set_days(out, begin, add_units(begin, unit, 1));
    }
    if (count == 2 && (is(w[0], "last") || is(w[0], "previous"))) {
        enum unit unit = unit_of(w[1]);
        int64_t begin = begin_of(today, unit, fiscal);
        return unit >= DAY && unit < NO_UNIT && set_days(out, add_units(begin, unit, -1), begin);
    }
    if (count == 3 && (is(w[0], "last") || is(w[0], "past")) && count_of(w[1], &n)) {
        return rolling(out, n, unit_of(w[2]), today, now);
    }
    if (count == 2 && count_of(w[0], &n)) {
        return rolling(out, n, unit_of(w[1]), today, now);
    }
    if (count == 3 && is(w[1], "to") && is(w[2], "date")) {
        return to_date(out, unit_of(w[0]), today, fiscal);
    }
    return false;
}

/* --- two ends -----------------------------------------------------------------------------------
 */

/* A day, a wall clock's time, or an instant (with a zone). */
static bool read_end(struct weir_str text, bool end, weir_time now, int64_t utc_offset,
                     weir_time *out, bool *instant)
{
    int64_t days;
    text = weir_str_trim(text);
    if (weir_param_date_parse(text, now, utc_offset, &days)) {
        *out = (days + end) * WEIR_DAY;
        return true;
    }
    if (text.len <= 10) {
        return false;
    }
    struct weir_str clock = {text.ptr + 10, text.len - 10};
    *instant = *instant || memchr(clock.ptr, 'Z', clock.len) || memchr(clock.ptr, 'z', clock.len) ||
               memchr(clock.ptr, '+', clock.len) || memchr(clock.ptr, '-', clock.len);
    return weir_time_parse(text, out);
}

static bool two_ends(struct weir_str start, struct weir_str end, weir_time now, int64_t utc_offset,
                     struct param_bounds *out)
{
    bool first = false, second = false;
    *out = (struct param_bounds){.start = WEIR_TIME_MIN, .end = WEIR_TIME_MAX};
    if ((start.len && !read_end(start, false, now, utc_offset, &out->start, &first)) ||
        (end.len && !read_end(end, true, now, utc_offset, &out->end, &second))) {
        return false;
    }
    /* Of one kind, so that one zone holds for both. */
    if (first != second) {
        out->start += first || !start.len ? 0 : -utc_offset;
        out->end += second || !end.len ? 0 : -utc_offset;
    }
    out->instant = first || second;
    return out->start <= out->end;
}

static bool range_text(struct weir_str text, const struct param_clock *clock,
                       struct param_bounds *out)
{
    struct weir_str none = {"", 0};
    weir_time now = clock->now;
    int64_t utc_offset = clock->utc_offset;
    text = weir_str_trim(text);
    for (size_t i = 0; i + 4 <= text.len; i++) {
        bool dots = text.ptr[i] == '.' && text.ptr[i + 1] == '.';
        bool to = weir_str_eq_nocase((struct weir_str){text.ptr + i, 4}, WEIR_STR(" to "));
        if ((dots || to) &&
            !(text.len == i + 8 && is((struct weir_str){text.ptr + i, 8}, " to date"))) {
            struct weir_str rest = {text.ptr + i + (dots ? 2 : 4), text.len - i - (dots ? 2 : 4)};
            return two_ends((struct weir_str){text.ptr, i}, rest, now, utc_offset, out);
        }
    }
    if (text.len > 6 && is((struct weir_str){text.ptr, 6}, "since ")) {
        return two_ends((struct weir_str){text.ptr + 6, text.len - 6}, none, now, utc_offset, out);
    }
    return preset(text, clock, out) ||
           (text.len == 10 && two_ends(text, text, now, utc_offset, out));
}

struct param_clock weir_param_clock(const struct param_compiler *c,
                                    const struct weir_param_field *field)
{
    int month =
        field && field->fiscal_year_start ? field->fiscal_year_start : c->in->fiscal_year_start;
    return (struct param_clock){c->in->now, c->in->utc_offset,
                                month >= 1 && month <= 12 ? month : 1};
}

struct weir_param_datum *weir_param_range_part(struct weir_param_datum *range, struct weir_str key)
{
    bool words = weir_str_is(key, "range");
    bool numbers = weir_str_is(key, "from") || weir_str_is(key, "to");
    range->b = range->b || words;
    range->i |= numbers ? PARAM_RANGE_NUMBERS : PARAM_RANGE_DATES;
    return words || weir_str_is(key, "start") || weir_str_is(key, "from") ? &range->items[0]
           : weir_str_is(key, "end") || weir_str_is(key, "to")            ? &range->items[1]
           : weir_str_is(key, "compare")                                  ? &range->items[2]
                                                                          : NULL;
}

static bool knows_compare(struct weir_str s)
{
    return s.len == 0 || weir_str_is(s, "previous") || weir_str_is(s, "year");
}

bool weir_param_range_parse(const struct weir_param_datum *datum, const struct param_clock *clock,
                            struct param_bounds *out)
{
    struct weir_str ends[2];
    if (datum->kind == WEIR_DATUM_TEXT) {
        return range_text(datum->s, clock, out);
    }
    if (datum->kind != WEIR_DATUM_RANGE || datum->i & PARAM_RANGE_NUMBERS ||
        !knows_compare(datum->s)) {
        return false;
    }
    if (datum->b) {
        return datum->items[0].kind == WEIR_DATUM_TEXT && datum->items[1].kind == WEIR_DATUM_NONE &&
               range_text(datum->items[0].s, clock, out);
    }
    for (int i = 0; i < 2; i++) {
        if (datum->items[i].kind != WEIR_DATUM_TEXT && datum->items[i].kind != WEIR_DATUM_NONE) {
            return false;
        }
        ends[i] =
            datum->items[i].kind == WEIR_DATUM_TEXT ? datum->items[i].s : (struct weir_str){"", 0};
    }
    return two_ends(ends[0], ends[1], clock->now, clock->utc_offset, out);
}

/* --- compared with ------------------------------------------------------------------------------
 */

static weir_time shift_months(weir_time t, int64_t months)
{
    int64_t day = floor_day(t);
    return add_months(day, months) * WEIR_DAY + (t - day * WEIR_DAY);
}

/* Of whole months, how many; else 0. */
static int64_t whole_months(const struct param_bounds *b)
{
    struct civil from = civil_of(floor_day(b->start)), to = civil_of(floor_day(b->end));
    bool whole = !b->instant && b->start % WEIR_DAY == 0 && b->end % WEIR_DAY == 0 &&
                 from.day == 1 && to.day == 1;
    return whole ? (to.year - from.year) * 12 + to.month - from.month : 0;
}

/* "previous" is as long, and ends where this one begins; whole months are held against as many. */
static void find_previous(const struct weir_param_datum *datum, const struct param_bounds *bounds,
                          struct param_bounds *out)
{
    *out = *bounds;
    bool year = weir_str_is(datum->s, "year");
    if (datum->kind != WEIR_DATUM_RANGE || (!year && !weir_str_is(datum->s, "previous")) ||
        bounds->start < WEIR_TIME_MIN / 2 || bounds->end > WEIR_TIME_MAX / 2) {
        out->none = true;
        return;
    }
    int64_t months = year ? 12 : whole_months(bounds);
    if (year) {
        out->end = shift_months(bounds->end, -months);
    } else {
        out->end = bounds->start;
    }
    out->start = months ? shift_months(bounds->start, -months)
                        : bounds->start - (bounds->end - bounds->start);
}

/* --- as SQL
 * --------------------------------------------------------------------------------------- */

/* Is the site's zone another than UTC? */
static bool has_zone(const struct param_compiler *c)
{
    return c->in->zone && !weir_str_eq_nocase(weir_str_of(c->in->zone), WEIR_STR("UTC"));
}

int weir_param_bounds_of(struct param_compiler *c, const struct param_frame *f, size_t at,
                         const struct param_value *v, struct param_bounds *out)
{
    struct param_clock clock = weir_param_clock(c, v->field);
    if (v->datum.kind == WEIR_DATUM_NONE) {
        *out = (struct param_bounds){
            .start = WEIR_TIME_MIN, .end = WEIR_TIME_MAX, .none = v->previous};
        return 0;
    }
    if (!weir_param_range_parse(&v->datum, &clock, out)) {
        return weir_param_fail(c, f, at, "parameter \"" WEIR_STR_FMT "\" is no range of dates",
                               WEIR_STR_ARG(v->field->name));
    }
    if (v->previous) {
        struct param_bounds now = *out;
        find_previous(&v->datum, &now, out);
    }
    return 0;
}

static int put_end(struct param_compiler *c, const struct param_frame *f, size_t at,
                   struct weir_str name, const struct param_bounds *b, bool end, bool zoned)
{
    const struct weir_param_bound *place, *zone = NULL;
    bool convert = zoned && has_zone(c);
    struct weir_param_bound value = {.type = WEIR_PARAM_BOUND_TIMESTAMP,
                                     .null = b->none,
                                     .i = b->none ? 0
                                          : end   ? b->end
                                                  : b->start};
    if (!zoned && b->instant) {
        value.i += c->in->utc_offset;
    }
    int rc = weir_param_bind(c, name, end ? "_end" : "_start", &value, &place);
    if (rc == 0 && convert) {
        rc = weir_param_bind_text(c, name, "_zone", weir_str_of(b->instant ? "UTC" : c->in->zone),
                                  &zone);
    }
    if (rc) {
        return weir_param_fail_at(c, f, at, rc);
    }
    if (zone) {
        weir_param_put(c, f, at, "timezone('UTC', timezone(");
        weir_param_put_place(c, f, at, zone);
        weir_param_put(c, f, at, ", ");
    }
    weir_param_put_place(c, f, at, place);
    weir_param_put(c, f, at, zone ? "))" : "");
    return 0;
}

struct weir_str weir_param_range_place(struct param_compiler *c, const struct param_value *v)
{
    return v->previous ? weir_str_of(weir_arena_printf(c->arena, WEIR_STR_FMT "_previous",
                                                       WEIR_STR_ARG(v->field->name)))
                       : v->field->name;
}

int weir_param_put_bound(struct param_compiler *c, const struct param_frame *f, size_t at,
                         const struct param_value *v, bool end, bool zoned)
{
    struct param_bounds bounds;
    struct weir_str name = weir_param_range_place(c, v);
    int rc = name.ptr ? weir_param_bounds_of(c, f, at, v, &bounds) : weir_param_no_memory(c);
    return rc ? rc : put_end(c, f, at, name, &bounds, end, zoned);
}

int weir_param_put_range(struct param_compiler *c, const struct param_frame *f, size_t at,
                         const struct param_range *column, struct weir_str name,
                         const struct param_bounds *bounds, bool zoned)
{
    if (bounds->none) {
        weir_param_put(c, f, at, "FALSE");
        return 0;
    }
    weir_param_put(c, f, at, "(");
    int rc = weir_param_put_column(c, f, at, column);
    weir_param_put(c, f, at, " >= ");
    rc = rc ? rc : put_end(c, f, at, name, bounds, false, zoned);
    weir_param_put(c, f, at, " AND ");
    rc = rc ? rc : weir_param_put_column(c, f, at, column);
    weir_param_put(c, f, at, " < ");
    rc = rc ? rc : put_end(c, f, at, name, bounds, true, zoned);
    weir_param_put(c, f, at, ")");
    return rc;
}
