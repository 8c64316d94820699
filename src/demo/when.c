#include "demo/when.h"

#include <stdbool.h>
#include <string.h>

/* Days and dates after Howard Hinnant's "chrono-compatible low-level date algorithms". */
struct demo_date weir_demo_date_of(int64_t day)
{
    int64_t z = day + 719468;
    int64_t era = z / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    struct demo_date date;
    date.day = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
    date.month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
    date.year = (int)(yoe + era * 400 + (date.month <= 2));
    return date;
}

int64_t weir_demo_day_of(struct demo_date date)
{
    int64_t year = date.year - (date.month <= 2);
    int64_t era = year / 400;
    int64_t yoe = year - era * 400;
    int64_t mp = date.month > 2 ? date.month - 3 : date.month + 9;
    int64_t doy = (153 * mp + 2) / 5 + date.day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

static unsigned days_in(int year, unsigned month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

int64_t weir_demo_add_months(int64_t at, unsigned months)
{
    struct demo_date date = weir_demo_date_of(at / DEMO_DAY);
    unsigned month = date.month - 1 + months;
    date.year += (int)(month / 12);
    date.month = month % 12 + 1;
    unsigned last = days_in(date.year, date.month);
    if (date.day > last) {
        date.day = last;
    }
    return weir_demo_day_of(date) * DEMO_DAY + at % DEMO_DAY;
}

static void digits(char *out, unsigned value, int n)
{
    for (int i = n - 1; i >= 0; i--) {
        out[i] = (char)('0' + value % 10);
        value /= 10;
    }
}

void weir_demo_when_print(int64_t at, char out[24])
{
    struct demo_date date = weir_demo_date_of(at / DEMO_DAY);
    unsigned ms = (unsigned)(at % DEMO_DAY);
    memcpy(out, "0000-00-00T00:00:00.000Z", 24);
    digits(out, (unsigned)date.year, 4);
    digits(out + 5, date.month, 2);
    digits(out + 8, date.day, 2);
    digits(out + 11, ms / 3600000, 2);
    digits(out + 14, ms / 60000 % 60, 2);
    digits(out + 17, ms / 1000 % 60, 2);
    digits(out + 20, ms % 1000, 3);
}
