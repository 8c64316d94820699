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
