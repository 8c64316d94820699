#include "warehouse/duckdb/compression.h"

#include <stdlib.h>

#include "base/hash.h"

#define LOOKED_AT  8192 /* rows */
#define SLOTS      (2 * LOOKED_AT)
#define LEAST_MEAN 10 /* bytes; ZSTD keeps 4 more of each text */

bool weir_duck_texts_differ(const struct weir_vector *v, size_t rows)
{
    bool texts =
        v->strs && !v->constant && (v->type == WEIR_TYPE_TEXT || v->type == WEIR_TYPE_JSON);
    uint64_t *slots = texts && rows >= LOOKED_AT ? calloc(SLOTS, sizeof *slots) : NULL;
    size_t values = 0, differ = 0, bytes = 0;
    for (size_t i = 0; slots && i < LOOKED_AT; i++) {
        size_t row = i * (rows / LOOKED_AT);
        if (!weir_vector_valid(v, row)) {
            continue;
        }
        uint64_t hash = weir_hash64(v->strs[row].ptr, v->strs[row].len, 0) | 1;
        size_t slot = hash / 2 % SLOTS;
        while (slots[slot] && slots[slot] != hash) {
            slot = (slot + 1) % SLOTS;
        }
        differ += slots[slot] == 0;
        slots[slot] = hash;
        values++;
        bytes += v->strs[row].len;
    }
    free(slots);
    return values >= LOOKED_AT / 2 && bytes >= LEAST_MEAN * values && differ >= values / 10 * 9;
}
