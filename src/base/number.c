#include "base/number.h"

#include <stdint.h>

/* So many digits are a number of 64 bits. */
#define AT_ONCE 18

__int128 weir_number_scaled(struct weir_str text)
{
    unsigned __int128 sum = 0;
    for (size_t i = 0; i < text.len;) {
        uint64_t part = 0, times = 1;
        for (unsigned n = 0; i < text.len && n < AT_ONCE; i++) {
            unsigned digit = (unsigned)(unsigned char)text.ptr[i] - '0';
            if (digit <= 9) {
                part = part * 10 + digit;
                times *= 10;
                n++;
            }
        }
        sum = sum * times + part;
    }
    return (__int128)(text.len && text.ptr[0] == '-' ? -sum : sum);
}

bool weir_number_decimal(struct weir_str type_name, unsigned *precision, unsigned *scale)
{
    struct weir_str rest = type_name, start = WEIR_STR("DECIMAL(");
    int64_t p = 0, s = 0;
    if (!weir_str_starts(rest, start) || rest.ptr[rest.len - 1] != ')') {
        return false;
    }
    rest = (struct weir_str){rest.ptr + start.len, rest.len - start.len - 1};
    struct weir_str first = weir_str_cut(&rest, ',');
    bool read = rest.ptr && weir_str_to_i64(first, &p) && weir_str_to_i64(rest, &s) && s >= 0 &&
                p > 0 && s <= p && p <= 38;
    *precision = read ? (unsigned)p : 0;
    *scale = read ? (unsigned)s : 0;
    return read;
}
