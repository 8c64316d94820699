#include "serve/outcome.h"

#include <stdlib.h>

void weir_outcome_init(struct weir_outcome *o, size_t most)
{
    *o = (struct weir_outcome){.summary = {.error_offset = -1}};
    weir_buf_init(&o->bytes, most);
    weir_arena_init(&o->arena, 16u << 20);
}

void weir_outcome_free(struct weir_outcome *o)
{
    weir_buf_free(&o->bytes);
    weir_arena_free(&o->arena);
}

void weir_outcome_begin(struct weir_outcome *o, enum weir_format format)
{
    o->format = format;
    o->computed_at = weir_now();
}

/* NULL without memory: then it is not kept. */
static struct weir_reads *copy_reads(struct weir_arena *arena, const struct weir_reads *from)
{
    struct weir_reads *to = weir_arena_calloc(arena, sizeof *to);
    struct weir_table_read *tables = weir_arena_calloc(arena, (from->count + 1) * sizeof *tables);
    bool ok = to && tables;
    for (size_t i = 0; ok && i < from->count; i++) {
        tables[i] =
            (struct weir_table_read){.schema = weir_arena_dup(arena, from->tables[i].schema),
                                     .table = weir_arena_dup(arena, from->tables[i].table),
                                     .version = from->tables[i].version};
        ok = tables[i].schema.ptr && tables[i].table.ptr;
    }
    if (!ok) {
        return NULL;
    }
    *to = *from;
    to->tables = tables;
    return to;
}

void weir_outcome_end(struct weir_outcome *o, int code, const struct weir_query_summary *summary)
{
    o->summary = *summary;
    o->summary.reads = NULL; /* they end with this call */
    o->reads = code == 0 && summary->reads ? copy_reads(&o->arena, summary->reads) : NULL;
}

/* Of a stream of columns: of everything but the last frame, which tells the time that it took; so a
 * result that was computed anew and did not change has the same one. */
static struct weir_hash128 etag_of(const struct weir_outcome *o)
{
    size_t len = o->bytes.len, at = 0;
    const unsigned char *p = (const unsigned char *)o->bytes.data;
    bool columns = o->format == WEIR_FORMAT_COLUMNS;
    while (columns && at + 8 <= len && p[at + 4] != WEIR_COLUMNS_END) {
        uint32_t n = p[at] | (uint32_t)p[at + 1] << 8 | (uint32_t)p[at + 2] << 16 |
                     (uint32_t)p[at + 3] << 24;
        at += 8 + (size_t)n;
    }
    at = columns && at < len ? at : len;
    struct weir_hash128 h = weir_hash128(p ? (const char *)p : "", at);
    h.lo += o->summary.truncated;
    return h;
}

int weir_outcome_keep(const struct weir_outcome *o, struct weir_keeper *keeper, struct weir_str key,
                      struct weir_kept **out, struct weir_error *err)
{
    size_t count = o->reads ? o->reads->count : 0;
    struct weir_kept_read *reads = calloc(count + 1, sizeof *reads);
    struct weir_kept model = {.key = key,
                              .etag = etag_of(o),
                              .computed_at = o->computed_at,
                              .elapsed = o->summary.elapsed,
                              .rows = o->summary.rows,
                              .truncated = o->summary.truncated,
                              .reads = reads,
                              .read_count = count,
                              .bytes = weir_buf_str(&o->bytes)};
    for (size_t i = 0; reads && i < count; i++) {
        const struct weir_table_read *t = &o->reads->tables[i];
        reads[i] = (struct weir_kept_read){t->schema, t->table, t->version};
    }
    weir_keeper_judge(keeper, o->reads, &model);
    *out = reads ? weir_kept_new(&model) : NULL;
    free(reads);
    if (!*out) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a result");
    }
    weir_keeper_take(keeper, *out);
    return 0;
}
