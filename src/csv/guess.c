#include "csv/guess.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/number.h"

#define BIT(format) (1u << (format))
#define ALL         (BIT(WEIR_GUESS_TEXT) - 1)
#define NUMBERS     (BIT(WEIR_GUESS_INT) | BIT(WEIR_GUESS_DOUBLE) | BIT(WEIR_GUESS_DOUBLE_COMMA))

/* A double keeps 15 digits of any number, and 17 of those that were doubles before. */
#define SURE_DIGITS 15
#define MOST_DIGITS 17

#define EXACT 9007199254740992 /* beyond it, not every whole number is a double */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(struct weir_str text, const char *const *words)
{
    for (; *words; words++) {
        if (weir_str_eq_nocase(text, weir_str_of(*words))) {
            return true;
        }
    }
    return false;
}

static bool is_missing(struct weir_str text)
{
    static const char *const words[] = {"null", "na", "n/a", "#n/a", "nan", "\\n", "none", NULL};
    return is_word(text, words);
}

/* --- numbers ------------------------------------------------------------------------------------
 */

struct number {
    bool ok;
    bool whole;
    bool exponent;
    bool leading_zero;
    unsigned digits; /* without zeros in front */
    unsigned groups; /* thousands that were marked */
    unsigned after;  /* digits behind the decimal mark */
};

/* -?digits with marks of thousands in groups of three, and a decimal part. */
static struct number read_number(struct weir_str s, char point, char thousands)
{
    struct number n = {0};
    size_t i = s.len && s.ptr[0] == '-', begin = i;
    size_t group = 0;
    for (; i < s.len && (is_digit(s.ptr[i]) || (thousands && s.ptr[i] == thousands)); i++) {
        if (!is_digit(s.ptr[i])) {
            if (n.groups ? group != 3 : group == 0 || group > 3) {
                return n;
            }
            n.groups++;
            group = 0;
            continue;
        }
        n.digits += n.digits || s.ptr[i] != '0';
        group++;
    }
    if (n.groups && group != 3) {
        return n;
    }
    n.leading_zero = i - begin > 1 && s.ptr[begin] == '0';
    bool some = i > begin;
    n.whole = i == s.len;
    if (i < s.len && s.ptr[i] == point) {
        for (i++; i < s.len && is_digit(s.ptr[i]); i++) {
            n.digits += n.digits || s.ptr[i] != '0';
            n.after++;
        }
        some = n.after > 0;
    }
    /* 12E5 may be an article's number; 1.2e+5 is none. */
    if (i + 2 < s.len && (s.ptr[i] == 'e' || s.ptr[i] == 'E') &&
        (s.ptr[i + 1] == '+' || s.ptr[i + 1] == '-')) {
        size_t from = i + 2;
        for (i = from; i < s.len && is_digit(s.ptr[i]); i++) {
        }
        n.exponent = i > from && i - from <= 3;
        some = some && n.exponent;
    }
    n.ok = some && i == s.len && s.len < 64;
    return n;
}

static bool read_double(struct weir_str s, bool comma, double *out)
{
    char copy[64], *end;
    size_t n = 0;
    for (size_t i = 0; i < s.len && n < sizeof copy - 1; i++) {
        if (!comma || s.ptr[i] != '.') {
            copy[n++] = comma && s.ptr[i] == ',' ? '.' : s.ptr[i];
        }
    }
    copy[n] = 0;
    *out = strtod(copy, &end);
    return end == copy + n;
}

/* Are these the digits of the text, the first of which is none of its leading zeros? A point among
 * them is passed over; those that are missing are zeros. */
static bool has_digits(struct weir_str s, unsigned count, const char *digits)
{
    unsigned seen = 0;
    for (size_t i = 0; i < s.len && seen < count; i++) {
        if (is_digit(s.ptr[i]) && (seen || s.ptr[i] != '0')) {
            digits += *digits == '.';
            if ((is_digit(*digits) ? *digits : '0') != s.ptr[i]) {
                return false;
            }
            digits += is_digit(*digits);
            seen++;
        }
    }
    return true;
}

/* Are all digits of a number with up to 17 of them still there when it is a double? Programs mostly
 * write the fewest that are the number. */
