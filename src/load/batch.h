/* What one transaction will write: rows by table, and the records of the log that they came from.
 */
#ifndef WEIR_LOAD_BATCH_H
#define WEIR_LOAD_BATCH_H

#include "load/rows.h"

struct weir_load_batch {
    struct weir_pool pool;
    struct weir_rows *rows; /* by table index */
    uint32_t rows_cap;
    uint32_t *touched; /* indexes of tables with rows */
    uint32_t touched_count, touched_cap;
    struct weir_map *keys; /* of upserted tables: id -> place + 1; by table index, lazily */
    uint32_t keys_cap;
    uint64_t first_seq, next_seq; /* the records in it */
    uint64_t next_event;          /* of record next_seq: the events before it are in it, too */
    uint64_t events, duplicates, discards, records;
    uint64_t body_bytes;
    uint64_t cells;   /* rows times their table's columns: the engine keeps the empty ones, too */
    weir_time oldest; /* received_at of its first record */
    /* Set by weir_load_batch_measure. */
    const struct weir_load_table *widest; /* of its tables, by all columns; NULL: none */
    uint32_t widest_columns;
};

void weir_load_batch_init(struct weir_load_batch *batch);
void weir_load_batch_free(struct weir_load_batch *batch);
void weir_load_batch_reset(struct weir_load_batch *batch);
/* Notes its widest table. On the builder's thread, which may add columns later: the appender must
 * not look at them. */
void weir_load_batch_measure(struct weir_load_batch *batch);
struct weir_rows *weir_load_batch_rows(struct weir_load_batch *batch,
                                       struct weir_load_table *table);

/* The ids of an upserted table's rows in this batch. NULL: no memory. */
struct weir_map *weir_load_batch_keys(struct weir_load_batch *batch,
                                      const struct weir_load_table *table);
/* Grows a zeroed array of `*cap` elements of `width` bytes so that it holds `need`. */
bool weir_grow(void *array, uint32_t *cap, uint32_t need, size_t width);

#endif
