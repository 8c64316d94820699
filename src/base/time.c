#include "base/time.h"

#include <time.h>

static weir_time clock_us(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (weir_time)ts.tv_sec * WEIR_SECOND + ts.tv_nsec / 1000;
}

weir_time weir_now(void)
{
    return clock_us(CLOCK_REALTIME);
}

weir_time weir_mono(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

/* Days since 1970-01-01 of a proleptic Gregorian date. Years are counted from March, so that the
 * leap day is the last of its year and months need no table. */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    unsigned year_of_era = (unsigned)(year - era * 400);
    unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + (int64_t)day_of_era - 719468;
}

static void date_of(int64_t days, int *year, unsigned *month, unsigned *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    unsigned doe = (unsigned)(days - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned mp = (5 * doy + 2) / 153;
    *day = doy - (153 * mp + 2) / 5 + 1;
    *month = mp < 10 ? mp + 3 : mp - 9;
    *year = (int)(yoe + era * 400 + (*month <= 2));
}

static unsigned days_in(unsigned year, unsigned month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* --- reading -----------------------------------------------------------------------------------
 */

struct scan {
    const char *at;
    const char *end;
    bool lenient;
};

static bool peek(const struct scan *s, char c)
{
    return s->at < s->end && *s->at == c;
}

static bool skip(struct scan *s, char c)
{
    if (!peek(s, c)) {
        return false;
    }
    s->at++;
    return true;
}

static bool is_digit(const struct scan *s)
{
    return s->at < s->end && *s->at >= '0' && *s->at <= '9';
}

/* Exactly `count` digits. */
static bool digits(struct scan *s, int count, unsigned *out)
{
    if (s->end - s->at < count) {
        return false;
    }
    unsigned value = 0;
    for (int i = 0; i < count; i++) {
        unsigned digit = (unsigned)(s->at[i] - '0');
        if (digit > 9) {
            return false;
        }
        value = value * 10 + digit;
    }
    s->at += count;
    *out = value;
    return true;
}

/* The date, and whether it was written without dashes. */
static bool scan_date(struct scan *s, weir_time *out, bool *basic)
{
    unsigned year;
    unsigned month;
    unsigned day;
    if (!digits(s, 4, &year)) {
        return false;
    }
    *basic = !skip(s, '-');
    if ((*basic && !s->lenient) || !digits(s, 2, &month) || (!*basic && !skip(s, '-')) ||
        !digits(s, 2, &day)) {
        return false;
    }
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in(year, month)) {
        return false;
    }
    *out = days_of(year, month, day) * WEIR_DAY;
    return true;
}

/* Microseconds of one, in the last of so many digits of a second. */
static const unsigned units[] = {1000000, 100000, 10000, 1000, 100, 10, 1};

static bool scan_fraction(struct scan *s, weir_time *out)
{
    *out = 0;
    if (!(skip(s, '.') || (s->lenient && skip(s, ',')))) {
        return true;
    }
    if (!is_digit(s)) {
        return false;
    }
    size_t n = 0;
    for (; is_digit(s); s->at++) { /* of more than six digits the rest is left out */
        *out = n < 6 ? *out * 10 + (*s->at - '0') : *out;
        n += n < 6;
    }
    *out *= units[n];
    return true;
}

static bool scan_clock(struct scan *s, bool basic, weir_time *out)
{
    unsigned hour;
    unsigned minute;
    unsigned second = 0;
    weir_time fraction = 0;
    if (!digits(s, 2, &hour) || (!basic && !skip(s, ':')) || !digits(s, 2, &minute)) {
        return false;
    }
    if (basic ? is_digit(s) : skip(s, ':')) {
        if (!digits(s, 2, &second) || !scan_fraction(s, &fraction)) {
            return false;
        }
    }
    if (hour > 23 || minute > 59 || second > 60) {
        return false;
    }
    if (second == 60) {
        second = 59;
        fraction = WEIR_SECOND - 1;
    }
    *out = ((weir_time)hour * 3600 + minute * 60 + second) * WEIR_SECOND + fraction;
    return true;
}

/* What must be subtracted to come to UTC. No zone is UTC. */
static bool scan_zone(struct scan *s, weir_time *out)
{
    *out = 0;
    if (s->lenient) {
        skip(s, ' ');
        struct weir_str rest = {s->at, (size_t)(s->end - s->at)};
        if (weir_str_is(rest, "UTC") || weir_str_is(rest, "GMT")) {
            s->at = s->end;
            return true;
        }
    }
    if (s->at == s->end || skip(s, 'Z') || (s->lenient && skip(s, 'z'))) {
        return true;
    }
    bool west = peek(s, '-');
    unsigned hours;
    unsigned minutes = 0;
    if (!(skip(s, '+') || skip(s, '-')) || !digits(s, 2, &hours)) {
        return false;
    }
    if (s->at < s->end) {
        skip(s, ':');
        if (!digits(s, 2, &minutes)) {
            return false;
        }
    }
    if (hours > 23 || minutes > 59) {
        return false;
    }
    weir_time offset = ((weir_time)hours * 3600 + minutes * 60) * WEIR_SECOND;
    *out = west ? -offset : offset;
    return true;
}

static bool scan_time(struct scan *s, weir_time *out)
{
    weir_time date;
    weir_time clock = 0;
    weir_time offset = 0;
    bool basic;
    if (!scan_date(s, &date, &basic)) {
        return false;
    }
    bool bare = s->at == s->end;
    if (bare && !s->lenient) {
        return false;
    }
    if (!bare) {
        bool sep = skip(s, 'T') || skip(s, ' ') || (s->lenient && skip(s, 't'));
        if (!sep || !scan_clock(s, basic, &clock) || !scan_zone(s, &offset) || s->at != s->end) {
            return false;
        }
    }
    weir_time when = date + clock - offset;
    if (when < WEIR_TIME_MIN || when > WEIR_TIME_MAX) {
        return false;
    }
    *out = when;
    return true;
}

static unsigned two(const char *at, unsigned *bad)
{
    unsigned tens = (unsigned)(at[0] - '0'), ones = (unsigned)(at[1] - '0');
    *bad |= (tens > 9) | (ones > 9);
    return tens * 10 + ones;
}

/* Only 2026-01-02T03:04:05Z, with up to six more digits: as most are, and in half of the time. */
static bool scan_usual(struct weir_str text, weir_time *out)
{
    const char *at = text.ptr;
    size_t n = text.len < 22 ? 0 : text.len - 21;
    if (text.len < 20 || text.len == 21 || n > 6 || at[text.len - 1] != 'Z' || at[4] != '-' ||
        at[7] != '-' || at[10] != 'T' || at[13] != ':' || at[16] != ':' || (n && at[19] != '.')) {
        return false;
    }
    unsigned bad = 0, fraction = 0;
    unsigned year = two(at, &bad) * 100 + two(at + 2, &bad);
    unsigned month = two(at + 5, &bad), day = two(at + 8, &bad);
    unsigned hour = two(at + 11, &bad), minute = two(at + 14, &bad), second = two(at + 17, &bad);
    for (size_t i = 0; i < n; i++) {
        unsigned digit = (unsigned)(at[20 + i] - '0');
        bad |= digit > 9;
        fraction = fraction * 10 + digit;
    }
    if (bad || year < 1 || month < 1 || month > 12 || day < 1 || day > days_in(year, month) ||
        hour > 23 || minute > 59 || second > 59) {
        return false;
    }
    *out = days_of(year, month, day) * WEIR_DAY +
           ((weir_time)hour * 3600 + minute * 60 + second) * WEIR_SECOND + fraction * units[n];
    return true;
}

bool weir_time_parse(struct weir_str text, weir_time *out)
{
    if (text.len < 16) { /* the shortest: 2026-01-02T03:04 */
        return false;
    }
    if (scan_usual(text, out)) {
        return true;
    }
    struct scan s = {text.ptr, text.ptr + text.len, false};
    return scan_time(&s, out);
}

bool weir_time_parse_lenient(struct weir_str text, weir_time *out)
{
    text = weir_str_trim(text);
    if (text.len == 0) {
        return false;
    }
    uint64_t number;
    if (text.len <= 14 && weir_str_to_u64(text, &number)) {
        weir_time when = (weir_time)number * (text.len <= 11 ? WEIR_SECOND : 1000);
        if (when > WEIR_TIME_MAX) {
            return false;
        }
        *out = when;
        return true;
    }
    struct scan s = {text.ptr, text.ptr + text.len, true};
    return scan_time(&s, out);
}

/* --- writing -----------------------------------------------------------------------------------
 */

static char *put(char *at, unsigned value, int count)
{
    for (int i = count - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return at + count;
}

static size_t format(weir_time when, int fraction_digits, char out[28])
{
    when = when < WEIR_TIME_MIN ? WEIR_TIME_MIN : when > WEIR_TIME_MAX ? WEIR_TIME_MAX : when;
    int64_t days = when / WEIR_DAY - (when % WEIR_DAY < 0);
    weir_time rest = when - days * WEIR_DAY;
    unsigned seconds = (unsigned)(rest / WEIR_SECOND);
    unsigned micros = (unsigned)(rest % WEIR_SECOND);
    int year;
    unsigned month;
    unsigned day;
    date_of(days, &year, &month, &day);
    char *at = put(out, (unsigned)year, 4);
    *at++ = '-';
    at = put(at, month, 2);
    *at++ = '-';
    at = put(at, day, 2);
    *at++ = 'T';
    at = put(at, seconds / 3600, 2);
    *at++ = ':';
    at = put(at, seconds / 60 % 60, 2);
    *at++ = ':';
    at = put(at, seconds % 60, 2);
    if (fraction_digits > 0) {
        *at++ = '.';
        at = fraction_digits <= 3 ? put(at, micros / 1000, 3) : put(at, micros, 6);
    }
    *at++ = 'Z';
    *at = '\0';
    return (size_t)(at - out);
}

void weir_time_print(struct weir_buf *out, weir_time when, int fraction_digits)
{
    char text[28];
    size_t len = format(when, fraction_digits, text);
    weir_buf_add(out, text, len);
}

void weir_time_format(weir_time when, char out[28])
{
    format(when, 6, out);
}

void weir_date_print(struct weir_buf *out, int64_t days)
{
    int year;
    unsigned month, day;
    date_of(days, &year, &month, &day);
    weir_buf_addf(out, year < 0 ? "%05d-%02u-%02u" : "%04d-%02u-%02u", year, month, day);
}
