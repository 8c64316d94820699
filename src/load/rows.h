/* Rows on their way into the warehouse, by column.
 *
 * A batch has rows for many tables; a table's rows are in chunks of 2,048, so that a column seen
 * for the first time costs one chunk and not the whole batch. All memory comes from the batch's
 * pool and is given up at once. One thread at a time: first the builder's, then the appender's. */
#ifndef WEIR_LOAD_ROWS_H
#define WEIR_LOAD_ROWS_H

#include "load/table.h"
#include "load/value.h"

enum { WEIR_CHUNK_ROWS = 2048 };

/* Blocks that are kept over batches: faulting fresh pages in costs more than filling them. */
struct weir_pool {
    struct weir_pool_block *blocks; /* in use, newest first */
    struct weir_pool_block *spare;
    size_t used;
};
void weir_pool_free(struct weir_pool *pool);
void weir_pool_reset(struct weir_pool *pool, size_t keep);
struct weir_str weir_pool_dup(struct weir_pool *pool, struct weir_str s);

struct weir_cells { /* one column in one chunk */
    struct weir_load_column *column;
    const void *writer; /* who wrote the row's cell: two keys on one column are told by it */
    uint64_t stamp;     /* the event that wrote last */
    enum weir_type type;
    uint32_t cap; /* rows there is room for; 0: not used */
    uint64_t valid[WEIR_CHUNK_ROWS / 64];
    union {
        bool *bools;
        int64_t *ints;
        double *doubles;
        struct weir_str *strs;
        void *data;
    };
};

struct weir_chunk {
    uint32_t rows;
    uint32_t cells_count;
    struct weir_cells **cells; /* by column index; NULL: not used */
};

struct weir_rows { /* of one table, in one batch */
    struct weir_load_table *table;
    struct weir_chunk **chunks;
    uint32_t chunk_count, chunk_cap;
    uint64_t rows;
};

/* A new row at the end; NULL when memory ran out. */
struct weir_chunk *weir_rows_add(struct weir_rows *rows, struct weir_pool *pool, uint32_t *row);
/* Gives the column the type that holds the value, too, unless the schema says it. */
void weir_column_widen(struct weir_load_column *column, const struct weir_value *value);
/* The cells of a column, with room for `row`, of a type that `value` can be stored in; the slow way
 * in. Widens the column when it must. NULL: no memory. */
struct weir_cells *weir_rows_cells(struct weir_chunk *chunk, struct weir_pool *pool,
                                   struct weir_load_column *column, uint32_t row,
                                   const struct weir_value *value);
/* Changes what is stored to another type of the lattice. */
int weir_cells_convert(struct weir_cells *cells, uint32_t rows, enum weir_type to,
                       struct weir_pool *pool, struct weir_error *err) WEIR_MUST_CHECK;
/* Gives the cells room for all the chunk's rows; the new ones are NULL. */
int weir_cells_extend(struct weir_cells *cells, uint32_t rows, struct weir_pool *pool,
                      struct weir_error *err) WEIR_MUST_CHECK;
/* Stores a value (converted to the cells' type); false: no memory. */
bool weir_cells_set(struct weir_cells *cells, struct weir_pool *pool, uint32_t row,
                    const struct weir_value *value);
bool weir_cells_get(const struct weir_cells *cells, uint32_t row, struct weir_value *out);

static inline bool weir_cells_valid(const struct weir_cells *cells, uint32_t row)
{
    return row < cells->cap && (cells->valid[row / 64] >> (row % 64) & 1);
}

/* The fast way: the type fits and there is room. */
static inline void weir_cells_put(struct weir_cells *cells, uint32_t row,
                                  const struct weir_value *value)
{
    cells->valid[row / 64] |= UINT64_C(1) << (row % 64);
    switch (cells->type) {
    case WEIR_TYPE_BOOL:
        cells->bools[row] = value->b;
        return;
    case WEIR_TYPE_TEXT:
    case WEIR_TYPE_JSON:
        cells->strs[row] = value->s;
        return;
    default: /* ints, times, doubles: eight bytes */
        cells->ints[row] = value->i;
        return;
    }
}

#endif