static bool is_kept(struct weir_str s, const struct number *n, bool comma)
{
    char kept[40], fewest[WEIR_NUMBER_DIGITS + 1];
    double d;
    int point;
    if (n->digits <= SURE_DIGITS && !n->exponent) {
        return true;
    }
    if (n->digits > MOST_DIGITS || !read_double(s, comma, &d) || !isfinite(d) ||
        (d == 0 && n->digits)) {
        return false;
    }
    (void)weir_number_digits(d, fewest, &point);
    if (has_digits(s, n->digits, fewest)) {
        return true;
    }
    snprintf(kept, sizeof kept, "%.*e", n->digits ? (int)n->digits - 1 : 0, fabs(d));
    return has_digits(s, n->digits, kept);
}

static unsigned number_formats(struct weir_guess *g, struct weir_str s)
{
    int64_t i;
    unsigned fits = 0;
    struct number point = read_number(s, '.', 0), comma = read_number(s, ',', '.');
    if (point.ok && point.leading_zero) {
        g->zeros = true;
        return 0;
    }
    if (point.ok && point.whole && weir_str_to_i64(s, &i)) {
        fits |= BIT(WEIR_GUESS_INT);
        g->wide = g->wide || i > EXACT || i < -EXACT;
    }
    if (point.ok && !(point.whole && point.digits > SURE_DIGITS) && is_kept(s, &point, false)) {
        fits |= BIT(WEIR_GUESS_DOUBLE);
    }
    if (comma.ok && !comma.leading_zero && !comma.exponent && is_kept(s, &comma, true)) {
        fits |= BIT(WEIR_GUESS_DOUBLE_COMMA);
        g->comma_is_seen = g->comma_is_seen || comma.after;
        g->comma_is_sure = g->comma_is_sure ||
                           (comma.after && (comma.after != 3 || comma.groups)) ||
                           (comma.after && s.ptr[s.ptr[0] == '-'] == '0') || comma.groups > 1;
    }
    g->digits = g->digits || ((point.ok || comma.ok) && !fits);
    return fits;
}

/* --- dates and times
 * ------------------------------------------------------------------------------ */

enum order { YMD, DMY, MDY };

static bool take_digits(struct weir_str s, size_t *i, unsigned least, unsigned most, int *out)
{
    unsigned n = 0;
    *out = 0;
    while (n < most && *i < s.len && is_digit(s.ptr[*i])) {
        *out = *out * 10 + (s.ptr[*i] - '0');
        n++;
        *i += 1;
    }
    return n >= least;
}

/* Days since 1970-01-01, of the proleptic Gregorian calendar. */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400, yoe = y - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static bool is_day(int year, int month, int day)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return year >= 1 && month >= 1 && month <= 12 && day >= 1 &&
           day <= lengths[month - 1] + (leap && month == 2);
}

static bool read_day(struct weir_str s, enum order order, size_t *i, int64_t *day)
{
    int part[3];
    char mark;
    bool first = order == YMD;
    if (!take_digits(s, i, first ? 4 : 1, first ? 4 : 2, &part[0]) || *i >= s.len) {
        return false;
    }
    mark = s.ptr[*i];
    if (mark != '-' && mark != '/' && !(mark == '.' && order == DMY)) {
        return false;
    }
    *i += 1;
    if (!take_digits(s, i, 1, 2, &part[1]) || *i >= s.len || s.ptr[*i] != mark) {
        return false;
    }
    *i += 1;
    if (!take_digits(s, i, first ? 1 : 4, first ? 2 : 4, &part[2])) {
        return false;
    }
    int year = first ? part[0] : part[2];
    int month = order == MDY ? part[0] : part[1];
    int at = first ? part[2] : order == MDY ? part[1] : part[0];
    *day = is_day(year, month, at) ? days_of(year, month, at) : 0;
    return is_day(year, month, at);
}

/* Behind the hours and minutes: AM, PM, Z, +01:00. Minutes to add; false when it is none of them.
 */
