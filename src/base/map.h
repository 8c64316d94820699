/* A hash map from a string to a pointer: open addressing, insertion order kept.
 *
 * Keys are copied into the map; values are the caller's. Hostile keys cannot make it slow: hashing
 * is XXH3 with a seed drawn per map. One thread at a time. */
#ifndef WEIR_BASE_MAP_H
#define WEIR_BASE_MAP_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

struct weir_map_entry {
    struct weir_str key;
    uint64_t hash;
    void *value;
};

struct weir_map {
    struct weir_map_entry *entries; /* in insertion order, `count` of them */
    uint32_t *slots;                /* index + 1 into entries, 0 = empty */
    size_t count;
    size_t slot_count; /* a power of two, or 0 */
    uint64_t seed;
    struct weir_arena keys;
};

void weir_map_init(struct weir_map *map);
void weir_map_free(struct weir_map *map);
void weir_map_clear(struct weir_map *map); /* keeps memory */

/* The value, or NULL when the key is absent. */
void *weir_map_get(const struct weir_map *map, struct weir_str key);
/* Sets or replaces. WEIR_ENOMEM is the only failure. */
int weir_map_put(struct weir_map *map, struct weir_str key, void *value) WEIR_MUST_CHECK;

#endif
