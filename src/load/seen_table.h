/* The recent part of the dedup index: a fixed-size table in memory, always in hash order.
 *
 * Open addressing without wrap-around: an entry's home is its hash scaled to the table, and inserts
 * keep the slots sorted by hash. Walking the slots is therefore a sorted walk, so writing a run
 * needs neither a sort nor a second copy. One thread at a time, or many that only read. */
#ifndef WEIR_LOAD_SEEN_TABLE_H
#define WEIR_LOAD_SEEN_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/hash.h"

struct weir_seen_entry {
    struct weir_hash128 id;
    uint64_t position; /* 0: an empty slot */
};

static inline int weir_hash128_cmp(struct weir_hash128 a, struct weir_hash128 b)
{
    if (a.hi != b.hi) {
        return a.hi < b.hi ? -1 : 1;
    }
    return a.lo < b.lo ? -1 : a.lo > b.lo;
}
/* Scales a hash to [0, n), keeping its order. */
static inline uint64_t weir_hash_scale(uint64_t hi, uint64_t n)
{
    return (uint64_t)(((unsigned __int128)hi * n) >> 64);
}

struct weir_seen_table {
    struct weir_seen_entry *slots;
    size_t homes;      /* slots that are a home */
    size_t slot_count; /* homes and the room behind the last one */
    size_t count;
    size_t limit; /* full at so many */
};

int weir_seen_table_init(struct weir_seen_table *table, uint64_t bytes,
                         struct weir_error *err) WEIR_MUST_CHECK;
void weir_seen_table_free(struct weir_seen_table *table);
void weir_seen_table_clear(struct weir_seen_table *table); /* gives the memory back */

/* The entry, or NULL. */
struct weir_seen_entry *weir_seen_table_find(const struct weir_seen_table *table,
                                             struct weir_hash128 id);
/* Inserts an id that is not there. False when the table is full (nothing changed). */
bool weir_seen_table_insert(struct weir_seen_table *table, struct weir_hash128 id,
                            uint64_t position);

#endif
