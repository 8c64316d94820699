/* What number formats mean, and numbers as texts. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "source/file/xlsx.h"

#define DAY_MS 86400000.0

/* --- formats ------------------------------------------------------------------------------------
 */

/* ECMA-376 part 1, 18.8.30, with those of East Asia. */
enum weir_excel_kind weir_excel_kind_of_builtin(uint64_t id)
{
    if ((id >= 14 && id <= 17) || (id >= 27 && id <= 31) || id == 36 || (id >= 50 && id <= 54) ||
        id == 57 || id == 58) {
        return WEIR_EXCEL_DATE;
    }
    if (id == 46) {
        return WEIR_EXCEL_DURATION;
    }
    return id == 22 ? WEIR_EXCEL_DATETIME
           : (id >= 18 && id <= 21) || (id >= 32 && id <= 35) || id == 45 || id == 47 || id == 55 ||
                   id == 56
               ? WEIR_EXCEL_TIME
               : WEIR_EXCEL_NUMBER;
}

struct letters {
    bool day, month, hour, elapsed;
};

/* In brackets: [h], [mm], [ss] are elapsed time; colours, conditions and languages say nothing. */
static size_t look_inside(struct weir_str s, size_t at, struct letters *l)
{
    const char *end = memchr(s.ptr + at, ']', s.len - at);
    size_t n = end ? (size_t)(end - s.ptr) - at : s.len - at;
    bool all = n > 1;
    for (size_t i = at + 1; i < at + n; i++) {
        char c = (char)(s.ptr[i] | 0x20);
        all = all && (c == 'h' || c == 'm' || c == 's');
    }
    l->elapsed = l->elapsed || all;
    return at + n + 1;
}

static size_t look_at_letter(struct weir_str s, size_t i, struct letters *l)
{
    char c = s.ptr[i] >= 'A' && s.ptr[i] <= 'Z' ? (char)(s.ptr[i] | 0x20) : s.ptr[i];
    struct weir_str rest = {s.ptr + i, s.len - i};
    static const struct weir_str halves[] = {WEIR_STR("AM/PM"), WEIR_STR("A/P"),
                                             WEIR_STR("General")};
    for (size_t k = 0; k < 3; k++) {
        if (weir_str_starts_nocase(rest, halves[k])) {
            l->hour = l->hour || k < 2;
            return i + halves[k].len;
        }
    }
    l->day = l->day || c == 'y' || c == 'd';
    l->month = l->month || c == 'm';
    l->hour = l->hour || c == 'h' || c == 's';
    return i + 1;
}

enum weir_excel_kind weir_excel_kind_of(struct weir_str s)
{
    struct letters l = {false, false, false, false};
    for (size_t i = 0; i < s.len && s.ptr[i] != ';';) { /* the first section is of positive ones */
        char c = s.ptr[i];
        if (c == '"') {
            const char *end = memchr(s.ptr + i + 1, '"', s.len - i - 1);
            i = end ? (size_t)(end - s.ptr) + 1 : s.len;
        } else if (c == '\\' || c == '_' || c == '*') {
            i += 2;
        } else if (c == '[') {
            i = look_inside(s, i, &l);
        } else if (c == '0' || c == '#' || c == '?') {
            /* Fractions of seconds have them, too: 00.000 behind an s. */
            if (!l.hour && !l.elapsed) {
                return WEIR_EXCEL_NUMBER;
            }
            i++;
        } else {
            i = look_at_letter(s, i, &l);
        }
    }
    bool date = l.day || (l.month && !l.hour && !l.elapsed);
    return date && (l.hour || l.elapsed) ? WEIR_EXCEL_DATETIME
           : date                        ? WEIR_EXCEL_DATE
           : l.elapsed                   ? WEIR_EXCEL_DURATION
           : l.hour                      ? WEIR_EXCEL_TIME
                                         : WEIR_EXCEL_NUMBER;
}

/* --- numbers ------------------------------------------------------------------------------------
 */

static void print_number(struct weir_buf *out, double v)
{
    char room[40];
    if (v == floor(v) && fabs(v) < 1e15) {
        weir_buf_add_i64(out, (int64_t)v);
        return;
    }
    snprintf(room, sizeof room, "%.15g", v);
    if (strtod(room, NULL) != v) {
        snprintf(room, sizeof room, "%.17g", v);
    }
    weir_buf_addz(out, room);
}

