/* Text becomes a time or does not; what becomes one is in range, means the same to both readers and
 * survives being written. */
#include <stdlib.h>

#include "base/time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(weir_time when)
{
    weir_time back;
    char text[28];
    weir_time_format(when, text);
    if (when < WEIR_TIME_MIN || when > WEIR_TIME_MAX ||
        !weir_time_parse(weir_str_of(text), &back) || back != when) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct weir_str text = {(const char *)data, size};
    weir_time strict;
    weir_time lenient;
    bool reads_lenient = weir_time_parse_lenient(text, &lenient);
    if (weir_time_parse(text, &strict)) {
        check(strict);
        if (!reads_lenient || lenient != strict) {
            abort();
        }
    }
    if (reads_lenient) {
        check(lenient);
    }
    return 0;
}