static bool read_zone(struct weir_str rest, int *hour, int *minutes)
{
    int h = 0, m = 0;
    size_t i = 1;
    rest = weir_str_trim(rest);
    *minutes = 0;
    if (rest.len == 0 || weir_str_eq_nocase(rest, WEIR_STR("Z")) ||
        weir_str_eq_nocase(rest, WEIR_STR("UTC"))) {
        return true;
    }
    bool am = weir_str_eq_nocase(rest, WEIR_STR("AM"));
    if (am || weir_str_eq_nocase(rest, WEIR_STR("PM"))) {
        bool ok = *hour >= 1 && *hour <= 12;
        *hour = *hour % 12 + (am ? 0 : 12);
        return ok;
    }
    if ((rest.ptr[0] != '+' && rest.ptr[0] != '-') || !take_digits(rest, &i, 2, 2, &h)) {
        return false;
    }
    i += i < rest.len && rest.ptr[i] == ':';
    if (i < rest.len && !take_digits(rest, &i, 2, 2, &m)) {
        return false;
    }
    *minutes = (h * 60 + m) * (rest.ptr[0] == '+' ? -1 : 1);
    return i == rest.len && h <= 15 && m < 60;
}

/* `fine`: digits behind the microsecond are lost. */
static bool read_clock(struct weir_str s, size_t i, int64_t *micros, bool *fine)
{
    int hour, minute, second = 0, shift;
    int64_t fraction = 0;
    if (!take_digits(s, &i, 1, 2, &hour) || i >= s.len || s.ptr[i++] != ':' ||
        !take_digits(s, &i, 2, 2, &minute)) {
        return false;
    }
    if (i < s.len && s.ptr[i] == ':') {
        i++;
        if (!take_digits(s, &i, 2, 2, &second)) {
            return false;
        }
        if (i + 1 < s.len && (s.ptr[i] == '.' || s.ptr[i] == ',')) {
            int64_t unit = 100000;
            for (i++; i < s.len && is_digit(s.ptr[i]); i++, unit /= 10) {
                fraction += (s.ptr[i] - '0') * unit;
                *fine = *fine || (!unit && s.ptr[i] != '0');
            }
        }
    }
    if (!read_zone((struct weir_str){s.ptr + i, s.len - i}, &hour, &shift)) {
        return false;
    }
    *micros = ((hour * 60 + minute + shift) * (int64_t)60 + second) * WEIR_SECOND + fraction;
    return hour < 24 && minute < 60 && second < 60;
}

/* The day, and the time of it where there is one. */
static bool read_time(struct weir_str s, enum order order, int64_t *day, int64_t *micros,
                      bool *has_clock, bool *fine)
{
    size_t i = 0;
    *micros = 0;
    *has_clock = *fine = false;
    if (!read_day(s, order, &i, day)) {
        return false;
    }
    if (i == s.len) {
        return true;
    }
    *has_clock = true;
    bool gap = s.ptr[i] == ' ' || (s.ptr[i] == 'T' && order == YMD) || s.ptr[i] == ',';
    for (i++; gap && i < s.len && s.ptr[i] == ' '; i++) {
    }
    return gap && read_clock(s, i, micros, fine);
}

static unsigned time_formats(struct weir_guess *g, struct weir_str s)
{
    unsigned fits = 0;
    if (s.len < 8 || s.len > 40 || !is_digit(s.ptr[0])) {
        return 0;
    }
    for (unsigned order = YMD; order <= MDY; order++) {
        int64_t day, micros;
        bool clock, fine;
        bool is = read_time(s, (enum order)order, &day, &micros, &clock, &fine);
        g->fine = g->fine || (is && fine);
        if (is && !fine) {
            fits |= BIT(WEIR_GUESS_TIME + order) | (clock ? 0 : BIT(WEIR_GUESS_DATE + order));
        }
    }
    return fits;
}

/* --- a column ------------------------------------------------------------------------------------
 */

void weir_guess_init(struct weir_guess *g)
{
    *g = (struct weir_guess){.fits = ALL, .format = WEIR_GUESS_TEXT};
}

static bool read_bool(struct weir_str s, bool *out)
{
    static const char *const yes[] = {"true", "yes", NULL};
    static const char *const no[] = {"false", "no", NULL};
    *out = is_word(s, yes);
    return *out || is_word(s, no);
}

bool weir_guess_is_value(struct weir_str text)
{
    struct weir_guess one;
    weir_guess_init(&one);
    weir_guess_see(&one, text);
    return one.values && (one.fits || one.fine);
}

