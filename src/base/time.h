/* Time is int64 microseconds since 1970-01-01T00:00:00Z, everywhere in weir.
 *
 * Text out is RFC 3339 in UTC. Text in is RFC 3339 and the sloppy ISO 8601 that SDKs send. */
#ifndef WEIR_BASE_TIME_H
#define WEIR_BASE_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

typedef int64_t weir_time; /* microseconds since the epoch, UTC */

#define WEIR_SECOND ((weir_time)1000000)
#define WEIR_DAY    (86400 * WEIR_SECOND)
/* 0001-01-01 and the end of 9999: what RFC 3339 can write. */
#define WEIR_TIME_MIN ((weir_time)-62135596800 * WEIR_SECOND)
#define WEIR_TIME_MAX ((weir_time)253402300800 * WEIR_SECOND - 1)

/* The earlier of two; 0 is none. */
static inline weir_time weir_time_first(weir_time a, weir_time b)
{
    return !a || (b && b < a) ? b : a;
}

weir_time weir_now(void);  /* wall clock */
weir_time weir_mono(void); /* never jumps; for durations and deadlines only */

/* Strict: what a *property* must look like to be typed as a timestamp. Full date, `T` or one space,
 * hours:minutes, optional seconds and fraction, and a zone (`Z`, `+hh:mm`, `+hhmm`, `+hh`) or none
 * (then UTC). A bare date is not a timestamp. Digits past microseconds are cut. Leap second :60 is
 * read as :59.999999. Dates must exist (2026-02-30 does not). */
bool weir_time_parse(struct weir_str text, weir_time *out);

/* Lenient: what the fields `timestamp`, `sentAt` and `originalTimestamp` may hold. Also takes: bare
 * date; basic format (20260102T030405Z); lower-case t and z; comma fraction; surrounding blanks; a
 * zone after a blank; years of five and more digits are refused; text of digits only is seconds
 * (up to 11 digits) or milliseconds (12 to 14) since the epoch. */
bool weir_time_parse_lenient(struct weir_str text, weir_time *out);

/* "2026-01-02T03:04:05.678901Z"; `digits` of fraction: 0, 3 or 6. Values outside
 * WEIR_TIME_MIN..MAX are clamped. */
void weir_time_print(struct weir_buf *out, weir_time when, int digits);
/* The same into 28 bytes (with NUL), always 6 digits. */
void weir_time_format(weir_time when, char out[28]);
/* "2026-01-02" of days since 1970, of any year: "294277-01-09", "-0043-03-15". */
void weir_date_print(struct weir_buf *out, int64_t days);

#endif
