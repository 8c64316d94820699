#include "upload/rows.h"

#include "csv/csv.h"

#define BYTES_AT_ONCE (32u << 20)

int weir_upload_rows_open(struct weir_upload_rows *r, struct weir_arena *arena,
                          struct weir_error *err)
{
    weir_arena_init(&r->texts, BYTES_AT_ONCE + 4 * WEIR_CSV_MAX_RECORD);
    r->vectors = weir_arena_calloc(arena, r->column_count * sizeof *r->vectors);
    for (size_t i = 0; r->vectors && i < r->column_count; i++) {
        struct weir_vector *v = &r->vectors[i];
        size_t size = r->columns[i].type == WEIR_TYPE_BOOL ? sizeof(bool)
                      : r->columns[i].type == WEIR_TYPE_TEXT || r->columns[i].type == WEIR_TYPE_JSON
                          ? sizeof(struct weir_str)
                          : sizeof(int64_t);
        v->type = r->columns[i].type;
        v->valid = weir_arena_calloc(arena, (r->most + 63) / 64 * sizeof *v->valid);
        v->ints = weir_arena_calloc(arena, r->most * size);
        if (!v->valid || !v->ints) {
            r->vectors = NULL;
        }
    }
    return r->vectors ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for the rows of an upload");
}

int weir_upload_rows_flush(struct weir_upload_rows *r, struct weir_error *err)
{
    struct weir_batch batch = {r->count, r->column_count, r->vectors};
    uint64_t texts = weir_texts_of(r->columns, r->column_count, &batch, 0, r->count);
    int rc = weir_texts_check(&r->asked, r->session, r->columns, r->column_count, &batch, texts,
                              "rows", "make its texts shorter", err);
    rc = rc || r->count == 0
             ? rc
             : weir_session_append(r->session, r->schema, r->table, r->columns, &batch, 1, err);
    r->total += r->count;
    r->count = 0;
    weir_arena_reset(&r->texts);
    for (size_t i = 0; i < r->column_count; i++) {
        memset(r->vectors[i].valid, 0, (r->most + 63) / 64 * sizeof(uint64_t));
    }
    return rc;
}

int weir_upload_rows_end(struct weir_upload_rows *r, struct weir_error *err)
{
    r->count++;
    return r->count == r->most || r->texts.used > BYTES_AT_ONCE ? weir_upload_rows_flush(r, err)
                                                                : 0;
}

void weir_upload_set_valid(struct weir_upload_rows *r, size_t column)
{
    r->vectors[column].valid[r->count / 64] |= 1ull << (r->count % 64);
}

int weir_upload_set_text(struct weir_upload_rows *r, size_t column, struct weir_str text,
                         struct weir_error *err)
{
    struct weir_str *to = &r->vectors[column].strs[r->count];
    *to = weir_arena_dup(&r->texts, text);
    weir_upload_set_valid(r, column);
    return to->ptr ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a text of an upload");
}

void weir_upload_set_int(struct weir_upload_rows *r, size_t column, int64_t value)
{
    r->vectors[column].ints[r->count] = value;
    weir_upload_set_valid(r, column);
}
