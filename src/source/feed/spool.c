/* A batch: MAGIC, columns (32 bits each), rows (64), a type a column; then for each column its
 * validity bits, and its values: bytes, 64-bit numbers, or lengths (32 bits) and texts. All at
 * multiples of 8, so that numbers are used where they were read. */
#include "source/feed/spool.h"

#include <stdlib.h>
#include <string.h>

#include "source/feed/spool_file.h"

#define MAGIC     0x4c505357u
#define BLOCK_MAX (1u << 30)

int weir_spool_open(struct weir_spool *s, const char *dir, uint64_t max, struct weir_error *err)
{
    *s = (struct weir_spool){.max = max};
    return weir_spool_file_open(&s->file, dir, err);
}

void weir_spool_free(struct weir_spool *s)
{
    weir_spool_file_free(s->file);
    s->file = NULL;
}

static size_t align(size_t bytes)
{
    return (bytes + 7) & ~(size_t)7;
}

static size_t valid_size(size_t rows)
{
    return (rows + 63) / 64 * sizeof(uint64_t);
}

static size_t text_length(const struct weir_vector *v, size_t row)
{
    return weir_vector_valid(v, row) ? v->strs[row].len : 0;
}

static size_t column_size(const struct weir_vector *v, size_t rows)
{
    size_t size = rows * (v->type == WEIR_TYPE_BOOL  ? 1
                          : v->type < WEIR_TYPE_TEXT ? sizeof(int64_t)
                                                     : sizeof(uint32_t));
    for (size_t i = 0; v->type >= WEIR_TYPE_TEXT && i < rows; i++) {
        size += text_length(v, i);
    }
    return valid_size(rows) + align(size);
}

static size_t head_size(size_t columns)
{
    return align(2 * sizeof(uint32_t) + sizeof(uint64_t) + columns);
}

static char *put(char *to, const void *bytes, size_t n)
{
    memcpy(to, bytes, n);
    return to + n;
}

static char *put_texts(char *to, const struct weir_vector *v, size_t rows)
{
    for (size_t i = 0; i < rows; i++) {
        uint32_t n = (uint32_t)text_length(v, i);
        to = put(to, &n, sizeof n);
    }
    for (size_t i = 0; i < rows; i++) {
        size_t n = text_length(v, i);
        to = n ? put(to, v->strs[i].ptr, n) : to;
    }
    return to;
}

/* Of `column_size` bytes. */
static char *put_column(char *to, const struct weir_vector *v, size_t rows)
{
    static const char zeros[8] = {0};
    char *at = put(to, v->valid, valid_size(rows));
    if (v->type >= WEIR_TYPE_TEXT) {
        at = put_texts(at, v, rows);
    } else {
        at = put(at, v->ints, rows * (v->type == WEIR_TYPE_BOOL ? 1 : sizeof *v->ints));
    }
    return put(at, zeros, -(size_t)(at - to) & 7);
}

static void put_batch(char *to, const struct weir_batch *batch)
{
    const uint32_t head[2] = {MAGIC, (uint32_t)batch->column_count};
    uint64_t rows = batch->rows;
    char *at = put(put(to, head, sizeof head), &rows, sizeof rows);
    for (size_t i = 0; i < batch->column_count; i++) {
        *at++ = (char)batch->columns[i].type;
    }
    at = to + head_size(batch->column_count);
    for (size_t i = 0; i < batch->column_count; i++) {
        at = put_column(at, &batch->columns[i], batch->rows);
    }
}

int weir_spool_write(struct weir_spool *s, const struct weir_batch *batch,
                     struct weir_spool_block *out, struct weir_error *err)
{
    char *room = NULL;
    size_t bytes = head_size(batch->column_count);
    for (size_t i = 0; i < batch->column_count; i++) {
        bytes += column_size(&batch->columns[i], batch->rows);
    }
    if (bytes > BLOCK_MAX) {
        return weir_fail(err, WEIR_ETOOBIG, "a batch of rows is larger than %u MB",
                         BLOCK_MAX >> 20);
    }
    if (s->held + bytes > s->max) {
        return weir_fail(err, WEIR_ETOOBIG,
                         "the rows of this run take more than %llu MB in weir's data folder before "
                         "they are loaded; raise `max_spool`",
                         (unsigned long long)(s->max >> 20));
    }
    *out = (struct weir_spool_block){.bytes = bytes, .rows = batch->rows};
    int rc = weir_spool_file_room(s->file, bytes, &room, err);
    if (rc) {
        return rc;
    }
    put_batch(room, batch);
    rc = weir_spool_file_add(s->file, bytes, &out->at, err);
    s->held += rc ? 0 : bytes;
    s->blocks += rc == 0;
    return rc;
}