void weir_guess_see(struct weir_guess *g, struct weir_str text)
{
    bool ignored;
    struct weir_str s = weir_str_trim(text);
    if (g->fits == 0 && !g->counts) {
        g->values++;
        return; /* text already; the rest of it makes no difference */
    }
    if (is_missing(s) || s.len == 0) {
        g->missing++;
        return;
    }
    g->no_only = (g->values == 0 || g->no_only) && weir_str_is(s, "NO");
    unsigned fits = read_bool(s, &ignored) ? BIT(WEIR_GUESS_BOOL) : 0;
    fits |= number_formats(g, s) | time_formats(g, s);
    g->was_number = g->was_number || (g->values == 0 && fits);
    if ((g->fits & fits) == 0 && !g->example[0]) {
        struct weir_str shown = weir_utf8_cut(s, sizeof g->example - 1);
        memcpy(g->example, shown.ptr, shown.len);
    }
    g->fits &= fits;
    g->last = fits;
    for (unsigned f = 0; g->counts && f < WEIR_GUESS_TEXT; f++) {
        g->votes[f] += (fits & BIT(f)) != 0;
    }
    g->values++;
}

bool weir_guess_fits(enum weir_guess_format format, struct weir_str text)
{
    struct weir_guess one;
    weir_guess_init(&one);
    weir_guess_see(&one, text);
    return one.values && one.fits & BIT(format);
}

enum weir_guess_format weir_guess_likely(const struct weir_guess *g, enum weir_type type,
                                         bool commas)
{
    const uint64_t *v = g->votes;
    enum weir_guess_format likely = WEIR_GUESS_TEXT;
    if (type == WEIR_TYPE_BOOL) {
        likely = WEIR_GUESS_BOOL;
    } else if (type == WEIR_TYPE_INT || type == WEIR_TYPE_DOUBLE) {
        uint64_t point = v[WEIR_GUESS_DOUBLE], comma = v[WEIR_GUESS_DOUBLE_COMMA];
        likely = comma > point || (comma == point && commas) ? WEIR_GUESS_DOUBLE_COMMA
                                                             : WEIR_GUESS_DOUBLE;
    } else if (type == WEIR_TYPE_DATE || type == WEIR_TYPE_TIMESTAMP) {
        uint64_t day = v[WEIR_GUESS_TIME_DMY], month = v[WEIR_GUESS_TIME_MDY];
        likely = v[WEIR_GUESS_TIME] > day && v[WEIR_GUESS_TIME] > month ? WEIR_GUESS_TIME
                 : day > month                                          ? WEIR_GUESS_TIME_DMY
                 : month > day                                          ? WEIR_GUESS_TIME_MDY
                                                                        : WEIR_GUESS_TEXT;
    }
    return likely != WEIR_GUESS_TEXT && v[likely] ? likely : WEIR_GUESS_TEXT;
}

void weir_guess_point(struct weir_guess *g)
{
    g->fits &= ~BIT(WEIR_GUESS_DOUBLE_COMMA);
    g->votes[WEIR_GUESS_DOUBLE_COMMA] -=
        g->counts && g->last & BIT(WEIR_GUESS_DOUBLE_COMMA) ? 1 : 0;
    g->last &= ~BIT(WEIR_GUESS_DOUBLE_COMMA);
}

bool weir_guess_has_point(const struct weir_guess *g)
{
    return g->format == WEIR_GUESS_DOUBLE && !(g->fits & BIT(WEIR_GUESS_DOUBLE_COMMA));
}

bool weir_guess_is_no(const struct weir_guess *g)
{
    return g->format == WEIR_GUESS_TEXT && g->values && g->no_only;
}

