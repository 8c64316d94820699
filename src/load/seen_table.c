#include "load/seen_table.h"

#include <string.h>
#include <sys/mman.h>

/* Room behind the last home: clusters at a load of 0.7 are tens of entries long. */
enum { SLACK = 4096, MIN_HOMES = 64 };

int weir_seen_table_init(struct weir_seen_table *table, uint64_t bytes, struct weir_error *err)
{
    size_t homes = bytes / sizeof(struct weir_seen_entry);
    homes = homes < MIN_HOMES ? MIN_HOMES : homes;
    *table = (struct weir_seen_table){
        .homes = homes, .slot_count = homes + SLACK, .limit = homes / 10 * 7};
    /* mmap, so that clearing can give the pages back and untouched ones cost nothing. */
    void *memory = mmap(NULL, table->slot_count * sizeof *table->slots, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        *table = (struct weir_seen_table){0};
        return weir_fail(err, WEIR_ENOMEM, "no memory for the dedup table (%zu bytes)",
                         (homes + SLACK) * sizeof *table->slots);
    }
    table->slots = memory;
    return WEIR_OK;
}

void weir_seen_table_free(struct weir_seen_table *table)
{
    if (table->slots) {
        munmap(table->slots, table->slot_count * sizeof *table->slots);
    }
    *table = (struct weir_seen_table){0};
}

void weir_seen_table_clear(struct weir_seen_table *table)
{
    size_t bytes = table->slot_count * sizeof *table->slots;
    if (madvise(table->slots, bytes, MADV_DONTNEED)) {
        memset(table->slots, 0, bytes);
    }
    table->count = 0;
}

/* The first slot at or behind the home that is empty or not before `id`. */
static size_t seek(const struct weir_seen_table *table, struct weir_hash128 id)
{
    size_t i = weir_hash_scale(id.hi, table->homes);
    while (i < table->slot_count && table->slots[i].position &&
           weir_hash128_cmp(table->slots[i].id, id) < 0) {
        i++;
    }
    return i;
}

struct weir_seen_entry *weir_seen_table_find(const struct weir_seen_table *table,
                                             struct weir_hash128 id)
{
    size_t i = seek(table, id);
    if (i == table->slot_count || !table->slots[i].position ||
        weir_hash128_cmp(table->slots[i].id, id) != 0) {
        return NULL;
    }
    return &table->slots[i];
}

bool weir_seen_table_insert(struct weir_seen_table *table, struct weir_hash128 id,
                            uint64_t position)
{
    if (table->count >= table->limit) {
        return false;
    }
    size_t at = seek(table, id);
    size_t end = at;
    while (end < table->slot_count && table->slots[end].position) {
        end++;
    }
    if (end == table->slot_count) {
        return false;
    }
    memmove(&table->slots[at + 1], &table->slots[at], (end - at) * sizeof *table->slots);
    table->slots[at] = (struct weir_seen_entry){id, position};
    table->count++;
    return true;
}