void weir_spool_drop(struct weir_spool *s, const struct weir_spool_block *block)
{
    bool freed = weir_spool_file_drop(s->file, block->at, block->bytes);
    s->held -= freed ? block->bytes : 0;
    s->held = --s->blocks ? s->held : 0;
}

/* --- reading ------------------------------------------------------------------------------------
 */

/* The next `n` bytes of the block; NULL when there are not so many. */
static char *take(struct weir_spool_room *r, size_t *at, size_t n)
{
    char *bytes = r->block + *at;
    if (n > r->len - *at) {
        return NULL;
    }
    *at = align(*at + n);
    *at = *at > r->len ? r->len : *at;
    return bytes;
}

static bool take_texts(struct weir_spool_room *r, size_t *at, struct weir_vector *v, size_t rows)
{
    size_t start = *at, n = rows * sizeof(uint32_t), sum = 0;
    if (n > r->len - start) {
        return false;
    }
    v->strs = weir_arena_alloc(&r->arena, (rows + 1) * sizeof *v->strs);
    for (size_t i = 0; v->strs && i < rows; i++) {
        uint32_t len;
        memcpy(&len, r->block + start + i * sizeof len, sizeof len);
        if (len > r->len - start - n - sum) {
            return false;
        }
        v->strs[i] = (struct weir_str){r->block + start + n + sum, len};
        sum += len;
    }
    return v->strs && take(r, at, n + sum);
}

static bool take_column(struct weir_spool_room *r, size_t *at, struct weir_vector *v, size_t rows)
{
    v->valid = (uint64_t *)(void *)take(r, at, (rows + 63) / 64 * sizeof *v->valid);
    if (!v->valid) {
        return false;
    }
    if (v->type >= WEIR_TYPE_TEXT) {
        return take_texts(r, at, v, rows);
    }
    v->ints = (int64_t *)(void *)take(r, at, rows * (v->type == WEIR_TYPE_BOOL ? 1 : 8));
    return v->ints;
}

/* Rows behind the first `count` have no values. */
static void cut(struct weir_vector *v, size_t count)
{
    v->valid[count / 64] &= (1ull << (count % 64)) - 1;
}

static bool take_batch(struct weir_spool_room *r, const struct weir_spool_block *block,
                       struct weir_batch *out)
{
    uint32_t head[2];
    uint64_t rows;
    size_t at = sizeof head + sizeof rows;
    if (r->len < at) {
        return false;
    }
    memcpy(head, r->block, sizeof head);
    memcpy(&rows, r->block + sizeof head, sizeof rows);
    const char *types = take(r, &at, head[1]);
    if (head[0] != MAGIC || rows < block->rows || !types) {
        return false;
    }
    *out = (struct weir_batch){block->rows, head[1],
                               weir_arena_calloc(&r->arena, (head[1] + 1u) * sizeof *out->columns)};
    for (size_t i = 0; out->columns && i < head[1]; i++) {
        out->columns[i].type = (enum weir_type)types[i];
        if ((unsigned char)types[i] > WEIR_TYPE_OTHER ||
            !take_column(r, &at, &out->columns[i], rows)) {
            return false;
        }
        if (block->rows < rows) {
            cut(&out->columns[i], block->rows);
        }
    }
    return out->columns;
}

void weir_spool_room_init(struct weir_spool_room *room)
{
    *room = (struct weir_spool_room){0};
    weir_arena_init(&room->arena, BLOCK_MAX);
}

void weir_spool_room_free(struct weir_spool_room *room)
{
    free(room->block);
    weir_arena_free(&room->arena);
}

int weir_spool_read(const struct weir_spool *s, const struct weir_spool_block *block,
                    struct weir_spool_room *room, struct weir_batch *out, struct weir_error *err)
{
    weir_arena_reset(&room->arena);
    size_t bytes = block->bytes + WEIR_BUF_PADDING;
    if (room->size < bytes) {
        free(room->block);
        room->size = weir_spool_size(bytes);
        room->block = weir_spool_alloc(room->size);
        room->size = room->block ? room->size : 0;
    }
    if (!room->block) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a batch of rows");
    }
    int rc = weir_spool_file_read(s->file, block->at, block->bytes, room->block, err);
    room->len = rc ? 0 : block->bytes;
    return rc || take_batch(room, block, out)
               ? rc
               : weir_fail(err, WEIR_ECORRUPT,
                           "rows that were kept for loading cannot be read again: the disk, or no "
                           "memory; nothing was loaded");
}
