#include "cache/kept.h"

#include <stdlib.h>

size_t weir_kept_size(const struct weir_kept *k)
{
    size_t size = sizeof *k + k->read_count * sizeof *k->reads + k->key.len + k->bytes.len;
    for (size_t i = 0; i < k->read_count; i++) {
        size += k->reads[i].schema.len + k->reads[i].table.len;
    }
    return size;
}

static struct weir_str put(char **at, struct weir_str s)
{
    struct weir_str copy = {*at, s.len};
    if (s.len) {
        memcpy(*at, s.ptr, s.len);
    }
    *at += s.len;
    return copy;
}

struct weir_kept *weir_kept_new(const struct weir_kept *model)
{
    struct weir_kept *k = malloc(weir_kept_size(model));
    if (!k) {
        return NULL;
    }
    *k = (struct weir_kept){.etag = model->etag,
                            .computed_at = model->computed_at,
                            .elapsed = model->elapsed,
                            .expires_at = model->expires_at,
                            .rows = model->rows,
                            .truncated = model->truncated,
                            .life = model->life,
                            .read_count = model->read_count};
    struct weir_kept_read *reads = (struct weir_kept_read *)(k + 1);
    char *at = (char *)(reads + model->read_count);
    for (size_t i = 0; i < model->read_count; i++) {
        reads[i].schema = put(&at, model->reads[i].schema);
        reads[i].table = put(&at, model->reads[i].table);
        reads[i].version = model->reads[i].version;
    }
    k->reads = reads;
    k->key = put(&at, model->key);
    k->bytes = put(&at, model->bytes);
    atomic_init(&k->holders, 1);
    return k;
}

struct weir_kept *weir_kept_hold(struct weir_kept *kept)
{
    atomic_fetch_add(&kept->holders, 1);
    return kept;
}

void weir_kept_release(struct weir_kept *kept)
{
    if (kept && atomic_fetch_sub(&kept->holders, 1) == 1) {
        free(kept);
    }
}
