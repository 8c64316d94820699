#include "base/map.h"

#include <stdlib.h>

#include "base/hash.h"

enum { KEYS_MAX = 1 << 30 };

void weir_map_init(struct weir_map *map)
{
    *map = (struct weir_map){.seed = weir_random_u64()};
    weir_arena_init(&map->keys, KEYS_MAX);
}

void weir_map_free(struct weir_map *map)
{
    free(map->entries);
    free(map->slots);
    weir_arena_free(&map->keys);
    weir_map_init(map);
}

void weir_map_clear(struct weir_map *map)
{
    if (map->slots) {
        memset(map->slots, 0, map->slot_count * sizeof *map->slots);
    }
    map->count = 0;
    weir_arena_reset(&map->keys);
}

static size_t find_slot(const struct weir_map *map, struct weir_str key, uint64_t hash)
{
    size_t mask = map->slot_count - 1;
    size_t i = hash & mask;
    while (map->slots[i]) {
        const struct weir_map_entry *entry = &map->entries[map->slots[i] - 1];
        if (entry->hash == hash && weir_str_eq(entry->key, key)) {
            return i;
        }
        i = (i + 1) & mask;
    }
    return i;
}

void *weir_map_get(const struct weir_map *map, struct weir_str key)
{
    if (map->count == 0) {
        return NULL;
    }
    size_t i = find_slot(map, key, weir_hash64(key.ptr, key.len, map->seed));
    return map->slots[i] ? map->entries[map->slots[i] - 1].value : NULL;
}

static int grow(struct weir_map *map)
{
    size_t slot_count = map->slot_count ? map->slot_count * 2 : 16;
    if (slot_count > UINT32_MAX) {
        return WEIR_ENOMEM;
    }
    struct weir_map_entry *entries = realloc(map->entries, slot_count / 2 * sizeof *map->entries);
    if (!entries) {
        return WEIR_ENOMEM;
    }
    map->entries = entries;
    uint32_t *slots = calloc(slot_count, sizeof *slots);
    if (!slots) {
        return WEIR_ENOMEM;
    }
    free(map->slots);
    map->slots = slots;
    map->slot_count = slot_count;
    for (size_t i = 0; i < map->count; i++) {
        size_t at = entries[i].hash & (slot_count - 1);
        while (slots[at]) {
            at = (at + 1) & (slot_count - 1);
        }
        slots[at] = (uint32_t)i + 1;
    }
    return WEIR_OK;
}

int weir_map_put(struct weir_map *map, struct weir_str key, void *value)
{
    if (map->count >= map->slot_count / 2 && grow(map)) {
        return WEIR_ENOMEM;
    }
    uint64_t hash = weir_hash64(key.ptr, key.len, map->seed);
    size_t i = find_slot(map, key, hash);
    if (map->slots[i]) {
        map->entries[map->slots[i] - 1].value = value;
        return WEIR_OK;
    }
    struct weir_str copy = weir_arena_dup(&map->keys, key);
    if (!copy.ptr) {
        return WEIR_ENOMEM;
    }
    map->entries[map->count] = (struct weir_map_entry){copy, hash, value};
    map->slots[i] = (uint32_t)++map->count;
    return WEIR_OK;
}
