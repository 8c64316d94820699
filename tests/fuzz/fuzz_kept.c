/* A file of the cache with any bytes, under a checksum that fits, is refused or read; what was read
 * is written as the same bytes again. */
#include <stdlib.h>

#include "cache/cache.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SUM 16 /* where it is; it is of what stands behind it */

static void put_sum(char *bytes, size_t len)
{
    struct weir_hash128 sum = weir_hash128(bytes + SUM + 16, len - SUM - 16);
    for (int i = 0; i < 8; i++) {
        bytes[SUM + i] = (char)(sum.hi >> 8 * i);
        bytes[SUM + 8 + i] = (char)(sum.lo >> 8 * i);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct weir_buf bytes = {.max = 1 << 20}, again = {.max = 1 << 20};
    struct weir_error err;
    struct weir_kept *kept;
    weir_buf_add(&bytes, data, size);
    if (bytes.len >= SUM + 16) {
        put_sum(bytes.data, bytes.len);
    }
    if (weir_kept_decode(weir_buf_str(&bytes), &kept, &err) == 0) {
        weir_kept_encode(kept, &again);
        if (again.len != bytes.len) {
            abort();
        }
        /* 14 bytes of the head are not looked at */
        memcpy(again.data + 98, bytes.data + 98, 14);
        put_sum(again.data, again.len);
        if (memcmp(again.data, bytes.data, bytes.len) != 0) {
            abort();
        }
        weir_kept_release(kept);
    } else if (err.code != WEIR_EINVAL) {
        abort();
    }
    weir_buf_free(&bytes);
    weir_buf_free(&again);
    return 0;
}
