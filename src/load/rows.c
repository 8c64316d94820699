#include "load/rows.h"

#include <stdlib.h>

/* --- pool --------------------------------------------------------------------------------------
 */

enum { BLOCK_BYTES = 1 << 20 };

struct weir_pool_block {
    struct weir_pool_block *next;
    size_t cap;
    size_t len;
    _Alignas(16) char data[];
};

static void free_blocks(struct weir_pool_block *block)
{
    while (block) {
        struct weir_pool_block *next = block->next;
        free(block);
        block = next;
    }
}

void weir_pool_free(struct weir_pool *pool)
{
    free_blocks(pool->blocks);
    free_blocks(pool->spare);
    *pool = (struct weir_pool){0};
}

void weir_pool_reset(struct weir_pool *pool, size_t keep)
{
    size_t kept = 0;
    for (struct weir_pool_block *b = pool->spare; b; b = b->next) {
        kept += b->cap;
    }
    while (pool->blocks) {
        struct weir_pool_block *block = pool->blocks;
        pool->blocks = block->next;
        if (block->cap == BLOCK_BYTES && kept < keep) {
            block->len = 0;
            block->next = pool->spare;
            pool->spare = block;
            kept += block->cap;
        } else {
            free(block);
        }
    }
    pool->used = 0;
}

static struct weir_pool_block *new_block(struct weir_pool *pool, size_t n)
{
    struct weir_pool_block *block = pool->spare;
    if (block && n <= BLOCK_BYTES) {
        pool->spare = block->next;
    } else {
        size_t cap = n > BLOCK_BYTES ? n : BLOCK_BYTES;
        block = malloc(sizeof *block + cap);
        if (!block) {
            return NULL;
        }
        block->cap = cap;
        block->len = 0;
    }
    pool->used += block->cap;
    return block;
}

/* Aligned to 16; NULL: no memory. */
static void *pool_alloc(struct weir_pool *pool, size_t n)
{
    n = (n + 15) & ~(size_t)15;
    struct weir_pool_block *block = pool->blocks;
    if (!block || block->cap - block->len < n) {
        block = new_block(pool, n);
        if (!block) {
            return NULL;
        }
        /* A block made for one big thing goes behind the one with room. */
        if (n > BLOCK_BYTES / 4 && pool->blocks && block->cap != BLOCK_BYTES) {
            block->next = pool->blocks->next;
            pool->blocks->next = block;
        } else {
            block->next = pool->blocks;
            pool->blocks = block;
        }
    }
    void *out = block->data + block->len;
    block->len += n;
    return out;
}

struct weir_str weir_pool_dup(struct weir_pool *pool, struct weir_str s)
{
    /* Strings need no alignment: pack them. */
    struct weir_pool_block *block = pool->blocks;
    char *copy;
    if (block && block->cap - block->len >= s.len) {
        copy = block->data + block->len;
        block->len += (s.len + 15) & ~(size_t)15;
        block->len = block->len < block->cap ? block->len : block->cap;
    } else {
        copy = pool_alloc(pool, s.len + 1);
    }
    if (!copy) {
        return (struct weir_str){NULL, 0};
    }
    if (s.len) {
        memcpy(copy, s.ptr, s.len);
    }
    return (struct weir_str){copy, s.len};
}

/* --- rows --------------------------------------------------------------------------------------
 */

static size_t width_of(enum weir_type type)
{
    switch (type) {
    case WEIR_TYPE_BOOL:
        return sizeof(bool);
    case WEIR_TYPE_TEXT:
    case WEIR_TYPE_JSON:
        return sizeof(struct weir_str);
    default:
        return 8;
    }
}

struct weir_chunk *weir_rows_add(struct weir_rows *rows, struct weir_pool *pool, uint32_t *row)
{
    struct weir_chunk *chunk = rows->chunk_count ? rows->chunks[rows->chunk_count - 1] : NULL;
    if (!chunk || chunk->rows == WEIR_CHUNK_ROWS) {
        if (rows->chunk_count == rows->chunk_cap) {
            uint32_t cap = rows->chunk_cap ? rows->chunk_cap * 2 : 8;
            struct weir_chunk **chunks = realloc(rows->chunks, cap * sizeof *chunks);
            if (!chunks) {
                return NULL;
            }
            rows->chunks = chunks;
            rows->chunk_cap = cap;
        }
        chunk = pool_alloc(pool, sizeof *chunk);
        if (!chunk) {
            return NULL;
        }
        *chunk = (struct weir_chunk){0};
        rows->chunks[rows->chunk_count++] = chunk;
    }
    *row = chunk->rows++;
    rows->rows++;
    return chunk;
}

static bool grow_cells(struct weir_cells *cells, struct weir_pool *pool, uint32_t row)
{
    uint32_t cap = cells->cap ? cells->cap * 2 : 64;
    while (cap <= row) {
        cap *= 2;
    }
    cap = cap < WEIR_CHUNK_ROWS ? cap : WEIR_CHUNK_ROWS;
    size_t width = width_of(cells->type);
    void *data = pool_alloc(pool, cap * width);
    if (!data) {
        return false;
    }
    if (cells->cap) {
        memcpy(data, cells->data, cells->cap * width);
    }
    cells->data = data;
    cells->cap = cap;
    return true;
}

