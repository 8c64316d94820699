#include "load/batch.h"

#include <stdlib.h>

enum { POOL_KEEP = 128 << 20 };

void weir_load_batch_init(struct weir_load_batch *batch)
{
    *batch = (struct weir_load_batch){0};
}

void weir_load_batch_free(struct weir_load_batch *batch)
{
    for (uint32_t i = 0; i < batch->rows_cap; i++) {
        free(batch->rows[i].chunks);
    }
    for (uint32_t i = 0; i < batch->keys_cap; i++) {
        weir_map_free(&batch->keys[i]);
    }
    free(batch->rows);
    free(batch->keys);
    free(batch->touched);
    weir_pool_free(&batch->pool);
    *batch = (struct weir_load_batch){0};
}

void weir_load_batch_reset(struct weir_load_batch *batch)
{
    for (uint32_t i = 0; i < batch->touched_count; i++) {
        struct weir_rows *rows = &batch->rows[batch->touched[i]];
        rows->table = NULL;
        rows->chunk_count = 0;
        rows->rows = 0;
    }
    for (uint32_t i = 0; i < batch->keys_cap; i++) {
        weir_map_clear(&batch->keys[i]);
    }
    batch->touched_count = 0;
    weir_pool_reset(&batch->pool, POOL_KEEP);
    batch->first_seq = batch->next_seq = batch->next_event = 0;
    batch->events = batch->duplicates = batch->discards = batch->records = 0;
    batch->body_bytes = batch->cells = 0;
    batch->oldest = 0;
    batch->widest = NULL;
    batch->widest_columns = 0;
}

void weir_load_batch_measure(struct weir_load_batch *batch)
{
    batch->widest = NULL;
    batch->widest_columns = 0;
    for (uint32_t i = 0; i < batch->touched_count; i++) {
        const struct weir_load_table *table = batch->rows[batch->touched[i]].table;
        if (table->column_count > batch->widest_columns) {
            batch->widest = table;
            batch->widest_columns = table->column_count;
        }
    }
}

bool weir_grow(void *array, uint32_t *cap, uint32_t need, size_t width)
{
    if (need <= *cap) {
        return true;
    }
    uint32_t to = need + need / 2 + 16;
    void **p = array;
    void *moved = realloc(*p, to * width);
    if (!moved) {
        return false;
    }
    memset((char *)moved + *cap * width, 0, (to - *cap) * width);
    *p = moved;
    *cap = to;
    return true;
}

struct weir_rows *weir_load_batch_rows(struct weir_load_batch *batch, struct weir_load_table *table)
{
    if (table->index < batch->rows_cap && batch->rows[table->index].table) {
        return &batch->rows[table->index];
    }
    if (!weir_grow(&batch->rows, &batch->rows_cap, table->index + 1, sizeof *batch->rows) ||
        !weir_grow(&batch->touched, &batch->touched_cap, batch->touched_count + 1,
                   sizeof *batch->touched)) {
        return NULL;
    }
    batch->touched[batch->touched_count++] = table->index;
    batch->rows[table->index].table = table;
    return &batch->rows[table->index];
}

struct weir_map *weir_load_batch_keys(struct weir_load_batch *batch,
                                      const struct weir_load_table *table)
{
    uint32_t had = batch->keys_cap;
    if (!weir_grow(&batch->keys, &batch->keys_cap, table->index + 1, sizeof *batch->keys)) {
        return NULL;
    }
    for (uint32_t i = had; i < batch->keys_cap; i++) {
        weir_map_init(&batch->keys[i]);
    }
    return &batch->keys[table->index];
}