/* Days since 1970-01-01 to year, month and day of the proleptic Gregorian calendar. */
static void civil(int64_t days, int *y, int *m, int *d)
{
    days += 719468;
    int64_t era = days / 146097, doe = days % 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    *d = (int)(doy - (153 * mp + 2) / 5 + 1);
    *m = (int)(mp < 10 ? mp + 3 : mp - 9);
    *y = (int)(yoe + era * 400 + (*m <= 2));
}

static void print_clock(struct weir_buf *out, int64_t ms)
{
    weir_buf_addf(out, "%02d:%02d:%02d", (int)(ms / 3600000), (int)(ms / 60000 % 60),
                  (int)(ms / 1000 % 60));
    if (ms % 1000) {
        weir_buf_addf(out, ".%03d", (int)(ms % 1000));
    }
}

void weir_excel_print(struct weir_buf *out, double v, enum weir_excel_kind kind, bool from_1904)
{
    double most = from_1904 ? 2957004 : 2958466; /* 10000-01-01 */
    if (kind == WEIR_EXCEL_NUMBER || !(v >= 0 && v < most)) {
        print_number(out, v);
        return;
    }
    int64_t whole = (int64_t)floor(v), ms = (int64_t)round((v - floor(v)) * DAY_MS);
    whole += ms == (int64_t)DAY_MS;
    ms = ms == (int64_t)DAY_MS ? 0 : ms;
    bool day_of_none = !from_1904 && whole == 0;
    if (kind == WEIR_EXCEL_DURATION || (kind != WEIR_EXCEL_DATE && day_of_none)) {
        print_clock(out, whole * (int64_t)DAY_MS + ms);
        return;
    }
    if (kind == WEIR_EXCEL_TIME && whole == 0) {
        print_clock(out, ms);
        return;
    }
    if (day_of_none) {
        print_number(out, v);
        return;
    }
    int y = 1900, m = 2, d = 29; /* that day is in Excel's calendar, and in no other */
    if (from_1904) {
        civil(whole - 24107, &y, &m, &d);
    } else if (whole != 60) {
        civil(whole - (whole < 60 ? 25568 : 25569), &y, &m, &d);
    }
    weir_buf_addf(out, "%04d-%02d-%02d", y, m, d);
    if (kind != WEIR_EXCEL_DATE || ms) {
        weir_buf_addc(out, ' ');
        print_clock(out, ms);
    }
}

/* --- texts --------------------------------------------------------------------------------------
 */

static bool hex(struct weir_str s, uint32_t *out)
{
    *out = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i], low = (char)(c | 0x20);
        unsigned digit = c >= '0' && c <= '9'       ? (unsigned)(c - '0')
                         : low >= 'a' && low <= 'f' ? (unsigned)(low - 'a' + 10)
                                                    : 16;
        if (digit == 16) {
            return false;
        }
        *out = *out << 4 | digit;
    }
    return s.len == 4;
}

void weir_excel_unescape(struct weir_buf *out, struct weir_str s)
{
    while (s.len) {
        const char *mark = memmem(s.ptr, s.len, "_x", 2);
        size_t n = mark ? (size_t)(mark - s.ptr) : s.len;
        uint32_t code;
        char utf8[4];
        weir_buf_add(out, s.ptr, n);
        s = (struct weir_str){s.ptr + n, s.len - n};
        if (!s.len) {
            break;
        }
        bool escape = s.len >= 7 && s.ptr[6] == '_' &&
                      hex((struct weir_str){s.ptr + 2, 4}, &code) && code != 0 &&
                      (code < 0xd800 || code > 0xdfff);
        if (escape) {
            weir_buf_add(out, utf8, weir_utf8_encode(code, utf8));
        } else {
            weir_buf_add(out, s.ptr, 2);
        }
        n = escape ? 7 : 2;
        s = (struct weir_str){s.ptr + n, s.len - n};
    }
}

bool weir_excel_reference(const char *text, uint32_t *column)
{
    uint32_t n = 0;
    size_t i = 0;
    for (; i < 4 && text[i] >= 'A' && text[i] <= 'Z'; i++) {
        n = n * 26 + (uint32_t)(text[i] - 'A' + 1);
    }
    *column = n - 1;
    return i > 0 && i < 4 && n <= WEIR_EXCEL_MOST_COLUMNS && text[i] >= '1' && text[i] <= '9';
}