int weir_cells_extend(struct weir_cells *cells, uint32_t rows, struct weir_pool *pool,
                      struct weir_error *err)
{
    if (rows > cells->cap && !grow_cells(cells, pool, rows - 1)) {
        return weir_fail(err, WEIR_ENOMEM, "no memory to load rows");
    }
    return WEIR_OK;
}

static struct weir_cells *make_cells(struct weir_chunk *chunk, struct weir_pool *pool,
                                     struct weir_load_column *column)
{
    if (column->index >= chunk->cells_count) {
        uint32_t count = column->index + 1 + column->index / 2;
        struct weir_cells **cells = pool_alloc(pool, count * sizeof(struct weir_cells *));
        if (!cells) {
            return NULL;
        }
        if (chunk->cells_count) {
            memcpy(cells, chunk->cells, chunk->cells_count * sizeof(struct weir_cells *));
        }
        memset(cells + chunk->cells_count, 0,
               (count - chunk->cells_count) * sizeof(struct weir_cells *));
        chunk->cells = cells;
        chunk->cells_count = count;
    }
    if (!chunk->cells[column->index]) {
        struct weir_cells *cells = pool_alloc(pool, sizeof *cells);
        if (!cells) {
            return NULL;
        }
        memset(cells, 0, sizeof *cells);
        cells->column = column;
        cells->type = column->type;
        chunk->cells[column->index] = cells;
    }
    return chunk->cells[column->index];
}

void weir_column_widen(struct weir_load_column *column, const struct weir_value *value)
{
    if (column->pinned) {
        return;
    }
    bool unsafe = value->type == WEIR_TYPE_INT && !weir_int_is_safe(value->i);
    column->type = weir_type_join(column->type, value->type, column->unsafe_ints || unsafe);
    column->unsafe_ints = column->unsafe_ints || unsafe;
}

struct weir_cells *weir_rows_cells(struct weir_chunk *chunk, struct weir_pool *pool,
                                   struct weir_load_column *column, uint32_t row,
                                   const struct weir_value *value)
{
    struct weir_error err;
    weir_column_widen(column, value);
    struct weir_cells *cells = make_cells(chunk, pool, column);
    if (!cells) {
        return NULL;
    }
    if (cells->type != column->type &&
        weir_cells_convert(cells, chunk->rows, column->type, pool, &err)) {
        return NULL;
    }
    if (row >= cells->cap && !grow_cells(cells, pool, row)) {
        return NULL;
    }
    return cells;
}

bool weir_cells_get(const struct weir_cells *cells, uint32_t row, struct weir_value *out)
{
    if (!weir_cells_valid(cells, row)) {
        return false;
    }
    out->type = cells->type;
    out->text.ptr = NULL;
    switch (cells->type) {
    case WEIR_TYPE_BOOL:
        out->b = cells->bools[row];
        break;
    case WEIR_TYPE_TEXT:
    case WEIR_TYPE_JSON:
        out->s = cells->strs[row];
        break;
    default:
        out->i = cells->ints[row];
        break;
    }
    return true;
}

/* Text of a value, in the pool. */
static bool text_in_pool(const struct weir_value *value, struct weir_pool *pool,
                         struct weir_str *out)
{
    if (value->type == WEIR_TYPE_TEXT || value->type == WEIR_TYPE_JSON) {
        *out = value->s;
        return true;
    }
    struct weir_buf text;
    weir_buf_init(&text, 64);
    weir_value_text(value, &text);
    *out = weir_pool_dup(pool, weir_buf_str(&text));
    weir_buf_free(&text);
    return out->ptr != NULL;
}

bool weir_cells_set(struct weir_cells *cells, struct weir_pool *pool, uint32_t row,
                    const struct weir_value *value)
{
    struct weir_value put = *value;
    if (value->type == WEIR_TYPE_INT && !weir_int_is_safe(value->i)) {
        cells->column->unsafe_ints = true;
    }
    if (cells->type == WEIR_TYPE_DOUBLE && value->type == WEIR_TYPE_INT) {
        put.d = (double)value->i;
    } else if (cells->type == WEIR_TYPE_TEXT && !text_in_pool(value, pool, &put.s)) {
        return false;
    }
    weir_cells_put(cells, row, &put);
    return true;
}

int weir_cells_convert(struct weir_cells *cells, uint32_t rows, enum weir_type to,
                       struct weir_pool *pool, struct weir_error *err)
{
    if (cells->type == to || cells->cap == 0) {
        cells->type = to;
        return WEIR_OK;
    }
    struct weir_cells old = *cells;
    rows = rows < old.cap ? rows : old.cap;
    cells->type = to;
    cells->data = pool_alloc(pool, cells->cap * width_of(to));
    if (!cells->data) {
        *cells = old;
        return weir_fail(err, WEIR_ENOMEM, "no memory to widen a column");
    }
    for (uint32_t row = 0; row < rows; row++) {
        struct weir_value value;
        if (weir_cells_get(&old, row, &value) && !weir_cells_set(cells, pool, row, &value)) {
            *cells = old;
            return weir_fail(err, WEIR_ENOMEM, "no memory to widen a column");
        }
    }
    return WEIR_OK;
}
