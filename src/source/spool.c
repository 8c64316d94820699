/* A batch: MAGIC, columns (32 bits each), rows (64), a type a column; then for each column its
 * validity bits, and its values: bytes, 64-bit numbers, or lengths (32 bits) and texts. All at
 * multiples of 8, so that numbers are used where they were read. */
#include "source/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/file.h"

#define MAGIC     0x4c505357u
#define BLOCK_MAX (1u << 30)

int weir_spool_open(struct weir_spool *s, const char *dir, uint64_t max, struct weir_error *err)
{
    char path[4096];
    *s = (struct weir_spool){.fd = -1, .max = max};
    weir_buf_init(&s->block, BLOCK_MAX);
    s->fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (s->fd < 0 && snprintf(path, sizeof path, "%s/spool-XXXXXX", dir) < (int)sizeof path) {
        s->fd = mkostemp(path, O_CLOEXEC); /* a file system without files that have no name */
        (void)!(s->fd < 0 || unlink(path) == 0);
    }
    return s->fd < 0 ? weir_fail_errno(err, errno, "cannot make a file in %s", dir) : 0;
}

void weir_spool_free(struct weir_spool *s)
{
    if (s->fd >= 0) {
        close(s->fd);
    }
    s->fd = -1;
    weir_buf_free(&s->block);
}

static void align(struct weir_buf *b)
{
    static const char zeros[8] = {0};
    weir_buf_add(b, zeros, -b->len & 7);
}

static void add_texts(struct weir_buf *b, const struct weir_vector *v, size_t rows)
{
    char *room = weir_buf_room(b, rows * sizeof(uint32_t));
    for (size_t i = 0; room && i < rows; i++) {
        uint32_t n = weir_vector_valid(v, i) ? (uint32_t)v->strs[i].len : 0;
        memcpy(room + i * sizeof n, &n, sizeof n);
    }
    b->len += room ? rows * sizeof(uint32_t) : 0;
    for (size_t i = 0; i < rows; i++) {
        if (weir_vector_valid(v, i)) {
            weir_buf_adds(b, v->strs[i]);
        }
    }
}

int weir_spool_write(struct weir_spool *s, const struct weir_batch *batch,
                     struct weir_spool_block *out, struct weir_error *err)
{
    struct weir_buf *b = &s->block;
    const uint32_t head[2] = {MAGIC, (uint32_t)batch->column_count};
    uint64_t rows = batch->rows;
    weir_buf_reset(b);
    weir_buf_add(b, head, sizeof head);
    weir_buf_add(b, &rows, sizeof rows);
    for (size_t i = 0; i < batch->column_count; i++) {
        weir_buf_addc(b, (char)batch->columns[i].type);
    }
    align(b);
    for (size_t i = 0; i < batch->column_count; i++) {
        const struct weir_vector *v = &batch->columns[i];
        weir_buf_add(b, v->valid, (rows + 63) / 64 * sizeof *v->valid);
        if (v->type >= WEIR_TYPE_TEXT) {
            add_texts(b, v, rows);
        } else {
            weir_buf_add(b, v->ints, rows * (v->type == WEIR_TYPE_BOOL ? 1 : sizeof *v->ints));
        }
        align(b);
    }
    int rc = weir_buf_check(b, "a batch of rows", err);
    if (rc == 0 && s->held + b->len > s->max) {
        rc = weir_fail(err, WEIR_ETOOBIG,
                       "the rows of this run take more than %llu MB in weir's data folder before "
                       "they are loaded; raise `max_spool`",
                       (unsigned long long)(s->max >> 20));
    }
    struct iovec iov = {b->data, b->len};
    rc = rc ? rc : weir_pwritev_all(s->fd, &iov, 1, s->bytes, "rows of a run", err);
    if (rc == 0) {
        *out = (struct weir_spool_block){.at = s->bytes, .bytes = b->len, .rows = batch->rows};
        s->bytes += b->len;
        s->live += b->len;
        s->held += b->len;
    }
    return rc;
}

void weir_spool_drop(struct weir_spool *s, const struct weir_spool_block *block)
{
    s->live -= block->bytes;
    if (s->live == 0 && ftruncate(s->fd, 0) == 0) {
        s->bytes = s->held = 0;
    } else if (fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)block->at,
                         (off_t)block->bytes) == 0) {
        s->held -= block->bytes;
    }
}

/* --- reading ------------------------------------------------------------------------------------
 */

/* The next `n` bytes of the block; NULL when there are not so many. */
static char *take(struct weir_spool_room *r, size_t *at, size_t n)
{
    char *bytes = r->block.data + *at;
    if (n > r->block.len - *at) {
        return NULL;
    }
    *at += n;
    *at = (*at + 7) & ~(size_t)7;
    *at = *at > r->block.len ? r->block.len : *at;
    return bytes;
}

static bool take_texts(struct weir_spool_room *r, size_t *at, struct weir_vector *v, size_t rows)
{
    size_t start = *at, n = rows * sizeof(uint32_t), sum = 0;
    if (n > r->block.len - start) {
        return false;
    }
    v->strs = weir_arena_alloc(&r->arena, (rows + 1) * sizeof *v->strs);
    for (size_t i = 0; v->strs && i < rows; i++) {
        uint32_t len;
        memcpy(&len, r->block.data + start + i * sizeof len, sizeof len);
        if (len > r->block.len - start - n - sum) {
            return false;
        }
        v->strs[i] = (struct weir_str){r->block.data + start + n + sum, len};
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
    if (r->block.len < at) {
        return false;
    }
    memcpy(head, r->block.data, sizeof head);
    memcpy(&rows, r->block.data + sizeof head, sizeof rows);
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
    weir_buf_init(&room->block, BLOCK_MAX);
    weir_arena_init(&room->arena, BLOCK_MAX);
}

void weir_spool_room_free(struct weir_spool_room *room)
{
    weir_buf_free(&room->block);
    weir_arena_free(&room->arena);
}

int weir_spool_read(const struct weir_spool *s, const struct weir_spool_block *block,
                    struct weir_spool_room *room, struct weir_batch *out, struct weir_error *err)
{
    weir_buf_reset(&room->block);
    weir_arena_reset(&room->arena);
    if (!weir_buf_room(&room->block, block->bytes)) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a batch of rows");
    }
    int rc = weir_pread_all(s->fd, room->block.data, block->bytes, block->at, "rows of a run", err);
    room->block.len = rc ? 0 : block->bytes;
    return rc || take_batch(room, block, out)
               ? rc
               : weir_fail(err, WEIR_ECORRUPT,
                           "rows that were kept for loading cannot be read again: the disk, or no "
                           "memory; nothing was loaded");
}
