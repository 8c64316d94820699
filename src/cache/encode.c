/* A kept result as a file: docs/format/cache.md. */
#include <stdlib.h>

#include "base/bytes.h"
#include "cache/cache.h"

#define MAGIC   "weirkept"
#define VERSION 1
#define HEAD    112
#define SUMMED  32 /* the checksum is of what follows it */
#define READ    16
#define MAX_ALL (1u << 30)

/* --- out -------------------------------------------------------------------------------------- */

static size_t names_len(const struct weir_kept *k)
{
    size_t len = 0;
    for (size_t i = 0; i < k->read_count; i++) {
        len += k->reads[i].schema.len + k->reads[i].table.len;
    }
    return len;
}

static void add_reads(const struct weir_kept *k, struct weir_buf *out)
{
    for (size_t i = 0; i < k->read_count; i++) {
        unsigned char read[READ];
        weir_put64(read, k->reads[i].version);
        weir_put32(read + 8, (uint32_t)k->reads[i].schema.len);
        weir_put32(read + 12, (uint32_t)k->reads[i].table.len);
        weir_buf_add(out, read, sizeof read);
    }
    for (size_t i = 0; i < k->read_count; i++) {
        weir_buf_adds(out, k->reads[i].schema);
        weir_buf_adds(out, k->reads[i].table);
    }
}

void weir_kept_encode(const struct weir_kept *k, struct weir_buf *out)
{
    unsigned char head[HEAD] = MAGIC;
    weir_put32(head + 8, VERSION);
    weir_put32(head + 12, (uint32_t)k->read_count);
    weir_put64(head + 32, k->etag.hi);
    weir_put64(head + 40, k->etag.lo);
    weir_put64(head + 48, (uint64_t)k->computed_at);
    weir_put64(head + 56, (uint64_t)k->elapsed);
    weir_put64(head + 64, (uint64_t)k->expires_at);
    weir_put64(head + 72, k->rows);
    weir_put64(head + 80, k->bytes.len);
    weir_put32(head + 88, (uint32_t)k->key.len);
    weir_put32(head + 92, (uint32_t)names_len(k));
    head[96] = k->truncated;
    head[97] = (unsigned char)k->life;
    weir_buf_reset(out);
    weir_buf_add(out, head, sizeof head);
    add_reads(k, out);
    weir_buf_adds(out, k->key);
    weir_buf_adds(out, k->bytes);
    if (weir_buf_ok(out)) {
        struct weir_hash128 sum = weir_hash128(out->data + SUMMED, out->len - SUMMED);
        weir_put64((unsigned char *)out->data + 16, sum.hi);
        weir_put64((unsigned char *)out->data + 24, sum.lo);
    }
}

/* --- in --------------------------------------------------------------------------------------- */

static bool is_whole(struct weir_str b)
{
    if (b.len < HEAD || b.len > MAX_ALL || memcmp(b.ptr, MAGIC, 8) != 0 ||
        weir_get32(b.ptr + 8) != VERSION) {
        return false;
    }
    struct weir_hash128 sum = weir_hash128(b.ptr + SUMMED, b.len - SUMMED);
    uint64_t reads = weir_get32(b.ptr + 12), bytes = weir_get64(b.ptr + 80);
    uint64_t key = weir_get32(b.ptr + 88), names = weir_get32(b.ptr + 92);
    return sum.hi == weir_get64(b.ptr + 16) && sum.lo == weir_get64(b.ptr + 24) &&
           bytes <= MAX_ALL && HEAD + reads * READ + names + key + bytes == b.len;
}

/* Their names stand in `names`, one behind the other, and must fill it. */
static bool read_reads(const char *at, size_t count, struct weir_str names,
                       struct weir_kept_read *out)
{
    for (size_t i = 0; i < count; i++, at += READ) {
        size_t schema = weir_get32(at + 8), table = weir_get32(at + 12);
        if (schema > names.len || table > names.len - schema) {
            return false;
        }
        out[i] = (struct weir_kept_read){.version = weir_get64(at),
                                         .schema = {names.ptr, schema},
                                         .table = {names.ptr + schema, table}};
        names.ptr += schema + table;
        names.len -= schema + table;
    }
    return names.len == 0;
}

int weir_kept_decode(struct weir_str b, struct weir_kept **out, struct weir_error *err)
{
    *out = NULL;
    if (!is_whole(b) || (unsigned char)b.ptr[96] > 1 ||
        (unsigned char)b.ptr[97] > WEIR_LIFE_TABLES) {
        return weir_fail(err, WEIR_EINVAL, "this is no kept result, or it is damaged");
    }
    size_t count = weir_get32(b.ptr + 12);
    struct weir_kept_read *reads = calloc(count + 1, sizeof *reads);
    struct weir_str names = {b.ptr + HEAD + count * READ, weir_get32(b.ptr + 92)};
    struct weir_kept model = {.etag = {weir_get64(b.ptr + 32), weir_get64(b.ptr + 40)},
                              .computed_at = (weir_time)weir_get64(b.ptr + 48),
                              .elapsed = (weir_time)weir_get64(b.ptr + 56),
                              .expires_at = (weir_time)weir_get64(b.ptr + 64),
                              .rows = weir_get64(b.ptr + 72),
                              .truncated = b.ptr[96],
                              .life = (enum weir_kept_life)b.ptr[97],
                              .reads = reads,
                              .read_count = count};
    model.key = (struct weir_str){names.ptr + names.len, weir_get32(b.ptr + 88)};
    model.bytes = (struct weir_str){model.key.ptr + model.key.len, weir_get64(b.ptr + 80)};
    int rc = !reads                                           ? WEIR_ENOMEM
             : !read_reads(b.ptr + HEAD, count, names, reads) ? WEIR_EINVAL
                                                              : 0;
    if (rc == 0) {
        *out = weir_kept_new(&model);
        rc = *out ? 0 : WEIR_ENOMEM;
    }
    free(reads);
    return rc ? weir_fail(err, rc, "%s",
                          rc == WEIR_EINVAL ? "a kept result names tables that do not fit"
                                            : "no memory for a kept result")
              : 0;
}