void weir_guess_settle(struct weir_guess *g, bool commas, bool thousands)
{
    unsigned fits = g->values ? g->fits : 0;
    g->format = WEIR_GUESS_TEXT;
    for (unsigned f = WEIR_GUESS_BOOL; f < WEIR_GUESS_TEXT && g->format == WEIR_GUESS_TEXT; f++) {
        if (fits & BIT(f)) {
            g->format = (enum weir_guess_format)f;
        }
    }
    bool day_or_month = (fits & BIT(WEIR_GUESS_TIME_DMY)) && (fits & BIT(WEIR_GUESS_TIME_MDY));
    bool thousand = (g->format == WEIR_GUESS_DOUBLE_COMMA && g->comma_is_seen &&
                     !g->comma_is_sure && !commas) ||
                    (g->format == WEIR_GUESS_DOUBLE && (commas || thousands) &&
                     (fits & BIT(WEIR_GUESS_DOUBLE_COMMA)));
    bool country = g->format == WEIR_GUESS_BOOL && g->no_only;
    if ((day_or_month && g->format >= WEIR_GUESS_DATE_DMY) || thousand || country) {
        g->format = WEIR_GUESS_TEXT;
    }
}

enum weir_type weir_guess_type(enum weir_guess_format format)
{
    static const enum weir_type types[] = {
        WEIR_TYPE_BOOL,      WEIR_TYPE_INT,       WEIR_TYPE_DOUBLE, WEIR_TYPE_DOUBLE,
        WEIR_TYPE_DATE,      WEIR_TYPE_DATE,      WEIR_TYPE_DATE,   WEIR_TYPE_TIMESTAMP,
        WEIR_TYPE_TIMESTAMP, WEIR_TYPE_TIMESTAMP, WEIR_TYPE_TEXT};
    return types[format];
}

static const char *why_text(const struct weir_guess *g)
{
    if (g->values == 0) {
        return "text: it is empty";
    }
    if (g->fits & (BIT(WEIR_GUESS_TIME_DMY) | BIT(WEIR_GUESS_TIME_MDY))) {
        return "text: dates that may have the day or the month first";
    }
    if (g->fits & NUMBERS) {
        return "text: numbers whose marks may be of thousands or of decimals";
    }
    if (g->fits & BIT(WEIR_GUESS_BOOL)) {
        return "text: NO alone may be a country";
    }
    if (g->zeros) {
        return "text: some numbers begin with zeros";
    }
    if (g->fine) {
        return "text: some times have digits behind the microsecond";
    }
    return g->digits ? "text: some numbers have more digits than a number keeps" : "text";
}

void weir_guess_words(const struct weir_guess *g, struct weir_buf *out)
{
    static const char *const words[] = {"yes or no",
                                        "whole numbers",
                                        "numbers with a decimal point",
                                        "numbers with a decimal comma",
                                        "dates, the year first",
                                        "dates, the day first",
                                        "dates, the month first",
                                        "times, the year first",
                                        "times, the day first",
                                        "times, the month first"};
    if (g->format != WEIR_GUESS_TEXT) {
        weir_buf_addz(out, words[g->format]);
        if (g->missing) {
            weir_buf_addf(out, "; %llu NULL, NA or the like", (unsigned long long)g->missing);
        }
        return;
    }
    weir_buf_addz(out, why_text(g));
    if (g->was_number && g->fits == 0 && g->example[0] && !g->zeros) {
        weir_buf_addf(out, ": \"%s\" is no such value as those before it", g->example);
    }
}

bool weir_guess_value(enum weir_guess_format format, struct weir_str text,
                      struct weir_guess_value *out)
{
    struct weir_str s = weir_str_trim(text);
    *out = (struct weir_guess_value){.null = s.len == 0 || is_missing(s)};
    if (out->null) {
        return true;
    }
    if (format == WEIR_GUESS_BOOL) {
        return read_bool(s, &out->b);
    }
    if (format == WEIR_GUESS_INT) {
        return weir_str_to_i64(s, &out->i);
    }
    if (format == WEIR_GUESS_DOUBLE || format == WEIR_GUESS_DOUBLE_COMMA) {
        return read_double(s, format == WEIR_GUESS_DOUBLE_COMMA, &out->d);
    }
    if (format >= WEIR_GUESS_DATE && format < WEIR_GUESS_TEXT) {
        int64_t day, micros;
        bool clock, fine, date = format < WEIR_GUESS_TIME;
        enum order order = (enum order)(format - (date ? WEIR_GUESS_DATE : WEIR_GUESS_TIME));
        if (!read_time(s, order, &day, &micros, &clock, &fine) || fine || (date && clock)) {
            return false;
        }
        out->i = date ? day : day * WEIR_DAY + micros;
        return true;
    }
    return false;
}
